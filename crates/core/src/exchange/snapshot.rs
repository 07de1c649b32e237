//! Reading live state: through the same door as everything else.

use super::Exchange;
use super::vocabulary::{
    Actor, CallPlan, Counts, DeviceView, LineView, Query, Reply, Seat, StateView,
};
use crate::call::{CallRecord, PartView};
use crate::directory::Device;
use crate::ids::{DeviceName, DirectoryNumber, UserId};
use crate::refusal::Refusal;

impl Exchange {
    pub(super) fn snapshot(&self, query: Query) -> Result<Reply, Refusal> {
        match query {
            Query::Call(id) => {
                let call = self
                    .keys
                    .get(&id)
                    .and_then(|key| self.calls.get(key))
                    .ok_or(Refusal::NoSuchCall)?;
                Ok(Reply::Call(Box::new(call.record())))
            }
            Query::Calls => Ok(Reply::Calls(self.records())),
            Query::Device(name) => {
                let device = self
                    .directory
                    .device(name.as_str())
                    .ok_or(Refusal::NoSuchDevice)?;
                Ok(Reply::Devices(vec![self.view(&device)]))
            }
            Query::Devices => Ok(Reply::Devices(self.views())),
            Query::State => Ok(Reply::State(Box::new(StateView {
                calls: self.records(),
                devices: self.views(),
                network_up: self.now.network_up,
            }))),
            Query::DevicesOf(user) => {
                self.directory
                    .account(&user.as_str().into())
                    .ok_or(Refusal::NoSuchUser)?;
                let names = self.devices_of(&user);
                let devices = names
                    .iter()
                    .filter_map(|name| self.directory.device(name.as_str()));
                Ok(Reply::Devices(devices.map(|d| self.view(&d)).collect()))
            }
            Query::MakeCall {
                user,
                device,
                line,
                to,
            } => {
                let actor = Actor::User(user.clone());
                // The interface only names a call's origin, and there will be none.
                let plan = self.plan_call(&actor, "", Some(user), &device, line, &to)?;
                let carriers = self.carriers(&plan.to);
                let carriers = carriers
                    .iter()
                    .filter_map(|name| self.directory.device(name.as_str()));
                Ok(Reply::Plan(Box::new(CallPlan {
                    carriers: carriers.map(|d| self.view(&d)).collect(),
                    device: plan.device,
                    line: plan.line,
                    to: plan.to,
                    outside: plan.outside,
                })))
            }
            Query::Seats(devices) => {
                let seats = devices.iter().map(|device| {
                    let known = self.directory.device(device.as_str());
                    let device = known.as_ref().map_or(device, |known| &known.name);
                    Seat {
                        user: self.seats.at(device).map(|login| login.user.clone()),
                        last: self.seats.last(device).cloned(),
                    }
                });
                Ok(Reply::Seats(seats.collect()))
            }
            Query::SeatsOf(users) => {
                let seats = users.iter().map(|user| self.seats.of(user.as_str()));
                Ok(Reply::SeatsOf(seats.collect()))
            }
            Query::Takeovers => Ok(Reply::Takeovers(
                self.takeovers.iter().map(|(_, t)| t.clone()).collect(),
            )),
            Query::Parts => Ok(Reply::Parts(self.live_parts(), self.now.network_up)),
            Query::Lines(digits) => {
                let lines = digits.iter().map(|digits| {
                    let number = self.directory.resolve(digits.as_str())?;
                    let devices = self.watchable(&number);
                    Some(LineView { number, devices })
                });
                Ok(Reply::Lines(lines.collect()))
            }
            Query::Logins => Ok(Reply::Logins(self.seats.iter().cloned().collect())),
            Query::Login(wish) => Ok(Reply::LoginPlan(Box::new(self.plan_login(&wish)?))),
            Query::Counts => Ok(Reply::Counts(Counts {
                calls: self.calls.len(),
                legs: self.legs.len(),
                operations: self.operations.len(),
                stray_reports: self.now.strays,
                network_up: self.now.network_up,
            })),
        }
    }

    fn live_parts(&self) -> Vec<PartView> {
        let calls = self.calls.iter();
        let parts = calls.flat_map(|(_, call)| {
            call.places().filter_map(move |place| {
                let part = call.part(place);
                let told = part.told.clone().filter(|told| told.state.is_live())?;
                Some(call.view(place, told, part.since))
            })
        });
        let mut parts: Vec<PartView> = parts.collect();
        parts.sort_by_key(|part| part.part);
        parts
    }

    /// The devices that carry a line now, as [`LineView`] orders them.
    fn watchable(&self, number: &DirectoryNumber) -> Vec<DeviceView> {
        let names = self.carrying(number).into_iter();
        let devices = names.filter_map(|name| self.directory.device(name.as_str()));
        let mut views: Vec<DeviceView> = devices.map(|device| self.view(&device)).collect();
        views.sort_by_key(|view| (!view.registered, view.user.is_none()));
        views
    }

    /// The live calls, newest first.
    fn records(&self) -> Vec<CallRecord> {
        let calls = self.calls.iter().rev();
        calls.map(|(_, call)| call.record()).collect()
    }

    fn views(&self) -> Vec<DeviceView> {
        self.directory.devices().map(|d| self.view(&d)).collect()
    }

    fn view(&self, device: &Device) -> DeviceView {
        DeviceView {
            name: device.name.clone(),
            registered: self.is_registered(&device.name) && self.now.network_up,
            lines: self.lines_now(&device.name),
            user: self.user_at(&device.name),
            logged_in: self.seats.at(&device.name).is_some(),
        }
    }

    /// The devices a user may act with now: owned or associated, and the phone he sits at, the newest if several.
    /// [exchange §7]
    pub(super) fn devices_of(&self, user: &UserId) -> Vec<DeviceName> {
        let mut names: Vec<DeviceName> = match self.directory.end_user(user.as_str()) {
            Some(user) => self
                .directory
                .devices_of(&user)
                .into_iter()
                .map(|d| d.name)
                .collect(),
            None => self
                .directory
                .app_user(user.as_str())
                .map(|app| app.devices)
                .unwrap_or_default(),
        };
        if let Some(newest) = self.seats.of(user.as_str()).pop()
            && !names.contains(&newest)
        {
            names.push(newest);
        }
        names
    }
}
