//! What the commands on reporting share: how forms, days and figures are named on the command line, and
//! how they are shown.

use std::{collections::BTreeMap, io::Read as _, path::Path, time::Duration};

use anyhow::Context as _;
use chrono::NaiveDate;
use proto::{registry::Level, reporting as pb};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tonic::{Code, Status};
use uuid::Uuid;

use super::Usage;
use crate::{
    client::Reporting,
    output::{self, Form, Lang, Style},
    sheet::Sheet,
};

/// A fresh request_id.
pub(crate) fn request_id() -> String {
    Uuid::now_v7().to_string()
}

/// A form by its resource name or key, in the version of a date; of today where none is said.
pub(crate) async fn form(
    reporting: &Reporting,
    form: &str,
    as_of: Option<NaiveDate>,
) -> anyhow::Result<pb::Form> {
    let (name, key) = if form.starts_with("forms/") { (form, "") } else { ("", form) };
    let request = pb::GetFormRequest {
        name: name.to_owned(),
        key: key.to_owned(),
        version: 0,
        as_of: as_of.map(|date| date.to_string()).unwrap_or_default(),
    };
    let found = reporting.forms().get_form(request).await?.into_inner();
    found.form.context("reporting answered without a form")
}

/// A day by its form and date.
pub(crate) async fn day(reporting: &Reporting, form: &pb::Form, date: NaiveDate) -> anyhow::Result<pb::Day> {
    let request =
        pb::GetDayRequest { name: String::new(), form: form.name.clone(), business_date: date.to_string() };
    let found = reporting.days().get_day(request).await?.into_inner();
    found.day.context("reporting answered without a day")
}

/// The date after the last, as the contract counts ranges.
pub(crate) fn after(date: NaiveDate) -> String {
    date.succ_opt().unwrap_or(date).to_string()
}

/// An instant, on the clock of China.
pub(crate) fn instant(time: Option<prost_types::Timestamp>) -> String {
    let instant = time.and_then(|time| chassis::parse::instant(time).ok());
    let local = instant.map(|instant| instant.with_timezone(&chrono_tz::Asia::Shanghai));
    local.map(|local| local.format("%Y-%m-%dT%H:%M:%S%:z").to_string()).unwrap_or_default()
}

/// A level in words; nothing where it is not said.
pub(crate) fn level(level: Level) -> String {
    match level {
        Level::Unspecified => String::new(),
        level => output::word(level.as_str_name(), "LEVEL_"),
    }
}

/// A text in the user's language.
pub(crate) fn label(style: Style, label: Option<&pb::Label>) -> String {
    let label = label.cloned().unwrap_or_default();
    match style.lang {
        Lang::En => label.en,
        Lang::Zh => label.zh,
    }
}

/// A heading for a field: its key for machines, its label for people.
pub(crate) fn add_fields(sheet: &mut Sheet, style: Style, form: &pb::Form) {
    for field in &form.fields {
        sheet.add_column(&field.key, label(style, field.label.as_ref()));
    }
}

/// The cells of figures in the order of the form; what is not stated is empty.
pub(crate) fn figures(form: &pb::Form, figures: &BTreeMap<String, i64>) -> Vec<Value> {
    form.fields.iter().map(|field| figures.get(&field.key).copied().into()).collect()
}

/// Figures as a JSON object.
pub(crate) fn object(figures: &BTreeMap<String, i64>) -> Value {
    Value::Object(figures.iter().map(|(key, value)| (key.clone(), (*value).into())).collect::<Map<_, _>>())
}

/// Figures on one line.
pub(crate) fn line(figures: &BTreeMap<String, i64>) -> String {
    figures.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

/// One figure of the command line.
pub(crate) fn figure(text: &str) -> Result<(String, i64), String> {
    let (key, value) = text.split_once('=').ok_or("must be KEY=NUMBER, such as at_home=12")?;
    let (key, value) = (key.trim(), value.trim());
    if key.is_empty() {
        return Err("has no key before the =".to_owned());
    }
    let value =
        value.parse().map_err(|_| format!("{value:?} is no whole number; leave an unknown figure out"))?;
    Ok((key.to_owned(), value))
}

/// Figures of the command line by key.
pub(crate) fn by_key(figures: Vec<(String, i64)>) -> Result<BTreeMap<String, i64>, Usage> {
    let mut all = BTreeMap::new();
    for (key, value) in figures {
        if all.insert(key.clone(), value).is_some() {
            return Err(Usage(format!("{key} is said twice")));
        }
    }
    Ok(all)
}

/// Reads a JSON file; `-` is standard input.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let shown = path.display();
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).context("reading standard input")?;
    } else {
        text = std::fs::read_to_string(path).with_context(|| format!("reading {shown}"))?;
    }
    serde_json::from_str(text.trim_start_matches('\u{feff}')).with_context(|| format!("reading {shown}"))
}

/// One change of a watch, on one line: words for people, an object or a record for machines.
pub(crate) fn change(style: Style, people: &str, json: &Value, csv: &Sheet) -> anyhow::Result<()> {
    match style.output {
        Form::Table => output::put(people),
        Form::Json => output::put(&json.to_string()),
        Form::Csv => output::put(csv.csv()?.split_once('\n').map_or("", |(_, record)| record)),
    }
}

/// Decides whether a stream that broke is opened again: not where it never worked.
#[derive(Debug, Default)]
pub(crate) struct Retry {
    failures: u32,
    worked: bool,
}

impl Retry {
    /// How often a stream is opened again without anything coming of it.
    const MOST: u32 = 8;

    /// Something came.
    pub(crate) fn worked(&mut self) {
        (self.failures, self.worked) = (0, true);
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The refusal, where another attempt would end the same.
    pub(crate) async fn after(&mut self, status: Status) -> Result<(), Status> {
        self.failures += 1;
        // The token of a command expires; the next attempt has a new one.
        let passing = matches!(status.code(), Code::Unavailable)
            || (status.code() == Code::Unauthenticated && self.worked && self.failures == 1);
        if !passing || self.failures > Self::MOST {
            return Err(status);
        }
        if status.code() == Code::Unavailable {
            output::say(&format!("{}; trying again …", status.message()));
            tokio::time::sleep(Duration::from_millis(250 << self.failures.min(5))).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_a_key_and_a_whole_number() {
        assert_eq!(figure("at_home=12"), Ok(("at_home".to_owned(), 12)));
        assert_eq!(figure(" at_home = 0 "), Ok(("at_home".to_owned(), 0)));
        for wrong in ["at_home", "=3", "at_home=", "at_home=1.5", "at_home=x"] {
            assert!(figure(wrong).is_err(), "{wrong}");
        }
        assert!(by_key(vec![("a".to_owned(), 1), ("a".to_owned(), 1)]).is_err());
    }

    #[test]
    fn instants_are_on_the_clock_of_china() {
        let time = Some(prost_types::Timestamp { seconds: 1_580_659_200, nanos: 0 });
        assert_eq!(instant(time), "2020-02-03T00:00:00+08:00");
        assert_eq!(instant(None), "");
    }

    #[tokio::test]
    async fn what_never_worked_is_not_tried_again() {
        let expired = || Status::unauthenticated("expired");
        assert!(Retry::default().after(expired()).await.is_err());
        let mut retry = Retry::default();
        retry.worked();
        assert!(retry.after(expired()).await.is_ok());
        assert!(retry.after(expired()).await.is_err());
    }
}
