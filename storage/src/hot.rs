//! Hot row groups: rows in memory, in plain vectors.
//!
//! A hot row group is immutable, like everything that a published version refers to; appending makes a new
//! one that shares all full batches with the old one and copies the last, partial batch.

use std::sync::{Arc, OnceLock};

use kernels::vector::{VECTOR_LANES, Vector};

use crate::builder::ColumnBuilder;
use crate::error::Result;
use crate::table::{ColumnDefinition, ROW_GROUP_ROWS};
use crate::zone_map::{self, ZoneMap};

/// Rows in memory: batches of all columns, each of 2,048 rows but the last.
#[derive(Debug, Default)]
pub(crate) struct HotGroup {
    batches: Vec<Arc<[Vector]>>,
    len: usize,
    zone_maps: OnceLock<Vec<ZoneMap>>,
}

impl HotGroup {
    /// Returns the number of rows.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Returns whether no row can be appended.
    pub(crate) fn is_full(&self) -> bool {
        self.len >= ROW_GROUP_ROWS
    }

    /// Returns the vector of a column.
    pub(crate) fn vector(&self, column: usize, index: usize) -> &Vector {
        &self.batches[index][column]
    }

    /// Returns the zone map of a column, once the row group is full.
    pub(crate) fn zone_map(&self, columns: &[ColumnDefinition], column: usize) -> &ZoneMap {
        if !self.is_full() {
            return &zone_map::UNKNOWN;
        }
        &self.zone_maps.get_or_init(|| self.compute_zone_maps(columns))[column]
    }

    fn compute_zone_maps(&self, columns: &[ColumnDefinition]) -> Vec<ZoneMap> {
        let of_column = |(index, column): (usize, &ColumnDefinition)| {
            self.batches
                .iter()
                .map(|batch| {
                    let vector = batch[index].to_flat();
                    ZoneMap::of(vector.values(), vector.validity.as_ref(), column.is_ordered())
                })
                .reduce(ZoneMap::merge)
                .unwrap_or_default()
        };
        columns.iter().enumerate().map(of_column).collect()
    }

    /// Returns this row group with rows `from..` of `vectors` appended, as far as they fit, and how many did.
    pub(crate) fn append(
        &self,
        columns: &[ColumnDefinition],
        vectors: &[Vector],
        from: usize,
    ) -> Result<(Self, usize)> {
        let rows = vectors.first().map_or(0, Vector::len);
        let count = (rows - from).min(ROW_GROUP_ROWS - self.len);
        let mut batches = self.batches.clone();
        let mut done = 0;
        let mut tail = if self.len.is_multiple_of(VECTOR_LANES) { None } else { batches.pop() };
        while done < count {
            let kept = tail.as_ref().and_then(|tail| tail.first()).map_or(0, Vector::len);
            let take = (count - done).min(VECTOR_LANES - kept);
            let mut batch = Vec::with_capacity(columns.len());
            for (index, column) in columns.iter().enumerate() {
                let mut builder = ColumnBuilder::new(column, kept + take);
                if let Some(tail) = &tail {
                    builder.append(&tail[index], 0, kept)?;
                }
                builder.append(&vectors[index], from + done, take)?;
                batch.push(builder.finish_vector());
            }
            batches.push(batch.into());
            tail = None;
            done += take;
        }
        batches.extend(tail);
        Ok((Self { batches, len: self.len + count, zone_maps: OnceLock::new() }, count))
    }
}
