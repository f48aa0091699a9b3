use super::*;

/// The lowest cost that Argon2 allows.
const CHEAP: Cost = Cost::new(8, 1, 1);
const PASSPHRASE: &str = "correct horse";
const CHANCE: SaltAndNonce = [4; 28];

fn identity(seed: u8) -> Identity {
    Identity::from_entropy(&[seed; 32]).unwrap()
}

/// Encrypts a key into the store. Returns the stored entry.
fn stored(keyring: &mut Keyring, name: &str, seed: u8) -> DatabaseEntry {
    let new_key = keyring.encrypt(name, identity(seed), PASSPHRASE, &CHANCE, CHEAP).unwrap();
    let [Write::Add(key, value), Write::Put(..)] = &new_key.writes()[..] else { panic!("not added") };
    let entry = DatabaseEntry { key: key.strip_prefix(PREFIX).unwrap().to_owned(), value: value.clone() };
    keyring.stored(new_key);
    entry
}

fn state(keyring: &Keyring, name: &str) -> KeyState {
    keyring.find(name).unwrap().state()
}

#[test]
fn without_a_key_nothing_is_signed() {
    assert_eq!(Keyring::default().signer().unwrap_err(), KeyringError::None);
}

#[test]
fn a_key_that_is_made_is_used_once_its_words_are_shown_to_be_had() {
    let mut keyring = Keyring::default();
    assert_eq!(keyring.confirmed("a b c").unwrap_err(), KeyringError::NoDraft);
    let view = keyring.make(&[33; 64]).unwrap();
    assert_eq!(keyring.signer().unwrap_err(), KeyringError::None);
    let word = |place: &u8| view.words.split(' ').nth(usize::from(*place) - 1).unwrap().to_owned();
    let asked = view.places.iter().map(word).collect::<Vec<_>>();
    assert_eq!(keyring.confirmed("a b c").unwrap_err(), KeyringError::Words);
    assert_eq!(keyring.confirmed(&asked[..2].join(" ")).unwrap_err(), KeyringError::Words);
    assert_eq!(keyring.confirmed(&format!("{} zoo", asked.join(" "))).unwrap_err(), KeyringError::Words);
    let confirmed = keyring.confirmed(&format!(" {}\n", asked.join("  ").to_uppercase())).unwrap();
    keyring.add_tab(TAB_NAME, confirmed).unwrap();
    assert_eq!(keyring.signer().unwrap().words(), view.words);
    assert_eq!(state(&keyring, TAB_NAME), KeyState::Tab);
}

#[test]
fn drawn_places_are_different_and_rising() {
    for seed in 0..=u8::MAX {
        let places = drawn(&[seed, seed.wrapping_mul(7), seed.wrapping_mul(31)]);
        assert!(places[0] >= 1 && places.is_sorted_by(|a, b| a < b) && places[2] <= WORDS, "{places:?}");
    }
}

#[test]
fn after_a_reload_a_key_is_locked_until_its_passphrase_is_given() {
    let mut keyring = Keyring::default();
    let entry = stored(&mut keyring, " ann ", 1);
    assert_eq!(
        (state(&keyring, "ann"), keyring.signer().unwrap().public()),
        (KeyState::Unlocked, identity(1).public())
    );

    let mut again = Keyring::default();
    let store = Stored { encrypted: vec![entry], ..Stored::default() };
    again.load(&store);
    assert_eq!(again.views()[0].public, Some(identity(1).public()));
    assert_eq!(again.signer().unwrap_err(), KeyringError::Locked { name: "ann".to_owned() });
    assert_eq!(
        again.unlock("ann", "wrong horse").unwrap_err(),
        KeyringError::Encryption(EncryptedKeyError::Wrong)
    );
    assert_eq!(state(&again, "ann"), KeyState::Locked);
    again.unlock("ann", PASSPHRASE).unwrap();
    again.load(&store);
    assert_eq!(state(&again, "ann"), KeyState::Unlocked, "another look at the store locks nothing");
    again.lock();
    assert_eq!(again.signer().unwrap_err(), KeyringError::Locked { name: "ann".to_owned() });
}

#[test]
fn of_several_keys_the_chosen_one_signs_and_is_remembered() {
    let mut keyring = Keyring::default();
    let encrypted = vec![stored(&mut keyring, "ann", 1), stored(&mut keyring, "bob", 2)];
    assert_eq!(keyring.signer().unwrap().public(), identity(2).public());
    let writes = keyring.choose("ann").unwrap();
    assert_eq!(writes, [Write::Put(CHOSEN.to_owned(), b"ann".to_vec())]);
    assert_eq!(keyring.signer().unwrap().public(), identity(1).public());
    assert_eq!(keyring.choose("eve").unwrap_err(), KeyringError::Unknown { name: "eve".to_owned() });
    let mut again = Keyring::default();
    again.load(&Stored { encrypted, chosen: Some(b"bob".to_vec()), ..Stored::default() });
    let chosen: Vec<_> = again.views().into_iter().filter(|view| view.chosen).map(|view| view.name).collect();
    assert_eq!(chosen, ["bob"]);
}

#[test]
fn no_key_takes_anothers_place() {
    let mut keyring = Keyring::default();
    stored(&mut keyring, "ann", 1);
    let encrypt =
        |name: &str, seed| keyring.encrypt(name, identity(seed), PASSPHRASE, &CHANCE, CHEAP).unwrap_err();
    assert_eq!(encrypt("ann", 2), KeyringError::Taken { name: "ann".to_owned() });
    assert_eq!(encrypt("bob", 1), KeyringError::Known { name: "ann".to_owned() });
    for name in ["", "  ", "a\nb", &"x".repeat(NAME_BYTES_MAX + 1)] {
        assert_eq!(encrypt(name, 2), KeyringError::Name, "{name:?}");
    }
    for seed in 2..=16 {
        keyring.add_tab(&format!("key {seed}"), identity(seed)).unwrap();
    }
    assert_eq!(keyring.add_tab("one more", identity(17)).unwrap_err(), KeyringError::Full);
    assert_eq!(keyring.views().len(), KEYS_MAX);
}

#[test]
fn a_damaged_key_is_named_and_hides_no_other() {
    let mut keyring = Keyring::default();
    let mut encrypted = vec![stored(&mut keyring, "ann", 1), stored(&mut keyring, "bob", 2)];
    encrypted[0].value[50] ^= 1;
    let mut again = Keyring::default();
    again.load(&Stored { encrypted, ..Stored::default() });
    assert_eq!((state(&again, "ann"), state(&again, "bob")), (KeyState::Damaged, KeyState::Locked));
    let damaged = || KeyringError::Damaged { name: "ann".to_owned() };
    assert_eq!(again.unlock("ann", PASSPHRASE).unwrap_err(), damaged());
    assert_eq!(again.choose("ann").unwrap_err(), damaged());
    let taken = KeyringError::Taken { name: "ann".to_owned() };
    assert_eq!(again.encrypt("ann", identity(1), PASSPHRASE, &CHANCE, CHEAP).unwrap_err(), taken);
    again.unlock("bob", PASSPHRASE).unwrap();
    assert_eq!(again.signer().unwrap().public(), identity(2).public());
}

#[test]
fn a_key_in_the_clear_is_used_until_it_is_sealed_and_gone_with_that() {
    let clear = Some(Zeroizing::new(identity(1).words().as_bytes().to_vec()));
    let mut keyring = Keyring::default();
    keyring.load(&Stored { clear, ..Stored::default() });
    assert_eq!(
        (state(&keyring, CLEAR_NAME), keyring.signer().unwrap().public()),
        (KeyState::Clear, identity(1).public())
    );
    let new_key = keyring.protect("ann", PASSPHRASE, &CHANCE, CHEAP).unwrap();
    assert_eq!(new_key.writes().len(), 3);
    assert_eq!(new_key.writes()[2], Write::drop(CLEAR));
    keyring.stored(new_key);
    assert_eq!((state(&keyring, "ann"), keyring.views().len()), (KeyState::Unlocked, 1));
    assert_eq!(keyring.protect("bob", PASSPHRASE, &CHANCE, CHEAP).unwrap_err(), KeyringError::Protected);

    let mut damaged = Keyring::default();
    damaged.load(&Stored { clear: Some(Zeroizing::new(b"no words".to_vec())), ..Stored::default() });
    assert_eq!(state(&damaged, CLEAR_NAME), KeyState::Damaged);
    assert_eq!(damaged.signer().unwrap_err(), KeyringError::None);
}

#[test]
fn a_keyring_shows_no_secret() {
    let mut keyring = Keyring::default();
    stored(&mut keyring, "ann", 1);
    keyring.make(&[7; 64]).unwrap();
    let shown = format!("{keyring:?}");
    assert!(!shown.contains(identity(1).words().split(' ').next().unwrap()), "{shown}");
    assert!(!shown.contains(&hex::encode(*identity(1).secret().to_bytes())), "{shown}");
}

#[test]
fn a_key_file_of_a_node_is_imported_and_one_for_a_node_exported() {
    let cheap = |name: &str| KeyFile::encrypt(&identity(1), name, PASSPHRASE, CHEAP, &[5; 28]).unwrap();
    let text = serde_json::to_string_pretty(&cheap("plexus node")).unwrap();
    let mut keyring = Keyring::default();
    stored(&mut keyring, "ann", 2);
    let import = |keyring: &Keyring, text: &str, name, passphrase| {
        keyring.import(text, name, passphrase, &CHANCE, CHEAP)
    };
    let wrong = import(&keyring, &text, "", "wrong horse").unwrap_err();
    assert_eq!(wrong, KeyringError::Encryption(EncryptedKeyError::Wrong));
    for (text, part) in [
        ("", "EOF"),
        ("{}", "format"),
        (text.replace("plexus-key", "other").as_str(), "format is"),
        (" ".repeat(KEY_FILE_BYTES_MAX + 1).as_str(), "2048 bytes"),
    ] {
        let error = import(&keyring, text, "", PASSPHRASE).unwrap_err().to_string();
        assert!(error.starts_with("this is not a key file: ") && error.contains(part), "{error}");
    }
    let taken = import(&keyring, &text, "ann", PASSPHRASE).unwrap_err();
    assert_eq!(taken, KeyringError::Taken { name: "ann".to_owned() });

    // Under its own name the file is stored as it is, and exported again as it was.
    let new_key = import(&keyring, &text, " ", PASSPHRASE).unwrap();
    assert_eq!(keyring.stored(new_key), identity(1).public());
    assert_eq!(keyring.signer().unwrap().public(), identity(1).public());
    assert_eq!(keyring.export("plexus node", "", &CHANCE, CHEAP).unwrap(), cheap("plexus node"));
    keyring.lock();
    assert_eq!(keyring.export("plexus node", "", &CHANCE, CHEAP).unwrap(), cheap("plexus node"));
    let known = import(&keyring, &text, "bob", PASSPHRASE).unwrap_err();
    assert_eq!(known, KeyringError::Known { name: "plexus node".to_owned() });

    // Under another name it opens with the same passphrase.
    let mut other = Keyring::default();
    let new_key = import(&other, &text, " bob ", PASSPHRASE).unwrap();
    other.stored(new_key);
    let file = other.export("bob", "", &CHANCE, CHEAP).unwrap();
    assert_eq!((file.name(), file.decrypt(PASSPHRASE).unwrap().words()), ("bob", identity(1).words()));

    // A key of this tab is exported under a passphrase of its own.
    other.add_tab("tab", identity(3)).unwrap();
    let short = other.export("tab", "short", &CHANCE, CHEAP).unwrap_err();
    assert!(short.to_string().contains("at least"), "{short}");
    let file = other.export("tab", PASSPHRASE, &CHANCE, CHEAP).unwrap();
    assert_eq!(file.decrypt(PASSPHRASE).unwrap().words(), identity(3).words());
    assert_eq!(
        other.export("eve", PASSPHRASE, &CHANCE, CHEAP).unwrap_err(),
        KeyringError::Unknown { name: "eve".to_owned() }
    );
}
