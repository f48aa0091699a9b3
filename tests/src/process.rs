//! Real processes: the built `plexus` program, started on a free loopback port, watched, stopped
//! and killed.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use plexus_core::primitives::params::{Network, Parameters};
use plexus_core::primitives::pow::Target;

use crate::wait::within;

/// The most time that a node may take to start.
const START: Duration = Duration::from_secs(60);
/// The most time that a node may take to stop when asked.
const STOP: Duration = Duration::from_secs(20);

/// Returns the program under test: `$PLEXUS_BIN`, or the one that cargo built beside these tests.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("PLEXUS_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().expect("programs lie in a folder");
    // Tests lie in target/PROFILE/deps, and programs one level above.
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    let path = folder.join(format!("plexus{}", std::env::consts::EXE_SUFFIX));
    let hint = "build it with `cargo build -p plexus`, or name it in PLEXUS_BIN";
    assert!(path.exists(), "{} is missing: {hint}", path.display());
    path
}

/// Writes a file with the parameters of a network whose blocks take 2^`bits` hashes each, 1 to 40.
/// Returns its path.
pub fn network(folder: &Path, bits: u32) -> PathBuf {
    let mut target = [0; 32];
    let place = 256 - bits;
    target[31 - usize::try_from(place / 8).unwrap()] = 1 << (place % 8);
    let limit = Target::from_be_bytes(target).bits();
    let path = folder.join(format!("network-{bits}.toml"));
    let text = format!(
        "name = \"test-{bits}\"\ngenesis_time = 1767225600000\nspacing_ms = 15000\nhalf_life_ms = 0\n\
         limit_bits = \"{limit}\"\nblock_bytes_max = 1048576\nblock_messages_max = 4096\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// Returns the network that such a file describes.
pub fn parameters(path: &Path) -> Network {
    let text = std::fs::read_to_string(path).unwrap();
    // The few lines of such a file only differ from JSON in their punctuation.
    let rows: Vec<_> = text.lines().map(|line| format!("\"{}", line.replacen(" = ", "\": ", 1))).collect();
    let parameters: Parameters = serde_json::from_str(&format!("{{{}}}", rows.join(","))).unwrap();
    Network::new(parameters).unwrap()
}

/// Runs a command of the program to its end. Returns its output.
pub fn run(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
    Command::new(binary()).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// A node that runs as a process of its own. It is killed when dropped.
#[derive(Debug)]
pub struct Process {
    /// The URL of its page and API, without the last slash.
    pub url: String,
    child: Child,
    log: PathBuf,
    /// What it has printed, and the lines that follow.
    said: Mutex<(String, mpsc::Receiver<String>)>,
}

impl Process {
    /// Starts a node and waits until it serves. `listen` is an address or `127.0.0.1:0`.
    ///
    /// # Errors
    /// The node's output, if it ended instead.
    pub fn start(data: &Path, network: &Path, listen: &str, more: &[&str]) -> Result<Self, String> {
        Self::start_by(Command::new(binary()), data, network, listen, more)
    }

    /// Starts a node in a network namespace.
    ///
    /// # Errors
    /// The node's output, if it ended instead.
    pub fn start_within(
        namespace: &Path,
        data: &Path,
        network: &Path,
        listen: &str,
        more: &[&str],
    ) -> Result<Self, String> {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", namespace.display())).arg("--").arg(binary());
        Self::start_by(command, data, network, listen, more)
    }

    /// Starts a node by a command that begins with the program, with an environment of its own.
    ///
    /// # Errors
    /// The node's output, if it ended instead.
    pub fn start_by(
        mut command: Command,
        data: &Path,
        network: &Path,
        listen: &str,
        more: &[&str],
    ) -> Result<Self, String> {
        std::fs::create_dir_all(data).unwrap();
        let log = data.with_extension("log");
        let stderr = File::options().create(true).append(true).open(&log).unwrap();
        let mut child = command
            .args(["node", "--listen", listen, "--data"])
            .arg(data)
            .arg("--network")
            .arg(network)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let (said, hears) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // The receiver may be gone.
                let _ = said.send(line);
            }
        });
        let first = hears.recv_timeout(START).unwrap_or_default();
        let url = first.split_whitespace().find(|word| word.starts_with("http"));
        match url {
            Some(url) => {
                let url = url.trim_end_matches('/').to_owned();
                Ok(Self { url, child, log, said: Mutex::new((first, hears)) })
            }
            None => {
                let _ = child.kill();
                let status = child.wait().unwrap();
                Err(format!("{status}: {}", tail(&log)))
            }
        }
    }

    /// Returns its host and port.
    pub fn address(&self) -> &str {
        self.url.split("://").last().unwrap()
    }

    /// Returns its whole log.
    pub fn whole_log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends it a signal, for example `HUP`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([format!("-{name}"), id]).status().unwrap().success());
    }

    /// Returns what it has printed so far on its standard output.
    pub fn banner(&self) -> String {
        let mut said = self.said.lock().unwrap();
        let more: Vec<_> = said.1.try_iter().collect();
        for line in more {
            said.0 += "\n";
            said.0 += &line;
        }
        said.0.clone()
    }

    /// Returns the end of its log.
    pub fn log(&self) -> String {
        tail(&self.log)
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has ended by itself. Returns its exit status.
    pub fn ended(mut self) -> ExitStatus {
        within(STOP, || self.child.try_wait().unwrap())
            .unwrap_or_else(|| panic!("does not end: {}", self.log()))
    }

    /// Asks it to stop, and waits until it has. Returns its exit status.
    pub fn terminate(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        within(STOP, || self.child.try_wait().unwrap())
            .unwrap_or_else(|| panic!("does not stop when asked to: {}", self.log()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "log of {}:\n{}", self.url, self.log());
        }
    }
}

/// Returns the end of a log.
fn tail(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<_> = text.lines().rev().take(20).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_networks_blocks_take_as_many_hashes_as_wished() {
        let folder = tempfile::tempdir().unwrap();
        for bits in 1..=40 {
            let network = super::parameters(&super::network(folder.path(), bits));
            let work = network.limit().work().hashes();
            assert!(work.abs_diff(1 << bits) <= 1, "{bits}: {work}");
        }
    }
}
