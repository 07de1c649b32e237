//! Starts the program.

use std::process::ExitCode;

/// Less CPU per request than the system's allocator, and memory that password hashing needed is given back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cordboard::cli::run()
}
