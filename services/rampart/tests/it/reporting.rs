//! A day of a form through the real binary: every command on reporting, and the exit codes that scripts
//! go by.

use std::{ops::Deref, time::Duration};

use proto::registry as pb;
use serde_json::{Value, json};
use tests::{Part, Sandbox};

use crate::shell::Shell;

/// A county of three villages that report.
struct Town {
    shell: Shell,
    form: String,
    county: String,
    villages: Vec<String>,
}

const DAY: &str = "2020-02-04";

fn village_day() -> Value {
    let label = |zh: &str, en: &str| json!({"zh": zh, "en": en});
    json!({
        "key": "village-day",
        "label": label("村日报", "Village day"),
        "start_date": DAY,
        "level": "village",
        "sign_off_level": "county",
        "fields": [
            {"key": "at_home", "label": label("在家", "At home"), "kind": "stock", "required": true},
            {"key": "sick", "label": label("发热", "Sick"), "kind": "flow", "counts_towards_zero": true,
             "cumulative": true, "publication": "full"},
        ],
        "schedule": {
            "window_end_minutes": 1440,
            "slots": [{"deadline_minutes": 960, "grace_minutes": 30, "hard_close_minutes": 1080}],
        },
        "note": label("假定的时间", "Assumed hours"),
    })
}

impl Deref for Town {
    type Target = Shell;

    fn deref(&self) -> &Shell {
        &self.shell
    }
}

impl Town {
    async fn start() -> Self {
        let sandbox = Sandbox::start(&[Part::Screening, Part::Reporting]).await;
        let root = sandbox.root.clone();
        let county = sandbox.unit(&root, pb::Level::County, "样区").await.name;
        let township = sandbox.unit(&county, pb::Level::Township, "样街道").await.name;
        let mut villages = Vec::new();
        for name in ["一村", "二村", "三村"] {
            villages.push(sandbox.unit(&township, pb::Level::Village, name).await.name);
        }
        sandbox.appointed(&root, pb::Office::DutyOfficer, "duty").await;
        sandbox.appointed(&county, pb::Office::Leader, "leader").await;
        // Units report from the day after they were made.
        sandbox.clock.advance_to("2020-02-03T17:00:00Z".parse().unwrap());
        Self { shell: Shell::new(sandbox), form: "village-day".to_owned(), county, villages }
    }

    /// Waits until the day is open, which takes until reporting has heard of the tree.
    async fn open(&self, form: &str) {
        for _ in 0..100 {
            if self.run("duty", &["days", "open", form, DAY]).await.status.success() {
                let day = self.json("duty", &["days", "show", form, DAY]).await;
                if day["state"] == "open" {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the day does not open");
    }
}

/// Changes are lines of both watches, soon after they are made.
async fn watched(shell: &Town) {
    let root = shell.sandbox.root.clone();
    let totals = shell.follow("duty", &["rollup", "watch", &shell.form, DAY, &root]);
    let first = tokio::task::spawn_blocking(move || (totals.recv(), totals)).await.unwrap();
    assert!(first.0.unwrap().contains("0 of 3 received"));
    let mut reports = shell.follow("duty", &["reports", "watch", "--level", "village", "--output", "json"]);
    // A watch hears of what comes after it has begun, so something comes until it has.
    for figure in 1..50 {
        let figure = format!("at_home={figure}");
        let village = &shell.villages[0];
        shell.ends(0, "duty", &["reports", "submit", &shell.form, DAY, village, &figure, "sick=0"]).await;
        let heard =
            tokio::task::spawn_blocking(move || (reports.recv_timeout(Duration::from_millis(500)), reports));
        let (heard, rest) = heard.await.unwrap();
        reports = rest;
        if let Ok(line) = heard {
            let report: Value = serde_json::from_str(&line).unwrap();
            assert_eq!((&report["timing"], &report["unit"]), (&json!("on_time"), &json!(village)));
            assert!(report["token"].is_string());
            let then = tokio::task::spawn_blocking(move || first.1.recv()).await.unwrap().unwrap();
            assert!(then.contains("1 of 3 received"), "{then}");
            return;
        }
    }
    panic!("the watch hears nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_from_the_form_to_the_bulletin() {
    let shell = Town::start().await;
    let form = shell.file("form.json", &village_day().to_string());
    for _ in 0..100 {
        if shell.run("admin", &["forms", "list"]).await.status.success() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    shell.ends(0, "admin", &["forms", "create", &form]).await;
    let shown = shell.json("admin", &["forms", "show", "village-day"]).await;
    assert_eq!(shown["schedule"]["slots"][0]["deadline_minutes"], 960);
    let again = shown.to_string().replace("village-day", "village-copy");
    let again = shell.file("again.json", &again);
    shell.ends(0, "admin", &["forms", "create", &again]).await;
    let mut copy = shell.json("admin", &["forms", "show", "village-copy"]).await;
    copy["key"] = "village-day".into();
    assert_eq!(copy, shown, "what is shown makes the same form");
    shell.open("village-day").await;
    let table = shell.ends(0, "admin", &["forms", "show", "village-day", "--lang", "zh"]).await;
    assert!(table.contains("村日报") && table.contains("16:00") && table.contains("假定的时间"), "{table}");

    let [one, two, three] = shell.villages.as_slice() else { panic!("three villages") };
    let day = ["village-day", DAY];
    let missing = shell.ends(1, "duty", &["reports", "missing", day[0], DAY, "--output", "csv"]).await;
    assert_eq!(missing.lines().count(), 4, "{missing}");

    watched(&shell).await;
    let submit = ["reports", "submit", day[0], DAY, one, "at_home=40", "sick=1", "--channel", "phone"];
    let done = shell.json("duty", &submit).await;
    assert_eq!((&done[0]["timing"], &done[0]["content"]), (&json!("on_time"), &json!("data")));
    shell.ends(64, "duty", &["reports", "submit", day[0], DAY, one, "at_home=1", "at_home=2"]).await;
    shell.ends(2, "duty", &["reports", "submit", day[0], DAY, one, "nonsense=2"]).await;

    let lines = format!(
        "form,business_date,unit,zero,on_behalf_of,at_home,sick\n\
         village-day,{DAY},{two},,组长,30,0\n\
         village-day,{DAY},{three},,,,\n\
         village-day,{DAY},{},,,1,1\n",
        shell.county
    );
    let file = shell.file("reports.csv", &lines);
    let import = ["reports", "import", &file, "--output", "csv"];
    for _ in 0..2 {
        let refused = shell.ends(1, "duty", &import).await;
        let lines: Vec<_> = refused.lines().map(|line| line.split(',').next().unwrap()).collect();
        assert_eq!(lines, ["line", "3", "4"], "{refused}");
    }
    let list = ["reports", "list", day[0], DAY, "--below", &shell.county, "--timing", "on-time"];
    let reports = shell.json("duty", &list).await;
    assert_eq!(reports.as_array().unwrap().len(), 2);
    assert_eq!(
        (&reports[1]["at_home"], &reports[1]["revision"]),
        (&json!(30), &json!(1)),
        "sent twice, in once"
    );

    let name = reports[1]["name"].as_str().unwrap();
    shell.ends(0, "duty", &["reports", "return", name, "--reason", "households and persons"]).await;
    shell.ends(0, "duty", &["reports", "chase", name, "--note", "called: at once"]).await;
    shell.ends(0, "duty", &["reports", "submit", day[0], DAY, two, "at_home=31", "sick=0"]).await;
    let excuse = ["reports", "excuse", day[0], DAY, three, "--reason", "power cut"];
    assert_eq!(shell.json("duty", &excuse).await[0]["excused"], 1);
    shell.ends(0, "duty", &["reports", "missing", day[0], DAY]).await;
    let shown = shell.json("duty", &["reports", "show", name]).await;
    assert_eq!(shown["revisions"].as_array().unwrap().len(), 3);
    assert_eq!(shown["chase_notes"][0]["note"], "called: at once");
    shell.ends(0, "duty", &["reports", "show", name]).await;

    let root = shell.sandbox.root.clone();
    let rollup = shell.json("duty", &["rollup", "show", day[0], DAY, &root]).await;
    assert_eq!(rollup["matrix"]["expected"], 3);
    let at_home = rollup["figures"].as_array().unwrap().iter().find(|one| one["key"] == "at_home").unwrap();
    assert_eq!((&at_home["value"], &at_home["unknown"]), (&json!(71), &json!(1)));
    let table = shell.ends(0, "duty", &["rollup", "show", day[0], DAY, &root, "--lang", "zh"]).await;
    assert!(table.contains("在家") && table.contains("71"), "{table}");
    let children =
        shell.ends(0, "duty", &["rollup", "children", day[0], DAY, &root, "--output", "csv"]).await;
    assert!(children.contains("样区"), "{children}");
    let series = ["rollup", "series", day[0], &root, "--from", "2020-02-01", "--until", DAY];
    assert_eq!(shell.json("duty", &series).await.as_array().unwrap().len(), 1);

    // Nothing is due any more: the day may close before its time.
    shell.ends(0, "duty", &["days", "close", day[0], DAY]).await;
    shell.ends(2, "duty", &["days", "seal", day[0], DAY]).await;
    let signed = shell.json("leader", &["days", "sign", day[0], DAY, &shell.county]).await;
    assert_eq!(signed[0]["state"], "signed");
    shell.ends(0, "duty", &["days", "seal", day[0], DAY, "--bulletin-date", "2020-02-05"]).await;
    let correct = ["reports", "correct", name, "at_home=32", "--reason", "counted again"];
    shell.ends(0, "duty", &[&correct[..], &["--announce", "2020-02-05"]].concat()).await;
    let amended = ["days", "seal", day[0], DAY, "--reason", "one correction"];
    assert_eq!(shell.json("duty", &amended).await[0]["number"], 2);
    let sealed = shell.json("duty", &["rollup", "show", day[0], DAY, &root, "--seal", "1"]).await;
    assert_eq!((&sealed["seal"], &sealed["figures"][0]["value"]), (&json!(1), &json!(71)));

    let saved = shell.folder.path().join("bulletin.html");
    let path = saved.display().to_string();
    let html = ["bulletin", day[0], DAY, "--template", "public", "--format", "html", "--save", &path];
    assert_eq!(shell.ends(0, "duty", &html).await, "");
    assert!(std::fs::read_to_string(saved).unwrap().contains("<html"));
    let first = shell.ends(0, "duty", &["bulletin", day[0], DAY, "--seal", "1", "--lang", "zh"]).await;
    assert!(first.contains("71"), "{first}");
    shell.ends(2, "duty", &["bulletin", day[0], DAY, "--seal", "9"]).await;

    // A new version holds from a date on; a single date has a schedule of its own, and not any more.
    let file = shell.file("note.json", r#"{"note": {"zh": "新", "en": "new"}}"#);
    let update = ["forms", "update", day[0], &file, "--mask", "note", "--from", "2020-02-06"];
    assert_eq!(shell.json("admin", &update).await[0]["version"], 2);
    let later = shell.json("admin", &["forms", "show", day[0], "--as-of", "2020-02-06"]).await;
    assert_eq!((&later["note"]["en"], &later["level"]), (&json!("new"), &json!("village")));
    assert_eq!(
        shell.json("admin", &["forms", "show", day[0], "--versions"]).await.as_array().unwrap().len(),
        2
    );
    let mut schedule = village_day()["schedule"].take();
    schedule["window_end_minutes"] = json!(1380);
    let file = shell.file("schedule.json", &schedule.to_string());
    let tomorrow = ["days", "override", day[0], "2020-02-05"];
    shell.ends(0, "duty", &[&tomorrow[..], &[&file, "--reason", "ends at 23:00"]].concat()).await;
    shell.ends(0, "duty", &[&tomorrow[..], &["--remove", "--reason", "a mistake"]].concat()).await;
    let days = shell.json("duty", &["days", "list", "--form", day[0], "--state", "sealed"]).await;
    assert_eq!((&days[0]["form"], &days[0]["seal"]), (&json!("village-day"), &json!(2)));

    // More than one batch, and each line replaces what the unit said before.
    shell.open("village-copy").await;
    let mut lines = "unit,business_date,form,at_home,sick\n".to_owned();
    for count in 0..1_203 {
        let village = &shell.villages[count % 3];
        lines.push_str(&format!("{village},{DAY},village-copy,{count},0\n"));
    }
    let many = shell.file("many.csv", &lines);
    for _ in 0..2 {
        shell.ends(0, "duty", &["reports", "import", &many]).await;
        let reports = shell.json("duty", &["reports", "list", "village-copy", DAY]).await;
        let reports = reports.as_array().unwrap().iter().map(|one| (&one["revision"], &one["at_home"]));
        let revisions = json!([[401, 1_200], [401, 1_201], [401, 1_202]]);
        assert_eq!(json!(reports.collect::<Vec<_>>()), revisions);
    }

    let balances = shell.file("balances.csv", &format!("unit,sick\n{one},5\n"));
    let set = ["rollup", "set-balances", "village-copy", &balances, "--as-of", "2020-02-03"];
    shell.ends(0, "admin", &set).await;
    let set = shell.json("admin", &["rollup", "balances", "village-copy"]).await;
    assert_eq!(set[0]["sick"], 5);

    let proof = ["prove", "--form", day[0], "--from", DAY, "--until", DAY, "--output", "json"];
    let printed = shell.run("duty", &proof).await;
    let rows: Value = serde_json::from_slice(&printed.stdout).unwrap();
    let verdicts: Vec<_> = rows.as_array().unwrap().iter().filter(|row| row["law"] == "reports").collect();
    assert_eq!(verdicts.last().unwrap()["result"], "kept", "{rows:#}");
}
