//! Reading the directory: by the service with proofs, in a replica's memory, and by replaying the
//! whole log.

use std::hint::black_box;
use std::sync::Arc;

use anyhow::Context as _;
use prost::Message as _;
use tonic::transport::Channel;

use crate::crypto::hash::Digest;
use crate::demo::net::{NAME, Net};
use crate::domain::access::{self, Method};
use crate::domain::directory::{self, Admitted, Directory, apply, verify, verify_founding};
use crate::domain::ids::ContactId;
use crate::service::State;
use crate::signed::proto::{self, entry::Leaf};
use crate::tlog::checkpoint::VerifiedCheckpoint;
use crate::tlog::merkle;
use crate::tlog::note::KeyName;
use crate::tlog::proof::verify_inclusion;
use crate::wire::convert;
use crate::wire::v1::directory_service_client::DirectoryServiceClient;
use crate::wire::v1::{LookUpRequest, ProvenEntry};

use super::drive::{Work, repeat};

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
) -> anyhow::Result<f64> {
    let rounds = repeat(seconds, || {
        for contact in contacts {
            black_box(directory.record(contact)?);
            black_box(directory.sealing_seats(contact).count());
        }
        Ok(())
    })?;
    Ok(rounds * contacts.len() as f64)
}

/// The log of a service, entry by entry.
pub(super) async fn entries(net: &Net) -> anyhow::Result<Vec<(bytes::Bytes, u64)>> {
    let peer = net.registrar();
    let mut entries = Vec::new();
    loop {
        let page = (entries.len() as u64, 1_000);
        let permit = access::permit(peer.clone(), Method::GetEntries, page)?;
        let (page, _) = net.service.entries(&permit).await?;
        if page.is_empty() {
            return Ok(entries);
        }
        for entry in page {
            let entry = proto::Entry::decode(entry)?;
            let Some(Leaf::Statement(statement)) = entry.leaf else { continue };
            entries.push((statement, entry.admitted_at));
        }
    }
}

/// How many entries a second one thread verifies and folds.
pub(super) fn replay(entries: &[(bytes::Bytes, u64)], seconds: f64) -> anyhow::Result<f64> {
    let ((first, at), rest) = entries.split_first().context("expected an entry 0")?;
    let name = NAME.parse()?;
    let rounds = repeat(seconds, || {
        let (mut directory, _) = directory::found(&name, &verify_founding(&name, first)?, *at)?;
        for (leaf, (statement, at)) in (1..).zip(rest) {
            let verified = verify(&directory, statement)?;
            let parts = apply(&directory, &verified, Admitted { leaf, at: *at })?;
            directory.advance(&parts);
        }
        black_box(directory);
        Ok(())
    })?;
    Ok(rounds * entries.len() as f64)
}
