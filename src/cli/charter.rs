//! `liaison charter`: the root document, and its next version.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::office::drafts::charter::{self, Changes, Charters, NotRead, People, SETTINGS, Shown};
use crate::office::error::{ClientError, Family, Here, Mend, Side};
use crate::office::files;
use crate::office::terms::{KeyId, PersonId, Role};

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
    let changes = changes(args)?;
    // A service whose key is lost is reached by nobody before it has this charter.
    let will_do =
        |why: &ClientError| args.draft.out.is_some() && why.family == Family::NotReachable;
    let at_hand = ctx.office.at_hand(will_do).await?;
    if let Some(why) = &at_hand.behind {
        ctx.out.warn(format_args!("{why}: the charter is drafted on the copy of this home"));
    }
    let name = format!("charter-{}", at_hand.charter_version()? + 1);
    let drafted = at_hand.charter(&ctx.office, &changes).map_err(|why| not_read("", why))?;
    let done = finish_if_agreed(ctx, drafted, &args.draft, &name, args.yes).await?;
    told(ctx, &done);
    Ok(())
}

fn changes(args: &CharterDraftArgs) -> Result<Changes, ClientError> {
    let people = |role: Role, files: &[PathBuf], remove: &[PersonId]| {
        let remove = remove.iter().map(ToString::to_string).collect();
        let mut people = People { remove, ..People::default() };
        for path in files {
            charter::add_person(&mut people, role, &files::read_text(path)?)?;
        }
        Ok::<_, ClientError>(people)
    };
    let mut changes = Changes {
        remove_service_ca: args.remove_service_cas.clone(),
        registrars: people(Role::Registrar, &args.registrars, &args.remove_registrars)?,
        threshold: args.threshold,
        operators: people(Role::Operator, &args.operators, &args.remove_operators)?,
        auditors: people(Role::Auditor, &args.auditors, &args.remove_auditors)?,
        remove_witnesses: args.remove_witnesses.clone(),
        quorum: args.quorum,
        set: args.set.iter().map(|set| setting(set)).collect::<Result<_, _>>()?,
        unset: args.unset.clone(),
        rules: args.rules,
        ..Changes::default()
    };
    for vkey in &args.witnesses {
        charter::add_witness(&mut changes, vkey)
            .map_err(|why| not_read(&format!("--witness {vkey}"), why))?;
    }
    let staged = [
        (&mut changes.log, "log", &args.log_keys, &args.remove_log_keys),
        (&mut changes.relay, "relay", &args.relay_keys, &args.remove_relay_keys),
    ];
    for (keys, of, files, remove) in staged {
        keys.remove.clone_from(remove);
        for path in files {
            charter::add_service_key(keys, of, &files::read_text(path)?)
                .map_err(|why| not_read(&path.display().to_string(), why))?;
        }
    }
    for path in &args.service_cas {
        let authority = charter::authority(&files::read_text(path)?);
        let authority = authority.map_err(|why| not_read(&path.display().to_string(), why))?;
        changes.service_ca.push(authority);
    }
    Ok(changes)
}

/// What was given, and why it cannot be read.
fn not_read(given: &str, why: NotRead) -> ClientError {
    match why {
        NotRead::Change(why) => usage(&why),
        NotRead::HolderOf { holder, wanted } => {
            usage(&format!("{given} holds the key of {holder}, and no {wanted} key"))
        }
        NotRead::NotOneKey => usage(&format!("{given} holds not one key")),
        NotRead::Certificate(why) | NotRead::Witness(why) => usage(&format!("{given}: {why}")),
        NotRead::Failed(why) => *why,
    }
}

/// Reads a setting as it is typed: `stale-after=86400`.
fn setting(given: &str) -> Result<(String, u64), ClientError> {
    charter::setting(given).ok_or_else(|| {
        let names = SETTINGS.join(", ");
        usage(&format!(
            "a setting is given like stale-after=86400, in seconds, not {given:?} (known here: {names})"
        ))
    })
}

/// The charter in force, or that of a file.
fn show(ctx: &Context, file: Option<&Path>) -> Result<(), ClientError> {
    let charters = match file {
        Some(path) => Charters::of_file(&files::read_text(path)?)?.ok_or_else(|| {
            let path = path.display();
            usage(&format!("{path} is neither a draft of a charter nor an invitation"))
        })?,
        None => {
            let in_force = ctx.office.charter_in_force()?;
            in_force.ok_or_else(|| usage("the charter is not in the copy"))?
        }
    };
    let all: Vec<Value> = charters.all().iter().map(object).collect();
    if all.is_empty() {
        let sentence = "the file holds statements, and no charter";
        return Err(ClientError::new(Side::Ours, Family::Usage, Here::NoCharter, sentence)
            .mended_by(Mend::ShowFile));
    }
    ctx.out.data(&json!({ "charters": all }), || Lines::of(charters.says()).text());
    Ok(())
}

fn object(charter: &Shown) -> Value {
    let key = |key: &KeyId| hex::encode(key.as_bytes());
    let keys = |keys: &[KeyId]| keys.iter().map(key).collect::<Vec<_>>();
    let people = |people: &[charter::Person]| -> Vec<Value> {
        let people = people.iter().map(|person| {
            let (sign, tls) = (person.sign.as_ref().map(key), person.tls.as_ref().map(key));
            json!({ "id": person.id, "name": person.name, "sign": sign, "tls": tls })
        });
        people.collect()
    };
    let authorities = charter.service_authorities.iter();
    let authorities = authorities.map(|sha256| hex::encode(sha256.as_bytes()));
    let witnesses = charter.witnesses.iter();
    let witnesses = witnesses.map(|it| json!({ "name": it.name, "key": it.key.as_ref().map(key) }));
    let settings = charter.settings.iter();
    let settings = settings.map(|set| (set.name.clone(), Value::from(set.value)));
    json!({
        "directory": charter.directory,
        "version": charter.version,
        "fingerprint": charter.fingerprint,
        "fingerprint_telephone": charter.fingerprint_telephone,
        "previous": hex::encode(&charter.previous),
        "leaf": charter.leaf,
        "issued_at": charter.issued_at,
        "rules": charter.rules,
        "threshold": charter.threshold,
        "registrars": people(&charter.registrars),
        "operators": people(&charter.operators),
        "auditors": people(&charter.auditors),
        "log": keys(&charter.log),
        "relay": keys(&charter.relay),
        "service_authorities": authorities.collect::<Vec<_>>(),
        "witnesses": witnesses.collect::<Vec<_>>(),
        "quorum": charter.quorum,
        "settings": settings.collect::<serde_json::Map<_, _>>(),
    })
}
