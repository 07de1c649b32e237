//! A simulated telephone network with simulated phones, on the exchange's clock.
//!
//! Numbers outside the directory behave by their ending (see [`numbers`]), phones ring until somebody answers them, and
//! faults can be laid over all of it (see [`faults`]). Every confirmation comes as a later input than the command it
//! confirms, at the same instant unless a delay is named; [`Mischief`] makes it refuse, delay and swap at random.

pub mod faults;
pub mod numbers;

pub use faults::{CallsFate, Fault, FaultKind, Faults};

use crate::Driver;
use cordboard_core::Instant;
use cordboard_core::exchange::{Asked, DriverCommand, DriverEvent, Registered, Target, Tone};
use cordboard_core::ids::{DeviceName, LegId};
use numbers::FarEnd;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How a simulated network misbehaves at random, for tests of the exchange.
#[derive(Clone, Debug, Default)]
pub struct Mischief {
    /// Where the randomness starts.
    pub seed: u64,
    /// Out of a hundred commands, so many are refused.
    pub refuse_percent: u8,
    /// Confirmations are late by up to this.
    pub delay: Duration,
    /// Reports of different legs overtake each other.
    pub swap: bool,
}

/// What a simulated phone shows and plays; tests look at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sound {
    /// Does it hear ringback?
    pub ringback: bool,
    /// Which tone it hears.
    pub tone: Option<Tone>,
    /// Does it hear music?
    pub music: bool,
}

#[derive(Clone, Debug)]
struct SimLeg {
    device: Option<DeviceName>,
    up: bool,
    sound: Sound,
    script: Option<FarEnd>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Happening {
    Report(DriverEvent),
    /// The far end or an auto-answering phone picks up.
    PickUp(LegId),
    /// The far end hangs up.
    HangUp(LegId, u8),
}

/// The network. Made with [`Sim::new`]; its first report says that it is up.
#[derive(Debug)]
pub struct Sim {
    legs: BTreeMap<LegId, SimLeg>,
    agenda: BTreeMap<(Instant, u64), Happening>,
    order: u64,
    auto_answer: Option<Duration>,
    device_answer: BTreeMap<DeviceName, Option<Duration>>,
    faults: Faults,
    mischief: Option<(Mischief, fastrand::Rng)>,
}

impl Sim {
    /// A network that is up. `auto_answer`: phones answer by themselves after so long.
    pub fn new(auto_answer: Option<Duration>, now: Instant) -> Self {
        let mut sim = Self {
            legs: BTreeMap::new(),
            agenda: BTreeMap::new(),
            order: 0,
            auto_answer,
            device_answer: BTreeMap::new(),
            faults: Faults::default(),
            mischief: None,
        };
        sim.come_up(now);
        sim
    }

    /// The same network, misbehaving.
    pub fn with_mischief(mut self, mischief: Mischief) -> Self {
        let random = fastrand::Rng::with_seed(mischief.seed);
        self.mischief = Some((mischief, random));
        self
    }

    /// Back to the seeded state: no legs, no faults, nothing on the agenda.
    pub fn reset(&mut self) {
        self.legs.clear();
        self.agenda.clear();
        self.device_answer.clear();
        self.faults = Faults::default();
    }

    /// Makes a phone answer by itself after so long; `None`: never.
    pub fn set_auto_answer(&mut self, device: DeviceName, after: Option<Duration>) {
        self.device_answer.insert(device, after);
    }

    /// The faults that are set.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Lays a fault over the network.
    pub fn set_fault(&mut self, fault: Fault, now: Instant) {
        match &fault.kind {
            FaultKind::NetworkDown { .. } if !self.faults.network_down() => {
                self.report(DriverEvent::NetworkDown, now, Duration::ZERO);
            }
            FaultKind::DeviceDown(device) if !self.faults.device_down(device) => {
                self.device_goes(device.clone(), now);
            }
            _ => {}
        }
        self.faults.set(fault);
    }

    /// Takes faults away: those on `on`, or all.
    pub fn clear_faults(&mut self, on: Option<&str>, now: Instant) {
        for fault in self.faults.clear(on) {
            match fault.kind {
                FaultKind::NetworkDown { calls } => {
                    if calls == CallsFate::Lost {
                        self.legs.clear();
                        self.agenda.clear();
                    }
                    self.come_up(now);
                }
                FaultKind::DeviceDown(device) => {
                    self.report(DriverEvent::DeviceUp(device), now, Duration::ZERO)
                }
                FaultKind::NetworkError
                | FaultKind::NetworkSlow(_)
                | FaultKind::DeviceSlow(_, _)
                | FaultKind::DeviceRefuses(_, _) => {}
            }
        }
    }

    /// Reports what a test wants a phone to do; one that dials has a leg from then on, one that releases a leg has none any
    /// more.
    pub fn phone_does(&mut self, event: DriverEvent, now: Instant) {
        match &event {
            DriverEvent::Dialled { leg, device, .. } => {
                let path = SimLeg {
                    device: Some(device.clone()),
                    up: true,
                    sound: Sound::default(),
                    script: None,
                };
                self.legs.insert(*leg, path);
            }
            DriverEvent::Released(leg, _) => {
                self.drop_leg(*leg);
            }
            _ => {}
        }
        self.report(event, now, Duration::ZERO);
    }

    /// What a leg hears, if it lives.
    pub fn sound(&self, leg: LegId) -> Option<Sound> {
        self.legs.get(&leg).map(|l| l.sound)
    }

    /// The legs that live, with the device each belongs to.
    pub fn live_legs(&self) -> impl Iterator<Item = (LegId, Option<&DeviceName>)> {
        self.legs.iter().map(|(id, leg)| (*id, leg.device.as_ref()))
    }

    fn come_up(&mut self, now: Instant) {
        let legs: BTreeSet<LegId> = self.legs.keys().copied().collect();
        let devices = Registered::AllBut(self.faults.devices_down());
        self.report(
            DriverEvent::NetworkUp { legs, devices },
            now,
            Duration::ZERO,
        );
    }

    fn device_goes(&mut self, device: DeviceName, now: Instant) {
        let gone: Vec<LegId> = self
            .legs
            .iter()
            .filter(|(_, l)| l.device.as_ref() == Some(&device))
            .map(|(id, _)| *id)
            .collect();
        self.report(DriverEvent::DeviceDown(device), now, Duration::ZERO);
        for leg in gone {
            self.drop_leg(leg);
            self.report(DriverEvent::Released(leg, 27), now, Duration::ZERO);
        }
    }

    fn report(&mut self, event: DriverEvent, now: Instant, after: Duration) {
        self.put(now + after, Happening::Report(event));
    }

    fn put(&mut self, at: Instant, happening: Happening) {
        self.order += 1;
        let mut key = (at, self.order);
        if let Some((mischief, random)) = &mut self.mischief
            && of_a_leg(&happening)
        {
            let late = random.u64(0..=u64::try_from(mischief.delay.as_millis()).unwrap_or(0));
            key.0 = key.0 + Duration::from_millis(late);
            if mischief.swap {
                key.1 = random.u64(0..1 << 20) << 40 | self.order;
            }
        }
        self.agenda.insert(key, happening);
    }

    fn drop_leg(&mut self, leg: LegId) -> bool {
        self.agenda.retain(|_, happening| match happening {
            Happening::PickUp(l) | Happening::HangUp(l, _) => *l != leg,
            Happening::Report(_) => true,
        });
        self.legs.remove(&leg).is_some()
    }

    fn offer(&mut self, leg: LegId, target: Target, auto_answer: bool, now: Instant) {
        let (device, script) = match target {
            Target::Device(device) => {
                if let Some(q850) = self.faults.refusal_by(&device) {
                    return self.report(
                        DriverEvent::Refused(leg, Asked::Offer, q850),
                        now,
                        Duration::ZERO,
                    );
                }
                (Some(device), None)
            }
            Target::Digits(digits) => {
                let script = numbers::far_end(digits.as_str());
                if let FarEnd::Refuses(q850) = script {
                    return self.report(
                        DriverEvent::Refused(leg, Asked::Offer, q850),
                        now,
                        self.lateness(None),
                    );
                }
                (None, Some(script))
            }
        };
        if auto_answer && self.faults.network_error() {
            return self.report(
                DriverEvent::Refused(leg, Asked::Offer, 1),
                now,
                Duration::ZERO,
            );
        }
        let late = self.lateness(device.as_ref());
        self.report(DriverEvent::Offered(leg), now, late);
        if auto_answer {
            self.put(now + late, Happening::PickUp(leg));
        } else {
            self.report(DriverEvent::Alerting(leg), now, late);
            match (&device, &script) {
                (Some(device), _) => {
                    let after = self
                        .device_answer
                        .get(device)
                        .copied()
                        .unwrap_or(self.auto_answer);
                    if let Some(after) = after {
                        self.put(now + late + after, Happening::PickUp(leg));
                    }
                }
                (None, Some(FarEnd::Answers { after, .. })) => {
                    self.put(now + late + *after, Happening::PickUp(leg))
                }
                (None, Some(FarEnd::Drops { after, q850 })) => {
                    self.put(now + late + *after, Happening::HangUp(leg, *q850));
                }
                (None, Some(FarEnd::Rings | FarEnd::Refuses(_)) | None) => {}
            }
        }
        self.legs.insert(
            leg,
            SimLeg {
                device,
                up: false,
                sound: Sound::default(),
                script,
            },
        );
    }

    fn lateness(&self, device: Option<&DeviceName>) -> Duration {
        self.faults.lateness(device)
    }

    fn pick_up(&mut self, leg: LegId, now: Instant) -> Option<DriverEvent> {
        let path = self.legs.get_mut(&leg).filter(|l| !l.up)?;
        path.up = true;
        if let Some(FarEnd::Answers {
            then_hangs_up: Some(after),
            ..
        }) = path.script
        {
            self.put(now + after, Happening::HangUp(leg, 16));
        }
        Some(DriverEvent::Answered(leg))
    }

    fn refuse_at_random(&mut self, leg: LegId, asked: Asked, now: Instant) -> bool {
        let Some((mischief, random)) = &mut self.mischief else {
            return false;
        };
        if random.u8(0..100) >= mischief.refuse_percent {
            return false;
        }
        let q850 = random.choice([17, 21, 27, 41]).unwrap_or(41);
        self.report(DriverEvent::Refused(leg, asked, q850), now, Duration::ZERO);
        true
    }
}

/// Does it concern one leg? Registrations and the network's own state are told in order, at once, by any network.
fn of_a_leg(happening: &Happening) -> bool {
    match happening {
        Happening::PickUp(_) | Happening::HangUp(_, _) => true,
        Happening::Report(event) => !matches!(
            event,
            DriverEvent::NetworkUp { .. }
                | DriverEvent::NetworkDown
                | DriverEvent::DeviceUp(_)
                | DriverEvent::DeviceDown(_)
        ),
    }
}

impl Driver for Sim {
    fn send(&mut self, command: DriverCommand, now: Instant) {
        let (leg, asked) = match &command {
            DriverCommand::Offer { leg, .. } => (*leg, Asked::Offer),
            DriverCommand::Answer(leg) => (*leg, Asked::Answer),
            DriverCommand::Join(_, leg) => (*leg, Asked::Join),
            DriverCommand::Leave(_, leg) => (*leg, Asked::Leave),
            DriverCommand::Ringback(leg)
            | DriverCommand::Tone(leg, _)
            | DriverCommand::Digits(leg, _)
            | DriverCommand::Music(leg, _)
            | DriverCommand::Release { leg, .. }
            | DriverCommand::Report { leg, .. } => (*leg, Asked::Other),
        };
        if self.faults.network_down() {
            return;
        }
        if asked != Asked::Other && self.refuse_at_random(leg, asked, now) {
            return;
        }
        if asked != Asked::Offer && !self.legs.contains_key(&leg) {
            return self.report(DriverEvent::Refused(leg, asked, 41), now, Duration::ZERO);
        }
        let device = self.legs.get(&leg).and_then(|l| l.device.clone());
        let late = self.lateness(device.as_ref());
        match command {
            DriverCommand::Offer {
                leg,
                target,
                auto_answer,
                ..
            } => self.offer(leg, target, auto_answer, now),
            DriverCommand::Answer(leg) => self.put(now + late, Happening::PickUp(leg)),
            DriverCommand::Join(_, leg) => {
                self.hear(leg, |sound| *sound = Sound::default());
                self.report(DriverEvent::Joined(leg), now, late);
            }
            DriverCommand::Leave(_, leg) => self.report(DriverEvent::Left(leg), now, late),
            DriverCommand::Ringback(leg) => self.hear(leg, |sound| sound.ringback = true),
            DriverCommand::Tone(leg, tone) => self.hear(leg, |sound| {
                *sound = Sound {
                    tone: (tone != Tone::Off).then_some(tone),
                    ..Sound::default()
                };
            }),
            DriverCommand::Music(leg, on) => self.hear(leg, |sound| sound.music = on),
            DriverCommand::Release { leg, q850, .. } => {
                self.drop_leg(leg);
                self.report(DriverEvent::Released(leg, q850), now, late);
            }
            DriverCommand::Digits(_, _) | DriverCommand::Report { .. } => {}
        }
    }

    fn poll(&mut self, now: Instant) -> Option<DriverEvent> {
        loop {
            let entry = self
                .agenda
                .first_entry()
                .filter(|entry| entry.key().0 <= now)?;
            let event = match entry.remove() {
                Happening::Report(event) => Some(event),
                Happening::PickUp(leg) => self.pick_up(leg, now),
                Happening::HangUp(leg, q850) => self
                    .drop_leg(leg)
                    .then_some(DriverEvent::Released(leg, q850)),
            };
            // While the network is down nothing is heard of it; what happened to legs shows when it is back.
            let heard = event.filter(|event| {
                !self.faults.network_down()
                    || matches!(
                        event,
                        DriverEvent::NetworkDown | DriverEvent::NetworkUp { .. }
                    )
            });
            if heard.is_some() {
                return heard;
            }
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.agenda.keys().next().map(|&(at, _)| at)
    }
}

impl Sim {
    fn hear(&mut self, leg: LegId, change: impl FnOnce(&mut Sound)) {
        if let Some(leg) = self.legs.get_mut(&leg) {
            change(&mut leg.sound);
        }
    }
}
