//! How fast bodies and letters are sealed and opened.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use liaison::crypto::seal::{OpeningKey, SealRandomness, open, plaintext_len_for, seal};

fn sealing(c: &mut Criterion) {
    let key = OpeningKey::from_seed(&[1; OpeningKey::SEED_BYTES]);
    let body = plaintext_len_for(4096).expect("a body of 4 KiB exists") as usize;
    let large = plaintext_len_for(1024 * 1024).expect("a body of 1 MiB exists") as usize;
    for (name, len) in [("letter", 200), ("body of 4 KiB", body), ("body of 1 MiB", large)] {
        let plaintext = vec![7; len];
        let fresh = || SealRandomness::from_bytes(&[2; SealRandomness::BYTES]);
        let file = seal(&plaintext, key.public(), fresh());
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function("seal", |b| {
            b.iter(|| seal(black_box(&plaintext), key.public(), fresh()));
        });
        group.bench_function("open", |b| b.iter(|| open(black_box(&file), &key)));
        group.finish();
    }
    c.bench_function("message key", |b| {
        b.iter(|| OpeningKey::from_seed(black_box(&[3; OpeningKey::SEED_BYTES])));
    });
}

criterion_group!(benches, sealing);
criterion_main!(benches);
