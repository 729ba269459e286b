//! Persons: taken in always, in one pair of hands, seen whole by those hands alone.

use proto::screening as pb;
use sqlx::Row as _;
use tests::{fields, reason, request_id};
use tonic::Code;

use crate::ground::{Ground, NUMBER, OTHER_NUMBER, PHONE, details, person, without_papers};

#[tokio::test]
async fn p6_a_person_is_whole_to_his_own_hands_and_masked_above() {
    let ground = Ground::build().await;
    let taken = ground.intake("leader-0", 0, details(NUMBER)).await.expect("taken in");
    assert!(!taken.known && taken.likely_doubles.is_empty());
    let own = taken.person.unwrap();
    let whole = own.details.clone().unwrap();
    assert!(!own.masked);
    assert_eq!((whole.display_name.as_str(), whole.birth_date.as_str()), ("张样例", "1949-12-31"));
    assert_eq!((whole.sex(), whole.paper.unwrap().number.as_str()), (pb::Sex::Female, NUMBER));
    assert_eq!(
        (own.delete_after.as_str(), own.responsible_unit.as_str()),
        ("2020-08-01", ground.grids[0].as_str())
    );

    let above = ground.get("duty-0", &own.name).await.expect("above");
    let masked = above.details.clone().unwrap();
    assert!(above.masked);
    assert_eq!((masked.display_name.as_str(), masked.birth_date.as_str()), ("张**", "1949"));
    assert_eq!(
        (masked.paper.unwrap().number.as_str(), masked.phones[0].as_str()),
        ("110***********002X", "139****1234")
    );
    assert_eq!(masked.address, "");
    for stranger in ["leader-1", "leader-2", "duty-1"] {
        let refused = ground.get(stranger, &own.name).await.expect_err(stranger);
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "NOT_FOUND"));
    }
}

#[tokio::test]
async fn i1_what_is_wrong_is_said_at_once_and_without_a_personal_value() {
    let ground = Ground::build().await;
    let wrong = pb::PersonDetails {
        display_name: "张**".to_owned(),
        birth_date: "31.12.1949".to_owned(),
        phones: vec!["no phone of 张样例".to_owned()],
        ..details("110105194912310021")
    };
    let mut person = person(&ground.grids[0], wrong);
    person.purpose = 0;
    let request =
        pb::IntakePersonRequest { request_id: request_id(), person: Some(person), source: String::new() };
    let refused = ground.screening("leader-0").persons().intake_person(request).await.expect_err("wrong");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "INVALID_ARGUMENT"));
    let named = fields(&refused);
    for field in ["display_name", "paper.number", "birth_date", "phones[0]"] {
        assert!(named.contains(&format!("person.details.{field}")), "{field}: {named:?}");
    }
    assert!(named.contains(&"person.purpose".to_owned()));
    let said = format!("{refused:?}") + &String::from_utf8_lossy(refused.details());
    for value in ["张", "110105194912310021", "1949"] {
        assert!(!said.contains(value), "{value} in {said}");
    }
    let two_dates = pb::PersonDetails { birth_date: "1950-01-01".to_owned(), ..details(NUMBER) };
    let refused = ground.intake("leader-0", 0, two_dates).await.expect_err("two dates");
    assert_eq!(fields(&refused), ["person.details.birth_date"]);
}

#[tokio::test]
async fn somebody_who_is_found_again_in_the_same_hands_is_one() {
    let ground = Ground::build().await;
    let first = ground.found(0, details("110105491231002")).await;
    let again = pb::PersonDetails {
        phones: vec!["+86 139 0000 1234".to_owned(), "0000-1".to_owned()],
        occupation: "司机".to_owned(),
        ..details(NUMBER)
    };
    let taken = ground.intake("leader-0", 0, again).await.expect("taken in");
    let person = taken.person.unwrap();
    assert!(taken.known);
    assert_eq!(person.name, first.name);
    let details = person.details.unwrap();
    assert_eq!((details.occupation.as_str(), details.phones.len()), ("司机", 2));
    let above = ground.get("duty-0", &first.name).await.expect("above").details.unwrap();
    assert_eq!((above.occupation.as_str(), above.display_name.as_str()), ("", "张**"), "masked, P6");
}

#[tokio::test]
async fn intake_does_not_tell_whether_somebody_is_under_observation() {
    let ground = Ground::build().await;
    let first = ground.found(0, details(NUMBER)).await;
    let known = ground.intake("leader-2", 2, details(NUMBER)).await.expect("taken in");
    let unknown = ground.intake("leader-2", 2, details(OTHER_NUMBER)).await.expect("taken in");
    // What is answered differs in nothing but what was said and made for it.
    let bare = |taken: &pb::IntakePersonResponse| {
        let mut taken = taken.clone();
        let person = taken.person.as_mut().unwrap();
        (person.name, person.details) = (String::new(), None);
        taken.likely_doubles.clear();
        taken
    };
    assert_eq!(bare(&known), bare(&unknown));
    assert!(known.likely_doubles.is_empty(), "{:?}", known.likely_doubles);
    let own = known.person.unwrap();
    assert_ne!(own.name, first.name);
    assert_eq!(own.same_as, "");
    assert_eq!(ground.get("duty-1", &first.name).await.expect_err("hers").code(), Code::NotFound);
    assert_eq!(ground.get("duty", &own.name).await.expect("above both").same_as, first.name);
    assert_eq!(ground.get("leader-0", &first.name).await.expect("still there").etag, first.etag);
}

#[tokio::test]
async fn likely_doubles_are_suggested_as_far_as_they_are_seen_and_block_nothing() {
    let ground = Ground::build().await;
    let near = ground.found(0, details(NUMBER)).await;
    ground.found(2, without_papers("1949-12-31")).await;
    // The same name, phone and date of birth, but another card: two persons.
    let other = pb::PersonDetails { birth_date: String::new(), ..details("110105491231001") };
    let taken = ground.intake("duty-0", 1, other).await.expect("taken in");
    assert!(!taken.known);
    assert_eq!(taken.likely_doubles, [near.name]);
    let taken = ground.intake("leader-1", 1, without_papers("1950-05-05")).await.expect("taken in");
    assert_eq!(taken.likely_doubles.len(), 1, "the one in the same hands, not those next door");
}

#[tokio::test]
async fn i1_a_person_without_papers_is_taken_in_with_a_local_number() {
    let ground = Ground::build().await;
    let one = ground.found(0, without_papers("")).await;
    let number = one.details.unwrap().paper.unwrap().number;
    assert!(number.starts_with("L-") && number.len() == 14, "{number}");
    let rare = pb::PersonDetails { display_name: "𠮷样例".to_owned(), ..without_papers("") };
    let rare = ground.found(0, rare).await;
    assert_eq!(rare.details.unwrap().display_name, "𠮷样例", "I12");
    assert_ne!(rare.name, one.name);
}

#[tokio::test]
async fn p6_who_reveals_says_why_and_is_remembered() {
    let ground = Ground::build().await;
    let person = ground.found(0, details(NUMBER)).await;
    let reveal = |subject: &str, reason: &str| {
        let request = pb::RevealPersonRequest {
            request_id: request_id(),
            name: person.name.clone(),
            reason: reason.to_owned(),
        };
        let mut persons = ground.screening(subject).persons();
        async move { persons.reveal_person(request).await.map(tonic::Response::into_inner) }
    };
    let refused = reveal("duty-0", "").await.expect_err("no reason");
    assert_eq!(fields(&refused), ["reason"]);
    assert_eq!(reveal("duty-1", "why not").await.expect_err("not hers").code(), Code::NotFound);
    let revealed = reveal("duty-0", "the ambulance asks for the address").await.expect("revealed");
    assert_eq!(revealed.person.unwrap().details.unwrap().address, "样例街一号");
    assert_eq!((revealed.findings.len(), revealed.findings[0].entered_by.as_str()), (1, "leader-0"));

    let request = pb::ListAccessesRequest { person: person.name.clone(), page_size: 1, ..Default::default() };
    let mut persons = ground.screening("duty").persons();
    let page = persons.list_accesses(request.clone()).await.expect("a page").into_inner();
    let last = &page.accesses[0];
    assert_eq!(
        (last.subject.as_str(), last.reason.as_str()),
        ("duty-0", "the ambulance asks for the address")
    );
    let request = pb::ListAccessesRequest { page_token: page.next_page_token, ..request };
    let page = persons.list_accesses(request).await.expect("a page").into_inner();
    let first = &page.accesses[0];
    assert_eq!((first.subject.as_str(), first.reason.as_str()), ("leader-0", ""), "one's own hands, logged");
    assert_eq!(page.next_page_token, "");
}

#[tokio::test]
async fn r24_both_names_of_a_merged_person_stay_good() {
    let ground = Ground::build().await;
    let kept = ground.found(0, details(NUMBER)).await;
    let merged = ground.found(1, without_papers("")).await;
    let merge = |subject: &str, kept: &str, merged: &str| {
        let request = pb::MergePersonsRequest {
            request_id: request_id(),
            kept: kept.to_owned(),
            merged: merged.to_owned(),
            reason: "the same hand card twice".to_owned(),
        };
        let mut persons = ground.screening(subject).persons();
        async move { persons.merge_persons(request).await.map(tonic::Response::into_inner) }
    };
    let elsewhere = ground.found(2, details(OTHER_NUMBER)).await;
    for (one, other) in [(&kept.name, &elsewhere.name), (&elsewhere.name, &kept.name)] {
        assert_eq!(merge("duty-0", one, other).await.expect_err("not hers").code(), Code::NotFound);
    }
    assert_eq!(fields(&merge("duty-0", &kept.name, &kept.name).await.expect_err("one")), ["merged"]);
    merge("duty-0", &kept.name, &merged.name).await.expect("merged");
    let found = ground.get("leader-0", &merged.name).await.expect("by the old name");
    assert_eq!(
        (found.same_as.as_str(), found.responsible_unit.as_str()),
        (kept.name.as_str(), ground.grids[0].as_str())
    );
    assert_eq!(ground.get("leader-1", &merged.name).await.expect_err("handed over").code(), Code::NotFound);
    merge("duty-0", &merged.name, &kept.name).await.expect("they are one already");
    assert_eq!(ground.get("leader-0", &kept.name).await.expect("kept").same_as, "");
}

#[tokio::test]
async fn persons_are_listed_by_hands_purpose_paper_and_phone() {
    let ground = Ground::build().await;
    let one = ground.found(0, details(NUMBER)).await.name;
    let two = ground.found(1, details(OTHER_NUMBER)).await.name;
    let three = ground
        .found(2, pb::PersonDetails { display_name: "李样例".to_owned(), ..without_papers("") })
        .await
        .name;
    let list = async |subject: &str, request: pb::ListPersonsRequest| {
        let page = ground.screening(subject).persons().list_persons(request).await?.into_inner();
        let names: Vec<_> = page.persons.into_iter().map(|person| person.name).collect();
        Ok::<_, tonic::Status>((names, page.next_page_token))
    };
    let all = pb::ListPersonsRequest::default();
    assert_eq!(list("duty", all.clone()).await.unwrap().0, [&one, &two, &three].map(String::clone));
    assert_eq!(list("duty-0", all.clone()).await.unwrap().0, [one.clone(), two.clone()]);
    let paper = pb::Paper { r#type: pb::PaperType::IdentityCard.into(), number: NUMBER.to_lowercase() };
    let by_paper = pb::ListPersonsRequest { paper: Some(paper), ..all.clone() };
    assert_eq!(list("duty-0", by_paper.clone()).await.unwrap().0, std::slice::from_ref(&one));
    assert!(list("duty-1", by_paper).await.unwrap().0.is_empty(), "next door nobody is found");
    let by_phone = pb::ListPersonsRequest { phone: format!("+86{PHONE}"), ..all.clone() };
    assert_eq!(list("duty-1", by_phone).await.unwrap().0, [three]);
    let contacts = pb::ListPersonsRequest { purpose: pb::Purpose::Contact.into(), ..all.clone() };
    assert!(list("duty", contacts).await.unwrap().0.is_empty());
    let of_next_door = pb::ListPersonsRequest { ancestor_unit: ground.counties[1].clone(), ..all.clone() };
    assert_eq!(list("duty-0", of_next_door).await.expect_err("not hers").code(), Code::NotFound);

    let first = pb::ListPersonsRequest { page_size: 1, ..all };
    let (page, token) = list("duty-0", first.clone()).await.unwrap();
    assert_eq!(page, [one]);
    let next = pb::ListPersonsRequest { page_token: token, ..first };
    assert_eq!(list("duty-0", next.clone()).await.unwrap(), (vec![two], String::new()));
    assert_eq!(reason(&list("duty", next).await.expect_err("another's token")), "PAGE_TOKEN_MISMATCH");
}

#[tokio::test]
async fn a_change_is_of_what_was_read_and_never_of_a_mask() {
    let ground = Ground::build().await;
    let person = ground.found(0, details(NUMBER)).await;
    let update = async |change: pb::PersonDetails, etag: &str, paths: &[&str]| {
        let changed = pb::Person {
            name: person.name.clone(),
            details: Some(change),
            etag: etag.to_owned(),
            ..Default::default()
        };
        let request = pb::UpdatePersonRequest {
            request_id: request_id(),
            person: Some(changed),
            update_mask: Some(prost_types::FieldMask {
                paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            }),
        };
        let changed = ground.screening("leader-0").persons().update_person(request).await?;
        Ok::<_, tonic::Status>(changed.into_inner().person.unwrap())
    };
    let moved = pb::PersonDetails { address: "样例街二号".to_owned(), ..Default::default() };
    let changed = update(moved.clone(), &person.etag, &["address"]).await.expect("changed");
    let now = changed.details.unwrap();
    assert_eq!((now.address.as_str(), now.display_name.as_str()), ("样例街二号", "张样例"));
    let refused = update(moved, &person.etag, &["address"]).await.expect_err("read before");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
    let masked = ground.get("duty-0", &person.name).await.unwrap().details.unwrap();
    let refused = update(masked, "", &["phones", "display_name"]).await.expect_err("masked");
    assert_eq!(fields(&refused), ["person.details.display_name", "person.details.phones[0]"]);
    let other = update(details(OTHER_NUMBER), "", &["paper"]).await.expect("another card");
    assert_eq!(other.details.unwrap().birth_date, "1880-01-01");
    assert!(
        ground.intake("leader-0", 0, details(OTHER_NUMBER)).await.expect("taken in").known,
        "found by it"
    );
    assert!(
        !ground.intake("leader-0", 0, details(NUMBER)).await.expect("taken in").known,
        "and not by the old one"
    );
}

#[tokio::test]
async fn one_person_taken_in_by_many_at_once_is_one() {
    let ground = Ground::build().await;
    let calls =
        (0..12).map(|nth| ground.intake("leader-0", 0, details([NUMBER, "110105491231002"][nth % 2])));
    let taken: Vec<_> =
        futures::future::join_all(calls).await.into_iter().map(|taken| taken.expect("taken in")).collect();
    assert_eq!(taken.iter().filter(|taken| !taken.known).count(), 1);
    let first = &taken[0].person.as_ref().unwrap().name;
    assert!(taken.iter().all(|taken| taken.person.as_ref().unwrap().name == *first));
}

#[tokio::test]
async fn a_request_id_takes_in_once() {
    let ground = Ground::build().await;
    let request = pb::IntakePersonRequest {
        request_id: request_id(),
        person: Some(person(&ground.grids[0], without_papers(""))),
        source: String::new(),
    };
    let mut persons = ground.screening("leader-0").persons();
    let first = persons.intake_person(request.clone()).await.expect("taken in").into_inner();
    let again = persons.intake_person(request.clone()).await.expect("taken in").into_inner();
    assert_eq!(first, again, "whole again, though what is kept is masked");
    let other = pb::IntakePersonRequest { source: "another".to_owned(), ..request };
    assert_eq!(reason(&persons.intake_person(other).await.expect_err("another")), "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn no_personal_value_lies_open_in_the_database() {
    let ground = Ground::build().await;
    let person = ground.found(0, details(NUMBER)).await;
    ground.found(2, details(NUMBER)).await;
    ground.get("duty-0", &person.name).await.expect("seen");
    let mut sql = ground.sandbox.sql().await;
    let tables = sqlx::query("SELECT tablename FROM pg_tables WHERE schemaname = 'screening'");
    let tables = tables.fetch_all(&mut sql).await.expect("tables");
    let mut rows = 0;
    for table in tables {
        let text = format!("SELECT t::text FROM screening.{} t", table.get::<&str, _>(0));
        for row in sqlx::query(sqlx::AssertSqlSafe(text)).fetch_all(&mut sql).await.expect("rows") {
            rows += 1;
            let row: String = row.get(0);
            // bytea is shown in hexadecimal.
            for value in ["张样例", NUMBER, &NUMBER[..17], PHONE, "样例街一号"] {
                let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
                assert!(!row.contains(value) && !row.contains(&hex), "{value} in {row}");
            }
        }
    }
    assert!(rows > 20, "the tables were read: {rows} rows");
}

#[tokio::test]
async fn persons_of_a_unit_that_is_closed_are_in_sight_of_who_stands_above() {
    let ground = Ground::build().await;
    let person = ground.found(0, details(NUMBER)).await;
    ground.close(0).await;
    ground.gone(0).await;
    assert!(ground.get("duty-0", &person.name).await.is_ok());
    // Intake always succeeds: where the closed unit stands, also from its leader who may not have heard.
    for subject in ["duty-0", "leader-0"] {
        let taken = ground.intake(subject, 0, without_papers("")).await.expect("taken in");
        assert!(taken.readdressed);
        let taken = taken.person.expect("a person");
        assert_eq!(taken.responsible_unit, ground.village(0).await);
        assert!(taken.masked, "whole to the unit's own officers only");
    }
    let elsewhere = ground.intake("duty-1", 0, without_papers("")).await.expect_err("next door");
    assert_eq!(elsewhere.code(), Code::NotFound);
    let mut persons = ground.screening("duty-0").persons();
    let listed = persons.list_persons(pb::ListPersonsRequest::default()).await.expect("a list").into_inner();
    assert!(listed.persons.iter().any(|listed| listed.name == person.name));
    assert_eq!(ground.get("duty-1", &person.name).await.expect_err("next door").code(), Code::NotFound);
}

async fn update(
    ground: &Ground,
    subject: &str,
    name: &str,
    details: pb::PersonDetails,
    paths: &[&str],
) -> Result<pb::UpdatePersonResponse, tonic::Status> {
    let request = pb::UpdatePersonRequest {
        request_id: request_id(),
        person: Some(pb::Person { name: name.to_owned(), details: Some(details), ..Default::default() }),
        update_mask: Some(prost_types::FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        }),
    };
    Ok(ground.screening(subject).persons().update_person(request).await?.into_inner())
}

#[tokio::test]
async fn r24_a_paper_that_comes_later_finds_who_this_is_as_an_intake_does() {
    let ground = Ground::build().await;
    let held = ground.observed(0, NUMBER, "2020-02-01").await;
    let far = ground.observed(2, "", "2020-02-01").await;
    let near = ground.found(0, without_papers("")).await.name;
    let unknown = ground.found(2, without_papers("")).await;
    let with = |number: &str| details(number);
    let said = update(&ground, "leader-2", &far.person, with(NUMBER), &["paper"]).await.expect("changed");
    let other =
        update(&ground, "leader-2", &unknown.name, with(OTHER_NUMBER), &["paper"]).await.expect("changed");
    let [said, other] = [said, other].map(|answer| answer.person.expect("a person"));
    assert_eq!((&said.same_as, &other.same_as), (&String::new(), &String::new()), "nothing is told");
    assert_eq!(said.etag, other.etag);
    assert_eq!(said.responsible_unit, ground.grids[2], "hands stay");
    let [question] = &ground.questions("duty").await[..] else { panic!("one question") };
    assert_eq!((&question.holding_unit, &question.finding_unit), (&ground.grids[0], &ground.grids[2]));
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
    assert!(exceptions.iter().any(|one| one.finding() == pb::PersonFinding::HandsOpen));
    // In the same hands they are one at once.
    let one = update(&ground, "leader-0", &near, with(NUMBER), &["paper"]).await.expect("changed");
    assert_eq!(one.person.expect("a person").same_as, held.person);
    assert_eq!(ground.questions("duty").await.len(), 1);
    assert!(ground.proof().await.1.holds);
}

#[tokio::test]
async fn i1_a_second_paper_is_kept_and_either_finds_the_person() {
    let ground = Ground::build().await;
    let passport = pb::Paper { r#type: pb::PaperType::Passport.into(), number: "E12345678".to_owned() };
    let by_passport =
        |birth: &str| pb::PersonDetails { paper: Some(passport.clone()), ..without_papers(birth) };
    let first = ground.found(0, details(NUMBER)).await.name;
    let again = ground.intake("leader-0", 0, by_passport("1949-12-31")).await.expect("taken in");
    assert!(again.known, "by name, phone and date of birth");
    let known = again.person.expect("a person").details.expect("details");
    assert_eq!(known.paper.expect("a paper").number, NUMBER);
    assert_eq!(known.other_papers, std::slice::from_ref(&passport));
    let nameless = pb::PersonDetails { phones: vec![], display_name: "ZHANG".to_owned(), ..by_passport("") };
    let taken = ground.intake("leader-0", 0, nameless).await.expect("taken in");
    assert_eq!(taken.person.expect("a person").name, first, "by the passport alone");
    let request = pb::ListPersonsRequest { paper: Some(passport), ..Default::default() };
    let found = ground.screening("duty").persons().list_persons(request).await.expect("a list").into_inner();
    assert_eq!(found.persons.len(), 1);
    assert!(
        found.persons[0].details.as_ref().expect("details").other_papers[0].number.starts_with('*'),
        "masked"
    );
}

#[tokio::test]
async fn i1_an_infant_is_listed_by_the_guardian_s_number() {
    let ground = Ground::build().await;
    let paper = pb::Paper { r#type: pb::PaperType::Infant.into(), number: NUMBER.to_owned() };
    let infant = pb::PersonDetails {
        display_name: "张小样".to_owned(),
        paper: Some(paper.clone()),
        birth_date: "2020-01-02".to_owned(),
        ..Default::default()
    };
    let infant = ground.found(0, infant).await.name;
    ground.found(0, details(NUMBER)).await;
    let request = pb::ListPersonsRequest { paper: Some(paper), ..Default::default() };
    let found = ground.screening("duty").persons().list_persons(request).await.expect("a list").into_inner();
    let found: Vec<_> = found.persons.into_iter().map(|one| one.name).collect();
    assert_eq!(found, [infant]);
}

#[tokio::test]
async fn i1_a_date_that_is_none_or_to_come_is_refused_under_a_right_check_character() {
    let ground = Ground::build().await;
    let number = |body: &str| {
        let check = screening::persons::papers::check(body).map(char::from).expect("digits");
        format!("{body}{check}")
    };
    for (body, about) in
        [("11010519491331002", "no date"), ("11010519490230002", "no date"), ("11010520200204002", "to come")]
    {
        let refused = ground.intake("leader-0", 0, details(&number(body))).await.expect_err(about);
        assert_eq!(fields(&refused), ["person.details.paper.number"], "{about}");
    }
    let born = ground.intake("leader-0", 0, without_papers("2020-02-04")).await.expect_err("to come");
    assert_eq!(fields(&born), ["person.details.birth_date"]);
    ground.intake("leader-0", 0, without_papers("2020-02-03")).await.expect("born today");
    let known = ground.found(0, without_papers("")).await.name;
    let said = pb::PersonDetails { birth_date: "2020-02-04".to_owned(), ..Default::default() };
    let refused = update(&ground, "leader-0", &known, said, &["birth_date"]).await.expect_err("to come");
    assert_eq!(fields(&refused), ["person.details.birth_date"]);
}

#[tokio::test]
async fn p4_whoever_repeats_a_reveal_is_noted_each_time() {
    let ground = Ground::build().await;
    let person = ground.found(0, details(NUMBER)).await.name;
    let request = pb::RevealPersonRequest {
        request_id: request_id(),
        name: person.clone(),
        reason: "the ambulance asks".to_owned(),
    };
    let mut persons = ground.screening("duty-0").persons();
    for _ in 0..3 {
        persons.reveal_person(request.clone()).await.expect("revealed");
    }
    let request = pb::ListAccessesRequest { person, ..Default::default() };
    let accesses = persons.list_accesses(request).await.expect("a list").into_inner().accesses;
    assert_eq!(accesses.iter().filter(|access| access.subject == "duty-0").count(), 3);
}
