//! TLS as others see it: a node whose certificate is exchanged while it runs, and the authorities
//! that a node and the commands trust.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use plexus_tests::wait::eventually;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::command::{fail, json, plexus};

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// An authority that nobody knows, and a folder for its files.
struct Authority {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl Authority {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        let issuer = Issuer::new(params, key);
        let authority = Self { folder, issuer, certificate: certificate.der().clone() };
        authority.issue();
        authority
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Replaces the node's certificate and key. Returns the certificate.
    fn issue(&self) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(self.path("cert.pem"), certificate.pem()).unwrap();
        fs::write(self.path("key.pem"), key.serialize_pem()).unwrap();
        certificate.der().clone()
    }

    fn start(&self, name: &str, more: &[&str]) -> Node {
        let data = self.path(name);
        let log = PathBuf::from(self.path(&format!("{name}.log")));
        let mut child = plexus()
            .args(["node", "--network", "dev", "--listen", "127.0.0.1:0", "--log", "info", "--data", &data])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let url = line.split_whitespace().next_back().unwrap_or_default().trim_end_matches('/').to_owned();
        assert!(url.contains("://127.0.0.1:"), "{line} {}", fs::read_to_string(&log).unwrap());
        Node { child, url, log, _output: output }
    }

    fn start_with_tls(&self, name: &str) -> Node {
        self.start(name, &["--tls-cert", &self.path("cert.pem"), "--tls-key", &self.path("key.pem")])
    }

    /// Connects as a client that trusts this authority. Returns the stream after its handshake.
    fn connect(&self, node: &Node) -> Stream {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut socket = TcpStream::connect(node.address()).unwrap();
        while client.is_handshaking() {
            client.complete_io(&mut socket).unwrap();
        }
        StreamOwned::new(client, socket)
    }

    fn shown(&self, node: &Node) -> CertificateDer<'static> {
        shown_on(&self.connect(node))
    }
}

fn shown_on(stream: &Stream) -> CertificateDer<'static> {
    stream.conn.peer_certificates().unwrap()[0].clone().into_owned()
}

/// Asks for the node's health on an open connection, and leaves it open.
fn is_healthy(stream: &mut Stream) -> bool {
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    stream.read_exact(&mut vec![0; length.parse().unwrap()]).unwrap();
    head.starts_with("http/1.1 200 ok")
}

/// A node in a process of its own, with its log in a file.
struct Node {
    child: Child,
    url: String,
    log: PathBuf,
    _output: BufReader<std::process::ChildStdout>,
}

impl Node {
    fn address(&self) -> &str {
        self.url.split("://").last().unwrap()
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    fn logs(&self, text: &str) {
        eventually(text, 60, || fs::read_to_string(&self.log).unwrap().contains(text).then_some(()));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_hangup_exchanges_the_certificate_of_new_connections() {
    let authority = Authority::new();
    let mut node = authority.start_with_tls("node");
    let mut before = authority.connect(&node);
    assert!(is_healthy(&mut before));
    let first = shown_on(&before);

    let new = authority.issue();
    assert_ne!(new, first);
    node.signal("-HUP");
    eventually("new connections see the new certificate", 60, || {
        (authority.shown(&node) == new).then_some(())
    });
    assert!(is_healthy(&mut before), "an open connection goes on");

    fs::write(authority.path("cert.pem"), "nothing").unwrap();
    node.signal("-HUP");
    node.logs("ERROR");
    node.logs("the certificate cannot be read again: the earlier one stays in use");
    assert_eq!(authority.shown(&node), new);
    node.signal("-TERM");
    assert!(node.child.wait().unwrap().success());
}

#[test]
fn a_certificate_is_exchanged_when_its_files_change() {
    let authority = Authority::new();
    let node = authority.start_with_tls("node");
    let first = authority.shown(&node);
    let new = authority.issue();
    assert_ne!(new, first);
    eventually("new connections see the new certificate", 60, || {
        (authority.shown(&node) == new).then_some(())
    });
}

#[test]
fn a_hangup_does_not_end_a_node_without_tls() {
    let authority = Authority::new();
    let mut node = authority.start("node", &[]);
    node.signal("-HUP");
    assert_eq!(json(&["status", "--node", &node.url, "--json"])["height"], 0);
    node.signal("-TERM");
    assert_eq!(node.child.wait().unwrap().code(), Some(0), "it stops as asked, not by the hangup");
}

#[test]
fn an_authority_of_ones_own_is_trusted_when_named() {
    let authority = Authority::new();
    let alice = authority.start_with_tls("alice");
    let peer = alice.url.replace("https", "wss");
    let ca = authority.path("ca.pem");

    let stranger = authority.start("stranger", &["--connect", &peer]);
    stranger.logs("UnknownIssuer");
    let error = fail(1, &["status", "--node", &alice.url]);
    assert!(error.contains("UnknownIssuer"), "{error}");

    let ask = ["--node", &alice.url, "--tls-ca", &ca, "--json"];
    assert_eq!(json(&[&["peers"][..], &ask].concat()), serde_json::json!([]));
    let _bob = authority.start("bob", &["--connect", &peer, "--tls-ca", &ca]);
    eventually("bob is a peer", 60, || {
        json(&[&["peers"][..], &ask].concat()).as_array().filter(|peers| peers.len() == 1).map(drop)
    });

    let missing = authority.path("missing.pem");
    let error = fail(1, &["status", "--node", &alice.url, "--tls-ca", &missing]);
    assert!(error.contains("missing.pem"), "{error}");
}
