//! What registrars do together, each on a machine of his own, with the programs as they are typed.

use std::process::{Child, Output};

use liaison::domain::directory::Policy;
use tempfile::TempDir;

use crate::support::bash;

/// A directory that these registrars founded, each with a copy of it, and its service.
struct Ceremony {
    folder: TempDir,
    service: Child,
}

impl Drop for Ceremony {
    fn drop(&mut self) {
        let _ = self.service.kill();
        let _ = self.service.wait();
    }
}

/// What a command printed, on both ways, and how it ended.
fn told(output: &Output) -> (String, i32) {
    let (out, err) = (&output.stdout, &output.stderr);
    let text = format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err));
    (text, output.status.code().unwrap())
}

impl Ceremony {
    fn of(registrars: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = crate::support::free_port();
        let mut script = String::from("set -eu -o pipefail\n");
        let mut init = format!("liaisond --home service init --listen 127.0.0.1:{port}");
        init += &format!(" --name un.example --threshold {}", registrars.len());
        for name in registrars {
            script += &format!("liaison --home {name} key new --registrar {name} --name {name}\n");
            init += &format!(" --registrar {name}.registrar");
        }
        script += &format!("{init}\n");
        for name in registrars {
            script += &format!("liaison --home {name} sign service/charter.draft --yes\n");
        }
        script += "liaisond --home service init --charter service/charter.draft > founded.txt\n";
        let (text, code) = told(&bash(&script, &folder).output().unwrap());
        assert_eq!(code, 0, "{text}");
        let service = bash("exec liaisond --home service serve 2>service.txt", &folder).spawn();
        let ceremony = Self { folder, service: service.unwrap() };
        ceremony
            .good(&format!("until (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null; do :; done"));
        registrars.iter().for_each(|name| ceremony.joins(name));
        ceremony
    }

    /// Believes the invitation, and has no copy yet.
    fn believes(&self, name: &str) {
        self.good(&format!(
            "DIGITS=$(grep -E '^ +([0-9]{{5}} ){{11}}[0-9]{{5}}$' founded.txt)\n\
             liaison --home {name} join service/invitation.liaison --fingerprint \"$DIGITS\""
        ));
    }

    fn joins(&self, name: &str) {
        self.believes(name);
        self.good(&format!("liaison --home {name} sync"));
    }

    fn run(&self, script: &str) -> (String, i32) {
        told(&bash(script, &self.folder).output().unwrap())
    }

    /// What it prints, if it goes well.
    fn good(&self, script: &str) -> String {
        let (text, code) = self.run(script);
        assert_eq!(code, 0, "{script}\n{text}");
        text
    }

    /// What it prints, if it ends like this.
    fn ends(&self, script: &str, expected: i32) -> String {
        let (text, code) = self.run(script);
        assert_eq!(code, expected, "{script}\n{text}");
        text
    }
}

/// These parts, wherever its columns begin.
fn says(text: &str, parts: &[&str]) {
    let joined = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in parts {
        assert!(joined(text).contains(&joined(part)), "{part:?} is missing in\n{text}");
    }
}

/// The README's example: bob hands over to carol, whose home has no copy yet.
#[test]
fn a_new_registrar_signs_the_charter_that_names_him() {
    let net = Ceremony::of(&["alice", "bob"]);
    net.good("liaison --home carol key new --registrar carol --name Carol");
    net.good(
        "liaison --home alice charter draft --registrar carol.registrar --remove-registrar bob",
    );
    // Who is not named in it cannot know who must sign.
    let stranger = "liaison --home dave key new --registrar dave --name Dave &&\
        liaison --home dave sign charter-2.draft --yes";
    says(&net.ends(stranger, 7), &["NO_COPY", "liaison --home dave join"]);
    let unread = net.ends("liaison --home carol sign charter-2.draft </dev/null", 10);
    says(&unread, &["this home has no copy of the directory", "were not checked"]);
    net.believes("carol");
    let signed = net.good("liaison --home carol sign charter-2.draft --yes");
    says(&signed, &["registrar carol (Carol)", "follows", "no copy of the directory"]);
    says(&signed, &["signed: 1", "whether those in force have signed"]);
    assert!(!signed.contains("nothing is missing"), "{signed}");
    net.good("liaison --home bob sign charter-2.draft --yes");
    says(&net.good("liaison --home alice publish charter-2.draft"), &["registrar", "carol"]);
    net.joins("carol");
    says(&net.good("liaison --home carol charter show"), &["version 2", "carol (Carol)"]);
}

/// What is kept beside the entries is no proof: it is made anew, and whoever is there hears of it, once.
#[test]
fn what_was_kept_of_a_copy_and_does_not_fit_is_said_once() {
    let net = Ceremony::of(&["alice"]);
    let show = "liaison --home alice charter show";
    let before = net.good(show);
    for (spoilt, command, done) in [
        ("echo liaison fold 1", show, "version 1"),
        ("echo liaison fold 2; head -c 99 /dev/zero", show, "version 1"),
        ("true", "liaison --home alice directory verify", "Verified: all 1 statements"),
    ] {
        net.good(&format!("({spoilt}) > alice/directories/un.example/fold"));
        says(&net.good(command), &["was not believed", "was verified again", done]);
        assert_eq!(net.good(show), before, "{spoilt}: once");
    }
}

/// What others have signed is not lost to a second draft.
#[test]
fn a_draft_does_not_replace_another() {
    let net = Ceremony::of(&["alice", "bob"]);
    let draft = "liaison --home alice charter draft --set stale-after";
    net.good(&format!("{draft}=3600"));
    net.good("liaison --home bob sign charter-2.draft --yes && cp charter-2.draft signed");
    let refused = net.ends(&format!("{draft}=7200"), 2);
    says(&refused, &["charter-2.draft is there already", "FILE_EXISTS", "--out"]);
    net.good("cmp charter-2.draft signed");
    // Whoever names the file means it.
    net.good(&format!("{draft}=7200 --out charter-2.draft"));
    net.ends("cmp -s charter-2.draft signed", 1);
}

/// Nobody signs a setting that he was not shown.
#[test]
fn every_setting_is_shown_where_a_charter_is_looked_at_and_signed() {
    let net = Ceremony::of(&["alice", "bob"]);
    let set = Policy::NAMES.map(|name| format!("{name}=1000000"));
    let flags = set.each_ref().map(|set| format!("--set {set}")).join(" ");
    net.good(&format!("liaison --home alice charter draft {flags}"));
    let shows = |command: &str| says(&net.good(command), &set.each_ref().map(|set| &**set));
    shows("liaison --home bob charter show charter-2.draft");
    shows("liaison --home bob sign charter-2.draft --dry-run");
    net.good("liaison --home alice admin propose statement charter-2.draft --yes > id");
    shows("liaison --home bob admin approve $(cat id) --yes");
}

/// With one registrar a draft is complete at once: it is shown, and somebody agrees.
#[test]
fn a_charter_that_one_registrar_drafts_is_shown_before_it_is_published() {
    let net = Ceremony::of(&["alice"]);
    let draft = "liaison --home alice charter draft --set stale-after=3600";
    let unread = net.ends(&format!("{draft} </dev/null"), 10);
    says(&unread, &["stale after 1 h", "NOT_PUBLISHED", "add --yes", "--out"]);
    says(&net.good("liaison --home alice sync; liaison --home alice charter show"), &["version 1"]);
    net.good("test ! -e charter-2.draft");
    says(&net.good(&format!("{draft} --yes")), &["stale after 1 h", "published: entry 1"]);
    // What is published otherwise is shown, too.
    let admitted = net.good("liaison --home alice admin member admit fr --name en=France");
    says(&admitted, &["name (en) France", "fr is admitted"]);
    says(&net.good("liaison charter draft --help"), &["published", "--yes"]);
}

#[test]
fn who_has_signed_and_who_is_missing_is_told_by_name() {
    let net = Ceremony::of(&["alice", "bob", "carol"]);
    let of =
        "signatures of the registrars in force: 1 of 3; still needed: 2; not yet from bob, carol";
    let drafted = "liaison --home alice charter draft --set stale-after=3600 --out a.draft";
    says(&net.good(drafted), &[of]);
    let again = net.good("liaison --home alice sign a.draft </dev/null");
    says(&again, &["this home has signed already", of]);
    let again = net.good("liaison --home alice --json sign a.draft");
    says(&again, &[&format!("\"missing\":[\"{of}\"")]);
    // Whose signature counts nowhere is not told that he has signed.
    net.good("cp -r alice dave && rm -r dave/keys");
    net.good("liaison --home dave key new --registrar dave --name Dave");
    let nobody = net.ends("liaison --home dave sign a.draft --yes", 5);
    says(&nobody, &["no key of this home counts here", of]);
}

/// A draft whose turn has passed, and one that is in the log.
#[test]
fn a_draft_that_is_superseded_or_published_is_told_to_be() {
    let net = Ceremony::of(&["alice", "bob"]);
    for (seconds, file) in [(3600, "a.draft"), (7200, "b.draft"), (9000, "c.draft")] {
        let set = format!("--set stale-after={seconds}");
        net.good(&format!("liaison --home alice charter draft {set} --out {file}"));
    }
    net.good("liaison --home bob sign a.draft --yes && liaison --home bob sign c.draft --yes");
    net.good("liaison --home alice publish a.draft");
    // Bob's copy does not know yet; publishing finds out.
    let mend = ["superseded", "version 2 is in force", " charter draft"];
    for file in ["b.draft", "c.draft"] {
        says(&net.ends(&format!("liaison --home bob publish {file}"), 7), &mend);
    }
    for file in ["b.draft", "c.draft"] {
        for command in ["sign --yes", "sign --dry-run", "publish", "publish --dry-run"] {
            let told = net.ends(&format!("liaison --home bob {command} {file}"), 7);
            says(&told, &mend);
            assert!(!told.contains("nothing is missing"), "{command}\n{told}");
        }
    }
    for command in ["sign --yes", "sign --dry-run", "publish", "publish --dry-run"] {
        let told = net.good(&format!("liaison --home alice {command} a.draft"));
        says(&told, &["published already: entry 1"]);
        assert!(!told.contains("nothing is missing"), "{command}\n{told}");
    }
    // So it is once another has followed it.
    net.good("liaison --home alice charter draft --set stale-after=9000 --out d.draft");
    net.good("liaison --home bob sign d.draft --yes && liaison --home bob publish d.draft");
    net.good("liaison --home alice sync");
    says(&net.good("liaison --home alice publish a.draft"), &["published already: entry 1"]);
}

/// What would come of a slip of the finger is said before anybody signs.
#[test]
fn a_person_given_twice_founds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let script = "liaison --home alice key new --registrar alice --name Alice\n\
        liaisond --home service init --name un.example --listen 127.0.0.1:7443 \
        --registrar alice.registrar --registrar alice.registrar";
    let (text, code) = told(&bash(script, &folder).output().unwrap());
    says(&text, &["registrar alice is given twice", "once"]);
    assert!(code != 0 && !folder.path().join("service/charter.draft").exists(), "{text}");
}

#[test]
fn what_this_version_does_not_know_in_a_charter_is_warned_of() {
    let net = Ceremony::of(&["alice", "bob"]);
    let draft = "liaison --home alice charter draft --out a.draft";
    let known = ["warning", "flash-within", "immediate-within", "metadata-kept", "stale-after"];
    for set in ["--set stale=3", "--set stale=3 --dry-run"] {
        let told = net.good(&format!("{draft} {set}"));
        says(&told, &["setting stale", "does not know"]);
        says(&told, &known);
    }
    says(&net.good("liaison --home bob sign a.draft --dry-run"), &["setting stale"]);
    let rules = net.good(&format!("{draft} --rules 2"));
    says(&rules, &["warning", "rules 2", "knows rules 1", "stops behind it"]);
    let quiet = net.good(&format!("{draft} --set stale-after=3600"));
    assert!(!quiet.contains("does not know"), "{quiet}");
    says(
        &quiet,
        &["all 2 registrars must sign: if one key is lost nobody can sign the next charter"],
    );
}

/// The last seat of a contact cannot ask for the next one; the way back that is told is one.
#[test]
fn whoever_revokes_the_last_seat_is_told_so_and_the_way_back() {
    let net = Ceremony::of(&["alice"]);
    net.good(
        "DIGITS=$(grep -E '^ +([0-9]{5} ){11}[0-9]{5}$' founded.txt)\n\
         set -e\n\
         liaison --home at join service/invitation.liaison --as at/cert/a --fingerprint \"$DIGITS\"\n\
         liaison --home alice admin member admit at --name en=Austria --authority at.authority\n\
         liaison --home at join at.admission --as at/cert/a --name en=CERT\n\
         liaison --home at --as at/cert/a seat add at/cert/b",
    );
    let end = "liaison --home at --as at/cert/a seat revoke at/cert";
    let last = "the last seat of at/cert";
    let other = net.ends(&format!("{end}/b </dev/null"), 10);
    assert!(!other.contains(last), "{other}");
    net.good(&format!("{end}/b --yes at/cert/b"));
    let unread = net.ends(&format!("{end}/a </dev/null"), 10);
    let way = ["seat add", "--keys", "--out", "liaison sign", "liaison publish"];
    says(&unread, &[last, "a registrar"]);
    says(&unread, &way);
    says(&net.good(&format!("{end}/a --dry-run")), &[last]);
    let removed = "liaison --home at --as at/cert/a seat remove at/cert/a --dry-run";
    says(&net.good(removed), &[last]);
    says(&net.good(&format!("{end}/a --yes at/cert/a")), &[last, "published"]);
    net.good(
        "set -e\n\
         liaison --home at key new --seat at/cert/c --out c.seat\n\
         liaison --home alice seat add at/cert/c --keys c.seat --out back.draft\n\
         liaison --home at sign back.draft --yes\n\
         liaison --home alice publish back.draft\n\
         liaison --home at --as at/cert/c sync",
    );
}

/// What was collected is there without the service, and so is that it is not all there may be.
#[test]
fn what_is_here_is_shown_when_the_service_is_away() {
    let mut net = Ceremony::of(&["alice"]);
    net.good(
        "DIGITS=$(grep -E '^ +([0-9]{5} ){11}[0-9]{5}$' founded.txt)\n\
         set -e\n\
         liaison --home at join service/invitation.liaison --as at/cert/a --fingerprint \"$DIGITS\"\n\
         liaison --home alice admin member admit at --name en=Austria --authority at.authority\n\
         liaison --home at join at.admission --as at/cert/a --name en=CERT\n\
         liaison --home at inbox list",
    );
    net.service.kill().unwrap();
    net.service.wait().unwrap();
    for (command, shown) in [
        ("inbox list", "no messages in the mailbox of at/cert"),
        ("sent", "nothing was sent from here"),
    ] {
        let text = net.ends(&format!("liaison --home at {command}"), 3);
        says(&text, &[shown, "connection"]);
        assert_eq!(text.matches("refused").count(), 1, "it is said once:\n{text}");
        let json = net.ends(&format!("liaison --home at --json {command} 2>err.txt"), 3);
        assert_eq!(json.lines().count(), 1, "one object:\n{json}");
        says(&json, &["\"messages\":[]"]);
    }
    net.good("echo 1 > at/directories/un.example/synced");
    for command in ["inbox list --offline", "sent --offline", "directory list", "status"] {
        let text = net.good(&format!("liaison --home at {command}"));
        assert_eq!(text.matches("stale").count(), 1, "it is said once:\n{text}");
    }
}
