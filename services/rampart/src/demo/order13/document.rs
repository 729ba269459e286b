//! What the afternoon came to, in lines for people and in a document for programs.

use serde_json::json;

use super::{Afternoon, expected::Expected, plan::LISTED};
use crate::demo::journal::Told;

impl Afternoon {
    /// Tells the afternoon, as of 19:30.
    #[must_use]
    pub fn told(&self) -> Told {
        let mut text = vec![
            "order 13      11 February: travellers and persons of lists are generated, times are the order's"
                .to_owned(),
        ];
        text.extend(self.posts.iter().map(|post| {
            let (passed, outside, febrile, down) = post.counts;
            let nil = if post.nil.0 > 0 { "; nobody at night, as was said" } else { "" };
            let missing = match post.nil.1 {
                0 => String::new(),
                count => format!("; {count} shifts said nothing"),
            };
            format!(
                "              {}: {passed} passed, {outside} from outside, {febrile} febrile, {down} sent down{nil}{missing}",
                post.name
            )
        }));
        let received: Vec<_> =
            self.received.iter().map(|list| format!("{} {}", list.title, list.named)).collect();
        let [city, stations, counties] = self.sent;
        text.push(format!(
            "lists         15:00 at the city: {}: {LISTED} persons, one of them on {} lists, {} asked by phone where to",
            received.join(", "),
            self.sources,
            self.asked
        ));
        text.push(format!(
            "              16:00 the city to the counties {}; 16:00 {} stations to theirs {}; 17:00 {} counties to the townships {}",
            city.1, stations.0, stations.1, counties.0, counties.1
        ));
        let [before, after] = &self.expected;
        let expected: Vec<_> = before.iter().zip(after).map(told).collect();
        text.push(format!("expected      {}", expected.join("; ")));
        let outcomes: Vec<_> = self.outcomes.iter().map(|(word, count)| format!("{count} {word}")).collect();
        text.push(format!("hand-downs    by hop: {}", outcomes.join(", ")));
        text.extend(self.silences.iter().map(|one| {
            format!(
                "unanswered    {}: {} is called, {}; put before {}",
                one.unit, one.called.0, one.called.1, one.put_before
            )
        }));
        let ((active, due, lost), (released, converted)) = (self.observations, self.ended);
        text.push(format!(
            "by state      11 February 19:30: {} under observation: {active} within their 14 days, {due} to be released, {lost} lost; since 4 February {released} released, {converted} converted",
            active + due + lost
        ));
        let raised: Vec<_> = self.escalations.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        text.push(format!("put before    units above: {}", raised.join(", ")));
        let document = json!({
            "source": "generated",
            "checkpoints": self.posts.iter().map(|post| json!({
                "name": post.name,
                "passed": post.counts.0,
                "from_outside": post.counts.1,
                "febrile": post.counts.2,
                "sent_down": post.counts.3,
                "nil_shifts": post.nil.0,
                "missing_shifts": post.nil.1,
            })).collect::<Vec<_>>(),
            "lists": {
                "15:00": self.received,
                "persons": LISTED,
                "asked_by_phone": self.asked,
                "most_sources": self.sources,
                "16:00 city": {"persons": city.1},
                "16:00 stations": {"units": stations.0, "persons": stations.1},
                "17:00 counties": {"units": counties.0, "persons": counties.1},
            },
            "expected_lists": {"15:30": before, "19:30": after},
            "outcomes": self.outcomes,
            "observations": {"active": active, "release_due": due, "lost": lost, "released": released, "converted": converted},
            "escalations": self.escalations.iter().map(|(kind, count)| json!({"kind": kind, "count": count})).collect::<Vec<_>>(),
            "unacknowledged": self.silences.iter().map(|one| json!({
                "handdown": one.handdown,
                "unit": one.unit,
                "officer": one.called.0,
                "official_phone": one.called.1,
                "put_before": one.put_before,
            })).collect::<Vec<_>>(),
        });
        Told { text, document }
    }
}

/// What came of a list, as it stood first and in the end.
fn told((before, after): (&Expected, &Expected)) -> String {
    let Expected { unit, from, due_by, state, put_before } = after;
    let put = match (before.put_before.as_str(), put_before.as_str()) {
        ("", "") => String::new(),
        (put, "") => format!(", put before {put} until it came"),
        (_, put) => format!(", put before {put}"),
    };
    format!("{from} at {unit} by {due_by}: {state}{put}")
}
