//! What is asked of the administration, and what is kept of its audit trail.
//!
//! In scope: the calls, proposals as they are read, the trail's proof. Out of scope: what is shown
//! (`cli`). Invariants: nothing is signed but what was read here from its own bytes; a trail that does
//! not go on from where it was is refused, and both heads are kept.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use prost::Message as _;
use tonic::transport::Channel;
use tonic::{Response, Status};

use crate::ambient::Ambient;
use crate::client::reason::Here;
use crate::crypto::sign::{KeyId, Signer, VerifyingKey};
use crate::domain::administration::audit::Trail;
use crate::domain::administration::desk;
use crate::domain::administration::proposal::{Act, Approved};
use crate::domain::directory::key::{Holder, PublicKey, Purpose};
use crate::domain::directory::{Directory, Statement, Unverified};
use crate::domain::ids::DirectoryName;
use crate::domain::limits;
use crate::domain::refusal::Refusal;
use crate::signed::canonical;
use crate::signed::dsse::{Envelope, Kind};
use crate::signed::proto::{self, AuditRecord};
use crate::wire::v1::admin_service_client::AdminServiceClient;
use crate::wire::v1::{self, ProposalState};

use super::draft::{Bundle, Composed};
use super::error::{ClientError, Family, Side};
use super::files;
use super::home::Home;
use super::keys::KeyError;
use super::mend::Mend;
use super::message::text::visible;
use super::reach::call::{self, request_for, request_of};
use super::reach::session::Session;
use super::replica::tape;

/// An act that is to be proposed: signed by nobody yet.
#[must_use]
pub fn draft(directory: &Directory, act: &Act, ambient: &Ambient) -> Envelope {
    let nonce: [u8; 32] = ambient.bytes();
    let genesis = Bytes::copy_from_slice(directory.genesis().as_bytes());
    let proposal = proto::Proposal {
        directory: Some(proto::Directory { name: directory.name().to_string(), genesis }),
        nonce: Bytes::copy_from_slice(&nonce),
        base: directory.charter().newest.version,
        // The service's clock may be a little behind this one.
        expires: ambient.now() + limits::PROPOSAL_SECONDS - limits::CLOCK_AHEAD_SECONDS,
        action: act.name().to_owned(),
        parameters: act.parameters(),
    };
    Envelope::assemble(Kind::Approval, proposal.encode_to_vec().into(), Vec::new())
}

/// A proposal as its own bytes say it.
#[derive(Clone, Debug)]
pub struct Proposed {
    /// What the service says about it.
    pub said: v1::Proposal,
    /// What it is.
    pub what: What,
}

/// What is proposed.
#[derive(Clone, Debug)]
pub enum What {
    /// An act, and its proposal.
    Act(Act, Box<proto::Proposal>, Box<Envelope>),
    /// A statement that registrars sign.
    Statement(Box<Bundle>),
    /// A statement whose details are withheld: it can be looked at, and not signed.
    Withheld(Box<Bundle>),
}

impl Proposed {
    /// Reads one; its id is that of its bytes, whatever the service says.
    ///
    /// # Errors
    /// It cannot be read, has another id, or is for another directory.
    pub fn read(directory: &Directory, said: v1::Proposal) -> Result<Self, ClientError> {
        let publication = said.publication.clone().unwrap_or_default();
        let envelope = Envelope::parse(&publication.statement, limits::STATEMENT_BYTES);
        let envelope = envelope.map_err(|why| unreadable(&why))?;
        if said.id != envelope.digest().as_bytes()[..] {
            return Err(unreadable(&"its id is not that of its bytes"));
        }
        let what = if envelope.kind() == Kind::Approval {
            let read =
                Approved::verify(directory, unsigned(&envelope).bytes()).map_err(not_ours)?;
            What::Act(read.act().clone(), Box::new(read.proposal().clone()), Box::new(envelope))
        } else {
            Unverified::read(directory, &publication.statement).map_err(not_ours)?;
            match Bundle::of_publication(publication.clone()) {
                Ok(bundle) => What::Statement(Box::new(bundle)),
                // Of one that has ended, and of what is not this reader's.
                Err(_) if publication.facets.is_empty() => {
                    let bundle = Bundle::without_details(&publication.statement)?;
                    What::Withheld(Box::new(bundle))
                }
                Err(why) => return Err(why.into()),
            }
        };
        Ok(Self { said, what })
    }

    /// Its id, in hex.
    #[must_use]
    pub fn id(&self) -> String {
        hex::encode(&self.said.id)
    }

    /// What is signed.
    #[must_use]
    pub fn envelope(&self) -> Option<&Envelope> {
        match &self.what {
            What::Act(_, _, envelope) => Some(&**envelope),
            What::Statement(bundle) | What::Withheld(bundle) => {
                bundle.publications().first().map(Composed::envelope)
            }
        }
    }

    /// Whose signatures are there: "alice", or the key's id.
    #[must_use]
    pub fn signed_by(&self, directory: &Directory) -> Vec<String> {
        let signatures = self.envelope().map_or(&[][..], Envelope::signatures);
        sorted(signatures.iter().map(|signature| name_of(directory, self, &signature.key_id)))
    }

    /// For whom it waits: so many more of these.
    #[must_use]
    pub fn waits_for(&self, directory: &Directory) -> Vec<(u32, Vec<String>)> {
        match &self.what {
            What::Act(_, _, envelope) => {
                let signed = |id: &KeyId| envelope.signatures().iter().any(|of| of.key_id == *id);
                let operators = directory.charter().operators.iter();
                let left = operators.filter(|person| !signed(&person.sign.id()));
                let names = sorted(left.map(|person| person.id.to_string()));
                let there = u32::try_from(envelope.signatures().len()).unwrap_or(u32::MAX);
                match self.said.needed.saturating_sub(there) {
                    0 => Vec::new(),
                    more => vec![(more, names)],
                }
            }
            What::Statement(bundle) | What::Withheld(bundle) => {
                let missing = bundle.missing(Some(directory)).into_iter();
                let missing = missing.map(|missing| {
                    let more = missing.quorum.needed.saturating_sub(missing.found);
                    let signed = &missing.quorum.signed;
                    let left = missing.quorum.keys.iter().filter(|(id, _)| !signed.contains(id));
                    (more, sorted(left.map(|(id, _)| name_of(directory, self, id))))
                });
                missing.collect()
            }
        }
    }

    /// It waits, as the service says; else what became of it.
    ///
    /// # Errors
    /// It was carried out, given up or overtaken, or is over.
    pub fn waits(&self) -> Result<(), ClientError> {
        let (by, at) = (self.said.ended_by.clone(), self.said.ended_at);
        Err(match self.said.state() {
            ProposalState::Open => return Ok(()),
            ProposalState::CarriedOut => {
                ClientError::from(Refusal::ProposalEnded { by, committed: true, at })
                    .mended_by(Mend::ProposeOpposite)
            }
            ProposalState::Aborted => {
                ClientError::from(Refusal::ProposalEnded { by, committed: false, at })
                    .mended_by(Mend::ProposeAnew)
            }
            ProposalState::Expired => {
                ClientError::from(Refusal::ProposalExpired { at: self.said.expires })
                    .mended_by(Mend::ProposeAnew)
            }
            ProposalState::Overtaken | ProposalState::Unspecified => {
                let sentence = "it does not wait: another charter or version came before it";
                ClientError::new(Side::Ours, Family::Refused, Here::ProposalOvertaken, sentence)
                    .mended_by(Mend::ProposeAnew)
            }
        })
    }

    /// Whether somebody may sign it now, by what is seen here: what the service says of it is not enough.
    ///
    /// # Errors
    /// As [`Self::waits`]; details are withheld; it is not what comes next.
    pub fn may_be_signed(&self, directory: &Directory, now: u64) -> Result<(), ClientError> {
        self.waits()?;
        let facets = match &self.what {
            What::Act(_, proposal, _) if proposal.expires <= now => {
                return Err(Refusal::ProposalExpired { at: proposal.expires }.into());
            }
            What::Act(..) => Vec::new(),
            What::Statement(bundle) => {
                bundle.publications().iter().flat_map(|of| of.facets().to_vec()).collect()
            }
            What::Withheld(_) => {
                let sentence =
                    "the service withholds details of it, and nobody signs what he has not seen";
                let refused = Family::Refused;
                return Err(ClientError::new(
                    Side::Theirs,
                    refused,
                    Here::DetailsWithheld,
                    sentence,
                )
                .mended_by(Mend::TellOperator));
            }
        };
        let envelope = self.envelope().ok_or_else(|| unreadable(&"it is empty"))?;
        let what = desk::Unsigned::read(directory, unsigned(envelope).bytes())?;
        let what = what.verify(directory, facets)?;
        Ok(what.is_next(directory)?)
    }

    /// A signature of this key over it.
    ///
    /// # Errors
    /// The key gives no signature.
    pub fn signature(
        &self,
        key: &dyn Signer,
        ambient: &Ambient,
    ) -> Result<proto::Signature, ClientError> {
        let envelope = self.envelope().ok_or_else(|| unreadable(&"it is empty"))?;
        let signed = envelope.add_signature(key, ambient.random());
        let signed = signed.map_err(KeyError::from)?;
        let own = signed.signatures().iter().find(|of| of.key_id == key.public().id());
        let own = own.ok_or_else(|| unreadable(&"nothing was signed"))?;
        let key_id = Bytes::copy_from_slice(own.key_id.as_bytes());
        Ok(proto::Signature { sig: own.sig.clone(), key_id })
    }
}

/// People find each other by name, not by their keys' digits.
fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names
}

/// Whose a key is, as far as the directory or the charter proposed says.
fn name_of(directory: &Directory, proposed: &Proposed, id: &KeyId) -> String {
    let known = directory.key(id).map(|known| match &known.holder {
        Holder::Registrar(id) | Holder::Operator(id) | Holder::Auditor(id) => id.to_string(),
        other => other.to_string(),
    });
    known.or_else(|| listed_in(proposed, id)).unwrap_or_else(|| id.to_string())
}

/// In the charter that is proposed.
fn listed_in(proposed: &Proposed, id: &KeyId) -> Option<String> {
    let (What::Statement(bundle) | What::Withheld(bundle)) = &proposed.what else { return None };
    let charters = bundle.publications().iter().filter_map(|of| match of.statement() {
        Statement::Charter(charter) => Some(charter),
        _ => None,
    });
    let mut registrars = charters.flat_map(|charter| &charter.registrars);
    let key = |person: &&proto::Person| {
        person.sign.as_ref().is_some_and(|key| KeyId::of(&key.key) == *id)
    };
    registrars.find(key).map(|person| visible(&person.id))
}

fn the_same(shown: Proposed, id: &[u8]) -> Result<Proposed, ClientError> {
    let is_another = shown.said.id[..] != *id;
    if is_another { Err(unreadable(&"it is another one than was asked for")) } else { Ok(shown) }
}

/// What was signed before may be of somebody who has left since.
fn unsigned(envelope: &Envelope) -> Envelope {
    Envelope::assemble(envelope.kind(), envelope.payload().clone(), Vec::new())
}

/// A signature over it would be one for the directory that it names.
fn not_ours(why: Refusal) -> ClientError {
    if !matches!(why, Refusal::OtherDirectory { .. } | Refusal::OtherGenesis) {
        return unreadable(&why);
    }
    let sentence = format!("the service shows a proposal for another directory: {why}");
    ClientError::new(Side::Theirs, Family::VerificationFailed, Here::ProposalElsewhere, sentence)
        .mended_by(Mend::SignNothing)
}

fn unreadable(why: &dyn std::fmt::Display) -> ClientError {
    let sentence = format!("the service shows a proposal that cannot be read: {why}");
    ClientError::new(Side::Theirs, Family::VerificationFailed, Here::ProposalUnreadable, sentence)
}

/// The answer to a call of the administration.
async fn answered<T>(
    what: &str,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, ClientError> {
    let answer = call::answered(what, call).await;
    answer.map_err(|why| call::of_other_port(why, what, "members", Mend::NameAdminPort))
}

impl Session {
    fn admin(&self) -> AdminServiceClient<Channel> {
        AdminServiceClient::new(self.connection().channel())
            .max_decoding_message_size(limits::ADMIN_ANSWER_BYTES)
    }

    /// Where the service stands.
    ///
    /// # Errors
    /// The call's.
    pub async fn standing(&self) -> Result<v1::GetStandingResponse, ClientError> {
        let request = request_of(v1::GetStandingRequest {});
        answered("GetStanding", self.admin().get_standing(request)).await
    }

    /// What lies on the desk: those whose ids begin so, in hex.
    ///
    /// # Errors
    /// The call's; a proposal cannot be read.
    pub async fn proposals(
        &self,
        directory: &Directory,
        all: bool,
        prefix: &str,
    ) -> Result<Vec<Proposed>, ClientError> {
        let (mut found, mut after) = (Vec::new(), Bytes::new());
        loop {
            let asked = v1::ListProposalsRequest { all, prefix: prefix.to_owned(), after };
            let request = request_for(asked, limits::ADMIN_ANSWER_BYTES);
            let page = answered("ListProposals", self.admin().list_proposals(request)).await?;
            let last = page.proposals.last().map(|last| last.id.clone());
            for said in page.proposals {
                found.push(Proposed::read(directory, said)?);
            }
            match last.filter(|_| page.more) {
                Some(last) => after = last,
                None => return Ok(found),
            }
        }
    }

    /// Puts a proposal on the desk.
    ///
    /// # Errors
    /// The call's; what the service shows is another one.
    pub async fn propose(
        &self,
        directory: &Directory,
        publication: v1::Publication,
    ) -> Result<Proposed, ClientError> {
        let id = Envelope::parse(&publication.statement, limits::STATEMENT_BYTES);
        let id = id.map_err(|why| unreadable(&why))?.digest();
        let request = request_of(v1::ProposeRequest { publication: Some(publication) });
        let answer = answered("Propose", self.admin().propose(request)).await?;
        the_same(Proposed::read(directory, answer.proposal.unwrap_or_default())?, id.as_bytes())
    }

    /// Adds a signature to a proposal.
    ///
    /// # Errors
    /// The call's; what the service shows is another one.
    pub async fn approve(
        &self,
        directory: &Directory,
        id: &Bytes,
        signatures: Vec<proto::Signature>,
    ) -> Result<Proposed, ClientError> {
        let request = request_of(v1::ApproveRequest { id: id.clone(), signatures });
        let answer = answered("Approve", self.admin().approve(request)).await?;
        the_same(Proposed::read(directory, answer.proposal.unwrap_or_default())?, id)
    }

    /// Carries a proposal out.
    ///
    /// # Errors
    /// The call's.
    pub async fn carry_out(
        &self,
        id: &Bytes,
    ) -> Result<Option<v1::carry_out_response::Done>, ClientError> {
        let request = request_of(v1::CarryOutRequest { id: id.clone() });
        Ok(answered("CarryOut", self.admin().carry_out(request)).await?.done)
    }

    /// Gives a proposal up.
    ///
    /// # Errors
    /// The call's.
    pub async fn abort(&self, id: &Bytes) -> Result<(), ClientError> {
        let request = request_of(v1::AbortRequest { id: id.clone() });
        answered("Abort", self.admin().abort(request)).await.map(|_| ())
    }

    /// The connections that are open.
    ///
    /// # Errors
    /// The call's.
    pub async fn sessions(&self) -> Result<Vec<v1::Session>, ClientError> {
        let request = request_for(v1::ListSessionsRequest {}, limits::ADMIN_ANSWER_BYTES);
        Ok(answered("ListSessions", self.admin().list_sessions(request)).await?.sessions)
    }

    /// Closes connections; without numbers all but those of the administration.
    ///
    /// # Errors
    /// The call's.
    pub async fn drop_sessions(&self, sessions: Vec<u64>) -> Result<u32, ClientError> {
        let request = request_of(v1::DropSessionsRequest { sessions });
        Ok(answered("DropSessions", self.admin().drop_sessions(request)).await?.dropped)
    }

    /// The service's own keys.
    ///
    /// # Errors
    /// The call's.
    pub async fn service_keys(&self) -> Result<v1::ListServiceKeysResponse, ClientError> {
        let request = request_of(v1::ListServiceKeysRequest {});
        answered("ListServiceKeys", self.admin().list_service_keys(request)).await
    }

    /// A key of the service's for the next charter.
    ///
    /// # Errors
    /// The call's.
    pub async fn stage_service_key(
        &self,
        of: v1::ServiceKeyUse,
    ) -> Result<v1::StageServiceKeyResponse, ClientError> {
        let request = request_of(v1::StageServiceKeyRequest { r#use: of.into() });
        answered("StageServiceKey", self.admin().stage_service_key(request)).await
    }

    /// Brings a copy of the audit trail up to date: each record follows the one before, and the head
    /// behind them is signed by the relay.
    ///
    /// # Errors
    /// The call's; the trail does not go on from the copy, or its head is not the relay's.
    pub async fn audit(&self, copy: &mut Copy, directory: &Directory) -> Result<(), ClientError> {
        loop {
            let start = copy.trail.count + 1;
            let asked = v1::GetAuditRequest { start, limit: limits::AUDIT_PAGE as u32 };
            let request = request_for(asked, limits::ADMIN_ANSWER_BYTES);
            let page = answered("GetAudit", self.admin().get_audit(request)).await?;
            if copy.take(directory, &page)? {
                return Ok(());
            }
        }
    }
}

/// A copy of the audit trail, verified.
#[derive(Clone, Debug)]
pub struct Copy {
    folder: PathBuf,
    trail: Trail,
    records: Vec<Bytes>,
    /// Of the file, up to where whole records stand.
    length: u64,
    head: Option<Bytes>,
    /// One that the trail kept here does not lead to.
    contradicting: Option<Bytes>,
    /// What follows behind the tape, until a head vouches for it.
    pending: Vec<Bytes>,
}

impl Copy {
    /// Opens what this home has of it: each record follows the one before.
    ///
    /// # Errors
    /// A file cannot be read, or was altered.
    pub fn open(
        home: &Home,
        name: &DirectoryName,
        directory: &Directory,
    ) -> Result<Self, ClientError> {
        let folder = home.folder(name);
        let mut copy = Self {
            trail: Trail::empty(directory.genesis()),
            records: Vec::new(),
            length: 0,
            head: files::read_if_there(&folder.join(HEAD), HEAD_BYTES)?.map(Bytes::from),
            contradicting: None,
            pending: Vec::new(),
            folder,
        };
        let kept = tape::read(&copy.folder.join(RECORDS))?;
        copy.length = kept.length;
        for record in kept.records {
            let (trail, _) =
                copy.trail.follow(&record).map_err(|why| altered(&copy.folder, &why))?;
            copy.trail = trail;
            copy.records.push(record);
        }
        Ok(copy)
    }

    /// Takes a page, and keeps it; true once nothing is missing.
    fn take(
        &mut self,
        directory: &Directory,
        page: &v1::GetAuditResponse,
    ) -> Result<bool, ClientError> {
        let head = verified_head(directory, &page.head)?;
        let kept = self.head.as_ref().map(|kept| verified_head(directory, kept)).transpose()?;
        let view = |of: &proto::AuditHead| of.view.as_ref().map_or(0, |view| view.size);
        let counted = kept.as_ref().map_or(0, |kept| kept.count).max(self.trail.count);
        if head.count < counted {
            return Err(self.went_back(&page.head, "its head has fewer records"));
        }
        if view(&head) < kept.as_ref().map_or(0, view).max(directory.size()) {
            return Err(self.went_back(&page.head, "its head has an earlier view of the directory"));
        }
        for record in &page.records {
            match self.trail.follow(record) {
                Ok((next, _)) => self.trail = next,
                Err(why) => return Err(self.went_back(&page.head, &why.to_string())),
            }
            self.pending.push(record.clone());
            let other = |kept: &proto::AuditHead| {
                kept.count == self.trail.count && kept.chain[..] != self.trail.chain.as_bytes()[..]
            };
            if kept.as_ref().is_some_and(other) {
                return Err(self.went_back(&page.head, "its records are others than were signed"));
            }
        }
        let complete = self.trail.count == head.count;
        if complete && self.trail.chain.as_bytes()[..] != head.chain[..] {
            return Err(self.went_back(&page.head, "the head is one of other records"));
        }
        if !complete && page.records.is_empty() {
            let sentence =
                "the service shows fewer records of the audit trail than its head counts";
            let failed = Family::VerificationFailed;
            return Err(ClientError::new(Side::Theirs, failed, Here::AuditIncomplete, sentence));
        }
        // Nothing is kept that no head vouches for.
        if complete {
            self.length = tape::append(&self.folder.join(RECORDS), self.length, &self.pending)?;
            self.records.append(&mut self.pending);
            files::replace(&self.folder.join(HEAD), &page.head)?;
            self.head = Some(page.head.clone());
        }
        Ok(complete)
    }

    /// Two heads that contradict each other are evidence.
    fn went_back(&mut self, head: &Bytes, why: &str) -> ClientError {
        self.contradicting = Some(head.clone());
        let (kept, beside) = (self.folder.join(HEAD), self.folder.join(EVIDENCE));
        // The first one stands.
        if !beside.exists() {
            let _ = files::replace(&beside, head);
        }
        let sentence = format!(
            "the audit trail does not go on from where it was: {why}; what the relay signed before is \
             {}, what it signs now {}",
            kept.display(),
            beside.display()
        );
        ClientError::new(Side::Theirs, Family::VerificationFailed, Here::AuditWentBack, sentence)
            .mended_by(Mend::ShowBothHeads)
    }

    /// The head that is kept, and the one that contradicts it, as the relay signed them.
    ///
    /// # Errors
    /// One is not the relay's.
    pub fn contradiction(
        &self,
        directory: &Directory,
    ) -> Result<[Option<proto::AuditHead>; 2], ClientError> {
        let read = |head: &Option<Bytes>| {
            head.as_ref().map(|head| verified_head(directory, head)).transpose()
        };
        Ok([read(&self.head)?, read(&self.contradicting)?])
    }

    /// Moves what is kept into a folder of its own, which it gives: it stays evidence.
    ///
    /// # Errors
    /// What the system said: what was not moved yet is refused, and set aside, again.
    pub fn set_aside(self) -> Result<PathBuf, ClientError> {
        let mut aside = (1_u64..).map(|number| self.folder.join(format!("{ASIDE}-{number}")));
        let aside = aside.find(|path| !path.exists()).unwrap_or_else(|| self.folder.join(ASIDE));
        files::private_folder(&aside)?;
        for name in [EVIDENCE, RECORDS, HEAD] {
            let kept = self.folder.join(name);
            if kept.exists() {
                files::move_to(&kept, &aside.join(name))?;
            }
        }
        Ok(aside)
    }

    /// The records, read.
    #[must_use]
    pub fn records(&self) -> Vec<(AuditRecord, Bytes)> {
        let read = |bytes: &Bytes| Some((canonical::decode(bytes).ok()?, bytes.clone()));
        self.records.iter().filter_map(read).collect()
    }

    /// The head behind them, as the relay signed it.
    #[must_use]
    pub const fn head(&self) -> Option<&Bytes> {
        self.head.as_ref()
    }
}

/// Records from the first on, with the head behind them: how many.
///
/// # Errors
/// One does not follow, or the head is not theirs, or not the relay's.
pub fn verify(
    directory: &Directory,
    records: &[Bytes],
    head: &[u8],
) -> Result<(u64, proto::AuditHead), ClientError> {
    let failed = |why: &dyn std::fmt::Display| {
        let sentence = format!("this is not the audit trail that the relay signed: {why}");
        ClientError::new(Side::Ours, Family::VerificationFailed, Here::AuditAltered, sentence)
    };
    let mut trail = Trail::empty(directory.genesis());
    for record in records {
        trail = trail.follow(record).map_err(|why| failed(&why))?.0;
    }
    let head = verified_head(directory, head);
    let head = head.map_err(|why| ClientError { side: Side::Ours, ..why })?;
    if (head.count, &head.chain[..]) != (trail.count, &trail.chain.as_bytes()[..]) {
        return Err(failed(&format!(
            "the head is that of {} records with another chain, and {} are here",
            head.count, trail.count
        )));
    }
    Ok((trail.count, head))
}

/// A head of this directory, signed by a relay key that stood at its view.
fn verified_head(directory: &Directory, bytes: &[u8]) -> Result<proto::AuditHead, ClientError> {
    let failed = |why: &str| {
        let sentence = format!("the head of the audit trail is not the relay's: {why}");
        ClientError::new(Side::Theirs, Family::VerificationFailed, Here::AuditHead, sentence)
    };
    let envelope = Envelope::parse(bytes, limits::HEADER_BYTES);
    let envelope = envelope.map_err(|why| failed(&why.to_string()))?;
    if envelope.kind() != Kind::AuditHead {
        return Err(failed("it is of another kind"));
    }
    let head: proto::AuditHead =
        canonical::decode(envelope.payload()).map_err(|why| failed(&why.to_string()))?;
    let named = head.directory.clone().unwrap_or_default();
    if named.name != directory.name().as_str()
        || named.genesis != directory.genesis().as_bytes()[..]
    {
        return Err(failed("it is of another directory"));
    }
    let size = head.view.as_ref().map_or(0, |view| view.size);
    let [signature] = envelope.signatures() else { return Err(failed("one key signs it")) };
    let key = relay_key(directory, &signature.key_id, size);
    let key = key.ok_or_else(|| failed("its key was not the relay's at its view; liaison sync"))?;
    envelope.verify(key).map_err(|why| failed(&why.to_string()))?;
    Ok(head)
}

fn relay_key<'a>(directory: &'a Directory, id: &KeyId, size: u64) -> Option<&'a VerifyingKey> {
    let known = directory.key(id).filter(|known| known.purpose == Purpose::Relay)?;
    let stands = known.from < size && known.until.is_none_or(|until| size <= until);
    match &known.key {
        PublicKey::Verifying(key) if stands => Some(key),
        PublicKey::Verifying(_) | PublicKey::Sealing(_) => None,
    }
}

fn altered(folder: &Path, why: &dyn std::fmt::Display) -> ClientError {
    let path = folder.join(RECORDS);
    let sentence = format!("the copy of the audit trail, {}, was altered: {why}", path.display());
    ClientError::new(Side::Ours, Family::VerificationFailed, Here::AuditCopyAltered, sentence)
        .mended_by(Mend::FetchTrailAnew)
}

const RECORDS: &str = "audit";
const HEAD: &str = "audit-head";
const EVIDENCE: &str = "audit-head-contradicting";
/// Under it, by number, what was kept before the copy began anew.
const ASIDE: &str = "audit-before";
const HEAD_BYTES: u64 = limits::HEADER_BYTES as u64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::draft::Composer;
    use crate::world::testlog::{
        AUTHORITY, LOG, NOW, TestLog, admission, ambient, charter, key, name, person, record,
        telephone,
    };

    fn listed(envelope: &Envelope) -> v1::Proposal {
        let (statement, facets) = (envelope.bytes().clone(), Vec::new());
        v1::Proposal {
            id: Bytes::copy_from_slice(envelope.digest().as_bytes()),
            publication: Some(v1::Publication { statement, facets }),
            state: ProposalState::Open.into(),
            ..v1::Proposal::default()
        }
    }

    /// An act for this directory, but for what is changed.
    fn act(directory: &Directory, change: impl FnOnce(&mut proto::Proposal)) -> Envelope {
        let envelope = draft(directory, &Act::Drain, &ambient());
        let mut proposal: proto::Proposal = canonical::decode(envelope.payload()).unwrap();
        change(&mut proposal);
        Envelope::assemble(Kind::Approval, proposal.encode_to_vec().into(), Vec::new())
    }

    /// The next charter of this directory, but for what is changed.
    fn next(directory: &Directory, change: impl FnOnce(&mut proto::Charter)) -> Envelope {
        let next = Composer::on(directory, &ambient()).charter(charter(&[10]));
        let mut payload: proto::Charter = canonical::decode(next.envelope().payload()).unwrap();
        change(&mut payload);
        Envelope::assemble(Kind::Charter, payload.encode_to_vec().into(), Vec::new())
    }

    #[test]
    fn a_proposal_for_another_directory_is_never_shown_to_be_signed() {
        let directory = TestLog::new().directory;
        let read = |envelope: &Envelope| Proposed::read(&directory, listed(envelope));
        assert!(read(&act(&directory, |_| {})).is_ok());
        assert!(read(&next(&directory, |_| {})).is_ok());
        let name = || "eu.example".to_owned();
        let twin = || Bytes::from_static(&[7; 32]);
        for elsewhere in [
            act(&directory, |of| of.directory.as_mut().unwrap().name = name()),
            act(&directory, |of| of.directory.as_mut().unwrap().genesis = twin()),
            next(&directory, |of| of.targets[0].name = name()),
            next(&directory, |of| of.targets[0].genesis = twin()),
        ] {
            let refused = read(&elsewhere).unwrap_err();
            assert_eq!(
                (refused.reason.code(), refused.family),
                ("PROPOSAL_ELSEWHERE", Family::VerificationFailed)
            );
        }
        let nowhere = read(&act(&directory, |of| of.directory = None)).unwrap_err();
        assert_eq!(nowhere.reason.code(), "PROPOSAL_UNREADABLE");
    }

    #[test]
    fn nobody_signs_what_is_withheld_or_does_not_wait_whatever_the_service_calls_it() {
        let directory = TestLog::new().directory;
        let refused = |envelope: &Envelope, state: ProposalState, now| {
            let said = v1::Proposal { state: state.into(), ..listed(envelope) };
            let proposed = Proposed::read(&directory, said).unwrap();
            proposed.may_be_signed(&directory, now).map_err(|why| why.reason.to_string())
        };
        let (good, charter) = (act(&directory, |_| {}), next(&directory, |_| {}));
        let over = NOW + limits::PROPOSAL_SECONDS;
        let moved = act(&directory, |of| of.base += 1);
        let later = next(&directory, |of| of.targets[0].version += 1);
        let contact = |id: &str| proto::AttestedRecord {
            contact: id.to_owned(),
            expires: NOW + 86_400,
            ..proto::AttestedRecord::default()
        };
        let withheld = Composer::on(&directory, &ambient())
            .attested_record(contact("mt/csirt"), &[telephone()])
            .unwrap();
        let withheld = withheld.envelope();
        let failed = |reason: &str| Err(reason.to_owned());
        for (envelope, state, now, verdict) in [
            (&good, ProposalState::Open, NOW, Ok(())),
            (&charter, ProposalState::Open, NOW, Ok(())),
            (withheld, ProposalState::Open, NOW, failed("DETAILS_WITHHELD")),
            (withheld, ProposalState::Expired, NOW, failed("PROPOSAL_EXPIRED")),
            (withheld, ProposalState::Overtaken, NOW, failed("PROPOSAL_OVERTAKEN")),
            (&good, ProposalState::Unspecified, NOW, failed("PROPOSAL_OVERTAKEN")),
            (&good, ProposalState::CarriedOut, NOW, failed("PROPOSAL_ENDED")),
            (&good, ProposalState::Aborted, NOW, failed("PROPOSAL_ENDED")),
            (&good, ProposalState::Open, over, failed("PROPOSAL_EXPIRED")),
            (&moved, ProposalState::Open, NOW, failed("BASE_MOVED")),
            (&later, ProposalState::Open, NOW, failed("WRONG_VERSION")),
        ] {
            assert_eq!(refused(envelope, state, now), verdict);
        }
    }

    /// Whether an id is one is judged when the charter is published.
    #[test]
    fn whom_a_proposed_charter_names_writes_nothing_to_the_terminal() {
        let directory = TestLog::new().directory;
        let envelope = next(&directory, |of| {
            of.registrars = vec![person("dave", 4)];
            of.registrars[0].id = "d\u{1b}[2J\ncarol".to_owned();
        });
        let envelope = envelope.add_signature(&key(4), ambient().random()).unwrap();
        let proposed = Proposed::read(&directory, listed(&envelope)).unwrap();
        let name = r"d\u{1b}[2J\u{a}carol".to_owned();
        assert_eq!(proposed.signed_by(&directory), std::slice::from_ref(&name));
        let envelope = unsigned(&envelope);
        let proposed = Proposed::read(&directory, listed(&envelope)).unwrap();
        let waits = proposed.waits_for(&directory);
        assert!(waits.iter().any(|(_, names)| names.contains(&name)), "{waits:?}");
    }

    const RELAY: u8 = 11;

    /// A trail as a service keeps it.
    #[derive(Clone)]
    struct Told {
        records: Vec<Bytes>,
        trail: Trail,
    }

    impl Told {
        fn nothing(log: &TestLog) -> Self {
            Self { records: Vec::new(), trail: Trail::empty(log.directory.genesis()) }
        }

        fn and(self, says: &str) -> Self {
            let next = self.trail.count + 1;
            self.numbered(next, says)
        }

        fn numbered(mut self, number: u64, says: &str) -> Self {
            let says = says.to_owned();
            let record = AuditRecord { number, at: NOW, says, ..AuditRecord::default() };
            let record: Bytes = record.encode_to_vec().into();
            self.trail = self.trail.append(&record);
            self.records.push(record);
            self
        }

        fn head(&self, log: &TestLog, view: u64) -> proto::AuditHead {
            let bytes = |digest: &[u8; 32]| Bytes::copy_from_slice(digest);
            let genesis = bytes(log.directory.genesis().as_bytes());
            proto::AuditHead {
                directory: Some(proto::Directory { name: name().to_string(), genesis }),
                count: self.trail.count,
                chain: bytes(self.trail.chain.as_bytes()),
                at: NOW,
                view: Some(proto::View { size: view, root: bytes(&[7; 32]) }),
            }
        }

        /// The records behind so many, and the head of all.
        fn behind(&self, records: usize, log: &TestLog, view: u64) -> v1::GetAuditResponse {
            let head = signed(Kind::AuditHead, &self.head(log, view), &[RELAY]);
            v1::GetAuditResponse { records: self.records[records..].to_vec(), head }
        }
    }

    fn signed(kind: Kind, head: &proto::AuditHead, by: &[u8]) -> Bytes {
        let keys: Vec<_> = by.iter().map(|seed| key(*seed)).collect();
        let keys: Vec<_> = keys.iter().collect();
        let envelope = Envelope::sign(kind, head.encode_to_vec(), &keys, ambient().random());
        envelope.unwrap().bytes().clone()
    }

    /// An auditor who has seen three records, and the head behind them with a view of two entries.
    struct Auditor {
        _folder: tempfile::TempDir,
        home: Home,
        log: TestLog,
        seen: Told,
    }

    impl Auditor {
        fn new() -> Self {
            let (folder, log) = (tempfile::tempdir().unwrap(), TestLog::new());
            let home = Home::at(folder.path().to_owned());
            std::fs::create_dir_all(home.folder(&name())).unwrap();
            let seen = Told::nothing(&log).and("start").and("GetStanding").and("GetAudit");
            let auditor = Self { _folder: folder, home, log, seen };
            assert_eq!(auditor.takes(&auditor.seen.behind(0, &auditor.log, 2)), Ok(true));
            auditor
        }

        fn copy(&self) -> Result<Copy, ClientError> {
            Copy::open(&self.home, &name(), &self.log.directory)
        }

        /// What a later run makes of a page: whether it is the last, or the reason and the words.
        fn takes(&self, page: &v1::GetAuditResponse) -> Result<bool, (String, String)> {
            let taken = self.copy().and_then(|mut copy| copy.take(&self.log.directory, page));
            taken.map_err(|why| (why.reason.to_string(), why.to_string()))
        }

        fn file(&self, file: &str) -> PathBuf {
            self.home.folder(&name()).join(file)
        }
    }

    #[test]
    fn a_trail_that_does_not_go_on_from_where_it_was_is_refused_and_both_heads_are_kept() {
        let log = TestLog::new();
        let start = Told::nothing(&log).and("start");
        let (before, fork) = (start.clone().and("GetStanding"), start.and("no").and("GetAudit"));
        let seen = before.clone().and("GetAudit");
        for (page, says) in [
            (before.behind(2, &log, 2), "its head has fewer records"),
            (seen.clone().and("more").behind(3, &log, 1), "an earlier view of the directory"),
            (seen.clone().numbered(5, "more").behind(3, &log, 2), "expected record 4, found 5"),
            (fork.behind(3, &log, 2), "the head is one of other records"),
            (fork.and("more").behind(3, &log, 2), "the head is one of other records"),
        ] {
            let auditor = Auditor::new();
            let kept = std::fs::read(auditor.file(HEAD)).unwrap();
            let (reason, words) = auditor.takes(&page).unwrap_err();
            assert_eq!(reason, "AUDIT_WENT_BACK");
            assert!(words.contains(says), "{says}: {words}");
            assert_eq!(std::fs::read(auditor.file(HEAD)).unwrap(), kept, "{says}");
            assert_eq!(std::fs::read(auditor.file(EVIDENCE)).unwrap(), page.head, "{says}");
            // The first contradiction stands.
            assert!(auditor.takes(&before.behind(2, &log, 3)).is_err());
            assert_eq!(std::fs::read(auditor.file(EVIDENCE)).unwrap(), page.head, "{says}");
            assert_eq!(auditor.takes(&seen.clone().and("more").behind(3, &log, 2)), Ok(true));
        }
    }

    #[test]
    fn a_copy_that_lost_its_end_takes_only_what_its_head_is_of() {
        let auditor = Auditor::new();
        let Auditor { log, seen, .. } = &auditor;
        let tape = std::fs::OpenOptions::new().write(true).open(auditor.file(RECORDS)).unwrap();
        let length = tape.metadata().unwrap().len();
        tape.set_len(length - seen.records[2].len() as u64).unwrap();
        let start = Told::nothing(log).and("start").and("GetStanding");
        let (reason, words) =
            auditor.takes(&start.and("another").and("more").behind(2, log, 2)).unwrap_err();
        assert_eq!(reason, "AUDIT_WENT_BACK");
        assert!(words.contains("its records are others than were signed"), "{words}");
        assert_eq!(auditor.takes(&seen.clone().and("more").behind(2, log, 2)), Ok(true));
    }

    #[test]
    fn what_no_head_vouches_for_is_not_kept() {
        let auditor = Auditor::new();
        let Auditor { log, seen, .. } = &auditor;
        let mut page = seen.clone().and("four").and("five").behind(3, log, 2);
        page.records.pop();
        assert_eq!(auditor.takes(&page), Ok(false));
        assert_eq!(auditor.copy().unwrap().records().len(), 3);
        page.records.clear();
        assert_eq!(auditor.takes(&page).unwrap_err().0, "AUDIT_INCOMPLETE");
    }

    #[test]
    fn a_head_whose_view_is_behind_the_directory_is_refused() {
        let (log, _) = TestLog::populated();
        let auditor = Auditor { log, ..Auditor::new() };
        std::fs::remove_file(auditor.file(HEAD)).unwrap();
        let Auditor { log, seen, .. } = &auditor;
        let size = log.directory.size();
        let (_, words) = auditor.takes(&seen.behind(3, log, size - 1)).unwrap_err();
        assert!(words.contains("an earlier view of the directory"), "{words}");
        assert_eq!(auditor.takes(&seen.behind(3, log, size)), Ok(true));
    }

    #[test]
    fn a_head_is_believed_of_this_directory_and_of_the_relay_alone() {
        let auditor = Auditor::new();
        let Auditor { log, seen, .. } = &auditor;
        let good = seen.head(log, 2);
        let named = |name: &str, genesis: &[u8]| {
            let genesis = Bytes::copy_from_slice(genesis);
            let directory = Some(proto::Directory { name: name.to_owned(), genesis });
            proto::AuditHead { directory, ..good.clone() }
        };
        let genesis = *log.directory.genesis().as_bytes();
        let spoilt = signed(Kind::AuditHead, &good, &[RELAY]);
        let mut spoilt = proto::Dsse::decode(spoilt).unwrap();
        spoilt.signatures[0].sig = vec![7; 64].into();
        for (head, says) in [
            (signed(Kind::Header, &good, &[RELAY]), "of another kind"),
            (
                signed(Kind::AuditHead, &named("xy.example", &genesis), &[RELAY]),
                "another directory",
            ),
            (
                signed(Kind::AuditHead, &named("un.example", &[7; 32]), &[RELAY]),
                "another directory",
            ),
            (signed(Kind::AuditHead, &good, &[]), "one key signs it"),
            (signed(Kind::AuditHead, &good, &[LOG, RELAY]), "one key signs it"),
            (signed(Kind::AuditHead, &good, &[LOG]), "was not the relay's"),
            (signed(Kind::AuditHead, &good, &[99]), "was not the relay's"),
            (signed(Kind::AuditHead, &seen.head(log, 0), &[RELAY]), "was not the relay's"),
        ] {
            let page = v1::GetAuditResponse { records: Vec::new(), head };
            let (reason, words) = auditor.takes(&page).unwrap_err();
            assert_eq!(reason, "AUDIT_HEAD", "{says}");
            assert!(words.contains(says), "{says}: {words}");
        }
        let page =
            v1::GetAuditResponse { records: Vec::new(), head: spoilt.encode_to_vec().into() };
        assert_eq!(auditor.takes(&page).unwrap_err().0, "AUDIT_HEAD");
        assert_eq!(auditor.takes(&seen.behind(3, log, 2)), Ok(true));
    }

    #[test]
    fn a_copy_whose_records_do_not_follow_one_another_was_altered() {
        let auditor = Auditor::new();
        let [one, two, three] = &auditor.seen.records[..] else { panic!("three") };
        for records in [[two, one, three], [one, one, three], [two, three, three]] {
            let records: Vec<Bytes> = records.into_iter().cloned().collect();
            tape::append(&auditor.file(RECORDS), 0, &records).unwrap();
            assert_eq!(auditor.copy().unwrap_err().reason.code(), "AUDIT_COPY_ALTERED");
        }
    }

    fn said(id: &[u8], statement: &Bytes, facets: Vec<v1::OpenFacet>) -> v1::Proposal {
        let publication = Some(v1::Publication { statement: statement.clone(), facets });
        v1::Proposal { id: Bytes::copy_from_slice(id), publication, ..v1::Proposal::default() }
    }

    #[test]
    fn an_act_is_drafted_once_for_the_charter_in_force_and_read_from_its_own_bytes() {
        let (directory, ambient) = (TestLog::new().directory, ambient());
        let [one, other] = [(); 2].map(|()| draft(&directory, &Act::Drain, &ambient));
        assert_ne!(one.digest(), other.digest());
        let read = |id: &Envelope| {
            Proposed::read(&directory, said(id.digest().as_bytes(), one.bytes(), Vec::new()))
        };
        let What::Act(act, proposal, _) = read(&one).unwrap().what else { panic!("an act") };
        assert_eq!((act, proposal.base), (Act::Drain, 1));
        // So that it is not too long for a clock that is a little behind.
        assert_eq!(proposal.expires, NOW + limits::PROPOSAL_SECONDS - limits::CLOCK_AHEAD_SECONDS);
        assert_eq!(read(&other).unwrap_err().reason.code(), "PROPOSAL_UNREADABLE");
    }

    #[test]
    fn details_that_are_not_those_named_are_no_withheld_ones() {
        let (mut log, ambient) = (TestLog::new(), ambient());
        let directory = log.directory.clone();
        let admitted = Composer::on(&directory, &ambient).admission(admission()).unwrap();
        log.sign_and_add(vec![admitted], &[1, 2, AUTHORITY]).unwrap();
        let recorded = Composer::on(&log.directory, &ambient).record(record(), &[telephone()]);
        let mut wire = Bundle::of(vec![recorded.unwrap()]).to_wire().publications;
        let v1::Publication { statement, facets } = wire.pop().unwrap();
        let id = Envelope::parse(&statement, limits::STATEMENT_BYTES).unwrap().digest();
        let read = |facets| Proposed::read(&directory, said(id.as_bytes(), &statement, facets));
        assert!(matches!(read(facets.clone()).unwrap().what, What::Statement(_)));
        assert!(matches!(read(Vec::new()).unwrap().what, What::Withheld(_)));
        let mut spoilt = facets;
        spoilt[0].bytes = Bytes::from_static(b"other");
        assert!(read(spoilt).is_err());
    }
}
