//! Handing in what waits in the outbox: with patience, until the relay has it or says no for good.
//!
//! In scope: what is due, one request offered, which answers end it. Out of scope: sealing, what is
//! said to people. Invariants: every attempt sends the same bytes; a request leaves the outbox by an
//! accepted receipt, by its expiry, by a refusal that names what the same again cannot cure, or for
//! another that goes to the others, and by nothing else.

use std::cmp::Reverse;

use bytes::Bytes;

use crate::client::error::ClientError;
use crate::client::outbox::{Looked, Outbox};
use crate::client::reach::relay::Relay;
use crate::client::reason::Rule;
use crate::domain::ids::{ContactId, MessageId};
use crate::domain::relay::addressing::Addressing;
use crate::domain::relay::envelope::VerifiedHeader;
use crate::domain::relay::share;
use crate::signed::proto::Class;

use super::collect::{Desk, sent_header};

/// What waits to be handed in. Alerts come first, then acknowledgements, other messages and receipts; of
/// these the most urgent first, and then the oldest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// As what the service counts it.
    pub counted: Counted,
    /// How urgent it is: the most urgent comes first.
    pub urgency: Reverse<i32>,
    /// The id of the message.
    pub id: MessageId,
    /// To whom it goes.
    pub to: Vec<ContactId>,
}

/// What the service counts apart: that there are too many of one says nothing of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    /// A message for which a part is kept.
    Alert,
    /// For which a part is kept, too.
    Acknowledgement,
    /// Another message, for which no part is kept.
    Message,
    /// A receipt that a message was delivered.
    Receipt,
}

impl Due {
    fn of(id: MessageId, sent: Option<&Addressing>) -> Self {
        let counted = match sent {
            Some(of) if of.class == Class::Receipt => Counted::Receipt,
            Some(of) if of.class == Class::Acknowledgement => Counted::Acknowledgement,
            Some(of) if share::is_alert(of.urgency) => Counted::Alert,
            Some(_) | None => Counted::Message,
        };
        let urgency = sent.and_then(|of| of.urgency.known()).map_or(0, i32::from);
        let to = sent.map_or(&[][..], |of| &of.recipients[..]).iter();
        let to = to.map(|to| to.contact.clone()).collect();
        Self { counted, urgency: Reverse(urgency), id, to }
    }
}

/// What of these waits to be handed in: neither accepted nor refused for good, and not expired. See [`Due`].
#[must_use]
pub fn due(desk: &Desk<'_>, outbox: &Outbox, looked: &Looked) -> Vec<Due> {
    let mut due = those_due(desk, outbox, outbox.pending_of(looked));
    due.sort();
    due
}

/// Those of these that have not expired.
pub fn those_due(desk: &Desk<'_>, outbox: &Outbox, ids: Vec<MessageId>) -> Vec<Due> {
    let now = desk.ambient.now();
    let due = ids.into_iter().filter_map(|id| {
        // What cannot be read is handed in, so that somebody says why.
        let sent = sent_header(desk, outbox, id).ok();
        let of = sent.as_ref().map(VerifiedHeader::addressing);
        of.is_none_or(|of| now < of.expires).then(|| Due::of(id, of))
    });
    due.collect()
}

/// Hands in a request, the same bytes until there is an answer: the relay's receipt. What is refused
/// for good is marked, and waits no longer; if it was sealed again meanwhile, that one is handed in.
///
/// # Errors
/// [`ClientError`]; unless it is marked, it waits.
pub async fn offer(relay: &Relay, outbox: &Outbox, id: MessageId) -> Result<Bytes, ClientError> {
    loop {
        let request = outbox.request(id)?;
        match relay.hand_in(&request).await {
            Err(error) if is_definite(&error) => {
                // What cannot be noted is asked again.
                if outbox.refuse((id, &request), &error.reason).unwrap_or(true) {
                    return Err(error);
                }
                // Another program had it accepted, or sealed it again.
                if let Some(accepted) = outbox.accepted_receipt(id)?
                    && !outbox.waits(id)
                {
                    return Ok(accepted);
                }
            }
            offered => return offered,
        }
    }
}

/// The relay's receipt for a message, if it has it: the answer to an earlier attempt may have been
/// lost.
///
/// # Errors
/// [`ClientError`].
pub async fn held(relay: &Relay, id: MessageId) -> Result<Option<Bytes>, ClientError> {
    match relay.status(id).await {
        Ok(status) => Ok(Some(status.accepted)),
        Err(error) if error.reason == Rule::UnknownMessage => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the relay says that a request must be sealed again.
#[must_use]
pub fn is_outdated(error: &ClientError) -> bool {
    let rule = error.reason.rule();
    let again = [Rule::StaleDirectory, Rule::ViewAhead, Rule::KeyNotInForce, Rule::IssuedInFuture];
    rule.is_some_and(|rule| again.contains(&rule))
}

/// Whether the relay gave a reason that the same request cannot outlive. What is not known here is
/// none, and what did not come from a service of ours has other reasons.
pub(super) fn is_definite(error: &ClientError) -> bool {
    // By our own clock it expires, not by the relay's.
    let of_expiry = error.facts.of_expiry;
    error.reason.rule().is_some_and(|rule| DEFINITE.contains(&rule)) && !of_expiry
}

/// Those reasons of the relay that say something of the bytes, or of a directory that the sender saw.
const DEFINITE: [Rule; 29] = [
    Rule::TooLarge,
    Rule::NotCanonical,
    Rule::UnknownKind,
    Rule::OtherDirectory,
    Rule::OtherGenesis,
    Rule::SignaturesUnsorted,
    Rule::DuplicateSignature,
    Rule::WrongPurpose,
    Rule::BadSignature,
    Rule::BelowThreshold,
    Rule::SuperfluousSignature,
    Rule::NotTheSender,
    Rule::InvalidField,
    Rule::WrongThread,
    Rule::ViewBefore,
    Rule::NotALevel,
    Rule::ForeignView,
    Rule::UnknownContact,
    Rule::RecipientListed,
    Rule::RecipientWithoutSeats,
    Rule::BodySize,
    Rule::BodyDigest,
    Rule::NotSealed,
    Rule::WrongLetters,
    Rule::IdUsedTwice,
    Rule::UnknownMessage,
    Rule::MessageExpired,
    Rule::ReceiptNotDue,
    Rule::NotYetSupported,
];

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use hyper_util::rt::TokioIo;
    use tempfile::TempDir;
    use tokio::sync::Notify;
    use tokio_stream::Iter;
    use tonic::transport::{Channel, Endpoint, Server};
    use tonic::{Request as Asked, Response, Status};

    use crate::client::error::Side;
    use crate::client::message::compose::Outside;
    use crate::client::message::content;
    use crate::client::message::open::Reader;
    use crate::client::message::receipt::Place;
    use crate::client::outbox::{OutboxError, Request};
    use crate::client::reach::call::Patience;
    use crate::crypto::hash::Digest;
    use crate::domain::limits;
    use crate::domain::refusal::{Fault, Refusal, Wrong};
    use crate::domain::relay::envelope;
    use crate::office::index::Index;
    use crate::signed::proto::{Outcome, Urgency};
    use crate::wire::v1::relay_service_server::{RelayService, RelayServiceServer};
    use crate::wire::{status, v1};
    use crate::world::relay::{self, AT, FR, Net, seat, sign_key};
    use crate::world::testlog::ambient_at;

    use super::*;

    type Answered<T> = Result<Response<T>, Status>;

    /// A relay that refuses what it is asked, one status a call. When it has none left, it has a receipt,
    /// or drops the connection.
    #[derive(Clone, Default)]
    struct Says {
        says: Arc<Mutex<Vec<Status>>>,
        has: Option<Bytes>,
        drops: Arc<Notify>,
    }

    #[tonic::async_trait]
    impl RelayService for Says {
        type CollectStream = Iter<std::vec::IntoIter<Result<v1::CollectResponse, Status>>>;

        async fn collect(&self, _: Asked<v1::CollectRequest>) -> Answered<Self::CollectStream> {
            Err(Status::unimplemented(""))
        }

        async fn get_body(&self, _: Asked<v1::GetBodyRequest>) -> Answered<v1::GetBodyResponse> {
            Err(Status::unimplemented(""))
        }

        async fn submit(&self, _: Asked<v1::SubmitRequest>) -> Answered<v1::SubmitResponse> {
            let accepted = self.answer().await?;
            Ok(Response::new(v1::SubmitResponse { accepted }))
        }

        async fn acknowledge(
            &self,
            _: Asked<v1::AcknowledgeRequest>,
        ) -> Answered<v1::AcknowledgeResponse> {
            Err(Status::unimplemented(""))
        }

        async fn get_status(
            &self,
            _: Asked<v1::GetStatusRequest>,
        ) -> Answered<v1::GetStatusResponse> {
            let accepted = self.answer().await?;
            Ok(Response::new(v1::GetStatusResponse { accepted, ..Default::default() }))
        }
    }

    impl Says {
        async fn answer(&self) -> Result<Bytes, Status> {
            let says = self.says.lock().unwrap().pop();
            match (says, &self.has) {
                (Some(says), _) => Err(says),
                (None, Some(receipt)) => Ok(receipt.clone()),
                (None, None) => {
                    self.drops.notify_one();
                    std::future::pending().await
                }
            }
        }

        fn saying(says: &[Status]) -> Self {
            Self { says: Arc::new(Mutex::new(says.to_vec())), ..Self::default() }
        }

        /// On one connection, for who asks once.
        fn relay(&self) -> Relay {
            Relay::new(self.channel(), Patience::SOME)
        }

        fn channel(&self) -> Channel {
            let ((near, mut left), (mut right, far)) =
                (tokio::io::duplex(1 << 16), tokio::io::duplex(1 << 16));
            let incoming = tokio_stream::once(Ok::<_, std::io::Error>(far));
            let service = RelayServiceServer::new(self.clone());
            drop(tokio::spawn(
                Server::builder().add_service(service).serve_with_incoming(incoming),
            ));
            let drops = self.drops.clone();
            drop(tokio::spawn(async move {
                tokio::select! {
                    () = drops.notified() => {}
                    _ = tokio::io::copy_bidirectional(&mut left, &mut right) => {}
                }
            }));
            let mut near = Some(near);
            let connector = tower::service_fn(move |_: http::Uri| {
                let near = near.take().map(TokioIo::new);
                async move { near.ok_or_else(|| std::io::Error::other("one connection")) }
            });
            Endpoint::from_static("http://relay").connect_with_connector_lazy(connector)
        }
    }

    /// The outbox of a seat in which one notification waits.
    struct Waits {
        net: Net,
        outbox: Outbox,
        id: MessageId,
        dir: TempDir,
    }

    impl Waits {
        fn new() -> Self {
            let (net, dir) = (Net::new(), tempfile::tempdir().unwrap());
            let outbox = Outbox::of(dir.path());
            let sealed = net.notification();
            let request = Request::submit(sealed.envelope);
            outbox.put((sealed.id, sealed.header_digest), &request).unwrap();
            Self { net, outbox, id: sealed.id, dir }
        }

        fn due(&self) -> Vec<MessageId> {
            self.all_due().into_iter().map(|due| due.id).collect()
        }

        fn all_due(&self) -> Vec<Due> {
            let (own, keys, sign) = (seat(AT), Vec::new(), sign_key(AT));
            let root_at = |size| self.net.tree.root_at(size);
            let (directory, view) = (&self.net.directory, self.net.view());
            let reader = Reader { directory, root_at: &root_at, seat: &own, keys: &keys };
            let index = &Index::default();
            let desk = Desk { reader, index, sign: &sign, view, ambient: &self.net.ambient };
            due(&desk, &self.outbox, &self.outbox.look().unwrap())
        }

        async fn offer(&self, relay: &Says) -> ClientError {
            offer(&relay.relay(), &self.outbox, self.id).await.unwrap_err()
        }
    }

    /// Another program had it accepted meanwhile; a relay that was restored knows nothing of it.
    #[tokio::test(start_paused = true)]
    async fn what_was_accepted_meanwhile_is_offered_no_more() {
        let (waits, receipt) = (Waits::new(), Bytes::from_static(b"accepted"));
        waits.outbox.accepted(waits.id, &receipt).unwrap();
        let relay = Says::saying(&[status::of(&Refusal::field("recipients", Wrong::Expired))]);
        let offered = offer(&relay.relay(), &waits.outbox, waits.id).await;
        assert_eq!((offered, waits.outbox.refused(waits.id).unwrap()), (Ok(receipt), None));
    }

    #[test]
    fn messages_go_before_receipts_and_the_most_urgent_first() {
        let mut waits = Waits::new();
        let came = waits.net.outside(FR, &["at/cert-at"]);
        let came = waits.net.seal(came, &relay::notification(0));
        waits.net.submit(&came.envelope).unwrap();
        let net = &waits.net;
        let put = |outside, inside| {
            let sealed = net.seal(outside, &inside);
            let request = Request::submit(sealed.envelope);
            waits.outbox.put((sealed.id, sealed.header_digest), &request).unwrap();
            sealed.id
        };
        let came = envelope::verify_header(&net.directory, &came.envelope.header).unwrap();
        let about = (came.digest(), came.addressing());
        let outside =
            Outside::answering(&net.directory, seat(AT), about, Class::Receipt, net.view());
        let (contact, mailbox) = (seat(AT).contact(), net.mailbox(&seat(AT).contact()));
        let place = Place { contact, mailbox }.to_proto();
        let inside = content::delivered(came.digest(), (Outcome::Opened, None), place, 0);
        let receipt = put(Outside { urgency: Urgency::Flash, ..outside }, inside);
        let [second, flash] = [Urgency::Routine, Urgency::Flash].map(|urgency| {
            let outside = Outside { urgency, ..net.outside(AT, &["fr/cert-fr"]) };
            put(outside, relay::notification(0))
        });
        let mut routine = [waits.id, second];
        routine.sort();
        assert_eq!(waits.due(), [flash, routine[0], routine[1], receipt]);
        let counted = waits.all_due().into_iter().map(|due| due.counted);
        let (alert, message) = (Counted::Alert, Counted::Message);
        assert!(counted.eq([alert, message, message, Counted::Receipt]));
        let to: Vec<_> = waits.net.outside(AT, &["fr/cert-fr"]).recipients;
        assert_eq!(waits.all_due()[0].to, [to[0].contact.clone()]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_whose_answer_is_lost_stays_due() {
        let waits = Waits::new();
        let error = waits.offer(&Says::default()).await;
        assert_eq!((waits.due(), waits.outbox.refused(waits.id).unwrap()), (vec![waits.id], None));
        assert_ne!(error.side, Side::Ours, "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_definite_refusal_leaves_a_request_due() {
        let busy = || status::busy("later", Duration::from_secs(1));
        let field = |field| status::of(&Refusal::field(field, Wrong::Expired));
        let full = |retry| Refusal::MailboxShare { contacts: vec![seat(AT).contact()], retry };
        for says in [
            vec![status::of(&Refusal::Internal(Fault::PastTheDoor))],
            vec![busy(), busy(), busy(), busy()],
            vec![status::of(&Refusal::ClockInDoubt)],
            vec![status::of(&Refusal::IssuedInFuture { issued: 301, at: 0 })],
            vec![status::of(&Refusal::QuotaExceeded { kept: 1, limit: 1 })],
            vec![status::of(&Refusal::StorageFull)],
            vec![status::of(&Refusal::StorageReadOnly)],
            vec![status::of(&full(None))],
            vec![status::of(&full(Some(30)))],
            vec![field("expires")],
            vec![Status::unknown("a proxy's")],
            vec![Status::internal("a library's")],
            vec![Status::invalid_argument("a later service's")],
            vec![Status::permission_denied("a proxy's")],
        ] {
            let waits = Waits::new();
            let error = waits.offer(&Says::saying(&says)).await;
            assert_eq!(waits.due(), [waits.id], "{error}");
        }
        let waits = Waits::new();
        waits.offer(&Says::saying(&[field("recipients")])).await;
        let refused = waits.outbox.refused(waits.id).unwrap();
        assert_eq!((waits.due(), refused), (vec![], Some(Rule::InvalidField.into())));
    }

    #[test]
    fn what_was_sealed_again_meanwhile_is_not_refused() {
        let waits = Waits::new();
        let before = waits.outbox.request(waits.id).unwrap();
        let again = waits.net.notification();
        let digest = again.header_digest;
        let again = Request::submit(again.envelope);
        let replaced = waits.outbox.replace((waits.id, &before), || {
            let lock = std::fs::File::open(waits.dir.path().join("lock")).unwrap();
            assert!(lock.try_lock().is_err(), "another program would seal it, too");
            Ok::<_, OutboxError>((digest, again.clone()))
        });
        replaced.unwrap();
        assert!(!waits.outbox.refuse((waits.id, &before), &Rule::WrongLetters.into()).unwrap());
        assert_eq!(waits.due(), [waits.id]);
        assert!(waits.outbox.refuse((waits.id, &again), &Rule::WrongLetters.into()).unwrap());
        assert_eq!(waits.due(), []);
        waits.outbox.retry(waits.id).unwrap();
        assert_eq!(waits.due(), [waits.id]);
        assert!(waits.outbox.refuse((waits.id, &again), &Rule::WrongLetters.into()).unwrap());
        // And it is not sealed any more.
        let replaced = waits
            .outbox
            .replace((waits.id, &again), || Ok::<_, OutboxError>((digest, before.clone())));
        assert_eq!((replaced.unwrap(), waits.outbox.request(waits.id).unwrap()), ((), again));
    }

    /// After a crash at any moment one of the two is handed in, and never both.
    #[test]
    fn what_goes_to_the_others_takes_the_place_of_what_waits_at_once() {
        let waits = Waits::new();
        let (outbox, before) = (&waits.outbox, waits.outbox.request(waits.id).unwrap());
        let others = waits.net.notification();
        let request = Request::submit(others.envelope);
        let instead = || {
            let of = (others.id, others.header_digest);
            outbox.put_instead(of, &request, (waits.id, &before)).unwrap()
        };
        // It crashed when the mark was written.
        let mark = waits.dir.path().join(waits.id.to_string()).join("went-as");
        std::fs::write(&mark, others.id.to_string()).unwrap();
        assert_eq!((waits.due(), outbox.went_as(waits.id).unwrap()), (vec![waits.id], None));
        assert!(instead());
        assert_eq!(waits.due(), [others.id]);
        assert_eq!(outbox.went_as(waits.id).unwrap(), Some(others.id));
        assert_eq!((outbox.refused(waits.id).unwrap(), outbox.waits(waits.id)), (None, false));
        // It waits no more, and is not sealed again; nor does another take its place.
        assert!(!instead());
        let sealed = outbox.replace((waits.id, &before), || {
            Err::<(Digest, Request), _>(OutboxError::Unknown(waits.id))
        });
        assert!(sealed.is_ok());
    }

    /// Who stays asks with each head.
    #[test]
    fn what_went_is_looked_at_once() {
        let waits = Waits::new();
        let accepted = waits.dir.path().join(waits.id.to_string()).join("accepted");
        assert_eq!(waits.outbox.pending().unwrap(), [waits.id]);
        // Another program hands it in.
        std::fs::write(&accepted, "receipt").unwrap();
        assert_eq!(waits.outbox.pending().unwrap(), []);
        std::fs::remove_file(&accepted).unwrap();
        assert_eq!(waits.outbox.clone().pending().unwrap(), [], "it was not looked at");
        assert_eq!(Outbox::of(waits.dir.path()).pending().unwrap(), [waits.id]);
        // What is refused may be said again.
        let other = Outbox::of(waits.dir.path());
        assert!(
            other.refuse((waits.id, &other.request(waits.id).unwrap()), &"CLOSED".into()).unwrap()
        );
        assert_eq!(other.pending().unwrap(), []);
        other.retry(waits.id).unwrap();
        assert_eq!(other.pending().unwrap(), [waits.id]);
    }

    /// Older data was put back there.
    #[test]
    fn what_the_relay_has_lost_waits_again_with_the_same_bytes() {
        let waits = Waits::new();
        let (outbox, id) = (&waits.outbox, waits.id);
        let before = outbox.request(id).unwrap();
        let accepted = || outbox.accepted(id, &Bytes::from_static(b"receipt")).unwrap();
        outbox.offer_again(id).unwrap();
        assert!(!outbox.state(id).unwrap().lost, "it was never there");
        accepted();
        assert_eq!(waits.due(), []);
        outbox.offer_again(id).unwrap();
        assert_eq!((waits.due(), outbox.state(id).unwrap().lost), (vec![id], true));
        assert_eq!(outbox.request(id).unwrap(), before);
        assert_eq!(outbox.accepted_receipts(id).unwrap().len(), 1, "what was said stays");
        outbox.has_again(id).unwrap();
        assert_eq!((waits.due(), outbox.state(id).unwrap().lost), (vec![], false));
        // Sealed again, it is another header, of which nothing was said.
        outbox.offer_again(id).unwrap();
        let again = waits.net.notification();
        let (digest, again) = (again.header_digest, Request::submit(again.envelope));
        let replaced =
            outbox.replace((id, &before), || Ok::<_, OutboxError>((digest, again.clone())));
        replaced.unwrap();
        assert_eq!((outbox.accepted_receipts(id).unwrap(), waits.due()), (vec![], vec![id]));
        // And it may be refused for good.
        accepted();
        outbox.offer_again(id).unwrap();
        assert!(outbox.refuse((id, &again), &Rule::WrongLetters.into()).unwrap());
        assert_eq!(waits.due(), []);
    }

    #[test]
    fn nothing_takes_the_place_of_what_was_accepted_meanwhile() {
        let waits = Waits::new();
        let before = waits.outbox.request(waits.id).unwrap();
        waits.outbox.accepted(waits.id, &Bytes::from_static(b"receipt")).unwrap();
        let others = waits.net.notification();
        let (of, request) = ((others.id, others.header_digest), Request::submit(others.envelope));
        assert!(!waits.outbox.put_instead(of, &request, (waits.id, &before)).unwrap());
        assert_eq!((waits.due(), waits.outbox.ids().unwrap()), (vec![], vec![waits.id]));
    }

    #[tokio::test(start_paused = true)]
    async fn before_it_is_sealed_again_the_relay_is_asked_whether_it_has_it() {
        let id = MessageId::new(1, [1; 10]);
        let receipt = Bytes::from_static(b"receipt");
        let has = Says { has: Some(receipt.clone()), ..Says::default() };
        assert_eq!(held(&has.relay(), id).await.unwrap(), Some(receipt));
        let unknown = Says::saying(&[status::of(&Refusal::UnknownMessage(id.into()))]);
        assert_eq!(held(&unknown.relay(), id).await.unwrap(), None);
        let fault = status::of(&Refusal::Internal(Fault::PastTheDoor));
        let fault = Says::saying(&vec![fault; 9]);
        assert_eq!(held(&fault.relay(), id).await.unwrap_err().reason, "INTERNAL");
    }

    #[test]
    fn what_ends_with_the_directory_is_sealed_again() {
        let key = sign_key(AT).public().id();
        let contact = || seat(AT).contact();
        let outdated = |why: Refusal| is_outdated(&ClientError::from(why));
        assert!(outdated(Refusal::StaleDirectory(contact())));
        assert!(outdated(Refusal::ViewAhead { size: 1, found: 2 }));
        assert!(outdated(Refusal::KeyNotInForce(key)));
        assert!(!outdated(Refusal::UnknownKey(key)));
        assert!(!outdated(Refusal::RecipientWithoutSeats(contact())));
    }

    #[test]
    fn a_request_that_expired_is_not_due() {
        let mut waits = Waits::new();
        let expires = waits.net.ambient.now() + limits::MESSAGE_SECONDS;
        waits.net.ambient = ambient_at(expires - 60);
        assert_eq!(waits.due(), [waits.id]);
        waits.net.ambient = ambient_at(expires + 60);
        assert_eq!(waits.due(), []);
    }

    /// A reason that is new on the page is put on one side or the other, by hand.
    #[test]
    fn every_reason_of_the_relay_is_definite_or_leaves_it_due() {
        const PAGE: &str = include_str!("../../docs/protocol.md");
        let (_, section) = PAGE.split_once("\n### 7.3 ").unwrap();
        let (section, _) = section.split_once("\n### 7.4 ").unwrap();
        let words = section.split('`').skip(1).step_by(2).filter_map(|word| word.split(':').next());
        let is_code = |word: &&str| {
            let mut bytes = word.bytes();
            !word.is_empty() && bytes.all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        };
        let page: Vec<&str> = words.filter(is_code).collect();
        let codes = |of: &[Rule]| of.iter().map(|rule| rule.code()).collect::<Vec<_>>();
        let [definite, left_due] = [codes(&DEFINITE), codes(&LEFT_DUE)];
        for reason in &page {
            let sides = [definite.contains(reason), left_due.contains(reason)];
            assert_eq!(sides.iter().filter(|side| **side).count(), 1, "{reason}");
        }
        // "SIGNATURES_UNSORTED ... SUPERFLUOUS_SIGNATURE" on the page.
        let between = ["DUPLICATE_SIGNATURE", "UNKNOWN_KEY", "WRONG_PURPOSE", "BAD_SIGNATURE"];
        for reason in definite.iter().chain(&left_due) {
            let between = between.contains(reason)
                || ["KEY_NOT_IN_FORCE", "BELOW_THRESHOLD"].contains(reason);
            assert!(page.contains(reason) || between, "{reason}");
        }
    }

    const LEFT_DUE: [Rule; 15] = [
        Rule::BodyDamaged,
        Rule::StoreDamaged,
        Rule::StorageFull,
        Rule::StorageReadOnly,
        Rule::UnknownKey,
        Rule::KeyNotInForce,
        Rule::IssuedInFuture,
        Rule::ViewAhead,
        Rule::StaleDirectory,
        Rule::MailboxShare,
        Rule::QuotaExceeded,
        Rule::NotPermitted,
        Rule::Certificate,
        Rule::Busy,
        Rule::Internal,
    ];
}
