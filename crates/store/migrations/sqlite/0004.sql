-- What users chose on WebDialer's pages, by their id folded to lower case.
CREATE TABLE webdialer_preferences (
    user   TEXT PRIMARY KEY,
    record TEXT NOT NULL
) WITHOUT ROWID;
