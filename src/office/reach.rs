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
