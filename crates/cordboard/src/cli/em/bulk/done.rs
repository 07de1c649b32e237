//! What is done already: a file that grows by a line for each finished row, so that the next run goes on from there. It is there
//! as long as something is left over.

use super::{Change, Row};
use crate::cli::Usage;
use anyhow::Context;
use std::collections::HashSet;
use std::fmt::Display;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The file of finished rows.
#[derive(Debug)]
pub(super) struct Done {
    path: PathBuf,
    file: File,
    rows: HashSet<String>,
}

impl Done {
    /// Opens the file and reads what is in it; a line that a crash left half written is cut off. A file of something else is
    /// left as it is.
    ///
    /// # Errors
    /// [`Usage`]: the file is the table itself, cannot be opened, or is not one of finished rows.
    pub(super) fn open(path: &Path, table: &Path) -> Result<Self, Usage> {
        let unusable = |why: &dyn Display| Usage::new(format!("--done {}: {why}", path.display()));
        if let (Ok(path), Ok(table)) = (path.canonicalize(), table.canonicalize())
            && path == table
        {
            return Err(unusable(&"this is the table; name a file of its own"));
        }
        let failed = |error: std::io::Error| unusable(&error);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(unusable(&"this is no file that can be kept"));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n');
        let (whole, half) = bytes.split_at(whole.map_or(0, |end| end + 1));
        let not_ours = |line: usize| {
            unusable(&format!(
                "line {line} is no row that an earlier run has finished, so the file is left alone; name one of its own"
            ))
        };
        let mut rows = HashSet::new();
        let mut count = 0;
        for line in whole.split_inclusive(|byte| *byte == b'\n') {
            count += 1;
            let row = std::str::from_utf8(&line[..line.len() - 1]).ok();
            let row = row.filter(|row| is_row(row));
            rows.insert(row.ok_or_else(|| not_ours(count))?.to_owned());
        }
        if !may_become_row(half) {
            return Err(not_ours(count + 1));
        }
        let end = u64::try_from(whole.len()).unwrap_or(u64::MAX);
        file.set_len(end).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            rows,
        })
    }

    pub(super) fn has(&self, change: Change, row: &Row) -> bool {
        self.rows.contains(&line(change, row))
    }

    /// Notes a finished row, at once.
    pub(super) fn add(&mut self, change: Change, row: &Row) -> anyhow::Result<()> {
        let line = line(change, row) + "\n";
        self.file
            .write_all(line.as_bytes())
            .with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Ends a run that has left nothing over: the same table begins from its first row again.
    pub(super) fn remove(self) -> anyhow::Result<()> {
        // An empty file will do where the folder does not let go of it.
        let emptied = self.file.set_len(0);
        emptied.with_context(|| format!("cannot empty {}", self.path.display()))?;
        let _ = std::fs::remove_file(&self.path);
        Ok(())
    }

    /// The file's name, if a row is noted in it.
    pub(super) fn kept(&self) -> Option<&Path> {
        let length = self.file.metadata().map_or(0, |about| about.len());
        (length > 0).then_some(&self.path)
    }
}

/// A row as the file has it: a line of a table, in lower case, as names are compared.
fn line(change: Change, row: &Row) -> String {
    let cells = match change {
        Change::Login => vec![
            "login",
            &row.device,
            row.profile.as_deref().unwrap_or_default(),
            &row.user,
        ],
        Change::Logout => vec!["logout", &row.device],
    };
    joined(cells).to_lowercase()
}

fn joined<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.into_iter().map(quoted).collect();
    cells.join(",")
}

/// Whether a line is one that [`line`] makes.
fn is_row(text: &str) -> bool {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    if !reader.read_record(&mut record).unwrap_or(false) || joined(&record) != text {
        return false;
    }
    let cells: Vec<&str> = record.iter().collect();
    match cells[..] {
        ["login", device, _, user] => !device.is_empty() && !user.is_empty(),
        ["logout", device] => !device.is_empty(),
        _ => false,
    }
}

/// Whether bytes are the beginning of such a line.
fn may_become_row(half: &[u8]) -> bool {
    let words: [&[u8]; 2] = [b"login,", b"logout,"];
    words
        .iter()
        .any(|word| half.starts_with(word) || word.starts_with(half))
}

fn quoted(cell: &str) -> String {
    let flat = cell.replace(['\r', '\n'], " ");
    match flat.contains([',', '"']) {
        true => format!("\"{}\"", flat.replace('"', "\"\"")),
        false => flat,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> Result<Done, Usage> {
        Done::open(path, Path::new("no such table"))
    }

    #[test]
    fn finished_rows_are_known_next_time_and_half_a_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("done");
        let (one, other) = (Row::of("D1", "jdoe"), Row::of("D2", "smith, a"));
        let mut done = open(&path).unwrap();
        assert!(!done.has(Change::Login, &one));
        done.add(Change::Login, &one).unwrap();
        done.add(Change::Login, &other).unwrap();
        drop(done);
        let done = open(&path).unwrap();
        assert!(done.has(Change::Login, &Row::of("d1", "JDOE")) && done.has(Change::Login, &other));
        assert!(!done.has(Change::Logout, &one) && !done.has(Change::Login, &Row::of("D1", "x")));
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "login,d1,,jdoe\nlogin,d2,,\"smith, a\"\n");
        std::fs::write(&path, "login,d1,,jdoe\nlogin,d2,").unwrap();
        let mut done = open(&path).unwrap();
        assert!(done.has(Change::Login, &one) && !done.has(Change::Login, &other));
        done.add(Change::Login, &other).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn a_row_is_known_again_whatever_its_names_hold() {
        for user in [
            "jdoe", "smith, a", "a \"b\"", "\"", "İpek", "ΣΑΣ", "a\u{0}b",
        ] {
            let row = Row {
                profile: Some(user.to_owned()),
                ..Row::of("D 1", user)
            };
            let (login, logout) = (line(Change::Login, &row), line(Change::Logout, &row));
            assert!(is_row(&login) && is_row(&logout), "{login} {logout}");
        }
    }

    #[test]
    fn a_file_of_something_else_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        for (text, line) in [
            ("dear diary", 1),
            ("devicename,user\nD1,jdoe\n", 1),
            ("login,d1,,jdoe\n\n", 2),
            ("login,d1,,jdoe\nlogin,d2,,\n", 2),
            ("login,d1,,jdoe\nlogin,d2,p,u,more\n", 2),
            ("login,d1,,jdoe\nlogout,\"d2\n", 2),
            ("logout,d1\nlog", 0),
            ("login,d1,,jdoe\nlogin,d1,,jdoe\nlogbook", 3),
        ] {
            std::fs::write(&path, text).unwrap();
            let opened = open(&path);
            if line == 0 {
                assert!(opened.is_ok(), "{text}");
                continue;
            }
            let error = opened.unwrap_err().to_string();
            assert!(error.contains(&format!("line {line} ")), "{text}: {error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        assert!(open(folder.path()).is_err());
        #[cfg(unix)]
        assert!(open(Path::new("/dev/null")).is_err());
    }

    #[test]
    fn a_line_cut_within_a_letter_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("done");
        std::fs::write(&path, b"logout,d1\nlogout,d\xC3").unwrap();
        assert!(open(&path).unwrap().has(Change::Logout, &Row::of("D1", "")));
        assert_eq!(std::fs::read(&path).unwrap(), b"logout,d1\n");
    }
}
