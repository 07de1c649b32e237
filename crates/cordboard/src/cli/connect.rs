//! How the client commands reach a server and who they say they are: by flag, else by environment.
//!
//! The environment is read here and not by clap: to clap a variable is as good as a flag, so that one left over in a shell
//! would contradict what the user has just typed.

use super::{Usage, memory};
use crate::services::tokens::Kind;
use cordboard_client::tls::{Pin, Trust};
use cordboard_client::webdialer::{DialectChoice, Options, WebDialerClient};
use cordboard_wire::Secret;
use cordboard_wire::webdialer::Credential;
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Server {
    /// The server, such as https://cucm.example.com:8443
    #[arg(long, env = "CORDBOARD_SERVER", value_name = "URL")]
    server: String,
    #[command(flatten)]
    pub(super) how: How,
}

#[derive(Debug, clap::Args)]
pub(super) struct How {
    /// The dialect: ax2, w70, leg, or auto: the one the server had last time, else the first it has in that order
    #[arg(long, default_value = "auto", value_name = "DIALECT")]
    dialect: DialectChoice,
    #[command(flatten)]
    trust: TrustChoice,
    /// Print JSON for programs; a failure is an object with error, code and text
    #[arg(long)]
    pub(super) json: bool,
}

/// Whom to trust.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct TrustChoice {
    /// Trust the certificates in this PEM file [env: CORDBOARD_CA]
    #[arg(long, value_name = "FILE", group = "trust", global = true)]
    ca: Option<PathBuf>,
    /// Trust this public key only (sha256/BASE64) [env: CORDBOARD_PIN]
    #[arg(long, value_name = "PIN", group = "trust", global = true)]
    pin: Option<Pin>,
    /// Trust anybody; warns
    #[arg(long, group = "trust", global = true)]
    insecure: bool,
}

/// A user and a password.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Account {
    /// Who asks: a user, or an application user that may act for others [env: CORDBOARD_USER]
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// The password; better by --password-file or the environment [env: CORDBOARD_PASSWORD]
    #[arg(long, value_name = "PASSWORD", group = "secret")]
    password: Option<Secret>,
    /// A file that holds the password [env: CORDBOARD_PASSWORD_FILE]
    #[arg(long, value_name = "FILE", group = "secret")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, Default, clap::Args)]
pub(super) struct Credentials {
    #[command(flatten)]
    account: Account,
    /// A token instead of user and password; better by --token-file or the environment [env: CORDBOARD_TOKEN]
    #[arg(long, value_name = "TOKEN", group = "secret")]
    token: Option<Secret>,
    /// A file that holds the token [env: CORDBOARD_TOKEN_FILE]
    #[arg(long, value_name = "FILE", group = "secret")]
    token_file: Option<PathBuf>,
    /// The user it is for, if somebody else (needs the proxy right)
    #[arg(long = "for", value_name = "ID")]
    pub(super) for_user: Option<String>,
}

/// Reads an environment variable; an empty one is none.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl TrustChoice {
    /// By flag, else by the environment, else the system's roots.
    pub(super) fn trust(&self) -> Result<Trust, Usage> {
        self.trust_by(variable)
    }

    fn trust_by(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Trust, Usage> {
        if self.insecure {
            eprintln!(
                "cordboard: warning: --insecure trusts anybody; who is in between can read and change everything"
            );
            return Ok(Trust::Insecure);
        }
        match (&self.ca, self.pin) {
            (Some(file), _) => return Ok(Trust::Ca(file.clone())),
            (None, Some(pin)) => return Ok(Trust::Pin(pin)),
            (None, None) => {}
        }
        match (variable("CORDBOARD_CA"), variable("CORDBOARD_PIN")) {
            (Some(_), Some(_)) => Err(Usage::new(
                "CORDBOARD_CA and CORDBOARD_PIN are both set; choose by --ca or --pin",
            )),
            (Some(file), None) => Ok(Trust::Ca(file.into())),
            (None, Some(pin)) => pin
                .parse()
                .map(Trust::Pin)
                .map_err(|error| Usage::new(format!("CORDBOARD_PIN: {error}"))),
            (None, None) => Ok(Trust::System),
        }
    }
}

impl How {
    pub(super) fn client(&self, server: &str) -> Result<WebDialerClient, Usage> {
        let options = Options {
            dialect: self.dialect,
            likely: memory::likely(server),
            ..Options::default()
        };
        WebDialerClient::new(server, &self.trust.trust()?, options)
            .map_err(|error| Usage::new(error.to_string()))
    }

    /// Remembers the dialect that the client found out.
    pub(super) fn learn(&self, server: &str, client: &WebDialerClient) {
        if let (DialectChoice::Auto, Some(dialect)) = (self.dialect, client.known_dialect()) {
            memory::learn(server, dialect);
        }
    }
}

impl Server {
    pub(super) fn client(&self) -> Result<WebDialerClient, Usage> {
        self.how.client(&self.server)
    }

    pub(super) fn learn(&self, client: &WebDialerClient) {
        self.how.learn(&self.server, client);
    }
}

/// Who asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asker {
    pub(super) credential: Credential,
    /// The user it is for, as far as that is known: a token says itself whose it is.
    pub(super) user: Option<String>,
}

impl Account {
    /// The user and the password, each by flag, else by the environment.
    pub(super) fn known(&self) -> Result<(String, Secret), Usage> {
        self.known_by(variable)
    }

    fn known_by(
        &self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<(String, Secret), Usage> {
        let user = self.user.clone().or_else(|| variable("CORDBOARD_USER"));
        let user = user.ok_or_else(|| Usage::new("say who asks by --user or CORDBOARD_USER"))?;
        let password = match secret(self.password.clone(), self.password_file.as_deref())? {
            Some(password) => Some(password),
            None => secret_in("CORDBOARD_PASSWORD", variable)?,
        };
        let password = password.ok_or_else(|| {
            Usage::new("give the password by --password-file, CORDBOARD_PASSWORD or --password")
        })?;
        Ok((user, password))
    }

    fn is_by_flag(&self) -> bool {
        self.user.is_some() || self.password.is_some() || self.password_file.is_some()
    }
}

impl Credentials {
    pub(super) fn asker(&self) -> Result<Asker, Usage> {
        self.asker_by(variable)
    }

    /// A flag beats the environment, and a kind of credential that was chosen by flag beats the other kind.
    fn asker_by(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Asker, Usage> {
        if let Some(token) = secret(self.token.clone(), self.token_file.as_deref())? {
            return self.by_token(token, self.account.user.clone());
        }
        if !self.account.is_by_flag()
            && let Some(token) = secret_in("CORDBOARD_TOKEN", &variable)?
        {
            return self.by_token(token, variable("CORDBOARD_USER"));
        }
        let (user, password) = self.account.known_by(variable)?;
        Ok(Asker {
            user: self.for_user.clone().or_else(|| Some(user.clone())),
            credential: Credential {
                user_id: Some(user),
                password: Some(password),
                token: None,
            },
        })
    }

    fn by_token(&self, token: Secret, user: Option<String>) -> Result<Asker, Usage> {
        // It may have been meant for `admin`, which reads the same variable; the server asked here may be anybody's.
        if Kind::of(token.expose()) == Some(Kind::Api) {
            return Err(Usage::new(
                "the token is one of the JSON API and was not sent; here a user's token is wanted, \
                 which `cordboard admin user-tokens create USER` makes, or user and password",
            ));
        }
        Ok(Asker {
            user: self.for_user.clone().or(user),
            credential: Credential {
                token: Some(token),
                ..Credential::default()
            },
        })
    }
}

/// A secret that was given, or that stands in a file.
pub(super) fn secret(given: Option<Secret>, file: Option<&Path>) -> Result<Option<Secret>, Usage> {
    match (given, file) {
        (Some(secret), _) => Ok(Some(secret)),
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| Usage::new(format!("cannot read {}: {error}", file.display())))?;
            let secret = Secret::new(text.trim_end_matches(['\r', '\n']));
            if secret.is_empty() {
                return Err(Usage::new(format!("{} is empty", file.display())));
            }
            Ok(Some(secret))
        }
        (None, None) => Ok(None),
    }
}

/// A secret of the environment: in a variable, or in the file that the variable of the same name with `_FILE` names.
pub(super) fn secret_in(
    name: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Secret>, Usage> {
    let file = variable(&format!("{name}_FILE")).map(PathBuf::from);
    secret(variable(name).map(Secret::from), file.as_deref())
}

/// Prints a failure for programs: one object, whatever failed. `code` and `text` are the server's, if it was the server.
#[expect(
    clippy::print_stdout,
    reason = "programs read failures from standard output"
)]
pub(super) fn print_failure(error: &str, code: Option<i32>, text: Option<&str>) {
    println!("{}", json!({ "error": error, "code": code, "text": text }));
}

/// Passes a command's end on; one that failed before the server was asked is printed for programs first.
pub(super) fn told(json: bool, done: anyhow::Result<u8>) -> anyhow::Result<u8> {
    if let Err(error) = &done
        && json
    {
        print_failure(&format!("{error:#}"), None, None);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(flags: Credentials, variables: &[(&str, &str)]) -> Result<Asker, Usage> {
        flags.asker_by(|name| {
            let found = variables.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn by(account: Account) -> Credentials {
        Credentials {
            account,
            ..Credentials::default()
        }
    }

    fn password(user: &str, password: &str) -> Asker {
        Asker {
            user: Some(user.to_owned()),
            credential: Credential {
                user_id: Some(user.to_owned()),
                password: Some(Secret::new(password)),
                token: None,
            },
        }
    }

    fn token(token: &str, user: Option<&str>) -> Asker {
        Asker {
            user: user.map(str::to_owned),
            credential: Credential {
                token: Some(Secret::new(token)),
                ..Credential::default()
            },
        }
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_flag_beats_the_environment_and_the_other_kind_of_credential_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "from file\r\n").unwrap();
        let path = file.to_str().unwrap();
        let all = [
            ("CORDBOARD_USER", "e"),
            ("CORDBOARD_PASSWORD", "ep"),
            ("CORDBOARD_PASSWORD_FILE", "/nonexistent"),
            ("CORDBOARD_TOKEN", "et"),
        ];
        let flags = by(Account {
            user: some("f"),
            password: Some("fp".into()),
            ..Account::default()
        });
        assert_eq!(asker(flags, &all), Ok(password("f", "fp")));
        let flags = by(Account {
            user: some("f"),
            ..Account::default()
        });
        assert_eq!(asker(flags, &all), Ok(password("f", "ep")));
        let flags = by(Account {
            password_file: Some(file.clone()),
            ..Account::default()
        });
        assert_eq!(asker(flags, &all), Ok(password("e", "from file")));
        let flags = Credentials {
            token: Some("ft".into()),
            ..Credentials::default()
        };
        assert_eq!(asker(flags, &all), Ok(token("ft", None)));
        let flags = Credentials {
            token_file: Some(file.clone()),
            for_user: some("other"),
            ..Credentials::default()
        };
        assert_eq!(asker(flags, &all), Ok(token("from file", Some("other"))));
        assert_eq!(
            asker(Credentials::default(), &all),
            Ok(token("et", Some("e")))
        );
        let by_file = [("CORDBOARD_TOKEN_FILE", path)];
        assert_eq!(
            asker(Credentials::default(), &by_file),
            Ok(token("from file", None))
        );
        let by_file = [("CORDBOARD_USER", "e"), ("CORDBOARD_PASSWORD_FILE", path)];
        assert_eq!(
            asker(Credentials::default(), &by_file),
            Ok(password("e", "from file"))
        );
    }

    #[test]
    fn a_token_of_the_api_is_not_for_other_servers() {
        let refused = |flags, variables: &[_]| asker(flags, variables).unwrap_err().to_string();
        let by_flag = Credentials {
            token: Some("cba_x".into()),
            ..Credentials::default()
        };
        assert!(refused(by_flag, &[]).contains("was not sent"));
        let all = [("CORDBOARD_TOKEN", "cba_x"), ("CORDBOARD_USER", "e")];
        assert!(refused(Credentials::default(), &all).contains("was not sent"));
        let ours = [("CORDBOARD_TOKEN", "cbu_x")];
        assert_eq!(
            asker(Credentials::default(), &ours),
            Ok(token("cbu_x", None))
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let missing = |flags, variables: &[_]| asker(flags, variables).unwrap_err().to_string();
        assert_eq!(
            missing(Credentials::default(), &[]),
            "say who asks by --user or CORDBOARD_USER"
        );
        let user = [("CORDBOARD_USER", "e")];
        assert!(missing(Credentials::default(), &user).starts_with("give the password by"));
        let flags = by(Account {
            user: some("f"),
            password_file: Some("/nonexistent/file".into()),
            ..Account::default()
        });
        assert!(missing(flags, &[]).starts_with("cannot read /nonexistent/file"));
    }
}
