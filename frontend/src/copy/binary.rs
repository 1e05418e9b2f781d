//! COPY's binary form.

use kernels::vector::Vector;
use types::{Datum, PgError, Result, SqlState};

use super::column::Column;
use super::from::{Outcome, Sink, copy_failed};
use super::load::{LineNumbers, LoadPlan, Loaded};
use super::place::Input;
use crate::server::messages::CopyStep;
use crate::session::Session;
use crate::session::values;

/// What a binary file begins with.
pub const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";
/// Rows that are handed to the writer at once; a tuning constant.
const ROWS_PER_APPEND: u64 = 16 * 1024;
/// Bytes that are gathered before rows are read out of them; a tuning constant.
const GATHERED_BYTES: usize = 256 * 1024;

fn bad_format(message: &str) -> PgError {
    PgError::new(SqlState::BAD_COPY_FILE_FORMAT, message)
}

/// Reads binary data into the table.
pub(super) fn load(
    session: &Session,
    mut input: Input<'_>,
    plan: &LoadPlan,
    writer: Sink<'_>,
) -> Result<Outcome> {
    let mut reader =
        Reader { plan, writer, columns: new_columns(plan), rows: 0, total: 0, state: State::Header };
    let mut pending = Vec::new();
    loop {
        session.backend.cancel.check()?;
        let done = match input.step(&mut pending)? {
            CopyStep::Data => false,
            CopyStep::Done => true,
            CopyStep::Fail(reason) => return Err(copy_failed(&reason)),
            CopyStep::Ignored => continue,
        };
        if pending.len() >= GATHERED_BYTES || done {
            let mut used = 0;
            while reader.step(&pending, &mut used).map_err(|error| reader.place(error))? {}
            pending.drain(..used);
        }
        if done {
            break;
        }
    }
    match reader.state {
        State::Header => Err(bad_format("COPY file signature not recognized")),
        State::Rows if !pending.is_empty() => Err(reader.place(bad_format("unexpected EOF in COPY data"))),
        State::Rows | State::Ended => {
            let outcome = reader.finish()?;
            input.finish()?;
            Ok(outcome)
        }
    }
}

fn new_columns(plan: &LoadPlan) -> Vec<Column> {
    plan.targets.iter().map(|target| Column::new(target.ty, 1024)).collect()
}

/// Where in the data the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Rows,
    Ended,
}

struct Reader<'a> {
    plan: &'a LoadPlan,
    writer: Sink<'a>,
    columns: Vec<Column>,
    rows: u64,
    total: u64,
    state: State,
}

impl Reader<'_> {
    /// Reads the header or a row from `bytes` at `used`; false when there is not a whole one.
    fn step(&mut self, bytes: &[u8], used: &mut usize) -> Result<bool> {
        let rest = bytes.get(*used..).unwrap_or_default();
        match self.state {
            State::Ended => {
                if rest.is_empty() {
                    return Ok(false);
                }
                Err(bad_format("received copy data after EOF marker"))
            }
            State::Header => {
                if rest.len() < 19 {
                    return Ok(false);
                }
                if &rest[..11] != SIGNATURE {
                    return Err(bad_format("COPY file signature not recognized"));
                }
                let flags = be32(&rest[11..]);
                if flags & 1 << 16 != 0 {
                    return Err(bad_format("invalid COPY file header (WITH OIDS)"));
                }
                if flags >> 16 != 0 {
                    return Err(bad_format("unrecognized critical flags in COPY file header"));
                }
                let extension = be32(&rest[15..]) as usize;
                if rest.len() < 19 + extension {
                    return Ok(false);
                }
                *used += 19 + extension;
                self.state = State::Rows;
                Ok(true)
            }
            State::Rows => self.row(rest, used),
        }
    }

    fn row(&mut self, rest: &[u8], used: &mut usize) -> Result<bool> {
        let Some((count, mut body)) = rest.split_first_chunk::<2>() else { return Ok(false) };
        let count = i16::from_be_bytes(*count);
        if count == -1 {
            *used += 2;
            self.state = State::Ended;
            return Ok(true);
        }
        let wanted = self.plan.fields.len();
        if usize::try_from(count) != Ok(wanted) {
            return Err(bad_format(&format!("row field count is {count}, expected {wanted}")));
        }
        let mut fields: Vec<Option<&[u8]>> = Vec::with_capacity(wanted);
        for _ in 0..wanted {
            let Some((len, after)) = body.split_first_chunk::<4>() else { return Ok(false) };
            match i32::from_be_bytes(*len) {
                -1 => {
                    fields.push(None);
                    body = after;
                }
                len => {
                    let len = usize::try_from(len).map_err(|_| bad_format("invalid field size"))?;
                    let Some((field, after)) = after.split_at_checked(len) else { return Ok(false) };
                    fields.push(Some(field));
                    body = after;
                }
            }
        }
        self.take(&fields)?;
        *used += rest.len() - body.len();
        Ok(true)
    }

    fn take(&mut self, fields: &[Option<&[u8]>]) -> Result<()> {
        for (target, column) in self.plan.targets.iter().zip(&mut self.columns) {
            let value = match target.field {
                None => target.default.clone(),
                Some(index) => match fields[index] {
                    None => Datum::Null,
                    Some(bytes) => values::read_binary(bytes, target.ty, &self.plan.access)?,
                },
            };
            if value.is_null() && target.not_null {
                return Err(PgError::new(
                    SqlState::NOT_NULL_VIOLATION,
                    format!(
                        "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
                        target.name, self.plan.table
                    ),
                ));
            }
            column.push_datum(&value)?;
        }
        self.rows += 1;
        self.total += 1;
        if self.rows == ROWS_PER_APPEND { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        if self.rows > 0 {
            let columns = std::mem::replace(&mut self.columns, new_columns(self.plan));
            let vectors: Vec<Vector> = columns.into_iter().map(Column::finish).collect();
            let first = self.total - self.rows + 1;
            let lines = if self.plan.keep_lines {
                (first..=self.total).map(|line| (line, None)).collect()
            } else {
                Vec::new()
            };
            self.writer.push(Loaded {
                vectors,
                rows: self.rows,
                lines,
                line_numbers: LineNumbers::From(first),
                ..Loaded::default()
            })?;
            self.rows = 0;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Outcome> {
        self.flush()?;
        self.writer.finish(self.plan)?;
        Ok(Outcome { rows: self.total, ..Outcome::default() })
    }

    fn place(&self, error: PgError) -> PgError {
        error.with_context(format!("COPY {}, line {}", self.plan.table, self.total + 1))
    }
}

fn be32(bytes: &[u8]) -> u32 {
    bytes.first_chunk::<4>().map_or(0, |word| u32::from_be_bytes(*word))
}
