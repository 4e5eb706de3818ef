//! DirectoryService.

use std::pin::Pin;

use futures_util::Stream;
use tonic::{Request, Response, Status, async_trait};

use crate::domain::access::to;
use crate::domain::ids::ContactId;
use crate::domain::limits;
use crate::domain::refusal::Refusal;
use crate::service::{Proven, Publication};
use crate::wire::v1::directory_service_server::DirectoryService;
use crate::wire::v1::{
    GetCheckpointRequest, GetCheckpointResponse, GetEntriesRequest, GetEntriesResponse,
    GetFacetsRequest, GetFacetsResponse, GetProofRequest, GetProofResponse, LookUpRequest,
    LookUpResponse, ProvenEntry, PublishRequest, PublishResponse, WatchRequest, WatchResponse,
};
use crate::wire::{self, convert};

use super::{Api, follow, status};

#[async_trait]
impl DirectoryService for Api {
    async fn get_checkpoint(
        &self,
        request: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        let checkpoint = self.service.checkpoint(&self.permit(&request)?);
        Ok(Response::new(GetCheckpointResponse { checkpoint }))
    }

    async fn get_entries(
        &self,
        request: Request<GetEntriesRequest>,
    ) -> Result<Response<GetEntriesResponse>, Status> {
        let GetEntriesRequest { start, limit } = *request.get_ref();
        let read = self.service.entries(&self.permit(&request)?, start, limit).await;
        let (entries, checkpoint) = read.map_err(status)?;
        Ok(Response::new(GetEntriesResponse { entries, checkpoint }))
    }

    async fn get_proof(
        &self,
        request: Request<GetProofRequest>,
    ) -> Result<Response<GetProofResponse>, Status> {
        let leaf = request.get_ref().leaf_index;
        let proven = self.service.proof(&self.permit(&request)?, leaf).await.map_err(status)?;
        let missing = || Status::not_found(format!("the log has no entry {leaf} yet"));
        let proven = Some(message(proven.ok_or_else(missing)?));
        Ok(Response::new(GetProofResponse { proven }))
    }

    async fn get_facets(
        &self,
        request: Request<GetFacetsRequest>,
    ) -> Result<Response<GetFacetsResponse>, Status> {
        let permit = self.permit(&request)?;
        let named = &request.get_ref().facets;
        if named.len() > limits::FACETS {
            let (limit, found) = (limits::FACETS as u64, named.len() as u64);
            return Err(wire::status::of(&Refusal::TooLarge { what: "facets", limit, found }));
        }
        let named = refused(named.iter().map(convert::named_facet).collect())?;
        let facets = self.service.facets(&permit, named).await.map_err(status)?;
        let facets = facets.into_iter().map(convert::open_facet).collect();
        Ok(Response::new(GetFacetsResponse { facets }))
    }

    async fn look_up(
        &self,
        request: Request<LookUpRequest>,
    ) -> Result<Response<LookUpResponse>, Status> {
        let permit = self.permit(&request)?;
        let contact: Result<ContactId, _> = request.get_ref().contact.parse();
        let contact = refused(contact.map_err(Refusal::from))?;
        let (record, roster) = self.service.look_up(&permit, &contact).await.map_err(status)?;
        let (record, roster) = (Some(message(record)), roster.map(message));
        Ok(Response::new(LookUpResponse { record, roster }))
    }

    async fn publish(
        &self,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let permit = self.permit(&request)?;
        let publications = publications(request.into_inner().publications)?;
        let answers = self.service.publish(&permit, publications).await.map_err(status)?;
        let answers = answers.iter().map(convert::publish_answer).collect();
        Ok(Response::new(PublishResponse { answers }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let admitted = self.admitted(&request)?.clone();
        let stay = self.stay::<to::Watch>(&self.permit(&request)?)?;
        let size = request.get_ref().size;
        Ok(Response::new(Box::pin(follow::log(self.clone(), admitted, stay, size))))
    }
}

pub(super) fn publications(
    publications: Vec<wire::v1::Publication>,
) -> Result<Vec<Publication>, Status> {
    publications.into_iter().map(|of| refused(publication(of))).collect()
}

pub(super) fn publication(of: wire::v1::Publication) -> Result<Publication, Refusal> {
    let facets = of.facets.into_iter().map(convert::facet);
    Ok(Publication { statement: of.statement, facets: facets.collect::<Result<_, _>>()? })
}

fn refused<T>(result: Result<T, Refusal>) -> Result<T, Status> {
    result.map_err(|refusal| wire::status::of(&refusal))
}

fn message(proven: Proven) -> ProvenEntry {
    ProvenEntry {
        entry: proven.entry,
        leaf_index: proven.leaf,
        inclusion: convert::hashes(&proven.inclusion),
        checkpoint: proven.checkpoint,
    }
}
