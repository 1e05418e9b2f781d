//! What a scan can be asked to filter by, over physical values.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use kernels::vector::{Bitmap, Values, Vector};
use serde::{Deserialize, Serialize};

/// A physical value: a bound of a zone map or of a predicate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ScanValue {
    /// A bool (0 or 1), an integer of any width, or the unscaled integer of a decimal *at the column's scale*.
    Int(i128),
    /// A float of either width, in PostgreSQL's order (NaN above everything, zeros equal).
    Float(f64),
    /// A uuid as a number (an interval has no order here).
    Wide(u128),
    /// Text or bytes, in byte order.
    Bytes(Vec<u8>),
}

impl ScanValue {
    /// Compares values of the same kind; `None` for different kinds.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => Some(left.cmp(right)),
            (Self::Float(left), Self::Float(right)) => Some(compare_floats(*left, *right)),
            (Self::Wide(left), Self::Wide(right)) => Some(left.cmp(right)),
            (Self::Bytes(left), Self::Bytes(right)) => Some(left.cmp(right)),
            (Self::Int(_) | Self::Float(_) | Self::Wide(_) | Self::Bytes(_), _) => None,
        }
    }
}

/// Compares as PostgreSQL's `float8_cmp_internal`: NaN equals NaN and is above everything else.
pub(crate) fn compare_floats(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

/// One end of a range.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeEnd {
    /// The bound.
    pub value: ScanValue,
    /// Whether the bound itself qualifies.
    pub inclusive: bool,
}

/// A predicate on one column. A null lane qualifies for `IsNull` only.
#[derive(Clone)]
pub enum ScanPredicate {
    /// Between two ends, either of which may be open.
    Range {
        /// Lower end.
        low: Option<RangeEnd>,
        /// Upper end.
        high: Option<RangeEnd>,
    },
    /// Equal to one value.
    Equals(ScanValue),
    /// Different from one value.
    NotEquals(ScanValue),
    /// Equal to one of the values.
    In(Vec<ScanValue>),
    /// Is not null.
    NotNull,
    /// Is null.
    IsNull,
    /// Any predicate that looks at one value and cannot fail: called with a dictionary (once per row group)
    /// or with the values of a decoded vector; returns a bit for each.
    DictionaryMask(DictionaryMask),
    /// A join's runtime filter.
    Key(Arc<dyn KeyFilter>),
}

impl ScanPredicate {
    /// Clears the bits of `mask` whose lanes of `vector` do not qualify.
    ///
    /// # Errors
    /// When the predicate is about another kind of values.
    pub fn filter(&self, vector: &Vector, mask: &mut [u64]) -> crate::error::Result<()> {
        crate::filter::filter_vector(vector, self, mask)
    }
}

/// See [`ScanPredicate::DictionaryMask`].
pub type DictionaryMask = Arc<dyn Fn(&Values) -> Bitmap + Send + Sync>;

/// A filter that a join's build side hands to the probe side's scan. May let through what does not match.
pub trait KeyFilter: Send + Sync {
    /// Returns the least and the greatest key, if known.
    fn bounds(&self) -> (Option<ScanValue>, Option<ScanValue>);
    /// Returns all keys that occur, ascending, if they are few.
    fn keys(&self) -> Option<Vec<ScanValue>> {
        None
    }
    /// Clears the bits of lanes (of `mask` where they are set) that cannot match.
    fn test(&self, vector: &Vector, mask: &mut [u64]);
}

impl fmt::Debug for ScanPredicate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range { low, high } => {
                formatter.debug_struct("Range").field("low", low).field("high", high).finish()
            }
            Self::Equals(value) => formatter.debug_tuple("Equals").field(value).finish(),
            Self::NotEquals(value) => formatter.debug_tuple("NotEquals").field(value).finish(),
            Self::In(values) => formatter.debug_tuple("In").field(values).finish(),
            Self::NotNull => formatter.write_str("NotNull"),
            Self::IsNull => formatter.write_str("IsNull"),
            Self::DictionaryMask(_) => formatter.write_str("DictionaryMask"),
            Self::Key(_) => formatter.write_str("Key"),
        }
    }
}

/// What a zone map says of a predicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pruned {
    /// No stored row qualifies.
    None,
    /// Every stored row qualifies.
    All,
    /// The rows must be looked at.
    Unknown,
}
