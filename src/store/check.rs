//! Whether a store holds what it says that it holds.
//!
//! In scope: every value against its digest, all of them against the end. Out of scope: what the
//! values mean, and what the service has shown. Invariant: a store is whole only if every value was
//! looked at and nothing else is missing.

use super::{End, KeyRange, Store, StoreError};

/// What is wrong with a store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct Damage(Vec<String>);

impl Damage {
    /// So much is wrong.
    #[must_use]
    pub fn of(found: Vec<String>) -> Self {
        Self(found)
    }

    /// All that was found, in the order of the keys.
    #[must_use]
    pub fn found(&self) -> &[String] {
        &self.0
    }

    fn sentence(&self) -> String {
        let shown = self.0.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("; ");
        match self.0.len().saturating_sub(SHOWN) {
            0 => shown,
            more => format!("{shown}; and {more} more"),
        }
    }
}

/// As many are named in a sentence.
const SHOWN: usize = 5;

/// Looks at every value. `looked_at` is told now and then how many bytes there were so far.
///
/// # Errors
/// [`StoreError::Damaged`] with all that is wrong; or as [`Store::examine`].
pub async fn whole(store: &dyn Store, mut looked_at: impl FnMut(u64)) -> Result<End, StoreError> {
    let said = store.end();
    let (mut found, mut wrong) = (End { commits: said.commits, ..End::default() }, Vec::new());
    let (mut rest, mut bytes) = (Some(KeyRange::prefix(b"")), 0);
    while let Some(range) = rest.take() {
        let page = match store.examine(range.clone(), PAGE).await {
            Err(StoreError::Corrupt(why)) => {
                let from = range.start.escape_ascii();
                wrong.push(format!("{why}, and it cannot be read from \"{from}\" on"));
                break;
            }
            page => page?,
        };
        let last = page.entries.last().filter(|_| page.more);
        rest = last.map(|(last, _)| range.after(last));
        for (key, value) in page.entries {
            match value {
                Ok(value) => {
                    found.add(value.digest);
                    bytes += (key.len() + value.bytes.len()) as u64;
                }
                Err(StoreError::Corrupt(why)) => wrong.push(why),
                Err(other) => return Err(other),
            }
        }
        looked_at(bytes);
    }
    if wrong.is_empty() && found != said {
        wrong.push(missing(&found, &said));
    }
    if wrong.is_empty() { Ok(said) } else { Err(StoreError::Damaged(Damage(wrong))) }
}

fn missing(found: &End, said: &End) -> String {
    let (has, should) = (found.values, said.values);
    if has == should {
        return format!("among its {has} values are others than it says");
    }
    format!("it holds {has} values, and says that it holds {should}")
}

const PAGE: u32 = 1_024;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::{Engine, Site, Write};
    use super::*;

    #[tokio::test]
    async fn what_is_wrong_is_told_in_a_sentence() {
        let damage = |n: usize| Damage((0..n).map(|n| format!("value {n}")).collect());
        assert_eq!(damage(2).to_string(), "value 0; value 1");
        assert!(damage(7).to_string().ends_with("value 4; and 2 more"));
        let store = Site::new(Engine::Memory, "").start().await.unwrap();
        assert_eq!(whole(store.as_ref(), |_| ()).await, Ok(End::default()));
        let put = (b"key".to_vec(), Bytes::from_static(b"value"));
        store.commit(Write::new([], [put], []).unwrap().into()).await.unwrap();
        let mut seen = 0;
        let end = whole(store.as_ref(), |bytes| seen = bytes).await.unwrap();
        assert_eq!((end, end.values, seen), (store.end(), 1, 8));
    }
}
