//! What a table is to the code: its name, its columns, its key, and the statements made from them.
//!
//! A table is declared once, with [`record!`], as the struct of its rows. The journal names tables
//! by number; the numbers are part of the format at rest and never change meaning.

use std::sync::OnceLock;

use crate::value::{ColumnType, Fields, Val};
use crate::{Error, ErrorKind, Result};

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The name in SQL.
    pub name: &'static str,
    /// The type in SQL.
    pub kind: ColumnType,
    /// True when NULL is allowed.
    pub nullable: bool,
}

/// A table: the columns of its key come first.
#[derive(Debug)]
pub struct TableDef {
    /// The number in the journal; `None` for tables that are rebuilt instead of journaled.
    pub journal_id: Option<u8>,
    /// The name in SQL.
    pub name: &'static str,
    /// All columns, the key first.
    pub columns: &'static [Column],
    /// How many of the columns are the key.
    pub key_len: usize,
    /// True when the last column of the key sorts downwards.
    pub key_descends: bool,
    /// Other sets of columns that must be unique, as indices into `columns`.
    pub uniques: &'static [&'static [usize]],
    /// The counter that hands out this table's ids.
    pub counter: Option<&'static str>,
    pub(crate) sql: OnceLock<TableSql>,
}

/// The generated statements of a table.
#[derive(Debug)]
pub(crate) struct TableSql {
    pub(crate) columns: String,
    pub(crate) put: String,
    pub(crate) delete: String,
}

impl TableDef {
    /// The generated statements, made once.
    pub(crate) fn sql(&self) -> &TableSql {
        self.sql.get_or_init(|| TableSql {
            columns: join(
                self.columns.iter().map(|column| column.name.to_owned()),
                ", ",
            ),
            put: self.put_sql(),
            delete: format!("DELETE FROM {} WHERE {}", self.name, self.key_equals()),
        })
    }

    fn put_sql(&self) -> String {
        let names = join(
            self.columns.iter().map(|column| column.name.to_owned()),
            ", ",
        );
        let params = join((1..=self.columns.len()).map(|n| format!("${n}")), ", ");
        let (key, rest) = self.columns.split_at(self.key_len);
        let key = join(key.iter().map(|column| column.name.to_owned()), ", ");
        let sets = join(
            rest.iter().map(|c| format!("{0} = excluded.{0}", c.name)),
            ", ",
        );
        let action = if rest.is_empty() {
            "NOTHING".to_owned()
        } else {
            format!("UPDATE SET {sets}")
        };
        format!(
            "INSERT INTO {} ({names}) VALUES ({params}) ON CONFLICT ({key}) DO {action}",
            self.name
        )
    }

    fn key_equals(&self) -> String {
        let key = self.columns[..self.key_len].iter().enumerate();
        join(
            key.map(|(at, column)| format!("{} = ${}", column.name, at + 1)),
            " AND ",
        )
    }

    /// Checks that values from outside fit the columns they are meant for.
    pub(crate) fn check(
        &self,
        operation: &'static str,
        values: &[Val],
        count: usize,
    ) -> Result<()> {
        let fits = values.len() == count
            && values
                .iter()
                .zip(self.columns)
                .all(|(value, column)| match value {
                    Val::Null => column.nullable,
                    Val::Int(_) => column.kind == ColumnType::Int,
                    Val::Text(_) => column.kind == ColumnType::Text,
                    Val::Blob(_) => column.kind == ColumnType::Blob,
                });
        if fits {
            return Ok(());
        }
        let context = format!("values do not fit the columns of table {}", self.name);
        Err(Error::new(ErrorKind::Corrupt, operation, context))
    }
}

fn join(parts: impl Iterator<Item = String>, separator: &str) -> String {
    parts.collect::<Vec<_>>().join(separator)
}

/// A struct that is a row of a table.
pub(crate) trait Record: Sized {
    /// The table.
    fn table() -> &'static TableDef;
    /// The row's values in the order of the columns.
    fn to_values(&self) -> Vec<Val>;
    /// Reads a row in the order of the columns.
    fn from_fields(fields: &mut Fields) -> Result<Self>;
}

/// Declares a table and the struct of its rows.
macro_rules! record {
    (
        $(#[$meta:meta])*
        pub struct $name:ident in $table:literal {
            $($(#[$field_meta:meta])* $field:ident: $type:ty,)+
        }
        key $key_len:literal;
        $(journal $journal_id:literal;)?
        $(descends $descends:literal;)?
        $(unique $([$($unique:literal),+])+;)?
        $(counter $counter:literal;)?
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $type,)+
        }

        impl $crate::table::Record for $name {
            fn table() -> &'static $crate::table::TableDef {
                static TABLE: $crate::table::TableDef = $crate::table::TableDef {
                    journal_id: [$(Some($journal_id),)? None][0],
                    name: $table,
                    columns: &[$($crate::table::Column {
                        name: stringify!($field),
                        kind: <$type as $crate::value::Field>::TYPE,
                        nullable: <$type as $crate::value::Field>::NULLABLE,
                    },)+],
                    key_len: $key_len,
                    key_descends: [$($descends,)? false][0],
                    uniques: &[$($(&[$($unique),+]),+)?],
                    counter: [$(Some($counter),)? None][0],
                    sql: std::sync::OnceLock::new(),
                };
                &TABLE
            }

            fn to_values(&self) -> Vec<$crate::value::Val> {
                vec![$($crate::value::Field::to_val(&self.$field),)+]
            }

            fn from_fields(fields: &mut $crate::value::Fields) -> $crate::Result<Self> {
                Ok(Self { $($field: fields.next()?,)+ })
            }
        }
    };
}
pub(crate) use record;
