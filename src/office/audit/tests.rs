//! What an export of the audit trail shows, and what is no such trail.

use prost::Message as _;

use crate::crypto::hash::Digest;
use crate::domain::administration::audit::Trail;
use crate::office::tests::homes::Kept;
use crate::signed::dsse::Kind;
use crate::signed::proto;
use crate::world::relay::Net;

use super::*;

const AT: u64 = 1_800_000_000;

fn record(number: u64) -> AuditRecord {
    AuditRecord {
        number,
        at: AT,
        who: "operator/olga".to_owned(),
        key_id: vec![1; 2].into(),
        network: "192.0.2.0".to_owned(),
        call: "GetStanding".to_owned(),
        subject: vec![2; 2].into(),
        says: "all".to_owned(),
        outcome: "done".to_owned(),
        unrecorded: 3,
    }
}

/// So many records, and the head that the relay signs over the first ones.
fn trail(net: &Net, records: u64, signed: u64) -> (Vec<Bytes>, Bytes) {
    trail_of(net, &net.directory.genesis(), records, signed)
}

fn trail_of(net: &Net, genesis: &Digest, records: u64, signed: u64) -> (Vec<Bytes>, Bytes) {
    let all: Vec<Bytes> = (1..=records).map(|at| record(at).encode_to_vec().into()).collect();
    let over = all.iter().take(usize::try_from(signed).unwrap());
    let trail = over.fold(Trail::empty(*genesis), |trail, of| trail.append(of));
    let view = net.view();
    let bytes = |of: &[u8]| Bytes::copy_from_slice(of);
    let genesis = bytes(genesis.as_bytes());
    let head = AuditHead {
        directory: Some(proto::Directory { name: net.directory.name().to_string(), genesis }),
        count: trail.count,
        chain: bytes(trail.chain.as_bytes()),
        at: AT + 7,
        view: Some(proto::View { size: view.size, root: bytes(view.root.as_bytes()) }),
    };
    (all, net.relay_signs(Kind::AuditHead, head.encode_to_vec()))
}

fn lines(records: &[Bytes], head: &Bytes) -> Vec<Line> {
    let records = records.iter().cloned().map(Line::Record);
    records.chain([Line::Head(head.clone())]).collect()
}

fn reason<T>(result: Result<T, ClientError>) -> String {
    let Err(why) = result else { panic!("it is refused") };
    why.reason.to_string()
}

#[test]
fn an_export_is_what_the_relay_signed_and_nothing_less() {
    let net = Net::new();
    let (kept, _) = Kept::joined(&net);
    let verify = |lines| kept.office.verified_export(Path::new("trail"), lines);
    let (records, head) = trail(&net, 3, 3);
    let whole = verify(lines(&records, &head)).unwrap();
    assert_eq!((whole.count, whole.at), (3, AT + 7));
    let (one, two, three) = (&records[0], &records[1], &records[2]);
    for fewer in [
        vec![one.clone(), two.clone()],
        vec![one.clone(), three.clone()],
        vec![two.clone(), one.clone(), three.clone()],
        vec![],
    ] {
        assert_eq!(reason(verify(lines(&fewer, &head))), "AUDIT_ALTERED");
    }
    let (more, head) = trail(&net, 3, 2);
    assert_eq!(reason(verify(lines(&more, &head))), "AUDIT_ALTERED");
    let why = verify(lines(&records, &Bytes::from_static(b"none"))).unwrap_err();
    assert_eq!((why.reason.code(), why.side), ("AUDIT_HEAD", Side::Ours));
    assert!(why.sentence.starts_with("trail: "), "{why}");
}

#[test]
fn an_export_of_another_directory_is_none_of_this_one() {
    let net = Net::new();
    let (kept, _) = Kept::joined(&net);
    let verify = |genesis: &Digest| {
        let (records, head) = trail_of(&net, genesis, 2, 2);
        kept.office.verified_export(Path::new("trail"), lines(&records, &head))
    };
    assert!(verify(&net.directory.genesis()).is_ok());
    assert_eq!(reason(verify(&Digest::of(b"another"))), "AUDIT_HEAD");
}

#[test]
fn the_first_line_says_whether_it_is_an_export_and_each_other_whether_it_was_altered() {
    let bytes = || Bytes::from_static(b"bytes");
    let (head, one) = (|| Line::Head(bytes()), || Line::Record(bytes()));
    let told = |lines| {
        let why = taken_apart(Path::new("trail"), lines).unwrap_err();
        (why.reason.to_string(), why.sentence)
    };
    for (lines, says) in [
        (vec![Line::NoLine, head()], None),
        (vec![Line::Empty, head()], None),
        (vec![one(), Line::NoLine, head()], Some("line 2 is none of an export")),
        (vec![one(), one(), Line::Empty, head()], Some("line 3 is none of an export")),
        (vec![Line::Differs, head()], Some("line 1 says something else than its bytes")),
        (vec![one(), Line::Differs], Some("line 2 says something else than its bytes")),
        (vec![head(), one()], Some("something stands behind the head")),
        (vec![head(), head()], Some("something stands behind the head")),
        (vec![head(), Line::Empty], Some("something stands behind the head")),
        (vec![one(), head(), Line::NoLine], Some("line 3 is none of an export")),
        (vec![one(), one()], Some("the head is missing: it was cut short")),
        (vec![], Some("the head is missing: it was cut short")),
    ] {
        let (reason, sentence) = told(lines);
        match says {
            None => assert_eq!(reason, "NOT_SUCH_A_FILE"),
            Some(says) => {
                assert_eq!(reason, "AUDIT_ALTERED", "{says}");
                assert!(sentence.contains(says), "{sentence}");
            }
        }
    }
    let (records, end) = taken_apart(Path::new("trail"), vec![one(), one(), head()]).unwrap();
    assert_eq!((records.len(), end), (2, bytes()));
}

#[test]
fn a_record_is_read_from_its_own_bytes_and_keeps_them() {
    let bytes = Bytes::from(record(5).encode_to_vec());
    let read = Record::read(bytes.clone()).unwrap();
    assert_eq!((read.number, read.at, read.unrecorded), (5, AT, 3));
    assert_eq!(
        (&*read.who, &*read.network, &*read.call),
        ("operator/olga", "192.0.2.0", "GetStanding")
    );
    assert_eq!((&*read.key, &*read.subject), ("0101", "0202"));
    assert_eq!((&*read.says, &*read.outcome), ("all", "done"));
    assert_eq!(read.bytes, bytes);
    // Two spellings of one record are two records.
    let mut longer = bytes.to_vec();
    longer.extend_from_slice(&bytes);
    assert_eq!(Record::read(longer.into()), None);
    assert_eq!(Record::read(Bytes::from_static(b"\xff")), None);
}
