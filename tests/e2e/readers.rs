//! Who reads does not wait for who writes, and sees nothing of it before it is durable.

use std::fs::File;
use std::io;
use std::sync::Arc;

use futures_util::FutureExt as _;
use liaison::disk::{Disk, Fdatasync};
use liaison::store::Engine;
use liaison::wire::v1::collect_response::Item as Answer;
use liaison::wire::v1::{
    GetChartersRequest, GetCheckpointRequest, GetEntriesRequest, GetProofRequest, LookUpRequest,
    WatchRequest,
};
use tokio::sync::{Mutex, Notify};

use crate::support::{Client, Party, TestNet, Trust, dates, home, says, soon};

/// A disk that makes nothing durable while somebody holds it shut.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    pub(crate) shut: Mutex<()>,
    pub(crate) knocked: Notify,
}

impl Disk for Gate {
    fn sync(&self, file: &File) -> io::Result<()> {
        if self.shut.try_lock().is_err() {
            self.knocked.notify_one();
            drop(self.shut.blocking_lock());
        }
        Fdatasync.sync(file)
    }
}

/// All that can be read of the log, of one contact and of one mailbox, as text.
async fn everything(client: &mut Client, contact: &str) -> [String; 6] {
    let directory = &mut client.directory;
    let request = GetEntriesRequest { start: 0, limit: 100 };
    let entries = directory.get_entries(request).await.unwrap().into_inner();
    let request = LookUpRequest { contact: contact.to_owned() };
    let looked_up = directory.look_up(request).await.unwrap().into_inner();
    let checkpoint = directory.get_checkpoint(GetCheckpointRequest {}).await.unwrap().into_inner();
    let leaf_index = entries.entries.len() as u64;
    let next = directory.get_proof(GetProofRequest { leaf_index }).await.map(drop);
    let request = GetChartersRequest { after_version: 0 };
    let charters = client.enrolment.get_charters(request).await.unwrap().into_inner();
    let mut collected = client.collect(0, false).await.unwrap();
    let mut mailbox = Vec::new();
    while let Some(answer) = collected.message().await.unwrap() {
        mailbox.push(answer);
    }
    [
        format!("{entries:?}"),
        format!("{looked_up:?}"),
        format!("{checkpoint:?}"),
        format!("{:?}", next.map_err(|status| status.code())),
        format!("{charters:?}"),
        format!("{mailbox:?}"),
    ]
}

/// A file that lets nobody write until it is dropped.
#[cfg(unix)]
struct Pipe(std::path::PathBuf);

#[cfg(unix)]
impl Pipe {
    fn at(path: std::path::PathBuf) -> Self {
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo, of the coreutils").success());
        Self(path)
    }
}

#[cfg(unix)]
impl Drop for Pipe {
    fn drop(&mut self) {
        // Whoever comes later is let through, too.
        std::mem::forget(File::options().read(true).write(true).open(&self.0));
    }
}

/// Between its commit and its high-water mark, too.
#[cfg(unix)]
#[tokio::test]
async fn what_the_high_water_file_does_not_hold_is_not_seen_and_nobody_waits_for_it() {
    let net = TestNet::on(Engine::Sled).await;
    let [fr, jp]: [Party; 2] = net.parties(["fr", "jp"]).await;
    let mut reader = net.client(&jp.tls()).await;
    let before = everything(&mut reader, fr.contact.as_str()).await;
    let pipe = Pipe::at(net.open.high_water().with_extension("new"));
    let mut committed = net.store.wake(vec![b"log/".to_vec()]);
    let mut writer = net.client(&fr.tls()).await;
    let record = says::record(&net.replica(), fr.contact.as_str()).said();
    let writing = tokio::spawn(async move { writer.enrol(record).await });
    soon("the commit", committed.next()).await;
    let during = soon("what was shown", everything(&mut reader, fr.contact.as_str())).await;
    assert_eq!(during, before);
    assert!(!writing.is_finished());
    // A pipe cannot be synced: that was the last that this service did.
    drop(pipe);
    soon("the end of the service", net.service.stopped()).await;
    soon("an answer", writing).await.unwrap().unwrap_err();
}

async fn what_is_in_the_air_is_not_seen(engine: Engine) {
    let door = Arc::new(Gate::default());
    let mut open = home(engine);
    open.disk = Arc::<Gate>::clone(&door);
    let store = open.found().await;
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    let [fr, jp]: [Party; 2] = net.parties(["fr", "jp"]).await;
    let mut reader = net.client(&jp.tls()).await;
    let contact = fr.contact.as_str();
    for (what, seen) in [("record", 1), ("charter", 4), ("message", 5)] {
        let before = everything(&mut reader, contact).await;
        let size = net.replica().view().size;
        let watched = reader.directory.watch(WatchRequest { size }).await.unwrap();
        let mut watched = watched.into_inner();
        let mut followed = reader.collect(0, true).await.unwrap();
        while let Some(answer) = soon("the head", followed.message()).await.unwrap()
            && matches!(answer.item, Some(Answer::Message(_)))
        {}
        let mut writer = net.client(&fr.tls()).await;
        let replica = net.replica();
        let record = says::record(&replica, contact).said();
        let charter = says::charter(&replica).said();
        let message = fr.compose(&[&jp], &replica, &net.open.ambient).envelope;
        let shut = door.shut.lock().await;
        let writing = tokio::spawn(async move {
            match what {
                "record" => drop(writer.enrol(record).await.unwrap().unwrap()),
                "charter" => drop(writer.enrol(charter).await.unwrap().unwrap()),
                _ => drop(writer.submit(message).await.unwrap()),
            }
        });
        soon("a commit", door.knocked.notified()).await;
        let during = soon("what is durable", everything(&mut reader, contact)).await;
        assert_eq!(during, before, "{what} on {engine}");
        assert!(watched.message().now_or_never().is_none(), "{what} on {engine}");
        assert!(followed.message().now_or_never().is_none(), "{what} on {engine}");
        assert!(!writing.is_finished(), "{what} on {engine}");
        drop(shut);
        soon("the answer", writing).await.unwrap();
        let after = everything(&mut reader, contact).await;
        assert_ne!(after[seen], before[seen], "{what} on {engine}");
    }
}

#[tokio::test]
async fn what_is_not_durable_on_sled_is_not_seen_and_nobody_waits_for_it() {
    what_is_in_the_air_is_not_seen(Engine::Sled).await;
}

#[tokio::test]
async fn what_is_not_durable_on_redb_is_not_seen_and_nobody_waits_for_it() {
    what_is_in_the_air_is_not_seen(Engine::Redb).await;
}
