//! The lab: the whole product on simulated phones, made repeatable. See `docs/lab.md`.
//!
//! [`SeedFile`] is what a store is seeded with, [`Seed`] the state a reset goes back to, [`faults`] what can be made to fail.

pub mod faults;

use crate::directory_file::{self, Contents, FileError, Format};
use bytes::Bytes;
use cordboard_core::Wall;
use cordboard_core::directory::{Device, Draft, EndUser, PasswordHash, Protocol};
use cordboard_core::ids::DirectoryNumber;
use sha2::{Digest, Sha256};

/// The demo directory. [lab, The demo directory]
pub const DEMO: &str = include_str!("demo.toml");
/// Password and PIN of everybody in a population, `p`, hashed beforehand: it is no secret, and a start need not wait for it.
const POPULATION_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$q0sNRcYNgSXS3UoBsWHgJw$HsmfqUtxHgXtW+G62hzj4eHzTYDMpj8sSrn0YnYdUL8";
/// A population's lines begin here.
const POPULATION_LINES: usize = 7_000_000;

/// The seeded state.
#[derive(Clone, Debug, Default)]
pub struct Seed {
    /// The directory with its logins and tokens.
    pub contents: Contents,
}

/// What a store is seeded with: a directory file, not read yet.
#[derive(Clone, Debug)]
pub struct SeedFile {
    /// Its name, for messages.
    pub name: String,
    /// How it is written.
    pub format: Format,
    /// What it says.
    pub text: String,
    /// Does it take the place of another seed that the store may hold? The demo directory does not.
    pub replaces: bool,
}

impl SeedFile {
    /// The demo directory.
    pub fn demo() -> Self {
        Self {
            name: "the demo directory".to_owned(),
            format: Format::Toml,
            text: DEMO.to_owned(),
            replaces: false,
        }
    }

    /// What tells this seed from another; kept in the store beside what was seeded.
    pub fn mark(&self) -> String {
        let hash = Sha256::digest(self.text.as_bytes());
        format!("sha256:{:x}", Bytes::copy_from_slice(&hash))
    }

    /// Reads it, and hashes its secrets, which takes a while.
    ///
    /// # Errors
    /// Where it does not read.
    pub fn seed(&self, since: Wall) -> Result<Seed, FileError> {
        let contents =
            directory_file::read(self.format, &self.name, &self.text, since, &mut |_, _| {})?;
        Ok(Seed { contents })
    }
}

/// Adds users `p1` … `pN`, each with a phone and a line. [lab, Population]
pub fn populate(directory: &mut Draft, count: usize) {
    let hash = PasswordHash::new(POPULATION_HASH.to_owned());
    for index in 1..=count {
        let device = format!("SEPF{index:011}");
        let line = DirectoryNumber::bare((POPULATION_LINES + index).to_string());
        let id = format!("p{index}");
        let person = EndUser {
            id: id.as_str().into(),
            first_name: "P".to_owned(),
            last_name: index.to_string(),
            devices: vec![device.as_str().into()],
            profiles: Vec::new(),
            primary_line: Some(line.clone()),
            rights: Vec::new(),
            password_hash: Some(hash.clone()),
            pin_hash: Some(hash.clone()),
            credential: Default::default(),
            home_cluster: true,
            max_login_minutes: None,
        };
        // Whoever was edited is stored, and stays as edited.
        if directory.so_far().end_user(&id).is_none() {
            directory.user(&person);
        }
        if directory.so_far().device(&device).is_some() {
            continue;
        }
        directory.device(&Device {
            name: device.into(),
            model: "Cisco 8845".to_owned(),
            protocol: Protocol::Sip,
            description: String::new(),
            owner: Some(id.into()),
            address: None,
            lines: vec![line],
            em_enabled: false,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_directory_fits_together_and_lists_bills_devices_in_order() {
        let seed = SeedFile::demo().seed(Wall(0)).unwrap();
        let directory = seed.contents.builder.build().unwrap();
        let bill = directory.end_user("bill").unwrap();
        let devices = directory.devices_of(&bill);
        let names: Vec<&str> = devices.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(names, ["CSFuserBill", "SEPE8B7480316D6", "SEPF01FAF38ABC2"]);
        assert_eq!(
            directory.device("SEPE8B7480316D6").unwrap().protocol,
            Protocol::Sccp
        );
        assert_eq!(directory.devices().count(), 12);
    }

    #[test]
    fn a_population_has_phones_and_lines_in_eleven_and_seven_digits() {
        let mut draft = Draft::default();
        populate(&mut draft, 3);
        let directory = draft.build().unwrap();
        let password = directory.end_user("p1").unwrap().password_hash.unwrap();
        assert!(cordboard_store::passwords::verify("p", &password));
        assert_eq!(
            directory.device("SEPF00000000003").unwrap().lines[0]
                .digits
                .as_str(),
            "7000003"
        );
        assert_eq!(
            directory.end_user("p3").unwrap().devices[0].as_str(),
            "SEPF00000000003"
        );
    }
}
