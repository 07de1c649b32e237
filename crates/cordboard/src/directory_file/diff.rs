//! What another directory would change: which entries are added, changed and removed, and what of them.

use cordboard_core::directory::Directory;
use serde::Serialize;
use serde_json::Value;

/// So many changes are listed; the others are only counted.
pub const LISTED: usize = 1_000;

/// What differs between two directories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// One line for each entry, at most [`LISTED`]: `+` added, `~` changed, with what, `-` removed.
    pub changes: Vec<String>,
    /// So many entries are added.
    pub added: usize,
    /// So many are changed.
    pub changed: usize,
    /// So many are removed.
    pub removed: usize,
}

impl Difference {
    /// What leads from one directory to the other.
    pub fn between(old: &Directory, new: &Directory) -> Self {
        let mut difference = Self::default();
        difference.kind(
            "user",
            old.end_users(),
            new.end_users(),
            |u| u.id.as_str(),
            |id| old.end_user(id),
            |id| new.end_user(id).is_some(),
        );
        difference.kind(
            "application user",
            old.app_users(),
            new.app_users(),
            |u| u.id.as_str(),
            |id| old.app_user(id),
            |id| new.app_user(id).is_some(),
        );
        difference.kind(
            "device",
            old.devices(),
            new.devices(),
            |d| d.name.as_str(),
            |name| old.device(name),
            |name| new.device(name).is_some(),
        );
        difference.kind(
            "profile",
            old.profiles(),
            new.profiles(),
            |p| p.name.as_str(),
            |name| old.profile(name),
            |name| new.profile(name).is_some(),
        );
        difference
    }

    fn kind<T: Serialize + PartialEq>(
        &mut self,
        kind: &str,
        old: impl Iterator<Item = T>,
        new: impl Iterator<Item = T>,
        name: impl Fn(&T) -> &str,
        before: impl Fn(&str) -> Option<T>,
        stays: impl Fn(&str) -> bool,
    ) {
        for entry in new {
            let name = name(&entry);
            match before(name) {
                None => {
                    self.added += 1;
                    self.list(|| format!("+ {kind} {name}"));
                }
                Some(old) if old != entry => {
                    self.changed += 1;
                    self.list(|| format!("~ {kind} {name}: {}", fields(&old, &entry)));
                }
                Some(_) => {}
            }
        }
        for entry in old {
            let name = name(&entry);
            if !stays(name) {
                self.removed += 1;
                self.list(|| format!("- {kind} {name}"));
            }
        }
    }

    fn list(&mut self, line: impl FnOnce() -> String) {
        if self.changes.len() < LISTED {
            self.changes.push(line());
        }
    }
}

/// The fields that differ, from what to what; of secrets only that they do.
fn fields(old: &impl Serialize, new: &impl Serialize) -> String {
    let (Ok(Value::Object(old)), Ok(Value::Object(new))) =
        (serde_json::to_value(old), serde_json::to_value(new))
    else {
        return "changed".to_owned();
    };
    let differing = new
        .iter()
        .filter(|(field, value)| old.get(*field) != Some(value));
    let shown: Vec<String> = differing
        .map(|(field, value)| match field.strip_suffix("_hash") {
            Some(secret) => format!("another {secret}"),
            None => {
                let before = old.get(field).unwrap_or(&Value::Null);
                format!("{field} {before} → {value}")
            }
        })
        .collect();
    shown.join(", ")
}
