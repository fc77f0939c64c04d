//! Places: which array keeps the content of a version, and which one it is on its way to.
//!
//! Content lies in its container's array, unless namespace `place` of the version's (or upload's) attributes
//! says otherwise: key `array` where it lies, key `to` where it is to go. Blocks are kept and counted array by
//! array, so what happens to one array's objects never reaches another's.
//!
//! Clients name arrays by classes: `STANDARD` is the default array; any other is called as the configuration
//! says, or by its own name.
//!
//! Promises: a place is decided once, before the first byte is stored, and noted with the version.
//! Does not: move anything; `movement` does.

use std::collections::BTreeMap;

use dolium_catalog::{AccountId, ContainerRow, Holder};

use crate::attributes::Attributes;
use crate::lane::Lane;
use crate::request::Version;
use crate::rows::{decode_attributes, mentions};
use crate::store::Store;
use crate::{Error, ErrorKind, Reason, Result};

/// The namespace of places.
pub(crate) const PLACE: &str = "place";
/// Its key for the array that keeps the content, where that is not the container's.
const ARRAY: &str = "array";
/// Its key for the array that the content is to go to.
const TO: &str = "to";

/// The class of the default array.
pub const STANDARD_CLASS: &str = "STANDARD";

/// Where content lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The array that keeps it.
    pub(crate) array: String,
    /// The array that is to keep it.
    pub(crate) to: Option<String>,
}

impl Place {
    /// Content that is written into an array.
    pub(crate) fn in_array(array: impl Into<String>) -> Self {
        Self {
            array: array.into(),
            to: None,
        }
    }

    /// Where attributes say that the content of a container's version lies.
    pub(crate) fn of(container: &ContainerRow, attributes: &Attributes) -> Self {
        let array = attributes.get(PLACE, ARRAY);
        Self {
            array: array.unwrap_or(&container.array_name).to_owned(),
            to: attributes.get(PLACE, TO).map(str::to_owned),
        }
    }

    /// The same of attributes as the catalog keeps them.
    pub(crate) fn of_meta(container: &ContainerRow, meta: &[u8]) -> Result<Self> {
        if mentions(meta, PLACE) {
            Ok(Self::of(container, &decode_attributes(meta)?))
        } else {
            Ok(Self::in_array(&container.array_name))
        }
    }

    /// Content that stays where it is, although it belongs into another array: it is moved later.
    pub(crate) fn bound_for(self, array: &str) -> Self {
        let to = (array != self.array).then(|| array.to_owned());
        Self { to, ..self }
    }

    /// The array that keeps it, or will.
    pub(crate) fn destination(&self) -> &str {
        self.to.as_deref().unwrap_or(&self.array)
    }

    /// Says so in attributes.
    pub(crate) fn note(&self, container: &ContainerRow, attributes: &mut Attributes) {
        attributes.clear(PLACE);
        if self.array != container.array_name {
            attributes.set(PLACE, ARRAY, self.array.clone());
        }
        if let Some(to) = &self.to {
            attributes.set(PLACE, TO, to.clone());
        }
    }

    /// Who refers to its blocks, when an account owns it.
    pub(crate) fn holder(&self, account: AccountId) -> Holder {
        Holder {
            account,
            array: self.array.clone(),
        }
    }
}

/// Notes on a version which array keeps it.
pub(crate) fn with_array(container: &ContainerRow, mut version: Version) -> Version {
    let place = Place::of(container, &version.attributes);
    version.array = place.destination().into();
    version
}

/// What clients call the arrays.
#[derive(Clone, Debug)]
pub(crate) struct Classes {
    /// All arrays with their classes.
    known: BTreeMap<String, String>,
}

impl Classes {
    /// The arrays by name, the default first; some are known as a class of another name.
    pub(crate) fn new<'a>(
        arrays: impl IntoIterator<Item = &'a str>,
        named: &[(String, String)],
    ) -> Self {
        let mut arrays = arrays.into_iter();
        let default_array = arrays.next().unwrap_or_default();
        let class = |array: &str| {
            let found = named.iter().find(|(name, _)| name == array);
            found.map_or(array, |(_, class)| class).to_owned()
        };
        let others = arrays.map(|array| (array.to_owned(), class(array)));
        let mut known: BTreeMap<_, _> = others.collect();
        known.insert(default_array.to_owned(), STANDARD_CLASS.to_owned());
        Self { known }
    }

    /// The array that a class means.
    pub(crate) fn array(&self, class: &str) -> Result<&str> {
        let mut known = self.known.iter();
        let found = known.find(|(_, name)| *name == class);
        found.map(|(array, _)| array.as_str()).ok_or_else(|| {
            let context = format!("there is no storage class {class:?}");
            Error::because(ErrorKind::Invalid, Reason::BadStorageClass, context)
        })
    }

    /// The class of an array. What is in none that is configured is in the usual one.
    pub(crate) fn class(&self, array: &str) -> &str {
        self.known.get(array).map_or(STANDARD_CLASS, String::as_str)
    }
}

impl Store {
    /// The class of an array, as clients call it.
    pub fn class_of_array(&self, array: &str) -> &str {
        self.inner.classes.class(array)
    }

    /// Where new content of a container goes, if a class was asked for or not.
    pub(crate) fn place_for(&self, container: &ContainerRow, class: Option<&str>) -> Result<Place> {
        let array = class.map(|class| self.inner.classes.array(class));
        let array = array.transpose()?;
        Ok(Place::in_array(array.unwrap_or(&container.array_name)))
    }

    /// The way to the array that keeps content.
    pub(crate) fn lane_of(&self, place: &Place) -> Result<&Lane> {
        self.lane_named(&place.array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        let named = [("cold".to_owned(), "GLACIER_IR".to_owned())];
        let classes = Classes::new(["hot", "cold", "far"], &named);
        let array = |class| classes.array(class).ok();
        assert_eq!(array("STANDARD"), Some("hot"));
        assert_eq!(array("GLACIER_IR"), Some("cold"));
        assert_eq!(array("far"), Some("far"));
        // Arrays that have a name as a class are not known by another.
        for none in ["hot", "cold", "", "GLACIER"] {
            assert_eq!(array(none), None, "{none}");
        }
        for (name, class) in [("hot", "STANDARD"), ("cold", "GLACIER_IR"), ("far", "far")] {
            assert_eq!(classes.class(name), class);
        }
    }
}
