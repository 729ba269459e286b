//! How drafts are shown, and where reports say otherwise than the registers.

use proto::reporting as pb;
use serde_json::Value;

use super::reporting::{instant, label};
use crate::{
    output::{self, Column, Style},
    sheet::Sheet,
};

const DRAFT: &[Column] = &[
    Column { key: "field", en: "Field", zh: "指标" },
    Column { key: "label", en: "Label", zh: "名称" },
    Column { key: "registers", en: "Registers", zh: "登记数" },
    Column { key: "said", en: "Said", zh: "已报数" },
    Column { key: "remark", en: "Remark", zh: "说明" },
];

const DIFFERENCES: &[Column] = &[
    Column { key: "report", en: "Report", zh: "编号" },
    Column { key: "unit", en: "Unit", zh: "单位" },
    Column { key: "display_name", en: "Name", zh: "名称" },
    Column { key: "slot", en: "Slot", zh: "时段" },
    Column { key: "field", en: "Field", zh: "指标" },
    Column { key: "said", en: "Said", zh: "已报数" },
    Column { key: "registers", en: "Registers", zh: "登记数" },
    Column { key: "explanation", en: "Explained by", zh: "差额说明" },
];

/// A draft: every field of the form, with what the registers have and what was said.
pub(super) fn draft(style: Style, form: &pb::Form, draft: pb::DraftReportResponse) -> anyhow::Result<()> {
    if draft.heard_time.is_none() {
        output::say("the registers were never heard of: nothing is filled in");
    } else if draft.stale {
        output::say(&format!("the registers were last heard of at {}", instant(draft.heard_time)));
    }
    let said = draft.report.unwrap_or_default().figures;
    let mut sheet = Sheet::new(style, DRAFT);
    for field in &form.fields {
        let unfilled = draft.unfilled.iter().find(|unfilled| unfilled.field == field.key);
        let difference = draft.differences.iter().find(|difference| difference.field == field.key);
        let remark = match (unfilled, difference) {
            (Some(unfilled), _) => unfilled.reason.clone(),
            (None, Some(difference)) if difference.explanation.is_empty() => "not explained".to_owned(),
            (None, Some(difference)) => difference.explanation.clone(),
            (None, None) if draft.to_be_said.contains(&field.key) => "the reporter says it".to_owned(),
            (None, None) => String::new(),
        };
        sheet.add_row(vec![
            field.key.clone().into(),
            label(style, field.label.as_ref()).into(),
            draft.figures.get(&field.key).copied().into(),
            said.get(&field.key).copied().into(),
            remark.into(),
        ]);
    }
    sheet.print()
}

/// Differences.
pub(super) fn list(style: Style, differences: &[pb::Difference]) -> anyhow::Result<()> {
    let mut sheet = Sheet::new(style, DIFFERENCES).hiding(&["report", "unit"]);
    for difference in differences {
        let cells: [Value; 8] = [
            difference.report.clone().into(),
            difference.unit.clone().into(),
            difference.display_name.clone().into(),
            difference.slot.clone().into(),
            difference.field.clone().into(),
            difference.said.into(),
            difference.registered.into(),
            difference.explanation.clone().into(),
        ];
        sheet.add_row(cells.into());
    }
    sheet.print()
}
