//! What a contact publishes of itself: by which numbers and addresses it is reached, and the rest.
//!
//! In scope: the order in which it is needed, what this copy lacks. Out of scope: its words, and which of them are
//! shown (each face).

use crate::client::draft::FacetContent;
use crate::client::error::ClientError;
use crate::client::replica::Replica;
use crate::domain::ids::ContactId;

/// A part of what a contact publishes.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its name in a statement.
    pub name: String,
    /// What it says, as far as this program knows.
    pub said: Said,
}

/// What a part says.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// In a form of this version.
    Known(Box<FacetContent>),
    /// In a form that this program does not know.
    Foreign,
    /// This copy lacks it. Whether the service keeps it back, a sync tells.
    NotHere,
}

/// What a contact publishes, in the order in which it is needed.
///
/// # Errors
/// The copy cannot be read.
pub fn parts_of(replica: &Replica, contact: &ContactId) -> Result<Vec<Part>, ClientError> {
    let parts = replica.facets_of(contact)?.into_iter().map(|(name, bytes)| {
        let said = match bytes {
            None => Said::NotHere,
            Some(bytes) => FacetContent::read(&name, &bytes)
                .map_or(Said::Foreign, |content| Said::Known(Box::new(content))),
        };
        Part { name, said }
    });
    let mut parts: Vec<Part> = parts.collect();
    let place = |name: &str| ORDER.iter().position(|other| *other == name).unwrap_or(ORDER.len());
    parts.sort_by_key(|part| place(&part.name));
    Ok(parts)
}

/// By what it is reached while a message cannot reach it.
///
/// # Errors
/// As [`parts_of`].
pub fn numbers_of(replica: &Replica, contact: &ContactId) -> Result<Vec<Part>, ClientError> {
    let mut parts = parts_of(replica, contact)?;
    parts.retain(|part| REACH.contains(&part.name.as_str()));
    Ok(parts)
}

const REACH: [&str; 4] = ["telephone", "email", "messaging", "address"];

/// Numbers and addresses first.
const ORDER: [&str; 12] = [
    "telephone",
    "email",
    "messaging",
    "persons",
    "address",
    "hours",
    "holidays",
    "languages",
    "web",
    "commitment",
    "constituency",
    "references",
];

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use prost::Message as _;

    use super::*;
    use crate::domain::directory::Statement;
    use crate::domain::directory::facet::OpenFacet;
    use crate::office::tests::whole::Whole;
    use crate::signed::proto;
    use crate::world::relay::{FR, Net, contact, sign_key};

    const CERT: &str = "fr/cert-fr";

    fn open(name: &str, bytes: Bytes) -> OpenFacet {
        let subject = CERT.to_owned();
        OpenFacet { subject, name: name.to_owned(), salt: [name.len() as u8; 32], bytes }
    }

    /// A copy in which fr's contact publishes these parts, and of them has those that are told here.
    fn copy(parts: &[OpenFacet], here: &[&str]) -> (Whole, Replica) {
        let mut net = Net::new();
        let record = net.directory.contact(&contact(CERT)).unwrap().record.as_ref().unwrap();
        let mut next = proto::Record::decode(record.payload.clone()).unwrap();
        next.targets[0].version += 1;
        next.facets = parts.iter().map(OpenFacet::named).collect();
        next.facets.sort_by(|a, b| a.name.cmp(&b.name));
        net.publish(&Statement::Record(next), &sign_key("fr authority"));
        let paris = Whole::of(&net, FR);
        let mut replica = paris.mail.office.replica().unwrap();
        let kept = parts.iter().filter(|part| here.contains(&&*part.name)).cloned();
        replica.keep_facets(kept.collect()).unwrap();
        (paris, replica)
    }

    #[test]
    fn numbers_come_first_and_what_is_not_here_or_not_known_is_said_to_be() {
        let web = proto::Web { website: "https://cert.example".to_owned(), ..Default::default() };
        let web = FacetContent::Web(web);
        let email = FacetContent::Email(proto::Email::default());
        let parts = [
            open("web", web.encode()),
            open("email", email.encode()),
            open("telephone", Bytes::from_static(b"\xff of a later version")),
            open("languages", FacetContent::Languages(proto::Languages::default()).encode()),
        ];
        let (_paris, replica) = copy(&parts, &["web", "email", "telephone"]);
        let said = |name: &str, said| Part { name: name.to_owned(), said };
        let known = |content: &FacetContent| Said::Known(Box::new(content.clone()));
        assert_eq!(
            parts_of(&replica, &contact(CERT)).unwrap(),
            [
                said("telephone", Said::Foreign),
                said("email", known(&email)),
                said("languages", Said::NotHere),
                said("web", known(&web)),
            ]
        );
        assert_eq!(
            numbers_of(&replica, &contact(CERT)).unwrap(),
            [said("telephone", Said::Foreign), said("email", known(&email)),]
        );
        assert_eq!(parts_of(&replica, &contact("pt/cert-pt")).unwrap(), []);
    }

    #[test]
    fn every_way_to_reach_somebody_has_its_place_before_the_rest() {
        let places = REACH.map(|name| ORDER.iter().position(|other| *other == name).unwrap());
        assert_eq!(places, [0, 1, 2, 4]);
    }
}
