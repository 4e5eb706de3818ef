//! A suggested command, as it is to be typed where it is suggested.
//!
//! In scope: what was typed before this command and holds for the next one, too: the home, the directory, the
//! identity. Out of scope: which command is suggested (`words`). Invariants: what a suggestion names itself stays;
//! what the environment names is not said again; text that is no command of this program stays as it is.

use std::ffi::OsStr;
use std::sync::LazyLock;

use clap::CommandFactory as _;

use super::args::{Cli, Global};

/// What was typed before a command, for those that it suggests.
#[derive(Clone, Debug, Default)]
pub(super) struct Typed(Vec<Flag>);

/// A flag, and what it was given, as a shell takes it.
#[derive(Clone, Debug)]
struct Flag {
    name: &'static str,
    value: String,
}

impl Typed {
    /// What of this was typed and is not in the environment.
    #[must_use]
    pub(super) fn of(global: &Global) -> Self {
        Self::beside(global, |name| std::env::var_os(name))
    }

    fn beside<V: AsRef<OsStr>>(global: &Global, environment: impl Fn(&str) -> Option<V>) -> Self {
        let home = global.home.as_ref().map(|home| home.as_os_str().to_owned());
        let directory = global.directory.as_ref().map(|name| name.as_str().into());
        let seat = global.seat.as_ref().map(|seat| seat.as_str().into());
        let all = [
            ("--home", "LIAISON_HOME", home),
            ("--directory", "LIAISON_DIRECTORY", directory),
            ("--as", "LIAISON_AS", seat),
        ];
        let typed = all.into_iter().filter_map(|(name, variable, given)| {
            let given = given?;
            let is_set = environment(variable).is_some_and(|set| set.as_ref() == given);
            // A name that is not text cannot be shown so that it could be typed.
            let value = quoted(given.to_str()?);
            (!is_set).then_some(Flag { name, value })
        });
        Self(typed.collect())
    }

    /// The same text, with these flags in each command of this program.
    #[must_use]
    pub(super) fn in_commands(&self, text: &str) -> String {
        let (mut said, mut rest) = (String::with_capacity(text.len()), text);
        if self.0.is_empty() {
            return text.to_owned();
        }
        while let Some(at) = rest.find(PROGRAM) {
            let (before, found) = rest.split_at(at);
            let behind = &found[PROGRAM.len()..];
            said.push_str(before);
            let begins = said.chars().next_back().is_none_or(|last| " (\"'\n".contains(last));
            said.push_str(PROGRAM);
            if begins && is_command(behind) {
                let command = behind.split([';', ',', '\n']).next().unwrap_or_default();
                let named = |name: &str| command.split(' ').any(|word| word == name);
                for Flag { name, value } in self.0.iter().filter(|flag| !named(flag.name)) {
                    said.extend([name, " ", value, " "]);
                }
            }
            rest = behind;
        }
        said + rest
    }
}

/// Whether a command of this program follows, or one of its flags.
fn is_command(text: &str) -> bool {
    static COMMANDS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let all = Cli::command();
        all.get_subcommands().map(|command| command.get_name().to_owned()).collect()
    });
    let is_part = |letter: char| letter.is_ascii_lowercase() || letter == '-';
    let word = text.split(|letter| !is_part(letter)).next().unwrap_or_default();
    word.starts_with("--") || COMMANDS.iter().any(|command| command == word)
}

/// As a shell takes it.
fn quoted(text: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-+@:,".contains(letter);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

const PROGRAM: &str = "liaison ";

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn typed(flags: &[&str]) -> Typed {
        let words = [&["liaison"], flags, &["sync"]].concat();
        Typed::beside(&Cli::try_parse_from(words).unwrap().global, |_| None::<String>)
    }

    #[test]
    fn a_suggestion_holds_where_it_was_made() {
        let here = typed(&["--home", "at", "--as", "at/cert-at/duty-1"]);
        for (text, expected) in [
            ("liaison sync", "liaison --home at --as at/cert-at/duty-1 sync"),
            (
                "liaison sync; then liaison sent retry 1",
                "liaison --home at --as at/cert-at/duty-1 sync; then liaison --home at --as \
                 at/cert-at/duty-1 sent retry 1",
            ),
            (
                "(liaison --as at/cert-at/duty-2 seat rotate)",
                "(liaison --home at --as at/cert-at/duty-2 seat rotate)",
            ),
            (
                "liaison join INVITATION --as SEAT, or liaison sync",
                "liaison --home at join INVITATION --as SEAT, or liaison --home at --as \
                 at/cert-at/duty-1 sync",
            ),
            ("liaison --home NEW key new", "liaison --as at/cert-at/duty-1 --home NEW key new"),
        ] {
            assert_eq!(here.in_commands(text), expected);
        }
    }

    #[test]
    fn what_is_no_command_stays_as_it_is() {
        let here = typed(&["--home", "at"]);
        for text in [
            "install a newer liaison, and give the command again",
            "a newer liaison is needed",
            "./liaison sync",
            "liaisond serve",
            "my-liaison sync",
            "",
        ] {
            assert_eq!(here.in_commands(text), text);
        }
        assert_eq!(typed(&[]).in_commands("liaison sync"), "liaison sync");
    }

    #[test]
    fn what_the_environment_names_is_not_said_again() {
        let words = ["liaison", "--home", "at", "--directory", "un.example", "sync"];
        let global = Cli::try_parse_from(words).unwrap().global;
        let set = |name: &str| (name == "LIAISON_HOME").then_some("at");
        let said = Typed::beside(&global, set).in_commands("liaison doctor");
        assert_eq!(said, "liaison --directory un.example doctor");
        let other = |name: &str| (name == "LIAISON_HOME").then_some("pt");
        let said = Typed::beside(&global, other).in_commands("liaison doctor");
        assert_eq!(said, "liaison --home at --directory un.example doctor");
    }

    #[test]
    fn a_shell_reads_a_home_of_any_name_as_one_word() {
        for (home, expected) in
            [("a b", "'a b'"), ("it's", r"'it'\''s'"), ("$(x)", "'$(x)'"), ("münchen", "münchen")]
        {
            let said = typed(&["--home", home]).in_commands("liaison sync");
            assert_eq!(said, format!("liaison --home {expected} sync"));
        }
    }
}
