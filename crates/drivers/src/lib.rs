//! Telephone networks behind one command and event vocabulary.
