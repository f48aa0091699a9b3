//! Keys on the command line: their words, passphrases, key files and permissions.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use plexus_core::primitives::encrypted_key::Cost;
use plexus_core::primitives::identity::Identity;
use plexus_core::primitives::key_file::KeyFile;
use serde_json::Value;

use super::command::{Node, fail, json, one_line_of, plexus, succeed};

const PASSPHRASE: &str = "correct horse battery";

/// Writes a file that only its owner can read. Returns its path.
fn secret(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Runs a command that reads `input`.
pub(crate) fn with_input(arguments: &[&str], input: &str) -> Output {
    let mut child = plexus()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

struct Folder {
    folder: tempfile::TempDir,
    passphrase: String,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let passphrase = secret(folder.path(), "passphrase", &format!("{PASSPHRASE}\n"));
        Self { folder, passphrase }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn author(&self, data: &str) -> PathBuf {
        self.folder.path().join(data).join("author.key")
    }
}

#[test]
fn words_are_not_taken_as_arguments() {
    let folder = Folder::new();
    let error = fail(2, &["key", "restore", "--data", &folder.path("data"), "one", "two"]);
    assert!(error.contains("standard input") && !error.contains("one two"), "{error}");
    assert!(!folder.author("data").exists());
    let long = with_input(&["key", "restore", "--data", &folder.path("data")], &"abandon ".repeat(1_000));
    assert!(one_line_of(&long, 1).contains("24 words"), "{long:?}");
    let few = with_input(&["key", "restore", "--data", &folder.path("data")], "one two");
    assert!(one_line_of(&few, 1).contains("24 words"), "{few:?}");
}

#[test]
fn a_key_is_restored_from_its_words_and_never_replaced_unasked() {
    let folder = Folder::new();
    let (one, two) = (folder.path("one"), folder.path("two"));
    assert!(fail(1, &["key", "show", "--data", &one]).contains("plexus key new"));
    let made = json(&["key", "new", "--data", &one, "--json"]);
    let words = made["words"].as_str().unwrap();
    assert_eq!(words.split(' ').count(), 24);
    assert!(fail(1, &["key", "new", "--data", &one]).contains("--force"));
    assert_eq!(json(&["key", "show", "--data", &one, "--json"]), made);

    let output = with_input(&["key", "restore", "--data", &two, "--json"], &words.replace(' ', "\n"));
    assert!(output.status.success(), "{output:?}");
    let restored: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(restored["public_key"], made["public_key"]);
    assert!(restored["words"].is_null(), "words that were just given are not printed");

    let replaced = json(&["key", "new", "--data", &one, "--force", "--json"]);
    assert_ne!(replaced["public_key"], made["public_key"]);
    assert_eq!(fs::read_to_string(folder.path("one/author.key.1")).unwrap().trim(), words);
}

#[test]
fn a_key_is_encrypted_used_and_decrypted() {
    let folder = Folder::new();
    let data = folder.path("data");
    let file = ["--data", &data, "--passphrase-file", &folder.passphrase];
    let made = json(&[&["key", "new", "--encrypt", "--json"][..], &file].concat());
    let words = made["words"].as_str().unwrap();
    let text = fs::read_to_string(folder.author("data")).unwrap();
    assert!(
        text.contains("plexus-key") && !text.contains(&words[..words.match_indices(' ').nth(1).unwrap().0]),
        "{text}"
    );

    // A node signs with it, and so does `send`.
    let node = Node::start(Path::new(&data), &["--passphrase-file", &folder.passphrase, "--mine=1"]);
    let sent = json(&[&["send", "--to", "bob", "hello", "--json", "--node", &node.url][..], &file].concat());
    let found = json(&["message", sent["id"].as_str().unwrap(), "--node", &node.url, "--json"]);
    assert_eq!(found["sender"], made["public_key"]);
    drop(node);

    // The public key needs no passphrase.
    let public = json(&["key", "show", "--public", "--data", &data, "--json"]);
    assert_eq!((&public["public_key"], &public["encrypted"]), (&made["public_key"], &Value::Bool(true)));
    let wrong = secret(folder.folder.path(), "wrong", "another horse");
    for line in [&["key", "show"][..], &["node", "--network", "dev", "--listen", "127.0.0.1:0"]] {
        let error = fail(1, &[line, &["--data", &data, "--passphrase-file", &wrong]].concat());
        assert!(error.contains("author.key: the passphrase is wrong"), "{error}");
    }
    assert!(fail(1, &[&["key", "encrypt"][..], &file].concat()).contains("encrypted already"));

    let new = secret(folder.folder.path(), "new", "a new passphrase");
    succeed(&[&["key", "passphrase", "--new-passphrase-file", &new][..], &file].concat());
    assert!(fail(1, &[&["key", "show"][..], &file].concat()).contains("wrong"));
    succeed(&["key", "decrypt", "--data", &data, "--passphrase-file", &new]);
    assert_eq!(json(&["key", "show", "--data", &data, "--json"])["words"], words);
    assert_eq!(fs::read_to_string(folder.author("data")).unwrap().trim(), words);
    assert!(fail(1, &[&["key", "decrypt"][..], &file].concat()).contains("not encrypted"));
    let short = secret(folder.folder.path(), "short", "short");
    let error = fail(1, &["key", "encrypt", "--data", &data, "--passphrase-file", &short]);
    assert!(error.contains("10 characters"), "{error}");
}

#[test]
fn files_that_others_can_read_are_refused_with_the_remedy() {
    let folder = Folder::new();
    let data = folder.path("data");
    let node = Node::start(Path::new(&data), &[]);
    drop(node);
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let line = ["node", "--network", "dev", "--listen", "127.0.0.1:0", "--data", &data];
    for name in ["author.key", "node.key"] {
        let path = Path::new(&data).join(name);
        for mode in [0o644, 0o640] {
            open(&path, mode);
            let error = fail(1, &line);
            assert!(error.contains(&format!("chmod 600 {}", path.display())), "{error}");
        }
        open(&path, 0o600);
    }
    open(Path::new(&folder.passphrase), 0o604);
    let error = fail(1, &["key", "encrypt", "--data", &data, "--passphrase-file", &folder.passphrase]);
    assert!(error.contains(&format!("chmod 600 {}", folder.passphrase)), "{error}");

    // systemd gives a service its credentials with an access list, which shows as a group's permission.
    open(Path::new(&folder.passphrase), 0o440);
    let encrypted = plexus()
        .args(["key", "encrypt", "--data", &data, "--passphrase-file", &folder.passphrase])
        .env("CREDENTIALS_DIRECTORY", folder.folder.path())
        .output()
        .unwrap();
    assert!(encrypted.status.success(), "{encrypted:?}");
}

#[test]
fn a_key_goes_from_node_to_node_and_browser_as_a_file() {
    let folder = Folder::new();
    let (one, two, file) = (folder.path("one"), folder.path("two"), folder.path("key.json"));
    let passphrase = ["--passphrase-file", &folder.passphrase];
    let made = json(&["key", "new", "--data", &one, "--json"]);
    succeed(&[&["key", "export", "--data", &one, "--file", &file][..], &passphrase].concat());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // The code that the page runs opens it.
    let exported: KeyFile = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(*exported.decrypt(PASSPHRASE).unwrap().words(), made["words"].as_str().unwrap());
    let again = fail(1, &[&["key", "export", "--data", &one, "--file", &file][..], &passphrase].concat());
    assert!(again.contains("exists already"), "{again}");

    let imported = json(&[&["key", "import", "--data", &two, &file, "--json"][..], &passphrase].concat());
    assert_eq!(imported["public_key"], made["public_key"]);
    let shown = json(&[&["key", "show", "--data", &two, "--json"][..], &passphrase].concat());
    assert_eq!(shown["words"], made["words"]);
    // An encrypted key is exported as it is, without its passphrase.
    assert_eq!(succeed(&["key", "export", "--data", &two]), fs::read_to_string(&file).unwrap());

    // A file that the page's code wrote, on standard input.
    let identity = Identity::from_entropy(&[9; 32]).unwrap();
    let from_page = KeyFile::encrypt(&identity, "my key", PASSPHRASE, Cost::USUAL, &[4; 28]).unwrap();
    let text = serde_json::to_string(&from_page).unwrap();
    let taken = with_input(&[&["key", "import", "-", "--data", &two][..], &passphrase].concat(), &text);
    assert!(one_line_of(&taken, 1).contains("--force"), "{taken:?}");
    let forced = [&["key", "import", "-", "--force", "--data", &two][..], &passphrase].concat();
    let wrong = with_input(&forced, &text.replace("my key", "another"));
    assert!(one_line_of(&wrong, 1).contains("the passphrase is wrong"), "{wrong:?}");
    assert_eq!(
        json(&["key", "show", "--public", "--data", &two, "--json"])["public_key"],
        made["public_key"]
    );
    assert!(with_input(&forced, &text).status.success());
    let shown = json(&[&["key", "show", "--data", &two, "--json"][..], &passphrase].concat());
    assert_eq!(shown["words"], identity.words().as_str());
    assert!(Path::new(&folder.path("two/author.key.1")).exists());
    for (text, part) in [("{}".to_owned(), "not a key file"), ("x".repeat(9_000), "too long")] {
        let refused = with_input(&forced, &text);
        assert!(one_line_of(&refused, 1).contains(part), "{refused:?}");
    }
}
