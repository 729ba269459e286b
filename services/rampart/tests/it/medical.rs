//! A hospital from its entry to its free beds through the real binary.

use proto::registry as pb;
use serde_json::json;
use tests::{Sandbox, until};

use crate::shell::Shell;

#[tokio::test(flavor = "multi_thread")]
async fn a_hospital_its_directory_and_its_beds() {
    let sandbox = Sandbox::start(&[tests::Part::Medical]).await;
    let county = sandbox.unit(&sandbox.root, pb::Level::County, "双峰县").await.name;
    let town = sandbox.unit(&county, pb::Level::Township, "永丰街道").await.name;
    sandbox.appointed(&county, pb::Office::DutyOfficer, "duty").await;
    sandbox.appointed(&town, pb::Office::Leader, "leader").await;
    let shell = Shell::new(sandbox);
    let known = ["facilities", "list", "--below", &town];
    until(async || shell.run("leader", &known).await.status.success().then_some(())).await;

    let create = ["facilities", "create", "双峰县人民医院", "--unit", &county, "--grade", "1a"];
    let create = [&create[..], &["--code", "91110000101623741X", "--address", "样例路一号"]].concat();
    let output = shell.run("duty", &[&create[..], &["--output", "json"]].concat()).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("fails its check"));
    let made: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&made[0]["grade"], &made[0]["marks"]), (&json!("1A"), &json!("code_fails")));
    let name = made[0]["name"].as_str().unwrap().to_owned();
    let update = ["facilities", "update", &name, "--code-confirmed", "--grade", "2a"];
    assert_eq!(shell.json("duty", &update).await[0]["marks"], "");
    for role in ["designated-hospital", "fever-clinic"] {
        shell.ends(0, "duty", &["facilities", "grant", &name, role, "--order", "样例"]).await;
    }
    shell.ends(2, "duty", &["facilities", "grant", &name, "fever-clinic"]).await;
    let add = ["facilities", "add-phone", &name, "0738-0000001", "--label", "发热门诊"];
    let phone = shell.json("duty", &add).await[0]["name"].as_str().unwrap().to_owned();
    let hours = ["facilities", "update-phone", &phone, "--hours", "08:00-17:30"];
    assert_eq!(shell.json("duty", &hours).await[0]["hours"], "08:00-17:30");
    shell.ends(64, "duty", &["facilities", "update-phone", &phone, "--hours", "8"]).await;
    shell.ends(0, "duty", &["facilities", "verify-phone", &phone]).await;
    let printed =
        shell.ends(0, "leader", &["--lang", "zh", "facilities", "directory", "--county", "双峰县"]).await;
    for word in ["双峰县人民医院", "二级甲等", "定点医院, 发热门诊", "0738-0000001", "08:00-17:30", "by duty"]
    {
        assert!(printed.contains(word), "{word}: {printed}");
    }
    let called = ["--at", "2020-02-02T09:00:00+08:00"];
    for _ in 0..3 {
        let call = ["facilities", "call", &phone, "no-answer"];
        shell.ends(0, "leader", &[&call[..], &called].concat()).await;
    }
    assert_eq!(shell.json("duty", &["facilities", "calls", &phone]).await.as_array().unwrap().len(), 3);
    assert!(shell.json("duty", &["alarms", &county]).await.as_array().unwrap().is_empty(), "verified since");

    let add = ["beds", "add-ward", &name, "隔离病区", "isolation-single"];
    let ward = shell.json("duty", &add).await[0].clone();
    assert_eq!(ward["free"], "unknown");
    let ward = ward["name"].as_str().unwrap().to_owned();
    let find = ["facilities", "find", "--from", &town, "--role", "designated-hospital"];
    let find = [&find[..], &["--class", "isolation-single"]].concat();
    let unknown = shell.ends(1, "leader", &[&find[..], &["--output", "csv"]].concat()).await;
    assert!(unknown.contains("unknown: phone"), "{unknown}");
    shell.ends(1, "duty", &["beds", "sum", &county]).await;
    let beds = ["--physical", "10", "--staffed", "8", "--occupied", "5"];
    let at = ["--at", "2020-02-03T00:00:00+08:00"];
    let count = [&["beds", "count", &ward][..], &beds, &at].concat();
    assert_eq!(shell.json("duty", &count).await[0]["free"], "3");
    let found = shell.json("leader", &find).await[0].clone();
    assert_eq!((&found["free_beds"], &found["levels_up"]), (&json!("3"), &json!("1")));
    let counts = format!(
        "event_id,ward,as_of_time,physical,staffed,occupied\n\
         01900000-0000-7000-8000-000000000031,{ward},2020-02-02T23:00:00+08:00,10,8,9\n\
         01900000-0000-7000-8000-000000000032,{ward},2020-02-02T23:00:00+08:00,10,,9\n"
    );
    let file = shell.file("counts.csv", &counts);
    for _ in 0..2 {
        let refused = shell.ends(1, "duty", &["beds", "import", &file, "--output", "csv"]).await;
        assert!(refused.contains("staffed: is required") && refused.lines().count() == 2, "{refused}");
    }
    let history = shell.json("duty", &["beds", "history", &ward]).await;
    assert_eq!(history[1]["marks"], "over_staffed out_of_order");
    let sum = shell.json("duty", &["beds", "sum", &name]).await[0].clone();
    assert_eq!((&sum["free"], &sum["unknown_wards"]), (&json!("3"), &json!("0")));
    let set = ["policies", "set", &county, "figure-hours", "2", "--class", "isolation-single"];
    assert_eq!(shell.json("duty", &set).await[0]["area"], json!(county));
    let shown = shell.json("leader", &["policies", "show", &town]).await;
    assert_eq!((&shown[0]["value"], &shown[1]["area"]), (&json!("2"), &json!("usual")));
    let renamed = ["beds", "update-ward", &ward, "--class", "icu", "--name", "重症"];
    assert_eq!(shell.json("duty", &renamed).await[0]["free"], "unknown");
    shell.ends(0, "duty", &["beds", "close-ward", &ward, "--after", "2020-02-03"]).await;
    assert_eq!(shell.json("leader", &["beds", "list"]).await.as_array().unwrap().len(), 0, "not of the town");
    assert_eq!(shell.json("duty", &["beds", "list"]).await.as_array().unwrap().len(), 1);
    let end = ["facilities", "end-role", &name, "fever-clinic", "--after", "2020-02-03"];
    assert!(shell.json("duty", &end).await[0]["roles"].as_str().unwrap().contains("to 2020-02-03"));
    shell.ends(0, "duty", &["facilities", "remove-phone", &phone]).await;
    let closed = shell.json("duty", &["facilities", "close", &name, "--after", "2020-02-03"]).await;
    assert_eq!(closed[0]["end_date"], "2020-02-03");
    let listed = shell.json("duty", &["facilities", "list", "--role", "fever-clinic"]).await;
    assert_eq!(listed[0]["name"], json!(name));
}
