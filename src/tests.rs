//! What tests share: the files of `tests/golden`, made again and compared. `LIAISON_BLESS=1` writes
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
