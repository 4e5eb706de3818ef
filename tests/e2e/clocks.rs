//! A service whose clock is in doubt: what goes on, and what waits for its operator.

use std::sync::Arc;

use liaison::client::administration::draft;
use liaison::client::error::ClientError;
use liaison::client::reach::connect::{Proxies, Route, Tcp, connect};
use liaison::crypto::issue::Validity;
use liaison::domain::administration::proposal::Act;
use liaison::store::Engine;
use liaison::tls::client::ClientTls;

use crate::administration::{Desk, with_two_of_each};
use crate::support::{DAY, NAME, NOW, Open, Party, TestNet, Trust, clock, dates, home, says};

/// Stopped, closed, opened, started, served; perhaps with the operator's word.
async fn again(net: TestNet, clock_is_right: bool) -> TestNet {
    let open = Open { clock_is_right, ..net.stop().await.0 };
    let store = open.place().open("un.example").await.unwrap();
    TestNet::serve(open, store, Trust::new(dates())).await
}

/// Nothing dated is admitted; a message, its receipt and a revocation are.
async fn goes_on_carefully(net: &TestNet, [fr, jp]: [&Party; 2], seat: &str) {
    let mut stranger = net.stranger().await;
    let size = net.service.state().head.size;
    for said in [
        says::record(&net.replica(), "fr/cert").said(),
        says::charter(&net.replica()).said(),
        says::admission(&net.replica(), "at").said(),
    ] {
        assert_eq!(stranger.enrol(said).await.unwrap(), Err("CLOCK_IN_DOUBT".to_owned()));
    }
    assert_eq!(net.service.state().head.size, size, "nothing was stored");
    // Neither created nor expires is judged: an alert is never silenced by a clock.
    let mut sender = net.client(&fr.tls()).await;
    for created in [NOW - 90 * DAY, NOW + 90 * DAY] {
        let (senders, ambient) = clock();
        senders.set(created);
        let sealed = fr.compose(&[jp], &net.replica(), &ambient);
        sender.submit(sealed.envelope).await.unwrap();
    }
    // So is nobody kept from ending a stolen key.
    net.say(says::revocation(&net.replica(), seat)).await;
}

#[tokio::test]
async fn a_clock_in_doubt_admits_nothing_dated_and_silences_no_alert() {
    let net = TestNet::on(Engine::Redb).await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let both = [&fr, &jp];
    assert!(!net.service.is_clock_in_doubt());

    // Before the directory's clock.
    net.open.clock.set(NOW - 1);
    let net = again(net, false).await;
    assert!(net.service.is_clock_in_doubt());
    goes_on_carefully(&net, both, "fr/cert/duty-2").await;
    // A restart with a clock that looks right does not end the doubt; the operator does.
    net.open.clock.set(NOW);
    let net = again(net, false).await;
    assert!(net.service.is_clock_in_doubt(), "it outlives a restart");
    let net = again(net, true).await;
    assert!(!net.service.is_clock_in_doubt());
    net.say(says::record(&net.replica(), "fr/cert")).await;

    // More than 30 days after the last time stored.
    let (open, _) = net.stop().await;
    open.clock.set(NOW + 31 * DAY);
    let store = open.place().open("un.example").await.unwrap();
    let open = Open { clock_is_right: false, ..open };
    let net = TestNet::serve(open, store, Trust::new(dates())).await;
    assert!(net.service.is_clock_in_doubt());
    goes_on_carefully(&net, both, "jp/cert/duty-2").await;
    let net = again(net, true).await;
    assert!(!net.service.is_clock_in_doubt());
}

#[tokio::test]
async fn a_leap_is_noticed_while_the_service_runs() {
    let net = TestNet::memory().await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    net.open.clock.leap(NOW + 3_600);
    goes_on_carefully(&net, [&fr, &jp], "fr/cert/duty-2").await;
    assert!(net.service.is_clock_in_doubt());
}

/// A record that was admitted under a clock that ran ahead stops every other one, until a charter of
/// today puts the directory's clock right.
#[tokio::test]
async fn a_clock_that_ran_ahead_is_put_right_by_the_next_charter() {
    const AHEAD: u64 = NOW + 10_000 * DAY;
    let net = TestNet::on(Engine::Redb).await;
    net.parties(["fr", "jp"]).await;
    net.open.clock.set(AHEAD);
    let ahead = says::record(&net.replica(), "fr/cert").with(|record| {
        (record.issued_at, record.expires) = (AHEAD, AHEAD + DAY);
    });
    net.say(ahead).await;
    net.open.clock.set(NOW);
    let net = again(net, true).await;
    let mut stranger = net.stranger().await;
    let record = says::record(&net.replica(), "jp/cert").said();
    // Admitted at the later of both clocks, it would be older than 30 days.
    let refused = stranger.enrol(record.clone()).await.unwrap();
    assert_eq!(refused, Err("ISSUED_TOO_EARLY".to_owned()));
    net.say(says::revocation(&net.replica(), "fr/cert/duty-1")).await;
    net.say(says::charter(&net.replica())).await;
    assert_eq!(net.service.state().directory.clock(), NOW);
    stranger.enrol(record).await.unwrap().unwrap();
    // After a start, too, what stands before that charter says nothing of the clock.
    net.open.clock.set(NOW + 5);
    net.say(says::admission(&net.replica(), "at")).await;
    net.say(says::revocation(&net.replica(), "jp/cert/duty-1")).await;
    let net = again(net, true).await;
    assert_eq!(net.service.state().directory.clock(), NOW + 5);
}

/// Operators, registrars and members whose machine is off by this much: what each is told, and that
/// whoever is told so hears of the clock.
#[tokio::test]
async fn who_has_a_wrong_clock_is_told_so_or_is_not_hindered() {
    const MINUTE: i64 = 60;
    const DAYS: i64 = DAY as i64;
    // As a node gets it, of today.
    let year = Validity { not_before: NOW - DAY, not_after: NOW + 398 * DAY, serial: [1; 16] };
    let open = home(Engine::Memory);
    let store = open.found().await;
    let net = with_two_of_each(TestNet::serve(open, store, Trust::new(year)).await).await;
    let (mut dave, mut alice) = (Desk::of(&net, "dave").await, Desk::of(&net, "alice").await);
    for (off, connects, proposes, publishes) in [
        (-400 * DAYS, "SERVER_NOT_YET_VALID", "PROPOSAL_EXPIRED", "ISSUED_TOO_EARLY"),
        (-DAYS, "", "", ""),
        (-10 * MINUTE, "", "", ""),
        (10 * MINUTE, "", "PROPOSAL_TOO_LONG", "ISSUED_IN_FUTURE"),
        (DAYS, "", "PROPOSAL_TOO_LONG", "ISSUED_IN_FUTURE"),
        (400 * DAYS, "SERVER_EXPIRED", "PROPOSAL_TOO_LONG", "ISSUED_IN_FUTURE"),
    ] {
        let (its, ambient) = clock();
        its.set(NOW.strict_add_signed(off));
        let authorities = std::slice::from_ref(&net.ca);
        let tls = ClientTls::for_directory(NAME, authorities, None, ambient.tls_clock()).unwrap();
        let dial = Arc::new(Tcp);
        let way = Route { dial, address: net.address.clone(), proxies: Proxies::default(), tls };
        let answer = connect(way).await.map(drop).map_err(ClientError::from);
        assert_eq!(told(answer), connects, "{off} s off");
        let replica = net.replica();
        let unsigned = draft(&replica.directory, &Act::Drain, &ambient);
        let act = says::sign(unsigned.kind(), unsigned.payload().to_vec(), &["dave".to_owned()]);
        let answer = dave.propose(act).await.map(drop).map_err(ClientError::from);
        assert_eq!(told(answer), proposes, "{off} s off");
        let charter = says::charter(&replica).with(|charter| charter.issued_at = ambient.now());
        let (id, _) = alice.propose(charter.signed_by(&["alice", "bob"]).bytes()).await.unwrap();
        let answer = alice.carry_out(&id).await.map(drop).map_err(ClientError::from);
        assert_eq!(told(answer), publishes, "{off} s off");
    }
}

/// The code, whose screen names the clock.
#[track_caller]
fn told(answer: Result<(), ClientError>) -> String {
    let Err(why) = answer else { return String::new() };
    let screen = format!("{} {}", why.sentence, liaison::words::mend(&why).unwrap_or_default());
    assert!(screen.contains("clock"), "{screen}");
    why.reason.to_string()
}
