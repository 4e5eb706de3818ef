//! What reaches a client: files that people carry, what was sealed, answers of proxies and services.

use std::fmt::Debug;
use std::fs;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use liaison::ambient::Ambient;
use liaison::client::address::Address;
use liaison::client::armour::{self, Kind};
use liaison::client::draft::Bundle;
use liaison::client::error::ClientError;
use liaison::client::invitation::{AdmissionFile, Invitation, Succession};
use liaison::client::keys::{Role, read_person, read_public};
use liaison::client::message::body::{letter_text, pad, read_letter_text, unpad};
use liaison::client::message::content::Inside;
use liaison::client::reach::connect::{
    ConnectError, Dial, Dialing, Proxies, Proxy, Route, connect,
};
use liaison::client::replica::tape;
use liaison::client::token::Pointer;
use liaison::crypto::cert::ServiceName;
use liaison::crypto::hash::Digest;
use liaison::domain::ids::MessageId;
use liaison::domain::relay::addressing::{Addressing, OrLater};
use liaison::domain::relay::envelope;
use liaison::signed::proto::{self, Class};
use liaison::tls::client::ClientTls;
use liaison::wire::{status, v1};
use prost::Message;
use tonic::Status;

use super::world::DIRECTORY;
use super::{read, service};

/// An address, a proxy or the name of a service, as text.
pub fn address(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let address = read(Address::parse(text));
    if let Some(address) = &address {
        assert_eq!(Address::parse(&address.to_string()).as_ref(), Ok(address));
        assert!(!address.host().contains(['/', '@', ' ']), "{address}");
    }
    let proxy = read(Proxy::parse(text));
    assert!(read(Proxies::new(Some(text), Some(text))).is_some() || proxy.is_none());
    let name = read(ServiceName::parse(text));
    assert!(name.as_ref().is_none_or(|name| name.to_string() == text));
    address.is_some() || proxy.is_some() || name.is_some()
}

/// The lines around the bytes of a file, of every kind.
pub fn armour(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let kind = armour::kind(text);
    for other in Kind::ALL.into_iter().filter(|other| Some(*other) != kind) {
        assert!(read(armour::read::<v1::Bundle>(other, text)).is_none());
    }
    let Some(kind) = kind else { return false };
    match kind {
        Kind::Statement => again::<v1::Bundle>(kind, text),
        Kind::Invitation => again::<v1::Invitation>(kind, text),
        Kind::Admission => again::<v1::AdmissionFile>(kind, text),
        Kind::Person => again::<proto::Person>(kind, text),
        Kind::Proposal => again::<v1::Publication>(kind, text),
        Kind::Authority | Kind::Keeper | Kind::Seat | Kind::Service => {
            again::<v1::PublicKeys>(kind, text)
        }
    }
}

fn again<M: Message + Default + PartialEq + Debug>(kind: Kind, text: &str) -> bool {
    let Some(message) = read(armour::read::<M>(kind, text)) else { return false };
    let again = armour::read::<M>(kind, &armour::write(kind, &message));
    assert_eq!(again.as_ref(), Ok(&message));
    true
}

/// Such a file with what it says: statements, an invitation, an admission, keys.
pub fn file(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let mut any = false;
    if let Some(bundle) = read(Bundle::read(text)) {
        assert_eq!(Bundle::read(&bundle.write()).as_ref(), Ok(&bundle));
        for missing in bundle.missing(Some(&DIRECTORY)) {
            assert!(missing.statement < bundle.publications().len());
        }
        any = true;
    }
    if let Some(invitation) = read(Invitation::read(text)) {
        let again = armour::write(Kind::Invitation, invitation.message());
        let again = Invitation::read(&again).expect("it was read");
        assert_eq!(again.fingerprint(), invitation.fingerprint());
        any = true;
    }
    if let Some(admission) = read(AdmissionFile::read(text)) {
        let charters = Succession::new(admission.invitation().trust(), &[]);
        let _ = charters.map(|charters| read(admission.proven(&charters)).is_some());
        any = true;
    }
    for kind in [Kind::Authority, Kind::Keeper, Kind::Seat, Kind::Service] {
        any |= read(read_public(kind, text)).is_some();
    }
    for role in [Role::Registrar, Role::Operator, Role::Auditor] {
        any |= read(read_person(role, text)).is_some();
    }
    any
}

/// Where in a token a key lies.
pub fn token(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let Some(pointer) = read(Pointer::read(text)) else { return false };
    let again = pointer.write().expect("its path is text");
    assert_eq!(Pointer::read(&again).as_ref(), Ok(&pointer));
    true
}

/// What was opened: the padded inner message, or the text of a letter.
pub fn inner(bytes: &[u8]) -> bool {
    let (id, body) = (MessageId::new(1, [1; 10]), Digest::of(b"body"));
    if let Some(key) = read(read_letter_text(bytes, id, body)) {
        assert_eq!(letter_text(id, body, &key).as_bytes(), bytes, "a letter hides nothing");
        return true;
    }
    let Some(inner) = read(unpad(bytes)) else { return false };
    assert!(inner.len() + 4 <= bytes.len());
    let padded = pad(inner).expect("what fits in these bytes fits in a body");
    assert_eq!(unpad(&padded), Ok(inner));
    true
}

static ADDRESSING: LazyLock<Addressing> = LazyLock::new(|| {
    let golden = include_str!("../../tests/golden/messages/header.txt");
    let header = super::world::lines(golden).pop().expect("a header");
    envelope::accepted(&header).expect("a golden header").1
});

/// The content of a message, as that of every class.
pub fn content(bytes: &[u8]) -> bool {
    let bytes = Bytes::copy_from_slice(bytes);
    let mut any = false;
    for class in (1..).map_while(|of| Class::try_from(of).ok()) {
        let of = Addressing { class: OrLater::Known(class), ..ADDRESSING.clone() };
        let answers = proto::Delivered::decode(&bytes[..]).unwrap_or_default().header_digest;
        let answers = Digest::try_from(&answers[..]).unwrap_or(Digest::of(b"answered"));
        let of = Addressing { in_reply_to: Some(answers), ..of };
        let Some(inside) = read(Inside::read(&of, &bytes)) else { continue };
        let again = Inside::read(&of, &inside.encode().into());
        assert_eq!(again.as_ref(), Ok(&inside));
        any = true;
    }
    any
}

/// The details of a status, as a service, or whoever stands before it, sends them.
pub fn status(bytes: &[u8]) -> bool {
    let details = Bytes::copy_from_slice(bytes);
    let said = Status::with_details(tonic::Code::InvalidArgument, "it says no", details);
    let reason = status::reason(&said);
    let retry = status::retry_in(&said);
    let error = ClientError::from(said.clone());
    assert_eq!(error.facts.retry_in.is_some(), reason.is_some() && retry.is_some());
    assert_eq!(status::reason(&said), reason, "the same twice");
    reason.is_some() || retry.is_some()
}

/// What a proxy answers to CONNECT, and whatever comes behind it: nobody is believed by that.
pub fn proxy(bytes: &[u8]) -> bool {
    let route = Route {
        dial: Arc::new(Answers(bytes.to_vec())),
        address: Address::parse("relay.un.example:443").expect("an address"),
        proxies: Proxies::new(Some("http://proxy.example:3128"), None).expect("a proxy"),
        tls: ClientTls::untrusted_for_charters(Ambient::system().tls_clock()).expect("TLS 1.3"),
    };
    let Err(why) = now(connect(route)) else { panic!("nobody answered the handshake") };
    super::short(&why);
    !matches!(why, ConnectError::ProxyGarbled { .. } | ConnectError::ProxyRefused { .. })
}

/// A proxy that says this whatever it is asked, and goes.
struct Answers(Vec<u8>);

impl Dial for Answers {
    fn dial<'a>(&'a self, _: &'a Address) -> Dialing<'a> {
        let said = std::io::Cursor::new(self.0.clone());
        let stream = tokio::io::join(said, tokio::io::sink());
        Box::pin(async move { Ok(Box::new(stream) as _) })
    }
}

/// The outcome of what waits for nobody.
fn now<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().build().expect("a runtime")
    });
    let _inside = RUNTIME.enter();
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
    }
}

/// A file of records, each behind its length.
pub fn tape(bytes: &[u8]) -> bool {
    let path = service::written("tape", bytes);
    let tape = tape::read(&path).expect("the file is there");
    fs::remove_file(path).expect("the file is there");
    let length = usize::try_from(tape.length).expect("no longer than the file");
    let whole: Vec<u8> = tape
        .records
        .iter()
        .flat_map(|of| [&(of.len() as u32).to_be_bytes()[..], of].concat())
        .collect();
    assert_eq!(bytes.get(..length), Some(&whole[..]));
    !tape.records.is_empty()
}
