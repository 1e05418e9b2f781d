//! Ordered-set aggregates (`mode`, percentiles) and hypothetical-set aggregates (`rank` and its relatives): functions of
//! all rows of a group in order, and of direct arguments.

use std::cmp::Ordering;
use std::sync::Arc;

use types::errors::data;
use types::{ArrayValue, Datum, PgError, Result, TypeRef};

use super::Signature;
use crate::operators::sort::compare_keys;
use crate::values;

/// The kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderedSet {
    Mode,
    PercentileContinuous,
    PercentileDiscrete,
    Rank,
    DenseRank,
    PercentRank,
    CumulativeDistribution,
}

impl OrderedSet {
    /// Returns the kind that a call within WITHIN GROUP is.
    ///
    /// # Errors
    /// `0A000` for one without a body.
    pub(crate) fn of(name: &str) -> Result<Self> {
        Ok(match name {
            "mode" => Self::Mode,
            "percentile_cont" => Self::PercentileContinuous,
            "percentile_disc" => Self::PercentileDiscrete,
            "rank" => Self::Rank,
            "dense_rank" => Self::DenseRank,
            "percent_rank" => Self::PercentRank,
            "cume_dist" => Self::CumulativeDistribution,
            _ => return Err(PgError::not_supported(format!("ordered-set aggregate {name}"))),
        })
    }

    /// Returns whether rows whose value is NULL count.
    fn counts_nulls(self) -> bool {
        match self {
            Self::Mode | Self::PercentileContinuous | Self::PercentileDiscrete => false,
            Self::Rank | Self::DenseRank | Self::PercentRank | Self::CumulativeDistribution => true,
        }
    }

    /// Returns the result over the sorted `rows` of a group.
    ///
    /// # Errors
    /// `22003` for percentiles that are not between 0 and 1.
    pub(crate) fn finish(
        self,
        rows: &[&[Datum]],
        direct: &[Datum],
        directions: &[(TypeRef, bool, bool)],
        signature: &Signature,
    ) -> Result<Datum> {
        let kept: Vec<&[Datum]> = rows
            .iter()
            .copied()
            .filter(|row| self.counts_nulls() || row.first().is_some_and(|value| !value.is_null()))
            .collect();
        match self {
            Self::Mode => Ok(mode(&kept, signature)),
            Self::PercentileContinuous | Self::PercentileDiscrete => {
                self.percentiles(&kept, direct.first().unwrap_or(&Datum::Null))
            }
            Self::Rank | Self::DenseRank | Self::PercentRank | Self::CumulativeDistribution => {
                Ok(self.rank(&kept, direct, directions))
            }
        }
    }

    fn percentiles(self, rows: &[&[Datum]], fractions: &Datum) -> Result<Datum> {
        match fractions {
            Datum::F64(fraction) => {
                check(*fraction)?;
                self.percentile(rows, *fraction)
            }
            Datum::Array(array) => {
                let mut elements = Vec::with_capacity(array.elements.len());
                for fraction in &array.elements {
                    if let Datum::F64(fraction) = fraction {
                        check(*fraction)?;
                    }
                }
                if rows.is_empty() {
                    return Ok(Datum::Null);
                }
                for fraction in &array.elements {
                    elements.push(match fraction {
                        Datum::F64(fraction) => self.percentile(rows, *fraction)?,
                        _ => Datum::Null,
                    });
                }
                // The executor knows the element type from the signature's result.
                let (element_type, dimensions) = (array.element_type, array.dimensions.clone());
                Ok(Datum::Array(Arc::new(ArrayValue { element_type, dimensions, elements })))
            }
            _ => Ok(Datum::Null),
        }
    }

    fn percentile(self, rows: &[&[Datum]], fraction: f64) -> Result<Datum> {
        let value = |index: usize| rows.get(index).and_then(|row| row.first()).cloned().unwrap_or_default();
        if rows.is_empty() {
            return Ok(Datum::Null);
        }
        if self == Self::PercentileDiscrete {
            let row = (fraction * rows.len() as f64).ceil().max(1.0) as usize;
            return Ok(value(row - 1));
        }
        let place = fraction * (rows.len() - 1) as f64;
        let (first, second) = (place.floor(), place.ceil());
        let (low, high) = (value(first as usize), value(second as usize));
        if first == second {
            return Ok(low);
        }
        let proportion = place - first;
        Ok(match (&low, &high) {
            (Datum::F64(low), Datum::F64(high)) => Datum::F64(low + proportion * (high - low)),
            (Datum::Interval(low), Datum::Interval(high)) => {
                Datum::Interval(high.sub(low)?.multiply(proportion)?.add(low)?)
            }
            _ => return Err(PgError::internal("percentile_cont over another type")),
        })
    }

    fn rank(self, rows: &[&[Datum]], direct: &[Datum], directions: &[(TypeRef, bool, bool)]) -> Datum {
        let order = |row: &&&[Datum]| compare_keys(row, direct, directions);
        let before = rows.iter().take_while(|row| order(row) == Ordering::Less).count();
        match self {
            Self::DenseRank => {
                let mut distinct = 0;
                for (index, row) in rows.iter().take(before).enumerate() {
                    let repeated = index > 0 && compare_keys(rows[index - 1], row, directions).is_eq();
                    distinct += i64::from(!repeated);
                }
                Datum::I64(distinct + 1)
            }
            Self::PercentRank if rows.is_empty() => Datum::F64(0.0),
            Self::PercentRank => Datum::F64(before as f64 / rows.len() as f64),
            Self::CumulativeDistribution => {
                let through = rows.iter().take_while(|row| order(row) != Ordering::Greater).count();
                Datum::F64((through + 1) as f64 / (rows.len() + 1) as f64)
            }
            Self::Rank | Self::Mode | Self::PercentileContinuous | Self::PercentileDiscrete => {
                Datum::I64(before as i64 + 1)
            }
        }
    }
}

fn check(fraction: f64) -> Result<()> {
    if (0.0..=1.0).contains(&fraction) { Ok(()) } else { Err(data::percentile_out_of_range(fraction)) }
}

/// Returns the value that most rows have, the first in order among those.
fn mode(rows: &[&[Datum]], signature: &Signature) -> Datum {
    let ty = signature.args.first().copied().unwrap_or(signature.result);
    let (mut best, mut best_count) = (Datum::Null, 0);
    let mut start = 0;
    while let Some(value) = rows.get(start).and_then(|row| row.first()) {
        let same =
            |row: &&&[Datum]| row.first().is_some_and(|other| values::compare(other, value, ty).is_eq());
        let count = rows[start..].iter().take_while(same).count().max(1);
        if count > best_count {
            (best, best_count) = (value.clone(), count);
        }
        start += count;
    }
    best
}
