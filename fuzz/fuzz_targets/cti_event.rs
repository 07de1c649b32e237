#![no_main]
use cordboard_wire::cti::fuzz::event_harness;
libfuzzer_sys::fuzz_target!(|data: &[u8]| event_harness(data));
