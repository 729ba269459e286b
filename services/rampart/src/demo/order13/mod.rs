//! The afternoon of 11 February, on which Order No. 13 came into force (H1 to H6): who passes the stations and the
//! toll, the lists at 15:00, 16:00, 16:00 and 17:00, and what those below say; two do not answer.

pub mod below;
pub mod checkpoints;
pub mod document;
pub mod expected;
pub mod lists;
pub mod plan;
pub mod silence;
pub mod verified;

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use self::{checkpoints::Passed, expected::Expected, lists::Received, silence::Silence};
use super::{
    journal::{Journal, Told},
    persons::evening::{by_state, escalated},
    stage::Stage,
    walk::{Place, Tree},
    week::{self, LAST as DAY},
};
use crate::{client::Screening, output};

/// The minute of the day at which the play ends: 19:30.
const END: i64 = 1_170;

/// What the afternoon came to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Afternoon {
    /// The posts.
    pub posts: Vec<Passed>,
    /// The lists that reached the city by 15:30.
    pub received: Vec<Received>,
    /// The lists that were expected, as they stood at 15:30 before the last one came, and at the end.
    pub expected: [Vec<Expected>; 2],
    /// Who was on them of whom nobody knew where to, and was asked by phone.
    pub asked: usize,
    /// What was sent at 16:00 by the city, at 16:00 by stations, and at 17:00 by counties: from how many units, and
    /// how many persons.
    pub sent: [(usize, i64); 3],
    /// How many lists named the person who is on most.
    pub sources: usize,
    /// What all hops came to.
    pub outcomes: BTreeMap<String, usize>,
    /// The hand-downs that nobody acknowledges.
    pub silences: Vec<Silence>,
    /// Persons under observation at the end: within their window, to be released, lost.
    pub observations: (usize, usize, usize),
    /// Persons who were released since the 4th, and who became cases.
    pub ended: (usize, usize),
    /// What is put before villages, townships, counties and the city at the end, by kind.
    pub escalations: Vec<(String, usize)>,
}

/// What every step of the afternoon needs.
struct Order13<'a> {
    stage: &'a Stage,
    tree: &'a Tree,
    journal: &'a Journal,
    /// The city's duty officer, for its social-stability group.
    city: Screening,
    /// Who answers for each unit.
    subjects: HashMap<&'a str, String>,
    /// The units that do not.
    silent: HashSet<String>,
}

/// Plays the afternoon.
///
/// # Errors
/// A refusal, or silence that is put before nobody.
pub async fn play(stage: &Stage, tree: &Tree, journal: &Journal) -> anyhow::Result<Told> {
    let subject = |place: &Place, digits: usize, office: &str| {
        format!("{}-{office}", place.code.get(..digits).unwrap_or(&place.code))
    };
    let counties = tree.counties.iter().map(|unit| (unit.unit.as_str(), subject(unit, 6, "duty")));
    let towns = tree.towns.iter().map(|unit| (unit.unit.as_str(), subject(unit, 9, "duty")));
    let grids = tree.grids.iter().map(|unit| (unit.unit.as_str(), subject(unit, usize::MAX, "leader")));
    let silent_town = tree.towns.iter().find(|town| town.code == plan::SILENT_TOWN);
    let silent_grid = plan::silent_grid(tree).and_then(|grid| tree.grids.get(grid));
    let order13 = Order13 {
        stage,
        tree,
        journal,
        city: stage.screening_as("city-duty")?,
        subjects: counties.chain(towns).chain(grids).collect(),
        silent: [silent_town, silent_grid].into_iter().flatten().map(|place| place.unit.clone()).collect(),
    };
    let afternoon = journal.once("order 13", order13.afternoon()).await?;
    order13.advance(END);
    Ok(afternoon.told())
}

impl Order13<'_> {
    /// Moves the clock to a minute of the 11th.
    fn advance(&self, minute: i64) {
        self.stage.advance(DAY * 1_440 + minute);
    }

    async fn afternoon(&self) -> anyhow::Result<Afternoon> {
        let mut came = Afternoon::default();
        output::say("11 February 13:00: Order No. 13: posts at the stations and at the 双峰 toll");
        self.advance(780);
        let posts = self.posts().await?;
        self.nil(&posts).await?;
        let expected = self.expect().await?;
        output::say("14:30: who has passed; one is febrile and from the epidemic area, and goes at once");
        self.advance(870);
        self.pass(&posts, (0, 870)).await?;
        self.go_down("urgent", true).await?;
        output::say("15:00: lists of the police and the telecoms reach the city; 15:30 one of the railways");
        self.advance(900);
        came.received = vec![self.receive(0).await?, self.receive(1).await?];
        self.advance(930);
        came.expected[0] = self.journal.once("lists at 15:30", self.expected(&expected)).await?;
        came.received.push(self.receive(2).await?);
        came.asked = self.address().await?;
        output::say("16:00: the city issues them to the counties, and stations send theirs");
        self.advance(960);
        self.pass(&posts, (870, 960)).await?;
        came.sent[0] = self.send("at 16:00", std::slice::from_ref(&self.tree.city)).await?;
        came.sent[1] = self.send("at 16:00", &self.towns_of_posts()?).await?;
        self.advance(980);
        self.acknowledge(&self.tree.counties).await?;
        self.hand_on().await?;
        output::say("17:00: the counties push to the townships, to be handled grid by grid");
        self.advance(1_020);
        self.pass(&posts, (960, 1_020)).await?;
        came.sent[2] = self.send("at 17:00", &self.tree.counties).await?;
        self.advance(1_035);
        self.go_down("at 17:15", false).await?;
        came.sources = self.sources().await?;
        output::say("18:25: two have not acknowledged, and are called");
        self.advance(1_105);
        came.silences = self.journal.once("silence", self.called()).await?;
        output::say("19:30: their silence goes on to the unit above the sender");
        self.advance(END);
        self.gone_on(&came.silences).await?;
        came.expected[1] = self.expected(&expected).await?;
        came.posts = self.passed(&posts).await?;
        came.outcomes = self.outcomes().await?;
        came.observations = by_state(&self.city, &self.tree.city.unit).await?;
        came.ended = week::ended(self.journal)?;
        came.escalations = escalated(&self.city, self.tree).await?;
        Ok(came)
    }

    /// From counties to grids: acknowledged, handed on, verified; and once more for who lives elsewhere.
    async fn go_down(&self, step: &str, is_urgent: bool) -> anyhow::Result<()> {
        if is_urgent {
            self.acknowledge(&self.tree.counties).await?;
            self.hand_on().await?;
        }
        self.acknowledge(&self.tree.towns).await?;
        if !is_urgent {
            self.send(step, &self.tree.towns).await?;
            self.advance(1_050);
        }
        self.acknowledge(&self.tree.grids).await?;
        self.verify(step, is_urgent).await?;
        if !is_urgent {
            let elsewhere = format!("{step} elsewhere");
            self.send(&elsewhere, &self.tree.grids).await?;
            self.acknowledge(&self.tree.towns).await?;
            self.send(&elsewhere, &self.tree.towns).await?;
            self.acknowledge(&self.tree.grids).await?;
        }
        Ok(())
    }

    /// A township by its code.
    fn town(&self, code: &str) -> anyhow::Result<&Place> {
        self.tree
            .towns
            .iter()
            .find(|town| town.code == code)
            .with_context(|| format!("{code} is not in the tree"))
    }

    /// The county of a township.
    fn county(&self, town: &str) -> anyhow::Result<&Place> {
        self.tree.counties.get(self.town(town)?.above).context("a township without a county")
    }

    /// Screening as the duty officer of a township.
    fn duty(&self, town: &str) -> anyhow::Result<Screening> {
        self.of(&self.town(town)?.unit)
    }

    fn towns_of_posts(&self) -> anyhow::Result<Vec<Place>> {
        plan::POSTS.iter().map(|post| self.town(post.town).cloned()).collect()
    }
}
