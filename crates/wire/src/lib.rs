//! Bytes to types and back for every protocol cordboard speaks. No I/O.
