//! What an open stream costs: seats that follow their mailboxes, in which nothing happens.
//!
//! In scope: memory of this process, in which the service is, and how busy it is meanwhile. Out of
//! scope: what the system keeps for a socket. Invariant: the followers are a process of their own,
//! so that what grows here is the service's.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tonic::Streaming;

use crate::ambient::Ambient;
use crate::bench::net::{Net, connect_as};
use crate::client::address::Address;
use crate::client::reach::connect::Tcp;
use crate::crypto::sign::SigningKey;
use crate::domain::limits;
use crate::tls::Identity;
use crate::wire::v1::relay_service_client::RelayServiceClient;
use crate::wire::v1::{CollectRequest, CollectResponse};

use super::Measurement;
use crate::bench::machine::Busy;

/// Those who connect at a time.
const CONNECTING: usize = 32;

/// Opens so many streams, and says what each costs. What the first fifth costs is not counted: it
/// takes what this process had free, and all that only the first one needs.
pub(super) async fn measure(
    net: &Net,
    followers: usize,
    seconds: f64,
) -> anyhow::Result<Measurement> {
    let (mut others, first) = (Others::start(net)?, followers / 5);
    others.open(first).await?;
    let before = resident()?;
    others.open(followers).await?;
    let bytes = (resident()? - before) / (followers - first).max(1) as f64;
    let busy = Busy::begin();
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    let busy = busy.and_then(Busy::end).context("this system does not say how busy it is")?;
    let limit = limits::FOLLOWER_BYTES as f64;
    Ok(Measurement {
        name: format!("memory of an open stream: {followers} followers"),
        bytes: Some(bytes),
        limit: Some(limit),
        ratio: Some(bytes / limit),
        bound: format!("ours, for {} connections", limits::CONNECTIONS),
        note: format!("idle: {:.3} cores", busy.own),
        ..Measurement::default()
    })
}

/// The followers' process. It ends with this value: its standard input closes.
struct Others {
    child: Child,
    ask: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Others {
    fn start(net: &Net) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("this program does not know its own file")?;
        let mut child = Command::new(program)
            .arg("bench-followers")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the followers cannot be started")?;
        let mut ask = child.stdin.take().context("the followers have no input")?;
        let answers = BufReader::new(child.stdout.take().context("the followers have no output")?);
        let parties = net.senders.iter().chain(&net.recipients);
        let seats = parties.map(|party| Seat {
            certificate: party.certificate.clone(),
            key: party.tls.pkcs8().to_vec(),
        });
        let (address, authority) = (net.address.to_string(), net.founding.certificate.clone());
        let plan = Plan { address, authority, seats: seats.collect() };
        serde_json::to_writer(&mut ask, &plan)?;
        writeln!(ask)?;
        Ok(Self { child, ask: Some(ask), answers })
    }

    /// Returns when so many streams are open in all.
    async fn open(&mut self, followers: usize) -> anyhow::Result<()> {
        writeln!(self.ask.as_mut().context("the followers are gone")?, "{followers}")?;
        let mut answer = String::new();
        tokio::task::block_in_place(|| self.answers.read_line(&mut answer))?;
        anyhow::ensure!(answer.trim() == followers.to_string(), "the followers ended: see above");
        Ok(())
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        drop(self.ask.take());
        let _ = self.child.wait();
    }
}

/// Whom to connect to, and as whom.
#[derive(serde::Serialize, serde::Deserialize)]
struct Plan {
    address: String,
    authority: Vec<u8>,
    seats: Vec<Seat>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Seat {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// The child: reads a plan, then how many streams are to be open, and says when they are.
pub async fn run() -> anyhow::Result<()> {
    let mut lines = std::io::stdin().lines();
    let plan: Plan = serde_json::from_str(&lines.next().context("expected a plan")??)?;
    let mut open = Vec::new();
    for line in lines {
        let followers: usize = line?.parse()?;
        let more = stream::iter(open.len()..followers).map(|number| plan.follow(number));
        open.extend(more.buffer_unordered(CONNECTING).try_collect::<Vec<_>>().await?);
        writeln!(std::io::stdout(), "{followers}")?;
    }
    Ok(())
}

impl Plan {
    /// A stream on a connection of its own, that has said all there is.
    async fn follow(&self, number: usize) -> anyhow::Result<Streaming<CollectResponse>> {
        let ambient = Ambient::system();
        let seat = self.seats.get(number % self.seats.len()).context("expected a seat")?;
        let key = SigningKey::from_pkcs8(&seat.key, ambient.random())?;
        let identity = Identity::new(std::slice::from_ref(&seat.certificate), &key)?;
        let address = Address::parse(&self.address)?;
        let channel = connect_as(identity, &self.authority, &address, Arc::new(Tcp)).await?;
        let request = CollectRequest { follow: true, ..CollectRequest::default() };
        let mut stream = RelayServiceClient::new(channel).collect(request).await?.into_inner();
        stream.message().await?.context("expected a head")?;
        Ok(stream)
    }
}

/// proc(5): what of this process is in memory.
fn resident() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).context("expected VmRSS")?;
    Ok(kib.parse::<f64>()? * 1024.0)
}
