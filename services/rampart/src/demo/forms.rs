//! The demo's two forms (RULES D9): what grids say of their households, and what the health side says of
//! cases and contacts.

use proto::{
    registry::{Level, Office},
    reporting as pb,
};
use tonic::Code;

use super::stage::{DATE, DATE_AFTER, Stage, patiently, request_id};

/// The key of the grids' form.
pub const GRID_DAY: &str = "grid-day";
/// The key of the health side's form.
pub const EPIDEMIC_DAY: &str = "epidemic-day";

/// The forms, forms/{uuid}.
#[derive(Clone, Debug)]
pub struct Forms {
    /// Of the grids.
    pub grid_day: String,
    /// Of the health side.
    pub epidemic_day: String,
}

/// Finds both forms, or makes them.
///
/// # Errors
/// A refusal.
pub async fn ensure(stage: &Stage) -> anyhow::Result<Forms> {
    Ok(Forms { grid_day: one(stage, grid_day()).await?, epidemic_day: one(stage, epidemic_day()).await? })
}

async fn one(stage: &Stage, form: pb::Form) -> anyhow::Result<String> {
    let asked = pb::GetFormRequest { key: form.key.clone(), ..pb::GetFormRequest::default() };
    match patiently(|| async { stage.reporting.forms().get_form(asked.clone()).await }).await {
        Ok(found) => return Ok(found.form.unwrap_or_default().name),
        Err(status) if status.code() == Code::NotFound => {}
        Err(status) => return Err(status.into()),
    }
    let request =
        pb::CreateFormRequest { request_id: request_id(&format!("form {}", form.key)), form: Some(form) };
    let made = patiently(|| async { stage.reporting.forms().create_form(request.clone()).await }).await?;
    Ok(made.form.unwrap_or_default().name)
}

fn label(zh: &str, en: &str) -> Option<pb::Label> {
    Some(pb::Label { zh: zh.to_owned(), en: en.to_owned() })
}

fn field(key: &str, (zh, en): (&str, &str), kind: pb::FieldKind, publication: pb::Publication) -> pb::Field {
    pb::Field {
        key: key.to_owned(),
        label: label(zh, en),
        kind: kind.into(),
        required: true,
        counts_towards_zero: true,
        publication: publication.into(),
        ..pb::Field::default()
    }
}

fn cumulative(key: &str, words: (&str, &str), publication: pb::Publication) -> pb::Field {
    pb::Field { cumulative: true, ..field(key, words, pb::FieldKind::Flow, publication) }
}

fn rule(key: &str, (zh, en): (&str, &str), expression: &str) -> pb::BalanceRule {
    pb::BalanceRule { key: key.to_owned(), label: label(zh, en), expression: expression.to_owned() }
}

/// What every grid says once a day.
fn grid_day() -> pb::Form {
    use pb::{
        FieldKind::{Flow, Stock},
        Publication::{Internal, Masked},
    };
    let households = pb::Field {
        counts_towards_zero: false,
        ..field("households", ("户数", "Households"), Stock, Internal)
    };
    pb::Form {
        key: GRID_DAY.to_owned(),
        label: label("网格日报", "Grid day"),
        start_date: DATE.to_owned(),
        // The days after are played for persons only: nobody is asked for reports that nobody plays.
        end_date: DATE_AFTER.to_owned(),
        level: Level::Grid.into(),
        submitting_offices: vec![Office::InformationReporter.into(), Office::DutyOfficer.into()],
        fields: vec![
            households,
            field("returnees_new", ("新返乡人员", "New returnees"), Flow, Masked),
            field("returnees", ("返乡人员", "Returnees"), Stock, Masked),
            field("at_home", ("居家隔离人数", "Persons at home"), Stock, Masked),
            field("febrile", ("新发现发热人员", "Febrile found"), Flow, Masked),
            field("needing_help", ("需帮助户", "Households needing help"), Flow, Masked),
        ],
        balance_rules: vec![rule(
            "new_returnees",
            ("新返乡人员不多于返乡人员", "New returnees are among the returnees"),
            "returnees_new <= returnees",
        )],
        schedule: Some(schedule(960, (960, 1_020), vec![30])),
        note: Some(pb::FormNote {
            zh: "统计时段0时至16时、16时截止、17时关闭均为演示假定：网格实际报送时间未见公布。".to_owned(),
            en: "The window 0 to 16 h, the deadline 16:00 and the close 17:00 are assumed for the demo: \
                 when grids reported is not published."
                .to_owned(),
        }),
        ..pb::Form::default()
    }
}

/// The field as the register of the same name fills it in (D7); that of deaths counts the died.
fn registered(field: pb::Field) -> pb::Field {
    let of = if field.key == "deaths" { "died" } else { &field.key };
    pb::Field { indicator: format!("screening.{of}"), ..field }
}

/// What the health side says of every town.
fn epidemic_day() -> pb::Form {
    use pb::{
        FieldKind::Stock,
        Publication::{Full, Masked},
    };
    pb::Form {
        key: EPIDEMIC_DAY.to_owned(),
        label: label("疫情日报", "Epidemic day"),
        start_date: DATE.to_owned(),
        // The days after are played for persons only: nobody is asked for reports that nobody plays.
        end_date: DATE_AFTER.to_owned(),
        level: Level::Township.into(),
        submitting_offices: vec![Office::HealthOfficer.into()],
        sign_off_level: Level::County.into(),
        fields: [
            cumulative("confirmed", ("确诊病例", "Confirmed"), Full),
            field("severe", ("现有重症", "Severe now"), Stock, Full),
            cumulative("deaths", ("死亡", "Deaths"), Full),
            cumulative("discharged", ("出院", "Discharged"), Full),
            cumulative("contacts_traced", ("追踪到密切接触者", "Contacts traced"), Masked),
            cumulative("contacts_released", ("解除医学观察", "Contacts released"), Masked),
            cumulative("contacts_converted", ("密切接触者转为病例", "Contacts converted"), Masked),
            field("contacts_observed", ("尚在医学观察", "Contacts under observation"), Stock, Masked),
        ]
        .map(registered)
        .into(),
        balance_rules: vec![
            rule(
                "contacts",
                ("追踪=解除+转病例+观察", "Traced = released + converted + observed"),
                "cum(contacts_traced) = cum(contacts_released) + cum(contacts_converted) + contacts_observed",
            ),
            rule(
                "in_treatment",
                ("在治不少于重症", "Those in treatment include the severe"),
                "cum(confirmed) - cum(deaths) - cum(discharged) >= severe",
            ),
        ],
        schedule: Some(schedule(1_440, (1_920, 1_980), vec![60])),
        note: Some(pb::FormNote {
            zh: "统计时段0时至24时有据；次日8时截止、9时关闭为演示假定。密切接触者未公布分县数据，乡镇数为估算。".to_owned(),
            en: "The window 0 to 24 h is as published; the deadline 08:00 and the close 09:00 of the next day \
                 are assumed for the demo. Contacts were not published by county: those of towns are estimated."
                .to_owned(),
        }),
        ..pb::Form::default()
    }
}

/// One report a day, of the whole window, without grace.
fn schedule(end: i32, (deadline, close): (i32, i32), reminders: Vec<i32>) -> pb::Schedule {
    pb::Schedule {
        window_start_minutes: 0,
        window_end_minutes: end,
        cut_off_minutes: Some(end),
        slots: vec![pb::Slot {
            deadline_minutes: deadline,
            grace_minutes: 0,
            hard_close_minutes: close,
            reminder_minutes: reminders,
            ..pb::Slot::default()
        }],
        seal_minutes: None,
    }
}
