//! Nodes that break the rules: the page refuses their blocks, names the rules, and continues. Any
//! text of other people is shown as text.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use bytes::Bytes;
use plexus_core::node::ConnectionId;
use plexus_core::primitives::block::Block;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::message::{Draft, Message as Letter};
use plexus_core::primitives::params::Network;
use plexus_core::protocol::address::SUBPROTOCOLS;
use plexus_core::protocol::packet::{Packet, Role};
use plexus_tests::api::ApiClient;
use plexus_tests::block_builder::{self, BlockBuilder, key};
use plexus_tests::process;
use plexus_tests::scripted_peer::ScriptedPeer;
use tungstenite::handshake::server::{Request, Response};
use tungstenite::http::HeaderValue;
use tungstenite::{Error, Message, WebSocket};

use crate::page::{assert_nothing_thrown, pictures, wait_live};
use crate::stage::PageFixture;

/// A block takes no time.
const BITS: u32 = 8;
/// The time that mallory listens before it checks for orders.
const BEAT: Duration = Duration::from_millis(20);

/// Breaks a rule in a draft, which is otherwise finished.
type Spoil = fn(&BlockBuilder, &mut Block, &Network);

/// The ways to break a block, and the failure that names each.
const SPOILS: [(&str, Spoil, &str); 5] = [
    (
        "an author who did not sign",
        |forge, block, _| {
            block.author = key("somebody else").public();
            forge.commit(block);
        },
        "InvalidSignature",
    ),
    (
        "a message that its sender did not sign",
        |forge, block, network| {
            let time = block.header.time;
            let honest = block_builder::message(network, "anna", "signed", time);
            let draft = Draft::new(key("anna").public(), "all", "<b>not signed</b>", time).unwrap();
            block.messages = vec![Arc::new(Letter::from_parts(draft, 0, *honest.signature()))];
            forge.finish(block);
        },
        "InvalidSignature",
    ),
    (
        "contents that the header does not commit to",
        |_, block, _| {
            block.header.content_root = Hash::of(b"something else");
            block_builder::grind(&mut block.header);
        },
        "InvalidContentRoot",
    ),
    ("too little work", |_, block, _| block_builder::spoil(&mut block.header), "InvalidBlockHash"),
    (
        "another height",
        |forge, block, _| {
            block.header.height += 5;
            forge.finish(block);
        },
        "BlockNumber",
    ),
];

/// A node on a real socket that a scenario controls.
struct Mallory {
    stranger: ScriptedPeer,
    /// An honest node's description of the network, in JSON.
    network: String,
    peers: u64,
}

impl Mallory {
    /// Serves connections until the orders end. An order is a block to announce, with the blocks
    /// below it.
    fn serve(mut self, listener: &TcpListener, orders: &Receiver<Vec<Arc<Block>>>) {
        for stream in listener.incoming() {
            let Some(mut socket) = greet(stream.unwrap(), &self.network) else { continue };
            self.peers += 1;
            let peer = ConnectionId(self.peers);
            let frames = self.stranger.connected(peer, [3; 32]);
            if !say(&mut socket, frames) {
                continue;
            }
            loop {
                match orders.try_recv() {
                    Ok(branch) => {
                        let header = branch.last().unwrap().header;
                        self.stranger.branch = branch;
                        let news = [Packet::Announce(header), Packet::Held(header.hash())];
                        if !say(&mut socket, news.map(|packet| packet.encode()).to_vec()) {
                            break;
                        }
                    }
                    Err(mpsc::TryRecvError::Empty) => {}
                    Err(mpsc::TryRecvError::Disconnected) => return,
                }
                let frames = match socket.read() {
                    Ok(Message::Binary(frame)) => self.stranger.received(peer, &frame),
                    Ok(_) => continue,
                    Err(Error::Io(error)) if is_silence(&error) => continue,
                    Err(_) => break,
                };
                if !say(&mut socket, frames) {
                    break;
                }
            }
            self.stranger.closed(peer);
        }
    }
}

/// Answers a request of the API with the network's parameters, and opens a socket for a client that
/// wants one.
pub(crate) fn greet(mut stream: TcpStream, network: &str) -> Option<WebSocket<TcpStream>> {
    let mut begin = [0; 9];
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    while stream.peek(&mut begin).ok()? < begin.len() {}
    if begin == *b"GET /api/" {
        let _ = stream.read(&mut [0; 4096]).ok()?;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\naccess-control-allow-origin: *\r\nconnection: close";
        write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{network}", network.len()).ok()?;
        return None;
    }
    #[expect(clippy::result_large_err, reason = "the form of a callback of tungstenite's")]
    let agree = |_: &Request, mut answer: Response| {
        answer.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(SUBPROTOCOLS[0]));
        Ok(answer)
    };
    let socket = tungstenite::accept_hdr(stream, agree).ok()?;
    socket.get_ref().set_read_timeout(Some(BEAT)).unwrap();
    Some(socket)
}

pub(crate) fn is_silence(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{TimedOut, WouldBlock};
    matches!(error.kind(), TimedOut | WouldBlock)
}

pub(crate) fn say(socket: &mut WebSocket<TcpStream>, frames: Vec<Bytes>) -> bool {
    frames.into_iter().all(|frame| socket.send(Message::Binary(frame)).is_ok())
}

/// Starts mallory with a branch. Returns its address, and the sender of orders.
fn mallory(
    alice: &ApiClient,
    network: &Network,
    branch: Vec<Arc<Block>>,
) -> (String, Sender<Vec<Arc<Block>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (order, orders) = mpsc::channel();
    let (said, network) = (alice.ask("/network").unwrap().to_string(), network.clone());
    // A scripted peer stays in the thread that creates it.
    std::thread::spawn(move || {
        let stranger = ScriptedPeer::new("mallory", &network, Role::Full, branch);
        Mallory { stranger, network: said, peers: 0 }.serve(&listener, &orders);
    });
    (address, order)
}

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn a_bad_block_is_shown_as_refused_with_the_rule_that_it_breaks() {
    let fixture = PageFixture::start(BITS, &[]);
    let network = process::parameters(&fixture.network);
    let api = fixture.api();
    for (at, (name, spoil, flag)) in SPOILS.into_iter().enumerate() {
        let mut forge = BlockBuilder::new(&network, "mallory");
        let honest = forge.extend(network.id(), 3);
        let tip = honest[2];
        let (address, order) = mallory(&api, &network, forge.branch(&tip));
        let mut tab = fixture.open(&format!("/?node=ws://{address}"));
        wait_live(&mut tab);
        let shown = |hash: &Hash| format!("document.querySelector('#blocks > li[data-hash=\"{hash}\"]')");
        tab.wait(
            "the honest block is verified",
            60,
            &format!("{}?.dataset.verdict === 'valid'", shown(&tip)),
        );

        let mut block = forge.draft(&tip, forge.block(&tip).header.time.plus_ms(1_000), Vec::new());
        spoil(&forge, &mut block, &network);
        let bad = block.header.hash();
        let branch = [forge.branch(&tip), vec![Arc::new(block)]].concat();
        order.send(branch).unwrap();
        let row = shown(&bad);
        tab.wait(name, 60, &format!("{row}?.dataset.verdict === 'refused'"));
        tab.evaluate(&format!("{row}.querySelector('summary').click()"));
        let failures =
            format!("[...{row}.querySelectorAll('.failures > li')].map((item) => item.dataset.flag).join()");
        let flags = tab.wait("it is said why", 30, &failures);
        assert_eq!(flags, flag, "{name}");
        let reason = tab.evaluate(&format!("{row}.querySelector('.failures > li').textContent"));
        println!("{name}: {reason}");
        assert!(reason.as_str().unwrap().len() > flag.len() + 10, "{name}: {reason}");
        let height = tab.evaluate("document.querySelector('#height').textContent");
        assert_eq!(height, "3", "{name}: it is not built on");
        assert_eq!(tab.evaluate("document.querySelectorAll('#blocks :is(b, img)').length"), 0);
        tab.screenshot(&pictures().join(format!("refused-{at}.png")));
        assert_nothing_thrown(&tab);
    }
}
