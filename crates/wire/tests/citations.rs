//! Citations in the code, and the pages they cite, keep step with each other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("source folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The protocol pages: word and text.
fn pages() -> Vec<(String, String)> {
    let mut pages: Vec<_> = fs::read_dir(root().join("docs/protocols"))
        .expect("protocol pages")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| {
            let word = path.file_stem().expect("a name").to_string_lossy();
            let text = fs::read_to_string(&path).expect("a page");
            (word.into_owned(), text)
        })
        .collect();
    pages.sort();
    pages
}

/// The section numbers of a page's headings.
fn sections(page: &str) -> BTreeSet<&str> {
    page.lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' '))
        .filter_map(|heading| heading.split(' ').next())
        .map(|number| number.trim_end_matches('.'))
        .filter(|number| number.starts_with(|c: char| c.is_ascii_digit()))
        .collect()
}

#[test]
fn every_citation_finds_its_heading() {
    let pages = pages();
    let mut files = Vec::new();
    for entry in fs::read_dir(root().join("crates"))
        .expect("crates")
        .flatten()
    {
        sources(&entry.path().join("src"), &mut files);
    }
    let mut cited = 0;
    for file in files {
        let text = fs::read_to_string(&file).expect("a source file");
        for (word, page) in &pages {
            let sections = sections(page);
            for rest in text.split(&format!("[{word} §")).skip(1) {
                let numbers = rest.split(']').next().unwrap_or_default();
                for number in numbers.split(", ") {
                    let number = number.trim_start_matches('§');
                    assert!(
                        sections.contains(number),
                        "{} cites [{word} §{number}], which docs/protocols/{word}.md does not have",
                        file.display()
                    );
                }
                cited += 1;
            }
        }
    }
    assert!(cited > 0, "nothing is cited at all");
}

#[test]
fn every_row_says_how_far_it_is_implemented() {
    for (word, page) in pages() {
        let mut columns = None;
        for line in page.lines() {
            if !line.starts_with('|') {
                columns = None;
                continue;
            }
            let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
            match columns {
                None => columns = Some((cells.len(), cells.last() == Some(&"status"))),
                Some((len, has_status)) => {
                    let rule = line.starts_with("| ---");
                    assert!(rule || cells.len() == len, "{word}: columns of {line}");
                    let status = cells.last().copied().unwrap_or_default();
                    let known = status == "implemented"
                        || status.starts_with("partial (")
                        || status.starts_with("not (");
                    assert!(rule || !has_status || known, "{word}: status of {line}");
                }
            }
        }
    }
}

#[test]
fn every_conformance_case_of_webdialer_has_its_row() {
    let (_, page) = pages()
        .into_iter()
        .find(|(word, _)| word == "webdialer")
        .expect("the page");
    let cases: BTreeSet<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .map(str::to_owned)
        .collect();
    for case in (1..=75)
        .map(|case| case.to_string())
        .chain(["17a".to_owned(), "17b".to_owned()])
    {
        assert!(cases.contains(&case), "case {case}");
    }
}

#[test]
fn every_conformance_case_of_cti_has_its_row_and_a_test_if_any_of_it_is_implemented() {
    let (_, page) = pages()
        .into_iter()
        .find(|(word, _)| word == "cti")
        .expect("the page");
    let mut files = Vec::new();
    for entry in fs::read_dir(root().join("crates"))
        .expect("crates")
        .flatten()
    {
        for folder in ["src", "tests"] {
            if entry.path().join(folder).is_dir() {
                sources(&entry.path().join(folder), &mut files);
            }
        }
    }
    let texts: Vec<_> = files
        .iter()
        .filter(|file| file.to_string_lossy().contains("cti"))
        .map(|file| fs::read_to_string(file).expect("a source file"))
        .collect();
    let server = (1..=70).map(|case| (format!("CC-{case:02}"), format!("fn cc_{case:02}_")));
    let client = (1..=11).map(|case| (format!("C{case}"), format!("fn c{case}_")));
    for (case, test) in server.chain(client) {
        let start = format!("| {case} |");
        let row = page.lines().find(|line| line.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("case {case}"));
        let tested = texts.iter().any(|text| text.contains(&test));
        assert_eq!(!row.contains("| not ("), tested, "{row}");
    }
}

/// The numbers of tests that are named after a case: `ow_07_…`.
fn openwire_tests() -> BTreeSet<u32> {
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    let mut found = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a source file");
        let names = text.split("fn ow_").skip(1);
        found.extend(names.filter_map(|name| name.get(..2)?.parse::<u32>().ok()));
    }
    found
}

#[test]
fn every_conformance_case_of_openwire_has_its_row_and_what_is_there_its_test() {
    let (_, page) = pages()
        .into_iter()
        .find(|(word, _)| word == "openwire")
        .expect("the page");
    let rows: Vec<(u32, bool)> = page
        .lines()
        .filter_map(|line| {
            let cells: Vec<_> = line.strip_prefix("| ")?.split(" | ").collect();
            let [case, _, status] = cells[..] else {
                return None;
            };
            let case = case.parse().ok().filter(|_| case.len() == 2)?;
            Some((case, !status.starts_with("not (")))
        })
        .collect();
    let listed: Vec<u32> = rows.iter().map(|(case, _)| *case).collect();
    assert_eq!(listed, (1..=80).collect::<Vec<_>>());
    let there: BTreeSet<u32> = rows.iter().filter(|row| row.1).map(|row| row.0).collect();
    assert_eq!(openwire_tests(), there);
}
