//! From an address to the lowest unit that it names.

use jurisdiction::Tree;
use uuid::Uuid;

use crate::schedules::{COUNTY, TOWNSHIP};

/// What names of units end in, which people leave out.
const ENDINGS: [&str; 9] = ["经济技术开发区", "街道", "社区", "县", "市", "区", "镇", "乡", "村"];

/// The lowest unit at or below one that an address names, reading on from name to name. Where two are named
/// alike, the unit above both: whoever has it there knows better.
#[must_use]
pub fn lowest_known(tree: &Tree, from: Uuid, address: &str) -> Uuid {
    let Some(place) = tree.place(from) else { return from };
    let (here, _) = read(tree, place, address);
    tree.at(here).map_or(from, |node| node.id)
}

/// Whether a text names units of a county, and nothing in them: a place of its own has a name of its own.
#[must_use]
pub fn names_units_only(tree: &Tree, county: Uuid, text: &str) -> bool {
    let Some(place) = tree.place(county) else { return false };
    let (here, rest) = read(tree, place, text);
    rest.is_empty()
        || tree.upwards(here).filter_map(|place| tree.at(place)).flat_map(names_of).any(|name| name == rest)
}

/// The lowest unit at or below a place that an address names, and what the address says after it.
fn read(tree: &Tree, from: i32, address: &str) -> (i32, String) {
    let address: String = address.chars().filter(|sign| !sign.is_whitespace()).collect();
    let mut here = from;
    let mut rest = address.as_str();
    loop {
        let children: Vec<i32> = tree.children(here).collect();
        let below = || children.iter().flat_map(|child| tree.children(*child)).collect::<Vec<_>>();
        // A level may be left out, as counties are between a city and its towns.
        let found = named(tree, &children, rest).or_else(|| named(tree, &below(), rest));
        let Some((place, read, name)) = found else { break };
        let is_high = |node: &jurisdiction::Node| node.level <= COUNTY && node.display_name.len() == name;
        let is_high = tree.at(place).is_some_and(is_high);
        if is_elsewhere(tree, here, &rest[..read - name], is_high) {
            break;
        }
        (here, rest) = (place, &rest[read..]);
    }
    (here, rest.to_owned())
}

/// Whether what stands before a name says that it is another place's: another province, city or prefecture. The names of
/// a unit and of those above it are its own. That a province is ours is not known here: a county is believed right after one, since
/// hardly two counties are called alike; a town is not.
fn is_elsewhere(tree: &Tree, here: i32, before: &str, is_high: bool) -> bool {
    let own = tree.upwards(here).filter_map(|place| tree.at(place)).flat_map(names_of);
    let read = own.filter_map(|name| Some(before.rfind(name)? + name.len())).max();
    let before = before[read.unwrap_or(0)..].replace("市场", "");
    let is_city = before.contains(['市', '州']);
    is_city || (before.contains(['省']) || before.contains("自治区")) && !is_high
}

/// The name of a unit, and what is left of it without its ending where people leave that out.
fn names_of(node: &jurisdiction::Node) -> impl Iterator<Item = &str> {
    let stem = ENDINGS.iter().find_map(|ending| node.display_name.strip_suffix(ending));
    // Below a township, half a name is many villages' and streets'.
    let stem = stem.filter(|stem| stem.chars().count() >= 2 && node.level <= TOWNSHIP);
    [Some(node.display_name.as_str()), stem].into_iter().flatten()
}

/// The one unit that a text names by the longest name, up to where that is read, and how long the name is.
fn named(tree: &Tree, places: &[i32], text: &str) -> Option<(i32, usize, usize)> {
    let mut best: Option<(usize, i32, usize)> = None;
    let mut is_one = false;
    for place in places {
        let Some(node) = tree.at(*place) else { continue };
        let longest = names_of(node).find_map(|name| Some((name.len(), text.find(name)? + name.len())));
        let Some((length, read)) = longest else { continue };
        match best {
            Some((longest, ..)) if longest > length => {}
            Some((longest, ..)) if longest == length => is_one = false,
            _ => (best, is_one) = (Some((length, *place, read)), true),
        }
    }
    best.filter(|_| is_one).map(|(length, place, read)| (place, read, length))
}

#[cfg(test)]
mod tests {
    use jurisdiction::tree::Seed;
    use proptest::prelude::*;

    use super::*;

    fn tree() -> Tree {
        let seed = |number: u128, level: i16, parent: u128, name: &str| Seed {
            id: Uuid::from_u128(number),
            level,
            ordinal: i64::try_from(number).expect("small"),
            display_name: name.to_owned(),
            parent: (parent > 0).then(|| Uuid::from_u128(parent)),
        };
        Tree::build(vec![
            seed(1, 2, 0, "娄底市"),
            seed(2, 3, 1, "双峰县"),
            seed(3, 3, 1, "涟源市"),
            seed(4, 4, 2, "永丰街道"),
            seed(5, 4, 2, "走马街镇"),
            seed(6, 4, 3, "伏口镇"),
            seed(7, 5, 4, "城中社区"),
            seed(8, 5, 5, "城中社区"),
            seed(9, 5, 5, "新村"),
        ])
    }

    fn known(address: &str) -> u128 {
        lowest_known(&tree(), Uuid::from_u128(1), address).as_u128()
    }

    #[test]
    fn h6_it_goes_to_the_lowest_known_unit() {
        assert_eq!(known("湖南省娄底市双峰县永丰街道城中社区3栋"), 7);
        assert_eq!(known("娄底市双峰县 永丰街道"), 4);
        assert_eq!(known("双峰永丰复兴路1号"), 4, "people leave endings out");
        assert_eq!(known("娄底伏口镇"), 6, "and levels");
        assert_eq!(known("双峰县城中社区"), 2, "two are named alike");
        assert_eq!(known("武汉市江汉区"), 1, "none is named");
        assert_eq!(known(""), 1);
        assert_eq!(known("湖北省武汉市江汉区永丰街道"), 1, "another city's");
        assert_eq!(known("江西省永丰街道"), 1, "another province's");
        assert_eq!(known("湘西州永丰街道"), 1, "another prefecture's");
        assert_eq!(known("湖南省双峰县永丰街道"), 4, "a county is believed");
        assert_eq!(known("湖南省娄底双峰县永丰街道"), 4);
        assert_eq!(known("双峰县老市场永丰街道"), 4, "a market is no city");
    }

    #[test]
    fn r8_a_unit_s_name_is_none_of_a_place_in_it() {
        let only = |text| names_units_only(&tree(), Uuid::from_u128(2), text);
        for text in ["双峰县", "双峰", "永丰街道", "双峰县走马街镇 新村", "娄底市"] {
            assert!(only(text), "{text}");
        }
        for text in ["永丰街道样例酒店", "样例酒店", "新村3组", "走马街镇城中社区3栋"]
        {
            assert!(!only(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_never_leaves_the_sender_s_own(address in "[双峰县永丰街道涟源市伏口镇城中社区新村0-9 ]{0,40}", from in 1_u128..10) {
            let (tree, from) = (tree(), Uuid::from_u128(from));
            prop_assert!(tree.contains(from, tree.place(lowest_known(&tree, from, &address)).map(|place| tree.at(place).expect("a node").id).expect("placed")));
        }
    }
}
