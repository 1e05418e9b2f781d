//! Results on their way to the client: batches become DataRow messages, or are held for a portal or cursor.
//!
//! Common types are written straight from their lanes; everything else goes through its output function.

use std::ops::ControlFlow;
use std::sync::Arc;

use executor::batch::Batch;
use executor::context::SessionAccess;
use executor::convert::{batch_of, value_at};
use executor::execute::ResultSink;
use kernels::vector::{VECTOR_LANES, Values};
use types::io::DateStyle;
use types::{Datum, Oid, PgError, Result, SqlState, TypeRef, fast, oids};

use super::connection::Client;
use super::messages::{Bind, utf8};
use super::output::{FieldDescription, Output, format_of, put_count};
use crate::session::Session;
use crate::session::access::Access;
use crate::session::portal::Held;
use crate::session::values;

/// Encoded rows are handed to the connection from this size on; a tuning constant.
const CHUNK_BYTES: usize = 64 * 1024;

/// Where the rows of a statement go.
pub enum Destination<'a> {
    /// To the client.
    Wire {
        /// Result formats, as in Bind.
        formats: &'a [i16],
        /// Whether RowDescription goes first (simple protocol).
        describe: bool,
    },
    /// Into memory.
    Hold(&'a mut Held),
    /// Nowhere (EXPLAIN ANALYZE).
    Discard,
}

impl Destination<'_> {
    /// Prepares for rows of `columns` and returns the sink for them.
    ///
    /// # Errors
    /// `0A000` for a binary format of a type without one.
    pub fn open<'b>(
        &'b mut self,
        client: &'b mut Client,
        columns: &[FieldDescription],
        access: &Arc<Access>,
    ) -> Result<Sink<'b>> {
        let target = match self {
            Self::Wire { formats, describe } => {
                if *describe {
                    client.output.row_description(columns, formats);
                }
                let encoder = RowEncoder::new(columns, formats, access)?;
                Target::Wire { output: &mut client.output, encoder }
            }
            Self::Hold(held) => {
                held.columns = columns.to_vec();
                Target::Hold(held)
            }
            Self::Discard => Target::Discard,
        };
        Ok(Sink { target, rows: 0 })
    }

    /// Delivers rows that are at hand.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn deliver(
        &mut self,
        client: &mut Client,
        columns: &[FieldDescription],
        access: &Arc<Access>,
        rows: &[Vec<Datum>],
    ) -> Result<u64> {
        let types: Vec<TypeRef> = columns.iter().map(|column| column.ty).collect();
        let mut sink = self.open(client, columns, access)?;
        for rows in rows.chunks(VECTOR_LANES) {
            let _ = sink.push(batch_of(rows, &types)?)?;
        }
        Ok(sink.rows)
    }
}

impl Sink<'_> {
    /// Returns a sink that counts rows.
    pub fn discarding() -> Self {
        Self { target: Target::Discard, rows: 0 }
    }
}

/// Takes a statement's batches.
pub struct Sink<'a> {
    target: Target<'a>,
    /// Rows taken.
    pub rows: u64,
}

enum Target<'a> {
    Wire { output: &'a mut Output, encoder: RowEncoder },
    Hold(&'a mut Held),
    Discard,
}

impl ResultSink for Sink<'_> {
    fn push(&mut self, batch: Batch) -> Result<ControlFlow<()>> {
        let batch = batch.compact();
        self.rows += batch.len as u64;
        match &mut self.target {
            Target::Wire { output, encoder } => {
                encoder.send(&batch, output)?;
                if output.is_broken() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Target::Hold(held) => held.push(batch),
            Target::Discard => {}
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Tag and length in front of a row's message.
const ROW_START: usize = 5;

/// Encodes rows of fixed columns and formats.
pub struct RowEncoder {
    columns: Forms,
    access: Arc<Access>,
    chunk: Vec<u8>,
}

/// How the columns of a row are written.
#[derive(Default)]
pub struct Forms(Vec<(TypeRef, Form)>);

/// How a column is written.
#[derive(Clone, Copy)]
enum Form {
    /// Text, straight from the lanes where they are of a common type.
    Text,
    /// Text by the output function.
    General,
    /// Binary.
    Binary,
}

impl RowEncoder {
    /// Returns an encoder.
    ///
    /// # Errors
    /// `0A000` for an unknown format code.
    pub fn new(columns: &[FieldDescription], formats: &[i16], access: &Arc<Access>) -> Result<Self> {
        Self::reusing(Forms::default(), columns, formats, access)
    }

    /// As [`Self::new`], in the memory of another one.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn reusing(
        mut forms: Forms,
        columns: &[FieldDescription],
        formats: &[i16],
        access: &Arc<Access>,
    ) -> Result<Self> {
        let iso = access.io().date_style == DateStyle::Iso;
        forms.0.clear();
        for (index, column) in columns.iter().enumerate() {
            let form = match format_of(formats, index) {
                0 if is_plain(column.ty.oid, iso) => Form::Text,
                0 => Form::General,
                1 => Form::Binary,
                other => {
                    return Err(PgError::new(
                        SqlState::INVALID_PARAMETER_VALUE,
                        format!("unsupported format code: {other}"),
                    ));
                }
            };
            forms.0.push((column.ty, form));
        }
        Ok(Self { columns: forms, access: Arc::clone(access), chunk: Vec::new() })
    }

    /// Returns the memory of the forms, for [`Self::reusing`].
    pub fn into_forms(self) -> Forms {
        self.columns
    }

    /// Sends one row.
    ///
    /// # Errors
    /// Those of output functions.
    pub fn send_row(&mut self, row: &[Datum], output: &mut Output) -> Result<()> {
        let columns = &self.columns.0;
        let access = &self.access;
        output.row(|chunk| {
            let start = chunk.len();
            chunk.extend_from_slice(&[b'D', 0, 0, 0, 0]);
            put_count(chunk, columns.len());
            for (value, (ty, form)) in row.iter().zip(columns) {
                if value.is_null() {
                    chunk.extend_from_slice(&(-1i32).to_be_bytes());
                    continue;
                }
                let field = chunk.len();
                chunk.extend_from_slice(&[0; 4]);
                write_datum(value, *ty, *form, access, chunk)?;
                fill_len(chunk, field, 4);
            }
            fill_len(chunk, start + 1, 0);
            Ok(())
        })
    }

    /// Sends the rows of a batch without selection.
    ///
    /// # Errors
    /// Those of output functions.
    pub fn send(&mut self, batch: &Batch, output: &mut Output) -> Result<()> {
        for lane in 0..batch.len {
            let start = self.chunk.len();
            self.chunk.extend_from_slice(&[b'D', 0, 0, 0, 0]);
            put_count(&mut self.chunk, self.columns.0.len());
            for (vector, (ty, form)) in batch.columns.iter().zip(&self.columns.0) {
                if vector.is_null(lane) {
                    self.chunk.extend_from_slice(&(-1i32).to_be_bytes());
                    continue;
                }
                let (values, position) = vector.locate(lane);
                let field = self.chunk.len();
                self.chunk.extend_from_slice(&[0; 4]);
                write_value(values, position, *ty, *form, &self.access, &mut self.chunk)?;
                let row = field + 4 - (start + ROW_START);
                types::size::check_growth(row, self.chunk.len() - field - 4)?;
                fill_len(&mut self.chunk, field, 4);
            }
            fill_len(&mut self.chunk, start + 1, 0);
            if self.chunk.len() >= CHUNK_BYTES {
                types::interrupt::check()?;
                output.append(&self.chunk);
                self.chunk.clear();
            }
        }
        output.append(&self.chunk);
        self.chunk.clear();
        Ok(())
    }
}

/// Writes the number of bytes after `position + own` (a length counts itself when `own` is 0) to `position`.
fn fill_len(chunk: &mut [u8], position: usize, own: usize) {
    let len = (chunk.len() - position - own) as u32;
    chunk[position..position + 4].copy_from_slice(&len.to_be_bytes());
}

/// Says whether lanes of the type are text as they stand, or numbers and dates that [`fast`] writes.
fn is_plain(oid: Oid, iso: bool) -> bool {
    match oid {
        oids::INT2
        | oids::INT4
        | oids::INT8
        | oids::OID
        | oids::BOOL
        | oids::TEXT
        | oids::VARCHAR
        | oids::BPCHAR
        | oids::NAME
        | oids::NUMERIC => true,
        oids::DATE => iso,
        _ => false,
    }
}

fn write_datum(value: &Datum, ty: TypeRef, form: Form, access: &Access, out: &mut Vec<u8>) -> Result<()> {
    match (form, value) {
        (Form::Text, Datum::I16(number)) => fast::write_i64(i64::from(*number), out),
        (Form::Text, Datum::I32(number)) if ty.oid == oids::INT4 => fast::write_i64(i64::from(*number), out),
        (Form::Text, Datum::I64(number)) => fast::write_i64(*number, out),
        (Form::Text, Datum::Text(text)) => out.extend_from_slice(text.as_bytes()),
        (Form::Text | Form::General, _) => values::write_text(value, ty, access, out)?,
        (Form::Binary, _) => values::write_binary(value, ty, access, out)?,
    }
    Ok(())
}

fn write_value(
    values: &Values,
    lane: usize,
    ty: TypeRef,
    form: Form,
    access: &Access,
    out: &mut Vec<u8>,
) -> Result<()> {
    match form {
        Form::Text => match values {
            Values::Bool(bits) => out.push(if bits.get(lane) { b't' } else { b'f' }),
            Values::I16(lanes) => fast::write_i64(i64::from(lanes[lane]), out),
            Values::I32(lanes) if ty.oid == oids::INT4 => fast::write_i64(i64::from(lanes[lane]), out),
            Values::I32(lanes) if !matches!(lanes[lane], i32::MIN | i32::MAX) => {
                fast::write_date(lanes[lane], out)
            }
            Values::I64(lanes) => fast::write_i64(lanes[lane], out),
            Values::Fixed64 { unscaled, scale } => {
                fast::write_fixed(i128::from(unscaled[lane]), u16::from(*scale), out);
            }
            Values::Fixed128 { unscaled, scale } => fast::write_fixed(unscaled[lane], u16::from(*scale), out),
            Values::Views(views) if ty.oid != oids::NUMERIC => out.extend_from_slice(views.get(lane)),
            Values::Views(_) | Values::I32(_) | Values::F32(_) | Values::F64(_) | Values::Wide(_) => {
                values::write_text(&value_at(values, lane, ty)?, ty, access, out)?;
            }
        },
        Form::General => values::write_text(&value_at(values, lane, ty)?, ty, access, out)?,
        Form::Binary => values::write_binary(&value_at(values, lane, ty)?, ty, access, out)?,
    }
    Ok(())
}

/// Reads the parameters of a Bind message into `params`.
///
/// # Errors
/// Those of input functions, with PostgreSQL's CONTEXT line.
pub fn read_params(session: &Session, bind: &Bind<'_>, types: &[Oid], params: &mut Vec<Datum>) -> Result<()> {
    if types.is_empty() {
        return Ok(());
    }
    let access = session.access()?;
    for (index, (param, oid)) in bind.params.iter().zip(types).enumerate() {
        let ty = TypeRef::plain(*oid);
        let format = bind.param_formats.of(index);
        let value = match (param, format) {
            (None, _) => Ok(Datum::Null),
            (Some(bytes), 0) => {
                text_without_zeros(bytes).and_then(|text| values::read_text(text, ty, &access))
            }
            (Some(bytes), 1) => values::read_binary(bytes, ty, &access).map_err(|error| {
                if error.fields().message.starts_with("incorrect binary data format") {
                    PgError::new(
                        SqlState::INVALID_BINARY_REPRESENTATION,
                        format!("incorrect binary data format in bind parameter {}", index + 1),
                    )
                } else {
                    error
                }
            }),
            (Some(_), other) => Err(PgError::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("unsupported format code: {other}"),
            )),
        };
        params.push(value.map_err(|error| error.with_context(place_of(bind, index, param)))?);
    }
    Ok(())
}

/// Returns the CONTEXT line of an error in a parameter.
fn place_of(bind: &Bind<'_>, index: usize, param: Option<&[u8]>) -> String {
    let portal = match bind.portal {
        "" => "unnamed portal".to_owned(),
        name => format!("portal \"{name}\""),
    };
    // As bind_param_error_callback with log_parameter_max_length_on_error = 0: that there is a text, not which.
    let is_text =
        bind.param_formats.of(index) == 0 && param.is_some_and(|bytes| text_without_zeros(bytes).is_ok());
    format!("{portal} parameter ${}{}", index + 1, if is_text { " = '...'" } else { "" })
}

/// Returns `bytes` as text, which cannot hold a zero byte.
fn text_without_zeros(bytes: &[u8]) -> Result<&str> {
    if bytes.contains(&0) {
        return Err(PgError::new(
            SqlState::CHARACTER_NOT_IN_REPERTOIRE,
            "invalid byte sequence for encoding \"UTF8\": 0x00",
        ));
    }
    utf8(bytes)
}
