//! The array: several providers kept as one redundant whole.
