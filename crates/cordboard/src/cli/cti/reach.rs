//! Which broker, as whom, on which topic; and what a failure is to the caller.

use crate::cli::connect::{TrustChoice, secret, secret_in, variable};
use crate::cli::plain;
use crate::cli::{NO_PERMISSION, PROTOCOL, REFUSED, UNAVAILABLE, USAGE, print_out};
use cordboard_client::cti::{CommandError, Session, Settings, Standing, Started, start};
use cordboard_client::openwire::{self, Brokers, Reach as Ways, Status};
use cordboard_client::tls::client_config;
use cordboard_wire::Secret;
use cordboard_wire::cti::{COMMAND_QUEUE, ClientDestination, ErrorCode, Format, Names};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How events are written that we ask for.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Pattern {
    /// Fields with # between them
    Text,
    /// One JSON object
    Json,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Reach {
    /// The broker: tcp://HOST:61616, ssl://HOST:61617 or failover:(…,…); without it the lab's on this machine [env:
    /// CORDBOARD_BROKER]
    #[arg(long, value_name = "BROKER", global = true)]
    server: Option<Brokers>,
    /// The queue that takes commands [env: CORDBOARD_CTI_QUEUE] [default: Connector1]
    #[arg(long, value_name = "QUEUE", global = true)]
    queue: Option<String>,
    /// Our topic: agents who are logged in on it tell their events there; without it one of the user's own [env:
    /// CORDBOARD_CTI_TOPIC]
    #[arg(long, value_name = "TOPIC", global = true)]
    pub(super) topic: Vec<String>,
    /// Ask for events in this pattern; without it as the connector has it
    #[arg(long, value_name = "PATTERN", global = true)]
    pattern: Option<Pattern>,
    /// The broker's user [env: CORDBOARD_USER]
    #[arg(long, value_name = "ID", global = true)]
    user: Option<String>,
    /// The password; better by --password-file or the environment [env: CORDBOARD_PASSWORD]
    #[arg(long, value_name = "PASSWORD", global = true, group = "secret")]
    password: Option<Secret>,
    /// A file that holds the password [env: CORDBOARD_PASSWORD_FILE]
    #[arg(long, value_name = "FILE", global = true, group = "secret")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustChoice,
    /// How long broker and connector may take to be there, in seconds
    #[arg(long, default_value_t = 10, value_name = "SECONDS", global = true, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    /// Print JSON for programs, one object a line; a failure is an object with error, code and text
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// It was wrongly used.
    #[error("{0}")]
    Usage(String),
    /// No call is there that could be meant.
    #[error("{0}")]
    NoCall(String),
    /// The broker cannot be reached.
    #[error("{0}")]
    Unreachable(String),
    /// What answered is no broker.
    #[error("{0}")]
    Foreign(String),
    /// The broker does not let us in.
    #[error("{0}")]
    Shut(String),
    /// The connector is there and says no, or does not answer.
    #[error("{error}{hint}")]
    Command {
        /// What it said.
        error: CommandError,
        /// What to do about it, if that can be known: a clause after a semicolon, or nothing.
        hint: &'static str,
    },
    /// There is no connector.
    #[error("no connector answers on queue {queue} at {server}")]
    Silent {
        /// Where it should be.
        queue: String,
        /// The broker.
        server: String,
    },
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        Self::Command { error, hint: "" }
    }
}

impl Failure {
    /// The exit status that says so.
    pub(super) fn status(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::NoCall(_) => REFUSED,
            Self::Unreachable(_) | Self::Silent { .. } => UNAVAILABLE,
            Self::Foreign(_) => PROTOCOL,
            Self::Shut(_) => NO_PERMISSION,
            Self::Command { error, .. } => match error {
                CommandError::Refused { code, .. } => match code {
                    ErrorCode::PrivilegeViolation => NO_PERMISSION,
                    _ => REFUSED,
                },
                CommandError::OutOfService => REFUSED,
                CommandError::Away
                | CommandError::Lost
                | CommandError::NoAnswer(_)
                | CommandError::TooMany
                | CommandError::Ended => UNAVAILABLE,
            },
        }
    }

    /// The connector's code and text, if it was the connector.
    fn code(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Self::Command {
                error: CommandError::Refused { code, message, .. },
                ..
            } => (
                Some(code.word()),
                message.as_deref().or(Some(code.message())),
            ),
            Self::Command {
                error: CommandError::OutOfService,
                ..
            } => (Some("OUT_OF_SERVICE"), None),
            _ => (None, None),
        }
    }
}

/// A session with a connector, joined to its broker.
pub(super) struct Joined {
    pub(super) session: Session,
    pub(super) topic: ClientDestination,
    pub(super) format: Option<Format>,
    queue: String,
    server: String,
    task: JoinHandle<()>,
    shutdown: watch::Sender<bool>,
}

impl Reach {
    /// How long broker and connector may take.
    pub(super) fn limit(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }

    fn queue(&self) -> String {
        let queue = self
            .queue
            .clone()
            .or_else(|| variable("CORDBOARD_CTI_QUEUE"));
        queue.unwrap_or_else(|| COMMAND_QUEUE.to_owned())
    }

    fn brokers(&self) -> Result<Brokers, Failure> {
        match (&self.server, variable("CORDBOARD_BROKER")) {
            (Some(brokers), _) => Ok(brokers.clone()),
            (None, Some(text)) => {
                let brokers = text.parse();
                brokers.map_err(|error| Failure::Usage(format!("CORDBOARD_BROKER: {error}")))
            }
            (None, None) => Ok(Brokers::default()),
        }
    }

    /// The broker, with nothing consumed yet.
    pub(super) fn broker(&self) -> Result<(openwire::Settings, String), Failure> {
        let usage = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
        let brokers = self.brokers()?;
        let server = brokers.to_string();
        let tls = match brokers.tls {
            false => None,
            true => {
                let trust = self.trust.trust().map_err(|error| usage(&error))?;
                let config = client_config(&trust).map_err(|error| usage(&error))?;
                Some(Arc::new(config))
            }
        };
        let addresses = brokers.addresses;
        let id = getrandom::u32().unwrap_or_default();
        let mut settings = openwire::Settings::consuming(
            Vec::new(),
            format!("cordboard-cti-{id:08x}"),
            Vec::new(),
        );
        settings.reach = Ways::Network { addresses, tls };
        settings.user = self.user.clone().or_else(|| variable("CORDBOARD_USER"));
        settings.password = match secret(self.password.clone(), self.password_file.as_deref()) {
            Ok(None) => secret_in("CORDBOARD_PASSWORD", variable),
            given => given,
        }
        .map_err(|error| usage(&error))?;
        Ok((settings, server))
    }

    /// Our topic: named, or one that this user has again next time, so that an agent who was logged in here still is.
    pub(super) fn own_topic(&self) -> Result<ClientDestination, Failure> {
        let user = self.user.clone().or_else(|| variable("CORDBOARD_USER"));
        let named = match self.topic.as_slice() {
            [] => variable("CORDBOARD_CTI_TOPIC"),
            [one] => Some(one.clone()),
            _ => {
                return Err(Failure::Usage(
                    "a session has one topic; --topic may be repeated for tail only".to_owned(),
                ));
            }
        };
        let name = named.unwrap_or_else(|| match user {
            // Where clients have rights, theirs begin with their name.
            Some(user) => format!("cc.{user}.cordboard"),
            None => match variable("USER").or_else(|| variable("LOGNAME")) {
                Some(person) => format!("cc.cordboard.{person}"),
                None => "cc.cordboard".to_owned(),
            },
        });
        let names = Names {
            queue: self.queue(),
            ..Names::default()
        };
        ClientDestination::parse(&name, &names)
            .map_err(|why| Failure::Usage(format!("{name} cannot be a topic of ours: {why:?}")))
    }

    /// Joins the broker and listens on our topic.
    pub(super) async fn join(&self) -> Result<Joined, Failure> {
        let (broker, server) = self.broker()?;
        let topic = self.own_topic()?;
        let brokers = addresses(&broker);
        let mut settings = Settings::new(broker, topic.clone());
        settings.queue = self.queue();
        settings.format = self.pattern.map(|pattern| match pattern {
            Pattern::Text => Format::Default,
            Pattern::Json => Format::Json,
        });
        let format = settings.format;
        let queue = settings.queue.clone();
        let (shutdown, signal) = watch::channel(false);
        let Started { session, task } = start(settings, signal);
        let status = session.broker();
        let joined = Joined {
            session,
            topic,
            format,
            queue,
            server,
            task,
            shutdown,
        };
        match ready(status, brokers, self.limit()).await {
            Ok(()) => Ok(joined),
            Err(failure) => {
                joined.leave().await;
                Err(failure)
            }
        }
    }

    /// Prints what went wrong.
    pub(super) fn failed(&self, failure: &Failure) {
        if self.json {
            let (code, text) = failure.code();
            let told = json!({ "error": failure.to_string(), "code": code, "text": text });
            print_out(&format!("{told}\n"));
        }
        eprintln!("cordboard: {}", plain(&failure.to_string()));
    }
}

/// How many brokers there are to try.
fn addresses(settings: &openwire::Settings) -> usize {
    match &settings.reach {
        Ways::Network { addresses, .. } => addresses.len(),
        Ways::Inside(_) => 1,
    }
}

/// Waits until a broker has us: each is tried once, and within this time.
pub(super) async fn ready(
    mut status: watch::Receiver<Status>,
    brokers: usize,
    limit: Duration,
) -> Result<(), Failure> {
    let late = tokio::time::sleep(limit);
    tokio::pin!(late);
    let mut tried = Vec::new();
    loop {
        match &*status.borrow_and_update() {
            Status::Ready { .. } => return Ok(()),
            Status::Starting => {}
            Status::Ended => {
                return Err(Failure::Unreachable("the broker's client ended".to_owned()));
            }
            Status::Away {
                target,
                why,
                refused,
                foreign,
            } => {
                let told = format!("{target}: {why}");
                if *refused {
                    return Err(Failure::Shut(told));
                }
                if !tried.contains(&target.to_string()) {
                    tried.push(target.to_string());
                }
                if tried.len() >= brokers {
                    return Err(match foreign {
                        true => Failure::Foreign(format!(
                            "{told}; what listens there does not speak OpenWire"
                        )),
                        false => Failure::Unreachable(format!("{told}; no broker can be reached")),
                    });
                }
            }
        }
        // Cancel-safe: `changed` leaves its notice.
        tokio::select! {
            changed = status.changed() => if changed.is_err() {
                return Err(Failure::Unreachable("the broker's client ended".to_owned()));
            },
            () = &mut late => {
                let seconds = limit.as_secs();
                return Err(Failure::Unreachable(format!("no broker has us after {seconds} s")));
            }
        }
    }
}

/// Tells people how the broker stands: each trouble once, however often it is tried again.
#[derive(Debug, Default)]
pub(super) struct BrokerNews {
    trouble: Option<String>,
}

impl BrokerNews {
    /// What is new.
    pub(super) fn of(&mut self, status: &Status) -> Option<String> {
        match status {
            Status::Away { target, why, .. } => {
                let told = format!("{target}: {}; trying again", plain(why));
                let fresh = self.trouble.as_ref() != Some(&told);
                self.trouble = Some(told.clone());
                fresh.then_some(told)
            }
            Status::Ready { .. } => {
                self.trouble = None;
                Some("connected again".to_owned())
            }
            Status::Starting | Status::Ended => None,
        }
    }
}

impl Joined {
    /// Waits until the connector is in service.
    pub(super) async fn in_service(&self, limit: Duration) -> Result<(), Failure> {
        let mut standing = self.session.standing();
        let told = standing.wait_for(|s| matches!(s, Standing::InService | Standing::OutOfService));
        match tokio::time::timeout(limit, told).await {
            Ok(Ok(standing)) if *standing == Standing::InService => Ok(()),
            Ok(Ok(_)) => Err(CommandError::OutOfService.into()),
            Ok(Err(_)) => Err(CommandError::Ended.into()),
            Err(_) => Err(self.silent()),
        }
    }

    /// There is no connector.
    pub(super) fn silent(&self) -> Failure {
        Failure::Silent {
            queue: self.queue.clone(),
            server: self.server.clone(),
        }
    }

    /// Where the broker is.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// Good-bye to the broker.
    pub(super) async fn leave(self) {
        self.shutdown.send_replace(true);
        // It ends within seconds, whatever the broker does.
        let _ = self.task.await;
    }
}
