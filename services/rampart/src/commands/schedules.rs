//! `rampart schedules …`.

use std::process::ExitCode;

use proto::screening as pb;

use super::{access::Access, observations::Basis, reporting::request_id, units::resolve};
use crate::output::{self, Column, Style};

/// What command centres say of their areas from a date on: the response level, and how long persons are observed. The
/// nearest area at or above a unit counts. When hand-downs must be sent is `rampart handdowns schedule`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show, or with --days change, how long and how often persons are observed
    Terms {
        /// The area: units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
        unit: String,
        /// On which date, or from which on; today where it is not said
        #[arg(long, default_value = "", hide_default_value = true, value_name = "DATE")]
        date: String,
        /// How many days after the day of the last contact, 1 to 60
        #[arg(long, value_name = "N", requires_all = ["date", "slots", "order"])]
        days: Option<i32>,
        /// How many readings a day, 1 to 4
        #[arg(long, value_name = "N", requires = "days")]
        slots: Option<i32>,
        /// For which basis; where it is not said, for every one that has no terms of its own there
        #[arg(long, value_enum, requires = "days")]
        basis: Option<Basis>,
        /// With --basis discharged: a week after the discharge in which somebody is looked at again; may be repeated
        #[arg(long = "recheck-week", value_name = "N", requires = "basis")]
        recheck_weeks: Vec<i32>,
        /// For which response level, 1 to 4
        #[arg(long, default_value_t = 1, value_name = "N")]
        response_level: i32,
        /// The number and title of the order
        #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
        order: String,
    },
    /// Show, or with --set say, the response level
    Level {
        /// The area: units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
        unit: String,
        /// On which date, or from which on; today where it is not said
        #[arg(long, default_value = "", hide_default_value = true, value_name = "DATE")]
        date: String,
        /// The level, 1 to 4
        #[arg(long, value_name = "N", requires_all = ["date", "order"])]
        set: Option<i32>,
        /// The number and title of the order
        #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
        order: String,
    },
}

const TERMS: &[Column] = &[
    Column { key: "basis", en: "Basis", zh: "原因" },
    Column { key: "days", en: "Days", zh: "观察天数" },
    Column { key: "slots_a_day", en: "Readings a day", zh: "每日测量次数" },
    Column { key: "recheck_weeks", en: "Rechecks in weeks", zh: "复诊周次" },
    Column { key: "area_unit", en: "Set by", zh: "规定单位" },
    Column { key: "effective_date", en: "From", zh: "起" },
    Column { key: "order", en: "Order", zh: "文号" },
];

const LEVEL: &[Column] = &[
    Column { key: "level", en: "Level", zh: "响应级别" },
    Column { key: "area_unit", en: "Said by", zh: "规定单位" },
    Column { key: "effective_date", en: "From", zh: "起" },
    Column { key: "order", en: "Order", zh: "文号" },
];

fn terms(terms: &pb::ObservationTerms) -> Vec<String> {
    vec![
        output::word(terms.basis().as_str_name(), "BASIS_"),
        terms.days.to_string(),
        terms.slots_a_day.to_string(),
        terms.recheck_weeks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        terms.area_unit.clone(),
        terms.effective_date.clone(),
        terms.order.clone(),
    ]
}

fn level(level: &pb::ResponseLevel) -> Vec<String> {
    vec![level.level.to_string(), level.area_unit.clone(), level.effective_date.clone(), level.order.clone()]
}

/// Runs a command on schedules.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut schedules = access.screening()?.schedules();
    let request_id = request_id();
    match command {
        Command::Terms { unit, date, days, slots, basis, recheck_weeks, response_level, order } => {
            let unit = resolve(access, &unit).await?;
            let found = if let Some((days, slots_a_day)) = days.zip(slots) {
                let request = pb::SetObservationTermsRequest {
                    request_id,
                    area_unit: unit,
                    response_level,
                    effective_date: date,
                    basis: basis.map_or(pb::Basis::Unspecified, pb::Basis::from).into(),
                    days,
                    slots_a_day,
                    order,
                    recheck_weeks,
                };
                schedules.set_observation_terms(request).await?.into_inner().terms
            } else {
                let request = pb::GetScheduleRequest { unit, date };
                schedules.get_schedule(request).await?.into_inner().terms
            };
            style.rows(TERMS, &found.iter().map(terms).collect::<Vec<_>>())?;
        }
        Command::Level { unit, date, set, order } => {
            let area_unit = resolve(access, &unit).await?;
            let found = if let Some(level) = set {
                let request =
                    pb::SetResponseLevelRequest { request_id, area_unit, level, effective_date: date, order };
                schedules.set_response_level(request).await?.into_inner().level
            } else {
                let request = pb::GetScheduleRequest { unit: area_unit, date };
                schedules.get_schedule(request).await?.into_inner().level
            };
            style.rows(LEVEL, &found.iter().map(level).collect::<Vec<_>>())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
