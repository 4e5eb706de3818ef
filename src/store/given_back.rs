//! Space comes back, on redb: what was deleted leaves no file as large as it was. sled cuts nothing.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::disk::Fdatasync;
use super::{Engine, Place, Store, Write};

const VALUES: u32 = 640;
/// At a time: a batch has 2 MiB.
const SOME: usize = 14;
const MIB: u64 = 1 << 20;

fn key(number: u32) -> Vec<u8> {
    [b"message/", &number.to_be_bytes()[..]].concat()
}

async fn commit(store: &dyn Store, puts: &[u32], deletes: &[u32]) {
    let value = || Bytes::from(vec![7; 64 << 10]);
    let puts = puts.iter().map(|number| (key(*number), value()));
    let deletes = deletes.iter().map(|number| key(*number));
    store.commit(Write::new([], puts, deletes).unwrap().into()).await.unwrap();
}

fn size(dir: &Path) -> u64 {
    dir.join("store").join(super::redb::FILE).metadata().unwrap().len()
}

#[tokio::test]
async fn a_start_gives_back_what_is_free_of_a_file_that_is_mostly_free() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::on(Engine::Redb, dir.path().join("store"), Arc::new(Fdatasync));
    let store = place.create("un.example", 1).await.unwrap();
    let all: Vec<u32> = (0..VALUES).collect();
    for some in all.chunks(SOME) {
        commit(store.as_ref(), some, &[]).await;
    }
    drop(store);
    let grown = size(dir.path());
    assert!(grown > 64 * MIB, "{grown}");
    let store = place.open("un.example").await.unwrap();
    let full = size(dir.path());
    assert!(full > 40 * MIB, "what is used stays: {full}");
    // What is kept stands at the end of the file.
    let (gone, kept) = all.split_at(all.len() - SOME);
    for some in gone.chunks(SOME) {
        commit(store.as_ref(), &[], some).await;
    }
    drop(store);
    let store = place.open("un.example").await.unwrap();
    let left = size(dir.path());
    assert!(left < 16 * MIB, "{grown}, {full}, {left}");
    let keys: Vec<Vec<u8>> = kept.iter().copied().map(key).collect();
    let found = store.read(&keys).await.unwrap();
    assert!(keys.iter().all(|key| found.value(key).is_some_and(|value| value.len() == 64 << 10)));
}
