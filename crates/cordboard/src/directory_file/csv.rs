//! The directory as CSV, headed like the original's bulk tool: USER ID, DEVICE NAME, DIRECTORY NUMBER 1 …
//!
//! A row describes what its id columns name: a user, an application user, a device, a profile. A row that names a user and a device
//! describes both and gives the user the device; so does one that names a user and a profile. Columns come in any order; one that
//! is missing or empty says nothing.

use super::{Contents, FileError, Hasher, named, number};
use cordboard_core::directory::{
    AppUser, CredentialState, Device, DeviceProfile, Directory, EndUser, Protocol, Right,
};
use cordboard_core::ids::{DirectoryNumber, UserId};
use csv::{ByteRecord, ReaderBuilder, Trim, WriterBuilder};
use std::collections::HashMap;
use std::io::Read;

/// A list (lines, devices, rights …) has at most so many columns.
const NUMBERED: usize = 100;
/// A cell in a message is shown up to so many characters.
const SHOWN: usize = 60;

/// What a column holds. The lists are numbered from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Column {
    UserId,
    FirstName,
    LastName,
    Password,
    PasswordHash,
    Pin,
    PinHash,
    Credential,
    PrimaryExtension,
    Right(usize),
    ControlledDevice(usize),
    ControlledProfile(usize),
    AppUserId,
    DeviceName,
    Model,
    Protocol,
    Description,
    Owner,
    Address,
    ExtensionMobility,
    ProfileName,
    ProfileOwner(usize),
    DefaultFor(usize),
    Number(usize),
    Partition(usize),
}

/// The columns that there are once, as they are headed; some go by a second name.
const SINGLE: [(&str, Column); 18] = [
    ("USER ID", Column::UserId),
    ("FIRST NAME", Column::FirstName),
    ("LAST NAME", Column::LastName),
    ("PASSWORD", Column::Password),
    ("PASSWORD HASH", Column::PasswordHash),
    ("PIN", Column::Pin),
    ("PIN HASH", Column::PinHash),
    ("CREDENTIAL", Column::Credential),
    ("PRIMARY EXTENSION", Column::PrimaryExtension),
    ("APPLICATION USER ID", Column::AppUserId),
    ("DEVICE NAME", Column::DeviceName),
    ("MODEL", Column::Model),
    ("DEVICE TYPE", Column::Model),
    ("PROTOCOL", Column::Protocol),
    ("DESCRIPTION", Column::Description),
    ("OWNER USER ID", Column::Owner),
    ("ADDRESS", Column::Address),
    ("EXTENSION MOBILITY", Column::ExtensionMobility),
];
const PROFILE_NAME: (&str, Column) = ("PROFILE NAME", Column::ProfileName);
/// Columns that are numbered from 1.
struct List {
    head: &'static str,
    column: fn(usize) -> Column,
}
/// The columns that are numbered.
const LISTS: [List; 7] = [
    List {
        head: "RIGHT",
        column: Column::Right,
    },
    List {
        head: "CONTROLLED DEVICE",
        column: Column::ControlledDevice,
    },
    List {
        head: "CONTROLLED PROFILE",
        column: Column::ControlledProfile,
    },
    List {
        head: "PROFILE OWNER",
        column: Column::ProfileOwner,
    },
    List {
        head: "DEFAULT FOR",
        column: Column::DefaultFor,
    },
    List {
        head: "DIRECTORY NUMBER",
        column: Column::Number,
    },
    List {
        head: "ROUTE PARTITION",
        column: Column::Partition,
    },
];

impl Column {
    fn of(head: &str) -> Option<Self> {
        let head = head.trim().to_ascii_uppercase();
        let single = SINGLE.iter().chain([&PROFILE_NAME]);
        if let Some((_, column)) = single.into_iter().find(|(name, _)| *name == head) {
            return Some(*column);
        }
        let (name, number) = head.rsplit_once(' ')?;
        let number: usize = number.parse().ok().filter(|n| (1..=NUMBERED).contains(n))?;
        let list = LISTS.iter().find(|list| list.head == name)?;
        Some((list.column)(number))
    }
}

/// Reads a file; see [`super::read`].
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
        let line = named(&error).and_then(|name| lines.get(&name.to_lowercase()));
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
    reader: csv::Reader<R>,
    heads: Vec<(Column, String)>,
    record: ByteRecord,
}

impl<R: Read> Rows<R> {
    fn open(name: &str, bytes: R) -> Result<Self, FileError> {
        let mut reader = ReaderBuilder::new()
            .flexible(true)
            .trim(Trim::All)
            .from_reader(bytes);
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
        let line = self.record.position().map_or(0, csv::Position::line);
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

    /// The cells of a numbered list, in order of their numbers.
    fn list(&self, of: impl Fn(usize) -> Column) -> Vec<&'a str> {
        (1..=NUMBERED).filter_map(|n| self.get(of(n))).collect()
    }

    fn lines(&self) -> Result<Vec<DirectoryNumber>, FileError> {
        let mut lines = Vec::new();
        for n in 1..=NUMBERED {
            let partition = self.get(Column::Partition(n));
            let Some(text) = self.get(Column::Number(n)) else {
                if partition.is_some() {
                    return Err(
                        self.fault(Column::Partition(n), "has no directory number beside it")
                    );
                }
                continue;
            };
            let line = number(text).filter(|line| line.partition.is_none() || partition.is_none());
            let mut line =
                line.ok_or_else(|| self.fault(Column::Number(n), "is no directory number"))?;
            if let Some(partition) = partition {
                line.partition = Some(partition.into());
            }
            lines.push(line);
        }
        Ok(lines)
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

    fn rights(&self) -> Vec<Right> {
        let rights = self.list(Column::Right).into_iter();
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
                    Column::Number(_) | Column::Model | Column::Description | Column::Owner
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
                && let Some(&at) = taken.users.get(&id.to_lowercase())
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
                && let Some(&at) = taken.users.get(&id.to_lowercase())
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

    fn user(&self, taken: &mut Taken, id: &str) -> Result<(), FileError> {
        let key = id.to_lowercase();
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
                    | Column::PrimaryExtension
                    | Column::Right(_)
                    | Column::ControlledDevice(_)
                    | Column::ControlledProfile(_)
            )
        });
        if taken.users.contains_key(&key) {
            // Further rows of a user give him further devices and profiles.
            return if describes {
                Err(self.fault(Column::UserId, "is described twice"))
            } else {
                Ok(())
            };
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
            devices: self
                .list(Column::ControlledDevice)
                .into_iter()
                .map(Into::into)
                .collect(),
            profiles: self
                .list(Column::ControlledProfile)
                .into_iter()
                .map(Into::into)
                .collect(),
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
        };
        let users = &mut taken.contents.builder.users;
        taken.lines.entry(key.clone()).or_insert(self.line);
        taken.users.insert(key, users.len());
        users.push(entry);
        Ok(())
    }

    fn app_user(&self, taken: &mut Taken, id: &str) -> Result<(), FileError> {
        let key = id.to_lowercase();
        if taken.app_users.contains_key(&key) {
            return Err(self.fault(Column::AppUserId, "is there twice"));
        }
        let entry = AppUser {
            id: id.into(),
            rights: self.rights(),
            devices: self
                .list(Column::ControlledDevice)
                .into_iter()
                .map(Into::into)
                .collect(),
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
        let key = name.to_lowercase();
        let Some(model) = self.get(Column::Model) else {
            let describes = self.describes(|column| {
                matches!(
                    column,
                    Column::Protocol
                        | Column::Description
                        | Column::Owner
                        | Column::Address
                        | Column::ExtensionMobility
                        | Column::Number(_)
                )
            });
            // Without a description the row only gives the device to a user.
            return if describes || self.get(Column::UserId).is_none() {
                Err(self.fault(Column::DeviceName, "needs a MODEL"))
            } else {
                Ok(())
            };
        };
        if taken.devices.contains_key(&key) {
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
        let em = self
            .get(Column::ExtensionMobility)
            .map(str::to_ascii_lowercase);
        let em_enabled = match em.as_deref() {
            None | Some("false" | "f" | "no" | "0") => false,
            Some("true" | "t" | "yes" | "1") => true,
            Some(_) => return Err(self.fault(Column::ExtensionMobility, "must be true or false")),
        };
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
        let key = name.to_lowercase();
        let Some(model) = self.get(Column::Model) else {
            return if self.get(Column::UserId).is_none() {
                Err(self.fault(Column::ProfileName, "needs a MODEL"))
            } else {
                Ok(())
            };
        };
        if taken.profiles.contains_key(&key) {
            return Err(self.fault(Column::ProfileName, "is described twice"));
        }
        let ids = |list: Vec<&str>| list.into_iter().map(UserId::from).collect();
        let entry = DeviceProfile {
            name: name.into(),
            model: model.to_owned(),
            owners: ids(self.list(Column::ProfileOwner)),
            default_for: ids(self.list(Column::DefaultFor)),
            lines: self.lines()?,
        };
        let profiles = &mut taken.contents.builder.profiles;
        taken.lines.entry(key.clone()).or_insert(self.line);
        taken.profiles.insert(key, profiles.len());
        profiles.push(entry);
        Ok(())
    }
}

/// Writes a directory: users, application users, devices and profiles, a row for each.
pub fn write(directory: &Directory, secrets: bool) -> String {
    let rows = rows(directory, secrets);
    let mut columns: Vec<Column> = rows.iter().flatten().map(|(column, _)| *column).collect();
    columns.sort_by_key(|column| place(*column));
    columns.dedup();
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    let heads = columns.iter().map(|column| head(*column));
    // Writing to memory cannot fail.
    let _ = writer.write_record(heads);
    let places: HashMap<Column, usize> = columns.iter().enumerate().map(|(i, c)| (*c, i)).collect();
    let mut cells = vec![""; columns.len()];
    for row in &rows {
        cells.fill("");
        for (column, text) in row {
            cells[places[column]] = text;
        }
        let _ = writer.write_record(&cells);
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// The order of columns in what is written: the single ones as listed, then the lists, number by number.
fn place(column: Column) -> (usize, usize) {
    let single = SINGLE
        .iter()
        .chain([&PROFILE_NAME])
        .position(|(_, c)| *c == column);
    if let Some(at) = single {
        return (at, 0);
    }
    match column {
        Column::Right(n) => (100, n),
        Column::ControlledDevice(n) => (101, n),
        Column::ControlledProfile(n) => (102, n),
        Column::ProfileOwner(n) => (103, n),
        Column::DefaultFor(n) => (104, n),
        Column::Number(n) => (105, 2 * n),
        Column::Partition(n) => (105, 2 * n + 1),
        _ => (99, 0),
    }
}

fn head(column: Column) -> String {
    let single = SINGLE
        .iter()
        .chain([&PROFILE_NAME])
        .find(|(_, c)| *c == column);
    if let Some((name, _)) = single {
        return (*name).to_owned();
    }
    let numbered = |n: usize| {
        let list = LISTS.iter().find(|list| (list.column)(n) == column)?;
        Some(format!("{} {n}", list.head))
    };
    (1..=NUMBERED).find_map(numbered).unwrap_or_default()
}

type Cells = Vec<(Column, String)>;

fn rows(directory: &Directory, secrets: bool) -> Vec<Cells> {
    fn list<T: ToString>(cells: &mut Cells, column: fn(usize) -> Column, items: &[T]) {
        cells.extend(
            items
                .iter()
                .zip(1..)
                .map(|(item, n)| (column(n), item.to_string())),
        );
    }
    fn text(cells: &mut Cells, column: Column, text: &str) {
        if !text.is_empty() {
            cells.push((column, text.to_owned()));
        }
    }
    fn state(cells: &mut Cells, state: CredentialState) {
        let word = match state {
            CredentialState::Active => return,
            CredentialState::Locked => "locked",
            CredentialState::Expired => "expired",
        };
        text(cells, Column::Credential, word);
    }
    fn lines(cells: &mut Cells, lines: &[DirectoryNumber]) {
        for (line, n) in lines.iter().zip(1..) {
            text(cells, Column::Number(n), line.digits.as_str());
            let partition = line.partition.as_ref().map_or("", |p| p.as_str());
            text(cells, Column::Partition(n), partition);
        }
    }
    let mut rows = Vec::new();
    for user in directory.end_users() {
        let mut cells = vec![(Column::UserId, user.id.to_string())];
        text(&mut cells, Column::FirstName, &user.first_name);
        text(&mut cells, Column::LastName, &user.last_name);
        if secrets {
            let hash = |hash: &Option<cordboard_core::directory::PasswordHash>| {
                hash.as_ref()
                    .map(|hash| hash.expose().to_owned())
                    .unwrap_or_default()
            };
            text(&mut cells, Column::PasswordHash, &hash(&user.password_hash));
            text(&mut cells, Column::PinHash, &hash(&user.pin_hash));
        }
        state(&mut cells, user.credential);
        let primary = user.primary_line.as_ref().map(ToString::to_string);
        text(
            &mut cells,
            Column::PrimaryExtension,
            &primary.unwrap_or_default(),
        );
        let rights: Vec<&str> = user.rights.iter().map(|r| r.0.as_str()).collect();
        list(&mut cells, Column::Right, &rights);
        list(&mut cells, Column::ControlledDevice, &user.devices);
        list(&mut cells, Column::ControlledProfile, &user.profiles);
        rows.push(cells);
    }
    for user in directory.app_users() {
        let mut cells = vec![(Column::AppUserId, user.id.to_string())];
        if secrets && let Some(hash) = &user.password_hash {
            text(&mut cells, Column::PasswordHash, hash.expose());
        }
        state(&mut cells, user.credential);
        let rights: Vec<&str> = user.rights.iter().map(|r| r.0.as_str()).collect();
        list(&mut cells, Column::Right, &rights);
        list(&mut cells, Column::ControlledDevice, &user.devices);
        rows.push(cells);
    }
    for device in directory.devices() {
        let mut cells = vec![(Column::DeviceName, device.name.to_string())];
        text(&mut cells, Column::Model, &device.model);
        let protocol = match device.protocol {
            Protocol::Sip => "SIP",
            Protocol::Sccp => "SCCP",
        };
        text(&mut cells, Column::Protocol, protocol);
        text(&mut cells, Column::Description, &device.description);
        text(
            &mut cells,
            Column::Owner,
            device.owner.as_ref().map_or("", |o| o.as_str()),
        );
        text(
            &mut cells,
            Column::Address,
            device.address.as_deref().unwrap_or_default(),
        );
        text(
            &mut cells,
            Column::ExtensionMobility,
            if device.em_enabled { "true" } else { "" },
        );
        lines(&mut cells, &device.lines);
        rows.push(cells);
    }
    for profile in directory.profiles() {
        let mut cells = vec![(Column::ProfileName, profile.name.to_string())];
        text(&mut cells, Column::Model, &profile.model);
        list(&mut cells, Column::ProfileOwner, &profile.owners);
        list(&mut cells, Column::DefaultFor, &profile.default_for);
        lines(&mut cells, &profile.lines);
        rows.push(cells);
    }
    rows
}
