#![no_main]
use cordboard_wire::openwire::fuzz::harness;
libfuzzer_sys::fuzz_target!(|data: &[u8]| harness(data));
