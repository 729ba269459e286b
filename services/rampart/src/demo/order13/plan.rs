//! Who passes, and who is on the lists of 11 February: always the same. Names of stations are real where they are
//! known for certain; whose posts they are, and every traveller, are generated.

use proto::screening as pb;

use crate::demo::{walk::Tree, week::plan::spread};

/// A post of H1.
#[derive(Clone, Copy, Debug)]
pub struct Post {
    /// Its name.
    pub name: &'static str,
    /// Where it stands.
    pub kind: pb::CheckpointKind,
    /// The code of the township whose post it is: assumed.
    pub town: &'static str,
    /// How many pass at night, until 16:00, and after.
    pub passed: [usize; 3],
}

/// The posts of the play.
pub const POSTS: [Post; 6] = [
    Post {
        name: "娄底南站",
        kind: pb::CheckpointKind::HighSpeedRail,
        town: "431302006000",
        passed: [20, 470, 130],
    },
    Post { name: "娄底站", kind: pb::CheckpointKind::Rail, town: "431302004000", passed: [14, 270, 76] },
    Post {
        name: "新化南站",
        kind: pb::CheckpointKind::HighSpeedRail,
        town: "431322102000",
        passed: [8, 222, 70],
    },
    Post {
        name: "涟源市汽车站", kind: pb::CheckpointKind::Bus, town: "431382001000", passed: [0, 98, 32]
    },
    Post {
        name: "冷水江市汽车站", kind: pb::CheckpointKind::Bus, town: "431381001000", passed: [0, 66, 20]
    },
    Post {
        name: "双峰收费站", kind: pb::CheckpointKind::Toll, town: "431321001000", passed: [36, 384, 120]
    },
];

/// The hours between which they pass, in minutes of the day: no more after 17:00, the play looks no further.
const HOURS: [(i64, i64); 3] = [(0, 480), (480, 960), (960, 1_020)];
/// One of so many comes from outside the province, until 16:00: later ones go with the next day's list (H2).
const FROM_OUTSIDE: usize = 9;
/// Where and when the one passes who is febrile and from the epidemic area.
const URGENT: (&str, i64) = ("双峰收费站", 860);

/// The town to which nobody answers, and the town in whose second village's second grid nobody does.
pub const SILENT_TOWN: &str = "431322500000";
const SILENT_GRID: (&str, usize, usize) = ("431321101000", 1, 1);

/// How many persons the lists name.
pub const LISTED: usize = 300;
/// Of whom no place names a unit, and what the list says: somebody asks by phone.
const NOWHERE: usize = 3;
const UNKNOWN: &str = "地址不详";

/// Somebody who passes a post.
#[derive(Clone, Debug, PartialEq)]
pub struct Traveller {
    /// The number of the person.
    pub nth: usize,
    /// Which post.
    pub post: usize,
    /// When, in minutes of the day.
    pub minute: i64,
    /// Where to: the place of the grid in the tree.
    pub grid: usize,
    /// Whether from outside the province.
    pub from_outside: bool,
    /// Whether febrile and from the epidemic area: goes at once.
    pub is_urgent: bool,
}

/// Somebody on a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The number of the person.
    pub nth: usize,
    /// What the lists say of where they are.
    pub place: String,
    /// Which lists, by their place in [`LISTS`].
    pub lists: Vec<usize>,
}

/// The lists that reach the city: where from, their title, and at which minute.
pub const LISTS: [(pb::ListKind, &str, i64); 3] = [
    (pb::ListKind::Police, "2020-02-11/公安", 900),
    (pb::ListKind::Telecom, "2020-02-11/通信", 900),
    (pb::ListKind::Other, "2020-02-11/铁路实名制", 930),
];

/// The lists that are expected: by which county, where not by the city; of which kind, from whom, where that is said, and by
/// when. Of the police and the telecoms by H3, of a station by H2; the others are assumed. The last never comes.
pub const EXPECTED: [(&str, pb::ListKind, &str, &str); 4] = [
    ("", pb::ListKind::Police, "", "15:00"),
    ("", pb::ListKind::Telecom, "", "15:00"),
    ("", pb::ListKind::Other, "", "15:00"),
    ("431321", pb::ListKind::Station, "双峰县汽车站", "16:00"),
];

/// The grid whose leader does not answer.
#[must_use]
pub fn silent_grid(tree: &Tree) -> Option<usize> {
    tree.grid_in(SILENT_GRID.0, SILENT_GRID.1, SILENT_GRID.2)
}

/// What people write of where a grid is.
#[must_use]
pub fn place(tree: &Tree, grid: usize) -> Option<String> {
    let grid = tree.grids.get(grid)?;
    let village = tree.villages.get(grid.above)?;
    let town = tree.towns.get(village.above)?;
    let county = tree.counties.get(town.above)?;
    Some(format!("{}{}{}{}{}", tree.city.name, county.name, town.name, village.name, grid.name))
}

/// The grids to which somebody comes: not first ones, two of which have no leader, and none where nobody answers.
fn grids(tree: &Tree, county: &str) -> Vec<usize> {
    let silent = silent_grid(tree).and_then(|grid| tree.grids.get(grid)).map(|grid| grid.above);
    let is_asked = |(_, grid): &(usize, &crate::demo::walk::Place)| {
        grid.code.starts_with(county)
            && !grid.code.ends_with("-1")
            && !grid.code.starts_with(&SILENT_TOWN[..9])
            && Some(grid.above) != silent
    };
    tree.grids.iter().enumerate().filter(is_asked).map(|(at, _)| at).collect()
}

/// The grid that somebody says by phone of whom no place leads anywhere.
#[must_use]
pub fn said_by_phone(tree: &Tree) -> Option<usize> {
    let grids = grids(tree, "4313");
    spread(grids.len(), LISTED).nth(NOWHERE).and_then(|at| grids.get(at).copied())
}

/// A grid half the city away from another one, in which somebody answers.
#[must_use]
pub fn elsewhere(tree: &Tree, unit: &str) -> Option<usize> {
    let grids = grids(tree, "4313");
    let at = grids.iter().position(|grid| tree.grids.get(*grid).is_some_and(|grid| grid.unit == unit))?;
    grids.get((at + grids.len() / 2) % grids.len()).copied()
}

/// Everybody who passes, in the order of the posts and of time.
#[must_use]
pub fn travellers(tree: &Tree) -> Vec<Traveller> {
    let mut all = Vec::new();
    for (post, of) in POSTS.iter().enumerate() {
        let grids = grids(tree, &of.town[..6]);
        let passed: usize = of.passed.iter().sum();
        // In a small city several come to one grid.
        let mut to = (0..passed).filter_map(|nth| grids.get(nth * grids.len() / passed).copied());
        for (shift, (from, until)) in HOURS.iter().enumerate() {
            let count = of.passed[shift];
            for at in 0..count {
                let steps = i64::try_from(at).unwrap_or_default() * (until - from);
                let minute = from + steps / i64::try_from(count).unwrap_or(1).max(1);
                let nth = all.len();
                all.push(Traveller {
                    nth,
                    post,
                    minute,
                    grid: to.next().unwrap_or_default(),
                    from_outside: shift < 2 && nth % FROM_OUTSIDE == 4,
                    is_urgent: false,
                });
            }
        }
    }
    let urgent = all
        .iter_mut()
        .find(|one| POSTS[one.post].name == URGENT.0 && one.minute >= URGENT.1 && !one.from_outside);
    if let Some(urgent) = urgent {
        (urgent.from_outside, urgent.is_urgent) = (true, true);
    }
    all
}

/// Everybody whom the lists name: the first by all three; the second of a town that does not answer, the third of a
/// grid that does not, the fourth of a place that names no unit.
#[must_use]
pub fn named(tree: &Tree) -> Vec<Named> {
    let grids = grids(tree, "4313");
    let place_of = |grid: Option<usize>| grid.and_then(|grid| place(tree, grid)).unwrap_or_default();
    let silent_town = tree.towns.iter().find(|town| town.code == SILENT_TOWN);
    let silent_town = silent_town.and_then(|town| {
        Some(format!("{}{}{}", tree.city.name, tree.counties.get(town.above)?.name, town.name))
    });
    spread(grids.len(), LISTED)
        .enumerate()
        .map(|(nth, at)| Named {
            nth,
            place: match nth {
                1 => silent_town.clone().unwrap_or_default(),
                2 => place_of(silent_grid(tree)),
                NOWHERE => UNKNOWN.to_owned(),
                _ => place_of(grids.get(at).copied()),
            },
            lists: match nth {
                0 => vec![0, 1, 2],
                1..140 => vec![0],
                140..180 => vec![0, 1],
                180..280 => vec![1],
                _ => vec![1, 2],
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::demo::walk::tests::generated;

    #[test]
    fn one_from_outside_goes_at_once_and_nobody_from_outside_comes_after_four() {
        let tree = generated();
        let all = travellers(&tree);
        let passed: usize = POSTS.iter().flat_map(|post| post.passed).sum();
        assert_eq!(all.len(), passed);
        assert_eq!(all.iter().filter(|one| one.is_urgent).count(), 1);
        assert!(all.iter().all(|one| !one.is_urgent || one.from_outside));
        assert!(all.iter().all(|one| !one.from_outside || one.minute < 960));
        let outside = all.iter().filter(|one| one.from_outside).count();
        assert!((150..250).contains(&outside), "{outside}");
        for one in &all {
            assert_eq!(tree.town_of(one.grid)[..6], POSTS[one.post].town[..6], "within the county");
        }
    }

    #[test]
    fn the_lists_name_one_three_times_and_nobody_else_comes_where_nobody_answers() {
        let tree = generated();
        let named = named(&tree);
        assert_eq!(named.len(), LISTED);
        assert_eq!(named.iter().filter(|one| one.lists.len() == 3).count(), 1);
        let silent = place(&tree, silent_grid(&tree).expect("a grid")).expect("a place");
        assert_eq!(named.iter().filter(|one| one.place == silent).count(), 1);
        assert_eq!(named.iter().filter(|one| one.place.contains("大熊山")).count(), 1);
        let places: HashSet<_> = named.iter().map(|one| &one.place).collect();
        assert_eq!(places.len(), LISTED);
    }
}
