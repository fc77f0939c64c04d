//! Reading the configuration file, and what stands for it when there is none.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};

use super::check::check;
use super::{ArrayConfig, Config, DegradedWrites, OptionValue, ProviderConfig};
use crate::data_dir::DataDir;

/// Providers of the embedded default.
const EMBEDDED_PROVIDERS: [&str; 4] = ["p1", "p2", "p3", "p4"];

/// A mistake in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// Counts from 1; nothing when no line is to blame.
    pub(crate) line: Option<usize>,
    /// What is wrong and what to do.
    pub(crate) text: String,
}

/// All mistakes of one file.
#[derive(Debug)]
pub(crate) struct Mistakes {
    pub(crate) file: String,
    pub(crate) mistakes: Vec<Mistake>,
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, mistake) in self.mistakes.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            match mistake.line {
                Some(line) => write!(f, "{}:{line}: {}", self.file, mistake.text)?,
                None => write!(f, "{}: {}", self.file, mistake.text)?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// The line of a byte offset.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    before.filter(|byte| **byte == b'\n').count() + 1
}

/// Reads and checks a file.
pub(crate) fn load(file: &Path) -> Result<Config> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the configuration {}", file.display()))?;
    parse(&text).map_err(|mistakes| {
        Mistakes {
            file: file.display().to_string(),
            mistakes,
        }
        .into()
    })
}

/// Parses and checks the text of a file.
pub(crate) fn parse(text: &str) -> Result<Config, Vec<Mistake>> {
    let config: Config = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| line_of(text, span.start));
        vec![Mistake {
            line,
            text: explain(error.message()),
        }]
    })?;
    let mistakes = check(&config, text);
    if mistakes.is_empty() {
        Ok(config)
    } else {
        Err(mistakes)
    }
}

/// Adds a suggestion to "unknown field" messages.
fn explain(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    if let (true, Some(typed)) = (unknown, quoted.next()) {
        let near = quoted
            .map(|known| (strsim::damerau_levenshtein(typed, known), known))
            .filter(|(distance, _)| *distance <= 3)
            .min();
        if let Some((_, known)) = near {
            return format!("{message}. Did you mean `{known}`?");
        }
    }
    message.to_owned()
}

/// The configuration of a server that nobody configured: four directories below the data directory.
pub(crate) fn embedded(dir: &DataDir) -> Result<Config> {
    let mut config: Config = toml::from_str("").context("the empty configuration")?;
    let spanned = |name: &str| toml::Spanned::new(0..0, name.to_owned());
    for name in EMBEDDED_PROVIDERS {
        let path = dir
            .provider(name)
            .to_str()
            .context("the data directory's name is no text")?
            .to_owned();
        config.providers.push(ProviderConfig {
            name: spanned(name),
            kind: "directory".to_owned(),
            options: [("path".to_owned(), OptionValue::Plain(path))].into(),
        });
    }
    config.arrays.push(ArrayConfig {
        name: spanned("default"),
        layout: spanned("erasure:3+1"),
        providers: EMBEDDED_PROVIDERS.map(spanned).into(),
        degraded_writes: DegradedWrites::Allow,
        storage_class: None,
    });
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> Vec<(Option<usize>, String)> {
        let mistakes = parse(text).err().unwrap_or_default();
        mistakes
            .into_iter()
            .map(|mistake| (mistake.line, mistake.text))
            .collect()
    }

    #[test]
    fn the_example_is_right() {
        // Its secrets come from the environment, which a check does not read.
        assert_eq!(mistakes(super::super::EXAMPLE), []);
    }

    #[test]
    fn unknown_keys_get_a_line_and_a_suggestion() {
        let found = mistakes("durability = \"array\"\n[listen]\ns4 = \"127.0.0.1:9000\"\n");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, Some(3));
        assert!(found[0].1.contains("Did you mean `s3`?"), "{}", found[0].1);
    }

    #[test]
    fn a_storage_class_means_one_array() {
        let with = |first: &str, second: &str| {
            let text = format!(
                "[[provider]]\nname = \"a\"\nkind = \"directory\"\noptions = {{ path = \"/a\" }}\n\
                 [[array]]\nname = \"x\"\nlayout = \"mirror:1\"\nproviders = [\"a\"]\n{first}\n\
                 [[array]]\nname = \"y\"\nlayout = \"mirror:1\"\nproviders = [\"a\"]\n{second}\n\
                 [[array]]\nname = \"z\"\nlayout = \"mirror:1\"\nproviders = [\"a\"]\n"
            );
            let mut lines: Vec<_> = mistakes(&text).into_iter().map(|(line, _)| line).collect();
            lines.retain(|line| matches!(line, Some(9 | 14)));
            lines
        };
        assert_eq!(with("", "storage_class = \"GLACIER_IR\""), []);
        for bad in ["STANDARD", "z", "", "GLACIER IR"] {
            let class = format!("storage_class = \"{bad}\"");
            assert_eq!(with("", &class), [Some(14)], "{bad}");
        }
        assert_eq!(with("storage_class = \"HOT\"", ""), [Some(9)]);
    }

    #[test]
    fn all_mistakes_of_meaning_are_told_at_once() {
        let text = "[[provider]]\nname = \"a\"\nkind = \"directory\"\noptions = { path = \"/a\" }\n\
                    [[provider]]\nname = \"a\"\nkind = \"floppy\"\n\
                    [[array]]\nname = \"x\"\nlayout = \"erasure:3+1\"\nproviders = [\"a\", \"b\"]\n";
        let found = mistakes(text);
        let has = |line, part: &str| {
            found
                .iter()
                .any(|(at, text)| *at == Some(line) && text.contains(part))
        };
        assert!(has(6, "twice"), "{found:?}");
        assert!(has(6, "floppy"), "{found:?}");
        assert!(has(11, "`b`"), "{found:?}");
        assert!(has(10, "4 providers"), "{found:?}");
    }

    #[test]
    fn notify_targets_are_checked() {
        let text = "[[provider]]\nname = \"a\"\nkind = \"directory\"\noptions = { path = \"/a\" }\n\
                    [[array]]\nname = \"x\"\nlayout = \"mirror:1\"\nproviders = [\"a\"]\n";
        let with = |target: &str| mistakes(&format!("{text}[[notify]]\n{target}"));
        let hook = "name = \"hook\"\nkind = \"webhook\"\nurl = \"http://localhost/\"\n";
        let array = mistakes(text);
        assert_eq!(with(hook), array);
        let twice = with(&format!("{hook}[[notify]]\n{hook}"));
        assert!(
            twice
                .iter()
                .any(|(line, text)| *line == Some(14) && text.contains("twice"))
        );
        for (target, part) in [
            (
                "name = \"b\"\nkind = \"webhok\"\n",
                "Did you mean `webhook`?",
            ),
            ("name = \"b\"\nkind = \"webhook\"\n", "url"),
            (
                "name = \"b\"\nkind = \"webhook\"\nurl = \"ftp://x\"\n",
                "http://",
            ),
            (
                "name = \"b\"\nkind = \"nats\"\nurl = \"nats://x\"\n",
                "subject",
            ),
            (
                "name = \"b\"\nkind = \"webhook\"\nurl = \"http://x\"\nsubject = \"s\"\n",
                "subject",
            ),
            (
                "name = \"b\"\nkind = \"rabbitmq\"\nurl = \"amqp://x\"\nexchange = \"\"\nrouting_key = \"\"\n",
                "queue",
            ),
        ] {
            let found = with(target);
            let told = found.iter().any(|(_, text)| text.contains(part));
            assert!(told, "{target}: {found:?}");
        }
    }
}
