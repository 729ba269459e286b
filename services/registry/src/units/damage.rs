//! Names that were damaged by a wrong character set (RULES I12). Rare characters are not damage.

use std::fmt;

use encoding_rs::{GB18030, WINDOWS_1252};

/// How a name looks damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It contains U+FFFD, the sign of a character that was lost, or 锟斤拷, which is two of them read
    /// as GB18030.
    Lost,
    /// It is GB18030 that was read as Latin-1; this is how it should read.
    ReadAsLatin1(String),
    /// It is UTF-8 that was read as Latin-1; this is how it should read.
    Utf8ReadAsLatin1(String),
    /// It consists of Latin-1 signs that no place is named with, and cannot be repaired.
    Latin1,
    /// It contains a question mark where a character was.
    QuestionMark,
    /// It contains a control character.
    Control,
    /// It contains a private-use character, which reads differently on every machine.
    PrivateUse,
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("looks damaged: ")?;
        match self {
            Self::Lost => write!(formatter, "contains U+FFFD or 锟斤拷, the signs of a lost character"),
            Self::ReadAsLatin1(repaired) => {
                write!(formatter, "GB18030 read as Latin-1, perhaps {repaired}")
            }
            Self::Utf8ReadAsLatin1(repaired) => {
                write!(formatter, "UTF-8 read as Latin-1, perhaps {repaired}")
            }
            Self::Latin1 => write!(formatter, "Latin-1 signs where Chinese should be"),
            Self::QuestionMark => write!(formatter, "a question mark where a character was"),
            Self::Control => write!(formatter, "contains a control character"),
            Self::PrivateUse => write!(formatter, "contains a private-use character"),
        }
    }
}

/// How a name looks damaged, if it does.
#[must_use]
pub fn damage(name: &str) -> Option<Damage> {
    if name.contains(char::REPLACEMENT_CHARACTER) || name.contains("锟斤拷") {
        return Some(Damage::Lost);
    }
    if name.contains(['?', '？']) {
        return Some(Damage::QuestionMark);
    }
    if name.chars().any(is_private_use) {
        return Some(Damage::PrivateUse);
    }
    // Before control characters: the bytes 0x80 to 0x9f, read strictly, are some.
    if let Some(damage) = latin1(name) {
        return Some(damage);
    }
    // White space at the ends, such as a tab, is trimmed by whoever stores the name.
    name.trim().contains(char::is_control).then_some(Damage::Control)
}

fn is_private_use(letter: char) -> bool {
    matches!(letter, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{ffffd}' | '\u{100000}'..='\u{10fffd}')
}

/// A stretch of a name.
enum Piece {
    /// Characters that no reader of Latin-1 makes, such as Chinese ones.
    Other(char),
    /// Characters that each stand for one byte, and these bytes.
    Bytes(String, Vec<u8>),
}

/// Bytes of another character set that were read as Latin-1, in the whole name or in a part of it.
fn latin1(name: &str) -> Option<Damage> {
    let pieces = pieces(name);
    let mut repaired = String::with_capacity(name.len());
    let (mut gb18030, mut utf8, mut unknown) = (false, false, false);
    for piece in &pieces {
        match piece {
            Piece::Other(letter) => repaired.push(*letter),
            Piece::Bytes(text, bytes) => match reading(text, bytes) {
                Reading::Sound => repaired.push_str(text),
                Reading::Unknown => unknown = true,
                Reading::Gb18030(read) => {
                    gb18030 = true;
                    repaired.push_str(&read);
                }
                Reading::Utf8(read) => {
                    utf8 = true;
                    repaired.push_str(&read);
                }
            },
        }
    }
    match (unknown, gb18030, utf8) {
        (false, false, false) => None,
        (false, true, false) => Some(Damage::ReadAsLatin1(repaired)),
        (false, false, true) => Some(Damage::Utf8ReadAsLatin1(repaired)),
        _ => Some(Damage::Latin1),
    }
}

fn pieces(name: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for letter in name.chars() {
        match (byte(letter), pieces.last_mut()) {
            (None, _) => pieces.push(Piece::Other(letter)),
            (Some(byte), Some(Piece::Bytes(text, bytes))) => {
                text.push(letter);
                bytes.push(byte);
            }
            (Some(byte), _) => pieces.push(Piece::Bytes(letter.to_string(), vec![byte])),
        }
    }
    pieces
}

/// The byte that a reader of Latin-1 made this character of. Some readers take 0x80 to 0x9f for
/// Windows' signs, as browsers do, and some for control characters.
fn byte(letter: char) -> Option<u8> {
    if let Ok(byte) = u8::try_from(u32::from(letter)) {
        return Some(byte);
    }
    let mut buffer = [0; 4];
    let (bytes, _, failed) = WINDOWS_1252.encode(letter.encode_utf8(&mut buffer));
    bytes.first().copied().filter(|_| !failed)
}

/// What a stretch of single-byte characters is.
enum Reading {
    Sound,
    Gb18030(String),
    Utf8(String),
    Unknown,
}

/// Judges a stretch. Damage has two neighbours beyond ASCII, not both mere punctuation, and is either
/// more signs than ASCII letters, three in a row, or a pair with a sign that stands in no name.
/// So accents in a foreign name are sound, even two in a row (Créée), and so are 某某——村 and «Élan».
/// The price: a foreign name of accented letters almost alone whose bytes happen to be GB18030.
fn reading(text: &str, bytes: &[u8]) -> Reading {
    let letters: Vec<char> = text.chars().collect();
    let pairs = || letters.windows(2).filter(|pair| pair.iter().all(|letter| !letter.is_ascii()));
    if !pairs().any(|pair| !pair.iter().all(|letter| is_punctuation(*letter))) {
        return Reading::Sound;
    }
    let high = letters.iter().filter(|letter| !letter.is_ascii() && !is_punctuation(**letter)).count();
    let ascii = letters.iter().filter(|letter| letter.is_ascii_alphanumeric()).count();
    let odd = pairs().any(|pair| pair.iter().any(|letter| is_odd(*letter)));
    let row = letters.windows(3).any(|three| {
        three.iter().all(|letter| !letter.is_ascii()) && !three.iter().all(|letter| is_punctuation(*letter))
    });
    if !odd && !row && (high < 2 || high <= ascii) {
        return Reading::Sound;
    }
    // Two-byte UTF-8 is often valid GB18030 too: then it is a foreign name (CafÃ©) only if most of it is
    // ASCII. Three bytes in a row that happen to be valid UTF-8 are hardly anything else.
    if let Ok(read) = std::str::from_utf8(bytes)
        && !read.contains(char::is_control)
        && (read.contains(is_chinese) || high <= ascii)
    {
        return Reading::Utf8(read.to_owned());
    }
    let (read, failed) = GB18030.decode_without_bom_handling(bytes);
    let chinese = read.chars().filter(|letter| !letter.is_ascii()).all(is_chinese);
    if !failed && chinese && !read.contains(char::is_control) {
        return Reading::Gb18030(read.into_owned());
    }
    // Accented letters without anything odd among them that are no GB18030 either: a name such as Åäö.
    if letters.iter().all(|letter| letter.is_alphabetic() || letter.is_ascii()) {
        return Reading::Sound;
    }
    Reading::Unknown
}

/// Signs of Windows' Latin-1 that stand beside Chinese and foreign names too.
fn is_punctuation(letter: char) -> bool {
    matches!(letter, '–' | '—' | '“' | '”' | '‘' | '’' | '…' | '·' | '«' | '»' | '°' | '\u{a0}')
}

/// Signs that stand in no place's name.
fn is_odd(letter: char) -> bool {
    !letter.is_ascii() && !letter.is_alphabetic() && !is_punctuation(letter)
}

/// Chinese characters of every block, and the punctuation and full-width signs between them.
fn is_chinese(letter: char) -> bool {
    matches!(
        letter,
        '\u{2e80}'..='\u{303f}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{ff00}'..='\u{ffef}'
            | '\u{20000}'..='\u{3ffff}'
            | '·' | '—' | '…' | '“' | '”'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i12_gb18030_read_as_latin1_is_found_and_repaired() {
        for (stored, repaired) in [
            ("ÖêÉ½´å", "株山村"),
            // Its first character is the bytes 0x97 0x84, as Windows' signs and read strictly.
            ("—„Ä¾´å", "梽木村"),
            ("\u{97}\u{84}Ä¾´å", "梽木村"),
            // The second byte of 塅 is an ASCII letter.
            ("Ê¯ÌÁ‰F´å", "石塘塅村"),
            ("ÖêÉ½村", "株山村"),
        ] {
            assert_eq!(damage(stored), Some(Damage::ReadAsLatin1(repaired.to_owned())), "{stored}");
        }
        let said = damage("ÖêÉ½´å").map(|damage| damage.to_string());
        assert_eq!(said.as_deref(), Some("looks damaged: GB18030 read as Latin-1, perhaps 株山村"));
    }

    #[test]
    fn i12_utf8_read_as_latin1_is_found_and_repaired() {
        for (stored, repaired) in [("æ ªå±±æ\u{9d}‘", "株山村"), ("CafÃ©", "Café")] {
            // A space stands where some readers leave 0xa0.
            let stored = stored.replace(' ', "\u{a0}");
            assert_eq!(damage(&stored), Some(Damage::Utf8ReadAsLatin1(repaired.to_owned())), "{stored}");
        }
    }

    #[test]
    fn i12_lost_characters_are_found() {
        for name in ["\u{fffd}i子口村", "\u{fffd}袄锎\u{fffd}", "锟斤拷村"] {
            assert_eq!(damage(name), Some(Damage::Lost), "{name}");
        }
        assert_eq!(damage("??村"), Some(Damage::QuestionMark));
        assert_eq!(damage("\u{7}村"), Some(Damage::Control));
        for name in ["\u{e123}村", "\u{f0000}村", "\u{100000}村"] {
            assert_eq!(damage(name), Some(Damage::PrivateUse));
        }
        assert_eq!(damage("¤¤¤村"), Some(Damage::Latin1));
    }

    #[test]
    fn i12_rare_characters_and_foreign_names_are_sound() {
        let rare = ["梽木山村", "塅上村", "湴田村", "岺脚村", "衖口村", "𠀀坪村", "𮧵村", "\u{30000}村"];
        let signs = ["第1网格", "某某——村", "甲村“一”组", "甲村……", "甲·乙村", "村\t"];
        let foreign = ["Café", "Créée", "Großörner", "Åäö", "Ærøskøbing", "«Élan»", "Côte d’Azur", "N° 5"];
        for name in [rare.as_slice(), &signs, &foreign].concat() {
            assert_eq!(damage(name), None, "{name}");
        }
    }

    /// The lines of a file of real data, without its header.
    fn data(file: &str) -> Option<Vec<Vec<String>>> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
        let path = std::path::Path::new(path).join(file);
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("skipped: {} is absent", path.display());
            return None;
        };
        let fields = |line: &str| line.split(',').map(str::to_owned).collect();
        Some(text.lines().skip(1).map(fields).collect())
    }

    #[test]
    fn i12_real_damage_is_found_and_repaired() {
        let Some(rows) = data("loudi_names_mojibake.csv") else { return };
        for row in &rows {
            assert_eq!(damage(&row[1]), Some(Damage::ReadAsLatin1(row[2].clone())), "{row:?}");
            assert_eq!(damage(&row[2]), None, "{row:?}");
        }
        assert_eq!(rows.len(), 256);
    }

    #[test]
    fn i12_of_real_lists_only_the_three_damaged_names_are_found() {
        for file in ["loudi_villages_2019.csv", "loudi_villages_2020.csv"] {
            let Some(rows) = data(file) else { continue };
            let damaged: Vec<_> =
                rows.iter().filter(|row| damage(&row[1]).is_some()).map(|row| row[0].as_str()).collect();
            assert_eq!(damaged, ["431382113256", "431382113257", "431382113261"], "{file}");
            for row in &rows {
                assert_eq!((damage(&row[3]), damage(&row[5])), (None, None), "{row:?}");
            }
        }
        for row in data("loudi_towns_2019.csv").unwrap_or_default() {
            assert_eq!((damage(&row[1]), damage(&row[3])), (None, None), "{row:?}");
        }
    }
}
