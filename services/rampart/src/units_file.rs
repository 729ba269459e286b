//! Official lists of villages as CSV: every line becomes a row or is named as bad.

use std::{
    collections::HashMap,
    fmt,
    io::{self, Read},
};

use csv::ByteRecord;

/// The columns that a list has, in any order.
const COLUMNS: [&str; 6] =
    ["village_code12", "village_name", "town_code12", "town_name", "county_code12", "county_name"];

/// The columns that a list of grids has besides: both or neither.
const GRID_COLUMNS: [&str; 2] = ["grid_code", "grid_name"];

/// How high a unit of a file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileLevel {
    /// 县, 区.
    County,
    /// 乡, 镇, 街道.
    Township,
    /// 村, 社区.
    Village,
    /// 网格.
    Grid,
}

impl fmt::Display for FileLevel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::County => "county",
            Self::Township => "town",
            Self::Village => "village",
            Self::Grid => "grid",
        })
    }
}

/// A unit, at the line that first names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileUnit {
    /// The line, the header being line 1.
    pub line: u64,
    /// How high it stands.
    pub level: FileLevel,
    /// Its code: 12 digits, but a grid's as the file has it.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The code of the unit above; for a county that of the city, which is no row.
    pub parent_code: String,
}

/// A line that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The line, the header being line 1.
    pub line: u64,
    /// Everything that is wrong with it.
    pub reason: String,
    /// What stands there, as far as it can be shown.
    pub text: String,
}

/// What a list holds. Every line after the header is either the line of a row or that of a bad row;
/// only empty lines at the very end are no lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitsFile {
    /// The units, parents before their children.
    pub rows: Vec<FileUnit>,
    /// The lines that cannot be used, in their order.
    pub bad: Vec<BadRow>,
}

impl UnitsFile {
    /// The code of the city that every county lies in; none where no line is good.
    #[must_use]
    pub fn root_code(&self) -> Option<&str> {
        self.rows.first().map(|county| county.parent_code.as_str())
    }
}

/// Why a file is no list at all.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The header lacks columns.
    #[error("the header has no column {}", .0.join(", "))]
    Missing(Vec<&'static str>),
    /// The header has a column twice.
    #[error("the header has the column {0} twice")]
    Twice(&'static str),
    /// A line is no CSV.
    #[error("line {line} is no CSV: {error}")]
    Csv {
        /// The line.
        line: u64,
        /// Why.
        error: csv::Error,
    },
    /// The file could not be read.
    #[error("the file could not be read: {0}")]
    Io(#[from] io::Error),
}

/// Reads a list: UTF-8 with or without a byte order mark, one unit a line. Other columns are passed over
/// and blanks around a field are trimmed. With the columns grid_code and grid_name, a line that fills
/// them names a grid, and its village at the first such line; one that leaves both empty names a village.
///
/// # Errors
/// [`FileError`]; a bad line is no error but is named in the answer.
pub fn read(mut reader: impl Read) -> Result<UnitsFile, FileError> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    // Lines are split here and not by the CSV reader, so that an open quotation mark spoils one line and
    // an empty line still counts.
    let mut lines = lines(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes));
    let (number, first) = lines.next().unwrap_or((1, b""));
    let header = Header::new(&split(number, first)?)?;
    let mut file = UnitsFile::default();
    let mut seen = Seen::default();
    for (number, line) in lines {
        match header.line(line, &split(number, line)?).and_then(|line| seen.take(number, line)) {
            Ok(units) => file.rows.extend(units),
            Err(reasons) => file.bad.push(BadRow {
                line: number,
                reason: reasons.join("; "),
                text: String::from_utf8_lossy(line).into_owned(),
            }),
        }
    }
    Ok(file)
}

/// The lines with their numbers, ended by LF, CR LF or CR, without the empty ones at the end.
fn lines(mut bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    while let Some(rest) = bytes.strip_suffix(b"\n").or_else(|| bytes.strip_suffix(b"\r")) {
        bytes = rest;
    }
    let mut rest = (!bytes.is_empty()).then_some(bytes);
    let next = move || {
        let bytes = rest?;
        let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            rest = None;
            return Some(bytes);
        };
        let (line, after) = bytes.split_at(end);
        rest = after.strip_prefix(b"\r\n").or_else(|| after.get(1..));
        Some(line)
    };
    (1..).zip(std::iter::from_fn(next))
}

fn split(number: u64, line: &[u8]) -> Result<ByteRecord, FileError> {
    let mut record = ByteRecord::new();
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(line.len().max(1))
        .from_reader(line)
        .read_byte_record(&mut record)
        .map_err(|error| FileError::Csv { line: number, error })?;
    Ok(record)
}

/// Where the columns stand.
struct Header {
    width: usize,
    places: [usize; 6],
    grid: Option<[usize; 2]>,
}

impl Header {
    fn new(record: &ByteRecord) -> Result<Self, FileError> {
        let mut missing = Vec::new();
        let mut places = [0; 6];
        for (place, column) in places.iter_mut().zip(COLUMNS) {
            match place_of(record, column)? {
                Some(found) => *place = found,
                None => missing.push(column),
            }
        }
        let [code, name] = GRID_COLUMNS;
        let grid = match (place_of(record, code)?, place_of(record, name)?) {
            (Some(code), Some(name)) => Some([code, name]),
            (None, None) => None,
            (None, Some(_)) => {
                missing.push(code);
                None
            }
            (Some(_), None) => {
                missing.push(name);
                None
            }
        };
        if !missing.is_empty() {
            return Err(FileError::Missing(missing));
        }
        Ok(Self { width: record.len(), places, grid })
    }

    /// What a line says, checked as far as it can be without the lines before it.
    fn line(&self, line: &[u8], record: &ByteRecord) -> Result<Line, Vec<String>> {
        let mut wrong = Vec::new();
        if line.iter().all(u8::is_ascii_whitespace) {
            return Err(vec!["the line is empty".to_owned()]);
        }
        let encoded = std::str::from_utf8(line);
        if let Err(error) = encoded {
            wrong.push(format!("not UTF-8 from byte {} of the line on", error.valid_up_to() + 1));
        }
        if line.iter().filter(|byte| **byte == b'"').count() % 2 == 1 {
            wrong.push("a quotation mark is not closed on the line".to_owned());
        }
        if record.len() != self.width {
            wrong.push(format!("has {} columns, the header has {}", record.len(), self.width));
            return Err(wrong);
        }
        let [village, village_name, town, town_name, county, county_name] =
            self.places.map(|place| field(record, place));
        let grid = self
            .grid
            .map(|places| places.map(|place| field(record, place)))
            .filter(|fields| fields.iter().any(|field| !field.is_empty()));
        let line = Line {
            county: (county, county_name),
            town: (town, town_name),
            village: (village, village_name),
            grid: grid.map(<(String, String)>::from),
        };
        wrong.extend(line.problems());
        if wrong.is_empty() { Ok(line) } else { Err(wrong) }
    }
}

fn place_of(record: &ByteRecord, column: &'static str) -> Result<Option<usize>, FileError> {
    let mut found = record.iter().enumerate().filter(|(_, field)| field.trim_ascii() == column.as_bytes());
    let first = found.next().map(|(place, _)| place);
    if found.next().is_some() { Err(FileError::Twice(column)) } else { Ok(first) }
}

/// Only blanks are trimmed: a damaged name may end in another white space that is a part of it.
fn field(record: &ByteRecord, place: usize) -> String {
    let text = String::from_utf8_lossy(record.get(place).unwrap_or_default());
    text.trim_matches([' ', '\t', '\u{3000}']).to_owned()
}

/// The codes and names of a line.
struct Line {
    county: (String, String),
    town: (String, String),
    village: (String, String),
    grid: Option<(String, String)>,
}

impl Line {
    fn problems(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let [_, village_name, _, town_name, _, county_name] = COLUMNS;
        let ((county, county_called), (town, town_called)) = (&self.county, &self.town);
        let (village, village_called) = &self.village;
        for (code, column) in [(village, COLUMNS[0]), (town, COLUMNS[2]), (county, COLUMNS[4])] {
            if !is_code(code) {
                wrong.push(format!("{column} must have 12 digits, is {code:?}"));
            }
        }
        if let (Some(town_of), Some(own)) = (above(village, 9), below(village, 9)) {
            if is_code(town) && above(town, 9) != Some(town_of) {
                wrong.push(format!(
                    "village {village} does not lie in town {town}: the first 9 digits differ"
                ));
            }
            if own == "000" {
                wrong.push(format!("village_code12 {village} is no village's: it ends in 000"));
            }
        }
        if let (Some(county_of), Some(own)) = (above(town, 6), below(town, 6)) {
            if is_code(county) && above(county, 6) != Some(county_of) {
                wrong.push(format!("town {town} does not lie in county {county}: the first 6 digits differ"));
            }
            if own.starts_with("000") || !own.ends_with("000") {
                wrong.push(format!("town_code12 {town} is no town's: it must end in 3 digits and 000"));
            }
        }
        if let (Some(of_county), Some(own)) = (above(county, 6), below(county, 6))
            && (of_county.ends_with("00") || own != "000000")
        {
            wrong.push(format!("county_code12 {county} is no county's: it must end in 2 digits and 000000"));
        }
        for (called, column) in
            [(village_called, village_name), (town_called, town_name), (county_called, county_name)]
        {
            if called.is_empty() {
                wrong.push(format!("{column} is empty"));
            }
        }
        if let Some((code, called)) = &self.grid {
            let [grid_code, grid_name] = GRID_COLUMNS;
            let sign = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            if !(1..=32).contains(&code.len()) || !code.bytes().all(sign) {
                wrong.push(format!("{grid_code} must have 1 to 32 characters of [A-Za-z0-9-], is {code:?}"));
            }
            if called.is_empty() {
                wrong.push(format!("{grid_name} is empty"));
            }
        }
        wrong
    }

    fn city(&self) -> String {
        format!("{}00000000", above(&self.county.0, 4).unwrap_or_default())
    }
}

fn is_code(code: &str) -> bool {
    code.len() == 12 && code.bytes().all(|byte| byte.is_ascii_digit())
}

/// The first digits of a code, if it is one.
fn above(code: &str, digits: usize) -> Option<&str> {
    code.get(..digits).filter(|_| is_code(code))
}

/// The digits after them.
fn below(code: &str, digits: usize) -> Option<&str> {
    code.get(digits..).filter(|_| is_code(code))
}

/// What the good lines so far named.
#[derive(Default)]
struct Seen {
    city: Option<(u64, String)>,
    units: HashMap<String, FileUnit>,
}

impl Seen {
    /// The units that a line is the first to name, the one that it is about coming last.
    fn take(&mut self, number: u64, line: Line) -> Result<Vec<FileUnit>, Vec<String>> {
        let city = line.city();
        let mut wrong = Vec::new();
        if let Some((first, other)) = self.city.as_ref().filter(|(_, other)| *other != city) {
            wrong.push(format!("lies in city {city}, but line {first} in city {other}"));
        }
        let mut chain = vec![
            (FileLevel::County, line.county),
            (FileLevel::Township, line.town),
            (FileLevel::Village, line.village),
        ];
        chain.extend(line.grid.map(|grid| (FileLevel::Grid, grid)));
        let last = chain.len() - 1;
        let mut units: Vec<FileUnit> = Vec::new();
        let mut parent_code = city.clone();
        for (place, (level, (code, name))) in chain.into_iter().enumerate() {
            // A grid may bear the code of a unit of this very line, too.
            let known = self.units.get(&code).or_else(|| units.iter().find(|unit| unit.code == code));
            let parent = std::mem::replace(&mut parent_code, code.clone());
            let Some(known) = known else {
                units.push(FileUnit { line: number, level, code, name, parent_code: parent });
                continue;
            };
            let first = known.line;
            if known.level != level {
                wrong.push(format!("{level} code {code} is that of a {} in line {first}", known.level));
            } else if place == last {
                wrong.push(format!("{level} code {code} stands in line {first} already"));
            } else if known.name != name {
                wrong.push(format!("{level} {code} is {name:?} here and {:?} in line {first}", known.name));
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        self.city.get_or_insert((number, city));
        self.units.extend(units.iter().map(|unit| (unit.code.clone(), unit.clone())));
        Ok(units)
    }
}

#[cfg(test)]
mod tests;
