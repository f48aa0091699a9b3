//! A client of a node's API, for the commands that read and send.

#[cfg(feature = "menu")]
use std::io::BufRead;
use std::io::{BufReader, Read};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use plexus_core::primitives::params::{Network, Parameters};
use plexus_core::protocol::address::Address;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The most bytes of a response. The API's own caps are lower.
const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// The longest time that a node may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The node to ask, and the form to print its answer in.
#[derive(Debug, Args)]
pub(super) struct NodeSource {
    /// The node to ask
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8333")]
    node: Address,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// A client of one node's API.
#[derive(Debug)]
pub(super) struct NodeClient {
    agent: ureq::Agent,
    base: String,
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
}

/// A request that the node refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct Refused {
    /// The API's code, for example `busy`.
    pub(super) code: String,
    message: String,
}

impl NodeSource {
    /// Returns a client of the node's API.
    pub(super) fn client(&self) -> NodeClient {
        NodeClient::new(&self.node)
    }
}

impl NodeClient {
    /// Creates a client of the node at this address.
    pub(super) fn new(node: &Address) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(ANSWER_TIMEOUT))
            // Connect directly: a proxy could answer in place of the node.
            .proxy(None)
            .max_redirects(0)
            .build();
        let scheme = if node.is_tls() { "https" } else { "http" };
        Self { agent: config.into(), base: format!("{scheme}://{}:{}", node.host(), node.port()) }
    }

    /// Returns the node's URL.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Requests a value.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let response = self.agent.get(format!("{}{path}", self.base)).call();
        self.value(self.answer(response)?)
    }

    /// Requests a value, with these names and values in the query. They are encoded here.
    pub(super) fn get_with<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> anyhow::Result<T> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let query = query.iter().map(|(name, value)| (*name, value.as_str()));
        self.value(self.answer(request.query_pairs(query).call())?)
    }

    /// Requests bytes of this media type, at most `bytes_max`.
    pub(super) fn bytes(&self, path: &str, media_type: &str, bytes_max: usize) -> anyhow::Result<Vec<u8>> {
        let response = self.agent.get(format!("{}{path}", self.base)).header("accept", media_type).call();
        self.body(self.answer(response)?, u64::try_from(bytes_max).unwrap_or(u64::MAX))
    }

    /// Requests a file of the page, as it is stored: at most `bytes_max` of its bytes. Returns `None` if
    /// the node has no such file.
    pub(super) fn file(&self, path: &str, bytes_max: u64) -> anyhow::Result<Option<Vec<u8>>> {
        let request = self.agent.get(format!("{}{path}", self.base)).header("accept-encoding", "identity");
        let response = request.call();
        if response.as_ref().is_ok_and(|response| response.status() == ureq::http::StatusCode::NOT_FOUND) {
            return Ok(None);
        }
        let mut body =
            self.answer(response)?.into_body().into_with_config().limit(u64::MAX).reader().take(bytes_max);
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).map_err(|error| self.broken_off(&error))?;
        Ok(Some(bytes))
    }

    /// Posts a value. Returns the response.
    pub(super) fn post<T: DeserializeOwned>(&self, path: &str, value: &impl Serialize) -> anyhow::Result<T> {
        let response = self
            .agent
            .post(format!("{}{path}", self.base))
            .content_type("application/json")
            .send(serde_json::to_vec(value)?.as_slice());
        self.value(self.answer(response)?)
    }

    /// Requests a long response. Returns a reader of it, so that it need not fit in memory.
    pub(super) fn stream(&self, path: &str) -> anyhow::Result<BufReader<impl Read + 'static>> {
        let response = self.agent.get(format!("{}{path}", self.base)).call();
        let body = self.answer(response)?.into_body().into_with_config().limit(u64::MAX);
        Ok(BufReader::with_capacity(1 << 16, body.reader()))
    }

    /// Requests a response that does not end. Returns a reader of it, which fails after `longest`.
    #[cfg(feature = "menu")]
    pub(super) fn follow(&self, path: &str, longest: Duration) -> anyhow::Result<impl BufRead + 'static> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let response = request.config().timeout_recv_body(Some(longest)).build().call();
        let body = self.answer(response)?.into_body().into_with_config().limit(u64::MAX);
        Ok(BufReader::with_capacity(1 << 16, body.reader()))
    }

    /// Returns the network that the node is on. Its id is computed here from the parameters.
    pub(super) fn network(&self) -> anyhow::Result<Network> {
        let parameters: Parameters = self.get("/api/v1/network")?;
        Network::new(parameters)
            .with_context(|| format!("the node at {} has an impossible network", self.base))
    }

    fn value<T: DeserializeOwned>(&self, response: ureq::http::Response<ureq::Body>) -> anyhow::Result<T> {
        let body = self.body(response, ANSWER_BYTES_MAX)?;
        serde_json::from_slice(&body).map_err(|error| {
            anyhow!("{} does not answer as a Plexus node of this version: {error}", self.base)
        })
    }

    fn body(&self, response: ureq::http::Response<ureq::Body>, bytes_max: u64) -> anyhow::Result<Vec<u8>> {
        let body = response.into_body().into_with_config().limit(bytes_max).read_to_vec();
        body.map_err(|error| self.broken_off(&error))
    }

    fn broken_off(&self, error: &dyn std::fmt::Display) -> anyhow::Error {
        anyhow!("the node at {} broke off its answer: {error}", self.base)
    }

    fn answer(
        &self,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> anyhow::Result<ureq::http::Response<ureq::Body>> {
        let mut response = response.map_err(|error| {
            anyhow!(
                "no node answers at {} ({error}): start one with `plexus node`, or name another with --node URL",
                self.base
            )
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.body_mut().with_config().limit(1 << 16).read_to_vec().unwrap_or_default();
        match serde_json::from_slice::<ErrorBody>(&body) {
            Ok(ErrorBody { error: RefusalBody { code, message } }) => Err(Refused { code, message }.into()),
            Err(_) => bail!("{} answers with HTTP status {status}: is it a Plexus node?", self.base),
        }
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
