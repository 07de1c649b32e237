//! Counters, gathered beside the code, rendered here. Names are `cordboard_<area>_<what>_<unit>`.

use crate::openwire;
use cordboard_core::exchange::Counts;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// All counters of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// HTTP requests on any listener.
    pub http_requests: Counter,
    /// Connections closed at the door.
    pub connections_refused: Counter,
    /// Requests that ended in a panic.
    pub panics: Counter,
    /// Sign-ons on all interfaces.
    pub sign_ons: SignOns,
    /// WebDialer's.
    pub webdialer: WebDialer,
    /// Extension Mobility's.
    pub mobility: Mobility,
    /// CTI's.
    pub cti: Cti,
    /// The broker's.
    pub openwire: openwire::Counts,
    calls: Gauge,
    legs: Gauge,
    strays: Gauge,
    network: Gauge,
}

/// Counters of sign-ons, on all interfaces.
#[derive(Clone, Debug, Default)]
pub struct SignOns {
    /// Password hashes computed.
    pub hashes: Counter,
    outcomes: Family<SignOn, Counter>,
    /// Lock-outs that began.
    pub lock_outs: Counter,
    tokens: Family<Token, Counter>,
    /// Sign-ons that wait for their turn.
    pub waiting: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SignOn {
    interface: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Token {
    kind: &'static str,
}

impl SignOns {
    /// Counts a sign-on by its interface and what came of it.
    pub fn count(&self, interface: &'static str, outcome: &'static str) {
        let labels = SignOn { interface, outcome };
        self.outcomes.get_or_create(&labels).inc();
    }

    /// Counts the use of a token of this kind.
    pub fn token(&self, kind: &'static str) {
        self.tokens.get_or_create(&Token { kind }).inc();
    }

    fn register(&self, registry: &mut Registry) {
        let Self {
            hashes,
            outcomes,
            lock_outs,
            tokens,
            waiting,
        } = self;
        for (name, help, counter) in [
            (
                "auth_hashes",
                "Password hashes computed, for right and wrong passwords",
                hashes,
            ),
            (
                "auth_lock_outs",
                "Lock-outs of an account for an address that began",
                lock_outs,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register(
            "auth_sign_ons",
            "Sign-ons by a password or PIN, by interface and what came of them: accepted, refused, locked_out, busy",
            outcomes.clone(),
        );
        registry.register(
            "auth_tokens_used",
            "Requests that a token allowed, by its kind: user, api",
            tokens.clone(),
        );
        registry.register(
            "auth_sign_ons_waiting",
            "Sign-ons that wait for their password to be verified",
            waiting.clone(),
        );
    }
}

/// WebDialer's counters.
#[derive(Clone, Debug, Default)]
pub struct WebDialer {
    requests: Family<Labels, Counter>,
    /// Requests answered with a SOAP fault.
    pub faults: Counter,
    /// Requests to the pages; with those of SOAP the original's *RequestsCompleted*.
    pub page_requests: Counter,
    /// Those of them that were refused or told of a failure; with those of SOAP the original's *RequestsFailed*.
    pub page_requests_failed: Counter,
    /// The original's *CallsCompleted*: calls that were accepted, from the pages.
    pub calls_completed: Counter,
    /// The original's *CallsFailed*: calls that were refused, from the pages.
    pub calls_failed: Counter,
    /// The original's *SessionsHandled*: sign-ins on the pages.
    pub sessions: Counter,
    /// The original's *SessionsInProgress*: who is signed in.
    pub sessions_in_progress: Gauge,
    /// The original's *RedirectorSessionsHandled*: requests that the Redirector has answered.
    pub redirector_sessions: Counter,
    /// The original's *RedirectorSessionsInProgress*: those it is at.
    pub redirector_sessions_in_progress: Gauge,
}

/// Extension Mobility's counters. [mobility §10]
#[derive(Clone, Debug, Default)]
pub struct Mobility {
    messages: Family<Labels, Counter>,
    /// The original's *Requests In Progress*: logins and log-outs under way.
    pub in_progress: Gauge,
    /// The original's *Requests Throttled*: those that were refused because there were too many.
    pub throttled: Counter,
    /// Logins that were asked for.
    pub logins_attempted: Counter,
    /// Those of them that were carried out.
    pub logins_successful: Counter,
    /// Log-outs that were asked for, those of everybody included.
    pub logouts_attempted: Counter,
    /// Those of them that were carried out.
    pub logouts_successful: Counter,
}

impl Mobility {
    /// Counts an answer by operation and code.
    pub fn count(&self, operation: &'static str, code: u16) {
        let code = i64::from(code);
        self.messages
            .get_or_create(&Labels { operation, code })
            .inc();
    }
}

/// The CTI connector's counters.
#[derive(Clone, Debug, Default)]
pub struct Cti {
    commands: Family<Words, Counter>,
    /// Events given to the broker, answers included.
    pub events: Counter,
    /// Commands that came too late.
    pub expired: Counter,
    /// Commands that came a second time.
    pub repeated: Counter,
    /// Errors that nobody could be told.
    pub unanswerable: Counter,
    /// Agents who are logged in.
    pub agents: Gauge,
    /// Topics that are known.
    pub topics: Gauge,
    /// The connector's client of its broker.
    pub broker: cordboard_client::openwire::Counts,
}

impl Cti {
    /// Counts a command by its name and what came of it.
    pub fn count(&self, command: &'static str, outcome: &str) {
        let outcome = outcome.to_owned();
        self.commands
            .get_or_create(&Words { command, outcome })
            .inc();
    }

    fn register(&self, registry: &mut Registry) {
        let Self {
            commands,
            events,
            expired,
            repeated,
            unanswerable,
            agents,
            topics,
            broker,
        } = self;
        registry.register(
            "cti_commands",
            "CTI commands by name and what came of them",
            commands.clone(),
        );
        for (name, help, counter) in [
            ("cti_events", "CTI events given to the broker", events),
            (
                "cti_commands_expired",
                "CTI commands that came too late",
                expired,
            ),
            (
                "cti_commands_repeated",
                "CTI commands that came a second time and were not carried out again",
                repeated,
            ),
            (
                "cti_errors_unanswerable",
                "CTI errors that nobody could be told",
                unanswerable,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        for (name, help, counter) in [
            (
                "cti_broker_connects",
                "Connections to CTI's broker that were opened",
                &broker.connected,
            ),
            (
                "cti_broker_failures",
                "Connections to CTI's broker that were lost or could not be opened",
                &broker.failed,
            ),
            (
                "cti_broker_dropped",
                "Messages for CTI's broker that were dropped because too many waited",
                &broker.dropped,
            ),
            (
                "cti_broker_refused",
                "Messages that CTI's broker refused",
                &broker.refused,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register("cti_agents", "Agents who are logged in", agents.clone());
        registry.register(
            "cti_topics",
            "Topics of CTI clients that are known",
            topics.clone(),
        );
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Words {
    command: &'static str,
    outcome: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    operation: &'static str,
    code: i64,
}

impl WebDialer {
    /// Counts an answer by operation and code; operations without a code count as 0.
    pub fn count(&self, operation: &'static str, code: i32) {
        let code = i64::from(code);
        self.requests
            .get_or_create(&Labels { operation, code })
            .inc();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("cordboard");
        let metrics = Self {
            registry: Registry::default(),
            http_requests: Counter::default(),
            connections_refused: Counter::default(),
            panics: Counter::default(),
            sign_ons: SignOns::default(),
            webdialer: WebDialer::default(),
            mobility: Mobility::default(),
            cti: Cti::default(),
            openwire: openwire::Counts::default(),
            calls: Gauge::default(),
            legs: Gauge::default(),
            strays: Gauge::default(),
            network: Gauge::default(),
        };
        registry.register(
            "http_requests",
            "HTTP requests on any listener",
            metrics.http_requests.clone(),
        );
        registry.register(
            "http_connections_refused",
            "Connections closed at the door",
            metrics.connections_refused.clone(),
        );
        registry.register(
            "http_panics",
            "Requests that ended in a panic",
            metrics.panics.clone(),
        );
        metrics.sign_ons.register(&mut registry);
        metrics.cti.register(&mut registry);
        registry.register(
            "webdialer_requests",
            "SOAP requests by operation and code",
            metrics.webdialer.requests.clone(),
        );
        registry.register(
            "webdialer_faults",
            "SOAP requests answered with a fault",
            metrics.webdialer.faults.clone(),
        );
        for (name, help, counter) in [
            (
                "webdialer_page_requests",
                "Requests to the pages (RequestsCompleted)",
                &metrics.webdialer.page_requests,
            ),
            (
                "webdialer_page_requests_failed",
                "Requests to the pages that were refused or told of a failure (RequestsFailed)",
                &metrics.webdialer.page_requests_failed,
            ),
            (
                "webdialer_calls_completed",
                "Calls from the pages that were accepted (CallsCompleted)",
                &metrics.webdialer.calls_completed,
            ),
            (
                "webdialer_calls_failed",
                "Calls from the pages that were refused (CallsFailed)",
                &metrics.webdialer.calls_failed,
            ),
            (
                "webdialer_sessions",
                "Sign-ins on the pages (SessionsHandled)",
                &metrics.webdialer.sessions,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register(
            "webdialer_sessions_in_progress",
            "Who is signed in on the pages (SessionsInProgress)",
            metrics.webdialer.sessions_in_progress.clone(),
        );
        registry.register(
            "webdialer_redirector_sessions",
            "Requests that the Redirector has answered",
            metrics.webdialer.redirector_sessions.clone(),
        );
        registry.register(
            "webdialer_redirector_sessions_in_progress",
            "Requests that the Redirector is at",
            metrics.webdialer.redirector_sessions_in_progress.clone(),
        );
        registry.register(
            "mobility_messages",
            "Messages by operation and code; 0 without a failure",
            metrics.mobility.messages.clone(),
        );
        registry.register(
            "mobility_requests_in_progress",
            "Logins and log-outs under way (Requests In Progress)",
            metrics.mobility.in_progress.clone(),
        );
        for (name, help, counter) in [
            (
                "mobility_requests_throttled",
                "Logins and log-outs refused because there were too many (Requests Throttled)",
                &metrics.mobility.throttled,
            ),
            (
                "mobility_logins_attempted",
                "Logins that were asked for (Login Requests Attempted)",
                &metrics.mobility.logins_attempted,
            ),
            (
                "mobility_logins_successful",
                "Logins that were carried out (Successful Logins)",
                &metrics.mobility.logins_successful,
            ),
            (
                "mobility_logouts_attempted",
                "Log-outs that were asked for (Logout Requests Attempted)",
                &metrics.mobility.logouts_attempted,
            ),
            (
                "mobility_logouts_successful",
                "Log-outs that were carried out (Successful Logouts)",
                &metrics.mobility.logouts_successful,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        for (name, help, gauge) in [
            (
                "openwire_messages_bytes",
                "Bytes of all messages that the broker keeps",
                &metrics.openwire.bytes,
            ),
            ("openwire_queues", "Queues", &metrics.openwire.queues),
            (
                "openwire_consumers",
                "Consumers of queues and topics",
                &metrics.openwire.consumers,
            ),
            (
                "openwire_command_queue_messages",
                "Messages that wait in the command queue",
                &metrics.openwire.commands,
            ),
        ] {
            registry.register(name, help, gauge.clone());
        }
        registry.register(
            "openwire_connections",
            "Connections to the broker",
            metrics.openwire.connections.clone(),
        );
        for (name, help, counter) in [
            (
                "openwire_connections_refused",
                "Connections to the broker closed at the door",
                &metrics.openwire.refused,
            ),
            (
                "openwire_connections_given_up",
                "Connections that the broker ended: refused, malformed, silent or stuck",
                &metrics.openwire.given_up,
            ),
            (
                "openwire_messages_accepted",
                "Messages that the broker accepted, for each destination",
                &metrics.openwire.accepted,
            ),
            (
                "openwire_messages_dispatched",
                "Messages that the broker gave to clients",
                &metrics.openwire.dispatched,
            ),
            (
                "openwire_messages_dropped",
                "Messages dropped for listeners that are slow, or for want of room",
                &metrics.openwire.dropped,
            ),
            (
                "openwire_messages_expired",
                "Messages that were not taken in time",
                &metrics.openwire.expired,
            ),
            (
                "openwire_messages_buried",
                "Messages that nobody could take, kept in ActiveMQ.DLQ",
                &metrics.openwire.buried,
            ),
            (
                "openwire_messages_repeated",
                "Messages that came again after a reconnection, and were not accepted twice",
                &metrics.openwire.repeated,
            ),
            (
                "openwire_commands_refused",
                "Commands that the broker refused",
                &metrics.openwire.commands_refused,
            ),
            (
                "openwire_panics",
                "Connections to the broker that ended in a panic",
                &metrics.openwire.panics,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register("exchange_calls", "Live calls", metrics.calls.clone());
        registry.register(
            "exchange_legs",
            "Legs held at the driver",
            metrics.legs.clone(),
        );
        registry.register(
            "exchange_stray_reports",
            "Driver reports about what was given up",
            metrics.strays.clone(),
        );
        registry.register(
            "exchange_network_up",
            "1 while the telephone network is there",
            metrics.network.clone(),
        );
        Self {
            registry,
            ..metrics
        }
    }
}

impl Metrics {
    /// All of it as text, with the exchange's counts of now.
    pub fn render(&self, counts: Counts) -> String {
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        self.calls.set(number(counts.calls));
        self.legs.set(number(counts.legs));
        self.strays
            .set(i64::try_from(counts.stray_reports).unwrap_or(i64::MAX));
        self.network.set(i64::from(counts.network_up));
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
