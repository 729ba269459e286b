//! What a command centre says of its area through the real binary.

use proto::registry as pb;
use serde_json::json;
use tests::{Sandbox, until};

use crate::shell::Shell;

#[tokio::test(flavor = "multi_thread")]
async fn a_command_centre_says_how_persons_are_observed_and_its_response_level() {
    let sandbox = Sandbox::start(&[tests::Part::Screening]).await;
    let root = sandbox.root.clone();
    let county = sandbox.unit(&root, pb::Level::County, "样区").await.name;
    let village = sandbox.unit(&county, pb::Level::Village, "一村").await.name;
    sandbox.appointed(&county, pb::Office::DutyOfficer, "duty").await;
    let shell = Shell::new(sandbox);
    let shown = ["schedules", "terms", &village];
    until(async || shell.run("duty", &shown).await.status.success().then_some(())).await;
    let usual = shell.json("duty", &shown).await;
    assert_eq!((&usual[0]["basis"], &usual[0]["days"]), (&json!("returnee"), &json!("14")));

    let set = ["schedules", "terms", &county, "--date", "2020-02-03", "--days", "21", "--slots", "3"];
    shell.ends(2, "duty", &set).await;
    let order = ["--order", "Order No. 9", "--basis", "returnee"];
    let terms = shell.json("duty", &[&set[..], &order].concat()).await[0].clone();
    assert_eq!(
        (&terms["days"], &terms["slots_a_day"], &terms["area_unit"]),
        (&json!("21"), &json!("3"), &json!(county))
    );
    assert_eq!(shell.json("duty", &shown).await[0]["order"], "Order No. 9");
    assert_eq!(shell.json("duty", &shown).await[1]["days"], "14", "of contacts nothing was said");

    let level = ["schedules", "level", &village];
    assert_eq!(shell.json("duty", &level).await[0]["level"], "1");
    let say =
        ["schedules", "level", &county, "--set", "2", "--date", "2020-02-04", "--order", "Order No. 10"];
    assert_eq!(shell.json("duty", &say).await[0]["effective_date"], "2020-02-04");
    let later = ["schedules", "level", &village, "--date", "2020-02-04"];
    assert_eq!(shell.json("duty", &later).await[0]["level"], "2");
    assert_eq!(shell.json("duty", &level).await[0]["level"], "1", "not yet");
    let past =
        ["schedules", "level", &county, "--set", "2", "--date", "2020-02-02", "--order", "Order No. 10"];
    shell.ends(2, "duty", &past).await;
}
