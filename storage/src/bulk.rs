//! Writing many rows: straight into segments.
//!
//! Rows gather in plain lanes until a row group is full; then its columns are encoded in parallel and written,
//! so memory stays at one row group however much is loaded. The files belong to the transaction: they go with
//! it unless it commits, and its commit journals only their names. Few rows are inserted as by INSERT.

use std::sync::Arc;

use kernels::vector::{Bitmap, Values, Vector};
use types::PhysicalType;

use crate::builder::ColumnBuilder;
use crate::error::Result;
use crate::index::{IndexDefinition, IndexId};
use crate::key::KeyOrder;
use crate::segment::{Segment, SegmentWriter};
use crate::store::Store;
use crate::table::{ColumnDefinition, ROW_GROUP_ROWS, RowId, TableId};
use crate::transaction::{Ages, NewKeys, Transaction};
use crate::version::{check_rows, counted_rows};

/// A tuning constant: fewer rows than this are kept in memory and journaled, not written as a segment.
const SEGMENT_ROWS_MIN: usize = 8192;
/// A row group ends early when its strings take more bytes than this (positions in a chunk have 32 bits).
const ROW_GROUP_STRING_BYTES_MAX: usize = 256 << 20;

/// Takes rows for one table; they are part of the transaction once it is finished. Meanwhile the transaction can be used.
#[derive(Debug)]
pub struct BulkWriter {
    table: TableId,
    /// The number of the transaction.
    origin: u32,
    rows: u64,
    segments: SegmentsWriter,
    /// For each unique index, whether rows come in its order.
    orders: Vec<(IndexId, KeyOrder)>,
    /// When the rows began that these are copies of.
    ages: Option<Ages>,
    /// The rows that these are newer versions of, with the same values in all unique keys; empty when they are of none.
    replaced: Vec<RowId>,
}

/// Cuts rows into row groups and segments.
#[derive(Debug)]
pub(crate) struct SegmentsWriter {
    store: Arc<Store>,
    table: TableId,
    columns: Arc<[ColumnDefinition]>,
    /// As stored: the table's columns, and who has made the rows.
    stored: Vec<ColumnDefinition>,
    builders: Vec<ColumnBuilder>,
    writer: Option<SegmentWriter>,
    done: Vec<Arc<Segment>>,
}

impl BulkWriter {
    pub(crate) fn new(
        transaction: &mut Transaction,
        table: TableId,
        columns: Arc<[ColumnDefinition]>,
        indexes: &[IndexDefinition],
    ) -> Self {
        let unique = indexes.iter().filter(|index| index.unique);
        let orders = unique.map(|index| (index.id, KeyOrder::new(index, &columns))).collect();
        let segments = SegmentsWriter::new(Arc::clone(transaction.store()), table, columns);
        let origin = transaction.own_xid().xid as u32;
        Self { table, origin, rows: 0, segments, orders, ages: None, replaced: Vec::new() }
    }

    /// Appends rows: a vector for each column.
    pub fn append(&mut self, vectors: &[Vector]) -> Result<()> {
        self.rows += check_rows(&self.segments.columns, vectors)? as u64;
        for (_, order) in &mut self.orders {
            order.observe(vectors);
        }
        let rows = vectors.first().map_or(0, Vector::len);
        self.segments.append(vectors, &vec![self.origin; rows])
    }

    /// Appends newer versions of rows that the transaction has ended in this command by
    /// [`Transaction::end_row_keeping_keys`]; all rows of a writer are such, or none is.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_successors(&mut self, vectors: &[Vector], rows: &[RowId]) -> Result<()> {
        self.replaced.extend_from_slice(rows);
        self.append(vectors)
    }

    /// Appends rows that other transactions have made.
    pub fn append_made(&mut self, vectors: &[Vector], origins: &[u32]) -> Result<()> {
        self.rows += check_rows(&self.segments.columns, vectors)? as u64;
        for (_, order) in &mut self.orders {
            order.observe(vectors);
        }
        self.segments.append(vectors, origins)
    }

    /// Says that the rows are copies of all rows of a table, which began then; `None`: they begin with the commit.
    pub fn keep_ages(&mut self, ages: Option<Ages>) {
        self.ages = ages;
    }

    /// Writes what is left and makes the rows visible to the transaction that the writer comes from. Returns how many were
    /// appended.
    ///
    /// # Errors
    /// `DuplicateKey`, and failures of the disk.
    pub fn finish(mut self, transaction: &mut Transaction) -> Result<u64> {
        if self.segments.done.is_empty()
            && self.segments.writer.is_none()
            && self.rows < SEGMENT_ROWS_MIN as u64
        {
            let builders = self.segments.builders.into_iter();
            let mut vectors: Vec<Vector> = builders.map(ColumnBuilder::finish_vector).collect();
            let origins = vectors.pop().map(|origins| origins.to_flat());
            let vectors = counted_rows(vectors, self.rows as usize);
            let rows = transaction.insert_rows(self.table, &vectors)?;
            if let Some(Values::I32(origins)) = origins.as_ref().map(Vector::values) {
                transaction.set_origins(self.table, &rows, origins)?;
            }
            if let Some(ages) = &self.ages {
                transaction.backdate(self.table, ages, Vec::new(), &rows)?;
            }
            transaction.link_rows(self.table, &self.replaced, rows.into_iter())?;
        } else {
            self.segments.flush_group()?;
            let segments = self.segments.finish()?;
            let orders = &self.orders;
            let keys = match self.replaced.is_empty() {
                true => NewKeys::Unknown(&|index| {
                    orders.iter().any(|(id, order)| *id == index.definition.id && order.is_kept())
                }),
                false => NewKeys::Kept,
            };
            let groups = transaction.adopt_segments(self.table, &segments, keys)?;
            let rows = groups.iter().flat_map(|group| group.row_ids());
            transaction.link_rows(self.table, &self.replaced, rows)?;
            if let Some(ages) = &self.ages {
                transaction.backdate(self.table, ages, groups, &[])?;
            }
        }
        Ok(self.rows)
    }
}

impl SegmentsWriter {
    pub(crate) fn new(store: Arc<Store>, table: TableId, columns: Arc<[ColumnDefinition]>) -> Self {
        let stored: Vec<ColumnDefinition> = columns.iter().cloned().chain([origin_column()]).collect();
        let builders = Self::empty_builders(&stored);
        Self { store, table, columns, stored, builders, writer: None, done: Vec::new() }
    }

    fn empty_builders(columns: &[ColumnDefinition]) -> Vec<ColumnBuilder> {
        columns.iter().map(|column| ColumnBuilder::new(column, 0)).collect()
    }

    fn buffered(&self) -> usize {
        self.builders.first().map_or(0, ColumnBuilder::len)
    }

    /// Appends rows: a vector for each column, and who has made them.
    pub(crate) fn append(&mut self, vectors: &[Vector], origins: &[u32]) -> Result<()> {
        let rows = origins.len();
        let origins: Vec<i32> = origins.iter().map(|origin| *origin as i32).collect();
        let origins = Vector::flat(Values::I32(origins.into()), None);
        let mut from = 0;
        while from < rows {
            let count = (rows - from).min(ROW_GROUP_ROWS - self.buffered());
            for (builder, vector) in
                self.builders.iter_mut().zip(vectors.iter().take(self.columns.len()).chain([&origins]))
            {
                builder.append(vector, from, count)?;
            }
            from += count;
            let heap: usize = self.builders.iter().map(ColumnBuilder::heap_bytes).sum();
            if self.buffered() == ROW_GROUP_ROWS || heap > ROW_GROUP_STRING_BYTES_MAX {
                self.flush_group()?;
            }
        }
        Ok(())
    }

    /// Writes the rows gathered so far as a row group.
    pub(crate) fn flush_group(&mut self) -> Result<()> {
        if self.buffered() == 0 {
            return Ok(());
        }
        let builders = std::mem::replace(&mut self.builders, Self::empty_builders(&self.stored));
        let lanes: Vec<_> = builders.into_iter().map(ColumnBuilder::finish).collect();
        self.write_group(&lanes)
    }

    /// Writes a row group: the columns as stored.
    pub(crate) fn write_group(&mut self, lanes: &[(Values, Option<Bitmap>)]) -> Result<()> {
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.store.create_segment(self.table, self.stored.len())?,
        };
        writer.write_group(&self.stored, lanes)?;
        if writer.is_full() {
            self.finish_segment(writer)
        } else {
            self.writer = Some(writer);
            Ok(())
        }
    }

    fn finish_segment(&mut self, writer: SegmentWriter) -> Result<()> {
        let segment = writer.finish(self.store.segments())?;
        segment.set_temporary(true);
        self.done.push(Arc::new(segment));
        Ok(())
    }

    /// Returns the segments, durable; their files go with them until they are committed.
    pub(crate) fn finish(mut self) -> Result<Vec<Arc<Segment>>> {
        if let Some(writer) = self.writer.take() {
            self.finish_segment(writer)?;
        }
        Ok(self.done)
    }
}

/// Returns the column after those of a table, which says who has made the rows.
pub(crate) fn origin_column() -> ColumnDefinition {
    ColumnDefinition {
        physical: PhysicalType::I32,
        fixed_scale: None,
        nullable: false,
        name: "xmin".to_owned(),
    }
}
