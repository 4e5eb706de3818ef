//! What had expired before it was collected, or before it was read: chained, told once, asked for no
//! more; and where a mailbox begins of which the first entries are forgotten.

use super::*;
use crate::client::message::receipt::{Link, NoBeginning};
use crate::office::inbox::Gone;

fn own() -> crate::domain::ids::ContactId {
    contact("fr/cert-fr")
}

/// What is left of an entry that has expired.
pub(crate) fn gone(item: &v1::Item) -> v1::Item {
    let link = Link::of(item).unwrap();
    let gone = Bytes::copy_from_slice(link.digest.as_bytes());
    v1::Item { number: item.number, kind: item.kind, gone, ..v1::Item::default() }
}

/// Where a mailbox stands after the first of these.
fn after(net: &Net, items: &[v1::Item]) -> Mailbox {
    let epoch = net.mailbox(&own()).epoch;
    let begins = Mailbox::of_epoch(net.directory.genesis(), &own(), epoch);
    let links = items.iter().map(|item| Link::of(item).unwrap());
    links.fold(begins, |mailbox, link| receipt::extend(&mailbox, &link).unwrap())
}

fn beginning(mailbox: Mailbox) -> v1::Beginning {
    let chain = Bytes::copy_from_slice(mailbox.chain.as_bytes());
    v1::Beginning { number: mailbox.count, chain, epoch: mailbox.epoch }
}

/// A mailbox of so many messages, and its head.
pub(crate) fn mailbox(net: &mut Net, count: usize) -> (Vec<v1::Item>, Bytes) {
    let at = Machine::new(net, AT);
    for _ in 0..count {
        at.notify(net);
    }
    net.collect(FR, 0)
}

fn single(number: u64) -> Gone {
    Gone { first: number, last: number, kind: Some(EntryKind::Addressed), lost: None }
}

fn why_not(error: InboxError) -> ChainError {
    match error {
        InboxError::Chain(why) => why,
        other => panic!("{other}"),
    }
}

#[test]
fn what_had_expired_is_chained_and_told_once() {
    let mut net = Net::new();
    // Its epoch is known with the first head.
    let fourth = Mailbox::of_epoch(net.directory.genesis(), &own(), 4);
    net.store.insert(Key::Mailbox(own()), Value::Mailbox(fourth));
    let (items, head) = mailbox(&mut net, 5);
    let mut paris = Machine::new(&net, FR);
    let come =
        [items[0].clone(), gone(&items[1]), gone(&items[2]), alone(&items[3]), gone(&items[4])];
    let taken = paris.at_desk(&net, |desk| collect::take_all(desk, paris.boxes(), &come)).unwrap();
    assert!(taken.iter().all(|taken| matches!(taken, Taken::Waiting)), "{taken:?}");
    assert_eq!(paris.inbox.gone_untold().unwrap(), [], "no head has signed for it");
    let taken = paris.take_head(&net, &head).unwrap();
    assert!(matches!(taken[..], [Taken::Message { .. }]), "{taken:?}");
    assert_eq!(paris.inbox.cursor().unwrap(), net.mailbox(&own()));
    let all = [2, 3, 5].map(single);
    assert_eq!(paris.inbox.gone_untold().unwrap(), all);
    assert_eq!(std::fs::read_dir(paris.dir.path().join("in/gone")).unwrap().count(), 2);
    paris.inbox.told_gone(5).unwrap();
    assert_eq!(
        (paris.inbox.gone_untold().unwrap(), paris.inbox.gone().unwrap()),
        (vec![], all.into())
    );
    // They are no messages, and not asked for; what is here stays as it was.
    assert_eq!(
        (paris.inbox.numbers().unwrap(), paris.inbox.unfetched().unwrap()),
        (vec![1, 4], vec![4])
    );
    paris.index.update(&paris.inbox).unwrap();
    let rows = |index: &Index| index.rows().iter().map(|row| row.number).collect::<Vec<_>>();
    assert_eq!(rows(&paris.index), [1, 4]);
    paris.again(&net, 1).unwrap();
    // Under their numbers no other entry is taken.
    assert!(matches!(paris.inbox.put(&items[1]).unwrap(), Put::Again(_)));
    for other in [
        gone(&v1::Item { number: 2, ..items[0].clone() }),
        v1::Item { number: 3, ..items[3].clone() },
    ] {
        let why = why_not(paris.inbox.put(&other).unwrap_err());
        assert!(matches!(why, ChainError::Rewritten { .. }), "{why}");
    }
    // What comes later goes on from there.
    let (items, head) = mailbox(&mut net, 1);
    paris.inbox.put_all(&[gone(&items[5])]).unwrap();
    assert_eq!(paris.inbox.gone_untold().unwrap(), []);
    paris.take_head(&net, &head).unwrap();
    assert_eq!(paris.inbox.gone_untold().unwrap(), [single(6)]);
}

/// Nobody shows another entry as one that is gone.
#[test]
fn a_gone_entry_that_is_none_is_caught_by_the_head() {
    let mut net = Net::new();
    let (items, head) = mailbox(&mut net, 2);
    let other = Bytes::copy_from_slice(Digest::of(b"another").as_bytes());
    for lie in
        [v1::Item { gone: other, ..gone(&items[0]) }, v1::Item { kind: 2, ..gone(&items[0]) }]
    {
        let paris = Machine::new(&net, FR);
        paris.inbox.put_all(&[lie, items[1].clone()]).unwrap();
        let why = paris.take_head(&net, &head).unwrap_err();
        assert!(
            matches!(&why, TakeError::Inbox(InboxError::Chain(ChainError::Differs { .. }))),
            "{why}"
        );
    }
    let paris = Machine::new(&net, FR);
    let cut = Bytes::from_static(&[7; 31]);
    let why =
        why_not(paris.inbox.put_all(&[v1::Item { gone: cut, ..gone(&items[0]) }]).unwrap_err());
    assert!(matches!(why, ChainError::NothingSigned { number: 1, .. }), "{why}");
}

#[test]
fn a_reader_begins_where_the_mailbox_does() {
    let mut net = Net::new();
    let fourth = Mailbox::of_epoch(net.directory.genesis(), &own(), 4);
    net.store.insert(Key::Mailbox(own()), Value::Mailbox(fourth));
    let (items, head) = mailbox(&mut net, 5);
    let begins = beginning(after(&net, &items[..3]));
    // One that is new, and one that was away when it had the first, and no head yet.
    for had in [0, 1] {
        let paris = Machine::new(&net, FR);
        paris.inbox.put_all(&items[..had]).unwrap();
        paris.inbox.go_on_behind(&begins).unwrap();
        // It is kept: whatever ends here, the next goes on from there.
        let (paris_inbox, _) = open(&net, FR, paris.dir.path());
        assert_eq!(paris_inbox.request(false).unwrap().after, 3);
        paris.inbox.put_all(&items[3..]).unwrap();
        let taken = paris.take_head(&net, &head).unwrap();
        assert_eq!(taken.len(), 2 + had, "{taken:?}");
        assert_eq!(paris.inbox.cursor().unwrap(), net.mailbox(&own()));
        if had > 0 {
            assert_eq!(paris.inbox.item(1).unwrap().place.mailbox, after(&net, &items[..1]));
            paris.again(&net, 1).unwrap();
        }
        let forgotten = Gone { first: had as u64 + 1, last: 3, kind: None, lost: None };
        assert_eq!(paris.inbox.gone_untold().unwrap(), [forgotten]);
        let index = Index::open(paris.dir.path(), &paris.inbox).unwrap();
        assert_eq!(index.rows().len(), 2 + had);
        // What was forgotten does not come again.
        let why = why_not(paris.inbox.put(&items[1]).unwrap_err());
        assert_eq!(why, ChainError::Gap { expected: 6, found: 2 });
    }
}

/// The relay's word is believed until its head, and no longer.
#[test]
fn a_beginning_that_is_none_is_refused_or_caught_by_the_head() {
    let mut net = Net::new();
    let (items, head) = mailbox(&mut net, 5);
    let third = after(&net, &items[..3]);
    let another = Mailbox { chain: Digest::of(b"another"), ..third };
    let caught = |had: usize, begins: Mailbox, then: &[v1::Item]| {
        let paris = Machine::new(&net, FR);
        paris.inbox.put_all(&items[..had]).unwrap();
        paris.inbox.go_on_behind(&beginning(begins)).unwrap();
        paris.inbox.put_all(then).map_err(TakeError::from)?;
        paris.take_head(&net, &head)
    };
    assert!(caught(0, third, &items[3..]).is_ok());
    assert!(caught(2, third, &items[3..]).is_ok(), "also in the middle of a stream");
    for had in [0, 2] {
        for (begins, then) in [
            // Another chain value, another number, one beyond all there is.
            (another, &items[3..]),
            (Mailbox { count: 4, ..third }, &items[4..]),
            (Mailbox { count: 9, ..third }, &[]),
            // Another epoch, which only the head can tell at first.
            (Mailbox { epoch: 2, ..third }, &items[3..]),
        ] {
            let why = caught(had, begins, then).unwrap_err();
            let TakeError::Inbox(InboxError::Chain(why)) = why else { panic!("{why}") };
            let evidence = match &why {
                ChainError::Differs { evidence, .. } => (evidence, begins.count < 5),
                ChainError::Count { evidence, .. } => (evidence, begins.count > 5),
                ChainError::Epoch { own: 2, found: 1, evidence } => (evidence, begins.epoch == 2),
                why => panic!("{why}"),
            };
            assert_eq!(evidence, (&head, true), "{why}");
        }
    }
    assert!(matches!(
        caught(0, Mailbox { count: 2, ..third }, &items[3..]),
        Err(TakeError::Inbox(InboxError::Chain(ChainError::Gap { expected: 3, found: 4 })))
    ));
}

/// Where the chain is known, it goes on from what is known.
#[test]
fn a_beginning_that_jumps_back_or_over_another_epoch_is_refused_and_kept() {
    let mut net = Net::new();
    let (items, head) = mailbox(&mut net, 5);
    let third = after(&net, &items[..3]);
    let paris = Machine::new(&net, FR);
    paris.inbox.put_all(&items).unwrap();
    paris.take_head(&net, &head).unwrap();
    let fifth = paris.inbox.cursor().unwrap();
    let cut = v1::Beginning { chain: Bytes::from_static(&[7; 31]), ..beginning(third) };
    for (begins, why) in [
        (beginning(third), NoBeginning::Known { own: 5 }),
        (beginning(fifth), NoBeginning::Known { own: 5 }),
        (
            beginning(Mailbox { count: 9, epoch: 2, ..third }),
            NoBeginning::Epoch { own: 1, found: 2 },
        ),
        (v1::Beginning { epoch: 0, ..beginning(third) }, NoBeginning::NoPlace),
        (cut, NoBeginning::NoPlace),
    ] {
        let number = begins.number;
        let found = why_not(paris.inbox.go_on_behind(&begins).unwrap_err());
        assert_eq!(found, ChainError::Beginning { number, why });
        let kept = paris.dir.path().join(format!("in/disputed/beginning-{number}"));
        assert_eq!(std::fs::read(kept).unwrap(), begins.encode_to_vec());
    }
    assert_eq!((paris.inbox.cursor().unwrap(), paris.inbox.gone().unwrap()), (fifth, vec![]));
    assert!(paris.take_head(&net, &head).is_ok());
    // Of a new reader, too, once an earlier beginning has told the epoch.
    let new = Machine::new(&net, FR);
    new.inbox.go_on_behind(&beginning(third)).unwrap();
    let other = beginning(Mailbox { count: 4, epoch: 2, ..third });
    let why = why_not(new.inbox.go_on_behind(&other).unwrap_err());
    assert_eq!(
        why,
        ChainError::Beginning { number: 4, why: NoBeginning::Epoch { own: 1, found: 2 } }
    );
}

/// Numbers are counted on; a beginning is of the epoch that a head has told.
#[test]
fn in_another_epoch_what_is_gone_is_counted_on_and_told_once() {
    let mut net = Net::new();
    let paris = Machine::new(&net, FR);
    let (items, head) = mailbox(&mut net, 3);
    let come = [items[0].clone(), gone(&items[1]), alone(&items[2])];
    paris.inbox.put_all(&come).unwrap();
    paris.take_head(&net, &head).unwrap();
    paris.inbox.told_gone(2).unwrap();
    let second = Mailbox::of_epoch(net.directory.genesis(), &own(), 2);
    net.store.insert(Key::Mailbox(own()), Value::Mailbox(second));
    let (items, head) = mailbox(&mut net, 5);
    let begins = after(&net, &items[..2]);
    let begins = |epoch| beginning(Mailbox { epoch, ..begins });
    let refused = |epoch, own| {
        let why = why_not(paris.inbox.go_on_behind(&begins(epoch)).unwrap_err());
        let no = NoBeginning::Epoch { own, found: epoch };
        assert_eq!(why, ChainError::Beginning { number: 2, why: no });
    };
    paris.inbox.begin_anew(2).unwrap();
    refused(1, 2);
    refused(3, 2);
    paris.inbox.go_on_behind(&begins(2)).unwrap();
    assert_eq!(paris.inbox.request(false).unwrap().after, 2);
    let come = [gone(&items[2]), items[3].clone(), alone(&items[4])];
    let taken = paris.at_desk(&net, |desk| collect::take_all(desk, paris.boxes(), &come)).unwrap();
    assert!(matches!(taken[..], [Taken::Waiting, Taken::Waiting, Taken::Waiting]), "{taken:?}");
    drop(paris.inbox.lock().unwrap());
    assert_eq!(paris.inbox.gone_untold().unwrap(), [], "no head has signed for it");
    let taken = paris.take_head(&net, &head).unwrap();
    assert!(matches!(&taken[..], [Taken::Message { place, .. }] if place.mailbox.count == 7));
    assert_eq!(paris.inbox.cursor().unwrap(), net.mailbox(&own()));
    let forgotten = Gone { first: 4, last: 5, kind: None, lost: None };
    assert_eq!(paris.inbox.gone_untold().unwrap(), [forgotten.clone(), single(6)]);
    assert_eq!(paris.inbox.gone().unwrap(), [single(2), forgotten, single(6)]);
    paris.inbox.told_gone(6).unwrap();
    assert_eq!(paris.inbox.gone_untold().unwrap(), []);
    // What stood in the epoch before is not asked for any more.
    assert_eq!(
        (paris.inbox.numbers().unwrap(), paris.inbox.unfetched().unwrap()),
        (vec![1, 3, 7, 8], vec![8])
    );
    // What was forgotten does not come again, and nothing has the number 0.
    for (found, item) in [(1, &items[0]), (0, &v1::Item { number: 0, ..items[0].clone() })] {
        let come = paris.inbox.numbered(std::slice::from_ref(item)).unwrap();
        let why = why_not(paris.inbox.put(&come[0]).unwrap_err());
        assert_eq!(why, ChainError::Gap { expected: 6, found });
    }
}

#[test]
fn what_expired_before_it_was_read_is_not_asked_for_again_nor_receipted() {
    let mut net = Net::new();
    let (items, head) = mailbox(&mut net, 3);
    let mut paris = Machine::new(&net, FR);
    let forged = Envelope::parse(&items[2].header, 1 << 14).unwrap().payload().to_vec();
    let signed = Envelope::sign(
        Kind::Header,
        forged,
        &[&sign_key("pt/cert-pt/duty-1 sign")],
        net.ambient.random(),
    );
    let forged = v1::Item { header: signed.unwrap().bytes().clone(), ..alone(&items[2]) };
    paris.inbox.put_all(&[items[0].clone(), alone(&items[1]), forged]).unwrap();
    paris.take_head(&net, &head).unwrap();
    let receipts = paris.outbox.ids().unwrap();
    let expire = |net: &Net, number| {
        paris.at_desk(net, |desk| collect::expire(desk, &paris.inbox, number)).unwrap()
    };
    // By its header it has not: it may come yet.
    assert!(matches!(expire(&net, 2), Taken::NotExpired));
    assert_eq!(paris.inbox.unfetched().unwrap(), [2, 3]);
    net.ambient = testlog::ambient_at(net.ambient.now() + limits::MESSAGE_SECONDS);
    assert!(matches!(expire(&net, 1), Taken::Already), "that is here");
    assert!(matches!(expire(&net, 2), Taken::Expired(place) if place.mailbox.count == 2));
    assert!(matches!(expire(&net, 2), Taken::Already));
    assert!(matches!(expire(&net, 3), Taken::NotOpened { header: None, .. }));
    assert_eq!(
        (paris.inbox.unfetched().unwrap(), paris.inbox.alone().unwrap()),
        (vec![], vec![2, 3])
    );
    paris.index.update(&paris.inbox).unwrap();
    assert_eq!(paris.index.row(2).unwrap().how(), Some(How::Expired));
    // With a later head neither.
    assert!(paris.take_head(&net, &head).unwrap().is_empty());
    assert_eq!(paris.outbox.ids().unwrap(), receipts);
    paris.again(&net, 1).unwrap();
}

/// What came spoilt, and has expired when it is asked for again, stays as it came.
#[test]
fn what_came_spoilt_and_has_expired_is_asked_for_no_more() {
    let mut net = Net::new();
    let (items, head) = mailbox(&mut net, 2);
    let paris = Machine::new(&net, FR);
    let unsigned = |item: &v1::Item| {
        let mut dsse = proto::Dsse::decode(item.header.clone()).unwrap();
        dsse.signatures.clear();
        v1::Item { header: dsse.encode_to_vec().into(), ..item.clone() }
    };
    for item in &items {
        paris.inbox.put(&unsigned(item)).unwrap();
    }
    paris.take_head(&net, &head).unwrap();
    assert_eq!(paris.inbox.asked_again().unwrap(), [1, 2]);
    // It is gone, or forgotten.
    paris.take(&net, &gone(&items[0])).unwrap();
    paris.at_desk(&net, |desk| collect::expire(desk, &paris.inbox, 2)).unwrap();
    assert_eq!(paris.inbox.asked_again().unwrap(), [0; 0]);
    assert_eq!(
        [1, 2].map(|number| paris.inbox.how(number).unwrap()),
        [(); 2].map(|()| Some(How::Expired))
    );
}

/// The power goes after each thing that is done to the disk.
#[test]
fn wherever_collecting_behind_a_beginning_ends_the_next_goes_on() {
    let mut net = Net::new();
    let (items, head) = mailbox(&mut net, 4);
    let begins = beginning(after(&net, &items[..1]));
    let come = [gone(&items[1]), gone(&items[2]), alone(&items[3])];
    for some in 0.. {
        let paris = Machine::new(&net, FR);
        let collect = |at_once| -> Result<(), TakeError> {
            let _lock = paris.inbox.lock()?;
            let after = paris.inbox.request(false)?.after;
            if after < begins.number {
                paris.inbox.go_on_behind(&begins)?;
            }
            let rest = come.iter().filter(|item| item.number > after).cloned();
            let rest = rest.collect::<Vec<_>>();
            rest.chunks(at_once).try_for_each(|some| paris.inbox.put_all(some))?;
            paris.take_head(&net, &head).map(drop)
        };
        let done = faults::after(some, || collect(3)).is_ok();
        // What was half there comes again, and in another form.
        collect(1).unwrap();
        assert_eq!(paris.inbox.cursor().unwrap(), net.mailbox(&own()), "{some}");
        let forgotten = Gone { first: 1, last: 1, kind: None, lost: None };
        assert_eq!(paris.inbox.gone_untold().unwrap(), [forgotten, single(2), single(3)], "{some}");
        if done {
            assert!(some > 10, "{some}");
            break;
        }
    }
}
