//! The telephone exchange as a value: directory, calls, mobility, presence. No I/O.
