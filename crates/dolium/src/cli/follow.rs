//! Long work as people and scripts follow it: a spinner with progress, or one JSON object a line.

use anyhow::Result;
use serde_json::{Value, json};

use super::output;
use super::target::Target;
use crate::admin::Line;

/// Starts long work and shows it to its end; `say` puts the summary in words.
pub(super) async fn follow(
    target: &Target,
    (what, path): (&str, &str),
    as_json: bool,
    say: impl Fn(&Value),
) -> Result<Value> {
    let mut session = target.connect().await?;
    let bar = output::spinner(what);
    let each = |line: Line| match line {
        Line::Finding(finding, text) if as_json => {
            bar.suspend(|| output::json(&json!({ "finding": finding, "text": text })));
        }
        Line::Finding(_, text) => bar.suspend(|| output::line(text)),
        Line::Progress(progress) => {
            if as_json {
                bar.suspend(|| output::json(&json!({ "progress": progress })));
            }
            bar.set_message(output::progress_text(&progress));
        }
        Line::Summary(summary) => {
            bar.finish_and_clear();
            if as_json {
                output::json(&json!({ "summary": summary }));
            } else {
                say(&summary);
            }
        }
    };
    let summary = session.admin()?.follow(path, each).await;
    bar.finish_and_clear();
    session.close().await?;
    summary
}
