//! The further cases of the week and their contacts, those who are discharged, and what is still to be investigated.

use anyhow::Context as _;
use proto::screening::{self as pb, exposure_item::Contact as Who};
use serde::{Deserialize, Serialize};

use super::{Day, LAST, Week, plan};
use crate::{
    client::Screening,
    demo::{
        persons::{
            cases::{classified, discharged, exposed, marked, opened, reported, tested, weighed},
            evening::observations,
            people, refused,
        },
        stage::{START, at, date, patiently, request_id},
    },
};

/// What kind of artificial persons the contacts are, and how many each case has.
const CONTACTS: u32 = 5;
const CONTACTS_EACH: usize = 3;
/// The minute of the day at which who is ill was found to be.
const FOUND: i64 = 640;

/// Somebody under observation who falls ill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ill {
    /// The number in the week.
    nth: usize,
    /// On which day, so many after the 3rd.
    pub(super) day: i64,
    /// observations/{uuid}.
    pub(super) observation: String,
    person: String,
    unit: String,
}

/// Somebody ill who is to be discharged.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Well {
    case: String,
    person: String,
    unit: String,
}

impl Week<'_> {
    /// Who falls ill in the week: contacts, spread over the towns; towards its end, returnees who came last.
    pub(super) async fn who_falls_ill(&self) -> anyhow::Result<Vec<Ill>> {
        let active = pb::ObservationState::Active;
        let mut open = observations(&self.city, &self.tree.city.unit, active).await?;
        let town = |one: &pb::Observation| {
            (self.codes.get(one.responsible_unit.as_str()).copied().unwrap_or_default(), one.name.clone())
        };
        open.sort_by(|one, other| town(one).cmp(&town(other)));
        let (contacts, others): (Vec<_>, Vec<_>) =
            open.iter().partition(|one| one.basis() == pb::Basis::ContactOfCase);
        let last: Vec<_> = others.into_iter().filter(|one| one.last_exposure_date == "2020-02-01").collect();
        let days: Vec<i64> =
            (1..=LAST).flat_map(|day| std::iter::repeat_n(day, plan::confirmed_on(day))).collect();
        let early = days.iter().filter(|day| **day <= plan::CONTACTS_UNTIL).count();
        let among = |of: &[&pb::Observation], count: usize| {
            plan::spread(of.len(), count).map(|at| of[at].clone()).collect::<Vec<_>>()
        };
        let chosen = [among(&contacts, early), among(&last, days.len() - early)].concat();
        anyhow::ensure!(chosen.len() == days.len(), "there are too few under observation");
        let ill = chosen.into_iter().zip(days).enumerate().map(|(nth, (one, day))| Ill {
            nth,
            day,
            observation: one.name,
            person: one.person,
            unit: one.responsible_unit,
        });
        Ok(ill.collect())
    }

    /// Confirms whoever falls ill on a day, discharges who is well again, and investigates those of the day before.
    pub(super) async fn cases(&self, day: i64, ill: &[Ill], came: &mut Day) -> anyhow::Result<()> {
        self.investigated(day).await?;
        for one in ill {
            self.confirmed(one).await?;
        }
        came.confirmed = ill.len();
        let well = self.journal.once("who gets well", self.who_gets_well()).await?;
        let before: usize = (1..day).map(plan::discharged_on).sum();
        for one in well.iter().skip(before).take(plan::discharged_on(day)) {
            let health = self.health(&one.unit)?;
            discharged(health, (&one.case, &one.person), day * 1_440 + 660).await?;
            came.discharged += 1;
        }
        for health in self.health.values() {
            reported(health).await?;
        }
        Ok(())
    }

    fn health(&self, unit: &str) -> anyhow::Result<&Screening> {
        self.health.get(self.county(unit)).context("a county without a health officer")
    }

    /// Febrile this morning, seen, tested, confirmed, reported, and in hospital; those whom they met are followed.
    async fn confirmed(&self, one: &Ill) -> anyhow::Result<()> {
        let health = self.health(&one.unit)?;
        self.suspected_at_the_clinic(health, one).await?;
        let found = one.day * 1_440 + FOUND;
        let case = opened(health, &one.person, &date(one.day - 1)).await?;
        let result = tested(health, &one.person, pb::TestOutcome::Positive, found - 15).await?;
        classified(health, &case, (pb::CaseState::Confirmed, &result, Some(found))).await?;
        let steps = [
            (pb::CaseStep::Reported, 10),
            (pb::CaseStep::Audited, 20),
            (pb::CaseStep::Isolated, 25),
            (pb::CaseStep::Treated, 28),
        ];
        for (step, after) in steps {
            marked(health, &case, step, found + after).await?;
        }
        weighed(health, &case, pb::Severity::Ordinary).await?;
        let met = (0..CONTACTS_EACH).map(|at| {
            let nth = one.nth * CONTACTS_EACH + at;
            pb::ExposureItem {
                event_id: request_id(&format!("exposure of the week {nth}")),
                index: one.person.clone(),
                contact: Some(Who::Details(people::person(CONTACTS, nth))),
                kind: pb::ContactKind::SharedMeal.into(),
                first_time: Some(chassis::parse::timestamp(at_noon_before(one.day))),
                ..pb::ExposureItem::default()
            }
        });
        exposed(health, &one.unit, met.collect()).await?;
        Ok(())
    }

    /// The fever clinic has seen who was febrile, and suspects them.
    async fn suspected_at_the_clinic(&self, health: &Screening, one: &Ill) -> anyhow::Result<()> {
        let request = pb::ListReferralsRequest {
            ancestor_unit: one.unit.clone(),
            page_size: 1_000,
            ..Default::default()
        };
        let open = health.referrals().list_referrals(request).await.map_err(refused("referrals"))?;
        for referral in open.into_inner().referrals {
            if referral.observation == one.observation {
                let request = pb::AnswerReferralRequest {
                    request_id: request_id(&format!("answer {}", referral.name)),
                    name: referral.name.clone(),
                    answer: pb::ReferralAnswer::Suspected.into(),
                    facility: "县定点医院发热门诊".to_owned(),
                    next_facility: String::new(),
                };
                let answer = || async { health.referrals().answer_referral(request.clone()).await };
                patiently(answer).await.map_err(refused("an answer"))?;
            }
        }
        Ok(())
    }

    /// Who is discharged in the week: those who were ill before the 3rd, and are not severe.
    async fn who_gets_well(&self) -> anyhow::Result<Vec<Well>> {
        let cases = self.confirmed_cases().await?;
        let is_early = |case: &&pb::Case| {
            case.severity() != pb::Severity::Severe
                && case.confirm_time.is_some_and(|time| time.seconds < START.timestamp())
        };
        let count = usize::try_from(plan::DISCHARGED)?;
        let well: Vec<_> = cases
            .iter()
            .filter(is_early)
            .take(count)
            .map(|case| Well {
                case: case.name.clone(),
                person: case.person.clone(),
                unit: case.responsible_unit.clone(),
            })
            .collect();
        anyhow::ensure!(well.len() == count, "there are too few who could be discharged");
        Ok(well)
    }

    /// Marks as investigated who was found before a day, and is to be within 24 hours of the report (R9).
    async fn investigated(&self, day: i64) -> anyhow::Result<()> {
        for case in self.confirmed_cases().await? {
            let is_open = case
                .clocks
                .iter()
                .any(|clock| clock.step() == pb::CaseStep::Investigated && clock.done_time.is_none());
            let midnight = at(day * 1_440).timestamp();
            if is_open && case.found_time.is_some_and(|found| found.seconds < midnight) {
                let health = self.health(&case.responsible_unit)?;
                marked(health, &case.name, pb::CaseStep::Investigated, day * 1_440 + 540).await?;
            }
        }
        Ok(())
    }

    /// The confirmed cases that are in hospital, the oldest first.
    async fn confirmed_cases(&self) -> anyhow::Result<Vec<pb::Case>> {
        let request = pb::ListCasesRequest {
            ancestor_unit: self.tree.city.unit.clone(),
            state: pb::CaseState::Confirmed.into(),
            page_size: 1_000,
            ..Default::default()
        };
        let found = self.city.cases().list_cases(request).await.map_err(refused("cases"))?;
        Ok(found.into_inner().cases)
    }
}

/// Noon of the day before one.
fn at_noon_before(day: i64) -> chrono::DateTime<chrono::Utc> {
    at(day * 1_440 - 720)
}
