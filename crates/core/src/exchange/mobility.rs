//! Extension Mobility: who sits at which device, with which lines, and until when. [mobility §7]
//!
//! A login or a log-out commits at once, whatever the phone is doing: live parts keep the device and user they began with, and
//! the next call finds the lines where they are now.

use super::vocabulary::{
    Actor, EndedBy, EndedLogin, EventKind, LoginLength, LoginPlan, LoginWish, MobilityLogin,
    Record, Reply, Sweep,
};
use super::{Exchange, Output};
use crate::directory::{Device, DeviceProfile, EndUser, same_name};
use crate::ids::{DeviceName, Ticket, UserId};
use crate::now::Wall;
use crate::refusal::Refusal;
use std::sync::Arc;
use std::time::Duration;

/// What becomes of a user's earlier login when he logs in elsewhere. [mobility §7.4]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MultipleLogins {
    /// The new one is refused.
    #[default]
    NotAllowed,
    /// Both stand.
    Allowed,
    /// The earlier one ends.
    AutoLogout,
}

impl Exchange {
    /// What a login would come to: the checks in the original's order. [mobility §7.2]
    pub(super) fn plan_login(&self, wish: &LoginWish) -> Result<LoginPlan, Refusal> {
        let device = self.desk(&wish.device)?;
        if self.seats.at(&device.name).is_some() {
            return Err(Refusal::SeatTaken);
        }
        self.plan_at(&device, wish)
    }

    /// A device where people may log in.
    pub(super) fn desk(&self, device: &DeviceName) -> Result<Device, Refusal> {
        let device = self.directory.device(device.as_str());
        let device = device.ok_or(Refusal::NoSuchDevice)?;
        if device.em_enabled {
            Ok(device)
        } else {
            Err(Refusal::MobilityOff)
        }
    }

    /// The checks of the user, as if nobody sat at the device.
    pub(super) fn plan_at(&self, device: &Device, wish: &LoginWish) -> Result<LoginPlan, Refusal> {
        let user = self.directory.end_user(wish.user.as_str());
        let user = user
            .filter(|user| user.home_cluster)
            .ok_or(Refusal::NoSuchUser)?;
        let profile = self.profile_for(&user, wish)?;
        let elsewhere = self.seats.of(user.id.as_str());
        let ends = match self.settings.multiple_logins {
            MultipleLogins::NotAllowed if !elsewhere.is_empty() => {
                return Err(Refusal::SeatedElsewhere);
            }
            MultipleLogins::NotAllowed | MultipleLogins::Allowed => Vec::new(),
            MultipleLogins::AutoLogout => elsewhere,
        };
        let until = self.login_ends(&user, wish.length);
        if until.is_some() && !wish.timers_work {
            return Err(Refusal::TimerUnavailable);
        }
        Ok(LoginPlan {
            device: device.name.clone(),
            user: user.id,
            profile: profile.name,
            mismatched: profile.model != device.model,
            until,
            ends,
        })
    }

    /// The checks, then the login.
    pub(super) fn log_in(
        &mut self,
        ticket: Ticket,
        actor: &Actor,
        interface: &'static str,
        wish: &LoginWish,
    ) -> Result<Reply, Refusal> {
        let plan = self.plan_login(wish)?;
        for device in &plan.ends {
            self.end_login(Some(ticket), device, EndedBy::Elsewhere, None);
        }
        let login = self.login_of(plan, interface.into(), caller(actor));
        self.begin_login(Some(ticket), login.clone());
        self.look_at_takeover(&login.device);
        Ok(Reply::Logins(vec![login]))
    }

    /// The login that a plan comes to now.
    pub(super) fn login_of(
        &self,
        plan: LoginPlan,
        origin: Arc<str>,
        by: Option<UserId>,
    ) -> MobilityLogin {
        MobilityLogin {
            device: plan.device,
            user: plan.user,
            profile: plan.profile,
            since: self.clock.wall,
            until: plan.until,
            origin,
            by,
            mismatched: plan.mismatched,
        }
    }

    /// Seats somebody at a free device, for everybody to hear and to last.
    pub(super) fn begin_login(&mut self, ticket: Option<Ticket>, login: MobilityLogin) {
        let boxed = Box::new(login.clone());
        self.out
            .push_back(Output::Save(Record::Login(boxed.clone())));
        self.publish(ticket, EventKind::MobilityLogin(boxed));
        self.seat(login);
    }

    /// Logs out whoever sits at a device; `only` him, when a user acts for himself. [mobility §7.2]
    pub(super) fn log_out(
        &mut self,
        ticket: Ticket,
        actor: &Actor,
        device: &DeviceName,
        only: Option<&UserId>,
        timers_work: bool,
    ) -> Result<Reply, Refusal> {
        let device = match actor {
            // An administrator may also end what began before the phone was taken out of it. [mobility §7.2]
            Actor::Operator => {
                let device = self.directory.device(device.as_str());
                device.ok_or(Refusal::NoSuchDevice)?
            }
            Actor::User(_) | Actor::Phone => self.desk(device)?,
        };
        let login = self.seats.at(&device.name).ok_or(Refusal::SeatFree)?;
        if only.is_some_and(|user| !same_name(user.as_str(), login.user.as_str())) {
            return Err(Refusal::NoProxyRight);
        }
        if login.until.is_some() && !timers_work {
            return Err(Refusal::TimerUnavailable);
        }
        let device = device.name.clone();
        self.end_login(Some(ticket), &device, EndedBy::Logout, caller(actor));
        Ok(Reply::Done)
    }

    /// Logs everybody out.
    pub(super) fn log_out_all(
        &mut self,
        ticket: Ticket,
        actor: &Actor,
        timers_work: bool,
    ) -> Result<Reply, Refusal> {
        if !timers_work && self.seats.iter().any(|login| login.until.is_some()) {
            return Err(Refusal::TimerUnavailable);
        }
        let devices: Vec<DeviceName> = self.seats.iter().map(|l| l.device.clone()).collect();
        for device in devices {
            self.end_login(Some(ticket), &device, EndedBy::LogoutAll, caller(actor));
        }
        Ok(Reply::Done)
    }

    /// Logs out whoever a schedule says.
    pub(super) fn sweep(&mut self, ticket: Ticket, sweep: &Sweep) -> Reply {
        let is = |names: &[&str], name: &str| names.iter().any(|n| same_name(n, name));
        let users: Vec<&str> = sweep.except_users.iter().map(UserId::as_str).collect();
        let devices: Vec<&str> = sweep
            .except_devices
            .iter()
            .map(DeviceName::as_str)
            .collect();
        let over = self.seats.iter().filter(|login| {
            login.since < sweep.before
                && !is(&users, login.user.as_str())
                && !is(&devices, login.device.as_str())
        });
        let over: Vec<DeviceName> = over.map(|login| login.device.clone()).collect();
        for device in over {
            self.end_login(Some(ticket), &device, EndedBy::Schedule, None);
        }
        Reply::Done
    }

    /// Seats somebody and sets the clock for when he leaves.
    pub(super) fn seat(&mut self, login: MobilityLogin) {
        match login.until {
            Some(until) => self.log_outs.set(login.device.clone(), until),
            None => self.log_outs.clear(&login.device),
        }
        self.seats.sit(login);
    }

    /// Ends the login at a device, and says which it was.
    pub(super) fn end_login(
        &mut self,
        ticket: Option<Ticket>,
        device: &DeviceName,
        how: EndedBy,
        by: Option<UserId>,
    ) -> Option<MobilityLogin> {
        let login = self.seats.rise(device)?;
        self.log_outs.clear(device);
        let ended = Box::new(EndedLogin {
            login: login.clone(),
            at: self.clock.wall,
            how,
            by,
        });
        self.out
            .push_back(Output::Save(Record::Logout(ended.clone())));
        self.publish(ticket, EventKind::MobilityLogout(ended));
        self.seat_left(device);
        Some(login)
    }

    /// Ends the logins whose time is over. The network has no say in it.
    pub(super) fn logins_over(&mut self) {
        while let Some(device) = self.log_outs.take_due(self.clock.wall) {
            self.end_login(None, &device, EndedBy::Expired, None);
        }
    }

    /// Which profile a login takes. [mobility §7.3]
    fn profile_for(&self, user: &EndUser, wish: &LoginWish) -> Result<DeviceProfile, Refusal> {
        let own = self.directory.profiles_of(user);
        let found = match &wish.profile {
            Some(name) => {
                let profile = self.directory.profile(name.as_str());
                profile.filter(|p| !wish.own_profiles || own.iter().any(|o| o.name == p.name))
            }
            None => self.directory.default_profile(user),
        };
        found.ok_or(Refusal::NoSuchProfile)
    }

    /// When a login ends by itself: as asked, at the latest after the user's own maximum, where that counts, or else the
    /// cluster's. [mobility §5.1, §7.5]
    fn login_ends(&self, user: &EndUser, length: LoginLength) -> Option<Wall> {
        let asked = match length {
            LoginLength::Policy | LoginLength::Indefinite => None,
            LoginLength::Minutes(minutes) => Some(Duration::from_secs(u64::from(minutes) * 60)),
        };
        let own = user
            .max_login_minutes
            .filter(|_| self.settings.user_max_login);
        let own = own.map(|minutes| Duration::from_secs(u64::from(minutes) * 60));
        let length = match (asked, own.or(self.settings.max_login)) {
            (Some(asked), Some(max)) => Some(asked.min(max)),
            (asked, max) => asked.or(max),
        };
        length.map(|length| self.clock.later(length).wall)
    }
}

pub(super) fn caller(actor: &Actor) -> Option<UserId> {
    match actor {
        Actor::User(id) => Some(id.clone()),
        Actor::Operator | Actor::Phone => None,
    }
}
