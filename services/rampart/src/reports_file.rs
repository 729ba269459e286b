//! A file of reports: CSV, one report a line, one column a field; a column explain.FIELD says why a figure is another
//! than the registers have.

use std::{collections::BTreeMap, io::Read};

use anyhow::Context as _;
use aws_lc_rs::digest;
use chrono::NaiveDate;
use prost::Message as _;
use proto::reporting as pb;
use uuid::Uuid;

/// The columns that are no fields.
const COLUMNS: [&str; 8] =
    ["form", "business_date", "unit", "slot", "zero", "channel", "on_behalf_of", "note"];

/// What a column begins with that says why a figure is another than the registers have.
const EXPLAIN: &str = "explain.";

/// One line that can be sent. Its form and unit are still as the file names them.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Where it stands in the file; the heading is line 1.
    pub line: u64,
    /// The report, without a request_id.
    pub report: pb::SubmitReportRequest,
}

/// One line that cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Where it stands in the file.
    pub line: u64,
    /// The unit it names, if it does.
    pub unit: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What a file holds.
#[derive(Clone, Debug, Default)]
pub struct ReportsFile {
    /// The good lines, in the order of the file.
    pub lines: Vec<Line>,
    /// The bad ones.
    pub bad: Vec<BadLine>,
}

/// Reads a file.
///
/// # Errors
/// A file without the columns that every report needs, or that cannot be read.
pub fn read(mut reader: impl Read) -> anyhow::Result<ReportsFile> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(bytes);
    let heads = reader.headers().context("the heading line")?.clone();
    let needed = COLUMNS[..3].iter().filter(|column| !heads.iter().any(|head| head == **column));
    let needed: Vec<_> = needed.copied().collect();
    anyhow::ensure!(needed.is_empty(), "the heading line has no column {}", needed.join(", "));
    for (at, head) in heads.iter().enumerate() {
        anyhow::ensure!(!head.is_empty(), "column {} has no heading", at + 1);
        anyhow::ensure!(!heads.iter().take(at).any(|other| other == head), "there are two columns {head}");
    }
    let mut file = ReportsFile::default();
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record)? {
        let line = record.position().map_or(0, |position| first_line(bytes, position));
        if record.iter().all(<[u8]>::is_empty) {
            continue;
        }
        match self::line(&heads, &record) {
            Ok(report) => file.lines.push(Line { line, report }),
            Err(reason) => {
                let unit = heads.iter().position(|head| head == "unit").and_then(|at| record.get(at));
                let unit = String::from_utf8_lossy(unit.unwrap_or_default()).into_owned();
                file.bad.push(BadLine { line, unit, reason });
            }
        }
    }
    Ok(file)
}

/// The line on which a record begins: the reader counts from the end of the one before, and passes over
/// empty lines.
fn first_line(bytes: &[u8], position: &csv::Position) -> u64 {
    let before = usize::try_from(position.byte()).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
    let empty = before.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    empty.filter(|byte| **byte == b'\n').fold(position.line(), |line, _| line + 1)
}

fn line(heads: &csv::StringRecord, record: &csv::ByteRecord) -> Result<pb::SubmitReportRequest, String> {
    if record.len() != heads.len() {
        return Err(format!("has {} cells, the heading line has {}", record.len(), heads.len()));
    }
    let mut said: BTreeMap<&str, &str> = BTreeMap::new();
    let (mut figures, mut explanations) = (BTreeMap::new(), BTreeMap::new());
    for (head, cell) in heads.iter().zip(record) {
        let cell =
            std::str::from_utf8(cell).map_err(|_| format!("{head}: not UTF-8; save the file as UTF-8"))?;
        if COLUMNS.contains(&head) {
            said.insert(head, cell);
        } else if let Some(key) = head.strip_prefix(EXPLAIN) {
            explanations.extend((!cell.is_empty()).then(|| (key.to_owned(), cell.to_owned())));
        } else if !cell.is_empty() {
            let figure = cell.parse::<i64>();
            let figure = figure
                .map_err(|_| format!("{head}: {cell:?} is no whole number; leave it empty where unknown"))?;
            figures.insert(head.to_owned(), figure);
        }
    }
    let cell = |column: &str| said.get(column).copied().unwrap_or_default();
    let (form, date, unit) = (cell("form"), cell("business_date"), cell("unit"));
    if form.is_empty() || unit.is_empty() {
        return Err("form and unit must not be empty".to_owned());
    }
    let date: NaiveDate =
        date.parse().map_err(|_| format!("business_date: {date:?} is no date YYYY-MM-DD"))?;
    let zero = zero(cell("zero"))?;
    if zero && !figures.is_empty() {
        return Err("says zero and has figures: it is one or the other".to_owned());
    }
    if !zero && figures.is_empty() {
        return Err("has no figures and does not say zero: empty is not zero".to_owned());
    }
    Ok(pb::SubmitReportRequest {
        request_id: String::new(),
        form: form.to_owned(),
        business_date: date.to_string(),
        unit: unit.to_owned(),
        slot: cell("slot").to_owned(),
        zero,
        figures,
        channel: channel(cell("channel"))?.into(),
        on_behalf_of: cell("on_behalf_of").to_owned(),
        made_time: None,
        note: cell("note").to_owned(),
        explanations,
    })
}

fn zero(cell: &str) -> Result<bool, String> {
    match cell.to_lowercase().as_str() {
        "" | "0" | "no" | "false" | "否" => Ok(false),
        "1" | "yes" | "true" | "zero" | "是" => Ok(true),
        _ => Err(format!("zero: {cell:?} is neither yes nor no")),
    }
}

fn channel(cell: &str) -> Result<pb::Channel, String> {
    let known = match cell {
        "" => Some(pb::Channel::Network),
        word => pb::Channel::from_str_name(&format!("CHANNEL_{}", word.to_uppercase())),
    };
    let said = known.filter(|channel| *channel != pb::Channel::Unspecified);
    said.ok_or_else(|| format!("channel: {cell:?} is none of network, phone, paper, other"))
}

/// The request_id of a report of a file: a UUID of version 8 from what the line says, and from nothing
/// else. A file that is sent again changes nothing, whatever its lines' order and the order of its columns.
#[must_use]
pub fn request_id(report: &pb::SubmitReportRequest) -> String {
    let said = pb::SubmitReportRequest { request_id: String::new(), ..report.clone() };
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"rampart reports import 1\0");
    context.update(&said.encode_to_vec());
    let sum = context.finish();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&sum.as_ref()[..16]);
    Uuid::new_v8(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\u{feff}form,business_date,unit,slot,zero,channel,on_behalf_of,note,at_home,left
grid-day,2020-02-03,A/1/2,,,,,,3,
grid-day,2020-02-03,A/1/3,,yes,phone,组长,\"two
lines\",,

grid-day,2020-02-03,A/1/4,,,,,,,
grid-day,2020-02-03,A/1/5,,1,,,,0,
grid-day,3 Feb,A/1/6,,1,,,,,
grid-day,2020-02-03,A/1/7,,,pigeon,,,1,
grid-day,2020-02-03,A/1/8,,,,,,1.5,
grid-day,2020-02-03,A/1/9
";

    #[test]
    fn good_lines_are_kept_and_bad_ones_named_by_number() {
        let file = read(FILE.as_bytes()).unwrap();
        let good: Vec<_> = file.lines.iter().map(|line| (line.line, line.report.unit.as_str())).collect();
        assert_eq!(good, [(2, "A/1/2"), (3, "A/1/3")]);
        assert_eq!(file.lines[0].report.figures.iter().collect::<Vec<_>>(), [(&"at_home".to_owned(), &3)]);
        assert!(file.lines[1].report.zero);
        assert_eq!(file.lines[1].report.channel(), pb::Channel::Phone);
        let bad: Vec<_> = file.bad.iter().map(|bad| (bad.line, bad.unit.as_str())).collect();
        assert_eq!(
            bad,
            [(6, "A/1/4"), (7, "A/1/5"), (8, "A/1/6"), (9, "A/1/7"), (10, "A/1/8"), (11, "A/1/9")]
        );
        assert!(file.bad[0].reason.contains("empty is not zero"));
    }

    #[test]
    fn a_file_without_its_columns_is_refused_whole() {
        for wrong in ["form,unit\n", "form,business_date,unit,a,a\n", "form,business_date,unit,\n", ""] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_line_has_one_request_id_however_the_columns_stand() {
        let first = "form,business_date,unit,a,b,c\nf,2020-02-03,u,1,2,\n";
        let other = "c,b,a,unit,form,business_date,note\n,2,1,u,f,2020-02-03,\n";
        let ids = [first, other].map(|text| request_id(&read(text.as_bytes()).unwrap().lines[0].report));
        assert_eq!(ids[0], ids[1]);
        assert_eq!(Uuid::parse_str(&ids[0]).unwrap().get_version_num(), 8);
        let changed = first.replace("1,2", "1,3");
        assert_ne!(ids[0], request_id(&read(changed.as_bytes()).unwrap().lines[0].report));
        let mut sent = read(first.as_bytes()).unwrap().lines.remove(0).report;
        sent.request_id = ids[0].clone();
        assert_eq!(request_id(&sent), ids[0], "the id itself is no part of what is said");
    }
}
