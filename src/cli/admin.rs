//! `liaison admin`: what registrars do.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::client::armour::{self, Kind};
use crate::client::draft::{Bundle, Composer};
use crate::client::keys::read_public;
use crate::client::replica::Replica;
use crate::domain::directory::{Member, Statement};
use crate::domain::refusal::Refusal;
use crate::office::error::{ClientError, Family, Here, Mend, Side};
use crate::office::terms::{KeyId, MemberId};
use crate::signed::canonical;
use crate::signed::proto::{self, MemberKind};
use crate::wire::v1;

use super::Context;
use super::args::{AdminCommand, AdmitArgs, AttestArgs, MemberCommand, MemberKindArg};
use super::context::usage;
use super::fields::{Said, note, said, texts};
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
    let (session, mut replica) = ctx.office.synced().await?;
    let authority = authority(ctx, args)?;
    let admission = proto::Admission {
        member: args.member.to_string(),
        kind: kind_of(args.kind).into(),
        names: texts(ctx, &args.names)?,
        authority: authority.clone(),
        threshold: if authority.is_empty() { 0 } else { args.threshold },
        note: note(ctx, &args.note)?,
        ..Default::default()
    };
    let directory = replica.directory()?;
    let publication = Composer::on(directory, ctx.office.ambient()).admission(admission)?;
    let before = directory.member(&args.member);
    let stands = before.map(|before| stands(before, publication.statement())).transpose()?;
    if stands == Some(true) {
        if args.draft.dry_run {
            ctx.out.data(&json!({ "member": args.member.as_str(), "admission": null }), || {
                format!("{} is admitted so already; nothing was written", args.member)
            });
            return Ok(());
        }
    } else {
        let name = format!("{}.admit", args.member);
        let bundle = Bundle::of(vec![publication]);
        match finish(ctx, bundle, &args.draft, &replica, &name).await? {
            Finished::Published(_) => {}
            Finished::Shown => return Ok(()),
            Finished::Drafted => {
                ctx.out.say(
                    "once it is published, give this command again: it writes the admission file",
                );
                return Ok(());
            }
        }
        ctx.office.sync(&session, &mut replica).await?;
    }
    if authority.is_empty() {
        return listed(ctx, &replica, &args.member);
    }
    let default = || PathBuf::from(format!("{}.admission", args.member));
    let path = args.admission.clone().unwrap_or_else(default);
    ctx.write_file(&path, &admission_file(ctx, &replica, &args.member)?)?;
    let leaf = replica.directory()?.member(&args.member).map(|member| member.newest.leaf);
    let object = json!({ "member": args.member.as_str(), "logged": leaf, "admission": path });
    ctx.out.data(&object, || path.display().to_string());
    ctx.out.say(format_args!(
        "{} is admitted. Next: send {} back to the member, who gives it to liaison join.",
        args.member,
        path.display()
    ));
    Ok(())
}

/// Without an authority nobody could join: there is no file for that.
fn listed(ctx: &Context, replica: &Replica, member: &MemberId) -> Result<(), ClientError> {
    let leaf = replica.directory()?.member(member).map(|member| member.newest.leaf);
    let object = json!({ "member": member.as_str(), "logged": leaf, "admission": null });
    ctx.out.data(&object, || member.to_string());
    ctx.out.say(format_args!(
        "{member} is admitted, and only listed: it has no authority's key, so there is nothing to \
         send back. Next: its contact is entered from its State's note with liaison admin member \
         attest {member}/CONTACT; if it is to take part itself, it sends its AUTHORITY file, and \
         this command is given again with --authority FILE."
    ));
    Ok(())
}

async fn attest(ctx: &Context, args: &AttestArgs) -> Result<(), ClientError> {
    let (_, replica) = ctx.office.synced().await?;
    let directory = replica.directory()?;
    let before = directory.record(&args.contact).ok().map(|record| (record, &replica));
    let Said { expires, levels, purposes, names, facets } =
        said(ctx, &args.contact, &args.fields, before)?;
    let note = note(ctx, &args.note)?.ok_or_else(|| {
        usage("what is entered for a State comes from its note: --note REFERENCE --note-file FILE")
    })?;
    let record = proto::AttestedRecord {
        contact: args.contact.to_string(),
        expires,
        levels,
        purposes,
        names,
        note: Some(note),
        ..Default::default()
    };
    let publication =
        Composer::on(directory, ctx.office.ambient()).attested_record(record, &facets)?;
    let name = format!("{}.attest", args.contact.as_str().replace('/', "-"));
    let done = finish(ctx, Bundle::of(vec![publication]), &args.draft, &replica, &name).await?;
    told(ctx, &done);
    Ok(())
}

/// The keys of the member's AUTHORITY files.
fn authority(ctx: &Context, args: &AdmitArgs) -> Result<Vec<proto::PublicKey>, ClientError> {
    let mut keys = Vec::new();
    for path in &args.authority {
        let public = read_public(Kind::Authority, &ctx.read_file(path)?)?;
        if public.holder != args.member.as_str() {
            return Err(other_member(path, &public.holder, &args.member));
        }
        keys.extend(public.sign);
    }
    Ok(keys)
}

/// Whether the member is admitted with all of this. A note that is not given again is the old one.
///
/// # Errors
/// Its authority is another, and stays.
fn stands(before: &Member, next: &Statement) -> Result<bool, ClientError> {
    let Statement::Admission(next) = next else { return Ok(false) };
    let keys: BTreeSet<_> = next.authority.iter().map(|key| KeyId::of(&key.key)).collect();
    let is_same = (before.authority_keys(), before.threshold) == (keys, next.threshold);
    if !is_same && !before.authority.is_empty() {
        let stays = ClientError::from(Refusal::AuthorityStands(before.id.clone()));
        return Err(stays.mended_by(Mend::GiveItsAuthority));
    }
    let said = canonical::decode::<proto::Admission>(&before.payload).unwrap_or_default();
    Ok(is_same
        && (said.kind, &said.names) == (next.kind, &next.names)
        && (next.note.is_none() || next.note == said.note))
}

/// Everything that the member needs to believe its own admission, and to draft what comes next.
fn admission_file(ctx: &Context, replica: &Replica, id: &MemberId) -> Result<String, ClientError> {
    let directory = replica.directory()?;
    let admission = match directory.member(id) {
        Some(member) => replica.proven(member.newest.leaf)?,
        None => None,
    };
    let invitation = ctx.office.home.invitation(&ctx.office.name()?)?.message().clone();
    let next = directory.contacts_of(id).map(|contact| v1::NextVersions {
        contact: contact.id.to_string(),
        record: contact.record_newest.version + 1,
        roster: contact.roster_newest.map_or(0, |newest| newest.version) + 1,
    });
    let next = next.collect();
    let file = v1::AdmissionFile { invitation: Some(invitation), admission, next };
    Ok(armour::write(Kind::Admission, &file))
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
