//! `rampart forms …`.

use std::{path::PathBuf, process::ExitCode};

use chrono::NaiveDate;
use proto::reporting as pb;
use serde_json::{Value, json};

use super::{
    access::Access,
    reporting::{self as shared, label, level, read_json},
    units::resolve,
};
use crate::{
    client::Reporting,
    form_file::FormFile,
    output::{self, Column, Form, Style, word},
    sheet::Sheet,
};

const MASKS: &str = "\
Masks: label, end_date, submitting_offices, sign_off_level, fields, balance_rules, schedule, note, or * \
for all of these. Lists are replaced whole. Nothing outside the mask is looked at, so the file may hold \
only what changes.

Example:
  rampart forms show grid-day --output json > grid-day.json
  rampart forms update grid-day grid-day.json --mask schedule --from 2020-02-10";

const CREATING: &str = "\
The file is JSON, exactly as `rampart forms show KEY --output json` prints it; - is standard input. \
Every mistake is listed at once.

Example:
  rampart forms show grid-day --output json > grid-day.json
  rampart forms create grid-day.json";

/// What is asked, of whom, by when.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the forms
    #[command(after_help = "Example:\n  rampart forms list --as-of 2020-02-03")]
    List {
        /// Only forms owned by this unit: units/{uuid}, or SYSTEM/VINTAGE/CODE
        #[arg(long, value_name = "UNIT")]
        owner: Option<String>,
        /// In the versions of this business date; today where not said
        #[arg(long, value_name = "DATE")]
        as_of: Option<NaiveDate>,
        /// Also forms that are not asked for on that date
        #[arg(long)]
        ended: bool,
    },
    /// Show one form; as JSON exactly what create takes
    #[command(after_help = "Example:\n  rampart forms show grid-day --output json > grid-day.json")]
    Show {
        /// forms/{uuid}, or its key
        form: String,
        /// This version
        #[arg(long = "version-number", value_name = "N", conflicts_with = "as_of")]
        version: Option<i32>,
        /// The version of this business date; today where not said
        #[arg(long, value_name = "DATE")]
        as_of: Option<NaiveDate>,
        /// List all versions instead, the latest first
        #[arg(long, conflicts_with_all = ["version", "as_of"])]
        versions: bool,
    },
    /// Create a form from a file
    #[command(after_help = CREATING)]
    Create {
        /// The file: JSON
        file: PathBuf,
    },
    /// Make a new version that holds from a business date on
    #[command(after_help = MASKS)]
    Update {
        /// forms/{uuid}, or its key
        form: String,
        /// The file: JSON with the new values
        file: PathBuf,
        /// What changes, by comma
        #[arg(long, value_name = "PATHS", value_delimiter = ',', required = true)]
        mask: Vec<String>,
        /// Its first business date; the first that has no day yet where not said
        #[arg(long, value_name = "DATE")]
        from: Option<NaiveDate>,
    },
}

const COLUMNS: &[Column] = &[
    Column { key: "key", en: "Key", zh: "代号" },
    Column { key: "label", en: "Form", zh: "报表" },
    Column { key: "version", en: "Version", zh: "版本" },
    Column { key: "start_date", en: "From", zh: "起" },
    Column { key: "end_date", en: "Until", zh: "止" },
    Column { key: "level", en: "Reported by", zh: "填报层级" },
    Column { key: "sign_off_level", en: "Signed by", zh: "签认层级" },
    Column { key: "fields", en: "Fields", zh: "指标" },
    Column { key: "due", en: "Due", zh: "截止" },
    Column { key: "owner_unit", en: "Owner", zh: "主管单位" },
    Column { key: "name", en: "Name", zh: "编号" },
];

const FIELDS: &[Column] = &[
    Column { key: "key", en: "Field", zh: "指标" },
    Column { key: "label", en: "Label", zh: "名称" },
    Column { key: "kind", en: "Kind", zh: "类型" },
    Column { key: "required", en: "Required", zh: "必填" },
    Column { key: "min_value", en: "Least", zh: "最小" },
    Column { key: "max_value", en: "Most", zh: "最大" },
    Column { key: "counts_towards_zero", en: "Zero", zh: "计零" },
    Column { key: "cumulative", en: "Cumulative", zh: "累计" },
    Column { key: "publication", en: "Published", zh: "公开" },
];

const RULES: &[Column] = &[
    Column { key: "key", en: "Rule", zh: "规则" },
    Column { key: "label", en: "Label", zh: "名称" },
    Column { key: "expression", en: "Expression", zh: "算式" },
];

const SLOTS: &[Column] = &[
    Column { key: "slot", en: "Slot", zh: "时段" },
    Column { key: "label", en: "Label", zh: "名称" },
    Column { key: "window", en: "Window", zh: "统计时间" },
    Column { key: "deadline", en: "Deadline", zh: "截止" },
    Column { key: "grace", en: "Grace (min)", zh: "宽限(分)" },
    Column { key: "hard_close", en: "Closes", zh: "关闭" },
    Column { key: "reminders", en: "Reminders (min)", zh: "提醒(分)" },
];

/// Runs a command on forms.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let reporting = access.reporting()?;
    match command {
        Command::List { owner, as_of, ended } => {
            let owner_unit = match owner {
                Some(unit) => resolve(access, &unit).await?,
                None => String::new(),
            };
            let request = pb::ListFormsRequest {
                owner_unit,
                as_of: as_of.map(|date| date.to_string()).unwrap_or_default(),
                show_ended: ended,
                page_size: 1_000,
                page_token: String::new(),
            };
            rows(style, &list(&reporting, request).await?)?;
        }
        Command::Show { form, versions: true, .. } => {
            let name = shared::form(&reporting, &form, None).await?.name;
            let request = pb::ListFormVersionsRequest { name, page_size: 1_000, page_token: String::new() };
            rows(style, &versions(&reporting, request).await?)?;
        }
        Command::Show { form, version: Some(version), .. } => {
            let name = shared::form(&reporting, &form, None).await?.name;
            let request = pb::GetFormRequest { name, version, ..pb::GetFormRequest::default() };
            let found = reporting.forms().get_form(request).await?.into_inner().form.unwrap_or_default();
            show(style, &found)?;
        }
        Command::Show { form, as_of, .. } => show(style, &shared::form(&reporting, &form, as_of).await?)?,
        Command::Create { file } => {
            let form = read(access, &file).await?;
            let request = pb::CreateFormRequest { request_id: shared::request_id(), form: Some(form) };
            let made = reporting.forms().create_form(request).await?.into_inner().form;
            rows(style, &made.into_iter().collect::<Vec<_>>())?;
        }
        Command::Update { form, file, mask, from } => {
            let known = shared::form(&reporting, &form, None).await?;
            let asked = pb::Form { name: known.name, ..read(access, &file).await? };
            let request = pb::UpdateFormRequest {
                request_id: shared::request_id(),
                form: Some(asked),
                update_mask: Some(prost_types::FieldMask { paths: mask }),
                effective_date: from.map(|date| date.to_string()).unwrap_or_default(),
                etag: String::new(),
            };
            let made = reporting.forms().update_form(request).await?.into_inner().form;
            rows(style, &made.into_iter().collect::<Vec<_>>())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(reporting: &Reporting, mut request: pb::ListFormsRequest) -> anyhow::Result<Vec<pb::Form>> {
    let mut all = Vec::new();
    loop {
        let page = reporting.forms().list_forms(request.clone()).await?.into_inner();
        all.extend(page.forms);
        if page.next_page_token.is_empty() {
            return Ok(all);
        }
        request.page_token = page.next_page_token;
    }
}

async fn versions(
    reporting: &Reporting,
    mut request: pb::ListFormVersionsRequest,
) -> anyhow::Result<Vec<pb::Form>> {
    let mut all = Vec::new();
    loop {
        let page = reporting.forms().list_form_versions(request.clone()).await?.into_inner();
        all.extend(page.forms);
        if page.next_page_token.is_empty() {
            return Ok(all);
        }
        request.page_token = page.next_page_token;
    }
}

async fn read(access: &Access, file: &std::path::Path) -> anyhow::Result<pb::Form> {
    let mut file: FormFile = read_json(file)?;
    if !file.owner_unit.is_empty() {
        file.owner_unit = resolve(access, &file.owner_unit).await?;
    }
    file.asked()
}

fn rows(style: Style, forms: &[pb::Form]) -> anyhow::Result<()> {
    let mut sheet = Sheet::new(style, COLUMNS).hiding(&["name"]);
    for form in forms {
        sheet.add_row(row(style, form));
    }
    sheet.print()
}

fn row(style: Style, form: &pb::Form) -> Vec<Value> {
    let keys: Vec<_> = form.fields.iter().map(|field| field.key.as_str()).collect();
    let slots = form.schedule.iter().flat_map(|schedule| &schedule.slots);
    let due: Vec<_> = slots.map(|slot| clock(slot.deadline_minutes)).collect();
    vec![
        form.key.clone().into(),
        label(style, form.label.as_ref()).into(),
        form.version.into(),
        form.start_date.clone().into(),
        form.end_date.clone().into(),
        level(form.level()).into(),
        level(form.sign_off_level()).into(),
        keys.join(" ").into(),
        due.join(" ").into(),
        form.owner_unit.clone().into(),
        form.name.clone().into(),
    ]
}

fn show(style: Style, form: &pb::Form) -> anyhow::Result<()> {
    match style.output {
        // In the order of the contract, which people edit.
        Form::Json => return output::put(&serde_json::to_string_pretty(&FormFile::from(form))?),
        Form::Csv => return rows(style, std::slice::from_ref(form)),
        Form::Table => {}
    }
    let mut head = Sheet::new(style, COLUMNS).hiding(&["name"]);
    head.add_row(row(style, form));
    let mut fields = Sheet::new(style, FIELDS);
    for field in &form.fields {
        let published = word(field.publication().as_str_name(), "PUBLICATION_");
        let published = match field.mask_below {
            Some(below) => format!("{published} below {below}"),
            None => published,
        };
        fields.add_row(vec![
            field.key.clone().into(),
            label(style, field.label.as_ref()).into(),
            word(field.kind().as_str_name(), "FIELD_KIND_").into(),
            field.required.into(),
            field.min_value.into(),
            field.max_value.into(),
            field.counts_towards_zero.into(),
            field.cumulative.into(),
            published.into(),
        ]);
    }
    let mut rules = Sheet::new(style, RULES);
    for rule in &form.balance_rules {
        let words = label(style, rule.label.as_ref());
        rules.add_row(vec![json!(rule.key), words.into(), json!(rule.expression)]);
    }
    let mut sheets = vec![head, fields, rules];
    sheets.extend(form.schedule.as_ref().map(|schedule| slots(style, schedule)));
    style.document(&Value::Null, &sheets)?;
    let note = form.note.clone().unwrap_or_default();
    let note = style.pick(&note.en, &note.zh);
    if note.is_empty() { Ok(()) } else { output::put(&format!("\n{note}")) }
}

fn slots(style: Style, schedule: &pb::Schedule) -> Sheet {
    let mut sheet = Sheet::new(style, SLOTS);
    for slot in &schedule.slots {
        let start = slot.window_start_minutes.unwrap_or(schedule.window_start_minutes);
        let end = slot.window_end_minutes.unwrap_or(schedule.window_end_minutes);
        let reminders: Vec<_> = slot.reminder_minutes.iter().map(ToString::to_string).collect();
        sheet.add_row(vec![
            slot.key.clone().into(),
            label(style, slot.label.as_ref()).into(),
            format!("{} – {}", clock(start), clock(end)).into(),
            clock(slot.deadline_minutes).into(),
            slot.grace_minutes.into(),
            clock(slot.hard_close_minutes).into(),
            reminders.join(" ").into(),
        ]);
    }
    sheet
}

/// A minute of the business date as a time of day, with the days before or after it.
fn clock(minutes: i32) -> String {
    let (days, minute) = (minutes.div_euclid(1_440), minutes.rem_euclid(1_440));
    // The end of the day is written as such.
    let (days, minute) = if days == 1 && minute == 0 { (0, 1_440) } else { (days, minute) };
    let time = format!("{:02}:{:02}", minute / 60, minute % 60);
    if days == 0 { time } else { format!("{time} {days:+}d") }
}

#[cfg(test)]
mod tests {
    use super::clock;

    #[test]
    fn minutes_are_times_of_a_day() {
        assert_eq!(clock(960), "16:00");
        assert_eq!(clock(1_440), "24:00");
        assert_eq!(clock(1_980), "09:00 +1d");
        assert_eq!(clock(-480), "16:00 -1d");
    }
}
