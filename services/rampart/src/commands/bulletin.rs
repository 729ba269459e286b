//! `rampart bulletin`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use chrono::NaiveDate;
use proto::reporting as pb;

use super::{access::Access, reporting as shared};
use crate::output::{self, Lang, Style};

const ABOUT: &str = "\
A bulletin is printed from a seal and from nothing else: the same seal prints the same figures for ever. \
--lang says its language.

Example:
  rampart bulletin grid-day 2020-02-03 --template public --format html --lang zh --save bulletin.html";

/// Flags of `rampart bulletin`.
#[derive(Debug, clap::Args)]
#[command(after_help = ABOUT)]
pub(crate) struct Args {
    /// forms/{uuid}, or the form's key
    form: String,
    /// The business date, YYYY-MM-DD
    date: NaiveDate,
    /// The number of the seal; the last where not said
    #[arg(long, value_name = "N")]
    seal: Option<i32>,
    /// For whom it is printed
    #[arg(long, value_enum, default_value = "internal")]
    template: TemplateArg,
    /// In which form
    #[arg(long, value_enum, default_value = "text")]
    format: FormatArg,
    /// Write it to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

/// A template on the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum TemplateArg {
    /// The command centre: every field, who is missing
    Internal,
    /// Everybody: published fields only, small cells masked
    Public,
}

/// A format on the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FormatArg {
    /// Plain text
    Text,
    /// A page that prints well
    Html,
    /// One line a unit
    Csv,
    /// A document
    Json,
}

/// Prints a bulletin.
pub(crate) async fn run(args: &Args, access: &Access, style: Style) -> anyhow::Result<ExitCode> {
    let reporting = access.reporting()?;
    let form = shared::form(&reporting, &args.form, Some(args.date)).await?;
    let day = shared::day(&reporting, &form, args.date).await?;
    let seal = match args.seal {
        Some(number) => day.seals.iter().find(|seal| seal.number == number),
        None => day.seals.iter().max_by_key(|seal| seal.number),
    };
    let seal = seal.with_context(|| match (args.seal, day.seals.len()) {
        (_, 0) => format!("{} of {} is not sealed: there is nothing to print from", args.date, form.key),
        (_, count) => format!("{} of {} has the seals 1 to {count}", args.date, form.key),
    })?;
    let request = pb::GetBulletinRequest {
        seal: seal.name.clone(),
        template: match args.template {
            TemplateArg::Internal => pb::Template::Internal,
            TemplateArg::Public => pb::Template::Public,
        }
        .into(),
        format: match args.format {
            FormatArg::Text => pb::Format::Text,
            FormatArg::Html => pb::Format::Html,
            FormatArg::Csv => pb::Format::Csv,
            FormatArg::Json => pb::Format::Json,
        }
        .into(),
        language: match style.lang {
            Lang::Zh => pb::Language::Zh,
            Lang::En => pb::Language::En,
        }
        .into(),
    };
    let bulletin = reporting.bulletins().get_bulletin(request).await?.into_inner();
    match &args.save {
        None => output::put(bulletin.content.trim_end_matches('\n'))?,
        Some(file) => {
            std::fs::write(file, &bulletin.content).with_context(|| format!("writing {}", file.display()))?;
            output::say(&format!(
                "{}: seal {} of {} {}, {}, digest {}",
                file.display(),
                seal.number,
                form.key,
                args.date,
                bulletin.media_type,
                bulletin.digest,
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}
