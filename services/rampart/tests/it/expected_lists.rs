//! What a county expects of its stations through the real binary.

use proto::registry as pb;
use serde_json::json;
use tests::{Sandbox, until};

use crate::shell::Shell;

#[tokio::test(flavor = "multi_thread")]
async fn a_county_says_which_lists_it_expects_and_sees_which_have_not_come() {
    let sandbox = Sandbox::start(&[tests::Part::Screening]).await;
    let county = sandbox.unit(&sandbox.root, pb::Level::County, "样区").await.name;
    sandbox.appointed(&county, pb::Office::DutyOfficer, "duty").await;
    let shell = Shell::new(sandbox);
    let list = ["handdowns", "expected", "list"];
    until(async || shell.run("duty", &list).await.status.success().then_some(())).await;
    let set = ["handdowns", "expected", "set", &county, "--list", "station", "--from", "样例站", "--date"];
    let said = ["2020-02-03", "--by", "16:00", "--order", "Order No. 13"];
    let said = shell.json("duty", &[&set[..], &said].concat()).await[0].clone();
    assert_eq!((&said["due_by"], &said["covers_until"]), (&json!("16:00"), &json!("16:00")));
    let name = said["name"].as_str().unwrap();
    let today = shell.json("duty", &["today"]).await;
    assert_eq!(
        (&today[0]["what"], &today[0]["subject"]),
        (&json!("take the list in"), &json!(name)),
        "{today:#}"
    );
    shell.sandbox.clock.advance_to("2020-02-03T16:05:00+08:00".parse().unwrap());
    let missing = ["handdowns", "expected", "missing"];
    until(async || (shell.run("duty", &missing).await.status.code() == Some(1)).then_some(())).await;
    shell.ends(1, "duty", &list).await;
    assert_eq!(shell.json("duty", &["today"]).await[0]["what"], "get the list, or say nil");
    let people =
        shell.file("list.csv", "event_id,display_name\n0190a000-0000-7000-8000-000000000001,张样例\n");
    let import =
        ["handdowns", "import", &people, "--from", &county, "--list", "station", "--sent-by", "样例站"];
    shell.ends(0, "duty", &import).await;
    let came = shell.json("duty", &list).await[0].clone();
    assert_eq!((&came["state"], &came["received"]), (&json!("late"), &json!("2020-02-03T16:05:00+08:00")));
    shell.ends(0, "duty", &missing).await;
    shell.sandbox.clock.advance_to("2020-02-04T15:00:00+08:00".parse().unwrap());
    let nil = ["handdowns", "expected", "nil", name, "--words", "by phone"];
    assert_eq!(shell.json("duty", &nil).await[0]["state"], "nil");
    let no_more = ["2020-02-05", "--no-more", "--order", "Order No. 14"];
    assert_eq!(shell.json("duty", &[&set[..], &no_more].concat()).await[0]["due_by"], "");
    assert_eq!(shell.json("duty", &[&list[..], &["--date", "2020-02-05"]].concat()).await, json!([]));
}
