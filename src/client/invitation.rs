//! Invitations and admission files: what can be believed before there is a replica.
//!
//! In scope: the invitation's charter, which charters behind it are pinned and which only used, an
//! admission with its proof. Out of scope: the fold over the log (`replica`). Invariants: a
//! [`Trust`] begins with a charter that its own quorum has signed; it goes on only to charters that
//! the one before decides on; nothing is pinned but what a fold has passed through.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::crypto::hash::Digest;
use crate::crypto::sign::{eye, telephone};
use crate::domain::directory::key::{Holder, KnownKey, PublicKey, Purpose};
use crate::domain::directory::{
    Admitted, Charter, Directory, Member, Newest, Parts, RULES, Statement, found, verify,
    verify_founding,
};
use crate::domain::ids::{ContactId, DirectoryName};
use crate::domain::refusal::{Deciders, Expected, Refusal, Targets};
use crate::signed::canonical;
use crate::signed::dsse::Kind;
use crate::signed::proto;
use crate::tlog::checkpoint::{CheckpointError, VerifiedCheckpoint};
use crate::tlog::merkle::leaf_hash;
use crate::tlog::note::{InvalidNote, KeyName};
use crate::tlog::proof::{ProofError, verify_inclusion};
use crate::wire::v1;

use super::armour::{self, InvalidArmour};
use super::charters::{Chain, Link, logged, read};

/// A file does not prove what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInvitation {
    /// Not such a file at all.
    #[error(transparent)]
    Armour(#[from] InvalidArmour),
    /// The charter in it is refused.
    #[error("the invitation's charter is refused: {0}")]
    Charter(Refusal),
    /// The checkpoint is not one of the charter's log.
    #[error("the checkpoint is not one of this directory's log: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The directory's name cannot be the name of a log.
    #[error(transparent)]
    Name(#[from] InvalidNote),
    /// An admission file without an entry, or without an invitation.
    #[error("the admission file holds no {0}")]
    Incomplete(&'static str),
    /// The admission is refused.
    #[error("the admission is refused: {0}")]
    Admission(Refusal),
    /// The entry is not in the log.
    #[error("the admission is not shown to be in the log: {0}")]
    Proof(#[from] ProofError),
}

/// How far the charter of an invitation could be checked by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grounds {
    /// Version 1: by all its signatures. The fingerprint decides whether it is the right one.
    Founding,
    /// A later version: its own quorum has signed. That its predecessor's has too is seen when
    /// the log is folded.
    OwnQuorum,
}

/// A read and checked invitation.
#[derive(Clone, Debug)]
pub struct Invitation {
    message: v1::Invitation,
    trust: Trust,
    grounds: Grounds,
}

impl Invitation {
    /// Reads an invitation file.
    ///
    /// # Errors
    /// [`InvalidInvitation`].
    pub fn read(text: &str) -> Result<Self, InvalidInvitation> {
        Self::check(armour::read(armour::Kind::Invitation, text)?)
    }

    /// Checks an invitation.
    ///
    /// # Errors
    /// [`InvalidInvitation`].
    pub fn check(message: v1::Invitation) -> Result<Self, InvalidInvitation> {
        let (mut trust, grounds) =
            Trust::begin(&message.charter).map_err(InvalidInvitation::Charter)?;
        if !message.checkpoint.is_empty() {
            trust.checkpoint = Some(trust.verify_checkpoint(&message.checkpoint)?);
        }
        Ok(Self { message, trust, grounds })
    }

    /// What the file holds.
    #[must_use]
    pub const fn message(&self) -> &v1::Invitation {
        &self.message
    }

    /// What is to be believed, if the fingerprint is right.
    #[must_use]
    pub const fn trust(&self) -> &Trust {
        &self.trust
    }

    /// What is to be believed, if the fingerprint is right.
    #[must_use]
    pub fn into_trust(self) -> Trust {
        self.trust
    }

    /// How far the charter proves itself.
    #[must_use]
    pub const fn grounds(&self) -> Grounds {
        self.grounds
    }

    /// The fingerprint of the charter, for the eye and for the telephone.
    #[must_use]
    pub fn fingerprint(&self) -> (String, String) {
        let digest = self.trust.charter().newest.statement;
        (eye(&digest), telephone(&digest))
    }
}

/// What is believed of a directory without its log.
///
/// *Pinned* are the invitation's charter and those through which a fold of the log has passed: no
/// log may contradict them. *Used* are charters behind those whose chain of quorums was checked, to
/// connect and to read checkpoints; if the log does not hold them, they go, and the pins stand.
#[derive(Clone, Debug)]
pub struct Trust {
    /// Nothing but the invitation's charter, and the keys that decide on the next.
    directory: Directory,
    pinned: Chain,
    used: Option<Chain>,
    checkpoint: Option<VerifiedCheckpoint>,
}

impl Trust {
    /// From the one charter that people have compared.
    ///
    /// # Errors
    /// The charter is refused.
    pub fn begin(charter: &[u8]) -> Result<(Self, Grounds), Refusal> {
        let (name, version) = target_of(charter)?;
        let (directory, grounds) = if version == 1 {
            let verified = verify_founding(&name, charter)?;
            let at = verified.statement().issued_at();
            (found(&name, &verified, at)?.0, Grounds::Founding)
        } else {
            (of_its_own_quorum(name, charter)?, Grounds::OwnQuorum)
        };
        let name = directory.name().clone();
        let pinned = Chain::from(name, directory.genesis(), directory.charter());
        Ok((Self { directory, pinned, used: None, checkpoint: None }, grounds))
    }

    /// Pins the charters through which a fold has passed, as far as they follow: of what was altered
    /// the next fold makes anew what it passes through.
    pub fn pin(&mut self, entries: &[Bytes]) {
        let _ = entries.iter().try_for_each(|entry| self.pinned.follow_logged(entry));
    }

    /// Uses these charters behind the pins, as far as they follow: those before them are as good as
    /// they were.
    pub fn put_to_use(&mut self, entries: &[Bytes]) {
        let mut chain = self.pinned.clone();
        for entry in entries {
            if chain.follow_logged(entry).is_err() {
                break;
            }
        }
        let further = chain.newest().version > self.pinned.newest().version;
        self.used = further.then_some(chain);
    }

    /// Whether all of these charters are pinned.
    #[must_use]
    pub fn holds(&self, entries: &[Bytes]) -> bool {
        let mut chain = self.pinned.clone();
        let newest = chain.newest().version;
        entries.iter().all(|entry| chain.follow_logged(entry).is_ok())
            && chain.newest().version == newest
    }

    /// Whether these charters stand in the chain, or follow it.
    #[must_use]
    pub fn follows(&self, entries: &[Bytes]) -> bool {
        let mut chain = self.pinned.clone();
        entries.iter().all(|entry| chain.follow_logged(entry).is_ok())
    }

    /// What begins at the newest pin, to be followed further.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.pinned
    }

    /// The newest charter in use, and then the newest that is pinned, if that is another.
    #[must_use]
    pub fn candidates(&self) -> Vec<&Link> {
        let used = self.used.iter().map(Chain::newest);
        used.chain([self.pinned.newest()]).collect()
    }

    /// The newest charter in use.
    #[must_use]
    pub fn newest(&self) -> &Link {
        self.used.as_ref().unwrap_or(&self.pinned).newest()
    }

    /// The directory's name.
    #[must_use]
    pub const fn name(&self) -> &DirectoryName {
        self.directory.name()
    }

    /// The directory's genesis.
    #[must_use]
    pub const fn genesis(&self) -> Digest {
        self.directory.genesis()
    }

    /// The invitation's charter.
    #[must_use]
    pub fn charter(&self) -> &Charter {
        self.directory.charter()
    }

    /// A directory that holds nothing but the invitation's charter.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The fingerprints of the charters pinned, by version: the log must hold them.
    #[must_use]
    pub fn pins(&self) -> BTreeMap<u64, Digest> {
        let invited = self.directory.charter().newest;
        let followed = self.pinned.followed().iter();
        let followed = followed.map(|link| (link.version, link.identity));
        followed.chain([(invited.version, invited.statement)]).collect()
    }

    /// The invitation's checkpoint: the log must hold it.
    #[must_use]
    pub const fn checkpoint(&self) -> Option<&VerifiedCheckpoint> {
        self.checkpoint.as_ref()
    }

    /// The name of the log.
    pub(super) fn origin(&self) -> Result<KeyName, InvalidNote> {
        KeyName::parse(self.name().as_str())
    }

    fn verify_checkpoint(&self, note: &[u8]) -> Result<VerifiedCheckpoint, InvalidInvitation> {
        Ok(VerifiedCheckpoint::verify(note, &self.origin()?, &self.charter().log)?)
    }
}

/// A read admission file. What it says of the member is proven by the charters that stood then.
#[derive(Clone, Debug)]
pub struct AdmissionFile {
    invitation: Invitation,
    admission: v1::ProvenEntry,
    next: Vec<v1::NextVersions>,
}

impl AdmissionFile {
    /// Reads an admission file, and checks the invitation in it.
    ///
    /// # Errors
    /// [`InvalidInvitation`].
    pub fn read(text: &str) -> Result<Self, InvalidInvitation> {
        let file: v1::AdmissionFile = armour::read(armour::Kind::Admission, text)?;
        let incomplete = InvalidInvitation::Incomplete;
        let invitation = file.invitation.ok_or(incomplete("invitation"))?;
        // Files of before lent it the admission's, which another charter's log key may have signed.
        let invitation =
            Invitation::check(v1::Invitation { checkpoint: Bytes::new(), ..invitation })?;
        let admission = file.admission.ok_or(incomplete("admission"))?;
        Ok(Self { invitation, admission, next: file.next })
    }

    /// The invitation in it.
    #[must_use]
    pub const fn invitation(&self) -> &Invitation {
        &self.invitation
    }

    /// Checks the admission's signatures, its place in the log and the log's own signature: each by
    /// the charter that stood there.
    ///
    /// # Errors
    /// [`InvalidInvitation`].
    pub fn proven(&self, charters: &Succession) -> Result<Admission, InvalidInvitation> {
        let proven = &self.admission;
        in_the_log(charters, proven)?;
        let (member, directory) =
            admitted(charters, proven).map_err(InvalidInvitation::Admission)?;
        let next = self.next.iter().filter_map(|next| {
            Some((next.contact.parse::<ContactId>().ok()?, (next.record, next.roster)))
        });
        let next = next.filter(|(contact, _)| contact.member() == member.id).collect();
        Ok(Admission { member, directory, next })
    }
}

/// Charters one after the other from the one that people compared, each with the leaf index behind
/// which it stands.
#[derive(Clone, Debug)]
pub struct Succession(Vec<(u64, Directory)>);

impl Succession {
    /// The invitation's charter, and entries of the log that were seen to follow it.
    ///
    /// # Errors
    /// A charter is refused.
    pub fn new(trust: &Trust, followed: &[(u64, Bytes)]) -> Result<Self, InvalidInvitation> {
        let mut all = vec![(0, trust.directory().clone())];
        for (leaf, entry) in followed {
            let (charter, _) = logged(entry).map_err(InvalidInvitation::Charter)?;
            let next = of_its_own_quorum(trust.name().clone(), &charter);
            all.push((*leaf, next.map_err(InvalidInvitation::Charter)?));
        }
        Ok(Self(all))
    }

    /// What stood for a log of this size, and for the entry behind it.
    fn at(&self, size: u64) -> &Directory {
        let behind = self.0.iter().skip(1).take_while(|(leaf, _)| *leaf < size).count();
        &self.0[behind].1
    }

    /// A checkpoint by the log keys that stood at its size.
    fn verify_checkpoint(&self, note: &[u8]) -> Result<VerifiedCheckpoint, InvalidInvitation> {
        let name = KeyName::parse(self.at(0).name().as_str())?;
        let verified = |directory: &Directory| {
            VerifiedCheckpoint::verify(note, &name, &directory.charter().log)
        };
        let mut by_one = self.0.iter().map(|(_, directory)| verified(directory));
        let size = by_one.find_map(|found| Some(found.ok()?.size()));
        Ok(verified(self.at(size.unwrap_or(u64::MAX)))?)
    }
}

/// An admission that is proven: enough to draft and sign the member's first statements.
#[derive(Clone, Debug)]
pub struct Admission {
    member: Member,
    directory: Directory,
    next: BTreeMap<ContactId, (u64, u64)>,
}

impl Admission {
    /// The member, as it was admitted.
    #[must_use]
    pub const fn member(&self) -> &Member {
        &self.member
    }

    /// A directory that holds nothing but the charter and the member: enough to draft and sign
    /// its first statements.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The next versions of a contact's record and roster: hints of the registrars.
    #[must_use]
    pub const fn next(&self) -> &BTreeMap<ContactId, (u64, u64)> {
        &self.next
    }
}

/// Name and version that a charter gives itself: to know which rules to check it by.
fn target_of(charter: &[u8]) -> Result<(DirectoryName, u64), Refusal> {
    let (_, statement) = read(charter)?;
    let [target] = &statement.targets[..] else {
        return Err(Refusal::InvalidTargets(Targets::Several));
    };
    let name = target.name.parse().map_err(|why| Refusal::field("targets.name", why))?;
    Ok((name, target.version))
}

/// A later charter by itself: its own quorum has signed. Its predecessor's keys are not known, so
/// other signatures are not looked at.
fn of_its_own_quorum(name: DirectoryName, charter: &[u8]) -> Result<Directory, Refusal> {
    let (envelope, statement) = read(charter)?;
    let target = statement.targets.first().cloned().unwrap_or_default();
    let genesis = Digest::try_from(&target.genesis[..])
        .map_err(|why| Refusal::field("targets.genesis", why))?;
    let newest = Newest { version: target.version, leaf: 0, statement: envelope.digest() };
    let charter = Charter::read(&statement, envelope.payload().clone(), newest, RULES)?;
    let signed = charter.registrars.iter().filter(|person| envelope.verify(&person.sign).is_ok());
    let (needed, found) = (charter.threshold, signed.count() as u32);
    if found < needed {
        return Err(Refusal::BelowThreshold { of: Deciders::OwnRegistrars, needed, found });
    }
    let keys = charter.registrars.iter().map(|person| {
        let key = PublicKey::Verifying(person.sign.clone());
        let holder = Holder::Registrar(person.id.clone());
        Arc::new(KnownKey::listed(key, Purpose::PersonSign, holder, 0))
    });
    let (keys, at) = (keys.collect(), statement.issued_at);
    let mut directory = Directory::at(name, genesis, 0, at, Arc::new(charter));
    directory.advance(&Parts { keys, ..no_parts(Admitted { leaf: 0, at }) });
    Ok(directory)
}

fn in_the_log(charters: &Succession, proven: &v1::ProvenEntry) -> Result<(), InvalidInvitation> {
    let checkpoint = charters.verify_checkpoint(&proven.checkpoint)?;
    let path: Result<Vec<Digest>, _> =
        proven.inclusion.iter().map(|hash| Digest::try_from(&hash[..])).collect();
    let path = path.map_err(|_| ProofError::WrongRoot)?;
    let (size, root) = (checkpoint.size(), checkpoint.root());
    Ok(verify_inclusion(leaf_hash(&proven.entry), proven.leaf_index, size, &path, root)?)
}

fn admitted(
    charters: &Succession,
    proven: &v1::ProvenEntry,
) -> Result<(Member, Directory), Refusal> {
    let in_force = charters.at(proven.leaf_index);
    let entry: proto::Entry =
        canonical::decode(&proven.entry).map_err(|_| Refusal::NotCanonical("entry"))?;
    let Some(proto::entry::Leaf::Statement(statement)) = entry.leaf else {
        return Err(Refusal::NotCanonical("entry"));
    };
    let verified = verify(in_force, &statement)?;
    let Statement::Admission(admission) = verified.statement() else {
        let (expected, found) =
            (Expected::Kind(Kind::Admission), verified.envelope().kind().payload_type());
        return Err(Refusal::UnknownKind { expected, found });
    };
    let counting = in_force.charter().registrar_keys();
    let found = verified.signers().iter().filter(|id| counting.contains(id)).count() as u32;
    let needed = in_force.charter().threshold;
    if found < needed {
        return Err(Refusal::BelowThreshold { of: Deciders::Registrars, needed, found });
    }
    let (leaf, at) = (proven.leaf_index, entry.admitted_at);
    let newest = Newest { version: verified.version(), leaf, statement: verified.digest() };
    let payload = verified.envelope().payload().clone();
    let member = Member::read(admission, payload, newest, false, RULES)?;
    let keys = member.authority.iter().map(|key| {
        let holder = Holder::Member(member.id.clone());
        let key = PublicKey::Verifying(key.clone());
        Arc::new(KnownKey::listed(key, Purpose::Authority, holder, leaf))
    });
    let mut directory = in_force.clone();
    let (keys, with) = (keys.collect(), Some(Arc::new(member.clone())));
    directory.advance(&Parts { member: with, keys, ..no_parts(Admitted { leaf, at }) });
    Ok((member, directory))
}

fn no_parts(admitted: Admitted) -> Parts {
    Parts::none(admitted, admitted.at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::draft::{Bundle, Composer};
    use crate::world::testlog::{AUTHORITY, KEEPER, TestLog, ambient, charter, record, roster};

    fn proven(log: &TestLog, leaf: u64) -> v1::ProvenEntry {
        let size = log.entries.len() as u64;
        let path = log.tree().inclusion_proof(leaf, size).unwrap();
        v1::ProvenEntry {
            entry: log.entries[leaf as usize].clone(),
            leaf_index: leaf,
            inclusion: path.iter().map(|hash| hash.as_bytes().to_vec().into()).collect(),
            checkpoint: log.checkpoint(),
        }
    }

    fn admission_file(log: &TestLog) -> v1::AdmissionFile {
        let next =
            |contact: &str| v1::NextVersions { contact: contact.to_owned(), record: 3, roster: 2 };
        v1::AdmissionFile {
            invitation: Some(log.invitation()),
            admission: Some(proven(log, 1)),
            next: vec![next("fr/cert-fr"), next("de/cert-de")],
        }
    }

    /// By the invitation's charter, and those of these leaves behind it.
    fn read_behind(
        file: &v1::AdmissionFile,
        followed: &[(u64, Bytes)],
    ) -> Result<Admission, InvalidInvitation> {
        let read = AdmissionFile::read(&armour::write(armour::Kind::Admission, file))?;
        read.proven(&Succession::new(read.invitation().trust(), followed)?)
    }

    fn read(file: &v1::AdmissionFile) -> Result<Admission, InvalidInvitation> {
        read_behind(file, &[])
    }

    #[test]
    fn the_founding_charter_proves_itself_but_for_its_fingerprint() {
        let log = TestLog::new();
        let invitation = Invitation::check(log.invitation()).unwrap();
        assert_eq!(invitation.grounds(), Grounds::Founding);
        let (eye, telephone) = invitation.fingerprint();
        assert_eq!(eye, crate::crypto::sign::eye(&log.directory.genesis()));
        assert_eq!(telephone.split(' ').count(), 12);
        for place in (0..log.charter().len()).step_by(41) {
            let mut altered = log.charter().to_vec();
            altered[place] ^= 1;
            let altered = v1::Invitation { charter: altered.into(), ..log.invitation() };
            assert!(Invitation::check(altered).is_err(), "byte {place}");
        }
    }

    #[test]
    fn a_later_charter_is_believed_by_its_own_quorum_and_followed_by_the_next() {
        let mut log = TestLog::new();
        let ambient = ambient();
        let mut charters = vec![log.charter()];
        for keys in [[10, 13], [13, 14], [14, 15]] {
            let directory = log.directory.clone();
            let next = Composer::on(&directory, &ambient).charter(charter(&keys));
            let mut bundle = Bundle::of(vec![next]);
            let keys = [1, 2].map(crate::world::testlog::key);
            bundle.sign(Some(&directory), &[&keys[0], &keys[1]], &ambient).unwrap();
            charters.push(bundle.publications()[0].envelope().bytes().clone());
            log.add(charters.last().unwrap()).unwrap();
        }
        let entries: Vec<Bytes> = log.entries.clone();
        for first in 0..4 {
            let (mut trust, grounds) = Trust::begin(&charters[first]).unwrap();
            assert_eq!(grounds == Grounds::Founding, first == 0);
            if first < 2 {
                trust.pin(&entries[first + 2..]);
                assert_eq!(trust.pins().len(), 1, "one was skipped");
            }
            let newest = log.directory.charter().newest.statement;
            // In use: believed to connect, and pinned to nothing.
            trust.put_to_use(&entries[first..]);
            assert_eq!((trust.newest().identity, trust.pins().len()), (newest, 1));
            assert_eq!(trust.candidates().len(), if first < 3 { 2 } else { 1 });
            trust.put_to_use(&[]);
            assert_eq!(trust.newest().identity, trust.charter().newest.statement);
            trust.pin(&entries[first..]);
            assert_eq!(trust.newest().identity, newest);
            assert_eq!(trust.genesis(), log.directory.genesis());
            assert_eq!(trust.pins().len(), 4 - first);
        }
        let (mut trust, _) = Trust::begin(&charters[0]).unwrap();
        let mut unsigned: proto::Dsse = canonical::decode(&charters[1]).unwrap();
        unsigned.signatures.truncate(1);
        let unsigned = prost::Message::encode_to_vec(&unsigned);
        let at = log.directory.clock();
        let unsigned = crate::world::testlog::entry(unsigned.into(), at);
        trust.pin(std::slice::from_ref(&unsigned));
        trust.put_to_use(&[unsigned]);
        assert_eq!((trust.newest().version, trust.pins().len()), (1, 1));
    }

    #[test]
    fn an_admission_file_is_proven_and_enough_to_draft_on() {
        let (log, _) = TestLog::populated();
        let file = read(&admission_file(&log)).unwrap();
        assert_eq!((file.member().id.as_str(), file.next().len()), ("fr", 1));
        let ambient = ambient();
        let mut composer = Composer::after_admission(&file, &ambient);
        let mut bundle = Bundle::of(vec![
            composer.record(record(), &[]).unwrap(),
            composer.roster(roster(), &[]).unwrap(),
        ]);
        let versions: Vec<u64> = bundle
            .publications()
            .iter()
            .map(|publication| publication.statement().targets()[0].version)
            .collect();
        assert_eq!(versions, [3, 2]);
        let keys = [AUTHORITY, KEEPER].map(crate::world::testlog::key);
        bundle.sign(Some(file.directory()), &[&keys[0], &keys[1]], &ambient).unwrap();
        assert_eq!(bundle.missing(Some(file.directory())), []);
    }

    /// The keys of the log and of the registrars are others, before and after.
    #[test]
    fn an_admission_is_proven_by_the_charter_that_stood_at_its_place() {
        let (mut log, _) = TestLog::populated();
        let invitation = log.invitation();
        let file = |log: &TestLog, leaf| v1::AdmissionFile {
            invitation: Some(invitation.clone()),
            admission: Some(proven(log, leaf)),
            next: Vec::new(),
        };
        let before = file(&log, 1);
        let ambient = ambient();
        let keys = [1, 2, 4].map(crate::world::testlog::key);
        let say = |log: &mut TestLog, said: crate::client::draft::Composed| {
            let mut bundle = Bundle::of(vec![said]);
            let keys: Vec<&dyn crate::crypto::sign::Signer> =
                keys.iter().map(|key| key as &dyn crate::crypto::sign::Signer).collect();
            bundle.sign(Some(&log.directory), &keys, &ambient).unwrap();
            let statement = bundle.publications()[0].envelope().bytes().clone();
            log.add(&statement).unwrap();
        };
        let next = proto::Charter {
            registrars: vec![
                crate::world::testlog::person("alice", 1),
                crate::world::testlog::person("dave", 4),
            ],
            ..charter(&[13])
        };
        let next = Composer::on(&log.directory.clone(), &ambient).charter(next);
        let charter_at = log.entries.len() as u64;
        say(&mut log, next);
        log.log_key = 13;
        let admission = proto::Admission {
            member: "jp".to_owned(),
            authority: Vec::new(),
            threshold: 0,
            ..crate::world::testlog::admission()
        };
        let admission = Composer::on(&log.directory.clone(), &ambient).admission(admission);
        say(&mut log, admission.unwrap());
        let leaf = charter_at + 1;
        let followed = [(charter_at, log.entries[charter_at as usize].clone())];
        let behind = |file: &v1::AdmissionFile| read_behind(file, &followed);
        assert_eq!(behind(&file(&log, leaf)).unwrap().member().id.as_str(), "jp");
        assert_eq!(behind(&file(&log, 1)).unwrap().member().id.as_str(), "fr");
        assert_eq!(behind(&before).unwrap().member().id.as_str(), "fr");
        // Neither key signs for the time of the other.
        let refused = read_behind(&file(&log, leaf), &[]).unwrap_err();
        assert!(matches!(refused, InvalidInvitation::Checkpoint(_)), "{refused}");
        log.log_key = crate::world::testlog::LOG;
        let refused = behind(&file(&log, leaf)).unwrap_err();
        assert!(matches!(refused, InvalidInvitation::Checkpoint(_)), "{refused}");
    }

    #[test]
    fn an_admission_that_is_not_in_the_log_or_not_the_registrars_is_refused() {
        let (log, _) = TestLog::populated();
        let with = |admission: v1::ProvenEntry| {
            let file = v1::AdmissionFile { admission: Some(admission), ..admission_file(&log) };
            read(&file).unwrap_err()
        };
        let good = proven(&log, 1);
        let other_place = v1::ProvenEntry { leaf_index: 2, ..good.clone() };
        assert!(matches!(with(other_place), InvalidInvitation::Proof(_)));
        let other_entry = v1::ProvenEntry { entry: log.entries[2].clone(), ..good.clone() };
        assert!(matches!(with(other_entry), InvalidInvitation::Proof(_)));
        assert!(matches!(with(proven(&log, 2)), InvalidInvitation::Admission(_)));
        // In the log, but one registrar alone has signed: the operator's word is not enough.
        let alone = TestLog::new();
        let ambient = ambient();
        let admission = crate::world::testlog::admission();
        let admission = Composer::on(&alone.directory, &ambient).admission(admission).unwrap();
        let mut bundle = Bundle::of(vec![admission]);
        let key = crate::world::testlog::key(1);
        bundle.sign(Some(&alone.directory), &[&key], &ambient).unwrap();
        let statement = bundle.publications()[0].envelope().bytes().clone();
        let mut forced = log.clone();
        forced.entries[1] = crate::world::testlog::entry(statement, log.directory.clock());
        let refused = with(proven(&forced, 1));
        let below = matches!(
            refused,
            InvalidInvitation::Admission(Refusal::BelowThreshold { needed: 2, found: 1, .. })
        );
        assert!(below, "{refused}");
        let mut forged = log.clone();
        forged.log_key = 99;
        let forged = v1::ProvenEntry { checkpoint: forged.checkpoint(), ..good };
        assert!(matches!(with(forged), InvalidInvitation::Checkpoint(_)));
        let none = v1::AdmissionFile { admission: None, ..admission_file(&log) };
        assert_eq!(read(&none).unwrap_err(), InvalidInvitation::Incomplete("admission"));
    }
}
