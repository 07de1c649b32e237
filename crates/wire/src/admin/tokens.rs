//! Tokens: those that stand for a user, and those of the API itself.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Asks for a token that stands for a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUserToken {
    /// Until when; without it a year from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
}

/// A token that stands for a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserToken {
    /// What names it; not the token.
    pub id: String,
    /// When it was made.
    pub created_at: String,
    /// Until when; null: for ever.
    pub expires_at: Option<String>,
}

/// A token that was just made: the only time it is shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssuedToken {
    /// What names it; not the token.
    pub id: String,
    /// The token itself. It is not kept and cannot be shown again.
    pub token: String,
    /// Until when; null: for ever.
    pub expires_at: Option<String>,
}

impl std::fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedToken")
            .field("id", &self.id)
            .field("token", &"••••")
            .finish_non_exhaustive()
    }
}

/// A user's tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserTokens {
    /// Oldest first.
    pub tokens: Vec<UserToken>,
}

/// What a token of the API may do.
#[derive(Clone, Debug, ToSchema)]
#[schema(value_type = String, pattern = "^(admin|operator|reader|push:phone|push:presence)$")]
pub struct RoleWord(pub String);

/// Asks for a token of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiToken {
    /// What it is for, for people.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]+$"
    )]
    pub name: String,
    /// What it may do: `admin`, `operator`, `reader`, `push:` and an interface.
    #[schema(min_items = 1, value_type = Vec<RoleWord>)]
    pub roles: Vec<String>,
    /// Until when; without it a year from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
}

/// A token of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiToken {
    /// What names it; not the token.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub roles: Vec<String>,
    /// When it was made.
    pub created_at: String,
    /// Until when; null: for ever.
    pub expires_at: Option<String>,
}

/// The API's tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiTokens {
    /// Oldest first.
    pub tokens: Vec<ApiToken>,
}
