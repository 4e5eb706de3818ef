//! Bad statements through Publish and Enrol: each is refused with its code, stores nothing, and the
//! service goes on.

use liaison::domain::directory::facet::OpenFacet;
use liaison::domain::limits;
use liaison::signed::dsse::Kind;
use liaison::signed::proto::{self, Target, Use};
use liaison::wire::v1::publish_answer::Answer;
use liaison::wire::v1::{self, EnrolRequest, PublishRequest};
use prost::Message as _;
use tonic::Code;

use crate::support::says::{self, Said};
use crate::support::{Client, DAY, NOW, Party, Replica, TestNet, refusal};

/// `fr/cert` with two seats, whose `duty-2` was revoked; `jp/cert`; `zz` is listed with `zz/mfa`.
async fn world() -> (TestNet, Party) {
    let net = TestNet::memory().await;
    let [fr, _jp] = net.parties(["fr", "jp"]).await;
    net.say(says::revocation(&net.replica(), "fr/cert/duty-2")).await;
    net.say(says::listing(&net.replica(), "zz")).await;
    net.say(says::attested(&net.replica(), "zz/mfa")).await;
    (net, fr)
}

type Row = (&'static str, fn(&Replica) -> Said, &'static str);

fn record(r: &Replica, change: impl FnOnce(&mut proto::Record)) -> Said {
    says::record(r, "fr/cert").with(change).said()
}

fn roster(r: &Replica, change: impl FnOnce(&mut proto::Roster)) -> Said {
    says::roster(r, "fr/cert", 1).with(change).said()
}

fn signed_by(r: &Replica, signers: &[&str]) -> Said {
    says::record(r, "fr/cert").signed_by(signers).said()
}

fn good(r: &Replica) -> Said {
    says::record(r, "fr/cert").said()
}

const FORM: &[Row] = &[
    ("nothing", |_| Said { statement: Vec::new().into(), facets: Vec::new() }, "UNKNOWN_KIND"),
    ("no protobuf", |_| Said { statement: vec![0xff; 99].into(), facets: vec![] }, "NOT_CANONICAL"),
    (
        "above the limit",
        |_| Said { statement: vec![0; limits::STATEMENT_BYTES + 1].into(), facets: vec![] },
        "TOO_LARGE",
    ),
    (
        "cut short",
        |r| {
            let said = good(r);
            Said { statement: said.statement.slice(..said.statement.len() - 1), ..said }
        },
        "NOT_CANONICAL",
    ),
    (
        "a byte more",
        |r| {
            let said = good(r);
            Said { statement: [&said.statement[..], &[0]].concat().into(), ..said }
        },
        "NOT_CANONICAL",
    ),
    (
        "an unknown field in the payload",
        |r| good(r).with(|d| d.payload = [&d.payload[..], &[0x98, 0x06, 1]].concat().into()),
        "NOT_CANONICAL",
    ),
    (
        "the payload twice",
        |r| good(r).with(|d| d.payload = [&d.payload[..], &d.payload[..]].concat().into()),
        "NOT_CANONICAL",
    ),
    (
        "a kind of version 2",
        |r| good(r).with(|d| d.payload_type = d.payload_type.replace(".v1+", ".v2+")),
        "UNKNOWN_KIND",
    ),
    (
        "a kind that is not supported",
        |r| good(r).with(|d| d.payload_type = d.payload_type.replace("record", "hold")),
        "UNKNOWN_KIND",
    ),
    (
        "a header for a statement",
        |r| good(r).with(|d| d.payload_type = Kind::Header.payload_type()),
        "UNKNOWN_KIND",
    ),
    (
        "a payload type of 60 KB",
        |r| good(r).with(|d| d.payload_type = "x".repeat(60_000)),
        "UNKNOWN_KIND",
    ),
];

const WHERE: &[Row] = &[
    (
        "another directory",
        |r| record(r, |s| s.targets[0].name = "eu.example".to_owned()),
        "OTHER_DIRECTORY",
    ),
    (
        "another genesis",
        |r| record(r, |s| s.targets[0].genesis = vec![7; 32].into()),
        "OTHER_GENESIS",
    ),
    ("no genesis", |r| record(r, |s| s.targets[0].genesis.clear()), "INVALID_TARGETS"),
    ("no target", |r| record(r, |s| s.targets.clear()), "INVALID_TARGETS"),
    ("a target twice", |r| record(r, |s| s.targets.push(s.targets[0].clone())), "INVALID_TARGETS"),
    ("17 targets", |r| record(r, seventeen_targets), "INVALID_TARGETS"),
    (
        "a name that is none",
        |r| record(r, |s| s.targets[0].name = "UN example".to_owned()),
        "INVALID_TARGETS",
    ),
    (
        "registrars speak to two directories",
        |r| {
            let more = says::admission(r, "at").with(|s| {
                let other = Target { name: "a.example".to_owned(), ..s.targets[0].clone() };
                s.targets.insert(0, other);
            });
            more.said()
        },
        "INVALID_TARGETS",
    ),
];

const SIGNATURES: &[Row] = &[
    ("no signature", |r| signed_by(r, &[]), "BELOW_THRESHOLD"),
    ("an unknown key", |r| signed_by(r, &["nobody"]), "UNKNOWN_KEY"),
    ("another member's authority", |r| signed_by(r, &["jp authority"]), "BELOW_THRESHOLD"),
    ("a registrar for a member", |r| signed_by(r, &["alice"]), "WRONG_PURPOSE"),
    ("an operator", |r| signed_by(r, &["dave"]), "WRONG_PURPOSE"),
    ("a keeper", |r| signed_by(r, &["fr/cert keeper"]), "WRONG_PURPOSE"),
    ("a seat", |r| signed_by(r, &["fr/cert/duty-1 sign"]), "WRONG_PURPOSE"),
    ("the log's key", |r| signed_by(r, &["log"]), "WRONG_PURPOSE"),
    ("a key to connect with", |r| signed_by(r, &["fr/cert/duty-1 tls"]), "WRONG_PURPOSE"),
    (
        "another member's authority besides",
        |r| signed_by(r, &["fr authority", "jp authority"]),
        "SUPERFLUOUS_SIGNATURE",
    ),
    (
        "a signature twice",
        |r| good(r).with(|d| d.signatures.push(d.signatures[0].clone())),
        "DUPLICATE_SIGNATURE",
    ),
    (
        "signatures in no order",
        |r| signed_by(r, &["fr authority", "jp authority"]).with(|d| d.signatures.reverse()),
        "SIGNATURES_UNSORTED",
    ),
    (
        "a signature of zeros",
        |r| good(r).with(|d| d.signatures[0].sig = vec![0; 64].into()),
        "BAD_SIGNATURE",
    ),
    (
        "a signature of 64 KB",
        |r| good(r).with(|d| d.signatures[0].sig = vec![0; 60_000].into()),
        "BAD_SIGNATURE",
    ),
    (
        "a payload changed after it was signed",
        |r| {
            good(r).with(|d| {
                let mut record = proto::Record::decode(d.payload.clone()).unwrap();
                record.contact = "fr/mfa".to_owned();
                d.payload = record.encode_to_vec().into();
            })
        },
        "BAD_SIGNATURE",
    ),
    (
        "a signature over a record handed in as a withdrawal",
        |r| {
            says::withdrawal(r, "fr/cert").said().with(|d| d.signatures = dsse(&good(r)).signatures)
        },
        "BAD_SIGNATURE",
    ),
    (
        "the authority signs what the keeper signs",
        |r| says::roster(r, "fr/cert", 1).signed_by(&["fr authority"]).said(),
        "BELOW_THRESHOLD",
    ),
    (
        "another contact's keeper",
        |r| says::roster(r, "fr/cert", 1).signed_by(&["jp/cert keeper"]).said(),
        "BELOW_THRESHOLD",
    ),
    (
        "a member admits another",
        |r| says::admission(r, "at").signed_by(&["fr authority"]).said(),
        "WRONG_PURPOSE",
    ),
    (
        "an operator admits a member",
        |r| says::admission(r, "at").signed_by(&["dave"]).said(),
        "WRONG_PURPOSE",
    ),
    (
        "a charter of its own registrars only",
        |r| {
            let charter = says::charter(r).with(|s| {
                s.registrars[0].id = "mallory".to_owned();
                let alice = s.registrars[0].clone();
                let mallory = says::person("registrar", "mallory");
                s.registrars[0] = proto::Person { id: alice.id, name: alice.name, ..mallory };
            });
            charter.signed_by(&["mallory"]).said()
        },
        "BELOW_THRESHOLD",
    ),
    (
        "a revoked seat revokes a colleague",
        |r| says::revocation(r, "fr/cert/duty-1").signed_by(&["fr/cert/duty-2 sign"]).said(),
        "KEY_NOT_IN_FORCE",
    ),
    (
        "another contact's seat revokes",
        |r| says::revocation(r, "fr/cert/duty-1").signed_by(&["jp/cert/duty-1 sign"]).said(),
        "BELOW_THRESHOLD",
    ),
];

/// The largest number.
const LAST: u64 = (1 << 53) - 1;

const VERSIONS_AND_TIMES: &[Row] = &[
    ("a version skipped", |r| record(r, |s| s.targets[0].version += 1), "WRONG_VERSION"),
    (
        "a version again with something else",
        |r| record(r, |s| (s.targets[0].version, s.expires) = (1, NOW + DAY)),
        "WRONG_VERSION",
    ),
    ("no version", |r| record(r, |s| s.targets[0].version = 0), "INVALID_TARGETS"),
    ("the last version", |r| record(r, |s| s.targets[0].version = LAST), "WRONG_VERSION"),
    ("no number", |r| record(r, |s| s.targets[0].version = LAST + 1), "NOT_CANONICAL"),
    (
        "signed 30 days and a second ago",
        |r| record(r, |s| s.issued_at = NOW - 30 * DAY - 1),
        "ISSUED_TOO_EARLY",
    ),
    ("never signed", |r| record(r, |s| s.issued_at = 0), "ISSUED_TOO_EARLY"),
    ("signed 5 minutes ahead", |r| record(r, |s| s.issued_at = NOW + 301), "ISSUED_IN_FUTURE"),
    ("signed at the end", |r| record(r, |s| s.issued_at = LAST), "ISSUED_IN_FUTURE"),
];

const CONTENT: &[Row] = &[
    ("already expired", |r| record(r, |s| s.expires = NOW), "ALREADY_EXPIRED"),
    ("holds 732 days", |r| record(r, |s| s.expires = NOW + 732 * DAY), "HOLDS_TOO_LONG"),
    ("holds for ever", |r| record(r, |s| s.expires = LAST), "HOLDS_TOO_LONG"),
    ("no level", |r| record(r, |s| s.levels.clear()), "INVALID_FIELD"),
    ("an unknown level", |r| record(r, |s| s.levels = vec![9]), "INVALID_FIELD"),
    ("levels in no order", |r| record(r, |s| s.levels.reverse()), "INVALID_FIELD"),
    ("an unknown custody", |r| record(r, |s| s.custody = 9), "INVALID_FIELD"),
    ("attested after signed", |r| says::attested(r, "fr/cert").said(), "ATTESTED_AFTER_SIGNED"),
    ("an unknown member", |r| says::attested(r, "xx/cert").said(), "UNKNOWN_MEMBER"),
    (
        "an admission that replaces an authority",
        |r| {
            says::admission(r, "fr")
                .with(|s| s.authority = vec![says::proven("mallory", "fr", Use::Authority)])
                .said()
        },
        "AUTHORITY_STANDS",
    ),
    (
        "a keeper with another's key",
        |r| record(r, |s| s.keeper = Some(says::proven("jp/cert keeper", "fr/cert", Use::Keeper))),
        "KEY_REUSED",
    ),
    (
        "a seat with another's key",
        |r| {
            roster(r, |s| {
                s.seats[0].tls =
                    Some(says::proven("jp/cert/duty-1 tls", "fr/cert/duty-1", Use::Tls));
            })
        },
        "KEY_REUSED",
    ),
    (
        "a seat with one key for two purposes",
        |r| {
            roster(r, |s| {
                s.seats[0].tls =
                    Some(says::proven("fr/cert/duty-1 sign", "fr/cert/duty-1", Use::Tls));
            })
        },
        "KEY_REUSED",
    ),
    (
        "a key without its proof",
        |r| roster(r, |s| s.seats[0].tls.as_mut().unwrap().proof.clear()),
        "NO_POSSESSION",
    ),
    (
        "a key with the proof for another use",
        |r| roster(r, |s| s.seats[0].tls = s.seats[0].sign.clone()),
        "NO_POSSESSION",
    ),
    (
        "the squatted key: another admission lists what it does not hold",
        |r| {
            let mut key = says::proven("at authority", "at", Use::Authority);
            key.proof.clear();
            says::admission(r, "xx").with(|s| s.authority = vec![key]).said()
        },
        "NO_POSSESSION",
    ),
    (
        "a revoked key comes back",
        |r| roster(r, |s| s.seats[0] = says::seat("fr/cert", "duty-2")),
        "KEY_REUSED",
    ),
    ("a seat twice", |r| roster(r, |s| s.seats.push(s.seats[0].clone())), "INVALID_FIELD"),
    ("a seat without seal key", |r| roster(r, |s| s.seats[0].seal = None), "INVALID_FIELD"),
    (
        "a seal key of zeros",
        |r| {
            roster(r, |s| {
                s.seats[0].seal = Some(liaison::domain::directory::key::listed_sealing(&[0; 1216]));
            })
        },
        "INVALID_FIELD",
    ),
    ("17 seats", |r| says::roster(r, "fr/cert", 17).said(), "INVALID_FIELD"),
    (
        "a roster of no contact",
        |r| roster(r, |s| s.contact = "fr/xx".to_owned()),
        "UNKNOWN_CONTACT",
    ),
    (
        "a roster of a listed contact",
        |r| roster(r, |s| s.contact = "zz/mfa".to_owned()),
        "BELOW_THRESHOLD",
    ),
    ("a withdrawal of no contact", |r| says::withdrawal(r, "fr/xx").said(), "UNKNOWN_CONTACT"),
    (
        "nothing to revoke",
        |r| says::revocation(r, "fr/cert/duty-2").with(|s| s.reason = 2).said(),
        "NOTHING_TO_REVOKE",
    ),
    ("newer rules", |r| says::charter(r).with(|s| s.rules = 2).said(), "NEWER_RULES"),
    (
        "a charter without quorum",
        |r| says::charter(r).with(|s| s.threshold = 2).said(),
        "BELOW_THRESHOLD",
    ),
    (
        "another log key than the one at hand",
        |r| {
            says::charter(r)
                .with(|s| s.log.push(says::proven("another log", "log/un.example", Use::Log)))
                .said()
        },
        "SERVICE_KEY_MISSING",
    ),
    (
        "another service authority than the one at hand",
        |r| says::charter(r).with(|s| s.service_ca = vec![b"other"[..].into()]).said(),
        "SERVICE_KEY_MISSING",
    ),
    ("no log key", |r| says::charter(r).with(|s| s.log.clear()).said(), "INVALID_FIELD"),
];

const FACETS: &[Row] = &[
    ("a facet missing", |r| facets(r, |f| drop(f.pop())), "FACET_MISSING"),
    (
        "a facet superfluous",
        |r| facets(r, |f| f.push(says::facet("fr/cert", "web"))),
        "FACET_SUPERFLUOUS",
    ),
    ("other bytes of a facet", |r| facets(r, |f| f[0].bytes = vec![1].into()), "FACET_MISSING"),
    ("another salt of a facet", |r| facets(r, |f| f[0].salt = [0; 32]), "FACET_MISSING"),
    (
        "a large facet",
        |r| facets(r, |f| f[0].bytes = vec![0; limits::FACET_BYTES + 1].into()),
        "TOO_LARGE",
    ),
    (
        "a facet of another name",
        |r| record(r, |s| s.facets[1].name = "wake".to_owned()),
        "INVALID_FIELD",
    ),
    (
        "a facet of another visibility",
        |r| record(r, |s| s.facets[0].visibility = 2),
        "NOT_YET_SUPPORTED",
    ),
];

fn facets(r: &Replica, change: impl FnOnce(&mut Vec<OpenFacet>)) -> Said {
    let mut record = says::record(r, "fr/cert");
    change(&mut record.facets);
    record.said()
}

fn dsse(said: &Said) -> proto::Dsse {
    proto::Dsse::decode(said.statement.clone()).unwrap()
}

fn seventeen_targets(record: &mut proto::Record) {
    let target = record.targets[0].clone();
    let more = (10..26).map(|n| Target { name: format!("a{n}.example"), ..target.clone() });
    record.targets = more.chain([target.clone()]).collect();
}

/// What a stranger is told where a member is told `reason`. Of these two, registrars signed, who know:
/// a quorum enters the one, too few say the other.
fn told_a_stranger<'a>(name: &str, reason: &'a str) -> &'a str {
    match reason {
        "UNKNOWN_MEMBER" if name == "an unknown member" => reason,
        "BELOW_THRESHOLD" if name == "a charter without quorum" => reason,
        "UNKNOWN_MEMBER" | "UNKNOWN_CONTACT" | "BELOW_THRESHOLD" => "NOT_ENTITLED",
        reason => reason,
    }
}

/// The refusal through every door; a description of what is wrong with it.
async fn wrong(
    net: &TestNet,
    clients: &mut [Client; 2],
    (name, statement, expected): (&str, Said, &str),
) -> Option<String> {
    let before = net.everything().await;
    let [seat, stranger] = clients;
    let found = [
        seat.publish(statement.clone()).await.unwrap(),
        seat.enrol(statement.clone()).await.unwrap(),
        stranger.enrol(statement).await.unwrap(),
    ];
    if net.everything().await != before {
        return Some(format!("{name}: something was stored"));
    }
    let told = told_a_stranger(name, expected);
    let expected = [expected, expected, told].map(|reason| Err(reason.to_owned()));
    (found != expected).then(|| format!("{name}: expected {expected:?}, found {found:?}"))
}

#[tokio::test]
async fn a_bad_statement_is_refused_with_its_code_and_stores_nothing() {
    let (net, fr) = world().await;
    let mut clients = [net.client(&fr.tls()).await, net.stranger().await];
    let mut all = Vec::new();
    for (name, make, expected) in
        [FORM, WHERE, SIGNATURES, VERSIONS_AND_TIMES, CONTENT, FACETS].concat()
    {
        let row = (name, make(&net.replica()), expected);
        all.extend(wrong(&net, &mut clients, row).await);
    }
    assert!(all.is_empty(), "\n{}", all.join("\n"));
    let size = net.replica().view().size;
    assert_eq!(clients[0].publish(good(&net.replica())).await.unwrap(), Ok(size));
}

/// Whatever signs it: the whole answer is the same for a member that is there and one that is not.
#[tokio::test]
async fn a_stranger_does_not_learn_who_is_a_member() {
    let (net, _) = world().await;
    let replica = net.replica();
    let mut stranger = net.stranger().await;
    let signers: [&[&str]; 6] = [
        &[],
        &["nobody"],
        &["jp authority"],
        &["jp/cert keeper"],
        &["jp/cert/duty-1 sign"],
        &["fr/cert/duty-2 sign"],
    ];
    let about = |contact: &str, signers: &[&str]| {
        let seat = format!("{contact}/duty-1");
        [
            says::record(&replica, contact).signed_by(signers).said(),
            says::roster(&replica, contact, 1).signed_by(signers).said(),
            says::withdrawal(&replica, contact).signed_by(signers).said(),
            says::revocation(&replica, &seat).signed_by(signers).said(),
        ]
    };
    for signers in signers {
        let mut told = Vec::new();
        for contact in ["fr/cert", "fr/xx", "xx/cert"] {
            let publications = about(contact, signers).map(Said::into_publication).to_vec();
            let answer = stranger.enrolment.enrol(EnrolRequest { publications }).await.unwrap();
            told.push(answer.into_inner().answers);
        }
        assert_eq!((&told[0], &told[0]), (&told[1], &told[2]), "{signers:?}");
    }
}

#[tokio::test]
async fn a_statement_again_is_answered_with_its_leaf_and_not_logged_again() {
    let (net, fr) = world().await;
    let mut seat = net.client(&fr.tls()).await;
    for said in [
        good(&net.replica()),
        says::admission(&net.replica(), "at").said(),
        says::revocation(&net.replica(), "fr/cert/duty-1").said(),
        says::charter(&net.replica()).said(),
    ] {
        let leaf = net.stranger().await.enrol(said.clone()).await.unwrap().unwrap();
        let before = net.everything().await;
        assert_eq!(net.stranger().await.enrol(said.clone()).await.unwrap(), Ok(leaf));
        assert_eq!(net.everything().await, before);
    }
    let refused = seat.publish(good(&net.replica())).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "duty-1 was revoked above");
}

#[tokio::test]
async fn each_statement_of_a_request_is_decided_on_what_the_one_before_left() {
    let (net, _) = world().await;
    let replica = net.replica();
    let size = replica.view().size;
    let (admission, record) = (says::admission(&replica, "at"), says::record(&replica, "at/cert"));
    let roster = says::roster(&replica, "at/cert", 1);
    let order = [roster.clone().said(), admission.said(), record.said(), roster.said()];
    let publications = order.into_iter().map(Said::into_publication).collect();
    let request = EnrolRequest { publications };
    let answers = net.stranger().await.enrolment.enrol(request).await.unwrap().into_inner().answers;
    let answers: Vec<Option<u64>> = answers.into_iter().map(leaf).collect();
    assert_eq!(answers, [None, Some(size), Some(size + 1), Some(size + 2)]);
}

fn leaf(answer: v1::PublishAnswer) -> Option<u64> {
    match answer.answer.expect("an answer") {
        Answer::LeafIndex(leaf) => Some(leaf),
        Answer::Refused(_) => None,
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_typed_is_refused_whole() {
    let (net, fr) = world().await;
    let (mut seat, mut stranger) = (net.client(&fr.tls()).await, net.stranger().await);
    let before = net.everything().await;
    let mut short_salt = good(&net.replica());
    short_salt.facets[0].salt.truncate(31);
    let mut many_facets = good(&net.replica());
    many_facets.facets = vec![many_facets.facets[0].clone(); 4_000];
    for (publications, expected) in [
        (vec![short_salt.into_publication()], "INVALID_FIELD"),
        (vec![good(&net.replica()).into_publication(); 17], "TOO_LARGE"),
        (vec![v1::Publication::default(); 10_000], "TOO_LARGE"),
    ] {
        let request = PublishRequest { publications: publications.clone() };
        let published = refusal(&seat.directory.publish(request).await.unwrap_err());
        let request = EnrolRequest { publications };
        let enrolled = refusal(&stranger.enrolment.enrol(request).await.unwrap_err());
        let expected = (Code::InvalidArgument, expected.to_owned());
        assert_eq!([published, enrolled], [expected.clone(), expected]);
    }
    // As large as a message may be is read; larger is not.
    let large = vec![0; limits::PUBLISH_MESSAGE_BYTES + 1];
    let request = PublishRequest {
        publications: vec![v1::Publication { statement: large.into(), facets: Vec::new() }],
    };
    let refused = seat.directory.publish(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);
    assert_eq!(net.everything().await, before);
    // The same facet many times is one facet.
    assert!(seat.publish(many_facets).await.unwrap().is_err());
    let size = net.replica().view().size;
    assert_eq!(stranger.enrol(good(&net.replica())).await.unwrap(), Ok(size));
}
