//! Groups of an account, between `X-Account-Group-*` and the store.
//!
//! Does not: check names and limits; the store does, on what there will be.

use std::collections::{BTreeMap, BTreeSet};

use http::HeaderMap;

use super::words::{Words, capitalised, say};

const PREFIX: &str = "x-account-group-";

/// Groups by name.
type Groups = BTreeMap<String, BTreeSet<String>>;

/// The groups that a request names, with their members; a group without members is to be removed.
pub(super) fn of(words: &Words) -> Groups {
    let of = |(name, members): (&str, &str)| {
        let members = members.replace(' ', "");
        let members = members.split(',').filter(|member| !member.is_empty());
        (name.to_owned(), members.map(str::to_owned).collect())
    };
    words.below(PREFIX).map(of).collect()
}

/// Changes groups as a request says: those it names, or with `update` missing all, if it names any.
pub(super) fn change(groups: &mut Groups, asked: &Groups, update: bool) {
    if !update && !asked.is_empty() {
        groups.clear();
    }
    for (name, members) in asked {
        if members.is_empty() {
            groups.remove(&name.to_lowercase());
        } else {
            groups.insert(name.to_lowercase(), members.clone());
        }
    }
}

/// Writes groups as headers.
pub(super) fn write(groups: &Groups, headers: &mut HeaderMap) {
    for (name, members) in groups {
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        let name = format!("{PREFIX}{}", capitalised(name));
        say(headers, &name, &members.join(","));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(pairs: &[(&str, &str)]) -> Groups {
        let mut headers = HeaderMap::new();
        for (name, members) in pairs {
            crate::answer::set(&mut headers, &format!("{PREFIX}{name}"), members);
        }
        of(&Words::of(&headers).unwrap())
    }

    #[test]
    fn changes() {
        let mut there = groups(&[("a", "x, y,x,"), ("b", "z")]);
        assert_eq!(there["a"].len(), 2);
        change(&mut there, &groups(&[]), false);
        assert_eq!(there.len(), 2);
        change(&mut there, &groups(&[("b", ""), ("c", "x")]), true);
        assert_eq!(there.keys().collect::<Vec<_>>(), ["a", "c"]);
        change(&mut there, &groups(&[("d", "x")]), false);
        assert_eq!(there.keys().collect::<Vec<_>>(), ["d"]);
        let mut headers = HeaderMap::new();
        write(
            &groups(&[("devs", "b,a:x"), ("%CE%A0", "%CE%B1")]),
            &mut headers,
        );
        assert_eq!(headers["x-account-group-devs"], "a:x,b");
        assert_eq!(headers["x-account-group-%ce%a0"], "%CE%B1");
    }
}
