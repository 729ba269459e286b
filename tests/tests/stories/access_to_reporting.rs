//! The access matrix of reporting: every method × every office × {own unit, descendant, ancestor, neighbour,
//! absent}. Each unit has a form of its own, so that everything about the form is about the unit.

use std::collections::BTreeSet;

use jurisdiction::Office;
use proto::{registry, reporting as pb};
use rampart::client::Reporting;
use tests::{Sandbox, request_id, until};
use tonic::{Code, Status};

use crate::access::{deputy, methods};

const DATE: &str = "2020-02-03";

/// A unit with a form that only it answers: the day open, its report, and a seal of another form's day.
struct Ground {
    relation: &'static str,
    unit: String,
    form: String,
    day: String,
    report: String,
    seal: String,
}

/// Methods that anybody within the form's reach may call: an officer sees the forms and days of the units
/// above theirs, and of these only their own part.
const UPWARDS: [&str; 4] = ["GetForm", "ListFormVersions", "GetDay", "ListOpeningBalances"];

/// Methods whose answer does not hang on a place: a list or a feed is filtered, a proof is of the caller's
/// own part.
const PLACELESS: [&str; 4] = ["ListForms", "ListDays", "WatchReports", "ProveReports"];

async fn first<T>(stream: Result<tonic::Response<tonic::Streaming<T>>, Status>) -> Result<(), Status> {
    stream?.into_inner().message().await.map(drop)
}

async fn call(method: &str, reporting: &Reporting, ground: &Ground) -> Option<Result<(), Status>> {
    let (form, unit, name) = (ground.form.clone(), ground.unit.clone(), ground.report.clone());
    let date = || DATE.to_owned();
    let reason = || "试".to_owned();
    let id = request_id;
    let report = || pb::SubmitReportRequest {
        request_id: request_id(),
        form: ground.form.clone(),
        business_date: DATE.to_owned(),
        unit: ground.unit.clone(),
        zero: true,
        ..Default::default()
    };
    Some(match method {
        "GetForm" => reporting
            .forms()
            .get_form(pb::GetFormRequest { name: form, ..Default::default() })
            .await
            .map(drop),
        "ListForms" => reporting.forms().list_forms(pb::ListFormsRequest::default()).await.map(drop),
        "ListFormVersions" => {
            let request = pb::ListFormVersionsRequest { name: form, ..Default::default() };
            reporting.forms().list_form_versions(request).await.map(drop)
        }
        "CreateForm" => {
            let form = Some(new_form(&ground.unit, registry::Level::Grid, 960));
            reporting.forms().create_form(pb::CreateFormRequest { request_id: id(), form }).await.map(drop)
        }
        "UpdateForm" => {
            let request = pb::UpdateFormRequest {
                request_id: id(),
                form: Some(pb::Form { name: form, ..new_form(&unit, registry::Level::Grid, 960) }),
                update_mask: Some(prost_types::FieldMask { paths: vec!["label".to_owned()] }),
                ..Default::default()
            };
            reporting.forms().update_form(request).await.map(drop)
        }
        "OpenDay" => {
            let request = pb::OpenDayRequest { request_id: id(), form, business_date: date() };
            reporting.days().open_day(request).await.map(drop)
        }
        "GetDay" => {
            let name = ground.day.clone();
            reporting.days().get_day(pb::GetDayRequest { name, ..Default::default() }).await.map(drop)
        }
        "ListDays" => reporting.days().list_days(pb::ListDaysRequest::default()).await.map(drop),
        "OverrideDay" => {
            let request = pb::OverrideDayRequest {
                request_id: id(),
                form,
                business_date: date(),
                schedule: None,
                reason: reason(),
            };
            reporting.days().override_day(request).await.map(drop)
        }
        "CloseDay" => {
            let request = pb::CloseDayRequest { request_id: id(), name: ground.day.clone() };
            reporting.days().close_day(request).await.map(drop)
        }
        "SignOffDay" => {
            let request = pb::SignOffDayRequest {
                request_id: id(),
                name: ground.day.clone(),
                unit,
                figures_etag: "\"0\"".to_owned(),
                note: String::new(),
            };
            reporting.days().sign_off_day(request).await.map(drop)
        }
        "SealDay" => {
            let request =
                pb::SealDayRequest { request_id: id(), name: ground.day.clone(), ..Default::default() };
            reporting.days().seal_day(request).await.map(drop)
        }
        "SubmitReport" => reporting.reports().submit_report(report()).await.map(drop),
        "StreamReports" => {
            let batch = pb::StreamReportsRequest { sequence: 1, reports: vec![report()] };
            match reporting.reports().stream_reports(tokio_stream::iter([batch])).await {
                Err(status) => Err(status),
                Ok(answers) => match answers.into_inner().message().await {
                    Err(status) => Err(status),
                    Ok(answer) => outcome(answer.expect("an acknowledgement")),
                },
            }
        }
        "GetReport" => reporting.reports().get_report(pb::GetReportRequest { name }).await.map(drop),
        "ListReports" => {
            let request = pb::ListReportsRequest {
                form,
                business_date: date(),
                ancestor_unit: unit,
                ..Default::default()
            };
            reporting.reports().list_reports(request).await.map(drop)
        }
        "ListMissing" => {
            let request = pb::ListMissingRequest {
                form,
                business_date: date(),
                ancestor_unit: unit,
                ..Default::default()
            };
            reporting.reports().list_missing(request).await.map(drop)
        }
        "ReturnReport" => {
            let request = pb::ReturnReportRequest { request_id: id(), name, reason: reason() };
            reporting.reports().return_report(request).await.map(drop)
        }
        "CorrectReport" => {
            let request = pb::CorrectReportRequest {
                request_id: id(),
                name,
                figures: [("cases".to_owned(), 1)].into(),
                reason: reason(),
                announce_date: String::new(),
            };
            reporting.reports().correct_report(request).await.map(drop)
        }
        "ExcuseReports" => {
            let request = pb::ExcuseReportsRequest {
                request_id: id(),
                form,
                business_date: date(),
                units: vec![unit],
                slot: String::new(),
                reason: reason(),
            };
            reporting.reports().excuse_reports(request).await.map(drop)
        }
        "AddChaseNote" => {
            let request = pb::AddChaseNoteRequest { request_id: id(), name, note: reason() };
            reporting.reports().add_chase_note(request).await.map(drop)
        }
        "DraftReport" => {
            let request = pb::DraftReportRequest { form, business_date: date(), unit, slot: String::new() };
            reporting.reports().draft_report(request).await.map(drop)
        }
        "ListDifferences" => {
            let request = pb::ListDifferencesRequest {
                form,
                business_date: date(),
                ancestor_unit: unit,
                ..Default::default()
            };
            reporting.reports().list_differences(request).await.map(drop)
        }
        "WatchReports" => {
            first(reporting.reports().watch_reports(pb::WatchReportsRequest::default()).await).await
        }
        "GetRollup" => {
            let request = pb::GetRollupRequest { form, business_date: date(), unit, seal: 0 };
            reporting.rollups().get_rollup(request).await.map(drop)
        }
        "ListRollups" => {
            let request = pb::ListRollupsRequest {
                form,
                business_date: date(),
                parent_unit: unit,
                ..Default::default()
            };
            reporting.rollups().list_rollups(request).await.map(drop)
        }
        "GetSeries" => {
            let request = pb::GetSeriesRequest {
                form,
                unit,
                start_date: date(),
                end_date: "2020-02-04".to_owned(),
                as_sealed: false,
            };
            reporting.rollups().get_series(request).await.map(drop)
        }
        "WatchRollup" => {
            let request = pb::WatchRollupRequest { form, business_date: date(), unit };
            first(reporting.rollups().watch_rollup(request).await).await
        }
        "SetOpeningBalances" => {
            let request = pb::SetOpeningBalancesRequest {
                request_id: id(),
                form,
                as_of: "2020-02-02".to_owned(),
                balances: vec![pb::OpeningBalance { unit, figures: [("cases".to_owned(), 1)].into() }],
            };
            reporting.rollups().set_opening_balances(request).await.map(drop)
        }
        "ListOpeningBalances" => {
            let request = pb::ListOpeningBalancesRequest { form, ..Default::default() };
            reporting.rollups().list_opening_balances(request).await.map(drop)
        }
        "GetBulletin" => {
            let request = pb::GetBulletinRequest { seal: ground.seal.clone(), ..Default::default() };
            reporting.bulletins().get_bulletin(request).await.map(drop)
        }
        "ProveReports" => {
            first(reporting.proofs().prove_reports(pb::ProveReportsRequest::default()).await).await
        }
        _ => return None,
    })
}

/// What became of the one item of a stream.
fn outcome(answer: pb::StreamReportsResponse) -> Result<(), Status> {
    use pb::stream_result::Result as Outcome;
    match answer.results.into_iter().next().and_then(|result| result.result) {
        Some(Outcome::Refused(refusal)) => Err(Status::new(Code::from_i32(refusal.code), refusal.message)),
        _ => Ok(()),
    }
}

fn new_form(owner: &str, level: registry::Level, hard_close: i32) -> pb::Form {
    let label = || Some(pb::Label { zh: "试".to_owned(), en: "trial".to_owned() });
    pb::Form {
        key: format!("f-{}", &request_id()[..13]),
        label: label(),
        owner_unit: owner.to_owned(),
        level: level.into(),
        fields: vec![pb::Field {
            key: "cases".to_owned(),
            label: label(),
            kind: pb::FieldKind::Flow.into(),
            counts_towards_zero: true,
            cumulative: true,
            ..Default::default()
        }],
        schedule: Some(pb::Schedule {
            window_end_minutes: 1_440,
            slots: vec![pb::Slot {
                deadline_minutes: hard_close,
                hard_close_minutes: hard_close,
                ..Default::default()
            }],
            ..Default::default()
        }),
        ..Default::default()
    }
}

async fn ground(sandbox: &Sandbox, relation: &'static str, unit: &str, level: registry::Level) -> Ground {
    let make = async |hard_close: i32| {
        let form = Some(new_form(unit, level, hard_close));
        let request = pb::CreateFormRequest { request_id: request_id(), form };
        // Units and offices are heard of apart: the unit may not be known yet.
        let created = until(async || match sandbox.reporting().forms().create_form(request.clone()).await {
            Err(status) if status.code() == Code::NotFound => None,
            created => Some(created.expect("created").into_inner()),
        });
        let form = created.await.form.expect("a form").name;
        let request = pb::OpenDayRequest {
            request_id: request_id(),
            form: form.clone(),
            business_date: DATE.to_owned(),
        };
        let day = sandbox.reporting().days().open_day(request).await.expect("opened");
        (form, day.into_inner().day.expect("a day").name)
    };
    let (form, day) = make(960).await;
    let (_, closing) = make(1).await;
    sandbox.clock.advance_to("2020-02-02T16:01:00Z".parse().expect("an instant"));
    let seal = until(async || {
        let request =
            pb::SealDayRequest { request_id: request_id(), name: closing.clone(), ..Default::default() };
        let sealed = sandbox.reporting().days().seal_day(request).await.ok()?;
        Some(sealed.into_inner().seal.expect("a seal").name)
    })
    .await;
    let list =
        pb::ListReportsRequest { form: form.clone(), business_date: DATE.to_owned(), ..Default::default() };
    let reports =
        sandbox.reporting().reports().list_reports(list).await.expect("a list").into_inner().reports;
    Ground { relation, unit: unit.to_owned(), form, day, report: reports[0].name.clone(), seal }
}

#[tokio::test]
async fn every_office_reaches_its_own_subtree_s_days_and_no_other_s() {
    let sandbox = Sandbox::start(&[tests::Part::Reporting]).await;
    let ancestor = sandbox.unit(&sandbox.root, registry::Level::County, "上级县").await.name;
    let own = sandbox.unit(&ancestor, registry::Level::Township, "本镇").await.name;
    let descendant = sandbox.unit(&own, registry::Level::Village, "下村").await.name;
    let neighbour = sandbox.unit(&ancestor, registry::Level::Township, "邻镇").await.name;
    for office in Office::ALL {
        deputy(&sandbox, &own, office.contract(), &format!("holder.{}", office.word())).await;
    }
    until(async || {
        let last = sandbox.reporting_as("holder.integrator");
        last.forms().list_forms(pb::ListFormsRequest::default()).await.ok()
    })
    .await;
    let absent = |collection: &str| format!("{collection}/{}", uuid::Uuid::now_v7());
    let mut grounds = Vec::new();
    for (relation, unit, level) in [
        ("own", &own, registry::Level::Township),
        ("descendant", &descendant, registry::Level::Village),
        ("ancestor", &ancestor, registry::Level::County),
        ("neighbour", &neighbour, registry::Level::Township),
    ] {
        grounds.push(ground(&sandbox, relation, unit, level).await);
    }
    grounds.push(Ground {
        relation: "absent",
        unit: absent("units"),
        form: absent("forms"),
        day: absent("days"),
        report: absent("reports"),
        seal: absent("seals"),
    });

    let mut wrong = Vec::new();
    for office in Office::ALL {
        let reporting = sandbox.reporting_as(&format!("holder.{}", office.word()));
        let may: BTreeSet<_> = office.permissions().collect();
        for (method, permission) in methods("rampart.reporting.") {
            for ground in &grounds {
                let answer = call(&method, &reporting, ground).await;
                let answer = answer.unwrap_or_else(|| panic!("{method} is not in the access matrix"));
                let reaches = match ground.relation {
                    "own" | "descendant" => true,
                    "ancestor" => UPWARDS.contains(&method.as_str()),
                    _ => false,
                };
                let anywhere = PLACELESS.contains(&method.as_str()) || method == "ListOpeningBalances";
                let code = answer.map_or_else(|status| status.code(), |()| Code::Ok);
                let fits = match (may.contains(permission.as_str()), reaches) {
                    (false, _) => code == Code::PermissionDenied,
                    (true, false) => code == Code::NotFound || (anywhere && code == Code::Ok),
                    (true, true) => !matches!(code, Code::PermissionDenied | Code::NotFound | Code::Internal),
                };
                if !fits {
                    wrong.push(format!("{method} by {} at {}: {code:?}", office.word(), ground.relation));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
