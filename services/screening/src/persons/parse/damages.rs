//! What looks damaged by a wrong character set (I12), or is a doubtful phone (I11), as the contract has it.

use chassis::damage::{Damage, damage_of_text};
use proto::screening as pb;

use crate::persons::{Details, Flaw, damaged};

fn text_damage(flaw: &Flaw) -> pb::TextDamage {
    let damage = match flaw {
        Flaw::Text(damage) => damage,
        Flaw::Phone => return pb::TextDamage::NoMobile,
    };
    match damage {
        Damage::Lost => pb::TextDamage::Lost,
        Damage::ReadAsLatin1(_) => pb::TextDamage::Gb18030AsLatin1,
        Damage::Utf8ReadAsLatin1(_) => pb::TextDamage::Utf8AsLatin1,
        Damage::Latin1 => pb::TextDamage::Latin1,
        Damage::Utf8ReadAsGb18030(_) => pb::TextDamage::Utf8AsGb18030,
        Damage::Gb18030ReadAsUtf8(_) => pb::TextDamage::Gb18030AsUtf8,
        Damage::QuestionMark => pb::TextDamage::QuestionMark,
        Damage::Control => pb::TextDamage::Control,
        Damage::PrivateUse => pb::TextDamage::PrivateUse,
    }
}

/// A text that looks damaged, as the contract has it; how it should read only where the person is shown whole.
fn damaged_text(field: String, damage: &Flaw, whole: bool) -> pb::DamagedText {
    let likely = damage.repaired().filter(|_| whole).unwrap_or_default().to_owned();
    pb::DamagedText { field, damage: text_damage(damage).into(), likely }
}

/// Which of the details look damaged.
pub(super) fn damaged_texts(details: &Details, whole: bool) -> Vec<pb::DamagedText> {
    let found = details.damaged().into_iter();
    found.map(|(field, damage)| damaged_text(field, &damage, whole)).collect()
}

/// The texts of an item that was taken in which look damaged: its details, with paths below `under`, and others by their
/// fields. How they should read is not told: it may be somebody else's.
#[must_use]
pub fn damaged_item(
    said: Option<&pb::PersonDetails>,
    under: &str,
    others: &[(&str, &str)],
) -> Vec<pb::DamagedText> {
    let mut found = Vec::new();
    if let Some(said) = said {
        let texts = [
            ("occupation", &*said.occupation),
            ("address", &said.address),
            ("present_place", &said.present_place),
        ];
        let facts = said.facts.iter().map(|fact| &*fact.text);
        let damaged = damaged((&said.display_name, &said.phones), &texts, facts).into_iter();
        found.extend(damaged.map(|(field, damage)| (format!("{under}{field}"), damage)));
    }
    let others = others.iter();
    found.extend(
        others.filter_map(|(field, text)| Some(((*field).to_owned(), Flaw::Text(damage_of_text(text)?)))),
    );
    found.into_iter().map(|(field, damage)| damaged_text(field, &damage, false)).collect()
}
