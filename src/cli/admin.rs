//! `liaison admin`: what registrars do.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::office::drafts::{Admission, Admitted, Authority};
use crate::office::error::{ClientError, Family, Here, Side};
use crate::office::files;
use crate::office::terms::{MemberId, MemberKind};

use super::Context;
use super::args::{AdminCommand, AdmitArgs, AttestArgs, MemberCommand, MemberKindArg};
use super::context::usage;
use super::fields::{fields, named, note, texts};
use super::record::{told, withdraw};
use super::statement::{Finished, finish};
use super::{administer, audit};

pub(super) async fn run(ctx: &Context, command: &AdminCommand) -> Result<(), ClientError> {
    match command {
        AdminCommand::Member(MemberCommand::Admit(args)) => admit(ctx, args).await,
        AdminCommand::Member(MemberCommand::Attest(args)) => attest(ctx, args).await,
        AdminCommand::Member(MemberCommand::Withdraw(args)) => withdraw(ctx, args).await,
        AdminCommand::Show(args) => administer::show(ctx, args).await,
        AdminCommand::Proposals(args) => administer::proposals(ctx, args).await,
        AdminCommand::Propose(args) => administer::propose(ctx, args).await,
        AdminCommand::Approve(args) => administer::approve(ctx, args).await,
        AdminCommand::Commit(args) => administer::carry_out(ctx, args).await,
        AdminCommand::Abort(args) => administer::abort(ctx, args).await,
        AdminCommand::Sessions(args) => administer::sessions(ctx, args).await,
        AdminCommand::Keys(args) => administer::keys(ctx, args).await,
        AdminCommand::Stage(args) => administer::stage(ctx, args).await,
        AdminCommand::Audit(args) => audit::audit(ctx, args).await,
    }
}

async fn admit(ctx: &Context, args: &AdmitArgs) -> Result<(), ClientError> {
    let authority = authority(args)?;
    let is_listed = authority.is_empty();
    let admission = Admission {
        member: args.member.clone(),
        kind: kind_of(args.kind),
        names: texts(ctx, &args.names)?,
        authority,
        threshold: args.threshold,
        note: note(ctx, &args.note)?,
    };
    let admitting = ctx.office.admitting().await?;
    if let Some(drafted) = admitting.draft(&ctx.office, admission)? {
        let name = format!("{}.admit", args.member);
        match finish(ctx, drafted, &args.draft, &name).await? {
            Finished::Published(_) => {}
            Finished::Shown => return Ok(()),
            Finished::Drafted => {
                ctx.out.say(
                    "once it is published, give this command again: it writes the admission file",
                );
                return Ok(());
            }
        }
    } else if args.draft.dry_run {
        ctx.out.data(&json!({ "member": args.member.as_str(), "admission": null }), || {
            format!("{} is admitted so already; nothing was written", args.member)
        });
        return Ok(());
    }
    let admitted = admitting.admitted(&ctx.office, &args.member).await?;
    if is_listed {
        listed(ctx, &admitted, &args.member);
        return Ok(());
    }
    let default = || PathBuf::from(format!("{}.admission", args.member));
    let path = args.admission.clone().unwrap_or_else(default);
    files::write(&path, &admitted.file)?;
    let (member, leaf) = (args.member.as_str(), admitted.leaf);
    let object = json!({ "member": member, "logged": leaf, "admission": path });
    ctx.out.data(&object, || path.display().to_string());
    ctx.out.say(format_args!(
        "{} is admitted. Next: send {} back to the member, who gives it to liaison join.",
        args.member,
        path.display()
    ));
    Ok(())
}

/// Without an authority nobody could join: there is no file for that.
fn listed(ctx: &Context, admitted: &Admitted, member: &MemberId) {
    let object = json!({ "member": member.as_str(), "logged": admitted.leaf, "admission": null });
    ctx.out.data(&object, || member.to_string());
    ctx.out.suggest(format_args!(
        "{member} is admitted, and only listed: it has no authority's key, so there is nothing to \
         send back. Next: its contact is entered from its State's note with liaison admin member \
         attest {member}/CONTACT; if it is to take part itself, it sends its AUTHORITY file, and \
         this command is given again with --authority FILE."
    ));
}

async fn attest(ctx: &Context, args: &AttestArgs) -> Result<(), ClientError> {
    let fields = fields(ctx, &args.fields)?;
    let note = note(ctx, &args.note)?.ok_or_else(|| {
        usage("what is entered for a State comes from its note: --note REFERENCE --note-file FILE")
    })?;
    let drafting = ctx.office.drafting(args.contact.clone()).await?;
    let fields = named(ctx, &args.contact, fields, drafting.has_record())?;
    let drafted = drafting.attested(&ctx.office, &fields, note)?;
    let name = format!("{}.attest", args.contact.as_str().replace('/', "-"));
    told(ctx, &finish(ctx, drafted, &args.draft, &name).await?);
    Ok(())
}

/// The keys of the member's AUTHORITY files.
fn authority(args: &AdmitArgs) -> Result<Authority, ClientError> {
    let mut authority = Authority::default();
    for path in &args.authority {
        if let Some(holder) = authority.add(&files::read_text(path)?, &args.member)? {
            return Err(other_member(path, &holder, &args.member));
        }
    }
    Ok(authority)
}

fn other_member(path: &Path, found: &str, wanted: &MemberId) -> ClientError {
    let sentence = format!("{} holds the keys of {found}, not of {wanted}", path.display());
    ClientError::new(Side::Ours, Family::Usage, Here::OtherMember, sentence)
}

const fn kind_of(kind: MemberKindArg) -> MemberKind {
    match kind {
        MemberKindArg::UnMember => MemberKind::UnMember,
        MemberKindArg::UnObserver => MemberKind::UnObserver,
        MemberKindArg::OtherEntity => MemberKind::OtherEntity,
        MemberKindArg::RegionalOrg => MemberKind::RegionalOrg,
        MemberKindArg::IntergovOrg => MemberKind::IntergovOrg,
        MemberKindArg::Secretariat => MemberKind::Secretariat,
    }
}
