//! Splits a script into statements as psql does.
//!
//! A statement ends at a semicolon outside quotes, dollar quotes, comments and parentheses. Lines that begin with a
//! backslash are psql's own commands and are skipped. The lines after `COPY ... FROM STDIN` up to `\.` are its data.

/// A statement and the COPY data that follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptStatement {
    /// Text without the semicolon.
    pub sql: String,
    /// Lines up to `\.`, each with its newline.
    pub copy_data: Option<String>,
    /// 1-based line on which it begins.
    pub line: usize,
}

/// Splits `script`.
pub fn split(script: &str) -> Vec<ScriptStatement> {
    let mut statements = Vec::new();
    let mut rest = script;
    let mut line = 1;
    loop {
        let (skipped, after) = skip_space(rest);
        line += skipped;
        rest = after;
        if rest.is_empty() {
            return statements;
        }
        if rest.starts_with('\\') {
            let end = rest.find('\n').map_or(rest.len(), |at| at + 1);
            rest = &rest[end..];
            line += 1;
            continue;
        }
        let end = statement_end(rest);
        let sql = rest[..end].trim_end().to_owned();
        let begin = line;
        line += rest[..end].matches('\n').count();
        rest = rest[end..].strip_prefix(';').unwrap_or(&rest[end..]);
        let copy_data = is_copy_from_stdin(&sql).then(|| {
            let (data, lines, after) = copy_block(rest);
            line += lines;
            rest = after;
            data
        });
        if !sql.is_empty() {
            statements.push(ScriptStatement { sql, copy_data, line: begin });
        }
    }
}

/// Skips white space and comments between statements; returns the newlines passed.
fn skip_space(text: &str) -> (usize, &str) {
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start();
        let after = if trimmed.starts_with("--") {
            &trimmed[trimmed.find('\n').unwrap_or(trimmed.len())..]
        } else if trimmed.starts_with("/*") {
            &trimmed[comment_end(trimmed)..]
        } else if let Some(after) = trimmed.strip_prefix(';') {
            after
        } else {
            let passed = &text[..text.len() - trimmed.len()];
            return (passed.matches('\n').count(), trimmed);
        };
        rest = after;
    }
}

fn comment_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0;
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

fn statement_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut depth = 0_i32;
    while at < bytes.len() {
        match bytes[at] {
            b';' if depth <= 0 => return at,
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'\'' => {
                let escapes = at > 0
                    && matches!(bytes[at - 1], b'e' | b'E')
                    && (at < 2 || !(bytes[at - 2].is_ascii_alphanumeric() || bytes[at - 2] == b'_'));
                at = quote_end(bytes, at, b'\'', escapes);
                continue;
            }
            b'"' => {
                at = quote_end(bytes, at, b'"', false);
                continue;
            }
            b'-' if bytes[at..].starts_with(b"--") => {
                at += bytes[at..].iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len() - at);
                continue;
            }
            b'/' if bytes[at..].starts_with(b"/*") => {
                at += comment_end(&text[at..]);
                continue;
            }
            b'$' if at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_') => {
                if let Some(end) = dollar_quote_end(text, at) {
                    at = end;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

fn quote_end(bytes: &[u8], start: usize, quote: u8, escapes: bool) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        if escapes && bytes[at] == b'\\' {
            at += 2;
        } else if bytes[at] == quote {
            return at + 1;
        } else {
            at += 1;
        }
    }
    bytes.len()
}

fn dollar_quote_end(text: &str, start: usize) -> Option<usize> {
    let tag_len = text[start + 1..].find('$')?;
    let tag = &text[start..start + tag_len + 2];
    let name = &tag[1..tag.len() - 1];
    if name.starts_with(|c: char| c.is_ascii_digit())
        || !name.chars().all(|c| c.is_alphanumeric() || c == '_')
    {
        return None;
    }
    let body = start + tag.len();
    Some(text[body..].find(tag).map_or(text.len(), |at| body + at + tag.len()))
}

fn is_copy_from_stdin(sql: &str) -> bool {
    let words: Vec<String> = sql.split_whitespace().map(str::to_ascii_lowercase).collect();
    words.first().is_some_and(|word| word == "copy")
        && words
            .windows(2)
            .any(|pair| pair[0] == "from" && pair[1].trim_end_matches(['(', ')']).starts_with("stdin"))
}

fn copy_block(rest: &str) -> (String, usize, &str) {
    let start = rest.find('\n').map_or(rest.len(), |at| at + 1);
    let mut lines = usize::from(start > 0);
    let mut data = String::new();
    let mut at = start;
    for line in rest[start..].split_inclusive('\n') {
        at += line.len();
        lines += 1;
        if line.trim_end_matches(['\n', '\r']) == "\\." {
            break;
        }
        data.push_str(line);
    }
    (data, lines, &rest[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str) -> Vec<String> {
        split(script).into_iter().map(|statement| statement.sql).collect()
    }

    #[test]
    fn quotes_comments_and_parentheses_hide_semicolons() {
        let script = "select ';' ; select \"a;b\" -- ;\n; select /* ; /* ; */ */ 1; select $x$ ; $$ ; $x$; (select 1; 2);";
        assert_eq!(texts(script).len(), 5);
        assert_eq!(texts("select E'\\';' ; select 2"), ["select E'\\';'", "select 2"]);
    }

    #[test]
    fn copy_takes_its_lines() {
        let statements = split("\\set x 1\ncopy t from stdin;\n1\t;\n\\.\nselect 1;\n");
        assert_eq!(statements.len(), 2);
        assert_eq!(statements[0].copy_data.as_deref(), Some("1\t;\n"));
        assert_eq!((statements[0].line, statements[1].line), (2, 5));
    }
}
