//! Messages from the client: framing with bounded lengths, and the decoding of bodies.
//!
//! Every read of a body is checked, so that no bytes a client sends can do more than end its own statement
//! (a malformed body, `08P01`) or its own connection (lost framing). The codec is our own because pgwire's decoders
//! trust the lengths inside a body.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::placement::LookingStream;
use super::socket::Socket;
use types::{Oid, PgError, Result, SqlState};

/// The longest message of the kinds that carry data, as PostgreSQL's `PQ_LARGE_MESSAGE_LIMIT`.
const LARGE_MESSAGE_BYTES_MAX: usize = 0x3fff_ffff - 1;
/// The longest message of the other kinds, as PostgreSQL's `PQ_SMALL_MESSAGE_LIMIT`.
const SMALL_MESSAGE_BYTES_MAX: usize = 10_000;
/// The longest startup packet, as PostgreSQL's `MAX_STARTUP_PACKET_LENGTH`.
const STARTUP_BYTES_MAX: usize = 10_000;
/// Size of the read buffer; a tuning constant.
const READ_BUFFER_BYTES: usize = 128 * 1024;
/// A message's type and length.
const HEAD_BYTES: usize = 5;

/// Why no message could be read.
#[derive(Debug)]
pub enum ReadError {
    /// The client is gone.
    Closed,
    /// The framing is lost: the connection ends with this error.
    Fatal(PgError),
}

impl From<io::Error> for ReadError {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

/// The client's half of a connection.
pub struct Input {
    reader: BufReader<LookingStream>,
    /// Whether a message was left before its end, so that nobody knows where the next one begins.
    lost: bool,
    /// The memory of the last message's body.
    spare: Vec<u8>,
}

/// A message of a COPY FROM.
#[derive(Debug)]
pub enum CopyStep {
    /// Data, appended to the caller's buffer.
    Data,
    /// The end of the data.
    Done,
    /// The client gives up.
    Fail(String),
    /// Flush and Sync mean nothing here.
    Ignored,
}

/// A message as it came: its type and its body.
pub struct RawMessage {
    /// The type byte.
    pub tag: u8,
    /// The body, without the length.
    pub body: Vec<u8>,
}

impl Input {
    /// Reads from `stream`; looks for the next message while `looks` is set.
    pub fn new(stream: Socket, looks: Arc<AtomicBool>) -> Self {
        let stream = LookingStream::new(stream, looks);
        Self { reader: BufReader::with_capacity(READ_BUFFER_BYTES, stream), lost: false, spare: Vec::new() }
    }

    /// Reads a startup packet: its first word and the rest.
    ///
    /// # Errors
    /// When the client is gone or sent an impossible length, which gets no answer: it hardly speaks this protocol.
    pub fn startup(&mut self) -> Result<(u32, Vec<u8>), ReadError> {
        let len = self.word()? as usize;
        if !(8..=STARTUP_BYTES_MAX).contains(&len) {
            return Err(ReadError::Closed);
        }
        let code = self.word()?;
        Ok((code, self.bytes(len - 8)?))
    }

    /// Returns an error when bytes have come before the answer to a request for encryption: they would pass for
    /// encrypted ones later.
    ///
    /// # Errors
    /// As PostgreSQL's `ProcessStartupPacket`.
    pub fn check_nothing_buffered(&self) -> Result<(), ReadError> {
        if !self.has_buffered() {
            return Ok(());
        }
        Err(ReadError::Fatal(
            protocol_violation("received unencrypted data after SSL request").with_detail(
                "This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.",
            ),
        ))
    }

    /// Says whether the connection has to end because nobody knows where its next message begins.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// Reads the next message.
    ///
    /// # Errors
    /// When the client is gone or the framing is lost. An impossible length gets no answer, as with PostgreSQL.
    pub fn message(&mut self) -> Result<RawMessage, ReadError> {
        if self.lost {
            return Err(ReadError::Fatal(protocol_violation(
                "terminating connection because protocol synchronization was lost",
            )));
        }
        let head = match self.reader.fill_buf()?.first_chunk::<HEAD_BYTES>() {
            Some(head) => *head,
            None => {
                // The type decides before a length has come.
                let mut head = [0; HEAD_BYTES];
                let buffered = self.reader.buffer().len();
                if buffered == 0 {
                    return Err(ReadError::Closed);
                }
                head[0] = self.reader.buffer()[0];
                length_max(head[0])?;
                self.reader.read_exact(&mut head)?;
                return self.rest_of_message(head);
            }
        };
        self.reader.consume(HEAD_BYTES);
        self.rest_of_message(head)
    }

    /// Reads the body of a message.
    fn rest_of_message(&mut self, head: [u8; HEAD_BYTES]) -> Result<RawMessage, ReadError> {
        let [tag, len @ ..] = head;
        let limit = length_max(tag)?;
        let len = u32::from_be_bytes(len) as usize;
        if len < 4 || len - 4 > limit {
            return Err(ReadError::Closed);
        }
        let len = len - 4;
        if let Some(buffered) = self.reader.buffer().get(..len) {
            let mut body = std::mem::take(&mut self.spare);
            body.extend_from_slice(buffered);
            self.reader.consume(len);
            return Ok(RawMessage { tag, body });
        }
        Ok(RawMessage { tag, body: self.bytes(len)? })
    }

    /// Takes the memory of a message that is done with, for the next one.
    pub fn recycle(&mut self, message: RawMessage) {
        if message.body.capacity() <= READ_BUFFER_BYTES {
            self.spare = message.body;
            self.spare.clear();
        }
    }

    /// Reads the next message of a COPY FROM; data is appended to `pending` without a detour.
    ///
    /// # Errors
    /// When the client is gone, or the message is malformed or does not belong into a COPY: then the framing is lost.
    pub fn copy_step(&mut self, pending: &mut Vec<u8>) -> Result<CopyStep, ReadError> {
        let mut head = [0; 5];
        self.reader.read_exact(&mut head)?;
        let len = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let limit = if head[0] == b'd' { LARGE_MESSAGE_BYTES_MAX } else { SMALL_MESSAGE_BYTES_MAX };
        if len < 4 || len - 4 > limit {
            return Err(ReadError::Closed);
        }
        match head[0] {
            b'd' => {
                let read = (&mut self.reader).take(len as u64 - 4).read_to_end(pending)?;
                if read == len - 4 { Ok(CopyStep::Data) } else { Err(ReadError::Closed) }
            }
            b'c' => self.bytes(len - 4).map(|_| CopyStep::Done),
            b'f' => {
                let body = self.bytes(len - 4)?;
                let reason = Body { bytes: &body }.string().map_err(ReadError::Fatal)?;
                Ok(CopyStep::Fail(reason.to_owned()))
            }
            b'H' | b'S' => self.bytes(len - 4).map(|_| CopyStep::Ignored),
            other => {
                self.lost = true;
                Err(ReadError::Fatal(protocol_violation(format!(
                    "unexpected message type 0x{other:02X} during COPY from stdin"
                ))))
            }
        }
    }

    /// Returns whether more bytes have arrived already, so that answers can wait for more work.
    pub fn has_buffered(&self) -> bool {
        !self.reader.buffer().is_empty()
    }

    fn word(&mut self) -> Result<u32, ReadError> {
        let mut word = [0; 4];
        self.reader.read_exact(&mut word)?;
        Ok(u32::from_be_bytes(word))
    }

    /// Reads `len` bytes; memory grows with what arrives, not with what a length claims.
    fn bytes(&mut self, len: usize) -> Result<Vec<u8>, ReadError> {
        let mut body = Vec::with_capacity(len.min(READ_BUFFER_BYTES));
        let read = (&mut self.reader).take(len as u64).read_to_end(&mut body)?;
        if read == len { Ok(body) } else { Err(ReadError::Closed) }
    }
}

/// Returns the longest body of a message of a type.
fn length_max(tag: u8) -> Result<usize, ReadError> {
    match tag {
        b'Q' | b'P' | b'B' | b'F' | b'd' => Ok(LARGE_MESSAGE_BYTES_MAX),
        b'C' | b'D' | b'E' | b'H' | b'S' | b'X' | b'c' | b'f' => Ok(SMALL_MESSAGE_BYTES_MAX),
        other => Err(ReadError::Fatal(protocol_violation(format!("invalid frontend message type {other}")))),
    }
}

/// A decoded message of the simple or extended protocol.
#[derive(Debug)]
pub enum Message<'a> {
    /// Simple query.
    Query(&'a str),
    /// Parse.
    Parse {
        /// Statement name; empty: the unnamed one.
        name: &'a str,
        /// Text.
        sql: &'a str,
        /// Parameter types that the client fixes; 0: to be inferred.
        types: Vec<Oid>,
    },
    /// Bind.
    Bind(Bind<'a>),
    /// Describe of a statement (`S`) or portal (`P`).
    Describe(u8, &'a str),
    /// Execute.
    Execute {
        /// Portal.
        portal: &'a str,
        /// Most rows to send; 0: all.
        rows_max: usize,
    },
    /// Close of a statement (`S`) or portal (`P`).
    Close(u8, &'a str),
    /// Flush.
    Flush,
    /// Sync.
    Sync,
    /// Fast-path function call.
    FunctionCall,
    /// What is left of a COPY.
    Copy,
    /// The client says goodbye.
    Terminate,
}

/// The body of a Bind message.
#[derive(Debug)]
pub struct Bind<'a> {
    /// Portal to make.
    pub portal: &'a str,
    /// Statement to take.
    pub statement: &'a str,
    /// Formats of the parameters.
    pub param_formats: Formats<'a>,
    /// The parameters.
    pub params: Params<'a>,
    /// Formats of the result columns.
    pub result_formats: Formats<'a>,
}

/// Format codes as they came.
#[derive(Debug, Clone, Copy)]
pub struct Formats<'a> {
    /// Big-endian words of 16 bits.
    bytes: &'a [u8],
}

impl Formats<'_> {
    /// Returns the number of codes.
    pub fn count(self) -> usize {
        self.bytes.len() / 2
    }

    /// Returns the codes.
    pub fn iter(self) -> impl Iterator<Item = i16> {
        self.bytes.chunks_exact(2).map(|code| i16::from_be_bytes([code[0], code[1]]))
    }

    /// Returns the format of value `index`: no code stands for text, one for all values.
    pub fn of(self, index: usize) -> i16 {
        let at = if self.count() == 1 { 0 } else { index };
        self.bytes.get(at * 2..at * 2 + 2).map_or(0, |code| i16::from_be_bytes([code[0], code[1]]))
    }
}

/// Values of parameters as they came.
#[derive(Debug, Clone, Copy)]
pub struct Params<'a> {
    count: usize,
    /// Lengths and bytes, checked.
    bytes: &'a [u8],
}

impl<'a> Params<'a> {
    /// Returns the number of parameters.
    pub fn count(self) -> usize {
        self.count
    }

    /// Returns the parameters; `None`: NULL.
    pub fn iter(self) -> impl Iterator<Item = Option<&'a [u8]>> {
        let mut rest = self.bytes;
        (0..self.count).map(move |_| {
            let (len, after) = rest.split_first_chunk::<4>()?;
            rest = after;
            let len = usize::try_from(i32::from_be_bytes(*len)).ok()?;
            let (value, after) = rest.split_at_checked(len)?;
            rest = after;
            Some(value)
        })
    }
}

impl RawMessage {
    /// Decodes the body.
    ///
    /// # Errors
    /// `08P01` for a malformed body, `22021` for text that is not UTF-8.
    pub fn decode(&self) -> Result<Message<'_>> {
        let mut body = Body { bytes: &self.body };
        let message = match self.tag {
            b'Q' => Message::Query(body.string()?),
            b'P' => {
                let (name, sql) = (body.string()?, body.string()?);
                let count = body.count()?;
                let types = (0..count).map(|_| body.word()).collect::<Result<_>>()?;
                Message::Parse { name, sql, types }
            }
            b'B' => Message::Bind(body.bind()?),
            b'D' => Message::Describe(body.byte()?, body.string()?),
            b'E' => {
                let portal = body.string()?;
                let rows_max = usize::try_from(body.word()? as i32).unwrap_or(0);
                Message::Execute { portal, rows_max }
            }
            b'C' => Message::Close(body.byte()?, body.string()?),
            b'H' => Message::Flush,
            b'S' => Message::Sync,
            b'F' => return Ok(Message::FunctionCall),
            b'd' => return Ok(Message::Copy),
            b'c' => Message::Copy,
            b'f' => {
                body.string()?;
                Message::Copy
            }
            b'X' => Message::Terminate,
            other => return Err(protocol_violation(format!("invalid frontend message type {other}"))),
        };
        if !body.bytes.is_empty() {
            return Err(protocol_violation("invalid message format"));
        }
        Ok(message)
    }
}

/// What is left of a body.
pub(super) struct Body<'a> {
    pub(super) bytes: &'a [u8],
}

impl<'a> Body<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .bytes
            .split_at_checked(len)
            .ok_or_else(|| protocol_violation("insufficient data left in message"))?;
        self.bytes = rest;
        Ok(taken)
    }
    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }
    fn word(&mut self) -> Result<u32> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }
    /// Reads a 16-bit count, unsigned as PostgreSQL reads them.
    fn count(&mut self) -> Result<usize> {
        let bytes = self.take(2)?;
        Ok(usize::from(u16::from_be_bytes([bytes[0], bytes[1]])))
    }
    /// Reads a string that ends with a zero byte.
    pub(super) fn string(&mut self) -> Result<&'a str> {
        let end =
            memchr::memchr(0, self.bytes).ok_or_else(|| protocol_violation("invalid string in message"))?;
        let text = self.take(end + 1)?;
        utf8(&text[..end])
    }
    fn formats(&mut self) -> Result<Formats<'a>> {
        let count = self.count()?;
        Ok(Formats { bytes: self.take(count * 2)? })
    }
    fn bind(&mut self) -> Result<Bind<'a>> {
        let (portal, statement) = (self.string()?, self.string()?);
        let param_formats = self.formats()?;
        let count = self.count()?;
        let start = self.bytes;
        for _ in 0..count {
            let len = self.word()? as i32;
            if len != -1 {
                let len = usize::try_from(len)
                    .map_err(|_| protocol_violation("insufficient data left in message"))?;
                self.take(len)?;
            }
        }
        let params = Params { count, bytes: &start[..start.len() - self.bytes.len()] };
        Ok(Bind { portal, statement, param_formats, params, result_formats: self.formats()? })
    }
}

/// Returns `bytes` as text.
///
/// # Errors
/// `22021` naming the first wrong bytes, as PostgreSQL's `report_invalid_encoding`.
pub fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let rest = &bytes[error.valid_up_to()..];
        let expected = match rest.first() {
            Some(0xc0..=0xdf) => 2,
            Some(0xe0..=0xef) => 3,
            Some(0xf0..=0xf7) => 4,
            _ => 1,
        };
        let shown: Vec<String> = rest.iter().take(expected).map(|byte| format!("0x{byte:02x}")).collect();
        PgError::new(
            SqlState::CHARACTER_NOT_IN_REPERTOIRE,
            format!("invalid byte sequence for encoding \"UTF8\": {}", shown.join(" ")),
        )
    })
}

/// Returns a `08P01`.
pub fn protocol_violation(message: impl Into<String>) -> PgError {
    PgError::new(SqlState::PROTOCOL_VIOLATION, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(tag: u8, body: &[u8]) -> RawMessage {
        RawMessage { tag, body: body.to_vec() }
    }

    #[test]
    fn bodies_are_checked() {
        assert!(matches!(raw(b'Q', b"select 1\0").decode(), Ok(Message::Query(sql)) if sql == "select 1"));
        let message = |tag: u8, body: &[u8]| raw(tag, body).decode().unwrap_err().fields().message.clone();
        assert_eq!(message(b'Q', b"select 1"), "invalid string in message");
        assert_eq!(message(b'Q', b"a\0b"), "invalid message format");
        assert_eq!(message(b'Q', b"\xff\0"), "invalid byte sequence for encoding \"UTF8\": 0xff");
        assert_eq!(message(b'P', b"a\0b\0\x00\x02\x00\x00"), "insufficient data left in message");
        assert_eq!(message(b'B', b"\0\0\0\0\0\x01\xff\xff\xff\xf0"), "insufficient data left in message");
        let bound = raw(b'B', b"\0\0\0\0\0\x02\xff\xff\xff\xff\0\0\0\x01x\0\x02\0\x01\0\0");
        let Ok(Message::Bind(bind)) = bound.decode() else { panic!("no Bind") };
        assert_eq!(bind.params.iter().collect::<Vec<_>>(), [None, Some(&b"x"[..])]);
        assert_eq!(bind.result_formats.iter().collect::<Vec<_>>(), [1, 0]);
        assert_eq!((0..3).map(|at| bind.result_formats.of(at)).collect::<Vec<_>>(), [1, 0, 0]);
        assert_eq!(bind.param_formats.of(1), 0);
    }
}
