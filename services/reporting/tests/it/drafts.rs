//! Drafts: what the registers know is filled in, and a difference is explained or listed (D7).

use proto::{reporting as pb, screening};
use tests::{Part, Sandbox, fields, request_id, until};
use tonic::Code;

use crate::town::{DATE, Town, at, field, grid_day, said, submit};

impl Town {
    /// Takes in somebody without papers at a grid, as its leader, and puts them under observation; answers the
    /// observation.
    async fn returnee(&self, grid: usize, birth_date: &str) -> String {
        let leader = self.sandbox.screening_as(&format!("leader-{grid}"));
        let details = screening::PersonDetails {
            display_name: "张样例".to_owned(),
            birth_date: birth_date.to_owned(),
            ..Default::default()
        };
        let person = screening::Person {
            details: Some(details),
            responsible_unit: self.grids[grid].clone(),
            purpose: screening::Purpose::Returnee.into(),
            ..Default::default()
        };
        let request = screening::IntakePersonRequest {
            request_id: request_id(),
            person: Some(person),
            source: "sweep".to_owned(),
        };
        // Screening hears of the tree and the appointments in its own time.
        let taken = until(async || leader.persons().intake_person(request.clone()).await.ok()).await;
        let observation = screening::Observation {
            person: taken.into_inner().person.expect("a person").name,
            basis: screening::Basis::Returnee.into(),
            last_exposure_date: "2020-02-02".to_owned(),
            ..Default::default()
        };
        let request =
            screening::OpenObservationRequest { request_id: request_id(), observation: Some(observation) };
        let opened = leader.observations().open_observation(request).await.expect("opened");
        opened.into_inner().observation.expect("an observation").name
    }

    /// The draft of a unit's report as a subject.
    async fn draft(
        &self,
        subject: &str,
        form: &str,
        unit: &str,
    ) -> Result<pb::DraftReportResponse, tonic::Status> {
        let request = pb::DraftReportRequest {
            form: form.to_owned(),
            business_date: DATE.to_owned(),
            unit: unit.to_owned(),
            slot: String::new(),
        };
        Ok(self.sandbox.reporting_as(subject).reports().draft_report(request).await?.into_inner())
    }

    /// Waits until a draft has a figure.
    async fn drafts(&self, form: &str, unit: &str, key: &str, figure: i64) -> pb::DraftReportResponse {
        until(async || {
            let draft = self.draft("duty", form, unit).await.expect("a draft");
            (draft.figures.get(key) == Some(&figure)).then_some(draft)
        })
        .await
    }

    /// Where reports of a form say otherwise than the registers: the unit, what was said, registered and explained.
    async fn differences(&self, form: &str, unexplained: bool) -> Vec<(String, i64, i64, String)> {
        let request = pb::ListDifferencesRequest {
            form: form.to_owned(),
            business_date: DATE.to_owned(),
            unexplained,
            ..Default::default()
        };
        let found = self.sandbox.reporting_as("duty").reports().list_differences(request).await;
        let found = found.expect("a list").into_inner().differences.into_iter();
        found.map(|one| (one.unit, one.said, one.registered, one.explanation)).collect()
    }
}

/// The grid day, its returnees and febrile filled by the registers.
fn drafted_day() -> pb::Form {
    let mut form = grid_day();
    form.fields.push(pb::Field {
        indicator: "screening.returnees".to_owned(),
        ..field("returnees", pb::FieldKind::Stock)
    });
    for field in &mut form.fields {
        if field.key == "febrile" {
            field.indicator = "screening.febrile_found".to_owned();
        }
    }
    form
}

#[tokio::test]
async fn d7_a_report_is_filled_from_the_registers_and_confirmed() {
    let town = Town::build_in(Sandbox::start(&[Part::Screening, Part::Reporting]).await).await;
    let form = town.form(drafted_day()).await;
    let observation = town.returnee(0, "1980-01-01").await;
    town.returnee(0, "1980-01-02").await;
    let reading = screening::Reading {
        event_id: request_id(),
        observation,
        taken_time: Some(chassis::parse::timestamp(town.sandbox.clock.now())),
        kind: screening::ReadingKind::Taken.into(),
        temperature: 38.4,
        ..Default::default()
    };
    let request = screening::IngestReadingsRequest { readings: vec![reading] };
    town.sandbox.screening_as("leader-0").readings().ingest_readings(request).await.expect("taken in");
    let draft = town.drafts(&form.name, &town.grids[0], "febrile", 1).await;
    assert_eq!(draft.figures["returnees"], 2);
    assert_eq!(draft.to_be_said, ["households", "at_home"], "what the reporter alone knows");
    assert!(draft.heard_time.is_some() && !draft.stale && draft.unfilled.is_empty());
    assert_eq!(draft.report.expect("a report").timing(), pb::Timing::Due);
    let other = town.draft("reporter-1", &form.name, &town.grids[1]).await.expect("a draft");
    assert_eq!((other.figures["returnees"], other.figures["febrile"]), (0, 0), "nobody is a figure, too");

    let mut report = said(&form.name, &town.grids[0], &[("households", 40), ("at_home", 2)]);
    report.figures.extend(draft.figures);
    let accepted = submit(&town.sandbox.reporting_as("reporter-0"), report).await.expect("taken in");
    assert!(accepted.warnings.is_empty(), "{:?}", accepted.warnings);
    assert!(town.differences(&form.name, false).await.is_empty());
}

#[tokio::test]
async fn d7_a_difference_is_taken_in_warned_of_and_listed_until_it_is_explained() {
    let town = Town::build_in(Sandbox::start(&[Part::Screening, Part::Reporting]).await).await;
    let form = town.form(drafted_day()).await;
    town.returnee(0, "1980-01-01").await;
    town.drafts(&form.name, &town.grids[0], "returnees", 1).await;
    let reporter = town.sandbox.reporting_as("reporter-0");
    let figures = [("households", 40), ("at_home", 2), ("returnees", 3), ("febrile", 0)];
    let report = said(&form.name, &town.grids[0], &figures);
    let accepted = submit(&reporter, report.clone()).await.expect("a fact is taken in");
    assert_eq!(accepted.warnings.len(), 1);
    assert!(accepted.warnings[0].starts_with("returnees: 3 was said, the registers have 1"), "{accepted:?}");
    let unexplained = (town.grids[0].clone(), 3, 1, String::new());
    assert_eq!(town.differences(&form.name, true).await, [unexplained]);

    let words = "two came an hour ago and are being taken in";
    let mut explained = pb::SubmitReportRequest { request_id: request_id(), ..report.clone() };
    explained.explanations.insert("returnees".to_owned(), words.to_owned());
    let accepted = submit(&reporter, explained).await.expect("taken in");
    assert!(accepted.warnings.is_empty());
    assert!(town.differences(&form.name, true).await.is_empty());
    assert_eq!(town.differences(&form.name, false).await, [(town.grids[0].clone(), 3, 1, words.to_owned())]);
    let request = pb::GetReportRequest { name: accepted.report };
    let revisions = town.sandbox.reporting().reports().get_report(request).await.expect("a report");
    let revisions = revisions.into_inner().report.expect("a report").revisions;
    let words: Vec<_> = revisions.iter().map(|revision| revision.explanations.len()).collect();
    assert_eq!(words, [0, 1], "an explanation is the revision's");

    let mut wrong = pb::SubmitReportRequest { request_id: request_id(), ..report };
    wrong.explanations.insert("at_home".to_owned(), "no register fills it".to_owned());
    let refused = submit(&reporter, wrong).await.expect_err("nothing to explain");
    assert_eq!(fields(&refused), ["explanations[\"at_home\"]"]);
}

#[tokio::test]
async fn a_draft_of_a_unit_above_is_the_sum_of_everything_below_it_on_the_day_s_tree() {
    let town = Town::build_in(Sandbox::start(&[Part::Screening, Part::Reporting]).await).await;
    let mut form = drafted_day();
    form.level = proto::registry::Level::County.into();
    let form = town.form(form).await;
    for (grid, birth_date) in [(0, "1980-01-01"), (1, "1980-01-02"), (2, "1980-01-03"), (4, "1980-01-04")] {
        town.returnee(grid, birth_date).await;
    }
    town.drafts(&form.name, &town.counties[0], "returnees", 3).await;
    town.drafts(&form.name, &town.counties[1], "returnees", 1).await;
    let refused = town.draft("reporter-4", &form.name, &town.counties[0]).await;
    assert_eq!(refused.expect_err("another county's").code(), Code::NotFound);
}

#[tokio::test]
async fn without_screening_a_draft_says_of_when_it_is() {
    let mut town = Town::build_in(Sandbox::start(&[Part::Screening, Part::Reporting]).await).await;
    let form = town.form(drafted_day()).await;
    town.returnee(0, "1980-01-01").await;
    town.drafts(&form.name, &town.grids[0], "returnees", 1).await;
    town.sandbox.stack().stop_service("screening").await.expect("stopped");
    let mut sql = town.sandbox.sql().await;
    let hour = "UPDATE reporting.followed SET heard_at = heard_at - interval '1 hour' WHERE topic = 'screening/figure'";
    until(async || {
        sqlx::query(hour).execute(&mut sql).await.expect("an hour ago");
        let draft = town.draft("duty", &form.name, &town.grids[0]).await.expect("a draft");
        (draft.stale && draft.figures["returnees"] == 1).then_some(())
    })
    .await;
    // What happened meanwhile comes when screening is back.
    town.sandbox.stack().start_screening().await.expect("back");
    town.sandbox.clock.advance_to(at("10:00"));
}

#[tokio::test]
async fn an_indicator_must_be_one_and_fit_its_field() {
    let town = Town::build_in(Sandbox::start(&[Part::Screening, Part::Reporting]).await).await;
    let mut form = drafted_day();
    form.fields[0].indicator = "screening.confirmed".to_owned();
    form.fields[1].indicator = "screening.households".to_owned();
    let request = pb::CreateFormRequest { request_id: request_id(), form: Some(form) };
    let refused = town.sandbox.reporting().forms().create_form(request).await.expect_err("refused");
    let found = fields(&refused);
    assert_eq!(found, ["form.fields[0].indicator", "form.fields[1].indicator"]);
}
