//! The order of the measurements, and what each is compared with.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tonic::transport::Channel;

use crate::ambient::Ambient;
use crate::client::connect::Address;
use crate::crypto::sign::SigningKey;
use crate::demo::net::{Net, Party};
use crate::domain::ids::ContactId;
use crate::domain::limits;
use crate::wire::v1::collect_response::Item;
use crate::wire::v1::directory_service_client::DirectoryServiceClient;
use crate::wire::v1::relay_service_client::RelayServiceClient;
use crate::wire::v1::{CollectRequest, CollectResponse};

use super::counted::Counted;
use super::drive::{Driven, drive, repeat};
use super::lookups::{self, LookingUp};
use super::machine::{size_of, synced_appends};
use super::messages::{Expect, Ready, Sealed, Submitting};
use super::{Measurement, Options, bare, followers};

/// Senders at most, each with a mailbox to write to.
const SENDERS: usize = 64;
/// One pair more, whose mailbox holds nothing but what is pushed.
const PAIRS: usize = SENDERS + 1;
/// Envelopes prepared for a second, whoever sends them.
const PREPARED: f64 = 9_000.0;
/// Of those, a single sender's.
const PREPARED_ALONE: f64 = 4_000.0;
/// Before each message that is pushed, so that each is a wake-up of its own.
const PAUSE: Duration = Duration::from_millis(5);

/// Everything that was asked for.
pub(super) async fn measure(
    options: &Options,
    dir: &Path,
    progress: &mut dyn Write,
) -> anyhow::Result<Vec<Measurement>> {
    writeln!(progress, "founding a directory of {} members on {}", 2 * PAIRS, options.engine)?;
    let pairs = PAIRS.max(options.followers.div_ceil(2 * limits::STREAMS_OF_A_SEAT));
    let net = Net::start(options.engine, dir, pairs).await?;
    let mut bench = Bench { net, options, dir, progress, checks: 0.0, measured: Vec::new() };
    bench.signatures()?;
    if options.wants("accept") {
        bench.accepts().await?;
    }
    if options.wants("push") {
        bench.pushes().await?;
    }
    if options.wants("lookup") {
        bench.lookups().await?;
    }
    if options.wants("replay") {
        bench.replay().await?;
    }
    if options.wants("followers") && options.followers > 0 {
        bench.say("followers")?;
        let measured = followers::measure(&bench.net, options.followers, options.seconds).await?;
        bench.measured.push(measured);
    }
    bench.net.close().await?;
    Ok(bench.measured)
}

struct Bench<'a> {
    net: Net,
    options: &'a Options,
    dir: &'a Path,
    progress: &'a mut dyn Write,
    /// Ed25519 verifications a second, on one core.
    checks: f64,
    measured: Vec<Measurement>,
}

/// To whom the senders write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    OwnMailbox,
    OneMailbox,
    Nothing,
}

impl Bench<'_> {
    fn say(&mut self, what: &str) -> anyhow::Result<()> {
        writeln!(self.progress, "{what}")?;
        Ok(self.progress.flush()?)
    }

    /// A short limit does not get better by looking at it for long.
    fn moment(&self) -> f64 {
        self.options.seconds.min(1.0)
    }

    fn signatures(&mut self) -> anyhow::Result<()> {
        self.say("signatures")?;
        let ambient = Ambient::system();
        let (key, message) = (SigningKey::from_seed(&ambient.bytes()), [7; 256]);
        let random = || anyhow::anyhow!("the system's source of randomness failed");
        let signature = key.sign(&message, ambient.random()).map_err(|_| random())?;
        let signs = repeat(self.moment(), || {
            key.sign(&message, ambient.random()).map(drop).map_err(|_| random())
        })?;
        self.checks = repeat(self.moment(), || Ok(key.public().verify(&message, &signature)?))?;
        if self.options.wants("limits") {
            self.limit("Ed25519 signatures made, one core", signs, "CPU");
            self.limit("Ed25519 signatures checked, one core", self.checks, "CPU");
        }
        Ok(())
    }

    fn limit(&mut self, name: &str, rate: f64, bound: &str) {
        let (name, bound) = (name.to_owned(), bound.to_owned());
        let limit = Measurement { name, rate: Some(rate), bound, ..Measurement::default() };
        self.measured.push(limit);
    }

    async fn accepts(&mut self) -> anyhow::Result<()> {
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
            bound: bound(accepted, synced, appends),
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

    /// Connected senders with enough envelopes each.
    async fn senders(
        &mut self,
        address: &Address,
        count: usize,
        to: To,
        dial: &Counted,
    ) -> anyhow::Result<Vec<Submitting>> {
        let alone = PREPARED_ALONE * count as f64;
        let all = self.options.seconds * 1.3 * PREPARED.min(alone);
        let each = (all / count as f64).ceil() as usize;
        self.say(&format!("preparing {count} x {each} envelopes"))?;
        let mut workers = Vec::with_capacity(count);
        for number in 0..count {
            let recipient = if to == To::OneMailbox { 0 } else { number };
            let (from, to_whom) = pair(&self.net, number, recipient)?;
            let state = self.net.service.state();
            let sealed = Sealed::new(&state, from, to_whom, &self.net.ambient)?;
            let ready = (0..each).map(|_| sealed.ready()).collect::<Result<Vec<_>, _>>()?;
            let channel = self.net.connect(from, address, Arc::new(dial.clone())).await?;
            let expect = Expect { state, to: to_whom.clone() };
            workers.push(Submitting {
                client: RelayServiceClient::new(channel),
                ready: ready.into_iter(),
                expect: (to != To::Nothing).then_some(expect),
            });
        }
        Ok(workers)
    }

    /// From one submit to the other side's stream, one message at a time.
    async fn pushes(&mut self) -> anyhow::Result<()> {
        self.say("push")?;
        let (from, _) = pair(&self.net, SENDERS, SENDERS)?;
        let to = self.net.recipients.get(SENDERS).context("a recipient")?;
        let state = self.net.service.state();
        let sealed = Sealed::new(&state, from, &to.contact, &self.net.ambient)?;
        let channel = self.tcp(from).await?;
        let expect = Some(Expect { state, to: to.contact.clone() });
        let client = RelayServiceClient::new(channel);
        let mut sender = Submitting { client, ready: Vec::new().into_iter(), expect };
        let mut follower = RelayServiceClient::new(self.tcp(to).await?);
        let request = CollectRequest { follow: true, ..CollectRequest::default() };
        let mut stream = follower.collect(request).await?.into_inner();
        let head = stream.message().await?;
        anyhow::ensure!(!is_message(&head), "expected an empty mailbox");
        let end = Instant::now() + Duration::from_secs_f64(self.options.seconds);
        let mut latencies = Vec::new();
        while Instant::now() < end {
            tokio::time::sleep(PAUSE).await;
            let ready = sealed.ready()?;
            let began = Instant::now();
            let arrived = async {
                while !is_message(&stream.message().await?) {}
                anyhow::Ok(began.elapsed())
            };
            let (submitted, arrived) = tokio::join!(sender.submit(ready), arrived);
            submitted?;
            latencies.push(arrived?);
        }
        latencies.sort_unstable();
        let (seconds, all) = (self.options.seconds, latencies.len() as u64);
        let driven = Driven { latencies, seconds, all, failed: 0, first: None, busy: None };
        let appends = synced_appends(self.dir, 4_096, self.moment())?;
        self.measured.push(Measurement {
            rate: None,
            limit: None,
            bound: format!("one commit; fdatasync alone {:.2} ms", 1_000.0 / appends),
            note: "from submit to the other side's stream, idle service".to_owned(),
            ..of("push", &driven)
        });
        Ok(())
    }

    async fn tcp(&self, party: &Party) -> anyhow::Result<Channel> {
        let (address, dial) = (&self.net.address, Arc::new(Counted::default()));
        self.net.connect(party, address, dial).await
    }

    async fn lookups(&mut self) -> anyhow::Result<()> {
        let contacts: Arc<[ContactId]> =
            self.net.recipients.iter().map(|party| party.contact.clone()).collect();
        let (bare, _served) = self.net.beside(bare::routes()).await?;
        let mut workers = Vec::with_capacity(SENDERS);
        for (number, party) in self.net.senders.iter().take(SENDERS).enumerate() {
            workers.push(LookingUp {
                client: DirectoryServiceClient::new(self.tcp(party).await?),
                state: self.net.service.state(),
                contacts: Arc::clone(&contacts),
                next: number,
            });
        }
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
        let rate = lookups::in_memory(&state.directory, &contacts, self.moment())?;
        self.limit("look-ups in a replica, one core", rate, "memory");
        Ok(())
    }

    async fn replay(&mut self) -> anyhow::Result<()> {
        self.say("replay")?;
        let entries = lookups::entries(&self.net).await?;
        let rate = lookups::replay(&entries, self.options.seconds)?;
        self.measured.push(Measurement {
            name: "entries replayed, one core".to_owned(),
            rate: Some(rate),
            limit: Some(self.checks),
            ratio: Some(rate / self.checks),
            bound: "CPU: one signature check each".to_owned(),
            note: format!("{} entries: verified and applied", entries.len()),
            ..Measurement::default()
        });
        Ok(())
    }
}

fn pair(net: &Net, from: usize, to: usize) -> anyhow::Result<(&Party, &ContactId)> {
    let from = net.senders.get(from).context("expected a sender")?;
    Ok((from, &net.recipients.get(to).context("expected a recipient")?.contact))
}

fn is_message(answer: &Option<CollectResponse>) -> bool {
    let item = answer.as_ref().and_then(|answer| answer.item.as_ref());
    item.is_some_and(|item| matches!(item, Item::Message(_)))
}

fn of(name: &str, driven: &Driven) -> Measurement {
    Measurement {
        name: name.to_owned(),
        rate: Some(driven.rate()),
        p50_ms: driven.quantile_ms(0.50),
        p99_ms: driven.quantile_ms(0.99),
        ..Measurement::default()
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

fn note(driven: &Driven, what: String) -> String {
    let mut note = what;
    if let Some(busy) = driven.busy {
        note += &format!("; {:.2} cores, others {:.2}", busy.own, busy.others);
    }
    if let Some(first) = &driven.first {
        note += &format!("; {} FAILED: {first}", driven.failed);
    }
    note
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
        let ready: Ready = Sealed::new(&state, from, to, &self.net.ambient)?.ready()?;
        Ok(ready.size() as f64)
    }
}
