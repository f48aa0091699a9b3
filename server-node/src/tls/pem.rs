//! PEM files: certificates and private keys, as text.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, ensure};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

/// The most bytes of a PEM file. All authorities that browsers trust take a quarter of a megabyte.
const PEM_BYTES_MAX: u64 = 4 << 20;

/// Reads the certificates of a file: at least one.
///
/// # Errors
/// The file cannot be read, is too long, or has none. The error names the file.
pub(super) fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let expected = || format!("{}: certificates in PEM form are expected", path.display());
    let bytes = read(path)?;
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(&bytes).collect::<Result<_, _>>().with_context(expected)?;
    ensure!(!certificates.is_empty(), expected());
    Ok(certificates)
}

/// Reads the private key of a file.
///
/// # Errors
/// The file cannot be read, is too long, or has none. The error names the file.
pub(super) fn private_key(path: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(&read(path)?)
        .with_context(|| format!("{}: a private key in PEM form is expected", path.display()))
}

fn read(path: &Path) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let cannot_read = || format!("cannot read {}", path.display());
    let mut bytes = Zeroizing::new(Vec::new());
    let file = File::open(path).with_context(cannot_read)?;
    file.take(PEM_BYTES_MAX + 1).read_to_end(&mut bytes).with_context(cannot_read)?;
    ensure!(bytes.len() as u64 <= PEM_BYTES_MAX, "{} is too long for a PEM file", path.display());
    Ok(bytes)
}
