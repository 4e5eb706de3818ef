//! What grows with the log: what a person waits for, and what the service needs, at the size at hand.
//!
//! In scope: start, memory and disk of the service; one publisher, one sender, one reader at a time; a
//! newcomer's first sync, and how a command opens its copy. Out of scope: many at a time (`scenes`).
//! Invariant: nothing is signed by the client while the clock runs.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;

use crate::bench::founding::{Founding, seat_of};
use crate::bench::grown::publish_in_order;
use crate::client::draft::Bundle;
use crate::client::home::Home;
use crate::client::keys::Owner;
use crate::client::reach::connect::{Proxies, Tcp};
use crate::client::reach::session::{self, Progress, Session, Verdict};
use crate::client::replica::Replica;
use crate::crypto::sign::SigningKey;
use crate::domain::ids::{ContactId, DirectoryName};

use super::Measurement;
use super::counted::Counted;
use super::drive::{Driven, Work, drive};
use super::scenes::{Bench, PREPARED_ALONE, To, note, of};
use crate::bench::machine::Spent;

/// A copy is opened so often at least, however long it takes.
const OPENED: usize = 3;

impl Bench<'_> {
    /// All of it, on the log as it is.
    pub(super) async fn growth(&mut self) -> anyhow::Result<()> {
        self.started();
        self.one_sender().await?;
        self.one_reader().await?;
        let newcomer = Newcomer::admitted(self).await?;
        self.publishing(&newcomer).await?;
        self.first_sync(&newcomer).await?;
        self.opening(&newcomer)
    }

    fn started(&mut self) {
        let started = self.net.started;
        let entries = format!("{} entries", started.entries);
        self.measured.push(Measurement {
            name: "start of the service from its store".to_owned(),
            p50_ms: Some(started.seconds * 1_000.0),
            bound: "CPU and disk: every entry is read and hashed".to_owned(),
            note: format!("{entries}, once"),
            ..Measurement::default()
        });
        for (name, bytes, bound, note) in [
            (
                "memory of the service",
                started.memory,
                "tree, directory, keys that have ended",
                "resident size of a process that starts it, less that before",
            ),
            ("store of the service", Some(self.stored), "entry and parts", "files on the disk"),
        ] {
            self.measured.push(Measurement {
                name: name.to_owned(),
                bytes,
                bound: bound.to_owned(),
                note: format!("{entries}: {note}"),
                ..Measurement::default()
            });
        }
    }

    async fn one_sender(&mut self) -> anyhow::Result<()> {
        let address = self.net.address.clone();
        let workers = self.senders(&address, 1, To::OwnMailbox, &Counted::default()).await?;
        self.say("growth: one sender")?;
        let accepted = drive(workers, self.options.seconds).await?;
        self.report("durable accept, alone", &accepted, "one commit");
        Ok(())
    }

    async fn one_reader(&mut self) -> anyhow::Result<()> {
        let workers = self.readers(1).await?;
        self.say("growth: one reader")?;
        let looked_up = drive(workers, self.options.seconds).await?;
        self.report("look-up with proof, alone", &looked_up, "CPU: transport, checking a note");
        Ok(())
    }

    async fn publishing(&mut self, newcomer: &Newcomer) -> anyhow::Result<()> {
        let count = (self.options.seconds * 1.3 * PREPARED_ALONE).ceil() as u64;
        self.say(&format!("growth: preparing {count} records"))?;
        // Version 1 is there.
        let records = (2..2 + count).map(|version| newcomer.record(&self.net.founding, version));
        let records = records.collect::<anyhow::Result<Vec<_>>>()?.into_iter();
        let session = newcomer.session(self).await?;
        self.say("growth: one publisher")?;
        let published = drive(vec![Publishing { session, records }], self.options.seconds).await?;
        self.report("publish, alone", &published, "one commit and the high-water file");
        Ok(())
    }

    fn report(&mut self, name: &str, driven: &Driven, bound: &str) {
        let bound = bound.to_owned();
        self.measured.push(Measurement { bound, ..of(name, driven) });
    }

    async fn first_sync(&mut self, newcomer: &Newcomer) -> anyhow::Result<()> {
        self.say("growth: first sync")?;
        let session = newcomer.session(self).await?;
        let mut replica = Replica::open(&newcomer.home, &newcomer.name)?;
        let (began, before) = (Instant::now(), Spent::now());
        let synced = session.sync(&mut replica, &mut |_: Progress| {}).await?;
        let seconds = began.elapsed().as_secs_f64();
        let each = before.and_then(|before| Spent::now()?.since(&before, synced.size as usize));
        self.measured.push(Measurement {
            name: "first sync, entries".to_owned(),
            rate: Some(synced.size as f64 / seconds),
            bound: "CPU: signature checks of the client".to_owned(),
            note: format!("{} entries in {seconds:.2} s, once", synced.size),
            ..Measurement::taking(each)
        });
        Ok(())
    }

    /// As every command does it, before it can do anything else.
    fn opening(&mut self, newcomer: &Newcomer) -> anyhow::Result<()> {
        self.say("growth: opening the copy")?;
        let end = Instant::now() + Duration::from_secs_f64(self.options.seconds);
        let (mut latencies, before) = (Vec::new(), Spent::now());
        while latencies.len() < OPENED || Instant::now() < end {
            let began = Instant::now();
            let replica = Replica::open(&newcomer.home, &newcomer.name)?;
            let directory = replica.directory()?;
            black_box(directory.record(&newcomer.contact)?);
            black_box(directory.sealing_seats(&newcomer.contact).count());
            latencies.push(began.elapsed());
        }
        let each = before.and_then(|before| Spent::now()?.since(&before, latencies.len()));
        latencies.sort_unstable();
        let opened = Driven { latencies, each, ..Driven::default() };
        self.measured.push(Measurement {
            rate: None,
            bound: "CPU: the fold, or reading what is kept of it".to_owned(),
            note: note(&opened, "and one record shown: what each command begins with".to_owned()),
            ..of("opening of the client's copy", &opened)
        });
        Ok(())
    }
}

/// One more member, whose seat has its keys in a home, as a client does.
struct Newcomer {
    home: Home,
    name: DirectoryName,
    contact: ContactId,
    seat: Owner,
    authority: SigningKey,
}

impl Newcomer {
    /// A home that has joined, and a member that was admitted.
    async fn admitted(bench: &Bench<'_>) -> anyhow::Result<Self> {
        let (net, founding) = (&bench.net, &bench.net.founding);
        let root: PathBuf = bench.dir.join("newcomer");
        let home = Home::at(root);
        let name = home.join(&net.invitation().await?)?;
        let authority = SigningKey::from_seed(&founding.ambient.bytes());
        let contact = ContactId::new(&"newcomer".parse()?, "cert")?;
        let seat = Owner::Seat(seat_of(&contact, 1)?);
        let newcomer = Self { home, name, contact, seat, authority };
        let statements = founding.newcomer(
            net.service.state().directory.genesis(),
            &newcomer.contact,
            &newcomer.authority,
            &newcomer.home.keys(),
            &newcomer.seat,
        )?;
        for statement in statements {
            publish_in_order(&net.service, founding, &[statement]).await?;
        }
        Ok(newcomer)
    }

    async fn session(&self, bench: &Bench<'_>) -> anyhow::Result<Session> {
        let (dial, proxies) = (Arc::new(Tcp), Proxies::default());
        let net = session::Net { dial, proxies, ambient: bench.net.founding.ambient.clone() };
        Ok(Session::open(&self.home, &self.name, Some(&self.seat), &net).await?)
    }

    /// A newer record, as it is handed in.
    fn record(&self, founding: &Founding, version: u64) -> anyhow::Result<Bundle> {
        let targets = Founding::target(self.home.trust(&self.name)?.genesis(), version);
        let record = founding.record(targets, founding.ambient.now(), &self.contact, None)?;
        let record: Bytes = founding.signed(&record, &self.authority)?.bytes().clone();
        Ok(Bundle::of_statement(record)?)
    }
}

/// Publishes one record after the other.
struct Publishing {
    session: Session,
    records: std::vec::IntoIter<Bundle>,
}

impl Publishing {
    async fn publish(&self, record: &Bundle) -> anyhow::Result<()> {
        match self.session.publish(record).await?.pop().context("an answer")? {
            Verdict::Logged(_) => Ok(()),
            Verdict::Refused(why) => Err(why.into()),
        }
    }
}

impl Work for Publishing {
    async fn once(&mut self) -> Option<anyhow::Result<()>> {
        let record = self.records.next()?;
        Some(self.publish(&record).await)
    }
}
