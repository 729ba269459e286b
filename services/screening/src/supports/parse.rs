//! Between the contract's support and ours.

use chassis::{Fault, Violations, parse};
use chrono::{DateTime, Utc};
use proto::screening as pb;
use uuid::Uuid;

use super::{
    Kind, Moved, State, Support,
    teams::{MEMBERS, Member, Team},
};
use crate::{
    observations::parse::optional,
    persons::parse::{COLLECTION as PERSONS, REASON, UNITS, person_name, unit_name},
};

/// The collection of support requests' names.
pub const COLLECTION: &str = "supportRequests";
/// The collection of care teams' names.
pub const TEAMS: &str = "careTeams";
/// The most members of a care team.
const MOST: usize = 200;

/// The resource name of support.
#[must_use]
pub fn support_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// The resource name of a care team.
#[must_use]
pub fn team_name(id: Uuid) -> String {
    format!("{TEAMS}/{id}")
}

/// Support that is offered or asked for, but for whose hands the person is in.
///
/// # Errors
/// Every violation.
pub fn made(said: Option<&pb::SupportRequest>, by: &str, now: DateTime<Utc>) -> Result<Support, Fault> {
    let said = said.ok_or_else(|| Fault::invalid("support_request", "is required"))?;
    let mut wrong = Violations::default();
    let person = wrong.name("support_request.person", PERSONS, &said.person);
    let kind = Kind::of(said.kind).ok_or_else(|| "is required: FOOD, MEDICINE, CARE or OTHER".to_owned());
    let kind = wrong.keep("support_request.kind", kind).unwrap_or(Kind::Other);
    let items = wrong.keep("support_request.items", parse::text(&said.items, REASON)).unwrap_or_default();
    let state = State::of(said.state).filter(|state| matches!(state, State::Offered | State::Asked));
    let state = state.ok_or_else(|| "must be OFFERED or ASKED".to_owned());
    let state = wrong.keep("support_request.state", state).unwrap_or(State::Asked);
    let there_by = said.deadline_time.map_or(Ok(now + kind.within()), parse::instant);
    let there_by =
        there_by.and_then(|at| if at <= now { Err("must be in the future".to_owned()) } else { Ok(at) });
    let there_by = wrong.keep("support_request.deadline_time", there_by).unwrap_or(now);
    let team = wrong.optional_name("support_request.care_team", TEAMS, &said.care_team);
    wrong.refuse()?;
    Ok(Support {
        id: Uuid::now_v7(),
        person,
        unit: Uuid::nil(),
        one: Uuid::nil(),
        kind,
        items: items.to_owned(),
        state,
        due_at: state.due_at(there_by, now),
        team,
        created_at: now,
        moved_at: now,
        moved_by: by.to_owned(),
        words: String::new(),
    })
}

/// Support as the contract has it.
#[must_use]
pub fn support(support: &Support) -> pb::SupportRequest {
    pb::SupportRequest {
        name: support_name(support.id),
        person: person_name(support.person),
        responsible_unit: unit_name(support.unit),
        kind: support.kind as i32,
        items: support.items.clone(),
        state: support.state as i32,
        deadline_time: support.due_at.map(parse::timestamp),
        care_team: support.team.map(team_name).unwrap_or_default(),
        create_time: Some(parse::timestamp(support.created_at)),
        move_time: Some(parse::timestamp(support.moved_at)),
        moved_by: support.moved_by.clone(),
        words: support.words.clone(),
    }
}

/// A move of support as the contract has it.
#[must_use]
pub fn moved(moved: &Moved) -> pb::SupportEvent {
    pb::SupportEvent {
        state: moved.state as i32,
        deadline_time: moved.due_at.map(parse::timestamp),
        care_team: moved.team.map(team_name).unwrap_or_default(),
        said_by: moved.said_by.clone(),
        words: moved.words.clone(),
        time: Some(parse::timestamp(moved.happened_at)),
    }
}

/// A care team that is to be set up.
///
/// # Errors
/// Every violation.
pub fn setting_up(said: Option<&pb::CareTeam>, now: DateTime<Utc>) -> Result<Team, Fault> {
    let said = said.ok_or_else(|| Fault::invalid("care_team", "is required"))?;
    let mut wrong = Violations::default();
    let unit = wrong.name("care_team.unit", UNITS, &said.unit);
    let display_name = wrong.keep("care_team.display_name", parse::text(&said.display_name, 100));
    wrong.keep("care_team.members", parse::count(said.members.len(), MOST));
    let mut members = Vec::with_capacity(said.members.len());
    for (nth, member) in said.members.iter().enumerate() {
        let field = |name: &str| format!("care_team.members[{nth}].{name}");
        let name = wrong.keep(&field("display_name"), parse::text(&member.display_name, 100));
        let kind = Some(member.kind).filter(|kind| MEMBERS.contains(kind));
        let kind = kind.and_then(|kind| i16::try_from(kind).ok());
        let kind = wrong.keep(&field("kind"), kind.ok_or_else(|| "is required: who are they?".to_owned()));
        let phone = wrong.keep(&field("phone"), optional(&member.phone, 32));
        let (Some(name), Some(kind), Some(phone)) = (name, kind, phone) else { continue };
        members.push(Member { display_name: name.to_owned(), kind, phone: phone.to_owned() });
    }
    wrong.refuse()?;
    let display_name = display_name.unwrap_or_default().trim().to_owned();
    Ok(Team { id: Uuid::now_v7(), unit, display_name, members, created_at: now, dissolved_at: None })
}

/// A care team as the contract has it.
#[must_use]
pub fn team(team: &Team) -> pb::CareTeam {
    let member = |member: &Member| pb::CareTeamMember {
        display_name: member.display_name.clone(),
        kind: member.kind.into(),
        phone: member.phone.clone(),
    };
    pb::CareTeam {
        name: team_name(team.id),
        unit: unit_name(team.unit),
        display_name: team.display_name.clone(),
        members: team.members.iter().map(member).collect(),
        create_time: Some(parse::timestamp(team.created_at)),
        dissolve_time: team.dissolved_at.map(parse::timestamp),
    }
}

/// A step that does not lead from how support stands.
#[must_use]
pub fn misfit(support: &Support) -> Fault {
    let name = support_name(support.id);
    let state = pb::SupportState::try_from(support.state as i32).unwrap_or_default().as_str_name();
    let state = state.splitn(3, '_').last().unwrap_or(state).to_owned();
    let words = format!("is {state}: no step leads to what is asked for");
    Fault::unmet("SUPPORT_STATE", name.clone(), words, vec![("support_request", name), ("state", state)])
}

/// Which support is moved on, to how it stands, and by which care team it is brought.
///
/// # Errors
/// Every violation.
pub fn moving(said: &pb::MoveSupportRequestRequest) -> Result<(Uuid, State, Option<Uuid>), Fault> {
    let mut wrong = Violations::default();
    let id = wrong.name("name", COLLECTION, &said.name);
    let to = State::of(said.state).ok_or_else(|| "is required: how does it stand?".to_owned());
    let to = wrong.keep("state", to).unwrap_or(State::Accepted);
    let team = wrong.optional_name("care_team", TEAMS, &said.care_team);
    if team.is_some() && to != State::Accepted {
        wrong.add("care_team", "is said only with ACCEPTED");
    }
    wrong.optional_text("words", &said.words, REASON);
    wrong.refuse()?;
    Ok((id, to, team))
}

/// A care team that has ended, or that has something to deliver.
#[must_use]
pub fn team_misfit(id: Uuid, words: &str) -> Fault {
    Fault::unfit("CARE_TEAM_STATE", ("care_team", team_name(id)), words)
}
