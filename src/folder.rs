//! Where may this process keep its files?

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Makes the folder that `file` lies in, and what is missing above it, for this user only (0700).
/// What is there already stays as it is.
///
/// # Errors
/// The system refuses.
pub fn make_for(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)
        }
        Some(_) | None => Ok(()),
    }
}

/// Replaces a file of a folder, whole, and returns when that is on disk: written beside, synced and
/// renamed, so a crash at any moment leaves the old file or the new one. `before` runs between.
///
/// # Errors
/// The system refuses; the old file is there then.
pub fn replace(
    folder: &Path,
    name: &str,
    bytes: &[u8],
    before: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let temporary = folder.join(format!("{name}.tmp"));
    match fs::remove_file(&temporary) {
        Ok(()) => {} // left behind by a crash
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    before()?;
    fs::rename(&temporary, folder.join(name))?;
    File::open(folder)?.sync_all() // the rename itself
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_is_made_for_one_user_and_an_old_one_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let old = root.path().join("old");
        fs::create_dir(&old).unwrap();
        fs::set_permissions(&old, fs::Permissions::from_mode(0o750)).unwrap();
        make_for(&old.join("new/file")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&old), mode(&old.join("new"))), (0o750, 0o700));
        make_for(&old.join("file")).unwrap();
        make_for(Path::new("file")).unwrap();
        assert_eq!(mode(&old), 0o750);
        fs::write(old.join("taken"), "").unwrap();
        assert!(make_for(&old.join("taken/file")).is_err());
    }
}
