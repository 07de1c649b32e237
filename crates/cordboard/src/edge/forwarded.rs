//! Behind a proxy: which client, scheme and host a request has when a trusted proxy passes it on.
//!
//! Headers about clients are believed only on connections from `listen.trusted_proxies`. The client is the rightmost address
//! that is no trusted proxy's; scheme and host are those that the outermost trusted proxy wrote. What stands further left may
//! be anybody's invention and is not looked at.

use super::Peer;
use crate::ops::config::{ForwardedHeader, Listen};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const X_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// A client that a trusted proxy passes on without a readable address: it has no address that anything trusts.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The proxies that are believed.
#[derive(Clone, Debug)]
pub struct Proxies {
    networks: Vec<IpNet>,
    header: ForwardedHeader,
}

/// A trusted proxy passes on both kinds of header, and they contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Contradiction;

/// What the trusted proxies of one request say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Claims {
    address: Option<IpAddr>,
    tls: Option<bool>,
    host: Option<String>,
}

/// Reads an address or a network, `10.0.0.1` or `10.0.0.0/8`.
pub(crate) fn network(text: &str) -> Option<IpNet> {
    let alone = text.parse::<IpAddr>().ok();
    alone.map(|a| a.to_canonical().into()).or(text.parse().ok())
}

impl Proxies {
    /// As the settings say, which were checked when they were loaded.
    pub fn new(listen: &Listen) -> Self {
        let networks = listen.trusted_proxies.iter();
        Self {
            networks: networks.filter_map(|text| network(text)).collect(),
            header: listen.forwarded_header,
        }
    }

    /// Returns `true` if connections from this address are a trusted proxy's.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Puts client, scheme and host as a trusted proxy writes them in the place of the connection's own.
    ///
    /// # Errors
    /// If the two kinds of header contradict each other: then one of them is the client's invention.
    pub(super) fn apply(&self, peer: Peer, headers: &mut HeaderMap) -> Result<Peer, Contradiction> {
        if self.networks.is_empty() || !self.trusts(peer.address.ip()) {
            return Ok(peer);
        }
        let from = peer.address.ip();
        let claims = match self.header {
            ForwardedHeader::XForwarded => self.x_forwarded(from, headers),
            ForwardedHeader::Forwarded => self.forwarded(from, headers),
            ForwardedHeader::Either => {
                let standard = self.forwarded(from, headers);
                let common = self.x_forwarded(from, headers);
                Claims {
                    address: agreed(standard.address, common.address)?,
                    tls: agreed(standard.tls, common.tls)?,
                    host: agreed(standard.host, common.host)?,
                }
            }
        };
        if let Some(host) = claims.host.and_then(|h| HeaderValue::try_from(h).ok()) {
            headers.insert(header::HOST, host);
        }
        Ok(Peer {
            address: claims
                .address
                .map_or(peer.address, |address| SocketAddr::new(address, 0)),
            tls: claims.tls.unwrap_or(peer.tls),
            ..peer
        })
    }

    /// Follows addresses from the right as long as the one that wrote them is trusted: the client's address, if one is written,
    /// and how many entries from the right are trusted proxies'.
    fn client(&self, from: IpAddr, written: &[Option<IpAddr>]) -> (Option<IpAddr>, usize) {
        let (mut client, mut writer, mut trusted) = (None, from, 0);
        for entry in written.iter().rev() {
            if !self.trusts(writer) {
                break;
            }
            trusted += 1;
            writer = entry.unwrap_or(UNKNOWN);
            client = Some(writer);
        }
        (client, trusted.max(1))
    }

    fn x_forwarded(&self, from: IpAddr, headers: &HeaderMap) -> Claims {
        let addresses: Vec<_> = list(headers, &X_FOR).map(address).collect();
        let (address, trusted) = self.client(from, &addresses);
        let outermost = |name| {
            let entries: Vec<_> = list(headers, name).collect();
            let at = entries.len().saturating_sub(trusted);
            entries.get(at).copied()
        };
        Claims {
            address,
            tls: outermost(&X_PROTO).and_then(is_tls),
            host: outermost(&X_HOST).and_then(host),
        }
    }

    fn forwarded(&self, from: IpAddr, headers: &HeaderMap) -> Claims {
        let values = headers.get_all(header::FORWARDED).iter();
        let values = values.map(|value| value.to_str().unwrap_or(""));
        let elements: Vec<Element> = values.flat_map(elements).collect();
        if elements.is_empty() {
            return Claims::default();
        }
        let addresses: Vec<_> = elements
            .iter()
            .map(|e| e.client.as_deref().and_then(address))
            .collect();
        let (address, trusted) = self.client(from, &addresses);
        let outermost = &elements[elements.len() - trusted.min(elements.len())..];
        Claims {
            address,
            tls: outermost
                .iter()
                .find_map(|e| e.proto.as_deref().and_then(is_tls)),
            host: outermost
                .iter()
                .find_map(|e| e.host.as_deref().and_then(host)),
        }
    }
}

fn agreed<T: PartialEq>(one: Option<T>, other: Option<T>) -> Result<Option<T>, Contradiction> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => Err(Contradiction),
        (one, other) => Ok(one.or(other)),
    }
}

/// The entries of a list header, over all its lines.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter();
    let values = values.map(|value| value.to_str().unwrap_or(""));
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// An address, alone or with a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    let alone = bare.unwrap_or(text).parse::<IpAddr>().ok();
    let address = alone.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

fn is_tls(scheme: &str) -> Option<bool> {
    match scheme.to_ascii_lowercase().as_str() {
        "https" => Some(true),
        "http" => Some(false),
        _ => None,
    }
}

fn host(text: &str) -> Option<String> {
    is_authority(text).then(|| text.to_owned())
}

/// Returns `true` if a Host header can stand in an XML file or an address without harm.
pub(super) fn is_authority(host: &str) -> bool {
    !host.is_empty()
        && host.bytes().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']' | b'_')
        })
}

/// One hop of a `Forwarded` header.
#[derive(Debug, Default)]
struct Element {
    client: Option<String>,
    proto: Option<String>,
    host: Option<String>,
}

/// The hops of a `Forwarded` header's value (RFC 7239 §4); a hop that cannot be read has nothing in it.
fn elements(value: &str) -> Vec<Element> {
    let hops = split(value, ',');
    let hops = hops.into_iter().map(|hop| {
        let mut element = Element::default();
        for pair in split(hop, ';') {
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            let value = value.trim();
            let quoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
            let value = quoted.unwrap_or(value).to_owned();
            match name.trim().to_ascii_lowercase().as_str() {
                "for" => element.client = Some(value),
                "proto" => element.proto = Some(value),
                "host" => element.host = Some(value),
                _ => {}
            }
        }
        element
    });
    hops.collect()
}

/// Splits at a separator outside quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if letter == separator && !quoted => {
                parts.push(&text[start..at]);
                start = at + separator.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Scheme, host and port under which clients reach this server: `listen.public_url`, or as the request's client used them.
pub fn base_address(listen: &Listen, peer: Peer, headers: &HeaderMap) -> String {
    if let Some(url) = &listen.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let scheme = if peer.tls { "https" } else { "http" };
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    match host.filter(|host| is_authority(host)) {
        Some(host) => format!("{scheme}://{host}"),
        None => format!("{scheme}://{}", peer.local),
    }
}

/// Returns `true` if cookies of an answer may travel over TLS only.
pub fn cookies_are_secure(listen: &Listen, peer: Peer) -> bool {
    let url = listen.public_url.as_deref().unwrap_or_default();
    peer.tls
        || url
            .get(..8)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(
        header: ForwardedHeader,
        from: &str,
        sent: &[(&'static str, &'static str)],
    ) -> Result<(String, bool, String), Contradiction> {
        let proxies = Proxies::new(&Listen {
            trusted_proxies: vec!["10.0.0.0/8".into(), "::1".into(), "192.0.2.7".into()],
            forwarded_header: header,
            ..Listen::default()
        });
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("inside:8080"));
        for (name, value) in sent {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let peer = Peer {
            address: SocketAddr::new(from.parse().unwrap(), 4711),
            ..Peer::default()
        };
        let peer = proxies.apply(peer, &mut headers)?;
        let host = headers[header::HOST].to_str().unwrap().to_owned();
        Ok((peer.address.ip().to_string(), peer.tls, host))
    }

    fn said(from: &str, sent: &[(&'static str, &'static str)]) -> (String, bool, String) {
        applied(ForwardedHeader::Either, from, sent).unwrap()
    }

    #[test]
    fn the_client_is_the_rightmost_address_that_is_no_trusted_proxys() {
        for (from, sent, client) in [
            ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", "127.0.0.1, 198.51.100.1", "198.51.100.1"),
            (
                "10.0.0.1",
                "127.0.0.1, 198.51.100.1, 10.9.9.9",
                "198.51.100.1",
            ),
            (
                "10.0.0.1",
                "198.51.100.1, 10.1.1.1, 192.0.2.7",
                "198.51.100.1",
            ),
            ("10.0.0.1", "10.1.1.1, 10.2.2.2", "10.1.1.1"),
            ("::1", "[2001:db8::1]:99", "2001:db8::1"),
            ("::ffff:10.0.0.1", "198.51.100.1:4000", "198.51.100.1"),
            ("10.0.0.1", "198.51.100.1, unknown", "0.0.0.0"),
            ("10.0.0.1", "198.51.100.1,", "0.0.0.0"),
            ("198.51.100.9", "127.0.0.1", "198.51.100.9"),
            ("11.0.0.1", "127.0.0.1", "11.0.0.1"),
        ] {
            assert_eq!(said(from, &[("x-forwarded-for", sent)]).0, client, "{sent}");
        }
        let lines = [
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-for", "198.51.100.1"),
        ];
        assert_eq!(said("10.0.0.1", &lines).0, "198.51.100.1");
        assert_eq!(said("10.0.0.1", &[]).0, "10.0.0.1");
    }

    #[test]
    fn scheme_and_host_are_those_of_the_outermost_trusted_proxy() {
        for (chain, protos, hosts, expected) in [
            (
                "198.51.100.1",
                "https",
                "pbx.example",
                (true, "pbx.example"),
            ),
            ("198.51.100.1", "http, https", "evil, pbx", (true, "pbx")),
            (
                "198.51.100.1, 10.0.0.2",
                "https, http",
                "pbx, inner",
                (true, "pbx"),
            ),
            ("198.51.100.1, 10.0.0.2", "https", "pbx", (true, "pbx")),
            ("198.51.100.1", "gopher", "a b\"<", (false, "inside:8080")),
        ] {
            let sent = [
                ("x-forwarded-for", chain),
                ("x-forwarded-proto", protos),
                ("x-forwarded-host", hosts),
            ];
            let (_, tls, host) = said("10.0.0.1", &sent);
            assert_eq!((tls, host.as_str()), expected, "{protos}");
            let (_, tls, host) = said("203.0.113.5", &sent);
            assert_eq!((tls, host.as_str()), (false, "inside:8080"), "a stranger");
        }
    }

    #[test]
    fn the_standard_header_says_the_same() {
        for (sent, expected) in [
            (
                "for=198.51.100.1;proto=https;host=pbx",
                ("198.51.100.1", true, "pbx"),
            ),
            (
                "for=127.0.0.1;proto=http;host=evil, For=\"198.51.100.1:80\";Proto=HTTPS;host=\"pbx:8443\"",
                ("198.51.100.1", true, "pbx:8443"),
            ),
            (
                "for=\"[2001:db8::1]\";proto=https;host=pbx, for=10.0.0.9;proto=http",
                ("2001:db8::1", true, "pbx"),
            ),
            ("for=_hidden;proto=https", ("0.0.0.0", true, "inside:8080")),
            (
                "for=\"a,b;for=127.0.0.1\"",
                ("0.0.0.0", false, "inside:8080"),
            ),
            ("proto=https", ("0.0.0.0", true, "inside:8080")),
        ] {
            let (address, tls, host) = said("10.0.0.1", &[("forwarded", sent)]);
            assert_eq!((address.as_str(), tls, host.as_str()), expected, "{sent}");
        }
    }

    #[test]
    fn two_kinds_of_header_that_contradict_each_other_are_refused() {
        let agreeing = [
            ("forwarded", "for=198.51.100.1"),
            ("x-forwarded-for", "198.51.100.1"),
        ];
        assert_eq!(said("10.0.0.1", &agreeing).0, "198.51.100.1");
        let other = [
            ("forwarded", "for=127.0.0.1"),
            ("x-forwarded-for", "198.51.100.1"),
        ];
        let applied = |header| applied(header, "10.0.0.1", &other);
        assert_eq!(applied(ForwardedHeader::Either), Err(Contradiction));
        let client = |header| applied(header).unwrap().0;
        assert_eq!(client(ForwardedHeader::XForwarded), "198.51.100.1");
        assert_eq!(client(ForwardedHeader::Forwarded), "127.0.0.1");
    }
}
