//! A fingerprint as people give it, and whether it is the one.
//!
//! In scope: its digits in every writing that people type, and that other programs print. Out of scope: asking for
//! it (each face). Invariants: what is not whole is compared with nothing; of the right one nothing is told, but
//! where another differs.

/// A fingerprint that was given, whole: its digits alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(String);

/// No whole fingerprint: a slip of the hand is none of whoever made the invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotWhole {
    /// Digits that were given.
    pub digits: usize,
    /// Other letters besides.
    pub others: usize,
}

/// Where a whole one is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Differs {
    /// The first group that differs, from 1.
    pub group: usize,
    /// Of so many.
    pub of: usize,
}

impl Fingerprint {
    /// What was given: 60 digits, or 64 of 0 to 9 and a to f. What stands between them counts for nothing.
    ///
    /// # Errors
    /// [`NotWhole`].
    pub fn read(given: &str) -> Result<Self, NotWhole> {
        let bare = bare(given);
        let digits = bare.chars().filter(char::is_ascii_digit).count();
        let others = bare.chars().count() - digits;
        let whole = (digits, others) == (TELEPHONE, 0)
            || (digits + others == EYE && bare.chars().all(|digit| digit.is_ascii_hexdigit()));
        if whole { Ok(Self(bare)) } else { Err(NotWhole { digits, others }) }
    }

    /// Whether it is the one that has these two forms: for the eye, and for the telephone.
    ///
    /// # Errors
    /// [`Differs`].
    pub fn is_of(&self, eye: &str, telephone: &str) -> Result<(), Differs> {
        let (right, group) = match self.0.len() {
            TELEPHONE => (bare(telephone), 5),
            _ => (bare(eye), 4),
        };
        let groups =
            |text: &str| text.as_bytes().chunks(group).map(<[u8]>::to_vec).collect::<Vec<_>>();
        let (given, right) = (groups(&self.0), groups(&right));
        let differs = given.iter().zip(&right).position(|(given, right)| given != right);
        match differs {
            Some(at) => Err(Differs { group: at + 1, of: given.len() }),
            None => Ok(()),
        }
    }
}

/// Digits of any script as ASCII, letters in lower case, and nothing of what stands between.
fn bare(fingerprint: &str) -> String {
    let letters = fingerprint.chars().filter_map(|letter| match digit(letter) {
        Some(digit) => Some(digit),
        None => letter.is_alphanumeric().then_some(letter),
    });
    letters.flat_map(char::to_lowercase).collect()
}

fn digit(letter: char) -> Option<char> {
    let zero = ZEROS.iter().rev().find(|zero| **zero <= letter)?;
    char::from_digit(letter as u32 - *zero as u32, 10)
}

/// Digits that are read over the telephone.
const TELEPHONE: usize = 60;
/// Those that are compared by eye.
const EYE: usize = 64;

/// The zero of every set of decimal digits: Unicode 15, category Nd, below U+10000. Nine others follow each.
const ZEROS: [char; 37] = [
    '\u{30}', '\u{660}', '\u{6f0}', '\u{7c0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}',
    '\u{b66}', '\u{be6}', '\u{c66}', '\u{ce6}', '\u{d66}', '\u{de6}', '\u{e50}', '\u{ed0}',
    '\u{f20}', '\u{1040}', '\u{1090}', '\u{17e0}', '\u{1810}', '\u{1946}', '\u{19d0}', '\u{1a80}',
    '\u{1a90}', '\u{1b50}', '\u{1bb0}', '\u{1c40}', '\u{1c50}', '\u{a620}', '\u{a8d0}', '\u{a900}',
    '\u{a9d0}', '\u{a9f0}', '\u{aa50}', '\u{abf0}', '\u{ff10}',
];

#[cfg(test)]
mod tests {
    use super::*;

    fn telephone() -> String {
        ["01234"; 12].join(" ")
    }

    fn eye() -> String {
        ["09af"; 16].join(" ")
    }

    fn in_digits_of(zero: char, text: &str) -> String {
        let other = |digit: u32| char::from_u32(zero as u32 + digit).unwrap();
        text.chars().map(|letter| letter.to_digit(10).map_or(letter, other)).collect()
    }

    #[test]
    fn every_writing_of_a_whole_one_is_the_same() {
        let (eye, telephone) = (eye(), telephone());
        let hex = eye.replace(' ', "");
        let pairs: Vec<&str> = (0..32).map(|at| &hex[2 * at..2 * at + 2]).collect();
        let of_openssl = pairs.join(":").to_uppercase();
        for given in [&eye, &hex, &eye.to_uppercase(), &of_openssl, &format!("\u{feff}{eye}\r\n")] {
            assert_eq!(Fingerprint::read(given), Ok(Fingerprint(hex.clone())), "{given}");
        }
        let bare = telephone.replace(' ', "");
        let between = ["", "-", "\n", "\u{a0}", "\u{202f}", ". ", ", ", "\u{200f} ", " – "];
        let separated = between.map(|between| telephone.replace(' ', between));
        let written = ZEROS.map(|zero| in_digits_of(zero, &telephone));
        for given in separated.iter().chain(&written) {
            assert_eq!(Fingerprint::read(given), Ok(Fingerprint(bare.clone())), "{given}");
        }
    }

    #[test]
    fn what_is_not_whole_is_said_not_to_be() {
        let (eye, telephone) = (eye(), telephone());
        for (given, digits, others) in [
            ("", 0, 0),
            (" \n", 0, 0),
            (&telephone[..13], 11, 0),
            (&telephone[1..], 59, 0),
            (&format!("{telephone} 1"), 61, 0),
            (&eye[1..], 31, 32),
            (&format!("{telephone} x"), 60, 1),
            (&eye.replacen('f', "g", 1), 32, 32),
            (&format!("{telephone}\n{eye}"), 92, 32),
            ("DIGITS", 0, 6),
        ] {
            assert_eq!(Fingerprint::read(given), Err(NotWhole { digits, others }), "{given}");
        }
        // What looks like a digit, and is none.
        assert_eq!(Fingerprint::read("²½Ⅷ").unwrap_err().digits, 0);
    }

    #[test]
    fn of_another_it_is_known_which_group_differs_first() {
        let right = (eye(), telephone());
        let is = |given: &str| Fingerprint::read(given).unwrap().is_of(&right.0, &right.1);
        assert_eq!((is(&right.0), is(&right.1)), (Ok(()), Ok(())));
        let other = |text: &str, at: usize| {
            let mut digits: Vec<char> = text.chars().collect();
            digits[at] = if digits[at] == '1' { '2' } else { '1' };
            digits.into_iter().collect::<String>()
        };
        for (at, group) in [(0, 1), (4, 1), (6, 2), (70, 12)] {
            assert_eq!(is(&other(&right.1, at)), Err(Differs { group, of: 12 }), "{at}");
        }
        for (at, group) in [(0, 1), (5, 2), (78, 16)] {
            assert_eq!(is(&other(&right.0, at)), Err(Differs { group, of: 16 }), "{at}");
        }
        // Digits alone may be the form for the eye, too.
        assert_eq!(is(&"0".repeat(64)), Err(Differs { group: 1, of: 16 }));
    }
}
