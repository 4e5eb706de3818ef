//! The whole way of a message: looked up, sealed, submitted, collected, opened, receipted,
//! acknowledged, and every signature on the way verified against a replica folded from entry 0.

use liaison::client::message::acknowledge::acknowledge;
use liaison::client::message::compose::Outside;
use liaison::client::message::content::{Inside, delivered};
use liaison::client::message::open::{Opened, Reader, Received, RootAt, open};
use liaison::client::message::receipt::{self, About, Comparison, Place};
use liaison::client::message::words;
use liaison::domain::ids::ContactId;
use liaison::domain::limits;
use liaison::domain::state::EntryKind;
use liaison::domain::view::View;
use liaison::signed::dsse::Envelope;
use liaison::signed::proto::{self, Class, Level, Outcome, Use};
use liaison::store::Engine;
use liaison::tlog::{merkle, proof};
use liaison::wire::v1::{GetStatusRequest, Item, LookUpRequest, ProvenEntry};
use prost::Message as _;
use tonic::Code;

use crate::support::says;
use crate::support::{Client, Party, Replica, TestNet, alert, key, opening, refusal};

/// Opens an item as the seat it was collected by.
fn opened(replica: &Replica, seat: &liaison::domain::ids::SeatId, item: &Item) -> Opened {
    let keys = [opening(&format!("{seat} seal"))];
    let root_at = |size| replica.root_at(size);
    let directory = &replica.directory;
    let reader = Reader { directory, root_at: &root_at, seat, keys: &keys };
    open(&reader, &Received::from(item)).unwrap()
}

fn accepted(
    replica: &Replica,
    digest: liaison::crypto::hash::Digest,
    to: &ContactId,
    bytes: &[u8],
) -> receipt::VerifiedAccepted {
    let root_at = |size| replica.root_at(size);
    let about = About { digest, contacts: vec![to.clone()], view: replica.view().size };
    receipt::verify_accepted((&replica.directory, &root_at), &about, bytes).unwrap()
}

fn is_proven(replica: &Replica, proven: &ProvenEntry, says: impl FnOnce(&[u8]) -> bool) {
    let path = liaison::wire::convert::digests("inclusion", &proven.inclusion).unwrap();
    let View { size, root } = replica.view();
    let leaf = merkle::leaf_hash(&proven.entry);
    proof::verify_inclusion(leaf, proven.leaf_index, size, &path, root).unwrap();
    let entry = proto::Entry::decode(proven.entry.clone()).unwrap();
    let Some(proto::entry::Leaf::Statement(statement)) = entry.leaf else { panic!("a statement") };
    assert!(says(Envelope::parse(&statement, 1 << 20).unwrap().payload()));
}

async fn looked_up(replica: &Replica, client: &mut Client, party: &Party) {
    let request = LookUpRequest { contact: party.contact.to_string() };
    let answer = client.directory.look_up(request).await.unwrap().into_inner();
    let contact = replica.directory.contact(&party.contact).unwrap();
    is_proven(replica, &answer.record.unwrap(), |payload| {
        payload == contact.record.as_ref().unwrap().payload
    });
    is_proven(replica, &answer.roster.unwrap(), |payload| {
        proto::Roster::decode(payload).unwrap().contact == party.contact.as_str()
    });
}

/// A message with each size of body, from one contact to another and back.
async fn the_whole_way(engine: Engine) {
    let net = TestNet::on(engine).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let (mut sender, mut reader) = (net.client(&fr.tls()).await, net.client(&jp.tls()).await);
    let mut colleague = net.client(&format!("{} tls", jp.seats[1])).await;
    let replica = Replica::fold(&mut sender).await;
    assert_eq!(replica.directory, net.service.state().directory);
    looked_up(&replica, &mut sender, &jp).await;

    let mut sent = Vec::new();
    for (text, size) in [10, 8_000, 40_000, 150_000, 900_000].into_iter().zip(limits::BODY_BYTES) {
        let inside = alert(&"x".repeat(text));
        let outside = fr.outside(&[&jp], &replica);
        let sealed = fr.seal(outside, &inside, &replica, &net.open.ambient);
        assert_eq!(sealed.envelope.body.len() as u64, size);
        let bytes = sender.submit(sealed.envelope.clone()).await.unwrap();
        let receipt = accepted(&replica, sealed.header_digest, &jp.contact, &bytes);
        assert_eq!(receipt.places()[0].mailbox.count, sent.len() as u64 + 1);
        sent.push((sealed, receipt, inside));
    }

    let collected = replica.collect(&mut reader, &jp.contact).await;
    assert_eq!(collected.items.len(), sent.len());
    assert_eq!(collected.mailbox, sent.last().unwrap().1.places()[0].mailbox);
    for (item, (sealed, _, inside)) in collected.items.iter().zip(&sent) {
        let opened = opened(&replica, jp.seat(), item);
        assert_eq!(opened.header.digest(), sealed.header_digest);
        assert_eq!(opened.inside, *inside);
    }

    // A delivered receipt goes back, and tells the same story as the relay.
    let (sealed, told, _) = &sent[0];
    let message = opened(&replica, jp.seat(), &collected.items[0]);
    let seen = told.places()[0].to_proto();
    let says = delivered(message.header.digest(), (Outcome::Opened, None), seen, net.service.now());
    let answer = (message.header.digest(), message.header.addressing());
    let (of, seat, view) = (&replica.directory, jp.seat().clone(), replica.view());
    let outside = Outside::answering(of, seat, answer, Class::Receipt, view);
    let back = jp.seal(outside, &says, &replica, &net.open.ambient);
    reader.submit(back.envelope).await.unwrap();

    let words = words::words();
    let done = acknowledge(
        &replica.directory,
        (jp.seat(), &key(&format!("{} sign", jp.seat()))),
        (&message.header, 1),
        (words.clone(), None),
        replica.view(),
        &net.open.ambient,
    )
    .unwrap();
    let bytes = reader.relay.acknowledge(done.request.clone()).await.unwrap().into_inner().accepted;
    let receipt = accepted(&replica, done.words.header_digest, &fr.contact, &bytes);
    assert_eq!(receipt.places()[0].mailbox.count, 2, "after the delivered receipt");

    // The sender sees it in the status of his message, and in his mailbox.
    let request = GetStatusRequest { id: sealed.id.as_bytes().to_vec().into() };
    let status = sender.relay.get_status(request.clone()).await.unwrap().into_inner();
    let again = accepted(&replica, sealed.header_digest, &jp.contact, &status.accepted);
    assert_eq!(again.envelope().payload(), told.envelope().payload());
    let [open_part] = &status.acknowledgements[..] else { panic!("one acknowledgement") };
    let root_at = |size| replica.root_at(size);
    let known: (&_, RootAt<'_>) = (&replica.directory, &root_at);
    let verified = receipt::verify_acknowledgement(known, &message.header, open_part).unwrap();
    assert_eq!((verified.seat(), verified.level()), (jp.seat(), Level::Technical));

    let mail = replica.collect(&mut sender, &fr.contact).await;
    let [first, second] = &mail.items[..] else { panic!("a receipt and the words") };
    let first = opened(&replica, fr.seat(), first);
    let Inside::Delivered(says) = &first.inside else { panic!("a delivered receipt") };
    let seen = Place::read(says.place.as_ref()).unwrap();
    assert_eq!(receipt::compare(told, &seen, &first.inner), Comparison::Agree);
    let second = opened(&replica, fr.seat(), second);
    assert_eq!(second.inside, Inside::Words(Box::new(words)));

    // The colleague sees that the message is taken care of.
    let mail = replica.collect(&mut colleague, &jp.contact).await;
    let last = mail.items.last().unwrap();
    assert_eq!(last.kind, u32::from(EntryKind::Acknowledged.byte()));
    assert_eq!(last.acknowledgement, done.request.acknowledgement);
    assert!(last.body.is_empty() && last.letter.is_empty());
    let first = opened(&replica, &jp.seats[1], &mail.items[0]);
    assert_eq!(first.header.digest(), sealed.header_digest, "each seat opens with its own letter");

    // What others sent is not the reader's to ask about.
    let unknown = reader.relay.get_status(request).await.unwrap_err();
    assert_eq!(refusal(&unknown), (Code::NotFound, "UNKNOWN_MESSAGE".to_owned()));
}

#[tokio::test]
async fn a_message_goes_the_whole_way_in_memory() {
    the_whole_way(Engine::Memory).await;
}

#[tokio::test]
async fn a_message_goes_the_whole_way_on_redb() {
    the_whole_way(Engine::Redb).await;
}

#[tokio::test]
async fn a_message_goes_the_whole_way_on_sled() {
    the_whole_way(Engine::Sled).await;
}

#[tokio::test]
async fn an_expired_record_stops_no_alert() {
    let net = TestNet::memory().await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let expires = net.replica().directory.record(&jp.contact).unwrap().expires;
    net.open.clock.set(expires + 1);
    let mut sender = net.client(&fr.tls()).await;
    let sealed = fr.compose(&[&jp], &net.replica(), &net.open.ambient);
    assert!(sender.submit(sealed.envelope).await.is_ok());
}

/// The sender's key is replaced between the sending and the reading: old mail stays readable, and
/// can be acknowledged.
#[tokio::test]
async fn a_message_is_opened_and_acknowledged_after_its_senders_key_was_replaced() {
    let net = TestNet::memory().await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let mut sender = net.client(&fr.tls()).await;
    let sealed = fr.compose(&[&jp], &net.replica(), &net.open.ambient);
    sender.submit(sealed.envelope).await.unwrap();
    let replaced = says::roster(&net.replica(), fr.contact.as_str(), 2).with(|roster| {
        roster.seats[0].sign = Some(says::proven("a new key", "fr/cert/duty-1", Use::Sign));
    });
    net.say(replaced).await;
    let mut reader = net.client(&jp.tls()).await;
    let replica = Replica::fold(&mut reader).await;
    let collected = replica.collect(&mut reader, &jp.contact).await;
    let message = opened(&replica, jp.seat(), &collected.items[0]);
    let done = acknowledge(
        &replica.directory,
        (jp.seat(), &key(&format!("{} sign", jp.seat()))),
        (&message.header, 1),
        (words::words(), None),
        replica.view(),
        &net.open.ambient,
    );
    reader.relay.acknowledge(done.unwrap().request).await.unwrap();
}
