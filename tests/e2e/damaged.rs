//! What the service has stored and cannot read any more: the one message is lost, and named; nobody
//! else notices.

use std::fs;
use std::path::{Path, PathBuf};

use liaison::client::error::Side;
use liaison::crypto::hash::Digest;
use liaison::domain::limits;
use liaison::store::Engine;
use liaison::wire::v1::{GetBodyRequest, Item};
use tonic::{Code, Status};

use crate::support::{Client, Office, Party, Replica, TestNet, alert, refusal};

/// What befalls a file.
type Damage = (&'static str, fn(&Path));

/// The file of a large body.
fn file_of(blobs: &Path, digest: &str) -> PathBuf {
    blobs.join(&digest[..2]).join(&digest[2..4]).join(digest)
}

async fn body(client: &mut Client, number: u64) -> Result<Item, Status> {
    let request = GetBodyRequest { number };
    Ok(client.relay.get_body(request).await?.into_inner().item.unwrap())
}

#[tokio::test]
async fn a_body_that_is_lost_ends_its_own_message() {
    let damages: [Damage; 3] = [
        ("gone", |file| fs::remove_file(file).unwrap()),
        ("changed", |file| fs::write(file, b"another").unwrap()),
        ("unreadable", |file| {
            fs::remove_file(file).unwrap();
            fs::create_dir(file).unwrap();
        }),
    ];
    let net = TestNet::on(Engine::Memory).await;
    let [fr, jp]: [Party; 2] = net.parties(["fr", "jp"]).await;
    let (mut sender, mut reader) = (net.client(&fr.tls()).await, net.client(&jp.tls()).await);
    let replica = net.replica();
    let mut digests = Vec::new();
    for number in 0..5 {
        let outside = fr.outside(&[&jp], &replica);
        let large = alert(&number.to_string().repeat(200 << 10));
        let sealed = fr.seal(outside, &large, &replica, &net.open.ambient);
        assert!(sealed.envelope.body.len() as u64 > limits::INLINE_BODY_BYTES);
        digests.push(Digest::of(&sealed.envelope.body).to_string());
        sender.submit(sealed.envelope).await.unwrap();
    }
    let blobs = net.open.home.path().join("blobs");
    for ((what, damage), (digest, number)) in damages.iter().zip(digests[1..].iter().zip(2..)) {
        damage(&file_of(&blobs, digest));
        let refused = body(&mut reader, number).await.unwrap_err();
        assert_eq!(refusal(&refused), (Code::DataLoss, "BODY_DAMAGED".to_owned()), "{what}");
    }
    // Every number is there, and the chain holds up to the relay's head.
    let replica = Replica::fold(&mut reader).await;
    let collected = replica.collect(&mut reader, &jp.contact).await;
    let whole = collected.items.iter().map(|item| (!item.body.is_empty(), !item.letter.is_empty()));
    let lost = (false, false);
    assert!(whole.eq([(true, true), lost, lost, lost, (true, true)]));
    assert_eq!(body(&mut reader, 5).await.unwrap(), collected.items[4]);
    let counts = net.service.telemetry().counts();
    let (_, said) = counts.iter().find(|(kind, _)| *kind == "body_damaged").unwrap();
    assert_eq!(*said, 6);
    sender.submit(fr.compose(&[&jp], &net.replica(), &net.open.ambient).envelope).await.unwrap();
}

/// What is sent after it arrives, and who asks for it hears who has it.
#[tokio::test]
async fn who_asks_for_a_lost_body_hears_whom_to_call_and_the_mailbox_goes_on() {
    let net = TestNet::memory().await;
    let (fr, mut jp) = (net.party("fr", 1).await, Office::new(&net, "jp").await);
    let mut sender = net.client(&fr.tls()).await;
    for number in 0..2 {
        let replica = net.replica();
        let large = alert(&number.to_string().repeat(200 << 10));
        let outside = fr.outside(&[&jp.party], &replica);
        let sealed = fr.seal(outside, &large, &replica, &net.open.ambient);
        if number == 0 {
            let digest = Digest::of(&sealed.envelope.body).to_string();
            sender.submit(sealed.envelope).await.unwrap();
            fs::remove_file(file_of(&net.open.home.path().join("blobs"), &digest)).unwrap();
        } else {
            sender.submit(sealed.envelope).await.unwrap();
        }
    }
    jp.run(&["sync"]).await.unwrap();
    jp.run(&["inbox"]).await.unwrap();
    jp.run(&["inbox", "read", "2"]).await.unwrap();
    let printed = jp.printed();
    let read = printed.last().unwrap();
    assert_eq!(read["from"], "fr/cert/duty-1", "{read}");
    let error = jp.run(&["inbox", "read", "1"]).await.unwrap_err();
    assert_eq!((error.side, &*error.reason), (Side::Theirs, "BODY_DAMAGED"));
    assert!(error.sentence.contains("message 1 from fr/cert/duty-1 (sent 20"), "{error}");
    assert_eq!(error.mend.unwrap(), "call fr/cert, and ask to send it again");
}
