//! A cluster of a few lines that speaks Extension Mobility: it can be busy, slow, or break.

#![allow(
    dead_code,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "each test program uses a part of it, and a test that cannot go on must stop"
)]

use super::LIMIT;
use cordboard_wire::mobility::{
    Answer, Ask, Certificate, Code, Compat, DeviceState, Failure, Grammar, KnownDevice, ProfileOf,
    UserState, decode_request, encode_answer, form_field,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// A cluster that knows every device `SEP…` and every user `u…`, and takes so many requests at once.
pub struct Cluster {
    pub seats: Mutex<BTreeMap<String, String>>,
    most: usize,
    under_way: AtomicUsize,
    pub busy: AtomicUsize,
    pub requests: AtomicUsize,
    /// After so many requests it only answers pages.
    breaks_after: usize,
    /// A log-in or log-out is carried out once it has one of these.
    pub turns: Semaphore,
}

pub async fn cluster(most: usize, breaks_after: usize) -> (Arc<Cluster>, String) {
    cluster_with(most, breaks_after, Semaphore::MAX_PERMITS).await
}

/// A cluster that carries out so many log-ins and log-outs and lets the next ones wait.
pub async fn slow_cluster(turns: usize) -> (Arc<Cluster>, String) {
    cluster_with(usize::MAX, usize::MAX, turns).await
}

async fn cluster_with(most: usize, breaks_after: usize, turns: usize) -> (Arc<Cluster>, String) {
    let cluster = Arc::new(Cluster {
        seats: Mutex::default(),
        most,
        under_way: AtomicUsize::new(0),
        busy: AtomicUsize::new(0),
        requests: AtomicUsize::new(0),
        breaks_after,
        turns: Semaphore::new(turns),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let shared = Arc::clone(&cluster);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&shared)));
        }
    });
    (cluster, address)
}

async fn serve(mut stream: TcpStream, cluster: Arc<Cluster>) {
    let mut bytes = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head.split("content-length: ").nth(1);
        let length: usize = length.map_or(0, |rest| {
            rest.split("\r\n").next().unwrap().parse().unwrap()
        });
        while bytes.len() < end + length {
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let document = form_field(&bytes[end..end + length], "xml").unwrap();
        bytes.drain(..end + length);
        let (status, body) = cluster.answer(&document).await;
        let length = body.len();
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn no(code: Code, text: &str) -> Answer {
    Answer::Failure(Failure {
        code: Some(code),
        text: text.to_owned(),
    })
}

impl Cluster {
    async fn answer(&self, document: &str) -> (u16, String) {
        if self.requests.fetch_add(1, Ordering::SeqCst) >= self.breaks_after {
            return (500, "<html>Internal Server Error</html>".to_owned());
        }
        let message = decode_request(document, Grammar::default()).unwrap();
        let certificate = Certificate::Password("Pr0xy!".into());
        let is_request = message.ask.is_request();
        let answer = if message.caller.certificate != certificate {
            no(Code::InvalidCaller, "Application Authentication Error")
        } else if is_request && self.under_way.fetch_add(1, Ordering::SeqCst) >= self.most {
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            self.busy.fetch_add(1, Ordering::SeqCst);
            no(Code::Busy, "Busy, please try again")
        } else {
            // Whoever else is under way gets here meanwhile.
            tokio::task::yield_now().await;
            if is_request {
                self.turns.acquire().await.unwrap().forget();
            }
            let answer = self.obey(message.ask);
            if is_request {
                self.under_way.fetch_sub(1, Ordering::SeqCst);
            }
            answer
        };
        (200, encode_answer(&answer, is_request, Compat::Modern))
    }

    fn obey(&self, ask: Ask) -> Answer {
        let mut seats = self.seats.lock().unwrap();
        let is_known = |user: &str| user.to_lowercase().starts_with('u');
        match ask {
            Ask::Login(login) if !login.device.starts_with("SEP") => no(
                Code::NoSuchDevice,
                &format!("Device Error: device '{}' does not exist", login.device),
            ),
            Ask::Login(login) if seats.contains_key(&login.device) => no(
                Code::Occupied,
                "Policy Validation Error: Phone currently has user logged in",
            ),
            Ask::Login(login) if !is_known(&login.user) => no(
                Code::NoSuchUser,
                &format!("User Error: user '{}' not found", login.user),
            ),
            Ask::Login(login) => {
                seats.insert(login.device, login.user);
                Answer::Success
            }
            Ask::Logout { device } => match seats.remove(&device) {
                Some(_) => Answer::Success,
                None => no(Code::Free, "Policy Validation Error: no user is logged in"),
            },
            Ask::LogoutAll => {
                seats.clear();
                Answer::Success
            }
            Ask::DeviceUser(devices) => {
                let state = |device: &String| match device.starts_with("SEP") {
                    false => DeviceState::Unknown,
                    true => DeviceState::Known(KnownDevice {
                        user: seats.get(device).cloned(),
                        last: None,
                        cross_cluster: Some(false),
                    }),
                };
                Answer::DeviceUser(devices.iter().map(|d| (d.clone(), state(d))).collect())
            }
            Ask::UserDevices(users) => Answer::UserDevices(each(users, |user| {
                let at = seats.iter().filter(|(_, on)| *on == user);
                let at = at.map(|(device, _)| device.clone()).collect();
                if is_known(user) {
                    UserState::Known(at)
                } else {
                    UserState::Unknown
                }
            })),
            Ask::DeviceProfile(users) => Answer::DeviceProfile(each(users, |user| {
                let profile = |name: &str, is_default| ProfileOf {
                    name: format!("{user}_{name}"),
                    is_default,
                };
                match is_known(user) {
                    true => Ok(vec![profile("A", true), profile("B", false)]),
                    false => Err(Failure {
                        code: Some(Code::NoSuchUser),
                        text: "User Error".to_owned(),
                    }),
                }
            })),
            Ask::CheckUser(users) => Answer::CheckUser(each(users, |user| match is_known(user) {
                true => UserState::Known(user.to_lowercase()),
                false => UserState::Unknown,
            })),
        }
    }
}

fn each<T>(users: Vec<String>, of: impl Fn(&str) -> T) -> Vec<(String, T)> {
    users
        .into_iter()
        .map(|user| {
            let about = of(&user);
            (user, about)
        })
        .collect()
}

/// Waits until a cluster was asked so often.
pub async fn asked(cluster: &Cluster, requests: usize) {
    let is_so = async {
        while cluster.requests.load(Ordering::SeqCst) < requests {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, is_so).await.unwrap();
}
