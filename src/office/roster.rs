//! The roster of a contact, as whoever changes it finds it.

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

/// The roster in force, as a next version begins.
pub(crate) fn in_force(
    replica: &Replica,
    contact: &ContactId,
) -> Result<(Vec<proto::Seat>, Vec<FacetContent>), ClientError> {
    let directory = replica.directory()?;
    directory.record(contact)?;
    let roster = directory.contact(contact).and_then(|contact| contact.roster.as_ref());
    let Some(roster) = roster else { return Ok((Vec::new(), Vec::new())) };
    let alive = |key: KeyName| directory.stands(&key);
    // A seat of which a key was revoked cannot be listed again: keys never return.
    let seats = roster.seats.iter().filter(|seat| seat.key_names(contact).all(alive));
    // As its keeper listed them, with their proofs.
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

pub(crate) fn no_such_seat(seat: &SeatId) -> ClientError {
    let sentence = format!("{seat} is not on its contact's roster");
    ClientError::new(Side::Ours, Family::NotFound, Here::UnknownSeat, sentence)
        .mended_by(Mend::ListSeats)
}
