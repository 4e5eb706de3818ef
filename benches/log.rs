//! How fast the log grows and proves.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use liaison::tlog::head::Frontier;
use liaison::tlog::merkle::{Tree, leaf_hash};
use liaison::tlog::proof::verify_inclusion;

fn log(c: &mut Criterion) {
    let leaf = leaf_hash(b"an entry");
    let mut tree = Tree::default();
    let mut frontier = Frontier::default();
    for _ in 0..100_000 {
        tree.append(leaf);
        frontier.append(leaf);
    }
    let root = tree.root_at(100_000).expect("so many were appended");
    let proof = tree.inclusion_proof(54_321, 100_000).expect("it is in the tree");

    c.bench_function("append to a stored frontier of 100,000", |b| {
        let stored = frontier.to_bytes();
        b.iter(|| {
            let mut frontier = Frontier::from_bytes(black_box(&stored)).expect("just written");
            frontier.append(leaf);
            (frontier.root(), frontier.to_bytes())
        });
    });
    c.bench_function("append 1,000 leaves to a tree", |b| {
        b.iter(|| {
            let mut tree = Tree::default();
            (0..1_000).for_each(|_| tree.append(black_box(leaf)));
            tree
        });
    });
    c.bench_function("prove one of 100,000", |b| {
        b.iter(|| tree.inclusion_proof(black_box(54_321), 100_000));
    });
    c.bench_function("verify one of 100,000", |b| {
        b.iter(|| verify_inclusion(black_box(leaf), 54_321, 100_000, &proof, root));
    });
}

criterion_group!(benches, log);
criterion_main!(benches);
