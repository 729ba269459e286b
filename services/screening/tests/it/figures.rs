//! Figures: what the registers come to, unit by unit and day by day, as signed differences (D7).

use std::collections::BTreeMap;

use proto::{
    registry::Office,
    screening::{self as pb, Indicator, exposure_item::Contact, watch_figures_response::Event},
};
use tests::{request_id, until};
use tonic::{Code, Streaming};

use crate::{
    exposures::{contact, somebody},
    ground::{Ground, NUMBER, OTHER_NUMBER, details, without_papers},
    watch::{on, reading},
};

/// A day's figures by indicator: the difference of the day, and the stock at its end.
type Figures = BTreeMap<Indicator, (i64, i64)>;

impl Ground {
    /// What a unit comes to on a day of February 2020, as a subject sees it.
    async fn figures_as(&self, subject: &str, unit: &str, day: u32) -> Result<Figures, tonic::Status> {
        let date = format!("2020-02-{day:02}");
        let request = pb::ListFiguresRequest {
            unit: unit.to_owned(),
            start_date: date.clone(),
            end_date: date,
            ..Default::default()
        };
        let day = self.screening(subject).figures().list_figures(request).await?.into_inner().days.remove(0);
        let mut figures = Figures::new();
        for figure in day.differences {
            figures.entry(figure.indicator()).or_default().0 = figure.difference;
        }
        for stock in day.stocks {
            figures.entry(stock.indicator()).or_default().1 = stock.count;
        }
        Ok(figures)
    }

    /// What the city comes to, once everything was counted.
    pub(crate) async fn tallied(&self, day: u32) -> Figures {
        const DONE: &str = "SELECT tallied_on = $1 AND NOT EXISTS (SELECT FROM screening.figure_inbox)
                            FROM screening.figure_progress";
        let (mut sql, today) = (self.sandbox.sql().await, self.sandbox.clock.today());
        until(async || {
            let done: Option<bool> =
                sqlx::query_scalar(DONE).bind(today).fetch_one(&mut sql).await.expect("progress");
            done.unwrap_or_default().then_some(())
        })
        .await;
        self.figures_as("duty", &self.sandbox.root, day).await.expect("figures")
    }
}

/// Opens the feed as a subject; answers the sheets of the snapshot by name, and the stream.
async fn snapshot(
    ground: &Ground,
    subject: &str,
) -> (BTreeMap<String, pb::FigureSheet>, Streaming<pb::WatchFiguresResponse>, String) {
    let request = pb::WatchFiguresRequest { start_token: String::new() };
    let stream = ground.screening(subject).figures().watch_figures(request).await.expect("opened");
    let mut stream = stream.into_inner();
    let mut sheets = BTreeMap::new();
    loop {
        let message = stream.message().await.expect("open").expect("a message");
        match message.event {
            Some(Event::Sheet(sheet)) => {
                sheets.insert(sheet.name.clone(), sheet);
            }
            Some(Event::SnapshotEnd(end)) => {
                assert_eq!(end.sheets, i64::try_from(sheets.len()).expect("few"));
                return (sheets, stream, message.token);
            }
            other => panic!("within a snapshot: {other:?}"),
        }
    }
}

#[tokio::test]
async fn d7_what_is_known_is_counted_where_it_is_and_on_its_day() {
    let ground = Ground::with_doctors().await;
    let first = ground.observed(0, NUMBER, "2020-02-02").await;
    ground.observed(1, "", "2020-02-02").await;
    ground.read(reading(&first.name, ground.sandbox.clock.now(), 38.2)).await;
    let figures = ground.tallied(3).await;
    assert_eq!(figures[&Indicator::ReturneesFound], (2, 0));
    assert_eq!(figures[&Indicator::Returnees], (2, 2));
    assert_eq!(figures[&Indicator::AtHome], (2, 2));
    assert_eq!(figures[&Indicator::FebrileFound], (1, 0), "a flow has no stock");
    let of_grid = ground.figures_as("leader-0", &ground.grids[0], 3).await.expect("figures");
    assert_eq!(of_grid[&Indicator::Returnees], (1, 1));

    // The next day one is lost, one becomes a case: what was of the day before stays.
    ground.advance(on(4, "10:00")).await;
    let lose = pb::LoseObservationRequest {
        request_id: request_id(),
        name: first.name.clone(),
        reason: "moved out".to_owned(),
    };
    ground.screening("duty-0").observations().lose_observation(lose).await.expect("lost");
    let person = ground.found(0, details(OTHER_NUMBER)).await.name;
    ground.confirmed(0, &person).await;
    let exposed = contact(&person, somebody("1980-01-01"), on(3, "12:00"));
    ground.exposed(1, exposed).await;
    let figures = ground.tallied(4).await;
    assert_eq!(figures[&Indicator::Lost], (1, 1));
    assert_eq!(figures[&Indicator::Confirmed], (1, 0));
    assert_eq!(figures[&Indicator::ConfirmedCumulative], (1, 1));
    assert_eq!(figures[&Indicator::ContactsTraced], (1, 1));
    assert_eq!(figures[&Indicator::ContactsObserved], (1, 1));
    assert_eq!(figures[&Indicator::Returnees], (0, 2), "who is lost is still in their hands (R13)");
    assert_eq!(ground.tallied(3).await[&Indicator::Returnees], (2, 2));
    let request = pb::CountCasesRequest { unit: ground.sandbox.root.clone(), date: String::new() };
    let cases = ground.screening("duty").cases().count_cases(request).await.expect("figures").into_inner();
    assert_eq!((cases.confirmed_new, cases.confirmed_cumulative), (1, 1), "the register says the same");
}

#[tokio::test]
async fn who_comes_into_other_hands_counts_there_from_that_day_on() {
    let ground = Ground::build().await;
    ground.observed(0, NUMBER, "2020-02-02").await;
    assert_eq!(ground.tallied(3).await[&Indicator::Returnees], (1, 1));
    ground.advance(on(4, "10:00")).await;
    ground.tallied(4).await;
    // Another grid finds the same person, and both agree that they are there.
    ground.found(1, details(NUMBER)).await;
    ground.agree("duty-0", 1).await;
    ground.tallied(4).await;
    let of = async |grid: usize, day| {
        let unit = &ground.grids[grid];
        let figures = ground.figures_as("duty", unit, day).await.expect("figures");
        figures.get(&Indicator::Returnees).copied().unwrap_or_default()
    };
    assert_eq!((of(0, 3).await, of(1, 3).await), ((1, 1), (0, 0)), "the day before stays as it was");
    assert_eq!((of(0, 4).await, of(1, 4).await), ((-1, 0), (1, 1)));
    assert_eq!(ground.tallied(4).await[&Indicator::Returnees], (0, 1));
}

#[tokio::test]
async fn a_change_of_before_midnight_is_that_day_s_although_it_is_counted_after_it() {
    let ground = Ground::build().await;
    ground.tallied(3).await;
    ground.sandbox.clock.advance_to(on(3, "23:59"));
    ground.observed(0, NUMBER, "2020-02-02").await;
    // Whether it was counted before the clock goes on or after it.
    ground.sandbox.clock.advance_to(on(4, "00:01"));
    let figures = ground.tallied(4).await;
    assert_eq!(figures[&Indicator::Returnees], (0, 1));
    assert_eq!(ground.tallied(3).await[&Indicator::Returnees], (1, 1));
}

#[tokio::test]
async fn who_is_lost_after_midnight_is_not_of_the_day_before_however_late_that_is_counted() {
    let ground = Ground::build().await;
    let observation = ground.observed(0, NUMBER, "2020-02-02").await;
    ground.tallied(3).await;
    ground.advance(on(4, "00:01")).await;
    let lose = pb::LoseObservationRequest {
        request_id: request_id(),
        name: observation.name,
        reason: "moved out".to_owned(),
    };
    ground.screening("duty-0").observations().lose_observation(lose).await.expect("lost");
    ground.tallied(4).await;
    // As if nothing had been counted since the day before.
    let late = "WITH noted AS (INSERT INTO screening.figure_inbox (unit_id) SELECT unit_id FROM screening.observation)
                UPDATE screening.figure_progress SET tallied_on = '2020-02-03'";
    sqlx::query(late).execute(&mut ground.sandbox.sql().await).await.expect("noted");
    assert_eq!(ground.tallied(4).await[&Indicator::Lost], (1, 1));
    assert_eq!(ground.tallied(3).await.get(&Indicator::Lost), None, "what is zero is not said");
}

#[tokio::test]
async fn the_feed_has_every_sheet_and_then_signed_differences_of_one_s_own_units() {
    let ground = Ground::build().await;
    ground.sandbox.appointed(&ground.counties[0], Office::Integrator, "machine").await;
    ground.known("machine").await;
    let first = ground.observed(0, NUMBER, "2020-02-02").await;
    ground.observed(2, "", "2020-02-02").await;
    ground.tallied(3).await;
    let (sheets, mut stream, token) = snapshot(&ground, "machine").await;
    let sheet = sheets.values().next().expect("a sheet").clone();
    assert_eq!(
        (sheets.len(), &sheet.unit, sheet.business_date.as_str()),
        (1, &ground.grids[0], "2020-02-03")
    );

    // What changes comes as the whole sheet of its day, and again to who resumes.
    let end = pb::EndObservationRequest {
        request_id: request_id(),
        name: first.name,
        ending: pb::Ending::EnteredInError.into(),
        reason: "another person".to_owned(),
    };
    ground.screening("duty-0").observations().end_observation(end).await.expect("ended");
    ground.found(0, without_papers("1980-01-01")).await;
    let changed = async |stream: &mut Streaming<pb::WatchFiguresResponse>| loop {
        let message = stream.message().await.expect("open").expect("a message");
        match message.event {
            Some(Event::Sheet(sheet)) => return sheet,
            Some(Event::SnapshotEnd(_)) => panic!("no snapshot"),
            _ => {}
        }
    };
    let now = changed(&mut stream).await;
    assert_eq!(
        (now.name, now.figures.len()),
        (sheet.name.clone(), 0),
        "it comes to nothing: {:?}",
        now.figures
    );
    let resumed = pb::WatchFiguresRequest { start_token: token };
    let again = ground.screening("machine").figures().watch_figures(resumed).await.expect("resumed");
    assert_eq!(changed(&mut again.into_inner()).await.name, sheet.name);
    let alien = pb::WatchFiguresRequest { start_token: "AAAA".to_owned() };
    let mut refused = ground.screening("machine").figures().watch_figures(alien).await.expect("a stream");
    assert_eq!(refused.get_mut().message().await.expect_err("no token").code(), Code::OutOfRange);
}

#[tokio::test]
async fn the_next_county_s_figures_are_not_shown() {
    let ground = Ground::build().await;
    ground.observed(0, NUMBER, "2020-02-02").await;
    ground.tallied(3).await;
    let refused = ground.figures_as("leader-2", &ground.grids[0], 3).await.expect_err("another county's");
    assert_eq!(refused.code(), Code::NotFound);
    let backwards = pb::ListFiguresRequest {
        unit: ground.grids[0].clone(),
        start_date: "2020-02-04".to_owned(),
        end_date: "2020-02-03".to_owned(),
        ..Default::default()
    };
    let refused = ground.screening("leader-0").figures().list_figures(backwards).await;
    assert_eq!(tests::fields(&refused.expect_err("backwards")), ["end_date"]);
}

#[tokio::test]
async fn days_come_in_pages_with_the_stocks_carried_on() {
    let ground = Ground::build().await;
    ground.observed(0, NUMBER, "2020-02-02").await;
    ground.tallied(3).await;
    ground.advance(on(6, "10:00")).await;
    ground.exposed(0, contact("", Contact::Details(without_papers("1980-01-01")), on(5, "12:00"))).await;
    ground.tallied(6).await;
    let mut request = pb::ListFiguresRequest {
        unit: ground.grids[0].clone(),
        start_date: "2020-02-02".to_owned(),
        end_date: "2020-02-06".to_owned(),
        page_size: 2,
        ..Default::default()
    };
    let mut stocks = Vec::new();
    loop {
        let page =
            ground.screening("leader-0").figures().list_figures(request.clone()).await.expect("a page");
        let page = page.into_inner();
        for day in page.days {
            let all = day.stocks.iter().find(|stock| stock.indicator() == Indicator::UnderObservation);
            stocks.push((day.business_date, all.map_or(0, |stock| stock.count)));
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let expected = [("02", 0), ("03", 1), ("04", 1), ("05", 1), ("06", 2)];
    assert_eq!(stocks, expected.map(|(day, count)| (format!("2020-02-{day}"), count)));
}
