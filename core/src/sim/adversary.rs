//! An adversary: makes a real node Byzantine by altering the frames that it sends and receives.
//!
//! Handshakes, pings and everything that the attack does not touch are the node's own.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::attack::Attack;
use super::frame_kind::FrameKind;
use super::link::LinkEnd;
use super::rng::SimRng;
use super::setup::SimConfig;
use crate::primitives::hash::Hash;

/// The most forged blocks that are remembered, to be served or withheld. When full, the ones whose
/// hash begins with a byte below 0x80 are forgotten.
const FORGED_MAX: usize = 256;

/// The state that makes a host Byzantine.
#[derive(Debug)]
pub(super) struct Adversary {
    pub(super) attack: Attack,
    /// The bodies of forged blocks, as frames. `None` for a body that is withheld.
    pub(super) forged: BTreeMap<Hash, Option<Bytes>>,
    /// Whether it is withholding the blocks that it mined.
    pub(super) hoards: bool,
    pub(super) held_back: Vec<(LinkEnd, Bytes)>,
}

impl Adversary {
    fn new(attack: Attack) -> Self {
        Self { attack, forged: BTreeMap::new(), hoards: false, held_back: Vec::new() }
    }

    /// Chooses the Byzantine hosts of a setup at random. Returns their adversaries by host.
    pub(super) fn draw_all(setup: &SimConfig, rng: &mut SimRng) -> BTreeMap<u32, Self> {
        let mut hosts: Vec<u32> = (0..setup.nodes).collect();
        rng.shuffle(&mut hosts);
        let mut adversaries = BTreeMap::new();
        for byzantine in &setup.faults.byzantine {
            let share = u64::from(setup.nodes) * u64::from(byzantine.share_per_mille) / 1_000;
            for _ in 0..share.max(1) {
                // One host always stays honest.
                if hosts.len() > 1
                    && let Some(host) = hosts.pop()
                {
                    adversaries.insert(host, Self::new(byzantine.attack));
                }
            }
        }
        adversaries
    }

    /// Returns true if it has hash power. A host that forges blocks does so when its turn comes: a
    /// forged block costs as much as any other. A host that serves no bodies has no hash power. It
    /// would withhold its own blocks, and that is another attack.
    pub(super) fn mines(&self) -> bool {
        !matches!(self.attack, Attack::Silent | Attack::Stalling | Attack::HeaderFlooder)
    }

    /// Returns true if it forges a block when its turn comes.
    pub(super) fn forges(&self) -> bool {
        matches!(self.attack, Attack::InvalidChain | Attack::WithheldBody)
    }

    /// Returns true if it attacks from time to time, without being asked.
    pub(super) fn is_active(&self) -> bool {
        matches!(self.attack, Attack::HeaderFlooder | Attack::Eclipse)
    }

    /// Notes that it mined a block. A selfish host starts to withhold.
    pub(super) fn mined(&mut self) {
        self.hoards = self.attack == Attack::Selfish;
    }

    /// Returns true if a frame of the node may be sent.
    pub(super) fn lets_out(&mut self, kind: FrameKind, end: LinkEnd, frame: &Bytes) -> bool {
        match self.attack {
            Attack::Silent => {
                matches!(
                    kind,
                    FrameKind::Greeting
                        | FrameKind::Proof
                        | FrameKind::Ping
                        | FrameKind::Request
                        | FrameKind::Farewell
                )
            }
            Attack::Stalling => {
                !matches!(kind, FrameKind::Headers | FrameKind::Body | FrameKind::Parts | FrameKind::Answer)
            }
            Attack::Selfish
                if self.hoards && matches!(kind, FrameKind::Announce | FrameKind::Held | FrameKind::Body) =>
            {
                self.held_back.push((end, frame.clone()));
                false
            }
            Attack::Selfish
            | Attack::InvalidChain
            | Attack::WithheldBody
            | Attack::LatencyLiar
            | Attack::CertificateLiar
            | Attack::HeaderFlooder
            | Attack::Eclipse => true,
        }
    }

    pub(super) fn forge(&mut self, hash: Hash, body: Option<Bytes>) {
        if self.forged.len() == FORGED_MAX {
            self.forged = self.forged.split_off(&Hash::from_bytes([0x80; 32]));
        }
        self.forged.insert(hash, body);
    }
}
