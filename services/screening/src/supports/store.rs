//! Support and care teams remember here.

use chassis::Fault;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Kind, Moved, State, Support,
    teams::{Member, Team},
};
use crate::worklists::After;

struct Row {
    id: Uuid,
    person_id: Uuid,
    unit_id: Uuid,
    one_id: Uuid,
    kind: i16,
    items: String,
    state: i16,
    due_at: Option<DateTime<Utc>>,
    care_team_id: Option<Uuid>,
    created_at: DateTime<Utc>,
    moved_at: DateTime<Utc>,
    moved_by: String,
    words: String,
}

impl TryFrom<Row> for Support {
    type Error = Fault;

    fn try_from(row: Row) -> Result<Self, Fault> {
        Ok(Self {
            id: row.id,
            person: row.person_id,
            unit: row.unit_id,
            one: row.one_id,
            kind: Kind::of(row.kind.into()).ok_or_else(|| Fault::internal("a kind of support"))?,
            items: row.items,
            state: State::of(row.state.into()).ok_or_else(|| Fault::internal("a state"))?,
            due_at: row.due_at,
            team: row.care_team_id,
            created_at: row.created_at,
            moved_at: row.moved_at,
            moved_by: row.moved_by,
            words: row.words,
        })
    }
}

/// Support by a condition.
macro_rules! supports {
    ($connection:expr, $condition:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            Row,
            "SELECT id, person_id, unit_id, one_id, kind, items, state, due_at, care_team_id, created_at, moved_at, moved_by, words
             FROM support_request WHERE " + $condition
            $(, $value)*
        )
        .fetch_all($connection)
        .await?
        .into_iter()
        .map(Support::try_from)
        .collect::<Result<Vec<Support>, Fault>>()
    };
}

/// Support, locked.
///
/// # Errors
/// Where the database fails.
pub async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<Option<Support>, Fault> {
    Ok(supports!(connection, "id = $1 FOR NO KEY UPDATE", id)?.pop())
}

/// What a page of support is chosen by.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// Only of persons in the hands of these units.
    pub units: &'a [Uuid],
    /// Only of who is one person.
    pub one: Option<Uuid>,
    /// Also what has no next step.
    pub finished: bool,
    /// Only what is past its deadline at an instant.
    pub overdue_at: Option<DateTime<Utc>>,
    /// After this place. In due order, only what has a next step.
    pub after: After,
    /// At most so many.
    pub limit: i64,
}

/// A page of support.
///
/// # Errors
/// Where the database fails.
pub async fn list(connection: &mut PgConnection, asked: Selection<'_>) -> Result<Vec<Support>, Fault> {
    match asked.after {
        After::Made(after) => supports!(
            connection,
            "unit_id = ANY($1) AND id > $2 AND ($3::uuid IS NULL OR one_id = $3) AND (due_at IS NOT NULL OR $4)
             AND ($5::timestamptz IS NULL OR due_at <= $5) ORDER BY id LIMIT $6",
            asked.units,
            after,
            asked.one,
            asked.finished,
            asked.overdue_at,
            asked.limit
        ),
        After::Due((due_at, id)) => supports!(
            connection,
            "unit_id = ANY($1) AND due_at IS NOT NULL AND (due_at, id) > ($2, $3) AND ($4::uuid IS NULL OR one_id = $4)
             AND ($5::timestamptz IS NULL OR due_at <= $5) ORDER BY due_at, id LIMIT $6",
            asked.units,
            due_at,
            id,
            asked.one,
            asked.overdue_at,
            asked.limit
        ),
    }
}

/// Support.
///
/// # Errors
/// Where the database fails.
pub async fn get(connection: &mut PgConnection, id: Uuid) -> Result<Option<Support>, Fault> {
    Ok(supports!(connection, "id = $1", id)?.pop())
}

/// Keeps how support, which is locked or new, stands from now on.
async fn note(connection: &mut PgConnection, support: &Support) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO support_event (support_id, number, state, due_at, care_team_id, said_by, words, happened_at)
         SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7 FROM support_event WHERE support_id = $1",
        support.id,
        support.state as i16,
        support.due_at,
        support.team,
        support.moved_by,
        support.words,
        support.moved_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Every move of support, the first first.
///
/// # Errors
/// Where the database fails.
pub async fn moves(connection: &mut PgConnection, id: Uuid) -> Result<Vec<Moved>, Fault> {
    let rows = sqlx::query!(
        "SELECT state, due_at, care_team_id, said_by, words, happened_at FROM support_event WHERE support_id = $1 ORDER BY number",
        id,
    );
    let rows = rows.fetch_all(connection).await?.into_iter();
    rows.map(|row| {
        Ok(Moved {
            state: State::of(row.state.into()).ok_or_else(|| Fault::internal("a state"))?,
            due_at: row.due_at,
            team: row.care_team_id,
            said_by: row.said_by,
            words: row.words,
            happened_at: row.happened_at,
        })
    })
    .collect()
}

/// Adds support.
///
/// # Errors
/// Where the database fails.
pub async fn insert(connection: &mut PgConnection, support: &Support) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO support_request (id, person_id, unit_id, one_id, kind, items, state, due_at, care_team_id, created_at, created_by,
                                      moved_at, moved_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $10, $11)",
        support.id,
        support.person,
        support.unit,
        support.one,
        support.kind as i16,
        support.items,
        support.state as i16,
        support.due_at,
        support.team,
        support.created_at,
        support.moved_by,
    )
    .execute(&mut *connection)
    .await?;
    note(connection, support).await
}

/// Writes how support, which is locked, stands now.
///
/// # Errors
/// Where the database fails.
pub async fn update(connection: &mut PgConnection, support: &Support) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE support_request SET state = $2, due_at = $3, care_team_id = $4, moved_at = $5, moved_by = $6, words = $7 WHERE id = $1",
        support.id,
        support.state as i16,
        support.due_at,
        support.team,
        support.moved_at,
        support.moved_by,
        support.words,
    )
    .execute(&mut *connection)
    .await?;
    note(connection, support).await
}

struct TeamRow {
    id: Uuid,
    unit_id: Uuid,
    display_name: String,
    created_at: DateTime<Utc>,
    dissolved_at: Option<DateTime<Utc>>,
}

/// A care team with its members, locked against being ended.
///
/// # Errors
/// Where the database fails.
pub async fn lock_team(connection: &mut PgConnection, id: Uuid) -> Result<Option<Team>, Fault> {
    let row = sqlx::query_as!(
        TeamRow,
        "SELECT id, unit_id, display_name, created_at, dissolved_at FROM care_team WHERE id = $1 FOR NO KEY UPDATE",
        id,
    );
    let row = row.fetch_optional(&mut *connection).await?;
    Ok(with_members(connection, row.into_iter().collect()).await?.pop())
}

/// A page of the care teams of units, the oldest first.
///
/// # Errors
/// Where the database fails.
pub async fn list_teams(
    connection: &mut PgConnection,
    units: &[Uuid],
    after: Uuid,
    limit: i64,
) -> Result<Vec<Team>, Fault> {
    let rows = sqlx::query_as!(
        TeamRow,
        "SELECT id, unit_id, display_name, created_at, dissolved_at FROM care_team
         WHERE unit_id = ANY($1) AND dissolved_at IS NULL AND id > $2 ORDER BY id LIMIT $3",
        units,
        after,
        limit,
    );
    let rows = rows.fetch_all(&mut *connection).await?;
    with_members(connection, rows).await
}

async fn with_members(connection: &mut PgConnection, rows: Vec<TeamRow>) -> Result<Vec<Team>, Fault> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let members = sqlx::query!(
        "SELECT care_team_id, display_name, kind, phone FROM care_team_member WHERE care_team_id = ANY($1) ORDER BY care_team_id, number",
        &ids,
    );
    let members = members.fetch_all(connection).await?;
    let of = |id: Uuid| {
        let own = members.iter().filter(|member| member.care_team_id == id);
        own.map(|member| Member {
            display_name: member.display_name.clone(),
            kind: member.kind,
            phone: member.phone.clone(),
        })
        .collect()
    };
    let team = |row: TeamRow| Team {
        id: row.id,
        unit: row.unit_id,
        display_name: row.display_name,
        members: of(row.id),
        created_at: row.created_at,
        dissolved_at: row.dissolved_at,
    };
    Ok(rows.into_iter().map(team).collect())
}

/// Adds a care team.
///
/// # Errors
/// Where the database fails.
pub async fn insert_team(connection: &mut PgConnection, team: &Team, by: &str) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO care_team (id, unit_id, display_name, created_at, created_by) VALUES ($1, $2, $3, $4, $5)",
        team.id,
        team.unit,
        team.display_name,
        team.created_at,
        by,
    )
    .execute(&mut *connection)
    .await?;
    let names: Vec<String> = team.members.iter().map(|member| member.display_name.clone()).collect();
    let kinds: Vec<i16> = team.members.iter().map(|member| member.kind).collect();
    let phones: Vec<String> = team.members.iter().map(|member| member.phone.clone()).collect();
    sqlx::query!(
        "INSERT INTO care_team_member (care_team_id, number, display_name, kind, phone)
         SELECT $1, m.number::integer, m.display_name, m.kind, m.phone
         FROM unnest($2::text[], $3::smallint[], $4::text[]) WITH ORDINALITY AS m (display_name, kind, phone, number)",
        team.id,
        &names,
        &kinds,
        &phones,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How much a care team has to deliver.
///
/// # Errors
/// Where the database fails.
pub async fn to_deliver(connection: &mut PgConnection, team: Uuid) -> Result<i64, Fault> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM support_request WHERE care_team_id = $1 AND due_at IS NOT NULL"#,
        team,
    );
    Ok(count.fetch_one(connection).await?)
}

/// Ends a care team, which is locked.
///
/// # Errors
/// Where the database fails.
pub async fn dissolve(connection: &mut PgConnection, team: Uuid, now: DateTime<Utc>) -> Result<(), Fault> {
    sqlx::query!("UPDATE care_team SET dissolved_at = $2 WHERE id = $1", team, now)
        .execute(connection)
        .await?;
    Ok(())
}
