//! The handshake: both ends say who they are, and prove it by signing the other's challenge.

use core::time::Duration;

use crate::fault::{Fault, Reason};
use crate::hash::{Hash, Tag, tagged};
use crate::key::{SecretKey, Signature};
use crate::time::Moment;
use crate::wire::{Hello, PROTOCOL_VERSION};

/// How long a handshake may take.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// One end's view of an unfinished handshake.
#[derive(Debug)]
pub(crate) struct Handshake {
    /// What we said.
    ours: Hello,
    /// What the peer said.
    theirs: Option<Hello>,
    pub(crate) deadline: Moment,
}

/// What the signer of an answer signs: both challenges and both keys, so that no answer serves on another connection.
pub fn digest(signer: &Hello, verifier: &Hello) -> Hash {
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
    pub(crate) fn new(ours: Hello, started: Moment) -> Self {
        Self { ours, theirs: None, deadline: started + HANDSHAKE_TIMEOUT }
    }

    /// Takes the peer's hello and returns our answer.
    ///
    /// # Errors
    /// Why the connection ends here.
    pub(crate) fn received_hello(&mut self, hello: Hello, secret: &SecretKey) -> Result<Signature, Reason> {
        if self.theirs.is_some() {
            return Err(Reason::Fault(Fault::GreetedAgain { packet: "hello" }));
        }
        if hello.version != PROTOCOL_VERSION {
            return Err(Reason::Fault(Fault::Version { expected: PROTOCOL_VERSION, found: hello.version }));
        }
        if hello.network != self.ours.network {
            return Err(Reason::Fault(Fault::Network { expected: self.ours.network, found: hello.network }));
        }
        if hello.key == self.ours.key {
            return Err(Reason::OwnKey);
        }
        let answer = secret.sign(&digest(&self.ours, &hello));
        self.theirs = Some(hello);
        Ok(answer)
    }

    /// Takes the peer's answer; the handshake is then complete, and what the peer said is its own word.
    ///
    /// # Errors
    /// The peer's fault.
    pub(crate) fn received_answer(&mut self, answer: &Signature) -> Result<Hello, Fault> {
        let theirs = self.proven()?;
        if !theirs.key.verifies(&digest(&theirs, &self.ours), answer) {
            return Err(Fault::KeyNotProven);
        }
        Ok(theirs)
    }

    /// The same for an answer that is known to hold.
    ///
    /// # Errors
    /// The peer's fault: it did not say who it is.
    pub(crate) fn proven(&mut self) -> Result<Hello, Fault> {
        self.theirs.take().ok_or(Fault::NotGreeted { packet: "answer" })
    }
}

#[cfg(test)]
mod tests;
