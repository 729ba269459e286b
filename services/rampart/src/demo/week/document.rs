//! What the week came to, in lines for people and in a document for programs.

use serde_json::json;

use super::{Day, LAST, Week};
use crate::demo::{journal::Told, persons::evening::counted, stage::date};

impl Week<'_> {
    /// Tells the week, with the registers of the 11th.
    pub(super) async fn told(&self, days: &[Day]) -> anyhow::Result<Told> {
        let city = &self.tree.city.unit;
        let (cases, contacts) = counted(&self.city, city, &date(LAST)).await?;
        let sum = |of: fn(&Day) -> usize| days.iter().map(of).sum::<usize>();
        let seconds = |of: fn(&Day) -> f64| days.iter().map(of).sum::<f64>();
        let (released, decided, converted) =
            (sum(|day| day.released), sum(|day| day.decided), sum(|day| day.confirmed));
        let rate = |count: usize, seconds: f64| {
            #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
            let count = count as f64;
            count / seconds.max(0.001)
        };
        let text = vec![
            format!(
                "week          4 to 11 February: {} readings (generated) at {:.0} a second, {} of them late, {} absent; {} missed",
                sum(|day| day.readings),
                rate(sum(|day| day.readings), seconds(|day| day.seconds_reading)),
                sum(|day| day.late),
                sum(|day| day.absent),
                sum(|day| day.missed)
            ),
            format!(
                "releases      {} their conditions met, at {:.0} a second; {} by a health officer's decision with a reason; {} wait for one",
                released,
                rate(released + decided, seconds(|day| day.seconds_releasing)),
                decided,
                days.last().map_or(0, |day| day.waiting)
            ),
            format!(
                "cases         {} confirmed and {} discharged in the week (days and towns generated); on 11 February {} confirmed, {} discharged, {} died, as published",
                converted,
                sum(|day| day.discharged),
                cases.confirmed_cumulative,
                cases.discharged_cumulative,
                cases.died_cumulative
            ),
            format!(
                "contacts      of 11 February (those of the week generated): traced {} = released {} + converted {} + under observation {} + lost {}",
                contacts.traced,
                contacts.released,
                contacts.converted,
                contacts.under_observation,
                contacts.lost
            ),
        ];
        let document = json!({
            "source": "generated",
            "days": days,
            "registers": {
                "source": "real",
                "confirmed": cases.confirmed_cumulative,
                "discharged": cases.discharged_cumulative,
                "died": cases.died_cumulative,
            },
            "contacts": {
                "traced": contacts.traced,
                "released": contacts.released,
                "converted": contacts.converted,
                "under_observation": contacts.under_observation,
                "lost": contacts.lost,
            },
        });
        Ok(Told { text, document })
    }
}
