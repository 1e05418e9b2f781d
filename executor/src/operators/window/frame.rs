//! Window frames: which rows of the partition a row looks at.

use types::{Datum, Oid, PgError, Result, SqlState, TypeRef, oids};

use super::Partition;
use crate::execute::Run;
use crate::expr::{Expr, FunctionRef};
use crate::plan::{FrameBound, FrameExclude, FrameMode, WindowFrame};
use crate::rows::RowEvaluator;

/// Positions `start..end` of a partition, without those that EXCLUDE takes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) start: usize,
    pub(super) end: usize,
    /// `excluded.0..excluded.1`, save for `kept`.
    excluded: (usize, usize),
    kept: Option<usize>,
}

impl Frame {
    /// Returns the positions in order.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        (self.start..self.end.max(self.start)).filter(|position| {
            !(self.excluded.0..self.excluded.1).contains(position) || self.kept == Some(*position)
        })
    }
    pub(super) fn first(&self) -> Option<usize> {
        self.iter().next()
    }
    pub(super) fn last(&self) -> Option<usize> {
        self.iter().next_back()
    }
    /// Whether `next` is this frame and rows after it.
    pub(super) fn grows_to(&self, next: &Self) -> bool {
        let plain = |frame: &Self| frame.excluded.0 >= frame.excluded.1;
        plain(self)
            && plain(next)
            && self.start == next.start
            && self.end <= next.end
            && self.start <= self.end
    }
}

/// Returns the frame of `row`.
pub(super) fn frame_of(
    run: &Run<'_>,
    frame: &WindowFrame,
    partition: &Partition<'_>,
    row: usize,
) -> Result<Frame> {
    let len = partition.rows.len();
    let (peer_start, peer_end) = partition.peers[row];
    let start = match &frame.start {
        FrameBound::UnboundedPreceding => 0,
        FrameBound::UnboundedFollowing => len,
        FrameBound::CurrentRow => match frame.mode {
            FrameMode::Rows => row,
            FrameMode::Range | FrameMode::Groups => peer_start,
        },
        FrameBound::Preceding(offset, function) => {
            Edge { run, mode: frame.mode, partition, row, end: false }.at(offset, function.as_ref(), true)?
        }
        FrameBound::Following(offset, function) => {
            Edge { run, mode: frame.mode, partition, row, end: false }.at(offset, function.as_ref(), false)?
        }
    };
    let end = match &frame.end {
        FrameBound::UnboundedPreceding => 0,
        FrameBound::UnboundedFollowing => len,
        FrameBound::CurrentRow => match frame.mode {
            FrameMode::Rows => row + 1,
            FrameMode::Range | FrameMode::Groups => peer_end,
        },
        FrameBound::Preceding(offset, function) => {
            Edge { run, mode: frame.mode, partition, row, end: true }.at(offset, function.as_ref(), true)?
        }
        FrameBound::Following(offset, function) => {
            Edge { run, mode: frame.mode, partition, row, end: true }.at(offset, function.as_ref(), false)?
        }
    };
    let (excluded, kept) = match frame.exclude {
        FrameExclude::NoOthers => ((0, 0), None),
        FrameExclude::CurrentRow => ((row, row + 1), None),
        FrameExclude::Group => ((peer_start, peer_end), None),
        FrameExclude::Ties => ((peer_start, peer_end), Some(row)),
    };
    Ok(Frame { start: start.min(len), end: end.min(len), excluded, kept })
}

/// One end of a frame that lies an offset away.
struct Edge<'a> {
    run: &'a Run<'a>,
    mode: FrameMode,
    partition: &'a Partition<'a>,
    row: usize,
    /// Whether it is the end (exclusive) rather than the start.
    end: bool,
}

impl Edge<'_> {
    fn at(&self, offset: &Expr, function: Option<&FunctionRef>, preceding: bool) -> Result<usize> {
        let value = RowEvaluator::new(self.run).evaluate(offset, &[])?;
        let which = if self.end { "ending" } else { "starting" };
        if value.is_null() {
            return Err(PgError::new(
                SqlState::NULL_VALUE_NOT_ALLOWED,
                format!("frame {which} offset must not be null"),
            ));
        }
        match self.mode {
            FrameMode::Rows | FrameMode::Groups => {
                let Datum::I64(count) = value else {
                    return Err(PgError::internal("a frame offset is not int8"));
                };
                let Ok(count) = usize::try_from(count) else {
                    return Err(PgError::new(
                        SqlState::INVALID_PRECEDING_OR_FOLLOWING_SIZE,
                        format!("frame {which} offset must not be negative"),
                    ));
                };
                Ok(if self.mode == FrameMode::Rows {
                    self.rows(count, preceding)
                } else {
                    self.groups(count, preceding)
                })
            }
            FrameMode::Range => self.range(&value, offset.ty, function, preceding),
        }
    }

    fn rows(&self, count: usize, preceding: bool) -> usize {
        let shift = usize::from(self.end);
        if preceding {
            (self.row + shift).saturating_sub(count)
        } else {
            self.row.saturating_add(count + shift)
        }
    }

    fn groups(&self, count: usize, preceding: bool) -> usize {
        let peers = &self.partition.peers;
        let (mut start, mut end) = peers[self.row];
        for _ in 0..count {
            if preceding {
                if start == 0 {
                    return 0;
                }
                (start, end) = peers[start - 1];
            } else if end < peers.len() {
                (start, end) = peers[end];
            } else {
                return peers.len();
            }
        }
        if self.end { end } else { start }
    }

    /// RANGE: asks the type's `in_range` function row by row, from the edge of the partition.
    fn range(
        &self,
        offset: &Datum,
        offset_type: TypeRef,
        function: Option<&FunctionRef>,
        preceding: bool,
    ) -> Result<usize> {
        let (Some(function), [key]) = (function, self.partition.plan.order_by.as_slice()) else {
            return Err(PgError::internal("a RANGE offset without in_range or with several order keys"));
        };
        let order = self.partition.order;
        let base = &order[self.row][0];
        let (peer_start, peer_end) = self.partition.peers[self.row];
        if base.is_null() {
            return Ok(if self.end { peer_end } else { peer_start });
        }
        let boolean = TypeRef::plain(oids::BOOL);
        let types: [TypeRef; 5] = [key.expr.ty, key.expr.ty, offset_type, boolean, boolean];
        let evaluator = RowEvaluator::new(self.run);
        // Towards smaller values: subtract; DESC turns the direction round. The edge asks `value <= bound` or `>=`.
        let subtract = preceding != key.descending;
        let collation: Oid = key.expr.ty.collation;
        for (position, values) in order.iter().enumerate() {
            let value = &values[0];
            if value.is_null() {
                // NULLs lie at one end of the partition, outside every distance.
                if key.nulls_first {
                    continue;
                }
                return Ok(position);
            }
            let less = self.end != key.descending;
            let test =
                [value.clone(), base.clone(), offset.clone(), Datum::Bool(subtract), Datum::Bool(less)];
            let inside = evaluator.call(function, &test, &types, collation, boolean)? == Datum::Bool(true);
            if inside {
                if !self.end {
                    return Ok(position);
                }
            } else if self.end {
                return Ok(position);
            }
        }
        Ok(order.len())
    }
}
