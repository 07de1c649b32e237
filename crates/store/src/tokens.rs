//! Tokens as they are kept: by hash, never as given out.

use cordboard_core::ids::UserId;
use cordboard_core::now::Wall;
use serde::{Deserialize, Serialize};

/// A user's token: stands for user id and password. [webdialer §10]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserToken {
    /// SHA-256 of the token, in hex.
    pub hash: String,
    /// Whose it is.
    pub user: UserId,
    /// When it was made.
    pub created: Wall,
    /// Until when; `None`: for ever.
    pub expires: Option<Wall>,
}

/// A token of the JSON API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// SHA-256 of the token, in hex.
    pub hash: String,
    /// What it is for, for people.
    pub name: String,
    /// What it may do, as words.
    pub roles: Vec<String>,
    /// When it was made.
    pub created: Wall,
    /// Until when; `None`: for ever.
    pub expires: Option<Wall>,
}

/// So many hex digits of its hash name a token to people.
const ID_DIGITS: usize = 16;

/// What names a token by its hash.
pub fn token_id(hash: &str) -> &str {
    hash.get(..ID_DIGITS).unwrap_or(hash)
}
