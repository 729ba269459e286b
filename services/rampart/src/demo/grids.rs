//! What the grids say on 3 February, and who says it for them. Everything here is generated, small and
//! always the same: real figures of grids were not published.

use std::collections::{BTreeMap, BTreeSet};

use proto::reporting as pb;

use super::{
    stage::{DATE, at, request_id},
    walk::Tree,
};

/// The town in whose first village the first grid has no officers, and the village reports for it.
pub const ENTERED: &str = "431322107000";
/// The town in whose first village the first grid has no officers, and nobody reports for it.
pub const SILENT: &str = "431302005000";
/// The town whose first village has no network.
const OUTAGE: &str = "431322206000";
/// The town in whose second village a grid says something absurd.
const ABSURD: &str = "431381100000";
/// The town in whose second village a grid's figures are corrected later.
const CORRECTED: &str = "431382114000";

/// Of a thousand grids, how many report late, and how many never.
const LATE: u64 = 15;
const NEVER: u64 = 3;
/// Of a hundred grids that report, how many have anything to say.
const WITH_DATA: u64 = 30;

/// A report and who enters it.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// The subject.
    pub subject: String,
    /// What they enter.
    pub request: pb::SubmitReportRequest,
}

/// The day of the grids. Numbers are places in the list of grids.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// By each grid's own reporter, in time.
    pub on_time: Vec<Said>,
    /// By an officer above, in time.
    pub proxies: Vec<Said>,
    /// By each grid's own reporter, after the deadline.
    pub late: Vec<Said>,
    /// Grids that report after the deadline.
    pub late_grids: Vec<usize>,
    /// Grids with officers that never report.
    pub never: Vec<usize>,
    /// The grid that first says something absurd.
    pub absurd: usize,
    /// The grid whose figures are corrected.
    pub corrected: usize,
}

/// Plans the day.
///
/// # Errors
/// A tree without the towns that the demo knows.
pub fn plan(tree: &Tree, form: &str) -> anyhow::Result<Plan> {
    let find = |town: &str, village| {
        let found = tree.grid_in(town, village, 0);
        found.ok_or_else(|| anyhow::anyhow!("the town {town} has no village {} with a grid", village + 1))
    };
    let (silent, entered) = (find(SILENT, 0)?, find(ENTERED, 0)?);
    let mut plan = Plan { absurd: find(ABSURD, 1)?, corrected: find(CORRECTED, 1)?, ..Plan::default() };
    let outage: BTreeSet<usize> = tree.villages_of(OUTAGE).take(1).collect();
    for (index, grid) in tree.grids.iter().enumerate() {
        let own = |figures: Option<BTreeMap<String, i64>>| Said {
            subject: format!("{}-reporter", grid.code),
            request: report(form, &grid.unit, &grid.code, figures),
        };
        let by_phone = |subject: String, channel: pb::Channel| {
            let mut said = Said { subject, ..own(figures(&grid.code)) };
            said.request.channel = channel.into();
            said.request.on_behalf_of = format!("样例网格长（{}）", grid.name);
            said.request.made_time = Some(chassis::parse::timestamp(at(860)));
            said
        };
        let chance = chance(&grid.code, "when") % 1_000;
        if index == silent {
        } else if index == entered {
            let village = tree.villages.get(grid.above).map(|village| village.code.as_str());
            let subject = format!("{}-leader", village.unwrap_or_default());
            plan.proxies.push(by_phone(subject, pb::Channel::Paper));
        } else if outage.contains(&grid.above) {
            let subject = format!("{}-duty", tree.town_of(index));
            plan.proxies.push(by_phone(subject, pb::Channel::Phone));
        } else if index == plan.absurd {
            plan.on_time.push(own(Some(with_febrile(900))));
        } else if index == plan.corrected {
            plan.on_time.push(own(Some(told([52, 2, 6, 11, 0, 0]))));
        } else if chance < NEVER {
            plan.never.push(index);
        } else if chance < NEVER + LATE {
            plan.late_grids.push(index);
            plan.late.push(own(figures(&grid.code)));
        } else {
            plan.on_time.push(own(figures(&grid.code)));
        }
    }
    Ok(plan)
}

/// The figures of the grid that first said 900 febrile: 40 households.
#[must_use]
pub fn with_febrile(febrile: i64) -> BTreeMap<String, i64> {
    told([40, 0, 3, 5, febrile, 1])
}

/// A report of a grid: its figures, or zero. Its request_id belongs to the code and its step.
#[must_use]
pub fn report(
    form: &str,
    unit: &str,
    step: &str,
    figures: Option<BTreeMap<String, i64>>,
) -> pb::SubmitReportRequest {
    pb::SubmitReportRequest {
        request_id: request_id(&format!("report {step}")),
        form: form.to_owned(),
        business_date: DATE.to_owned(),
        unit: unit.to_owned(),
        zero: figures.is_none(),
        figures: figures.unwrap_or_default(),
        ..pb::SubmitReportRequest::default()
    }
}

/// What a grid has to say; nothing where it says zero.
#[must_use]
pub fn figures(code: &str) -> Option<BTreeMap<String, i64>> {
    if chance(code, "data") % 100 >= WITH_DATA {
        return None;
    }
    let upto = |what: &str, most: u64| i64::try_from(chance(code, what) % (most + 1)).unwrap_or_default();
    let seldom = |what: &str, of: u64| i64::from(chance(code, what).is_multiple_of(of));
    let returnees = 1 + upto("returnees", 8);
    let new = upto("new", 2).min(returnees);
    let at_home = returnees + upto("family", 4);
    Some(told([
        45 + upto("households", 70),
        new,
        returnees,
        at_home,
        seldom("febrile", 40),
        seldom("help", 25),
    ]))
}

fn told(figures: [i64; 6]) -> BTreeMap<String, i64> {
    let keys = ["households", "returnees_new", "returnees", "at_home", "febrile", "needing_help"];
    keys.map(str::to_owned).into_iter().zip(figures).collect()
}

/// A number that a code always gets for a question, and that nobody can tell from chance.
fn chance(code: &str, question: &str) -> u64 {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, format!("{question} {code}").as_bytes());
    let bytes = hash.as_ref().iter().take(8);
    bytes.fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::walk::tests::generated;

    #[test]
    fn everybody_is_planned_once_and_always_the_same() {
        let tree = generated();
        let plan = plan(&tree, "forms/x").expect("a plan");
        let silent = 1;
        let all = plan.on_time.len() + plan.proxies.len() + plan.late.len() + plan.never.len() + silent;
        assert_eq!(all, 12_636);
        let again = super::plan(&tree, "forms/x").expect("a plan");
        assert_eq!((again.on_time, again.never), (plan.on_time, plan.never.clone()));
        assert!((120..=260).contains(&plan.late.len()), "{} late", plan.late.len());
        assert!((20..=60).contains(&plan.never.len()), "{} never", plan.never.len());
        assert_eq!(plan.late.len(), plan.late_grids.len());
    }

    #[test]
    fn most_say_zero_and_the_others_something_plausible() {
        let tree = generated();
        let told: Vec<_> = tree.grids.iter().filter_map(|grid| figures(&grid.code)).collect();
        assert!(told.len() * 100 < tree.grids.len() * 35);
        assert!(told.iter().all(|one| one["returnees_new"] <= one["returnees"] && one["returnees"] <= 9));
        assert!(told.iter().all(|one| one["febrile"] <= 1 && (45..=115).contains(&one["households"])));
    }

    #[test]
    fn request_ids_are_each_report_s_own() {
        let plan = plan(&generated(), "forms/x").expect("a plan");
        let ids: BTreeSet<_> = plan.on_time.iter().map(|said| &said.request.request_id).collect();
        assert_eq!(ids.len(), plan.on_time.len());
    }
}
