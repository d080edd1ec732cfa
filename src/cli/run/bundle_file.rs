//! Is the policy bundle another file by now?

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{sleep, timeout};

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);

/// What tells one state of a file from another: device, inode, length, and when content and inode
/// changed last.
type Print = (u64, u64, u64, (i64, i64), (i64, i64));

/// The file of a bundle, and whether it is another one by now. A folder is loaded at SIGHUP alone: nobody
/// can tell when the last of its files was copied.
pub(super) struct BundleFile {
    path: PathBuf,
    taken: Option<Print>,
    /// Another state, seen once: a file that is still being written isn't read yet.
    pending: Option<Print>,
}

impl BundleFile {
    pub(super) fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            taken: print(path),
            pending: None,
        }
    }

    /// Waits until it is, and isn't written to any more. May be cancelled and asked again.
    pub(super) async fn changed(&mut self) {
        loop {
            sleep(LOOK).await;
            let path = self.path.clone();
            let look = tokio::task::spawn_blocking(move || print(&path));
            // a file system that hangs says nothing
            let Ok(Ok(Some(seen))) = timeout(LOOK, look).await else {
                continue;
            };
            if self.taken == Some(seen) {
                self.pending = None;
            } else if self.pending == Some(seen) {
                (self.taken, self.pending) = (self.pending, None);
                return;
            } else {
                self.pending = Some(seen);
            }
        }
    }
}

fn print(path: &Path) -> Option<Print> {
    let found = std::fs::metadata(path).ok()?;
    found.is_file().then(|| {
        (
            found.dev(),
            found.ino(),
            found.len(),
            (found.mtime(), found.mtime_nsec()),
            (found.ctime(), found.ctime_nsec()),
        )
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_and_what_is_not_there_have_no_print() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(print(folder.path()), None);
        assert_eq!(print(&folder.path().join("none")), None);
    }

    #[test]
    fn a_file_that_was_replaced_or_written_to_has_another_print() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("policies.bundle");
        fs::write(&file, "one").unwrap();
        let first = print(&file).unwrap();
        assert_eq!(print(&file), Some(first));
        fs::write(folder.path().join("new"), "one").unwrap();
        fs::rename(folder.path().join("new"), &file).unwrap();
        let second = print(&file).unwrap();
        assert_ne!(second, first);
        fs::write(&file, "more").unwrap();
        assert_ne!(print(&file).unwrap(), second);
    }
}
