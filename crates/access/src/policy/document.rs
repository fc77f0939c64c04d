//! The JSON of a policy, read strictly: no member twice, none unknown, none null.
//!
//! What is read here has the right shape; what the texts mean is found out by the files beside.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use crate::policy::PolicyError;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Document {
    #[serde(default, deserialize_with = "present")]
    pub(super) version: Option<Version>,
    #[serde(default, deserialize_with = "present", rename = "Id")]
    _id: Option<String>,
    pub(super) statement: Statements,
}

#[derive(Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub(super) enum Version {
    #[serde(rename = "2008-10-17")]
    V2008,
    #[serde(rename = "2012-10-17")]
    V2012,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct StatementText {
    #[serde(default, deserialize_with = "present")]
    pub(super) sid: Option<String>,
    pub(super) effect: Effect,
    #[serde(default, deserialize_with = "present")]
    pub(super) principal: Option<PrincipalText>,
    #[serde(default, deserialize_with = "present")]
    pub(super) not_principal: Option<PrincipalText>,
    #[serde(default, deserialize_with = "present")]
    pub(super) action: Option<Words>,
    #[serde(default, deserialize_with = "present")]
    pub(super) not_action: Option<Words>,
    #[serde(default, deserialize_with = "present")]
    pub(super) resource: Option<Words>,
    #[serde(default, deserialize_with = "present")]
    pub(super) not_resource: Option<Words>,
    #[serde(default)]
    pub(super) condition: Members<Members<Scalars>>,
}

/// Whether a statement opens or closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// One statement or a list of them.
pub(super) struct Statements(pub(super) Vec<StatementText>);

pub(super) enum PrincipalText {
    Word(String),
    Kinds(Members<Words>),
}

/// An object as a list, in which no name occurs twice.
pub(super) struct Members<V>(pub(super) Vec<(String, V)>);

/// One string or a list of them, never empty.
pub(super) struct Words(pub(super) Vec<String>);

/// The same; numbers and truth values count as their text.
pub(super) struct Scalars(pub(super) Vec<String>);

/// Reads a policy's text.
pub(super) fn read(text: &str) -> Result<Document, PolicyError> {
    if !text.starts_with('{') {
        return Err(PolicyError::NotJson);
    }
    serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Data => PolicyError::Syntax {
            line: error.line(),
            column: error.column(),
        },
        Category::Io | Category::Syntax | Category::Eof => PolicyError::NotJson,
    })
}

/// A member that may be missing but not null.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

impl<V> Default for Members<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

struct MembersVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for MembersVisitor<V> {
    type Value = Members<V>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("an object with members")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<V>, A::Error> {
        let mut members: Vec<(String, V)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, V>()? {
            members.push((name, value));
        }
        let mut names: Vec<_> = members.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        if names.is_empty() || names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(A::Error::custom("no member, or one given twice"));
        }
        Ok(Members(members))
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Members<V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(MembersVisitor(PhantomData))
    }
}

/// A statement must be an object: derived readers would take a list of its members as well.
struct OneStatement(StatementText);

struct OneStatementVisitor;

impl<'de> Visitor<'de> for OneStatementVisitor {
    type Value = OneStatement;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a statement")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneStatement, A::Error> {
        StatementText::deserialize(MapAccessDeserializer::new(map)).map(OneStatement)
    }
}

impl<'de> Deserialize<'de> for OneStatement {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(OneStatementVisitor)
    }
}

struct StatementsVisitor;

impl<'de> Visitor<'de> for StatementsVisitor {
    type Value = Statements;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a statement or a list of statements")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Statements, A::Error> {
        let one = OneStatementVisitor.visit_map(map)?;
        Ok(Statements(vec![one.0]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Statements, A::Error> {
        let mut statements = Vec::new();
        while let Some(OneStatement(statement)) = seq.next_element()? {
            statements.push(statement);
        }
        Ok(Statements(statements))
    }
}

impl<'de> Deserialize<'de> for Statements {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(StatementsVisitor)
    }
}

struct PrincipalVisitor;

impl<'de> Visitor<'de> for PrincipalVisitor {
    type Value = PrincipalText;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("\"*\" or an object")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<PrincipalText, E> {
        Ok(PrincipalText::Word(word.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PrincipalText, A::Error> {
        let kinds = MembersVisitor(PhantomData).visit_map(map)?;
        Ok(PrincipalText::Kinds(kinds))
    }
}

impl<'de> Deserialize<'de> for PrincipalText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(PrincipalVisitor)
    }
}

/// One text, or a list of them that is not empty. With `SCALARS`, numbers and truth values count
/// as their text.
enum Texts<const SCALARS: bool> {
    One(String),
    List(Vec<String>),
}

impl<const SCALARS: bool> Texts<SCALARS> {
    fn scalar<E: Error>(value: impl fmt::Display) -> Result<Self, E> {
        if SCALARS {
            return Ok(Self::One(value.to_string()));
        }
        Err(E::custom("not a string"))
    }

    fn into_list(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::List(list) => list,
        }
    }
}

struct TextsVisitor<const SCALARS: bool>;

impl<'de, const SCALARS: bool> Visitor<'de> for TextsVisitor<SCALARS> {
    type Value = Texts<SCALARS>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a string or a list of strings")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Self::Value, E> {
        Ok(Texts::One(word.to_owned()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Texts::scalar(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Texts::scalar(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Texts::scalar(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Texts::scalar(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = seq.next_element()? {
            match element {
                Texts::<SCALARS>::One(text) => list.push(text),
                Texts::List(_) => return Err(A::Error::custom("a list in a list")),
            }
        }
        if list.is_empty() {
            return Err(A::Error::custom("an empty list"));
        }
        Ok(Texts::List(list))
    }
}

impl<'de, const SCALARS: bool> Deserialize<'de> for Texts<SCALARS> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextsVisitor)
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Texts::<false>::deserialize(from).map(|texts| Self(texts.into_list()))
    }
}

impl<'de> Deserialize<'de> for Scalars {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Texts::<true>::deserialize(from).map(|texts| Self(texts.into_list()))
    }
}
