//! Roll-ups of the contract.

use chassis::{parse, parse::etag};
use proto::reporting as pb;

use super::Cells;
use crate::{
    days::Plan,
    forms::{
        Figures, Kind,
        balance::Term,
        parse::{form_name, kind_number, unit_name},
        value,
    },
};

/// The matrix of cells.
#[must_use]
pub fn matrix(cells: &Cells) -> pb::Matrix {
    let [due, missing, excused, on_time_data, on_time_zero, late_data, late_zero, after_data, after_zero] =
        cells.matrix();
    pb::Matrix {
        expected: cells.expected(),
        due,
        missing,
        excused,
        on_time_data,
        on_time_zero,
        late_data,
        late_zero,
        after_close_data: after_data,
        after_close_zero: after_zero,
        returned: cells.returned(),
    }
}

/// The balance rules that totals break, in words; a rule with cumulative figures where these are known.
#[must_use]
pub fn warnings(plan: &Plan, cells: &Cells, cumulative: &Figures) -> Vec<String> {
    let known = |term: &Term| match term {
        Term::Number(number) => Some(*number),
        Term::Field(key) => Some(cells.column(plan.form.field(key)?.column).sum),
        Term::Cumulative(key) => value(cumulative, plan.form.field(key)?.column),
    };
    plan.form.definition.rules.iter().filter_map(|rule| rule.warning(known)).collect()
}

/// The total of a place; `cumulative` where it is known.
#[must_use]
pub fn rollup(plan: &Plan, place: i32, cells: &Cells, cumulative: &Figures, seal: i32) -> pb::Rollup {
    let node = plan.tree.at(place);
    let expected = cells.expected();
    let figures = plan.form.definition.fields.iter().map(|field| {
        let total = cells.column(field.column);
        let is_stock = field.kind == Kind::Stock;
        pb::RollupFigure {
            key: field.key.clone(),
            kind: kind_number(field.kind),
            value: total.sum,
            stated: total.stated,
            unknown: expected - total.stated,
            last_known: if is_stock { total.last_known } else { 0 },
            last_known_units: if is_stock { total.known } else { 0 },
            cumulative: value(cumulative, field.column).filter(|_| field.cumulative),
        }
    });
    pb::Rollup {
        unit: unit_name(node.map(|node| node.id).unwrap_or_default()),
        display_name: node.map(|node| node.display_name.clone()).unwrap_or_default(),
        level: node.map_or(0, |node| node.level.into()),
        form: form_name(plan.form.id),
        business_date: plan.day.date.to_string(),
        matrix: Some(matrix(cells)),
        figures: figures.collect(),
        warnings: warnings(plan, cells, cumulative),
        seal,
        as_of_time: Some(parse::timestamp(plan.day.times.as_of)),
        etag: etag(cells.changes()),
    }
}
