use std::fs;

use super::*;

const PASSPHRASE: &str = "correct horse";

fn opened(key: StoredKey, passphrase: &str) -> Result<Identity, KeystoreError> {
    key.open(|_path| Ok(Zeroizing::new(passphrase.to_owned())))
}

fn never(_path: &Path) -> Result<Zeroizing<String>, KeystoreError> {
    panic!("a key that is not encrypted needs no passphrase")
}

fn words(keystore: &Keystore) -> Zeroizing<String> {
    keystore.existing_author().unwrap().open(never).unwrap().words()
}

#[test]
fn keys_are_made_once_and_stay() {
    let folder = tempfile::tempdir().unwrap();
    let keystore = Keystore::new(folder.path().join("deep").join("down"));
    let (node, author) = (keystore.node_key().unwrap(), new_identity().unwrap());
    assert_eq!(keystore.store(&author, None, false).unwrap(), None);
    assert_eq!(keystore.node_key().unwrap().public(), node.public());
    assert_eq!(words(&keystore), author.words());
    let names = fs::read_dir(folder.path().join("deep/down")).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [AUTHOR_KEY, NODE_KEY], "nothing is left behind");
}

#[cfg(unix)]
#[test]
fn keys_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let keystore = Keystore::new(folder.path());
    keystore.node_key().unwrap();
    keystore.store(&new_identity().unwrap(), None, false).unwrap();
    for name in [NODE_KEY, AUTHOR_KEY] {
        let path = folder.path().join(name);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }
    for error in [keystore.node_key().map(drop), keystore.author().map(drop)] {
        let error = error.unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }
}

#[test]
fn a_key_is_never_replaced_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let keystore = Keystore::new(folder.path());
    let (first, second) = (new_identity().unwrap(), new_identity().unwrap());
    keystore.store(&first, None, false).unwrap();
    assert!(matches!(keystore.store(&second, None, false), Err(KeystoreError::Exists { .. })));
    assert_eq!(words(&keystore), first.words());
    let copy = keystore.store(&second, None, true).unwrap().unwrap();
    assert_eq!(fs::read_to_string(copy).unwrap().trim(), *first.words());
    assert_eq!(words(&keystore), second.words());
}

#[test]
fn an_encrypted_key_opens_with_its_passphrase_only() {
    let folder = tempfile::tempdir().unwrap();
    let keystore = Keystore::new(folder.path());
    let identity = new_identity().unwrap();
    keystore.store(&identity, Some(PASSPHRASE), false).unwrap();
    let text = fs::read_to_string(keystore.author_path()).unwrap();
    assert!(text.contains(&identity.public().to_string()), "{text}");
    let two = identity.words().split(' ').take(2).collect::<Vec<_>>().join(" ");
    assert!(!text.contains(&two), "{text}");
    let stored = keystore.existing_author().unwrap();
    assert!(stored.is_encrypted());
    assert_eq!(stored.public(), identity.public());
    let error = opened(stored.clone(), "another horse").unwrap_err().to_string();
    assert!(error.ends_with("author.key: the passphrase is wrong"), "{error}");
    assert_eq!(opened(stored, PASSPHRASE).unwrap().words(), identity.words());
}

#[test]
fn a_key_is_encrypted_and_decrypted_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let keystore = Keystore::new(folder.path());
    let identity = new_identity().unwrap();
    keystore.store(&identity, None, false).unwrap();
    keystore.rewrite(&identity, Some(PASSPHRASE)).unwrap();
    assert_eq!(opened(keystore.existing_author().unwrap(), PASSPHRASE).unwrap().words(), identity.words());
    let short = keystore.rewrite(&identity, Some("short")).unwrap_err().to_string();
    assert!(short.contains("10 characters"), "{short}");
    assert!(keystore.existing_author().unwrap().is_encrypted(), "a refused passphrase changes nothing");
    keystore.rewrite(&identity, None).unwrap();
    assert_eq!(words(&keystore), identity.words());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_browsers_key_file_is_a_nodes_key() {
    let folder = tempfile::tempdir().unwrap();
    let keystore = Keystore::new(folder.path());
    let identity = new_identity().unwrap();
    let file = KeyFile::encrypt(&identity, "my key", PASSPHRASE, Cost::USUAL, &[7; 28]).unwrap();
    keystore.store_file(&file, false).unwrap();
    assert_eq!(fs::read_to_string(keystore.author_path()).unwrap(), *text_of(&file));
    assert_eq!(opened(keystore.existing_author().unwrap(), PASSPHRASE).unwrap().words(), identity.words());
}

#[test]
fn a_file_that_is_no_key_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let keystore = Keystore::new(folder.path());
    let write = |name: &str, text: &str| private_file::replace(&folder.path().join(name), text).unwrap();
    write(AUTHOR_KEY, "one two three");
    write(NODE_KEY, "xyz");
    let error = keystore.author().unwrap_err().to_string();
    assert!(error.contains("author.key") && error.contains("24 words"), "{error}");
    let error = keystore.node_key().unwrap_err().to_string();
    assert!(error.contains("node.key"), "{error}");
    write(AUTHOR_KEY, "{}");
    let error = keystore.author().unwrap_err().to_string();
    assert!(error.contains("author.key") && error.contains("format"), "{error}");
    write(AUTHOR_KEY, &"x".repeat(KEY_FILE_BYTES_MAX + 1));
    let error = keystore.author().unwrap_err().to_string();
    assert!(error.contains("too long"), "{error}");
}
