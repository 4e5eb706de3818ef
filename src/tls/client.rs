//! The client's configuration: the charter says which server is believed.
//!
//! In scope: chain to the charter's service authorities, dates, usage, service name; the fault as
//! a type, and first of all whose the certificate is. Out of scope: DNS names (a service keeps its
//! name wherever it runs), revocation (the charter replaces authorities). Invariant: only
//! [`ClientTls::untrusted_for_charters`] believes a server without proof, and what is heard there
//! proves itself.

use std::error::Error as StdError;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::time_provider::TimeProvider;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError,
    PeerIncompatible, PeerMisbehaved, RootCertStore, SignatureScheme,
};

use super::{ALPN, Identity, provider, small_provider};
use crate::crypto::cert::{ServiceName, is_issued_by, issuer_for_display};

/// Why a server is not believed. The first comes before all others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerFault {
    /// No authority of the charter has issued the certificate.
    #[error(
        "its certificate is from {issuer}, whom the charter does not name: a gateway on the way, \
         or not our service"
    )]
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
    /// Any other fault of the certificate, in words.
    #[error("the server's certificate cannot be used: {0}")]
    Unusable(&'static str),
}

/// What ended a handshake before a certificate was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Alert `internal_error`: what a service says that has no place.
    #[error(
        "the service, or something on the way, has no place for another connection or failed: try \
         again in a while"
    )]
    NoPlace,
    /// TLS 1.2 or older.
    #[error("it does not speak TLS 1.3: a gateway on the way, or not our service")]
    OlderTls,
    /// Another protocol above TLS.
    #[error("it does not speak HTTP/2: a gateway on the way, or not our service")]
    NotHttp2,
    /// Another alert, by its number.
    #[error("it ended the handshake with TLS alert {0}: a gateway on the way, or not our service")]
    Alert(u8),
    /// Not TLS, or not as its pages say.
    #[error("it does not speak TLS as it should: a gateway on the way, or not our service")]
    Garbled,
    /// Closed without a word.
    #[error(
        "the connection was closed as soon as it began: a gateway on the way, or a balancer that \
         does not get through to the service"
    )]
    Closed,
}

impl Broken {
    /// Of an error of rustls; none if the connection broke for a reason of its own.
    #[must_use]
    pub fn find(error: &std::io::Error) -> Option<Self> {
        Some(match error.get_ref()?.downcast_ref()? {
            Error::AlertReceived(AlertDescription::InternalError) => Self::NoPlace,
            Error::AlertReceived(AlertDescription::ProtocolVersion)
            | Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            ) => Self::OlderTls,
            Error::AlertReceived(AlertDescription::NoApplicationProtocol)
            | Error::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedApplicationProtocol) => {
                Self::NotHttp2
            }
            Error::AlertReceived(alert) => Self::Alert((*alert).into()),
            _ => Self::Garbled,
        })
    }
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
    asking: Option<Arc<ClientConfig>>,
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
        let verifier = Arc::new(OfDirectory::new(directory, authorities)?);
        let asking = asking(Arc::clone(&verifier), Arc::clone(&clock))?;
        let tls = Self::new(verifier, client, provider(), clock)?;
        Ok(Self { asking: Some(Arc::new(asking)), ..tls })
    }

    /// The same with a small first message, without the group that is safe against later computers.
    /// For `liaison doctor` alone, to see what stands in the way: nothing may be said on it.
    ///
    /// # Errors
    /// [`InvalidTrust`].
    pub fn small(
        directory: &str,
        authorities: &[Vec<u8>],
        clock: Arc<dyn TimeProvider>,
    ) -> Result<Self, InvalidTrust> {
        let verifier = Arc::new(OfDirectory::new(directory, authorities)?);
        Ok(Self::new(verifier, None, small_provider(), clock)?)
    }

    /// Believes any server. For `GetCharters` alone, whose answer proves itself: nothing else may
    /// be said or heard on such a connection, and it carries no client certificate.
    ///
    /// # Errors
    /// Only if the provider spoke no TLS 1.3.
    pub fn untrusted_for_charters(clock: Arc<dyn TimeProvider>) -> Result<Self, Error> {
        Self::new(Arc::new(AnyServer { algorithms: algorithms() }), None, provider(), clock)
    }

    fn new(
        verifier: Arc<dyn ServerCertVerifier>,
        client: Option<Identity>,
        provider: Arc<CryptoProvider>,
        clock: Arc<dyn TimeProvider>,
    ) -> Result<Self, Error> {
        let builder = ClientConfig::builder_with_details(provider, clock)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match client {
            Some(identity) => builder.with_client_cert_resolver(identity.resolver()),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Self { config: Arc::new(config), asking: None })
    }

    /// The configuration, for a connector.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// For a handshake that only asks whose certificate is shown, in any TLS, and always fails: with
    /// [`ServerFault::UnknownIssuer`] if it is not the service's.
    #[must_use]
    pub fn asking(&self) -> Option<Arc<ClientConfig>> {
        self.asking.clone()
    }
}

fn asking(of: Arc<OfDirectory>, clock: Arc<dyn TimeProvider>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_details(provider, clock)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Asking(of)))
        .with_no_client_auth())
}

fn algorithms() -> WebPkiSupportedAlgorithms {
    provider().signature_verification_algorithms
}

#[derive(Debug)]
struct OfDirectory {
    directory: String,
    authorities: Vec<Vec<u8>>,
    roots: RootCertStore,
    algorithms: WebPkiSupportedAlgorithms,
}

impl OfDirectory {
    fn new(directory: &str, authorities: &[Vec<u8>]) -> Result<Self, InvalidTrust> {
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots.add(CertificateDer::from(authority.as_slice()))?;
        }
        if roots.is_empty() {
            return Err(InvalidTrust::NoAuthority);
        }
        let (directory, authorities) = (directory.to_owned(), authorities.to_vec());
        Ok(Self { directory, authorities, roots, algorithms: algorithms() })
    }

    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), ServerFault> {
        self.issued(leaf, intermediates)?;
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

    fn issued(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Result<(), ServerFault> {
        let authorities: Vec<&[u8]> = self.authorities.iter().map(Vec::as_slice).collect();
        let chain: Vec<&[u8]> = intermediates.iter().map(AsRef::as_ref).collect();
        if is_issued_by(&authorities, leaf, &chain) {
            return Ok(());
        }
        Err(ServerFault::UnknownIssuer { issuer: issuer_for_display(leaf) })
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

/// Sees who shows a certificate, and goes no further.
#[derive(Debug)]
struct Asking(Arc<OfDirectory>);

impl ServerCertVerifier for Asking {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.0.issued(end_entity, intermediates).map_err(carry)?;
        Err(CertificateError::ApplicationVerificationFailure.into())
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
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
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

/// Why a chain does not hold that begins at one of the charter's authorities.
fn fault(error: Error) -> ServerFault {
    use CertificateError as E;
    let Error::InvalidCertificate(error) = error else {
        return ServerFault::Unusable("it cannot be judged");
    };
    match error {
        E::Expired | E::ExpiredContext { .. } => ServerFault::Expired,
        E::NotValidYet | E::NotValidYetContext { .. } => ServerFault::NotYetValid,
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => ServerFault::NotAServer,
        E::BadEncoding => ServerFault::Unusable("it cannot be read"),
        E::UnhandledCriticalExtension => {
            ServerFault::Unusable("it has a critical extension that is not known here")
        }
        _ => ServerFault::Unusable("it is not made as a server's must be"),
    }
}
