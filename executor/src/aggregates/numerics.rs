//! Sums, averages and variances whose results are exact: integers and numeric.

use types::{Datum, Numeric, Result};

use super::RowAggregate;

/// sum(int2), sum(int4): bigint.
#[derive(Default)]
pub(super) struct IntegerSum {
    sum: Option<i64>,
}

impl RowAggregate for IntegerSum {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        if let Some(value) = args.first().and_then(integer) {
            self.sum = Some(self.sum.unwrap_or(0).wrapping_add(value));
        }
        Ok(())
    }
    fn finish(&self) -> Result<Datum> {
        Ok(self.sum.map_or(Datum::Null, Datum::I64))
    }
    fn state(&self) -> Option<Vec<Datum>> {
        Some(vec![self.sum.map_or(Datum::Null, Datum::I64)])
    }
    fn combine(&mut self, state: &[Datum]) -> Result<()> {
        self.add(state)
    }
}

fn integer(value: &Datum) -> Option<i64> {
    match value {
        Datum::I16(value) => Some(i64::from(*value)),
        Datum::I32(value) => Some(i64::from(*value)),
        Datum::I64(value) => Some(*value),
        _ => None,
    }
}

fn number(value: &Datum) -> Option<Numeric> {
    match value {
        Datum::Numeric(value) => Some(value.clone()),
        _ => integer(value).map(Numeric::from_i64),
    }
}

/// sum and avg with a numeric result.
pub(super) struct NumericSum {
    sum: Numeric,
    count: i64,
    average: bool,
}

impl NumericSum {
    pub(super) fn new(average: bool) -> Self {
        Self { sum: Numeric::ZERO, count: 0, average }
    }
}

impl RowAggregate for NumericSum {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        if let Some(value) = args.first().and_then(number) {
            self.sum = self.sum.add(&value)?;
            self.count += 1;
        }
        Ok(())
    }
    fn finish(&self) -> Result<Datum> {
        sum_or_average(&self.sum, self.count, self.average)
    }
    fn state(&self) -> Option<Vec<Datum>> {
        Some(vec![Datum::Numeric(self.sum.clone()), Datum::I64(self.count)])
    }
    fn combine(&mut self, state: &[Datum]) -> Result<()> {
        if let [Datum::Numeric(sum), Datum::I64(count)] = state {
            self.sum = self.sum.add(sum)?;
            self.count += count;
        }
        Ok(())
    }
}

/// Returns the result of sum or avg over `count` values.
pub(crate) fn sum_or_average(sum: &Numeric, count: i64, average: bool) -> Result<Datum> {
    Ok(match (count, average) {
        (0, _) => Datum::Null,
        (_, false) => Datum::Numeric(sum.clone()),
        (count, true) => Datum::Numeric(Numeric::average(sum, count)?),
    })
}

/// Variance and standard deviation of exact values, as `numeric_stddev_internal`.
pub(super) struct NumericMoments {
    sum: Numeric,
    squares: Numeric,
    count: i64,
    sample: bool,
    root: bool,
}

impl NumericMoments {
    pub(super) fn new(name: &str) -> Self {
        Self {
            sum: Numeric::ZERO,
            squares: Numeric::ZERO,
            count: 0,
            sample: !name.ends_with("_pop"),
            root: name.starts_with("stddev"),
        }
    }
}

impl RowAggregate for NumericMoments {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        if let Some(value) = args.first().and_then(number) {
            self.sum = self.sum.add(&value)?;
            self.squares = self.squares.add(&value.mul(&value)?)?;
            self.count += 1;
        }
        Ok(())
    }
    fn finish(&self) -> Result<Datum> {
        if self.count == 0 || self.sample && self.count == 1 {
            return Ok(Datum::Null);
        }
        if !self.sum.is_finite() || !self.squares.is_finite() {
            return Ok(Datum::Numeric(Numeric::NaN));
        }
        let count = Numeric::from_i64(self.count);
        let spread = count.mul(&self.squares)?.sub(&self.sum.mul(&self.sum)?)?;
        if spread.cmp(&Numeric::ZERO).is_le() {
            return Ok(Datum::Numeric(Numeric::ZERO));
        }
        let divisor =
            if self.sample { count.mul(&Numeric::from_i64(self.count - 1))? } else { count.mul(&count)? };
        let variance = spread.div(&divisor)?;
        Ok(Datum::Numeric(if self.root { variance.sqrt_at_own_scale()? } else { variance }))
    }
    fn state(&self) -> Option<Vec<Datum>> {
        Some(vec![
            Datum::Numeric(self.sum.clone()),
            Datum::Numeric(self.squares.clone()),
            Datum::I64(self.count),
        ])
    }
    fn combine(&mut self, state: &[Datum]) -> Result<()> {
        if let [Datum::Numeric(sum), Datum::Numeric(squares), Datum::I64(count)] = state {
            self.sum = self.sum.add(sum)?;
            self.squares = self.squares.add(squares)?;
            self.count += count;
        }
        Ok(())
    }
}
