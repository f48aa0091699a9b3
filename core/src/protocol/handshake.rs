//! The handshake: both ends state their keys, and prove them by signing both hellos.
//!
//! Specified in PROTOCOL.md, "On the wire".
//!
//! The signed digest covers the bytes of both hellos as they were sent, with the challenges in
//! them. So a version or a feature that somebody changes on the way is detected, and an answer is
//! not valid on any other connection.

use core::time::Duration;

use crate::primitives::hash::{Hash, Tag, tagged};
use crate::primitives::key::{SecretKey, Signature};
use crate::primitives::time::MonotonicTime;
use crate::protocol::hello::Hello;
use crate::protocol::misbehavior::{Misbehavior, Reason};

/// The time that a handshake may take.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The state of an unfinished handshake at one end.
#[derive(Debug)]
pub(crate) struct Handshake {
    /// Our hello.
    ours: Hello,
    /// The hash of its frame.
    our_hash: Hash,
    /// The peer's hello, and the hash of its frame.
    theirs: Option<(Hello, Hash)>,
    pub(crate) deadline: MonotonicTime,
}

/// Returns the digest that the signer of an answer signs: over the hashes of the signer's hello and
/// of the other's, each as the whole frame that was sent.
pub fn digest(network: &Hash, signer: &Hash, verifier: &Hash) -> Hash {
    tagged(Tag::Handshake, &[network.as_bytes(), signer.as_bytes(), verifier.as_bytes()])
}

impl Handshake {
    /// Begins a handshake with our hello, and the frame in which it is sent.
    pub(crate) fn new(ours: Hello, frame: &[u8], started: MonotonicTime) -> Self {
        let deadline = started + HANDSHAKE_TIMEOUT;
        Self { ours, our_hash: Hash::of(frame), theirs: None, deadline }
    }

    /// Handles the peer's hello, and the frame in which it came. Returns our answer.
    ///
    /// # Errors
    /// The reason why the connection is closed.
    pub(crate) fn received_hello(
        &mut self,
        hello: Hello,
        frame: &[u8],
        secret: &SecretKey,
    ) -> Result<Signature, Reason> {
        if self.theirs.is_some() {
            return Err(Reason::Fault(Misbehavior::DuplicateHandshake { packet: "hello" }));
        }
        if hello.network != self.ours.network {
            return Err(Reason::Fault(Misbehavior::Network {
                expected: self.ours.network,
                found: hello.network,
            }));
        }
        if hello.key == self.ours.key {
            return Err(Reason::OwnKey);
        }
        let hash = Hash::of(frame);
        let answer = secret.sign(&digest(&self.ours.network, &self.our_hash, &hash));
        self.theirs = Some((hello, hash));
        Ok(answer)
    }

    /// Handles the peer's answer, which completes the handshake. Returns the peer's hello, which is
    /// now authenticated.
    ///
    /// # Errors
    /// The peer's fault.
    pub(crate) fn received_answer(&mut self, answer: &Signature) -> Result<Hello, Misbehavior> {
        let (theirs, hash) = self.take_hello()?;
        if !theirs.key.verifies(&digest(&self.ours.network, &hash, &self.our_hash), answer) {
            return Err(Misbehavior::KeyNotProven);
        }
        Ok(theirs)
    }

    /// Completes the handshake for an answer that is known to be valid. Returns the peer's hello.
    ///
    /// # Errors
    /// The peer's fault: it sent no hello.
    pub(crate) fn proven(&mut self) -> Result<Hello, Misbehavior> {
        self.take_hello().map(|(hello, _)| hello)
    }

    fn take_hello(&mut self) -> Result<(Hello, Hash), Misbehavior> {
        self.theirs.take().ok_or(Misbehavior::BeforeHandshake { packet: "answer" })
    }
}

#[cfg(test)]
mod tests;
