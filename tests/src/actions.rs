//! The actions and checks of scenarios in a world: mining, writing, and the state afterwards.

use plexus_core::mining::job::Solution;
use plexus_core::mining::search::Search;
use plexus_core::node::event::Event;
use plexus_core::node::{ConnectionId, Input, SubmitError};
use plexus_core::primitives::block::Block;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::message::{Message, MessageId};
use plexus_core::protocol::misbehavior::{Misbehavior, Reason};

use crate::actor::Actor;
use crate::block_builder;
use crate::scenario::Scenario;

/// The most tries of a search: a million times the expected number on the development network.
const TRIES_MAX: u64 = 1 << 28;
/// The time in which a node makes a job, or a block from its solution, in milliseconds.
const MINING_MS: u64 = 20;
/// The time in which a node clears a message for mining, in milliseconds.
const POOLING_MS: u64 = 5;

impl Scenario {
    /// Starts or stops a node's mining. Nothing is searched until [`Scenario::mine`].
    pub fn set_mining(&mut self, party: Actor, mining: bool) {
        let now = self.now(party);
        let host = self.host_mut(party);
        host.node.as_mut().expect("a node that runs").set_mining(now, mining);
        let outputs = host.drain(now);
        self.carry_out(party, outputs);
    }

    /// Returns a solution of a mining node's job.
    pub fn solve(&self, party: Actor) -> Option<Solution> {
        Search::new(self.host(party).job.as_ref()?, 0).run(TRIES_MAX)
    }

    /// Makes a node mine one block. Returns its hash.
    pub fn mine(&mut self, party: Actor) -> Hash {
        let mined = self.host(party).job.is_some();
        self.set_mining(party, true);
        if self.host(party).job.is_none() {
            self.elapse(MINING_MS);
        }
        let before = self.height(party);
        let solution = self.solve(party).expect("a synchronized node that mines has a job");
        self.tell(party, Input::Solved(solution));
        if self.height(party) == before {
            self.elapse(MINING_MS);
        }
        assert_eq!(self.height(party), before + 1, "a solution makes a block");
        self.set_mining(party, mined);
        self.tip(party)
    }

    /// Makes a node mine some blocks, a second apart. Returns their hashes.
    pub fn mine_blocks(&mut self, party: Actor, count: usize) -> Vec<Hash> {
        (0..count)
            .map(|_| {
                self.elapse(1_000);
                self.mine(party)
            })
            .collect()
    }

    /// Submits a message to a node, as its users do. Returns its id.
    ///
    /// # Errors
    /// The reason that it is refused.
    pub fn submit(&mut self, party: Actor, message: Message) -> Result<MessageId, SubmitError> {
        let now = self.now(party);
        let host = self.host_mut(party);
        let outcome = host.node.as_mut().expect("a node that runs").submit(now, message);
        let outputs = host.drain(now);
        self.carry_out(party, outputs);
        outcome
    }

    /// Submits a message that the node accepted in an earlier run.
    ///
    /// # Errors
    /// The reason that it is refused.
    pub fn resubmit(&mut self, party: Actor, message: Message) -> Result<MessageId, SubmitError> {
        let now = self.now(party);
        let host = self.host_mut(party);
        let outcome = host.node.as_mut().expect("a node that runs").resubmit(now, message);
        let outputs = host.drain(now);
        self.carry_out(party, outputs);
        outcome
    }

    /// Writes a message as a node's user. Returns its id. Asserts that the node accepts it.
    pub fn write(&mut self, party: Actor, text: &str) -> MessageId {
        let message =
            block_builder::message(&self.network, &self.host(party).name, text, self.now(party).time);
        let id = self.submit(party, message).expect("an honest message is taken");
        // The node looks for the message in its store before it may mine it.
        self.elapse(POOLING_MS);
        id
    }

    /// Returns the blocks of a node's best chain, as stored, without genesis.
    pub fn blocks(&self, party: Actor) -> Vec<Block> {
        let journal = &self.host(party).journal;
        let body = |hash| Block::decode(journal.body(hash).expect("a stored block")).unwrap();
        journal.best()[1..].iter().map(body).collect()
    }

    /// Returns the number of times that a message is in a node's best chain.
    pub fn mined(&self, party: Actor, id: &MessageId) -> usize {
        let ids = self.blocks(party).into_iter().flat_map(|block| block.messages);
        ids.filter(|message| message.id(self.network.id()) == *id).count()
    }

    /// Returns true if a message is in a node's mempool.
    pub fn pooled(&self, party: Actor, id: &MessageId) -> bool {
        self.node(party).pooled(id).is_some()
    }

    /// Returns the events that a node reported.
    pub fn events(&self, party: Actor) -> impl DoubleEndedIterator<Item = &Event> {
        self.host(party).events.iter()
    }

    /// Returns the reasons with which a node closed a link.
    pub fn closes(&self, party: Actor, peer: ConnectionId) -> Vec<&Reason> {
        let closes = self.host(party).closes.iter();
        closes.filter(|(closed, _)| *closed == peer).map(|(_, reason)| reason).collect()
    }

    /// Returns the fault for which a node closed a link. Asserts that it closed the link once.
    pub fn fault(&self, party: Actor, peer: ConnectionId) -> Misbehavior {
        match self.closes(party, peer)[..] {
            [Reason::Fault(fault)] => fault.clone(),
            ref other => panic!("expected one fault, found {other:?}"),
        }
    }

    /// Asserts that a node keeps a link.
    pub fn assert_open(&self, party: Actor, peer: ConnectionId) {
        assert_eq!(self.closes(party, peer), Vec::<&Reason>::new());
        assert!(
            self.node(party).peers(self.now(party)).iter().any(|view| view.id == peer),
            "the link is gone"
        );
    }

    /// Asserts that nodes have the same tip.
    pub fn assert_agree(&self, parties: &[Actor]) {
        let tips: Vec<_> = parties.iter().map(|party| (self.height(*party), self.tip(*party))).collect();
        assert!(tips.windows(2).all(|pair| pair[0] == pair[1]), "different tips: {tips:?}");
    }

    /// Asserts that no node found a fault in another, in a world of honest nodes.
    pub fn assert_no_faults(&self) {
        for host in self.hosts() {
            assert_eq!(
                host.faults(),
                Vec::<&Misbehavior>::new(),
                "{} finds fault with an honest node",
                host.name
            );
        }
    }
}

impl Drop for Scenario {
    /// Prints the seed of a failed world, for replaying it. Audits any other world.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.trace().for_each(|line| eprintln!("{line}"));
            let roles: Vec<_> = self.hosts().iter().map(|host| (&host.name, host.config.role)).collect();
            eprintln!("hosts, in the order of their numbers: {roles:?}");
            eprintln!("SEED={}", self.seed());
        } else {
            self.hosts().iter().for_each(|host| host.audit(&self.network));
        }
    }
}
