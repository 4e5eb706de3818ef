//! The service's N-th call of the system fails, for every file of its home: what was accepted is there when
//! it is served again, and what was told to have failed is done by doing it again.
//!
//! In scope: the programs as they are typed, `liaisond serve` under `strace`, both engines. Out of scope:
//! power cuts (`crash`). `when=N` of strace counts for each thread alone, so a trial fails the N-th call of
//! every thread that comes so far: what is counted is the most of one thread, for each file apart at a start.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use liaison::store::Engine;
use serde_json::Value;
use tempfile::TempDir;

use crate::crash::{Random, say};
use crate::support::bash;

/// All trials instead of a share: a thousand, for an hour.
const ALL: &str = "LIAISON_EVERY_CALL";
/// Of this phase only.
const PHASE: &str = "LIAISON_PHASE";
/// Of each phase, in the suite.
const SHARE: usize = 2;

#[test]
fn whatever_call_fails_nothing_accepted_is_lost_on_sled() {
    whatever_call_fails(Engine::Sled);
}

#[test]
fn whatever_call_fails_nothing_accepted_is_lost_on_redb() {
    whatever_call_fails(Engine::Redb);
}

fn whatever_call_fails(engine: Engine) {
    let traced = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status();
    if !traced.is_ok_and(|status| status.success()) {
        return say("left out: strace is not installed, or may not trace here");
    }
    let world = World::found(engine);
    let (seed, mut random) = Random::seeded();
    let mut wrong = 0;
    let only = std::env::var(PHASE).ok();
    for phase in PHASES.into_iter().filter(|phase| only.as_ref().is_none_or(|only| only == phase)) {
        let mut trials = world.trials(phase);
        if std::env::var_os(ALL).is_none() {
            let drawn = |_| trials.swap_remove(random.below(trials.len() as u64) as usize);
            trials = (0..SHARE).map(drawn).collect();
        }
        let mut table: BTreeMap<String, BTreeMap<&str, u32>> = BTreeMap::new();
        for trial in &trials {
            let outcome = world.run(trial).map_or_else(
                |why| {
                    say(&format!("{trial:?}: {why}"));
                    wrong += 1;
                    "wrong"
                },
                Outcome::name,
            );
            let row = table.entry(format!("{} {}", trial.call, trial.error)).or_default();
            *row.entry(outcome).or_default() += 1;
        }
        say(&format!("{engine}, {phase}, seed {seed}, {} trials: {table:?}", trials.len()));
    }
    assert_eq!(wrong, 0, "wrong, and said above: {engine}, seed {seed}");
}

/// A service with two members and a message, stopped, in `founded`.
struct World {
    folder: TempDir,
    port: u16,
}

/// One call that fails, the N-th of a thread.
#[derive(Debug, Clone)]
struct Trial {
    phase: &'static str,
    call: String,
    /// Of this file alone; nothing is of all.
    path: Option<String>,
    error: &'static str,
    number: u32,
}

/// What came of one that was not wrong.
enum Outcome {
    /// No thread came so far.
    Unreached,
    /// Nobody noticed.
    Harmless,
    /// The service went on, and somebody was told.
    Refused,
    /// It ended or did not start, and the next one was whole.
    Ended,
}

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Unreached => "unreached",
            Self::Harmless => "harmless",
            Self::Refused => "refused",
            Self::Ended => "ended",
        }
    }
}

impl World {
    fn found(engine: Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = crate::support::free_port();
        let founding = include_str!("found.sh");
        let mut bash = bash(founding, &folder);
        bash.env("PORT", port.to_string()).env("ENGINE", engine.name());
        let done = bash.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        Self { folder, port }
    }

    /// Runs the script; what was traced is in the file that is returned.
    fn script(&self, phase: &str, inject: &str) -> String {
        let script = format!("exec timeout -k 5 90 bash -c '{}'", quoted(include_str!("trial.sh")));
        let mut bash = bash(&script, &self.folder);
        let traced = self.folder.path().join("traced");
        bash.env("PORT", self.port.to_string()).env("PHASE", phase).env("INJECT", inject);
        bash.env("TRACED", &traced);
        let done = bash.output().unwrap();
        let status = done.status.code();
        fs::write(self.now().join("trial.txt"), format!("{status:?}")).unwrap();
        fs::read_to_string(traced).unwrap_or_default()
    }

    fn now(&self) -> std::path::PathBuf {
        self.folder.path().join("now")
    }

    /// All calls of a phase, each with each error that it may meet.
    fn trials(&self, phase: &'static str) -> Vec<Trial> {
        let calls = CALLS.map(|(call, _)| call).join(",");
        let traced = self.script(phase, &format!("-e trace={calls}"));
        assert_eq!(self.judge().unwrap().name(), "harmless");
        let home = self.now().join("service");
        let mut counted: BTreeMap<(String, Option<String>, String), u32> = BTreeMap::new();
        for line in traced.lines() {
            let Some((thread, rest)) = line.split_once(' ') else { continue };
            let Some((call, arguments)) = rest.trim_start().split_once('(') else { continue };
            let Some(path) = path_in(arguments, &home) else { continue };
            // What is beside the home's files is nobody's loss, and paths of later are not known before.
            let path = (phase == "start" || call == "write").then_some(path);
            *counted.entry((call.to_owned(), path, thread.to_owned())).or_default() += 1;
        }
        let mut most: BTreeMap<(String, Option<String>), u32> = BTreeMap::new();
        for ((call, path, _), count) in counted {
            let most = most.entry((call, path)).or_default();
            *most = count.max(*most);
        }
        let trials = most.into_iter().flat_map(|((call, path), most)| {
            let (_, errors) = CALLS.into_iter().find(|(name, _)| *name == call).unwrap();
            let numbered =
                errors.iter().flat_map(move |error| (1..=most).map(move |n| (*error, n)));
            numbered.map(move |(error, number)| {
                let (call, path) = (call.clone(), path.clone());
                Trial { phase, call, path, error, number }
            })
        });
        trials.collect()
    }

    fn run(&self, trial: &Trial) -> Result<Outcome, String> {
        let Trial { phase, call, path, error, number } = trial;
        let path = path.as_ref().map(|path| format!("-P {path} ")).unwrap_or_default();
        let fails = format!("{path}-e trace={call} -e inject={call}:error={error}:when={number}");
        let traced = self.script(phase, &fails);
        match (self.judge()?, traced.contains("(INJECTED)")) {
            (Outcome::Harmless, false) => Ok(Outcome::Unreached),
            (Outcome::Harmless, true) => Ok(Outcome::Harmless),
            (_, false) => Err("it failed, and nothing made it fail".to_owned()),
            (outcome, true) => {
                let said = fs::read_to_string(self.now().join("served.txt")).unwrap();
                let names = [format!("{error} ("), format!("(os error {})", number_of(error))];
                let is_named = names.iter().any(|name| said.contains(name));
                if is_named { Ok(outcome) } else { Err(format!("{error} is not named: {said}")) }
            }
        }
    }

    /// What came of the trial whose files are in `now`.
    fn judge(&self) -> Result<Outcome, String> {
        let now = self.now();
        let text = |name: &str| fs::read_to_string(now.join(name)).unwrap_or_default();
        let json = |name: &str| serde_json::from_str(&text(name)).unwrap_or(Value::Null);
        let ended = text("ended");
        let all = || {
            let files = [
                "trial.txt",
                "served.txt",
                "again.txt",
                "submit.txt",
                "collect.txt",
                "publish.txt",
            ];
            let more = ["sent.txt", "inbox.txt", "published.txt", "sync.txt"];
            let said = files.into_iter().chain(more).map(|name| format!("{name}: {}", text(name)));
            format!("{ended}{}", said.collect::<Vec<_>>().join("\n"))
        };
        let ended_with = |what: &str| {
            let line = ended.lines().find_map(|line| line.strip_prefix(&format!("{what} ")));
            line.map_or(-1, |status| status.parse::<i32>().unwrap())
        };
        let is =
            |held: bool, what: &str| if held { Ok(()) } else { Err(format!("{what}\n{}", all())) };
        is(!text("served.txt").contains("panicked"), "it panicked")?;
        is([0, 1].contains(&ended_with("served")), "it neither drained nor ended with a word")?;
        for what in ["again", "sent", "inbox", "sync", "directory", "stopped"] {
            is(ended_with(what) == 0, &format!("afterwards: {what}"))?;
        }
        let told = ended_with("publish") == 0 || ended_with("published") == 0;
        is(told, "what could not be published cannot be")?;
        // Once, whole, and under the number that was told.
        let inbox = json("inbox.json");
        let messages = inbox["messages"].as_array().cloned().unwrap_or_default();
        let titles: BTreeSet<_> = messages.iter().map(|one| one["title"].to_string()).collect();
        is(titles == ["\"Before\"", "\"During\""].map(str::to_owned).into(), "what was sent")?;
        is(messages.len() == 2, "it stands twice")?;
        is(messages.iter().all(|one| one["not_opened"].is_null()), "it cannot be opened")?;
        let during = messages.iter().find(|one| one["title"] == "During").unwrap();
        let accepted = &json("submit.json")["accepted"]["places"][0]["number"];
        is(
            accepted.is_null() || *accepted == during["number"],
            "it stands elsewhere than was told",
        )?;
        let sent = json("sent.json");
        let sent = sent["messages"].as_array().cloned().unwrap_or_default();
        let sent = sent.iter().find(|one| one["title"] == "During").cloned().unwrap_or_default();
        let place = &sent["accepted"]["places"][0][1];
        is(*place == during["number"], "its sender knows another place")?;
        let says = json("directory.json").to_string();
        is(says.contains("+351 210000002"), "what was published is not there")?;
        Ok(match ["submit", "collect", "publish"].map(ended_with) {
            _ if ended_with("served") != 0 => Outcome::Ended,
            [0, 0, 0] => Outcome::Harmless,
            _ => Outcome::Refused,
        })
    }
}

/// The first file of the home that a call names.
fn path_in(arguments: &str, home: &Path) -> Option<String> {
    let home = home.to_str().unwrap();
    let from = &arguments[arguments.find(home)?..];
    let path = &from[..from.find(['"', '>', ',']).unwrap_or(from.len())];
    Some(path.to_owned())
}

fn quoted(text: &str) -> String {
    text.replace('\'', "'\\''")
}

fn number_of(error: &str) -> u8 {
    match error {
        "EINTR" => 4,
        "EIO" => 5,
        _ => 28,
    }
}

const PHASES: [&str; 5] = ["submit", "collect", "publish", "stop", "start"];
const WRITING: &[&str] = &["EIO", "ENOSPC", "EINTR"];
const READING: &[&str] = &["EIO", "EINTR"];
/// The calls of files, and what each may fail with.
const CALLS: [(&str, &[&str]); 18] = [
    ("openat", WRITING),
    ("mkdir", WRITING),
    ("rename", WRITING),
    ("renameat", WRITING),
    ("renameat2", WRITING),
    ("unlink", WRITING),
    ("unlinkat", WRITING),
    ("write", WRITING),
    ("pwrite64", WRITING),
    ("pwritev", WRITING),
    ("ftruncate", WRITING),
    ("fallocate", WRITING),
    ("fsync", WRITING),
    ("fdatasync", WRITING),
    ("sync_file_range", WRITING),
    ("read", READING),
    ("pread64", READING),
    ("preadv", READING),
];
