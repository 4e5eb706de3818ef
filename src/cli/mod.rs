//! The program `liaison`: what each command does, and what it shows.
//!
//! In scope: what people type and read. Out of scope: rules, keys, verification (`client` and
//! below); the demo, which sees both sides. Invariants: every error names the side at fault and
//! the command that mends it; an exit code means one thing.

mod admin;
mod administer;
pub mod args;
mod audit;
mod call;
mod charter;
mod context;
mod directory;
mod doctor;
mod exit;
mod exposure;
mod fields;
mod inbox;
mod join;
mod key;
mod layout;
mod notify;
mod output;
mod pointer;
mod record;
mod retry;
mod rotate;
mod seat;
mod sent;
mod statement;
mod status;
mod suggested;
mod sync;
mod terminal;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};

use crate::office::error::{ClientError, Family, Here, Mend, Side};
use crate::office::files;

pub use context::Context;
pub use exit::code as exit_code;
pub use output::Output;

use args::{Cli, Command, DirectoryCommand, SignArgs};

/// Reads what was typed.
///
/// # Errors
/// How the process ends: help was asked for, or it is no command of ours, which `--json` says on
/// stdout as every error.
pub fn parse(typed: impl IntoIterator<Item = OsString>) -> Result<Cli, ExitCode> {
    let typed: Vec<OsString> = typed.into_iter().collect();
    Cli::try_parse_from(&typed).map_err(|why| {
        let json = typed.iter().take_while(|word| *word != "--").any(|word| word == "--json");
        if json && why.use_stderr() {
            Output::new(true, true).error(&misused(&why));
        } else {
            let _ = why.print();
        }
        ExitCode::from(if why.use_stderr() { exit::code(Family::Usage) } else { 0 })
    })
}

/// What is wrong, without the page of usage behind it.
fn misused(why: &clap::Error) -> ClientError {
    let text = why.to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let words = first.trim_start_matches("error: ").split_whitespace().collect::<Vec<_>>();
    let sentence = match why.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            "a command is missing".to_owned()
        }
        _ => words.join(" "),
    };
    ClientError::new(Side::Ours, Family::Usage, Here::Usage, sentence).mended_by(Mend::Help)
}

/// Runs one command, and says how it ended.
pub async fn run(cli: Cli) -> ExitCode {
    let out = Output::as_typed(&cli.global);
    out.warn_of_language();
    let done = match Context::new(cli.global, out.clone()) {
        Ok(ctx) => {
            let done = run_in(&ctx, cli.command).await;
            done.map_err(|why| ctx.office.not_synced(why))
        }
        Err(error) => Err(error),
    };
    match done.and_then(|()| out.written()) {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads has seen enough (`| head`).
        Err(error) if error.reason == Here::NoReader => ExitCode::SUCCESS,
        Err(error) => {
            out.error(&error);
            ExitCode::from(exit::code(error.family))
        }
    }
}

/// Runs one command where it is told to.
///
/// # Errors
/// [`ClientError`].
pub async fn run_in(ctx: &Context, command: Command) -> Result<(), ClientError> {
    match command {
        Command::Key(command) => key::run(ctx, &command),
        Command::Join(args) => join::run(ctx, &args).await,
        Command::Record(command) => record::run(ctx, &command).await,
        Command::Sign(args) => sign(ctx, &args),
        Command::Publish(args) => statement::publish(ctx, &args).await,
        Command::Seat(command) => seat::run(ctx, &command).await,
        Command::Sync => sync::sync(ctx).await,
        Command::Directory(DirectoryCommand::List { member, level }) => {
            directory::list(ctx, member, level).await
        }
        Command::Directory(DirectoryCommand::Show { who, explain }) => {
            directory::show(ctx, &who, explain).await
        }
        Command::Directory(DirectoryCommand::Who { word }) => directory::who(ctx, &word).await,
        Command::Directory(DirectoryCommand::Verify) => directory::verify(ctx).await,
        Command::Directory(DirectoryCommand::Use { name }) => directory::prefer(ctx, &name),
        Command::Directory(DirectoryCommand::Forget { name, yes }) => {
            directory::forget(ctx, &name, yes.as_ref())
        }
        Command::Notify(args) => notify::notify(ctx, args).await,
        Command::Inbox(args) => inbox::inbox(ctx, args).await,
        Command::Sent(args) => sent::sent(ctx, args).await,
        Command::Exposure(args) => Box::pin(exposure::exposure(ctx, &args)).await,
        Command::Status => status::status(ctx).await,
        Command::Doctor => doctor::doctor(ctx).await,
        Command::Charter(command) => charter::run(ctx, &command).await,
        Command::Admin(command) => admin::run(ctx, &command).await,
        Command::Verify { file } => audit::verify(ctx, &file),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut for_people(), "liaison", &mut script);
            ctx.out.data(&String::from_utf8_lossy(&script), || {
                String::from_utf8_lossy(&script).into_owned()
            });
            Ok(())
        }
        Command::Man { folder } => man(ctx, &folder),
        Command::Demo(_)
        | Command::Bench(_)
        | Command::BenchStart { .. }
        | Command::BenchFollowers
        | Command::DemoService { .. } => {
            let sentence = "this command belongs to the program, not to the library";
            Err(ClientError::new(Side::Ours, Family::Unexpected, Here::NotHere, sentence))
        }
    }
}

/// `liaison sign FILE`: a proposal where the file is one, else statements.
fn sign(ctx: &Context, args: &SignArgs) -> Result<(), ClientError> {
    let text = files::read_text(&args.file)?;
    if files::kind(&text) == Some(files::Kind::Proposal) {
        return administer::sign_file(ctx, args, &text);
    }
    statement::sign(ctx, args, &text)
}

/// The commands without those that the program gives itself.
fn for_people() -> clap::Command {
    let all = Cli::command();
    let shown = all.get_subcommands().filter(|command| !command.is_hide_set());
    let people = clap::Command::new("liaison")
        .version(env!("CARGO_PKG_VERSION"))
        .propagate_version(true)
        .subcommand_required(true)
        .args(all.get_arguments())
        .subcommands(shown);
    people.about(all.get_about().cloned().unwrap_or_default())
}

/// One man page a command, from the same definitions as the help.
fn man(ctx: &Context, folder: &Path) -> Result<(), ClientError> {
    files::private_folder(folder)?;
    clap_mangen::generate_to(for_people(), folder).map_err(|why| files::unusable(folder, &why))?;
    ctx.out.data(&folder, || folder.display().to_string());
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn what_is_no_command_is_said_in_one_sentence() {
        for (typed, expected) in [
            ("liaison", "a command is missing"),
            ("liaison --json", "a command is missing"),
            ("liaison key", "a command is missing"),
            ("liaison --json key", "a command is missing"),
            ("liaison nothing", "unrecognized subcommand 'nothing'"),
            (
                "liaison notify",
                "the following required arguments were not provided: --title <TITLE> <CONTACTS>...",
            ),
            (
                "liaison directory list --level high",
                "invalid value 'high' for '--level <LEVEL>' [possible values: technical, policy, \
                 diplomatic, legal, law-enforcement]",
            ),
        ] {
            let error = misused(&Cli::try_parse_from(typed.split(' ')).unwrap_err());
            assert_eq!((error.reason.code(), &*error.sentence), ("USAGE", expected));
            assert_eq!(error.family, Family::Usage);
        }
    }

    #[test]
    fn a_shell_completes_what_people_type_and_nothing_else() {
        for shell in clap_complete::Shell::value_variants() {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut for_people(), "liaison", &mut script);
            let script = String::from_utf8(script).unwrap();
            for hidden in ["bench-start", "bench-followers", "demo-service"] {
                assert!(!script.contains(hidden), "{shell}: {hidden}");
            }
            for shown in ["doctor", "stale-directory", "completions", "bench"] {
                assert!(script.contains(shown), "{shell}: {shown}");
            }
        }
        assert_eq!(
            for_people().render_help().to_string(),
            Cli::command().render_help().to_string()
        );
    }
}
