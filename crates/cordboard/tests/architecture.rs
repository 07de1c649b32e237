//! Rules of ARCHITECTURE.md that can be looked up in the sources.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::path::{Path, PathBuf};

/// The interfaces' words; each is a module of `cordboard_wire` and of `services`, or will be.
const INTERFACES: [&str; 5] = ["webdialer", "mobility", "phone", "cti", "presence"];

/// Every Rust file below a folder of the workspace's `crates`, by its path there, with its text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = Vec::new();
    let mut folders = vec![crates.join(folder)];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(crates).unwrap().display().to_string();
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "nothing below {folder}");
    found
}

fn names(files: Vec<(String, String)>, wrong: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let files = files.into_iter();
    files
        .filter(|(name, text)| wrong(name, text))
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn only_translations_and_our_own_interface_speak_both_core_and_wire() {
    // A translation is where they meet; the JSON API shows the exchange as it is, in words of our own.
    let both = names(sources("cordboard/src"), |name, text| {
        let allowed = name.ends_with("/translate.rs") || name.starts_with("cordboard/src/admin/");
        !allowed && text.contains("cordboard_core") && text.contains("cordboard_wire")
    });
    assert_eq!(both, Vec::<String>::new());
}

#[test]
fn a_translation_waits_for_nobody() {
    let waiting = names(sources("cordboard/src/services"), |name, text| {
        name.ends_with("/translate.rs") && text.contains(".await")
    });
    assert_eq!(waiting, Vec::<String>::new());
}

#[test]
fn a_service_knows_no_other_protocols_words() {
    for own in INTERFACES {
        let folder = format!("cordboard/src/services/{own}");
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        if !crates.join(&folder).exists() {
            continue;
        }
        let strangers = names(sources(&folder), |_, text| {
            let others = INTERFACES.iter().filter(|&&other| other != own);
            others.into_iter().any(|other| {
                [
                    format!("cordboard_wire::{other}"),
                    format!("services::{other}"),
                ]
                .iter()
                .any(|module| text.contains(module))
            })
        });
        assert_eq!(strangers, Vec::<String>::new(), "{own}");
    }
}

#[test]
fn core_and_drivers_know_no_protocol_and_wire_no_exchange() {
    for folder in ["core/src", "drivers/src", "store/src"] {
        let knowing = names(sources(folder), |_, text| {
            let text = text.to_lowercase();
            text.contains("cordboard_wire")
                || (folder == "drivers/src" && text.contains("webdialer"))
        });
        assert_eq!(knowing, Vec::<String>::new(), "{folder}");
    }
    let knowing = names(sources("wire/src"), |_, text| {
        text.contains("cordboard_core")
    });
    assert_eq!(knowing, Vec::<String>::new());
    let looking_inside = names(sources("client/src"), |_, text| {
        [
            "cordboard_core",
            "cordboard_store",
            "cordboard_drivers",
            "cordboard::",
        ]
        .iter()
        .any(|inside| text.contains(inside))
    });
    assert_eq!(looking_inside, Vec::<String>::new());
}
