//! The service is killed under who follows, with the programs as they are typed.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{PATIENCE, bash};

/// A program that is killed, at the latest with the test.
pub(crate) struct Killed(pub(crate) Child);

impl Killed {
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn does(script: &str, folder: &TempDir) -> String {
    let done = bash(&format!("set -eu -o pipefail\n{script}"), folder).output().unwrap();
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{script}: {told}");
    told
}

/// The service, once it answers.
fn serve(folder: &TempDir, port: u16) -> Killed {
    let service = bash("exec liaisond --home service serve 2>>service.txt", folder).spawn();
    let service = Killed(service.unwrap());
    let up = format!("until (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null; do :; done");
    does(&up, folder);
    service
}

/// What a program prints, an object a line.
struct Printed(mpsc::Receiver<String>);

impl Printed {
    fn by(program: &mut Killed) -> Self {
        let lines = BufReader::new(program.0.stdout.take().unwrap()).lines();
        let (sender, printed) = mpsc::channel();
        drop(thread::spawn(move || lines.map_while(Result::ok).try_for_each(|l| sender.send(l))));
        Self(printed)
    }

    fn next(&self) -> Value {
        serde_json::from_str(&self.0.recv_timeout(PATIENCE).expect("it goes on")).unwrap()
    }
}

#[test]
fn who_follows_goes_on_when_the_service_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let port = crate::support::free_port();
    let init = format!("init --single --client-home registrar --listen 127.0.0.1:{port}");
    does(&format!("liaisond --home service {init} > founded.txt"), &folder);
    let mut service = serve(&folder, port);
    for (member, contact) in [("at", "at/cert-at"), ("pt", "pt/cncs")] {
        let join = format!("liaison --home {member} join");
        let admit = format!("liaison --home registrar admin member admit {member} --name en=State");
        does(
            &format!(
                "DIGITS=$(grep -E '^ +([0-9]{{5}} ){{11}}[0-9]{{5}}$' founded.txt)\n\
                 {join} service/invitation.liaison --as {contact}/duty-1 --fingerprint \"$DIGITS\"\n\
                 {admit} --authority {member}.authority\n\
                 {join} {member}.admission --as {contact}/duty-1 --name en=Office"
            ),
            &folder,
        );
    }
    let follow = "exec liaison --home at --json inbox list --follow 2>follow.txt";
    let follows = bash(follow, &folder).stdout(Stdio::piped()).spawn();
    let mut follows = Killed(follows.unwrap());
    let printed = Printed::by(&mut follows);
    let notify = |title| format!("liaison --home pt notify at/cert-at --title {title} --text x");
    does(&notify("Before"), &folder);
    assert_eq!(printed.next()["title"], "Before");

    // Also while a receipt was on its way.
    service.kill();
    let killed = Instant::now();
    let lost = printed.next();
    let said = (&lost["event"], &lost["side"], &lost["reason"]);
    assert_eq!(said, (&"not_connected".into(), &"the network".into(), &"NO_CONNECTION".into()));
    assert!(killed.elapsed() < Duration::from_secs(10), "{:?}", killed.elapsed());
    let waits = format!("{} && exit 1 || [ $? = 3 ]", notify("Meanwhile"));
    assert!(does(&waits, &folder).contains("waits in the outbox"));

    let _service = serve(&folder, port);
    let back = printed.next();
    assert_eq!(back["event"], "connected");
    assert_eq!(back["not_connected_since"], lost["since"]);
    does("liaison --home pt sent", &folder);
    assert_eq!(printed.next()["title"], "Meanwhile");
    assert!(follows.0.try_wait().unwrap().is_none());
    let told = std::fs::read_to_string(folder.path().join("follow.txt")).unwrap();
    for (line, times) in [("waiting for messages", 1), ("no connection since 2", 1)] {
        assert_eq!(told.matches(line).count(), times, "{line} in {told}");
    }
    assert!(told.contains("connected again: no connection from 2"), "{told}");
}
