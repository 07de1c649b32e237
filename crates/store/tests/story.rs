//! The storage story: one script that every back end must pass.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use cordboard_core::call::{CallRecord, CallState, Cause, Class, Origin};
use cordboard_core::directory::{
    AppUser, Builder, Change, CredentialState, EndUser, PasswordHash, Right,
};
use cordboard_core::exchange::{
    Counters, EndedBy, EndedLogin, LoginLength, MobilityLogin, Record, Takeover, TakeoverStage,
};
use cordboard_core::ids::{CallId, CallKey};
use cordboard_core::now::Wall;
use cordboard_store::{
    ApiToken, CtiFact, HistoryWish, Store, StoreError, Sync, UserToken, token_id,
};
use std::path::Path;

fn call(key: u64, ended: bool) -> CallRecord {
    CallRecord {
        key: CallKey(key),
        id: CallId::from(format!("c-{key}")),
        state: if ended {
            CallState::Ended
        } else {
            CallState::Initiated
        },
        cause: ended.then(|| Cause::of(Class::Busy)),
        origin: Origin {
            interface: "api".into(),
            user: None,
            by: None,
        },
        dialled: "1002".into(),
        connections: Vec::new(),
        consultation_of: None,
        merged_into: None,
        story: Vec::new(),
        story_dropped: 0,
        created: Wall(1),
        ended: ended.then_some(Wall(2)),
    }
}

fn save(call: &CallRecord) -> Record {
    Record::Call(Box::new(call.clone()))
}

fn token(hash: &str, user: &str) -> UserToken {
    UserToken {
        hash: hash.into(),
        user: user.into(),
        created: Wall(1),
        expires: Some(Wall(9)),
    }
}

fn user(id: &str) -> EndUser {
    EndUser {
        id: id.into(),
        first_name: String::new(),
        last_name: String::new(),
        devices: Vec::new(),
        profiles: Vec::new(),
        primary_line: None,
        rights: Vec::new(),
        password_hash: None,
        pin_hash: None,
        credential: CredentialState::Active,
        home_cluster: true,
        max_login_minutes: None,
    }
}

/// The story. `open` opens the same store again each time, as after the death of the process.
fn story(open: impl Fn() -> Store) {
    let mut store = open();
    assert!(!store.is_seeded().unwrap());
    assert_eq!(store.counters().unwrap(), Counters::default());

    let directory = Builder {
        app_users: vec![AppUser {
            id: "App".into(),
            rights: vec![Right(Right::PROXY.into())],
            devices: Vec::new(),
            password_hash: Some(PasswordHash::new("$argon2id$x")),
            credential: CredentialState::Locked,
        }],
        ..Builder::default()
    };
    store.replace_directory(&directory, &[]).unwrap();
    let counters = Counters {
        calls: 3,
        parts: 7,
        events: 20,
        oldest_live: 2,
    };
    // The last record of a call counts; the batch is one transaction.
    store
        .commit(&[
            save(&call(1, false)),
            save(&call(2, false)),
            save(&call(1, true)),
            Record::Counters(counters),
        ])
        .unwrap();
    std::mem::forget(store);

    let mut store = open();
    assert!(store.is_seeded().unwrap());
    assert_eq!(store.parts().unwrap().app_users, directory.app_users);
    assert_eq!(store.counters().unwrap(), counters);
    assert_eq!(store.live_calls().unwrap(), [call(2, false)]);
    store
        .commit(&[save(&call(2, true)), save(&call(3, true))])
        .unwrap();

    let reader = store.reader().unwrap();
    assert_eq!(reader.call(&"c-1".into()).unwrap(), Some(call(1, true)));
    assert_eq!(reader.call(&"c-9".into()).unwrap(), None);
    let ids = |before, limit| -> Vec<String> {
        let looked = reader.calls(before, limit, 9, |_| true).unwrap();
        assert_eq!(looked.stopped_at, None);
        looked.calls.into_iter().map(|c| c.id.to_string()).collect()
    };
    assert_eq!(ids(None, 2), ["c-3", "c-2"]);
    assert_eq!(ids(Some(CallKey(2)), 2), ["c-1"]);
    assert_eq!(
        reader.calls(None, 9, 9, |c| c.key.0 == 2).unwrap().calls,
        [call(2, true)]
    );
    // Whoever wants something rare is told how far was looked, and goes on from there.
    let rare = |before, look_at| reader.calls(before, 9, look_at, |c| c.key.0 == 1).unwrap();
    let stopped = (CallKey(2), "c-2".into());
    assert_eq!(
        (rare(None, 2).calls, rare(None, 2).stopped_at),
        (Vec::new(), Some(stopped))
    );
    let rest = rare(Some(CallKey(2)), 2);
    assert_eq!((rest.calls, rest.stopped_at), (vec![call(1, true)], None));

    store.set_fact("clock", "5").unwrap();
    store
        .replace_tokens(&[token("ab", "bill"), token("cd", "Jörg")])
        .unwrap();
    store.put_token(&token("ef", "bill")).unwrap();
    let api = ApiToken {
        hash: "0123456789abcdef0123".into(),
        name: "for tests".into(),
        roles: vec!["reader".into(), "push:phone".into()],
        created: Wall(3),
        expires: None,
    };
    store.put_api_token(&api).unwrap();
    assert_eq!(token_id(&api.hash), "0123456789abcdef");
    assert!(store.delete_token("ab").unwrap());
    assert!(!store.delete_token("ab").unwrap());

    // One change at a time: what is put replaces or comes last, what is gone takes its tokens along.
    let one = |builder: Builder, change| builder.build().unwrap().edited(change).unwrap();
    let (with, touched) = one(directory, Change::PutUser(user("Jörg")));
    store.put_entries(&with, &touched).unwrap();
    let (with, touched) = with.edited(Change::PutUser(user("ann"))).unwrap();
    store.put_entries(&with, &touched).unwrap();
    let names = |store: &Store| -> Vec<String> {
        let users = store.parts().unwrap().users;
        users.iter().map(|u| u.id.to_string()).collect()
    };
    assert_eq!(names(&store), ["Jörg", "ann"]);
    assert_eq!(store.seed().unwrap(), None);
    store.keep_seed().unwrap();
    store.put_preferences("JÖRG", "{}").unwrap();
    store.put_preferences("Ann", "1").unwrap();
    store.put_preferences("ann", "2").unwrap();
    let (without, touched) = with.edited(Change::DeleteUser("Jörg".into())).unwrap();
    store.put_entries(&without, &touched).unwrap();
    store.forget_what_happened().unwrap();
    drop(store);
    let store = open();
    assert_eq!(store.fact("clock").unwrap().as_deref(), Some("5"));
    assert_eq!(store.tokens().unwrap(), [token("ef", "bill")]);
    assert_eq!(store.api_tokens().unwrap(), [api]);
    assert_eq!(names(&store), ["ann"]);
    let (seeded, logins, tokens) = store.seed().unwrap().unwrap();
    let seeded: Vec<&str> = seeded.users.iter().map(|u| u.id.as_str()).collect();
    assert_eq!((seeded, logins.len()), (vec!["Jörg", "ann"], 0));
    assert_eq!(tokens, [token("cd", "Jörg"), token("ef", "bill")]);
    let left = store.all_preferences().unwrap();
    assert_eq!(left, [("ann".to_owned(), "2".to_owned())]);
    assert_eq!(store.live_calls().unwrap(), []);
}

fn open(path: &Path) -> Result<Store, StoreError> {
    Store::open(path, Sync::Normal)
}

#[test]
fn sqlite_tells_the_story() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cordboard.db");
    story(|| open(&path).unwrap());
}

#[test]
fn a_file_that_is_no_database_is_refused_in_one_sentence_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cordboard.db");
    let garbage = "not a database, but somebody's letters ".repeat(200);
    std::fs::write(&path, &garbage).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert_eq!(error.to_string().lines().count(), 1);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), garbage);
}

#[test]
fn a_database_of_another_program_or_of_a_newer_version_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = folder.path().join("foreign.db");
    let connection = rusqlite::Connection::open(&foreign).unwrap();
    connection
        .execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
        .unwrap();
    drop(connection);
    let before = std::fs::read(&foreign).unwrap();
    assert!(matches!(
        open(&foreign).unwrap_err(),
        StoreError::Damaged { .. }
    ));
    assert_eq!(std::fs::read(&foreign).unwrap(), before);

    let newer = folder.path().join("newer.db");
    drop(open(&newer).unwrap());
    let connection = rusqlite::Connection::open(&newer).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let error = open(&newer).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Newer {
                found: 99,
                known: 9,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn calls_that_an_earlier_version_wrote_as_json_are_read_after_its_database_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../migrations/sqlite/0001.sql"))
        .unwrap();
    old.pragma_update(None, "application_id", 0x636f_7264)
        .unwrap();
    for key in [1, 2] {
        let record = serde_json::to_string(&call(key, key == 1)).unwrap();
        old.execute(
            "INSERT INTO calls (key, id, ended, record) VALUES (?1, 'c-' || ?1, ?2, ?3)",
            rusqlite::params![key as i64, (key == 1).then_some(2), record],
        )
        .unwrap();
    }
    old.pragma_update(None, "user_version", 1).unwrap();
    drop(old);
    let store = open(&path).unwrap();
    assert_eq!(store.live_calls().unwrap(), [call(2, false)]);
    let reader = store.reader().unwrap();
    assert_eq!(reader.call(&"c-1".into()).unwrap(), Some(call(1, true)));
    for other in ["c-3", "c-01", "c-", "1"] {
        assert_eq!(reader.call(&other.into()).unwrap(), None, "{other}");
    }
}

#[test]
fn calls_with_names_of_their_own_are_found_by_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("uuid.db")).unwrap();
    let id = CallId::from("0198c7a0-1111-7222-8333-444455556666");
    let named = CallRecord {
        id: id.clone(),
        ..call(7, true)
    };
    store.commit(&[save(&named)]).unwrap();
    let reader = store.reader().unwrap();
    assert_eq!(reader.call(&id).unwrap(), Some(named));
    assert_eq!(reader.call(&"c-7".into()).unwrap(), None);
}

#[test]
fn the_history_of_logins_is_shortened_from_its_begin_a_few_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("store.db")).unwrap();
    let over: Vec<Record> = (0..5)
        .map(|at| {
            Record::Logout(Box::new(EndedLogin {
                login: login("D1", "ann"),
                at: Wall(at),
                how: EndedBy::Logout,
                by: None,
            }))
        })
        .collect();
    store.commit(&over).unwrap();
    let pruned = [(4, 3), (4, 3), (4, 3), (9, 0)];
    let counts = pruned.map(|(before, at_most)| {
        let pruned = store.prune_mobility_history(Wall(before), at_most);
        pruned.unwrap()
    });
    assert_eq!(counts, [3, 1, 0, 0]);
    let reader = store.reader().unwrap();
    let left = reader.mobility_history(&HistoryWish::default(), 9).unwrap();
    let times: Vec<i64> = left.iter().map(|(_, ended)| ended.at.0).collect();
    assert_eq!(times, [4]);
}

#[test]
fn logins_come_back_in_their_order_and_takeovers_until_they_are_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut store = open(&path).unwrap();
    let takeover = Takeover {
        device: "D1".into(),
        user: "ben".into(),
        profile: None,
        length: LoginLength::Minutes(5),
        from: Some("ann".into()),
        asked: Wall(1),
        origin: "api".into(),
        by: None,
        stage: TakeoverStage::Done {
            until: Wall(9),
            since: Wall(2),
            ended: vec![login("D1", "ann")],
        },
    };
    let records = ["D2", "D1", "d3"].map(|device| Record::Login(Box::new(login(device, "ann"))));
    store.commit(&records).unwrap();
    store
        .commit(&[Record::Takeover(Box::new(takeover.clone()))])
        .unwrap();
    drop(store);
    let mut store = open(&path).unwrap();
    let devices: Vec<String> = store
        .logins()
        .unwrap()
        .iter()
        .map(|login| login.device.to_string())
        .collect();
    assert_eq!(devices, ["D2", "D1", "d3"]);
    assert_eq!(store.takeovers().unwrap(), [takeover]);
    store.commit(&[Record::TakeoverOver("d1".into())]).unwrap();
    assert_eq!(store.takeovers().unwrap(), []);
}

#[test]
fn what_cti_keeps_comes_back_until_it_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cordboard.db");
    let topic = |record: Option<&str>| CtiFact::Destination("cc.a".into(), record.map(Into::into));
    let agent = |id: &str, record: Option<&str>| CtiFact::Login(id.into(), record.map(Into::into));
    let mut store = open(&path).unwrap();
    assert_eq!(store.cti().unwrap(), []);
    store
        .keep_cti(&[agent("42032", Some("x")), topic(Some("1"))])
        .unwrap();
    store
        .keep_cti(&[topic(Some("2")), agent("42031", Some("y"))])
        .unwrap();
    drop(store);
    let mut store = open(&path).unwrap();
    let kept = [
        topic(Some("2")),
        agent("42031", Some("y")),
        agent("42032", Some("x")),
    ];
    assert_eq!(store.cti().unwrap(), kept);
    store
        .keep_cti(&[topic(None), agent("42031", None)])
        .unwrap();
    assert_eq!(store.cti().unwrap(), kept[2..]);
    store.forget_what_happened().unwrap();
    assert_eq!(store.cti().unwrap(), []);
}

fn login(device: &str, user: &str) -> MobilityLogin {
    MobilityLogin {
        device: device.into(),
        user: user.into(),
        profile: "P".into(),
        since: Wall(0),
        until: None,
        origin: "api".into(),
        by: None,
        mismatched: false,
    }
}

#[test]
fn a_store_that_lost_sight_of_a_live_call_finds_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cordboard.db");
    let mut store = open(&path).unwrap();
    let blind = Counters {
        calls: 3,
        parts: 1_000,
        events: 1_000,
        oldest_live: 3,
    };
    let records = [
        save(&call(1, true)),
        save(&call(2, false)),
        save(&call(3, false)),
        Record::Counters(blind),
    ];
    store.commit(&records).unwrap();
    assert_eq!(store.live_calls().unwrap(), [call(3, false)]);
    drop(store);
    let old = rusqlite::Connection::open(&path).unwrap();
    old.pragma_update(None, "user_version", 8).unwrap();
    drop(old);
    let store = open(&path).unwrap();
    let live = [call(2, false), call(3, false)];
    assert_eq!(store.live_calls().unwrap(), live);
    let healed = Counters {
        oldest_live: 2,
        ..blind
    };
    assert_eq!(store.counters().unwrap(), healed);
}
