//! What a list needs of every entry of the inbox, beside the inbox.
//!
//! In scope: what each entry says of itself, how it was dealt with, in which order entries are fetched
//! and listed, where the headers stand that others name. Out of scope: verifying and showing (`collect`,
//! `cli`). Invariants: nothing here is believed: what is shown or read beside others is verified first;
//! the inbox is asked for what came since; nothing sealed is readable here;
//! a file that is missing, damaged, or of another form is made again from the inbox.
//!
//! ```text
//! "liaison inbox index 1\n"   the form
//! 4 bytes                     CRC-32 of what follows
//! an Index
//! ```

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use prost::Message as _;

use crate::client::files::{self, FileError};
use crate::client::format::{self, INDEX as FORM};
use crate::crypto::hash::Digest;
use crate::domain::ids::MessageId;
use crate::domain::state::EntryKind;
use crate::signed::dsse::Envelope;
use crate::signed::proto::{self, Class, Urgency};

use super::how::How;
use super::inbox::{Inbox, InboxError, Kept};

/// What an entry says of itself.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Row {
    /// Its number in the mailbox.
    #[prost(uint64, tag = "1")]
    pub number: u64,
    /// The number of its kind.
    #[prost(uint32, tag = "2")]
    kind: u32,
    /// What stands in the chain for it: the digest of a message's header.
    #[prost(bytes = "bytes", tag = "3")]
    digest: Bytes,
    /// The id of the message.
    #[prost(bytes = "bytes", tag = "4")]
    id: Bytes,
    /// The seat that wrote it.
    #[prost(string, tag = "5")]
    pub sender: String,
    #[prost(int32, tag = "6")]
    class: i32,
    #[prost(int32, tag = "7")]
    urgency: i32,
    /// The header that it answers, or acknowledges.
    #[prost(bytes = "bytes", tag = "8")]
    about: Bytes,
    /// How it was dealt with; empty while it was not.
    #[prost(string, tag = "9")]
    how: String,
}

/// Every row, by number.
#[derive(Clone, PartialEq, prost::Message)]
struct Stored {
    #[prost(message, repeated, tag = "1")]
    rows: Vec<Row>,
}

/// What every entry of an inbox says of itself.
#[derive(Clone, Debug, Default)]
pub struct Index {
    path: PathBuf,
    rows: Vec<Row>,
    changed: bool,
}

impl Row {
    fn of(kept: &Kept) -> Self {
        let header = read::<proto::Header>(&kept.item.header).unwrap_or_default();
        let of = proto::Addressing::decode(header.addressing).unwrap_or_default();
        let about = match kept.kind {
            EntryKind::Acknowledged => read::<proto::Acknowledgement>(&kept.item.acknowledgement)
                .map(|acknowledgement| acknowledgement.header_digest)
                .unwrap_or_default(),
            EntryKind::Addressed
            | EntryKind::Released
            | EntryKind::NotDelivered
            | EntryKind::Later(_) => of.in_reply_to,
        };
        Self {
            number: kept.item.number,
            kind: kept.item.kind,
            digest: Bytes::copy_from_slice(kept.digest.as_bytes()),
            id: of.id,
            sender: of.sender,
            class: of.class,
            urgency: of.urgency,
            about,
            how: String::new(),
        }
    }

    /// Whether it is a message of the mailbox's contact.
    #[must_use]
    pub fn is_message(&self) -> bool {
        matches!(self.kind(), Some(EntryKind::Addressed | EntryKind::Released))
    }

    /// Whether it is a message to people, and neither a receipt nor the words of an acknowledgement.
    #[must_use]
    pub fn is_for_people(&self) -> bool {
        let class = self.class;
        let machines = [Class::Receipt, Class::Acknowledgement];
        self.is_message() && machines.iter().all(|of| i32::from(*of) != class)
    }

    /// Whether a receipt is its class.
    #[must_use]
    pub fn is_receipt(&self) -> bool {
        self.class == i32::from(Class::Receipt)
    }

    /// Its kind, if this version knows it.
    #[must_use]
    pub fn kind(&self) -> Option<EntryKind> {
        u8::try_from(self.kind).ok().and_then(EntryKind::of_byte)
    }

    /// What stands in the chain for it.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        Digest::try_from(&self.digest[..]).ok()
    }

    /// The header that it answers, or acknowledges.
    #[must_use]
    pub fn about(&self) -> Option<Digest> {
        Digest::try_from(&self.about[..]).ok()
    }

    /// The id of the message, in its usual form.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        MessageId::try_from(&self.id[..]).ok().map(|id| id.to_string())
    }

    /// How it was dealt with, if it was.
    #[must_use]
    pub fn how(&self) -> Option<How> {
        Some(&self.how[..]).filter(|how| !how.is_empty()).map(How::read)
    }

    /// Whether it is too urgent to be muted.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        let waits = [Urgency::Routine, Urgency::Priority];
        waits.iter().all(|of| i32::from(*of) != self.urgency)
    }

    /// Most urgent first, newest first within. What a later version calls urgent comes first.
    fn order(&self) -> (Reverse<i32>, Reverse<u64>) {
        (Reverse(self.urgency), Reverse(self.number))
    }
}

fn read<M: prost::Message + Default>(signed: &Bytes) -> Option<M> {
    let envelope = Envelope::parse(signed, signed.len()).ok()?;
    M::decode(envelope.payload().clone()).ok()
}

impl Index {
    /// The index of an inbox, brought up to date.
    ///
    /// # Errors
    /// The inbox.
    pub fn open(folder: &Path, inbox: &Inbox) -> Result<Self, InboxError> {
        let path = folder.join(INDEX);
        let stored = files::read_if_there(&path, MAX_BYTES).ok().flatten();
        let rows = stored.and_then(|bytes| decode(&bytes.into())).unwrap_or_default();
        let mut index = Self { path, rows, changed: false };
        if !index.fits(inbox)? {
            index.rows.clear();
        }
        index.update(inbox)?;
        Ok(index)
    }

    /// Whether the last row is the entry that it was made of.
    fn fits(&self, inbox: &Inbox) -> Result<bool, InboxError> {
        let Some(last) = self.rows.last() else { return Ok(true) };
        match inbox.item(last.number) {
            Ok(kept) => Ok(last.digest() == Some(kept.digest)),
            Err(InboxError::Unknown(_)) => Ok(false),
            Err(why) => Err(why),
        }
    }

    /// Takes in what came and what was dealt with since.
    ///
    /// # Errors
    /// The inbox.
    pub fn update(&mut self, inbox: &Inbox) -> Result<(), InboxError> {
        let since = self.since(inbox)?;
        self.changed |= !since.is_empty();
        self.rows.extend(since);
        if self.rows.iter().all(|row| !row.how.is_empty()) {
            return Ok(());
        }
        let done = inbox.dealt_with()?;
        for row in &mut self.rows {
            if row.how.is_empty() && done.binary_search(&row.number).is_ok() {
                row.how =
                    inbox.how(row.number)?.map_or_else(String::new, |how| how.code().to_owned());
                self.changed = true;
            }
        }
        Ok(())
    }

    /// Keeps it for the next command.
    ///
    /// # Errors
    /// The disk; then the next command makes it again.
    pub fn keep(&mut self) -> Result<(), FileError> {
        if self.changed {
            let stored = Stored { rows: self.rows.clone() }.encode_to_vec();
            files::put(&self.path, &format::summed(FORM, &stored))?;
            self.changed = false;
        }
        Ok(())
    }

    /// Every row, by number.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The row of a number.
    #[must_use]
    pub fn row(&self, number: u64) -> Option<&Row> {
        let at = self.rows.binary_search_by_key(&number, |row| row.number).ok()?;
        self.rows.get(at)
    }

    fn last(&self) -> u64 {
        self.rows.last().map_or(0, |row| row.number)
    }

    /// What came since, by number.
    ///
    /// # Errors
    /// The inbox.
    pub fn since(&self, inbox: &Inbox) -> Result<Vec<Row>, InboxError> {
        let mut since = Vec::new();
        inbox.each_after(self.last(), |kept| since.push(Row::of(kept)))?;
        Ok(since)
    }

    /// The numbers of messages with this header, in order, those that came since among them.
    #[must_use]
    pub fn with_header(&self, since: &[Row], header: Digest) -> Vec<u64> {
        self.messages(since, |row| row.digest == header.as_bytes()[..])
    }

    /// The numbers of messages that say that they begin this thread, in order, those that came since
    /// among them: one for each contact that used its id.
    #[must_use]
    pub fn beginning(&self, since: &[Row], thread: MessageId) -> Vec<u64> {
        self.messages(since, |row| row.id == thread.as_bytes()[..] && row.about.is_empty())
    }

    fn messages(&self, since: &[Row], is: impl Fn(&Row) -> bool) -> Vec<u64> {
        let rows = self.rows.iter().chain(since);
        rows.filter(|row| row.is_message() && is(row)).map(|row| row.number).collect()
    }

    /// These numbers, most urgent first, newest first within.
    #[must_use]
    pub fn ordered(&self, numbers: &[u64]) -> Vec<u64> {
        let mut rows: Vec<&Row> = numbers.iter().filter_map(|number| self.row(*number)).collect();
        rows.sort_by_key(|row| row.order());
        fair(rows).into_iter().map(|row| row.number).collect()
    }

    /// The rows that people look for, most urgent first, newest first within; each message once.
    #[must_use]
    pub fn for_people(&self) -> Vec<&Row> {
        let mut once = HashMap::<&Bytes, &Row>::new();
        for row in self.rows.iter().filter(|row| row.is_for_people()) {
            let first = once.entry(&row.digest).or_insert(row);
            // What came as a header alone is fetched where it was delivered again.
            if first.how().is_none() {
                *first = row;
            }
        }
        let mut rows: Vec<&Row> = once.into_values().collect();
        rows.sort_by_key(|row| row.order());
        rows
    }
}

/// The same, but of one member only so many before those of all others: so nobody hides them.
#[must_use]
pub fn fair(rows: Vec<&Row>) -> Vec<&Row> {
    let mut of_members = BTreeMap::<&str, usize>::new();
    let (mut first, mut others) = (Vec::new(), Vec::new());
    for row in rows {
        let member = row.sender.split('/').next().unwrap_or_default();
        let before = of_members.entry(member).or_default();
        *before += 1;
        if *before <= OF_A_MEMBER { first.push(row) } else { others.push(row) }
    }
    first.extend(others);
    first
}

/// Of a page of 50, so that six floods leave room.
const OF_A_MEMBER: usize = 8;

fn decode(bytes: &Bytes) -> Option<Vec<Row>> {
    Some(Stored::decode(bytes.slice_ref(format::content(FORM, bytes)?)).ok()?.rows)
}

const INDEX: &str = "index";
/// A million entries.
const MAX_BYTES: u64 = 512 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry that only tells of a message is none.
    #[test]
    fn what_others_name_is_found_among_messages() {
        let (header, id) = (Digest::from_bytes([1; 32]), MessageId::new(1, [2; 10]));
        let row = |number, kind: EntryKind| Row {
            number,
            kind: kind.byte().into(),
            digest: Bytes::copy_from_slice(header.as_bytes()),
            id: Bytes::copy_from_slice(id.as_bytes()),
            ..Row::default()
        };
        let kinds = [EntryKind::NotDelivered, EntryKind::Addressed, EntryKind::Released];
        let rows = (1..).zip(kinds).map(|(number, kind)| row(number, kind)).collect();
        let index = Index { rows, ..Index::default() };
        for (index, since) in [(&index, &[][..]), (&Index::default(), index.rows())] {
            assert_eq!(index.with_header(since, header), [2, 3]);
            assert_eq!(index.beginning(since, id), [2, 3]);
        }
    }

    #[test]
    fn no_member_hides_what_others_wrote() {
        let row = |number, sender: &str, urgency: Urgency| Row {
            number,
            sender: sender.to_owned(),
            urgency: urgency.into(),
            ..Row::default()
        };
        let mut rows = vec![row(1, "pt/cncs/duty-1", Urgency::Routine)];
        // From two contacts of one member.
        rows.extend((2..40).map(|at| row(at, &format!("se/c{}/a", at % 2), Urgency::Flash)));
        let numbers: Vec<u64> = rows.iter().map(|row| row.number).collect();
        let index = Index { path: PathBuf::new(), rows, changed: false };
        let ordered = index.ordered(&numbers);
        assert_eq!(ordered[..10], [39, 38, 37, 36, 35, 34, 33, 32, 1, 31]);
        assert_eq!(ordered.len(), 39, "and nothing is left out");
    }
}
