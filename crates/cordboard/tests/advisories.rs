//! Advisories of this field: what happened elsewhere must not happen here. Each test carries its advisory's number, and
//! `docs/security.md` has a row for each.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::browser::{Browser, CROSS, PATH, calls, is};
use common::mobility::{self, D1, code_of};
use common::{Response, Server};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;

const FIXTURE: &str = include_str!("common/webdialer.toml");
const W70: &str = "/webdialer/services/WebdialerSoapService70";
const LEG: &str = "/webdialer/services/WebdialerSoapService";
const AX2: &str = "/webdialer/services/webdialer";
const SERVLET: &str = "/emservice/EMServiceServlet";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("Content-Type", "application/json");

async fn server() -> Server {
    Server::start(FIXTURE, |_| {}).await
}

/// A server whose API treats requests with this header as those of another machine.
async fn server_behind_a_proxy() -> Server {
    Server::start(FIXTURE, |config| {
        config.listen.trusted_proxies = vec!["127.0.0.1".into()];
    })
    .await
}
const ELSEWHERE: (&str, &str) = ("X-Forwarded-For", "198.51.100.1");

fn envelope(body: &str) -> String {
    format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>{body}</e:Body></e:Envelope>"
    )
}

fn make_call(credential: &str, user: &str) -> String {
    envelope(&format!(
        "<makeCallSoap xmlns=\"urn:WD70\"><in0>{credential}</in0><in1>5550109</in1>\
         <in2><user>{user}</user><deviceName>SEPA</deviceName></in2></makeCallSoap>"
    ))
}

fn password(user: &str, password: &str) -> String {
    format!("<userID>{user}</userID><password>{password}</password>")
}

fn code(response: &Response) -> u8 {
    let (_, rest) = response.body.split_once("responseCode").unwrap();
    let (_, rest) = rest.split_once('>').unwrap();
    rest.split('<').next().unwrap().parse().unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path.to_string_lossy().into_owned(), text));
        }
    }
    found
}

#[tokio::test]
async fn ad_01_no_address_and_no_file_that_a_request_names_is_opened() {
    let server = server().await;
    let lure = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = lure.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("canary");
    std::fs::write(&file, "CONTENT-OF-THE-CANARY").unwrap();
    let mut answers = Vec::new();
    for url in [
        format!("http://127.0.0.1:{port}/x"),
        format!("http://localhost:{port}/x"),
        format!("http://2130706433:{port}/x"),
        format!("http://0x7f.0.0.1:{port}/x"),
        format!("http://0177.0.0.1:{port}/x"),
        format!("http://[::ffff:127.0.0.1]:{port}/x"),
        format!("file://{}", file.display()),
        file.display().to_string(),
        format!("../../../../../../../../..{}", file.display()),
    ] {
        let call = make_call(&password("bill", "123"), "bill");
        let documents = [
            format!("<!DOCTYPE e SYSTEM \"{url}\">{call}"),
            format!("<!DOCTYPE e [<!ENTITY x SYSTEM \"{url}\">]>{}", call.replace("5550109", "&x;")),
            format!("<!DOCTYPE e [<!ENTITY % x SYSTEM \"{url}\"> %x;]>{call}"),
            format!("<?xml-stylesheet href=\"{url}\"?>{call}"),
            call.replace("5550109", &format!("<i:include xmlns:i=\"http://www.w3.org/2001/XInclude\" href=\"{url}\" parse=\"text\"/>")),
            call.replace("<in1>", &format!("<in1 xmlns:s=\"http://www.w3.org/2001/XMLSchema-instance\" s:schemaLocation=\"urn:WD70 {url}\">")),
            call.replace("<in1>5550109</in1>", &format!("<in1 href=\"{url}\"/>")),
            make_call(&password(&url, &url), &url),
            call.replace("5550109", &url),
            call.replace("SEPA", &url),
        ];
        for document in &documents {
            for service in [W70, LEG, AX2] {
                answers.push(server.soap(service, document).await);
            }
            let form = format!("xml={}", mobility::encoded(document));
            answers.push(
                server
                    .request("POST", SERVLET, &[FORM], form.as_bytes())
                    .await,
            );
        }
        let login = mobility::request(&mobility::login_with(
            D1,
            &url,
            &format!("<remoteIPAddr>{url}</remoteIPAddr>"),
        ));
        let form = format!("xml={}", mobility::encoded(&login));
        answers.push(
            server
                .request("POST", SERVLET, &[FORM], form.as_bytes())
                .await,
        );
        let query = mobility::encoded(&url);
        for page in [PATH, "/webdialer/Redirector"] {
            let fields = format!(
                "destination={query}&uid={query}&red={query}&ref={query}&loc={query}&lang={query}&url={query}"
            );
            answers.push(server.get(&format!("{page}?{fields}")).await);
            answers.push(
                server
                    .request("POST", page, &[FORM], fields.as_bytes())
                    .await,
            );
        }
        let headers = [JSON, ("Referer", url.as_str()), ("Origin", url.as_str())];
        for body in [
            json!({"device": url, "to": url}),
            json!({"device": "SEPA", "to": url}),
            json!({"id": url, "devices": [url]}),
        ] {
            for target in ["/api/v1/calls", "/api/v1/users", "/api/v1/explain/home"] {
                answers.push(
                    server
                        .request("POST", target, &headers, body.to_string().as_bytes())
                        .await,
                );
            }
        }
        answers.push(server.get(&format!("/api/v1/users/{query}")).await);
    }
    for answer in &answers {
        assert!(!answer.body.contains("CONTENT-OF-THE-CANARY"), "{answer:?}");
        if let Some(location) = answer.header("location") {
            assert!(
                location.starts_with("/webdialer/") || location.starts_with("/api/"),
                "{location}"
            );
        }
    }
    tokio::select! {
        biased;
        _ = lure.accept() => panic!("an address of a request was connected to"),
        () = std::future::ready(()) => {}
    }
}

/// Outgoing connections begin in these places only, and take their addresses from the configuration (or, in `cli`, from the user's
/// command line).
#[test]
fn ad_01_outgoing_connections_begin_in_known_places_only() {
    let known = [
        (
            "src/services/webdialer/homes.rs",
            "the addresses of [[cluster]]",
        ),
        (
            "src/services/mobility/trust.rs",
            "looks up mobility.trusted_ips",
        ),
        ("src/program.rs", "looks up [listen]"),
    ];
    let mut found = BTreeSet::new();
    for (path, text) in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let path = path
            .split_once("/crates/cordboard/")
            .map_or(path.clone(), |(_, rest)| rest.to_owned());
        let code = text.split("#[cfg(test)]").next().unwrap();
        let connects = [
            "TcpStream::connect",
            "reqwest::",
            "lookup_host",
            "UdpSocket",
            "TcpSocket",
        ];
        if !path.starts_with("src/cli/") && connects.iter().any(|word| code.contains(word)) {
            found.insert(path);
        }
    }
    for (path, _) in known {
        found.remove(path);
    }
    assert!(
        found.is_empty(),
        "say where their addresses come from: {found:?}"
    );
}

#[tokio::test]
async fn ad_01_no_administrative_service_answers_and_an_unknown_one_is_a_fault() {
    let server = server().await;
    for path in [
        "/webdialer/services/AdminService",
        "/webdialer/services/Version",
        "/webdialer/services/SOAPMonitorService",
        "/webdialer/services/EchoHeaders",
        "/webdialer/services/urn:xmltoday-delayed-quotes",
    ] {
        let got = server.get(&format!("{path}?wsdl")).await;
        assert_eq!(got.status, 404, "{path}");
        let deploy = envelope("<deployment xmlns=\"http://xml.apache.org/axis/wsdd/\"/>");
        let posted = server.soap(path, &deploy).await;
        assert!(
            posted.status == 500 && posted.body.contains("Server.NoService"),
            "{path}: {posted:?}"
        );
    }
    for path in [
        "/webdialer/servlet/AxisServlet",
        "/webdialer/servlet/AdminServlet",
        "/webdialer/happyaxis.jsp",
        "/webdialer/EchoHeaders.jws",
        "/webdialer/axis2-admin/",
        "/webdialer/services/../axis2-web/index.jsp",
        "/webdialer/WEB-INF/server-config.wsdd",
        "/webdialer/manager/html",
    ] {
        let status = server.get(path).await.status;
        assert!(matches!(status, 400 | 404), "{path}: {status}");
        let status = server.soap(path, "<x/>").await.status;
        assert!(matches!(status, 400 | 404 | 405 | 500), "{path}: {status}");
    }
    for service in [W70, LEG, AX2] {
        for operation in ["deployment", "getVersion", "invoke", "main"] {
            let answer = server
                .soap(
                    service,
                    &envelope(&format!("<{operation} xmlns=\"urn:WD70\"/>")),
                )
                .await;
            assert!(
                answer.status == 500 && answer.body.contains("Fault>"),
                "{operation}: {answer:?}"
            );
        }
    }
}

#[tokio::test]
async fn ad_02_a_get_calls_nothing() {
    let server = server().await;
    for service in [W70, LEG, AX2] {
        for query in [
            "method=makeCallSoap&in0=bill&in1=5550109",
            "method=isClusterUserSoap&in0=bill",
            "method=!--%3E%3CisClusterUserSoap%3E",
            "invoke=isClusterUserSoap",
        ] {
            let answer = server.get(&format!("{service}?{query}")).await;
            assert!(!answer.body.contains("Envelope"), "{query}: {answer:?}");
        }
    }
    assert_eq!(calls(&server).await, 0);
}

#[tokio::test]
async fn ad_02_errors_escape_what_they_repeat() {
    let server = server().await;
    let evil = "<script>alert(1)</script>";
    let escaped = "%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let mut answers = vec![
        server.get(&format!("/webdialer/services/{evil}")).await,
        server
            .get(&format!("/webdialer/services/{escaped}?wsdl"))
            .await,
        server
            .soap(&format!("/webdialer/services/{evil}"), "<x/>")
            .await,
        server
            .get(&format!(
                "{PATH}?destination={escaped}&uid={escaped}&cmd={escaped}"
            ))
            .await,
        server
            .get(&format!(
                "/webdialer/Redirector?destination={escaped}&uid={escaped}"
            ))
            .await,
        server.get(&format!("/api/v1/users/{escaped}")).await,
        server.get(&format!("/api/v1/calls?state={escaped}")).await,
    ];
    let written = "&lt;script&gt;alert(1)&lt;/script&gt;";
    for document in [
        make_call(&password(written, "x"), written),
        make_call(&password("bill", "123"), "bill").replace("5550109", written),
        make_call(&password("bill", "123"), "bill").replace("SEPA", written),
        envelope(&format!("<makeCallSoap xmlns=\"{written}\"/>")),
        envelope(&format!(
            "<unknown xmlns=\"{written}\" a=\"{written}\">{written}</unknown>"
        )),
    ] {
        for service in [W70, LEG, AX2] {
            answers.push(server.soap(service, &document).await);
        }
    }
    let login = mobility::request(&mobility::login(written, written));
    let form = format!("xml={}", mobility::encoded(&login));
    answers.push(
        server
            .request("POST", SERVLET, &[FORM], form.as_bytes())
            .await,
    );
    for answer in answers {
        let is_json = answer
            .header("content-type")
            .is_some_and(|kind| kind.contains("json"));
        assert!(is_json || !answer.body.contains("<script>"), "{answer:?}");
    }
}

/// Every operation of the API's document with a request body where it has one: (method, target, body wanted).
async fn operations(server: &Server) -> Vec<(String, String, bool)> {
    let document = server.get("/api/v1/openapi.json").await.json();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let mut target = String::new();
        for (index, part) in path.split(['{', '}']).enumerate() {
            target.push_str(match part {
                "index" => "1",
                part if index % 2 == 0 => part,
                _ => "x",
            });
        }
        for (method, operation) in methods.as_object().unwrap() {
            let has_body = operation["requestBody"].is_object();
            operations.push((method.to_uppercase(), target.clone(), has_body));
        }
    }
    assert!(operations.len() > 40, "{}", operations.len());
    operations
}

#[tokio::test]
async fn ad_04_management_asks_for_a_token_everywhere() {
    let server = server_behind_a_proxy().await;
    for (method, target, _) in operations(&server).await {
        let forged = ("Authorization", "Bearer cba_forged");
        for headers in [vec![ELSEWHERE, JSON], vec![ELSEWHERE, JSON, forged]] {
            let answer = server.request(&method, &target, &headers, b"{}").await;
            assert_eq!(answer.status, 401, "{method} {target}: {}", answer.body);
        }
    }
    // Neither does a path that is written in another way go round it.
    for target in [
        "//api/v1/users",
        "/api/v1//users",
        "/api/v1/users/",
        "/api/v1;x=y/users",
        "/API/v1/users",
        "/api/v1/./users",
    ] {
        let answer = server.request("GET", target, &[ELSEWHERE], b"").await;
        assert!(
            matches!(answer.status, 400 | 401 | 404),
            "{target}: {}",
            answer.status
        );
        assert!(!answer.body.contains("bill"), "{target}");
    }
}

#[tokio::test]
async fn ad_04_typed_bodies_refuse_fields_they_do_not_know_and_name_no_types() {
    let server = server().await;
    let headers = [JSON, ("If-Match", "*")];
    let mut tried = 0;
    for (method, target, has_body) in operations(&server).await {
        if !has_body || target == "/api/v1/directory" {
            continue;
        }
        for field in ["@type", "$type", "@class", "__proto__", "is_admin"] {
            let body = json!({ field: "java.lang.ProcessBuilder" }).to_string();
            let answer = server
                .request(&method, &target, &headers, body.as_bytes())
                .await;
            let says_so = ["no-such", "not-found"]
                .iter()
                .any(|kind| answer.body.contains(kind));
            let unknown = answer.status == 404 && says_so;
            assert!(
                answer.status == 400 || unknown,
                "{method} {target} {field}: {answer:?}"
            );
            tried += usize::from(answer.status == 400);
        }
        // Java's, Python's and PHP's serialised objects are no JSON.
        for body in [
            &b"\xac\xed\x00\x05sr\x00"[..],
            b"\x80\x04\x95",
            b"O:8:\"stdClass\":0:{}",
        ] {
            let answer = server.request(&method, &target, &headers, body).await;
            assert!(
                matches!(answer.status, 400 | 404),
                "{method} {target}: {answer:?}"
            );
        }
    }
    assert!(tried > 50, "{tried}");
}

#[tokio::test]
async fn ad_09_a_token_is_good_for_its_own_user_its_own_door_and_its_own_time() {
    let server = server_behind_a_proxy().await;
    let api = server
        .post_json("/api/v1/tokens", r#"{"name": "x", "roles": ["admin"]}"#)
        .await
        .json();
    let api_token = api["token"].as_str().unwrap();
    let body = json!({"expires_at": "2099-01-01T00:00:00Z"}).to_string();
    let made = server.post_json("/api/v1/users/bill/tokens", &body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let user_token = made.json()["token"].as_str().unwrap().to_owned();
    let by_token = async |token: &str, user: &str| {
        let credential = match user {
            "" => format!("<token>{token}</token>"),
            user => format!("<userID>{user}</userID><token>{token}</token>"),
        };
        let question = envelope(&format!(
            "<getPrimaryLine xmlns=\"urn:WD70\"><in0>{credential}</in0></getPrimaryLine>"
        ));
        server.soap(W70, &question).await.body.contains("1001")
    };
    let by_bearer = async |token: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [ELSEWHERE, ("Authorization", bearer.as_str())];
        server
            .request("GET", "/api/v1/users", &headers, b"")
            .await
            .status
    };
    assert!(by_token("TOK-BILL", "").await && by_token(&user_token, "").await);
    assert_eq!(by_bearer(api_token).await, 200);
    // Another door's.
    assert_eq!(by_bearer(&user_token).await, 401);
    assert_eq!(by_bearer("TOK-BILL").await, 401);
    assert!(!by_token(api_token, "bill").await);
    // Unsigned, of another algorithm, longer, shorter, of another letter case.
    let part = |text: &str| base64_url(text.as_bytes());
    let claims = part(r#"{"sub":"bill","exp":4102444800,"roles":["admin"]}"#);
    let mut forged = vec![
        format!("{}.{claims}.", part(r#"{"alg":"none"}"#)),
        format!(
            "{}.{claims}.{}",
            part(r#"{"alg":"HS256"}"#),
            part("signature")
        ),
        format!(
            "{}.{claims}.{}",
            part(r#"{"alg":"RS256"}"#),
            part("signature")
        ),
        String::new(),
    ];
    for token in [api_token, &user_token] {
        forged.extend([
            format!("{token}x"),
            token[..token.len() - 1].to_owned(),
            token.to_uppercase(),
        ]);
    }
    for token in &forged {
        assert!(!by_token(token, "bill").await, "{token}");
        assert_eq!(by_bearer(token).await, 401, "{token}");
    }
    // Another user's: it does not make its bearer that user.
    let other = make_call("<userID>ann</userID><token>TOK-BILL</token>", "ann");
    assert_ne!(code(&server.soap(W70, &other).await), 0);
    // Expired, and revoked.
    let body = json!({"name": "short", "expires_at": "2099-01-01T00:00:00Z", "roles": ["reader"]})
        .to_string();
    let short = server.post_json("/api/v1/tokens", &body).await.json();
    let short_token = short["token"].as_str().unwrap();
    assert_eq!(by_bearer(short_token).await, 200);
    let gone = server
        .request(
            "DELETE",
            &format!("/api/v1/tokens/{}", api["id"].as_str().unwrap()),
            &[],
            b"",
        )
        .await;
    assert_eq!(gone.status, 204);
    assert_eq!(by_bearer(api_token).await, 401, "revoked");
    let century = json!({"advance_ms": 100 * 366 * 86_400_000_u64}).to_string();
    server.post_json("/api/v1/lab/clock", &century).await;
    assert_eq!(by_bearer(short_token).await, 401, "expired");
    assert!(!by_token(&user_token, "").await, "expired");
}

fn base64_url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[tokio::test]
async fn ad_11_pages_escape_whatever_they_show() {
    let server = server().await;
    let evil = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>";
    let encoded = mobility::encoded(evil);
    let mut browser = Browser::new(&server);
    let mut pages = Vec::new();
    for field in [
        "destination",
        "uid",
        "cmd",
        "loc",
        "lang",
        "red",
        "ref",
        "appid",
        "device",
        "lineNumber",
        "sub",
    ] {
        pages.push(browser.get(&format!("{field}={encoded}")).await);
        pages.push(browser.post(&format!("{field}={encoded}")).await);
        pages.push(
            server
                .get(&format!("/webdialer/Redirector?uid=bill&{field}={encoded}"))
                .await,
        );
    }
    pages.push(
        browser
            .post(&format!("cmd=doAuth&uid={encoded}&pwd={encoded}"))
            .await,
    );
    browser.set_up().await;
    for field in [
        "destination",
        "permDeviceSelect",
        "lineNumber",
        "lang",
        "cmd",
    ] {
        pages.push(
            browser
                .post(&format!(
                    "cmd=doSetProfile&deviceMode=permanent&{field}={encoded}"
                ))
                .await,
        );
        pages.push(browser.get(&format!("{field}={encoded}")).await);
    }
    for page in pages {
        assert!(
            !page.body.contains("<script>alert") && !page.body.contains("<img src=x"),
            "{}",
            page.body
        );
        for (_, value) in &page.headers {
            assert!(!value.contains("<script>"), "{value}");
        }
    }
}

#[tokio::test]
async fn ad_11_a_name_is_data_to_the_database() {
    let server = server().await;
    let before = server.get("/api/v1/users").await.json()["users"]
        .as_array()
        .unwrap()
        .len();
    let mut added = 0;
    for name in [
        "x'; DROP TABLE user; --",
        "x\" OR \"1\"=\"1",
        "' UNION SELECT hash FROM token --",
        "%",
        "_",
        "x'",
    ] {
        let made = server
            .post_json(
                "/api/v1/users",
                &json!({"id": name, "password": "p"}).to_string(),
            )
            .await;
        assert_eq!(made.status, 201, "{name}: {}", made.body);
        added += 1;
        let read = server
            .get(&format!(
                "/api/v1/users/{}",
                mobility::encoded(name).replace('+', "%20")
            ))
            .await;
        assert_eq!(read.json()["id"], name);
        let asked = mobility::encoded(name);
        for target in [
            format!("/api/v1/calls?user={asked}"),
            format!("/api/v1/calls?device={asked}"),
            format!("/api/v1/mobility/history?user={asked}"),
            format!("/api/v1/lines?number={asked}"),
        ] {
            let status = server.get(&target).await.status;
            assert!(matches!(status, 200 | 400), "{target}: {status}");
        }
        let question = envelope(&format!(
            "<isClusterUserSoap xmlns=\"urn:WD70\"><in0>{}</in0></isClusterUserSoap>",
            name.replace('"', "&quot;")
        ));
        assert!(
            server.soap(W70, &question).await.body.contains(">true<"),
            "{name}"
        );
    }
    let server = server.restarted(FIXTURE).await;
    let after = server.get("/api/v1/users").await.json()["users"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(after, before + added);
}

#[test]
fn ad_11_no_statement_is_put_together_from_values() {
    // Names of tables, which the program writes itself.
    let own = ["{table}"];
    for (path, text) in sources(&root().join("crates/store/src")) {
        for (number, line) in text.lines().enumerate() {
            let statement = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "REPLACE "];
            let is_statement = statement
                .iter()
                .any(|word| line.contains(&format!("\"{word}")));
            let rest = own
                .iter()
                .fold(line.to_owned(), |rest, name| rest.replace(name, ""));
            let is_filled = rest.split('"').nth(1).is_some_and(|sql| sql.contains('{'));
            assert!(
                !(is_statement && is_filled),
                "{path}:{}: {line}",
                number + 1
            );
        }
        // Their functions take no other.
        assert!(!text.contains("table: &str"), "{path}");
    }
}

/// A page without the mark that is another on each page.
fn without_once(page: &str) -> String {
    let (before, rest) = page.split_once("name=\"once\" value=\"").unwrap();
    let (_, after) = rest.split_once('"').unwrap();
    before.to_owned() + after
}

#[tokio::test]
async fn ad_11_a_cookie_alone_changes_nothing_from_another_site() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    browser.set_up().await;
    let origin = ("Origin", "https://evil.example");
    let preferences = without_once(&browser.get("destination=").await.body);
    for command in [
        "cmd=doMakeCall&sub=true&destination=5550109",
        "destination=5550109",
        "cmd=doSetProfile&deviceMode=permanent&permDeviceSelect=CSFBILL&lineNumber=1&noConfDialog=true&lang=fr",
        "cmd=doEndCall",
        "cmd=doLogout",
    ] {
        for headers in [&[CROSS][..], &[CROSS, origin], &[origin]] {
            browser.ask("POST", PATH, headers, command).await;
            browser
                .ask("GET", &format!("{PATH}?{command}"), headers, "")
                .await;
        }
    }
    assert_eq!(calls(&server).await, 0);
    let after = without_once(&browser.get("destination=").await.body);
    assert_eq!(after, preferences, "signed in, and as it was");
}

async fn put(server: &Server, target: &str, body: Value) {
    let headers = [JSON, ("If-Match", "*")];
    let answer = server
        .request("PUT", target, &headers, body.to_string().as_bytes())
        .await;
    assert!(answer.status < 300, "{target}: {}", answer.body);
}

#[tokio::test]
async fn ad_13_a_new_password_a_lock_and_a_revoked_right_count_at_once() {
    let server = server().await;
    let question = |secret: &str| {
        let credential = password("bill", secret);
        envelope(&format!(
            "<getPrimaryLine xmlns=\"urn:WD70\"><in0>{credential}</in0></getPrimaryLine>"
        ))
    };
    let soap = async |secret: &str| {
        server
            .soap(W70, &question(secret))
            .await
            .body
            .contains("1001")
    };
    let bill = |secret: &str, state: &str| {
        json!({
            "id": "bill", "password": secret, "credential": state, "devices": ["SEPA", "CSFBILL"],
            "primary_line": {"number": "1001", "partition": "PT_A"}
        })
    };
    let mut browser = Browser::new(&server);
    browser.set_up().await;
    // Verified, so remembered.
    assert!(soap("123").await && soap("123").await);
    put(&server, "/api/v1/users/bill", bill("new", "active")).await;
    assert!(!soap("123").await, "the old password");
    assert!(soap("new").await, "the new password");
    is(&browser.get("destination=1").await, "Login");
    put(&server, "/api/v1/users/bill", bill("new", "locked")).await;
    assert!(!soap("new").await, "a locked account");
    put(&server, "/api/v1/users/bill", bill("new", "active")).await;
    assert!(soap("new").await);

    let proxy = make_call(&password("app", "s3cret"), "bill");
    assert_eq!(code(&server.soap(W70, &proxy).await), 0);
    put(
        &server,
        "/api/v1/app-users/app",
        json!({"id": "app", "password": "s3cret", "rights": []}),
    )
    .await;
    assert_eq!(
        code(&server.soap(W70, &proxy).await),
        3,
        "a right that was revoked"
    );
    let gone = server
        .request("DELETE", "/api/v1/app-users/app", &[("If-Match", "*")], b"")
        .await;
    assert_eq!(gone.status, 204, "{}", gone.body);
    assert_eq!(
        code(&server.soap(W70, &proxy).await),
        2,
        "an account that is gone"
    );
}

#[tokio::test]
async fn ad_13_extension_mobility_and_the_broker_forget_at_once_too() {
    let server = mobility::server().await;
    let login = mobility::login(D1, "jdoe");
    let caller = async |secret: &str| code_of(&server.asks_as(("emproxy", secret), &login).await);
    assert_eq!(caller("Pr0xy!").await, None);
    server.is_done(&mobility::logout(D1)).await;
    let rights = ["Standard EM Authentication Proxy Rights"];
    put(
        &server,
        "/api/v1/app-users/emproxy",
        json!({"id": "emproxy", "password": "other", "rights": rights}),
    )
    .await;
    assert_eq!(caller("Pr0xy!").await, Some(3), "the old password");
    assert_eq!(caller("other").await, None);
    put(
        &server,
        "/api/v1/app-users/emproxy",
        json!({"id": "emproxy", "password": "other", "rights": []}),
    )
    .await;
    assert_eq!(caller("other").await, Some(10), "a right that was revoked");
}

/// The numbers and tests that the table of `docs/security.md` names: (number, tests).
fn rows() -> Vec<(String, Vec<String>)> {
    let page = std::fs::read_to_string(root().join("docs/security.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| AD-"));
    let rows = rows.map(|line| {
        let number = line[2..7].to_owned();
        let names = line.split('`').skip(1).step_by(2);
        let tests = names.filter(|name| name.starts_with("ad_"));
        (number, tests.map(str::to_owned).collect())
    });
    rows.collect()
}

#[test]
fn every_advisory_has_a_row_every_row_a_test_and_every_test_its_row() {
    let mut there = BTreeSet::new();
    for folder in [
        "crates/cordboard/tests",
        "crates/cordboard/src",
        "crates/wire/src",
        "crates/client/src",
    ] {
        for (_, text) in sources(&root().join(folder)) {
            for line in text.lines() {
                let line = line.trim().trim_start_matches("async ");
                if let Some(name) = line.strip_prefix("fn ad_") {
                    there.insert(format!("ad_{}", name.split('(').next().unwrap()));
                }
            }
        }
    }
    let rows = rows();
    let numbers: Vec<&str> = rows.iter().map(|(number, _)| number.as_str()).collect();
    let wanted = [
        "AD-01", "AD-02", "AD-03", "AD-04", "AD-05", "AD-06", "AD-07", "AD-08", "AD-09", "AD-10",
        "AD-11", "AD-13", "AD-16",
    ];
    assert_eq!(numbers, wanted);
    let mut named = BTreeSet::new();
    for (number, tests) in rows {
        assert!(!tests.is_empty(), "{number} names no test");
        let prefix = format!("ad_{}_", &number[3..]);
        for test in tests {
            assert!(test.starts_with(&prefix), "{number} names {test}");
            named.insert(test);
        }
    }
    let missing: Vec<_> = named.difference(&there).collect();
    assert!(
        missing.is_empty(),
        "docs/security.md names tests that are not there: {missing:?}"
    );
    let without: Vec<_> = there.difference(&named).collect();
    assert!(
        without.is_empty(),
        "docs/security.md has no row for {without:?}"
    );
}
