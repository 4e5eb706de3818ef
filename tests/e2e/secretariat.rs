//! Three people run a directory as `docs/administration.md` says: every command of the page, in order.

use std::path::Path;

use liaison::signed::proto::{AuditHead, Dsse};
use prost::Message as _;

use crate::readme::{commands, run};
use crate::support::free_port;

/// Every command of the page.
fn page() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/administration.md");
    commands(&std::fs::read_to_string(page).unwrap())
}

/// A script in which they are typed.
fn typed(commands: &[String]) -> String {
    let port = free_port();
    let mut script =
        String::from("set -eu -o pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n");
    for command in commands {
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
    script
}

#[test]
fn every_command_of_the_administration_page_runs() {
    let commands = page();
    assert!(commands.len() > 60, "the page has lost its commands: {commands:#?}");
    let (folder, mut script) = (tempfile::tempdir().unwrap(), typed(&commands));
    // The drain ends the service; what it leaves is whole, and the way on is the same command.
    script += &format!("python3 {SECOND} --audit erin/directories/un.example\n");
    script += "grep '\"call\":\"start\"' trail.jsonl\n";
    script += "wait\nliaisond --home un scrub\n\
               [ -z \"$(liaisond --home un key list --json | grep $OLD)\" ]\n\
               liaisond --home un key stage relay --out staged.key\n\
               liaisond --home un node renew\n\
               liaisond --home un serve --clock-is-right &\n\
               until liaison --home erin admin audit --export later.jsonl 2>/dev/null; do kill -0 $!; done\n\
               for did in 'key stage relay' 'node renew' 'serve --clock-is-right'; do grep \"$did\" later.jsonl; done\n\
               kill $!\nwait\n[ ! -e un/data/ceremonies ]\nliaisond --home un scrub\n\
               liaison --home erin verify trail.jsonl | grep 'the relay signed the head'\n";
    let output = run(&script, folder.path());
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    for said in [
        "2 of 3",
        "the node has a new certificate",
        "operator/alice",
        "DropSessions",
        "stopping, as two operators approved",
    ] {
        assert!(format!("{out}{err}").contains(said), "{said}:\n{out}\n{err}");
    }
    an_export_that_was_altered_is_refused(folder.path());
    a_copy_that_was_altered_is_refused_by_the_second_implementation(folder.path());
}

fn an_export_that_was_altered_is_refused(folder: &Path) {
    let good = std::fs::read_to_string(folder.join("trail.jsonl")).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let [records @ .., head] = &lines[..] else { panic!("no head") };
    let join = |lines: &[&str]| lines.join("\n") + "\n";
    for (spoilt, says) in [
        (good.replacen("\"ok\"", "\"OK\"", 1), "says something else than its bytes"),
        (join(records), "the head is missing"),
        (join(&[records, &[*head, records[0]]].concat()), "something stands behind the head"),
        (join(&[&records[1..], &[*head]].concat()), "expected record 1, found 2"),
        (join(&[&records[..records.len() - 1], &[*head]].concat()), "the head is that of"),
        (join(&[&lines[..1], &["{}"], &lines[1..]].concat()), "line 2 is none of an export"),
    ] {
        std::fs::write(folder.join("spoilt.jsonl"), spoilt).unwrap();
        let output = run("liaison --home erin verify spoilt.jsonl", folder);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(6), "{says}: {text}");
        assert!(text.contains(says), "{says}: {text}");
    }
}

fn a_copy_that_was_altered_is_refused_by_the_second_implementation(folder: &Path) {
    let copy = folder.join("erin/directories/un.example");
    let [tape, head] = ["audit", "audit-head"].map(|name| std::fs::read(copy.join(name)).unwrap());
    let mut records = Vec::new();
    let mut rest = &tape[..];
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        records.push([&length.to_be_bytes()[4..], &behind[..length]].concat());
        rest = &behind[length..];
    }
    let with = |change: fn(&mut Dsse)| {
        let mut head = Dsse::decode(&head[..]).unwrap();
        change(&mut head);
        head.encode_to_vec()
    };
    let elsewhere = with(|head| {
        let mut said = AuditHead::decode(&head.payload[..]).unwrap();
        said.directory.as_mut().unwrap().genesis = vec![7; 32].into();
        head.payload = said.encode_to_vec().into();
    });
    let unsigned = with(|head| head.signatures.clear());
    let forged = with(|head| head.signatures[0].sig = vec![7; 64].into());
    let unknown = with(|head| head.signatures[0].key_id = vec![7; 32].into());
    let swapped = [&records[1..2], &records[..1], &records[2..]].concat();
    let mut changed = records.clone();
    let outcome = changed[0].len() - 1;
    changed[0][outcome] ^= 1;
    for (records, head, says) in [
        (&swapped[..], head.clone(), "record 1: another number"),
        (&records[1..], head.clone(), "record 1: another number"),
        (&records[..records.len() - 1], head.clone(), "the head is of other records"),
        (&changed[..], head.clone(), "the head is of other records"),
        (&records[..], elsewhere, "the head is of another directory"),
        (&records[..], unsigned, "one key signs the head"),
        (&records[..], unknown, "the key is not the relay's"),
        (&records[..], forged, "the signature of the head does not hold"),
    ] {
        std::fs::write(copy.join("audit"), records.concat()).unwrap();
        std::fs::write(copy.join("audit-head"), head).unwrap();
        let output = run(&format!("python3 {SECOND} --audit {}", copy.display()), folder);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{says}: {text}");
        assert!(text.contains(says), "{says}: {text}");
    }
}

/// Who looks signs nothing, and what nobody agreed to is not done.
#[test]
fn nothing_is_signed_or_done_by_looking_or_without_a_yes() {
    let mut commands = page();
    let begun = commands.iter().position(|of| of.contains("admin propose")).unwrap();
    commands.truncate(begun);
    let (folder, mut script) = (tempfile::tempdir().unwrap(), typed(&commands));
    script += r#"
ends() { local code=0 wanted=$1; shift; "$@" </dev/null || code=$?; [ $code = $wanted ]; }
waits() { liaison --home alice admin proposals 2>/dev/null; }
# Shown, or asked without an answer, and nothing has changed.
stays() {
    before=$(waits; cat epoch.proposal 2>/dev/null || true)
    ends 0 "$@" --dry-run
    ends 10 "$@"
    [ "$(waits; cat epoch.proposal 2>/dev/null || true)" = "$before" ]
}
keys() { liaison --home alice admin keys --json 2>/dev/null; }
stays liaison --home alice admin propose renew-node
stays liaison --home alice admin propose statement at.draft
stays liaison --home alice admin propose new-epoch at/cert=2 --out epoch.proposal
[ ! -e epoch.proposal ]
liaison --home alice admin propose new-epoch at/cert=2 --out epoch.proposal --yes
liaison --home bob sync
stays liaison --home bob sign epoch.proposal
liaison --home alice admin propose statement at.draft --yes > statement
liaison --home alice admin propose renew-node --yes > act
for id in $(cat statement act); do
    stays liaison --home bob admin approve $id
    liaison --home bob admin approve $id --yes
    stays liaison --home bob admin commit $id
    stays liaison --home bob admin abort $id
done
ends 10 liaison --home alice admin sessions --drop-all
# Whom it is done as, and which it is, is said.
ends 2 liaison --home bob admin approve $(head -c 3 act) --yes
ends 2 liaison --home bob admin commit $(cat act) --registrar bob --yes
liaison --home bob key new --operator other --name Other
ends 2 liaison --home bob admin commit $(cat act) --yes
before=$(keys)
liaison --home bob admin commit $(cat act) --operator bob --yes
[ "$(keys)" != "$before" ]
ends 4 liaison --home bob admin abort $(cat statement) --registrar bob --yes
liaison --home alice admin abort $(cat statement) --yes
[ "$(waits)" = "Nothing waits." ]
"#;
    let output = run(&script, folder.path());
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
}

const SECOND: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/second/verify.py");
