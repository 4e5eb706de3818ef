//! What commands show on a terminal of 80 columns, as it stands in `tests/golden/screens`: a line `$ …` is
//! typed there, and what follows it is shown; a line `% …` is done beforehand, unseen.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use liaison::cli::args::Cli;

use crate::readme::run;
use crate::support::free_port;
use crate::walked;

#[test]
fn of_members() {
    shows("members.txt", SINGLE);
}

#[test]
fn of_the_administration() {
    shows("administration.txt", walked::FOUNDED);
}

#[test]
fn every_command_has_one() {
    let shown: String = ["members.txt", "administration.txt"].map(screens).concat();
    let typed: Vec<&str> = shown.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
    let is_shown = |words: &[&str]| {
        typed.iter().any(|line| {
            let mut rest = line.split_whitespace();
            words.iter().all(|word| rest.any(|typed| typed == *word))
        })
    };
    let mut missing = BTreeSet::new();
    each_command(&Cli::command(), &mut Vec::new(), &mut |path| {
        if !is_shown(path) {
            missing.insert(path.join(" "));
        }
    });
    // They serve, measure, or write what other programs read.
    let without = ["bench", "completions", "demo", "man"].map(str::to_owned);
    assert_eq!(missing, BTreeSet::from(without));
}

fn each_command<'a>(of: &'a clap::Command, path: &mut Vec<&'a str>, see: &mut impl FnMut(&[&str])) {
    let mut ends = true;
    for command in of.get_subcommands().filter(|command| !command.is_hide_set()) {
        ends = false;
        path.push(command.get_name());
        each_command(command, path, see);
        path.pop();
    }
    if ends {
        see(path);
    }
}

/// Types what this file says in a world that begins like this, and compares what is shown.
#[track_caller]
fn shows(name: &str, world: &str) {
    let expected = screens(name);
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let terminal = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/support/terminal.py");
    let mut script = format!("PORT={port} ADMIN={}\n{world}\nexport DIGITS NO_COLOR=1\n", port + 1);
    for (at, line) in expected.lines().enumerate() {
        if let Some(typed) = line.strip_prefix("$ ") {
            let typed = typed.replace('\'', "'\\''");
            script.push_str(&format!(
                "ended=0; python3 {terminal} '{typed}' > {at}.screen || ended=$?\n\
                 [ $ended = 0 ] || echo \"[$ended]\" >> {at}.screen\n"
            ));
        } else if let Some(done) = line.strip_prefix("% ") {
            script.push_str(&format!(
                "{{ {done}; }} > done.txt 2>&1 || {{ cat done.txt; false; }}\n"
            ));
        }
    }
    let output = run(&script, folder.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let mut shown = String::new();
    for (at, line) in expected.lines().enumerate() {
        match line.split_at_checked(2) {
            Some(("$ ", _)) => {
                let screen = folder.path().join(format!("{at}.screen"));
                let screen = std::fs::read_to_string(screen).unwrap();
                shown.push_str(&format!("{line}\n{}", settled(&screen)));
            }
            Some(("# ", _)) => shown.push_str(&format!("\n{line}\n")),
            Some(("% ", _)) => shown.push_str(&format!("{line}\n")),
            _ => {}
        }
    }
    let shown = shown.trim_start();
    if std::env::var_os("LIAISON_BLESS").is_some() {
        std::fs::write(path(name), shown).unwrap();
        return;
    }
    let differs = expected.lines().zip(shown.lines()).find(|(then, now)| then != now);
    assert!(expected == shown, "{differs:?}\n{shown}");
}

/// A directory of one registrar, whose service is up.
const SINGLE: &str = r"
set -eu -o pipefail
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
liaisond --home service init --single --client-home registrar --listen 127.0.0.1:$PORT > founded.txt
DIGITS=$(grep -E '^ +([0-9]{5} ){11}[0-9]{5}$' founded.txt)
liaisond --home service serve > served.txt 2>&1 &
until (exec 3<>/dev/tcp/127.0.0.1/$PORT) 2>/dev/null; do kill -0 $!; done
";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/screens").join(name)
}

fn screens(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap()
}

/// The same each time: ids, keys, times, ages and ports have other digits, and as many.
fn settled(screen: &str) -> String {
    let words: Vec<&str> = screen.split_whitespace().collect();
    let is_group = |word: &&&str| word.trim_end_matches(';').len() == 4 && is_hex(word);
    let of_key = |at: usize| {
        let before = words[..at].iter().rev().take_while(is_group).count();
        before + words[at..].iter().take_while(is_group).count() > 2
    };
    let (mut settled, mut rest) = (String::new(), screen);
    for (at, word) in words.iter().enumerate() {
        let (space, from) = rest.split_at(rest.find(word).unwrap());
        settled.push_str(space);
        rest = &from[word.len()..];
        let is_age = words.get(at + 1) == Some(&"s");
        let ends_a_hash = at > 0 && is_hex(words[at - 1]) && words[at - 1].len() > 40;
        match is_hex(word) && (of_key(at) && is_group(&word) || is_age || ends_a_hash) {
            true => settled.extend(word.chars().map(|char| if char == ';' { char } else { '0' })),
            false => settled.push_str(&settled_word(word)),
        }
    }
    settled + rest
}

fn settled_word(word: &str) -> String {
    let (mut settled, mut rest) = (String::new(), word);
    while !rest.is_empty() {
        let of_part = |char: char| char.is_ascii_alphanumeric() || char == '-';
        let (part, behind) = rest.split_at(rest.find(|char| !of_part(char)).unwrap_or(rest.len()));
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        let beside_colon = settled.ends_with(':') || behind.starts_with(':');
        let is_time = digits == 2 && beside_colon || is_date(part);
        let is_port_or_group = digits == 5 && part.len() == 5;
        let is_id = digits > 0 && part.len() >= 8 && is_hex(&part.replace('-', ""));
        match is_time || is_port_or_group || is_id {
            true => settled.extend(part.chars().map(|char| match char {
                'T' | 'Z' | '-' => char,
                _ => '0',
            })),
            false => settled.push_str(part),
        }
        let between = behind.chars().next();
        settled.extend(between);
        rest = &behind[between.map_or(0, char::len_utf8)..];
    }
    settled
}

fn is_date(part: &str) -> bool {
    let parts: Vec<&str> = part.splitn(3, '-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths.len() == 3 && lengths[..2] == [4, 2] && parts[..2].iter().all(|part| is_hex(part))
}

fn is_hex(word: &str) -> bool {
    let word = word.trim_end_matches(';');
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}
