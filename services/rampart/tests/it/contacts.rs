//! A case and its contacts through the real binary.

use proto::registry as pb;
use serde_json::json;
use tests::{Sandbox, until};

use crate::shell::Shell;

#[tokio::test(flavor = "multi_thread")]
async fn a_case_its_contacts_and_what_must_be_reported() {
    let sandbox = Sandbox::start(&[tests::Part::Screening]).await;
    let county = sandbox.unit(&sandbox.root, pb::Level::County, "样区").await.name;
    let village = sandbox.unit(&county, pb::Level::Village, "一村").await.name;
    sandbox.appointed(&county, pb::Office::HealthOfficer, "doctor").await;
    let shell = Shell::new(sandbox);
    let known = ["persons", "list", "--below", &village];
    until(async || shell.run("doctor", &known).await.status.success().then_some(())).await;

    let intake = ["persons", "intake", "张样例", "--unit", &village, "--purpose", "febrile"];
    let person = shell.json("doctor", &intake).await[0]["name"].as_str().unwrap().to_owned();
    let contacts = format!(
        "event_id,kind,first_time,index,index_reference,display_name\n\
         01900000-0000-7000-8000-000000000011,shared_meal,2020-02-02T12:00:00+08:00,{person},,李样例\n\
         01900000-0000-7000-8000-000000000012,living_together,2020-02-02T12:00:00+08:00,,武汉 12,王样例\n\
         01900000-0000-7000-8000-000000000013,handshake,2020-02-02T12:00:00+08:00,{person},,赵样例\n"
    );
    let file = shell.file("contacts.csv", &contacts);
    let import = ["contacts", "import", &file, "--unit", &village, "--output", "csv"];
    for _ in 0..2 {
        let refused = shell.ends(1, "doctor", &import).await;
        assert!(refused.contains("handshake") && refused.lines().count() == 2, "{refused}");
    }
    let dangling = shell.json("doctor", &["contacts", "list", "--dangling"]).await[0].clone();
    assert_eq!(dangling["index"], "武汉 12");
    let link = ["contacts", "link", dangling["name"].as_str().unwrap(), &person];
    assert_eq!(shell.json("doctor", &link).await[0]["index"], json!(person));

    let open = ["cases", "open", &person, "--link", "stay", "--sign", "fever", "--sign", "imaging"];
    let case = shell.json("doctor", &[&open[..], &["--onset", "2020-02-01"]].concat()).await[0].clone();
    let case = case["name"].as_str().unwrap().to_owned();
    let taken = ["--taken", "2020-02-02T12:00:00+08:00", "--laboratory", "市疾控中心"];
    let record = [&["results", "record", &person, "positive"][..], &taken].concat();
    let result = shell.json("doctor", &record).await[0]["name"].as_str().unwrap().to_owned();
    assert_eq!(shell.json("doctor", &["results", "list", "--today"]).await[0]["name"], json!(result));
    shell.ends(2, "doctor", &["cases", "classify", &case, "confirmed"]).await;
    let classify = ["cases", "classify", &case, "confirmed", "--result", &result];
    assert_eq!(shell.json("doctor", &classify).await[0]["state"], "confirmed");
    assert!(shell.json("doctor", &["results", "list", "--today"]).await.as_array().unwrap().is_empty());
    let severity = ["cases", "severity", &case, "severe"];
    assert_eq!(shell.json("doctor", &severity).await[0]["severity"], "severe");
    let marked = shell.json("doctor", &["cases", "mark", &case, "reported"]).await;
    assert_eq!(marked[0]["overdue"], "");
    let shown = shell.ends(0, "doctor", &["cases", "get", &case]).await;
    assert!(shown.contains("investigated") && shown.contains("classified"), "{shown}");
    let figures = shell.json("doctor", &["cases", "count", &county]).await[0].clone();
    assert_eq!((&figures["confirmed_new"], &figures["severe_current"]), (&json!("1"), &json!("1")));
    let incident = shell.json("doctor", &["incidents", "list", "--today"]).await[0].clone();
    assert_eq!((&incident["kind"], &incident["grade"]), (&json!("first_case"), &json!("ungraded")));
    let report = ["incidents", "report", incident["name"].as_str().unwrap(), "--grade", "3"];
    assert_eq!(shell.json("doctor", &report).await[0]["grade"], "3");

    let count = shell.json("doctor", &["contacts", "count", &county]).await[0].clone();
    assert_eq!((&count["traced"], &count["under_observation"]), (&json!("2"), &json!("2")));
    let tree = shell.ends(0, "doctor", &["contacts", "trace", &person, "--draw", "tree"]).await;
    assert!(tree.starts_with(&person) && tree.lines().count() == 3, "{tree}");
    let graph = shell.ends(0, "doctor", &["contacts", "trace", &person, "--draw", "graph"]).await;
    assert_eq!(graph.matches("->").count(), 2, "{graph}");
    let edges = shell.ends(0, "doctor", &["contacts", "trace", &person, "--output", "csv"]).await;
    assert!(edges.starts_with("generation,name,index,contact"), "{edges}");
}

#[tokio::test(flavor = "multi_thread")]
async fn i12_a_list_that_looks_damaged_is_shown_before_anything_is_sent_and_one_of_gb18030_is_read() {
    let sandbox = Sandbox::start(&[tests::Part::Screening]).await;
    let county = sandbox.unit(&sandbox.root, pb::Level::County, "样区").await.name;
    sandbox.appointed(&county, pb::Office::DutyOfficer, "duty").await;
    let shell = Shell::new(sandbox);
    let known = ["persons", "list", "--below", &county];
    until(async || shell.run("duty", &known).await.status.success().then_some(())).await;
    let persons = async || shell.json("duty", &["persons", "list"]).await.as_array().unwrap().len();

    let list = "event_id,display_name\n\
                01900000-0000-7000-8000-000000000021,张样例\n\
                01900000-0000-7000-8000-000000000022,ÖêÉ½\n";
    let file = shell.file("damaged.csv", list);
    let import = ["handdowns", "import", &file, "--from", &county, "--list", "police", "--output", "csv"];
    let shown = shell.ends(1, "duty", &import).await;
    assert_eq!(shown.lines().collect::<Vec<_>>()[1..], ["3,display_name,GB18030 read as Latin-1,株山"]);
    assert_eq!(persons().await, 0, "nothing was sent");
    shell.ends(0, "duty", &[&import[..], &["--accept-damaged"]].concat()).await;
    assert_eq!(persons().await, 2);
    let damaged = shell.json("duty", &["persons", "list", "--damaged"]).await;
    assert_eq!(damaged.as_array().unwrap().len(), 1);
    assert_eq!(damaged[0]["damaged"], "display_name: gb18030_as_latin1, perhaps 株山");

    // As a spreadsheet saves it: 李样例 in GB18030.
    let mut bytes = b"event_id,display_name\n01900000-0000-7000-8000-000000000023,".to_vec();
    bytes.extend_from_slice(b"\xc0\xee\xd1\xf9\xc0\xfd\n");
    let path = shell.folder.path().join("gb18030.csv");
    std::fs::write(&path, bytes).unwrap();
    let import = ["handdowns", "import", path.to_str().unwrap(), "--from", &county, "--list", "police"];
    shell.ends(0, "duty", &import).await;
    let names = shell.json("duty", &["persons", "list"]).await;
    assert!(names.as_array().unwrap().iter().any(|one| one["display_name"] == "李样例"), "{names}");
}
