//! Where do operators come in, and who is it?

use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as Probe;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};
use uuid::Uuid;

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

/// Binds the socket with mode 0600; must be called within a tokio runtime. A stale socket file is
/// replaced.
///
/// # Errors
/// A live process listens on it, something else stands there, or the system refuses.
pub fn bind(path: &Path) -> Result<Bound, String> {
    refuse_occupied(path)?;
    let named = |what: &str, error: &std::io::Error| {
        format!("the admin socket `{}` {what}: {error}", path.display())
    };
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    folder::make_for(path).map_err(|error| named("has no folder, and it can't be made", &error))?;
    // made where nobody else can look, and moved only once it has its mode: never open to others
    let unique = Uuid::new_v4().simple().to_string();
    let hidden = parent.join(format!(".{}", unique.get(..8).unwrap_or_default()));
    DirBuilder::new()
        .mode(0o700)
        .create(&hidden)
        .map_err(|error| named("can't be made", &error))?;
    let bound = bind_hidden(&hidden.join("s"), path);
    let removed = fs::remove_dir_all(&hidden);
    let bound = bound.map_err(|error| named("can't be bound", &error))?;
    removed.map_err(|error| named("leaves a folder behind", &error))?;
    Ok(bound)
}

fn bind_hidden(hidden: &Path, path: &Path) -> Result<Bound, std::io::Error> {
    let listener = UnixListener::bind(hidden)?;
    fs::set_permissions(hidden, Permissions::from_mode(0o600))?;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer(pub(super) Option<u32>);

impl Peer {
    pub(super) fn of(stream: &UnixStream) -> Self {
        Self(stream.peer_cred().ok().map(|peer| peer.uid()))
    }

    /// The user's name, or else its number.
    pub(super) fn name(self) -> String {
        let Some(uid) = self.0 else {
            return "unknown".to_owned();
        };
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        user_name(&users, uid).unwrap_or_else(|| uid.to_string())
    }
}

/// The user id of this process; must be called within a tokio runtime.
pub(super) fn own_user() -> Result<u32, String> {
    let (one, _other) = UnixStream::pair().map_err(|error| error.to_string())?;
    let peer = one.peer_cred().map_err(|error| error.to_string())?;
    Ok(peer.uid())
}

/// `name:password:uid:...`, a line a user (passwd(5)).
fn user_name(users: &str, uid: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number: u32 = fields.nth(1)?.parse().ok()?;
        (number == uid && !name.is_empty()).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_by_the_first_line_with_its_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\n\nbroken\nnight:x:1001:100::/:/bin/sh\n\
                     other:x:1001:100::/:/bin/sh\n";
        let table = [(0, Some("root")), (1001, Some("night")), (7, None)];
        for (uid, expected) in table {
            assert_eq!(user_name(users, uid).as_deref(), expected, "{uid}");
        }
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/admin.sock");
        let first = bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert!(bind(&path).unwrap_err().contains("running process"));
        let (listener, file) = first.split();
        drop(listener);
        assert!(path.exists()); // as after a crash
        let second = bind(&path).unwrap();
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
        assert!(bind(&path).unwrap_err().contains("no socket"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }
}
