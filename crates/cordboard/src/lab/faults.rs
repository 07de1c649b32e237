//! The lab's faults: which are set, and who must know. [lab, Faults]

use crate::runtime::engine::{Engine, StoreFault};
use cordboard_drivers::sim;
use cordboard_wire::admin::Fault;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

/// The faults that are set. Services look here; the network and the store are told.
#[derive(Debug, Default)]
pub struct FaultBoard {
    set: RwLock<Vec<Fault>>,
}

/// The services that can be down or slow.
const SERVICES: [&str; 4] = ["webdialer", "mobility", "presence", "phone"];

/// Why a fault was not set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// Nothing by that name can have that fault.
    #[error("`{on}` has no fault `{kind}`")]
    Unknown {
        /// On what.
        on: String,
        /// Which.
        kind: String,
    },
    /// The fault needs another field.
    #[error("a `{kind}` fault needs `{field}`")]
    Missing {
        /// Which.
        kind: String,
        /// What it needs.
        field: &'static str,
    },
}

/// What a fault is to the engine.
#[derive(Clone, Debug)]
pub enum ForEngine {
    /// Nothing; services look at the board.
    Nothing,
    /// To the network.
    Network(sim::Fault),
    /// To the store: every commit fails.
    StoreError,
    /// To the store: every commit takes so much longer.
    StoreSlow(Duration),
}

impl FaultBoard {
    /// All faults, oldest first.
    pub fn list(&self) -> Vec<Fault> {
        self.read().clone()
    }

    /// Is a service down?
    pub fn is_down(&self, service: &str) -> bool {
        self.read()
            .iter()
            .any(|f| f.on == service && f.kind == "down")
    }

    /// Is the directory down?
    pub fn directory_down(&self) -> bool {
        self.is_down("directory")
    }

    /// Can log-outs be timed?
    pub fn timers_work(&self) -> bool {
        !self.read().iter().any(|f| f.on == "timer")
    }

    /// How late a service is made.
    pub fn lateness(&self, service: &str) -> Option<Duration> {
        let set = self.read();
        let slow = set.iter().find(|f| f.on == service && f.kind == "slow")?;
        Some(Duration::from_millis(slow.delay_ms.unwrap_or(0)))
    }

    /// Puts a checked fault on the board; one of a kind on a thing.
    pub fn set(&self, fault: Fault) {
        let mut set = self.set.write().unwrap_or_else(PoisonError::into_inner);
        set.retain(|f| f.on != fault.on || f.kind != fault.kind);
        set.push(fault);
    }

    /// Takes faults off the board: those on `on`, or all.
    pub fn clear(&self, on: Option<&str>) {
        let mut set = self.set.write().unwrap_or_else(PoisonError::into_inner);
        set.retain(|f| on.is_some_and(|on| !f.on.eq_ignore_ascii_case(on)));
    }

    fn read(&self) -> RwLockReadGuard<'_, Vec<Fault>> {
        self.set.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks a fault and says what it is to the engine.
///
/// # Errors
/// When there is no such fault or it lacks a field.
pub fn check(fault: &Fault) -> Result<ForEngine, FaultError> {
    let missing = |field| FaultError::Missing {
        kind: fault.kind.clone(),
        field,
    };
    let delay = || {
        fault
            .delay_ms
            .map(Duration::from_millis)
            .ok_or_else(|| missing("delay_ms"))
    };
    let network = |kind| {
        Ok(ForEngine::Network(sim::Fault {
            on: fault.on.clone(),
            kind,
        }))
    };
    match (fault.on.as_str(), fault.kind.as_str()) {
        ("network", "down") => match fault.calls.as_deref() {
            Some("lost") => network(sim::FaultKind::NetworkDown {
                calls: sim::CallsFate::Lost,
            }),
            Some("kept") => network(sim::FaultKind::NetworkDown {
                calls: sim::CallsFate::Kept,
            }),
            Some(_) | None => Err(missing("calls")),
        },
        ("network", "error") => network(sim::FaultKind::NetworkError),
        ("network", "slow") => network(sim::FaultKind::NetworkSlow(delay()?)),
        ("directory", "down") => Ok(ForEngine::Nothing),
        ("store", "error") => Ok(ForEngine::StoreError),
        ("store", "slow") => Ok(ForEngine::StoreSlow(delay()?)),
        // The service looks at the board; the broker is told.
        ("timer", "error") | ("registrations", "down") | ("broker", "down" | "cut") => {
            Ok(ForEngine::Nothing)
        }
        (service, "down") if SERVICES.contains(&service) => Ok(ForEngine::Nothing),
        (service, "slow") if SERVICES.contains(&service) => delay().map(|_| ForEngine::Nothing),
        (device, kind) => {
            let unknown = || FaultError::Unknown {
                on: fault.on.clone(),
                kind: fault.kind.clone(),
            };
            let device = device.strip_prefix("device:").ok_or_else(unknown)?;
            match kind {
                "down" => network(sim::FaultKind::DeviceDown(device.into())),
                "slow" => network(sim::FaultKind::DeviceSlow(device.into(), delay()?)),
                "refuse" => {
                    let q850 = fault.q850.ok_or_else(|| missing("q850"))?;
                    network(sim::FaultKind::DeviceRefuses(device.into(), q850))
                }
                _ => Err(unknown()),
            }
        }
    }
}

impl ForEngine {
    /// Tells the engine.
    pub fn apply(self, engine: &mut Engine) {
        match self {
            Self::Nothing => {}
            Self::Network(fault) => {
                let now = engine.clock.now().instant;
                engine.network.set_fault(fault, now);
                engine.catch_up();
            }
            Self::StoreError => engine.store_fault.error = true,
            Self::StoreSlow(by) => engine.store_fault.slow = by,
        }
    }
}

/// Takes faults away from the engine: those on `on`, or all.
pub fn clear(engine: &mut Engine, on: Option<&str>) {
    let now = engine.clock.now().instant;
    engine.network.clear_faults(on, now);
    if on.is_none_or(|on| on.eq_ignore_ascii_case("store")) {
        engine.store_fault = StoreFault::default();
    }
    engine.catch_up();
}
