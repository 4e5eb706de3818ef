//! TLS as this system speaks it: 1.3 only, post-quantum hybrid first, no resumption.
//!
//! In scope: the provider, the configurations of both ends, who is believed in a handshake. Out of
//! scope: sockets (`server`, `client`), rights (the directory, at every request). Invariants: one
//! provider, named by its users, never installed for the process; a client's certificate is read
//! as a key and judged later; a server's is judged here; a handshake that offers TLS 1.2 ends with
//! the certificate that it asked for.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ProtocolVersion;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::crypto::cert::PeerCertificate;
use crate::crypto::sign::SigningKey;

pub mod client;
pub mod hybrid;
pub mod server;
pub mod trial;

/// A byte stream between two ends.
pub trait Link: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Link for T {}

/// The only protocol spoken above TLS.
pub const ALPN: &[u8] = b"h2";

/// `ring`, with our hybrid group before plain X25519, for TLS 1.3 alone.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    let ring = rustls::crypto::ring::default_provider();
    let tls13 =
        |suite: &rustls::SupportedCipherSuite| suite.version().version == ProtocolVersion::TLSv1_3;
    Arc::new(CryptoProvider {
        kx_groups: vec![hybrid::X25519MLKEM768, rustls::crypto::ring::kx_group::X25519],
        cipher_suites: ring.cipher_suites.into_iter().filter(tls13).collect(),
        ..ring
    })
}

/// The same with plain X25519 alone: a first message that fits one segment.
fn small_provider() -> Arc<CryptoProvider> {
    let kx_groups = vec![rustls::crypto::ring::kx_group::X25519];
    Arc::new(CryptoProvider { kx_groups, ..Arc::unwrap_or_clone(provider()) })
}

/// What is known of the other end of a connection: an extension of each of its requests.
#[derive(Clone, Debug)]
pub struct PeerInfo {
    /// The certificate whose key the peer has proven to hold, not judged yet; none if it showed
    /// none.
    pub certificate: Option<Arc<PeerCertificate>>,
    /// The group of the handshake.
    pub group: &'static str,
    /// Where the connection comes from. A hint: address translators and proxies lie.
    pub remote: SocketAddr,
}

/// A certificate chain with its private key, for either end.
#[derive(Clone, Debug)]
pub struct Identity(Arc<CertifiedKey>);

/// A chain and a key do not make an identity.
#[derive(Debug, thiserror::Error)]
pub enum InvalidIdentity {
    /// No certificate was given.
    #[error("expected at least one certificate")]
    NoCertificate,
    /// The first certificate is not about this key, or cannot be read.
    #[error("expected the certificate of this very key: {0}")]
    NotItsKey(rustls::Error),
}

impl Identity {
    /// The chain (DER, leaf first) and the key of its leaf.
    ///
    /// # Errors
    /// [`InvalidIdentity`].
    pub fn new(chain: &[Vec<u8>], key: &SigningKey) -> Result<Self, InvalidIdentity> {
        if chain.is_empty() {
            return Err(InvalidIdentity::NoCertificate);
        }
        let chain = chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.pkcs8().to_vec()));
        CertifiedKey::from_der(chain, key, &provider())
            .map(|certified| Self(Arc::new(certified)))
            .map_err(InvalidIdentity::NotItsKey)
    }

    /// An identity whose key signs elsewhere, in a token.
    #[must_use]
    pub const fn from_certified(certified: Arc<CertifiedKey>) -> Self {
        Self(certified)
    }

    /// The certificates, leaf first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.0.cert
    }

    fn resolver(self) -> Arc<rustls::sign::SingleCertAndKey> {
        Arc::new(rustls::sign::SingleCertAndKey::from(self.0))
    }
}

/// The name of the group that a handshake agreed on, `X25519MLKEM768` if both ends could.
#[must_use]
pub fn group(connection: &rustls::CommonState) -> &'static str {
    match connection.negotiated_key_exchange_group().map(|group| group.name()) {
        Some(rustls::NamedGroup::X25519MLKEM768) => "X25519MLKEM768",
        Some(rustls::NamedGroup::X25519) => "X25519",
        _ => "none",
    }
}
