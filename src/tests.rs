//! What tests share: the page, and the files of `tests/golden`, made again and compared. `LIAISON_BLESS=1` writes
//! them anew; `tests/golden/README.md` says when that is right.

use std::path::PathBuf;

fn path_of(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file)
}

/// A file as it stands, if it does.
pub(crate) fn golden(file: &str) -> String {
    std::fs::read_to_string(path_of(file)).unwrap_or_default()
}

/// The file is what was made.
pub(crate) fn matches_golden(file: &str, made: &str) {
    if std::env::var_os("LIAISON_BLESS").is_some() {
        let path = path_of(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, made).unwrap();
    }
    assert!(
        golden(file) == made,
        "tests/golden/{file} is another: what was signed would no longer verify"
    );
}

/// `docs/protocol.md` says it, wherever its lines break.
pub(crate) fn page_says(words: &str) {
    let page = include_str!("../docs/protocol.md").split_whitespace().collect::<Vec<_>>();
    assert!(page.join(" ").contains(words), "docs/protocol.md does not say: {words}");
}

/// A number as the page writes it.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}
