//! Reading one lane of a column chunk, without making a vector of it.

use std::ops::Range;

use arrow_buffer::Buffer;
use kernels::vector::VECTOR_LANES;

use super::decode::{Chunk, Kept};
use super::encoding::{Encoding, LaneType};
use crate::error::Result;
use crate::heap::row::{Lane, value_at};
use crate::table::ColumnDefinition;

impl<'a> Chunk<'a> {
    /// Returns the value of a row of the row group; `None` when the chunk contradicts itself. `string` is room for a
    /// string that has to be decompressed.
    ///
    /// # Errors
    /// When the chunk's lanes are not of the column's type.
    pub(crate) fn lane<'s>(
        &self,
        definition: &ColumnDefinition,
        lane: usize,
        string: &'s mut Vec<u8>,
    ) -> Result<Option<Lane<'s>>>
    where
        'a: 's,
    {
        let layout = self.layout;
        if lane >= layout.len as usize {
            return Ok(None);
        }
        if let Some(position) = layout.validity
            && !bit_at(self.bytes, position, lane)
        {
            return Ok(Some(Lane::Null));
        }
        let (vector_index, place) = (lane / VECTOR_LANES, lane % VECTOR_LANES);
        let Some(kept) = self.kept() else { return Ok(None) };
        Ok(match (&layout.encoding, kept) {
            (Encoding::Null, _) => Some(Lane::Null),
            (Encoding::Constant(_), Kept::Entries(value)) => Some(value_at(definition, value, 0)?),
            (Encoding::Packed(packed), _) => {
                let unit = packed.unit_at(self.bytes, vector_index, place);
                let value = packed.base.wrapping_add(i128::from(unit) * i128::from(packed.multiplier));
                integer(layout.lane_type, value)
            }
            (Encoding::Plain(position), _) => plain(self.bytes, layout.lane_type, *position, lane),
            (Encoding::Bits(position), _) => Some(Lane::Bool(bit_at(self.bytes, *position, lane))),
            (Encoding::Strings(strings), _) => {
                strings.range(self.bytes, vector_index, place).map(|range| Lane::Bytes(&self.bytes[range]))
            }
            (Encoding::Fsst(fsst), Kept::Symbols(table)) => {
                let found = fsst.decode_one(table, self.bytes, vector_index, place, string);
                found.map(|()| Lane::Bytes(string))
            }
            (Encoding::Dictionary { codes, .. }, Kept::Entries(entries)) => {
                let code = codes.unit_at(self.bytes, vector_index, place) as usize;
                if code < entries.len() { Some(value_at(definition, entries, code)?) } else { None }
            }
            (Encoding::RunLength { .. }, Kept::Runs(ends, values)) => {
                let run = ends.partition_point(|&end| end as usize <= lane);
                if run < values.len() { Some(value_at(definition, values, run)?) } else { None }
            }
            (
                Encoding::Constant(_)
                | Encoding::Fsst(_)
                | Encoding::Dictionary { .. }
                | Encoding::RunLength { .. },
                _,
            ) => None,
        })
    }
}

fn bit_at(bytes: &[u8], position: u32, lane: usize) -> bool {
    bytes.get(position as usize + lane / 8).is_some_and(|byte| byte >> (lane % 8) & 1 == 1)
}

fn integer<'s>(lane_type: LaneType, value: i128) -> Option<Lane<'s>> {
    Some(match lane_type {
        LaneType::I16 => Lane::I16(value as i16),
        LaneType::I32 => Lane::I32(value as i32),
        LaneType::I64 => Lane::I64(value as i64),
        LaneType::Fixed64(_) => Lane::Fixed((value as i64).into()),
        LaneType::Bool
        | LaneType::F32
        | LaneType::F64
        | LaneType::Fixed128(_)
        | LaneType::Wide
        | LaneType::Views => return None,
    })
}

fn plain<'s>(bytes: &Buffer, lane_type: LaneType, position: u32, lane: usize) -> Option<Lane<'s>> {
    fn array<const N: usize>(bytes: &[u8], position: u32, lane: usize) -> Option<[u8; N]> {
        let range: Range<usize> = position as usize + lane * N..position as usize + (lane + 1) * N;
        bytes.get(range)?.first_chunk().copied()
    }
    Some(match lane_type {
        LaneType::I16 => Lane::I16(i16::from_le_bytes(array(bytes, position, lane)?)),
        LaneType::I32 => Lane::I32(i32::from_le_bytes(array(bytes, position, lane)?)),
        LaneType::I64 => Lane::I64(i64::from_le_bytes(array(bytes, position, lane)?)),
        LaneType::F32 => Lane::F32(f32::from_le_bytes(array(bytes, position, lane)?)),
        LaneType::F64 => Lane::F64(f64::from_le_bytes(array(bytes, position, lane)?)),
        LaneType::Fixed64(_) => Lane::Fixed(i64::from_le_bytes(array(bytes, position, lane)?).into()),
        LaneType::Fixed128(_) => Lane::Fixed(i128::from_le_bytes(array(bytes, position, lane)?)),
        LaneType::Wide => Lane::Wide(u128::from_le_bytes(array(bytes, position, lane)?)),
        LaneType::Bool | LaneType::Views => return None,
    })
}
