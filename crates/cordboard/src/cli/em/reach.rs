//! How the commands of Extension Mobility reach a cluster, who they say they are, and how they tell a failure.

use crate::cli::connect::{Account, TrustChoice};
use crate::cli::{NO_PERMISSION, PROTOCOL, REFUSED, UNAVAILABLE, Usage, plain, print_out};
use cordboard_client::mobility::{
    Caller, Certificate, Code, Form, MobilityClient, MobilityError, Options,
};
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Reach {
    /// The cluster's nodes, such as https://cucm.example.com:8443; the next is asked when one gives no answer
    #[arg(
        long = "server",
        env = "CORDBOARD_SERVER",
        value_name = "URL",
        required = true,
        value_delimiter = ','
    )]
    servers: Vec<String>,
    #[command(flatten)]
    account: Account,
    /// How the request is sent: post, multipart, get or get-raw; the last two put the password into the address, which servers log
    #[arg(long, default_value = "post", value_name = "FORM")]
    form: Form,
    /// Leave user ids unescaped, for releases before 10
    #[arg(long)]
    raw_user_ids: bool,
    /// How long an answer may take, in seconds
    #[arg(long, default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    #[command(flatten)]
    trust: TrustChoice,
    /// Print one JSON object for programs; a failure is an object with error, code, name and text
    #[arg(long)]
    pub(super) json: bool,
}

impl Reach {
    pub(super) fn client(&self) -> Result<MobilityClient, Usage> {
        self.client_with(Options::default())
    }

    /// A client that leaves a busy server to its caller, for so many requests at once.
    pub(super) fn client_for(&self, in_flight: usize) -> Result<MobilityClient, Usage> {
        self.client_with(Options {
            in_flight,
            busy_retries: 0,
            ..Options::default()
        })
    }

    fn client_with(&self, options: Options) -> Result<MobilityClient, Usage> {
        let options = Options {
            form: self.form,
            raw_user_ids: self.raw_user_ids,
            timeout: Duration::from_secs(self.timeout),
            ..options
        };
        MobilityClient::new(&self.servers, &self.trust.trust()?, self.caller()?, options)
            .map_err(|error| Usage::new(error.to_string()))
    }

    fn caller(&self) -> Result<Caller, Usage> {
        let (id, password) = self.account.known()?;
        Ok(Caller {
            id,
            certificate: Certificate::Password(password),
        })
    }

    /// Prints a result: an object for programs, lines for people.
    pub(super) fn print(&self, value: &Value, lines: &[&str]) {
        if self.json {
            print_out(&format!("{value}\n"));
            return;
        }
        for line in lines {
            say(line);
        }
    }

    /// Prints what went wrong and answers the exit status that says so.
    pub(super) fn refused(&self, error: &MobilityError) -> u8 {
        if self.json {
            print_out(&format!("{}\n", told(error)));
        }
        eprintln!("cordboard: {}", plain(&error.to_string()));
        status(error)
    }
}

/// Prints a line for people.
pub(super) fn say(line: &str) {
    print_out(&format!("{}\n", plain(line)));
}

/// A failure for programs.
pub(super) fn told(error: &MobilityError) -> Value {
    match error {
        MobilityError::Refused(refused) => json!({
            "error": error.to_string(), "code": refused.code.number(), "name": refused.name(), "text": refused.text,
        }),
        _ => untold(&error.to_string()),
    }
}

/// A failure that is not the server's, for programs.
pub(super) fn untold(error: &str) -> Value {
    json!({ "error": error, "code": null, "name": null, "text": null })
}

/// Prints one.
pub(super) fn print_failure(error: &str) {
    print_out(&format!("{}\n", untold(error)));
}

pub(super) fn status(error: &MobilityError) -> u8 {
    match error {
        MobilityError::Unreachable { .. } => UNAVAILABLE,
        MobilityError::NotThisProtocol { .. } => PROTOCOL,
        MobilityError::Refused(refused) if is_about_the_caller(refused.code) => NO_PERMISSION,
        MobilityError::Refused(_) => REFUSED,
    }
}

/// Refuses whatever this caller asks next as well.
pub(super) fn is_about_the_caller(code: Code) -> bool {
    matches!(
        code,
        Code::Unauthorised | Code::InvalidCaller | Code::ChangePassword
    )
}
