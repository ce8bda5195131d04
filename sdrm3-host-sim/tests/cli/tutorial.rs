//! The tutorial of the book, run as it stands.
