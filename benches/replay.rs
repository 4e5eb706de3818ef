//! How fast a replica verifies and folds the log. On one core: `taskset -c 0 cargo bench --bench replay`.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use liaison::ambient::Ambient;
use liaison::client::home::Home;
use liaison::client::invitation::Invitation;
use liaison::client::replica::Replica;
use liaison::crypto::hash::Digest;
use liaison::crypto::seal::OpeningKey;
use liaison::crypto::sign::{SigningKey, VerifyingKey};
use liaison::domain::directory::entry::Entry;
use liaison::domain::directory::key::{Holder, KnownKey, PublicKey, Purpose, listed_sealing};
use liaison::domain::directory::possession::prove;
use liaison::domain::directory::{
    Admitted, Directory, Member, Parts, Statement, apply, found, verify, verify_founding,
};
use liaison::domain::ids::{DirectoryName, MemberId};
use liaison::signed::dsse::Envelope;
use liaison::signed::proto::{self, Custody, Level, MemberKind, Target, Text, Use};
use liaison::tlog::checkpoint::Checkpoint;
use liaison::tlog::merkle::leaf_hash;
use liaison::tlog::note::KeyName;
use liaison::wire::v1::Invitation as Invited;

const NAME: &str = "un.example";
const AT: u64 = 1_800_000_000;
const MEMBERS: u64 = 193;

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}

fn signed(statement: &Statement) -> Vec<u8> {
    signed_by(statement, &key(1))
}

fn signed_by(statement: &Statement, key: &SigningKey) -> Vec<u8> {
    let (kind, payload) = (statement.kind(), statement.encode());
    let envelope = Envelope::sign(kind, payload, &[key], Ambient::system().random());
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

/// A key of its own, with its proof.
fn fresh(holder: &str, usage: Use) -> (SigningKey, proto::PublicKey) {
    let seed = *Digest::of(format!("{holder} {usage:?}").as_bytes()).as_bytes();
    let key = SigningKey::from_seed(&seed);
    let proven = prove(&key, holder, usage, Ambient::system().random());
    (key, proven.expect("Ed25519 needs no randomness"))
}

/// A State with one contact, one keeper and one seat: its admission, record and roster, which hold
/// three signatures and four proofs.
fn state(directory: &Directory, number: u64) -> [Vec<u8>; 3] {
    let admission = admission(directory, number);
    let (member, targets) = (admission.member.clone(), admission.targets.clone());
    let contact = format!("{member}/cert");
    let (authority, listed) = fresh(&member, Use::Authority);
    let admission = proto::Admission { authority: vec![listed], threshold: 1, ..admission };
    let (keeper, listed) = fresh(&contact, Use::Keeper);
    let record = proto::Record {
        targets: targets.clone(),
        issued_at: AT,
        contact: contact.clone(),
        expires: AT + 86_400,
        levels: vec![Level::Technical.into()],
        names: vec![Text { language: "en".to_owned(), text: "A CERT".to_owned() }],
        keeper: Some(listed),
        custody: Custody::Separate.into(),
        ..proto::Record::default()
    };
    let seat = format!("{contact}/duty");
    let seal = OpeningKey::from_seed(Digest::of(seat.as_bytes()).as_bytes());
    let seat = proto::Seat {
        name: "duty".to_owned(),
        sign: Some(fresh(&seat, Use::Sign).1),
        seal: Some(listed_sealing(seal.public().as_bytes())),
        tls: Some(fresh(&seat, Use::Tls).1),
    };
    let roster =
        proto::Roster { targets, issued_at: AT, contact, seats: vec![seat], ..Default::default() };
    [
        signed(&Statement::Admission(admission)),
        signed_by(&Statement::Record(record), &authority),
        signed_by(&Statement::Roster(roster), &keeper),
    ]
}

/// A first sync: pages verified on all cores, folded, and written; beside it the checks alone.
fn first_sync(c: &mut Criterion) {
    let name: DirectoryName = NAME.parse().expect("a directory name");
    let charter = signed(&Statement::Charter(charter()));
    let founding = verify_founding(&name, &charter).expect("a charter");
    let (directory, _) = found(&name, &founding, AT).expect("a charter");
    let states: Vec<[Vec<u8>; 3]> = (0..STATES).map(|number| state(&directory, number)).collect();
    let (by_kind, by_state) =
        ((0..3).flat_map(|kind| states.iter().map(move |all| &all[kind])), states.iter().flatten());
    let logs: [(&str, Vec<&Vec<u8>>); 2] = [
        ("whose signers were listed before", by_kind.collect()),
        ("each signer listed just before", by_state.collect()),
    ];
    let mut group = c.benchmark_group("first sync");
    group.sample_size(10).throughput(Throughput::Elements(3 * STATES + 1));
    for (how, statements) in logs {
        let entries = [&charter].into_iter().chain(statements).map(|statement| {
            Entry { statement: statement.clone().into(), admitted_at: AT }.encode()
        });
        let entries: Vec<_> = entries.collect();
        group.bench_function(format!("{} entries, {how}", entries.len()), |b| {
            b.iter_batched(
                || joined(&name, &charter, &entries[0]),
                |(folder, mut replica)| {
                    for page in entries.chunks(256) {
                        replica.append(page).expect("admissible");
                    }
                    assert_eq!(replica.entries(), 3 * STATES + 1);
                    (folder, replica)
                },
                BatchSize::PerIteration,
            );
        });
    }
    let (key, message) = (key(1), [7; 700]);
    let signature = key.sign(&message, Ambient::system().random()).expect("Ed25519");
    // As many as each of these logs holds, but for the founding's.
    group.bench_function(format!("{} checks of Ed25519, on one core", 7 * STATES), |b| {
        b.iter(|| {
            for _ in 0..7 * STATES {
                key.public().verify(black_box(&message), &signature).expect("signed");
            }
        });
    });
    group.finish();
}

/// A home of its own, in front of the log.
fn joined(name: &DirectoryName, charter: &[u8], entry: &[u8]) -> (tempfile::TempDir, Replica) {
    let origin = KeyName::parse(name.as_str()).expect("an origin");
    let checkpoint = Checkpoint { origin, size: 1, root: leaf_hash(entry) };
    let note = checkpoint.sign(&key(3), Ambient::system().random()).expect("Ed25519");
    let invitation = Invited {
        charter: charter.to_vec().into(),
        addresses: vec!["liaison.un.example".to_owned()],
        checkpoint: note.to_string().into_bytes().into(),
        ..Invited::default()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let home = Home::at(folder.path().to_owned());
    home.join(&Invitation::check(invitation).expect("ours")).expect("a home");
    let replica = Replica::open(&home, name).expect("joined");
    (folder, replica)
}

const STATES: u64 = 683;

criterion_group!(benches, replay, growth, first_sync);
criterion_main!(benches);
