//! Reading the table.

use super::lines::Lined;
use super::{Column, List};
use crate::directory_file::{Contents, FileError, Hasher, named, number};
use cordboard_core::directory::{
    AppUser, CredentialState, Device, DeviceProfile, EndUser, Protocol, Right, folded,
};
use cordboard_core::ids::DirectoryNumber;
use csv::{ByteRecord, ReaderBuilder, Trim};
use std::collections::HashMap;
use std::io::Read;

/// A cell in a message is shown up to so many characters.
const SHOWN: usize = 60;

/// Reads a file; see [`crate::directory_file::read`].
///
/// # Errors
/// File, line, column and cell of what is wrong.
pub fn read(
    name: &str,
    bytes: impl Read,
    hashed: &mut dyn FnMut(usize, Option<usize>),
) -> Result<Contents, FileError> {
    let mut reader = Rows::open(name, bytes)?;
    let mut taken = Taken::default();
    while let Some(row) = reader.next()? {
        row.into(&mut taken)?;
        hashed(taken.hasher.known.len(), None);
    }
    let lines = taken.lines;
    let contents = taken.contents;
    // Only what fits together is taken.
    if let Err(error) = contents.builder.fits() {
        let line = named(&error).and_then(|name| lines.get(&folded(name)));
        return Err(FileError(match line {
            Some(line) => format!("{name}, line {line}: {error}"),
            None => format!("{name}: {error}"),
        }));
    }
    Ok(contents)
}

/// The rows of a file, by its head.
struct Rows<R> {
    name: String,
    reader: csv::Reader<Lined<R>>,
    heads: Vec<(Column, String)>,
    record: ByteRecord,
}

impl<R: Read> Rows<R> {
    fn open(name: &str, bytes: R) -> Result<Self, FileError> {
        let mut reader = ReaderBuilder::new()
            .flexible(true)
            .trim(Trim::All)
            .from_reader(Lined::new(bytes));
        let broken = |error: csv::Error| FileError(format!("{name}: {error}"));
        let head = reader.byte_headers().map_err(broken)?.clone();
        let mut heads: Vec<(Column, String)> = Vec::new();
        for (index, cell) in head.iter().enumerate() {
            let text = String::from_utf8_lossy(cell);
            let text = text.trim_start_matches('\u{feff}').trim();
            let fault = |why: &str| {
                FileError(format!(
                    "{name}, line 1, column {}: {text:?} {why}",
                    index + 1
                ))
            };
            let column = Column::of(text)
                .ok_or_else(|| fault("is no column; `cordboard admin import --help` names them"))?;
            if heads.iter().any(|(known, _)| *known == column) {
                return Err(fault("is there twice"));
            }
            heads.push((column, text.to_owned()));
        }
        Ok(Self {
            name: name.to_owned(),
            reader,
            heads,
            record: ByteRecord::new(),
        })
    }

    fn next(&mut self) -> Result<Option<Row<'_>>, FileError> {
        let name = &self.name;
        match self.reader.read_byte_record(&mut self.record) {
            Ok(false) => return Ok(None),
            Ok(true) => {}
            Err(error) => return Err(FileError(format!("{name}: {error}"))),
        }
        let byte = self.record.position().map_or(0, csv::Position::byte);
        let line = self.reader.get_mut().line_at(byte);
        let mut cells = Vec::with_capacity(self.heads.len());
        for (index, cell) in self.record.iter().enumerate() {
            let place = || format!("{name}, line {line}, column {}", index + 1);
            let Ok(text) = std::str::from_utf8(cell) else {
                return Err(FileError(format!("{}: the cell is not UTF-8", place())));
            };
            if text.is_empty() {
                continue;
            }
            let Some((column, _)) = self.heads.get(index) else {
                return Err(FileError(format!(
                    "{}: there is a cell {:?} without a head",
                    place(),
                    shown(text)
                )));
            };
            cells.push((*column, index, text));
        }
        Ok(Some(Row {
            name,
            line,
            heads: &self.heads,
            cells,
        }))
    }
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// One row: its cells that are not empty.
struct Row<'a> {
    name: &'a str,
    line: u64,
    heads: &'a [(Column, String)],
    cells: Vec<(Column, usize, &'a str)>,
}

/// What was read so far.
#[derive(Default)]
struct Taken {
    contents: Contents,
    hasher: Hasher,
    /// Where entries stand in their lists, by kind and name in small letters.
    users: HashMap<String, usize>,
    app_users: HashMap<String, usize>,
    devices: HashMap<String, usize>,
    profiles: HashMap<String, usize>,
    /// The line that describes a name first.
    lines: HashMap<String, u64>,
}

impl<'a> Row<'a> {
    fn get(&self, column: Column) -> Option<&'a str> {
        let mut cells = self.cells.iter();
        cells
            .find(|(c, _, _)| *c == column)
            .map(|(_, _, text)| *text)
    }

    fn fault(&self, column: Column, why: &str) -> FileError {
        let (name, line) = (self.name, self.line);
        let Some((_, index, text)) = self.cells.iter().find(|(c, _, _)| *c == column) else {
            return FileError(format!("{name}, line {line}: {why}"));
        };
        let head = self.heads.get(*index).map_or("", |(_, head)| head);
        let secret = matches!(
            column,
            Column::Password | Column::Pin | Column::PasswordHash | Column::PinHash
        );
        let cell = if secret {
            "•••".to_owned()
        } else {
            format!("{:?}", shown(text))
        };
        FileError(format!(
            "{name}, line {line}, column {} ({head}): {cell} {why}",
            index + 1
        ))
    }

    /// The cells of a list, in order of their numbers.
    fn list(&self, wanted: List) -> Vec<&'a str> {
        let mut found: Vec<(usize, &str)> = self.numbered(wanted).collect();
        found.sort_unstable_by_key(|(number, _)| *number);
        found.into_iter().map(|(_, text)| text).collect()
    }

    fn numbered(&self, wanted: List) -> impl Iterator<Item = (usize, &'a str)> + '_ {
        self.cells
            .iter()
            .filter_map(move |(column, _, text)| match column {
                Column::Of(list, number) if *list == wanted => Some((*number, *text)),
                _ => None,
            })
    }

    fn lines(&self) -> Result<Vec<DirectoryNumber>, FileError> {
        let mut lines = Vec::new();
        for (n, text) in self.numbered(List::Number) {
            let column = Column::Of(List::Number, n);
            let partition = self.get(Column::Of(List::Partition, n));
            let line = number(text).filter(|line| line.partition.is_none() || partition.is_none());
            let mut line = line.ok_or_else(|| self.fault(column, "is no directory number"))?;
            if let Some(partition) = partition {
                line.partition = Some(partition.into());
            }
            lines.push((n, line));
        }
        let numbers: Vec<usize> = lines.iter().map(|(n, _)| *n).collect();
        if let Some((n, _)) = self
            .numbered(List::Partition)
            .find(|(n, _)| !numbers.contains(n))
        {
            let column = Column::Of(List::Partition, n);
            return Err(self.fault(column, "has no directory number beside it"));
        }
        lines.sort_unstable_by_key(|(number, _)| *number);
        Ok(lines.into_iter().map(|(_, line)| line).collect())
    }

    fn credential(&self) -> Result<CredentialState, FileError> {
        match self
            .get(Column::Credential)
            .map(str::to_ascii_lowercase)
            .as_deref()
        {
            None | Some("active") => Ok(CredentialState::Active),
            Some("locked") => Ok(CredentialState::Locked),
            Some("expired") => Ok(CredentialState::Expired),
            Some(_) => Err(self.fault(Column::Credential, "must be active, locked or expired")),
        }
    }

    fn flag(&self, column: Column) -> Result<Option<bool>, FileError> {
        match self.get(column).map(str::to_ascii_lowercase).as_deref() {
            None => Ok(None),
            Some("false" | "f" | "no" | "0") => Ok(Some(false)),
            Some("true" | "t" | "yes" | "1") => Ok(Some(true)),
            Some(_) => Err(self.fault(column, "must be true or false")),
        }
    }

    fn minutes(&self, column: Column) -> Result<Option<u32>, FileError> {
        let minutes = self.get(column).map(str::parse::<u32>);
        let minutes = minutes.transpose();
        minutes.map_err(|_| self.fault(column, "must be a number of minutes"))
    }

    fn rights(&self) -> Vec<Right> {
        let rights = self.list(List::Right).into_iter();
        rights.map(|right| Right(right.to_owned())).collect()
    }

    fn describes(&self, columns: impl Fn(Column) -> bool) -> bool {
        self.cells.iter().any(|(column, _, _)| columns(*column))
    }

    fn into(self, taken: &mut Taken) -> Result<(), FileError> {
        if self.cells.is_empty() {
            return Ok(());
        }
        let (user, app_user) = (self.get(Column::UserId), self.get(Column::AppUserId));
        let (device, profile) = (self.get(Column::DeviceName), self.get(Column::ProfileName));
        if user.is_some() && app_user.is_some() {
            return Err(self.fault(
                Column::AppUserId,
                "stands beside a USER ID: one row, one user",
            ));
        }
        if device.is_some() && profile.is_some() {
            return Err(self.fault(
                Column::ProfileName,
                "stands beside a DEVICE NAME: whose lines are these?",
            ));
        }
        if user.is_none() && app_user.is_none() && device.is_none() && profile.is_none() {
            let first = self.cells[0].0;
            return Err(self.fault(first, "stands in a row without a USER ID, APPLICATION USER ID, DEVICE NAME or PROFILE NAME"));
        }
        if device.is_none() && profile.is_none() {
            let alone = |c: &Column| {
                matches!(
                    c,
                    Column::Of(List::Number, _)
                        | Column::Model
                        | Column::Description
                        | Column::Owner
                )
            };
            if let Some((column, _, _)) = self.cells.iter().find(|(c, _, _)| alone(c)) {
                return Err(self.fault(
                    *column,
                    "stands in a row without a DEVICE NAME or PROFILE NAME",
                ));
            }
        }
        if let Some(id) = user {
            self.user(taken, id)?;
        }
        if let Some(id) = app_user {
            self.app_user(taken, id)?;
        }
        if let Some(name) = device {
            self.device(taken, name)?;
            if let Some(id) = user
                && let Some(&at) = taken.users.get(&folded(id))
            {
                let devices = &mut taken.contents.builder.users[at].devices;
                if !devices
                    .iter()
                    .any(|d| d.as_str().eq_ignore_ascii_case(name))
                {
                    devices.push(name.into());
                }
            }
        }
        if let Some(name) = profile {
            self.profile(taken, name)?;
            if let Some(id) = user
                && let Some(&at) = taken.users.get(&folded(id))
            {
                let profiles = &mut taken.contents.builder.users[at].profiles;
                if !profiles
                    .iter()
                    .any(|p| p.as_str().eq_ignore_ascii_case(name))
                {
                    profiles.push(name.into());
                }
            }
        }
        Ok(())
    }

    fn names<T: From<&'a str>>(&self, list: List) -> Vec<T> {
        self.list(list).into_iter().map(Into::into).collect()
    }

    fn user(&self, taken: &mut Taken, id: &str) -> Result<(), FileError> {
        let key = folded(id);
        if let Some(&at) = taken.users.get(&key) {
            let describes = self.describes(|column| {
                matches!(
                    column,
                    Column::FirstName
                        | Column::LastName
                        | Column::Password
                        | Column::PasswordHash
                        | Column::Pin
                        | Column::PinHash
                        | Column::Credential
                        | Column::HomeCluster
                        | Column::MaxLoginMinutes
                        | Column::PrimaryExtension
                )
            });
            if describes {
                return Err(self.fault(Column::UserId, "is described twice"));
            }
            let user = &mut taken.contents.builder.users[at];
            user.rights.extend(self.rights());
            user.devices.extend(self.names(List::ControlledDevice));
            user.profiles.extend(self.names(List::ControlledProfile));
            return Ok(());
        }
        let primary_line = match self.get(Column::PrimaryExtension) {
            Some(text) => {
                let why = || self.fault(Column::PrimaryExtension, "is no directory number");
                Some(number(text).ok_or_else(why)?)
            }
            None => None,
        };
        let entry = EndUser {
            id: id.into(),
            first_name: self.get(Column::FirstName).unwrap_or_default().to_owned(),
            last_name: self.get(Column::LastName).unwrap_or_default().to_owned(),
            devices: self.names(List::ControlledDevice),
            profiles: self.names(List::ControlledProfile),
            primary_line,
            rights: self.rights(),
            password_hash: taken
                .hasher
                .take(self.get(Column::Password), self.get(Column::PasswordHash))
                .map_err(|why| self.fault(Column::PasswordHash, &why))?,
            pin_hash: taken
                .hasher
                .take(self.get(Column::Pin), self.get(Column::PinHash))
                .map_err(|why| self.fault(Column::PinHash, &why))?,
            credential: self.credential()?,
            home_cluster: self.flag(Column::HomeCluster)?.unwrap_or(true),
            max_login_minutes: self.minutes(Column::MaxLoginMinutes)?,
        };
        let users = &mut taken.contents.builder.users;
        taken.lines.entry(key.clone()).or_insert(self.line);
        taken.users.insert(key, users.len());
        users.push(entry);
        Ok(())
    }

    fn app_user(&self, taken: &mut Taken, id: &str) -> Result<(), FileError> {
        let key = folded(id);
        if let Some(&at) = taken.app_users.get(&key) {
            let describes = self.describes(|column| {
                matches!(
                    column,
                    Column::Password | Column::PasswordHash | Column::Credential
                )
            });
            if describes {
                return Err(self.fault(Column::AppUserId, "is described twice"));
            }
            let user = &mut taken.contents.builder.app_users[at];
            user.rights.extend(self.rights());
            user.devices.extend(self.names(List::ControlledDevice));
            return Ok(());
        }
        let entry = AppUser {
            id: id.into(),
            rights: self.rights(),
            devices: self.names(List::ControlledDevice),
            password_hash: taken
                .hasher
                .take(self.get(Column::Password), self.get(Column::PasswordHash))
                .map_err(|why| self.fault(Column::PasswordHash, &why))?,
            credential: self.credential()?,
        };
        let users = &mut taken.contents.builder.app_users;
        taken.lines.entry(key.clone()).or_insert(self.line);
        taken.app_users.insert(key, users.len());
        users.push(entry);
        Ok(())
    }

    fn device(&self, taken: &mut Taken, name: &str) -> Result<(), FileError> {
        let key = folded(name);
        let known = taken.devices.get(&key).copied();
        let Some(model) = self.get(Column::Model) else {
            let describes = self.describes(|column| {
                matches!(
                    column,
                    Column::Protocol
                        | Column::Description
                        | Column::Owner
                        | Column::Address
                        | Column::ExtensionMobility
                )
            });
            let lines = self.lines()?;
            return match known {
                Some(_) if describes => Err(self.fault(Column::DeviceName, "is described twice")),
                Some(at) => {
                    taken.contents.builder.devices[at].lines.extend(lines);
                    Ok(())
                }
                // Without a description the row only gives the device to a user.
                None if describes || !lines.is_empty() || self.get(Column::UserId).is_none() => {
                    Err(self.fault(Column::DeviceName, "needs a MODEL"))
                }
                None => Ok(()),
            };
        };
        if known.is_some() {
            return Err(self.fault(Column::DeviceName, "is described twice"));
        }
        let protocol = match self
            .get(Column::Protocol)
            .map(str::to_ascii_uppercase)
            .as_deref()
        {
            None => Protocol::of_model(model),
            Some("SIP") => Protocol::Sip,
            Some("SCCP") => Protocol::Sccp,
            Some(_) => return Err(self.fault(Column::Protocol, "must be SIP or SCCP")),
        };
        let em_enabled = self.flag(Column::ExtensionMobility)?.unwrap_or(false);
        let entry = Device {
            name: name.into(),
            model: model.to_owned(),
            protocol,
            description: self.get(Column::Description).unwrap_or_default().to_owned(),
            owner: self.get(Column::Owner).map(Into::into),
            address: self.get(Column::Address).map(str::to_owned),
            lines: self.lines()?,
            em_enabled,
        };
        let devices = &mut taken.contents.builder.devices;
        taken.lines.entry(key.clone()).or_insert(self.line);
        taken.devices.insert(key, devices.len());
        devices.push(entry);
        Ok(())
    }

    fn profile(&self, taken: &mut Taken, name: &str) -> Result<(), FileError> {
        let key = folded(name);
        let known = taken.profiles.get(&key).copied();
        let entry = DeviceProfile {
            name: name.into(),
            model: self.get(Column::Model).unwrap_or_default().to_owned(),
            owners: self.names(List::ProfileOwner),
            default_for: self.names(List::DefaultFor),
            lines: self.lines()?,
        };
        let profiles = &mut taken.contents.builder.profiles;
        match known {
            Some(_) if !entry.model.is_empty() => {
                Err(self.fault(Column::ProfileName, "is described twice"))
            }
            Some(at) => {
                profiles[at].owners.extend(entry.owners);
                profiles[at].default_for.extend(entry.default_for);
                profiles[at].lines.extend(entry.lines);
                Ok(())
            }
            None if !entry.model.is_empty() => {
                taken.lines.entry(key.clone()).or_insert(self.line);
                taken.profiles.insert(key, profiles.len());
                profiles.push(entry);
                Ok(())
            }
            // Without a description the row only gives the profile to a user.
            None if self.get(Column::UserId).is_none() || !entry.lines.is_empty() => {
                Err(self.fault(Column::ProfileName, "needs a MODEL"))
            }
            None => Ok(()),
        }
    }
}
