//! What waits and what went, for this command and the next: nothing that waits is ever missed.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::client::files::faults;
use crate::client::format::{self, OUTBOX_INDEX};
use crate::signed::dsse::Kind;
use crate::world::relay::{FR, Net, sign_key};

fn id(number: u64) -> MessageId {
    MessageId::new(number, [7; 10])
}

fn digest(number: u64) -> Digest {
    Digest::of(&number.to_be_bytes())
}

fn message(number: u64) -> Request {
    let header = Bytes::copy_from_slice(&number.to_be_bytes());
    Request::submit(v1::Envelope { header, ..v1::Envelope::default() })
}

/// The acknowledgement of a header.
fn acknowledgement(about: Digest) -> Request {
    let says = proto::Acknowledgement {
        header_digest: Bytes::copy_from_slice(about.as_bytes()),
        seat: FR.to_owned(),
        ..Default::default()
    };
    let (key, net) = (sign_key(&format!("{FR} sign")), Net::new());
    let random = net.ambient.random();
    let signed = Envelope::sign(Kind::Acknowledgement, says.encode_to_vec(), &[&key], random);
    Request::Acknowledge(v1::AcknowledgeRequest {
        acknowledgement: signed.unwrap().bytes().clone(),
        number: 1,
        words: None,
    })
}

struct World {
    dir: TempDir,
}

impl World {
    /// Message 1 waits, message 2 and the acknowledgement 3 went.
    fn new() -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap() };
        let outbox = world.open();
        for (number, request) in [(1, message(1)), (2, message(2)), (3, acknowledgement(digest(9)))]
        {
            outbox.put((id(number), digest(number)), &request).unwrap();
        }
        for number in [2, 3] {
            outbox.accepted(id(number), &RECEIPT).unwrap();
        }
        world
    }

    /// As the next command opens it.
    fn open(&self) -> Outbox {
        Outbox::of(self.dir.path())
    }

    /// As who stays: it has looked.
    fn looked(&self) -> Outbox {
        let outbox = self.open();
        outbox.pending().unwrap();
        outbox
    }

    /// Looks, and keeps what it saw.
    fn kept(self) -> Self {
        self.looked().keep_index().unwrap();
        self
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn of(&self, number: u64, name: &str) -> PathBuf {
        self.file(&id(number).to_string()).join(name)
    }
}

fn acknowledgements(outbox: &Outbox) -> Result<Acknowledgements, OutboxError> {
    outbox.acknowledgements(&outbox.look()?)
}

/// Seen by what is not looked at any more.
#[test]
fn what_went_is_known_to_the_next_command() {
    let world = World::new().kept();
    for name in [ACCEPTED, SUBMIT] {
        fs::remove_file(world.of(2, name)).unwrap();
    }
    fs::remove_file(world.of(3, ACKNOWLEDGE)).unwrap();
    assert_eq!(world.open().pending().unwrap(), [id(1)]);
    let found = acknowledgements(&world.open()).unwrap();
    assert_eq!(found.accepted, BTreeMap::from([(digest(9), vec![id(3)])]));
    assert_eq!(found.others, BTreeMap::new());
}

#[test]
fn an_index_that_is_not_whole_is_made_again() {
    let whole = fs::read(World::new().kept().file("index")).unwrap();
    let mut altered = whole.clone();
    *altered.last_mut().unwrap() ^= 1;
    let other = [b"liaison outbox index 3\n", &whole[OUTBOX_INDEX.len()..]].concat();
    // What a later program may write in this form, and what ends too early.
    let rows = format::content(OUTBOX_INDEX, &whole).unwrap();
    let (cut, mut unknown) = (&rows[..rows.len() - 1], rows.to_vec());
    unknown[16] = 2;
    let [cut, unknown] = [cut, &unknown].map(|rows| format::summed(OUTBOX_INDEX, rows));
    let spoilt = [&whole[..whole.len() - 1], &whole[..3], &altered, &other, &cut, &unknown, b""];
    for bytes in spoilt {
        let world = World::new();
        fs::write(world.file("index"), bytes).unwrap();
        let outbox = world.looked();
        assert_eq!(acknowledgements(&outbox).unwrap().accepted.len(), 1);
        outbox.keep_index().unwrap();
        assert_eq!(fs::read(world.file("index")).unwrap(), whole);
    }
}

/// Nothing is written where nothing went.
#[test]
fn an_index_is_written_when_something_went() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::of(&dir.path().join("outbox"));
    assert_eq!(outbox.pending().unwrap(), []);
    outbox.keep_index().unwrap();
    assert!(!dir.path().join("outbox").exists());
    outbox.put((id(1), digest(1)), &message(1)).unwrap();
    assert_eq!(outbox.pending().unwrap(), [id(1)]);
    outbox.keep_index().unwrap();
    assert!(!dir.path().join("outbox/index").exists());
    outbox.accepted(id(1), &RECEIPT).unwrap();
    assert_eq!(outbox.pending().unwrap(), []);
    outbox.keep_index().unwrap();
    assert!(dir.path().join("outbox/index").exists());
}

/// A service that was set back has lost it: whoever knew that it went must see it.
#[test]
fn what_is_offered_again_waits_whoever_knew_that_it_went() {
    let world = World::new().kept();
    let stays = world.looked();
    world.open().offer_again(id(2)).unwrap();
    let both = [id(1), id(2)];
    assert_eq!(stays.pending().unwrap(), both, "who stays sees it");
    // And writes what it knew before.
    stays.keep_index().unwrap();
    assert_eq!(world.open().pending().unwrap(), both, "the next command sees it");
    world.open().has_again(id(2)).unwrap();
    for outbox in [&stays, &world.open()] {
        assert_eq!(outbox.pending().unwrap(), [id(1)]);
    }
    assert!(!world.file(OFFERED).join(id(2).to_string()).exists());
}

/// The power goes between two files: it waits, or the relay has it.
#[test]
fn what_is_half_offered_is_judged_by_its_own_files() {
    let world = World::new().kept();
    files::replace(&world.open().offered(id(2)), b"").unwrap();
    assert_eq!(world.open().pending().unwrap(), [id(1)], "it was not offered");
    files::replace(&world.of(2, LOST), b"").unwrap();
    assert_eq!(world.open().pending().unwrap(), [id(1), id(2)]);
    // Of a home of an earlier program, which knew no such list.
    let world = World::new();
    files::replace(&world.of(2, LOST), b"").unwrap();
    assert_eq!(world.kept().open().pending().unwrap(), [id(1), id(2)]);
}

/// Wherever offering it again, or the word that the relay has it, is cut off.
#[test]
fn what_is_marked_as_lost_is_seen_by_whoever_knew_that_it_went() {
    type Act = fn(&Outbox) -> Result<(), OutboxError>;
    let acts: [Act; 2] = [|outbox| outbox.offer_again(id(2)), |outbox| outbox.has_again(id(2))];
    for (act, lost_before) in acts.into_iter().zip([false, true]) {
        for some in 0.. {
            let world = World::new().kept();
            if lost_before {
                world.open().offer_again(id(2)).unwrap();
            }
            let whole = faults::after(some, || act(&world.open())).is_ok();
            let lost = world.open().state(id(2)).unwrap().lost;
            let waits = world.open().pending().unwrap().contains(&id(2));
            assert_eq!(waits, lost, "after {some} steps");
            if whole {
                assert_eq!(lost, !lost_before);
                break;
            }
        }
    }
}

#[test]
fn an_acknowledgement_that_is_offered_again_stands_until_it_is_sealed_again() {
    let world = World::new().kept();
    let outbox = world.open();
    outbox.offer_again(id(3)).unwrap();
    let accepted = BTreeMap::from([(digest(9), vec![id(3)])]);
    assert_eq!(acknowledgements(&outbox).unwrap().accepted, accepted, "the relay had it");
    let before = outbox.request(id(3)).unwrap();
    let sealed = || Ok::<_, OutboxError>((digest(4), acknowledgement(digest(9))));
    outbox.replace((id(3), &before), sealed).unwrap();
    let found = acknowledgements(&world.open()).unwrap();
    assert_eq!((found.accepted, found.others), (BTreeMap::new(), accepted));
}

/// The first may be refused, and the next one wait.
#[test]
fn of_several_acknowledgements_of_one_header_each_stands_where_it_is() {
    let world = World::new();
    let outbox = world.open();
    for number in [4, 5, 6] {
        outbox.put((id(number), digest(number)), &acknowledgement(digest(9))).unwrap();
    }
    outbox.accepted(id(6), &RECEIPT).unwrap();
    let those = |numbers: [u64; 2]| BTreeMap::from([(digest(9), numbers.map(id).to_vec())]);
    for outbox in [world.open(), world.kept().open()] {
        let found = acknowledgements(&outbox).unwrap();
        assert_eq!((found.accepted, found.others), (those([3, 6]), those([4, 5])));
    }
}

#[test]
fn an_acknowledgement_that_cannot_be_read_keeps_nothing_else_back() {
    let world = World::new();
    fs::write(world.of(3, ACKNOWLEDGE), [0xff]).unwrap();
    assert_eq!(world.open().pending().unwrap(), [id(1)]);
    let world = world.kept();
    let damaged = acknowledgements(&world.open());
    assert!(matches!(damaged, Err(OutboxError::File(FileError::Damaged(_)))), "{damaged:?}");
}

/// What is refused, or went as another, is no business of the index: it may wait again.
#[test]
fn what_was_refused_is_looked_at_each_time() {
    let world = World::new();
    let outbox = world.looked();
    assert!(outbox.refuse((id(1), &message(1)), &"CLOSED".into()).unwrap());
    assert_eq!(outbox.pending().unwrap(), []);
    outbox.keep_index().unwrap();
    world.open().retry(id(1)).unwrap();
    assert_eq!(outbox.pending().unwrap(), [id(1)]);
    assert_eq!(world.open().pending().unwrap(), [id(1)]);
}

#[test]
fn what_a_request_acknowledges_is_read_in_it() {
    assert_eq!(acknowledgement(digest(9)).about(), Some(digest(9)));
    assert_eq!(message(1).about(), None);
    let Request::Acknowledge(request) = acknowledgement(digest(9)) else {
        panic!("another request")
    };
    let cut = request.acknowledgement.slice(1..);
    let spoilt = v1::AcknowledgeRequest { acknowledgement: cut, ..request };
    assert_eq!(Request::Acknowledge(spoilt).about(), None);
}

const RECEIPT: Bytes = Bytes::from_static(b"receipt");
