//! Listening: on IPv4 and IPv6 with one socket, or on one address.
//!
//! An IPv4 client of a socket for both families has an address like `::ffff:192.0.2.1`.
//! [`Listeners::accept`] makes that 192.0.2.1 again, so that logs, bans and netgroups know one
//! address for one machine.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use plexus_core::protocol::address::PORT;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

/// The most addresses that a node listens on.
pub const LISTENERS_MAX: usize = 8;
/// The connections that the system holds until they are accepted.
const BACKLOG: i32 = 1_024;

/// Where to listen.
///
/// ```
/// use plexus_node::listen::Listen;
///
/// let listen = |text: &str| text.parse::<Listen>().unwrap().to_string();
/// assert_eq!(listen("8334"), "8334");
/// assert_eq!(listen("::1"), "[::1]:8333");
/// assert!("here".parse::<Listen>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// On this port of every address, IPv6 and IPv4. Only IPv4 on a machine that has no IPv6.
    Both(u16),
    /// On this address. `[::]` is IPv6 alone, and `0.0.0.0` is IPv4 alone.
    At(SocketAddr),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = || text.parse().map(Self::At).ok();
        let ip = || text.parse().map(|ip: IpAddr| Self::At(SocketAddr::new(ip, PORT))).ok();
        let port = || text.trim_start_matches(':').parse().map(Self::Both).ok();
        let listen = at().or_else(ip).or_else(port);
        listen.ok_or_else(|| "expected like 8333, 0.0.0.0:8333, [::]:8333 or 127.0.0.1".to_owned())
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Both(port) => port.fmt(f),
            Self::At(address) => address.fmt(f),
        }
    }
}

impl Listen {
    /// Listens. Call this within a Tokio runtime.
    ///
    /// # Errors
    /// The address is in use, is not of this machine, or may not be used.
    pub fn bind(self) -> io::Result<TcpListener> {
        match self {
            Self::At(address) => bind(address, true),
            Self::Both(port) => match bind((Ipv6Addr::UNSPECIFIED, port).into(), false) {
                Err(error) if lacks_ipv6(&error) => bind((Ipv4Addr::UNSPECIFIED, port).into(), true),
                bound => bound,
            },
        }
    }
}

fn bind(address: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    // On Windows this would let another program take the port.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Returns true if an error says that this machine has no IPv6.
fn lacks_ipv6(error: &io::Error) -> bool {
    // EAFNOSUPPORT has no kind of its own in the standard library.
    let is_unsupported_family = matches!(error.raw_os_error(), Some(97 | 47 | 10_047));
    is_unsupported_family
        || matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
}

/// The sockets that a node listens on.
#[derive(Debug)]
pub struct Listeners {
    sockets: Vec<TcpListener>,
    /// The socket that is asked first next time, so that a busy one does not starve the others.
    next: AtomicUsize,
}

impl From<TcpListener> for Listeners {
    fn from(socket: TcpListener) -> Self {
        Self::from(vec![socket])
    }
}

impl From<Vec<TcpListener>> for Listeners {
    fn from(sockets: Vec<TcpListener>) -> Self {
        Self { sockets, next: AtomicUsize::new(0) }
    }
}

impl Listeners {
    /// Listens on all of these.
    ///
    /// # Errors
    /// The first that fails, and why.
    pub fn bind(all: &[Listen]) -> Result<Self, (Listen, io::Error)> {
        let sockets: Result<Vec<_>, _> =
            all.iter().map(|listen| listen.bind().map_err(|error| (*listen, error))).collect();
        Ok(sockets?.into())
    }

    /// Returns the addresses of the sockets.
    ///
    /// # Errors
    /// The system does not tell an address.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.sockets.iter().map(TcpListener::local_addr).collect()
    }

    /// Accepts a connection on any of the sockets. Returns it with the address of the client, which
    /// is an IPv4 address if the client uses IPv4.
    ///
    /// # Errors
    /// The system cannot accept a connection.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let count = self.sockets.len().max(1);
        let first = self.next.fetch_add(1, Ordering::Relaxed) % count;
        let accepted = poll_fn(|cx| {
            for socket in self.sockets.iter().cycle().skip(first).take(self.sockets.len()) {
                if let Poll::Ready(accepted) = socket.poll_accept(cx) {
                    return Poll::Ready(accepted);
                }
            }
            Poll::Pending
        });
        let (stream, address) = accepted.await?;
        Ok((stream, SocketAddr::new(address.ip().to_canonical(), address.port())))
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream as StdStream;

    use super::*;

    #[test]
    fn listens_where_people_say() {
        for (text, listen) in [
            ("8334", Listen::Both(8334)),
            (":8334", Listen::Both(8334)),
            ("127.0.0.1:0", Listen::At(([127, 0, 0, 1], 0).into())),
            ("0.0.0.0", Listen::At(([0, 0, 0, 0], PORT).into())),
            ("[::]:1", Listen::At((Ipv6Addr::UNSPECIFIED, 1).into())),
            ("::1", Listen::At((Ipv6Addr::LOCALHOST, PORT).into())),
        ] {
            assert_eq!(text.parse(), Ok(listen), "{text}");
            assert_eq!(listen.to_string().parse(), Ok(listen), "{text}");
        }
        for text in ["here", "", "70000", "1.2.3", "[::1"] {
            assert!(text.parse::<Listen>().unwrap_err().contains("8333"), "{text}");
        }
    }

    /// Returns true if this machine has an IPv6 loopback.
    fn has_ipv6() -> bool {
        std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
    }

    #[tokio::test]
    async fn a_port_is_open_on_both_families_and_ipv4_clients_are_ipv4() {
        let listeners = Listeners::bind(&[Listen::Both(0)]).unwrap();
        let port = listeners.addresses().unwrap()[0].port();
        let mut loopbacks: Vec<IpAddr> = vec![Ipv4Addr::LOCALHOST.into()];
        if has_ipv6() {
            loopbacks.push(Ipv6Addr::LOCALHOST.into());
        }
        for ip in loopbacks {
            let client = StdStream::connect((ip, port)).unwrap();
            let (_stream, address) = listeners.accept().await.unwrap();
            assert_eq!(address, client.local_addr().unwrap());
            assert_eq!(address.ip(), ip);
        }
    }

    #[tokio::test]
    async fn one_family_alone_leaves_the_port_to_the_other() {
        let v4 = Listeners::bind(&[Listen::At((Ipv4Addr::UNSPECIFIED, 0).into())]).unwrap();
        let port = v4.addresses().unwrap()[0].port();
        if has_ipv6() {
            let v6 = Listen::At((Ipv6Addr::UNSPECIFIED, port).into()).bind();
            assert!(v6.is_ok(), "{v6:?}");
        }
        let (taken, error) =
            Listeners::bind(&[Listen::At((Ipv4Addr::UNSPECIFIED, port).into())]).unwrap_err();
        assert_eq!((taken.to_string(), error.kind()), (format!("0.0.0.0:{port}"), io::ErrorKind::AddrInUse));
    }

    #[tokio::test]
    async fn clients_of_every_socket_are_accepted() {
        let any = Listen::At((Ipv4Addr::LOCALHOST, 0).into());
        let listeners = Listeners::bind(&[any, any]).unwrap();
        let addresses = listeners.addresses().unwrap();
        assert_ne!(addresses[0], addresses[1]);
        let clients = [1, 0, 0, 1].map(|socket| StdStream::connect(addresses[socket]).unwrap());
        let mut accepted = Vec::new();
        for _ in &clients {
            accepted.push(listeners.accept().await.unwrap().1);
        }
        let mut expected = clients.map(|client| client.local_addr().unwrap());
        accepted.sort();
        expected.sort();
        assert_eq!(accepted, expected);
    }

    #[test]
    fn a_machine_without_ipv6_is_recognised() {
        assert!(lacks_ipv6(&io::ErrorKind::AddrNotAvailable.into()));
        #[cfg(target_os = "linux")]
        assert!(lacks_ipv6(&io::Error::from_raw_os_error(97)));
        assert!(!lacks_ipv6(&io::ErrorKind::AddrInUse.into()));
        assert!(!lacks_ipv6(&io::ErrorKind::PermissionDenied.into()));
    }
}
