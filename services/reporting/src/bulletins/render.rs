//! Bulletins on paper: text and HTML from templates, CSV and JSON from the same document.

use chassis::Fault;
use comfy_table::{CellAlignment, Table, presets};
use minijinja::{Environment, context};

use super::{Cell, Document, Row};
use crate::forms::{Kind, Label};

/// In which language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// 中文.
    Zh,
    /// English.
    En,
}

impl Language {
    fn of(self, label: &Label) -> &str {
        match self {
            Self::Zh => &label.zh,
            Self::En => &label.en,
        }
    }

    fn say<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}

/// Plain text.
///
/// # Errors
/// A damaged template.
pub fn text(document: &Document, language: Language) -> Result<String, Fault> {
    template(document, language, "bulletin.txt", include_str!("templates/bulletin.txt"))
}

/// A page of HTML.
///
/// # Errors
/// A damaged template.
pub fn html(document: &Document, language: Language) -> Result<String, Fault> {
    template(document, language, "bulletin.html", include_str!("templates/bulletin.html"))
}

fn template(document: &Document, language: Language, name: &str, source: &str) -> Result<String, Fault> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.add_template(name, source).map_err(Fault::internal)?;
    let heads = heads(document, language);
    let rows: Vec<Vec<String>> = document.rows.iter().map(|row| line(document, row, language)).collect();
    let matrix: Vec<Vec<String>> = document.rows.iter().filter_map(matrix_line).collect();
    let context = context! {
        zh => language == Language::Zh,
        document => document,
        title => language.of(&document.title),
        note => language.of(&document.note),
        as_of => language.of(&document.as_of_words),
        summary => summary(document, language),
        heads => heads,
        rows => rows,
        table => table(&heads, &brief(&rows, |_, row| row.cells.iter().any(says_something), document)),
        matrix_heads => matrix_heads(language),
        matrix => matrix,
        matrix_table => table(&matrix_heads(language), &brief(&matrix, |nth, _| nth < SHOWN, document)),
    };
    environment.get_template(name).and_then(|template| template.render(context)).map_err(Fault::internal)
}

/// How many levels a text always shows: the owner and those right below it. HTML and CSV have all.
const SHOWN: usize = 2;

/// The lines of a text: the first levels, and of the others those that have something to say.
fn brief(
    lines: &[Vec<String>],
    shows: impl Fn(usize, &Row) -> bool,
    document: &Document,
) -> Vec<Vec<String>> {
    let lines = document.rows.iter().zip(lines);
    let shown = lines.filter(|(row, _)| row.depth < SHOWN || shows(row.depth, row));
    shown.map(|(_, line)| line.clone()).collect()
}

fn says_something(cell: &Cell) -> bool {
    cell.masked || [cell.value, cell.cumulative, cell.difference].iter().flatten().any(|figure| *figure != 0)
}

/// The owner's figures, a line each.
fn summary(document: &Document, language: Language) -> Vec<String> {
    let Some(owner) = document.rows.first() else { return vec![] };
    let lines = document.fields.iter().zip(&owner.cells).map(|(field, cell)| {
        let label = language.of(&field.label);
        let mut line = format!("{label}{}{}", language.say("：", ": "), shown(cell, language));
        if let Some(cumulative) = cell.cumulative {
            line.push_str(&match language {
                Language::Zh => format!("，累计{cumulative}"),
                Language::En => format!(", cumulative {cumulative}"),
            });
        }
        if let Some(difference) = cell.difference {
            line.push_str(&match language {
                Language::Zh => format!("（订正{difference:+}）"),
                Language::En => format!(" (corrected by {difference:+})"),
            });
        }
        if field.kind == Kind::Stock && cell.unknown > 0 && !cell.masked {
            let known = cell.last_known.map_or_else(|| "–".to_owned(), |known| known.to_string());
            line.push_str(&match language {
                Language::Zh => format!("（{}个单位未报，情况不明；此前掌握{known}）", cell.unknown),
                Language::En => format!(" ({} have not said: unknown; last known {known})", cell.unknown),
            });
        }
        line
    });
    lines.collect()
}

fn shown(cell: &Cell, language: Language) -> String {
    match cell.value {
        None if cell.masked => language.say("略", "masked").to_owned(),
        None => "–".to_owned(),
        Some(value) => value.to_string(),
    }
}

fn heads(document: &Document, language: Language) -> Vec<String> {
    let mut heads = vec![language.say("地区", "unit").to_owned()];
    for field in &document.fields {
        let label = language.of(&field.label);
        heads.push(label.to_owned());
        if field.cumulative {
            heads.push(format!("{label}{}", language.say("（累计）", " (cum.)")));
        }
    }
    heads
}

fn line(document: &Document, row: &Row, language: Language) -> Vec<String> {
    let mut line = vec![format!("{}{}", "\u{3000}".repeat(row.depth), row.name)];
    for (field, cell) in document.fields.iter().zip(&row.cells) {
        line.push(shown(cell, language));
        if field.cumulative {
            let cumulative = cell.cumulative.map(|cumulative| cumulative.to_string());
            line.push(cumulative.unwrap_or_else(|| shown(cell, language)));
        }
    }
    line
}

fn matrix_heads(language: Language) -> Vec<String> {
    let heads = match language {
        Language::Zh => [
            "地区",
            "应报",
            "按时·有数",
            "按时·零报",
            "迟报·有数",
            "迟报·零报",
            "截止后·有数",
            "截止后·零报",
            "免报",
            "缺报",
            "报告率%",
            "及时率%",
        ],
        Language::En => [
            "unit",
            "expected",
            "on time data",
            "on time zero",
            "late data",
            "late zero",
            "after close data",
            "after close zero",
            "excused",
            "missing",
            "complete %",
            "timely %",
        ],
    };
    heads.map(str::to_owned).to_vec()
}

fn matrix_line(row: &Row) -> Option<Vec<String>> {
    let matrix = row.matrix.as_ref()?;
    let counts = [
        matrix.expected,
        matrix.on_time[0],
        matrix.on_time[1],
        matrix.late[0],
        matrix.late[1],
        matrix.after_close[0],
        matrix.after_close[1],
        matrix.excused,
        matrix.missing,
    ];
    let mut line = vec![format!("{}{}", "\u{3000}".repeat(row.depth), row.name)];
    line.extend(counts.iter().map(i64::to_string));
    line.extend([matrix.completeness, matrix.timeliness].map(|rate| format!("{rate:.1}")));
    Some(line)
}

fn table(heads: &[String], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header(heads);
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// Comma-separated values, one line a unit.
///
/// # Errors
/// Never, but for a lack of memory.
pub fn csv(document: &Document) -> Result<String, Fault> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut heads =
        vec!["business_date".to_owned(), "seal".into(), "unit".into(), "name".into(), "level".into()];
    for field in &document.fields {
        heads.push(field.key.clone());
        heads.push(format!("{}_unknown", field.key));
        if field.cumulative {
            heads.push(format!("{}_cumulative", field.key));
        }
    }
    writer.write_record(&heads).map_err(Fault::internal)?;
    let number = |value: Option<i64>| value.map(|value| value.to_string()).unwrap_or_default();
    for row in &document.rows {
        let mut line = vec![
            document.business_date.clone(),
            document.seal.to_string(),
            row.unit.clone(),
            row.name.clone(),
            row.level.to_string(),
        ];
        for (field, cell) in document.fields.iter().zip(&row.cells) {
            line.push(if cell.masked { "masked".to_owned() } else { number(cell.value) });
            line.push(if cell.masked { String::new() } else { cell.unknown.to_string() });
            if field.cumulative {
                line.push(number(cell.cumulative));
            }
        }
        writer.write_record(&line).map_err(Fault::internal)?;
    }
    String::from_utf8(writer.into_inner().map_err(|_| Fault::internal("csv"))?).map_err(Fault::internal)
}

/// A JSON document.
///
/// # Errors
/// Never, but for a lack of memory.
pub fn json(document: &Document) -> Result<String, Fault> {
    serde_json::to_string_pretty(document).map_err(Fault::internal)
}
