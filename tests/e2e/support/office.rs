//! A contact at work with the program itself: its commands, in its own home, on a way that may break.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser as _;
use liaison::cli::args::{Cli, Command};
use liaison::cli::{Context, Output};
use liaison::client::armour;
use liaison::client::error::ClientError;
use liaison::client::home::Home;
use liaison::client::invitation::Invitation;
use liaison::client::keys::{Owner, read_public};
use liaison::client::outbox::Outbox;
use liaison::client::reach::connect::{Proxies, Tcp};
use liaison::client::reach::session::Net;
use liaison::office::Machine;
use liaison::signed::proto;
use liaison::wire::v1;
use liaison::words;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

use super::way::Way;
use super::{NAME, Party, TestNet, copy, says};

/// The first seat of a member's contact `<member>/cert`, with the keys of its home.
pub(crate) struct Office {
    pub(crate) party: Party,
    pub(crate) way: Way,
    home: TempDir,
    net: Net,
    out: Output,
    printed: Mutex<UnboundedReceiver<String>>,
}

impl Office {
    /// A member that is admitted, whose one seat has keys in a new home.
    pub(crate) async fn new(net: &TestNet, member: &str) -> Self {
        let party = net.party(member, 1).await;
        let office = Self::knowing(net, party);
        let (ambient, keys) = (&office.net.ambient, Home::at(office.path()).keys());
        let owner = Owner::Seat(office.party.seat().clone());
        keys.create(&owner, ambient).unwrap();
        let public = keys.public(&owner, ambient).unwrap();
        let public = read_public(armour::Kind::Seat, &public).unwrap();
        let seat = proto::Seat {
            name: "duty-1".to_owned(),
            sign: public.sign.first().cloned(),
            seal: public.seal,
            tls: public.tls,
        };
        let contact = office.party.contact.as_str();
        let roster = says::roster(&net.replica(), contact, 1);
        net.say(roster.with(|roster| roster.seats[0] = seat)).await;
        office
    }

    /// The same seat in another home, which knows nothing yet.
    pub(crate) fn elsewhere(&self, net: &TestNet) -> Self {
        let other = Self::knowing(net, Party::new(self.party.contact.as_str(), 1));
        let [from, to] = [self, &other].map(|office| office.path().join("keys"));
        std::fs::create_dir(&to).unwrap();
        copy(&from, &to);
        other
    }

    /// Somebody of the administration, who reaches both ports; and himself as the next charter lists him.
    pub(crate) fn of_person(net: &TestNet, owner: &Owner) -> (Self, proto::Person) {
        let mut office = Self::knowing(net, Party::new("at/cert", 1));
        office.net.dial = Arc::new(Tcp);
        let (ambient, keys) = (&office.net.ambient, Home::at(office.path()).keys());
        keys.create(owner, ambient).unwrap();
        let person = armour::read(armour::Kind::Person, &keys.person(owner, "X", ambient).unwrap());
        (office, person.unwrap())
    }

    fn knowing(net: &TestNet, party: Party) -> Self {
        let home = tempfile::tempdir().unwrap();
        let invitation = v1::Invitation {
            charter: says::founding(&net.ca).bytes(),
            addresses: vec![net.address.to_string()],
            checkpoint: net.service.state().checkpoint.clone(),
            admin_addresses: vec![net.admin.to_string()],
        };
        let invitation = Invitation::check(invitation).unwrap();
        Home::at(home.path().to_owned()).join(&invitation).unwrap();
        let way = Way::new(net.address.clone());
        let dial = Arc::new(way.clone());
        let ambient = net.open.ambient.clone();
        let net = Net { dial, proxies: Proxies::default(), ambient };
        let (listener, printed) = unbounded_channel();
        let (out, printed) = (Output::new(true, true).told_to(listener), Mutex::new(printed));
        Self { party, way, home, net, out, printed }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.home.path().to_owned()
    }

    /// Where the mailbox of the seat stands.
    pub(crate) fn mail(&self) -> PathBuf {
        let directory = self.path().join("directories").join(NAME);
        directory.join("mail").join(self.party.seat().as_str())
    }

    /// What the seat sent.
    pub(crate) fn outbox(&self) -> Outbox {
        Outbox::of(&self.mail().join("outbox"))
    }

    /// Runs a command, as it is typed; an error says what a screen would.
    pub(crate) async fn run(&self, typed: &[&str]) -> Result<(), ClientError> {
        let (ctx, command) = self.command(typed);
        let ended = liaison::cli::run_in(&ctx, command).await;
        ended.map_err(|error| words::spelled(&error))
    }

    /// The same beside everything else, until it is aborted.
    pub(crate) fn start(&self, typed: &[&str]) -> JoinHandle<Result<(), ClientError>> {
        let (ctx, command) = self.command(typed);
        tokio::spawn(async move {
            let ended = liaison::cli::run_in(&ctx, command).await;
            ended.map_err(|error| words::spelled(&error))
        })
    }

    /// The next object that its commands print.
    pub(crate) async fn prints(&self) -> Value {
        let printed = self.printed.lock().await.recv().await;
        serde_json::from_str(&printed.unwrap()).unwrap()
    }

    /// What its commands have printed, one object each.
    pub(crate) fn printed(&mut self) -> Vec<Value> {
        let printed = std::iter::from_fn(|| self.printed.get_mut().try_recv().ok());
        printed.map(|text| serde_json::from_str(&text).unwrap()).collect()
    }

    fn command(&self, typed: &[&str]) -> (Context, Command) {
        let typed = ["liaison", "--no-input", "--json"].iter().chain(typed);
        let Cli { global, command } = Cli::try_parse_from(typed).unwrap();
        let (out, home) = (self.out.clone(), Home::at(self.path()));
        (Context::of(global, out, Machine { home, net: self.net.clone() }), command)
    }
}
