//! Turning one chunk of text or CSV into columns; several chunks are loaded at a time.

use std::sync::Arc;

use kernels::vector::Vector;
use types::{Datum, PgError, Result, SqlState, TypeRef};

use super::column::Column;
use super::fields::{Field, LineEnd, Splitter};
use super::options::{CopyOptions, Force, Format, Header};
use crate::server::messages::utf8;
use crate::session::access::Access;
use crate::session::values;

/// Rows that a column makes room for at first; a tuning constant.
const ROWS_GUESS: usize = 8 * 1024;
/// Characters of data that a CONTEXT line shows, as `MAX_COPY_DATA_DISPLAY`.
const SHOWN_CHARACTERS_MAX: usize = 100;

/// A column of the table.
#[derive(Debug, Clone)]
pub struct Target {
    /// Name.
    pub name: String,
    /// Type.
    pub ty: TypeRef,
    /// NOT NULL.
    pub not_null: bool,
    /// Value where the data gives none.
    pub default: Datum,
    /// Whether the column has a default at all.
    pub has_default: bool,
    /// The field that holds it; `None` when it is not in the column list.
    pub field: Option<usize>,
}

/// What every chunk of one COPY FROM is loaded with.
pub struct LoadPlan {
    /// Options.
    pub options: CopyOptions,
    /// Columns of the table in order.
    pub targets: Vec<Target>,
    /// Positions of the columns by field.
    pub fields: Vec<usize>,
    /// Names of schema and table.
    pub schema: String,
    /// See `schema`.
    pub table: String,
    /// The session.
    pub access: Arc<Access>,
    /// Whether lines are kept, for errors that are found later.
    pub keep_lines: bool,
}

/// A chunk of whole lines.
pub struct Chunk {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Number of the first line, from 1.
    pub first_line: u64,
    /// How lines end.
    pub line_end: LineEnd,
}

/// What a chunk held.
#[derive(Default)]
pub struct Loaded {
    /// A vector for each column of the table.
    pub vectors: Vec<Vector>,
    /// Rows in them.
    pub rows: u64,
    /// Rows that ON_ERROR ignore skipped.
    pub skipped: u64,
    /// Line, column and value of each of them.
    pub told: Vec<(u64, String, Option<String>)>,
    /// Number and text of each row's line, if lines are kept; binary rows have no text.
    pub lines: Vec<(u64, Option<String>)>,
    /// Lines that the rows begin at.
    pub line_numbers: LineNumbers,
    /// The end marker `\.` was found: what follows is not data.
    pub ended: bool,
}

/// The line that each row of a chunk begins at.
#[derive(Debug)]
pub enum LineNumbers {
    /// One line each, from this number on.
    From(u64),
    /// Whatever they are.
    Listed(Vec<u64>),
}

impl Default for LineNumbers {
    fn default() -> Self {
        Self::From(1)
    }
}

impl LineNumbers {
    /// Takes the line of row number `row`.
    fn push(&mut self, row: u64, line: u64) {
        match self {
            Self::From(first) if row == 0 => *first = line,
            Self::From(first) if *first + row == line => {}
            Self::From(first) => *self = Self::Listed((*first..*first + row).chain([line]).collect()),
            Self::Listed(lines) => lines.push(line),
        }
    }

    /// Returns the line of row number `row`.
    pub fn get(&self, row: u64) -> Option<u64> {
        match self {
            Self::From(first) => Some(first + row),
            Self::Listed(lines) => lines.get(usize::try_from(row).ok()?).copied(),
        }
    }
}

/// Where in the data an error is.
enum Place<'a> {
    Line,
    Column(&'a str, Option<&'a [u8]>),
}

impl LoadPlan {
    /// Loads a chunk.
    ///
    /// # Errors
    /// PostgreSQL's error for the first bad line, with its CONTEXT.
    pub fn load(&self, chunk: &Chunk) -> Result<Loaded> {
        let valid = std::str::from_utf8(&chunk.bytes).is_ok() && memchr::memchr(0, &chunk.bytes).is_none();
        let mut splitter = Splitter::new(&self.options, chunk.line_end, &chunk.bytes);
        let mut columns: Vec<Column> =
            self.targets.iter().map(|target| Column::new(target.ty, ROWS_GUESS)).collect();
        let mut loaded = Loaded::default();
        let mut line = chunk.first_line;
        loop {
            match splitter.next_line() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return Err(error.with_context(format!("COPY {}, line {line}", self.table))),
            }
            line += splitter.inner_lines;
            if line == 1 + splitter.inner_lines && chunk.first_line == 1 && self.options.header != Header::No
            {
                self.check_header(&splitter)?;
            } else if self.options.format == Format::Text && splitter.line() == b"\\." {
                loaded.ended = true;
                break;
            } else if !valid {
                self.check_encoding(&splitter, line)?;
                self.take_line(&splitter, line, &mut columns, &mut loaded)?;
            } else {
                self.take_line(&splitter, line, &mut columns, &mut loaded)?;
            }
            line += 1;
        }
        loaded.vectors = columns.into_iter().map(Column::finish).collect();
        Ok(loaded)
    }

    fn take_line(
        &self,
        splitter: &Splitter<'_>,
        line: u64,
        columns: &mut [Column],
        loaded: &mut Loaded,
    ) -> Result<()> {
        self.check_no_more(splitter, line)?;
        if self.options.ignore_errors {
            return self.take_line_or_skip(splitter, line, columns, loaded);
        }
        // In the order of the fields, as `NextCopyFrom`: the first of several errors is reported.
        for (index, position) in self.fields.iter().enumerate() {
            let (Some(target), Some(column)) = (self.targets.get(*position), columns.get_mut(*position))
            else {
                return Err(PgError::internal("a field of no column"));
            };
            let field = self.field(splitter, index, line)?;
            if self.is_null(splitter, field, target) {
                column.push_null();
            } else if field.default {
                self.check_default(splitter, line, target)?;
                column.push_datum(&target.default)?;
            } else {
                let bytes = splitter.bytes(field);
                column.push_text(bytes, &self.access).map_err(|error| {
                    self.place(error, splitter, line, &Place::Column(&target.name, Some(bytes)))
                })?;
            }
        }
        for (target, column) in self.targets.iter().zip(columns.iter_mut()) {
            if target.field.is_none() {
                column.push_datum(&target.default)?;
            }
        }
        self.check_not_null(splitter, line)?;
        loaded.rows += 1;
        self.keep_line(splitter, line, loaded);
        Ok(())
    }

    /// Refuses the default marker for a column without default.
    fn check_default(&self, splitter: &Splitter<'_>, line: u64, target: &Target) -> Result<()> {
        if target.has_default {
            return Ok(());
        }
        let refused = PgError::new(SqlState::BAD_COPY_FILE_FORMAT, "unexpected default marker in COPY data")
            .with_detail(format!("Column \"{}\" has no default value.", target.name));
        Err(self.place(refused, splitter, line, &Place::Line))
    }

    /// Remembers the line of the row that was just taken.
    fn keep_line(&self, splitter: &Splitter<'_>, line: u64, loaded: &mut Loaded) {
        loaded.line_numbers.push(loaded.rows - 1, line);
        if self.keep_lines {
            loaded.lines.push((line, Some(cut(splitter.line()))));
        }
    }

    /// Takes a line as a row of values, or skips it as a whole.
    fn take_line_or_skip(
        &self,
        splitter: &Splitter<'_>,
        line: u64,
        columns: &mut [Column],
        loaded: &mut Loaded,
    ) -> Result<()> {
        for (index, position) in self.fields.iter().enumerate() {
            self.field(splitter, index, line)?;
            let Some(target) = self.targets.get(*position) else { continue };
            if self.value(splitter, target).is_err() {
                loaded.skipped += 1;
                if self.options.verbose || self.options.reject_limit.is_some() {
                    let field = splitter.fields[index];
                    let value = (!field.null).then(|| cut(splitter.bytes(field)));
                    loaded.told.push((line, target.name.clone(), value));
                }
                return Ok(());
            }
        }
        let row: Vec<Datum> =
            self.targets.iter().map(|target| self.value(splitter, target)).collect::<Result<_>>()?;
        self.check_not_null(splitter, line)?;
        for (column, value) in columns.iter_mut().zip(&row) {
            column.push_datum(value)?;
        }
        loaded.rows += 1;
        self.keep_line(splitter, line, loaded);
        Ok(())
    }

    fn value(&self, splitter: &Splitter<'_>, target: &Target) -> Result<Datum> {
        let Some(field) = target.field.map(|index| splitter.fields[index]) else {
            return Ok(target.default.clone());
        };
        if self.is_null(splitter, field, target) {
            return Ok(Datum::Null);
        }
        if field.default {
            return Ok(target.default.clone());
        }
        values::read_text(utf8(splitter.bytes(field))?, target.ty, &self.access)
    }

    fn is_null(&self, splitter: &Splitter<'_>, field: Field, target: &Target) -> bool {
        let forced = |force: &Force| match force {
            Force::No => false,
            Force::All => true,
            Force::Columns(names) => names.contains(&target.name),
        };
        if field.null {
            return !forced(&self.options.force_not_null);
        }
        splitter.bytes(field) == self.options.null.as_bytes()
            && self.options.format == Format::Csv
            && forced(&self.options.force_null)
    }

    /// Refuses more fields than there are columns.
    fn check_no_more(&self, splitter: &Splitter<'_>, line: u64) -> Result<()> {
        // A table without columns takes empty lines.
        let empty = matches!(splitter.fields.as_slice(), [only] if splitter.bytes(*only).is_empty());
        if splitter.fields.len() <= self.fields.len() || (self.fields.is_empty() && empty) {
            return Ok(());
        }
        let message = "extra data after last expected column";
        let error = PgError::new(SqlState::BAD_COPY_FILE_FORMAT, message);
        Err(self.place(error, splitter, line, &Place::Line))
    }

    /// Returns a field of the line. An empty line has none at all.
    fn field(&self, splitter: &Splitter<'_>, index: usize, line: u64) -> Result<Field> {
        splitter.fields.get(index).copied().ok_or_else(|| {
            let name = self.fields.get(index).and_then(|position| self.targets.get(*position));
            let name = name.map_or("", |target| target.name.as_str());
            let message = format!("missing data for column \"{name}\"");
            let error = PgError::new(SqlState::BAD_COPY_FILE_FORMAT, message);
            self.place(error, splitter, line, &Place::Line)
        })
    }

    fn check_not_null(&self, splitter: &Splitter<'_>, line: u64) -> Result<()> {
        let violated = self.targets.iter().find(|target| {
            target.not_null
                && match target.field.map(|index| splitter.fields[index]) {
                    None => target.default.is_null(),
                    Some(field) if field.default => target.default.is_null(),
                    Some(field) => self.is_null(splitter, field, target),
                }
        });
        let Some(target) = violated else { return Ok(()) };
        let mut shown = Vec::with_capacity(self.targets.len());
        for target in &self.targets {
            shown.push(values::shown(&self.value(splitter, target)?, target.ty, &self.access));
        }
        let mut error = PgError::new(
            SqlState::NOT_NULL_VIOLATION,
            format!(
                "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
                target.name, self.table
            ),
        )
        .with_detail(format!("Failing row contains ({}).", shown.join(", ")));
        let fields = error.fields_mut();
        fields.schema = Some(self.schema.clone());
        fields.table = Some(self.table.clone());
        fields.column = Some(target.name.clone());
        Err(self.place(error, splitter, line, &Place::Line))
    }

    fn check_encoding(&self, splitter: &Splitter<'_>, line: u64) -> Result<()> {
        let bytes = splitter.line();
        let result = if memchr::memchr(0, bytes).is_some() {
            Err(PgError::new(
                SqlState::CHARACTER_NOT_IN_REPERTOIRE,
                "invalid byte sequence for encoding \"UTF8\": 0x00",
            ))
        } else {
            utf8(bytes).map(|_| ())
        };
        result.map_err(|error| error.with_context(format!("COPY {}, line {line}", self.table)))
    }

    fn check_header(&self, splitter: &Splitter<'_>) -> Result<()> {
        if self.options.header != Header::Match {
            return Ok(());
        }
        let (given, wanted) = (splitter.fields.len(), self.fields.len());
        let bad = |message: String| {
            let error = PgError::new(SqlState::BAD_COPY_FILE_FORMAT, message);
            self.place(error, splitter, 1, &Place::Line)
        };
        if given != wanted {
            return Err(bad(format!(
                "wrong number of fields in header line: got {given}, expected {wanted}"
            )));
        }
        for (index, (field, position)) in splitter.fields.iter().zip(&self.fields).enumerate() {
            let expected = &self.targets[*position].name;
            let got = String::from_utf8_lossy(splitter.bytes(*field));
            if field.null {
                return Err(bad(format!(
                    "column name mismatch in header line field {}: got null value (\"{}\"), expected \"{expected}\"",
                    index + 1,
                    self.options.null
                )));
            }
            if got != expected.as_str() {
                return Err(bad(format!(
                    "column name mismatch in header line field {}: got \"{got}\", expected \"{expected}\"",
                    index + 1
                )));
            }
        }
        Ok(())
    }

    fn place(&self, error: PgError, splitter: &Splitter<'_>, line: u64, place: &Place<'_>) -> PgError {
        let table = &self.table;
        error.with_context(match place {
            Place::Line => format!("COPY {table}, line {line}: \"{}\"", cut(splitter.line())),
            Place::Column(column, Some(value)) => {
                format!("COPY {table}, line {line}, column {column}: \"{}\"", cut(value))
            }
            Place::Column(column, None) => format!("COPY {table}, line {line}, column {column}: null input"),
        })
    }
}

/// Shortens data for a CONTEXT line, as `CopyLimitPrintoutLength`.
fn cut(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if text.len() <= SHOWN_CHARACTERS_MAX {
        return text.into_owned();
    }
    let mut end = SHOWN_CHARACTERS_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", &text[..end])
}
