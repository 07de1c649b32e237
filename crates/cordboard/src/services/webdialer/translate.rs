//! WebDialer's words and the exchange's, and nothing else. Pure. [webdialer §5, §6.1]

use super::INTERFACE;
use cordboard_core::Refusal;
use cordboard_core::call::{CallRecord, Class};
use cordboard_core::directory::{Directory, Right};
use cordboard_core::exchange::{Action, Actor, Command, DeviceView, LineWish, Query, Reply, Whose};
use cordboard_core::ids::{CallId, DeviceName, Digits, DirectoryNumber, Partition, UserId};
use cordboard_wire::webdialer::{
    DeviceDetail, DeviceLines, LineChoice, Outcome, ResponseCode, TEXT_NO_DEVICE_FOR_USER,
};

/// What a refusal is in WebDialer's codes. A new refusal does not compile until it has one.
pub fn outcome(refusal: &Refusal) -> Outcome {
    let code = match refusal {
        Refusal::NoSuchUser => ResponseCode::DirectoryError,
        Refusal::NoDeviceForUser => {
            return Outcome::with_text(ResponseCode::MissingParameters, TEXT_NO_DEVICE_FOR_USER);
        }
        Refusal::NoSuchDevice | Refusal::LineNotOnDevice | Refusal::NotAllowed => {
            ResponseCode::MissingParameters
        }
        Refusal::NoProxyRight => ResponseCode::NoProxyRights,
        Refusal::DeviceOutOfService
        | Refusal::WrongState(_)
        | Refusal::InProgress
        | Refusal::NoSuchCall
        | Refusal::TooManyCalls => ResponseCode::CallFailure,
        Refusal::NetworkDown | Refusal::NetworkSilent => ResponseCode::TemporarilyUnavailable,
        Refusal::BadNumber => ResponseCode::DestinationNotReachable,
        Refusal::Unreachable(cause) => match cause.class {
            Class::Unallocated => ResponseCode::DestinationNotReachable,
            Class::Network => ResponseCode::TemporarilyUnavailable,
            Class::Normal
            | Class::Busy
            | Class::NoAnswer
            | Class::Rejected
            | Class::OutOfService
            | Class::Cancelled
            | Class::Transferred
            | Class::Conferenced => ResponseCode::CallFailure,
        },
        Refusal::Overloaded => ResponseCode::Overloaded,
        Refusal::StoreUnavailable => ResponseCode::ServiceError,
        // Extension Mobility's own: nothing here asks for a login.
        Refusal::MobilityOff
        | Refusal::SeatTaken
        | Refusal::SeatFree
        | Refusal::NoSuchProfile
        | Refusal::SeatedElsewhere
        | Refusal::TimerUnavailable
        | Refusal::TakeoverOff
        | Refusal::TakeoverUnderWay
        | Refusal::NoTakeover => ResponseCode::ServiceError,
    };
    code.into()
}

/// The line a request means, as a wish: a line that the device does not have falls to its first one, unless the server is
/// strict and the value is no placeholder. [webdialer §5.7]
pub fn line_wish(line_number: Option<&str>, strict: bool) -> LineWish {
    let choice = LineChoice::parse(line_number.unwrap_or_default());
    let placeholder = choice.is_placeholder();
    match choice {
        LineChoice::First => LineWish::First,
        LineChoice::Line { number, partition } => LineWish::Named {
            digits: Digits::from(number),
            partition: partition.map(Partition::from),
            or_first: placeholder || !strict,
        },
    }
}

/// A named device that exists, as the directory writes it.
pub fn known_device(directory: &Directory, name: Option<&str>) -> Option<DeviceName> {
    directory.device(name?).map(|device| device.name)
}

/// Who asks, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    actor: UserId,
    user: UserId,
}

impl Asker {
    /// Somebody who has proved who he is, for himself.
    pub fn new(actor: UserId) -> Self {
        Self {
            user: actor.clone(),
            actor,
        }
    }

    /// A person of the directory, for himself, by his id in any letter case.
    pub fn known(directory: &Directory, user: &str) -> Option<Self> {
        let user = directory.end_user(user)?;
        Some(Self::new(user.id))
    }

    /// Is that he himself? Nobody named means so. [webdialer §5.3]
    pub fn is(&self, user: Option<&str>) -> bool {
        user.is_none_or(|user| same(&self.actor, user))
    }

    /// For that user; nobody named: for himself.
    ///
    /// # Errors
    /// Code 3 without the right to act for others.
    pub fn acting_for(self, user: Option<&str>, directory: &Directory) -> Result<Self, Outcome> {
        let Some(user) = user else { return Ok(self) };
        let account = directory
            .account(&self.actor.as_str().into())
            .ok_or(ResponseCode::AuthenticationError)?;
        if !self.is(Some(user)) && !account.has(Right::PROXY) {
            return Err(outcome(&Refusal::NoProxyRight));
        }
        Ok(Self {
            user: user.into(),
            ..self
        })
    }

    /// Whom he acts for.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// Is he a person, not an application?
    pub fn is_person(&self, directory: &Directory) -> bool {
        directory.end_user(self.actor.as_str()).is_some()
    }

    /// The digits of his primary line, or nothing. [webdialer §5.6]
    pub fn primary_line(&self, directory: &Directory) -> String {
        let line = directory
            .end_user(self.actor.as_str())
            .and_then(|user| user.primary_line);
        line.map(|line| line.digits.to_string()).unwrap_or_default()
    }

    fn command(self, action: impl FnOnce(UserId) -> Action) -> Command {
        Command {
            actor: Actor::User(self.actor),
            interface: INTERFACE,
            action: action(self.user),
        }
    }
}

fn same(id: &UserId, user: &str) -> bool {
    id.as_str().eq_ignore_ascii_case(user.trim())
}

/// From where a call is to go, and to which number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The device.
    pub device: DeviceName,
    /// The line on it.
    pub line: LineWish,
    /// The number that is handed to the exchange.
    pub to: String,
}

/// Place a call.
pub fn make_call(asker: Asker, wanted: Wanted) -> Command {
    let Wanted { device, line, to } = wanted;
    asker.command(|user| Action::MakeCall {
        user: Some(user),
        device,
        line,
        to,
    })
}

/// What [`make_call`] would come to.
pub fn would_call(asker: Asker, wanted: Wanted) -> Command {
    let Wanted { device, line, to } = wanted;
    Command {
        actor: Actor::User(asker.actor),
        interface: INTERFACE,
        action: Action::Snapshot(Query::MakeCall {
            user: asker.user,
            device,
            line,
            to,
        }),
    }
}

/// End the newest call that this interface placed for the user: from that device and line, if they are given.
pub fn end_call(
    asker: Asker,
    device: Option<DeviceName>,
    line: Option<DirectoryNumber>,
) -> Command {
    asker.command(|user| Action::ReleaseNewest { user, device, line })
}

/// Read a call. No right is asked for here.
pub fn call_of(id: &str) -> Command {
    Command {
        actor: Actor::Operator,
        interface: INTERFACE,
        action: Action::Snapshot(Query::Call(CallId::from(id))),
    }
}

/// End the calling side of a call that this interface placed for the user; `None` where it is not such a call.
pub fn end_placed(asker: Asker, answer: Result<Reply, Refusal>) -> Option<Command> {
    let Ok(Reply::Call(call)) = answer else {
        return None;
    };
    let device = calling_device(&call).filter(|_| is_placed_for(&asker, &call))?;
    let whose = Whose {
        device,
        call: call.id,
    };
    Some(asker.command(|_| Action::Release(whose)))
}

fn is_placed_for(asker: &Asker, call: &CallRecord) -> bool {
    let user = call.origin.user.as_ref();
    call.origin.interface == INTERFACE && user.is_some_and(|user| same(user, asker.user.as_str()))
}

fn calling_device(call: &CallRecord) -> Option<DeviceName> {
    let mut parts = call.connections.iter().filter(|part| part.calling);
    parts.find_map(|part| part.device.clone())
}

/// Read the devices that the user may act with now. No right is asked for here.
pub fn devices_of(asker: &Asker) -> Command {
    Command {
        actor: Actor::Operator,
        interface: INTERFACE,
        action: Action::Snapshot(Query::DevicesOf(asker.user.clone())),
    }
}

/// The id of the call that was placed.
///
/// # Errors
/// The refusal's code.
pub fn placed(answer: Result<Reply, Refusal>) -> Result<String, Outcome> {
    let reply = answer.map_err(|refusal| outcome(&refusal))?;
    let call = reply.call().ok_or(ResponseCode::ServiceError)?;
    Ok(call.id.to_string())
}

/// Whether a call was ended.
///
/// # Errors
/// The refusal's code.
pub fn ended(answer: Result<Reply, Refusal>) -> Result<(), Outcome> {
    match answer {
        Ok(_) => Ok(()),
        Err(refusal) => Err(outcome(&refusal)),
    }
}

/// The devices that a user may act with now.
///
/// # Errors
/// The refusal's code.
pub fn devices(answer: Result<Reply, Refusal>) -> Result<Devices, Outcome> {
    let reply = answer.map_err(|refusal| outcome(&refusal))?;
    Ok(Devices(reply.devices().ok_or(ResponseCode::ServiceError)?))
}

/// How a `lineNumber` fits a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineFit {
    /// The device carries it; so it is written.
    Carried(String),
    /// It means the device's first line.
    First,
    /// It cannot be meant for this device.
    Mistaken,
}

/// Devices as they are now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Devices(Vec<DeviceView>);

impl Devices {
    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The phone the user sits at by Extension Mobility, if that is wished for. [webdialer §5.3]
    pub fn seat(&self, asker: &Asker, support_em: bool) -> Option<DeviceName> {
        let sits_there = |device: &&DeviceView| {
            let who = device.user.as_ref();
            device.logged_in && who.is_some_and(|who| same(who, asker.user.as_str()))
        };
        let seat = self
            .0
            .iter()
            .find(|device| support_em && sits_there(device))?;
        Some(seat.name.clone())
    }

    /// What makeCallProxy dials from while nothing else is chosen: the user's primary line, as profiles write it, and the
    /// first registered device, else the first, that carries it now.
    pub fn of_primary_line(
        &self,
        asker: &Asker,
        directory: &Directory,
    ) -> Option<(DeviceName, String)> {
        let user = directory.end_user(asker.user.as_str())?;
        let primary = user.primary_line.as_ref()?;
        let carriers = self.0.iter().filter(|view| view.lines.contains(primary));
        let found = carriers.clone().find(|device| device.registered);
        let found = found.or(carriers.into_iter().next())?;
        Some((found.name.clone(), written(primary)))
    }

    /// As they are.
    pub(super) fn views(&self) -> &[DeviceView] {
        &self.0
    }

    /// The one of these by that name, in any letter case.
    pub fn named(&self, name: &str) -> Option<DeviceName> {
        let mut all = self.0.iter();
        let found = all.find(|device| device.name.as_str().eq_ignore_ascii_case(name.trim()))?;
        Some(found.name.clone())
    }

    /// Is this one registered?
    pub fn is_registered(&self, name: &DeviceName) -> bool {
        self.0
            .iter()
            .any(|device| device.registered && device.name == *name)
    }

    /// What to say when none of these was named and the user sits at none that would do. [webdialer §5.3]
    pub fn no_such_device(&self) -> Outcome {
        if self.is_empty() {
            outcome(&Refusal::NoDeviceForUser)
        } else {
            ResponseCode::MissingParameters.into()
        }
    }

    /// The line that a `lineNumber` means: one that the device, or else any of these, carries now. A value without a
    /// partition fits a line in any. `None` when it says nothing or fits none: it is a filter only when it matches.
    /// [webdialer §5.3, §5.7]
    pub fn line_meant(
        &self,
        line_number: Option<&str>,
        device: Option<&DeviceName>,
    ) -> Option<DirectoryNumber> {
        let choice = LineChoice::parse(line_number.unwrap_or_default());
        if choice == LineChoice::First {
            return None;
        }
        self.0
            .iter()
            .filter(|view| device.is_none_or(|device| view.name == *device))
            .flat_map(|view| &view.lines)
            .find(|line| {
                let partition = line.partition.as_ref().map(Partition::as_str);
                choice.matches(line.digits.as_str(), partition)
            })
            .cloned()
    }

    /// How a page's `lineNumber` fits a device. A line of another of these devices is a mistake of a form, not a wish that
    /// falls to the first line; so is one of none of them where the server is strict. [webdialer §8.1]
    pub fn fit(&self, line_number: Option<&str>, device: &DeviceName, strict: bool) -> LineFit {
        if let Some(line) = self.line_meant(line_number, Some(device)) {
            return LineFit::Carried(written(&line));
        }
        let choice = LineChoice::parse(line_number.unwrap_or_default());
        let mistaken = strict || self.line_meant(line_number, None).is_some();
        match mistaken && !choice.is_placeholder() {
            true => LineFit::Mistaken,
            false => LineFit::First,
        }
    }

    /// As getProfileSoap lists them.
    pub fn lines(&self) -> Vec<DeviceLines> {
        self.0
            .iter()
            .map(|d| DeviceLines {
                name: d.name.to_string(),
                lines: lines(d),
            })
            .collect()
    }

    /// As getProfileDetailSoap lists them.
    pub fn details(&self, directory: &Directory) -> Vec<DeviceDetail> {
        self.0
            .iter()
            .map(|d| {
                let configured = directory.device(d.name.as_str());
                let (description, model) = configured
                    .map(|device| (device.description, device.model))
                    .unwrap_or_default();
                DeviceDetail {
                    name: d.name.to_string(),
                    lines: lines(d),
                    description,
                    model,
                }
            })
            .collect()
    }
}

fn lines(device: &DeviceView) -> Vec<String> {
    device.lines.iter().map(written).collect()
}

fn written(line: &DirectoryNumber) -> String {
    let partition = line.partition.as_ref().map(Partition::as_str);
    LineChoice::write(line.digits.as_str(), partition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_core::call::{Cause, PartState};

    #[test]
    fn every_refusal_has_the_code_that_the_protocol_page_gives_it() {
        let unreachable = |q850| Refusal::Unreachable(Cause::from_q850(q850));
        for (refusal, code) in [
            (Refusal::NoSuchUser, 4),
            (Refusal::NoSuchDevice, 5),
            (Refusal::NoDeviceForUser, 5),
            (Refusal::LineNotOnDevice, 5),
            (Refusal::NotAllowed, 5),
            (Refusal::NoProxyRight, 3),
            (Refusal::DeviceOutOfService, 1),
            (Refusal::NetworkDown, 6),
            (Refusal::NetworkSilent, 6),
            (Refusal::WrongState(PartState::Held), 1),
            (Refusal::InProgress, 1),
            (Refusal::NoSuchCall, 1),
            (Refusal::BadNumber, 7),
            (unreachable(1), 7),
            (unreachable(41), 6),
            (unreachable(17), 1),
            (Refusal::TooManyCalls, 1),
            (Refusal::Overloaded, 9),
            (Refusal::StoreUnavailable, 8),
        ] {
            assert_eq!(outcome(&refusal).code.number(), code, "{refusal:?}");
        }
    }

    #[test]
    fn a_strict_server_takes_the_first_line_for_placeholders_only() {
        let or_first = |text, strict| match line_wish(Some(text), strict) {
            LineWish::First => true,
            LineWish::Named { or_first, .. } => or_first,
        };
        assert!(or_first("9999", false));
        assert!(!or_first("9999", true));
        for placeholder in ["", "?", "0", "1"] {
            assert!(or_first(placeholder, true), "{placeholder}");
        }
    }

    #[test]
    fn a_line_to_end_is_the_one_the_device_carries_whatever_its_partition() {
        let number = |digits: &str, partition: Option<&str>| DirectoryNumber {
            digits: digits.into(),
            partition: partition.map(Partition::from),
        };
        let view = |name: &str, lines| DeviceView {
            name: name.into(),
            registered: true,
            lines,
            user: None,
            logged_in: false,
        };
        let devices = Devices(vec![
            view("A", vec![number("1001", Some("PT")), number("1002", None)]),
            view("B", vec![number("1003", None)]),
        ]);
        let (a, b) = (DeviceName::from("A"), DeviceName::from("B"));
        for (text, device, meant) in [
            ("1001", Some(&a), Some(number("1001", Some("PT")))),
            (
                "1001 ; no partition",
                Some(&a),
                Some(number("1001", Some("PT"))),
            ),
            ("1001 ; PT", Some(&a), Some(number("1001", Some("PT")))),
            ("1001 ; other", Some(&a), None),
            ("1001", Some(&b), None),
            ("1003", None, Some(number("1003", None))),
            ("1", Some(&a), None),
            ("?", Some(&a), None),
            ("", None, None),
        ] {
            assert_eq!(devices.line_meant(Some(text), device), meant, "{text}");
        }
    }
}
