//! The shape of the code as a test: who may use whom, what the core never mentions, the one way to
//! write, and where documentation stands. Every rule is read from the source, and each is shown below
//! to be one that can fail.
#![expect(clippy::unwrap_used, reason = "a test that fails may say so by panicking")]

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

/// Which top-level modules each may use, besides itself. `a::b` allows that part of `a` alone. What
/// is not listed is forbidden; a new module comes with its line.
const ALLOWED: [(&str, &[&str]); 23] = [
    ("moment", &[]),
    ("crypto", &["moment"]),
    ("ambient", &[]),
    ("disk", &[]),
    ("tlog", &["crypto"]),
    ("signed", &["crypto"]),
    ("domain", &["crypto", "tlog", "signed", "moment"]),
    ("tls", &["crypto"]),
    ("store", &["disk", "domain", "tlog", "crypto::hash"]),
    ("service", &["store", "disk", "domain", "tlog", "signed", "crypto", "moment", "ambient"]),
    ("wire", &["domain", "signed", "crypto"]),
    ("grpc", &["wire", "service", "domain", "tls::PeerInfo"]),
    ("client", &["wire", "domain", "tlog", "signed", "crypto", "tls", "disk", "ambient"]),
    ("office", &["client", "wire", "domain", "tlog", "signed", "crypto", "ambient", "moment"]),
    ("words", &["office", "client", "domain", "signed", "crypto", "moment"]),
    // A face, as every other one.
    ("cli", &["office", "words"]),
    ("server", &["grpc", "wire::status", "service", "domain", "crypto", "tls"]),
    ("demo", &["cli", "client", "operate", "domain", "signed", "crypto", "ambient"]),
    (
        "bench",
        &[
            "cli::args",
            "client",
            "server",
            "service",
            "store",
            "disk",
            "wire",
            "domain",
            "tlog",
            "signed",
            "crypto",
            "tls",
            "ambient",
        ],
    ),
    (
        "operate",
        &[
            "server", "service", "store", "disk", "client", "wire", "domain", "signed", "crypto",
            "tls", "moment", "ambient",
        ],
    ),
    ("bin/liaisond", &["operate"]),
    (
        "bin/liaison",
        &["cli", "demo", "bench", "client::error", "client::reason", "server::process"],
    ),
    ("lib", &[]),
];

/// Functions that still take a tuple as a parameter. The list only becomes shorter.
const TAKE_TUPLES: &[&str] = &[
    "src/cli/inbox/listed.rs: table",
    "src/cli/inbox/mod.rs: expired",
    "src/client/message/acknowledge.rs: acknowledge",
    "src/client/message/compose.rs: answering",
    "src/client/message/content.rs: delivered",
    "src/client/message/open.rs: verify_header",
    "src/client/message/receipt.rs: verify_accepted",
    "src/client/message/receipt.rs: verify_acknowledgement",
    "src/client/message/receipt.rs: verify_head",
    "src/client/outbox.rs: kept_back",
    "src/client/outbox.rs: put",
    "src/client/outbox.rs: put_instead",
    "src/client/outbox.rs: refuse",
    "src/client/outbox.rs: replace",
    "src/domain/relay/earlier.rs: outcome",
    "src/domain/relay/sums.rs: is_share",
    "src/office/again.rs: outside",
    "src/office/again.rs: seal_again",
    "src/office/again.rs: seal_to_others",
    "src/office/collect.rs: acknowledge",
    "src/office/collect.rs: answer",
    "src/office/collect.rs: compared",
    "src/office/courier.rs: at_desk",
    "src/office/courier.rs: seal_again",
    "src/office/courier.rs: to_be_called",
    "src/office/inbox.rs: extend",
    "src/office/inbox.rs: place_here",
    "src/office/inbox.rs: write_copies",
    "src/office/mail.rs: collect",
    "src/office/mail.rs: collected",
    "src/office/mail.rs: not_accepted",
    "src/office/mail.rs: seal_to_others",
    "src/office/mail.rs: send_until",
    "src/office/mail.rs: take_no_body",
    "src/office/mail.rs: with",
    "src/office/message.rs: read",
    "src/office/news.rs: lost",
    "src/office/page.rs: row",
    "src/office/sent/ask.rs: ask_about",
    "src/office/sent/made.rs: acknowledgement",
    "src/office/sent/made.rs: of",
    "src/office/sent/made.rs: sent_message",
    "src/service/door/mod.rs: quota",
    "src/service/scrub.rs: beside",
    "src/service/scrub.rs: message",
    "src/service/scrub.rs: stood",
];

/// No clock, no file, no network, no ambient randomness.
const CORE: [&str; 5] = ["moment", "crypto", "tlog", "signed", "domain"];
const IMPURE_PATHS: [&str; 7] =
    ["tokio", "tonic", "std::fs", "std::net", "std::env", "std::process", "std::thread"];
const IMPURE_WORDS: [&str; 3] = ["SystemTime", "SystemRandom", "Instant"];

/// The one place that writes, the stores themselves, and where a store gets its entry 0.
const WRITERS: [&str; 3] = ["src/service/sequencer.rs", "src/service/start.rs", "src/store/"];

/// What several tests build, in whatever crate they stand.
const WORLD: &str = "tests/world";

/// Where permits are given, and where a request comes before it has one.
const DOOR: &str = "src/service/door/admit.rs";
const GUARD: &str = "src/grpc/guard.rs";

#[test]
fn modules_use_only_what_they_may() {
    assert_none(sources().iter().flat_map(|source| source.wrong_directions()));
}

#[test]
fn what_rooms_may_use_they_use() {
    assert_none(idle_lines(&ALLOWED, &sources()));
}

/// Each path counts that a file names outside of tests, to the file that defines what it leads to. It
/// does not between the file of a module and those in its folder: they tell one story.
#[test]
fn no_files_use_each_other_in_a_circle() {
    assert_none(circles(&sources_and_world()));
}

/// A parameter has a name: what belongs together is a type that says so, and what does not stands apart.
#[test]
fn parameters_are_no_tuples() {
    assert_none(tuples_not_as_listed(&sources_and_world(), TAKE_TUPLES));
}

#[test]
fn the_core_is_pure() {
    assert_none(sources().iter().flat_map(|source| source.impurities()));
}

#[test]
fn the_service_has_no_transport_and_the_core_no_async() {
    assert_none(sources().iter().flat_map(|source| source.misplaced_machinery()));
}

#[test]
fn one_place_writes() {
    assert_none(sources().iter().flat_map(|source| source.stray_commits()));
}

#[test]
fn one_place_gives_permits() {
    assert_none(sources().iter().flat_map(|source| source.stray_permits()));
}

#[test]
fn test_code_is_behind_cfg_test() {
    assert_none(sources().iter().flat_map(|source| source.unguarded_tests()));
}

/// One crate of tests is the house's own and others are not: the same file stands in both.
#[test]
fn the_world_of_the_tests_calls_the_house_by_its_name() {
    assert_none(world().iter().flat_map(|source| source.own_names()));
}

#[test]
fn every_file_says_what_it_is_for() {
    let undocumented = files_with_world().filter(|path| {
        let text = fs::read_to_string(repository().join(path)).unwrap();
        !is_documented(&text)
    });
    assert_none(undocumented.map(|path| format!("{path}: expected a first line of //!")));
}

/// One or two words repeat the name below them. What it is, where it comes from, its unit or its range
/// is said, or nothing, where the names are their own words (`#[expect(missing_docs)]`, with the reason).
#[test]
fn docstrings_say_more_than_two_words() {
    assert_none(files_with_world().flat_map(|path| {
        let text = fs::read_to_string(repository().join(&path)).unwrap();
        let short = short_docstrings(&text).into_iter();
        short
            .map(|(line, words)| format!("{path}:{line}: {words:?} says no more than the name"))
            .collect::<Vec<_>>()
    }));
}

#[test]
fn the_map_in_lib_names_every_module() {
    let lib = fs::read_to_string(repository().join("src/lib.rs")).unwrap();
    let missing = modules_not_on_the_map(&lib);
    assert_none(missing.into_iter().map(|name| format!("src/lib.rs: `{name}` is not on its map")));
}

/// Each guarantee of the architecture page stands beside the tests that try to break it.
#[test]
fn the_architecture_names_tests_that_are_there() {
    let read = |path: &str| fs::read_to_string(repository().join(path)).unwrap();
    let code: String =
        ["src", "tests"].into_iter().flat_map(files_of).map(|path| read(&path)).collect();
    let page = read("docs/architecture.md");
    let missing = missing_tests(&page, &code);
    assert_none(missing.into_iter().map(|name| format!("docs/architecture.md: no test {name}")));
}

/// The pages at the top lead to files and commands that are there.
#[test]
fn the_pages_at_the_top_lead_somewhere() {
    let read = |path: &str| fs::read_to_string(repository().join(path)).unwrap();
    let manifest = read("Cargo.toml");
    let missing = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].into_iter().flat_map(|page| {
        let is_there = |path: &str| repository().join(path).exists();
        let missing = missing_places(&read(page), is_there, &manifest);
        missing.into_iter().map(move |place| format!("{page}: there is no {place}"))
    });
    assert_none(missing);
}

/// Whoever reads the code has every page that it cites.
#[test]
fn comments_cite_pages_that_are_here() {
    let is_there =
        |page: &str| ["", "docs"].iter().any(|in_| repository().join(in_).join(page).exists());
    let files = ["src", "tests", "benches", "fuzz/src"].into_iter().flat_map(files_of);
    assert_none(files.flat_map(|path| {
        let missing =
            missing_pages(&fs::read_to_string(repository().join(&path)).unwrap(), is_there);
        missing.into_iter().map(move |page| format!("{path}: there is no {page}"))
    }));
}

/// What `deny.toml` says, as far as it can be seen without a tool.
#[test]
fn only_known_sources_and_one_cryptography_are_linked() {
    let lock = fs::read_to_string(repository().join("Cargo.lock")).unwrap();
    let deny = fs::read_to_string(repository().join("deny.toml")).unwrap();
    let banned = crates_of(&deny);
    assert!(banned.contains(&("openssl-sys", false)) && banned.contains(&("ring", true)));
    assert_none(not_to_be_linked(&lock, &banned));
}

/// Whoever adds a kind of statement adds it to the tests that ask each kind the same.
#[test]
fn every_kind_of_statement_stands_in_every_table() {
    let read = |path: &str| fs::read_to_string(repository().join(path)).unwrap();
    let kinds = kinds_of_statements(&read("src/domain/directory/kinds/mod.rs"));
    assert!(kinds.len() >= 7, "{kinds:?}");
    let missing = kinds.iter().flat_map(|kind| {
        let maker = if kind == "attested_record" { "attested" } else { kind };
        [
            ("src/domain/directory/tests/common.rs", format!("fn {kind}()")),
            ("src/domain/directory/tests/order.rs", format!("_{kind}()")),
            ("src/domain/directory/tests/random.rs", format!("world.{maker}(")),
            ("src/domain/directory/tests/golden.rs", format!("\"{}\"", kind.replace('_', "-"))),
            ("tests/e2e/restart.rs", format!("says::{maker}(")),
        ]
    });
    let missing = missing.filter(|(path, words)| !read(path).contains(words));
    assert_none(missing.map(|(path, words)| format!("{path}: expected {words}")));
}

#[track_caller]
fn assert_none(wrong: impl IntoIterator<Item = String>) {
    let wrong: Vec<String> = wrong.into_iter().collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file under `src`, as `src/…`, sorted.
fn rust_files() -> Vec<String> {
    files_of("src")
}

fn files_of(folder: &str) -> Vec<String> {
    fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let root = repository();
    let mut files = Vec::new();
    walk(&root.join(folder), &mut files);
    let relative = files.iter().map(|path| path.strip_prefix(&root).unwrap());
    let mut files: Vec<String> =
        relative.map(|path| path.to_string_lossy().replace('\\', "/")).collect();
    files.sort();
    files
}

/// The same, and those of the world of the tests.
fn files_with_world() -> impl Iterator<Item = String> {
    rust_files().into_iter().chain(files_of(WORLD))
}

/// All code that is not only for tests.
fn sources() -> Vec<Source> {
    rust_files().iter().filter(|path| !is_for_tests(path)).map(|path| source(path)).collect()
}

fn world() -> Vec<Source> {
    files_of(WORLD).iter().map(|path| source(path)).collect()
}

fn sources_and_world() -> Vec<Source> {
    sources().into_iter().chain(world()).collect()
}

fn source(path: &str) -> Source {
    Source::read(path, &fs::read_to_string(repository().join(path)).unwrap())
}

/// `tests.rs` and folders named so; [`Source::unguarded_tests`] sees that they are for tests.
fn is_for_tests(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs")
}

/// The lines of `statements!`, in snake case, but for the kind that is for tests alone.
fn kinds_of_statements(text: &str) -> Vec<String> {
    let list = text.split_once("\nstatements! {").and_then(|(_, rest)| rest.split_once("\n}"));
    let lines = list.expect("the list of kinds").0.lines().map(str::trim);
    let served = lines.take_while(|line| !line.starts_with("#[cfg(test)]"));
    let names = served.filter_map(|line| Some(line.split_once('(')?.0));
    let snake = |name: &str| {
        name.char_indices().fold(String::new(), |mut snake, (at, letter)| {
            if at > 0 && letter.is_uppercase() {
                snake.push('_');
            }
            snake.extend(letter.to_lowercase());
            snake
        })
    };
    names.map(snake).collect()
}

fn is_documented(text: &str) -> bool {
    text.starts_with("//! ")
}

/// Docstrings of one or two words, by their lines. What clap shows as help has no full stop, and its
/// words are the screen's.
fn short_docstrings(text: &str) -> Vec<(usize, String)> {
    let has_help = text.contains("\nuse clap::");
    let lines: Vec<Option<&str>> = text
        .lines()
        .map(|line| line.trim_start().strip_prefix("///").filter(|rest| !rest.starts_with('/')))
        .collect();
    let docstrings = lines.chunk_by(|above, below| above.is_some() && below.is_some());
    let numbered = docstrings.scan(1, |next, lines| {
        let first = *next;
        *next += lines.len();
        Some((first, lines.iter().flatten().copied().collect::<Vec<_>>().join(" ")))
    });
    let short = numbered.map(|(line, words)| (line, words.trim().to_owned()));
    let short = short.filter(|(_, words)| (1..=2).contains(&words.split_whitespace().count()));
    short.filter(|(_, words)| !has_help || words.ends_with('.')).collect()
}

/// Links of a page, files that it names by a path, and targets of its commands, that are not there.
fn missing_places(page: &str, is_there: impl Fn(&str) -> bool, manifest: &str) -> Vec<String> {
    let links = page.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let links = links.map(|(link, _)| link.split('#').next().unwrap_or_default());
    let links = links.filter(|link| !link.is_empty() && !link.contains("://"));
    let is_path = |word: &&str| {
        let roots = ["src/", "tests/", "docs/", "fuzz/", "certs/", "proto/", "benches/"];
        roots.iter().any(|root| word.starts_with(root)) && !word.contains(['*', ' ', '…'])
    };
    let paths = page.split('`').skip(1).step_by(2).filter(is_path);
    let paths = paths.filter(|path| !path.bytes().any(|byte| byte.is_ascii_uppercase()));
    let places = links.chain(paths).filter(|path| !is_there(path)).map(str::to_owned);
    let words: Vec<&str> = page.split_whitespace().collect();
    let targets =
        words.array_windows().filter(|[option, _]| ["--bench", "--test"].contains(option));
    let targets = targets.map(|[_, name]| name.trim_matches('`'));
    let unknown = targets.filter(|name| !manifest.contains(&format!("name = \"{name}\"")));
    places.chain(unknown.map(str::to_owned)).collect()
}

/// Pages that comments cite, by their file or as a design with a number, and that are not there.
fn missing_pages(text: &str, is_there: impl Fn(&str) -> bool) -> Vec<String> {
    let comments = text.lines().filter(|line| line.trim_start().starts_with("//"));
    let missing = comments.flat_map(|comment| {
        let is_of_a_path = |char: char| char.is_alphanumeric() || "-_./".contains(char);
        let words = comment.split(|char| !is_of_a_path(char)).map(|word| word.trim_matches('.'));
        let words: Vec<&str> = words.filter(|word| !word.is_empty() && *word != "//").collect();
        let pages = words.iter().filter(|word| word.ends_with(".md") && !is_there(word));
        let designs = words.array_windows().filter(|[word, number]| {
            *word == "design" && number.bytes().all(|byte| byte.is_ascii_digit())
        });
        let designs = designs.map(|[word, number]| format!("{word} {number}"));
        pages.map(|page| (*page).to_owned()).chain(designs).collect::<Vec<_>>()
    });
    missing.collect()
}

/// The crates of `deny`: whether one version of each may be.
fn crates_of(deny: &str) -> Vec<(&str, bool)> {
    let entries = deny.lines().filter_map(|line| {
        let (name, rest) = line.trim().strip_prefix("{ crate = \"")?.split_once('"')?;
        Some((name, rest.contains("deny-multiple-versions = true")))
    });
    entries.collect()
}

/// What a lock file has from elsewhere than crates.io, and what is banned in it.
fn not_to_be_linked(lock: &str, banned: &[(&str, bool)]) -> Vec<String> {
    const SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";
    let value = |package: &str, field: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(&format!("{field} = \"")));
        line.map(|rest| rest.trim_end_matches('"').to_owned())
    };
    let packages = lock.split("[[package]]").skip(1);
    let packages: Vec<(String, Option<String>)> = packages
        .map(|package| (value(package, "name").unwrap(), value(package, "source")))
        .collect();
    let foreign = packages.iter().filter(|(name, source)| match source {
        Some(source) => source != SOURCE,
        None => name != "liaison",
    });
    let foreign = foreign.map(|(name, source)| format!("{name} is of {source:?}"));
    let too_many = banned.iter().filter_map(|(name, once)| {
        let found = packages.iter().filter(|(of, _)| of == name).count();
        (found > usize::from(*once)).then(|| format!("{name} is linked {found} times"))
    });
    foreign.chain(too_many).collect()
}

/// What a page calls by a name of four words or more, and is no function.
fn missing_tests<'a>(page: &'a str, code: &str) -> Vec<&'a str> {
    let is_name = |name: &&str| {
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        name.matches('_').count() >= 3 && name.bytes().all(is_word)
    };
    let names = page.split('`').filter(is_name);
    names.filter(|name| !code.contains(&format!("fn {name}("))).collect()
}

/// Public modules of `lib.rs` that its own documentation does not link to as "[`name`]".
fn modules_not_on_the_map(lib: &str) -> Vec<String> {
    let map: String = lib.lines().filter(|line| line.starts_with("//!")).collect();
    let tokens = without_tests(tokens(lib));
    let modules = tokens.windows(3).filter(|window| window[0] == "mod" && window[2] == ";");
    let names = modules.map(|window| window[1].clone());
    names.filter(|name| !map.contains(&format!("[`{name}`]"))).collect()
}

/// The code of one file that is not for tests only.
struct Source {
    path: String,
    /// The modules in which it stands: `["domain", "directory", "verify"]`.
    module: Vec<String>,
    tokens: Vec<String>,
}

impl Source {
    fn read(path: &str, text: &str) -> Self {
        let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
        let module = match inner.strip_prefix("bin/") {
            Some(bin) => vec![format!("bin/{bin}")],
            None => inner.split('/').map(ToOwned::to_owned).collect(),
        };
        let module = match module.split_last() {
            Some((last, folders)) if last == "mod" => folders.to_vec(),
            _ => module,
        };
        Self { path: path.to_owned(), module, tokens: without_tests(tokens(text)) }
    }

    fn top(&self) -> &str {
        self.module.first().map_or("", String::as_str)
    }

    fn wrong_directions(&self) -> Vec<String> {
        let Some((_, allowed)) = ALLOWED.iter().find(|(module, _)| *module == self.top()) else {
            return vec![format!("{}: {} has no line in ALLOWED", self.path, self.top())];
        };
        let wrong = self.paths().into_iter().filter(|path| {
            let Some(inside) = inside(path) else { return false };
            // Nothing that could hide what it reaches: the crate itself under a name, or all of it.
            !is_in(inside, self.top()) && !allowed.iter().any(|module| is_in(inside, module))
        });
        wrong.map(|path| format!("{}: {} may not use {path}", self.path, self.top())).collect()
    }

    fn impurities(&self) -> Vec<String> {
        if !CORE.contains(&self.top()) {
            return Vec::new();
        }
        let paths = self.paths().into_iter().filter(|path| {
            IMPURE_PATHS.iter().any(|impure| {
                path.strip_prefix(impure)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
            })
        });
        let words = self.tokens.iter().filter(|word| IMPURE_WORDS.contains(&word.as_str()));
        let now = self.tokens.windows(3).filter(|window| *window == ["::", "now", "("]);
        let found = paths.chain(words.cloned()).chain(now.map(|_| "::now()".to_owned()));
        found.map(|what| format!("{}: the core may not mention {what}", self.path)).collect()
    }

    fn misplaced_machinery(&self) -> Vec<String> {
        let banned: &[&str] = match self.top() {
            "crypto" | "tlog" | "signed" | "domain" => &["async", "await"],
            "service" => &["tonic"],
            "store" => &["tonic", "wire", "grpc"],
            _ => &[],
        };
        let found = self.tokens.iter().filter(|word| banned.contains(&word.as_str()));
        found.map(|word| format!("{}: {} may not mention {word}", self.path, self.top())).collect()
    }

    fn stray_commits(&self) -> Vec<String> {
        if WRITERS.iter().any(|writer| self.path.starts_with(writer)) {
            return Vec::new();
        }
        let commits = self.tokens.windows(3).filter(|window| {
            window[1] == "commit" && window[2] == "(" && (window[0] == "." || window[0] == "::")
        });
        commits.map(|_| format!("{}: only the sequencer commits to a store", self.path)).collect()
    }

    fn stray_permits(&self) -> Vec<String> {
        if self.path == DOOR {
            return Vec::new();
        }
        let asked = self.tokens.windows(4).filter(|window| match window {
            [permit, to, ask, call] => {
                permit == "Permit" && to == "::" && ask == "ask" && call == "("
            }
            _ => false,
        });
        let typed = self.tokens.windows(4).filter(|window| *window == [">", "::", "ask", "("]);
        let is_handler = self.top() == "grpc" && self.path != GUARD;
        let let_in = self.tokens.windows(3).filter(|window| {
            is_handler && window[0] == "." && ["admit", "permit_here"].contains(&window[1].as_str())
        });
        let found = asked.chain(typed).chain(let_in);
        found.map(|_| format!("{}: only the door gives permits", self.path)).collect()
    }

    /// Paths that lead elsewhere from another crate.
    fn own_names(&self) -> Vec<String> {
        let own = self.tokens.windows(2).filter(|window| *window == ["crate", "::"]);
        own.map(|_| format!("{}: `crate` is another one from test to test", self.path)).collect()
    }

    fn unguarded_tests(&self) -> Vec<String> {
        let modules = self.tokens.windows(2).filter(|window| *window == ["mod", "tests"]);
        modules.map(|_| format!("{}: `mod tests` without #[cfg(test)]", self.path)).collect()
    }

    /// Functions that take a tuple, as `file: function`; once for each function of that name.
    fn taking_tuples(&self) -> Vec<String> {
        let functions = self.tokens.iter().enumerate().filter(|(_, token)| *token == "fn");
        let taking = functions.filter_map(|(at, _)| {
            let (name, rest) = self.tokens.get(at + 1..)?.split_first()?;
            let parameters = parameters(rest).filter(|_| name != "(")?;
            parameters.into_iter().any(is_tuple).then_some(name)
        });
        taking.map(|name| format!("{}: {name}", self.path)).collect()
    }

    /// Every path that the code names, from its root: `crate::…` whatever it is written as, and the
    /// crates that it imports or names in full.
    fn paths(&self) -> Vec<String> {
        self.mentions().into_iter().map(|mention| mention.path).collect()
    }

    fn mentions(&self) -> Vec<Mention> {
        let mut found = Vec::new();
        let mut inner: Vec<(String, usize)> = Vec::new();
        let (mut depth, mut at) = (0, 0);
        while at < self.tokens.len() {
            let token = self.tokens[at].as_str();
            let before = at.checked_sub(1).map_or("", |before| self.tokens[before].as_str());
            let mut module = self.module.clone();
            module.extend(inner.iter().map(|(name, _)| name.clone()));
            match token {
                "{" => {
                    if at >= 2 && self.tokens[at - 2] == "mod" {
                        inner.push((before.to_owned(), depth));
                    }
                    depth += 1;
                }
                "}" => {
                    depth -= usize::from(depth > 0);
                    if inner.last().is_some_and(|(_, opened)| *opened == depth) {
                        inner.pop();
                    }
                }
                "use" => {
                    let tree = &self.tokens[at + 1..];
                    let end = tree.iter().position(|token| token == ";").unwrap_or(tree.len());
                    let mut tree = tree[..end].iter().map(String::as_str).peekable();
                    expand(&mut tree, &[], &mut |path, name| {
                        let (path, name) = (resolve(&module, path), name.to_owned());
                        found.extend(path.map(|path| Mention { path, name: Some(name) }));
                    });
                    at += end;
                }
                _ if before != "::" && self.tokens.get(at + 1).is_some_and(|next| next == "::") => {
                    let mut path = vec![token];
                    while self.tokens.get(at + 1).is_some_and(|next| next == "::") {
                        let Some(next) = self.tokens.get(at + 2) else { break };
                        path.push(next);
                        at += 2;
                    }
                    found.extend(resolve(&module, &path).map(|path| Mention { path, name: None }));
                }
                _ => {}
            }
            at += 1;
        }
        found
    }
}

/// A path that the code names.
struct Mention {
    path: String,
    /// Under which name it is imported, if it is.
    name: Option<String>,
}

/// A path without `crate`, if it begins with that.
fn inside(path: &str) -> Option<&str> {
    path.strip_prefix("crate").map(|inside| inside.trim_start_matches("::"))
}

fn is_in(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// What a room may use, and nothing in it does.
fn idle_lines(allowed: &[(&str, &[&str])], sources: &[Source]) -> Vec<String> {
    let idle = allowed.iter().flat_map(|(room, modules)| {
        let sources = sources.iter().filter(|source| source.top() == *room);
        let paths: Vec<String> = sources.flat_map(Source::paths).collect();
        let is_idle = move |module: &&&str| {
            let mut inside = paths.iter().filter_map(|path| inside(path));
            !inside.any(|path| is_in(path, module))
        };
        let idle = modules.iter().filter(is_idle);
        idle.map(|module| format!("ALLOWED: nothing in {room} uses {module}")).collect::<Vec<_>>()
    });
    idle.collect()
}

/// Each file that uses itself by way of others, with the shortest way.
fn circles(sources: &[Source]) -> Vec<String> {
    let uses = Uses::of(sources);
    let circles = sources.iter().filter_map(|source| uses.circle(&source.path));
    circles.map(|circle| format!("{}: in a circle", circle.join(" uses "))).collect()
}

/// Functions that take a tuple and are not listed, and listed ones that take none any more.
fn tuples_not_as_listed(sources: &[Source], listed: &[&str]) -> Vec<String> {
    let found: Vec<String> = sources.iter().flat_map(Source::taking_tuples).collect();
    let all: BTreeSet<&str> =
        found.iter().map(String::as_str).chain(listed.iter().copied()).collect();
    let wrong = all.into_iter().filter_map(|function| {
        let takes = found.iter().filter(|one| *one == function).count();
        let may = listed.iter().filter(|one| **one == function).count();
        match takes.cmp(&may) {
            Ordering::Equal => None,
            Ordering::Greater => Some(format!("{function} takes a tuple: name its parts apart")),
            Ordering::Less => {
                Some(format!("{function} takes no tuple any more; take it off the list"))
            }
        }
    });
    wrong.collect()
}

/// The parameters of a function whose name stands before these tokens.
fn parameters(tokens: &[String]) -> Option<Vec<&[String]>> {
    let open = match tokens.first()?.as_str() {
        "(" => 0,
        "<" => closing(tokens, 0)? + 1,
        _ => return None,
    };
    (tokens.get(open)? == "(").then_some(())?;
    Some(parts(&tokens[open + 1..closing(tokens, open)?]))
}

/// Whether the pattern of a parameter, or its type, is a tuple; behind references, too.
fn is_tuple(parameter: &[String]) -> bool {
    let colon = parameter.iter().scan(0, |depth, token| {
        *depth += depth_of(token);
        Some((*depth, token))
    });
    let colon = colon.enumerate().find(|(_, (depth, token))| *depth == 0 && *token == ":");
    let (pattern, kind) = parameter.split_at(colon.map_or(0, |(at, _)| at));
    [pattern, kind.get(1..).unwrap_or_default()].into_iter().any(|part| {
        let lifetime = part.iter().position(|token| token == "'").map(|at| at + 1);
        let mut inner = part.iter().enumerate().skip_while(|(at, token)| {
            ["&", "mut", "'"].contains(&token.as_str()) || Some(*at) == lifetime
        });
        let Some((open, _)) = inner.next().filter(|(_, token)| *token == "(") else { return false };
        let close = closing(part, open).unwrap_or(part.len());
        // In one pair of parentheses without a comma stands a trait, as in `&(dyn A + B)`.
        let inside = part.get(open + 1..close).unwrap_or_default();
        parts(inside).len() > 1 || inside.last().is_some_and(|token| token == ",")
    })
}

/// What stands between the commas that no brackets hold.
fn parts(tokens: &[String]) -> Vec<&[String]> {
    let (mut depth, mut from, mut found) = (0, 0, Vec::new());
    for (at, token) in tokens.iter().enumerate() {
        depth += if is_arrow(tokens, at) { 0 } else { depth_of(token) };
        if depth == 0 && token == "," {
            found.push(&tokens[from..at]);
            from = at + 1;
        }
    }
    if from < tokens.len() {
        found.push(&tokens[from..]);
    }
    found
}

/// Where the bracket ends that opens there.
fn closing(tokens: &[String], open: usize) -> Option<usize> {
    let mut depth = 0;
    let mut from = tokens.iter().enumerate().skip(open);
    let close = from.find(|(at, token)| {
        depth += if is_arrow(tokens, *at) { 0 } else { depth_of(token) };
        depth == 0
    });
    Some(close?.0)
}

/// The second half of `->` or `=>`, which closes nothing.
fn is_arrow(tokens: &[String], at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| tokens[before].as_str());
    tokens[at] == ">" && matches!(before, Some("-" | "="))
}

fn depth_of(token: &str) -> i32 {
    match token {
        "(" | "[" | "{" | "<" => 1,
        ")" | "]" | "}" | ">" => -1,
        _ => 0,
    }
}

/// Which file uses which.
struct Uses<'a>(BTreeMap<&'a str, BTreeSet<&'a str>>);

impl<'a> Uses<'a> {
    fn of(sources: &'a [Source]) -> Self {
        let modules = Modules::of(sources);
        let uses = sources.iter().map(|source| (source.path.as_str(), modules.used_by(source)));
        Self(uses.collect())
    }

    /// The shortest way from a file to itself.
    fn circle(&self, file: &'a str) -> Option<Vec<&'a str>> {
        let mut ways = VecDeque::from([vec![file]]);
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop_front() {
            for next in self.0.get(way.last()?).into_iter().flatten() {
                let further = [&way[..], &[*next]].concat();
                if *next == file {
                    return Some(further);
                }
                if seen.insert(*next) {
                    ways.push_back(further);
                }
            }
        }
        None
    }
}

/// The files by their modules, with what each imports under which name.
struct Modules<'a>(BTreeMap<String, (&'a str, BTreeMap<String, String>)>);

impl<'a> Modules<'a> {
    fn of(sources: &'a [Source]) -> Self {
        let modules = sources.iter().map(|source| {
            let names = source.mentions().into_iter();
            let names = names.filter_map(|mention| Some((mention.name?, mention.path)));
            (source.module.join("::"), (source.path.as_str(), names.collect()))
        });
        Self(modules.collect())
    }

    /// The files that a file uses, but for those of the modules around it and within it.
    fn used_by(&self, source: &Source) -> BTreeSet<&'a str> {
        let own = source.module.join("::");
        let paths = source.paths().into_iter();
        let used = paths.filter_map(|path| self.defines(&self.rooted(&own, &path)?, 0));
        let apart = used.filter(|(module, _)| !is_in(module, &own) && !is_in(&own, module));
        apart.map(|(_, file)| file).collect()
    }

    /// A path that may begin with a name that its file imports, or with a module in its folder.
    fn rooted(&self, own: &str, path: &str) -> Option<String> {
        if let Some(inside) = inside(path) {
            return Some(inside.to_owned());
        }
        let (first, rest) = path.split_once("::").unwrap_or((path, ""));
        let begin = self.0.get(own)?.1.get(first).and_then(|named| inside(named));
        let child = format!("{own}::{first}");
        let begin = begin.map(ToOwned::to_owned);
        let begin = begin.or_else(|| self.0.contains_key(&child).then_some(child))?;
        Some(if rest.is_empty() { begin } else { format!("{begin}::{rest}") })
    }

    /// Module and file of what a path leads to: one that is imported there is defined elsewhere.
    fn defines(&self, path: &str, depth: usize) -> Option<(&str, &'a str)> {
        let ends = path.rmatch_indices("::").map(|(end, _)| end);
        let mut prefixes = std::iter::once(path.len()).chain(ends).map(|end| path.split_at(end));
        let (module, rest) = prefixes.find(|(module, _)| self.0.contains_key(*module))?;
        let (module, (file, names)) = self.0.get_key_value(module)?;
        let mut rest = rest.trim_start_matches("::").splitn(2, "::");
        let named = rest.next().and_then(|name| names.get(name));
        let named = named.filter(|_| depth < 8).and_then(|named| {
            let root = self.rooted(module, named)?;
            let root = rest.next().map_or_else(|| root.clone(), |rest| format!("{root}::{rest}"));
            (root != path).then(|| self.defines(&root, depth + 1)).flatten()
        });
        Some(named.unwrap_or((module, file)))
    }
}

/// Each path of a `use` tree, with the name that it gets.
fn expand<'a>(
    tokens: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>,
    prefix: &[&'a str],
    found: &mut impl FnMut(&[&'a str], &'a str),
) {
    let mut path = prefix.to_vec();
    let mut name = None;
    let mut is_open = false;
    while let Some(token) = tokens.peek().copied() {
        match token {
            "," | "}" => break,
            "{" => {
                tokens.next();
                while tokens.peek().is_some_and(|token| *token != "}") {
                    expand(tokens, &path, found);
                    tokens.next_if_eq(&",");
                }
                tokens.next();
                is_open = true;
            }
            "as" => {
                tokens.next();
                name = tokens.next();
            }
            "::" => drop(tokens.next()),
            part => {
                if part != "self" || path.is_empty() {
                    path.push(part);
                }
                tokens.next();
            }
        }
    }
    if !is_open && path.len() > prefix.len().min(usize::from(prefix.is_empty())) {
        let last = path.last().copied().unwrap_or_default();
        found(&path, name.unwrap_or(last));
    }
}

/// A path from its root. What starts with a name that is none of these may be a crate or local.
fn resolve(module: &[String], path: &[&str]) -> Option<String> {
    let (first, rest) = path.split_first()?;
    let mut base: Vec<&str> = module.iter().map(String::as_str).collect();
    let mut rest = rest;
    match *first {
        "crate" | "liaison" => base.clear(),
        "self" => {}
        "super" => {
            base.pop();
            while let Some(("super", more)) = rest.split_first().map(|(first, more)| (*first, more))
            {
                base.pop();
                rest = more;
            }
        }
        _ => return Some(path.join("::")),
    }
    Some([&["crate"], &base[..], rest].concat().join("::"))
}

/// Words and punctuation, without comments; a literal is one token that says nothing.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&char) = chars.get(at) {
        let rest = &chars[at..];
        let starts = |prefix: &str| prefix.chars().eq(rest.iter().copied().take(prefix.len()));
        at += if char.is_whitespace() {
            1
        } else if starts("//") {
            rest.iter().position(|char| *char == '\n').unwrap_or(rest.len())
        } else if starts("/*") {
            block_comment(rest)
        } else if let Some(length) = literal(rest) {
            tokens.push("\"\"".to_owned());
            length
        } else if char.is_alphanumeric() || char == '_' {
            let word: String =
                rest.iter().take_while(|char| char.is_alphanumeric() || **char == '_').collect();
            tokens.push(word.clone());
            word.chars().count()
        } else if starts("::") {
            tokens.push("::".to_owned());
            2
        } else {
            tokens.push(char.to_string());
            1
        };
    }
    tokens
}

fn block_comment(chars: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < chars.len() {
        match chars.get(at..at + 2) {
            Some(['/', '*']) => (depth, at) = (depth + 1, at + 2),
            Some(['*', '/']) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of the string or character literal that starts here; a lifetime is none.
fn literal(chars: &[char]) -> Option<usize> {
    let prefix = chars.iter().take_while(|char| matches!(char, 'b' | 'r' | 'c')).count();
    let hashes = chars[prefix..].iter().take_while(|char| **char == '#').count();
    let is_raw = chars[..prefix].contains(&'r');
    if prefix <= 2 && is_raw && chars.get(prefix + hashes) == Some(&'"') {
        let body = &chars[prefix + hashes + 1..];
        let end = body.iter().enumerate().position(|(at, char)| {
            *char == '"' && body[at + 1..].iter().take_while(|c| **c == '#').count() >= hashes
        });
        return Some(prefix + hashes + 1 + end.unwrap_or(body.len()) + 1 + hashes);
    }
    let quote = *chars.get(prefix)?;
    let is_char = quote == '\''
        && (chars.get(prefix + 1) == Some(&'\\') || chars.get(prefix + 2) == Some(&'\''));
    if prefix > 1 || !(quote == '"' || is_char) {
        return None;
    }
    let mut at = prefix + 1;
    while let Some(char) = chars.get(at) {
        match char {
            '\\' => at += 2,
            char if *char == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    Some(chars.len())
}

/// Leaves out every item under `#[cfg(test)]`: up to its `;`, or to the end of its braces.
fn without_tests(tokens: Vec<String>) -> Vec<String> {
    let marker = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens.get(at..at + marker.len()).is_none_or(|window| *window != marker) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let mut depth = 0;
        at += marker.len();
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token.as_str() {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => depth -= 1,
                _ => {}
            }
            if depth == 0 && (token == ";" || token == "}") {
                break;
            }
        }
    }
    kept
}

/// Every rule, shown to fail on a sample and to hold on another.
mod samples {
    use super::*;

    fn wrong(path: &str, code: &str) -> usize {
        Source::read(path, code).wrong_directions().len()
    }

    #[test]
    fn a_wrong_direction_is_seen_however_it_is_written() {
        for code in [
            "use crate::store::Store;",
            "use crate::{crypto::hash, store};",
            "use crate::{domain::{ids, limits}, store::{self, sled::Sled}};",
            "pub use crate::store;",
            "fn f() { crate::store::open() }",
            "fn f(x: &crate::store::Batch) {}",
            "use super::super::store::Store;",
            "fn f() { super::super::store::open() }",
            "use crate::*;",
            "use crate as liaison;",
            "use crate::{self as all};",
            "use super::super as root;",
            "use liaison::store;",
            "macro_rules! m { () => { $crate::store::open() } }",
            "mod inside { use super::super::super::store; }",
            "/* a comment */ use /* here */ crate :: store ;",
            "#[cfg(test)] mod tests { } use crate::store;",
            "#[cfg(test)] use a::B; use crate::store;",
            "const S: &str = \"//\"; use crate::store;",
            "const C: char = '\"'; use crate::store; const D: char = '\"';",
            "fn f<'a>(x: &'a str) { crate::store::open() }",
        ] {
            assert_ne!(wrong("src/domain/ids.rs", code), 0, "{code}");
        }
    }

    #[test]
    fn what_is_allowed_is_no_fault() {
        for code in [
            "use crate::{crypto::hash::Digest, signed, tlog::{head, note}};",
            "use super::ids; use super::super::domain::limits; use self::inner::X;",
            "pub(crate) fn f() {} pub(in crate::domain) fn g() {}",
            "// use crate::store;",
            "//! [`crate::store`]",
            "const S: &str = \"use crate::store;\"; const R: &str = r#\"crate::store\"#;",
            "#[cfg(test)] mod tests { use crate::store::Store; }",
            "#[cfg(test)]\n#[expect(x, reason = \"y\")]\nfn f() { crate::store::open() }",
            "mod inside { use super::super::refusal; fn f() { super::super::super::crypto::x() } }",
            "use std::collections::BTreeMap; use ring::{digest, rand};",
        ] {
            assert_eq!(wrong("src/domain/ids.rs", code), 0, "{code}");
        }
    }

    #[test]
    fn a_part_of_a_module_may_be_allowed_alone() {
        assert_eq!(wrong("src/store/mod.rs", "use crate::crypto::hash::X;"), 0);
        assert_eq!(wrong("src/store/mod.rs", "use crate::crypto::{hash, sign};"), 1);
        assert_eq!(wrong("src/store/mod.rs", "use crate::crypto;"), 1);
        assert_eq!(wrong("src/store/mod.rs", "use crate::crypto::hashx;"), 1);
    }

    #[test]
    fn a_new_module_needs_its_line_and_a_program_its_side() {
        assert_eq!(wrong("src/utils/mod.rs", ""), 1);
        assert_eq!(wrong("src/bin/liaisond.rs", "use liaison::cli;"), 1);
        assert_eq!(wrong("src/bin/liaison.rs", "use liaison::cli;"), 0);
        assert_eq!(wrong("src/cli/contact.rs", "use crate::service::x;"), 1);
    }

    #[test]
    fn a_line_that_nothing_needs_is_seen() {
        let idle = |code: &str| {
            let allowed: [(&str, &[&str]); 2] = [("a", &["b", "c::D"]), ("b", &[])];
            idle_lines(&allowed, &[Source::read("src/a/mod.rs", code)]).len()
        };
        assert_eq!(idle("use crate::b::X; fn f(d: &super::c::D) {}"), 0);
        assert_eq!(idle("use crate::b; use crate::c::E;"), 1);
        assert_eq!(idle("#[cfg(test)] use crate::{b, c::D};"), 2);
        assert_eq!(idle(""), 2);
    }

    #[test]
    fn files_in_a_circle_are_seen() {
        let wrong = |files: &[(&str, &str)]| {
            let read = |(path, code): &(&str, &str)| Source::read(path, code);
            let sources: Vec<Source> = files.iter().map(read).collect();
            circles(&sources).len()
        };
        let (a, b, c) = ("src/x/a.rs", "src/x/b.rs", "src/y/c.rs");
        let to_a = (b, "fn f(a: super::a::A) {}");
        assert_eq!(wrong(&[(a, "use super::b::B;"), to_a]), 2);
        assert_eq!(wrong(&[(a, ""), to_a]), 0);
        assert_eq!(wrong(&[(a, "#[cfg(test)] use super::b::B;"), to_a]), 0);
        // By way of a third, and by a module under another name.
        let third = (c, "use crate::x::b as other; fn f() { other::g() }");
        assert_eq!(wrong(&[(a, "use crate::y::c;"), to_a, third]), 3);
        // What is handed on by another is its own file's.
        let hands_on = ("src/x/mod.rs", "pub use b::B;");
        assert_eq!(wrong(&[(a, "use crate::x::B;"), to_a, hands_on]), 2);
        assert_eq!(wrong(&[(a, "use crate::x; fn f(b: x::B) {}"), to_a, hands_on]), 2);
        assert_eq!(wrong(&[(a, "use crate::x::C;"), to_a, hands_on]), 0);
        // In the world of the tests, too.
        let [keys, clock] = ["keys", "clock"].map(|of| format!("{WORLD}/{of}.rs"));
        assert_eq!(wrong(&[(&keys, "use super::clock::NOW;"), (&clock, "use super::keys;")]), 2);
        // A module and the files of its folder are one.
        let parent = ("src/x/mod.rs", "use b::B; struct C;");
        assert_eq!(wrong(&[parent, (b, "use super::C;")]), 0);
    }

    #[test]
    fn a_tuple_as_a_parameter_is_seen_and_what_is_listed_without_need() {
        let wrong = |code: &str, listed: &[&str]| {
            tuples_not_as_listed(&[Source::read("src/x/a.rs", code)], listed).len()
        };
        for code in [
            "fn f((a, b): (u64, u64)) {}",
            "fn f(&self, of: &(Id, Id), more: u8) {}",
            "fn f<'a, F: Fn(u8) -> u8>(x: F, (a, b): Pair) {}",
            "fn f(of: &'a mut (Id, Vec<u8>)) {}",
            "fn f((one,): (u8,)) {}",
        ] {
            assert_eq!(wrong(code, &[]), 1, "{code}");
            assert_eq!(wrong(code, &["src/x/a.rs: f"]), 0, "{code}");
            assert_eq!(wrong(&format!("{code} mod m {{ {code} }}"), &["src/x/a.rs: f"]), 1);
        }
        for code in [
            "fn f(a: u64, b: Option<(u8, u8)>, c: &[(u8, u8)], d: ()) -> (u8, u8) {}",
            "fn f(a: &(dyn Fn(u8, u8) + Sync), b: impl Fn((u8, u8)) -> (u8, u8)) {}",
            "fn f(Point { x, y }: Point, g: fn((u8, u8)) -> u8) {}",
            "fn f() { g(|(a, b): (u8, u8)| a + b) }",
            "#[cfg(test)] fn f((a, b): (u64, u64)) {}",
        ] {
            assert_eq!(wrong(code, &[]), 0, "{code}");
            assert_eq!(wrong(code, &["src/x/a.rs: f"]), 1, "{code}");
        }
    }

    #[test]
    fn an_impure_core_is_seen() {
        let impure = |path: &str, code: &str| Source::read(path, code).impurities().len();
        for code in [
            "use std::fs;",
            "use std::{collections::BTreeMap, fs::{self}};",
            "use std::{net, sync::Arc};",
            "fn f() { std::fs::read(x); }",
            "use tokio::sync::mpsc;",
            "async fn f() { tonic::Status::ok(x) }",
            "fn f() -> SystemTime {}",
            "use ring::rand::{SecureRandom, SystemRandom};",
            "fn f(now: Instant) {}",
            "fn f() { jiff::Timestamp::now() }",
        ] {
            assert_eq!(impure("src/tlog/note.rs", code), 1, "{code}");
            assert_eq!(impure("src/server/mod.rs", code), 0, "{code}");
        }
        for code in [
            "#[cfg(test)] mod tests { use ring::rand::SystemRandom; }",
            "/// Not SystemTime.\nfn f() { let now = x.now; }",
            "use ring::rand::SecureRandom; use std::fmt; use fs::x;",
        ] {
            assert_eq!(impure("src/tlog/note.rs", code), 0, "{code}");
        }
    }

    #[test]
    fn misplaced_machinery_is_seen() {
        let found = |path, code| Source::read(path, code).misplaced_machinery().len();
        assert_eq!(found("src/domain/ids.rs", "pub async fn f() {}"), 1);
        assert_eq!(found("src/service/mod.rs", "use tonic::Status;"), 1);
        assert_eq!(found("src/store/mod.rs", "use crate::wire;"), 1);
        assert_eq!(found("src/service/mod.rs", "pub async fn f() {}"), 0);
    }

    #[test]
    fn a_second_writer_is_seen() {
        let stray = |path, code| Source::read(path, code).stray_commits().len();
        let code = "async fn f(s: &dyn Store) { s.commit(batch).await }";
        assert_eq!(stray("src/service/publish.rs", code), 1);
        assert_eq!(stray("src/service/publish.rs", "fn f() { Store::commit(s, b) }"), 1);
        assert_eq!(stray("src/service/sequencer.rs", code), 0);
        assert_eq!(stray("src/store/sled.rs", code), 0);
        assert_eq!(stray("src/service/publish.rs", "#[cfg(test)] fn f() { s.commit(b) }"), 0);
    }

    #[test]
    fn a_permit_past_the_door_is_seen() {
        let stray = |path, code| Source::read(path, code).stray_permits().len();
        for code in
            ["fn f() { Permit::ask(peer, None) }", "fn f() { Permit::<to::Submit>::ask(a, b) }"]
        {
            assert_eq!(stray("src/grpc/relay.rs", code), 1, "{code}");
            assert_eq!(stray("src/service/mod.rs", code), 1, "{code}");
            assert_eq!(stray(DOOR, code), 0, "{code}");
        }
        assert_eq!(stray("src/grpc/relay.rs", "fn f() { self.service.permit(admitted) }"), 0);
        let admits = "fn f() { self.service.admit(method, caller) }";
        assert_eq!(stray("src/grpc/relay.rs", admits), 1);
        assert_eq!(stray(GUARD, admits), 0);
    }

    #[test]
    fn a_world_that_names_its_own_crate_is_seen() {
        let own = |code| Source::read("tests/world/log.rs", code).own_names().len();
        assert_eq!(own("use crate::domain::ids; fn f() { crate::world::keys::key(1) }"), 2);
        assert_eq!(own("use liaison::domain::ids; pub(crate) fn f() { super::keys::key(1) }"), 0);
    }

    #[test]
    fn tests_outside_cfg_test_are_seen() {
        let unguarded = |code| Source::read("src/domain/mod.rs", code).unguarded_tests().len();
        assert_eq!(unguarded("mod tests;"), 1);
        assert_eq!(unguarded("pub mod tests { }"), 1);
        assert_eq!(unguarded("#[cfg(test)] mod tests;"), 0);
        assert!(is_for_tests("src/domain/directory/tests/mod.rs"));
        assert!(!is_for_tests("src/domain/directory/contests.rs"));
    }

    #[test]
    fn a_test_that_is_gone_is_seen() {
        let page = "it holds: `a/b.rs`: `what_is_old_is_gone`, `what_is_new_is_here`, `a_b`";
        assert_eq!(missing_tests(page, "fn what_is_new_is_here() {}"), ["what_is_old_is_gone"]);
    }

    #[test]
    fn a_page_that_leads_nowhere_is_seen() {
        let missing = |page| missing_places(page, |path| path == "docs/here.md", "name = \"log\"");
        let good = "[a](docs/here.md#part) [b](#here) [c](https://x.example) `docs/here.md` `src` \
                    `fuzz/corpus/TARGET` `cargo bench --bench log`";
        assert_eq!(missing(good), Vec::<String>::new());
        assert_eq!(missing("[a](docs/gone.md) `fuzz/gone`"), ["docs/gone.md", "fuzz/gone"]);
        assert_eq!(missing("`cargo bench --bench gone`"), ["gone"]);
    }

    #[test]
    fn a_page_that_nobody_has_is_seen() {
        let missing =
            |text| missing_pages(text, |page| ["protocol.md", "docs/limits.md"].contains(&page));
        let good = "//! `protocol.md` 7, docs/limits.md.\n/// By design.\nlet x = \"gone.md\";";
        assert_eq!(missing(good), Vec::<String>::new());
        assert_eq!(missing("    // as gone.md says"), ["gone.md"]);
        assert_eq!(missing("/// (design 4)"), ["design 4"]);
    }

    #[test]
    fn what_may_not_be_linked_is_seen() {
        let package = |name: &str, source: &str| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"1\"\n{source}\n")
        };
        let registry = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
        let good = package("liaison", "") + &package("ring", registry);
        let found = |more: String| {
            let banned = [("openssl-sys", false), ("ring", true)];
            not_to_be_linked(&format!("{good}{more}"), &banned).len()
        };
        assert_eq!(found(String::new()), 0);
        assert_eq!(found(package("other", "source = \"git+https://example.org/other\"")), 1);
        assert_eq!(found(package("beside", "")), 1);
        assert_eq!(found(package("openssl-sys", registry)), 1);
        assert_eq!(found(package("ring", registry)), 1);
    }

    #[test]
    fn a_docstring_that_says_nothing_is_seen() {
        let short = |text| short_docstrings(text).len();
        assert_eq!(short("/// The length.\nlen: usize,\n    /// Whose.\n    of: Id,"), 2);
        assert_eq!(short("/// `:443`\nfn port() {}"), 1);
        assert_eq!(short("use x;\nuse clap::Args;\n/// Keys.\nenum Key {}"), 1);
        assert_eq!(short("use x;\nuse clap::Args;\n/// The file\nfile: PathBuf,"), 0);
        assert_eq!(short("/// The length in bytes.\nlen: usize,\n// The length.\n//// x"), 0);
        assert_eq!(short("/// Whose.\n///\n/// None if nobody has it.\nof: Option<Id>,"), 0);
        assert_eq!(short_docstrings("a\n\n/// Its id.\nid"), [(3, "Its id.".to_owned())]);
    }

    #[test]
    fn a_file_or_module_without_documentation_is_seen() {
        assert!(is_documented("//! Ids.\n"));
        assert!(!is_documented("use x;\n//! Ids."));
        assert!(!is_documented("//!\nuse x;"));
        let lib = "//! - [`crypto`]: keys\n\npub mod crypto;\npub mod domain;\n";
        assert_eq!(modules_not_on_the_map(lib), ["domain"]);
    }
}
