//! The directory as CSV, headed like the original's bulk tool: USER ID, DEVICE NAME, DIRECTORY NUMBER 1 …
//!
//! A row describes what its id columns name: a user, an application user, a device, a profile. A row that names a user and a device
//! describes both and gives the user the device; so does one that names a user and a profile. A further row of the same name adds
//! to its lists: an application may have more devices than a table has columns. Columns come in any order; one that is missing or
//! empty says nothing.

pub mod lines;
mod read;
mod write;

pub use read::read;
pub use write::write;

/// A list (lines, devices, rights …) has at most so many columns in what is read.
const NUMBERED: usize = 100;

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
    HomeCluster,
    MaxLoginMinutes,
    PrimaryExtension,
    AppUserId,
    DeviceName,
    Model,
    Protocol,
    Description,
    Owner,
    Address,
    ExtensionMobility,
    ProfileName,
    Of(List, usize),
}

/// What there may be several of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum List {
    Right,
    ControlledDevice,
    ControlledProfile,
    ProfileOwner,
    DefaultFor,
    Number,
    Partition,
}

/// The columns that there are once, as they are headed; some go by a second name.
const SINGLE: [(&str, Column); 21] = [
    ("USER ID", Column::UserId),
    ("FIRST NAME", Column::FirstName),
    ("LAST NAME", Column::LastName),
    ("PASSWORD", Column::Password),
    ("PASSWORD HASH", Column::PasswordHash),
    ("PIN", Column::Pin),
    ("PIN HASH", Column::PinHash),
    ("CREDENTIAL", Column::Credential),
    ("HOME CLUSTER", Column::HomeCluster),
    ("MAXIMUM LOGIN TIME", Column::MaxLoginMinutes),
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
    ("PROFILE NAME", Column::ProfileName),
];
/// The columns that are numbered.
const LISTS: [(&str, List); 7] = [
    ("RIGHT", List::Right),
    ("CONTROLLED DEVICE", List::ControlledDevice),
    ("CONTROLLED PROFILE", List::ControlledProfile),
    ("PROFILE OWNER", List::ProfileOwner),
    ("DEFAULT FOR", List::DefaultFor),
    ("DIRECTORY NUMBER", List::Number),
    ("ROUTE PARTITION", List::Partition),
];

impl Column {
    fn of(head: &str) -> Option<Self> {
        let head = head.trim().to_ascii_uppercase();
        if let Some((_, column)) = SINGLE.iter().find(|(name, _)| *name == head) {
            return Some(*column);
        }
        let (name, number) = head.rsplit_once(' ')?;
        let number: usize = number.parse().ok().filter(|n| (1..=NUMBERED).contains(n))?;
        let (_, list) = LISTS.iter().find(|(list, _)| *list == name)?;
        Some(Self::Of(*list, number))
    }

    fn head(self) -> String {
        let single = SINGLE.iter().find(|(_, column)| *column == self);
        if let Some((name, _)) = single {
            return (*name).to_owned();
        }
        let Self::Of(wanted, number) = self else {
            return String::new();
        };
        let list = LISTS.iter().find(|(_, list)| *list == wanted);
        list.map_or_else(String::new, |(name, _)| format!("{name} {number}"))
    }
}
