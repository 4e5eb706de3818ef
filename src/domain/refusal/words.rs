//! One word for each value of the closed lists that stand in a refusal: what programs read where people
//! read a sentence.
//!
//! In scope: the word, for whoever says it in a language of his own. Out of scope: what a value holds
//! besides. Invariants: a word never changes; no two of one list have the same.

use crate::crypto::cert::CertificateFault;
use crate::crypto::seal::{InvalidSealingKey, OpenError};
use crate::domain::ids::Form;
use crate::domain::role::{Holder, Known, Purpose, Role, Signer};

use super::{
    Amiss, Deciders, Expected, Fault, Letters, Mismatch, Owner, Reused, Targets, Undue, Unserved,
    Wrong,
};

/// A value of a closed list.
pub trait Word {
    /// In one word, for programs.
    fn word(&self) -> &'static str;
}

/// The words of one list; what follows `or` has those of another.
macro_rules! words {
    ($of:ty { $($value:pat => $word:literal,)* } $(or $inner:pat => $more:expr)?) => {
        impl Word for $of {
            fn word(&self) -> &'static str {
                match self {
                    $($value => $word,)*
                    $($inner => $more,)?
                }
            }
        }

        #[cfg(test)]
        impl tests::All for $of {
            const NAME: &str = stringify!($of);
            const WORDS: &[&str] = &[$($word,)*];
        }
    };
}

words!(Targets {
    Self::NotASet => "not-a-set",
    Self::IllFormed => "ill-formed",
    Self::Version => "version",
    Self::Several => "several",
});

words!(Deciders {
    Self::Registrars => "registrars",
    Self::NewRegistrars => "new-registrars",
    Self::OwnRegistrars => "own-registrars",
    Self::Authority(_) => "authority",
    Self::Keeper(_) => "keeper",
    Self::RegistrarsOrAuthority(_) => "registrars-or-authority",
    Self::ContactOrAuthority(_) => "contact-or-authority",
    Self::Seat => "seat",
    Self::Operators => "operators",
});

words!(Holder {
    Self::Log(_) => "log",
    Self::Relay(_) => "relay",
    Self::Registrar(_) => "registrar",
    Self::Operator(_) => "operator",
    Self::Auditor(_) => "auditor",
    Self::Member(_) => "member",
    Self::Contact(_) => "contact",
    Self::Seat(_) => "seat",
});

words!(Owner {
    Self::Witness(_) => "witness",
} or Self::Holder(holder) => holder.word());

words!(Purpose {
    Self::PersonSign => "person-sign",
    Self::PersonTls => "person-tls",
    Self::Log => "log",
    Self::Relay => "relay",
    Self::Authority => "authority",
    Self::Keeper => "keeper",
    Self::SeatSign => "seat-sign",
    Self::SeatSeal => "seat-seal",
    Self::SeatTls => "seat-tls",
});

words!(Signer {
    Self::Registrar => "registrar",
    Self::Authority => "authority",
    Self::Keeper => "keeper",
    Self::Seat => "seat",
    Self::Operator => "operator",
});

words!(Reused {
    Self::Twice => "twice",
    Self::Belongs { .. } => "belongs",
    Self::Ended => "ended",
});

words!(Expected {
    Self::Statement => "statement",
    Self::OfRegistrars => "of-registrars",
} or Self::Kind(kind) => kind.name());

words!(Unserved {
    Self::Visibility => "visibility",
    Self::Step => "step",
    Self::Class => "class",
    Self::Urgency => "urgency",
    Self::DrillKind => "drill-kind",
    Self::Flag => "flag",
    Self::Blob => "blob",
    Self::SecondSignature => "second-signature",
    Self::LargeBody => "large-body",
});

words!(Mismatch {
    Self::Seat { .. } => "seat",
    Self::HandedIn { .. } => "handed-in",
    Self::Words => "words",
});

words!(Letters {
    Self::OutOfRange(_) => "out-of-range",
    Self::OtherNumber { .. } => "other-number",
    Self::NotASet => "not-a-set",
    Self::OtherRoot => "other-root",
    Self::OtherSeats(_) => "other-seats",
});

words!(Amiss {
    Self::BeginsAndAnswers => "begins-and-answers",
    Self::AnswersNothing => "answers-nothing",
    Self::NotToItsSender => "not-to-its-sender",
    Self::OtherThread => "other-thread",
    Self::OtherDrill => "other-drill",
    Self::NotAParty => "not-a-party",
    Self::NotItsOwn => "not-its-own",
    Self::NotItsBeginner => "not-its-beginner",
    Self::EarlierView => "earlier-view",
});

words!(Undue {
    Self::Unknown => "unknown",
    Self::NotAddressed => "not-addressed",
    Self::TooLarge => "too-large",
    Self::Taken => "taken",
});

words!(Fault {
    Self::PastTheDoor => "past-the-door",
    Self::UnverifiedProposal => "unverified-proposal",
    Self::BodyNotKept => "body-not-kept",
    Self::UnreadableProposal => "unreadable-proposal",
    Self::UnkeptApproval => "unkept-approval",
    Self::UnnamedKey => "unnamed-key",
    Self::OtherValue => "other-value",
    Self::UnreadableReceipt => "unreadable-receipt",
    Self::NotTheNextEntry => "not-the-next-entry",
});

words!(Wrong {
    Self::Missing => "missing",
    Self::Superfluous => "superfluous",
    Self::Empty => "empty",
    Self::OutOfRange { .. } => "out-of-range",
    Self::NotASet => "not-a-set",
    Self::Zero => "zero",
    Self::Not32Bytes(_) => "not-32-bytes",
    Self::NoValue(_) => "no-value",
    Self::NoValueOfRules { .. } => "no-value-of-rules",
    Self::NoId(_) => "no-id",
    Self::NoWord(_) => "no-word",
    Self::NoLanguage(_) => "no-language",
    Self::TextLength(_) => "text-length",
    Self::NoText(_) => "no-text",
    Self::NoKey => "no-key",
    Self::NoPublicKey(_) => "no-public-key",
    Self::OtherAlgorithm => "other-algorithm",
    Self::NotEd25519 => "not-ed25519",
    Self::NotXWing => "not-x-wing",
    Self::NoPoint => "no-point",
    Self::NoCertificate => "no-certificate",
    Self::NoWitnessName => "no-witness-name",
    Self::KeyOfAnother => "key-of-another",
    Self::ForeignFacet(_) => "foreign-facet",
    Self::HalfASeat => "half-a-seat",
    Self::NoStandIn => "no-stand-in",
    Self::StandsIn => "stands-in",
    Self::NoEntries => "no-entries",
    Self::OtherStep => "other-step",
    Self::KeptTooLong => "kept-too-long",
    Self::Expired => "expired",
    Self::NotPadded(_) => "not-padded",
    Self::OtherDrill => "other-drill",
} or Self::NoSealingKey(why) => why.word());

words!(InvalidSealingKey {
    Self::Length(_) => "seal-key-length",
    Self::NotReduced => "seal-key-not-reduced",
    Self::LowOrder => "seal-key-low-order",
    Self::Recipient => "no-recipient",
});

words!(Form {
    Self::Directory => "directory",
    Self::Member => "member",
    Self::Contact => "contact",
    Self::Seat => "seat",
    Self::Person => "person",
    Self::Message => "message",
    Self::MessageBytes => "message-bytes",
});

words!(OpenError {
    Self::TooLarge(_) => "too-large",
    Self::Malformed => "malformed",
    Self::NotOneStanza => "not-one-stanza",
    Self::WrongKind => "wrong-kind",
    Self::LowOrder => "low-order",
    Self::WrongKey => "wrong-key",
    Self::HeaderChanged => "header-changed",
    Self::PayloadChanged => "payload-changed",
    Self::Truncated => "truncated",
    Self::TrailingBytes => "trailing-bytes",
});

words!(CertificateFault {
    Self::NotYetValid { .. } => "not-yet-valid",
    Self::Expired { .. } => "expired",
    Self::ServerOnly => "server-only",
});

words!(Role {
    Self::Nobody => "nobody",
    Self::Unknown => "unknown",
    Self::Seat(_) => "seat",
    Self::Registrar(_) => "registrar",
    Self::Operator(_) => "operator",
    Self::Auditor(_) => "auditor",
    Self::Former(_) => "former",
});

words!(Known {
    Self::Seat => "seat",
    Self::Registrar => "registrar",
    Self::Operator => "operator",
    Self::Auditor => "auditor",
});

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Every word of a list.
    pub(crate) trait All {
        const NAME: &str;
        const WORDS: &[&str];
    }

    fn read<List: All>() {
        for (at, word) in List::WORDS.iter().enumerate() {
            let is_part = |part: &str| !part.is_empty() && part.bytes().all(is_plain);
            assert!(word.split('-').all(is_part), "{}: {word}", List::NAME);
            assert!(!List::WORDS[..at].contains(word), "{}: {word} twice", List::NAME);
        }
    }

    fn is_plain(byte: u8) -> bool {
        byte.is_ascii_lowercase() || byte.is_ascii_digit()
    }

    /// That the words stay is seen where they stand on the page (`wire::details`).
    #[test]
    fn no_two_of_a_list_have_one_word() {
        read::<Targets>();
        read::<Deciders>();
        read::<Holder>();
        read::<Owner>();
        read::<Purpose>();
        read::<Signer>();
        read::<Reused>();
        read::<Expected>();
        read::<Unserved>();
        read::<Mismatch>();
        read::<Letters>();
        read::<Amiss>();
        read::<Undue>();
        read::<Fault>();
        read::<Wrong>();
        read::<InvalidSealingKey>();
        read::<Form>();
        read::<OpenError>();
        read::<CertificateFault>();
        read::<Role>();
        read::<Known>();
    }
}
