//! Requests to the node's JSON API that the peer protocol does not cover: the node's network, and
//! the position of a message.
//!
//! No answer is trusted without a check. The handshake must show the network's id, and the chain
//! must contain a message's block.

use js_sys::{JSON, JsString, Promise, Reflect};
use plexus_core::address::Address;
use plexus_core::hash::Hash;
use plexus_core::message::MessageId;
use plexus_core::network::{Network, Parameters};
use plexus_core::pow::Bits;
use plexus_core::time::Time;
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

/// The most UTF-16 units of an answer that are read. A message's status is under 20,000.
const ANSWER_UNITS_MAX: u32 = 65_536;

/// The reason that a request failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiError {
    /// There is no answer.
    #[error("nobody answers at {url}")]
    Unreached {
        /// The requested URL.
        url: String,
    },
    /// The answer has an error status.
    #[error("{url} answers with status {status}")]
    Status {
        /// The requested URL.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The answer has another form than expected.
    #[error("{url}: {reason}")]
    Answer {
        /// The requested URL.
        url: String,
        /// The error in it.
        reason: String,
    },
}

/// Returns the URL below which a node's API lies.
fn base(node: &Address) -> String {
    let scheme = if node.is_tls() { "https" } else { "http" };
    format!("{scheme}://{}:{}/api/v1", node.host(), node.port())
}

async fn ask(url: &str) -> Result<Answer, ApiError> {
    let unreached = |_| ApiError::Unreached { url: url.to_owned() };
    let response: Response = JsFuture::from(fetch(url)).await.map_err(unreached)?.unchecked_into();
    if response.status() != 200 {
        return Err(ApiError::Status { url: url.to_owned(), status: response.status() });
    }
    let text: JsString = JsFuture::from(response.text()).await.map_err(unreached)?.unchecked_into();
    if text.length() > ANSWER_UNITS_MAX {
        let reason = format!("{} characters, at most {ANSWER_UNITS_MAX} expected", text.length());
        return Err(ApiError::Answer { url: url.to_owned(), reason });
    }
    Answer::parse(&String::from(text))
        .ok_or_else(|| ApiError::Answer { url: url.to_owned(), reason: "not JSON".to_owned() })
}

/// JSON that the browser parsed. All answers here are one flat object.
#[derive(Debug)]
pub(crate) struct Answer(JsValue);

impl Answer {
    /// Parses JSON.
    pub(crate) fn parse(json: &str) -> Option<Self> {
        JSON::parse(json).ok().map(Self)
    }

    fn field(&self, name: &str) -> Option<JsValue> {
        Reflect::get(&self.0, &name.into()).ok().filter(|value| !value.is_null() && !value.is_undefined())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.field(name)?.as_string()
    }

    fn number(&self, name: &str) -> Option<u64> {
        let number = self.field(name)?.as_f64()?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "only whole numbers from 0 to 2^53 are cast"
        )]
        let whole = (0.0..=9_007_199_254_740_992.0).contains(&number).then_some(number as u64);
        whole
    }

    fn number_u32(&self, name: &str) -> Option<u32> {
        self.number(name)?.try_into().ok()
    }

    /// Returns a network's parameters.
    pub(crate) fn network(&self) -> Result<Network, String> {
        let missing = |name: &'static str| move || format!("{name}: missing, or not what it should be");
        let bits = || {
            let text = self.text("limit_bits")?;
            u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
        };
        let parameters = Parameters {
            name: self.text("name").ok_or_else(missing("name"))?,
            genesis_time: self
                .number("genesis_time")
                .map(Time::from_unix_ms)
                .ok_or_else(missing("genesis_time"))?,
            spacing_ms: self.number("spacing_ms").ok_or_else(missing("spacing_ms"))?,
            half_life_ms: self.number("half_life_ms").ok_or_else(missing("half_life_ms"))?,
            limit_bits: bits().map(Bits::from_u32).ok_or_else(missing("limit_bits"))?,
            block_bytes_max: self.number_u32("block_bytes_max").ok_or_else(missing("block_bytes_max"))?,
            block_messages_max: self
                .number_u32("block_messages_max")
                .ok_or_else(missing("block_messages_max"))?,
        };
        Network::new(parameters).map_err(|error| error.to_string())
    }
}

/// Returns the network of a node.
pub(crate) async fn network(node: &Address) -> Result<Network, ApiError> {
    let url = format!("{}/network", base(node));
    ask(&url).await?.network().map_err(|reason| ApiError::Answer { url, reason })
}

/// Returns the position of a message by a node's answer: the height and hash of its block.
pub(crate) async fn place(node: &Address, id: &MessageId) -> Option<(u64, Hash)> {
    let answer = ask(&format!("{}/messages/{id}", base(node))).await.ok()?;
    Some((answer.number("number_of_block")?, answer.text("block")?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_is_where_the_node_is() {
        let base = |text: &str| base(&text.parse().unwrap());
        assert_eq!(base("ws://localhost:8333/p2p"), "http://localhost:8333/api/v1");
        assert_eq!(base("https://example.org"), "https://example.org:443/api/v1");
    }
}
