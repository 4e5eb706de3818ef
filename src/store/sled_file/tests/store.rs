//! The store's own files.

use std::fs;
use std::sync::Arc;

use ::bytes::Bytes;

use super::{Content, Dice, by_sled, by_us, close, copy, cut, salvaged, settle};
use crate::disk::{Disk, Fdatasync};
use crate::store::sled::Sled;
use crate::store::{Store as _, Write};

const SEGMENT: u64 = 8 << 20;

#[tokio::test]
async fn the_stores_own_files_are_read_as_sled_serves_them() {
    let dir = || tempfile::tempdir().unwrap();
    let (dir, before, after, mut dice) = (dir(), dir(), dir(), Dice(9));
    let open = || Sled::open(dir.path(), &(Arc::new(Fdatasync) as Arc<dyn Disk>)).unwrap();
    let mut store = open();
    for round in 0..120_u64 {
        let mut puts = Content::new();
        for _ in 0..6 {
            let longest = if dice.roll(2) == 0 { 160 << 10 } else { 2000 };
            let value = vec![dice.roll(256) as u8; dice.roll(longest) as usize];
            puts.insert(format!("{:02}", dice.roll(40)).into_bytes(), value);
        }
        let gone = format!("{:02}", dice.roll(40)).into_bytes();
        puts.remove(&gone);
        let puts = puts.into_iter().map(|(key, value)| (key, Bytes::from(value)));
        let write = Write::new([], puts, [gone]).unwrap();
        if round % 40 == 20 {
            copy(dir.path(), before.path());
        }
        store.commit(write.into()).await.unwrap();
        if round % 40 == 20 {
            copy(dir.path(), after.path());
            cut(after.path(), before.path(), &mut dice);
            let (content, damage, _) = by_us(after.path(), SEGMENT).unwrap();
            assert!(damage.is_empty(), "{damage:?}");
            assert!(by_sled(after.path(), SEGMENT).as_ref() == Ok(&content), "cut in {round}");
            settle(after.path(), SEGMENT);
            assert!(by_sled(after.path(), SEGMENT) == Ok(content), "settled in {round}");
        }
        if round % 50 == 49 {
            close(store, dir.path());
            let (content, damage, dropped) = by_us(dir.path(), SEGMENT).unwrap();
            assert!(damage.is_empty() && dropped == 0, "{damage:?} {dropped}");
            assert!(by_sled(dir.path(), SEGMENT).as_ref() == Ok(&content), "closed in {round}");
            assert!(salvaged(dir.path(), SEGMENT) == content, "salvaged in {round}");
            store = open();
        }
    }
    close(store, dir.path());
    let segments = fs::metadata(dir.path().join("db")).unwrap().len() / SEGMENT;
    assert!(segments >= 3, "{segments} segments");
}
