//! Which sign-on is verified next. A value without clock, thread or hash: [`super::auth`] computes what this hands out.
//!
//! Verifying a password takes a core for 20 ms, so under a flood the order decides who gets in. Turns go round three times:
//!
//! 1. Addresses that signed on before get three turns of four, strangers the fourth, as long as both wait.
//! 2. Within each of them the interfaces take turns: a flood on one leaves the others theirs.
//! 3. Within an interface the addresses take turns; of two with equal claims the one that signed on last goes first. One address
//!    gets its own sign-ons verified in the order in which they came.
//!
//! What waits is bounded, for an address and for an interface; beyond that a sign-on is refused at once. One that nobody waits for any more is
//! forgotten before it is computed. Sign-ons with one answer are one entry: it is computed once.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;

/// Maximum number of entries that wait for one address at one interface, if it never signed on; more are refused.
pub const STRANGER_SHARE: usize = 100;
/// Maximum number of entries that wait for all such addresses at one interface; more are refused.
pub const STRANGERS: usize = 1_000;
/// Maximum number of entries that wait for one address at one interface, if it signed on before; more are refused.
pub const KNOWN_SHARE: usize = 1_000;
/// Maximum number of entries that wait for all such addresses at one interface; more are refused.
pub const KNOWN: usize = 4_000;
/// Maximum number of addresses that are known; beyond, the one that signed on longest ago is forgotten.
pub const ADDRESSES: usize = 20_000;
/// Of this many turns strangers get one.
const STRANGERS_TURN: u64 = 4;

/// The interface that a sign-on comes in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Interface {
    /// WebDialer's SOAP services and pages.
    WebDialer,
    /// Extension Mobility.
    Mobility,
    /// The message broker.
    Broker,
    /// Logins of agents by messages.
    Cti,
}

impl Interface {
    /// Its word, for logs and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::WebDialer => "webdialer",
            Self::Mobility => "mobility",
            Self::Broker => "broker",
            Self::Cti => "cti",
        }
    }
}

/// The network that a sign-on comes from: an IPv4 address, or the /64 of an IPv6 address, of which one host has all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(IpAddr);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() & (u128::MAX << 64);
                Self(IpAddr::V6(network.into()))
            }
            address => Self(address),
        }
    }
}

/// What two sign-ons must have in common to have one answer.
pub type Key = [u8; 32];

/// No room is left for this sign-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// A sign-on that waits, to be found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    entry: u64,
    waiter: u64,
}

/// What is to be computed, and for whom.
#[derive(Debug)]
pub struct Turn<J, W> {
    /// What the sign-ons have in common.
    pub key: Key,
    /// What is to be computed.
    pub job: J,
    /// The sign-ons that wait for it, in the order in which they came.
    pub waiters: Vec<W>,
}

#[derive(Debug)]
struct Entry<J, W> {
    place: (Interface, Source),
    key: Key,
    job: J,
    waiters: Vec<(u64, W)>,
}

/// The entries of one address at one interface.
#[derive(Debug, Default)]
struct Share {
    waiting: VecDeque<u64>,
    next: u64,
}

/// The addresses that wait at one interface.
#[derive(Debug, Default)]
struct Lane {
    shares: BTreeMap<Source, Share>,
    /// The lane's own next turn, and the turn that its shares have come to; strangers first, known ones second.
    next: [u64; 2],
    clock: [u64; 2],
}

/// The sign-ons that wait.
#[derive(Debug)]
pub struct SignOnQueue<J, W> {
    entries: BTreeMap<u64, Entry<J, W>>,
    by_key: HashMap<(Interface, Source, Key), u64>,
    lanes: BTreeMap<Interface, Lane>,
    clock: [u64; 2],
    /// Addresses that signed on, and which sign-on that was.
    known: HashMap<Source, u64>,
    /// Counts entries, waiters and sign-ons.
    counter: u64,
    turns: u64,
}

impl<J, W> Default for SignOnQueue<J, W> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            by_key: HashMap::new(),
            lanes: BTreeMap::new(),
            clock: [0; 2],
            known: HashMap::new(),
            counter: 0,
            turns: 0,
        }
    }
}

impl<J, W> SignOnQueue<J, W> {
    /// Adds a sign-on. `job` is asked for only if no entry of the same address and interface has this key.
    ///
    /// # Errors
    /// [`Full`] if too many wait.
    pub fn enter(
        &mut self,
        interface: Interface,
        source: Source,
        key: Key,
        job: impl FnOnce() -> J,
        waiter: W,
    ) -> Result<Waiting, Full> {
        let number = self.count();
        if let Some(&entry) = self.by_key.get(&(interface, source, key))
            && let Some(found) = self.entries.get_mut(&entry)
        {
            found.waiters.push((number, waiter));
            return Ok(Waiting {
                entry,
                waiter: number,
            });
        }
        let (own, all) = match self.is_known(source) {
            true => (KNOWN_SHARE, KNOWN),
            false => (STRANGER_SHARE, STRANGERS),
        };
        let lane = self.lanes.get(&interface);
        let share = lane.and_then(|lane| lane.shares.get(&source));
        let waits = share.map_or(0, |share| share.waiting.len());
        let all_wait = lane.map_or(0, |lane| self.waiting_in(lane, self.is_known(source)));
        if waits >= own || all_wait >= all {
            return Err(Full);
        }
        self.entries.insert(
            number,
            Entry {
                place: (interface, source),
                key,
                job: job(),
                waiters: vec![(number, waiter)],
            },
        );
        self.by_key.insert((interface, source, key), number);
        let lane = self.lanes.entry(interface).or_default();
        let share = lane.shares.entry(source).or_default();
        share.waiting.push_back(number);
        Ok(Waiting {
            entry: number,
            waiter: number,
        })
    }

    /// Forgets a sign-on that nobody waits for any more. Returns `false` if it had its turn already.
    pub fn leave(&mut self, waiting: Waiting) -> bool {
        let Some(entry) = self.entries.get_mut(&waiting.entry) else {
            return false;
        };
        entry
            .waiters
            .retain(|(number, _)| *number != waiting.waiter);
        if entry.waiters.is_empty() {
            self.remove(waiting.entry);
        }
        true
    }

    /// Takes out what is to be computed next.
    pub fn take_turn(&mut self) -> Option<Turn<J, W>> {
        let strangers = self.waits(false);
        let known = self.waits(true);
        let class = match (strangers, known) {
            (false, false) => return None,
            (true, false) => false,
            (false, true) => true,
            (true, true) => {
                self.turns += 1;
                !self.turns.is_multiple_of(STRANGERS_TURN)
            }
        };
        let number = self.turn_of(class)?;
        let entry = self.remove(number)?;
        Some(Turn {
            key: entry.key,
            job: entry.job,
            waiters: entry
                .waiters
                .into_iter()
                .map(|(_, waiter)| waiter)
                .collect(),
        })
    }

    /// Remembers that an address has signed on.
    pub fn signed_on(&mut self, source: Source) {
        let number = self.count();
        if self.known.len() >= ADDRESSES && !self.known.contains_key(&source) {
            let oldest = self.known.iter().min_by_key(|(_, number)| **number);
            if let Some(oldest) = oldest.map(|(source, _)| *source) {
                self.known.remove(&oldest);
            }
        }
        self.known.insert(source, number);
    }

    /// Number of entries that wait.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns `true` if nothing waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry whose turn it is among known addresses or among strangers.
    fn turn_of(&mut self, class: bool) -> Option<u64> {
        let at = usize::from(class);
        let (known, clock) = (&self.known, self.clock[at]);
        let is_of = |source: &Source| known.contains_key(source) == class;
        let lanes = self.lanes.iter_mut().filter_map(|(_, lane)| {
            let shares = lane.shares.iter().filter(|(source, _)| is_of(source));
            let first = shares
                .filter_map(|(_, share)| share.waiting.front())
                .min()?;
            Some((lane.next[at].max(clock), *first, lane))
        });
        let (turn, _, lane) = lanes.min_by_key(|(turn, first, _)| (*turn, *first))?;
        self.clock[at] = turn;
        lane.next[at] = turn + 1;
        let clock = lane.clock[at];
        let shares = lane.shares.iter_mut().filter(|(source, _)| is_of(source));
        let shares = shares.filter_map(|(source, share)| {
            let first = *share.waiting.front()?;
            let newest = Reverse(known.get(source).copied());
            Some(((share.next.max(clock), newest, first), share))
        });
        let ((turn, _, first), share) = shares.min_by_key(|(claim, _)| *claim)?;
        share.next = turn + 1;
        lane.clock[at] = turn;
        Some(first)
    }

    fn remove(&mut self, number: u64) -> Option<Entry<J, W>> {
        let entry = self.entries.remove(&number)?;
        let (interface, source) = entry.place;
        self.by_key.remove(&(interface, source, entry.key));
        if let Some(lane) = self.lanes.get_mut(&interface)
            && let Some(share) = lane.shares.get_mut(&source)
        {
            share.waiting.retain(|&waiting| waiting != number);
            if share.waiting.is_empty() {
                lane.shares.remove(&source);
            }
        }
        Some(entry)
    }

    fn is_known(&self, source: Source) -> bool {
        self.known.contains_key(&source)
    }

    /// Number of entries that wait in a lane for known addresses or for strangers.
    fn waiting_in(&self, lane: &Lane, class: bool) -> usize {
        let shares = lane.shares.iter();
        let of_class = shares.filter(|(source, _)| self.is_known(**source) == class);
        of_class.map(|(_, share)| share.waiting.len()).sum()
    }

    /// Returns `true` if anything waits for known addresses or for strangers.
    fn waits(&self, class: bool) -> bool {
        let mut sources = self.lanes.values().flat_map(|lane| lane.shares.keys());
        sources.any(|source| self.is_known(*source) == class)
    }

    fn count(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Queue = SignOnQueue<(), &'static str>;

    fn source(last: u8) -> Source {
        IpAddr::from([10, 0, 0, last]).into()
    }

    fn key(number: usize) -> Key {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_le_bytes());
        key
    }

    /// Adds this many different sign-ons.
    fn flood(queue: &mut Queue, count: usize, interface: Interface, from: u8) {
        for number in 0..count {
            let entered = queue.enter(interface, source(from), key(number), || (), "flood");
            assert!(entered.is_ok(), "{number}");
        }
    }

    fn enter(queue: &mut Queue, interface: Interface, from: u8, who: &'static str) -> Waiting {
        let key = key(1_000_000 + usize::from(from));
        queue
            .enter(interface, source(from), key, || (), who)
            .unwrap()
    }

    /// Number of turns until this one has had its turn.
    fn turns_until(queue: &mut Queue, who: &str) -> usize {
        (1..)
            .find(|_| queue.take_turn().unwrap().waiters.contains(&who))
            .unwrap()
    }

    #[test]
    fn a_flood_at_one_interface_leaves_the_others_their_turns() {
        for addresses in [1, 50] {
            let mut queue = Queue::default();
            for from in 0..addresses {
                flood(&mut queue, 20, Interface::Mobility, from);
            }
            queue.take_turn();
            // From the very address of the flood.
            enter(&mut queue, Interface::WebDialer, 0, "soap");
            enter(&mut queue, Interface::Broker, 0, "broker");
            assert!(turns_until(&mut queue, "soap") <= 3);
            assert!(turns_until(&mut queue, "broker") <= 3);
        }
    }

    #[test]
    fn a_flood_from_one_address_leaves_the_others_their_turns() {
        let mut queue = Queue::default();
        flood(&mut queue, STRANGER_SHARE, Interface::WebDialer, 1);
        queue.take_turn();
        enter(&mut queue, Interface::WebDialer, 2, "other");
        assert!(turns_until(&mut queue, "other") <= 2);
    }

    #[test]
    fn an_address_that_signed_on_before_goes_first_and_the_latest_of_them_before_the_others() {
        let mut queue = Queue::default();
        queue.signed_on(source(2));
        queue.signed_on(source(3));
        for from in 10..60 {
            flood(&mut queue, 10, Interface::WebDialer, from);
        }
        enter(&mut queue, Interface::WebDialer, 2, "earlier");
        enter(&mut queue, Interface::WebDialer, 3, "latest");
        assert_eq!(turns_until(&mut queue, "latest"), 1);
        assert_eq!(turns_until(&mut queue, "earlier"), 1);
    }

    #[test]
    fn a_known_address_that_floods_keeps_neither_strangers_nor_other_known_ones_out() {
        let mut queue = Queue::default();
        queue.signed_on(source(2));
        queue.signed_on(source(1));
        flood(&mut queue, KNOWN_SHARE, Interface::WebDialer, 1);
        queue.take_turn();
        enter(&mut queue, Interface::WebDialer, 2, "known");
        enter(&mut queue, Interface::WebDialer, 3, "stranger");
        let mut first = Vec::new();
        for _ in 0..5 {
            first.extend(queue.take_turn().unwrap().waiters);
        }
        assert!(first.contains(&"known"), "{first:?}");
        assert!(first.contains(&"stranger"), "{first:?}");
    }

    #[test]
    fn an_address_that_waits_all_the_time_has_no_claim_on_one_that_comes_late() {
        let mut queue = Queue::default();
        flood(&mut queue, 50, Interface::WebDialer, 1);
        for _ in 0..40 {
            queue.take_turn();
        }
        flood(&mut queue, 50, Interface::WebDialer, 2);
        flood(&mut queue, 5, Interface::Broker, 1);
        // Neither the address nor the interface that was idle makes up for the turns before it came.
        let mut of = BTreeMap::<_, usize>::new();
        for _ in 0..12 {
            let number = queue.turn_of(false).unwrap();
            *of.entry(queue.remove(number).unwrap().place).or_default() += 1;
        }
        let turns: Vec<usize> = of.into_values().collect();
        assert_eq!(turns, [3, 4, 5]);
    }

    #[test]
    fn beyond_the_bounds_strangers_are_refused_at_once_and_known_addresses_are_not() {
        let mut queue = Queue::default();
        let add = |queue: &mut Queue, number, from| {
            queue.enter(Interface::Mobility, source(from), key(number), || (), "x")
        };
        flood(&mut queue, STRANGER_SHARE, Interface::Mobility, 0);
        assert_eq!(add(&mut queue, 5_000, 0), Err(Full));
        for from in 1..10 {
            flood(&mut queue, STRANGER_SHARE, Interface::Mobility, from);
        }
        assert_eq!(queue.len(), STRANGERS);
        assert_eq!(add(&mut queue, 0, 77), Err(Full));
        let elsewhere = queue.enter(Interface::Cti, source(77), key(0), || (), "x");
        assert!(elsewhere.is_ok(), "another interface has room of its own");
        queue.signed_on(source(77));
        assert!(add(&mut queue, 0, 77).is_ok());
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_never_handed_out() {
        let mut queue = Queue::default();
        let gone = enter(&mut queue, Interface::Mobility, 1, "gone");
        let one = enter(&mut queue, Interface::Mobility, 2, "one");
        enter(&mut queue, Interface::Mobility, 2, "another");
        assert!(queue.leave(gone));
        assert!(queue.leave(one));
        let turn = queue.take_turn().unwrap();
        assert_eq!(turn.waiters, ["another"]);
        assert!(queue.take_turn().is_none());
        assert!(!queue.leave(one), "it had its turn");
        let left = (
            queue.is_empty(),
            queue.by_key.len(),
            queue.lanes[&Interface::Mobility].shares.len(),
        );
        assert_eq!(left, (true, 0, 0));
    }

    #[test]
    fn sign_ons_with_one_answer_are_computed_once() {
        let mut queue = Queue::default();
        enter(&mut queue, Interface::WebDialer, 1, "one");
        enter(&mut queue, Interface::WebDialer, 1, "two");
        assert_eq!(queue.len(), 1);
        assert_eq!(queue.take_turn().unwrap().waiters, ["one", "two"]);
    }

    #[test]
    fn the_host_parts_of_an_ipv6_network_are_one_source() {
        let source = |text: &str| Source::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:10.0.0.1"), source("10.0.0.1"));
        assert_ne!(source("10.0.0.1"), source("10.0.0.2"));
    }

    /// Whatever happens, an entry is handed out once, to those who wait for it, and nothing is left behind.
    #[test]
    fn in_every_order_of_coming_and_leaving_nothing_is_lost_or_kept() {
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut queue = SignOnQueue::<u64, u64>::default();
            let mut waiting: BTreeMap<u64, Waiting> = BTreeMap::new();
            for who in 0..400_u64 {
                match random.u8(0..10) {
                    0..6 => {
                        let interface =
                            [Interface::Mobility, Interface::Broker][random.usize(0..2)];
                        let key = key(random.usize(0..5));
                        let from = source(random.u8(0..4));
                        if let Ok(place) = queue.enter(interface, from, key, || who, who) {
                            waiting.insert(who, place);
                        }
                    }
                    6 => queue.signed_on(source(random.u8(0..4))),
                    7 => {
                        let gone = waiting.keys().nth(random.usize(0..waiting.len().max(1)));
                        if let Some(gone) = gone.copied() {
                            assert!(queue.leave(waiting[&gone]), "seed {seed}");
                            waiting.remove(&gone);
                        }
                    }
                    _ => {
                        for served in queue
                            .take_turn()
                            .map(|turn| turn.waiters)
                            .unwrap_or_default()
                        {
                            assert!(waiting.remove(&served).is_some(), "seed {seed}: {served}");
                        }
                    }
                }
            }
            while let Some(turn) = queue.take_turn() {
                assert!(!turn.waiters.is_empty());
                for served in turn.waiters {
                    assert!(waiting.remove(&served).is_some(), "seed {seed}: {served}");
                }
            }
            assert!(waiting.is_empty(), "seed {seed}: {waiting:?}");
            assert!(queue.is_empty() && queue.by_key.is_empty());
        }
    }
}
