//! Sweeps: every household of a grid is visited, whoever is found is taken in, and none is closed early.

use chrono::{DateTime, Utc};
use proto::screening::{self as pb, visit::Seen, visit_result::Result as Taken};
use tests::{fields, reason, request_id, until};
use tonic::{Code, Status};

use crate::{
    ground::{Ground, NUMBER, OTHER_NUMBER, details},
    watch::on,
};

impl Ground {
    /// Sets up a sweep over the first county, as its duty officer.
    pub(crate) async fn sweep(&self) -> pb::Sweep {
        let sweep = pb::Sweep {
            display_name: "地毯式排查".to_owned(),
            unit: self.counties[0].clone(),
            facts: vec![pb::Fact::ReturnTime.into(), pb::Fact::Vehicle.into()],
            ..Default::default()
        };
        let request = pb::CreateSweepRequest { request_id: request_id(), sweep: Some(sweep) };
        let made =
            self.screening("duty-0").sweeps().create_sweep(request).await.expect("set up").into_inner();
        assert_eq!(made.grids, 2);
        made.sweep.expect("a sweep")
    }

    /// Says how many households a grid has, or which, as its leader.
    async fn target(&self, sweep: &str, grid: usize, households: i32, numbers: &[&str]) -> i64 {
        let target = pb::SweepTarget {
            grid: self.grids[grid].clone(),
            households: numbers.is_empty().then_some(households),
            numbers: numbers.iter().map(|number| (*number).to_owned()).collect(),
        };
        let request = pb::SetTargetsRequest {
            request_id: request_id(),
            sweep: sweep.to_owned(),
            targets: vec![target],
        };
        let leader = self.screening(&format!("leader-{grid}"));
        leader.sweeps().set_targets(request).await.expect("set").into_inner().households
    }

    pub(crate) async fn visit(&self, subject: &str, visits: Vec<pb::Visit>) -> Vec<Taken> {
        let request = pb::IngestVisitsRequest { visits };
        let answer = self.screening(subject).sweeps().ingest_visits(request).await.expect("an answer");
        answer.into_inner().results.into_iter().map(|result| result.result.expect("a result")).collect()
    }

    async fn progress(&self, sweep: &str, unit: &str) -> pb::GetProgressResponse {
        let request = pb::GetProgressRequest { sweep: sweep.to_owned(), unit: unit.to_owned() };
        self.screening("duty").sweeps().get_progress(request).await.expect("progress").into_inner()
    }

    async fn close_sweep(
        &self,
        sweep: &str,
        exceptions: Vec<pb::SweepException>,
    ) -> Result<pb::Sweep, Status> {
        let request = pb::CloseSweepRequest { request_id: request_id(), name: sweep.to_owned(), exceptions };
        let answer = self.screening("duty-0").sweeps().close_sweep(request).await?;
        Ok(answer.into_inner().sweep.expect("a sweep"))
    }

    /// The open enforcement requests that a subject sees.
    pub(crate) async fn enforcements(&self, subject: &str) -> Vec<pb::EnforcementRequest> {
        let request = pb::ListEnforcementRequestsRequest::default();
        let answer = self.screening(subject).enforcements().list_enforcement_requests(request).await;
        answer.expect("a list").into_inner().enforcement_requests
    }
}

pub(crate) fn visit(sweep: &str, grid: &str, at: DateTime<Utc>, seen: Seen) -> pb::Visit {
    pb::Visit {
        event_id: request_id(),
        sweep: sweep.to_owned(),
        grid: grid.to_owned(),
        time: Some(chassis::parse::timestamp(at)),
        seen: Some(seen),
        found: vec![],
    }
}

pub(crate) fn household(number: &str, outcome: pb::VisitOutcome) -> Seen {
    Seen::Household(pb::HouseholdVisit { number: number.to_owned(), outcome: outcome.into() })
}

fn accepted(taken: &Taken) -> &pb::AcceptedVisit {
    match taken {
        Taken::Accepted(accepted) => accepted,
        other => panic!("not taken in: {other:?}"),
    }
}

#[tokio::test]
async fn absent_is_visited_again_and_of_a_household_what_was_seen_last_counts() {
    let ground = Ground::build().await;
    let (sweep, grid) = (ground.sweep().await.name, ground.grids[0].clone());
    assert_eq!(ground.target(&sweep, 0, 0, &["101", "102", "103"]).await, 3);
    let at = |number: &str, outcome: pb::VisitOutcome, time: DateTime<Utc>| {
        visit(&sweep, &grid, time, household(number, outcome))
    };
    use pb::VisitOutcome::{Absent, Vacant, Visited};
    let visits = vec![
        at("101", Visited, on(2, "09:00")),
        at("102", Absent, on(2, "09:10")),
        at("103", Vacant, on(2, "09:20")),
    ];
    let taken = ground.visit("leader-0", visits.clone()).await;
    assert!(taken.iter().all(|taken| !accepted(taken).unlisted));
    let progress = ground.progress(&sweep, &grid).await.progress.expect("progress");
    assert_eq!((progress.percent, progress.absent, progress.grids_done), (66, 1, 0));
    let open = pb::ListHouseholdsRequest {
        sweep: sweep.clone(),
        grid: grid.clone(),
        open: true,
        ..Default::default()
    };
    let open =
        ground.screening("leader-0").sweeps().list_households(open).await.expect("a list").into_inner();
    assert_eq!(open.households.iter().map(|one| one.number.as_str()).collect::<Vec<_>>(), ["102"]);
    // Out of order, late, and twice.
    ground.visit("leader-0", vec![at("102", Visited, on(2, "18:00"))]).await;
    ground.visit("leader-0", vec![at("102", Absent, on(2, "17:00"))]).await;
    let again = ground.visit("leader-0", visits).await;
    assert!(again.iter().all(|taken| matches!(taken, Taken::Duplicate(_))), "{again:?}");
    let progress = ground.progress(&sweep, &grid).await.progress.expect("progress");
    assert_eq!((progress.percent, progress.visited, progress.vacant), (100, 2, 1));
    // A household that nobody has listed is one more.
    let more = ground.visit("leader-0", vec![at("104", Absent, on(2, "18:30"))]).await;
    assert!(accepted(&more[0]).unlisted);
    let progress = ground.progress(&sweep, &grid).await.progress.expect("progress");
    assert_eq!((progress.households, progress.percent), (4, 75));
}

#[tokio::test]
async fn a_sweep_is_closed_at_100_percent_or_with_every_exception_signed() {
    let ground = Ground::build().await;
    let sweep = ground.sweep().await.name;
    ground.target(&sweep, 0, 20, &[]).await;
    let tally = |visited: i32, time: &str| {
        let tally = pb::Tally { visited, refused: 1, absent: 0, vacant: 4 };
        visit(&sweep, &ground.grids[0], on(2, time), Seen::Tally(tally))
    };
    ground.visit("leader-0", vec![tally(15, "18:00"), tally(9, "12:00")]).await;
    let county = ground.progress(&sweep, &ground.counties[0]).await;
    let progress = county.progress.expect("progress");
    assert_eq!((progress.grids, progress.grids_done, progress.visited), (2, 1, 15), "the later tally counts");
    assert_eq!((progress.percent, progress.grids_without_target), (99, 1));
    assert_eq!(county.children.len(), 1);
    let refused = ground.close_sweep(&sweep, vec![]).await.expect_err("a grid has not said anything");
    assert_eq!((refused.code(), reason(&refused)), (Code::FailedPrecondition, "SWEEP_INCOMPLETE".to_owned()));
    let signed =
        pb::SweepException { grid: ground.grids[1].clone(), reason: "under water until Friday".to_owned() };
    let closed = ground.close_sweep(&sweep, vec![signed.clone()]).await.expect("closed");
    assert_eq!((closed.exceptions, closed.closed_by.as_str()), (vec![signed], "duty-0"));
    // Facts are taken in after that, and marked.
    let late = visit(&sweep, &ground.grids[1], on(2, "19:00"), household("1", pb::VisitOutcome::Visited));
    assert!(accepted(&ground.visit("leader-1", vec![late]).await[0]).after_close);
    let again = ground.close_sweep(&sweep, vec![]).await.expect_err("closed before");
    assert_eq!(reason(&again), "SWEEP_CLOSED");
}

#[tokio::test]
async fn c10_whoever_is_found_is_taken_in_with_the_facts_that_were_said() {
    let ground = Ground::build().await;
    let sweep = ground.sweep().await.name;
    let fact = pb::SaidFact { fact: pb::Fact::ReturnTime.into(), text: "1月23日".to_owned() };
    let found = pb::FoundPerson {
        details: Some(pb::PersonDetails { facts: vec![fact.clone()], ..details(NUMBER) }),
        purpose: pb::Purpose::Returnee.into(),
        ..Default::default()
    };
    let unsaid = pb::FoundPerson { purpose: 0, ..found.clone() };
    let seen = household("101", pb::VisitOutcome::Visited);
    let visits = vec![
        pb::Visit { found: vec![found], ..visit(&sweep, &ground.grids[0], on(2, "09:00"), seen.clone()) },
        pb::Visit { found: vec![unsaid], ..visit(&sweep, &ground.grids[0], on(2, "09:00"), seen) },
    ];
    let taken = ground.visit("leader-0", visits).await;
    let first = accepted(&taken[0]);
    assert_eq!(first.missing_facts, [i32::from(pb::Fact::Vehicle)]);
    let person = ground.get("leader-0", &first.persons[0]).await.expect("a person");
    assert_eq!(person.details.expect("details").facts, [fact]);
    let masked = ground.get("duty-0", &first.persons[0]).await.expect("a person");
    assert!(masked.details.expect("details").facts.is_empty(), "P6");
    let Taken::Refused(refused) = &taken[1] else { panic!("{:?}", taken[1]) };
    assert!(refused.message.starts_with("visits[1].found[0].purpose"), "{refused:?}");
}

#[tokio::test]
async fn r26_a_household_that_refuses_is_an_enforcement_request_until_it_is_settled() {
    let ground = Ground::build().await;
    let sweep = ground.sweep().await.name;
    let grid = ground.grids[0].clone();
    let at = |time: &str, outcome: pb::VisitOutcome| {
        vec![visit(&sweep, &grid, on(2, time), household("101", outcome))]
    };
    let refused = ground.visit("leader-0", at("09:00", pb::VisitOutcome::Refused)).await;
    let name = accepted(&refused[0]).enforcement_request.clone();
    let again = ground.visit("leader-0", at("10:00", pb::VisitOutcome::Refused)).await;
    assert_eq!(accepted(&again[0]).enforcement_request, name, "the same one");
    let open = ground.enforcements("duty-0").await;
    assert_eq!((open.len(), open[0].household.as_str()), (1, "101"));
    ground.advance(on(4, "00:01")).await;
    let village = ground.village(0).await;
    let digest =
        until(async || Some(ground.digest(&village).await).filter(|digest| !digest.is_empty())).await;
    assert_eq!((digest[0].kind(), &digest[0].subject), (pb::EscalationKind::EnforcementOverdue, &name));
    let (_, verdict) = ground.proof().await;
    assert!(verdict.holds && verdict.listed > 0);
    ground.visit("leader-0", at("11:00", pb::VisitOutcome::Visited)).await;
    assert!(ground.enforcements("duty-0").await.is_empty(), "they comply");
    assert!(ground.digest(&village).await.is_empty());
}

#[tokio::test]
async fn whoever_was_found_with_a_tally_that_does_not_count_is_taken_in() {
    let ground = Ground::build().await;
    let sweep = ground.sweep().await.name;
    let grid = ground.grids[0].clone();
    let seen = household("101", pb::VisitOutcome::Visited);
    ground.visit("leader-0", vec![visit(&sweep, &grid, on(2, "09:00"), seen)]).await;
    let tally = Seen::Tally(pb::Tally { visited: 5, refused: 2, ..Default::default() });
    let found = pb::FoundPerson {
        details: Some(details(NUMBER)),
        purpose: pb::Purpose::Returnee.into(),
        ..Default::default()
    };
    let tally = pb::Visit { found: vec![found], ..visit(&sweep, &grid, on(2, "10:00"), tally) };
    let taken = ground.visit("leader-0", vec![tally.clone()]).await;
    let accepted = accepted(&taken[0]);
    assert!(accepted.beside_households && accepted.persons.len() == 1, "{accepted:?}");
    let progress = ground.progress(&sweep, &grid).await.progress.expect("progress");
    assert_eq!((progress.visited, progress.refused), (1, 0), "the households go on counting");
    // Another visit under the same id is none that was taken in.
    let other = pb::Visit { found: vec![], ..tally.clone() };
    let taken = ground.visit("leader-0", vec![tally, other]).await;
    assert!(matches!(&taken[0], Taken::Duplicate(_)), "{taken:?}");
    assert!(matches!(&taken[1], Taken::Refused(why) if why.reason == "EVENT_ID_REUSED"), "{taken:?}");
}

#[tokio::test]
async fn a_grid_is_counted_or_visited_one_by_one_and_no_other_s_grid_is_either() {
    let ground = Ground::build().await;
    let sweep = ground.sweep().await.name;
    let seen = household("101", pb::VisitOutcome::Visited);
    let grid = &ground.grids[0];
    ground.visit("leader-0", vec![visit(&sweep, grid, on(2, "09:00"), seen.clone())]).await;
    let taken = ground
        .visit(
            "leader-0",
            vec![
                visit(&sweep, &ground.grids[1], on(2, "10:00"), seen.clone()),
                visit(&sweep, grid, on(4, "10:00"), seen.clone()),
                visit(&format!("sweeps/{}", request_id()), grid, on(2, "10:00"), seen.clone()),
            ],
        )
        .await;
    let reasons: Vec<_> = taken
        .iter()
        .map(|taken| match taken {
            Taken::Refused(refused) => refused.reason.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(reasons, ["NOT_FOUND", "INVALID_ARGUMENT", "NOT_FOUND"]);
    let hidden = ground.visit("leader-2", vec![visit(&sweep, &ground.grids[2], on(2, "10:00"), seen)]).await;
    assert!(matches!(&hidden[0], Taken::Refused(refused) if refused.reason == "NOT_FOUND"));
    // Whoever is covered sees the sweep; the next county does not.
    let get = |subject: &str| {
        let request = pb::GetSweepRequest { name: sweep.clone() };
        let screening = ground.screening(subject);
        async move { screening.sweeps().get_sweep(request).await.map(drop) }
    };
    get("leader-1").await.expect("covered");
    assert_eq!(get("duty-1").await.expect_err("not its own").code(), Code::NotFound);
    let list = async |subject: &str| {
        let request = pb::ListSweepsRequest::default();
        let answer = ground.screening(subject).sweeps().list_sweeps(request).await.expect("a list");
        answer.into_inner().sweeps.len()
    };
    assert_eq!((list("leader-0").await, list("leader-2").await, list("duty").await), (1, 0, 1));
}

#[tokio::test]
async fn p6_a_visit_does_not_tell_who_is_known_elsewhere() {
    let ground = Ground::build().await;
    ground.observed(2, NUMBER, "2020-02-01").await;
    let sweep = ground.sweep().await.name;
    let mut answers = Vec::new();
    for number in [NUMBER, OTHER_NUMBER] {
        let found = pb::FoundPerson {
            details: Some(details(number)),
            purpose: pb::Purpose::Returnee.into(),
            ..Default::default()
        };
        let seen = household("101", pb::VisitOutcome::Visited);
        let visit = pb::Visit { found: vec![found], ..visit(&sweep, &ground.grids[0], on(2, "09:00"), seen) };
        let mut accepted = accepted(&ground.visit("leader-0", vec![visit]).await[0]).clone();
        let person = ground.get("leader-0", &accepted.persons.remove(0)).await.expect("taken in");
        assert_eq!(person.same_as, "");
        answers.push((accepted, person.etag, person.responsible_unit));
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn d1_that_a_grid_has_no_household_is_said_and_never_assumed() {
    let ground = Ground::build().await;
    let sweep = ground.sweep().await.name;
    let set = async |target: pb::SweepTarget| {
        let request =
            pb::SetTargetsRequest { request_id: request_id(), sweep: sweep.clone(), targets: vec![target] };
        ground.screening("leader-0").sweeps().set_targets(request).await
    };
    let unsaid = pb::SweepTarget { grid: ground.grids[0].clone(), ..Default::default() };
    let refused = set(unsaid.clone()).await.expect_err("nothing was said");
    assert_eq!(fields(&refused), ["targets[0].households"]);
    let progress = ground.progress(&sweep, &ground.grids[0]).await.progress.expect("progress");
    assert_eq!((progress.grids_done, progress.grids_without_target), (0, 1));
    set(pb::SweepTarget { households: Some(0), ..unsaid }).await.expect("none live there");
    let progress = ground.progress(&sweep, &ground.grids[0]).await.progress.expect("progress");
    assert_eq!((progress.grids_done, progress.percent), (1, 100));
}

#[tokio::test]
async fn a_household_that_is_visited_beside_a_tally_takes_nothing_from_it() {
    let ground = Ground::build().await;
    let (sweep, grid) = (ground.sweep().await.name, ground.grids[0].clone());
    ground.target(&sweep, 0, 2, &[]).await;
    let tally = |visited: i32, absent: i32, time: &str| {
        let tally = pb::Tally { visited, absent, ..Default::default() };
        visit(&sweep, &grid, on(2, time), Seen::Tally(tally))
    };
    let one = |number: &str, time: &str| {
        visit(&sweep, &grid, on(2, time), household(number, pb::VisitOutcome::Visited))
    };
    let so_far = async || {
        let progress = ground.progress(&sweep, &grid).await.progress.expect("progress");
        (progress.visited, progress.absent, progress.percent)
    };
    ground.visit("leader-0", vec![tally(1, 1, "09:00")]).await;
    let beside = ground.visit("leader-0", vec![one("101", "10:00")]).await;
    assert!(accepted(&beside[0]).beside_tally);
    assert_eq!(so_far().await, (1, 1, 50), "the tally goes on counting");
    let later = ground.visit("leader-0", vec![tally(1, 0, "11:00")]).await;
    assert!(!accepted(&later[0]).after_close, "a grid that counts goes on counting");
    let all = ground.visit("leader-0", vec![one("101", "12:00"), one("102", "12:10")]).await;
    assert!(!accepted(&all[1]).beside_tally, "they account for as many");
    assert_eq!(so_far().await, (2, 0, 100));
}

#[tokio::test]
async fn a_grid_that_is_closed_during_a_sweep_counts_and_is_visited_with_the_unit_it_stands_with() {
    let ground = Ground::build().await;
    let (sweep, grid) = (ground.sweep().await.name, ground.grids[1].clone());
    ground.target(&sweep, 0, 0, &[]).await;
    ground.close(1).await;
    let request = pb::ListPersonsRequest { ancestor_unit: grid.clone(), ..Default::default() };
    until(async || ground.screening("duty").persons().list_persons(request.clone()).await.err()).await;
    let county = async || ground.progress(&sweep, &ground.counties[0]).await.progress.expect("progress");
    let before = county().await;
    assert_eq!((before.grids, before.grids_done, before.percent), (2, 1, 0), "CloseSweep demands both");
    let target = pb::SweepTarget { grid: grid.clone(), households: Some(1), numbers: vec![] };
    let (request_id, name) = (request_id(), sweep.clone());
    let request = pb::SetTargetsRequest { request_id, sweep: name, targets: vec![target] };
    ground.screening("duty-0").sweeps().set_targets(request).await.expect("set");
    let found = pb::FoundPerson {
        details: Some(details(NUMBER)),
        purpose: pb::Purpose::Returnee.into(),
        ..Default::default()
    };
    let seen = household("101", pb::VisitOutcome::Visited);
    let visits = vec![pb::Visit { found: vec![found], ..visit(&sweep, &grid, on(2, "09:00"), seen) }];
    let taken = ground.visit("duty-0", visits).await;
    let person = &accepted(&taken[0]).persons[0];
    let village = ground.village(0).await;
    assert_eq!(ground.get("duty-0", person).await.expect("one").responsible_unit, village);
    assert_eq!(county().await.percent, 100);
    ground.close_sweep(&sweep, vec![]).await.expect("every grid is done");
}

#[tokio::test]
async fn c8_whoever_is_found_with_an_exposure_is_observed_by_the_same_call_and_the_others_are_waited_for() {
    let ground = Ground::build().await;
    let sweep = ground.sweep().await.name;
    let person = |number: &str| pb::FoundPerson {
        details: Some(details(number)),
        purpose: pb::Purpose::Returnee.into(),
        ..Default::default()
    };
    let observed = pb::FoundPerson {
        basis: pb::Basis::Returnee.into(),
        last_exposure_date: "2020-01-24".to_owned(),
        ..person(NUMBER)
    };
    let half = pb::FoundPerson { basis: 0, ..observed.clone() };
    let at = |found: Vec<pb::FoundPerson>| pb::Visit {
        found,
        ..visit(&sweep, &ground.grids[0], on(2, "09:00"), household("101", pb::VisitOutcome::Visited))
    };
    let taken =
        ground.visit("leader-0", vec![at(vec![observed, person(OTHER_NUMBER)]), at(vec![half])]).await;
    let first = accepted(&taken[0]);
    let observation = ground.observation("leader-0", &first.observations[0]).await.expect("observed");
    assert_eq!(
        (&observation.person, observation.last_exposure_date.as_str()),
        (&first.persons[0], "2020-01-24")
    );
    assert_eq!(first.observations[1], "");
    assert_eq!(ground.unfollowed("leader-0").await, std::slice::from_ref(&first.persons[1]));
    let Taken::Refused(refused) = &taken[1] else { panic!("{:?}", taken[1]) };
    assert!(refused.message.starts_with("visits[1].found[0].basis"), "{refused:?}");
}

#[tokio::test]
async fn r26_refusals_that_a_grid_counts_are_one_request_with_their_number() {
    let ground = Ground::build().await;
    let (sweep, grid) = (ground.sweep().await.name, ground.grids[0].clone());
    ground.target(&sweep, 0, 20, &[]).await;
    let tally = async |refused: i32, time: &str| {
        let tally = pb::Tally { visited: 10, refused, ..Default::default() };
        let taken =
            ground.visit("leader-0", vec![visit(&sweep, &grid, on(2, time), Seen::Tally(tally))]).await;
        accepted(&taken[0]).enforcement_request.clone()
    };
    let name = tally(2, "09:00").await;
    assert_eq!(tally(3, "12:00").await, name, "the same one");
    tally(9, "11:00").await;
    let open = ground.enforcements("duty-0").await;
    assert_eq!((open.len(), open[0].households, &open[0].unit), (1, 3, &grid), "what was said last counts");
    assert_eq!(tally(0, "15:00").await, "");
    assert!(ground.enforcements("duty-0").await.is_empty(), "nobody refuses any more");
}
