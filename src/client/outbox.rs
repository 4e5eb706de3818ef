//! What this machine sent, and what it knows became of it.
//!
//! In scope: requests flushed before the first attempt, what came back for them, states computed
//! from both. Out of scope: sending, and verifying what comes back (`message::receipt`). Invariants:
//! every attempt sends the same bytes, until a request is sealed again: then it is replaced at once,
//! under its id, by one program at a time; nothing readable of a message is kept, only its sealed
//! form; file names are made of ids, which hold no path; what went is not looked at again (`went`), unless
//! it is named in `offered`, which is written before it is marked as lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use prost::Message as _;

use crate::crypto::hash::Digest;
use crate::domain::ids::{MessageId, SeatId};
use crate::domain::limits;
use crate::domain::relay::addressing::OrLater;
use crate::signed::dsse::Envelope;
use crate::signed::proto::{self, Outcome};
use crate::wire::v1;

use super::files::{self, FileError, Lock, MOMENTS};
use super::reason::Reason;
use super::went::{Index, Went};

/// What waits to be handed in.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// A message, to be submitted.
    Submit(v1::SubmitRequest),
    /// An acknowledgement with its words.
    Acknowledge(v1::AcknowledgeRequest),
}

impl Request {
    /// A message, to be submitted.
    #[must_use]
    pub const fn submit(envelope: v1::Envelope) -> Self {
        Self::Submit(v1::SubmitRequest { envelope: Some(envelope) })
    }

    /// The envelope in it.
    #[must_use]
    pub const fn envelope(&self) -> Option<&v1::Envelope> {
        match self {
            Self::Submit(request) => request.envelope.as_ref(),
            Self::Acknowledge(request) => request.words.as_ref(),
        }
    }

    fn header_digest(&self) -> Option<Digest> {
        let header = &self.envelope()?.header;
        Some(Envelope::parse(header, header.len()).ok()?.digest())
    }

    /// The header that it acknowledges, if it does.
    fn about(&self) -> Option<Digest> {
        let Self::Acknowledge(request) = self else { return None };
        let envelope =
            Envelope::parse(&request.acknowledgement, limits::ACKNOWLEDGEMENT_BYTES).ok()?;
        let says = proto::Acknowledgement::decode(envelope.payload().clone()).ok()?;
        Digest::try_from(&says.header_digest[..]).ok()
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Submit(_) => SUBMIT,
            Self::Acknowledge(_) => ACKNOWLEDGE,
        }
    }

    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Submit(request) => request.encode_to_vec(),
            Self::Acknowledge(request) => request.encode_to_vec(),
        }
    }
}

/// The outbox does not hold what it should.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// A file cannot be used, or is damaged.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another request under the same id.
    #[error("another message {0} is in the outbox already")]
    IdUsed(MessageId),
    /// No such message.
    #[error("there is no message {0} in the outbox")]
    Unknown(MessageId),
}

/// How far a message has come. A later one includes the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Flushed here; the relay has not said that it has it.
    Sent,
    /// The relay has it.
    Accepted,
    /// A recipient's machine opened it.
    Delivered,
    /// A recipient acknowledged it.
    Acknowledged,
    /// A recipient answered.
    Answered,
}

/// What is known of a sent message, as it stands on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentState {
    /// The id of the message.
    pub id: MessageId,
    /// The relay's receipt.
    pub accepted: Option<Bytes>,
    /// The seats whose machines told how it went, with their opened receipts.
    pub delivered: Vec<(SeatId, OrLater<Outcome>)>,
    /// The seats that acknowledged, openly.
    pub acknowledged: Vec<SeatId>,
    /// The seats whose words came, which alone acknowledge nothing.
    pub words: Vec<SeatId>,
    /// The header digests of answers.
    pub answered: Vec<Digest>,
    /// The relay says that it expired before every contact received it.
    pub expired: bool,
    /// The relay has lost it since, and it is offered again.
    pub lost: bool,
}

impl SentState {
    /// How far it has come.
    #[must_use]
    pub fn stage(&self) -> Stage {
        let opened = self.delivered.iter().any(|(_, outcome)| *outcome == Outcome::Opened);
        if !self.answered.is_empty() {
            Stage::Answered
        } else if !self.acknowledged.is_empty() {
            Stage::Acknowledged
        } else if opened {
            Stage::Delivered
        } else if self.accepted.is_some() {
            Stage::Accepted
        } else {
            Stage::Sent
        }
    }
}

/// A directory of sent messages.
#[derive(Clone, Debug)]
pub struct Outbox {
    dir: PathBuf,
    /// What went, once somebody has asked: each of it is looked at once.
    went: Arc<Mutex<Option<Index>>>,
}

/// Every message of an outbox, by time, with what is known of it if it went.
#[derive(Debug)]
pub struct Looked(Vec<(MessageId, Option<Went>)>);

/// The acknowledgements of an outbox, by the headers that they are about, and by time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acknowledgements {
    /// The relay has accepted them.
    pub accepted: BTreeMap<Digest, Vec<MessageId>>,
    /// It has not.
    pub others: BTreeMap<Digest, Vec<MessageId>>,
}

impl Outbox {
    /// The outbox in a directory, which what is written first makes.
    #[must_use]
    pub fn of(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), went: Arc::default() }
    }

    /// Keeps a request, before it is handed in for the first time. The same again changes nothing,
    /// also if it was sealed again since.
    ///
    /// # Errors
    /// Another request under this id, or the disk.
    pub fn put(
        &self,
        (id, header_digest): (MessageId, Digest),
        request: &Request,
    ) -> Result<(), OutboxError> {
        match self.find_request(id)? {
            Some(kept) if kept == *request => Ok(()),
            Some(_) if self.was(header_digest)? == Some(id) => Ok(()),
            Some(_) => Err(OutboxError::IdUsed(id)),
            None => self.write(id, header_digest, request),
        }
    }

    /// Keeps a request that goes to the others in the place of one that went to nobody: both the request
    /// and the mark of the other are there, or neither. Tells whether the other still was as it was.
    ///
    /// # Errors
    /// As [`Outbox::put`].
    pub fn put_instead(
        &self,
        (id, header_digest): (MessageId, Digest),
        request: &Request,
        (other, before): (MessageId, &Request),
    ) -> Result<bool, OutboxError> {
        let _lock = self.lock()?;
        let went = self.accepted_receipt(other)?.is_some() || self.went_as(other)?.is_some();
        let same = !went && self.is_as(other, before)?;
        if same {
            files::remove(&self.message(other).join(REFUSED))?;
            // It marks nothing before that message is there.
            files::replace(&self.message(other).join(WENT_AS), id.to_string().as_bytes())?;
            self.put((id, header_digest), request)?;
        }
        Ok(same)
    }

    /// Puts a request that was sealed again in the place of `before`, unless another program did so
    /// already: one at a time seals. Its former header is remembered.
    ///
    /// # Errors
    /// Why it was not sealed, or the disk: it is then as it was.
    pub fn replace<E: From<OutboxError>>(
        &self,
        (id, before): (MessageId, &Request),
        seal: impl FnOnce() -> Result<(Digest, Request), E>,
    ) -> Result<(), E> {
        let _lock = self.lock()?;
        if self.waits(id) && self.is_as(id, before)? {
            let (header_digest, request) = seal()?;
            // What was said of the former header says nothing of this one.
            self.forget_accepted(id)?;
            self.write(id, header_digest, &request)?;
        }
        Ok(())
    }

    /// Lets a message wait again that the relay had accepted and has lost: the same bytes, and what was
    /// said of it stays. One that it never accepted waits anyway.
    ///
    /// # Errors
    /// The disk.
    pub fn offer_again(&self, id: MessageId) -> Result<(), OutboxError> {
        let _lock = self.lock()?;
        if self.accepted_receipt(id)?.is_some() {
            // First this: who knows that it went looks at it again.
            files::replace(&self.offered(id), b"")?;
            files::replace(&self.message(id).join(LOST), b"")?;
        }
        Ok(())
    }

    /// Notes that the relay has it again.
    ///
    /// # Errors
    /// The disk.
    pub fn has_again(&self, id: MessageId) -> Result<(), OutboxError> {
        let (lost, offered) = (self.message(id).join(LOST), self.offered(id));
        // Most were never lost, and need no lock for that.
        if lost.exists() || offered.exists() {
            let _lock = self.lock()?;
            files::remove(&lost)?;
            files::remove(&offered)?;
        }
        Ok(())
    }

    /// Whether the relay has it, as far as is known here.
    fn is_taken(&self, id: MessageId) -> bool {
        let dir = self.message(id);
        dir.join(ACCEPTED).exists() && !dir.join(LOST).exists()
    }

    fn forget_accepted(&self, id: MessageId) -> Result<(), OutboxError> {
        let dir = self.message(id);
        for name in files::names(&dir.join(LATER))? {
            files::remove(&dir.join(LATER).join(name))?;
        }
        files::remove(&dir.join(ACCEPTED))?;
        Ok(files::remove(&dir.join(LOST))?)
    }

    /// Notes that the relay refuses a request for good, and why; tells whether it still was that one.
    ///
    /// # Errors
    /// No such message, or the disk.
    pub fn refuse(
        &self,
        (id, request): (MessageId, &Request),
        reason: &Reason,
    ) -> Result<bool, OutboxError> {
        let _lock = self.lock()?;
        // What the relay has taken meanwhile is not refused.
        let same = self.is_as(id, request)? && !self.is_taken(id);
        if same {
            self.keep(id, Path::new(REFUSED), reason.code().as_bytes())?;
        }
        Ok(same)
    }

    /// Lets a request wait again that the relay refused for good: somebody knows better now.
    ///
    /// # Errors
    /// The disk.
    pub fn retry(&self, id: MessageId) -> Result<(), OutboxError> {
        let _lock = self.lock()?;
        Ok(files::remove(&self.message(id).join(REFUSED))?)
    }

    /// The request of a message, byte for byte as it was kept.
    ///
    /// # Errors
    /// There is none, or the disk.
    pub fn request(&self, id: MessageId) -> Result<Request, OutboxError> {
        self.find_request(id)?.ok_or(OutboxError::Unknown(id))
    }

    /// Every message, by time.
    ///
    /// # Errors
    /// The disk.
    pub fn ids(&self) -> Result<Vec<MessageId>, OutboxError> {
        let mut ids = named(&self.dir)?;
        ids.retain(|id| self.is_there(*id));
        Ok(ids)
    }

    fn is_there(&self, id: MessageId) -> bool {
        let dir = self.message(id);
        dir.join(SUBMIT).exists() || dir.join(ACKNOWLEDGE).exists()
    }

    /// Every acknowledgement.
    ///
    /// # Errors
    /// The disk.
    pub fn acknowledgements(&self, looked: &Looked) -> Result<Acknowledgements, OutboxError> {
        let mut found = Acknowledgements::default();
        for (id, went) in &looked.0 {
            let (about, accepted) = match went {
                Some(Went { about }) => (*about, true),
                None => (self.about(*id)?, self.accepted_receipt(*id)?.is_some()),
            };
            let those = if accepted { &mut found.accepted } else { &mut found.others };
            if let Some(about) = about {
                those.entry(about).or_default().push(*id);
            }
        }
        Ok(found)
    }

    /// The header that a message acknowledges, if it does.
    fn about(&self, id: MessageId) -> Result<Option<Digest>, OutboxError> {
        match self.message(id).join(ACKNOWLEDGE).exists() {
            true => Ok(self.request(id)?.about()),
            false => Ok(None),
        }
    }

    /// Messages that wait, by time: to be handed in, again if need be.
    ///
    /// # Errors
    /// The disk.
    pub fn pending(&self) -> Result<Vec<MessageId>, OutboxError> {
        Ok(self.pending_of(&self.look()?))
    }

    /// Those of these that wait, by time.
    #[must_use]
    pub fn pending_of(&self, looked: &Looked) -> Vec<MessageId> {
        let left = looked.0.iter().filter(|(_, went)| went.is_none()).map(|(id, _)| *id);
        left.filter(|id| self.is_there(*id) && self.waits(*id)).collect()
    }

    /// Looks at every name; of what is offered again nothing is known but what its files say.
    ///
    /// # Errors
    /// The disk.
    pub fn look(&self) -> Result<Looked, OutboxError> {
        let offered = named(&self.dir.join(OFFERED))?;
        let mut went = self.went.lock().unwrap_or_else(PoisonError::into_inner);
        let went = went.get_or_insert_with(|| Index::open(&self.dir));
        let look = |id: MessageId| {
            if offered.binary_search(&id).is_ok() {
                return (id, None);
            }
            let known = went.get(id).or_else(|| {
                // Of what cannot be read it is not known either.
                let about = self.is_taken(id).then(|| self.about(id).ok())??;
                Some(went.add(id, Went { about }))
            });
            (id, known)
        };
        Ok(Looked(named(&self.dir)?.into_iter().map(look).collect()))
    }

    /// Keeps what is known of what went, for the next command.
    ///
    /// # Errors
    /// The disk; then the next command looks at each of it again.
    pub fn keep_index(&self) -> Result<(), OutboxError> {
        let mut went = self.went.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(went.as_mut().map_or(Ok(()), Index::keep)?)
    }

    /// Why the relay refused it for good.
    ///
    /// # Errors
    /// The disk.
    pub fn refused(&self, id: MessageId) -> Result<Option<Reason>, OutboxError> {
        let reason = files::content(&self.message(id).join(REFUSED))?;
        Ok(reason.map(|reason| Reason::read(&String::from_utf8_lossy(&reason))))
    }

    /// Notes what kept a request from being handed in, the last time: a reason, and a sentence for people.
    ///
    /// # Errors
    /// The disk.
    pub fn kept_back(
        &self,
        id: MessageId,
        (reason, sentence): (&Reason, &str),
    ) -> Result<(), OutboxError> {
        let (path, said) = (self.message(id).join(KEPT_BACK), format!("{reason}\n{sentence}"));
        // Who stays tries again and again.
        if files::content(&path)?.is_some_and(|before| before == said.as_bytes()) {
            return Ok(());
        }
        Ok(files::replace(&path, said.as_bytes())?)
    }

    /// What kept a request from being handed in, the last time: a reason, and a sentence for people.
    ///
    /// # Errors
    /// The disk.
    pub fn why_kept_back(&self, id: MessageId) -> Result<Option<(Reason, String)>, OutboxError> {
        let Some(said) = files::content(&self.message(id).join(KEPT_BACK))? else {
            return Ok(None);
        };
        let said = String::from_utf8_lossy(&said);
        Ok(said.split_once('\n').map(|(reason, why)| (Reason::read(reason), why.to_owned())))
    }

    /// The message that went to the others, of one that went to nobody.
    ///
    /// # Errors
    /// A damaged file, or the disk.
    pub fn went_as(&self, id: MessageId) -> Result<Option<MessageId>, OutboxError> {
        let path = self.message(id).join(WENT_AS);
        let Some(bytes) = files::content(&path)? else { return Ok(None) };
        let went_as = str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok());
        let went_as = went_as.ok_or_else(|| damaged(&path))?;
        Ok(Some(went_as).filter(|went_as| self.is_there(*went_as)))
    }

    /// The message of a header digest.
    ///
    /// # Errors
    /// The disk.
    pub fn find(&self, header_digest: Digest) -> Result<Option<MessageId>, OutboxError> {
        let found = self.indexed(header_digest)?;
        Ok(found.filter(|(_, now)| *now == Some(header_digest)).map(|(id, _)| id))
    }

    /// The message that had this header before it was sealed again.
    ///
    /// # Errors
    /// The disk.
    pub fn was(&self, header_digest: Digest) -> Result<Option<MessageId>, OutboxError> {
        let found = self.indexed(header_digest)?;
        Ok(found.filter(|(_, now)| *now != Some(header_digest)).map(|(id, _)| id))
    }

    /// The message that stands now for one that has or had a header: the same, sealed again or not; or
    /// the one that went to the others in its place.
    ///
    /// # Errors
    /// The disk.
    pub fn stands_for(&self, header_digest: Digest) -> Result<Option<MessageId>, OutboxError> {
        let mut found = self.indexed(header_digest)?.map(|(id, _)| id);
        while let Some(other) = found.map(|id| self.went_as(id)).transpose()?.flatten() {
            found = Some(other);
        }
        Ok(found)
    }

    /// The header digest of a message.
    ///
    /// # Errors
    /// There is none, or the disk.
    pub fn header_digest(&self, id: MessageId) -> Result<Option<Digest>, OutboxError> {
        Ok(self.request(id)?.header_digest())
    }

    /// Keeps a verified accepted receipt.
    ///
    /// # Errors
    /// No such message, or the disk.
    pub fn accepted(&self, id: MessageId, receipt: &Bytes) -> Result<(), OutboxError> {
        self.keep(id, Path::new(ACCEPTED), receipt)
    }

    /// Keeps a later accepted receipt, which says more than those before.
    ///
    /// # Errors
    /// No such message, or the disk.
    pub fn accepted_again(&self, id: MessageId, receipt: &Envelope) -> Result<(), OutboxError> {
        // By number, so that they are read in the order in which they came.
        let number = files::names(&self.message(id).join(LATER))?.len();
        self.keep(id, &Path::new(LATER).join(format!("{number:020}")), receipt.bytes())
    }

    /// Keeps an accepted receipt that contradicts those before: evidence.
    ///
    /// # Errors
    /// No such message, or the disk.
    pub fn disputed(&self, id: MessageId, receipt: &Envelope) -> Result<(), OutboxError> {
        let name = receipt.digest().to_string();
        self.keep(id, &Path::new(DISPUTED).join(name), receipt.bytes())
    }

    /// Keeps a verified delivered receipt: the inner message that the seat signed.
    ///
    /// # Errors
    /// No such message, or the disk.
    pub fn delivered(
        &self,
        id: MessageId,
        seat: &SeatId,
        receipt: &Envelope,
    ) -> Result<(), OutboxError> {
        self.keep(id, &Path::new(DELIVERED).join(file_of(seat)), receipt.bytes())
    }

    /// Keeps a verified open acknowledgement.
    ///
    /// # Errors
    /// No such message, or the disk.
    pub fn acknowledged(
        &self,
        id: MessageId,
        seat: &SeatId,
        acknowledgement: &Bytes,
    ) -> Result<(), OutboxError> {
        self.keep(id, &Path::new(ACKNOWLEDGED).join(file_of(seat)), acknowledgement)
    }

    /// Notes that the words of an acknowledgement are in the inbox, under this header digest.
    ///
    /// # Errors
    /// No such message, or the disk.
    pub fn words(&self, id: MessageId, seat: &SeatId, header: Digest) -> Result<(), OutboxError> {
        self.keep(id, &Path::new(WORDS).join(file_of(seat)), header.to_string().as_bytes())
    }

    /// Notes that an answer is in the inbox, under this header digest.
    ///
    /// # Errors
    /// No such message, or the disk.
    pub fn answered(&self, id: MessageId, header: Digest) -> Result<(), OutboxError> {
        self.keep(id, &Path::new(ANSWERED).join(header.to_string()), b"")
    }

    /// Notes that the relay says it expired before every contact received it.
    ///
    /// # Errors
    /// No such message, or the disk.
    pub fn expired(&self, id: MessageId) -> Result<(), OutboxError> {
        self.keep(id, Path::new(EXPIRED), b"")
    }

    /// The accepted receipt of a message.
    ///
    /// # Errors
    /// The disk.
    pub fn accepted_receipt(&self, id: MessageId) -> Result<Option<Bytes>, OutboxError> {
        Ok(files::content(&self.message(id).join(ACCEPTED))?.map(Bytes::from))
    }

    /// The accepted receipts of a message, in the order in which they came.
    ///
    /// # Errors
    /// The disk.
    pub fn accepted_receipts(&self, id: MessageId) -> Result<Vec<Bytes>, OutboxError> {
        let mut receipts: Vec<Bytes> = self.accepted_receipt(id)?.into_iter().collect();
        receipts.extend(self.all_in(id, LATER)?);
        Ok(receipts)
    }

    /// The accepted receipts of a message that contradict those before.
    ///
    /// # Errors
    /// The disk.
    pub fn disputed_receipts(&self, id: MessageId) -> Result<Vec<Bytes>, OutboxError> {
        self.all_in(id, DISPUTED)
    }

    fn all_in(&self, id: MessageId, folder: &str) -> Result<Vec<Bytes>, OutboxError> {
        let folder = self.message(id).join(folder);
        let mut all = Vec::new();
        for name in files::names(&folder)? {
            all.extend(files::content(&folder.join(name))?.map(Bytes::from));
        }
        Ok(all)
    }

    /// The opened receipt of a seat: evidence.
    ///
    /// # Errors
    /// The disk.
    pub fn delivered_receipt(
        &self,
        id: MessageId,
        seat: &SeatId,
    ) -> Result<Option<Bytes>, OutboxError> {
        let path = self.message(id).join(DELIVERED).join(file_of(seat));
        Ok(files::content(&path)?.map(Bytes::from))
    }

    /// The open acknowledgement of a seat: evidence.
    ///
    /// # Errors
    /// The disk.
    pub fn acknowledgement(
        &self,
        id: MessageId,
        seat: &SeatId,
    ) -> Result<Option<Bytes>, OutboxError> {
        let path = self.message(id).join(ACKNOWLEDGED).join(file_of(seat));
        Ok(files::content(&path)?.map(Bytes::from))
    }

    /// What is known of a message, computed from what is on disk.
    ///
    /// # Errors
    /// No such message, a damaged file, or the disk.
    pub fn state(&self, id: MessageId) -> Result<SentState, OutboxError> {
        let dir = self.message(id);
        self.request(id)?;
        let mut delivered = Vec::new();
        for seat in seats(&dir.join(DELIVERED))? {
            let path = dir.join(DELIVERED).join(file_of(&seat));
            let bytes = files::content(&path)?.unwrap_or_default();
            let outcome = outcome_of(&bytes).ok_or_else(|| damaged(&path))?;
            delivered.push((seat, outcome));
        }
        let answers = files::names(&dir.join(ANSWERED))?;
        let answers = answers.iter().filter_map(|name| hex::decode(name).ok());
        Ok(SentState {
            id,
            accepted: self.accepted_receipt(id)?,
            delivered,
            acknowledged: seats(&dir.join(ACKNOWLEDGED))?,
            words: seats(&dir.join(WORDS))?,
            answered: answers.filter_map(|bytes| Digest::try_from(&bytes[..]).ok()).collect(),
            expired: dir.join(EXPIRED).exists(),
            lost: dir.join(LOST).exists(),
        })
    }

    /// The message that has or had a header, and the digest of the one that it has now.
    fn indexed(&self, had: Digest) -> Result<Option<(MessageId, Option<Digest>)>, OutboxError> {
        let index = self.dir.join(HEADERS).join(had.to_string());
        let Some(bytes) = files::content(&index)? else { return Ok(None) };
        let id = str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok());
        let id = id.ok_or_else(|| damaged(&index))?;
        Ok(self.find_request(id)?.map(|request| (id, request.header_digest())))
    }

    fn write(&self, id: MessageId, header: Digest, request: &Request) -> Result<(), OutboxError> {
        // The index first: it may name a message that is not there, and never misses one that is.
        let index = self.dir.join(HEADERS).join(header.to_string());
        files::replace(&index, id.to_string().as_bytes())?;
        Ok(files::replace(&self.message(id).join(request.name()), &request.encode())?)
    }

    /// Whether the relay has neither accepted nor refused it for good, and no other went in its place.
    #[must_use]
    pub fn waits(&self, id: MessageId) -> bool {
        let went = self.is_taken(id) || self.message(id).join(REFUSED).exists();
        // What cannot be read is not sent twice.
        !went && self.went_as(id).is_ok_and(|went_as| went_as.is_none())
    }

    /// Whether a request is still this one.
    fn is_as(&self, id: MessageId, request: &Request) -> Result<bool, OutboxError> {
        Ok(self.find_request(id)?.as_ref() == Some(request))
    }

    /// Held by whoever looks at a request and then changes it. Nobody holds it for long.
    fn lock(&self) -> Result<Lock, OutboxError> {
        Ok(files::lock(&self.dir.join(LOCK), MOMENTS)?)
    }

    fn find_request(&self, id: MessageId) -> Result<Option<Request>, OutboxError> {
        let submit = self.message(id).join(SUBMIT);
        if let Some(bytes) = files::content(&submit)? {
            let request = v1::SubmitRequest::decode(&bytes[..]).map_err(|_| damaged(&submit))?;
            return Ok(Some(Request::Submit(request)));
        }
        let acknowledge = self.message(id).join(ACKNOWLEDGE);
        let Some(bytes) = files::content(&acknowledge)? else { return Ok(None) };
        let request = v1::AcknowledgeRequest::decode(&bytes[..]);
        Ok(Some(Request::Acknowledge(request.map_err(|_| damaged(&acknowledge))?)))
    }

    fn keep(&self, id: MessageId, name: &Path, bytes: &[u8]) -> Result<(), OutboxError> {
        if self.find_request(id)?.is_none() {
            return Err(OutboxError::Unknown(id));
        }
        let path = self.message(id).join(name);
        // What came first stays: it is the evidence on which states rest.
        if path.exists() { Ok(()) } else { Ok(files::replace(&path, bytes)?) }
    }

    /// Says that a message was offered again, and that its own files are to be looked at.
    fn offered(&self, id: MessageId) -> PathBuf {
        self.dir.join(OFFERED).join(id.to_string())
    }

    fn message(&self, id: MessageId) -> PathBuf {
        self.dir.join(id.to_string())
    }
}

/// The ids that are names in a folder, by time.
fn named(folder: &Path) -> Result<Vec<MessageId>, OutboxError> {
    let mut ids = Vec::new();
    files::each_name(folder, |name| ids.extend(name.parse::<MessageId>()))?;
    ids.sort_unstable();
    Ok(ids)
}

/// The parts of an id hold no dots.
fn file_of(seat: &SeatId) -> String {
    seat.as_str().replace('/', ".")
}

fn seats(dir: &Path) -> Result<Vec<SeatId>, OutboxError> {
    let names = files::names(dir)?;
    Ok(names.iter().filter_map(|name| name.replace('.', "/").parse().ok()).collect())
}

fn outcome_of(receipt: &[u8]) -> Option<OrLater<Outcome>> {
    let inner = Envelope::parse(receipt, receipt.len()).ok()?;
    let message = proto::Message::decode(inner.payload().clone()).ok()?;
    let delivered = proto::Delivered::decode(message.content).ok()?;
    OrLater::of(delivered.outcome)
}

fn damaged(path: &Path) -> OutboxError {
    FileError::Damaged(path.to_owned()).into()
}

const LOCK: &str = "lock";
const SUBMIT: &str = "submit";
const ACKNOWLEDGE: &str = "acknowledge";
const ACCEPTED: &str = "accepted";
const LOST: &str = "lost";
const REFUSED: &str = "refused";
const KEPT_BACK: &str = "kept-back";
const WENT_AS: &str = "went-as";
const LATER: &str = "accepted-later";
const DISPUTED: &str = "disputed";
const DELIVERED: &str = "delivered";
const ACKNOWLEDGED: &str = "acknowledged";
const WORDS: &str = "words";
const ANSWERED: &str = "answered";
const EXPIRED: &str = "expired";
const HEADERS: &str = "headers";
const OFFERED: &str = "offered";

#[cfg(test)]
mod tests;
