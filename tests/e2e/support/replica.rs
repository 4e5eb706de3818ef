//! A verified copy of the directory, and of a mailbox.

use bytes::Bytes;
use liaison::client::message::receipt::{self, Link, VerifiedHead};
use liaison::crypto::hash::Digest;
use liaison::domain::directory::entry::Entry;
use liaison::domain::directory::{Directory, RULES};
use liaison::domain::ids::ContactId;
use liaison::domain::state::Mailbox;
use liaison::domain::view::View;
use liaison::service::Service;
use liaison::tlog::checkpoint::VerifiedCheckpoint;
use liaison::tlog::merkle::Tree;
use liaison::tlog::note::KeyName;
use liaison::wire::v1::collect_response::Item as Answer;
use liaison::wire::v1::{GetEntriesRequest, Item};

use super::{Client, NAME};
use crate::world::log::Log;

/// A directory, and its log if it was folded from it.
pub(crate) struct Replica {
    pub(crate) directory: Directory,
    tree: Tree,
    head: View,
}

impl Replica {
    /// What the service holds in memory: to put something together, not to judge it.
    pub(crate) fn of(service: &Service) -> Self {
        let state = service.state();
        Self { directory: state.directory.clone(), tree: Tree::default(), head: state.head }
    }

    /// Folds the log from entry 0 and believes nothing on the way.
    pub(crate) async fn fold(client: &mut Client) -> Self {
        let mut entries: Vec<Bytes> = Vec::new();
        let checkpoint = loop {
            let request = GetEntriesRequest { start: entries.len() as u64, limit: 3 };
            let page = client.directory.get_entries(request).await.unwrap().into_inner();
            if page.entries.is_empty() {
                break page.checkpoint;
            }
            entries.extend(page.entries);
        };
        let (directory, tree) = replay(&entries);
        let origin = KeyName::parse(NAME).unwrap();
        let trusted = &directory.charter().log;
        let verified = VerifiedCheckpoint::verify(&checkpoint, &origin, trusted).unwrap();
        let head = View { size: verified.size(), root: verified.root() };
        assert_eq!(
            tree.root_at(head.size),
            Some(head.root),
            "the entries are those of the checkpoint"
        );
        assert_eq!(tree.size(), head.size);
        Self { directory, tree, head }
    }

    pub(crate) const fn view(&self) -> View {
        self.head
    }

    pub(crate) fn root_at(&self, size: u64) -> Option<Digest> {
        self.tree.root_at(size)
    }

    /// Collects a mailbox from its beginning to its signed head; every number and the chain fit.
    pub(crate) async fn collect(&self, client: &mut Client, contact: &ContactId) -> Collected {
        self.collect_epoch(client, (contact, 1)).await
    }

    /// The same of a mailbox in this epoch.
    pub(crate) async fn collect_epoch(
        &self,
        client: &mut Client,
        (contact, epoch): (&ContactId, u64),
    ) -> Collected {
        let mut mailbox = Mailbox::of_epoch(self.directory.genesis(), contact, epoch);
        let (mut items, mut vouched) = (Vec::new(), false);
        let mut stream = client.collect(0, false).await.unwrap();
        while let Some(answer) = stream.message().await.unwrap() {
            match answer.item.expect("a message or a head") {
                Answer::Beginning(begins) => {
                    let (epoch, count) = (begins.epoch, begins.number);
                    let chain = Digest::try_from(&begins.chain[..]).unwrap();
                    mailbox = Mailbox { epoch, count, chain };
                }
                Answer::Message(item) => {
                    mailbox = receipt::extend(&mailbox, &Link::of(&item).unwrap()).unwrap();
                    items.push(item);
                }
                Answer::Head(bytes) => {
                    // A reader compares every head with what he has, not only the last one.
                    receipt::agrees(&mailbox, &self.head(contact, &bytes)).unwrap();
                    vouched = true;
                }
            }
        }
        assert!(vouched, "a head at the end");
        Collected { mailbox, items }
    }

    pub(crate) fn head(&self, contact: &ContactId, bytes: &[u8]) -> VerifiedHead {
        let root_at = |size| self.root_at(size);
        receipt::verify_head((&self.directory, &root_at), contact, bytes).unwrap()
    }
}

/// A mailbox as its entries make it.
pub(crate) struct Collected {
    pub(crate) mailbox: Mailbox,
    pub(crate) items: Vec<Item>,
}

fn replay(entries: &[Bytes]) -> (Directory, Tree) {
    let mut log: Option<Log<&str>> = None;
    for bytes in entries {
        let Entry { statement, admitted_at } = Entry::read(bytes, RULES).unwrap();
        match &mut log {
            None => log = Some(Log::begun(&statement, "log", admitted_at)),
            Some(log) => {
                log.at = admitted_at;
                log.add(&statement).unwrap();
            }
        }
    }
    let log = log.expect("entry 0");
    assert_eq!(log.entries, entries, "as they were read");
    (log.directory.clone(), log.tree())
}
