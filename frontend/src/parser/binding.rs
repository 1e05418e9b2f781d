//! The one call into libpg_query: text to a protobuf tree, with the error's cursor position, which `pg_query`'s own
//! function drops.
#![expect(unsafe_code, reason = "calls the C parser")]

use std::ffi::{CStr, CString, c_char, c_int};

/// What the parser reported.
#[derive(Debug)]
pub(super) struct Failure {
    /// The message.
    pub(super) message: String,
    /// Position in characters, counted from 1.
    pub(super) character_position: Option<usize>,
}

/// `PgQueryError` of pg_query.h.
#[repr(C)]
struct CError {
    message: *mut c_char,
    function: *mut c_char,
    file: *mut c_char,
    line: c_int,
    cursor_position: c_int,
    context: *mut c_char,
}

/// `PgQueryProtobuf` of pg_query.h.
#[repr(C)]
#[derive(Clone, Copy)]
struct CProtobuf {
    len: usize,
    data: *mut c_char,
}

/// `PgQueryProtobufParseResult` of pg_query.h.
#[repr(C)]
#[derive(Clone, Copy)]
struct CParseResult {
    tree: CProtobuf,
    stderr: *mut c_char,
    error: *mut CError,
}

unsafe extern "C" {
    fn pg_query_parse_protobuf_opts(input: *const c_char, options: c_int) -> CParseResult;
    fn pg_query_free_protobuf_parse_result(result: CParseResult);
}

/// `PG_QUERY_DISABLE_STANDARD_CONFORMING_STRINGS` of pg_query.h.
const BACKSLASHES_ESCAPE: c_int = 32;

/// Parses `sql` into an encoded `ParseResult`; `standard`: backslashes in plain literals are characters
/// (`standard_conforming_strings`).
pub(super) fn parse_protobuf(sql: &str, standard: bool) -> Result<Vec<u8>, Failure> {
    let input = CString::new(sql).map_err(|_| Failure {
        message: "invalid byte sequence for encoding \"UTF8\": 0x00".into(),
        character_position: None,
    })?;
    let options = if standard { 0 } else { BACKSLASHES_ESCAPE };
    // SAFETY: `input` is a terminated string that lives through the call.
    let result = unsafe { pg_query_parse_protobuf_opts(input.as_ptr(), options) };
    let outcome = if result.error.is_null() {
        if result.tree.data.is_null() {
            Ok(Vec::new())
        } else {
            // SAFETY: without an error `data` points to `len` bytes until the result is freed below.
            Ok(unsafe { std::slice::from_raw_parts(result.tree.data.cast::<u8>(), result.tree.len) }.to_vec())
        }
    } else {
        // SAFETY: a set error is valid until the result is freed below; its message is a terminated string.
        let (message, position) = unsafe {
            let error = &*result.error;
            (CStr::from_ptr(error.message).to_string_lossy().into_owned(), error.cursor_position)
        };
        Err(Failure {
            message,
            character_position: usize::try_from(position).ok().filter(|position| *position > 0),
        })
    };
    // SAFETY: freed once; nothing borrowed from it is left.
    unsafe { pg_query_free_protobuf_parse_result(result) };
    outcome
}
