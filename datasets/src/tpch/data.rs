//! The rows of TPC-H as text, streamed in chunks of whole rows.
//!
//! `tpchgen` makes the same data as the specification's `dbgen`. Its rows print themselves with a bar after
//! every field; a chunk takes off the last bar and, for COPY, turns the others into tabs. No TPC-H value holds a
//! bar, a tab, a quote or a backslash, so nothing needs escaping.

use std::fmt::Display;
use std::io::Write;

use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};

use super::Table;

/// How fields are separated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Tabs: PostgreSQL's COPY text format.
    Copy,
    /// Bars, as in `dbgen`'s files, without the bar at the end of the line: CSV with the delimiter `|`.
    Bar,
}

/// Some whole rows of a table as text.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The rows, each ending in a newline.
    pub data: Vec<u8>,
    /// How many rows there are.
    pub rows: usize,
}

/// Chunks are closed when they pass this size. It affects only how smoothly progress shows.
const CHUNK_BYTES: usize = 256 * 1024;

/// Streams a table's rows at a scale factor.
pub fn chunks(table: Table, scale: f64, format: Format) -> Box<dyn Iterator<Item = Chunk> + Send> {
    chunks_of_part(table, scale, 1, 1, format)
}

/// Streams the `part`th of `parts` parts (from 1) of a table's rows; all parts in order are the whole table, and
/// each can be made by its own thread. Region and nation are in the first part only.
pub fn chunks_of_part(
    table: Table,
    scale: f64,
    part: i32,
    parts: i32,
    format: Format,
) -> Box<dyn Iterator<Item = Chunk> + Send> {
    assert!(1 <= part && part <= parts, "part {part} of {parts}");
    let small = usize::from(part == 1) * usize::MAX;
    match table {
        Table::Region => Box::new(Chunks::new(RegionGenerator::new(scale, 1, 1).iter().take(small), format)),
        Table::Nation => Box::new(Chunks::new(NationGenerator::new(scale, 1, 1).iter().take(small), format)),
        Table::Part => Box::new(Chunks::new(PartGenerator::new(scale, part, parts).iter(), format)),
        Table::Supplier => Box::new(Chunks::new(SupplierGenerator::new(scale, part, parts).iter(), format)),
        Table::Partsupp => Box::new(Chunks::new(PartSuppGenerator::new(scale, part, parts).iter(), format)),
        Table::Customer => Box::new(Chunks::new(CustomerGenerator::new(scale, part, parts).iter(), format)),
        Table::Orders => Box::new(Chunks::new(OrderGenerator::new(scale, part, parts).iter(), format)),
        Table::Lineitem => Box::new(Chunks::new(LineItemGenerator::new(scale, part, parts).iter(), format)),
    }
}

/// Groups printed rows into chunks.
struct Chunks<I> {
    rows: I,
    format: Format,
}

impl<I> Chunks<I> {
    fn new(rows: I, format: Format) -> Self {
        Chunks { rows, format }
    }
}

impl<I: Iterator<Item: Display>> Iterator for Chunks<I> {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        let mut chunk = Chunk { data: Vec::with_capacity(CHUNK_BYTES + 1024), rows: 0 };
        while chunk.data.len() < CHUNK_BYTES {
            let Some(row) = self.rows.next() else { break };
            // Writing to a Vec cannot fail.
            let _ = write!(chunk.data, "{row}");
            let bar = chunk.data.pop();
            assert_eq!(bar, Some(b'|'), "tpchgen ends every row with a bar");
            chunk.data.push(b'\n');
            chunk.rows += 1;
        }
        if self.format == Format::Copy {
            for byte in &mut chunk.data {
                *byte = if *byte == b'|' { b'\t' } else { *byte };
            }
        }
        (chunk.rows > 0).then_some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(table: Table, part: i32, parts: i32) -> String {
        let chunks = chunks_of_part(table, 0.001, part, parts, Format::Copy);
        String::from_utf8(chunks.flat_map(|chunk| chunk.data).collect()).unwrap()
    }

    #[test]
    fn the_first_row_is_dbgens() {
        let lineitem = text(Table::Lineitem, 1, 1);
        assert!(lineitem.starts_with("1\t156\t4\t1\t17\t"), "{}", &lineitem[..80]);
        assert_eq!(lineitem.lines().next().unwrap().split('\t').count(), 16);
    }

    #[test]
    fn parts_make_the_whole() {
        for table in Table::ALL {
            let parts: String = (1..=3).map(|part| text(table, part, 3)).collect();
            assert_eq!(parts, text(table, 1, 1), "{table:?}");
            let rows = parts.lines().count() as u64;
            if table != Table::Lineitem {
                assert_eq!(rows, table.rows(0.001), "{table:?}");
            }
        }
    }

    #[test]
    fn no_value_needs_escaping() {
        for table in Table::ALL {
            assert!(!text(table, 1, 1).contains(['\\', '"', '|', '\r']), "{table:?}");
        }
    }
}
