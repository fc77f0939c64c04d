//! Lists of who may read or write a container, as Swift writes them: users, accounts, and the sites
//! that a visitor comes from.
//!
//! Elements are `account:user`, `account`, `.r:*`, `.r:host`, `.r:.domain`, `.r:-host` and
//! `.rlistings`, with commas between them. Among referrers the last one that fits counts.
//!
//! Promises: a text that parses is written back in one spelling; what does not parse admits nobody.

use std::fmt;

/// A mark of the words by which a referrer may be introduced.
const REFERRER_WORDS: [&str; 4] = [".r", ".ref", ".referer", ".referrer"];
/// The element that lets admitted visitors list a container.
const LISTINGS: &str = ".rlistings";
/// The element that stands for every user of every account.
const EVERYBODY: &str = "*:*";

/// Why a text is no list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GranteesError {
    /// A referrer where only users may be.
    #[error("Referrers not allowed in write ACL: {0:?}")]
    ReferrerMayNotWrite(String),
    /// A referrer without a host.
    #[error("No host/domain value after referrer designation in ACL: {0:?}")]
    NoHost(String),
    /// A word with a dot that means nothing.
    #[error("Unknown designator {designator:?} in ACL: {element:?}")]
    UnknownDesignator {
        /// The word.
        designator: String,
        /// The element that it stands in.
        element: String,
    },
}

/// What a list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Reading objects and listing them.
    Read,
    /// Writing and deleting objects.
    Write,
}

/// A list of grantees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grantees {
    elements: Vec<String>,
}

impl Grantees {
    /// Parses a text as clients send it.
    pub fn parse(text: &str, door: Door) -> Result<Self, GranteesError> {
        let mut elements = Vec::new();
        for raw in text.split(',').map(str::trim) {
            if raw.is_empty() {
                continue;
            }
            let Some((first, second)) = raw.split_once(':') else {
                elements.push(raw.to_owned());
                continue;
            };
            let (first, second) = (first.trim(), second.trim());
            if !first.starts_with('.') {
                elements.push(raw.to_owned());
            } else if REFERRER_WORDS.contains(&first) {
                elements.push(referrer(raw, second, door)?);
            } else {
                return Err(GranteesError::UnknownDesignator {
                    designator: first.to_owned(),
                    element: raw.to_owned(),
                });
            }
        }
        Ok(Self { elements })
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// Whether it names one of the groups of a user.
    pub fn admits_groups(&self, groups: &[String]) -> bool {
        self.elements.iter().any(|element| groups.contains(element))
    }

    /// Whether it admits every user, and this is one.
    pub fn admits_everybody(&self, groups: &[String]) -> bool {
        !groups.is_empty() && self.elements.iter().any(|one| one == EVERYBODY)
    }

    /// Whether it admits visitors who come from a page.
    pub fn admits_referrer(&self, referrer: Option<&str>) -> bool {
        let host = referrer.and_then(host_of).unwrap_or("unknown");
        let mut admitted = false;
        for mark in self.elements.iter().filter_map(|e| e.strip_prefix(".r:")) {
            let fits = |mark: &str| mark == host || (mark.starts_with('.') && host.ends_with(mark));
            match mark.strip_prefix('-') {
                Some(mark) if fits(mark) => admitted = false,
                Some(_) => {}
                None if mark == "*" || fits(mark) => admitted = true,
                None => {}
            }
        }
        admitted
    }

    /// Whether admitted visitors may also list.
    pub fn admits_listings(&self) -> bool {
        self.elements.iter().any(|element| element == LISTINGS)
    }
}

impl fmt::Display for Grantees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.elements.join(","))
    }
}

fn referrer(raw: &str, host: &str, door: Door) -> Result<String, GranteesError> {
    if door == Door::Write {
        return Err(GranteesError::ReferrerMayNotWrite(raw.to_owned()));
    }
    let (sign, host) = match host.strip_prefix('-') {
        Some(host) => ("-", host.trim()),
        None => ("", host),
    };
    let host = match host.strip_prefix('*') {
        Some(domain) if !domain.is_empty() => domain.trim(),
        _ => host,
    };
    // What is left may begin neither like a sign nor like a star: written back it would mean something else.
    let is_marked = host.starts_with('-') || (host.starts_with('*') && host != "*");
    if host.is_empty() || host == "." || is_marked {
        return Err(GranteesError::NoHost(raw.to_owned()));
    }
    Ok(format!(".r:{sign}{host}"))
}

/// The host of a URL.
fn host_of(url: &str) -> Option<&str> {
    let rest = url.split_once("//")?.1;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = host.split(':').next()?;
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Grantees {
        Grantees::parse(text, Door::Read).unwrap()
    }

    #[test]
    fn one_spelling() {
        for (given, kept) in [
            ("", ""),
            (" a:b , c ", "a:b,c"),
            (".referrer : *", ".r:*"),
            (
                ".r:*.example.com,.r:-*.thief.example",
                ".r:.example.com,.r:-.thief.example",
            ),
            (".r:*,.rlistings", ".r:*,.rlistings"),
        ] {
            assert_eq!(read(given).to_string(), kept, "{given}");
        }
        for bad in [
            ".bogus:x", ".r:", ".r:-", ".r:.", ".r:*-", ".r:*-x", ".r:--x", ".r:**x", ".r:-*-x",
        ] {
            assert!(Grantees::parse(bad, Door::Read).is_err(), "{bad}");
        }
        let error = Grantees::parse(".r:*", Door::Write).unwrap_err();
        assert!(matches!(error, GranteesError::ReferrerMayNotWrite(_)));
    }

    #[test]
    fn who_is_in() {
        let groups = ["test:ada".to_owned(), "test".to_owned()];
        assert!(read("x,test:ada").admits_groups(&groups));
        assert!(read("test").admits_groups(&groups));
        assert!(read("*:*").admits_everybody(&groups));
        assert!(!read("*:*").admits_everybody(&[]));
        assert!(!read("*:*").admits_groups(&groups));
        assert!(!read("*").admits_everybody(&groups));
        assert!(!read("test:bob").admits_groups(&groups));
    }

    #[test]
    fn the_last_referrer_that_fits_counts() {
        for (list, from, admitted) in [
            (".r:*", None, true),
            ("", None, false),
            (
                ".r:*,.r:-thief.example",
                Some("http://thief.example/x"),
                false,
            ),
            (
                ".r:-thief.example,.r:*",
                Some("http://thief.example/x"),
                true,
            ),
            (
                ".r:.example.com",
                Some("https://u@www.example.com:81/a"),
                true,
            ),
            (".r:.example.com", Some("https://example.org"), false),
            (".r:example.com", None, false),
        ] {
            assert_eq!(
                read(list).admits_referrer(from),
                admitted,
                "{list} {from:?}"
            );
        }
    }
}
