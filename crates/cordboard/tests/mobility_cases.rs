//! The conformance cases of Extension Mobility, the rows of the page and the tests, one list. [mobility §15]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Rust files in these places that are about this interface.
fn sources() -> Vec<String> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut places: Vec<PathBuf> = ["cordboard/tests", "client", "wire"]
        .map(|p| crates.join(p))
        .into();
    let mut texts = Vec::new();
    while let Some(place) = places.pop() {
        for entry in std::fs::read_dir(&place).unwrap() {
            let path = entry.unwrap().path();
            let is_ours = path.display().to_string().contains("mobility");
            if path.is_dir() && !path.ends_with("target") {
                places.push(path);
            } else if is_ours && path.extension().is_some_and(|extension| extension == "rs") {
                texts.push(std::fs::read_to_string(path).unwrap());
            }
        }
    }
    texts
}

/// The cases that a test's name says it is: `case_07_…`, `cases_c4_and_c5_…`.
fn cases_of(name: &str) -> Vec<String> {
    let Some(words) = name
        .strip_prefix("case_")
        .or_else(|| name.strip_prefix("cases_"))
    else {
        return Vec::new();
    };
    let number = |word: &str| {
        let (letter, digits) = word.split_at(usize::from(word.starts_with('c')));
        let number: u32 = digits.parse().ok()?;
        Some(format!("{}{number}", letter.to_uppercase()))
    };
    let words = words.split('_').filter(|word| *word != "and");
    words.map_while(number).collect()
}

fn tested() -> BTreeSet<String> {
    let sources = sources();
    let functions = sources
        .iter()
        .flat_map(|text| text.split("#[tokio::test").chain(text.split("#[test]")));
    let names = functions.filter_map(|text| text.split_once("fn ")?.1.split('(').next());
    names.flat_map(cases_of).collect()
}

/// The rows of the page: the case, and whether it is there.
fn rows() -> Vec<(String, bool)> {
    let page = include_str!("../../../docs/protocols/mobility.md");
    let cases = page.split_once("\n## 15. ").unwrap().1;
    let rows = cases.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| ")?.split(" | ").collect();
        let is_case = cells[0].trim_start_matches('C').parse::<u32>().is_ok();
        is_case.then(|| (cells[0].to_owned(), !cells[2].starts_with("not (")))
    });
    rows.collect()
}

#[test]
fn every_case_has_its_row_and_every_row_that_is_implemented_its_test() {
    let all: Vec<String> = (1..=60)
        .map(|n| n.to_string())
        .chain((1..=10).map(|n| format!("C{n}")))
        .collect();
    let rows = rows();
    let listed: Vec<&String> = rows.iter().map(|(case, _)| case).collect();
    assert_eq!(listed, all.iter().collect::<Vec<_>>());
    let tested = tested();
    let untested: Vec<&String> = rows
        .iter()
        .filter(|(case, there)| *there && !tested.contains(case))
        .map(|(case, _)| case)
        .collect();
    assert_eq!(untested, Vec::<&String>::new());
    let server = rows.iter().filter(|(case, _)| !case.starts_with('C'));
    assert!(
        server.clone().all(|(_, there)| *there),
        "the server has them all"
    );
    let strangers: Vec<&String> = tested.iter().filter(|case| !all.contains(case)).collect();
    assert_eq!(strangers, Vec::<&String>::new());
}
