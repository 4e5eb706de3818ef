//! Keeping a person's key better than in a file: behind a passphrase, or in a token.
//!
//! In scope: changing one form into another. Out of scope: the forms (`key_file`), who
//! is asked (`unlock`), what a token is (`token`). Invariants: a file is the old one or the new one,
//! whenever the power goes, and the new one was opened before it stands there; nothing is kept less
//! well than before unless that was asked for; a seat's keys stay files, for nobody is there to ask.

use std::path::{Path, PathBuf};

use crate::ambient::Ambient;
use crate::crypto::passphrase::Closed;
use crate::crypto::sign::SigningKey;

use super::armour;
use super::files;
use super::format;
use super::key_file::{CLOSED, KeyFile, PKCS8, PUBLIC, pointer_beside, read_pointer};
use super::keys::{Keys, create_signing};
use super::owner::{KeyError, Owner};
use super::token::{ID_BYTES, Pointer, Token};

pub use super::key_file::Kept;

impl Keys {
    /// The key in a file, which its user is asked to open if he has closed it.
    pub(super) fn here(
        &self,
        owner: &Owner,
        path: &Path,
        file: KeyFile,
        ambient: &Ambient,
    ) -> Result<SigningKey, KeyError> {
        match file {
            KeyFile::Open(key) => Ok(key),
            KeyFile::Closed { closed, public } => {
                let key = self.unlock.open(owner, &closed, ambient)?;
                if public.is_some_and(|public| public != *key.public()) {
                    return Err(KeyError::OtherPublic { path: path.to_owned() });
                }
                Ok(key)
            }
            KeyFile::Token(_) => Err(KeyError::InToken { owner: owner.clone() }),
        }
    }

    /// Puts the key with which a person signs behind a passphrase, or behind another one.
    ///
    /// # Errors
    /// A seat's; in a token; not opened; no passphrase chosen. Then nothing is changed.
    pub fn protect(&self, owner: &Owner, ambient: &Ambient) -> Result<(), KeyError> {
        let (path, key) = self.of_a_person(owner, ambient)?;
        let text = self.close(owner, &path, &key, ambient)?;
        Ok(files::replace(&path, text.as_bytes())?)
    }

    /// A key behind a passphrase that is chosen now, as it stands in its file.
    pub(super) fn close(
        &self,
        owner: &Owner,
        path: &Path,
        key: &SigningKey,
        ambient: &Ambient,
    ) -> Result<String, KeyError> {
        let passphrase = self.unlock.new_passphrase(owner)?;
        let closed = Closed::close(key.pkcs8(), &passphrase, ambient.bytes(), ambient.bytes());
        let closed = closed.and_then(|closed| Closed::from_der(&closed.to_der()));
        let closed = closed.map_err(|why| KeyError::NotClosed { path: path.to_owned(), why })?;
        // What does not open again would be lost.
        if !closed.open(&passphrase).is_ok_and(|opened| *opened == **key.pkcs8()) {
            return Err(KeyError::WrongPassphrase { owner: owner.clone() });
        }
        let public = armour::encode(PUBLIC, key.public().spki());
        Ok([armour::encode(CLOSED, &closed.to_der()).as_str(), &public].concat())
    }

    /// Puts it back into a file that only its user can read.
    ///
    /// # Errors
    /// A seat's; in a token; not opened. Then nothing is changed.
    pub fn unprotect(&self, owner: &Owner, ambient: &Ambient) -> Result<(), KeyError> {
        let (path, key) = self.of_a_person(owner, ambient)?;
        Ok(files::replace(&path, armour::encode(PKCS8, key.pkcs8()).as_bytes())?)
    }

    /// Takes it into a token. The same again goes on where the power went.
    ///
    /// # Errors
    /// A seat's; not opened; the token cannot. Then the file stands as it was.
    pub fn protect_in_token(
        &self,
        owner: &Owner,
        token: Token,
        ambient: &Ambient,
    ) -> Result<(), KeyError> {
        let path = self.path_of_a_person(owner)?;
        let pointer = pointer_beside(&path);
        if pointer.exists() && !path.exists() {
            return Err(KeyError::InToken { owner: owner.clone() });
        }
        // The file alone: a pointer beside it was left by a run that was cut off.
        let file = KeyFile::read_pem(owner, &path, ambient)?;
        let key = self.here(owner, &path, file, ambient)?;
        let begun = pointer.exists();
        if begun && !read_pointer(owner, &pointer)?.names(&token, key.public()) {
            return Err(KeyError::Twice { owner: owner.clone(), file: path, pointer });
        }
        let (_, made) = self.unlock.log_in(owner, token)?.take_in(&key, &name_of(owner))?;
        if !begun {
            write_pointer(&pointer, &made)?;
        }
        Ok(files::remove(&path)?)
    }

    /// Makes the keys of a person, the one that signs in a token. What he connects with is a file.
    ///
    /// # Errors
    /// A seat's; there is one already: then nothing is made.
    pub fn create_in_token(
        &self,
        owner: &Owner,
        token: Token,
        ambient: &Ambient,
    ) -> Result<(), KeyError> {
        let path = self.path_of_a_person(owner)?;
        format::claim(&self.home)?;
        let others = self.vacant(owner)?.into_iter().filter(|(_, other)| *other != path);
        let id: [u8; ID_BYTES] = ambient.bytes();
        let (key, made) = self.unlock.log_in(owner, token)?.generate(&name_of(owner), &id)?;
        self.unlock.keep(key);
        write_pointer(&pointer_beside(&path), &made)?;
        others.into_iter().try_for_each(|(_, other)| create_signing(&other, ambient))
    }

    fn of_a_person(
        &self,
        owner: &Owner,
        ambient: &Ambient,
    ) -> Result<(PathBuf, SigningKey), KeyError> {
        let path = self.path_of_a_person(owner)?;
        let file = KeyFile::read(owner, &path, ambient)?;
        let key = self.here(owner, &path, file, ambient)?;
        Ok((path, key))
    }

    fn path_of_a_person(&self, owner: &Owner) -> Result<PathBuf, KeyError> {
        match owner {
            Owner::Seat(seat) => Err(KeyError::OfSeat(seat.clone())),
            _ => Ok(self.sign_path(owner)),
        }
    }
}

fn write_pointer(path: &Path, pointer: &Pointer) -> Result<(), KeyError> {
    let text = pointer.write();
    let text = text.map_err(|why| KeyError::NotPointer { path: path.to_owned(), why })?;
    Ok(files::create_private(path, text.as_bytes())?)
}

/// What tools that list a token show.
fn name_of(owner: &Owner) -> String {
    format!("liaison {}", owner.holder())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use zeroize::Zeroizing;

    use super::*;
    use crate::client::error::{ClientError, Family};
    use crate::client::key_file::PUBLIC_BEGINS;
    use crate::client::keys::Held;
    use crate::client::unlock::{Asks, NotAsked, Unlock};
    use crate::world::testlog::ambient;

    const WORDS: &str = "correct horse battery staple";

    /// Somebody with these answers, who counts what he is asked.
    #[derive(Default)]
    struct Person {
        answers: Mutex<Vec<&'static str>>,
        asked: Mutex<Vec<String>>,
    }

    impl Person {
        fn will_say(&self, answers: &[&'static str]) {
            *self.answers.lock().unwrap() = answers.iter().rev().copied().collect();
        }

        fn asked(&self) -> Vec<String> {
            assert!(self.answers.lock().unwrap().is_empty(), "asked less often than thought");
            std::mem::take(&mut self.asked.lock().unwrap())
        }
    }

    impl Asks for Person {
        fn secret(&self, question: &str) -> Result<Zeroizing<String>, NotAsked> {
            self.asked.lock().unwrap().push(question.to_owned());
            let answer = self.answers.lock().unwrap().pop();
            answer.map(|text| Zeroizing::new(text.to_owned())).ok_or(NotAsked::NoTerminal)
        }

        fn tell(&self, line: &str) {
            self.asked.lock().unwrap().push(line.to_owned());
        }
    }

    struct Desk {
        folder: tempfile::TempDir,
        person: Arc<Person>,
    }

    impl Desk {
        /// With keys of the registrar alice.
        fn new() -> Self {
            let desk = Self { folder: tempfile::tempdir().unwrap(), person: Arc::default() };
            desk.program().create(&alice(), &ambient()).unwrap();
            desk
        }

        /// What a new program knows, which is nothing.
        fn program(&self) -> Keys {
            let person = Arc::clone(&self.person) as Arc<dyn Asks>;
            Keys::of(self.folder.path()).opened_by(Unlock::asking(person))
        }

        fn path(&self) -> PathBuf {
            self.program().sign_path(&alice())
        }

        fn text(&self) -> String {
            std::fs::read_to_string(self.path()).unwrap()
        }

        fn closed() -> Self {
            let desk = Self::new();
            desk.person.will_say(&[WORDS, WORDS]);
            desk.program().protect(&alice(), &ambient()).unwrap();
            desk.person.asked();
            desk
        }
    }

    fn alice() -> Owner {
        Owner::Registrar("alice".parse().unwrap())
    }

    fn reason(error: KeyError) -> (String, Family) {
        let error = ClientError::from(error);
        (error.reason.to_string(), error.family)
    }

    #[test]
    fn a_key_behind_a_passphrase_is_asked_for_once_in_a_program_and_is_the_same_key() {
        let desk = Desk::new();
        let (before, id) = (desk.text(), desk.program().list(&ambient()).unwrap().remove(0).id);
        desk.person.will_say(&["short", WORDS, "another battery", WORDS, WORDS]);
        desk.program().protect(&alice(), &ambient()).unwrap();
        assert_eq!(
            desk.person.asked(),
            [
                "Type a new passphrase for the key of the registrar alice: ",
                "That is shorter than 12 letters. Type a new passphrase for the key of the \
                 registrar alice: ",
                "Type a new passphrase for the key of the registrar alice, again: ",
                "These were two. Type a new passphrase for the key of the registrar alice: ",
                "Type a new passphrase for the key of the registrar alice, again: ",
            ]
        );
        assert!(desk.text().starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        let secret = before.lines().nth(1).unwrap();
        assert!(!desk.text().contains(secret), "the key itself is gone from the file");
        let files = std::fs::read_dir(desk.path().parent().unwrap()).unwrap();
        for file in files.map(|file| file.unwrap().path()) {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(!text.contains(secret), "{}", file.display());
        }

        let program = desk.program();
        let listed = program.list(&ambient()).unwrap().remove(0);
        assert_eq!(*listed.id.as_ref().unwrap(), *id.as_ref().unwrap());
        let kept = listed.kept.unwrap().to_string();
        assert_eq!(kept, "a passphrase: scrypt (N 16384, r 8, p 5), AES-256-CBC");
        let held = program.all_signing(&ambient()).unwrap();
        assert!(matches!(&held[..], [Held::Kept(_, Some(_))]), "nobody is asked to list");
        assert_eq!(held[0].id(), id.ok());
        desk.person.will_say(&["wrong horse battery", WORDS]);
        for _ in 0..3 {
            let key = program.signer(&alice(), &ambient()).unwrap();
            let signature = key.sign(b"message", ambient().random()).unwrap();
            assert_eq!(key.public().verify(b"message", &signature), Ok(()));
            program.listed(&alice(), &ambient()).unwrap();
        }
        assert_eq!(
            desk.person.asked(),
            [
                "Type the passphrase of the key of the registrar alice: ",
                "That is not it. Type the passphrase of the key of the registrar alice: ",
            ]
        );

        desk.person.will_say(&[WORDS]);
        desk.program().unprotect(&alice(), &ambient()).unwrap();
        assert_eq!(desk.text(), before);
    }

    #[test]
    fn a_wrong_passphrase_or_nobody_to_ask_opens_and_changes_nothing() {
        let desk = Desk::closed();
        let before = desk.text();
        desk.person.will_say(&["1", "2", "3"]);
        let refused = desk.program().signer(&alice(), &ambient()).unwrap_err();
        assert_eq!(reason(refused), ("PASSPHRASE_WRONG".to_owned(), Family::IdentityOrKey));
        assert_eq!(desk.person.asked().len(), 3);
        let keys = desk.program();
        for refused in [
            keys.signer(&alice(), &ambient()).map(drop),
            keys.signing(&alice(), &ambient()).map(drop),
            keys.listed(&alice(), &ambient()).map(drop),
            keys.unprotect(&alice(), &ambient()),
            keys.protect(&alice(), &ambient()),
        ] {
            let refused = ClientError::from(refused.unwrap_err());
            assert_eq!(
                (refused.reason.code(), refused.family),
                ("NO_TERMINAL", Family::IdentityOrKey)
            );
            assert!(refused.sentence.contains("the registrar alice"), "{refused}");
        }
        // The old one is right, and no new one is chosen.
        desk.person.will_say(&[WORDS, "short", "shorter", "short"]);
        let refused = desk.program().protect(&alice(), &ambient()).unwrap_err();
        assert_eq!(reason(refused).0, "PASSPHRASE_NOT_CHOSEN");
        assert_eq!(desk.text(), before);
        assert!(matches!(
            desk.program().create(&alice(), &ambient()),
            Err(KeyError::Exists { .. })
        ));
    }

    /// Whoever can write the file could make the program believe that another key is alice's.
    #[test]
    fn the_public_part_beside_a_closed_key_is_believed_only_once_it_is_opened() {
        let desk = Desk::closed();
        let other = SigningKey::from_seed(&[9; 32]);
        let closed = desk.text();
        let closed = closed.split_at(closed.find(PUBLIC_BEGINS).unwrap()).0;
        let write =
            |public: &str| files::replace(&desk.path(), format!("{closed}{public}").as_bytes());
        write(&armour::encode(PUBLIC, other.public().spki())).unwrap();
        desk.person.will_say(&[WORDS]);
        let refused = desk.program().signer(&alice(), &ambient()).unwrap_err();
        assert_eq!(reason(refused).0, "KEY_ALTERED");
        // As another program leaves it.
        write("").unwrap();
        let listed = desk.program().list(&ambient()).unwrap().remove(0);
        assert!(matches!(listed.id, Err(KeyError::Hidden { .. })));
        assert_eq!(desk.program().all_signing(&ambient()).unwrap()[0].id(), None);
        desk.person.will_say(&[WORDS]);
        desk.program().signer(&alice(), &ambient()).unwrap();
        for damaged in ["more", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"] {
            write(damaged).unwrap();
            let refused = desk.program().signer(&alice(), &ambient()).unwrap_err();
            assert_eq!(reason(refused).0, "KEY_NOT_PKCS8", "{damaged}");
        }
    }

    #[test]
    fn of_two_of_one_key_neither_is_used_and_both_are_named() {
        let desk = Desk::new();
        let pointer = pointer_beside(&desk.path());
        files::create_private(&pointer, b"whatever").unwrap();
        let keys = desk.program();
        let refused = keys.signer(&alice(), &ambient()).unwrap_err().to_string();
        for part in ["sign.pem", "sign.token", "neither is used"] {
            assert!(refused.contains(part), "{part}: {refused}");
        }
        for refused in [
            keys.signing(&alice(), &ambient()).map(drop),
            keys.protect(&alice(), &ambient()),
            keys.unprotect(&alice(), &ambient()),
        ] {
            assert_eq!(reason(refused.unwrap_err()).0, "KEY_TWICE");
        }
        assert!(keys.all_signing(&ambient()).unwrap().is_empty());
        let listed = keys.list(&ambient()).unwrap().remove(0);
        assert!(matches!(listed.id, Err(KeyError::Twice { .. })));
        // A pointer that cannot be read is no reason to make another key, or to look for one.
        std::fs::remove_file(desk.path()).unwrap();
        assert_eq!(reason(keys.signer(&alice(), &ambient()).unwrap_err()).0, "KEY_NOT_A_POINTER");
        assert!(matches!(keys.create(&alice(), &ambient()), Err(KeyError::Exists { .. })));
    }

    #[test]
    fn wherever_the_disk_fails_the_key_is_kept_as_before_or_anew() {
        for some in 0.. {
            let desk = Desk::new();
            let before = desk.text();
            desk.person.will_say(&[WORDS, WORDS]);
            let done = files::faults::after(some, || desk.program().protect(&alice(), &ambient()));
            desk.person.asked();
            let old = desk.text() == before;
            desk.person.will_say(if old { &[] } else { &[WORDS] });
            desk.program().signer(&alice(), &ambient()).unwrap();
            assert!(done.is_err() || !old, "{some}: said to be done, and was not");
            // The same again ends it, and nothing of the key is left beside it.
            desk.person.will_say(if old { &[WORDS, WORDS] } else { &[WORDS, WORDS, WORDS] });
            desk.program().protect(&alice(), &ambient()).unwrap();
            desk.person.asked();
            let secret = before.lines().nth(1).unwrap();
            for file in std::fs::read_dir(desk.path().parent().unwrap()).unwrap() {
                let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
                assert!(!text.contains(secret), "{some}");
            }
            assert_eq!(
                desk.program().list(&ambient()).unwrap()[0].kept.as_ref().unwrap().name(),
                "passphrase"
            );
            if done.is_ok() {
                assert!(some > 2, "{some}");
                break;
            }
        }
    }

    #[test]
    fn a_seats_keys_stay_files_and_it_is_said_why() {
        let desk = Desk::new();
        let seat = Owner::Seat("fr/cert-fr/duty-1".parse().unwrap());
        desk.program().create(&seat, &ambient()).unwrap();
        let refused = desk.program().protect(&seat, &ambient()).unwrap_err();
        assert!(refused.to_string().contains("at night"), "{refused}");
        assert_eq!(reason(refused).0, "KEY_OF_SEAT");
        desk.program().unprotect(&seat, &ambient()).unwrap_err();
    }
}
