//! The homes of those who take part, as the programs leave them: every file, whose it is, and what is done
//! when the disk is full, cannot be written, or is somebody else's.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;

use crate::readme;
use crate::support::{bash, contents};

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
    let service = all_below(&folder.path().join("service"));
    let carried = ["at.authority", "at.admission"].map(|name| folder.path().join(name));
    for path in service.into_iter().chain(carried) {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{path:?}: {mode:o}");
    }
    seen.sort_unstable();
    seen.dedup();
    assert!(seen.len() > 25, "{seen:?}");
}

/// Somebody to whom nothing belongs here.
const NOBODY: u32 = 65_534;

/// Whether this test may give files away.
fn is_root(folder: &Path) -> bool {
    fs::metadata(folder).unwrap().uid() == 0
}

/// Gives a folder and all in it to a user, if this is root; who runs as that one is kept out by modes.
fn give(folder: &Path, user: u32) {
    for path in all_below(folder).into_iter().chain([folder.to_owned()]) {
        let _ = chown(path, Some(user), Some(user));
    }
}

/// Runs a script as somebody who is not root.
fn as_user(script: &str, folder: &tempfile::TempDir) -> Output {
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let mut bash = bash(script, folder);
    if is_root(folder.path()) {
        bash.uid(NOBODY).gid(NOBODY);
    }
    bash.output().unwrap()
}

/// Takes the right to write from a folder and all in it, or gives it back.
fn writable(folder: &Path, writable: bool) {
    for path in all_below(folder).into_iter().chain([folder.to_owned()]) {
        let (dir, file) = if writable { (0o700, 0o600) } else { (0o500, 0o400) };
        let mode = if path.is_dir() { dir } else { file };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn object(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(output)))
}

/// Nothing can be written: what is here is read, and what could not be kept is said with what mends it.
#[test]
fn a_home_that_cannot_be_written_is_read() {
    let (folder, _service) = lived_in("umask 022");
    let home = folder.path().join("pt");
    give(&home, NOBODY);
    writable(&home, false);
    let run = |command: &str| as_user(&format!("liaison --home pt {command}"), &folder);
    let marks = "directories/un.example/mail/pt/cncs/duty-1/read";
    for command in [
        "directory list",
        "directory show at/cert-at",
        "directory who at",
        "status",
        "sent --offline",
        "inbox list --offline",
        "inbox muted",
        "key list",
        "inbox read 3",
    ] {
        let output = run(command);
        assert!(
            output.status.success() && !output.stdout.is_empty(),
            "{command}: {}",
            said(&output)
        );
        let warned = said(&output).matches("warning: that it was read cannot be kept").count();
        assert_eq!(warned, usize::from(command == "inbox read 3"), "{command}: {}", said(&output));
        let json = run(&format!("--json {command}"));
        let disk = &object(&json)["disk"];
        assert_eq!(disk["reason"] == "NOT_YOURS", warned > 0, "{command}: {disk}");
    }
    assert!(!home.join(marks).join("3").exists());
    let mend = "chmod -R u+rwX pt";
    assert!(said(&run("inbox read 3")).contains(&format!("to mend it: {mend}")));
    // What asks the service shows what is here, and ends as what could not be kept says.
    for (command, title) in [("sent", "First"), ("inbox list", "Answer")] {
        let output = run(command);
        assert_eq!(output.status.code(), Some(1), "{command}: {}", said(&output));
        assert!(String::from_utf8_lossy(&output.stdout).contains(title), "{command}");
        assert!(said(&output).contains("this side (NOT_YOURS)"), "{command}: {}", said(&output));
        let disk = &object(&run(&format!("--json {command}")))["disk"];
        assert_eq!((&disk["reason"], &disk["mend"]), (&"NOT_YOURS".into(), &mend.into()));
        assert_eq!(disk["details"]["folder"], "pt");
    }
    // What must write says that nothing came of it.
    let notify = "notify at/cert-at --title Lost --text x";
    let output = run(notify);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let call = "at/cert-at (CERT.at, Austria) does not have it; nothing was sent to it. Call:";
    let numbers = ["telephone: +43 1 000000", "To read out:"];
    for words in [
        &["the message is neither kept nor sent: cannot", "pt/directories", mend, call][..],
        &numbers,
    ]
    .concat()
    {
        assert!(said(&output).contains(words), "{words}: {}", said(&output));
    }
    assert!(!said(&output).contains("sealed to"), "{}", said(&output));
    let error = &object(&run(&format!("--json {notify}")))["error"];
    assert_eq!(
        (&error["reason"], &error["details"]["call"]),
        (&"NOT_YOURS".into(), &"at/cert-at".into())
    );
    let ack = "inbox ack 3 --person Pia";
    assert!(said(&run(ack)).contains("the acknowledgement is neither kept nor sent"));
    let doctor = run("doctor");
    assert_eq!(doctor.status.code(), Some(1), "{}", said(&doctor));
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("failed  home"));
    writable(&home, true);
    assert!(run(ack).status.success());
    let sent = object(&run("--json sent"));
    assert_eq!(sent["messages"].as_array().unwrap().len(), 1, "{sent}");
}

/// After one `sudo` everything is its user's all the same; what an older program left root's is named.
#[test]
fn a_home_that_root_has_used_stays_its_users() {
    let (folder, _service) = lived_in("umask 022");
    let home = folder.path().join("pt");
    give(&home, NOBODY);
    let run = |command: &str| as_user(&format!("liaison --home pt {command}"), &folder);
    let as_root = |command: &str| bash(&format!("liaison --home pt {command}"), &folder).output();
    for command in ["notify at/cert-at --title Root --text x", "inbox", "inbox read 3", "sent"] {
        let output = as_root(command).unwrap();
        assert!(output.status.success(), "{command}: {}", said(&output));
    }
    let owner = fs::metadata(&home).unwrap().uid();
    for path in all_below(&home) {
        assert_eq!(fs::metadata(&path).unwrap().uid(), owner, "{path:?}");
    }
    for command in ["sent", "inbox", "notify at/cert-at --title User --text x"] {
        let output = run(command);
        assert!(output.status.success(), "{command}: {}", said(&output));
    }
    if is_root(folder.path()) {
        let outbox = home.join("directories/un.example/mail/pt/cncs/duty-1/outbox");
        give(&outbox, 0);
        fs::set_permissions(&outbox, fs::Permissions::from_mode(0o755)).unwrap();
        let output = run("notify at/cert-at --title Lost --text x");
        assert_eq!(output.status.code(), Some(1));
        let mend = "to mend it: sudo chown -R nobody pt";
        let whose = "outbox/headers belongs to root, and this is nobody";
        for words in ["neither kept nor sent", whose, mend, "telephone: +43 1 000000"] {
            assert!(said(&output).contains(words), "{words}: {}", said(&output));
        }
        assert!(!said(&output).contains("sealed to"), "{}", said(&output));
    }
}

/// Root looks at a service's home, and is told as whom to change it: nothing there becomes root's.
#[test]
fn what_root_types_leaves_a_service_its_home() {
    let folder = tempfile::tempdir().unwrap();
    let run = |command: &str| bash(&format!("liaisond --home service {command}"), &folder).output();
    assert!(run("init --single --client-home registrar").unwrap().status.success());
    if !is_root(folder.path()) {
        return;
    }
    let home = folder.path().join("service");
    give(&home, NOBODY);
    for command in ["scrub", "salvage --dry-run", "mailbox new-epoch --dry-run"] {
        let output = run(command).unwrap();
        assert!(output.status.success(), "{command}: {}", said(&output));
    }
    let before = contents(&home);
    let yes = "mailbox new-epoch --yes un.example";
    for command in ["store mark", yes, "store migrate", "salvage --to saved"] {
        let output = run(command).unwrap();
        assert_eq!(output.status.code(), Some(1), "{command}");
        let said = said(&output);
        for words in ["data/store belongs to nobody, and this is root", "sudo -u nobody liaisond"] {
            assert!(said.contains(words), "{command}: {said}");
        }
    }
    assert!(contents(&home) == before && !folder.path().join("saved").exists());
    for path in all_below(&home) {
        assert_eq!(fs::metadata(&path).unwrap().uid(), NOBODY, "{path:?}");
    }
    // A file that its user may not read is not taken for one that is lost.
    let (high_water, command) = (home.join("high-water"), "liaisond --home service store mark");
    chown(&high_water, Some(0), Some(0)).unwrap();
    let output = as_user(command, &folder);
    assert!(said(&output).contains("EACCES (13)"), "{}", said(&output));
    assert!(said(&output).contains("(chown)"), "{}", said(&output));
    assert!(contents(&home) == before);
    fs::remove_file(high_water).unwrap();
    let output = as_user(command, &folder);
    assert!(output.status.success(), "{}", said(&output));
}

/// Twelve that send and some that read, at once in one home.
#[test]
fn many_at_once_in_one_home_each_do_what_they_say() {
    let (folder, _service) = lived_in("umask 022");
    let script = "for n in $(seq 12); do
        liaison --home pt --json notify at/cert-at --title Many --text x > out.$n 2> err.$n &
        pids=\"$pids $!\"
        for reads in inbox sent sync; do
            [ $((n % 3)) = 0 ] && { liaison --home pt $reads > $reads.$n 2>&1; echo $? > $reads.$n.rc; } &
        done
    done
    for pid in $pids; do wait $pid || echo failed: $?; done
    wait";
    let output = bash(script, &folder).output().unwrap();
    let err = |n| fs::read_to_string(folder.path().join(format!("err.{n}"))).unwrap();
    assert!(output.stdout.is_empty(), "{:?}", (1..=12).map(err).collect::<String>());
    let ids = (1..=12).map(|n| {
        let out = fs::read_to_string(folder.path().join(format!("out.{n}"))).unwrap();
        let out: Value = serde_json::from_str(&out).unwrap();
        assert!(out["accepted"]["at"].as_u64().is_some(), "{out}");
        assert!(!err(n).contains("warning"), "{}", err(n));
        out["id"].as_str().unwrap().to_owned()
    });
    let ids: std::collections::BTreeSet<String> = ids.collect();
    for (command, n) in ["inbox", "sent", "sync"].into_iter().flat_map(|c| [(c, 3), (c, 6)]) {
        let said = fs::read_to_string(folder.path().join(format!("{command}.{n}"))).unwrap();
        let code = fs::read_to_string(folder.path().join(format!("{command}.{n}.rc"))).unwrap();
        assert_eq!(code.trim(), "0", "{command}: {said}");
    }
    let json = |home: &str, command: &str| {
        let script = format!("liaison --home {home} --json {command}");
        object(&bash(&script, &folder).output().unwrap())
    };
    // Each stands once in the mailbox of at, and is known here to be accepted.
    let came = json("at", "inbox list --all --muted");
    let came: Vec<&str> =
        came["messages"].as_array().unwrap().iter().filter_map(|row| row["id"].as_str()).collect();
    assert_eq!(ids.len(), 12);
    for id in &ids {
        assert_eq!(came.iter().filter(|came| *came == id).count(), 1, "{id}");
    }
    assert_eq!(json("pt", "status")["mailbox"]["outbox_waiting"], 0);
    let unfinished = all_below(&folder.path().join("pt")).into_iter();
    let unfinished: Vec<PathBuf> =
        unfinished.filter(|path| path.to_string_lossy().ends_with(".new")).collect();
    assert!(unfinished.is_empty(), "{unfinished:?}");
}

#[test]
fn a_few_open_files_are_too_few_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for files in 6..16 {
        let service = format!("liaisond --home service-{files} init");
        let single = format!("{service} --single --client-home own-{files}");
        for program in ["liaison --home there status", &single] {
            let limited = bash(&format!("ulimit -n {files}; exec {program}"), &folder).output();
            let limited = limited.unwrap();
            let said = said(&limited);
            assert!(!said.contains("panicked"), "{files} {program}: {said}");
            let code = limited.status.code();
            assert!(matches!(code, Some(0 | 1)), "{files} {program}: {code:?} {said}");
            assert_eq!(code == Some(1), said.contains("Too many open files"), "{files}: {said}");
        }
        // What was cut off goes on, or says how.
        let charter = format!("service-{files}/charter.draft");
        if folder.path().join(&charter).exists() {
            let again = bash(&format!("{service} --charter {charter}"), &folder).output().unwrap();
            let said = said(&again);
            assert!(again.status.success() || said.contains("was cut off"), "{files}: {said}");
        }
    }
}

/// The disk of the data is not mounted, or a file is gone: nobody is sent to found anew what members know.
#[test]
fn data_that_is_not_there_is_looked_for_and_nothing_is_founded_in_its_place() {
    for (engine, file) in [("sled", "db"), ("redb", "store.redb")] {
        let folder = tempfile::tempdir().unwrap();
        let founding = format!("{} --engine {engine}", LIVED_IN[0]);
        drop(readme::served(&[&[founding.as_str()][..], &LIVED_IN[1..4]].concat(), folder.path()));
        let run = |script: &str| bash(script, &folder).output().unwrap();
        assert!(run("flock service/data/store/lock true").status.success());
        let home = folder.path().join("service");
        let (data, aside) = (home.join("data"), folder.path().join("aside"));
        let refused = |shown: &str| {
            let before = contents(&home);
            for command in [
                "serve",
                "scrub",
                "scrub --json",
                "salvage --dry-run",
                "salvage --to saved",
                "store mark",
                "store migrate",
                "mailbox new-epoch --dry-run",
                "init --charter service/charter.draft",
            ] {
                let output = run(&format!("liaisond --home service {command}"));
                let said = said(&output);
                assert_eq!(output.status.code(), Some(1), "{engine} {command}: {said}");
                let is_founding = command.starts_with("init");
                let was = if is_founding { "was founded" } else { "was served" };
                for words in [was, shown, "look whether the disk of its data is mounted"] {
                    assert!(said.contains(words), "{engine} {command}, {words}: {said}");
                }
                for circle in ["liaisond init", "cut off"] {
                    assert!(!said.contains(circle), "{engine} {command}: {said}");
                }
                assert!(contents(&home) == before, "{engine} {command}: a file is another");
            }
        };
        fs::rename(&data, &aside).unwrap();
        fs::create_dir(&data).unwrap();
        refused("high-water is there (entries shown: 2)");
        let high_water = fs::read(home.join("high-water")).unwrap();
        fs::write(home.join("high-water"), b"liaison").unwrap();
        refused("high-water is there; ");
        fs::write(home.join("high-water"), high_water).unwrap();
        fs::remove_dir(&data).unwrap();
        fs::rename(&aside, &data).unwrap();
        let store = data.join("store").join(file);
        fs::rename(&store, &aside).unwrap();
        refused("high-water is there (entries shown: 2)");
        fs::rename(&aside, &store).unwrap();
        let whole = run("liaisond --home service scrub");
        assert!(whole.status.success(), "{engine}: {}", said(&whole));
        // Who has shown entry 0 alone may have been cut off there.
        let young = "liaisond --home young init";
        assert!(run(&format!("{young} --single --client-home own")).status.success());
        let again = run(&format!("{young} --charter young/charter.draft"));
        assert!(
            said(&again).contains("was cut off, move young/data/store and "),
            "{}",
            said(&again)
        );
    }
}

#[test]
fn a_home_that_is_not_there_is_said_to_be_none_and_an_empty_variable_names_none() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["sent", "directory list", "sync", "inbox", "notify at/cert-at --title x"] {
        let output = bash(&format!("liaison --home misspelt {command}"), &folder).output().unwrap();
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{command}: {said}");
        assert!(
            said.contains("in the home misspelt: there is no such folder\n  this side (NO_HOME)"),
            "{said}"
        );
    }
    let unset = |script: &str| {
        bash(script, &folder).env("LIAISON_HOME", "").env("HOME", folder.path()).output().unwrap()
    };
    let output = unset("XDG_DATA_HOME=$PWD/data liaison status");
    assert!(String::from_utf8_lossy(&output.stdout).contains("data/liaison"), "{}", said(&output));
    let output = bash("liaison --home '' status", &folder).output().unwrap();
    assert!(said(&output).contains("--home names no folder"), "{}", said(&output));
}

/// What people attach is read up to what a message holds, and what they save is theirs alone.
#[test]
fn attachments_are_read_with_a_bound_and_saved_for_their_user() {
    let (folder, _service) = lived_in("umask 000");
    let does = |script: &str| bash(script, &folder).output().unwrap();
    let endless = does("liaison --home pt notify at/cert-at --title x --text x --attach /dev/zero");
    assert_eq!(endless.status.code(), Some(2));
    assert!(said(&endless).contains("/dev/zero has more than 1"), "{}", said(&endless));
    let endless = does("liaison --home pt notify at/cert-at --title x --text-file /dev/zero");
    assert_eq!(endless.status.code(), Some(2), "{}", said(&endless));
    let script = "umask 000; set -e; echo red > red.txt
        liaison --home pt notify at/cert-at --title Red --text x --attach red.txt
        liaison --home at inbox
        liaison --home at inbox read $(liaison --home at --json inbox list --muted | grep -o '\"number\":[0-9]*' | head -1 | cut -d: -f2) --save a/b";
    let saved = does(script);
    assert!(saved.status.success(), "{}", said(&saved));
    for (path, expected) in [("a", 0o700), ("a/b", 0o700), ("a/b/red.txt", 0o600)] {
        let mode = fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, expected, "{path}");
    }
}

/// As many connections as they like that say nothing, from everywhere, and few files: members are served
/// all the same.
#[tokio::test]
async fn idle_connections_leave_a_service_with_few_files_what_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let commands = [&["ulimit -n 128"][..], LIVED_IN].concat();
    let _service = readme::served(&commands, folder.path());
    let pid = fs::read_to_string(folder.path().join("service.pid")).unwrap();
    let founded = fs::read_to_string(folder.path().join("founded.txt")).unwrap();
    let port = founded.split("localhost:").nth(1).unwrap();
    let port = port.split(|at: char| !at.is_ascii_digit()).next().unwrap().parse::<u16>().unwrap();
    let mut held = Vec::new();
    for n in 0..400_u16 {
        let socket = TcpSocket::new_v4().unwrap();
        let [high, low] = (n / 4).to_be_bytes();
        socket.bind(SocketAddr::from(([127, 1 + high, low, 1], 0))).unwrap();
        let mut idle = socket.connect(SocketAddr::from(([127, 0, 0, 1], port))).await.unwrap();
        // Every other begins a handshake.
        if n % 2 == 0 {
            let _ = idle.write_all(&[22, 3, 1, 2, 0]).await;
        }
        held.push(idle);
    }
    for n in 0..3 {
        let script = format!(
            "set -e; head -c 200000 /dev/urandom > large; for to in 1 2 3; do
             liaison --home pt notify at/cert-at --title Large{n} --text x --attach large; done
             liaison --home at sync"
        );
        let output = bash(&script, &folder).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let open = fs::read_dir(format!("/proc/{}/fd", pid.trim())).unwrap().count();
        assert!(open < 110, "{open} open files");
    }
    let served = fs::read_to_string(folder.path().join("served.txt")).unwrap();
    assert!(served.contains("it may open too few files for 10240 connections"), "{served}");
    for words in ["panicked", "Too many open files"] {
        assert!(!served.contains(words), "{words}: {served}");
    }
    drop(held);
}
