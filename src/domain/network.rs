//! Where a connection comes from, as far as strangers are told apart by it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;

/// The network of an address: 24 bits of IPv4, 48 of IPv6, which is what one customer gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network(IpAddr);

impl Network {
    /// Of an address. One of IPv4 written as IPv6 is one of IPv4.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & (u32::MAX << 8))),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 80))),
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = if self.0.is_ipv4() { 24 } else { 48 };
        write!(f, "{}/{bits}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_what_one_customer_has() {
        let rows = [
            ("192.0.2.77", "192.0.2.0/24"),
            ("::ffff:192.0.2.77", "192.0.2.0/24"),
            ("2001:db8:a:b:c::1", "2001:db8:a::/48"),
            ("::1", "::/48"),
        ];
        for (address, network) in rows {
            assert_eq!(Network::of(address.parse().unwrap()).to_string(), network);
        }
    }
}
