//! New keys of a seat or a keeper, beside those in use: made, tried, and put in their place once the
//! directory lists them.
//!
//! In scope: the files, and the order in which they move. Out of scope: the statement that lists new keys,
//! and who signs it (`draft`). Invariants: a seat's new keys are all there or none; which key speaks is
//! said by the directory, and not by where its file lies, so that a move that was cut off changes nothing;
//! a key goes only when the directory lists another in its place, and a seal key then stays as retired.
//!
//! ```text
//! keys/member/<m>/<contact>/keeper-next.pem
//! keys/member/<m>/<contact>/<seat>/next.made/          until all of them are tried; nobody knows these
//! keys/member/<m>/<contact>/<seat>/next/{sign.pem, seal.key, tls.pem, tls.crt}
//! keys/member/<m>/<contact>/<seat>/seal-retired-<key id, 16 digits of it>.key
//! keys/member/<m>/<contact>/<seat>/lock                who moves them
//! ```

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::ambient::Ambient;
use crate::crypto::seal::{self, SealRandomness};
use crate::crypto::sign::{KeyId, SigningKey};
use crate::domain::directory::key::{Holder, KnownKey, Purpose, listed_sealing};
use crate::domain::directory::{Directory, possession};
use crate::domain::ids::{ContactId, SeatId};
use crate::signed::proto::{self, Use};
use crate::tls::Identity;
use crate::wire::v1;

use super::armour;
use super::files::{self, FileError, Lock, MOMENTS};
use super::format;
use super::key_file::{KeyFile, PKCS8, pointer_beside};
use super::keys::{
    KeyError, Keys, NEXT, Owner, RETIRED, SEAL, SIGN, TLS, create_opening, create_signing,
    if_there, is_retired, load_opening, load_signing, names_in, prove,
};

/// How the key of a keeper that is to follow is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextKept {
    /// As the one in force: behind a passphrase if that is.
    AsBefore,
    /// In a file that only its user can read.
    InAFile,
}

/// The new keys of a seat, as a roster lists them: those that are to change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NextKeys {
    /// To sign with.
    pub sign: Option<proto::PublicKey>,
    /// To open with.
    pub seal: Option<proto::PublicKey>,
    /// To connect with.
    pub tls: Option<proto::PublicKey>,
}

impl NextKeys {
    /// What is to change; nothing, if no new keys are here.
    #[must_use]
    pub fn purposes(&self) -> Vec<Purpose> {
        let all = [
            (Purpose::SeatSign, &self.sign),
            (Purpose::SeatSeal, &self.seal),
            (Purpose::SeatTls, &self.tls),
        ];
        all.into_iter().filter_map(|(purpose, key)| key.as_ref().map(|_| purpose)).collect()
    }

    /// A seat of a roster with these keys in the place of its own.
    #[must_use]
    pub fn follow(self, before: proto::Seat) -> proto::Seat {
        proto::Seat {
            sign: self.sign.or(before.sign),
            seal: self.seal.or(before.seal),
            tls: self.tls.or(before.tls),
            ..before
        }
    }
}

impl Keys {
    /// Makes new keys of a seat, and tries each: as they lie there it signs, opens what was sealed to it,
    /// or connects. All of them are on the disk when this returns. If new keys wait already, these stay.
    ///
    /// # Errors
    /// [`KeyError`]; then none is there.
    pub fn stage(
        &self,
        seat: &SeatId,
        purposes: &[Purpose],
        ambient: &Ambient,
    ) -> Result<(), KeyError> {
        let _lock = self.lock(seat)?;
        if !self.next(seat, ambient)?.purposes().is_empty() {
            return Ok(());
        }
        let (made, next) = (self.seat_folder(seat).join(MADE), self.next_folder(seat));
        // Of a program that was killed: nobody knows these.
        clear(&made)?;
        clear(&next)?;
        for (purpose, name) in NAMES.iter().filter(|(purpose, _)| purposes.contains(purpose)) {
            match purpose {
                Purpose::SeatSeal => create_opening(&made.join(name), ambient)?,
                _ => create_signing(&made.join(name), ambient)?,
            }
        }
        self.try_out(seat, &made, ambient)?;
        Ok(files::move_to(&made, &next)?)
    }

    /// The new keys of a seat that wait for the directory, with the proofs that it has them.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn next(&self, seat: &SeatId, ambient: &Ambient) -> Result<NextKeys, KeyError> {
        self.listed_in(seat, &self.next_folder(seat), ambient)
    }

    /// The key with which a seat signs, by this directory: its new one, if that is in force.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn signing_by(
        &self,
        seat: &SeatId,
        directory: &Directory,
        ambient: &Ambient,
    ) -> Result<SigningKey, KeyError> {
        let owner = Owner::Seat(seat.clone());
        match self.next_signing(&owner, ambient)? {
            Some(next) if directory.in_force(&next.public().id()).is_ok() => Ok(next),
            _ => self.signing(&owner, ambient),
        }
    }

    /// The new key with which an owner is to sign, if one waits.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn next_signing(
        &self,
        owner: &Owner,
        ambient: &Ambient,
    ) -> Result<Option<SigningKey>, KeyError> {
        let mut files = self.next_files(owner).into_iter();
        let sign = files.find(|(of, _)| matches!(of, Purpose::SeatSign | Purpose::Keeper));
        let key =
            sign.map(|(_, path)| if_there(load_signing(owner, &path, ambient))).transpose()?;
        Ok(key.flatten())
    }

    /// The new key with which a seat is to connect, if one waits.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn next_tls(&self, seat: &SeatId, ambient: &Ambient) -> Result<Option<Identity>, KeyError> {
        let path = self.next_folder(seat).join(TLS);
        if_there(self.identity(&Owner::Seat(seat.clone()), &path, ambient))
    }

    /// Puts those of a seat's new keys in their place that the directory lists. The keys that they follow
    /// are deleted, for they never return; a seal key stays, as retired. Cut off anywhere, it goes on
    /// with the next call. Gives what was put in its place.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn promote(
        &self,
        seat: &SeatId,
        directory: &Directory,
        ambient: &Ambient,
    ) -> Result<Vec<Purpose>, KeyError> {
        let next = self.next_folder(seat);
        if !next.is_dir() {
            return Ok(Vec::new());
        }
        let (_lock, mut promoted) = (self.lock(seat)?, Vec::new());
        for purpose in self.next(seat, ambient)?.purposes() {
            let (from, to) = (next.join(name_of(purpose)), self.own_file(seat, purpose));
            if self.is_listed(seat, purpose, &from, directory, ambient)? {
                match purpose {
                    Purpose::SeatSeal => self.retire(seat)?,
                    // Of another key: one that is missing is made.
                    Purpose::SeatTls => files::remove(&to.with_extension("crt"))?,
                    _ => {}
                }
                files::move_to(&from, &to)?;
                promoted.push(purpose);
            }
        }
        if self.next(seat, ambient)?.purposes().is_empty() {
            clear(&next)?;
        }
        Ok(promoted)
    }

    /// Makes the key of a keeper that is to follow the one in force, kept no less well than that, and
    /// tries it. Gives the KEEPER file with its public part.
    ///
    /// # Errors
    /// One waits already; the one in force lies in a token; [`KeyError`]. Then none is made.
    pub fn stage_keeper(
        &self,
        contact: &ContactId,
        kept: NextKept,
        ambient: &Ambient,
    ) -> Result<String, KeyError> {
        format::claim(self.home())?;
        let (owner, path) = (Owner::Keeper(contact.clone()), self.next_keeper(contact));
        if path.exists() {
            return Err(KeyError::Exists { owner, path });
        }
        let before = match kept {
            NextKept::AsBefore => {
                if_there(KeyFile::read(&owner, &self.sign_path(&owner), ambient))?
            }
            NextKept::InAFile => None,
        };
        let key = SigningKey::from_seed(&Zeroizing::new(ambient.bytes()));
        let sign = vec![proven(&owner, &key, Use::Keeper, ambient)?];
        let text = match before {
            Some(KeyFile::Closed { .. }) => {
                Zeroizing::new(self.close(&owner, &path, &key, ambient)?)
            }
            Some(KeyFile::Token(_)) => {
                return Err(KeyError::NextInFile { contact: contact.clone() });
            }
            Some(KeyFile::Open(_)) | None => armour::encode(PKCS8, key.pkcs8()),
        };
        files::create_private(&path, text.as_bytes())?;
        let keys = v1::PublicKeys { holder: owner.holder(), sign, ..Default::default() };
        Ok(armour::write(armour::Kind::Keeper, &keys))
    }

    /// Puts a keeper's new key in the place of its own, if the directory lists it. Tells whether.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn promote_keeper(
        &self,
        contact: &ContactId,
        directory: &Directory,
        ambient: &Ambient,
    ) -> Result<bool, KeyError> {
        let (owner, next) = (Owner::Keeper(contact.clone()), self.next_keeper(contact));
        let Some(file) = if_there(KeyFile::read(&owner, &next, ambient))? else { return Ok(false) };
        let listed = directory.key(&file.public(&next)?.id()).is_some();
        if listed {
            let own = self.contact_folder(contact).join("keeper.pem");
            // First: of two of one key neither is used.
            files::remove(&pointer_beside(&own))?;
            files::move_to(&next, &own)?;
        }
        Ok(listed)
    }

    /// Deletes retired seal keys of a seat. What was sealed to them is readable here no more.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn forget(&self, seat: &SeatId, keys: &[KeyId]) -> Result<(), KeyError> {
        let (owner, _lock) = (Owner::Seat(seat.clone()), self.lock(seat)?);
        for path in self.retired_files(&owner)? {
            if keys.contains(&load_opening(&owner, &path)?.public().id()) {
                files::remove(&path)?;
            }
        }
        Ok(())
    }

    /// The files of an owner's new keys, by purpose.
    pub(super) fn next_files(&self, owner: &Owner) -> Vec<(Purpose, PathBuf)> {
        match owner {
            Owner::Seat(seat) => {
                let folder = self.next_folder(seat);
                NAMES.iter().map(|(purpose, name)| (*purpose, folder.join(name))).collect()
            }
            Owner::Keeper(contact) => vec![(Purpose::Keeper, self.next_keeper(contact))],
            Owner::Registrar(_) | Owner::Operator(_) | Owner::Auditor(_) | Owner::Authority(_) => {
                Vec::new()
            }
        }
    }

    /// The files of a seat's retired keys.
    pub(super) fn retired_files(&self, owner: &Owner) -> Result<Vec<PathBuf>, KeyError> {
        let Owner::Seat(seat) = owner else { return Ok(Vec::new()) };
        let folder = self.seat_folder(seat);
        let names = names_in(&folder)?.into_iter().filter(|name| is_retired(name));
        Ok(names.map(|name| folder.join(name)).collect())
    }

    /// Kept while what is read of a seat must be of one moment: key and certificate.
    pub(super) fn held_while_a_key_moves(&self, owner: &Owner) -> Option<Lock> {
        let Owner::Seat(seat) = owner else { return None };
        // On a disk that cannot be written nobody moves any.
        self.next_folder(seat).is_dir().then(|| self.lock(seat).ok()).flatten()
    }

    fn lock(&self, seat: &SeatId) -> Result<Lock, FileError> {
        files::lock(&self.seat_folder(seat).join("lock"), MOMENTS)
    }

    fn next_folder(&self, seat: &SeatId) -> PathBuf {
        self.seat_folder(seat).join(NEXT)
    }

    fn next_keeper(&self, contact: &ContactId) -> PathBuf {
        self.contact_folder(contact).join("keeper-next.pem")
    }

    fn own_file(&self, seat: &SeatId, purpose: Purpose) -> PathBuf {
        self.seat_folder(seat).join(name_of(purpose))
    }

    /// The seal key gets the name of one that is retired.
    fn retire(&self, seat: &SeatId) -> Result<(), KeyError> {
        let path = self.own_file(seat, Purpose::SeatSeal);
        let Some(old) = if_there(load_opening(&Owner::Seat(seat.clone()), &path))? else {
            return Ok(());
        };
        let id: String = hex::encode(old.public().id().as_bytes()).chars().take(16).collect();
        Ok(files::move_to(&path, &path.with_file_name(format!("{RETIRED}{id}.key")))?)
    }

    /// Whether the directory has ever listed the key of this file, as this seat's.
    fn is_listed(
        &self,
        seat: &SeatId,
        purpose: Purpose,
        path: &Path,
        directory: &Directory,
        ambient: &Ambient,
    ) -> Result<bool, KeyError> {
        let owner = Owner::Seat(seat.clone());
        let known: Option<&KnownKey> = match purpose {
            Purpose::SeatSeal => {
                let id = load_opening(&owner, path)?.public().id();
                directory.seal_key(&seat.contact(), &id)
            }
            _ => directory.key(&load_signing(&owner, path, ambient)?.public().id()),
        };
        Ok(known.is_some_and(|known| known.holder == Holder::Seat(seat.clone())))
    }

    /// Sees that each key in a folder does what it is for.
    fn try_out(&self, seat: &SeatId, folder: &Path, ambient: &Ambient) -> Result<(), KeyError> {
        let owner = Owner::Seat(seat.clone());
        self.listed_in(seat, folder, ambient)?;
        if let Some(key) = if_there(load_opening(&owner, &folder.join(SEAL)))? {
            let sealed =
                seal::seal(TRIAL, key.public(), SealRandomness::from_bytes(&ambient.bytes()));
            let opened = seal::open(&sealed, &key).is_ok_and(|opened| opened[..] == *TRIAL);
            opened.then_some(()).ok_or_else(|| KeyError::DoesNotWork {
                owner: owner.clone(),
                what: "open what was sealed to it",
            })?;
        }
        if folder.join(TLS).exists() {
            self.identity(&owner, &folder.join(TLS), ambient)?;
        }
        Ok(())
    }

    /// The keys of a seat in a folder, as a roster lists them.
    fn listed_in(
        &self,
        seat: &SeatId,
        folder: &Path,
        ambient: &Ambient,
    ) -> Result<NextKeys, KeyError> {
        let owner = Owner::Seat(seat.clone());
        let proves = |name: &str, usage| {
            let key = if_there(load_signing(&owner, &folder.join(name), ambient))?;
            key.map(|key| proven(&owner, &key, usage, ambient)).transpose()
        };
        let seal = if_there(load_opening(&owner, &folder.join(SEAL)))?;
        Ok(NextKeys {
            sign: proves(SIGN, Use::Sign)?,
            seal: seal.map(|key| listed_sealing(key.public().as_bytes())),
            tls: proves(TLS, Use::Tls)?,
        })
    }
}

/// A key with the proof that its holder has it, which is seen to hold.
fn proven(
    owner: &Owner,
    key: &SigningKey,
    usage: Use,
    ambient: &Ambient,
) -> Result<proto::PublicKey, KeyError> {
    let (holder, what) = (owner.holder(), "sign");
    let listed = prove(key, &holder, usage, ambient)?;
    possession::verify(key.public(), &holder, usage, &listed.proof)
        .map_err(|_| KeyError::DoesNotWork { owner: owner.clone(), what })?;
    Ok(listed)
}

fn name_of(purpose: Purpose) -> &'static str {
    NAMES.iter().find(|(of, _)| *of == purpose).map_or("", |(_, name)| name)
}

/// Removes a folder of which nothing is needed, if it is there.
fn clear(folder: &Path) -> Result<(), KeyError> {
    for name in names_in(folder)? {
        files::remove(&folder.join(name))?;
    }
    // Where it stays, it is empty.
    let _ = std::fs::remove_dir(folder);
    Ok(())
}

const MADE: &str = "next.made";
const NAMES: [(Purpose, &str); 3] =
    [(Purpose::SeatSign, SIGN), (Purpose::SeatSeal, SEAL), (Purpose::SeatTls, TLS)];
const TRIAL: &[u8] = b"sealed to see that it opens";

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;
    use crate::client::armour::Kind;
    use crate::client::draft::Composer;
    use crate::client::files::faults;
    use crate::client::keys::{Held, read_public};
    use crate::client::unlock::{Asks, NotAsked, Unlock};
    use crate::crypto::cert::PeerCertificate;
    use crate::world::testlog::{KEEPER, TestLog, ambient, record, roster};

    const ALL: [Purpose; 3] = [Purpose::SeatSign, Purpose::SeatSeal, Purpose::SeatTls];

    /// A seat whose keys are in a home and in the directory, and what was sealed to it.
    struct World {
        _folder: tempfile::TempDir,
        keys: Keys,
        log: TestLog,
        sealed: Vec<Vec<u8>>,
    }

    fn seat() -> SeatId {
        "fr/cert-fr/duty-1".parse().unwrap()
    }

    fn owner() -> Owner {
        Owner::Seat(seat())
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let keys = Keys::of(folder.path());
            keys.create(&owner(), &ambient()).unwrap();
            let public = keys.public(&owner(), &ambient()).unwrap();
            let public = read_public(Kind::Seat, &public).unwrap();
            let sign = public.sign.first().cloned();
            let own = proto::Seat {
                name: seat().name().to_owned(),
                sign,
                seal: public.seal,
                tls: public.tls,
            };
            let log = TestLog::populated().0;
            let mut world = Self { _folder: folder, keys, log, sealed: Vec::new() };
            world.lists(own);
            world
        }

        fn lists(&mut self, own: proto::Seat) {
            let mut listed = roster();
            listed.seats.retain(|seat| seat.name != own.name);
            listed.seats.push(own);
            let (directory, ambient) = (self.log.directory.clone(), ambient());
            let publication = Composer::on(&directory, &ambient).roster(listed, &[]).unwrap();
            self.log.sign_and_add(vec![publication], &[KEEPER]).unwrap();
            let contact = seat().contact();
            let mut seats = self.log.directory.sealing_seats(&contact);
            let (_, _, raw) = seats.find(|(of, _, _)| *of == seat()).unwrap();
            let to = seal::SealingKey::parse(raw).unwrap();
            let random = SealRandomness::from_bytes(&ambient.bytes());
            self.sealed.push(seal::seal(b"mail", &to, random));
        }

        /// The seat as the roster in force lists it.
        fn own(&self) -> proto::Seat {
            let contact = self.log.directory.contact(&seat().contact()).unwrap();
            let payload = &contact.roster.as_ref().unwrap().payload;
            let said: proto::Roster = crate::signed::canonical::decode(payload).unwrap();
            said.seats.into_iter().find(|own| own.name == seat().name()).unwrap()
        }

        fn rotates(&mut self) {
            self.keys.stage(&seat(), &ALL, &ambient()).unwrap();
            let next = self.keys.next(&seat(), &ambient()).unwrap();
            self.lists(next.follow(self.own()));
        }

        fn promotes(&self) -> Result<Vec<Purpose>, KeyError> {
            self.keys.promote(&seat(), &self.log.directory, &ambient())
        }

        /// The keys that the directory lists are found, and all mail opens.
        #[track_caller]
        fn works(&self, when: impl std::fmt::Display) {
            let (own, directory) = (self.own(), &self.log.directory);
            let id = |key: &Option<proto::PublicKey>| KeyId::of(&key.as_ref().unwrap().key);
            let signs = self.keys.signing_by(&seat(), directory, &ambient()).unwrap();
            assert_eq!(signs.public().id(), id(&own.sign), "{when}");
            let opening = self.keys.opening(&seat()).unwrap();
            for sealed in &self.sealed {
                assert!(opening.iter().any(|key| seal::open(sealed, key).is_ok()), "{when}");
            }
            let next = self.keys.next_tls(&seat(), &ambient()).unwrap();
            let all = [self.keys.tls(&owner(), &ambient()).ok(), next];
            let mut ids = all
                .iter()
                .flatten()
                .map(|identity| PeerCertificate::parse(&identity.chain()[0]).unwrap().key().id());
            assert!(ids.any(|found| found == id(&own.tls)), "{when}");
        }
    }

    /// The power goes after each thing that is done to the disk.
    #[test]
    fn wherever_new_keys_are_made_no_further_the_old_ones_work_and_all_are_there_or_none() {
        for some in 0.. {
            let mut world = World::new();
            let done = faults::after(some, || world.keys.stage(&seat(), &ALL, &ambient())).is_ok();
            world.works(some);
            let waits = world.keys.next(&seat(), &ambient()).unwrap().purposes().len();
            assert!(waits == 0 || waits == 3, "{some}: {waits}");
            world.rotates();
            world.works(some);
            assert_eq!(world.promotes().unwrap(), ALL);
            world.works(some);
            if done {
                assert!(some > 20, "{some}");
                break;
            }
        }
    }

    #[test]
    fn wherever_new_keys_move_no_further_one_set_works_and_old_mail_is_readable() {
        for some in 0.. {
            let mut world = World::new();
            world.rotates();
            let done = faults::after(some, || world.promotes()).is_ok();
            world.works(some);
            world.promotes().unwrap();
            world.works(some);
            let list = world.keys.list(&ambient()).unwrap();
            let states: Vec<_> =
                list.iter().map(|key| (key.purpose, key.staged, key.retired)).collect();
            let own = ALL.map(|purpose| (purpose, false, false));
            let retired = (Purpose::SeatSeal, false, true);
            assert_eq!(states, [&own[..], &[retired]].concat(), "{some}");
            assert!(!world.keys.next_folder(&seat()).exists());
            if done {
                assert!(some > 8, "{some}");
                break;
            }
        }
    }

    #[test]
    fn who_reads_while_keys_move_misses_none() {
        let mut world = World::new();
        for _ in 0..20 {
            world.rotates();
            let done = AtomicBool::new(false);
            thread::scope(|scope| {
                let reads = scope.spawn(|| {
                    while !done.load(Ordering::SeqCst) {
                        world.works("beside");
                    }
                });
                world.promotes().unwrap();
                done.store(true, Ordering::SeqCst);
                reads.join().unwrap();
            });
            world.works("behind");
        }
        assert_eq!(world.sealed.len(), 21);
    }

    #[test]
    fn new_keys_wait_until_they_are_listed_and_are_made_once() {
        let mut world = World::new();
        world.keys.stage(&seat(), &[Purpose::SeatSeal], &ambient()).unwrap();
        let next = world.keys.next(&seat(), &ambient()).unwrap();
        world.keys.stage(&seat(), &ALL, &ambient()).unwrap();
        assert_eq!(world.keys.next(&seat(), &ambient()).unwrap(), next, "one rotation at a time");
        assert_eq!(world.promotes().unwrap(), []);
        world.works("they wait");
        world.lists(next.clone().follow(world.own()));
        assert_eq!(world.promotes().unwrap(), [Purpose::SeatSeal]);
        world.works("they are listed");
        assert_eq!(world.promotes().unwrap(), []);
    }

    #[test]
    fn a_retired_key_goes_when_it_is_named_and_no_other() {
        let mut world = World::new();
        let first = world.keys.opening(&seat()).unwrap()[0].public().id();
        for _ in 0..2 {
            world.rotates();
            world.promotes().unwrap();
        }
        world.keys.forget(&seat(), &[first]).unwrap();
        let ids: Vec<KeyId> =
            world.keys.opening(&seat()).unwrap().iter().map(|key| key.public().id()).collect();
        assert_eq!((ids.len(), ids.contains(&first)), (2, false));
    }

    /// Who types the same whatever he is asked.
    struct Types;

    impl Asks for Types {
        fn secret(&self, _: &str) -> Result<Zeroizing<String>, NotAsked> {
            Ok(Zeroizing::new("correct horse battery staple".to_owned()))
        }

        fn tell(&self, _: &str) {}
    }

    #[test]
    fn a_keepers_new_key_stands_beside_its_own_until_the_record_names_it() {
        for passphrase in [false, true] {
            let mut world = World::new();
            world.keys = world.keys.clone().opened_by(Unlock::asking(Arc::new(Types)));
            let contact = seat().contact();
            let keeper = Owner::Keeper(contact.clone());
            world.keys.create(&keeper, &ambient()).unwrap();
            if passphrase {
                world.keys.protect(&keeper, &ambient()).unwrap();
            }
            let file = world.keys.stage_keeper(&contact, NextKept::AsBefore, &ambient()).unwrap();
            let again = world.keys.stage_keeper(&contact, NextKept::AsBefore, &ambient());
            assert!(matches!(again, Err(KeyError::Exists { .. })));
            // It is kept as the one that it follows.
            let listed = world.keys.list(&ambient()).unwrap();
            let kept = listed.iter().filter(|of| of.owner == keeper).map(|of| of.kept.as_ref());
            let kept: Vec<_> = kept.map(|kept| kept.unwrap().name()).collect();
            assert_eq!(kept, [if passphrase { "passphrase" } else { "file" }; 2]);
            let promote = |world: &World| {
                world.keys.promote_keeper(&contact, &world.log.directory, &ambient()).unwrap()
            };
            assert!(!promote(&world));
            let next = read_public(Kind::Keeper, &file).unwrap().sign.remove(0);
            let (directory, ambient) = (world.log.directory.clone(), ambient());
            let named = proto::Record { keeper: Some(next.clone()), ..record() };
            let named = Composer::on(&directory, &ambient).record(named, &[]).unwrap();
            world.log.sign_and_add(vec![named], &[crate::world::testlog::AUTHORITY]).unwrap();
            // Also before it is in its place it signs what counts, unless somebody has to open it.
            let all = world.keys.all_signing(&ambient).unwrap();
            let is_next = |key: &SigningKey| key.public().id() == KeyId::of(&next.key);
            let next =
                |held: &Held| matches!(held, Held::Open(of, key) if *of == keeper && is_next(key));
            assert_eq!(all.iter().any(next), !passphrase);
            assert!(promote(&world) && !promote(&world));
            assert!(is_next(&world.keys.signing(&keeper, &ambient).unwrap()));
        }
    }
}
