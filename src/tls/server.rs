//! The server's configuration: any well-formed client certificate, or none.
//!
//! In scope: proof of possession of the client's key. Out of scope: dates, usage and holder of
//! that key: they are judged at every request, so that a refusal carries a code. Invariants: no
//! ticket, no session, no early data; a client without a certificate may connect.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible,
    PeerMisbehaved, ServerConfig, SignatureScheme,
};

use super::{ALPN, Identity, provider};
use crate::crypto::cert::PeerCertificate;
use crate::crypto::sign::Algorithm;

/// What a node answers handshakes with. Replace it as a whole: it is read anew for every
/// connection.
///
/// # Errors
/// Only if the provider spoke no TLS 1.3.
pub fn config(node: Identity) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(AnyKey))
        .with_cert_resolver(node.resolver());
    config.alpn_protocols = vec![ALPN.to_vec()];
    // A resumed session would carry a certificate that nobody has proven again.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(config)
}

/// Accepts every certificate that reads as a key, once the handshake is signed with that key.
#[derive(Debug)]
struct AnyKey;

impl ClientCertVerifier for AnyKey {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        read(end_entity).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let peer = read(certificate)?;
        if signed.scheme != scheme(peer.key().algorithm()) {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        peer.key()
            .verify(message, signed.signature())
            .map(|()| HandshakeSignatureValid::assertion())
            .map_err(|_| CertificateError::BadSignature.into())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        [Algorithm::Ed25519, Algorithm::P256, Algorithm::P384].map(scheme).to_vec()
    }
}

/// RFC 8446 §4.2.3: in TLS 1.3 a scheme names curve and hash, so each key has exactly one.
const fn scheme(algorithm: Algorithm) -> SignatureScheme {
    match algorithm {
        Algorithm::Ed25519 => SignatureScheme::ED25519,
        Algorithm::P256 => SignatureScheme::ECDSA_NISTP256_SHA256,
        Algorithm::P384 => SignatureScheme::ECDSA_NISTP384_SHA384,
    }
}

fn read(certificate: &CertificateDer<'_>) -> Result<PeerCertificate, Error> {
    PeerCertificate::parse(certificate).map_err(|_| CertificateError::BadEncoding.into())
}
