use bytes::Bytes;

use super::*;
use crate::mining::job::Job;
use crate::mining::search::Search;
use crate::node::event::Event;
use crate::node::storage::{Journal, PeerRequest};
use crate::primitives::block::BLOCK_BYTES_MAX;
use crate::primitives::params::Network;
use crate::protocol::misbehavior::{Misbehavior, Reason};

/// Two nodes, their journals, and a connection between them without delay.
struct NodePair {
    nodes: Vec<(Node, Journal)>,
    now: Now,
    jobs: Vec<Option<Job>>,
    told: Vec<Vec<Event>>,
}

impl NodePair {
    fn new(roles: &[Role]) -> Self {
        let network = Network::dev();
        let now =
            Now { time: network.genesis().time.plus_ms(1_000_000), moment: MonotonicTime::from_micros(1) };
        let node = |(index, role): (usize, &Role)| {
            let seed = [u8::try_from(index).unwrap() + 1; 32];
            let key = SecretKey::from_bytes(&seed).unwrap();
            let config = Config { neighbours: Neighbours::Given, ..Config::new(*role, key.clone(), key) };
            (Node::new(config, Chain::new(network.clone()), seed), Journal::new(&network))
        };
        let nodes: Vec<_> = roles.iter().enumerate().map(node).collect();
        let count = nodes.len();
        Self { nodes, now, jobs: vec![None; count], told: vec![Vec::new(); count] }
    }

    /// Connects two nodes. The peer's number is the index of its node.
    fn connect(&mut self, a: usize, b: usize) {
        let address: Address = "host:1".parse().unwrap();
        self.give(a, Input::Connected(ConnectionId(b as u64), Direction::Outbound(address)));
        self.give(b, Input::Connected(ConnectionId(a as u64), Direction::Inbound(None)));
        self.settle();
    }

    fn give(&mut self, to: usize, input: Input) {
        self.nodes[to].0.handle(self.now, input);
    }

    fn settle(&mut self) {
        while (0..self.nodes.len()).any(|index| self.step(index)) {}
    }

    fn step(&mut self, index: usize) -> bool {
        let mut any = false;
        while let Some(output) = self.nodes[index].0.poll() {
            any = true;
            let from = ConnectionId(index as u64);
            let send = |pair: &mut Self, to: ConnectionId, frame: Bytes| {
                pair.give(usize::try_from(to.0).unwrap(), Input::Received(from, frame));
            };
            match output {
                Output::Send(to, frame) => send(self, to, frame),
                Output::Close(to, reason) => {
                    self.give(usize::try_from(to.0).unwrap(), Input::Closed(from));
                    panic!("node {index} closed {to:?}: {reason}");
                }
                Output::Dial(_) => {}
                Output::Persist(changes) => self.nodes[index].1.apply(&changes),
                Output::Verify(batch) => {
                    let verdict = batch.answer(|place, id| self.nodes[index].1.seen(place, id));
                    self.give(index, Input::Verified(verdict));
                }
                Output::Recall(recall) => {
                    let recalled = self.nodes[index].1.recall(&recall);
                    self.give(index, Input::Recalled(recalled));
                }
                Output::Serve(to, PeerRequest::Headers(locator)) => {
                    let headers = self.nodes[index].1.headers_after(&locator);
                    let packet = crate::protocol::packet::Packet::Headers(
                        crate::protocol::bounded::BoundedVec::new(headers),
                    );
                    send(self, to, packet.encode());
                }
                Output::Serve(to, PeerRequest::Memory(answer)) => {
                    let max = self.nodes[index].0.chain().network().block_bytes_max();
                    answer.frames(max).for_each(|frame| send(self, to, frame));
                }
                Output::Serve(to, PeerRequest::Proof) => {
                    let network = self.nodes[index].0.chain().network().clone();
                    let proof = self.nodes[index].1.prove(&network).unwrap_or_default();
                    send(
                        self,
                        to,
                        crate::protocol::packet::Packet::Proof(crate::protocol::bounded::BoundedBytes::new(
                            proof,
                        ))
                        .encode(),
                    );
                }
                Output::Serve(to, PeerRequest::Bodies(hashes)) => {
                    for hash in hashes {
                        let body = self.nodes[index]
                            .1
                            .body(&hash)
                            .map(|body| crate::protocol::packet::body_frame(body));
                        send(
                            self,
                            to,
                            body.unwrap_or_else(|| crate::protocol::packet::Packet::Missing(hash).encode()),
                        );
                    }
                }
                Output::Mine(job) => self.jobs[index] = job.map(|job| *job),
                Output::Tell(event) => self.told[index].push(event),
            }
        }
        any
    }

    fn mine(&mut self, index: usize) {
        self.now.time = self.now.time.plus_ms(1_000);
        self.now.moment = self.now.moment + core::time::Duration::from_secs(1);
        self.nodes[index].0.set_mining(self.now, true);
        self.settle();
        let job = self.jobs[index].clone().expect("a job is out");
        let solution = Search::new(&job, 0).run(1 << 20).expect("2^8 tries are expected");
        self.give(index, Input::Solved(solution));
        self.nodes[index].0.set_mining(self.now, false);
        self.settle();
    }

    fn height(&self, index: usize) -> u64 {
        self.nodes[index].0.chain().tip().header.height
    }
}

#[test]
fn a_mined_block_with_a_message_reaches_the_other_node() {
    let mut pair = NodePair::new(&[Role::Full, Role::Full]);
    pair.connect(0, 1);
    let secret = SecretKey::from_bytes(&[9; 32]).unwrap();
    let draft =
        crate::primitives::message::Draft::new(secret.public(), "bob", "hello", pair.now.time).unwrap();
    let message = draft.sign_stamped(&secret, &Network::dev());
    let id = pair.nodes[0].0.submit(pair.now, message).unwrap();
    pair.settle();
    assert!(pair.nodes[1].0.pooled(&id).is_some());
    pair.mine(1);
    assert_eq!((pair.height(0), pair.height(1)), (1, 1));
    assert!(pair.nodes[0].0.pooled(&id).is_none());
    assert_eq!(pair.nodes[0].1.seen(0, &id).len(), 1);
    assert!(pair.nodes[0].1.pooled().next().is_none());
}

#[test]
fn a_new_author_ends_the_search_for_the_previous_ones_block() {
    let mut pair = NodePair::new(&[Role::Full, Role::Light]);
    pair.mine(0);
    pair.connect(0, 1);
    let secret = SecretKey::from_bytes(&[9; 32]).unwrap();
    pair.now.time = pair.now.time.plus_ms(1_000);
    let draft =
        crate::primitives::message::Draft::new(secret.public(), "bob", "hello", pair.now.time).unwrap();
    let id = pair.nodes[1].0.submit(pair.now, draft.sign_stamped(&secret, &Network::dev())).unwrap();
    pair.settle();
    pair.nodes[1].0.set_mining(pair.now, true);
    pair.settle();
    let job = pair.jobs[1].clone().expect("a job is out");
    let solution = Search::new(&job, 0).run(1 << 20).expect("2^8 tries are expected");
    pair.nodes[1].0.set_author(pair.now, Some(secret.clone()));
    pair.settle();
    pair.give(1, Input::Solved(solution));
    pair.settle();
    assert_eq!(pair.height(1), 1, "a block for the key that is locked");
    // The waiting message stays, and goes into the next block.
    pair.mine(1);
    let block = pair.nodes[0].1.body(&pair.nodes[0].0.chain().tip().hash).unwrap();
    let block = crate::primitives::block::Block::decode(block).unwrap();
    assert_eq!((block.author, block.messages.len()), (secret.public(), 1));
    assert!(pair.nodes[1].0.pooled(&id).is_none());
    pair.nodes[1].0.set_author(pair.now, None);
    pair.mine(1);
    let block = pair.nodes[0].1.body(&pair.nodes[0].0.chain().tip().hash).unwrap();
    assert_ne!(crate::primitives::block::Block::decode(block).unwrap().author, secret.public());
}

#[test]
fn a_new_node_and_a_light_one_catch_up() {
    let mut pair = NodePair::new(&[Role::Full, Role::Full, Role::Light]);
    for _ in 0..300 {
        pair.mine(0);
    }
    pair.connect(0, 1);
    assert_eq!(pair.height(1), 300);
    pair.connect(2, 1);
    assert_eq!(pair.height(2), 300);
    pair.mine(2);
    assert_eq!((pair.height(0), pair.height(1), pair.height(2)), (301, 301, 301));
    let restored = pair.nodes[1].1.restore(Network::dev()).unwrap();
    assert_eq!(restored.tip(), pair.nodes[1].0.chain().tip());
    let light = pair.nodes[2].1.restore(Network::dev()).unwrap();
    assert_eq!(light.tip(), pair.nodes[1].0.chain().tip());
}

#[test]
fn the_heavier_branch_wins_and_messages_come_back() {
    let mut pair = NodePair::new(&[Role::Full, Role::Full]);
    let secret = SecretKey::from_bytes(&[9; 32]).unwrap();
    let draft =
        crate::primitives::message::Draft::new(secret.public(), "bob", "hello", pair.now.time).unwrap();
    let message = draft.sign_stamped(&secret, &Network::dev());
    let id = pair.nodes[0].0.submit(pair.now, message).unwrap();
    pair.settle();
    for _ in 0..5 {
        pair.mine(0);
    }
    for _ in 0..8 {
        pair.mine(1);
    }
    pair.connect(0, 1);
    assert_eq!(pair.nodes[0].0.chain().tip(), pair.nodes[1].0.chain().tip());
    assert_eq!(pair.height(0), 8);
    assert!(pair.told[0].iter().any(
        |event| matches!(event, Event::Undone { fork: 0, is_exact: true, hashes, .. } if hashes.len() == 5)
    ));
    assert!(pair.nodes[0].0.pooled(&id).is_some(), "the undone message waits again");
    pair.mine(1);
    assert!(pair.nodes[1].0.pooled(&id).is_none());
    assert_eq!(pair.nodes[1].1.restore(Network::dev()).unwrap().tip().header.height, 9);
}

#[test]
fn a_late_comer_gets_what_waits_once_it_is_synchronized() {
    let mut pair = NodePair::new(&[Role::Full, Role::Light]);
    for _ in 0..40 {
        pair.mine(0);
    }
    // Written long enough after the blocks whose bodies the late node does not download, so that
    // none of them contains it.
    pair.now.time = pair.now.time.plus_ms(60_000);
    let secret = SecretKey::from_bytes(&[9; 32]).unwrap();
    let draft =
        crate::primitives::message::Draft::new(secret.public(), "bob", "hello", pair.now.time).unwrap();
    let id = pair.nodes[0].0.submit(pair.now, draft.sign_stamped(&secret, &Network::dev())).unwrap();
    pair.settle();
    pair.connect(1, 0);
    assert!(pair.nodes[1].0.pooled(&id).is_some());
}

/// A node, and a scripted peer of it.
struct Scripted {
    node: Node,
    now: Now,
    job: Option<Job>,
}

const PEER: ConnectionId = ConnectionId(7);

impl Scripted {
    fn new() -> Self {
        let network = Network::dev();
        let now =
            Now { time: network.genesis().time.plus_ms(1_000_000), moment: MonotonicTime::from_micros(1) };
        let key = SecretKey::from_bytes(&[1; 32]).unwrap();
        let config = Config {
            mining: true,
            neighbours: Neighbours::Given,
            ..Config::new(Role::Full, key.clone(), key)
        };
        let mut scripted = Self { node: Node::new(config, Chain::new(network), [1; 32]), now, job: None };
        scripted.give(Input::Ticked);
        scripted
    }

    fn give(&mut self, input: Input) {
        self.node.handle(self.now, input);
        while let Some(output) = self.node.poll() {
            if let Output::Mine(job) = output {
                self.job = job.map(|job| *job);
            } else if let Output::Send(_, frame) = output {
                self.answer(&frame);
            } else if let Output::Close(_, reason) = output {
                assert_eq!(reason, Reason::Fault(Misbehavior::RequestTimeout { request: "get-bodies" }));
            }
        }
    }

    fn says(&mut self, packet: &crate::protocol::packet::Packet) {
        self.give(Input::Received(PEER, packet.encode()));
    }

    /// Lets the peer complete the handshake and answer pings, and do nothing more.
    fn answer(&mut self, frame: &[u8]) {
        use crate::protocol::packet::Packet;
        let packet = Packet::decode(frame, BLOCK_BYTES_MAX).unwrap();
        if let Packet::Hello(ours) = packet {
            let secret = SecretKey::from_bytes(&[9; 32]).unwrap();
            let (key, challenge) = (secret.public(), [9; 32]);
            let theirs = Packet::Hello(crate::protocol::packet::Hello { key, challenge, ..ours.clone() });
            let [signer, verifier] = [&theirs.encode()[..], frame].map(crate::primitives::hash::Hash::of);
            let digest = crate::protocol::handshake::digest(&ours.network, &signer, &verifier);
            let answer = secret.sign(&digest);
            self.says(&theirs);
            self.says(&Packet::Answer(answer));
        } else if let Packet::Ping(bytes) = packet {
            self.says(&Packet::Pong(bytes));
        }
    }

    /// Advances the time, and ticks the node whenever it is due.
    fn elapse(&mut self, duration: core::time::Duration) {
        let end = self.now.moment + duration;
        for _ in 0..10_000 {
            let Some((at, _)) = self.node.deadline().filter(|(at, _)| *at <= end) else {
                self.now.moment = end;
                return self.give(Input::Ticked);
            };
            self.now.moment = at.max(self.now.moment);
            self.give(Input::Ticked);
        }
        panic!("the node wants to be ticked for ever at {:?}", self.node.deadline());
    }
}

#[test]
fn headers_without_bodies_stop_no_miner_for_long() {
    use crate::ledger::chain::tests::branch;
    let mut story = Scripted::new();
    assert!(story.job.is_some());
    story.give(Input::Connected(PEER, Direction::Inbound(None)));
    let network = Network::dev();
    let headers = branch(&network, network.genesis(), NEAR_TIP_BLOCKS + 2, 1_000, 1);
    for header in &headers {
        story.says(&crate::protocol::packet::Packet::Announce(*header));
    }
    assert!(story.job.is_some(), "nobody says to have their bodies");
    story.says(&crate::protocol::packet::Packet::Held(headers[NEAR_TIP_BLOCKS + 1].hash()));
    assert!(story.job.is_none() && story.node.is_syncing(), "they are waited for");
    story.elapse(crate::sync::block_download::BODY_TIMEOUT * 4);
    assert!(story.job.is_none());
    story.elapse(crate::sync::headers::PATIENCE);
    let job = story.job.as_ref().expect("it was waited for long enough");
    assert_eq!(job.header.prev_hash, *network.id());
    story.elapse(crate::sync::headers::PATIENCE);
    assert_eq!(story.node.chain().best_header().hash, *network.id(), "nobody has them: they are forgotten");
    assert!(!story.node.is_syncing() && story.job.is_some());
}
