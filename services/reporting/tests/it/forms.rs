//! Forms: versioned, checked as a whole.

use proto::reporting as pb;
use tests::{Sandbox, fields, reason, request_id};
use tonic::{Code, Status};

use crate::town::{DATE, Town, field, grid_day, label};

async fn create(sandbox: &Sandbox, form: pb::Form) -> Result<pb::Form, Status> {
    let request = pb::CreateFormRequest { request_id: request_id(), form: Some(form) };
    let made = sandbox.reporting().forms().create_form(request).await?;
    Ok(made.into_inner().form.expect("a form"))
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_form_is_said_at_once() {
    let town = Town::build().await;
    let mut form = grid_day();
    form.key = "Grid Day".to_owned();
    form.fields.push(field("febrile", pb::FieldKind::Unspecified));
    form.balance_rules.push(pb::BalanceRule {
        key: "unknown".to_owned(),
        label: label("x"),
        expression: "ghosts = cum(febrile)".to_owned(),
    });
    form.schedule.as_mut().unwrap().slots[0].hard_close_minutes = 900;
    let refused = create(&town.sandbox, form).await.expect_err("wrong");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "INVALID_ARGUMENT"));
    let named = fields(&refused);
    for path in [
        "form.key",
        "form.fields[3].key",
        "form.fields[3].kind",
        "form.balance_rules[1].expression",
        "form.schedule.slots[0].hard_close_minutes",
    ] {
        assert!(named.iter().any(|name| name == path), "{path} in {named:?}");
    }
}

#[tokio::test]
async fn a_key_is_one_form_s_only() {
    let town = Town::build().await;
    create(&town.sandbox, grid_day()).await.expect("created");
    let refused = create(&town.sandbox, grid_day()).await.expect_err("taken");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "FORM_KEY_TAKEN"));
}

#[tokio::test]
async fn a_new_version_holds_from_a_day_that_is_not_open() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let mut new = form.clone();
    new.fields.push(field("needing_help", pb::FieldKind::Flow));
    let update = |from: &str| pb::UpdateFormRequest {
        request_id: request_id(),
        form: Some(new.clone()),
        update_mask: Some(prost_types::FieldMask { paths: vec!["fields".to_owned()] }),
        effective_date: from.to_owned(),
        etag: form.etag.clone(),
    };
    let mut forms = town.sandbox.reporting().forms();
    let refused = forms.update_form(update(DATE)).await.expect_err("open");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "DAY_OPENED"));
    let second = forms.update_form(update("")).await.expect("a version").into_inner().form.unwrap();
    assert_eq!((second.version, second.start_date.as_str()), (2, "2020-02-04"));
    let stale = forms.update_form(update("2020-02-10")).await.expect_err("changed meanwhile");
    assert_eq!((stale.code(), reason(&stale).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
    let get = pb::GetFormRequest { key: "grid-day".to_owned(), as_of: DATE.to_owned(), ..Default::default() };
    assert_eq!(forms.get_form(get).await.unwrap().into_inner().form.unwrap().version, 1);
}

#[tokio::test]
async fn a_key_that_comes_back_is_of_the_kind_it_was() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let mut forms = town.sandbox.reporting().forms();
    let mut update = async |fields: Vec<pb::Field>| {
        let request = pb::UpdateFormRequest {
            request_id: request_id(),
            form: Some(pb::Form { fields, balance_rules: vec![], ..form.clone() }),
            update_mask: Some(prost_types::FieldMask {
                paths: ["fields", "balance_rules"].map(str::to_owned).into(),
            }),
            ..pb::UpdateFormRequest::default()
        };
        forms.update_form(request).await
    };
    let all = form.fields.clone();
    let (kept, gone): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|field| field.key != "at_home");
    assert_eq!(gone.len(), 1);
    update(kept.clone()).await.expect("without it");
    let other = match gone[0].kind() {
        pb::FieldKind::Stock => pb::FieldKind::Flow,
        _ => pb::FieldKind::Stock,
    };
    let changed = pb::Field { kind: other.into(), ..gone[0].clone() };
    let refused = update([kept.clone(), vec![changed]].concat()).await.expect_err("another kind");
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(fields(&refused).iter().any(|field| field.ends_with(".kind")), "{refused:?}");
    let again = update(all).await.expect("as it was").into_inner().form.unwrap();
    assert_eq!(again.version, 3);
}
