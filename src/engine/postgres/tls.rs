//! TLS as `sslmode` and `sslrootcert` of a URL ask for it, with the meaning that PostgreSQL's own clients give them.

use crate::error::{Error, ErrorKind, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::sync::Arc;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Disable,
    /// Encrypted where the server offers it.
    Prefer,
    /// Encrypted; whom it speaks to is not looked at.
    Require,
    /// The certificate must come from a root that is trusted.
    VerifyCa,
    /// And be for the host's name.
    VerifyFull,
}

/// See the module.
#[derive(Clone)]
pub(super) struct Tls {
    pub mode: SslMode,
    pub connector: MakeRustlsConnect,
}

impl Tls {
    /// For the values of a URL; nothing where there is to be no TLS.
    pub fn new(sslmode: Option<&str>, sslrootcert: Option<&str>) -> Result<Option<Tls>> {
        let mode = match sslmode {
            Some("disable") => Mode::Disable,
            None | Some("prefer") => Mode::Prefer,
            // As for others: whoever names a root wants it looked at.
            Some("require") if sslrootcert.is_some() => Mode::VerifyCa,
            Some("require") => Mode::Require,
            Some("verify-ca") => Mode::VerifyCa,
            Some("verify-full") => Mode::VerifyFull,
            Some(_) => {
                return Err(invalid(
                    "`url`: sslmode is one of disable, prefer, require, verify-ca, verify-full".into(),
                ));
            }
        };
        let config = match mode {
            Mode::Disable => return Ok(None),
            Mode::Prefer | Mode::Require => unverified()?,
            Mode::VerifyCa => verified(sslrootcert, true)?,
            Mode::VerifyFull => verified(sslrootcert, false)?,
        };
        let mode = if mode == Mode::Prefer { SslMode::Prefer } else { SslMode::Require };
        Ok(Some(Tls { mode, connector: MakeRustlsConnect::new(config) }))
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidOptions, message).with("option", "url")
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::internal(format_args!("TLS: {error}"))
}

fn unverified() -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(Unnamed { roots: None, provider: Arc::clone(&provider) });
    config(provider, verifier)
}

fn verified(sslrootcert: Option<&str>, any_name: bool) -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let roots = Arc::new(roots(sslrootcert)?);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build().map_err(failed)?;
    if !any_name {
        return config(provider, verifier);
    }
    let unnamed = Arc::new(Unnamed { roots: Some(verifier), provider: Arc::clone(&provider) });
    config(provider, unnamed)
}

fn config(provider: Arc<CryptoProvider>, verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig> {
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(failed)?;
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// The roots in a file, or the system's.
fn roots(sslrootcert: Option<&str>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match sslrootcert {
        None | Some("system") => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                return Err(invalid(
                    "`url`: this system has no root certificates to verify the server by: name a file, sslrootcert=PATH"
                        .into(),
                ));
            }
        }
        Some(path) => {
            let unfit = |what: &dyn std::fmt::Display| {
                invalid(format!("`url`: sslrootcert {path}: {what}: name a file of certificates in PEM format"))
            };
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unfit(&error))? {
                roots.add(certificate.map_err(|error| unfit(&error))?).map_err(|error| unfit(&error))?;
            }
            if roots.is_empty() {
                return Err(unfit(&"it holds no certificate"));
            }
        }
    }
    Ok(roots)
}

/// Does not look at the name, and without roots not at the certificate.
#[derive(Debug)]
struct Unnamed {
    roots: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Unnamed {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let Some(roots) = &self.roots else { return Ok(ServerCertVerified::assertion()) };
        // The name is what it looks at last, so the chain is sound where only that is amiss.
        match roots.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
