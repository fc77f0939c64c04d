//! Decimal numbers of conditions, compared exactly.
//!
//! Binary fractions would call two different large numbers equal, so numbers are kept as whole
//! billionths.

/// Digits before the point that are read; more than any size or count has.
const WHOLE_DIGITS_MAX: usize = 24;
const FRACTION_DIGITS_MAX: usize = 9;

/// A number, in billionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number(i128);

impl Number {
    /// Reads an optional sign, digits, and perhaps a point and digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (digits, ""),
        };
        let digits =
            |text: &str, max| text.len() <= max && text.bytes().all(|b| b.is_ascii_digit());
        let readable = !whole.is_empty()
            && digits(whole, WHOLE_DIGITS_MAX)
            && digits(fraction, FRACTION_DIGITS_MAX);
        if !readable {
            return None;
        }
        let billionths = format!("{whole}{fraction:0<FRACTION_DIGITS_MAX$}");
        Some(Self(sign * billionths.parse::<i128>().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order() {
        let ascending = [
            "-10.5",
            "-1",
            "0",
            "0.000000001",
            "1",
            "9",
            "10",
            "9007199254740992",
            "9007199254740993",
            "999999999999999999999999",
        ];
        let numbers: Vec<_> = ascending.iter().map(|n| Number::parse(n)).collect();
        assert!(numbers.iter().all(Option::is_some));
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(Number::parse("+1.50"), Number::parse("1.5"));
        assert_eq!(Number::parse("-0"), Number::parse("0"));
    }

    #[test]
    fn what_is_no_number() {
        for text in [
            "",
            "-",
            ".5",
            "1.",
            "1e3",
            "0x1",
            " 1",
            "--1",
            "inf",
            "NaN",
            "1.0000000001",
        ] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
        assert_eq!(Number::parse(&"9".repeat(25)), None);
    }
}
