//! The exchange's values as the API shows them.

use cordboard_core::call::{CallRecord, PartView};
use cordboard_core::directory::{
    AppUser, CredentialState, Device, DeviceProfile, EndUser, Protocol,
};
use cordboard_core::exchange::DeviceView;
use cordboard_core::ids::{DirectoryNumber, PartId};
use cordboard_core::now::Wall;
use cordboard_store::{ApiToken, UserToken, token_id};
use cordboard_wire::admin;
use cordboard_wire::cti::ConnectionId;
use jiff::Timestamp;

/// RFC 3339, UTC, milliseconds.
pub fn time(wall_ms: i64) -> String {
    let at = Timestamp::from_millisecond(wall_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{at:.3}")
}

/// What [`parse_time`] takes, for people.
pub const A_TIME: &str = "a time like 2027-01-31T12:00:00Z, 9999-12-30T22:00:00Z at the latest";

/// Reads what [`time`] writes, or any other RFC 3339 time.
pub fn parse_time(text: &str) -> Option<Wall> {
    text.parse::<Timestamp>()
        .ok()
        .map(|at| Wall(at.as_millisecond()))
}

/// A call, at this node.
pub fn call(record: &CallRecord, node: u8) -> admin::Call {
    admin::Call {
        id: record.id.to_string(),
        state: record.state.as_str().to_owned(),
        cause: record.cause.map(|c| c.class.as_str().to_owned()),
        q850: record.cause.map(|c| c.q850),
        origin: admin::Origin {
            interface: record.origin.interface.clone(),
            user: record.origin.user.as_ref().map(ToString::to_string),
            by: record.origin.by.as_ref().map(ToString::to_string),
        },
        dialled: record.dialled.clone(),
        connections: record
            .connections
            .iter()
            .map(|c| admin::Connection {
                number: c.number.digits.to_string(),
                partition: c.number.partition.as_ref().map(ToString::to_string),
                device: c.device.as_ref().map(ToString::to_string),
                part: c.part.map(|part| part_number(node, part)),
                state: c.state.as_str().to_owned(),
                since: time(c.since.0),
            })
            .collect(),
        consultation_of: record.consultation_of.as_ref().map(ToString::to_string),
        merged_into: record.merged_into.as_ref().map(ToString::to_string),
        story: record
            .story
            .iter()
            .map(|s| admin::StoryStep {
                at: time(s.at.0),
                what: s.what.as_str().to_owned(),
                who: s.who.as_ref().map(ToString::to_string),
                cause: s.cause.map(|c| c.as_str().to_owned()),
            })
            .collect(),
        created_at: time(record.created.0),
        ended_at: record.ended.map(|at| time(at.0)),
    }
}

/// A part's number as every interface shows it: the connection id of CTI. [cti §5.3]
fn part_number(node: u8, part: PartId) -> u32 {
    ConnectionId::of_participant(node, part.0).map_or(part.0, ConnectionId::number)
}

/// What a party sees of its call, at this node.
pub fn part(at: String, part: &PartView, node: u8) -> admin::CallPart {
    admin::CallPart {
        at,
        call: part.call.to_string(),
        part: part_number(node, part.part),
        number: part.number.digits.to_string(),
        partition: part.number.partition.as_ref().map(ToString::to_string),
        device: part.device.as_ref().map(ToString::to_string),
        user: part.user.as_ref().map(ToString::to_string),
        state: part.state.as_str().to_owned(),
        others: part.others.iter().map(line).collect(),
        since: time(part.since.0),
        started: time(part.started.0),
        inbound: part.inbound,
        cause: part.cause.map(|c| c.class.as_str().to_owned()),
        q850: part.cause.map(|c| c.q850),
        consultation_of: part.consultation_of.as_ref().map(ToString::to_string),
    }
}

/// Where a phone's HTTP server answers when nothing else is said.
pub const PHONE_ADDRESS: &str = "127.0.0.1";

/// An end user, without secrets.
pub fn user(user: &EndUser) -> admin::User {
    admin::User {
        id: user.id.to_string(),
        first_name: user.first_name.clone(),
        last_name: user.last_name.clone(),
        devices: user.devices.iter().map(ToString::to_string).collect(),
        profiles: user.profiles.iter().map(ToString::to_string).collect(),
        primary_line: user.primary_line.as_ref().map(line),
        rights: user.rights.iter().map(|r| r.0.clone()).collect(),
        credential: credential(user.credential),
        home_cluster: user.home_cluster,
        max_login_minutes: user.max_login_minutes,
    }
}

/// An application user, without secrets.
pub fn app_user(user: &AppUser) -> admin::AppUser {
    admin::AppUser {
        id: user.id.to_string(),
        rights: user.rights.iter().map(|r| r.0.clone()).collect(),
        devices: user.devices.iter().map(ToString::to_string).collect(),
        credential: credential(user.credential),
    }
}

fn credential(state: CredentialState) -> admin::Credential {
    match state {
        CredentialState::Active => admin::Credential::Active,
        CredentialState::Locked => admin::Credential::Locked,
        CredentialState::Expired => admin::Credential::Expired,
    }
}

/// Whether an account may be used, as the directory says it.
pub fn credential_of(state: admin::Credential) -> CredentialState {
    match state {
        admin::Credential::Active => CredentialState::Active,
        admin::Credential::Locked => CredentialState::Locked,
        admin::Credential::Expired => CredentialState::Expired,
    }
}

/// A number with its partition.
pub fn line(number: &DirectoryNumber) -> admin::Line {
    admin::Line {
        number: number.digits.to_string(),
        partition: number.partition.as_ref().map(ToString::to_string),
    }
}

/// A number with its partition, as the directory says it.
pub fn number_of(line: &admin::Line) -> DirectoryNumber {
    number(&line.number, line.partition.as_deref())
}

/// The same of a line that has a place.
pub fn device_line_of(line: &admin::DeviceLine) -> DirectoryNumber {
    number(&line.number, line.partition.as_deref())
}

fn number(digits: &str, partition: Option<&str>) -> DirectoryNumber {
    DirectoryNumber {
        digits: digits.into(),
        partition: partition.map(Into::into),
    }
}

/// Lines with their places.
pub fn device_lines(lines: &[DirectoryNumber]) -> Vec<admin::DeviceLine> {
    let lines = lines.iter().zip(1..);
    lines
        .map(|(number, index)| admin::DeviceLine {
            index,
            number: number.digits.to_string(),
            partition: number.partition.as_ref().map(ToString::to_string),
        })
        .collect()
}

/// A number that appears nowhere yet.
pub fn appearance(number: &DirectoryNumber) -> admin::Appearance {
    admin::Appearance {
        number: number.digits.to_string(),
        partition: number.partition.as_ref().map(ToString::to_string),
        devices: Vec::new(),
        profiles: Vec::new(),
        primary_of: Vec::new(),
    }
}

/// A device: as configured, with what is live.
pub fn device(configured: &Device, live: &DeviceView) -> admin::Device {
    admin::Device {
        name: configured.name.to_string(),
        model: configured.model.clone(),
        protocol: match configured.protocol {
            Protocol::Sip => admin::Protocol::Sip,
            Protocol::Sccp => admin::Protocol::Sccp,
        },
        description: configured.description.clone(),
        owner: configured.owner.as_ref().map(ToString::to_string),
        address: configured
            .address
            .clone()
            .unwrap_or_else(|| PHONE_ADDRESS.to_owned()),
        lines: device_lines(&live.lines),
        configured_lines: device_lines(&configured.lines),
        em_enabled: configured.em_enabled,
        registered: live.registered,
        user: live.user.as_ref().map(ToString::to_string),
    }
}

/// A device profile.
pub fn profile(profile: &DeviceProfile) -> admin::Profile {
    admin::Profile {
        name: profile.name.to_string(),
        model: profile.model.clone(),
        owners: profile.owners.iter().map(ToString::to_string).collect(),
        default_for: profile
            .default_for
            .iter()
            .map(ToString::to_string)
            .collect(),
        lines: device_lines(&profile.lines),
    }
}

/// A user's token, without what was given out.
pub fn user_token(token: &UserToken) -> admin::UserToken {
    admin::UserToken {
        id: token_id(&token.hash).to_owned(),
        created_at: time(token.created.0),
        expires_at: token.expires.map(|at| time(at.0)),
    }
}

/// A token of the API, without what was given out.
pub fn api_token(token: &ApiToken) -> admin::ApiToken {
    admin::ApiToken {
        id: token_id(&token.hash).to_owned(),
        name: token.name.clone(),
        roles: token.roles.clone(),
        created_at: time(token.created.0),
        expires_at: token.expires.map(|at| time(at.0)),
    }
}
