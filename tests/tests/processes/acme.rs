//! A certificate from an authority: a node orders it from pebble, the test server of Let's Encrypt,
//! which checks that the node has the domain.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use plexus_tests::process::{self, Process};
use plexus_tests::wait::eventually;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// The domain of the certificate, which the test's name server knows.
const DOMAIN: &str = "node.plexus.test";

/// Returns an address that was free a moment ago, for a program that cannot choose one itself.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A program that is ended when dropped.
struct Program(Child);

impl Program {
    fn start(command: &mut Command, log: &Path) -> Self {
        let log = File::create(log).unwrap();
        let child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
        Self(child.unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An authority, its name server, and the files of both.
struct Pebble {
    folder: PathBuf,
    directory: String,
    management: SocketAddr,
    _programs: [Program; 2],
}

impl Pebble {
    /// Starts an authority that checks domains at this port.
    fn start(folder: &Path, port: u16) -> Self {
        let (own, leaf) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        fs::write(folder.join("ca.pem"), params.self_signed(&own).unwrap().pem()).unwrap();
        let names = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let certificate = names.signed_by(&leaf, &Issuer::new(params, own)).unwrap();
        fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
        fs::write(folder.join("key.pem"), leaf.serialize_pem()).unwrap();

        let (listen, management, names, control) = (free(), free(), free(), free());
        let config = serde_json::json!({ "pebble": {
            "listenAddress": listen.to_string(),
            "managementListenAddress": management.to_string(),
            "certificate": folder.join("cert.pem"),
            "privateKey": folder.join("key.pem"),
            "httpPort": 0,
            "tlsPort": port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
        } });
        fs::write(folder.join("pebble.json"), config.to_string()).unwrap();
        let mut server = Command::new("pebble-challtestsrv");
        server.args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01", "", "-https01", ""]);
        server.args(["-tlsalpn01", "", "-dns01", &names.to_string(), "-management", &control.to_string()]);
        let server = Program::start(&mut server, &folder.join("names.log"));
        let mut pebble = Command::new("pebble");
        pebble.arg("-config").arg(folder.join("pebble.json")).args(["-dnsserver", &names.to_string()]);
        // Otherwise it would wait before it checks, and refuse some requests, to exercise clients.
        pebble.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_WFE_NONCEREJECT", "0");
        let pebble = Program::start(&mut pebble, &folder.join("pebble.log"));
        let directory = format!("https://{listen}/dir");
        eventually("pebble listens", 60, || TcpStream::connect(listen).ok());
        eventually("pebble is managed", 60, || TcpStream::connect(management).ok());
        Self { folder: folder.to_owned(), directory, management, _programs: [server, pebble] }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("pebble.log")).unwrap()
    }

    /// Returns the certificate at the top of the ones that it issues.
    fn root(&self) -> CertificateDer<'static> {
        let own = CertificateDer::from_pem_file(self.folder.join("ca.pem")).unwrap();
        let text = get(self.management, "localhost", own, "/roots/0").unwrap();
        CertificateDer::from_pem_slice(text.as_bytes()).unwrap()
    }
}

/// Requests a page over TLS from a server that has a name and a certificate by this authority.
fn get(
    address: SocketAddr,
    name: &str,
    root: CertificateDer<'static>,
    path: &str,
) -> Result<String, std::io::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(root).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(client, TcpStream::connect(address)?);
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    match stream.read_to_string(&mut answer) {
        // A server that closes without saying so at the level of TLS.
        Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => return Err(error),
        _ => {}
    }
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    Ok(body.to_owned())
}

#[cfg_attr(no_pebble, ignore = "needs pebble, and a build with ACME")]
#[test]
fn a_node_gets_its_certificate_from_an_authority() {
    let place = tempfile::tempdir().unwrap();
    let network = process::network(place.path(), 16);
    let listen = free();
    let pebble = Pebble::start(place.path(), listen.port());
    let (data, ca) = (place.path().join("data"), place.path().join("ca.pem"));
    let directory = pebble.directory.clone();
    let arguments = [
        "--acme",
        DOMAIN,
        "--acme-contact",
        "ann@plexus.test",
        "--acme-directory",
        &directory,
        "--tls-ca",
        ca.to_str().unwrap(),
        "--log",
        "warn,rustls_acme=info",
    ];
    let start = || Process::start(&data, &network, &listen.to_string(), &arguments).unwrap();
    let node = start();
    assert!(node.url.starts_with("https://"), "{}", node.url);
    let root = pebble.root();
    let ask = || get(listen, DOMAIN, root.clone(), "/api/v1/status").ok();
    let within = 120;
    let status = plexus_tests::wait::within(std::time::Duration::from_secs(within), ask);
    let status = status.unwrap_or_else(|| panic!("{}\n{}", node.log(), pebble.log()));
    assert!(status.contains("\"height\""), "{status}");
    #[cfg(unix)]
    for file in fs::read_dir(data.join("acme")).unwrap() {
        use std::os::unix::fs::PermissionsExt;
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }

    // The certificate is kept: the next start needs no authority.
    node.terminate();
    drop(pebble);
    let node = start();
    eventually("the stored certificate is in use", 60, ask);
    assert!(node.terminate().success());
}
