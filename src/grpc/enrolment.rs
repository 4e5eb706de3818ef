//! EnrolmentService: for those who have no key in force.

use tonic::{Request, Response, Status, async_trait};

use crate::wire::convert;
use crate::wire::v1::enrolment_service_server::EnrolmentService;
use crate::wire::v1::{
    EnrolRequest, EnrolResponse, GetChartersRequest, GetChartersResponse, LoggedCharter,
};

use super::directory::publications;
use super::{Api, status};

#[async_trait]
impl EnrolmentService for Api {
    async fn enrol(
        &self,
        request: Request<EnrolRequest>,
    ) -> Result<Response<EnrolResponse>, Status> {
        let permit = self.permit(&request)?;
        let publications = publications(request.into_inner().publications)?;
        let answers = self.service.enrol(&permit, publications).await.map_err(status)?;
        let answers = answers.iter().map(convert::publish_answer).collect();
        Ok(Response::new(EnrolResponse { answers }))
    }

    async fn get_charters(
        &self,
        request: Request<GetChartersRequest>,
    ) -> Result<Response<GetChartersResponse>, Status> {
        let after = request.get_ref().after_version;
        let page = self.service.charters(&self.permit(&request)?, after).await.map_err(status)?;
        let charters = page.charters.into_iter().map(|proven| LoggedCharter {
            entry: proven.entry,
            leaf_index: proven.leaf,
            inclusion: convert::hashes(&proven.inclusion),
        });
        let charters = charters.collect();
        let (checkpoint, newest, addresses) = (page.checkpoint, page.newest, page.addresses);
        Ok(Response::new(GetChartersResponse { charters, checkpoint, newest, addresses }))
    }
}
