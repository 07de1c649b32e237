#![no_main]
use cordboard_wire::webdialer::fuzz::form_harness;
libfuzzer_sys::fuzz_target!(|data: &[u8]| form_harness(data));
