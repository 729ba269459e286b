//! The table: what was measured, round by round, beside its baseline and its mark.

use serde_json::{Value, json};

/// What a row must come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mark {
    /// At least so many times the baseline; better, so many times.
    Ratio(f64, f64),
    /// At most so many times the baseline.
    Within(f64),
    /// At most so much.
    AtMost(f64),
    /// Nothing: for comparison only.
    None,
}

/// One row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    id: &'static str,
    what: String,
    unit: &'static str,
    mark: Mark,
    measured: Vec<f64>,
    baseline: Vec<f64>,
    against: &'static str,
}

/// What describes a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Title {
    /// Its number, and a letter where there are several.
    pub(crate) id: &'static str,
    /// What is measured.
    pub(crate) what: &'static str,
    /// In which unit.
    pub(crate) unit: &'static str,
    /// What it is compared with; empty for nothing.
    pub(crate) against: &'static str,
    /// What it must come to.
    pub(crate) mark: Mark,
}

/// All rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table(Vec<Row>);

impl Table {
    /// Adds the figure of one round, and that of its baseline.
    pub(crate) fn add(&mut self, title: Title, measured: f64, baseline: Option<f64>) {
        let at = self.0.iter().position(|row| row.id == title.id).unwrap_or_else(|| {
            self.0.push(Row {
                id: title.id,
                what: title.what.to_owned(),
                unit: title.unit,
                mark: title.mark,
                measured: vec![],
                baseline: vec![],
                against: title.against,
            });
            self.0.len() - 1
        });
        self.0[at].measured.push(measured);
        self.0[at].baseline.extend(baseline);
        super::say(&format!(
            "      {:<3} {}: {}{}",
            title.id,
            title.what,
            number(measured, title.unit),
            baseline
                .map(|base| format!(" ({}: {})", title.against, number(base, title.unit)))
                .unwrap_or_default(),
        ));
    }

    /// Whether every row came to what it must.
    pub(crate) fn all_met(&self) -> bool {
        self.0.iter().all(|row| row.met() != Some(false))
    }

    /// The table for people.
    pub(crate) fn text(&self) -> String {
        let mut rows = self.0.clone();
        rows.sort_by_key(|row| row.id);
        let head = ["row", "what", "median", "worst", "baseline", "", "ratio", "must", ""].map(str::to_owned);
        let mut lines = vec![head];
        lines.extend(rows.iter().map(Row::cells));
        let widths: Vec<usize> =
            (0..9).map(|at| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0)).collect();
        let mut text = String::new();
        for line in lines {
            for (at, cell) in line.iter().enumerate() {
                let pad = " ".repeat(widths[at] - cell.chars().count());
                let right = matches!(at, 2..=4 | 6);
                text.push_str(&if right { format!("{pad}{cell}  ") } else { format!("{cell}{pad}  ") });
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }

    /// The table for programs.
    pub(crate) fn json(&self, rounds: usize) -> Value {
        let mut rows = self.0.clone();
        rows.sort_by_key(|row| row.id);
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        json!({
            "rounds": rounds,
            "cores": cores,
            "rows": rows.iter().map(Row::json).collect::<Vec<_>>(),
        })
    }
}

impl Row {
    /// The median of the rounds' ratios: each figure over the baseline of its own round.
    fn ratio(&self) -> Option<f64> {
        let ratios = self.measured.iter().zip(&self.baseline).map(|(measured, baseline)| measured / baseline);
        median(ratios.collect())
    }

    fn met(&self) -> Option<bool> {
        match self.mark {
            Mark::Ratio(least, _) => Some(self.ratio()? >= least),
            Mark::Within(most) => Some(self.ratio()? <= most),
            Mark::AtMost(most) => Some(median(self.measured.clone())? <= most),
            Mark::None => None,
        }
    }

    /// The worst round: the least where more is better, else the greatest.
    fn worst(&self) -> f64 {
        let pick = if matches!(self.mark, Mark::Ratio(..)) { f64::min } else { f64::max };
        self.measured.iter().copied().reduce(pick).unwrap_or_default()
    }

    fn must(&self) -> String {
        match self.mark {
            Mark::Ratio(least, aim) => format!("≥ {least} × (aim {aim} ×)"),
            Mark::Within(most) => format!("≤ {most} ×"),
            Mark::AtMost(most) => format!("≤ {} {}", most, self.unit),
            Mark::None => String::new(),
        }
    }

    fn cells(&self) -> [String; 9] {
        let baseline = median(self.baseline.clone());
        [
            self.id.to_owned(),
            self.what.clone(),
            number(median(self.measured.clone()).unwrap_or_default(), self.unit),
            number(self.worst(), self.unit),
            baseline.map(|figure| number(figure, self.unit)).unwrap_or_default(),
            self.against.to_owned(),
            self.ratio().map(|ratio| format!("{ratio:.2} ×")).unwrap_or_default(),
            self.must(),
            match self.met() {
                Some(true) => "met".to_owned(),
                Some(false) => "MISSED".to_owned(),
                None => String::new(),
            },
        ]
    }

    fn json(&self) -> Value {
        json!({
            "row": self.id,
            "what": self.what,
            "unit": self.unit,
            "median": median(self.measured.clone()),
            "rounds": self.measured,
            "baseline": if self.against.is_empty() { Value::Null } else { json!({
                "what": self.against,
                "median": median(self.baseline.clone()),
                "rounds": self.baseline,
            }) },
            "ratio": self.ratio(),
            "must": self.must(),
            "met": self.met(),
        })
    }
}

/// The middle of some figures.
pub(crate) fn median(figures: Vec<f64>) -> Option<f64> {
    quantile(figures, 0.5)
}

/// The figure below which a share of all figures lies, between two figures in proportion.
pub(crate) fn quantile(mut figures: Vec<f64>, share: f64) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    let at = share * figures.len().checked_sub(1)? as f64;
    let (low, high) = (figures.get(at.floor() as usize)?, figures.get(at.ceil() as usize)?);
    Some(low + (high - low) * at.fract())
}

fn number(figure: f64, unit: &str) -> String {
    let digits = match figure.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{figure:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_round_by_round() {
        let title = Title { id: "1", what: "x", unit: "/s", against: "y", mark: Mark::Ratio(0.5, 1.0) };
        let mut table = Table::default();
        for (measured, baseline) in [(5.0, 10.0), (8.0, 10.0), (1.0, 10.0)] {
            table.add(title, measured, Some(baseline));
        }
        assert_eq!(table.0[0].ratio(), Some(0.5));
        assert!(table.all_met());
        table.add(title, 1.0, Some(10.0));
        assert!(!table.all_met());
        assert!(table.text().contains("MISSED"));
    }

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        assert_eq!(quantile(vec![4.0, 1.0, 2.0, 3.0], 0.5), Some(2.5));
        assert_eq!(quantile(vec![], 0.99), None);
    }
}
