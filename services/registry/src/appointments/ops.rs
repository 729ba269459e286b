//! What is done to appointments inside one transaction.

use chassis::{Caller, Fault, fault::Unmet, feed};
use jurisdiction::Office;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Appointment, Holding, NewAppointment, TOPIC, beyond, ending,
    parse::{HandOver, Relief, appointment_name},
    store, term,
};
use crate::{Moment, officers, scope, units::parse::unit_name};

/// Makes appointments, all or none; answers their ids in the same order.
///
/// # Errors
/// A unit or officer that is absent or not the caller's, an office that is held or above the caller, a
/// term in the past.
pub async fn appoint(
    connection: &mut PgConnection,
    caller: &Caller,
    appointments: Vec<NewAppointment>,
    moment: Moment,
) -> Result<Vec<Uuid>, Fault> {
    let units: Vec<Uuid> = appointments.iter().map(|one| one.unit).collect();
    let held = scope::permissions(connection, caller, &units, moment.today).await?;
    for appointment in &appointments {
        let here = held.get(&appointment.unit).filter(|held| held.contains("appointments.write"));
        let here = here.ok_or_else(|| Fault::NotFound(unit_name(appointment.unit)))?;
        if let Some(permission) = beyond(appointment.office, here) {
            return Err(above(unit_name(appointment.unit), appointment.office, permission));
        }
    }
    let mut wrong = chassis::Violations::default();
    let mut rows = Vec::with_capacity(appointments.len());
    for (index, one) in appointments.into_iter().enumerate() {
        match term(one.start, one.end, moment.now) {
            Ok((start, end)) => rows.push(Appointment {
                id: Uuid::now_v7(),
                officer: one.officer,
                unit: one.unit,
                office: one.office,
                holding: one.holding,
                start,
                end,
                end_reason: String::new(),
                path: String::new(),
            }),
            Err((field, reason)) => wrong.add(format!("appointments[{index}].{field}"), reason),
        }
    }
    wrong.refuse()?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    store::insert(connection, &rows, moment.now).await?;
    feed::note(connection, TOPIC, &ids).await?;
    Ok(ids)
}

/// An appointment that the caller may end, locked for it.
///
/// # Errors
/// One that is absent, not the caller's, or of an office above the caller.
pub async fn in_hand(
    connection: &mut PgConnection,
    caller: &Caller,
    id: Uuid,
    moment: Moment,
) -> Result<Appointment, Fault> {
    let absent = || Fault::NotFound(appointment_name(id));
    let appointment = store::lock(connection, id, moment.today).await?.ok_or_else(absent)?;
    let held = scope::permissions(connection, caller, &[appointment.unit], moment.today).await?;
    let here = held.get(&appointment.unit).filter(|held| held.contains("appointments.write"));
    let here = here.ok_or_else(absent)?;
    match beyond(appointment.office, here) {
        None => Ok(appointment),
        Some(permission) => Err(above(appointment_name(id), appointment.office, permission)),
    }
}

fn above(subject: String, office: Office, permission: &'static str) -> Fault {
    Fault::unmet(
        "OFFICE_ABOVE_CALLER",
        subject,
        format!("a {} may do {permission} there, and you may not", office.word()),
        vec![("permission", permission.to_owned())],
    )
}

/// Ends an appointment that is in hand.
///
/// # Errors
/// One that is not in force then.
pub async fn relieve(
    connection: &mut PgConnection,
    appointment: Appointment,
    relief: &Relief,
    moment: Moment,
) -> Result<Appointment, Fault> {
    let end = ending(&appointment, relief.end, moment.now).map_err(|description| Fault::Precondition {
        reason: "NOT_IN_FORCE",
        unmet: vec![Unmet { subject: appointment_name(relief.id), description }],
        metadata: vec![("appointment", appointment_name(relief.id))],
    })?;
    store::end(connection, relief.id, end, &relief.reason, moment.now).await?;
    feed::note(connection, TOPIC, &[relief.id]).await?;
    Ok(Appointment { end: Some(end), end_reason: relief.reason.clone(), ..appointment })
}

/// What a hand-over made.
#[derive(Debug)]
pub struct HandedOver {
    /// The appointment that ended.
    pub former: Uuid,
    /// The appointment that began.
    pub successor: Uuid,
    /// The former holder's time as deputy.
    pub overlap: Option<Uuid>,
}

/// Hands an office over: no instant without a holder, none with two.
///
/// # Errors
/// As [`relieve`] and [`appoint`].
pub async fn hand_over(
    connection: &mut PgConnection,
    caller: &Caller,
    former: Appointment,
    request: &HandOver,
    moment: Moment,
) -> Result<HandedOver, Fault> {
    let former = relieve(connection, former, &request.relief, moment).await?;
    let mut made = vec![NewAppointment {
        officer: request.successor,
        unit: former.unit,
        office: former.office,
        holding: former.holding,
        start: former.end,
        end: None,
    }];
    if request.overlap_end.is_some() {
        made.push(NewAppointment {
            officer: former.officer,
            holding: Holding::Deputy,
            end: request.overlap_end,
            ..made[0].clone()
        });
    }
    let ids = appoint(connection, caller, made, moment).await?;
    let successor = ids.first().copied().unwrap_or_default();
    Ok(HandedOver { former: former.id, successor, overlap: ids.get(1).copied() })
}

/// The fault of an officer that is absent.
#[must_use]
pub fn no_such_officer(officer: Uuid) -> Fault {
    Fault::NotFound(officers::parse::officer_name(officer))
}
