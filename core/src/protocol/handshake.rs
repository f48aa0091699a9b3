//! The handshake: both ends state their keys, and prove them by signing the other's challenge.
//!
//! Specified in PROTOCOL.md, "On the wire".

use core::time::Duration;

use crate::primitives::hash::{Hash, Tag, tagged};
use crate::primitives::key::{SecretKey, Signature};
use crate::primitives::time::MonotonicTime;
use crate::protocol::misbehavior::{Misbehavior, Reason};
use crate::protocol::packet::{Hello, PROTOCOL_VERSION};

/// The time that a handshake may take.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The state of an unfinished handshake at one end.
#[derive(Debug)]
pub(crate) struct Handshake {
    /// Our hello.
    ours: Hello,
    /// The peer's hello.
    theirs: Option<Hello>,
    pub(crate) deadline: MonotonicTime,
}

/// Returns the digest that the signer of an answer signs. It includes both challenges and both
/// keys, so that an answer is not valid on any other connection.
pub(crate) fn digest(signer: &Hello, verifier: &Hello) -> Hash {
    tagged(
        Tag::Handshake,
        &[
            signer.network.as_bytes(),
            &verifier.challenge,
            &signer.challenge,
            signer.key.as_bytes(),
            verifier.key.as_bytes(),
        ],
    )
}

impl Handshake {
    pub(crate) fn new(ours: Hello, started: MonotonicTime) -> Self {
        Self { ours, theirs: None, deadline: started + HANDSHAKE_TIMEOUT }
    }

    /// Handles the peer's hello and returns our answer.
    ///
    /// # Errors
    /// The reason why the connection is closed.
    pub(crate) fn received_hello(&mut self, hello: Hello, secret: &SecretKey) -> Result<Signature, Reason> {
        if self.theirs.is_some() {
            return Err(Reason::Fault(Misbehavior::DuplicateHandshake { packet: "hello" }));
        }
        if hello.version != PROTOCOL_VERSION {
            return Err(Reason::Fault(Misbehavior::Version {
                expected: PROTOCOL_VERSION,
                found: hello.version,
            }));
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
        let answer = secret.sign(&digest(&self.ours, &hello));
        self.theirs = Some(hello);
        Ok(answer)
    }

    /// Handles the peer's answer, which completes the handshake. Returns the peer's hello, which is
    /// now authenticated.
    ///
    /// # Errors
    /// The peer's fault.
    pub(crate) fn received_answer(&mut self, answer: &Signature) -> Result<Hello, Misbehavior> {
        let theirs = self.proven()?;
        if !theirs.key.verifies(&digest(&theirs, &self.ours), answer) {
            return Err(Misbehavior::KeyNotProven);
        }
        Ok(theirs)
    }

    /// Completes the handshake for an answer that is known to be valid. Returns the peer's hello.
    ///
    /// # Errors
    /// The peer's fault: it sent no hello.
    pub(crate) fn proven(&mut self) -> Result<Hello, Misbehavior> {
        self.theirs.take().ok_or(Misbehavior::BeforeHandshake { packet: "answer" })
    }
}

#[cfg(test)]
mod tests;
