//! Opens arbitrary bytes, also behind a genuine beginning, with a fixed key. Nobody without the
//! public key makes a file that opens, and this target has no source of randomness but its input.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use liaison::crypto::seal::{OpeningKey, SealRandomness, SealingKey, open, seal};

static KEY: LazyLock<OpeningKey> =
    LazyLock::new(|| OpeningKey::from_seed(&[1; OpeningKey::SEED_BYTES]));
static GENUINE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let randomness = SealRandomness::from_bytes(&[2; SealRandomness::BYTES]);
    seal(b"genuine", KEY.public(), randomness)
});

fuzz_target!(|data: &[u8]| {
    // The first two bytes say how much of a genuine file comes before the rest.
    if let Some(([high, low], rest)) = data.split_first_chunk() {
        let kept = usize::from(u16::from_be_bytes([*high, *low])).min(GENUINE.len());
        let file = [&GENUINE[..kept], rest].concat();
        assert_eq!(open(&file, &KEY).is_ok(), file == *GENUINE);
    }
    let _ = open(data, &KEY);
    let _ = SealingKey::parse(data);
    if let Ok(text) = str::from_utf8(data) {
        if let Ok(key) = SealingKey::from_recipient(text) {
            assert_eq!(key.to_recipient(), text);
        }
        let _ = OpeningKey::from_identity(text);
    }
});
