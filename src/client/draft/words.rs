//! What a statement says, in words: read before it is signed.
//!
//! In scope: every field that decides something, and the facets opened. Out of scope: layout.
//! Invariant: what cannot be shown is said to be there; nothing is left out in silence.

use jiff::Timestamp;

use crate::client::message::text::visible;
use crate::crypto::hash::Digest;
use crate::crypto::sign::{KeyId, eye};
use crate::domain::directory::{Directory, Policy, Statement};
use crate::domain::ids::MemberId;
use crate::signed::canonical;
use crate::signed::proto::{self, Custody, Level, MemberKind, Purpose, Reason};

use super::charter::{dangerous_quorum, too_few_operators};
use super::{Bundle, Composed, FacetContent};

const FOLLOWS: &str = "follows";
const MIND: &str = "MIND";

/// One line: what, and its value. A heading has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What the line is about.
    pub label: String,
    /// What it says; empty in a heading.
    pub text: String,
}

/// What the statements of a bundle say, line by line.
#[must_use]
pub fn in_words(bundle: &Bundle) -> Vec<Line> {
    bundle.publications().iter().flat_map(of_one).collect()
}

fn of_one(publication: &Composed) -> Vec<Line> {
    let mut words = Words(Vec::new());
    let statement = publication.statement();
    for target in statement.targets() {
        let version = target.version;
        let text = match statement {
            Statement::Revocation(_) => format!("for {}", target.name),
            _ => format!("version {version}, for {}", target.name),
        };
        words.line(kind(statement), text);
        if !target.genesis.is_empty() {
            words.line("genesis", digest(&target.genesis));
        }
    }
    words.line("signed at", time(statement.issued_at()));
    match statement {
        Statement::Charter(charter) => words.charter(charter),
        Statement::Admission(admission) => words.admission(admission),
        Statement::AttestedRecord(record) => words.attested(record),
        Statement::Record(record) => words.record(record),
        Statement::Roster(roster) => words.roster(roster),
        Statement::Withdrawal(end) => words.line("withdraws", end.contact.clone()),
        Statement::Revocation(revocation) => words.revocation(revocation),
        #[cfg(test)]
        Statement::Trial(_) => {}
    }
    words.facets(publication);
    words.line("fingerprint", eye(&publication.envelope().digest()));
    let signed = publication.envelope().signatures().len();
    words.line("signatures", format!("{signed} so far"));
    words.0
}

/// What a charter or an admission changes, against the one before as far as it is known, and what
/// that means.
#[must_use]
pub fn changes(directory: Option<&Directory>, bundle: &Bundle) -> Vec<Line> {
    let statements = bundle.publications().iter().map(Composed::statement);
    statements.flat_map(|statement| changes_of(directory, statement).0).collect()
}

fn changes_of(directory: Option<&Directory>, next: &Statement) -> Words {
    let mut words = Words(Vec::new());
    let version = next.targets().first().map_or(0, |target| target.version);
    match next {
        Statement::Charter(next) => {
            let before = directory.map(Directory::charter);
            let before = before.filter(|before| before.newest.version < version);
            let said = before.and_then(|before| canonical::decode(&before.payload).ok());
            if let (Some(before), Some(said)) = (before, said) {
                let of = format!("of charter {}, the newest known here", before.newest.version);
                words.changed(of, |words| words.charter(&said), |words| words.charter(next));
            }
            let (registrars, operators) = (next.registrars.len(), next.operators.len());
            if let Some(danger) = dangerous_quorum(registrars, next.threshold) {
                let stand = "three registrars, of whom two decide, stand both";
                words.line(MIND, format!("{danger}; {stand}"));
            }
            if let Some(danger) = too_few_operators(operators) {
                words.line(MIND, danger);
            }
        }
        Statement::Admission(next) => {
            let before = next.member.parse().ok();
            let before = before.and_then(|id: MemberId| directory?.member(&id));
            let before = before.filter(|before| before.newest.version < version);
            let said = before.and_then(|before| canonical::decode(&before.payload).ok());
            if let (Some(before), Some(said)) = (before, said) {
                let of = format!("of {}, admitted by entry {}", before.id, before.newest.leaf);
                words.changed(of, |words| words.admission(&said), |words| words.admission(next));
            }
        }
        _ => {}
    }
    words
}

const fn kind(statement: &Statement) -> &'static str {
    match statement {
        Statement::Charter(_) => "charter",
        Statement::Admission(_) => "admission",
        Statement::AttestedRecord(_) => "record entered for a State",
        Statement::Record(_) => "record",
        Statement::Roster(_) => "roster",
        Statement::Withdrawal(_) => "withdrawal",
        Statement::Revocation(_) => "revocation",
        #[cfg(test)]
        Statement::Trial(_) => "trial",
    }
}

struct Words(Vec<Line>);

/// The lines, each with those that belong to it; what names the charter before is no change.
fn items(said: impl Fn(&mut Words)) -> Vec<Line> {
    let (mut words, mut items) = (Words(Vec::new()), Vec::<Line>::new());
    said(&mut words);
    for line in words.0 {
        match items.last_mut().filter(|_| line.label.starts_with(' ')) {
            Some(of) => of.text.push_str(&format!(", {} {}", line.label.trim(), line.text)),
            None => items.push(line),
        }
    }
    items.retain(|line| line.label != FOLLOWS);
    items
}

impl Words {
    fn line(&mut self, label: &str, text: impl Into<String>) {
        self.0.push(Line { label: visible(label), text: visible(&text.into()) });
    }

    /// What one says and the other does not: what both say once, with both values.
    fn changed(&mut self, of: String, before: impl Fn(&mut Self), next: impl Fn(&mut Self)) {
        let [before, next] = [items(before), items(next)];
        let only = |one: &[Line], other: &[Line]| -> Vec<Line> {
            one.iter().filter(|line| !other.contains(line)).cloned().collect()
        };
        let once =
            |of: &[Line], label: &str| of.iter().filter(|line| line.label == label).count() == 1;
        let (mut gone, new) = (only(&before, &next), only(&next, &before));
        let is_none = gone.is_empty() && new.is_empty();
        self.line("CHANGES", if is_none { format!("{of}: none") } else { of });
        for Line { label, text } in new {
            let both = once(&before, &label) && once(&next, &label);
            match gone.iter().position(|line| both && line.label == label) {
                Some(found) => {
                    let was = gone.remove(found).text;
                    self.line("  changed", format!("{label}: {was} -> {text}"));
                }
                None => self.line("  added", format!("{label} {text}")),
            }
        }
        for Line { label, text } in gone {
            self.line("  removed", format!("{label} {text}"));
        }
    }

    fn charter(&mut self, charter: &proto::Charter) {
        if !charter.previous.is_empty() {
            self.line(FOLLOWS, digest(&charter.previous));
        }
        self.line("rules", format!("version {}", charter.rules));
        let (threshold, of) = (charter.threshold, charter.registrars.len());
        self.line("decided by", format!("{threshold} of {of} registrars"));
        self.persons("registrar", &charter.registrars);
        self.persons("operator", &charter.operators);
        self.persons("auditor", &charter.auditors);
        charter.log.iter().for_each(|key| self.key("log key", Some(key)));
        charter.relay.iter().for_each(|key| self.key("relay key", Some(key)));
        for certificate in &charter.service_ca {
            self.line("service authority", eye(&Digest::of(certificate)));
        }
        for witness in &charter.witnesses {
            self.line("witness", witness.name.clone());
            self.key("  key", witness.key.as_ref());
        }
        if !charter.witnesses.is_empty() {
            let of = charter.witnesses.len();
            self.line("witnesses needed", format!("{} of {of}", charter.quorum));
        }
        let policy = Policy::of(&charter.policy);
        self.line("stale after", seconds(policy.stale_after));
        self.line("routing metadata kept", seconds(policy.metadata_kept));
        self.line("acknowledge priority within", seconds(policy.priority_within));
        self.line("acknowledge immediate within", seconds(policy.immediate_within));
        self.line("acknowledge flash within", seconds(policy.flash_within));
        let (count, bytes) = (policy.member_day_count, policy.member_day_bytes);
        self.line("a member's day", format!("{count} statements, {bytes} bytes"));
        // As they are signed, whether this version knows them or not.
        for setting in &charter.policy {
            self.line("setting", format!("{}={}", setting.name, setting.value));
        }
    }

    fn persons(&mut self, role: &str, persons: &[proto::Person]) {
        for person in persons {
            self.line(role, format!("{} ({})", person.id, shown(&person.name)));
            self.key("  signs with", person.sign.as_ref());
            self.key("  connects with", person.tls.as_ref());
        }
    }

    fn admission(&mut self, admission: &proto::Admission) {
        self.line("member", admission.member.clone());
        let kind = MemberKind::try_from(admission.kind).map(|kind| kind.as_str_name());
        self.line("kind", word(kind.ok(), "MEMBER_KIND_"));
        self.names(&admission.names);
        if admission.authority.is_empty() {
            self.line("authority", "none: the member is only listed");
        } else {
            let (needed, of) = (admission.threshold, admission.authority.len());
            self.line("authority", format!("{needed} of {of} keys"));
            admission.authority.iter().for_each(|key| self.key("  key", Some(key)));
        }
        self.note(admission.note.as_ref());
    }

    fn attested(&mut self, record: &proto::AttestedRecord) {
        self.line("contact", record.contact.clone());
        self.line("standing", "entered for the State by the registrar, not signed by the State");
        self.names(&record.names);
        self.line("levels", levels(&record.levels));
        self.line("matters", purposes(&record.purposes));
        self.line("holds until", time(record.expires));
        self.note(record.note.as_ref());
    }

    fn record(&mut self, record: &proto::Record) {
        self.line("contact", record.contact.clone());
        self.names(&record.names);
        self.line("levels", levels(&record.levels));
        self.line("matters", purposes(&record.purposes));
        self.line("holds until", time(record.expires));
        match &record.keeper {
            None => self.line("keeper", "none: the authority keeps the roster"),
            keeper => self.key("keeper", keeper.as_ref()),
        }
        let custody = match Custody::try_from(record.custody) {
            Ok(Custody::Separate) => "apart from keeper and seats",
            Ok(Custody::OneMachine) => "on one machine with keeper and seats",
            Ok(Custody::NotStated | Custody::Unspecified) | Err(_) => "not stated",
        };
        self.line("authority's key", custody);
        for ladder in &record.ladders {
            let label = format!("stand in at {} level", level(ladder.level));
            self.line(&label, ladder.contacts.join(", then "));
        }
        self.note(record.note.as_ref());
    }

    fn roster(&mut self, roster: &proto::Roster) {
        self.line("contact", roster.contact.clone());
        for seat in &roster.seats {
            let safe = if seat.sign.is_none() { " (safe: opens, nothing else)" } else { "" };
            self.line("seat", format!("{}/{}{safe}", roster.contact, seat.name));
            for (label, key) in [
                ("  signs with", &seat.sign),
                ("  opens with", &seat.seal),
                ("  connects with", &seat.tls),
            ] {
                if key.is_some() {
                    self.key(label, key.as_ref());
                }
            }
        }
        if roster.seats.is_empty() {
            self.line("seats", "none: nothing can be sealed to this contact");
        }
    }

    fn revocation(&mut self, revocation: &proto::Revocation) {
        self.line("ends the keys of", revocation.seat.clone());
        for id in &revocation.key_ids {
            self.line("  key", digest(id));
        }
        let reason = Reason::try_from(revocation.reason).map(|reason| reason.as_str_name());
        self.line("reason", word(reason.ok(), "REASON_"));
        if revocation.suspected_from != 0 {
            self.line("suspected from", time(revocation.suspected_from));
        }
    }

    fn names(&mut self, names: &[proto::Text]) {
        for name in names {
            self.line(&format!("name ({})", shown(&name.language)), shown(&name.text));
        }
    }

    fn note(&mut self, note: Option<&proto::Note>) {
        if let Some(note) = note {
            let reference = shown(&note.reference);
            self.line("note verbale", format!("{reference}, {}", time(note.date)));
            self.line("  SHA-256", digest(&note.sha256));
        }
    }

    fn key(&mut self, label: &str, key: Option<&proto::PublicKey>) {
        let text = key.map_or_else(|| "no key".to_owned(), |key| KeyId::of(&key.key).to_string());
        self.line(label, text);
    }

    fn facets(&mut self, publication: &Composed) {
        for named in publication.statement().facets().1 {
            let open = publication
                .facets()
                .iter()
                .find(|open| named.hash[..] == open.hash().as_bytes()[..]);
            match open.map(|open| FacetContent::read(&named.name, &open.bytes)) {
                Some(Some(content)) => self.facet(&content),
                Some(None) => self.line(&named.name, "of a form that this program does not know"),
                None => self.line(&named.name, "not in this file: only its hash is"),
            }
        }
    }

    fn facet(&mut self, content: &FacetContent) {
        let label = content.name();
        for text in of_facet(content) {
            self.line(label, shown(&text));
        }
    }
}

/// What a facet says, a line each. Foreign text: make it visible before it is shown.
#[must_use]
pub fn of_facet(content: &FacetContent) -> Vec<String> {
    match content {
        FacetContent::Address(facet) => {
            facet.lines.iter().chain([&facet.country]).cloned().collect()
        }
        FacetContent::Commitment(facet) => vec![format!(
            "answers within {} on duty, {} off duty (indicative)",
            hours(facet.duty_hours),
            hours(facet.off_hours)
        )],
        FacetContent::Constituency(facet) => {
            let asns = facet.asns.iter().map(|asn| format!("AS{asn}"));
            let lists = [&facet.prefixes, &facet.domains, &facet.sectors, &facet.countries];
            asns.chain(lists.into_iter().flatten().cloned()).collect()
        }
        FacetContent::Email(facet) => {
            facet.addresses.iter().map(|email| email.address.clone()).collect()
        }
        FacetContent::Holidays(facet) => facet.dates.clone(),
        FacetContent::Hours(facet) => of_hours(facet),
        FacetContent::Languages(facet) => facet.languages.iter().map(language).collect(),
        FacetContent::Messaging(facet) => {
            facet.handles.iter().map(|of| format!("{}: {}", of.scheme, of.handle)).collect()
        }
        FacetContent::Persons(facet) => facet.persons.iter().map(person).collect(),
        FacetContent::References(facet) => {
            facet.references.iter().map(|of| format!("{}: {}", of.scheme, of.value)).collect()
        }
        FacetContent::Telephone(facet) => facet.numbers.iter().map(number).collect(),
        FacetContent::Web(facet) => {
            let all = [&facet.website, &facet.rfc2350, &facet.security_txt];
            all.into_iter().filter(|url| !url.is_empty()).cloned().collect()
        }
    }
}

fn of_hours(hours: &proto::Hours) -> Vec<String> {
    let clock = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let weekly = hours.weekly.iter().map(|duty| {
        let days: Vec<&str> = duty.days.iter().map(|day| weekday(*day)).collect();
        let (from, to) = (clock(duty.from), clock(duty.to));
        format!("{} {from}-{to} {}", days.join(" "), hours.time_zone)
    });
    let always = hours.always.then(|| format!("at all times ({})", hours.time_zone));
    let note = (!hours.note.is_empty()).then(|| hours.note.clone());
    always.into_iter().chain(weekly).chain(note).collect()
}

const fn weekday(day: u32) -> &'static str {
    match day {
        1 => "Mo",
        2 => "Tu",
        3 => "We",
        4 => "Th",
        5 => "Fr",
        6 => "Sa",
        7 => "Su",
        _ => "?",
    }
}

fn language(language: &proto::SpokenLanguage) -> String {
    match (language.spoken, language.written) {
        (true, true) => format!("{} (spoken, written)", language.tag),
        (true, false) => format!("{} (spoken)", language.tag),
        (false, true) => format!("{} (written)", language.tag),
        (false, false) => language.tag.clone(),
    }
}

fn person(person: &proto::Individual) -> String {
    let telephone = person.telephone.iter().map(number);
    let email = person.email.iter().map(|email| email.address.clone());
    let all = [person.display_name.clone(), person.title.clone()].into_iter();
    let all = all.chain(telephone).chain(email).filter(|text| !text.is_empty());
    all.collect::<Vec<_>>().join(", ")
}

fn number(number: &proto::TelephoneNumber) -> String {
    let usage = proto::TelephoneUse::try_from(number.r#use).map(|usage| usage.as_str_name());
    let note = if number.note.is_empty() { String::new() } else { format!(", {}", number.note) };
    format!("{} ({}{note})", number.number, word(usage.ok(), "TELEPHONE_USE_"))
}

fn levels(levels: &[i32]) -> String {
    levels.iter().map(|value| level(*value)).collect::<Vec<_>>().join(", ")
}

fn level(level: i32) -> String {
    word(Level::try_from(level).map(|level| level.as_str_name()).ok(), "LEVEL_")
}

fn purposes(purposes: &[i32]) -> String {
    if purposes.is_empty() {
        return "all".to_owned();
    }
    let words = purposes.iter().map(|purpose| {
        let purpose = Purpose::try_from(*purpose).map(|purpose| purpose.as_str_name());
        word(purpose.ok(), "PURPOSE_")
    });
    words.collect::<Vec<_>>().join(", ")
}

/// `LEVEL_LAW_ENFORCEMENT` as "law enforcement".
fn word(name: Option<&str>, prefix: &str) -> String {
    let name = name.and_then(|name| name.strip_prefix(prefix)).unwrap_or("UNKNOWN");
    name.to_ascii_lowercase().replace('_', " ")
}

fn time(unix: u64) -> String {
    let stamp = i64::try_from(unix).ok().and_then(|unix| Timestamp::from_second(unix).ok());
    stamp.map_or_else(|| format!("second {unix}"), |stamp| stamp.to_string())
}

fn seconds(seconds: u64) -> String {
    match seconds {
        s if s % 86_400 == 0 => format!("{} d", s / 86_400),
        s if s % 3_600 == 0 => format!("{} h", s / 3_600),
        s if s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

fn hours(hours: u32) -> String {
    format!("{hours} h")
}

fn digest(bytes: &[u8]) -> String {
    Digest::try_from(bytes).map_or_else(|_| hex::encode(bytes), |digest| eye(&digest))
}

/// Foreign text cannot move the cursor of a terminal.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
