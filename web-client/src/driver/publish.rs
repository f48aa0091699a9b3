//! The updates for the page: the status of the node and of the miners, sent when they change.

use plexus_core::ledger::chain::ChainEntry;
use plexus_core::ledger::hash_rate::NetworkHashRate;
use plexus_core::node::PeerView;
use plexus_core::peers::outbound_slots::OutboundKind;
use plexus_core::primitives::message::{RECIPIENT_BYTES_MAX, TEXT_BYTES_MAX};
use plexus_core::primitives::time::Now;

use super::{Driver, MINING_PERIOD};
use crate::browser::clock;
use crate::chain_view::reorg::{Tip, Undone};
use crate::messages::{ConnectedPeerView, Mining, NetworkView, NodeState, Phase, Update};

/// The reason for the connection to the node that the page was given.
const HOME: &str = "home";
/// The trouble of a tab whose peers all have another chain than the one that this program knows.
const UNKNOWN_CHAIN: &str = "no peer has the chain that this program knows";

impl Driver {
    /// Tells the page the changes of the status.
    pub(super) fn show(&mut self, now: Now) {
        let state = self.state(now);
        if state.phase == Phase::Live {
            self.show_reorg(now);
        }
        if self.standing.told.as_ref() != Some(&state) {
            self.page.update(&Update::State(&state));
            self.standing.told = Some(state);
        }
        self.show_mining(now);
    }

    fn astray(&self) -> Option<Undone> {
        let chain = self.node.chain();
        self.view.feed.astray(chain.tip().header.height, |height| chain.best_at(height).copied())
    }

    /// Tells the page that its chain was replaced by another, if it was.
    fn show_reorg(&mut self, now: Now) {
        // A page that closed in the middle of a reorganisation has stored the other chain. It may
        // have stored nothing about the undone blocks.
        if !core::mem::replace(&mut self.standing.compared, true) {
            while let Some(astray) = self.astray() {
                self.undone(now, astray);
            }
        }
        let chain = self.node.chain();
        let ChainEntry { hash, header, total_work } = chain.tip();
        let holds = Tip { height: header.height, hash, total_work };
        if let Some(words) = self.view.reorgs.settle(now.time, holds, |height| chain.best_at(height).copied())
        {
            self.page.notice(true, words);
        }
    }

    /// Blocks left the best chain. The messages that were sent from here and were in them wait
    /// again.
    pub(super) fn undone(&mut self, now: Now, undone: Undone) {
        self.view.feed.undone(&undone.hashes);
        for message in self.view.sent.undone(&undone.hashes) {
            // It waits in the mempool already if the node had its block at hand.
            let _ = self.node.submit(now, message);
        }
        // It may be in a block of the other branch that is not asked for.
        self.standing.looked_up = false;
        self.view.reorgs.undone(undone);
        self.drain();
    }

    fn state(&self, now: Now) -> NodeState {
        let status = self.node.status(now);
        let is_checking = status.syncing || status.unknown_chain;
        let phase = match (status.peers, self.standing.lost, is_checking) {
            (0, false, _) => Phase::Connecting,
            (0, true, _) => Phase::Offline,
            (_, _, true) => Phase::Syncing,
            (_, _, false) => Phase::Live,
        };
        let retry = self.node.redial().filter(|_| phase == Phase::Offline);
        let tip = self.node.chain().tip().header;
        let pace = NetworkHashRate::of(self.node.chain());
        let until = |ms| u64::try_from(ms).unwrap_or(u64::MAX);
        NodeState {
            phase,
            node: self.connections.home.to_string(),
            network: Some(NetworkView {
                name: self.network.name().to_owned(),
                id: *self.network.id(),
                spacing_ms: self.network.parameters().spacing_ms,
            }),
            height: status.height,
            tip: Some(status.tip),
            tip_unix_ms: (tip.height > 0).then(|| tip.time.unix_ms()),
            interval_ms: pace.map(|pace| pace.interval_ms),
            network_hash_rate: pace.map(|pace| pace.hashes_per_s.to_string()),
            proof: self.standing.proof,
            target: status.target.max(status.height),
            total_work: status.total_work,
            young: status.young,
            difficulty: status.difficulty,
            peers: self.peers(now),
            pool: status.pool,
            trouble: match status.unknown_chain {
                true => Some(UNKNOWN_CHAIN.to_owned()),
                false => self.standing.trouble.clone(),
            },
            retry_unix_ms: retry.map(|at| now.time.plus_ms(until((at - now.moment).as_millis())).unix_ms()),
            kept: self.storage.keeps_chain(),
            recipient_bytes_max: RECIPIENT_BYTES_MAX,
            text_bytes_max: TEXT_BYTES_MAX,
        }
    }

    /// Returns the nodes that this one is connected to, the user's own first.
    fn peers(&self, now: Now) -> Vec<ConnectedPeerView> {
        let peers = self.node.peers(now).into_iter();
        let view = |peer: PeerView| {
            let address = peer.role.and(peer.outbound)?;
            let kind = if address == self.connections.home { HOME } else { peer.slot?.name() };
            Some(ConnectedPeerView {
                address: address.to_string(),
                kind,
                latency_ms: peer.latency_ms.map(|latency| (latency * 10.0).round() / 10.0),
                agreement: peer.agreement,
            })
        };
        let mut peers: Vec<_> =
            peers.filter(|peer| peer.slot != Some(OutboundKind::Feeler)).filter_map(view).collect();
        if let Some(home) = peers.iter().position(|peer| peer.kind == HOME) {
            peers[..=home].rotate_right(1);
        }
        peers
    }

    /// Shows the hash rate, which changes all the time. It is shown twice a second, and at once
    /// when another value changes.
    fn show_mining(&mut self, now: Now) {
        let Some(state) = &self.standing.told else { return };
        let hash_rate = self.mining.rate.per_second(clock::milliseconds()).round();
        #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
        let difficulty = state.difficulty.parse::<u128>().unwrap_or(0) as f64;
        let (active, settings) = (self.mining.job.is_some(), self.mining.settings);
        let mining = Mining {
            wanted: self.mining.wanted,
            active,
            waiting: (self.mining.wanted && !active).then(|| waiting(self.mining.pause(), state)),
            threads: settings.threads,
            percent: settings.percent,
            pauses_hidden: settings.pauses_hidden,
            pauses_on_battery: settings.pauses_on_battery,
            hash_rate,
            expected_ms: (hash_rate > 0.0).then(|| difficulty / hash_rate * 1_000.0),
            found: self.mining.found,
        };
        let same = |told: &Mining| {
            *told == Mining { hash_rate: told.hash_rate, expected_ms: told.expected_ms, ..mining.clone() }
        };
        let is_news = match &self.mining.told {
            None => true,
            Some((_, told)) if !same(told) => true,
            Some((at, told)) => now.moment - *at >= MINING_PERIOD && *told != mining,
        };
        if is_news {
            self.page.update(&Update::Mining(&mining));
            self.mining.told = Some((now.moment, mining));
        }
    }
}

/// Returns the reason for which no job is searched although mining is wanted.
fn waiting(pause: Option<&'static str>, state: &NodeState) -> String {
    if let Some(pause) = pause {
        return pause.to_owned();
    }
    match state.phase {
        Phase::Connecting | Phase::Offline => {
            "Waiting for a connection: a block that nobody hears of is in vain.".to_owned()
        }
        Phase::Syncing => {
            format!("Waiting until the chain is checked: {} of {}.", state.height, state.target)
        }
        Phase::Live => "Preparing a block.".to_owned(),
    }
}
