//! Feeds every fuzz harness its corpus, so that an ordinary test run keeps each promise it found.

use cordboard_wire::webdialer::Dialect;
use cordboard_wire::{cti, http, mobility, openwire, soap, webdialer, xml};
use std::path::Path;

/// Runs a harness on every file of a target's corpus, and on some damaged copies of each.
fn replay(target: &str, harness: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let mut files = 0;
    for entry in std::fs::read_dir(folder.join(target)).expect("corpus folder") {
        let bytes = std::fs::read(entry.expect("corpus file").path()).expect("corpus file");
        files += 1;
        harness(&bytes);
        for at in (0..bytes.len()).step_by(1 + bytes.len() / 40) {
            harness(&bytes[..at]);
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x15;
            harness(&damaged);
            damaged.drain(at..(at + 7).min(bytes.len()));
            harness(&damaged);
        }
    }
    assert!(files > 0, "{target} has no corpus");
}

#[test]
fn cti_commands_keep_their_promises_on_their_corpus() {
    replay("cti_command", cti::fuzz::command_harness);
}

#[test]
fn cti_events_keep_their_promises_on_their_corpus() {
    replay("cti_event", cti::fuzz::event_harness);
}

#[test]
fn xml_keeps_its_promises_on_its_corpus() {
    replay("xml", xml::fuzz::harness);
}

#[test]
fn soap_keeps_its_promises_on_its_corpus() {
    replay("soap", soap::fuzz::harness);
}

#[test]
fn webdialer_wd70_keeps_its_promises_on_its_corpus() {
    replay("webdialer_wd70", |data| {
        webdialer::fuzz::harness(Dialect::Wd70, data);
    });
}

#[test]
fn webdialer_legacy_keeps_its_promises_on_its_corpus() {
    replay("webdialer_legacy", |data| {
        webdialer::fuzz::harness(Dialect::Legacy, data);
    });
}

#[test]
fn webdialer_axis2_keeps_its_promises_on_its_corpus() {
    replay("webdialer_axis2", |data| {
        webdialer::fuzz::harness(Dialect::Axis2, data);
    });
}

#[test]
fn webdialer_answers_keep_their_promises_on_their_corpus() {
    replay("webdialer_answer", webdialer::fuzz::answer_harness);
}

#[test]
fn request_line_keeps_its_promises_on_its_corpus() {
    replay("request_line", http::fuzz::harness);
}

#[test]
fn webdialer_forms_keep_their_promises_on_their_corpus() {
    replay("webdialer_form", webdialer::fuzz::form_harness);
}

#[test]
fn openwire_keeps_its_promises_on_its_corpus() {
    replay("openwire", openwire::fuzz::harness);
}

#[test]
fn mobility_keeps_its_promises_on_its_corpus() {
    replay("mobility", mobility::fuzz::harness);
}

#[test]
fn mobility_answers_keep_their_promises_on_their_corpus() {
    replay("mobility_answer", mobility::fuzz::answer_harness);
}

#[test]
fn openwire_selectors_keep_their_promises_on_their_corpus() {
    replay("openwire_selector", openwire::fuzz::selector_harness);
}
