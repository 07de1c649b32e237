//! The conformance cases of Extension Mobility's transport: where the document may be, and what HTTP is. [mobility §2, §15]

mod common;

use common::Server;
use common::mobility::*;
use std::time::{Duration, Instant};

/// A login, then a log-out, so that the next one finds the device free.
async fn logs_in_and_out(server: &Server, what: &str, answer: &str) {
    assert_eq!(answer, OK, "{what}");
    assert_eq!(server.user_on(D1).await.as_deref(), Some("jdoe"), "{what}");
    server.is_done(&logout(D1)).await;
}

async fn gets(server: &Server, query: &str) -> String {
    answer(&server.get(&format!("{SERVLET}?{query}")).await)
}

#[tokio::test]
async fn case_01_a_login_by_a_form_is_answered_in_four_lines() {
    let server = server().await;
    let answer = server.asks(&login(D1, "jdoe")).await;
    assert_eq!(answer, OK);
    assert_eq!(answer.lines().count(), 4);
}

#[tokio::test]
async fn case_02_the_document_may_be_a_part_of_a_form_of_several() {
    let server = server().await;
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"xml\"\r\n\r\n{}\r\n--b--\r\n",
        request(&login(D1, "jdoe"))
    );
    let response = server.posts("multipart/form-data; boundary=b", &body).await;
    logs_in_and_out(&server, "multipart", &answer(&response)).await;
}

#[tokio::test]
async fn case_03_the_document_may_be_in_the_query_of_a_get() {
    let server = server().await;
    let query = format!("xml={}", encoded(&request(&login(D1, "jdoe"))));
    logs_in_and_out(&server, "GET", &gets(&server, &query).await).await;
}

#[tokio::test]
async fn case_04_the_query_of_a_get_may_be_written_raw() {
    let server = server().await;
    let raw = request(&login(D1, "jdoe"));
    logs_in_and_out(&server, "raw", &gets(&server, &format!("xml={raw}")).await).await;
    let spaced = raw.replace("<login>", " <login> ");
    logs_in_and_out(
        &server,
        "spaces",
        &gets(&server, &format!("xml={spaced}")).await,
    )
    .await;
}

#[tokio::test]
async fn case_05_a_bare_document_is_no_form_unless_that_is_switched_on() {
    let text = request(&login(D1, "jdoe"));
    let first = server().await;
    let response = first.posts("text/xml", &text).await;
    assert_eq!(answer(&response), failure(1, "Parse Error: no field xml"));
    let second = server_with(|c| c.mobility.accept_raw_xml = true).await;
    let response = second.posts("text/xml; charset=utf-8", &text).await;
    assert_eq!(answer(&response), OK);
}

#[tokio::test]
async fn case_06_the_query_counts_whatever_the_body_is() {
    let server = server().await;
    let target = format!("{SERVLET}?xml={}", encoded(&request(&login(D1, "jdoe"))));
    let headers = [("Content-Type", "text/xml")];
    let response = server
        .request("POST", &target, &headers, b"junk & more")
        .await;
    logs_in_and_out(&server, "query", &answer(&response)).await;
}

#[tokio::test]
async fn case_07_other_fields_may_stand_before_the_document() {
    let server = server().await;
    let body = format!(
        "appid=x&appPassword=y&devicename=D9&userid=ghost&xml={}&deviceprofile=z",
        encoded(&request(&login(D1, "jdoe")))
    );
    logs_in_and_out(&server, "fields", &answer(&server.posts(FORM, &body).await)).await;
}

#[tokio::test]
async fn case_08_the_value_of_a_form_may_be_written_raw() {
    let server = server().await;
    let text = request(&login(D1, "jdoe"));
    let response = server.posts(FORM, &format!("xml={text}")).await;
    logs_in_and_out(&server, "raw", &answer(&response)).await;
    let some = text
        .replace('<', "%3c")
        .replace('/', "%2F")
        .replace("%3clogin>", "%0D%0A%3clogin>");
    let response = server.posts(FORM, &format!("xml={some}")).await;
    logs_in_and_out(&server, "partly", &answer(&response)).await;
}

#[tokio::test]
async fn case_09_the_query_comes_before_the_body() {
    let server = server().await;
    let target = format!("{SERVLET}?xml={}", encoded(&request(&login(D1, "jdoe"))));
    let body = format!("xml={}", encoded(&request(&login(D2, "asmith"))));
    let headers = [("Content-Type", FORM)];
    let response = server
        .request("POST", &target, &headers, body.as_bytes())
        .await;
    assert_eq!(answer(&response), OK);
    assert_eq!(server.user_on(D1).await.as_deref(), Some("jdoe"));
    assert_eq!(server.user_on(D2).await, None);
}

#[tokio::test]
async fn case_10_without_the_field_there_is_nothing_to_parse() {
    let server = server().await;
    let text = encoded(&request(&login(D1, "jdoe")));
    for body in ["", "a=b", "xml", "xml=", &format!("XML={text}")] {
        let refused = answer(&server.posts(FORM, body).await);
        assert_eq!(code_of(&refused), Some(1), "{body}");
    }
    assert_eq!(code_of(&gets(&server, "").await), Some(1));
    assert_eq!(server.user_on(D1).await, None);
}

#[tokio::test]
async fn case_11_an_authorization_header_is_not_looked_at() {
    let server = server().await;
    for value in ["Basic bm9ib2R5Om5vdGhpbmc=", "Basic", "Bearer x"] {
        let body = format!("xml={}", encoded(&request(&login(D1, "jdoe"))));
        let headers = [("Content-Type", FORM), ("Authorization", value)];
        let response = server
            .request("POST", SERVLET, &headers, body.as_bytes())
            .await;
        logs_in_and_out(&server, value, &answer(&response)).await;
    }
}

#[tokio::test]
async fn case_12_other_methods_are_forbidden_and_other_addresses_are_not_there() {
    let server = server().await;
    for method in ["PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "PATCH"] {
        let response = server.request(method, SERVLET, &[], b"").await;
        assert_eq!(
            (response.status, response.body.as_str()),
            (403, ""),
            "{method}"
        );
    }
    for path in [
        "/emservice/emserviceservlet",
        "/EMService/EMServiceServlet",
        "/emservice",
        "/emservice/x",
    ] {
        let response = server.get(path).await;
        assert_eq!(
            (response.status, response.body.as_str()),
            (404, ""),
            "{path}"
        );
    }
}

#[tokio::test]
async fn case_13_old_ways_of_http_are_understood() {
    let server = server().await;
    let text = format!("xml={}", encoded(&request(&login(D1, "jdoe"))));
    let old = format!(
        "POST {SERVLET} HTTP/1.0\r\nContent-Type: {FORM}\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    );
    logs_in_and_out(&server, "1.0", &answer(&server.raw(old.as_bytes()).await)).await;
    let (head, tail) = text.split_at(20);
    let chunked = format!(
        "POST {SERVLET} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nTransfer-Encoding: chunked\r\n\r\n\
         {:x}\r\n{head}\r\n{:x}\r\n{tail}\r\n0\r\n\r\n",
        head.len(),
        tail.len()
    );
    logs_in_and_out(
        &server,
        "chunked",
        &answer(&server.raw(chunked.as_bytes()).await),
    )
    .await;
    let blank = format!("\r\n\n \t{}\n", request(&login(D1, "jdoe")));
    logs_in_and_out(&server, "newlines", &server.sends(&blank).await).await;
    let expecting = format!(
        "POST {SERVLET} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        text.len()
    );
    let mut stream = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    use tokio::io::AsyncWriteExt;
    stream.write_all(expecting.as_bytes()).await.unwrap();
    let go_on = common::read_response(&mut stream).await.unwrap();
    assert_eq!(go_on.status, 100);
    stream.write_all(text.as_bytes()).await.unwrap();
    let response = common::read_response(&mut stream).await.unwrap();
    logs_in_and_out(&server, "100-continue", &answer(&response)).await;
}

#[tokio::test]
async fn case_14_a_prolog_is_passed_over_or_refused_and_a_doctype_always_refused() {
    let text = request(&login(D1, "jdoe"));
    let declared = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}");
    let named = text.replacen("<request>", "<request xmlns=\"urn:x\">", 1);
    let accepting = server().await;
    for document in [&declared, &named] {
        logs_in_and_out(&accepting, document, &accepting.sends(document).await).await;
    }
    let bombs =
        "<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&c;\">";
    // Nobody listens there: a connection would be an error, and waiting for one would take long.
    let outside = "<!DOCTYPE request SYSTEM \"http://192.0.2.1/LoginQuery.dtd\">";
    let begun = Instant::now();
    for doctype in [&format!("<!DOCTYPE request [{bombs}]>"), outside] {
        let refused = accepting.sends(&format!("{doctype}{text}")).await;
        assert_eq!(code_of(&refused), Some(1), "{doctype}");
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
    let rejecting =
        server_with(|c| c.mobility.prolog = cordboard::ops::config::Prolog::Reject).await;
    for document in [&declared, &named] {
        assert_eq!(
            code_of(&rejecting.sends(document).await),
            Some(1),
            "{document}"
        );
    }
    logs_in_and_out(&rejecting, "bare", &rejecting.sends(&text).await).await;
}

#[tokio::test]
async fn case_15_odd_passwords_work_when_they_are_escaped_and_are_cut_when_they_are_not() {
    let server = server().await;
    let section = request(&login(D1, "jdoe")).replace("Pr0xy!", "<![CDATA[Pr0xy!]]>");
    logs_in_and_out(&server, "CDATA", &server.sends(&section).await).await;
    let odd = ("odd", "a+b&c<d%e");
    let answer = server.asks_as(odd, &login(D1, "jdoe")).await;
    logs_in_and_out(&server, "escaped", &answer).await;
    let raw = document("request", odd, &login(D1, "jdoe"));
    assert_eq!(
        code_of(&gets(&server, &format!("xml={raw}")).await),
        Some(1)
    );
    assert_eq!(server.user_on(D1).await, None);
}

#[tokio::test]
async fn a_body_beyond_two_mebibytes_is_refused_and_one_below_is_read() {
    let server = server().await;
    let filled = |length: usize| {
        format!(
            "a={}&xml={}",
            "x".repeat(length),
            encoded(&query(&who(&[D1])))
        )
    };
    assert_eq!(server.posts(FORM, &filled(2_000_000)).await.status, 200);
    let head = format!(
        "POST {SERVLET} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: 2097153\r\n\r\n"
    );
    assert_eq!(server.raw(head.as_bytes()).await.status, 413);
}

#[tokio::test]
async fn the_grammar_that_the_originals_queries_name_can_be_fetched() {
    let server = server().await;
    let dtd = server.get("/emservice/jsp/LoginQuery.dtd").await;
    assert_eq!(
        (dtd.status, dtd.header("content-type")),
        (200, Some("application/xml-dtd"))
    );
    let query = dtd.body.lines().find(|line| line.contains("ELEMENT query"));
    let named = query.unwrap();
    for operation in [
        "deviceUserQuery",
        "userDevicesQuery",
        "deviceProfileQuery",
        "userDeviceProfileQuery",
        "checkUser",
    ] {
        assert!(named.contains(operation), "{operation}");
        let declared = format!("<!ELEMENT {operation} (");
        assert!(dtd.body.contains(&declared), "{operation}");
    }
}
