//! The manual: its examples run as they stand, and the page of settings is what the program has.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use cordboard::ops::config::Config;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The blocks of a page that are marked so.
fn blocks<'a>(page: &'a str, mark: &str) -> Vec<&'a str> {
    page.split(&format!("```{mark}\n"))
        .skip(1)
        .map(|block| block.split("```").next().unwrap())
        .collect()
}

/// The examples of a page that are to be run: the blocks marked `sh`, as one script.
fn script(page: &str) -> String {
    let blocks = blocks(page, "sh");
    assert!(!blocks.is_empty());
    blocks.concat()
}

fn run(name: &str) {
    let page = std::fs::read_to_string(root().join("docs/manual").join(name)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ports = folder.path().join("ports.json");
    let program = Path::new(env!("CARGO_BIN_EXE_cordboard"));
    let mut lab = Command::new(program)
        .args(["lab", "--ports", "any", "--data"])
        .arg(folder.path().join("lab"))
        .arg("--port-file")
        .arg(&ports)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while !ports.exists() {
        assert!(begun.elapsed() < LIMIT, "the lab does not start");
        std::thread::yield_now();
    }
    let ports = std::fs::read_to_string(&ports).unwrap();
    let ports: serde_json::Value = serde_json::from_str(&ports).unwrap();
    let http = ports["http"].as_str().unwrap();
    let script = script(&page).replace("http://127.0.0.1:8080", http);
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let done = Command::new("bash")
        .args(["-euxo", "pipefail", "-c", &script])
        .env("PATH", path)
        .env("CORDBOARD_SERVER", http)
        .env("CORDBOARD_BROKER", ports["openwire"].as_str().unwrap())
        .env("XDG_CACHE_HOME", folder.path())
        .current_dir(folder.path())
        .output()
        .unwrap();
    // It may have ended already.
    let _ = lab.kill();
    let _ = lab.wait();
    assert!(
        done.status.success(),
        "{name}: {}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn the_examples_of_cti_run_as_they_stand() {
    run("cti.md");
}

#[test]
fn the_examples_of_getting_started_run_as_they_stand() {
    run("getting-started.md");
}

#[test]
fn the_examples_of_administration_run_as_they_stand() {
    run("administration.md");
}

#[test]
fn the_examples_of_backup_run_as_they_stand() {
    run("backup.md");
}

#[test]
fn the_examples_for_integrators_run_as_they_stand() {
    run("webdialer.md");
}

#[test]
fn the_examples_for_integrators_of_extension_mobility_run_as_they_stand() {
    run("mobility.md");
}

#[test]
fn the_settings_that_the_manual_shows_can_be_used_as_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cordboard.toml");
    let mut checked = String::new();
    for page in std::fs::read_dir(root().join("docs/manual")).unwrap() {
        let page = std::fs::read_to_string(page.unwrap().path()).unwrap();
        for block in blocks(&page, "toml") {
            std::fs::write(&file, block).unwrap();
            let mut check = Command::new(env!("CARGO_BIN_EXE_cordboard"));
            let done = check.args(["config", "check"]).arg(&file).output().unwrap();
            let why = String::from_utf8_lossy(&done.stderr);
            assert!(done.status.success(), "{block}{why}");
            checked.push_str(block);
        }
    }
    for word in [
        "[[mobility.schedule]]",
        "trusted_origins",
        "[[broker.user]]",
    ] {
        assert!(checked.contains(word), "{word} is shown nowhere");
    }
}

/// What the sources say of each field: (struct, field, text).
fn documented() -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for file in [
        "mod.rs",
        "broker.rs",
        "webdialer.rs",
        "mobility.rs",
        "schedule.rs",
        "cluster.rs",
        "cti.rs",
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src/ops/config")
            .join(file);
        let source = std::fs::read_to_string(path).unwrap();
        let (mut name, mut text, mut rename) = (String::new(), String::new(), None);
        for line in source.lines().map(str::trim) {
            if let Some(said) = line.strip_prefix("/// ") {
                let space = if text.is_empty() { "" } else { " " };
                text.push_str(&format!("{space}{said}"));
            } else if let Some(rest) = line.strip_prefix("#[serde(rename = \"") {
                rename = rest.split('"').next().map(str::to_owned);
            } else if let Some(rest) = line.strip_prefix("pub struct ") {
                rest.split([' ', '{']).next().unwrap().clone_into(&mut name);
                text.clear();
            } else if let Some((field, _)) = line
                .strip_prefix("pub ")
                .and_then(|rest| rest.split_once(": "))
            {
                let field = rename.take().unwrap_or_else(|| field.to_owned());
                found.push((name.clone(), field, std::mem::take(&mut text)));
            } else if !line.starts_with("#[") {
                text.clear();
            }
        }
    }
    found
}

fn page() -> String {
    let mut page = "# Configuration\n\n\
        One TOML file. Every key is also an environment variable: `CORDBOARD__WEBDIALER__STRICT_LINES=true`, lists and tables as TOML\n\
        writes them. A flag beats the environment, the environment the file, the file the defaults. `cordboard config check FILE` says\n\
        what cannot be used, `cordboard config print` what is in force.\n\n\
        <!-- Made from the program by its test `the_page_of_settings_is_what_the_program_has`; UPDATE=1 writes it anew. -->\n"
        .to_owned();
    let documented = documented();
    let text = |of: &str, key: &str| {
        let found = documented.iter().find(|(s, f, _)| s == of && f == key);
        let (_, _, text) = found.unwrap_or_else(|| panic!("{of}.{key} has no words"));
        text.replace('|', "\\|")
    };
    let defaults = toml::Table::try_from(Config::default()).unwrap();
    let lab = toml::Table::try_from(Config::lab()).unwrap();
    let sections = [
        ("listen", "Listen"),
        ("tls", "Tls"),
        ("store", "StoreConfig"),
        ("network", "Network"),
        ("call", "Call"),
        ("device", "Device"),
        ("limits", "Limits"),
        ("broker", "Broker"),
        ("home", "Home"),
        ("webdialer", "WebDialer"),
        ("mobility", "Mobility"),
        ("cti", "Cti"),
    ];
    for (section, of) in sections {
        write!(
            page,
            "\n## `[{section}]`\n\n| key | default | what |\n|---|---|---|\n"
        )
        .unwrap();
        for (_, key, _) in documented.iter().filter(|(s, ..)| s == of) {
            let value = |table: &toml::Table| table[section].get(key).map(ToString::to_string);
            let mut default = value(&defaults).map_or("–".to_owned(), |v| format!("`{v}`"));
            if value(&lab) != value(&defaults) {
                write!(default, "; lab `{}`", value(&lab).unwrap()).unwrap();
            }
            writeln!(page, "| `{key}` | {default} | {} |", text(of, key)).unwrap();
        }
    }
    for (heading, of) in [
        (
            "`[[webdialer.dial_rule]]` and `[[webdialer.lookup_rule]]`",
            "DialRule",
        ),
        ("`[[broker.user]]`", "BrokerUser"),
        ("`[[mobility.schedule]]`", "ScheduledLogout"),
        ("`[cti.json]`", "Json"),
        ("`[cti.destinations]`", "Destinations"),
        ("`[[cti.destination]]`", "TopicFormat"),
        ("`[[cti.access]]`", "CtiAccess"),
        ("`[[cluster]]`", "Cluster"),
    ] {
        write!(page, "\n## {heading}\n\n| key | what |\n|---|---|\n").unwrap();
        for (_, key, _) in documented.iter().filter(|(s, ..)| s == of) {
            writeln!(page, "| `{key}` | {} |", text(of, key)).unwrap();
        }
    }
    page
}

#[test]
fn the_page_of_settings_is_what_the_program_has() {
    let file = root().join("docs/manual/configuration.md");
    let page = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        page,
        "UPDATE=1 writes it anew"
    );
}
