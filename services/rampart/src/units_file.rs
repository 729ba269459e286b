//! Official lists of villages as CSV: every line becomes a row or is named as bad.

use std::{collections::HashMap, io::Read};

use csv::ByteRecord;

/// A unit that the file names, where it first names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileUnit {
    /// The line, the header being line 1.
    pub line: u64,
    /// Which kind of unit.
    pub level: FileLevel,
    /// Its 12-digit code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The code of the unit above; for a county that of the city, which is no row.
    pub parent_code: String,
}

/// The levels that a file may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileLevel {
    /// 县, 区.
    County,
    /// 乡, 镇, 街道.
    Township,
    /// 村, 社区.
    Village,
}

/// A line that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// The line.
    pub line: u64,
    /// Everything that is wrong with it.
    pub reason: String,
    /// What stands there, as far as it can be shown.
    pub text: String,
}

/// What a file holds.
#[derive(Clone, Debug, Default)]
pub struct UnitsFile {
    /// Counties, townships and villages; each after the one above it.
    pub units: Vec<FileUnit>,
    /// Lines that cannot be used.
    pub bad: Vec<BadLine>,
    /// Lines after the header.
    pub lines: u64,
}

/// A file that cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The header lacks a column.
    #[error("the header has no column {0}; it needs {columns}", columns = COLUMNS.join(", "))]
    Column(&'static str),
    /// It is no CSV, or reading it failed.
    #[error(transparent)]
    Csv(#[from] csv::Error),
}

const COLUMNS: [&str; 6] =
    ["village_code12", "village_name", "town_code12", "town_name", "county_code12", "county_name"];

/// Reads a list. Columns may stand in any order; others are passed over.
///
/// # Errors
/// [`FileError`]; a bad line is no error but is named.
pub fn read(reader: impl Read) -> Result<UnitsFile, FileError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(reader);
    let header = reader.byte_headers()?.clone();
    let mut places = [0; 6];
    for (place, column) in places.iter_mut().zip(COLUMNS) {
        let named = |field: &[u8]| field.strip_prefix(b"\xef\xbb\xbf").unwrap_or(field) == column.as_bytes();
        *place = header.iter().position(named).ok_or(FileError::Column(column))?;
    }
    let mut file = UnitsFile::default();
    let mut seen = Seen::default();
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record)? {
        file.lines += 1;
        let line = record.position().map_or(0, csv::Position::line);
        match seen.line(line, &record, &places, header.len()) {
            Ok(units) => file.units.extend(units),
            Err(reasons) => {
                let fields = record.iter().map(|field| String::from_utf8_lossy(field).into_owned());
                file.bad.push(BadLine {
                    line,
                    reason: reasons.join("; "),
                    text: fields.collect::<Vec<_>>().join(","),
                });
            }
        }
    }
    Ok(file)
}

/// What earlier lines said of a code.
#[derive(Default)]
struct Seen {
    names: HashMap<String, (u64, String)>,
    city: Option<String>,
}

impl Seen {
    fn line(
        &mut self,
        line: u64,
        record: &ByteRecord,
        places: &[usize; 6],
        width: usize,
    ) -> Result<Vec<FileUnit>, Vec<String>> {
        if record.len() != width {
            return Err(vec![format!("has {} columns, the header has {width}", record.len())]);
        }
        let mut wrong = Vec::new();
        let mut fields: Vec<String> = Vec::with_capacity(6);
        for (place, column) in places.iter().zip(COLUMNS) {
            match std::str::from_utf8(record.get(*place).unwrap_or_default()) {
                Ok(text) => fields.push(text.trim().to_owned()),
                Err(_) => wrong.push(format!("{column} is not UTF-8")),
            }
        }
        let [village, village_name, town, town_name, county, county_name] = fields.as_slice() else {
            return Err(wrong);
        };
        for (code, column) in [(village, COLUMNS[0]), (town, COLUMNS[2]), (county, COLUMNS[4])] {
            if code.len() != 12 || !code.bytes().all(|digit| digit.is_ascii_digit()) {
                wrong.push(format!("{column} must have 12 digits, is {code:?}"));
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        if village.get(..9) != town.get(..9) || town.get(9..) != Some("000") {
            wrong
                .push(format!("village {village} does not lie in town {town}: its first nine digits differ"));
        }
        if town.get(..6) != county.get(..6) || county.get(6..) != Some("000000") {
            wrong.push(format!("town {town} does not lie in county {county}: its first six digits differ"));
        }
        let city = format!("{}00000000", county.get(..4).unwrap_or_default());
        if self.city.as_ref().is_some_and(|first| *first != city) {
            wrong.push(format!("county {county} belongs to another city than the lines before"));
        }
        if let Some((first, _)) = self.names.get(village) {
            wrong.push(format!("village_code12 {village} stands in line {first} too"));
        }
        for (code, name) in [(town, town_name), (county, county_name)] {
            if let Some((first, other)) = self.names.get(code).filter(|(_, other)| other != name) {
                wrong.push(format!("{code} is called {name:?} here and {other:?} in line {first}"));
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        self.city.get_or_insert_with(|| city.clone());
        let chain = [
            (FileLevel::County, county, county_name, &city),
            (FileLevel::Township, town, town_name, county),
            (FileLevel::Village, village, village_name, town),
        ];
        let mut units = Vec::with_capacity(3);
        for (level, code, name, parent) in chain {
            if self.names.contains_key(code) {
                continue;
            }
            self.names.insert(code.clone(), (line, name.clone()));
            units.push(FileUnit {
                line,
                level,
                code: code.clone(),
                name: name.clone(),
                parent_code: parent.clone(),
            });
        }
        Ok(units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "village_code12,village_name,town_code12,town_name,county_code12,county_name\n";

    fn file(lines: &str) -> UnitsFile {
        read(format!("{HEADER}{lines}").as_bytes()).expect("a file")
    }

    #[test]
    fn counties_and_towns_are_named_once_before_what_lies_in_them() {
        let file = file(
            "990101001001,一村,990101001000,甲镇,990101000000,子县\n\
             990101001002,二村,990101001000,甲镇,990101000000,子县\n",
        );
        let codes: Vec<_> = file.units.iter().map(|unit| (unit.line, unit.code.as_str())).collect();
        assert_eq!(
            codes,
            [(2, "990101000000"), (2, "990101001000"), (2, "990101001001"), (3, "990101001002")]
        );
        assert_eq!(file.units[0].parent_code, "990100000000");
    }

    #[test]
    fn every_bad_line_is_named_with_all_that_is_wrong() {
        let file = file(
            "990101001001,一村,990101001000,甲镇,990101000000,子县\n\
             990101001001,又一村,990101001000,乙镇,990101000000,子县\n\
             99010100100,短,990101001000,甲镇,990101000000,子县\n\
             990101001003,三村\n\
             990102001001,外村,990101001000,甲镇,990101000000,子县\n",
        );
        let lines: Vec<_> = file.bad.iter().map(|bad| bad.line).collect();
        assert_eq!(lines, [3, 4, 5, 6]);
        assert!(file.bad[0].reason.contains("line 2 too"), "{}", file.bad[0].reason);
        assert!(file.bad[0].reason.contains("甲镇"), "{}", file.bad[0].reason);
        assert_eq!(file.lines, 5);
    }

    #[test]
    fn a_line_that_is_not_utf8_is_bad_and_the_next_one_is_read() {
        let mut bytes = HEADER.as_bytes().to_vec();
        bytes.extend(b"990101001001,\xd6\xea,990101001000,a,990101000000,b\n");
        bytes.extend("990101001002,二村,990101001000,甲镇,990101000000,子县\n".as_bytes());
        let file = read(bytes.as_slice()).expect("a file");
        assert_eq!((file.bad.len(), file.units.len()), (1, 3));
    }

    #[test]
    fn a_missing_column_is_named() {
        let error = read("village_code12,village_name\n".as_bytes()).expect_err("too few");
        assert!(error.to_string().contains("town_code12"), "{error}");
    }
}
