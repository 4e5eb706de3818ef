//! How fast a replica verifies and folds the log.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use liaison::ambient::Ambient;
use liaison::crypto::hash::Digest;
use liaison::crypto::sign::{SigningKey, VerifyingKey};
use liaison::domain::directory::key::{Holder, KnownKey, PublicKey, Purpose};
use liaison::domain::directory::possession::prove;
use liaison::domain::directory::{
    Admitted, Directory, Member, Parts, Statement, apply, found, verify, verify_founding,
};
use liaison::domain::ids::{DirectoryName, MemberId};
use liaison::signed::dsse::Envelope;
use liaison::signed::proto::{self, MemberKind, Target, Text, Use};

const NAME: &str = "un.example";
const AT: u64 = 1_800_000_000;
const MEMBERS: u64 = 193;

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}

fn signed(statement: &Statement) -> Vec<u8> {
    let (kind, payload) = (statement.kind(), statement.encode());
    let envelope = Envelope::sign(kind, payload, &[&key(1)], Ambient::system().random());
    envelope.expect("Ed25519 needs no randomness").bytes().to_vec()
}

fn proven(number: u8, holder: &str, usage: Use) -> proto::PublicKey {
    let proven = prove(&key(number), holder, usage, Ambient::system().random());
    proven.expect("Ed25519 needs no randomness")
}

fn charter() -> proto::Charter {
    proto::Charter {
        targets: vec![Target { name: NAME.to_owned(), version: 1, ..Target::default() }],
        issued_at: AT,
        rules: 1,
        registrars: vec![proto::Person {
            id: "alice".to_owned(),
            name: "Alice".to_owned(),
            sign: Some(proven(1, "registrar/alice", Use::Sign)),
            tls: Some(proven(2, "registrar/alice", Use::Tls)),
        }],
        threshold: 1,
        log: vec![proven(3, "log/un.example", Use::Log)],
        relay: vec![proven(4, "relay/un.example", Use::Relay)],
        service_ca: vec![vec![1].into()],
        policy: Vec::new(),
        ..proto::Charter::default()
    }
}

fn admission(directory: &Directory, number: u64) -> proto::Admission {
    let genesis = directory.genesis().as_bytes().to_vec().into();
    proto::Admission {
        targets: vec![Target { name: NAME.to_owned(), genesis, version: 1 }],
        issued_at: AT,
        member: format!("m{number}"),
        kind: MemberKind::UnMember.into(),
        names: vec![Text { language: "en".to_owned(), text: format!("State {number}") }],
        ..proto::Admission::default()
    }
}

fn replay(c: &mut Criterion) {
    let name: DirectoryName = NAME.parse().expect("a directory name");
    let charter = signed(&Statement::Charter(charter()));
    let founding = verify_founding(&name, &charter).expect("a charter");
    let (directory, _) = found(&name, &founding, AT).expect("a charter");
    let statements: Vec<Vec<u8>> = (0..MEMBERS)
        .map(|number| signed(&Statement::Admission(admission(&directory, number))))
        .collect();
    let mut group = c.benchmark_group("replay");
    group.throughput(Throughput::Elements(MEMBERS));
    group.bench_function("193 admissions", |b| {
        b.iter_batched(
            || directory.clone(),
            |mut directory| {
                for (leaf, statement) in (1..).zip(&statements) {
                    let verified = verify(&directory, black_box(statement)).expect("signed");
                    let admitted = Admitted { leaf, at: AT };
                    let parts = apply(&directory, &verified, admitted).expect("admissible");
                    directory.advance(&parts);
                }
                assert_eq!(directory.size(), MEMBERS + 1);
                directory
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// A directory of so many members more, each with two keys.
fn grown(mut directory: Directory, count: u64) -> Directory {
    let one = signed(&Statement::Admission(admission(&directory, 0)));
    let verified = verify(&directory, &one).expect("signed");
    let parts = apply(&directory, &verified, Admitted { leaf: 1, at: AT }).expect("admissible");
    let member = parts.member.expect("an admission is of a member");
    for number in 0..count {
        let id: MemberId = format!("n{number}").parse().expect("an id");
        let keys = [0_u8, 1].map(|which| {
            let raw = *Digest::of(&[&number.to_be_bytes()[..], &[which]].concat()).as_bytes();
            let key = PublicKey::Verifying(VerifyingKey::from_ed25519(&raw));
            let holder = Holder::Member(id.clone());
            Arc::new(KnownKey::listed(key, Purpose::Authority, holder, number))
        });
        let member = Some(Arc::new(Member { id, ..(*member).clone() }));
        let admitted = Admitted { leaf: directory.size(), at: AT };
        directory.advance(&Parts { member, keys: keys.to_vec(), ..Parts::none(admitted, AT) });
    }
    directory
}

/// What a round that logs does with the directory, whatever its size.
fn growth(c: &mut Criterion) {
    let name: DirectoryName = NAME.parse().expect("a directory name");
    let charter = signed(&Statement::Charter(charter()));
    let founding = verify_founding(&name, &charter).expect("a charter");
    let (founded, _) = found(&name, &founding, AT).expect("a charter");
    let statement = signed(&Statement::Admission(admission(&founded, 0)));
    let mut group = c.benchmark_group("one entry more");
    for size in [1_000, 10_000, 100_000, 1_000_000] {
        let directory = grown(founded.clone(), size);
        let admitted = Admitted { leaf: directory.size(), at: AT };
        let verified = verify(&directory, &statement).expect("signed");
        let parts = apply(&directory, &verified, admitted).expect("admissible");
        group.bench_function(format!("copied and advanced at {size}"), |b| {
            b.iter(|| {
                let mut next = black_box(&directory).clone();
                next.advance(&parts);
                next
            });
        });
        group.bench_function(format!("verified and applied at {size}"), |b| {
            b.iter(|| {
                let verified = verify(&directory, black_box(&statement)).expect("signed");
                apply(&directory, &verified, admitted).expect("admissible")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, replay, growth);
criterion_main!(benches);
