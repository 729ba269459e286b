//! Names that were damaged by a wrong character set (RULES I12). Rare characters are not damage.

use std::fmt;

use encoding_rs::{GB18030, WINDOWS_1252};

/// How a name looks damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It contains U+FFFD, the sign of a character that was lost.
    Lost,
    /// It is GB18030 that was read as Latin-1; this is how it should read.
    ReadAsLatin1(String),
    /// It consists of Latin-1 signs that no place is named with, and cannot be repaired.
    Latin1,
    /// It contains a question mark where a character was.
    QuestionMark,
    /// It contains a private-use character, which reads differently on every machine.
    PrivateUse,
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost => write!(formatter, "looks damaged: contains U+FFFD, the sign of a lost character"),
            Self::ReadAsLatin1(repaired) => {
                write!(formatter, "looks damaged: GB18030 read as Latin-1, perhaps {repaired}")
            }
            Self::Latin1 => write!(formatter, "looks damaged: Latin-1 signs where Chinese should be"),
            Self::QuestionMark => write!(formatter, "looks damaged: a question mark where a character was"),
            Self::PrivateUse => {
                write!(formatter, "looks damaged: contains a private-use character")
            }
        }
    }
}

/// How a name looks damaged, if it does.
#[must_use]
pub fn damage(name: &str) -> Option<Damage> {
    if name.contains(char::REPLACEMENT_CHARACTER) {
        return Some(Damage::Lost);
    }
    if name.contains(['?', '？']) {
        return Some(Damage::QuestionMark);
    }
    if name.chars().any(|letter| ('\u{e000}'..='\u{f8ff}').contains(&letter)) {
        return Some(Damage::PrivateUse);
    }
    latin1(name)
}

/// A name of Latin-1 letters alone, of which two in a row are beyond ASCII: bytes of another set. One
/// accent among ASCII letters is a foreign name.
fn latin1(name: &str) -> Option<Damage> {
    // Readers of Latin-1 take the bytes from 0x80 to 0x9f for Windows' signs, as browsers do.
    let (bytes, _, failed) = WINDOWS_1252.encode(name);
    if failed {
        return None;
    }
    if !bytes.windows(2).any(|pair| pair.iter().all(|byte| *byte >= 0x80)) {
        return None;
    }
    let (repaired, _, failed) = GB18030.decode(&bytes);
    if failed { Some(Damage::Latin1) } else { Some(Damage::ReadAsLatin1(repaired.into_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i12_gb18030_read_as_latin1_is_found_and_repaired() {
        assert_eq!(damage("ÖêÉ½´å"), Some(Damage::ReadAsLatin1("株山村".to_owned())));
    }

    #[test]
    fn i12_lost_characters_are_found() {
        assert_eq!(damage("\u{fffd}i子口村"), Some(Damage::Lost));
        assert_eq!(damage("??村"), Some(Damage::QuestionMark));
        assert_eq!(damage("\u{e123}村"), Some(Damage::PrivateUse));
    }

    #[test]
    fn i12_rare_characters_and_foreign_names_are_sound() {
        for name in ["梽木山村", "塅上村", "湴田村", "岺脚村", "衖口村", "𠀀坪村", "𮧵村", "Café", "第1网格"]
        {
            assert_eq!(damage(name), None, "{name}");
        }
    }
}
