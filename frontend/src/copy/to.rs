//! COPY TO.

use std::ops::ControlFlow;
use std::sync::Arc;

use executor::batch::Batch;
use executor::convert::value_at;
use executor::execute::ResultSink;
use kernels::vector::Values;
use types::{Datum, Result, TypeRef, oids};

use super::binary::SIGNATURE;
use super::options::{CopyOptions, Force, Format, Header};
use super::place::Target;
use crate::server::output::{put_count, write_message};
use crate::session::access::Access;
use crate::session::values;

/// Size at which encoded rows are handed to the connection; a tuning constant.
const CHUNK_BYTES: usize = 64 * 1024;

/// Writes batches as COPY data.
pub struct CopyOut<'a> {
    target: Target<'a>,
    options: &'a CopyOptions,
    columns: Vec<(TypeRef, bool)>,
    access: Arc<Access>,
    chunk: Vec<u8>,
    field: Vec<u8>,
    /// Rows written.
    pub rows: u64,
}

impl<'a> CopyOut<'a> {
    /// Announces the data; writes the header.
    ///
    /// # Errors
    /// When the header cannot be written.
    pub fn begin(
        mut target: Target<'a>,
        options: &'a CopyOptions,
        columns: &[(String, TypeRef)],
        access: &Arc<Access>,
    ) -> Result<Self> {
        let binary = u8::from(options.format == Format::Binary);
        if let Target::Client(output) = &mut target {
            output.message(b'H', |body| {
                body.push(binary);
                put_count(body, columns.len());
                columns.iter().for_each(|_| body.extend_from_slice(&[0, binary]));
            });
        }
        let forced = |name: &String| match &options.force_quote {
            Force::No => false,
            Force::All => true,
            Force::Columns(names) => names.contains(name),
        };
        let described = columns.iter().map(|(name, ty)| (*ty, forced(name))).collect();
        let mut out = Self {
            target,
            options,
            columns: described,
            access: Arc::clone(access),
            chunk: Vec::new(),
            field: Vec::new(),
            rows: 0,
        };
        if binary == 1 {
            out.frame(|body| {
                body.extend_from_slice(SIGNATURE);
                body.extend_from_slice(&[0; 8]);
            });
        } else if options.header != Header::No {
            out.frame(|body| {
                for (index, (name, _)) in columns.iter().enumerate() {
                    if index > 0 {
                        body.push(options.delimiter);
                    }
                    write_field(body, name.as_bytes(), options, false, columns.len() == 1);
                }
                body.push(b'\n');
            });
        }
        Ok(out)
    }

    /// Ends the data; returns the number of rows.
    ///
    /// # Errors
    /// When the rest cannot be written.
    pub fn finish(mut self) -> Result<u64> {
        if self.options.format == Format::Binary {
            self.frame(|body| body.extend_from_slice(&(-1i16).to_be_bytes()));
        }
        if self.target.is_framed() {
            write_message(&mut self.chunk, b'c', |_| {});
        }
        self.target.write(&self.chunk)?;
        self.target.finish()?;
        Ok(self.rows)
    }

    /// Appends a piece of data, as a message where there are messages.
    fn frame(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        if self.target.is_framed() {
            write_message(&mut self.chunk, b'd', fill);
        } else {
            fill(&mut self.chunk);
        }
    }

    fn row(&mut self, batch: &Batch, lane: usize) -> Result<()> {
        let start = self.chunk.len();
        let framed = self.target.is_framed();
        if framed {
            self.chunk.extend_from_slice(&[b'd', 0, 0, 0, 0]);
        }
        if self.options.format == Format::Binary {
            self.binary_row(batch, lane)?;
        } else {
            self.text_row(batch, lane)?;
        }
        if framed {
            let len = (self.chunk.len() - start - 1) as u32;
            self.chunk[start + 1..start + 5].copy_from_slice(&len.to_be_bytes());
        }
        Ok(())
    }

    fn text_row(&mut self, batch: &Batch, lane: usize) -> Result<()> {
        let single = self.columns.len() == 1;
        for (index, (vector, (ty, forced))) in batch.columns.iter().zip(&self.columns).enumerate() {
            if index > 0 {
                self.chunk.push(self.options.delimiter);
            }
            if vector.is_null(lane) {
                self.chunk.extend_from_slice(self.options.null.as_bytes());
                continue;
            }
            let (lanes, position) = vector.locate(lane);
            if let Values::Views(views) = lanes
                && matches!(ty.oid, oids::TEXT | oids::VARCHAR | oids::BPCHAR | oids::NAME)
            {
                write_field(&mut self.chunk, views.get(position), self.options, *forced, single);
                continue;
            }
            self.field.clear();
            values::write_text(&value_at(lanes, position, *ty)?, *ty, &self.access, &mut self.field)?;
            write_field(&mut self.chunk, &self.field, self.options, *forced, single);
        }
        self.chunk.push(b'\n');
        Ok(())
    }

    fn binary_row(&mut self, batch: &Batch, lane: usize) -> Result<()> {
        put_count(&mut self.chunk, self.columns.len());
        for (vector, (ty, _)) in batch.columns.iter().zip(&self.columns) {
            if vector.is_null(lane) {
                self.chunk.extend_from_slice(&(-1i32).to_be_bytes());
                continue;
            }
            let (lanes, position) = vector.locate(lane);
            let value: Datum = value_at(lanes, position, *ty)?;
            let at = self.chunk.len();
            self.chunk.extend_from_slice(&[0; 4]);
            values::write_binary(&value, *ty, &self.access, &mut self.chunk)?;
            let len = (self.chunk.len() - at - 4) as u32;
            self.chunk[at..at + 4].copy_from_slice(&len.to_be_bytes());
        }
        Ok(())
    }
}

impl ResultSink for CopyOut<'_> {
    fn push(&mut self, batch: Batch) -> Result<ControlFlow<()>> {
        let batch = batch.compact();
        for lane in 0..batch.len {
            self.row(&batch, lane)?;
            if self.chunk.len() >= CHUNK_BYTES {
                self.target.write(&self.chunk)?;
                self.chunk.clear();
            }
        }
        self.rows += batch.len as u64;
        Ok(if self.target.is_broken() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

fn write_field(out: &mut Vec<u8>, text: &[u8], options: &CopyOptions, forced: bool, single: bool) {
    match options.format {
        Format::Csv => write_csv(out, text, options, forced, single),
        Format::Text | Format::Binary => write_escaped(out, text, options.delimiter),
    }
}

/// As `CopyAttributeOutText`.
fn write_escaped(out: &mut Vec<u8>, text: &[u8], delimiter: u8) {
    for byte in text {
        let escaped = match byte {
            8 => b'b',
            9 if delimiter != 9 => b't',
            9 => b't',
            10 => b'n',
            11 => b'v',
            12 => b'f',
            13 => b'r',
            b'\\' => b'\\',
            other if *other == delimiter => *other,
            other => {
                out.push(*other);
                continue;
            }
        };
        out.push(b'\\');
        out.push(escaped);
    }
}

/// As `CopyAttributeOutCSV`.
fn write_csv(out: &mut Vec<u8>, text: &[u8], options: &CopyOptions, forced: bool, single: bool) {
    let needed = forced
        || text == options.null.as_bytes()
        || (single && text == b"\\.")
        || text.iter().any(|byte| {
            *byte == options.delimiter || *byte == options.quote || matches!(byte, b'\n' | b'\r')
        });
    if !needed {
        out.extend_from_slice(text);
        return;
    }
    out.push(options.quote);
    for byte in text {
        if *byte == options.quote || *byte == options.escape {
            out.push(options.escape);
        }
        out.push(*byte);
    }
    out.push(options.quote);
}
