//! The user who runs Postgres. Postgres refuses to run as root, so root hands it to somebody else.

use std::{
    fs, io,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::Command,
};

use anyhow::{Context, bail};

/// Another user than ourselves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct User {
    uid: u32,
    gid: u32,
}

impl User {
    /// None when we are not root: Postgres then runs as ourselves. Data that exist already stay with their
    /// owner; new ones go to `postgres`, or to `nobody` where that user does not exist.
    pub(super) fn choose(data: &Path) -> anyhow::Result<Option<Self>> {
        // The standard library does not tell our effective user; the owner of this entry is it.
        if fs::metadata("/proc/self").map_or(1, |entry| entry.uid()) != 0 {
            return Ok(None);
        }
        if let Ok(made) = fs::metadata(data.join("PG_VERSION"))
            && made.uid() != 0
        {
            return Ok(Some(Self { uid: made.uid(), gid: made.gid() }));
        }
        let users = fs::read_to_string("/etc/passwd").context("reading /etc/passwd")?;
        match Self::named("postgres", &users).or_else(|| Self::named("nobody", &users)) {
            Some(user) => Ok(Some(user)),
            None => bail!(
                "Postgres does not run as root, and there is neither a user postgres nor nobody to run it"
            ),
        }
    }

    fn named(name: &str, users: &str) -> Option<Self> {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some(Self { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    }

    pub(super) fn runs(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    pub(super) fn takes(self, path: &Path) -> io::Result<()> {
        chown(path, Some(self.uid), Some(self.gid))
    }

    /// Postgres enters its data by their full path, so this user must get through every folder above.
    pub(super) fn must_reach(self, folder: &Path) -> anyhow::Result<()> {
        for above in folder.ancestors() {
            let entry = fs::metadata(above).with_context(|| format!("looking at {}", above.display()))?;
            let may_enter = if entry.uid() == self.uid {
                0o100
            } else if entry.gid() == self.gid {
                0o010
            } else {
                0o001
            };
            if entry.mode() & may_enter == 0 {
                bail!(
                    "root may not run Postgres, and the user who would (uid {}) may not enter {}: keep the data \
                     elsewhere (/var/lib/rampart, say), or `chmod o+x` that folder",
                    self.uid,
                    above.display()
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_read_from_the_users_file() {
        let users = "root:x:0:0::/root:/bin/sh\npostgresql:x:7:8::/:\npostgres:x:101:104:,,,:/var:/bin/sh\n";
        assert_eq!(User::named("postgres", users), Some(User { uid: 101, gid: 104 }));
        assert_eq!(User::named("nobody", users), None);
    }

    #[test]
    fn a_closed_folder_is_named() -> anyhow::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let closed = tempfile::tempdir()?;
        let below = closed.path().join("below");
        fs::create_dir(&below)?;
        fs::set_permissions(&below, fs::Permissions::from_mode(0o755))?;
        fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700))?;
        let stranger = User { uid: 4_000_000, gid: 4_000_000 };
        let refusal = stranger.must_reach(&below).err().map(|error| error.to_string());
        assert!(refusal.is_some_and(|text| text.contains(&format!("enter {}:", closed.path().display()))));
        Ok(())
    }
}
