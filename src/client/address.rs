//! How a service is found: one reading of host and port, wherever one is written.
//!
//! In scope: names, international ones among them, IPv4 and IPv6, ports, and what is wrong with
//! everything else. Out of scope: looking names up (`connect`). Invariant: what was read can be
//! connected to, as far as its writing goes.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use rustls::pki_types::ServerName;

/// Host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    host: String,
    port: u16,
}

/// A text is not the address of a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an address: {why}; expected host, host:port or [IPv6]:port")]
pub struct InvalidAddress {
    /// Its beginning: an invitation is foreign.
    text: String,
    why: Flaw,
}

/// As long as a name can be.
const SHOWN_BYTES: usize = 253;

/// What is wrong with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Flaw {
    #[error("it is empty")]
    Empty,
    #[error("it has a blank in it")]
    Blank,
    #[error("it names another scheme than https")]
    Scheme,
    #[error("it names a path")]
    Path,
    #[error("it names a user")]
    User,
    #[error("its port is not a number from 1 to 65535")]
    Port,
    #[error("an IPv6 address stands in brackets, as in [2001:db8::1]:443")]
    Brackets,
    #[error("nobody can connect to it, it only says where to listen")]
    Unspecified,
    #[error("its host is neither a name nor an IP address")]
    Name,
}

impl Address {
    /// Reads `host`, `host:port`, `[v6]:port`, with or without `https://` before it. The port is
    /// 443 unless given; an international name becomes its ASCII form.
    ///
    /// # Errors
    /// [`InvalidAddress`].
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let rest = text.strip_prefix("https://").unwrap_or(text);
        Self::or_port(rest.strip_suffix('/').unwrap_or(rest), 443)
            .map_err(|flawed| InvalidAddress::of(text, flawed.why))
    }

    /// The same without a scheme, and with another port unless given.
    pub(super) fn or_port(text: &str, port: u16) -> Result<Self, InvalidAddress> {
        read(text, port).map_err(|why| InvalidAddress::of(text, why))
    }

    /// A DNS name in ASCII, or an address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port: the one given, else the default.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl InvalidAddress {
    fn of(text: &str, why: Flaw) -> Self {
        let shown = text.get(..text.floor_char_boundary(SHOWN_BYTES));
        Self { text: shown.unwrap_or_default().to_owned(), why }
    }

    /// Its host cannot be used after all.
    pub(super) fn name(address: &Address) -> Self {
        Self::of(&address.to_string(), Flaw::Name)
    }
}

fn read(text: &str, default_port: u16) -> Result<Address, Flaw> {
    if text.is_empty() {
        return Err(Flaw::Empty);
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(Flaw::Blank);
    }
    if text.contains("://") {
        return Err(Flaw::Scheme);
    }
    if text.contains(['/', '?', '#', '\\']) {
        return Err(Flaw::Path);
    }
    if text.contains('@') {
        return Err(Flaw::User);
    }
    let (host, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((v6, rest))) => {
            let v6: Ipv6Addr = v6.parse().map_err(|_| Flaw::Name)?;
            (v6.to_string(), if rest.is_empty() { None } else { Some(rest) })
        }
        Some(None) => return Err(Flaw::Brackets),
        None if text.matches(':').count() > 1 => return Err(Flaw::Brackets),
        None => {
            let at = text.find(':').unwrap_or(text.len());
            let (name, rest) = text.split_at(at);
            let host = idna::domain_to_ascii(name).map_err(|_| Flaw::Name)?;
            (host, if rest.is_empty() { None } else { Some(rest) })
        }
    };
    ServerName::try_from(host.as_str()).map_err(|_| Flaw::Name)?;
    if host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_unspecified()) {
        return Err(Flaw::Unspecified);
    }
    Ok(Address { host, port: port.map_or(Ok(default_port), read_port)? })
}

/// Reads what stands behind the host: `:443`.
fn read_port(text: &str) -> Result<u16, Flaw> {
    let digits = text.strip_prefix(':').filter(|port| port.bytes().all(|b| b.is_ascii_digit()));
    let port = digits.and_then(|port| port.parse().ok());
    port.filter(|port| *port > 0).ok_or(Flaw::Port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_reading() {
        for (text, host, port) in [
            ("relay.un.example", "relay.un.example", 443),
            ("https://relay.un.example:8443/", "relay.un.example", 8443),
            ("127.0.0.1:1", "127.0.0.1", 1),
            ("[::1]:9", "::1", 9),
            ("[2001:DB8::1]", "2001:db8::1", 443),
            ("RELAY.example:65535", "relay.example", 65_535),
            ("b\u{fc}cher.example:1", "xn--bcher-kva.example", 1),
            ("xn--bcher-kva.example", "xn--bcher-kva.example", 443),
            ("\u{645}\u{62b}\u{627}\u{644}.example", "xn--mgbh0fb.example", 443),
            ("\u{4f8b}\u{3048}\u{3002}example", "xn--r8jz45g.example", 443),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.host(), address.port()), (host, port), "{text}");
            assert_eq!(Address::parse(&address.to_string()), Ok(address), "{text}");
        }
    }

    #[test]
    fn what_nobody_can_connect_to_is_refused_by_its_flaw() {
        for (text, why) in [
            ("", Flaw::Empty),
            ("https://", Flaw::Empty),
            ("a b:443", Flaw::Blank),
            (" a", Flaw::Blank),
            ("a:443\n", Flaw::Blank),
            ("http://a", Flaw::Scheme),
            ("a/b", Flaw::Path),
            ("https://host/path", Flaw::Path),
            ("a?b", Flaw::Path),
            ("u@a", Flaw::User),
            ("user:word@host:443", Flaw::User),
            ("a:", Flaw::Port),
            ("a:0", Flaw::Port),
            ("a:65536", Flaw::Port),
            ("host:99999", Flaw::Port),
            ("a:+1", Flaw::Port),
            ("[::1]443", Flaw::Port),
            ("::1", Flaw::Brackets),
            ("::1:443", Flaw::Brackets),
            ("[::1", Flaw::Brackets),
            ("0.0.0.0:443", Flaw::Unspecified),
            ("[::]:443", Flaw::Unspecified),
            ("[::ffff:0.0.0.0]:443", Flaw::Unspecified),
            (":1", Flaw::Name),
            ("[a]:1", Flaw::Name),
            ("[127.0.0.1]:1", Flaw::Name),
            ("-a.example", Flaw::Name),
            ("a..example", Flaw::Name),
            ("\u{202e}a.example", Flaw::Name),
            ("xn--a.example", Flaw::Name),
        ] {
            assert_eq!(Address::parse(text).unwrap_err().why, why, "{text}");
        }
        let said = Address::parse("::1").unwrap_err().to_string();
        assert!(said.starts_with("\"::1\" is not an address: an IPv6 address stands in"), "{said}");
        let long = Address::parse(&"\u{e9}".repeat(60_000)).unwrap_err().to_string();
        assert!(long.len() < 500, "{} bytes", long.len());
    }
}
