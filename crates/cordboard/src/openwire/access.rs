//! Who may come in: everybody, or whoever knows a user's password. [openwire §7.2]
//!
//! Users are those of the settings and the directory's application users. Passwords are looked at by [`Auth`], which hashes them
//! beside the runtime's threads, takes as long for a stranger, and locks out who guesses.

use super::broker::{Identity, Rights};
use crate::app::App;
use crate::ops::config;
use crate::services::auth::{Auth, Refused, Visit};
use crate::services::sign_on_queue::Interface;
use anyhow::Context;
use cordboard_core::directory::{AccountName, CredentialState, PasswordHash};
use cordboard_store::passwords;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// What begins a hash in a password file.
const HASH: &str = "$argon2id$";

/// Who may come in.
#[derive(Debug)]
pub(super) struct Access {
    kind: config::Access,
    users: HashMap<String, User>,
    app_users: bool,
    lists: Lists,
}

#[derive(Debug)]
struct User {
    hash: PasswordHash,
    rights: Arc<Rights>,
}

/// What users may, before their name is known.
#[derive(Clone, Debug, Default)]
struct Lists {
    read: Vec<String>,
    write: Vec<String>,
    create: Vec<String>,
}

impl Lists {
    fn rights(&self, user: &str) -> Arc<Rights> {
        Arc::new(Rights::new(user, &self.read, &self.write, &self.create))
    }
}

impl Access {
    /// Reads the users' passwords, and hashes those that are not yet.
    ///
    /// # Errors
    /// Which file cannot be used.
    pub(super) fn load(settings: &config::Broker) -> anyhow::Result<Self> {
        let lists = Lists {
            read: settings.read.clone(),
            write: settings.write.clone(),
            create: settings.create.clone(),
        };
        let users = settings.users.iter().map(|user| {
            let config::BrokerUser {
                name,
                password_file,
                read,
                write,
                create,
            } = user;
            let shown = password_file.display();
            let text = std::fs::read_to_string(password_file)
                .with_context(|| format!("broker.user: cannot read {shown}"))?;
            let line = text.lines().next().unwrap_or_default();
            let hash = match line.starts_with(HASH) {
                true => PasswordHash::new(line.to_owned()),
                false => passwords::hash(line)
                    .with_context(|| format!("broker.user: the first line of {shown}"))?,
            };
            let or = |own: &Option<Vec<String>>, all: &[String]| {
                own.clone().unwrap_or_else(|| all.to_vec())
            };
            let lists = Lists {
                read: or(read, &lists.read),
                write: or(write, &lists.write),
                create: or(create, &lists.create),
            };
            let rights = lists.rights(name);
            Ok((name.clone(), User { hash, rights }))
        });
        Ok(Self {
            kind: settings.access,
            users: users.collect::<anyhow::Result<_>>()?,
            app_users: settings.app_users,
            lists,
        })
    }

    /// The rights of a user; `None` where every client may do everything. A sender without a name has none.
    pub(super) fn rights(&self, user: Option<&str>) -> Option<Arc<Rights>> {
        let own = |name: &str| {
            let own = self.users.get(name).map(|user| user.rights.clone());
            own.unwrap_or_else(|| self.lists.rights(name))
        };
        match self.kind {
            config::Access::Open => None,
            config::Access::Users => Some(user.map_or_else(Arc::default, own)),
        }
    }

    /// Who is it that gives this name and password?
    ///
    /// # Errors
    /// [`Refused`], whatever the reason.
    pub(super) async fn check(
        &self,
        app: &App,
        user: Option<&str>,
        password: &str,
        address: IpAddr,
    ) -> Result<Identity, Refused> {
        if self.kind == config::Access::Open {
            return Ok(Identity::default());
        }
        let name = user.ok_or(Refused::Wrong)?;
        let account = AccountName::from(name);
        let visit = Visit {
            interface: Interface::Broker,
            address,
            now_ms: app.clock.now().instant.0,
        };
        let auth: &Auth = &app.auth;
        let own = self.users.get(name);
        let (hash, known, rights) = match own {
            Some(User { hash, rights }) => (Some(hash.clone()), name.to_owned(), rights.clone()),
            None => {
                let there = self.app_users && !app.faults.directory_down();
                let user = there
                    .then(|| app.handle.directory().app_user(account.as_str()))
                    .flatten();
                let id = user
                    .as_ref()
                    .map_or(name, |user| user.id.as_str())
                    .to_owned();
                let rights = self.lists.rights(&id);
                let usable = user.filter(|user| user.credential == CredentialState::Active);
                (usable.and_then(|user| user.password_hash), id, rights)
            }
        };
        auth.secret(&account, hash.as_ref(), password, visit)
            .await?;
        Ok(Identity {
            user: Some(known.as_str().into()),
            inside: false,
            rights: Some(rights),
        })
    }
}
