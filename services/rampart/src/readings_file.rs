//! A file of readings: CSV, one reading a line.

use std::io::Read;

use chrono::{DateTime, Utc};
use proto::screening as pb;

use crate::lines::{self, Cells, Lines};

/// The columns, of which the first four must be there.
const COLUMNS: [&str; 7] =
    ["event_id", "observation", "taken_time", "kind", "temperature", "symptoms", "note"];

/// Reads a file.
///
/// # Errors
/// A file without the columns that every reading needs, or that cannot be read.
pub fn read(reader: impl Read) -> anyhow::Result<Lines<pb::Reading>> {
    lines::read(reader, &COLUMNS, 4, reading)
}

fn reading(cells: &Cells<'_>) -> Result<pb::Reading, String> {
    let taken: DateTime<Utc> = cells.get("taken_time").parse().map_err(|_| {
        format!("taken_time: {:?} is no instant such as 2020-02-03T08:00:00+08:00", cells.get("taken_time"))
    })?;
    let kind = pb::ReadingKind::from_str_name(&format!("READING_KIND_{}", cells.get("kind").to_uppercase()));
    let kind =
        kind.ok_or_else(|| format!("kind: {:?} is none of taken, absent, refused", cells.get("kind")))?;
    let temperature = match cells.get("temperature") {
        "" => 0.0,
        text => text.parse().map_err(|_| format!("temperature: {text:?} is no number such as 36.8"))?,
    };
    let symptoms = cells.get("symptoms").split_whitespace().map(symptom).collect::<Result<Vec<_>, _>>()?;
    Ok(pb::Reading {
        event_id: cells.get("event_id").to_owned(),
        observation: cells.get("observation").to_owned(),
        taken_time: Some(chassis::parse::timestamp(taken)),
        kind: kind.into(),
        temperature,
        symptoms: symptoms.into_iter().map(i32::from).collect(),
        note: cells.get("note").to_owned(),
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
        let lines = read(file.as_bytes()).expect("a file").lines;
        let reading = lines[0].1.as_ref().expect("a reading");
        assert_eq!((reading.temperature, reading.symptoms.len()), (36.8, 2));
        assert!(lines[1].1.as_ref().is_err_and(|wrong| wrong.starts_with("taken_time")));
        assert_eq!(lines[2].0, 4);
        assert!(lines[2].1.as_ref().is_err_and(|wrong| wrong.starts_with("kind")));
        assert!(read("event_id,kind\n".as_bytes()).is_err());
    }
}
