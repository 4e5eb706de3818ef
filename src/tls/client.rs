//! The client's configuration: the charter says which server is believed.
//!
//! In scope: chain to the charter's service authorities, dates, usage, service name; the fault as
//! a type. Out of scope: DNS names (a service keeps its name wherever it runs), revocation (the
//! charter replaces authorities). Invariant: only [`ClientTls::untrusted_for_charters`] believes a
//! server without proof, and what is heard there proves itself.

use std::error::Error as StdError;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::time_provider::TimeProvider;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, PeerIncompatible,
    RootCertStore, SignatureScheme,
};

use super::{ALPN, Identity, provider};
use crate::crypto::cert::{ServiceName, issuer_for_display};

/// Why a server is not believed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ServerFault {
    /// No authority of the charter has issued the certificate.
    #[error("the server's certificate is from an issuer that the charter does not name: {issuer}")]
    UnknownIssuer {
        /// Who the certificate says has issued it. Unproven text, for people.
        issuer: String,
    },
    /// The service of another directory, under the same authority.
    #[error("expected a server of directory {expected}, found one of {found}")]
    WrongDirectory {
        /// The directory whose charter we hold.
        expected: String,
        /// The directory that the certificate names.
        found: String,
    },
    /// The certificate does not carry exactly one URI, a service name.
    #[error("expected liaison://{expected}/service/… as the only URI of the server's certificate")]
    NoServiceName {
        /// The directory whose charter we hold.
        expected: String,
    },
    /// The certificate has expired, or our clock is ahead.
    #[error("the server's certificate has expired, or the clock of this machine is ahead")]
    Expired,
    /// The certificate is not valid yet, or our clock is behind.
    #[error("the server's certificate is not valid yet, or the clock of this machine is behind")]
    NotYetValid,
    /// The certificate is not for servers.
    #[error("the server's certificate is not for servers (no serverAuth)")]
    NotAServer,
    /// The server did not prove that it holds the certificate's key.
    #[error("the server's signature of the handshake does not verify")]
    BadSignature,
    /// Any other fault of the certificate.
    #[error("the server's certificate cannot be used: {0}")]
    Unusable(CertificateError),
}

impl ServerFault {
    /// The fault behind an error of rustls, however deeply an error hides it.
    #[must_use]
    pub fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(fault) = error.downcast_ref() {
                return Some(fault);
            }
            // An `io::Error` shows what it carries, but does not count it as its source.
            let carried = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
            if let Some(carried) = carried {
                next = Some(carried);
                continue;
            }
            if let Some(Error::InvalidCertificate(CertificateError::Other(other))) =
                error.downcast_ref()
            {
                next = Some(other.0.as_ref());
                continue;
            }
            next = error.source();
        }
        None
    }
}

/// How a client does its handshakes.
#[derive(Clone, Debug)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
}

/// The charter's authorities cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTrust {
    /// The charter names no authority.
    #[error("expected at least one service authority")]
    NoAuthority,
    /// An authority is not a certificate, or the provider spoke no TLS 1.3.
    #[error("a service authority cannot be used: {0}")]
    Unusable(#[from] Error),
}

impl ClientTls {
    /// Believes servers of `directory` whose certificate one of `authorities` (DER) has issued.
    /// `clock` judges its dates.
    ///
    /// # Errors
    /// [`InvalidTrust`].
    pub fn for_directory(
        directory: &str,
        authorities: &[Vec<u8>],
        client: Option<Identity>,
        clock: Arc<dyn TimeProvider>,
    ) -> Result<Self, InvalidTrust> {
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots.add(CertificateDer::from(authority.as_slice()))?;
        }
        if roots.is_empty() {
            return Err(InvalidTrust::NoAuthority);
        }
        let verifier =
            OfDirectory { directory: directory.to_owned(), roots, algorithms: algorithms() };
        Ok(Self::new(Arc::new(verifier), client, clock)?)
    }

    /// Believes any server. For `GetCharters` alone, whose answer proves itself: nothing else may
    /// be said or heard on such a connection, and it carries no client certificate.
    ///
    /// # Errors
    /// Only if the provider spoke no TLS 1.3.
    pub fn untrusted_for_charters(clock: Arc<dyn TimeProvider>) -> Result<Self, Error> {
        Self::new(Arc::new(AnyServer { algorithms: algorithms() }), None, clock)
    }

    fn new(
        verifier: Arc<dyn ServerCertVerifier>,
        client: Option<Identity>,
        clock: Arc<dyn TimeProvider>,
    ) -> Result<Self, Error> {
        let builder = ClientConfig::builder_with_details(provider(), clock)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match client {
            Some(identity) => builder.with_client_cert_resolver(identity.resolver()),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Self { config: Arc::new(config) })
    }

    /// The configuration, for a connector.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }
}

fn algorithms() -> WebPkiSupportedAlgorithms {
    provider().signature_verification_algorithms
}

#[derive(Debug)]
struct OfDirectory {
    directory: String,
    roots: RootCertStore,
    algorithms: WebPkiSupportedAlgorithms,
}

impl OfDirectory {
    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), ServerFault> {
        let fault = |error| fault(error, leaf);
        let parsed = ParsedCertificate::try_from(leaf).map_err(fault)?;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.roots,
            intermediates,
            now,
            self.algorithms.all,
        )
        .map_err(fault)?;
        let expected = || self.directory.clone();
        let name = ServiceName::of_certificate(leaf)
            .map_err(|_| ServerFault::NoServiceName { expected: expected() })?;
        if name.directory() != self.directory {
            let found = name.directory().to_owned();
            return Err(ServerFault::WrongDirectory { expected: expected(), found });
        }
        Ok(())
    }
}

impl ServerCertVerifier for OfDirectory {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge(end_entity, intermediates, now).map_err(carry)?;
        Ok(ServerCertVerified::assertion())
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
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
            .map_err(|_| carry(ServerFault::BadSignature))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Asks only that the server holds the key of whatever it shows.
#[derive(Debug)]
struct AnyServer {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
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
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Through rustls and back: [`ServerFault::find`] is the other end.
fn carry(fault: ServerFault) -> Error {
    CertificateError::Other(OtherError(Arc::new(fault))).into()
}

/// Why a chain does not hold. An issuer of the right name with another key is another issuer.
fn fault(error: Error, leaf: &CertificateDer<'_>) -> ServerFault {
    use CertificateError as E;
    let Error::InvalidCertificate(error) = error else {
        return ServerFault::Unusable(E::ApplicationVerificationFailure);
    };
    match error {
        E::UnknownIssuer | E::BadSignature => {
            ServerFault::UnknownIssuer { issuer: issuer_for_display(leaf) }
        }
        E::Expired | E::ExpiredContext { .. } => ServerFault::Expired,
        E::NotValidYet | E::NotValidYetContext { .. } => ServerFault::NotYetValid,
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => ServerFault::NotAServer,
        other => ServerFault::Unusable(other),
    }
}
