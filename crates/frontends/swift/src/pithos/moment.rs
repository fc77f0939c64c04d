//! Moments as this dialect writes them.
//!
//! Headers have whole seconds, rounded down as the reference does; JSON has six decimals, so that what a
//! client compares as text tells any two versions apart.

use dolium_store::Instant;
use jiff::Timestamp;

use crate::query::Query;
use crate::time::http_date;

const SECOND: i64 = 1_000_000;

/// The whole second of a moment.
pub(super) fn second(at: Instant) -> i64 {
    at.0.div_euclid(SECOND)
}

/// A moment in the words of HTTP.
pub(super) fn date(at: Instant) -> String {
    http_date(second(at))
}

/// ISO 8601 with six decimals and a zone.
pub(super) fn iso(at: Instant) -> String {
    match Timestamp::from_microsecond(at.0) {
        Ok(at) => at.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string(),
        Err(_) => String::new(),
    }
}

/// Seconds with six decimals, as text.
pub(super) fn seconds(at: Instant) -> String {
    let at = at.0.max(0);
    format!("{}.{:06}", at / SECOND, at % SECOND)
}

/// The moment that the parameter `until` names; what is no whole number names none.
pub(super) fn until(query: &Query) -> Option<Instant> {
    let seconds = super::words::whole_number(query.get("until")?)?;
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX / SECOND);
    Some(Instant(seconds.saturating_mul(SECOND)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments() {
        let at = Instant(1_795_171_291_326_330);
        assert_eq!(iso(at), "2026-11-20T10:41:31.326330+00:00");
        assert_eq!(seconds(at), "1795171291.326330");
        assert_eq!(date(at), "Fri, 20 Nov 2026 10:41:31 GMT");
        let until = |text: &str| until(&Query::parse(Some(text)));
        assert_eq!(until("until=5"), Some(Instant(5_000_000)));
        assert!(until("until=99999999999999999999").is_some());
        for none in ["", "until", "until=", "until=-1", "until=1.5", "until=x"] {
            assert_eq!(until(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn hostile_moments_never_panic(text in "[-+.0-9a-z%&=]{0,40}", at: i64) {
            if let Some(at) = until(&Query::parse(Some(&format!("until={text}")))) {
                prop_assert!(at >= Instant(0));
            }
            let _ = (iso(Instant(at)), seconds(Instant(at)), date(Instant(at)));
        }
    }
}
