//! A whole exchange on a driver with a clock that the holder moves: for tests, and for nothing else.

use crate::Driver;
use cordboard_core::directory::{Builder, Device, Directory, EndUser, Protocol};
use cordboard_core::exchange::{
    Action, Actor, Command, Event, EventKind, Input, LineWish, Output, Record, Reply, Settings,
    Whose,
};
use cordboard_core::ids::{CallId, DeviceName, DirectoryNumber, Ticket, UserId};
use cordboard_core::{Exchange, Instant, Now, Refusal, Wall};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Where every rig's clock starts.
pub const START: Now = Now {
    instant: Instant(0),
    wall: Wall(1_700_000_000_000),
};

/// An exchange and its network, stepped by hand.
#[derive(Debug)]
pub struct Rig<D> {
    /// The exchange.
    pub exchange: Exchange,
    /// Its network.
    pub network: D,
    /// The time.
    pub now: Now,
    /// Everything published so far.
    pub events: Vec<Event>,
    /// Everything answered so far.
    pub answers: BTreeMap<Ticket, Result<Reply, Refusal>>,
    /// Everything saved so far.
    pub saves: Vec<Record>,
    /// Every output in order, as it was released.
    pub outputs: Vec<Output>,
    /// While it is set nothing can be stored; facts of the network are stored when it is over.
    pub store_refuses: bool,
    /// While it is set every input is handled, taken back and handled again, which must come to the same.
    pub doubts: bool,
    late: Vec<Record>,
    tickets: u64,
}

impl<D: Driver> Rig<D> {
    /// A rig whose network has come up.
    pub fn new(settings: Settings, directory: Directory, network: D) -> Self {
        let mut rig = Self {
            exchange: Exchange::new(settings, Arc::new(directory)),
            network,
            now: START,
            events: Vec::new(),
            answers: BTreeMap::new(),
            saves: Vec::new(),
            outputs: Vec::new(),
            store_refuses: false,
            doubts: false,
            late: Vec::new(),
            tickets: 0,
        };
        rig.settle();
        rig.events.clear();
        rig
    }

    /// Hands an input in and everything that comes out where it belongs, until nothing is left to do at this instant.
    pub fn input(&mut self, input: Input) {
        self.step(input);
        self.settle();
    }

    /// Gives a command without waiting for what it leads to.
    pub fn ask(&mut self, actor: Actor, interface: &'static str, action: Action) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.input(Input::Command(
            ticket,
            Command {
                actor,
                interface,
                action,
            },
        ));
        ticket
    }

    /// Gives a command as an operator and returns its answer; the network must answer at this instant.
    ///
    /// # Errors
    /// What the exchange refused, or `NetworkSilent` when there is no answer yet.
    pub fn does(&mut self, action: Action) -> Result<Reply, Refusal> {
        let ticket = self.ask(Actor::Operator, "api", action);
        self.answers
            .get(&ticket)
            .cloned()
            .unwrap_or(Err(Refusal::NetworkSilent))
    }

    /// Places a call from a device's first line.
    ///
    /// # Errors
    /// As [`Self::does`].
    pub fn call(&mut self, device: &str, to: &str) -> Result<CallId, Refusal> {
        let action = Action::MakeCall {
            user: None,
            device: device.into(),
            line: LineWish::First,
            to: to.to_owned(),
        };
        match self.does(action)? {
            Reply::Call(call) => Ok(call.id),
            _ => Err(Refusal::NoSuchCall),
        }
    }

    /// Moves the clock, firing what is due in order.
    pub fn advance(&mut self, by: Duration) {
        let target = self.now.later(by);
        loop {
            let next = [
                self.exchange.next_deadline(self.now),
                self.network.next_deadline(),
            ]
            .into_iter()
            .flatten()
            .min();
            match next.filter(|&at| at <= target.instant) {
                Some(at) => {
                    let at = at.max(self.now.instant);
                    self.now = self.now.later(at - self.now.instant);
                    self.input(Input::Deadline);
                }
                None => break,
            }
        }
        self.now = target;
        self.settle();
    }

    /// The events since the last time, in words: `kind`, or for parts `number state others`.
    pub fn heard(&mut self) -> Vec<String> {
        self.events
            .drain(..)
            .map(|event| describe(&event))
            .collect()
    }

    fn settle(&mut self) {
        while let Some(event) = self.network.poll(self.now.instant) {
            self.step(Input::Driver(event));
        }
    }

    /// One input as one transaction, with a store that may refuse it.
    fn step(&mut self, input: Input) {
        let told = input.clone();
        self.exchange.handle(input.clone(), self.now);
        let mut outputs = self.drain();
        if self.doubts {
            self.exchange.handle(Input::Undo, self.now);
            assert_eq!(self.drain(), [], "taken back: {input:?}");
            self.exchange.handle(input.clone(), self.now);
            let again = self.drain();
            assert_eq!(outputs, again, "taken back and done again: {input:?}");
            outputs = again;
        }
        let is_save = |output: &Output| matches!(output, Output::Save(_));
        if self.store_refuses && outputs.iter().any(is_save) {
            self.exchange
                .handle(Input::StoreFailed(Box::new(input)), self.now);
            outputs = self.drain();
            let promised = |o: &Output| matches!(o, Output::Answer(_, Ok(_)));
            assert!(
                !outputs.iter().any(promised),
                "promised, though it is not stored: {outputs:?}"
            );
        }
        self.exchange.handle(Input::Stored, self.now);
        if let Some(contradiction) = self.exchange.contradiction() {
            panic!("{contradiction}, after {told:?} and then {outputs:?}");
        }
        if !self.store_refuses {
            self.saves.append(&mut self.late);
        }
        for output in outputs {
            self.outputs.push(output.clone());
            match output {
                Output::Driver(command) => self.network.send(command, self.now.instant),
                Output::Event(event) => self.events.push(event),
                Output::Save(record) if self.store_refuses => self.late.push(record),
                Output::Save(record) => self.saves.push(record),
                Output::Answer(ticket, answer) => {
                    let twice = self.answers.insert(ticket, answer);
                    assert!(twice.is_none(), "{ticket:?} was answered twice");
                }
            }
        }
    }

    fn drain(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.exchange.poll()).collect()
    }
}

/// A device's part in a call.
pub fn whose(call: &CallId, device: &str) -> Whose {
    Whose {
        call: call.clone(),
        device: device.into(),
    }
}

/// One event in words.
pub fn describe(event: &Event) -> String {
    match &event.kind {
        EventKind::CallCreated { call } => format!("{call} created"),
        EventKind::Part(part) => {
            let others: Vec<&str> = part.others.iter().map(|n| n.digits.as_str()).collect();
            format!(
                "{} {} {} [{}]",
                part.call,
                part.number.digits,
                part.state,
                others.join(",")
            )
        }
        EventKind::CallEnded {
            call,
            cause,
            merged_into,
        } => match merged_into {
            None => format!("{call} ended {}", cause.class.as_str()),
            Some(into) => format!("{call} ended {} into {into}", cause.class.as_str()),
        },
        EventKind::DeviceUp(device) => format!("{device} up"),
        EventKind::DeviceDown(device) => format!("{device} down"),
        EventKind::MobilityLogin(login) => format!("{} at {}", login.user, login.device),
        EventKind::MobilityLogout(ended) => {
            let login = &ended.login;
            format!("{} off {} {}", login.user, login.device, ended.how.as_str())
        }
        EventKind::MobilityTakeover(change) => {
            let takeover = &change.takeover;
            format!(
                "{} takes {} {}",
                takeover.user,
                takeover.device,
                change.state()
            )
        }
        EventKind::NetworkUp
        | EventKind::NetworkDown
        | EventKind::DirectoryChanged
        | EventKind::Reset => event.kind.as_str().to_owned(),
    }
}

/// A directory of phones: (device, owner, lines).
///
/// # Panics
/// When the phones do not fit together.
pub fn phones(phones: &[(&str, &str, &[&str])]) -> Directory {
    phone_list(phones)
        .build()
        .expect("the phones of a test fit together")
}

/// The same, for more to be added.
pub fn phone_list(phones: &[(&str, &str, &[&str])]) -> Builder {
    let mut builder = Builder::default();
    for (name, owner, lines) in phones {
        let owner = UserId::from(*owner);
        if !builder.users.iter().any(|u| u.id == owner) {
            builder.users.push(EndUser {
                id: owner.clone(),
                first_name: String::new(),
                last_name: String::new(),
                devices: Vec::new(),
                profiles: Vec::new(),
                primary_line: None,
                rights: Vec::new(),
                password_hash: None,
                pin_hash: None,
                credential: Default::default(),
                home_cluster: true,
                max_login_minutes: None,
            });
        }
        builder.devices.push(Device {
            name: DeviceName::from(*name),
            model: "Cisco 8845".to_owned(),
            protocol: Protocol::Sip,
            description: String::new(),
            owner: Some(owner),
            address: None,
            lines: lines
                .iter()
                .map(|digits| DirectoryNumber::bare(*digits))
                .collect(),
            em_enabled: false,
        });
    }
    builder
}
