//! The operator's queries, by the admin socket.

use super::Driver;
use crate::driver::event::AdminQuery;

impl Driver {
    pub(super) fn administer(&mut self, query: AdminQuery) {
        let now = self.clock.now();
        match query {
            AdminQuery::AddPeer(address, asker) => {
                let added = self.node.add_peer(now, address);
                self.drain();
                self.reply(asker, added);
            }
            AdminQuery::DropPeer(peer, asker) => {
                let dropped = self.node.drop_peer(now, peer);
                self.drain();
                self.reply(asker, dropped);
            }
            AdminQuery::Ban(target, length, asker) => {
                let closed = self.node.ban(now, target, length);
                self.drain();
                self.reply(asker, closed);
            }
            AdminQuery::Unban(target, asker) => {
                let ended = self.node.unban(now, &target);
                self.reply(asker, ended);
            }
            AdminQuery::Bans(asker) => self.reply(asker, self.node.bans(now)),
            AdminQuery::MiningThreads(asker) => {
                let threads = self.miner.threads();
                self.reply(asker, threads);
            }
            AdminQuery::SetThreads(threads, asker) => {
                let changed = self.miner.set_threads(threads);
                self.reply(asker, changed);
            }
        }
    }
}
