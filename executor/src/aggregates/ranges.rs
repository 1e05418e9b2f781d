//! range_agg and range_intersect_agg.

use types::range::{combine, multirange};
use types::{Datum, MultirangeValue, Oid, RangeValue, Result};

use super::RowAggregate;

/// range_agg over ranges or multiranges.
pub(super) struct RangeAgg {
    result: Oid,
    ranges: Option<Vec<RangeValue>>,
}

impl RangeAgg {
    pub(super) fn new(result: Oid) -> Self {
        Self { result, ranges: None }
    }
}

impl RowAggregate for RangeAgg {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        match args.first() {
            Some(Datum::Range(range)) => self.ranges.get_or_insert_default().push((**range).clone()),
            Some(Datum::Multirange(value)) => {
                self.ranges.get_or_insert_default().extend(value.ranges.iter().cloned());
            }
            _ => {}
        }
        Ok(())
    }
    fn finish(&self) -> Result<Datum> {
        Ok(self.ranges.as_ref().map_or(Datum::Null, |ranges| {
            Datum::Multirange(MultirangeValue::new(self.result, ranges.clone()).into())
        }))
    }
    fn state(&self) -> Option<Vec<Datum>> {
        None
    }
    fn combine(&mut self, _state: &[Datum]) -> Result<()> {
        Ok(())
    }
}

/// range_intersect_agg over ranges or multiranges.
#[derive(Default)]
pub(super) struct IntersectAgg {
    value: Datum,
}

impl RowAggregate for IntersectAgg {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        let next = match (&self.value, args.first()) {
            (_, None | Some(Datum::Null)) => return Ok(()),
            (Datum::Range(left), Some(Datum::Range(right))) => {
                Datum::Range(combine::intersect(left, right).into())
            }
            (Datum::Multirange(left), Some(Datum::Multirange(right))) => {
                Datum::Multirange(multirange::intersect(left, &right.ranges).into())
            }
            (_, Some(first)) => first.clone(),
        };
        self.value = next;
        Ok(())
    }
    fn finish(&self) -> Result<Datum> {
        Ok(self.value.clone())
    }
    fn state(&self) -> Option<Vec<Datum>> {
        Some(vec![self.value.clone()])
    }
    fn combine(&mut self, state: &[Datum]) -> Result<()> {
        self.add(state)
    }
}
