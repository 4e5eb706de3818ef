//! Members admitted by registrars, and what they get with it.
//!
//! In scope: the next admission, whether a member is admitted so already, the ADMISSION file. Out of scope: signing
//! and publishing. Invariant: a member's authority stays, whoever asks for another: it is drafted by the authority.

use std::collections::BTreeSet;

use crate::client::armour::{self, Kind};
use crate::client::draft::Composer;
use crate::client::error::ClientError;
use crate::client::keys::read_public;
use crate::client::mend::Mend;
use crate::client::reach::session::Session;
use crate::client::replica::Replica;
use crate::crypto::sign::KeyId;
use crate::domain::directory::{Member, Statement};
use crate::domain::ids::MemberId;
use crate::domain::refusal::Refusal;
use crate::office::Office;
use crate::signed::canonical;
use crate::signed::proto::{self, MemberKind};
use crate::wire::v1;

use super::{Drafted, Name, NoteVerbale};

/// The keys of a member's authority.
#[derive(Clone, Debug, Default)]
pub struct Authority(Vec<proto::PublicKey>);

impl Authority {
    /// Adds those of an AUTHORITY file, unless it is another member's: whose, then.
    ///
    /// # Errors
    /// The text is no such file.
    pub fn add(&mut self, text: &str, member: &MemberId) -> Result<Option<String>, ClientError> {
        let public = read_public(Kind::Authority, text)?;
        if public.holder != member.as_str() {
            return Ok(Some(public.holder));
        }
        self.0.extend(public.sign);
        Ok(None)
    }

    /// Whether there is none: such a member is only listed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What is said of a member that is admitted.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Who it is.
    pub member: MemberId,
    /// What it is.
    pub kind: MemberKind,
    /// Its names, each in one language.
    pub names: Vec<Name>,
    /// Its authority's keys.
    pub authority: Authority,
    /// How many of them sign, if there is one.
    pub threshold: u32,
    /// Its State's note.
    pub note: Option<NoteVerbale>,
}

/// A member that is being admitted.
pub struct Admitting {
    session: Session,
    copy: Replica,
}

/// A member that is admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The leaf index of its admission.
    pub leaf: Option<u64>,
    /// The ADMISSION file: what it needs to believe that, and to draft what comes next.
    pub file: String,
}

impl Office {
    /// Begins to admit, on a copy that is up to date.
    ///
    /// # Errors
    /// As [`Office::synced`].
    pub async fn admitting(&self) -> Result<Admitting, ClientError> {
        let (session, copy) = self.synced().await?;
        Ok(Admitting { session, copy })
    }
}

impl Admitting {
    /// The admission, to be signed; none, if the member is admitted so already.
    ///
    /// # Errors
    /// The member has another authority, and that one stays.
    pub fn draft(&self, office: &Office, asked: Admission) -> Result<Option<Drafted>, ClientError> {
        let member = asked.member;
        let names = asked.names.into_iter();
        let names = names.map(|Name { language, text }| proto::Text { language, text });
        let admission = proto::Admission {
            member: member.to_string(),
            kind: asked.kind.into(),
            names: names.collect(),
            threshold: if asked.authority.is_empty() { 0 } else { asked.threshold },
            authority: asked.authority.0,
            note: asked.note.map(NoteVerbale::into_signed),
            ..Default::default()
        };
        let directory = self.copy.directory()?;
        let publication = Composer::on(directory, office.ambient()).admission(admission)?;
        let before = directory.member(&member);
        let stands = before.map(|before| stands(before, publication.statement())).transpose()?;
        let drafted =
            (stands != Some(true)).then(|| Drafted::of(vec![publication], self.copy.clone()));
        Ok(drafted)
    }

    /// The member, once its admission is in the log.
    ///
    /// # Errors
    /// The copy cannot be brought up to date, or read.
    pub async fn admitted(
        mut self,
        office: &Office,
        member: &MemberId,
    ) -> Result<Admitted, ClientError> {
        office.sync(&self.session, &mut self.copy).await?;
        let invitation = office.home.invitation(&office.name()?)?.message().clone();
        admitted(&self.copy, invitation, member)
    }
}

pub(super) fn admitted(
    copy: &Replica,
    invitation: v1::Invitation,
    id: &MemberId,
) -> Result<Admitted, ClientError> {
    let directory = copy.directory()?;
    let leaf = directory.member(id).map(|member| member.newest.leaf);
    let admission = match leaf {
        Some(leaf) => copy.proven(leaf)?,
        None => None,
    };
    let next = directory.contacts_of(id).map(|contact| v1::NextVersions {
        contact: contact.id.to_string(),
        record: contact.record_newest.version + 1,
        roster: contact.roster_newest.map_or(0, |newest| newest.version) + 1,
    });
    let next = next.collect();
    let file = v1::AdmissionFile { invitation: Some(invitation), admission, next };
    Ok(Admitted { leaf, file: armour::write(Kind::Admission, &file) })
}

/// Whether the member is admitted with all of this. A note that is not given again is the old one.
///
/// # Errors
/// Its authority is another, and stays.
pub(super) fn stands(before: &Member, next: &Statement) -> Result<bool, ClientError> {
    let Statement::Admission(next) = next else { return Ok(false) };
    let keys: BTreeSet<_> = next.authority.iter().map(|key| KeyId::of(&key.key)).collect();
    let is_same = (before.authority_keys(), before.threshold) == (keys, next.threshold);
    if !is_same && !before.authority.is_empty() {
        let stays = ClientError::from(Refusal::AuthorityStands(before.id.clone()));
        return Err(stays.mended_by(Mend::GiveItsAuthority));
    }
    let said = canonical::decode::<proto::Admission>(&before.payload).unwrap_or_default();
    Ok(is_same
        && (said.kind, &said.names) == (next.kind, &next.names)
        && (next.note.is_none() || next.note == said.note))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::office::drafts::tests::{World, duty};

    #[test]
    fn keys_of_several_authority_files_stand_side_by_side() {
        let world = World::populated();
        let [owner, ..] = world.owners();
        let fr = duty().member();
        let text = |office: &Office| office.home.keys().public(&owner, office.ambient()).unwrap();
        world.bob.home.keys().create(&owner, world.bob.ambient()).unwrap();
        let mut authority = Authority::default();
        for text in [text(&world.fr), text(&world.bob)] {
            assert_eq!(authority.add(&text, &fr), Ok(None));
        }
        let key =
            |office: &Office| office.home.keys().listed(&owner, office.ambient()).unwrap().key;
        let keys: Vec<_> = authority.0.iter().map(|listed| listed.key.clone()).collect();
        assert_eq!(keys, [key(&world.fr), key(&world.bob)]);
    }
}
