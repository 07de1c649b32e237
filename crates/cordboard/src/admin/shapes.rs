//! The exchange's values as the API shows them.

use cordboard_core::call::CallRecord;
use cordboard_core::directory::{Device, EndUser, Protocol};
use cordboard_core::exchange::DeviceView;
use cordboard_core::ids::DirectoryNumber;
use cordboard_core::now::Wall;
use cordboard_wire::admin;
use jiff::Timestamp;

/// RFC 3339, UTC, milliseconds.
pub fn time(wall_ms: i64) -> String {
    let at = Timestamp::from_millisecond(wall_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{at:.3}")
}

/// Reads what [`time`] writes, or any other RFC 3339 time.
pub fn parse_time(text: &str) -> Option<Wall> {
    text.parse::<Timestamp>()
        .ok()
        .map(|at| Wall(at.as_millisecond()))
}

/// A call.
pub fn call(record: &CallRecord) -> admin::Call {
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
                part: c.part.map(|p| p.0),
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
    }
}

fn line(number: &DirectoryNumber) -> admin::Line {
    admin::Line {
        number: number.digits.to_string(),
        partition: number.partition.as_ref().map(ToString::to_string),
    }
}

/// A device: as configured, with what is live.
pub fn device(configured: &Device, live: &DeviceView) -> admin::Device {
    admin::Device {
        name: configured.name.to_string(),
        model: configured.model.clone(),
        protocol: match configured.protocol {
            Protocol::Sip => "SIP",
            Protocol::Sccp => "SCCP",
        }
        .to_owned(),
        description: configured.description.clone(),
        owner: configured.owner.as_ref().map(ToString::to_string),
        address: configured
            .address
            .clone()
            .unwrap_or_else(|| "127.0.0.1".to_owned()),
        lines: live
            .lines
            .iter()
            .zip(1..)
            .map(|(number, index)| admin::DeviceLine {
                index,
                number: number.digits.to_string(),
                partition: number.partition.as_ref().map(ToString::to_string),
            })
            .collect(),
        em_enabled: configured.em_enabled,
        registered: live.registered,
        user: live.user.as_ref().map(ToString::to_string),
    }
}
