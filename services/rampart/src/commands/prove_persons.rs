//! The law of persons, as `rampart prove` has it.

use chrono::NaiveDate;
use proto::{screening as pb, screening::prove_persons_response::Event};

use super::{access::Access, prove::Proof, reporting::instant};
use crate::output;

/// The law of persons: each in one pair of hands, each elapsed slot with one outcome, nobody gone without a
/// decision.
pub(super) async fn prove(
    (from, as_of): (Option<NaiveDate>, Option<NaiveDate>),
    access: &Access,
    proof: &mut Proof,
) -> anyhow::Result<()> {
    let [start_date, as_of_date] =
        [from, as_of].map(|date| date.map(|date| date.to_string()).unwrap_or_default());
    let request = pb::ProvePersonsRequest { start_date, as_of_date };
    let mut stream = access.screening()?.proofs().prove_persons(request).await?.into_inner();
    while let Some(message) = stream.message().await? {
        match message.event {
            Some(Event::Progress(progress)) => output::say(&format!(
                "screening {}: {} observations, {} slots",
                progress.display_name, progress.observations, progress.slots,
            )),
            Some(Event::Exception(exception)) => proof.exceptions.push(row(exception)),
            Some(Event::Verdict(verdict)) => {
                conclude(&verdict, proof);
                return Ok(());
            }
            None => {}
        }
    }
    anyhow::bail!("screening ended its proof without a verdict: nothing is proved")
}

fn conclude(verdict: &pb::PersonVerdict, proof: &mut Proof) {
    let counts = format!(
        "{} under observation = {} answered for + {} excepted, {} ended, {} slots and {} readings read, {} handed down, {} contacts of the ill, {} to look at",
        verdict.open,
        verdict.answered,
        verdict.excepted,
        verdict.ended,
        verdict.slots,
        verdict.readings,
        verdict.handdowns,
        verdict.contacts,
        verdict.listed,
    );
    // A verdict that does not hold is believed, whatever its counts.
    let broken = if verdict.holds { verdict.broken } else { verdict.broken.max(1) };
    proof.conclude("persons", broken, counts);
    output::say(&format!(
        "screening: {} as of {} in {:.1?}",
        if broken == 0 { "the law holds" } else { "the law is BROKEN" },
        instant(verdict.as_of_time),
        std::time::Duration::from_millis(u64::try_from(verdict.milliseconds).unwrap_or_default()),
    ));
}

fn row(exception: pb::PersonException) -> Vec<String> {
    let finding = output::word(exception.finding().as_str_name(), "PERSON_FINDING_");
    vec![
        "persons".to_owned(),
        finding,
        exception.breaks_the_law.to_string(),
        String::new(),
        exception.unit,
        exception.display_name,
        String::new(),
        exception.contact_name,
        exception.contact_phone,
        format!("{}: {}", exception.subject, exception.description),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_law_of_persons_is_enough() {
        let mut proof = Proof::default();
        let listed = pb::PersonVerdict { holds: true, listed: 3, ..Default::default() };
        conclude(&listed, &mut proof);
        assert!(!proof.broken, "who is lost is listed and breaks nothing");
        conclude(&pb::PersonVerdict { holds: false, ..listed }, &mut proof);
        assert!(proof.broken);
        let width = proof.verdicts[0].len();
        assert_eq!(row(pb::PersonException::default()).len(), width);
    }
}
