//! A handshake in memory: what a node is about to show is believed by a client before anybody sees it.
//!
//! In scope: both ends of one handshake. Out of scope: sockets. Invariant: the client's end is the very
//! configuration that clients connect with.

use std::fmt::Display;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ConnectionCommon, Error, ServerConfig, ServerConnection, SideData};

use super::client::{ClientTls, ServerFault};

/// Why a handshake in memory did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Unproven {
    /// The client does not believe the server.
    #[error(transparent)]
    Fault(ServerFault),
    /// The two do not get on.
    #[error("a handshake with it fails: {0}")]
    Broken(Error),
}

/// Lets a client connect to a server, both in memory.
///
/// # Errors
/// [`Unproven`].
pub fn handshake(server: Arc<ServerConfig>, client: &ClientTls) -> Result<(), Unproven> {
    shake(server, client).map_err(|error| match ServerFault::find(&error) {
        Some(fault) => Unproven::Fault(fault.clone()),
        None => Unproven::Broken(error),
    })
}

fn shake(server: Arc<ServerConfig>, client: &ClientTls) -> Result<(), Error> {
    // No name is looked at: a service keeps its own wherever it runs.
    let anywhere = ServerName::try_from("localhost").map_err(general)?;
    let mut client = ClientConnection::new(client.config(), anywhere)?;
    let mut server = ServerConnection::new(server)?;
    for _ in 0..FLIGHTS {
        carry(&mut client, &mut server)?;
        carry(&mut server, &mut client)?;
        if !client.is_handshaking() && !server.is_handshaking() {
            return Ok(());
        }
    }
    Err(Error::HandshakeNotComplete)
}

fn general(why: impl Display) -> Error {
    Error::General(why.to_string())
}

/// All that one end has to say, to the other.
fn carry<A: SideData, B: SideData>(
    from: &mut ConnectionCommon<A>,
    to: &mut ConnectionCommon<B>,
) -> Result<(), Error> {
    let mut said = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut said).map_err(general)?;
    }
    let mut left = &said[..];
    while !left.is_empty() {
        to.read_tls(&mut left).map_err(general)?;
        to.process_new_packets()?;
    }
    Ok(())
}

/// TLS 1.3 has two flights each way, and one more with another group.
const FLIGHTS: usize = 4;
