//! An official list decides here what it does to the tree. Pure: given the rows and the units there
//! are, the plan.

pub mod api;
pub mod store;

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::Level;

/// The most rows an import may have.
pub const MOST_ROWS: usize = 200_000;

/// A row of the list that is good by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line in the file.
    pub line: i64,
    /// The level.
    pub level: Level,
    /// The code in the list's system and vintage.
    pub code: String,
    /// The name.
    pub display_name: String,
    /// The code of the unit above; none directly under the root.
    pub parent_code: Option<String>,
}

/// A unit that is in the tree and bears a code of the list's system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The unit.
    pub id: Uuid,
    /// Its level.
    pub level: Level,
    /// Its name on the effective date.
    pub display_name: String,
    /// The unit above.
    pub parent: Option<Uuid>,
    /// The code it is known by.
    pub code: String,
    /// Whether that code is of the list's vintage.
    pub of_vintage: bool,
}

/// Why a row is not good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line.
    pub line: i64,
    /// The code.
    pub code: String,
    /// In words.
    pub reason: String,
    /// Whether only the name looks damaged.
    pub damaged: bool,
}

/// What the list does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Units to make, parents first.
    pub create: Vec<Row>,
    /// Units to rename: the unit, the row, the former name.
    pub rename: Vec<(Uuid, Row, String)>,
    /// Units that get the code of this vintage.
    pub recode: Vec<(Uuid, String)>,
    /// Units named as they are.
    pub unchanged: usize,
    /// Units that the list does not name.
    pub absent: Vec<Known>,
    /// Rows whose unit stands elsewhere in the tree.
    pub elsewhere: Vec<Row>,
    /// Rows that are not good.
    pub problems: Vec<Problem>,
    /// Whom the parent codes stand for, where the unit is known.
    pub units: HashMap<String, Uuid>,
}

/// Plans an import of rows below a root. `bad` holds the codes of rows that were found bad before: what
/// hangs below them is bad too.
#[must_use]
pub fn plan(rows: Vec<Row>, bad: &HashSet<String>, known: Vec<Known>, root: (Uuid, Level)) -> Plan {
    let mut plan = Plan::default();
    let mut by_code: HashMap<String, Known> = HashMap::with_capacity(known.len());
    for unit in known {
        // The code of the list's own vintage goes before that of another.
        let replaces = by_code.get(&unit.code).is_none_or(|other| !other.of_vintage);
        if replaces {
            by_code.insert(unit.code.clone(), unit);
        }
    }
    let mut lines: HashMap<String, (i64, Level)> = HashMap::with_capacity(rows.len());
    let mut bad = bad.clone();
    for row in rows {
        if let Err(reason) = fits(&row, &lines, &bad, root.1) {
            bad.insert(row.code.clone());
            plan.problems.push(problem(&row, reason));
            continue;
        }
        lines.insert(row.code.clone(), (row.line, row.level));
        let Some(unit) = by_code.remove(&row.code) else {
            plan.create.push(row);
            continue;
        };
        if unit.level != row.level {
            let is = unit.level.word();
            let reason = format!("the unit that bears this code is a {is}, not a {}", row.level.word());
            plan.problems.push(problem(&row, reason));
            bad.insert(row.code);
            continue;
        }
        let above = match &row.parent_code {
            None => Some(root.0),
            Some(code) => plan.units.get(code).copied(),
        };
        plan.units.insert(row.code.clone(), unit.id);
        if !unit.of_vintage {
            plan.recode.push((unit.id, row.code.clone()));
        }
        if above.is_none() || above != unit.parent {
            plan.elsewhere.push(row);
        } else if unit.display_name != row.display_name {
            plan.rename.push((unit.id, row, unit.display_name));
        } else if unit.of_vintage {
            plan.unchanged += 1;
        }
    }
    let named: HashSet<Level> = lines.values().map(|(_, level)| *level).collect();
    let absent = by_code.into_values();
    plan.absent = absent.filter(|unit| named.contains(&unit.level) && !bad.contains(&unit.code)).collect();
    plan.absent.sort_by(|one, other| one.code.cmp(&other.code));
    plan
}

fn problem(row: &Row, reason: String) -> Problem {
    Problem { line: row.line, code: row.code.clone(), reason, damaged: false }
}

/// Whether a row fits the rows before it.
fn fits(
    row: &Row,
    before: &HashMap<String, (i64, Level)>,
    bad: &HashSet<String>,
    root: Level,
) -> Result<(), String> {
    if let Some((line, _)) = before.get(&row.code) {
        return Err(format!("the code {} stands in line {line} too", row.code));
    }
    let above = match &row.parent_code {
        None => root,
        Some(parent) => match before.get(parent) {
            Some((_, level)) => *level,
            None if bad.contains(parent) => {
                return Err(format!("the unit above, {parent}, is in a row that is not good"));
            }
            None => {
                return Err(format!("no earlier row has the code {parent} of the unit above"));
            }
        },
    };
    if !above.may_stand_above(row.level) {
        return Err(format!("a {} does not stand above a {}", above.word(), row.level.word()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(line: i64, level: Level, code: &str, name: &str, parent: Option<&str>) -> Row {
        Row {
            line,
            level,
            code: code.to_owned(),
            display_name: name.to_owned(),
            parent_code: parent.map(str::to_owned),
        }
    }

    fn known(id: Uuid, level: Level, code: &str, name: &str, parent: Uuid, of_vintage: bool) -> Known {
        Known {
            id,
            level,
            display_name: name.to_owned(),
            parent: Some(parent),
            code: code.to_owned(),
            of_vintage,
        }
    }

    #[test]
    fn the_same_list_again_changes_nothing() {
        let [root, county] = [Uuid::now_v7(), Uuid::now_v7()];
        let rows = vec![row(2, Level::County, "99", "甲县", None)];
        let units = vec![known(county, Level::County, "99", "甲县", root, true)];
        let plan = plan(rows, &HashSet::new(), units, (root, Level::City));
        assert_eq!((plan.unchanged, plan.create.len(), plan.recode.len()), (1, 0, 0));
    }

    #[test]
    fn a_newer_vintage_recodes_renames_and_reports_the_absent() {
        let [root, one, two] = [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
        let rows = vec![row(2, Level::County, "01", "甲区", None), row(3, Level::County, "03", "丙县", None)];
        let units = vec![
            known(one, Level::County, "01", "甲县", root, false),
            known(two, Level::County, "02", "乙县", root, false),
        ];
        let plan = plan(rows, &HashSet::new(), units, (root, Level::City));
        assert_eq!(plan.recode, [(one, "01".to_owned())]);
        assert_eq!(plan.rename[0].2, "甲县");
        assert_eq!(plan.create[0].code, "03");
        assert_eq!(plan.absent[0].id, two, "reported, never closed");
    }

    #[test]
    fn what_hangs_below_a_bad_row_is_bad_too() {
        let root = Uuid::now_v7();
        let rows = vec![row(3, Level::Village, "0101", "丁村", Some("01"))];
        let bad = HashSet::from(["01".to_owned()]);
        let plan = plan(rows, &bad, Vec::new(), (root, Level::City));
        assert_eq!(plan.problems.len(), 1);
        assert!(plan.create.is_empty());
    }

    #[test]
    fn a_unit_that_stands_elsewhere_is_reported_not_moved() {
        let [root, other, county] = [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
        let rows = vec![row(2, Level::County, "01", "甲县", None)];
        let units = vec![known(county, Level::County, "01", "甲县", other, true)];
        let plan = plan(rows, &HashSet::new(), units, (root, Level::City));
        assert_eq!((plan.elsewhere.len(), plan.unchanged), (1, 0));
    }
}
