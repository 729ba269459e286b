//! Persons decide here: who is who, what is known of them, and what may be seen of it.

pub mod api;
pub mod intake;
pub mod masks;
pub mod ops;
pub mod papers;
pub mod parse;
pub mod rotation;
pub mod seen;
pub mod store;

use chassis::damage::{Damage, damage, damage_of_text};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use papers::{Paper, PaperType};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use uuid::Uuid;

use crate::{
    incidents::places as place,
    keyring::{Keyring, Mark},
};

/// How long personal values are kept after they were taken in, in days, unless the law keeps them (P2).
const KEPT_DAYS: u64 = 180;

/// The most papers of a person besides the first.
pub const MOST_PAPERS: usize = 5;
/// Within how long after being found somebody must be observed, handed down, or taken for a case [K].
pub const FOLLOWED_WITHIN: TimeDelta = TimeDelta::hours(12);

/// The most digits of a short number, such as 110 or 12320.
const SHORT_NUMBER: usize = 6;

/// The most phones of a person.
pub const MOST_PHONES: usize = 5;

/// Why a person has a row (P1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i16)]
pub enum Purpose {
    /// Came back from the epidemic area or from outside.
    Returnee = 1,
    /// A close contact.
    Contact = 2,
    /// A case.
    Case = 3,
    /// Found febrile.
    Febrile = 4,
}

impl Purpose {
    /// The purpose of a number of the database or the contract.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        [Self::Returnee, Self::Contact, Self::Case, Self::Febrile]
            .into_iter()
            .find(|purpose| *purpose as i32 == number)
    }

    /// After which date the personal values may be erased; nothing for a case, whose records the law keeps.
    #[must_use]
    pub fn delete_after(self, today: NaiveDate) -> Option<NaiveDate> {
        if self == Self::Case { None } else { today.checked_add_days(Days::new(KEPT_DAYS)) }
    }
}

/// Sex, as the paper has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sex {
    /// Female.
    Female,
    /// Male.
    Male,
}

/// What is known of a person: the personal values, sealed at rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// Name, in NFC.
    pub display_name: String,
    /// Paper; the identity card where there is one.
    pub paper: Paper,
    /// Other papers of the same person.
    pub other_papers: Vec<Paper>,
    /// Date of birth.
    pub birth_date: Option<NaiveDate>,
    /// Sex.
    pub sex: Option<Sex>,
    /// Phones.
    pub phones: Vec<String>,
    /// Occupation.
    pub occupation: String,
    /// Where the person lives.
    pub address: String,
    /// Where the person is, if that is no unit.
    pub present_place: String,
    /// What else was asked and said (C10): each fact once, as the contract numbers them.
    pub facts: Vec<(i16, String)>,
}

/// By what a person is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// The paper: the same one is the same person.
    Paper = 1,
    /// Name with a phone and the date of birth: the same person, unless their papers differ.
    NamePhoneBirth = 2,
    /// Name with the date of birth: a likely double.
    NameBirth = 3,
    /// Name with a phone: a likely double.
    NamePhone = 4,
    /// A phone: nobody's key, only looked for.
    Phone = 5,
    /// The guardian's number of an infant: only looked for.
    Guardian = 6,
    /// The place where the person is, which is no unit: nobody's key, only looked for where cases are many (R8).
    Place = 7,
}

/// Under what a person is found.
pub type Marked = (Kind, Mark);

impl Details {
    /// Fills in what the paper says and nobody else did.
    #[must_use]
    pub fn completed(mut self) -> Self {
        let holder = self.papers().find_map(Paper::holder);
        if let Some((birth_date, sex)) = holder {
            self.birth_date = Some(birth_date);
            self.sex = self.sex.or(Some(sex));
        }
        self
    }

    /// Every paper.
    pub fn papers(&self) -> impl Iterator<Item = &Paper> {
        std::iter::once(&self.paper).chain(&self.other_papers)
    }

    /// Adds a paper that is not known yet; an identity card is the first of all.
    fn add_paper(&mut self, paper: Paper) {
        if paper.kind == PaperType::None || self.papers().any(|known| known.is_same(&paper)) {
            return;
        }
        let is_first = |known: &Paper| {
            known.kind == PaperType::None
                || (paper.kind == PaperType::IdentityCard && known.kind != PaperType::IdentityCard)
        };
        let other = if is_first(&self.paper) { std::mem::replace(&mut self.paper, paper) } else { paper };
        if other.kind != PaperType::None && self.other_papers.len() < MOST_PAPERS {
            self.other_papers.push(other);
        }
    }

    /// What is known after the same person was found again: what was known stays, what was not is added.
    #[must_use]
    pub fn with(mut self, found: Self) -> Self {
        std::iter::once(found.paper).chain(found.other_papers).for_each(|paper| self.add_paper(paper));
        let fill = |known: &mut String, found: String| {
            if known.is_empty() {
                *known = found;
            }
        };
        fill(&mut self.occupation, found.occupation);
        fill(&mut self.address, found.address);
        fill(&mut self.present_place, found.present_place);
        let known: Vec<i16> = self.facts.iter().map(|(fact, _)| *fact).collect();
        self.facts.extend(found.facts.into_iter().filter(|(fact, _)| !known.contains(fact)));
        self.birth_date = self.birth_date.or(found.birth_date);
        self.sex = self.sex.or(found.sex);
        let known: Vec<String> = self.phones.iter().map(|phone| digits(phone)).collect();
        self.phones.extend(found.phones.into_iter().filter(|phone| !known.contains(&digits(phone))));
        self.phones.truncate(MOST_PHONES);
        self.completed()
    }

    /// Which texts look damaged by a wrong character set (I12), and which phones are doubtful (I11), by their fields.
    #[must_use]
    pub fn damaged(&self) -> Vec<(String, Flaw)> {
        let texts = [
            ("occupation", &*self.occupation),
            ("address", &self.address),
            ("present_place", &self.present_place),
        ];
        damaged((&self.display_name, &self.phones), &texts, self.facts.iter().map(|(_, text)| &**text))
    }

    /// Whether two papers say that these are two persons, however alike the rest is.
    #[must_use]
    pub fn is_contradicted_by(&self, other: &Self) -> bool {
        let one_of_a_kind = |paper: &&Paper| !matches!(paper.kind, PaperType::None | PaperType::Infant);
        self.papers().filter(one_of_a_kind).any(|paper| {
            let mut theirs = other.papers().filter(|theirs| theirs.kind == paper.kind).peekable();
            theirs.peek().is_some() && !theirs.any(|theirs| self.papers().any(|own| own.is_same(theirs)))
        })
    }

    /// Under what the person is found, by every key of a ring.
    #[must_use]
    pub fn marks(&self, keys: &Keyring, unit: Uuid) -> Vec<Marked> {
        let name = folded(&self.display_name);
        let birth = self.birth_date.map(|date| date.to_string());
        let mut values = Vec::new();
        for paper in self.papers() {
            let value = paper_value(paper, unit, &name, birth.as_deref());
            values.extend(value.map(|value| (Kind::Paper, value)));
            if paper.kind == PaperType::Infant {
                values.push((Kind::Guardian, paper.standard_number()));
            }
        }
        if let Some(birth) = &birth {
            values.push((Kind::NameBirth, format!("{name}\n{birth}")));
        }
        for phone in &self.phones {
            let phone = digits(phone);
            if let Some(birth) = &birth {
                values.push((Kind::NamePhoneBirth, format!("{name}\n{phone}\n{birth}")));
            }
            values.push((Kind::NamePhone, format!("{name}\n{phone}")));
            values.push((Kind::Phone, phone));
        }
        let place = place::folded(&self.present_place);
        if !place.is_empty() {
            values.push((Kind::Place, place));
        }
        let marks = values.iter().flat_map(|(kind, value)| {
            keys.marks(*kind as u8, value).into_iter().map(move |mark| (*kind, mark))
        });
        marks.collect()
    }
}

/// Under what a paper is found; nothing for one that is none. A local number is one of the unit's, an infant
/// one of the guardian's.
fn paper_value(paper: &Paper, unit: Uuid, name: &str, birth: Option<&str>) -> Option<String> {
    let number = paper.standard_number();
    if number.is_empty() {
        return None;
    }
    Some(match paper.kind {
        PaperType::IdentityCard => format!("identity\n{number}"),
        PaperType::Passport => format!("passport\n{number}"),
        PaperType::HkMacaoPermit => format!("hk-macao\n{number}"),
        PaperType::TaiwanPermit => format!("taiwan\n{number}"),
        PaperType::Infant => format!("infant\n{number}\n{name}\n{}", birth.unwrap_or_default()),
        PaperType::None => format!("local\n{unit}\n{number}"),
    })
}

/// Where a paper is looked for in the hands of a unit.
#[must_use]
pub fn paper_marks(keys: &Keyring, paper: &Paper, unit: Uuid) -> Vec<Mark> {
    if paper.kind == PaperType::Infant {
        // Whose name is not said: every infant of the guardian's.
        return keys.marks(Kind::Guardian as u8, &paper.standard_number());
    }
    let value = paper_value(paper, unit, "", None);
    value.map(|value| keys.marks(Kind::Paper as u8, &value)).unwrap_or_default()
}

/// Where a phone is looked for.
#[must_use]
pub fn phone_marks(keys: &Keyring, phone: &str) -> Vec<Mark> {
    keys.marks(Kind::Phone as u8, &digits(phone))
}

/// Where who is at a place is looked for, by its name as it is compared.
#[must_use]
pub fn place_marks(keys: &Keyring, place: &str) -> Vec<Mark> {
    keys.marks(Kind::Place as u8, place)
}

/// A name as it is compared: NFC, without spaces, Latin letters small.
fn folded(name: &str) -> String {
    name.nfc().filter(|sign| !sign.is_whitespace() && *sign != '·').flat_map(char::to_lowercase).collect()
}

/// A phone as it is compared: digits, without the country.
fn digits(phone: &str) -> String {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    match digits.strip_prefix("0086").or_else(|| digits.strip_prefix("86")) {
        Some(rest) if rest.len() == 11 => rest.to_owned(),
        _ => digits,
    }
}

/// A person in a unit's hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The id.
    pub id: Uuid,
    /// The person whom this one was found to be; itself while nobody else.
    pub same_as: Uuid,
    /// Whose hands (R23).
    pub unit: Uuid,
    /// Where the person is, if that is a unit.
    pub present_unit: Option<Uuid>,
    /// Where a case is counted.
    pub counted_unit: Option<Uuid>,
    /// Why there is a row.
    pub purpose: Purpose,
    /// After which date the values may be erased.
    pub delete_after: Option<NaiveDate>,
    /// When the values were erased (P2); there are none from then on.
    pub erased_at: Option<DateTime<Utc>>,
    /// Until when somebody must have begun to follow the person up; none where that has begun, or need not be.
    pub follow_by: Option<DateTime<Utc>>,
    /// What is known; nothing where it was erased.
    pub details: Details,
    /// Counts the changes.
    pub version: i64,
    /// When the person was taken in.
    pub created_at: DateTime<Utc>,
    /// When anything changed last.
    pub updated_at: DateTime<Utc>,
}

/// What a unit said when it found a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The id.
    pub id: Uuid,
    /// The person of the unit's own.
    pub person: Uuid,
    /// Which unit.
    pub unit: Uuid,
    /// How.
    pub source: String,
    /// Who entered it.
    pub entered_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// What was said.
    pub details: Details,
}

/// What is wrong with something that was taken in all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A text looks damaged by a wrong character set.
    Text(Damage),
    /// A phone begins as a mobile's does and is none.
    Phone,
}

impl Flaw {
    /// How it should read, where that can be known.
    #[must_use]
    pub fn repaired(&self) -> Option<&str> {
        match self {
            Self::Text(damage) => damage.repaired(),
            Self::Phone => None,
        }
    }
}

/// Whether a phone begins as a mobile's does and is none: a digit is wrong, missing or too many (I11). Short numbers, numbers
/// with an area's code and those of other countries begin otherwise, or are as short as that [D].
fn is_doubtful(phone: &str) -> bool {
    let is_foreign = phone.trim_start().strip_prefix('+').is_some_and(|rest| !rest.starts_with("86"));
    let digits = digits(phone);
    let is_mobile = digits.len() == 11 && digits.as_bytes().get(1).is_some_and(|second| *second >= b'3');
    !is_foreign && digits.starts_with('1') && digits.len() > SHORT_NUMBER && !is_mobile
}

/// The flaws of what is said of a person, by their fields: the name, phones, others, and facts.
pub fn damaged<'a>(
    (display_name, phones): (&str, &[String]),
    texts: &[(&str, &str)],
    facts: impl Iterator<Item = &'a str>,
) -> Vec<(String, Flaw)> {
    let name = damage(display_name).map(|damage| ("display_name".to_owned(), damage));
    let texts = texts.iter().filter_map(|(field, text)| Some(((*field).to_owned(), damage_of_text(text)?)));
    let facts = facts
        .enumerate()
        .filter_map(|(nth, text)| Some((format!("facts[{nth}].text"), damage_of_text(text)?)));
    let texts = name.into_iter().chain(texts).chain(facts);
    let texts = texts.map(|(field, damage)| (field, Flaw::Text(damage)));
    let phones = phones.iter().enumerate().filter(|(_, phone)| is_doubtful(phone));
    texts.chain(phones.map(|(nth, _)| (format!("phones[{nth}]"), Flaw::Phone))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(number: &str, phones: &[&str]) -> Details {
        let kind = if number.is_empty() { PaperType::None } else { PaperType::IdentityCard };
        Details {
            display_name: "张样例".to_owned(),
            paper: Paper { kind, number: number.to_owned() },
            phones: phones.iter().map(|phone| (*phone).to_owned()).collect(),
            ..Details::default()
        }
        .completed()
    }

    #[test]
    fn what_was_known_stays_and_what_was_not_is_added() {
        let known = Details { address: "旧".to_owned(), ..details("", &["139 0000 1234"]) };
        let found =
            Details { address: "新".to_owned(), ..details("11010519491231002X", &["13900001234", "12"]) };
        let both = known.with(found);
        assert_eq!(both.phones, ["139 0000 1234", "12"], "the same phone is one, however it is written");
        assert_eq!(
            (both.address.as_str(), both.birth_date.unwrap().to_string().as_str()),
            ("旧", "1949-12-31")
        );
    }

    #[test]
    fn i1_a_second_paper_is_kept_and_the_person_is_found_by_both() {
        let passport = |number: &str| Paper { kind: PaperType::Passport, number: number.to_owned() };
        let known = Details { paper: passport("E12345678"), ..details("", &[]) };
        let both = known.clone().with(details("11010519491231002X", &[]));
        assert_eq!(both.paper.kind, PaperType::IdentityCard, "the card is the first");
        assert_eq!(both.other_papers, [passport("E12345678")]);
        assert_eq!(both.birth_date.unwrap().to_string(), "1949-12-31");
        assert_eq!(both.clone().with(known.clone()), both, "each is kept once");
        let keys = Keyring::parse(&Keyring::make("a").unwrap()).unwrap();
        let papers = |details: &Details| {
            let marks = details.marks(&keys, Uuid::nil()).into_iter();
            marks.filter(|(kind, _)| *kind == Kind::Paper).map(|(_, mark)| mark).collect::<Vec<_>>()
        };
        assert_eq!(papers(&both).len(), 2);
        assert!(papers(&both).contains(&papers(&known)[0]));
        let another = Details { paper: passport("E87654321"), ..details("", &[]) };
        assert!(both.is_contradicted_by(&another) && another.is_contradicted_by(&both));
        assert!(!both.is_contradicted_by(&known));
    }

    #[test]
    fn two_papers_of_a_kind_are_two_persons() {
        let one = details("11010519491231002X", &[]);
        assert!(!one.is_contradicted_by(&details("110105491231002", &[])), "an old card of the same");
        assert!(one.is_contradicted_by(&details("440524188001010014", &[])));
        assert!(!one.is_contradicted_by(&details("", &[])));
    }

    #[test]
    fn i11_a_phone_is_no_key() {
        let keys = Keyring::parse(&Keyring::make("a").unwrap()).unwrap();
        let marks = details("", &["+86 13900001234"]).marks(&keys, Uuid::nil());
        assert!(marks.iter().all(|(kind, _)| *kind > Kind::NamePhoneBirth), "{marks:?}");
        let same = details("", &["139-0000-1234"]).marks(&keys, Uuid::nil());
        assert_eq!(marks, same);
    }

    #[test]
    fn i11_a_phone_that_begins_as_a_mobile_s_and_is_none_is_doubtful() {
        for doubtful in ["1390000123", "139000012345", "12900001234", "+86 12900001234", "1290-0001"] {
            assert!(is_doubtful(doubtful), "{doubtful}");
        }
        for good in
            ["13900001234", "+86 139 0000 1234", "110", "12320", "0738-0000001", "0000-1", "+1 212 0000000"]
        {
            assert!(!is_doubtful(good), "{good}");
        }
    }

    #[test]
    fn p2_the_law_keeps_a_case() {
        let today = NaiveDate::from_ymd_opt(2020, 2, 3).unwrap();
        assert_eq!(Purpose::Case.delete_after(today), None);
        assert_eq!(Purpose::Returnee.delete_after(today), NaiveDate::from_ymd_opt(2020, 8, 1));
    }
}
