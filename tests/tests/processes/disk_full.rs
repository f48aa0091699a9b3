//! A real node on a disk that fills up: a small file system in memory, in a mount namespace.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use plexus_tests::api::ApiClient;
use plexus_tests::enclosure;
use plexus_tests::process::binary;
use plexus_tests::wait::eventually;
use serde_json::{Value, json};

use super::Place;

/// The longest time for a step.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs the node on a disk of `$3` mebibytes until it ends, then gives the disk room and runs it again.
/// A file named `grow` gives it room earlier.
const SCRIPT: &str = r#"
data=$1/small; mkdir -p "$data" && mount -t tmpfs -o size="$3m" none "$data" || exit 99
(while [ ! -e "$1/grow" ]; do sleep 0.1; done; mount -o remount,size=256m "$data") &
shift 3
"$@"; echo "ended $?"
mount -o remount,size=256m "$data"
exec "$@"
"#;

/// A node on a small disk.
struct SmallDisk {
    script: Child,
    lines: Receiver<String>,
}

impl SmallDisk {
    fn start(place: &Place, mebibytes: u32, more: &[&str]) -> Self {
        let folder = place.folder.path();
        let log = std::fs::File::create(folder.join("small.log")).unwrap();
        let mut script = enclosure::with_own_mounts("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(folder)
            .arg("-")
            .arg(mebibytes.to_string())
            .arg(binary())
            .args(["node", "--mine=1", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.join("small"))
            .arg("--network")
            .arg(&place.network)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let out = BufReader::new(script.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                // The test may have ended.
                let _ = sender.send(line);
            }
        });
        Self { script, lines }
    }

    /// Waits for a line that begins with this. Returns its last word.
    fn line(&self, begin: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no line {begin:?}"));
            if line.starts_with(begin) {
                return line.split_whitespace().last().unwrap().trim_end_matches('/').to_owned();
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // All processes of the namespace end with its first.
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

/// Returns a submission with a message.
fn message(place: &Place, text: &str) -> Value {
    use plexus_core::primitives::key::SecretKey;
    use plexus_core::primitives::message::Draft;
    use plexus_core::primitives::time::Timestamp;
    let secret = SecretKey::from_bytes(&[7; 32]).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let time = Timestamp::from_unix_ms(u64::try_from(now).unwrap());
    let draft = Draft::new(secret.public(), "", text, time).unwrap();
    let message = draft.sign_stamped(&secret, &place.parameters);
    json!({
        "sender": secret.public(),
        "recipient": "",
        "text": text,
        "time_unix_ms": time.unix_ms(),
        "signature": message.signature(),
        "stamp": message.stamp().to_string(),
    })
}

#[test]
#[cfg_attr(no_small_disk, ignore = "needs a mount namespace with a file system in memory")]
fn a_node_on_a_full_disk_ends_and_has_all_that_it_showed() {
    let place = Place::new(6);
    let small = SmallDisk::start(&place, 2, &["--disk-reserve", "0"]);
    let api = ApiClient::new(&small.line("Plexus "));
    let (mut height, mut hash) = (0, String::new());
    while let Some(status) = api.ask("/status") {
        height = status["height"].as_u64().unwrap();
        hash = status["tip"].as_str().unwrap().to_owned();
    }
    assert!(height > 100, "{height}");
    assert_eq!(small.line("ended "), "1");
    let log = std::fs::read_to_string(place.folder.path().join("small.log")).unwrap();
    let is_said = |line: &str| line.starts_with("plexus: ") && line.contains("the disk is full");
    assert_eq!(log.lines().filter(|line| is_said(line)).count(), 1, "{log}");
    let api = ApiClient::new(&small.line("Plexus "));
    assert_eq!(api.hash_at(height), Some(hash));
    eventually("it mines on", 60, || api.height().filter(|now| *now > height + 10));
}

#[test]
#[cfg_attr(no_small_disk, ignore = "needs a mount namespace with a file system in memory")]
fn a_node_stops_taking_blocks_before_the_disk_is_full_and_goes_on() {
    let place = Place::new(6);
    let small = SmallDisk::start(&place, 3, &["--disk-reserve", "2MiB"]);
    let api = ApiClient::new(&small.line("Plexus "));
    let refused = eventually("it takes no message", 120, || {
        let (code, answer) = api.submit(&message(&place, "hello"));
        (code == 503 && answer["error"]["code"] == "disk_full").then_some(answer)
    });
    assert!(refused["error"]["message"].as_str().unwrap().contains("disk"), "{refused}");
    let height = eventually("it mines no more", 60, || {
        let status = api.ask("/status")?;
        (status["mining"] == false).then(|| status["height"].as_u64().unwrap())
    });
    std::fs::write(place.folder.path().join("grow"), "").unwrap();
    eventually("it mines on", 60, || api.height().filter(|now| *now > height + 10));
    let sent = eventually("it takes messages", 60, || {
        let (code, answer) = api.submit(&message(&place, "hello again"));
        (code < 300).then_some(answer)
    });
    assert!(sent["id"].is_string(), "{sent}");
}
