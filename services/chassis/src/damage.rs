//! Names and other texts that were damaged by a wrong character set (RULES I12). Rare characters are not damage.
//!
//! Whoever takes a text in keeps it as it came, says how it looks damaged, and never guesses: what it should read is told
//! beside it where it can be known.

use std::fmt;

use encoding_rs::{GB18030, WINDOWS_1252};
use unicode_normalization::UnicodeNormalization as _;

/// How a text looks damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It contains U+FFFD, the sign of a character that was lost, or 锟斤拷, which is two of them read
    /// as GB18030.
    Lost,
    /// It is GB18030 that was read as Latin-1; this is how it should read.
    ReadAsLatin1(String),
    /// It is UTF-8 that was read as Latin-1; this is how it should read.
    Utf8ReadAsLatin1(String),
    /// It consists of Latin-1 signs that nothing is named with, and cannot be repaired.
    Latin1,
    /// It is UTF-8 that was read as GB18030; this is how it should read.
    Utf8ReadAsGb18030(String),
    /// It is GB18030 that was read as UTF-8 and happened to be some; this is how it should read.
    Gb18030ReadAsUtf8(String),
    /// It contains a question mark where a character was.
    QuestionMark,
    /// It contains a control character.
    Control,
    /// It contains a private-use character, which reads differently on every machine.
    PrivateUse,
}

impl Damage {
    /// How it looks damaged, in words that do not repeat the text.
    #[must_use]
    pub fn words(&self) -> &'static str {
        match self {
            Self::Lost => "contains U+FFFD or 锟斤拷, the signs of a lost character",
            Self::ReadAsLatin1(_) => "GB18030 read as Latin-1",
            Self::Utf8ReadAsLatin1(_) => "UTF-8 read as Latin-1",
            Self::Latin1 => "Latin-1 signs where Chinese should be",
            Self::Utf8ReadAsGb18030(_) => "UTF-8 read as GB18030",
            Self::Gb18030ReadAsUtf8(_) => "GB18030 read as UTF-8",
            Self::QuestionMark => "a question mark where a character was",
            Self::Control => "contains a control character",
            Self::PrivateUse => "contains a private-use character",
        }
    }

    /// How the text should read, where that can be known.
    #[must_use]
    pub fn repaired(&self) -> Option<&str> {
        match self {
            Self::ReadAsLatin1(repaired)
            | Self::Utf8ReadAsLatin1(repaired)
            | Self::Utf8ReadAsGb18030(repaired)
            | Self::Gb18030ReadAsUtf8(repaired) => Some(repaired),
            _ => None,
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "looks damaged: {}", self.words())?;
        self.repaired().map_or(Ok(()), |repaired| write!(formatter, ", perhaps {repaired}"))
    }
}

/// How a name looks damaged, if it does.
#[must_use]
pub fn damage(name: &str) -> Option<Damage> {
    if name.contains(['?', '？']) && !name.contains(char::REPLACEMENT_CHARACTER) {
        return Some(Damage::QuestionMark);
    }
    damage_of_text(name)
}

/// How a text looks damaged, if it does: an address, what somebody said. It may ask a question, but not with two question
/// marks side by side.
#[must_use]
pub fn damage_of_text(text: &str) -> Option<Damage> {
    if text.contains(char::REPLACEMENT_CHARACTER) || text.contains("锟斤拷") {
        return Some(Damage::Lost);
    }
    if ["??", "？？"].iter().any(|marks| text.contains(marks)) {
        return Some(Damage::QuestionMark);
    }
    if text.chars().any(is_private_use) {
        return Some(Damage::PrivateUse);
    }
    // Before control characters: the bytes 0x80 to 0x9f, read strictly, are some.
    if let Some(damage) = latin1(text).or_else(|| utf8_as_gb18030(text)).or_else(|| gb18030_as_utf8(text)) {
        return Some(damage);
    }
    // White space at the ends, such as a tab, is trimmed by whoever stores the text.
    text.trim().contains(char::is_control).then_some(Damage::Control)
}

/// A name or text as it is kept, damaged or not: NFC (RULES I12), blanks at the ends trimmed; other white space may be a part
/// of a damaged name. An ASCII control character is malformed: no character set makes one of a name's.
///
/// # Errors
/// What it must look like, without the text.
pub fn kept(text: &str, longest: usize) -> Result<String, String> {
    let text: String = text.trim_matches([' ', '\t', '\r', '\n', '\u{3000}']).nfc().collect();
    let length = text.chars().count();
    if text.trim().is_empty() {
        return Err("must not be empty".to_owned());
    }
    if length > longest {
        return Err(format!("must have at most {longest} characters, has {length}"));
    }
    if text.contains(|letter: char| letter.is_ascii_control()) {
        return Err("must not contain control characters".to_owned());
    }
    Ok(text)
}

/// Text of UTF-8 that was read as GB18030 throughout, such as 寮犱笁 for 张三: its bytes are UTF-8 of nothing but Chinese. What
/// was cut off at the end, where an odd byte was left, is not counted.
fn utf8_as_gb18030(text: &str) -> Option<Damage> {
    if text.chars().filter(|letter| !letter.is_ascii()).count() < 2 {
        return None;
    }
    // Readers make a euro of two bytes, and of 0x80 alone: whichever makes sense, for the first few.
    let euros = text.matches('€').take(MOST_EUROS).count();
    (0..1_u32 << euros).rev().find_map(|lone| {
        let mut bytes = Vec::with_capacity(text.len());
        for (nth, part) in text.split('€').enumerate() {
            if nth > 0 && lone >> (nth - 1).min(MOST_EUROS) & 1 == 1 {
                bytes.push(0x80);
            } else if nth > 0 {
                bytes.extend_from_slice(&GB18030.encode("€").0);
            }
            bytes.extend_from_slice(&GB18030.encode(part).0);
        }
        chinese_utf8(&bytes).map(Damage::Utf8ReadAsGb18030)
    })
}

/// The most euros of a text that are read either way.
const MOST_EUROS: usize = 4;

/// What bytes read, if they are UTF-8, but for the last character, and Chinese.
fn chinese_utf8(bytes: &[u8]) -> Option<String> {
    let read = match std::str::from_utf8(bytes) {
        Ok(read) => read,
        Err(cut) if cut.error_len().is_none() => std::str::from_utf8(bytes.get(..cut.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    let is_sound = |letter: char| is_chinese(letter) || (letter.is_ascii() && !letter.is_ascii_control());
    (read.contains(is_ideograph) && read.chars().all(is_sound)).then(|| read.to_owned())
}

/// Text of GB18030 whose bytes happened to be UTF-8 throughout: two or more letters below U+0800 that are no foreign word's.
fn gb18030_as_utf8(text: &str) -> Option<Damage> {
    let foreign: Vec<char> =
        text.chars().filter(|letter| !letter.is_ascii() && !is_punctuation(*letter)).collect();
    let below = |letter: char| letter.is_ascii() || ('\u{80}'..'\u{800}').contains(&letter);
    let is_word = text.contains(|letter: char| letter.is_ascii_alphabetic()) || is_of_one_script(&foreign);
    if foreign.len() < 2 || is_word || !text.chars().all(below) {
        return None;
    }
    let (read, failed) = GB18030.decode_without_bom_handling(text.as_bytes());
    let chinese = read.chars().all(|letter| letter.is_ascii() || is_chinese(letter));
    (!failed && chinese).then(|| Damage::Gb18030ReadAsUtf8(read.into_owned()))
}

/// Whether letters are all of one of the scripts that people are named in.
fn is_of_one_script(letters: &[char]) -> bool {
    const SCRIPTS: [std::ops::RangeInclusive<char>; 6] = [
        '\u{c0}'..='\u{24f}',
        '\u{386}'..='\u{3ce}',
        '\u{400}'..='\u{45f}',
        '\u{531}'..='\u{587}',
        '\u{5d0}'..='\u{5ea}',
        '\u{621}'..='\u{64a}',
    ];
    SCRIPTS.iter().any(|script| letters.iter().all(|letter| script.contains(letter)))
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
    if let Some(read) = rare_gb18030(bytes) {
        return Reading::Gb18030(read);
    }
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

/// What GB18030 with a character of four bytes reads, if all of it is Chinese: rare characters have a digit after each of
/// two signs, as no name has.
fn rare_gb18030(bytes: &[u8]) -> Option<String> {
    let is_four = |four: &[u8]| matches!(four, [0x81..=0xfe, b'0'..=b'9', 0x81..=0xfe, b'0'..=b'9']);
    if !bytes.windows(4).any(is_four) {
        return None;
    }
    let (read, failed) = GB18030.decode_without_bom_handling(bytes);
    let chinese = read.chars().all(|letter| letter.is_ascii() || is_chinese(letter));
    (!failed && chinese && read.chars().any(is_ideograph)).then(|| read.into_owned())
}

/// Signs of Windows' Latin-1 that stand beside Chinese and foreign names too.
fn is_punctuation(letter: char) -> bool {
    matches!(letter, '–' | '—' | '“' | '”' | '‘' | '’' | '…' | '·' | '«' | '»' | '°' | '\u{a0}')
}

/// Signs that stand in no name.
fn is_odd(letter: char) -> bool {
    !letter.is_ascii() && !letter.is_alphabetic() && !is_punctuation(letter)
}

/// Chinese characters of every block.
fn is_ideograph(letter: char) -> bool {
    matches!(
        letter,
        '\u{3007}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}'
    )
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
mod tests;
