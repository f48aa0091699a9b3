//! The authorities that this program trusts when it connects to others.
//!
//! These are the ones that the system trusts, and those of a file that the operator gives. A system
//! without any, for example a container with nothing but this program, gets the ones that Mozilla
//! trusts, which are built in. A system that has some is never given more: an authority that its
//! operator removed stays removed.

use std::path::Path;

use anyhow::Context;
use rustls::{ClientConfig, RootCertStore};

use super::{pem, provider};

/// Returns a configuration for connections to others. It trusts the system's authorities, and those
/// in the file `more`.
///
/// # Errors
/// The file cannot be read, or has no certificate in PEM form. The error names the file.
pub fn client_config(more: Option<&Path>) -> anyhow::Result<ClientConfig> {
    let roots = trusted(rustls_native_certs::load_native_certs(), more)?;
    Ok(ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Returns a configuration that trusts nobody, for connections without TLS.
///
/// # Errors
/// The TLS library lacks its own default protocol versions.
pub fn nobody() -> anyhow::Result<ClientConfig> {
    Ok(ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

fn trusted(
    system: rustls_native_certs::CertificateResult,
    more: Option<&Path>,
) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for error in system.errors {
        tracing::debug!(%error, "a certificate of the system's store cannot be read");
    }
    let (added, ignored) = roots.add_parsable_certificates(system.certs);
    tracing::debug!(added, ignored, "the system's authorities");
    if added == 0 {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    if let Some(path) = more {
        for certificate in pem::certificates(path)? {
            roots
                .add(certificate)
                .with_context(|| format!("{}: a certificate of an authority is invalid", path.display()))?;
        }
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builtin_authorities_stand_in_for_missing_ones() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let authority = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
        std::fs::write(&file, authority.cert.pem()).unwrap();
        let system = |certs: &[_]| {
            let mut found = rustls_native_certs::CertificateResult::default();
            found.certs = certs.to_vec();
            found
        };
        let own = authority.cert.der().clone();
        let builtin = webpki_roots::TLS_SERVER_ROOTS.len();
        assert_eq!(trusted(system(&[]), None).unwrap().len(), builtin);
        assert_eq!(trusted(system(&[]), Some(&file)).unwrap().len(), builtin + 1);
        assert_eq!(trusted(system(std::slice::from_ref(&own)), None).unwrap().len(), 1);
        assert_eq!(trusted(system(&[own]), Some(&file)).unwrap().len(), 2);
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        for (text, part) in [
            (None, "cannot read"),
            (Some("nothing"), "PEM"),
            (Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "invalid"),
        ] {
            if let Some(text) = text {
                std::fs::write(&file, text).unwrap();
            }
            let error = format!("{:#}", client_config(Some(&file)).unwrap_err());
            assert!(error.contains("ca.pem") && error.contains(part), "{error}");
        }
    }
}
