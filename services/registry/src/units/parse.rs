//! Between the contract's units and ours. All violations of a message are found at once.

use std::collections::HashMap;

use chassis::{Fault, Violations, pages, parse};
use chrono::NaiveDate;
use proto::{registry as pb, types};
use uuid::Uuid;

use super::{Change, Code, ExternalId, Level, NewUnit, Parent, Status, Unit, name};
use crate::batches;

/// The collection of unit names.
pub const COLLECTION: &str = "units";
/// How many codes, numbers or successors a unit may have.
const MOST: usize = 16;
/// The resource name of a unit.
#[must_use]
pub fn unit_name(id: Uuid) -> String {
    format!("{COLLECTION}/{id}")
}

/// A page of units that is asked for.
#[derive(Debug)]
pub struct Listing {
    /// Only below this unit.
    pub ancestor: Option<Uuid>,
    /// Only directly below it.
    pub children_only: bool,
    /// Only at this level.
    pub level: Option<Level>,
    /// Also closed ones.
    pub show_closed: bool,
    /// The date, today where none.
    pub as_of: Option<NaiveDate>,
}

impl Listing {
    /// A list of the contract, and the page of it, which is taken out of the request.
    ///
    /// # Errors
    /// Every violation.
    pub fn take(request: &mut pb::ListUnitsRequest) -> Result<(Self, pages::Asked), Fault> {
        let mut wrong = Violations::default();
        let ancestor = wrong.optional_name("ancestor_unit", COLLECTION, &request.ancestor_unit);
        if request.children_only && request.ancestor_unit.is_empty() {
            wrong.add("children_only", "needs an ancestor_unit");
        }
        let level = match request.level {
            0 => None,
            number => wrong.keep("level", level(number)),
        };
        let as_of = wrong.keep("as_of", parse::optional_date(&request.as_of));
        let page = pages::Asked::take(&mut wrong, &mut request.page_size, &mut request.page_token);
        wrong.refuse()?;
        let (children_only, show_closed) = (request.children_only, request.show_closed);
        Ok((Self { ancestor, children_only, level, show_closed, as_of: as_of.flatten() }, page))
    }
}

fn level(number: i32) -> Result<Level, String> {
    let level = i16::try_from(number).ok().and_then(Level::of);
    level.ok_or_else(|| "must be one of the levels from LEVEL_PROVINCE to LEVEL_GRID".to_owned())
}

/// Checks a code.
///
/// # Errors
/// Every violation, by field.
pub fn code(code: &pb::UnitCode) -> Result<Code, Violations> {
    let mut wrong = Violations::default();
    let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let system = parse::symbol(&code.system, 16, "[A-Z0-9_]", upper);
    wrong.keep("system", system);
    let dotted = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    wrong.keep("vintage", parse::symbol(&code.vintage, 16, "[A-Za-z0-9.-]", dotted));
    let dashed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    wrong.keep("code", parse::symbol(&code.code, 32, "[A-Za-z0-9-]", dashed));
    let digits = code.code.len() == 12 && code.code.bytes().all(|digit| digit.is_ascii_digit());
    if code.system == "NBS" && !digits {
        wrong.add("code", "a code of the system NBS has 12 digits");
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    Ok(Code { system: code.system.clone(), vintage: code.vintage.clone(), code: code.code.clone() })
}

fn codes(wrong: &mut Violations, field: &str, list: &[pb::UnitCode]) -> Vec<Code> {
    let mut codes: Vec<Code> = Vec::with_capacity(list.len());
    if list.len() > MOST {
        wrong.add(field, format!("must be at most {MOST}, are {}", list.len()));
    }
    for (index, one) in list.iter().enumerate().take(MOST) {
        let place = format!("{field}[{index}]");
        match code(one) {
            Err(inner) => wrong.nest(&place, inner),
            Ok(code) => {
                let twice = |other: &Code| (&other.system, &other.vintage) == (&code.system, &code.vintage);
                if codes.iter().any(twice) {
                    wrong.add(&place, "a unit bears one code of a system and vintage");
                }
                codes.push(code);
            }
        }
    }
    codes
}

fn external_ids(wrong: &mut Violations, field: &str, list: &[types::ExternalId]) -> Vec<ExternalId> {
    if list.len() > MOST {
        wrong.add(field, format!("must be at most {MOST}, are {}", list.len()));
    }
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let mut ids = Vec::with_capacity(list.len());
    for (index, id) in list.iter().enumerate().take(MOST) {
        let system = parse::symbol(&id.system, 64, "[a-z0-9._-]", lower);
        wrong.keep(&format!("{field}[{index}].system"), system);
        wrong.keep(&format!("{field}[{index}].value"), parse::text(&id.value, 128));
        ids.push(ExternalId { system: id.system.clone(), value: id.value.clone() });
    }
    ids.sort();
    ids.dedup();
    ids
}

/// Checks one new unit; `earlier` finds the items before it in the batch by their client_id.
fn new_unit(unit: &pb::NewUnit, earlier: &HashMap<&str, usize>) -> Result<NewUnit, Violations> {
    let mut wrong = Violations::default();
    let display_name = wrong.keep("display_name", name(&unit.display_name));
    let level = wrong.keep("level", level(unit.level));
    let parent = wrong.keep("parent_unit", parent(&unit.parent_unit, earlier));
    let start_date = wrong.keep("start_date", parse::optional_date(&unit.start_date));
    let codes = codes(&mut wrong, "codes", &unit.codes);
    let external_ids = external_ids(&mut wrong, "external_ids", &unit.external_ids);
    if unit.client_id.chars().count() > 64 {
        wrong.add("client_id", "must have at most 64 characters");
    }
    if earlier.contains_key(unit.client_id.as_str()) {
        wrong.add("client_id", "is that of an earlier item");
    }
    match (display_name, level, parent, start_date) {
        (Some(display_name), Some(level), Some(parent), Some(start_date)) if wrong.is_empty() => {
            Ok(NewUnit { display_name, level, parent, codes, external_ids, start_date })
        }
        _ => Err(wrong),
    }
}

fn parent(text: &str, earlier: &HashMap<&str, usize>) -> Result<Parent, String> {
    match text.strip_prefix("client:") {
        None => parse::name(COLLECTION, text).map(Parent::Unit),
        Some(id) => {
            let position = earlier.get(id).copied().map(Parent::Earlier);
            position.ok_or_else(|| format!("no earlier item has the client_id {}", parse::quoted(id)))
        }
    }
}

/// Checks the unit of a create.
///
/// # Errors
/// Every violation.
pub fn create(request: &pb::CreateUnitRequest) -> Result<NewUnit, Fault> {
    let Some(unit) = &request.unit else {
        return Err(Fault::invalid("unit", "is required"));
    };
    new_unit(unit, &HashMap::new()).map_err(|inner| inner.under("unit"))
}

/// Checks the units of a batch.
///
/// # Errors
/// Every violation of every item.
pub fn batch(request: &pb::BatchCreateUnitsRequest) -> Result<Vec<NewUnit>, Fault> {
    let mut earlier = HashMap::new();
    batches::checked("units", &request.units, |index, unit| {
        let checked = new_unit(unit, &earlier);
        if !unit.client_id.is_empty() {
            earlier.entry(unit.client_id.as_str()).or_insert(index);
        }
        checked
    })
}

/// A change that is asked for.
#[derive(Debug)]
pub struct Update {
    /// The unit.
    pub id: Uuid,
    /// What changes.
    pub change: Change,
    /// From which date on; today where none.
    pub effective: Option<NaiveDate>,
    /// The version that the caller read, as an etag; empty where they say none.
    pub etag: String,
}

impl TryFrom<&pb::UpdateUnitRequest> for Update {
    type Error = Fault;

    fn try_from(request: &pb::UpdateUnitRequest) -> Result<Self, Fault> {
        let mut wrong = Violations::default();
        let Some(unit) = &request.unit else {
            return Err(Fault::invalid("unit", "is required"));
        };
        let id = wrong.keep("unit.name", parse::name(COLLECTION, &unit.name));
        let effective = wrong.keep("effective_date", parse::optional_date(&request.effective_date));
        let change = change(&mut wrong, unit, request.update_mask.as_ref());
        wrong.refuse()?;
        Ok(Self {
            id: id.unwrap_or_default(),
            change,
            effective: effective.flatten(),
            etag: request.etag.clone(),
        })
    }
}

const CHANGEABLE: [&str; 6] =
    ["display_name", "parent_unit", "status", "successor_units", "codes", "external_ids"];

fn change(wrong: &mut Violations, unit: &pb::Unit, mask: Option<&prost_types::FieldMask>) -> Change {
    let mut change = Change::default();
    let asked = parse::mask(wrong, mask, &CHANGEABLE);
    let all = mask.is_some_and(|mask| mask.paths.iter().any(|path| path == "*"));
    if asked("display_name") {
        change.display_name = wrong.keep("unit.display_name", name(&unit.display_name));
    }
    // The root has no parent, and keeps none.
    if asked("parent_unit") && !(all && unit.parent_unit.is_empty()) {
        change.parent = wrong.keep("unit.parent_unit", parse::name(COLLECTION, &unit.parent_unit));
    }
    if asked("status") {
        change.status = match pb::UnitStatus::try_from(unit.status) {
            Ok(pb::UnitStatus::Active) => Some(Status::Active),
            Ok(pb::UnitStatus::Closed) => Some(Status::Closed),
            _ => {
                wrong.add("unit.status", "must be UNIT_STATUS_ACTIVE or UNIT_STATUS_CLOSED");
                None
            }
        };
    }
    if asked("successor_units") {
        if unit.successor_units.len() > MOST {
            wrong.add("unit.successor_units", format!("must be at most {MOST}"));
        }
        let named = unit.successor_units.iter().enumerate().take(MOST);
        let named = named.filter_map(|(index, name)| {
            wrong.keep(&format!("unit.successor_units[{index}]"), parse::name(COLLECTION, name))
        });
        change.successors = Some(named.collect());
    }
    if asked("codes") {
        change.codes = Some(codes(wrong, "unit.codes", &unit.codes));
    }
    if asked("external_ids") {
        change.external_ids = Some(external_ids(wrong, "unit.external_ids", &unit.external_ids));
    }
    change
}

impl From<Unit> for pb::Unit {
    fn from(unit: Unit) -> Self {
        Self {
            name: unit_name(unit.id),
            display_name: unit.display_name,
            level: unit.level as i32,
            parent_unit: unit.parent.map(unit_name).unwrap_or_default(),
            status: unit.status as i32,
            codes: unit.codes.into_iter().map(Into::into).collect(),
            external_ids: unit.external_ids.into_iter().map(Into::into).collect(),
            start_date: unit.start_date.to_string(),
            end_date: unit.end_date.map(|date| date.to_string()).unwrap_or_default(),
            successor_units: unit.successors.into_iter().map(unit_name).collect(),
            create_time: Some(chassis::parse::timestamp(unit.created_at)),
            update_time: Some(chassis::parse::timestamp(unit.updated_at)),
            etag: parse::etag(unit.version),
        }
    }
}

impl From<Code> for pb::UnitCode {
    fn from(code: Code) -> Self {
        Self { system: code.system, vintage: code.vintage, code: code.code }
    }
}

impl From<ExternalId> for types::ExternalId {
    fn from(id: ExternalId) -> Self {
        Self { system: id.system, value: id.value }
    }
}
