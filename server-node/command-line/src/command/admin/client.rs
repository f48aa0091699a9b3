//! A client of a running node's admin socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use plexus_node::admin::{SOCKET_FILE, listener};
use plexus_node::http::error::Refusal;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// The most bytes of an answer that is not a backup.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// The longest time that a node may take to begin its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A client of the admin socket of one node.
pub(in crate::command) struct AdminClient {
    runtime: Runtime,
    path: PathBuf,
}

impl AdminClient {
    /// Creates a client of the node that uses a data folder, or listens on `socket`.
    pub(in crate::command) fn new(data: &Path, socket: Option<&Path>) -> anyhow::Result<Self> {
        let path = socket.map_or_else(|| data.join(SOCKET_FILE), Path::to_owned);
        listener::check_path(&path)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, path })
    }

    /// Sends a request without a body. Returns the answer.
    pub(super) fn ask<T: DeserializeOwned>(&self, method: Method, path: &str) -> anyhow::Result<T> {
        self.answer(method, path, Bytes::new())
    }

    /// Sends a request with a JSON body. Returns the answer.
    pub(super) fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.answer(method, path, serde_json::to_vec(body)?.into())
    }

    /// Asks for a backup. Returns a reader of it.
    pub(in crate::command) fn backup(self, keys: bool) -> anyhow::Result<impl io::Read> {
        let path = format!("/backup?keys={keys}");
        let request = self.request(Method::GET, &path, Bytes::new());
        let body = self.runtime.block_on(request)?.into_body();
        Ok(BodyReader { runtime: self.runtime, body, piece: Bytes::new() })
    }

    fn answer<T: DeserializeOwned>(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<T> {
        let answer = async {
            let body = self.request(method, path, body).await?.into_body();
            collect(body).await
        };
        let body = self.runtime.block_on(answer)?;
        serde_json::from_slice(&body).context("the node is of another version than this program")
    }

    /// Sends a request. Returns the answer, if the node did not refuse.
    async fn request(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<Response<Incoming>> {
        let shown = self.path.display();
        let stream = UnixStream::connect(&self.path).await.map_err(|error| {
            if error.kind() == io::ErrorKind::PermissionDenied {
                return anyhow!(
                    "{shown} is for the user that runs the node: use that account, for example by sudo -u"
                );
            }
            anyhow!(
                "no node runs there ({shown}: {error}): start it with `plexus node`, or name its folder with --data and its \
                 network with --network"
            )
        })?;
        let broken = || format!("the node at {shown} broke off");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.with_context(broken)?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "plexus")
            .header("content-type", "application/json")
            .body(Full::new(body))?;
        let sent = timeout(ANSWER_TIMEOUT, sender.send_request(request)).await;
        let response =
            sent.map_err(|_| anyhow!("the node at {shown} does not answer"))?.with_context(broken)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = collect(response.into_body()).await?;
        match serde_json::from_slice::<Refusal>(&body) {
            Ok(refusal) => bail!("{}", refusal.error.message),
            Err(_) => {
                bail!("{shown} answers with HTTP status {status}: is it a Plexus node of this version?")
            }
        }
    }
}

async fn collect(body: Incoming) -> anyhow::Result<Bytes> {
    let collected = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    Ok(collected.map_err(|error| anyhow!("the node broke off its answer: {error}"))?.to_bytes())
}

/// A body that is read piece by piece, as the node sends it.
struct BodyReader {
    runtime: Runtime,
    body: Incoming,
    piece: Bytes,
}

impl io::Read for BodyReader {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            let frame = self.runtime.block_on(self.body.frame());
            match frame.transpose().map_err(io::Error::other)? {
                Some(frame) => self.piece = frame.into_data().unwrap_or_default(),
                None => return Ok(0),
            }
        }
        let count = bytes.len().min(self.piece.len());
        let piece = self.piece.split_to(count);
        if let Some(bytes) = bytes.get_mut(..count) {
            bytes.copy_from_slice(&piece);
        }
        Ok(count)
    }
}

/// Returns a text for a URL's query: every byte that might mean something else is escaped.
pub(super) fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

/// Fails if a text is too long for a request.
pub(super) fn check_text(text: &str) -> anyhow::Result<()> {
    ensure!(text.len() <= 1_024, "{} bytes are too many for an address", text.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_not_there_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let client = AdminClient::new(folder.path(), None).unwrap();
        let error = client.ask::<serde_json::Value>(Method::GET, "/status").unwrap_err().to_string();
        assert!(error.contains("no node runs there") && error.contains("--data"), "{error}");
        let long = folder.path().join("x".repeat(200));
        let error = AdminClient::new(&long, None).err().unwrap().to_string();
        assert!(error.contains("107"), "{error}");
    }

    #[test]
    fn queries_are_escaped() {
        assert_eq!(escaped("[::1]&a=b c"), "%5B%3A%3A1%5D%26a%3Db%20c");
        assert_eq!(escaped("node-1.example.org"), "node-1.example.org");
    }
}
