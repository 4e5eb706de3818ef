//! What a reader takes behind rules that it does not know, case by case: `log/behind.txt`, for every
//! implementation to judge (`docs/protocol.md` 9 and 17).

use std::collections::BTreeMap;

use prost::Message as _;

use super::super::*;
use crate::client::charters::logged;
use crate::crypto::sign::KeyId;
use crate::domain::directory::key::{KnownKey, Purpose};
use crate::signed::dsse;
use crate::signed::proto::entry::Leaf;
use crate::tests::{golden, matches_golden};
use crate::world::clock::NOW;
use crate::world::keys::{key, opening, public as bare, random};

const DUTY: &str = "fr/soc/duty-1";
const CHARTER: &str = "application/vnd.liaison.charter.v1+protobuf";
const REVOCATION: &str = "application/vnd.liaison.revocation.v1+protobuf";

fn sealing(name: &str) -> KeyId {
    opening(name).public().id()
}

fn id(name: &str) -> Bytes {
    Bytes::copy_from_slice(key(name).public().id().as_bytes())
}

fn registrar(id: &str, sign: &str) -> proto::Person {
    let (id, name) = (id.to_owned(), format!("The {id}"));
    proto::Person { id, name, sign: Some(bare(sign)), tls: Some(bare("any")) }
}

fn signature(payload_type: &str, payload: &[u8], by: &str) -> proto::Signature {
    let sig = key(by).sign(&dsse::pae(payload_type, payload), &random()).unwrap().into();
    proto::Signature { sig, key_id: id(by) }
}

fn signed(payload_type: &str, payload: Vec<u8>, by: &[&str]) -> proto::Dsse {
    let mut signatures: Vec<_> =
        by.iter().map(|name| signature(payload_type, &payload, name)).collect();
    signatures.sort_by(|a, b| a.key_id.cmp(&b.key_id));
    let payload_type = payload_type.to_owned();
    proto::Dsse { payload: payload.into(), payload_type, signatures }
}

/// Makes an envelope so large, by a signature that says nothing.
fn fill(dsse: &mut proto::Dsse, size: usize) {
    let by_nobody = |sig: Vec<u8>| proto::Signature { sig: sig.into(), key_id: id("nobody") };
    dsse.signatures.push(by_nobody(vec![0; 60_000]));
    let missing = size - dsse.encode_to_vec().len();
    *dsse.signatures.last_mut().unwrap() = by_nobody(vec![0; 60_000 + missing]);
}

fn entry(dsse: &proto::Dsse) -> Bytes {
    raw_entry(dsse.encode_to_vec())
}

fn raw_entry(statement: Vec<u8>) -> Bytes {
    let leaf = Some(Leaf::Statement(statement.into()));
    proto::Entry { leaf, admitted_at: NOW }.encode_to_vec().into()
}

/// The log of a case: it begins with `log/base.txt` and the charter that names rules 2.
#[derive(Clone)]
struct Log {
    newest: proto::Charter,
    identity: Digest,
    entries: Vec<Bytes>,
}

impl Log {
    fn new() -> Self {
        Self::raised(|_| {})
    }

    fn raised(change: impl FnOnce(&mut proto::Charter)) -> Self {
        let (statement, _) = logged(&BASE[0]).unwrap();
        let founding = proto::Dsse::decode(statement).unwrap().payload;
        let newest = proto::Charter::decode(founding.clone()).unwrap();
        let mut log = Self { newest, identity: Digest::of(&founding), entries: Vec::new() };
        log.newest.targets[0].genesis = Bytes::copy_from_slice(log.identity.as_bytes());
        log.charter(|next| {
            next.rules = 2;
            change(next);
        });
        log
    }

    fn next(&self) -> proto::Charter {
        let mut next = self.newest.clone();
        next.targets.iter_mut().for_each(|target| target.version += 1);
        next.previous = Bytes::copy_from_slice(self.identity.as_bytes());
        next
    }

    /// The next charter, signed by two registrars of the three.
    fn charter(&mut self, change: impl FnOnce(&mut proto::Charter)) {
        self.charter_by(&["alice", "bob"], change);
    }

    fn charter_by(&mut self, by: &[&str], change: impl FnOnce(&mut proto::Charter)) {
        let mut next = self.next();
        change(&mut next);
        let payload = next.encode_to_vec();
        self.identity = Digest::of(&payload);
        self.entries.push(entry(&signed(CHARTER, payload, by)));
        self.newest = next;
    }

    /// One whose envelope is spoilt.
    fn spoilt(&mut self, by: &[&str], spoil: impl FnOnce(&mut proto::Dsse)) {
        let mut dsse = signed(CHARTER, self.next().encode_to_vec(), by);
        spoil(&mut dsse);
        self.entries.push(entry(&dsse));
    }

    fn slip(&self) -> proto::Revocation {
        let mut targets = self.newest.targets.clone();
        targets.iter_mut().for_each(|target| target.version = 0);
        let seal = sealing(&format!("{DUTY} seal"));
        let mut key_ids = vec![
            id(&format!("{DUTY} sign")),
            id(&format!("{DUTY} tls")),
            Bytes::copy_from_slice(seal.as_bytes()),
        ];
        key_ids.sort();
        let (issued_at, reason) = (NOW, proto::Reason::Lost.into());
        let seat = DUTY.to_owned();
        proto::Revocation { targets, issued_at, seat, key_ids, reason, suspected_from: 0 }
    }

    fn revoke(&mut self, by: &[&str], change: impl FnOnce(&mut proto::Revocation)) {
        let mut slip = self.slip();
        change(&mut slip);
        self.entries.push(entry(&signed(REVOCATION, slip.encode_to_vec(), by)));
    }

    fn revoke_spoilt(&mut self, by: &[&str], spoil: impl FnOnce(&mut proto::Dsse)) {
        let mut dsse = signed(REVOCATION, self.slip().encode_to_vec(), by);
        spoil(&mut dsse);
        self.entries.push(entry(&dsse));
    }
}

/// What `log/base.txt` holds.
pub(super) static BASE: std::sync::LazyLock<Vec<Bytes>> = std::sync::LazyLock::new(|| {
    let text = golden("log/base.txt");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| hex::decode(line.split(' ').nth(1).unwrap()).unwrap().into()).collect()
});

/// Nothing yet, of the log of the base.
pub(super) fn unfolded(known: u32) -> Fold {
    let (founding, _) = logged(&BASE[0]).unwrap();
    Fold::new(&Trust::begin(&founding).unwrap().0, known)
}

fn folded(entries: &[Bytes]) -> Fold {
    let mut fold = unfolded(1);
    BASE.iter().chain(entries).for_each(|entry| fold.push(entry.clone()).unwrap());
    fold
}

/// Version and keys of the newest charter taken, where it stopped following, and the keys of seats and
/// relay that began or ended behind.
fn outcome(fold: &Fold) -> String {
    let (behind, directory) = (fold.behind.as_ref().unwrap(), fold.directory.as_ref().unwrap());
    let newest = behind.chain.newest();
    let ids = |keys: &[VerifyingKey]| {
        let mut ids: Vec<String> =
            keys.iter().map(|key| hex::encode(key.id().as_bytes())).collect();
        ids.sort();
        ids.dedup();
        listing(ids)
    };
    let changed = |known: &&KnownKey| {
        let ours = matches!(
            known.purpose,
            Purpose::SeatSign | Purpose::SeatTls | Purpose::SeatSeal | Purpose::Relay
        );
        ours && (known.from >= behind.leaf || known.until.is_some_and(|until| until >= behind.leaf))
    };
    let mut keys: Vec<String> = directory
        .keys()
        .filter(changed)
        .map(|known| {
            let until = known.until.map_or("-".to_owned(), |until| until.to_string());
            format!("{}:{}:{until}", hex::encode(known.key.id().as_bytes()), known.from)
        })
        .collect();
    keys.sort();
    let closed = behind.closed.map_or("-".to_owned(), |leaf| leaf.to_string());
    let (registrars, log, relay) = (newest.registrars(), &newest.log, &newest.relay);
    let lists = [ids(registrars), ids(log), ids(relay), listing(keys)].join(" ");
    format!("{} {closed} {lists}", newest.version)
}

fn listing(words: Vec<String>) -> String {
    if words.is_empty() { "-".to_owned() } else { words.join(",") }
}

type Case = (&'static str, fn(&mut Log));

const CHARTERS: &[Case] = &[
    ("stops", |_| {}),
    ("charter", |log| log.charter(|_| {})),
    ("charter of rules 3", |log| log.charter(|next| next.rules = 3)),
    ("charter of rules 4", |log| log.charter(|next| next.rules = 4)),
    ("charter of rules 1", |log| log.charter(|next| next.rules = 1)),
    ("charter of the version before", |log| log.charter(|next| next.targets[0].version = 2)),
    ("charter of the version after", |log| log.charter(|next| next.targets[0].version = 4)),
    ("charter with another predecessor", |log| {
        log.charter(|next| next.previous = vec![7; 32].into());
    }),
    ("charter without a predecessor", |log| log.charter(|next| next.previous = Bytes::new())),
    ("charter of another genesis", |log| {
        log.charter(|next| next.targets[0].genesis = vec![7; 32].into());
    }),
    ("charter of another directory", |log| {
        log.charter(|next| next.targets[0].name = "zz.example".to_owned());
    }),
    ("charter without targets", |log| log.charter(|next| next.targets.clear())),
    ("charter with a second target", |log| {
        log.charter(|next| {
            let other = proto::Target { name: "aa.example".to_owned(), ..next.targets[0].clone() };
            next.targets.push(other);
        });
    }),
    ("charter whose second target is ours", |log| {
        log.charter(|next| {
            let other = proto::Target { genesis: vec![7; 32].into(), ..next.targets[0].clone() };
            next.targets.insert(0, other);
        });
    }),
    ("charter whose second target has our version", |log| {
        log.charter(|next| {
            let other = proto::Target { version: 9, ..next.targets[0].clone() };
            next.targets.insert(0, other);
        });
    }),
    ("charter that comes again", |log| {
        log.charter(|_| {});
        log.entries.push(log.entries[1].clone());
        log.charter(|_| {});
    }),
    ("first charter behind comes again", |log| log.entries.push(log.entries[0].clone())),
    ("founding charter comes again", |log| log.entries.push(BASE[0].clone())),
    ("charter after one that was not taken", |log| {
        let mut other = log.clone();
        other.charter_by(&["alice"], |_| {});
        log.entries.push(other.entries[1].clone());
        log.charter(|_| {});
    }),
    ("one of two registrars", |log| log.charter_by(&["alice"], |_| {})),
    ("three registrars", |log| log.charter_by(&["alice", "bob", "carol"], |_| {})),
    ("a stranger beside them", |log| log.charter_by(&["alice", "bob", "mallory"], |_| {})),
    ("an operator beside one", |log| log.charter_by(&["alice", "dave"], |_| {})),
    ("a tls key beside one", |log| log.charter_by(&["alice", "bob tls"], |_| {})),
    ("new registrars that did not sign", |log| {
        log.charter(|next| {
            next.registrars = vec![registrar("frank", "frank")];
            next.threshold = 1;
        });
    }),
    ("new registrars that signed", |log| {
        log.charter_by(&["alice", "bob", "frank"], |next| {
            next.registrars = vec![registrar("frank", "frank")];
            next.threshold = 1;
        });
        log.charter_by(&["frank"], |_| {});
    }),
    ("only the new registrars signed", |log| {
        log.charter_by(&["alice", "frank"], |next| {
            next.registrars = vec![registrar("frank", "frank")];
            next.threshold = 1;
        });
    }),
    ("registrars dropped sign the next", |log| {
        log.charter_by(&["alice", "bob", "frank"], |next| {
            next.registrars = vec![registrar("frank", "frank")];
            next.threshold = 1;
        });
        log.charter_by(&["alice", "bob"], |_| {});
    }),
    ("threshold 0 is 1", |log| {
        log.charter(|next| next.threshold = 0);
        log.charter_by(&["carol"], |_| {});
        log.charter_by(&[], |_| {});
    }),
    ("threshold above the registrars", |log| log.charter(|next| next.threshold = 4)),
    ("bad then good signature of a key", |log| {
        log.spoilt(&["alice", "bob"], |dsse| {
            let bad = proto::Signature { sig: vec![1; 64].into(), ..dsse.signatures[1].clone() };
            dsse.signatures.insert(1, bad);
        });
    }),
    ("good then bad signature of a key", |log| {
        log.spoilt(&["alice", "bob"], |dsse| {
            let bad = proto::Signature { sig: vec![1; 64].into(), ..dsse.signatures[1].clone() };
            dsse.signatures.push(bad);
        });
    }),
    ("one key twice", |log| {
        log.spoilt(&["alice"], |dsse| dsse.signatures.push(dsse.signatures[0].clone()));
    }),
    ("signatures unsorted", |log| {
        log.spoilt(&["alice", "bob"], |dsse| dsse.signatures.reverse());
    }),
    ("bad signature of another key", |log| {
        log.spoilt(&["alice", "bob"], |dsse| {
            dsse.signatures.push(proto::Signature { sig: Bytes::new(), key_id: id("carol") });
        });
    }),
    ("key id of 31 bytes in a signature", |log| {
        log.spoilt(&["alice", "bob"], |dsse| {
            dsse.signatures
                .push(proto::Signature { sig: Bytes::new(), key_id: vec![0; 31].into() });
        });
    }),
    ("content that rules 1 refuse", |log| {
        log.charter(|next| {
            next.registrars.reverse();
            next.service_ca.clear();
            next.witnesses.clear();
            next.relay.clear();
            next.quorum = 9;
            next.issued_at = 1;
        });
    }),
    ("no log key", |log| log.charter(|next| next.log.clear())),
    ("charter that cannot be read", |log| {
        let mut payload = log.next().encode_to_vec();
        payload.extend([0xfa, 0x7f, 0x01, 0x01]);
        log.entries.push(entry(&signed(CHARTER, payload, &["alice", "bob"])));
        log.charter(|_| {});
    }),
    ("charter of another form", |log| {
        let of_later = CHARTER.replace("v1", "v2");
        let payload = log.next().encode_to_vec();
        log.entries.push(entry(&signed(&of_later, payload, &["alice", "bob"])));
    }),
    ("envelope of a charter with another field", |log| {
        let mut dsse = signed(CHARTER, log.next().encode_to_vec(), &["alice", "bob"]);
        dsse.payload = log.next().encode_to_vec().into();
        let statement = [dsse.encode_to_vec(), vec![0x20, 1]].concat();
        log.entries.push(raw_entry(statement));
    }),
    ("entry of a charter with another field", |log| {
        let dsse = signed(CHARTER, log.next().encode_to_vec(), &["alice"]);
        log.entries.push([&entry(&dsse)[..], &[0x20, 1]].concat().into());
        log.charter(|_| {});
    }),
    ("charter of 65000 bytes", |log| {
        log.spoilt(&["alice", "bob"], |dsse| fill(dsse, 65_000));
    }),
    ("charter of 65001 bytes", |log| {
        log.spoilt(&["alice", "bob"], |dsse| fill(dsse, 65_001));
    }),
];

const KEYS: &[Case] = &[
    ("new log key", |log| {
        log.charter(|next| next.log.push(bare("log 2")));
        log.charter(|next| drop(next.log.remove(0)));
    }),
    ("new relay keys", |log| {
        log.charter(|next| next.relay.push(bare("relay 2")));
        log.charter(|next| next.relay = vec![bare("relay 3")]);
    }),
    ("relay key dropped and listed again", |log| {
        log.charter(|next| next.relay = vec![bare("relay 2")]);
        log.charter(|next| next.relay = vec![bare("relay"), bare("relay 3")]);
    }),
    ("log key that becomes the relay's", |log| {
        log.charter(|next| {
            next.log = vec![bare("log 2")];
            next.relay.push(bare("log"));
        });
    }),
    ("one key for log and relay", |log| {
        log.charter(|next| {
            next.log.push(bare("both"));
            next.relay.push(bare("both"));
        });
        log.charter(|next| drop(next.log.pop()));
    }),
    ("one key twice in a list", |log| {
        log.charter(|next| next.log = vec![bare("log 2"), bare("log 2")]);
    }),
    ("a seat's key as the relay's", |log| {
        log.charter(|next| next.relay.push(bare("fr/soc/duty-1 sign")));
    }),
    ("a seat's key as the log's", |log| {
        log.charter(|next| next.log.push(bare("fr/soc/duty-1 sign")));
    }),
    ("a seat's key as a registrar's", |log| {
        log.charter_by(&["alice", "fr/soc/duty-1 sign"], |next| {
            next.registrars[1].sign = Some(bare("fr/soc/duty-1 sign"));
        });
    }),
    ("an ended seat's key as the log's", |log| {
        log.revoke(&["fr/soc keeper"], |_| {});
        log.charter(|next| next.log.push(bare("fr/soc/duty-1 sign")));
    }),
    ("an operator's key as the log's", |log| log.charter(|next| next.log.push(bare("dave")))),
    ("a registrar's key of another person", |log| {
        log.charter(|next| {
            next.registrars[2] = registrar("frank", "carol");
            next.threshold = 1;
        });
        log.charter_by(&["carol"], |_| {});
    }),
    ("a registrar's key comes back", |log| {
        log.charter(|next| drop(next.registrars.pop()));
        log.charter(|next| next.registrars.push(registrar("carol", "carol")));
        log.charter_by(&["alice", "carol"], |_| {});
    }),
    ("a registrar's key of before comes back", |log| {
        *log = Log::raised(|next| drop(next.registrars.pop()));
        log.charter_by(&["alice", "bob", "carol"], |next| {
            next.registrars.push(registrar("carol", "carol"));
            next.threshold = 3;
        });
    }),
    ("one registrar twice in the list", |log| {
        log.charter_by(&["alice", "bob", "frank"], |next| {
            next.registrars = vec![registrar("frank", "frank"), registrar("frank", "frank")];
        });
    }),
    ("one registrar under two names", |log| {
        log.charter(|next| next.registrars.push(registrar("zoe", "carol")));
    }),
    ("keys that cannot be read", |log| {
        log.charter(|next| {
            next.log.push(proto::PublicKey { key: vec![1; 44].into(), ..bare("log 2") });
            next.relay.push(proto::PublicKey { algorithm: 77, ..bare("relay 2") });
            next.registrars.push(proto::Person { sign: None, ..registrar("zoe", "zoe") });
        });
    }),
];

const REVOCATIONS: &[Case] = &[
    ("by the keeper", |log| log.revoke(&["fr/soc keeper"], |_| {})),
    ("by the seat", |log| log.revoke(&["fr/soc/duty-1 sign"], |_| {})),
    ("by a colleague", |log| log.revoke(&["fr/soc/duty-2 sign"], |_| {})),
    ("by two of the authority", |log| log.revoke(&["fr-1", "fr-3"], |_| {})),
    ("by one of the authority", |log| log.revoke(&["fr-1"], |_| {})),
    ("by a registrar", |log| log.revoke(&["alice", "bob"], |_| {})),
    ("by a tls key", |log| log.revoke(&["fr/soc/duty-1 tls"], |_| {})),
    ("by a seat of another contact", |log| log.revoke(&["fr/cert/duty-1 sign"], |_| {})),
    ("by the keeper of another contact", |log| log.revoke(&["at/cert keeper"], |_| {})),
    ("by nobody", |log| log.revoke(&[], |_| {})),
    ("strangers beside the keeper", |log| log.revoke(&["fr/soc keeper", "fr-1", "x"], |_| {})),
    ("bad then good signature of the keeper", |log| {
        log.revoke_spoilt(&["fr/soc keeper"], |dsse| {
            let bad = proto::Signature { sig: vec![1; 64].into(), ..dsse.signatures[0].clone() };
            dsse.signatures.insert(0, bad);
        });
    }),
    ("by one of the authority twice", |log| {
        log.revoke_spoilt(&["fr-1"], |dsse| dsse.signatures.push(dsse.signatures[0].clone()));
    }),
    ("by a seat that was ended", |log| {
        log.revoke(&["fr/soc/duty-1 sign"], |_| {});
        log.revoke(&["fr/soc/duty-1 sign"], |slip| {
            slip.seat = "fr/soc/duty-2".to_owned();
            slip.key_ids = vec![id("fr/soc/duty-2 sign")];
        });
    }),
    ("twice", |log| {
        log.revoke(&["fr/soc/duty-1 sign"], |_| {});
        log.revoke(&["fr/soc keeper"], |_| {});
    }),
    ("some of the keys", |log| {
        log.revoke(&["fr/soc keeper"], |slip| slip.key_ids.truncate(1));
        log.revoke(&["fr/soc keeper"], |_| {});
    }),
    ("keys unsorted and twice", |log| {
        log.revoke(&["fr/soc keeper"], |slip| {
            slip.key_ids.reverse();
            slip.key_ids.push(slip.key_ids[0].clone());
        });
    }),
    ("no keys", |log| log.revoke(&["fr/soc keeper"], |slip| slip.key_ids.clear())),
    ("a key id of 31 bytes", |log| {
        log.revoke(&["fr/soc keeper"], |slip| slip.key_ids.push(vec![0xff; 31].into()));
    }),
    ("keys of another seat", |log| {
        log.revoke(&["fr/soc keeper"], |slip| slip.seat = "fr/soc/duty-2".to_owned());
    }),
    ("the relay's key", |log| {
        log.revoke(&["fr/soc keeper"], |slip| slip.key_ids = vec![id("relay"), id("log")]);
    }),
    ("a seat that cannot be read", |log| {
        log.revoke(&["fr/soc keeper"], |slip| slip.seat = "fr/soc/Duty-1".to_owned());
    }),
    ("a seat of an unknown member", |log| {
        log.revoke(&["fr/soc keeper"], |slip| slip.seat = "xx/soc/duty-1".to_owned());
    }),
    ("a seat that never was", |log| {
        log.revoke(&["fr/soc keeper"], |slip| slip.seat = "fr/soc/duty-9".to_owned());
    }),
    ("an unknown reason", |log| log.revoke(&["fr/soc keeper"], |slip| slip.reason = 99)),
    ("a version", |log| log.revoke(&["fr/soc keeper"], |slip| slip.targets[0].version = 3)),
    ("of another genesis", |log| {
        log.revoke(&["fr/soc keeper"], |slip| slip.targets[0].genesis = vec![7; 32].into());
    }),
    ("of another directory", |log| {
        log.revoke(&["fr/soc keeper"], |slip| slip.targets[0].name = "zz.example".to_owned());
    }),
    ("whose second target is ours", |log| {
        log.revoke(&["fr/soc keeper"], |slip| {
            let other = proto::Target { genesis: vec![7; 32].into(), ..slip.targets[0].clone() };
            slip.targets.insert(0, other);
        });
    }),
    ("that cannot be read", |log| {
        let payload = [log.slip().encode_to_vec(), vec![0x38, 1]].concat();
        log.entries.push(entry(&signed(REVOCATION, payload, &["fr/soc keeper"])));
    }),
    ("of another form", |log| {
        let (of_later, payload) = (REVOCATION.replace("v1", "v2"), log.slip().encode_to_vec());
        log.entries.push(entry(&signed(&of_later, payload, &["fr/soc keeper"])));
    }),
    ("of 65000 bytes", |log| {
        log.revoke_spoilt(&["fr/soc keeper"], |dsse| fill(dsse, 65_000));
    }),
    ("of 65001 bytes", |log| {
        log.revoke_spoilt(&["fr/soc keeper"], |dsse| fill(dsse, 65_001));
    }),
    ("after a charter that was not taken", |log| {
        log.charter_by(&["alice"], |_| {});
        log.revoke(&["fr/soc keeper"], |_| {});
    }),
    ("other entries", |log| {
        log.entries.push(BASE[10].clone());
        log.entries.push(Bytes::from_static(b"garbage"));
        log.entries.push(Bytes::from_static(&[0x10, 1, 0x1a, 1, 7]));
        log.entries.push(Bytes::new());
        log.charter(|_| {});
    }),
];

#[test]
fn golden_behind() {
    let mut made = TITLE.to_owned();
    let mut names = BTreeMap::new();
    for (of, cases) in [("", CHARTERS), ("keys", KEYS), ("revocation", REVOCATIONS)] {
        for (name, case) in cases {
            let name = format!("{of} {name}").trim().replace([' ', '\''], "-");
            assert_eq!(names.insert(name.clone(), ()), None, "{name} comes twice");
            let mut log = Log::new();
            case(&mut log);
            let entries = log.entries.iter().map(hex::encode).collect::<Vec<_>>().join(" ");
            made += &format!("{name} {} {entries}\n", outcome(&folded(&log.entries)));
        }
    }
    matches_golden("log/behind.txt", &made);
}

const TITLE: &str = "\
# What a reader that knows rules 1 takes behind a charter that names rules 2: name, version of the newest
# charter taken, leaf of the first that was not, its registrars' keys that stand, log keys, relay keys,
# keys of seats and of the relay that began or ended (id:from:until), entries after base.txt.
";
