//! `rampart support …`.

use std::process::ExitCode;

use clap::ValueEnum;
use proto::screening as pb;

use super::{
    access::Access,
    observations::named,
    pages,
    reporting::{instant, request_id},
    units::resolve,
};
use crate::output::{self, Column, Style};

/// What families at home in quarantine need, and who brings it.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Offer support to a person
    Offer(Made),
    /// Record that a person asks for support
    Ask(Made),
    /// List support that has a next step, the oldest first
    List {
        /// Only of persons in the hands of this unit and of those below it
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// Only of this person, persons/{uuid}
        #[arg(long, default_value = "", value_name = "PERSON")]
        person: String,
        /// Also what has no next step
        #[arg(long)]
        finished: bool,
        /// What must be done now, in due order
        #[arg(long, conflicts_with = "finished")]
        today: bool,
        /// Only what is past its deadline
        #[arg(long)]
        overdue: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Show support, and every move of it
    Get {
        /// supportRequests/{uuid}
        support: String,
    },
    /// Move support on
    Move {
        /// supportRequests/{uuid}
        support: String,
        /// To what
        #[arg(value_enum)]
        state: State,
        /// Who brings it, careTeams/{uuid}
        #[arg(long, default_value = "", value_name = "TEAM")]
        team: String,
        /// What was said; required where it was declined or cancelled, and where it never came
        #[arg(long, default_value = "", value_name = "TEXT")]
        words: String,
    },
    /// Set up a care team
    CreateTeam {
        /// Its name
        name: String,
        /// Its area: this unit and those below it
        #[arg(long, value_name = "UNIT")]
        unit: String,
        /// A member: KIND:NAME or KIND:NAME:PHONE, the kind one of official, medical, police, volunteer
        #[arg(long = "member", required = true, value_name = "MEMBER", value_parser = member)]
        members: Vec<pb::CareTeamMember>,
    },
    /// List care teams
    Teams {
        /// Only of this unit and of those below it
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// End a care team
    DissolveTeam {
        /// careTeams/{uuid}
        team: String,
    },
}

/// What is offered or asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Made {
    /// persons/{uuid}
    person: String,
    /// What exactly
    items: String,
    /// What kind
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
    /// Who brings it, careTeams/{uuid}
    #[arg(long, default_value = "", value_name = "TEAM")]
    team: String,
}

/// What is needed.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Kind {
    /// Food and daily needs
    #[default]
    Food,
    /// Medicine
    Medicine,
    /// Care for who was left alone
    Care,
    /// Something else
    Other,
}

/// How support may come to stand.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum State {
    /// To be delivered
    Accepted = 3,
    /// Delivered
    Delivered = 4,
    /// Confirmed by who got it
    Confirmed = 5,
    /// Declined
    Declined = 6,
    /// Not needed any more
    Cancelled = 7,
}

const COLUMNS: &[Column] = &[
    Column { key: "name", en: "Support", zh: "编号" },
    Column { key: "person", en: "Person", zh: "人员" },
    Column { key: "responsible_unit", en: "Whose", zh: "责任单位" },
    Column { key: "kind", en: "Kind", zh: "类型" },
    Column { key: "items", en: "What", zh: "内容" },
    Column { key: "state", en: "State", zh: "状态" },
    Column { key: "due", en: "Due", zh: "时限" },
    Column { key: "care_team", en: "Team", zh: "小组" },
    Column { key: "words", en: "Said", zh: "说明" },
];

const TEAMS: &[Column] = &[
    Column { key: "name", en: "Team", zh: "编号" },
    Column { key: "display_name", en: "Name", zh: "名称" },
    Column { key: "unit", en: "Area", zh: "范围" },
    Column { key: "members", en: "Members", zh: "成员" },
    Column { key: "dissolved", en: "Ended", zh: "解散" },
];

const EVENTS: &[Column] = &[
    Column { key: "time", en: "Time", zh: "时间" },
    Column { key: "state", en: "State", zh: "状态" },
    Column { key: "due", en: "Due", zh: "时限" },
    Column { key: "care_team", en: "Team", zh: "小组" },
    Column { key: "said_by", en: "Who", zh: "记录人" },
    Column { key: "words", en: "Said", zh: "说明" },
];

fn event(event: pb::SupportEvent) -> Vec<String> {
    let state = output::word(event.state().as_str_name(), "SUPPORT_STATE_");
    let due = instant(event.deadline_time);
    vec![instant(event.time), state, due, event.care_team, event.said_by, event.words]
}

/// A member of a care team.
fn member(text: &str) -> Result<pb::CareTeamMember, String> {
    let mut parts = text.splitn(3, ':');
    let word = parts.next().unwrap_or_default();
    let kind = pb::MemberKind::from_str_name(&format!("MEMBER_KIND_{}", word.trim().to_uppercase()));
    let kind = kind.ok_or_else(|| format!("{word:?} is none of official, medical, police, volunteer"))?;
    let display_name = parts.next().ok_or("must be KIND:NAME or KIND:NAME:PHONE")?.trim().to_owned();
    let phone = parts.next().unwrap_or_default().trim().to_owned();
    Ok(pb::CareTeamMember { display_name, kind: kind.into(), phone })
}

fn row(support: pb::SupportRequest) -> Vec<String> {
    let kind = output::word(support.kind().as_str_name(), "SUPPORT_KIND_");
    let state = output::word(support.state().as_str_name(), "SUPPORT_STATE_");
    vec![
        support.name,
        support.person,
        support.responsible_unit,
        kind,
        support.items,
        state,
        instant(support.deadline_time),
        support.care_team,
        support.words,
    ]
}

fn team(team: pb::CareTeam) -> Vec<String> {
    let members = team.members.iter().map(|member| {
        let kind = output::word(member.kind().as_str_name(), "MEMBER_KIND_");
        format!("{} ({kind})", member.display_name)
    });
    let members = members.collect::<Vec<_>>().join(", ");
    vec![team.name, team.display_name, team.unit, members, instant(team.dissolve_time)]
}

/// Runs a command on support.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut supports = access.screening()?.supports();
    let request_id = request_id();
    let teams: Vec<pb::CareTeam> = match command {
        Command::CreateTeam { name, unit, members } => {
            let unit = resolve(access, &unit).await?;
            let team = pb::CareTeam { unit, display_name: name, members, ..pb::CareTeam::default() };
            let request = pb::CreateCareTeamRequest { request_id, care_team: Some(team) };
            supports.create_care_team(request).await?.into_inner().care_team.into_iter().collect()
        }
        Command::Teams { below, limit } => {
            let mut request = pb::ListCareTeamsRequest {
                ancestor_unit: named(below, access).await?,
                page_size: pages::size(limit),
                page_token: String::new(),
            };
            pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = supports.list_care_teams(request.clone()).await?.into_inner();
                Ok((page.care_teams, page.next_page_token))
            })
            .await?
        }
        Command::DissolveTeam { team } => {
            let request = pb::DissolveCareTeamRequest { request_id, name: team };
            supports.dissolve_care_team(request).await?.into_inner().care_team.into_iter().collect()
        }
        other => return of_persons(other, access, style).await,
    };
    style.rows(TEAMS, &teams.into_iter().map(team).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

async fn of_persons(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut supports = access.screening()?.supports();
    let request_id = request_id();
    let made = |made: Made, state: pb::SupportState| pb::SupportRequest {
        person: made.person,
        kind: made.kind as i32 + 1,
        items: made.items,
        state: state.into(),
        care_team: made.team,
        ..pb::SupportRequest::default()
    };
    let said = match command {
        Command::Offer(offer) => Some(made(offer, pb::SupportState::Offered)),
        Command::Ask(ask) => Some(made(ask, pb::SupportState::Asked)),
        Command::Move { support, state, team, words } => {
            let request = pb::MoveSupportRequestRequest {
                request_id,
                name: support,
                state: state as i32,
                care_team: team,
                words,
            };
            let moved = supports.move_support_request(request).await?.into_inner().support_request;
            style.rows(COLUMNS, &moved.into_iter().map(row).collect::<Vec<_>>())?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Get { support } => {
            let request = pb::GetSupportRequestRequest { name: support };
            let answer = supports.get_support_request(request).await?.into_inner();
            style.rows(COLUMNS, &answer.support_request.into_iter().map(row).collect::<Vec<_>>())?;
            style.rows(EVENTS, &answer.events.into_iter().map(event).collect::<Vec<_>>())?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::List { below, person, finished, today, overdue, limit } => {
            let mut request = pb::ListSupportRequestsRequest {
                ancestor_unit: named(below, access).await?,
                person,
                finished,
                overdue,
                due_order: today,
                page_size: pages::size(limit),
                page_token: String::new(),
            };
            let found = pages::up_to(limit, async |page_token| {
                request.page_token = page_token;
                let page = supports.list_support_requests(request.clone()).await?.into_inner();
                Ok((page.support_requests, page.next_page_token))
            })
            .await?;
            style.rows(COLUMNS, &found.into_iter().map(row).collect::<Vec<_>>())?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::CreateTeam { .. } | Command::Teams { .. } | Command::DissolveTeam { .. } => None,
    };
    let request = pb::CreateSupportRequestRequest { request_id, support_request: said };
    let made = supports.create_support_request(request).await?.into_inner().support_request;
    style.rows(COLUMNS, &made.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}
