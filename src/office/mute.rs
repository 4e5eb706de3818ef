//! Muting somebody whom the directory knows.
//!
//! In scope: that he is known. Out of scope: the list, and what it hides (`muted`). Invariant: who is muted may be taken
//! off the list also when the directory knows him no more.

use crate::client::error::ClientError;
use crate::client::mend::Mend;
use crate::domain::refusal::Refusal;

use super::mail::Mail;
use super::muted::Sender;

impl Mail {
    /// Puts somebody on the list of who is muted, or takes him off it.
    ///
    /// # Errors
    /// He is to be muted, and the directory does not list him; the disk.
    pub fn mute(&mut self, who: Sender, muted: bool) -> Result<(), ClientError> {
        let directory = self.replica.directory()?;
        if muted {
            let found = match &who {
                Sender::Contact(contact) => directory.record(contact).map(drop),
                Sender::Member(member) => match directory.member(member) {
                    Some(_) => Ok(()),
                    None => Err(Refusal::UnknownMember(member.clone())),
                },
            };
            found.map_err(|why| ClientError::from(why).mended_by(Mend::ListDirectory))?;
        }
        Ok(self.muted.set(who, muted)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::office::tests::whole::Whole;
    use crate::world::relay::{FR, Net};

    #[test]
    fn only_whom_the_directory_lists_is_muted_and_anybody_is_heard_again() {
        let mut net = Net::new();
        let mut paris = Whole::of(&net, FR);
        let mail = &mut paris.mail;
        let who = |mail: &Mail| mail.muted.who().map(ToString::to_string).collect::<Vec<_>>();
        mail.mute("at/cert-at".parse().unwrap(), true).unwrap();
        mail.mute("pt".parse().unwrap(), true).unwrap();
        assert_eq!(who(mail), ["at/cert-at", "pt"]);
        for (nobody, code) in [("at/other", "UNKNOWN_CONTACT"), ("zz", "UNKNOWN_MEMBER")] {
            let why = mail.mute(nobody.parse().unwrap(), true).unwrap_err();
            assert_eq!(
                (why.reason.code(), why.mend.as_deref()),
                (code, Some(&Mend::ListDirectory))
            );
        }
        assert_eq!(who(mail), ["at/cert-at", "pt"]);
        net.withdraw("at/cert-at", 2);
        paris.sync(&net);
        let why = paris.mail.mute("at/cert-at".parse().unwrap(), true).unwrap_err();
        assert_eq!(why.reason.code(), "UNKNOWN_CONTACT");
        paris.mail.mute("at/cert-at".parse().unwrap(), false).unwrap();
        assert_eq!(who(&paris.mail), ["pt"]);
    }
}
