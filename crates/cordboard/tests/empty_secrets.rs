//! An empty password or PIN is refused wherever one is set, and signs nobody on.

mod common;

use common::Server;
use common::process::{Server as Process, cordboard, output};
use cordboard::ops::config::{Access, BrokerUser, Config};

const DIRECTORY: &str = "[[user]]\nid = \"bill\"\npassword = \"123\"\npin = \"9\"\n\
    [[app_user]]\nid = \"app\"\npassword = \"s\"\n";

async fn server() -> Server {
    Server::start(DIRECTORY, |_| {}).await
}

#[tokio::test]
async fn the_api_sets_no_empty_password_or_pin() {
    let server = server().await;
    for (method, path, body) in [
        ("POST", "users", r#"{"id": "new", "password": ""}"#),
        ("POST", "users", r#"{"id": "new", "pin": ""}"#),
        ("PUT", "users/bill", r#"{"id": "bill", "password": ""}"#),
        ("PUT", "users/bill", r#"{"id": "bill", "pin": ""}"#),
        (
            "PUT",
            "users/bill",
            r#"{"id": "bill", "password_hash": ""}"#,
        ),
        ("POST", "app-users", r#"{"id": "new", "password": ""}"#),
        ("PUT", "app-users/app", r#"{"id": "app", "password": ""}"#),
    ] {
        let headers = [("Content-Type", "application/json"), ("If-Match", "*")];
        let path = format!("/api/v1/{path}");
        let answer = server
            .request(method, &path, &headers, body.as_bytes())
            .await;
        assert_eq!(
            answer.status, 400,
            "{method} {path} {body}: {}",
            answer.body
        );
    }
}

#[tokio::test]
async fn an_import_sets_no_empty_password_or_pin() {
    let server = server().await;
    for secret in ["password", "password_hash", "pin"] {
        let file = format!("[[user]]\nid = \"bill\"\n{secret} = \"\"\n");
        let headers = [("Content-Type", "application/toml")];
        let path = "/api/v1/directory?merge=true";
        let answer = server.request("PUT", path, &headers, file.as_bytes()).await;
        assert_eq!(answer.status, 400, "{secret}: {}", answer.body);
        assert!(answer.body.contains("must not be empty"), "{}", answer.body);
    }
    // An empty cell of a table says nothing: the password stays.
    let table = "USER ID,PASSWORD,FIRST NAME\nbill,,Bill\n";
    let headers = [("Content-Type", "text/csv")];
    let path = "/api/v1/directory?merge=true";
    let answer = server
        .request("PUT", path, &headers, table.as_bytes())
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(signs_on(&server, "123").await, "0");
}

async fn signs_on(server: &Server, password: &str) -> String {
    let body = format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:u=\"urn:WD70\"><e:Body>\
         <u:getProfileSoap><in0><userID>bill</userID><password>{password}</password></in0>\
         <in1>bill</in1></u:getProfileSoap></e:Body></e:Envelope>"
    );
    let answer = server
        .soap("/webdialer/services/WebdialerSoapService70", &body)
        .await;
    // Signed on, by a user without a phone; or not.
    let texts = [
        ("No device configured", "0"),
        ("User Authentication Error", "2"),
    ];
    let found = texts.iter().find(|(text, _)| answer.body.contains(text));
    let (_, code) = found.unwrap_or_else(|| panic!("{}", answer.body));
    (*code).to_owned()
}

#[tokio::test]
async fn an_empty_password_signs_nobody_on() {
    let server = Server::start("[[user]]\nid = \"bill\"\n", |_| {}).await;
    assert_eq!(signs_on(&server, "").await, "2");
}

#[tokio::test]
async fn an_empty_password_file_lets_no_broker_user_in() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["", "\n", "\nsecond line\n"] {
        let file = folder.path().join("password");
        std::fs::write(&file, text).unwrap();
        let mut config = Config::lab();
        for listen in [
            &mut config.listen.http,
            &mut config.listen.https,
            &mut config.listen.openwire_tls,
        ] {
            *listen = "off".into();
        }
        config.listen.openwire = "127.0.0.1:0".into();
        config.broker.access = Access::Users;
        config.broker.users = vec![BrokerUser {
            name: "desk1".into(),
            password_file: file,
            read: None,
            write: None,
            create: None,
        }];
        let error = common::start_with(folder.path(), config).await.unwrap_err();
        assert!(
            format!("{error:#}").contains("must not be empty"),
            "{error:#}"
        );
    }
}

#[test]
fn no_command_takes_an_empty_secret() {
    let lab = Process::lab();
    let file = lab.folder.path().join("empty");
    std::fs::write(&file, "\n").unwrap();
    let file = file.to_str().unwrap();
    for (words, status) in [
        (vec!["admin", "users", "add", "u", "--password", ""], 1),
        (
            vec!["admin", "users", "add", "u", "--password-file", file],
            2,
        ),
        (vec!["admin", "users", "set", "bill", "--pin-file", file], 2),
        (
            vec!["admin", "app-users", "add", "u", "--password-file", file],
            2,
        ),
        (
            vec!["dial", "1251", "--user", "bill", "--password-file", file],
            2,
        ),
    ] {
        let done = lab.run(&words);
        assert_eq!(done.0, status, "{words:?}: {}", done.2);
    }
    let mut cti = cordboard();
    let broker = lab.ports["openwire"].as_str().unwrap();
    cti.args(["cti", "login", "42031", "--broker", broker]);
    cti.args(["--user", "desk1", "--password-file", file]);
    let (status, _, errors) = output(&mut cti);
    assert_eq!(status, 2, "{errors}");
}
