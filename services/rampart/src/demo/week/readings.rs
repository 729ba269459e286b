//! The visits of the week: most read in time, some told late, some out, some forgotten.

use std::time::Instant;

use proto::screening as pb;

use super::{
    Day, Week,
    cases::Ill,
    plan::{self, Pass, Visit},
    since,
};
use crate::demo::{
    persons::{
        self,
        evening::observations,
        returnees::{reading, well},
    },
    stage::{at, lot},
};

impl Week<'_> {
    /// Reads whoever is under observation, those who fall ill with fever, and tells what was not told the visit before.
    pub(super) async fn read(
        &self,
        midnight: i64,
        pass: Pass,
        ill: &[Ill],
        came: &mut Day,
    ) -> anyhow::Result<()> {
        let minute = midnight + pass.minute();
        let before = minute - pass.since_the_one_before();
        let began = Instant::now();
        let any = pb::ObservationState::Unspecified;
        let open = observations(&self.city, &self.tree.city.unit, any).await?;
        let mut readings = Vec::with_capacity(open.len());
        for one in open.iter().filter(|one| one.state() != pb::ObservationState::Lost) {
            let was_under =
                |minute: i64| one.start_time.is_some_and(|start| start.seconds <= at(minute).timestamp());
            // What was read on the 3rd was told then.
            if before >= 1_440 && was_under(before) && plan::visit(&one.name, before) == Visit::Late {
                readings.push(taken(&one.name, before));
                came.late += 1;
            }
            if one.state() != pb::ObservationState::Active || !was_under(minute) {
                continue;
            }
            if ill.iter().any(|ill| ill.observation == one.name) {
                readings.push(reading(&one.name, minute, 38.5));
                continue;
            }
            match plan::visit(&one.name, minute) {
                Visit::Read => readings.push(taken(&one.name, minute)),
                Visit::Absent => {
                    let nobody = reading(&one.name, minute, 0.0);
                    readings.push(pb::Reading { kind: pb::ReadingKind::Absent.into(), ..nobody });
                    came.absent += 1;
                }
                Visit::Missed => came.missed += 1,
                Visit::Late => {}
            }
        }
        came.readings += persons::read(&self.city, "readings", readings).await?;
        came.seconds_reading += since(began);
        Ok(())
    }
}

/// A reading without fever.
fn taken(observation: &str, minute: i64) -> pb::Reading {
    let lot = usize::try_from(lot(observation) % 9).unwrap_or_default();
    reading(observation, minute, well(lot))
}
