//! Bulletins: from a seal and from nothing else.

use proto::reporting as pb;
use tests::request_id;
use tonic::Code;

use crate::town::{Town, epidemic_day, grid_day, said, submit};

async fn print(
    town: &Town,
    seal: &pb::Seal,
    template: pb::Template,
    format: pb::Format,
    language: pb::Language,
) -> String {
    let request = pb::GetBulletinRequest {
        seal: seal.name.clone(),
        template: template.into(),
        format: format.into(),
        language: language.into(),
    };
    let printed = town.sandbox.reporting_as("duty").bulletins().get_bulletin(request).await.expect("printed");
    printed.into_inner().content
}

#[tokio::test]
async fn a_bulletin_is_printed_in_both_languages_and_every_form() {
    let town = Town::build().await;
    let form = town.form(epidemic_day()).await;
    let health = town.sandbox.reporting_as("health-0");
    let figures = [("confirmed", 2), ("discharged", 1), ("observed", 14)];
    submit(&health, said(&form.name, &town.towns[0], &figures)).await.expect("taken in");
    let seal = town.sealed(&form.name, "signed on paper").await;
    let text = print(&town, &seal, pb::Template::Internal, pb::Format::Text, pb::Language::Zh).await;
    for words in ["截至2020年2月3日24时", "试点市", "0镇", "未报单位（2）", &seal.digest] {
        assert!(text.contains(words), "{words} in\n{text}");
    }
    let text = print(&town, &seal, pb::Template::Internal, pb::Format::Text, pb::Language::En).await;
    assert!(text.contains("as of 3 February 2020 24:00"), "{text}");
    let html = print(&town, &seal, pb::Template::Public, pb::Format::Html, pb::Language::Zh).await;
    assert!(html.starts_with("<!doctype html>") && !html.contains("未报单位"), "{html}");
    let csv = print(&town, &seal, pb::Template::Internal, pb::Format::Csv, pb::Language::En).await;
    assert_eq!(csv.lines().count(), 1 + 1 + 2 + 3, "{csv}");
    let json = print(&town, &seal, pb::Template::Internal, pb::Format::Json, pb::Language::En).await;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["rows"][0]["cells"][0]["cumulative"], 2);
}

#[tokio::test]
async fn the_public_sees_no_small_cell_and_cannot_compute_it() {
    let town = Town::build().await;
    let form = town.form(epidemic_day()).await;
    for (nth, observed) in [(0, 3), (1, 40), (2, 60)] {
        let health = town.sandbox.reporting_as(if nth < 2 { "health-0" } else { "health-1" });
        let figures = [("confirmed", 1), ("discharged", 0), ("observed", observed)];
        submit(&health, said(&form.name, &town.towns[nth], &figures)).await.expect("taken in");
    }
    let seal = town.sealed(&form.name, "signed on paper").await;
    let json = print(&town, &seal, pb::Template::Public, pb::Format::Json, pb::Language::En).await;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let masked: Vec<bool> = json["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["cells"][2]["masked"].as_bool().unwrap())
        .collect();
    // City, county, the small town and the one beside it, the other county and its town.
    assert_eq!(masked, [false, false, true, true, false, false]);
    // Confirmed cases are published by rule, down to the town.
    assert_eq!(json["rows"][2]["cells"][0]["value"], 1);
}

#[tokio::test]
async fn an_amended_bulletin_shows_the_difference_both_dates_and_the_reason() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let taken = town.report(&form.name, 0, &[("febrile", 3), ("at_home", 9)]).await.expect("taken in");
    let first = town.sealed(&form.name, "").await;
    let before = print(&town, &first, pb::Template::Internal, pb::Format::Text, pb::Language::Zh).await;
    let correct = pb::CorrectReportRequest {
        request_id: request_id(),
        name: taken.report,
        figures: [("febrile".to_owned(), 1)].into(),
        reason: "重复统计".to_owned(),
        announce_date: "2020-02-04".to_owned(),
    };
    town.sandbox.reporting_as("duty-0").reports().correct_report(correct).await.expect("corrected");
    let amend = pb::SealDayRequest {
        request_id: request_id(),
        name: first.day.clone(),
        reason: "订正".to_owned(),
        ..Default::default()
    };
    let second =
        town.sandbox.reporting_as("duty").days().seal_day(amend).await.unwrap().into_inner().seal.unwrap();
    let text = print(&town, &second, pb::Template::Internal, pb::Format::Text, pb::Language::Zh).await;
    for words in
        ["订正第1次", "febrile -2", "更正日 2020-02-03", "公布日 2020-02-04", "重复统计", "（订正-2）"]
    {
        assert!(text.contains(words), "{words} in\n{text}");
    }
    let again = print(&town, &first, pb::Template::Internal, pb::Format::Text, pb::Language::Zh).await;
    assert_eq!(again, before, "what was sealed prints the same for ever");
}

#[tokio::test]
async fn a_county_does_not_print_the_city_s_bulletin() {
    let town = Town::build().await;
    let form = town.form(grid_day()).await;
    let seal = town.sealed(&form.name, "").await;
    let request = pb::GetBulletinRequest { seal: seal.name, ..Default::default() };
    let refused = town.sandbox.reporting_as("duty-0").bulletins().get_bulletin(request).await;
    assert_eq!(refused.expect_err("not theirs").code(), Code::NotFound);
}
