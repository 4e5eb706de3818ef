//! RelayService.

use std::pin::Pin;

use futures_util::Stream;
use tonic::{Request, Response, Status, async_trait};

use crate::domain::ids::MessageId;
use crate::domain::refusal::{Refusal, Wrong};
use crate::service::door::InHand;
use crate::service::{Acknowledging, HandedIn};
use crate::wire;
use crate::wire::v1::relay_service_server::RelayService;
use crate::wire::v1::{
    AcknowledgeRequest, AcknowledgeResponse, CollectRequest, CollectResponse, Envelope,
    GetBodyRequest, GetBodyResponse, GetStatusRequest, GetStatusResponse, SubmitRequest,
    SubmitResponse,
};

use super::{Api, follow, status};

#[async_trait]
impl RelayService for Api {
    async fn submit(
        &self,
        request: Request<SubmitRequest>,
    ) -> Result<Response<SubmitResponse>, Status> {
        let permit = self.permit(&request)?;
        let envelope = handed_in("envelope", request.into_inner().envelope)?;
        let accepted = self.service.submit(&permit, envelope).await.map_err(status)?;
        Ok(Response::new(SubmitResponse { accepted }))
    }

    type CollectStream = Pin<Box<dyn Stream<Item = Result<CollectResponse, Status>> + Send>>;

    async fn collect(
        &self,
        request: Request<CollectRequest>,
    ) -> Result<Response<Self::CollectStream>, Status> {
        let admitted = self.admitted(&request)?.clone();
        let permit = self.permit(&request)?;
        let (hints, stay) = (self.service.follow_mailbox(&permit), self.stay(&permit)?);
        let bytes = request.extensions().get::<InHand>().cloned();
        let request = request.into_inner();
        let items = follow::mailbox(self.clone(), admitted, stay, hints, bytes, request);
        Ok(Response::new(Box::pin(items)))
    }

    async fn get_body(
        &self,
        request: Request<GetBodyRequest>,
    ) -> Result<Response<GetBodyResponse>, Status> {
        let permit = self.permit(&request)?;
        let item = self.service.entry(&permit, request.get_ref().number).await;
        let item = item.map(follow::item_message).map_err(status)?;
        Ok(Response::new(GetBodyResponse { item: Some(item) }))
    }

    async fn acknowledge(
        &self,
        request: Request<AcknowledgeRequest>,
    ) -> Result<Response<AcknowledgeResponse>, Status> {
        let permit = self.permit(&request)?;
        let AcknowledgeRequest { acknowledgement, words, number } = request.into_inner();
        let words = handed_in("words", words)?;
        let acknowledged = Acknowledging { acknowledgement, number, words };
        let accepted = self.service.acknowledge(&permit, acknowledged).await.map_err(status)?;
        Ok(Response::new(AcknowledgeResponse { accepted }))
    }

    async fn get_status(
        &self,
        request: Request<GetStatusRequest>,
    ) -> Result<Response<GetStatusResponse>, Status> {
        let permit = self.permit(&request)?;
        let id = MessageId::try_from(&request.get_ref().id[..]);
        let id = id.map_err(|why| wire::status::of(&Refusal::from(why)))?;
        let found = self.service.status(&permit, id).await.map_err(status)?;
        let (accepted, acknowledgements) = (found.accepted, found.acknowledgements);
        Ok(Response::new(GetStatusResponse { accepted, acknowledgements }))
    }
}

fn handed_in(field: &'static str, envelope: Option<Envelope>) -> Result<HandedIn, Status> {
    let missing = || wire::status::of(&Refusal::field(field, Wrong::Missing));
    let envelope = envelope.ok_or_else(missing)?;
    let Envelope { header, body, letters } = envelope;
    Ok(HandedIn { header, body, letters })
}
