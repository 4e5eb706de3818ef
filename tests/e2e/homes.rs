//! The homes of those who take part, as the programs leave them: every file, whose it is, and what is done
//! when the disk is full, cannot be written, or is somebody else's.

use std::fs;
use std::path::{Path, PathBuf};

use crate::readme;

/// A service with two members, and a message that was read, acknowledged and answered.
const LIVED_IN: &[&str] = &[
    "liaisond --home service init --single --client-home registrar",
    "liaisond --home service serve &",
    "liaison --home at join service/invitation.liaison --as at/cert-at/duty-1 --fingerprint \"DIGITS\"",
    "liaison --home registrar admin member admit at --name en=Austria --authority at.authority",
    "liaison --home at join at.admission --as at/cert-at/duty-1 --name en=CERT.at --telephone \"+43 1 000000\"",
    "liaison --home pt join service/invitation.liaison --as pt/cncs/duty-1 --fingerprint \"DIGITS\"",
    "liaison --home registrar admin member admit pt --name en=Portugal --authority pt.authority",
    "liaison --home pt join pt.admission --as pt/cncs/duty-1 --name en=CNCS",
    "liaison --home pt sync",
    "liaison --home pt notify at/cert-at --title First --text x",
    "liaison --home at inbox",
    "liaison --home at inbox read 1",
    "liaison --home at inbox ack 1 --person Anna",
    "liaison --home at notify pt/cncs --title Answer --text x --reply-to 1",
    "liaison --home at inbox mute pt",
    "liaison --home pt inbox",
    "liaison --home pt sent",
];

/// Of this umask.
fn lived_in(umask: &'static str) -> (tempfile::TempDir, readme::Service) {
    let folder = tempfile::tempdir().unwrap();
    let commands = [&[umask][..], LIVED_IN].concat();
    let service = readme::served(&commands, folder.path());
    (folder, service)
}

/// Every file below a folder, and every folder, as paths from there.
fn all_below(root: &Path) -> Vec<PathBuf> {
    let (mut all, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            folders.extend(path.is_dir().then(|| path.clone()));
            all.push(path);
        }
    }
    all
}

/// The names of the table in `client/format.rs`.
fn rows() -> Vec<&'static str> {
    let page = include_str!("../../src/client/format.rs");
    let rows = page.lines().filter_map(|line| line.strip_prefix("//! | `")?.split_once('`'));
    rows.map(|(name, _)| name).collect()
}

fn is_of(row: &str, name: &str) -> bool {
    match (row.split_once('/'), name.split_once('/')) {
        (Some(("**", rest)), behind) => {
            is_of(rest, name) || behind.is_some_and(|(_, behind)| is_of(row, behind))
        }
        (Some((first, rest)), Some((part, behind))) => {
            (first == "*" || first == part) && is_of(rest, behind)
        }
        (None, None) => match row.split_once('*') {
            Some((start, end)) => name.starts_with(start) && name.ends_with(end),
            None => row == name,
        },
        _ => false,
    }
}

#[test]
fn every_file_of_a_home_has_its_row_and_is_its_users_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, _service) = lived_in("umask 000");
    let (rows, mut seen) = (rows(), Vec::new());
    for home in ["at", "pt", "registrar"].map(|home| folder.path().join(home)) {
        for path in all_below(&home) {
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{path:?}");
            let name = path.strip_prefix(&home).unwrap().to_str().unwrap();
            if path.is_file() {
                let row = rows.iter().find(|row| is_of(row, name));
                seen.push(*row.unwrap_or_else(|| panic!("{name} has no row")));
            }
        }
    }
    seen.sort_unstable();
    seen.dedup();
    assert!(seen.len() > 25, "{seen:?}");
}
