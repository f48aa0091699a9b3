//! What the person asks: messages, mining, the key; and what became of messages that waited while nobody looked.

use plexus_core::hash::Hash;
use plexus_core::key::PublicKey;
use plexus_core::message::{Draft, MessageId};
use plexus_core::node::{Input, Output, SubmitError};
use plexus_core::time::Now;

use super::{Driver, EFFORT, KEY, Standing, start};
use crate::database::Write;
use crate::effort::{Circumstances, Effort};
use crate::form::{Refusal, State, Update};
use crate::identity::Identity;

impl Driver {
    /// Signs a message and sends it.
    pub(crate) fn submit(&mut self, now: Now, recipient: &str, text: &str) -> Result<MessageId, Refusal> {
        self.sent.make_room().map_err(Refusal::because)?;
        let secret = self.identity.secret();
        let draft = Draft::new(secret.public(), recipient, text, now.time).map_err(Refusal::because)?;
        let message = draft.sign(secret, self.network.id(), 0);
        let id = self.node.submit(now, message.clone()).map_err(Refusal::because)?;
        self.sent.add(id, &message);
        self.drain();
        Ok(id)
    }

    /// Mines with so much effort, as soon as the chain is checked.
    pub(crate) fn mine(&mut self, now: Now, effort: Effort) -> Result<(), Refusal> {
        self.mining.effort = effort.checked()?;
        self.mining.wanted = true;
        self.writes.push(Write::Put(EFFORT.to_owned(), effort.encode()));
        if let Some(job) = &self.mining.job {
            self.page.search(Some(&job.encode()), effort);
        }
        self.direct_miners(now);
        Ok(())
    }

    /// The machine's circumstances changed.
    pub(crate) fn find(&mut self, now: Now, circumstances: Circumstances) {
        self.mining.circumstances = circumstances;
        self.direct_miners(now);
    }

    /// Has the node make jobs or none.
    fn direct_miners(&mut self, now: Now) {
        self.node.set_mining(now, self.mining.may_search());
        self.drain();
    }

    /// Mines no more.
    pub(crate) fn stop_mining(&mut self, now: Now) {
        self.mining.wanted = false;
        self.direct_miners(now);
    }

    /// The person's 24 words.
    pub(crate) fn words(&self) -> String {
        self.identity.words()
    }

    /// Takes the key of 24 words in place of the one there is.
    pub(crate) fn restore(&mut self, now: Now, words: &str) -> Result<PublicKey, Refusal> {
        let identity = Identity::from_words(words).map_err(Refusal::because)?;
        self.become_author(now, identity)?;
        Ok(self.identity.public())
    }

    /// Starts a new node with another key on the same chain.
    fn become_author(&mut self, now: Now, identity: Identity) -> Result<(), Refusal> {
        let mut node =
            start(&self.address, &identity, self.node.chain().clone(), Some(&self.node.book().encode()))?;
        node.set_mining(now, self.mining.may_search());
        self.node = node;
        self.generation += 1;
        self.lines.clear();
        // Of the earlier node’s wishes only what is to be remembered and shown still counts.
        self.wishes.retain(|wish| matches!(wish, Output::Persist(_) | Output::Tell(_)));
        self.writes.push(Write::Put(KEY.to_owned(), identity.words().into_bytes()));
        self.identity = identity;
        self.standing = Standing::default();
        self.search(None);
        self.page.update(&Update::Key { public: self.identity.public() });
        self.tell(now, Input::Ticked);
        Ok(())
    }

    /// Messages that wait, if it is time to see whether they came into blocks while nobody looked.
    pub(crate) fn unsure(&mut self) -> Vec<MessageId> {
        let status = self.standing.told.as_ref().is_some_and(State::is_live);
        if !status || core::mem::replace(&mut self.standing.looked_up, true) {
            return Vec::new();
        }
        self.sent.pending()
    }

    /// What the node says of a message that waits: it is in a block of our chain, or is to be sent again.
    pub(crate) fn looked_up(&mut self, now: Now, id: &MessageId, place: Option<(u64, Hash)>) {
        let chain = self.node.chain();
        let tip = chain.tip().header.height;
        // Within the window our own chain decides; below it, that the height is not above the tip.
        let fits = |(height, hash): &(u64, _)| {
            *height <= tip && chain.best_at(*height).is_none_or(|best| best == hash)
        };
        if let Some((height, hash)) = place.filter(fits) {
            return self.sent.located(id, height, hash);
        }
        if self.node.pooled(id).is_none()
            && let Some(message) = self.sent.message(id)
        {
            match self.node.submit(now, message) {
                Ok(_) | Err(SubmitError::Known { .. } | SubmitError::Time { .. }) => {}
                Err(error) => self.page.notice(true, format!("A message waits and cannot be sent: {error}")),
            }
            self.drain();
        }
    }
}
