//! Whom a client trusts.
//!
//! Without anything said, the system's roots. Call managers ship with certificates that sign
//! themselves, so there are three ways to say more: a file of certificates, a pin, or nothing at all.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// How the server's certificate is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// By the system's roots, and the name must fit.
    #[default]
    System,
    /// By the certificates in a PEM file, and the name must fit. A server's own self-signed
    /// certificate may stand there too, whatever it says about being an authority.
    Ca(PathBuf),
    /// By its public key alone: neither name nor date nor issuer matter.
    Pin(Pin),
    /// Not at all. Anybody in between can read and change everything; say so to the user.
    Insecure,
}

/// The SHA-256 of a certificate's public key (its SubjectPublicKeyInfo).
///
/// Written `sha256/` and base64. The key, not the certificate: it survives a renewal with the same
/// key, and `openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256
/// -binary | base64` prints it. The form of `curl --pinnedpubkey`, with two slashes, is read as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin([u8; 32]);

impl Pin {
    /// The pin that a certificate fits.
    ///
    /// # Errors
    /// The certificate cannot be read.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, Error> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        let digest = Sha256::digest(parsed.subject_public_key_info().as_ref());
        Ok(Self(digest.into()))
    }
}

impl FromStr for Pin {
    type Err = TlsError;

    fn from_str(text: &str) -> Result<Self, TlsError> {
        let packed = text.trim().strip_prefix("sha256/").ok_or(TlsError::Pin)?;
        // 32 bytes are 44 letters, of which the first may itself be a slash.
        let packed = match packed.strip_prefix('/') {
            Some(rest) if packed.len() == 45 => rest,
            _ => packed,
        };
        let bytes = STANDARD.decode(packed).map_err(|_| TlsError::Pin)?;
        bytes.try_into().map(Self).map_err(|_| TlsError::Pin)
    }
}

impl std::fmt::Display for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "sha256/{}", STANDARD.encode(self.0))
    }
}

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A pin that is none.
    #[error("a pin is written sha256/ and the base64 of 32 bytes")]
    Pin,
    /// The certificate file cannot be read, or holds no certificate.
    #[error("{}: {why}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The system has no roots that we could read.
    #[error("the system's trusted certificates cannot be read: {0}")]
    NoRoots(String),
    /// rustls refused the settings.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] Error),
}

/// A TLS configuration that trusts as told. Reads files; call it at start-up.
///
/// # Errors
/// [`TlsError`].
pub fn client_config(trust: &Trust) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::System => {
            let found = rustls_native_certs::load_native_certs();
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                let why = found.errors.first().map(ToString::to_string);
                return Err(TlsError::NoRoots(
                    why.unwrap_or_else(|| "none found".to_owned()),
                ));
            }
            return Ok(builder.with_root_certificates(roots).with_no_client_auth());
        }
        Trust::Ca(path) => {
            let refuse = |why: String| TlsError::CaFile {
                path: path.clone(),
                why,
            };
            let pem = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
            let given: Vec<_> = CertificateDer::pem_slice_iter(&pem)
                .collect::<Result<_, _>>()
                .map_err(|error| refuse(error.to_string()))?;
            if given.is_empty() {
                return Err(refuse("no certificate in this file".to_owned()));
            }
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(given.iter().cloned());
            let chain =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                    .build()
                    .map_err(|error| refuse(error.to_string()))?;
            Arc::new(Given { chain, given })
        }
        Trust::Pin(pin) => Arc::new(Unchained {
            pin: Some(*pin),
            provider,
        }),
        Trust::Insecure => Arc::new(Unchained {
            pin: None,
            provider,
        }),
    };
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

/// Trusts what the user's file vouches for.
#[derive(Debug)]
struct Given {
    chain: Arc<WebPkiServerVerifier>,
    given: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Given {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // Self-signed certificates often call themselves authorities, which no server's may.
        if self.given.iter().any(|given| given == end_entity) {
            let parsed = ParsedCertificate::try_from(end_entity)?;
            verify_server_name(&parsed, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        self.chain
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Looks at no chain: at the key if there is a pin, otherwise at nothing. The server must prove that
/// it has the key in either case.
#[derive(Debug)]
struct Unchained {
    pin: Option<Pin>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Unchained {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.pin {
            Some(pin) if Pin::of(end_entity)? != pin => Err(Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            )),
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_reads_in_both_spellings_and_writes_in_one() {
        let text = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        let pin: Pin = text.parse().expect("a pin");
        assert_eq!(pin.to_string(), text);
        let curl: Pin = text.replace("sha256/", "sha256//").parse().expect("a pin");
        assert_eq!(curl, pin);
        let slash: Pin = Pin([0xFF; 32]).to_string().parse().expect("a pin");
        assert_eq!(slash, Pin([0xFF; 32]));
        for bad in ["", "sha256/", "sha1/AAAA", "sha256/AAAA", "47DEQpj8HBSa"] {
            assert!(bad.parse::<Pin>().is_err(), "{bad}");
        }
    }
}
