//! The thread that asks the node what the menu wants to know. One question at a time.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender};

use plexus_core::ledger::json::{BlockView, MessageStatus};
use plexus_core::primitives::message::MessageId;
use plexus_node::api::view::StatusView;
use plexus_node::keystore::Keystore;

use super::exchange::{Answer, BlockRow, HistoryPage, Identity, Input, Request};
use crate::command::client::{NodeClient, Refused};
use crate::command::data_dir::DataFolder;
use crate::command::history::search::Search;
use crate::command::{history, table};

/// Asks the node, and remembers what does not change.
#[derive(Debug)]
pub(super) struct Worker {
    client: NodeClient,
    data: Option<PathBuf>,
    name: Option<String>,
    search: Option<Search>,
}

impl Worker {
    /// Creates a worker for this node and this folder of keys.
    pub(super) fn new(client: NodeClient, data: Option<PathBuf>, name: Option<String>) -> Self {
        Self { client, data, name, search: None }
    }

    /// Answers requests until there is no more interest.
    pub(super) fn run(mut self, requests: &Receiver<Request>, inputs: &SyncSender<Input>) {
        while let Ok(request) = requests.recv() {
            let answer = self.answer(request);
            if inputs.send(Input::Answer(answer)).is_err() {
                return;
            }
        }
    }

    fn answer(&mut self, request: Request) -> Answer {
        match request {
            Request::Status => Answer::Status(self.status().map(Box::new).map_err(reason)),
            Request::Blocks { from, limit } => Answer::Blocks(self.blocks(from, limit).map_err(reason)),
            Request::Block { name } => Answer::Block(
                self.client.get::<BlockView>(&format!("/api/v1/blocks/{name}")).map(Box::new).map_err(reason),
            ),
            Request::History { restart } => Answer::History(self.history(restart).map_err(reason)),
            Request::Messages { ids } => Answer::Messages(self.messages(ids).map_err(reason)),
        }
    }

    fn status(&self) -> anyhow::Result<(StatusView, Identity)> {
        let status: StatusView = self.client.get("/api/v1/status")?;
        let identity = keystore(self.data.clone(), &status.network).map(|keystore| identity(&keystore));
        let none = |error| Identity { key: Err(reason(error)), is_encrypted: false };
        Ok((status, identity.unwrap_or_else(none)))
    }

    fn blocks(&self, from: u64, limit: u64) -> anyhow::Result<Vec<BlockRow>> {
        let blocks: Vec<BlockView> = self.client.get(&format!("/api/v1/blocks?from={from}&limit={limit}"))?;
        Ok(blocks.iter().map(BlockRow::new).collect())
    }

    fn history(&mut self, restart: bool) -> anyhow::Result<HistoryPage> {
        let is_first = restart || self.search.is_none();
        let mut search = match self.search.take().filter(|_| !is_first) {
            Some(search) => search,
            None => {
                let status: StatusView = self.client.get("/api/v1/status")?;
                let keystore = keystore(self.data.clone(), &status.network)?;
                Search::new(Some(history::author_public(&keystore)?), self.name.clone())
            }
        };
        let found = search.next(&self.client);
        let (tip, lowest) = (search.tip(), search.lowest());
        let (is_complete, is_over) = (search.is_complete(), search.is_over());
        // After a failure the search goes on where it was.
        self.search = Some(search);
        Ok(HistoryPage { is_first, entries: found?, tip, lowest, is_complete, is_over })
    }

    fn messages(&self, ids: Vec<MessageId>) -> anyhow::Result<Vec<(MessageId, Option<MessageStatus>)>> {
        ids.into_iter().map(|id| Ok((id, message(&self.client, &id)?))).collect()
    }
}

/// Returns the node's answer about a message. `None` if it does not know it.
pub(super) fn message(client: &NodeClient, id: &MessageId) -> anyhow::Result<Option<MessageStatus>> {
    match client.get(&format!("/api/v1/messages/{id}")) {
        Ok(status) => Ok(Some(status)),
        Err(error) if error.downcast_ref::<Refused>().is_some_and(is_unknown) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_unknown(refused: &Refused) -> bool {
    matches!(refused.code.as_str(), "not_found" | "dropped")
}

/// Returns the keys in the folder that was given, or in the default one of a network.
pub(super) fn keystore(data: Option<PathBuf>, network: &str) -> anyhow::Result<Keystore> {
    Ok(Keystore::new(DataFolder { data }.folder(network)?))
}

fn identity(keystore: &Keystore) -> Identity {
    match keystore.existing_author() {
        Ok(stored) => Identity { key: Ok(stored.public()), is_encrypted: stored.is_encrypted() },
        Err(error) => Identity { key: Err(reason(error.into())), is_encrypted: false },
    }
}

/// Returns an error on one line.
#[allow(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
pub(super) fn reason(error: anyhow::Error) -> String {
    table::one_line(&format!("{error:#}"))
}
