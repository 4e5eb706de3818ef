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

/// A sentence whose times are dates, and in which no group of words stands twice in a row.
pub(crate) fn reads_well(sentence: &str) {
    let words = sentence.split_whitespace().map(|word| {
        let word = word.trim_matches(|of: char| !of.is_alphanumeric());
        word.strip_suffix("'s").unwrap_or(word).to_lowercase()
    });
    let words: Vec<String> = words.collect();
    let is_time = |word: &String| word.len() > 8 && word.bytes().all(|of| of.is_ascii_digit());
    let said = words.iter().find(|word| *word == "unix" || is_time(word));
    assert!(said.is_none(), "{said:?} is no date: {sentence}");
    for many in 1..=words.len() / 2 {
        let twice = words.windows(2 * many).find(|two| two[..many] == two[many..]);
        assert!(twice.is_none(), "{twice:?}: {sentence}");
    }
}
