//! A folder served on a loopback port, as any web host serves one: an origin that does not belong
//! to a node.
//!
//! It answers GET with a file of the folder or with 404, one request per connection, and sends a
//! content security policy with each. Connections over `CONNECTIONS_MAX` are closed at once.
//! Requests over `HEAD_BYTES_MAX` get no answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// The most connections at a time.
const CONNECTIONS_MAX: usize = 64;
/// The most bytes of a request.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// The most time for a request to arrive, and for its answer to be sent.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A site. It ends when dropped.
#[derive(Debug)]
pub struct Site {
    /// Its URL, without the last slash.
    pub url: String,
    address: SocketAddr,
    shared: Arc<SiteState>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct SiteState {
    folder: PathBuf,
    policy: String,
    open: AtomicUsize,
    is_over: AtomicBool,
}

impl Site {
    /// Serves a folder with a content security policy. Returns the site.
    pub fn serve(folder: &Path, policy: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(SiteState {
            folder: folder.to_owned(),
            policy: policy.to_owned(),
            open: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if serving.is_over.load(Ordering::Relaxed) {
                    return;
                }
                if serving.open.fetch_add(1, Ordering::Relaxed) < CONNECTIONS_MAX {
                    let serving = Arc::clone(&serving);
                    std::thread::spawn(move || {
                        // The client may be gone.
                        let _ = serving.answer(stream);
                        serving.open.fetch_sub(1, Ordering::Relaxed);
                    });
                } else {
                    serving.open.fetch_sub(1, Ordering::Relaxed);
                }
            }
        });
        Self { url: format!("http://{address}"), address, shared, thread: Some(thread) }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // The server notices the end at its next connection.
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl SiteState {
    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let mut head = Vec::new();
        let mut part = [0; 1024];
        while !head.ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut part)?;
            if read == 0 || head.len() + read > HEAD_BYTES_MAX {
                return Ok(());
            }
            head.extend_from_slice(&part[..read]);
        }
        let head = String::from_utf8_lossy(&head);
        let file = asked(&head).and_then(|path| {
            let bytes = std::fs::read(self.folder.join(path)).ok()?;
            Some((media_type(path), bytes))
        });
        let (status, (media_type, body)) = match file {
            Some(file) => ("200 OK", file),
            None => ("404 Not Found", ("text/plain", b"not found\n".to_vec())),
        };
        let (policy, length) = (&self.policy, body.len());
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\
             content-security-policy: {policy}\r\nconnection: close\r\n\r\n"
        )?;
        stream.write_all(&body)
    }
}

/// Returns the file that a request asks for, which is within the folder.
fn asked(head: &str) -> Option<&Path> {
    let target = head.strip_prefix("GET /")?.split([' ', '?']).next()?;
    let path = Path::new(if target.is_empty() { "index.html" } else { target });
    path.components().all(|part| matches!(part, Component::Normal(_))).then_some(path)
}

fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|end| end.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_serves_its_folder_with_its_policy_and_nothing_above() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("site")).unwrap();
        std::fs::write(folder.path().join("secret.js"), "secret").unwrap();
        std::fs::write(folder.path().join("site/index.html"), "<p>hello").unwrap();
        let site = Site::serve(&folder.path().join("site"), "default-src 'self'");
        let get = |target: &str| {
            let mut stream = TcpStream::connect(site.address).unwrap();
            write!(stream, "GET {target} HTTP/1.1\r\nhost: site\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        for target in ["/", "/?node=x", "/index.html"] {
            let answer = get(target);
            assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("<p>hello"), "{answer}");
            assert!(answer.contains("content-security-policy: default-src 'self'\r\n"), "{answer}");
        }
        for target in ["/../secret.js", "//etc/passwd", "/none", "/./../secret.js", "x"] {
            assert!(get(target).starts_with("HTTP/1.1 404"), "{target}");
        }
    }
}
