//! A headless Chromium, driven by the Chrome DevTools Protocol: tabs as users would open them.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message, WebSocket};

use crate::tools;
use crate::wait::{eventually, within};

/// The most time that the browser may take to start, in seconds.
const START_S: u64 = 60;
/// The most time that an answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The largest answer: a screenshot.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// A key with an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PressedKey {
    /// Moves to the next element.
    Tab,
    /// Moves to the previous element.
    BackTab,
    /// Activates a button, link or form.
    Enter,
    /// Activates a button, a choice or a fold.
    Space,
    /// Leaves a dialog.
    Escape,
}

impl PressedKey {
    /// Returns its virtual code, its name, the text that it types, and the modifiers (8 is Shift).
    fn described(self) -> (u32, &'static str, &'static str, u32) {
        match self {
            Self::Tab => (9, "Tab", "", 0),
            Self::BackTab => (9, "Tab", "", 8),
            Self::Enter => (13, "Enter", "\r", 0),
            Self::Space => (32, " ", " ", 0),
            Self::Escape => (27, "Escape", "", 0),
        }
    }
}

/// A running browser. It is killed when dropped.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    port: u16,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser with an empty profile. Panics where there is none: a test that needs one is
    /// ignored there, unless everything has to be tested.
    pub fn start() -> Self {
        Self::start_with(&["--disable-gpu"])
    }

    /// Starts a browser that emulates a graphics processor for computations.
    pub fn start_with_gpu() -> Self {
        Self::start_with(&tools::GPU_OPTIONS)
    }

    fn start_with(options: &[&str]) -> Self {
        let program =
            tools::chromium().expect("NO BROWSER: Chromium is missing. Install it, or name it in CHROMIUM.");
        let profile = tempfile::tempdir().unwrap();
        let child = Command::new(&program)
            .args(["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-first-run"])
            .args(options)
            // Several tabs run at a time. A tab in the background must not be slowed down.
            .args(["--disable-background-timer-throttling", "--disable-renderer-backgrounding"])
            .args(["--disable-backgrounding-occluded-windows", "--remote-debugging-port=0"])
            .args(["--window-size=1280,1000", "--remote-allow-origins=*"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        let file = profile.path().join("DevToolsActivePort");
        let port = eventually("Chromium listens", START_S, || {
            std::fs::read_to_string(&file).ok()?.lines().next()?.parse().ok()
        });
        Self { child, port, _profile: profile }
    }

    /// Opens a page in a new tab. Returns the tab.
    pub fn open(&self, url: &str) -> Tab {
        let new = format!("http://127.0.0.1:{}/json/new?about:blank", self.port);
        let described: Value = ureq::put(new).send_empty().unwrap().body_mut().read_json().unwrap();
        let address = described["webSocketDebuggerUrl"].as_str().unwrap();
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        let config = WebSocketConfig::default()
            .max_message_size(Some(ANSWER_BYTES_MAX))
            .max_frame_size(Some(ANSWER_BYTES_MAX));
        let (socket, _) = tungstenite::client::client_with_config(address, stream, Some(config)).unwrap();
        let mut tab = Tab { socket, asked: 0, trouble: Vec::new() };
        tab.ask("Runtime.enable", &json!({}));
        tab.ask("Log.enable", &json!({}));
        tab.ask("Page.enable", &json!({}));
        tab.ask("Page.navigate", &json!({ "url": url }));
        tab
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A tab.
#[derive(Debug)]
pub struct Tab {
    /// Uncaught exceptions, and errors in the console.
    pub trouble: Vec<String>,
    socket: WebSocket<TcpStream>,
    asked: u64,
}

impl Tab {
    fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        self.asked += 1;
        let request = json!({ "id": self.asked, "method": method, "params": parameters });
        self.socket.send(Message::text(request.to_string())).unwrap();
        loop {
            let Message::Text(text) = self.socket.read().unwrap() else { continue };
            let mut answer: Value = serde_json::from_str(text.as_str()).unwrap();
            if answer["id"] == self.asked {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].take();
            }
            self.note(&answer);
        }
    }

    fn note(&mut self, event: &Value) {
        match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => {
                self.trouble.push(event["params"]["exceptionDetails"].to_string());
            }
            Some("Log.entryAdded") if event["params"]["entry"]["level"] == "error" => {
                self.trouble.push(event["params"]["entry"]["text"].to_string());
            }
            _ => {}
        }
    }

    /// Returns the value of an expression.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        self.attempt(expression).unwrap_or_else(|thrown| panic!("{expression}: {thrown}"))
    }

    /// Returns the value of an expression, or its exception.
    fn attempt(&mut self, expression: &str) -> Result<Value, Value> {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.ask("Runtime.evaluate", &parameters);
        let thrown = answer["exceptionDetails"].take();
        if thrown.is_null() { Ok(answer["result"]["value"].take()) } else { Err(thrown) }
    }

    /// Waits until an expression is true in JavaScript's sense. Returns its value. An exception
    /// counts as not true yet, because a document that is loading lacks the elements.
    pub fn wait(&mut self, what: &str, seconds: u64, expression: &str) -> Value {
        let mut last = Ok(Value::Null);
        let found = within(Duration::from_secs(seconds), || {
            last = self.attempt(expression);
            let value = last.as_ref().ok()?;
            let is_true = !matches!(value, Value::Null | Value::Bool(false)) && *value != 0 && *value != "";
            is_true.then(|| value.clone())
        });
        found.unwrap_or_else(|| {
            let text = self.evaluate("document.body.innerText");
            panic!(
                "{what}: not within {seconds} s, last {last:?}; trouble: {:?}; the page shows:\n{}",
                self.trouble,
                text.as_str().unwrap_or_default()
            )
        })
    }

    /// Reloads the page without its content security policy, for scripts of the test.
    pub fn reload_without_policy(&mut self) {
        self.ask("Page.setBypassCSP", &json!({ "enabled": true }));
        self.reload();
    }

    /// Closes the tab.
    pub fn close(mut self) {
        self.ask("Page.close", &json!({}));
    }

    /// Reloads the page.
    pub fn reload(&mut self) {
        self.ask("Page.reload", &json!({}));
    }

    /// Runs a script in each later document of the tab, before the document's own scripts. The
    /// current document stays as it is.
    pub fn prepare(&mut self, script: &str) {
        self.ask("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": script }));
    }

    /// Navigates the tab to an address.
    pub fn go(&mut self, url: &str) {
        self.ask("Page.navigate", &json!({ "url": url }));
    }

    /// Shows the page in a window of this size, in CSS pixels.
    pub fn resize(&mut self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.ask("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Sets the visitor's preferences: pairs of a media feature and its value.
    pub fn prefer(&mut self, features: &[(&str, &str)]) {
        let features: Vec<_> =
            features.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        self.ask("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// Makes the tab behave as the one in front.
    pub fn focus(&mut self) {
        self.ask("Emulation.setFocusEmulationEnabled", &json!({ "enabled": true }));
    }

    /// Presses and releases a key.
    pub fn press(&mut self, key: PressedKey) {
        let (code, key, text, modifiers) = key.described();
        let event = |kind: &str| {
            json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code,
                "modifiers": modifiers, "text": if kind == "keyDown" { text } else { "" } })
        };
        let down = if text.is_empty() { "rawKeyDown" } else { "keyDown" };
        self.ask("Input.dispatchKeyEvent", &event(down));
        self.ask("Input.dispatchKeyEvent", &event("keyUp"));
    }

    /// Types a text, one key per character.
    pub fn type_in(&mut self, text: &str) {
        for character in text.chars() {
            let key = character.to_string();
            self.ask("Input.dispatchKeyEvent", &json!({ "type": "keyDown", "key": key, "text": key }));
            self.ask("Input.dispatchKeyEvent", &json!({ "type": "keyUp", "key": key }));
        }
    }

    /// Writes a screenshot of the tab to a file, as PNG.
    pub fn screenshot(&mut self, path: &Path) {
        let answer = self.ask("Page.captureScreenshot", &json!({ "format": "png" }));
        let bytes = data_encoding::BASE64.decode(answer["data"].as_str().unwrap().as_bytes()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}
