//! Three people run a directory as `docs/administration.md` says: every command of the page, in order.

use std::path::Path;

use crate::readme::{commands, free_port, run};

#[test]
fn every_command_of_the_administration_page_runs() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/administration.md");
    let commands = commands(&std::fs::read_to_string(page).unwrap());
    assert!(commands.len() > 60, "the page has lost its commands: {commands:#?}");
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let mut script =
        String::from("set -eu -o pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n");
    for command in &commands {
        let line = match command.as_str() {
            drafting if drafting.contains("--profile small") => {
                format!("{drafting} --listen 127.0.0.1:{port}")
            }
            founding if founding.contains("init --charter") => format!(
                "{founding} | tee founded.txt\n\
                 DIGITS=$(grep -E '^ +([0-9]{{5}} ){{11}}[0-9]{{5}}$' founded.txt)"
            ),
            serving if serving.ends_with('&') => format!(
                "{serving}\nuntil (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null; do kill -0 $!; done"
            ),
            other => other.replace("\"DIGITS\"", "\"$DIGITS\""),
        };
        script += &format!("echo '$ {}'\n{line}\n", command.replace('\'', "'\\''"));
    }
    // The drain ends the service; what it leaves is whole, and the way on is the same command.
    let second = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/second/verify.py");
    script += &format!("python3 {second} --audit erin/directories/un.example\n");
    script += "grep '\"call\":\"start\"' trail.jsonl\n";
    script += "wait\nliaisond --home un scrub\n\
               liaison --home erin verify trail.jsonl | grep 'the relay signed the head'\n\
               sed -i '3s/ok/OK/' trail.jsonl\n\
               liaison --home erin verify trail.jsonl && exit 1 || [ $? = 6 ]\n";
    let output = run(&script, folder.path());
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    for said in ["2 of 3", "the node has a new certificate", "operator/alice", "DropSessions"] {
        assert!(format!("{out}{err}").contains(said), "{said}:\n{out}\n{err}");
    }
}
