//! `dial`, `hangup`, `lines` and `home` as programs and people call them: what wins, exit statuses, JSON.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::Server;
use serde_json::{Value, json};
use std::process::Command;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const FIXTURE: &str = include_str!("common/webdialer.toml");

/// Runs `cordboard` with nothing of its variables but these; answers status, standard output, standard error.
async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cordboard"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CORDBOARD")) {
        command.env_remove(name);
    }
    // No memory of other runs, and none for them.
    let nowhere = tempfile::tempdir().unwrap();
    command.env("XDG_CACHE_HOME", nowhere.path());
    command.args(arguments).envs(variables.iter().copied());
    // The server that it speaks to lives on this thread.
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

async fn server() -> (Server, String) {
    let server = Server::start(FIXTURE, |_| {}).await;
    let address = format!("http://{}", server.address);
    (server, address)
}

/// A web server that knows nothing of WebDialer.
async fn another_protocol() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                while stream.read(&mut request).await.is_ok_and(|count| count > 0) {
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello";
                    if stream.write_all(answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn object(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

#[tokio::test]
async fn what_is_typed_beats_what_the_shell_has() {
    let (server, address) = server().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "123\n").unwrap();
    let file = file.to_str().unwrap();
    let lines = ["lines", "--server", &address];
    let with = |more: &[&'static str]| [&lines[..], more].concat();
    let shell = [
        ("CORDBOARD_TOKEN", "bogus"),
        ("CORDBOARD_PASSWORD", "wrong"),
        ("CORDBOARD_CA", "/nonexistent.pem"),
        ("CORDBOARD_USER", "nobody"),
    ];
    let typed = with(&["--user", "bill", "--password", "123", "--insecure"]);
    let done = run(&typed, &shell).await;
    assert!(done.0 == 0 && done.1.contains("1001 ; PT_A"), "{done:?}");
    let mut by_file = with(&["--user", "bill", "--insecure", "--password-file"]);
    by_file.push(file);
    let done = run(&by_file, &shell).await;
    assert_eq!(done.0, 0, "{done:?}");
    let by_token = with(&["--token", "TOK-BILL", "--insecure"]);
    let done = run(&by_token, &shell).await;
    assert_eq!(done.0, 0, "{done:?}");
    let variables = [
        ("CORDBOARD_USER", "bill"),
        ("CORDBOARD_PASSWORD_FILE", file),
    ];
    assert_eq!(run(&lines, &variables).await.0, 0);
    std::fs::write(file, "TOK-BILL\n").unwrap();
    assert_eq!(run(&lines, &[("CORDBOARD_TOKEN_FILE", file)]).await.0, 0);
    let mut by_token_file = with(&["--token-file"]);
    by_token_file.push(file);
    let done = run(&by_token_file, &[]).await;
    assert_eq!(done.0, 0, "{done:?}");
    drop(server);
}

#[tokio::test]
async fn what_cannot_be_used_is_status_2_and_an_object_for_programs() {
    let (server, address) = server().await;
    let bill = ["--user", "bill", "--password", "123"];
    let lines = ["lines", "--json", "--server", &address];
    for (arguments, variables, told) in [
        (
            [&lines[..], &["--user", "bill"]].concat(),
            &[][..],
            "give the password by",
        ),
        (lines.to_vec(), &[], "say who asks by"),
        (
            [&["lines", "--json", "--server", "no address"][..], &bill].concat(),
            &[],
            "no address",
        ),
        (
            [
                &["lines", "--json", "--server", "https://127.0.0.1:9"][..],
                &bill,
                &["--ca", "/nonexistent.pem"],
            ]
            .concat(),
            &[],
            "/nonexistent.pem",
        ),
        (
            [&lines[..], &bill].concat(),
            &[("CORDBOARD_PIN", "sha1/x")],
            "CORDBOARD_PIN: a pin is written",
        ),
        (
            lines.to_vec(),
            &[("CORDBOARD_TOKEN", "cba_secret")],
            "one of the JSON API and was not sent",
        ),
        (
            vec!["admin", "users", "list", "--json", "--server", &address],
            &[("CORDBOARD_TOKEN", "cbu_secret")],
            "stands for a user and was not sent",
        ),
        (
            vec!["events", "--json", "--server", &address, "--token", "cbu_x"],
            &[],
            "stands for a user and was not sent",
        ),
        (
            [
                &lines[..],
                &["--user", "bill", "--password-file", "/nonexistent"],
            ]
            .concat(),
            &[],
            "cannot read /nonexistent",
        ),
    ] {
        let (status, output, errors) = run(&arguments, variables).await;
        assert_eq!(status, 2, "{arguments:?}: {errors}");
        assert!(errors.contains(told), "{errors}");
        let object = object(&output);
        assert!(object["error"].as_str().unwrap().contains(told), "{object}");
        assert_eq!(
            (&object["code"], &object["text"]),
            (&Value::Null, &Value::Null)
        );
    }
    let both = [&lines[..], &bill, &["--token", "x"]].concat();
    assert_eq!(run(&both, &[]).await.0, 2, "two credentials by flag");
    let journal = server.get("/api/v1/lab/requests").await.json();
    assert_eq!(journal["requests"], json!([]), "something was sent");
}

#[tokio::test]
async fn a_refusal_is_an_object_with_code_and_text() {
    let (_server, address) = server().await;
    let dial = |password: &'static str, number: &'static str| {
        let server = address.clone();
        async move {
            let arguments = [
                "dial",
                number,
                "--json",
                "--server",
                &server,
                "--user",
                "bill",
                "--password",
                password,
                "--device",
                "SEPA",
            ];
            run(&arguments, &[]).await
        }
    };
    let (status, output, _) = dial("wrong", "1").await;
    assert_eq!(
        (status, object(&output)),
        (
            77,
            json!({"error": "User Authentication Error (2)", "code": 2, "text": "User Authentication Error"})
        )
    );
    let (status, output, _) = dial("123", "12x4").await;
    assert_eq!(
        (status, object(&output)),
        (
            1,
            json!({"error": "Destination not reachable (7)", "code": 7, "text": "Destination not reachable"})
        )
    );
    let (status, output, _) = dial("123", "5550108").await;
    assert_eq!(
        (status, object(&output)),
        (0, json!({"accepted": true, "call": "c-1"}))
    );
    let hangup = [
        "hangup",
        "--json",
        "--server",
        &address,
        "--user",
        "bill",
        "--password",
        "123",
    ];
    assert_eq!(object(&run(&hangup, &[]).await.1), json!({"ended": true}));
    let (status, output, _) = run(&hangup, &[]).await;
    assert_eq!((status, &object(&output)["code"]), (1, &json!(1)));
}

#[tokio::test]
async fn home_tells_nobody_from_nothing_there_and_from_another_protocol() {
    let (_server, address) = server().await;
    let other = another_protocol().await;
    let gone = "http://127.0.0.1:9";
    for (user, servers, status) in [
        ("bill", vec![gone, &other, &address], 0),
        ("nobody", vec![&address, gone], 1),
        ("bill", vec![gone], 69),
        ("bill", vec![gone, &other], 69),
        ("bill", vec![&other, &other], 76),
    ] {
        let servers = servers.join(",");
        let done = run(&["home", user, "--json", "--server", &servers], &[]).await;
        assert_eq!(done.0, status, "{servers}: {done:?}");
        let object = object(&done.1);
        if status == 0 {
            assert_eq!(object, json!({"user": "bill", "home": address}));
        } else {
            assert!(object["error"].is_string(), "{object}");
        }
    }
}

#[tokio::test]
async fn the_next_command_asks_for_the_dialect_of_the_last_one_first() {
    let (server, address) = server().await;
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().to_str().unwrap();
    let home = |file: &'static str| {
        if !file.is_empty() {
            let place = cache.path().join("cordboard/dialects.json");
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::write(place, file.replace("SERVER", &address)).unwrap();
        }
        let arguments = ["home", "bill", "--server", &address].map(str::to_owned);
        async move {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let (status, _, errors) = run(&arguments, &[("XDG_CACHE_HOME", folder)]).await;
            assert_eq!((status, errors.as_str()), (0, ""));
        }
    };
    let asked = async || {
        let journal = server.get("/api/v1/lab/requests?interface=webdialer").await;
        let journal = journal.json();
        let entries = journal["requests"].as_array().unwrap().clone();
        server.post_json("/api/v1/lab/reset", "").await;
        let word = |entry: &Value| {
            let path = entry["path"].as_str().unwrap();
            path.rsplit('/').next().unwrap().to_owned()
        };
        entries.iter().map(word).collect::<Vec<_>>()
    };
    home("").await;
    assert_eq!(asked().await, ["webdialer?wsdl", "webdialer"]);
    let file = cache.path().join("cordboard/dialects.json");
    let known = object(&std::fs::read_to_string(&file).unwrap());
    assert_eq!(known, json!({ address.clone(): "ax2" }));
    home(r#"{"SERVER": "leg"}"#).await;
    assert_eq!(
        asked().await,
        ["WebdialerSoapService?wsdl", "WebdialerSoapService"]
    );
    // A memory that makes no sense is none.
    home("not JSON").await;
    assert_eq!(asked().await, ["webdialer?wsdl", "webdialer"]);
}

#[tokio::test]
async fn a_dial_without_a_device_is_told_how_to_name_one() {
    let (_server, address) = server().await;
    let dial = ["dial", "1700", "--server", &address, "--user", "bill"];
    let dial = [&dial[..], &["--password", "123"]].concat();
    let (status, _, errors) = run(&dial, &[]).await;
    assert!(status == 1 && errors.contains("--device"), "{errors}");
    let (status, _, errors) = run(&[&dial[..], &["--device", "NOPE"]].concat(), &[]).await;
    assert!(status == 1 && !errors.contains("--device"), "{errors}");
}
