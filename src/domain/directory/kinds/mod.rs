//! The kinds of statements: the one list, and the one order in which each is judged.
//!
//! In scope: from bytes received to what they change. A kind is a file of its own: since which
//! rules, who signs, how it counts and stands in time, about whom, what it changes. Out of scope:
//! what the directory holds (beside this folder). Invariants: a [`Verified`] exists only by
//! [`verify`]; the order of checks is that of `docs/protocol.md` 6.

mod admission;
mod attested_record;
mod charter;
mod record;
mod revocation;
mod roster;
#[cfg(test)]
pub(super) mod trial;
mod withdrawal;

use std::collections::{BTreeMap, BTreeSet};

use prost::{Message, Name};

use crate::crypto::hash::Digest;
use crate::crypto::sign::{KeyId, VerifyingKey};
use crate::domain::ids::{DirectoryName, MemberId};
use crate::domain::limits;
use crate::domain::refusal::{Expected, Fault, Refusal, Targets};
use crate::domain::role::Signer;
use crate::signed::canonical;
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, Target};

use super::entry::Entry;
use super::key::{KnownKey, PublicKey, Purpose};
use super::possession::Claim;
use super::rules::FIRST_RULES;
use super::steps::{Admitted, Dated, Parts, Signed, Step, clock, next};
use super::text::sorted_set;
use super::{Directory, Newest};

/// The list: each kind of statement with its payload.
macro_rules! statements {
    ($($(#[$attribute:meta])* $kind:ident($payload:ty),)+) => {
        /// The payload of a statement.
        #[derive(Clone, Debug, PartialEq)]
        #[expect(missing_docs, reason = "each kind is documented in its file")]
        pub enum Statement {
            $($(#[$attribute])* $kind($payload),)+
        }

        impl Statement {
            /// Every kind of statement with the rules since which it is admitted.
            pub const KINDS: &[(Kind, u32)] =
                &[$($(#[$attribute])* (Kind::$kind, <$payload>::RULE.since),)+];

            /// Reads a canonical payload of a kind that these rules know.
            ///
            /// # Errors
            /// No statement kind of these rules, or not its form.
            pub fn read(kind: Kind, payload: &[u8], rules: u32) -> Result<Self, Refusal> {
                let known = Self::KINDS.iter().any(|(of, since)| *of == kind && *since <= rules);
                let statement = match kind {
                    $($(#[$attribute])* Kind::$kind if known => {
                        Payload::read(payload).map(Self::$kind)?
                    })+
                    other => {
                        let (expected, found) = (Expected::Statement, other.payload_type());
                        return Err(Refusal::UnknownKind { expected, found });
                    }
                };
                statement.says().form()?;
                Ok(statement)
            }

            /// Which kind of statement it is.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self {
                    $($(#[$attribute])* Self::$kind(_) => Kind::$kind,)+
                }
            }

            /// Its payload in its one encoding.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                match self {
                    $($(#[$attribute])* Self::$kind(says) => Payload::encode(says),)+
                }
            }

            fn says(&self) -> &dyn Says {
                match self {
                    $($(#[$attribute])* Self::$kind(says) => says,)+
                }
            }

            fn rule(&self) -> &'static Rule {
                match self {
                    $($(#[$attribute])* Self::$kind(_) => &<$payload>::RULE,)+
                }
            }
        }
    };
}

statements! {
    Charter(proto::Charter),
    Admission(proto::Admission),
    AttestedRecord(proto::AttestedRecord),
    Record(proto::Record),
    Roster(proto::Roster),
    Withdrawal(proto::Withdrawal),
    Revocation(proto::Revocation),
    #[cfg(test)]
    Trial(trial::Trial),
}

impl Statement {
    /// The directories that it is for.
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        self.says().targets()
    }

    /// When it was signed.
    #[must_use]
    pub fn issued_at(&self) -> u64 {
        self.says().issued_at()
    }

    /// How its kind stands in time.
    pub(in crate::domain) fn dated(&self) -> Dated {
        self.rule().dated
    }

    /// The member who says it; none if the registrars do, or it cannot be read.
    #[must_use]
    pub fn member(&self) -> Option<MemberId> {
        self.says().member()
    }

    /// The facets that it names, and whose they are.
    #[must_use]
    pub fn facets(&self) -> (&str, &[proto::Facet]) {
        self.says().facets()
    }
}

/// What is the same for every statement of a kind.
struct Rule {
    /// The rules since which it is admitted.
    since: u32,
    /// Who may sign it.
    signers: &'static [Signer],
    /// Whether it is for one directory alone.
    one_target: bool,
    /// Whether it counts versions; else its version is 0.
    counted: bool,
    /// How it stands in time.
    dated: Dated,
}

/// What a statement says. One file implements it for one kind.
trait Says {
    fn targets(&self) -> &[Target];
    fn issued_at(&self) -> u64;
    /// What the encoding alone does not say of its form.
    fn form(&self) -> Result<(), Refusal> {
        Ok(())
    }
    /// Whose facets it names, and which.
    fn facets(&self) -> (&str, &[proto::Facet]) {
        ("", &[])
    }
    /// The keys that it lists to sign itself.
    fn own_signers(&self, _rules: u32) -> BTreeMap<KeyId, VerifyingKey> {
        BTreeMap::new()
    }
    /// The keys that it lists with a proof.
    fn claims(&self) -> Vec<Claim> {
        Vec::new()
    }
    /// The member who says it; none if the registrars do.
    fn member(&self) -> Option<MemberId> {
        None
    }
    /// Those whom it is about can be read and are there.
    fn subject(&self, directory: &Directory) -> Result<(), Refusal>;
    /// Of a kind that registrars may sign: they decide about this one.
    fn is_of_registrars(&self, _directory: &Directory) -> Result<(), Refusal> {
        Ok(())
    }
    /// Enough of those who decide have signed, and nobody else.
    fn signed(&self, directory: &Directory, signed: &Signed<'_>) -> Result<(), Refusal>;
    /// The newest of its counter.
    fn newest(&self, directory: &Directory) -> Option<Newest>;
    /// Where this very statement already is, in a kind without counter.
    fn took_effect(&self, _directory: &Directory, _statement: Digest) -> Option<u64> {
        None
    }
    /// What it holds, and what that changes.
    fn change(&self, step: Step<'_>) -> Result<Parts, Refusal>;
}

/// A payload as bytes.
trait Payload: Sized {
    fn read(payload: &[u8]) -> Result<Self, Refusal>;
    fn encode(&self) -> Vec<u8>;
}

impl<M: Message + Name + Default> Payload for M {
    fn read(payload: &[u8]) -> Result<Self, Refusal> {
        canonical::decode(payload).map_err(|_| Refusal::NotCanonical("statement"))
    }

    fn encode(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
}

/// What a key is, to whoever looks at its signature.
struct Role {
    signs: Option<Signer>,
    purpose: Purpose,
}

impl Role {
    /// Of a key that the directory knows; of another one, which a charter lists for itself.
    fn of(known: Option<&KnownKey>) -> Self {
        known.map_or(
            Self { signs: Some(Signer::Registrar), purpose: Purpose::PersonSign },
            |known| Self {
                signs: Signer::of(known.purpose, &known.holder),
                purpose: known.purpose,
            },
        )
    }
}

/// A statement whose signatures are over the bytes received, and verify.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    envelope: Envelope,
    statement: Statement,
    version: u64,
    signers: Vec<KeyId>,
    /// Proofs of possession that hold, never to be verified again. What is missing says nothing.
    proven: BTreeSet<Claim>,
}

impl Verified {
    /// The bytes received, and their payload.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// What it says.
    #[must_use]
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Its version in this directory.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The keys whose signatures verified, sorted.
    #[must_use]
    pub fn signers(&self) -> &[KeyId] {
        &self.signers
    }

    /// Its identity: the digest of its envelope.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.envelope.digest()
    }

    /// Its version is the next of its counter.
    ///
    /// # Errors
    /// [`Refusal::WrongVersion`].
    pub fn is_next(&self, directory: &Directory) -> Result<(), Refusal> {
        is_next(directory, &self.statement, self.version, self.digest())
    }
}

fn is_next(
    directory: &Directory,
    statement: &Statement,
    version: u64,
    digest: Digest,
) -> Result<(), Refusal> {
    let newest = statement.says().newest(directory);
    next(newest, version, directory.size(), digest).map(|_| ())
}

/// A statement for this directory. Nothing is said of its signatures.
#[derive(Clone, Debug, PartialEq)]
pub struct Unverified {
    envelope: Envelope,
    statement: Statement,
    target: Target,
}

impl Unverified {
    /// Reads the bytes of a Dsse.
    ///
    /// # Errors
    /// Size, form, kind, directory and genesis.
    pub fn read(directory: &Directory, bytes: &[u8]) -> Result<Self, Refusal> {
        let (envelope, statement) = read(bytes, directory.rules())?;
        let target = target_of(&statement, directory.name(), Some(directory.genesis()))?;
        Ok(Self { envelope, statement, target })
    }

    /// The bytes received, and their payload.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The registrars decide about it.
    ///
    /// # Errors
    /// [`Refusal::UnknownKind`]: of a kind that they do not sign; [`Refusal::BelowThreshold`]: others decide
    /// about this one.
    pub fn is_of_registrars(&self, directory: &Directory) -> Result<(), Refusal> {
        if self.statement.rule().signers.contains(&Signer::Registrar) {
            return self.statement.says().is_of_registrars(directory);
        }
        let (expected, found) = (Expected::OfRegistrars, self.envelope.kind().payload_type());
        Err(Refusal::UnknownKind { expected, found })
    }

    /// As [`Verified::is_next`].
    ///
    /// # Errors
    /// [`Refusal::WrongVersion`].
    pub fn is_next(&self, directory: &Directory) -> Result<(), Refusal> {
        is_next(directory, &self.statement, self.target.version, self.envelope.digest())
    }

    /// Its leaf, if it is the newest of its counter already, or an undated one that has taken effect:
    /// it is answered with that, and not logged again.
    #[must_use]
    pub fn logged(&self, directory: &Directory) -> Option<u64> {
        repeats(directory, &self.statement, self.envelope.digest())
    }

    /// Whether it revokes a key that stands.
    #[must_use]
    pub fn revokes(&self, directory: &Directory) -> bool {
        matches!(&self.statement, Statement::Revocation(says) if says.finds(directory))
    }

    /// The rest of the first half of the order of checks.
    ///
    /// # Errors
    /// Whom it is about, signatures up to their validity.
    pub fn verify(self, directory: &Directory) -> Result<Verified, Refusal> {
        self.statement.says().subject(directory)?;
        verified(directory, self)
    }

    /// As [`Self::verify`], for whoever is not known: signatures come first, and that nobody is there
    /// whom it is about looks like a signature of nobody who decides for them.
    ///
    /// # Errors
    /// As [`Self::verify`], and [`Refusal::NotEntitled`].
    pub fn verify_of_stranger(self, directory: &Directory) -> Result<Verified, Refusal> {
        let verified = verified(directory, self)?;
        let says = verified.statement.says();
        match says.signed(directory, &Signed(&verified.signers)) {
            Err(
                Refusal::UnknownMember(_)
                | Refusal::UnknownContact(_)
                | Refusal::BelowThreshold { found: 0, .. },
            ) => return Err(Refusal::NotEntitled),
            Err(_) | Ok(()) => says.subject(directory)?,
        }
        Ok(verified)
    }
}

fn repeats(directory: &Directory, statement: &Statement, digest: Digest) -> Option<u64> {
    let says = statement.says();
    let newest = says.newest(directory).filter(|newest| newest.statement == digest);
    newest.map(|newest| newest.leaf).or_else(|| says.took_effect(directory, digest))
}

impl Verified {
    /// As [`Unverified::logged`], of one that was verified.
    #[must_use]
    pub fn logged(&self, directory: &Directory) -> Option<u64> {
        repeats(directory, &self.statement, self.digest())
    }
}

/// Verifies a statement for this directory: the first half of the order of checks.
///
/// # Errors
/// The first of: size, form, kind, directory and genesis, whom it is about, signatures up to their
/// validity.
pub fn verify(directory: &Directory, bytes: &[u8]) -> Result<Verified, Refusal> {
    Unverified::read(directory, bytes)?.verify(directory)
}

fn verified(directory: &Directory, unverified: Unverified) -> Result<Verified, Refusal> {
    let Unverified { envelope, statement, target } = unverified;
    let listed = statement.says().own_signers(directory.rules());
    let signers = verify_signatures(&envelope, &statement, |id| {
        let known = directory.key(id);
        match (known.filter(|_| directory.in_force(id).is_ok()), listed.get(id)) {
            (Some(KnownKey { key: PublicKey::Verifying(key), .. }), _) => {
                Ok((key.clone(), Role::of(known)))
            }
            (_, Some(key)) => Ok((key.clone(), Role::of(known))),
            (_, None) if known.is_some() => Err(Refusal::KeyNotInForce(*id)),
            (_, None) => Err(Refusal::UnknownKey(*id)),
        }
    })?;
    let says = statement.says();
    // Beside the signatures for those who may decide: a check costs. None refuses, `apply` does.
    let decides = says.signed(directory, &Signed(&signers)).is_ok();
    let claims = if decides { says.claims() } else { Vec::new() };
    let proven = claims.into_iter().filter(Claim::holds).collect();
    Ok(Verified { version: target.version, envelope, statement, signers, proven })
}

/// Decides a verified statement on the directory at the head before it: the second half. What may
/// have changed since it was verified is asked again.
///
/// # Errors
/// The first of: whom it is about, standing of the signers, threshold, superfluous signatures,
/// version, time, content.
pub fn apply(
    directory: &Directory,
    verified: &Verified,
    admitted: Admitted,
) -> Result<Box<Parts>, Refusal> {
    let Verified { envelope, statement, version, signers, proven } = verified;
    if admitted.leaf != directory.size() {
        return Err(Refusal::Internal(Fault::NotTheNextEntry));
    }
    let says = statement.says();
    let rule = statement.rule();
    if rule.since > directory.rules() {
        let (expected, found) = (Expected::Statement, envelope.kind().payload_type());
        return Err(Refusal::UnknownKind { expected, found });
    }
    says.subject(directory)?;
    let listed = says.own_signers(directory.rules());
    let ended = |id: &&KeyId| !listed.contains_key(id) && directory.in_force(id).is_err();
    if let Some(id) = signers.iter().find(ended) {
        return Err(Refusal::KeyNotInForce(*id));
    }
    says.signed(directory, &Signed(signers))?;
    let digest = envelope.digest();
    let newest = if rule.counted {
        next(says.newest(directory), *version, admitted.leaf, digest)?
    } else {
        Newest { version: 0, leaf: admitted.leaf, statement: digest }
    };
    let clock = clock(rule.dated, directory.clock(), says.issued_at(), admitted.at)?;
    let parts = Parts::none(admitted, clock);
    let payload = envelope.payload();
    says.change(Step { directory, admitted, newest, payload, proven, parts }).map(Box::new)
}

/// Verifies the charter version 1 of the directory of that name: entry 0. Its genesis is its own
/// digest, so it has none.
///
/// # Errors
/// As [`verify`].
pub fn verify_founding(name: &DirectoryName, bytes: &[u8]) -> Result<Verified, Refusal> {
    let (envelope, statement) = read(bytes, FIRST_RULES)?;
    let target = target_of(&statement, name, None)?;
    let listed = statement.says().own_signers(FIRST_RULES);
    let signers = verify_signatures(&envelope, &statement, |id| match listed.get(id) {
        Some(key) => Ok((key.clone(), Role::of(None))),
        None => Err(Refusal::UnknownKey(*id)),
    })?;
    let proven = statement.says().claims().into_iter().filter(Claim::holds).collect();
    Ok(Verified { version: target.version, envelope, statement, signers, proven })
}

/// A directory begins: charter version 1, entry 0, founds.
///
/// # Errors
/// The first refusal in the order of checks.
pub fn found(
    name: &DirectoryName,
    verified: &Verified,
    admitted_at: u64,
) -> Result<(Directory, Parts), Refusal> {
    let Statement::Charter(statement) = verified.statement() else {
        return Err(Refusal::NotACharter(verified.statement().kind()));
    };
    let admitted = Admitted { leaf: 0, at: admitted_at };
    let parts = charter::found(name, verified, statement, admitted)?;
    let charter = parts.charter.clone().expect("charter::found makes the charter");
    let mut directory = Directory::at(name.clone(), verified.digest(), 1, parts.clock, charter);
    directory.advance(&parts);
    Ok((directory, parts))
}

/// The directory's clock behind an entry that was admitted, from that before it: a charter sets it,
/// other dated kinds raise it.
///
/// # Errors
/// No entry, or no statement.
pub fn clock_behind(clock: u64, entry: &[u8]) -> Result<u64, Refusal> {
    let entry = Entry::read(entry, u32::MAX)?;
    let (_, statement) = read(&entry.statement, u32::MAX)?;
    Ok(match statement.rule().dated {
        Dated::No => clock,
        Dated::Yes => clock.max(entry.admitted_at),
        Dated::SetsClock => entry.admitted_at,
    })
}

fn read(bytes: &[u8], rules: u32) -> Result<(Envelope, Statement), Refusal> {
    let envelope = Envelope::parse(bytes, limits::STATEMENT_BYTES)
        .map_err(|why| Refusal::form("statement", Expected::Statement, why))?;
    let statement = Statement::read(envelope.kind(), envelope.payload(), rules)?;
    Ok((envelope, statement))
}

/// The target of this directory. Every target is well-formed, not only one's own; entry 0 has no
/// genesis.
fn target_of(
    statement: &Statement,
    name: &DirectoryName,
    genesis: Option<Digest>,
) -> Result<Target, Refusal> {
    let (targets, rule) = (statement.targets(), statement.rule());
    let sorted = sorted_set("targets", targets, limits::TARGETS, |target| target.name.as_str());
    if targets.is_empty() || sorted.is_err() {
        return Err(Refusal::InvalidTargets(Targets::NotASet));
    }
    let length = if genesis.is_some() { 32 } else { 0 };
    let well_formed = |target: &Target| {
        target.name.parse::<DirectoryName>().is_ok() && target.genesis.len() == length
    };
    if !targets.iter().all(well_formed) {
        return Err(Refusal::InvalidTargets(Targets::IllFormed));
    }
    if targets.iter().any(|target| (target.version > 0) != rule.counted) {
        return Err(Refusal::InvalidTargets(Targets::Version));
    }
    if rule.one_target && targets.len() != 1 {
        return Err(Refusal::InvalidTargets(Targets::Several));
    }
    if genesis.is_none() && statement.kind() != Kind::Charter {
        return Err(Refusal::NotACharter(statement.kind()));
    }
    let ours = targets.iter().find(|target| target.name == name.as_str());
    let ours = ours.ok_or_else(|| Refusal::OtherDirectory {
        expected: name.clone(),
        found: targets.iter().map(|target| target.name.clone()).collect(),
    })?;
    match genesis {
        Some(genesis) if ours.genesis != genesis.as_bytes()[..] => Err(Refusal::OtherGenesis),
        Some(_) | None => Ok(ours.clone()),
    }
}

/// Sorted, no key twice, each known, of the right purpose, and valid.
fn verify_signatures(
    envelope: &Envelope,
    statement: &Statement,
    find: impl Fn(&KeyId) -> Result<(VerifyingKey, Role), Refusal>,
) -> Result<Vec<KeyId>, Refusal> {
    let ids: Vec<KeyId> = envelope.signatures().iter().map(|signature| signature.key_id).collect();
    if !ids.is_sorted() {
        return Err(Refusal::SignaturesUnsorted);
    }
    if let Some([id, _]) = ids.array_windows().find(|[a, b]| a == b) {
        return Err(Refusal::DuplicateSignature(*id));
    }
    let keys = ids.iter().map(|id| Ok((*id, find(id)?)));
    let keys: Vec<(KeyId, (VerifyingKey, Role))> = keys.collect::<Result<_, Refusal>>()?;
    let signers = statement.rule().signers;
    for (key, (_, role)) in &keys {
        if !role.signs.is_some_and(|signs| signers.contains(&signs)) {
            let (found, needed) = (role.purpose, signers);
            return Err(Refusal::WrongPurpose { key: *key, found, needed });
        }
    }
    for (id, (key, _)) in &keys {
        envelope.verify(key).map_err(|_| Refusal::BadSignature(*id))?;
    }
    Ok(ids)
}
