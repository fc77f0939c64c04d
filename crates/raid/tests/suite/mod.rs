//! The tests, and the service that they are made with.

mod lists;
mod moves;
mod shelf;
