//! `rampart observations …`.

use std::process::ExitCode;

use chrono::NaiveDate;
use clap::ValueEnum;
use proto::screening as pb;

use super::{
    access::Access,
    observations_watch as watch, pages,
    reporting::{instant, request_id},
    today::{self, ChaseArgs},
    units::resolve,
    worklist,
};
use crate::output::{self, Column, Style};

/// Persons under observation, from the first report to a recorded decision.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Put a person under observation, for the days and with the readings a day of the rules in force
    Open {
        /// persons/{uuid}
        person: String,
        /// Why
        #[arg(long, value_enum)]
        basis: Basis,
        /// The day of the last contact, of leaving the area or of arriving: day 0
        #[arg(long, value_name = "DATE")]
        exposed: NaiveDate,
        /// Where the person is observed
        #[arg(long, value_enum, default_value = "home")]
        place: Place,
        /// The facility's official name, where the place is one
        #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
        facility: String,
    },
    /// Show one observation and what befell it
    Get {
        /// observations/{uuid}
        observation: String,
    },
    /// List open observations, whatever is due first, first; the lost come last
    List {
        /// units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// Only in this state
        #[arg(long, value_enum)]
        state: Option<State>,
        /// Only of this person, open or ended
        #[arg(long, default_value = "", hide_default_value = true, value_name = "PERSON")]
        person: String,
        /// What must be done now, as `observations today`
        #[arg(long, conflicts_with_all = ["state", "person"])]
        today: bool,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// List what is to be done now: slots to be read, readings that were missed, releases that are due
    Today {
        /// units/{uuid}, or an official code SYSTEM/VINTAGE/CODE; all you may see where not said
        #[arg(long, value_name = "UNIT")]
        below: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// As `rampart chase`: what is put before a unit, the most dangerous first
    Chase(ChaseArgs),
    /// Follow observations: what is open, then every change, until Ctrl-C
    Watch(watch::Args),
    /// Record another exposure: the end may move to a later day, never to an earlier one
    Extend {
        /// observations/{uuid}
        observation: String,
        /// The day of the new last contact
        #[arg(long, value_name = "DATE")]
        exposed: NaiveDate,
        /// What happened
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Let the observation end earlier, by an order
    Shorten {
        /// observations/{uuid}
        observation: String,
        /// The last day
        #[arg(long, value_name = "DATE")]
        last_day: NaiveDate,
        /// The order that says so
        #[arg(long, value_name = "TEXT")]
        order: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Record where the person is observed; a hospital takes the readings
    Move {
        /// observations/{uuid}
        observation: String,
        /// Where
        #[arg(long, value_enum)]
        place: Place,
        /// The facility's official name, where the place is one
        #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
        facility: String,
        /// Where home is, for who comes home from a hospital: the person is handed down to there
        #[arg(long, value_name = "UNIT")]
        home: Option<String>,
    },
    /// Record that nobody knows where the person is; the observation stays open
    Lose {
        /// observations/{uuid}
        observation: String,
        /// What is known
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Record that a lost person was found
    Find {
        /// observations/{uuid}
        observation: String,
        /// How
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Release the person; a refusal names every unmet condition
    Release {
        /// observations/{uuid}
        observation: String,
        /// Why
        #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
        reason: String,
        /// Release although conditions are unmet: a health officer's decision
        #[arg(long = "override", requires = "reason")]
        overridden: bool,
    },
    /// End the observation for another reason than release
    End {
        /// observations/{uuid}
        observation: String,
        /// By which decision
        #[arg(long = "by", value_enum)]
        ending: Ending,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Why a person is under observation.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Basis {
    /// Came back from the epidemic area or from outside
    Returnee,
    /// Contact of a case
    ContactOfCase,
    /// Contact of a returnee
    ContactOfReturnee,
    /// Found febrile
    Febrile,
    /// Discharged from hospital
    Discharged,
    /// Medical staff back from a deployment
    MedicalStaff,
}

impl From<Basis> for pb::Basis {
    fn from(basis: Basis) -> Self {
        match basis {
            Basis::Returnee => Self::Returnee,
            Basis::ContactOfCase => Self::ContactOfCase,
            Basis::ContactOfReturnee => Self::ContactOfReturnee,
            Basis::Febrile => Self::Febrile,
            Basis::Discharged => Self::Discharged,
            Basis::MedicalStaff => Self::MedicalStaff,
        }
    }
}

/// Where a person is observed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Place {
    /// At home
    Home,
    /// In central quarantine
    Central,
    /// In a hospital
    Hospital,
    /// Elsewhere
    Other,
}

impl From<Place> for pb::Place {
    fn from(place: Place) -> Self {
        match place {
            Place::Home => Self::Home,
            Place::Central => Self::Central,
            Place::Hospital => Self::Hospital,
            Place::Other => Self::Other,
        }
    }
}

/// How an open observation stands.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum State {
    /// Within its window
    Active,
    /// The window is over
    ReleaseDue,
    /// Nobody knows where the person is
    Lost,
}

/// By which decision an observation ends.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Ending {
    /// Became a suspected or confirmed case
    Converted,
    /// Died
    Died,
    /// The index case was excluded, or it is the wrong person
    Voided,
    /// Never to have been entered
    EnteredInError,
}

/// The columns of an observation.
pub(super) const COLUMNS: &[Column] = &[
    Column { key: "name", en: "Observation", zh: "编号" },
    Column { key: "person", en: "Person", zh: "人员" },
    Column { key: "responsible_unit", en: "In the hands of", zh: "责任单位" },
    Column { key: "basis", en: "Basis", zh: "原因" },
    Column { key: "last_exposure_date", en: "Last exposure", zh: "末次接触" },
    Column { key: "place", en: "Place", zh: "观察地点" },
    Column { key: "state", en: "State", zh: "状态" },
    Column { key: "due", en: "Release due", zh: "到期时间" },
    Column { key: "ending", en: "Ended by", zh: "解除" },
    Column { key: "reason", en: "Why", zh: "理由" },
];

const EVENTS: &[Column] = &[
    Column { key: "time", en: "Time", zh: "时间" },
    Column { key: "kind", en: "What", zh: "事项" },
    Column { key: "said_by", en: "Who", zh: "记录人" },
    Column { key: "words", en: "In words", zh: "说明" },
    Column { key: "end", en: "Ends", zh: "观察至" },
];

/// An observation in its columns.
pub(super) fn row(observation: pb::Observation) -> Vec<String> {
    let ending = match observation.ending() {
        pb::Ending::Unspecified => String::new(),
        ending => output::word(ending.as_str_name(), "ENDING_"),
    };
    let [basis, place, state] = [
        output::word(observation.basis().as_str_name(), "BASIS_"),
        output::word(observation.place().as_str_name(), "PLACE_"),
        output::word(observation.state().as_str_name(), "OBSERVATION_STATE_"),
    ];
    vec![
        observation.name,
        observation.person,
        observation.responsible_unit,
        basis,
        observation.last_exposure_date,
        place,
        state,
        instant(observation.due_time),
        ending,
        observation.reason,
    ]
}

/// Runs a command on observations.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let found = match command {
        Command::Get { observation } => return get(observation, access, style).await,
        Command::Today { below, limit } | Command::List { below, limit, today: true, .. } => {
            return worklist::to_do(below, limit, access, style).await;
        }
        Command::Chase(args) => return today::chase(args, access, style).await,
        Command::Watch(args) => return watch::run(&args, access, style).await,
        Command::List { below, state, person, limit, .. } => {
            list(below, state, person, limit, access).await?
        }
        change => changed(change, access).await?.into_iter().collect(),
    };
    style.rows(COLUMNS, &found.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

/// Changes an observation and answers it.
async fn changed(command: Command, access: &Access) -> anyhow::Result<Option<pb::Observation>> {
    let mut observations = access.screening()?.observations();
    let request_id = request_id();
    let changed = match command {
        Command::Open { person, basis, exposed, place, facility } => {
            let observation = pb::Observation {
                person,
                basis: pb::Basis::from(basis).into(),
                last_exposure_date: exposed.to_string(),
                place: pb::Place::from(place).into(),
                facility,
                ..pb::Observation::default()
            };
            let request = pb::OpenObservationRequest { request_id, observation: Some(observation) };
            let answer = observations.open_observation(request).await?.into_inner();
            if answer.known {
                output::say("known: under observation in these hands already");
            }
            answer.observation
        }
        Command::Extend { observation, exposed, reason } => {
            let last_exposure_date = exposed.to_string();
            let request =
                pb::ExtendObservationRequest { request_id, name: observation, last_exposure_date, reason };
            observations.extend_observation(request).await?.into_inner().observation
        }
        Command::Shorten { observation, last_day, order, reason } => {
            let last_date = last_day.to_string();
            let request =
                pb::ShortenObservationRequest { request_id, name: observation, last_date, order, reason };
            observations.shorten_observation(request).await?.into_inner().observation
        }
        Command::Move { observation, place, facility, home } => {
            let request = pb::MoveObservationRequest {
                request_id,
                name: observation,
                place: pb::Place::from(place).into(),
                facility,
                home_unit: named(home, access).await?,
            };
            observations.move_observation(request).await?.into_inner().observation
        }
        Command::Lose { observation, reason } => {
            let request = pb::LoseObservationRequest { request_id, name: observation, reason };
            observations.lose_observation(request).await?.into_inner().observation
        }
        Command::Find { observation, reason } => {
            let request = pb::FindObservationRequest { request_id, name: observation, reason };
            observations.find_observation(request).await?.into_inner().observation
        }
        Command::Release { observation, reason, overridden } => {
            let request = pb::ReleaseObservationRequest {
                request_id,
                name: observation,
                reason,
                r#override: overridden,
            };
            observations.release_observation(request).await?.into_inner().observation
        }
        Command::End { observation, ending, reason } => {
            let ending = match ending {
                Ending::Converted => pb::Ending::Converted,
                Ending::Died => pb::Ending::Died,
                Ending::Voided => pb::Ending::Voided,
                Ending::EnteredInError => pb::Ending::EnteredInError,
            };
            let request =
                pb::EndObservationRequest { request_id, name: observation, ending: ending.into(), reason };
            observations.end_observation(request).await?.into_inner().observation
        }
        Command::Get { .. }
        | Command::List { .. }
        | Command::Today { .. }
        | Command::Chase(_)
        | Command::Watch(_) => None,
    };
    Ok(changed)
}

async fn get(name: String, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let request = pb::GetObservationRequest { name };
    let answer = access.screening()?.observations().get_observation(request).await?.into_inner();
    style.rows(COLUMNS, &answer.observation.into_iter().map(row).collect::<Vec<_>>())?;
    let event = |event: pb::ObservationEvent| {
        let kind = output::word(event.kind().as_str_name(), "EVENT_KIND_");
        vec![instant(event.time), kind, event.said_by, event.words, instant(event.end_time)]
    };
    style.rows(EVENTS, &answer.events.into_iter().map(event).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

async fn list(
    below: Option<String>,
    state: Option<State>,
    person: String,
    limit: usize,
    access: &Access,
) -> anyhow::Result<Vec<pb::Observation>> {
    let state = match state {
        None => pb::ObservationState::Unspecified,
        Some(State::Active) => pb::ObservationState::Active,
        Some(State::ReleaseDue) => pb::ObservationState::ReleaseDue,
        Some(State::Lost) => pb::ObservationState::Lost,
    };
    let mut request = pb::ListObservationsRequest {
        ancestor_unit: named(below, access).await?,
        state: state.into(),
        person,
        page_size: pages::size(limit),
        page_token: String::new(),
    };
    let mut observations = access.screening()?.observations();
    pages::up_to(limit, async |page_token| {
        request.page_token = page_token;
        let page = observations.list_observations(request.clone()).await?.into_inner();
        Ok((page.observations, page.next_page_token))
    })
    .await
}

/// The resource name of a unit, or nothing where none is said.
pub(super) async fn named(unit: Option<String>, access: &Access) -> anyhow::Result<String> {
    match unit {
        Some(unit) => resolve(access, &unit).await,
        None => Ok(String::new()),
    }
}
