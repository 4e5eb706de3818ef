//! A seat's whole mailbox, with its home on a disk, that works for nobody.

use std::sync::Arc;

use bytes::Bytes;
use tempfile::TempDir;

use crate::client::address::Address;
use crate::client::connect::{ConnectError, Dial, Dialing, Proxies};
use crate::client::home::Home;
use crate::client::message::testing::{NAME, Net, opening_keys, seat, sign_key};
use crate::client::outbox::Request;
use crate::client::session;
use crate::office::asked::Question;
use crate::office::collect;
use crate::office::courier::SeatKeys;
use crate::office::mail::Mail;
use crate::office::told::{Face, Note, Watch, Work};
use crate::office::{Chosen, Office};
use crate::wire::v1;

use super::alone;

/// A mailbox, and its world.
pub(crate) struct Whole {
    pub(crate) mail: Mail,
    _dir: TempDir,
}

impl Whole {
    /// A seat that has the directory as it is now, and has collected nothing.
    pub(crate) fn of(net: &Net, of: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().to_owned());
        let replica = net.copy(&home);
        let dial = Arc::new(Nowhere);
        let to = session::Net { dial, proxies: Proxies::default(), ambient: net.ambient.clone() };
        let chosen = Chosen { directory: Some(NAME.parse().unwrap()), seat: Some(seat(of)) };
        let office = Office { home, net: to, chosen, face: Arc::new(Nobody) };
        let keys = SeatKeys::held(opening_keys(of, 1), sign_key(&format!("{of} sign")));
        let mail = Mail::with(&office, replica, (seat(of), keys)).unwrap();
        Self { mail, _dir: dir }
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
                collect::take_accepted(desk, outbox, (id, &accepted)).map(drop)
            };
            self.mail.at_desk(take).unwrap().unwrap();
        }
    }

    fn take(&mut self, items: &[v1::Item], head: &Bytes) {
        let boxes = (&self.mail.inbox, &self.mail.outbox);
        let taken = self.mail.at_desk(|desk| {
            collect::take_all(desk, boxes, items)?;
            collect::take_head(desk, boxes, (head, 0))
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

/// A face that hears nothing loses nothing.
struct Nobody;

impl Face for Nobody {
    fn hears(&self, _: Note) {}

    fn agrees(&self, _: &Question<'_>) -> bool {
        false
    }

    fn watches(&self) -> Box<dyn Watch> {
        Box::new(Self)
    }
}

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
