//! Who there is in the play: how many returnees where, which cases, and whose contacts.

use std::collections::BTreeMap;

use anyhow::Context as _;

use crate::demo::{facts, walk::Tree};

/// The town whose returnees were counted: 638 by 30 January, 30 febrile, 7 sent on (RULES, Size).
pub const LUGUAN: &str = "炉观镇";
/// How many returnees 炉观镇 found.
pub const LUGUAN_RETURNEES: usize = 638;
/// How many of them were febrile.
pub const LUGUAN_FEBRILE: usize = 30;
/// How many of these were sent on to the county's hospital.
pub const LUGUAN_SENT_ON: usize = 7;
/// How many returnees there are in the city: about 20,000 under observation with the contacts, an estimate [K].
pub const RETURNEES: usize = 19_100;
/// In how many grids they are; a smaller city has fewer of both.
const GRIDS: usize = 12_636;

/// A returnee who is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returnee {
    /// The place of the grid in the tree.
    pub grid: usize,
    /// The number of the person.
    pub nth: usize,
    /// Whether in 炉观镇.
    pub in_luguan: bool,
    /// Whether febrile this morning.
    pub is_febrile: bool,
}

/// Every returnee: 炉观镇's over its grids, all others over the rest of the city's.
#[must_use]
pub fn returnees(tree: &Tree) -> Vec<Returnee> {
    let town_of = |grid: &usize| {
        let village = tree.grids.get(*grid).and_then(|grid| tree.villages.get(grid.above));
        village.and_then(|village| tree.towns.get(village.above)).map(|town| town.name.as_str())
    };
    let (own, others): (Vec<usize>, Vec<usize>) =
        (0..tree.grids.len()).partition(|grid| town_of(grid) == Some(LUGUAN));
    let spread =
        |grids: &[usize], count: usize, nth: usize| grids.get(nth * grids.len() / count.max(1)).copied();
    let own = (0..LUGUAN_RETURNEES).filter_map(|nth| {
        let grid = spread(&own, LUGUAN_RETURNEES, nth)?;
        Some(Returnee { grid, nth, in_luguan: true, is_febrile: nth < LUGUAN_FEBRILE })
    });
    let rest = (RETURNEES - LUGUAN_RETURNEES) * tree.grids.len() / GRIDS;
    let others = (0..rest).filter_map(|nth| {
        let grid = spread(&others, rest, nth)?;
        Some(Returnee { grid, nth: nth + LUGUAN_RETURNEES, in_luguan: false, is_febrile: false })
    });
    own.chain(others).collect()
}

/// A case of the bulletin, in the grid where the play lets it live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The number of the person.
    pub nth: usize,
    /// The place of the grid in the tree.
    pub grid: usize,
    /// The first six digits of the county.
    pub county: String,
    /// Whether it was confirmed on 3 February.
    pub is_new: bool,
    /// Whether it was a contact of another one.
    pub is_contact: bool,
    /// Whether it is severe.
    pub is_severe: bool,
    /// When it was discharged: on 3 February, or before.
    pub discharged: Option<bool>,
}

/// The cases of the bulletin of 4 February, each in a village of its own.
///
/// # Errors
/// A damaged table, or a town that is not in the tree.
pub fn cases(tree: &Tree) -> anyhow::Result<Vec<Case>> {
    let published = facts::by_town()?;
    let contacts = facts::contacts(&published);
    let mut cases = Vec::new();
    for (code, day) in &published {
        let villages: Vec<usize> = tree.villages_of(code).collect();
        anyhow::ensure!(!villages.is_empty(), "{code} is not in the tree");
        let converted = contacts.get(code).map(|town| town.converted).unwrap_or_default();
        for at in 0..day.confirmed_cumulative {
            let from_last = day.confirmed_cumulative - 1 - at;
            let village = villages[usize::try_from(at)? % villages.len()];
            let grid = tree.grids.iter().position(|grid| grid.above == village).context("no grid")?;
            let discharged = (at < day.discharged_cumulative)
                .then_some(at >= day.discharged_cumulative - day.discharged_new);
            cases.push(Case {
                nth: cases.len(),
                grid,
                county: code.get(..6).unwrap_or_default().to_owned(),
                is_new: from_last < day.confirmed_new,
                is_contact: from_last < converted,
                is_severe: at < day.severe_current,
                discharged,
            });
        }
    }
    Ok(cases)
}

/// Somebody who met a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The number of the person.
    pub nth: usize,
    /// The place of the grid in the tree.
    pub grid: usize,
    /// The first six digits of the county.
    pub county: String,
    /// Whether the last contact is over 14 days ago.
    pub is_over: bool,
}

/// The contacts who did not become cases, as the city's figure is shared out over the towns.
///
/// # Errors
/// A damaged table.
pub fn contacts(tree: &Tree) -> anyhow::Result<Vec<Contact>> {
    let shares: BTreeMap<String, facts::Contacts> = facts::contacts(&facts::by_town()?);
    let mut contacts = Vec::new();
    for (code, share) in &shares {
        let grids: Vec<usize> = tree
            .villages_of(code)
            .flat_map(|village| (0..tree.grids.len()).filter(move |grid| tree.grids[*grid].above == village))
            .collect();
        for at in 0..share.released + share.observed {
            let nth = contacts.len();
            contacts.push(Contact {
                nth,
                grid: grids[usize::try_from(at)? % grids.len().max(1)],
                county: code.get(..6).unwrap_or_default().to_owned(),
                is_over: at < share.released,
            });
        }
    }
    Ok(contacts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::walk::tests::generated;

    #[test]
    fn luguan_has_its_638_returnees_and_the_city_the_rest() {
        let tree = generated();
        let returnees = returnees(&tree);
        let luguan: Vec<_> = returnees.iter().filter(|one| one.in_luguan).collect();
        assert_eq!((returnees.len(), luguan.len()), (RETURNEES, LUGUAN_RETURNEES));
        assert_eq!(luguan.iter().filter(|one| one.is_febrile).count(), LUGUAN_FEBRILE);
        assert!(luguan.iter().all(|one| tree.town_of(one.grid).starts_with("431322")));
    }

    #[test]
    fn the_cases_are_those_of_the_bulletin_and_the_contacts_add_up() {
        let tree = generated();
        let cases = cases(&tree).expect("cases");
        let count = |is: fn(&Case) -> bool| cases.iter().filter(|case| is(case)).count();
        assert_eq!((cases.len(), count(|case| case.is_new), count(|case| case.is_contact)), (40, 5, 9));
        assert_eq!((count(|case| case.is_severe), count(|case| case.discharged.is_some())), (1, 2));
        assert_eq!(count(|case| case.discharged == Some(true)), 1);
        let contacts = contacts(&tree).expect("contacts");
        assert_eq!((contacts.len(), contacts.iter().filter(|one| one.is_over).count()), (893, 40));
        for county in cases.iter().map(|case| &case.county) {
            let is_index = |case: &&Case| case.county == *county && !case.is_contact;
            assert!(cases.iter().any(|case| is_index(&case)), "{county} has nobody who could expose");
        }
    }
}
