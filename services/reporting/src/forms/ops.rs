//! What is done with forms in the caller's transaction.

use std::collections::HashMap;

use chassis::{Fault, Violations};
use chrono::{Days, NaiveDate};
use sqlx::PgConnection;

use super::{Definition, Form, Kind, parse::form_name, store};
use crate::house::House;

/// Makes the next version of a form, which is locked, with what is changed of the present one, from a date on that has no
/// day yet; from the first such one where none is asked for.
///
/// # Errors
/// DAY_OPENED; [`Fault::Invalid`] for a key that has had another kind; where the database fails.
pub async fn change(
    house: &House,
    connection: &mut PgConnection,
    present: Form,
    (definition, end): (Definition, Option<NaiveDate>),
    from: Option<NaiveDate>,
) -> Result<Form, Fault> {
    let start = start(connection, &present, from).await?;
    let (version, recorded_at) = (present.version + 1, house.clock.now());
    let mut form = Form { version, start, end, definition, recorded_at, ..present };
    let kinds = store::kinds(connection, form.id).await?;
    settle(&mut form, &kinds)?;
    store::insert_version(connection, &form).await?;
    Ok(form)
}

/// From when a new version holds: a date that has no day yet.
async fn start(
    connection: &mut PgConnection,
    present: &Form,
    asked: Option<NaiveDate>,
) -> Result<NaiveDate, Fault> {
    let last = store::last_day(connection, present.id).await?;
    let free = last.map_or(present.start, |last| (last + Days::new(1)).max(present.start));
    match asked {
        None => Ok(free),
        Some(asked) if asked >= free => Ok(asked),
        Some(asked) => Err(Fault::unmet(
            "DAY_OPENED",
            form_name(present.id),
            format!(
                "the days up to {free} are open, or an earlier version holds from then: choose {free} or later"
            ),
            vec![("business_date", asked.to_string())],
        )),
    }
}

/// Gives every field of a new version its column: the one it had, or a new one at the end. A key keeps
/// the kind that it had in any version.
fn settle(form: &mut Form, kinds: &HashMap<String, Kind>) -> Result<(), Fault> {
    let mut wrong = Violations::default();
    for (at, field) in form.definition.fields.iter_mut().enumerate() {
        let known = form.columns.iter().position(|column| *column == field.key);
        if kinds.get(&field.key).is_some_and(|before| *before != field.kind) {
            wrong.add(format!("form.fields[{at}].kind"), "a key keeps its kind over all versions");
        }
        field.column = known.unwrap_or(form.columns.len());
        if known.is_none() {
            form.columns.push(field.key.clone());
        }
    }
    wrong.refuse()
}
