//! Reading the directory: by the service with proofs, in a replica's memory, and by replaying the
//! whole log.

use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use tonic::transport::Channel;

use crate::bench::founding::NAME;
use crate::client::home::Home;
use crate::client::invitation::Invitation;
use crate::client::replica::{Appended, Replica};
use crate::crypto::hash::Digest;
use crate::domain::directory::Directory;
use crate::domain::ids::ContactId;
use crate::service::State;
use crate::tlog::checkpoint::VerifiedCheckpoint;
use crate::tlog::merkle;
use crate::tlog::note::KeyName;
use crate::tlog::proof::verify_inclusion;
use crate::wire::convert;
use crate::wire::v1::directory_service_client::DirectoryServiceClient;
use crate::wire::v1::{LookUpRequest, ProvenEntry};

use super::drive::Work;
use crate::bench::machine::{Rate, repeat};

/// Entries that a sync takes at a time.
const PAGE: usize = 1_000;

/// Looks up one contact after the other, and verifies checkpoint and proofs of each.
pub(super) struct LookingUp {
    pub(super) client: DirectoryServiceClient<Channel>,
    pub(super) state: Arc<State>,
    pub(super) contacts: Arc<[ContactId]>,
    pub(super) next: usize,
}

impl LookingUp {
    async fn look_up(&mut self) -> anyhow::Result<()> {
        let contact = self.contacts.get(self.next % self.contacts.len()).context("contacts")?;
        self.next += 1;
        let request = LookUpRequest { contact: contact.to_string() };
        let answer = self.client.look_up(request).await?.into_inner();
        let record = answer.record.context("expected a record")?;
        let origin = KeyName::parse(NAME)?;
        let keys = &self.state.directory.charter().log;
        let checkpoint = VerifiedCheckpoint::verify(&record.checkpoint, &origin, keys)?;
        proves(&record, &checkpoint)?;
        // The roster comes with the same checkpoint, or it is not believed.
        let roster = answer.roster.context("expected a roster")?;
        anyhow::ensure!(roster.checkpoint == record.checkpoint, "expected one checkpoint");
        proves(&roster, &checkpoint)
    }
}

fn proves(entry: &ProvenEntry, checkpoint: &VerifiedCheckpoint) -> anyhow::Result<()> {
    let path: Vec<Digest> = convert::digests("inclusion", &entry.inclusion)?;
    let (leaf, size) = (merkle::leaf_hash(&entry.entry), checkpoint.size());
    Ok(verify_inclusion(leaf, entry.leaf_index, size, &path, checkpoint.root())?)
}

impl Work for LookingUp {
    async fn once(&mut self) -> Option<anyhow::Result<()>> {
        Some(self.look_up().await)
    }
}

/// How often a second one thread finds a contact, its record and the seats to seal to in memory.
pub(super) fn in_memory(
    directory: &Directory,
    contacts: &[ContactId],
    seconds: f64,
) -> anyhow::Result<Rate> {
    let rounds = repeat(seconds, || {
        for contact in contacts {
            black_box(directory.record(contact)?);
            black_box(directory.sealing_seats(contact).count());
        }
        Ok(())
    })?;
    Ok(rounds.of(contacts.len()))
}

/// A client's copy that is made anew from the log, page by page as a sync does.
pub(super) struct Copy {
    pub(super) invitation: Invitation,
    pub(super) entries: Vec<Bytes>,
    pub(super) checkpoint: Bytes,
    pub(super) home: PathBuf,
    pub(super) now: u64,
}

impl Copy {
    /// How many entries a second one replica verifies, folds and keeps.
    pub(super) fn replay(&self, seconds: f64) -> anyhow::Result<Rate> {
        let rounds = repeat(seconds, || {
            let home = Home::at(self.home.clone());
            let mut replica = Replica::open(&home, &home.join(&self.invitation)?)?;
            for page in self.entries.chunks(PAGE) {
                let appended = replica.append(page)?;
                anyhow::ensure!(appended == Appended::Yes, "expected nobody else in the copy");
            }
            replica.confirm(&self.checkpoint, self.now)?;
            Ok(fs::remove_dir_all(&self.home)?)
        })?;
        Ok(rounds.of(self.entries.len()))
    }
}
