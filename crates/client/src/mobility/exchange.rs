//! One request: which node, and when to try again. [mobility §14]

use super::node::Failed;
use super::{MobilityClient, MobilityError};
use cordboard_wire::Secret;
use cordboard_wire::mobility::{Answer, Ask, Certificate, Code, Message, encode_request};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The longest wait for a busy server.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// An answer, and what became of the request before it came.
pub(super) struct Sent {
    pub(super) answer: Answer,
    /// The node that gave it.
    pub(super) server: String,
    /// The request may have been carried out earlier already.
    pub(super) lost: bool,
}

impl Sent {
    /// What a request, not a query, came to.
    pub(super) fn done(&self) -> Result<(), MobilityError> {
        match &self.answer {
            Answer::Success => Ok(()),
            Answer::Failure(failure) => Err(MobilityError::Refused(failure.clone().into())),
            _ => Err(MobilityError::NotThisProtocol {
                server: self.server.clone(),
                what: "an answer to another request".to_owned(),
            }),
        }
    }
}

/// Says that the request may have been carried out all the same.
fn unsure(mut error: MobilityError) -> MobilityError {
    if let MobilityError::Unreachable { why: text, .. }
    | MobilityError::NotThisProtocol { what: text, .. } = &mut error
    {
        text.push_str("; it may have been carried out");
    }
    error
}

impl MobilityClient {
    pub(super) async fn send(&self, ask: Ask) -> Result<Sent, MobilityError> {
        let inner = &self.inner;
        // Whoever is logged in between would be logged out by the second one.
        let is_repeatable = ask != Ask::LogoutAll;
        let message = Message {
            caller: inner.caller.clone(),
            ask,
            remote_address: None,
            via: false,
        };
        let none = Secret::default();
        let secret = match &message.caller.certificate {
            Certificate::Password(password) => password,
            Certificate::Encrypted => &none,
        };
        let document = encode_request(&message, inner.options.raw_user_ids);
        let count = inner.nodes.len();
        let (mut lost, mut busy, mut tries) = (false, 0, 0);
        let first = inner.first.load(Ordering::Relaxed);
        loop {
            let at = (first + tries) % count;
            let node = &inner.nodes[at];
            let answer = {
                // Never closed.
                let _place = inner.in_flight.acquire().await;
                node.ask(&inner.options, &document, secret).await
            };
            let (error, may_help) = match answer {
                Ok(Answer::Failure(failure))
                    if failure.code == Some(Code::Busy) && busy < inner.options.busy_retries =>
                {
                    tokio::time::sleep(self.wait(busy)).await;
                    busy += 1;
                    // The limit is each node's own.
                    tries += 1;
                    continue;
                }
                Ok(answer) => {
                    inner.first.store(at, Ordering::Relaxed);
                    let server = node.address.clone();
                    return Ok(Sent {
                        answer,
                        server,
                        lost,
                    });
                }
                Err(Failed::Not(error)) => {
                    let away = matches!(error, MobilityError::Unreachable { .. });
                    (error, away)
                }
                Err(Failed::Lost(error)) => {
                    lost = true;
                    (error, true)
                }
                Err(Failed::Unread(error)) => {
                    lost = true;
                    (error, false)
                }
            };
            if lost && !is_repeatable {
                return Err(unsure(error));
            }
            tries += 1;
            let failed = tries - busy as usize;
            let another_node = failed < count;
            let once_more = may_help && failed < 2 * count;
            if !another_node && !once_more {
                let may_be_done = lost && message.ask.is_request();
                return Err(if may_be_done { unsure(error) } else { error });
            }
            if failed == count {
                tokio::time::sleep(inner.options.lost_wait).await;
            }
        }
    }

    /// How long to wait after this many waits: the first one doubled each time, and up to a half more.
    fn wait(&self, waits: u32) -> Duration {
        let wait = self.inner.options.busy_wait;
        let wait = wait.saturating_mul(1 << waits.min(10)).min(LONGEST_WAIT);
        wait + wait.mul_f64(0.5 * fastrand::f64())
    }
}
