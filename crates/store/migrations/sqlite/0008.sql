-- CTI: the topics that clients are known by, and the agents that are watched.

CREATE TABLE cti_destinations (
    name   TEXT PRIMARY KEY,
    record TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE cti_logins (
    agent  TEXT PRIMARY KEY,
    record TEXT NOT NULL
) WITHOUT ROWID;
