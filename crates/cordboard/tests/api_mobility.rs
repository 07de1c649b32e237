//! Who sits where, over the JSON API.

mod common;

use common::events::Stream;
use common::{Response, Server, time_passes};
use cordboard::ops::config::{Config, Multiple, ScheduledLogout};
use serde_json::{Value, json};
use std::path::Path;

const FIXTURE: &str = r#"
[[user]]
id = "jdoe"
profiles = ["JDOE"]
[[user]]
id = "ann"
devices = ["SEPA"]
[[device]]
name = "SEPHOT"
model = "Cisco 7960"
lines = ["2900"]
em_enabled = true
[[device]]
name = "SEPHOT2"
model = "Cisco 7960"
lines = ["2901"]
em_enabled = true
[[device]]
name = "SEPA"
model = "Cisco 8845"
lines = ["1001"]
[[profile]]
name = "JDOE"
model = "Cisco 8845"
lines = ["2001"]
"#;

async fn server() -> Server {
    Server::start(FIXTURE, |_| {}).await
}

async fn login(server: &Server, body: Value) -> Response {
    server
        .post_json("/api/v1/mobility/sessions", &body.to_string())
        .await
}

async fn advance(server: &Server, ms: u64) {
    sets_clock(server, json!({ "advance_ms": ms })).await;
}

async fn sets_clock(server: &Server, body: Value) {
    let set = server
        .post_json("/api/v1/lab/clock", &body.to_string())
        .await;
    assert_eq!(set.status, 200, "{}", set.body);
}

async fn sessions(server: &Server, query: &str) -> Value {
    let answer = server.get(&format!("/api/v1/mobility/{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["sessions"].clone()
}

#[tokio::test]
async fn a_login_moves_the_users_number_to_the_phone_until_its_time_is_over() {
    let server = server().await;
    let body = json!({"device": "sephot", "user": "JDOE", "minutes": 1});
    let began = login(&server, body).await;
    assert_eq!(
        (began.status, began.header("location")),
        (201, Some("/api/v1/mobility/sessions/SEPHOT")),
        "{}",
        began.body
    );
    assert_eq!(began.json()["mismatched"], true);
    assert_eq!(
        sessions(&server, "sessions?user=Jdoe").await[0],
        began.json()
    );
    assert_eq!(
        sessions(&server, "sessions?device=SEPHOT2").await,
        json!([])
    );
    let call = json!({"device": "SEPA", "to": "2001"}).to_string();
    let call = server.post_json("/api/v1/calls", &call).await.json();
    let parties = server
        .get(&format!("/api/v1/calls/{}", call["id"].as_str().unwrap()))
        .await;
    let ringing = parties.json()["connections"][1].clone();
    assert_eq!(
        (&ringing["device"], &ringing["state"]),
        (&json!("SEPHOT"), &json!("alerting"))
    );
    advance(&server, 60_000).await;
    assert_eq!(sessions(&server, "sessions").await, json!([]));
    let over = sessions(&server, "history?user=jdoe").await;
    assert_eq!(over[0]["how"], "expired");
    assert_eq!(over[0]["ended_at"], began.json()["until"]);
    server.program.stop().await;
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart_and_ends_in_time() {
    let server = server().await;
    login(
        &server,
        json!({"device": "SEPHOT", "user": "jdoe", "minutes": 5}),
    )
    .await;
    let before = sessions(&server, "sessions").await;
    let server = server.restarted(FIXTURE).await;
    assert_eq!(sessions(&server, "sessions").await, before);
    advance(&server, 5 * 60_000).await;
    assert_eq!(sessions(&server, "sessions").await, json!([]));
    let server = server.restarted(FIXTURE).await;
    assert_eq!(sessions(&server, "sessions").await, json!([]));
    assert_eq!(sessions(&server, "history").await[0]["how"], "expired");
    server.program.stop().await;
}

#[tokio::test]
async fn a_refused_login_says_why_and_is_explained_check_by_check() {
    let server = server().await;
    login(&server, json!({"device": "SEPHOT", "user": "jdoe"})).await;
    for (device, user, status, kind, checked) in [
        ("NOPE", "jdoe", 404, "no-such-device", 0),
        ("SEPA", "jdoe", 409, "mobility-off", 1),
        ("SEPHOT", "jdoe", 409, "seat-taken", 2),
        ("SEPHOT2", "ghost", 404, "no-such-user", 3),
        ("SEPHOT2", "ann", 404, "no-such-profile", 4),
        ("SEPHOT2", "jdoe", 409, "seated-elsewhere", 5),
    ] {
        let body = json!({"device": device, "user": user});
        let refused = login(&server, body.clone()).await;
        let problem = format!("urn:cordboard:problem:{kind}");
        assert_eq!(
            (refused.status, refused.json()["type"].as_str()),
            (status, Some(problem.as_str()))
        );
        let explained = server
            .post_json("/api/v1/explain/login", &body.to_string())
            .await
            .json();
        let passed: Vec<Value> = explained["checks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|check| check["passed"].clone())
            .collect();
        let expected: Vec<Value> = (0..7)
            .map(|at| match at {
                at if at < checked => json!(true),
                at if at == checked => json!(false),
                _ => Value::Null,
            })
            .collect();
        assert_eq!(passed, expected, "{explained}");
        assert_eq!(explained["allowed"], false);
    }
    let zero = login(
        &server,
        json!({"device": "SEPHOT2", "user": "ann", "minutes": 0}),
    )
    .await;
    assert_eq!(zero.status, 400);
    let nobody = login(&server, json!({"device": "SEPHOT2", "user": ""})).await;
    assert_eq!(nobody.status, 400);
    let odd = server.get("/api/v1/mobility/history?after=x").await;
    assert_eq!(odd.status, 400);
    server.program.stop().await;
}

#[tokio::test]
async fn what_stops_a_caller_before_the_exchange_is_explained_too() {
    let more = FIXTURE.to_owned()
        + "[[app_user]]\nid = \"proxy\"\npassword = \"p\"\nrights = [\"Standard EM Authentication Proxy Rights\"]\n\
           [[app_user]]\nid = \"plain\"\npassword = \"p\"\n";
    let server = Server::start(&more, |config| {
        config.mobility.validate_ip = true;
        config.mobility.trusted_ips = "10.0.0.1".into();
    })
    .await;
    for (caller, user, from, passed) in [
        ("ghost", "jdoe", None, vec![false]),
        ("plain", "jdoe", None, vec![false]),
        ("ann", "jdoe", None, vec![true, false]),
        ("proxy", "jdoe", Some("10.0.0.2"), vec![true, true, false]),
        ("Proxy", "jdoe", Some("10.0.0.1"), vec![true; 10]),
        ("JDOE", "jdoe", None, vec![true; 9]),
    ] {
        let body = json!({"device": "SEPHOT", "user": user, "caller": caller, "from": from});
        let explained = server
            .post_json("/api/v1/explain/login", &body.to_string())
            .await
            .json();
        let checks = explained["checks"].as_array().unwrap();
        let asked: Vec<bool> = checks
            .iter()
            .filter_map(|check| check["passed"].as_bool())
            .collect();
        assert_eq!(asked, passed, "{caller}: {explained}");
        assert_eq!(explained["allowed"], !passed.contains(&false));
    }
    // For himself a user takes a profile of his own only.
    let other = json!({"device": "SEPHOT", "user": "ann", "profile": "JDOE", "caller": "ann"});
    let explained = server
        .post_json("/api/v1/explain/login", &other.to_string())
        .await
        .json();
    assert_eq!(explained["checks"][6]["why"], "no such device profile");
    let odd = json!({"device": "SEPHOT", "user": "ann", "from": "here"}).to_string();
    let refused = server.post_json("/api/v1/explain/login", &odd).await;
    assert_eq!(refused.status, 400);
    server.program.stop().await;
}

#[tokio::test]
async fn logging_out_ends_one_or_all_and_lists_go_on_where_they_stopped() {
    let server = server().await;
    for _ in 0..3 {
        login(&server, json!({"device": "SEPHOT", "user": "jdoe"})).await;
        let gone = server
            .request("DELETE", "/api/v1/mobility/sessions/SEPHOT", &[], b"")
            .await;
        assert_eq!(gone.status, 204);
    }
    let free = server
        .request("DELETE", "/api/v1/mobility/sessions/SEPHOT", &[], b"")
        .await;
    assert_eq!(free.status, 409);
    login(&server, json!({"device": "SEPHOT2", "user": "jdoe"})).await;
    let all = server
        .request("DELETE", "/api/v1/mobility/sessions", &[], b"")
        .await;
    assert_eq!(all.status, 204);
    let page = server.get("/api/v1/mobility/history?limit=3").await.json();
    let hows: Vec<&str> = page["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["how"].as_str().unwrap())
        .collect();
    assert_eq!(hows, ["logout_all", "logout", "logout"]);
    let next = page["next"].as_str().unwrap();
    let rest = server
        .get(&format!("/api/v1/mobility/history?limit=3&after={next}"))
        .await
        .json();
    assert_eq!(
        (rest["sessions"].as_array().unwrap().len(), &rest["next"]),
        (1, &Value::Null)
    );
    server.program.stop().await;
}

fn every_evening(config: &mut Config) {
    config.mobility.schedules = vec![ScheduledLogout {
        at: "20:00".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        days: Vec::new(),
        except_users: Vec::new(),
        except_devices: vec!["sephot2".to_owned()],
    }];
}

/// A quarter of an hour before the evening of a day.
const DUSK: &str = "2026-06-01T17:45:00Z";
const QUARTER_MS: u64 = 15 * 60 * 1_000;

#[tokio::test]
async fn a_schedule_follows_a_clock_that_was_set_back_and_a_store_that_fails_only_delays_it() {
    let server = Server::start(FIXTURE, every_evening).await;
    sets_clock(&server, json!({"running": false, "now": DUSK})).await;
    login(&server, json!({"device": "SEPHOT", "user": "jdoe"})).await;
    let fault = json!({"on": "store", "kind": "error"}).to_string();
    server.post_json("/api/v1/lab/faults", &fault).await;
    advance(&server, QUARTER_MS).await;
    assert_eq!(sessions(&server, "sessions").await, json!([]));
    server
        .request("DELETE", "/api/v1/lab/faults", &[], b"")
        .await;
    advance(&server, 1_000).await;
    let server = server.restarted(FIXTURE).await;
    assert_eq!(sessions(&server, "sessions").await, json!([]));
    let over = sessions(&server, "history").await;
    assert_eq!(
        (&over[0]["how"], &over[0]["ended_at"]),
        (&json!("schedule"), &json!("2026-06-01T18:00:00.000Z"))
    );
    server.program.stop().await;
}

#[tokio::test]
async fn a_schedule_that_is_new_ends_nothing_of_before_and_one_that_was_there_makes_up_for_it() {
    let server = server().await;
    sets_clock(&server, json!({"running": false, "now": DUSK})).await;
    login(&server, json!({"device": "SEPHOT", "user": "jdoe"})).await;
    advance(&server, 2 * QUARTER_MS).await;
    let server = server.restarted_with(FIXTURE, every_evening).await;
    assert_eq!(sessions(&server, "sessions").await[0]["user"], "jdoe");
    // That evening passes while nothing runs.
    let day = |database: &Path| time_passes(database, 24 * 4 * QUARTER_MS.cast_signed());
    let server = server.restarted_as(FIXTURE, day, every_evening).await;
    assert_eq!(sessions(&server, "sessions").await, json!([]));
    assert_eq!(sessions(&server, "history").await[0]["how"], "schedule");
    server.program.stop().await;
}
#[tokio::test]
async fn a_schedule_logs_everybody_out_but_whom_it_spares() {
    let schedule = |config: &mut Config| {
        config.mobility.multiple_logins = Multiple::Allowed;
        every_evening(config);
    };
    let server = Server::start(FIXTURE, schedule).await;
    for device in ["SEPHOT", "SEPHOT2"] {
        login(&server, json!({"device": device, "user": "jdoe"})).await;
    }
    let schedules = server.get("/api/v1/mobility/schedules").await.json();
    let next = schedules["schedules"][0]["next"]
        .as_str()
        .unwrap()
        .to_owned();
    sets_clock(&server, json!({ "now": next })).await;
    let left = sessions(&server, "sessions").await;
    assert_eq!(
        (left.as_array().unwrap().len(), &left[0]["device"]),
        (1, &json!("SEPHOT2"))
    );
    let over = sessions(&server, "history").await;
    assert_eq!(
        (&over[0]["how"], &over[0]["ended_at"]),
        (&json!("schedule"), &json!(next))
    );
    server.program.stop().await;
}

async fn take_over(server: &Server) -> Response {
    let body = json!({"device": "SEPHOT", "user": "ann", "profile": "JDOE", "minutes": 9});
    let place = "/api/v1/mobility/takeovers";
    server.post_json(place, &body.to_string()).await
}

const TAKEN: &str = "/api/v1/mobility/takeovers/sephot";

/// The next event of a takeover: whether the login there changed before it is for the caller to see.
async fn takeover_told(events: &mut Stream) -> Value {
    loop {
        let event = events.next().await;
        if event.kind == "mobility.takeover" {
            return event.data;
        }
    }
}

#[tokio::test]
async fn a_takeover_warns_waits_for_the_call_switches_and_is_undone() {
    let server = server().await;
    let began = login(&server, json!({"device": "SEPHOT", "user": "jdoe"})).await;
    let call = json!({"device": "SEPA", "to": "2001"}).to_string();
    let call = server.post_json("/api/v1/calls", &call).await.json();
    let call = format!("/api/v1/calls/{}", call["id"].as_str().unwrap());
    let mut events = Stream::open(&server, "").await;
    let asked = take_over(&server).await;
    assert_eq!(
        (asked.status, asked.header("location")),
        (201, Some("/api/v1/mobility/takeovers/SEPHOT")),
        "{}",
        asked.body
    );
    let state = |takeover: &Value| takeover["state"].as_str().unwrap().to_owned();
    assert_eq!(state(&asked.json()), "warned");
    let warning = takeover_told(&mut events).await;
    assert_eq!(
        (&warning["from"], &warning["user"], &warning["until"]),
        (&json!("jdoe"), &json!("ann"), &asked.json()["until"])
    );
    advance(&server, 60_000).await;
    assert_eq!(state(&takeover_told(&mut events).await), "waiting");
    let seat = async || sessions(&server, "sessions").await[0]["user"].clone();
    assert_eq!(seat().await, "jdoe");
    server.post_json(&format!("{call}/release"), "{}").await;
    let done = takeover_told(&mut events).await;
    assert_eq!((state(&done), seat().await), ("done".into(), json!("ann")));
    assert_eq!(sessions(&server, "history").await[0]["how"], "takeover");
    let undone = server.post_json(&format!("{TAKEN}/undo"), "").await;
    assert_eq!(undone.status, 200, "{}", undone.body);
    let back = &undone.json()["sessions"][0];
    assert_eq!(
        (&back["user"], &back["profile"]),
        (&json!("jdoe"), &began.json()["profile"])
    );
    assert_eq!(seat().await, "jdoe");
    assert_eq!(sessions(&server, "history").await[0]["how"], "undo");
    server.program.stop().await;
}

#[tokio::test]
async fn a_takeover_goes_on_after_a_restart_and_may_be_called_off_or_forbidden() {
    let server = server().await;
    login(&server, json!({"device": "SEPHOT", "user": "jdoe"})).await;
    take_over(&server).await;
    let before = server.get(TAKEN).await.json();
    let server = server.restarted(FIXTURE).await;
    assert_eq!(server.get(TAKEN).await.json(), before);
    let again = take_over(&server).await;
    assert_eq!(
        (again.status, again.json()["type"].clone()),
        (409, json!("urn:cordboard:problem:takeover-under-way"))
    );
    let off = async || server.request("DELETE", TAKEN, &[], b"").await.status;
    assert_eq!((off().await, off().await), (204, 409));
    assert_eq!(server.get(TAKEN).await.status, 404);
    take_over(&server).await;
    advance(&server, 60_000).await;
    let server = server.restarted(FIXTURE).await;
    let undone = server.post_json(&format!("{TAKEN}/undo"), "").await;
    assert_eq!(undone.json()["sessions"][0]["user"], "jdoe");
    let list = server.get("/api/v1/mobility/takeovers").await.json();
    assert_eq!(list, json!({"takeovers": []}));
    server.program.stop().await;

    let server = Server::start(FIXTURE, |config| config.mobility.takeover = false).await;
    let refused = take_over(&server).await;
    assert_eq!(
        (refused.status, refused.json()["type"].clone()),
        (409, json!("urn:cordboard:problem:takeover-off"))
    );
    server.program.stop().await;
}
