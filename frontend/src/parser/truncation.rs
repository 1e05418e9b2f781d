//! Identifiers that are too long: the grammar cuts them, and PostgreSQL says so.

use pg_query::protobuf::Token;

/// Bytes of an identifier, at most.
const NAME_BYTES_MAX: usize = 63;

/// Returns the identifiers of a text that are too long, each with what is left of it, in order.
pub(super) fn truncated(sql: &str) -> Vec<(String, String)> {
    if !may_have_long_name(sql.as_bytes()) {
        return Vec::new();
    }
    let Ok(scan) = pg_query::scan(sql) else { return Vec::new() };
    let mut found = Vec::new();
    for token in &scan.tokens {
        let is_name = token.token == Token::Ident as i32 || token.token == Token::Uident as i32;
        let range = usize::try_from(token.start).ok().zip(usize::try_from(token.end).ok());
        let text = range.and_then(|(start, end)| sql.get(start..end));
        let Some(text) = text.filter(|text| is_name && text.len() > NAME_BYTES_MAX) else { continue };
        let name = match text.split_once('"') {
            Some((_, quoted)) => quoted.strip_suffix('"').unwrap_or(quoted).replace("\"\"", "\""),
            None => text.to_ascii_lowercase(),
        };
        if name.len() > NAME_BYTES_MAX {
            let mut end = NAME_BYTES_MAX;
            while !name.is_char_boundary(end) {
                end -= 1;
            }
            let cut = name[..end].to_owned();
            found.push((name, cut));
        }
    }
    found
}

/// Says whether there may be one: a long run of letters, or a quotation mark in a long text.
fn may_have_long_name(sql: &[u8]) -> bool {
    if sql.len() <= NAME_BYTES_MAX {
        return false;
    }
    if sql.contains(&b'"') {
        return true;
    }
    let mut run = 0;
    sql.iter().any(|byte| {
        run = if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 128..) { run + 1 } else { 0 };
        run > NAME_BYTES_MAX
    })
}
