//! `rampart persons …`.

use std::process::ExitCode;

use clap::ValueEnum;
use proto::screening as pb;

use super::{
    access::Access,
    pages,
    reporting::{instant, request_id},
    units::resolve,
};
use crate::output::{self, Column, Style};

/// Persons who must be followed up, each in one unit's hands.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Take in a person whom a unit has found; always succeeds, whether or not the person is known
    Intake(Box<Intake>),
    /// Show one person: masked, unless the person is in your own hands
    Get {
        /// persons/{uuid}
        person: String,
    },
    /// List the persons in the hands of a unit and of those below it, or all you may see
    List {
        /// units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// Only with this purpose
        #[arg(long, value_enum)]
        purpose: Option<Purpose>,
        /// Only with this identity number, or with that of another --paper-type
        #[arg(long, value_name = "NUMBER")]
        paper: Option<String>,
        /// The type of --paper
        #[arg(long, value_enum, default_value = "identity-card")]
        paper_type: PaperType,
        /// Only with this phone
        #[arg(long, default_value = "", hide_default_value = true, value_name = "PHONE")]
        phone: String,
        /// What must be done now: only whoever was found and is followed up by nobody, in due order
        #[arg(long)]
        today: bool,
        /// Only whose texts look damaged by a wrong character set, to be asked for and repaired
        #[arg(long)]
        damaged: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Decide that nobody need follow a person up: entered in error, or nothing is left to do
    Waive {
        /// persons/{uuid}
        person: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Show a person's values whole, for a reason, which is kept with your name
    Reveal {
        /// persons/{uuid}
        person: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Join two persons who are one; both names stay good
    Merge {
        /// The person who is kept, persons/{uuid}
        kept: String,
        /// The person who is the same one, persons/{uuid}
        merged: String,
        /// Why they are one
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// List who saw a person's values whole, the latest first
    Accesses {
        /// persons/{uuid}
        person: String,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: i32,
    },
}

/// What is said of a person.
#[derive(Debug, clap::Args)]
pub(crate) struct Intake {
    /// Name
    name: String,
    /// Whose hands: units/{uuid}, or SYSTEM/VINTAGE/CODE
    #[arg(long, value_name = "UNIT")]
    unit: String,
    /// Why the person must be followed up
    #[arg(long, value_enum)]
    purpose: Purpose,
    /// Number of the paper
    #[arg(long, default_value = "", hide_default_value = true, value_name = "NUMBER")]
    paper: String,
    /// Type of the paper [default: identity-card where there is a number, else none]
    #[arg(long, value_enum)]
    paper_type: Option<PaperType>,
    /// Date of birth; an identity card says it
    #[arg(long, default_value = "", hide_default_value = true, value_name = "DATE")]
    born: String,
    /// Phone; may be repeated
    #[arg(long = "phone", value_name = "PHONE")]
    phones: Vec<String>,
    /// Where the person lives
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    address: String,
    /// Occupation
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    occupation: String,
    /// Where the person is, if that is no unit: a hotel, a work site
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    place: String,
    /// What else was asked and said, such as return_time=2020-01-23 or vehicle=G1234: return_time, place, itinerary,
    /// vehicle, case_contact, health, measures, family
    #[arg(long = "fact", value_name = "FACT=TEXT", value_parser = fact)]
    facts: Vec<pb::SaidFact>,
    /// How the person was found
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    source: String,
}

/// Why a person has a row.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Purpose {
    /// Came back from the epidemic area or from outside
    Returnee,
    /// A close contact
    Contact,
    /// A case
    Case,
    /// Found febrile
    Febrile,
}

impl From<Purpose> for pb::Purpose {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Returnee => Self::Returnee,
            Purpose::Contact => Self::Contact,
            Purpose::Case => Self::Case,
            Purpose::Febrile => Self::Febrile,
        }
    }
}

/// Kinds of papers.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PaperType {
    /// Resident identity card
    IdentityCard,
    /// Passport
    Passport,
    /// Permit of Hong Kong and Macao residents
    HkMacaoPermit,
    /// Permit of Taiwan residents
    TaiwanPermit,
    /// An infant, by the guardian's identity card
    Infant,
    /// None: a local number
    None,
}

impl From<PaperType> for pb::PaperType {
    fn from(kind: PaperType) -> Self {
        match kind {
            PaperType::IdentityCard => Self::IdentityCard,
            PaperType::Passport => Self::Passport,
            PaperType::HkMacaoPermit => Self::HkMacaoPermit,
            PaperType::TaiwanPermit => Self::TaiwanPermit,
            PaperType::Infant => Self::Infant,
            PaperType::None => Self::None,
        }
    }
}

const COLUMNS: &[Column] = &[
    Column { key: "name", en: "Person", zh: "编号" },
    Column { key: "display_name", en: "Name", zh: "姓名" },
    Column { key: "paper", en: "Paper", zh: "证件号码" },
    Column { key: "birth_date", en: "Born", zh: "出生日期" },
    Column { key: "phones", en: "Phones", zh: "电话" },
    Column { key: "address", en: "Address", zh: "住址" },
    Column { key: "purpose", en: "Purpose", zh: "类别" },
    Column { key: "responsible_unit", en: "In the hands of", zh: "责任单位" },
    Column { key: "same_as", en: "Same as", zh: "同一人" },
    Column { key: "follow_by", en: "Follow up by", zh: "管控时限" },
    Column { key: "erased", en: "Erased", zh: "删除时间" },
    Column { key: "damaged", en: "Looks damaged", zh: "疑似乱码" },
];

const ACCESSES: &[Column] = &[
    Column { key: "time", en: "Time", zh: "时间" },
    Column { key: "subject", en: "Who", zh: "查看人" },
    Column { key: "reason", en: "Why", zh: "理由" },
];

fn paper(number: String, kind: Option<PaperType>) -> pb::Paper {
    let usual = if number.is_empty() { PaperType::None } else { PaperType::IdentityCard };
    pb::Paper { r#type: pb::PaperType::from(kind.unwrap_or(usual)).into(), number }
}

fn row(person: pb::Person) -> Vec<String> {
    let purpose = output::word(person.purpose().as_str_name(), "PURPOSE_");
    let damaged = person.damaged.iter().map(damage).collect::<Vec<_>>().join("; ");
    let details = person.details.unwrap_or_default();
    vec![
        person.name,
        details.display_name,
        details.paper.unwrap_or_default().number,
        details.birth_date,
        details.phones.join(" "),
        details.address,
        purpose,
        person.responsible_unit,
        person.same_as,
        instant(person.follow_up_time),
        instant(person.erase_time),
        damaged,
    ]
}

/// A text that looks damaged: where, how, and how it should read.
fn damage(one: &pb::DamagedText) -> String {
    let likely = if one.likely.is_empty() { String::new() } else { format!(", perhaps {}", one.likely) };
    format!("{}: {}{likely}", one.field, output::word(one.damage().as_str_name(), "TEXT_DAMAGE_"))
}

/// Runs a command on persons.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut persons = access.screening()?.persons();
    let found: Vec<pb::Person> = match command {
        Command::Intake(said) => return intake(*said, access, style).await,
        Command::Accesses { person, limit } => {
            let request = pb::ListAccessesRequest {
                person,
                page_size: limit.clamp(1, 1_000),
                page_token: String::new(),
            };
            let accesses = persons.list_accesses(request).await?.into_inner().accesses;
            let rows =
                accesses.into_iter().map(|access| vec![instant(access.time), access.subject, access.reason]);
            style.rows(ACCESSES, &rows.collect::<Vec<_>>())?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Get { person } => {
            let request = pb::GetPersonRequest { name: person };
            persons.get_person(request).await?.into_inner().person.into_iter().collect()
        }
        Command::List { below, purpose, paper: number, paper_type, phone, today, damaged, limit } => {
            let ancestor_unit = match below {
                Some(unit) => resolve(access, &unit).await?,
                None => String::new(),
            };
            let mut request = pb::ListPersonsRequest {
                ancestor_unit,
                purpose: purpose.map_or(0, |purpose| pb::Purpose::from(purpose).into()),
                paper: number.map(|number| paper(number, Some(paper_type))),
                phone,
                unfollowed: today,
                damaged,
                page_size: pages::size(limit),
                page_token: String::new(),
            };
            pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = persons.list_persons(request.clone()).await?.into_inner();
                Ok((page.persons, page.next_page_token))
            })
            .await?
        }
        Command::Waive { person, reason } => {
            let request = pb::WaiveFollowUpRequest { request_id: request_id(), name: person, reason };
            persons.waive_follow_up(request).await?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Reveal { person, reason } => {
            let request = pb::RevealPersonRequest { request_id: request_id(), name: person, reason };
            persons.reveal_person(request).await?.into_inner().person.into_iter().collect()
        }
        Command::Merge { kept, merged, reason } => {
            let request = pb::MergePersonsRequest { request_id: request_id(), kept, merged, reason };
            persons.merge_persons(request).await?.into_inner().person.into_iter().collect()
        }
    };
    style.rows(COLUMNS, &found.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

/// A fact and what was said of it.
fn fact(text: &str) -> Result<pb::SaidFact, String> {
    let (fact, said) = text.split_once('=').ok_or("must be FACT=TEXT, such as vehicle=G1234")?;
    let fact = pb::Fact::from_str_name(&format!("FACT_{}", fact.trim().to_uppercase()));
    let fact = fact.ok_or_else(|| format!("{text:?} begins with no fact there is"))?;
    Ok(pb::SaidFact { fact: fact.into(), text: said.trim().to_owned() })
}

async fn intake(said: Intake, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let details = pb::PersonDetails {
        display_name: said.name,
        paper: Some(paper(said.paper, said.paper_type)),
        birth_date: said.born,
        sex: pb::Sex::Unspecified.into(),
        phones: said.phones,
        occupation: said.occupation,
        address: said.address,
        present_place: said.place,
        facts: said.facts,
        ..pb::PersonDetails::default()
    };
    let person = pb::Person {
        details: Some(details),
        responsible_unit: resolve(access, &said.unit).await?,
        purpose: pb::Purpose::from(said.purpose).into(),
        ..pb::Person::default()
    };
    let request =
        pb::IntakePersonRequest { request_id: request_id(), person: Some(person), source: said.source };
    let answer = access.screening()?.persons().intake_person(request).await?.into_inner();
    style.rows(COLUMNS, &answer.person.into_iter().map(row).collect::<Vec<_>>())?;
    if answer.known {
        output::say("known: in these hands already; what is new was added");
    }
    if !answer.likely_doubles.is_empty() {
        output::say(&format!("perhaps the same: {}", answer.likely_doubles.join(", ")));
    }
    Ok(ExitCode::SUCCESS)
}
