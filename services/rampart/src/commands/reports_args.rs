//! What `rampart reports …` is told.

use chrono::{DateTime, NaiveDate, Utc};
use proto::reporting as pb;

use super::{reporting::figure, reports_import, reports_watch};

/// What units said of a day, and who has not said anything.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Take in one report, with figures or zero
    #[command(after_help = "\
Empty is not zero: say --zero, or every figure that is known. A report that was in before is replaced \
while the day is open; after the close it is corrected.

Example:
  rampart reports submit grid-day 2020-02-03 NBS/2019/431302001001 at_home=3 left_for_work=12
  rampart reports submit grid-day 2020-02-03 NBS/2019/431302001001 --zero --channel phone --on-behalf-of 组长")]
    Submit {
        /// forms/{uuid}, or the form's key
        form: String,
        /// The business date, YYYY-MM-DD
        date: NaiveDate,
        /// The unit that reports: units/{uuid}, or SYSTEM/VINTAGE/CODE
        unit: String,
        /// Figures, KEY=NUMBER
        #[arg(value_name = "KEY=NUMBER", value_parser = figure, required_unless_present_any = ["zero", "draft"])]
        figures: Vec<(String, i64)>,
        /// Say zero, without figures
        #[arg(long, conflicts_with = "figures")]
        zero: bool,
        /// The slot, where the form has several
        #[arg(long, default_value = "", hide_default_value = true, value_name = "SLOT")]
        slot: String,
        /// How it reached you
        #[arg(long, value_enum, default_value = "network")]
        channel: ChannelArg,
        /// Who said so, where you enter it for the unit
        #[arg(long, default_value = "", hide_default_value = true, value_name = "NAME")]
        on_behalf_of: String,
        /// When it was made, such as 2020-02-03T15:30:00+08:00
        #[arg(long, value_name = "INSTANT")]
        made: Option<DateTime<Utc>>,
        /// A remark
        #[arg(long, default_value = "", hide_default_value = true)]
        note: String,
        /// Why a figure is another than the registers have, KEY=WORDS
        #[arg(long = "explain", value_name = "KEY=WORDS", value_parser = explanation)]
        explanations: Vec<(String, String)>,
        /// Fill in what the registers know of the fields that are not said
        #[arg(long, conflicts_with = "zero")]
        draft: bool,
    },
    /// Show what the registers know of a report, and where it says otherwise
    #[command(
        after_help = "Example:\n  rampart reports draft epidemic-day 2020-02-03 NBS/2019/431322101000\n  rampart reports submit epidemic-day 2020-02-03 NBS/2019/431322101000 --draft"
    )]
    Draft {
        /// forms/{uuid}, or the form's key
        form: String,
        /// The business date, YYYY-MM-DD
        date: NaiveDate,
        /// The unit that is to report: units/{uuid}, or SYSTEM/VINTAGE/CODE
        unit: String,
        /// The slot, where the form has several
        #[arg(long, default_value = "", hide_default_value = true, value_name = "SLOT")]
        slot: String,
    },
    /// List where reports say otherwise than the registers; exit 1 where that is not explained
    #[command(
        after_help = "Example:\n  rampart reports differences epidemic-day 2020-02-03 --below NBS/2019/431302000000 --unexplained"
    )]
    Differences {
        #[command(flatten)]
        day: DayArg,
        /// Only those that nobody has explained
        #[arg(long)]
        unexplained: bool,
    },
    /// Take in many reports from a file (CSV); exit 1 where any is refused
    Import(reports_import::Args),
    /// List the reports of a day in the order of the tree
    #[command(
        after_help = "Example:\n  rampart reports list grid-day 2020-02-03 --below NBS/2019/431302000000 --timing late"
    )]
    List {
        #[command(flatten)]
        day: DayArg,
        /// Only this timing
        #[arg(long, value_enum, value_name = "TIMING")]
        timing: Option<TimingArg>,
        /// Only this content
        #[arg(long, value_enum, value_name = "CONTENT")]
        content: Option<ContentArg>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// List who has not reported, and whom to call; exit 1 where there are any
    #[command(
        after_help = "Example:\n  rampart reports missing grid-day 2020-02-03 --below NBS/2019/431302000000 --lang zh"
    )]
    Missing {
        #[command(flatten)]
        day: DayArg,
        /// Only this slot
        #[arg(long, default_value = "", hide_default_value = true, value_name = "SLOT")]
        slot: String,
    },
    /// Show one report with all its revisions and notes
    #[command(after_help = "Example:\n  rampart reports show reports/0190c7a6-…")]
    Show {
        /// reports/{uuid}
        report: String,
    },
    /// Return a report to its unit: its figures count no more, and it is awaited again
    #[command(
        after_help = "Example:\n  rampart reports return reports/0190c7a6-… --reason 'households and persons mixed up'"
    )]
    Return {
        /// reports/{uuid}
        report: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Correct figures of a report; all others stay
    #[command(
        after_help = "Example:\n  rampart reports correct reports/0190c7a6-… at_home=4 --reason 'counted again' --announce 2020-02-05"
    )]
    Correct {
        /// reports/{uuid}
        report: String,
        /// The figures that change, KEY=NUMBER
        #[arg(value_name = "KEY=NUMBER", value_parser = figure, required = true)]
        figures: Vec<(String, i64)>,
        /// Why
        #[arg(long)]
        reason: String,
        /// The date on which it is announced; today where not said
        #[arg(long, value_name = "DATE")]
        announce: Option<NaiveDate>,
    },
    /// Excuse units, and all below them, from reporting
    #[command(
        after_help = "Example:\n  rampart reports excuse grid-day 2020-02-03 NBS/2019/431302001000 --reason 'power cut until noon'"
    )]
    Excuse {
        /// forms/{uuid}, or the form's key
        form: String,
        /// The business date, YYYY-MM-DD
        date: NaiveDate,
        /// The units: units/{uuid}, or SYSTEM/VINTAGE/CODE
        #[arg(required = true)]
        units: Vec<String>,
        /// Only this slot
        #[arg(long, default_value = "", hide_default_value = true, value_name = "SLOT")]
        slot: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Note that you asked for a report, whom and what they answered
    #[command(
        after_help = "Example:\n  rampart reports chase reports/0190c7a6-… --note 'called the leader: in half an hour'"
    )]
    Chase {
        /// reports/{uuid}
        report: String,
        /// Whom you asked and what was answered
        #[arg(long)]
        note: String,
    },
    /// Print the reports of your units whenever they change, one a line, until Ctrl-C
    Watch(reports_watch::Args),
}

/// The reports of a day.
#[derive(Debug, clap::Args)]
pub(crate) struct DayArg {
    /// forms/{uuid}, or the form's key
    pub(crate) form: String,
    /// The business date, YYYY-MM-DD
    pub(crate) date: NaiveDate,
    /// Only of this unit and the units below it: units/{uuid}, or SYSTEM/VINTAGE/CODE
    #[arg(long, value_name = "UNIT")]
    pub(crate) below: Option<String>,
}

/// A channel on the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum ChannelArg {
    Network,
    Phone,
    Paper,
    Other,
}

impl From<ChannelArg> for pb::Channel {
    fn from(channel: ChannelArg) -> Self {
        match channel {
            ChannelArg::Network => Self::Network,
            ChannelArg::Phone => Self::Phone,
            ChannelArg::Paper => Self::Paper,
            ChannelArg::Other => Self::Other,
        }
    }
}

/// A timing on the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum TimingArg {
    Due,
    OnTime,
    Late,
    AfterClose,
    Excused,
    Missing,
}

impl From<TimingArg> for pb::Timing {
    fn from(timing: TimingArg) -> Self {
        match timing {
            TimingArg::Due => Self::Due,
            TimingArg::OnTime => Self::OnTime,
            TimingArg::Late => Self::Late,
            TimingArg::AfterClose => Self::AfterClose,
            TimingArg::Excused => Self::Excused,
            TimingArg::Missing => Self::Missing,
        }
    }
}

/// A content on the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum ContentArg {
    /// Figures
    Data,
    /// Zero, said
    Zero,
}

impl From<ContentArg> for pb::Content {
    fn from(content: ContentArg) -> Self {
        match content {
            ContentArg::Data => Self::Data,
            ContentArg::Zero => Self::Zero,
        }
    }
}

/// Words for a field on the command line.
fn explanation(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, words)| !key.is_empty() && !words.is_empty());
    let (key, words) = pair.ok_or_else(|| format!("{text:?} is not KEY=WORDS"))?;
    Ok((key.to_owned(), words.to_owned()))
}
