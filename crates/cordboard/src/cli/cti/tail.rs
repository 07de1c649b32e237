//! `cordboard cti tail`: events as they come.

use super::act::{Act, Agents, By, Login};
use super::perform::perform;
use super::reach::{BrokerNews, Failure, Joined, Reach, ready};
use super::show;
use crate::cli::{OK, plain, print_out, stop_signal};
use cordboard_client::cti::Heard;
use cordboard_client::openwire::{self, Counts};
use cordboard_wire::cti::AgentId;
use cordboard_wire::openwire::{Body, Destination};
use tokio::sync::{broadcast, watch};

pub(super) const HELP: &str = "Examples:
  cordboard cti tail 42031 42032     logs them in on our topic and prints their events
  cordboard cti tail --topic cc.a    only listens, beside whoever has that topic; wildcards as ActiveMQ has them: --topic 'cc.>'
A connection that is lost is made again; what happened meanwhile is lost, but for the state told afterwards.";

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Agents to log in; without any, nothing is said and nobody's events are moved: we only listen on --topic
    #[arg(value_name = "EXTENSION", value_parser = super::act::agent)]
    agents: Vec<AgentId>,
    /// End after so many events
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Print each event's text as it came
    #[arg(long, conflicts_with = "json")]
    raw: bool,
}

/// Prints events, as many as are wanted.
struct Printer {
    json: bool,
    raw: bool,
    left: u64,
}

impl Printer {
    /// Prints one; is it enough?
    fn print(&mut self, heard: &Heard, topic: Option<&str>) -> bool {
        let text = if self.json {
            let mut value = show::value(heard);
            if let Some(topic) = topic {
                value["topic"] = topic.into();
            }
            value.to_string()
        } else if self.raw {
            plain(&heard.body)
        } else {
            let topic = topic.map(|topic| format!("{}  ", plain(topic)));
            format!(
                "{}  {}{}",
                show::now(),
                topic.unwrap_or_default(),
                show::line(heard)
            )
        };
        print_out(&format!("{text}\n"));
        self.left -= 1;
        self.left == 0
    }
}

pub(super) async fn run(reach: &Reach, options: Options) -> Result<u8, Failure> {
    let printer = Printer {
        json: reach.json,
        raw: options.raw,
        left: options.count.unwrap_or(u64::MAX).max(1),
    };
    match options.agents.is_empty() {
        true => listen(reach, printer).await,
        false => watch(reach, options.agents, printer).await,
    }
}

/// Logs agents in, and follows them.
async fn watch(reach: &Reach, agents: Vec<AgentId>, mut printer: Printer) -> Result<u8, Failure> {
    let joined = reach.join().await?;
    let done = follow(reach, &joined, agents, &mut printer).await;
    joined.leave().await;
    done
}

async fn follow(
    reach: &Reach,
    joined: &Joined,
    agents: Vec<AgentId>,
    printer: &mut Printer,
) -> Result<u8, Failure> {
    let mut events = joined.session.events();
    let mut status = joined.session.broker();
    status.mark_unchanged();
    let mut news = BrokerNews::default();
    let login = Act::Login(Login {
        agents: Agents {
            agents,
            by: By::default(),
        },
        as_user: None,
        agent_pin: None,
        agent_pin_file: None,
    });
    let begin = async {
        joined.in_service(reach.limit()).await?;
        perform(joined, &login, None).await
    };
    tokio::pin!(begin);
    let mut begun = false;
    loop {
        // Cancel-safe: the receivers lose nothing, and logging in goes on where it was.
        tokio::select! {
            logged_in = &mut begin, if !begun => {
                logged_in?;
                begun = true;
            }
            heard = events.recv() => match heard {
                Ok(heard) => if printer.print(&heard, None) {
                    return Ok(OK);
                },
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    eprintln!("cordboard: {missed} events were missed");
                }
                Err(broadcast::error::RecvError::Closed) => return Ok(OK),
            },
            Ok(()) = status.changed() => if let Some(told) = news.of(&status.borrow_and_update()) {
                eprintln!("cordboard: {told}");
            },
            () = stop_signal() => return Ok(OK),
        }
    }
}

/// Listens to topics, and says nothing.
async fn listen(reach: &Reach, mut printer: Printer) -> Result<u8, Failure> {
    let (mut settings, _) = reach.broker()?;
    let topics = match reach.topic.is_empty() {
        true => vec![reach.own_topic()?.as_str().to_owned()],
        false => reach.topic.clone(),
    };
    let several = topics.len() > 1 || topics.iter().any(|topic| topic.contains(['*', '>']));
    let topics = topics
        .iter()
        .map(|topic| Destination::topic(topic.as_str()));
    settings.consumes = topics.collect();
    let brokers = match &settings.reach {
        openwire::Reach::Network { addresses, .. } => addresses.len(),
        openwire::Reach::Inside(_) => 1,
    };
    let (shutdown, signal) = watch::channel(false);
    let mut started = openwire::start(settings, Counts::default(), signal);
    ready(started.client.status(), brokers, reach.limit()).await?;
    let mut status = started.client.status();
    status.mark_unchanged();
    let mut news = BrokerNews::default();
    loop {
        // Cancel-safe: the receivers lose nothing.
        tokio::select! {
            delivery = started.deliveries.recv() => {
                let Some(delivery) = delivery else { break };
                let topic = delivery.message().destination.as_ref();
                let topic = topic.and_then(|topic| topic.physical_name.as_ref());
                let topic = topic.filter(|_| several).map(ToString::to_string);
                let correlation = delivery.message().correlation_id.as_ref().map(ToString::to_string);
                let text = match delivery.body() {
                    Body::Text(text) => text.to_string(),
                    Body::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    _ => String::new(),
                };
                delivery.acknowledge();
                if printer.print(&Heard::new(text, correlation), topic.as_deref()) {
                    break;
                }
            }
            Ok(()) = status.changed() => if let Some(told) = news.of(&status.borrow_and_update()) {
                eprintln!("cordboard: {told}");
            },
            () = stop_signal() => break,
        }
    }
    shutdown.send_replace(true);
    // It ends within seconds, whatever the broker does.
    let _ = started.task.await;
    Ok(OK)
}
