//! Threads of their own for the broker and the CTI connector.
//!
//! A client of the broker can make it work as hard as its bounds allow. Requests over HTTP are served by other threads, so that they do
//! not wait for that.

use std::io;
use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};

/// Maximum number of threads; a machine with fewer processors has as many as those.
const THREADS: usize = 4;

/// The threads, or none where the program runs on one thread only: then that one does everything, in order. Dropped, they end without
/// waiting for what they were at.
#[derive(Debug)]
pub(crate) struct Messaging(Option<Runtime>);

impl Messaging {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system has no more threads.
    pub(crate) fn start() -> io::Result<Self> {
        if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
            return Ok(Self(None));
        }
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = Builder::new_multi_thread()
            .worker_threads(processors.min(THREADS))
            .thread_name("messaging")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Where tasks are spawned.
    pub(crate) fn handle(&self) -> Handle {
        let runtime = self.0.as_ref();
        runtime.map_or_else(Handle::current, |runtime| runtime.handle().clone())
    }
}

impl Drop for Messaging {
    fn drop(&mut self) {
        // A runtime may not wait for its tasks inside another one.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
