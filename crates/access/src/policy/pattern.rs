//! Patterns: text with `*`, `?` and policy variables.
//!
//! Variables are filled in for each request; what they stand for is plain text, so a user whose
//! name has a star in it matches no more than that star. Matching remembers one star at a time, so it
//! costs at most the product of both lengths, and is paid for in steps.

use std::borrow::Cow;

use crate::policy::PolicyError;
use crate::policy::facts::Facts;
use crate::policy::key::Key;

/// What a text may contain besides itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grammar {
    pub(super) wildcards: bool,
    pub(super) variables: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Char(char),
    /// `*`
    Any,
    /// `?`
    One,
    Variable(Box<Variable>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Variable {
    key: Key,
    default: Option<String>,
}

/// A text that is compared with texts of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    pieces: Vec<Piece>,
}

impl Pattern {
    pub(super) fn parse(text: &str, grammar: Grammar) -> Result<Self, PolicyError> {
        let mut pieces = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if grammar.variables
                && let Some(inside) = rest.strip_prefix("${")
            {
                let (name, after) = inside.split_once('}').ok_or(PolicyError::Variable)?;
                pieces.push(variable(name)?);
                rest = after;
                continue;
            }
            pieces.push(match c {
                '*' if grammar.wildcards => Piece::Any,
                '?' if grammar.wildcards => Piece::One,
                c => Piece::Char(c),
            });
            rest = &rest[c.len_utf8()..];
        }
        Ok(Self { pieces })
    }

    /// The text the pattern stands for, when that is one only, whatever the request.
    pub(super) fn only_text(&self) -> Option<String> {
        let plain = |piece: &Piece| match piece {
            Piece::Char(c) if !matches!(c, '*' | '?') => Some(*c),
            _ => None,
        };
        self.pieces.iter().map(plain).collect()
    }

    /// The condition keys its variables name.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Variable(variable) => Some(&variable.key),
            _ => None,
        })
    }

    /// Whether the text fits. `None` when a variable has no value in this request, or it took too
    /// long to find out.
    pub(super) fn matches(&self, text: &str, facts: &Facts<'_>) -> Option<bool> {
        let pieces = self.filled(facts)?;
        paid_fits(&pieces, text, facts)
    }

    /// The same without regard to case.
    pub(super) fn matches_folded(&self, text: &str, facts: &Facts<'_>) -> Option<bool> {
        let pieces = self.filled(facts)?;
        let folded: Vec<Piece> = pieces
            .iter()
            .flat_map(|piece| match piece {
                Piece::Char(c) => c.to_lowercase().map(Piece::Char).collect(),
                other => vec![other.clone()],
            })
            .collect();
        paid_fits(&folded, &text.to_lowercase(), facts)
    }

    fn filled(&self, facts: &Facts<'_>) -> Option<Cow<'_, [Piece]>> {
        if self.keys().next().is_none() {
            return Some(Cow::Borrowed(&self.pieces));
        }
        let mut filled = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Variable(variable) => {
                    let value = variable.value(facts)?;
                    facts.spend(value.len())?;
                    filled.extend(value.chars().map(Piece::Char));
                }
                plain => filled.push(plain.clone()),
            }
        }
        Some(Cow::Owned(filled))
    }

    /// Whether some request could make the pattern fit this text.
    pub(super) fn could_be(&self, text: &str) -> bool {
        let mut steps = usize::MAX;
        fits(&self.pieces, &chars(text), &mut steps) == Some(true)
    }

    /// Whether some request could make the pattern fit some text that starts like this.
    pub(super) fn could_start_with(&self, start: &str) -> bool {
        let mut at = vec![false; self.pieces.len() + 1];
        at[0] = true;
        self.skip_stars(&mut at);
        for c in start.chars() {
            let mut next = vec![false; at.len()];
            for (i, piece) in self.pieces.iter().enumerate().filter(|(i, _)| at[*i]) {
                match piece {
                    Piece::Any | Piece::Variable(_) => next[i] = true,
                    Piece::One => next[i + 1] = true,
                    Piece::Char(own) => next[i + 1] |= *own == c,
                }
            }
            at = next;
            self.skip_stars(&mut at);
        }
        at.contains(&true)
    }

    /// A star may also stand for nothing.
    fn skip_stars(&self, at: &mut [bool]) {
        for (i, piece) in self.pieces.iter().enumerate() {
            if at[i] && piece.is_open() {
                at[i + 1] = true;
            }
        }
    }
}

impl Piece {
    /// Whether it stands for any text. A variable does until it is filled in.
    fn is_open(&self) -> bool {
        matches!(self, Self::Any | Self::Variable(_))
    }

    fn takes(&self, c: char) -> bool {
        match self {
            Self::Char(own) => *own == c,
            Self::One => true,
            Self::Any | Self::Variable(_) => false,
        }
    }
}

impl Variable {
    /// Its value; a key with several values has none of them.
    fn value<'a>(&'a self, facts: &'a Facts<'_>) -> Option<Cow<'a, str>> {
        let default = self.default.as_deref().map(Cow::Borrowed);
        match facts.values(&self.key) {
            None => default,
            Some(values) => {
                let mut values = values.into_iter();
                let first = values.next();
                if values.next().is_some() { None } else { first }
            }
        }
    }
}

/// What stands between `${` and `}`: a wildcard meant literally, or a key and perhaps a default.
fn variable(inside: &str) -> Result<Piece, PolicyError> {
    if let "*" | "?" | "$" = inside {
        return Ok(Piece::Char(inside.chars().next().unwrap_or('$')));
    }
    let (name, default) = match inside.split_once(',') {
        None => (inside, None),
        Some((name, default)) => {
            let quoted = default.trim().strip_prefix('\'');
            let default = quoted.and_then(|text| text.strip_suffix('\''));
            (name, Some(default.ok_or(PolicyError::Variable)?.to_owned()))
        }
    };
    let key = Key::parse(name.trim()).map_err(|_| PolicyError::Variable)?;
    Ok(Piece::Variable(Box::new(Variable { key, default })))
}

fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}

fn paid_fits(pieces: &[Piece], text: &str, facts: &Facts<'_>) -> Option<bool> {
    facts.spend(text.len())?;
    let mut steps = facts.steps_left();
    let fits = fits(pieces, &chars(text), &mut steps);
    facts.spend(facts.steps_left() - steps)?;
    fits
}

/// Whether the pieces fit the text; a variable that is left fits anything. `None` when no steps are
/// left.
fn fits(pieces: &[Piece], text: &[char], steps: &mut usize) -> Option<bool> {
    let (mut p, mut t) = (0, 0);
    // After the last star, and how far it has been stretched.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        *steps = steps.checked_sub(1)?;
        match pieces.get(p) {
            Some(piece) if piece.is_open() => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(piece) if piece.takes(text[t]) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((after, stretched)) = star else {
                    return Some(false);
                };
                star = Some((after, stretched + 1));
                p = after;
                t = stretched + 1;
            }
        }
    }
    Some(pieces[p..].iter().all(Piece::is_open))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::context::Context;
    use crate::policy::facts::tests::{ANN, facts};

    const WILD: Grammar = Grammar {
        wildcards: true,
        variables: true,
    };

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text, WILD).expect("is a pattern")
    }

    /// What matching means, in the plainest words.
    fn oracle(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|n| oracle(rest, &text[n..])),
            Some((c, rest)) => {
                !text.is_empty() && (*c == '?' || *c == text[0]) && oracle(rest, &text[1..])
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_oracle(wild in "[ab*?é]{0,8}", text in "[abé]{0,8}") {
            let (w, t) = (chars(&wild), chars(&text));
            prop_assert_eq!(pattern(&wild).could_be(&text), oracle(&w, &t));
        }

        #[test]
        fn starts(wild in "[ab*?]{0,6}", start in "[ab]{0,4}") {
            // Any text a pattern of this length needs is shorter than this.
            let ends = (0..=6usize).flat_map(|n| (0..1u32 << n).map(move |bits| {
                (0..n).map(|i| if bits >> i & 1 == 1 { 'a' } else { 'b' }).collect::<String>()
            }));
            let w = chars(&wild);
            let some = ends.into_iter().any(|end| oracle(&w, &chars(&format!("{start}{end}"))));
            prop_assert_eq!(pattern(&wild).could_start_with(&start), some);
        }

        #[test]
        fn parsing_never_panics(text in "\\PC{0,40}", wild in "[${}:,'a*é]{0,20}") {
            let _ = Pattern::parse(&text, WILD);
            let _ = Pattern::parse(&wild, WILD);
        }
    }

    #[test]
    fn stars_do_not_explode() {
        let wild = "*a".repeat(5_000) + "b";
        assert!(!pattern(&wild).could_be(&"a".repeat(1_024)));
        assert!(pattern(&wild).could_be(&("a".repeat(6_000) + "b")));
    }

    #[test]
    fn variables() {
        let mut context = Context::new();
        context.set("s3:prefix", "a*");
        let signed = facts(Some(ANN), &context);
        let unsigned = facts(None, &context);
        let fits = |wild: &str, text: &str| pattern(wild).matches(text, &signed);
        assert_eq!(fits("home/${aws:username}/*", "home/ann/x"), Some(true));
        assert_eq!(fits("home/${AWS:UserName}/*", "home/bob/x"), Some(false));
        // A star that came by a variable is a star.
        assert_eq!(fits("${s3:prefix}", "abc"), Some(false));
        assert_eq!(fits("${s3:prefix}", "a*"), Some(true));
        assert_eq!(fits("${*}${?}${$}", "*?$"), Some(true));
        assert_eq!(fits("${*}", "a"), Some(false));
        assert_eq!(fits("${s3:delimiter}", ""), None);
        assert_eq!(fits("${s3:delimiter, 'd'}", "d"), Some(true));
        let home = pattern("${aws:username}");
        assert_eq!(home.matches("ann", &unsigned), None);
        context.add("s3:prefix", "b");
        let several = facts(Some(ANN), &context);
        assert_eq!(pattern("${s3:prefix}").matches("a*", &several), None);
    }

    #[test]
    fn what_is_no_pattern() {
        for text in [
            "${",
            "${aws:username",
            "${no:such}",
            "${}",
            "${aws:userid,x}",
        ] {
            assert_eq!(
                Pattern::parse(text, WILD),
                Err(PolicyError::Variable),
                "{text}"
            );
        }
        let plain = Grammar {
            wildcards: false,
            variables: false,
        };
        let old = Pattern::parse("${*}", plain).expect("is text");
        assert!(old.could_be("${*}"));
    }

    #[test]
    fn folding() {
        let context = Context::new();
        let facts = facts(Some(ANN), &context);
        let fits = |a: &str, b: &str| pattern(a).matches_folded(b, &facts);
        assert_eq!(fits("StraßE", "sTRAßE"), Some(true));
        assert_eq!(fits("a", "b"), Some(false));
    }
}
