//! Key files, carried from a node to a page and from the page to another node.

use std::fs;
use std::path::Path;

use plexus_tests::browser::Tab;
use plexus_tests::process::run;
use plexus_tests::wait::eventually;

use crate::page::{BITS, click, make_key, pictures, send, wait_live, wait_step, write};
use crate::stage::PageFixture;

const PASSPHRASE: &str = "correct horse battery";

/// Runs a verb of `plexus key` on a data folder. Returns its output, or what it says on failure.
fn key(data: &Path, arguments: &[&str]) -> Result<String, String> {
    let verb = ["key"].into_iter().chain(arguments.iter().copied());
    let output = run(verb.chain(["--network", "dev", "--data", data.to_str().unwrap()]));
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// Returns the public key of the author in a data folder.
fn public_of(data: &Path) -> String {
    let shown = key(data, &["show", "--public", "--json"]).unwrap();
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    shown["public_key"].as_str().unwrap().to_owned()
}

fn chosen(tab: &mut Tab) -> String {
    tab.evaluate("document.querySelector('#key-public').textContent").as_str().unwrap().to_owned()
}

/// Fills the dialog that imports a key file, and continues.
fn import(tab: &mut Tab, text: &str, passphrase: &str, name: &str) {
    wait_step(tab, "import");
    tab.evaluate(&format!(
        "(() => {{ const files = new DataTransfer(); files.items.add(new File([{text:?}], 'key.json')); \
         document.querySelector('#key-file').files = files.files; }})()"
    ));
    write(tab, "#key-passphrase", passphrase);
    write(tab, "#key-name", name);
    click(tab, "key-next");
}

fn wait_error(tab: &mut Tab, text: &str) {
    let shown = "document.querySelector('#key-error:not([hidden])')?.textContent";
    tab.wait(text, 30, &format!("{shown}?.includes({text:?})"));
}

fn wait_unlocked(tab: &mut Tab, name: &str) {
    let state = format!("document.querySelector('#keys li[data-chosen][data-name={name:?}]')?.dataset.state");
    tab.wait("the key is there and unlocked", 30, &format!("{state} === 'unlocked'"));
}

/// Exports the chosen key. Returns the text of the file that is saved, once `then` has run.
fn export(tab: &mut Tab, then: impl FnOnce(&mut Tab)) -> String {
    tab.evaluate(
        "(() => { const make = URL.createObjectURL; window.saved = new Promise((resolve) => { \
         URL.createObjectURL = (blob) => { URL.createObjectURL = make; resolve(blob.text()); return make.call(URL, blob); }; }); })()",
    );
    click(tab, "key-export");
    then(tab);
    tab.wait("the file is saved", 30, "window.saved").as_str().unwrap().to_owned()
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn a_key_goes_from_a_node_to_the_page_and_on_to_another_node() {
    let fixture = PageFixture::start(BITS, &[]);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let secret = at("secret");
    fs::write(&secret, PASSPHRASE).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let secret = ["--passphrase-file", secret.to_str().unwrap()];
    key(&at("one"), &[&["new", "--encrypt"][..], &secret].concat()).unwrap();
    let text = key(&at("one"), &["export"]).unwrap();

    // A wrong passphrase or another file is named, and the dialog stays for another attempt.
    let mut tab = fixture.open_live();
    click(&mut tab, "key-import");
    import(&mut tab, &text, "incorrect horse battery", "");
    wait_error(&mut tab, "The passphrase is wrong.");
    import(&mut tab, &text[..text.len() / 2], PASSPHRASE, "");
    wait_error(&mut tab, "This is not a key file: ");
    import(&mut tab, &"x".repeat(3_000), PASSPHRASE, "");
    wait_error(&mut tab, "over 2048 bytes");
    tab.screenshot(&pictures().join("key-import.png"));
    import(&mut tab, &text, PASSPHRASE, "");
    wait_unlocked(&mut tab, "plexus node");
    let public = public_of(&at("one"));
    assert_eq!(chosen(&mut tab), public);
    let id = send(&mut tab, "", "signed by the node's key");
    let sent = eventually("the node has the message", 30, || fixture.api().ask(&format!("/messages/{id}")));
    assert_eq!(sent["sender"].as_str(), Some(public.as_str()));

    // The page keeps it, and writes the same file again, without the passphrase.
    tab.reload();
    wait_live(&mut tab);
    tab.wait("it is kept", 30, "document.querySelector('#keys li[data-chosen]')?.dataset.state === 'locked'");
    let again = export(&mut tab, |_| ());
    assert_eq!(again.trim(), text.trim());
    click(&mut tab, "key-import");
    import(&mut tab, &text, PASSPHRASE, "another name");
    wait_error(&mut tab, "This key is there already, as \"plexus node\".");
    click(&mut tab, "key-cancel");

    // A key of this tab alone gets a passphrase for its file, and a node takes it.
    make_key(&mut tab, "ann", None);
    let ann = chosen(&mut tab);
    let text = export(&mut tab, |tab| {
        wait_step(tab, "export");
        write(tab, "#key-passphrase", PASSPHRASE);
        write(tab, "#key-again", "something else");
        click(tab, "key-next");
        wait_error(tab, "The two passphrases differ.");
        write(tab, "#key-again", PASSPHRASE);
        click(tab, "key-next");
    });
    fs::write(at("ann.json"), text).unwrap();
    let file = at("ann.json");
    key(&at("two"), &[&["import", file.to_str().unwrap()][..], &secret].concat()).unwrap();
    assert_eq!(public_of(&at("two")), ann);
    assert!(tab.trouble.is_empty(), "{:?}", tab.trouble);
}
