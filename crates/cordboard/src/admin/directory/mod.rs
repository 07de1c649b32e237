//! Users, application users, devices, profiles and lines: create, read, replace, delete.
//!
//! Every entry has an ETag, a hash of what is stored of it. Who replaces an entry says by `If-Match` what he has read; so of two
//! who change one entry at once, the second is told (412) and nothing is lost.

mod app_users;
mod conditions;
mod devices;
mod edit;
mod lines;
mod profiles;
mod users;
mod whole;

pub(super) use app_users::*;
pub(super) use devices::*;
use edit::edit;
pub(super) use lines::*;
pub(super) use profiles::*;
pub(super) use users::*;
pub(super) use whole::*;

use super::problem::Problem;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use serde::Deserialize;

/// A page has at most so many entries.
const PAGE_MAX: usize = 10_000;

/// Which part of a list is wanted.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// At most so many; all, if it is not said.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<usize>,
    /// Only entries after this one, in configuration order: one that is gone has no place in it.
    after: Option<String>,
}

impl Page {
    fn of(query: Result<Query<Self>, QueryRejection>) -> Result<Self, Problem> {
        let Query(page) = query?;
        crate::admin::limit(page.limit, PAGE_MAX, PAGE_MAX)?;
        Ok(page)
    }

    /// The wanted part of a list, and the name that the next one begins after.
    fn cut<T>(
        &self,
        entries: impl Iterator<Item = T>,
        name: impl Fn(&T) -> String,
    ) -> Result<(Vec<T>, Option<String>), Problem> {
        let mut entries = entries.peekable();
        if let Some(after) = &self.after {
            let wanted = after.to_lowercase();
            let found = entries.find(|e| name(e).to_lowercase() == wanted);
            if found.is_none() {
                return Err(Problem::not_found(format!("there is no `{after}`")));
            }
        }
        let limit = self.limit.unwrap_or(usize::MAX);
        let mut cut = Vec::new();
        while cut.len() < limit
            && let Some(entry) = entries.next()
        {
            cut.push(entry);
        }
        let more = entries.peek().is_some();
        let next = cut.last().filter(|_| more).map(name);
        Ok((cut, next))
    }
}
