//! Fills the demo's offices: a leader and a reporter for every grid, leaders and a duty officer above. Names
//! and phones are plainly artificial (RULES I1): nobody's.

use anyhow::Context as _;
use proto::registry as pb;

use super::{
    grids, tree,
    units::{Units, find},
};
use crate::{client::Registry, output};

/// The town in whose first village the first grid's leader is replaced during the day.
const REPLACED: &str = "431302001000";

/// An office that is to be filled: the officer's subject, name and home, and what they hold there.
struct Post {
    subject: String,
    display_name: String,
    home: String,
    offices: Vec<pb::Office>,
}

fn post(subject: String, title: &str, unit: &pb::Unit, offices: &[pb::Office]) -> Post {
    Post {
        display_name: format!("样例{title}（{}）", unit.display_name),
        subject,
        home: unit.name.clone(),
        offices: offices.to_vec(),
    }
}

/// Fills every office of the tree but those of two grids; a town that is filled already, from an earlier
/// run, is left as it is.
///
/// # Errors
/// A refusal.
pub async fn fill(registry: &Registry) -> anyhow::Result<()> {
    let towns = tree::towns()?;
    let mut units = registry.units();
    let city = get(&mut units, "431300000000").await?;
    if !is_filled(registry, &city.name).await? {
        let posts = vec![
            post("city-leader".to_owned(), "指挥长", &city, &[pb::Office::Leader]),
            post("city-duty".to_owned(), "值班员", &city, &[pb::Office::DutyOfficer]),
        ];
        appoint(registry, posts).await?;
    }
    for code in tree::counties(&towns).keys() {
        let county = get(&mut units, code).await?;
        if !is_filled(registry, &county.name).await? {
            let short = code.get(..6).unwrap_or(code);
            let posts = vec![
                post(format!("{short}-leader"), "县指挥长", &county, &[pb::Office::Leader]),
                post(format!("{short}-duty"), "县值班员", &county, &[pb::Office::DutyOfficer]),
                post(format!("{short}-health"), "县卫健员", &county, &[pb::Office::HealthOfficer]),
            ];
            appoint(registry, posts).await?;
        }
    }
    let bar = output::bar(towns.len(), "offices, town by town");
    for town in &towns {
        bar.set_message(town.town.clone());
        let unit = get(&mut units, &town.town_code).await?;
        if !is_filled(registry, &unit.name).await? {
            appoint(registry, town_posts(&mut units, unit).await?).await?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

async fn get(units: &mut Units, code: &str) -> anyhow::Result<pb::Unit> {
    let name = find(units, code).await?.with_context(|| format!("{code} is not there"))?;
    let got = units.get_unit(pb::GetUnitRequest { name, as_of: String::new() }).await?.into_inner();
    got.unit.context("no unit")
}

async fn is_filled(registry: &Registry, unit: &str) -> anyhow::Result<bool> {
    let request = pb::ListAppointmentsRequest {
        unit: unit.to_owned(),
        office: pb::Office::Leader.into(),
        show_all: true,
        ..pb::ListAppointmentsRequest::default()
    };
    let held = registry.appointments().list_appointments(request).await?.into_inner();
    Ok(!held.appointments.is_empty())
}

/// The posts of a town, its villages and their grids. A village's leader is its duty officer too.
async fn town_posts(units: &mut Units, town: pb::Unit) -> anyhow::Result<Vec<Post>> {
    let short = code(&town).get(..9).unwrap_or_default().to_owned();
    let mut posts = vec![
        post(format!("{short}-leader"), "镇指挥长", &town, &[pb::Office::Leader]),
        post(format!("{short}-duty"), "镇值班员", &town, &[pb::Office::DutyOfficer]),
    ];
    let is_vacant = [grids::ENTERED, grids::SILENT].contains(&code(&town));
    let (mut village, mut villages, mut grid) = (String::new(), 0, 0);
    for unit in below(units, &town.name).await? {
        if unit.level() == pb::Level::Village {
            village = code(&unit).to_owned();
            villages += 1;
            grid = 0;
            let offices = [pb::Office::Leader, pb::Office::DutyOfficer];
            posts.push(post(format!("{village}-leader"), "村组长", &unit, &offices));
            continue;
        }
        grid += 1;
        // The first grid of two towns has no officers.
        if is_vacant && villages == 1 && grid == 1 {
            continue;
        }
        posts.push(post(format!("{village}-{grid}-leader"), "网格长", &unit, &[pb::Office::Leader]));
        let reporter = [pb::Office::InformationReporter];
        posts.push(post(format!("{village}-{grid}-reporter"), "报送人", &unit, &reporter));
    }
    Ok(posts)
}

fn code(unit: &pb::Unit) -> &str {
    unit.codes.first().map(|code| code.code.as_str()).unwrap_or_default()
}

/// Everything below a unit, in the order of the tree: each village before its grids.
async fn below(units: &mut Units, ancestor: &str) -> anyhow::Result<Vec<pb::Unit>> {
    let mut request = pb::ListUnitsRequest {
        ancestor_unit: ancestor.to_owned(),
        page_size: 1_000,
        ..pb::ListUnitsRequest::default()
    };
    let mut all = Vec::new();
    loop {
        let page = units.list_units(request.clone()).await?.into_inner();
        all.extend(page.units);
        if page.next_page_token.is_empty() {
            return Ok(all);
        }
        request.page_token = page.next_page_token;
    }
}

/// Records the officers of some posts and appoints them, a thousand at a time.
async fn appoint(registry: &Registry, posts: Vec<Post>) -> anyhow::Result<()> {
    for posts in posts.chunks(500) {
        let officers = posts.iter().map(|post| pb::Officer {
            display_name: post.display_name.chars().take(100).collect(),
            // 0000 is no area code: nobody's phone.
            official_phone: format!("0000-{:07}", fingerprint(&post.subject)),
            subject: post.subject.clone(),
            home_unit: post.home.clone(),
            ..pb::Officer::default()
        });
        let request =
            pb::BatchCreateOfficersRequest { request_id: request_id(), officers: officers.collect() };
        let recorded = registry.officers().batch_create_officers(request).await?.into_inner().officers;
        let held = posts.iter().zip(recorded).flat_map(|(post, officer)| {
            post.offices.iter().map(move |office| pb::Appointment {
                officer: officer.name.clone(),
                unit: post.home.clone(),
                office: (*office).into(),
                holding: pb::Holding::Full.into(),
                ..pb::Appointment::default()
            })
        });
        let request = pb::BatchAppointRequest { request_id: request_id(), appointments: held.collect() };
        registry.appointments().batch_appoint(request).await?;
    }
    Ok(())
}

fn request_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// Seven digits that a subject always gets.
fn fingerprint(subject: &str) -> u64 {
    let sum = subject.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(131).wrapping_add(byte.into()));
    sum % 10_000_000
}

/// Replaces the leader of one grid, as happens during a day; answers the former leader's subject, or
/// nothing where an earlier run did so.
///
/// # Errors
/// A refusal.
pub async fn replace_leader(registry: &Registry) -> anyhow::Result<Option<String>> {
    let mut units = registry.units();
    let town = get(&mut units, REPLACED).await?;
    let mut units = below(&mut units, &town.name).await?.into_iter();
    let (village, grid) = units.next().zip(units.next()).context("a town without grids")?;
    let village = code(&village).to_owned();
    let former = format!("{village}-1-leader");
    let request = pb::ListAppointmentsRequest {
        unit: grid.name.clone(),
        office: pb::Office::Leader.into(),
        show_all: true,
        ..pb::ListAppointmentsRequest::default()
    };
    let held = registry.appointments().list_appointments(request).await?.into_inner().appointments;
    let [appointment] = held.as_slice() else {
        return Ok(None);
    };
    let successor = pb::Officer {
        display_name: format!("样例接任网格长（{}）", grid.display_name),
        official_phone: "0000-0000001".to_owned(),
        subject: format!("{village}-1-leader-2"),
        home_unit: grid.name,
        ..pb::Officer::default()
    };
    let request = pb::CreateOfficerRequest { request_id: request_id(), officer: Some(successor) };
    let successor = registry.officers().create_officer(request).await?.into_inner().officer;
    let request = pb::HandOverRequest {
        request_id: request_id(),
        name: appointment.name.clone(),
        successor_officer: successor.context("no officer")?.name,
        reason: "网格长轮换".to_owned(),
        ..pb::HandOverRequest::default()
    };
    registry.appointments().hand_over(request).await?;
    Ok(Some(former))
}

/// How many appointments are in force.
///
/// # Errors
/// A refusal.
pub async fn count(registry: &Registry) -> anyhow::Result<usize> {
    let mut request =
        pb::ListAppointmentsRequest { page_size: 1_000, ..pb::ListAppointmentsRequest::default() };
    let mut count = 0;
    loop {
        let page = registry.appointments().list_appointments(request.clone()).await?.into_inner();
        count += page.appointments.len();
        if page.next_page_token.is_empty() {
            return Ok(count);
        }
        request.page_token = page.next_page_token;
    }
}
