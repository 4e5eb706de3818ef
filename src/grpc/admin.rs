//! AdminService.

use tonic::{Request, Response, Status, async_trait};

use crate::domain::access::{Face, MethodType, Permit};
use crate::domain::refusal::{Refusal, Wrong};
use crate::service::Staged;
use crate::service::administration::{Committed, DeskState, OnDesk, Which};
use crate::wire::v1::admin_service_server::AdminService;
use crate::wire::v1::carry_out_response::Done;
use crate::wire::v1::{
    AbortRequest, AbortResponse, ApproveRequest, ApproveResponse, CarryOutRequest,
    CarryOutResponse, DropSessionsRequest, DropSessionsResponse, GetAuditRequest, GetAuditResponse,
    GetStandingRequest, GetStandingResponse, ListProposalsRequest, ListProposalsResponse,
    ListServiceKeysRequest, ListServiceKeysResponse, ListSessionsRequest, ListSessionsResponse,
    NodeCertificate, Proposal, ProposalState, ProposeRequest, ProposeResponse, Publication,
    ServiceKey, Session, StageServiceKeyRequest, StageServiceKeyResponse,
};
use crate::wire::{self, convert};

use super::directory::publication;
use super::{Api, status};

#[async_trait]
impl AdminService for Api {
    async fn get_standing(
        &self,
        request: Request<GetStandingRequest>,
    ) -> Result<Response<GetStandingResponse>, Status> {
        let permit = self.asks(&request).await?;
        let standing = self.service.standing(&permit).await.map_err(status)?;
        let number = |of: usize| u32::try_from(of).unwrap_or(u32::MAX);
        Ok(Response::new(GetStandingResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            charter: standing.charter,
            checkpoint: standing.checkpoint,
            engine: self.service.engine().to_owned(),
            now: self.service.now(),
            clock_in_doubt: self.service.is_clock_in_doubt(),
            room: standing.left.to_string(),
            damaged: self.service.telemetry().is_damaged(),
            sessions: number(standing.sessions),
            proposals: number(standing.proposals),
            records: standing.records,
        }))
    }

    async fn list_proposals(
        &self,
        request: Request<ListProposalsRequest>,
    ) -> Result<Response<ListProposalsResponse>, Status> {
        let permit = self.asks(&request).await?;
        let ListProposalsRequest { all, prefix, after } = request.into_inner();
        let after =
            if after.is_empty() { Ok(None) } else { convert::proposal_id(&after).map(Some) };
        let after = self.good(&permit, after).await?;
        let which = Which { all, prefix, after };
        let (found, more) = self.service.proposals(&permit, which).await.map_err(status)?;
        let proposals = found.into_iter().map(proposal).collect();
        Ok(Response::new(ListProposalsResponse { proposals, more: more.is_some() }))
    }

    async fn propose(
        &self,
        request: Request<ProposeRequest>,
    ) -> Result<Response<ProposeResponse>, Status> {
        let permit = self.asks(&request).await?;
        let missing = || Refusal::field("publication", Wrong::Missing);
        let proposed = request.into_inner().publication.ok_or_else(missing);
        let proposed = self.good(&permit, proposed.and_then(publication)).await?;
        let proposal = self.service.propose(&permit, proposed).await;
        let proposal = Some(self::proposal(proposal.map_err(status)?));
        Ok(Response::new(ProposeResponse { proposal }))
    }

    async fn approve(
        &self,
        request: Request<ApproveRequest>,
    ) -> Result<Response<ApproveResponse>, Status> {
        let permit = self.asks(&request).await?;
        let ApproveRequest { id, signatures } = request.into_inner();
        let signatures: Result<Vec<_>, _> =
            signatures.into_iter().map(convert::signature).collect();
        let asked = convert::proposal_id(&id).and_then(|id| Ok((id, signatures?)));
        let (id, signatures) = self.good(&permit, asked).await?;
        let proposal = self.service.approve(&permit, id, signatures).await;
        let proposal = Some(self::proposal(proposal.map_err(status)?));
        Ok(Response::new(ApproveResponse { proposal }))
    }

    async fn carry_out(
        &self,
        request: Request<CarryOutRequest>,
    ) -> Result<Response<CarryOutResponse>, Status> {
        let permit = self.asks(&request).await?;
        let id = convert::proposal_id(&request.get_ref().id);
        let id = self.good(&permit, id).await?;
        let done = self.service.carry_out(&permit, id).await.map_err(status)?;
        let done = Some(match done {
            Committed::Logged(leaf) => Done::LeafIndex(leaf),
            Committed::Done(words) => Done::Act(words),
            Committed::Failed(words) => Done::Failed(words),
        });
        Ok(Response::new(CarryOutResponse { done }))
    }

    async fn abort(
        &self,
        request: Request<AbortRequest>,
    ) -> Result<Response<AbortResponse>, Status> {
        let permit = self.asks(&request).await?;
        let id = convert::proposal_id(&request.get_ref().id);
        let id = self.good(&permit, id).await?;
        self.service.abort(&permit, id).await.map_err(status)?;
        Ok(Response::new(AbortResponse {}))
    }

    async fn list_sessions(
        &self,
        request: Request<ListSessionsRequest>,
    ) -> Result<Response<ListSessionsResponse>, Status> {
        let permit = self.asks(&request).await?;
        let found = self.service.sessions(&permit).await.map_err(status)?;
        let sessions = found.into_iter().map(|(number, session, peer)| Session {
            number,
            who: peer.role().holder(),
            key_id: session.key.map_or_else(Default::default, |key| key.as_bytes().to_vec().into()),
            since: session.since,
            remote: session.remote.to_string(),
            group: session.group.to_owned(),
            administration: session.face == Face::Administration,
        });
        Ok(Response::new(ListSessionsResponse { sessions: sessions.collect() }))
    }

    async fn drop_sessions(
        &self,
        request: Request<DropSessionsRequest>,
    ) -> Result<Response<DropSessionsResponse>, Status> {
        let permit = self.asks(&request).await?;
        let mut sessions = request.into_inner().sessions;
        sessions.sort_unstable();
        sessions.dedup();
        let dropped = self.service.drop_sessions(&permit, sessions).await;
        let dropped = u32::try_from(dropped.map_err(status)?).unwrap_or(u32::MAX);
        Ok(Response::new(DropSessionsResponse { dropped }))
    }

    async fn list_service_keys(
        &self,
        request: Request<ListServiceKeysRequest>,
    ) -> Result<Response<ListServiceKeysResponse>, Status> {
        let permit = self.asks(&request).await?;
        let (keys, node) = self.service.service_keys(&permit).await.map_err(status)?;
        let keys = keys.into_iter().map(|key| ServiceKey {
            r#use: convert::service_key_use(key.of).into(),
            id: key.id.as_bytes().to_vec().into(),
            state: key.state.name().to_owned(),
        });
        let node = node.map(|node| NodeCertificate {
            key_id: node.key.map_or_else(Default::default, |key| key.as_bytes().to_vec().into()),
            from: node.from,
            until: node.until,
            renews: node.renews,
            authority: node
                .authority
                .map_or_else(Default::default, |of| of.as_bytes().to_vec().into()),
            trouble: node.trouble.map(|why| why.to_string()).unwrap_or_default(),
        });
        Ok(Response::new(ListServiceKeysResponse { keys: keys.collect(), node }))
    }

    async fn stage_service_key(
        &self,
        request: Request<StageServiceKeyRequest>,
    ) -> Result<Response<StageServiceKeyResponse>, Status> {
        let permit = self.asks(&request).await?;
        let of = convert::own_key(request.get_ref().r#use());
        let of = self.good(&permit, of).await?;
        let staged = self.service.stage_service_key(&permit, of).await;
        let staged = staged.map_err(status)?;
        let Staged { listed, certificate, before, .. } = staged;
        Ok(Response::new(StageServiceKeyResponse { listed, certificate, before }))
    }

    async fn get_audit(
        &self,
        request: Request<GetAuditRequest>,
    ) -> Result<Response<GetAuditResponse>, Status> {
        let permit = self.asks(&request).await?;
        let GetAuditRequest { start, limit } = *request.get_ref();
        let (records, head) = self.service.audit(&permit, start, limit).await.map_err(status)?;
        Ok(Response::new(GetAuditResponse { records, head }))
    }
}

impl Api {
    /// Leave to make a request, once it is there: for who asked may have been removed meanwhile, which
    /// has its record.
    async fn asks<T: Sync, M: MethodType>(
        &self,
        request: &Request<T>,
    ) -> Result<Permit<M>, Status> {
        self.service.permit_recorded(self.admitted(request)?).await.map_err(status)
    }

    /// What was asked, if it can be; a refusal has its record, too.
    async fn good<T: Send, M: MethodType>(
        &self,
        permit: &Permit<M>,
        read: Result<T, Refusal>,
    ) -> Result<T, Status> {
        match read {
            Ok(read) => Ok(read),
            Err(refusal) => {
                self.service.record_nonsense(permit, &refusal).await;
                Err(wire::status::of(&refusal))
            }
        }
    }
}

fn proposal(found: OnDesk) -> Proposal {
    let OnDesk { id, kept, state, needed } = found;
    let state = match state {
        DeskState::Open => ProposalState::Open,
        DeskState::Committed => ProposalState::CarriedOut,
        DeskState::Aborted => ProposalState::Aborted,
        DeskState::Expired => ProposalState::Expired,
        DeskState::Overtaken => ProposalState::Overtaken,
    };
    let facets = kept.facets.into_iter().map(convert::open_facet).collect();
    let (ended_by, ended_at, came_to) = kept
        .end
        .map_or_else(Default::default, |end| (end.by, end.at, end.came_to.unwrap_or_default()));
    Proposal {
        id: id.as_bytes().to_vec().into(),
        publication: Some(Publication { statement: kept.envelope, facets }),
        by: kept.by,
        at: kept.at,
        expires: kept.expires,
        state: state.into(),
        ended_by,
        ended_at,
        needed,
        came_to,
    }
}
