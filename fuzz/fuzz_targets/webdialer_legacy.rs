#![no_main]
use cordboard_wire::webdialer::{Dialect, fuzz::harness};
libfuzzer_sys::fuzz_target!(|data: &[u8]| harness(Dialect::Legacy, data));
