//! The order of the measurements, and what each is compared with.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tonic::transport::Channel;

use crate::ambient::Ambient;
use crate::bench::founding::{Party, Seed};
use crate::bench::grown::Growth;
use crate::bench::net::Net;
use crate::client::address::Address;
use crate::crypto::sign::SigningKey;
use crate::domain::ids::ContactId;
use crate::domain::limits;
use crate::wire::v1::collect_response::Item;
use crate::wire::v1::directory_service_client::DirectoryServiceClient;
use crate::wire::v1::relay_service_client::RelayServiceClient;
use crate::wire::v1::{CollectRequest, CollectResponse};

use super::counted::Counted;
use super::drive::{Driven, drive};
use super::lookups::{self, Copy, LookingUp};
use super::messages::{Expect, Ready, Sealed, Submitting};
use super::{Measurement, Options, bare};
use crate::bench::machine::{Rate, Spent, repeat, size_of, synced_appends};

/// Senders at most, each with a mailbox to write to.
const SENDERS: usize = 64;
/// One pair more, whose mailbox holds nothing but what waits and what is pushed.
const PAIRS: usize = SENDERS + 1;
/// Envelopes prepared for a second, whoever sends them.
const PREPARED: f64 = 9_000.0;
/// Of those, a single sender's.
pub(super) const PREPARED_ALONE: f64 = 4_000.0;
/// What a note says where the clock was stopped before its time.
pub(super) const RAN_OUT: &str = "RAN OUT of what was prepared: clock stopped";
/// Before each message that is pushed, so that each is a wake-up of its own.
const PAUSE: Duration = Duration::from_millis(5);

pub(super) struct Bench<'a> {
    pub(super) net: Net,
    pub(super) options: &'a Options,
    pub(super) dir: &'a Path,
    pub(super) progress: &'a mut dyn Write,
    /// Bytes of the store before anything was sent.
    pub(super) stored: f64,
    /// Ed25519 verifications a second, on one core.
    checks: f64,
    pub(super) measured: Vec<Measurement>,
}

/// To whom the senders write.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    OwnMailbox,
    OneMailbox,
    Nothing,
}

impl<'a> Bench<'a> {
    /// Founds the directory, has it grow, and lets messages wait in it.
    pub(super) async fn begin(
        options: &'a Options,
        dir: &'a Path,
        progress: &'a mut dyn Write,
    ) -> anyhow::Result<Self> {
        let growth = Growth { entries: options.entries, seed: Seed(options.seed) };
        // A seat has so many streams at once.
        let followed = if options.wants("followers") { options.followers } else { 0 };
        let pairs = PAIRS.max(followed.div_ceil(2 * limits::STREAMS_OF_A_SEAT));
        let (members, engine) = (2 * pairs, options.engine);
        writeln!(progress, "founding a directory of {members} members on {engine}, {growth}")?;
        let ambient = Ambient::system();
        let net = Net::start(engine, dir, pairs, growth, ambient, progress).await?;
        let stored = size_of(&dir.join("store"))? as f64;
        let (checks, measured) = (0.0, Vec::new());
        let mut bench = Self { net, options, dir, progress, stored, checks, measured };
        bench.fill().await?;
        Ok(bench)
    }
}

impl Bench<'_> {
    pub(super) fn say(&mut self, what: &str) -> anyhow::Result<()> {
        writeln!(self.progress, "{what}")?;
        Ok(self.progress.flush()?)
    }

    /// A short limit does not get better by looking at it for long.
    fn moment(&self) -> f64 {
        self.options.seconds.min(1.0)
    }

    /// Messages that wait: for the recipient of a single sender and of all senders at once, and for
    /// the one that follows.
    async fn fill(&mut self) -> anyhow::Result<()> {
        let waiting = self.options.waiting;
        for number in [0, SENDERS].into_iter().filter(|_| waiting > 0) {
            self.say(&format!("{waiting} messages for mailbox {number}"))?;
            let (from, to) = pair(&self.net, number, number)?;
            let state = self.net.service.state();
            let sealed = Sealed::new(&state, from, to, &self.net.founding.ambient)?;
            let (client, expect) = (RelayServiceClient::new(self.tcp(from).await?), None);
            let mut sender = Submitting { client, ready: Box::new(std::iter::empty()), expect };
            for _ in 0..waiting {
                sender.submit(sealed.ready()?).await?;
            }
        }
        Ok(())
    }

    pub(super) fn signatures(&mut self) -> anyhow::Result<()> {
        self.say("signatures")?;
        let ambient = Ambient::system();
        let (key, message) = (SigningKey::from_seed(&ambient.bytes()), [7; 256]);
        let random = || anyhow::anyhow!("the system's source of randomness failed");
        let signature = key.sign(&message, ambient.random()).map_err(|_| random())?;
        let signs = repeat(self.moment(), || {
            key.sign(&message, ambient.random()).map(drop).map_err(|_| random())
        })?;
        let checks = repeat(self.moment(), || Ok(key.public().verify(&message, &signature)?))?;
        self.checks = checks.a_second;
        if self.options.wants("limits") {
            self.limit("Ed25519 signatures made, one core", signs, "CPU");
            self.limit("Ed25519 signatures checked, one core", checks, "CPU");
        }
        Ok(())
    }

    fn limit(&mut self, name: &str, rate: Rate, bound: &str) {
        let (name, bound) = (name.to_owned(), bound.to_owned());
        self.measured.push(Measurement { name, bound, ..Measurement::of_rate(rate) });
    }

    pub(super) async fn accepts(&mut self) -> anyhow::Result<()> {
        let (bare, _served) = self.net.beside(bare::routes()).await?;
        let relay = self.net.address.clone();
        for (senders, to) in [
            (1, To::OwnMailbox),
            (8, To::OwnMailbox),
            (SENDERS, To::OwnMailbox),
            (SENDERS, To::OneMailbox),
        ] {
            let named = match to {
                To::OneMailbox => format!("{senders} senders, one mailbox"),
                To::OwnMailbox | To::Nothing => format!("{senders} senders, {senders} mailboxes"),
            };
            let sent = Counted::default();
            let workers = self.senders(&bare, senders, To::Nothing, &Counted::default()).await?;
            self.say(&format!("bare transport: {named}"))?;
            let echo = drive(workers, self.options.seconds).await?;
            let workers = self.senders(&relay, senders, to, &sent).await?;
            self.say(&format!("durable accepts: {named}"))?;
            let before = Used::now(self, &sent)?;
            let accepted = drive(workers, self.options.seconds).await?;
            let used = Used::now(self, &sent)?.since(&before, accepted.all);
            self.report_accepts(&named, &echo, &accepted, &used)?;
        }
        Ok(())
    }

    fn report_accepts(
        &mut self,
        named: &str,
        echo: &Driven,
        accepted: &Driven,
        used: &Used,
    ) -> anyhow::Result<()> {
        let limit = echo.rate();
        self.measured.push(Measurement {
            bound: "CPU: HTTP/2 and TLS, both ends".to_owned(),
            ..of(&format!("bare transport: {named}"), echo)
        });
        let batch = used.stored * accepted.all as f64 / used.syncs.max(1.0);
        let appends = synced_appends(self.dir, batch as usize, self.moment())?;
        let synced = used.syncs / accepted.all.max(1) as f64 * accepted.rate();
        let note =
            note(accepted, format!("{:.1} a commit", accepted.all as f64 / used.syncs.max(1.0)));
        self.measured.push(Measurement {
            limit: Some(limit),
            ratio: Some(accepted.rate() / limit),
            bound: bound(accepted, synced, appends.a_second),
            note,
            ..of(&format!("durable accepts: {named}"), accepted)
        });
        if named.starts_with("64 senders, 64") {
            for (name, bytes, limit) in [
                ("bytes stored for a message", used.stored, used.message),
                ("bytes sent for a message", used.written, used.message),
                ("bytes received for a message", used.read, used.message),
            ] {
                self.measured.push(Measurement {
                    name: name.to_owned(),
                    bytes: Some(bytes),
                    limit: Some(limit),
                    ratio: Some(bytes / limit),
                    bound: "its own size: header, body, three letters".to_owned(),
                    ..Measurement::default()
                });
            }
            if self.options.wants("limits") {
                let bytes = batch as usize;
                self.limit(&format!("append {bytes} B and fdatasync"), appends, "disk");
                let single = synced_appends(self.dir, 4_096, self.moment())?;
                self.limit("append 4096 B and fdatasync", single, "disk");
            }
        }
        Ok(())
    }

    /// Connected senders with enough envelopes each; what nobody takes is sent again and again.
    pub(super) async fn senders(
        &mut self,
        address: &Address,
        count: usize,
        to: To,
        dial: &Counted,
    ) -> anyhow::Result<Vec<Submitting>> {
        let alone = PREPARED_ALONE * count as f64;
        let all = self.options.seconds * 1.3 * PREPARED.min(alone);
        let each = (all / count as f64).ceil() as usize;
        self.say(&format!("preparing envelopes for {count} senders"))?;
        let mut workers = Vec::with_capacity(count);
        for number in 0..count {
            let recipient = if to == To::OneMailbox { 0 } else { number };
            let (from, to_whom) = pair(&self.net, number, recipient)?;
            let state = self.net.service.state();
            let sealed = Sealed::new(&state, from, to_whom, &self.net.founding.ambient)?;
            let ready: Box<dyn Iterator<Item = Ready> + Send> = match to {
                To::Nothing => Box::new(std::iter::repeat(sealed.ready()?)),
                To::OwnMailbox | To::OneMailbox => Box::new(sealed.prepared(each)?),
            };
            let channel = self.net.connect(from, address, Arc::new(dial.clone())).await?;
            let expect = Expect { state, to: to_whom.clone() };
            let expect = (to != To::Nothing).then_some(expect);
            workers.push(Submitting { client: RelayServiceClient::new(channel), ready, expect });
        }
        Ok(workers)
    }

    /// From one submit to the other side's stream, one message at a time.
    pub(super) async fn pushes(&mut self) -> anyhow::Result<()> {
        self.say("push")?;
        let (from, _) = pair(&self.net, SENDERS, SENDERS)?;
        let to = self.net.recipients.get(SENDERS).context("a recipient")?;
        let state = self.net.service.state();
        let sealed = Sealed::new(&state, from, &to.contact, &self.net.founding.ambient)?;
        let channel = self.tcp(from).await?;
        let expect = Some(Expect { state, to: to.contact.clone() });
        let client = RelayServiceClient::new(channel);
        let pauses = (self.options.seconds / PAUSE.as_secs_f64()).ceil() as usize;
        let ready: Box<_> = Box::new(sealed.prepared(pauses)?);
        let mut sender = Submitting { client, ready, expect };
        let mut follower = RelayServiceClient::new(self.tcp(to).await?);
        let request = CollectRequest { follow: true, ..CollectRequest::default() };
        let mut stream = follower.collect(request).await?.into_inner();
        for _ in 0..self.options.waiting {
            let waiting = stream.message().await?;
            anyhow::ensure!(is_message(&waiting), "expected all that wait");
        }
        let head = stream.message().await?;
        anyhow::ensure!(!is_message(&head), "expected nothing but what waits");
        let end = Instant::now() + Duration::from_secs_f64(self.options.seconds);
        let (mut latencies, before) = (Vec::new(), Spent::now());
        while Instant::now() < end {
            tokio::time::sleep(PAUSE).await;
            let ready = sender.ready.next().context("too few were prepared")?;
            let began = Instant::now();
            let arrived = async {
                while !is_message(&stream.message().await?) {}
                anyhow::Ok(began.elapsed())
            };
            let (submitted, arrived) = tokio::join!(sender.submit(ready), arrived);
            submitted?;
            latencies.push(arrived?);
        }
        let each = before.and_then(|before| Spent::now()?.since(&before, latencies.len()));
        latencies.sort_unstable();
        let driven = Driven { latencies, each, ..Driven::default() };
        let appends = synced_appends(self.dir, 4_096, self.moment())?;
        self.measured.push(Measurement {
            rate: None,
            limit: None,
            bound: format!("one commit; fdatasync alone {:.2} ms", 1_000.0 / appends.a_second),
            note: "from submit to the other side's stream, idle service".to_owned(),
            ..of("push", &driven)
        });
        Ok(())
    }

    pub(super) async fn tcp(&self, party: &Party) -> anyhow::Result<Channel> {
        let (address, dial) = (&self.net.address, Arc::new(Counted::default()));
        self.net.connect(party, address, dial).await
    }

    fn contacts(&self) -> Arc<[ContactId]> {
        self.net.recipients.iter().map(|party| party.contact.clone()).collect()
    }

    /// Connected readers, each of which looks up all recipients.
    pub(super) async fn readers(&self, count: usize) -> anyhow::Result<Vec<LookingUp>> {
        let contacts = self.contacts();
        let mut workers = Vec::with_capacity(count);
        for (next, party) in self.net.senders.iter().take(count).enumerate() {
            workers.push(LookingUp {
                client: DirectoryServiceClient::new(self.tcp(party).await?),
                state: self.net.service.state(),
                contacts: Arc::clone(&contacts),
                next,
            });
        }
        Ok(workers)
    }

    pub(super) async fn lookups(&mut self) -> anyhow::Result<()> {
        let (bare, _served) = self.net.beside(bare::routes()).await?;
        let workers = self.readers(SENDERS).await?;
        let echoes = self.senders(&bare, SENDERS, To::Nothing, &Counted::default()).await?;
        self.say("look-ups with proof")?;
        let echo = drive(echoes, self.options.seconds).await?;
        let looked_up = drive(workers, self.options.seconds).await?;
        self.measured.push(Measurement {
            limit: Some(echo.rate()),
            ratio: Some(looked_up.rate() / echo.rate()),
            bound: format!("CPU: transport, and {:.0} us to check a note", 1e6 / self.checks),
            note: note(&looked_up, "record and roster; limit: bare transport".to_owned()),
            ..of("look-ups with proof: 64 clients", &looked_up)
        });
        let state = self.net.service.state();
        let rate = lookups::in_memory(&state.directory, &self.contacts(), self.moment())?;
        self.limit("look-ups in a replica, one core", rate, "memory");
        Ok(())
    }

    pub(super) async fn replay(&mut self) -> anyhow::Result<()> {
        self.say("replay")?;
        let copy = Copy {
            invitation: self.net.invitation().await?,
            entries: self.net.entries().await?,
            checkpoint: self.net.service.state().checkpoint.clone(),
            home: self.dir.join("copy"),
            now: self.net.founding.ambient.now(),
        };
        let rate = copy.replay(self.options.seconds)?;
        self.measured.push(Measurement {
            name: "entries replayed".to_owned(),
            limit: Some(self.checks),
            ratio: Some(rate.a_second / self.checks),
            bound: "CPU: one signature check each".to_owned(),
            note: format!("{} entries: verified, folded, kept on disk", copy.entries.len()),
            ..Measurement::of_rate(rate)
        });
        Ok(())
    }
}

pub(super) fn pair(net: &Net, from: usize, to: usize) -> anyhow::Result<(&Party, &ContactId)> {
    let from = net.senders.get(from).context("expected a sender")?;
    Ok((from, &net.recipients.get(to).context("expected a recipient")?.contact))
}

fn is_message(answer: &Option<CollectResponse>) -> bool {
    let item = answer.as_ref().and_then(|answer| answer.item.as_ref());
    item.is_some_and(|item| matches!(item, Item::Message(_)))
}

pub(super) fn of(name: &str, driven: &Driven) -> Measurement {
    Measurement {
        name: name.to_owned(),
        rate: Some(driven.rate()),
        p50_ms: driven.quantile_ms(0.50),
        p99_ms: driven.quantile_ms(0.99),
        note: note(driven, String::new()),
        ..Measurement::taking(driven.each)
    }
}

/// What was busy most. The disk is the bound when its syncs alone take most of the time.
fn bound(accepted: &Driven, synced: f64, appends: f64) -> String {
    let disk = format!("{synced:.0} of {appends:.0} syncs/s");
    match accepted.busy {
        Some(busy) if synced / appends < 0.5 => format!("CPU: {:.2} cores; {disk}", busy.own),
        _ => format!("disk: {disk}"),
    }
}

/// What else is to be known: first what would make the figure another one.
pub(super) fn note(driven: &Driven, what: String) -> String {
    let failed = driven.first.as_ref();
    let notes = [
        driven.ran_out.then(|| format!("{RAN_OUT} after {:.1} s", driven.seconds)),
        failed.map(|first| format!("{} FAILED: {first}", driven.failed)),
        Some(what).filter(|what| !what.is_empty()),
        driven.busy.map(|busy| format!("{:.2} cores, others {:.2}", busy.own, busy.others)),
    ];
    notes.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// What a run used, in all and then for each message.
struct Used {
    stored: f64,
    written: f64,
    read: f64,
    syncs: f64,
    message: f64,
}

impl Used {
    fn now(bench: &Bench<'_>, sent: &Counted) -> anyhow::Result<Self> {
        let (written, read) = sent.bytes();
        Ok(Self {
            stored: size_of(&bench.dir.join("store"))? as f64,
            written: written as f64,
            read: read as f64,
            syncs: bench.net.syncs.count() as f64,
            message: bench.message_bytes()?,
        })
    }

    fn since(&self, before: &Self, messages: u64) -> Self {
        let each = |now: f64, before: f64| (now - before) / messages.max(1) as f64;
        Self {
            stored: each(self.stored, before.stored),
            written: each(self.written, before.written),
            read: each(self.read, before.read),
            syncs: self.syncs - before.syncs,
            message: self.message,
        }
    }
}

impl Bench<'_> {
    fn message_bytes(&self) -> anyhow::Result<f64> {
        let (from, to) = pair(&self.net, 0, 0)?;
        let state = self.net.service.state();
        let ready: Ready = Sealed::new(&state, from, to, &self.net.founding.ambient)?.ready()?;
        Ok(ready.size() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_is_not_what_it_seems_says_so_first() {
        let driven = Driven {
            ran_out: true,
            seconds: 1.25,
            failed: 2,
            first: Some("refused".to_owned()),
            ..Driven::default()
        };
        let expected = format!("{RAN_OUT} after 1.2 s; 2 FAILED: refused; 3.0 a commit");
        assert_eq!(note(&driven, "3.0 a commit".to_owned()), expected);
        assert_eq!(
            of("accepts", &driven).note,
            format!("{RAN_OUT} after 1.2 s; 2 FAILED: refused")
        );
    }
}
