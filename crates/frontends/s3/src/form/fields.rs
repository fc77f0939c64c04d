//! The fields of a browser's form, without its file.
//!
//! Promises: names are compared without regard to case; a name that is there twice is an error, since a
//! policy could allow the one and an operation use the other.
//! Does not: know what fields mean.

/// The most that all names and values take together, as on AWS.
pub(crate) const FIELDS_LEN_MAX: usize = 20 << 10;
/// The most fields. AWS names no limit; a form with a hundred metadata fields is beyond any in use.
const FIELDS_MAX: usize = 200;

/// Why fields are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BadFields {
    /// Too many, or too long.
    TooLarge,
    /// A name that is there twice.
    Twice(String),
}

/// The fields, by lower-case names, in the order of the form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    entries: Vec<(String, String)>,
    len: usize,
}

impl Fields {
    /// Adds a field.
    pub(crate) fn add(&mut self, name: &str, value: String) -> Result<(), BadFields> {
        let name = name.to_ascii_lowercase();
        self.len = self.len.saturating_add(name.len() + value.len());
        if self.len > FIELDS_LEN_MAX || self.entries.len() >= FIELDS_MAX {
            return Err(BadFields::TooLarge);
        }
        if self.get(&name).is_some() {
            return Err(BadFields::Twice(name));
        }
        self.entries.push((name, value));
        Ok(())
    }

    /// How many bytes of values may still come.
    pub(crate) fn room(&self) -> usize {
        FIELDS_LEN_MAX.saturating_sub(self.len)
    }

    /// The value of a field, named in lower case.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut entries = self.entries.iter();
        entries
            .find(|(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    }

    /// Replaces the value of a field that is there.
    pub(crate) fn replace(&mut self, name: &str, value: String) {
        let mut entries = self.entries.iter_mut();
        if let Some((_, old)) = entries.find(|(given, _)| given == name) {
            *old = value;
        }
    }

    /// All fields, names in lower case.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_case_and_come_once() {
        let mut fields = Fields::default();
        fields.add("KeY", "a".into()).unwrap();
        assert_eq!(fields.get("key"), Some("a"));
        assert_eq!(
            fields.add("kEy", "b".into()),
            Err(BadFields::Twice("key".into()))
        );
    }

    #[test]
    fn fields_have_limits() {
        let mut fields = Fields::default();
        let long = "v".repeat(FIELDS_LEN_MAX - 1);
        fields.add("k", long).unwrap();
        assert_eq!(fields.room(), 0);
        assert_eq!(fields.add("l", String::new()), Err(BadFields::TooLarge));
        let mut fields = Fields::default();
        for number in 0..FIELDS_MAX {
            fields.add(&number.to_string(), String::new()).unwrap();
        }
        assert_eq!(fields.add("last", String::new()), Err(BadFields::TooLarge));
    }
}
