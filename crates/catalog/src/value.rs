//! The values a column may hold, and how Rust types become them.
//!
//! Only four kinds exist in the schema, so that both engines and the journal agree on every byte.

use dolium_block::{BlockId, PackId};

use crate::{Error, Result};

/// One column's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Val {
    /// SQL NULL.
    Null,
    /// A 64-bit integer; also booleans, enumerations and times (microseconds since the epoch).
    Int(i64),
    /// UTF-8 text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// [`Val::Int`].
    Int,
    /// [`Val::Text`].
    Text,
    /// [`Val::Blob`].
    Blob,
}

/// A Rust type that a column can hold.
pub(crate) trait Field: Sized {
    /// The column's type.
    const TYPE: ColumnType;
    /// True when the column may be NULL.
    const NULLABLE: bool = false;
    /// The value to store.
    fn to_val(&self) -> Val;
    /// The reverse; `None` when the value is not one of this type.
    fn from_val(val: Val) -> Option<Self>;
}

impl Field for i64 {
    const TYPE: ColumnType = ColumnType::Int;
    fn to_val(&self) -> Val {
        Val::Int(*self)
    }
    fn from_val(val: Val) -> Option<Self> {
        if let Val::Int(value) = val {
            Some(value)
        } else {
            None
        }
    }
}

impl Field for bool {
    const TYPE: ColumnType = ColumnType::Int;
    fn to_val(&self) -> Val {
        Val::Int(i64::from(*self))
    }
    fn from_val(val: Val) -> Option<Self> {
        match val {
            Val::Int(0) => Some(false),
            Val::Int(1) => Some(true),
            _ => None,
        }
    }
}

impl Field for String {
    const TYPE: ColumnType = ColumnType::Text;
    fn to_val(&self) -> Val {
        Val::Text(self.clone())
    }
    fn from_val(val: Val) -> Option<Self> {
        if let Val::Text(value) = val {
            Some(value)
        } else {
            None
        }
    }
}

impl Field for Vec<u8> {
    const TYPE: ColumnType = ColumnType::Blob;
    fn to_val(&self) -> Val {
        Val::Blob(self.clone())
    }
    fn from_val(val: Val) -> Option<Self> {
        if let Val::Blob(value) = val {
            Some(value)
        } else {
            None
        }
    }
}

macro_rules! binary_id_field {
    ($id:ty) => {
        impl Field for $id {
            const TYPE: ColumnType = ColumnType::Blob;
            fn to_val(&self) -> Val {
                Val::Blob(self.as_bytes().to_vec())
            }
            fn from_val(val: Val) -> Option<Self> {
                if let Val::Blob(bytes) = val {
                    Self::try_from(&bytes[..]).ok()
                } else {
                    None
                }
            }
        }
    };
}

binary_id_field!(BlockId);
binary_id_field!(PackId);

impl<T: Field> Field for Option<T> {
    const TYPE: ColumnType = T::TYPE;
    const NULLABLE: bool = true;
    fn to_val(&self) -> Val {
        self.as_ref().map_or(Val::Null, Field::to_val)
    }
    fn from_val(val: Val) -> Option<Self> {
        if val == Val::Null {
            Some(None)
        } else {
            T::from_val(val).map(Some)
        }
    }
}

/// A row as the database returned it, taken apart from left to right.
#[derive(Debug)]
pub(crate) struct Fields {
    what: &'static str,
    rest: std::vec::IntoIter<Val>,
}

impl Fields {
    pub(crate) fn new(what: &'static str, row: Vec<Val>) -> Self {
        Self {
            what,
            rest: row.into_iter(),
        }
    }

    /// The next column as a `T`.
    pub(crate) fn next<T: Field>(&mut self) -> Result<T> {
        self.rest
            .next()
            .and_then(T::from_val)
            .ok_or_else(|| Error::corrupt(self.what, "a column holds a value of the wrong type"))
    }
}

/// Builds the parameters of a statement from anything that is a [`Field`].
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$($crate::value::Field::to_val(&$value)),*][..]
    };
}
pub(crate) use params;

/// Declares an identifier that is an integer in the database.
macro_rules! integer_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl $crate::value::Field for $name {
            const TYPE: $crate::value::ColumnType = $crate::value::ColumnType::Int;
            fn to_val(&self) -> $crate::value::Val {
                $crate::value::Val::Int(self.0)
            }
            fn from_val(val: $crate::value::Val) -> Option<Self> {
                i64::from_val(val).map(Self)
            }
        }
    };
}
pub(crate) use integer_id;

/// Declares an enumeration that is a small integer in the database.
macro_rules! integer_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $number:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_meta])* $variant = $number,)+
        }

        impl $crate::value::Field for $name {
            const TYPE: $crate::value::ColumnType = $crate::value::ColumnType::Int;
            fn to_val(&self) -> $crate::value::Val {
                $crate::value::Val::Int(*self as i64)
            }
            fn from_val(val: $crate::value::Val) -> Option<Self> {
                match i64::from_val(val)? {
                    $($number => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use integer_enum;
