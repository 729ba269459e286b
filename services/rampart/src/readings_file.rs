//! A file of readings: CSV, one reading a line.

use std::{collections::BTreeMap, io::Read};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use proto::screening as pb;

/// The columns, of which the first four must be there.
const COLUMNS: [&str; 7] =
    ["event_id", "observation", "taken_time", "kind", "temperature", "symptoms", "note"];

/// A line: where it stands in the file, and the reading, or what is wrong with it.
pub type Line = (u64, Result<pb::Reading, String>);

/// Reads a file.
///
/// # Errors
/// A file without the columns that every reading needs, or that cannot be read.
pub fn read(mut reader: impl Read) -> anyhow::Result<Vec<Line>> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(bytes);
    let heads = reader.headers().context("the heading line")?.clone();
    let needed = COLUMNS[..4].iter().filter(|column| !heads.iter().any(|head| head == **column));
    let needed: Vec<_> = needed.copied().collect();
    anyhow::ensure!(needed.is_empty(), "the heading line has no column {}", needed.join(", "));
    for head in &heads {
        anyhow::ensure!(
            COLUMNS.contains(&head),
            "there is no column {head}; they are {}",
            COLUMNS.join(", ")
        );
    }
    let mut lines = Vec::new();
    for record in reader.byte_records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        lines.push((line, reading(&heads, &record)));
    }
    Ok(lines)
}

fn reading(heads: &csv::StringRecord, record: &csv::ByteRecord) -> Result<pb::Reading, String> {
    if record.len() != heads.len() {
        return Err(format!("has {} cells, the heading line has {}", record.len(), heads.len()));
    }
    let mut said: BTreeMap<&str, &str> = BTreeMap::new();
    for (head, cell) in heads.iter().zip(record) {
        let cell =
            std::str::from_utf8(cell).map_err(|_| format!("{head}: not UTF-8; save the file as UTF-8"))?;
        said.insert(head, cell);
    }
    let cell = |column: &str| said.get(column).copied().unwrap_or_default();
    let taken: DateTime<Utc> = cell("taken_time").parse().map_err(|_| {
        format!("taken_time: {:?} is no instant such as 2020-02-03T08:00:00+08:00", cell("taken_time"))
    })?;
    let kind = pb::ReadingKind::from_str_name(&format!("READING_KIND_{}", cell("kind").to_uppercase()));
    let kind = kind.ok_or_else(|| format!("kind: {:?} is none of taken, absent, refused", cell("kind")))?;
    let temperature = match cell("temperature") {
        "" => 0.0,
        text => text.parse().map_err(|_| format!("temperature: {text:?} is no number such as 36.8"))?,
    };
    let symptoms = cell("symptoms").split_whitespace().map(symptom).collect::<Result<Vec<_>, _>>()?;
    Ok(pb::Reading {
        event_id: cell("event_id").to_owned(),
        observation: cell("observation").to_owned(),
        taken_time: Some(chassis::parse::timestamp(taken)),
        kind: kind.into(),
        temperature,
        symptoms: symptoms.into_iter().map(i32::from).collect(),
        note: cell("note").to_owned(),
        ..pb::Reading::default()
    })
}

/// A symptom by its word.
///
/// # Errors
/// Which words there are.
pub fn symptom(word: &str) -> Result<pb::Symptom, String> {
    let known = pb::Symptom::from_str_name(&format!("SYMPTOM_{}", word.to_uppercase().replace('-', "_")));
    known.filter(|symptom| *symptom != pb::Symptom::Unspecified).ok_or_else(|| {
        format!(
            "symptoms: {word:?} is none of fever, cough, fatigue, breathlessness, sore_throat, diarrhoea, muscle_pain, other"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_named_and_the_others_are_read() {
        let file = "event_id,observation,taken_time,kind,temperature,symptoms\n\
                    1,observations/1,2020-02-03T08:00:00+08:00,taken,36.8,cough sore_throat\n\
                    2,observations/1,today,taken,36.8,\n\
                    3,observations/1,2020-02-03T08:00:00+08:00,seen,36.8,\n";
        let lines = read(file.as_bytes()).expect("a file");
        let reading = lines[0].1.as_ref().expect("a reading");
        assert_eq!((reading.temperature, reading.symptoms.len()), (36.8, 2));
        assert!(lines[1].1.as_ref().is_err_and(|wrong| wrong.starts_with("taken_time")));
        assert_eq!(lines[2].0, 4);
        assert!(lines[2].1.as_ref().is_err_and(|wrong| wrong.starts_with("kind")));
        assert!(read("event_id,kind\n".as_bytes()).is_err());
    }
}
