//! What the day came to for persons, in lines for people and in a document for programs.

use serde_json::{Value, json};

use super::Persons;

impl Persons {
    /// The lines of the summary.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn text(&self) -> Vec<String> {
        let (active, due, lost) = self.observations;
        let (all, cleared, sent_on, excluded) = self.referrals;
        let (readings, took) = self.readings;
        let rate = readings as f64 / took.as_secs_f64().max(0.001);
        let raised: Vec<String> =
            self.escalations.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let (cases, contacts) = (&self.cases, &self.contacts);
        vec![
            format!(
                "persons       {} returnees (estimated), {} of them in 炉观镇; {} under observation: {active} within their 14 days, {due} to be released, {lost} lost",
                self.returnees.0,
                self.returnees.1,
                active + due + lost
            ),
            format!(
                "炉观镇        {all} febrile seen at the health centre: {cleared} cleared, {sent_on} sent on, {excluded} excluded"
            ),
            format!("readings      {readings} at {rate:.0} a second, two a day and some missed"),
            format!(
                "registers     {} cases, {} of them new, {} severe, {} discharged; {} incidents reported; contacts traced {} = released {} + converted {} + under observation {} + lost {}",
                cases.confirmed_cumulative,
                cases.confirmed_new,
                cases.severe_current,
                cases.discharged_cumulative,
                self.incidents,
                contacts.traced,
                contacts.released,
                contacts.converted,
                contacts.under_observation,
                contacts.lost
            ),
            format!(
                "family        of four from 监利 in 井头社区: two bags of vegetables and fruit, {}",
                self.support
            ),
            format!("put before    units above: {}", raised.join(", ")),
            format!("worklist      {}: {} to be read today", self.worklist.0, self.worklist.1),
        ]
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> Value {
        let (active, due, lost) = self.observations;
        let (all, cleared, sent_on, excluded) = self.referrals;
        let (cases, contacts) = (&self.cases, &self.contacts);
        json!({
            "returnees": {"city": self.returnees.0, "luguan": self.returnees.1, "source": "estimated"},
            "observations": {"active": active, "release_due": due, "lost": lost},
            "luguan_febrile": {"seen": all, "cleared": cleared, "sent_on": sent_on, "excluded": excluded},
            "readings": {"sent": self.readings.0, "seconds": self.readings.1.as_secs_f64()},
            "cases": {
                "confirmed_new": cases.confirmed_new,
                "confirmed_cumulative": cases.confirmed_cumulative,
                "severe": cases.severe_current,
                "discharged_cumulative": cases.discharged_cumulative,
                "incidents": self.incidents,
            },
            "contacts": {
                "traced": contacts.traced,
                "released": contacts.released,
                "converted": contacts.converted,
                "under_observation": contacts.under_observation,
                "lost": contacts.lost,
            },
            "support": self.support,
            "escalations": self.escalations.iter().map(|(kind, count)| json!({"kind": kind, "count": count})).collect::<Vec<_>>(),
            "worklist": {"grid": self.worklist.0, "to_read": self.worklist.1},
        })
    }
}
