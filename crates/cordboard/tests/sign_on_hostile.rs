//! Hostile users at the door. Who may cause what:
//!
//! | who | may cause | and nothing else |
//! |---|---|---|
//! | a stranger, by any interface | one hash a sign-on, in turn; a lock-out of an account for the stranger's own address | |
//! | many strangers at one interface | that interface refuses further strangers for now | others wait a few hashes at most |
//! | a stranger who hangs up | no hash that was not begun | |
//! | a stranger who spells a name otherwise | no further guess | |
//!
//! Time is counted in hashes, never in seconds.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::Server;
use common::mobility::{EMPROXY, FIXTURE, code_of, document, encoded, login};
use common::openwire::{Raw, soon, wishes};
use cordboard::ops::config::Access;
use cordboard_wire::openwire::Text;
use futures_util::future::join_all;
use std::net::SocketAddr;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Sign-ons of one flood that wait at most.
const SHARE: u64 = 100;
/// Hashes that a sign-on at another interface waits for at most: those of the other interfaces' turns, what is being computed, and
/// what is computed while the request is on its way.
const SOON: u64 = 20;

async fn server() -> (Server, SocketAddr) {
    let server = Server::start(FIXTURE, |config| {
        config.listen.openwire = "127.0.0.1:0".into();
        config.broker.access = Access::Users;
        config.broker.write = vec!["queue://>".into()];
    })
    .await;
    let broker = server.program.addresses.openwire.unwrap();
    (server, broker)
}

fn hashes(server: &Server) -> u64 {
    server.program.app.metrics.sign_ons.hashes.get()
}

fn waiting(server: &Server) -> i64 {
    server.program.app.metrics.sign_ons.waiting.get()
}

/// A login of Extension Mobility by a caller of this name.
fn stranger(name: &str) -> Vec<u8> {
    let document = document("request", (name, name), &login("SEP001122334455", "jdoe"));
    let body = format!("xml={}", encoded(&document));
    let length = body.len();
    format!(
        "POST /emservice/EMServiceServlet HTTP/1.1\r\nHost: x\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Sends this many logins of unknown callers, each on a connection of its own.
async fn flood(server: &Server, count: usize) -> Vec<TcpStream> {
    let sent = (0..count).map(async |number| {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let request = stranger(&format!("ghost{number}"));
        stream.write_all(&request).await.unwrap();
        stream
    });
    join_all(sent).await
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let is_so = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    let done = tokio::time::timeout(common::LIMIT, is_so).await;
    assert!(done.is_ok(), "never: {what}");
}

/// The code that a first sign-on over SOAP is answered with.
async fn soap(server: &Server, user: &str, password: &str) -> String {
    let body = format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:u=\"urn:WD70\"><e:Body>\
         <u:getProfileSoap><in0><userID>{user}</userID><password>{password}</password></in0>\
         <in1>{user}</in1></u:getProfileSoap></e:Body></e:Envelope>"
    );
    let answer = server
        .soap("/webdialer/services/WebdialerSoapService70", &body)
        .await;
    let texts = [
        ("Success", "0"),
        // Signed on, by a user without a phone.
        ("No device configured", "0"),
        ("User Authentication Error", "2"),
        ("Service Overloaded", "9"),
    ];
    let found = texts.iter().find(|(text, _)| answer.body.contains(text));
    let (_, code) = found.unwrap_or_else(|| panic!("{}", answer.body));
    (*code).to_owned()
}

async fn joins(broker: SocketAddr, user: &str, password: &str) -> Result<(), (String, String)> {
    let mut client = Raw::greet(broker, &wishes()).await;
    let entered = client.enter("x", |info| {
        info.user_name = Some(user.into());
        info.password = Some(Text::from(password).into());
    });
    soon(entered).await
}

#[tokio::test]
async fn a_flood_of_unknown_names_on_one_interface_keeps_first_sign_ons_on_others_waiting_for_few_hashes()
 {
    let (server, broker) = server().await;
    let flood = flood(&server, 400).await;
    until("the flood waits", || waiting(&server) > 50).await;
    let before = hashes(&server);
    let (code, joined) = tokio::join!(
        soap(&server, "jdoe", "Welcome1"),
        joins(broker, EMPROXY.0, EMPROXY.1)
    );
    let waited = hashes(&server) - before;
    assert_eq!((code.as_str(), joined), ("0", Ok(())));
    assert!(waited <= SOON, "{waited} hashes");
    assert!(waiting(&server) > 0, "the flood is not over");
    drop(flood);
}

#[tokio::test]
async fn a_stranger_beyond_the_bound_is_refused_at_once_by_each_interfaces_own_answer() {
    let (server, broker) = server().await;
    let flood = flood(&server, 400).await;
    until("the flood waits", || waiting(&server) > 50).await;
    let mut busy = 0;
    for mut stream in flood {
        let answer = common::read_response(&mut stream).await.unwrap().body;
        match code_of(&answer) {
            Some(26) => busy += 1,
            Some(3) => {}
            other => panic!("{other:?}: {answer}"),
        }
    }
    // One was begun before the others came; a few more have had their turns.
    assert!(hashes(&server) <= SHARE + SOON, "{}", hashes(&server));
    assert!(busy >= 400 - SHARE - SOON, "{busy}");
    // The same at the other interfaces.
    let names: Vec<String> = (0..200).map(|number| format!("ghost{number}")).collect();
    let codes = join_all(names.iter().map(|name| soap(&server, name, name))).await;
    let refused = codes.iter().filter(|code| *code == "9").count();
    assert!(codes.iter().all(|code| ["2", "9"].contains(&code.as_str())));
    assert!(
        refused >= 200 - usize::try_from(SHARE + SOON).unwrap(),
        "{refused}"
    );
    let joined = join_all(names.iter().map(|name| joins(broker, name, name))).await;
    let classes: Vec<String> = joined
        .into_iter()
        .map(|joined| joined.unwrap_err().0)
        .collect();
    let [wrong, busy] = [
        "java.lang.SecurityException",
        "javax.jms.ResourceAllocationException",
    ];
    assert!(
        classes
            .iter()
            .all(|class| [wrong, busy].contains(&class.as_str()))
    );
    let refused = classes.iter().filter(|class| *class == busy).count();
    assert!(
        refused >= 200 - usize::try_from(SHARE + SOON).unwrap(),
        "{refused}"
    );
}

#[tokio::test]
async fn sign_ons_whose_clients_have_gone_are_not_computed() {
    let (server, _) = server().await;
    let flood = flood(&server, 90).await;
    until("the flood waits", || waiting(&server) > 50).await;
    drop(flood);
    until("its places are given up", || waiting(&server) == 0).await;
    let computed = hashes(&server);
    assert!(computed < 80, "{computed}");
    assert_eq!(soap(&server, "jdoe", "Welcome1").await, "0");
}

#[tokio::test]
async fn no_interface_takes_another_spelling_of_a_locked_name() {
    let (server, broker) = server().await;
    for number in 0..10 {
        let guess = format!("wrong {number}");
        let spelling = ["emproxy", " EMPROXY", "emproxy\u{a0}", "EmProxy "][number % 4];
        let answer = server
            .asks_as((spelling, &guess), &login("SEP001122334455", "jdoe"))
            .await;
        assert_eq!(code_of(&answer), Some(3), "{answer}");
    }
    let computed = hashes(&server);
    for spelling in ["emproxy", "\u{a0}emproxy", "EMPROXY", " emproxy\u{2003}"] {
        let answer = server
            .asks_as((spelling, EMPROXY.1), &login("SEP001122334455", "jdoe"))
            .await;
        assert_eq!(code_of(&answer), Some(3), "{spelling:?}: {answer}");
        assert!(
            joins(broker, spelling, EMPROXY.1).await.is_err(),
            "{spelling:?}"
        );
    }
    assert_eq!(hashes(&server), computed);
    let metrics = server.get("/metrics").await.body;
    for line in [
        "cordboard_auth_lock_outs_total 1",
        "cordboard_auth_sign_ons_total{interface=\"mobility\",outcome=\"refused\"} 9",
        "cordboard_auth_sign_ons_total{interface=\"mobility\",outcome=\"locked_out\"} 5",
        "cordboard_auth_sign_ons_total{interface=\"broker\",outcome=\"locked_out\"} 4",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}
