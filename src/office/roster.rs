//! The roster of a contact, as who changes it finds it.
//!
//! In scope: the seats and parts with which a next version begins. Out of scope: what is changed, and who signs it.
//! Invariant: a seat of which a key was revoked is not on it: keys never return.

use crate::client::draft::FacetContent;
use crate::client::error::{ClientError, Family, Side};
use crate::client::mend::Mend;
use crate::client::reason::Here;
use crate::client::replica::Replica;
use crate::domain::directory::Roster;
use crate::domain::directory::key::KeyName;
use crate::domain::ids::{ContactId, SeatId};
use crate::signed::canonical;
use crate::signed::proto;

/// The roster in force, as a next version begins: its seats as their keeper listed them, with their proofs, and its
/// parts as far as they are known here.
///
/// # Errors
/// There is no copy, or the contact publishes nothing.
pub fn in_force(
    replica: &Replica,
    contact: &ContactId,
) -> Result<(Vec<proto::Seat>, Vec<FacetContent>), ClientError> {
    let directory = replica.directory()?;
    directory.record(contact)?;
    let roster = directory.contact(contact).and_then(|contact| contact.roster.as_ref());
    let Some(roster) = roster else { return Ok((Vec::new(), Vec::new())) };
    let alive = |key: KeyName| directory.stands(&key);
    let seats = roster.seats.iter().filter(|seat| seat.key_names(contact).all(alive));
    let said: proto::Roster = canonical::decode(&roster.payload).unwrap_or_default();
    let said = seats.filter_map(|seat| said.seats.iter().find(|said| said.name == seat.name));
    Ok((said.cloned().collect(), open_facets(replica, roster)))
}

fn open_facets(replica: &Replica, roster: &Roster) -> Vec<FacetContent> {
    let open = roster
        .facets
        .iter()
        .filter_map(|facet| FacetContent::read(&facet.name, &replica.facet(&facet.hash)?.bytes));
    open.collect()
}

/// It is not on the roster that it would be on.
#[must_use]
pub fn no_such_seat(seat: &SeatId) -> ClientError {
    let sentence = format!("{seat} is not on its contact's roster");
    ClientError::new(Side::Ours, Family::NotFound, Here::UnknownSeat, sentence)
        .mended_by(Mend::ListSeats)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use prost::Message as _;

    use super::*;
    use crate::domain::directory::Statement;
    use crate::domain::directory::facet::OpenFacet;
    use crate::office::tests::whole::Whole;
    use crate::world::relay::{FR, FR_2, Net, contact, seat, sign_key};

    const CERT: &str = "fr/cert-fr";

    fn names(net: &Net, of: &str) -> Vec<String> {
        let (seats, _) = in_force(&Whole::of(net, FR).mail.replica, &contact(of)).unwrap();
        seats.into_iter().map(|seat| seat.name).collect()
    }

    #[test]
    fn a_next_roster_begins_with_the_seats_and_proofs_of_the_last_one() {
        let mut net = Net::new();
        net.roster(CERT, 2, &["duty-1"]);
        let payload =
            &net.directory.contact(&contact(CERT)).unwrap().roster.as_ref().unwrap().payload;
        let listed = proto::Roster::decode(payload.clone()).unwrap().seats;
        let (seats, parts) = in_force(&Whole::of(&net, FR).mail.replica, &contact(CERT)).unwrap();
        assert_eq!((seats, parts), (listed, vec![]));
    }

    #[test]
    fn a_seat_of_which_one_key_was_revoked_is_not_listed_again() {
        let mut net = Net::new();
        assert_eq!(names(&net, CERT), ["duty-1", "duty-2"]);
        net.revoke_sign_key(FR_2);
        assert_eq!(names(&net, CERT), ["duty-1"]);
    }

    #[test]
    fn who_has_no_roster_begins_with_nothing_and_who_publishes_nothing_with_none() {
        let mut net = Net::new();
        assert_eq!(names(&net, "es/cert-es"), [""; 0]);
        net.withdraw("pt/cert-pt", 2);
        let replica = Whole::of(&net, FR).mail.replica;
        for nobody in ["pt/cert-pt", "pt/other"] {
            let why = in_force(&replica, &contact(nobody)).unwrap_err();
            assert_eq!((why.reason.code(), why.family), ("UNKNOWN_CONTACT", Family::NotFound));
        }
    }

    /// What was kept back is not known, and so cannot be said again.
    #[test]
    fn parts_go_on_as_far_as_this_copy_has_them() {
        let mut net = Net::new();
        let open = |content: &FacetContent, salt| OpenFacet {
            subject: CERT.to_owned(),
            name: content.name().to_owned(),
            salt: [salt; 32],
            bytes: content.encode(),
        };
        let holidays =
            FacetContent::Holidays(proto::Holidays { dates: vec!["2026-12-25".to_owned()] });
        let hours = FacetContent::Hours(proto::Hours::default());
        let parts = [open(&holidays, 1), open(&hours, 2)];
        let roster = net.directory.contact(&contact(CERT)).unwrap().roster.as_ref().unwrap();
        let mut next = proto::Roster::decode(roster.payload.clone()).unwrap();
        next.targets[0].version += 1;
        next.facets = parts.iter().map(OpenFacet::named).collect();
        net.publish(&Statement::Roster(next), &sign_key("fr authority"));
        let paris = Whole::of(&net, FR);
        let mut replica = paris.mail.office.replica().unwrap();
        let parts_of = |replica: &Replica| in_force(replica, &contact(CERT)).unwrap().1;
        assert_eq!(parts_of(&replica), []);
        replica.keep_facets(parts[..1].to_vec()).unwrap();
        assert_eq!(parts_of(&replica), [holidays]);
        assert_eq!(Bytes::new(), hours.encode(), "which is not here");
    }

    #[test]
    fn a_seat_that_is_not_listed_is_to_be_looked_up() {
        let why = no_such_seat(&seat(FR));
        assert_eq!(
            (why.reason.code(), why.mend.as_deref()),
            ("UNKNOWN_SEAT", Some(&Mend::ListSeats))
        );
        assert!(why.sentence.starts_with(FR));
    }
}
