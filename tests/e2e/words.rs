//! What people and scripts are told when something is wrong with what they have or ask: `liaison`
//! beside one service, as in the README.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::readme::{run, served};

/// Austria connects with a seat, and lets another in; both have a home.
const BEGIN: [&str; 8] = [
    "liaisond --home service init --single --client-home registrar",
    "liaisond --home service serve &",
    "liaison --home at join service/invitation.liaison --as at/cert-at/duty-1 --fingerprint \"DIGITS\"",
    "liaison --home registrar admin member admit at --name en=Austria --authority at.authority",
    "liaison --home at join at.admission --as at/cert-at/duty-1 --name en=CERT.at",
    "liaison --home two key new --seat at/cert-at/duty-2",
    "liaison --home at seat add at/cert-at/duty-2 --keys at-cert-at-duty-2.seat",
    "liaison --home two join service/invitation.liaison --fingerprint \"DIGITS\" && liaison --home two sync",
];

fn object(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text}"))
}

/// What a doctor says, and how it ends.
fn doctor(home: &str, folder: &Path) -> (Option<i32>, Vec<Value>) {
    let output = run(&format!("liaison --json --home {home} doctor"), folder);
    let Value::Array(checks) = object(&output)["checks"].clone() else { panic!("no checks") };
    (output.status.code(), checks)
}

fn of<'a>(checks: &'a [Value], name: &str) -> &'a Value {
    checks.iter().find(|row| row["check"] == name).unwrap_or_else(|| panic!("{name}: {checks:#?}"))
}

#[test]
fn a_doctor_says_all_and_of_a_seat_that_ended_why_since_when_and_the_way_back() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _service = served(&BEGIN, folder);
    let (code, checks) = doctor("two", folder);
    assert_eq!((code, &of(&checks, "own seat")["result"]), (Some(0), &"ok".into()));

    // Who has two seats says which.
    let add = "liaison --home at seat add at/cert-at/duty-3";
    assert!(run(add, folder).status.success());
    let (code, checks) = doctor("at", folder);
    let own = of(&checks, "own seat");
    assert_eq!((code, &own["reason"]), (Some(2), &"SEVERAL_SEATS".into()));
    assert!(own["message"].as_str().unwrap().contains("at/cert-at/duty-3"), "{own}");
    assert_eq!(own["mend"], "name one with --as");
    assert_eq!(doctor("at --as at/cert-at/duty-3", folder).0, Some(0));

    // Revoked, and the copy does not know it yet.
    let revoke = "liaison --home at --as at/cert-at/duty-1 seat revoke at/cert-at/duty-2 \
                  --yes at/cert-at/duty-2";
    assert!(run(revoke, folder).status.success());
    let (code, checks) = doctor("two", folder);
    assert_eq!(code, Some(5), "{checks:#?}");
    let keys = checks.iter().filter(|row| row["check"] == "key of the seat at/cert-at/duty-2");
    assert_eq!(keys.count(), 3, "{checks:#?}");
    for name in ["sync", "own seat", "mailbox"] {
        let row = of(&checks, name);
        assert_eq!((&row["result"], &row["reason"]), (&"failed".into(), &"KEY_ENDED".into()));
        let mend = row["mend"].as_str().unwrap();
        assert!(mend.starts_with("liaison key new --seat at/cert-at/NEW_NAME; "), "{mend}");
    }
    // For people it is said once, with its mend; and other commands say it, too.
    let said = run("liaison --home two doctor", folder);
    let said = String::from_utf8([said.stdout, said.stderr].concat()).unwrap();
    assert_eq!(said.matches("liaison key new --seat").count(), 1, "{said}");
    assert_eq!(said.matches("the same as sync").count(), 2, "{said}");
    for typed in ["sync", "inbox"] {
        let refused = refused(&format!("--home two {typed}"), folder);
        assert_eq!(refused, (Some(5), "KEY_ENDED".to_owned()), "{typed}");
    }
    // A copy that knows it says since when.
    let learns = "cp -r at/directories two2 && rm -r two/directories && mv two2 two/directories";
    assert!(run(&format!("liaison --home at sync && {learns}"), folder).status.success());
    let (_, checks) = doctor("two", folder);
    let own = of(&checks, "own seat");
    assert_eq!(own["reason"], "KEY_REVOKED", "{own}");
    let year = phrase_of_today(folder);
    let said = own["message"].as_str().unwrap();
    assert!(said.contains("was revoked by entry ") && said.contains(&year), "{said}");
    let status = run("liaison --home two status", folder);
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains("was revoked by entry ") && !status.contains("yet"), "{status}");

    // The way that is named leads back.
    let back = "liaison --home two key new --seat at/cert-at/duty-4 && \
                liaison --home at seat add at/cert-at/duty-4 --keys at-cert-at-duty-4.seat && \
                liaison --home two --as at/cert-at/duty-4 sync";
    let came = run(back, folder);
    assert!(came.status.success(), "{}", String::from_utf8_lossy(&came.stderr));
    assert_eq!(doctor("two --as at/cert-at/duty-4", folder).0, Some(0));

    // A colleague's home has the way back at hand.
    let revoke = "liaison --home at --as at/cert-at/duty-1 seat revoke at/cert-at/duty-3 \
                  --yes at/cert-at/duty-3";
    assert!(run(revoke, folder).status.success());
    let (_, checks) = doctor("at --as at/cert-at/duty-3", folder);
    let mend = of(&checks, "own seat")["mend"].as_str().unwrap().to_owned();
    assert_eq!(mend, "liaison --home at --as at/cert-at/duty-1 seat rotate at/cert-at/duty-3");
    assert!(run(&mend, folder).status.success());
    assert_eq!(doctor("at --as at/cert-at/duty-3", folder).0, Some(0));

    // What is locked away is printed anew.
    let safe = "liaison --home at --as at/cert-at/duty-1 seat add at/cert-at/safe --safe && \
                liaison --home at --as at/cert-at/duty-1 seat rotate at/cert-at/safe";
    let rotated = run(safe, folder);
    let said = String::from_utf8_lossy(&rotated.stderr).into_owned();
    assert!(rotated.status.success() && said.contains("safe/seal.key and lock it away"), "{said}");

    // Nor is whoever has no seat sent in a circle.
    let digits = digits(folder);
    let auditor = format!(
        "liaison --home erin key new --auditor erin --name Erin && \
         liaison --home erin join service/invitation.liaison --fingerprint '{digits}'"
    );
    let joined = run(&auditor, folder);
    assert!(joined.status.success(), "{}", String::from_utf8_lossy(&joined.stderr));
    let (code, checks) = doctor("erin", folder);
    let sync = of(&checks, "sync");
    assert_eq!((code, &sync["reason"]), (Some(5), &"NOT_PERMITTED".into()));
    assert!(sync["mend"].as_str().unwrap().contains("ask the registrars"), "{sync}");
}

/// As init has printed them.
fn digits(folder: &Path) -> String {
    let founded = std::fs::read_to_string(folder.join("founded.txt")).unwrap();
    let digits = founded.lines().map(str::trim).find(|line| line.split(' ').count() == 12);
    digits.unwrap().to_owned()
}

fn phrase_of_today(folder: &Path) -> String {
    String::from_utf8(run("date -u +%Y-%m", folder).stdout).unwrap().trim().to_owned()
}

/// How it ended, and the reason on stdout.
fn refused(typed: &str, folder: &Path) -> (Option<i32>, String) {
    let output = run(&format!("liaison --json {typed} </dev/null"), folder);
    (output.status.code(), object(&output)["error"]["reason"].as_str().unwrap().to_owned())
}

#[test]
fn an_error_is_said_in_the_language_asked_for_and_scripts_read_english() {
    let folder = tempfile::tempdir().unwrap();
    let said = |typed: &str| {
        let output = run(&format!("{typed} --home none sync </dev/null"), folder.path());
        assert_eq!(output.status.code(), Some(2), "{typed}");
        [output.stdout, output.stderr].map(|of| String::from_utf8(of).unwrap())
    };
    let plain = said("liaison");
    assert!(plain[1].starts_with("error: "), "{}", plain[1]);
    assert_eq!(said("LIAISON_LANG=en liaison"), plain);
    assert_eq!(said("LIAISON_LANG= liaison"), plain);
    let [_, french] = said("LIAISON_LANG=fr liaison");
    assert!(french.starts_with("erreur\u{a0}: il n’y a pas de dossier de base"), "{french}");
    assert!(french.contains("\n  ce côté-ci (NO_HOME)\n  remède\u{a0}: "), "{french}");
    let [english, _] = said("liaison --json");
    assert_eq!(said("LIAISON_LANG=fr liaison --json")[0], english);
    let [_, other] = said("LIAISON_LANG=tlh liaison");
    let warned = "warning: LIAISON_LANG: there is no \"tlh\", only en, fr; this is English\n";
    assert_eq!(other, format!("{warned}{}", plain[1]));
}

#[test]
fn a_record_is_asked_about_before_it_is_published_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _service = served(&BEGIN[..5], folder);
    let size = || object(&run("liaison --json --home at sync", folder))["size"].clone();
    let (before, draft) = (size(), "--home at record draft --telephone '+43 1 000001'");
    assert_eq!(refused(draft, folder), (Some(10), "NOT_PUBLISHED".to_owned()));
    let shown = run(&format!("liaison {draft} --dry-run"), folder);
    assert!(shown.status.success() && size() == before);
    let text = String::from_utf8_lossy(&shown.stderr).into_owned();
    assert!(text.contains("+43 1 000001") || text.contains("+431000001"), "{text}");
    let done = run(&format!("liaison {draft} --yes"), folder);
    assert!(done.status.success() && size() != before);
}

#[test]
fn what_is_not_there_is_said_and_not_drafted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _service = served(&BEGIN[..5], folder);
    for seat in ["at/cert-at/none", "xx/yy/none"] {
        let revoke = format!("--home at seat revoke {seat} --yes {seat}");
        assert_eq!(refused(&revoke, folder), (Some(8), "UNKNOWN_SEAT".to_owned()));
    }
    assert!(!folder.join("xx-yy-none.revocation.draft").exists());
    let list = "--home at directory list --member zz";
    assert_eq!(refused(list, folder), (Some(8), "UNKNOWN_MEMBER".to_owned()));
    // A member that is only listed has nobody who could sign.
    let admit = "liaison --home registrar admin member admit mt --name en=Malta";
    let told = run(&format!("{admit} 2>&1"), folder);
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("liaison --home registrar admin member attest mt/CONTACT"), "{told}");
    assert!(!told.contains(" join ") && !folder.join("mt.admission").exists(), "{told}");
    let draft = "liaison --json --home at record draft mt/csirtmalta --name en=CSIRTMalta";
    let drafted = run(draft, folder);
    let missing = object(&drafted)["missing"][0].to_string();
    assert!(missing.contains("knows no key that could sign"), "{missing}");
}

#[test]
fn a_slip_is_told_from_a_forgery_and_from_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let init = "liaisond --home service init --single --client-home registrar | tee founded.txt";
    assert!(run(init, folder).status.success());
    let digits = digits(folder);
    let join =
        |given: &str| format!("--home at join service/invitation.liaison --fingerprint '{given}'");
    let form = (Some(2), "FINGERPRINT_FORM".to_owned());
    assert_eq!(refused(&join(""), folder), form);
    assert_eq!(refused(&join(&digits[..64]), folder), form);
    assert_eq!(refused(&join(&format!("{digits}\n{digits}")), folder), form);
    let other = digits.chars().map(|digit| if digit == '7' { '8' } else { digit });
    let other = refused(&join(&other.collect::<String>().replace("00", "11")), folder);
    assert_eq!(other, (Some(6), "OTHER_FINGERPRINT".to_owned()));
    let said = |given: &str| {
        let joined = run(&format!("liaison {}", join(given)), folder);
        assert!(joined.status.success(), "{given}");
        String::from_utf8_lossy(&[joined.stdout, joined.stderr].concat()).into_owned()
    };
    // Nothing is shown that could be agreed to without a telephone.
    assert!(!said(&digits.replace(' ', " \n ")).contains(&digits[..5]));
    let persian = digits.chars().map(|digit| match digit.to_digit(10) {
        Some(digit) => char::from_u32(0x6f0 + digit).unwrap(),
        None => '\u{a0}',
    });
    said(&persian.collect::<String>());

    let usage = (Some(2), "USAGE".to_owned());
    for typed in ["", "nothing", "notify", "directory list --level high", "inbox read x --bogus"] {
        assert_eq!(refused(typed, folder), usage, "{typed}");
    }
    let demo = refused("demo --once --dir service/liaisond.toml/demo", folder);
    assert_eq!(demo, (Some(1), "DEMO".to_owned()));
    let help = run("liaison --json notify --help", folder);
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("Usage:"));
}

#[test]
fn a_service_says_what_its_configuration_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let founded = "liaisond --home service init --single --client-home registrar \
                   --listen 127.0.0.1:0 --address localhost:7443";
    assert!(run(founded, folder).status.success());
    let serve = "rm -f served.txt; liaisond --home service serve > served.txt 2>&1 & \
                 until grep -qs serving served.txt; do kill -0 $! || exit 1; done; kill $!; wait $!";
    // It writes to what stands there, and puts nothing else in its place.
    let written = format!(
        "{serve}; ln -s real.liaison new.liaison; \
         liaisond --home service invitation --out new.liaison && cat real.liaison"
    );
    let written = run(&written, folder);
    assert!(written.status.success());
    assert!(String::from_utf8_lossy(&written.stdout).starts_with("-----BEGIN LIAISON INVITATION"));

    let with = |name: &str, value: &str| {
        let line = format!("sed -i 's/^{name} = .*/{name} = {value}/' service/liaisond.toml");
        assert!(run(&line, folder).status.success());
    };
    with("addresses", "[]");
    assert!(run(serve, folder).status.success());
    let said = std::fs::read_to_string(folder.join("served.txt")).unwrap();
    assert!(said.contains("there is no invitation to it: write addresses ="), "{said}");
    with("engine", "\"redb\"");
    let said = run("liaisond --home service serve", folder);
    assert_eq!(said.status.code(), Some(1));
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("write engine = \"sled\" there"), "{said}");
}

#[test]
fn that_a_message_is_kept_is_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let service = served(&BEGIN[..5], folder);
    assert!(run("liaison --home at sync", folder).status.success());
    drop(service);
    let notify = "liaison --home at notify at/cert-at --title x --text y </dev/null";
    let said = run(notify, folder);
    assert_eq!(said.status.code(), Some(3));
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    for once in ["goes with the next inbox", "do not send it again", "It is kept here"] {
        assert_eq!(said.matches(once).count(), 1, "{said}");
    }
}

#[test]
fn who_took_a_wrong_home_or_proxy_or_state_is_told_which() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _service = served(&BEGIN[..5], folder);
    let error = |typed: &str| {
        let output = run(&format!("{typed} </dev/null"), folder);
        object(&output)["error"].clone()
    };
    let holds = |error: &Value, field: &str, part: &str| {
        assert!(error[field].as_str().unwrap().contains(part), "{part} is missing in {error}");
    };
    for (name, typed) in [("registrar", "inbox"), ("nowhere", "directory list")] {
        let home = error(&format!("liaison --json --home {name} {typed}"));
        holds(&home, "sentence", &format!("in the home {name}"));
        holds(&home, "mend", "--home or LIAISON_HOME");
    }
    let proxy = error("HTTPS_PROXY=127.0.0.1:1 liaison --json --home at sync");
    assert_eq!(proxy["reason"], "NO_PROXY");
    holds(&proxy, "sentence", "the proxy 127.0.0.1:1 (HTTPS_PROXY)");
    holds(&proxy, "mend", "HTTPS_PROXY");
    // tr is in Austria, and ce begins CERT; neither is a State that is here.
    for two in ["tr", "ce"] {
        let state = error(&format!("liaison --json --home at directory who {two}"));
        assert_eq!(state["reason"], "UNKNOWN_CONTACT", "{state}");
    }
    for word in ["at", "austr", "cert"] {
        let who = run(&format!("liaison --home at directory who {word}"), folder);
        assert!(String::from_utf8_lossy(&who.stdout).contains("at/cert-at"), "{word}");
    }
}

#[test]
fn who_ends_the_own_last_seat_is_told_so_by_status_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _service = served(&BEGIN[..5], folder);
    let seat = "at/cert-at/duty-1";
    let known = || object(&run("liaison --json --home at status", folder))["seat"]["known"].clone();
    assert_eq!(known(), true);
    assert!(
        run(&format!("liaison --home at seat revoke {seat} --yes {seat}"), folder).status.success()
    );
    assert_eq!(known(), false);
    let status = String::from_utf8(run("liaison --home at status", folder).stdout).unwrap();
    assert!(status.contains("keys were dropped or revoked after the copy"), "{status}");
    assert!(status.contains("connected, when this copy was made"), "{status}");
}

#[test]
fn a_doctor_out_of_reach_lists_what_he_could_not_check() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _service = served(&BEGIN[..5], folder);
    let names = |checks: &[Value]| -> Vec<String> {
        let names = checks.iter().map(|row| row["check"].to_string());
        names.filter(|name| !name.contains("first segment")).collect()
    };
    let (code, all) = doctor("at", folder);
    assert_eq!(code, Some(0), "{all:#?}");
    let away = run("HTTPS_PROXY=127.0.0.1:1 liaison --json --home at doctor", folder);
    let Value::Array(checks) = object(&away)["checks"].clone() else { panic!("no checks") };
    assert_eq!(names(&checks), names(&all));
    for name in ["key agreement", "service certificate", "sync", "mailbox"] {
        assert_eq!(of(&checks, name)["result"], "skipped", "{checks:#?}");
    }
    assert_eq!(of(&checks, "outbox")["result"], "ok");
    // Nor is anything left out where nothing is.
    let (_, none) = doctor("nowhere", folder);
    for row in &all {
        let name = row["check"].as_str().unwrap();
        assert!(name.starts_with("key of ") || of(&none, name)["result"] != "ok", "{none:#?}");
    }
}

#[test]
fn an_operator_hears_where_it_is_found_who_serves_and_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let six = "liaisond --home six init --single --client-home six-client --listen '[::1]:7770'";
    let founded = String::from_utf8(run(six, folder).stdout).unwrap();
    assert!(founded.contains("find the service at [::1]:7770"), "{founded}");
    // Members and the administration are not found at one port.
    for same in ["--admin 127.0.0.1:7443", "--admin-address localhost:7443"] {
        let refused = run(&format!("liaisond --home two init --single {same}"), folder);
        let told = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && told.contains("at a port each"), "{same}: {told}");
        assert!(!folder.join("two").exists(), "{same}");
    }
    let _service = served(&BEGIN[..2], folder);
    let second = String::from_utf8(run("liaisond --home service serve 2>&1", folder).stdout);
    let second = second.unwrap();
    assert!(second.contains("waiting for it to end"), "{second}");
    assert!(second.contains("service is served already"), "{second}");
    assert!(second.contains("pgrep -a liaisond"), "{second}");
    let written = run("liaisond --home service invitation --out new.liaison", folder);
    let written = String::from_utf8(written.stderr).unwrap();
    assert!(written.starts_with("new.liaison is written. "), "{written}");
}
