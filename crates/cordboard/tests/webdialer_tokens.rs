//! Whose tokens work. [webdialer §10]

mod common;

use common::browser::server;
use serde_json::json;

const W70: &str = "/webdialer/services/WebdialerSoapService70";

#[tokio::test]
async fn a_token_outlives_its_owners_password_but_not_his_account() {
    let server = server().await;
    let question = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>\
        <getPrimaryLine xmlns=\"urn:WD70\"><in0><token>TOK-BILL</token></in0></getPrimaryLine></e:Body></e:Envelope>";
    let headers = [("Content-Type", "application/json"), ("If-Match", "*")];
    for (credential, works) in [("active", true), ("expired", true), ("locked", false)] {
        let bill = json!({
            "id": "bill", "password": "123", "credential": credential, "devices": ["SEPA"],
            "primary_line": {"number": "1001", "partition": "PT_A"}
        });
        let changed = server
            .request(
                "PUT",
                "/api/v1/users/bill",
                &headers,
                bill.to_string().as_bytes(),
            )
            .await;
        assert!(changed.status < 300, "{}", changed.body);
        let answer = server.soap(W70, question).await;
        assert_eq!(answer.body.contains("1001"), works, "{credential}");
    }
    server.program.stop().await;
}
