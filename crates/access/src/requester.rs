//! Users as permissions see them.
//!
//! Account numbers are decimal text. Policies may write them padded with zeros to twelve digits, as
//! AWS does; [`padded_account`] is the form in which condition keys carry them.

/// The digits of an account number in AWS's spelling.
const ACCOUNT_DIGITS: usize = 12;

/// The user a request comes from. `None` in its place is an anonymous request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requester<'a> {
    /// The identifier ACLs name.
    pub canonical_id: &'a str,
    /// The login name.
    pub name: &'a str,
    /// The account's number as decimal text.
    pub account: &'a str,
    /// The account's name.
    pub account_name: &'a str,
}

/// Who owns a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The identifier ACLs name.
    pub canonical_id: &'a str,
    /// The account's number as decimal text.
    pub account: &'a str,
}

impl Requester<'_> {
    /// Whether this user is the owner or belongs to the owner's account.
    pub fn belongs_to(&self, owner: &Owner<'_>) -> bool {
        let same = |ours: &str, theirs: &str| !ours.is_empty() && ours == theirs;
        same(self.canonical_id, owner.canonical_id) || same(self.account, owner.account)
    }

    /// The ARN by which policies know this user.
    pub(crate) fn arn(&self) -> String {
        format!(
            "arn:aws:iam::{}:user/{}",
            padded_account(self.account),
            self.name
        )
    }

    /// Whether `text` names this user's account: by its number, with or without leading zeros, or
    /// by its name. Digits are always a number: an account cannot pose as another by its name.
    pub(crate) fn is_of_account(&self, text: &str) -> bool {
        if is_number(text) {
            return is_number(self.account) && unpadded(text) == unpadded(self.account);
        }
        !text.is_empty() && text == self.account_name
    }
}

pub(crate) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// An account number in twelve digits; other text unchanged.
pub(crate) fn padded_account(account: &str) -> String {
    if is_number(account) {
        return format!("{:0>ACCOUNT_DIGITS$}", unpadded(account));
    }
    account.to_owned()
}

fn unpadded(number: &str) -> &str {
    number.trim_start_matches('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Requester<'static> = Requester {
        canonical_id: "ann-id",
        name: "ann",
        account: "42",
        account_name: "family",
    };

    #[test]
    fn accounts() {
        for (text, is) in [
            ("42", true),
            ("000000000042", true),
            ("family", true),
            ("420", false),
            ("Family", false),
            ("", false),
            ("*", false),
        ] {
            assert_eq!(ANN.is_of_account(text), is, "{text}");
        }
        let poser = Requester {
            account: "7",
            account_name: "42",
            ..ANN
        };
        assert!(!poser.is_of_account("42"));
        assert_eq!(ANN.arn(), "arn:aws:iam::000000000042:user/ann");
    }

    #[test]
    fn owners() {
        let owner = |canonical_id, account| Owner {
            canonical_id,
            account,
        };
        assert!(ANN.belongs_to(&owner("ann-id", "1")));
        assert!(ANN.belongs_to(&owner("bob-id", "42")));
        assert!(!ANN.belongs_to(&owner("bob-id", "1")));
        let nameless = Requester {
            canonical_id: "",
            account: "",
            ..ANN
        };
        assert!(!nameless.belongs_to(&owner("", "")));
    }
}
