//! Names and texts that a wrong character set has damaged: what is true is taken in all the same, marked, and listed for
//! whoever has the person, until it is repaired.

use proto::screening::{
    self as pb, exposure_item::Contact, exposure_result::Result as Exposed,
    handdown_result::Result as Handed, passage_result::Result as Passed, visit::Seen,
    visit_result::Result as Visited,
};
use tests::{fields, request_id};

use crate::{
    exposures::contact,
    ground::{Ground, NUMBER, details, without_papers},
    passages::passage,
    watch::{on, reading},
};

/// 株山 in GB18030, read as Latin-1: nobody's name, but somebody's village.
const MISREAD: &str = "ÖêÉ½";

/// What is said of somebody whose list was damaged on the way.
fn misread() -> pb::PersonDetails {
    pb::PersonDetails { display_name: MISREAD.to_owned(), ..without_papers("") }
}

fn said(damaged: &[pb::DamagedText]) -> Vec<(&str, pb::TextDamage, &str)> {
    damaged.iter().map(|one| (one.field.as_str(), one.damage(), one.likely.as_str())).collect()
}

impl Ground {
    /// Whose texts look damaged, as a subject sees them.
    async fn damaged(&self, subject: &str) -> Vec<String> {
        let request = pb::ListPersonsRequest { damaged: true, ..Default::default() };
        let page =
            self.screening(subject).persons().list_persons(request).await.expect("a list").into_inner();
        page.persons.into_iter().map(|person| person.name).collect()
    }
}

#[tokio::test]
async fn i11_a_doubtful_phone_is_taken_in_marked_and_listed_until_it_is_right() {
    let ground = Ground::build().await;
    let phones = vec!["13900001234".to_owned(), "1390000123".to_owned()];
    let person = ground.found(0, pb::PersonDetails { phones, ..details(NUMBER) }).await;
    assert_eq!(person.details.expect("whole").phones[1], "1390000123", "as it came");
    assert_eq!(said(&person.damaged), [("phones[1]", pb::TextDamage::NoMobile, "")]);
    assert_eq!(ground.damaged("duty").await, std::slice::from_ref(&person.name));
    let right = pb::PersonDetails { phones: vec!["13900001234".to_owned()], ..Default::default() };
    let request = pb::UpdatePersonRequest {
        request_id: request_id(),
        person: Some(pb::Person { name: person.name, details: Some(right), ..Default::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["phones".to_owned()] }),
    };
    ground.screening("leader-0").persons().update_person(request).await.expect("asked for");
    assert!(ground.damaged("duty").await.is_empty());
}

#[tokio::test]
async fn i12_what_looks_damaged_is_taken_in_as_it_came_marked_and_listed_until_it_is_repaired() {
    use pb::TextDamage::{Gb18030AsLatin1, Lost};
    let ground = Ground::build().await;
    ground.found(0, details(NUMBER)).await;
    let more = pb::PersonDetails { address: "样例街\u{fffd}号".to_owned(), ..misread() };
    let person = ground.found(0, more).await;
    let whole = person.details.clone().expect("details");
    assert_eq!(
        (whole.display_name.as_str(), whole.address.as_str()),
        (MISREAD, "样例街\u{fffd}号"),
        "as it came"
    );
    assert_eq!(said(&person.damaged), [("display_name", Gb18030AsLatin1, "株山"), ("address", Lost, "")]);
    let masked = ground.get("duty-0", &person.name).await.expect("above");
    assert_eq!(
        said(&masked.damaged),
        [("display_name", Gb18030AsLatin1, ""), ("address", Lost, "")],
        "no value above"
    );
    assert_eq!(ground.damaged("leader-0").await, std::slice::from_ref(&person.name));
    assert!(ground.damaged("leader-1").await.is_empty());
    // Found again by what it is: repaired, it waits for nobody.
    let request = pb::UpdatePersonRequest {
        request_id: request_id(),
        person: Some(pb::Person {
            name: person.name.clone(),
            details: Some(pb::PersonDetails {
                display_name: "株山".to_owned(),
                address: "样例街一号".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["display_name".to_owned(), "address".to_owned()],
        }),
    };
    let repaired = ground.screening("leader-0").persons().update_person(request).await.expect("repaired");
    assert!(repaired.into_inner().person.expect("a person").damaged.is_empty());
    assert!(ground.damaged("duty").await.is_empty());
}

#[tokio::test]
async fn i12_rare_characters_are_kept_in_nfc_and_what_no_character_set_makes_is_malformed() {
    let ground = Ground::build().await;
    for (name, kept) in [("𠅤㛃", "𠅤㛃"), ("阿卜杜拉·样例", "阿卜杜拉·样例"), ("Jose\u{301}", "José")]
    {
        let said = pb::PersonDetails { display_name: name.to_owned(), ..without_papers("") };
        let person = ground.found(0, said).await;
        assert_eq!(person.details.expect("details").display_name, kept);
        assert!(person.damaged.is_empty(), "{name}");
    }
    let bell = pb::PersonDetails { display_name: "张\u{7}".to_owned(), ..without_papers("") };
    let refused = ground.intake("leader-0", 0, bell).await.expect_err("malformed");
    assert_eq!(fields(&refused), ["person.details.display_name"]);
}

#[tokio::test]
async fn i12_every_list_takes_in_what_looks_damaged_and_says_so_item_by_item() {
    use pb::TextDamage::{Gb18030AsLatin1, Lost, QuestionMark};
    let ground = Ground::build().await;
    let name = ("details.display_name", Gb18030AsLatin1, "");
    let sound = |nth: u32| without_papers(&format!("19{nth}-01-01"));

    let item =
        |details| pb::HanddownItem { event_id: request_id(), details: Some(details), ..Default::default() };
    let source = pb::HanddownSource { kind: pb::ListKind::Police.into(), ..Default::default() };
    let request = pb::IngestHanddownsRequest {
        from_unit: ground.counties[0].clone(),
        source: Some(source),
        items: vec![item(misread()), item(sound(50))],
    };
    let answer = ground.screening("duty-0").handdowns().ingest_handdowns(request).await.expect("an answer");
    let results: Vec<_> =
        answer.into_inner().results.into_iter().filter_map(|result| result.result).collect();
    let [Handed::Accepted(damaged), Handed::Accepted(good)] = &results[..] else { panic!("{results:?}") };
    assert_eq!((said(&damaged.damaged), said(&good.damaged)), (vec![name], vec![]));

    let met = pb::ExposureItem {
        index_reference: "??".to_owned(),
        place: "样例\u{fffd}".to_owned(),
        ..contact("", Contact::Details(misread()), on(2, "12:00"))
    };
    let results = ground.expose("leader-0", 0, vec![met]).await.expect("an answer");
    let [Exposed::Accepted(accepted)] = &results[..] else { panic!("{results:?}") };
    assert_eq!(said(&accepted.damaged), [name, ("index_reference", QuestionMark, ""), ("place", Lost, "")]);
    assert_eq!(accepted.exposure.as_ref().map(|one| one.place.as_str()), Some("样例\u{fffd}"));

    let post = ground.post().await;
    let passes = pb::Passage {
        origin: "\u{fffd}市".to_owned(),
        details: Some(misread()),
        ..passage(&post, on(3, "00:00"))
    };
    let results = ground.pass("duty-0", vec![passes, passage(&post, on(3, "00:00"))]).await;
    let [Passed::Accepted(damaged), Passed::Accepted(good)] = &results[..] else { panic!("{results:?}") };
    assert_eq!((said(&damaged.damaged), said(&good.damaged)), (vec![name, ("origin", Lost, "")], vec![]));

    let sweep = ground.sweep().await.name;
    let found = pb::FoundPerson {
        details: Some(misread()),
        purpose: pb::Purpose::Returnee.into(),
        ..Default::default()
    };
    let seen = Seen::Household(pb::HouseholdVisit {
        number: "1".to_owned(),
        outcome: pb::VisitOutcome::Visited.into(),
    });
    let visit = pb::Visit {
        found: vec![found],
        ..crate::sweeps::visit(&sweep, &ground.grids[0], on(2, "09:00"), seen)
    };
    let results = ground.visit("leader-0", vec![visit]).await;
    let [Visited::Accepted(accepted)] = &results[..] else { panic!("{results:?}") };
    assert_eq!(said(&accepted.damaged), [("found[0].details.display_name", Gb18030AsLatin1, "")]);

    let observation = ground.observed(0, NUMBER, "2020-02-01").await.name;
    let noted =
        |note: &str| pb::Reading { note: note.to_owned(), ..reading(&observation, on(3, "00:00"), 36.5) };
    assert!(ground.read(noted("by \u{fffd}")).await.damaged_note, "a fact is a fact");
    assert!(!ground.read(noted("by phone?")).await.damaged_note);
}
