//! Roles: what each key is for, who signs, who may. A row for every value of each closed list.

use crate::crypto::sign::KeyId;
use crate::domain::role::{Allowed, Holder, Known, Purpose, Role, Signer};
use crate::signed::proto::Use;

/// Each purpose, what a proof of possession calls it, and whether its holder connects with it.
const PURPOSES: [(Purpose, Option<Use>); 9] = [
    (Purpose::PersonSign, Some(Use::Sign)),
    (Purpose::PersonTls, Some(Use::Tls)),
    (Purpose::Log, Some(Use::Log)),
    (Purpose::Relay, Some(Use::Relay)),
    (Purpose::Authority, Some(Use::Authority)),
    (Purpose::Keeper, Some(Use::Keeper)),
    (Purpose::SeatSign, Some(Use::Sign)),
    (Purpose::SeatSeal, None),
    (Purpose::SeatTls, Some(Use::Tls)),
];

fn holders() -> [(Holder, &'static str); 8] {
    [
        (Holder::Log("un.example".parse().unwrap()), "log/un.example"),
        (Holder::Relay("un.example".parse().unwrap()), "relay/un.example"),
        (Holder::Registrar("alice".parse().unwrap()), "registrar/alice"),
        (Holder::Operator("alice".parse().unwrap()), "operator/alice"),
        (Holder::Auditor("alice".parse().unwrap()), "auditor/alice"),
        (Holder::Member("fr".parse().unwrap()), "fr"),
        (Holder::Contact("fr/soc".parse().unwrap()), "fr/soc"),
        (Holder::Seat("fr/soc/duty-1".parse().unwrap()), "fr/soc/duty-1"),
    ]
}

fn roles() -> [(Role, &'static str, &'static str); 7] {
    let key = KeyId::of(b"key");
    let former = format!("the key {key}, which was dropped or revoked,").leak();
    [
        (Role::Nobody, "", "a connection on which no certificate was shown"),
        (Role::Unknown, "", "a key that the directory does not know"),
        (Role::Seat("fr/soc/duty-1".parse().unwrap()), "fr/soc/duty-1", "the seat fr/soc/duty-1"),
        (Role::Registrar("alice".parse().unwrap()), "registrar/alice", "the registrar alice"),
        (Role::Operator("alice".parse().unwrap()), "operator/alice", "the operator alice"),
        (Role::Auditor("alice".parse().unwrap()), "auditor/alice", "the auditor alice"),
        (Role::Former(key), "", former),
    ]
}

#[test]
fn a_proof_names_what_its_key_is_for_and_its_holder_in_words_of_their_own() {
    for (purpose, usage) in PURPOSES {
        assert_eq!(purpose.usage(), usage, "{purpose:?}");
    }
    let mut names = PURPOSES.map(|(purpose, _)| purpose.name());
    names.sort_unstable();
    assert!(names.is_sorted_by(|a, b| a < b), "each is called something else");
    for (holder, text) in holders() {
        assert_eq!(holder.to_string(), text);
    }
    let mut texts = holders().map(|(_, text)| text);
    texts.sort_unstable();
    assert!(texts.is_sorted_by(|a, b| a < b), "no two holders have one text");
    for (role, holder, says) in roles() {
        assert_eq!((role.holder().as_str(), role.to_string().as_str()), (holder, says));
    }
}

#[test]
fn of_all_keys_those_of_four_roles_sign_statements() {
    for (holder, text) in holders() {
        for (purpose, _) in PURPOSES {
            let expected = match purpose {
                Purpose::PersonSign if text == "registrar/alice" => Some(Signer::Registrar),
                Purpose::Authority => Some(Signer::Authority),
                Purpose::Keeper => Some(Signer::Keeper),
                Purpose::SeatSign => Some(Signer::Seat),
                _ => None,
            };
            assert_eq!(Signer::of(purpose, &holder), expected, "{purpose:?} of {text}");
        }
    }
}

#[test]
fn who_is_allowed_is_who_is_named_and_nobody_else() {
    use Known::{Auditor, Operator, Registrar, Seat};
    let rows: [(Allowed, &[Known], &str); 9] = [
        (Allowed::SEATS, &[Seat], "a seat in force"),
        (Allowed::REGISTRARS, &[Registrar], "a registrar"),
        (Allowed::OPERATORS, &[Operator], "an operator"),
        (Allowed::AUDITORS, &[Auditor], "an auditor"),
        (Allowed::SEATS_AND_REGISTRARS, &[Seat, Registrar], "a seat in force or a registrar"),
        (Allowed::REGISTRARS_AND_OPERATORS, &[Registrar, Operator], "a registrar or an operator"),
        (Allowed::OPERATORS_AND_AUDITORS, &[Operator, Auditor], "an operator or an auditor"),
        (
            Allowed::ADMINISTRATION,
            &[Registrar, Operator, Auditor],
            "a registrar, an operator or an auditor",
        ),
        (
            Allowed::WHOEVER_IS_KNOWN,
            &[Seat, Registrar, Operator, Auditor],
            "a seat in force, a registrar, an operator or an auditor",
        ),
    ];
    for (allowed, expected, says) in rows {
        assert_eq!(allowed.known().as_deref(), Some(expected), "{says}");
        assert_eq!(allowed.to_string(), says);
        assert_eq!(allowed.is_seats_alone(), says == "a seat in force");
        for (role, _, _) in roles() {
            let known = match role {
                Role::Seat(_) => Some(Seat),
                Role::Registrar(_) => Some(Registrar),
                Role::Operator(_) => Some(Operator),
                Role::Auditor(_) => Some(Auditor),
                Role::Nobody | Role::Unknown | Role::Former(_) => None,
            };
            let is_named = known.is_some_and(|known| expected.contains(&known));
            assert_eq!(allowed.admits(&role), is_named, "{says}: {role}");
        }
    }
    assert!(roles().iter().all(|(role, _, _)| Allowed::ANYBODY.admits(role)));
    assert_eq!(Allowed::ANYBODY.known(), None);
    assert_eq!(Allowed::ANYBODY.to_string(), "anybody");
    assert!(!Allowed::ANYBODY.is_seats_alone());
}

#[test]
fn signers_are_called_by_whose_key_they_sign_with() {
    let words = [
        (Signer::Registrar, "a registrar's key to sign with"),
        (Signer::Authority, "a key of the member's authority"),
        (Signer::Keeper, "the keeper's key"),
        (Signer::Seat, "a seat's key to sign with"),
        (Signer::Operator, "an operator's key to sign with"),
    ];
    for (signer, says) in words {
        assert_eq!(signer.to_string(), says);
    }
}
