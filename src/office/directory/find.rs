//! A contact found by a word: its name, its country, or a number that rang.
//!
//! In scope: what a word is compared with, what counts as the same, who is meant by an id. Out of scope: what is
//! shown of who was found. Invariants: two letters name a State and nothing else; who was withdrawn is found by his
//! id alone.

use crate::client::draft::FacetContent;
use crate::client::error::{ClientError, Family, Side};
use crate::client::mend::Mend;
use crate::client::message::text::visible;
use crate::client::reason::Rule;
use crate::client::replica::Replica;
use crate::domain::directory::{Contact, Directory};
use crate::domain::ids::{ContactId, MemberId};
use crate::office::Office;
use crate::office::reach::{Part, parts_of};
use crate::office::seen::Seen;

use super::Entry;

/// Who was found, and in which copy.
#[derive(Debug)]
pub struct Found {
    /// Those who fit, by id: one at least.
    pub contacts: Vec<Reached>,
    /// The copy that lists them.
    pub seen: Seen,
}

/// A contact, and by what it is reached first.
#[derive(Debug)]
pub struct Reached {
    /// The contact as a list shows it.
    pub entry: Entry,
    /// Its telephones, if it publishes any.
    pub telephone: Option<Part>,
    /// Its addresses, if it publishes any.
    pub email: Option<Part>,
}

impl Office {
    /// The contacts that a word fits.
    ///
    /// # Errors
    /// There is no copy, or nothing in it fits.
    pub fn found(&self, word: &str) -> Result<Found, ClientError> {
        let replica = self.replica()?;
        let directory = replica.directory()?;
        let (needle, state) = (Needle::new(word), state(word));
        let mut contacts = Vec::new();
        for contact in directory.contacts().filter(|contact| contact.record.is_some()) {
            let fits = match &state {
                Some(state) => contact.id.member() == *state,
                None => {
                    let words = words_of(&replica, directory, contact)?;
                    words.iter().any(|word| needle.is_in(word))
                }
            };
            if fits {
                contacts.push(contact);
            }
        }
        if contacts.is_empty() {
            return Err(nobody(directory, word));
        }
        let now = self.ambient().now();
        let reached = contacts.into_iter().map(|contact| {
            let parts = parts_of(&replica, &contact.id)?;
            let reach = |name: &str| parts.iter().find(|part| part.name == name).cloned();
            let (telephone, email) = (reach("telephone"), reach("email"));
            Ok(Reached { entry: Entry::of(directory, contact, now), telephone, email })
        });
        let contacts = reached.collect::<Result<_, ClientError>>()?;
        Ok(Found { contacts, seen: self.seen(&replica)? })
    }
}

/// The contact of an id, also one that was withdrawn, or the contacts of a member.
pub(super) fn named<'a>(directory: &'a Directory, who: &str) -> Vec<&'a Contact> {
    let who = who.trim().to_lowercase();
    if let Ok(id) = who.parse::<ContactId>() {
        return directory.contact(&id).into_iter().collect();
    }
    let Ok(id) = who.parse::<MemberId>() else { return Vec::new() };
    directory.contacts_of(&id).filter(|contact| contact.record.is_some()).collect()
}

/// Nobody is meant by this.
pub(super) fn nobody(directory: &Directory, who: &str) -> ClientError {
    let contacts = directory.contacts().filter(|contact| contact.record.is_some()).count();
    let who = visible(who);
    let sentence =
        format!("there is no {who} among the {contacts} contacts of {}", directory.name());
    let mend = match who.split('/').next() {
        Some(first) if who.contains('/') => Mend::LookUp(first.to_owned()),
        _ => Mend::ListDirectory,
    };
    ClientError::new(Side::Ours, Family::NotFound, Rule::UnknownContact, sentence).mended_by(mend)
}

/// A State is named by its two letters, which no other country's name stands for: de is in Sweden.
fn state(word: &str) -> Option<MemberId> {
    let word = word.trim().to_lowercase();
    let two = word.len() == 2 && word.bytes().all(|letter| letter.is_ascii_lowercase());
    word.parse().ok().filter(|_| two)
}

/// What a search compares, without what is neither letter nor digit: JPCERT/CC is in jpcert-cc.
struct Needle(String);

impl Needle {
    fn new(word: &str) -> Self {
        Self(squeezed(word))
    }

    /// In either case, where a word begins. Digits, and letters of scripts that do not divide words
    /// as ours do, anywhere: 814 in +81 4.
    fn is_in(&self, text: &str) -> bool {
        let Some(first) = self.0.chars().next() else { return false };
        let mut within = false;
        text.char_indices().any(|(at, char)| {
            let begins = !(within && first.is_lowercase());
            within = char.is_alphanumeric();
            begins && within && squeezed(&text[at..]).starts_with(&self.0)
        })
    }
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Everything by which a contact may be found.
fn words_of(
    replica: &Replica,
    directory: &Directory,
    contact: &Contact,
) -> Result<Vec<String>, ClientError> {
    let mut words = vec![contact.id.to_string()];
    let member = directory.member(&contact.id.member());
    let names = member.into_iter().flat_map(|member| &member.names);
    let names = names.chain(contact.record.iter().flat_map(|record| &record.names));
    words.extend(names.map(|name| name.text.clone()));
    for (name, bytes) in replica.facets_of(&contact.id)? {
        match bytes.and_then(|bytes| FacetContent::read(&name, &bytes)) {
            Some(FacetContent::Email(email)) => {
                words.extend(email.addresses.into_iter().map(|email| email.address));
            }
            Some(FacetContent::Telephone(telephone)) => {
                words.extend(telephone.numbers.into_iter().map(|number| number.number));
            }
            Some(FacetContent::Web(web)) => words.push(web.website),
            Some(_) | None => {}
        }
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_is_found_however_its_name_is_written() {
        for word in ["JPCERT/CC", "jpcert", "jpcert-cc", "JPCERT CC", "jp/jpcert-cc"] {
            assert!(Needle::new(word).is_in("jp/jpcert-cc"), "{word}");
        }
        assert!(Needle::new("+81 3").is_in("+813555"));
        assert!(Needle::new("ÉTAT").is_in("état-major"));
        assert!(!Needle::new("").is_in("anything"));
        assert!(!Needle::new("/").is_in("jpcert"));
        assert!(!Needle::new("cert-fr").is_in("jp/jpcert-cc"));
        for (word, text) in [("swed", "Kingdom of Sweden"), ("3555", "+813555"), ("京", "東京都")]
        {
            assert!(Needle::new(word).is_in(text), "{word}");
        }
        for (word, text) in [("den", "Sweden"), ("tat", "État-major"), ("fr", "infra.example")] {
            assert!(!Needle::new(word).is_in(text), "{word}");
        }
    }

    #[test]
    fn two_letters_are_a_state_and_no_part_of_anothers_name() {
        assert_eq!(state(" DE ").unwrap().as_str(), "de");
        for word in ["d", "deu", "d1", "+1", "京"] {
            assert!(state(word).is_none(), "{word}");
        }
    }
}
