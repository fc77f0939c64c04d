//! The `dolium` binary: command line and composition root.

mod admin;
mod cli;
mod compose;
mod config;
mod data_dir;
mod serve;
mod telemetry;

fn main() -> std::process::ExitCode {
    cli::main()
}
