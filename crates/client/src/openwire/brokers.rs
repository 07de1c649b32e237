//! Where brokers are, in the words that JMS programs are configured with.

use super::Address;
use std::fmt;
use std::str::FromStr;

/// ActiveMQ's port, and the one with TLS.
const PORTS: (u16, u16) = (61_616, 61_617);
/// So many addresses are taken at most.
const ADDRESSES: usize = 32;

/// One broker, or several of which the next is tried when one cannot be reached.
///
/// Written as JMS programs have it: `tcp://amq1:61616`, `ssl://amq1:61617`, `failover:(tcp://amq1:61616,tcp://amq2:61616)`. What
/// follows a `?` is for Java's client and is passed over; a name alone means TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brokers {
    /// In the order in which they are tried.
    pub addresses: Vec<Address>,
    /// With TLS?
    pub tls: bool,
}

/// Why a text does not say where a broker is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBrokers {
    /// No address in it.
    #[error("no broker is named; write tcp://HOST:61616, ssl://HOST:61617 or failover:(…,…)")]
    None,
    /// A way to connect that is not known here.
    #[error("{0}:// is no way to a broker; tcp:// and ssl:// are")]
    Scheme(String),
    /// No name or address of a host, or no port, where one should stand.
    #[error("{0} is no broker's address; write tcp://HOST:61616")]
    Address(String),
    /// User and password belong elsewhere; they are not repeated.
    #[error("user and password do not belong into a broker's address; give them by themselves")]
    User,
    /// Some with TLS and some without.
    #[error("all brokers of a list are reached by tcp:// or all by ssl://")]
    Mixed,
    /// Too many.
    #[error("more than {ADDRESSES} brokers")]
    TooMany,
}

impl Default for Brokers {
    fn default() -> Self {
        Self {
            addresses: vec![Address {
                host: "127.0.0.1".to_owned(),
                port: PORTS.0,
            }],
            tls: false,
        }
    }
}

impl FromStr for Brokers {
    type Err = BadBrokers;

    fn from_str(text: &str) -> Result<Self, BadBrokers> {
        let text = text.trim();
        let list = match text.strip_prefix("failover:") {
            None => vec![text],
            Some(rest) => inside(rest.strip_prefix("//").unwrap_or(rest))?,
        };
        let mut tls = None;
        let mut addresses = Vec::new();
        for one in list {
            let (secure, address) = address(one.trim())?;
            if *tls.get_or_insert(secure) != secure {
                return Err(BadBrokers::Mixed);
            }
            addresses.push(address);
        }
        match tls {
            Some(tls) if addresses.len() <= ADDRESSES => Ok(Self { addresses, tls }),
            Some(_) => Err(BadBrokers::TooMany),
            None => Err(BadBrokers::None),
        }
    }
}

/// What stands between the brackets, if there are some.
fn inside(rest: &str) -> Result<Vec<&str>, BadBrokers> {
    let list = match rest.strip_prefix('(') {
        Some(rest) => rest.split_once(')').ok_or(BadBrokers::None)?.0,
        None => rest,
    };
    let all: Vec<_> = list
        .split(',')
        .filter(|one| !one.trim().is_empty())
        .collect();
    match all.is_empty() {
        true => Err(BadBrokers::None),
        false => Ok(all),
    }
}

fn address(text: &str) -> Result<(bool, Address), BadBrokers> {
    let text = text.split('?').next().unwrap_or_default();
    if text.contains('@') {
        return Err(BadBrokers::User);
    }
    if text.is_empty() {
        return Err(BadBrokers::None);
    }
    let (scheme, place) = text.split_once("://").unwrap_or(("tcp", text));
    let tls = match scheme.to_ascii_lowercase().as_str() {
        "tcp" | "nio" | "auto" => false,
        "ssl" | "nio+ssl" | "auto+ssl" => true,
        _ => return Err(BadBrokers::Scheme(scheme.to_owned())),
    };
    let bad = || BadBrokers::Address(text.to_owned());
    let place = place.strip_suffix('/').unwrap_or(place);
    let default = if tls { PORTS.1 } else { PORTS.0 };
    let port = |port: &str| port.parse().ok().filter(|port| *port != 0).ok_or_else(bad);
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or_else(bad)?;
            match rest.strip_prefix(':') {
                Some(number) => (host, port(number)?),
                None if rest.is_empty() => (host, default),
                None => return Err(bad()),
            }
        }
        None => match place.split_once(':') {
            Some((host, number)) => (host, port(number)?),
            None => (place, default),
        },
    };
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    match !host.is_empty() && host.chars().all(plain) {
        true => Ok((
            tls,
            Address {
                host: host.to_owned(),
                port,
            },
        )),
        false => Err(bad()),
    }
}

impl fmt::Display for Brokers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "ssl" } else { "tcp" };
        let each = self.addresses.iter();
        let each: Vec<String> = each
            .map(|address| format!("{scheme}://{address}"))
            .collect();
        match each.as_slice() {
            [one] => f.write_str(one),
            more => write!(f, "failover:({})", more.join(",")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_jms_programs_are_configured_with_is_understood() {
        for (text, meant) in [
            ("tcp://amq1:61616", "tcp://amq1:61616"),
            ("tcp://amq1", "tcp://amq1:61616"),
            (" localhost:7 ", "tcp://localhost:7"),
            (
                "tcp://amq1:61616?wireFormat.maxInactivityDuration=0",
                "tcp://amq1:61616",
            ),
            ("ssl://amq1", "ssl://amq1:61617"),
            ("nio+ssl://10.0.0.1:9/", "ssl://10.0.0.1:9"),
            ("tcp://[::1]:61616", "tcp://[::1]:61616"),
            ("failover:tcp://a:1", "tcp://a:1"),
            (
                "failover:(tcp://a:1, tcp://b:2?x=y)?randomize=false",
                "failover:(tcp://a:1,tcp://b:2)",
            ),
            (
                "failover://(ssl://a,ssl://b)",
                "failover:(ssl://a:61617,ssl://b:61617)",
            ),
        ] {
            let brokers: Brokers = text.parse().unwrap();
            assert_eq!(brokers.to_string(), meant, "{text}");
            assert_eq!(brokers.to_string().parse(), Ok(brokers));
        }
        assert_eq!(Brokers::default().to_string(), "tcp://127.0.0.1:61616");
    }

    #[test]
    fn what_is_no_brokers_address_is_refused_with_a_reason() {
        for (text, why) in [
            ("", BadBrokers::None),
            ("failover:()", BadBrokers::None),
            ("failover:(tcp://a:1", BadBrokers::None),
            ("http://a:1", BadBrokers::Scheme("http".into())),
            ("vm://localhost", BadBrokers::Scheme("vm".into())),
            ("failover:(tcp://a:1,ssl://b:2)", BadBrokers::Mixed),
            ("tcp://:1", BadBrokers::Address("tcp://:1".into())),
            ("tcp://a:0", BadBrokers::Address("tcp://a:0".into())),
            ("tcp://a:99999", BadBrokers::Address("tcp://a:99999".into())),
            ("tcp://u:p@a:1", BadBrokers::User),
            ("tcp://[::1]x", BadBrokers::Address("tcp://[::1]x".into())),
        ] {
            assert_eq!(text.parse::<Brokers>(), Err(why), "{text}");
        }
        let many = format!("failover:({})", "tcp://a:1,".repeat(ADDRESSES + 1));
        assert_eq!(many.parse::<Brokers>(), Err(BadBrokers::TooMany));
    }
}
