//! `x IN (constants)`: integers by binary search, few short strings by their views, other strings by hash.

use std::collections::HashSet;

use kernels::vector::{Bitmap, Values, Vector, Views};
use types::{Datum, TypeRef, oids};

use crate::expr::{Expr, ExprKind, FunctionRef};

/// A tuning constant: the most short strings that are compared one by one.
const SHORT_STRINGS_MAX: usize = 16;

/// The constants of an IN list.
pub(super) struct Set {
    items: Items,
    /// Whether a NULL was among them, which turns false into unknown.
    has_null: bool,
}

enum Items {
    Integers(Vec<i64>),
    /// Views of strings that fit in them.
    Short(Vec<u128>),
    Strings(HashSet<Vec<u8>, foldhash::fast::RandomState>, bool),
}

impl Set {
    /// Returns the set of `scalar = ANY (array)`, if the equality is one of plain lanes.
    pub(super) fn new(function: &FunctionRef, scalar: TypeRef, array: &Expr) -> Option<Self> {
        let items: Vec<&Datum> = match &array.kind {
            ExprKind::Const(Datum::Array(array)) => array.elements.iter().collect(),
            ExprKind::Array { elements, .. } => elements
                .iter()
                .map(|element| match &element.kind {
                    ExprKind::Const(value) => Some(value),
                    _ => None,
                })
                .collect::<Option<Vec<_>>>()?,
            _ => return None,
        };
        if items.is_empty() {
            return None;
        }
        let has_null = items.iter().any(|item| item.is_null());
        let values = items.into_iter().filter(|item| !item.is_null());
        let items = match function.prosrc.as_str() {
            "int2eq" | "int4eq" | "int8eq" | "int24eq" | "int42eq" | "int28eq" | "int82eq" | "int48eq"
            | "int84eq" | "date_eq" | "oideq" | "timestamp_eq" | "time_eq" => {
                let mut integers = values
                    .map(|value| match value {
                        Datum::I16(value) => Some(i64::from(*value)),
                        Datum::I32(value) => Some(i64::from(*value)),
                        Datum::I64(value) => Some(*value),
                        _ => None,
                    })
                    .collect::<Option<Vec<_>>>()?;
                integers.sort_unstable();
                Items::Integers(integers)
            }
            "texteq" | "bpchareq" => {
                let blank = scalar.oid == oids::BPCHAR;
                let strings = values
                    .map(|value| match value {
                        Datum::Text(text) => Some(trimmed(text.as_bytes(), blank).to_vec()),
                        _ => None,
                    })
                    .collect::<Option<HashSet<_, _>>>()?;
                let views: Option<Vec<u128>> = strings.iter().map(|string| Views::inline(string)).collect();
                match views {
                    Some(views) if !blank && views.len() <= SHORT_STRINGS_MAX => Items::Short(views),
                    Some(_) | None => Items::Strings(strings, blank),
                }
            }
            _ => return None,
        };
        Some(Self { items, has_null })
    }

    /// Tests the lanes; `None` when they are of another kind.
    pub(super) fn test(&self, vector: &Vector) -> Option<Vector> {
        let flat = vector.to_flat();
        let found = match (&self.items, flat.values()) {
            (Items::Integers(set), Values::I16(lanes)) => {
                Bitmap::from_bools(lanes.iter().map(|lane| contains(set, i64::from(*lane))))
            }
            (Items::Integers(set), Values::I32(lanes)) => {
                Bitmap::from_bools(lanes.iter().map(|lane| contains(set, i64::from(*lane))))
            }
            (Items::Integers(set), Values::I64(lanes)) => {
                Bitmap::from_bools(lanes.iter().map(|lane| contains(set, *lane)))
            }
            (Items::Strings(set, blank), Values::Views(views)) => {
                Bitmap::from_bools(views.iter().map(|bytes| set.contains(trimmed(bytes, *blank))))
            }
            (Items::Short(set), Values::Views(views)) => {
                Bitmap::from_bools(views.views.iter().map(|view| set.contains(view)))
            }
            (Items::Integers(_) | Items::Short(_) | Items::Strings(..), _) => return None,
        };
        let validity = match (&flat.validity, self.has_null) {
            (validity, false) => validity.clone(),
            (None, true) => Some(found.clone()),
            (Some(validity), true) => {
                let words = validity.words().iter().zip(found.words()).map(|(v, f)| v & f).collect();
                Some(Bitmap::from_words(words, found.len()))
            }
        };
        Some(Vector::flat(Values::Bool(found), validity))
    }
}

fn contains(set: &[i64], value: i64) -> bool {
    if set.len() <= 8 { set.contains(&value) } else { set.binary_search(&value).is_ok() }
}

fn trimmed(bytes: &[u8], blank: bool) -> &[u8] {
    if blank { crate::values::trim_blanks(bytes) } else { bytes }
}
