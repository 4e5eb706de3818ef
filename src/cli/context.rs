//! What every command starts from: the home, the directory, the identity, the connection.

use std::path::Path;
use std::sync::{Arc, Once};

use crate::ambient::Ambient;
use crate::client::armour;
use crate::client::connect::{Proxies, Tcp};
use crate::client::error::{ClientError, Exit, Side};
use crate::client::home::Home;
use crate::client::keys::Owner;
use crate::client::place::{self, FileError};
use crate::client::reason::Here;
use crate::client::replica::{Aside, Replica, ReplicaError};
use crate::client::session::{Net, Session};
use crate::domain::directory::key::Purpose;
use crate::domain::ids::{ContactId, DirectoryName, SeatId};

use super::args::Global;
use super::fields::usage;
use super::output::{Bar, Output};
use super::sync::with_progress;
use super::terminal::Terminal;

/// The context of one command.
pub struct Context {
    /// Flags that apply to every command.
    pub global: Global,
    /// How to print.
    pub out: Output,
    /// Keys, configuration, copies of directories.
    pub home: Home,
    /// How to reach a service.
    pub net: Net,
}

impl Context {
    /// From the flags and the environment.
    ///
    /// # Errors
    /// No home, or a proxy that cannot be read.
    pub fn new(global: Global) -> Result<Self, ClientError> {
        let out = Output::new(global.json, global.no_input);
        let unset = std::env::var_os("LIAISON_HOME").is_some_and(|home| home.is_empty());
        if global.home.as_ref().is_some_and(|home| home.as_os_str().is_empty()) && !unset {
            return Err(usage("--home names no folder"));
        }
        let terminal = Terminal::new(global.no_input);
        let home = Home::find(global.home.clone())?.asking(Arc::new(terminal));
        let variable = |name: &str| {
            let lower = std::env::var(name.to_lowercase()).ok();
            std::env::var(name).ok().or(lower).filter(|value| !value.is_empty())
        };
        let (https, no) = (variable("HTTPS_PROXY"), variable("NO_PROXY"));
        let proxies = Proxies::new(https.as_deref(), no.as_deref())?;
        let net = Net { dial: Arc::new(Tcp), proxies, ambient: Ambient::system() };
        Ok(Self { global, out, home, net })
    }

    /// Clock and randomness.
    #[must_use]
    pub const fn ambient(&self) -> &Ambient {
        &self.net.ambient
    }

    /// The directory named, or the only one joined.
    ///
    /// # Errors
    /// None, or several.
    pub fn name(&self) -> Result<DirectoryName, ClientError> {
        Ok(self.home.directory(self.global.directory.as_ref())?)
    }

    /// The copy of the directory.
    ///
    /// # Errors
    /// It cannot be read, or does not verify.
    pub fn replica(&self) -> Result<Replica, ClientError> {
        self.opened(Replica::open_showing)
    }

    /// The copy of the directory, every entry of it verified again.
    ///
    /// # Errors
    /// As [`Context::replica`].
    pub fn replica_anew(&self) -> Result<Replica, ClientError> {
        self.opened(Replica::open_anew)
    }

    /// The copy of the directory, every entry of it read again.
    ///
    /// # Errors
    /// As [`Context::replica`].
    pub fn replica_read_through(&self) -> Result<Replica, ClientError> {
        self.opened(Replica::open_read_through)
    }

    fn opened(
        &self,
        open: impl FnOnce(&Home, &DirectoryName, &mut dyn FnMut(u64, u64)) -> Opened,
    ) -> Result<Replica, ClientError> {
        let mut bar = Bar::new(&self.out);
        let replica =
            open(&self.home, &self.name()?, &mut |have, of| bar.show("verified", have, of));
        drop(bar);
        let replica = replica?;
        if let Some(why) = replica.misfit() {
            self.out.warn(format_args!(
                "what was kept of the directory beside its entries was not believed ({why}): every \
                 entry was verified again"
            ));
        }
        if let Some(why) = replica.not_kept() {
            let what =
                "until that is mended, each command verifies every entry again, which takes longer";
            self.out.not_kept(what, &why.into());
        }
        match replica.aside() {
            Some(Aside::Altered(path)) => self.out.warn(format_args!(
                "the copy of the directory on this disk was altered: what stood there is kept as \
                 {}, and the next liaison sync fetches it anew",
                path.display()
            )),
            Some(Aside::Inadmissible(path)) => self.out.warn(format_args!(
                "entries and checkpoint of the log are kept as evidence: {}",
                path.display()
            )),
            None => {}
        }
        if let Some(leaf) = replica.halted() {
            self.out.warn(format_args!(
                "the log has signed entry {leaf}, which its rules do not admit: what stands before \
                 it is shown, and nothing newer is believed; ask the registrars"
            ));
        }
        Ok(replica)
    }

    /// The seat to act as: the one named, or the only one whose keys are here.
    ///
    /// # Errors
    /// None, or several.
    pub fn seat(&self) -> Result<SeatId, ClientError> {
        if let Some(seat) = &self.global.seat {
            return Ok(seat.clone());
        }
        let owners = self.home.keys().owners()?;
        let waiting = owners.iter().find_map(|owner| match owner {
            Owner::Authority(member) => Some(member.clone()),
            _ => None,
        });
        let seats = owners.into_iter().filter_map(|owner| match owner {
            Owner::Seat(seat) => Some(seat),
            Owner::Registrar(_)
            | Owner::Operator(_)
            | Owner::Auditor(_)
            | Owner::Authority(_)
            | Owner::Keeper(_) => None,
        });
        match &seats.collect::<Vec<_>>()[..] {
            [only] => Ok(only.clone()),
            [] if let Err(error) = self.home.is_there() => Err(error.into()),
            [] => Err(ClientError::new(
                Side::Ours,
                Exit::IdentityOrKey,
                Here::NoSeat,
                format!("no seat's keys are in the home {}", self.home.root().display()),
            )
            .mended_by(match waiting.filter(|_| self.name().is_ok()) {
                Some(member) => format!(
                    "if {member} waits for its admission, send {member}.authority to the \
                     registrars, and give liaison join {member}.admission --as \
                     {member}/CONTACT/SEAT when they have sent that file back; if its seats have \
                     another home, name that with --home"
                ),
                None => "name the home that has them with --home or LIAISON_HOME; if there is \
                         none, liaison join INVITATION --as MEMBER/CONTACT/SEAT"
                    .to_owned(),
            })),
            several => {
                let names = several.iter().map(SeatId::as_str).collect::<Vec<_>>().join(", ");
                let sentence = format!("several seats' keys are in this home: {names}");
                Err(ClientError::new(Side::Ours, Exit::Usage, Here::SeveralSeats, sentence)
                    .mended_by("name one with --as"))
            }
        }
    }

    /// The contact given, or that of the seat.
    ///
    /// # Errors
    /// As [`Context::seat`].
    pub fn contact(&self, given: Option<&ContactId>) -> Result<ContactId, ClientError> {
        given.map_or_else(|| self.seat().map(|seat| seat.contact()), |given| Ok(given.clone()))
    }

    /// Whoever of this home may read the directory: the seat named, else any seat in force, else a
    /// person of the charter, else a seat. Who reads says nothing in anybody's name.
    ///
    /// # Errors
    /// As [`Context::seat`].
    pub fn reader(&self) -> Result<Owner, ClientError> {
        if let Some(seat) = &self.global.seat {
            return Ok(Owner::Seat(seat.clone()));
        }
        let owners = self.home.keys().owners()?;
        let is_seat = |owner: &&Owner| matches!(owner, Owner::Seat(_));
        let is_person = |owner: &&Owner| {
            matches!(owner, Owner::Registrar(_) | Owner::Operator(_) | Owner::Auditor(_))
        };
        let person = owners.iter().find(is_person);
        let several = owners.iter().filter(is_seat).count() + usize::from(person.is_some()) > 1;
        // Opening the copy takes a while.
        let replica = several.then(|| self.replica().ok()).flatten();
        let directory = replica.as_ref().and_then(|replica| replica.directory().ok());
        let in_force = |owner: &&Owner| {
            let (keys, ambient) = (self.home.keys(), self.ambient());
            let all = [
                keys.signing(owner, ambient).ok(),
                keys.next_signing(owner, ambient).ok().flatten(),
            ];
            all.iter()
                .flatten()
                .any(|key| directory.is_some_and(|of| of.in_force(&key.public().id()).is_ok()))
        };
        match owners.iter().filter(is_seat).find(in_force).or(person) {
            Some(owner) => Ok(owner.clone()),
            None => self.seat().map(Owner::Seat),
        }
    }

    /// Connects as somebody, or as nobody.
    ///
    /// # Errors
    /// The service cannot be reached or believed.
    pub async fn connect(&self, who: Option<&Owner>) -> Result<Session, ClientError> {
        let name = self.name()?;
        let bad = self.home.addresses(&name)?.bad;
        static SAID: Once = Once::new();
        SAID.call_once(|| {
            for (path, why) in bad {
                self.out.warn(format_args!("{}: {why}: it is skipped", path.display()));
            }
        });
        Session::open(&self.home, &name, who, &self.net)
            .await
            .map_err(|why| self.for_operators(why))
    }

    /// That nothing answers may be mended by who runs the service.
    pub(super) fn for_operators(&self, why: ClientError) -> ClientError {
        let owners = self.home.keys().owners().unwrap_or_default();
        let is_one = owners.iter().any(|owner| matches!(owner, Owner::Operator(_)));
        match why.mend.clone().filter(|_| is_one && why.reason == Here::NoConnection) {
            Some(mend) => why.mended_by(format!(
                "if the service does not run, liaisond serve on its machine; if it does, {mend}"
            )),
            None => why,
        }
    }

    /// Who has no copy, and nobody here who could fetch one, lacks that first.
    pub(super) fn not_synced(&self, why: ClientError) -> ClientError {
        match self.reader() {
            Err(first) if why.reason == Here::NeverSynced => {
                ClientError { mend: first.mend, ..why }
            }
            _ => why,
        }
    }

    /// Whether whoever reads for this home is handed the details of contacts.
    pub(super) fn reads_details(&self) -> bool {
        !matches!(self.reader(), Ok(Owner::Operator(_) | Owner::Auditor(_)))
    }

    /// Whether new keys of a seat wait for the directory to list them.
    pub(super) fn changes_keys(&self, owner: &Owner) -> bool {
        let Owner::Seat(seat) = owner else { return false };
        let next = self.home.keys().next(seat, self.ambient());
        next.is_ok_and(|next| !next.purposes().is_empty())
    }

    /// Puts new keys of this home in their place that the copy of the directory lists, and says so. Where
    /// that cannot be kept, they are used where they lie.
    pub(super) fn settle_keys(&self, replica: &Replica) {
        let (keys, ambient) = (self.home.keys(), self.ambient());
        let (Ok(directory), Ok(owners)) = (replica.directory(), keys.owners()) else { return };
        for owner in owners {
            let promoted = match &owner {
                Owner::Seat(seat) => keys
                    .promote(seat, directory, ambient)
                    .map(|all| all.into_iter().map(Purpose::name).collect::<Vec<_>>()),
                Owner::Keeper(contact) => {
                    let promoted = keys.promote_keeper(contact, directory, ambient);
                    promoted
                        .map(|done| done.then_some(Purpose::Keeper.name()).into_iter().collect())
                }
                Owner::Registrar(_)
                | Owner::Operator(_)
                | Owner::Auditor(_)
                | Owner::Authority(_) => continue,
            };
            match promoted {
                Ok(all) if all.is_empty() => {}
                Ok(all) => self.out.say(format_args!(
                    "new keys of {owner} are in force: of {}",
                    all.join(", of ")
                )),
                Err(why) => self.out.not_kept(
                    "new keys are used where they lie until they can be put in their place",
                    &why.into(),
                ),
            }
        }
    }

    /// Connects as whoever may read, and brings the copy of the directory up to date.
    ///
    /// # Errors
    /// As [`Context::connect`]; what came does not verify.
    pub async fn synced(&self) -> Result<(Session, Replica), ClientError> {
        let session = self.connect(Some(&self.reader()?)).await?;
        let mut replica = self.replica()?;
        with_progress(self, &session, &mut replica).await?;
        Ok((session, replica))
    }

    /// Reads a file that a person carries.
    ///
    /// # Errors
    /// It cannot be read, is too large, or no text.
    pub fn read_file(&self, path: &Path) -> Result<String, ClientError> {
        let bytes = place::read(path, armour::FILE_BYTES as u64).map_err(cannot_use)?;
        String::from_utf8(bytes).map_err(|_| unusable(path, &"it is no text (UTF-8)"))
    }

    /// Writes a file that a person carries: the old one stands until the new one is whole.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_file(&self, path: &Path, text: &str) -> Result<(), ClientError> {
        place::write_out(path, text.as_bytes()).map_err(cannot_use)
    }
}

type Opened = Result<Replica, ReplicaError>;

/// A file that was named cannot be read or written.
pub(super) fn cannot_use(why: FileError) -> ClientError {
    match (ClientError::from(&why), why) {
        (error, FileError::Io { path, source, .. }) if !error.is_of_writing() => {
            unusable(&path, &source)
        }
        (error, _) => error,
    }
}

/// A file that was named cannot be used.
#[must_use]
pub fn unusable(path: &Path, why: &dyn std::fmt::Display) -> ClientError {
    let sentence = format!("{} cannot be used: {why}", path.display());
    ClientError::new(Side::Ours, Exit::Usage, Here::File, sentence)
}
