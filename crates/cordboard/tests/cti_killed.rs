//! A lab that is killed comes back with whoever was logged in, and tells his client. [cti §2.5, §11]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::cti::{JmsClient, until};
use common::openwire::soon;
use common::process::Server;
use std::net::TcpListener;

/// So often the process is killed.
const KILLS: usize = 5;

/// A port that nobody has now.
fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn cc_53_a_lab_that_is_killed_tells_its_clients_how_things_stand_when_both_are_back() {
    let openwire = format!("127.0.0.1:{}", free_port());
    let environment = [
        ("CORDBOARD__LISTEN__HTTP", "127.0.0.1:0"),
        ("CORDBOARD__LISTEN__HTTPS", "off"),
        ("CORDBOARD__LISTEN__OPENWIRE", openwire.as_str()),
    ];
    let mut lab = Server::lab_with(&[], &environment);
    let mut client = JmsClient::on("desk", &openwire, &["cc.a"]);
    soon(client.ready()).await;
    client.ask("Hello#cc.a", "", "h").await;
    assert_eq!(client.ask("Login#42031", "cc.a", "l").await.len(), 3);
    for kill in 0..KILLS {
        // Whatever it was at.
        client.say("MakeCall#42031", "5508");
        let connected = client.client.counts().connected.clone();
        let before = connected.get();
        lab = tokio::task::block_in_place(|| lab.killed(&[], &environment));
        until(|| connected.get() > before).await;
        let mut told: Vec<String> = Vec::new();
        // The leg that ended with the process, or that there was none.
        let is_last = |line: &String| ["#NONE#", "#DROPPED#"].iter().any(|end| line.contains(end));
        let mut since = None;
        while !(since.is_some() && told.last().is_some_and(is_last)) {
            // The topic by which the test asks is known too.
            let line = client.next().await.line();
            if line == "cc.a - System#IN_SERVICE" {
                since = Some(told.len());
            }
            if line.starts_with("cc.a") {
                told.push(line);
            }
        }
        let told = &told[since.unwrap_or_else(|| panic!("{kill}: {told:?}"))..];
        assert_eq!(told[1], "cc.a - Terminal#CiscoTermInServiceEv", "{told:?}");
        assert!(told[2].starts_with("cc.a - 42031#State#READY#"), "{told:?}");
        assert_eq!(told.len(), 4);
        let state = client.ask("GetState#42031", "", "g").await;
        assert!(
            state[0].starts_with("cc.a g 42031#State#READY#"),
            "{state:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leg_that_ended_with_the_process_is_told_as_dropped_to_the_client_that_knew_it() {
    let openwire = format!("127.0.0.1:{}", free_port());
    let environment = [
        ("CORDBOARD__LISTEN__HTTP", "127.0.0.1:0"),
        ("CORDBOARD__LISTEN__HTTPS", "off"),
        ("CORDBOARD__LISTEN__OPENWIRE", openwire.as_str()),
    ];
    let lab = Server::lab_with(&[], &environment);
    let mut client = JmsClient::on("desk", &openwire, &["cc.a"]);
    soon(client.ready()).await;
    client.ask("Hello#cc.a", "", "h").await;
    client.ask("Login#42031", "cc.a", "l").await;
    client.say("MakeCall#42031", "5508");
    // agent, DialogState, state, time, id, others
    let field = |line: &str, index: usize| line.split('#').nth(index).map(str::to_owned);
    let known = loop {
        let line = client.next().await.line();
        if line.contains("#DialogState#INITIATED#") {
            break (field(&line, 4), field(&line, 5));
        }
    };
    let connected = client.client.counts().connected.clone();
    let before = connected.get();
    let lab = tokio::task::block_in_place(|| lab.killed(&[], &environment));
    until(|| connected.get() > before).await;
    let dropped = loop {
        let line = client.next().await.line();
        assert!(!line.contains("#DialogState#NONE#"), "{line}");
        if line.contains("#DialogState#DROPPED#") {
            break (field(&line, 4), field(&line, 5));
        }
    };
    assert_eq!(dropped, known);
    drop(lab);
}
