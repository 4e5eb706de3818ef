//! `liaison demo`: the whole thing at work, on this machine, with real teams.
//!
//! In scope: the story, and its figures. Out of scope: doing anything itself that the programs do:
//! what France and Japan do here, they do with `liaison`, each in a process of its own.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, bail};
use serde::Serialize;
use serde_json::Value;

use crate::ambient::Ambient;
use crate::cli::args::DemoArgs;
use crate::client::home::Home;
use crate::client::invitation::Invitation;
use crate::operate::config::ServiceHome;
use crate::operate::{self, Plan, stop};

use super::directory::{DUTY, Held, Registrar};
use super::members::members;
use super::service::Running;

const SENDER: &str = "fr/cert-fr";
const RECIPIENT: &str = "jp/jpcert-cc";
const LISTED: &str = "au/auscert";

/// What the demo found out, and how long each step took.
#[derive(Debug, Default, Serialize)]
struct Report {
    members: usize,
    contacts: usize,
    listed: usize,
    log_size: u64,
    root_hash: String,
    engine: String,
    tls_group: String,
    accepted: bool,
    delivered: bool,
    acknowledged: bool,
    verified: bool,
    listed_refused: bool,
    seconds: Seconds,
}

#[derive(Debug, Default, Serialize)]
struct Seconds {
    found: f64,
    admit: f64,
    publish: f64,
    look_up: f64,
    notify: f64,
    collect: f64,
    acknowledge: f64,
    verify: f64,
    total: f64,
}

/// A folder that goes when the demo ends, or one that stays.
struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    fn new(given: Option<&Path>, ambient: &Ambient) -> anyhow::Result<Self> {
        let temporary = given.is_none();
        let fresh = || {
            let name = format!("liaison-demo-{}", hex::encode(ambient.bytes::<6>()));
            std::env::temp_dir().join(name)
        };
        let path = given.map_or_else(fresh, Path::to_owned);
        if path.join("service").exists() {
            bail!("{} holds a demo already: choose another --dir, or remove it", path.display());
        }
        std::fs::create_dir_all(&path)
            .with_context(|| format!("{} cannot be used", path.display()))?;
        Ok(Self { path, temporary })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary {
            // What cannot be removed is in the system's place for such things.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Tells the story on stdout; with `--json`, one object.
struct Story {
    json: bool,
}

impl Story {
    fn tell(&self, text: impl AsRef<str>) {
        if !self.json {
            let _ = writeln!(std::io::stdout(), "{}", text.as_ref());
        }
    }

    fn chapter(&self, title: &str) {
        self.tell(format!("\n== {title}"));
    }
}

/// Runs the demo.
///
/// # Errors
/// A step fails.
pub async fn run(args: &DemoArgs, json: bool) -> anyhow::Result<()> {
    let (ambient, story) = (Ambient::system(), Story { json });
    let folder = Folder::new(args.dir.as_deref(), &ambient)?;
    let (mut report, begun) = (Report::default(), Instant::now());

    story.chapter("A directory is founded, and served");
    let clock = Instant::now();
    let service = ServiceHome::at(&folder.path.join("service"));
    let registrar = Home::at(folder.path.join("registrar"));
    let founded = operate::single(&service, &registrar, plan(args)?, &ambient).await?;
    let running = Running::start(service.path())?;
    report.engine.clone_from(&running.engine);
    report.seconds.found = clock.elapsed().as_secs_f64();
    let (_, telephone) = founded.forms();
    story.tell(format!("un.example, fingerprint {telephone}"));
    story.tell(format!("one registrar decides (for trials), the engine is {}", report.engine));

    let invitation = Invitation::read(&std::fs::read_to_string(&founded.invitation)?)?;
    let mut registrar = Registrar::connect(registrar, &invitation).await?;
    registrar.tls_group().clone_into(&mut report.tls_group);
    populate(&mut registrar, &mut report, &folder.path, &invitation, &story).await?;
    converse(&folder.path, args, &mut report, &story).await?;
    report.seconds.total = begun.elapsed().as_secs_f64();
    finish(&report, &folder.path, &story);
    if !args.once {
        story.tell("\nThe service stays up. Ctrl-C ends the demo.");
        stop::asked().await;
    }
    running.stop();
    let all = report.accepted && report.delivered && report.acknowledged && report.verified;
    if all && report.listed_refused {
        Ok(())
    } else {
        bail!("not every step came out as it should")
    }
}

fn plan(args: &DemoArgs) -> anyhow::Result<Plan> {
    // Taken and given back at once: the service's address stands in the invitation before it runs.
    let listen = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
    Ok(Plan {
        name: "un.example".parse()?,
        registrars: Vec::new(),
        threshold: 1,
        auditors: Vec::new(),
        operators: Vec::new(),
        listen,
        health: None,
        addresses: operate::plan_addresses(listen)?,
        admin: None,
        admin_addresses: Vec::new(),
        engine: args.engine.clone(),
    })
}

/// Admits 36 members, and publishes what 34 of them sign.
async fn populate(
    registrar: &mut Registrar,
    report: &mut Report,
    folder: &Path,
    invitation: &Invitation,
    story: &Story,
) -> anyhow::Result<()> {
    story.chapter("Members are admitted");
    let ambient = Ambient::system();
    let clock = Instant::now();
    let mut held = Vec::new();
    for member in members()? {
        held.push(match member.id.as_str() {
            "fr" | "jp" => {
                let path = folder.join(member.id.as_str());
                Held::in_home(member, &path, invitation, &ambient)?
            }
            _ => Held::in_memory(member, &ambient)?,
        });
    }
    registrar.admit(&held).await?;
    report.seconds.admit = clock.elapsed().as_secs_f64();
    let clock = Instant::now();
    registrar.enrol(&held).await?;
    report.seconds.publish = clock.elapsed().as_secs_f64();
    let directory = registrar.directory()?;
    report.members = directory.members().count();
    report.contacts = directory.contacts().filter(|contact| contact.record.is_some()).count();
    let attested = |contact: &&crate::domain::directory::Contact| {
        contact.record.as_ref().is_some_and(|record| record.attested)
    };
    report.listed = directory.contacts().filter(attested).count();
    (report.log_size, report.root_hash) = registrar.view()?;
    story.tell(format!(
        "{} members with {} contacts, {} of them only listed: entered from the State's note,",
        report.members, report.contacts, report.listed
    ));
    story.tell("without keys. The others signed their own records, and connect.");
    story.tell(format!("log: {} entries, root {}", report.log_size, report.root_hash));
    Ok(())
}

/// France warns Japan, with the program that a national CERT uses.
async fn converse(
    folder: &Path,
    args: &DemoArgs,
    report: &mut Report,
    story: &Story,
) -> anyhow::Result<()> {
    let fr = Person { home: folder.join("fr"), seat: format!("{SENDER}/{DUTY}"), story };
    let jp = Person { home: folder.join("jp"), seat: format!("{RECIPIENT}/{DUTY}"), story };

    story.chapter("France looks up whom to call in Japan");
    let clock = Instant::now();
    fr.liaison(&["sync"]).await?;
    let found = fr.liaison(&["directory", "who", "JPCERT/CC"]).await?;
    fr.shown(&["directory", "show", RECIPIENT]).await?;
    report.seconds.look_up = clock.elapsed().as_secs_f64();
    if !found.to_string().contains(RECIPIENT) {
        bail!("JPCERT/CC was not found: {found}");
    }

    story.chapter("France warns Japan; the relay cannot read it");
    let clock = Instant::now();
    let attach = args.attach.as_ref().map(|path| path.display().to_string());
    let mut notify = vec![
        "notify",
        RECIPIENT,
        "--title",
        "Ransomware spreads through a logistics supplier",
        "--text",
        "Please look for connections to the attached indicators.",
        "--urgency",
        "immediate",
        "--classification",
        "malicious-code:infected-system",
    ];
    if let Some(path) = &attach {
        notify.extend(["--attach", path]);
    }
    let sent = fr.liaison(&notify).await?;
    let id = text_of(&sent, "id").context("notify gave no id")?;
    report.accepted = truth(&sent, "accepted");
    report.seconds.notify = clock.elapsed().as_secs_f64();
    story.tell(format!("accepted by the relay, durably: {id}"));

    story.chapter("Japan collects, opens and acknowledges");
    let clock = Instant::now();
    jp.liaison(&["inbox", "list"]).await?;
    jp.shown(&["inbox", "read", &id]).await?;
    report.seconds.collect = clock.elapsed().as_secs_f64();
    let clock = Instant::now();
    jp.liaison(&["inbox", "ack", &id, "--person", "Duty officer"]).await?;
    fr.liaison(&["inbox", "list"]).await?;
    let became = fr.liaison(&["sent", &id]).await?;
    report.delivered = truth(&became, "delivered");
    report.acknowledged = truth(&became, "acknowledged");
    report.seconds.acknowledge = clock.elapsed().as_secs_f64();
    fr.shown(&["sent", &id]).await?;

    story.chapter("A contact that is only listed cannot be written to");
    let (refused, why) =
        fr.try_liaison(&["notify", LISTED, "--title", "Ransomware at a supplier"]).await?;
    report.listed_refused = refused != 0;
    story.tell(why.trim_end());

    story.chapter("France folds the whole log again, and believes nobody");
    let clock = Instant::now();
    let verified = fr.liaison(&["directory", "verify"]).await?;
    report.verified = truth(&verified, "verified");
    report.seconds.verify = clock.elapsed().as_secs_f64();
    fr.shown(&["directory", "verify"]).await
}

fn finish(report: &Report, folder: &Path, story: &Story) {
    if story.json {
        let object = serde_json::to_string(report).unwrap_or_default();
        let _ = writeln!(std::io::stdout(), "{object}");
        return;
    }
    story.chapter("Done");
    story.tell(format!(
        "{} s in all; TLS {}; accepted {}, delivered {}, acknowledged {}, verified {}",
        (report.seconds.total * 10.0).round() / 10.0,
        report.tls_group,
        report.accepted,
        report.delivered,
        report.acknowledged,
        report.verified
    ));
    let (fr, jp) = (folder.join("fr"), folder.join("jp"));
    story.tell("\nTry next, in another terminal:");
    for (home, command) in [
        (&fr, "directory list"),
        (&fr, "directory show de --explain"),
        (&fr, "notify se/cert-se --title \"A question\""),
        (&jp, "inbox"),
        (&jp, "doctor"),
    ] {
        story.tell(format!("    liaison --home {} {command}", home.display()));
    }
}

/// One of the two who talk, each with a home and a program of its own.
struct Person<'a> {
    home: PathBuf,
    seat: String,
    story: &'a Story,
}

impl Person<'_> {
    /// Runs `liaison --json`, which must succeed, and gives its object.
    async fn liaison(&self, args: &[&str]) -> anyhow::Result<Value> {
        self.story.tell(format!("$ liaison {}", quoted(args)));
        let output = self.run(args, true).await?;
        if !output.status.success() {
            bail!("liaison {}: {}", quoted(args), String::from_utf8_lossy(&output.stderr));
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Runs it as a person would, and shows what it prints.
    async fn shown(&self, args: &[&str]) -> anyhow::Result<()> {
        if self.story.json {
            return Ok(());
        }
        self.story.tell(format!("$ liaison {}", quoted(args)));
        let output = self.run(args, false).await?;
        self.story.tell(String::from_utf8_lossy(&output.stdout).trim_end());
        Ok(())
    }

    /// Runs it, whatever comes: exit code, and what it said.
    async fn try_liaison(&self, args: &[&str]) -> anyhow::Result<(i32, String)> {
        self.story.tell(format!("$ liaison {}", quoted(args)));
        let output = self.run(args, false).await?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned()))
    }

    async fn run(&self, args: &[&str], json: bool) -> anyhow::Result<std::process::Output> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--home").arg(&self.home).args(["--as", &self.seat, "--no-input"]);
        if json {
            command.arg("--json");
        }
        command.args(args).env_remove("HTTPS_PROXY").env_remove("https_proxy");
        Ok(tokio::task::spawn_blocking(move || command.output()).await??)
    }
}

fn quoted(args: &[&str]) -> String {
    let quote = |arg: &&str| {
        if arg.contains(' ') { format!("\"{arg}\"") } else { (*arg).to_owned() }
    };
    args.iter().map(quote).collect::<Vec<_>>().join(" ")
}

/// A text anywhere on the first two levels of an object.
fn text_of(object: &Value, name: &str) -> Option<String> {
    object.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// Whether something is said to be so: true, or there at all and not false.
fn truth(object: &Value, name: &str) -> bool {
    match object.get(name) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Array(several)) => !several.is_empty(),
        Some(_) => true,
    }
}
