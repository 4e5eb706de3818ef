//! How fast a replica verifies and folds the log.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use liaison::ambient::Ambient;
use liaison::crypto::sign::SigningKey;
use liaison::domain::directory::possession::prove;
use liaison::domain::directory::{
    Admitted, Directory, Statement, apply, found, verify, verify_founding,
};
use liaison::domain::ids::DirectoryName;
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

criterion_group!(benches, replay);
criterion_main!(benches);
