//! How commands print: a table that fits the terminal, JSON or CSV, in English or Chinese.

use std::io::{self, IsTerminal as _, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Map, Value};

/// The form of what is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// A table for people.
    #[default]
    Table,
    /// A JSON document.
    Json,
    /// Comma-separated values with a header line.
    Csv,
}

/// The language of headings and words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// 中文.
    Zh,
}

/// A column: its key in JSON and CSV, and its heading in both languages.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The key.
    pub key: &'static str,
    /// The English heading.
    pub en: &'static str,
    /// The Chinese heading.
    pub zh: &'static str,
}

/// A word of the contract for people: `OFFICE_DUTY_OFFICER` without its prefix is `duty_officer`.
#[must_use]
pub fn word(value: &str, prefix: &str) -> String {
    value.trim_start_matches(prefix).to_lowercase()
}

/// How to print, as the user asked.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Style {
    /// The form of what is printed
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORM")]
    pub output: Form,
    /// The language of headings
    #[arg(long, global = true, value_enum, default_value_t, value_name = "LANG")]
    pub lang: Lang,
}

impl Style {
    /// Prints rows to standard output. A reader that closes early is no error.
    ///
    /// # Errors
    /// Where standard output cannot be written.
    pub fn rows(self, columns: &[Column], rows: &[Vec<String>]) -> anyhow::Result<()> {
        match self.output {
            Form::Table => put(&self.table(columns, rows)),
            Form::Csv => {
                let mut writer = csv::Writer::from_writer(Vec::new());
                writer.write_record(columns.iter().map(|column| column.key))?;
                for row in rows {
                    writer.write_record(row)?;
                }
                put(String::from_utf8(writer.into_inner()?)?.trim_end())
            }
            Form::Json => {
                let objects = rows.iter().map(|row| {
                    let pairs = columns.iter().zip(row);
                    Value::Object(
                        pairs
                            .map(|(column, cell)| (column.key.to_owned(), cell.clone().into()))
                            .collect::<Map<_, _>>(),
                    )
                });
                put(&serde_json::to_string_pretty(&Value::Array(objects.collect()))?)
            }
        }
    }

    fn table(self, columns: &[Column], rows: &[Vec<String>]) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY);
        table.set_content_arrangement(if io::stdout().is_terminal() {
            ContentArrangement::Dynamic
        } else {
            ContentArrangement::Disabled
        });
        table.set_header(columns.iter().map(|column| match self.lang {
            Lang::En => column.en,
            Lang::Zh => column.zh,
        }));
        for row in rows {
            table.add_row(row);
        }
        table.to_string()
    }
}

/// Prints a text to standard output. A reader that closes early is no error.
///
/// # Errors
/// Where standard output cannot be written.
pub fn put(text: &str) -> anyhow::Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Says something to the user beside the output, on standard error.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A bar on standard error for work of a known length; nothing where that is no terminal.
#[must_use]
pub fn bar(length: usize, what: &str) -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new(u64::try_from(length).unwrap_or_default());
    let template = format!("{what} {{bar:30}} {{pos}}/{{len}} {{msg}}");
    let style = indicatif::ProgressStyle::with_template(&template);
    bar.set_style(style.unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()));
    bar
}
