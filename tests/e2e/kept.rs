//! People's keys behind passphrases and in tokens, with the programs as they are typed: on a terminal,
//! with stock openssl, and with SoftHSM in the place of a token.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::readme::served;
use crate::support::bash;

const WORDS: &str = "correct horse battery staple";
const OLD: &str = "Type the passphrase of the key of the registrar alice: ";
const NEW: &str = "Type a new passphrase for the key of the registrar alice: ";
const AGAIN: &str = "Type a new passphrase for the key of the registrar alice, again: ";
const PIN: &str = "Type the PIN of the token desk for the key of the registrar alice: ";
const SIGN: &str = "liaison --home alice sign founded/charter.draft --yes";
const LIST: &str = "liaison --home alice --json key list";

/// A folder with homes, a draft that alice has to sign, and perhaps a token.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        desk.runs("liaison --home alice key new --registrar alice --name Alice", 0);
        desk.runs("liaisond --home founded init --registrar alice.registrar", 0);
        desk
    }

    fn closed() -> Self {
        let desk = Self::new();
        let protect = "liaison --home alice key protect --registrar alice";
        desk.types(protect, &[NEW, WORDS, AGAIN, WORDS], 0);
        desk
    }

    /// A token of this label whose PIN is 123456, and whose SO PIN is 87654321.
    fn token(&self, label: &str) {
        let folder = self.folder.path().join("tokens");
        std::fs::create_dir_all(&folder).unwrap();
        self.configure("");
        let init = "softhsm2-util --init-token --free --so-pin 87654321 --pin 123456";
        self.runs(&format!("{init} --label {label}"), 0);
    }

    fn configure(&self, more: &str) {
        let folder = self.folder.path().join("tokens");
        let config =
            format!("directories.tokendir = {}\nlog.level = ERROR\n{more}\n", folder.display());
        std::fs::write(self.folder.path().join("softhsm.conf"), config).unwrap();
    }

    fn command(&self, mut command: Command) -> (String, i32) {
        let config = self.folder.path().join("softhsm.conf");
        let output = command.env("SOFTHSM2_CONF", config).output().unwrap();
        let (out, err) = (&output.stdout, &output.stderr);
        let text = format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err));
        (text, output.status.code().unwrap())
    }

    /// What a script prints that has no terminal, if it ends like this.
    #[track_caller]
    fn runs(&self, script: &str, expected: i32) -> String {
        let (text, code) = self.command(bash(&format!("setsid -w {script}"), &self.folder));
        assert_eq!(code, expected, "{script}\n{text}");
        text
    }

    /// What a command shows on a terminal, where these questions are answered, if it ends like this.
    #[track_caller]
    fn types(&self, command: &str, typed: &[&str], expected: i32) -> String {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/support/terminal.py");
        let mut python = bash("exec python3 \"$@\"", &self.folder);
        python.arg("bash").arg(script).arg(command).args(typed);
        let (text, code) = self.command(python);
        assert_eq!(code, expected, "{command}\n{text}");
        for secret in typed.iter().skip(1).step_by(2).filter(|secret| secret.len() > 3) {
            assert!(!text.contains(secret), "{secret} is seen in\n{text}");
        }
        text
    }

    /// How alice's key that signs is listed.
    fn listed(&self) -> Value {
        let list: Value = serde_json::from_str(&self.runs(LIST, 0)).unwrap();
        let keys = list["keys"].as_array().unwrap();
        keys.iter().find(|key| key["purpose"].as_str().unwrap().contains("sign")).unwrap().clone()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("alice/keys/registrar/alice").join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }
}

/// SoftHSM's module, where Debian and Fedora put it.
fn module() -> &'static str {
    let places = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"];
    places.into_iter().find(|place| Path::new(place).exists()).unwrap_or_default()
}

/// Whether there is nothing to try a token with: `./test` says so.
fn is_left_out() -> bool {
    module().is_empty()
}

/// Alice with a token in which her key was made.
fn at_the_token(more: &str) -> Desk {
    let desk = Desk { folder: tempfile::tempdir().unwrap() };
    desk.token("desk");
    desk.configure(more);
    let new = "liaison --home alice key new --registrar alice --name Alice --token";
    let text = desk.types(&format!("{new} {}", module()), &[PIN, "123456"], 0);
    says(&text, &["lies in the token desk (serial number"]);
    desk.runs("liaisond --home founded init --registrar alice.registrar", 0);
    desk
}

fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
}

#[test]
fn a_key_behind_a_passphrase_signs_once_it_is_typed_and_never_without() {
    let desk = Desk::closed();
    let listed = desk.listed();
    assert_eq!(listed["kept"], "passphrase", "{listed}");
    assert_eq!((listed["fault"].is_null(), listed["key_id"].is_null()), (true, false), "{listed}");
    let before = std::fs::read(desk.folder.path().join("founded/charter.draft")).unwrap();
    // Nobody is there, or nobody is to be asked; and what stands elsewhere is not looked at.
    for script in [
        SIGN.to_owned(),
        format!("bash -c 'echo {WORDS} | {SIGN}'"),
        format!("env PASSPHRASE='{WORDS}' LIAISON_PASSPHRASE='{WORDS}' {SIGN}"),
    ] {
        says(&desk.runs(&script, 5), &["NO_TERMINAL", "the registrar alice", "on a terminal"]);
    }
    says(&desk.types(&format!("{SIGN} --no-input"), &[], 5), &["NO_TERMINAL"]);
    let json = desk.runs(&format!("{SIGN} --json 2>/dev/null"), 5);
    let error: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(error["error"]["reason"], "NO_TERMINAL");
    let other = "That is not it. Type the passphrase of the key of the registrar alice: ";
    let wrong =
        desk.types(SIGN, &[OLD, "wrong horse", other, "wrong again", other, "and wrong"], 5);
    says(&wrong, &["PASSPHRASE_WRONG"]);
    says(&desk.types(SIGN, &[OLD, ""], 5), &["NOT_ANSWERED", "an empty line"]);
    let after = std::fs::read(desk.folder.path().join("founded/charter.draft")).unwrap();
    assert!(before == after, "nothing was signed");
    // He sees what he signs before he is asked.
    let signed = desk.types(SIGN, &[OLD, "wrong horse", other, WORDS], 0);
    says(&signed, &["signed: 1 signature(s) added"]);
    assert!(signed.find("registrar").unwrap() < signed.find("Type the").unwrap(), "{signed}");
    desk.runs("liaisond --home founded init --charter founded/charter.draft", 0);
}

/// Only a key that can sign what is missing is asked for.
#[test]
fn a_key_that_is_not_needed_is_not_asked_for() {
    let desk = Desk::closed();
    // Of bob and carol, whose keys lie in alice's home, too.
    for name in ["bob", "carol"] {
        desk.runs(&format!("liaison --home alice key new --registrar {name} --name {name}"), 0);
    }
    let init = "liaisond init --registrar bob.registrar";
    desk.runs(&format!("{init} --home one"), 0);
    says(&desk.runs("liaison --home alice sign one/charter.draft --yes", 0), &["signed: 1"]);
    // Alice could sign, and is not needed any more; or she is.
    let with =
        format!("{init} --registrar carol.registrar --registrar alice.registrar --threshold 2");
    desk.runs(&format!("{with} --home two"), 0);
    let signed = desk.runs("liaison --home alice sign two/charter.draft --yes", 0);
    says(&signed, &["signed: 2", "nothing is missing"]);
    let three = with.replace("--threshold 2", "--threshold 3");
    desk.runs(&format!("{three} --home three"), 0);
    let sign = "liaison --home alice sign three/charter.draft --yes";
    says(&desk.runs(sign, 5), &["NO_TERMINAL"]);
    says(&desk.types(sign, &[OLD, WORDS], 0), &["signed: 3", "nothing is missing"]);
}

#[test]
fn a_passphrase_is_chosen_changed_and_taken_away_by_whoever_knows_it() {
    let desk = Desk::new();
    let before = desk.read("sign.pem");
    let protect = "liaison --home alice key protect --registrar alice";
    says(&desk.runs(protect, 5), &["NO_TERMINAL"]);
    assert_eq!(desk.read("sign.pem"), before);
    let text = desk.types(protect, &[NEW, WORDS, AGAIN, WORDS], 0);
    says(&text, &["a passphrase: scrypt", "may still be read"]);
    let words = "another horse than before";
    desk.types(protect, &[OLD, WORDS, NEW, words, AGAIN, words], 0);
    // Taking it away is asked for, and said to be meant.
    says(&desk.runs(&format!("{protect} --none"), 10), &["NOT_CONFIRMED", "add --yes"]);
    says(&desk.runs(&format!("{protect} --none --yes"), 5), &["NO_TERMINAL"]);
    desk.types(&format!("{protect} --none --yes"), &[OLD, words], 0);
    assert_eq!(desk.read("sign.pem"), before);
    assert_eq!(desk.listed()["kept"], "file");
    desk.runs(&format!("{protect} --yes"), 2);
    let seat = desk.runs("liaison --home alice key protect --seat fr/cert-fr/duty-1", 5);
    says(&seat, &["KEY_OF_SEAT", "at night"]);
}

/// Nothing is kept less well than what it follows, unless that is asked for.
#[test]
fn a_keepers_next_key_is_kept_as_the_one_before() {
    let desk = Desk { folder: tempfile::tempdir().unwrap() };
    let of = "liaison --home at key";
    let file = desk.folder.path().join("at/keys/member/at/cert-at/keeper-next.pem");
    let kept = |begins: &str| {
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert!(text.starts_with(&format!("-----BEGIN {begins}-----")), "{text}");
    };
    let key = "the key of the keeper of at/cert-at";
    let old = format!("Type the passphrase of {key}: ");
    let new = format!("Type a new passphrase for {key}: ");
    let again = format!("Type a new passphrase for {key}, again: ");
    let chosen = [&new, WORDS, &again, WORDS];
    desk.runs(&format!("{of} new --keeper at/cert-at"), 0);
    let next = format!("{of} new --keeper at/cert-at --next");
    desk.runs(&next, 0);
    kept("PRIVATE KEY");
    desk.types(&format!("{of} protect --keeper at/cert-at"), &chosen, 0);
    says(&desk.runs(&next, 5), &["NO_TERMINAL"]);
    assert!(!file.exists());
    desk.types(&next, &chosen, 0);
    kept("ENCRYPTED PRIVATE KEY");
    desk.runs(&format!("{next} --plain"), 0);
    kept("PRIVATE KEY");
    if is_left_out() {
        return;
    }
    desk.token("desk");
    let pin = format!("Type the PIN of the token desk for {key}: ");
    let protect = format!("{of} protect --keeper at/cert-at --token {}", module());
    desk.types(&protect, &[&old, WORDS, &pin, "123456"], 0);
    says(
        &desk.runs(&next, 5),
        &["KEY_KEPT_LESS_WELL", "--plain", "key protect --keeper at/cert-at"],
    );
    assert!(!file.exists());
    desk.runs(&format!("{next} --plain"), 0);
    kept("PRIVATE KEY");
}

#[test]
fn openssl_opens_what_is_closed_here() {
    let desk = Desk::closed();
    let file = desk.path("sign.pem");
    let public = |pass: &str, expected| {
        let openssl = "openssl pkey -pubout -outform DER -out public.der";
        desk.runs(&format!("{openssl} -in {} -passin 'pass:{pass}'", file.display()), expected)
    };
    public(WORDS, 0);
    let listed = desk.listed();
    let digest = desk.runs("sha256sum public.der", 0);
    assert!(digest.starts_with(listed["key_id"].as_str().unwrap()), "{digest} {listed}");
    public("wrong horse battery", 1);
}

#[test]
fn what_openssl_closed_is_opened_here_unless_it_is_too_weak() {
    let desk = Desk::new();
    let (file, clear) = (desk.path("sign.pem"), desk.read("sign.pem"));
    let close = |how: &str| {
        std::fs::write(desk.folder.path().join("clear.pem"), &clear).unwrap();
        let topk8 = format!("openssl pkcs8 -topk8 -in clear.pem -passout 'pass:{WORDS}'");
        desk.runs(&format!("{topk8} -out {} {how}", file.display()), 0);
    };
    for (how, kept) in [
        ("", "a passphrase: PBKDF2 (2048 rounds), AES-256-CBC"),
        ("-scrypt", "a passphrase: scrypt (N 16384, r 8, p 1), AES-256-CBC"),
        (
            "-scrypt -scrypt_N 1024 -v2 aes-128-cbc",
            "a passphrase: scrypt (N 1024, r 8, p 1), AES-128-CBC",
        ),
        ("-iter 100000 -v2prf hmacWithSHA512", "a passphrase: PBKDF2 (100000 rounds), AES-256-CBC"),
    ] {
        close(how);
        let listed = desk.listed();
        assert_eq!(listed["protection"], kept, "{how}");
        assert!(listed["fault"].is_null() && listed["key_id"].is_null(), "{listed}");
        let signed = desk.types(&format!("{SIGN} --out signed.draft"), &[OLD, WORDS], 0);
        says(&signed, &["signed: 1"]);
    }
    // Closed here anew, its id shows again.
    let protect = "liaison --home alice key protect --registrar alice";
    desk.types(protect, &[OLD, WORDS, NEW, WORDS, AGAIN, WORDS], 0);
    assert!(!desk.listed()["key_id"].is_null());
    for (how, why) in [
        ("-v1 PBE-SHA1-3DES", "KEY_NOT_OPENED_HERE"),
        ("-v2 des3", "KEY_NOT_OPENED_HERE"),
        ("-v2prf hmacWithSHA1", "PBKDF2 with SHA-1"),
    ] {
        close(how);
        let text = desk.runs(protect, 5);
        says(&text, &["KEY_NOT_OPENED_HERE", why]);
        let listed = desk.listed();
        assert!(!listed["fault"].is_null(), "{listed}");
    }
}

#[test]
fn a_key_is_made_in_a_token_and_signs_there() {
    if is_left_out() {
        return;
    }
    for (config, kind) in
        [("", "Ed25519"), ("slots.mechanisms = CKM_ECDSA,CKM_EC_KEY_PAIR_GEN", "P-256")]
    {
        let desk = at_the_token(config);
        assert!(!desk.path("sign.pem").exists() && desk.path("tls.pem").exists(), "{kind}");
        let listed = desk.listed();
        assert_eq!((&listed["kept"], &listed["token"]["label"]), (&"token".into(), &"desk".into()));
        assert!(listed["fault"].is_null() && listed["path"] != "", "{listed}");
        assert_eq!(listed["algorithm"], kind, "{listed}");
        let table = desk.runs("liaison --home alice key list", 0);
        says(&table.split_whitespace().collect::<Vec<_>>().join(" "), &["token desk"]);
        says(&desk.runs(SIGN, 5), &["NO_TERMINAL", "PIN of the token desk"]);
        says(&desk.types(SIGN, &[PIN, "123456"], 0), &["signed: 1 signature(s) added"]);
        desk.runs("liaisond --home founded init --charter founded/charter.draft", 0);
        // It is not made again, neither there nor as a file.
        let new = "liaison --home alice key new --registrar alice --name Alice";
        says(&desk.runs(new, 5), &["KEY_EXISTS"]);
        says(&desk.runs(&format!("{new} --token {}", module()), 5), &["KEY_EXISTS"]);
        let protect = "liaison --home alice key protect --registrar alice";
        for how in ["", " --none --yes", &format!(" --token {}", module())] {
            says(&desk.runs(&format!("{protect}{how}"), 5), &["KEY_IN_TOKEN"]);
        }
    }
}

#[test]
fn a_token_that_cannot_is_not_replaced_by_a_file() {
    if is_left_out() {
        return;
    }
    let desk = Desk { folder: tempfile::tempdir().unwrap() };
    desk.token("desk");
    desk.configure("slots.mechanisms = CKM_RSA_PKCS");
    let new = "liaison --home alice key new --registrar alice --name Alice --token";
    let cannot = desk.types(&format!("{new} {}", module()), &[PIN, "123456"], 5);
    says(&cannot, &["TOKEN_CANNOT", "neither Ed25519 nor P-256"]);
    assert!(!desk.path("sign.token").exists() && !desk.path("sign.pem").exists());
    says(&desk.runs(&format!("{new} no.so"), 5), &["TOKEN_GONE", "no.so is not there"]);
    says(&desk.runs("liaison --home alice --json key list", 0), &["\"keys\":[]"]);
}

#[test]
fn a_token_that_holds_two_keys_is_asked_for_its_pin_once() {
    if is_left_out() {
        return;
    }
    let desk = at_the_token("");
    let bob = "liaison --home alice key new --registrar bob --name Bob --token";
    let pin = "Type the PIN of the token desk for the key of the registrar bob: ";
    desk.types(&format!("{bob} {}", module()), &[pin, "123456"], 0);
    let init = "liaisond --home two init --registrar alice.registrar --registrar bob.registrar";
    desk.runs(&format!("{init} --threshold 2"), 0);
    let sign = "liaison --home alice sign two/charter.draft --yes";
    let signed = desk.types(sign, &[pin, "123456"], 0);
    says(&signed, &["signed: 2", "nothing is missing"]);
    assert_eq!(signed.matches("PIN").count(), 1, "{signed}");
}

#[test]
fn a_wrong_pin_is_said_with_what_the_token_says_of_further_tries() {
    if is_left_out() {
        return;
    }
    let desk = at_the_token("");
    let few = "That is not it, and the token may lock itself after too many. Type the PIN";
    let wrong = desk.types(SIGN, &[PIN, "999999", few, "1", few, "888888"], 5);
    says(&wrong, &["PIN_WRONG", "this is not the PIN of the token desk; it may lock itself"]);
    // Whoever comes next hears of it before he types.
    let before = "The token has seen wrong PINs, and may lock itself after too many. Type the PIN";
    says(&desk.types(SIGN, &[before, "123456"], 0), &["signed: 1"]);
}

#[test]
fn a_token_that_is_gone_is_named_and_nothing_takes_its_place() {
    if is_left_out() {
        return;
    }
    let desk = at_the_token("");
    let pointer = desk.read("sign.token");
    let gone = |parts: &[&str]| {
        says(&desk.runs(SIGN, 5), &["TOKEN_GONE"]);
        says(&desk.runs(SIGN, 5), parts);
        let listed = desk.listed();
        says(listed["fault"].as_str().unwrap(), parts);
        assert!(!listed["key_id"].is_null(), "{listed}");
        assert!(!desk.path("sign.pem").exists());
        let doctor = desk.runs("bash -c 'liaison --home alice doctor || true'", 0);
        says(&doctor, &["failed", "TOKEN_GONE"]);
    };
    let moved = pointer.replace("libsofthsm2.so", "no.so");
    std::fs::write(desk.path("sign.token"), moved).unwrap();
    gone(&["no.so is not there"]);
    std::fs::write(desk.path("sign.token"), &pointer).unwrap();
    desk.runs("mv tokens drawer", 0);
    desk.runs("mkdir tokens", 0);
    gone(&["the token desk (serial number", "is not there"]);
    // Another token of the same label is another token.
    desk.token("desk");
    gone(&["the token desk (serial number", "is not there"]);
    desk.runs("rm -r tokens", 0);
    desk.runs("mv drawer tokens", 0);
    desk.runs("bash -c 'cd tokens/* && ls *.object | grep -v token.object | xargs rm'", 0);
    says(&desk.types(SIGN, &[PIN, "123456"], 5), &["TOKEN_GONE", "has no key"]);
}

/// Whoever writes the file that points to a token cannot make its key pass for another.
#[test]
fn a_signature_that_is_not_of_the_key_is_not_used() {
    if is_left_out() {
        return;
    }
    let desk = at_the_token("");
    let new = "liaison --home other key new --registrar alice --name Alice --out other.registrar";
    desk.runs(new, 0);
    desk.runs("liaisond --home third init --registrar other.registrar", 0);
    let openssl = "openssl pkey -in other/keys/registrar/alice/sign.pem -pubout -outform DER";
    let other = desk.runs(&format!("bash -c '{openssl} | base64 -w0'"), 0);
    let pointer = desk.read("sign.token");
    let altered = pointer.lines().map(|line| match line.starts_with("public") {
        true => format!("public = \"{}\"\n", other.trim()),
        false => format!("{line}\n"),
    });
    std::fs::write(desk.path("sign.token"), altered.collect::<String>()).unwrap();
    let sign = "liaison --home alice sign third/charter.draft --yes";
    let wrong = desk.types(sign, &[PIN, "123456"], 5);
    says(&wrong, &["TOKEN_WRONG_SIGNATURE", "is not one of this key"]);
    says(&desk.runs("liaison --home alice sign third/charter.draft --dry-run", 0), &["0 of 1"]);
}

#[test]
fn a_key_is_taken_into_a_token_and_is_the_same_key() {
    if is_left_out() {
        return;
    }
    let desk = Desk::closed();
    desk.token("desk");
    desk.token("spare");
    let (id, file) = (desk.listed()["key_id"].clone(), desk.read("sign.pem"));
    let protect = "liaison --home alice key protect --registrar alice --token";
    let protect = format!("{protect} {}", module());
    says(&desk.runs(&protect, 5), &["TOKEN_SEVERAL", "desk", "spare", "--token-label"]);
    let nowhere = desk.runs(&format!("{protect} --token-label purse"), 5);
    says(&nowhere, &["TOKEN_GONE", "no token purse"]);
    assert_eq!(desk.read("sign.pem"), file);
    let protect = format!("{protect} --token-label desk");
    let typed = [OLD, WORDS, PIN, "123456"];
    desk.types(&protect, &typed, 0);
    assert!(!desk.path("sign.pem").exists());
    assert_eq!(desk.listed()["key_id"], id);
    assert_eq!(desk.listed()["kept"], "token");
    says(&desk.types(SIGN, &[PIN, "123456"], 0), &["signed: 1"]);
    says(&desk.runs(&format!("{protect} --none"), 2), &["--none"]);
    // Cut off before the file was gone: neither is used, and the same again ends it.
    std::fs::write(desk.path("sign.pem"), &file).unwrap();
    desk.runs(&format!("chmod 600 {}", desk.path("sign.pem").display()), 0);
    desk.runs("liaisond --home second init --registrar alice.registrar", 0);
    let sign = "liaison --home alice sign second/charter.draft --yes";
    says(&desk.runs(sign, 5), &["NO_KEY_COUNTS", "sign.token; neither is used"]);
    says(desk.listed()["fault"].as_str().unwrap(), &["sign.pem and", "neither is used"]);
    let elsewhere = protect.replace("desk", "spare");
    says(&desk.types(&elsewhere, &[OLD, WORDS], 5), &["KEY_TWICE", "sign.token"]);
    desk.types(&protect, &typed, 0);
    assert!(!desk.path("sign.pem").exists());
    assert_eq!((&desk.listed()["key_id"], &desk.listed()["kept"]), (&id, &"token".into()));
    // Cut off before anything said that the token has it: the file is used, and the same again ends it.
    std::fs::write(desk.path("sign.pem"), &file).unwrap();
    desk.runs(&format!("chmod 600 {}", desk.path("sign.pem").display()), 0);
    std::fs::remove_file(desk.path("sign.token")).unwrap();
    says(&desk.types(sign, &[OLD, WORDS], 0), &["signed: 1"]);
    desk.types(&protect, &typed, 0);
    assert!(!desk.path("sign.pem").exists());
    assert_eq!((&desk.listed()["key_id"], &desk.listed()["kept"]), (&id, &"token".into()));
}

/// In a directory at work: each command that signs names the key that it needs, asks for it once, and for
/// no other; what signs nothing, or with a seat's key, asks nobody.
#[test]
fn whatever_signs_asks_for_the_key_that_it_needs_and_for_no_other() {
    let desk = Desk { folder: tempfile::tempdir().unwrap() };
    let founded = [
        "liaisond --home service init --single --client-home registrar",
        "liaisond --home service serve &",
        "liaison --home at join service/invitation.liaison --as at/cert-at/duty-1 --fingerprint \"DIGITS\"",
    ];
    let _service = served(&founded, desk.folder.path());
    let protect = |flags: &str| {
        let typed = ["Type a new passphrase", WORDS, ", again: ", WORDS];
        desk.types(&format!("liaison key protect --home {flags}"), &typed, 0);
    };
    let needs = |command: &str, whose: &str| {
        says(&desk.runs(command, 5), &["NO_TERMINAL", whose]);
        let text = desk.types(command, &[&format!("of the key of {whose}: "), WORDS], 0);
        assert_eq!(text.matches("Type the").count(), 1, "{command}\n{text}");
    };
    protect("registrar --registrar registrar");
    protect("at --authority at");
    let admit = "liaison --home registrar admin member admit at --name en=Austria";
    needs(&format!("{admit} --authority at.authority"), "the registrar registrar");
    let at = "liaison --home at --as at/cert-at/duty-1";
    needs(&format!("{at} join at.admission --name en=CERT.at"), "the authority of at");
    protect("at --keeper at/cert-at");
    needs(&format!("{at} seat add at/cert-at/duty-2"), "the keeper of at/cert-at");
    needs(&format!("{at} record draft --telephone '+43 1 000000' --yes"), "the authority of at");
    for nobody in [
        "sync",
        "status",
        "doctor",
        "key list",
        "notify at/cert-at --title Drill --text x",
        "inbox list",
        "seat revoke at/cert-at/duty-2 --yes at/cert-at/duty-2",
    ] {
        desk.runs(&format!("{at} {nobody}"), 0);
    }
}
