//! Numbers and strings as sled writes them (`serialization.rs`). Whatever is too short is `None`.

/// Takes one thing after the other from the front of some bytes.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        self.byte().map(|byte| byte != 0)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// A place in the log: 8 bytes, signed in sled, and never below 0.
    pub(super) fn lsn(&mut self) -> Option<u64> {
        let lsn = i64::from_le_bytes(self.array()?);
        u64::try_from(lsn).ok()
    }

    /// A number in one to nine bytes.
    pub(super) fn number(&mut self) -> Option<u64> {
        let first = self.byte()?;
        Some(match first {
            0..=240 => u64::from(first),
            241..=248 => 240 + 256 * (u64::from(first) - 241) + u64::from(self.byte()?),
            249 => 2288 + u64::from(u16::from_be_bytes(self.array()?)),
            250..=255 => {
                let mut bytes = [0; 8];
                let taken = self.take(usize::from(first) - 247)?;
                bytes[..taken.len()].copy_from_slice(taken);
                u64::from_le_bytes(bytes)
            }
        })
    }

    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }
}

/// A number as [`Reader::number`] reads it: up to 240 in one byte, else with how many bytes follow.
pub(super) fn number(number: u64) -> Vec<u8> {
    match u8::try_from(number) {
        Ok(byte @ ..=240) => vec![byte],
        _ => {
            let length = (8 - number.leading_zeros() as usize / 8).max(3);
            [&[247 + length as u8], &number.to_le_bytes()[..length]].concat()
        }
    }
}
