//! A service whose clock is in doubt: what goes on, and what waits for its operator.

use liaison::store::Engine;

use crate::support::{DAY, NOW, Open, Party, TestNet, Trust, clock, dates, says};

/// Stopped, closed, opened, started, served; perhaps with the operator's word.
async fn again(net: TestNet, clock_is_right: bool) -> TestNet {
    let open = Open { clock_is_right, ..net.stop().await.0 };
    let store = open.place().open("un.example").await.unwrap();
    TestNet::serve(open, store, Trust::new(dates())).await
}

/// Nothing dated is admitted; a message, its receipt and a revocation are.
async fn goes_on_carefully(net: &TestNet, [fr, jp]: [&Party; 2], seat: &str) {
    let mut stranger = net.stranger().await;
    let size = net.service.state().head.0;
    for said in [
        says::record(&net.replica(), "fr/cert").said(),
        says::charter(&net.replica()).said(),
        says::admission(&net.replica(), "at").said(),
    ] {
        assert_eq!(stranger.enrol(said).await.unwrap(), Err("CLOCK_IN_DOUBT".to_owned()));
    }
    assert_eq!(net.service.state().head.0, size, "nothing was stored");
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
