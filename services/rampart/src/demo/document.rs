//! What the demo says at its end: a short summary for people, and one document for programs.

use proto::reporting as pb;
use serde_json::{Value, json};

use super::play::Outcome;
use crate::output;

impl Outcome {
    /// The summary.
    #[must_use]
    pub fn text(&self) -> String {
        let units = self.tree.counts();
        let mut lines = vec![
            format!(
                "units         {} counties, {} towns, {} villages, {} grids",
                units.counties, units.towns, units.villages, units.grids
            ),
            format!("appointments  {} in force", self.appointments),
        ];
        if let Some((registry, reporting)) = self.refused_after {
            lines.push(format!(
                "hand-over     the former leader was refused after {} ms at the registry, {} ms at reporting",
                registry.as_millis(),
                reporting.as_millis()
            ));
        }
        if let Some(sent) = &self.sent {
            lines.push(format!(
                "reports       {} in time at {:.0} a second{}",
                sent.reports,
                sent.rate(),
                sent.exact
                    .map(|exact| format!(
                        "; exact city total {:.1} s after the first call",
                        exact.as_secs_f64()
                    ))
                    .unwrap_or_default()
            ));
        }
        if let Some(matrix) = self.grid_day.first().and_then(|city| city.matrix) {
            lines.push(format!("grid day      {}", in_words(&matrix)));
        }
        if let Some(matrix) = self.amended.as_ref().and_then(|city| city.matrix) {
            lines.push(format!("amended       {}", in_words(&matrix)));
        }
        if let Some(city) = self.epidemic_day.first() {
            let value = |key: &str| figure(city, key).map(|figure| figure.value).unwrap_or_default();
            let cumulative =
                |key: &str| figure(city, key).and_then(|figure| figure.cumulative).unwrap_or_default();
            lines.push(format!(
                "epidemic day  confirmed {} new, {} cumulative; severe {}; discharged {} new, {} cumulative",
                value("confirmed"),
                cumulative("confirmed"),
                value("severe"),
                value("discharged"),
                cumulative("discharged"),
            ));
            lines.push(format!(
                "contacts      traced {} = released {} + converted {} + under observation {} (towns estimated)",
                cumulative("contacts_traced"),
                cumulative("contacts_released"),
                cumulative("contacts_converted"),
                value("contacts_observed"),
            ));
            lines.extend(city.warnings.iter().map(|warning| format!("warning       {warning}")));
        }
        lines.push(format!(
            "drafts        {} towns filled in from the registers; {} figures said otherwise, {} of them unexplained",
            self.tree.towns.len(),
            self.differences.0,
            self.differences.1
        ));
        lines.push(format!("missing       {} grids, {} of them chased", self.missing.len(), self.chased));
        lines.extend(self.missing.iter().take(10).map(|one| {
            format!(
                "              {}: {}, {}",
                one.display_name, one.officer_display_name, one.official_phone
            )
        }));
        for vacancy in &self.vacancies {
            let answering = vacancy.answering.clone().unwrap_or_default();
            lines.push(format!(
                "vacant        {} of {} ({}): {} of {} answers, {}",
                output::word(vacancy.office().as_str_name(), "OFFICE_"),
                vacancy.display_name,
                vacancy.unit,
                answering.display_name,
                answering.unit_display_name,
                answering.official_phone
            ));
        }
        lines.push(format!(
            "after close   {} reported; {} corrected by {}",
            self.after.0.unit_display_name,
            self.after.1.unit_display_name,
            differences(&self.after.1)
        ));
        lines.extend(
            self.seals
                .iter()
                .map(|(key, seal)| format!("seal          {key} {}: {}", seal.number, seal.digest)),
        );
        lines.extend(self.persons.text.iter().cloned());
        lines.extend(self.morning.text("4 February 09:00"));
        lines.extend(self.week.text.iter().cloned());
        lines.extend(self.order13.text.iter().cloned());
        lines.extend(self.laws.named());
        lines.extend(self.laws.text("11 February 19:30"));
        lines.push(format!("took          {:.1} s", self.took.as_secs_f64()));
        lines.join("\n")
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> Value {
        let units = self.tree.counts();
        let names = if self.tree.is_official() { "real" } else { "generated" };
        let vacancies = self.vacancies.iter().map(|vacancy| {
            let answering = vacancy.answering.clone().unwrap_or_default();
            json!({
                "unit": vacancy.unit,
                "display_name": vacancy.display_name,
                "office": output::word(vacancy.office().as_str_name(), "OFFICE_"),
                "answering": answering.display_name,
                "answering_at": answering.unit_display_name,
                "official_phone": answering.official_phone,
            })
        });
        let missing = self.missing.iter().map(|one| {
            json!({
                "unit": one.unit,
                "display_name": one.display_name,
                "officer": one.officer_display_name,
                "office": output::word(one.office().as_str_name(), "OFFICE_"),
                "official_phone": one.official_phone,
                "chased": one.chased,
            })
        });
        let contacts = self.epidemic_day.first().map(|city| {
            let value = |key: &str| figure(city, key).map(|figure| figure.value);
            let cumulative = |key: &str| figure(city, key).and_then(|figure| figure.cumulative);
            json!({
                "traced": cumulative("contacts_traced"),
                "released": cumulative("contacts_released"),
                "converted": cumulative("contacts_converted"),
                "observed": value("contacts_observed"),
                "source": "real",
            })
        });
        let seals = self.seals.iter().map(|(key, seal)| {
            json!({"form": key, "number": seal.number, "digest": seal.digest, "revisions": seal.revisions,
                   "amendments": seal.amendments, "bulletin_date": seal.bulletin_date, "reason": seal.reason})
        });
        json!({
            "units": {
                "county": {"count": units.counties, "source": "real"},
                "township": {"count": units.towns, "source": "real"},
                "village": {"count": units.villages, "source": "real", "names": names},
                "grid": {"count": units.grids, "source": "real", "names": "generated"},
            },
            "appointments": {"count": self.appointments, "source": "generated"},
            "vacancies": vacancies.collect::<Vec<_>>(),
            "hand_over_refused_after_ms": self.refused_after.map(|(registry, reporting)| {
                json!({"registry": registry.as_millis(), "reporting": reporting.as_millis()})
            }),
            "reports": self.sent.map(|sent| json!({
                "in_time": sent.reports,
                "reports_per_second": sent.rate().round(),
                "seconds_to_exact_city_total": sent.exact.map(|exact| exact.as_secs_f64()),
            })),
            "chase_notes": self.chased,
            "grid_day": {
                "source": "generated",
                "matrix": self.grid_day.iter().map(matrix).collect::<Vec<_>>(),
                "amended_matrix": self.amended.as_ref().map(matrix),
                "missing": missing.collect::<Vec<_>>(),
                "returned": {"unit": self.returned.unit_display_name, "revisions": self.returned.revision,
                             "reason": self.returned.revisions.iter().rev().find(|one| !one.reason.is_empty()).map(|one| one.reason.clone())},
                "after_close": {"unit": self.after.0.unit, "timing": self.after.0.timing().as_str_name()},
                "correction": {"unit": self.after.1.unit,
                               "differences": self.after.1.revisions.last().map(|one| one.differences.clone()),
                               "reason": self.after.1.revisions.last().map(|one| one.reason.clone()),
                               "day_corrected": self.after.1.business_date,
                               "day_announced": self.after.1.revisions.last().map(|one| one.announce_date.clone())},
            },
            "epidemic_day": {
                "figures": self.epidemic_day.iter().map(|rollup| self.figures(rollup)).collect::<Vec<_>>(),
                "contacts": contacts,
                "drafts": {
                    "towns": self.tree.towns.len(),
                    "differences": self.differences.0,
                    "unexplained": self.differences.1,
                },
                "warnings": self.epidemic_day.first().map(|city| city.warnings.clone()),
            },
            "seals": seals.collect::<Vec<_>>(),
            "persons": self.persons.document,
            "laws_4_february": self.morning.document(),
            "week": self.week.document,
            "order13": self.order13.document,
            "laws": self.laws.document(),
            "bulletins": self.bulletins,
            "seconds": self.took.as_secs_f64(),
        })
    }

    /// The epidemic figures of a unit, each with where it comes from: cases are as published, deaths as
    /// well; contacts are published for the city only.
    fn figures(&self, rollup: &pb::Rollup) -> Value {
        let is_city = rollup.unit == self.tree.city.unit;
        let figures = rollup.figures.iter().map(|figure| {
            let is_estimated = figure.key.starts_with("contacts_") && !is_city;
            let source = if is_estimated { "estimated" } else { "real" };
            let one = json!({"value": figure.value, "cumulative": figure.cumulative, "unknown": figure.unknown, "source": source});
            (figure.key.clone(), one)
        });
        json!({
            "unit": rollup.unit,
            "display_name": rollup.display_name,
            "level": output::word(rollup.level().as_str_name(), "LEVEL_"),
            "figures": figures.collect::<serde_json::Map<_, _>>(),
        })
    }
}

fn figure<'a>(rollup: &'a pb::Rollup, key: &str) -> Option<&'a pb::RollupFigure> {
    rollup.figures.iter().find(|figure| figure.key == key)
}

fn differences(report: &pb::Report) -> String {
    let last = report.revisions.last().map(|one| one.differences.clone()).unwrap_or_default();
    let words: Vec<_> = last.iter().map(|(key, difference)| format!("{key} {difference:+}")).collect();
    words.join(", ")
}

fn rates(matrix: &pb::Matrix) -> (f64, f64) {
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = |part: i64| part as f64 * 100.0 / matrix.expected.max(1) as f64;
    let timely = matrix.on_time_data + matrix.on_time_zero;
    (rate(super::send::reported(matrix)), rate(timely))
}

fn in_words(matrix: &pb::Matrix) -> String {
    let (complete, timely) = rates(matrix);
    format!(
        "{} expected: on time {} data + {} zero, late {} + {}, after close {} + {}, excused {}, missing {}; {complete:.1} % complete, {timely:.1} % timely",
        matrix.expected,
        matrix.on_time_data,
        matrix.on_time_zero,
        matrix.late_data,
        matrix.late_zero,
        matrix.after_close_data,
        matrix.after_close_zero,
        matrix.excused,
        matrix.missing
    )
}

fn matrix(rollup: &pb::Rollup) -> Value {
    let matrix = rollup.matrix.unwrap_or_default();
    let (complete, timely) = rates(&matrix);
    json!({
        "unit": rollup.unit,
        "display_name": rollup.display_name,
        "level": output::word(rollup.level().as_str_name(), "LEVEL_"),
        "expected": matrix.expected,
        "on_time": {"data": matrix.on_time_data, "zero": matrix.on_time_zero},
        "late": {"data": matrix.late_data, "zero": matrix.late_zero},
        "after_close": {"data": matrix.after_close_data, "zero": matrix.after_close_zero},
        "excused": matrix.excused,
        "missing": matrix.missing,
        "completeness_percent": (complete * 10.0).round() / 10.0,
        "timeliness_percent": (timely * 10.0).round() / 10.0,
    })
}
