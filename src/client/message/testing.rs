//! A directory of three members with seats, and a relay that runs the domain's own decisions.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;

use crate::ambient::Ambient;
use crate::client::home::Home;
use crate::client::invitation::Invitation;
use crate::client::replica::Replica;
use crate::crypto::hash::Digest;
use crate::crypto::seal::{OpeningKey, SealingKey};
use crate::crypto::sign::{KeyId, SigningKey};
use crate::domain::command::{Clock, Command, World};
use crate::domain::commands::acknowledge::Acknowledge;
use crate::domain::commands::submit::Submit;
use crate::domain::directory::key::listed_sealing;
use crate::domain::directory::possession::prove;
use crate::domain::directory::{
    Admitted, Directory, Statement, apply, found, verify, verify_founding,
};
use crate::domain::ids::{ContactId, MessageId, SeatId};
use crate::domain::refusal::Refusal;
use crate::domain::relay::acknowledge;
use crate::domain::relay::addressing::{self, Recipient, name_of};
use crate::domain::relay::{envelope, share::Grants};
use crate::domain::state::{Body, Entry, EntryKind, Key, Mailbox, Message, Shown, Snapshot, Value};
use crate::domain::view::View;
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, Class, Custody, Level, MemberKind, Target, Text, Use};
use crate::tlog::checkpoint::Checkpoint;
use crate::tlog::merkle::{Tree, leaf_hash};
use crate::tlog::note::KeyName;
use crate::wire::v1;

use super::body;
use super::compose::{self, Outside, Reading, Sealed, compose};
use super::content::{Inside, Writing};
use super::open::{Reader, Received};
use super::receipt::{Place, verify_head};

pub(crate) const NAME: &str = "un.example";
pub(crate) const AT: &str = "at/cert-at/duty-1";
pub(crate) const FR: &str = "fr/cert-fr/duty-1";
pub(crate) const FR_2: &str = "fr/cert-fr/duty-2";
pub(crate) const PT: &str = "pt/cert-pt/duty-1";

pub(crate) fn sign_key(tag: &str) -> SigningKey {
    SigningKey::from_seed(Digest::of(tag.as_bytes()).as_bytes())
}

pub(crate) fn seal_key(tag: &str) -> OpeningKey {
    OpeningKey::from_seed(Digest::of(tag.as_bytes()).as_bytes())
}

pub(crate) fn seat(text: &str) -> SeatId {
    text.parse().unwrap()
}

pub(crate) fn contact(text: &str) -> ContactId {
    text.parse().unwrap()
}

/// A key as a statement lists it.
fn listed(tag: &str, holder: &str, usage: Use) -> proto::PublicKey {
    prove(&sign_key(tag), holder, usage, Ambient::system().random()).unwrap()
}

/// The keys that a seat has: those of its rosters up to this version.
pub(crate) fn opening_keys(of: &str, versions: u64) -> Vec<OpeningKey> {
    (1..=versions).map(|version| seal_key(&format!("{of} seal {version}"))).collect()
}

fn text(text: &str) -> Vec<Text> {
    vec![Text { language: "en".to_owned(), text: text.to_owned() }]
}

#[derive(Clone)]
pub(crate) struct Net {
    pub(crate) directory: Directory,
    /// Of the log, as its service hands them over.
    pub(crate) entries: Vec<Bytes>,
    pub(crate) tree: Tree,
    pub(crate) ambient: Ambient,
    pub(crate) store: BTreeMap<Key, Value>,
    /// Of the relay.
    pub(crate) clock: Clock,
    pub(crate) grants: Grants,
}

impl Net {
    /// at, fr and pt with two seats each; ie is only listed; es has no seats.
    pub(crate) fn new() -> Self {
        let person = proto::Person {
            id: "alice".to_owned(),
            name: "Alice".to_owned(),
            sign: Some(listed("registrar", "registrar/alice", Use::Sign)),
            tls: Some(listed("registrar tls", "registrar/alice", Use::Tls)),
        };
        let charter = proto::Charter {
            targets: vec![Target { name: NAME.to_owned(), genesis: Bytes::new(), version: 1 }],
            issued_at: 1000,
            rules: 1,
            registrars: vec![person],
            threshold: 1,
            log: vec![listed("log", &format!("log/{NAME}"), Use::Log)],
            relay: vec![listed("relay", &format!("relay/{NAME}"), Use::Relay)],
            service_ca: vec![Bytes::from_static(b"certificate")],
            policy: Vec::new(),
            ..Default::default()
        };
        let ambient = Ambient::system();
        let payload = charter.encode_to_vec();
        let bytes =
            Envelope::sign(Kind::Charter, payload, &[&sign_key("registrar")], ambient.random());
        let bytes = bytes.unwrap();
        let name = NAME.parse().unwrap();
        let verified = verify_founding(&name, bytes.bytes()).unwrap();
        let (directory, _) = found(&name, &verified, 1000).unwrap();
        let (store, grants) = (BTreeMap::new(), Grants::default());
        let (entries, tree, clock) = (Vec::new(), Tree::default(), Clock::Settled);
        let mut net = Self { directory, entries, tree, ambient, store, clock, grants };
        net.log(bytes.bytes());
        for member in ["at", "es", "fr", "ie", "pt"] {
            net.admit(member);
        }
        for member in ["at", "fr", "pt"] {
            net.roster(&format!("{member}/cert-{member}"), 1, &["duty-1", "duty-2"]);
        }
        net
    }

    fn targets(&self, version: u64) -> Vec<Target> {
        let genesis = Bytes::copy_from_slice(self.directory.genesis().as_bytes());
        vec![Target { name: NAME.to_owned(), genesis, version }]
    }

    pub(crate) fn publish(&mut self, statement: &Statement, key: &SigningKey) {
        let bytes =
            Envelope::sign(statement.kind(), statement.encode(), &[key], self.ambient.random());
        let bytes = bytes.unwrap();
        let verified = verify(&self.directory, bytes.bytes()).unwrap();
        let admitted = Admitted { leaf: self.directory.size(), at: 1000 };
        let parts = apply(&self.directory, &verified, admitted).unwrap();
        self.directory.advance(&parts);
        self.log(bytes.bytes());
    }

    fn log(&mut self, statement: &Bytes) {
        let leaf = Some(proto::entry::Leaf::Statement(statement.clone()));
        let entry = Bytes::from(proto::Entry { leaf, admitted_at: 1000 }.encode_to_vec());
        self.tree.append(leaf_hash(&entry));
        self.entries.push(entry);
    }

    /// What the service would show of the log when it had this size.
    pub(crate) fn checkpoint_at(&self, size: u64) -> Bytes {
        let (origin, root) = (KeyName::parse(NAME).unwrap(), self.tree.root_at(size).unwrap());
        let checkpoint = Checkpoint { origin, size, root };
        let note = checkpoint.sign(&sign_key("log"), self.ambient.random()).unwrap();
        note.to_string().into_bytes().into()
    }

    /// A copy of its directory, in a home that has joined it.
    pub(crate) fn copy(&self, home: &Home) -> Replica {
        let first: proto::Entry = prost::Message::decode(self.entries[0].clone()).unwrap();
        let Some(proto::entry::Leaf::Statement(charter)) = first.leaf else { panic!("a charter") };
        let (addresses, checkpoint) = (vec!["relay.example".to_owned()], self.checkpoint_at(1));
        let invitation =
            v1::Invitation { charter, addresses, checkpoint, admin_addresses: Vec::new() };
        home.join(&Invitation::check(invitation).unwrap()).unwrap();
        let mut replica = Replica::open(home, &NAME.parse().unwrap()).unwrap();
        replica.append(&self.entries).unwrap();
        replica.confirm(&self.checkpoint_at(self.tree.size()), self.ambient.now()).unwrap();
        replica
    }

    pub(crate) fn admit(&mut self, member: &str) {
        self.admit_at(member, &[Level::Technical]);
    }

    /// A member whose one contact has these levels.
    pub(crate) fn admit_at(&mut self, member: &str, levels: &[Level]) {
        let authority = sign_key(&format!("{member} authority"));
        let listed_only = member == "ie";
        let admission = proto::Admission {
            targets: self.targets(1),
            issued_at: 1000,
            member: member.to_owned(),
            kind: MemberKind::UnMember.into(),
            names: text(member),
            authority: if listed_only {
                vec![]
            } else {
                vec![listed(&format!("{member} authority"), member, Use::Authority)]
            },
            threshold: u32::from(!listed_only),
            note: None,
        };
        let registrar = sign_key("registrar");
        self.publish(&Statement::Admission(admission), &registrar);
        let id = format!("{member}/cert-{member}");
        let common = (levels.iter().map(|level| i32::from(*level)).collect(), text(&id));
        if listed_only {
            let record = proto::AttestedRecord {
                targets: self.targets(1),
                issued_at: 1000,
                contact: id,
                expires: 2000,
                levels: common.0,
                names: common.1,
                note: Some(proto::Note {
                    reference: "NV/1".to_owned(),
                    date: 1,
                    sha256: Bytes::from_static(&[7; 32]),
                }),
                ..Default::default()
            };
            self.publish(&Statement::AttestedRecord(record), &registrar);
        } else {
            let record = proto::Record {
                targets: self.targets(1),
                issued_at: 1000,
                contact: id,
                expires: 2000,
                levels: common.0,
                names: common.1,
                custody: Custody::Separate.into(),
                ..Default::default()
            };
            self.publish(&Statement::Record(record), &authority);
        }
    }

    /// A newer record of a contact, with these levels.
    pub(crate) fn record(&mut self, id: &str, version: u64, levels: &[Level]) {
        let record = proto::Record {
            targets: self.targets(version),
            issued_at: 1000,
            contact: id.to_owned(),
            expires: 2000,
            levels: levels.iter().map(|level| i32::from(*level)).collect(),
            names: text(id),
            custody: Custody::Separate.into(),
            ..Default::default()
        };
        let member = id.split('/').next().unwrap();
        self.publish(&Statement::Record(record), &sign_key(&format!("{member} authority")));
    }

    /// A roster: the seal keys are those of the version, the others stay.
    pub(crate) fn roster(&mut self, id: &str, version: u64, seats: &[&str]) {
        self.roster_signing(id, version, seats, "sign");
    }

    /// The same, with the sign keys of this name.
    pub(crate) fn roster_signing(&mut self, id: &str, version: u64, seats: &[&str], sign: &str) {
        let seats = seats.iter().map(|name| {
            let tag = format!("{id}/{name}");
            proto::Seat {
                name: (*name).to_owned(),
                sign: Some(listed(&format!("{tag} {sign}"), &tag, Use::Sign)),
                seal: Some(listed_sealing(
                    seal_key(&format!("{tag} seal {version}")).public().as_bytes(),
                )),
                tls: Some(listed(&format!("{tag} tls"), &tag, Use::Tls)),
            }
        });
        self.roster_of(id, version, seats.collect());
    }

    /// A roster of these seats, whatever their keys are.
    pub(crate) fn roster_of(&mut self, id: &str, version: u64, seats: Vec<proto::Seat>) {
        let roster = proto::Roster {
            targets: self.targets(version),
            issued_at: 1000,
            contact: id.to_owned(),
            seats,
            facets: vec![],
        };
        let member = id.split('/').next().unwrap();
        self.publish(&Statement::Roster(roster), &sign_key(&format!("{member} authority")));
    }

    /// The end of a seat's sign key, by the authority.
    pub(crate) fn revoke_sign_key(&mut self, of: &str) {
        self.revoke(of, &sign_key(&format!("{of} sign")).public().id());
    }

    /// The end of this key of a seat, by the authority.
    pub(crate) fn revoke(&mut self, of: &str, key: &KeyId) {
        let revocation = proto::Revocation {
            targets: self.targets(0),
            issued_at: 1000,
            seat: of.to_owned(),
            key_ids: vec![Bytes::copy_from_slice(key.as_bytes())],
            reason: proto::Reason::Compromised.into(),
            suspected_from: 0,
        };
        let member = of.split('/').next().unwrap();
        let authority = sign_key(&format!("{member} authority"));
        self.publish(&Statement::Revocation(revocation), &authority);
    }

    /// The end of a contact, by the authority.
    pub(crate) fn withdraw(&mut self, id: &str, version: u64) {
        let withdrawal = proto::Withdrawal {
            targets: self.targets(version),
            issued_at: 1000,
            contact: id.to_owned(),
        };
        let member = id.split('/').next().unwrap();
        let authority = sign_key(&format!("{member} authority"));
        self.publish(&Statement::Withdrawal(withdrawal), &authority);
    }

    /// A charter with rules that this program does not know. Gives the directory as it stands still
    /// then: the net goes on.
    pub(crate) fn newer_rules(&mut self) -> Directory {
        let before = &self.directory.charter();
        let (version, previous) = (before.newest.version + 1, before.newest.statement);
        let charter = proto::Charter {
            targets: self.targets(version),
            rules: crate::domain::directory::RULES + 1,
            previous: Bytes::copy_from_slice(previous.as_bytes()),
            ..proto::Charter::decode(before.payload.clone()).unwrap()
        };
        self.publish(&Statement::Charter(charter), &sign_key("registrar"));
        self.directory.clone()
    }

    /// The next charter, with these relay keys.
    pub(crate) fn charter(&mut self, relay: &[&str]) {
        self.next_charter(|charter| {
            let listed = |tag: &&str| listed(tag, &format!("relay/{NAME}"), Use::Relay);
            charter.relay = relay.iter().map(listed).collect();
        });
    }

    /// The next charter, with these settings.
    pub(crate) fn policy(&mut self, settings: &[(&str, u64)]) {
        self.next_charter(|charter| {
            let setting = |(name, value): &(&str, u64)| proto::Setting {
                name: (*name).to_owned(),
                value: *value,
            };
            charter.policy = settings.iter().map(setting).collect();
        });
    }

    /// The next charter, with this changed.
    pub(crate) fn next_charter(&mut self, change: impl FnOnce(&mut proto::Charter)) {
        let before = &self.directory.charter();
        let (version, previous) = (before.newest.version + 1, before.newest.statement);
        let mut charter = proto::Charter {
            targets: self.targets(version),
            previous: Bytes::copy_from_slice(previous.as_bytes()),
            ..proto::Charter::decode(before.payload.clone()).unwrap()
        };
        change(&mut charter);
        self.publish(&Statement::Charter(charter), &sign_key("registrar"));
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

    /// The same with the addressing changed, inside and outside, and signed by the same seat. The
    /// letters stay as they were.
    pub(crate) fn forge(
        &self,
        outside: Outside,
        inside: &Inside,
        change: impl FnOnce(&mut proto::Addressing),
    ) -> v1::Envelope {
        let key = sign_key(&format!("{} sign", outside.sender));
        let sealed = self.seal(outside, inside);
        let mut addressing = proto::Addressing::decode(sealed.addressing.bytes.clone()).unwrap();
        change(&mut addressing);
        let addressing = addressing::encode(&addressing);
        let id =
            MessageId::try_from(&proto::Addressing::decode(addressing.clone()).unwrap().id[..]);
        let inner = compose::inner(&addressing, inside.encode(), &key, &self.ambient).unwrap();
        let plaintext = body::pad(inner.bytes()).unwrap();
        let (body, body_key) = compose::seal_body(&plaintext, &self.ambient);
        let text = body::letter_text(id.unwrap(), Digest::of(&body), &body_key);
        let letters = sealed.envelope.letters.iter().map(|letter| {
            let letter = envelope::read_letter(letter).unwrap();
            let contact = letter.seat.contact();
            let mut seats = self.directory.sealing_seats(&contact);
            let (_, _, raw) = seats.find(|(_, id, _)| *id == letter.seal_key).unwrap();
            let to = SealingKey::parse(raw).unwrap();
            let reading = Reading { seat: letter.seat, key: letter.seal_key, to };
            compose::letter(&reading, text.as_bytes(), &self.ambient)
        });
        let letters: Vec<Bytes> = letters.collect();
        let header = compose::header(&addressing, &body, &letters, &key, &self.ambient).unwrap();
        v1::Envelope { header: header.bytes().clone(), body: body.into(), letters }
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
        let key = sign_key("relay");
        let signed = Envelope::sign(kind, payload, &[&key], self.ambient.random());
        signed.unwrap().bytes().clone()
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

    pub(crate) fn open(
        &self,
        of: &str,
        item: &v1::Item,
    ) -> Result<super::open::Opened, super::open::NotOpened> {
        let keys = opening_keys(of, 1);
        self.read(of, &keys, |reader| super::open::open(reader, &Received::from(item)))
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
