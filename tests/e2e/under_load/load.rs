//! The load: seats that send without pause and seats that follow, and what must be true of all of it.
//!
//! In scope: what a client does by itself about a refusal, and the judgement at the end. Out of scope: what is
//! rotated. Invariant: no refusal is mended whose cause is not in the directory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use liaison::client::message::compose::{Outside, Sealed, compose};
use liaison::client::message::open::{Reader, Received, RootAt, open};
use liaison::client::message::receipt::{self, About, Link};
use liaison::crypto::hash::Digest;
use liaison::crypto::sign::KeyId;
use liaison::domain::directory::{Directory, Seat};
use liaison::domain::ids::{ContactId, SeatId};
use liaison::domain::relay::addressing::Recipient;
use liaison::domain::state::Mailbox;
use liaison::signed::proto::{Class, Level};
use liaison::wire::v1::collect_response::Item as Answer;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::support::{Client, Party, Replica, TestNet, alert, key, key_id, opening, refusal, soon};

/// The keys that everybody here holds, by their names, and which of them speaks now for whom.
#[derive(Default)]
pub(super) struct Keys {
    now: BTreeMap<String, String>,
    ids: BTreeMap<KeyId, String>,
    made: usize,
}

impl Keys {
    /// The name of the key that is this one's now.
    pub(super) fn now(&self, whose: &str) -> String {
        self.now.get(whose).map_or_else(|| whose.to_owned(), Clone::clone)
    }

    /// Another one, which does not speak yet.
    pub(super) fn fresh(&mut self, whose: &str) -> String {
        self.made += 1;
        let name = format!("{whose} {}", self.made);
        self.know(&name);
        name
    }

    pub(super) fn speaks(&mut self, whose: &str, name: String) {
        self.now.insert(whose.to_owned(), name);
    }

    fn know(&mut self, name: &str) {
        let seals = name.split(' ').nth(1) == Some("seal");
        let id = if seals { opening(name).public().id() } else { key_id(name) };
        self.ids.insert(id, name.to_owned());
    }

    fn named(&self, id: KeyId) -> String {
        self.ids.get(&id).unwrap_or_else(|| panic!("nobody has the key {id}")).clone()
    }

    /// Every seal key that a seat has had.
    fn seals(&self, seat: &SeatId) -> Vec<String> {
        let whose = format!("{seat} seal");
        self.ids.values().filter(|name| name.starts_with(&whose)).cloned().collect()
    }
}

/// A message that was accepted.
struct Sent {
    about: About,
    to: ContactId,
    receipt: Bytes,
}

/// Who sends to whom: every seat of the senders, to each receiver in turn; every seat of those follows.
pub(super) struct Load {
    pub(super) senders: Vec<Party>,
    pub(super) receivers: Vec<Party>,
    pub(super) keys: Mutex<Keys>,
    /// How often something was refused that a client mends by itself, by reason.
    pub(super) mended: Mutex<BTreeMap<String, u64>>,
    sent: Mutex<Vec<Sent>>,
    followed: Mutex<BTreeMap<SeatId, Vec<Answer>>>,
    /// With which key each that follows does so now.
    pub(super) follows_with: watch::Sender<BTreeMap<SeatId, String>>,
    /// Sealing is what costs: of who sends without pause one at a time, or nobody else is heard.
    sealing: Semaphore,
}

impl Load {
    pub(super) fn new(senders: Vec<Party>, receivers: Vec<Party>) -> Self {
        let mut keys = Keys::default();
        for seat in senders.iter().chain(&receivers).flat_map(|party| &party.seats) {
            for what in ["sign", "seal", "tls"] {
                keys.know(&format!("{seat} {what}"));
            }
        }
        Self {
            senders,
            receivers,
            keys: Mutex::new(keys),
            mended: Mutex::default(),
            sent: Mutex::default(),
            followed: Mutex::default(),
            follows_with: watch::Sender::default(),
            sealing: Semaphore::new(1),
        }
    }

    pub(super) fn sent(&self) -> usize {
        self.sent.lock().unwrap().len()
    }

    /// The name of the key for this that the directory lists.
    pub(super) fn listed(&self, directory: &Directory, seat: &SeatId, what: &str) -> String {
        let roster = directory.contact(&seat.contact()).unwrap().roster.as_ref().unwrap();
        let listed = roster.seats.iter().find(|listed| listed.name == seat.name()).unwrap();
        self.keys.lock().unwrap().named(id_of(listed, what))
    }

    /// A connection with the key that the directory lists, and that key's name.
    async fn connected(&self, net: &TestNet, seat: &SeatId) -> (Client, String) {
        let name = self.listed(&net.replica().directory, seat, "tls");
        (net.client(&name).await, name)
    }

    /// Sealed in the newest view, and signed by the key that it lists.
    pub(super) async fn sealed(
        self: &Arc<Self>,
        net: &Arc<TestNet>,
        from: &SeatId,
        to: &ContactId,
    ) -> (Sealed, String) {
        let (load, net, from, to) = (Arc::clone(self), Arc::clone(net), from.clone(), to.clone());
        let sealing = tokio::task::spawn_blocking(move || {
            let replica = net.replica();
            let name = load.listed(&replica.directory, &from, "sign");
            let to = vec![Recipient::new(to, Level::Technical)];
            let outside = Outside::new(from, to, Class::Notification, replica.view());
            let (sign, ambient) = (key(&name), &net.open.ambient);
            let sealed = compose(&replica.directory, outside, &alert(""), &sign, ambient);
            (sealed.unwrap(), name)
        });
        sealing.await.unwrap()
    }

    /// It was accepted.
    pub(super) fn accepted(&self, to: &ContactId, sealed: &Sealed, receipt: &Bytes) {
        let (digest, view) = (sealed.header_digest, sealed.addressing.view.size);
        let about = About { digest, contacts: vec![to.clone()], view };
        let sent = Sent { about, to: to.clone(), receipt: receipt.clone() };
        self.sent.lock().unwrap().push(sent);
    }

    fn mends(&self, reason: String) {
        *self.mended.lock().unwrap().entry(reason).or_default() += 1;
    }

    /// One message, until it is accepted. A refusal is mended as a client does, and if the directory says why.
    async fn send(
        self: &Arc<Self>,
        net: &Arc<TestNet>,
        line: &mut (Client, String),
        (from, to): (&SeatId, &ContactId),
    ) {
        loop {
            let alone = self.sealing.acquire().await.unwrap();
            let (sealed, sign) = self.sealed(net, from, to).await;
            drop(alone);
            let status = match line.0.submit(sealed.envelope.clone()).await {
                Ok(receipt) => return self.accepted(to, &sealed, &receipt),
                Err(status) => status,
            };
            let directory = net.replica().directory;
            let changed = |what, used: &str| self.listed(&directory, from, what) != used;
            let reason = refusal(&status).1;
            match &reason[..] {
                "STALE_DIRECTORY" => {
                    let view = sealed.addressing.view.size;
                    let of = |contact| directory.last_change(contact).is_some_and(|at| at >= view);
                    assert!(of(to) || of(&from.contact()), "{from}: nothing has changed: {status}");
                }
                "KEY_NOT_IN_FORCE" => assert!(changed("sign", &sign), "{from}: {status}"),
                "NOT_PERMITTED" => {
                    assert!(changed("tls", &line.1), "{from}: {status}");
                    *line = self.connected(net, from).await;
                }
                _ => panic!("{from}: {status}"),
            }
            self.mends(reason);
        }
    }

    /// Sends until it is told to stop, and counts.
    async fn sends(
        self: Arc<Self>,
        net: Arc<TestNet>,
        from: SeatId,
        stop: watch::Receiver<bool>,
        count: watch::Sender<u64>,
    ) {
        let mut line = self.connected(&net, &from).await;
        for to in self.receivers.iter().cycle() {
            if *stop.borrow() {
                return;
            }
            self.send(&net, &mut line, (&from, &to.contact)).await;
            count.send_modify(|count| *count += 1);
        }
    }

    /// Follows a mailbox from where it ended before, until it has so many entries.
    async fn follows(
        self: Arc<Self>,
        net: Arc<TestNet>,
        seat: SeatId,
        mut until: watch::Receiver<Option<BTreeMap<ContactId, u64>>>,
    ) {
        let mut answers = self.followed.lock().unwrap().remove(&seat).unwrap_or_default();
        loop {
            let (mut client, tls) = self.connected(&net, &seat).await;
            self.follows_with.send_modify(|with| drop(with.insert(seat.clone(), tls.clone())));
            let ended = match client.collect(number(&answers), true).await {
                Ok(mut stream) => loop {
                    let last = until.borrow_and_update().clone();
                    if last.is_some_and(|last| last.get(&seat.contact()) == Some(&number(&answers)))
                    {
                        self.followed.lock().unwrap().insert(seat, answers);
                        return;
                    }
                    tokio::select! {
                        changed = until.changed() => changed.unwrap(),
                        came = stream.message() => match came {
                            Ok(answer) => answers.push(answer.expect("it is followed").item.unwrap()),
                            Err(status) => break status,
                        },
                    }
                },
                Err(status) => status,
            };
            assert_eq!(refusal(&ended).1, "NOT_PERMITTED", "{seat}: {ended}");
            let now = self.listed(&net.replica().directory, &seat, "tls");
            assert_ne!(now, tls, "{seat}: {ended}");
            self.mends("a stream of a key that ended".to_owned());
        }
    }

    /// Begins, on a service that was started.
    pub(super) async fn start(self: &Arc<Self>, net: &Arc<TestNet>) -> Running {
        let (stop, stopped) = watch::channel(false);
        let (until, last) = watch::channel(None);
        let (mut sending, mut following, mut counts) = (JoinSet::new(), JoinSet::new(), Vec::new());
        for seat in self.receivers.iter().flat_map(|party| &party.seats) {
            let (load, net) = (Arc::clone(self), Arc::clone(net));
            following.spawn(load.follows(net, seat.clone(), last.clone()));
        }
        for seat in self.senders.iter().flat_map(|party| &party.seats) {
            let (count, counted) = watch::channel(0);
            counts.push(counted);
            let (load, net) = (Arc::clone(self), Arc::clone(net));
            sending.spawn(load.sends(net, seat.clone(), stopped.clone(), count));
        }
        Running { load: Arc::clone(self), stop, until, sending, following, counts }
    }

    /// What must be true of all that was sent and of all that came, by the log that the service shows.
    pub(super) fn judge(&self, replica: &Replica) {
        let root_at: RootAt<'_> = &|size| replica.root_at(size);
        let told = (&replica.directory, root_at);
        let mut places: BTreeMap<(ContactId, u64), (Digest, Digest)> = BTreeMap::new();
        for sent in &*self.sent.lock().unwrap() {
            let accepted = receipt::verify_accepted(told, &sent.about, &sent.receipt).unwrap();
            let [place] = accepted.places() else { panic!("one place") };
            let value = (sent.about.digest, place.mailbox.chain);
            let before = places.insert((sent.to.clone(), place.mailbox.count), value);
            assert_eq!(before, None, "no number stands for two messages");
        }
        let followed = self.followed.lock().unwrap();
        std::thread::scope(|scope| {
            for (seat, answers) in &*followed {
                scope.spawn(|| self.judge_followed(replica, seat, answers, &places));
            }
        });
    }

    fn judge_followed(
        &self,
        replica: &Replica,
        seat: &SeatId,
        answers: &[Answer],
        places: &BTreeMap<(ContactId, u64), (Digest, Digest)>,
    ) {
        let contact = seat.contact();
        let seals: Vec<_> = self.keys.lock().unwrap().seals(seat);
        let seals: Vec<_> = seals.iter().map(opening).collect();
        let root_at = |size| replica.root_at(size);
        let reader =
            Reader { directory: &replica.directory, root_at: &root_at, seat, keys: &seals };
        let mut mailbox = Mailbox::of_epoch(replica.directory.genesis(), &contact, 1);
        let mut floor = 0;
        for answer in answers {
            match answer {
                Answer::Message(item) => {
                    mailbox = receipt::extend(&mailbox, &Link::of(item).unwrap()).unwrap();
                    let opened = open(&reader, &Received { floor, ..Received::from(item) });
                    let opened = opened.unwrap_or_else(|why| panic!("{seat}: {why}"));
                    let came = Some(&(opened.header.digest(), mailbox.chain));
                    assert_eq!(places.get(&(contact.clone(), mailbox.count)), came, "{seat}");
                }
                Answer::Head(bytes) => {
                    let head = replica.head(&contact, bytes);
                    receipt::agrees(&mailbox, &head).unwrap();
                    floor = head.view().size;
                }
                Answer::Beginning(_) => panic!("no epoch has begun"),
            }
        }
        let sent = places.keys().filter(|(to, _)| *to == contact).count();
        assert_eq!(mailbox.count, sent as u64, "{seat}: all that was accepted came");
    }
}

fn id_of(seat: &Seat, what: &str) -> KeyId {
    match what {
        "sign" => seat.sign.as_ref().unwrap().id(),
        "seal" => seat.seal.id(),
        "tls" => seat.tls.as_ref().unwrap().id(),
        _ => unreachable!("a seat has three keys"),
    }
}

/// The last number that came.
fn number(answers: &[Answer]) -> u64 {
    let last = answers.iter().rev().find_map(|answer| match answer {
        Answer::Message(item) => Some(item.number),
        _ => None,
    });
    last.unwrap_or_default()
}

/// The load while it runs.
pub(super) struct Running {
    load: Arc<Load>,
    stop: watch::Sender<bool>,
    until: watch::Sender<Option<BTreeMap<ContactId, u64>>>,
    sending: JoinSet<()>,
    following: JoinSet<()>,
    counts: Vec<watch::Receiver<u64>>,
}

impl Running {
    /// Until every sender had one more message accepted.
    pub(super) async fn round(&mut self) {
        let before: Vec<u64> = self.counts.iter().map(|counted| *counted.borrow()).collect();
        for (counted, before) in self.counts.iter_mut().zip(before) {
            let more = counted.wait_for(|now| *now > before);
            soon("a message that is accepted", more).await.unwrap();
        }
        assert!(self.following.try_join_next().is_none(), "nobody stops to follow");
    }

    /// Ends it, when everything that was accepted has come.
    pub(super) async fn end(mut self) {
        self.stop.send_replace(true);
        drop(self.counts);
        while let Some(done) = soon("the last messages", self.sending.join_next()).await {
            done.unwrap();
        }
        let mut last = BTreeMap::new();
        for sent in &*self.load.sent.lock().unwrap() {
            *last.entry(sent.to.clone()).or_default() += 1;
        }
        self.until.send_replace(Some(last));
        while let Some(done) = soon("what was accepted", self.following.join_next()).await {
            done.unwrap();
        }
    }
}
