//! A chain is moved while its node mines, and grows from a file.

use std::path::Path;

use plexus_tests::api::ApiClient;
use plexus_tests::process::run;
use plexus_tests::wait::eventually;
use serde_json::Value;

use super::{Place, text};

/// Runs a command on the folder of a node. Returns its JSON, or what it says on failure.
pub(crate) fn command(place: &Place, name: &str, arguments: &[&str]) -> Result<Value, String> {
    let (data, network) = (place.data(name), place.network.clone());
    let paths = ["--data", data.to_str().unwrap(), "--network", network.to_str().unwrap(), "--json"];
    let output = run(arguments.iter().chain(&paths));
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).unwrap_or_default()),
        false => Err(text(&output.stderr)),
    }
}

fn size(file: &Path) -> u64 {
    std::fs::metadata(file).unwrap().len()
}

#[test]
fn a_mining_node_s_backup_is_the_same_chain_elsewhere() {
    let place = Place::new(10);
    place.mined("alice", 3_000);
    let alice = place.start("alice", &["--mine=1"]);
    let file = place.data("chain.plexus");
    let file = file.to_str().unwrap();
    let written = command(&place, "alice", &["backup", file]).unwrap();
    assert_eq!(written["bytes"].as_u64(), Some(size(Path::new(file))));
    let api = ApiClient::new(&alice.url);
    let height = written["height"].as_u64().unwrap();
    assert!(height >= 3_000);
    eventually("it goes on mining", 60, || api.height().filter(|now| *now > height));
    alice.kill();
    let imported = command(&place, "bob", &["import", file]).unwrap();
    assert_eq!((imported["stored"].as_u64(), &imported["tip"]), (Some(height), &written["tip"]));
    let again = command(&place, "bob", &["import", file]).unwrap();
    assert_eq!(again["stored"], 0);
    let bob = place.start("bob", &[]);
    assert_eq!(ApiClient::new(&bob.url).height(), Some(height));
    let alice = place.start("alice", &["--connect", bob.address()]);
    let (alice, bob) = (ApiClient::new(&alice.url), ApiClient::new(&bob.url));
    assert_eq!(alice.hash_at(height), written["tip"].as_str().map(str::to_owned));
    assert_eq!(bob.hash_at(height), alice.hash_at(height));
    eventually("both agree", 60, || (alice.height() == bob.height()).then_some(()));
}

#[test]
fn a_node_that_does_not_run_is_backed_up_from_its_folder() {
    let place = Place::new(8);
    place.mined("alice", 200);
    let file = place.data("chain.plexus");
    let written = command(&place, "alice", &["backup", file.to_str().unwrap(), "--with-keys"]).unwrap();
    assert_eq!(written["keys"], true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let imported = command(&place, "bob", &["import", file.to_str().unwrap()]).unwrap();
    assert_eq!(imported["keys_restored"], serde_json::json!(["node.key", "author.key"]));
    for key in ["node.key", "author.key"] {
        let read = |name: &str| std::fs::read(place.data(name).join(key)).unwrap();
        assert_eq!(read("alice"), read("bob"));
    }
    std::fs::write(place.data("cut"), &std::fs::read(&file).unwrap()[..5_000]).unwrap();
    let error = command(&place, "carol", &["import", place.data("cut").to_str().unwrap()]).unwrap_err();
    assert!(error.starts_with("plexus: ") && error.contains("cut off at block"), "{error}");
    let error = command(&place, "nobody", &["backup", "x"]).unwrap_err();
    assert!(error.contains("no chain to back up"), "{error}");
}

#[test]
fn an_import_that_is_killed_goes_on_where_it_was() {
    let place = Place::new(8);
    place.mined("alice", 3_000);
    let file = place.data("chain.plexus");
    let file = file.to_str().unwrap();
    command(&place, "alice", &["backup", file]).unwrap();
    let (data, network) = (place.data("bob"), place.network.clone());
    let mut import = std::process::Command::new(plexus_tests::process::binary())
        .args(["import", "-", "--data"])
        .arg(&data)
        .arg("--network")
        .arg(&network)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // It gets the greater part of the file, and is killed while it waits for the rest.
    let bytes = std::fs::read(file).unwrap();
    std::io::Write::write_all(import.stdin.as_mut().unwrap(), &bytes[..bytes.len() * 9 / 10]).unwrap();
    import.kill().unwrap();
    import.wait().unwrap();
    let imported = command(&place, "bob", &["import", file]).unwrap();
    let (stored, height) = (imported["stored"].as_u64().unwrap(), imported["height"].as_u64().unwrap());
    assert!(stored < height, "{stored} of {height} blocks were stored again");
    let bob = place.start("bob", &[]);
    assert_eq!(ApiClient::new(&bob.url).height(), Some(height));
}

#[test]
fn a_new_node_takes_its_first_chain_from_another_or_from_a_file() {
    let place = Place::new(8);
    place.mined("alice", 500);
    let alice = place.start("alice", &[]);
    let height = ApiClient::new(&alice.url).height();
    let bob = place.start("bob", &["--from", &alice.url]);
    assert_eq!(ApiClient::new(&bob.url).height(), height, "before it has any peer");
    let text = place.data("chain.txt");
    let exported = run(["chain", "--export", text.to_str().unwrap(), "--node", &alice.url]);
    assert!(exported.status.success());
    let carol = place.start("carol", &["--from", text.to_str().unwrap()]);
    assert_eq!(ApiClient::new(&carol.url).height(), height);
    // With a wrong origin it asks its peers.
    let dora = place.start("dora", &["--from", "no-such-file", "--connect", alice.address()]);
    eventually("the chain of its peer", 60, || (ApiClient::new(&dora.url).height() == height).then_some(()));
    assert!(dora.log().contains("asks its peers"), "{}", dora.log());
}
