//! The target that `LIAISON_TARGET` names, under libFuzzer.
#![no_main]

use std::sync::LazyLock;

use liaison_fuzz::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("LIAISON_TARGET").expect("LIAISON_TARGET names a target");
    TARGETS.iter().find(|target| target.name == name).expect("a target of that name")
});

fuzz_target!(|bytes: &[u8]| {
    (TARGET.read)(bytes);
});
