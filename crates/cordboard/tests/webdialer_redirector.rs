//! What the Redirector's page reads and says. [webdialer §8.5]

mod common;

use common::browser::{Browser, fault, is, server, server_with};
use cordboard::ops::config::Cluster;

const REDIRECTOR: &str = "/webdialer/WebdialerRedirector";

#[tokio::test]
async fn a_number_is_read_as_the_pages_read_it_and_arrives_through_the_form_as_it_was() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    for (written, shown, carried) in [
        ("030%u20111234", "030\u{2011}1234", "030%E2%80%911234"),
        ("+4930123", "+4930123", "%2B4930123"),
        ("J%F6rg", "Jörg", "J%C3%B6rg"),
    ] {
        let target = format!("{REDIRECTOR}?%64estination={written}");
        let form = browser.ask("GET", &target, &[], "").await;
        is(&form, "Redirector");
        let field = form.body.replace("&#43;", "+");
        let field = field.contains(&format!("name=\"destination\" value=\"{shown}\""));
        assert!(field, "{shown}: {}", form.body);
        let body = format!("uid=bill&destination={carried}");
        let sent = browser.ask("POST", REDIRECTOR, &[], &body).await;
        let to = sent.header("location").unwrap_or_default().to_owned();
        assert_eq!(to, format!("/webdialer/Webdialer?destination={carried}"));
        let page = browser.ask("GET", &to, &[], "").await;
        assert!(page.body.contains(shown), "{}", page.body);
    }
    // A user id, too: as the pages' form writes it and as JavaScript's `escape` does.
    for uid in [
        "j%C3%B6rg%20%26%20s%C3%B6hne",
        "j%F6rg+%26+s%F6hne",
        "j%u00F6rg%20%26%20s%u00F6hne",
    ] {
        let target = format!("{REDIRECTOR}?uid={uid}&destination=1");
        let sent = browser.ask("GET", &target, &[], "").await;
        assert_eq!(sent.status, 302, "{uid}: {}", sent.body);
    }
    server.program.stop().await;
}

#[tokio::test]
async fn the_redirector_speaks_french_and_looks_like_the_pages() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    let french = [("Accept-Language", "fr-CA,en;q=0.5")];
    let hinted = format!("{REDIRECTOR}?uid=nobody&lang=null&loc=fr_FR");
    for (target, headers) in [
        (format!("{REDIRECTOR}?uid=nobody"), &french[..]),
        (hinted, &[]),
    ] {
        let page = browser.ask("GET", &target, headers, "").await;
        is(&page, "Redirecteur");
        for part in [
            "<html lang=\"fr\">",
            "initial-scale=1",
            "/webdialer/assets/style.css",
            "Échec de l'authentification",
            "<th scope=\"row\">celui-ci</th><td>non</td>",
        ] {
            let body = page.body.replace("&#39;", "'");
            assert!(body.contains(part), "{part} in {body}");
        }
        assert!(!page.body.contains("<script"), "{}", page.body);
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("style-src 'self'") && !policy.contains("script-src"));
    }
    // Who is signed in and prefers French gets it here, too.
    browser.sign_in().await;
    let saved = "cmd=doSetProfile&deviceMode=permanent&permDeviceSelect=SEPA&lineNumber=1&lang=fr";
    browser.post(saved).await;
    let target = format!("{REDIRECTOR}?uid=nobody");
    is(&browser.ask("GET", &target, &[], "").await, "Redirecteur");
    server.program.stop().await;
}

#[tokio::test]
async fn a_directory_that_nobody_could_ask_has_not_said_no() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let server = server_with(|c| {
        c.clusters = vec![Cluster {
            name: "two".into(),
            webdialer: format!("https://{address}"),
            ..Cluster::default()
        }];
    })
    .await;
    let question = r#"{"user": "nobody"}"#;
    let ask = async || {
        server
            .post_json("/api/v1/explain/home", question)
            .await
            .json()
    };
    assert_eq!(
        ask().await["why"],
        "he is not in our directory, and nothing is known from two"
    );
    fault(&server, r#"{"on": "directory", "kind": "down"}"#).await;
    assert_eq!(
        ask().await["why"],
        "our own directory cannot be asked, and nothing is known from two"
    );
    let page = server.get(&format!("{REDIRECTOR}?uid=nobody")).await;
    assert_eq!(page.status, 503);
    let row = "<th scope=\"row\">this one</th><td>no answer</td>";
    assert!(page.body.contains(row), "{}", page.body);
    assert!(!page.body.contains("<td>no</td>"), "{}", page.body);
    server.program.stop().await;
}
