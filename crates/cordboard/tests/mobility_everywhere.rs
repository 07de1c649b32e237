//! A login by Extension Mobility is one fact: every interface tells the same of it at once. The seeds' examples run. [mobility §7.7, §11]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::events::Stream;
use common::mobility::*;
use common::{LIMIT, Server};
use cordboard::ops::config::Multiple;
use futures_util::future::join_all;
use serde_json::{Value, json};

const HOT_DESK: &str = "SEP00175A52EE7C";
const OTHER_DESK: &str = "SEP0000000E2901";
/// The manual's application user.
const MANAGER: (&str, &str) = ("MobilityManagerUser", "supersquirrel");

async fn lab() -> Server {
    Server::start(cordboard::lab::DEMO, |_| {}).await
}

fn seat_of_jdoe() -> String {
    login_with(HOT_DESK, "JDOE", &profile("JDOEMOBILE"))
}

#[tokio::test]
async fn the_seeds_login_and_log_out_run_as_a_form_of_several_parts() {
    let server = lab().await;
    for operation in [seat_of_jdoe(), logout(HOT_DESK)] {
        let document = document("request", MANAGER, &operation);
        let body = format!(
            "--form\r\nContent-Disposition: form-data; name=\"xml\"\r\nContent-Type: text/xml\r\n\r\n{document}\r\n--form--\r\n"
        );
        let response = server
            .posts("multipart/form-data; boundary=form", &body)
            .await;
        assert_eq!(answer(&response), OK);
    }
}

#[tokio::test]
async fn the_seeds_print_in_small_letters_is_refused_with_code_1() {
    let server = lab().await;
    let printed = "<request> <appinfo> <appid>MobilityManagerUser</appid> \
        <appcertificate>supersquirrel</appcertificate> </appinfo> <login> \
        <devicename>SEP00175A52EE7C</devicename> <userid>JDOE</userid> \
        <deviceprofile>JDOEMOBILE</deviceprofile> </login> </request>";
    assert_eq!(code_of(&server.sends(printed).await), Some(1));
}

#[tokio::test]
async fn the_commenters_program_runs_with_its_tags_restored_as_a_raw_get() {
    let server = lab().await;
    let raw = document("request", MANAGER, &login(HOT_DESK, "JDOE"));
    let response = server.get(&format!("{SERVLET}?xml={raw}")).await;
    assert_eq!(answer(&response), OK);
}

async fn asks(server: &Server, operation: &str) {
    assert_eq!(server.asks_as(MANAGER, operation).await, OK, "{operation}");
}

async fn soap(server: &Server, operation: &str, arguments: &str) -> common::Response {
    let body = format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>\
         <{operation} xmlns=\"http://webdialer.ccm.cisco.com\"><args0><userID>JDOE</userID>\
         <password>jdoe</password></args0>{arguments}</{operation}></e:Body></e:Envelope>"
    );
    server.soap("/webdialer/services/webdialer", &body).await
}

/// Calls 2001 and answers the only phone where it rings, or why the call has ended.
async fn rings_at(server: &Server) -> Result<String, String> {
    let ringing = tokio::time::timeout(LIMIT, rings_somewhere(server));
    ringing.await.expect("a phone or an end in time")
}

async fn rings_somewhere(server: &Server) -> Result<String, String> {
    let mut events = Stream::open(server, "").await;
    let body = json!({"device": "SEP003094C25B15", "to": "2001"});
    let placed = server.post_json("/api/v1/calls", &body.to_string()).await;
    assert_eq!(placed.status, 201, "{}", placed.body);
    let id = placed.json()["id"].as_str().unwrap().to_owned();
    loop {
        let call = server.get(&format!("/api/v1/calls/{id}")).await.json();
        if call["state"] == "ended" {
            return Err(call["cause"].as_str().unwrap().to_owned());
        }
        let connections = call["connections"].as_array().unwrap();
        let alerting: Vec<&Value> = connections
            .iter()
            .filter(|c| c["state"] == "alerting")
            .collect();
        if let [alerting] = alerting.as_slice() {
            let device = alerting["device"].as_str().unwrap().to_owned();
            let release = format!("/api/v1/calls/{id}/release");
            server.post_json(&release, "{}").await;
            // Until its end no other phone rang.
            let mut rang = Vec::new();
            loop {
                let event = events.next().await;
                if event.kind == "call.ended" {
                    break;
                }
                if event.data["state"] == "alerting" {
                    rang.push(event.data["device"].clone());
                }
            }
            assert_eq!(rang, [device.as_str()]);
            return Ok(device);
        }
    }
}

/// What each interface says of jdoe's login at the hot desk.
async fn is_told_everywhere(server: &Server) {
    let device = server
        .get(&format!("/api/v1/devices/{HOT_DESK}"))
        .await
        .json();
    assert_eq!(
        (&device["user"], &device["lines"][0]["number"]),
        (&json!("JDOE"), &json!("2001"))
    );
    let sessions = server.get("/api/v1/mobility/sessions").await.json();
    let session = &sessions["sessions"][0];
    assert_eq!(
        (&session["device"], &session["user"], &session["profile"]),
        (&json!(HOT_DESK), &json!("JDOE"), &json!("JDOEMOBILE"))
    );
    let detail = soap(server, "getProfileDetailSoap", "").await.body;
    assert!(
        detail.contains(HOT_DESK) && detail.contains(">2001 ; no partition<"),
        "{detail}"
    );
    for operation in [places(&["JDOE"]), who(&[HOT_DESK])] {
        let answer = server.sends(&document("query", MANAGER, &operation)).await;
        let here = format!("<deviceName>{HOT_DESK}</deviceName>");
        assert!(
            answer.contains(&here) || answer.contains("<userID>JDOE</userID>"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_login_is_told_by_every_interface_from_its_event_on() {
    let server = lab().await;
    let mut events = Stream::open(&server, "").await;
    asks(&server, &seat_of_jdoe()).await;
    let told = events.next().await;
    assert_eq!(
        (told.id, told.kind.as_str()),
        (events.begun + 1, "mobility.login")
    );
    is_told_everywhere(&server).await;
    // All of it is the state as of that event: there was none since, and whoever comes now begins after it.
    let later = Stream::open(&server, "").await;
    assert_eq!(later.begun, told.id);

    let seat = "<args1>5550108</args1><args2><user>JDOE</user><supportEM>true</supportEM></args2>";
    let dialled = soap(&server, "makeCallSoap", seat).await;
    let call = server.call_of(&dialled).await;
    assert_eq!(call["connections"][0]["device"], HOT_DESK, "{call}");
    assert_eq!(call["connections"][0]["number"], "2001", "{call}");
    let release = format!("/api/v1/calls/{}/release", call["id"].as_str().unwrap());
    server.post_json(&release, "{}").await;
    assert_eq!(rings_at(&server).await, Ok(HOT_DESK.to_owned()));

    // Nothing of it is the service's own: it says the same after everything in memory is gone.
    let server = server.restarted(cordboard::lab::DEMO).await;
    is_told_everywhere(&server).await;
    assert_eq!(rings_at(&server).await, Ok(HOT_DESK.to_owned()));
}

#[tokio::test]
async fn a_user_is_reached_where_he_sits_and_nowhere_when_he_has_left() {
    let server = lab().await;
    assert_eq!(rings_at(&server).await, Err("out_of_service".to_owned()));
    for desk in [HOT_DESK, OTHER_DESK] {
        asks(&server, &login(desk, "JDOE")).await;
        assert_eq!(rings_at(&server).await, Ok(desk.to_owned()));
        asks(&server, &logout(desk)).await;
        assert_eq!(rings_at(&server).await, Err("out_of_service".to_owned()));
    }
}

#[tokio::test]
async fn a_week_of_log_outs_passes_with_the_clock() {
    let server = lab().await;
    server.stops_clock().await;
    asks(&server, &login_with(HOT_DESK, "JDOE", &minutes("10080"))).await;
    asks(&server, &login_with(OTHER_DESK, "john", &minutes("60"))).await;
    let day = 24 * 3600;
    server.seconds_pass(day).await;
    let who_sits = async || {
        server
            .sends(&document("query", MANAGER, &who(&[HOT_DESK, OTHER_DESK])))
            .await
    };
    let answer = who_sits().await;
    assert!(
        answer.contains("<userID>JDOE</userID>") && answer.contains("<lastlogin>john</lastlogin>"),
        "{answer}"
    );
    server.seconds_pass(6 * day).await;
    assert!(who_sits().await.contains("<lastlogin>JDOE</lastlogin>"));
}

#[tokio::test]
async fn a_hundred_logins_of_a_user_at_once_leave_what_the_setting_says() {
    let mut directory = FIXTURE.to_owned();
    for n in 0..100 {
        let name = format!("SEPE{n:011}");
        directory.push_str(&format!(
            "\n[[device]]\nname = \"{name}\"\nmodel = \"Cisco 8845\"\nem_enabled = true\n"
        ));
    }
    for (setting, stand, done) in [
        (Multiple::NotAllowed, 1, 1),
        (Multiple::Allowed, 100, 100),
        (Multiple::AutoLogout, 1, 100),
    ] {
        let server = Server::start(&directory, |config| {
            config.mobility.multiple_logins = setting;
            config.mobility.max_concurrent_requests = 100;
        })
        .await;
        let operations: Vec<String> = (0..100)
            .map(|n| login(&format!("SEPE{n:011}"), "jdoe"))
            .collect();
        let answers = join_all(operations.iter().map(|operation| server.asks(operation))).await;
        assert_eq!(
            answers.iter().filter(|answer| **answer == OK).count(),
            done,
            "{setting:?}"
        );
        let places = server.queries(&places(&["jdoe"])).await;
        assert_eq!(places.matches("<deviceName>").count(), stand, "{setting:?}");
    }
}
