//! Link certificates: the two ends of a connection sign its latency for all other nodes.
//!
//! Specified in PROTOCOL.md, "Link certificates".
//!
//! Each end measures by itself and signs its own figure. The larger of the two counts as the link's
//! latency. So neither end can make a link to an honest node look shorter than that node measures
//! it. An end that makes it look much longer loses the link. Two dishonest ends may sign anything
//! about the link between them. When a link ends, either end revokes it, in the same form. A
//! certificate is 206 bytes, and nothing here grows. Its signatures are returned as checks, and
//! never verified in place.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ledger::signature_batch::SignatureCheck;
use crate::primitives::encoding::{DecodeError, Reader};
use crate::primitives::hash::{Hash, Tag, tagged};
use crate::primitives::key::{PublicKey, SecretKey, Signature};
use crate::primitives::time::Timestamp;

/// The length of an epoch, milliseconds. A link is certified at most once in each.
pub const EPOCH_MS: u64 = 600_000;
/// The longest round trip that is certified, microseconds.
pub const RTT_US_MAX: u32 = 60_000_000;
/// The difference that the two ends' figures may always have, microseconds.
pub const RTT_US_SLACK: u32 = 5_000;
/// The number of bytes in an encoded certificate.
pub const CERTIFICATE_BYTES: usize = 2 * 33 + 3 * 4 + 2 * 64;

/// A span of ten minutes, counted from the beginning of unix time.
///
/// ```
/// use plexus_core::primitives::time::Timestamp;
/// use plexus_core::protocol::link_certificate::{EPOCH_MS, Epoch};
///
/// let epoch = Epoch::of(Timestamp::from_unix_ms(5 * EPOCH_MS + 1));
/// assert_eq!(epoch, Epoch::from_u32(5));
/// assert_eq!(epoch.since(Epoch::from_u32(2)), 3);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(u32);

impl Epoch {
    /// Creates the epoch with a number.
    pub const fn from_u32(number: u32) -> Self {
        Self(number)
    }

    /// Returns its number.
    pub const fn to_u32(self) -> u32 {
        self.0
    }

    /// Returns the epoch that a time lies in, or the last epoch for times beyond it.
    pub fn of(time: Timestamp) -> Self {
        Self(u32::try_from(time.unix_ms() / EPOCH_MS).unwrap_or(u32::MAX))
    }

    /// Returns the number of epochs between an earlier one and this one, or 0 if `earlier` is
    /// later.
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0)
    }
}

/// An attestation, which one end of a link signs and sends to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyAttestation {
    /// The epoch of the measurement.
    pub epoch: Epoch,
    /// The round trip as this end measures it, microseconds.
    pub rtt_us: u32,
    /// The end's signature.
    pub signature: Signature,
}

impl LatencyAttestation {
    /// Signs a measured round trip to `peer`. One outside 1 µs to [`RTT_US_MAX`] is moved to the
    /// nearer bound. Returns the attestation.
    pub fn sign(network: &Hash, secret: &SecretKey, peer: &PublicKey, epoch: Epoch, rtt: Duration) -> Self {
        let rtt_us = u32::try_from(rtt.as_micros()).unwrap_or(RTT_US_MAX).clamp(1, RTT_US_MAX);
        let signature = secret.sign(&digest(network, &secret.public(), peer, epoch, rtt_us));
        Self { epoch, rtt_us, signature }
    }

    /// Returns the check of an attestation that `signer` sent to `other`.
    pub fn check(&self, network: &Hash, signer: &PublicKey, other: &PublicKey) -> SignatureCheck {
        let digest = digest(network, signer, other, self.epoch, self.rtt_us);
        SignatureCheck { digest, key: *signer, signature: self.signature }
    }
}

/// Returns the digest that `signer` signs: the link's ends in the order of their keys, the epoch,
/// the signing end, and its figure. The figure is 0 in a revocation.
fn digest(network: &Hash, signer: &PublicKey, other: &PublicKey, epoch: Epoch, rtt_us: u32) -> Hash {
    let (a, b, side) = if signer < other { (signer, other, 0) } else { (other, signer, 1) };
    tagged(
        Tag::Link,
        &[
            network.as_bytes(),
            a.as_bytes(),
            b.as_bytes(),
            &epoch.0.to_be_bytes(),
            &[side],
            &rtt_us.to_be_bytes(),
        ],
    )
}

/// Both attestations of one link and epoch, or the revocation of one end. In a revocation both
/// figures are 0, and the other end's signature is [`Signature::NONE`].
///
/// Its two keys differ, and the lower one comes first. Both figures are in range, except in a
/// revocation. The signatures may not hold.
///
/// ```
/// # use core::time::Duration;
/// # use plexus_core::protocol::link_certificate::{Epoch, LatencyAttestation, LinkCertificate};
/// # use plexus_core::{Hash, SecretKey};
/// # let (network, epoch) = (Hash::of(b"network"), Epoch::from_u32(5));
/// let [a, b] = [1, 2].map(|seed| SecretKey::from_bytes(&[seed; 32]).unwrap());
/// let measured = |own: &SecretKey, peer: &SecretKey, ms| {
///     let rtt = Duration::from_millis(ms);
///     LatencyAttestation::sign(&network, own, &peer.public(), epoch, rtt)
/// };
/// let (first, second) = (measured(&a, &b, 20), measured(&b, &a, 23));
/// let link = LinkCertificate::join(&a.public(), &first, &b.public(), &second).unwrap();
/// assert!(link.checks(&network).iter().all(|check| check.holds()));
/// assert_eq!(link.weight_us(), Some(23_000), "the larger figure counts");
/// assert_eq!(LinkCertificate::decode(&link.encode()), Ok(link));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkCertificate {
    pub(crate) ends: [PublicKey; 2],
    pub(crate) epoch: Epoch,
    pub(crate) rtts_us: [u32; 2],
    pub(crate) signatures: [Signature; 2],
}

impl LinkCertificate {
    /// Joins two attestations. Returns `None` if they do not match: another epoch, one key twice,
    /// or a figure out of range.
    pub fn join(
        own: &PublicKey,
        half: &LatencyAttestation,
        peer: &PublicKey,
        peer_half: &LatencyAttestation,
    ) -> Option<Self> {
        let legal = |half: &LatencyAttestation| (1..=RTT_US_MAX).contains(&half.rtt_us);
        if half.epoch != peer_half.epoch || own == peer || !legal(half) || !legal(peer_half) {
            return None;
        }
        let [(a, first), (b, second)] =
            if own < peer { [(own, half), (peer, peer_half)] } else { [(peer, peer_half), (own, half)] };
        Some(Self {
            ends: [*a, *b],
            epoch: half.epoch,
            rtts_us: [first.rtt_us, second.rtt_us],
            signatures: [first.signature, second.signature],
        })
    }

    /// Revokes the link to `peer`, which must not be the signer's own key. No certificate up to
    /// this epoch counts any more. Returns the revocation.
    ///
    /// ```
    /// use plexus_core::protocol::link_certificate::{Epoch, LinkCertificate};
    /// use plexus_core::{Hash, SecretKey};
    ///
    /// let [a, b] = [1, 2].map(|seed| SecretKey::from_bytes(&[seed; 32]).unwrap());
    /// let network = Hash::of(b"network");
    /// let end = LinkCertificate::revoke(&network, &a, &b.public(), Epoch::from_u32(5));
    /// assert!(end.is_revocation());
    /// assert_eq!(end.other_end(&a.public()), Some(b.public()));
    /// assert_eq!(end.checks(&network).len(), 1, "one end signs");
    /// ```
    pub fn revoke(network: &Hash, secret: &SecretKey, peer: &PublicKey, epoch: Epoch) -> Self {
        let own = secret.public();
        let signature = secret.sign(&digest(network, &own, peer, epoch, 0));
        let [(a, first), (b, second)] = if own < *peer {
            [(own, signature), (*peer, Signature::NONE)]
        } else {
            [(*peer, Signature::NONE), (own, signature)]
        };
        Self { ends: [a, b], epoch, rtts_us: [0; 2], signatures: [first, second] }
    }

    /// Returns true if it is a revocation.
    pub fn is_revocation(&self) -> bool {
        self.rtts_us == [0; 2]
    }

    /// Returns the two keys, the lower one first.
    pub fn ends(&self) -> &[PublicKey; 2] {
        &self.ends
    }

    /// Returns the end that is not `own`. Returns `None` if neither end is `own`.
    pub fn other_end(&self, own: &PublicKey) -> Option<PublicKey> {
        let [a, b] = self.ends;
        if a == *own { Some(b) } else { (b == *own).then_some(a) }
    }

    /// Returns the epoch of the measurement or the revocation.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Returns the round trip that each end measured, microseconds. Both are 0 in a revocation.
    pub fn rtts_us(&self) -> [u32; 2] {
        self.rtts_us
    }

    /// Returns the round trip that counts, microseconds: the larger figure.
    ///
    /// Returns `None` in a revocation, and if the figures are inconsistent. They are if their
    /// difference is both over half of the larger one and over [`RTT_US_SLACK`].
    pub fn weight_us(&self) -> Option<u32> {
        let [a, b] = self.rtts_us;
        let (larger, apart) = (a.max(b), a.abs_diff(b));
        (larger > 0 && (apart <= RTT_US_SLACK || apart <= larger / 2)).then_some(larger)
    }

    /// Returns the signatures to verify before the certificate is accepted: both ends' signatures,
    /// or the signature of the end that revokes.
    pub fn checks(&self, network: &Hash) -> Vec<SignatureCheck> {
        let signs = |side: &usize| !self.is_revocation() || self.signatures[*side] != Signature::NONE;
        let check = |side: usize| {
            let half = LatencyAttestation {
                epoch: self.epoch,
                rtt_us: self.rtts_us[side],
                signature: self.signatures[side],
            };
            half.check(network, &self.ends[side], &self.ends[1 - side])
        };
        [0, 1].into_iter().filter(signs).map(check).collect()
    }

    /// Returns its 206 bytes.
    pub fn encode(&self) -> [u8; CERTIFICATE_BYTES] {
        let mut out = [0; CERTIFICATE_BYTES];
        out[..33].copy_from_slice(self.ends[0].as_bytes());
        out[33..66].copy_from_slice(self.ends[1].as_bytes());
        out[66..70].copy_from_slice(&self.epoch.0.to_be_bytes());
        out[70..74].copy_from_slice(&self.rtts_us[0].to_be_bytes());
        out[74..78].copy_from_slice(&self.rtts_us[1].to_be_bytes());
        out[78..142].copy_from_slice(self.signatures[0].as_bytes());
        out[142..].copy_from_slice(self.signatures[1].as_bytes());
        out
    }

    /// Reads one certificate and nothing after it.
    ///
    /// # Errors
    /// Bytes that are not exactly 206, keys out of order, a figure out of range, a
    /// revocation without exactly one signature.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let certificate = Self::read(&mut reader)?;
        reader.end()?;
        Ok(certificate)
    }

    /// Reads a certificate from a reader's position.
    ///
    /// # Errors
    /// Too few bytes, keys out of order, a figure out of range, a revocation without
    /// exactly one signature.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let certificate = Self {
            ends: [
                PublicKey::from_bytes(reader.array("link a")?),
                PublicKey::from_bytes(reader.array("link b")?),
            ],
            epoch: Epoch(reader.u32("link epoch")?),
            rtts_us: [reader.u32("link rtt_a")?, reader.u32("link rtt_b")?],
            signatures: [
                Signature::from_bytes(reader.array("link signature_a")?),
                Signature::from_bytes(reader.array("link signature_b")?),
            ],
        };
        if certificate.ends[0] >= certificate.ends[1] {
            return Err(DecodeError::Value { field: "link b" });
        }
        if certificate.is_revocation() {
            let [a, b] = certificate.signatures.map(|signature| signature != Signature::NONE);
            return if a == b {
                Err(DecodeError::Value { field: "link signature_b" })
            } else {
                Ok(certificate)
            };
        }
        for (field, rtt_us) in ["link rtt_a", "link rtt_b"].into_iter().zip(certificate.rtts_us) {
            if !(1..=RTT_US_MAX).contains(&rtt_us) {
                return Err(DecodeError::Value { field });
            }
        }
        Ok(certificate)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NETWORK: Hash = Hash::from_bytes([9; 32]);

    fn secret(seed: u8) -> SecretKey {
        SecretKey::from_bytes(&[seed; 32]).unwrap()
    }

    fn half(from: &SecretKey, to: &SecretKey, rtt_ms: u64) -> LatencyAttestation {
        LatencyAttestation::sign(&NETWORK, from, &to.public(), Epoch(7), Duration::from_millis(rtt_ms))
    }

    fn certificate(rtt_a_us: u32, rtt_b_us: u32) -> LinkCertificate {
        let key = |byte| PublicKey::from_bytes([byte; 33]);
        let half = |rtt_us| LatencyAttestation { epoch: Epoch(7), rtt_us, signature: Signature::NONE };
        LinkCertificate::join(&key(2), &half(rtt_a_us), &key(3), &half(rtt_b_us)).unwrap()
    }

    #[test]
    fn both_ends_join_the_same_certificate_and_its_signatures_hold() {
        let (alice, bob) = (secret(1), secret(2));
        let (hers, his) = (half(&alice, &bob, 20), half(&bob, &alice, 24));
        let joined = LinkCertificate::join(&alice.public(), &hers, &bob.public(), &his).unwrap();
        assert_eq!(LinkCertificate::join(&bob.public(), &his, &alice.public(), &hers), Some(joined.clone()));
        assert!(joined.checks(&NETWORK).iter().all(SignatureCheck::holds));
        assert!(hers.check(&NETWORK, &alice.public(), &bob.public()).holds());
        assert_eq!(joined.weight_us(), Some(24_000));
    }

    #[test]
    fn a_signature_counts_for_its_network_link_end_epoch_and_figure_only() {
        let (alice, bob) = (secret(1), secret(2));
        let (hers, his) = (half(&alice, &bob, 20), half(&bob, &alice, 20));
        let good = LinkCertificate::join(&alice.public(), &hers, &bob.public(), &his).unwrap();
        let broken = |bad: &LinkCertificate, network: &Hash| -> Vec<bool> {
            bad.checks(network).iter().map(|check| !check.holds()).collect()
        };
        assert_eq!(broken(&good, &NETWORK), [false, false]);
        assert_eq!(broken(&good, &Hash::ZERO), [true, true]);
        let other = LinkCertificate { epoch: Epoch(8), ..good.clone() };
        assert_eq!(broken(&other, &NETWORK), [true, true]);
        let shorter = LinkCertificate { rtts_us: [good.rtts_us[0], 1], ..good.clone() };
        assert_eq!(broken(&shorter, &NETWORK), [false, true]);
        let [a, b] = good.signatures;
        let swapped = LinkCertificate { signatures: [b, a], ..good.clone() };
        assert_eq!(broken(&swapped, &NETWORK), [true, true]);
        let mut ends = [good.ends[0], secret(3).public()];
        ends.sort();
        assert!(broken(&LinkCertificate { ends, ..good }, &NETWORK).contains(&true));
    }

    #[test]
    fn either_end_withdraws_a_link_and_nobody_else() {
        let (alice, bob) = (secret(1), secret(2));
        for (signer, other) in [(&alice, &bob), (&bob, &alice)] {
            let gone = LinkCertificate::revoke(&NETWORK, signer, &other.public(), Epoch(7));
            assert!(gone.is_revocation() && gone.weight_us().is_none());
            assert_eq!(LinkCertificate::decode(&gone.encode()), Ok(gone.clone()));
            let checks = gone.checks(&NETWORK);
            assert_eq!(
                checks.iter().map(|check| (check.key, check.holds())).collect::<Vec<_>>(),
                [(signer.public(), true)]
            );
            // The revocation cannot pass as the other end's, and covers no other epoch, link or
            // network.
            let [a, b] = gone.signatures;
            let mut ends = [signer.public(), secret(3).public()];
            ends.sort();
            for bad in [
                LinkCertificate { signatures: [b, a], ..gone.clone() },
                LinkCertificate { epoch: Epoch(8), ..gone.clone() },
                LinkCertificate { ends, ..gone.clone() },
                LinkCertificate { rtts_us: [1, 1], ..gone.clone() },
            ] {
                assert!(!bad.checks(&NETWORK).iter().all(SignatureCheck::holds), "{bad:?}");
            }
            assert!(!gone.checks(&Hash::ZERO)[0].holds());
            for signatures in [[a; 2], [b; 2]] {
                let bad = LinkCertificate { signatures, ..gone.clone() };
                let error = DecodeError::Value { field: "link signature_b" };
                assert_eq!(LinkCertificate::decode(&bad.encode()), Err(error));
            }
        }
    }

    #[test]
    fn halves_that_do_not_belong_together_are_not_joined() {
        let (alice, bob) = (secret(1).public(), secret(2).public());
        let half =
            |epoch, rtt_us| LatencyAttestation { epoch: Epoch(epoch), rtt_us, signature: Signature::NONE };
        let good = half(7, 1);
        assert!(LinkCertificate::join(&alice, &good, &bob, &half(7, RTT_US_MAX)).is_some());
        for bad in [half(8, 1), half(7, 0), half(7, RTT_US_MAX + 1)] {
            assert_eq!(LinkCertificate::join(&alice, &good, &bob, &bad), None);
            assert_eq!(LinkCertificate::join(&alice, &bad, &bob, &good), None);
        }
        assert_eq!(LinkCertificate::join(&alice, &good, &alice, &good), None);
    }

    #[test]
    fn figures_at_odds_have_no_weight() {
        for (a, b, weight) in [
            (1, 5_001, Some(5_001)),
            (1, 5_002, None),
            (5_000, 10_000, Some(10_000)),
            (5_001, 10_002, Some(10_002)),
            (5_000, 10_001, None),
            (50_000, 100_000, Some(100_000)),
            (49_999, 100_000, None),
        ] {
            assert_eq!(certificate(a, b).weight_us(), weight, "{a} {b}");
            assert_eq!(certificate(b, a).weight_us(), weight, "{b} {a}");
        }
    }

    #[test]
    fn measured_times_are_signed_within_their_range() {
        let sign = |rtt| {
            LatencyAttestation::sign(
                &NETWORK,
                &secret(1),
                &secret(2).public(),
                Epoch(0),
                Duration::from_secs(rtt),
            )
        };
        assert_eq!((sign(0).rtt_us, sign(61).rtt_us, sign(5_000).rtt_us), (1, RTT_US_MAX, RTT_US_MAX));
    }

    #[test]
    fn an_epoch_is_ten_minutes() {
        let of = |ms| Epoch::of(Timestamp::from_unix_ms(ms)).to_u32();
        assert_eq!((of(0), of(599_999), of(600_000), of(u64::MAX)), (0, 0, 1, u32::MAX));
        assert_eq!((Epoch(9).since(Epoch(7)), Epoch(7).since(Epoch(9))), (2, 0));
    }

    #[test]
    fn bytes_outside_the_layout_are_refused() {
        let good = certificate(20_000, 21_000);
        let bytes = good.encode();
        for end in 0..bytes.len() {
            assert!(LinkCertificate::decode(&bytes[..end]).is_err(), "{end} bytes");
        }
        let long = [bytes.as_slice(), &[0]].concat();
        assert_eq!(LinkCertificate::decode(&long), Err(DecodeError::Trailing { count: 1 }));
        let refused = |bad: LinkCertificate| LinkCertificate::decode(&bad.encode()).unwrap_err();
        let [a, b] = good.ends;
        for ends in [[b, a], [a, a]] {
            assert_eq!(
                refused(LinkCertificate { ends, ..good.clone() }),
                DecodeError::Value { field: "link b" }
            );
        }
        for rtt_us in [0, RTT_US_MAX + 1, u32::MAX] {
            let error = refused(LinkCertificate { rtts_us: [rtt_us, 1], ..good.clone() });
            assert_eq!(error, DecodeError::Value { field: "link rtt_a" });
            let error = refused(LinkCertificate { rtts_us: [1, rtt_us], ..good.clone() });
            assert_eq!(error, DecodeError::Value { field: "link rtt_b" });
        }
    }

    proptest! {
        #[test]
        fn encodes_and_decodes(
            a: [u8; 32], b: [u8; 32], epoch: u32, rtts in (1..=RTT_US_MAX, 1..=RTT_US_MAX), seed: u8,
        ) {
            prop_assume!(a != b);
            let key = |tail: [u8; 32]| {
                let mut bytes = [2; 33];
                bytes[1..].copy_from_slice(&tail);
                PublicKey::from_bytes(bytes)
            };
            let half = |rtt_us, byte| {
                LatencyAttestation { epoch: Epoch(epoch), rtt_us, signature: Signature::from_bytes([byte; 64]) }
            };
            let (first, second) = (half(rtts.0, seed), half(rtts.1, !seed));
            let joined = LinkCertificate::join(&key(a), &first, &key(b), &second).unwrap();
            prop_assert_eq!(LinkCertificate::decode(&joined.encode()), Ok(joined.clone()));
            let packed = postcard::to_allocvec(&joined).unwrap();
            prop_assert_eq!(packed.len(), CERTIFICATE_BYTES + 2);
            prop_assert_eq!(postcard::from_bytes::<LinkCertificate>(&packed), Ok(joined));
            let packed = postcard::to_allocvec(&first).unwrap();
            prop_assert_eq!(postcard::from_bytes::<LatencyAttestation>(&packed), Ok(first));
        }
    }
}
