//! The relay without a relay: takes every envelope and does nothing. It shows what the transport
//! costs.

use bytes::Bytes;
use tokio_stream::Empty;
use tonic::service::Routes;
use tonic::{Request, Response, Status, async_trait};

use crate::domain::limits;
use crate::wire::v1::relay_service_server::{RelayService, RelayServiceServer};
use crate::wire::v1::{
    AcknowledgeRequest, AcknowledgeResponse, CollectRequest, CollectResponse, GetBodyRequest,
    GetBodyResponse, GetStatusRequest, GetStatusResponse, SubmitRequest, SubmitResponse,
};

/// What it answers has the size of a receipt.
const RECEIPT_BYTES: usize = 320;

/// Its routes, for a listener like the service's own.
pub(super) fn routes() -> Routes {
    let bare = Bare { answer: vec![0; RECEIPT_BYTES].into() };
    let server = RelayServiceServer::new(bare);
    Routes::new(server.max_decoding_message_size(limits::SUBMIT_MESSAGE_BYTES))
}

struct Bare {
    answer: Bytes,
}

#[async_trait]
impl RelayService for Bare {
    async fn submit(&self, _: Request<SubmitRequest>) -> Result<Response<SubmitResponse>, Status> {
        Ok(Response::new(SubmitResponse { accepted: self.answer.clone() }))
    }

    type CollectStream = Empty<Result<CollectResponse, Status>>;

    async fn collect(
        &self,
        _: Request<CollectRequest>,
    ) -> Result<Response<Self::CollectStream>, Status> {
        Err(Status::unimplemented("nothing is kept"))
    }

    async fn acknowledge(
        &self,
        _: Request<AcknowledgeRequest>,
    ) -> Result<Response<AcknowledgeResponse>, Status> {
        Err(Status::unimplemented("nothing is kept"))
    }

    async fn get_body(
        &self,
        _: Request<GetBodyRequest>,
    ) -> Result<Response<GetBodyResponse>, Status> {
        Err(Status::unimplemented("nothing is kept"))
    }

    async fn get_status(
        &self,
        _: Request<GetStatusRequest>,
    ) -> Result<Response<GetStatusResponse>, Status> {
        Err(Status::unimplemented("nothing is kept"))
    }
}
