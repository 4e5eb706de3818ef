//! Canonical protobuf: ascending fields, minimal varints, no defaults written out, nothing unknown
//! and nothing twice. Decode, encode, compare (`bytes.md`).

use prost::Message;

/// The bytes are not the one encoding of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not canonical protobuf")]
pub struct NotCanonical;

/// Reads the message of which `bytes` is the one encoding.
///
/// # Errors
/// [`NotCanonical`] for anything else, unknown fields included.
pub fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, NotCanonical> {
    let message = M::decode(bytes).map_err(|_| NotCanonical)?;
    if message.encode_to_vec() == bytes { Ok(message) } else { Err(NotCanonical) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signed::proto::View;

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
}
