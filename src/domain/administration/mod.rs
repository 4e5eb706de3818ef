//! What registrars, operators and auditors do with the service itself.
//!
//! In scope: proposals and their approvals, what lies on the desk, the audit trail. Out of scope: the
//! decisions (`commands`), carrying an act out (`service::administration`). Invariants: an approval is a
//! signature over all that will happen; no key counts twice.

pub mod audit;
pub mod desk;
pub mod proposal;
