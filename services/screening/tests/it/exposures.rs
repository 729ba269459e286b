//! Exposures: contacts of a case are put under observation, chains are followed, and nobody sees the next county's.

use chrono::{DateTime, Utc};
use proto::screening::{self as pb, exposure_item::Contact, exposure_result::Result as Taken};
use tests::{reason, request_id};
use tonic::{Code, Status};

use crate::{
    ground::{Ground, NUMBER, OTHER_NUMBER, details, without_papers},
    watch::on,
};

impl Ground {
    /// Sends contacts as a subject; somebody new is taken in by a grid.
    pub(crate) async fn expose(
        &self,
        subject: &str,
        grid: usize,
        items: Vec<pb::ExposureItem>,
    ) -> Result<Vec<Taken>, Status> {
        let request = pb::IngestExposuresRequest { unit: self.grids[grid].clone(), items };
        let answer = self.screening(subject).exposures().ingest_exposures(request).await?.into_inner();
        Ok(answer.results.into_iter().map(|result| result.result.expect("a result")).collect())
    }

    /// Sends one contact as the leader of a grid, which is taken in.
    pub(crate) async fn exposed(&self, grid: usize, item: pb::ExposureItem) -> pb::AcceptedExposure {
        let taken = self.expose(&format!("leader-{grid}"), grid, vec![item]).await.expect("an answer");
        match taken.into_iter().next() {
            Some(Taken::Accepted(accepted)) => accepted,
            other => panic!("not taken in: {other:?}"),
        }
    }

    async fn traced(&self, subject: &str, person: &str, generations: i32) -> Vec<(i32, String)> {
        let request = pb::TraceContactsRequest { person: person.to_owned(), generations };
        let answer = self.screening(subject).exposures().trace_contacts(request).await.expect("a chain");
        let (mut answer, mut found) = (answer.into_inner(), Vec::new());
        while let Some(part) = answer.message().await.expect("a part") {
            found.extend(
                part.exposures
                    .into_iter()
                    .map(|traced| (traced.generation, traced.exposure.expect("one").contact)),
            );
        }
        found
    }

    /// The figures of contacts of the city, as of the end of a day of February 2020.
    pub(crate) async fn contacts(&self, day: u32) -> pb::CountContactsResponse {
        let request =
            pb::CountContactsRequest { unit: self.sandbox.root.clone(), date: format!("2020-02-{day:02}") };
        self.screening("duty").exposures().count_contacts(request).await.expect("figures").into_inner()
    }
}

/// A contact who lived together with somebody of a list.
pub(crate) fn contact(index: &str, of: Contact, at: DateTime<Utc>) -> pb::ExposureItem {
    pb::ExposureItem {
        event_id: request_id(),
        index: index.to_owned(),
        index_reference: if index.is_empty() { "武汉 12".to_owned() } else { String::new() },
        contact: Some(of),
        kind: pb::ContactKind::LivingTogether.into(),
        first_time: Some(chassis::parse::timestamp(at)),
        ..Default::default()
    }
}

/// Somebody without papers, born on a day.
pub(crate) fn somebody(birth_date: &str) -> Contact {
    Contact::Details(without_papers(birth_date))
}

fn message(result: &Taken) -> (&str, &str) {
    match result {
        Taken::Refused(refused) => (&refused.reason, &refused.message),
        other => panic!("taken in: {other:?}"),
    }
}

#[tokio::test]
async fn r10_r12_a_close_contact_is_put_under_observation_and_a_general_one_is_not() {
    let ground = Ground::build().await;
    let index = ground.found(0, details(NUMBER)).await.name;
    let close = ground.exposed(0, contact("", somebody("1980-01-01"), on(1, "12:00"))).await;
    let observation = ground.observation("leader-0", &close.observation).await.expect("observed");
    assert_eq!(
        (observation.basis(), observation.last_exposure_date.as_str()),
        (pb::Basis::ContactOfCase, "2020-02-01")
    );
    let exposure = close.exposure.expect("an exposure");
    assert!(exposure.close && exposure.dangling, "an exposure to an unknown case is taken in and marked");
    assert_eq!(exposure.window(), pb::ExposureWindow::Unknown);
    // R11, and who was protected: kept apart.
    let general = pb::ExposureItem {
        kind: pb::ContactKind::General.into(),
        ..contact("", somebody("1980-01-02"), on(1, "12:00"))
    };
    let general = ground.exposed(0, general).await;
    assert_eq!((general.observation.as_str(), general.exposure.expect("one").close), ("", false));
    let protected =
        pb::ExposureItem { protected: true, ..contact("", somebody("1980-01-03"), on(1, "12:00")) };
    assert_eq!(ground.exposed(0, protected).await.observation, "");
    // The contacts of a returnee are observed, too; those of a contact are only known.
    let of_returnee = ground.exposed(0, contact(&index, somebody("1980-01-04"), on(1, "12:00"))).await;
    let observation = ground.observation("leader-0", &of_returnee.observation).await.expect("observed");
    assert_eq!(observation.basis(), pb::Basis::ContactOfReturnee);
    let first = of_returnee.exposure.expect("one").contact;
    let second = ground.exposed(0, contact(&first, somebody("1980-01-05"), on(1, "12:00"))).await;
    assert_eq!(second.observation, "");
    // R12: a new exposure moves the end.
    let again = ground.exposed(0, contact("", Contact::Person(first), on(2, "12:00"))).await;
    assert_eq!(again.observation, of_returnee.observation);
    let moved = ground.observation("leader-0", &again.observation).await.expect("observed");
    assert_eq!(moved.last_exposure_date, "2020-02-02");
}

#[tokio::test]
async fn r24_a_contact_whom_two_units_have_counts_once_where_the_first_exposure_is() {
    let ground = Ground::build().await;
    let first = ground.exposed(0, contact("", Contact::Details(details(NUMBER)), on(1, "12:00"))).await;
    let second = ground.exposed(2, contact("", Contact::Details(details(NUMBER)), on(2, "12:00"))).await;
    let [first, second] = [first, second].map(|one| one.exposure.expect("one"));
    assert_ne!(first.contact_unit, second.contact_unit, "nothing is shown to who found them again");
    let figures = ground.contacts(3).await;
    assert_eq!((figures.traced, figures.under_observation), (1, 1));
    let withdraw = pb::WithdrawExposureRequest {
        request_id: request_id(),
        name: first.name,
        reason: "another person was meant".to_owned(),
    };
    ground.screening("leader-0").exposures().withdraw_exposure(withdraw).await.expect("withdrawn");
    let figures = ground.contacts(3).await;
    assert_eq!((figures.traced, figures.under_observation), (1, 1), "now where the other one is");
}

#[tokio::test]
async fn sent_again_an_exposure_meets_itself_and_what_is_wrong_with_one_stops_no_other() {
    let ground = Ground::build().await;
    let index = ground.found(0, details(NUMBER)).await.name;
    let sound = contact(&index, somebody("1980-01-01"), on(1, "12:00"));
    let items = vec![
        sound.clone(),
        contact(&index, Contact::Person(index.clone()), on(1, "12:00")),
        pb::ExposureItem {
            last_time: Some(chassis::parse::timestamp(on(1, "11:00"))),
            ..contact(&index, somebody("1980-01-02"), on(1, "12:00"))
        },
        contact(&index, somebody("1980-01-03"), on(4, "12:00")),
        contact(&index, Contact::Person(format!("persons/{}", request_id())), on(1, "12:00")),
        // The index again, by paper.
        contact(&index, Contact::Details(details(NUMBER)), on(1, "12:00")),
    ];
    let taken = ground.expose("leader-0", 0, items).await.expect("an answer");
    let Taken::Accepted(first) = &taken[0] else { panic!("{:?}", taken[0]) };
    assert!(message(&taken[1]).1.contains("another person than the index"), "{taken:?}");
    assert!(message(&taken[2]).1.starts_with("items[2].last_time"), "{taken:?}");
    assert!(message(&taken[3]).1.contains("future"), "{taken:?}");
    assert_eq!(message(&taken[4]).0, "NOT_FOUND");
    assert!(message(&taken[5]).1.contains("another person than the index"), "{taken:?}");
    let other = pb::ExposureItem { contact: Some(somebody("1980-01-09")), ..sound.clone() };
    let other = ground.expose("leader-0", 0, vec![other]).await.expect("an answer").remove(0);
    assert_eq!(message(&other).0, "EVENT_ID_REUSED", "another contact under the same id");
    let again = ground.expose("leader-0", 0, vec![sound]).await.expect("an answer").remove(0);
    assert_eq!(again, Taken::Duplicate(first.exposure.as_ref().expect("one").name.clone()));
    let unsaid = pb::IngestExposuresRequest {
        unit: String::new(),
        items: vec![contact(&index, somebody(""), on(1, "12:00"))],
    };
    let refused = ground.screening("leader-0").exposures().ingest_exposures(unsaid).await;
    assert_eq!(refused.expect_err("nobody takes in").code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_dangling_exposure_is_listed_until_it_is_linked_and_one_that_never_was_is_taken_back() {
    let ground = Ground::build().await;
    let exposed = ground.exposed(0, contact("", somebody("1980-01-01"), on(1, "12:00"))).await;
    let name = exposed.exposure.expect("one").name;
    let list = async |dangling: bool| {
        let request = pb::ListExposuresRequest { dangling, ..Default::default() };
        let answer = ground.screening("duty-0").exposures().list_exposures(request).await.expect("a list");
        answer.into_inner().exposures
    };
    assert_eq!(list(true).await.len(), 1);
    let index = ground.found(1, details(NUMBER)).await.name;
    let link = async |index: &str| {
        let (request_id, name, index) = (request_id(), name.clone(), index.to_owned());
        ground
            .screening("duty-0")
            .exposures()
            .link_exposure(pb::LinkExposureRequest { request_id, name, index })
            .await
    };
    let linked = link(&index).await.expect("linked").into_inner().exposure.expect("one");
    assert_eq!((linked.index.as_str(), linked.dangling), (index.as_str(), false));
    assert!(list(true).await.is_empty());
    let refused = link(&index).await.expect_err("linked before");
    assert_eq!((refused.code(), reason(&refused)), (Code::FailedPrecondition, "EXPOSURE_STATE".to_owned()));
    let withdrawn = pb::WithdrawExposureRequest {
        request_id: request_id(),
        name: name.clone(),
        reason: "another family".to_owned(),
    };
    ground.screening("duty-0").exposures().withdraw_exposure(withdrawn).await.expect("taken back");
    assert!(ground.traced("duty-0", &index, 3).await.is_empty());
    assert!(list(false).await[0].withdraw_time.is_some(), "kept");
}

#[tokio::test]
async fn a_chain_is_followed_by_generations_through_those_one_may_see() {
    let ground = Ground::build().await;
    let mut chain = vec![ground.found(0, details(NUMBER)).await.name];
    for day in 1..=3 {
        let of = somebody(&format!("1980-01-{day:02}"));
        let next = ground.exposed(0, contact(chain.last().expect("one"), of, on(1, "12:00"))).await;
        chain.push(next.exposure.expect("one").contact);
    }
    // And around again: no chain is endless.
    ground.exposed(0, contact(&chain[3], Contact::Person(chain[0].clone()), on(1, "12:00"))).await;
    let names = |found: &[(i32, String)]| found.iter().map(|one| one.1.clone()).collect::<Vec<_>>();
    let found = ground.traced("leader-0", &chain[0], 2).await;
    assert_eq!(names(&found), chain[1..3]);
    assert_eq!(found.iter().map(|one| one.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(ground.traced("leader-0", &chain[0], 10).await.len(), 4);
    // One whom the next county has is told by number, and not followed.
    let item = contact(&chain[0], Contact::Details(details(OTHER_NUMBER)), on(1, "12:00"));
    let far = ground.expose("duty", 2, vec![item]).await.expect("an answer").remove(0);
    let Taken::Accepted(far) = far else { panic!("{far:?}") };
    let far = far.exposure.expect("one");
    ground
        .expose("duty", 2, vec![contact(&far.contact, somebody("1990-01-01"), on(1, "12:00"))])
        .await
        .expect("an answer");
    let seen = ground.traced("leader-0", &chain[0], 10).await;
    assert_eq!(seen.iter().filter(|one| one.1.is_empty()).count(), 1, "{seen:?}");
    assert_eq!((seen.len(), ground.traced("duty", &chain[0], 10).await.len()), (5, 6));
    let hidden = pb::TraceContactsRequest { person: chain[0].clone(), generations: 1 };
    let answer = ground.screening("leader-2").exposures().trace_contacts(hidden).await;
    let refused = match answer {
        Ok(answer) => answer.into_inner().message().await.expect_err("another's person is absent"),
        Err(status) => status,
    };
    assert_eq!(refused.code(), Code::NotFound);
    let other_side = pb::GetExposureRequest { name: far.name };
    let shown = ground.screening("leader-2").exposures().get_exposure(other_side).await.expect("its contact");
    let shown = shown.into_inner().exposure.expect("one");
    assert_eq!((shown.index.as_str(), shown.dangling, shown.contact), ("", false, far.contact));
}

#[tokio::test]
async fn traced_is_released_and_converted_and_observed_and_lost_by_construction() {
    let ground = Ground::build().await;
    let mut observations = Vec::new();
    for day in 1..=4 {
        let of = somebody(&format!("1980-01-{day:02}"));
        observations.push(ground.exposed(0, contact("", of, on(1, "12:00"))).await.observation);
    }
    let screening = ground.screening("duty-0");
    let lost = pb::LoseObservationRequest {
        request_id: request_id(),
        name: observations[0].clone(),
        reason: "nobody opens".to_owned(),
    };
    screening.observations().lose_observation(lost).await.expect("lost");
    let end = async |nth: usize, ending: pb::Ending| {
        let request = pb::EndObservationRequest {
            request_id: request_id(),
            name: observations[nth].clone(),
            ending: ending.into(),
            reason: "a test".to_owned(),
        };
        screening.observations().end_observation(request).await.expect("ended");
    };
    end(1, pb::Ending::Converted).await;
    end(2, pb::Ending::Voided).await;
    let now = ground.contacts(3).await;
    assert_eq!((now.traced, now.converted, now.under_observation, now.lost, now.apart), (3, 1, 1, 1, 1));
    let before = ground.contacts(2).await;
    assert_eq!((before.traced, before.apart), (0, 0), "as of the day before, nobody was known");
}
