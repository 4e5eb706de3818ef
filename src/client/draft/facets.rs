//! The facets of records and rosters, by name.
//!
//! In scope: content to bytes and back. Out of scope: what a screen makes of it. Invariant: a
//! facet's name is that of its message.

use bytes::Bytes;
use prost::Message;

use crate::signed::proto;

/// What a facet holds.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "documented in types.proto")]
pub enum FacetContent {
    Address(proto::Address),
    Commitment(proto::Commitment),
    Constituency(proto::Constituency),
    Email(proto::Email),
    Holidays(proto::Holidays),
    Hours(proto::Hours),
    Languages(proto::Languages),
    Messaging(proto::Messaging),
    Persons(proto::Persons),
    References(proto::References),
    Telephone(proto::Telephone),
    Web(proto::Web),
}

impl FacetContent {
    /// Its name in a statement.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Address(_) => "address",
            Self::Commitment(_) => "commitment",
            Self::Constituency(_) => "constituency",
            Self::Email(_) => "email",
            Self::Holidays(_) => "holidays",
            Self::Hours(_) => "hours",
            Self::Languages(_) => "languages",
            Self::Messaging(_) => "messaging",
            Self::Persons(_) => "persons",
            Self::References(_) => "references",
            Self::Telephone(_) => "telephone",
            Self::Web(_) => "web",
        }
    }

    /// Its bytes in protobuf.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Address(facet) => facet.encode_to_vec(),
            Self::Commitment(facet) => facet.encode_to_vec(),
            Self::Constituency(facet) => facet.encode_to_vec(),
            Self::Email(facet) => facet.encode_to_vec(),
            Self::Holidays(facet) => facet.encode_to_vec(),
            Self::Hours(facet) => facet.encode_to_vec(),
            Self::Languages(facet) => facet.encode_to_vec(),
            Self::Messaging(facet) => facet.encode_to_vec(),
            Self::Persons(facet) => facet.encode_to_vec(),
            Self::References(facet) => facet.encode_to_vec(),
            Self::Telephone(facet) => facet.encode_to_vec(),
            Self::Web(facet) => facet.encode_to_vec(),
        }
        .into()
    }

    /// The content of a facet of this name; none if the name or the bytes are of a later version.
    #[must_use]
    pub fn read(name: &str, bytes: &[u8]) -> Option<Self> {
        fn decode<M: Message + Default>(bytes: &[u8]) -> Option<M> {
            M::decode(bytes).ok()
        }
        Some(match name {
            "address" => Self::Address(decode(bytes)?),
            "commitment" => Self::Commitment(decode(bytes)?),
            "constituency" => Self::Constituency(decode(bytes)?),
            "email" => Self::Email(decode(bytes)?),
            "holidays" => Self::Holidays(decode(bytes)?),
            "hours" => Self::Hours(decode(bytes)?),
            "languages" => Self::Languages(decode(bytes)?),
            "messaging" => Self::Messaging(decode(bytes)?),
            "persons" => Self::Persons(decode(bytes)?),
            "references" => Self::References(decode(bytes)?),
            "telephone" => Self::Telephone(decode(bytes)?),
            "web" => Self::Web(decode(bytes)?),
            _ => return None,
        })
    }
}
