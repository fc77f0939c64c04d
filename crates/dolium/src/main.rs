//! The `dolium` binary: command line and composition root.

mod admin;
mod cli;
mod compose;
mod config;
mod data_dir;
mod roster;
mod serve;
mod telemetry;

/// Blocks of megabytes are made on one thread and freed on another, all day: the system's allocator
/// keeps several times what is in use.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
