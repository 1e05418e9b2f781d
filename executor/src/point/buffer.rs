//! Rows under construction, whose memory a thread uses again for its next ones.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use types::{Datum, Result};

use super::PointRun;
use super::expr::RowExpr;

/// Tuning constants: buffers that a thread keeps, and the widest that it does.
const KEPT: usize = 16;
const KEPT_WIDTH: usize = 256;

thread_local! {
    static SPARE: RefCell<Vec<Vec<Datum>>> = const { RefCell::new(Vec::new()) };
}

/// A row under construction, empty at first.
#[derive(Debug, Default)]
pub(super) struct Buffer(Vec<Datum>);

impl Buffer {
    /// Returns an empty one.
    pub(super) fn new() -> Self {
        Self(SPARE.with_borrow_mut(Vec::pop).unwrap_or_default())
    }
}

impl Deref for Buffer {
    type Target = Vec<Datum>;
    fn deref(&self) -> &Vec<Datum> {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<Datum> {
        &mut self.0
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.0.capacity() == 0 || self.0.capacity() > KEPT_WIDTH {
            return;
        }
        let mut row = std::mem::take(&mut self.0);
        row.clear();
        // A thread that ends has no spare ones any more.
        let _ = SPARE.try_with(|spare| {
            if let Ok(mut spare) = spare.try_borrow_mut()
                && spare.len() < KEPT
            {
                spare.push(row);
            }
        });
    }
}

/// Returns the values of expressions over a row, for a row that is only visited.
pub(super) fn evaluate_row(exprs: &[RowExpr], point: &PointRun<'_>, row: &[Datum]) -> Result<Buffer> {
    let mut values = Buffer::new();
    for expr in exprs {
        values.push(expr.evaluate(point.run, row)?);
    }
    Ok(values)
}
