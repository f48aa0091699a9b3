//! An HTTP client without knowledge of this project.

use serde_json::Value;
use ureq::http::{HeaderMap, Response};
use ureq::{Agent, Body};

/// A response: its status, its headers and its body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        self.body
    }

    pub(crate) fn text(self) -> String {
        String::from_utf8(self.body).unwrap()
    }

    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.text()).unwrap()
    }

    /// Returns the code of an error. Asserts that the error also has a message.
    pub(crate) fn code(self) -> String {
        let json = self.json();
        assert!(json["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{json}");
        json["error"]["code"].as_str().unwrap().to_owned()
    }
}

fn agent() -> Agent {
    Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into()
}

fn answer(response: Result<Response<Body>, ureq::Error>) -> Answer {
    // The body is read here, on a thread that may block. The node that sends it runs on the test's
    // own thread.
    let mut response = response.unwrap();
    let body = response.body_mut().read_to_vec().unwrap();
    Answer { status: response.status().as_u16(), headers: response.headers().clone(), body }
}

/// Sends a GET request, on a thread that may block. Returns the response.
pub(crate) async fn get(url: String) -> Answer {
    get_with(url, "accept", "*/*").await
}

/// Sends a GET request with one more header. Returns the response.
pub(crate) async fn get_with(url: String, name: &'static str, value: impl Into<String>) -> Answer {
    get_with_all(url, vec![(name, value.into())]).await
}

/// Sends a GET request with some more headers. Returns the response.
pub(crate) async fn get_with_all(url: String, headers: Vec<(&'static str, String)>) -> Answer {
    let ask = move || {
        let request = agent().get(url);
        let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        answer(request.call())
    };
    tokio::task::spawn_blocking(ask).await.unwrap()
}

/// Sends a POST request. Returns the response.
pub(crate) async fn post(url: String, media_type: &'static str, body: impl Into<Vec<u8>>) -> Answer {
    let body = body.into();
    let ask = move || answer(agent().post(url).content_type(media_type).send(body.as_slice()));
    tokio::task::spawn_blocking(ask).await.unwrap()
}

/// Sends a request with an unsupported method. Returns the response.
pub(crate) async fn delete(url: String) -> Answer {
    tokio::task::spawn_blocking(move || answer(agent().delete(url).call())).await.unwrap()
}
