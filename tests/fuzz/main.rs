//! Every parser of foreign bytes reads its corpus, and thousands of changes of it. The parsers, and
//! what must hold of them, stand in `fuzz/src`; `fuzz/run` gives them to libFuzzer.
#![expect(clippy::unwrap_used, reason = "a test that fails may say so by panicking")]

mod changes;
mod seeds;
#[path = "../../fuzz/src/lib.rs"]
pub mod targets;

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use changes::Changes;
use targets::{TARGETS, Target};

fn corpus_of(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

/// The files of a corpus by name.
fn corpus(target: &str) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(corpus_of(target)).into_iter().flatten();
    let files = files.map(|file| file.unwrap().path());
    files
        .map(|path| {
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap())
        })
        .collect()
}

/// `LIAISON_SEED`, or a new one: a failure says which.
fn seed() -> u64 {
    let given = std::env::var("LIAISON_SEED").ok();
    given.map_or_else(|| u64::from(std::process::id()), |seed| seed.parse().unwrap())
}

/// `LIAISON_TIMES` times as many changes as usual: a long run without libFuzzer.
fn times() -> u32 {
    std::env::var("LIAISON_TIMES").map_or(1, |times| times.parse().unwrap())
}

/// What is in a corpus is read: whoever reads nothing has nothing changed.
#[test]
fn every_parser_reads_its_corpus() {
    for target in TARGETS {
        let corpus = corpus(target.name);
        assert!(!corpus.is_empty(), "{}: no corpus", target.name);
        for (name, bytes) in corpus {
            let expected = !name.starts_with("refused-");
            assert_eq!((target.read)(&bytes), expected, "{}/{name}", target.name);
        }
    }
}

/// `LIAISON_BLESS=1` writes it. What somebody found (`found-…`, `refused-…`) stands beside it.
#[test]
fn the_corpus_is_what_is_made() {
    for target in TARGETS {
        let made = seeds::of(target.name);
        if std::env::var_os("LIAISON_BLESS").is_some() {
            fs::create_dir_all(corpus_of(target.name)).unwrap();
            for (name, bytes) in &made {
                fs::write(corpus_of(target.name).join(name), bytes).unwrap();
            }
        }
        let is_made = |name: &str| !name.starts_with("found-") && !name.starts_with("refused-");
        let kept = corpus(target.name).into_iter().filter(|(name, _)| is_made(name));
        let (kept, made): (Vec<_>, Vec<_>) = (kept.collect(), made.into_iter().collect());
        assert!(kept == made, "fuzz/corpus/{} is another", target.name);
    }
}

/// The numbers in a name, so that no one test is all of the time.
macro_rules! changed {
    ($($test:ident: $part:literal,)+) => {
        $(#[test]
        fn $test() {
            for target in TARGETS.iter().skip($part).step_by(4) {
                stands(target, seed());
            }
        })+
    };
}

changed! {
    no_change_of_a_corpus_breaks_a_parser_1: 0,
    no_change_of_a_corpus_breaks_a_parser_2: 1,
    no_change_of_a_corpus_breaks_a_parser_3: 2,
    no_change_of_a_corpus_breaks_a_parser_4: 3,
}

/// Nothing that a target asserts is broken by a change.
fn stands(target: &Target, seed: u64) {
    let corpus: Vec<Vec<u8>> = corpus(target.name).into_values().collect();
    let mut changes = Changes::of(seed, &corpus);
    for nth in 0..target.changes * times() {
        let bytes = changes.next();
        if catch_unwind(AssertUnwindSafe(|| (target.read)(&bytes))).is_err() {
            let name = format!("{}/found-{seed}-{nth}", target.name);
            let (path, shown) =
                (std::env::temp_dir().join(name.replace('/', "-")), hex::encode(&bytes));
            fs::write(&path, &bytes).unwrap();
            panic!(
                "LIAISON_SEED={seed}: change {nth} of {}, kept in {}: {shown:.400}",
                target.name,
                path.display()
            );
        }
    }
}

#[test]
fn a_seed_gives_the_same_changes_again_and_each_kind_of_them() {
    let corpus = [b"a first one".to_vec(), b"another of them".to_vec(), Vec::new()];
    let of = |seed| {
        let mut changes = Changes::of(seed, &corpus);
        (0..500).map(|_| changes.next()).collect::<Vec<_>>()
    };
    let made = of(1);
    assert!(made == of(1) && made != of(2));
    assert!(made.iter().any(|bytes| bytes.len() < 11) && made.iter().any(|bytes| bytes.len() > 15));
    let both = |bytes: &&Vec<u8>| bytes.starts_with(b"a ") && bytes.ends_with(b"them");
    assert!(made.iter().any(|bytes| both(&bytes)), "no two were joined");
}
