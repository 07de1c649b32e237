//! Async clients for every interface cordboard serves.
