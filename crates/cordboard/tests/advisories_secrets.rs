//! Advisories about trust and secrets: AD-03, AD-05, AD-06.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::mobility::encoded;
use common::openwire::{Raw, wishes};
use common::process::{cordboard, output};
use common::{LIMIT, Server};
use cordboard::ops::config::Access;
use cordboard_client::tls::Pin;
use cordboard_wire::openwire::{ConnectionInfo, SecretText, Text};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

const FIXTURE: &str = include_str!("common/webdialer.toml");
const DEMO: &str = include_str!("../src/lab/demo.toml");
const W70: &str = "/webdialer/services/WebdialerSoapService70";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const NO_TRUST: &str = "--insecure trusts anybody";

/// Runs a command beside the server of this process.
async fn run(words: Vec<String>) -> (i32, String) {
    let ran = tokio::task::spawn_blocking(move || output(cordboard().args(words)));
    let (status, out, err) = ran.await.unwrap();
    (status, out + &err)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ad_03_client_commands_check_chain_and_name_and_insecure_warns_each_time() {
    let server = Server::start(FIXTURE, |config| {
        config.listen.https = "0.0.0.0:0".into();
        config.listen.openwire_tls = "0.0.0.0:0".into();
    })
    .await;
    let addresses = &server.program.addresses;
    let certificate = addresses.certificate.clone().unwrap();
    let der = CertificateDer::from_pem_file(&certificate).unwrap();
    let pin = Pin::of(&der).unwrap().to_string();
    let wrong_pin = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let ca = certificate.to_str().unwrap();
    let (https, broker) = (
        addresses.https.unwrap().port(),
        addresses.openwire_tls.unwrap().port(),
    );
    // The certificate names 127.0.0.1 and not 127.0.0.2.
    let commands = |host: &str| {
        let server = format!("https://{host}:{https}");
        let broker = format!("ssl://{host}:{broker}");
        let account = ["--user", "bill", "--password", "123"];
        [
            [&["lines", "--server", &server], &account[..]].concat(),
            vec!["home", "--server", &server, "bill"],
            [&["em", "who", "--server", &server], &account[..], &["SEPA"]].concat(),
            vec!["admin", "users", "list", "--server", &server],
            vec!["events", "--server", &server],
            vec!["cti", "--server", &broker, "hello"],
        ]
        .map(|words| words.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    for (host, trust) in [
        ("127.0.0.1", &[][..]),
        ("127.0.0.2", &["--ca", ca]),
        ("127.0.0.1", &["--pin", wrong_pin]),
    ] {
        for words in commands(host) {
            let trust = trust.iter().map(|word| (*word).to_owned());
            let words: Vec<String> = words.into_iter().chain(trust).collect();
            let (status, said) = run(words.clone()).await;
            assert_ne!(status, 0, "{words:?}: {said}");
            let says_why = said.to_lowercase();
            assert!(
                says_why.contains("certificate") || says_why.contains("trust"),
                "{words:?}: {said}"
            );
            assert!(!said.contains(NO_TRUST), "{words:?}: {said}");
        }
    }
    for (host, trust) in [
        ("127.0.0.1", &["--ca", ca][..]),
        ("127.0.0.2", &["--pin", &pin]),
        ("127.0.0.2", &["--insecure"]),
        ("127.0.0.2", &["--insecure"]),
    ] {
        let words = commands(host)[0].clone();
        let trust_words = trust.iter().map(|word| (*word).to_owned());
        let words: Vec<String> = words.into_iter().chain(trust_words).collect();
        let (status, said) = run(words.clone()).await;
        assert_eq!(status, 0, "{words:?}: {said}");
        assert_eq!(
            said.contains(NO_TRUST),
            trust == ["--insecure"],
            "{words:?}: {said}"
        );
    }
}

/// A `cordboard serve` on an empty folder; killed when dropped.
struct Fresh {
    child: Child,
    http: String,
    token: String,
    folder: tempfile::TempDir,
}

impl Drop for Fresh {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve() -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.toml");
    let text = format!(
        "[listen]\nhttp = \"127.0.0.1:0\"\nhttps = \"off\"\nopenwire = \"127.0.0.1:0\"\n[store]\nurl = \"sqlite:{}\"\n",
        folder.path().join("d.db").display()
    );
    std::fs::write(&config, text).unwrap();
    let mut child = cordboard()
        .args(["serve", "--log-format", "json", "--config"])
        .arg(&config)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = log
        .by_ref()
        .map(Result::unwrap)
        .find(|line| line.contains("\"listening\""));
    let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
    let http = format!("http://{}", line["fields"]["address"].as_str().unwrap());
    // What it logs later must not fill the pipe.
    std::thread::spawn(move || log.count());
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = out.next().unwrap().unwrap();
    let token = first.split(' ').next_back().unwrap().to_owned();
    std::thread::spawn(move || out.count());
    Fresh {
        child,
        http,
        token,
        folder,
    }
}

/// The accounts of the lab's demonstration: (name, password or PIN).
fn demo_accounts() -> Vec<(String, String)> {
    let demo: toml::Table = toml::from_str(DEMO).unwrap();
    let mut accounts = Vec::new();
    for kind in ["user", "app_user"] {
        for account in demo[kind].as_array().unwrap() {
            for secret in ["password", "pin"] {
                if let Some(secret) = account.get(secret) {
                    let id = account["id"].as_str().unwrap().to_owned();
                    accounts.push((id, secret.as_str().unwrap().to_owned()));
                }
            }
        }
    }
    assert!(accounts.len() > 10);
    accounts
}

#[test]
fn ad_05_a_fresh_server_has_no_account_and_one_random_token() {
    let server = serve();
    let other = serve();
    assert!(
        server.token.starts_with("cba_") && server.token.len() > 30,
        "{}",
        server.token
    );
    assert_ne!(server.token, other.token);
    let admin = |words: &[&str], token: Option<&str>| {
        let mut command = cordboard();
        command.args(words).args(["--server", &server.http]);
        if let Some(token) = token {
            command.env("CORDBOARD_TOKEN", token);
        }
        output(&mut command)
    };
    let list = ["admin", "users", "list", "--json"];
    assert_eq!(admin(&list, Some(&server.token)).0, 0);
    for token in [
        None,
        Some(other.token.as_str()),
        Some("cba_admin"),
        Some("admin"),
    ] {
        let (status, out, err) = admin(&list, token);
        assert_ne!(status, 0, "{token:?}: {out}{err}");
    }
    for kind in ["users", "app-users", "devices"] {
        let (_, out, _) = admin(&["admin", kind, "list", "--json"], Some(&server.token));
        let listed: serde_json::Value = serde_json::from_str(&out).unwrap();
        let lists = listed
            .as_object()
            .map_or(vec![&listed], |o| o.values().collect());
        let entries: usize = lists
            .iter()
            .filter_map(|l| l.as_array())
            .map(Vec::len)
            .sum();
        assert_eq!(entries, 0, "{kind}: {out}");
    }
    // Nor do the accounts that the lab shows everybody sign on.
    let mut accounts = demo_accounts();
    accounts.extend(
        [
            ("admin", "admin"),
            ("root", "root"),
            ("cordboard", "cordboard"),
            ("system", "manager"),
        ]
        .map(|(a, b)| (a.to_owned(), b.to_owned())),
    );
    for (user, secret) in accounts.iter().take(8).chain(accounts.iter().rev().take(8)) {
        let words = ["lines", "--user", user, "--password", secret];
        let (status, out, err) = admin(&words, None);
        assert_eq!(status, 77, "{user}: {out}{err}");
    }
    let database = std::fs::read_dir(server.folder.path()).unwrap();
    for file in database.map(|entry| entry.unwrap().path()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(
            !contains(&bytes, server.token.as_bytes()),
            "{}",
            file.display()
        );
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The programs that are there: the one under test, and the one that users build.
fn programs() -> Vec<PathBuf> {
    let tested = PathBuf::from(env!("CARGO_BIN_EXE_cordboard"));
    let release = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/cordboard");
    let programs = [tested, release].into_iter();
    programs.filter(|path| path.exists()).collect()
}

/// The hashes that are in the program: of random bytes that were thrown away, for accounts that are not there, and of the users of
/// `lab --population`.
const KNOWN_HASHES: [&str; 2] = [
    "$argon2id$v=19$m=19456,t=2,p=1$6cQ68OvO1D5v3VZW42cemw$",
    "$argon2id$v=19$m=19456,t=2,p=1$q0sNRcYNgSXS3UoBsWHgJw$",
];

/// What of a program fits a pattern, each text once.
fn grep(pattern: &str, program: &Path) -> BTreeSet<String> {
    let mut grep = Command::new("grep");
    grep.env("LC_ALL", "C")
        .args(["-aoE", "-e", pattern])
        .arg(program);
    let found = grep.output().unwrap();
    assert!(
        found.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&found.stderr)
    );
    let text = String::from_utf8_lossy(&found.stdout).into_owned();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn ad_05_the_program_holds_no_secret_but_the_demonstrations_of_the_lab() {
    for program in programs() {
        let shown = program.display();
        // The passwords of the demonstration are there to be found: the search works.
        assert!(!grep("supersquirrel", &program).is_empty(), "{shown}");
        assert_eq!(
            grep("BEGIN (RSA |EC )?PRIVATE KEY-----[^\"]?MI", &program),
            BTreeSet::new(),
            "{shown}"
        );
        // Prefix and what makes it a token.
        assert_eq!(
            grep("cb[au]_[A-Za-z0-9_-]{20,}", &program),
            BTreeSet::new(),
            "{shown}"
        );
        let hashes = grep(
            r"\$argon2id\$v=19\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]{16,}\$",
            &program,
        );
        for hash in &hashes {
            assert!(
                KNOWN_HASHES.iter().any(|known| hash.starts_with(known)),
                "{hash} in {shown}"
            );
        }
    }
}

/// Everything that is logged in this process.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Secrets that are recognised wherever they turn up: one of each kind and interface.
const CANARIES: [&str; 9] = [
    "Canary-user-password",
    "Canary-user-pin-9",
    "Canary-app-password",
    "Canary-wrong-password",
    "Canary-wrong-token",
    "Canary-api-made-password",
    "Canary-in-the-path",
    "Canary-in-a-bearer",
    "Canary-of-the-broker",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ad_06_no_secret_is_in_logs_journal_metrics_events_exports_or_the_store() {
    let [
        password,
        pin,
        app_password,
        wrong,
        wrong_token,
        made,
        in_path,
        in_bearer,
        of_broker,
    ] = CANARIES;
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .init();
    let accounts = format!(
        "[[user]]\nid = \"olga\"\npassword = \"{password}\"\npin = \"{pin}\"\ndevices = [\"SEPA\"]\n\
         [[app_user]]\nid = \"appolga\"\npassword = \"{app_password}\"\nrights = [\"Standard EM Authentication Proxy Rights\"]\n"
    );
    let server = Server::start(&format!("{FIXTURE}{accounts}"), |config| {
        config.listen.openwire = "127.0.0.1:0".into();
        config.broker.access = Access::Users;
    })
    .await;
    let mut events = server.program.app.hub.listen(None);
    let mut answers = Vec::new();

    // WebDialer by SOAP: right and wrong, well formed and not.
    let envelope = |credential: &str| {
        format!(
            "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><makeCallSoap xmlns=\"urn:WD70\">\
             <in0>{credential}</in0><in1>5550109</in1><in2><user>olga</user><deviceName>SEPA</deviceName></in2></makeCallSoap></e:Body></e:Envelope>"
        )
    };
    for credential in [
        format!("<userID>olga</userID><password>{password}</password>"),
        format!("<userID>olga</userID><password>{wrong}</password>"),
        format!("<userID>appolga</userID><password>{app_password}</password>"),
        format!("<token>{wrong_token}</token><userID>olga</userID>"),
    ] {
        let target = format!("{W70};jsessionid={in_path}?pwd={in_path}&token={in_path}");
        answers.push(server.soap(&target, &envelope(&credential)).await);
        answers.push(server.soap(W70, &envelope(&credential)[..250]).await);
    }
    // Its pages, and makeCallProxy.
    for form in [
        format!("cmd=doAuth&uid=olga&pwd={password}"),
        format!("cmd=doAuth&uid=olga&pwd={wrong}"),
        format!("destination=5550109&uid=olga&appid=appolga&pwd={app_password}"),
        format!("destination=5550109&uid=olga&appid=appolga&pwd={wrong}"),
    ] {
        answers.push(
            server
                .request("POST", "/webdialer/Webdialer", &[FORM], form.as_bytes())
                .await,
        );
        answers.push(server.get(&format!("/webdialer/Webdialer?{form}")).await);
    }
    let session = answers
        .iter()
        .flat_map(|a| &a.headers)
        .find_map(|(_, value)| {
            let id = value.strip_prefix("sess=")?.split(';').next()?;
            (!id.is_empty()).then(|| id.to_owned())
        });
    let session = session.expect("a session");
    // Extension Mobility: the caller's password, a user's PIN.
    for (caller, secret) in [("appolga", app_password), ("appolga", wrong), ("olga", pin)] {
        let document = format!(
            "<request><appInfo><appID>{caller}</appID><appCertificate>{secret}</appCertificate></appInfo>\
             <login><deviceName>SEPE</deviceName><userID>olga</userID></login></request>"
        );
        let form = format!("xml={}", encoded(&document));
        answers.push(
            server
                .request(
                    "POST",
                    "/emservice/EMServiceServlet",
                    &[FORM],
                    form.as_bytes(),
                )
                .await,
        );
        answers.push(
            server
                .get(&format!("/emservice/EMServiceServlet?{form}"))
                .await,
        );
        answers.push(
            server
                .request(
                    "POST",
                    "/emservice/EMServiceServlet",
                    &[FORM],
                    &form.as_bytes()[..form.len() - 20],
                )
                .await,
        );
    }
    // The API: an account with a password, a token that is made, a bearer that is none.
    let account = json!({"id": "otto", "password": made, "pin": made}).to_string();
    answers.push(server.post_json("/api/v1/users", &account).await);
    answers.push(
        server
            .post_json("/api/v1/users", &account[..account.len() - 1])
            .await,
    );
    answers.push(
        server
            .post_json(
                "/api/v1/users",
                &json!({"id": "x", "passwort": made}).to_string(),
            )
            .await,
    );
    let bearer = format!("Bearer {in_bearer}");
    answers.push(
        server
            .request("GET", "/api/v1/users", &[("Authorization", &bearer)], b"")
            .await,
    );
    let token = server
        .post_json("/api/v1/tokens", r#"{"name": "x", "roles": ["reader"]}"#)
        .await
        .json();
    let token = token["token"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {token}");
    assert_eq!(
        server
            .request("GET", "/api/v1/users", &[("Authorization", &bearer)], b"")
            .await
            .status,
        200
    );
    // The broker.
    let address = server.program.addresses.openwire.unwrap();
    for (user, secret) in [
        ("appolga", app_password),
        ("appolga", of_broker),
        ("ghost", of_broker),
    ] {
        let mut raw = Raw::greet(address, &wishes()).await;
        let entered = raw.enter(user, |info: &mut ConnectionInfo| {
            info.user_name = Some(user.into());
            info.password = Some(SecretText::from(Text::from(secret)));
        });
        assert_eq!(entered.await.is_ok(), secret == app_password);
    }

    let mut secrets: Vec<&str> = CANARIES.to_vec();
    secrets.extend([session.as_str(), token.as_str(), "$argon2"]);
    let clean = |what: &str, text: &str| {
        assert!(!text.is_empty(), "{what} is empty");
        for secret in &secrets {
            assert!(!text.contains(secret), "{secret} in {what}: {text}");
        }
    };
    for answer in &answers {
        for secret in CANARIES {
            assert!(!answer.body.contains(secret), "{secret} in {answer:?}");
        }
    }
    // `/directory` is the export.
    for path in [
        "/api/v1/lab/requests",
        "/metrics",
        "/api/v1/users",
        "/api/v1/app-users",
        "/api/v1/tokens",
        "/api/v1/calls",
        "/api/v1/directory",
    ] {
        let response = server.get(path).await;
        assert_eq!(response.status, 200, "{path}");
        clean(path, &response.body);
    }
    let heard = tokio::time::timeout(LIMIT, events.next()).await.unwrap();
    clean("events", &format!("{heard:?}"));
    clean(
        "the program's own description",
        &format!("{:?}", server.program.app),
    );
    let folder = server.program.addresses.certificate.clone();
    assert_eq!(folder, None, "no TLS here");
    let server = server
        .restarted_as(
            FIXTURE,
            |database| {
                // Everything that a copy of the folder would hold; passwords are in it as hashes.
                for file in std::fs::read_dir(database.parent().unwrap()).unwrap() {
                    let path = file.unwrap().path();
                    let bytes = std::fs::read(&path).unwrap();
                    for secret in secrets.iter().filter(|secret| **secret != "$argon2") {
                        assert!(
                            !contains(&bytes, secret.as_bytes()),
                            "{secret} in {}",
                            path.display()
                        );
                    }
                }
            },
            |_| {},
        )
        .await;
    server.program.stop().await;
    let bytes = log.0.lock().unwrap().clone();
    clean("logs", &String::from_utf8_lossy(&bytes));
}

/// A secret that comes by a file or the environment is in no process listing; what a command makes of it is not either.
#[test]
fn ad_06_no_secret_is_in_the_process_listing() {
    let server = serve();
    let listing = |pid: u32| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    assert!(!contains(
        &listing(server.child.id()),
        server.token.as_bytes()
    ));
    let file = server.folder.path().join("token");
    std::fs::write(&file, &server.token).unwrap();
    let mut events = cordboard()
        .args([
            "events",
            "--follow",
            "--server",
            &server.http,
            "--token-file",
        ])
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = std::time::Instant::now();
    let shown = loop {
        let shown = listing(events.id());
        // Before that it is still this program.
        if contains(&shown, b"--token-file") {
            break shown;
        }
        assert!(begun.elapsed() < LIMIT, "it does not start");
        std::thread::yield_now();
    };
    events.kill().unwrap();
    events.wait().unwrap();
    assert!(!contains(&shown, server.token.as_bytes()));
}
