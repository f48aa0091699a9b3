//! Questions to the node's JSON API that the peer protocol does not answer: which network it is of, and where a message is.
//!
//! Nothing that it says is believed without a check: the network's id must show in the handshake, a message's block on the chain.

use core::str::FromStr;

use js_sys::Promise;
use plexus_core::address::Address;
use plexus_core::message::MessageId;
use plexus_core::network::{Network, Parameters};
use plexus_core::view::MessageStatus;
use serde::Deserialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = fetch)]
    fn fetch(url: &str) -> Promise;

    type Response;
    #[wasm_bindgen(method, getter)]
    fn status(this: &Response) -> u16;
    #[wasm_bindgen(method)]
    fn text(this: &Response) -> Promise;
}

/// The most UTF-16 units of an answer that are looked at: a message's status is under 20,000.
const ANSWER_UNITS_MAX: u32 = 65_536;

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiError {
    /// Nobody answers.
    #[error("{url} cannot be reached")]
    Unreached {
        /// What was asked.
        url: String,
    },
    /// There is no such thing.
    #[error("{url} answers with status {status}")]
    Status {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The answer is not what it should be.
    #[error("{url}: {reason}")]
    Answer {
        /// What was asked.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The URL below which a node's API lies.
fn base(node: &Address) -> String {
    let scheme = if node.is_tls() { "https" } else { "http" };
    format!("{scheme}://{}:{}/api/v1", node.host(), node.port())
}

async fn ask(url: &str) -> Result<String, ApiError> {
    let unreached = |_| ApiError::Unreached { url: url.to_owned() };
    let response: Response = JsFuture::from(fetch(url)).await.map_err(unreached)?.unchecked_into();
    if response.status() != 200 {
        return Err(ApiError::Status { url: url.to_owned(), status: response.status() });
    }
    let text = JsFuture::from(response.text()).await.map_err(unreached)?;
    let text: js_sys::JsString = text.unchecked_into();
    if text.length() > ANSWER_UNITS_MAX {
        let reason = format!("{} characters, at most {ANSWER_UNITS_MAX} expected", text.length());
        return Err(ApiError::Answer { url: url.to_owned(), reason });
    }
    Ok(text.into())
}

/// The network that a node is of: its parameters, or its name if that is all the node tells.
pub(crate) async fn network(node: &Address) -> Result<Network, ApiError> {
    let url = format!("{}/network", base(node));
    let (url, read): (_, fn(&str) -> Result<Network, String>) = match ask(&url).await {
        Ok(answer) => return parse_network(&answer).map_err(|reason| ApiError::Answer { url, reason }),
        Err(ApiError::Status { .. }) => (format!("{}/status", base(node)), parse_status),
        Err(error) => return Err(error),
    };
    read(&ask(&url).await?).map_err(|reason| ApiError::Answer { url, reason })
}

/// Reads a network's parameters from JSON.
pub(crate) fn parse_network(json: &str) -> Result<Network, String> {
    let parameters: Parameters = serde_json::from_str(json).map_err(|error| error.to_string())?;
    Network::new(parameters).map_err(|error| error.to_string())
}

fn parse_status(json: &str) -> Result<Network, String> {
    #[derive(Deserialize)]
    struct Status {
        network: String,
    }
    let status: Status = serde_json::from_str(json).map_err(|error| error.to_string())?;
    Network::from_str(&status.network).map_err(|error| error.to_string())
}

/// Where a node says that a message is.
pub(crate) async fn message(node: &Address, id: &MessageId) -> Result<MessageStatus, ApiError> {
    let url = format!("{}/messages/{id}", base(node));
    let answer = ask(&url).await?;
    serde_json::from_str(&answer).map_err(|error| ApiError::Answer { url, reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_comes_by_its_parameters_or_its_name() {
        let json = serde_json::to_string(Network::dev().parameters()).unwrap();
        assert_eq!(parse_network(&json), Ok(Network::dev()));
        assert!(parse_network("{}").unwrap_err().contains("name"));
        assert!(parse_network(&json.replace("15000", "0")).unwrap_err().starts_with("spacing_ms"));
        assert_eq!(parse_status(r#"{"network":"plexus","height":3}"#), Ok(Network::plexus()));
        assert!(parse_status(r#"{"network":"mine"}"#).unwrap_err().contains("not a built-in network"));
    }

    #[test]
    fn the_api_is_where_the_node_is() {
        let base = |text: &str| base(&text.parse().unwrap());
        assert_eq!(base("ws://localhost:8333/p2p"), "http://localhost:8333/api/v1");
        assert_eq!(base("https://example.org"), "https://example.org:443/api/v1");
    }
}
