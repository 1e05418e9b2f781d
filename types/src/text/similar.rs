//! `SIMILAR TO`: its patterns rewritten as regular expressions (`similar_escape_internal`).

use crate::errors::{Result, text as errors};

/// Returns the regular expression of a SIMILAR TO pattern. The empty escape string stands for none.
pub fn similar_to_regular(pattern: &str, escape: Option<&str>) -> Result<String> {
    let escape = match escape {
        None => Some('\\'),
        Some(text) => {
            let mut characters = text.chars();
            let first = characters.next();
            if characters.next().is_some() {
                return Err(errors::invalid_escape_string());
            }
            first
        }
    };
    let mut out = String::from("^(?:");
    let mut after_escape = false;
    let mut quotes = 0;
    let mut brackets = 0;
    // How far into a bracket expression: 1 after `[`, 2 after `[^`, 3 once an element was seen.
    let mut class_start = 0;
    for character in pattern.chars() {
        if after_escape {
            if character == '"' && brackets < 1 {
                out.push_str(match quotes {
                    0 => "){1,1}?(",
                    1 => "){1,1}(?:",
                    _ => return Err(errors::too_many_separators()),
                });
                quotes += 1;
            } else {
                out.extend(['\\', character]);
                class_start = 3;
            }
            after_escape = false;
        } else if Some(character) == escape {
            after_escape = true;
        } else if brackets > 0 {
            if character == '\\' {
                out.push('\\');
            }
            out.push(character);
            if character == ']' && class_start > 2 {
                brackets -= 1;
            } else if character == '[' {
                brackets += 1;
                class_start = 3;
            } else if character == '^' && class_start == 1 {
                class_start = 2;
            } else {
                class_start = 3;
            }
        } else {
            match character {
                '[' => {
                    out.push('[');
                    brackets = 1;
                    class_start = 1;
                }
                '%' => out.push_str(".*"),
                '_' => out.push('.'),
                '(' => out.push_str("(?:"),
                '\\' | '.' | '^' | '$' => out.extend(['\\', character]),
                _ => out.push(character),
            }
        }
    }
    out.push_str(")$");
    Ok(out)
}
