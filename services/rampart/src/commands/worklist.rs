//! What must be done now about those under observation: `observations today`, `observations list --today`, and
//! `readings list --today`.

use std::process::ExitCode;

use proto::screening as pb;

use super::{access::Access, observations::named, pages, reporting::instant};
use crate::output::{self, Column, Style};

const WORK: &[Column] = &[
    Column { key: "observation", en: "Observation", zh: "编号" },
    Column { key: "person", en: "Person", zh: "人员" },
    Column { key: "responsible_unit", en: "In the hands of", zh: "责任单位" },
    Column { key: "state", en: "State", zh: "状态" },
    Column { key: "read_by", en: "Read by", zh: "本次测量截止" },
    Column { key: "missed", en: "Missed in a row", zh: "连续漏测" },
    Column { key: "due", en: "Release due", zh: "到期时间" },
];

const READ: &[Column] = &[
    Column { key: "read_by", en: "Read by", zh: "本次测量截止" },
    Column { key: "observation", en: "Observation", zh: "编号" },
    Column { key: "person", en: "Person", zh: "人员" },
    Column { key: "responsible_unit", en: "In the hands of", zh: "责任单位" },
    Column { key: "place", en: "Place", zh: "观察地点" },
    Column { key: "missed", en: "Missed in a row", zh: "连续漏测" },
];

/// Prints slots to be read, readings that were missed, and releases that are due.
pub(super) async fn to_do(
    below: Option<String>,
    limit: usize,
    access: &Access,
    style: Style,
) -> anyhow::Result<ExitCode> {
    let row = |work: pb::Work| {
        let observation = work.observation.unwrap_or_default();
        vec![
            observation.name.clone(),
            observation.person.clone(),
            observation.responsible_unit.clone(),
            output::word(observation.state().as_str_name(), "OBSERVATION_STATE_"),
            instant(work.slot.and_then(|slot| slot.close_time)),
            work.missed_in_a_row.to_string(),
            instant(observation.due_time),
        ]
    };
    let all = work(below, limit, access, |_| true).await?;
    style.rows(WORK, &all.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

/// Prints whose slot of this hour has not been read, what closes first, first.
pub(super) async fn to_read(
    below: Option<String>,
    limit: usize,
    access: &Access,
    style: Style,
) -> anyhow::Result<ExitCode> {
    let closes = |work: &pb::Work| work.slot.as_ref().and_then(|slot| slot.close_time).unwrap_or_default();
    let mut all = work(below, limit, access, |work| work.slot.is_some()).await?;
    all.sort_by_key(|work| (closes(work).seconds, closes(work).nanos));
    let row = |work: pb::Work| {
        let observation = work.observation.clone().unwrap_or_default();
        let place = output::word(observation.place().as_str_name(), "PLACE_");
        vec![
            instant(Some(closes(&work))),
            observation.name,
            observation.person,
            observation.responsible_unit,
            place,
            work.missed_in_a_row.to_string(),
        ]
    };
    style.rows(READ, &all.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

/// What must be done now, of a kind.
async fn work(
    below: Option<String>,
    limit: usize,
    access: &Access,
    asked: impl Fn(&pb::Work) -> bool,
) -> anyhow::Result<Vec<pb::Work>> {
    let mut request = pb::ListWorkRequest {
        ancestor_unit: named(below, access).await?,
        page_size: pages::size(limit),
        page_token: String::new(),
    };
    let mut readings = access.screening()?.readings();
    pages::up_to(limit, async |page_token| {
        request.page_token = page_token;
        let page = readings.list_work(request.clone()).await?.into_inner();
        Ok((page.work.into_iter().filter(&asked).collect(), page.next_page_token))
    })
    .await
}
