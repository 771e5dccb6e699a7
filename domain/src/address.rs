//! Which addresses of the internet are anybody's. What others name is fetched from these only, and webhooks go to
//! these only: on all others stand our own machines, and those of our neighbours.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// To a machine of the public internet.
    Public,
    /// To this machine, or to one of its network.
    Inside,
    /// To nobody whom somebody else may name, whatever the settings: clouds tell secrets of a machine at link-local
    /// addresses, carriers share theirs, and the rest is no single machine.
    Nobody,
}

/// Whether the address is one of the public internet.
pub fn is_public(address: IpAddr) -> bool {
    reach(address) == Reach::Public
}

/// The one table of addresses. Source: IANA's registries of special-purpose addresses.
pub fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(v4) => reach_v4(v4),
        IpAddr::V6(v6) => reach_v6(v6),
    }
}

fn reach_v4(v4: Ipv4Addr) -> Reach {
    let [a, b, c, _] = v4.octets();
    if v4.is_private() || v4.is_loopback() {
        return Reach::Inside;
    }
    let special = v4.is_link_local()
        || v4.is_multicast()
        || v4.is_documentation()
        // "This network", shared by carriers, protocols, benchmarks, reserved and broadcast.
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240;
    if special { Reach::Nobody } else { Reach::Public }
}

/// Where a machine at Amazon learns its credentials: in the middle of what is private elsewhere.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

fn reach_v6(v6: Ipv6Addr) -> Reach {
    let s = v6.segments();
    let embedded = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    if let Some(v4) = v6.to_ipv4_mapped() {
        return reach_v4(v4);
    }
    match s {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Inside,
        // NAT64 and 6to4 lead to the IPv4 address within.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => reach_v4(embedded(high, low)),
        [0x2002, high, low, ..] => reach_v4(embedded(high, low)),
        _ if v6 == METADATA_V6 => Reach::Nobody,
        [first, ..] if first & 0xfe00 == 0xfc00 => Reach::Inside,
        // Teredo and other protocols; documentation.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => Reach::Nobody,
        // Only this eighth is given out to anybody.
        [first, ..] if first & 0xe000 == 0x2000 && first != 0x3fff => Reach::Public,
        [..] => Reach::Nobody,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_anybodys_is_public() {
        for public in
            ["157.240.0.53", "1.1.1.1", "100.128.0.1", "172.32.0.1", "2a03:2880:f12c::1", "64:ff9b::9df0:35"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for special in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
    }

    #[test]
    fn what_is_inside_is_told_from_what_is_nobodys() {
        for inside in
            ["127.0.0.1", "10.0.0.1", "192.168.1.1", "172.31.0.9", "::1", "fd12::1", "::ffff:127.0.0.1"]
        {
            assert_eq!(reach(inside.parse().unwrap()), Reach::Inside, "{inside}");
        }
        for nobody in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fd00:ec2::254",
            "fe80::1",
            "100.100.100.200",
            "224.0.0.1",
            "0.0.0.0",
            "::",
        ] {
            assert_eq!(reach(nobody.parse().unwrap()), Reach::Nobody, "{nobody}");
        }
    }
}
