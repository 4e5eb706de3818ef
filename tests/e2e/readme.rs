//! The README is true: every command in it runs, in order, in an empty folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::free_port;

/// Both programs lie side by side: these, or those of another build.
pub(crate) fn programs() -> PathBuf {
    if let Some(programs) = std::env::var_os("LIAISON_PROGRAMS") {
        return programs.into();
    }
    Path::new(env!("CARGO_BIN_EXE_liaison")).parent().unwrap().to_owned()
}

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    std::fs::read_to_string(path).unwrap()
}

/// The lines of every `sh` block.
pub(crate) fn commands(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut commands = Vec::new();
    for line in text.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            _ if inside && !line.is_empty() => commands.push(line.to_owned()),
            _ => {}
        }
    }
    commands
}

pub(crate) fn run(script: &str, folder: &Path) -> Output {
    let path = std::env::var("PATH").unwrap();
    Command::new("bash")
        .args(["-c", script])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", programs().display()))
        .env_remove("LIAISON_HOME")
        .env_remove("LIAISON_AS")
        .env_remove("LIAISON_LANG")
        .env_remove("HTTPS_PROXY")
        .env_remove("https_proxy")
        .output()
        .unwrap()
}

/// The script that a reader types: with a free port, a pause until the service is up, and the
/// fingerprint copied from where `init` prints it.
fn script(commands: &[String], port: u16) -> String {
    let mut script =
        String::from("set -eu -o pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n");
    for command in commands {
        let line = match command.as_str() {
            founding if founding.contains("init --single") => format!(
                "{founding} --listen 127.0.0.1:{port} | tee founded.txt\n\
                 DIGITS=$(grep -E '^ +([0-9]{{5}} ){{11}}[0-9]{{5}}$' founded.txt)"
            ),
            serving if serving.ends_with('&') => format!(
                "{serving}\nuntil (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null; do kill -0 $!; done"
            ),
            other => other.replace("\"DIGITS\"", "\"$DIGITS\""),
        };
        script.push_str(&format!("echo '$ '{}\n{line}\n", quoted(command)));
    }
    script
}

/// A service that commands began, until it is dropped.
pub(crate) struct Service(u32);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.to_string()).status();
    }
}

/// Runs commands like those of the README, and leaves the service up that they begin.
pub(crate) fn served(commands: &[&str], folder: &Path) -> Service {
    let port = free_port();
    let mut commands: Vec<String> = commands.iter().map(ToString::to_string).collect();
    commands.push("echo $(jobs -p) > service.pid; trap - EXIT".to_owned());
    // Nobody waits for what the service says.
    let script = script(&commands, port).replace("serve &", "serve > served.txt 2>&1 &");
    let output = run(&script, folder);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let pid = std::fs::read_to_string(folder.join("service.pid")).unwrap();
    Service(pid.trim().parse().unwrap())
}

fn quoted(command: &str) -> String {
    format!("'{}'", command.replace('\'', "'\\''"))
}

#[test]
fn every_command_of_the_readme_runs() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let commands = commands(&readme());
    assert!(commands.len() > 25, "the README has lost its commands: {commands:#?}");
    let mut lines = commands.clone();
    // What a reader tries next: another duty, its end by a colleague, an office that connects
    // later, a signature that is there already.
    let next = [
        "set +o pipefail; HTTPS_PROXY=http://127.0.0.1:1 liaison --home pt notify at/cert-at --title Kept --text x 2>&1 | tee kept.txt | grep 'waits in the outbox'; set -o pipefail",
        "KEPT=$(grep -o '[0-9a-f-]\\{36\\}' kept.txt)",
        // What became of it and whom to call comes before what may be amiss.
        "grep -A1 'at/cert-at (CERT.at, Austria) may not have it yet; it waits here. Call:' kept.txt | grep 'telephone: +43 1 000000'",
        "place() { grep -n \"$1\" kept.txt | cut -d: -f1; }",
        "[ $(place '^It is kept here') -lt $(place 'Call:') ]",
        "[ $(place 'Call:') -lt $(place '^error: it is sealed and waits') ]",
        "grep 'to mend it: liaison --home pt sent, in a while' kept.txt",
        "set +o pipefail; HTTPS_PROXY=http://127.0.0.1:1 liaison --home pt notify at/cert-at --reply-to $KEPT --title More --text x 2>&1 | grep 'waits in the outbox'; set -o pipefail",
        "liaison --home at seat add at/cert-at/duty-2",
        // What was sealed before that is sealed again: once, under its name, before its answers, which name it.
        "liaison --home pt notify at/cert-at --reply-to $KEPT --title Last --text x 2>&1 | grep 'is sealed again'",
        "liaison --home pt sent $KEPT | grep -E 'accepted +20'",
        "liaison --home at --as at/cert-at/duty-1 inbox list > list.txt",
        "[ $(grep -c Kept list.txt) = 1 ]",
        "for answer in More Last; do liaison --home at --as at/cert-at/duty-1 inbox read $(grep $answer list.txt | cut -d' ' -f1) | grep -E \"answers +$KEPT from\"; done",
        // An acknowledgement is one when the relay has it.
        "HTTPS_PROXY=http://127.0.0.1:1 liaison --home at --as at/cert-at/duty-1 inbox ack $KEPT --person Anna && exit 1 || [ $? = 3 ]",
        "liaison --home at --as at/cert-at/duty-1 inbox list --offline | grep Kept | grep 'acknowledgement waits' | grep -v 'acknowledged by'",
        "liaison --home at --as at/cert-at/duty-1 inbox list > list.txt",
        "liaison --home at --as at/cert-at/duty-1 inbox list --offline | grep Kept | grep 'acknowledged by you'",
        "liaison --home at --as at/cert-at/duty-1 seat list | grep duty-2",
        "liaison --home at --as at/cert-at/duty-1 seat revoke at/cert-at/duty-2 --yes at/cert-at/duty-2",
        "liaison --home at --as at/cert-at/duty-1 seat list | grep ended",
        // What it could open, and who is told: once.
        "liaison --home at --as at/cert-at/duty-1 exposure at/cert-at/duty-2 --since 2026-01-01 | grep Kept",
        "liaison --home at --as at/cert-at/duty-1 exposure at/cert-at/duty-2 --since 2026-01-01 --tell </dev/null 2>tell.txt && exit 1 || [ $? = 10 ]",
        "grep 'whether a colleague of at/cert-at has told them already' tell.txt",
        "for time in 1 2; do liaison --home at --as at/cert-at/duty-1 exposure at/cert-at/duty-2 --since 2026-01-01 --tell --yes | grep -E 'pt/cncs .*told'; done",
        "[ $(liaison --home pt inbox list | grep -c 'may have been in other hands') = 1 ]",
        // New keys for a seat and for the keeper who lists them.
        "liaison --home at --as at/cert-at/duty-1 seat rotate at/cert-at/duty-1",
        "liaison --home at key new --keeper at/cert-at --next --out next.keeper",
        "liaison --home at --as at/cert-at/duty-1 record draft --keeper next.keeper --yes",
        "liaison --home at --as at/cert-at/duty-1 seat rotate --only seal at/cert-at/duty-1",
        "liaison --home at --as at/cert-at/duty-1 seat rotate --show | grep -c 'retired; may go on' | grep 2",
        "liaison --home at --as at/cert-at/duty-1 inbox list | grep Kept",
        "liaison --home se join se.admission --as se/cert-se/duty-1",
        "liaison --home alice sign founded/charter.draft </dev/null 2>&1 | grep 'signed already'",
        "liaison --home pt record draft --telephone hello && exit 1 || [ $? = 2 ]",
        "liaison --home at --as at/cert-at/duty-1 join at.admission && exit 1 || [ $? = 4 ]",
        "liaison --home alice sign founded/charter.draft --dry-run 2>&1 | grep 'Next: liaisond init --charter'",
        // The next charter, and what every reader then knows.
        r"liaison --home erin key new --auditor erin --name $'Er\xe2\x80\xaein' 2>erin.txt && exit 1 || [ $? = 2 ]",
        "grep 'holds U+202E' erin.txt && [ ! -e erin.auditor ]",
        r"liaison --home erin key new --auditor erin --name $'\xe2\x80\x8fErin' 2>&1 | grep 'marks of direction'",
        "liaison --home registrar charter draft --auditor erin.auditor --set stale-after=43200 --yes",
        "liaison --home registrar charter draft --set stale-after=43200 && exit 1 || [ $? = 2 ]",
        "liaison --home registrar charter draft --threshold 9 && exit 1 || [ $? = 2 ]",
        "liaison --home registrar charter show service/invitation.liaison | grep 'version 1'",
        "liaison --home pt sync",
        "liaison --home pt charter show | grep -E 'auditor +erin'",
        "liaison --home pt --json charter show | grep '\"name\":\"Erin\"'",
        "liaison --home pt --json charter show | grep '\"stale-after\":43200'",
        "liaison --home erin join service/invitation.liaison --fingerprint \"DIGITS\"",
        "liaison --home erin sync",
        "liaison --home erin charter show | grep 'version 2'",
        // Founding with an auditor; whose file says another role is not taken for a registrar.
        "liaisond --home audited init --registrar alice.registrar --auditor erin.auditor",
        "liaison --home pt charter show audited/charter.draft | grep -E 'auditor +erin'",
        "liaisond --home wrong init --registrar erin.auditor 2> wrong.txt && exit 1 || grep registrar/erin wrong.txt",
        "liaison --home pt doctor | grep 'its 3 keys are in force in this copy'",
        // A copy that was altered is said to be, kept, and fetched anew.
        "printf altered | dd of=pt/directories/un.example/entries bs=1 seek=999 conv=notrunc",
        "liaison --home pt sync 2>&1 | grep 'was altered'",
        "ls pt/directories/un.example/altered-entries",
        "liaison --home pt directory verify 2>&1 | grep altered && exit 1 || true",
        // The mark of a drill is drafted as every name.
        r"liaison --home pt notify at/cert-at --title x --text x --drill $'\xe2\x80\x8e' && exit 1 || [ $? = 2 ]",
        r"liaison --home pt notify at/cert-at --title x --text x --drill $'CYBER\xe2\x80\x8e' --dry-run 2>&1 | grep 'EXERCISE: CYBER)'",
        "liaison --home at inbox ack 01 --person ' ' && exit 1 || [ $? = 2 ]",
        // Whose share of a mailbox is used up is told so, sends to the others, and still has an alert.
        "head -c 1000000 /dev/zero > large",
        "for n in $(seq 49); do liaison --home pt notify at/cert-at --title Large --text x --attach large > full.txt 2>&1 || break; done",
        "[ $n -lt 49 ] && grep 'no more of your messages of this urgency go to at/cert-at until' full.txt",
        "liaison --home pt --json notify at/cert-at se/cert-se --title x --text x --attach large > full.json && exit 1 || [ $? = 4 ]",
        "grep '\"contacts\":\"at/cert-at\"' full.json && grep -- --skip-full full.json",
        "liaison --home pt --json notify at/cert-at se/cert-se --title x --text x --attach large --skip-full > rest.json && exit 1 || [ $? = 9 ]",
        "grep '\"to\":\\[\"se/cert-se\"\\]' rest.json && grep '\"contact\":\"at/cert-at\"' rest.json",
        // What went to nobody is not handed in beside it, nor when somebody says so; and what went is named.
        "went=$(liaison --home pt --json sent --offline | grep -o '\"went_as\":\"[^\"]*' | cut -d '\"' -f 4); grep \"\\\"id\\\":\\\"$went\\\"\" rest.json; liaison --home pt sent --offline | grep \"went to the others as $went\"; one=$(liaison --home pt sent --offline | grep \"as $went\" | awk '{print $1}'); liaison --home pt sent retry $one 2> went.txt && exit 1 || [ $? = 8 ]; grep \"as $went\" went.txt",
        "liaison --home pt --json notify at/cert-at --title x --text x --attach large --skip-full > none.json && exit 1 || [ $? = 4 ]",
        "grep MAILBOX_SHARE none.json",
        "grep -- --skip-full none.json && exit 1 || true",
        "liaison --home pt notify at/cert-at --title Alert --text x --attach large --urgency flash",
        // What release 0.1 wrote.
        "mkdir old && printf '' > old/config.toml",
        "liaison --home old status && exit 1 || [ $? = 2 ]",
    ];
    lines.push("liaison --home pt --json directory list > list.json".to_owned());
    lines.extend(next.map(str::to_owned));
    // What it led to, asked while the service is up.
    lines.push("liaison --home pt --json sent > sent.json".to_owned());
    lines.push("liaison --home pt --json directory verify > verify.json".to_owned());
    lines.push("liaison --home at --as at/cert-at/duty-1 --json doctor > doctor.json".to_owned());
    let output = run(&script(&lines, port), folder.path());
    let told = format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{told}");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(read("sent.json").contains("acknowledged"), "{}", read("sent.json"));
    let list = read("list.json");
    for part in ["\"connected\"", "\"signed\"", "\"listed\""] {
        assert!(list.contains(part), "{part} is missing in {list}");
    }
    let verified: Value = serde_json::from_str(&read("verify.json")).unwrap();
    assert_eq!(verified["verified"], true, "{verified}");
}

#[test]
fn the_demo_shows_what_the_readme_says() {
    let folder = tempfile::tempdir().unwrap();
    let advisory = folder.path().join("advisory.json");
    std::fs::write(&advisory, "{\"document\":{\"category\":\"csaf_security_advisory\"}}").unwrap();
    let output = run("liaison --json demo --once --attach advisory.json", folder.path());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (name, value) in [("members", 36), ("contacts", 39), ("listed", 2), ("log_size", 113)] {
        assert_eq!(report[name], value, "{report}");
    }
    for name in ["accepted", "delivered", "acknowledged", "verified", "listed_refused"] {
        assert_eq!(report[name], true, "{report}");
    }
    assert_eq!(report["engine"], "sled");
    assert_eq!(report["tls_group"], "X25519MLKEM768");
    assert_eq!(report["root_hash"].as_str().unwrap().len(), 64);
}
