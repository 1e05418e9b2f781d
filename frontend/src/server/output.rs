//! Messages to the client: appended to a buffer that is written when it is large or an answer is complete.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::placement::Placement;
use super::socket::Socket;
use types::errors::ErrorFields;
use types::{Oid, Result, TypeRef};

/// Written to the socket from this size on; a tuning constant.
const FLUSH_BYTES: usize = 64 * 1024;

/// The server's half of a connection.
pub struct Output {
    stream: Socket,
    placement: Placement,
    buffer: Vec<u8>,
    /// The client is gone: everything is dropped.
    broken: bool,
}

/// How grave a report is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Ends the connection.
    Fatal,
    /// Ends the statement.
    Error,
    /// WARNING
    Warning,
    /// NOTICE
    Notice,
    /// INFO
    Info,
}

impl Severity {
    fn name(self) -> &'static str {
        match self {
            Self::Fatal => "FATAL",
            Self::Error => "ERROR",
            Self::Warning => "WARNING",
            Self::Notice => "NOTICE",
            Self::Info => "INFO",
        }
    }
}

/// A column as RowDescription names it.
#[derive(Debug, Clone)]
pub struct FieldDescription {
    /// Name.
    pub name: String,
    /// Table and column number when it is a plain column.
    pub origin: Option<(Oid, i16)>,
    /// Type.
    pub ty: TypeRef,
    /// `pg_type.typlen`.
    pub size: i16,
}

impl Output {
    /// Writes to `stream`; sets `looks` when the next message is to be looked for.
    pub fn new(stream: Socket, looks: Arc<AtomicBool>) -> Self {
        let placement = Placement::new(&stream, looks);
        Self { stream, placement, buffer: Vec::with_capacity(8 * 1024), broken: false }
    }

    /// Returns whether writing has failed: nobody reads any more.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Notes a statement of the short path, for where this thread runs and how it waits.
    pub fn small_statement(&mut self) {
        self.placement.small_statement(&self.stream);
    }

    /// Notes that a statement begins which is none of the short path.
    pub fn other_statement(&mut self) {
        self.placement.other_statement();
    }

    /// Writes what is buffered.
    pub fn flush(&mut self) {
        if !self.buffer.is_empty() && !self.broken {
            self.broken = self.stream.write_all(&self.buffer).is_err();
        }
        self.buffer.clear();
    }

    /// Appends finished messages, such as rows encoded elsewhere.
    pub fn append(&mut self, messages: &[u8]) {
        if self.broken {
            return;
        }
        if messages.len() >= FLUSH_BYTES {
            self.flush();
            self.broken = self.stream.write_all(messages).is_err();
        } else {
            self.buffer.extend_from_slice(messages);
            self.flush_if_large();
        }
    }

    /// Appends a finished message that `fill` writes; nothing when that fails.
    ///
    /// # Errors
    /// Those of `fill`.
    pub fn row(&mut self, fill: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        let start = self.buffer.len();
        if let Err(error) = fill(&mut self.buffer) {
            self.buffer.truncate(start);
            return Err(error);
        }
        if self.broken {
            self.buffer.truncate(start);
        }
        self.flush_if_large();
        Ok(())
    }

    /// Writes one raw byte at once (the answer to SSLRequest).
    ///
    /// # Errors
    /// When the client is gone.
    pub fn raw_byte(&mut self, byte: u8) -> io::Result<()> {
        self.stream.write_all(&[byte])
    }

    /// Appends a message whose body `fill` writes.
    pub fn message(&mut self, tag: u8, fill: impl FnOnce(&mut Vec<u8>)) {
        write_message(&mut self.buffer, tag, fill);
        self.flush_if_large();
    }

    /// Appends a message without a body.
    pub fn empty(&mut self, tag: u8) {
        self.message(tag, |_| {});
    }

    /// Appends CommandComplete.
    pub fn command_complete(&mut self, tag: &str) {
        self.message(b'C', |body| put_string(body, tag));
    }

    /// Appends ReadyForQuery.
    pub fn ready(&mut self, status: u8) {
        self.message(b'Z', |body| body.push(status));
    }

    /// Appends ParameterStatus.
    pub fn parameter_status(&mut self, name: &str, value: &str) {
        self.message(b'S', |body| {
            put_string(body, name);
            put_string(body, value);
        });
    }

    /// Appends ErrorResponse or NoticeResponse. `sql` is the text that a location counts in.
    pub fn report(&mut self, severity: Severity, fields: &ErrorFields, sql: Option<&str>) {
        let tag = match severity {
            Severity::Fatal | Severity::Error => b'E',
            Severity::Warning | Severity::Notice | Severity::Info => b'N',
        };
        let position = match (fields.location, sql) {
            (Some(location), Some(sql)) => Some(character_position(sql, location).to_string()),
            _ => None,
        };
        self.message(tag, |body| {
            let mut field = |code: u8, value: Option<&str>| {
                if let Some(value) = value {
                    body.push(code);
                    put_string(body, value);
                }
            };
            field(b'S', Some(severity.name()));
            field(b'V', Some(severity.name()));
            field(b'C', Some(fields.sqlstate.as_str()));
            field(b'M', Some(&fields.message));
            field(b'D', fields.detail.as_deref());
            field(b'H', fields.hint.as_deref());
            field(b'P', position.as_deref());
            field(b'W', fields.context.as_deref());
            field(b's', fields.schema.as_deref());
            field(b't', fields.table.as_deref());
            field(b'c', fields.column.as_deref());
            field(b'd', fields.data_type.as_deref());
            field(b'n', fields.constraint.as_deref());
            body.push(0);
        });
    }

    /// Appends RowDescription; `formats` as in Bind (none: text, one: for all).
    pub fn row_description(&mut self, columns: &[FieldDescription], formats: &[i16]) {
        self.message(b'T', |body| {
            put_count(body, columns.len());
            for (index, column) in columns.iter().enumerate() {
                put_string(body, &column.name);
                let (table, number) = column.origin.unwrap_or((0, 0));
                body.extend_from_slice(&table.to_be_bytes());
                body.extend_from_slice(&number.to_be_bytes());
                body.extend_from_slice(&column.ty.oid.to_be_bytes());
                body.extend_from_slice(&column.size.to_be_bytes());
                body.extend_from_slice(&column.ty.typmod.to_be_bytes());
                body.extend_from_slice(&format_of(formats, index).to_be_bytes());
            }
        });
    }

    fn flush_if_large(&mut self) {
        if self.buffer.len() >= FLUSH_BYTES {
            self.flush();
        }
    }
}

/// Returns the format of column `index` by the rules of Bind.
pub fn format_of(formats: &[i16], index: usize) -> i16 {
    match formats {
        [] => 0,
        [all] => *all,
        each => each.get(index).copied().unwrap_or(0),
    }
}

/// Appends a message to `buffer`; its length is filled in afterwards.
pub fn write_message(buffer: &mut Vec<u8>, tag: u8, fill: impl FnOnce(&mut Vec<u8>)) {
    buffer.push(tag);
    let start = buffer.len();
    buffer.extend_from_slice(&[0; 4]);
    fill(buffer);
    let len = (buffer.len() - start) as u32;
    buffer[start..start + 4].copy_from_slice(&len.to_be_bytes());
}

/// Appends a string and its zero byte.
pub fn put_string(body: &mut Vec<u8>, text: &str) {
    body.extend(text.bytes().filter(|byte| *byte != 0));
    body.push(0);
}

/// Appends a 16-bit count.
pub fn put_count(body: &mut Vec<u8>, count: usize) {
    body.extend_from_slice(&(count as u16).to_be_bytes());
}

/// Turns a byte offset into a position counted in characters from 1.
fn character_position(sql: &str, location: usize) -> usize {
    let mut end = location.min(sql.len());
    while !sql.is_char_boundary(end) {
        end -= 1;
    }
    sql[..end].chars().count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters() {
        assert_eq!(character_position("select 'ä', x", 13), 13);
        assert_eq!(character_position("select x", 7), 8);
        assert_eq!(character_position("ab", 99), 3);
    }
}
