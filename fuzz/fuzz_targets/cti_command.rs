#![no_main]
use cordboard_wire::cti::fuzz::command_harness;
libfuzzer_sys::fuzz_target!(|data: &[u8]| command_harness(data));
