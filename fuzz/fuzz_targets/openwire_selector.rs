#![no_main]
use cordboard_wire::openwire::fuzz::selector_harness;
libfuzzer_sys::fuzz_target!(|data: &[u8]| selector_harness(data));
