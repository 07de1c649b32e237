-- Extension Mobility: who was the last at a device, and every login that is over.

CREATE TABLE last_users (
    device   TEXT PRIMARY KEY,
    name     TEXT NOT NULL,
    user_key TEXT NOT NULL,
    user     TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE mobility_history (
    number   INTEGER PRIMARY KEY,
    device   TEXT NOT NULL,
    user_key TEXT NOT NULL,
    ended    INTEGER NOT NULL,
    record   TEXT NOT NULL
);
CREATE INDEX mobility_history_device ON mobility_history (device);
CREATE INDEX mobility_history_user ON mobility_history (user_key);
