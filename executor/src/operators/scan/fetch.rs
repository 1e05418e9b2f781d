//! Reading rows by their identifiers, in the order in which they are asked for.
//!
//! The rows are read vector by vector in the order of the table, each once, and their columns are put into the order asked
//! for at the end.

use kernels::vector::{VECTOR_LANES, Vector};
use storage::RowId;
use types::{Result, TypeRef};

use super::Scanner;
use crate::batch::Batch;
use crate::operators::rowset::concat;
use crate::operators::{Flow, Worker, gather};

/// Rows that are read at a time: those of a batch.
pub(super) const ROWS: usize = VECTOR_LANES;

/// Rows that passed the filters.
pub(crate) struct Fetched {
    /// The output columns.
    pub(crate) columns: Vec<Vector>,
    /// For each of their lanes the position among the rows asked for, ascending.
    pub(crate) kept: Vec<u32>,
}

const DROPPED: u32 = u32::MAX;

impl Scanner<'_> {
    /// Reads visible rows in any order, perhaps some more than once; `types` are those of the output.
    pub(super) fn fetch(&self, rows: &[RowId], types: &[TypeRef]) -> Result<Fetched> {
        let mut order: Vec<u32> = (0..rows.len() as u32).collect();
        if !rows.is_sorted() {
            order.sort_unstable_by_key(|&at| rows[at as usize]);
        }
        let mut places = vec![DROPPED; rows.len()];
        let mut parts: Vec<Vec<Vector>> = Vec::new();
        let mut found: u32 = 0;
        for asked in
            order.chunk_by(|&left, &right| rows[left as usize].vector() == rows[right as usize].vector())
        {
            let mut positions: Vec<u16> =
                asked.iter().map(|&at| rows[at as usize].lane_of_vector()).collect();
            positions.dedup();
            let first = asked.first().map(|&at| &rows[at as usize]);
            let Some((group, index, mut left)) = self.lanes(first, positions)? else { continue };
            parts.push(self.columns(&group, index, &mut left)?);
            let lanes = left.positions.unwrap_or_default();
            let mut lane = 0;
            for &at in asked {
                let wanted = rows[at as usize].lane_of_vector();
                while lanes.get(lane).is_some_and(|have| *have < wanted) {
                    lane += 1;
                }
                if lanes.get(lane) == Some(&wanted) {
                    places[at as usize] = found + lane as u32;
                }
            }
            found += lanes.len() as u32;
        }
        let kept: Vec<u32> = (0..rows.len() as u32).filter(|&at| places[at as usize] != DROPPED).collect();
        let taken: Vec<u32> = kept.iter().map(|&at| places[at as usize]).collect();
        let in_place = taken.len() == found as usize && taken.is_sorted();
        let columns = (0..types.len())
            .map(|column| {
                let pieces: Vec<&Vector> = parts.iter().filter_map(|part| part.get(column)).collect();
                match (pieces.as_slice(), in_place) {
                    ([one], true) => Ok((*one).clone()),
                    (pieces, true) => concat(pieces, types[column]),
                    (pieces, false) => Ok(gather(&concat(pieces, types[column])?, &taken)),
                }
            })
            .collect::<Result<_>>()?;
        Ok(Fetched { columns, kept })
    }

    /// Pushes those of some visible rows that pass the filters, in their order.
    pub(super) fn push_fetched(
        &self,
        rows: &[RowId],
        types: &[TypeRef],
        worker: &mut dyn Worker,
    ) -> Result<Flow> {
        for rows in rows.chunks(ROWS) {
            let Fetched { columns, kept } = self.fetch(rows, types)?;
            if kept.is_empty() {
                continue;
            }
            let batch = Batch::new(columns, kept.len());
            if super::push_in_pieces(worker, batch, self.run.context.options.batch_lanes)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }
}
