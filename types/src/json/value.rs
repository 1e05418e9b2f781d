//! The tree behind `jsonb`: keys sorted by length and bytes, the last of repeated keys kept.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use ecow::EcoString;
use serde::{Deserialize, Serialize};

use super::parse::{Node, NodeKind};
use super::write;
use crate::errors::Result;
use crate::numeric::Numeric;

/// A `jsonb` value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Json {
    /// null
    Null,
    /// true or false
    Bool(bool),
    /// A number.
    Number(Numeric),
    /// A string.
    String(EcoString),
    /// An array.
    Array(Vec<Json>),
    /// An object; use [`Json::object`] to make one.
    Object(Vec<(EcoString, Json)>),
}

/// Orders keys as `lengthCompareJsonbStringValue`: shorter first, then by bytes.
fn key_order(left: &str, right: &str) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| left.as_bytes().cmp(right.as_bytes()))
}

impl Json {
    /// Parses JSON text.
    pub fn parse(text: &str) -> Result<Self> {
        Self::from_node(&super::parse::parse(text)?)
    }

    /// Returns the value of parsed text.
    pub fn from_node(node: &Node<'_>) -> Result<Self> {
        Ok(match &node.kind {
            NodeKind::Null => Self::Null,
            NodeKind::Bool(value) => Self::Bool(*value),
            NodeKind::Number => Self::Number(Numeric::parse(node.text)?),
            NodeKind::String(text) => Self::String(text.as_str().into()),
            NodeKind::Array(items) => {
                Self::Array(items.iter().map(Self::from_node).collect::<Result<Vec<_>>>()?)
            }
            NodeKind::Object(fields) => {
                let fields: Result<Vec<_>> = fields
                    .iter()
                    .map(|(key, value)| Ok((key.as_str().into(), Self::from_node(value)?)))
                    .collect();
                Self::object(fields?)
            }
        })
    }

    /// Returns an object of `fields`; of repeated keys the last counts.
    pub fn object(mut fields: Vec<(EcoString, Json)>) -> Self {
        // A stable sort keeps repeated keys in order; then the last of each run stays.
        fields.sort_by(|(left, _), (right, _)| key_order(left, right));
        let mut unique: Vec<(EcoString, Json)> = Vec::with_capacity(fields.len());
        for field in fields {
            match unique.last_mut() {
                Some(last) if last.0 == field.0 => *last = field,
                Some(_) | None => unique.push(field),
            }
        }
        Self::Object(unique)
    }

    /// Returns a string.
    pub fn string(text: impl Into<EcoString>) -> Self {
        Self::String(text.into())
    }

    /// Returns the field `key` of an object.
    pub fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Self::Object(fields) => {
                fields.binary_search_by(|(known, _)| key_order(known, key)).ok().map(|at| &fields[at].1)
            }
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Array(_) => None,
        }
    }

    /// Returns element `index` of an array, counted from the end when negative.
    pub fn element(&self, index: i32) -> Option<&Json> {
        match self {
            Self::Array(items) => items.get(position(items.len(), index)?),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Object(_) => None,
        }
    }

    /// Returns whether this is neither array nor object.
    pub fn is_scalar(&self) -> bool {
        !matches!(self, Self::Array(_) | Self::Object(_))
    }

    /// Returns what `jsonb_typeof` says.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }

    /// Appends the text, with a blank after `:` and `,`.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(number) => {
                let mut bytes = Vec::new();
                number.write_text(&mut bytes);
                out.push_str(&String::from_utf8_lossy(&bytes));
            }
            Self::String(text) => write::escape_string(text, out),
            Self::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (index, (key, value)) in fields.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    write::escape_string(key, out);
                    out.push_str(": ");
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    /// Returns the text.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// Returns the text as `->>` does: strings bare, null as none.
    pub fn as_text(&self) -> Option<EcoString> {
        match self {
            Self::Null => None,
            Self::String(text) => Some(text.clone()),
            Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => Some(self.to_text().into()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::String(_) => 1,
            Self::Number(_) => 2,
            Self::Bool(_) => 3,
            Self::Array(_) => 4,
            Self::Object(_) => 5,
        }
    }

    /// Compares as the btree order of `jsonb` (`compareJsonbContainers`).
    pub fn compare(&self, other: &Self) -> Ordering {
        // An empty array at the top is below everything, scalars included.
        match (self, other) {
            (Self::Array(l), Self::Array(r)) if l.is_empty() || r.is_empty() => l.len().cmp(&r.len()),
            (Self::Array(l), _) if l.is_empty() => Ordering::Less,
            (_, Self::Array(r)) if r.is_empty() => Ordering::Greater,
            _ => self.compare_nested(other),
        }
    }

    fn compare_nested(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(l), Self::Bool(r)) => l.cmp(r),
            (Self::Number(l), Self::Number(r)) => l.cmp(r),
            (Self::String(l), Self::String(r)) => l.as_bytes().cmp(r.as_bytes()),
            (Self::Array(l), Self::Array(r)) => l.len().cmp(&r.len()).then_with(|| {
                l.iter()
                    .zip(r)
                    .map(|(l, r)| l.compare_nested(r))
                    .find(|o| o.is_ne())
                    .unwrap_or(Ordering::Equal)
            }),
            (Self::Object(l), Self::Object(r)) => l.len().cmp(&r.len()).then_with(|| {
                l.iter()
                    .zip(r)
                    .map(|(l, r)| l.0.as_bytes().cmp(r.0.as_bytes()).then_with(|| l.1.compare_nested(&r.1)))
                    .find(|order| order.is_ne())
                    .unwrap_or(Ordering::Equal)
            }),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    /// Feeds the value to `state` so that equal values feed the same.
    pub fn hash_into<H: Hasher>(&self, state: &mut H) {
        self.rank().hash(state);
        match self {
            Self::Null => {}
            Self::Bool(value) => value.hash(state),
            Self::Number(number) => number.hash(state),
            Self::String(text) => text.as_str().hash(state),
            Self::Array(items) => {
                items.len().hash(state);
                items.iter().for_each(|item| item.hash_into(state));
            }
            Self::Object(fields) => {
                fields.len().hash(state);
                for (key, value) in fields {
                    key.as_str().hash(state);
                    value.hash_into(state);
                }
            }
        }
    }

    /// Returns whether every part of `part` is in this value (`JsonbDeepContains`).
    pub fn contains(&self, part: &Self) -> bool {
        match (self, part) {
            (Self::Object(_), Self::Object(wanted)) => wanted
                .iter()
                .all(|(key, value)| self.get(key).is_some_and(|found| found.contains_field(value))),
            (Self::Array(items), Self::Array(wanted)) => wanted.iter().all(|want| in_array(items, want)),
            // A scalar is contained in an array that has it; only at the top.
            (Self::Array(items), scalar) if scalar.is_scalar() => items.iter().any(|item| item.same(scalar)),
            _ => self.same(part),
        }
    }

    fn contains_field(&self, part: &Self) -> bool {
        match (self, part) {
            (Self::Object(_), Self::Object(_)) | (Self::Array(_), Self::Array(_)) => self.contains(part),
            _ => self.same(part),
        }
    }

    fn same(&self, other: &Self) -> bool {
        self.rank() == other.rank() && self.compare_nested(other).is_eq()
    }
}

fn in_array(items: &[Json], want: &Json) -> bool {
    if want.is_scalar() {
        return items.iter().any(|item| item.same(want));
    }
    items.iter().any(|item| item.rank() == want.rank() && item.contains(want))
}

/// Returns the position of a subscript in an array of `len`, counted from the end when negative.
pub(crate) fn position(len: usize, index: i32) -> Option<usize> {
    let wanted = if index < 0 { i64::from(index) + len as i64 } else { i64::from(index) };
    usize::try_from(wanted).ok()
}
