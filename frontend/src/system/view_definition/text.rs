//! Pieces of text: moved to the right, broken into lines, names.

use crate::session::settings::quote_identifier;

/// Returns a column's name, with the name of its item.
pub fn column(item: &str, name: &str, qualified: bool) -> String {
    if qualified {
        format!("{}.{}", quote_identifier(item), quote_identifier(name))
    } else {
        quote_identifier(name)
    }
}

/// Goes through a text and tells which line feeds are outside quotation marks.
fn line_feeds(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (byte, quote) {
            (b'\'' | b'"', None) => quote = Some(byte),
            (b'\'' | b'"', Some(open)) if open == byte => quote = None,
            (b'\n', None) => found.push(at),
            (_, _) => {}
        }
    }
    found
}

/// Moves the lines after the first to the right.
pub fn shifted(text: &str, by: usize) -> String {
    let mut moved = String::with_capacity(text.len());
    let mut from = 0;
    for at in line_feeds(text) {
        moved.push_str(&text[from..=at]);
        moved.push_str(&" ".repeat(by));
        from = at + 1;
    }
    moved.push_str(&text[from..]);
    moved
}

/// Takes the blanks at the ends of lines away.
pub fn tidied(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut from = 0;
    for at in line_feeds(text) {
        tidy.push_str(text[from..at].trim_end_matches(' '));
        tidy.push('\n');
        from = at + 1;
    }
    tidy.push_str(&text[from..]);
    tidy
}

/// Appends an item of a list, on a line of its own where it would make the line too long, or the last item had several lines.
pub fn append_item(buffer: &mut String, item: &str, first: bool, wrap: Option<usize>, many_before: bool) {
    if let Some(wrap) = wrap
        && !item.starts_with('\n')
        && !first
    {
        let line = buffer.rfind('\n').map_or(buffer.len(), |at| buffer.len() - at - 1);
        if line + item.len() > wrap || many_before {
            buffer.push_str("\n    ");
        }
    }
    buffer.push_str(item);
}

/// Says whether an item has several lines.
pub fn is_long(item: &str) -> bool {
    item.get(1..).is_some_and(|rest| rest.contains('\n'))
}
