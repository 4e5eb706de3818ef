//! `liaison charter`: the root document, and its next version.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::{Value, json};

use crate::client::armour::{self, Kind};
use crate::client::charters::logged;
use crate::client::draft::{Bundle, Changes, Composer, People, ServiceKeys, amended, in_words};
use crate::client::invitation::Invitation;
use crate::client::keys::{read_person, read_public};
use crate::crypto::cert::PeerCertificate;
use crate::crypto::sign::{eye, telephone};
use crate::domain::directory::{Policy, Statement};
use crate::office::error::{ClientError, Family, Here, Mend, Side};
use crate::office::terms::{Digest, KeyId, PersonId, Role};
use crate::signed::canonical;
use crate::signed::proto;
use crate::tlog::note::VerifierKey;

use super::Context;
use super::args::{CharterCommand, CharterDraftArgs};
use super::context::usage;
use super::layout::Lines;
use super::record::told;
use super::statement::finish_if_agreed;

pub(super) async fn run(ctx: &Context, command: &CharterCommand) -> Result<(), ClientError> {
    match command {
        CharterCommand::Draft(args) => draft(ctx, args).await,
        CharterCommand::Show { file } => show(ctx, file.as_deref()),
    }
}

async fn draft(ctx: &Context, args: &CharterDraftArgs) -> Result<(), ClientError> {
    let changes = changes(ctx, args)?;
    let replica = match ctx.office.synced().await {
        Ok((_, replica)) => replica,
        // A service whose key is lost is reached by nobody before it has this charter.
        Err(error) if args.draft.out.is_some() && error.family == Family::NotReachable => {
            ctx.out.warn(format_args!("{error}: the charter is drafted on the copy of this home"));
            ctx.office.replica()?
        }
        Err(error) => return Err(error),
    };
    let directory = replica.directory()?;
    let before: proto::Charter =
        canonical::decode(&directory.charter().payload).map_err(|why| usage(&why.to_string()))?;
    let next = amended(&before, &changes).map_err(|why| usage(&why.to_string()))?;
    let publication = Composer::on(directory, ctx.office.ambient()).charter(next);
    let name = format!("charter-{}", directory.charter().newest.version + 1);
    let bundle = Bundle::of(vec![publication]);
    let done = finish_if_agreed(ctx, bundle, &args.draft, &replica, &name, args.yes).await?;
    told(ctx, &done);
    Ok(())
}

fn changes(ctx: &Context, args: &CharterDraftArgs) -> Result<Changes, ClientError> {
    let people = |role, files: &[PathBuf], remove: &[PersonId]| {
        let add = files.iter().map(|path| Ok(read_person(role, &ctx.read_file(path)?)?));
        let remove = remove.iter().map(ToString::to_string).collect();
        Ok::<_, ClientError>(People { add: add.collect::<Result<_, ClientError>>()?, remove })
    };
    let witnesses = args.witnesses.iter().map(|vkey| {
        VerifierKey::parse(vkey).map_err(|why| usage(&format!("--witness {vkey}: {why}")))
    });
    let staged = |of: &str, files: &[PathBuf], remove: &[String]| {
        let add = files.iter().map(|path| service_key(of, path, &ctx.read_file(path)?));
        let add = add.collect::<Result<_, ClientError>>()?;
        Ok::<_, ClientError>(ServiceKeys { add, remove: remove.to_vec() })
    };
    let authorities = args.service_cas.iter().map(|path| authority(path, &ctx.read_file(path)?));
    Ok(Changes {
        log: staged("log", &args.log_keys, &args.remove_log_keys)?,
        relay: staged("relay", &args.relay_keys, &args.remove_relay_keys)?,
        service_ca: authorities.collect::<Result<_, ClientError>>()?,
        remove_service_ca: args.remove_service_cas.clone(),
        registrars: people(Role::Registrar, &args.registrars, &args.remove_registrars)?,
        threshold: args.threshold,
        operators: people(Role::Operator, &args.operators, &args.remove_operators)?,
        auditors: people(Role::Auditor, &args.auditors, &args.remove_auditors)?,
        witnesses: witnesses.collect::<Result<_, _>>()?,
        remove_witnesses: args.remove_witnesses.clone(),
        quorum: args.quorum,
        set: args.set.iter().map(|set| setting(set)).collect::<Result<_, _>>()?,
        unset: args.unset.clone(),
        rules: args.rules,
    })
}

/// The key that a service staged, shown to be its own; whether it is this directory's, the charter's
/// check finds.
fn service_key(of: &str, path: &Path, text: &str) -> Result<proto::PublicKey, ClientError> {
    let mut file = read_public(Kind::Service, text)?;
    if file.holder.split('/').next() != Some(of) {
        let (path, holder) = (path.display(), &file.holder);
        return Err(usage(&format!("{path} holds the key of {holder}, and no {of} key")));
    }
    let key = file.sign.pop().filter(|_| file.sign.is_empty());
    key.ok_or_else(|| usage(&format!("{} holds not one key", path.display())))
}

/// The certificate of a service authority, DER.
fn authority(path: &Path, text: &str) -> Result<Bytes, ClientError> {
    let der = armour::decode("CERTIFICATE", text)?;
    match PeerCertificate::parse(&der) {
        Ok(_) => Ok(Bytes::copy_from_slice(&der)),
        Err(why) => Err(usage(&format!("{}: {why}", path.display()))),
    }
}

/// Reads a setting as it is typed: `stale-after=86400`.
fn setting(given: &str) -> Result<(String, u64), ClientError> {
    let read = given.split_once('=').and_then(|(name, value)| {
        let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name = (1..=32).contains(&name.len()) && name.bytes().all(inside);
        let value = value.parse().ok().filter(|value| (1..=MAX_VALUE).contains(value))?;
        is_name.then(|| (name.to_owned(), value))
    });
    read.ok_or_else(|| {
        let names = Policy::NAMES.join(", ");
        usage(&format!(
            "a setting is given like stale-after=86400, in seconds, not {given:?} (known here: {names})"
        ))
    })
}

/// The charter in force, or that of a file.
fn show(ctx: &Context, file: Option<&Path>) -> Result<(), ClientError> {
    let (bundle, leaf) = match file {
        Some(path) => (of_file(path, &ctx.read_file(path)?)?, None),
        None => in_force(ctx)?,
    };
    let charters = bundle.publications().iter().filter_map(|publication| {
        let Statement::Charter(charter) = publication.statement() else { return None };
        Some((publication.envelope().digest(), charter))
    });
    let charters: Vec<Value> =
        charters.map(|(identity, charter)| object(&identity, charter, leaf)).collect();
    if charters.is_empty() {
        let sentence = "the file holds statements, and no charter";
        return Err(ClientError::new(Side::Ours, Family::Usage, Here::NoCharter, sentence)
            .mended_by(Mend::ShowFile));
    }
    ctx.out.data(&json!({ "charters": charters }), || Lines::of(in_words(&bundle)).text());
    Ok(())
}

fn in_force(ctx: &Context) -> Result<(Bundle, Option<u64>), ClientError> {
    let replica = ctx.office.replica()?;
    let leaf = replica.directory()?.charter().newest.leaf;
    let entry = replica.entry(leaf)?.map(|entry| logged(&entry)).transpose()?;
    let (statement, _) = entry.ok_or_else(|| usage("the charter is not in the copy"))?;
    Ok((Bundle::of_statement(statement)?, Some(leaf)))
}

fn of_file(path: &Path, text: &str) -> Result<Bundle, ClientError> {
    match armour::kind(text) {
        Some(Kind::Invitation) => {
            let invitation = Invitation::read(text)?;
            Ok(Bundle::of_statement(invitation.message().charter.clone())?)
        }
        Some(Kind::Statement) => Ok(Bundle::read(text)?),
        Some(
            Kind::Admission
            | Kind::Person
            | Kind::Authority
            | Kind::Keeper
            | Kind::Seat
            | Kind::Proposal
            | Kind::Service,
        )
        | None => {
            let path = path.display();
            Err(usage(&format!("{path} is neither a draft of a charter nor an invitation")))
        }
    }
}

fn object(identity: &Digest, charter: &proto::Charter, leaf: Option<u64>) -> Value {
    let key =
        |key: Option<&proto::PublicKey>| key.map(|key| hex::encode(KeyId::of(&key.key).as_bytes()));
    let keys = |keys: &[proto::PublicKey]| keys.iter().map(|it| key(Some(it))).collect::<Vec<_>>();
    let people = |people: &[proto::Person]| -> Vec<Value> {
        let people = people.iter().map(|person| {
            let (sign, tls) = (key(person.sign.as_ref()), key(person.tls.as_ref()));
            json!({ "id": person.id, "name": person.name, "sign": sign, "tls": tls })
        });
        people.collect()
    };
    let witnesses = charter.witnesses.iter();
    let witnesses = witnesses.map(|it| json!({ "name": it.name, "key": key(it.key.as_ref()) }));
    let settings = charter.policy.iter().map(|set| (set.name.clone(), Value::from(set.value)));
    json!({
        "directory": charter.targets.first().map(|target| &target.name),
        "version": charter.targets.first().map(|target| target.version),
        "fingerprint": eye(identity),
        "fingerprint_telephone": telephone(identity),
        "previous": hex::encode(&charter.previous),
        "leaf": leaf,
        "issued_at": charter.issued_at,
        "rules": charter.rules,
        "threshold": charter.threshold,
        "registrars": people(&charter.registrars),
        "operators": people(&charter.operators),
        "auditors": people(&charter.auditors),
        "log": keys(&charter.log),
        "relay": keys(&charter.relay),
        "service_authorities": charter.service_ca.iter().map(|der| hex::encode(Digest::of(der).as_bytes())).collect::<Vec<_>>(),
        "witnesses": witnesses.collect::<Vec<_>>(),
        "quorum": charter.quorum,
        "settings": settings.collect::<serde_json::Map<_, _>>(),
    })
}

/// The largest number in anything signed.
const MAX_VALUE: u64 = (1 << 53) - 1;
