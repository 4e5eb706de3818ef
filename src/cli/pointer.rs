//! What is said of what points at none of the messages here, or at several.

use crate::office::error::{ClientError, Family, Here, Mend, Rule, Side};
use crate::office::pointer::{NotOne, Pointer};
use crate::words::visible;

/// It does not point at one. `name` says what to point with instead at each of several.
pub(super) fn not_one<T>(
    at: &Pointer,
    why: NotOne<T>,
    mend: Mend,
    name: impl Fn(&T) -> String,
) -> ClientError {
    let at = said(at);
    let error = match why {
        NotOne::Unknown => {
            let (reason, sentence) = (Rule::UnknownMessage, format!("no message here has {at}"));
            ClientError::new(Side::Ours, Family::NotFound, reason, sentence)
        }
        NotOne::Several(found) => {
            let count = found.len();
            let names = found.iter().take(NAMED).map(name).collect::<Vec<_>>().join(", ");
            let rest = count.saturating_sub(NAMED);
            let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            let (reason, side) = (Here::SeveralMessages, Side::Ours);
            let sentence = format!("{count} messages here have {at}: {names}{rest}");
            let mut error = ClientError::new(side, Family::Usage, reason, sentence);
            error.details.insert("messages".to_owned(), names);
            error
        }
    };
    error.mended_by(mend)
}

fn said(at: &Pointer) -> String {
    match at {
        Pointer::Number(number) => format!("the number {number}"),
        Pointer::Digest(digest) => format!("the header digest {digest}"),
        Pointer::Id(id) => format!("an id that begins with {}", visible(id)),
    }
}

/// So many of several are named.
const NAMED: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_points_at_none_or_at_several_says_so_and_names_them() {
        let said = |why| {
            let at: Pointer = "01\u{1b}".parse().unwrap();
            let name = |number: &u64| format!("number {number}");
            let error = not_one(&at, why, Mend::Inbox, name);
            let ClientError { family, sentence, mend, .. } = error;
            assert_eq!(mend.as_deref(), Some(&Mend::Inbox));
            (family, sentence)
        };
        let several = |count| said(NotOne::Several((1..=count).collect()));
        let id = r"an id that begins with 01\u{1b}";
        assert_eq!(said(NotOne::Unknown), (Family::NotFound, format!("no message here has {id}")));
        let two = format!("2 messages here have {id}: number 1, number 2");
        assert_eq!(several(2), (Family::Usage, two));
        assert!(several(10).1.ends_with("number 7, number 8 and 2 more"));
    }
}
