-- Extension Mobility: takeovers of devices that are under way or can be undone.

CREATE TABLE takeovers (
    device TEXT PRIMARY KEY,
    record TEXT NOT NULL
) WITHOUT ROWID;
