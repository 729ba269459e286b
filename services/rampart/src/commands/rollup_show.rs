//! How roll-ups are shown.

use proto::reporting as pb;
use serde_json::{Value, json};

use super::reporting::{instant, label, level};
use crate::{
    output::{Column, Form, Style},
    sheet::Sheet,
};

const MATRIX: &[Column] = &[
    Column { key: "timing", en: "Reports", zh: "报送" },
    Column { key: "data", en: "Figures", zh: "有数" },
    Column { key: "zero", en: "Zero", zh: "零报" },
    Column { key: "all", en: "All", zh: "合计" },
    Column { key: "rate", en: "%", zh: "%" },
];

const FIGURES: &[Column] = &[
    Column { key: "field", en: "Field", zh: "指标" },
    Column { key: "label", en: "Label", zh: "名称" },
    Column { key: "value", en: "Total", zh: "合计" },
    Column { key: "cumulative", en: "Cumulative", zh: "累计" },
    Column { key: "stated", en: "Stated by", zh: "已报" },
    Column { key: "unknown", en: "Unknown of", zh: "未知" },
    Column { key: "last_known", en: "Last known", zh: "此前已知" },
    Column { key: "last_known_units", en: "Of", zh: "其中" },
];

const LIST: &[Column] = &[
    Column { key: "business_date", en: "Day", zh: "业务日" },
    Column { key: "unit", en: "Unit", zh: "单位" },
    Column { key: "display_name", en: "Name", zh: "名称" },
    Column { key: "level", en: "Level", zh: "层级" },
    Column { key: "seal", en: "Seal", zh: "封存" },
    Column { key: "expected", en: "Expected", zh: "应报" },
    Column { key: "received", en: "Received", zh: "已报" },
    Column { key: "on_time", en: "On time", zh: "按时" },
    Column { key: "late", en: "Late", zh: "迟报" },
    Column { key: "after_close", en: "After close", zh: "关后" },
    Column { key: "due", en: "Due", zh: "待报" },
    Column { key: "missing", en: "Missing", zh: "缺报" },
    Column { key: "excused", en: "Excused", zh: "免报" },
    Column { key: "completeness", en: "Reported %", zh: "报送率%" },
    Column { key: "timeliness", en: "On time %", zh: "及时率%" },
];

/// What a matrix comes to.
struct Sums {
    on_time: i64,
    late: i64,
    after_close: i64,
    received: i64,
}

fn sums(matrix: &pb::Matrix) -> Sums {
    let on_time = matrix.on_time_data + matrix.on_time_zero;
    let late = matrix.late_data + matrix.late_zero;
    let after_close = matrix.after_close_data + matrix.after_close_zero;
    Sums { on_time, late, after_close, received: on_time + late + after_close }
}

/// A part of what is expected, in per cent with one decimal; nothing where nothing is expected.
#[allow(clippy::cast_precision_loss, reason = "a rate for people")]
fn rate(part: i64, expected: i64) -> Value {
    if expected == 0 {
        return Value::Null;
    }
    json!((part as f64 * 1_000.0 / expected as f64).round() / 10.0)
}

/// A roll-up as JSON.
pub(crate) fn json(rollup: &pb::Rollup) -> Value {
    let matrix = rollup.matrix.unwrap_or_default();
    let sums = sums(&matrix);
    let figures = rollup.figures.iter().map(|figure| {
        let kind = crate::output::word(figure.kind().as_str_name(), "FIELD_KIND_");
        json!({
            "key": figure.key,
            "kind": kind,
            "value": figure.value,
            "cumulative": figure.cumulative,
            "stated": figure.stated,
            "unknown": figure.unknown,
            "last_known": figure.last_known,
            "last_known_units": figure.last_known_units,
        })
    });
    json!({
        "unit": rollup.unit,
        "display_name": rollup.display_name,
        "level": level(rollup.level()),
        "form": rollup.form,
        "business_date": rollup.business_date,
        "seal": rollup.seal,
        "as_of_time": instant(rollup.as_of_time),
        "matrix": {
            "expected": matrix.expected,
            "due": matrix.due,
            "missing": matrix.missing,
            "excused": matrix.excused,
            "on_time_data": matrix.on_time_data,
            "on_time_zero": matrix.on_time_zero,
            "late_data": matrix.late_data,
            "late_zero": matrix.late_zero,
            "after_close_data": matrix.after_close_data,
            "after_close_zero": matrix.after_close_zero,
            "returned": matrix.returned,
        },
        "received": sums.received,
        "completeness": rate(sums.received, matrix.expected),
        "timeliness": rate(sums.on_time, matrix.expected),
        "figures": figures.collect::<Vec<_>>(),
        "warnings": rollup.warnings,
        "etag": rollup.etag,
    })
}

/// Shows one roll-up.
pub(crate) fn show(style: Style, form: &pb::Form, rollup: &pb::Rollup) -> anyhow::Result<()> {
    if style.output == Form::Csv {
        return sheet(style, form, std::slice::from_ref(rollup)).print();
    }
    match style.output {
        Form::Table => crate::output::put(&text(style, form, rollup)),
        _ => style.document(&json(rollup), &[]),
    }
}

/// One roll-up for people: the matrix, the figures and the warnings.
pub(crate) fn text(style: Style, form: &pb::Form, rollup: &pb::Rollup) -> String {
    let tables = sheets(style, form, rollup).iter().map(Sheet::table).collect::<Vec<_>>().join("\n\n");
    let warnings = rollup.warnings.iter().map(|warning| format!("\n! {warning}"));
    warnings.fold(tables, |text, warning| text + &warning)
}

fn sheets(style: Style, form: &pb::Form, rollup: &pb::Rollup) -> Vec<Sheet> {
    let state = match rollup.seal {
        0 => style.pick("current", "实时"),
        number => format!("{} {number}", style.pick("seal", "封存")),
    };
    let title = format!(
        "{} · {} · {} · {} {} · {state}",
        label(style, form.label.as_ref()),
        rollup.business_date,
        rollup.display_name,
        style.pick("as of", "截至"),
        instant(rollup.as_of_time),
    );
    vec![matrix(style, rollup).titled(title), totals(style, form, rollup)]
}

fn matrix(style: Style, rollup: &pb::Rollup) -> Sheet {
    let matrix = rollup.matrix.unwrap_or_default();
    let sums = sums(&matrix);
    let mut sheet = Sheet::new(style, MATRIX);
    let both = [
        ("on time", "按时", matrix.on_time_data, matrix.on_time_zero),
        ("late", "迟报", matrix.late_data, matrix.late_zero),
        ("after close", "关后", matrix.after_close_data, matrix.after_close_zero),
    ];
    for (en, zh, data, zero) in both {
        let all = data + zero;
        let share = rate(all, matrix.expected);
        sheet.add_row(vec![style.pick(en, zh).into(), data.into(), zero.into(), all.into(), share]);
    }
    let data = matrix.on_time_data + matrix.late_data + matrix.after_close_data;
    let share = rate(sums.received, matrix.expected);
    let received = style.pick("received", "已报");
    let zero = sums.received - data;
    sheet.add_row(vec![received.into(), data.into(), zero.into(), sums.received.into(), share]);
    let single = [
        ("due", "待报", matrix.due),
        ("missing", "缺报", matrix.missing),
        ("excused", "免报", matrix.excused),
        ("expected", "应报", matrix.expected),
    ];
    for (en, zh, all) in single {
        let share = rate(all, matrix.expected);
        sheet.add_row(vec![style.pick(en, zh).into(), Value::Null, Value::Null, all.into(), share]);
    }
    if matrix.returned > 0 {
        let words = style.pick("of due and missing: returned", "待报、缺报中：已退回");
        sheet.add_row(vec![words.into(), Value::Null, Value::Null, matrix.returned.into(), Value::Null]);
    }
    sheet
}

fn totals(style: Style, form: &pb::Form, rollup: &pb::Rollup) -> Sheet {
    let mut sheet = Sheet::new(style, FIGURES);
    for figure in &rollup.figures {
        let field = form.fields.iter().find(|field| field.key == figure.key);
        let words = label(style, field.and_then(|field| field.label.as_ref()));
        // What is last known says something of silent units only.
        let known = figure.kind() == pb::FieldKind::Stock && figure.unknown > 0;
        let [last_known, of] = [figure.last_known, figure.last_known_units].map(|n| known.then_some(n));
        sheet.add_row(vec![
            figure.key.clone().into(),
            words.into(),
            figure.value.into(),
            figure.cumulative.into(),
            figure.stated.into(),
            figure.unknown.into(),
            last_known.into(),
            of.into(),
        ]);
    }
    sheet
}

/// Shows many roll-ups.
pub(crate) fn list(style: Style, form: &pb::Form, rollups: &[pb::Rollup]) -> anyhow::Result<()> {
    let json = Value::Array(rollups.iter().map(json).collect());
    style.document(&json, &[sheet(style, form, rollups)])
}

/// Many roll-ups, one a line: for people the totals, for machines with what is unknown beside them.
pub(crate) fn sheet(style: Style, form: &pb::Form, rollups: &[pb::Rollup]) -> Sheet {
    let is_table = style.output == Form::Table;
    let one_day = rollups.windows(2).all(|pair| pair[0].business_date == pair[1].business_date);
    // A terminal is narrow: people need not read the same date, name or resource name on every line.
    let is_shown = |column: &Column| match column.key {
        "unit" | "level" | "seal" => !is_table,
        "business_date" => !is_table || !one_day,
        _ => true,
    };
    let columns: Vec<Column> = LIST.iter().copied().filter(is_shown).collect();
    let mut sheet = Sheet::new(style, &columns);
    for field in &form.fields {
        let words = label(style, field.label.as_ref());
        sheet.add_column(&field.key, &words);
        if !is_table {
            sheet.add_column(format!("{}.unknown", field.key), &words);
        }
        if field.cumulative {
            sheet.add_column(format!("{}.cum", field.key), format!("{words} {}", style.pick("cum.", "累计")));
        }
    }
    for rollup in rollups {
        let matrix = rollup.matrix.unwrap_or_default();
        let sums = sums(&matrix);
        let cells: [Value; LIST.len()] = [
            rollup.business_date.clone().into(),
            rollup.unit.clone().into(),
            rollup.display_name.clone().into(),
            level(rollup.level()).into(),
            rollup.seal.into(),
            matrix.expected.into(),
            sums.received.into(),
            sums.on_time.into(),
            sums.late.into(),
            sums.after_close.into(),
            matrix.due.into(),
            matrix.missing.into(),
            matrix.excused.into(),
            rate(sums.received, matrix.expected),
            rate(sums.on_time, matrix.expected),
        ];
        let shown = LIST.iter().zip(cells).filter(|(column, _)| is_shown(column));
        let mut row: Vec<Value> = shown.map(|(_, cell)| cell).collect();
        for field in &form.fields {
            let figure = rollup.figures.iter().find(|figure| figure.key == field.key);
            row.push(figure.map(|figure| figure.value).into());
            if !is_table {
                row.push(figure.map(|figure| figure.unknown).into());
            }
            if field.cumulative {
                row.push(figure.and_then(|figure| figure.cumulative).into());
            }
        }
        sheet.add_row(row);
    }
    sheet
}

/// One roll-up on one line, for people.
pub(crate) fn line(rollup: &pb::Rollup) -> String {
    let matrix = rollup.matrix.unwrap_or_default();
    let sums = sums(&matrix);
    let figures = rollup.figures.iter().map(|figure| {
        let unknown = if figure.unknown > 0 { format!(" (+{}?)", figure.unknown) } else { String::new() };
        format!("{}={}{unknown}", figure.key, figure.value)
    });
    format!(
        "{} {}: {} of {} received, {} on time, {} due, {} missing; {}",
        rollup.business_date,
        rollup.display_name,
        sums.received,
        matrix.expected,
        sums.on_time,
        matrix.due,
        matrix.missing,
        figures.collect::<Vec<_>>().join(" "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_unit_is_unknown_and_not_zero() {
        let form = pb::Form {
            fields: vec![pb::Field { key: "at_home".to_owned(), ..pb::Field::default() }],
            ..pb::Form::default()
        };
        let figure =
            pb::RollupFigure { key: "at_home".to_owned(), value: 7, unknown: 2, ..Default::default() };
        let matrix = pb::Matrix { expected: 3, on_time_data: 1, missing: 2, ..pb::Matrix::default() };
        let rollup = pb::Rollup { figures: vec![figure], matrix: Some(matrix), ..pb::Rollup::default() };
        assert!(line(&rollup).contains("1 of 3 received") && line(&rollup).contains("at_home=7 (+2?)"));
        assert_eq!(json(&rollup)["completeness"], json!(33.3));
        assert_eq!(rate(0, 0), Value::Null);
        let style = Style { output: Form::Csv, ..Style::default() };
        let csv = sheet(style, &form, &[rollup]).csv().unwrap();
        assert!(csv.contains("at_home,at_home.unknown") && csv.ends_with("7,2"), "{csv}");
    }
}
