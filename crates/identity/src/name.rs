//! What names, keys and addresses may look like, with errors that say how to mend them.
//!
//! Names end up in logs, listings, XML and file names of other tools, so they are kept to characters
//! that mean nothing special in any of those.

use crate::{Error, Result};

const NAME_LEN_MAX: usize = 64;
const DISPLAY_NAME_LEN_MAX: usize = 256;
/// Long enough for the 64 hexadecimal digits AWS uses and for identifiers of other systems.
const CANONICAL_ID_LEN_MAX: usize = 128;
/// The longest address SMTP carries (RFC 5321, section 4.5.3.1).
const EMAIL_LEN_MAX: usize = 254;
const ACCESS_KEY_LEN_MIN: usize = 3;
const ACCESS_KEY_LEN_MAX: usize = 128;
/// Shorter secrets can be found by trying signatures offline.
const SECRET_LEN_MIN: usize = 8;
const SECRET_LEN_MAX: usize = 256;

pub(crate) fn check_user_name(name: &str) -> Result<()> {
    check_len("a user name", name, 1, NAME_LEN_MAX)?;
    check_letters("a user name", name, "._@+-")?;
    if name.starts_with(['.', '-']) {
        return Err(Error::invalid("a user name must not start with '.' or '-'"));
    }
    Ok(())
}

pub(crate) fn check_display_name(name: &str) -> Result<()> {
    check_len("a display name", name, 1, DISPLAY_NAME_LEN_MAX)?;
    if name.chars().any(char::is_control) {
        return Err(Error::invalid(
            "a display name must not contain control characters",
        ));
    }
    Ok(())
}

pub(crate) fn check_canonical_id(id: &str) -> Result<()> {
    check_len("a canonical id", id, 1, CANONICAL_ID_LEN_MAX)?;
    check_letters("a canonical id", id, "._@+-$:")
}

pub(crate) fn check_email(email: &str) -> Result<()> {
    check_len("a mail address", email, 3, EMAIL_LEN_MAX)?;
    let plain = !email.chars().any(|c| c.is_control() || c.is_whitespace());
    match email.rsplit_once('@') {
        Some((local, domain)) if plain && !local.is_empty() && !domain.is_empty() => Ok(()),
        _ => Err(Error::invalid("a mail address looks like name@example.org")),
    }
}

pub(crate) fn check_access_key(key: &str) -> Result<()> {
    check_len("an access key", key, ACCESS_KEY_LEN_MIN, ACCESS_KEY_LEN_MAX)?;
    // A slash would end the key inside a signature's credential scope.
    check_letters("an access key", key, "._@+-=")
}

pub(crate) fn check_secret(secret: &str) -> Result<()> {
    check_len("a secret key", secret, SECRET_LEN_MIN, SECRET_LEN_MAX)?;
    // The message must not quote the character: it is part of the secret.
    if secret.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Error::invalid(
        "a secret key may contain only printable ASCII characters, no spaces",
    ))
}

fn check_len(what: &str, text: &str, min: usize, max: usize) -> Result<()> {
    if (min..=max).contains(&text.len()) {
        return Ok(());
    }
    let context = format!(
        "{what} must have {min} to {max} characters, this one has {}",
        text.len()
    );
    Err(Error::invalid(context))
}

fn check_letters(what: &str, text: &str, more: &str) -> Result<()> {
    match text
        .chars()
        .find(|&c| !c.is_ascii_alphanumeric() && !more.contains(c))
    {
        None => Ok(()),
        Some(bad) => {
            let context =
                format!("{what} may contain only ASCII letters, digits and {more} — not {bad:?}");
            Err(Error::invalid(context))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        check_access_key, check_canonical_id, check_display_name, check_email, check_secret,
        check_user_name,
    };
    use crate::Result;

    #[track_caller]
    fn check(rule: fn(&str) -> Result<()>, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(rule(text).is_ok(), "{text:?}");
        }
        for text in bad {
            assert!(rule(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn rules() {
        let long = "x".repeat(300);
        check(
            check_user_name,
            &["ann", "Ann.B+c@d-1_"],
            &["", ".a", "-a", "a b", "a/b", "a\n", "\u{e9}", &long],
        );
        check(check_display_name, &["Ann \u{e9} B"], &["", "a\nb", &long]);
        check(
            check_canonical_id,
            &["testid", "0555b35654ad1656d804"],
            &["", "a<b", &long],
        );
        check(
            check_email,
            &["a@b", "x.y@example.org"],
            &["a@", "@b", "ab c@d", "abc", &long],
        );
        check(
            check_access_key,
            &["AKIAIOSFODNN7EXAMPLE", "0555b35654ad1656d804", "abc"],
            &["ab", "a/b", "a b c", "a,b", &long],
        );
        check(
            check_secret,
            &[
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                "h7GhxuBLTrlhVUy==",
            ],
            &[
                "short",
                "with space 1",
                "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
                &long,
            ],
        );
    }

    #[test]
    fn errors_name_the_character_but_never_a_secret() {
        let error = check_user_name("a b").unwrap_err().to_string();
        assert!(error.contains("' '"), "{error}");
        let error = check_secret("p\u{e4}sswordpassword")
            .unwrap_err()
            .to_string();
        assert!(!error.contains('\u{e4}'), "{error}");
    }
}
