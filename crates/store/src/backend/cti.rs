//! What CTI must find again: topics that clients are known by, and watched agents. One text for each, whose form is the
//! service's business.

use super::sqlite::{Store, explain};
use crate::StoreError;
use rusqlite::params;

/// Something CTI keeps, under its name; `None` forgets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CtiFact {
    /// A topic.
    Destination(String, Option<String>),
    /// An agent.
    Login(String, Option<String>),
}

impl CtiFact {
    fn parts(&self) -> (&'static str, &'static str, &str, Option<&str>) {
        let (put, drop, name, record) = match self {
            Self::Destination(name, record) => (
                "INSERT OR REPLACE INTO cti_destinations (name, record) VALUES (?1, ?2)",
                "DELETE FROM cti_destinations WHERE name = ?1",
                name,
                record,
            ),
            Self::Login(agent, record) => (
                "INSERT OR REPLACE INTO cti_logins (agent, record) VALUES (?1, ?2)",
                "DELETE FROM cti_logins WHERE agent = ?1",
                agent,
                record,
            ),
        };
        (put, drop, name, record.as_deref())
    }
}

impl Store {
    /// The topics and the agents, by name.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn cti(&self) -> Result<Vec<CtiFact>, StoreError> {
        let read = |sql: &str, kind: fn(String, Option<String>) -> CtiFact| {
            let mut read = self.connection.prepare(sql)?;
            let rows = read.query_map([], |row| Ok(kind(row.get(0)?, Some(row.get(1)?))))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let destinations = read(
            "SELECT name, record FROM cti_destinations ORDER BY name",
            CtiFact::Destination,
        );
        let logins = read(
            "SELECT agent, record FROM cti_logins ORDER BY agent",
            CtiFact::Login,
        );
        let both = destinations.and_then(|mut all| {
            all.extend(logins?);
            Ok(all)
        });
        both.map_err(|e| explain(&self.path, e))
    }

    /// Stores these together.
    ///
    /// # Errors
    /// Nothing changed then.
    pub fn keep_cti(&mut self, facts: &[CtiFact]) -> Result<(), StoreError> {
        let mut keep = || {
            let transaction = self.connection.transaction()?;
            for fact in facts {
                let (put, drop, name, record) = fact.parts();
                match record {
                    Some(record) => transaction
                        .prepare_cached(put)?
                        .execute(params![name, record])?,
                    None => transaction.prepare_cached(drop)?.execute([name])?,
                };
            }
            transaction.commit()
        };
        keep().map_err(|e: rusqlite::Error| explain(&self.path, e))
    }
}
