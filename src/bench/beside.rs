//! Look-ups beside accepts: what is left of one while the other runs.
//!
//! In scope: both alone, then both at once, and the rate of look-ups that the processor time left by
//! the accepts allows. Out of scope: what either costs by itself. Invariant: both run on one clock,
//! and what a look-up and an accept take was measured alone, before.

use std::thread::available_parallelism;

use super::Measurement;
use super::counted::Counted;
use super::drive::{Driven, drive};
use super::scenes::{Bench, To, of};

/// Seats that hand in messages.
const SENDERS: usize = 8;
/// Connections that look up.
const READERS: usize = 32;

impl Bench<'_> {
    /// Look-ups and accepts, alone and at once.
    pub(super) async fn beside(&mut self) -> anyhow::Result<()> {
        let (address, seconds) = (self.net.address.clone(), self.options.seconds);
        let (sent, to) = (Counted::default(), To::OwnMailbox);
        let mut senders = self.senders(&address, SENDERS, to, &sent).await?;
        self.say("look-ups, accepts, and both at once")?;
        let read = drive(self.readers(READERS).await?, seconds).await?;
        let accepted = drive(senders, seconds).await?;
        senders = self.senders(&address, SENDERS, to, &sent).await?;
        let readers = self.readers(READERS).await?;
        let (read_beside, accepted_beside) =
            tokio::try_join!(drive(readers, seconds), drive(senders, seconds))?;
        let left = left(&read, &accepted, &read_beside, accepted_beside.rate());
        // What each took of the processors is not told apart.
        let both = |name: &str, driven: &Driven| Measurement {
            service_us: None,
            client_us: None,
            ..of(name, driven)
        };
        self.measured.extend([
            of(&format!("look-ups: {READERS} clients"), &read),
            of(&format!("accepts: {SENDERS} senders"), &accepted),
            Measurement {
                limit: left,
                ratio: left.map(|left| read_beside.rate() / left),
                bound: "CPU: what the accepts and other processes leave".to_owned(),
                ..both(&format!("look-ups beside {SENDERS} senders"), &read_beside)
            },
            both(&format!("accepts beside {READERS} clients"), &accepted_beside),
        ]);
        Ok(())
    }
}

/// The look-ups for which the accepts of that rate, and other processes, leave time.
fn left(read: &Driven, accepted: &Driven, beside: &Driven, accepts: f64) -> Option<f64> {
    let each = |driven: &Driven| Some(driven.busy?.own / driven.rate());
    let cores = available_parallelism().ok()?.get() as f64 - beside.busy?.others;
    Some((cores - accepts * each(accepted)?) / each(read)?)
}
