//! Where do operators come in, and who is it?

use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as Probe;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};
use uuid::Uuid;

use crate::admin::accounts::Accounts;
use crate::admin::person::Caller;
use crate::folder;

/// A bound admin socket. Its file goes when this goes.
#[derive(Debug)]
pub struct Bound {
    pub(super) listener: UnixListener,
    file: SocketFile,
}

impl Bound {
    /// Both halves; the file goes with the second.
    pub(super) fn split(self) -> (UnixListener, SocketFile) {
        (self.listener, self.file)
    }
}

/// The file of a socket of this process.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode: another process may have put its own socket there since.
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path) == Some(self.identity) && fs::remove_file(&self.path).is_err() {
            tracing::debug!(target: "vingate::admin", "the admin socket's file stays behind");
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let facts = fs::symlink_metadata(path).ok()?;
    Some((facts.dev(), facts.ino()))
}

/// Binds the socket with mode 0600, or 0660 and this group; must be called within a tokio runtime. A
/// stale socket file is replaced. A folder that has to be made is open to the group too.
///
/// # Errors
/// A live process listens on it, something else stands there, there is no such group, or the system
/// refuses.
pub fn bind(path: &Path, group: Option<&str>) -> Result<Bound, String> {
    refuse_occupied(path)?;
    let group = group.map(group_id).transpose()?;
    let named = |what: &str, error: &std::io::Error| {
        format!("the admin socket `{}` {what}: {error}", path.display())
    };
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let is_old = parent.exists();
    folder::make_for(path).map_err(|error| named("has no folder, and it can't be made", &error))?;
    if let Some(group) = group.filter(|_| !is_old) {
        give(parent, group, 0o710)
            .map_err(|error| named("has a folder that can't be given to the group", &error))?;
    }
    // made where nobody else can look, and moved only once it has its mode: never open to others
    let unique = Uuid::new_v4().simple().to_string();
    let hidden = parent.join(format!(".{}", unique.get(..8).unwrap_or_default()));
    DirBuilder::new()
        .mode(0o700)
        .create(&hidden)
        .map_err(|error| named("can't be made", &error))?;
    let bound = bind_hidden(&hidden.join("s"), path, group);
    let removed = fs::remove_dir_all(&hidden);
    let bound = bound.map_err(|error| named("can't be bound", &error))?;
    removed.map_err(|error| named("leaves a folder behind", &error))?;
    Ok(bound)
}

fn group_id(name: &str) -> Result<u32, String> {
    let found = Accounts::read().group(name);
    found.ok_or_else(|| format!("admin.group: there is no group `{name}` in `/etc/group`"))
}

fn give(path: &Path, group: u32, mode: u32) -> Result<(), std::io::Error> {
    std::os::unix::fs::chown(path, None, Some(group))?;
    fs::set_permissions(path, Permissions::from_mode(mode))
}

fn bind_hidden(hidden: &Path, path: &Path, group: Option<u32>) -> Result<Bound, std::io::Error> {
    let listener = UnixListener::bind(hidden)?;
    match group {
        Some(group) => give(hidden, group, 0o660)?,
        None => fs::set_permissions(hidden, Permissions::from_mode(0o600))?,
    }
    fs::rename(hidden, path)?;
    let identity = identity(path).ok_or(ErrorKind::NotFound)?;
    let path = path.to_owned();
    let file = SocketFile { path, identity };
    Ok(Bound { listener, file })
}

fn refuse_occupied(path: &Path) -> Result<(), String> {
    let shown = path.display();
    match fs::symlink_metadata(path) {
        Ok(facts) if !facts.file_type().is_socket() => {
            return Err(format!(
                "the admin socket `{shown}` is taken by a file that is no socket"
            ));
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("the admin socket `{shown}` can't be seen: {error}")),
    }
    match Probe::connect(path) {
        Ok(_) => Err(format!(
            "a running process listens on the admin socket `{shown}`"
        )),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()), // stale
        Err(error) => Err(format!(
            "the admin socket `{shown}` can't be tried: {error}"
        )),
    }
}

/// Who is at the other end of a connection (`SO_PEERCRED`), as the kernel says.
pub(super) fn caller(stream: &UnixStream) -> Caller {
    let peer = stream.peer_cred().ok();
    Caller::Unix(peer.map(|peer| (peer.uid(), peer.gid())))
}

/// The user id of this process; must be called within a tokio runtime.
pub(super) fn own_user() -> Result<u32, String> {
    let (one, _other) = UnixStream::pair().map_err(|error| error.to_string())?;
    let peer = one.peer_cred().map_err(|error| error.to_string())?;
    Ok(peer.uid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/admin.sock");
        let first = bind(&path, None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert!(bind(&path, None).unwrap_err().contains("running process"));
        let (listener, file) = first.split();
        drop(listener);
        assert!(path.exists()); // as after a crash
        let second = bind(&path, None).unwrap();
        drop(file); // the first one's file is gone already: the second one's stays
        assert!(path.exists());
        drop(second);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        fs::write(&path, "precious").unwrap();
        assert!(bind(&path, None).unwrap_err().contains("no socket"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_group_gets_the_socket_and_a_new_folder_and_an_old_folder_stays() {
        let folder = tempfile::tempdir().unwrap();
        let own = fs::metadata(folder.path()).unwrap().gid();
        let groups = fs::read_to_string("/etc/group").unwrap();
        let names: Vec<&str> = groups
            .lines()
            .filter_map(|line| line.split(':').next())
            .collect();
        let accounts = Accounts::of("", &groups);
        let name = names.iter().find(|name| accounts.group(name) == Some(own));
        let name = name.expect("the group of a new file has a name");
        let path = folder.path().join("run/admin.sock");
        let bound = bind(&path, Some(name)).unwrap();
        let facts = |path: &Path| {
            let facts = fs::metadata(path).unwrap();
            (facts.gid(), facts.mode() & 0o777)
        };
        assert_eq!(facts(&path), (own, 0o660));
        assert_eq!(facts(path.parent().unwrap()), (own, 0o710));
        drop(bound);
        let old = path.parent().unwrap();
        fs::set_permissions(old, Permissions::from_mode(0o700)).unwrap();
        let bound = bind(&path, Some(name)).unwrap();
        assert_eq!(facts(old).1, 0o700);
        drop(bound);
        let none = bind(&path, Some("no such group")).unwrap_err();
        assert!(none.contains("no group `no such group`"), "{none}");
        assert!(!path.exists());
    }
}
