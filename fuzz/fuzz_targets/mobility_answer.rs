#![no_main]
use cordboard_wire::mobility::fuzz::answer_harness;
libfuzzer_sys::fuzz_target!(|data: &[u8]| answer_harness(data));
