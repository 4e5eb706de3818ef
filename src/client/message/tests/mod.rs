//! Every layer of a message, held and broken.

mod expiry;
mod forged;
mod judged;

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message as _;

use crate::crypto::hash::Digest;
use crate::crypto::seal::{self, OpenError, OpeningKey, SealingKey};
use crate::domain::limits;
use crate::domain::refusal::{Refusal, Undue};
use crate::domain::relay::addressing::{self, OrLater, Recipient};
use crate::domain::relay::belief;
use crate::domain::relay::envelope;
use crate::domain::state::{EntryKind, Key, Mailbox, Usage, Value};
use crate::domain::view::View;
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, Class, Flag, Level, Outcome};
use crate::wire::v1;

use super::body::{self, InvalidLetterText, InvalidPadding};
use super::compose::{self, ComposeError, Outside, Reading, Sealed, compose};
use super::content::{self, Inside, InvalidContent, Writing};
use super::open::{NotOpened, Opened, Reader, Received, open};
use super::receipt::{self, About, Comparison, Place, ReceiptError, Told};
use crate::world::relay::{
    AT, FR, FR_2, Net, PT, contact, item, notification, opening_keys, seat, sign_key,
};

/// A message put together by hand, wrong in one layer.
struct Forge<'a> {
    net: &'a Net,
    /// Who signs the header.
    signer: &'static str,
    /// Of the header.
    addressing: Bytes,
    /// Of the body.
    plaintext: Vec<u8>,
    /// Of the letters, for id, body and key.
    text: fn(&Forge<'_>, Digest, &OpeningKey) -> String,
    /// Who gets a letter.
    seats: Vec<&'static str>,
    /// Done to the header before it is signed.
    header: fn(&mut proto::Header),
    /// Who signs the header, too.
    also: Vec<&'static str>,
}

impl<'a> Forge<'a> {
    fn of(net: &'a Net, sealed: &Sealed) -> Self {
        Self {
            net,
            signer: AT,
            addressing: sealed.addressing.bytes.clone(),
            plaintext: body::pad(sealed.inner.bytes()).unwrap().to_vec(),
            text: |forge, body, key| body::letter_text(forge.id(), body, key).to_string(),
            seats: vec![AT, FR, PT],
            header: |_| (),
            also: vec![],
        }
    }

    /// The same message, addressed otherwise within and without.
    fn readdressed(net: &'a Net, sealed: &Sealed, change: fn(&mut proto::Addressing)) -> Self {
        let addressing = readdressed(&sealed.addressing.bytes, change);
        let inner = inner(net, &addressing, &notification(0), AT);
        let plaintext = body::pad(inner.bytes()).unwrap().to_vec();
        Self { addressing, plaintext, ..Self::of(net, sealed) }
    }

    fn id(&self) -> crate::domain::ids::MessageId {
        let addressing = proto::Addressing::decode(self.addressing.clone()).unwrap();
        addressing.id[..].try_into().unwrap()
    }

    fn make(&self) -> v1::Envelope {
        let (ambient, key) = (&self.net.ambient, sign_key(&format!("{} sign", self.signer)));
        let (body, body_key) = compose::seal_body(&self.plaintext, ambient);
        let text = (self.text)(self, Digest::of(&body), &body_key);
        let letters: Vec<Bytes> = self
            .seats
            .iter()
            .map(|of| compose::letter(&reading(of), text.as_bytes(), ambient))
            .collect();
        let header = compose::header(&self.addressing, &body, &letters, &key, ambient).unwrap();
        let mut header = proto::Header::decode(header.payload().clone()).unwrap();
        (self.header)(&mut header);
        let also: Vec<_> = self.also.iter().map(|of| sign_key(&format!("{of} sign"))).collect();
        let keys: Vec<_> = [&key].into_iter().chain(&also).collect();
        let header = Envelope::sign(Kind::Header, header.encode_to_vec(), &keys, ambient.random());
        let header = header.unwrap().bytes().clone();
        v1::Envelope { header, body: body.into(), letters }
    }

    fn opened_by(&self, of: &str) -> Result<Opened, NotOpened> {
        self.net.open(of, &item(&self.make(), of))
    }
}

fn reading(of: &str) -> Reading {
    let raw = opening_keys(of, 1)[0].public().as_bytes().to_vec();
    let to = SealingKey::parse(&raw).unwrap();
    Reading { seat: seat(of), key: to.id(), to }
}

fn readdressed(bytes: &Bytes, change: impl FnOnce(&mut proto::Addressing)) -> Bytes {
    let mut addressing = proto::Addressing::decode(bytes.clone()).unwrap();
    change(&mut addressing);
    addressing::encode(&addressing)
}

fn to(contact: &str) -> proto::Recipient {
    proto::Recipient {
        contact: contact.to_owned(),
        level: Level::Technical.into(),
        ..Default::default()
    }
}

fn inner(net: &Net, addressing: &Bytes, content: &Inside, signer: &str) -> Envelope {
    let key = sign_key(&format!("{signer} sign"));
    compose::inner(addressing, content.encode(), &key, &net.ambient).unwrap()
}

#[test]
fn every_recipient_and_colleague_opens_what_was_sealed() {
    let net = Net::new();
    let sealed = net.notification();
    let accepted = envelope::verify(
        &net.directory,
        &sealed.envelope.header,
        sealed.envelope.body.clone(),
        &sealed.envelope.letters,
    );
    assert_eq!(accepted.unwrap().header().digest(), sealed.header_digest);
    assert_eq!(sealed.envelope.letters.len(), 6);
    for of in [AT, "at/cert-at/duty-2", FR, FR_2, PT, "pt/cert-pt/duty-2"] {
        let opened = net.open(of, &item(&sealed.envelope, of)).unwrap();
        assert_eq!(opened.inside, notification(0), "{of}");
        assert_eq!(
            (opened.sender(), opened.class()),
            (&seat(AT), OrLater::Known(Class::Notification))
        );
        assert_eq!(opened.header.digest(), sealed.header_digest);
        assert_eq!(opened.inner, sealed.inner);
        let level = opened.level_of(&seat(of).contact());
        assert_eq!(level, (!of.starts_with("at")).then_some(Level::Technical));
    }
}

#[test]
fn a_letter_is_an_age_identity_file_that_opens_the_body() {
    let net = Net::new();
    let sealed = net.notification();
    let letter = item(&sealed.envelope, FR).letter;
    let letter = envelope::read_letter(&letter).unwrap();
    let text = seal::open(&letter.age, &opening_keys(FR, 1)[0]).unwrap();
    let text = str::from_utf8(&text).unwrap();
    let comment =
        format!("# liaison message {} body {}\n", sealed.id, Digest::of(&sealed.envelope.body));
    assert!(text.starts_with(&comment), "{text}");
    // As `age -d -i -` reads it: comments skipped, one identity.
    let identity = OpeningKey::from_identity(text).unwrap();
    let plaintext = seal::open(&sealed.envelope.body, &identity).unwrap();
    assert_eq!(body::unpad(&plaintext), Ok(&sealed.inner.bytes()[..]));
}

#[test]
fn a_body_has_the_smallest_size_that_holds_it() {
    let net = Net::new();
    let size = |bytes: usize| {
        let outside = net.outside(AT, &["fr/cert-fr"]);
        let key = sign_key(&format!("{AT} sign"));
        let sealed = compose(&net.directory, outside, &notification(bytes), &key, &net.ambient);
        sealed.map(|sealed| (sealed.envelope.body.len() as u64, sealed))
    };
    let served = limits::BODY_BYTES.into_iter().filter(|size| *size <= limits::SERVED_BODY_BYTES);
    let served: Vec<u64> = served.collect();
    for (at, bucket) in served.iter().copied().enumerate() {
        // The most text whose inner message still fits, found from above.
        let room = seal::plaintext_len_for(bucket).unwrap() as usize - 4;
        let around = size(room - 1000).unwrap().1.inner.bytes().len() - (room - 1000);
        let most = room - around;
        let most = (most - 8..=most + 8)
            .rev()
            .find(|text| size(*text).is_ok_and(|(size, _)| size == bucket))
            .unwrap();
        let (_, sealed) = size(most).unwrap();
        assert!(room - sealed.inner.bytes().len() < 8, "{bucket}");
        assert!(net.open(FR, &item(&sealed.envelope, FR)).is_ok(), "{bucket}");
        match served.get(at + 1) {
            Some(next) => assert_eq!(size(most + 1).unwrap().0, *next),
            None => {
                let Err(ComposeError::TooLarge { fits, found }) = size(most + 1) else {
                    panic!("it cannot fit")
                };
                assert_eq!(found - fits, 1);
            }
        }
    }
}

#[test]
fn what_cannot_be_sent_is_refused_before_it_is_sealed() {
    let net = Net::new();
    let key = sign_key(&format!("{AT} sign"));
    let compose = |outside: Outside, inside: &Inside, key| {
        compose(&net.directory, outside, inside, key, &net.ambient).unwrap_err()
    };
    let refusal = |to: &[&str]| compose(net.outside(AT, to), &notification(0), &key);
    let ie = || contact("ie/cert-ie");
    assert_eq!(refusal(&["ie/cert-ie"]), Refusal::RecipientListed(ie()).into());
    let es = contact("es/cert-es");
    assert_eq!(refusal(&["es/cert-es"]), Refusal::RecipientWithoutSeats(es).into());
    let xx = contact("xx/cert");
    assert_eq!(refusal(&["xx/cert"]), Refusal::UnknownContact(xx).into());
    assert_eq!(refusal(&[]), ComposeError::Recipients { found: 0 });
    let many: Vec<String> = (0..33).map(|at| format!("xx/c-{at}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(refusal(&many), ComposeError::Recipients { found: 33 });
    let twice = refusal(&["fr/cert-fr", "fr/cert-fr"]);
    assert!(matches!(twice, ComposeError::Refused(Refusal::InvalidField { .. })), "{twice}");
    let other = sign_key(&format!("{PT} sign"));
    let fr = net.outside(AT, &["fr/cert-fr"]);
    let why = compose(fr.clone(), &notification(0), &other);
    assert!(matches!(why, ComposeError::Refused(Refusal::NotTheSender(_))), "{why}");
    let late = Outside { expires: Some(u64::MAX), ..fr.clone() };
    assert!(matches!(compose(late, &notification(0), &key), ComposeError::Refused(_)));
    let receipt = Outside { class: Class::Receipt, ..fr };
    assert!(matches!(compose(receipt, &notification(0), &key), ComposeError::Content(_)));
}

#[test]
fn more_than_128_seats_are_too_many() {
    let mut net = Net::new();
    let names: Vec<String> = (0..16).map(|at| format!("s-{at:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut to = Vec::new();
    for at in 0..8 {
        net.admit(&format!("m{at}"));
        to.push(format!("m{at}/cert-m{at}"));
        net.roster(to.last().unwrap(), 1, &names[..if at == 0 { 14 } else { 16 }]);
    }
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    let sealed = net.seal(net.outside(AT, &to), &notification(0));
    assert_eq!(sealed.envelope.letters.len(), 128);
    let seats = sealed.envelope.letters.iter();
    let seats: Vec<_> = seats.map(|letter| envelope::read_letter(letter).unwrap().seat).collect();
    assert!(seats.is_sorted());
    net.roster("m0/cert-m0", 2, &names[..15]);
    let key = sign_key(&format!("{AT} sign"));
    let outside = net.outside(AT, &to);
    let why = compose(&net.directory, outside, &notification(0), &key, &net.ambient);
    assert_eq!(why, Err(ComposeError::Letters { found: 129 }));
}

#[test]
fn a_changed_header_body_or_letter_is_not_opened() {
    let net = Net::new();
    let good = item(&net.notification().envelope, FR);
    let other = item(&net.notification().envelope, FR);
    let open = |change: &dyn Fn(&mut v1::Item)| {
        let mut item = good.clone();
        change(&mut item);
        net.open(FR, &item).unwrap_err()
    };
    let flip = |bytes: &Bytes, at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1;
        Bytes::from(bytes)
    };
    let header = open(&|item| item.header = flip(&item.header, 60));
    assert!(matches!(header, NotOpened::Header(_)), "{header}");
    let cut = open(&|item| item.header = item.header.slice(..100));
    assert_eq!(cut.reason().known(), "NOT_CANONICAL");
    let body = open(&|item| item.body = flip(&item.body, 4000));
    assert_eq!(body, NotOpened::Body(Refusal::BodyDigest));
    let body = open(&|item| item.body = item.body.slice(1..));
    assert_eq!(body.reason().known(), "BODY_SIZE");
    let body = open(&|item| item.body = other.body.clone());
    assert_eq!(body, NotOpened::Body(Refusal::BodyDigest));
    for letter in [
        open(&|item| item.letter = flip(&item.letter, 1800)),
        open(&|item| item.letter = other.letter.clone()),
        open(&|item| item.letter_index += 1),
        open(&|item| item.letter_index = 6),
        open(&|item| drop(item.letter_path.pop())),
        open(&|item| item.letter_path[0] = Bytes::from_static(b"short")),
        open(&|item| item.letter_path[0] = Bytes::from_static(&[0; 32])),
    ] {
        assert_eq!(letter.reason().known(), "LETTER_NOT_IN_HEADER", "{letter}");
        assert_eq!(letter.outcome(), Some((Outcome::NotOpened, None)));
    }
    let none = open(&|item| item.letter = Bytes::new());
    assert_eq!(none, NotOpened::NoLetter { seat: seat(FR), owed: true });
    assert_eq!(none.outcome(), Some((Outcome::NoKey, None)));
}

#[test]
fn a_letter_for_another_seat_is_not_tried() {
    let net = Net::new();
    let sealed = net.notification();
    let colleague = item(&sealed.envelope, FR_2);
    assert_eq!(net.open(FR, &colleague).unwrap_err(), NotOpened::LetterForAnother(seat(FR_2)));
}

#[test]
fn it_is_told_which_key_would_have_been_needed() {
    let mut net = Net::new();
    let item = item(&net.notification().envelope, FR);
    let (first, second) = (opening_keys(FR, 1), opening_keys(FR, 2));
    let needed = first[0].public().id();
    let open = |net: &Net, keys: &[OpeningKey]| {
        net.read(FR, keys, |reader| super::open::open(reader, &Received::from(&item)))
    };
    let why = open(&net, &[]).unwrap_err();
    assert_eq!(why, NotOpened::KeyNotHeld { needed, held: vec![], retired: false });
    assert_eq!(why.outcome(), Some((Outcome::NoKey, Some(*needed.as_bytes()))));
    net.roster("fr/cert-fr", 2, &["duty-1", "duty-2"]);
    // Retired, and still here: old mail stays readable.
    assert!(open(&net, &second).is_ok());
    let held = vec![second[1].public().id()];
    let why = open(&net, &second[1..]).unwrap_err();
    assert_eq!(why, NotOpened::KeyNotHeld { needed, held, retired: true });
    assert_eq!(why.outcome(), Some((Outcome::RetiredKey, Some(*needed.as_bytes()))));
    assert_eq!(why.reason().known(), "KEY_RETIRED");
}

#[test]
fn a_letter_that_lies_is_found_out() {
    let net = Net::new();
    let sealed = net.notification();
    let mut forge = Forge::of(&net, &sealed);
    assert!(forge.opened_by(FR).is_ok());
    let text = |why: &NotOpened| match why {
        NotOpened::LetterText(why) => why.clone(),
        other => panic!("{other}"),
    };
    let other = net.notification();
    forge.text = |_, body, key| {
        let other = crate::domain::ids::MessageId::new(7, [7; 10]);
        body::letter_text(other, body, key).to_string()
    };
    let why = forge.opened_by(FR).unwrap_err();
    assert!(matches!(text(&why), InvalidLetterText::OtherMessage(_)));
    assert_eq!(why.reason().known(), "LETTER_OF_ANOTHER_MESSAGE");
    forge.text = |forge, _, key| body::letter_text(forge.id(), Digest::of(b"x"), key).to_string();
    let why = forge.opened_by(FR).unwrap_err();
    assert_eq!(why.reason().known(), "LETTER_OF_ANOTHER_BODY");
    forge.text =
        |forge, body, key| format!("{}# more\n", *body::letter_text(forge.id(), body, key));
    assert_eq!(text(&forge.opened_by(FR).unwrap_err()), InvalidLetterText::Malformed);
    // The right text with another message's key.
    forge.text = |forge, body, _| {
        body::letter_text(forge.id(), body, &OpeningKey::from_seed(&[9; 32])).to_string()
    };
    let why = forge.opened_by(FR).unwrap_err();
    assert_eq!(why, NotOpened::BodyDoesNotOpen(OpenError::WrongKey));
    assert_ne!(other.id, sealed.id);
}

#[test]
fn a_letter_that_does_not_open_says_so() {
    let net = Net::new();
    let sealed = net.notification();
    let key = sign_key(&format!("{AT} sign"));
    let damaged = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut letters = sealed.envelope.letters.clone();
        let at = letters.iter().position(|letter| *letter == item(&sealed.envelope, FR).letter);
        let mut letter = proto::Letter::decode(letters[at.unwrap()].clone()).unwrap();
        let mut age = letter.age.to_vec();
        change(&mut age);
        letter.age = age.into();
        letters[at.unwrap()] = letter.encode_to_vec().into();
        let (addressing, body) = (&sealed.addressing.bytes, &sealed.envelope.body);
        let header = compose::header(addressing, body, &letters, &key, &net.ambient).unwrap();
        let envelope = v1::Envelope { header: header.bytes().clone(), body: body.clone(), letters };
        net.open(FR, &item(&envelope, FR)).unwrap_err()
    };
    let why = damaged(&|age| *age.last_mut().unwrap() ^= 1);
    assert_eq!(why, NotOpened::LetterDoesNotOpen(OpenError::PayloadChanged));
    let why = damaged(&|age| {
        // A second stanza, before the MAC.
        let at = age.windows(4).position(|window| window == b"\n---").unwrap() + 1;
        let stanza = b"-> X25519 AAAA\nAAAA\n";
        age.splice(at..at, stanza.iter().copied());
    });
    assert_eq!(why, NotOpened::LetterDoesNotOpen(OpenError::NotOneStanza));
}

#[test]
fn padding_is_zeros() {
    let net = Net::new();
    let sealed = net.notification();
    let forged = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut forge = Forge::of(&net, &sealed);
        change(&mut forge.plaintext);
        forge.opened_by(FR).unwrap_err()
    };
    let why = forged(&|plaintext| *plaintext.last_mut().unwrap() = 1);
    assert_eq!(why, NotOpened::Padding(InvalidPadding::NotZero));
    let why = forged(&|plaintext| plaintext[0] = 0xff);
    assert!(matches!(why, NotOpened::Padding(InvalidPadding::TooShort { .. })), "{why}");
    // One byte less: what was its last byte is padding now.
    let why = forged(&|plaintext| plaintext[3] = plaintext[3].wrapping_sub(1));
    assert_eq!(why, NotOpened::Padding(InvalidPadding::NotZero));
    // One byte more: the inner message has a trailing zero.
    let why = forged(&|plaintext| plaintext[3] = plaintext[3].wrapping_add(1));
    assert_eq!(why.reason().known(), "INNER_MALFORMED");
}

#[test]
fn the_inner_message_is_signed_by_the_headers_key() {
    let net = Net::new();
    let sealed = net.notification();
    let key = sealed.addressing.sender_key;
    let addressing = &sealed.addressing.bytes;
    let forged = |inner: &Envelope| {
        let mut forge = Forge::of(&net, &sealed);
        forge.plaintext = body::pad(inner.bytes()).unwrap().to_vec();
        forge.opened_by(FR).unwrap_err()
    };
    let by = |signer: &str| inner(&net, addressing, &notification(0), signer);
    for wrong in [by(PT), by("at/cert-at/duty-2"), by("nobody")] {
        assert_eq!(forged(&wrong), NotOpened::InnerSignature(key));
    }
    let also = by(AT).add_signature(&sign_key(&format!("{PT} sign")), net.ambient.random());
    assert_eq!(forged(&also.unwrap()), NotOpened::InnerSignature(key));
    let none = Envelope::assemble(Kind::Message, by(AT).payload().clone(), vec![]);
    assert_eq!(forged(&none), NotOpened::InnerSignature(key));
    let changed =
        proto::Message { addressing: addressing.clone(), content: notification(1).encode().into() };
    let signatures = by(AT).signatures().to_vec();
    let changed = Envelope::assemble(Kind::Message, changed.encode_to_vec().into(), signatures);
    assert_eq!(forged(&changed), NotOpened::InnerSignature(key));
    let sign = |kind, payload| {
        let key = sign_key(&format!("{AT} sign"));
        Envelope::sign(kind, payload, &[&key], net.ambient.random()).unwrap()
    };
    let header = sign(Kind::Header, by(AT).payload().to_vec());
    assert!(matches!(forged(&header), NotOpened::Inner(Refusal::UnknownKind { .. })));
    let unknown_field = [by(AT).payload(), &[0x18, 0x01][..]].concat();
    let why = forged(&sign(Kind::Message, unknown_field));
    assert_eq!(why, NotOpened::Inner(Refusal::NotCanonical("message")));
}

#[test]
fn an_addressing_that_differs_from_the_header_is_refused() {
    let net = Net::new();
    let sealed = net.notification();
    for change in [
        (|a| a.urgency = proto::Urgency::Flash.into()) as fn(&mut proto::Addressing),
        |a| a.drill = Some(proto::Drill { kind: 1, name: String::new() }),
        |a| a.recipients = vec![to("fr/cert-fr")],
        |a| a.created += 1,
    ] {
        let mut forge = Forge::of(&net, &sealed);
        forge.addressing = readdressed(&forge.addressing, change);
        assert_eq!(forge.opened_by(FR).unwrap_err(), NotOpened::AddressingDiffers);
    }
}

#[test]
fn a_message_sealed_again_for_a_third_is_forwarded() {
    let net = Net::new();
    // at writes to fr alone; fr seals what it opened again, to pt, under its own header.
    let to_fr = net.seal(net.outside(AT, &["fr/cert-fr"]), &notification(0));
    let own = net.seal(net.outside(FR, &["pt/cert-pt"]), &notification(0));
    let mut forge = Forge::of(&net, &own);
    (forge.signer, forge.seats) = (FR, vec![FR, PT]);
    assert!(forge.opened_by(PT).is_ok());
    forge.plaintext = body::pad(to_fr.inner.bytes()).unwrap().to_vec();
    let why = forge.opened_by(PT).unwrap_err();
    assert_eq!(why, NotOpened::Forwarded { reader: contact("pt/cert-pt") });
    assert_eq!(why.outcome(), Some((Outcome::Refused, None)));
    // With at's own header: a letter for pt is none of its.
    let passed = item(&to_fr.envelope, FR);
    assert_eq!(net.open(PT, &passed).unwrap_err().reason().known(), "FORWARDED");
}

/// The directory went on under rules that this program does not know: what it can check it opens,
/// and of what it cannot it says so.
#[test]
fn a_frozen_reader_opens_what_it_can_check_and_accuses_nobody_of_the_rest() {
    let mut net = Net::new();
    let frozen = net.newer_rules();
    net.roster("at/cert-at", 2, &["duty-1", "duty-9"]);
    // As its replica has it: no further than the charter, with the tree of the whole log.
    let reader = |item: &v1::Item| {
        let root_at = |size| net.tree.root_at(size);
        let (seat, keys) = (seat(FR), opening_keys(FR, 1));
        let reader = Reader { directory: &frozen, root_at: &root_at, seat: &seat, keys: &keys };
        open(&reader, &Received::from(item)).map(|_| ())
    };
    let by_a_known_key = net.seal(net.outside(PT, &["fr/cert-fr"]), &notification(0));
    assert_eq!(reader(&item(&by_a_known_key.envelope, FR)), Ok(()), "a view behind the charter");
    let outside = net.outside("at/cert-at/duty-9", &["fr/cert-fr"]);
    let by_a_new_key = net.seal(outside, &notification(0));
    let why = reader(&item(&by_a_new_key.envelope, FR)).unwrap_err();
    let key = sign_key("at/cert-at/duty-9 sign").public().id();
    assert_eq!(why, NotOpened::BeforeUpdate(key));
    assert_eq!((why.reason().known(), why.outcome()), ("BEFORE_UPDATE", None));
    let error = crate::client::error::ClientError::from(why);
    assert_eq!(error.family, crate::client::error::Family::UpdateMe);
    // What it writes itself says that it stands still.
    let outside = net.outside(FR, &["pt/cert-pt"]);
    let fr = sign_key(&format!("{FR} sign"));
    let written = compose(&frozen, outside, &notification(0), &fr, &net.ambient).unwrap();
    assert_eq!(written.addressing.flags, [OrLater::Known(Flag::StaleDirectory)]);
    assert_eq!(by_a_known_key.addressing.flags, [OrLater::Known(Flag::StaleDirectory)]);
    // A receipt by a key of the relay that it does not know.
    let root_at = |size| net.tree.root_at(size);
    let known: (&_, super::open::RootAt<'_>) = (&frozen, &root_at);
    let bytes = Envelope::sign(
        Kind::Accepted,
        proto::Accepted::default().encode_to_vec(),
        &[&sign_key("another relay")],
        net.ambient.random(),
    );
    let why = receipt::verify_accepted(known, &about(&by_a_known_key), bytes.unwrap().bytes());
    assert_eq!(why.map(|_| ()), Err(ReceiptError::BeforeUpdate("accepted receipt")));
}

#[test]
fn a_view_is_one_of_the_readers_own_log() {
    let mut net = Net::new();
    let foreign = View { size: net.directory.size(), root: Digest::of(b"another log") };
    let outside = Outside { view: foreign, ..net.outside(AT, &["fr/cert-fr"]) };
    let sealed = net.seal(outside, &notification(0));
    let why = net.open(FR, &item(&sealed.envelope, FR)).unwrap_err();
    assert_eq!(why, NotOpened::ForeignView(foreign.size));
    let mut forge = Forge::of(&net, &sealed);
    forge.addressing = readdressed(&forge.addressing, |a| a.view.as_mut().unwrap().size = 0);
    let why = forge.opened_by(FR).unwrap_err();
    assert!(matches!(why, NotOpened::Header(Refusal::InvalidField { field: "view", .. })), "{why}");
    // A replica that is behind.
    let behind = net.clone();
    net.roster("at/cert-at", 2, &["duty-1", "duty-9"]);
    let outside = net.outside("at/cert-at/duty-9", &["fr/cert-fr"]);
    let sealed = net.seal(outside, &notification(0));
    let why = behind.open(FR, &item(&sealed.envelope, FR)).unwrap_err();
    assert_eq!(why, NotOpened::SyncFirst(net.directory.size()));
    assert_eq!(why.outcome(), None);
    assert!(net.open(FR, &item(&sealed.envelope, FR)).is_ok());
}

const AT_2: &str = "at/cert-at/duty-2";

/// What only a later version sends is opened and shown; nothing is refused for it.
#[test]
fn what_a_later_version_sends_is_opened() {
    let mut net = Net::new();
    net.roster("at/cert-at", 2, &["duty-1", "duty-2", "duty-3", "duty-4", "duty-5"]);
    let sealed = net.notification();
    type Change = fn(&mut proto::Addressing);
    let rows: [(&str, Change); 9] = [
        ("a ladder", |a| {
            a.recipients[1].step = 8;
            a.recipients[1].stands_in_for = "fr/cert-fr".to_owned();
            a.recipients[1].after = 1800;
        }),
        ("a step that stands in for nobody", |a| a.recipients[1].step = 1),
        ("a class", |a| a.class = 10),
        ("an urgency", |a| a.urgency = i32::MAX),
        ("flags", |a| a.flags = vec![1, 2, 3, 900]),
        ("a kind of drill", |a| a.drill = Some(proto::Drill { kind: 4, name: String::new() })),
        ("a comcheck without a name", |a| {
            a.drill = Some(proto::Drill { kind: 1, name: String::new() });
        }),
        ("extras", |a| {
            let extra = |name: &str| proto::Extra { name: name.to_owned(), value: Bytes::new() };
            a.extras = vec![extra("-"), extra("campaign"), extra(&"z".repeat(32))];
        }),
        ("nothing", |_| ()),
    ];
    for (name, change) in rows {
        let forge = Forge::readdressed(&net, &sealed, change);
        let opened = forge.opened_by(FR).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(opened.inside, notification(0), "{name}");
        assert_eq!(opened.header.addressing().bytes, forge.addressing, "{name}");
        assert!(forge.opened_by(PT).is_ok(), "{name}");
    }
    let class = |opened: &Opened| (opened.class(), opened.header.addressing().flags.len());
    let forge = Forge::readdressed(&net, &sealed, |a| (a.class, a.flags) = (10, vec![1, 9]));
    assert_eq!(class(&forge.opened_by(FR).unwrap()), (OrLater::Later(10), 2));
    // Of a later class, it may say what no content of ours says.
    let content = Bytes::from_static(b"\x08\x00 of a later version");
    let key = sign_key(&format!("{AT} sign"));
    let inner = compose::inner(&forge.addressing, content.to_vec(), &key, &net.ambient).unwrap();
    let plaintext = body::pad(inner.bytes()).unwrap().to_vec();
    let opened = Forge { plaintext, ..forge }.opened_by(FR).unwrap();
    assert_eq!((&opened.inside, &opened.content), (&Inside::Later(content.clone()), &content));
}

#[test]
fn files_and_colleagues_signatures_are_read() {
    let mut net = Net::new();
    net.roster("at/cert-at", 2, &["duty-1", "duty-2", "duty-3", "duty-4", "duty-5"]);
    let sealed = net.notification();
    let opened = |header: fn(&mut proto::Header), also: &[&'static str]| {
        let also = also.to_vec();
        Forge { header, also, ..Forge::of(&net, &sealed) }.opened_by(FR)
    };
    let files = |header: &mut proto::Header| {
        let blob = |(size, at): (u64, u8)| proto::Blob { digest: vec![at; 32].into(), size };
        header.blobs = limits::BODY_BYTES.into_iter().zip(1..).map(blob).collect();
    };
    assert_eq!(opened(files, &[]).unwrap().header.blobs().len(), 7);
    let colleagues = [AT_2, "at/cert-at/duty-3", "at/cert-at/duty-4", "at/cert-at/duty-5"];
    for count in 1..=3 {
        let opened = opened(|_| (), &colleagues[..count]).unwrap();
        let seats = opened.header.cleared_by().iter().map(|(seat, _)| seat.as_str());
        let seats: std::collections::BTreeSet<_> = seats.collect();
        assert_eq!(seats, colleagues[..count].iter().copied().collect());
        assert_eq!(opened.header.signers().count(), count + 1);
    }
    let refused = |also: &[&'static str]| opened(|_| (), also).unwrap_err().reason().known();
    assert_eq!(refused(&colleagues), "SUPERFLUOUS_SIGNATURE", "a fifth");
    assert_eq!(refused(&[FR]), "SUPERFLUOUS_SIGNATURE", "another contact's");
    assert_eq!(refused(&["nobody"]), "UNKNOWN_KEY");
    type Change = fn(&mut proto::Header);
    let rows: [(&str, Change, &str); 6] = [
        (
            "a size between",
            |h| h.blobs = vec![proto::Blob { digest: vec![1; 32].into(), size: 5 }],
            "INVALID_FIELD",
        ),
        (
            "half a digest",
            |h| h.blobs = vec![proto::Blob { digest: vec![1; 16].into(), size: 4096 }],
            "INVALID_FIELD",
        ),
        (
            "a file twice",
            |h| {
                let blob = proto::Blob { digest: vec![1; 32].into(), size: 4096 };
                h.blobs = vec![blob.clone(), blob];
            },
            "INVALID_FIELD",
        ),
        ("no letters", |h| h.letters = 0, "WRONG_LETTERS"),
        ("129 letters", |h| h.letters = 129, "WRONG_LETTERS"),
        ("a body of another size", |h| h.body_size = 2 << 20, "BODY_SIZE"),
    ];
    for (name, change, code) in rows {
        assert_eq!(opened(change, &[]).unwrap_err().reason().known(), code, "{name}");
    }
}

/// Each signature of a header must verify, in order, none twice.
#[test]
fn a_spoilt_signature_beside_a_good_one_is_refused() {
    let net = Net::new();
    let sealed = net.notification();
    let good = item(&Forge { also: vec![AT_2], ..Forge::of(&net, &sealed) }.make(), FR);
    assert!(net.open(FR, &good).is_ok());
    type Change = fn(&mut Vec<proto::Signature>);
    let rows: [(&str, Change, &str); 5] = [
        ("the first", |of| of[0].sig = vec![0; 64].into(), "BAD_SIGNATURE"),
        ("the second", |of| of[1].sig = vec![0; 64].into(), "BAD_SIGNATURE"),
        ("in no order", |of| of.reverse(), "SIGNATURES_UNSORTED"),
        ("twice", |of| of.push(of[1].clone()), "DUPLICATE_SIGNATURE"),
        ("none", Vec::clear, "BELOW_THRESHOLD"),
    ];
    for (name, change, code) in rows {
        let mut dsse = proto::Dsse::decode(good.header.clone()).unwrap();
        change(&mut dsse.signatures);
        let header = dsse.encode_to_vec().into();
        let found =
            net.open(FR, &v1::Item { header, ..good.clone() }).unwrap_err().reason().known();
        assert_eq!(found, code, "{name}");
    }
    // By a colleague alone, it is not the sender's.
    let header = Envelope::parse(&good.header, limits::HEADER_BYTES).unwrap();
    let alone = header.signatures().iter().filter(|of| of.key_id != sealed.addressing.sender_key);
    let alone =
        Envelope::assemble(Kind::Header, header.payload().clone(), alone.cloned().collect());
    let found = net.open(FR, &v1::Item { header: alone.bytes().clone(), ..good }).unwrap_err();
    assert_eq!(found.reason().known(), "NOT_THE_SENDER");
}

/// The limits of messages, at their edges; a reader looks at level among the values of enums.
#[test]
fn what_no_version_sends_is_refused_by_the_reader() {
    let net = Net::new();
    let sealed = net.notification();
    type Change = fn(&mut proto::Addressing);
    let good: [(&str, Change); 3] = [
        ("30 days", |a| a.expires = a.created + limits::MESSAGE_SECONDS),
        ("a second", |a| a.expires = a.created + 1),
        ("a long name", |a| {
            let name = "x".repeat(limits::TEXT_BYTES);
            a.drill = Some(proto::Drill { kind: 3, name });
        }),
    ];
    for (name, change) in good {
        let opened = Forge::readdressed(&net, &sealed, change).opened_by(FR);
        assert!(opened.is_ok(), "{name}: {opened:?}");
    }
    let bad: [(&str, Change); 20] = [
        ("no level", |a| a.recipients[0].level = 0),
        ("an unknown level", |a| a.recipients[0].level = 6),
        ("no class", |a| a.class = 0),
        ("no urgency", |a| a.urgency = 0),
        ("the flag 0", |a| a.flags = vec![0]),
        ("a flag twice", |a| a.flags = vec![3, 3]),
        ("no kind of drill", |a| a.drill = Some(proto::Drill { kind: 0, name: "x".to_owned() })),
        ("a question without a name", |a| {
            a.drill = Some(proto::Drill { kind: 2, name: String::new() });
        }),
        ("an exercise without a name", |a| {
            a.drill = Some(proto::Drill { kind: 3, name: String::new() });
        }),
        ("a longer name", |a| {
            let name = "x".repeat(limits::TEXT_BYTES + 1);
            a.drill = Some(proto::Drill { kind: 4, name });
        }),
        ("the step 9", |a| a.recipients[1].step = 9),
        ("a stand-in at step 0", |a| a.recipients[0].stands_in_for = "pt/cert-pt".to_owned()),
        ("a contact at two steps", |a| {
            a.recipients[1].contact = a.recipients[0].contact.clone();
            a.recipients[1].step = 1;
        }),
        ("steps in no order", |a| a.recipients[0].step = 1),
        ("an extra of two words", |a| {
            a.extras = vec![proto::Extra { name: "a b".to_owned(), value: Bytes::new() }];
        }),
        ("extras in no order", |a| {
            let extra = |name: &str| proto::Extra { name: name.to_owned(), value: Bytes::new() };
            a.extras = vec![extra("b"), extra("a")];
        }),
        ("no life", |a| a.expires = a.created),
        ("30 days and a second", |a| a.expires = a.created + limits::MESSAGE_SECONDS + 1),
        ("no view", |a| a.view = None),
        ("half a root", |a| a.view.as_mut().unwrap().root.truncate(16)),
    ];
    for (name, change) in bad {
        let why = Forge::readdressed(&net, &sealed, change).opened_by(FR).unwrap_err();
        assert_eq!(why.reason().known(), "INVALID_FIELD", "{name}");
        if let (true, NotOpened::Header(why)) = (name.ends_with("level"), why) {
            assert_eq!(why.on_the_page(), "INVALID_FIELD:recipients", "{name}");
        }
    }
    let many = |a: &mut proto::Addressing, count: usize| {
        a.recipients = (0..count).map(|at| to(&format!("fr/c-{at:02}"))).collect();
        a.recipients[count - 1].contact = "fr/cert-fr".to_owned();
    };
    let most = Forge::readdressed(&net, &sealed, |a| a.recipients.clear());
    for (count, code) in [(32, None), (33, Some("INVALID_FIELD"))] {
        let addressing = readdressed(&sealed.addressing.bytes, |a| many(a, count));
        let inner = inner(&net, &addressing, &notification(0), AT);
        let plaintext = body::pad(inner.bytes()).unwrap().to_vec();
        let forge =
            Forge { addressing, plaintext, seats: vec![AT, FR], ..Forge::of(&net, &sealed) };
        assert_eq!(forge.opened_by(FR).err().map(|why| why.reason().known()), code, "{count}");
    }
    assert_eq!(most.opened_by(FR).unwrap_err().reason().known(), "INVALID_FIELD");
}

/// The relay takes bodies of up to 1 MiB; a reader takes all seven sizes from the first day.
#[test]
fn a_body_of_each_of_the_seven_sizes_is_opened() {
    let net = Net::new();
    let sealed = net.notification();
    for size in limits::BODY_BYTES {
        let plaintext = body::pad_to(sealed.inner.bytes(), size).unwrap().to_vec();
        let made = Forge { plaintext, ..Forge::of(&net, &sealed) }.make();
        assert_eq!(made.body.len() as u64, size);
        let opened = net.open(FR, &item(&made, FR)).unwrap();
        assert_eq!((opened.inside, opened.header.body_size()), (notification(0), size));
    }
}

#[test]
fn another_directory_is_refused() {
    let net = Net::new();
    let sealed = net.notification();
    let mut forge = Forge::of(&net, &sealed);
    forge.addressing = readdressed(&forge.addressing, |addressing| {
        addressing.directory.as_mut().unwrap().name = "eu.example".to_owned();
    });
    assert_eq!(forge.opened_by(FR).unwrap_err().reason().known(), "OTHER_DIRECTORY");
    forge.addressing = readdressed(&sealed.addressing.bytes, |addressing| {
        addressing.directory.as_mut().unwrap().genesis = Bytes::from_static(&[0; 32]);
    });
    let why = forge.opened_by(FR).unwrap_err();
    assert_eq!(why, NotOpened::Header(Refusal::OtherGenesis));
    assert_eq!(why.outcome(), None);
}

#[test]
fn a_content_of_a_later_version_is_kept_whole() {
    let net = Net::new();
    let sealed = net.notification();
    let content = [&notification(0).encode()[..], &[0xa2, 0x06, 0x03], b"new"].concat();
    let key = sign_key(&format!("{AT} sign"));
    let inner =
        compose::inner(&sealed.addressing.bytes, content.clone(), &key, &net.ambient).unwrap();
    let mut forge = Forge::of(&net, &sealed);
    forge.plaintext = body::pad(inner.bytes()).unwrap().to_vec();
    let opened = forge.opened_by(FR).unwrap();
    assert_eq!(opened.inside, notification(0));
    assert_eq!(opened.content, content);
}

#[test]
fn a_content_says_what_its_class_must() {
    let net = Net::new();
    let sealed = net.notification();
    let forged = |content: &proto::Content| {
        let content = Inside::Content(Box::new(content.clone()));
        let inner = inner(&net, &sealed.addressing.bytes, &content, AT);
        let mut forge = Forge::of(&net, &sealed);
        forge.plaintext = body::pad(inner.bytes()).unwrap().to_vec();
        forge.opened_by(FR).map(|opened| opened.inside)
    };
    let writing = Writing::new(proto::Kind::Incident, "t", 1).attached("a.txt", "x".into());
    let Ok(Inside::Content(good)) = writing.finish() else { panic!("a content") };
    assert!(forged(&good).is_ok());
    let mut changed = good.clone();
    changed.attachments[0].bytes = Bytes::from_static(b"y");
    let why = NotOpened::Content(InvalidContent::Attachment("a.txt".to_owned()));
    assert_eq!(forged(&changed), Err(why));
    for change in [
        (|content| content.kind = 0) as fn(&mut proto::Content),
        |content| content.title.clear(),
        |content| content.time = 0,
    ] {
        let mut changed = good.clone();
        change(&mut changed);
        assert_eq!(forged(&changed).unwrap_err().reason().known(), "CONTENT");
    }
}

#[test]
fn words_without_the_sentence_are_none() {
    let net = Net::new();
    let sealed = net.notification();
    let (header, answered) = (sealed.header_digest, &sealed.addressing);
    let (of, class) = (&net.directory, Class::Acknowledgement);
    let outside = Outside::answering(of, seat(FR), (header, answered), class, net.view());
    let words = super::words::words();
    let words = net.seal(outside, &Inside::Words(Box::new(words)));
    assert!(net.open(AT, &item(&words.envelope, AT)).is_ok());
    assert_eq!(words.envelope.body.len(), 4096);
    assert_eq!((words.thread, words.addressing.in_reply_to), (sealed.id, Some(header)));
    let none = proto::Words { statement: "agreed".to_owned(), ..Default::default() };
    let none = Inside::Words(Box::new(none));
    let mut forge = Forge::of(&net, &words);
    (forge.signer, forge.seats) = (FR, vec![AT, FR]);
    forge.plaintext =
        body::pad(inner(&net, &forge.addressing, &none, FR).bytes()).unwrap().to_vec();
    let why = forge.opened_by(AT).unwrap_err();
    assert_eq!(why, NotOpened::Content(InvalidContent::NoSentence));
}

#[test]
fn an_accepted_receipt_is_the_relays_for_this_message() {
    let mut net = Net::new();
    let sealed = net.notification();
    let bytes = net.submit(&sealed.envelope).unwrap();
    let root_at = |size| net.tree.root_at(size);
    let known: (&_, super::open::RootAt<'_>) = (&net.directory, &root_at);
    let message = &about(&sealed);
    let accepted = receipt::verify_accepted(known, message, &bytes).unwrap();
    assert_eq!(accepted.places().len(), 2);
    let other = About { digest: Digest::of(b"other"), ..message.clone() };
    let why = receipt::verify_accepted(known, &other, &bytes);
    assert_eq!(why, Err(ReceiptError::OtherMessage("accepted receipt")));
    let fewer = About { contacts: vec![contact("fr/cert-fr")], ..message.clone() };
    assert_eq!(receipt::verify_accepted(known, &fewer, &bytes), Err(ReceiptError::Places));
    let again = |change: &dyn Fn(&mut proto::Accepted), signer: &str| {
        let mut accepted = proto::Accepted::decode(accepted.envelope().payload().clone()).unwrap();
        change(&mut accepted);
        let key = sign_key(signer);
        let payload = accepted.encode_to_vec();
        let bytes = Envelope::sign(Kind::Accepted, payload, &[&key], net.ambient.random());
        receipt::verify_accepted(known, message, bytes.unwrap().bytes()).map(|_| ())
    };
    assert_eq!(again(&|_| {}, "relay"), Ok(()));
    assert_eq!(again(&|_| {}, "log"), Err(ReceiptError::NotTheRelay("accepted receipt")));
    let size = net.directory.size();
    let ahead = |accepted: &mut proto::Accepted| accepted.view.as_mut().unwrap().size += 1;
    assert_eq!(again(&ahead, "relay"), Err(ReceiptError::SyncFirst(size + 1)));
    let accepted_ahead = {
        let mut says = proto::Accepted::decode(accepted.envelope().payload().clone()).unwrap();
        ahead(&mut says);
        let payload = says.encode_to_vec();
        Envelope::sign(Kind::Accepted, payload, &[&sign_key("relay")], net.ambient.random())
            .unwrap()
    };
    // Whom it names did not sign it: no sync mends that.
    let mut signatures = accepted_ahead.signatures().to_vec();
    signatures[0].sig = vec![0; 64].into();
    let spoilt = Envelope::assemble(Kind::Accepted, accepted_ahead.payload().clone(), signatures);
    let refused = receipt::verify_accepted(known, message, spoilt.bytes()).unwrap_err();
    assert!(matches!(refused, ReceiptError::Refused { why: Refusal::BadSignature(_), .. }));
    // Nor does one if the directory stands still here.
    let frozen = Net::new().newer_rules();
    let refused = receipt::verify_accepted((&frozen, known.1), message, accepted_ahead.bytes());
    assert_eq!(refused.unwrap_err(), ReceiptError::BeforeUpdate("accepted receipt"));
    let foreign = |accepted: &mut proto::Accepted| accepted.view.as_mut().unwrap().size -= 1;
    assert!(matches!(again(&foreign, "relay"), Err(ReceiptError::ForeignView { .. })));
    type Change = fn(&mut proto::Accepted);
    let places: [(&str, Change, Option<ReceiptError>); 6] = [
        ("one of two so far", |a| drop(a.places.pop()), None),
        ("none", |a| a.places.clear(), Some(ReceiptError::Places)),
        ("in no order", |a| a.places.reverse(), Some(ReceiptError::Places)),
        ("one twice", |a| a.places[1] = a.places[0].clone(), Some(ReceiptError::Places)),
        ("of no recipient", |a| a.places[1].contact = "zz/cert".into(), Some(ReceiptError::Places)),
        ("before the first entry", |a| a.places[0].number = 0, Some(ReceiptError::Places)),
    ];
    for (name, change, expected) in places {
        assert_eq!(again(&change, "relay").err(), expected, "{name}");
    }
    let no_epoch = |accepted: &mut proto::Accepted| accepted.places[0].epoch = 0;
    let reason = |found: Result<(), ReceiptError>| match found {
        Err(ReceiptError::Refused { why, .. }) => why.on_the_page(),
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(again(&no_epoch, "relay")), "INVALID_FIELD:places");
    let of_nothing = |accepted: &mut proto::Accepted| accepted.view.as_mut().unwrap().size = 0;
    assert_eq!(reason(again(&of_nothing, "relay")), "INVALID_FIELD:view");
    // An older view than the sender's own.
    let root = net.tree.root_at(size - 1).unwrap().as_bytes().to_vec();
    let older = |accepted: &mut proto::Accepted| {
        accepted.view = Some(proto::View { size: size - 1, root: root.clone().into() });
    };
    let what = "accepted receipt";
    let expected = ReceiptError::EarlierView { what, answered: size, found: size - 1 };
    assert_eq!(again(&older, "relay"), Err(expected));
    let mut flipped = bytes.to_vec();
    flipped[40] ^= 1;
    assert!(receipt::verify_accepted(known, message, &flipped).is_err());
}

/// What the receipt of a message from at to fr and pt must be about.
fn about(sealed: &Sealed) -> About {
    About {
        digest: sealed.header_digest,
        contacts: vec![contact("fr/cert-fr"), contact("pt/cert-pt")],
        view: sealed.addressing.view.size,
    }
}

/// A later receipt adds places and changes none; a restore begins another mailbox.
#[test]
fn what_the_relay_says_later_adds_to_what_it_said() {
    let mut net = Net::new();
    let sealed = net.notification();
    let bytes = net.submit(&sealed.envelope).unwrap();
    let root_at = |size| net.tree.root_at(size);
    let known: (&_, super::open::RootAt<'_>) = (&net.directory, &root_at);
    let says = Envelope::parse(&bytes, 1 << 14).unwrap();
    let says = proto::Accepted::decode(says.payload().clone()).unwrap();
    let signed = |change: &dyn Fn(&mut proto::Accepted)| {
        let mut says = says.clone();
        change(&mut says);
        let bytes = net.relay_signs(Kind::Accepted, says.encode_to_vec());
        receipt::verify_accepted(known, &about(&sealed), &bytes).unwrap()
    };
    let first = signed(&|says| drop(says.places.pop()));
    let mut told = Told::first(first.clone());
    assert_eq!(told.add(first), Ok(false), "the same again");
    assert_eq!((told.places().len(), told.began()), (1, &[][..]));
    // Released to the second one.
    assert_eq!(told.add(signed(&|_| ())), Ok(true));
    assert_eq!(told.places().len(), 2);
    // Said again without the first one, it stays.
    assert_eq!(told.add(signed(&|says| drop(says.places.remove(0)))), Ok(false));
    assert_eq!(told.places().len(), 2);
    type Change = fn(&mut proto::Accepted);
    let bad: [(&str, Change); 2] = [
        ("another number", |says| says.places[0].number = 9),
        ("another chain", |says| says.places[1].chain = vec![9; 32].into()),
    ];
    for (name, change) in bad {
        let before = told.clone();
        let why = told.add(signed(&change));
        assert!(matches!(why, Err(ReceiptError::PlaceChanged { .. })), "{name}: {why:?}");
        assert_eq!(told, before, "{name}");
    }
    // After a restore it stands elsewhere, in a mailbox that began anew.
    let restored = signed(&|says| (says.places[0].epoch, says.places[0].number) = (2, 5));
    let moved = restored.places()[0].clone();
    assert_eq!(told.add(restored), Ok(true));
    assert_eq!((&told.places()[0], told.began()), (&moved, &[moved.clone()][..]));
    let back = told.add(signed(&|_| ()));
    assert!(matches!(back, Err(ReceiptError::PlaceChanged { .. })), "{back:?}");
    // A recipient's receipt is compared with what was said of the mailbox that it saw.
    let compare = |seen: &Place| told.compare(seen, &sealed.inner);
    assert_eq!(compare(&moved), Comparison::Agree);
    let of_before = Place::read(Some(&says.places[0])).unwrap();
    assert_eq!(compare(&of_before), Comparison::Agree);
    let mut later = moved.clone();
    later.mailbox.epoch = 3;
    assert_eq!(compare(&later), Comparison::NotNamed);
    later = moved;
    later.mailbox.count = 6;
    assert!(matches!(compare(&later), Comparison::Differ(_)));
}

#[test]
fn two_histories_of_one_mailbox_are_seen_by_the_sender() {
    let mut net = Net::new();
    let sealed = net.notification();
    let bytes = net.submit(&sealed.envelope).unwrap();
    let root_at = |size| net.tree.root_at(size);
    let known: (&_, super::open::RootAt<'_>) = (&net.directory, &root_at);
    let accepted = receipt::verify_accepted(known, &about(&sealed), &bytes).unwrap();
    let seen = accepted.places()[0].clone();
    assert_eq!(receipt::compare(&accepted, &seen, &sealed.inner), Comparison::Agree);
    let mut other = seen.clone();
    other.mailbox.chain = Digest::of(b"another history");
    let Comparison::Differ(found) = receipt::compare(&accepted, &other, &sealed.inner) else {
        panic!("they differ")
    };
    assert_eq!((&found.told, &found.seen), (&seen, &other));
    let evidence = (&found.accepted, &found.delivered);
    assert_eq!(evidence, (accepted.envelope().bytes(), sealed.inner.bytes()));
    let third = Place { contact: contact("at/cert-at"), ..accepted.places()[0].clone() };
    assert_eq!(receipt::compare(&accepted, &third, &sealed.inner), Comparison::NotNamed);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_relay_takes_whatever_is_composed(
        size in 0usize..70_000,
        to in prop::sample::subsequence(vec!["at/cert-at", "fr/cert-fr", "pt/cert-pt"], 1..=3),
        urgency in 1i32..=4,
        class in prop::sample::select(vec![1i32, 2, 4, 6, 7]),
        within in any::<u32>(),
        drill in prop::option::of("[a-z ]{1,20}"),
    ) {
        let mut net = Net::new();
        let outside = Outside {
            class: class.try_into().unwrap(),
            urgency: urgency.try_into().unwrap(),
            acknowledge_within: within,
            drill: drill.map(|name| proto::Drill { kind: 3, name }),
            recipients: to.iter().rev().map(|to| {
                Recipient::new(contact(to), Level::Technical)
            }).collect(),
            ..net.outside(AT, &[])
        };
        let sealed = net.seal(outside, &notification(size));
        prop_assert!(limits::BODY_BYTES.contains(&(sealed.envelope.body.len() as u64)));
        let accepted = net.submit(&sealed.envelope);
        prop_assert!(accepted.is_ok(), "{:?}", accepted);
    }
}

/// A relay could put what a thief signs into a mailbox; the reader's own fold knows better.
#[test]
fn what_a_revoked_key_signs_later_is_not_believed() {
    let mut net = Net::new();
    let before = net.notification();
    net.revoke_sign_key(AT);
    let key = before.addressing.sender_key;
    assert!(net.open(FR, &item(&before.envelope, FR)).is_ok(), "old mail stays readable");
    // The thief's program does not mind that the key has ended.
    let thief = Net::new();
    let outside = Outside { view: net.view(), ..thief.outside(AT, &["pt/cert-pt", "fr/cert-fr"]) };
    let after = thief.seal(outside, &notification(0));
    let refused = net.open(FR, &item(&after.envelope, FR)).unwrap_err();
    assert_eq!(refused, NotOpened::Header(Refusal::KeyNotInForce(key)));
}

/// Who answers is addressed at a level of its own, whatever ours is.
#[test]
fn a_level_is_one_of_the_records() {
    let mut net = Net::new();
    net.admit_at("jp", &[Level::Policy, Level::Legal]);
    net.roster("jp/cert-jp", 1, &["duty-1"]);
    let jp = contact("jp/cert-jp");
    let key = sign_key(&format!("{AT} sign"));
    let to = |level: Level| Outside {
        recipients: vec![Recipient::new(jp.clone(), level)],
        ..net.outside(AT, &[])
    };
    let has = vec![Level::Policy, Level::Legal];
    let refused = |level: Level| {
        let made = compose(&net.directory, to(level), &notification(0), &key, &net.ambient);
        made.unwrap_err()
    };
    for level in [Level::Technical, Level::Diplomatic, Level::LawEnforcement] {
        let why = Refusal::NotALevel { contact: jp.clone(), level, has: has.clone() };
        assert_eq!(refused(level), why.clone().into());
        assert!(why.to_string().ends_with("it has: policy, legal"), "{why}");
    }
    let sealed = net.seal(to(Level::Policy), &notification(0));
    net.submit(&sealed.envelope).unwrap();
    let header = envelope::verify_header(&net.directory, &sealed.envelope.header).unwrap();
    let by = seat("jp/cert-jp/duty-1");
    let own = sign_key("jp/cert-jp/duty-1 sign");
    let acknowledge = |level: Option<Level>| {
        let (message, words) = ((&header, 1), (super::words::words(), level));
        let (directory, view) = (&net.directory, net.view());
        super::acknowledge::acknowledge(directory, (&by, &own), message, words, view, &net.ambient)
    };
    let at_policy = acknowledge(None).unwrap();
    let root_at = |size| net.tree.root_at(size);
    let open = at_policy.open.bytes();
    let open = receipt::verify_acknowledgement((&net.directory, &root_at), &header, open).unwrap();
    assert_eq!((open.level(), open.view()), (Level::Policy, net.view()));
    assert_eq!(at_policy.words.addressing.recipients[0].level, Level::Technical, "at's own");
    let level = Level::Technical;
    let why = Refusal::NotALevel { contact: jp.clone(), level, has: has.clone() };
    assert_eq!(acknowledge(Some(level)).map(|_| ()), Err(why.into()));
    assert!(acknowledge(Some(Level::Legal)).is_ok());

    // What a reader can say of a level.
    use crate::domain::relay::level::is_lacking;
    let size = net.directory.size();
    assert!(is_lacking(&net.directory, &jp, Level::Technical, size));
    assert!(!is_lacking(&net.directory, &jp, Level::Legal, size));
    net.record("jp/cert-jp", 2, &[Level::Legal]);
    assert!(!is_lacking(&net.directory, &jp, Level::Policy, size), "it may have had it then");
    assert!(is_lacking(&net.directory, &jp, Level::Policy, net.directory.size()));
    assert!(!is_lacking(&net.directory, &contact("zz/cert"), Level::Policy, size));
}

/// In words, for the messages that the relay cannot see.
#[test]
fn what_is_amiss_in_a_thread_is_said() {
    use crate::domain::refusal::Amiss;
    use crate::domain::relay::thread::{self, alone, beside_answered, beside_first, fits};
    let mut net = Net::new();
    let before = net.view();
    net.roster("es/cert-es", 1, &["duty-1"]);
    let header =
        |sealed: &Sealed| envelope::verify_header(&net.directory, &sealed.envelope.header).unwrap();
    // at begins; fr replies to at alone.
    let first = net.notification();
    let answer = |from: &str, to: &str, class: Class, answered: &Sealed| Outside {
        class,
        thread: Some(first.id),
        in_reply_to: Some(answered.header_digest),
        ..net.outside(from, &[to])
    };
    let reply = net.seal(answer(FR, "at/cert-at", Class::Reply, &first), &notification(0));
    let (first_header, reply_header) = (header(&first), header(&reply));
    let made = |outside: Outside| net.seal(outside, &notification(0)).addressing;
    let to_reply = |from: &str, to: &str, class: Class| made(answer(from, to, class, &reply));
    let beside = |addressing: &_| beside_answered(addressing, &reply_header);

    assert_eq!(beside(&to_reply(AT, "fr/cert-fr", Class::Reply)), None);
    assert_eq!(beside(&to_reply(FR, "at/cert-at", Class::Withdrawal)), None);
    assert_eq!(beside(&to_reply(AT, "fr/cert-fr", Class::AllClear)), None);
    let stranger = to_reply(PT, "at/cert-at", Class::Reply);
    assert_eq!(beside(&stranger), Some(Amiss::NotAParty));
    for class in [Class::Withdrawal, Class::Correction] {
        let takes_back = to_reply(AT, "fr/cert-fr", class);
        assert_eq!(beside(&takes_back), Some(Amiss::NotItsOwn), "{class:?}");
    }
    let drill = Some(proto::Drill { kind: 1, name: String::new() });
    let base = answer(AT, "fr/cert-fr", Class::Reply, &reply);
    let marked = made(Outside { drill, ..base.clone() });
    assert_eq!(beside(&marked), Some(Amiss::OtherDrill));
    assert_eq!(beside_first(&marked, &first_header), Some(Amiss::OtherDrill));
    let elsewhere = made(Outside { thread: Some(net.notification().id), ..base.clone() });
    assert_eq!(beside(&elsewhere), Some(Amiss::OtherThread));
    assert_eq!(beside_first(&elsewhere, &first_header), Some(Amiss::OtherThread));
    let older = made(Outside { view: before, ..base.clone() });
    assert_eq!(beside(&older), Some(Amiss::EarlierView));
    assert_eq!(Amiss::EarlierView.reason().code(), "VIEW_BEFORE");

    let all_clear = to_reply(FR, "at/cert-at", Class::AllClear);
    assert_eq!(beside_first(&all_clear, &first_header), Some(Amiss::NotItsBeginner));
    assert_eq!(beside_first(&to_reply(AT, "fr/cert-fr", Class::AllClear), &first_header), None);
    assert_eq!(alone(&all_clear), None);
    let why = Refusal::WrongThread(Amiss::NotItsBeginner);
    assert_eq!(fits(&all_clear, [&first_header]), Err(why));
    assert_eq!(fits(&all_clear, []), Ok(()), "nobody has seen the first");

    // What is about one message has that one's place, right or wrong; an answer has the thread's.
    let on_marked =
        net.seal(Outside { drill: marked.drill.clone(), ..base.clone() }, &notification(0));
    let marked_header = header(&on_marked);
    let about = |class: Class| Outside {
        class,
        drill: marked.drill.clone(),
        in_reply_to: Some(on_marked.header_digest),
        ..net.outside(FR, &["at/cert-at"])
    };
    let mailbox = Mailbox::empty(net.directory.genesis(), &contact("fr/cert-fr"));
    let mailbox = mailbox.append(EntryKind::Addressed, on_marked.header_digest);
    let place = Place { contact: contact("fr/cert-fr"), mailbox }.to_proto();
    let receipt = content::delivered(on_marked.header_digest, (Outcome::Refused, None), place, 1);
    let about = |class, inside| {
        net.seal(Outside { thread: Some(first.id), ..about(class) }, inside).addressing
    };
    let firsts = [first_header.clone()];
    let beside = |addressing: &_| thread::beside(addressing, Some(&marked_header), &firsts);
    assert_eq!(beside(&about(Class::Receipt, &receipt)), None);
    let inside = Inside::Words(Box::new(crate::client::message::words::words()));
    assert_eq!(beside(&about(Class::Acknowledgement, &inside)), None);
    assert_eq!(beside(&about(Class::Reply, &notification(0))), Some(Amiss::OtherDrill));

    // What can be seen in the message alone is not composed in the first place.
    let key = sign_key(&format!("{AT} sign"));
    let alone = |outside: Outside| {
        let inside = &notification(0);
        compose(&net.directory, outside, inside, &key, &net.ambient).map(|_| ()).unwrap_err()
    };
    let wrong = |amiss: Amiss| ComposeError::Refused(Refusal::WrongThread(amiss));
    let begins = Outside { thread: None, ..base.clone() };
    assert_eq!(alone(begins), wrong(Amiss::BeginsAndAnswers));
    let answers_nothing = Outside { in_reply_to: None, ..base };
    assert_eq!(alone(answers_nothing), wrong(Amiss::AnswersNothing));
    for class in [Class::Withdrawal, Class::Correction] {
        let nothing = Outside { class, ..net.outside(AT, &["fr/cert-fr"]) };
        assert_eq!(alone(nothing), wrong(Amiss::AnswersNothing));
    }
    // The layers of what a relay let through hold; it is refused once it is open.
    let forged = Forge::readdressed(&net, &first, |a| a.in_reply_to = vec![7; 32].into());
    let opened = forged.opened_by(FR).unwrap();
    let found = crate::domain::relay::thread::alone(opened.header.addressing());
    assert_eq!(found, Some(Amiss::BeginsAndAnswers));
    assert_eq!(thread::beside(opened.header.addressing(), None, &[]), found);
}

/// An acknowledgement names the directory as the seat saw it: of this log, and not before the
/// message's.
#[test]
fn an_acknowledgements_view_is_one_of_the_log_and_not_before_the_messages() {
    let mut net = Net::new();
    let before = net.view();
    net.roster("es/cert-es", 1, &["duty-1"]);
    let sealed = net.notification();
    let header = envelope::verify_header(&net.directory, &sealed.envelope.header).unwrap();
    let size = net.directory.size();
    let made = |view: Option<proto::View>| {
        let says = proto::Acknowledgement {
            directory: Some(addressing::name_of(&net.directory)),
            header_digest: sealed.header_digest.as_bytes().to_vec().into(),
            seat: FR.to_owned(),
            level: Level::Technical.into(),
            drill: None,
            at: 1,
            view,
        };
        let key = sign_key(&format!("{FR} sign"));
        let payload = says.encode_to_vec();
        let open = Envelope::sign(Kind::Acknowledgement, payload, &[&key], net.ambient.random());
        let root_at = |size| net.tree.root_at(size);
        let known: (&_, super::open::RootAt<'_>) = (&net.directory, &root_at);
        receipt::verify_acknowledgement(known, &header, open.unwrap().bytes()).map(|_| ())
    };
    let view = |size, root: Digest| Some(View { size, root }.to_proto());
    assert_eq!(made(view(size, net.view().root)), Ok(()));
    let what = "acknowledgement";
    let earlier = ReceiptError::EarlierView { what, answered: size, found: before.size };
    assert_eq!(made(view(before.size, before.root)), Err(earlier));
    assert_eq!(made(view(size + 1, net.view().root)), Err(ReceiptError::SyncFirst(size + 1)));
    let foreign = made(view(size, before.root));
    assert!(matches!(foreign, Err(ReceiptError::ForeignView { .. })), "{foreign:?}");
    for none in [None, view(0, before.root)] {
        assert!(matches!(made(none), Err(ReceiptError::Refused { .. })));
    }
}

/// What a seat acknowledged while its key stood is believed after it has ended, and nothing else.
#[test]
fn what_an_ended_key_acknowledges_later_is_not_believed() {
    let mut net = Net::new();
    let sealed = net.notification();
    let header = envelope::verify_header(&net.directory, &sealed.envelope.header).unwrap();
    let key = sign_key(&format!("{FR} sign"));
    let before = net.clone();
    net.revoke_sign_key(FR);
    let made = |view| {
        let (by, words) = (seat(FR), (super::words::words(), None));
        let (of, message) = (&before.directory, (&header, 1));
        super::acknowledge::acknowledge(of, (&by, &key), message, words, view, &net.ambient)
            .unwrap()
    };
    let verify = |open: &Envelope| {
        let root_at = |size| net.tree.root_at(size);
        receipt::verify_acknowledgement((&net.directory, &root_at), &header, open.bytes())
    };
    assert!(verify(&made(before.view()).open).is_ok());
    let (what, why) = ("acknowledgement", Refusal::KeyNotInForce(key.public().id()));
    let later = verify(&made(net.view()).open).map(|_| ());
    assert_eq!(later, Err(ReceiptError::Refused { what, why }));
}

/// A withdrawal ends the keys of its contact's seats: what a thief signs later is not believed, and
/// what the seat signed before stays readable.
#[test]
fn the_ended_key_of_a_withdrawn_contact() {
    let mut net = Net::new();
    let before = net.notification();
    let thief = net.clone();
    net.withdraw("at/cert-at", 2);
    let key = before.addressing.sender_key;
    let opened = net.open(FR, &item(&before.envelope, FR)).unwrap();
    assert_eq!(opened.inside, notification(0));
    assert!(belief::has_ended(&net.directory, key), "and is shown so");
    let outside = Outside { view: net.view(), ..thief.outside(AT, &["fr/cert-fr"]) };
    let after = thief.seal(outside, &notification(0));
    let refused = net.open(FR, &item(&after.envelope, FR)).unwrap_err();
    assert_eq!(refused, NotOpened::Header(Refusal::KeyNotInForce(key)));
}

/// A key is believed from the view that holds its listing on, and each signature of a header is asked.
#[test]
fn a_key_is_not_believed_in_a_view_before_it_was_listed() {
    let mut net = Net::new();
    let old = net.view();
    net.roster("at/cert-at", 2, &["duty-1", "duty-2", "duty-9"]);
    let new = "at/cert-at/duty-9";
    let key = sign_key(&format!("{new} sign")).public().id();
    let not_yet = NotOpened::Header(Refusal::KeyNotInForce(key));
    let sealed = |view| {
        let outside = Outside { view, ..net.outside(new, &["fr/cert-fr"]) };
        item(&net.seal(outside, &notification(0)).envelope, FR)
    };
    assert!(net.open(FR, &sealed(net.view())).is_ok());
    assert_eq!(net.open(FR, &sealed(old)).unwrap_err(), not_yet);
    // As one that clears what a colleague wrote, too.
    let outside = Outside { view: old, ..net.outside(AT, &["fr/cert-fr"]) };
    let by_colleague = net.seal(outside, &notification(0));
    let forge = Forge { seats: vec![AT, FR], ..Forge::of(&net, &by_colleague) };
    assert!(forge.opened_by(FR).is_ok());
    let forge = Forge { also: vec![new], ..forge };
    assert_eq!(forge.opened_by(FR).unwrap_err(), not_yet);
}

/// The relay's keys have their time as all others.
#[test]
fn what_the_relay_signs_is_believed_while_its_key_stands() {
    let mut net = Net::new();
    let sealed = net.notification();
    let payload = net.submit(&sealed.envelope).unwrap();
    let payload = Envelope::parse(&payload, limits::HEADER_BYTES).unwrap().payload().clone();
    let old = net.view();
    net.charter(&["relay 2"]);
    let new = net.view();
    let accepted = |view: View, signer: &str| {
        let mut says = proto::Accepted::decode(payload.clone()).unwrap();
        says.view = Some(view.to_proto());
        let key = sign_key(signer);
        let payload = says.encode_to_vec();
        let bytes = Envelope::sign(Kind::Accepted, payload, &[&key], net.ambient.random());
        let root_at = |size| net.tree.root_at(size);
        let known: (&_, super::open::RootAt<'_>) = (&net.directory, &root_at);
        receipt::verify_accepted(known, &about(&sealed), bytes.unwrap().bytes()).map(|_| ())
    };
    let fr = contact("fr/cert-fr");
    let head = |view: View, signer: &str| {
        let says = proto::MailboxHead {
            directory: Some(addressing::name_of(&net.directory)),
            place: Some(Place { contact: fr.clone(), mailbox: net.mailbox(&fr) }.to_proto()),
            at: 2000,
            view: Some(view.to_proto()),
        };
        let (key, payload) = (sign_key(signer), says.encode_to_vec());
        let bytes = Envelope::sign(Kind::MailboxHead, payload, &[&key], net.ambient.random());
        let root_at = |size| net.tree.root_at(size);
        let known: (&_, super::open::RootAt<'_>) = (&net.directory, &root_at);
        receipt::verify_head(known, &fr, bytes.unwrap().bytes()).map(|_| ())
    };
    for (name, verify) in [
        ("accepted receipt", &accepted as &dyn Fn(View, &str) -> Result<(), ReceiptError>),
        ("mailbox head", &head),
    ] {
        let refused = |signer: &str| {
            let why = Refusal::KeyNotInForce(sign_key(signer).public().id());
            Err(ReceiptError::Refused { what: name, why })
        };
        assert_eq!(verify(old, "relay"), Ok(()), "{name}");
        assert_eq!(verify(new, "relay 2"), Ok(()), "{name}");
        assert_eq!(verify(new, "relay"), refused("relay"), "{name}: it had ended");
        let ahead = View { size: new.size + 1, ..new };
        let behind = Err(ReceiptError::SyncFirst(ahead.size));
        assert_eq!(verify(ahead, "relay 3"), behind, "{name}: it may be listed there");
        assert_eq!(verify(old, "relay 2"), refused("relay 2"), "{name}: it was not yet there");
    }
}

/// The relay takes no acknowledgement that no reader would believe.
#[test]
fn an_acknowledgement_by_a_key_that_its_view_does_not_hold_is_refused_by_the_relay() {
    let mut net = Net::new();
    let sealed = net.notification();
    net.submit(&sealed.envelope).unwrap();
    let header = envelope::verify_header(&net.directory, &sealed.envelope.header).unwrap();
    let old = net.view();
    net.roster("fr/cert-fr", 2, &["duty-1", "duty-2", "duty-9"]);
    let by = seat("fr/cert-fr/duty-9");
    let key = sign_key("fr/cert-fr/duty-9 sign");
    let made = |view| {
        let (message, words) = ((&header, 1), (super::words::words(), None));
        let of = &net.directory;
        let made =
            super::acknowledge::acknowledge(of, (&by, &key), message, words, view, &net.ambient);
        made.unwrap().request
    };
    let (early, good) = (made(old), made(net.view()));
    let why = Refusal::KeyNotInForce(key.public().id());
    assert_eq!(net.acknowledge(&by.contact(), &early), Err(why));
    assert!(net.acknowledge(&by.contact(), &good).is_ok());
}

/// From two seats to two contacts of two: each of the four answers twice, and both of the sender's its
/// words.
#[test]
fn a_message_reserves_room_for_its_answers() {
    let mut net = Net::new();
    let sealed = net.notification();
    net.submit(&sealed.envelope).unwrap();
    let v1::Envelope { header, body, letters } = &sealed.envelope;
    let own = header.len() + body.len() + letters.iter().map(Bytes::len).sum::<usize>();
    let answer = 6 * 1024 + 4 * 2 * 1024;
    let answers = 4 * ((1 + 1 + 2) * answer + 1_024);
    let account = net.store.get(&Key::Usage("at".parse().unwrap()));
    let Some(Value::Usage(usage)) = account else { panic!("{account:?}") };
    assert_eq!(*usage, Usage((own + answers) as u64));
}

/// Version 0.2 stored nothing of the answers to a message: it is found if it began its thread.
#[test]
fn what_an_earlier_version_accepted_gets_its_receipts() {
    let mut net = Net::new();
    let sealed = net.seal(net.outside(AT, &["fr/cert-fr"]), &notification(0));
    net.submit(&sealed.envelope).unwrap();
    let update = Outside {
        class: Class::Update,
        thread: Some(sealed.thread),
        in_reply_to: Some(sealed.header_digest),
        ..net.outside(AT, &["fr/cert-fr"])
    };
    let update = net.seal(update, &notification(0));
    net.submit(&update.envelope).unwrap();
    net.store.retain(|key, _| !matches!(key, Key::Answers(_) | Key::Share(..)));
    let receipt = |net: &Net, by: &str, of: &Sealed| {
        let (answered, place) = (
            (of.header_digest, &of.addressing),
            Place { contact: contact("fr/cert-fr"), mailbox: net.mailbox(&contact("fr/cert-fr")) },
        );
        let outside =
            Outside::answering(&net.directory, seat(by), answered, Class::Receipt, net.view());
        let outcome = (proto::Outcome::Opened, None);
        net.seal(outside, &content::delivered(answered.0, outcome, place.to_proto(), 1)).envelope
    };
    for by in [FR, FR_2] {
        let (first, again) = (receipt(&net, by, &sealed), receipt(&net, by, &sealed));
        assert!(net.submit(&first).is_ok());
        assert_eq!(net.submit(&again), Err(Refusal::ReceiptNotDue(Undue::Taken)));
    }
    let later = receipt(&net, FR, &update);
    assert_eq!(net.submit(&later), Err(Refusal::ReceiptNotDue(Undue::Unknown)));
}
