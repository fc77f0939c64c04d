//! The store against real files: a SQLite catalog and directory providers in a temporary folder.

mod suite;
