//! A seat's whole mailbox, with its home on a disk, and nobody there who could answer.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tempfile::TempDir;

use crate::ambient::Ambient;
use crate::client::address::Address;
use crate::client::home::Home;
use crate::client::outbox::Request;
use crate::client::reach::connect::{ConnectError, Dial, Dialing, Proxies};
use crate::client::reach::session;
use crate::office::asked::Question;
use crate::office::collect;
use crate::office::courier::SeatKeys;
use crate::office::mail::Mail;
use crate::office::told::{Face, Note, Watch, Work};
use crate::office::{Chosen, Machine, Office};
use crate::wire::v1;
use crate::world::clock::At;
use crate::world::relay::{NAME, Net, opening_keys, seat, sign_key};

use super::alone;

/// A mailbox, and its world.
pub(crate) struct Whole {
    pub(crate) mail: Mail,
    told: Arc<Told>,
    _dir: TempDir,
}

impl Whole {
    /// A seat that has the directory as it is now, and has collected nothing.
    pub(crate) fn of(net: &Net, of: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().to_owned());
        let (replica, told) = (net.copy(&home), Arc::new(Told::default()));
        let mut office = office(net, home, told.clone());
        office.chosen.seat = Some(seat(of));
        let keys = SeatKeys::held(opening_keys(of, 1), sign_key(&format!("{of} sign")));
        let mail = Mail::with(&office, replica, (seat(of), keys)).unwrap();
        Self { mail, told, _dir: dir }
    }

    /// The same, whose copy of the directory was synced so long ago, in seconds.
    pub(crate) fn synced_before(net: &Net, of: &str, ago: u64) -> Self {
        let mut then = net.clone();
        then.ambient = net.ambient.clone().with_clock(Arc::new(At(net.ambient.now() - ago)));
        let mut whole = Self::of(&then, of);
        whole.mail.office.net.ambient = net.ambient.clone();
        whole
    }

    /// Brings its copy of the directory up to date; its second seal key is at hand.
    pub(crate) fn sync(&mut self, net: &Net) {
        let mut replica = self.mail.office.replica().unwrap();
        let after = usize::try_from(replica.entries()).unwrap();
        replica.append(&net.entries[after..]).unwrap();
        replica.confirm(&net.checkpoint_at(net.tree.size()), net.ambient.now()).unwrap();
        let of = self.mail.seat.clone();
        let sign = sign_key(&format!("{of} sign"));
        let keys = SeatKeys::held(opening_keys(of.as_str(), 2), sign);
        self.mail = Mail::with(&self.mail.office, replica, (of, keys)).unwrap();
    }

    /// What was told since this was asked last.
    pub(crate) fn told(&self) -> Vec<Note> {
        std::mem::take(&mut *self.told.0.lock().unwrap())
    }

    /// Collects what there is at the relay, each with its body.
    pub(crate) fn collect(&mut self, net: &Net) {
        let after = self.mail.inbox.request(false).unwrap().after;
        let (items, head) = net.collect(self.mail.seat.as_str(), after);
        self.take(&items, &head);
    }

    /// Hands in what waits.
    pub(crate) fn hand_in(&self, net: &mut Net) {
        let outbox = &self.mail.outbox;
        for id in outbox.pending().unwrap() {
            let accepted = match outbox.request(id).unwrap() {
                Request::Submit(request) => net.submit(&request.envelope.unwrap()).unwrap(),
                Request::Acknowledge(request) => {
                    net.acknowledge(&self.mail.seat.contact(), &request).unwrap()
                }
            };
            let take = |desk: &collect::Desk<'_>| {
                collect::take_accepted(desk, outbox, id, &accepted).map(drop)
            };
            self.mail.at_desk(take).unwrap().unwrap();
        }
    }

    /// Takes what came, and the relay's head over it.
    pub(crate) fn take(&mut self, items: &[v1::Item], head: &Bytes) {
        let boxes = self.mail.boxes();
        let taken = self.mail.at_desk(|desk| {
            collect::take_all(desk, boxes, items)?;
            collect::take_head(desk, boxes, head, 0)
        });
        taken.unwrap().unwrap();
        self.mail.update().unwrap();
    }

    /// The same by headers alone.
    pub(crate) fn collect_headers(&mut self, net: &Net) {
        let after = self.mail.inbox.request(false).unwrap().after;
        let (mut items, head) = net.collect(self.mail.seat.as_str(), after);
        items.iter_mut().for_each(|item| *item = alone(item));
        self.take(&items, &head);
    }
}

/// A home at work that names no seat, and reaches nobody.
pub(crate) fn office(net: &Net, home: Home, face: Arc<dyn Face>) -> Office {
    office_at(net.ambient.clone(), home, face)
}

/// The same, with this clock and randomness.
pub(crate) fn office_at(ambient: Ambient, home: Home, face: Arc<dyn Face>) -> Office {
    let (dial, proxies) = (Arc::new(Nowhere), Proxies::default());
    let chosen = Chosen { directory: Some(NAME.parse().unwrap()), seat: None };
    Office::on(Machine { home, net: session::Net { dial, proxies, ambient } }, chosen, face)
}

/// What a face heard that never says yes.
#[derive(Default)]
pub(crate) struct Told(Mutex<Vec<Note>>);

impl Face for Told {
    fn hears(&self, note: Note) {
        self.0.lock().unwrap().push(note);
    }

    fn agrees(&self, _: &Question<'_>) -> bool {
        false
    }

    fn watches(&self) -> Box<dyn Watch> {
        Box::new(Nobody)
    }
}

struct Nobody;

impl Watch for Nobody {
    fn shows(&mut self, _: Work, _: u64, _: u64) {}
}

struct Nowhere;

impl Dial for Nowhere {
    fn dial<'a>(&'a self, address: &'a Address) -> Dialing<'a> {
        let source = Arc::new(std::io::Error::other("nobody is there"));
        let why = ConnectError::Tcp { address: address.clone(), source };
        Box::pin(async { Err(why) })
    }
}
