//! Files of lines: CSV with known columns, each line by itself, so that a bad one is named and the others are
//! read.

use std::{collections::BTreeMap, io::Read};

use anyhow::Context as _;

/// A line: where it stands in the file, and what it says, or what is wrong with it.
pub type Line<T> = (u64, Result<T, String>);

/// The cells of a line by their columns.
#[derive(Debug)]
pub struct Cells<'a>(BTreeMap<&'a str, &'a str>);

impl Cells<'_> {
    /// What stands in a column; nothing where the file has no such column.
    #[must_use]
    pub fn get(&self, column: &str) -> &str {
        self.0.get(column).copied().unwrap_or_default()
    }
}

/// Reads a file: UTF-8, with or without a byte order mark, the columns in any order.
///
/// # Errors
/// A file without one of the first `needed` columns or with a column that is none, or that cannot be read.
pub fn read<T>(
    mut reader: impl Read,
    columns: &[&str],
    needed: usize,
    parse: impl Fn(&Cells<'_>) -> Result<T, String>,
) -> anyhow::Result<Vec<Line<T>>> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(bytes);
    let heads = reader.headers().context("the heading line")?.clone();
    let missing: Vec<_> = columns
        .iter()
        .take(needed)
        .filter(|column| !heads.iter().any(|head| head == **column))
        .copied()
        .collect();
    anyhow::ensure!(missing.is_empty(), "the heading line has no column {}", missing.join(", "));
    for head in &heads {
        anyhow::ensure!(
            columns.contains(&head),
            "there is no column {head}; they are {}",
            columns.join(", ")
        );
    }
    let mut lines = Vec::new();
    for record in reader.byte_records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let parsed = cells(&heads, &record).and_then(|cells| parse(&cells));
        lines.push((line, parsed));
    }
    Ok(lines)
}

fn cells<'a>(heads: &'a csv::StringRecord, record: &'a csv::ByteRecord) -> Result<Cells<'a>, String> {
    if record.len() != heads.len() {
        return Err(format!("has {} cells, the heading line has {}", record.len(), heads.len()));
    }
    let mut said = BTreeMap::new();
    for (head, cell) in heads.iter().zip(record) {
        let cell = std::str::from_utf8(cell);
        said.insert(head, cell.map_err(|_| format!("{head}: not UTF-8; save the file as UTF-8"))?);
    }
    Ok(Cells(said))
}
