//! `rampart policies …`.

use std::process::ExitCode;

use clap::ValueEnum;
use proto::medical as pb;

use super::{
    access::Access,
    beds::{Class, class},
    reporting::{instant, request_id},
    units::resolve,
};
use crate::output::{self, Column, Style};

/// Numbers that cities and counties set for themselves.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show what counts at a unit, and which area has set it
    Show {
        /// units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
        unit: String,
    },
    /// Set a policy of an area from now on
    Set {
        /// units/{uuid}, or an official code SYSTEM/VINTAGE/CODE
        area: String,
        /// What
        #[arg(value_enum)]
        kind: Kind,
        /// The number; 0 to take it back
        value: i32,
        /// For which class of beds
        #[arg(long, value_enum)]
        class: Option<Class>,
    },
}

/// What is set.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Kind {
    /// For how many hours a count of beds counts
    FigureHours = 1,
    /// After how many failed calls a phone is marked
    FailedCalls,
}

const COLUMNS: &[Column] = &[
    Column { key: "kind", en: "Policy", zh: "规定" },
    Column { key: "class", en: "Class", zh: "床位类别" },
    Column { key: "value", en: "Number", zh: "数值" },
    Column { key: "area", en: "Set by area", zh: "设定区域" },
    Column { key: "set", en: "Set", zh: "设定时间" },
    Column { key: "set_by", en: "Who", zh: "设定人" },
];

fn row(policy: pb::Policy) -> Vec<String> {
    let kind = output::word(policy.kind().as_str_name(), "POLICY_KIND_");
    let class = match policy.bed_class() {
        pb::BedClass::Unspecified => String::new(),
        said => class(said),
    };
    let area = if policy.area_unit.is_empty() { "usual".to_owned() } else { policy.area_unit };
    vec![kind, class, policy.value.to_string(), area, instant(policy.set_time), policy.set_by]
}

/// Runs a command on policies.
pub(crate) async fn run(command: Command, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let mut policies = access.medical()?.policies();
    let found: Vec<pb::Policy> = match command {
        Command::Show { unit } => {
            let request = pb::GetPoliciesRequest { unit: resolve(access, &unit).await? };
            policies.get_policies(request).await?.into_inner().policies
        }
        Command::Set { area, kind, value, class } => {
            let request = pb::SetPolicyRequest {
                request_id: request_id(),
                area_unit: resolve(access, &area).await?,
                kind: kind as i32,
                bed_class: class.map_or(0, |class| class as i32),
                value,
            };
            policies.set_policy(request).await?.into_inner().policy.into_iter().collect()
        }
    };
    style.rows(COLUMNS, &found.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}
