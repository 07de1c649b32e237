//! What is done already: a file that grows by a line for each finished row, so that the next run goes on from there.

use super::{Change, Row};
use anyhow::Context;
use std::collections::HashSet;
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
    /// Opens the file and reads what is in it; a line that a crash left half written is cut off.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let unusable = || format!("cannot use {}", path.display());
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).with_context(unusable)?;
        let mut text = String::new();
        file.read_to_string(&mut text).with_context(unusable)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let end = u64::try_from(whole).unwrap_or(u64::MAX);
        file.set_len(end).with_context(unusable)?;
        file.seek(SeekFrom::End(0)).with_context(unusable)?;
        let rows = text[..whole].lines().map(str::to_owned).collect();
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
    let cells: Vec<String> = cells.into_iter().map(quoted).collect();
    cells.join(",").to_lowercase()
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

    #[test]
    fn finished_rows_are_known_next_time_and_half_a_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("done");
        let (one, other) = (Row::of("D1", "jdoe"), Row::of("D2", "smith, a"));
        let mut done = Done::open(&path).unwrap();
        assert!(!done.has(Change::Login, &one));
        done.add(Change::Login, &one).unwrap();
        done.add(Change::Login, &other).unwrap();
        drop(done);
        let done = Done::open(&path).unwrap();
        assert!(done.has(Change::Login, &Row::of("d1", "JDOE")) && done.has(Change::Login, &other));
        assert!(!done.has(Change::Logout, &one) && !done.has(Change::Login, &Row::of("D1", "x")));
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "login,d1,,jdoe\nlogin,d2,,\"smith, a\"\n");
        std::fs::write(&path, "login,d1,,jdoe\nlogin,d2,").unwrap();
        let mut done = Done::open(&path).unwrap();
        assert!(done.has(Change::Login, &one) && !done.has(Change::Login, &other));
        done.add(Change::Login, &other).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}
