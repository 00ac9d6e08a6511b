//! Who is at the other end of a connection.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use crate::ids::Timestamp;

/// The other end of a connection; among the extensions of every request.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Where it called from.
    pub address: SocketAddr,
    /// What its TLS handshake told; `None` in clear text.
    pub tls: Option<Arc<PeerTls>>,
}

impl Peer {
    /// What counts as one client in a limit per address: an IPv4 address, or the /64 network of an IPv6 address.
    #[must_use]
    pub fn client(&self) -> IpAddr {
        client_of(self.address.ip())
    }
}

/// What a TLS handshake told of the peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerTls {
    /// The host name it asked for (SNI).
    pub server_name: Option<String>,
    /// The DNS names and common name of its verified certificate; empty without one.
    pub client_names: Vec<String>,
    /// Its verified certificate; `None` without one.
    pub client: Option<ClientCertificate>,
}

/// What a verified certificate says of who holds it, each name whole and as it stands there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Its alternative names that are URIs.
    pub uris: Vec<String>,
    /// Its alternative names that are DNS names.
    pub dns_names: Vec<String>,
    /// Its alternative names that are email addresses.
    pub emails: Vec<String>,
    /// When it ends.
    pub until: Timestamp,
}

/// What counts as one client in the limit per address: an IPv4 address, or the /64 network of an IPv6
/// address, since a single subscriber has that many.
pub(super) fn client_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_is_an_ipv4_address_or_an_ipv6_network() {
        for (address, client) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::1", "::"),
        ] {
            assert_eq!(client_of(address.parse().unwrap()), client.parse::<IpAddr>().unwrap(), "{address}");
        }
    }
}
