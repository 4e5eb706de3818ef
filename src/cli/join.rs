//! `liaison join`: one resumable wizard, from an invitation to the first connection.

use std::path::PathBuf;

use serde_json::json;

use crate::office::error::{ClientError, Family, Here, Mend, Rule, Side};
use crate::office::files;
use crate::office::fingerprint::{Differs, Fingerprint, NotWhole};
use crate::office::join::{Enrolled, First, Invited, Joined, ToJoin, Wanted, is_of_same_key};
use crate::office::terms::{DirectoryName, Owner, SeatId};

use super::Context;
use super::args::JoinArgs;
use super::context::usage;
use super::fields::{fields, named};
use super::key::file_of;

pub(super) async fn run(ctx: &Context, args: &JoinArgs) -> Result<(), ClientError> {
    let Some(path) = &args.file else { return resume(ctx).await };
    let text = files::read_text(path)?;
    match files::kind(&text) {
        Some(files::Kind::Admission) => {
            let seat = named_seat(ctx)?;
            admitted(ctx, args, &ctx.office.to_join(&text)?, &seat).await
        }
        _ => invited(ctx, args, &Invited::read(&text)?),
    }
}

/// Step one: believe the invitation, and make the authority's key.
fn invited(ctx: &Context, args: &JoinArgs, invited: &Invited) -> Result<(), ClientError> {
    let name = believe(ctx, args, invited)?;
    if ctx.office.has_joined(&name)? {
        return found_anew(ctx, &name);
    }
    let Some(seat) = &ctx.global.seat else {
        ctx.out.data(&json!({ "directory": name.as_str(), "joined": true }), || name.to_string());
        ctx.out.suggest("Next: a member goes on with liaison join INVITATION --as MEMBER/CONTACT/SEAT; a registrar, operator or auditor with liaison sync");
        return Ok(());
    };
    let public = ctx.office.authority(&seat.member())?;
    let path = file_of(&Owner::Authority(seat.member()));
    if path.exists() && !files::read_text(&path).is_ok_and(|there| is_of_same_key(&there, &public))
    {
        let sentence = format!(
            "{} is there already and holds another key, and nothing was written over",
            path.display()
        );
        return Err(ClientError::new(Side::Ours, Family::Usage, Here::FileExists, sentence)
            .mended_by(Mend::OtherFolder));
    }
    files::write(&path, &public)?;
    let object = json!({ "directory": name.as_str(), "seat": seat.as_str(), "authority": path });
    ctx.out.data(&object, || path.display().to_string());
    ctx.out.suggest(format_args!(
        "Next: send {} to the registrars with your State's note. They send back an admission file:\n    \
         liaison join {}.admission --as {seat}",
        path.display(),
        seat.member(),
    ));
    Ok(())
}

/// The service has moved: the invitation told whither.
fn found_anew(ctx: &Context, name: &DirectoryName) -> Result<(), ClientError> {
    let addresses = ctx.office.addresses(name)?;
    let object = json!({ "directory": name.as_str(), "joined": true, "addresses": addresses });
    ctx.out.data(&object, || name.to_string());
    ctx.out.suggest(format_args!(
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
    invited: &Invited,
) -> Result<DirectoryName, ClientError> {
    if !ctx.office.has_compared(invited) || args.fingerprint.is_some() {
        compare(ctx, args, invited)?;
    }
    ctx.office.believe(invited)
}

/// What people were told is compared by the program: it shows nothing to agree to.
fn compare(ctx: &Context, args: &JoinArgs, invited: &Invited) -> Result<(), ClientError> {
    ctx.out.say(format_args!("This invites you to {}.", invited.name()));
    if invited.registrars() == 1 {
        ctx.out.warn("one registrar decides everything here: a directory for trials");
    }
    let typed = || ctx.out.ask(ASKED);
    let Some(given) = args.fingerprint.clone().or_else(typed) else {
        let sentence = "the fingerprint was not compared, and nothing was believed";
        return Err(ClientError::new(
            Side::Ours,
            Family::NeedsApproval,
            Here::NotCompared,
            sentence,
        )
        .mended_by(Mend::CompareFingerprint));
    };
    let given = Fingerprint::read(&given).map_err(not_whole)?;
    invited.has(&given).map_err(differs)?;
    ctx.out.say("Its fingerprint is the one that you gave.");
    Ok(())
}

const ASKED: &str =
    "Type what the registrars read to you over the telephone, 12 groups of 5 digits:\n   ";

fn differs(Differs { group, of }: Differs) -> ClientError {
    let sentence = format!(
        "the fingerprint is another than the one given, from group {group} of {of} on: unless that is \
         a slip, do not use this file; nothing was believed"
    );
    ClientError::new(Side::Ours, Family::VerificationFailed, Here::OtherFingerprint, sentence)
        .mended_by(Mend::AskForOtherInvitation)
}

fn not_whole(NotWhole { digits, others }: NotWhole) -> ClientError {
    let others =
        if others == 0 { String::new() } else { format!(" and {others} other characters") };
    let sentence = format!(
        "what was given has {digits} digits{others}: a whole fingerprint has 60 digits, or 64 of 0 to 9 \
         and a to f; nothing was compared or believed"
    );
    ClientError::new(Side::Ours, Family::Usage, Here::FingerprintForm, sentence)
        .mended_by(Mend::WholeFingerprint)
}

/// Step two: sign record and roster, enrol, connect.
async fn admitted(
    ctx: &Context,
    args: &JoinArgs,
    to_join: &ToJoin,
    seat: &SeatId,
) -> Result<(), ClientError> {
    let fields = fields(ctx, &args.fields)?;
    let name = believe(ctx, args, &to_join.invited)?;
    let (proven, contact) = (ctx.office.proven(to_join, seat).await?, seat.contact());
    let joined = match ctx.office.joined_before(&name, seat)? {
        Some(joined) => joined,
        None => {
            let wanted = Wanted { keeper: !args.fields.no_keeper, roster: !args.record_only };
            let joining = ctx.office.joining(&proven, wanted)?;
            let fields = named(ctx, &contact, fields, false)?;
            match joining.first(&ctx.office, &fields, wanted)? {
                First::Whole(joined) => joined,
                First::Lacking { text, found, needed, of } => {
                    let name = format!("{}.join", contact.as_str().replace('/', "-"));
                    let path = PathBuf::from(name);
                    files::write(&path, &text)?;
                    let sentence = format!("{found} of {needed} signatures of {of} are there");
                    let (side, family) = (Side::Ours, Family::NeedsApproval);
                    return Err(ClientError::new(side, family, Rule::BelowThreshold, sentence)
                        .mended_by(Mend::SignThenPublish(path)));
                }
            }
        }
    };
    enrol(ctx, &name, &joined).await?;
    if args.record_only {
        let object = json!({ "directory": name.as_str(), "contact": contact.as_str() });
        ctx.out.data(&object, || contact.to_string());
        return Ok(());
    }
    connect(ctx, seat).await
}

async fn enrol(ctx: &Context, name: &DirectoryName, joined: &Joined) -> Result<(), ClientError> {
    ctx.out.say(format_args!("enrolling at {name} ..."));
    for enrolled in ctx.office.enrol(joined).await? {
        match enrolled {
            Enrolled::At(leaf) => ctx.out.say(format_args!("  entry {leaf} of the log")),
            Enrolled::StoodBefore => ctx.out.say("  the record that stands stays as it is"),
            Enrolled::Refused(why) => return Err(*why),
        }
    }
    Ok(())
}

/// Step three: the seat connects.
async fn connect(ctx: &Context, seat: &SeatId) -> Result<(), ClientError> {
    let connected = ctx.office.first_connection(seat).await?;
    let (size, group) = (connected.size, connected.group);
    let object = json!({
        "directory": connected.name.as_str(),
        "seat": seat.as_str(),
        "connected": true,
        "log_size": size,
        "tls_group": group,
    });
    ctx.out.data(&object, || seat.to_string());
    ctx.out.suggest(format_args!(
        "{seat} is connected ({group}), and the directory is verified: {size} entries.\n\
         Next: liaison directory list; liaison doctor"
    ));
    Ok(())
}

/// Says where a join stands, and goes on if it can.
async fn resume(ctx: &Context) -> Result<(), ClientError> {
    let name = ctx.office.name().map_err(|why| why.mended_by(Mend::Join))?;
    let seat = named_seat(ctx)?;
    if let Some(joined) = ctx.office.joined_before(&name, &seat)? {
        enrol(ctx, &name, &joined).await?;
        return connect(ctx, &seat).await;
    }
    if ctx.office.holds(&Owner::Seat(seat.clone()))? {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_a_fingerprint_is_no_other_fingerprint() {
        for (digits, others, found) in
            [(11, 0, "has 11 digits:"), (31, 32, "has 31 digits and 32 other characters:")]
        {
            let error = not_whole(NotWhole { digits, others });
            assert_eq!((error.reason.code(), error.family), ("FINGERPRINT_FORM", Family::Usage));
            assert!(error.sentence.contains(found), "{error}");
        }
        let error = differs(Differs { group: 3, of: 12 });
        assert_eq!(error.family, Family::VerificationFailed);
        assert!(error.sentence.contains("from group 3 of 12 on"), "{error}");
    }
}
