//! The way to the service, leg by leg: addresses, name look-up, proxy, TCP, TLS, and what was shown there.

use crate::client::error::{ClientError, Family, Side};
use crate::client::mend::Mend;
use crate::client::reach::connect::Leg;
use crate::client::reach::session::{self, Session};
use crate::client::reason::Here;
use crate::crypto::cert::{self, PeerCertificate};
use crate::office::Office;
use crate::office::life::Life;

use super::{Doubt, Examination, Lack, Shown, Subject, Well};

/// Connects as whoever may read; the leg that fails is named in the error. Without an identity the way can be
/// examined all the same, and gives no session.
pub(super) async fn connection(office: &Office, all: &mut Vec<Examination>) -> Option<Session> {
    addresses(office, all);
    let who = office.reader();
    if let Err(why) = &who {
        all.push(Examination::failed(Subject::Identity, why.clone()));
    }
    let who = who.ok();
    match office.connect(who.as_ref()).await {
        Err(why) => {
            all.push(Examination::failed(Subject::Connection, why.clone()));
            all.extend(first_segment(office, &why).await);
            let left = [Subject::KeyAgreement, Subject::Certificate];
            all.extend(left.map(|of| Examination::skipped(of, Lack::Connection)));
            None
        }
        Ok(session) => {
            let address = session.address().clone();
            all.push(Examination::well(Subject::Connection, Well::Connected(address)));
            all.push(key_agreement(session.connection().group()));
            let now = office.ambient().now();
            all.push(certificate(&session.connection().certificate(), now));
            who.map(|_| session)
        }
    }
}

/// Those that can be used, and each that cannot.
pub(super) fn addresses(office: &Office, all: &mut Vec<Examination>) {
    match office.name().and_then(|name| Ok(office.home.addresses(&name)?)) {
        Err(why) => all.push(Examination::because(Subject::Addresses, why)),
        Ok(found) => {
            all.push(Examination::well(Subject::Addresses, Well::Addresses(found.good)));
            all.extend(found.bad.into_iter().map(|(path, why)| {
                Examination::doubt(Subject::Addresses, Doubt::BadAddress(path, why))
            }));
        }
    }
}

/// A handshake that was reset or hangs may meet a box that takes the first segment of a connection
/// for all of it.
async fn first_segment(office: &Office, why: &ClientError) -> Option<Examination> {
    let name = office.name().ok()?;
    if !is_in_the_handshake(why)
        || !session::opens_for_a_small_hello(&office.home, &name, &office.net).await
    {
        return None;
    }
    let sentence = "with a small first message, which nothing else here uses, TLS works: a box \
                    on the way judges a connection by its first segment, and a handshake safe \
                    against later computers fills more than one";
    let (family, reason) = (Family::NotReachable, Here::FirstSegment);
    let why = ClientError::new(Side::Network, family, reason, sentence);
    Some(Examination::failed(Subject::FirstSegment, why.mended_by(Mend::LetSegmentsThrough)))
}

pub(super) fn is_in_the_handshake(why: &ClientError) -> bool {
    why.reason == Here::Tls || why.facts.leg == Some(Leg::Tls)
}

pub(super) fn key_agreement(group: &'static str) -> Examination {
    match group {
        HYBRID => Examination::well(Subject::KeyAgreement, Well::Group(group)),
        _ => Examination::doubt(Subject::KeyAgreement, Doubt::Group(group)),
    }
}

pub(super) fn certificate(der: &[u8], now: u64) -> Examination {
    let issuer = cert::issuer_for_display(der);
    let Ok(read) = PeerCertificate::parse(der) else {
        return Examination::skipped(Subject::Certificate, Lack::Dates(issuer));
    };
    let life = Life { from: read.not_before(), until: read.not_after(), now };
    let shown = Shown { issuer, life };
    match life.near() {
        Some(_) => Examination::doubt(Subject::Certificate, Doubt::Certificate(shown)),
        None => Examination::well(Subject::Certificate, Well::Certificate(shown)),
    }
}

/// The hybrid group of every service of ours.
const HYBRID: &str = "X25519MLKEM768";
