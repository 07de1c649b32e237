-- Extension Mobility: takeovers of devices that are under way or can be undone.

CREATE TABLE takeovers (
    device TEXT PRIMARY KEY,
    record TEXT NOT NULL
) WITHOUT ROWID;

-- Logins in the order in which they came, which times alone do not tell.
CREATE TABLE numbered_logins (
    number INTEGER PRIMARY KEY,
    device TEXT NOT NULL UNIQUE,
    record TEXT NOT NULL
);
INSERT INTO numbered_logins (device, record) SELECT device, record FROM logins ORDER BY device;
DROP TABLE logins;
ALTER TABLE numbered_logins RENAME TO logins;
