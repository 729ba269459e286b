//! Files of lines: CSV with known columns, each line by itself, so that a bad one is named and the others are
//! read. UTF-8, or GB18030 as spreadsheets save it; cells that look damaged by a wrong character set are named (I12).

use std::{borrow::Cow, collections::BTreeMap, io::Read};

use anyhow::Context as _;
use chassis::damage::{Damage, damage, damage_of_text};
use encoding_rs::GB18030;

/// A line: where it stands in the file, and what it says, or what is wrong with it.
pub type Line<T> = (u64, Result<T, String>);

/// A cell that looks damaged by a wrong character set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// The line where it stands.
    pub line: u64,
    /// Its column.
    pub column: String,
    /// How it looks damaged.
    pub damage: Damage,
}

/// What a file holds.
#[derive(Debug)]
pub struct Lines<T> {
    /// Its lines, in their order.
    pub lines: Vec<Line<T>>,
    /// The cells that look damaged, in their order.
    pub damaged: Vec<Damaged>,
    /// Whether it was GB18030, and read as such.
    pub is_gb18030: bool,
}

/// The bytes of a file as UTF-8, without a byte order mark, and whether they were GB18030. A file most of whose lines are
/// UTF-8 stays as it is: its other lines are damaged.
///
/// # Errors
/// A file of UTF-16, with what to do.
pub fn decoded(bytes: &[u8]) -> anyhow::Result<(Cow<'_, [u8]>, bool)> {
    let is_utf16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    anyhow::ensure!(!is_utf16, "the file is UTF-16; save it as \"CSV UTF-8\"");
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return Ok((Cow::Borrowed(rest), false));
    }
    if std::str::from_utf8(bytes).is_ok() {
        return Ok((Cow::Borrowed(bytes), false));
    }
    let beyond_ascii = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_ascii());
    let (utf8, others): (Vec<_>, Vec<_>) = beyond_ascii.partition(|line| std::str::from_utf8(line).is_ok());
    let (read, failed) = GB18030.decode_without_bom_handling(bytes);
    if failed || utf8.len() >= others.len() {
        return Ok((Cow::Borrowed(bytes), false));
    }
    Ok((Cow::Owned(read.into_owned().into_bytes()), true))
}

/// The cells of a line by their columns.
#[derive(Debug)]
pub struct Cells<'a>(BTreeMap<&'a str, &'a str>);

impl Cells<'_> {
    /// What stands in a column; nothing where the file has no such column.
    #[must_use]
    pub fn get(&self, column: &str) -> &str {
        self.0.get(column).copied().unwrap_or_default()
    }

    /// Those that look damaged, of the line that they are.
    fn damaged(&self, line: u64) -> impl Iterator<Item = Damaged> {
        self.0.iter().filter_map(move |(column, text)| {
            let damage = if *column == "display_name" { damage(text) } else { damage_of_text(text) };
            Some(Damaged { line, column: (*column).to_owned(), damage: damage? })
        })
    }
}

/// Reads a file: UTF-8, with or without a byte order mark, or GB18030; the columns in any order.
///
/// # Errors
/// A file without one of the first `needed` columns or with a column that is none, or that cannot be read.
pub fn read<T>(
    mut reader: impl Read,
    columns: &[&str],
    needed: usize,
    parse: impl Fn(&Cells<'_>) -> Result<T, String>,
) -> anyhow::Result<Lines<T>> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    let (bytes, is_gb18030) = decoded(&bytes)?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(&*bytes);
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
    let (mut lines, mut damaged) = (Vec::new(), Vec::new());
    for record in reader.byte_records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let parsed = cells(&heads, &record).and_then(|cells| {
            damaged.extend(cells.damaged(line));
            parse(&cells)
        });
        lines.push((line, parsed));
    }
    Ok(Lines { lines, damaged, is_gb18030 })
}

fn cells<'a>(heads: &'a csv::StringRecord, record: &'a csv::ByteRecord) -> Result<Cells<'a>, String> {
    if record.len() != heads.len() {
        return Err(format!("has {} cells, the heading line has {}", record.len(), heads.len()));
    }
    let mut said = BTreeMap::new();
    for (head, cell) in heads.iter().zip(record) {
        let cell = std::str::from_utf8(cell);
        said.insert(head, cell.map_err(|_| format!("{head}: not UTF-8; save the file as \"CSV UTF-8\""))?);
    }
    Ok(Cells(said))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(bytes: &[u8]) -> anyhow::Result<Lines<String>> {
        read(bytes, &["display_name", "address"], 1, |cells| Ok(cells.get("display_name").to_owned()))
    }

    const FILE: &str = "display_name,address\n张样例,三栋？没人知道\n𠅤㛃,\n";

    #[test]
    fn i12_a_file_of_gb18030_is_read_as_such_rare_characters_and_all() {
        for (bytes, is_gb18030) in [
            (FILE.as_bytes().to_vec(), false),
            ([b"\xef\xbb\xbf", FILE.as_bytes()].concat(), false),
            (GB18030.encode(FILE).0.into_owned(), true),
        ] {
            let read = names(&bytes).expect("a file");
            let said: Vec<_> = read.lines.iter().map(|(line, name)| (*line, name.clone())).collect();
            assert_eq!(said, [(2, Ok("张样例".to_owned())), (3, Ok("𠅤㛃".to_owned()))]);
            assert!(read.damaged.is_empty() && read.is_gb18030 == is_gb18030, "{:?}", read.damaged);
        }
    }

    #[test]
    fn i12_a_line_that_is_damaged_is_named_and_a_file_that_cannot_be_read_says_what_to_do() {
        let mut bytes = FILE.as_bytes().to_vec();
        bytes.extend_from_slice(&GB18030.encode("株山村,\n").0);
        let read = names(&bytes).expect("most of it is UTF-8");
        assert!(
            read.lines[2].1.as_ref().is_err_and(|wrong| wrong.contains("CSV UTF-8")),
            "{:?}",
            read.lines[2]
        );
        let read = names("display_name,address\nÖêÉ½´å,a\n张?,b\n张样例,??市\n".as_bytes()).expect("a file");
        let found: Vec<_> =
            read.damaged.iter().map(|one| (one.line, one.column.as_str(), &one.damage)).collect();
        assert_eq!(
            found,
            [
                (2, "display_name", &Damage::ReadAsLatin1("株山村".to_owned())),
                (3, "display_name", &Damage::QuestionMark),
                (4, "address", &Damage::QuestionMark),
            ]
        );
        assert!(names(b"\xff\xfed\0").is_err_and(|error| error.to_string().contains("CSV UTF-8")));
    }
}
