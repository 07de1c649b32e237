//! A client of any Extension Mobility server: who sits at which phone. [mobility §14]
//!
//! [`MobilityClient`] speaks to the nodes of one cluster, in any form that a server takes: it asks the next node when one
//! gives no answer, waits and asks again when one is busy, and finds out what became of a login whose answer was lost.

mod error;
mod exchange;
mod form;
mod node;
mod raw;

pub use crate::http::ServerError;
pub use cordboard_wire::mobility::{
    Caller, Certificate, Code, DeviceState, Duration as LoginTime, Failure, KnownDevice, Login,
    ProfileOf, UserState,
};
pub use error::{MobilityError, ServiceError};
pub use form::{Form, UnknownForm};

use crate::tls::Trust;
use cordboard_wire::mobility::{Answer, Ask};
use node::Node;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How a client behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How the document is sent.
    pub form: Form,
    /// Leaves user ids unescaped inside the XML, for releases before 10. [mobility §3.3]
    pub raw_user_ids: bool,
    /// How long a connection may take to come about: 5 s.
    pub connect_timeout: Duration,
    /// How long an answer may take: 10 s.
    pub timeout: Duration,
    /// How many requests are under way at most: 3, which the smallest server takes. [mobility §11]
    pub in_flight: usize,
    /// How often to ask again after code 26: 6 times.
    pub busy_retries: u32,
    /// How long to wait before the first time, jitter of up to a half not counted: 500 ms. Doubles each time, up to 8 s.
    pub busy_wait: Duration,
    /// How long to wait before all nodes are asked once more, when none gave an answer: 200 ms.
    pub lost_wait: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            form: Form::default(),
            raw_user_ids: false,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
            in_flight: 3,
            busy_retries: 6,
            busy_wait: Duration::from_millis(500),
            lost_wait: Duration::from_millis(200),
        }
    }
}

/// A client of one cluster. Cheap to clone; clones share connections and the limit of requests under way.
#[derive(Clone, Debug)]
pub struct MobilityClient {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    nodes: Vec<Node>,
    /// The node that answered last; it is asked first.
    first: AtomicUsize,
    caller: Caller,
    options: Options,
    in_flight: Semaphore,
}

impl MobilityClient {
    /// A client of a cluster's nodes, at addresses such as `https://cucm.example.com:8443`; the first is asked first.
    ///
    /// An address with a path is taken for the servlet's own. Nothing is sent yet.
    ///
    /// # Errors
    /// An address or the trust in it cannot be used, or there is none.
    pub fn new<A: AsRef<str>>(
        addresses: &[A],
        trust: &Trust,
        caller: Caller,
        options: Options,
    ) -> Result<Self, ServerError> {
        if addresses.is_empty() {
            return Err(ServerError::Address(String::new()));
        }
        let nodes = addresses
            .iter()
            .map(|address| Node::new(address.as_ref(), trust, &options))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            inner: Arc::new(Inner {
                nodes,
                first: AtomicUsize::new(0),
                caller,
                in_flight: Semaphore::new(options.in_flight.clamp(1, Semaphore::MAX_PERMITS)),
                options,
            }),
        })
    }

    /// Logs a user in to a device.
    ///
    /// When an answer is lost, the request goes out again; that somebody is on the device is then a success if it is the user.
    ///
    /// # Errors
    /// [`MobilityError`]. Success means that the data changed; the phone restarts in the seconds after.
    pub async fn login(&self, login: &Login) -> Result<(), MobilityError> {
        let sent = self.send(Ask::Login(login.clone())).await?;
        match sent.done() {
            Err(MobilityError::Refused(refused))
                if sent.lost
                    && refused.code == Code::Occupied
                    && self.is_at(&login.device, &login.user).await? =>
            {
                Ok(())
            }
            done => done,
        }
    }

    /// Logs out whoever is on a device.
    ///
    /// # Errors
    /// [`MobilityError`]; [`ServiceError::already_done`] when nobody is there.
    pub async fn logout(&self, device: &str) -> Result<(), MobilityError> {
        let device = device.to_owned();
        let sent = self.send(Ask::Logout { device }).await?;
        match sent.done() {
            // The answer that was lost had said so already.
            Err(MobilityError::Refused(refused)) if sent.lost && refused.already_done() => Ok(()),
            done => done,
        }
    }

    /// Logs everybody out, on all devices of the cluster. One that may have been carried out is not sent again.
    ///
    /// # Errors
    /// [`MobilityError`].
    pub async fn logout_all(&self) -> Result<(), MobilityError> {
        self.send(Ask::LogoutAll).await?.done()
    }

    /// Logs a user out of every device he is on, and answers what came of it for each.
    ///
    /// # Errors
    /// [`MobilityError`] when it cannot be found out where he is; code 23 when there is no such user.
    pub async fn logout_user(
        &self,
        user: &str,
    ) -> Result<Vec<(String, Result<(), MobilityError>)>, MobilityError> {
        let mut done = Vec::new();
        for device in self.devices_of(user).await? {
            let ended = self.logout(&device).await;
            done.push((device, ended));
        }
        Ok(done)
    }

    /// Moves a user to a device: logs him out elsewhere, then in there, unless he is there and nowhere else.
    ///
    /// # Errors
    /// [`MobilityError`]; he may then be logged out already.
    pub async fn move_user(&self, login: &Login) -> Result<(), MobilityError> {
        let mut is_there = false;
        for device in self.devices_of(&login.user).await? {
            if device.eq_ignore_ascii_case(&login.device) {
                is_there = true;
            } else {
                match self.logout(&device).await {
                    Err(MobilityError::Refused(refused)) if refused.already_done() => {}
                    done => done?,
                }
            }
        }
        if is_there {
            return Ok(());
        }
        self.login(login).await
    }

    /// Who is on these devices, in their order.
    ///
    /// # Errors
    /// [`MobilityError`] when the whole question is refused.
    pub async fn who(
        &self,
        devices: &[String],
    ) -> Result<Vec<(String, DeviceState)>, MobilityError> {
        self.each(devices, Ask::DeviceUser, |answer| match answer {
            Answer::DeviceUser(found) => Some(found),
            _ => None,
        })
        .await
    }

    /// On which devices these users are, in their order.
    ///
    /// # Errors
    /// [`MobilityError`] when the whole question is refused.
    pub async fn places(
        &self,
        users: &[String],
    ) -> Result<Vec<(String, UserState<Vec<String>>)>, MobilityError> {
        self.each(users, Ask::UserDevices, |answer| match answer {
            Answer::UserDevices(found) => Some(found),
            _ => None,
        })
        .await
    }

    /// Which profiles these users have, in their order; why not for each who has none.
    ///
    /// # Errors
    /// [`MobilityError`] when the whole question is refused.
    pub async fn profiles(
        &self,
        users: &[String],
    ) -> Result<Vec<(String, Result<Vec<ProfileOf>, ServiceError>)>, MobilityError> {
        let found = self.each(users, Ask::DeviceProfile, |answer| match answer {
            Answer::DeviceProfile(found) => Some(found),
            _ => None,
        });
        let found = found.await?.into_iter();
        Ok(found
            .map(|(user, profiles)| (user, profiles.map_err(ServiceError::from)))
            .collect())
    }

    /// Whether these users are known to the cluster, in their order, and as whom.
    ///
    /// Some servers refuse the whole question with code 23 when one is not; then each is asked about alone. [mobility §6.4]
    ///
    /// # Errors
    /// [`MobilityError`] when the whole question is refused for another reason.
    pub async fn check(
        &self,
        users: &[String],
    ) -> Result<Vec<(String, UserState<String>)>, MobilityError> {
        let is_unknown = |error: &MobilityError| matches!(error, MobilityError::Refused(refused) if refused.code == Code::NoSuchUser);
        match self.check_at_once(users).await {
            Err(error) if is_unknown(&error) => {}
            found => return found,
        }
        let mut found = Vec::with_capacity(users.len());
        for user in users {
            match self.check_at_once(std::slice::from_ref(user)).await {
                Err(error) if is_unknown(&error) => found.push((user.clone(), UserState::Unknown)),
                one => found.extend(one?),
            }
        }
        Ok(found)
    }

    async fn check_at_once(
        &self,
        users: &[String],
    ) -> Result<Vec<(String, UserState<String>)>, MobilityError> {
        self.each(users, Ask::CheckUser, |answer| match answer {
            Answer::CheckUser(found) => Some(found),
            _ => None,
        })
        .await
    }

    /// Whether a device shows a user, in any letter case.
    ///
    /// # Errors
    /// [`MobilityError`] when it cannot be found out.
    pub async fn is_at(&self, device: &str, user: &str) -> Result<bool, MobilityError> {
        let found = self.who(&[device.to_owned()]).await?;
        Ok(found.iter().any(|(_, state)| match state {
            DeviceState::Known(KnownDevice { user: Some(on), .. }) => {
                on.to_lowercase() == user.to_lowercase()
            }
            _ => false,
        }))
    }

    async fn devices_of(&self, user: &str) -> Result<Vec<String>, MobilityError> {
        match self.places(&[user.to_owned()]).await?.pop() {
            Some((_, UserState::Known(devices))) => Ok(devices),
            _ => Err(MobilityError::Refused(ServiceError {
                code: Code::NoSuchUser,
                text: format!("user '{user}' not found"),
            })),
        }
    }

    /// Asks about many names, a number at a time that fits into every form.
    async fn each<T>(
        &self,
        names: &[String],
        ask: impl Fn(Vec<String>) -> Ask,
        of: impl Fn(Answer) -> Option<Vec<T>>,
    ) -> Result<Vec<T>, MobilityError> {
        let mut found = Vec::with_capacity(names.len());
        for some in names.chunks(self.inner.options.form.names_at_once()) {
            let sent = self.send(ask(some.to_vec())).await?;
            if let Answer::Failure(failure) = sent.answer {
                return Err(MobilityError::Refused(failure.into()));
            }
            let about_them = of(sent.answer).filter(|about| about.len() == some.len());
            found.extend(about_them.ok_or_else(|| MobilityError::NotThisProtocol {
                server: sent.server,
                what: "an answer to another question".to_owned(),
            })?);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
