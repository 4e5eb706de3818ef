//! `liaison directory`: whom to call, and why to believe it. Everything from the copy: offline.
//!
//! In scope: finding, showing, explaining, verifying again. Out of scope: bringing the copy up to
//! date (`sync`). Invariants: numbers and addresses stand before everything else; an expired record
//! warns and is shown; how a thing is proven is said with --explain and in `verify` only.

use bytes::Bytes;
use prost::Message as _;
use serde::Serialize;
use serde_json::{Value, json};

use crate::client::draft::FacetContent;
use crate::client::replica::Replica;
use crate::domain::directory::{Contact, Directory, Record};
use crate::domain::limits;
use crate::domain::refusal::Refusal;
use crate::office::error::{ClientError, Family, Here, Mend, Rule, Side};
use crate::office::reach::{Part, Said, parts_of};
use crate::office::terms::{ContactId, Digest, KeyId, Level, MemberId};
use crate::office::told::Note;
use crate::signed::dsse::Envelope;
use crate::signed::proto::{self, entry::Leaf};
use crate::tlog::{merkle, proof};
use crate::words::{self, visible};

use super::Context;
use super::args::LevelArg;
use super::layout::{self, Lines};

/// `liaison directory list`.
///
/// # Errors
/// There is no copy, or it does not verify.
pub(crate) async fn list(
    ctx: &Context,
    member: Option<MemberId>,
    level: Option<LevelArg>,
) -> Result<(), ClientError> {
    let replica = ctx.office.replica()?;
    let directory = replica.directory()?;
    if let Some(unknown) = member.as_ref().filter(|id| directory.member(id).is_none()) {
        return Err(ClientError::from(Refusal::UnknownMember(unknown.clone()))
            .mended_by(Mend::ListDirectory));
    }
    let level = level.map(Level::from);
    let listed = directory.contacts().filter(|contact| {
        let of_member = member.as_ref().is_none_or(|member| contact.id.member() == *member);
        let record = contact.record.as_ref();
        of_member
            && record.is_some_and(|record| level.is_none_or(|level| record.levels.contains(&level)))
    });
    let now = ctx.office.ambient().now();
    let rows: Vec<Row> = listed.map(|contact| Row::of(directory, contact, now)).collect();
    let seen = Seen::of(ctx, &replica)?;
    let object = json!({ "copy": seen, "contacts": rows });
    ctx.out.data(&object, || {
        if rows.is_empty() {
            return match level {
                Some(level) => {
                    format!("no contact here is listed at {} level", words::level(level))
                }
                None => "no contact is listed yet".to_owned(),
            };
        }
        let header = ["CONTACT", "NAME", "MEMBER", "LEVELS", "TAKES PART", "UNTIL"];
        layout::table(&header, rows.iter().map(Row::cells))
    });
    seen.say(ctx);
    Ok(())
}

/// `liaison directory show`.
///
/// # Errors
/// There is no copy, or nobody of this id in it.
pub(crate) async fn show(ctx: &Context, who: &str, explain: bool) -> Result<(), ClientError> {
    let replica = ctx.office.replica()?;
    let directory = replica.directory()?;
    let found = named(directory, who);
    if found.is_empty() {
        return Err(nobody(directory, who));
    }
    let pages = found.into_iter().map(|contact| Page::of(ctx, &replica, contact));
    let pages: Vec<Page> = pages.collect::<Result<_, _>>()?;
    let seen = Seen::of(ctx, &replica)?;
    let contacts: Vec<Value> = pages.iter().map(|page| page.json(explain)).collect();
    let object = json!({ "copy": seen, "contacts": contacts });
    ctx.out.data(&object, || {
        let pages = pages.iter().map(|page| page.text(explain));
        pages.collect::<Vec<_>>().join("\n")
    });
    for over in pages.iter().filter_map(|page| page.over.clone()) {
        ctx.office.tell(over);
    }
    seen.say(ctx);
    Ok(())
}

/// `liaison directory who`.
///
/// # Errors
/// There is no copy, or nothing in it matches.
pub(crate) async fn who(ctx: &Context, word: &str) -> Result<(), ClientError> {
    let replica = ctx.office.replica()?;
    let directory = replica.directory()?;
    let (needle, state) = (Needle::new(word), state(word));
    let mut found = Vec::new();
    for contact in directory.contacts().filter(|contact| contact.record.is_some()) {
        let fits = match &state {
            Some(state) => contact.id.member() == *state,
            None => {
                let words = words_of(&replica, directory, contact)?;
                words.iter().any(|word| needle.is_in(word))
            }
        };
        if fits {
            found.push(contact);
        }
    }
    if found.is_empty() {
        return Err(nobody(directory, word));
    }
    let now = ctx.office.ambient().now();
    let rows = found.iter().map(|contact| {
        let parts = parts_of(&replica, &contact.id)?;
        let reach = |name: &str| {
            let part = parts.iter().find(|part| part.name == name);
            part.and_then(words::lines).unwrap_or_default()
        };
        Ok((Row::of(directory, contact, now), reach("telephone"), reach("email")))
    });
    let rows: Vec<(Row, Vec<String>, Vec<String>)> = rows.collect::<Result<_, ClientError>>()?;
    let seen = Seen::of(ctx, &replica)?;
    let contacts: Vec<Value> = rows
        .iter()
        .map(|(row, telephone, email)| {
            json!({ "contact": row, "telephone": telephone, "email": email })
        })
        .collect();
    ctx.out.data(&json!({ "copy": seen, "contacts": contacts }), || {
        let header = ["CONTACT", "NAME", "MEMBER", "TAKES PART", "TELEPHONE", "E-MAIL"];
        let rows = rows.iter().map(|(row, telephone, email)| {
            let [contact, name, member, _, part, _] = row.cells_array();
            let cell = |lines: &[String]| visible(lines.first().map_or("", String::as_str));
            vec![contact, name, member, part, cell(telephone), cell(email)]
        });
        layout::table(&header, rows)
    });
    seen.say(ctx);
    if let [contact] = &found[..] {
        ctx.out.say(format_args!("more: liaison directory show {}", contact.id));
    }
    Ok(())
}

/// `liaison directory verify`.
///
/// # Errors
/// The copy does not verify, or there is none.
pub(crate) async fn verify(ctx: &Context) -> Result<(), ClientError> {
    let unverified = |mut error: ClientError| {
        error.details.insert("verified".to_owned(), "false".to_owned());
        error
    };
    // Every entry is folded again and compared with the checkpoint.
    let replica = ctx.office.replica_anew().map_err(unverified)?;
    let directory = replica.directory().map_err(|why| unverified(why.into()))?;
    let checkpoint = replica.checkpoint();
    let checkpoint = checkpoint.ok_or_else(|| failed("the copy has no checkpoint"))?;
    // And once more without what the fold has made of them: the leaves alone.
    let root = replica.root_on_disk(checkpoint.size())?;
    let root = root.ok_or_else(|| unverified(failed("an entry is missing from the copy")))?;
    if root != checkpoint.root() {
        let sentence = format!("expected the root {}, found {root}", checkpoint.root());
        return Err(unverified(failed(&sentence)));
    }
    let withheld = replica.withheld()?;
    let (size, name) = (checkpoint.size(), directory.name());
    let statements = directory.size();
    let contacts = directory.contacts().filter(|contact| contact.record.is_some()).count();
    let frozen = replica.frozen();
    let object = json!({
        "verified": frozen.is_none(),
        "directory": name.to_string(),
        "genesis": words::hash(&directory.genesis()),
        "size": size,
        "root": words::hash(&root),
        "folded": statements,
        "members": directory.members().count(),
        "contacts": contacts,
        "witnesses": directory.charter().witnesses.len(),
        "cosigned": false,
        "withheld": withheld.len(),
        "state": words::state(frozen),
        "frozen": frozen.map(ToString::to_string),
    });
    ctx.out.data(&object, || {
        let all = match frozen {
            None => format!("Verified: all {statements} statements of {name} from entry 0 on"),
            Some(_) => {
                format!("Verified as far as this program can: {statements} statements of {name}")
            }
        };
        format!(
            "{all}, their signatures and the rules; the root of {size} entries is the one that \
             the log signed; unwitnessed.\nroot {root}"
        )
    });
    for (contact, facet) in &withheld {
        ctx.out.warn(format_args!("{} of {contact}: {}", facet.name, words::NOT_HERE));
    }
    super::sync::current(frozen)
}

fn failed(sentence: &str) -> ClientError {
    ClientError::new(Side::Ours, Family::VerificationFailed, Here::OtherRoot, sentence)
}

/// The contact of an id, or the contacts of a member.
fn named<'a>(directory: &'a Directory, who: &str) -> Vec<&'a Contact> {
    let who = who.trim().to_lowercase();
    if let Ok(id) = who.parse::<ContactId>() {
        return directory.contact(&id).into_iter().collect();
    }
    let Ok(id) = who.parse::<MemberId>() else { return Vec::new() };
    directory.contacts_of(&id).filter(|contact| contact.record.is_some()).collect()
}

fn nobody(directory: &Directory, who: &str) -> ClientError {
    let contacts = directory.contacts().filter(|contact| contact.record.is_some()).count();
    let who = visible(who);
    let sentence =
        format!("there is no {who} among the {contacts} contacts of {}", directory.name());
    let mend = match who.split('/').next() {
        Some(first) if who.contains('/') => Mend::LookUp(first.to_owned()),
        _ => Mend::ListDirectory,
    };
    ClientError::new(Side::Ours, Family::NotFound, Rule::UnknownContact, sentence).mended_by(mend)
}

/// A State is named by its two letters, which no other country's name stands for: de is in Sweden.
fn state(word: &str) -> Option<MemberId> {
    let word = word.trim().to_lowercase();
    let two = word.len() == 2 && word.bytes().all(|letter| letter.is_ascii_lowercase());
    word.parse().ok().filter(|_| two)
}

/// What a search compares, without what is neither letter nor digit: JPCERT/CC is in jpcert-cc.
struct Needle(String);

impl Needle {
    fn new(word: &str) -> Self {
        Self(squeezed(word))
    }

    /// In either case, where a word begins. Digits, and letters of scripts that do not divide words
    /// as ours do, anywhere: 814 in +81 4.
    fn is_in(&self, text: &str) -> bool {
        let Some(first) = self.0.chars().next() else { return false };
        let mut within = false;
        text.char_indices().any(|(at, char)| {
            let begins = !(within && first.is_lowercase());
            within = char.is_alphanumeric();
            begins && within && squeezed(&text[at..]).starts_with(&self.0)
        })
    }
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Everything by which a contact may be found.
fn words_of(
    replica: &Replica,
    directory: &Directory,
    contact: &Contact,
) -> Result<Vec<String>, ClientError> {
    let mut words = vec![contact.id.to_string()];
    let member = directory.member(&contact.id.member());
    let names = member.into_iter().flat_map(|member| &member.names);
    let names = names.chain(contact.record.iter().flat_map(|record| &record.names));
    words.extend(names.map(|name| name.text.clone()));
    for (name, bytes) in replica.facets_of(&contact.id)? {
        match bytes.and_then(|bytes| FacetContent::read(&name, &bytes)) {
            Some(FacetContent::Email(email)) => {
                words.extend(email.addresses.into_iter().map(|email| email.address));
            }
            Some(FacetContent::Telephone(telephone)) => {
                words.extend(telephone.numbers.into_iter().map(|number| number.number));
            }
            Some(FacetContent::Web(web)) => words.push(web.website),
            Some(_) | None => {}
        }
    }
    Ok(words)
}

/// A contact in a table.
#[derive(Serialize)]
struct Row {
    contact: String,
    name: String,
    member: String,
    levels: Vec<String>,
    takes_part: &'static str,
    until: u64,
    expired: bool,
}

impl Row {
    fn of(directory: &Directory, contact: &Contact, now: u64) -> Self {
        let record = contact.record.as_ref();
        let levels = record.map(|record| record.levels.clone()).unwrap_or_default();
        let until = record.map_or(0, |record| record.expires);
        Self {
            contact: contact.id.to_string(),
            name: words::name_of(contact),
            member: member_name(directory, &contact.id.member()),
            levels: levels.into_iter().map(words::level).collect(),
            takes_part: words::part(directory, contact),
            until,
            expired: until < now,
        }
    }

    fn cells(&self) -> Vec<String> {
        self.cells_array().to_vec()
    }

    fn cells_array(&self) -> [String; 6] {
        let expired = if self.expired { " (expired)" } else { "" };
        [
            self.contact.clone(),
            self.name.clone(),
            self.member.clone(),
            self.levels.join(", "),
            self.takes_part.to_owned(),
            format!("{}{expired}", words::day(self.until)),
        ]
    }
}

fn member_name(directory: &Directory, id: &MemberId) -> String {
    let name = directory.member(id).map(|member| words::name(&member.names));
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| id.to_string())
}

/// How old the copy is from which something was read.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Seen {
    directory: String,
    size: u64,
    synced_at: Option<u64>,
    stale: bool,
    witnessed: bool,
    state: &'static str,
    #[serde(skip)]
    now: u64,
}

impl Seen {
    /// Of a copy.
    pub(super) fn of(ctx: &Context, replica: &Replica) -> Result<Self, ClientError> {
        let (directory, now) = (replica.directory()?, ctx.office.ambient().now());
        Ok(Self {
            directory: directory.name().to_string(),
            size: replica.view()?.size,
            synced_at: replica.synced_at(),
            stale: replica.is_stale(now),
            witnessed: false,
            state: words::state(replica.frozen()),
            now,
        })
    }

    /// In one line.
    pub(super) fn line(&self) -> String {
        let age = match self.synced_at {
            Some(at) => format!(
                "copy of {}, {} old",
                words::when(at),
                words::span(self.now.saturating_sub(at))
            ),
            None => "copy of unknown age".to_owned(),
        };
        format!("directory {}, unwitnessed; {age}", self.directory)
    }

    /// Says it, and warns if the copy is stale.
    pub(super) fn say(&self, ctx: &Context) {
        ctx.out.say(self.line());
        self.warn(ctx);
    }

    /// Warns if the copy is stale.
    pub(super) fn warn(&self, ctx: &Context) {
        if self.state != words::CURRENT {
            ctx.office.tell(Note::CopyStandsStill);
        } else if self.stale {
            ctx.office.tell(Note::CopyStale);
        }
    }
}

/// Everything about one contact.
struct Page {
    contact: ContactId,
    names: Vec<proto::Text>,
    member: String,
    row: Row,
    parts: Vec<Part>,
    why: String,
    over: Option<Note>,
    seats: Vec<String>,
    next: Vec<(String, Vec<String>)>,
    proofs: Vec<Proof>,
    facets: Vec<(String, String, bool)>,
}

impl Page {
    fn of(ctx: &Context, replica: &Replica, contact: &Contact) -> Result<Self, ClientError> {
        let (directory, now) = (replica.directory()?, ctx.office.ambient().now());
        let record = contact.record.as_ref();
        let seats = directory.sealing_seats(&contact.id);
        let mut proofs = vec![Proof::of(replica, "record", contact.record_newest.leaf)?];
        if let Some(newest) = &contact.roster_newest {
            proofs.push(Proof::of(replica, "roster", newest.leaf)?);
        }
        if let Some(member) = directory.member(&contact.id.member()) {
            proofs.push(Proof::of(replica, "admission", member.newest.leaf)?);
        }
        let of_record = record.into_iter().flat_map(|record| &record.facets);
        let of_roster = contact.roster.iter().flat_map(|roster| &roster.facets);
        let facets = of_record.chain(of_roster).map(|facet| {
            let here = replica.facet(&facet.hash).is_some();
            (facet.name.clone(), hex::encode(&facet.hash), here)
        });
        let signers = proofs.first().map(|proof| proof.signers.clone()).unwrap_or_default();
        Ok(Self {
            contact: contact.id.clone(),
            names: record.map(|record| record.names.clone()).unwrap_or_default(),
            member: member_name(directory, &contact.id.member()),
            row: Row::of(directory, contact, now),
            parts: parts_of(replica, &contact.id)?,
            why: why(directory, contact, &signers),
            over: record.and_then(|of| Note::of_record(&contact.id, of.expires, now)),
            seats: seats.map(|(seat, _, _)| seat.name().to_owned()).collect(),
            next: record.map(next_in_line).unwrap_or_default(),
            facets: facets.collect(),
            proofs,
        })
    }

    fn text(&self, explain: bool) -> String {
        let mut lines = Lines::default();
        lines.line("contact", format!("{} ({})", self.contact, self.member));
        for name in &self.names {
            lines.line("name", format!("{} [{}]", visible(&name.text), visible(&name.language)));
        }
        lines.line("levels", self.row.levels.join(", "));
        for part in &self.parts {
            match words::lines(part) {
                Some(said) => said.iter().for_each(|line| lines.line(&part.name, visible(line))),
                None => lines.line(&part.name, words::NOT_HERE),
            }
        }
        lines.line("takes part", self.takes_part());
        for (level, contacts) in &self.next {
            lines.line("next in line", format!("{level}: {}", contacts.join(", then ")));
        }
        if self.row.until > 0 {
            lines.line("holds until", words::day(self.row.until));
        }
        lines.line("believed", self.why.clone());
        if explain {
            self.explain(&mut lines);
        }
        lines.text()
    }

    fn takes_part(&self) -> String {
        match self.row.takes_part {
            "listed" => "listed: call or write; no message can be sealed to it".to_owned(),
            "signed" => "signed: no seat is on duty; call or write".to_owned(),
            "connected" => format!("connected: on duty {}", self.seats.join(", ")),
            other => other.to_owned(),
        }
    }

    fn explain(&self, lines: &mut Lines) {
        for proof in &self.proofs {
            lines.line(
                proof.what,
                format!("leaf {} of {}, {}", proof.leaf, proof.size, proof.said()),
            );
            lines.line("  statement", proof.statement.clone());
            for signer in &proof.signers {
                lines.line("  signed by", signer.to_string());
            }
        }
        for (name, hash, here) in &self.facets {
            let withheld = if *here { "" } else { " (withheld)" };
            lines.line("facet", format!("{hash} {name}{withheld}"));
        }
    }

    fn json(&self, explain: bool) -> Value {
        let part = |part: &Part| (part.name.clone(), json!(words::lines(part)));
        let names = self.names.iter().map(|name| (name.language.clone(), json!(name.text)));
        let next = self.next.iter().map(|(level, to)| json!({ "level": level, "contacts": to }));
        let withheld = self.parts.iter().filter(|part| part.said == Said::NotHere);
        let mut object = json!({
            "contact": self.contact.to_string(),
            "member": self.contact.member().to_string(),
            "member_name": self.member,
            "names": names.collect::<serde_json::Map<_, _>>(),
            "levels": self.row.levels,
            "says": self.parts.iter().map(part).collect::<serde_json::Map<_, _>>(),
            "takes_part": self.row.takes_part,
            "seats": self.seats,
            "next_in_line": next.collect::<Vec<_>>(),
            "until": self.row.until,
            "expired": self.row.expired,
            "believed": self.why,
            "not_handed_over": withheld.map(|part| part.name.clone()).collect::<Vec<_>>(),
        });
        if explain && let Some(object) = object.as_object_mut() {
            let facets = self.facets.iter().map(
                |(name, hash, here)| json!({ "name": name, "sha256": hash, "withheld": !here }),
            );
            let proofs = self.proofs.iter().map(Proof::json);
            let explained = json!({
                "statements": proofs.collect::<Vec<_>>(),
                "facets": facets.collect::<Vec<_>>(),
            });
            object.insert("explained".to_owned(), explained);
        }
        object
    }
}

/// Why to believe it: one neutral sentence.
fn why(directory: &Directory, contact: &Contact, signers: &[KeyId]) -> String {
    let member = member_name(directory, &contact.id.member());
    let keys: Vec<String> = signers.iter().map(ToString::to_string).collect();
    let keys = keys.join("; ");
    match &contact.record {
        None => format!("withdrawn; signed with the key {keys}"),
        Some(record) if record.attested => {
            let note = record.note.as_ref().map_or_else(String::new, |note| {
                let reference = visible(&note.reference);
                format!(" (note verbale {reference} of {})", words::day(note.date))
            });
            format!("entered for the State by the registrar, not signed by the State{note}")
        }
        Some(record) => {
            let on = words::day(record.issued_at);
            format!("signed by the authority of {member} on {on}, key {keys}")
        }
    }
}

fn next_in_line(record: &Record) -> Vec<(String, Vec<String>)> {
    let ladders = record.ladders.iter().map(|ladder| {
        let level = proto::Level::try_from(ladder.level).unwrap_or_default();
        (words::level(level), ladder.contacts.iter().map(|id| visible(id)).collect())
    });
    ladders.collect()
}

/// An entry of the log, proven against the checkpoint.
struct Proof {
    what: &'static str,
    leaf: u64,
    size: u64,
    hashes: usize,
    holds: bool,
    statement: String,
    signers: Vec<KeyId>,
}

impl Proof {
    fn of(replica: &Replica, what: &'static str, leaf: u64) -> Result<Self, ClientError> {
        let lacks = || failed(&format!("entry {leaf} is not in the copy"));
        let checkpoint = replica.checkpoint().ok_or_else(lacks)?;
        let proven = replica.proven(leaf)?.ok_or_else(lacks)?;
        let path = proven.inclusion.iter().map(|hash| Digest::try_from(&hash[..]));
        let path: Vec<Digest> = path.collect::<Result<_, _>>().map_err(|_| lacks())?;
        let (hash, size) = (merkle::leaf_hash(&proven.entry), checkpoint.size());
        let checked = proof::verify_inclusion(hash, leaf, size, &path, checkpoint.root());
        let envelope = statement(&proven.entry).ok_or_else(lacks)?;
        Ok(Self {
            what,
            leaf,
            size,
            hashes: path.len(),
            holds: checked.is_ok(),
            statement: words::hash(&envelope.digest()),
            signers: envelope.signatures().iter().map(|signature| signature.key_id).collect(),
        })
    }

    fn said(&self) -> String {
        let holds = if self.holds { "verified" } else { "DOES NOT HOLD" };
        format!("inclusion proof of {} hashes {holds} against the checkpoint", self.hashes)
    }

    fn json(&self) -> Value {
        let keys = self.signers.iter().map(|key| hex::encode(key.as_bytes()));
        json!({
            "what": self.what,
            "leaf_index": self.leaf,
            "tree_size": self.size,
            "inclusion_verified": self.holds,
            "statement": self.statement,
            "key_ids": keys.collect::<Vec<_>>(),
        })
    }
}

fn statement(entry: &Bytes) -> Option<Envelope> {
    let entry = proto::Entry::decode(entry.clone()).ok()?;
    let Leaf::Statement(bytes) = entry.leaf?;
    Envelope::parse(&bytes, limits::STATEMENT_BYTES).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_is_found_however_its_name_is_written() {
        for word in ["JPCERT/CC", "jpcert", "jpcert-cc", "JPCERT CC", "jp/jpcert-cc"] {
            assert!(Needle::new(word).is_in("jp/jpcert-cc"), "{word}");
        }
        assert!(Needle::new("+81 3").is_in("+813555"));
        assert!(Needle::new("ÉTAT").is_in("état-major"));
        assert!(!Needle::new("").is_in("anything"));
        assert!(!Needle::new("/").is_in("jpcert"));
        assert!(!Needle::new("cert-fr").is_in("jp/jpcert-cc"));
        for (word, text) in [("swed", "Kingdom of Sweden"), ("3555", "+813555"), ("京", "東京都")]
        {
            assert!(Needle::new(word).is_in(text), "{word}");
        }
        for (word, text) in [("den", "Sweden"), ("tat", "État-major"), ("fr", "infra.example")] {
            assert!(!Needle::new(word).is_in(text), "{word}");
        }
    }

    #[test]
    fn two_letters_are_a_state_and_no_part_of_anothers_name() {
        assert_eq!(state(" DE ").unwrap().as_str(), "de");
        for word in ["d", "deu", "d1", "+1", "京"] {
            assert!(state(word).is_none(), "{word}");
        }
    }
}
