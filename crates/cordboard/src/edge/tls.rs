//! TLS: the configured certificate, or the lab's own, made once and kept in the data folder.

use anyhow::Context;
use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;

/// The protocols of the HTTPS listener, the one that it prefers first.
pub const HTTP_PROTOCOLS: [&[u8]; 2] = [HTTP2, b"http/1.1"];
/// HTTP/2 by its name in ALPN.
pub(super) const HTTP2: &[u8] = b"h2";

/// Reads certificate and key and makes a server's configuration of them, for these protocols of ALPN.
///
/// # Errors
/// When a file cannot be read or the two do not fit.
pub fn server_config(
    certificate: &Path,
    key: &Path,
    protocols: &[&[u8]],
) -> anyhow::Result<Arc<ServerConfig>> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .with_context(|| format!("cannot read the certificate {}", certificate.display()))?
        .collect::<Result<_, _>>()
        .with_context(|| format!("{} holds no certificate", certificate.display()))?;
    let key = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("cannot read the key {}", key.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("certificate and key do not fit together")?;
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

/// Makes the lab's self-signed certificate unless it is there: localhost by name and by both addresses.
///
/// # Errors
/// When the files cannot be written.
pub fn ensure_lab_certificate(certificate: &Path, key: &Path) -> anyhow::Result<()> {
    if certificate.exists() && key.exists() {
        return Ok(());
    }
    let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
    params
        .subject_alt_names
        .push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    params
        .subject_alt_names
        .push(SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)));
    params
        .distinguished_name
        .push(DnType::CommonName, "cordboard lab");
    let pair = KeyPair::generate()?;
    let made = params.self_signed(&pair)?;
    write_private(key, pair.serialize_pem().as_bytes())?;
    std::fs::write(certificate, made.pem())
        .with_context(|| format!("cannot write {}", certificate.display()))
}

/// Writes a file that only its owner may read.
fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(bytes)
        .with_context(|| format!("cannot write {}", path.display()))
}
