//! A sweep, a refusal and a family looked after, through the real binary.

use proto::registry as pb;
use serde_json::json;
use tests::{Sandbox, until};

use crate::shell::Shell;

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_a_refusal_and_a_family_looked_after() {
    let sandbox = Sandbox::start(&[tests::Part::Screening]).await;
    let county = sandbox.unit(&sandbox.root, pb::Level::County, "样区").await.name;
    let village = sandbox.unit(&county, pb::Level::Village, "一村").await.name;
    let grid = sandbox.unit(&village, pb::Level::Grid, "一网格").await.name;
    sandbox.appointed(&county, pb::Office::DutyOfficer, "duty").await;
    sandbox.appointed(&grid, pb::Office::Leader, "leader").await;
    let shell = Shell::new(sandbox);
    let known = ["persons", "list", "--below", &grid];
    until(async || shell.run("leader", &known).await.status.success().then_some(())).await;

    let create = ["sweeps", "create", "地毯式排查", "--unit", &county];
    let sweep = shell.json("duty", &create).await[0]["name"].as_str().unwrap().to_owned();
    assert_eq!(shell.json("leader", &["sweeps", "list"]).await[0]["name"], json!(sweep));
    let target = ["sweeps", "target", &sweep, &grid, "--number", "101", "--number", "102"];
    shell.ends(0, "leader", &target).await;
    let visits = format!(
        "event_id,grid,time,number,outcome\n\
         01900000-0000-7000-8000-000000000021,{grid},2020-02-02T09:00:00+08:00,101,visited\n\
         01900000-0000-7000-8000-000000000022,{grid},2020-02-02T09:00:00+08:00,102,refused\n\
         01900000-0000-7000-8000-000000000023,{grid},2020-02-02T09:00:00+08:00,103,asleep\n"
    );
    let file = shell.file("visits.csv", &visits);
    for _ in 0..2 {
        let refused = shell.ends(1, "leader", &["sweeps", "import", &file, "--sweep", &sweep]).await;
        assert!(refused.contains("asleep"), "{refused}");
    }
    let today = ["sweeps", "today", &sweep, &grid];
    assert!(shell.json("leader", &today).await.as_array().unwrap().is_empty());
    let progress = shell.json("duty", &["sweeps", "progress", &sweep, &county]).await;
    assert_eq!((&progress[0]["percent"], &progress[0]["refused"]), (&json!("100"), &json!("1")));
    let refusal = shell.json("duty", &["enforcements", "list"]).await[0].clone();
    assert_eq!((&refusal["household"], &refusal["outcome"]), (&json!("102"), &json!("open")));
    let settle =
        ["enforcements", "settle", refusal["name"].as_str().unwrap(), "complied", "--words", "at last"];
    assert_eq!(shell.json("leader", &settle).await[0]["outcome"], "complied");
    let more = ["sweeps", "target", &sweep, &grid, "--number", "101", "--number", "102", "--number", "104"];
    shell.ends(0, "leader", &more).await;
    assert_eq!(shell.json("leader", &today).await[0]["outcome"], "not visited");
    shell.ends(1, "duty", &["sweeps", "progress", &sweep, &county]).await;
    shell.ends(2, "duty", &["sweeps", "close", &sweep]).await;
    let except = format!("{grid}=the last family is in hospital");
    let closed = shell.json("duty", &["sweeps", "close", &sweep, "--except", &except]).await;
    assert_eq!(closed[0]["exceptions"], "1");

    let intake = ["persons", "intake", "张样例", "--unit", &grid, "--purpose", "returnee"];
    let intake = [&intake[..], &["--fact", "vehicle=G1234"]].concat();
    let person = shell.json("leader", &intake).await[0]["name"].as_str().unwrap().to_owned();
    let home = shell.json("leader", &["homes", "create", &grid, &person, "--since", "2020-01-24"]).await;
    let home = home[0]["name"].as_str().unwrap();
    let left = ["homes", "leave", home, &person, "--last", "2020-02-02"];
    assert_eq!(shell.json("leader", &left).await[0]["to"], "2020-02-02");
    assert_eq!(shell.json("leader", &["homes", "join", home, &person]).await.as_array().unwrap().len(), 2);
    let mine = ["homes", "list", "--person", &person];
    assert_eq!(shell.json("duty", &mine).await[0]["unit"], json!(grid));
    let team = ["support", "create-team", "包保小组", "--unit", &county, "--member", "volunteer:志愿者甲"];
    let team = shell.json("duty", &team).await[0]["name"].as_str().unwrap().to_owned();
    let offer = ["support", "offer", &person, "2 bags of vegetables and fruit"];
    let support = shell.json("leader", &offer).await[0]["name"].as_str().unwrap().to_owned();
    let accept = ["support", "move", &support, "accepted", "--team", &team];
    assert_eq!(shell.json("leader", &accept).await[0]["care_team"], json!(team));
    shell.ends(2, "leader", &["support", "move", &support, "confirmed"]).await;
    for state in ["delivered", "confirmed"] {
        assert_eq!(shell.json("leader", &["support", "move", &support, state]).await[0]["state"], state);
    }
    assert!(shell.json("leader", &["support", "list"]).await.as_array().unwrap().is_empty());
    assert_eq!(shell.json("duty", &["support", "teams"]).await[0]["members"], "志愿者甲 (volunteer)");
    shell.ends(0, "duty", &["support", "dissolve-team", &team]).await;
}
