//! A directory of three members with seats, and a relay that runs the domain's own decisions.
//!
//! In scope: what is published, sealed, handed in, acknowledged and collected there, and what a relay that lies puts
//! into a mailbox. Invariants: what the rules decide is asked of them; what is logged is of the year 1970, and what is
//! sent of the clock that the test sets (`ambient`).

use std::collections::BTreeMap;
use std::ops::Deref;

use bytes::Bytes;
use liaison::ambient::Ambient;
use liaison::client::home::Home;
use liaison::client::invitation::Invitation;
use liaison::client::message::compose::{Outside, Sealed, compose};
use liaison::client::message::content::{Inside, Writing};
use liaison::client::message::open::{self, NotOpened, Opened, Reader, Received};
use liaison::client::message::receipt::{Place, verify_head};
use liaison::client::replica::Replica;
use liaison::crypto::hash::Digest;
use liaison::crypto::seal::OpeningKey;
use liaison::crypto::sign::{KeyId, SigningKey};
use liaison::domain::command::{Clock, Command, World};
use liaison::domain::commands::acknowledge::Acknowledge;
use liaison::domain::commands::submit::Submit;
use liaison::domain::directory::{Directory, Statement};
use liaison::domain::ids::{ContactId, MessageId, SeatId};
use liaison::domain::refusal::Refusal;
use liaison::domain::relay::acknowledge;
use liaison::domain::relay::addressing::{Recipient, name_of};
use liaison::domain::relay::{envelope, share::Grants};
use liaison::domain::state::{
    Body, Entry, EntryKind, Key, Mailbox, Message, Shown, Snapshot, Value,
};
use liaison::domain::view::View;
use liaison::signed::dsse::{Envelope, Kind};
use liaison::signed::proto::{self, Class, Level};
use liaison::tlog::merkle::{Tree, leaf_hash};
use liaison::wire::v1;
use prost::Message as _;

use super::keys::public;
use super::log::Log;
use super::statements::{self, Says, note, seat_with, setting, sign, sign_with, text};

pub(crate) use super::keys::{key as sign_key, opening as seal_key};
pub(crate) use super::statements::NAME;

pub(crate) const AT: &str = "at/cert-at/duty-1";
pub(crate) const FR: &str = "fr/cert-fr/duty-1";
pub(crate) const FR_2: &str = "fr/cert-fr/duty-2";
pub(crate) const PT: &str = "pt/cert-pt/duty-1";

pub(crate) fn seat(text: &str) -> SeatId {
    text.parse().unwrap()
}

pub(crate) fn contact(text: &str) -> ContactId {
    text.parse().unwrap()
}

/// The keys that a seat has: those of its rosters up to this version.
pub(crate) fn opening_keys(of: &str, versions: u64) -> Vec<OpeningKey> {
    (1..=versions).map(|version| seal_key(&format!("{of} seal {version}"))).collect()
}

/// Who signs for the member of a contact or seat.
fn authority_of(id: &str) -> String {
    format!("{} authority", id.split('/').next().unwrap())
}

/// A log, and the relay beside it.
#[derive(Clone)]
pub(crate) struct Net {
    pub(crate) log: Log<&'static str>,
    /// Over the entries of the log, as its service keeps it.
    pub(crate) tree: Tree,
    pub(crate) ambient: Ambient,
    pub(crate) store: BTreeMap<Key, Value>,
    /// Of the relay.
    pub(crate) clock: Clock,
    pub(crate) grants: Grants,
}

impl Deref for Net {
    type Target = Log<&'static str>;

    fn deref(&self) -> &Self::Target {
        &self.log
    }
}

impl Net {
    /// at, fr and pt with two seats each; ie is only listed; es has no seats.
    pub(crate) fn new() -> Self {
        let registrar = statements::person_with("alice", "registrar", "registrar tls");
        let registrar = proto::Person { name: "Alice".to_owned(), ..registrar };
        let charter = proto::Charter {
            issued_at: 1000,
            service_ca: vec![Bytes::from_static(b"certificate")],
            ..statements::founding(vec![registrar], 1)
        };
        let charter = charter.proven().encode_to_vec();
        let log = Log::begun(&sign(Kind::Charter, charter, &["registrar"]), "log", 1000);
        let (tree, ambient, clock) = (log.tree(), Ambient::system(), Clock::Settled);
        let (store, grants) = (BTreeMap::new(), Grants::default());
        let mut net = Self { log, tree, ambient, store, clock, grants };
        for member in ["at", "es", "fr", "ie", "pt"] {
            net.admit(member);
        }
        for member in ["at", "fr", "pt"] {
            net.roster(&format!("{member}/cert-{member}"), 1, &["duty-1", "duty-2"]);
        }
        net
    }

    pub(crate) fn publish(&mut self, statement: &Statement, key: &SigningKey) {
        let statement = sign_with(statement.kind(), statement.encode(), &[key]);
        self.log.add(&statement).unwrap();
        self.tree = self.log.tree();
    }

    /// Signed by the key of this name, with a proof of every key of ours.
    fn say(&mut self, mut says: impl Says, signer: &str) {
        *says.issued_at() = 1000;
        self.publish(&says.proven().statement(), &sign_key(signer));
    }

    /// A copy of its directory, in a home that has joined it.
    pub(crate) fn copy(&self, home: &Home) -> Replica {
        let addresses = vec!["relay.example".to_owned()];
        let invitation = v1::Invitation { addresses, ..self.log.invitation() };
        home.join(&Invitation::check(invitation).unwrap()).unwrap();
        let mut replica = Replica::open(home, &NAME.parse().unwrap()).unwrap();
        replica.append(&self.entries).unwrap();
        replica.confirm(&self.checkpoint(), self.ambient.now()).unwrap();
        replica
    }

    pub(crate) fn admit(&mut self, member: &str) {
        self.admit_at(member, &[Level::Technical]);
    }

    /// A member whose one contact has these levels.
    pub(crate) fn admit_at(&mut self, member: &str, levels: &[Level]) {
        let listed_only = member == "ie";
        let authority = (!listed_only).then(|| public(&authority_of(member)));
        let admission = proto::Admission {
            names: vec![text("en", member)],
            threshold: u32::from(!listed_only),
            authority: authority.into_iter().collect(),
            ..statements::admission(member)
        };
        self.say(admission.next_in(&self.directory), "registrar");
        let id = format!("{member}/cert-{member}");
        if listed_only {
            let record = proto::AttestedRecord {
                expires: 2000,
                levels: levels.iter().map(|level| i32::from(*level)).collect(),
                purposes: Vec::new(),
                names: vec![text("en", &id)],
                note: Some(proto::Note { reference: "NV/1".to_owned(), date: 1, ..note() }),
                ..statements::attested(&id)
            };
            self.say(record.next_in(&self.directory), "registrar");
        } else {
            self.record(&id, 1, levels);
        }
    }

    /// A newer record of a contact, with these levels.
    pub(crate) fn record(&mut self, id: &str, version: u64, levels: &[Level]) {
        let record = proto::Record {
            expires: 2000,
            levels: levels.iter().map(|level| i32::from(*level)).collect(),
            purposes: Vec::new(),
            names: vec![text("en", id)],
            ..statements::record(id)
        };
        self.say(record.versioned(&self.directory, version), &authority_of(id));
    }

    /// A roster: the seal keys are those of the version, the others stay.
    pub(crate) fn roster(&mut self, id: &str, version: u64, seats: &[&str]) {
        self.roster_signing(id, version, seats, "sign");
    }

    /// The same, with the sign keys of this name.
    pub(crate) fn roster_signing(&mut self, id: &str, version: u64, seats: &[&str], sign: &str) {
        let seats = seats.iter().map(|name| {
            let of = |what: &str| format!("{id}/{name} {what}");
            seat_with(name, &of(sign), &of(&format!("seal {version}")), &of("tls"))
        });
        self.roster_of(id, version, seats.collect());
    }

    /// A roster of these seats, whatever their keys are.
    pub(crate) fn roster_of(&mut self, id: &str, version: u64, seats: Vec<proto::Seat>) {
        let roster = statements::roster(id, seats);
        self.say(roster.versioned(&self.directory, version), &authority_of(id));
    }

    /// The end of a seat's sign key, by the authority.
    pub(crate) fn revoke_sign_key(&mut self, of: &str) {
        self.revoke(of, &sign_key(&format!("{of} sign")).public().id());
    }

    /// The end of this key of a seat, by the authority.
    pub(crate) fn revoke(&mut self, of: &str, key: &KeyId) {
        let reason = proto::Reason::Compromised.into();
        let revocation = proto::Revocation { reason, ..statements::revocation(of, [*key]) };
        self.say(revocation.next_in(&self.directory), &authority_of(of));
    }

    /// The end of a contact, by the authority.
    pub(crate) fn withdraw(&mut self, id: &str, version: u64) {
        let withdrawal = statements::withdrawal(id);
        self.say(withdrawal.versioned(&self.directory, version), &authority_of(id));
    }

    /// A charter with rules that this program does not know. Gives the directory as it stands still
    /// then: the net goes on.
    pub(crate) fn newer_rules(&mut self) -> Directory {
        self.next_charter(|charter| charter.rules = liaison::domain::directory::RULES + 1);
        self.directory.clone()
    }

    /// The next charter, with these relay keys.
    pub(crate) fn charter(&mut self, relay: &[&str]) {
        self.next_charter(|charter| charter.relay = relay.iter().map(public).collect());
    }

    /// The next charter, with these settings.
    pub(crate) fn policy(&mut self, settings: &[(&str, u64)]) {
        self.next_charter(|charter| {
            charter.policy = settings.iter().map(|(name, value)| setting(name, *value)).collect();
        });
    }

    /// The next charter, with this changed.
    pub(crate) fn next_charter(&mut self, change: impl FnOnce(&mut proto::Charter)) {
        let mut charter = statements::next_charter(&self.directory);
        change(&mut charter);
        self.say(charter, "registrar");
    }

    pub(crate) fn view(&self) -> View {
        let size = self.directory.size();
        View { size, root: self.tree.root_at(size).unwrap() }
    }

    pub(crate) fn outside(&self, from: &str, to: &[&str]) -> Outside {
        let recipients = to.iter().map(|to| Recipient::new(contact(to), Level::Technical));
        Outside::new(seat(from), recipients.collect(), Class::Notification, self.view())
    }

    pub(crate) fn seal(&self, outside: Outside, inside: &Inside) -> Sealed {
        let key = sign_key(&format!("{} sign", outside.sender));
        compose(&self.directory, outside, inside, &key, &self.ambient).unwrap()
    }

    /// A notification from at to fr and pt.
    pub(crate) fn notification(&self) -> Sealed {
        self.seal(self.outside(AT, &["pt/cert-pt", "fr/cert-fr"]), &notification(0))
    }

    // The relay.

    pub(crate) fn decide<C: Command>(&mut self, command: &C) -> Result<C::Reply, Refusal> {
        let mut seen = Snapshot::default();
        let named = command.keys();
        for key in &named {
            seen.insert(key.clone(), self.store.get(key).cloned());
        }
        let now = self.ambient.now();
        let size = self.tree.size();
        let head = View { size, root: self.tree.root_at(size).unwrap() };
        let (directory, log, seen) = (&self.directory, &self.tree, seen.named(&named));
        let (grants, clock) = (self.grants, self.clock);
        let world = World { directory, log, seen, head, grants, now, clock };
        let decision = command.decide(&world)?;
        self.store.extend(decision.puts);
        decision.deletes.iter().for_each(|key| drop(self.store.remove(key)));
        Ok(decision.reply)
    }

    pub(crate) fn relay_signs(&self, kind: Kind, payload: Vec<u8>) -> Bytes {
        sign(kind, payload, &["relay"])
    }

    pub(crate) fn submit(&mut self, sealed: &v1::Envelope) -> Result<Bytes, Refusal> {
        self.submit_by(None, sealed)
    }

    /// The same by a seat of this contact; by the sender's own, if none is named.
    pub(crate) fn submit_by(
        &mut self,
        caller: Option<ContactId>,
        sealed: &v1::Envelope,
    ) -> Result<Bytes, Refusal> {
        let (body, letters) = (sealed.body.clone(), &sealed.letters);
        let envelope = envelope::verify(&self.directory, &sealed.header, body, letters)?;
        let own = envelope.header().addressing().sender.contact();
        let payload = self.decide(&Submit::new(caller.unwrap_or(own), envelope))?;
        Ok(self.relay_signs(Kind::Accepted, payload.to_vec()))
    }

    pub(crate) fn acknowledge(
        &mut self,
        by: &ContactId,
        request: &v1::AcknowledgeRequest,
    ) -> Result<Bytes, Refusal> {
        let open = acknowledge::verify(&self.directory, &request.acknowledgement)?;
        let words = request.words.clone().unwrap();
        let words = envelope::verify(&self.directory, &words.header, words.body, &words.letters)?;
        let entry = self.shown(by, request.number);
        let (id, sender) = (entry.id, entry.sender.clone());
        let payload = self.decide(&Acknowledge::new(by.clone(), open, id, sender, words))?;
        Ok(self.relay_signs(Kind::Accepted, payload.to_vec()))
    }

    pub(crate) fn status(&self, id: MessageId, of: &ContactId) -> v1::GetStatusResponse {
        let Some(Value::Message(message)) = self.store.get(&Key::Message(id, of.clone())) else {
            panic!("no such message")
        };
        let accepted = self.relay_signs(Kind::Accepted, message.accepted.to_vec());
        let acknowledgements = match self.store.get(&Key::Outcome(id, of.clone())) {
            Some(Value::Outcome(outcome)) => outcome.acknowledgements.clone(),
            _ => vec![],
        };
        v1::GetStatusResponse { accepted, acknowledgements }
    }

    /// What a seat collects: the entries after a number, and the head.
    pub(crate) fn collect(&self, seat: &str, after: u64) -> (Vec<v1::Item>, Bytes) {
        let own = self::seat(seat);
        let mailbox = self.mailbox(&own.contact());
        let items = (after + 1..=mailbox.count).map(|number| {
            let entry = self.shown(&own.contact(), number);
            let key = Key::Message(entry.id, entry.sender.clone());
            let Some(Value::Message(message)) = self.store.get(&key) else { panic!("no message") };
            let Body::Inline(body) = &message.body else { panic!("a blob") };
            let sealed = v1::Envelope {
                header: message.header.clone(),
                body: body.clone(),
                letters: message.letters.clone(),
            };
            let item = item(&sealed, seat);
            let acknowledged = entry.kind.carries();
            v1::Item {
                number,
                kind: entry.kind.byte().into(),
                acknowledgement: entry.acknowledgement.clone(),
                body: if acknowledged { Bytes::new() } else { item.body.clone() },
                ..item
            }
        });
        (items.collect(), self.head(&own.contact(), mailbox))
    }

    /// Puts a message into a mailbox without asking the rules: as a later relay would, or one that
    /// lies.
    pub(crate) fn put(&mut self, of: &ContactId, sealed: &v1::Envelope) {
        self.put_as(EntryKind::Addressed, of, sealed);
    }

    /// The same as an entry of this kind: addressed, or released to it.
    pub(crate) fn put_as(&mut self, kind: EntryKind, of: &ContactId, sealed: &v1::Envelope) {
        let header = Envelope::parse(&sealed.header, 1 << 20).unwrap();
        let read = proto::Header::decode(header.payload().clone()).unwrap();
        let addressing = proto::Addressing::decode(read.addressing).unwrap();
        let id = MessageId::try_from(&addressing.id[..]).unwrap();
        let sender = addressing.sender.parse::<SeatId>().unwrap().contact();
        let mailbox = self.mailbox(of).append(kind, header.digest());
        let entry = Shown {
            kind,
            header_digest: header.digest(),
            id,
            sender: sender.clone(),
            acknowledgement: Bytes::new(),
        };
        let message = Message {
            header: sealed.header.clone(),
            body: Body::Inline(sealed.body.clone()),
            letters: sealed.letters.clone(),
            accepted: Bytes::new(),
        };
        self.show(of, mailbox, entry);
        self.store.insert(Key::Message(id, sender), Value::Message(Box::new(message)));
    }

    /// A colleague's acknowledgement of the message at a number, without asking the rules.
    pub(crate) fn put_acknowledgement(&mut self, of: &ContactId, number: u64, open: &Envelope) {
        let about = self.shown(of, number);
        let kind = EntryKind::Acknowledged;
        let mailbox = self.mailbox(of).append(kind, open.digest());
        let entry = Shown { kind, acknowledgement: open.bytes().clone(), ..about };
        self.show(of, mailbox, entry);
    }

    /// An entry of a kind that only a later relay writes.
    pub(crate) fn put_later(&mut self, of: &ContactId, kind: u8, dsse: &proto::Dsse) {
        let before = self.mailbox(of);
        let kind = EntryKind::of_byte(kind).unwrap();
        let mailbox = before.append(kind, Digest::of(&dsse.payload));
        // Beside whatever message came last.
        let last = self.shown(of, before.count);
        let acknowledgement = dsse.encode_to_vec().into();
        let entry = Shown { kind, acknowledgement, ..last };
        self.show(of, mailbox, entry);
    }

    fn shown(&self, of: &ContactId, number: u64) -> Shown {
        match self.store.get(&Key::Entry(of.clone(), number)) {
            Some(Value::Entry(Entry::Shown(shown))) => shown.clone(),
            other => panic!("expected an entry that shows something, found {other:?}"),
        }
    }

    fn show(&mut self, of: &ContactId, mailbox: Mailbox, entry: Shown) {
        let entry = Value::Entry(Entry::Shown(entry));
        self.store.insert(Key::Entry(of.clone(), mailbox.count), entry);
        self.store.insert(Key::Mailbox(of.clone()), Value::Mailbox(mailbox));
    }

    pub(crate) fn mailbox(&self, of: &ContactId) -> Mailbox {
        match self.store.get(&Key::Mailbox(of.clone())) {
            Some(Value::Mailbox(mailbox)) => *mailbox,
            _ => Mailbox::empty(self.directory.genesis(), of),
        }
    }

    pub(crate) fn head(&self, of: &ContactId, mailbox: Mailbox) -> Bytes {
        let head = proto::MailboxHead {
            directory: Some(name_of(&self.directory)),
            place: Some(Place { contact: of.clone(), mailbox }.to_proto()),
            at: 2000,
            view: Some(self.view().to_proto()),
        };
        let bytes = self.relay_signs(Kind::MailboxHead, head.encode_to_vec());
        let root_at = |size| self.tree.root_at(size);
        verify_head((&self.directory, &root_at), of, &bytes).unwrap();
        bytes
    }

    /// Runs `with` as a reader who knows this directory.
    pub(crate) fn read<T>(
        &self,
        of: &str,
        keys: &[OpeningKey],
        with: impl FnOnce(&Reader<'_>) -> T,
    ) -> T {
        let root_at = |size| self.tree.root_at(size);
        let seat = seat(of);
        with(&Reader { directory: &self.directory, root_at: &root_at, seat: &seat, keys })
    }

    pub(crate) fn open(&self, of: &str, item: &v1::Item) -> Result<Opened, NotOpened> {
        let keys = opening_keys(of, 1);
        self.read(of, &keys, |reader| open::open(reader, &Received::from(item)))
    }
}

/// A notification with so many bytes of text.
pub(crate) fn notification(bytes: usize) -> Inside {
    let writing = Writing::new(proto::Kind::Incident, "Ransomware at a port", 1000);
    writing.text("en", &"x".repeat(bytes)).finish().unwrap()
}

/// What the relay gives to one seat.
pub(crate) fn item(sealed: &v1::Envelope, of: &str) -> v1::Item {
    let mut tree = Tree::default();
    for letter in &sealed.letters {
        tree.append(leaf_hash(letter));
    }
    let seat_of = |letter: &Bytes| envelope::read_letter(letter).map(|letter| letter.seat);
    let index = sealed.letters.iter().position(|letter| seat_of(letter) == Ok(seat(of)));
    let path = index.and_then(|index| tree.inclusion_proof(index as u64, tree.size()));
    let path = path.unwrap_or_default();
    v1::Item {
        number: 1,
        kind: 1,
        header: sealed.header.clone(),
        body: sealed.body.clone(),
        letter: index.map(|index| sealed.letters[index].clone()).unwrap_or_default(),
        letter_index: index.unwrap_or_default() as u32,
        letter_path: path.iter().map(|hash| Bytes::copy_from_slice(hash.as_bytes())).collect(),
        acknowledgement: Bytes::new(),
        gone: Bytes::new(),
        lost: String::new(),
    }
}
