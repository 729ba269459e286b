//! What is damage, and what is only rare.

use super::*;

#[test]
fn i12_gb18030_read_as_latin1_is_found_and_repaired() {
    for (stored, repaired) in [
        ("ÖêÉ½´å", "株山村"),
        // Its first character is the bytes 0x97 0x84, as Windows' signs and read strictly.
        ("—„Ä¾´å", "梽木村"),
        ("\u{97}\u{84}Ä¾´å", "梽木村"),
        // The second byte of 塅 is an ASCII letter.
        ("Ê¯ÌÁ‰F´å", "石塘塅村"),
        ("ÖêÉ½村", "株山村"),
    ] {
        assert_eq!(damage(stored), Some(Damage::ReadAsLatin1(repaired.to_owned())), "{stored}");
    }
    let said = damage("ÖêÉ½´å").map(|damage| damage.to_string());
    assert_eq!(said.as_deref(), Some("looks damaged: GB18030 read as Latin-1, perhaps 株山村"));
}

#[test]
fn i12_utf8_read_as_latin1_is_found_and_repaired() {
    for (stored, repaired) in [("æ ªå±±æ\u{9d}‘", "株山村"), ("CafÃ©", "Café")] {
        // A space stands where some readers leave 0xa0.
        let stored = stored.replace(' ', "\u{a0}");
        assert_eq!(damage(&stored), Some(Damage::Utf8ReadAsLatin1(repaired.to_owned())), "{stored}");
    }
}

#[test]
fn i12_lost_characters_are_found() {
    for name in ["\u{fffd}i子口村", "\u{fffd}袄锎\u{fffd}", "锟斤拷村"] {
        assert_eq!(damage(name), Some(Damage::Lost), "{name}");
    }
    assert_eq!(damage("??村"), Some(Damage::QuestionMark));
    assert_eq!(damage("\u{7}村"), Some(Damage::Control));
    for name in ["\u{e123}村", "\u{f0000}村", "\u{100000}村"] {
        assert_eq!(damage(name), Some(Damage::PrivateUse));
    }
    assert_eq!(damage("¤¤¤村"), Some(Damage::Latin1));
}

#[test]
fn i12_rare_characters_and_foreign_names_are_sound() {
    let rare = ["梽木山村", "塅上村", "湴田村", "岺脚村", "衖口村", "𠀀坪村", "𮧵村", "\u{30000}村"];
    let signs = ["第1网格", "某某——村", "甲村“一”组", "甲村……", "甲·乙村", "村\t"];
    let foreign = ["Café", "Créée", "Großörner", "Åäö", "Ærøskøbing", "«Élan»", "Côte d’Azur", "N° 5"];
    for name in [rare.as_slice(), &signs, &foreign].concat() {
        assert_eq!(damage(name), None, "{name}");
    }
}

/// The lines of a file of real data, without its header.
fn data(file: &str) -> Option<Vec<Vec<String>>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let path = std::path::Path::new(path).join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {} is absent", path.display());
        return None;
    };
    let fields = |line: &str| line.split(',').map(str::to_owned).collect();
    Some(text.lines().skip(1).map(fields).collect())
}

#[test]
fn i12_real_damage_is_found_and_repaired() {
    let Some(rows) = data("loudi_names_mojibake.csv") else { return };
    for row in &rows {
        assert_eq!(damage(&row[1]), Some(Damage::ReadAsLatin1(row[2].clone())), "{row:?}");
        assert_eq!(damage(&row[2]), None, "{row:?}");
    }
    assert_eq!(rows.len(), 256);
}

#[test]
fn i12_of_real_lists_only_the_three_damaged_names_are_found() {
    for file in ["loudi_villages_2019.csv", "loudi_villages_2020.csv"] {
        let Some(rows) = data(file) else { continue };
        let damaged: Vec<_> =
            rows.iter().filter(|row| damage(&row[1]).is_some()).map(|row| row[0].as_str()).collect();
        assert_eq!(damaged, ["431382113256", "431382113257", "431382113261"], "{file}");
        for row in &rows {
            assert_eq!((damage(&row[3]), damage(&row[5])), (None, None), "{row:?}");
        }
    }
    for row in data("loudi_towns_2019.csv").unwrap_or_default() {
        assert_eq!((damage(&row[1]), damage(&row[3])), (None, None), "{row:?}");
    }
}

#[test]
fn i12_utf8_read_as_gb18030_and_gb18030_that_happens_to_be_utf8_are_found_and_repaired() {
    for (stored, repaired) in [("寮犱笁", "张三"), ("娓╂按姹犳潙", "温水池村"), ("涓€涓€", "一一")]
    {
        assert_eq!(damage(stored), Some(Damage::Utf8ReadAsGb18030(repaired.to_owned())), "{stored}");
    }
    let misread = String::from_utf8(GB18030.encode("谈学").0.into_owned()).expect("happens to be");
    assert_eq!(damage(&misread), Some(Damage::Gb18030ReadAsUtf8("谈学".to_owned())), "{misread:?}");
    // Words of one foreign script are names.
    for name in ["Иван", "Αθηνά", "שרה", "محمد"] {
        assert_eq!(damage(name), None, "{name}");
    }
}

#[test]
fn i12_a_rare_character_of_four_bytes_is_found_when_it_is_misread_and_sound_when_it_is_not() {
    for name in ["𠅤", "㛃", "阿卜杜拉·𠅤", "王㛃"] {
        assert_eq!(damage(name), None, "{name}");
        let bytes = GB18030.encode(name).0;
        let misread = WINDOWS_1252.decode_without_bom_handling(&bytes).0;
        assert!(damage(&misread).is_some(), "{name}: {misread}");
    }
}

#[test]
fn a_text_may_ask_and_a_name_may_not() {
    assert_eq!(damage("张?"), Some(Damage::QuestionMark));
    assert_eq!(damage_of_text("三栋？没人知道"), None);
    assert_eq!(damage_of_text("??市"), Some(Damage::QuestionMark));
}

#[test]
fn i12_what_is_kept_is_nfc_and_what_no_character_set_makes_is_malformed() {
    assert_eq!(kept(" Jose\u{301} ", 100), Ok("José".to_owned()));
    assert_eq!(kept("\u{fffd}三", 100), Ok("\u{fffd}三".to_owned()), "damaged is kept");
    assert_eq!(kept("\u{97}\u{84}Ä¾", 100), Ok("\u{97}\u{84}Ä¾".to_owned()));
    for wrong in ["", " ", "张\0三", "张\u{7}三", "张三张"] {
        let refused = kept(wrong, 2).expect_err("wrong");
        assert!(!refused.contains('张'), "{refused}");
    }
}

mod properties {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// A character of GB 2312, which most names consist of.
    fn common() -> impl Strategy<Value = char> {
        (0xb0_u8..=0xf7, 0xa1_u8..=0xfe).prop_filter_map("none there", |(lead, trail)| {
            let pair = [lead, trail];
            let read = GB18030.decode_without_bom_handling(&pair).0;
            read.chars().next().filter(|letter| is_ideograph(*letter))
        })
    }

    /// Any Chinese character: of the basic block, of extension A, of the planes beyond.
    fn any_ideograph() -> impl Strategy<Value = char> {
        prop_oneof![
            3 => common(),
            1 => prop::char::range('\u{4e00}', '\u{9fa5}'),
            1 => prop::char::range('\u{3400}', '\u{4db5}'),
            1 => prop::char::range('\u{20000}', '\u{2a6d6}'),
            1 => prop::char::range('\u{2a700}', '\u{2ebe0}'),
            1 => prop::char::range('\u{30000}', '\u{323af}'),
        ]
    }

    /// A name that begins with a common character; some are written with a dot.
    fn name() -> impl Strategy<Value = String> {
        (common(), vec(any_ideograph(), 1..5), any::<bool>()).prop_map(|(first, rest, dotted)| {
            let dot = if dotted { "·" } else { "" };
            rest.into_iter().fold(first.to_string(), |name, letter| name + dot + &letter.to_string())
        })
    }

    /// Whether the GB18030 of a name is UTF-8 of something by chance, or begins like it: nobody could tell.
    fn is_utf8_by_chance(name: &str) -> bool {
        match std::str::from_utf8(&GB18030.encode(name).0) {
            Ok(_) => true,
            Err(cut) => cut.error_len().is_none() && cut.valid_up_to() >= 3,
        }
    }

    fn strictly(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| char::from(*byte)).collect()
    }

    fn as_windows_reads(bytes: &[u8]) -> String {
        WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()
    }

    proptest! {
        #[test]
        fn i12_every_chinese_name_is_sound(name in name(), rare in vec(any_ideograph(), 1..5)) {
            let rare: String = rare.into_iter().collect();
            for name in [name, rare] {
                if !is_utf8_by_chance(&name) {
                    prop_assert_eq!((damage(&name), damage_of_text(&name)), (None, None), "{}", name);
                    prop_assert_eq!(kept(&name, 100), Ok(name));
                }
            }
        }

        #[test]
        fn i12_utf8_that_was_misread_is_found(name in name()) {
            let bytes = name.as_bytes();
            for (how, misread) in [
                ("strictly", strictly(bytes)),
                ("as Windows reads", as_windows_reads(bytes)),
                ("as GB18030", GB18030.decode_without_bom_handling(bytes).0.into_owned()),
            ] {
                prop_assert!(damage(&misread).is_some(), "{name} {how}: {misread}");
                prop_assert!(damage_of_text(&misread).is_some(), "{name} {how}: {misread}");
                // What is kept of it says the same.
                prop_assert!(damage(&kept(&misread, 100).expect("kept")).is_some(), "{name} {how}: {misread}");
            }
        }

        #[test]
        fn i12_gb18030_that_was_misread_is_found(name in name()) {
            let bytes = GB18030.encode(&name).0;
            let mut misreads =
                vec![("strictly", strictly(&bytes)), ("as Windows reads", as_windows_reads(&bytes))];
            let as_utf8 = String::from_utf8_lossy(&bytes).into_owned();
            let foreign: Vec<char> = as_utf8.chars().filter(|letter| !letter.is_ascii()).collect();
            // Some happen to be a word of one foreign script, and a few in a million of letters beyond U+0800: nobody could tell.
            let by_chance = is_of_one_script(&foreign) || foreign.iter().any(|letter| *letter >= '\u{800}');
            if as_utf8.contains(char::REPLACEMENT_CHARACTER) || !by_chance {
                misreads.push(("as UTF-8", as_utf8));
            }
            for (how, misread) in misreads {
                prop_assert!(damage(&misread).is_some(), "{name} {how}: {misread}");
                prop_assert!(damage(&kept(&misread, 100).expect("kept")).is_some(), "{name} {how}: {misread}");
            }
        }

        #[test]
        fn what_a_machine_could_not_write_is_found(name in name(), at in any::<prop::sample::Index>(), lost in "[?？\u{fffd}\u{e000}-\u{f8ff}\u{80}-\u{9f}]") {
            let mut letters: Vec<String> = name.chars().map(String::from).collect();
            let at = at.index(letters.len());
            letters[at] = lost;
            let damaged = letters.concat();
            // White space at the ends is trimmed, one of these is some.
            prop_assume!(damaged.trim().len() == damaged.len());
            prop_assert!(damage(&damaged).is_some(), "{damaged:?}");
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            let _ = (damage(&text), damage_of_text(&text), kept(&text, 20));
        }
    }
}
