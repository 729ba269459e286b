//! Prints the bulletins, and keeps every form of them beside the data.

use std::{fs, path::Path};

use anyhow::Context as _;
use proto::reporting as pb;

use super::stage::{Stage, patiently};

/// Prints one.
///
/// # Errors
/// A refusal.
pub async fn print(
    stage: &Stage,
    seal: &pb::Seal,
    (template, format, language): (pb::Template, pb::Format, pb::Language),
) -> anyhow::Result<String> {
    let request = pb::GetBulletinRequest {
        seal: seal.name.clone(),
        template: template.into(),
        format: format.into(),
        language: language.into(),
    };
    let officer = stage.reporting_as("city-duty")?;
    Ok(patiently(|| async { officer.bulletins().get_bulletin(request.clone()).await }).await?.content)
}

/// Writes a seal's bulletin in every form into a folder; answers how many files.
///
/// # Errors
/// A refusal, or a folder that cannot be written.
pub async fn keep(stage: &Stage, seal: &pb::Seal, key: &str, folder: &Path) -> anyhow::Result<usize> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let mut kept = 0;
    for (template, audience) in [(pb::Template::Internal, "internal"), (pb::Template::Public, "public")] {
        for (language, tongue) in [(pb::Language::Zh, "zh"), (pb::Language::En, "en")] {
            for (format, ending) in [
                (pb::Format::Text, "txt"),
                (pb::Format::Html, "html"),
                (pb::Format::Csv, "csv"),
                (pb::Format::Json, "json"),
            ] {
                let content = print(stage, seal, (template, format, language)).await?;
                let file = folder.join(format!("{key}-{}-{audience}-{tongue}.{ending}", seal.number));
                fs::write(&file, content).with_context(|| format!("writing {}", file.display()))?;
                kept += 1;
            }
        }
    }
    Ok(kept)
}
