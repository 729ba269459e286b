//! A returnee from intake to release through the real binary.

use proto::registry as pb;
use serde_json::json;
use tests::{Sandbox, until};

use crate::shell::Shell;

#[tokio::test(flavor = "multi_thread")]
async fn a_returnee_from_intake_to_release() {
    let sandbox = Sandbox::start(&[tests::Part::Screening]).await;
    let root = sandbox.root.clone();
    let county = sandbox.unit(&root, pb::Level::County, "样区").await.name;
    let village = sandbox.unit(&county, pb::Level::Village, "一村").await.name;
    let grid = sandbox.unit(&village, pb::Level::Grid, "一网格").await.name;
    sandbox.appointed(&county, pb::Office::DutyOfficer, "duty").await;
    sandbox.appointed(&county, pb::Office::HealthOfficer, "doctor").await;
    sandbox.appointed(&grid, pb::Office::Leader, "leader").await;
    let shell = Shell::new(sandbox);
    let known = ["persons", "list", "--below", &grid];
    until(async || shell.run("leader", &known).await.status.success().then_some(())).await;

    let intake = ["persons", "intake", "张样例", "--unit", &grid, "--purpose", "returnee"];
    let person = shell.json("leader", &intake).await[0]["name"].as_str().unwrap().to_owned();
    let open = ["observations", "open", &person, "--basis", "returnee", "--exposed", "2020-01-12"];
    let opened = shell.json("leader", &open).await[0].clone();
    assert_eq!((&opened["state"], &opened["basis"]), (&json!("active"), &json!("returnee")));
    let name = opened["name"].as_str().unwrap().to_owned();
    let today = shell.json("leader", &["observations", "today"]).await;
    assert_eq!(today[0]["read_by"], "2020-02-03T12:00:00+08:00");

    let at = ["--at", "2020-02-03T00:00:00+08:00"];
    let take = ["readings", "take", &name, "--temperature", "369"];
    shell.ends(1, "leader", &[&take[..], &at].concat()).await;
    let take = ["readings", "take", &name, "--temperature", "36.5", "--symptom", "cough"];
    let taken = shell.json("leader", &[&take[..], &at].concat()).await[0].clone();
    assert_eq!((&taken["result"], &taken["outcome"]), (&json!("accepted"), &json!("symptoms")));
    let today = ["referrals", "list", "--today"];
    let referral = shell.json("doctor", &today).await[0].clone();
    assert_eq!((&referral["name"], &referral["symptoms"]), (&taken["referral"], &json!("cough")));
    let referral = referral["name"].as_str().unwrap();
    let answer = ["referrals", "answer", referral, "--says", "cleared", "--facility", "人民医院"];
    assert_eq!(shell.json("doctor", &answer).await[0]["answer"], "cleared");
    assert!(shell.json("doctor", &today).await.as_array().unwrap().is_empty());

    let readings = format!(
        "event_id,observation,taken_time,kind,temperature\n\
         01900000-0000-7000-8000-000000000001,{name},2020-02-03T00:00:00+08:00,taken,36.4\n\
         01900000-0000-7000-8000-000000000002,{name},2020-02-03T00:00:00+08:00,gone,36.4\n"
    );
    let file = shell.file("readings.csv", &readings);
    for _ in 0..2 {
        let refused = shell.ends(1, "leader", &["readings", "import", &file, "--output", "csv"]).await;
        assert!(refused.contains("gone") && refused.lines().count() == 2, "{refused}");
    }
    assert_eq!(shell.json("leader", &["readings", "list", &name]).await.as_array().unwrap().len(), 2);
    assert_eq!(shell.json("leader", &["readings", "slots", &name]).await[0]["outcome"], "symptoms");

    shell.ends(0, "leader", &["observations", "lose", &name, "--reason", "not at home"]).await;
    assert_eq!(shell.json("duty", &["observations", "chase", &village]).await[0]["kind"], "lost");
    let lost = shell.json("duty", &["observations", "list", "--state", "lost", "--below", &county]).await;
    assert_eq!(lost[0]["name"], name);
    shell.ends(0, "leader", &["observations", "find", &name, "--reason", "came back"]).await;
    shell.ends(2, "duty", &["observations", "release", &name]).await;
    let release = ["observations", "release", &name, "--override", "--reason", "seen at the hospital"];
    shell.ends(2, "duty", &release).await;
    assert_eq!(shell.json("doctor", &release).await[0]["ending"], "released");
    let events = shell.ends(0, "duty", &["observations", "get", &name]).await;
    assert!(events.contains("seen at the hospital") && events.contains("came back"), "{events}");
    let proof = shell.json("duty", &["prove", "--law", "persons", "--from", "2020-02-03"]).await;
    assert_eq!(proof.as_array().unwrap().len(), 1, "{proof:#}");
    assert_eq!((&proof[0]["law"], &proof[0]["result"]), (&json!("persons"), &json!("kept")));

    // Kept for 180 days, announced a fortnight before, and then erased (P2).
    shell.sandbox.clock.advance_to("2020-07-20T12:00:00+08:00".parse().unwrap());
    let announced = shell.json("doctor", &["erasures", "list", "--state", "announced"]).await[0].clone();
    assert_eq!((&announced["person"], &announced["delete_after"]), (&json!(person), &json!("2020-08-01")));
    shell.sandbox.clock.advance_to("2020-08-02T12:00:00+08:00".parse().unwrap());
    let erased = ["erasures", "list", "--state", "erased"];
    let erased = until(async || shell.json("doctor", &erased).await.get(0).cloned()).await;
    assert_eq!((&erased["person"], &erased["findings"]), (&json!(person), &json!("1")));
    let gone = shell.json("leader", &["persons", "get", &person]).await[0].clone();
    assert_eq!((&gone["display_name"], &gone["erased"]), (&json!(""), &json!("2020-08-02T12:00:00+08:00")));
}

#[tokio::test(flavor = "multi_thread")]
async fn p3_an_epidemic_is_closed_by_three_and_its_certificate_is_made_again() {
    let sandbox = Sandbox::start(&[tests::Part::Screening]).await;
    let root = sandbox.root.clone();
    let county = sandbox.unit(&root, pb::Level::County, "样区").await.name;
    let village = sandbox.unit(&county, pb::Level::Village, "一村").await.name;
    let grid = sandbox.unit(&village, pb::Level::Grid, "一网格").await.name;
    sandbox.appointed(&grid, pb::Office::Leader, "leader").await;
    sandbox.appointed(&county, pb::Office::DutyOfficer, "duty").await;
    sandbox.appointed(&county, pb::Office::Leader, "chief").await;
    sandbox.appointed(&root, pb::Office::DutyOfficer, "city").await;
    let shell = Shell::new(sandbox);
    let known = ["persons", "list", "--below", &grid];
    for subject in ["leader", "duty", "chief", "city"] {
        until(async || shell.run(subject, &known).await.status.success().then_some(())).await;
    }
    let intake = ["persons", "intake", "张样例", "--unit", &grid, "--purpose", "returnee"];
    let person = shell.json("leader", &intake).await[0]["name"].as_str().unwrap().to_owned();
    shell.ends(0, "duty", &["persons", "waive", &person, "--reason", "well"]).await;

    let close = ["erasures", "close", &county, "--reason", "the epidemic is over"];
    let proposed = shell.json("duty", &close).await[0].clone();
    assert_eq!((&proposed["state"], &proposed["would_erase"]), (&json!("proposed"), &json!("1")));
    let name = proposed["name"].as_str().unwrap().to_owned();
    let named = shell.json("duty", &["erasures", "list", "--closure", &name]).await;
    assert_eq!(named[0]["person"], person);
    let (approve, certificate) = (["erasures", "approve", &name], ["erasures", "certificate", &name]);
    shell.ends(2, "duty", &approve).await;
    assert_eq!(shell.json("chief", &approve).await[0]["state"], "proposed");
    assert_eq!(shell.json("city", &approve).await[0]["state"], "erasing");
    shell.ends(2, "city", &["erasures", "cancel", "closures/1", "--reason", "none"]).await;
    shell.sandbox.clock.advance_to("2020-02-04T12:00:00+08:00".parse().unwrap());
    let closed = ["erasures", "closures", "--state", "closed"];
    until(async || (shell.json("duty", &closed).await[0]["name"] == name).then_some(())).await;
    let certified = shell.json("duty", &certificate).await[0].clone();
    assert_eq!((&certified["erased"], &certified["first"]), (&json!("1"), &json!(person)));
    assert_eq!(
        (&certified["checked"], &certified["approved_by"]),
        (&json!("the same"), &json!("chief, city"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_traveller_from_a_toll_post_to_a_village() {
    let sandbox = Sandbox::start(&[tests::Part::Screening]).await;
    let root = sandbox.root.clone();
    let county = sandbox.unit(&root, pb::Level::County, "样区").await.name;
    let village = sandbox.unit(&county, pb::Level::Village, "一村").await.name;
    sandbox.appointed(&county, pb::Office::DutyOfficer, "duty").await;
    sandbox.appointed(&village, pb::Office::Leader, "leader").await;
    let shell = Shell::new(sandbox);
    let known = ["persons", "list", "--below", &village];
    until(async || shell.run("leader", &known).await.status.success().then_some(())).await;

    let create = ["checkpoints", "create", "--unit", &county, "--name", "样区收费站", "--kind", "toll"];
    let create = [&create[..], &["--since", "2020-02-02"]].concat();
    let post = shell.json("duty", &create).await[0]["name"].as_str().unwrap().to_owned();
    let passages = "event_id,pass_time,display_name,place,temperature,from_outside\n\
                    01900000-0000-7000-8000-000000000001,2020-02-03T00:00:00+08:00,甲样例,,36.5,no\n\
                    01900000-0000-7000-8000-000000000002,2020-02-03T00:00:00+08:00,乙样例,样区一村,36.5,yes\n\
                    01900000-0000-7000-8000-000000000003,today,丙样例,,36.5,no\n";
    let file = shell.file("passages.csv", passages);
    for _ in 0..2 {
        let sent = shell.ends(1, "duty", &["passages", "import", &file, "--at", &post]).await;
        assert!(sent.contains("today"), "{sent}");
    }
    let shifts = shell.json("duty", &["checkpoints", "shifts", &post, "--date", "2020-02-03"]).await;
    assert_eq!((&shifts[0]["passed"], &shifts[0]["sent_down"]), (&json!("2"), &json!("1")));
    let nil = ["checkpoints", "nil", &post, "2020-02-02T12:00:00+08:00"];
    assert_eq!(shell.json("duty", &nil).await[0]["state"], "nil");
    shell.ends(1, "duty", &["checkpoints", "shifts", &post, "--date", "2020-02-02"]).await;

    let listed = shell.json("duty", &["handdowns", "list", "--outgoing"]).await;
    assert_eq!((&listed[0]["to_unit"], &listed[0]["state"]), (&json!(village), &json!("created")));
    let name = listed[0]["name"].as_str().unwrap().to_owned();
    shell.ends(0, "duty", &["handdowns", "send", &county]).await;
    assert_eq!(shell.json("leader", &["handdowns", "acknowledge", &name]).await[0]["state"], "acknowledged");
    let verify = ["handdowns", "verify", &name, "found", "--observe-since", "2020-02-03"];
    assert_eq!(shell.json("leader", &verify).await[0]["outcome"], "found");
    let watched = shell.json("leader", &["observations", "list"]).await;
    assert_eq!(watched[0]["responsible_unit"], json!(village));

    let list = "event_id,display_name,place\n\
                01900000-0000-7000-8000-000000000004,丁样例,样区一村\n\
                01900000-0000-7000-8000-000000000005,,样区一村\n";
    let file = shell.file("list.csv", list);
    let import = ["handdowns", "import", &file, "--from", &county, "--list", "police", "--reference", "1"];
    let refused = shell.ends(1, "duty", &import).await;
    assert!(refused.contains("display_name"), "{refused}");
    let schedule = shell.json("duty", &["handdowns", "schedule", &county]).await;
    assert_eq!((&schedule[2]["sender_level"], &schedule[2]["send_by"]), (&json!("county"), &json!("17:00")));
    shell.ends(0, "duty", &["prove", "--law", "persons"]).await;
}
