//! What lies on the service's disk: another program, another release or a broken disk may have
//! written it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use bytes::Bytes;
use liaison::crypto::hash::Digest;
use liaison::domain::directory::{Charter, Directory, Member, Newest, Part as _};
use liaison::domain::ids::MessageId;
use liaison::domain::state::Key;
use liaison::operate::config::{Config, FILE, ServiceHome};
use liaison::service::Shown;
use liaison::store::codec::{self, LogHead};
use liaison::store::keys;

use super::read;

static FOLDER: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a folder"));

/// These bytes as a file.
pub fn written(name: &str, bytes: &[u8]) -> PathBuf {
    let path = FOLDER.path().join(name);
    fs::write(&path, bytes).expect("a folder of our own");
    path
}

/// The configuration. It is the operator's own, and its refusal shows him the line.
pub fn config(bytes: &[u8]) -> bool {
    let path = written(FILE, bytes);
    let home = ServiceHome::at(path.parent().unwrap_or(Path::new("")));
    let config = match home.config() {
        Ok(config) => config,
        Err(why) => {
            assert!(why.to_string().len() <= 500 + 4 * bytes.len());
            return false;
        }
    };
    let text = toml::to_string(&config).expect("what was read can be written");
    assert_eq!(toml::from_str::<Config>(&text).as_ref(), Ok(&config));
    assert!(config.engine().is_ok() && config.trusted_proxies().is_ok());
    true
}

/// The high-water file, and the same with the digest that it should have.
pub fn high_water(bytes: &[u8]) -> bool {
    let shown = read(Shown::read(&written("high-water", bytes)));
    if let Some(Shown { checkpoint, mark }) = &shown {
        assert!(bytes.windows(checkpoint.len().max(1)).any(|part| part == checkpoint));
        assert!(mark.is_none() || bytes.ends_with(digest_line(body(bytes)).as_bytes()));
    }
    let mended = [body(bytes), digest_line(body(bytes)).as_bytes()].concat();
    let mended = read(Shown::read(&written("high-water", &mended)));
    let mark = mended.and_then(|shown| shown.mark);
    assert!(shown.is_none_or(|shown| shown.mark.is_none() || shown.mark == mark));
    mark.is_some()
}

/// Without the line of its digest.
fn body(bytes: &[u8]) -> &[u8] {
    let line = digest_line(b"").len();
    let (body, last) = bytes.split_at(bytes.len().saturating_sub(line));
    if last.starts_with(b"digest ") { body } else { bytes }
}

fn digest_line(body: &[u8]) -> String {
    format!("digest {}\n", Digest::of_parts(&[b"liaison/high-water/v2\0", body]))
}

/// A stored value, of every kind.
pub fn stored(bytes: &[u8]) -> bool {
    let bytes = Bytes::copy_from_slice(bytes);
    let mut any = false;
    for key in KEYS.iter() {
        let Some(value) = read(codec::decode(key, &bytes)) else { continue };
        let again = codec::decode(key, &codec::encode(&value));
        assert_eq!(again.ok().as_ref(), Some(&value), "{key:?}");
        any = true;
    }
    if let Some(head) = read(LogHead::decode(&bytes)) {
        assert_eq!(LogHead::decode(&head.encode()).ok(), Some(head));
        any = true;
    }
    if let Some(newest) = read(Newest::decode(&bytes)) {
        assert_eq!(Newest::decode(&newest.encode()), Ok(newest));
        any = true;
    }
    if let Some(charter) = read(Charter::decode(&bytes)) {
        assert_eq!(Charter::decode(&charter.encode()).as_ref(), Ok(&charter));
        assert!(Charter::stored_rules(&bytes).is_ok_and(|rules| rules == charter.rules));
        any = true;
    }
    if let Some(member) = read(Member::decode(&bytes)) {
        assert_eq!(Member::decode(&member.encode()).as_ref(), Ok(&member));
        any = true;
    }
    if let Some(directory) = read(Directory::decode(&bytes)) {
        assert!(Directory::decode(&bytes).is_ok_and(|again| again == directory));
        any = true;
    }
    any
}

/// One of each kind: under it the bytes could stand.
static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let contact = || "fr/soc".parse().expect("a contact");
    let (id, digest) = (MessageId::new(1, [1; 10]), Digest::of(b"of something"));
    vec![
        Key::Mailbox(contact()),
        Key::Entry(contact(), 1),
        Key::Message(id, contact()),
        Key::Outcome(id, contact()),
        Key::Usage("fr".parse().expect("a member")),
        Key::Facet("fr/soc".to_owned(), digest),
        Key::Share(contact(), "fr".parse().expect("a member")),
        Key::Answers(digest),
        Key::Due(1, id, contact()),
        Key::Blob(digest),
        Key::Beginning(contact()),
        Key::Trail,
        Key::Record(1),
        Key::Desk,
        Key::Proposal(digest),
    ]
});

/// The key of a stored value: what is read of it is what it was made of.
pub fn stored_key(bytes: &[u8]) -> bool {
    let read = [
        keys::read_due(bytes),
        keys::read_record(bytes).map(Key::Record),
        keys::read_message(bytes).map(|(id, of)| Key::Message(id, of)),
        keys::read_outcome(bytes).map(|(id, of)| Key::Outcome(id, of)),
        keys::read_entry(bytes).map(|(of, number)| Key::Entry(of, number)),
        keys::read_usage(bytes).map(Key::Usage),
        keys::read_share(bytes).map(|(of, member)| Key::Share(of, member)),
        keys::read_mailbox(bytes).map(Key::Mailbox),
    ];
    let read: Vec<Key> = read.into_iter().flatten().collect();
    assert!(read.len() < 2, "one key of two kinds: {read:?}");
    assert!(read.iter().all(|key| keys::of(key) == bytes), "{read:?}");
    !read.is_empty()
}
