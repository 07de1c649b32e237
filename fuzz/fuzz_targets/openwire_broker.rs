#![no_main]
// The broker alone: the rest of the program is of no use here.
#[path = "../../crates/cordboard/src/openwire/broker/mod.rs"]
#[allow(dead_code, unreachable_pub, unused_imports, reason = "the program uses what is not used here")]
mod broker;

libfuzzer_sys::fuzz_target!(|data: &[u8]| broker::fuzz::harness(data));
