//! What each list of screening says must be done.

use proto::screening as pb;

use super::Task;
use crate::{client::Screening, commands::pages, output};

/// The rows of a list, or those of them that are asked for: so many at the most.
macro_rules! all {
    ($client:expr, $method:ident, $request:expr, $rows:ident, $limit:expr) => {
        all!($client, $method, $request, $rows, $limit, |_| true)
    };
    ($client:expr, $method:ident, $request:expr, $rows:ident, $limit:expr, $asked:expr) => {{
        let (mut client, mut request) = ($client, $request);
        request.page_size = pages::size($limit);
        pages::up_to($limit, async |page_token| {
            request.page_token = page_token;
            let page = client.$method(request.clone()).await?.into_inner();
            Ok((page.$rows.into_iter().filter($asked).collect(), page.next_page_token))
        })
        .await?
    }};
}

/// Readings that are due, were missed, or after which a release is.
pub(super) async fn work(screening: &Screening, below: &str, limit: usize) -> anyhow::Result<Vec<Task>> {
    let ancestor_unit = below.to_owned();
    let request = pb::ListWorkRequest { ancestor_unit, ..Default::default() };
    let all = all!(screening.readings(), list_work, request, work, limit);
    let task = |work: pb::Work| {
        let observation = work.observation.unwrap_or_default();
        let slot = work.slot.and_then(|slot| slot.close_time);
        let what = match (slot, observation.state()) {
            (_, pb::ObservationState::Lost) => "find",
            (Some(_), _) => "take a reading",
            (None, pb::ObservationState::ReleaseDue) => "release",
            (None, _) => "visit again: not read",
        };
        let more = match work.missed_in_a_row {
            0 => String::new(),
            count => format!("{count} missed in a row"),
        };
        let due = slot.or(observation.due_time);
        Task {
            due,
            what,
            subject: observation.name,
            person: observation.person,
            unit: observation.responsible_unit,
            more,
        }
    };
    Ok(all.into_iter().map(task).collect())
}

/// Whoever was found and is followed up by nobody, of those who are asked for.
pub(super) async fn persons(
    screening: &Screening,
    below: &str,
    limit: usize,
    asked: impl Fn(&pb::Person) -> bool,
) -> anyhow::Result<Vec<Task>> {
    let request =
        pb::ListPersonsRequest { ancestor_unit: below.to_owned(), unfollowed: true, ..Default::default() };
    let all = all!(screening.persons(), list_persons, request, persons, limit, &asked);
    let task = |person: pb::Person| Task {
        due: person.follow_up_time,
        what: "put under observation",
        more: output::word(person.purpose().as_str_name(), "PURPOSE_"),
        subject: person.name.clone(),
        person: person.name,
        unit: person.responsible_unit,
    };
    Ok(all.into_iter().map(task).collect())
}

/// Exposures of which nobody has said who the index is: they have no hour.
pub(super) async fn dangling(screening: &Screening, below: &str, limit: usize) -> anyhow::Result<Vec<Task>> {
    let request =
        pb::ListExposuresRequest { ancestor_unit: below.to_owned(), dangling: true, ..Default::default() };
    let all = all!(screening.exposures(), list_exposures, request, exposures, limit);
    let task = |one: pb::Exposure| Task {
        due: None,
        what: "say who the index is",
        subject: one.name,
        person: one.contact,
        unit: one.contact_unit,
        more: one.index_reference,
    };
    Ok(all.into_iter().map(task).collect())
}

/// Contacts of whom no index is left, as they are put before a unit.
pub(super) async fn undecided(screening: &Screening, below: &str, limit: usize) -> anyhow::Result<Vec<Task>> {
    if below.is_empty() {
        return Ok(Vec::new());
    }
    let holder_unit = below.to_owned();
    let request = pb::ListEscalationsRequest { holder_unit, ..Default::default() };
    let undecided = |one: &pb::Escalation| one.kind() == pb::EscalationKind::ContactUndecided;
    let all = all!(screening.escalations(), list_escalations, request, escalations, limit, &undecided);
    let task = |one: pb::Escalation| Task {
        due: one.since_time,
        what: "keep or void the observation",
        subject: one.subject,
        person: one.person,
        unit: one.responsible_unit,
        more: "no index is left".to_owned(),
    };
    Ok(all.into_iter().map(task).collect())
}

/// Hand-downs to send, to acknowledge, and to verify.
pub(super) async fn handdowns(screening: &Screening, below: &str, limit: usize) -> anyhow::Result<Vec<Task>> {
    let mut tasks = Vec::new();
    let created = pb::HanddownState::Created;
    for outgoing in [false, true] {
        let request = pb::ListHanddownsRequest {
            ancestor_unit: below.to_owned(),
            incoming: !outgoing,
            outgoing,
            state: if outgoing { created.into() } else { 0 },
            due_order: true,
            ..Default::default()
        };
        let all = all!(screening.handdowns(), list_handdowns, request, handdowns, limit);
        // What is still to be sent is the sender's to do.
        let own = all.into_iter().filter(|one| outgoing || one.state() != created);
        tasks.extend(own.map(|one| Task {
            due: one.due_time,
            what: match one.state() {
                pb::HanddownState::Created => "send down",
                pb::HanddownState::Sent => "acknowledge",
                pb::HanddownState::NotFound => "find",
                _ => "verify",
            },
            more: if one.urgent { "urgent".to_owned() } else { String::new() },
            unit: if outgoing { one.from_unit } else { one.to_unit },
            subject: one.name,
            person: one.person,
        }));
    }
    Ok(tasks)
}

/// Lists that have not come, and those that are expected of today still.
pub(super) async fn lists(screening: &Screening, below: &str, limit: usize) -> anyhow::Result<Vec<Task>> {
    let ancestor_unit = below.to_owned();
    let request = pb::ListMissingListsRequest { ancestor_unit: ancestor_unit.clone(), ..Default::default() };
    let mut all = all!(screening.expected_lists(), list_missing_lists, request, expected_lists, limit);
    let request = pb::ListExpectedListsRequest { ancestor_unit, ..Default::default() };
    let expected = |day: &pb::ExpectedListDay| day.state() == pb::ListState::Expected;
    let today =
        all!(screening.expected_lists(), list_expected_lists, request, expected_lists, limit, &expected);
    all.extend(today);
    let task = |day: pb::ExpectedListDay| Task {
        due: day.due_time,
        what: if expected(&day) { "take the list in" } else { "get the list, or say nil" },
        more: format!(
            "{} {} of {}",
            output::word(day.kind().as_str_name(), "LIST_KIND_"),
            day.source_name,
            day.date
        ),
        subject: day.expected_list,
        unit: day.unit,
        person: String::new(),
    };
    Ok(all.into_iter().map(task).collect())
}

/// Referrals without an answer, and those of whom is suspected and no case is open yet.
pub(super) async fn referrals(screening: &Screening, below: &str, limit: usize) -> anyhow::Result<Vec<Task>> {
    let request =
        pb::ListReferralsRequest { ancestor_unit: below.to_owned(), due_order: true, ..Default::default() };
    let all = all!(screening.referrals(), list_referrals, request, referrals, limit);
    let task = |one: pb::Referral| Task {
        due: one.case_deadline_time.or(one.deadline_time),
        what: if one.case_deadline_time.is_some() { "open a case" } else { "get the referral answered" },
        subject: one.name,
        person: one.person,
        unit: one.responsible_unit,
        more: String::new(),
    };
    Ok(all.into_iter().map(task).collect())
}

/// Results that somebody must act on.
pub(super) async fn results(screening: &Screening, below: &str, limit: usize) -> anyhow::Result<Vec<Task>> {
    let request =
        pb::ListResultsRequest { ancestor_unit: below.to_owned(), due_order: true, ..Default::default() };
    let all = all!(screening.results(), list_results, request, results, limit);
    let task = |one: pb::Result| Task {
        due: one.deadline_time,
        what: "handle the result",
        more: output::word(one.outcome().as_str_name(), "TEST_OUTCOME_"),
        subject: one.name,
        person: one.person,
        unit: one.responsible_unit,
    };
    Ok(all.into_iter().map(task).collect())
}

/// Cases of which a clock runs: the step that is due first (R5, R6, R9, R18).
pub(super) async fn cases(screening: &Screening, below: &str, limit: usize) -> anyhow::Result<Vec<Task>> {
    let request =
        pb::ListCasesRequest { ancestor_unit: below.to_owned(), due_order: true, ..Default::default() };
    let all = all!(screening.cases(), list_cases, request, cases, limit);
    let task = |one: pb::Case| {
        let waiting = one.clocks.iter().filter(|clock| clock.done_time.is_none());
        let timed = waiting.filter_map(|clock| Some((clock.deadline_time?, clock.step())));
        let next = timed.min_by_key(|(deadline, _)| (deadline.seconds, deadline.nanos));
        let what = match next.map(|(_, step)| step) {
            Some(pb::CaseStep::Reported) => "report the case",
            Some(pb::CaseStep::Audited) => "audit the report",
            Some(pb::CaseStep::Investigated) => "investigate the case",
            Some(pb::CaseStep::Isolated) => "isolate the person",
            Some(pb::CaseStep::Treated) => "treat the person",
            _ => "confirm or exclude",
        };
        Task {
            due: next.map(|(deadline, _)| deadline),
            what,
            more: output::word(one.state().as_str_name(), "CASE_STATE_"),
            subject: one.name,
            person: one.person,
            unit: one.responsible_unit,
        }
    };
    Ok(all.into_iter().map(task).collect())
}

/// Who is to be looked at again after a discharge, in this week (R16).
pub(super) async fn rechecks(screening: &Screening, below: &str, limit: usize) -> anyhow::Result<Vec<Task>> {
    let request =
        pb::ListRechecksRequest { ancestor_unit: below.to_owned(), due_order: true, ..Default::default() };
    let all = all!(screening.rechecks(), list_rechecks, request, rechecks, limit);
    let task = |one: pb::Recheck| Task {
        due: one.deadline_time,
        what: "look at the person again",
        subject: one.name,
        person: one.person,
        unit: one.responsible_unit,
        more: format!("week {} after the discharge", one.week),
    };
    Ok(all.into_iter().map(task).collect())
}

/// Incidents that nobody has reported (R7).
pub(super) async fn incidents(screening: &Screening, below: &str, limit: usize) -> anyhow::Result<Vec<Task>> {
    let request =
        pb::ListIncidentsRequest { ancestor_unit: below.to_owned(), unreported: true, ..Default::default() };
    let all = all!(screening.incidents(), list_incidents, request, incidents, limit);
    let task = |one: pb::Incident| Task {
        due: one.deadline_time,
        what: "report the incident",
        person: String::new(),
        more: output::word(one.kind().as_str_name(), "INCIDENT_KIND_"),
        subject: one.name,
        unit: one.unit,
    };
    Ok(all.into_iter().map(task).collect())
}

/// Questions whose hands somebody is in who is known to two units: they have no hour here.
pub(super) async fn questions(screening: &Screening, limit: usize) -> anyhow::Result<Vec<Task>> {
    let request = pb::ListHandsQuestionsRequest { ..Default::default() };
    let all = all!(screening.hands(), list_hands_questions, request, questions, limit);
    let task = |one: pb::HandsQuestion| Task {
        due: None,
        what: "agree whose hands",
        subject: one.name,
        person: one.person,
        unit: if one.holding_unit.is_empty() { one.finding_unit } else { one.holding_unit },
        more: format!("{} {}", one.contact_name, one.contact_phone).trim().to_owned(),
    };
    Ok(all.into_iter().map(task).collect())
}

/// Units that were moved, and that nobody has taken over.
pub(super) async fn moves(screening: &Screening, below: &str, limit: usize) -> anyhow::Result<Vec<Task>> {
    let request = pb::ListUnitMovesRequest { ancestor_unit: below.to_owned(), ..Default::default() };
    let all = all!(screening.hands(), list_unit_moves, request, moves, limit);
    let task = |one: pb::UnitMove| Task {
        due: one.deadline_time,
        what: "take over the moved unit",
        subject: one.unit,
        person: String::new(),
        unit: one.parent_unit,
        more: format!("since {}", one.move_date),
    };
    Ok(all.into_iter().map(task).collect())
}

/// Support whose next step is due.
pub(super) async fn supports(screening: &Screening, below: &str, limit: usize) -> anyhow::Result<Vec<Task>> {
    let request = pb::ListSupportRequestsRequest {
        ancestor_unit: below.to_owned(),
        due_order: true,
        ..Default::default()
    };
    let all = all!(screening.supports(), list_support_requests, request, support_requests, limit);
    let task = |one: pb::SupportRequest| Task {
        due: one.deadline_time,
        what: match one.state() {
            pb::SupportState::Accepted => "deliver",
            pb::SupportState::Delivered => "get it confirmed",
            _ => "answer",
        },
        subject: one.name,
        person: one.person,
        unit: one.responsible_unit,
        more: one.items,
    };
    Ok(all.into_iter().map(task).collect())
}

/// Refusals to settle.
pub(super) async fn enforcements(
    screening: &Screening,
    below: &str,
    limit: usize,
) -> anyhow::Result<Vec<Task>> {
    let request = pb::ListEnforcementRequestsRequest {
        ancestor_unit: below.to_owned(),
        due_order: true,
        ..Default::default()
    };
    let all = all!(screening.enforcements(), list_enforcement_requests, request, enforcement_requests, limit);
    let task = |one: pb::EnforcementRequest| Task {
        due: one.deadline_time,
        what: "settle the refusal",
        subject: one.name,
        person: one.person,
        unit: one.unit,
        more: one.reason,
    };
    Ok(all.into_iter().map(task).collect())
}

/// Households that must be visited, in the sweeps that cover a unit: they have no hour.
pub(super) async fn sweeps(screening: &Screening, below: &str, limit: usize) -> anyhow::Result<Vec<Task>> {
    let unit = below.to_owned();
    if unit.is_empty() {
        return Ok(Vec::new());
    }
    let request = pb::ListSweepsRequest { unit, ..Default::default() };
    let all = all!(screening.sweeps(), list_sweeps, request, sweeps, limit);
    let mut sweeps = screening.sweeps();
    let mut tasks = Vec::new();
    for sweep in all {
        let request = pb::GetProgressRequest { sweep: sweep.name.clone(), unit: below.to_owned() };
        let progress = sweeps.get_progress(request).await?.into_inner().progress.unwrap_or_default();
        if progress.grids == 0 || progress.percent == 100 {
            continue;
        }
        let done = progress.visited + progress.refused + progress.vacant;
        let unsaid = match progress.grids_without_target {
            0 => String::new(),
            count => format!("; {count} grids have not said how many they have"),
        };
        let more =
            format!("{done} of {} households, {} absent{unsaid}", progress.households, progress.absent);
        let (what, unit) = ("visit households", progress.unit);
        tasks.push(Task { what, subject: sweep.name, unit, more, ..Task::default() });
    }
    Ok(tasks)
}
