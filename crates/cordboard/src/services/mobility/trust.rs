//! Where logins and log-outs may come from. [mobility §7.6]

use super::INTERFACE;
use super::perform::Visitor;
use crate::app::App;
use crate::ops::config;
use cordboard_core::directory::{Device, Directory};
use cordboard_core::exchange::{Action, Actor, Command, Query, Reply};
use cordboard_core::ids::DeviceName;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// A host name's addresses are looked up so often.
const RESOLVED_FOR: Duration = Duration::from_secs(60);
/// A look-up that takes longer is given up; the addresses known before stand.
const RESOLVING: Duration = Duration::from_secs(5);

/// The list of trusted addresses.
#[derive(Debug)]
pub struct Trusted {
    literal: Vec<IpAddr>,
    names: Vec<(String, Mutex<Vec<IpAddr>>)>,
    front_ends: Vec<IpAddr>,
}

/// Why an address will not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Distrust {
    /// It is nobody's.
    Untrusted(IpAddr),
    /// Who is registered cannot be looked up.
    RegistrationsDown,
    /// It came through a proxy.
    ThroughProxy,
}

/// What a message says of where it comes from, and which device it is about.
pub(super) struct Claim<'a> {
    /// `remoteIPAddr`.
    pub(super) address: Option<&'a str>,
    /// `isViaHeaderSet`.
    pub(super) via: bool,
    /// The device that is logged in or out, if it is one.
    pub(super) device: Option<&'a str>,
}

impl Trusted {
    /// As the settings say; names have no address yet.
    pub fn new(settings: &config::Mobility) -> Self {
        let (mut literal, mut names) = (Vec::new(), Vec::new());
        for entry in settings.trusted() {
            match entry.parse::<IpAddr>() {
                Ok(address) => literal.push(address.to_canonical()),
                Err(_) => names.push((entry.to_owned(), Mutex::default())),
            }
        }
        let front_ends = settings.front_ends.iter().map(IpAddr::to_canonical);
        Self {
            literal,
            names,
            front_ends: front_ends.collect(),
        }
    }

    /// Are there host names to look up?
    pub fn has_names(&self) -> bool {
        !self.names.is_empty()
    }

    /// Looks names up again and again, until the program ends.
    pub async fn keep_resolved(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        loop {
            let round = async {
                for (name, addresses) in &self.names {
                    let looking = tokio::net::lookup_host((name.as_str(), 0));
                    // Without an answer the old one stands.
                    if let Ok(Ok(found)) = tokio::time::timeout(RESOLVING, looking).await {
                        let found = found.map(|place| place.ip().to_canonical()).collect();
                        *addresses.lock().unwrap_or_else(PoisonError::into_inner) = found;
                    }
                }
                tokio::time::sleep(RESOLVED_FOR).await;
            };
            // Cancel-safe: a look-up that is given up changes nothing.
            tokio::select! {
                _ = stopping.changed() => return,
                () = round => {}
            }
        }
    }

    fn lists(&self, address: IpAddr) -> bool {
        let named = |(_, addresses): &(String, Mutex<Vec<IpAddr>>)| {
            let addresses = addresses.lock().unwrap_or_else(PoisonError::into_inner);
            addresses.contains(&address)
        };
        self.literal.contains(&address) || self.names.iter().any(named)
    }
}

/// May this login or log-out come from where it comes from?
pub(super) async fn check(app: &App, visitor: Visitor, claim: Claim<'_>) -> Result<(), Distrust> {
    let settings = &app.config.mobility;
    if !settings.validate_ip {
        return Ok(());
    }
    let trusted = &app.mobility.trusted;
    let peer = visitor.peer.address.ip().to_canonical();
    let is_front_end = trusted.front_ends.contains(&peer);
    if (visitor.via || (is_front_end && claim.via)) && !settings.allow_proxy {
        return Err(Distrust::ThroughProxy);
    }
    // Nobody else is believed about where he comes from.
    let address = match claim.address.filter(|_| is_front_end) {
        Some(text) => {
            let address = text.parse::<IpAddr>();
            address
                .map_err(|_| Distrust::Untrusted(peer))?
                .to_canonical()
        }
        None => peer,
    };
    let directory = app.handle.directory();
    let own = claim.device.and_then(|name| directory.device(name));
    if trusted.lists(address) || own.is_some_and(|device| host_of(&device) == Some(address)) {
        return Ok(());
    }
    if app.faults.is_down("registrations") {
        return Err(Distrust::RegistrationsDown);
    }
    for device in at(&directory, address) {
        if is_registered(app, device).await {
            return Ok(());
        }
    }
    Err(Distrust::Untrusted(address))
}

/// The devices that are configured to be at an address.
fn at(directory: &Directory, address: IpAddr) -> Vec<DeviceName> {
    let there = directory.devices().filter(|d| host_of(d) == Some(address));
    there.map(|device| device.name).collect()
}

/// A device's address without its port.
fn host_of(device: &Device) -> Option<IpAddr> {
    let text = device.address.as_deref()?;
    let alone = text.parse().ok();
    let address = alone.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

async fn is_registered(app: &App, device: DeviceName) -> bool {
    let asked = Command {
        actor: Actor::Operator,
        interface: INTERFACE,
        action: Action::Snapshot(Query::Device(device)),
    };
    match app.handle.command(asked).await {
        Ok(Reply::Devices(found)) => found.iter().any(|device| device.registered),
        _ => false,
    }
}
