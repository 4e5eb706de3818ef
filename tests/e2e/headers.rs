//! A mailbox by its headers, and bodies by number.

use liaison::client::message::receipt::{self, Link};
use liaison::domain::state::Mailbox;
use liaison::wire::v1::collect_response::Item as Answer;
use liaison::wire::v1::{CollectRequest, GetBodyRequest, Item};
use tonic::{Code, Status};

use crate::support::{Client, Party, Replica, TestNet, alert, refusal, soon};

async fn body(client: &mut Client, number: u64) -> Result<Item, Status> {
    let answer = client.relay.get_body(GetBodyRequest { number }).await?;
    Ok(answer.into_inner().item.unwrap())
}

/// A body in the message's value, and one that is a file of its own.
async fn two_messages(net: &TestNet, from: &Party, to: &Party) {
    let mut client = net.client(&from.tls()).await;
    for text in ["short", &"long ".repeat(20_000)] {
        let replica = net.replica();
        let sealed =
            from.seal(from.outside(&[to], &replica), &alert(text), &replica, &net.open.ambient);
        client.submit(sealed.envelope).await.unwrap();
    }
}

#[tokio::test]
async fn headers_alone_are_chained_and_each_body_is_had_by_its_number() {
    let net = TestNet::memory().await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    two_messages(&net, &fr, &jp).await;
    let mut client = net.client(&jp.tls()).await;
    let replica = Replica::fold(&mut client).await;
    let whole = replica.collect(&mut client, &jp.contact).await;
    let mut mailbox = Mailbox::empty(replica.directory.genesis(), &jp.contact);
    let request = CollectRequest { headers: true, ..CollectRequest::default() };
    let mut stream = client.relay.collect(request).await.unwrap().into_inner();
    let mut heads = 0;
    while let Some(answer) = stream.message().await.unwrap() {
        match answer.item.unwrap() {
            Answer::Message(item) => {
                mailbox = receipt::extend(&mailbox, &Link::of(&item).unwrap()).unwrap();
                let of = whole.items.iter().find(|whole| whole.number == item.number).unwrap();
                assert!(!of.body.is_empty() && !of.letter.is_empty() && !of.letter_path.is_empty());
                assert_eq!(
                    item,
                    Item {
                        number: of.number,
                        kind: of.kind,
                        header: of.header.clone(),
                        ..Item::default()
                    }
                );
                assert_eq!(body(&mut client, of.number).await.unwrap(), *of);
            }
            Answer::Beginning(_) => panic!("nothing is gone"),
            Answer::Head(bytes) => {
                receipt::agrees(&mailbox, &replica.head(&jp.contact, &bytes)).unwrap();
                heads += 1;
            }
        }
    }
    assert_eq!((heads, mailbox), (1, whole.mailbox));
    assert_eq!(mailbox.count, 2);
}

#[tokio::test]
async fn a_number_is_one_of_the_callers_own_mailbox() {
    let net = TestNet::memory().await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    two_messages(&net, &fr, &jp).await;
    let unknown = (Code::NotFound, "UNKNOWN_MESSAGE".to_owned());
    let mut theirs = net.client(&fr.tls()).await;
    let mut own = net.client(&jp.tls()).await;
    for number in [0, 3, u64::MAX] {
        assert_eq!(refusal(&body(&mut own, number).await.unwrap_err()), unknown, "{number}");
    }
    assert_eq!(refusal(&body(&mut theirs, 1).await.unwrap_err()), unknown);
    // A colleague has a letter of its own.
    let mut colleague = net.client(&format!("{} tls", jp.seats[1])).await;
    let (mine, hers) = (body(&mut own, 1).await.unwrap(), body(&mut colleague, 1).await.unwrap());
    assert!(mine.letter != hers.letter && !hers.letter.is_empty());
}

#[tokio::test]
async fn who_follows_by_headers_has_no_body_either() {
    let net = TestNet::memory().await;
    let [fr, jp] = net.parties(["fr", "jp"]).await;
    let mut client = net.client(&jp.tls()).await;
    let request = CollectRequest { headers: true, follow: true, ..CollectRequest::default() };
    let mut stream = client.relay.collect(request).await.unwrap().into_inner();
    soon("the head", stream.message()).await.unwrap().unwrap();
    two_messages(&net, &fr, &jp).await;
    let came = soon("a message", stream.message()).await.unwrap().unwrap();
    let Some(Answer::Message(item)) = came.item else { panic!("a message") };
    assert!(item.body.is_empty() && !item.header.is_empty());
}
