//! Polite takeovers: a user is to sit where somebody else sits. That one is told, the calls there end by themselves, then the
//! seat changes hands; for a while it can be undone.
//!
//! A takeover goes on by the clock only: whatever may bring it forward (a call that ends, a log-out, an edit) sets its timer to
//! now, and its turn comes with the next deadline, in a step of its own.

use super::mobility::caller;
use super::vocabulary::{
    Actor, EndedBy, EventKind, LoginPlan, LoginWish, MobilityLogin, Record, Reply, Takeover,
    TakeoverChange, TakeoverEnd, TakeoverStage, TakeoverTimes,
};
use super::{Exchange, MultipleLogins, Output};
use crate::directory::same_name;
use crate::ids::{DeviceName, Ticket, UserId};
use crate::refusal::Refusal;

impl Exchange {
    /// Begins a takeover. With nobody to warn and no call at the device it is done at once.
    pub(super) fn take_over(
        &mut self,
        ticket: Ticket,
        actor: &Actor,
        interface: &'static str,
        wish: &LoginWish,
    ) -> Result<Reply, Refusal> {
        let times = self.settings.takeover.ok_or(Refusal::TakeoverOff)?;
        let device = self.desk(&wish.device)?;
        if self.is_under_way(&device.name) {
            return Err(Refusal::TakeoverUnderWay);
        }
        let from = self.seats.at(&device.name).map(|login| login.user.clone());
        if from.as_ref().is_some_and(|from| same(from, &wish.user)) {
            return Err(Refusal::SeatTaken);
        }
        let plan = self.plan_at(&device, wish)?;
        let until = match from {
            Some(_) => self.clock.later(times.warning).wall,
            None => self.clock.wall,
        };
        let mut takeover = Takeover {
            device: plan.device.clone(),
            user: plan.user.clone(),
            profile: wish.profile.clone(),
            length: wish.length,
            from,
            asked: self.clock.wall,
            origin: interface.into(),
            by: caller(actor),
            stage: TakeoverStage::Warned { until },
        };
        if until > self.clock.wall {
            self.go_on(Some(ticket), &takeover);
        } else {
            takeover = self.switch_or_wait(Some(ticket), takeover, plan, times);
        }
        Ok(Reply::Takeovers(vec![takeover]))
    }

    /// Calls a takeover off before the switch.
    pub(super) fn cancel_takeover(
        &mut self,
        ticket: Ticket,
        device: &DeviceName,
    ) -> Result<Reply, Refusal> {
        let device = self.desk(device)?.name;
        if !self.is_under_way(&device) {
            return Err(Refusal::NoTakeover);
        }
        self.end_takeover(Some(ticket), &device, TakeoverEnd::Cancelled);
        Ok(Reply::Done)
    }

    /// Ends the login that a takeover made and seats again whom it made leave. Whose login would be over by now, or who found
    /// another seat meanwhile, stays out.
    pub(super) fn undo_takeover(
        &mut self,
        ticket: Ticket,
        actor: &Actor,
        device: &DeviceName,
    ) -> Result<Reply, Refusal> {
        let device = self.desk(device)?.name;
        let takeover = self.takeovers.get(&device).ok_or(Refusal::NoTakeover)?;
        let TakeoverStage::Done { ended, .. } = takeover.stage.clone() else {
            return Err(Refusal::NoTakeover);
        };
        let (takeover, ticket) = (takeover.clone(), Some(ticket));
        self.end_login(ticket, &device, EndedBy::Undo, caller(actor));
        let mut seated = Vec::new();
        for login in ended {
            if self.may_return(&login) {
                let login = MobilityLogin {
                    since: self.clock.wall,
                    ..login
                };
                self.begin_login(ticket, login.clone());
                seated.push(login);
            }
        }
        self.tell_end(ticket, takeover, TakeoverEnd::Undone);
        Ok(Reply::Logins(seated))
    }

    /// Somebody left a device: a takeover that waits for that goes on, one that is done can no longer be undone.
    pub(super) fn seat_left(&mut self, device: &DeviceName) {
        if self.is_under_way(device) {
            self.look_at_takeover(device);
        } else {
            self.forget_takeover(device);
        }
    }

    /// Sets the turn of a takeover to now, if there is one.
    pub(super) fn look_at_takeover(&mut self, device: &DeviceName) {
        if self.takeovers.contains(device) {
            let now = self.clock.wall;
            self.takeover_turns.set(device.clone(), now);
        }
    }

    /// Sets the turns of all takeovers to now: what they need may be gone.
    pub(super) fn look_at_takeovers(&mut self) {
        let devices: Vec<DeviceName> = self.takeovers.keys().cloned().collect();
        for device in devices {
            self.look_at_takeover(&device);
        }
    }

    /// Gives the takeovers whose time has come their turns.
    pub(super) fn takeovers_due(&mut self) {
        while let Some(device) = self.takeover_turns.take_due(self.clock.wall) {
            if let Some(takeover) = self.takeovers.get(&device).cloned() {
                self.takeover_turn(takeover);
            }
        }
    }

    /// A takeover from before the start goes on.
    pub(super) fn keep_takeover(&mut self, takeover: Takeover) {
        self.wait_for(&takeover);
        self.takeovers.insert(takeover.device.clone(), takeover);
    }

    fn takeover_turn(&mut self, takeover: Takeover) {
        let over = takeover.stage.until() <= self.clock.wall;
        match takeover.stage {
            TakeoverStage::Warned { .. } => {
                let nobody = self.seats.at(&takeover.device).is_none();
                self.switch_turn(takeover, over || nobody);
            }
            TakeoverStage::Waiting { .. } if over && self.has_calls(&takeover.device) => {
                self.end_takeover(None, &takeover.device, TakeoverEnd::GivenUp);
            }
            TakeoverStage::Waiting { .. } => {
                let idle = !self.has_calls(&takeover.device);
                self.switch_turn(takeover, idle);
            }
            TakeoverStage::Done { since, .. } => {
                let seat = self.seats.at(&takeover.device);
                let his = |l: &MobilityLogin| same(&l.user, &takeover.user) && l.since == since;
                if over || !seat.is_some_and(his) {
                    self.forget_takeover(&takeover.device);
                } else {
                    self.wait_for(&takeover);
                }
            }
        }
    }

    /// Is the switch still possible? If so, is it `due`?
    fn switch_turn(&mut self, takeover: Takeover, due: bool) {
        match self.plan_switch(&takeover) {
            Ok((plan, times)) if due => {
                self.switch_or_wait(None, takeover, plan, times);
            }
            Ok(_) => self.wait_for(&takeover),
            Err(refusal) => {
                self.end_takeover(None, &takeover.device, TakeoverEnd::Failed(refusal));
            }
        }
    }

    fn plan_switch(&self, takeover: &Takeover) -> Result<(LoginPlan, TakeoverTimes), Refusal> {
        let times = self.settings.takeover.ok_or(Refusal::TakeoverOff)?;
        let device = self.desk(&takeover.device)?;
        let warned = |user: &UserId| takeover.from.as_ref().is_some_and(|from| same(from, user));
        let seat = self.seats.at(&device.name);
        if seat.is_some_and(|login| !warned(&login.user)) {
            return Err(Refusal::SeatTaken);
        }
        Ok((self.plan_at(&device, &takeover.wish())?, times))
    }

    /// The switch, or, while there are calls at the device, the wait for it.
    fn switch_or_wait(
        &mut self,
        ticket: Option<Ticket>,
        mut takeover: Takeover,
        plan: LoginPlan,
        times: TakeoverTimes,
    ) -> Takeover {
        if self.has_calls(&takeover.device) {
            let until = self.clock.later(times.patience).wall;
            takeover.stage = TakeoverStage::Waiting { until };
            self.go_on(ticket, &takeover);
            return takeover;
        }
        let (device, by) = (takeover.device.clone(), takeover.by.clone());
        let mut ended = Vec::new();
        ended.extend(self.end_login(ticket, &device, EndedBy::Takeover, by.clone()));
        for elsewhere in &plan.ends {
            ended.extend(self.end_login(ticket, elsewhere, EndedBy::Elsewhere, None));
        }
        let login = self.login_of(plan, takeover.origin.clone(), by);
        takeover.stage = TakeoverStage::Done {
            until: self.clock.later(times.undo).wall,
            since: login.since,
            ended,
        };
        self.begin_login(ticket, login);
        self.go_on(ticket, &takeover);
        takeover
    }

    fn is_under_way(&self, device: &DeviceName) -> bool {
        let takeover = self.takeovers.get(device);
        takeover.is_some_and(|takeover| !matches!(takeover.stage, TakeoverStage::Done { .. }))
    }

    fn has_calls(&self, device: &DeviceName) -> bool {
        self.device_legs.contains(device)
    }

    /// May somebody sit again where a takeover made him leave?
    fn may_return(&self, login: &MobilityLogin) -> bool {
        let settled = !self.seats.of(login.user.as_str()).is_empty()
            && self.settings.multiple_logins != MultipleLogins::Allowed;
        login.fits(&self.directory)
            && self.desk(&login.device).is_ok()
            && self.seats.at(&login.device).is_none()
            && login.until.is_none_or(|until| until > self.clock.wall)
            && !settled
    }

    /// A takeover reached its next stage: that is told, kept and waited for.
    fn go_on(&mut self, ticket: Option<Ticket>, takeover: &Takeover) {
        let record = Record::Takeover(Box::new(takeover.clone()));
        self.out.push_back(Output::Save(record));
        let change = TakeoverChange {
            takeover: takeover.clone(),
            end: None,
        };
        self.publish(ticket, EventKind::MobilityTakeover(Box::new(change)));
        self.keep_takeover(takeover.clone());
    }

    fn wait_for(&mut self, takeover: &Takeover) {
        let at = takeover.stage.until();
        self.takeover_turns.set(takeover.device.clone(), at);
    }

    fn end_takeover(&mut self, ticket: Option<Ticket>, device: &DeviceName, end: TakeoverEnd) {
        if let Some(takeover) = self.forget_takeover(device) {
            self.tell_end(ticket, takeover, end);
        }
    }

    fn tell_end(&mut self, ticket: Option<Ticket>, takeover: Takeover, end: TakeoverEnd) {
        let change = TakeoverChange {
            takeover,
            end: Some(end),
        };
        self.publish(ticket, EventKind::MobilityTakeover(Box::new(change)));
    }

    fn forget_takeover(&mut self, device: &DeviceName) -> Option<Takeover> {
        let takeover = self.takeovers.remove(device)?;
        self.takeover_turns.clear(device);
        self.out
            .push_back(Output::Save(Record::TakeoverOver(device.clone())));
        Some(takeover)
    }
}

fn same(one: &UserId, other: &UserId) -> bool {
    same_name(one.as_str(), other.as_str())
}
