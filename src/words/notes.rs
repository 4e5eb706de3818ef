//! What an office tells, in words.

use crate::office::told::{Note, Unkept, Work};

use super::when;

/// A note, in a sentence.
#[must_use]
pub fn note(note: &Note) -> String {
    match note {
        Note::BadAddress(path, why) => format!("{}: {why}: it is skipped", path.display()),
        Note::VerifiedAgain(why) => format!(
            "what was kept of the directory beside its entries was not believed ({why}): every entry was \
             verified again"
        ),
        Note::CopyAltered(path) => format!(
            "the copy of the directory on this disk was altered: what stood there is kept as {}, and the \
             next liaison sync fetches it anew",
            path.display()
        ),
        Note::Inadmissible(path) => {
            format!("entries and checkpoint of the log are kept as evidence: {}", path.display())
        }
        Note::Halted(leaf) => format!(
            "the log has signed entry {leaf}, which its rules do not admit: what stands before it is \
             shown, and nothing newer is believed; ask the registrars"
        ),
        Note::CopyStale => {
            "this copy of the directory is stale; bring it up to date: liaison sync".to_owned()
        }
        Note::CopyStandsStill => {
            "this directory stands still here: its rules are newer than this program".to_owned()
        }
        Note::KeysInForce(owner, uses) => {
            let uses: Vec<_> = uses.iter().map(|of| of.name()).collect();
            format!("new keys of {owner} are in force: of {}", uses.join(", of "))
        }
        Note::NotKept(what, why) => format!("{}: {why}", unkept(*what)),
        Note::DetailsForMembers(count) => format!(
            "details of contacts are handed to members and registrars only: {count} are not here"
        ),
        Note::Withheld(contact, name) => {
            format!("the service did not hand over: {name} of {contact}")
        }
        Note::ClocksApart { own, directory } => {
            let (own, directory) = (when(*own), when(*directory));
            format!(
                "this machine's clock says {own}, and the directory's {directory}: one of the two is \
                 wrong; liaison doctor says which"
            )
        }
        Note::ChartersRefuted(kept) => format!(
            "charters were in use that registrars have signed and the log does not hold; they are let go, \
             and kept as evidence: {}. Ask the registrars what became of them",
            kept.display()
        ),
        Note::StandsStill(why) => {
            format!("the directory stands still here: {why}; update this program")
        }
        Note::CheckpointUnchecked => {
            "whether its newest checkpoint is the log's cannot be checked before that".to_owned()
        }
    }
}

/// What follows from that something could not be kept.
#[must_use]
pub const fn unkept(what: Unkept) -> &'static str {
    match what {
        Unkept::Verified => {
            "until that is mended, each command verifies every entry again, which takes longer"
        }
        Unkept::NewKeys => "new keys are used where they lie until they can be put in their place",
    }
}

/// What a long work deals with.
#[must_use]
pub const fn work(work: Work) -> &'static str {
    match work {
        Work::Verifying => "verified",
        Work::Entries => "entries",
        Work::Details => "details",
    }
}
