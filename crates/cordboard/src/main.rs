//! Starts the program.

use std::process::ExitCode;

/// Less CPU per request than the system's allocator, and a smaller peak than others of its speed.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cordboard::cli::run()
}
