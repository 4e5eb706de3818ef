//! A member with its contact and seats, and a connection with every service on it.

use bytes::Bytes;
use liaison::ambient::Ambient;
use liaison::client::message::compose::{Outside, Sealed, compose};
use liaison::client::message::content::{Inside, Writing};
use liaison::client::reach::connect::Connection;
use liaison::crypto::issue::{self, Validity};
use liaison::domain::ids::{ContactId, SeatId};
use liaison::domain::relay::addressing::Recipient;
use liaison::signed::proto::{Class, Kind, Level};
use liaison::tls::Identity;
use liaison::wire::v1::directory_service_client::DirectoryServiceClient;
use liaison::wire::v1::enrolment_service_client::EnrolmentServiceClient;
use liaison::wire::v1::publish_answer::Answer;
use liaison::wire::v1::relay_service_client::RelayServiceClient;
use liaison::wire::v1::{
    CollectRequest, CollectResponse, EnrolRequest, Envelope, PublishAnswer, PublishRequest,
    SubmitRequest,
};
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use super::says::Said;
use super::{NOW, Replica, key};

/// The certificate of the key `name`, with the key.
pub(crate) fn identity(name: &str, validity: Validity) -> Identity {
    let key = key(name);
    let der = issue::self_signed_client(&key, validity, Ambient::system().random());
    Identity::new(&[der.unwrap()], &key).unwrap()
}

/// A contact and its seats.
pub(crate) struct Party {
    pub(crate) contact: ContactId,
    pub(crate) seats: Vec<SeatId>,
}

impl Party {
    pub(crate) fn new(contact: &str, seats: usize) -> Self {
        let contact: ContactId = contact.parse().unwrap();
        let seats = (1..=seats).map(|n| SeatId::new(&contact, &format!("duty-{n}")).unwrap());
        Self { seats: seats.collect(), contact }
    }

    /// The first seat.
    pub(crate) fn seat(&self) -> &SeatId {
        &self.seats[0]
    }

    /// The name of the key with which its first seat connects.
    pub(crate) fn tls(&self) -> String {
        format!("{} tls", self.seat())
    }

    /// To this contact, at the technical level.
    pub(crate) fn addressed(&self) -> Recipient {
        Recipient::new(self.contact.clone(), Level::Technical)
    }

    /// A routine notification from the first seat.
    pub(crate) fn outside(&self, to: &[&Self], replica: &Replica) -> Outside {
        let to = to.iter().map(|party| party.addressed()).collect();
        Outside::new(self.seat().clone(), to, Class::Notification, replica.view())
    }

    /// Composes a routine notification.
    pub(crate) fn compose(&self, to: &[&Self], replica: &Replica, ambient: &Ambient) -> Sealed {
        self.seal(self.outside(to, replica), &alert(""), replica, ambient)
    }

    pub(crate) fn seal(
        &self,
        outside: Outside,
        inside: &Inside,
        replica: &Replica,
        ambient: &Ambient,
    ) -> Sealed {
        let sign = key(&format!("{} sign", outside.sender));
        compose(&replica.directory, outside, inside, &sign, ambient).unwrap()
    }
}

/// What is meant.
pub(crate) fn alert(text: &str) -> Inside {
    Writing::new(Kind::Incident, "Ransomware at a port", NOW).text("en", text).finish().unwrap()
}

/// One connection.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) directory: DirectoryServiceClient<Channel>,
    pub(crate) relay: RelayServiceClient<Channel>,
    pub(crate) enrolment: EnrolmentServiceClient<Channel>,
}

impl Client {
    pub(crate) fn over(connection: &Connection) -> Self {
        let channel = connection.channel();
        Self {
            directory: DirectoryServiceClient::new(channel.clone()),
            relay: RelayServiceClient::new(channel.clone())
                .max_decoding_message_size(8 << 20)
                .max_encoding_message_size(8 << 20),
            enrolment: EnrolmentServiceClient::new(channel),
        }
    }

    pub(crate) async fn submit(&mut self, envelope: Envelope) -> Result<Bytes, Status> {
        let request = SubmitRequest { envelope: Some(envelope) };
        Ok(self.relay.submit(request).await?.into_inner().accepted)
    }

    pub(crate) async fn collect(
        &mut self,
        after: u64,
        follow: bool,
    ) -> Result<Streaming<CollectResponse>, Status> {
        let request = CollectRequest { after, follow, ..CollectRequest::default() };
        Ok(self.relay.collect(request).await?.into_inner())
    }

    /// The leaf index of one statement, or the reason why not.
    pub(crate) async fn enrol(&mut self, said: Said) -> Result<Result<u64, String>, Status> {
        let publications = vec![said.into_publication()];
        let answers = self.enrolment.enrol(EnrolRequest { publications }).await?;
        Ok(one(answers.into_inner().answers))
    }

    pub(crate) async fn publish(&mut self, said: Said) -> Result<Result<u64, String>, Status> {
        let publications = vec![said.into_publication()];
        let answers = self.directory.publish(PublishRequest { publications }).await?;
        Ok(one(answers.into_inner().answers))
    }
}

fn one(answers: Vec<PublishAnswer>) -> Result<u64, String> {
    let [answer] = answers.try_into().expect("one answer to one statement");
    let PublishAnswer { answer: Some(answer) } = answer else { panic!("an empty answer") };
    match answer {
        Answer::LeafIndex(leaf) => Ok(leaf),
        Answer::Refused(refused) => Err(refused.reason),
    }
}
