-- When a user's token was made; those from before say 1970.
ALTER TABLE tokens ADD COLUMN created INTEGER NOT NULL DEFAULT 0;

-- Tokens of the JSON API, by the SHA-256 of what was given out. `roles` is a JSON list of words.
CREATE TABLE api_tokens (
    hash    TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    roles   TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER
) WITHOUT ROWID;
