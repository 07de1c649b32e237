//! Who a client is, and what it may do with which destination. [openwire §7.2]

use super::names::{ADVISORY, Pattern, parts};
use super::{Broker, Link, refusal};
use cordboard_wire::openwire::{Destination, Text, Throwable};
use std::sync::Arc;

/// What stands for the user's name in a right.
const USER: &str = "{user}";

/// Who a client is.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// The user whose password it knew. Every message that it sends carries the name.
    pub user: Option<Text>,
    /// It is in this process: it may do everything, and has the command queue for itself.
    pub inside: bool,
    /// What it may do; `None`: everything that those outside may.
    pub rights: Option<Arc<Rights>>,
}

/// Who an id belongs to: ids of connections, clients and durable subscriptions are taken over by their owner only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Owner {
    /// This process. Its ids are never taken over from outside.
    Inside,
    /// A user whose password the client knew.
    User(Text),
    /// Clients without a user: all those at one address are one owner.
    Address(Text),
}

impl Owner {
    /// The owner that an identity stands for; `address` is the client's, with its port.
    pub(super) fn of(identity: &Identity, address: &str) -> Self {
        match (&identity.user, identity.inside) {
            (_, true) => Self::Inside,
            (Some(user), false) => Self::User(user.clone()),
            (None, false) => {
                let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
                Self::Address(host.into())
            }
        }
    }
}

/// What a user may do: lists of destinations, which may be patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    read: Vec<Pattern>,
    write: Vec<Pattern>,
    create: Vec<Pattern>,
}

/// What somebody wants to do with a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Read,
    Write,
    Create,
}

impl Act {
    fn words(self) -> &'static str {
        match self {
            Self::Read => "read from",
            Self::Write => "write to",
            Self::Create => "create",
        }
    }
}

impl Rights {
    /// The rights of a user by these lists: destinations with their prefix (`queue://`, `topic://`), patterns, `{user}` in place
    /// of the name. For a user whose name is no plain word of a destination's, whatever has `{user}` in it is left out: it could
    /// stand for somebody else's.
    pub fn new(user: &str, read: &[String], write: &[String], create: &[String]) -> Self {
        let is_word = !user.is_empty() && !user.contains(['.', '*', '>', ',', '?', '/', ':']);
        let patterns = |list: &[String]| {
            let meant = list.iter().filter(|text| is_word || !text.contains(USER));
            let destinations = meant
                .flat_map(|text| parts(&Destination::queue(text.replace(USER, user).as_str())));
            destinations.map(Pattern::of).collect()
        };
        Self {
            read: patterns(read),
            write: patterns(write),
            create: patterns(create),
        }
    }

    /// Returns `true` if a user with these rights may take from a destination. Commands are this process's alone.
    pub fn may_read(&self, name: &Destination) -> bool {
        self.allow(Act::Read, &Pattern::of(name.clone()))
    }

    /// Returns `true` if a user with these rights may send to a destination.
    pub fn may_write(&self, name: &Destination) -> bool {
        self.allow(Act::Write, &Pattern::of(name.clone()))
    }

    fn allow(&self, act: Act, wanted: &Pattern) -> bool {
        let list = match act {
            Act::Read => &self.read,
            Act::Write => &self.write,
            Act::Create => &self.create,
        };
        list.iter().any(|right| right.covers(wanted))
    }
}

impl Broker {
    /// Says who a client is; before it connects.
    pub fn identify(&mut self, link: Link, identity: Identity) {
        if let Some(peer) = self.peers.get_mut(&link) {
            peer.identity = identity;
        }
    }

    /// The owner of what a client brings.
    pub(super) fn owner(&self, link: Link) -> Option<Owner> {
        let peer = self.peers.get(&link)?;
        Some(Owner::of(&peer.identity, &peer.address))
    }

    pub(super) fn identity(&self, link: Link) -> Option<&Identity> {
        self.peers.get(&link).map(|peer| &peer.identity)
    }

    /// May a client do this with a destination, or with all that it stands for, if it is a pattern?
    pub(super) fn may(&self, link: Link, act: Act, name: &Destination) -> Result<(), Throwable> {
        let Some(identity) = self.identity(link) else {
            return Ok(());
        };
        let allowed = if identity.inside {
            true
        } else if (act == Act::Read && self.is_command_queue(name))
            || (act == Act::Write && is_advisory(name))
        {
            // Commands hold secrets, and clients act on what advisories say.
            false
        } else if name.kind.is_temporary() {
            // Whoever was told a temporary destination may answer to it; what comes is for its owner.
            let owner = self.temporaries.get(name).map(|(of, _)| *of);
            identity.rights.is_none() || act != Act::Read || owner == Some(link)
        } else {
            let rights = identity.rights.as_ref();
            rights.is_none_or(|rights| rights.allow(act, &Pattern::of(name.clone())))
        };
        match allowed {
            true => Ok(()),
            false => Err(refusal::not_authorised(
                identity.user.as_ref(),
                act.words(),
                name,
            )),
        }
    }

    /// Is this the queue that only this process may take from?
    pub(super) fn is_command_queue(&self, name: &Destination) -> bool {
        self.settings.command_queue.as_ref() == Some(name)
    }
}

fn is_advisory(name: &Destination) -> bool {
    let text = name.physical_name.as_ref().and_then(Text::as_str);
    !name.kind.is_queue() && text.is_some_and(|text| text.starts_with(ADVISORY))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(user: &str, right: &str, wanted: Destination) -> bool {
        let rights = Rights::new(user, &[right.to_owned()], &[], &[]);
        rights.allow(Act::Read, &Pattern::of(wanted))
    }

    #[test]
    fn a_right_covers_what_it_says_and_no_pattern_that_means_more() {
        let right = "topic://cc.{user}.>";
        for (wanted, expected) in [
            ("cc.ann.a", true),
            ("cc.ann", true),
            ("cc.ann.>", true),
            ("cc.ann.*.x", true),
            ("cc.bob.a", false),
            ("cc.>", false),
            (">", false),
            ("cc.*.a", false),
            ("*.ann.a", false),
        ] {
            assert_eq!(
                reads("ann", right, Destination::topic(wanted)),
                expected,
                "{wanted}"
            );
        }
        assert!(!reads("ann", right, Destination::queue("cc.ann.a")));
        assert!(!reads("ann", "topic://a.*", Destination::topic("a.>")));
        assert!(reads("ann", "topic://a.*", Destination::topic("a.*")));
        assert!(reads("ann", "topic://>", Destination::topic("a.*.>")));
    }

    #[test]
    fn a_name_that_is_no_word_stands_for_nobody() {
        for user in [">", "*", "a.b", "ann,topic://bob", ""] {
            let wanted = Destination::topic("cc.bob.x");
            assert!(!reads(user, "topic://cc.{user}.>", wanted), "{user}");
        }
        assert!(reads("a.b", "topic://all", Destination::topic("all")));
    }
}
