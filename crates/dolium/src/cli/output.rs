//! What people and scripts see: the only place that prints.

use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde_json::Value;

/// Prints a line of results.
#[allow(clippy::print_stdout, reason = "results belong on standard output")]
pub(super) fn line(text: impl std::fmt::Display) {
    println!("{text}");
}

/// Prints a line of explanation.
#[allow(
    clippy::print_stderr,
    reason = "what is not a result belongs on standard error"
)]
pub(super) fn note(text: impl std::fmt::Display) {
    eprintln!("{text}");
}

/// Clears the screen for what follows; nothing when that is no terminal.
#[allow(clippy::print_stdout, reason = "it belongs to the results that follow")]
pub(super) fn clear() {
    use std::io::IsTerminal;
    if std::io::stdout().is_terminal() {
        print!("\u{1b}[2J\u{1b}[H");
    }
}

/// Prints an error with its causes, each once.
pub(super) fn error(error: &anyhow::Error) {
    note(format!("error: {error}"));
    let mut said = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !said.contains(&cause) {
            note(format!("  because: {cause}"));
        }
        said = cause;
    }
}

/// Prints a value as JSON.
pub(super) fn json(value: &impl serde::Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => line(text),
        Err(error) => note(format!("error: {error}")),
    }
}

/// A spinner on standard error; nothing when that is no terminal.
pub(super) fn spinner(what: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {msg}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_prefix(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// The fields of a progress record as one line.
pub(super) fn progress_text(progress: &Value) -> String {
    let Some(fields) = progress.as_object() else {
        return String::new();
    };
    let show = |(name, value): (&String, &Value)| {
        let number = value.as_u64()?;
        let words = name.replace('_', " ");
        if name.contains("bytes") {
            Some(format!("{words} {}", HumanBytes(number)))
        } else {
            Some(format!("{words} {number}"))
        }
    };
    fields
        .iter()
        .filter_map(show)
        .collect::<Vec<_>>()
        .join(", ")
}
