//! What was seen or chosen at an instant that is past when a later run comes by, kept beside the data: who was under
//! observation on the morning of the 4th is not to be asked for on the 11th.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// A part of the play as it was told when it was played.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Told {
    /// Lines for people.
    pub text: Vec<String>,
    /// The document for programs.
    pub document: Value,
}

/// A folder with a file of JSON for each step.
#[derive(Clone, Debug)]
pub struct Journal {
    folder: PathBuf,
}

impl Journal {
    /// The journal of a folder, which need not be there yet.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// What an earlier run has kept of a step.
    ///
    /// # Errors
    /// A file that cannot be read or is not what it should be.
    pub fn read<T: DeserializeOwned>(&self, step: &str) -> anyhow::Result<Option<T>> {
        let file = self.file(step);
        match fs::read(&file) {
            Ok(bytes) => Ok(Some(
                serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", file.display()))?,
            )),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", file.display())),
        }
    }

    /// Keeps what a step came to: whole, or not at all.
    ///
    /// # Errors
    /// A folder that cannot be written.
    pub fn keep<T: Serialize>(&self, step: &str, came: &T) -> anyhow::Result<()> {
        let file = self.file(step);
        let beside = file.with_extension("new");
        fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(&beside, serde_json::to_vec_pretty(came)?))
            .and_then(|()| fs::rename(&beside, &file))
            .with_context(|| format!("writing {}", file.display()))
    }

    /// What a step came to in an earlier run, else what it comes to now, which is kept.
    ///
    /// # Errors
    /// Where the step fails, or the folder.
    pub async fn once<T: Serialize + DeserializeOwned>(
        &self,
        step: &str,
        play: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        if let Some(kept) = self.read(step)? {
            return Ok(kept);
        }
        let came = play.await?;
        self.keep(step, &came)?;
        Ok(came)
    }

    fn file(&self, step: &str) -> PathBuf {
        self.folder.join(format!("{}.json", step.replace(' ', "-")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_step_is_played_once_and_told_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::new(&folder.path().join("journal"));
        assert_eq!(journal.read::<u32>("a step").expect("nothing yet"), None);
        for played in [1, 2] {
            let kept = journal.once("a step", async { Ok(played) }).await.expect("kept");
            assert_eq!(kept, 1);
        }
        journal.keep("a step", &"otherwise").expect("kept");
        assert!(journal.read::<u32>("a step").is_err(), "another thing than was kept");
    }

    #[tokio::test]
    async fn a_step_that_failed_is_not_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Journal::new(folder.path());
        let failed = journal.once::<u32>("a step", async { anyhow::bail!("no") }).await;
        assert!(failed.is_err());
        assert_eq!(journal.read::<u32>("a step").expect("nothing"), None);
    }
}
