//! Two counties: what most tests play on.

use proto::{registry, screening as pb};
use rampart::client::Screening;
use tests::{Sandbox, new_appointment, request_id};
use tonic::Status;

/// The standard's own example of an identity number (GB 11643): nobody's.
pub(crate) const NUMBER: &str = "11010519491231002X";
/// Another one.
pub(crate) const OTHER_NUMBER: &str = "440524188001010014";
/// Nobody's phone.
pub(crate) const PHONE: &str = "13900001234";

/// Everything of a list, page after page, each by the token of the one before.
pub(crate) async fn all_pages<T>(mut page: impl AsyncFnMut(String) -> (Vec<T>, String)) -> Vec<T> {
    let (mut all, mut token) = (Vec::new(), String::new());
    loop {
        let (found, next) = page(token).await;
        all.extend(found);
        if next.is_empty() {
            return all;
        }
        token = next;
    }
}

/// A city of two counties, each with a village; the first village has two grids, the second one.
pub(crate) struct Ground {
    pub(crate) sandbox: Sandbox,
    pub(crate) counties: Vec<String>,
    pub(crate) grids: Vec<String>,
}

impl Ground {
    /// Builds it: grid n has the leader `leader-n`, county n the duty officer `duty-n`, the city the duty
    /// officer `duty`.
    pub(crate) async fn build() -> Self {
        Self::on(Sandbox::start(&[tests::Part::Screening]).await).await
    }

    /// The same in a sandbox.
    pub(crate) async fn on(sandbox: Sandbox) -> Self {
        let mut ground = Self { counties: vec![], grids: vec![], sandbox };
        let sandbox = &ground.sandbox;
        for (county, grids) in [("甲县", 2), ("乙县", 1)] {
            let county = sandbox.unit(&sandbox.root, registry::Level::County, county).await.name;
            let village = sandbox.unit(&county, registry::Level::Village, "村").await.name;
            for grid in 0..grids {
                let name = format!("第{grid}网格");
                ground.grids.push(sandbox.unit(&village, registry::Level::Grid, &name).await.name);
            }
            ground.counties.push(county);
        }
        sandbox.appointed(&sandbox.root, registry::Office::DutyOfficer, "duty").await;
        for (nth, county) in ground.counties.iter().enumerate() {
            sandbox.appointed(county, registry::Office::DutyOfficer, &format!("duty-{nth}")).await;
        }
        for (nth, grid) in ground.grids.iter().enumerate() {
            sandbox.appointed(grid, registry::Office::Leader, &format!("leader-{nth}")).await;
        }
        // The tree and the appointments come by feeds of their own.
        let last = pb::ListPersonsRequest { ancestor_unit: ground.grids[2].clone(), ..Default::default() };
        tests::until(async || ground.screening("leader-2").persons().list_persons(last.clone()).await.ok())
            .await;
        ground
    }

    /// Waits until screening knows a subject's appointment.
    pub(crate) async fn known(&self, subject: &str) {
        let request = pb::ListPersonsRequest::default();
        tests::until(async || {
            self.sandbox.screening_as(subject).persons().list_persons(request.clone()).await.ok()
        })
        .await;
    }

    /// Appoints a deputy in some offices at a unit, and waits until screening knows it.
    pub(crate) async fn deputy(&self, unit: &str, offices: &[registry::Office], subject: &str) {
        let officer = self.sandbox.officer(unit, subject).await.name;
        for office in offices {
            let mut appointment = new_appointment(&officer, unit, *office);
            appointment.holding = registry::Holding::Deputy.into();
            let request =
                registry::AppointRequest { request_id: request_id(), appointment: Some(appointment) };
            self.sandbox.registry().appointments().appoint(request).await.expect("appointed");
        }
        self.known(subject).await;
    }

    /// Screening as a subject.
    pub(crate) fn screening(&self, subject: &str) -> Screening {
        self.sandbox.screening_as(subject)
    }

    /// Takes in a person at a grid as a subject.
    pub(crate) async fn intake(
        &self,
        subject: &str,
        grid: usize,
        details: pb::PersonDetails,
    ) -> Result<pb::IntakePersonResponse, Status> {
        let request = pb::IntakePersonRequest {
            request_id: request_id(),
            person: Some(person(&self.grids[grid], details)),
            source: "sweep".to_owned(),
        };
        Ok(self.screening(subject).persons().intake_person(request).await?.into_inner())
    }

    /// Takes in a person at a grid as its leader; answers the person.
    pub(crate) async fn found(&self, grid: usize, details: pb::PersonDetails) -> pb::Person {
        let taken = self.intake(&format!("leader-{grid}"), grid, details).await.expect("taken in");
        taken.person.expect("a person")
    }

    /// A person as a subject sees them.
    pub(crate) async fn get(&self, subject: &str, name: &str) -> Result<pb::Person, Status> {
        let request = pb::GetPersonRequest { name: name.to_owned() };
        let found = self.screening(subject).persons().get_person(request).await?;
        Ok(found.into_inner().person.expect("a person"))
    }

    /// The unit above a grid.
    pub(crate) async fn village(&self, grid: usize) -> String {
        let request = registry::GetUnitRequest { name: self.grids[grid].clone(), as_of: String::new() };
        let unit = self.sandbox.registry().units().get_unit(request).await.expect("a unit").into_inner().unit;
        unit.expect("a unit").parent_unit
    }

    /// Closes a grid on 3 February.
    pub(crate) async fn close(&self, grid: usize) {
        self.change(grid, closed(), &["status"]).await;
    }

    /// Closes a grid on 3 February into another one, and waits until screening has heard of it.
    pub(crate) async fn close_into(&self, grid: usize, successor: usize) {
        let unit = registry::Unit { successor_units: vec![self.grids[successor].clone()], ..closed() };
        self.change(grid, unit, &["status", "successor_units"]).await;
        self.gone(grid).await;
    }

    /// Waits until screening has heard that a grid is closed.
    pub(crate) async fn gone(&self, grid: usize) {
        let request =
            pb::ListPersonsRequest { ancestor_unit: self.grids[grid].clone(), ..Default::default() };
        let duty = self.screening("duty");
        tests::until(async || duty.persons().list_persons(request.clone()).await.is_err().then_some(()))
            .await;
    }

    /// Changes a grid from 3 February on.
    pub(crate) async fn change(&self, grid: usize, unit: registry::Unit, mask: &[&str]) {
        let paths = mask.iter().map(|path| (*path).to_owned()).collect();
        let request = registry::UpdateUnitRequest {
            request_id: request_id(),
            unit: Some(registry::Unit { name: self.grids[grid].clone(), ..unit }),
            update_mask: Some(prost_types::FieldMask { paths }),
            effective_date: "2020-02-03".to_owned(),
            ..Default::default()
        };
        self.sandbox.registry().units().update_unit(request).await.expect("changed");
    }

    /// Says as a subject which unit takes the person of the first open question.
    pub(crate) async fn agree(&self, subject: &str, grid: usize) {
        let name = self.questions(subject).await.remove(0).name;
        let request =
            pb::AgreeHandsRequest { request_id: request_id(), name, unit: self.grids[grid].clone() };
        self.screening(subject).hands().agree_hands(request).await.expect("agreed");
    }

    /// The open questions that a subject sees.
    pub(crate) async fn questions(&self, subject: &str) -> Vec<pb::HandsQuestion> {
        let request = pb::ListHandsQuestionsRequest::default();
        let found = self.screening(subject).hands().list_hands_questions(request).await.expect("a list");
        found.into_inner().questions
    }
}

fn closed() -> registry::Unit {
    registry::Unit { status: registry::UnitStatus::Closed.into(), ..Default::default() }
}

/// What is said of a person with an identity card, a phone and an address.
pub(crate) fn details(number: &str) -> pb::PersonDetails {
    pb::PersonDetails {
        display_name: "张样例".to_owned(),
        paper: Some(pb::Paper { r#type: pb::PaperType::IdentityCard.into(), number: number.to_owned() }),
        phones: vec![PHONE.to_owned()],
        address: "样例街一号".to_owned(),
        ..Default::default()
    }
}

/// What is said of a person without papers.
pub(crate) fn without_papers(birth_date: &str) -> pb::PersonDetails {
    pb::PersonDetails { paper: None, birth_date: birth_date.to_owned(), ..details("") }
}

/// A returnee in a unit's hands.
pub(crate) fn person(unit: &str, details: pb::PersonDetails) -> pb::Person {
    pb::Person {
        details: Some(details),
        responsible_unit: unit.to_owned(),
        purpose: pb::Purpose::Returnee.into(),
        ..Default::default()
    }
}
