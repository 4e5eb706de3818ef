//! Older data under a service: refused, then its mailboxes begin anew; what was lost is handed in again,
//! and nothing is numbered twice.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use liaison::client::message::acknowledge::acknowledge;
use liaison::client::message::compose::{Outside, Sealed};
use liaison::client::message::receipt::{About, verify_accepted};
use liaison::client::message::words;
use liaison::crypto::hash::Digest;
use liaison::disk::{Disk, Fdatasync};
use liaison::domain::ids::MessageId;
use liaison::domain::relay::envelope::verify_header;
use liaison::domain::state::{Key, Value};
use liaison::service::epochs::{self, Anew, Lost, Which, Why};
use liaison::service::{self, CannotStart, Shown};
use liaison::store::blobs::Blobs as _;
use liaison::store::{Engine, Store, Write, codec, keys};
use liaison::wire::v1::collect_response::Item as Answer;
use liaison::wire::v1::{CollectRequest, GetStatusRequest};
use tokio::task::yield_now;

use crate::expiry::{at, begins};
use crate::salvage::looked_through;
use crate::support::{
    DAY, NAME, NOW, Open, Party, Replica, TestNet, Trust, alert, dates, everything_in, key, soon,
};

/// When the first message expires; a day later its body is gone.
const EXPIRES: u64 = NOW + 60;

/// A service on older data, and what was shown meanwhile.
struct Older {
    open: Open,
    fr: Party,
    jp: Party,
    at: Party,
    /// In the older data, to jp and at, and to jp.
    kept: [Sealed; 2],
    /// After it, to jp, and to at.
    lost: [Sealed; 2],
}

pub(crate) async fn again(open: Open) -> TestNet {
    let store = open.place().open(NAME).await.unwrap();
    TestNet::serve(open, store, Trust::new(dates())).await
}

/// Stopped, and nobody writes any more.
pub(crate) async fn closed(net: TestNet) -> Open {
    let open = net.stop().await.0;
    drop(open.place().open(NAME).await.unwrap());
    open
}

/// Nothing is due any more.
async fn settled(store: &dyn Store, now: u64) {
    let mut hints = store.wake(vec![keys::DUE.to_vec()]);
    let due = liaison::store::KeyRange::new(keys::due_from(0), keys::due_from(now + 1));
    while !store.scan(due.clone(), 1).await.unwrap().entries.is_empty() {
        hints.next().await;
    }
}

pub(crate) async fn send(net: &TestNet, from: &Party, to: &[&Party]) -> Sealed {
    let sealed = from.compose(to, &net.replica(), &net.open.ambient);
    net.client(&from.tls()).await.submit(sealed.envelope.clone()).await.unwrap();
    sealed
}

impl Older {
    /// jp has: what is gone, two messages, its own acknowledgement; fr: that one of its messages was not
    /// delivered, and words; at: one message.
    async fn on(engine: Engine) -> Self {
        let net = TestNet::on(engine).await;
        let [fr, jp, at] = net.parties(["fr", "jp", "at"]).await;
        let replica = net.replica();
        let outside = Outside { expires: Some(EXPIRES), ..fr.outside(&[&jp], &replica) };
        let expires = fr.seal(outside, &alert(""), &replica, &net.open.ambient);
        net.client(&fr.tls()).await.submit(expires.envelope).await.unwrap();
        let mut open = closed(net).await;
        open.clock.set(EXPIRES + DAY);
        open.clock_is_right = true;
        let net = again(open).await;
        soon("all that is due", settled(net.store.as_ref(), EXPIRES + DAY)).await;
        let kept = [send(&net, &fr, &[&jp, &at]).await, send(&net, &fr, &[&jp]).await];
        answer(&net, &jp, &kept[0]).await;
        let open = closed(net).await;
        let copy = open.copy();
        let net = again(open).await;
        let lost = [send(&net, &fr, &[&jp]).await, send(&net, &fr, &[&at]).await];
        let newer = closed(net).await;
        std::fs::copy(newer.high_water(), copy.high_water()).unwrap();
        Self { open: copy, fr, jp, at, kept, lost }
    }
}

/// Acknowledges the message at number 2 of its mailbox.
pub(crate) async fn answer(net: &TestNet, by: &Party, message: &Sealed) {
    let Replica { directory, .. } = &net.replica();
    let header = verify_header(directory, &message.envelope.header).unwrap();
    let sign = key(&format!("{} sign", by.seat()));
    let (view, words) = (net.replica().view(), (words::words(), None));
    let seat = (by.seat(), &sign);
    let done = acknowledge(directory, seat, (&header, 2), words, view, &net.open.ambient);
    net.client(&by.tls()).await.relay.acknowledge(done.unwrap().request).await.unwrap();
}

async fn survey(open: &Open, which: &Which) -> Result<Vec<Anew>, CannotStart> {
    drop(opened(open).await);
    let survey = epochs::survey(&open.place(), &Open::keys(), &open.settings(), which).await;
    Ok(survey?.mailboxes)
}

/// Once nobody has it open any more.
async fn opened(open: &Open) -> Arc<dyn Store> {
    let opened = async {
        loop {
            match open.place().open(NAME).await {
                Ok(store) => return store,
                Err(_) => yield_now().await,
            }
        }
    };
    soon("the store", opened).await
}

pub(crate) async fn begin(open: &Open, which: &Which) -> Result<Vec<Anew>, CannotStart> {
    let store = opened(open).await;
    epochs::begin_anew(store, open.blobs(), Open::keys(), open.settings(), which).await
}

async fn look(open: &Open) -> Result<(), CannotStart> {
    loop {
        let looked = service::look(&open.place(), &Open::keys(), &open.settings()).await;
        match looked {
            // It is being closed.
            Err(CannotStart::Store(_)) => yield_now().await,
            looked => return looked.map(drop),
        }
    }
}

fn id(net: &TestNet, sealed: &Sealed) -> MessageId {
    verify_header(&net.replica().directory, &sealed.envelope.header).unwrap().addressing().id
}

/// Contact, epoch and number of each place that a receipt names.
fn places(replica: &Replica, sealed: &Sealed, receipt: &Bytes) -> Vec<(String, u64, u64)> {
    let header = verify_header(&replica.directory, &sealed.envelope.header).unwrap();
    let root_at = |size| replica.root_at(size);
    let known = (&replica.directory, &root_at as &_);
    let accepted = verify_accepted(known, &About::from(&header), receipt).unwrap();
    let places = accepted.places().iter();
    places.map(|at| (at.contact.to_string(), at.mailbox.epoch, at.mailbox.count)).collect()
}

async fn begins_anew(engine: Engine) {
    let Older { open, fr, jp, at, kept, lost } = Older::on(engine).await;
    let why = look(&open).await.unwrap_err();
    assert!(matches!(why, CannotStart::Older(_)), "{why}");
    assert!(why.to_string().contains("gone for good, liaisond mailbox new-epoch"), "{why}");
    let before = open.copy();

    let needed = survey(&open, &Which::default()).await.unwrap();
    let told: Vec<_> = needed
        .iter()
        .map(|of| (of.contact.clone(), of.why, of.epoch, of.again, of.expired, of.lost.clone()))
        .collect();
    let number = |number| vec![Lost { first: number, last: number, message: None }];
    let expected = [
        (at.contact.clone(), Why::Behind, 2, 1, 0, number(2)),
        (jp.contact.clone(), Why::Behind, 2, 3, 1, number(5)),
    ];
    assert_eq!(told, expected);
    let named = Which { named: vec![fr.contact.clone()], ..Which::default() };
    let named = survey(&open, &named).await.unwrap();
    assert_eq!(named.iter().map(|of| of.why).collect::<Vec<_>>()[1], Why::Named);
    assert_eq!(survey(&open, &Which { all: true, ..Which::default() }).await.unwrap(), named);
    let nobody = Which { named: vec!["fr/nobody".parse().unwrap()], ..Which::default() };
    assert!(matches!(survey(&open, &nobody).await, Err(CannotStart::NoMailbox(_))));
    // The body of a message that the newer data has.
    let body = Bytes::from_static(b"it can still be found");
    open.blobs().put(Digest::of(&body), body).await.unwrap();
    assert_eq!(begin(&open, &Which::default()).await.unwrap(), needed);
    assert_eq!(open.blobs().list().await.unwrap().len(), 1, "it stays until it is served");
    look(&open).await.unwrap();
    assert!(survey(&open, &Which::default()).await.unwrap().is_empty());

    let net = again(open).await;
    assert_eq!(net.open.blobs().list().await.unwrap(), []);
    let mut reader = net.client(&jp.tls()).await;
    let replica = Replica::fold(&mut reader).await;
    let collected = replica.collect_epoch(&mut reader, (&jp.contact, 2)).await;
    let found: Vec<_> =
        collected.items.iter().map(|item| (item.number, item.kind, item.header.clone())).collect();
    let [first, second] = kept.each_ref().map(|sent| sent.envelope.header.clone());
    assert_eq!(found, [(1, 1, first.clone()), (2, 1, second), (3, 3, first)]);
    assert_eq!(collected.items[0].body, kept[0].envelope.body, "with all that it had");
    // Who stands at a number of the epoch before has everything of this one.
    let of_before = CollectRequest { after: 2, epoch: 1, ..CollectRequest::default() };
    let mut stream = reader.relay.collect(of_before).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().and_then(|answer| answer.item);
    assert_eq!(first, Some(Answer::Message(collected.items[0].clone())));
    drop(stream);
    let own = replica.collect(&mut net.client(&fr.tls()).await, &fr.contact).await;
    assert_eq!((own.mailbox.epoch, own.mailbox.count), (1, 2), "it lost nothing");

    let mut sender = net.client(&fr.tls()).await;
    let place = |of: &Party, epoch, number| (of.contact.to_string(), epoch, number);
    let status = GetStatusRequest { id: Bytes::copy_from_slice(id(&net, &kept[0]).as_bytes()) };
    let status = sender.relay.get_status(status).await.unwrap().into_inner();
    let both = [place(&at, 2, 1), place(&jp, 2, 1)];
    assert_eq!(places(&replica, &kept[0], &status.accepted), both);
    assert_eq!(status.acknowledgements.len(), 1);
    let offered = sender.submit(lost[0].envelope.clone()).await.unwrap();
    assert_eq!(places(&replica, &lost[0], &offered), [place(&jp, 2, 4)]);
    assert_eq!(sender.submit(lost[0].envelope.clone()).await.unwrap(), offered, "once");
    let offered = sender.submit(kept[1].envelope.clone()).await.unwrap();
    assert_eq!(places(&replica, &kept[1], &offered), [place(&jp, 2, 2)], "it has it");
    let expired = EXPIRES + 31 * DAY;
    drop((reader, sender));

    // What was delivered again expires where it is now, the acknowledgement with it.
    let open = closed(net).await;
    open.clock.set(expired + DAY);
    let net = again(open).await;
    soon("all that is due", settled(net.store.as_ref(), expired + DAY)).await;
    let mut reader = net.client(&jp.tls()).await;
    let gone = replica.collect_epoch(&mut reader, (&jp.contact, 2)).await.items;
    let gone: Vec<_> = gone.iter().map(|item| (item.kind, item.gone.is_empty())).collect();
    assert_eq!(gone, [(1, false), (1, false), (3, true), (1, false), (4, true)]);
    drop(reader);
    let open = closed(net).await;
    open.clock.set(expired + 31 * DAY);
    let net = again(open).await;
    soon("all that is due", settled(net.store.as_ref(), expired + 31 * DAY)).await;
    let entry = keys::of(&Key::Entry(jp.contact.clone(), 3));
    let found = net.store.read(std::slice::from_ref(&entry)).await.unwrap();
    let entry = found.value(&entry).map(|bytes| codec::entry(bytes).unwrap());
    assert!(matches!(entry, None | Some(liaison::domain::state::Entry::Gone(_))), "{entry:?}");

    // The new epochs are in the mark: the same older data once more is behind them.
    let open = closed(net).await;
    let report = looked_through(&open).await;
    assert!(report.is_whole(), "{:?}", report.faults);
    std::fs::copy(open.high_water(), before.high_water()).unwrap();
    assert!(matches!(look(&before).await, Err(CannotStart::Older(_))));
    let anew = survey(&before, &Which::default()).await.unwrap();
    assert!(anew.iter().all(|of| of.contact == fr.contact || of.epoch == 3), "{anew:?}");
}

#[tokio::test]
async fn mailboxes_begin_anew_on_older_data_and_lose_nothing_that_is_there_on_redb() {
    begins_anew(Engine::Redb).await;
}

#[tokio::test]
async fn mailboxes_begin_anew_on_older_data_and_lose_nothing_that_is_there_on_sled() {
    begins_anew(Engine::Sled).await;
}

/// What was shown and is missing stood in no mailbox: no new epoch brings that back, and none is begun.
#[tokio::test]
async fn a_store_that_went_back_beside_its_mailboxes_is_not_put_right_by_a_new_epoch() {
    let net = TestNet::on(Engine::Redb).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    send(&net, &fr, &[&jp]).await;
    let older = closed(net).await;
    let net = again(older.copy()).await;
    net.service.record("start", String::new()).await;
    let newer = closed(net).await;
    std::fs::copy(newer.high_water(), older.high_water()).unwrap();
    let is_older = |why: CannotStart| {
        let sentence = why.to_string();
        matches!(why, CannotStart::Older(_)) && sentence.contains("liaisond store mark")
    };
    assert!(is_older(look(&older).await.unwrap_err()));
    assert!(is_older(survey(&older, &Which::default()).await.unwrap_err()));
    assert!(is_older(begin(&older, &Which::default()).await.unwrap_err()));
    assert!(is_older(look(&older).await.unwrap_err()), "and it is not taken for the newest");
    // Whoever wants a new epoch all the same has it.
    let all = Which { all: true, ..Which::default() };
    assert_eq!(survey(&older, &all).await.unwrap().len(), 1);
}

/// A disk that fails from one sync on.
#[derive(Debug)]
struct FailsAt(AtomicU64);

impl Disk for FailsAt {
    fn sync(&self, file: &File) -> io::Result<()> {
        let left =
            self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match left {
            Ok(_) => Fdatasync.sync(file),
            Err(_) => Err(io::Error::other("this failure belongs to the test")),
        }
    }
}

/// All values of a store, not when they were written; and the mailboxes of the mark.
async fn contents(open: &Open) -> (BTreeMap<String, Bytes>, String) {
    let store = opened(open).await;
    let all = everything_in(store.as_ref()).await.into_iter();
    let all = all.map(|(key, value)| (key.rsplit_once(" at ").unwrap().0.to_owned(), value));
    let mark = Shown::read(&open.high_water()).unwrap().mark.unwrap();
    (all.collect(), format!("{:?}", mark.mailboxes))
}

async fn cut_at_every_sync(engine: Engine) {
    let Older { open, .. } = Older::on(engine).await;
    let copy = |disk: Arc<dyn Disk>| Open { disk, ..open.copy() };
    let whole = copy(Arc::new(Fdatasync));
    begin(&whole, &Which::default()).await.unwrap();
    let whole = contents(&whole).await;
    let mut cuts = 0;
    loop {
        let cut = copy(Arc::new(FailsAt(AtomicU64::new(cuts))));
        let began = async {
            let store = cut.place().open(NAME).await?;
            let settings = cut.settings();
            epochs::begin_anew(store, cut.blobs(), Open::keys(), settings, &Which::default()).await
        };
        if soon("an end", began).await.is_ok() {
            break;
        }
        // A stopped engine keeps its files. Whether the mark had come to where the store was or not: nothing is served, and the same
        // command comes to the same end.
        for mark in [cut.high_water(), open.high_water()] {
            let again = Open { disk: Arc::new(Fdatasync), ..cut.copy() };
            std::fs::copy(mark, again.high_water()).unwrap();
            match soon("a look", look(&again)).await {
                Err(CannotStart::Older(_) | CannotStart::Unfinished(_)) => {}
                Err(why) => panic!("{engine}, cut at sync {cuts}: {why}"),
                // The last commit was written, although its sync failed.
                Ok(()) => assert!(contents(&again).await.0 == whole.0, "{engine}, {cuts}"),
            }
            begin(&again, &Which::default()).await.unwrap();
            soon("a look", look(&again)).await.unwrap();
            assert!(contents(&again).await == whole, "{engine}, cut at sync {cuts}");
        }
        cuts += 1;
    }
    // Two mailboxes begin, and each has something delivered again.
    assert!(cuts >= 4, "{cuts}");
}

#[tokio::test]
async fn a_cut_at_any_commit_of_a_new_epoch_serves_nothing_and_is_finished_on_redb() {
    cut_at_every_sync(Engine::Redb).await;
}

#[tokio::test]
async fn a_cut_at_any_commit_of_a_new_epoch_serves_nothing_and_is_finished_on_sled() {
    cut_at_every_sync(Engine::Sled).await;
}

/// A copy from the middle of a new epoch that was served since: it has another history now.
#[tokio::test]
async fn a_new_epoch_that_was_served_since_is_not_finished_but_begun_anew() {
    let Older { open, fr, jp, .. } = Older::on(Engine::Redb).await;
    let mut cuts = 0;
    let cut = loop {
        let disk = Arc::new(FailsAt(AtomicU64::new(cuts)));
        let cut = Open { disk, ..open.copy() };
        let store = cut.place().open(NAME).await;
        if let Ok(store) = store {
            let (blobs, settings) = (cut.blobs(), cut.settings());
            let which = Which::default();
            drop(epochs::begin_anew(store, blobs, Open::keys(), settings, &which).await);
        }
        let cut = Open { disk: Arc::new(Fdatasync), ..cut.copy() };
        if let Err(CannotStart::Unfinished(of)) = look(&cut).await
            && of == jp.contact
        {
            break cut;
        }
        cuts += 1;
    };
    let newer = cut.copy();
    begin(&newer, &Which::default()).await.unwrap();
    let net = again(newer).await;
    for _ in 0..9 {
        send(&net, &fr, &[&jp]).await;
    }
    let newer = closed(net).await;
    std::fs::copy(newer.high_water(), cut.high_water()).unwrap();
    let anew = survey(&cut, &Which::default()).await.unwrap();
    let anew = anew.iter().find(|of| of.contact == jp.contact).unwrap();
    assert_eq!((anew.why, anew.epoch, anew.again), (Why::Behind, 3, 3));
    let missing = anew.shown.unwrap().count - 3;
    assert_eq!(anew.lost.iter().map(|of| of.last - of.first + 1).sum::<u64>(), missing);
    begin(&cut, &Which::default()).await.unwrap();
    look(&cut).await.unwrap();
    let net = again(cut).await;
    let mut reader = net.client(&jp.tls()).await;
    let replica = Replica::fold(&mut reader).await;
    let collected = replica.collect_epoch(&mut reader, (&jp.contact, 3)).await;
    assert_eq!(collected.items.len(), 3);
}

/// What salvage leaves: an entry or a message is gone, the mailbox is not behind.
#[tokio::test]
async fn a_damaged_mailbox_begins_anew_with_what_is_left_and_names_what_is_lost() {
    let net = TestNet::on(Engine::Redb).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let mut sent = Vec::new();
    for _ in 0..4 {
        sent.push(send(&net, &fr, &[&jp]).await);
    }
    let ids: Vec<_> = sent.iter().map(|sealed| id(&net, sealed)).collect();
    let open = closed(net).await;
    let store = open.place().open(NAME).await.unwrap();
    let entry = keys::of(&Key::Entry(jp.contact.clone(), 1));
    let message = keys::of(&Key::Message(ids[2], fr.contact.clone()));
    store.commit(Write::new([], [], [entry, message]).unwrap().into()).await.unwrap();
    drop(store);
    let lost = |number, message| Lost { first: number, last: number, message };
    let anew = begin(&open, &Which::default()).await.unwrap();
    let [Anew { contact, why: Why::Damaged, epoch: 2, again: 2, lost: told, .. }] = &anew[..]
    else {
        panic!("{anew:?}")
    };
    assert_eq!(*contact, jp.contact);
    assert_eq!(*told, [lost(1, None), lost(3, Some((ids[2], fr.contact.clone())))]);
    let net = again(open).await;
    let mut reader = net.client(&jp.tls()).await;
    let replica = Replica::fold(&mut reader).await;
    let collected = replica.collect_epoch(&mut reader, (&jp.contact, 2)).await;
    let headers: Vec<_> = collected.items.iter().map(|item| item.header.clone()).collect();
    assert_eq!(headers, [1, 3].map(|at: usize| sent[at].envelope.header.clone()));
    let mailbox = keys::of(&Key::Mailbox(jp.contact.clone()));
    let found = net.store.read(std::slice::from_ref(&mailbox)).await.unwrap();
    let stored = codec::decode(&Key::Mailbox(jp.contact), found.value(&mailbox).unwrap());
    assert_eq!(stored.unwrap(), Value::Mailbox(collected.mailbox));
}

/// A message that expires a minute later, and is gone for as long as its mailbox shows that.
async fn shrinks(net: TestNet, from: &Party, to: &Party) -> TestNet {
    let (replica, expires) = (net.replica(), net.open.ambient.now() + 60);
    let outside = Outside { expires: Some(expires), ..from.outside(&[to], &replica) };
    let sealed = from.seal(outside, &alert(""), &replica, &net.open.ambient);
    net.client(&from.tls()).await.submit(sealed.envelope).await.unwrap();
    // What was sent before it lives for a month, and is shown for another.
    let mut net = net;
    for days in [1, 32, 64] {
        net = at(expires + days * DAY, net).await;
    }
    begins(&net, to).await;
    net
}

/// A mailbox that begins late, and then anew; and one that began anew, and then begins late.
#[tokio::test]
async fn a_scrub_knows_where_a_mailbox_begins_in_each_epoch() {
    for engine in [Engine::Redb, Engine::Sled] {
        let net = TestNet::on(engine).await;
        let [fr, jp] = net.parties(["fr", "jp"]).await;
        let mut net = shrinks(net, &fr, &jp).await;
        for epoch in 2..4 {
            send(&net, &fr, &[&jp]).await;
            let mut open = closed(net).await;
            let report = looked_through(&open).await;
            assert!(report.is_whole(), "{engine:?} {epoch}: {:?}", report.faults);
            let began = begin(&open, &Which { all: true, ..Which::default() }).await.unwrap();
            let jps = began.iter().find(|anew| anew.contact == jp.contact).unwrap();
            assert_eq!((jps.epoch, jps.again), (epoch, 1));
            drop(opened(&open).await);
            let report = looked_through(&open).await;
            assert!(report.is_whole(), "{engine:?} {epoch}: {:?}", report.faults);
            open.clock_is_right = true;
            net = shrinks(again(open).await, &fr, &jp).await;
        }
        let open = closed(net).await;
        let report = looked_through(&open).await;
        assert!(report.is_whole(), "{engine:?}: {:?}", report.faults);
    }
}
