//! Observers of a real node: a client of the older system, and a peer that is a node of its own in
//! this process.

use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use plexus_core::mining::search::Search;
use plexus_core::node::event::Event;
use plexus_core::node::{Config, ConnectionId, Direction, Input, Neighbours};
use plexus_core::primitives::block::BLOCK_BYTES_MAX;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::params::Network;
use plexus_core::primitives::time::{MonotonicTime, Now, Timestamp};
use plexus_core::protocol::address::{PEER_PATH, SUBPROTOCOLS};
use plexus_core::protocol::limits::FRAME_BYTES_MAX;
use plexus_core::protocol::packet::{Packet, Role};
use serde_json::Value;
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, Message, WebSocket};

use crate::block_builder::key;
use crate::node_host::{HostOutput, NodeHost};

/// The largest frame that an observer accepts. The older system sends its whole chain in one.
const MESSAGE_BYTES_MAX: usize = 256 << 20;
/// The most time that a handshake may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The most time until a node that begins to mine has a job.
const JOB: Duration = Duration::from_secs(10);

fn connect(
    address: &str,
    path: &str,
    subprotocol: Option<&'static str>,
) -> Result<WebSocket<TcpStream>, String> {
    let stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
    upgrade(stream, address, path, subprotocol)
}

/// Returns a peer's WebSocket on a connection to a node.
///
/// # Errors
/// Why the node does not take it.
pub fn peer_socket(stream: TcpStream, address: &str) -> Result<WebSocket<TcpStream>, String> {
    upgrade(stream, address, PEER_PATH, Some(SUBPROTOCOLS[0]))
}

fn upgrade(
    stream: TcpStream,
    address: &str,
    path: &str,
    subprotocol: Option<&'static str>,
) -> Result<WebSocket<TcpStream>, String> {
    let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
    if let Some(name) = subprotocol {
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(name));
    }
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream.set_nodelay(true).unwrap();
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let (socket, answer) = tungstenite::client::client_with_config(request, stream, Some(config))
        .map_err(|error| error.to_string())?;
    let agreed = answer.headers().get("Sec-WebSocket-Protocol").and_then(|value| value.to_str().ok());
    assert_eq!(agreed, subprotocol, "the node agrees to the subprotocol");
    Ok(socket)
}

/// Returns true if reading failed because of a timeout.
pub fn is_silence(error: &Error) -> bool {
    use std::io::ErrorKind::{TimedOut, WouldBlock};
    matches!(error, Error::Io(error) if matches!(error.kind(), TimedOut | WouldBlock))
}

/// A client of the older system.
#[derive(Debug)]
pub struct OldClient {
    socket: WebSocket<TcpStream>,
}

impl OldClient {
    /// Connects to a route of the older system: `/` or `/get-blockchaindata`.
    ///
    /// # Errors
    /// The reason that the node cannot be reached.
    pub fn connect(address: &str, path: &str) -> Result<Self, String> {
        Ok(Self { socket: connect(address, path, None)? })
    }

    /// Sends the first message of the older system's clients.
    pub fn ping(&mut self) {
        self.socket.send(Message::text("ping")).unwrap();
    }

    /// Returns the next text frame. Returns `None` after the timeout, or if the connection is
    /// closed.
    pub fn next_text(&mut self, wait: Duration) -> Option<String> {
        self.socket.get_ref().set_read_timeout(Some(wait)).unwrap();
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => return Some(text.as_str().to_owned()),
                Ok(Message::Binary(_)) => panic!("the older system sends text only"),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// Returns the next text frame as JSON.
    pub fn next(&mut self, wait: Duration) -> Option<Value> {
        Some(serde_json::from_str(&self.next_text(wait)?).expect("a JSON text frame"))
    }
}

/// A peer: a full node of its own on a real socket. It records the other end's announcements.
#[derive(Debug)]
pub struct Observer {
    /// Its node and store.
    pub host: NodeHost,
    /// The blocks whose headers the other end announced, or which it reported to have.
    pub announced: Vec<Hash>,
    socket: WebSocket<TcpStream>,
    begun: Instant,
    peer: ConnectionId,
    /// True while the other end is connected.
    pub open: bool,
}

impl Observer {
    /// Connects to a node as a peer.
    ///
    /// # Errors
    /// The reason that the node cannot be reached.
    pub fn connect(address: &str, network: &Network) -> Result<Self, String> {
        Self::connect_as("observer", address, network)
    }

    /// Connects to a node as a peer with the keys that follow from a name. Each of several at one
    /// node needs another name.
    ///
    /// # Errors
    /// Why the node cannot be reached.
    pub fn connect_as(name: &str, address: &str, network: &Network) -> Result<Self, String> {
        Self::connect_in_role(Role::Full, name, address, network)
    }

    /// Connects to a node as a peer that keeps all blocks, or only headers as a browser does.
    ///
    /// # Errors
    /// Why the node cannot be reached.
    pub fn connect_in_role(role: Role, name: &str, address: &str, network: &Network) -> Result<Self, String> {
        let socket = connect(address, PEER_PATH, Some(SUBPROTOCOLS[0]))?;
        let config = Config {
            neighbours: Neighbours::Given,
            ..Config::new(role, key(&format!("{name}'s node")), key(name))
        };
        let mut host = NodeHost::new(name, config, network);
        host.start(network, [7; 32]);
        let (begun, peer) = (Instant::now(), ConnectionId(1));
        let mut observer = Self { host, announced: Vec::new(), socket, begun, peer, open: true };
        let dialled = address.parse().map_err(|error| format!("{error}"))?;
        observer.tell(Input::Connected(peer, Direction::Outbound(dialled)));
        Ok(observer)
    }

    fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Now {
            time: Timestamp::from_unix_ms(u64::try_from(unix.as_millis()).unwrap()),
            moment: MonotonicTime::from_micros(u64::try_from(self.begun.elapsed().as_micros()).unwrap()),
        }
    }

    fn tell(&mut self, input: Input) {
        let outputs = self.host.handle(self.now(), input);
        self.carry_out(outputs);
    }

    fn carry_out(&mut self, outputs: Vec<HostOutput>) {
        let mut outputs = std::collections::VecDeque::from(outputs);
        while let Some(output) = outputs.pop_front() {
            let frames = match output {
                HostOutput::Send(_, frame) => vec![frame],
                HostOutput::Dial(_) => Vec::new(),
                HostOutput::Close(_) => {
                    self.open = false;
                    Vec::new()
                }
                HostOutput::Task(task) => {
                    let (input, frames) = self.host.run(&task);
                    let more = input.map(|input| self.host.handle(self.now(), input));
                    outputs.extend(more.into_iter().flatten());
                    frames.into_iter().map(|(_, frame)| frame).collect()
                }
            };
            for frame in frames {
                self.open &= self.socket.send(Message::Binary(frame)).is_ok();
            }
        }
    }

    /// Listens and answers for a while, or until `done`.
    pub fn listen(&mut self, wait: Duration, mut done: impl FnMut(&Self) -> bool) {
        let until = Instant::now() + wait;
        while self.open && Instant::now() < until && !done(self) {
            let left = until
                .saturating_duration_since(Instant::now())
                .clamp(Duration::from_millis(1), Duration::from_millis(20));
            self.socket.get_ref().set_read_timeout(Some(left)).unwrap();
            match self.socket.read() {
                Ok(Message::Binary(frame)) => {
                    assert!(frame.len() <= FRAME_BYTES_MAX);
                    match Packet::decode(&frame, BLOCK_BYTES_MAX) {
                        Ok(Packet::Announce(header)) => self.announced.push(header.hash()),
                        Ok(Packet::Held(hash)) => self.announced.push(hash),
                        _ => {}
                    }
                    self.tell(Input::Received(self.peer, frame));
                }
                Ok(_) => {}
                Err(error) if is_silence(&error) => self.tell(Input::Ticked),
                Err(_) => self.open = false,
            }
        }
    }

    /// Mines a block on its tip, and announces it to the other end. Returns its hash.
    pub fn mine(&mut self) -> Hash {
        let now = self.now();
        self.host.node.as_mut().expect("a node that runs").set_mining(now, true);
        let outputs = self.host.drain(now);
        self.carry_out(outputs);
        self.listen(JOB, |observer| observer.host.job.is_some());
        let job = self.host.job.clone().expect("a synchronized node that mines has a job");
        let found = Search::new(&job, 0).run(u64::MAX).expect("a solution");
        self.tell(Input::Solved(found));
        self.host.node.as_ref().expect("a node that runs").chain().tip().hash
    }

    /// Returns the height of its own, verified chain.
    pub fn height(&self) -> u64 {
        self.host.node.as_ref().map_or(0, |node| node.chain().tip().header.height)
    }

    /// Returns true if the handshake is complete.
    pub fn is_established(&self) -> bool {
        self.host.events.iter().any(|event| matches!(event, Event::PeerUp { .. }))
    }
}
