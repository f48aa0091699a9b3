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
        let (batch, counters) = (batch(count, &broken), Counters::default());
        let verdict = verifier.threads.install(|| answer(&batch, &verifier.keys, &store, &counters)).unwrap();
        assert_eq!(verdict, batch.answer(|_, _| Vec::new()));
        assert_eq!(verdict.broken, broken);
        assert_eq!(counters.signatures_verified.value(), u64::from(count));
        assert_eq!(counters.signatures_broken.value(), broken.len() as u64);
    }
}

#[test]
fn keeps_no_more_keys_than_it_may_and_none_that_is_no_point() {
    let keys = Keys::default();
    let check = |key| SignatureCheck { digest: Hash::ZERO, key, signature: Signature::NONE };
    assert!(!keys.hold(&check(PublicKey::NOBODY)));
    assert_eq!(keys.0.read().unwrap().len(), 0);
    let signed = batch(1, &[]).checks.remove(0);
    for _ in 0..2 {
        assert!(keys.hold(&signed));
        assert!(!keys.hold(&check(signed.key)));
    }
    assert_eq!(keys.0.read().unwrap().len(), 1);
    for number in 1..=u16::try_from(KEYS_MAX).unwrap() {
        let mut secret = [1; 32];
        secret[..2].copy_from_slice(&number.to_be_bytes());
        assert!(!keys.hold(&check(SecretKey::from_bytes(&secret).unwrap().public())));
    }
    assert_eq!(keys.0.read().unwrap().len(), 1);
    assert!(keys.hold(&signed));
}
