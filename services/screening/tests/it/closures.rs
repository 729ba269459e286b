//! Closings of an epidemic (P3): a dry run, two approvals, everybody whom nothing holds is erased, and a certificate.

use chassis::parse::hex;
use proto::{registry::Office, screening as pb};
use screening::closures::digest_of;
use sqlx::{AssertSqlSafe, Executor as _};
use tests::{fields, reason, request_id, until};
use tonic::{Code, Status};

use crate::{
    erasures::{id, noon},
    ground::{Ground, NUMBER, OTHER_NUMBER, details, without_papers},
    supports::food,
    watch::on,
};

impl Ground {
    /// With a leader `chief` of the first county, who commands there.
    async fn with_chief(self) -> Self {
        self.sandbox.appointed(&self.counties[0], Office::Leader, "chief").await;
        self.known("chief").await;
        self
    }

    async fn propose(&self, subject: &str, area: &str) -> Result<pb::Closure, Status> {
        let request = pb::ProposeClosureRequest {
            request_id: request_id(),
            area: area.to_owned(),
            reason: "the epidemic is over".to_owned(),
        };
        let answer = self.screening(subject).erasures().propose_closure(request).await?;
        Ok(answer.into_inner().closure.expect("a closing"))
    }

    async fn approve(&self, subject: &str, name: &str) -> Result<pb::Closure, Status> {
        let request = pb::ApproveClosureRequest { request_id: request_id(), name: name.to_owned() };
        let answer = self.screening(subject).erasures().approve_closure(request).await?;
        Ok(answer.into_inner().closure.expect("a closing"))
    }

    async fn cancel(&self, subject: &str, name: &str) -> Result<pb::Closure, Status> {
        let request = pb::CancelClosureRequest {
            request_id: request_id(),
            name: name.to_owned(),
            reason: "too early".to_owned(),
        };
        let answer = self.screening(subject).erasures().cancel_closure(request).await?;
        Ok(answer.into_inner().closure.expect("a closing"))
    }

    /// A closing as a subject sees it.
    async fn closing(&self, subject: &str, name: &str) -> Result<pb::Closure, Status> {
        let request = pb::GetClosureRequest { name: name.to_owned() };
        let answer = self.screening(subject).erasures().get_closure(request).await?;
        Ok(answer.into_inner().closure.expect("a closing"))
    }

    /// Whom a closing erases, or has erased, as the city's duty officer sees it, page by page.
    async fn of_closing(&self, name: &str, state: pb::ErasureState) -> Vec<pb::Erasure> {
        crate::ground::all_pages(async |page_token| {
            let request = pb::ListErasuresRequest {
                closure: name.to_owned(),
                state: state.into(),
                page_size: 2,
                page_token,
                ..Default::default()
            };
            let page = self.screening("duty").erasures().list_erasures(request).await.expect("a page");
            let page = page.into_inner();
            (page.erasures, page.next_page_token)
        })
        .await
    }

    /// Waits until a closing is done.
    async fn closed(&self, name: &str) -> (pb::Closure, pb::ClosureCertificate) {
        until(async || {
            let closing = self.closing("duty", name).await.expect("a closing");
            let certificate = closing.certificate.clone()?;
            Some((closing, certificate))
        })
        .await
    }

    async fn supported(&self, grid: usize, details: pb::PersonDetails) -> (String, String) {
        let person = self.waived(grid, details).await;
        let support = self.support(&format!("leader-{grid}"), food(&person)).await.expect("offered");
        (person, support.name)
    }

    async fn declined(&self, support: &str) {
        let declined = (pb::SupportState::Declined, "", "not needed");
        self.move_on("duty-0", support, declined).await.expect("declined");
    }
}

/// How many something holds.
fn held(holds: &[pb::ClosureHold], of: pb::ErasureHold) -> i64 {
    holds.iter().find(|hold| hold.hold() == of).map_or(0, |hold| hold.persons)
}

#[tokio::test]
async fn p3_a_county_is_closed_by_three_and_only_whom_the_law_keeps_is_left() {
    use pb::{ClosureState, ErasureHold};
    let ground = Ground::with_doctors().await.with_chief().await;
    let free = ground.waived(0, details(NUMBER)).await;
    let (supported, support) = ground.supported(1, without_papers("1950-01-01")).await;
    let (again, other_support) = ground.supported(1, without_papers("1951-01-01")).await;
    let ill = ground.found(0, details(OTHER_NUMBER)).await.name;
    ground.confirmed(0, &ill).await;
    let elsewhere = ground.waived(2, without_papers("1952-01-01")).await;

    // The dry run, by the county or above, of a county or above.
    let county = ground.counties[0].clone();
    assert_eq!(
        ground.propose("leader-0", &county).await.expect_err("a leader").code(),
        Code::PermissionDenied
    );
    assert_eq!(ground.propose("duty-1", &county).await.expect_err("another's").code(), Code::NotFound);
    let small = ground.propose("duty-0", &ground.grids[0]).await.expect_err("a grid");
    assert_eq!(fields(&small), ["area"]);
    let proposed = ground.propose("duty-0", &county).await.expect("proposed");
    let name = proposed.name.clone();
    assert_eq!(proposed.state(), ClosureState::Proposed);
    let would_erase = proposed.would_erase.expect("counts");
    assert_eq!((would_erase.persons, would_erase.findings, proposed.covered), (1, 1, 0), "{proposed:?}");
    assert_eq!(held(&proposed.would_hold, ErasureHold::Case), 1, "{proposed:?}");
    assert_eq!(held(&proposed.would_hold, ErasureHold::Support), 2, "{proposed:?}");
    let named = ground.of_closing(&name, pb::ErasureState::Unspecified).await;
    let names: Vec<_> = named.iter().map(|erasure| erasure.person.as_str()).collect();
    assert_eq!(names, [&free, &supported, &again, &ill]);
    assert!(named[0].holds.is_empty() && named[1].holds().eq([ErasureHold::Support]), "{named:?}");
    assert!(named[3].delete_after.is_empty() && named[3].holds().any(|hold| hold == ErasureHold::Case));

    // Neither the one who proposed it nor one alone.
    let refused = ground.approve("duty-0", &name).await.expect_err("who proposed it");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "CLOSURE_APPROVER"));
    let once = ground.approve("chief", &name).await.expect("approved");
    assert_eq!((once.state(), once.approvals.len()), (ClosureState::Proposed, 1));
    let refused = ground.approve("chief", &name).await.expect_err("twice by one");
    assert_eq!(reason(&refused), "CLOSURE_APPROVER");
    assert_eq!(ground.approve("duty-1", &name).await.expect_err("another's").code(), Code::NotFound);
    ground.advance(noon("02-03")).await;
    assert!(ground.get("leader-0", &free).await.expect("whole").details.is_some(), "not yet");
    let twice = ground.approve("duty", &name).await.expect("approved");
    assert_eq!((twice.state(), twice.covered), (ClosureState::Erasing, 4));

    // What comes after it goes on: somebody new, and somebody who is found again.
    ground.advance(on(3, "13:00")).await;
    let new = ground.waived(0, without_papers("1953-01-01")).await;
    assert_eq!(ground.waived(1, without_papers("1951-01-01")).await, again);
    ground.declined(&other_support).await;
    ground.advance(noon("02-04")).await;
    ground.erased(&free).await;
    let going = until(async || {
        let closing = ground.closing("leader-0", &name).await.expect("seen from below");
        (held(&closing.held, ErasureHold::Support) == 1).then_some(closing)
    })
    .await;
    assert_eq!((going.state(), going.left), (ClosureState::Erasing, 3), "{going:?}");
    assert!(ground.get("leader-1", &supported).await.expect("whole").details.is_some(), "held");
    assert_eq!(ground.closing("duty-1", &name).await.expect_err("another's").code(), Code::NotFound);

    // What held has ended: nobody is left but whom the law keeps.
    ground.declined(&support).await;
    ground.advance(noon("02-05")).await;
    let (closing, certificate) = ground.closed(&name).await;
    assert_eq!((closing.state(), closing.left, closing.held.len()), (ClosureState::Closed, 0, 0));
    assert_eq!(closing.approvals.iter().map(|one| &*one.approved_by).collect::<Vec<_>>(), ["chief", "duty"]);
    assert_eq!((certificate.kept, certificate.gone_on), (1, 1), "{certificate:?}");
    assert_eq!(certificate.erased.expect("counts").persons, 2);
    for (leader, person) in
        [("leader-0", &new), ("leader-1", &again), ("leader-0", &ill), ("leader-2", &elsewhere)]
    {
        assert!(ground.get(leader, person).await.expect("whole").details.is_some(), "{person} is kept");
    }
    let erased = ground.of_closing(&name, pb::ErasureState::Erased).await;
    let names: Vec<_> = erased.iter().map(|erasure| erasure.person.clone()).collect();
    assert_eq!(names, [free.clone(), supported.clone()]);
    assert_eq!((certificate.first_person, certificate.last_person), (free, supported));
    assert_eq!(certificate.sha256, hex(&digest_of(names.into_iter())), "made again from the list");
    assert_eq!(certificate.first_time, erased[0].erase_time);
    assert!(ground.of_closing(&name, pb::ErasureState::Unspecified).await.is_empty());

    for refused in [ground.approve("duty", &name).await, ground.cancel("duty", &name).await] {
        let refused = refused.expect_err("done");
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "CLOSURE_STATE"));
    }
    let request = pb::ListClosuresRequest { state: ClosureState::Closed.into(), ..Default::default() };
    let listed =
        ground.screening("chief").erasures().list_closures(request).await.expect("a list").into_inner();
    assert_eq!(listed.closures, [closing]);
    let (exceptions, verdict) = ground.proof().await;
    assert!(verdict.holds, "{exceptions:?}");
}

#[tokio::test]
async fn p3_a_closing_that_is_cancelled_erases_nobody_more() {
    let ground = Ground::build().await.with_chief().await;
    let (kept, support) = ground.supported(0, without_papers("1950-01-01")).await;
    let early = ground.propose("duty-0", &ground.counties[0]).await.expect("proposed").name;
    let cancelled = ground.cancel("chief", &early).await.expect("cancelled");
    assert_eq!((cancelled.state(), &*cancelled.cancel_reason), (pb::ClosureState::Cancelled, "too early"));
    assert_eq!(reason(&ground.approve("chief", &early).await.expect_err("cancelled")), "CLOSURE_STATE");
    // Of the whole city, by those who stand above.
    let root = ground.sandbox.root.clone();
    assert_eq!(ground.propose("duty-0", &root).await.expect_err("the city's").code(), Code::NotFound);
    for (office, subject) in [(Office::Leader, "second"), (Office::DutyOfficer, "third")] {
        ground.deputy(&root, &[office], subject).await;
    }
    let free = ground.waived(2, details(NUMBER)).await;
    let name = ground.propose("duty", &root).await.expect("proposed").name;
    assert_eq!(ground.approve("chief", &name).await.expect_err("a county's").code(), Code::NotFound);
    ground.approve("second", &name).await.expect("approved");
    assert_eq!(ground.approve("third", &name).await.expect("approved").covered, 2);
    ground.advance(noon("02-04")).await;
    ground.erased(&free).await;
    let cancelled = ground.cancel("duty", &name).await.expect("cancelled");
    assert_eq!(
        (cancelled.erased.expect("counts").persons, cancelled.left),
        (1, 0),
        "what was erased is told"
    );
    ground.declined(&support).await;
    ground.advance(noon("02-05")).await;
    // Somebody else's date passes on the same day: whoever is to be erased was, by then.
    let mut sql = ground.sandbox.sql().await;
    let due = ground.waived(2, details(OTHER_NUMBER)).await;
    let passes = sqlx::query("UPDATE screening.person SET delete_after = '2020-02-05' WHERE id = $1");
    passes.bind(id(&due)).execute(&mut sql).await.expect("changed behind the service");
    ground.advance(noon("02-06")).await;
    ground.erased(&due).await;
    assert!(ground.get("leader-0", &kept).await.expect("whole").details.is_some());
    assert!(ground.closing("duty", &name).await.expect("a closing").certificate.is_none());
}

#[tokio::test]
async fn p3_a_closing_goes_on_after_a_fall_in_the_middle_and_its_certificate_has_each_once() {
    let ground = Ground::build().await.with_chief().await;
    let one = ground.waived(0, details(NUMBER)).await;
    let mut others = Vec::new();
    for year in 1930..1940 {
        others.push(ground.waived(1, without_papers(&format!("{year}-01-01"))).await);
    }
    let mut sql = ground.sandbox.sql().await;
    let falls = format!(
        "SET search_path = screening;
         CREATE FUNCTION falls() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''cut off''; END';
         CREATE TRIGGER falls BEFORE INSERT ON erasure FOR EACH ROW WHEN (NEW.person_id = '{}') EXECUTE FUNCTION falls()",
        id(&one)
    );
    sql.execute(sqlx::raw_sql(AssertSqlSafe(falls))).await.expect("it will fall");
    let name = ground.propose("duty-0", &ground.counties[0]).await.expect("proposed").name;
    for subject in ["chief", "duty"] {
        ground.approve(subject, &name).await.expect("approved");
    }
    ground.advance(noon("02-04")).await;
    for other in &others {
        ground.erased(other).await;
    }
    assert!(ground.get("leader-0", &one).await.expect("whole").details.is_some());
    assert_eq!(ground.closing("duty", &name).await.expect("a closing").state(), pb::ClosureState::Erasing);
    sql.execute("DROP TRIGGER falls ON erasure").await.expect("mended");
    let Ground { sandbox, counties, grids } = ground;
    let ground = Ground { sandbox: sandbox.restart().await, counties, grids };
    ground.known("duty").await;
    let (closing, certificate) = ground.closed(&name).await;
    assert_eq!((closing.covered, certificate.erased.expect("counts").persons), (11, 11));
    assert_eq!((certificate.kept, certificate.gone_on), (0, 0));
    let erased = ground.of_closing(&name, pb::ErasureState::Erased).await;
    assert_eq!(erased.iter().filter(|erasure| erasure.person == one).count(), 1);
    assert_eq!(certificate.sha256, hex(&digest_of(erased.into_iter().map(|erasure| erasure.person))));
}
