//! What is sent again, what is sent at once, and numbers that mean harm.

use liaison::wire::v1::{
    GetChartersRequest, GetEntriesRequest, GetFacetsRequest, GetProofRequest, GetStatusRequest,
    LookUpRequest, WatchRequest,
};
use tokio::task::JoinSet;
use tonic::Code;

use crate::support::{Client, Replica, TestNet, refusal, soon};

#[tokio::test]
async fn a_submit_whose_answer_was_lost_is_sent_again_and_stands_once() {
    let net = TestNet::memory().await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let mut reader = net.client(&jp.tls()).await;
    let mut follow = reader.collect(0, true).await.unwrap();
    soon("the head", follow.message()).await.unwrap().unwrap();
    let sealed = fr.compose(&[&jp], &net.replica(), &net.open.ambient);
    let mut sender = net.client(&fr.tls()).await;
    let envelope = sealed.envelope.clone();
    let call = tokio::spawn(async move { sender.submit(envelope).await });
    // The message is there: whatever becomes of the answer is lost with the connection.
    soon("the message", follow.message()).await.unwrap().unwrap();
    call.abort();
    let mut sender = net.client(&fr.tls()).await;
    let first = sender.submit(sealed.envelope.clone()).await.unwrap();
    let second = sender.submit(sealed.envelope).await.unwrap();
    assert_eq!(first, second);
    let replica = Replica::fold(&mut reader).await;
    assert_eq!(replica.collect(&mut reader, &jp.contact).await.mailbox.count, 1);
}

#[tokio::test]
async fn a_submit_that_is_cut_off_anywhere_stands_at_most_once() {
    let net = TestNet::memory().await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let mut reader = net.client(&jp.tls()).await;
    let (mut sender, mut sent) = (net.client(&fr.tls()).await, 0);
    for polls in 0..20 {
        let sealed = fr.compose(&[&jp], &net.replica(), &net.open.ambient);
        let call = sender.submit(sealed.envelope.clone());
        // The call is dropped after so many turns of the executor.
        tokio::select! {
            biased;
            () = turns(polls) => {}
            _ = call => {}
        }
        sender.submit(sealed.envelope).await.unwrap();
        sent += 1;
    }
    let replica = Replica::fold(&mut reader).await;
    assert_eq!(replica.collect(&mut reader, &jp.contact).await.mailbox.count, sent);
}

async fn turns(count: u32) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn sixty_four_senders_at_once_leave_no_gap_and_one_chain() {
    let net = TestNet::memory().await;
    let [fr, jp, at] = net.parties(["fr", "jp", "at"]).await;
    let replica = net.replica();
    let mut calls = JoinSet::new();
    for n in 0..64 {
        let party = if n % 2 == 0 { &fr } else { &at };
        let sealed = party.compose(&[&jp], &replica, &net.open.ambient);
        let mut client = net.client(&party.tls()).await;
        // Each is handed in twice at once.
        let twice = sealed.envelope.clone();
        calls.spawn(async move {
            let mut other = client.relay.clone();
            let request = liaison::wire::v1::SubmitRequest { envelope: Some(twice) };
            let (first, second) =
                tokio::join!(client.submit(sealed.envelope), other.submit(request));
            assert_eq!(first.unwrap(), second.unwrap().into_inner().accepted);
        });
    }
    while let Some(done) = soon("the receipts", calls.join_next()).await {
        done.unwrap();
    }
    let mut reader = net.client(&jp.tls()).await;
    let replica = Replica::fold(&mut reader).await;
    assert_eq!(replica.collect(&mut reader, &jp.contact).await.mailbox.count, 64);
}

/// Every number that a request names, as large and as wrong as it can be.
#[tokio::test]
async fn hostile_numbers_are_answered() {
    let net = TestNet::memory().await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let mut client = net.client(&fr.tls()).await;
    let sealed = jp.compose(&[&fr], &net.replica(), &net.open.ambient);
    net.client(&jp.tls()).await.submit(sealed.envelope).await.unwrap();
    let size = net.replica().view().size;
    for start in [0, size - 1, size, size + 1, u64::MAX] {
        for limit in [0, 1, u32::MAX] {
            let request = GetEntriesRequest { start, limit };
            let page = client.directory.get_entries(request).await.unwrap().into_inner();
            assert_eq!(page.entries.is_empty(), start >= size, "{start} {limit}");
        }
        let found = client.directory.get_proof(GetProofRequest { leaf_index: start }).await;
        match found {
            Ok(_) => assert!(start < size),
            Err(status) => assert!(status.code() == Code::NotFound && start >= size, "{status:?}"),
        }
        let request = GetChartersRequest { after_version: start };
        let charters = client.enrolment.get_charters(request).await.unwrap().into_inner().charters;
        assert_eq!(charters.len(), usize::from(start == 0));
        assert_eq!(items(&mut client, start).await, usize::from(start == 0));
    }
    for size in [size, u64::MAX] {
        // It waits for news that may never come, and the connection goes on.
        let _waiting = client.directory.watch(WatchRequest { size }).await.unwrap();
    }
    let named = |hash: Vec<u8>| liaison::wire::v1::NamedFacet {
        contact: "fr/cert".to_owned(),
        hash: hash.into(),
    };
    for (facets, expected) in
        [(vec![named(vec![0; 31])], "INVALID_FIELD"), (vec![named(vec![0; 32]); 65], "TOO_LARGE")]
    {
        let refused = client.directory.get_facets(GetFacetsRequest { facets }).await.unwrap_err();
        assert_eq!(refusal(&refused), (Code::InvalidArgument, expected.to_owned()));
    }
    let unknown = GetFacetsRequest { facets: vec![named(vec![0; 32])] };
    assert!(client.directory.get_facets(unknown).await.unwrap().into_inner().facets.is_empty());
    for contact in ["", "fr", "fr/cert/duty-1", "../etc", "FR/cert", &"x".repeat(100_000)] {
        let request = LookUpRequest { contact: contact.to_owned() };
        let refused = client.directory.look_up(request).await.unwrap_err();
        assert_eq!(refusal(&refused), (Code::InvalidArgument, "INVALID_FIELD".to_owned()));
    }
    for id in [vec![], vec![0; 16], vec![0xff; 100_000]] {
        let request = GetStatusRequest { id: id.into() };
        let refused = client.relay.get_status(request).await.unwrap_err();
        assert_eq!(refusal(&refused), (Code::InvalidArgument, "INVALID_FIELD".to_owned()));
    }
}

async fn items(client: &mut Client, after: u64) -> usize {
    let mut stream = client.collect(after, false).await.unwrap();
    let mut items = 0;
    while let Some(answer) = soon("the page", stream.message()).await.unwrap() {
        let item = answer.item.unwrap();
        items += usize::from(matches!(item, liaison::wire::v1::collect_response::Item::Message(_)));
    }
    items
}
