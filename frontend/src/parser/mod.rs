//! SQL text to raw statements, by PostgreSQL's own grammar.
//!
//! [`parse`] gives all statements of a text with their byte ranges (the simple protocol sends several at once). Texts
//! that recur are served from a bounded cache. Errors carry PostgreSQL's message and position. The C code watches its own
//! stack; a tree that is nested deeper than `nesting::TREE_DEPTH_MAX` is refused with `54001`, a deep one is decoded and
//! dropped on a stack that is large enough.

mod binding;
mod cache;
mod nesting;
mod truncation;

use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::ParseResult;
use prost::Message;
use types::{PgError, Result, SqlState};

/// What the C parser says when its stack is used up.
const STACK_DEPTH_MESSAGE: &str = "stack depth limit exceeded";

/// The statements of one text.
#[derive(Debug)]
pub struct Parsed {
    /// The text, as given.
    pub text: Arc<str>,
    /// Its statements in order; empty for a text of blanks and comments.
    pub statements: Vec<RawStatement>,
    /// Identifiers that were too long, and what is left of them.
    pub truncated: Vec<(String, String)>,
}

/// One statement as the grammar made it.
#[derive(Debug)]
pub struct RawStatement {
    /// The tree. Locations in it are byte offsets in [`Parsed::text`].
    pub node: NodeEnum,
    /// Byte range of the statement in [`Parsed::text`], without its semicolon.
    pub range: std::ops::Range<usize>,
}

impl Drop for Parsed {
    fn drop(&mut self) {
        let statements = std::mem::take(&mut self.statements);
        stacker::maybe_grow(nesting::STACK_RED_ZONE_BYTES, nesting::TREE_STACK_BYTES, || drop(statements));
    }
}

/// Parses `sql`, or finds it in the cache.
///
/// # Errors
/// `42601` and the other errors of PostgreSQL's scanner and grammar, with location; `54001` for a text that is nested
/// too deeply.
pub fn parse(sql: &str) -> Result<Arc<Parsed>> {
    if let Some(parsed) = cache::find(sql) {
        return Ok(parsed);
    }
    let parsed = Arc::new(parse_uncached(sql, true)?);
    cache::keep(&parsed);
    Ok(parsed)
}

/// Parses `sql` with backslashes that escape in plain literals: `standard_conforming_strings` is off.
///
/// # Errors
/// As [`parse`].
pub fn parse_with_escapes(sql: &str) -> Result<Arc<Parsed>> {
    parse_uncached(sql, false).map(Arc::new)
}

/// Runs the C parser, which stops with `54001` before it overflows its stack; on a small stack it gets a second
/// chance with the budget that a PostgreSQL backend has.
fn parse_tree(sql: &str, standard: bool) -> Result<Vec<u8>> {
    match binding::parse_protobuf(sql, standard) {
        Ok(tree) => Ok(tree),
        Err(failure) if failure.message == STACK_DEPTH_MESSAGE => std::thread::scope(|scope| {
            let builder =
                std::thread::Builder::new().name("parser".into()).stack_size(nesting::PARSER_STACK_BYTES);
            let thread = builder
                .spawn_scoped(scope, || binding::parse_protobuf(sql, standard))
                .map_err(|_| stack_depth_exceeded())?;
            let outcome = thread.join().map_err(|_| PgError::internal("the parser thread panicked"))?;
            outcome.map_err(|failure| syntax_error(sql, failure))
        }),
        Err(failure) => Err(syntax_error(sql, failure)),
    }
}

fn parse_uncached(sql: &str, standard: bool) -> Result<Parsed> {
    if let Some(position) = sql.bytes().position(|byte| byte == 0) {
        let error = PgError::new(
            SqlState::CHARACTER_NOT_IN_REPERTOIRE,
            "invalid byte sequence for encoding \"UTF8\": 0x00",
        );
        return Err(error.at(Some(position)));
    }
    let tree = parse_tree(sql, standard)?;
    let depth = nesting::tree_depth(&tree);
    if depth > nesting::TREE_DEPTH_MAX {
        return Err(stack_depth_exceeded());
    }
    let decode = || ParseResult::decode(tree.as_slice());
    let result = stacker::maybe_grow(nesting::decoding_bytes(depth), nesting::TREE_STACK_BYTES, decode);
    let result = result.map_err(|error| PgError::internal(error.to_string()))?;
    let mut statements = Vec::with_capacity(result.stmts.len());
    for statement in result.stmts {
        let start = usize::try_from(statement.stmt_location).unwrap_or(0).min(sql.len());
        let end = match usize::try_from(statement.stmt_len) {
            Ok(0) | Err(_) => sql.len(),
            Ok(len) => (start + len).min(sql.len()),
        };
        if let Some(node) = statement.stmt.and_then(|node| node.node) {
            statements.push(RawStatement { node, range: start..end });
        }
    }
    Ok(Parsed { text: Arc::from(sql), statements, truncated: truncation::truncated(sql) })
}

/// Returns the `54001` that PostgreSQL raises for deep nesting.
fn stack_depth_exceeded() -> PgError {
    PgError::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded").with_hint(
        "Increase the configuration parameter \"max_stack_depth\" (currently 2048kB), after ensuring the platform's stack depth limit is adequate.",
    )
}

/// Makes the error out of what the grammar reported. The binding does not tell the SQLSTATE; it follows from the message.
fn syntax_error(sql: &str, failure: binding::Failure) -> PgError {
    let message = failure.message;
    if message == STACK_DEPTH_MESSAGE {
        return stack_depth_exceeded();
    }
    let sqlstate = if message.contains("not supported")
        || message.contains("cannot include schema elements")
        || message.contains("not implemented")
        || message.contains("not yet implemented")
        || message.contains(" constraints cannot be marked ")
    {
        SqlState::FEATURE_NOT_SUPPORTED
    } else if message.starts_with("invalid Unicode escape") && !message.contains("character") {
        SqlState::INVALID_ESCAPE_SEQUENCE
    } else if message.starts_with("precision for type float must")
        || message.starts_with("column number must be in range")
    {
        SqlState::INVALID_PARAMETER_VALUE
    } else if message.starts_with("frame start") || message.starts_with("frame end") {
        SqlState::WINDOWING_ERROR
    } else if message.starts_with("invalid byte sequence") {
        SqlState::CHARACTER_NOT_IN_REPERTOIRE
    } else if message.starts_with("unsafe use of") {
        SqlState(*b"22P06")
    } else if message == "memory exhausted" {
        SqlState::OUT_OF_MEMORY
    } else {
        SqlState::SYNTAX_ERROR
    };
    let location = failure.character_position.map(|position| byte_offset(sql, position));
    PgError::new(sqlstate, message).at(location)
}

/// Turns a position counted in characters from 1 into a byte offset.
fn byte_offset(sql: &str, character_position: usize) -> usize {
    sql.char_indices().nth(character_position.saturating_sub(1)).map_or(sql.len(), |(offset, _)| offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_have_their_ranges() {
        let sql = "select 1; /* c */ select 'ä;' ;; insert into t values (1)";
        let parsed = parse(sql).unwrap();
        let texts: Vec<&str> =
            parsed.statements.iter().map(|statement| sql[statement.range.clone()].trim()).collect();
        assert_eq!(texts.len(), 3);
        assert!(texts[0].ends_with("select 1") && texts[1].ends_with("select 'ä;'"), "{texts:?}");
        assert!(Arc::ptr_eq(&parsed, &parse(sql).unwrap()));
        assert!(parse("  -- nothing\n").unwrap().statements.is_empty());
    }

    #[test]
    fn syntax_errors_have_position_and_message() {
        let error = parse("select 'ä', 1 frm x, y").unwrap_err();
        assert_eq!(error.fields().message, "syntax error at or near \"x\"");
        assert_eq!(error.sqlstate(), SqlState::SYNTAX_ERROR);
        assert_eq!(error.fields().location, Some("select 'ä', 1 frm ".len()));
        let error = parse("select 1 +").unwrap_err();
        assert_eq!(error.fields().message, "syntax error at end of input");
        assert_eq!(error.fields().location, Some(10));
        let error = parse("select 'abc").unwrap_err();
        assert_eq!(error.fields().message, "unterminated quoted string at or near \"'abc\"");
    }

    #[test]
    fn deep_nesting_is_an_error_and_not_a_crash() {
        let chain = format!("select 1{}", "+1".repeat(100_000));
        assert_eq!(parse(&chain).unwrap_err().sqlstate(), SqlState::STATEMENT_TOO_COMPLEX);
        let parens = format!("select {}1{}", "(".repeat(5_000), ")".repeat(5_000));
        assert_eq!(parse(&parens).unwrap().statements.len(), 1);
        let subqueries = format!("select {}1{}", "(select ".repeat(3_000), ")".repeat(3_000));
        assert!(parse(&subqueries).is_err());
        let moderate = format!("select 1{}", "+1".repeat(1_000));
        assert_eq!(parse(&moderate).unwrap().statements.len(), 1);
        let wide = format!("values {}(1)", "(1, -2, 'x'), ".repeat(20_000));
        assert_eq!(parse(&wide).unwrap().statements.len(), 1);
    }
}
