//! The services' messages, and refusals on the wire.
//!
//! In scope: generated code, refusals to gRPC statuses and back, and what they hold. Out of scope: rules and state.
//! Invariant: one function maps refusals to codes, and one reads them again.

pub mod codec;
pub mod convert;
pub mod details;
pub mod status;

/// The messages and services of `proto/liaison/v1`.
#[expect(missing_docs, reason = "documented in proto/liaison/v1")]
#[expect(clippy::allow_attributes, reason = "generated")]
pub mod v1 {
    tonic::include_proto!("liaison.v1");
}

/// What is signed, under the path by which the generated code names it.
mod signed {
    pub(super) use crate::signed::proto as v1;
}

/// The descriptors of everything in `proto/`: a `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
