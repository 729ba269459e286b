//! An issuer that rotates, fails, lies and is silent.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Router, http::StatusCode, routing::get};
use tokio::net::TcpListener;

use super::*;

/// Often enough for a test.
const QUICK: Pace = Pace { every: Duration::from_millis(50), apart: Duration::from_millis(1) };
/// Never by itself in the time of a test.
const NEVER: Duration = Duration::from_secs(3_600);

fn set(ids: &[&str]) -> String {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let key =
        |id: &&str| serde_json::json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": id, "x": x});
    serde_json::json!({"keys": ids.iter().map(key).collect::<Vec<_>>()}).to_string()
}

/// An issuer that answers what it is told to, and counts.
struct Issuer {
    answer: Mutex<(StatusCode, String)>,
    asked: AtomicUsize,
}

impl Issuer {
    async fn start(ids: &[&str]) -> (Arc<Self>, KeySource) {
        let issuer = Arc::new(Self { answer: Mutex::default(), asked: AtomicUsize::new(0) });
        issuer.answers(StatusCode::OK, &set(ids));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap()).parse().unwrap();
        let asked = issuer.clone();
        let keys = get(move || async move {
            asked.asked.fetch_add(1, Ordering::SeqCst);
            asked.answer.lock().unwrap().clone()
        });
        let serve = axum::serve(listener, Router::new().route("/keys", keys));
        tokio::spawn(async move { serve.await });
        (issuer, KeySource::Url { url, ca: None })
    }

    fn answers(&self, status: StatusCode, body: &str) {
        *self.answer.lock().unwrap() = (status, body.to_owned());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn until(mut there: impl FnMut() -> bool) {
    let waited = async {
        while !there() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waited).await.expect("it came in ten seconds");
}

#[tokio::test]
async fn keys_by_url_are_fetched_rotated_and_kept_when_the_url_is_down() {
    let (issuer, source) = Issuer::start(&["one"]).await;
    let changes = Arc::new(AtomicUsize::new(0));
    let changed = changes.clone();
    let count = move || {
        changed.fetch_add(1, Ordering::SeqCst);
    };
    let keys = Keys::open_at(QUICK, source, count).await.expect("fetched at the start");
    assert!(keys.find(Some("one")).is_some() && keys.find(Some("two")).is_none());

    issuer.answers(StatusCode::OK, &set(&["two"]));
    until(|| keys.find(Some("two")).is_some()).await;
    assert!(keys.find(Some("one")).is_none(), "a key that was withdrawn is good no more");
    let empty = serde_json::json!({"keys": []}).to_string();
    let large = set(&["x".repeat(LARGEST).as_str()]);
    let bad = [
        (StatusCode::SERVICE_UNAVAILABLE, set(&["three"])),
        (StatusCode::FOUND, set(&["three"])),
        (StatusCode::OK, "<html>".to_owned()),
        (StatusCode::OK, empty),
        (StatusCode::OK, large),
    ];
    for (status, body) in bad {
        issuer.answers(status, &body);
        let before = issuer.asked();
        until(|| issuer.asked() > before + 1).await;
        assert!(keys.find(Some("two")).is_some(), "the old keys are kept at {status}");
    }
    assert_eq!(changes.load(Ordering::SeqCst), 1, "what was verified is forgotten at a change only");

    issuer.answers(StatusCode::OK, &set(&["two", "three"]));
    until(|| keys.find(Some("three")).is_some()).await;
    let looked_at = Arc::downgrade(&keys.shared);
    drop(keys);
    until(|| looked_at.upgrade().is_none()).await;
}

#[tokio::test]
async fn an_unknown_key_has_the_url_asked_but_not_more_often_than_allowed() {
    let (issuer, source) = Issuer::start(&["one"]).await;
    let pace = Pace { every: NEVER, apart: Duration::from_millis(400) };
    let keys = Keys::open_at(pace, source, || ()).await.expect("fetched at the start");

    issuer.answers(StatusCode::OK, &set(&["one", "two"]));
    until(|| keys.find(Some("two")).is_some()).await;
    let begun = std::time::Instant::now();
    let before = issuer.asked();
    while begun.elapsed() < Duration::from_secs(1) {
        assert!(keys.find(Some("nobody's")).is_none());
        sleep(Duration::from_millis(1)).await;
    }
    let asked = issuer.asked() - before;
    assert!((1..=3).contains(&asked), "asked {asked} times in a second");
}

#[tokio::test]
async fn a_known_key_asks_nobody() {
    use futures::FutureExt as _;
    let found = JwkSet { keys: parse(set(&["one"]).as_bytes()).unwrap().keys };
    let shared = Arc::new(Shared { set: RwLock::new(found), unknown: Notify::new() });
    // Nobody looks: what is asked for stays to be seen.
    let looking = AbortOnDropHandle::new(tokio::spawn(std::future::pending()));
    let keys = Keys { shared: Arc::clone(&shared), _looking: looking };
    assert!(keys.find(Some("one")).is_some() && keys.find(None).is_some());
    assert!(shared.unknown.notified().now_or_never().is_none());
    assert!(keys.find(Some("two")).is_none());
    assert!(shared.unknown.notified().now_or_never().is_some(), "an unknown one has the source asked");
}

#[tokio::test]
async fn looking_for_a_key_does_not_wait_for_an_issuer_that_is_silent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap()).parse().unwrap();
    let silent = Arc::new(Notify::new());
    let is_silent = Arc::clone(&silent);
    let answers = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut first, _) = listener.accept().await.unwrap();
        let _ = first.read(&mut [0; 4_096]).await.unwrap();
        let body = set(&["one"]);
        let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        first.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        drop(first);
        // Accepted, and never answered.
        let unanswered = listener.accept().await.unwrap();
        is_silent.notify_one();
        std::future::pending::<()>().await;
        drop(unanswered);
    });
    let keys = Keys::open_at(QUICK, KeySource::Url { url, ca: None }, || ()).await.expect("the first answer");
    silent.notified().await;
    let begun = std::time::Instant::now();
    assert!(keys.find(Some("one")).is_some() && keys.find(Some("two")).is_none());
    assert!(begun.elapsed() < ANSWER, "the issuer was waited for");
    answers.abort();
}

#[tokio::test]
async fn a_source_without_keys_at_the_start_is_an_error_that_names_it() {
    let (issuer, source) = Issuer::start(&["one"]).await;
    issuer.answers(StatusCode::NOT_FOUND, "");
    let error = Keys::open(source, || ()).await.err().expect("no keys").to_string();
    assert!(error.contains("/keys") && error.contains("404"), "{error}");
    assert_eq!(issuer.asked(), usize::try_from(TRIES).unwrap(), "an issuer that starts late is waited for");
    let error = Keys::open(KeySource::File("/nowhere/keys".into()), || ()).await.err().expect("no file");
    assert!(error.to_string().contains("/nowhere/keys"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_replaced_is_taken_up() {
    let path = std::env::temp_dir().join(format!("keys-{}.json", uuid::Uuid::now_v7()));
    std::fs::write(&path, set(&["one"])).unwrap();
    let keys = Keys::open_at(QUICK, KeySource::File(path.clone()), || ()).await.expect("read");
    assert!(keys.find(Some("one")).is_some());
    std::fs::write(&path, set(&["two"])).unwrap();
    until(|| keys.find(Some("two")).is_some()).await;
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn half_a_file_is_not_taken_up_and_is_read_again_when_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let mut minutes = 0;
    let mut write = |text: &str| {
        std::fs::write(&path, text).unwrap();
        // Each written a minute after the last.
        minutes += 1;
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(60 * minutes);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
    };
    let mut reader = Reader::new(KeySource::File(path.clone())).unwrap();
    write(&set(&["one"]));
    assert!(reader.read().await.unwrap().is_some());
    assert!(reader.read().await.unwrap().is_none(), "not written since");
    write("half");
    for _ in 0..2 {
        reader.read().await.expect_err("half a set");
    }
    write(&set(&["two"]));
    assert!(reader.read().await.unwrap().expect("a set").find("two").is_some());
}

#[tokio::test]
async fn an_https_issuer_is_believed_by_its_ca_alone() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    for name in ["issuer", "another"] {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(file(&format!("{name}.pem")), made.cert.pem()).unwrap();
        std::fs::write(file(&format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
    }
    let files =
        crate::tls::ServerFiles { cert: file("issuer.pem"), key: file("issuer.key"), client_ca: None };
    let mut config = files.load().unwrap();
    config.alpn_protocols.clear();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/keys", listener.local_addr().unwrap().port());
    let serve = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4_096]).await;
            let body = set(&["one"]);
            let head =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    let open = |ca: &str| Keys::open(KeySource::Url { url: url.parse().unwrap(), ca: Some(file(ca)) }, || ());
    let keys = open("issuer.pem").await.expect("its CA");
    assert!(keys.find(Some("one")).is_some());
    let error = open("another.pem").await.err().expect("not its CA").to_string();
    assert!(error.contains("certificate"), "{error}");
    serve.abort();
}
