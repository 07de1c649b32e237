//! A client of any WebDialer server, in any dialect.
//!
//! [`WebDialerClient`] speaks to one server: it finds out which dialect the server has, sends what the
//! strictest server wants, reads what the loosest one sends, and tells a refusal from a failure.
//! [`Clusters`] asks several at once whose a user is. Retries are few and never place a call twice.

mod clusters;
mod detect;
mod exchange;
mod server;

pub use crate::http::ServerError;
pub use clusters::{Clusters, NotFound};
pub use server::{DialectChoice, Options, UnknownDialect};

use crate::tls::Trust;
use cordboard_wire::webdialer::{
    Answer, Credential, DeviceDetail, DeviceLines, Dialect, Operation, Outcome, Request,
    ResponseCode, UserProfile,
};
use server::Server;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// What went wrong between us and the server.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// No answer: no connection, no trust in its certificate, too slow, or HTTP 502 to 504.
    #[error("{server} cannot be reached: {why}")]
    Unreachable {
        /// The server's address.
        server: String,
        /// Why, in one line.
        why: String,
    },
    /// An answer, but not WebDialer's.
    #[error("{server} does not speak WebDialer: {what}")]
    NotThisProtocol {
        /// The server's address.
        server: String,
        /// What it said instead.
        what: String,
    },
    /// The server did not understand us, and says so in a fault.
    #[error("{string} ({code})")]
    Fault {
        /// `faultcode`
        code: String,
        /// `faultstring`
        string: String,
    },
    /// The server understood, and says no.
    #[error("{text} ({})", code.number())]
    Refused {
        /// Its reason.
        code: ResponseCode,
        /// The text beside it; the code's usual text if there was none.
        text: String,
    },
}

/// A server's answer, whatever it says, with what only cordboard adds to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The answer. Its code may be a refusal.
    pub answer: Answer,
    /// The id of the call that was placed, from the header `Cordboard-Call`; other servers have none.
    pub call_id: Option<String>,
}

/// A client of one server. Cheap to clone; clones share connections and what was found out.
#[derive(Clone, Debug)]
pub struct WebDialerClient {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    server: Server,
    found: OnceCell<Dialect>,
}

impl WebDialerClient {
    /// A client of the server at an address such as `https://cucm.example.com:8443`.
    ///
    /// The whole address of a service is taken as well, and then says the dialect too, unless
    /// `options` does. Nothing is sent yet.
    ///
    /// # Errors
    /// The address or the trust in it cannot be used.
    pub fn new(address: &str, trust: &Trust, options: Options) -> Result<Self, ServerError> {
        let (server, dialect) = Server::new(address, trust, options)?;
        Ok(Self {
            inner: Arc::new(Inner {
                server,
                found: OnceCell::new_with(dialect),
            }),
        })
    }

    /// The server's address, without a path.
    pub fn address(&self) -> &str {
        &self.inner.server.address
    }

    /// The dialect, if it was given or has been found out.
    pub fn known_dialect(&self) -> Option<Dialect> {
        self.inner.found.get().copied()
    }

    /// The dialect; finds it out at the first call, without placing one. [webdialer §12]
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], or [`ClientError::NotThisProtocol`] if it has none of the three.
    pub async fn dialect(&self) -> Result<Dialect, ClientError> {
        let server = &self.inner.server;
        let found = self.inner.found.get_or_try_init(|| detect::detect(server));
        found.await.copied()
    }

    /// Sends a request and gives the answer as it is.
    ///
    /// makeCallSoap goes out again only if no connection came about, or after code 9. [webdialer §12]
    ///
    /// # Errors
    /// Everything but [`ClientError::Refused`].
    pub async fn send(&self, request: &Request) -> Result<Reply, ClientError> {
        let dialect = self.dialect().await?;
        exchange::exchange(&self.inner.server, dialect, request).await
    }

    /// Asks for a call; the id is known where the server is cordboard.
    ///
    /// # Errors
    /// [`ClientError`]. Success means accepted: the callee may still be busy.
    pub async fn make_call(
        &self,
        credential: Credential,
        destination: &str,
        profile: UserProfile,
    ) -> Result<Option<String>, ClientError> {
        let request = Request::MakeCall {
            credential,
            destination: Some(destination.to_owned()),
            profile,
        };
        let reply = self.send(&request).await?;
        accepted(&reply.answer)?;
        Ok(reply.call_id)
    }

    /// Ends a call that was placed by WebDialer.
    ///
    /// # Errors
    /// [`ClientError`]; code 1 when there is none to end.
    pub async fn end_call(
        &self,
        credential: Credential,
        profile: UserProfile,
    ) -> Result<(), ClientError> {
        let request = Request::EndCall {
            credential,
            profile,
        };
        accepted(&self.send(&request).await?.answer)
    }

    /// A user's devices and lines; the credential's own user if none is named.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn profile(
        &self,
        credential: Credential,
        user: Option<&str>,
    ) -> Result<Vec<DeviceLines>, ClientError> {
        let request = Request::GetProfile {
            credential,
            user: user.map(str::to_owned),
        };
        let answer = self.send(&request).await?.answer;
        accepted(&answer)?;
        match answer {
            Answer::GetProfile { devices, .. } => Ok(devices),
            other => Err(self.another(&other)),
        }
    }

    /// One's own devices and lines, with descriptions and models.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn profile_detail(
        &self,
        credential: Credential,
    ) -> Result<Vec<DeviceDetail>, ClientError> {
        let request = Request::GetProfileDetail { credential };
        let answer = self.send(&request).await?.answer;
        accepted(&answer)?;
        match answer {
            Answer::GetProfileDetail { devices, .. } => Ok(devices),
            other => Err(self.another(&other)),
        }
    }

    /// Whether this server's cluster knows a user.
    ///
    /// # Errors
    /// [`ClientError`], never [`ClientError::Refused`].
    pub async fn is_cluster_user(&self, user: &str) -> Result<bool, ClientError> {
        let request = Request::IsClusterUser {
            user: Some(user.to_owned()),
        };
        match self.send(&request).await?.answer {
            Answer::IsClusterUser(known) => Ok(known),
            other => Err(self.another(&other)),
        }
    }

    /// One's own primary directory number. `None` may also mean a wrong password: this operation has
    /// no code to say so. [webdialer §5.6]
    ///
    /// # Errors
    /// [`ClientError`], never [`ClientError::Refused`].
    pub async fn primary_line(
        &self,
        credential: Credential,
    ) -> Result<Option<String>, ClientError> {
        let request = Request::GetPrimaryLine { credential };
        match self.send(&request).await?.answer {
            Answer::GetPrimaryLine(number) => Ok(Some(number).filter(|text| !text.is_empty())),
            other => Err(self.another(&other)),
        }
    }

    /// For an answer to another operation than was asked, which decoding does not let through.
    fn another(&self, answer: &Answer) -> ClientError {
        ClientError::NotThisProtocol {
            server: self.address().to_owned(),
            what: format!("an answer to {}", answer.operation().name()),
        }
    }
}

/// Turns a code other than 0 into an error.
fn accepted(answer: &Answer) -> Result<(), ClientError> {
    match answer.outcome() {
        None
        | Some(Outcome {
            code: ResponseCode::Success,
            ..
        }) => Ok(()),
        Some(Outcome { code, description }) => Err(ClientError::Refused {
            code: *code,
            text: if description.is_empty() {
                code.text().to_owned()
            } else {
                description.clone().into_owned()
            },
        }),
    }
}

/// Whether an operation's answer may take long: the server may have to open its telephony first.
fn is_slow(operation: Operation) -> bool {
    operation == Operation::MakeCall
}

#[cfg(test)]
mod tests;
