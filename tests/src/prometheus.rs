//! Prometheus: its real server, which scrapes nodes, and its tool for rules and metrics.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::api::ApiClient;
use crate::tools;

/// The most time until the server listens.
const START: Duration = Duration::from_secs(60);

/// Runs `promtool` in a folder with this standard input. Returns its output.
pub fn promtool(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let tool = tools::on_path("promtool").expect("promtool, which Debian's package prometheus has");
    let mut child = Command::new(tool)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A tool that reads no input may be gone already.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// A server of Prometheus that scrapes one address each second. It is killed when dropped.
#[derive(Debug)]
pub struct Prometheus {
    child: Child,
    api: ApiClient,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts a server that scrapes `target`, a host and port, as the job `plexus`.
    pub fn start(target: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("prometheus.yml");
        let text = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\n\
             scrape_configs:\n  - job_name: plexus\n    static_configs: [{{ targets: [\"{target}\"] }}]\n"
        );
        std::fs::write(&config, text).unwrap();
        let server = tools::on_path("prometheus").expect("prometheus, Debian's package");
        let mut child = Command::new(server)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (said, hears) = mpsc::channel();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            let mut line = String::new();
            while log.read_line(&mut line).is_ok_and(|read| read > 0) {
                if line.contains("Listening on") {
                    let address = line.split("address=").nth(1).map(str::trim).map(str::to_owned);
                    // The receiver may be gone.
                    let _ = address.map(|address| said.send(address));
                    break;
                }
                line.clear();
            }
            let _ = log.read_to_end(&mut Vec::new());
        });
        let address = hears.recv_timeout(START).expect("the server says where it listens");
        Self { child, api: ApiClient::new(&format!("http://{address}")), _folder: folder }
    }

    /// Returns the targets that are scraped, as the server describes them.
    pub fn targets(&self) -> Option<Vec<Value>> {
        Some(self.get("/api/v1/targets")?["activeTargets"].as_array()?.clone())
    }

    /// Returns the value of a metric of one series.
    pub fn value(&self, metric: &str) -> Option<f64> {
        let data = self.get(&format!("/api/v1/query?query={metric}"))?;
        data["result"][0]["value"][1].as_str()?.parse().ok()
    }

    /// Returns the type of a metric family, as the node gave it.
    pub fn kind(&self, family: &str) -> Option<String> {
        let data = self.get(&format!("/api/v1/metadata?metric={family}"))?;
        Some(data[family][0]["type"].as_str()?.to_owned())
    }

    fn get(&self, path: &str) -> Option<Value> {
        let (status, text) = self.api.text(path).ok()?;
        let answer: Value = serde_json::from_str(&text).ok()?;
        (status == 200).then(|| answer["data"].clone())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
