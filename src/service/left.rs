//! How much room is left, in steps, each with its words.

use std::fmt;

/// What is left, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    /// The file system takes no writes at all.
    ReadOnly,
    /// Not even a commit of the service's own is sure to fit.
    Nothing,
    /// The last part of the reserve: for what the service itself commits.
    Last,
    /// The reserve: for what cannot wait.
    Reserve,
    /// More than that.
    Ample,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadOnly => {
                "the file system of the data or of the high-water file is read-only (EROFS): \
                 nothing is taken, reading goes on; mount it for writing"
            }
            Self::Nothing => {
                "the file system of the data or of the high-water file has less than 16 MiB left: \
                 nothing is taken, and what has expired stays; reading goes on; make room"
            }
            Self::Last => {
                "the reserve of space is used up: nothing is taken, reading and expiry go on; make \
                 room"
            }
            Self::Reserve => {
                "space runs out, and only revocations, receipts, acknowledgements, immediate and \
                 flash are taken, from the reserve; make room"
            }
            Self::Ample => "there is room for everything",
        })
    }
}
