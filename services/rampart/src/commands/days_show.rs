//! How days, sign-offs and seals are shown.

use std::collections::BTreeMap;

use proto::reporting as pb;
use serde_json::{Value, json};

use super::reporting::instant;
use crate::{
    form_file::ScheduleFile,
    output::{Column, Style, word},
    sheet::Sheet,
};

const DAYS: &[Column] = &[
    Column { key: "form", en: "Form", zh: "报表" },
    Column { key: "business_date", en: "Day", zh: "业务日" },
    Column { key: "state", en: "State", zh: "状态" },
    Column { key: "expected", en: "Expected", zh: "应报" },
    Column { key: "opened", en: "Opened", zh: "已展开" },
    Column { key: "as_of_time", en: "Figures as of", zh: "截止时点" },
    Column { key: "seal", en: "Seal", zh: "封存" },
    Column { key: "pending_amendments", en: "Pending", zh: "待更正" },
    Column { key: "differences", en: "Differences", zh: "差异" },
    Column { key: "name", en: "Name", zh: "编号" },
];

const SLOTS: &[Column] = &[
    Column { key: "slot", en: "Slot", zh: "时段" },
    Column { key: "window_start_time", en: "From", zh: "起" },
    Column { key: "window_end_time", en: "To", zh: "止" },
    Column { key: "deadline_time", en: "Deadline", zh: "截止" },
    Column { key: "grace_end_time", en: "Grace until", zh: "宽限至" },
    Column { key: "hard_close_time", en: "Closes", zh: "关闭" },
];

const SIGN_OFFS: &[Column] = &[
    Column { key: "unit", en: "Unit", zh: "单位" },
    Column { key: "display_name", en: "Name", zh: "名称" },
    Column { key: "state", en: "State", zh: "状态" },
    Column { key: "officer", en: "Signed by", zh: "签认人" },
    Column { key: "sign_time", en: "At", zh: "时间" },
    Column { key: "note", en: "Note", zh: "备注" },
];

const DIFFERENCES: &[Column] = &[
    Column { key: "kind", en: "Difference", zh: "差异" },
    Column { key: "unit", en: "Unit", zh: "单位" },
    Column { key: "display_name", en: "Name", zh: "名称" },
    Column { key: "create_time", en: "Found", zh: "发现时间" },
];

const SEALS: &[Column] = &[
    Column { key: "number", en: "Seal", zh: "封存" },
    Column { key: "seal_time", en: "At", zh: "时间" },
    Column { key: "officer", en: "By", zh: "封存人" },
    Column { key: "bulletin_date", en: "Bulletin of", zh: "公报日期" },
    Column { key: "publish_time", en: "Published", zh: "发布时间" },
    Column { key: "revisions", en: "Revisions", zh: "修订数" },
    Column { key: "amendments", en: "Amendments", zh: "更正数" },
    Column { key: "unsigned_units", en: "Unsigned", zh: "未签认" },
    Column { key: "reason", en: "Reason", zh: "原因" },
    Column { key: "digest", en: "Digest", zh: "摘要" },
    Column { key: "name", en: "Name", zh: "编号" },
];

/// Lists days; `keys` has the forms' keys by name.
pub(super) fn rows(style: Style, days: &[pb::Day], keys: &BTreeMap<String, String>) -> anyhow::Result<()> {
    let mut sheet = Sheet::new(style, DAYS).hiding(&["name"]);
    for day in days {
        sheet.add_row(cells(keys.get(&day.form).unwrap_or(&day.form), day));
    }
    sheet.print()
}

/// One day of a form after a change.
pub(super) fn row(style: Style, form: &pb::Form, day: Option<pb::Day>) -> anyhow::Result<()> {
    let keys = BTreeMap::from([(form.name.clone(), form.key.clone())]);
    rows(style, &day.into_iter().collect::<Vec<_>>(), &keys)
}

fn cells(key: &str, day: &pb::Day) -> Vec<Value> {
    let seal = day.seals.iter().map(|seal| seal.number).max();
    vec![
        key.into(),
        day.business_date.clone().into(),
        word(day.state().as_str_name(), "DAY_STATE_").into(),
        day.expected.into(),
        format!("{}/{}", day.opened_parts, day.parts).into(),
        instant(day.as_of_time).into(),
        seal.into(),
        day.pending_amendments.into(),
        day.difference_count.into(),
        day.name.clone().into(),
    ]
}

/// Shows one day.
pub(super) fn day(style: Style, form: &pb::Form, day: &pb::Day) -> anyhow::Result<()> {
    let mut head = Sheet::new(style, DAYS).hiding(&["name"]);
    head.add_row(cells(&form.key, day));
    let mut slots = Sheet::new(style, SLOTS).titled(match &day.r#override {
        None => String::new(),
        Some(own) => format!("{}: {}", style.pick("A schedule of its own", "当日另定"), own.reason),
    });
    for slot in &day.slots {
        slots.add_row(vec![
            slot.slot.clone().into(),
            instant(slot.window_start_time).into(),
            instant(slot.window_end_time).into(),
            instant(slot.deadline_time).into(),
            instant(slot.grace_end_time).into(),
            instant(slot.hard_close_time).into(),
        ]);
    }
    let mut differences = Sheet::new(style, DIFFERENCES).hiding(&["unit"]);
    for difference in &day.differences {
        differences.add_row(vec![
            word(difference.kind().as_str_name(), "KIND_").into(),
            difference.unit.clone().into(),
            difference.display_name.clone().into(),
            instant(difference.create_time).into(),
        ]);
    }
    let (signed, seals) = (sign_offs(style, &day.sign_offs), seals(style, &day.seals));
    let own = day.r#override.as_ref().map(|own| {
        json!({
            "schedule": own.schedule.as_ref().map(ScheduleFile::from),
            "reason": own.reason,
            "said_by": own.said_by,
            "create_time": instant(own.create_time),
        })
    });
    let opened_on = day.opened_on.clone().unwrap_or_default();
    let json = json!({
        "name": day.name,
        "form": day.form,
        "form_key": form.key,
        "form_version": day.form_version,
        "business_date": day.business_date,
        "state": word(day.state().as_str_name(), "DAY_STATE_"),
        "window_start_time": instant(day.window_start_time),
        "window_end_time": instant(day.window_end_time),
        "as_of_time": instant(day.as_of_time),
        "slots": slots.json(),
        "override": own,
        "expected": day.expected,
        "opened_parts": day.opened_parts,
        "parts": day.parts,
        "open_time": instant(day.open_time),
        "close_time": instant(day.close_time),
        "opened_on": {"feed": opened_on.feed, "token": opened_on.token, "hear_time": instant(opened_on.hear_time)},
        "opened_behind": day.opened_behind,
        "difference_count": day.difference_count,
        "differences": differences.json(),
        "sign_offs": signed.json(),
        "seals": seals.json(),
        "pending_amendments": day.pending_amendments,
        "etag": day.etag,
    });
    style.document(&json, &[head, slots, signed, differences, seals])
}

/// Sign-offs.
pub(super) fn sign_offs(style: Style, sign_offs: &[pb::SignOff]) -> Sheet {
    let mut sheet = Sheet::new(style, SIGN_OFFS).hiding(&["unit"]);
    for one in sign_offs {
        let state = match (one.sign_time.is_some(), one.stale) {
            (false, _) => "awaited",
            (true, true) => "stale",
            (true, false) => "signed",
        };
        sheet.add_row(vec![
            one.unit.clone().into(),
            one.display_name.clone().into(),
            state.into(),
            one.signed_by.clone().into(),
            instant(one.sign_time).into(),
            one.note.clone().into(),
        ]);
    }
    sheet
}

/// Seals.
pub(super) fn seals(style: Style, seals: &[pb::Seal]) -> Sheet {
    let mut sheet = Sheet::new(style, SEALS).hiding(&["digest", "name"]);
    for seal in seals {
        sheet.add_row(vec![
            seal.number.into(),
            instant(seal.seal_time).into(),
            seal.sealed_by.clone().into(),
            seal.bulletin_date.clone().into(),
            instant(seal.publish_time).into(),
            seal.revisions.into(),
            seal.amendments.into(),
            seal.unsigned_units.clone().into(),
            seal.reason.clone().into(),
            seal.digest.clone().into(),
            seal.name.clone().into(),
        ]);
    }
    sheet
}
