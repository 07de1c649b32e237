//! What services hold of the exchange: a door for commands, and the facts they may read without asking.

use super::engine::Engine;
use super::exchange_task::Turns;
use cordboard_core::Refusal;
use cordboard_core::directory::Directory;
use cordboard_core::exchange::{Command, Reply};
use cordboard_core::ids::Ticket;
use std::sync::{Arc, RwLock};
use tokio::sync::oneshot;

/// A handle on the running exchange. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    door: Arc<Door>,
    directory: Arc<RwLock<Arc<Directory>>>,
}

/// What all handles share; the exchange ends when the last one has gone.
#[derive(Debug)]
struct Door(Arc<Turns>);

impl Drop for Door {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// The exchange's thread is gone; the program is ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the exchange has stopped")]
pub struct Stopped;

impl Handle {
    pub(super) fn new(turns: Arc<Turns>, directory: Arc<RwLock<Arc<Directory>>>) -> Self {
        Self {
            door: Arc::new(Door(turns)),
            directory,
        }
    }

    /// Gives a command and waits for its answer, which comes after what it promises is stored.
    ///
    /// # Errors
    /// What the exchange refuses; [`Refusal::Overloaded`] when its inbox is full.
    pub async fn command(&self, command: Command) -> Result<Reply, Refusal> {
        self.begin(self.ticket(), command).await
    }

    /// A ticket for a command that is to be begun: whoever must know the command's events by it takes one first.
    pub fn ticket(&self) -> Ticket {
        self.door.0.ticket()
    }

    /// Gives a command under this ticket now, before any that is given later; its answer can be waited for. The command is
    /// carried out whether or not anybody does.
    pub fn begin(
        &self,
        ticket: Ticket,
        command: Command,
    ) -> impl Future<Output = Result<Reply, Refusal>> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        let under_way = self.door.0.command(ticket, command, answer);
        async move {
            match under_way {
                Some(_under_way) => answered.await.unwrap_or(Err(Refusal::Overloaded)),
                None => Err(Refusal::Overloaded),
            }
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
        if !self.door.0.work(work) {
            return Err(Stopped);
        }
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
