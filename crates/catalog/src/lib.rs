//! The catalog: the index of what the array holds, on SQLite or PostgreSQL.
