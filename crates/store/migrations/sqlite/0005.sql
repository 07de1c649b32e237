-- The seeded state, which a lab's reset goes back to: the same tables again.
CREATE TABLE seed_entries (
    kind     TEXT NOT NULL,
    name     TEXT NOT NULL,
    position INTEGER NOT NULL,
    record   TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE TABLE seed_logins (
    device TEXT PRIMARY KEY,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE seed_tokens (
    hash    TEXT PRIMARY KEY,
    user    TEXT NOT NULL,
    expires INTEGER,
    created INTEGER NOT NULL
) WITHOUT ROWID;
