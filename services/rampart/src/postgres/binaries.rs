//! Where the installed PostgreSQL keeps its server programs.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::bail;

const DEBIAN: &str = "/usr/lib/postgresql";

/// The folder that holds `postgres`, `initdb` and `pg_ctl`. Data that exist already can be served only by
/// the major version that made them (`made_by`); new data get the newest.
pub(super) fn find(made_by: Option<&str>) -> anyhow::Result<PathBuf> {
    if let Some(named) = env::var_os("RAMPART_POSTGRES_BIN").filter(|value| !value.is_empty()) {
        let named = std::path::absolute(named)?;
        if !complete(&named) {
            bail!(
                "RAMPART_POSTGRES_BIN is {}, where postgres, initdb and pg_ctl are not all found",
                named.display()
            );
        }
        return Ok(named);
    }
    let installed = installed(Path::new(DEBIAN));
    let fitting =
        installed.iter().find(|(version, _)| made_by.is_none_or(|wanted| wanted == version.to_string()));
    if let Some((_, folder)) = fitting {
        return Ok(folder.clone());
    }
    if let Some(folder) = on_path() {
        return Ok(folder);
    }
    match made_by {
        Some(version) => bail!(
            "the data were made by PostgreSQL {version}, whose server programs are not installed; \
             run `apt-get install postgresql-{version}`, or name their folder in RAMPART_POSTGRES_BIN"
        ),
        None => bail!(
            "no PostgreSQL server is installed here; run `apt-get install postgresql` (deploy/demo \
             does it for you), or name the folder of its programs in RAMPART_POSTGRES_BIN"
        ),
    }
}

/// Debian keeps each major version in a folder of its own; newest first.
fn installed(root: &Path) -> Vec<(u32, PathBuf)> {
    let Ok(entries) = fs::read_dir(root) else {
        return Vec::new();
    };
    let mut found: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, folder)| complete(folder))
        .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found
}

/// A program on the PATH may be a link; its neighbours are where it points to.
fn on_path() -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .filter_map(|folder| fs::canonicalize(folder.join("initdb")).ok())
        .filter_map(|program| program.parent().map(Path::to_path_buf))
        .find(|folder| complete(folder))
}

fn complete(folder: &Path) -> bool {
    ["postgres", "initdb", "pg_ctl"].iter().all(|program| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_complete_version_comes_first() -> anyhow::Result<()> {
        let root = tempfile::tempdir()?;
        for version in ["9", "15", "16", "17", "common"] {
            let folder = root.path().join(version).join("bin");
            fs::create_dir_all(&folder)?;
            for program in ["postgres", "initdb", "pg_ctl"] {
                if version != "17" || program == "pg_ctl" {
                    fs::write(folder.join(program), "")?;
                }
            }
        }
        let versions: Vec<_> = installed(root.path()).into_iter().map(|(version, _)| version).collect();
        assert_eq!(versions, [16, 15, 9]);
        Ok(())
    }
}
