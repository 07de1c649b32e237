-- Calls, newest last. `record` is the whole call as MessagePack with named fields; `ended` is there to find those that a restart must end.
CREATE TABLE calls (
    key    INTEGER PRIMARY KEY,
    id     TEXT NOT NULL UNIQUE,
    ended  INTEGER,
    record BLOB NOT NULL
);

-- The highest numbers given so far, and whatever else is one of a kind.
CREATE TABLE facts (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- The directory: one row for each entry, `name` folded to lower case, in configuration order.
CREATE TABLE entries (
    kind     TEXT NOT NULL,
    name     TEXT NOT NULL,
    position INTEGER NOT NULL,
    record   TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;

-- Who sits where.
CREATE TABLE logins (
    device TEXT PRIMARY KEY,
    record TEXT NOT NULL
) WITHOUT ROWID;

-- Tokens, by the SHA-256 of what was given out.
CREATE TABLE tokens (
    hash    TEXT PRIMARY KEY,
    user    TEXT NOT NULL,
    expires INTEGER
) WITHOUT ROWID;
