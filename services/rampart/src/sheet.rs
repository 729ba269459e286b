//! What commands print where the columns are known only when they run, such as one column a field of a
//! form. Cells keep their type in JSON; numbers stand to the right in tables.

use std::io::{self, IsTerminal as _};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Map, Value};

use crate::output::{self, Column, Form, Lang, Style};

/// One table.
#[derive(Clone, Debug)]
pub struct Sheet {
    style: Style,
    title: String,
    heads: Vec<(String, String)>,
    hidden: &'static [&'static str],
    rows: Vec<Vec<Value>>,
}

impl Sheet {
    /// A table with these columns to begin with.
    #[must_use]
    pub fn new(style: Style, columns: &[Column]) -> Self {
        let heads = columns.iter().map(|column| (column.key.to_owned(), style.pick(column.en, column.zh)));
        Self { style, title: String::new(), heads: heads.collect(), hidden: &[], rows: Vec::new() }
    }

    /// The same under a title, which only tables for people show.
    #[must_use]
    pub fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// The same without these columns in tables for people, who go by names and have narrow terminals.
    #[must_use]
    pub fn hiding(mut self, keys: &'static [&'static str]) -> Self {
        self.hidden = keys;
        self
    }

    /// Adds a column.
    pub fn add_column(&mut self, key: impl Into<String>, heading: impl Into<String>) {
        self.heads.push((key.into(), heading.into()));
    }

    /// Adds a row.
    pub fn add_row(&mut self, cells: Vec<Value>) {
        self.rows.push(cells);
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Prints it as the user asked.
    ///
    /// # Errors
    /// Where standard output cannot be written.
    pub fn print(&self) -> anyhow::Result<()> {
        match self.style.output {
            Form::Table => output::put(&self.table()),
            Form::Csv => output::put(&self.csv()?),
            Form::Json => output::put(&serde_json::to_string_pretty(&self.json())?),
        }
    }

    /// The heading line as comma-separated values.
    ///
    /// # Errors
    /// None that a heading has.
    pub fn csv_head(&self) -> anyhow::Result<String> {
        csv_line(self.heads.iter().map(|(key, _)| key.clone()))
    }

    /// All of it as comma-separated values.
    ///
    /// # Errors
    /// None that a cell has.
    pub fn csv(&self) -> anyhow::Result<String> {
        let mut lines = vec![self.csv_head()?];
        for row in &self.rows {
            lines.push(csv_line(row.iter().map(plain))?);
        }
        Ok(lines.join("\n"))
    }

    /// One object for each row.
    #[must_use]
    pub fn json(&self) -> Value {
        let object = |row: &Vec<Value>| {
            let pairs = self.heads.iter().zip(row);
            Value::Object(pairs.map(|((key, _), cell)| (key.clone(), cell.clone())).collect::<Map<_, _>>())
        };
        Value::Array(self.rows.iter().map(object).collect())
    }

    /// A table for people, without columns in which nothing stands.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY);
        table.set_content_arrangement(if io::stdout().is_terminal() {
            ContentArrangement::Dynamic
        } else {
            ContentArrangement::Disabled
        });
        let is_empty =
            |at: usize| self.rows.iter().all(|row| row.get(at).is_none_or(|cell| shown(cell).is_empty()));
        let is_hidden = |(at, (key, _)): (usize, &(String, String))| {
            self.hidden.contains(&key.as_str()) || (!self.rows.is_empty() && is_empty(at))
        };
        let visible: Vec<bool> = self.heads.iter().enumerate().map(|head| !is_hidden(head)).collect();
        let heads = self.heads.iter().zip(&visible).filter(|(_, visible)| **visible);
        table.set_header(heads.map(|((_, heading), _)| heading.as_str()));
        for row in &self.rows {
            let cells = row.iter().zip(&visible).filter(|(_, visible)| **visible);
            table.add_row(cells.map(|(cell, _)| {
                let shown = comfy_table::Cell::new(shown(cell));
                if cell.is_number() { shown.set_alignment(CellAlignment::Right) } else { shown }
            }));
        }
        if self.title.is_empty() { table.to_string() } else { format!("{}\n{table}", self.title) }
    }
}

impl Style {
    /// The text in the user's language.
    #[must_use]
    pub fn pick(self, en: &str, zh: &str) -> String {
        match self.lang {
            Lang::En => en.to_owned(),
            Lang::Zh => zh.to_owned(),
        }
    }

    /// Prints one thing: as tables its sheets that are not empty, as CSV the first of them, as JSON
    /// the document.
    ///
    /// # Errors
    /// Where standard output cannot be written.
    pub fn document(self, json: &Value, sheets: &[Sheet]) -> anyhow::Result<()> {
        match self.output {
            Form::Json => output::put(&serde_json::to_string_pretty(json)?),
            Form::Csv => output::put(&sheets.first().map(Sheet::csv).transpose()?.unwrap_or_default()),
            Form::Table => {
                let tables = sheets.iter().filter(|sheet| !sheet.is_empty()).map(Sheet::table);
                output::put(&tables.collect::<Vec<_>>().join("\n\n"))
            }
        }
    }
}

fn csv_line(cells: impl Iterator<Item = String>) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells)?;
    Ok(String::from_utf8(writer.into_inner()?)?.trim_end_matches('\n').to_owned())
}

/// A cell for people: yes is a tick, no is nothing.
fn shown(cell: &Value) -> String {
    match cell {
        Value::Bool(yes) => if *yes { "✓" } else { "" }.to_owned(),
        other => plain(other),
    }
}

/// A cell for CSV.
fn plain(cell: &Value) -> String {
    match cell {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(plain).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[Column { key: "unit", en: "Unit", zh: "单位" }];

    #[test]
    fn what_is_unknown_is_empty_and_not_zero() {
        let mut sheet = Sheet::new(Style::default(), COLUMNS);
        sheet.add_column("at_home", "At home");
        sheet.add_row(vec!["a, b".into(), Value::Null]);
        sheet.add_row(vec!["c".into(), 0.into()]);
        assert_eq!(sheet.csv().unwrap(), "unit,at_home\n\"a, b\",\nc,0");
        assert_eq!(
            sheet.json(),
            serde_json::json!([{"unit": "a, b", "at_home": null}, {"unit": "c", "at_home": 0}])
        );
        assert!(sheet.clone().titled("Title").table().starts_with("Title\n"));
        assert!(!sheet.hiding(&["unit"]).table().contains("Unit"));
    }
}
