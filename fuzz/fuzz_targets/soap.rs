#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cordboard_wire::soap::fuzz::harness(data));
