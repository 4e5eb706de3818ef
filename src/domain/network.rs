//! Where a connection comes from, as far as those whom nobody knows yet are told apart by it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;

/// A block of addresses that one customer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

impl Network {
    /// The network of an address: 24 bits of IPv4, 48 of IPv6. An address of IPv4 written as IPv6 is
    /// one of IPv4.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        Self::cut(address, 24, 48)
    }

    /// The address by itself, as far as one machine or one link has it: 32 bits of IPv4, 64 of IPv6.
    #[must_use]
    pub const fn of_one(address: IpAddr) -> Self {
        Self::cut(address, 32, 64)
    }

    /// One of these as it is written, if it is one.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let address = text.split_once('/')?.0.parse().ok()?;
        [Self::of(address), Self::of_one(address)].into_iter().find(|one| one.to_string() == text)
    }

    const fn cut(address: IpAddr, v4_bits: u8, v6_bits: u8) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let first = v4.to_bits() & (u32::MAX << (32 - v4_bits));
                Self { first: IpAddr::V4(Ipv4Addr::from_bits(first)), bits: v4_bits }
            }
            IpAddr::V6(v6) => {
                let first = v6.to_bits() & (u128::MAX << (128 - v6_bits));
                Self { first: IpAddr::V6(Ipv6Addr::from_bits(first)), bits: v6_bits }
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
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

    #[test]
    fn an_address_is_what_one_machine_has() {
        let rows = [
            ("192.0.2.77", "192.0.2.77/32"),
            ("::ffff:192.0.2.77", "192.0.2.77/32"),
            ("2001:db8:a:b:c::1", "2001:db8:a:b::/64"),
        ];
        for (address, one) in rows {
            assert_eq!(Network::of_one(address.parse().unwrap()).to_string(), one);
        }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        for address in ["192.0.2.77", "2001:db8:a:b:c::1", "::1"] {
            let address = address.parse().unwrap();
            for network in [Network::of(address), Network::of_one(address)] {
                assert_eq!(Network::read(&network.to_string()), Some(network));
            }
        }
        for other in ["", "192.0.2.0", "192.0.2.7/24", "192.0.2.0/25", "::/32", "::1/64", "x/24"] {
            assert_eq!(Network::read(other), None, "{other}");
        }
    }
}
