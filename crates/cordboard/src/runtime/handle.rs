//! What services hold of the exchange: a door for commands, and the facts they may read without asking.

use super::exchange_task::{Engine, Message};
use cordboard_core::Refusal;
use cordboard_core::directory::Directory;
use cordboard_core::exchange::{Command, Reply};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, RwLock};
use tokio::sync::oneshot;

/// A handle on the running exchange. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    inbox: SyncSender<Message>,
    directory: Arc<RwLock<Arc<Directory>>>,
}

/// The exchange's thread is gone; the program is ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the exchange has stopped")]
pub struct Stopped;

impl Handle {
    pub(super) fn new(inbox: SyncSender<Message>, directory: Arc<RwLock<Arc<Directory>>>) -> Self {
        Self { inbox, directory }
    }

    /// Gives a command and waits for its answer, which comes after what it promises is stored.
    ///
    /// # Errors
    /// What the exchange refuses; [`Refusal::Overloaded`] when its inbox is full.
    pub async fn command(&self, command: Command) -> Result<Reply, Refusal> {
        let (answer, answered) = oneshot::channel();
        match self.inbox.try_send(Message::Command(command, answer)) {
            Ok(()) => answered.await.unwrap_or(Err(Refusal::Overloaded)),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(Refusal::Overloaded),
        }
    }

    /// Runs something on the exchange's thread, between two steps: the lab's controls, administration.
    ///
    /// # Errors
    /// When the thread is gone or its inbox is full.
    pub async fn on_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Engine) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (answer, answered) = oneshot::channel();
        let work = Box::new(move |engine: &mut Engine| {
            // Nobody may be waiting any more; the work was done all the same.
            let _ = answer.send(work(engine));
        });
        self.inbox
            .try_send(Message::Work(work))
            .map_err(|_| Stopped)?;
        answered.await.map_err(|_| Stopped)
    }

    /// The directory as it is now.
    pub fn directory(&self) -> Arc<Directory> {
        match self.directory.read() {
            Ok(directory) => directory.clone(),
            Err(poisoned) => poisoned.into_inner().clone(),
        }
    }
}
