use plexus_core::ledger::signature_batch::BatchId;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::key::{SecretKey, Signature};
use plexus_core::primitives::params::Network;

use super::*;

fn batch(count: u8, broken: &[usize]) -> SignatureBatch {
    let secret = SecretKey::from_bytes(&[7; 32]).unwrap();
    let check = |index: u8| {
        let digest = Hash::of(&[index]);
        let signature = match broken.contains(&usize::from(index)) {
            true => Signature::NONE,
            false => secret.sign(&digest),
        };
        SignatureCheck { digest, key: secret.public(), signature }
    };
    SignatureBatch { id: BatchId(3), checks: (0..count).map(check).collect(), ids: vec![Hash::of(b"an id")] }
}

#[test]
fn answers_as_one_thread_would_whatever_the_batch_s_size() {
    let data = tempfile::tempdir().unwrap();
    let store = Store::open(data.path(), &Network::dev()).unwrap();
    let verifier = Verifier::new().unwrap();
    for (count, broken) in [(0, vec![]), (1, vec![0]), (15, vec![]), (200, vec![0, 17, 18, 199])] {
        let (batch, metrics) = (batch(count, &broken), Metrics::default());
        let verdict = verifier.threads.install(|| answer(&batch, &verifier.keys, &store, &metrics)).unwrap();
        assert_eq!(verdict, batch.answer(|_, _| Vec::new()));
        assert_eq!(verdict.broken, broken);
        assert_eq!(metrics.signatures_verified.get(), u64::from(count));
        assert_eq!(metrics.signatures_broken.get(), broken.len() as u64);
    }
}

fn key(number: u16) -> PublicKey {
    let mut secret = [1; 32];
    secret[..2].copy_from_slice(&number.to_be_bytes());
    SecretKey::from_bytes(&secret).unwrap().public()
}

#[test]
fn keeps_the_keys_that_were_used_last() {
    let keys = Keys::default();
    let check = |key| SignatureCheck { digest: Hash::ZERO, key, signature: Signature::NONE };
    let signed = batch(1, &[]).checks.remove(0);
    for _ in 0..2 {
        assert!(keys.hold(&signed));
        assert!(!keys.hold(&check(signed.key)));
    }
    assert_eq!(keys.keys().len(), 1, "a key is kept once");
    let most = u16::try_from(KEYS_MAX.get()).unwrap();
    for number in 1..=most {
        assert!(!keys.hold(&check(key(number))));
        assert!(keys.hold(&signed));
    }
    assert_eq!(keys.keys().len(), KEYS_MAX.get());
    assert!(!keys.keys().contains(&key(1)), "the oldest one made room");
    assert!(keys.keys().contains(&key(2)) && keys.keys().contains(&key(most)));
    assert!(keys.keys().contains(&signed.key), "one in use stays");
}

#[test]
fn a_key_that_is_not_a_point_is_not_kept() {
    let keys = Keys::default();
    let key = PublicKey::NOBODY;
    assert!(!keys.hold(&SignatureCheck { digest: Hash::ZERO, key, signature: Signature::NONE }));
    assert_eq!(keys.keys().len(), 0);
}
