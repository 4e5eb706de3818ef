//! The signatures that this home can give.
//!
//! In scope: which of its keys count, which have signed, each asked for once. Out of scope: whether people agree
//! (the face asks). Invariants: a key signs only where it counts; none is opened that could not sign.

use crate::client::error::{ClientError, Family, Side};
use crate::client::keys::{Held, KeyError, Owner};
use crate::client::mend::Mend;
use crate::client::reason::Here;
use crate::crypto::sign::{KeyId, Signer};
use crate::office::Office;

use super::{Drafted, known};

/// What the keys of this home are to a draft.
pub struct Signing {
    held: Vec<Held>,
    /// Whether one of them is still to sign.
    pub counts: bool,
    /// Whether one of them has signed.
    pub signed: bool,
    /// Whether some hide which they are until they are opened.
    pub hidden: bool,
}

impl Office {
    /// What the keys of this home are to a draft.
    ///
    /// # Errors
    /// Who must sign is not known here; the keys cannot be listed.
    pub fn signing(&self, drafted: &Drafted) -> Result<Signing, ClientError> {
        let held = self.home.keys().all_signing(self.ambient())?;
        let ids = held.iter().filter_map(Held::id).collect::<Vec<_>>();
        if !drafted.is_judged() && !drafted.names_one_of(&ids) {
            let sentence =
                "who must sign this stands in the directory, and this home has no copy of it";
            return Err(ClientError::new(Side::Ours, Family::Stale, Here::NoCopy, sentence)
                .mended_by(Mend::JoinThenSync));
        }
        let (counts, signed) = drafted.standing(&ids);
        // Which key lies behind another program's passphrase shows when it is opened.
        let hidden = ids.len() < held.len();
        Ok(Signing { held, counts, signed, hidden })
    }

    /// Why keys of this home cannot be used: one of them may be the one that would count.
    #[must_use]
    pub fn unusable_keys(&self) -> Vec<KeyError> {
        let listed = self.home.keys().list(self.ambient()).unwrap_or_default();
        let unusable = listed.into_iter().filter_map(|key| key.id.err());
        unusable.filter(|why| !matches!(why, KeyError::Hidden { .. })).collect()
    }

    /// Adds what the keys of this home can: those that lie open at once; those that are kept, where a
    /// signature is missing still. Whose they are, one for each.
    ///
    /// # Errors
    /// A key cannot be opened, or gives no signature.
    pub fn sign(
        &self,
        drafted: &mut Drafted,
        signing: &Signing,
    ) -> Result<Vec<Owner>, ClientError> {
        let mut added = Vec::new();
        for held in &signing.held {
            if let Held::Open(owner, key) = held {
                let count = drafted.add(&[key], self)?;
                added.extend(std::iter::repeat_n(owner.clone(), count));
            }
        }
        // The lesser key first: owners stand from registrar to seat.
        for held in signing.held.iter().rev() {
            if let Held::Kept(owner, _) = held
                && drafted.bundle.lacks(drafted.directory(), held.id())
            {
                let key = self.home.keys().signer(owner, self.ambient())?;
                let count = drafted.add(&[&*key], self)?;
                added.extend(std::iter::repeat_n(owner.clone(), count));
            }
        }
        Ok(added)
    }
}

impl Drafted {
    /// Whether one of these keys is still to sign, and whether one has signed.
    fn standing(&self, keys: &[KeyId]) -> (bool, bool) {
        let (mut counts, mut signed) = (false, false);
        for quorum in self.bundle.quorums(self.directory()).into_iter().flatten() {
            for id in keys {
                let has = quorum.signed.contains(id);
                signed |= has;
                counts |= quorum.keys.contains_key(id) && !has;
            }
        }
        (counts, signed)
    }

    pub(super) fn add(
        &mut self,
        keys: &[&dyn Signer],
        office: &Office,
    ) -> Result<usize, ClientError> {
        let directory = known(self.copy.as_ref(), &self.bundle);
        Ok(self.bundle.sign(directory, keys, office.ambient())?)
    }
}
