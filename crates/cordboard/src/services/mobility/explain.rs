//! Why a login would be refused before the exchange is asked: who calls, what he may, from where he comes. [mobility §7.2]

use super::perform::{Visitor, claimed};
use super::translate::Asker;
use crate::app::App;
use crate::edge::Peer;
use cordboard_wire::mobility::{Ask, Login};
use std::net::{IpAddr, SocketAddr};

/// What the servlet asks before the exchange, with what came of it; what is asked after a no is not here.
pub struct Entry {
    /// The checks, in their order.
    pub checks: Vec<(&'static str, Result<(), String>)>,
    /// May he take only a profile of his own?
    pub own_profiles: bool,
}

const CALLER: &str =
    "the caller is known, his account usable, and he has the right or is an end user";
const HIMSELF: &str = "the caller has the right, or logs himself in";
const ADDRESS: &str = "the login comes from a trusted address";

/// The checks of a caller and of an address, as far as they are named. Nobody's password is asked for.
pub async fn entry(app: &App, caller: Option<&str>, from: Option<IpAddr>, login: Login) -> Entry {
    let ask = Ask::Login(login);
    let mut entry = Entry {
        checks: Vec::new(),
        own_profiles: false,
    };
    if let Some(caller) = caller {
        let directory = app.handle.directory();
        let account = directory.account(&caller.into());
        let known = account.map(|account| (account.id().clone(), account.credential()));
        let proxy = app.config.mobility.end_user_proxy;
        let asker = known
            .ok_or_else(|| format!("there is no `{caller}`"))
            .and_then(|known| Asker::of(&directory, known, proxy).map_err(|no| no.text));
        let asker = match asker {
            Ok(asker) => asker,
            Err(why) => {
                entry.checks.push((CALLER, Err(why)));
                return entry;
            }
        };
        entry.checks.push((CALLER, Ok(())));
        if !asker.may(&directory, &ask) {
            let why = "he would log somebody else in".to_owned();
            entry.checks.push((HIMSELF, Err(why)));
            return entry;
        }
        entry.checks.push((HIMSELF, Ok(())));
        entry.own_profiles = matches!(asker, Asker::Himself(_));
    }
    if let Some(from) = from {
        let peer = Peer {
            address: SocketAddr::new(from, 0),
            ..Peer::default()
        };
        let visitor = Visitor { peer, via: false };
        let trusted = claimed(app, &ask, visitor, None, false).await;
        let trusted = trusted.map_err(|failure| failure.text);
        entry.checks.push((ADDRESS, trusted));
    }
    entry
}
