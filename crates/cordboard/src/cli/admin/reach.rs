//! How the commands of the JSON API reach a server, and how they print what it says.

use crate::cli::connect::{TrustChoice, print_failure, secret, secret_in, variable};
use crate::cli::{NO_PERMISSION, OK, PROTOCOL, REFUSED, UNAVAILABLE, Usage, print_out};
use crate::services::tokens::Kind;
use cordboard_client::admin::{AdminClient, AdminError, Answer, Ask};
use cordboard_wire::Secret;
use http::Method;
use serde_json::Value;
use std::path::PathBuf;

/// Where a lab answers unless it was told otherwise.
const LAB: &str = "http://127.0.0.1:8080";

#[derive(Clone, Debug, clap::Args)]
pub(in crate::cli) struct Reach {
    /// The server
    #[arg(
        long,
        env = "CORDBOARD_SERVER",
        value_name = "URL",
        default_value = LAB,
        global = true
    )]
    server: String,
    /// A token of the API; better by --token-file or the environment [env: CORDBOARD_TOKEN]
    #[arg(long, value_name = "TOKEN", global = true)]
    token: Option<Secret>,
    /// A file that holds the token [env: CORDBOARD_TOKEN_FILE]
    #[arg(long, value_name = "FILE", global = true, conflicts_with = "token")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustChoice,
    /// Print what the server answers, as JSON; a failure is an object with error, code and text
    #[arg(long, global = true)]
    pub(in crate::cli) json: bool,
}

impl Reach {
    pub(in crate::cli) fn client(&self) -> Result<AdminClient, Usage> {
        let token = match secret(self.token.clone(), self.token_file.as_deref())? {
            Some(token) => Some(token),
            None => secret_in("CORDBOARD_TOKEN", variable)?,
        };
        if token
            .as_ref()
            .is_some_and(|token| Kind::of(token.expose()) == Some(Kind::User))
        {
            return Err(Usage::new(
                "the token stands for a user and was not sent; the JSON API wants one of its own, \
                 which `cordboard admin tokens create NAME --role ROLE` makes",
            ));
        }
        AdminClient::new(&self.server, &self.trust.trust()?, token)
            .map_err(|error| Usage::new(error.to_string()))
    }

    /// Prints an answer and the exit status that says what came of it.
    pub(in crate::cli) fn told(
        &self,
        answer: Result<Answer, AdminError>,
        show: impl FnOnce(&Answer) -> String,
    ) -> u8 {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.refused(&error),
        };
        if self.json {
            print_out(&format!("{}\n", answer.body));
        } else {
            let text = show(&answer);
            if !text.is_empty() {
                print_out(&format!("{}\n", text.trim_end_matches('\n')));
            }
        }
        OK
    }

    /// Prints what went wrong and answers the exit status that says so.
    pub(in crate::cli) fn refused(&self, error: &AdminError) -> u8 {
        let (status, code, text) = match error {
            AdminError::Unreachable { .. } => (UNAVAILABLE, None, None),
            AdminError::NotThisProtocol { .. } => (PROTOCOL, None, None),
            AdminError::Refused(problem) => {
                let status = match problem.status {
                    401 | 403 => NO_PERMISSION,
                    _ => REFUSED,
                };
                (
                    status,
                    Some(i32::from(problem.status)),
                    Some(problem.title.as_str()),
                )
            }
        };
        if self.json {
            print_failure(&error.to_string(), code, text);
        }
        eprintln!("cordboard: {error}");
        if code == Some(401) {
            eprintln!(
                "cordboard: give it by --token-file, CORDBOARD_TOKEN or CORDBOARD_TOKEN_FILE"
            );
        }
        status
    }
}

/// Which state of an entry is meant.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Meant {
    /// Only if its ETag, as `show` prints it, is still this; without it as it is found
    #[arg(long, value_name = "ETAG")]
    if_match: Option<String>,
}

impl Meant {
    /// The tag that was said.
    pub(in crate::cli) fn said(&self) -> Option<String> {
        let tag = self.if_match.as_deref()?;
        Some(match tag.starts_with('"') || tag == "*" {
            true => tag.to_owned(),
            false => format!("\"{tag}\""),
        })
    }

    /// The tag that was said, else that of what is read now: who changes it meanwhile is not overwritten.
    ///
    /// # Errors
    /// What the server says instead.
    pub(in crate::cli) async fn tag(
        &self,
        client: &AdminClient,
        path: &str,
    ) -> Result<Option<String>, AdminError> {
        match self.said() {
            Some(tag) => Ok(Some(tag)),
            None => Ok(client.ask(Method::GET, path, Ask::default()).await?.tag),
        }
    }
}

/// An entry for people, with the tag of its state.
pub(in crate::cli) fn shown(answer: &Answer) -> String {
    let tag = answer.tag.as_deref().map(|tag| tag.trim_matches('"'));
    let tag = tag.map(|tag| format!("etag  {tag}\n"));
    sheet(&answer.body) + &tag.unwrap_or_default()
}

/// A table for people: a head, then a row for each entry; columns as wide as they need to be.
pub(in crate::cli) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut all: Vec<Vec<&str>> = vec![head.to_vec()];
    all.extend(
        rows.iter()
            .map(|row| row.iter().map(String::as_str).collect()),
    );
    let width = |column: usize| {
        let cells = all.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for row in &all {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A value of an answer as a cell: texts as they are, lists joined, lines as people write them.
pub(in crate::cli) fn cell(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => plain(text),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Object(object) => match (object.get("number"), object.get("partition")) {
            (Some(Value::String(number)), Some(Value::String(partition))) => {
                format!("{number} ; {partition}")
            }
            (Some(Value::String(number)), _) => number.clone(),
            _ => value.to_string(),
        },
        Value::Number(number) => number.to_string(),
    }
}

/// A text as it may go to a terminal: what would move its cursor, or do worse, is written out.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            plain.extend(letter.escape_default());
        } else {
            plain.push(letter);
        }
    }
    plain
}

/// An entry for people: a field on each line.
pub(in crate::cli) fn sheet(value: &Value) -> String {
    let Value::Object(fields) = value else {
        return cell(value);
    };
    let width = fields.keys().map(String::len).max().unwrap_or(0);
    fields
        .iter()
        .map(|(name, value)| format!("{name:width$}  {}\n", cell(value)))
        .collect()
}

/// A list of an answer as a table.
pub(in crate::cli) fn listing(answer: &Answer, key: &str, columns: &[(&str, &str)]) -> String {
    let head: Vec<&str> = columns.iter().map(|(head, _)| *head).collect();
    let entries = answer.body[key]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| {
            columns
                .iter()
                .map(|(_, field)| cell(&entry[*field]))
                .collect()
        })
        .collect();
    let mut text = table(&head, &rows);
    if let Some(next) = answer.body["next"].as_str() {
        text.push_str(&format!("there are more: --after {next}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_cell_is_one_line_whatever_stands_in_it() {
        assert_eq!(
            cell(&json!(["a\tb", "ö\u{1b}[31m\n"])),
            "a\\tb, ö\\u{1b}[31m\\n"
        );
    }
}
