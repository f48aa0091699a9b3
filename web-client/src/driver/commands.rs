//! The user's commands: messages, mining and the key that signs. It also looks up messages that
//! waited while the page was closed.

use plexus_core::node::SubmitError;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::identity::Identity;
use plexus_core::primitives::least_stamp::least_stamp_work;
use plexus_core::primitives::message::{Draft, MessageId};
use plexus_core::primitives::pow::Work;
use plexus_core::primitives::time::Now;

use super::Driver;
use super::storage::MINING_SETTINGS;
use crate::browser::database::Write;
use crate::keys::keyring::Keyring;
use crate::messages::{NodeState, Update, UserError};
use crate::mining::settings::{MiningSettings, PowerState};

/// The answer to a message that was handed in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Submitted {
    /// It waits for a block.
    Waiting(MessageId),
    /// The mempool is full, and would take it with a stamp of this work.
    Asks(Work),
}

impl Driver {
    /// Begins a message. Returns its content, and the id that its stamp is for.
    pub(crate) fn draft(
        &self,
        now: Now,
        recipient: String,
        text: String,
    ) -> Result<(Draft, MessageId), UserError> {
        let sender = self.keys.signer().map_err(UserError::because)?.public();
        let draft = Draft::new(sender, recipient, text, now.time).map_err(UserError::because)?;
        let id = draft.id(self.network.id());
        Ok((draft, id))
    }

    /// Signs a message and sends it, unless the key that began it does not sign any more.
    pub(crate) fn submit(&mut self, now: Now, draft: Draft, stamp: u64) -> Result<Submitted, UserError> {
        self.view.sent.make_room().map_err(UserError::because)?;
        let secret = self.keys.signer().map_err(UserError::because)?.secret();
        if secret.public() != *draft.sender() {
            return Err(UserError::because("another key was chosen meanwhile"));
        }
        let message = draft.sign(secret, self.network.id(), stamp);
        match self.node.submit(now, message.clone()) {
            Ok(id) => {
                self.view.sent.add(id, &message);
                self.drain();
                Ok(Submitted::Waiting(id))
            }
            Err(error) => match error.least_stamp_work() {
                Some(least) => Ok(Submitted::Asks(least)),
                None => Err(UserError::because(error)),
            },
        }
    }

    /// Returns the least work of a stamp for a message.
    pub(crate) fn least_stamp_work(&self, draft: &Draft) -> Work {
        least_stamp_work(&self.network, draft.size())
    }

    /// Mines with these settings, as soon as the chain is checked.
    pub(crate) fn mine(&mut self, now: Now, settings: MiningSettings) -> Result<(), UserError> {
        self.mining.settings = settings.checked()?;
        let signer = self.keys.signer().map_err(UserError::because)?.clone();
        self.mining.wanted = true;
        self.storage.put(Write::Put(MINING_SETTINGS.to_owned(), settings.encode()));
        if let Some(job) = &self.mining.job {
            self.page.search(Some(&job.encode()), settings.threads, settings.percent);
        }
        if self.mining.author != Some(signer.public()) {
            self.become_author(now, Some(&signer));
        }
        self.direct_miners(now);
        Ok(())
    }

    /// The machine's power state changed.
    pub(crate) fn find(&mut self, now: Now, power: PowerState) {
        self.mining.power = power;
        self.direct_miners(now);
    }

    /// Makes the node begin or stop making jobs.
    fn direct_miners(&mut self, now: Now) {
        self.node.set_mining(now, self.mining.may_search());
        self.drain();
    }

    /// Stops mining.
    pub(crate) fn stop_mining(&mut self, now: Now) {
        self.mining.wanted = false;
        self.direct_miners(now);
    }

    /// Returns the user's keys.
    pub(crate) fn keys(&mut self) -> &mut Keyring {
        &mut self.keys
    }

    /// The keys changed. Tells the page. Stops the node from mining for a key that does not sign
    /// any more.
    pub(crate) fn keys_changed(&mut self, now: Now) {
        self.page.update(&Update::Keys(&self.keys.views()));
        let signer = self.keys.signer().ok().cloned();
        let is_author =
            self.mining.author.is_none() || self.mining.author == signer.as_ref().map(Identity::public);
        if is_author {
            return;
        }
        let goes_on = signer.filter(|_| self.mining.wanted);
        if goes_on.is_none() {
            self.mining.wanted = false;
        }
        self.become_author(now, goes_on.as_ref());
        self.direct_miners(now);
    }

    /// Changes the key of the node's blocks.
    fn become_author(&mut self, now: Now, identity: Option<&Identity>) {
        self.mining.author = identity.map(Identity::public);
        self.node.set_author(now, identity.map(Identity::secret).cloned());
    }

    /// Returns messages that wait, if it is time to look up whether blocks included them meanwhile.
    pub(crate) fn unsure(&mut self) -> Vec<MessageId> {
        let status = self.standing.told.as_ref().is_some_and(NodeState::is_live);
        if !status || core::mem::replace(&mut self.standing.looked_up, true) {
            return Vec::new();
        }
        self.view.sent.pending()
    }

    /// Processes the node's answer about a message that waits. It is in a block of our chain, or is
    /// to be sent again.
    pub(crate) fn looked_up(&mut self, now: Now, id: &MessageId, place: Option<(u64, Hash)>) {
        let chain = self.node.chain();
        let tip = chain.tip().header.height;
        // Within the window our own chain decides. Below it, the height must not be above the tip.
        let fits = |(height, hash): &(u64, _)| {
            *height <= tip && chain.best_at(*height).is_none_or(|best| best == hash)
        };
        if let Some((height, hash)) = place.filter(fits) {
            return self.view.sent.located(id, height, hash);
        }
        if self.node.pooled(id).is_none()
            && let Some(message) = self.view.sent.message(id)
        {
            match self.node.resubmit(now, message) {
                Ok(_) | Err(SubmitError::Known { .. } | SubmitError::Time { .. }) => {}
                Err(error) => self.page.notice(true, format!("A message waits and cannot be sent: {error}")),
            }
            self.drain();
        }
    }
}
