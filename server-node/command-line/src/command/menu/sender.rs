//! The thread that signs, stamps and sends messages. A stamp takes seconds, and the menu goes on
//! meanwhile.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender};

use anyhow::Context;
use plexus_core::ledger::json::MessageView;

use super::exchange::{Answer, Input, Outgoing};
use super::worker;
use crate::command::client::{NodeClient, Refused};
use crate::command::send::Delivery;

/// Sends messages until there is no more interest.
pub(super) fn run(
    client: &NodeClient,
    data: Option<&PathBuf>,
    messages: &Receiver<Outgoing>,
    inputs: &SyncSender<Input>,
) {
    while let Ok(outgoing) = messages.recv() {
        let sent = deliver(client, data, outgoing, inputs).map(Box::new).map_err(worker::reason);
        if inputs.send(Input::Answer(Answer::Sent(sent))).is_err() {
            return;
        }
    }
}

fn deliver(
    client: &NodeClient,
    data: Option<&PathBuf>,
    outgoing: Outgoing,
    inputs: &SyncSender<Input>,
) -> anyhow::Result<MessageView> {
    let network = client.network()?;
    let keystore = worker::keystore(data.cloned(), network.name())?;
    let Outgoing { recipient, text, priority, passphrase } = outgoing;
    let author =
        keystore.existing_author()?.open(|_path| passphrase.context("the key takes its passphrase"))?;
    // A full channel is full of newer inputs than the last percentage.
    let moved = |tries, expected| drop(inputs.try_send(Input::Answer(Answer::Stamping(tries, expected))));
    let mut delivery = Delivery::new(author.secret(), &network, &recipient, text, priority)?;
    let (message, accepted) = delivery.post(client, moved);
    let view = MessageView::new(&message, network.id());
    match accepted {
        Ok(_) => Ok(view),
        Err(error) if error.is::<Refused>() => Err(error),
        // The answer was lost. The node may have the message all the same.
        Err(error) => match worker::message(client, &view.id) {
            Ok(Some(_)) => Ok(view),
            Ok(None) => Err(error),
            Err(_) => Err(error).context(
                "it is not known whether the node has the message: look into the history before you send it again",
            ),
        },
    }
}
