//! The main job in a small city, as the real binary plays it, on a durable Postgres of its own.

use std::process::Command;

use serde_json::{Value, json};

#[test]
fn the_demo_comes_to_what_was_published_and_nothing_falls_through() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rampart"));
    command.args(["demo", "--small", "--exit", "--output", "json", "--data"]).arg(folder.path().join("demo"));
    for service in ["registry", "reporting", "screening", "medical"] {
        command.args([&format!("--{service}"), "127.0.0.1:0"]);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();

    // 3 February (RULES, Size and D6).
    assert_eq!(told["units"]["township"]["count"], 88);
    let contacts =
        json!({"traced": 902, "released": 40, "converted": 9, "under_observation": 853, "lost": 0});
    assert_eq!(told["persons"]["contacts"], contacts);
    let sealed = json!({"traced": 902, "released": 40, "converted": 9, "observed": 853, "source": "real"});
    assert_eq!(told["epidemic_day"]["contacts"], sealed);
    assert_eq!(told["epidemic_day"]["drafts"]["unexplained"], 0);
    let febrile = json!({"seen": 30, "cleared": 23, "sent_on": 7, "excluded": 7});
    assert_eq!(told["persons"]["luguan_febrile"], febrile);
    assert_eq!(told["persons"]["returnees"]["luguan"], 638);
    assert_eq!(told["persons"]["support"], "confirmed");

    // 11 February, and the afternoon of Order No. 13.
    let registers = json!({"source": "real", "confirmed": 69, "discharged": 18, "died": 0});
    assert_eq!(told["week"]["registers"], registers);
    assert_eq!(told["order13"]["unacknowledged"].as_array().unwrap().len(), 2);
    for morning_or_end in ["laws_4_february", "laws"] {
        for law in ["offices", "tree", "persons", "reports"] {
            assert_eq!(told[morning_or_end][law], true, "{}", told[morning_or_end]);
        }
    }
}
