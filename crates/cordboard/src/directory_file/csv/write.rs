//! Writing the table.

use super::{Column, List};
use cordboard_core::directory::{
    AppUser, Builder, CredentialState, Device, DeviceProfile, Directory, EndUser, PasswordHash,
    Protocol,
};
use cordboard_core::ids::DirectoryNumber;
use csv::WriterBuilder;
use std::collections::HashMap;

/// A list has at most so many columns in what is written; what is more stands in further rows.
const WRITTEN: usize = 20;

/// What is written: the entries of a directory, put together or not.
#[derive(Clone, Copy, Debug)]
pub enum Entries<'a> {
    /// Put together.
    Directory(&'a Directory),
    /// Not yet.
    Parts(&'a Builder),
}

impl<'a> From<&'a Directory> for Entries<'a> {
    fn from(directory: &'a Directory) -> Self {
        Self::Directory(directory)
    }
}

impl<'a> From<&'a Builder> for Entries<'a> {
    fn from(parts: &'a Builder) -> Self {
        Self::Parts(parts)
    }
}

/// Writes a directory: users, application users, devices and profiles, a row for each, and further rows for long lists.
pub fn write<'a>(entries: impl Into<Entries<'a>>, secrets: bool) -> String {
    let entries = entries.into();
    // Twice over the entries rather than all rows at once in memory.
    let mut columns: HashMap<Column, usize> = HashMap::new();
    entries.rows(secrets, |row| {
        for (column, _) in row {
            columns.entry(*column).or_default();
        }
    });
    let mut order: Vec<Column> = columns.keys().copied().collect();
    order.sort_by_key(|column| place(*column));
    for (index, column) in order.iter().enumerate() {
        columns.insert(*column, index);
    }
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    // Writing to memory cannot fail.
    let _ = writer.write_record(order.iter().map(|column| column.head()));
    entries.rows(secrets, |row| {
        let mut cells = vec![""; order.len()];
        for (column, text) in row {
            cells[columns[column]] = text;
        }
        let _ = writer.write_record(&cells);
    });
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// The order of columns in what is written: the single ones as listed, then the lists, number by number, a line's partition beside it.
fn place(column: Column) -> (Option<List>, usize) {
    match column {
        Column::Of(List::Number, n) => (Some(List::Number), 2 * n),
        Column::Of(List::Partition, n) => (Some(List::Number), 2 * n + 1),
        Column::Of(list, n) => (Some(list), n),
        single => {
            let at = super::SINGLE.iter().position(|(_, c)| *c == single);
            (None, at.unwrap_or(usize::MAX))
        }
    }
}

type Cells = Vec<(Column, String)>;

impl Entries<'_> {
    /// Hands every row to `write`.
    fn rows(&self, secrets: bool, mut write: impl FnMut(&Cells)) {
        let write = &mut write;
        match self {
            Self::Directory(directory) => {
                let users = directory.end_users();
                users.for_each(|user| pages(user_row(&user, secrets), write));
                let users = directory.app_users();
                users.for_each(|user| pages(app_user_row(&user, secrets), write));
                let devices = directory.devices();
                devices.for_each(|device| pages(device_row(&device), write));
                let profiles = directory.profiles();
                profiles.for_each(|profile| pages(profile_row(&profile), write));
            }
            Self::Parts(parts) => {
                let users = parts.users.iter();
                users.for_each(|user| pages(user_row(user, secrets), write));
                let users = parts.app_users.iter();
                users.for_each(|user| pages(app_user_row(user, secrets), write));
                let devices = parts.devices.iter();
                devices.for_each(|device| pages(device_row(device), write));
                let profiles = parts.profiles.iter();
                profiles.for_each(|profile| pages(profile_row(profile), write));
            }
        }
    }
}

/// One row as it is, or, where its lists are longer than there are columns, the first and the further ones. The first cell is the
/// id, which stands in each.
fn pages(cells: Cells, write: &mut impl FnMut(&Cells)) {
    let page_of = |column: &Column| match column {
        Column::Of(_, n) => (n - 1) / WRITTEN,
        _ => 0,
    };
    let last = cells.iter().map(|(column, _)| page_of(column)).max();
    let last = last.unwrap_or(0);
    if last == 0 {
        return write(&cells);
    }
    let mut pages: Vec<Cells> = vec![Vec::new(); last + 1];
    let id = cells.first().cloned();
    for page in pages.iter_mut().skip(1) {
        page.extend(id.clone());
    }
    for (column, text) in cells {
        let page = page_of(&column);
        let column = match column {
            Column::Of(list, n) => Column::Of(list, n - page * WRITTEN),
            single => single,
        };
        pages[page].push((column, text));
    }
    pages.iter().for_each(write);
}

fn list<T: ToString>(cells: &mut Cells, list: List, items: &[T]) {
    let items = items.iter().zip(1..);
    cells.extend(items.map(|(item, n)| (Column::Of(list, n), item.to_string())));
}

fn text(cells: &mut Cells, column: Column, text: &str) {
    if !text.is_empty() {
        cells.push((column, text.to_owned()));
    }
}

fn hash(cells: &mut Cells, column: Column, hash: Option<&PasswordHash>) {
    text(cells, column, hash.map_or("", PasswordHash::expose));
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
        let partition = line.partition.as_ref().map_or("", |p| p.as_str());
        text(cells, Column::Of(List::Number, n), line.digits.as_str());
        text(cells, Column::Of(List::Partition, n), partition);
    }
}

fn user_row(user: &EndUser, secrets: bool) -> Cells {
    let mut cells = vec![(Column::UserId, user.id.to_string())];
    text(&mut cells, Column::FirstName, &user.first_name);
    text(&mut cells, Column::LastName, &user.last_name);
    if secrets {
        hash(
            &mut cells,
            Column::PasswordHash,
            user.password_hash.as_ref(),
        );
        hash(&mut cells, Column::PinHash, user.pin_hash.as_ref());
    }
    state(&mut cells, user.credential);
    if !user.home_cluster {
        text(&mut cells, Column::HomeCluster, "false");
    }
    if let Some(minutes) = user.max_login_minutes {
        text(&mut cells, Column::MaxLoginMinutes, &minutes.to_string());
    }
    if let Some(line) = &user.primary_line {
        text(&mut cells, Column::PrimaryExtension, &line.to_string());
    }
    let rights: Vec<&str> = user.rights.iter().map(|r| r.0.as_str()).collect();
    list(&mut cells, List::Right, &rights);
    list(&mut cells, List::ControlledDevice, &user.devices);
    list(&mut cells, List::ControlledProfile, &user.profiles);
    cells
}

fn app_user_row(user: &AppUser, secrets: bool) -> Cells {
    let mut cells = vec![(Column::AppUserId, user.id.to_string())];
    if secrets {
        hash(
            &mut cells,
            Column::PasswordHash,
            user.password_hash.as_ref(),
        );
    }
    state(&mut cells, user.credential);
    let rights: Vec<&str> = user.rights.iter().map(|r| r.0.as_str()).collect();
    list(&mut cells, List::Right, &rights);
    list(&mut cells, List::ControlledDevice, &user.devices);
    cells
}

fn device_row(device: &Device) -> Cells {
    let mut cells = vec![(Column::DeviceName, device.name.to_string())];
    text(&mut cells, Column::Model, &device.model);
    let protocol = match device.protocol {
        Protocol::Sip => "SIP",
        Protocol::Sccp => "SCCP",
    };
    text(&mut cells, Column::Protocol, protocol);
    text(&mut cells, Column::Description, &device.description);
    let owner = device.owner.as_ref().map_or("", |o| o.as_str());
    text(&mut cells, Column::Owner, owner);
    let address = device.address.as_deref().unwrap_or_default();
    text(&mut cells, Column::Address, address);
    let em = if device.em_enabled { "true" } else { "" };
    text(&mut cells, Column::ExtensionMobility, em);
    lines(&mut cells, &device.lines);
    cells
}

fn profile_row(profile: &DeviceProfile) -> Cells {
    let mut cells = vec![(Column::ProfileName, profile.name.to_string())];
    text(&mut cells, Column::Model, &profile.model);
    list(&mut cells, List::ProfileOwner, &profile.owners);
    list(&mut cells, List::DefaultFor, &profile.default_for);
    lines(&mut cells, &profile.lines);
    cells
}
