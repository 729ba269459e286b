//! How reports are shown.

use std::collections::BTreeMap;

use proto::{registry::Office, reporting as pb};
use serde_json::{Value, json};

use super::reporting::{add_fields, figures, instant, object};
use crate::{
    output::{Column, Style, word},
    sheet::Sheet,
};

const REPORTS: &[Column] = &[
    Column { key: "name", en: "Report", zh: "编号" },
    Column { key: "unit", en: "Unit", zh: "单位" },
    Column { key: "unit_display_name", en: "Name", zh: "名称" },
    Column { key: "slot", en: "Slot", zh: "时段" },
    Column { key: "timing", en: "Timing", zh: "时效" },
    Column { key: "content", en: "Content", zh: "内容" },
    Column { key: "returned", en: "Returned", zh: "退回" },
    Column { key: "revision", en: "Revision", zh: "修订" },
    Column { key: "receive_time", en: "Received", zh: "收到" },
];

const SUBMITTED: &[Column] = &[
    Column { key: "report", en: "Report", zh: "编号" },
    Column { key: "revision", en: "Revision", zh: "修订" },
    Column { key: "timing", en: "Timing", zh: "时效" },
    Column { key: "content", en: "Content", zh: "内容" },
    Column { key: "warnings", en: "Warnings", zh: "提示" },
];

const MISSING: &[Column] = &[
    Column { key: "unit", en: "Unit", zh: "单位" },
    Column { key: "display_name", en: "Name", zh: "名称" },
    Column { key: "slot", en: "Slot", zh: "时段" },
    Column { key: "timing", en: "Timing", zh: "时效" },
    Column { key: "returned", en: "Returned", zh: "退回" },
    Column { key: "officer", en: "Officer", zh: "负责人" },
    Column { key: "office", en: "Office", zh: "职务" },
    Column { key: "official_phone", en: "Phone", zh: "电话" },
    Column { key: "chased", en: "Chased", zh: "催报" },
    Column { key: "report", en: "Report", zh: "编号" },
];

const REVISIONS: &[Column] = &[
    Column { key: "number", en: "Revision", zh: "修订" },
    Column { key: "kind", en: "Kind", zh: "类型" },
    Column { key: "timing", en: "Timing", zh: "时效" },
    Column { key: "content", en: "Content", zh: "内容" },
    Column { key: "receive_time", en: "Received", zh: "收到" },
    Column { key: "entered_by", en: "By", zh: "录入" },
    Column { key: "channel", en: "Channel", zh: "渠道" },
    Column { key: "informant", en: "Said by", zh: "报告人" },
    Column { key: "reason", en: "Reason", zh: "原因" },
    Column { key: "note", en: "Note", zh: "备注" },
    Column { key: "announce_date", en: "Announced", zh: "公布日" },
    Column { key: "differences", en: "Differences", zh: "差额" },
];

const CHASES: &[Column] = &[
    Column { key: "create_time", en: "Chased", zh: "催报时间" },
    Column { key: "chased_by", en: "By", zh: "催报人" },
    Column { key: "note", en: "Note", zh: "备注" },
];

const EXCUSED: &[Column] = &[Column { key: "excused", en: "Excused now", zh: "新免报" }];

/// A timing in words.
pub(super) fn timing(timing: pb::Timing) -> String {
    word(timing.as_str_name(), "TIMING_")
}

/// A content in words; nothing where there is none.
pub(super) fn content(content: pb::Content) -> String {
    match content {
        pb::Content::Unspecified => String::new(),
        content => word(content.as_str_name(), "CONTENT_"),
    }
}

/// Signed differences on one line.
pub(super) fn signed(differences: &BTreeMap<String, i64>) -> String {
    let each = differences.iter().map(|(key, value)| format!("{key} {value:+}"));
    each.collect::<Vec<_>>().join(", ")
}

/// What became of a report.
pub(super) fn submitted(style: Style, done: pb::SubmitReportResponse) -> anyhow::Result<()> {
    let mut sheet = Sheet::new(style, SUBMITTED);
    let (timing, content) = (timing(done.timing()), content(done.content()));
    let warnings = json!(done.warnings);
    sheet.add_row(vec![done.report.into(), done.revision.into(), timing.into(), content.into(), warnings]);
    sheet.print()
}

/// Reports, with one column a field.
pub(super) fn rows(style: Style, form: &pb::Form, reports: &[pb::Report]) -> anyhow::Result<()> {
    sheet(style, form, reports).print()
}

fn sheet(style: Style, form: &pb::Form, reports: &[pb::Report]) -> Sheet {
    let mut sheet = Sheet::new(style, REPORTS).hiding(&["unit"]);
    add_fields(&mut sheet, style, form);
    for report in reports {
        let mut row: Vec<Value> = vec![
            report.name.clone().into(),
            report.unit.clone().into(),
            report.unit_display_name.clone().into(),
            report.slot.clone().into(),
            timing(report.timing()).into(),
            content(report.content()).into(),
            report.returned.into(),
            report.revision.into(),
            instant(report.receive_time).into(),
        ];
        row.extend(figures(form, &report.figures));
        sheet.add_row(row);
    }
    sheet
}

/// A report without its revisions as JSON.
pub(super) fn json(report: &pb::Report) -> Value {
    json!({
        "name": report.name,
        "day": report.day,
        "form": report.form,
        "business_date": report.business_date,
        "unit": report.unit,
        "unit_display_name": report.unit_display_name,
        "slot": report.slot,
        "timing": timing(report.timing()),
        "content": content(report.content()),
        "figures": object(&report.figures),
        "last_known": object(&report.last_known),
        "revision": report.revision,
        "returned": report.returned,
        "reason": report.reason,
        "receive_time": instant(report.receive_time),
        "remind_time": instant(report.remind_time),
        "warnings": report.warnings,
    })
}

/// One report with its revisions and notes.
pub(super) fn report(style: Style, form: &pb::Form, report: &pb::Report) -> anyhow::Result<()> {
    let mut revisions = Sheet::new(style, REVISIONS);
    add_fields(&mut revisions, style, form);
    let mut list = Vec::with_capacity(report.revisions.len());
    for one in &report.revisions {
        let kind = word(one.kind().as_str_name(), "REVISION_KIND_");
        let channel = match one.channel() {
            pb::Channel::Unspecified => String::new(),
            channel => word(channel.as_str_name(), "CHANNEL_"),
        };
        list.push(json!({
            "number": one.number,
            "kind": kind,
            "timing": timing(one.timing()),
            "content": content(one.content()),
            "figures": object(&one.figures),
            "differences": object(&one.differences),
            "reason": one.reason,
            "entered_by": one.entered_by,
            "entered_at_unit": one.entered_at_unit,
            "on_behalf": one.on_behalf,
            "informant": one.informant,
            "channel": channel,
            "made_time": instant(one.made_time),
            "receive_time": instant(one.receive_time),
            "announce_date": one.announce_date,
            "note": one.note,
        }));
        let mut row: Vec<Value> = vec![
            one.number.into(),
            kind.into(),
            timing(one.timing()).into(),
            content(one.content()).into(),
            instant(one.receive_time).into(),
            one.entered_by.clone().into(),
            channel.into(),
            one.informant.clone().into(),
            one.reason.clone().into(),
            one.note.clone().into(),
            one.announce_date.clone().into(),
            signed(&one.differences).into(),
        ];
        row.extend(figures(form, &one.figures));
        revisions.add_row(row);
    }
    let chases = chases(style, &report.chase_notes);
    let mut json = json(report);
    json["revisions"] = Value::Array(list);
    json["chase_notes"] = chases.json();
    let mut sheets = vec![sheet(style, form, std::slice::from_ref(report)), revisions, chases];
    if style.output == crate::output::Form::Csv {
        // The first sheet is what CSV prints: every revision says all that its report does.
        sheets.swap(0, 1);
    }
    style.document(&json, &sheets)?;
    if style.output == crate::output::Form::Table {
        for warning in &report.warnings {
            crate::output::put(&format!("! {warning}"))?;
        }
    }
    Ok(())
}

/// Chase notes.
pub(super) fn chases(style: Style, notes: &[pb::ChaseNote]) -> Sheet {
    let mut sheet = Sheet::new(style, CHASES);
    for note in notes {
        let at = instant(note.create_time);
        sheet.add_row(vec![at.into(), note.chased_by.clone().into(), note.note.clone().into()]);
    }
    sheet
}

/// Who has not reported.
pub(super) fn missing(style: Style, missing: &[pb::MissingReport]) -> anyhow::Result<()> {
    let mut sheet = Sheet::new(style, MISSING);
    for one in missing {
        let office = match one.office() {
            Office::Unspecified => String::new(),
            office => word(office.as_str_name(), "OFFICE_"),
        };
        sheet.add_row(vec![
            one.unit.clone().into(),
            one.display_name.clone().into(),
            one.slot.clone().into(),
            timing(one.timing()).into(),
            one.returned.into(),
            one.officer_display_name.clone().into(),
            office.into(),
            one.official_phone.clone().into(),
            one.chased.into(),
            one.report.clone().into(),
        ]);
    }
    sheet.print()
}

/// How many were excused.
pub(super) fn excused(style: Style, count: i64) -> anyhow::Result<()> {
    let mut sheet = Sheet::new(style, EXCUSED);
    sheet.add_row(vec![count.into()]);
    sheet.print()
}
