//! What registrars, operators and auditors do with the service itself.
//!
//! In scope: proposals and their approvals, the audit trail. Out of scope: carrying an act out
//! (`service::administration`). Invariants: an approval is a signature over all that will happen; no
//! key counts twice; a proposal is used once; what is asked stands in the trail, in the commit of what
//! it changed.

pub mod audit;
pub mod desk;
pub mod proposal;
#[cfg(test)]
mod tests;
