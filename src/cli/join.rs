//! `liaison join`: one resumable wizard, from an invitation to the first connection.
//!
//! Invariant: every step can be given again; what was drafted is kept until it is in the log, so
//! that the same bytes are handed in again.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::client::armour::{self, Kind};
use crate::client::draft::{Bundle, Composer};
use crate::client::invitation::{Admission, AdmissionFile, Invitation};
use crate::client::keys::read_public;
use crate::client::reach::session::Answer;
use crate::client::replica::Replica;
use crate::crypto::sign::Signer;
use crate::office::error::{ClientError, Family, Here, Mend, Rule, Side};
use crate::office::terms::{ContactId, Custody, DirectoryName, Owner, SeatId};
use crate::signed::proto;

use super::Context;
use super::args::JoinArgs;
use super::context::usage;
use super::fields::{Said, said};
use super::key::file_of;
use super::seat::{entry, make};
use super::statement::agreed;

pub(super) async fn run(ctx: &Context, args: &JoinArgs) -> Result<(), ClientError> {
    let Some(path) = &args.file else { return resume(ctx).await };
    let text = ctx.read_file(path)?;
    match armour::kind(&text) {
        Some(Kind::Admission) => {
            let seat = named_seat(ctx)?;
            admitted(ctx, args, &AdmissionFile::read(&text)?, &seat).await
        }
        _ => invited(ctx, args, &Invitation::read(&text)?),
    }
}

/// Step one: believe the invitation, and make the authority's key.
fn invited(ctx: &Context, args: &JoinArgs, invitation: &Invitation) -> Result<(), ClientError> {
    let name = believe(ctx, args, invitation)?;
    if has_joined(ctx, &name)? {
        return found_anew(ctx, &name);
    }
    let Some(seat) = &ctx.global.seat else {
        ctx.out.data(&json!({ "directory": name.as_str(), "joined": true }), || name.to_string());
        ctx.out.say("Next: a member goes on with liaison join INVITATION --as MEMBER/CONTACT/SEAT; a registrar, operator or auditor with liaison sync");
        return Ok(());
    };
    let (keys, owner) = (ctx.office.home.keys(), Owner::Authority(seat.member()));
    if !keys.owners()?.contains(&owner) {
        keys.create(&owner, ctx.office.ambient())?;
    }
    let (path, public) = (file_of(&owner), keys.public(&owner, ctx.office.ambient())?);
    let key = |text: &str| {
        let listed = read_public(Kind::Authority, text).ok()?.sign;
        Some(listed.first()?.key.clone())
    };
    if path.exists() && ctx.read_file(&path).map(|text| key(&text)) != Ok(key(&public)) {
        let sentence = format!(
            "{} is there already and holds another key, and nothing was written over",
            path.display()
        );
        return Err(ClientError::new(Side::Ours, Family::Usage, Here::FileExists, sentence)
            .mended_by(Mend::OtherFolder));
    }
    ctx.write_file(&path, &public)?;
    let object = json!({ "directory": name.as_str(), "seat": seat.as_str(), "authority": path });
    ctx.out.data(&object, || path.display().to_string());
    ctx.out.say(format_args!(
        "Next: send {} to the registrars with your State's note. They send back an admission file:\n    \
         liaison join {}.admission --as {seat}",
        path.display(),
        seat.member(),
    ));
    Ok(())
}

/// Whether this home, and the seat that is named, have been there before.
fn has_joined(ctx: &Context, name: &DirectoryName) -> Result<bool, ClientError> {
    let owners = ctx.office.home.keys().owners()?;
    let seat = ctx.global.seat.clone().map(Owner::Seat);
    let copy = Replica::open_showing(&ctx.office.home, name, &mut |_, _| {});
    Ok(seat.is_none_or(|seat| owners.contains(&seat))
        && copy.is_ok_and(|copy| copy.synced_at().is_some()))
}

/// The service has moved: the invitation told whither.
fn found_anew(ctx: &Context, name: &DirectoryName) -> Result<(), ClientError> {
    let addresses = ctx.office.home.addresses(name)?.good;
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let object = json!({ "directory": name.as_str(), "joined": true, "addresses": addresses });
    ctx.out.data(&object, || name.to_string());
    ctx.out.say(format_args!(
        "The addresses of the service are now {}. This home has joined already: there is nothing \
         more to do; liaison sync shows that the service is found.",
        addresses.join(", ")
    ));
    Ok(())
}

/// Compares the fingerprint with people's word, and takes the invitation in.
fn believe(
    ctx: &Context,
    args: &JoinArgs,
    invitation: &Invitation,
) -> Result<DirectoryName, ClientError> {
    let name = invitation.trust().name().clone();
    // Only this very charter was compared before: that a file names the same genesis proves nothing.
    let charter = invitation.trust().charter().newest.statement;
    let known = ctx.office.home.trust(&name);
    let known = known.is_ok_and(|known| known.pins().values().any(|pinned| *pinned == charter));
    if !known || args.fingerprint.is_some() {
        compare(ctx, args, invitation)?;
    }
    Ok(ctx.office.home.join(invitation)?)
}

fn compare(ctx: &Context, args: &JoinArgs, invitation: &Invitation) -> Result<(), ClientError> {
    let (eye, telephone) = invitation.fingerprint();
    let name = invitation.trust().name();
    let registrars = invitation.trust().charter().registrars.len();
    ctx.out.say(format_args!(
        "This invites you to {name}. Its fingerprint is\n    {telephone}\n    {eye}"
    ));
    if registrars == 1 {
        ctx.out.warn("one registrar decides everything here: a directory for trials");
    }
    if let Some(given) = &args.fingerprint {
        let given = whole(given)?;
        if [bare(&eye), bare(&telephone)].contains(&given) {
            return Ok(());
        }
        let sentence = "the fingerprint is another than the one read to you: do not use this file";
        return Err(ClientError::new(
            Side::Ours,
            Family::VerificationFailed,
            Here::OtherFingerprint,
            sentence,
        )
        .mended_by(Mend::AskForOtherInvitation));
    }
    if agreed(ctx, "Is this what the registrars read to you over the telephone? [y/N]") {
        return Ok(());
    }
    let sentence = "the fingerprint was not compared, and nothing was believed";
    Err(ClientError::new(Side::Ours, Family::NeedsApproval, Here::NotCompared, sentence)
        .mended_by(Mend::CompareFingerprint))
}

/// Without the spaces and hyphens that people see it with.
fn bare(fingerprint: &str) -> String {
    let shown = |shown: char| shown.is_whitespace() || shown == '-';
    fingerprint.replace(shown, "").to_lowercase()
}

/// What was given, bare. A slip of the hand is none of whoever made the invitation.
fn whole(given: &str) -> Result<String, ClientError> {
    let bare = bare(given);
    let digits = bare.chars().filter(char::is_ascii_digit).count();
    let others = bare.chars().count() - digits;
    if (digits, others) == (60, 0)
        || (digits + others == 64 && bare.chars().all(|digit| digit.is_ascii_hexdigit()))
    {
        return Ok(bare);
    }
    let others =
        if others == 0 { String::new() } else { format!(" and {others} other characters") };
    let sentence = format!(
        "--fingerprint has {digits} digits{others}: a fingerprint has 60 digits, or 64 of 0 to 9 \
         and a to f; nothing was compared or believed"
    );
    Err(ClientError::new(Side::Ours, Family::Usage, Here::FingerprintForm, sentence)
        .mended_by(Mend::WholeFingerprint))
}

/// Step two: sign record and roster, enrol, connect.
async fn admitted(
    ctx: &Context,
    args: &JoinArgs,
    file: &AdmissionFile,
    seat: &SeatId,
) -> Result<(), ClientError> {
    // Who has compared a charter of this directory goes on from that one: the file may have another.
    let name = file.invitation().trust().name();
    let own = ctx.office.home.invitation(name).ok();
    let own = own.filter(|own| own.trust().genesis() == file.invitation().trust().genesis());
    let name = believe(ctx, args, own.as_ref().unwrap_or(file.invitation()))?;
    let file = &file.proven(&ctx.office.connect(None).await?.succession().await?)?;
    if file.member().id != seat.member() {
        let sentence = format!("the file admits {}, and you join as {seat}", file.member().id);
        return Err(ClientError::new(Side::Ours, Family::Usage, Here::OtherMember, sentence));
    }
    let contact = seat.contact();
    let kept = kept_draft(ctx, &name, &contact);
    let bundle = match ctx.read_file(&kept) {
        Ok(text) => Bundle::read(&text)?,
        Err(_) => {
            let bundle = first_statements(ctx, args, file, seat)?;
            crate::client::place::replace(&kept, bundle.write().as_bytes())?;
            bundle
        }
    };
    enrol(ctx, &name, &bundle).await?;
    // It is in the log: a later join drafts anew.
    let _ = std::fs::remove_file(&kept);
    if args.record_only {
        let object = json!({ "directory": name.as_str(), "contact": contact.as_str() });
        ctx.out.data(&object, || contact.to_string());
        return Ok(());
    }
    connect(ctx, seat).await
}

/// The first record and roster, signed by the authority and the keeper of this home.
fn first_statements(
    ctx: &Context,
    args: &JoinArgs,
    file: &Admission,
    seat: &SeatId,
) -> Result<Bundle, ClientError> {
    let (keys, contact) = (ctx.office.home.keys(), seat.contact());
    let authority = keys.signer(&Owner::Authority(seat.member()), ctx.office.ambient())?;
    if !file.member().authority_keys().contains(&authority.public().id()) {
        let sentence = format!(
            "the authority's key of this home is not the one that was admitted for {}",
            seat.member()
        );
        return Err(ClientError::new(
            Side::Ours,
            Family::IdentityOrKey,
            Here::OtherAuthority,
            sentence,
        )
        .mended_by(Mend::SendAuthority(seat.member())));
    }
    let keeper = if args.fields.no_keeper {
        None
    } else {
        let owner = Owner::Keeper(contact.clone());
        if !keys.owners()?.contains(&owner) {
            keys.create(&owner, ctx.office.ambient())?;
        }
        Some((
            keys.signer(&owner, ctx.office.ambient())?,
            keys.listed(&owner, ctx.office.ambient())?,
        ))
    };
    let Said { expires, levels, purposes, names, facets } =
        said(ctx, &contact, &args.fields, None)?;
    let record = proto::Record {
        contact: contact.to_string(),
        expires,
        levels,
        purposes,
        names,
        keeper: keeper.as_ref().map(|(_, listed)| listed.clone()),
        custody: Custody::OneMachine.into(),
        ..Default::default()
    };
    let mut composer = Composer::after_admission(file, ctx.office.ambient());
    // A record that stands stays as it is: an office that only signed may connect later.
    let (has_record, has_roster) = standing(ctx, file, &contact);
    if has_roster || (has_record && args.record_only) {
        let sentence = format!("{contact} has joined already; its record stays as it is");
        return Err(ClientError::new(Side::Ours, Family::Refused, Here::JoinedAlready, sentence)
            .mended_by(Mend::AddSeatOrRecord(seat.clone())));
    }
    let mut statements = Vec::new();
    if !has_record {
        statements.push(composer.record(record, &facets)?);
    }
    if !args.record_only {
        let seats = vec![entry(seat.name(), &make(ctx, seat, false)?)];
        let contact = contact.to_string();
        let roster = proto::Roster { contact, seats, ..Default::default() };
        statements.push(composer.roster(roster, &[])?);
    }
    let mut bundle = Bundle::of(statements);
    let keeper = keeper.as_ref().map(|(key, _)| &**key);
    let signers: Vec<&dyn Signer> = [Some(&*authority), keeper].into_iter().flatten().collect();
    bundle.sign(Some(file.directory()), &signers, ctx.office.ambient())?;
    if let Some(missing) = bundle.missing(Some(file.directory())).first() {
        let (found, needed, of) = (missing.found, missing.quorum.needed, &missing.quorum.of);
        let path = PathBuf::from(format!("{}.join", contact.as_str().replace('/', "-")));
        ctx.write_file(&path, &bundle.write())?;
        let sentence = format!("{found} of {needed} signatures of {of} are there");
        return Err(ClientError::new(
            Side::Ours,
            Family::NeedsApproval,
            Rule::BelowThreshold,
            sentence,
        )
        .mended_by(Mend::SignThenPublish(path)));
    }
    Ok(bundle)
}

/// Whether the contact has a record and a roster, as far as this home or the file knows.
fn standing(ctx: &Context, file: &Admission, contact: &ContactId) -> (bool, bool) {
    let (record, roster) = file.next().get(contact).copied().unwrap_or((1, 1));
    let replica = ctx.office.replica().ok();
    let known = replica.as_ref().and_then(|replica| replica.directory().ok());
    let known = known.and_then(|directory| directory.contact(contact));
    let has_record = known.is_some_and(|contact| contact.record.is_some());
    let has_roster = known.is_some_and(|contact| contact.roster.is_some());
    (record > 1 || has_record, roster > 1 || has_roster)
}

async fn enrol(ctx: &Context, name: &DirectoryName, bundle: &Bundle) -> Result<(), ClientError> {
    ctx.out.say(format_args!("enrolling at {name} ..."));
    let answers = ctx.office.connect(None).await?.enrol(bundle).await?;
    let mut last = answers.len().saturating_sub(1);
    for answer in answers {
        match answer {
            Answer::Logged(leaf) => ctx.out.say(format_args!("  entry {leaf} of the log")),
            // It was published before this home knew of it.
            Answer::Refused(why) if why.reason == Rule::WrongVersion && last > 0 => {
                ctx.out.say("  the record that stands stays as it is");
            }
            Answer::Refused(why) => return Err(why),
        }
        last = last.saturating_sub(1);
    }
    Ok(())
}

/// Step three: the seat connects, and folds the log to at least its own roster's entry.
async fn connect(ctx: &Context, seat: &SeatId) -> Result<(), ClientError> {
    let session = ctx.office.connect(Some(&Owner::Seat(seat.clone()))).await?;
    let mut replica = ctx.office.replica()?;
    let synced = ctx.office.sync(&session, &mut replica).await?;
    let group = session.connection().group();
    let object = json!({
        "directory": session.name().as_str(),
        "seat": seat.as_str(),
        "connected": true,
        "log_size": synced.size,
        "tls_group": group,
    });
    ctx.out.data(&object, || seat.to_string());
    ctx.out.say(format_args!(
        "{seat} is connected ({group}), and the directory is verified: {} entries.\n\
         Next: liaison directory list; liaison doctor",
        synced.size
    ));
    Ok(())
}

/// Says where a join stands, and goes on if it can.
async fn resume(ctx: &Context) -> Result<(), ClientError> {
    let name = ctx.office.name().map_err(|why| why.mended_by(Mend::Join))?;
    let seat = named_seat(ctx)?;
    let kept = kept_draft(ctx, &name, &seat.contact());
    if let Ok(text) = ctx.read_file(&kept) {
        enrol(ctx, &name, &Bundle::read(&text)?).await?;
        let _ = std::fs::remove_file(&kept);
        return connect(ctx, &seat).await;
    }
    if ctx.office.home.keys().owners()?.contains(&Owner::Seat(seat.clone())) {
        return connect(ctx, &seat).await;
    }
    let sentence = format!("{seat} waits for its admission file");
    Err(ClientError::new(Side::Ours, Family::NeedsApproval, Here::NotAdmitted, sentence)
        .mended_by(Mend::JoinAdmitted(seat)))
}

fn named_seat(ctx: &Context) -> Result<SeatId, ClientError> {
    let asked = || ctx.out.ask("As which seat? (member/contact/seat, like fr/cert-fr/duty-1)");
    match &ctx.global.seat {
        Some(seat) => Ok(seat.clone()),
        None => match asked() {
            Some(answer) => answer.parse().map_err(|why| usage(&format!("{why}"))),
            None => ctx.office.seat(),
        },
    }
}

fn kept_draft(ctx: &Context, name: &DirectoryName, contact: &ContactId) -> PathBuf {
    let file = format!("joining-{}", contact.as_str().replace('/', "-"));
    Path::new(&ctx.office.home.folder(name)).join(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_a_fingerprint_is_no_other_fingerprint() {
        let digits = ["01234"; 12].join(" ");
        let eye = ["09af"; 16].join(" ");
        for given in [&digits, &eye, &digits.replace(' ', "-\n"), &eye.to_uppercase()] {
            assert_eq!(whole(given).unwrap(), bare(given), "{given}");
        }
        for (given, found) in [
            ("", "has 0 digits:"),
            (" \n", "has 0 digits:"),
            (&digits[1..], "has 59 digits:"),
            (&format!("{digits} 1"), "has 61 digits:"),
            (&eye[1..], "has 31 digits and 32 other characters:"),
            (&format!("{digits}\n{eye}"), "has 92 digits and 32 other characters:"),
            (&format!("{digits},"), "has 60 digits and 1 other characters:"),
            (&eye.replacen('f', "g", 1), "has 32 digits and 32 other characters:"),
            ("DIGITS", "has 0 digits and 6 other characters:"),
        ] {
            let error = whole(given).unwrap_err();
            assert_eq!((error.reason.code(), error.family), ("FINGERPRINT_FORM", Family::Usage));
            assert!(error.sentence.contains(found), "{error}");
        }
    }
}
