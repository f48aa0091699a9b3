//! Nodes that send frames that no peer sends, or more than a page reads. The page ends the
//! connection, tells the node why, and goes on.

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use plexus_core::node::ConnectionId;
use plexus_core::primitives::block::Block;
use plexus_core::primitives::params::Network;
use plexus_core::protocol::limits::FRAME_BYTES_MAX;
use plexus_core::protocol::packet::{Packet, Role};
use plexus_tests::api::ApiClient;
use plexus_tests::block_builder::BlockBuilder;
use plexus_tests::browser::Tab;
use plexus_tests::process;
use plexus_tests::scripted_peer::ScriptedPeer;
use tungstenite::{Error, Message};

use crate::hostile::{greet, is_silence, say};
use crate::page::{assert_nothing_thrown, wait_live};
use crate::stage::PageFixture;

/// A block takes no time.
const BITS: u32 = 8;
/// One and a half times as many as fill a page. 8,192 wait for their answers, and 4 MiB of them,
/// with 64 bytes for each, are 52,000. Of a flood without an end Chromium reads on and on before it
/// says that it closes.
const PINGS: usize = 90_000;
/// The most time until a page ends a connection.
const PATIENCE: Duration = Duration::from_secs(120);

/// The attack of the node on a page.
struct Abuse {
    /// A block that it announces first. The abuse begins when the page asks for it.
    block: Option<Arc<Block>>,
    /// The bytes that it then sends, WebSocket's framing included.
    bytes: Vec<u8>,
}

/// A report of a flooder to the test.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// A page completed the handshake.
    Established,
    /// A connection that it abused ended, with this close code if there was one.
    Ended(Option<u16>),
}

/// A node that is honest until it is told otherwise.
struct Flooder {
    stranger: ScriptedPeer,
    /// The network's parameters in JSON.
    network: String,
    orders: Receiver<Abuse>,
    tell: Sender<Told>,
}

impl Flooder {
    /// Serves one connection after the other, until the test is over.
    fn serve(mut self, listener: &TcpListener) {
        for (peer, stream) in (1..).map(ConnectionId).zip(listener.incoming()) {
            let Some(mut socket) = greet(stream.unwrap(), &self.network) else { continue };
            let frames = self.stranger.connected(peer, [3; 32]);
            if !say(&mut socket, frames) {
                continue;
            }
            let (mut order, mut begun, mut established) = (None::<Abuse>, false, false);
            loop {
                match self.orders.try_recv() {
                    Ok(abuse) => {
                        let news = abuse.block.as_ref().map(|block| {
                            self.stranger.branch.push(block.clone());
                            self.stranger.heard.clear();
                            [Packet::Announce(block.header), Packet::Held(block.header.hash())]
                        });
                        let news = news.into_iter().flatten().map(|packet| packet.encode()).collect();
                        assert!(say(&mut socket, news), "the page is there");
                        order = Some(abuse);
                    }
                    Err(mpsc::TryRecvError::Empty) => {}
                    Err(mpsc::TryRecvError::Disconnected) => return,
                }
                let asked = || self.stranger.heard(|packet| matches!(packet, Packet::GetBodies(_)));
                if let Some(abuse) = order.take_if(|abuse| abuse.block.is_none() || asked()) {
                    begun = true;
                    let mut stream = socket.get_ref().try_clone().unwrap();
                    // The page may end the connection before it has all of them.
                    std::thread::spawn(move || stream.write_all(&abuse.bytes));
                }
                let frames = match socket.read() {
                    // Answers would come between the pieces of the bytes that it sends.
                    Ok(Message::Binary(_)) if begun => continue,
                    Ok(Message::Binary(frame)) => self.stranger.received(peer, &frame),
                    Ok(Message::Close(close)) if begun => {
                        self.tell.send(Told::Ended(close.map(|close| close.code.into()))).unwrap();
                        break;
                    }
                    Ok(_) => continue,
                    Err(Error::Io(error)) if is_silence(&error) => continue,
                    Err(error) if begun => panic!("the page said nothing: {error}"),
                    Err(_) => break,
                };
                if !say(&mut socket, frames) {
                    break;
                }
                if !established && self.stranger.established.contains(&peer) {
                    established = true;
                    self.tell.send(Told::Established).unwrap();
                }
            }
            self.stranger.closed(peer);
        }
    }
}

/// Starts a node with a branch. Returns its address, the channel for its orders, and the channel of
/// its reports.
fn flooder(
    alice: &ApiClient,
    network: &Network,
    branch: Vec<Arc<Block>>,
) -> (String, Sender<Abuse>, Receiver<Told>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let ((order, orders), (tell, told)) = (mpsc::channel(), mpsc::channel());
    let (said, network) = (alice.ask("/network").unwrap().to_string(), network.clone());
    // A stranger stays in the thread in which it is made.
    std::thread::spawn(move || {
        let stranger = ScriptedPeer::new("mallory", &network, Role::Full, branch);
        Flooder { stranger, network: said, orders, tell }.serve(&listener);
    });
    (address, order, told)
}

/// Returns a binary frame as a server sends it.
fn framed(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x82];
    match u8::try_from(payload.len()) {
        Ok(length) if length < 126 => frame.push(length),
        _ => {
            frame.push(127);
            frame.extend(u64::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

fn wait_told(told: &Receiver<Told>, expected: &Told) {
    assert_eq!(&told.recv_timeout(PATIENCE).unwrap(), expected);
}

fn wait_height(tab: &mut Tab, height: u64) {
    let shown = "document.querySelector('#height').textContent";
    tab.wait("the block is there", 60, &format!("{shown} === '{height}'"));
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn text_and_overlong_frames_end_the_connection_and_the_page_goes_on() {
    let fixture = PageFixture::start(BITS, &[]);
    let network = process::parameters(&fixture.network);
    let mut forge = BlockBuilder::new(&network, "mallory");
    let honest = forge.extend(network.id(), 3);
    let (address, order, told) = flooder(&fixture.api(), &network, forge.branch(&honest[2]));
    let mut tab = fixture.open(&format!("/?node=ws://{address}"));
    let overlong = framed(&vec![0; FRAME_BYTES_MAX + 1]);
    for (name, bytes, code) in [("text", vec![0x81, 1, b'x'], 4003), ("too long", overlong, 4009)] {
        // Before the second it has connected again.
        wait_told(&told, &Told::Established);
        order.send(Abuse { block: None, bytes }).unwrap();
        println!("{name}");
        wait_told(&told, &Told::Ended(Some(code)));
    }
    wait_told(&told, &Told::Established);
    wait_live(&mut tab);
    wait_height(&mut tab, 3);
    assert_nothing_thrown(&tab);
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn a_node_that_floods_a_busy_page_is_cut_off_and_the_page_goes_on() {
    let fixture = PageFixture::start(BITS, &[]);
    let network = process::parameters(&fixture.network);
    let mut forge = BlockBuilder::new(&network, "mallory");
    let honest = forge.extend(network.id(), 3);
    let (address, order, told) = flooder(&fixture.api(), &network, forge.branch(&honest[2]));
    let mut tab = fixture.open(&format!("/?node=ws://{address}"));
    wait_live(&mut tab);
    wait_height(&mut tab, 3);
    wait_told(&told, &Told::Established);

    // All writes of the light node to the store wait for a transaction that lasts until the test
    // ends it.
    tab.evaluate(
        "(async () => {
            const opening = indexedDB.open('plexus');
            await new Promise((resolve) => { opening.onsuccess = resolve; });
            const kept = opening.result.transaction('kept', 'readwrite').objectStore('kept');
            await new Promise((resolve) => {
                const hold = () => { resolve(); if (!globalThis.released) kept.get('').onsuccess = hold; };
                hold();
            });
        })()",
    );
    let block = forge.extend(&honest[2], 1)[0];
    let block = forge.block(&block).clone();
    let pings = framed(&Packet::Ping([7; 16]).encode()).repeat(PINGS);
    order.send(Abuse { block: Some(block), bytes: pings }).unwrap();
    wait_told(&told, &Told::Ended(Some(4008)));

    tab.evaluate("globalThis.released = true");
    wait_told(&told, &Told::Established);
    wait_live(&mut tab);
    wait_height(&mut tab, 4);
    assert_nothing_thrown(&tab);
}
