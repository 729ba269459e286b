//! No personal value stands anywhere but sealed, and in the answers that are asked for it: not in what the service says
//! about itself, not in a refusal, not in a token, not in a feed, and in no table.

mod any;
mod lives;

use std::{
    io,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use prost_reflect::{DynamicMessage, MethodDescriptor, Value, prost::Message as _};
use proto::registry::Office;
use tests::fields;
use tonic::{Status, transport::Channel};
use tracing::{
    Dispatch,
    subscriber::{DefaultGuard, NoSubscriber},
};
use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};

use crate::{
    erasures::places_of,
    ground::Ground,
    telemetry::{escaped, text},
};
use any::{Answers, call, connected, full, lone, methods, refusals};
use lives::VALUES;

/// What is said while a test runs, by every service in it.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl io::Write for Heard {
    fn write(&mut self, said: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("whole").extend_from_slice(said);
        Ok(said.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Heard {
    /// Listens to whatever is said on this thread, on which all of a test runs: every word of ours, and what others say
    /// who look for a fault.
    fn listen() -> (Self, Listening) {
        let heard = Self::default();
        let writer = heard.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(
                "debug,screening=trace,chassis=trace,jurisdiction=trace,sqlx=trace",
            ))
            .with_span_events(FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let _other = Dispatch::new(NoSubscriber::default());
        let _ours = tracing::subscriber::set_default(subscriber);
        tracing::callsite::rebuild_interest_cache();
        (heard, Listening { _ours, _other })
    }

    fn words(&self) -> String {
        text(&self.0.lock().expect("whole"))
    }
}

/// As long as it is listened to.
struct Listening {
    _ours: DefaultGuard,
    /// Where one listens alone, whoever says something first on another thread decides for all whether it is heard.
    _other: Dispatch,
}

/// Fails where a value stands in what is said somewhere, however it is written.
fn silent(place: &str, said: &str, values: &[&str]) {
    for value in values {
        let written =
            [(*value).to_owned(), format!("{value:?}").trim_matches('"').to_owned(), escaped(value)];
        let at = written.iter().find_map(|written| said.find(written.as_str()));
        let around = at.map(|at| text(&said.as_bytes()[at.saturating_sub(300)..(at + 100).min(said.len())]));
        assert_eq!(around, None, "{value} is in {place}");
    }
}

/// Whatever a refusal says.
fn words(status: &Status) -> String {
    format!("{status:?} {}", text(status.details()))
}

impl Ground {
    /// With a subject who may do everything at the root.
    async fn with_all_offices(self, subject: &str) -> Self {
        let offices = [
            Office::Administrator,
            Office::Leader,
            Office::DutyOfficer,
            Office::HealthOfficer,
            Office::Integrator,
        ];
        self.deputy(&self.sandbox.root, &offices, subject).await;
        self
    }
}

/// Every token of a list, page by page of one row each; nothing of a list that is one page.
async fn tokens(
    (channel, token): (&Channel, &str),
    method: &MethodDescriptor,
    known: &[(&str, &str)],
) -> Vec<Vec<u8>> {
    let mut request = DynamicMessage::new(method.input());
    request.set_field_by_name("page_size", Value::I32(1));
    let mut found = Vec::new();
    while found.len() < 3 {
        let answer = match call((channel, token), method, &request).await {
            Ok(answers) => answers.only().await,
            Err(status) => Err(status),
        };
        let answer = match answer {
            Ok(answer) => answer,
            // It wants to know of what.
            Err(status) => {
                let wanted = fields(&status);
                let wanted = known.iter().filter(|(field, _)| wanted.iter().any(|wanted| wanted == field));
                let before = request.clone();
                for (field, name) in wanted {
                    request.set_field_by_name(field, Value::String((*name).to_owned()));
                }
                assert!(request != before, "{}: {status:?}", method.full_name());
                continue;
            }
        };
        let next =
            answer.get_field_by_name("next_page_token").expect("a token").as_str().expect("text").to_owned();
        if next.is_empty() {
            break;
        }
        found.push(URL_SAFE_NO_PAD.decode(&next).expect("a token"));
        request.set_field_by_name("page_token", Value::String(next));
    }
    found
}

/// What a message of a feed carries.
fn event(message: &DynamicMessage) -> Option<String> {
    let events = message.fields().filter(|(field, _)| field.containing_oneof().is_some());
    events.map(|(field, _)| field.name().to_owned()).next()
}

/// Reads a feed until something comes, as bytes.
async fn read(feed: &mut Answers, is_last: impl Fn(&str) -> bool) -> Vec<u8> {
    let mut read = Vec::new();
    loop {
        let message = feed.next().await.expect("open").expect("a message");
        read.extend(message.encode_to_vec());
        if event(&message).is_some_and(|event| is_last(&event)) {
            return read;
        }
    }
}

#[tokio::test]
async fn p4_no_personal_value_is_in_the_log_in_page_tokens_in_feeds_or_open_in_any_table() {
    let (heard, _listening) = Heard::listen();
    let ground = Ground::with_doctors().await.with_all_offices("all").await;
    let names = lives::all(&ground).await;
    let (channel, token) = connected(&ground.sandbox, "all");
    let all = (&channel, token.as_str());

    let known: Vec<_> = names.iter().map(|(field, name)| (*field, name.as_str())).collect();
    let mut with_pages = 0;
    for method in methods().iter().filter(|method| method.name().starts_with("List")) {
        if method.input().get_field_by_name("page_size").is_none() {
            continue;
        }
        let found = tokens(all, method, &known).await;
        with_pages += usize::from(!found.is_empty());
        silent(&format!("a token of {}", method.name()), &text(&found.concat()), VALUES);
    }
    assert!(with_pages >= 12, "{with_pages} lists have another page");

    let mut feeds = Vec::new();
    for method in methods().into_iter().filter(|method| method.name().starts_with("Watch")) {
        let opened = call(all, &method, &DynamicMessage::new(method.input())).await;
        let mut feed = opened.unwrap_or_else(|status| panic!("{}: {status:?}", method.name()));
        let snapshot = read(&mut feed, |event| event == "snapshot_end").await;
        assert!(snapshot.len() > 100, "{} has something to say", method.name());
        silent(&format!("a snapshot of {}", method.name()), &text(&snapshot), VALUES);
        feeds.push((method, feed));
    }
    assert!(feeds.len() >= 3, "every feed");
    lives::change(&ground, &names).await;
    for (method, mut feed) in feeds {
        let changes = read(&mut feed, |event| event != "heartbeat").await;
        silent(&format!("changes of {}", method.name()), &text(&changes), VALUES);
    }

    let mut sql = ground.sandbox.sql().await;
    let values: Vec<&[u8]> = VALUES.iter().map(|value| value.as_bytes()).collect();
    let open = places_of(&mut sql, &values).await;
    let open: Vec<_> = open.into_iter().map(|(place, value)| (place, text(&value))).collect();
    assert!(open.is_empty(), "these lie open: {open:?}");
    let said = heard.words();
    let beginning: String = said.chars().take(3_000).collect();
    assert!(said.contains("PersonService/IntakePerson"), "every word was heard: {beginning}");
    silent("the log", &said, VALUES);
}

#[tokio::test]
async fn p4_no_refusal_repeats_what_was_said_in_whichever_field_it_was_said() {
    const SAID: [&str; 3] = ["欧阳样例甲", "11010519491231002X", "13900005678"];
    let (heard, _listening) = Heard::listen();
    let ground = Ground::build().await.with_all_offices("all").await;
    let (channel, token) = connected(&ground.sandbox, "all");
    let value = SAID.concat();
    let (mut said, mut refused, mut granted) = (String::new(), 0, 0);
    for method in methods() {
        let whole = (0..3).map(|nth| full(&method.input(), &value, nth));
        let parts =
            any::places(&method.input()).into_iter().map(|place| lone(&method.input(), &place, &value));
        for message in whole.chain(parts) {
            let answer = match call((&channel, &token), &method, &message).await {
                Ok(_) if method.name().starts_with("Watch") => continue,
                Ok(mut answers) => answers.next().await,
                Err(status) => Err(status),
            };
            match answer {
                Ok(answer) => {
                    granted += 1;
                    answer.iter().for_each(|answer| refusals(answer, &mut said));
                }
                Err(status) => {
                    refused += 1;
                    assert_ne!(status.code(), tonic::Code::Internal, "{}: {status:?}", method.name());
                    silent(&format!("a refusal of {}", method.name()), &words(&status), &SAID);
                }
            }
        }
    }
    assert!(refused > 300 && granted > 10, "{refused} refused, {granted} granted");
    assert!(!said.is_empty(), "items were refused");
    silent("what refused items are told", &said, &SAID);
    silent("the log", &heard.words(), &SAID);
}
