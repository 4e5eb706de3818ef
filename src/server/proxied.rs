//! Behind a balancer: who connected to it, as it says in a PROXY protocol v2 header.
//!
//! Only of those whom the configuration trusts; of everybody else the header is garbage. The format
//! is read by a library; here stands how much of it is taken from a stream.

use std::io;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use ppp::v2::{Addresses, Command, Header};
use tokio::io::AsyncReadExt as _;

use crate::tls::Link;

/// Signature, version and command, family, length (PROXY protocol 2.2).
const HEAD_BYTES: usize = 16;
/// Addresses of 216 bytes at most, and what a balancer adds: a name, a certificate's.
const MOST_BYTES: usize = 4_096;

/// Whether it is one of these.
pub(super) fn is_trusted(trusted: &[IpNet], address: IpAddr) -> bool {
    trusted.iter().any(|network| network.contains(&address.to_canonical()))
}

/// Reads the header, and nothing behind it: whom the connection is from. A balancer that speaks for
/// itself, to see whether the service is there, is whom it is from.
///
/// # Errors
/// There is no such header.
pub(super) async fn remote(stream: &mut impl Link, balancer: SocketAddr) -> io::Result<SocketAddr> {
    let mut header = vec![0; HEAD_BYTES];
    stream.read_exact(&mut header).await.map_err(broken_off)?;
    // Not before it is known to be one: what stands elsewhere is no length, and whoever speaks
    // otherwise would be waited for.
    if let Some(what) = other_than_a_header(&header) {
        return Err(io::Error::other(what));
    }
    let length = usize::from(u16::from_be_bytes([header[14], header[15]]));
    if length > MOST_BYTES {
        let what = format!("one of {length} bytes came, and none has more than {MOST_BYTES}");
        return Err(io::Error::other(what));
    }
    header.resize(HEAD_BYTES + length, 0);
    stream.read_exact(&mut header[HEAD_BYTES..]).await.map_err(broken_off)?;
    let header = Header::try_from(&header[..]).map_err(io::Error::other)?;
    Ok(match (header.command, header.addresses) {
        (Command::Proxy, Addresses::IPv4(of)) => (of.source_address, of.source_port).into(),
        (Command::Proxy, Addresses::IPv6(of)) => (of.source_address, of.source_port).into(),
        (Command::Local, _) | (_, Addresses::Unspecified | Addresses::Unix(_)) => balancer,
    })
}

/// What came first, if it is no such header.
fn other_than_a_header(first: &[u8]) -> Option<&'static str> {
    match first {
        _ if first.starts_with(ppp::v2::PROTOCOL_PREFIX) => None,
        [b'P', b'R', b'O', b'X', b'Y', b' ', ..] => Some("one of version 1 came: switch it to v2"),
        [0x16, 3, ..] => Some(
            "TLS came first: switch the header on there, or take the address out of \
             trusted_proxies",
        ),
        _ => Some("something else came first"),
    }
}

fn broken_off(why: io::Error) -> io::Error {
    io::Error::new(why.kind(), format!("the connection ended before one was there: {why}"))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    const BALANCER: &str = "10.0.0.1:4000";

    async fn read(bytes: &[u8]) -> io::Result<(String, Vec<u8>)> {
        let (mut near, mut far) = tokio::io::duplex(8_192);
        near.write_all(bytes).await?;
        drop(near);
        let remote = remote(&mut far, BALANCER.parse().unwrap()).await?;
        let mut rest = Vec::new();
        far.read_to_end(&mut rest).await?;
        Ok((remote.to_string(), rest))
    }

    /// From the specification's own table, by hand: no builder of the library that reads it.
    fn header(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
        let signature = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        [signature, vec![0x20 | command, family], length.to_vec(), payload.to_vec()].concat()
    }

    #[tokio::test]
    async fn it_says_who_connected_and_leaves_what_follows() {
        let v4 = [192, 0, 2, 7, 10, 0, 0, 9, 0x30, 0x39, 1, 187];
        let v6 =
            [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[1], &[0; 16], &[0x30, 0x39, 1, 187]].concat();
        let more = [&v4[..], &[4, 0, 2, 0, 0]].concat();
        for (bytes, expected) in [
            (header(1, 0x11, &v4), "192.0.2.7:12345"),
            (header(1, 0x11, &more), "192.0.2.7:12345"),
            (header(1, 0x21, &v6), "[2001:db8::1]:12345"),
            (header(0, 0, &[]), BALANCER),
            (header(1, 0, &[]), BALANCER),
        ] {
            let (remote, rest) = read(&[&bytes[..], b"hello"].concat()).await.unwrap();
            assert_eq!((remote.as_str(), &rest[..]), (expected, &b"hello"[..]));
        }
    }

    #[tokio::test]
    async fn what_is_none_is_refused() {
        let short = header(1, 0x11, &[192, 0, 2]);
        let cut = &header(1, 0x11, &[0; 12])[..20];
        let long = [&header(1, 0x11, &[])[..14], &[255, 255]].concat();
        let v1 = b"PROXY TCP4 192.0.2.7 10.0.0.9 12345 443\r\n";
        let tls = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03tls and more";
        for (bytes, said) in [
            (&short[..], ""),
            (cut, "the connection ended before one was there"),
            (b"", "the connection ended before one was there"),
            (&long, "one of 65535 bytes came"),
            (v1, "one of version 1 came"),
            (tls, "TLS came first"),
            (b"GET / HTTP/1.1\r\nHost: x\r\n", "something else came first"),
        ] {
            let why = read(bytes).await.unwrap_err().to_string();
            assert!(why.contains(said), "{why}");
        }
    }

    #[test]
    fn only_those_of_the_configuration_are_trusted() {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "2001:db8::5/128".parse().unwrap()];
        for (address, is) in [
            ("10.9.9.9", true),
            ("::ffff:10.0.0.1", true),
            ("11.0.0.1", false),
            ("2001:db8::5", true),
            ("2001:db8::6", false),
        ] {
            assert_eq!(is_trusted(&trusted, address.parse().unwrap()), is, "{address}");
        }
    }
}
