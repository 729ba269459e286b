//! What officers do about reports: chase them, return an absurd one, and correct what was sealed.

use proto::reporting as pb;

use super::{
    days,
    grids::{self, Plan, Said},
    send,
    stage::{DATE_AFTER, Stage, patiently, request_id},
    walk::Tree,
};

/// How many of the missing are chased.
const CHASED: usize = 10;

/// Notes that the township's duty officer asked for some of the reports that are missing.
///
/// # Errors
/// A refusal.
pub async fn chase(stage: &Stage, form: &str, tree: &Tree) -> anyhow::Result<()> {
    let missing = days::missing(&stage.reporting, form).await?;
    for one in missing.iter().take(CHASED) {
        let Some(grid) = tree.grids.iter().position(|grid| grid.unit == one.unit) else { continue };
        let officer = stage.reporting_as(&format!("{}-duty", tree.town_of(grid)))?;
        let request = pb::AddChaseNoteRequest {
            request_id: request_id(&format!("chase {}", one.report)),
            name: one.report.clone(),
            note: format!("致电{}（{}），答复稍后报送", one.officer_display_name, one.official_phone),
        };
        patiently(|| async { officer.reports().add_chase_note(request.clone()).await }).await?;
    }
    Ok(())
}

/// Returns the report of the grid that found 900 febrile, with a reason; it comes back right.
///
/// # Errors
/// A refusal.
pub async fn return_absurd(
    stage: &Stage,
    form: &str,
    tree: &Tree,
    plan: &Plan,
) -> anyhow::Result<pb::Report> {
    let Some(grid) = tree.grids.get(plan.absurd) else {
        anyhow::bail!("the grid with the absurd report is not there");
    };
    let officer = stage.reporting_as(&format!("{}-duty", tree.town_of(plan.absurd)))?;
    let report = days::report_of(&officer, form, &grid.unit).await?;
    // A further revision is the one that came back.
    if report.revision == 1 {
        let request = pb::ReturnReportRequest {
            request_id: request_id("return the absurd report"),
            name: report.name.clone(),
            reason: "全网格40户，填报发热900人，请核实".to_owned(),
        };
        patiently(|| async { officer.reports().return_report(request.clone()).await }).await?;
    }
    let again = Said {
        subject: format!("{}-reporter", grid.code),
        request: grids::report(form, &grid.unit, "the absurd one, right", Some(grids::with_febrile(0))),
    };
    send::all(stage, &[again], "the returned report").await?;
    days::report_of(&officer, form, &grid.unit).await
}

/// The morning after the seal: a missing grid reports after all, and one grid's figures are corrected.
/// Answers the late report and the correction.
///
/// # Errors
/// A refusal.
pub async fn after_the_seal(
    stage: &Stage,
    form: &str,
    tree: &Tree,
    plan: &Plan,
) -> anyhow::Result<(pb::Report, pb::Report)> {
    let late = plan.never.first().and_then(|at| tree.grids.get(*at));
    let corrected = tree.grids.get(plan.corrected);
    let (Some(late), Some(corrected)) = (late, corrected) else {
        anyhow::bail!("the grids of the morning after are not there");
    };
    let said = Said {
        subject: format!("{}-reporter", late.code),
        request: grids::report(form, &late.unit, &format!("late {}", late.code), grids::figures(&late.code)),
    };
    send::all(stage, &[said], "a report after the close").await?;
    let officer = stage.reporting_as(&format!("{}-duty", tree.town_of(plan.corrected)))?;
    let report = days::report_of(&officer, form, &corrected.unit).await?;
    let request = pb::CorrectReportRequest {
        request_id: request_id("correct the returnees"),
        name: report.name,
        figures: [("returnees".to_owned(), 4), ("at_home".to_owned(), 9)].into(),
        reason: "两名返乡人员重复登记".to_owned(),
        announce_date: DATE_AFTER.to_owned(),
    };
    patiently(|| async { officer.reports().correct_report(request.clone()).await }).await?;
    let late = days::report_of(&stage.reporting, form, &late.unit).await?;
    Ok((late, days::report_of(&stage.reporting, form, &corrected.unit).await?))
}
