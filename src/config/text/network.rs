//! What names a place or a part of the web: addresses, networks, URLs, origins, header names.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::Written;

/// An IP address with a port.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address(pub(crate) SocketAddr);

impl Written for Address {
    const FORMAT: &'static str = "address";
    const WORD: &'static str = "address";
    const EXPECTED: &'static str = "an IP address with a port, such as \"127.0.0.1:8080\" or \"[::]:443\"";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    fn write(&self) -> String {
        self.0.to_string()
    }
}

/// The origin of web pages, as browsers write it: scheme, host in small letters, and a port other than the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin(pub(crate) String);

impl Written for Origin {
    const FORMAT: &'static str = "web-origin";
    const WORD: &'static str = "origin";
    const EXPECTED: &'static str =
        "the origin of a page as a browser writes it, such as \"https://panel.example\"";

    fn read(text: &str) -> Option<Self> {
        let Url(url) = Url::read(text)?;
        let (scheme, host) = (url.scheme_str()?, url.authority()?.as_str());
        let own_port = if scheme == "https" { ":443" } else { ":80" };
        let as_browsers_do = text == format!("{scheme}://{host}") && text == text.to_ascii_lowercase();
        (as_browsers_do && !host.ends_with(own_port) && !host.contains('*')).then(|| Self(text.to_owned()))
    }

    fn write(&self) -> String {
        self.0.clone()
    }
}

/// An absolute `http` or `https` URL.
#[derive(Clone, Debug)]
pub(crate) struct Url(pub(crate) http::Uri);

impl Written for Url {
    const FORMAT: &'static str = "http-url";
    const WORD: &'static str = "URL";
    const EXPECTED: &'static str =
        "an http or https URL without user name or password, such as \"https://chat.example/hooks\"";

    fn read(text: &str) -> Option<Self> {
        let uri: http::Uri = text.parse().ok()?;
        let web = matches!(uri.scheme_str(), Some("http" | "https"));
        let plain_host = uri.authority().is_some_and(|a| !a.host().is_empty() && !a.as_str().contains('@'));
        (web && plain_host).then_some(Self(uri))
    }

    fn write(&self) -> String {
        self.0.to_string()
    }
}

/// A network in CIDR notation, or one address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Network(pub(crate) IpNet);

impl Written for Network {
    const FORMAT: &'static str = "network";
    const WORD: &'static str = "network";
    const EXPECTED: &'static str = "a network such as \"10.0.0.0/8\" or \"fd00::/8\", or an IP address";

    fn read(text: &str) -> Option<Self> {
        let one = || text.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
        let network = text.parse::<IpNet>().ok().or_else(one)?;
        // Bits after the prefix are mostly a slip.
        (network == network.trunc()).then_some(Self(network))
    }

    fn write(&self) -> String {
        self.0.to_string()
    }
}

/// The name of a header.
#[derive(Clone, Debug)]
pub(crate) struct HeaderText(pub(crate) http::HeaderName);

impl Written for HeaderText {
    const FORMAT: &'static str = "header-name";
    const WORD: &'static str = "header name";
    const EXPECTED: &'static str = "the name of a header, such as \"x-api-key\"";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    fn write(&self) -> String {
        self.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_of_the_web_and_holds_no_password() {
        assert!(Url::read("http://127.0.0.1:3000/hooks").is_some());
        for text in ["chat.example", "/hooks", "ftp://chat.example", "https://user:pw@chat.example/"] {
            assert!(Url::read(text).is_none(), "{text}");
        }
    }
}
