//! A service and its addresses: how they are said, judged and learnt, and a service that moves, with
//! the programs as they are typed.

use std::process::{Child, Command};

use liaison::domain::limits;
use tempfile::TempDir;
use tokio::net::TcpSocket;

use crate::support::free_port;

/// A directory that one registrar founded, and its service when it serves.
struct Moving {
    folder: TempDir,
    service: Option<Child>,
}

impl Drop for Moving {
    fn drop(&mut self) {
        self.stop();
    }
}

fn bash(script: &str, folder: &TempDir) -> Command {
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_liaison")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.args(["-c", script]).current_dir(folder.path()).env("PATH", path);
    for name in ["LIAISON_HOME", "LIAISON_AS", "HTTPS_PROXY", "https_proxy"] {
        bash.env_remove(name);
    }
    bash
}

/// What a script printed, on both ways, and how it ended.
fn run(script: &str, folder: &TempDir) -> (String, i32) {
    let output = bash(script, folder).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), &output.stderr);
    (format!("{out}{}", String::from_utf8_lossy(err)), output.status.code().unwrap())
}

impl Moving {
    fn founded(port: u16) -> Self {
        let moving = Self { folder: tempfile::tempdir().unwrap(), service: None };
        moving.good(&format!(
            "liaisond --home service init --single --client-home one --listen 127.0.0.1:{port} \
             > founded.txt && cp -r one two && cp -r one three"
        ));
        moving
    }

    fn stop(&mut self) {
        if let Some(mut service) = self.service.take() {
            let _ = bash(&format!("kill {}", service.id()), &self.folder).status();
            let _ = service.wait();
        }
    }

    /// Stops, if it serves; then serves on this port, and says that it can be found there.
    fn serves(&mut self, port: u16, addresses: &str) {
        self.stop();
        self.good(&format!(
            "sed -i 's/^listen = .*/listen = \"127.0.0.1:{port}\"/; \
             s/^addresses = .*/addresses = [{addresses}]/; s/^burst = .*/burst = 1/; \
             s/^per_second = .*/per_second = 1/' service/liaisond.toml"
        ));
        let serve = "exec liaisond --home service serve 2>>service.txt";
        self.service = Some(bash(serve, &self.folder).spawn().unwrap());
        self.soon(&format!("(exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null"));
    }

    fn good(&self, script: &str) -> String {
        let (text, code) = run(script, &self.folder);
        assert_eq!(code, 0, "{script}\n{text}");
        text
    }

    /// It goes well at last.
    fn soon(&self, script: &str) {
        let patience = "end=$((SECONDS + 60))";
        self.good(&format!("{patience}; until {script}; do [ $SECONDS -lt $end ] || exit 1; done"));
    }

    fn ends(&self, script: &str, expected: i32) -> String {
        let (text, code) = run(script, &self.folder);
        assert_eq!(code, expected, "{script}\n{text}");
        text
    }
}

fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
}

#[test]
fn a_service_that_moves_twice_is_followed_and_no_file_is_edited() {
    let [a, b, c] = [free_port(), free_port(), free_port()];
    let mut moving = Moving::founded(a);
    let sync = |home: &str| format!("liaison --home {home} sync");
    moving.good("cp one/config.toml before.toml");
    // It says where it will be, beside an address that is none.
    moving.serves(a, &format!("\"localhost:{a}\", \"localhost:99999\", \"localhost:{b}\""));
    // Who has a key in force takes nothing from the bucket of strangers, which is empty soon.
    for home in ["three", "one", "two"] {
        moving.good(&sync(home));
    }
    let doctor = moving.good("liaison --home one doctor");
    says(&doctor, &[&format!("localhost:{a}, localhost:{b}")]);
    assert!(!doctor.contains("99999"), "{doctor}");
    // The first move. One follows, the other is away until the next is said.
    moving.serves(b, &format!("\"localhost:{b}\""));
    moving.good(&sync("one"));
    moving.serves(b, &format!("\"localhost:{b}\", \"localhost:{c}\""));
    moving.good(&sync("one"));
    moving.good(&sync("two"));
    moving.serves(c, &format!("\"localhost:{c}\""));
    moving.good(&sync("one"));
    moving.good(&sync("two"));
    let doctor = moving.good("liaison --home two doctor");
    says(&doctor, &[&format!("TCP and TLS with localhost:{c}")]);
    // What people have written is not forgotten, and not written over.
    says(&doctor, &[&format!("localhost:{c}, localhost:{a}")]);
    moving.good("cmp one/config.toml before.toml && cmp two/config.toml before.toml");
    // Whoever heard nothing of it is told what helps.
    moving.stop();
    says(
        &moving.ends(&sync("one"), 3),
        &["NO_CONNECTION", "liaisond invitation", "liaison --home one join"],
    );
    // Who has joined has nothing else to do than to take the new invitation in.
    moving.serves(a, &format!("\"localhost:{a}\""));
    moving.good("liaisond --home service invitation --out new.liaison");
    let told = moving.good("liaison --home three join new.liaison");
    says(&told, &["addresses of the service are now", &format!("localhost:{a}"), "joined already"]);
    assert!(!told.contains("--as"), "{told}");
    moving.good(&sync("three"));
}

#[tokio::test]
async fn a_service_that_starts_again_knows_whence_its_members_came() {
    let port = free_port();
    let mut moving = Moving::founded(port);
    let addresses = format!("\"localhost:{port}\"");
    moving.serves(port, &addresses);
    moving.good("liaison --home one sync");
    moving.stop();
    let known = "service/data/known-networks";
    let networks = moving.good(&format!("cut -d' ' -f1 {known} | sort"));
    assert_eq!(networks, "127.0.0.0/24\n127.0.0.1/32\n");
    assert_eq!(moving.good(&format!("stat -c %a {known}")), "600\n", "it says whose they are");
    moving.good(&format!("printf '127.0.0.7/24 1\\nwhat is this\\n\\xff\\n' >> {known}"));
    // A key that the directory does not know.
    let none = "07".repeat(32);
    moving.good(&format!("echo 127.0.7.0/24 $(date +%s) {none} >> {known}"));
    moving.serves(port, &addresses);
    // A neighbour takes all that its network has.
    let mut neighbours = Vec::new();
    for _ in 0..limits::ARRIVING_OF_A_NETWORK + limits::VISITORS_OF_A_NETWORK {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 99], 0).into()).unwrap();
        neighbours.push(socket.connect(([127, 0, 0, 1], port).into()).await.unwrap());
    }
    moving.good("liaison --home one sync");
    let told = moving.good("cat service.txt");
    assert_eq!(told.matches("skipped=3").count(), 1, "{told}");
    moving.stop();
    assert_eq!(moving.good(&format!("cut -d' ' -f1 {known} | sort")), networks);
}

#[test]
fn an_invitation_is_of_today_whether_the_service_runs_or_not() {
    let [a, b] = [free_port(), free_port()];
    let mut moving = Moving::founded(a);
    let invite = "liaisond --home service invitation";
    let fingerprint = moving.good("grep -E '^ +([0-9]{5} ){11}[0-9]{5}$' founded.txt");
    let fingerprint = fingerprint.trim();
    // Founded, and not served yet.
    says(&moving.good(invite), &["LIAISON INVITATION", &format!("localhost:{a}"), fingerprint]);
    moving.serves(b, &format!("\"localhost:{b}\""));
    // The file that members were given names the new address, under its old fingerprint.
    let join = |home: &str, file: &str, digits: &str| {
        format!("liaison --home {home} join {file} --fingerprint '{digits}'")
    };
    moving.good(&join("early", "service/invitation.liaison", fingerprint));
    moving.good(&format!("grep localhost:{b} early/config.toml"));
    // Another charter, another fingerprint, and only in a file that was asked for.
    moving.good("cp service/invitation.liaison before");
    let set = "liaison --home one charter draft --set stale-after";
    moving.good(&join("one", "before", fingerprint));
    moving.good(&format!("{set}=43200 --yes"));
    moving.soon(&format!(
        "{invite} --out new.liaison && liaison --home late charter show new.liaison | \
         grep 'version 2'"
    ));
    moving.good("cmp service/invitation.liaison before");
    moving.ends(&join("late", "new.liaison", fingerprint), 6);
    let digits = "$(liaisond --home service invitation 2>&1 >/dev/null | tail -1)";
    moving.good(&join("late", "new.liaison", digits).replace('\'', "\""));
    let running = moving.good(&format!("{invite} 2>/dev/null"));
    moving.stop();
    assert_eq!(moving.good(&format!("{invite} 2>/dev/null")), running);
    let none = "sed -i 's/^addresses = .*/addresses = [\"::1\"]/' service/liaisond.toml";
    moving.good(none);
    says(&moving.ends(invite, 1), &["liaisond.toml names no address", "addresses ="]);
}

#[test]
fn a_bad_address_is_refused_at_the_founding_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let init = "liaisond --home service init --single --client-home one";
    for (address, why) in [
        ("", "it is empty"),
        ("a b:443", "it has a blank in it"),
        ("host:99999", "its port"),
        ("::1", "brackets"),
        ("::1:443", "brackets"),
        ("user@host:443", "a user"),
        ("https://host/path", "a path"),
        ("http://host", "scheme"),
        ("0.0.0.0:443", "nobody can connect to it"),
    ] {
        let (text, code) = run(&format!("{init} --address '{address}'"), &folder);
        assert_ne!(code, 0, "{address}: {text}");
        says(&text, &[why]);
    }
    for listen in ["0.0.0.0:7443", "[::]:7443"] {
        let (text, code) = run(&format!("{init} --listen {listen}"), &folder);
        assert_ne!(code, 0, "{listen}: {text}");
        says(&text, &["--address HOST:7443"]);
    }
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 0, "nothing was written");
    // An international name is shown as it is looked up.
    let name = "--listen 0.0.0.0:7443 --address b\u{fc}cher.example:7443 --address '[::1]:7443'";
    let (text, code) = run(&format!("{init} {name}"), &folder);
    assert_eq!(code, 0, "{text}");
    says(&text, &["xn--bcher-kva.example:7443, [::1]:7443"]);
}

#[test]
fn a_bad_address_in_a_home_is_skipped_and_said() {
    let port = free_port();
    let mut moving = Moving::founded(port);
    moving.serves(port, &format!("\"localhost:{port}\""));
    let write = |addresses: &str| {
        format!("sed -i 's/^addresses = .*/addresses = [{addresses}]/' one/config.toml")
    };
    moving.good(&write(&format!("\"user@localhost:{port}\", \"localhost:{port}\"")));
    let said = moving.good("liaison --home one sync");
    says(&said, &["config.toml: \"user@localhost", "it names a user", "it is skipped"]);
    // The invitation's stands, whatever is written.
    moving.good(&write("\"::1\""));
    says(&moving.good("liaison --home one doctor"), &["brackets", "correct one/config.toml"]);
}

#[test]
fn a_home_whose_addresses_were_spoilt_is_not_founded() {
    let folder = tempfile::tempdir().unwrap();
    let drafted = "set -e; liaison --home one key new --registrar alice --name Alice\n\
        liaisond --home service init --registrar alice.registrar\n\
        liaison --home one sign service/charter.draft --yes\n\
        sed -i 's/^addresses = .*/addresses = [\"::1\"]/' service/liaisond.toml";
    let (text, code) = run(drafted, &folder);
    assert_eq!(code, 0, "{text}");
    let (text, code) = run("liaisond --home service init --charter service/charter.draft", &folder);
    assert_ne!(code, 0, "{text}");
    says(&text, &["liaisond.toml names no address", "addresses ="]);
    assert!(!folder.path().join("service/data").exists(), "{text}");
}
