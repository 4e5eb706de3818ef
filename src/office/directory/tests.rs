//! Who is listed and found, what is known of him and why it is believed, and that the copy verifies.

use std::fs;

use prost::Message as _;

use crate::client::draft::FacetContent;
use crate::client::home::Home;
use crate::client::replica::{Replica, tape};
use crate::crypto::hash::Digest;
use crate::domain::directory::Statement;
use crate::domain::directory::facet::OpenFacet;
use crate::office::error::{ClientError, Family, Mend};
use crate::office::reach::Said;
use crate::office::terms::ContactId;
use crate::office::tests::whole::{Told, Whole, office};
use crate::office::told::Note;
use crate::signed::dsse::Envelope;
use crate::signed::proto::{self, entry::Leaf};
use crate::world::relay::{AT, FR, NAME, Net, contact, sign_key};

use super::page::{Belief, NextInLine, Page, Proof, Proven, Verbale};
use super::*;

const CERT: &str = "fr/cert-fr";

/// The next record of a contact, which is changed so.
fn publishes(net: &mut Net, id: &str, change: impl FnOnce(&mut proto::Record)) {
    let before = net.directory.record(&contact(id)).unwrap().payload.clone();
    let mut record = proto::Record::decode(before).unwrap();
    record.targets[0].version += 1;
    change(&mut record);
    let authority = sign_key(&format!("{} authority", contact(id).member()));
    net.publish(&Statement::Record(record), &authority);
}

/// The same with these parts, in the order of their names as a record has them. Gives what is beside the log.
fn publishes_parts(net: &mut Net, id: &str, parts: &[FacetContent]) -> Vec<OpenFacet> {
    let open = parts.iter().zip(1..).map(|(part, salt)| OpenFacet {
        subject: id.to_owned(),
        name: part.name().to_owned(),
        salt: [salt; 32],
        bytes: part.encode(),
    });
    let mut open: Vec<OpenFacet> = open.collect();
    open.sort_by(|a, b| a.name.cmp(&b.name));
    publishes(net, id, |record| record.facets = open.iter().map(OpenFacet::named).collect());
    open
}

fn telephone(number: &str) -> FacetContent {
    let r#use = proto::TelephoneUse::Voice.into();
    let number = proto::TelephoneNumber { number: number.to_owned(), r#use, ..Default::default() };
    FacetContent::Telephone(proto::Telephone { numbers: vec![number] })
}

fn email(address: &str) -> FacetContent {
    let address = proto::EmailAddress { address: address.to_owned(), ..Default::default() };
    FacetContent::Email(proto::Email { addresses: vec![address] })
}

fn web(website: &str) -> FacetContent {
    FacetContent::Web(proto::Web { website: website.to_owned(), ..Default::default() })
}

/// A home with a copy of the directory and these parts of it.
fn home_with(net: &Net, parts: Vec<OpenFacet>) -> Whole {
    let paris = Whole::of(net, FR);
    paris.mail.office.replica().unwrap().keep_facets(parts).unwrap();
    paris
}

fn ids(of: &[Entry]) -> Vec<&str> {
    of.iter().map(|entry| entry.called.contact.as_str()).collect()
}

fn found(of: &Whole, word: &str) -> Vec<ContactId> {
    let found = of.mail.office.found(word).unwrap();
    found.contacts.into_iter().map(|of| of.entry.called.contact).collect()
}

fn page(of: &Whole, who: &str) -> Page {
    let mut pages = of.mail.office.pages_of(who).unwrap().pages;
    assert_eq!(pages.len(), 1, "{who}");
    pages.remove(0)
}

#[test]
fn those_listed_are_told_by_id_with_how_they_take_part() {
    let mut net = Net::new();
    net.withdraw("pt/cert-pt", 2);
    let paris = Whole::of(&net, FR);
    let listed = paris.mail.office.listed(None, None).unwrap();
    let parts = listed.entries.iter().map(|of| (of.called.contact.as_str(), of.part));
    assert_eq!(
        parts.collect::<Vec<_>>(),
        [
            ("at/cert-at", TakesPart::Connected),
            ("es/cert-es", TakesPart::Signed),
            ("fr/cert-fr", TakesPart::Connected),
            ("ie/cert-ie", TakesPart::Listed),
        ]
    );
    assert_eq!(listed.seen.size, net.directory.size());
    let withdrawn = net.directory.contact(&contact("pt/cert-pt")).unwrap();
    assert_eq!(TakesPart::of(&net.directory, withdrawn), TakesPart::Withdrawn);
}

#[test]
fn who_has_no_seat_left_is_connected_no_more() {
    let mut net = Net::new();
    net.roster(CERT, 2, &[]);
    let of = net.directory.contact(&contact(CERT)).unwrap();
    assert_eq!(TakesPart::of(&net.directory, of), TakesPart::Signed);
}

#[test]
fn a_member_and_a_level_each_leave_out_the_others() {
    let mut net = Net::new();
    net.admit_at("no", &[Level::Policy]);
    let paris = Whole::of(&net, FR);
    let office = &paris.mail.office;
    let (no, at) = ("no".parse().unwrap(), "at".parse().unwrap());
    let of = |member, level| office.listed(member, level).unwrap().entries;
    assert_eq!(ids(&of(Some(&at), None)), ["at/cert-at"]);
    assert_eq!(ids(&of(None, Some(Level::Policy))), ["no/cert-no"]);
    assert_eq!(ids(&of(Some(&no), Some(Level::Policy))), ["no/cert-no"]);
    assert_eq!(ids(&of(Some(&at), Some(Level::Policy))), [""; 0]);
    let why = office.listed(Some(&"zz".parse().unwrap()), None).unwrap_err();
    assert_eq!((why.reason.code(), why.family), ("UNKNOWN_MEMBER", Family::NotFound));
    assert_eq!(why.mend.as_deref(), Some(&Mend::ListDirectory));
}

#[test]
fn a_record_is_over_after_the_second_until_which_it_holds() {
    let net = Net::new();
    let of = net.directory.contact(&contact(CERT)).unwrap();
    let at = |now| Entry::of(&net.directory, of, now);
    assert_eq!((at(2000).until, at(2000).expired, at(2001).expired), (2000, false, true));
    assert_eq!(at(0).levels, [Level::Technical]);
    assert_eq!((&*at(0).called.names[0].text, &*at(0).called.member[0].text), (CERT, "fr"));
}

#[test]
fn a_contact_is_found_by_names_numbers_and_addresses_and_a_state_by_two_letters() {
    let mut net = Net::new();
    let parts =
        [telephone("+33172000000"), email("soc@anssi.example"), web("https://cyber.example")];
    let mut parts = publishes_parts(&mut net, CERT, &parts);
    // It says fr, too, and is Austria's.
    parts.extend(publishes_parts(&mut net, "at/cert-at", &[email("fr@cert.example")]));
    let paris = home_with(&net, parts);
    for word in ["CERT-FR", "fr", " FR ", "72 00", "soc@", "anssi", "cyber"] {
        assert_eq!(found(&paris, word), [contact(CERT)], "{word}");
    }
    assert_eq!(found(&paris, "cert").len(), 5);
    let all = paris.mail.office.found("cert").unwrap();
    let with = |of: &find::Reached| (of.telephone.is_some(), of.email.is_some());
    let reached: Vec<_> = all.contacts.iter().map(with).collect();
    let nothing = (false, false);
    assert_eq!(reached, [(false, true), nothing, (true, true), nothing, nothing]);
    let telephone = all.contacts[2].telephone.as_ref().unwrap();
    assert_eq!(telephone.name, "telephone");
    assert!(matches!(telephone.said, Said::Known(_)));
}

#[test]
fn what_this_copy_lacks_is_no_word_to_be_found_by_and_is_said_to_be_lacking() {
    let mut net = Net::new();
    publishes_parts(&mut net, CERT, &[telephone("+33172000000")]);
    let paris = Whole::of(&net, FR);
    assert_eq!(paris.mail.office.found("72 00").unwrap_err().family, Family::NotFound);
    let all = paris.mail.office.found("fr").unwrap();
    assert_eq!(all.contacts[0].telephone.as_ref().unwrap().said, Said::NotHere);
}

#[test]
fn nobody_is_said_with_what_to_look_up_instead() {
    let mut net = Net::new();
    net.withdraw("pt/cert-pt", 2);
    let paris = Whole::of(&net, FR);
    let office = &paris.mail.office;
    for (word, mend) in [
        ("pt", Mend::ListDirectory),
        ("x/y/z", Mend::LookUp("x".to_owned())),
        ("", Mend::ListDirectory),
    ] {
        let why = office.found(word).unwrap_err();
        assert_eq!((why.reason.code(), why.family), ("UNKNOWN_CONTACT", Family::NotFound));
        assert_eq!(why.mend.as_deref(), Some(&mend), "{word}");
        assert!(why.sentence.contains(" 4 contacts "), "{}", why.sentence);
    }
    let why = office.pages_of("zz/\u{1b}").unwrap_err();
    assert_eq!(why.mend.as_deref(), Some(&Mend::LookUp("zz".to_owned())));
    assert!(why.sentence.contains(r"zz/\u{1b}"), "{}", why.sentence);
}

#[test]
fn a_page_is_of_an_id_also_of_one_withdrawn_or_of_all_that_a_member_lists() {
    let mut net = Net::new();
    net.withdraw("pt/cert-pt", 2);
    let paris = Whole::of(&net, FR);
    for who in [" FR/cert-FR ", "fr"] {
        assert_eq!(page(&paris, who).entry.called.contact, contact(CERT));
    }
    let why = paris.mail.office.pages_of("pt").unwrap_err();
    assert_eq!(why.mend.as_deref(), Some(&Mend::ListDirectory));
    let withdrawn = page(&paris, "pt/cert-pt");
    assert_eq!((withdrawn.entry.part, withdrawn.entry.until), (TakesPart::Withdrawn, 0));
    assert!(withdrawn.entry.expired && withdrawn.over.is_none());
    assert_eq!(withdrawn.belief, Belief::Withdrawn(vec![authority("pt")]));
}

fn authority(member: &str) -> crate::crypto::sign::KeyId {
    sign_key(&format!("{member} authority")).public().id()
}

#[test]
fn what_a_page_tells_is_what_the_record_and_the_roster_say() {
    let mut net = Net::new();
    publishes(&mut net, CERT, |record| {
        let contacts = vec!["fr/soc".to_owned(), "fr/desk".to_owned()];
        record.ladders = vec![proto::Ladder { level: Level::Technical.into(), contacts }];
    });
    let paris = Whole::of(&net, FR);
    let of = page(&paris, CERT);
    assert_eq!(of.seats, ["duty-1", "duty-2"]);
    let contacts = vec!["fr/soc".to_owned(), "fr/desk".to_owned()];
    assert_eq!(of.next, [NextInLine { level: Level::Technical, contacts }]);
    assert!(matches!(of.over, Some(Note::RecordOver { expires: 2000, .. })), "{:?}", of.over);
    assert_eq!(page(&paris, "es").seats, [""; 0]);
}

#[test]
fn parts_stand_as_they_are_needed_and_those_that_lack_are_named() {
    let mut net = Net::new();
    let parts = [web("https://cyber.example"), email("soc@anssi.example"), telephone("+331")];
    let mut parts = publishes_parts(&mut net, CERT, &parts);
    let kept_back = parts.remove(0);
    assert_eq!(kept_back.name, "email");
    let paris = home_with(&net, parts.clone());
    let of = page(&paris, CERT);
    let names: Vec<_> = of.parts.iter().map(|part| &*part.name).collect();
    assert_eq!(names, ["telephone", "email", "web"]);
    assert_eq!(of.lacking().collect::<Vec<_>>(), ["email"]);
    let facets = of.facets.iter().map(|facet| (&*facet.name, facet.here, &facet.hash[..]));
    let hash = |of: &OpenFacet| *of.hash().as_bytes();
    assert_eq!(
        facets.collect::<Vec<_>>(),
        [
            ("email", false, &hash(&kept_back)[..]),
            ("telephone", true, &hash(&parts[0])[..]),
            ("web", true, &hash(&parts[1])[..]),
        ]
    );
}

/// By whom, when and on what ground.
#[test]
fn a_page_says_why_it_is_believed() {
    let net = Net::new();
    let paris = Whole::of(&net, FR);
    let signed = Belief::Signed { at: 1000, keys: vec![authority("fr")] };
    assert_eq!(page(&paris, "fr").belief, signed);
    let verbale = Verbale { reference: "NV/1".to_owned(), date: 1 };
    assert_eq!(page(&paris, "ie").belief, Belief::Attested(Some(verbale)));
}

#[test]
fn each_statement_that_a_page_rests_on_is_proven() {
    let net = Net::new();
    let paris = Whole::of(&net, FR);
    let (of, size) = (page(&paris, "fr").proofs, net.directory.size());
    let what: Vec<_> = of.iter().map(|proof| proof.what).collect();
    assert_eq!(what, [Proven::Record, Proven::Roster, Proven::Admission]);
    let registrar = sign_key("registrar").public().id();
    let signers: Vec<_> = of.iter().map(|proof| proof.signers[0]).collect();
    assert_eq!(signers, [authority("fr"), authority("fr"), registrar]);
    for Proof { leaf, size: found, holds, hashes, statement, .. } in of {
        assert_eq!((found, holds), (size, true));
        let path = net.tree.inclusion_proof(leaf, size).unwrap();
        assert_eq!(hashes, path.len());
        assert_eq!(statement, digest(&net, leaf));
    }
    // Who is only listed has no roster.
    let what: Vec<_> = page(&paris, "ie").proofs.iter().map(|proof| proof.what).collect();
    assert_eq!(what, [Proven::Record, Proven::Admission]);
}

fn digest(net: &Net, leaf: u64) -> Digest {
    let entry = proto::Entry::decode(net.entries[usize::try_from(leaf).unwrap()].clone()).unwrap();
    let Some(Leaf::Statement(bytes)) = entry.leaf else { panic!("a statement") };
    Envelope::parse(&bytes, 1 << 16).unwrap().digest()
}

/// Changes each entry of a copy on the disk, behind its back.
fn alter(of: &Replica) {
    let path = of.folder().join("entries");
    let entries = tape::read(&path).unwrap().records.into_iter().map(|entry| {
        let entry = proto::Entry::decode(entry).unwrap();
        proto::Entry { admitted_at: entry.admitted_at + 1, ..entry }.encode_to_vec().into()
    });
    tape::write(&path, &entries.collect::<Vec<_>>()).unwrap();
}

#[test]
fn of_entries_that_were_changed_on_the_disk_no_page_is_made() {
    let paris = Whole::of(&Net::new(), FR);
    let replica = paris.mail.office.replica().unwrap();
    alter(&replica);
    let of = replica.directory().unwrap().contact(&contact(CERT)).unwrap();
    let why = page::Page::of(&replica, of, 0).unwrap_err();
    assert_eq!(why.family, Family::VerificationFailed);
}

#[test]
fn a_copy_that_verifies_tells_what_was_verified() {
    let mut net = Net::new();
    net.withdraw("pt/cert-pt", 2);
    publishes_parts(&mut net, CERT, &[telephone("+331")]);
    let of = Whole::of(&net, AT).mail.office.verified().unwrap();
    let size = net.directory.size();
    assert_eq!((of.size, of.folded, of.root), (size, size, net.view().root));
    assert_eq!((of.directory.as_str(), of.genesis), (NAME, net.directory.genesis()));
    assert_eq!((of.members, of.contacts, of.witnesses), (5, 4, 0));
    assert_eq!(of.withheld, [(contact(CERT), "telephone".to_owned())]);
    assert_eq!(of.frozen, None);
}

#[test]
fn a_copy_that_stands_still_is_verified_as_far_as_this_program_can() {
    let mut net = Net::new();
    let before = net.directory.size();
    net.newer_rules();
    let of = Whole::of(&net, AT).mail.office.verified().unwrap();
    assert_eq!((of.size, of.folded), (before + 1, before + 1));
    assert!(of.frozen.is_some());
}

#[test]
fn of_what_does_not_verify_programs_hear_that_it_is_not_verified() {
    let net = Net::new();
    let said = |why: &ClientError| why.details.get("verified").cloned();
    let paris = Whole::of(&net, FR);
    let replica = paris.mail.office.replica().unwrap();
    alter(&replica);
    let why = verify::of(&replica).unwrap_err();
    assert_eq!((why.reason.code(), said(&why)), ("OTHER_ROOT", Some("false".to_owned())));
    assert!(why.sentence.starts_with("expected the root "), "{}", why.sentence);
    let entries = replica.folder().join("entries");
    let length = fs::metadata(&entries).unwrap().len();
    fs::File::options().write(true).open(&entries).unwrap().set_len(length / 2).unwrap();
    let why = verify::of(&replica).unwrap_err();
    assert_eq!(
        (&*why.sentence, said(&why)),
        ("an entry is missing from the copy", Some("false".to_owned()))
    );
    assert_eq!(said(&paris.mail.office.verified().unwrap_err()).as_deref(), Some("false"));
    // Nothing was ever joined.
    let dir = tempfile::tempdir().unwrap();
    let nobody =
        office(&net, Home::at(dir.path().to_owned()), std::sync::Arc::new(Told::default()));
    assert_eq!(said(&nobody.verified().unwrap_err()).as_deref(), Some("false"));
}
