//! The file of the admin socket: made, checked and removed.

use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use tokio::net::{UnixListener, UnixStream};

/// The most bytes of a socket's path. The system's 108 end in a zero.
pub const PATH_BYTES_MAX: usize = 107;

/// A listening admin socket. Its file is removed when it is dropped.
#[derive(Debug)]
pub struct AdminListener {
    listener: UnixListener,
    path: PathBuf,
}

impl AdminListener {
    /// Makes the socket's file, readable and writable by its owner only. Replaces the file of a node
    /// that has ended. Call it only while holding the lock of the data folder, and within a Tokio
    /// runtime.
    ///
    /// # Errors
    /// The path is too long, is something else than a socket, is used by a running node, or cannot
    /// be made.
    pub fn bind(path: &Path) -> anyhow::Result<Self> {
        check_path(path)?;
        let shown = path.display();
        match std::fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                bail!(
                    "{shown} exists and is not a socket: choose another path with --admin-socket, or use --no-admin"
                )
            }
            Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
                Ok(_) => bail!("another node listens on {shown}: choose another path with --admin-socket"),
                // The node that made it has ended.
                Err(_) => std::fs::remove_file(path).with_context(|| format!("cannot replace {shown}"))?,
            },
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("the admin socket {shown}")),
        }
        let listener = UnixListener::bind(path).with_context(|| {
            format!("cannot make the admin socket {shown}: choose another path with --admin-socket")
        })?;
        let admin = Self { listener, path: path.to_owned() };
        // A connection in between is refused by its user.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
            .with_context(|| format!("cannot protect the admin socket {shown}"))?;
        Ok(admin)
    }

    /// Waits for the next connection of a user that may administer the node.
    ///
    /// # Errors
    /// The system cannot accept a connection, or it is another user's.
    pub async fn accept(&self) -> io::Result<UnixStream> {
        let (stream, _) = self.listener.accept().await?;
        let user = stream.peer_cred()?.uid();
        if user == rustix::process::geteuid().as_raw() || user == 0 {
            Ok(stream)
        } else {
            Err(io::Error::new(
                ErrorKind::PermissionDenied,
                format!("user {user} may not administer this node"),
            ))
        }
    }
}

impl Drop for AdminListener {
    fn drop(&mut self) {
        // The next start replaces a file that is left.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Fails if a path is too long for a socket.
///
/// # Errors
/// The path has more than [`PATH_BYTES_MAX`] bytes.
pub fn check_path(path: &Path) -> anyhow::Result<()> {
    let length = path.as_os_str().as_bytes().len();
    ensure!(
        length <= PATH_BYTES_MAX,
        "the path of the admin socket has {length} bytes, and the system allows {PATH_BYTES_MAX}: choose a shorter one \
         with --admin-socket PATH, or use --no-admin ({})",
        path.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_owner_may_use_the_file_and_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let listener = AdminListener::bind(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let client = UnixStream::connect(&path).await.unwrap();
        listener.accept().await.unwrap();
        drop(client);
        let error = AdminListener::bind(&path).unwrap_err().to_string();
        assert!(error.contains("another node listens"), "{error}");
        drop(listener);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_dead_nodes_socket_is_replaced_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a node that was killed leaves its file");
        drop(AdminListener::bind(&path).unwrap());
        std::fs::write(&path, "precious").unwrap();
        let error = AdminListener::bind(&path).unwrap_err().to_string();
        assert!(error.contains("not a socket"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_path_that_is_too_long_is_named_with_its_length() {
        let path = Path::new("/tmp").join("x".repeat(120));
        let error = AdminListener::bind(&path).unwrap_err().to_string();
        assert!(error.contains("125 bytes") && error.contains("--admin-socket"), "{error}");
    }
}
