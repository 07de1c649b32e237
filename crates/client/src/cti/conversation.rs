//! What a client says to the connector, when, and what the answers mean. No I/O; the time is handed in. [cti §2.5, §7.1]
//!
//! ```text
//!           joined                 IN_SERVICE
//!   Away ───────────▶ Greeting ─────────────────▶ InService
//!    ▲                   │  ▲ Hello every 3 s        │  Beat every 30 s
//!    │ lost              ▼  │                        │
//!    └────────────── OutOfService ◀──────────────────┘
//!                        OUT_OF_SERVICE
//! ```

use super::{Ask, CommandError, Heard, Model, Standing, Timing};
use cordboard_wire::cti::{
    AgentId, AgentState, ClientDestination, Command, ErrorCode, Event, Format, Login, NetworkState,
    Received, Verb,
};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use tokio::time::Instant;

/// So many commands may wait for their answers; one more is refused.
const WAITING: usize = 1_000;

/// So many agents are being logged in again at a time; the next follows when one is answered.
const LOGINS: usize = 20;

/// A command to be sent, with its JMSCorrelationID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Saying {
    pub(super) command: Command,
    pub(super) correlation: String,
}

/// How an agent stands whom we want to watch.
#[derive(Debug)]
struct Attendance {
    login: Login,
    logged_in: bool,
    /// The connector was busy: not before this.
    not_before: Option<Instant>,
}

/// A command that waits for its answer.
#[derive(Debug)]
struct Waiting<T> {
    command: Command,
    until: Instant,
    /// Who waits; `None` where it is ourselves.
    ticket: Option<T>,
}

/// The client's side. `T` is what the owner knows a waiting caller by.
#[derive(Debug)]
pub(super) struct Conversation<T> {
    topic: ClientDestination,
    format: Option<Format>,
    timing: Timing,
    /// Tells our correlation ids from those of others on the same topic.
    prefix: String,
    number: u64,
    standing: Standing,
    hello_at: Option<Instant>,
    beat_at: Option<Instant>,
    wanted: BTreeMap<AgentId, Attendance>,
    waiting: HashMap<String, Waiting<T>>,
    model: Model,
    sayings: VecDeque<Saying>,
    answers: VecDeque<(T, Result<Arc<Heard>, CommandError>)>,
}

impl<T> Conversation<T> {
    pub(super) fn new(
        topic: ClientDestination,
        format: Option<Format>,
        timing: Timing,
        prefix: String,
    ) -> Self {
        Self {
            topic,
            format,
            timing,
            prefix,
            number: 0,
            standing: Standing::Away,
            hello_at: None,
            beat_at: None,
            wanted: BTreeMap::new(),
            waiting: HashMap::new(),
            model: Model::default(),
            sayings: VecDeque::new(),
            answers: VecDeque::new(),
        }
    }

    pub(super) fn standing(&self) -> Standing {
        self.standing
    }

    pub(super) fn model(&self) -> &Model {
        &self.model
    }

    /// The broker has us, and our topic is listened to: only now something is said.
    pub(super) fn joined(&mut self, now: Instant) {
        self.standing = Standing::Greeting;
        self.hello(now);
    }

    /// The broker is gone. What came of commands that were not answered is not known.
    pub(super) fn lost(&mut self) {
        self.standing = Standing::Away;
        (self.hello_at, self.beat_at) = (None, None);
        self.sayings.clear();
        self.model.network = None;
        for attendance in self.wanted.values_mut() {
            attendance.logged_in = false;
            attendance.not_before = None;
        }
        for (_, waiting) in self.waiting.drain() {
            let answer = waiting
                .ticket
                .map(|ticket| (ticket, Err(CommandError::Lost)));
            self.answers.extend(answer);
        }
    }

    /// Somebody wants a command carried out.
    pub(super) fn ask(&mut self, Ask { command, ticket }: Ask<T>, now: Instant) {
        if self.standing == Standing::Away {
            self.answers.push_back((ticket, Err(CommandError::Away)));
        } else if self.waiting.len() >= WAITING {
            self.answers.push_back((ticket, Err(CommandError::TooMany)));
        } else {
            self.put(command, Some(ticket), now);
        }
    }

    /// A message came on our topic.
    pub(super) fn heard(&mut self, heard: Arc<Heard>, now: Instant) {
        let answered = heard.correlation.as_ref();
        let answered = answered.and_then(|id| self.waiting.remove(id));
        if let Some(waiting) = &answered
            && matches!(waiting.command.verb(), Verb::Login | Verb::GetState)
            && let Some(agent) = waiting.command.agent()
            && matches!(
                &heard.received,
                Received::Known(Event::AgentInfo(_) | Event::AgentState(_), _)
            )
        {
            self.model.begin_snapshot(agent);
        }
        if let Received::Known(event, _) = &heard.received {
            self.model.fold(event);
            self.meant(event, now);
        }
        if let Some(waiting) = answered {
            self.answered(waiting, heard, now);
        }
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let waiting = self.waiting.values().map(|waiting| waiting.until);
        let others = [self.hello_at, self.beat_at].into_iter().flatten();
        let logins = self.wanted.values().filter_map(|a| a.not_before);
        let logins = logins.filter(|_| self.standing == Standing::InService);
        waiting.chain(others).chain(logins).min()
    }

    /// Does what is due.
    pub(super) fn due(&mut self, now: Instant) {
        let late = self.waiting.extract_if(|_, waiting| waiting.until <= now);
        let late: Vec<_> = late.map(|(_, waiting)| waiting).collect();
        for waiting in late {
            let error = CommandError::NoAnswer(self.timing.answer);
            match waiting.ticket {
                Some(ticket) => self.answers.push_back((ticket, Err(error))),
                // Our own login: nobody is there, until a Hello is answered.
                None => self.standing = Standing::Greeting,
            }
        }
        if self.standing == Standing::Greeting && self.hello_at.is_none() {
            self.hello_at = Some(now);
        }
        if self.hello_at.is_some_and(|at| at <= now) {
            self.hello(now);
        }
        if self.standing == Standing::InService {
            self.log_in_again(now);
        }
        if self.beat_at.is_some_and(|at| at <= now) {
            self.beat_at = Some(now + self.timing.beat);
            let destination = self.topic.clone();
            self.say(Command::Beat { destination });
        }
    }

    pub(super) fn poll_saying(&mut self) -> Option<Saying> {
        self.sayings.pop_front()
    }

    pub(super) fn poll_answer(&mut self) -> Option<(T, Result<Arc<Heard>, CommandError>)> {
        self.answers.pop_front()
    }

    fn hello(&mut self, now: Instant) {
        self.hello_at = Some(now + self.timing.hello);
        self.say(Command::Hello {
            destination: self.topic.clone(),
            format: self.format,
        });
    }

    /// What an event means for what we say next.
    fn meant(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Network(NetworkState::InService) => {
                self.standing = Standing::InService;
                self.hello_at = None;
                self.log_in_again(now);
            }
            Event::Network(NetworkState::OutOfService) => {
                self.standing = Standing::OutOfService;
                self.beat_at = None;
                self.hello_at.get_or_insert(now + self.timing.hello);
            }
            // By us, or because another client took him over: it is not fought about.
            Event::AgentState(report) if report.state == AgentState::Logout => {
                self.wanted.remove(&report.agent);
                self.mind_beat(now);
            }
            Event::AgentState(_)
            | Event::Terminal(_)
            | Event::AgentInfo(_)
            | Event::DialogState(_)
            | Event::InboundCall(_)
            | Event::Error(_) => {}
        }
    }

    fn answered(&mut self, waiting: Waiting<T>, heard: Arc<Heard>, now: Instant) {
        let Waiting {
            command, ticket, ..
        } = waiting;
        let answer = match &heard.received {
            Received::Known(Event::Error(report), _) => Err(CommandError::Refused {
                code: report.code.clone(),
                message: report.message.clone(),
                heard,
            }),
            Received::Known(Event::Network(NetworkState::OutOfService), _)
                if !matches!(command.verb(), Verb::Hello | Verb::Beat) =>
            {
                Err(CommandError::OutOfService)
            }
            Received::Known(..) | Received::Raw(_) => Ok(heard),
        };
        if let Command::Login(login) = command {
            let agent = login.agent().clone();
            match &answer {
                Ok(_) => {
                    let attendance = Attendance {
                        login,
                        logged_in: true,
                        not_before: None,
                    };
                    self.wanted.insert(agent, attendance);
                }
                // It will be tried again when the network is back, if we wanted it before.
                Err(CommandError::OutOfService) => {}
                // A connector that gets more commands than it takes says so; we were welcome before.
                Err(CommandError::Refused { code, .. }) if *code == ErrorCode::PleaseRetry => {
                    if let Some(attendance) = self.wanted.get_mut(&agent) {
                        attendance.not_before = Some(now + self.timing.hello);
                    }
                }
                Err(_) => {
                    self.wanted.remove(&agent);
                }
            }
            if self.standing == Standing::InService {
                self.log_in_again(now);
            }
        }
        self.mind_beat(now);
        self.answers.extend(ticket.map(|ticket| (ticket, answer)));
    }

    /// Those whom we want to watch and do not, some at a time.
    fn log_in_again(&mut self, now: Instant) {
        let under_way = self.waiting.values().filter_map(|waiting| {
            let command = &waiting.command;
            command.agent().filter(|_| command.verb() == Verb::Login)
        });
        let under_way: HashSet<AgentId> = under_way.cloned().collect();
        let missing = self.wanted.iter_mut();
        let missing: Vec<Login> = missing
            .filter(|(agent, attendance)| {
                let due = attendance.not_before.is_none_or(|at| at <= now);
                !attendance.logged_in && due && !under_way.contains(*agent)
            })
            .take(LOGINS.saturating_sub(under_way.len()))
            .map(|(_, attendance)| {
                attendance.not_before = None;
                attendance.login.clone()
            })
            .collect();
        for login in missing {
            self.put(Command::Login(login), None, now);
        }
        self.mind_beat(now);
    }

    /// A Beat is said while somebody is logged in.
    fn mind_beat(&mut self, now: Instant) {
        let beats = self.standing == Standing::InService
            && self.wanted.values().any(|attendance| attendance.logged_in);
        match beats {
            true => {
                self.beat_at.get_or_insert(now + self.timing.beat);
            }
            false => self.beat_at = None,
        }
    }

    fn put(&mut self, command: Command, ticket: Option<T>, now: Instant) {
        let correlation = self.say(command.clone());
        let until = now + self.timing.answer;
        let waiting = Waiting {
            command,
            until,
            ticket,
        };
        self.waiting.insert(correlation, waiting);
    }

    fn say(&mut self, command: Command) -> String {
        self.number += 1;
        let correlation = format!("{}-{}", self.prefix, self.number);
        self.sayings.push_back(Saying {
            command,
            correlation: correlation.clone(),
        });
        correlation
    }
}

#[cfg(test)]
mod tests;
