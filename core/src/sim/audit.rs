//! The final audit: connected honest nodes agree, their stores restore, and every block in them
//! follows the rules.

use std::collections::{BTreeMap, BTreeSet};

use super::violation::Invariant;
use super::world::World;
use crate::ledger::validation;
use crate::primitives::block::Block;
use crate::primitives::hash::Hash;
use crate::primitives::message::MessageId;
use crate::primitives::mmr::Mmr;

/// The most hosts whose stores are restored and compared. In a larger network they are random.
const RESTORED_MAX: usize = 256;

impl World {
    /// Returns the honest hosts that are up, grouped into components that are connected through
    /// honest hosts.
    pub(super) fn components(&self) -> Vec<Vec<u32>> {
        let mut seen = vec![false; self.hosts.len()];
        let honest = |host: u32| {
            let host = &self.hosts[host as usize];
            host.node.is_some() && host.is_honest()
        };
        let mut components = Vec::new();
        for first in 0..self.setup.nodes {
            if seen[first as usize] || !honest(first) {
                continue;
            }
            seen[first as usize] = true;
            let (mut component, mut next) = (vec![first], 0);
            while let Some(&host) = component.get(next) {
                next += 1;
                for end in &self.hosts[host as usize].ends {
                    let link = &self.transport.links[end.link()];
                    let other = link.hosts[1 - end.side()];
                    let whole = link.open == [true; 2];
                    if whole && honest(other) && !core::mem::replace(&mut seen[other as usize], true) {
                        component.push(other);
                    }
                }
            }
            components.push(component);
        }
        components
    }

    /// Returns two connected honest hosts that do not agree, if there are any.
    pub(super) fn find_dissent(&self) -> Option<(u32, u32)> {
        let dissent = |component: &Vec<u32>| {
            let (first, rest) = component.split_first()?;
            let tip = self.hosts[*first as usize].tip;
            let other = rest.iter().find(|host| self.hosts[**host as usize].tip != tip)?;
            Some((*first, *other))
        };
        self.components().iter().find_map(dissent)
    }

    /// Returns the chain of the largest connected part of the honest hosts.
    pub(super) fn final_chain(&self) -> BTreeSet<Hash> {
        let components = self.components();
        let largest = components.iter().max_by_key(|component| component.len());
        let chain = largest.and_then(|component| component.first());
        chain
            .map(|host| self.hosts[*host as usize].store.best(&self.shared.archive).copied().collect())
            .unwrap_or_default()
    }

    /// Restores the hosts' stores, and checks each distinct chain from genesis on.
    pub(super) fn audit(&mut self) {
        let mut order: Vec<u32> =
            (0..self.setup.nodes).filter(|host| self.hosts[*host as usize].is_honest()).collect();
        self.transport.rng.shuffle(&mut order);
        for &host in order.iter().take(RESTORED_MAX) {
            let this = &self.hosts[host as usize];
            let what = match this.store.journal(&self.shared.archive).restore(self.network.clone()) {
                Ok(chain) if chain.tip().hash == this.tip => continue,
                Ok(chain) => format!("restores to the tip {}, not {}", chain.tip().hash, this.tip),
                Err(error) => error.to_string(),
            };
            return self.violate(Some(host), Invariant::Journal, || what);
        }
        let mut tips = BTreeMap::new();
        for host in order {
            tips.entry(self.hosts[host as usize].tip).or_insert(host);
        }
        for host in tips.into_values() {
            if let Err(what) = self.audit_chain(host) {
                return self.violate(Some(host), Invariant::Rule, || what);
            }
        }
    }

    fn audit_chain(&self, host: u32) -> Result<(), String> {
        let network = &self.network;
        let journal = self.hosts[host as usize].store.journal(&self.shared.archive);
        let mut history = Mmr::default().append(network.genesis().record(*network.id()));
        let (mut parent, mut parent_hash) = (*network.genesis(), *network.id());
        let mut known: BTreeSet<MessageId> = BTreeSet::new();
        for hash in journal.best().iter().skip(1) {
            let Some((header, work)) = journal.header(hash) else { return Err(format!("lacks {hash}")) };
            let mut failures = validation::check_header(network, &parent, &parent_hash, header, hash);
            let body = journal.body(hash).and_then(|body| Block::decode(body).ok());
            let Some(block) = body else { return Err(format!("lacks the body of {hash}")) };
            let root = history.root();
            failures.extend(validation::check_contents(network, &root, &block));
            if let Some(failure) = failures.first() {
                return Err(format!("block {hash}: {failure}"));
            }
            if !block
                .author
                .verifies(&block.digest(network.id(), &root, &block.messages_root()), &block.signature)
            {
                return Err(format!("block {hash}: not signed by its author"));
            }
            for message in &block.messages {
                let id = message.id(network.id());
                if !message.sender().verifies(&id, message.signature()) || !known.insert(id) {
                    return Err(format!("block {hash}: message {id} is forged or there twice"));
                }
            }
            history = history.append(header.record(*hash));
            if history.work() != *work {
                return Err(format!("block {hash}: another total work"));
            }
            (parent, parent_hash) = (*header, *hash);
        }
        Ok(())
    }
}
