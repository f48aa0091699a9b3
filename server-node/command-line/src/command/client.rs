//! A client of a node's API, for the commands that read and send.

#[cfg(feature = "menu")]
use std::io::BufRead;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use bytes::{Buf, Bytes};
use clap::Args;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use plexus_core::primitives::params::{Network, Parameters};
use plexus_core::primitives::pow::Work;
use plexus_core::protocol::address::Address;
use plexus_node::connector::{Connector, GaiResolver, connector};
use plexus_node::tls::roots;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;
use tokio::time::{Instant, timeout, timeout_at};

/// The node that commands ask if none is named.
pub(super) const LOCAL_NODE: &str = "http://127.0.0.1:8333";
/// The most bytes of a response. The API's own caps are lower.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// The most bytes of a response by which the API refuses a request.
const REFUSAL_BYTES_MAX: usize = 1 << 16;
/// The longest time that a node may take to answer, and then between two parts of its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The node to ask, and the form to print its answer in.
#[derive(Debug, Args)]
pub(super) struct NodeSource {
    /// The node to ask
    #[arg(long, value_name = "URL", default_value = LOCAL_NODE)]
    node: Address,
    /// Trust the certificate authorities in this file (PEM) as well as the system's, if the node is
    /// at https://
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// A client of one node's API.
#[derive(Debug)]
pub(super) struct NodeClient {
    base: String,
    is_tls: bool,
    tls_ca: Option<PathBuf>,
    /// Made when it is first used.
    http: OnceLock<Http>,
}

/// The machinery of requests. Redirects are not followed, and there is no proxy, which could answer
/// in place of the node.
#[derive(Clone, Debug)]
struct Http {
    runtime: Arc<Runtime>,
    client: Client<Connector, Full<Bytes>>,
}

/// The body of a response by which the API refuses a request.
#[derive(serde::Deserialize)]
struct ErrorBody {
    error: RefusalBody,
}

#[derive(serde::Deserialize)]
struct RefusalBody {
    code: String,
    message: String,
    #[serde(default)]
    least_stamp_work: Option<String>,
}

/// A request that the node refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct Refused {
    /// The API's code, for example `busy`.
    pub(super) code: String,
    message: String,
    /// The stamp work with which the node would take the message.
    pub(super) least_stamp_work: Option<Work>,
}

impl NodeSource {
    /// Returns the flag that names the node, for a command line that is shown. It is empty for the
    /// node that is asked without one.
    pub(super) fn flag(&self) -> String {
        let base = self.client().base;
        if base == LOCAL_NODE { String::new() } else { format!(" --node {base}") }
    }

    /// Returns a client of the node's API.
    pub(super) fn client(&self) -> NodeClient {
        NodeClient::new(&self.node).trusting(self.tls_ca.clone())
    }
}

impl NodeClient {
    /// Creates a client of the node at this address. It connects directly when it is first used.
    pub(super) fn new(node: &Address) -> Self {
        let scheme = if node.is_tls() { "https" } else { "http" };
        let base = format!("{scheme}://{}:{}", node.host(), node.port());
        Self { base, is_tls: node.is_tls(), tls_ca: None, http: OnceLock::new() }
    }

    /// Returns a client that also trusts the authorities in this file.
    pub(super) fn trusting(self, tls_ca: Option<PathBuf>) -> Self {
        Self { tls_ca, ..self }
    }

    /// Returns the node's URL.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Requests a value.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.value(self.send(self.request(Method::GET, path), Bytes::new())?)
    }

    /// Requests a value, with these names and values in the query. They are encoded here.
    pub(super) fn get_with<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> anyhow::Result<T> {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        self.get(&format!("{path}?{query}"))
    }

    /// Requests bytes of this media type, at most `bytes_max`.
    pub(super) fn bytes(&self, path: &str, media_type: &str, bytes_max: usize) -> anyhow::Result<Vec<u8>> {
        let request = self.request(Method::GET, path).header(ACCEPT, media_type);
        self.body(self.send(request, Bytes::new())?, bytes_max)
    }

    /// Requests a file of the page, as it is stored: at most `bytes_max` of its bytes. Returns `None` if
    /// the node has no such file.
    pub(super) fn file(&self, path: &str, bytes_max: u64) -> anyhow::Result<Option<Vec<u8>>> {
        let request = self.request(Method::GET, path).header(ACCEPT_ENCODING, "identity");
        let response = self.exchange(request, Bytes::new())?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let mut body = self.reader(self.accepted(response)?)?.take(bytes_max);
        body.read_to_end(&mut bytes).map_err(|error| self.broken_off(&error))?;
        Ok(Some(bytes))
    }

    /// Posts a value. Returns the response.
    pub(super) fn post<T: DeserializeOwned>(&self, path: &str, value: &impl Serialize) -> anyhow::Result<T> {
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, "application/json");
        self.value(self.send(request, serde_json::to_vec(value)?.into())?)
    }

    /// Requests a long response. Returns a reader of it, so that it need not fit in memory.
    pub(super) fn stream(&self, path: &str) -> anyhow::Result<BufReader<impl Read + 'static>> {
        let response = self.send(self.request(Method::GET, path), Bytes::new())?;
        Ok(BufReader::with_capacity(1 << 16, self.reader(response)?))
    }

    /// Requests a response that does not end. Returns a reader of it, which fails after `longest`.
    #[cfg(feature = "menu")]
    pub(super) fn follow(&self, path: &str, longest: Duration) -> anyhow::Result<impl BufRead + 'static> {
        let response = self.send(self.request(Method::GET, path), Bytes::new())?;
        let reader = BodyReader { ends: Some(Instant::now() + longest), ..self.reader(response)? };
        Ok(BufReader::with_capacity(1 << 16, reader))
    }

    /// Returns the network that the node is on. Its id is computed here from the parameters.
    pub(super) fn network(&self) -> anyhow::Result<Network> {
        let parameters: Parameters = self.get("/api/v1/network")?;
        Network::new(parameters)
            .with_context(|| format!("the node at {} has an impossible network", self.base))
    }

    fn request(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        Request::builder().method(method).uri(format!("{}{path}", self.base))
    }

    fn http(&self) -> anyhow::Result<&Http> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let tls = if self.is_tls { roots::client_config(self.tls_ca.as_deref())? } else { roots::nobody()? };
        let connector = connector(GaiResolver::new(), tls, CONNECT_TIMEOUT);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(self.http.get_or_init(|| Http { runtime: Arc::new(runtime), client }))
    }

    fn reader(&self, response: Response<Incoming>) -> anyhow::Result<BodyReader> {
        let runtime = self.http()?.runtime.clone();
        Ok(BodyReader { runtime, body: response.into_body(), part: Bytes::new(), ends: None })
    }

    /// Sends a request. Returns the head of a response that is not a refusal.
    fn send(
        &self,
        request: hyper::http::request::Builder,
        body: Bytes,
    ) -> anyhow::Result<Response<Incoming>> {
        self.accepted(self.exchange(request, body)?)
    }

    /// Sends a request. Returns the head of the response.
    fn exchange(
        &self,
        request: hyper::http::request::Builder,
        body: Bytes,
    ) -> anyhow::Result<Response<Incoming>> {
        let request = request.body(Full::new(body))?;
        let Http { runtime, client } = self.http()?;
        let answer = runtime.block_on(async {
            // The client's error says only in which step it failed, and its sources say why.
            timeout(ANSWER_TIMEOUT, client.request(request)).await?.map_err(anyhow::Error::from)
        });
        answer.map_err(|error: anyhow::Error| {
            let why = error.root_cause();
            anyhow!(
                "no node answers at {} ({why}): start one with `plexus node`, or name another with --node URL",
                self.base
            )
        })
    }

    fn accepted(&self, response: Response<Incoming>) -> anyhow::Result<Response<Incoming>> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = self.body(response, REFUSAL_BYTES_MAX).unwrap_or_default();
        match serde_json::from_slice::<ErrorBody>(&body) {
            Ok(ErrorBody { error: RefusalBody { code, message, least_stamp_work } }) => {
                let least_stamp_work =
                    least_stamp_work.and_then(|hashes| hashes.parse().ok()).map(Work::from_hashes);
                Err(Refused { code, message, least_stamp_work }.into())
            }
            Err(_) => bail!("{} answers with HTTP status {status}: is it a Plexus node?", self.base),
        }
    }

    fn value<T: DeserializeOwned>(&self, response: Response<Incoming>) -> anyhow::Result<T> {
        let body = self.body(response, ANSWER_BYTES_MAX)?;
        serde_json::from_slice(&body).map_err(|error| {
            anyhow!("{} does not answer as a Plexus node of this version: {error}", self.base)
        })
    }

    fn body(&self, response: Response<Incoming>, bytes_max: usize) -> anyhow::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut body = self.reader(response)?.take(bytes_max as u64 + 1);
        body.read_to_end(&mut bytes).map_err(|error| self.broken_off(&error))?;
        ensure!(bytes.len() <= bytes_max, "the node at {} answers with over {bytes_max} bytes", self.base);
        Ok(bytes)
    }

    fn broken_off(&self, error: &dyn std::fmt::Display) -> anyhow::Error {
        anyhow!("the node at {} broke off its answer: {error}", self.base)
    }
}

/// Reads the body of a response, part by part.
struct BodyReader {
    runtime: Arc<Runtime>,
    body: Incoming,
    /// The unread rest of the last part.
    part: Bytes,
    /// The time at which reading fails. If it is missing, the node may take [`ANSWER_TIMEOUT`] for each
    /// part.
    ends: Option<Instant>,
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.part.is_empty() {
            let ends = self.ends.unwrap_or_else(|| Instant::now() + ANSWER_TIMEOUT);
            let next = self.runtime.block_on(async { timeout_at(ends, self.body.frame()).await });
            match next? {
                None => return Ok(0),
                Some(frame) => self.part = frame.map_err(io::Error::other)?.into_data().unwrap_or_default(),
            }
        }
        let read = buffer.len().min(self.part.len());
        self.part.copy_to_slice(&mut buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_not_there_is_named_with_what_to_do() {
        // This port was free a moment ago, so no server listens there.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let client = NodeClient::new(&format!("127.0.0.1:{port}").parse().unwrap());
        let error = client.get::<serde_json::Value>("/api/v1/status").unwrap_err().to_string();
        assert!(error.contains(&port.to_string()) && error.contains("plexus node"), "{error}");
    }

    #[test]
    fn any_form_of_a_nodes_address_leads_to_its_api() {
        for (text, base) in
            [("ws://a:1/p2p", "http://a:1"), ("https://a", "https://a:443"), ("[::1]:5", "http://[::1]:5")]
        {
            assert_eq!(NodeClient::new(&text.parse().unwrap()).base(), base);
        }
    }
}
