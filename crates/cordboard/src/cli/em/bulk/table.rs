//! A table of log-ins or log-outs: the layout of an existing public tool, columns in any order. [mobility §14]

use super::{Change, Idle, Planned, Row};
use crate::cli::Usage;
use crate::directory_file::csv::lines::Lined;
use cordboard_client::mobility::LoginTime;
use cordboard_wire::mobility::text_of;
use std::fmt::Display;
use std::path::Path;

/// The longest time that a server takes, in minutes. [mobility §5.1]
pub(in crate::cli::em) const LONGEST: i64 = cordboard_wire::mobility::MINUTES_MAX as i64;

/// Reads a table; what is wrong with a row is that row's failure, what is wrong with the first line everybody's.
pub(in crate::cli::em) fn read(file: &Path, change: Change) -> Result<Vec<Planned>, Usage> {
    let unusable = |why: &dyn Display| Usage::new(format!("{}: {why}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| unusable(&error))?;
    parse(&text_of(&bytes), change).map_err(|why| unusable(&why))
}

fn parse(text: &str, change: Change) -> Result<Vec<Planned>, String> {
    let text = text.trim_start_matches('\u{FEFF}');
    let first = text.lines().next().unwrap_or_default();
    // As spreadsheets write it where the comma is the decimal sign.
    let semicolons = first.contains(';') && !first.contains(',');
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(if semicolons { b';' } else { b',' })
        .flexible(true)
        .from_reader(Lined::new(text.as_bytes()));
    let heads = reader.headers().map_err(|error| error.to_string())?;
    if is_broken(heads) {
        return Err(broken(1));
    }
    let heads: Vec<String> = heads
        .iter()
        .map(|head| {
            let letters = head.chars().filter(|c| c.is_alphanumeric());
            letters.collect::<String>().to_lowercase()
        })
        .collect();
    let column = |names: &[&str]| heads.iter().position(|head| names.contains(&head.as_str()));
    let device = column(&["devicename", "device"]);
    // A log-out is of whoever is there.
    let of_login = |names: &[&str]| column(names).filter(|_| change == Change::Login);
    let user = of_login(&["user", "userid", "username"]);
    let profile = of_login(&["profile", "deviceprofile", "profilename"]);
    let minutes = of_login(&["minutes"]);
    let Some(device) = device else {
        return Err("the first line names no column devicename".to_owned());
    };
    if change == Change::Login && user.is_none() {
        return Err("the first line names no column user".to_owned());
    }
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    while reader
        .read_record(&mut record)
        .map_err(|error| error.to_string())?
    {
        let byte = record.position().map(csv::Position::byte);
        let line = byte.map(|byte| reader.get_mut().line_at(byte));
        if is_broken(&record) {
            return Err(broken(line.unwrap_or_default()));
        }
        let cell = |at: Option<usize>| at.and_then(|at| record.get(at)).unwrap_or_default().trim();
        let mut row = Row::of(cell(Some(device)), cell(user));
        row.line = line;
        row.profile = Some(cell(profile).to_owned()).filter(|name| !name.is_empty());
        let minutes = match cell(minutes) {
            "" => Ok(None),
            text => match text.parse() {
                Ok(minutes) if (1..=LONGEST).contains(&i64::from(minutes)) => Ok(Some(minutes)),
                _ => Err(format!(
                    "'{text}' is no number of minutes from 1 to {LONGEST}"
                )),
            },
        };
        let why = match minutes {
            Err(why) => Some(why),
            Ok(minutes) => {
                row.duration = minutes.map(LoginTime::Minutes);
                let no_user = change == Change::Login && row.user.is_empty();
                if row.device.is_empty() {
                    Some("the row names no device".to_owned())
                } else {
                    no_user.then(|| "the row names no user".to_owned())
                }
            }
        };
        rows.push(match why {
            Some(why) => Err(Idle::Unusable(row, why)),
            None => Ok(row),
        });
    }
    Ok(rows)
}

/// Whether a cell holds a line break: one whose quote is not closed has swallowed the rows below.
fn is_broken(record: &csv::StringRecord) -> bool {
    record.iter().any(|cell| cell.contains(['\r', '\n']))
}

fn broken(line: u64) -> String {
    format!(
        "line {line}: a cell holds a line break, perhaps because a quote before it is not closed"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(line: u64, device: &str, user: &str, profile: Option<&str>) -> Row {
        Row {
            line: Some(line),
            profile: profile.map(str::to_owned),
            ..Row::of(device, user)
        }
    }

    #[test]
    fn columns_come_in_any_order_and_spelling_with_either_separator() {
        for text in [
            "devicename,profile,user\nD1,P1,jdoe\nD2,,\"smith, a\"\n",
            "\u{FEFF}User;Device Name;note;PROFILE\r\njdoe;D1;x;P1\r\n\r\n\"smith, a\" ; D2 ;;\r\n",
        ] {
            let rows = parse(text, Change::Login).unwrap();
            let (one, other) = (rows[0].clone().unwrap(), rows[1].clone().unwrap());
            let blank_lines = text.matches("\n\r\n").count() as u64;
            assert_eq!(other.line, Some(3 + blank_lines));
            assert_eq!(one, row(2, "D1", "jdoe", Some("P1")));
            assert_eq!(
                (other.device.as_str(), other.user.as_str()),
                ("D2", "smith, a")
            );
            assert_eq!(other.profile, None);
        }
    }

    #[test]
    fn a_row_that_cannot_be_used_is_that_rows_failure() {
        let text =
            "user,devicename,minutes\n,D1,\njdoe,,\njdoe,D1,0\njdoe,D1,1.5\njdoe\njdoe,D1,90\n";
        let rows = parse(text, Change::Login).unwrap();
        let whys: Vec<&str> = rows
            .iter()
            .map(|row| match row {
                Err(Idle::Unusable(_, why)) => why.as_str(),
                _ => "",
            })
            .collect();
        assert!(whys[0].contains("no user") && whys[1].contains("no device"));
        assert!(whys[2].starts_with("'0' is no number") && whys[3].starts_with("'1.5'"));
        assert!(whys[4].contains("no device"));
        let last = rows[5].clone().unwrap();
        assert_eq!(
            (last.line, last.duration),
            (Some(7), Some(LoginTime::Minutes(90)))
        );
    }

    #[test]
    fn a_table_that_does_not_name_its_columns_is_refused() {
        for (text, change, why) in [
            ("", Change::Login, "devicename"),
            ("D1,P1,jdoe\n", Change::Logout, "devicename"),
            ("devicename,profile\n", Change::Login, "user"),
        ] {
            assert!(parse(text, change).unwrap_err().contains(why), "{text}");
        }
        let rows = parse("devicename\nD1\n", Change::Logout).unwrap();
        assert_eq!(rows, [Ok(row(2, "D1", "", None))]);
        let text = "user,devicename,profile,minutes\n,D1,P1,never\n";
        assert_eq!(parse(text, Change::Logout).unwrap(), rows);
    }

    #[test]
    fn a_cell_that_goes_over_the_end_of_its_line_is_no_cell() {
        for (text, line) in [
            ("user,device\nu1,D1\nu2,\"D2\nu3,D3\nu4,D4\n", 3),
            ("user,device\r\n\r\nu1,\"D1\r\n", 3),
            ("user,device,note\nu1,D1,\"two\nlines\"\n", 2),
            ("user,device\nu1,\"D\r1\"\n", 2),
            ("user,\"device\nu1,D1\n", 1),
        ] {
            for change in [Change::Login, Change::Logout] {
                let why = parse(text, change).unwrap_err();
                let place = format!("line {line}: a cell holds a line break");
                assert!(why.starts_with(&place), "{text}: {why}");
            }
        }
        let rows = parse("user,device\n\" u1\" ,\"D1\" \n", Change::Login).unwrap();
        assert_eq!(rows, [Ok(row(2, "D1", "u1", None))]);
    }
}
