//! What happens to the bytes of a connection before an HTTP library sees them.
