//! `rampart referrals …`.

use std::process::ExitCode;

use clap::ValueEnum;
use proto::screening as pb;

use super::{
    access::Access,
    observations::named,
    pages,
    readings::symptoms,
    reporting::{instant, request_id},
};
use crate::{
    output::{self, Column, Style},
    readings_file,
};

/// Persons with fever or symptoms whom a facility must look at.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List open referrals, the oldest first
    List {
        /// units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// Only of this person, persons/{uuid}
        #[arg(long, default_value = "", hide_default_value = true, value_name = "PERSON")]
        person: String,
        /// Also those that were answered
        #[arg(long)]
        answered: bool,
        /// What must be done now, in due order: what waits for its answer, or for a case
        #[arg(long, conflicts_with = "answered")]
        today: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Show a referral
    Get {
        /// referrals/{uuid}
        referral: String,
    },
    /// Refer somebody by hand, whether under observation or not: a walk-in, a febrile traveller
    Create {
        /// persons/{uuid}
        person: String,
        /// Degrees Celsius, such as 38.4
        #[arg(long, default_value_t = 0.0, hide_default_value = true, value_name = "DEGREES")]
        temperature: f64,
        /// What the person complains of, such as cough; may be repeated
        #[arg(long = "symptom", value_name = "WORD", value_parser = readings_file::symptom)]
        symptoms: Vec<pb::Symptom>,
        /// Whom it is addressed to; the township's primary care where not said
        #[arg(long = "to", default_value = "", hide_default_value = true, value_name = "TEXT")]
        to_facility: String,
    },
    /// Record what a facility says of a referred person
    Answer {
        /// referrals/{uuid}
        referral: String,
        /// What it says
        #[arg(long = "says", value_enum)]
        answer: Answer,
        /// The facility's official name
        #[arg(long, value_name = "TEXT")]
        facility: String,
        /// Where the person is sent on to
        #[arg(long = "next", default_value = "", hide_default_value = true, value_name = "TEXT")]
        next_facility: String,
    },
}

/// What a facility says.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Answer {
    /// No reason to suspect
    Cleared,
    /// Kept there for now
    Kept,
    /// Sent on to another facility
    SentOn,
    /// Suspected: a case is to be reported
    Suspected,
    /// Never arrived
    NoShow,
}

const COLUMNS: &[Column] = &[
    Column { key: "name", en: "Referral", zh: "编号" },
    Column { key: "observation", en: "Observation", zh: "观察" },
    Column { key: "person", en: "Person", zh: "人员" },
    Column { key: "responsible_unit", en: "In the hands of", zh: "责任单位" },
    Column { key: "temperature", en: "Temperature", zh: "体温" },
    Column { key: "symptoms", en: "Symptoms", zh: "症状" },
    Column { key: "opened", en: "Since", zh: "转诊时间" },
    Column { key: "deadline", en: "To be answered by", zh: "答复时限" },
    Column { key: "answer", en: "Answer", zh: "答复" },
    Column { key: "facility", en: "Facility", zh: "医疗机构" },
    Column { key: "to_facility", en: "Addressed to", zh: "转往" },
    Column { key: "next", en: "Next", zh: "后续转诊" },
    Column { key: "case_by", en: "Case to be opened by", zh: "立案时限" },
];

fn row(referral: pb::Referral) -> Vec<String> {
    let answer = match referral.answer() {
        pb::ReferralAnswer::Unspecified => String::new(),
        answer => output::word(answer.as_str_name(), "REFERRAL_ANSWER_"),
    };
    let symptoms = symptoms(referral.symptoms());
    let temperature =
        if referral.temperature > 0.0 { referral.temperature.to_string() } else { String::new() };
    vec![
        referral.name,
        referral.observation,
        referral.person,
        referral.responsible_unit,
        temperature,
        symptoms,
        instant(referral.create_time),
        instant(referral.deadline_time),
        answer,
        referral.facility,
        referral.to_facility,
        referral.next,
        instant(referral.case_deadline_time),
    ]
}

/// Runs a command on referrals.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut referrals = access.screening()?.referrals();
    let found = match command {
        Command::List { below, person, answered, today, limit } => {
            let mut request = pb::ListReferralsRequest {
                ancestor_unit: named(below, access).await?,
                answered,
                person,
                due_order: today,
                page_size: pages::size(limit),
                page_token: String::new(),
            };
            pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = referrals.list_referrals(request.clone()).await?.into_inner();
                Ok((page.referrals, page.next_page_token))
            })
            .await?
        }
        Command::Get { referral } => {
            let request = pb::GetReferralRequest { name: referral };
            referrals.get_referral(request).await?.into_inner().referral.into_iter().collect()
        }
        Command::Create { person, temperature, symptoms, to_facility } => {
            let symptoms = symptoms.into_iter().map(i32::from).collect();
            let referral = pb::Referral { person, temperature, symptoms, to_facility, ..Default::default() };
            let request = pb::CreateReferralRequest { request_id: request_id(), referral: Some(referral) };
            referrals.create_referral(request).await?.into_inner().referral.into_iter().collect()
        }
        Command::Answer { referral, answer, facility, next_facility } => {
            let answer = match answer {
                Answer::Cleared => pb::ReferralAnswer::Cleared,
                Answer::Kept => pb::ReferralAnswer::Kept,
                Answer::SentOn => pb::ReferralAnswer::SentOn,
                Answer::Suspected => pb::ReferralAnswer::Suspected,
                Answer::NoShow => pb::ReferralAnswer::NoShow,
            };
            let request = pb::AnswerReferralRequest {
                request_id: request_id(),
                name: referral,
                answer: answer.into(),
                facility,
                next_facility,
            };
            let answer = referrals.answer_referral(request).await?.into_inner();
            answer.referral.into_iter().chain(answer.next).collect()
        }
    };
    style.rows(COLUMNS, &found.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}
