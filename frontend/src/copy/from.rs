//! COPY FROM.
//!
//! The session's thread reads the client's messages, or a file, and cuts the bytes into chunks of whole lines; workers turn chunks
//! into vectors; the session's thread takes the vectors in order and hands them to the bulk writer. So the first
//! error in the data is the one that is reported, and few chunks are in memory at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use executor::batch::Batch;
use kernels::vector::VECTOR_LANES;
use storage::{BulkWriter, StorageError, Transaction};
use types::{PgError, Result, SqlState};

use super::fields::LineEnd;
use super::load::{Chunk, LineNumbers, LoadPlan, Loaded};
use super::options::Format;
use super::place::Input;
use crate::server::messages::CopyStep;
use crate::session::Session;

/// Size at which a chunk is cut; a tuning constant.
const CHUNK_BYTES: usize = 1 << 20;
/// Chunks in work for each worker; a tuning constant.
const CHUNKS_PER_WORKER: usize = 2;

/// What a COPY FROM did.
#[derive(Default)]
pub struct Outcome {
    /// Rows stored.
    pub rows: u64,
    /// Rows skipped by ON_ERROR ignore.
    pub skipped: u64,
    /// Where, for LOG_VERBOSITY verbose.
    pub told: Vec<String>,
}

/// Reads the data into the table.
///
/// # Errors
/// The first error in the data, the client's CopyFail, or a lost connection.
pub fn run(
    session: &Session,
    mut input: Input<'_>,
    plan: LoadPlan,
    table: storage::TableId,
    held: Option<&mut HeldRows>,
) -> Result<Outcome> {
    let binary = i8::from(plan.options.format == Format::Binary);
    let count = plan.fields.len();
    if let Input::Client(client) = &mut input {
        client.output.message(b'G', |body| {
            body.push(binary as u8);
            crate::server::output::put_count(body, count);
            (0..count).for_each(|_| body.extend_from_slice(&[0, binary as u8]));
        });
        client.output.flush();
    }
    let storage = Arc::clone(&session.open()?.storage);
    let mut transaction = storage.lock();
    let writer = match held {
        Some(held) => Sink::Held(held),
        None => {
            let writer = Box::new(transaction.bulk_writer(table)?);
            Sink::Bulk(writer, &mut transaction, Lines::default(), 0)
        }
    };
    if binary == 1 {
        return super::binary::load(session, input, &plan, writer);
    }
    let threads = session.engine.threads.max(1);
    let mut loader = Loader {
        plan: Arc::new(plan),
        writer,
        waiting: VecDeque::new(),
        waiting_max: threads * CHUNKS_PER_WORKER,
        outcome: Outcome::default(),
        ended: false,
    };
    let mut cutter = Cutter::default();
    loop {
        session.backend.cancel.check()?;
        let read = input.step(&mut cutter.pending).map_err(|error| cutter.place(&loader.plan, error))?;
        match read {
            CopyStep::Data => {
                if cutter.pending.len() >= CHUNK_BYTES
                    && let Some(chunk) = cutter.cut(&loader.plan, false)
                {
                    loader.submit(chunk)?;
                }
            }
            CopyStep::Done => break,
            CopyStep::Fail(reason) => return Err(cutter.place(&loader.plan, copy_failed(&reason))),
            CopyStep::Ignored => {}
        }
    }
    while let Some(chunk) = cutter.cut(&loader.plan, true) {
        loader.submit(chunk)?;
    }
    let outcome = loader.finish()?;
    input.finish()?;
    Ok(outcome)
}

/// Returns the error of a CopyFail message.
pub(super) fn copy_failed(reason: &str) -> PgError {
    PgError::new(SqlState::QUERY_CANCELED, format!("COPY from stdin failed: {reason}"))
}

/// Where the rows go.
pub(super) enum Sink<'a> {
    /// Into storage.
    Bulk(Box<BulkWriter>, &'a mut Transaction, Lines, u64),
    /// To be checked as a whole.
    Held(&'a mut HeldRows),
}

/// Lines of the rows that were handed in, by pieces: the number of the first row of each, and its lines.
#[derive(Default)]
pub(super) struct Lines(Vec<(u64, LineNumbers)>);

impl Lines {
    fn push(&mut self, first_row: u64, lines: LineNumbers) {
        let follows = match (self.0.last(), &lines) {
            (Some((first, LineNumbers::From(before))), LineNumbers::From(line)) => {
                *before + (first_row - first) == *line
            }
            _ => false,
        };
        if !follows {
            self.0.push((first_row, lines));
        }
    }

    /// Returns the line of a row.
    fn get(&self, row: u64) -> Option<u64> {
        let piece = self.0.partition_point(|(first, _)| *first <= row).checked_sub(1)?;
        let (first, lines) = self.0.get(piece)?;
        lines.get(row - first)
    }
}

impl Sink<'_> {
    /// Takes rows.
    ///
    /// # Errors
    /// Storage's.
    pub(super) fn push(&mut self, loaded: Loaded) -> Result<()> {
        match self {
            Sink::Bulk(writer, _, lines, rows) => {
                writer.append(&storage::counted_rows(loaded.vectors, loaded.rows as usize))?;
                lines.push(*rows, loaded.line_numbers);
                *rows += loaded.rows;
            }
            Sink::Held(held) => held.push(loaded),
        }
        Ok(())
    }

    /// Ends the rows.
    ///
    /// # Errors
    /// Storage's.
    pub(super) fn finish(self, plan: &LoadPlan) -> Result<()> {
        match self {
            Sink::Bulk(writer, transaction, lines, _) => {
                writer.finish(transaction).map(|_| ()).map_err(|error| refusal(error, plan, &lines))
            }
            Sink::Held(_) => Ok(()),
        }
    }
}

/// Returns the error of rows that storage has refused.
fn refusal(refused: StorageError, plan: &LoadPlan, lines: &Lines) -> PgError {
    let StorageError::DuplicateKey { row, .. } = &refused else { return refused.into() };
    let line = row.and_then(|row| lines.get(row));
    let mut error = PgError::from(refused);
    let fields = error.fields_mut();
    fields.schema = Some(plan.schema.clone());
    fields.table = Some(plan.table.clone());
    match line {
        Some(line) => error.with_context(format!("COPY {}, line {line}", plan.table)),
        None => error,
    }
}

/// Rows that wait for their checks, with the lines that they come from.
#[derive(Default)]
pub struct HeldRows {
    /// The rows.
    pub batches: Vec<Batch>,
    /// Number and text of each row's line.
    pub lines: Vec<(u64, Option<String>)>,
}

impl HeldRows {
    fn push(&mut self, loaded: Loaded) {
        self.lines.extend(loaded.lines);
        let rows = loaded.rows as usize;
        for start in (0..rows).step_by(VECTOR_LANES) {
            let positions: Vec<u32> = (start..rows.min(start + VECTOR_LANES)).map(|row| row as u32).collect();
            let columns = loaded.vectors.iter().map(|vector| executor::batch::gather(vector, &positions));
            self.batches.push(Batch::new(columns.collect(), positions.len()));
        }
    }
}

/// Hands chunks to workers and takes their results in order.
struct Loader<'a> {
    plan: Arc<LoadPlan>,
    writer: Sink<'a>,
    waiting: VecDeque<Receiver<Result<Loaded>>>,
    waiting_max: usize,
    outcome: Outcome,
    ended: bool,
}

impl Loader<'_> {
    fn submit(&mut self, chunk: Chunk) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        let (sender, receiver) = sync_channel(1);
        let plan = Arc::clone(&self.plan);
        let cancel = types::interrupt::current();
        rayon::spawn(move || {
            let _entered = types::interrupt::enter(&cancel);
            // The receiver is gone when an earlier chunk has failed.
            let _ = sender.send(plan.load(&chunk));
        });
        self.waiting.push_back(receiver);
        while self.waiting.len() > self.waiting_max {
            self.take()?;
        }
        Ok(())
    }

    fn take(&mut self) -> Result<()> {
        let Some(receiver) = self.waiting.pop_front() else { return Ok(()) };
        let loaded = receiver.recv().map_err(|_| PgError::internal("a COPY worker panicked"))??;
        if self.ended {
            return Ok(());
        }
        self.ended = loaded.ended;
        self.outcome.rows += loaded.rows;
        let before = self.outcome.skipped;
        self.outcome.skipped += loaded.skipped;
        if let Some(limit) = self.plan.options.reject_limit
            && self.outcome.skipped > limit.unsigned_abs()
        {
            let refused = PgError::new(
                SqlState::INVALID_TEXT_REPRESENTATION,
                format!("skipped more than REJECT_LIMIT ({limit}) rows due to data type incompatibility"),
            );
            let at = usize::try_from(limit.unsigned_abs() - before).unwrap_or(usize::MAX);
            return Err(match loaded.told.get(at) {
                Some((line, column, value)) => {
                    let value =
                        value.as_ref().map_or("null input".to_owned(), |value| format!("\"{value}\""));
                    refused.with_context(format!(
                        "COPY {}, line {line}, column {column}: {value}",
                        self.plan.table
                    ))
                }
                None => refused,
            });
        }
        if self.plan.options.verbose {
            self.outcome.told.extend(loaded.told.iter().map(|(line, column, value)| {
                let value = value.as_ref().map_or("null input".to_owned(), |value| format!("\"{value}\""));
                format!("{line} for column \"{column}\": {value}")
            }));
        }
        if loaded.rows > 0 {
            self.writer.push(loaded)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Outcome> {
        while !self.waiting.is_empty() {
            self.take()?;
        }
        self.writer.finish(&self.plan)?;
        Ok(self.outcome)
    }
}

/// Cuts the stream of bytes into chunks of whole lines.
#[derive(Default)]
struct Cutter {
    pending: Vec<u8>,
    /// How far `pending` was looked through.
    scanned: usize,
    /// The end of the last whole line found.
    boundary: usize,
    /// Whether `scanned` is inside CSV quotes.
    quoted: bool,
    /// Lines in chunks cut so far.
    lines: u64,
    /// Lines up to `boundary`.
    lines_pending: u64,
    /// Lines inside a CSV record that is not complete yet.
    lines_since: u64,
    line_end: Option<LineEnd>,
}

impl Cutter {
    /// Says in an error which line was awaited.
    fn place(&mut self, plan: &LoadPlan, error: PgError) -> PgError {
        self.scan(plan, false);
        let line = self.lines + self.lines_pending + 1;
        error.with_context(format!("COPY {}, line {line}", plan.table))
    }

    /// Looks for ends of lines in what has come; `None` when it is not clear yet how lines end.
    fn scan(&mut self, plan: &LoadPlan, at_end: bool) -> Option<LineEnd> {
        let line_end = self.find_line_end(at_end)?;
        match plan.options.format {
            Format::Csv => self.scan_csv(plan.options.quote, plan.options.escape, line_end),
            Format::Text | Format::Binary => self.scan_text(line_end),
        }
        Some(line_end)
    }

    /// Cuts off the whole lines; at the end of the data all that is left.
    fn cut(&mut self, plan: &LoadPlan, at_end: bool) -> Option<Chunk> {
        let line_end = self.scan(plan, at_end)?;
        if at_end {
            self.boundary = self.pending.len();
        }
        if self.boundary == 0 {
            return None;
        }
        let rest = self.pending.split_off(self.boundary);
        let bytes = std::mem::replace(&mut self.pending, rest);
        let first_line = self.lines + 1;
        self.lines += self.lines_pending;
        self.scanned -= self.boundary.min(self.scanned);
        self.boundary = 0;
        self.lines_pending = 0;
        Some(Chunk { bytes, first_line, line_end })
    }

    /// Finds out how lines end from the first end that is there.
    fn find_line_end(&mut self, at_end: bool) -> Option<LineEnd> {
        if self.line_end.is_none() && !self.pending.is_empty() {
            self.line_end = match memchr::memchr2(b'\n', b'\r', &self.pending) {
                Some(index) if self.pending[index] == b'\n' => Some(LineEnd::Newline),
                Some(index) => match self.pending.get(index + 1) {
                    Some(b'\n') => Some(LineEnd::Both),
                    Some(_) => Some(LineEnd::Return),
                    None if at_end => Some(LineEnd::Return),
                    None => None,
                },
                None if at_end => Some(LineEnd::Newline),
                None => None,
            };
        }
        self.line_end.filter(|_| !self.pending.is_empty())
    }

    /// A newline that a backslash precedes is data; backslashes pair up from the left.
    fn scan_text(&mut self, line_end: LineEnd) {
        let end_byte = if line_end == LineEnd::Return { b'\r' } else { b'\n' };
        let mut index = self.scanned;
        while let Some(found) =
            memchr::memchr2(end_byte, b'\\', self.pending.get(index..).unwrap_or_default())
        {
            let at = index + found;
            if self.pending[at] == b'\\' {
                index = at + 2;
            } else {
                index = at + 1;
                self.boundary = index;
                self.lines_pending += 1;
            }
        }
        // A backslash at the very end is looked at again with what follows it.
        self.scanned = if index > self.pending.len() { self.pending.len() - 1 } else { self.pending.len() };
    }

    fn scan_csv(&mut self, quote: u8, escape: u8, line_end: LineEnd) {
        let end_byte = if line_end == LineEnd::Return { b'\r' } else { b'\n' };
        let mut index = self.scanned;
        while let Some(found) =
            memchr::memchr3(end_byte, quote, escape, self.pending.get(index..).unwrap_or_default())
        {
            let at = index + found;
            let byte = self.pending[at];
            index = at + 1;
            if self.quoted && byte == escape && escape != quote {
                index = at + 2;
            } else if byte == quote {
                self.quoted = !self.quoted;
            } else if byte == end_byte {
                self.lines_since += 1;
                if !self.quoted {
                    self.boundary = index;
                    self.lines_pending += std::mem::take(&mut self.lines_since);
                }
            }
        }
        self.scanned = if index > self.pending.len() { self.pending.len() - 1 } else { self.pending.len() };
    }
}
