//! A browser at WebDialer's pages.

use super::{Response, Server};
use cordboard::ops::config::Config;

/// The directory of the conformance cases. [webdialer §14]
pub const FIXTURE: &str = include_str!("webdialer.toml");
/// Where the pages are.
pub const PATH: &str = "/webdialer/Webdialer";
/// Another site made the browser send it.
pub const CROSS: (&str, &str) = ("Sec-Fetch-Site", "cross-site");

pub async fn server() -> Server {
    server_with(|_| {}).await
}

pub async fn server_with(change: impl FnOnce(&mut Config)) -> Server {
    Server::start(FIXTURE, change).await
}

/// A browser: it keeps its session.
pub struct Browser<'a> {
    pub server: &'a Server,
    pub session: Option<String>,
}

impl<'a> Browser<'a> {
    pub fn new(server: &'a Server) -> Self {
        Self {
            server,
            session: None,
        }
    }

    pub async fn ask(
        &mut self,
        method: &str,
        target: &str,
        more: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let cookie = self
            .session
            .as_ref()
            .map(|id| format!("a=b; sess={id}; uid=root"));
        let mut headers = vec![("Content-Type", "application/x-www-form-urlencoded")];
        headers.extend(cookie.as_deref().map(|cookie| ("Cookie", cookie)));
        headers.extend(more);
        let response = self
            .server
            .request(method, target, &headers, body.as_bytes())
            .await;
        for (name, value) in &response.headers {
            if name.eq_ignore_ascii_case("set-cookie")
                && let Some(rest) = value.strip_prefix("sess=")
            {
                let id = rest.split(';').next().unwrap();
                self.session = (!id.is_empty()).then(|| id.to_owned());
            }
        }
        response
    }

    pub async fn get(&mut self, query: &str) -> Response {
        self.ask("GET", &format!("{PATH}?{query}"), &[], "").await
    }

    pub async fn post(&mut self, body: &str) -> Response {
        self.ask("POST", PATH, &[], body).await
    }

    /// Goes where an answer sends it.
    pub async fn follow(&mut self, response: &Response) -> Response {
        assert_eq!(response.status, 303, "{}", response.body);
        let to = response.header("location").unwrap().to_owned();
        self.ask("GET", &to, &[], "").await
    }

    /// Dials without the dial page from now on.
    pub async fn skip_confirmation(&mut self) {
        self.set_up().await;
        let page = self
            .post("cmd=doSetProfile&deviceMode=permanent&permDeviceSelect=SEPA&lineNumber=1&noConfDialog=true")
            .await;
        is(&page, "Make Call");
    }

    pub async fn sign_in(&mut self) -> Response {
        self.post("cmd=doAuth&sub=false&uid=bill&pwd=123&destination=1002")
            .await
    }

    pub async fn set_up(&mut self) -> Response {
        self.sign_in().await;
        self.post("cmd=doSetProfile&sub=true&deviceMode=permanent&permDeviceSelect=SEPA+%3B+Cisco+8845&lineNumber=1001+%3B+PT_A&fButton=ok")
            .await
    }
}

pub fn is(response: &Response, title: &str) {
    assert_eq!(response.status, 200, "{}", response.body);
    assert!(
        response
            .body
            .contains(&format!("<TITLE>Cisco WebDialer - {title}</TITLE>")),
        "{title}: {}",
        response.body
    );
}

pub async fn calls(server: &Server) -> usize {
    server.get("/api/v1/calls").await.json()["calls"]
        .as_array()
        .unwrap()
        .len()
}

/// A counter of `/metrics`.
pub async fn counted(server: &Server, name: &str) -> u64 {
    let metrics = server.get("/metrics").await.body;
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().trim().parse().unwrap()
}

/// The state of a call.
pub async fn state(server: &Server, call: &str) -> String {
    let call = server.get(&format!("/api/v1/calls/{call}")).await.json();
    call["state"].as_str().unwrap().to_owned()
}

/// Makes something fail, as the lab can.
pub async fn fault(server: &Server, fault: &str) {
    let set = server.post_json("/api/v1/lab/faults", fault).await;
    assert!(set.status < 300, "{}", set.body);
}

/// Nothing fails any more.
pub async fn no_faults(server: &Server) {
    server
        .request("DELETE", "/api/v1/lab/faults", &[], b"")
        .await;
}
