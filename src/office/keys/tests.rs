//! What is made for whom, and what is told of each key.

use crate::client::armour;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::client::keys::{Role, read_person, read_public};
use crate::client::token::TokenError;
use crate::client::unlock::{Asks, NotAsked};
use crate::office::tests::homes::Kept as Home;
use crate::world::relay::{FR, Net, seat, sign_key};

use super::*;

fn olga() -> Owner {
    Owner::Operator("olga".parse().unwrap())
}

fn turns(of: &[Key]) -> Vec<(Purpose, Turn)> {
    of.iter().map(|key| (key.purpose, key.turn)).collect()
}

#[test]
fn a_person_is_made_with_a_name_and_others_without() {
    let home = Home::new(&Net::new());
    let person = Make::Person(olga(), None, "Olga Operator".to_owned());
    let file = home.office.make_keys(&person).unwrap();
    let read = read_person(Role::Operator, &file).unwrap();
    assert_eq!((&*read.id, &*read.name), ("olga", "Olga Operator"));
    let keys = home.office.keys_of(&olga()).unwrap();
    assert_eq!(turns(&keys), [(Purpose::PersonSign, Turn::Now), (Purpose::PersonTls, Turn::Now)]);
    assert!(home.office.make_keys(&person).is_err(), "they are here already");
    let seat = Owner::Seat(seat(FR));
    let file = home.office.make_keys(&Make::Keys(seat.clone(), None)).unwrap();
    assert_eq!(read_public(armour::Kind::Seat, &file).unwrap().holder, FR);
    assert_eq!(home.office.keys_of(&seat).unwrap().len(), 3);
    assert_eq!(home.office.keys_of(&olga()).unwrap().len(), 2, "each has his own");
    let all = home.office.keys().unwrap();
    assert_eq!(all.len(), 5);
    for key in &all {
        assert!(key.id.is_some() && key.fault.is_none() && key.may_go.is_none(), "{key:?}");
        assert_eq!(key.kept.as_ref().map(|kept| kept.name), Some("file"));
        assert_eq!(key.algorithm.is_none(), key.purpose == Purpose::SeatSeal);
    }
}

#[test]
fn a_keepers_next_key_stands_beside_the_one_in_force() {
    let home = Home::new(&Net::new());
    let contact: ContactId = "fr/cert-fr".parse().unwrap();
    let keeper = Owner::Keeper(contact.clone());
    let first = home.office.make_keys(&Make::Keys(keeper.clone(), None)).unwrap();
    let next = Make::NextOfKeeper(contact, NextKept::InAFile);
    let second = home.office.make_keys(&next).unwrap();
    assert_ne!(first, second);
    let keys = home.office.keys_of(&keeper).unwrap();
    let (keeper, now, later) = (Purpose::Keeper, Turn::Now, Turn::Later);
    assert_eq!(turns(&keys), [(keeper, now), (keeper, later)]);
    assert_ne!(keys[0].id, keys[1].id);
}

/// Who types the same, whatever he is asked.
struct Types;

impl Asks for Types {
    fn secret(&self, _: &str) -> Result<Zeroizing<String>, NotAsked> {
        Ok(Zeroizing::new("six words that nobody else knows".to_owned()))
    }

    fn tell(&self, _: &str) {}
}

#[test]
fn of_a_protected_key_the_one_that_signs_is_told_as_it_is_kept_now() {
    let mut home = Home::new(&Net::new());
    home.office.home = home.office.home.clone().asking(Arc::new(Types));
    home.owns(&olga());
    for (how, kept) in [(Protect::ByPassphrase, "passphrase"), (Protect::InAFile, "file")] {
        let key = home.office.protect_key(&olga(), &how).unwrap().unwrap();
        assert_eq!((&key.owner, key.purpose), (&olga(), Purpose::PersonSign));
        assert_eq!(key.kept.unwrap().name, kept);
    }
    assert!(home.office.protect_key(&Owner::Seat(seat(FR)), &Protect::ByPassphrase).is_err());
}

#[test]
fn a_key_is_told_with_how_it_is_kept_and_why_it_cannot_be_used() {
    let token = |gone| Kept::Token {
        label: "duty".to_owned(),
        serial: "42".to_owned(),
        module: PathBuf::from("/lib/module.so"),
        gone,
    };
    let listed = |id, kept| Listed {
        owner: olga(),
        purpose: Purpose::PersonSign,
        path: PathBuf::from("sign"),
        kept,
        staged: false,
        retired: false,
        id,
        algorithm: None,
    };
    let id = || sign_key("olga").public().id();
    let missing = || KeyError::Missing { owner: olga(), path: PathBuf::from("sign") };
    let hidden = || KeyError::Hidden { path: PathBuf::from("sign") };
    let gone = || token(Some(TokenError::Gone("it is out".to_owned())));
    for (listed, fault) in [
        (listed(Ok(id()), Some(Kept::File)), None),
        (listed(Ok(id()), Some(token(None))), None),
        (listed(Ok(id()), Some(gone())), Some("it is out".to_owned())),
        (listed(Err(hidden()), None), None),
        (listed(Err(missing()), None), Some(missing().to_string())),
    ] {
        let known = listed.id.as_ref().ok().copied();
        let key = Key::of(listed, None);
        assert_eq!((key.fault, key.id), (fault, known));
    }
    let kept = Protection::of(&token(None));
    assert_eq!((kept.name, &*kept.said), ("token", "the token duty (serial number 42)"));
    let InToken { label, serial, module } = kept.token.unwrap();
    assert_eq!((&*label, &*serial, module), ("duty", "42", PathBuf::from("/lib/module.so")));
    assert_eq!(Protection::of(&Kept::Passphrase("age".to_owned())).token, None);
}
