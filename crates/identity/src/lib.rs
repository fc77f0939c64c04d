//! Identity: users, access keys and the principals they speak for.
