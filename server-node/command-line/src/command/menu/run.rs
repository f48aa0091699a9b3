//! The menu's threads, and the loop that hands inputs to the state machine and draws it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use super::app::App;
use super::exchange::{Action, Input, Outgoing, Request};
use super::terminal::{self, Screen};
use super::worker::Worker;
use super::{MenuArgs, draw, events, sender};
use crate::command::client::NodeClient;

/// The most inputs that wait. A thread that brings more waits itself.
const INPUTS_MAX: usize = 64;
/// The most requests that wait. There are fewer kinds, and at most one of each.
const REQUESTS_MAX: usize = 8;
/// The time without an input after which a tick comes.
const TICK: Duration = Duration::from_millis(500);

/// Runs the menu until its user leaves.
pub(super) fn run(arguments: MenuArgs) -> anyhow::Result<()> {
    let MenuArgs { node, tls_ca, data, name } = arguments;
    let mut screen = Screen::take()?;
    let size = screen.terminal.size()?;
    let client = || NodeClient::new(&node).trusting(tls_ca.clone());
    let mut app = App::new(client().base(), name.clone(), (size.width, size.height));
    let (inputs, arrived) = sync_channel(INPUTS_MAX);
    let (requests, asked) = sync_channel(REQUESTS_MAX);
    let (messages, outgoing) = sync_channel(1);
    let worker = Worker::new(client(), data.data.clone(), name);
    spawn(&inputs, move |inputs| worker.run(&asked, inputs));
    let (sending, folder) = (client(), data.data);
    spawn(&inputs, move |inputs| sender::run(&sending, folder.as_ref(), &outgoing, inputs));
    let watching = client();
    spawn(&inputs, move |inputs| events::run(&watching, inputs));
    spawn(&inputs, terminal::read);
    spawn(&inputs, |inputs| {
        if let Err(error) = terminal::wait_for_signals(inputs) {
            // Nobody listens if the menu has ended.
            let _ = inputs.send(Input::Failed(error));
        }
    });
    serve(&mut screen, &mut app, &arrived, &requests, &messages)?;
    drop(screen);
    app.failure.map_or(Ok(()), |error| Err(anyhow::Error::from(error).context("the terminal cannot be read")))
}

fn spawn(inputs: &SyncSender<Input>, body: impl FnOnce(&SyncSender<Input>) + Send + 'static) {
    let inputs = inputs.clone();
    // It ends with the process: no thread holds anything that must be closed.
    std::thread::spawn(move || body(&inputs));
}

fn serve(
    screen: &mut Screen,
    app: &mut App,
    arrived: &Receiver<Input>,
    requests: &SyncSender<Request>,
    messages: &SyncSender<Outgoing>,
) -> anyhow::Result<()> {
    let theme = draw::Theme::from_environment();
    app.update(Input::Tick, now());
    while !app.is_done {
        for action in app.take_actions() {
            // The threads end only with the process.
            match action {
                Action::Ask(request) => drop(requests.send(request)),
                Action::Send(outgoing) => drop(messages.send(outgoing)),
            }
        }
        screen.terminal.draw(|frame| draw::draw(frame, app, theme))?;
        let first = match arrived.recv_timeout(TICK) {
            Ok(input) => input,
            Err(RecvTimeoutError::Timeout) => Input::Tick,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        app.update(first, now());
        // Inputs that came together are drawn together.
        for input in arrived.try_iter().take(INPUTS_MAX) {
            app.update(input, now());
        }
    }
    Ok(())
}

fn now() -> u64 {
    plexus_node::clock::time().unix_ms()
}
