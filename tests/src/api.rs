//! A client of a node's JSON API, as users would write one.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;

/// The most time that an answer may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A client of one node.
#[derive(Clone, Debug)]
pub struct ApiClient {
    url: String,
    agent: Agent,
}

impl ApiClient {
    /// Creates a client of the node at a URL.
    pub fn new(url: &str) -> Self {
        let config =
            Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).build();
        Self { url: url.to_owned(), agent: config.into() }
    }

    /// Returns the status code and body of a page.
    ///
    /// # Errors
    /// The reason that there is no answer.
    pub fn text(&self, path: &str) -> Result<(u16, String), ureq::Error> {
        let mut answer = self.agent.get(format!("{}{path}", self.url)).call()?;
        Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
    }

    /// Returns the JSON under `/api/v1`. Returns `None` if the request fails.
    pub fn ask(&self, path: &str) -> Option<Value> {
        let (code, text) = self.text(&format!("/api/v1{path}")).ok()?;
        (code == 200).then(|| serde_json::from_str(&text).expect("the API answers in JSON"))
    }

    /// Submits a message. Returns the status code and the JSON.
    pub fn submit(&self, message: &Value) -> (u16, Value) {
        let url = format!("{}/api/v1/messages", self.url);
        let mut answer = self.agent.post(url).send_json(message).unwrap();
        let code = answer.status().as_u16();
        (code, answer.body_mut().read_json().unwrap())
    }

    /// Returns the height of the tip.
    pub fn height(&self) -> Option<u64> {
        self.ask("/status")?["height"].as_u64()
    }

    /// Returns the hash at a height.
    pub fn hash_at(&self, height: u64) -> Option<String> {
        Some(self.ask(&format!("/blocks/{height}"))?["hash"].as_str()?.to_owned())
    }

    /// Returns the height of a block of the best chain, by its hash.
    pub fn height_of(&self, hash: &str) -> Option<u64> {
        self.ask(&format!("/blocks/{hash}"))?["number_of_block"].as_u64()
    }
}
