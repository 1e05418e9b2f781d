//! sum and avg of interval, sum of money.

use types::errors::datetime;
use types::{Datum, Interval, Result};

use super::RowAggregate;

/// sum and avg of interval: infinities are counted apart from the finite sum.
pub(super) struct IntervalSum {
    sum: Interval,
    count: i64,
    infinite: i64,
    negative_infinite: i64,
    average: bool,
}

impl IntervalSum {
    pub(super) fn new(average: bool) -> Self {
        Self { sum: Interval::default(), count: 0, infinite: 0, negative_infinite: 0, average }
    }
}

impl RowAggregate for IntervalSum {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        match args.first() {
            Some(Datum::Interval(Interval::INFINITY)) => self.infinite += 1,
            Some(Datum::Interval(Interval::NEGATIVE_INFINITY)) => self.negative_infinite += 1,
            Some(Datum::Interval(span)) => {
                self.sum = self.sum.add(span)?;
                self.count += 1;
            }
            _ => {}
        }
        Ok(())
    }
    fn finish(&self) -> Result<Datum> {
        Ok(Datum::Interval(match (self.count, self.infinite, self.negative_infinite) {
            (0, 0, 0) => return Ok(Datum::Null),
            (_, 0, 0) if self.average => self.sum.divide(self.count as f64)?,
            (_, 0, 0) => self.sum,
            (_, _, 0) => Interval::INFINITY,
            (_, 0, _) => Interval::NEGATIVE_INFINITY,
            (_, _, _) => return Err(datetime::out_of_range("interval", None)),
        }))
    }
    fn state(&self) -> Option<Vec<Datum>> {
        let counts = [self.count, self.infinite, self.negative_infinite];
        Some(std::iter::once(Datum::Interval(self.sum)).chain(counts.map(Datum::I64)).collect())
    }
    fn combine(&mut self, state: &[Datum]) -> Result<()> {
        if let [Datum::Interval(sum), Datum::I64(count), Datum::I64(infinite), Datum::I64(negative)] = state {
            self.sum = self.sum.add(sum)?;
            self.count += count;
            self.infinite += infinite;
            self.negative_infinite += negative;
        }
        Ok(())
    }
}

/// sum of money.
#[derive(Default)]
pub(super) struct MoneySum {
    sum: Option<i64>,
}

impl RowAggregate for MoneySum {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        if let Some(Datum::I64(cents)) = args.first() {
            self.sum = Some(types::money::checked(self.sum.unwrap_or(0).checked_add(*cents))?);
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
