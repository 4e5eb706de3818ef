//! Canonical protobuf: ascending fields, minimal varints, no defaults written out, nothing unknown
//! and nothing twice; no number above 2^53 - 1, no enum above 2^31 - 1 (`docs/protocol.md` 1).
//! Decode, encode, compare; then look at the numbers.

use std::collections::HashMap;
use std::sync::LazyLock;

use prost::{Message, Name};
use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

/// The largest number: what a double holds exactly.
pub const LARGEST: u64 = (1 << 53) - 1;

/// The bytes are not the one encoding of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not canonical protobuf")]
pub struct NotCanonical;

/// Reads the message of which `bytes` is the one encoding.
///
/// # Errors
/// [`NotCanonical`] for anything else, unknown fields and numbers that are too large included.
pub fn decode<M: Message + Name + Default>(bytes: &[u8]) -> Result<M, NotCanonical> {
    let message = M::decode(bytes).map_err(|_| NotCanonical)?;
    let fits = || MESSAGES.numbers_fit(*MESSAGES.places.get(&M::full_name())?, bytes);
    let canonical = message.encode_to_vec() == bytes && fits().is_some();
    canonical.then_some(message).ok_or(NotCanonical)
}

/// What the numbers of a field may be.
enum Field {
    Number,
    Enum,
    /// Where it stands; nowhere, if it is never signed.
    Message(Option<usize>),
    Other,
}

/// The fields of every message that is signed. This is walked for each that comes: no name is looked
/// up but the first.
struct Messages {
    places: HashMap<String, usize>,
    /// By the message's place and the field's number.
    fields: Vec<Vec<Field>>,
}

static MESSAGES: LazyLock<Messages> = LazyLock::new(|| {
    let bytes = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
    let files = FileDescriptorSet::decode(&bytes[..]).expect("written by our own build");
    let messages = || {
        files.file.iter().flat_map(|file| {
            let name = |message: &DescriptorProto| format!("{}.{}", file.package(), message.name());
            file.message_type.iter().map(move |message| (name(message), message))
        })
    };
    let places: HashMap<String, usize> =
        messages().zip(0..).map(|((name, _), place)| (name, place)).collect();
    let place = |name: &str| places.get(name.trim_start_matches('.')).copied();
    let rule = |field: &FieldDescriptorProto| match field.r#type() {
        Type::Uint64 => Field::Number,
        Type::Enum => Field::Enum,
        Type::Message => Field::Message(place(field.type_name())),
        _ => Field::Other,
    };
    let fields = messages().map(|(_, message)| {
        let last = message.field.iter().map(FieldDescriptorProto::number).max().unwrap_or(0);
        let of = |number| message.field.iter().find(|field| field.number() == number);
        (0..=last).map(|number| of(number).map_or(Field::Other, rule)).collect()
    });
    Messages { fields: fields.collect(), places }
});

impl Messages {
    /// Walks what was found to be well-formed; `None` where a number is too large.
    fn numbers_fit(&self, message: usize, mut bytes: &[u8]) -> Option<()> {
        let fields = self.fields.get(message)?;
        while !bytes.is_empty() {
            let tag = varint(&mut bytes)?;
            let value = varint(&mut bytes)?;
            let field = fields.get(usize::try_from(tag >> 3).ok()?)?;
            if tag & 7 == 0 {
                fits(field, value)?;
                continue;
            }
            let (mut inner, rest) = bytes.split_at_checked(usize::try_from(value).ok()?)?;
            bytes = rest;
            match field {
                Field::Message(message) => self.numbers_fit((*message)?, inner)?,
                Field::Number | Field::Enum => {
                    while !inner.is_empty() {
                        fits(field, varint(&mut inner)?)?;
                    }
                }
                Field::Other => {}
            }
        }
        Some(())
    }
}

fn fits(field: &Field, value: u64) -> Option<()> {
    let fits = match field {
        Field::Number => value <= LARGEST,
        Field::Enum => i32::try_from(value).is_ok(),
        Field::Message(_) | Field::Other => true,
    };
    fits.then_some(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    prost::encoding::decode_varint(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signed::proto::{Addressing, View};

    #[test]
    fn only_one_encoding_is_accepted() {
        let view = View { size: 1, root: vec![9; 32].into() };
        let bytes = view.encode_to_vec();
        assert_eq!(decode::<View>(&bytes), Ok(view));
        let root_first = [&bytes[2..], &bytes[..2]].concat();
        let size_twice = [&[0x08, 0x01], &bytes[..]].concat();
        let long_varint = [&[0x08, 0x81, 0x00], &bytes[2..]].concat();
        let default_written = [0x08, 0x00];
        let unknown_field = [&bytes[..], &[0x18, 0x01]].concat();
        for other in
            [&root_first[..], &size_twice, &long_varint, &default_written, &unknown_field, &[0xff]]
        {
            assert_eq!(decode::<View>(other), Err(NotCanonical), "{other:02x?}");
        }
    }

    #[test]
    fn a_number_is_at_most_what_a_double_holds() {
        let view = |size| View { size, root: Vec::new().into() };
        assert_eq!(decode::<View>(&view(LARGEST).encode_to_vec()), Ok(view(LARGEST)));
        for size in [LARGEST + 1, u64::MAX] {
            assert_eq!(decode::<View>(&view(size).encode_to_vec()), Err(NotCanonical), "{size}");
            let inside = Addressing { view: Some(view(size)), ..Addressing::default() };
            assert_eq!(decode::<Addressing>(&inside.encode_to_vec()), Err(NotCanonical), "{size}");
        }
    }

    #[test]
    fn an_enum_is_no_negative_number() {
        for (flag, good) in [(1, true), (i32::MAX, true), (-1, false), (i32::MIN, false)] {
            let one = Addressing { class: flag, ..Addressing::default() };
            assert_eq!(decode::<Addressing>(&one.encode_to_vec()).is_ok(), good, "{flag}");
            let packed = Addressing { flags: vec![1, flag], ..Addressing::default() };
            assert_eq!(decode::<Addressing>(&packed.encode_to_vec()).is_ok(), good, "{flag}");
        }
    }
}
