//! What lives have to do with one another, and with those who follow them up.

use super::*;

impl Lives {
    pub(super) async fn merge(&mut self, one: u8, other: u8) {
        let (Some(kept), Some(merged)) = (self.somebody(one), self.somebody(other)) else { return };
        if kept != merged {
            let reason = "a life".to_owned();
            let request = pb::MergePersonsRequest { request_id: request_id(), kept, merged, reason };
            answered(self.ground.screening("duty").persons().merge_persons(request).await);
        }
    }

    /// Somebody, often one who has only just turned up, need not be followed up any more, and the date until which they are
    /// kept has passed: once nothing holds them, they are erased (P2).
    pub(super) async fn expire(&mut self, nth: u8, grid: u8) -> bool {
        if nth.is_multiple_of(2) {
            // Without papers: nobody else.
            self.turn_up(u8::MAX, grid).await;
        }
        let Some(name) = self.somebody(if nth.is_multiple_of(2) { 0 } else { nth }) else { return false };
        let id: uuid::Uuid = name.trim_start_matches("persons/").parse().expect("a name");
        let reason = "a life".to_owned();
        let request = pb::WaiveFollowUpRequest { request_id: request_id(), name, reason };
        answered(self.ground.screening("duty").persons().waive_follow_up(request).await);
        let expire = "UPDATE screening.person SET delete_after = $2 WHERE delete_after IS NOT NULL AND erased_at IS NULL
             AND same_as = (SELECT same_as FROM screening.person WHERE id = $1)";
        let yesterday = self.ground.sandbox.clock.today() - chrono::Days::new(1);
        let mut sql = self.ground.sandbox.sql().await;
        let expired = sqlx::query(expire).bind(id).bind(yesterday).execute(&mut sql).await.expect("expired");
        expired.rows_affected() > 0
    }

    /// How many persons were erased so far.
    pub(super) async fn erased(&self) -> i64 {
        let mut sql = self.ground.sandbox.sql().await;
        let count = sqlx::query_scalar("SELECT count(*) FROM screening.erasure");
        count.fetch_one(&mut sql).await.expect("a count")
    }

    /// A command centre says from today on how long and how often persons are observed, or the response level.
    pub(super) async fn order(&mut self, one: u8, other: u8) {
        let area_unit = self.ground.counties[usize::from(one) % 2].clone();
        let effective_date = self.ground.sandbox.clock.today().to_string();
        let (request_id, order) = (request_id(), "an order".to_owned());
        let mut schedules = self.ground.screening("duty").schedules();
        let level = 1 + i32::from(other % 2);
        if one.is_multiple_of(5) {
            let request = pb::SetResponseLevelRequest { request_id, area_unit, level, effective_date, order };
            schedules.set_response_level(request).await.expect("said");
        } else {
            let request = pb::SetObservationTermsRequest {
                request_id,
                area_unit,
                response_level: level,
                effective_date,
                basis: pb::Basis::Unspecified.into(),
                days: 1 + i32::from(other % 20),
                slots_a_day: 1 + i32::from(one % 4),
                order,
                recheck_weeks: vec![],
            };
            schedules.set_observation_terms(request).await.expect("set");
        }
    }

    pub(super) async fn agree(&mut self, nth: u8) {
        if let Some(question) = self.ground.questions("duty").await.into_iter().next() {
            let unit = if nth.is_multiple_of(2) { question.holding_unit } else { question.finding_unit };
            let request = pb::AgreeHandsRequest { request_id: request_id(), name: question.name, unit };
            answered(self.ground.screening("duty").hands().agree_hands(request).await);
        }
    }

    pub(super) fn handdown(&self, nth: u8) -> Option<String> {
        lately(&self.handdowns, nth).cloned()
    }

    /// Somebody is handed down, and everything that was gathered is sent.
    pub(super) async fn hand_down(&mut self, nth: u8, unit: u8) {
        let Some(person) = self.somebody(nth) else { return };
        let mut handdowns = self.ground.screening("duty").handdowns();
        let units: Vec<_> = self.ground.grids.iter().chain(&self.ground.counties).cloned().collect();
        let request = pb::CreateHanddownRequest {
            request_id: request_id(),
            person,
            to_unit: units[usize::from(unit) % units.len()].clone(),
            urgent: unit.is_multiple_of(3),
            source: None,
        };
        match handdowns.create_handdown(request.clone()).await {
            Ok(answer) => {
                let answer = answer.into_inner();
                self.handdowns.extend(answer.handdown.clone().map(|handdown| handdown.name));
                self.asked.push(Asked::Handdown(request, answer));
            }
            Err(status) => assert!(status.message().contains("itself"), "{status:?}"),
        }
        let from_unit = units[usize::from(nth) % units.len()].clone();
        let request = pb::SendHanddownsRequest { request_id: request_id(), from_unit };
        answered(handdowns.send_handdowns(request).await);
    }

    pub(super) async fn take_over(&mut self, nth: u8) {
        let Some(name) = self.handdown(nth) else { return };
        let request = pb::AcknowledgeHanddownsRequest { request_id: request_id(), names: vec![name] };
        let taken = self.ground.screening("duty").handdowns().acknowledge_handdowns(request).await;
        let taken = answered(taken).into_iter().flat_map(|answer| answer.handdowns);
        self.handdowns.extend(taken.map(|taken| taken.next).filter(|next| !next.is_empty()));
    }

    pub(super) async fn verify(&mut self, nth: u8, how: u8) {
        let Some(name) = self.handdown(nth) else { return };
        let to = [&self.ground.grids[usize::from(how) % 3], ""][usize::from(how % 4 < 3)];
        let request = pb::VerifyHanddownRequest {
            request_id: request_id(),
            name,
            outcome: i32::from(how % 4) + 1,
            to_unit: if how % 4 == 2 {
                self.ground.grids[usize::from(how) % 3].clone()
            } else {
                to.to_owned()
            },
            evidence: "a life".to_owned(),
            ..Default::default()
        };
        match self.ground.screening("doctor").handdowns().verify_handdown(request).await {
            Ok(answer) => self.handdowns.extend(answer.into_inner().next.map(|next| next.name)),
            Err(status) if status.message().contains("itself") => {}
            Err(status) => drop(answered::<()>(Err(status))),
        }
    }

    /// Two of them met.
    pub(super) async fn meet(&mut self, one: u8, other: u8) {
        let (Some(index), Some(person)) = (self.somebody(one), self.somebody(other)) else { return };
        let at = self.ground.sandbox.clock.now() - chrono::TimeDelta::hours(i64::from(other) * 3);
        let item = contact(&index, Contact::Person(person), at);
        let results = self.ground.expose("duty", 0, vec![item.clone()]).await.expect("an answer");
        match &results[..] {
            [exposure_result::Result::Refused(refused)] => {
                assert!(refused.message.contains("another person"), "{refused:?}");
            }
            _ => self.asked.push(Asked::Exposure(item)),
        }
    }

    /// Somebody is tested, and looked at as a case; what becomes of it is decided.
    pub(super) async fn decide(&mut self, nth: u8, how: u8) {
        let Some(person) = self.somebody(nth) else { return };
        let doctor = self.ground.screening("doctor");
        let taken = self.ground.sandbox.clock.now() - chrono::TimeDelta::hours(30 * i64::from(how % 2));
        let result = pb::Result {
            person: person.clone(),
            kind: pb::TestKind::Pcr.into(),
            outcome: i32::from(how % 3) + 1,
            taken_time: Some(chassis::parse::timestamp(taken)),
            laboratory: "a life".to_owned(),
            ..Default::default()
        };
        let request = pb::RecordResultRequest { request_id: request_id(), result: Some(result) };
        let recorded = answered(doctor.results().record_result(request.clone()).await);
        let result = recorded.as_ref().and_then(|answer| answer.result.clone());
        self.asked.extend(recorded.map(|answer| Asked::Result(request, answer)));
        let case = pb::Case { person, links: vec![1], signs: vec![1, 2], ..Default::default() };
        let request = pb::OpenCaseRequest { request_id: request_id(), case: Some(case) };
        let case = answered(doctor.cases().open_case(request).await).and_then(|answer| answer.case);
        let Some(case) = case else { return };
        let request = pb::ClassifyCaseRequest {
            request_id: request_id(),
            name: case.name,
            state: i32::from(how % 11) + 1,
            result: result.map(|result| result.name).unwrap_or_default(),
            r#override: true,
            reason: "a life".to_owned(),
            ..Default::default()
        };
        answered(doctor.cases().classify_case(request).await);
    }

    /// Two of them live together from today on.
    pub(super) async fn move_in(&mut self, one: u8, other: u8) {
        let (Some(one), Some(other)) = (self.somebody(one), self.somebody(other)) else { return };
        let persons = vec![one, other];
        let unit = self.ground.counties[0].clone();
        let request =
            pb::CreateHomeRequest { request_id: request_id(), unit, persons, start_date: String::new() };
        answered(self.ground.screening("duty").homes().create_home(request).await);
    }

    pub(super) fn somebody(&self, nth: u8) -> Option<String> {
        lately(&self.persons, nth).cloned()
    }

    /// A hospital takes somebody in, or lets them go; some are told late, or of somebody nobody watches over.
    pub(super) async fn hospital(&mut self, nth: u8, how: u8) {
        let Some(person) = self.somebody(nth) else { return };
        let doctor = self.ground.screening("doctor");
        let at = self.ground.sandbox.clock.now() - chrono::TimeDelta::hours(i64::from(how % 3) * 5);
        let admission =
            pb::Admission { person, facility: format!("样例医院{}", how % 2), ..Default::default() };
        let at = Some(chassis::parse::timestamp(at));
        let request_id = request_id();
        if how.is_multiple_of(2) {
            let admission = Some(pb::Admission { admit_time: at, ..admission });
            let request = pb::RecordAdmissionRequest { request_id, admission };
            answered(doctor.admissions().record_admission(request).await);
        } else {
            let home_unit = if how % 4 == 1 {
                self.ground.grids[usize::from(how / 4) % 3].clone()
            } else {
                String::new()
            };
            let destination =
                if how % 8 == 3 { pb::Destination::Facility } else { pb::Destination::Home }.into();
            let admission = Some(pb::Admission { discharge_time: at, destination, home_unit, ..admission });
            let request = pb::RecordDischargeRequest { request_id, admission };
            answered(doctor.admissions().record_discharge(request).await);
        }
    }

    /// Somebody is referred by hand, and a facility answers the oldest referral.
    pub(super) async fn answer(&mut self, nth: u8, how: u8) {
        let Some(person) = self.somebody(nth) else { return };
        let mut referrals = self.ground.screening("doctor").referrals();
        if how.is_multiple_of(3) {
            let referral = Some(pb::Referral { person, temperature: 38.1, ..Default::default() });
            let request = pb::CreateReferralRequest { request_id: request_id(), referral };
            let made = answered(referrals.create_referral(request.clone()).await);
            self.asked.extend(made.map(|made| Asked::Referral(request, made)));
        }
        let list = pb::ListReferralsRequest { page_size: 1, ..Default::default() };
        let open = referrals.list_referrals(list).await.expect("a list").into_inner().referrals;
        let Some(open) = open.into_iter().next() else { return };
        let answer = i32::from(how % 5) + 1;
        let request = pb::AnswerReferralRequest {
            request_id: request_id(),
            name: open.name,
            answer,
            facility: "样例卫生院".to_owned(),
            next_facility: if answer == 3 { "样例医院".to_owned() } else { String::new() },
        };
        answered(referrals.answer_referral(request).await);
    }

    /// A list comes from the city.
    pub(super) async fn list(&mut self, who: u8, grid: u8) {
        let to_unit = self.ground.grids[usize::from(grid) % 3].clone();
        let (event_id, details) = (request_id(), Some(self.details(who, true)));
        let item = pb::HanddownItem { event_id, details, to_unit, ..Default::default() };
        let result = self.send_list(&item).await;
        if let handdown_result::Result::Accepted(accepted) = result {
            self.handdowns.extend(accepted.handdown.map(|handdown| handdown.name));
            self.asked.push(Asked::List(item));
        }
    }

    pub(super) async fn send_list(&self, item: &pb::HanddownItem) -> handdown_result::Result {
        let kind = pb::ListKind::Police.into();
        let source = Some(pb::HanddownSource { kind, reference: "a life".to_owned(), ..Default::default() });
        let from_unit = self.ground.sandbox.root.clone();
        let request = pb::IngestHanddownsRequest { from_unit, source, items: vec![item.clone()] };
        let answer = self.ground.screening("duty").handdowns().ingest_handdowns(request).await;
        let mut results = answer.expect("an answer").into_inner().results;
        results.remove(0).result.expect("a result")
    }
}
