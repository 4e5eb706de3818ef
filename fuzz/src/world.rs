//! The directories in which foreign bytes are judged: those of `tests/golden`.

use std::sync::LazyLock;

use bytes::Bytes;
use liaison::crypto::hash::Digest;
use liaison::domain::directory::entry::Entry;
use liaison::domain::directory::{
    Admitted, Directory, RULES, apply, found, verify, verify_founding,
};
use liaison::tlog::merkle::{Tree, leaf_hash};

/// Its name.
pub const NAME: &str = "un.example";

/// The entries of a log that has no case yet.
pub static BASE: LazyLock<Directory> =
    LazyLock::new(|| folded(&lines(include_str!("../../tests/golden/log/base.txt"))));

/// The entries of the log that messages are judged by.
pub static LOG: LazyLock<Vec<Bytes>> =
    LazyLock::new(|| lines(include_str!("../../tests/golden/messages/judged/base.txt")));

/// What they come to.
pub static DIRECTORY: LazyLock<Directory> = LazyLock::new(|| folded(&LOG));

static TREE: LazyLock<Tree> = LazyLock::new(|| {
    let mut tree = Tree::default();
    LOG.iter().for_each(|entry| tree.append(leaf_hash(entry)));
    tree
});

/// The root at a size of its log.
pub fn root_at(size: u64) -> Option<Digest> {
    TREE.root_at(size)
}

/// The hexadecimal at the end of each line of a golden file.
pub fn lines(text: &str) -> Vec<Bytes> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let words = lines.filter_map(|line| line.rsplit(' ').next());
    words.filter_map(|word| Some(hex::decode(word).ok()?.into())).collect()
}

/// A log that is admitted, folded.
pub fn folded(log: &[Bytes]) -> Directory {
    const WHY: &str = "a golden log is admitted";
    let read = |bytes: &Bytes| Entry::read(bytes, RULES).expect(WHY);
    let name = NAME.parse().expect("a plain name");
    let (first, rest) = log.split_first().expect(WHY);
    let first = read(first);
    let charter = verify_founding(&name, &first.statement).expect(WHY);
    let (mut directory, _) = found(&name, &charter, first.admitted_at).expect(WHY);
    for entry in rest.iter().map(read) {
        let admitted = Admitted { leaf: directory.size(), at: entry.admitted_at };
        let verified = verify(&directory, &entry.statement).expect(WHY);
        directory.advance(&apply(&directory, &verified, admitted).expect(WHY));
    }
    directory
}
