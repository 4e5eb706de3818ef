//! The demo's directory: members admitted, their records and rosters published.

use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use bytes::Bytes;

use crate::ambient::Ambient;
use crate::client::draft::{Bundle, Composed, Composer};
use crate::client::home::Home;
use crate::client::invitation::Invitation;
use crate::client::keys::{Owner, prove};
use crate::client::reach::connect::{Proxies, Tcp};
use crate::client::reach::session::{Net, Progress, Session, Verdict};
use crate::client::replica::Replica;
use crate::crypto::hash::Digest;
use crate::crypto::seal::OpeningKey;
use crate::crypto::sign::{Signer, SigningKey};
use crate::domain::directory::Directory;
use crate::domain::directory::key::listed_sealing;
use crate::domain::ids::{PersonId, SeatId};
use crate::domain::view::View;
use crate::signed::proto::{self, Custody, Level, Use};

use super::members::{DemoMember, Team};

/// A year: these records hold for so long.
const YEAR: u64 = 365 * 86_400;
/// The duty of every demo team.
pub(super) const DUTY: &str = "duty-1";
/// Statements of one Publish.
const BATCH: usize = 16;

/// The registrar at work.
pub(super) struct Registrar {
    session: Session,
    replica: Replica,
    net: Net,
    home: Home,
}

/// A member's keys: in memory, or for those who go on in the demo, in a home.
pub(super) struct Held {
    pub(super) member: DemoMember,
    authority: SigningKey,
    contacts: Vec<HeldContact>,
}

struct HeldContact {
    team: Team,
    keeper: SigningKey,
    seat: proto::Seat,
}

impl Registrar {
    /// Connects with the keys that founding has put into `home`.
    pub(super) async fn connect(home: Home, invitation: &Invitation) -> anyhow::Result<Self> {
        let name = home.join(invitation)?;
        let proxies = Proxies::new(None, None)?;
        let net = Net { dial: Arc::new(Tcp), proxies, ambient: Ambient::system() };
        let registrar = Owner::Registrar("registrar".parse::<PersonId>()?);
        let session = Session::open(&home, &name, Some(&registrar), &net).await?;
        let mut replica = Replica::open(&home, &name)?;
        session.sync(&mut replica, &mut |_: Progress| {}).await?;
        Ok(Self { session, replica, net, home })
    }

    /// Admits every member; the listed ones get no authority.
    pub(super) async fn admit(&mut self, members: &[Held]) -> anyhow::Result<()> {
        let sign = self
            .home
            .keys()
            .signing(&Owner::Registrar("registrar".parse::<PersonId>()?), &self.net.ambient)?;
        let directory = self.replica.directory()?.clone();
        let mut composer = Composer::on(&directory, &self.net.ambient);
        let mut statements = Vec::new();
        for held in members {
            let member = held.member.id.as_str();
            let proven = prove(&held.authority, member, Use::Authority, &self.net.ambient)?;
            let authority = if held.member.listed { Vec::new() } else { vec![proven] };
            statements.push(composer.admission(proto::Admission {
                member: held.member.id.to_string(),
                kind: held.member.kind.into(),
                names: vec![text(held.member.name)],
                threshold: authority.len() as u32,
                authority,
                ..Default::default()
            })?);
        }
        for held in members.iter().filter(|held| held.member.listed) {
            for contact in &held.contacts {
                let record = proto::AttestedRecord {
                    contact: contact.team.contact.to_string(),
                    expires: self.net.ambient.now() + YEAR,
                    levels: vec![Level::Technical.into()],
                    names: vec![text(&contact.team.name)],
                    note: Some(note(self.net.ambient.now())),
                    ..Default::default()
                };
                statements.push(composer.attested_record(record, &contact.team.facets)?);
            }
        }
        for batch in batches(statements) {
            let mut bundle = Bundle::of(batch);
            bundle.sign(Some(&directory), &[&sign], &self.net.ambient)?;
            taken(self.session.publish(&bundle).await?)?;
        }
        self.sync().await
    }

    /// Enrols every member that signs: its records and rosters.
    pub(super) async fn enrol(&mut self, members: &[Held]) -> anyhow::Result<()> {
        let directory = self.replica.directory()?.clone();
        // By the registrar's connection: 34 States are seldom behind one address.
        for held in members.iter().filter(|held| !held.member.listed) {
            let bundle = held.statements(&directory, &self.net.ambient)?;
            taken(self.session.publish(&bundle).await?)?;
        }
        self.sync().await
    }

    async fn sync(&mut self) -> anyhow::Result<()> {
        self.session.sync(&mut self.replica, &mut |_: Progress| {}).await?;
        Ok(())
    }

    /// The directory as the registrar's own verified copy has it.
    pub(super) fn directory(&self) -> anyhow::Result<&Directory> {
        Ok(self.replica.directory()?)
    }

    /// Tree size and root hash.
    pub(super) fn view(&self) -> anyhow::Result<(u64, String)> {
        let View { size, root } = self.replica.view()?;
        Ok((size, root.to_string()))
    }

    /// The group of the handshake.
    pub(super) fn tls_group(&self) -> &'static str {
        self.session.connection().group()
    }
}

impl Held {
    /// Keys in memory, for a member that does nothing else in the demo.
    pub(super) fn in_memory(member: DemoMember, ambient: &Ambient) -> anyhow::Result<Self> {
        let key = || SigningKey::from_seed(&ambient.bytes());
        let contacts = member.teams.iter().map(|team| {
            let opening = OpeningKey::from_seed(&ambient.bytes());
            let holder = SeatId::new(&team.contact, DUTY)?;
            let proven = |usage| prove(&key(), holder.as_str(), usage, ambient);
            let seat = proto::Seat {
                name: DUTY.to_owned(),
                sign: Some(proven(Use::Sign)?),
                seal: Some(listed_sealing(opening.public().as_bytes())),
                tls: Some(proven(Use::Tls)?),
            };
            Ok(HeldContact { team: team.clone(), keeper: key(), seat })
        });
        let contacts = contacts.collect::<anyhow::Result<_>>()?;
        Ok(Self { authority: key(), contacts, member })
    }

    /// Keys in a home of its own, which knows the directory.
    pub(super) fn in_home(
        member: DemoMember,
        path: &Path,
        invitation: &Invitation,
        ambient: &Ambient,
    ) -> anyhow::Result<Self> {
        let home = Home::at(path.to_owned());
        home.join(invitation)?;
        let keys = home.keys();
        let make = |owner: &Owner| keys.create(owner, ambient);
        let authority = Owner::Authority(member.id.clone());
        make(&authority)?;
        let mut contacts = Vec::new();
        for team in &member.teams {
            let keeper = Owner::Keeper(team.contact.clone());
            let seat = Owner::Seat(SeatId::new(&team.contact, DUTY)?);
            make(&keeper)?;
            make(&seat)?;
            let public = crate::client::keys::read_public(
                crate::client::armour::Kind::Seat,
                &keys.public(&seat, ambient)?,
            )?;
            let entry = proto::Seat {
                name: DUTY.to_owned(),
                sign: public.sign.first().cloned(),
                seal: public.seal,
                tls: public.tls,
            };
            let keeper = keys.signing(&keeper, ambient)?;
            contacts.push(HeldContact { team: team.clone(), keeper, seat: entry });
        }
        let authority = keys.signing(&authority, ambient)?;
        Ok(Self { authority, contacts, member })
    }

    /// Records and rosters of all its teams, signed.
    fn statements(&self, directory: &Directory, ambient: &Ambient) -> anyhow::Result<Bundle> {
        let mut composer = Composer::on(directory, ambient);
        let mut statements = Vec::new();
        for contact in &self.contacts {
            let id = contact.team.contact.to_string();
            let record = proto::Record {
                contact: id.clone(),
                expires: ambient.now() + YEAR,
                levels: vec![Level::Technical.into()],
                names: vec![text(&contact.team.name)],
                keeper: Some(prove(&contact.keeper, &id, Use::Keeper, ambient)?),
                custody: Custody::OneMachine.into(),
                ..Default::default()
            };
            statements.push(composer.record(record, &contact.team.facets)?);
            let roster = proto::Roster {
                contact: id,
                seats: vec![contact.seat.clone()],
                ..Default::default()
            };
            statements.push(composer.roster(roster, &[])?);
        }
        let mut bundle = Bundle::of(statements);
        let keepers = self.contacts.iter().map(|contact| &contact.keeper);
        let keys: Vec<&dyn Signer> =
            keepers.chain([&self.authority]).map(|key| key as &dyn Signer).collect();
        bundle.sign(Some(directory), &keys, ambient)?;
        Ok(bundle)
    }
}

fn text(name: &str) -> proto::Text {
    proto::Text { language: "en".to_owned(), text: name.to_owned() }
}

/// The note verbale from which a listed contact is entered: a paper of the demo's own.
fn note(date: u64) -> proto::Note {
    let paper = Digest::of(b"The Permanent Mission presents its compliments.");
    let sha256 = Bytes::copy_from_slice(paper.as_bytes());
    proto::Note { reference: "DEMO/1".to_owned(), date, sha256 }
}

fn batches(statements: Vec<Composed>) -> Vec<Vec<Composed>> {
    statements.chunks(BATCH).map(<[Composed]>::to_vec).collect()
}

fn taken(answers: Vec<Verdict>) -> anyhow::Result<()> {
    for answer in answers {
        if let Verdict::Refused(why) = answer {
            bail!("a statement was refused: {why} ({})", why.reason);
        }
    }
    Ok(())
}
