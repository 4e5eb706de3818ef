//! Bad envelopes through Submit: each is refused with its code, stores nothing, and the service goes
//! on.

use liaison::client::message::compose::Sealed;
use liaison::crypto::hash::Digest;
use liaison::domain::ids::MessageId;
use liaison::domain::limits;
use liaison::domain::relay::envelope::verify_header;
use liaison::signed::dsse::Kind;
use liaison::signed::proto::{self, Class, Dsse};
use liaison::wire::v1::Envelope;
use prost::Message as _;
use tonic::Code;

use crate::support::craft::{Parts, retouch, second_stanza};
use crate::support::{Client, DAY, NOW, Party, Replica, TestNet, key_id, opening, refusal, says};

/// `fr/cert` writes to `jp/cert`. `zz/mfa` is only listed, `ke/cert` has no seats, `de/cert` was
/// withdrawn, `fr/cert/duty-2` was revoked; `fr/cert` has a third seat besides.
struct World {
    net: TestNet,
    fr: Party,
    jp: Party,
}

impl World {
    async fn new() -> Self {
        let net = TestNet::memory().await;
        let [fr, jp, _at, de] = net.parties(["fr", "jp", "at", "de"]).await;
        net.say(says::withdrawal(&net.replica(), de.contact.as_str())).await;
        net.say(says::listing(&net.replica(), "zz")).await;
        net.say(says::attested(&net.replica(), "zz/mfa")).await;
        net.say(says::admission(&net.replica(), "ke")).await;
        net.say(says::record(&net.replica(), "ke/cert")).await;
        net.say(says::roster(&net.replica(), "fr/cert", 3)).await;
        net.say(says::revocation(&net.replica(), "fr/cert/duty-2")).await;
        Self { net, fr, jp }
    }

    fn sealed(&self) -> Sealed {
        self.fr.compose(&[&self.jp], &self.net.replica(), &self.net.open.ambient)
    }
}

fn to(contact: &str) -> proto::Recipient {
    proto::Recipient { contact: contact.to_owned(), level: 1, ..Default::default() }
}

/// What is wrong, how it is made wrong, and the refusal.
type Row = (&'static str, fn(&mut Parts), Code, &'static str);

const BAD: Code = Code::InvalidArgument;
const LATE: Code = Code::FailedPrecondition;
const NOT_YET: Code = Code::Unimplemented;
const NOT_YET_SUPPORTED: &str = "NOT_YET_SUPPORTED";

const SIZE_AND_FORM: &[Row] = &[
    (
        "a header above its limit",
        |p| p.addressing.drill = Some(drill(1, &"x".repeat(limits::HEADER_BYTES))),
        BAD,
        "TOO_LARGE",
    ),
    ("an empty header", |p| p.tamper.push(|d| *d = Dsse::default()), BAD, "UNKNOWN_KIND"),
    ("no payload", |p| p.tamper.push(|d| d.payload.clear()), BAD, "NOT_CANONICAL"),
    (
        "a payload that is no protobuf",
        |p| p.tamper.push(|d| d.payload = vec![0xff; 40].into()),
        BAD,
        "NOT_CANONICAL",
    ),
    ("a field twice", |p| p.tamper.push(twice), BAD, "NOT_CANONICAL"),
    ("an unknown field", |p| p.tamper.push(|d| append(d, &[0x98, 0x06, 1])), BAD, "NOT_CANONICAL"),
    ("a default written out", |p| p.tamper.push(|d| append(d, &[0x20, 0])), BAD, "NOT_CANONICAL"),
    (
        "an addressing that is no protobuf",
        |p| p.header.push(|h| h.addressing = vec![0xff; 9].into()),
        BAD,
        "NOT_CANONICAL",
    ),
    (
        "an addressing of a gigabyte, by its own word",
        |p| p.header.push(|h| h.addressing = vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x07].into()),
        BAD,
        "NOT_CANONICAL",
    ),
    ("an acknowledgement as header", |p| p.kind = Kind::Acknowledgement, BAD, "UNKNOWN_KIND"),
    ("an accepted receipt as header", |p| p.kind = Kind::Accepted, BAD, "UNKNOWN_KIND"),
    ("a record as header", |p| p.kind = Kind::Record, BAD, "UNKNOWN_KIND"),
    (
        "a kind of version 2",
        |p| p.tamper.push(|d| d.payload_type = d.payload_type.replace(".v1+", ".v2+")),
        BAD,
        "UNKNOWN_KIND",
    ),
];

const WHERE: &[Row] = &[
    ("another directory", |p| directory(p).name = "eu.example".to_owned(), BAD, "OTHER_DIRECTORY"),
    ("no directory", |p| p.addressing.directory = None, BAD, "OTHER_DIRECTORY"),
    ("a directory of 12 KB", |p| directory(p).name = "x".repeat(12_000), BAD, "OTHER_DIRECTORY"),
    ("another genesis", |p| directory(p).genesis = vec![7; 32].into(), BAD, "OTHER_GENESIS"),
    ("no genesis", |p| directory(p).genesis.clear(), BAD, "OTHER_GENESIS"),
];

const SIGNATURES: &[Row] = &[
    ("no signature", |p| p.signers.clear(), BAD, "BELOW_THRESHOLD"),
    ("an unknown key", |p| p.signers = vec!["nobody".to_owned()], BAD, "UNKNOWN_KEY"),
    ("an operator's key", |p| p.signers = vec!["dave".to_owned()], BAD, "WRONG_PURPOSE"),
    ("a registrar's key", |p| p.signers = vec!["alice".to_owned()], BAD, "WRONG_PURPOSE"),
    ("the relay's key", |p| p.signers = vec!["relay".to_owned()], BAD, "WRONG_PURPOSE"),
    (
        "the seat's key to connect with",
        |p| p.signers = vec!["fr/cert/duty-1 tls".to_owned()],
        BAD,
        "WRONG_PURPOSE",
    ),
    (
        "the id of the seat's seal key",
        |p| {
            p.tamper.push(|d| {
                let id = opening("fr/cert/duty-1 seal").public().id();
                d.signatures[0].key_id = id.as_bytes().to_vec().into();
            });
        },
        BAD,
        "UNKNOWN_KEY",
    ),
    (
        "a key id of 31 bytes",
        |p| p.tamper.push(|d| d.signatures[0].key_id.truncate(31)),
        BAD,
        "NOT_CANONICAL",
    ),
    (
        "two seats sign",
        |p| p.signers = vec!["fr/cert/duty-1 sign".to_owned(), "jp/cert/duty-1 sign".to_owned()],
        BAD,
        "SUPERFLUOUS_SIGNATURE",
    ),
    (
        "a colleague signs, too",
        |p| {
            p.signers = vec!["fr/cert/duty-1 sign".to_owned(), "fr/cert/duty-3 sign".to_owned()];
        },
        NOT_YET,
        NOT_YET_SUPPORTED,
    ),
    (
        "a colleague signs, too, whose seat was revoked",
        |p| {
            p.signers = vec!["fr/cert/duty-1 sign".to_owned(), "fr/cert/duty-2 sign".to_owned()];
        },
        Code::PermissionDenied,
        "KEY_NOT_IN_FORCE",
    ),
    (
        "a colleague's signature does not verify",
        |p| {
            p.signers = vec!["fr/cert/duty-1 sign".to_owned(), "fr/cert/duty-3 sign".to_owned()];
            p.tamper.push(|d| d.signatures.iter_mut().for_each(|s| spoil(s, "fr/cert/duty-3")));
        },
        BAD,
        "BAD_SIGNATURE",
    ),
    (
        "one seat signs twice",
        |p| p.tamper.push(|d| d.signatures.push(d.signatures[0].clone())),
        BAD,
        "DUPLICATE_SIGNATURE",
    ),
    (
        "signatures in no order",
        |p| {
            p.signers.push("jp/cert/duty-1 sign".to_owned());
            p.tamper.push(|d| d.signatures.reverse());
        },
        BAD,
        "SIGNATURES_UNSORTED",
    ),
    (
        "a signature of zeros",
        |p| p.tamper.push(|d| d.signatures[0].sig = vec![0; 64].into()),
        BAD,
        "BAD_SIGNATURE",
    ),
    (
        "an empty signature",
        |p| p.tamper.push(|d| d.signatures[0].sig.clear()),
        BAD,
        "BAD_SIGNATURE",
    ),
    (
        "signed by a revoked seat",
        |p| {
            p.addressing.sender = "fr/cert/duty-2".to_owned();
            p.addressing.sender_key = id("fr/cert/duty-2 sign");
            p.signers = vec!["fr/cert/duty-2 sign".to_owned()];
        },
        Code::PermissionDenied,
        "KEY_NOT_IN_FORCE",
    ),
    (
        "signed by a colleague",
        |p| p.signers = vec!["fr/cert/duty-3 sign".to_owned()],
        Code::PermissionDenied,
        "NOT_THE_SENDER",
    ),
    (
        "another seat is named",
        |p| p.addressing.sender = "fr/cert/duty-3".to_owned(),
        Code::PermissionDenied,
        "NOT_THE_SENDER",
    ),
    (
        "another key is named",
        |p| p.addressing.sender_key = id("fr/cert/duty-3 sign"),
        Code::PermissionDenied,
        "NOT_THE_SENDER",
    ),
    (
        "handed in by another contact",
        |p| p.by = "jp/cert/duty-1".to_owned(),
        Code::PermissionDenied,
        "NOT_THE_SENDER",
    ),
    (
        "another contact's words, signed by it, handed in by us",
        |p| {
            p.addressing.sender = "jp/cert/duty-1".to_owned();
            p.addressing.sender_key = id("jp/cert/duty-1 sign");
            p.signers = vec!["jp/cert/duty-1 sign".to_owned()];
        },
        Code::PermissionDenied,
        "NOT_THE_SENDER",
    ),
];

/// Each signed field, changed after it was signed.
const TOUCHED: &[Row] = &[
    (
        "the digest, touched",
        |p| p.tamper.push(|d| header(d, |h| flip(&mut h.body_digest))),
        BAD,
        SIG,
    ),
    ("the size, touched", |p| p.tamper.push(|d| header(d, |h| h.body_size += 1)), BAD, SIG),
    ("the count, touched", |p| p.tamper.push(|d| header(d, |h| h.letters += 1)), BAD, SIG),
    (
        "the root, touched",
        |p| p.tamper.push(|d| header(d, |h| flip(&mut h.letters_root))),
        BAD,
        SIG,
    ),
    ("the id, touched", |p| p.tamper.push(|d| address(d, |a| flip(&mut a.id))), BAD, SIG),
    ("the thread, touched", |p| p.tamper.push(|d| address(d, |a| flip(&mut a.thread))), BAD, SIG),
    (
        "the answered, touched",
        |p| p.tamper.push(|d| address(d, |a| a.in_reply_to = vec![1; 32].into())),
        BAD,
        SIG,
    ),
    (
        "the sender, touched",
        |p| p.tamper.push(|d| address(d, |a| a.sender = "jp/cert/duty-1".to_owned())),
        BAD,
        SIG,
    ),
    (
        "the sender's key, touched",
        |p| p.tamper.push(|d| address(d, |a| flip(&mut a.sender_key))),
        BAD,
        SIG,
    ),
    (
        "a recipient, touched",
        |p| p.tamper.push(|d| address(d, |a| a.recipients[0].contact = "at/cert".to_owned())),
        BAD,
        SIG,
    ),
    (
        "a recipient, added",
        |p| p.tamper.push(|d| address(d, |a| a.recipients.insert(0, to("at/cert")))),
        BAD,
        SIG,
    ),
    (
        "a level, touched",
        |p| p.tamper.push(|d| address(d, |a| a.recipients[0].level = 3)),
        BAD,
        SIG,
    ),
    ("the class, touched", |p| p.tamper.push(|d| address(d, |a| a.class = 2)), BAD, SIG),
    ("the urgency, touched", |p| p.tamper.push(|d| address(d, |a| a.urgency = 4)), BAD, SIG),
    (
        "the drill mark, added",
        |p| p.tamper.push(|d| address(d, |a| a.drill = Some(drill(3, "x")))),
        BAD,
        SIG,
    ),
    ("created, touched", |p| p.tamper.push(|d| address(d, |a| a.created += 1)), BAD, SIG),
    ("expires, touched", |p| p.tamper.push(|d| address(d, |a| a.expires -= 1)), BAD, SIG),
    ("within, touched", |p| p.tamper.push(|d| address(d, |a| a.acknowledge_within = 1)), BAD, SIG),
    (
        "the view's size, touched",
        |p| p.tamper.push(|d| address(d, |a| view(a).size -= 1)),
        BAD,
        SIG,
    ),
    (
        "the view's root, touched",
        |p| p.tamper.push(|d| address(d, |a| flip(&mut view(a).root))),
        BAD,
        SIG,
    ),
    ("a flag, added", |p| p.tamper.push(|d| address(d, |a| a.flags = vec![1])), BAD, SIG),
];

const SIG: &str = "BAD_SIGNATURE";
const FIELD: &str = "INVALID_FIELD";

const ADDRESSING: &[Row] = &[
    ("no class", |p| p.addressing.class = 0, BAD, FIELD),
    ("an unknown class", |p| p.addressing.class = 10, NOT_YET, NOT_YET_SUPPORTED),
    ("a negative class", |p| p.addressing.class = -1, BAD, "NOT_CANONICAL"),
    ("no urgency", |p| p.addressing.urgency = 0, BAD, FIELD),
    ("an unknown urgency", |p| p.addressing.urgency = 5, NOT_YET, NOT_YET_SUPPORTED),
    (
        "a level that the recipient's record does not have",
        |p| p.addressing.recipients[0].level = 2,
        LATE,
        "NOT_A_LEVEL",
    ),
    ("no level", |p| p.addressing.recipients[0].level = 0, BAD, FIELD),
    ("an unknown level", |p| p.addressing.recipients[0].level = 6, BAD, FIELD),
    ("no kind of drill", |p| p.addressing.drill = Some(drill(0, "x")), BAD, FIELD),
    ("an unknown drill", |p| p.addressing.drill = Some(drill(4, "x")), NOT_YET, NOT_YET_SUPPORTED),
    ("a question without a name", |p| p.addressing.drill = Some(drill(2, "")), BAD, FIELD),
    ("an exercise without a name", |p| p.addressing.drill = Some(drill(3, "")), BAD, FIELD),
    ("a drill of two lines", |p| p.addressing.drill = Some(drill(1, "a\nb")), BAD, FIELD),
    (
        "a long drill",
        |p| p.addressing.drill = Some(drill(1, &"x".repeat(limits::TEXT_BYTES + 1))),
        BAD,
        FIELD,
    ),
    ("the flag 0", |p| p.addressing.flags = vec![0], BAD, FIELD),
    ("an unknown flag", |p| p.addressing.flags = vec![3], NOT_YET, NOT_YET_SUPPORTED),
    ("an extra without a name", |p| p.addressing.extras = vec![extra("")], BAD, FIELD),
    ("an extra in capitals", |p| p.addressing.extras = vec![extra("Campaign")], BAD, FIELD),
    ("an extra of 33 letters", |p| p.addressing.extras = vec![extra(&"a".repeat(33))], BAD, FIELD),
    ("an extra twice", |p| p.addressing.extras = vec![extra("a"), extra("a")], BAD, FIELD),
    ("extras in no order", |p| p.addressing.extras = vec![extra("b"), extra("a")], BAD, FIELD),
    ("a flag twice", |p| p.addressing.flags = vec![1, 1], BAD, FIELD),
    ("flags in no order", |p| p.addressing.flags = vec![2, 1], BAD, FIELD),
    ("an id of zeros", |p| p.addressing.id = vec![0; 16].into(), BAD, FIELD),
    ("an id of version 4", |p| p.addressing.id = version_4(), BAD, FIELD),
    ("an id of 15 bytes", |p| p.addressing.id.truncate(15), BAD, FIELD),
    ("no id", |p| p.addressing.id.clear(), BAD, FIELD),
    ("a thread of version 4", |p| p.addressing.thread = version_4(), BAD, FIELD),
    ("no thread", |p| p.addressing.thread.clear(), BAD, FIELD),
    ("half a digest answered", |p| p.addressing.in_reply_to = vec![1; 16].into(), BAD, FIELD),
    ("a sender that is no seat", |p| p.addressing.sender = "fr/cert".to_owned(), BAD, FIELD),
    ("a sender above", |p| p.addressing.sender = "fr/../duty-1".to_owned(), BAD, FIELD),
    ("a sender's key of 31 bytes", |p| p.addressing.sender_key.truncate(31), BAD, "NOT_CANONICAL"),
    ("no recipient", |p| p.addressing.recipients.clear(), BAD, FIELD),
    ("a recipient twice", |p| p.addressing.recipients.push(to("jp/cert")), BAD, FIELD),
    ("recipients in no order", |p| p.addressing.recipients.push(to("at/cert")), BAD, FIELD),
    (
        "33 recipients",
        |p| p.addressing.recipients = (10..43).map(|n| to(&format!("jp/c{n}"))).collect(),
        BAD,
        FIELD,
    ),
    ("a recipient that is no contact", |p| p.addressing.recipients = vec![to("jp")], BAD, FIELD),
    ("a step above 0", |p| p.addressing.recipients[0].step = 1, NOT_YET, NOT_YET_SUPPORTED),
    (
        "the last step, for another",
        |p| {
            p.addressing.recipients[0].step = limits::STEPS;
            p.addressing.recipients[0].stands_in_for = "jp/soc".to_owned();
        },
        NOT_YET,
        NOT_YET_SUPPORTED,
    ),
    ("a step above the last", |p| p.addressing.recipients[0].step = limits::STEPS + 1, BAD, FIELD),
    (
        "a stand-in at step 0",
        |p| p.addressing.recipients[0].stands_in_for = "jp/soc".to_owned(),
        BAD,
        FIELD,
    ),
    (
        "a stand-in for nobody",
        |p| {
            p.addressing.recipients[0].step = 1;
            p.addressing.recipients[0].stands_in_for = "jp".to_owned();
        },
        BAD,
        FIELD,
    ),
    (
        "a recipient at two steps",
        |p| {
            let mut again = to("jp/cert");
            again.step = 1;
            p.addressing.recipients.push(again);
        },
        BAD,
        FIELD,
    ),
    (
        "a deadline of a step",
        |p| p.addressing.recipients[0].after = u32::MAX,
        NOT_YET,
        NOT_YET_SUPPORTED,
    ),
    ("expires when it is created", |p| p.addressing.expires = p.addressing.created, BAD, FIELD),
    ("expires before it is created", |p| p.addressing.created = LAST, BAD, FIELD),
    ("lives 30 days and a second", |p| p.addressing.expires += 1, BAD, FIELD),
    ("never expires", |p| p.addressing.expires = LAST, BAD, FIELD),
    ("no times at all", |p| (p.addressing.created, p.addressing.expires) = (0, 0), BAD, FIELD),
    (
        "has expired",
        |p| (p.addressing.created, p.addressing.expires) = (NOW - DAY, NOW),
        BAD,
        FIELD,
    ),
    (
        "created 5 minutes and a second ahead",
        |p| (p.addressing.created, p.addressing.expires) = (NOW + 301, NOW + DAY),
        BAD,
        "ISSUED_IN_FUTURE",
    ),
    (
        "created at the end of time",
        |p| (p.addressing.created, p.addressing.expires) = (LAST - 1, LAST),
        BAD,
        "ISSUED_IN_FUTURE",
    ),
];

/// The largest number.
const LAST: u64 = (1 << 53) - 1;

const THREADS: &[Row] = &[
    (
        "begins a thread and answers",
        |p| p.addressing.in_reply_to = digest(b"a header"),
        BAD,
        THREAD,
    ),
    (
        "belongs to a thread and answers nothing",
        |p| p.addressing.thread = another_id().as_bytes().to_vec().into(),
        BAD,
        THREAD,
    ),
    ("a withdrawal of nothing", |p| p.addressing.class = class(Class::Withdrawal), BAD, THREAD),
    ("a correction of nothing", |p| p.addressing.class = class(Class::Correction), BAD, THREAD),
    ("a receipt for nothing", |p| p.addressing.class = class(Class::Receipt), BAD, THREAD),
    ("words about nothing", |p| p.addressing.class = class(Class::Acknowledgement), BAD, THREAD),
];

const THREAD: &str = "WRONG_THREAD";

const VIEWS: &[Row] = &[
    ("no view", |p| p.addressing.view = None, BAD, FIELD),
    ("half a root", |p| view(&mut p.addressing).root.truncate(16), BAD, FIELD),
    ("a foreign root", |p| flip(&mut view(&mut p.addressing).root), BAD, "FOREIGN_VIEW"),
    ("a view of nothing", |p| view(&mut p.addressing).size = 0, BAD, FIELD),
    ("a view one ahead", |p| view(&mut p.addressing).size += 1, LATE, "VIEW_AHEAD"),
    ("a view at the end", |p| view(&mut p.addressing).size = LAST, LATE, "VIEW_AHEAD"),
];

const RECIPIENTS: &[Row] = &[
    (
        "an unknown recipient",
        |p| p.addressing.recipients = vec![to("xx/cert")],
        Code::NotFound,
        "UNKNOWN_CONTACT",
    ),
    (
        "one good and one unknown recipient",
        |p| p.addressing.recipients.push(to("xx/cert")),
        Code::NotFound,
        "UNKNOWN_CONTACT",
    ),
    (
        "a listed recipient",
        |p| p.addressing.recipients = vec![to("zz/mfa")],
        LATE,
        "RECIPIENT_LISTED",
    ),
    (
        "a withdrawn recipient",
        |p| p.addressing.recipients = vec![to("de/cert")],
        Code::NotFound,
        "UNKNOWN_CONTACT",
    ),
    (
        "a recipient without seats",
        |p| p.addressing.recipients = vec![to("ke/cert")],
        LATE,
        "RECIPIENT_WITHOUT_SEATS",
    ),
];

const BODIES: &[Row] = &[
    ("no body", |p| p.body.clear(), BAD, "BODY_SIZE"),
    ("a byte too few", |p| p.body.truncate(4095), BAD, "BODY_SIZE"),
    ("a byte too many", |p| p.body.push(0), BAD, "BODY_SIZE"),
    ("4 MiB named", |p| p.header.push(|h| h.body_size = 4 << 20), NOT_YET, NOT_YET_SUPPORTED),
    ("16 MiB named", |p| p.header.push(|h| h.body_size = 16 << 20), NOT_YET, NOT_YET_SUPPORTED),
    ("32 MiB named", |p| p.header.push(|h| h.body_size = 32 << 20), BAD, "BODY_SIZE"),
    (
        "a file beside it",
        |p| p.header.push(|h| h.blobs = vec![blob(1, 4096)]),
        NOT_YET,
        NOT_YET_SUPPORTED,
    ),
    ("a file of no size", |p| p.header.push(|h| h.blobs = vec![blob(1, 4097)]), BAD, FIELD),
    (
        "a file with half a digest",
        |p| p.header.push(|h| h.blobs = vec![blob_of(&[1; 16], 4096)]),
        BAD,
        FIELD,
    ),
    (
        "a file twice",
        |p| p.header.push(|h| h.blobs = vec![blob(1, 4096), blob(1, 16 << 10)]),
        BAD,
        FIELD,
    ),
    (
        "files in no order",
        |p| p.header.push(|h| h.blobs = vec![blob(2, 4096), blob(1, 4096)]),
        BAD,
        FIELD,
    ),
    ("a size between", |p| p.body.resize(8192, 0), BAD, "BODY_SIZE"),
    ("a size at the end", |p| p.header.push(|h| h.body_size = LAST), BAD, "BODY_SIZE"),
    ("no number", |p| p.header.push(|h| h.body_size = LAST + 1), BAD, "NOT_CANONICAL"),
    ("a larger size named", |p| p.header.push(|h| h.body_size = 16 << 10), BAD, "BODY_SIZE"),
    (
        "another digest",
        |p| p.header.push(|h| h.body_digest = digest(b"another")),
        BAD,
        "BODY_DIGEST",
    ),
    ("half a digest", |p| p.header.push(|h| h.body_digest.truncate(16)), BAD, FIELD),
    ("zeros", |p| p.body.fill(0), BAD, "NOT_SEALED"),
    ("plain text", |p| p.body.fill(b'a'), BAD, "NOT_SEALED"),
    (
        "a second stanza in the body",
        |p| {
            p.body = second_stanza(&p.body);
            p.body.resize(16 << 10, 0);
        },
        BAD,
        "NOT_SEALED",
    ),
    ("a stanza of another kind", |p| another_kind(&mut p.body), BAD, "NOT_SEALED"),
];

const LETTERS: &[Row] = &[
    ("no letters", |p| p.letters.clear(), BAD, WRONG),
    ("a letter missing", |p| drop(p.letters.pop()), BAD, WRONG),
    ("a letter twice", |p| p.letters.push(p.letters[3].clone()), BAD, WRONG),
    ("letters in no order", |p| p.letters.swap(0, 1), BAD, WRONG),
    ("129 letters", |p| p.letters = vec![p.letters[0].clone(); 129], BAD, WRONG),
    ("another count", |p| p.header.push(|h| h.letters = u32::MAX), BAD, WRONG),
    ("another root", |p| p.header.push(|h| h.letters_root = digest(b"another")), BAD, WRONG),
    ("half a root of letters", |p| p.header.push(|h| h.letters_root.truncate(16)), BAD, FIELD),
    (
        "a letter for another contact's seat besides",
        |p| {
            p.letters.insert(0, p.letters[0].clone());
            p.letter(0, |l| l.seat = "at/cert/duty-1".to_owned());
        },
        BAD,
        WRONG,
    ),
    (
        "a letter for a seat that is not there",
        |p| p.letter(3, |l| l.seat = "jp/cert/duty-9".to_owned()),
        BAD,
        WRONG,
    ),
    (
        "a letter for the revoked seat besides",
        |p| {
            p.letters.insert(1, p.letters[0].clone());
            p.letter(1, |l| l.seat = "fr/cert/duty-2".to_owned());
        },
        BAD,
        WRONG,
    ),
    ("a letter to another key", |p| p.letter(3, |l| l.seal_key = digest(b"another")), BAD, WRONG),
    (
        "a letter to a colleague's key",
        |p| p.letter(3, |l| l.seal_key = seal_id("jp/cert/duty-1")),
        BAD,
        WRONG,
    ),
    ("half a key id", |p| p.letter(3, |l| l.seal_key.truncate(16)), BAD, "NOT_CANONICAL"),
    ("a letter to no seat", |p| p.letter(3, |l| l.seat = "jp/cert".to_owned()), BAD, FIELD),
    ("an empty letter", |p| p.letters[3].clear(), BAD, "NOT_CANONICAL"),
    ("a letter that is no protobuf", |p| p.letters[3].truncate(9), BAD, "NOT_CANONICAL"),
    ("a large letter", |p| p.letter(3, |l| l.age = vec![0; 3_000].into()), BAD, "TOO_LARGE"),
    ("a letter not sealed", |p| p.letter(3, |l| l.age = vec![0; 200].into()), BAD, "NOT_SEALED"),
    ("a letter cut", |p| p.letter(3, |l| l.age.truncate(1_600)), BAD, "NOT_SEALED"),
    (
        "a letter of another kind",
        |p| {
            p.letter(3, |l| {
                let mut age = l.age.to_vec();
                another_kind(&mut age);
                l.age = age.into();
            });
        },
        BAD,
        "NOT_SEALED",
    ),
];

const WRONG: &str = "WRONG_LETTERS";

fn header(dsse: &mut Dsse, change: impl FnOnce(&mut proto::Header)) {
    retouch(dsse, change);
}

fn address(dsse: &mut Dsse, change: impl FnOnce(&mut proto::Addressing)) {
    header(dsse, |header| {
        let mut addressing = proto::Addressing::decode(header.addressing.clone()).unwrap();
        change(&mut addressing);
        header.addressing = addressing.encode_to_vec().into();
    });
}

/// Of this seat, the signature is zeros.
fn spoil(signature: &mut proto::Signature, seat: &str) {
    if signature.key_id == id(&format!("{seat} sign")) {
        signature.sig = vec![0; 64].into();
    }
}

fn extra(name: &str) -> proto::Extra {
    proto::Extra { name: name.to_owned(), value: vec![7].into() }
}

fn blob(digest: u8, size: u64) -> proto::Blob {
    blob_of(&[digest; 32], size)
}

fn blob_of(digest: &[u8], size: u64) -> proto::Blob {
    proto::Blob { digest: digest.to_vec().into(), size }
}

fn view(addressing: &mut proto::Addressing) -> &mut proto::View {
    addressing.view.as_mut().unwrap()
}

fn directory(parts: &mut Parts) -> &mut proto::Directory {
    parts.addressing.directory.as_mut().unwrap()
}

fn drill(kind: i32, name: &str) -> proto::Drill {
    proto::Drill { kind, name: name.to_owned() }
}

/// The last bit: an id stays a UUIDv7.
fn flip(bytes: &mut bytes::Bytes) {
    let mut flipped = bytes.to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    *bytes = flipped.into();
}

fn append(dsse: &mut Dsse, field: &[u8]) {
    dsse.payload = [&dsse.payload[..], field].concat().into();
}

fn twice(dsse: &mut Dsse) {
    dsse.payload = [&dsse.payload[..], &dsse.payload[..]].concat().into();
}

fn id(name: &str) -> bytes::Bytes {
    key_id(name).as_bytes().to_vec().into()
}

fn seal_id(seat: &str) -> bytes::Bytes {
    opening(&format!("{seat} seal")).public().id().as_bytes().to_vec().into()
}

fn digest(bytes: &[u8]) -> bytes::Bytes {
    Digest::of(bytes).as_bytes().to_vec().into()
}

fn class(class: Class) -> i32 {
    class.into()
}

fn another_id() -> MessageId {
    MessageId::new(NOW * 1000, [9; 10])
}

fn version_4() -> bytes::Bytes {
    hex::decode("f47ac10b58cc4372a5670e02b2c3d479").unwrap().into()
}

/// Of the same length.
fn another_kind(file: &mut [u8]) {
    let at = file.windows(13).position(|window| window == b"mlkem768x2551").unwrap();
    file[at] = b'n';
}

/// Nothing of a row is stored, and the service still answers what it answered before.
struct Judge<'a> {
    world: &'a World,
    good: (Sealed, bytes::Bytes),
    fr: Client,
    jp: Client,
}

impl<'a> Judge<'a> {
    async fn new(world: &'a World) -> Self {
        let mut fr = world.net.client(&world.fr.tls()).await;
        let jp = world.net.client(&world.jp.tls()).await;
        let sealed = world.sealed();
        let accepted = fr.submit(sealed.envelope.clone()).await.unwrap();
        Self { world, good: (sealed, accepted), fr, jp }
    }

    async fn submit(&mut self, by: &str, envelope: Envelope) -> Result<(), (Code, String)> {
        let client = if by.starts_with("fr/") { &mut self.fr } else { &mut self.jp };
        client.submit(envelope).await.map(|_| ()).map_err(|status| refusal(&status))
    }

    /// What is wrong with the refusal; nothing if it is the right one.
    async fn wrong(
        &mut self,
        name: &str,
        (by, envelope): (&str, Envelope),
        expected: (Code, &str),
    ) -> Option<String> {
        let before = self.world.net.everything().await;
        let found = self.submit(by, envelope).await;
        if self.world.net.everything().await != before {
            return Some(format!("{name}: something was stored"));
        }
        let again = self.fr.submit(self.good.0.envelope.clone()).await;
        if !again.is_ok_and(|again| again == self.good.1) {
            return Some(format!("{name}: the service does not go on"));
        }
        let expected = Err((expected.0, expected.1.to_owned()));
        (found != expected).then(|| format!("{name}: expected {expected:?}, found {found:?}"))
    }
}

#[tokio::test]
async fn a_bad_envelope_is_refused_with_its_code_and_stores_nothing() {
    let world = World::new().await;
    let mut judge = Judge::new(&world).await;
    let tables = [
        SIZE_AND_FORM,
        WHERE,
        SIGNATURES,
        TOUCHED,
        ADDRESSING,
        THREADS,
        VIEWS,
        RECIPIENTS,
        BODIES,
        LETTERS,
    ];
    let mut wrong = Vec::new();
    for (name, change, code, reason) in tables.concat() {
        let mut parts = Parts::of(&world.sealed());
        change(&mut parts);
        let (by, envelope) = (parts.by.clone(), parts.envelope());
        wrong.extend(judge.wrong(name, (&by, envelope), (code, reason)).await);
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let last = world.sealed();
    assert!(judge.fr.submit(last.envelope).await.is_ok());
}

/// What an extra means only a later version knows; that it is there changes nothing.
#[tokio::test]
async fn an_extra_is_carried() {
    let world = World::new().await;
    let mut judge = Judge::new(&world).await;
    let mut parts = Parts::of(&world.sealed());
    parts.addressing.extras = vec![extra("campaign"), extra("x-9")];
    assert_eq!(judge.submit("fr/cert/duty-1", parts.envelope()).await, Ok(()));
    let replica = Replica::fold(&mut judge.jp).await;
    let collected = replica.collect(&mut judge.jp, &world.jp.contact).await;
    let last = collected.items.last().unwrap();
    let header = verify_header(&replica.directory, &last.header).unwrap();
    assert_eq!(header.addressing().extras, parts.addressing.extras);
}

#[tokio::test]
async fn an_id_is_used_once_and_the_same_envelope_gets_the_same_receipt() {
    let world = World::new().await;
    let mut judge = Judge::new(&world).await;
    let mut other = Parts::of(&world.sealed());
    other.addressing.id = judge.good.0.id.as_bytes().to_vec().into();
    other.addressing.thread = other.addressing.id.clone();
    let expected = (Code::AlreadyExists, "ID_USED_TWICE");
    let wrong = judge.wrong("an id again", ("fr/cert/duty-1", other.envelope()), expected).await;
    assert_eq!(wrong, None);
    // Its life long, and after: the same bytes are answered, not judged anew.
    world.net.open.clock.set(NOW + 31 * DAY);
    let again = judge.fr.submit(judge.good.0.envelope.clone()).await.unwrap();
    assert_eq!(again, judge.good.1);
}

#[tokio::test]
async fn another_contact_may_use_the_same_id() {
    let world = World::new().await;
    let mut judge = Judge::new(&world).await;
    let sealed = world.jp.compose(&[&world.fr], &world.net.replica(), &world.net.open.ambient);
    let mut parts = Parts::of(&sealed);
    parts.addressing.id = judge.good.0.id.as_bytes().to_vec().into();
    parts.addressing.thread = parts.addressing.id.clone();
    assert_eq!(judge.submit("jp/cert/duty-1", parts.envelope()).await, Ok(()));
}

#[tokio::test]
async fn a_view_is_stale_once_a_reader_has_changed() {
    let world = World::new().await;
    let mut judge = Judge::new(&world).await;
    let replica = world.net.replica();
    let seal = || world.fr.compose(&[&world.jp], &replica, &world.net.open.ambient).envelope;
    world.net.say(says::record(&world.net.replica(), "at/cert")).await;
    assert_eq!(judge.submit("fr/cert/duty-1", seal()).await, Ok(()), "others may change");
    let stale = (Code::FailedPrecondition, "STALE_DIRECTORY");
    for (name, said) in [
        ("the recipient's roster", says::roster(&world.net.replica(), "jp/cert", 3).said()),
        ("the sender's own record", says::record(&world.net.replica(), "fr/cert").said()),
        ("a seat revoked", says::revocation(&world.net.replica(), "jp/cert/duty-2").said()),
    ] {
        let replica = world.net.replica();
        let sealed = world.fr.compose(&[&world.jp], &replica, &world.net.open.ambient);
        world.net.say(said).await;
        let wrong = judge.wrong(name, ("fr/cert/duty-1", sealed.envelope), stale).await;
        assert_eq!(wrong, None);
    }
}

/// A letter to the key that a seat had before its newest roster.
#[tokio::test]
async fn a_letter_to_an_old_key_is_refused() {
    let world = World::new().await;
    let mut judge = Judge::new(&world).await;
    let old = world.sealed();
    let newer = says::roster(&world.net.replica(), "jp/cert", 2)
        .with(|roster| roster.seats[1].seal = Some(says::sealing("newer")));
    world.net.say(newer).await;
    let mut parts = Parts::of(&world.sealed());
    parts.letters[3] = old.envelope.letters[3].clone();
    let expected = (Code::InvalidArgument, "WRONG_LETTERS");
    let wrong = judge.wrong("an old key", ("fr/cert/duty-1", parts.envelope()), expected).await;
    assert_eq!(wrong, None);
}

/// A refused message leaves no file behind, or a member could fill the disk with them.
#[tokio::test]
async fn a_refused_body_leaves_no_file_behind() {
    let world = World::new().await;
    let mut judge = Judge::new(&world).await;
    let outside = world.fr.outside(&[&world.jp], &world.net.replica());
    let inside = crate::support::alert(&"x".repeat(900_000));
    let sealed = world.fr.seal(outside, &inside, &world.net.replica(), &world.net.open.ambient);
    for (name, change, code, reason) in VIEWS.iter().chain(RECIPIENTS) {
        let mut parts = Parts::of(&sealed);
        change(&mut parts);
        let envelope = parts.envelope();
        let wrong = judge.wrong(name, ("fr/cert/duty-1", envelope), (*code, reason)).await;
        assert_eq!(wrong, None);
    }
    assert_eq!(judge.submit("fr/cert/duty-1", sealed.envelope).await, Ok(()));
}

/// Cut short or with a bit flipped, anywhere, it is refused: or it is not this envelope any more
/// that was signed. A bit of a sealed payload is nobody's to check but the digests', which are.
#[tokio::test]
async fn an_envelope_cut_short_or_with_a_bit_flipped_is_refused() {
    let world = World::new().await;
    let mut judge = Judge::new(&world).await;
    let good = world.sealed().envelope.encode_to_vec();
    let before = world.net.everything().await;
    let step = 41;
    let mut refused = 0;
    for at in (0..good.len()).step_by(step) {
        let mut flipped = good.clone();
        flipped[at] ^= 1 << (at % 8);
        for bytes in [&good[..at], &flipped] {
            // What is no message at all does not reach the service.
            let Ok(envelope) = Envelope::decode(bytes) else { continue };
            let found = judge.submit("fr/cert/duty-1", envelope).await;
            assert!(found.is_err(), "byte {at} of {}", good.len());
            refused += 1;
        }
    }
    assert!(refused > good.len() / step, "{refused}");
    assert_eq!(world.net.everything().await, before);
    let whole = Envelope::decode(&good[..]).unwrap();
    assert_eq!(judge.submit("fr/cert/duty-1", whole).await, Ok(()));
}
