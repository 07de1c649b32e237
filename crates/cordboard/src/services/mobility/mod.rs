//! Extension Mobility: programs log users in and out of phones, and ask who is where.
//!
//! [`routes`] is the HTTP edge, `field` finds the document in a query or a body, `perform` is the order of the checks,
//! [`trust`] looks at addresses, [`translate`] is the one place where this interface's words and the exchange's meet,
//! [`texts`] are the failures. Nothing about logins is kept here: who sits where is the exchange's.

pub mod explain;
mod field;
mod perform;
pub mod routes;
pub mod texts;
pub mod translate;
pub mod trust;

use crate::ops::config;
use std::sync::{Arc, Once};
use tokio::sync::{Semaphore, SemaphorePermit};
use trust::Trusted;

/// The interface's word: in a login's origin, in the journal, in the lab's faults.
pub const INTERFACE: &str = "mobility";

/// What the service holds beside its settings.
#[derive(Debug)]
pub struct Mobility {
    /// Places of logins and log-outs under way. [mobility §7.2]
    slots: Semaphore,
    /// Whose addresses are trusted.
    pub trusted: Arc<Trusted>,
    /// Passwords in clear text are warned of once.
    warned: Once,
}

impl Mobility {
    /// As the settings say.
    pub fn new(settings: &config::Mobility) -> Self {
        // At most 100.
        let slots = usize::try_from(settings.max_concurrent_requests).unwrap_or(1);
        Self {
            slots: Semaphore::new(slots),
            trusted: Arc::new(Trusted::new(settings)),
            warned: Once::new(),
        }
    }

    /// A place for a login or log-out, until it is dropped; `None` when there is none free. Nobody waits for one.
    fn slot(&self) -> Option<SemaphorePermit<'_>> {
        self.slots.try_acquire().ok()
    }
}
