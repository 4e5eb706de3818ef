//! What a new operator met who went off the page: each is a way that three people come by.

use crate::readme::run;
use crate::support::free_port;

/// A directory of three people with its service, and then these commands of a shell. There: `two`
/// proposes, approves and commits a draft; `says` looks for words in what a command prints, however
/// it ends; `lacks` the contrary.
#[track_caller]
fn walked(commands: &str) {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let terminal = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/support/terminal.py");
    let ports = format!("PORT={port} ADMIN={} TERMINAL={terminal}", port + 1);
    let script = format!("{ports}\n{FOUNDED}\n{commands}");
    let output = run(&script, folder.path());
    let [out, err] = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap());
    assert!(output.status.success(), "{out}\n{err}");
}

pub(crate) const FOUNDED: &str = r#"
set -eu -o pipefail
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
for who in alice bob carol; do
    liaison --home $who key new --registrar $who --name $who
    liaison --home $who key new --operator $who --name $who
done
liaison --home erin key new --auditor erin --name erin
people() { printf -- " --$1 %s.$1" alice bob carol; }
liaisond --home un init --profile small $(people registrar) $(people operator) --auditor erin.auditor --listen 127.0.0.1:$PORT
liaison --home alice sign un/charter.draft --yes
liaison --home bob sign un/charter.draft --yes
digits() { grep -E '^ +([0-9]{5} ){11}[0-9]{5}$' $1; }
liaisond --home un init --charter un/charter.draft > founded.txt
DIGITS=$(digits founded.txt)
liaisond --home un serve > served.txt 2>&1 &
until (exec 3<>/dev/tcp/127.0.0.1/$ADMIN) 2>/dev/null; do kill -0 $!; done
for who in alice bob carol erin; do
    liaison --home $who join un/invitation.liaison --fingerprint "$DIGITS"
done
two() {
    id=$(liaison --home alice admin propose statement $1 --yes)
    liaison --home bob admin approve $id --yes
    liaison --home bob admin commit $id --yes
}
run() { "$@" > last.txt 2>&1 || true; }
shown() { echo "$1: $2"; cat last.txt; exit 1; }
says() { words=$1; shift; run "$@"; grep -qF -- "$words" last.txt || shown 'not said' "$words"; }
also() { grep -qF -- "$1" last.txt || shown 'not said' "$1"; }
lacks() { ! grep -qF -- "$1" last.txt || shown 'said' "$1"; }
member() { liaison --home $1 join ${2:-un/invitation.liaison} --as $1/cert/duty-1 --fingerprint "${3:-$DIGITS}"; }
admitted() {
    liaison --home alice admin member admit $1 --name en=$1 --authority $1.authority --out $1.draft
    two $1.draft
    liaison --home alice admin member admit $1 --name en=$1 --authority $1.authority
}
"#;

#[test]
fn who_is_admitted_after_the_log_key_was_rotated_joins_by_what_it_compared() {
    walked(
        r#"
        for who in at be; do member $who; done
        admitted be
        cp be.admission be.first
        liaison --home alice admin stage log
        liaison --home alice charter draft --log-key log.key --out 2.draft
        two 2.draft
        admitted at
        liaison --home at join at.admission --as at/cert/duty-1 --name en=CERT.at
        OLD=$(liaison --home alice admin keys | grep overlapping | grep -o '[0-9a-f]\{64\}')
        liaison --home alice charter draft --remove-log-key $OLD --out 3.draft
        two 3.draft
        # An admission file of the time before, and whoever joins now, by either invitation.
        liaison --home be join be.first --as be/cert/duty-1 --name en=CERT.be
        liaisond --home un invitation --out new.invitation > invited.txt 2>&1
        NEW=$(digits invited.txt)
        member se
        member no new.invitation "$NEW"
        admitted se
        admitted no
        liaison --home se join se.admission --as se/cert/duty-1 --name en=CERT.se
        liaison --home no join no.admission --as no/cert/duty-1 --name en=CERT.no
        # A registrar who joined later has another invitation than the member.
        member fi
        admitted fi
        cp -r carol late
        rm -r late/directories late/config.toml
        liaison --home late join new.invitation --fingerprint "$NEW"
        liaison --home late admin member admit fi --name en=fi --authority fi.authority --admission fi.late
        liaison --home fi join fi.late --as fi/cert/duty-1 --name en=CERT.fi
        "#,
    );
}

#[test]
fn the_administration_is_found_after_the_service_authority_was_rotated() {
    walked(
        r#"
        liaison --home carol sync
        liaison --home alice admin stage ca
        liaison --home alice charter draft --service-ca service-ca.crt --out 2.draft
        two 2.draft
        OLD=$(liaison --home alice admin keys | grep overlapping | grep -o '[0-9a-f]\{64\}')
        liaison --home alice charter draft --remove-service-ca $OLD --out 3.draft
        two 3.draft
        liaison --home erin admin show
        liaison --home carol admin keys
        "#,
    );
}

#[test]
fn what_changes_is_said_before_it_is_signed() {
    walked(
        r#"
        liaison --home dave key new --registrar dave --name Dave
        liaison --home alice charter draft --registrar dave.registrar --remove-registrar carol --remove-operator bob --remove-operator carol --threshold 3 --set stale-after=3600 --out 2.draft
        changes() {
            also 'of charter 1, the newest known here'
            also 'registrar dave (Dave)'
            also 'registrar carol (carol)'
            also 'decided by: 2 of 3 registrars -> 3 of 3 registrars'
            also 'stale after: 1 d -> 1 h'
            also 'all 3 registrars must sign'
            also 'one operator acts alone'
        }
        liaison --home bob sync
        run liaison --home bob sign 2.draft --dry-run; changes
        run liaison --home alice admin propose statement 2.draft --dry-run; changes
        id=$(liaison --home alice admin propose statement 2.draft --yes)
        run liaison --home bob admin proposals $id; changes
        run liaison --home bob admin approve $id --dry-run; changes
        run liaison --home bob --json admin proposals $id; also '3 of 3 registrars'
        run liaison --home bob admin commit $id --dry-run; also 'It could not be: it waits for'
        "#,
    );
}

#[test]
fn who_is_admitted_is_not_changed_by_the_way() {
    walked(
        r#"
        member at
        admitted at
        admit() { name=$1; shift; liaison --home alice admin member admit at --name en=$name --authority at.authority "$@"; }
        # The same again writes the file anew, and a dry run none.
        rm at.admission
        admit at --dry-run
        [ ! -e at.admission ]
        admit at
        rm at.admission
        # Another name is another version.
        says 'name (en): at -> Other' admit Other --out other.draft
        also 'version 2'
        [ ! -e at.admission ]
        # Another authority is refused before anybody signs, and its file writes nobody's over.
        mkdir foreign
        cp at.authority kept
        says 'at.authority is there already' liaison --home atX join un/invitation.liaison --as at/cert/duty-1 --fingerprint "$DIGITS"
        cmp at.authority kept
        (cd foreign && liaison --home ../atX join ../un/invitation.liaison --as at/cert/duty-1)
        cp foreign/at.authority at.authority
        says 'AUTHORITY_STANDS' admit at --out replaced.draft
        [ ! -e replaced.draft ]
        "#,
    );
}

#[test]
fn what_goes_wrong_is_mended_by_what_is_said() {
    walked(
        r#"
        liaison --home alice charter draft --set stale-after=3600 --out 2.draft
        liaison --home alice charter draft --set stale-after=7200 --out beside.draft
        id=$(liaison --home alice admin propose statement 2.draft --yes)
        says "liaison admin approve $id" liaison --home alice admin commit $id --yes
        also 'bob'
        says 'signed already' liaison --home alice admin approve $id --yes
        liaison --home bob admin approve $id --yes
        liaison --home bob admin commit $id --yes
        says 'liaison --home alice charter draft' liaison --home alice admin propose statement beside.draft --yes
        # Of two that wait the other is overtaken.
        for seconds in 1000 2000; do
            liaison --home alice charter draft --set stale-after=$seconds --out $seconds.draft
            liaison --home alice admin propose statement $seconds.draft --yes > $seconds.id
        done
        liaison --home bob admin approve $(cat 1000.id) --yes
        liaison --home bob admin commit $(cat 1000.id) --yes
        for act in approve commit; do
            says "liaison --home bob admin abort $(cat 2000.id)" liaison --home bob admin $act $(cat 2000.id) --yes
            also 'liaison --home bob charter draft'
            lacks 'bob sync'
        done

        # The wrong one of the two ports.
        says 'the port of members' liaison --home alice admin show --address 127.0.0.1:$PORT
        lacks 'alice doctor'
        sed "s/:$PORT/:$ADMIN/" erin/config.toml > wrong.toml
        cp -r erin wrong
        cp wrong.toml wrong/config.toml
        rm -f wrong/directories/*/addresses
        says 'the port of the administration' liaison --home wrong sync
        says 'the port of the administration' liaison --home wrong doctor
        lacks 'mend it: liaison --home wrong doctor'

        # An auditor reads no details, and a member waits for its admission.
        member at
        for waiting in sync doctor status; do
            says 'liaison --home at join at.admission --as at/' liaison --home at $waiting
            also 'at.authority'
            lacks 'mend it: liaison --home at sync'
            lacks 'warning: liaison --home at sync'
        done
        admitted at
        liaison --home at join at.admission --as at/cert/duty-1 --name en=CERT.at --telephone '+43 1 000000'
        says 'registrars only' liaison --home erin sync
        lacks 'did not hand over'
        says 'registrars only' liaison --home erin directory show at/cert
        lacks 'sync asks'
        run liaison --home erin doctor
        lacks 'did not hand over'

        # Nobody is up.
        kill %1
        wait %1 || true
        says 'liaisond serve' liaison --home alice admin show
        says 'liaisond serve' liaison --home alice admin stage log
        "#,
    );
}

#[test]
fn what_was_altered_here_is_not_laid_to_the_service_nor_written_over() {
    walked(
        r#"
        for call in show keys sessions; do liaison --home alice admin $call; done
        liaison --home erin admin audit --export trail.jsonl
        cp trail.jsonl whole
        liaison --home erin admin audit --export trail.jsonl
        sed 3d whole > trail.jsonl
        says 'this side' liaison --home erin verify trail.jsonl
        lacks 'the service'
        says 'no export of the audit trail' liaison --home erin verify un/charter.draft
        cp trail.jsonl spoilt
        says 'EXPORT_OF_OTHER' liaison --home erin admin audit --export trail.jsonl
        cmp trail.jsonl spoilt
        cp un/charter.draft draft
        says 'EXPORT_OF_OTHER' liaison --home erin admin audit --export draft
        "#,
    );
}

#[test]
fn who_signs_is_asked_whether_and_then_for_the_passphrase_and_whose_it_was_is_said() {
    walked(
        r#"
        member at
        run liaison --home alice admin member admit at --name en=at --authority at.authority --out at.draft
        also 'by the registrar alice'
        run liaison --home alice --json admin member admit at --name en=at --authority at.authority --out at.draft
        also '"signatures_added":1'
        for role in operator registrar; do
            of="key of the $role bob"
            python3 $TERMINAL "liaison --home bob key protect --$role bob" \
                "Type a new passphrase for the $of: " "correct horse battery staple" \
                "Type a new passphrase for the $of, again: " "correct horse battery staple"
        done
        liaison --home bob sync
        liaison --home alice admin propose new-epoch at/cert=2 --out epoch.proposal --yes
        says 'nobody agreed' setsid -w liaison --home bob sign epoch.proposal
        lacks 'NO_TERMINAL'
        id=$(liaison --home alice admin propose statement at.draft --yes)
        says 'nobody agreed' setsid -w liaison --home bob admin approve $id
        python3 $TERMINAL "liaison --home bob admin approve $id --yes" \
            'Type the passphrase of the key of the registrar bob: ' 'correct horse battery staple'
        says 'signed already' setsid -w liaison --home bob admin approve $id
        "#,
    );
}
