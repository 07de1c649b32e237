//! Whose user is it? Several clusters, asked at once. [webdialer §12]

use super::{ClientError, WebDialerClient};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tokio::task::JoinSet;

/// Several clusters, and which of them each user turned out to belong to.
#[derive(Debug)]
pub struct Clusters {
    clients: Vec<WebDialerClient>,
    /// User id in lower case, and the index of the cluster that said yes.
    found: Mutex<HashMap<String, usize>>,
}

/// No cluster said yes.
#[derive(Debug, thiserror::Error)]
#[error("no cluster knows the user{}", described(failed))]
pub struct NotFound {
    /// The clusters that said neither yes nor no. When it is empty the user id is probably misspelt.
    pub failed: Vec<ClientError>,
}

fn described(failed: &[ClientError]) -> String {
    failed
        .first()
        .map(|error| format!("; {} gave no answer: {error}", failed.len()))
        .unwrap_or_default()
}

impl Clusters {
    /// Clusters to ask; the order does not matter.
    pub fn new(clients: impl IntoIterator<Item = WebDialerClient>) -> Self {
        Self {
            clients: clients.into_iter().collect(),
            found: Mutex::new(HashMap::new()),
        }
    }

    /// The client of a user's home cluster: the first to say yes. Remembered for the next time.
    ///
    /// # Errors
    /// [`NotFound`], once all have answered or failed to.
    pub async fn home(&self, user: &str) -> Result<&WebDialerClient, NotFound> {
        let key = user.trim().to_lowercase();
        if let Some(client) = self.remembered(&key) {
            return Ok(client);
        }
        let mut questions = JoinSet::new();
        for (index, client) in self.clients.iter().cloned().enumerate() {
            let user = user.to_owned();
            questions.spawn(async move { (index, client.is_cluster_user(&user).await) });
        }
        let mut failed = Vec::new();
        // Leaving early drops the set, which drops the questions that are still open.
        while let Some(joined) = questions.join_next().await {
            match joined {
                Ok((index, Ok(true))) => {
                    self.lock().insert(key, index);
                    return Ok(&self.clients[index]);
                }
                Ok((_, Err(error))) => failed.push(error),
                Ok((_, Ok(false))) | Err(_) => {}
            }
        }
        Err(NotFound { failed })
    }

    /// Forgets where a user belongs, after that cluster no longer knew him.
    pub fn forget(&self, user: &str) {
        self.lock().remove(&user.trim().to_lowercase());
    }

    fn remembered(&self, key: &str) -> Option<&WebDialerClient> {
        let index = self.lock().get(key).copied()?;
        self.clients.get(index)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, usize>> {
        // Nothing panics while holding it, and a map of hints is sound in any state.
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
