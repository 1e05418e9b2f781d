//! The ranges of integers in frozen row groups, side by side: those that cannot hold a key are passed over without
//! touching them.
//!
//! A row group's zone map is several memory accesses away, and a look-up in a table of many row groups asks all of them.
//! Here the bounds of a column lie in a row, so that sixty-four row groups are asked by comparing a few cache lines.

use std::sync::Arc;

use super::IndexDefinition;
use super::pruning::Pruning;
use crate::heap::group::Group;
use crate::zone_map::ZoneMap;

/// Row groups that are asked together: bits of a word.
const BLOCK: usize = u64::BITS as usize;

/// See the module.
#[derive(Debug)]
pub(crate) struct FrozenRanges {
    /// The number of the arrangement of which this is true; see `Heap::arrangement`.
    pub(crate) arrangement: u64,
    /// Identifiers of the row groups that are in directories, ascending.
    groups: Vec<u64>,
    /// Those of them whose rows may be in trees, too.
    in_trees: Vec<u64>,
    columns: Vec<ColumnRanges>,
}

/// The bounds of a column in each row group.
#[derive(Debug)]
struct ColumnRanges {
    column: usize,
    low: Vec<i64>,
    high: Vec<i64>,
}

impl FrozenRanges {
    /// Returns the ranges of the columns of some indexes.
    pub(crate) fn new<'a>(
        arrangement: u64,
        list: &[Arc<Group>],
        indexes: impl Iterator<Item = &'a IndexDefinition>,
    ) -> Self {
        let mut numbers: Vec<usize> =
            indexes.flat_map(|index| index.columns.iter().map(|part| part.column)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let frozen = || list.iter().filter(|group| group.is_in_directories());
        let column = |column: usize| {
            let ranges = frozen().map(|group| match group.segment() {
                Some((segment, position)) => range_of(segment.zone_map(position, column)),
                None => (i64::MIN, i64::MAX),
            });
            let (low, high): (Vec<i64>, Vec<i64>) = ranges.unzip();
            // A column of another kind excludes nothing.
            let says_something = low.iter().zip(&high).any(|range| range != (&i64::MIN, &i64::MAX));
            says_something.then_some(ColumnRanges { column, low, high })
        };
        Self {
            arrangement,
            groups: frozen().map(|group| group.id).collect(),
            in_trees: frozen().filter(|group| group.is_in_trees()).map(|group| group.id).collect(),
            columns: numbers.into_iter().filter_map(column).collect(),
        }
    }

    /// Returns the row groups that may have keys of `pruning`, ascending.
    pub(crate) fn candidates<'a>(&'a self, pruning: &'a Pruning) -> impl Iterator<Item = u64> + 'a {
        (0..self.groups.len().div_ceil(BLOCK)).flat_map(move |block| {
            let mut left = self.block_candidates(block, pruning);
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros() as usize;
                left &= left.wrapping_sub(1);
                (bit < BLOCK).then(|| self.groups[block * BLOCK + bit])
            })
        })
    }

    /// Returns the row groups in directories whose rows may be in trees, too.
    pub(crate) fn in_trees(&self) -> &[u64] {
        &self.in_trees
    }

    /// Returns a bit for each row group of a block that may have keys of `pruning`.
    fn block_candidates(&self, block: usize, pruning: &Pruning) -> u64 {
        let from = block * BLOCK;
        let until = (from + BLOCK).min(self.groups.len());
        let mut candidates = u64::MAX >> (BLOCK - (until - from));
        for &(column, low, high) in pruning.integers() {
            if let Some(ranges) = self.columns.iter().find(|ranges| ranges.column == column) {
                let bounds = ranges.low[from..until].iter().zip(&ranges.high[from..until]);
                let meets = bounds.map(|(least, greatest)| *least <= high && low <= *greatest);
                candidates &= meets.enumerate().fold(0, |bits, (bit, meets)| bits | u64::from(meets) << bit);
            }
        }
        candidates
    }
}

/// Returns bounds of the integers of a chunk: all of them when nothing is known, none when there are none.
fn range_of(zone_map: &ZoneMap) -> (i64, i64) {
    use crate::predicate::ScanValue;
    let clamped = |number: i128| number.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
    match (&zone_map.min, &zone_map.max) {
        (Some(ScanValue::Int(min)), Some(ScanValue::Int(max))) => (clamped(*min), clamped(*max)),
        _ if zone_map.null_count == Some(zone_map.row_count) => (i64::MAX, i64::MIN),
        _ => (i64::MIN, i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_those_whose_ranges_meet() {
        let count = 150i64;
        let column = |column, low: fn(i64) -> i64, high: fn(i64) -> i64| ColumnRanges {
            column,
            low: (0..count).map(low).collect(),
            high: (0..count).map(high).collect(),
        };
        let ranges = FrozenRanges {
            arrangement: 0,
            groups: (0..count as u64).map(|group| group * 3).collect(),
            in_trees: Vec::new(),
            columns: vec![
                column(2, |group| group * 10, |group| group * 10 + 14),
                column(5, |group| -group, |_| 0),
                column(6, |_| i64::MAX, |_| i64::MIN),
            ],
        };
        let of = |integers: &[(usize, i64, i64)]| -> Vec<u64> {
            ranges.candidates(&Pruning::of_integers(integers)).collect()
        };
        let all: Vec<u64> = (0..count as u64).map(|group| group * 3).collect();
        assert_eq!(of(&[]), all);
        assert_eq!(of(&[(7, 1, 1)]), all);
        assert_eq!(of(&[(2, 643, 643)]), [63 * 3, 64 * 3]);
        assert_eq!(of(&[(2, 1492, 9000)]), [148 * 3, 149 * 3]);
        assert_eq!(of(&[(2, 640, 640), (5, -63, -63)]), [63 * 3, 64 * 3]);
        assert_eq!(of(&[(2, 640, 640), (5, -64, -64)]), [64 * 3]);
        assert_eq!(of(&[(2, -5, -1)]), [0u64; 0]);
        assert_eq!(of(&[(6, 1, 1)]), [0u64; 0]);
    }
}
