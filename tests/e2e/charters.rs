//! Charters as large as they may be, and how they are asked for.

use liaison::crypto::hash::Digest;
use liaison::tlog::merkle::leaf_hash;
use liaison::tlog::note::{KeyName, SignedNote};
use liaison::tlog::proof::verify_inclusion;
use liaison::wire::v1::{GetChartersRequest, GetChartersResponse};

use crate::support::{NAME, Replica, TestNet, says};
use liaison::store::Engine;
use liaison::tlog::checkpoint::Checkpoint;

/// So many people in each role, alice among the registrars.
fn many(replica: &Replica, tag: &str) -> says::Said {
    let people = |role: &str, count: usize| {
        let ids = (0..count).map(|n| format!("{role}-{tag}-{n:02}"));
        ids.map(|id| says::person(role, &id)).collect::<Vec<_>>()
    };
    let charter = says::charter(replica).with(|charter| {
        charter.registrars.retain(|person| person.id == "alice");
        charter.registrars.extend(people("registrar", 63));
        charter.operators = people("operator", 64);
        charter.auditors = people("auditor", 64);
    });
    charter.said()
}

async fn asked(net: &TestNet, after_version: u64) -> GetChartersResponse {
    let mut client = net.stranger().await;
    let request = GetChartersRequest { after_version };
    client.enrolment.get_charters(request).await.unwrap().into_inner()
}

/// Every charter of the page is in the log of its checkpoint, at its leaf.
fn proven(page: &GetChartersResponse) {
    let note = SignedNote::parse(&page.checkpoint).unwrap();
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    assert_eq!(checkpoint.origin, KeyName::parse(NAME).unwrap());
    for charter in &page.charters {
        let path: Vec<Digest> =
            charter.inclusion.iter().map(|hash| hash[..].try_into().unwrap()).collect();
        let leaf = leaf_hash(&charter.entry);
        let (size, root) = (checkpoint.size, checkpoint.root);
        verify_inclusion(leaf, charter.leaf_index, size, &path, root).unwrap();
    }
}

/// 191 people are replaced by 191 others: 764 keys begin or end in one commit.
#[tokio::test]
async fn a_charter_of_64_persons_in_each_role_fits_one_commit() {
    for engine in [Engine::Memory, Engine::Sled, Engine::Redb] {
        let net = TestNet::on(engine).await;
        for tag in ["a", "b"] {
            net.say(many(&net.replica(), tag)).await;
        }
        let replica = net.replica();
        let charter = replica.directory.charter();
        let people = [&charter.registrars, &charter.operators, &charter.auditors];
        assert_eq!((people.map(Vec::len), charter.newest.version), ([64; 3], 3), "{engine:?}");
        let keys = replica.directory.keys().filter(|key| !key.has_ended()).count();
        assert_eq!(keys, 64 * 3 * 2 + 2);
        assert_eq!(asked(&net, 0).await.charters.len(), 3);
    }
}

/// A page is full with 256 KiB: each of these has some 60.
#[tokio::test]
async fn large_charters_fill_a_page_by_their_bytes() {
    let net = TestNet::memory().await;
    for tag in ["a", "b", "c", "d", "e", "f", "g"] {
        net.say(many(&net.replica(), tag)).await;
    }
    let (mut after, mut pages) = (0, Vec::new());
    while after < 8 {
        let page = asked(&net, after).await;
        proven(&page);
        let sizes = page.charters.iter().map(|charter| charter.entry.len());
        assert!(sizes.clone().sum::<usize>() < 256 * 1024 + 65_536);
        after += sizes.len() as u64;
        pages.push(sizes.len());
    }
    assert!(pages.len() > 1 && pages[0] > 3, "{pages:?}");
    assert_eq!(after, 8);
}

#[tokio::test]
async fn charters_come_page_by_page_from_where_they_stand_with_their_proofs() {
    let net = TestNet::memory().await;
    for n in 0..20 {
        net.say(says::admission(&net.replica(), &format!("a{n}"))).await;
        net.say(says::charter(&net.replica()).with(|charter| {
            charter.service_ca.push(vec![9, n].into());
            charter.service_ca.sort();
        }))
        .await;
    }
    let (mut after, mut pages, mut leaves) = (0, 0, Vec::new());
    while after < 21 {
        let page = asked(&net, after).await;
        assert_eq!(page.newest, 21);
        assert!((1..=16).contains(&page.charters.len()));
        proven(&page);
        leaves.extend(page.charters.iter().map(|charter| charter.leaf_index));
        (after, pages) = (after + page.charters.len() as u64, pages + 1);
    }
    assert_eq!((pages, &leaves[..4]), (2, &[0, 2, 4, 6][..]));
    for after in [21, 22, u64::MAX] {
        let page = asked(&net, after).await;
        assert_eq!((page.charters.len(), page.newest), (0, 21));
    }
}
