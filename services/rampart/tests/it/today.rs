//! What must be done today, through the real binary: a worklist each, in due order.

use std::time::Duration;

use proto::registry as pb;
use serde_json::{Value, json};
use tests::{Sandbox, until};

use crate::shell::Shell;

/// How long a line of a feed may take.
const SOON: Duration = Duration::from_secs(30);

/// A county with a village and a grid; a duty officer, a doctor, and the grid's leader.
async fn shell() -> (Shell, String, String) {
    let sandbox = Sandbox::start(tests::ALL).await;
    let county = sandbox.unit(&sandbox.root, pb::Level::County, "样区").await.name;
    let village = sandbox.unit(&county, pb::Level::Village, "一村").await.name;
    let grid = sandbox.unit(&village, pb::Level::Grid, "一网格").await.name;
    sandbox.appointed(&county, pb::Office::DutyOfficer, "duty").await;
    sandbox.appointed(&county, pb::Office::HealthOfficer, "doctor").await;
    sandbox.appointed(&county, pb::Office::Integrator, "machine").await;
    sandbox.appointed(&grid, pb::Office::Leader, "leader").await;
    let shell = Shell::new(sandbox);
    let known = ["persons", "list", "--below", &grid];
    until(async || shell.run("leader", &known).await.status.success().then_some(())).await;
    (shell, county, grid)
}

fn column(rows: &Value, key: &str) -> Vec<String> {
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row[key].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grid_leader_is_told_whom_to_watch_over_and_whom_to_read() {
    let (shell, _, grid) = shell().await;
    let mut observations = Vec::new();
    for (name, exposed) in [("甲样例", "2020-02-01"), ("乙样例", "2020-01-12")] {
        let intake = ["persons", "intake", name, "--unit", &grid, "--purpose", "returnee"];
        let person = shell.json("leader", &intake).await[0]["name"].as_str().unwrap().to_owned();
        let unobserved = shell.json("leader", &["persons", "list", "--today"]).await;
        assert_eq!(column(&unobserved, "name"), [person.as_str()]);
        let open = ["observations", "open", &person, "--basis", "returnee", "--exposed", exposed];
        observations.push(shell.json("leader", &open).await[0]["name"].as_str().unwrap().to_owned());
    }
    let to_do = shell.json("leader", &["observations", "list", "--today"]).await;
    assert_eq!(to_do, shell.json("leader", &["observations", "today"]).await);
    assert_eq!(to_do.as_array().unwrap().len(), 2);
    let to_read = shell.json("leader", &["readings", "list", "--today", "--below", &grid]).await;
    assert_eq!(column(&to_read, "read_by"), ["2020-02-03T12:00:00+08:00"; 2]);
    assert_eq!(column(&to_read, "place"), ["home"; 2]);
    let take = ["readings", "take", &observations[0], "--temperature", "36.5"];
    shell.ends(0, "leader", &[&take[..], &["--at", "2020-02-03T00:00:00+08:00"]].concat()).await;
    let to_read = shell.json("leader", &["readings", "list", "--today"]).await;
    assert_eq!(column(&to_read, "observation"), [observations[1].as_str()]);
    shell.ends(2, "leader", &["readings", "list"]).await;
    shell.ends(2, "leader", &["readings", "list", &observations[0], "--today"]).await;

    // The feed of the same: what is open, then what changes, each with where to resume.
    let followed = shell.follow("machine", &["observations", "watch", "--output", "json"]);
    let next = || -> Value { serde_json::from_str(&followed.recv_timeout(SOON).unwrap()).unwrap() };
    let mut open = [next(), next()].map(|line| line["name"].as_str().unwrap().to_owned());
    open.sort_unstable();
    observations.sort_unstable();
    assert_eq!(open[..], observations[..]);
    let whole = next();
    assert_eq!(whole["event"], "snapshot-end");
    shell.ends(0, "leader", &["observations", "lose", &observations[0], "--reason", "not at home"]).await;
    let lost = loop {
        let line = next();
        if line["state"] == "lost" {
            break line;
        }
    };
    assert_eq!((&lost["event"], &lost["name"]), (&json!("observation"), &json!(observations[0])));
    let token = whole["token"].as_str().unwrap();
    let again = shell.follow("machine", &["observations", "watch", "--since", token]);
    assert!(again.recv_timeout(SOON).unwrap().starts_with("observation  "), "words for people");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duty_officer_is_told_of_shifts_and_sweeps_that_are_not_done() {
    let (shell, county, grid) = shell().await;
    let mut posts = Vec::new();
    for name in ["样区收费站", "样区汽车站"] {
        let create = ["checkpoints", "create", "--unit", &county, "--name", name, "--kind", "toll"];
        let create = [&create[..], &["--since", "2020-02-03"]].concat();
        posts.push(shell.json("duty", &create).await[0]["name"].as_str().unwrap().to_owned());
    }
    let passages = "event_id,pass_time,display_name,place,temperature,from_outside\n\
                    01900000-0000-7000-8000-000000000001,2020-02-03T00:00:00+08:00,甲样例,,36.5,no\n";
    let file = shell.file("passages.csv", passages);
    shell.ends(0, "duty", &["passages", "import", &file, "--at", &posts[0]]).await;
    let picture = shell.json("duty", &["passages", "list", "--today", "--below", &county]).await;
    assert_eq!(column(&picture, "passed").iter().filter(|count| *count == "1").count(), 1);
    shell.sandbox.clock.advance_to("2020-02-03T09:00:00+08:00".parse().unwrap());
    let missing = ["passages", "list", "--today", "--output", "json"];
    let missing: Value = serde_json::from_str(&shell.ends(1, "duty", &missing).await).unwrap();
    assert_eq!((&missing[0]["state"], &missing[0]["checkpoint"]), (&json!("missing"), &json!(posts[1])));
    assert!(column(&missing, "state")[1..].iter().all(|state| state != "missing"));
    shell.ends(0, "duty", &["passages", "list", "--date", "2020-02-03", "--at", &posts[0]]).await;
    shell.ends(2, "duty", &["passages", "list"]).await;

    let create = ["sweeps", "create", "地毯式排查", "--unit", &county];
    let sweep = shell.json("duty", &create).await[0]["name"].as_str().unwrap().to_owned();
    shell.ends(0, "leader", &["sweeps", "target", &sweep, &grid, "--households", "12"]).await;
    let to_do = shell.json("leader", &["sweeps", "list", "--today", "--unit", &grid]).await;
    assert_eq!(
        (column(&to_do, "what"), column(&to_do, "subject")),
        (vec!["visit households".to_owned()], vec![sweep])
    );
    let all = shell.json("duty", &["today", "--below", &county]).await;
    assert!(column(&all, "what").contains(&"visit households".to_owned()), "{all:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_to_be_followed_linked_and_decided_on_are_one_worklist() {
    let (shell, _, grid) = shell().await;
    let intake = ["persons", "intake", "张样例", "--unit", &grid, "--purpose", "febrile"];
    let index = shell.json("doctor", &intake).await[0]["name"].as_str().unwrap().to_owned();
    let open = ["cases", "open", &index, "--link", "stay", "--sign", "fever", "--sign", "imaging"];
    let case = shell.json("doctor", &[&open[..], &["--onset", "2020-02-01"]].concat()).await[0].clone();
    let case = case["name"].as_str().unwrap().to_owned();
    shell.ends(0, "doctor", &["cases", "classify", &case, "suspected"]).await;
    let to_do = shell.json("doctor", &["today"]).await;
    let row = to_do.as_array().unwrap().iter().find(|row| row["subject"] == json!(case)).unwrap();
    assert_eq!((&row["what"], &row["more"]), (&json!("report the case"), &json!("suspected")));
    for step in ["reported", "audited"] {
        shell.ends(0, "doctor", &["cases", "mark", &case, step]).await;
    }
    let to_do = shell.json("doctor", &["today"]).await;
    assert!(column(&to_do, "what").contains(&"isolate the person".to_owned()), "{to_do:#}");
    let due: Vec<_> = column(&to_do, "due").into_iter().filter(|due| !due.is_empty()).collect();
    assert!(due.is_sorted(), "in due order: {due:?}");
    let contacts = format!(
        "event_id,kind,first_time,index,index_reference,display_name\n\
         01900000-0000-7000-8000-000000000011,shared_meal,2020-02-02T12:00:00+08:00,{index},,李样例\n\
         01900000-0000-7000-8000-000000000012,living_together,2020-02-02T12:00:00+08:00,,武汉 12,王样例\n"
    );
    let file = shell.file("contacts.csv", &contacts);
    shell.ends(0, "doctor", &["contacts", "import", &file, "--unit", &grid]).await;
    let intake = ["persons", "intake", "赵样例", "--unit", &grid, "--purpose", "contact"];
    shell.json("leader", &intake).await;
    let today = ["contacts", "list", "--today", "--below", &grid];
    let to_do = shell.json("doctor", &today).await;
    assert_eq!(column(&to_do, "what"), ["put under observation", "say who the index is"]);
    assert_eq!(to_do[1]["more"], "武汉 12");
    let excluded = ["cases", "classify", &case, "excluded", "--override", "--reason", "all are sure"];
    shell.ends(0, "doctor", &excluded).await;
    let to_do = until(async || {
        let to_do = shell.json("doctor", &today).await;
        (to_do.as_array().unwrap().len() == 3).then_some(to_do)
    })
    .await;
    assert!(column(&to_do, "what").contains(&"keep or void the observation".to_owned()), "{to_do:#}");
}
