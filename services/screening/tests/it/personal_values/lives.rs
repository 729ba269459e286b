//! Persons with everything that is said of them, in every slice.

use proto::screening::{self as pb, exposure_item::Contact};
use tests::request_id;

use crate::{
    erasures::whole_life,
    exposures::contact,
    ground::{Ground, OTHER_NUMBER, details, without_papers},
    handdowns::item,
    passages::passage,
    supports::food,
    sweeps::{household, visit},
    watch::{on, reading},
};

/// Whatever is said of somebody here, and how it is masked: values of nobody, which stand nowhere else.
pub(super) const VALUES: &[&str] = &[
    // Of the whole life of one.
    "张样例",
    "张**",
    "11010519491231002X",
    "110***********002X",
    "440524188001010014",
    "1949-12-31",
    "13900001234",
    "139****1234",
    "样例街一号",
    "样例司机",
    "样例厨师",
    "村第0网格",
    "SAMPLE4711",
    "样例车次",
    "样例舅舅",
    "样例出发地",
    "G1234",
    // Of the others.
    NAME,
    "欧**",
    "13900005678",
    "139****5678",
    "1940-05-06",
    "1951-06-07",
    "1962-07-08",
    "1973-08-09",
    "1984-09-10",
    "1995-10-11",
    "无名街七十七号",
    "样例厂焊工",
    "样例乙同住",
    "样例旅馆",
    "样例座位",
    "样例起点",
    CANTEEN,
    UNCLE,
    "110105194912310021",
];
const NAME: &str = "欧阳样例甲";
/// Where several met who fell ill.
const CANTEEN: &str = "样例食品厂食堂";
/// How a list names an index.
const UNCLE: &str = "样例伯父";

/// Everything that may be said of somebody who was born on a day.
fn somebody(birth_date: &str) -> pb::PersonDetails {
    pb::PersonDetails {
        display_name: NAME.to_owned(),
        birth_date: birth_date.to_owned(),
        phones: vec!["13900005678".to_owned()],
        occupation: "样例厂焊工".to_owned(),
        address: "无名街七十七号".to_owned(),
        present_place: "样例旅馆".to_owned(),
        facts: vec![pb::SaidFact { fact: pb::Fact::Family.into(), text: "样例乙同住".to_owned() }],
        ..Default::default()
    }
}

/// Somebody whose number is none.
fn wrong() -> pb::PersonDetails {
    pb::PersonDetails { birth_date: String::new(), ..details("110105194912310021") }
}

impl Ground {
    async fn watched(&self, grid: usize, said: pb::PersonDetails) -> (String, String) {
        let leader = format!("leader-{grid}");
        let person = self.found(grid, said).await.name;
        let opened = self.open(&leader, &person, "2020-02-01").await.expect("opened");
        (person, opened.observation.expect("an observation").name)
    }
}

/// Lives them; answers names by the fields that ask for such.
pub(super) async fn all(ground: &Ground) -> Vec<(&'static str, String)> {
    let person = whole_life(ground).await;
    let (ill, observation) = ground.watched(0, somebody("1951-06-07")).await;
    let (well, other) = ground.watched(0, somebody("1962-07-08")).await;
    ground.home("leader-0", 0, vec![ill.clone(), well.clone()]).await.expect("a home");
    ground.home("leader-1", 1, vec![ground.found(1, without_papers("")).await.name]).await.expect("another");
    ground.read(reading(&observation, on(3, "00:00"), 38.4)).await;
    let (_, feverish) = ground.watched(0, somebody("1940-05-06")).await;
    ground.read(reading(&feverish, on(3, "00:00"), 38.4)).await;
    let sweep = lists(ground).await;
    let checkpoint = passages(ground).await;
    for food in [food(&well), food(&person)] {
        ground.support("leader-0", food).await.expect("offered");
    }
    cases(ground, &ill).await;
    links(ground, &person, &well).await;
    // Another finder, who is asked about; two records of one who are joined; one whom nobody need follow up.
    ground.found(2, somebody("1962-07-08")).await;
    let again = ground.found(0, details(OTHER_NUMBER)).await.name;
    let request = pb::MergePersonsRequest {
        request_id: request_id(),
        kept: ground.waived(0, without_papers("")).await,
        merged: again,
        reason: "the same".to_owned(),
    };
    ground.screening("duty-0").persons().merge_persons(request).await.expect("joined");
    vec![
        ("person", person),
        ("observation", other),
        ("checkpoint", checkpoint),
        ("sweep", sweep.clone()),
        ("name", sweep),
        ("grid", ground.grids[0].clone()),
        ("unit", ground.counties[0].clone()),
        ("holder_unit", ground.counties[0].clone()),
        ("party", "G1234 2020-02-03".to_owned()),
        ("reason", "to trace contacts".to_owned()),
    ]
}

/// Lists of hand-downs, of contacts and of visits, in which one of two is refused; answers the sweep.
async fn lists(ground: &Ground) -> String {
    let items = vec![
        item(somebody("1984-09-10"), "村第0网格样例旅馆"),
        item(wrong(), "样例旅馆"),
        pb::HanddownItem { to_unit: NAME.to_owned(), ..item(somebody("1984-09-10"), "样例旅馆") },
    ];
    ground.ingest("duty-0", &ground.counties[0], pb::ListKind::Police, items).await.expect("results");
    let sweep = ground.sweep().await.name;
    let seen = |number: &str, found: pb::PersonDetails| pb::Visit {
        found: vec![pb::FoundPerson {
            details: Some(found),
            purpose: pb::Purpose::Returnee.into(),
            ..Default::default()
        }],
        ..visit(&sweep, &ground.grids[0], on(2, "12:00"), household(number, pb::VisitOutcome::Visited))
    };
    let refused = |number: &str| {
        visit(&sweep, &ground.grids[0], on(2, "12:00"), household(number, pb::VisitOutcome::Refused))
    };
    let visits =
        vec![seen("101", somebody("1951-06-07")), seen("102", wrong()), refused("103"), refused("104")];
    ground.visit("leader-0", visits).await;
    sweep
}

/// Who sat in one vehicle, and one who is refused; answers the checkpoint.
async fn passages(ground: &Ground) -> String {
    let post = ground.post().await;
    let passed = |said: pb::PersonDetails| pb::Passage {
        seat: "样例座位".to_owned(),
        origin: "样例起点".to_owned(),
        from_outside: true,
        details: Some(said),
        ..passage(&post, on(3, "00:00"))
    };
    let persons = vec![
        passed(somebody("1995-10-11")),
        passed(somebody("1984-09-10")),
        passed(wrong()),
        pb::Passage { checkpoint: NAME.to_owned(), ..passed(somebody("1984-09-10")) },
    ];
    ground.pass("duty-0", persons).await;
    post
}

/// Two who met and are confirmed, at a place that is reported as a cluster; one of them is admitted.
async fn cases(ground: &Ground, ill: &str) {
    let at_work = pb::ExposureItem {
        place: CANTEEN.to_owned(),
        ..contact(ill, Contact::Details(somebody("1973-08-09")), on(2, "12:00"))
    };
    let met = ground.expose("doctor-0", 0, vec![at_work]).await.expect("an answer").remove(0);
    let proto::screening::exposure_result::Result::Accepted(met) = met else { panic!("{met:?}") };
    ground.confirmed(0, ill).await;
    let made = ground.confirmed(0, &met.exposure.expect("one").contact).await.incidents;
    for name in made {
        let request = pb::ReportIncidentRequest { request_id: request_id(), name, ..Default::default() };
        let reported = ground.screening("doctor-0").incidents().report_incident(request.clone()).await;
        let again = ground.screening("doctor-0").incidents().report_incident(request).await;
        assert_eq!(reported.expect("reported").into_inner(), again.expect("the same").into_inner());
    }
    let admission = pb::Admission {
        person: ill.to_owned(),
        facility: "市中心医院".to_owned(),
        admit_time: Some(chassis::parse::timestamp(on(3, "00:00"))),
        ..Default::default()
    };
    let request = pb::RecordAdmissionRequest { request_id: request_id(), admission: Some(admission) };
    ground.screening("doctor-0").admissions().record_admission(request).await.expect("recorded");
}

/// Contacts of somebody whom a list names: one is linked, one is taken back; each call is repeated.
async fn links(ground: &Ground, index: &str, of: &str) {
    let unknown = || pb::ExposureItem {
        kind: pb::ContactKind::General.into(),
        place: CANTEEN.to_owned(),
        index_reference: UNCLE.to_owned(),
        ..contact("", Contact::Person(of.to_owned()), on(2, "12:00"))
    };
    let doctor = ground.screening("doctor-0");
    let taken = [ground.exposed(0, unknown()).await, ground.exposed(0, unknown()).await];
    let [linked, withdrawn] = taken.map(|taken| taken.exposure.expect("one").name);
    let request = pb::LinkExposureRequest { request_id: request_id(), name: linked, index: index.to_owned() };
    let answer = doctor.exposures().link_exposure(request.clone()).await.expect("linked").into_inner();
    let again = doctor.exposures().link_exposure(request).await.expect("the same").into_inner();
    assert_eq!(answer, again);
    let shown = answer.exposure.expect("one");
    assert_eq!((shown.place.as_str(), shown.index_reference.as_str()), (CANTEEN, UNCLE));
    let request = pb::WithdrawExposureRequest {
        request_id: request_id(),
        name: withdrawn,
        reason: "was not there".to_owned(),
    };
    let answer =
        doctor.exposures().withdraw_exposure(request.clone()).await.expect("taken back").into_inner();
    let again = doctor.exposures().withdraw_exposure(request).await.expect("the same").into_inner();
    assert_eq!(answer, again);
    assert_eq!(again.exposure.expect("one").place, CANTEEN);
}

/// Something that every feed has to say.
pub(super) async fn change(ground: &Ground, names: &[(&str, String)]) {
    let (_, observation) = names.iter().find(|(field, _)| *field == "observation").expect("one");
    ground.read(reading(observation, on(3, "00:00"), 38.5)).await;
    let request = pb::LoseObservationRequest {
        request_id: request_id(),
        name: observation.clone(),
        reason: "not at home".to_owned(),
    };
    ground.screening("leader-0").observations().lose_observation(request).await.expect("lost");
}
