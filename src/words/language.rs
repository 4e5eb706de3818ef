//! In which language a screen speaks: one door to the words of each.
//!
//! In scope: errors, what mends them, notes, questions, progress. Out of scope: tables, labels, what `--json`
//! gives, which are in English everywhere. Invariant: a language that lacks one of them does not compile.

use crate::client::error::{ClientError, Side};
use crate::client::mend::Mend;
use crate::office::asked::Question;
use crate::office::call::{Called, Why};
use crate::office::told::{Note, Unkept, Work};

use super::{fr, mends, notes};

/// A language that the screens speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English, which also scripts read.
    #[default]
    En,
    /// French, as CERT-FR writes it.
    Fr,
}

/// What stands before a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Of an error.
    pub error: &'static str,
    /// Of what must not be missed.
    pub warning: &'static str,
    /// Of what mends it.
    pub mend: &'static str,
}

impl Language {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::En, Self::Fr];

    /// Its tag, BCP 47.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fr => "fr",
        }
    }

    /// Of its tag; none, if it is not one of these.
    #[must_use]
    pub fn read(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|of| of.tag() == tag)
    }

    /// What went wrong, and what became of what was to be sent.
    #[must_use]
    pub fn sentence(self, error: &ClientError) -> String {
        match self {
            Self::En => notes::sentence(error),
            Self::Fr => fr::sentence(error),
        }
    }

    /// On whose side the fault is.
    #[must_use]
    pub fn side(self, side: Side) -> String {
        match self {
            Self::En => side.to_string(),
            Self::Fr => fr::side(side).to_owned(),
        }
    }

    /// What mends an error, if something does.
    #[must_use]
    pub fn mend(self, error: &ClientError) -> Option<String> {
        error.what_mends().map(|mend| self.to_do(&mend))
    }

    /// What is to be done.
    #[must_use]
    pub fn to_do(self, mend: &Mend) -> String {
        match self {
            Self::En => mends::to_do(mend),
            Self::Fr => fr::to_do(mend),
        }
    }

    /// What an office tells.
    #[must_use]
    pub fn note(self, note: &Note) -> String {
        match self {
            Self::En => notes::note(note),
            Self::Fr => fr::note(note),
        }
    }

    /// What follows from that something could not be kept.
    #[must_use]
    pub const fn unkept(self, what: Unkept) -> &'static str {
        match self {
            Self::En => notes::unkept(what),
            Self::Fr => fr::unkept(what),
        }
    }

    /// What a long work deals with.
    #[must_use]
    pub const fn work(self, work: Work) -> &'static str {
        match self {
            Self::En => notes::work(work),
            Self::Fr => fr::work(work),
        }
    }

    /// A contact that gets nothing, and why.
    #[must_use]
    pub fn left_out(self, of: &Called, why: Why) -> String {
        match self {
            Self::En => super::left_out(of, why),
            Self::Fr => fr::left_out(of, why),
        }
    }

    /// What people are asked.
    #[must_use]
    pub const fn question(self, question: &Question<'_>) -> &'static str {
        match self {
            Self::En => notes::question(question),
            Self::Fr => fr::question(question),
        }
    }

    /// Whether an answer is yes. Some questions are in English everywhere, so `y` is.
    #[must_use]
    pub fn is_yes(self, answer: &str) -> bool {
        let own = match self {
            Self::En => "y",
            Self::Fr => "o",
        };
        ["y", own].iter().any(|yes| answer.eq_ignore_ascii_case(yes))
    }

    /// What stands before a line.
    #[must_use]
    pub const fn marks(self) -> Marks {
        match self {
            Self::En => Marks { error: "error: ", warning: "warning: ", mend: "to mend it: " },
            Self::Fr => {
                Marks { error: "erreur : ", warning: "attention : ", mend: "remède : " }
            }
        }
    }

    /// What could not be kept, why, and what mends it.
    #[must_use]
    pub fn not_kept(self, what: &str, why: &ClientError) -> String {
        let mend = why.mend.as_ref().map(|mend| self.to_do(mend));
        let (mark, why) = (self.marks().mend, self.sentence(why));
        match (self, mend) {
            (Self::En, Some(mend)) => format!("{what}: {why}; {mark}{mend}"),
            (Self::En, None) => format!("{what}: {why}"),
            (Self::Fr, Some(mend)) => format!("{what} : {why} ; {mark}{mend}"),
            (Self::Fr, None) => format!("{what} : {why}"),
        }
    }

    /// How long a work still takes: `{eta}` stands for the time.
    #[must_use]
    pub const fn left(self) -> &'static str {
        match self {
            Self::En => "{eta} left",
            Self::Fr => "encore {eta}",
        }
    }
}
