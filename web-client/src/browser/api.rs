//! Requests to the node's JSON API that the peer protocol does not cover: the node's network, and
//! the position of a message.
//!
//! All HTTP requests of the program are made here, with gloo-net.
//!
//! No answer is trusted without a check. The handshake must show the network's id, and the chain
//! must contain a message's block.

use gloo_net::http::{Request, Response};
use js_sys::{JSON, Reflect, Uint8Array};
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::message::MessageId;
use plexus_core::primitives::params::{Network, Parameters};
use plexus_core::primitives::pow::Bits;
use plexus_core::primitives::time::Timestamp;
use plexus_core::protocol::address::Address;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::ReadableStreamDefaultReader;

/// The most bytes of an answer: a message's status has under 20,000. The rest of a longer one is not
/// read.
const ANSWER_BYTES_MAX: usize = 65_536;

/// The reason that a request failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FetchError {
    /// There is no answer.
    #[error("nobody answers at {url}")]
    Unreachable {
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

async fn ask(url: &str) -> Result<JsonAnswer, FetchError> {
    let unreached = || FetchError::Unreachable { url: url.to_owned() };
    // gloo-net's builder would parse the URL again for a query that is empty, in 2 kB more.
    let request = web_sys::Request::new_with_str(url).map_err(|_| unreached())?;
    let response = Request::from(request).send().await.map_err(|_| unreached())?;
    if response.status() != 200 {
        return Err(FetchError::Status { url: url.to_owned(), status: response.status() });
    }
    let invalid = |reason| FetchError::Answer { url: url.to_owned(), reason };
    let body = body(&response).await.map_err(|_| unreached())?;
    let body = body.ok_or_else(|| invalid(format!("more than {ANSWER_BYTES_MAX} bytes")))?;
    JsonAnswer::parse(&String::from_utf8_lossy(&body)).ok_or_else(|| invalid("not JSON".to_owned()))
}

/// Reads an answer's bytes as they come. Returns `None` if there are more than [`ANSWER_BYTES_MAX`].
///
/// # Errors
/// The connection is lost.
async fn body(response: &Response) -> Result<Option<Vec<u8>>, JsValue> {
    let mut bytes = Vec::new();
    let Some(stream) = response.body() else { return Ok(Some(bytes)) };
    let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    loop {
        let read = JsFuture::from(reader.read()).await?;
        let Ok(piece) = Reflect::get(&read, &"value".into())?.dyn_into::<Uint8Array>() else {
            return Ok(Some(bytes));
        };
        let length = usize::try_from(piece.length()).unwrap_or(usize::MAX);
        if length > ANSWER_BYTES_MAX - bytes.len() {
            // The browser stops loading. An error of the cancellation changes nothing.
            let _ = reader.cancel();
            return Ok(None);
        }
        bytes.extend(piece.to_vec());
    }
}

/// JSON that the browser parsed. All answers here are one flat object.
#[derive(Debug)]
pub(crate) struct JsonAnswer(JsValue);

impl JsonAnswer {
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
                .map(Timestamp::from_unix_ms)
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
pub(crate) async fn network(node: &Address) -> Result<Network, FetchError> {
    let url = format!("{}/network", base(node));
    ask(&url).await?.network().map_err(|reason| FetchError::Answer { url, reason })
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
