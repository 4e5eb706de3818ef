//! Joining: from an invitation that people have compared to the first connection.
//!
//! In scope: what is believed, the authority's key, the first record and roster, enrolment. Out of scope: the
//! questions (each face). Invariants: every step can be given again; what was drafted is kept until it is in the
//! log, so that the same bytes are handed in again; a record that stands stays as it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::client::armour::{InvalidArmour, Kind};
use crate::client::draft::{Bundle, Composer, DraftError};
use crate::client::error::{ClientError, Family, Side};
use crate::client::files::{self, FileError};
use crate::client::invitation::{Admission, AdmissionFile, Invitation};
use crate::client::keys::{Owner, read_public};
use crate::client::mend::Mend;
use crate::client::reach::session::Verdict;
use crate::client::reason::{Here, Rule};
use crate::client::replica::Replica;
use crate::crypto::sign::Signer;
use crate::domain::ids::{ContactId, DirectoryName, MemberId, SeatId};
use crate::signed::proto::{self, Custody};

use super::Office;
use super::drafts::{Fields, Said};
use super::fingerprint::{Differs, Fingerprint};

/// An invitation that nobody has compared yet.
pub struct Invited(Invitation);

impl Invited {
    /// Reads an INVITATION file.
    ///
    /// # Errors
    /// The text is none, or does not verify.
    pub fn read(text: &str) -> Result<Self, ClientError> {
        Ok(Self(Invitation::read(text)?))
    }

    /// The directory that it leads to.
    #[must_use]
    pub fn name(&self) -> &DirectoryName {
        self.0.trust().name()
    }

    /// How many registrars decide there.
    #[must_use]
    pub fn registrars(&self) -> usize {
        self.0.trust().charter().registrars.len()
    }

    /// Whether this is its fingerprint, in either form.
    ///
    /// # Errors
    /// [`Differs`].
    pub fn has(&self, given: &Fingerprint) -> Result<(), Differs> {
        let (eye, telephone) = self.0.fingerprint();
        given.is_of(&eye, &telephone)
    }
}

/// A member's admission that nobody has compared yet.
pub struct ToJoin {
    file: AdmissionFile,
    /// What is compared: the invitation that this home has of the same directory, else that of the file.
    pub invited: Invited,
}

/// What became of one statement that was enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enrolled {
    /// It stands at this leaf index.
    At(u64),
    /// It was published before this home knew of it, and stays.
    StoodBefore,
    /// The service refuses it, and whatever follows.
    Refused(Box<ClientError>),
}

/// A seat that has connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The directory that it joined.
    pub name: DirectoryName,
    /// Entries of the log that are verified here.
    pub size: u64,
    /// How the two ends agreed on a key.
    pub group: &'static str,
}

/// First statements of a contact, as far as they are.
#[derive(Debug)]
pub enum First {
    /// Signed by all who must.
    Whole(Joined),
    /// Others must sign still.
    Lacking {
        /// The STATEMENT file.
        text: String,
        /// Signatures that are there.
        found: u32,
        /// As many are needed.
        needed: u32,
        /// Whose, in words.
        of: String,
    },
}

/// What is handed in, kept until it is in the log.
#[derive(Debug)]
pub struct Joined {
    bundle: Bundle,
    kept: PathBuf,
}

/// A member whose admission is proven, and the seat that is to join for it.
pub struct Proven {
    admission: Admission,
    name: DirectoryName,
    seat: SeatId,
}

/// A contact that joins with the authority's key of this home.
pub struct Joining<'a> {
    proven: &'a Proven,
    authority: Arc<dyn Signer>,
    stands: Stands,
}

/// What of its first statements a contact wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// A keeper's key besides the authority's.
    pub keeper: bool,
    /// A roster with the seat, and not the record alone.
    pub roster: bool,
}

/// What stands of a contact, as far as this home or the file knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stands {
    record: bool,
    roster: bool,
}

impl Office {
    /// Whether this very invitation was compared before: that a file names the same genesis proves nothing.
    #[must_use]
    pub fn has_compared(&self, invited: &Invited) -> bool {
        let charter = invited.0.trust().charter().newest.statement;
        let known = self.home.trust(invited.name());
        known.is_ok_and(|known| known.pins().values().any(|pinned| *pinned == charter))
    }

    /// Takes in an invitation that people have compared.
    ///
    /// # Errors
    /// It contradicts what this home believes; nothing can be written here.
    pub fn believe(&self, invited: &Invited) -> Result<DirectoryName, ClientError> {
        Ok(self.home.join(&invited.0)?)
    }

    /// Whether this home, and the seat that is named, have been there before.
    ///
    /// # Errors
    /// The keys cannot be listed.
    pub fn has_joined(&self, name: &DirectoryName) -> Result<bool, ClientError> {
        let owners = self.home.keys().owners()?;
        let seat = self.chosen.seat.clone().map(Owner::Seat);
        let copy = Replica::open_showing(&self.home, name, &mut |_, _| {});
        Ok(seat.is_none_or(|seat| owners.contains(&seat))
            && copy.is_ok_and(|copy| copy.synced_at().is_some()))
    }

    /// Where the service is, as this home knows.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn addresses(&self, name: &DirectoryName) -> Result<Vec<String>, ClientError> {
        let addresses = self.home.addresses(name)?.good;
        Ok(addresses.iter().map(ToString::to_string).collect())
    }

    /// Whether keys of this owner are here.
    ///
    /// # Errors
    /// The keys cannot be listed.
    pub fn holds(&self, owner: &Owner) -> Result<bool, ClientError> {
        Ok(self.home.keys().owners()?.contains(owner))
    }

    /// The AUTHORITY file of a member whose key this home holds, made if it is not there.
    ///
    /// # Errors
    /// The key cannot be made or opened.
    pub fn authority(&self, member: &MemberId) -> Result<String, ClientError> {
        let (keys, owner) = (self.home.keys(), Owner::Authority(member.clone()));
        if !keys.owners()?.contains(&owner) {
            keys.create(&owner, self.ambient())?;
        }
        Ok(keys.public(&owner, self.ambient())?)
    }

    /// Reads an ADMISSION file. Who has compared a charter of this directory goes on from that one: the file may
    /// have another.
    ///
    /// # Errors
    /// The text is no such file.
    pub fn to_join(&self, text: &str) -> Result<ToJoin, ClientError> {
        let file = AdmissionFile::read(text)?;
        let own = self.home.invitation(file.invitation().trust().name()).ok();
        let own = own.filter(|own| own.trust().genesis() == file.invitation().trust().genesis());
        let invited = Invited(own.unwrap_or_else(|| file.invitation().clone()));
        Ok(ToJoin { file, invited })
    }

    /// What was drafted before for this seat's contact, and is not known to be in the log.
    ///
    /// # Errors
    /// It is there, and cannot be read, or is damaged: it may be in the log, so nothing is drafted beside it.
    pub fn joined_before(
        &self,
        name: &DirectoryName,
        seat: &SeatId,
    ) -> Result<Option<Joined>, ClientError> {
        let kept = self.kept_join(name, &seat.contact());
        let bytes = match files::content(&kept) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(None),
            Err(why) => return Err(of_no_use(&kept, why.into())),
        };
        match Bundle::read(&String::from_utf8_lossy(&bytes)) {
            Ok(bundle) => Ok(Some(Joined { bundle, kept })),
            Err(DraftError::Armour(why @ InvalidArmour::Newer { .. })) => Err(why.into()),
            Err(_) => Err(of_no_use(&kept, FileError::Damaged(kept.clone()).into())),
        }
    }

    fn kept_join(&self, name: &DirectoryName, contact: &ContactId) -> PathBuf {
        let file = format!("joining-{}", contact.as_str().replace('/', "-"));
        Path::new(&self.home.folder(name)).join(file)
    }

    /// Shows by the log's charters that the seat's member was admitted.
    ///
    /// # Errors
    /// The service cannot be reached; the file does not prove it, or admits another member.
    pub async fn proven(&self, to_join: &ToJoin, seat: &SeatId) -> Result<Proven, ClientError> {
        let name = to_join.invited.name().clone();
        let succession = self.connect(None).await?.succession().await?;
        let admission = to_join.file.proven(&succession)?;
        if admission.member().id != seat.member() {
            let sentence =
                format!("the file admits {}, and you join as {seat}", admission.member().id);
            return Err(ClientError::new(Side::Ours, Family::Usage, Here::OtherMember, sentence));
        }
        Ok(Proven { admission, name, seat: seat.clone() })
    }

    /// Begins the first statements of the seat's contact.
    ///
    /// # Errors
    /// The authority's key of this home is not the one that was admitted; the contact has joined already.
    pub fn joining<'a>(
        &self,
        proven: &'a Proven,
        wanted: Wanted,
    ) -> Result<Joining<'a>, ClientError> {
        let (seat, admission) = (&proven.seat, &proven.admission);
        let owner = Owner::Authority(seat.member());
        let authority = self.home.keys().signer(&owner, self.ambient())?;
        if !admission.member().authority_keys().contains(&authority.public().id()) {
            let sentence = format!(
                "the authority's key of this home is not the one that was admitted for {}",
                seat.member()
            );
            let (side, family) = (Side::Ours, Family::IdentityOrKey);
            return Err(ClientError::new(side, family, Here::OtherAuthority, sentence)
                .mended_by(Mend::SendAuthority(seat.member())));
        }
        let contact = seat.contact();
        let replica = self.replica().ok();
        let directory = replica.as_ref().and_then(|replica| replica.directory().ok());
        let known = directory.and_then(|directory| directory.contact(&contact));
        let next = admission.next().get(&contact).copied().unwrap_or((1, 1));
        let stands = Stands {
            record: next.0 > 1 || known.is_some_and(|contact| contact.record.is_some()),
            roster: next.1 > 1 || known.is_some_and(|contact| contact.roster.is_some()),
        };
        // A record that stands stays as it is: an office that only signed may connect later.
        if stands.roster || (stands.record && !wanted.roster) {
            let sentence = format!("{contact} has joined already; its record stays as it is");
            let (side, family) = (Side::Ours, Family::Refused);
            return Err(ClientError::new(side, family, Here::JoinedAlready, sentence)
                .mended_by(Mend::AddSeatOrRecord(seat.clone())));
        }
        Ok(Joining { proven, authority, stands })
    }

    /// Hands in, by enrolment, and forgets what was kept for it once all of it is in the log.
    ///
    /// # Errors
    /// The service cannot be reached.
    pub async fn enrol(&self, joined: &Joined) -> Result<Vec<Enrolled>, ClientError> {
        let answers = self.connect(None).await?.enrol(&joined.bundle).await?;
        let enrolled = enrolled(answers);
        if !enrolled.iter().any(|each| matches!(each, Enrolled::Refused(_))) {
            // A later join drafts anew.
            let _ = std::fs::remove_file(&joined.kept);
        }
        Ok(enrolled)
    }

    /// The seat connects, and folds the log to at least its own roster's entry.
    ///
    /// # Errors
    /// The service cannot be reached or believed, or does not know the seat.
    pub async fn first_connection(&self, seat: &SeatId) -> Result<Connected, ClientError> {
        let session = self.connect(Some(&Owner::Seat(seat.clone()))).await?;
        let mut replica = self.replica()?;
        let size = self.sync(&session, &mut replica).await?.size;
        let (name, group) = (session.name().clone(), session.connection().group());
        Ok(Connected { name, size, group })
    }
}

impl Joining<'_> {
    /// The first record and roster, signed by the authority and the keeper of this home; what is whole is kept
    /// until it is in the log.
    ///
    /// # Errors
    /// A key cannot be made or opened; nothing can be written here.
    pub fn first(
        &self,
        office: &Office,
        fields: &Fields,
        wanted: Wanted,
    ) -> Result<First, ClientError> {
        let Proven { admission, name, seat } = self.proven;
        let (ambient, contact) = (office.ambient(), seat.contact());
        let keeper = match wanted.keeper {
            true => Some(keeper(office, &contact)?),
            false => None,
        };
        let mut composer = Composer::after_admission(admission, ambient);
        let mut statements = Vec::new();
        if !self.stands.record {
            let Said { expires, levels, purposes, names, facets } =
                fields.said(&contact, None, ambient.now());
            let record = proto::Record {
                contact: contact.to_string(),
                expires,
                levels,
                purposes,
                names,
                keeper: keeper.as_ref().map(|keeper| keeper.listed.clone()),
                custody: Custody::OneMachine.into(),
                ..Default::default()
            };
            statements.push(composer.record(record, &facets)?);
        }
        if wanted.roster {
            let seats = vec![office.make_seat(seat, false)?.entry(seat.name())];
            let contact = contact.to_string();
            let roster = proto::Roster { contact, seats, ..Default::default() };
            statements.push(composer.roster(roster, &[])?);
        }
        let mut bundle = Bundle::of(statements);
        let keeper = keeper.as_ref().map(|keeper| &*keeper.key);
        let signers = [Some(&*self.authority), keeper].into_iter().flatten();
        let signers: Vec<&dyn Signer> = signers.collect();
        bundle.sign(Some(admission.directory()), &signers, ambient)?;
        if let Some(missing) = bundle.missing(Some(admission.directory())).first() {
            let (text, found) = (bundle.write(), missing.found);
            let (needed, of) = (missing.quorum.needed, missing.quorum.of.clone());
            return Ok(First::Lacking { text, found, needed, of });
        }
        let kept = office.kept_join(name, &contact);
        files::replace(&kept, bundle.write().as_bytes())?;
        Ok(First::Whole(Joined { bundle, kept }))
    }
}

/// A draft that is kept at this path and that nobody can hand in: it goes, unless something else mends it.
fn of_no_use(kept: &Path, why: ClientError) -> ClientError {
    match why.mend {
        Some(_) => why,
        None => why.mended_by(Mend::Remove(kept.to_owned())),
    }
}

/// A keeper's key, and how a record lists it.
struct KeeperKey {
    key: Arc<dyn Signer>,
    listed: proto::PublicKey,
}

fn keeper(office: &Office, contact: &ContactId) -> Result<KeeperKey, ClientError> {
    let (keys, owner) = (office.home.keys(), Owner::Keeper(contact.clone()));
    if !keys.owners()?.contains(&owner) {
        keys.create(&owner, office.ambient())?;
    }
    let (key, listed) =
        (keys.signer(&owner, office.ambient())?, keys.listed(&owner, office.ambient())?);
    Ok(KeeperKey { key, listed })
}

/// What became of each, in order, up to the first that is refused: that a record was published before this
/// home knew of it, what follows it shows.
fn enrolled(answers: Vec<Verdict>) -> Vec<Enrolled> {
    let (mut all, last) = (Vec::new(), answers.len().saturating_sub(1));
    for (at, answer) in answers.into_iter().enumerate() {
        match answer {
            Verdict::Logged(leaf) => all.push(Enrolled::At(leaf)),
            Verdict::Refused(why) if why.reason == Rule::WrongVersion && at < last => {
                all.push(Enrolled::StoodBefore);
            }
            Verdict::Refused(why) => {
                all.push(Enrolled::Refused(Box::new(why)));
                break;
            }
        }
    }
    all
}

/// Whether two AUTHORITY files are of the same key.
#[must_use]
pub fn is_of_same_key(one: &str, other: &str) -> bool {
    let key = |text: &str| {
        let listed = read_public(Kind::Authority, text).ok()?.sign;
        Some(listed.first()?.key.clone())
    };
    key(one) == key(other)
}

#[cfg(test)]
mod tests;
