//! The members of the demo: real teams, uneven as they are.
//!
//! In scope: the rows of `examples/national-csirts.csv`, and what a record makes of them. Out of
//! scope: keys and statements. Invariant: nothing is cleaned up by hand; what a row lacks, the
//! record lacks.

use serde::Deserialize;

use crate::client::draft::FacetContent;
use crate::domain::ids::{ContactId, MemberId};
use crate::signed::proto::{self, MemberKind};

const ROWS: &str = include_str!("../../examples/national-csirts.csv");

/// Members that are only listed here: each has one team, which publishes how to reach it.
const LISTED: [&str; 2] = ["au", "kr"];

/// A member with its teams.
#[derive(Clone, Debug)]
pub(super) struct DemoMember {
    pub(super) id: MemberId,
    pub(super) name: &'static str,
    pub(super) kind: MemberKind,
    pub(super) listed: bool,
    pub(super) teams: Vec<Team>,
}

/// One team, which is a contact.
#[derive(Clone, Debug)]
pub(super) struct Team {
    pub(super) contact: ContactId,
    pub(super) name: String,
    pub(super) facets: Vec<FacetContent>,
}

#[derive(Debug, Deserialize)]
struct Row {
    country: String,
    team: String,
    language: String,
    website: String,
    email: String,
    phone: String,
}

/// Every member, by id.
///
/// # Errors
/// The rows that the program carries cannot be read: a fault of the program.
pub(super) fn members() -> anyhow::Result<Vec<DemoMember>> {
    let mut members: Vec<DemoMember> = Vec::new();
    for row in csv::Reader::from_reader(ROWS.as_bytes()).deserialize() {
        let row: Row = row?;
        let id: MemberId = row.country.to_lowercase().parse()?;
        let team = team(&id, &row)?;
        match members.iter_mut().find(|member| member.id == id) {
            Some(member) => member.teams.push(team),
            None => members.push(member(id, team)),
        }
    }
    members.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(members)
}

fn member(id: MemberId, team: Team) -> DemoMember {
    let named = NAMES.iter().find(|(code, _)| *code == id.as_str());
    let kind = if id.as_str() == "eu" { MemberKind::RegionalOrg } else { MemberKind::UnMember };
    DemoMember {
        name: named.map_or("a member", |(_, name)| name),
        listed: LISTED.contains(&id.as_str()),
        kind,
        teams: vec![team],
        id,
    }
}

fn team(member: &MemberId, row: &Row) -> anyhow::Result<Team> {
    let contact = ContactId::new(member, &slug(&row.team))?;
    Ok(Team { contact, name: row.team.clone(), facets: facets(row) })
}

/// A team's name as a part of an id: `JPCERT/CC` is `jpcert-cc`.
fn slug(name: &str) -> String {
    let plain = name.to_lowercase();
    let parts = plain.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-")
}

fn facets(row: &Row) -> Vec<FacetContent> {
    let mut facets = Vec::new();
    if !row.email.is_empty() {
        let address =
            proto::EmailAddress { address: row.email.clone(), r#use: proto::EmailUse::Role.into() };
        facets.push(FacetContent::Email(proto::Email { addresses: vec![address] }));
    }
    if !row.phone.is_empty() {
        let number = proto::TelephoneNumber {
            number: row.phone.clone(),
            r#use: proto::TelephoneUse::Voice.into(),
            ..Default::default()
        };
        facets.push(FacetContent::Telephone(proto::Telephone { numbers: vec![number] }));
    }
    if !row.website.is_empty() {
        let website = row.website.clone();
        facets.push(FacetContent::Web(proto::Web { website, ..Default::default() }));
    }
    let languages = row.language.split_whitespace().map(|tag| proto::SpokenLanguage {
        tag: tag.to_owned(),
        spoken: true,
        written: true,
    });
    facets.push(FacetContent::Languages(proto::Languages { languages: languages.collect() }));
    facets
}

/// The short names of ISO 3166-1, and of the supranational team's body.
const NAMES: [(&str, &str); 36] = [
    ("at", "Austria"),
    ("au", "Australia"),
    ("be", "Belgium"),
    ("bg", "Bulgaria"),
    ("br", "Brazil"),
    ("ca", "Canada"),
    ("cy", "Cyprus"),
    ("cz", "Czechia"),
    ("de", "Germany"),
    ("dk", "Denmark"),
    ("ee", "Estonia"),
    ("es", "Spain"),
    ("eu", "European Union"),
    ("fi", "Finland"),
    ("fr", "France"),
    ("gb", "United Kingdom of Great Britain and Northern Ireland"),
    ("gr", "Greece"),
    ("hr", "Croatia"),
    ("hu", "Hungary"),
    ("ie", "Ireland"),
    ("it", "Italy"),
    ("jp", "Japan"),
    ("kr", "Republic of Korea"),
    ("lt", "Lithuania"),
    ("lu", "Luxembourg"),
    ("lv", "Latvia"),
    ("mt", "Malta"),
    ("nl", "Netherlands"),
    ("pl", "Poland"),
    ("pt", "Portugal"),
    ("ro", "Romania"),
    ("se", "Sweden"),
    ("sg", "Singapore"),
    ("si", "Slovenia"),
    ("sk", "Slovakia"),
    ("us", "United States of America"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_nine_teams_belong_to_thirty_six_members() {
        let members = members().unwrap();
        assert_eq!(members.len(), 36);
        assert_eq!(members.iter().map(|member| member.teams.len()).sum::<usize>(), 39);
        assert_eq!(members.iter().filter(|member| member.listed).count(), 2);
        assert!(members.iter().all(|member| !member.listed || member.teams.len() == 1));
        assert!(members.iter().all(|member| member.name != "a member"));
        let contacts = members.iter().flat_map(|member| &member.teams);
        let contacts: Vec<String> = contacts.map(|team| team.contact.to_string()).collect();
        for contact in ["jp/jpcert-cc", "fr/cert-fr", "hr/cert-zsis", "eu/cert-eu"] {
            assert!(contacts.iter().any(|found| found == contact), "{contact}");
        }
    }
}
