//! The second implementation, in Python and from the documents alone, reads the golden log.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Whether it accepts the log, and what it says.
fn verify(log: &Path, checkpoint: &Path) -> (bool, String) {
    run([log.as_os_str(), checkpoint.as_os_str()])
}

fn run(args: [&OsStr; 2]) -> (bool, String) {
    let run = Command::new("python3")
        .arg(repository().join("tests/second/verify.py"))
        .args(args)
        .output();
    let output = run.expect("python3 is needed: ./test checks for it");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert_ne!(output.status.code(), Some(2), "{said}");
    (output.status.success(), said)
}

#[test]
fn the_second_implementation_accepts_the_golden_log() {
    let golden = repository().join("tests/golden/log");
    let (accepted, said) = verify(&golden.join("rules-1.txt"), &golden.join("rules-1.checkpoint"));
    assert!(accepted, "{said}");
    assert!(said.contains("17 entries"), "{said}");
}

/// Every golden refusal with the same reason, every admission, every chain.
#[test]
fn the_second_implementation_is_of_our_opinion() {
    let golden = repository().join("tests/golden");
    let (agrees, said) = run([OsStr::new("--golden"), golden.as_os_str()]);
    assert!(agrees, "{said}");
    for file in [
        "log/refusals.txt",
        "log/admissions.txt",
        "log/behind.txt",
        "messages/chains.txt",
        "messages/judged/refusals.txt",
        "messages/judged/admissions.txt",
        "messages/judged/second/refusals.txt",
        "messages/judged/second/admissions.txt",
    ] {
        assert!(said.contains(file), "{file} was not judged: {said}");
    }
}

#[test]
fn the_second_implementation_refuses_every_tampered_copy() {
    let golden = repository().join("tests/golden/log");
    let log = std::fs::read_to_string(golden.join("rules-1.txt")).unwrap();
    let checkpoint = std::fs::read_to_string(golden.join("rules-1.checkpoint")).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    let entry = |index: usize| index + 1;
    let with = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        change(&mut lines);
        lines.join("\n") + "\n"
    };
    let flip = |line: &mut String, at: usize| {
        let other = if line.as_bytes()[at] == b'0' { "1" } else { "0" };
        line.replace_range(at..=at, other);
    };
    let cases: [(&str, String, String, &str); 9] = [
        (
            "last bit of a key",
            with(&|l| {
                let at = l[entry(2)].find("302a").unwrap() + 80;
                flip(&mut l[entry(2)], at);
            }),
            checkpoint.clone(),
            "BAD_SIGNATURE",
        ),
        (
            "last signature",
            with(&|l| {
                let at = l[entry(6)].len() - 150;
                flip(&mut l[entry(6)], at);
            }),
            checkpoint.clone(),
            "",
        ),
        (
            "time of the first entry",
            with(&|l| {
                let at = l[entry(0)].len() - 3;
                flip(&mut l[entry(0)], at);
            }),
            checkpoint.clone(),
            "",
        ),
        ("an entry dropped", with(&|l| drop(l.remove(entry(12)))), checkpoint.clone(), ""),
        (
            "the last entry dropped",
            with(&|l| drop(l.remove(entry(16)))),
            checkpoint.clone(),
            "root",
        ),
        ("two entries swapped", with(&|l| l.swap(entry(5), entry(7))), checkpoint.clone(), ""),
        (
            "an entry repeated",
            with(&|l| {
                let again = l[entry(5)].clone();
                l.insert(entry(6), again);
            }),
            checkpoint.clone(),
            "WRONG_VERSION",
        ),
        (
            "the root",
            with(&|l| {
                let at = l[entry(17)].len() - 1;
                flip(&mut l[entry(17)], at);
            }),
            checkpoint.clone(),
            "root",
        ),
        ("the checkpoint", log.clone(), checkpoint.replacen("\n17\n", "\n16\n", 1), "checkpoint"),
    ];
    for (name, log, checkpoint, word) in cases {
        let dir = tempfile::tempdir().unwrap();
        let (log_file, checkpoint_file) = (dir.path().join("log"), dir.path().join("checkpoint"));
        std::fs::write(&log_file, log).unwrap();
        std::fs::write(&checkpoint_file, checkpoint).unwrap();
        let (accepted, said) = verify(&log_file, &checkpoint_file);
        assert!(!accepted, "{name} was accepted");
        assert!(said.starts_with("refused: ") && said.contains(word), "{name}: {said}");
    }
}
