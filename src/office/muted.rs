//! Whose messages this seat does not want to be shown.
//!
//! In scope: the list, and which messages it hides. Out of scope: what is shown instead (`cli`).
//! Invariants: nothing urgent is ever hidden; the relay does not learn of it, and neither does the
//! sender: what is hidden is collected, opened and receipted as everything is.
//!
//! ```text
//! liaison muted 1      the form
//! se/cert-se           a contact, or a member with all of its contacts; one a line
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::client::files::{self, FileError};
use crate::client::format::MUTED as FORM;
use crate::domain::ids::{ContactId, InvalidId, MemberId};
use crate::domain::relay::addressing::Addressing;
use crate::signed::proto::Urgency;

/// Who may be muted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sender {
    /// One contact, whichever of its seats writes.
    Contact(ContactId),
    /// A member, with all of its contacts.
    Member(MemberId),
}

impl FromStr for Sender {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text.contains('/') {
            text.parse().map(Self::Contact)
        } else {
            text.parse().map(Self::Member)
        }
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contact(contact) => contact.fmt(f),
            Self::Member(member) => member.fmt(f),
        }
    }
}

/// The list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MutedError {
    /// Its file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// Of another form, or altered.
    #[error("{} is not a list of who is muted that this version knows", .0.display())]
    Form(PathBuf),
}

/// Whose messages are hidden.
#[derive(Clone, Debug)]
pub struct Muted {
    path: PathBuf,
    who: BTreeSet<Sender>,
}

impl Muted {
    /// A list that mutes nobody.
    #[must_use]
    pub fn nobody(folder: &Path) -> Self {
        Self { path: folder.join(MUTED), who: BTreeSet::new() }
    }

    /// The list in a folder.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(folder: &Path) -> Result<Self, MutedError> {
        let nobody = Self::nobody(folder);
        let Some(bytes) = files::read_if_there(&nobody.path, MUTED_BYTES)? else {
            return Ok(nobody);
        };
        let form = || MutedError::Form(nobody.path.clone());
        let text = str::from_utf8(&bytes).map_err(|_| form())?;
        let lines = text.strip_prefix(FORM).ok_or_else(form)?.lines();
        let who = lines.map(str::parse).collect::<Result<_, _>>().map_err(|_| form())?;
        Ok(Self { who, ..nobody })
    }

    /// Who is on it.
    pub fn who(&self) -> impl Iterator<Item = &Sender> {
        self.who.iter()
    }

    /// Puts somebody on the list, or takes him off it.
    ///
    /// # Errors
    /// The disk; the list is as it was.
    pub fn set(&mut self, sender: Sender, muted: bool) -> Result<(), MutedError> {
        let mut who = self.who.clone();
        if muted {
            who.insert(sender)
        } else {
            who.remove(&sender)
        };
        let lines: String = who.iter().map(|sender| format!("{sender}\n")).collect();
        files::replace(&self.path, format!("{FORM}{lines}").as_bytes())?;
        self.who = who;
        Ok(())
    }

    /// Whether a message is hidden. What a later version calls urgent may be.
    #[must_use]
    pub fn hides(&self, of: &Addressing) -> bool {
        let waits = of.urgency == Urgency::Routine || of.urgency == Urgency::Priority;
        waits && self.holds(&of.sender.contact())
    }

    /// Whether nobody is on it.
    #[must_use]
    pub fn is_nobody(&self) -> bool {
        self.who.is_empty()
    }

    /// Whether a contact is on it, or its member.
    #[must_use]
    pub fn holds(&self, contact: &ContactId) -> bool {
        let member = Sender::Member(contact.member());
        self.who.contains(&member) || self.who.contains(&Sender::Contact(contact.clone()))
    }
}

const MUTED: &str = "muted";
/// Ten thousand contacts.
const MUTED_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::relay::addressing::OrLater;
    use crate::world::relay::{AT, Net, PT};

    fn sender(text: &str) -> Sender {
        text.parse().unwrap()
    }

    #[test]
    fn who_is_muted_stays_so_and_nothing_urgent_is_hidden() {
        let net = Net::new();
        let of = |from, urgency| {
            let sealed =
                net.seal(net.outside(from, &["fr/cert-fr"]), &crate::world::relay::notification(0));
            Addressing { urgency, ..sealed.addressing }
        };
        let known = [Urgency::Routine, Urgency::Priority, Urgency::Immediate, Urgency::Flash];
        let all = known.map(OrLater::Known).into_iter().chain([OrLater::Later(9)]);
        let all: Vec<_> = all.collect();
        let hidden = |muted: &Muted, from| {
            all.iter().map(|urgency| muted.hides(&of(from, *urgency))).collect::<Vec<_>>()
        };
        let folder = tempfile::tempdir().unwrap();
        let mut muted = Muted::open(folder.path()).unwrap();
        assert_eq!(hidden(&muted, AT), [false; 5]);
        muted.set(sender("at/cert-at"), true).unwrap();
        muted.set(sender("pt"), true).unwrap();
        for muted in [&muted, &Muted::open(folder.path()).unwrap()] {
            for from in [AT, PT] {
                assert_eq!(hidden(muted, from), [true, true, false, false, false], "{from}");
            }
            assert!(muted.who().eq([&sender("at/cert-at"), &sender("pt")]));
        }
        muted.set(sender("pt"), false).unwrap();
        let muted = Muted::open(folder.path()).unwrap();
        assert_eq!((hidden(&muted, AT)[0], hidden(&muted, PT)[0]), (true, false));
    }

    #[test]
    fn a_list_of_another_form_is_said_to_be_one() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "liaison muted 2\npt\n", "liaison muted 1\nnot a contact\n"] {
            std::fs::write(folder.path().join(MUTED), text).unwrap();
            assert!(matches!(Muted::open(folder.path()), Err(MutedError::Form(_))), "{text:?}");
        }
    }
}
