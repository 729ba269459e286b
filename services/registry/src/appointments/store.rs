//! Appointments remember here. Instants are always given, never asked of the database.

use std::collections::HashMap;

use chassis::{
    Fault,
    fault::{on_constraint, violated_key},
};
use chrono::{DateTime, NaiveDate, Utc};
use jurisdiction::Office;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Appointment, Contact, Held, Holding, Vacancy, ops::no_such_officer};

struct Row {
    id: Uuid,
    officer_id: Uuid,
    unit_id: Uuid,
    office: String,
    kind: i16,
    start: DateTime<Utc>,
    end: Option<DateTime<Utc>>,
    end_reason: String,
    path: String,
}

impl TryFrom<Row> for Appointment {
    type Error = Fault;

    fn try_from(row: Row) -> Result<Self, Fault> {
        Ok(Self {
            id: row.id,
            officer: row.officer_id,
            unit: row.unit_id,
            office: office(&row.office)?,
            holding: holding(row.kind)?,
            start: row.start,
            end: row.end,
            end_reason: row.end_reason,
            path: row.path,
        })
    }
}

pub(crate) fn office(word: &str) -> Result<Office, Fault> {
    Office::of_word(word).ok_or_else(|| Fault::internal(format!("office {word} in the table")))
}

pub(crate) fn holding(kind: i16) -> Result<Holding, Fault> {
    Holding::of(kind).ok_or_else(|| Fault::internal(format!("kind {kind} in the table")))
}

/// Appointments by their ids, in the order of their ids, which is that of making.
///
/// # Errors
/// Where the database fails.
pub async fn get(
    connection: &mut PgConnection,
    appointments: &[Uuid],
    today: NaiveDate,
) -> Result<Vec<Appointment>, Fault> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT a.id, a.officer_id, a.unit_id, a.office, a.kind, lower(a.during) AS "start!",
                  upper(a.during) AS "end", a.end_reason, p.path
           FROM appointment a JOIN unit_place p ON p.unit_id = a.unit_id AND p.valid @> $2::date
           WHERE a.id = ANY($1) ORDER BY a.id"#,
        appointments,
        today,
    );
    rows.fetch_all(connection).await?.into_iter().map(Appointment::try_from).collect()
}

/// Locks an appointment for a change.
///
/// # Errors
/// Where the database fails.
pub async fn lock(
    connection: &mut PgConnection,
    appointment: Uuid,
    today: NaiveDate,
) -> Result<Option<Appointment>, Fault> {
    sqlx::query!("SELECT id FROM appointment WHERE id = $1 FOR UPDATE", appointment)
        .fetch_optional(&mut *connection)
        .await?;
    Ok(get(connection, &[appointment], today).await?.pop())
}

/// The appointments that an officer holds or held.
///
/// # Errors
/// Where the database fails.
pub async fn held_by(connection: &mut PgConnection, officer: Uuid) -> Result<Vec<Uuid>, Fault> {
    let held = sqlx::query_scalar!("SELECT id FROM appointment WHERE officer_id = $1", officer);
    Ok(held.fetch_all(connection).await?)
}

/// The appointments that have not ended, in the order of their ids.
///
/// # Errors
/// Where the database fails.
pub async fn not_ended(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<Uuid>, Fault> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM appointment WHERE upper_inf(during) OR upper(during) > $1::timestamptz ORDER BY id",
        now,
    );
    Ok(ids.fetch_all(connection).await?)
}

/// Appointments with their officers.
///
/// # Errors
/// Where the database fails.
pub async fn held(
    connection: &mut PgConnection,
    appointments: &[Uuid],
    today: NaiveDate,
) -> Result<Vec<Held>, Fault> {
    let found = get(connection, appointments, today).await?;
    let officers: Vec<Uuid> = found.iter().map(|one| one.officer).collect();
    let rows = sqlx::query!(
        "SELECT id, subject, display_name, official_phone FROM officer WHERE id = ANY($1)",
        &officers,
    );
    let officers: HashMap<Uuid, _> =
        rows.fetch_all(connection).await?.into_iter().map(|row| (row.id, row)).collect();
    let held = found.into_iter().filter_map(|appointment| {
        let officer = officers.get(&appointment.officer)?;
        Some(Held {
            subject: officer.subject.clone(),
            display_name: officer.display_name.clone(),
            official_phone: officer.official_phone.clone(),
            appointment,
        })
    });
    Ok(held.collect())
}

/// What a page of appointments is chosen by.
#[derive(Debug)]
pub struct Selection<'a> {
    /// Within these ranges of the tree.
    pub ranges: &'a [String],
    /// Only at this unit.
    pub unit: Option<Uuid>,
    /// Only of this officer.
    pub officer: Option<Uuid>,
    /// Only this office.
    pub office: Option<Office>,
    /// Only those in force at this instant.
    pub at: Option<DateTime<Utc>>,
    /// After this path and id.
    pub after: (&'a str, Uuid),
    /// Where units stand.
    pub today: NaiveDate,
    /// At most so many.
    pub limit: i64,
}

/// A page of appointments in the order of the tree.
///
/// # Errors
/// Where the database fails.
pub async fn list(
    connection: &mut PgConnection,
    selection: &Selection<'_>,
) -> Result<Vec<Appointment>, Fault> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT a.id AS "id!", a.officer_id AS "officer_id!", a.unit_id AS "unit_id!", a.office AS "office!",
                  a.kind AS "kind!", lower(a.during) AS "start!", upper(a.during) AS "end",
                  a.end_reason AS "end_reason!", a.path AS "path!"
           FROM unnest($1::text[]) AS range(path)
           CROSS JOIN LATERAL (
               SELECT a.*, p.path FROM unit_place p JOIN appointment a ON a.unit_id = p.unit_id
               WHERE p.path >= range.path COLLATE "C" AND p.path < (range.path || 'g') COLLATE "C"
                 AND p.path >= $2 AND (p.path, a.id) > ($2, $3) AND p.valid @> $4::date
                 AND ($6::uuid IS NULL OR a.unit_id = $6) AND ($7::uuid IS NULL OR a.officer_id = $7)
                 AND ($8::text IS NULL OR a.office = $8) AND ($9::timestamptz IS NULL OR a.during @> $9)
               ORDER BY p.path, a.id LIMIT $5) a
           ORDER BY a.path, a.id LIMIT $5"#,
        selection.ranges,
        selection.after.0,
        selection.after.1,
        selection.today,
        selection.limit,
        selection.unit,
        selection.officer,
        selection.office.map(Office::word),
        selection.at,
    );
    rows.fetch_all(connection).await?.into_iter().map(Appointment::try_from).collect()
}

/// Makes appointments.
///
/// # Errors
/// An office that is held, an officer who does not exist.
pub async fn insert(
    connection: &mut PgConnection,
    appointments: &[Appointment],
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for appointment in appointments {
        columns.0.push(appointment.id);
        columns.1.push(appointment.officer);
        columns.2.push(appointment.unit);
        columns.3.push(appointment.office.word().to_owned());
        columns.4.push(appointment.holding as i16);
        columns.5.push(appointment.start);
        columns.6.push(appointment.end);
    }
    let inserted = sqlx::query!(
        "INSERT INTO appointment (id, officer_id, unit_id, office, kind, during, created_at, updated_at)
         SELECT id, officer, unit, office, kind, tstzrange(starts, ends), $8, $8
         FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::smallint[], $6::timestamptz[], $7::timestamptz[])
              AS t(id, officer, unit, office, kind, starts, ends)",
        &columns.0,
        &columns.1,
        &columns.2,
        &columns.3,
        &columns.4,
        &columns.5,
        &columns.6 as &[Option<DateTime<Utc>>],
        now,
    );
    inserted.execute(connection).await.map_err(is_held)?;
    Ok(())
}

fn is_held(error: sqlx::Error) -> Fault {
    let key = violated_key(&error);
    let part = |index: usize| key.get(index).cloned().unwrap_or_default();
    on_constraint(error, |constraint| match constraint {
        "appointment_no_overlap" => Some(Fault::unmet(
            "OFFICE_HELD",
            format!("units/{}", part(0)),
            format!("the office {} of units/{} is held at that time: relieve or hand over", part(1), part(0)),
            vec![("office", part(1)), ("unit", format!("units/{}", part(0)))],
        )),
        "appointment_not_twice" => Some(Fault::unmet(
            "OFFICE_HELD",
            format!("units/{}", part(1)),
            format!("officers/{} holds the office {} there already at that time", part(0), part(2)),
            vec![("office", part(2)), ("unit", format!("units/{}", part(1)))],
        )),
        "appointment_officer_fkey" => Some(no_such_officer(part(0).parse().unwrap_or_default())),
        _ => None,
    })
}

/// Ends an appointment at an instant.
///
/// # Errors
/// Where the database fails.
pub async fn end(
    connection: &mut PgConnection,
    appointment: Uuid,
    end: DateTime<Utc>,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE appointment SET during = tstzrange(lower(during), $2), end_reason = $3, version = version + 1,
                updated_at = $4
         WHERE id = $1",
        appointment,
        end,
        reason,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Has what follows in this transaction planned for the part of the tree that it is about: a plan for any
/// part would take a city for a town.
///
/// # Errors
/// Where the database fails.
pub async fn plan_each_time(connection: &mut PgConnection) -> Result<(), Fault> {
    sqlx::query_scalar!("SELECT set_config('plan_cache_mode', 'force_custom_plan', true)")
        .fetch_one(connection)
        .await?;
    Ok(())
}

/// A page of vacancies of one range of the tree, in its order, after a path and an office: required offices of units
/// at work that nobody holds in full or acting, with the duty officer who answers by default.
///
/// # Errors
/// Where the database fails.
pub async fn vacancies(
    connection: &mut PgConnection,
    within: &str,
    after: (&str, &str),
    at: DateTime<Utc>,
    today: NaiveDate,
    limit: i64,
) -> Result<Vec<Vacancy>, Fault> {
    // 'g' follows every hexadecimal letter.
    let end = format!("{within}g");
    plan_each_time(connection).await?;
    let rows = sqlx::query!(
        // Sets, not a probe a unit: the planner cannot tell beforehand that vacancies are few. There are six
        // levels: a series of known length keeps it from expecting a thousand.
        r#"WITH at_work AS MATERIALIZED (
               SELECT p.unit_id, p.path, u.level
               FROM unit_place p
               JOIN unit u ON u.id = p.unit_id
               JOIN unit_status s ON s.unit_id = p.unit_id AND s.valid @> $4::date AND s.status = 1
               WHERE p.path >= $1 AND p.path < $7 AND p.path >= $2 AND p.valid @> $4::date),
           missing AS MATERIALIZED (
               SELECT w.unit_id, r.office FROM at_work w JOIN required_office r USING (level)
               EXCEPT
               SELECT a.unit_id, a.office FROM at_work w JOIN appointment a ON a.unit_id = w.unit_id
               WHERE a.kind <> 3 AND a.during @> $5::timestamptz)
           SELECT v.unit_id AS "unit!", v.display_name AS "display_name!", v.level AS "level!", v.path AS "path!",
                  v.office AS "office!", d.officer_name AS "officer_name?", d.phone AS "phone?", d.kind AS "kind?",
                  d.unit_id AS "at_unit?", d.unit_name AS "at_name?"
           FROM (SELECT m.unit_id, m.office, w.path, w.level, n.display_name
                 FROM missing m
                 JOIN at_work w USING (unit_id)
                 JOIN unit_name n ON n.unit_id = m.unit_id AND n.valid @> $4::date
                 WHERE (w.path, m.office) > ($2, $3)
                 ORDER BY w.path, m.office LIMIT $6) v
           LEFT JOIN LATERAL (
               SELECT o.display_name AS officer_name, o.official_phone AS phone, a.kind, a.unit_id, an.display_name AS unit_name
               FROM generate_series(1, 6) AS depth
               JOIN unit_place ap ON ap.path = left(v.path, depth * 8) AND ap.valid @> $4::date
               JOIN appointment a ON a.unit_id = ap.unit_id AND a.office = 'duty_officer' AND a.during @> $5::timestamptz
               JOIN officer o ON o.id = a.officer_id
               JOIN unit_name an ON an.unit_id = ap.unit_id AND an.valid @> $4::date
               WHERE depth * 8 <= length(v.path)
               ORDER BY depth DESC, a.kind LIMIT 1) d ON true
           ORDER BY v.path, v.office LIMIT $6"#,
        within,
        after.0,
        after.1,
        today,
        at,
        limit,
        end,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    rows.map(|row| {
        let answering = match (row.officer_name, row.phone, row.kind, row.at_unit, row.at_name) {
            (Some(display_name), Some(official_phone), Some(kind), Some(unit), Some(unit_display_name)) => {
                Some(Contact {
                    display_name,
                    official_phone,
                    office: Office::DutyOfficer,
                    holding: holding(kind)?,
                    unit,
                    unit_display_name,
                })
            }
            _ => None,
        };
        Ok(Vacancy {
            unit: row.unit,
            display_name: row.display_name,
            level: row.level,
            office: office(&row.office)?,
            answering,
            path: row.path,
        })
    })
    .collect()
}

/// The name of a unit, and who answers at it or, of duty officers, above it: the nearest first.
///
/// # Errors
/// Where the database fails.
pub async fn answering(
    connection: &mut PgConnection,
    unit: Uuid,
    at: DateTime<Utc>,
    today: NaiveDate,
) -> Result<Option<(String, Vec<Contact>)>, Fault> {
    let name = sqlx::query_scalar!(
        "SELECT display_name FROM unit_name WHERE unit_id = $1 AND valid @> $2::date",
        unit,
        today,
    );
    let Some(name) = name.fetch_optional(&mut *connection).await? else {
        return Ok(None);
    };
    let rows = sqlx::query!(
        // There are six levels: a series of known length keeps the planner from expecting a thousand.
        r#"SELECT o.display_name, o.official_phone, a.office, a.kind, a.unit_id, n.display_name AS unit_name
           FROM unit_place p
           JOIN generate_series(1, 6) AS depth ON depth * 8 <= length(p.path)
           JOIN unit_place ap ON ap.path = left(p.path, depth * 8) AND ap.valid @> $2::date
           JOIN appointment a ON a.unit_id = ap.unit_id AND a.during @> $3::timestamptz
                AND (a.office = 'duty_officer'
                     OR (a.unit_id = p.unit_id AND a.office IN ('leader', 'information_reporter')))
           JOIN officer o ON o.id = a.officer_id
           JOIN unit_name n ON n.unit_id = ap.unit_id AND n.valid @> $2::date
           WHERE p.unit_id = $1 AND p.valid @> $2::date
           ORDER BY depth DESC, a.kind, a.office, o.id"#,
        unit,
        today,
        at,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    let contacts = rows.map(|row| {
        Ok(Contact {
            display_name: row.display_name,
            official_phone: row.official_phone,
            office: office(&row.office)?,
            holding: holding(row.kind)?,
            unit: row.unit_id,
            unit_display_name: row.unit_name,
        })
    });
    Ok(Some((name, contacts.collect::<Result<_, Fault>>()?)))
}
