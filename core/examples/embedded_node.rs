//! A node inside another program: it mines blocks on the dev network, on a clock that jumps, and
//! prints them. It has no peers, no disk and no threads.
//!
//! `cargo run -p plexus-core --example embedded_node`

use std::collections::VecDeque;
use std::error::Error;

use plexus_core::mining::job::{Job, Solution};
use plexus_core::mining::search::Search;
use plexus_core::node::Neighbours;
use plexus_core::node::storage::Journal;
use plexus_core::primitives::message::Draft;
use plexus_core::primitives::time::{MonotonicTime, Now};
use plexus_core::protocol::packet::Role;
use plexus_core::{Chain, Config, Event, Input, Network, Node, Output, SecretKey};

/// The number of blocks to mine.
const BLOCKS: u64 = 5;
/// The tries of a slice. Between two slices, a driver with threads looks for a newer job.
const SLICE: u64 = 1 << 12;

fn main() -> Result<(), Box<dyn Error>> {
    let network = Network::dev();
    // A real driver draws the key and the seed at random, and reads two clocks.
    let key = SecretKey::from_bytes(&[7; 32])?;
    let mut now = Now { time: network.genesis().time, moment: MonotonicTime::default() };
    let config = Config::new(Role::Full, key.clone(), key.clone());
    let config = Config { mining: true, neighbours: Neighbours::Given, ..config };
    let mut node = Node::new(config, Chain::new(network.clone()), [1; 32]);
    let (mut store, mut job) = (Journal::new(&network), None);

    let draft = Draft::new(key.public(), "everyone", "hello", now.time)?;
    node.submit(now, draft.sign_stamped(&key, &network))?;
    while node.chain().tip().header.height < BLOCKS {
        carry_out(&mut node, &mut store, &mut job, now);
        // Sleep until the node's deadline. Here the clock jumps instead.
        if let Some((at, _)) = node.deadline().filter(|(at, _)| *at > now.moment) {
            let slept = u64::try_from((at - now.moment).as_millis())?;
            now = Now { time: now.time.plus_ms(slept), moment: at };
        }
        let input = job.take().map_or(Input::Ticked, |job| Input::Solved(solve(&job)));
        node.handle(now, input);
    }
    carry_out(&mut node, &mut store, &mut job, now);
    println!("{} blocks are stored", store.best().len());
    Ok(())
}

/// Carries out all outputs, in order, and the inputs that they lead to.
fn carry_out(node: &mut Node, store: &mut Journal, job: &mut Option<Box<Job>>, now: Now) {
    let mut inputs = VecDeque::new();
    loop {
        while let Some(output) = node.poll() {
            match output {
                Output::Persist(changes) => store.apply(&changes),
                Output::Verify(batch) => {
                    let result = batch.answer(|index, id| store.seen(index, id));
                    inputs.push_back(Input::Verified(result));
                }
                Output::Recall(query) => inputs.push_back(Input::Recalled(store.recall(&query))),
                Output::Mine(next) => *job = next,
                Output::Tell(event) => print(&event),
                // These are for nodes with peers.
                Output::Send(..) | Output::Serve(..) | Output::Close(..) | Output::Dial(_) => {}
            }
        }
        let Some(input) = inputs.pop_front() else { return };
        node.handle(now, input);
    }
}

fn solve(job: &Job) -> Solution {
    let mut search = Search::new(job, 0);
    loop {
        if let Some(solution) = search.run(SLICE) {
            return solution;
        }
    }
}

fn print(event: &Event) {
    if let Event::Connected { hash, block, total_work, .. } = event {
        println!("{} {hash} at {}, work {total_work}", block.header.height, block.header.time);
        for message in &block.messages {
            println!("  {message}");
        }
    }
}
