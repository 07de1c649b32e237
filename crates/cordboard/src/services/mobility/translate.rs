//! Extension Mobility's words and the exchange's, and nothing else. Pure. [mobility §6, §7, §9.1]

use super::{INTERFACE, texts};
use cordboard_core::Refusal;
use cordboard_core::directory::{Account, CredentialState, Directory, EndUser, Right, same_name};
use cordboard_core::exchange::{Action, Actor, Command, LoginLength, LoginWish, Query, Reply};
use cordboard_core::ids::UserId;
use cordboard_wire::mobility::{
    Answer, Ask, DeviceState, Duration, Failure, KnownDevice, ProfileOf, UserState, unescaped,
};

/// What a refusal is in this interface's codes. A new refusal does not compile until it has one.
pub fn failure(refusal: &Refusal, ask: &Ask, caller: &str) -> Failure {
    let is_login = matches!(ask, Ask::Login(_));
    let (device, user, profile) = match ask {
        Ask::Login(login) => (&*login.device, &*login.user, login.profile.as_deref()),
        Ask::Logout { device } => (&**device, "", None),
        Ask::LogoutAll
        | Ask::DeviceUser(_)
        | Ask::UserDevices(_)
        | Ask::DeviceProfile(_)
        | Ask::CheckUser(_) => ("", "", None),
    };
    match refusal {
        Refusal::NoSuchDevice => texts::no_such_device(device),
        Refusal::MobilityOff => texts::disabled(is_login),
        Refusal::SeatTaken => texts::occupied(),
        Refusal::SeatFree => texts::free(device),
        Refusal::NoSuchUser => texts::no_such_user(user),
        Refusal::NoSuchProfile => match profile {
            Some(profile) => texts::no_such_profile(profile),
            None => texts::no_profile(user),
        },
        Refusal::SeatedElsewhere => texts::elsewhere(user),
        Refusal::NoProxyRight | Refusal::NotAllowed => texts::no_proxy_rights(caller),
        Refusal::TimerUnavailable => texts::timer(is_login),
        Refusal::StoreUnavailable => texts::database(),
        Refusal::Overloaded => texts::busy(),
        // What is said of calls and of takeovers: a login is none.
        Refusal::NoDeviceForUser
        | Refusal::LineNotOnDevice
        | Refusal::DeviceOutOfService
        | Refusal::NetworkDown
        | Refusal::NetworkSilent
        | Refusal::WrongState(_)
        | Refusal::InProgress
        | Refusal::NoSuchCall
        | Refusal::BadNumber
        | Refusal::Unreachable(_)
        | Refusal::TooManyCalls
        | Refusal::TakeoverOff
        | Refusal::TakeoverUnderWay
        | Refusal::NoTakeover => texts::unknown(),
    }
}

/// Somebody who has shown who he is, and for whom he may act. [mobility §8]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asker {
    /// For anybody.
    Proxy(UserId),
    /// For himself.
    Himself(UserId),
}

impl Asker {
    /// What the caller's account allows; `end_user_proxy` lets the right count for end users too.
    ///
    /// # Errors
    /// The account's state: locked 9, expired 27; no right 10.
    pub fn of(
        directory: &Directory,
        (id, state): (UserId, CredentialState),
        end_user_proxy: bool,
    ) -> Result<Self, Failure> {
        match state {
            CredentialState::Active => {}
            CredentialState::Locked => return Err(texts::locked()),
            CredentialState::Expired => return Err(texts::change_password()),
        }
        let account = directory.account(&id.as_str().into());
        let has_right = account
            .as_ref()
            .is_some_and(|account| account.has(Right::PROXY));
        match account {
            Some(Account::App(_)) if has_right => Ok(Self::Proxy(id)),
            Some(Account::End(_)) if has_right && end_user_proxy => Ok(Self::Proxy(id)),
            Some(Account::End(_)) => Ok(Self::Himself(id)),
            Some(Account::App(_)) | None => Err(texts::no_proxy_rights(id.as_str())),
        }
    }

    /// May he ask that? Who acts for himself only about himself, and about no devices.
    pub fn may(&self, directory: &Directory, ask: &Ask) -> bool {
        let Self::Himself(id) = self else { return true };
        let is_he = |user: &String| same_name(meant(directory, user).as_str(), id.as_str());
        match ask {
            Ask::Login(login) => is_he(&login.user),
            // Whether he sits there is seen when it is done.
            Ask::Logout { .. } => true,
            Ask::LogoutAll | Ask::DeviceUser(_) => false,
            Ask::UserDevices(users) | Ask::DeviceProfile(users) | Ask::CheckUser(users) => {
                users.iter().all(is_he)
            }
        }
    }

    fn himself(&self) -> Option<&UserId> {
        match self {
            Self::Proxy(_) => None,
            Self::Himself(id) => Some(id),
        }
    }

    fn id(&self) -> &UserId {
        match self {
            Self::Proxy(id) | Self::Himself(id) => id,
        }
    }
}

/// The user that a text means: as it is written, else as it is escaped. [mobility §3.3]
pub fn meant(directory: &Directory, text: &str) -> UserId {
    let literal = directory.end_user(text);
    let escaped = || directory.end_user(&unescaped(text)?);
    match literal.or_else(escaped) {
        Some(user) => user.id,
        None => text.into(),
    }
}

fn user_of(directory: &Directory, text: &str) -> Option<EndUser> {
    directory.end_user(meant(directory, text).as_str())
}

/// What the exchange is asked; `None` when the directory alone knows. `timers_work` is the lab's word.
pub fn command(
    directory: &Directory,
    asker: &Asker,
    ask: &Ask,
    timers_work: bool,
) -> Option<Command> {
    let action = match ask {
        Ask::Login(login) => Action::Login(LoginWish {
            device: login.device.as_str().into(),
            user: meant(directory, &login.user),
            profile: login.profile.as_deref().map(Into::into),
            length: match login.duration {
                None => LoginLength::Policy,
                Some(Duration::Indefinite) => LoginLength::Indefinite,
                Some(Duration::Minutes(minutes)) => LoginLength::Minutes(minutes),
            },
            own_profiles: asker.himself().is_some(),
            timers_work,
        }),
        Ask::Logout { device } => Action::Logout {
            device: device.as_str().into(),
            only: asker.himself().cloned(),
            timers_work,
        },
        Ask::LogoutAll => Action::LogoutAll { timers_work },
        Ask::DeviceUser(names) => {
            let known = names.iter().filter_map(|name| directory.device(name));
            Action::Snapshot(Query::Seats(known.map(|d| d.name).collect()))
        }
        Ask::UserDevices(users) => {
            let known = users.iter().filter_map(|user| user_of(directory, user));
            Action::Snapshot(Query::SeatsOf(known.map(|u| u.id).collect()))
        }
        Ask::DeviceProfile(_) | Ask::CheckUser(_) => return None,
    };
    Some(Command {
        actor: Actor::User(asker.id().clone()),
        interface: INTERFACE,
        action,
    })
}

/// The answer to what the exchange said; the directory must be the one the command was made with.
pub fn answer(directory: &Directory, ask: &Ask, reply: Reply) -> Result<Answer, Failure> {
    match (ask, reply) {
        (Ask::Login(_), Reply::Logins(_)) => Ok(Answer::Success),
        (Ask::Logout { .. } | Ask::LogoutAll, Reply::Done) => Ok(Answer::Success),
        (Ask::DeviceUser(names), Reply::Seats(seats)) => {
            let mut seats = seats.into_iter();
            let states = names.iter().map(|name| {
                let known = directory.device(name).and_then(|_| seats.next());
                let state = known.map_or(DeviceState::Unknown, |seat| {
                    DeviceState::Known(KnownDevice {
                        user: seat.user.map(|user| user.to_string()),
                        last: seat.last.map(|user| user.to_string()),
                        cross_cluster: Some(false),
                    })
                });
                (name.clone(), state)
            });
            Ok(Answer::DeviceUser(states.collect()))
        }
        (Ask::UserDevices(users), Reply::SeatsOf(places)) => {
            let mut places = places.into_iter();
            let states = users.iter().map(|user| {
                let known = user_of(directory, user).and_then(|_| places.next());
                let state = known.map_or(UserState::Unknown, |devices| {
                    UserState::Known(devices.iter().map(ToString::to_string).collect())
                });
                (user.clone(), state)
            });
            Ok(Answer::UserDevices(states.collect()))
        }
        _ => Err(texts::unknown()),
    }
}

/// What the directory alone knows.
pub fn looked_up(directory: &Directory, ask: &Ask) -> Result<Answer, Failure> {
    match ask {
        Ask::DeviceProfile(users) => {
            let all = users
                .iter()
                .map(|user| (user.clone(), profiles(directory, user)));
            Ok(Answer::DeviceProfile(all.collect()))
        }
        Ask::CheckUser(users) => {
            let all = users.iter().map(|user| {
                let known = user_of(directory, user).filter(|known| known.home_cluster);
                let state = known.map_or(UserState::Unknown, |known| {
                    UserState::Known(known.id.to_string())
                });
                (user.clone(), state)
            });
            Ok(Answer::CheckUser(all.collect()))
        }
        Ask::Login(_)
        | Ask::Logout { .. }
        | Ask::LogoutAll
        | Ask::DeviceUser(_)
        | Ask::UserDevices(_) => Err(texts::unknown()),
    }
}

/// The profiles of one user; why there are none stands in his place. [mobility §6.3]
fn profiles(directory: &Directory, text: &str) -> Result<Vec<ProfileOf>, Failure> {
    let user = user_of(directory, text).ok_or_else(|| texts::no_such_user(text))?;
    let default = directory.default_profile(&user);
    let default = default.ok_or_else(|| texts::no_profile(text))?;
    let profiles = directory.profiles_of(&user).into_iter();
    let profiles = profiles.map(|profile| ProfileOf {
        name: profile.name.to_string(),
        is_default: profile.name == default.name,
    });
    Ok(profiles.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_core::call::{Cause, PartState};
    use cordboard_core::directory::{AppUser, Builder};
    use cordboard_wire::mobility::{Code, Login};

    fn person(id: &str, rights: &[&str]) -> EndUser {
        EndUser {
            id: id.into(),
            first_name: String::new(),
            last_name: String::new(),
            devices: Vec::new(),
            profiles: Vec::new(),
            primary_line: None,
            rights: rights.iter().map(|r| Right((*r).to_owned())).collect(),
            password_hash: None,
            pin_hash: None,
            credential: CredentialState::Active,
            home_cluster: true,
            max_login_minutes: None,
        }
    }

    fn application(id: &str, rights: &[&str]) -> AppUser {
        AppUser {
            id: id.into(),
            rights: person("x", rights).rights,
            devices: Vec::new(),
            password_hash: None,
            credential: CredentialState::Active,
        }
    }

    fn directory() -> Directory {
        let builder = Builder {
            users: vec![
                person("jdoe", &[]),
                person("euproxy", &[Right::PROXY]),
                person("a@b", &[]),
                person("a%40c", &[]),
                person("a@c", &[]),
            ],
            app_users: vec![
                application("app", &[Right::PROXY]),
                application("none", &[]),
            ],
            ..Builder::default()
        };
        builder.build().unwrap()
    }

    fn login(user: &str) -> Ask {
        Ask::Login(Login {
            device: "D1".into(),
            user: user.into(),
            profile: None,
            duration: None,
        })
    }

    fn code(refused: Failure) -> Option<Code> {
        refused.code
    }

    #[test]
    fn every_refusal_has_its_code_for_logins_and_for_log_outs() {
        let logout = Ask::Logout {
            device: "D1".into(),
        };
        for (refusal, to_login, to_logout) in [
            (
                Refusal::NoSuchDevice,
                Code::NoSuchDevice,
                Code::NoSuchDevice,
            ),
            (
                Refusal::MobilityOff,
                Code::LoginDisabled,
                Code::LogoutDisabled,
            ),
            (Refusal::SeatTaken, Code::Occupied, Code::Occupied),
            (Refusal::SeatFree, Code::Free, Code::Free),
            (Refusal::NoSuchUser, Code::NoSuchUser, Code::NoSuchUser),
            (
                Refusal::NoSuchProfile,
                Code::NoSuchProfile,
                Code::NoSuchProfile,
            ),
            (Refusal::SeatedElsewhere, Code::Elsewhere, Code::Elsewhere),
            (
                Refusal::TimerUnavailable,
                Code::LogoutTimer,
                Code::LogoutTimer,
            ),
            (Refusal::StoreUnavailable, Code::Database, Code::Database),
            (
                Refusal::NoProxyRight,
                Code::NoProxyRights,
                Code::NoProxyRights,
            ),
            (
                Refusal::NotAllowed,
                Code::NoProxyRights,
                Code::NoProxyRights,
            ),
            (Refusal::Overloaded, Code::Busy, Code::Busy),
            (Refusal::NoSuchCall, Code::Unknown, Code::Unknown),
            (
                Refusal::WrongState(PartState::Held),
                Code::Unknown,
                Code::Unknown,
            ),
            (
                Refusal::Unreachable(Cause::from_q850(16)),
                Code::Unknown,
                Code::Unknown,
            ),
        ] {
            assert_eq!(
                code(failure(&refusal, &login("jdoe"), "app")),
                Some(to_login),
                "{refusal}"
            );
            assert_eq!(
                code(failure(&refusal, &logout, "app")),
                Some(to_logout),
                "{refusal}"
            );
        }
    }

    #[test]
    fn an_id_is_meant_as_it_is_written_before_it_is_unescaped() {
        let directory = directory();
        for (text, user) in [
            ("JDoe", "jdoe"),
            ("a@b", "a@b"),
            ("a%40b", "a@b"),
            ("a%40c", "a%40c"),
            ("a@c", "a@c"),
            ("a%2540c", "a%40c"),
            ("gh%40st", "gh%40st"),
        ] {
            assert_eq!(meant(&directory, text).as_str(), user, "{text}");
        }
    }

    #[test]
    fn a_callers_account_says_for_whom_he_may_act() {
        let directory = directory();
        let of = |id: &str, state, proxy| {
            let asker = Asker::of(&directory, (id.into(), state), proxy);
            asker.map_err(|refused| refused.code)
        };
        let active = CredentialState::Active;
        let rights = Err(Some(Code::NoProxyRights));
        assert_eq!(of("app", active, false), Ok(Asker::Proxy("app".into())));
        assert_eq!(of("none", active, true), rights);
        assert_eq!(of("jdoe", active, true), Ok(Asker::Himself("jdoe".into())));
        assert_eq!(
            of("euproxy", active, false),
            Ok(Asker::Himself("euproxy".into()))
        );
        assert_eq!(
            of("euproxy", active, true),
            Ok(Asker::Proxy("euproxy".into()))
        );
        assert_eq!(
            of("app", CredentialState::Locked, false),
            Err(Some(Code::Directory))
        );
        let expired = Err(Some(Code::ChangePassword));
        assert_eq!(of("app", CredentialState::Expired, false), expired);
    }

    #[test]
    fn who_acts_for_himself_asks_about_himself_alone() {
        let directory = directory();
        let himself = Asker::Himself("a@b".into());
        for (ask, may) in [
            (login("A@B"), true),
            (login("a%40b"), true),
            (login("jdoe"), false),
            (login("ghost"), false),
            (
                Ask::Logout {
                    device: "D1".into(),
                },
                true,
            ),
            (Ask::LogoutAll, false),
            (Ask::DeviceUser(vec!["D1".into()]), false),
            (Ask::UserDevices(vec!["a@b".into(), "a%40b".into()]), true),
            (Ask::CheckUser(vec!["a@b".into(), "jdoe".into()]), false),
            (Ask::DeviceProfile(vec!["".into()]), false),
        ] {
            assert_eq!(himself.may(&directory, &ask), may, "{ask:?}");
            assert!(Asker::Proxy("app".into()).may(&directory, &ask));
        }
    }
}
