//! Bracket expressions.

use super::class::{self, CharSet};
use super::escape::{self, Escape};
use super::parse::Parser;
use crate::errors::Result;
use crate::errors::regular::{Fault, invalid};

enum Item {
    /// A character that may begin or end a range.
    Character(char),
    Set(CharSet),
}

/// Reads `[...]`; its opening bracket is behind.
pub(super) fn expression(parser: &mut Parser) -> Result<CharSet> {
    let negated = parser.peek() == Some('^');
    parser.at += usize::from(negated);
    let mut set = CharSet::default();
    let mut ranges = Vec::new();
    let mut first = true;
    loop {
        match parser.peek() {
            None => return Err(invalid(Fault::Brackets)),
            Some(']') if !first => {
                parser.at += 1;
                break;
            }
            Some('-') if !first && parser.peek_at(1) != Some(']') => return Err(invalid(Fault::Range)),
            Some(_) => {}
        }
        first = false;
        let start = match item(parser)? {
            Item::Set(members) => {
                if is_range(parser) {
                    return Err(invalid(Fault::Range));
                }
                set = set.union(&members);
                continue;
            }
            Item::Character(character) => character,
        };
        if !is_range(parser) {
            ranges.push((start as u32, start as u32));
            continue;
        }
        parser.at += 1;
        match item(parser)? {
            Item::Character(end) if end >= start => ranges.push((start as u32, end as u32)),
            Item::Character(_) | Item::Set(_) => return Err(invalid(Fault::Range)),
        }
    }
    set = set.union(&CharSet::new(ranges));
    if parser.flags.ignore_case {
        set = set.fold(parser.flags.locale);
    }
    if negated {
        set = set.complement();
        if parser.flags.newline_stops {
            set = set.without('\n');
        }
    }
    Ok(set)
}

/// Whether a `-` follows that means a range.
fn is_range(parser: &Parser) -> bool {
    parser.peek() == Some('-') && !matches!(parser.peek_at(1), Some(']') | None)
}

fn item(parser: &mut Parser) -> Result<Item> {
    let character = parser.peek().ok_or_else(|| invalid(Fault::Brackets))?;
    parser.at += 1;
    match (character, parser.peek()) {
        ('[', Some('.')) => {
            let name = delimited(parser, '.')?;
            let found = class::collating_element(&name);
            Ok(Item::Character(found.ok_or_else(|| invalid(Fault::CollatingElement))?))
        }
        ('[', Some('=')) => {
            let name = delimited(parser, '=')?;
            let found = class::collating_element(&name);
            Ok(Item::Set(CharSet::one(found.ok_or_else(|| invalid(Fault::CollatingElement))?)))
        }
        ('[', Some(':')) => {
            let name = delimited(parser, ':')?;
            // Case does not matter, so neither does the class of case.
            let name = match name.as_str() {
                "upper" | "lower" if parser.flags.ignore_case => "alpha",
                name => name,
            };
            let found = class::named(name, parser.flags.locale);
            Ok(Item::Set(found.ok_or_else(|| invalid(Fault::CharacterClass))?))
        }
        ('\\', _) if !parser.flags.extended => match escape::read(parser, 0)? {
            Escape::Character(character) => Ok(Item::Character(character)),
            Escape::Class(name, negated) => {
                let set = class::named(name, parser.flags.locale).unwrap_or_default();
                Ok(Item::Set(if negated { set.complement() } else { set }))
            }
            Escape::Constraint(_) | Escape::Back(_) => Err(invalid(Fault::Escape)),
        },
        (character, _) => Ok(Item::Character(character)),
    }
}

/// Reads a name up to its delimiter and the closing bracket; the opening delimiter is next.
fn delimited(parser: &mut Parser, delimiter: char) -> Result<String> {
    parser.at += 1;
    let mut name = String::new();
    loop {
        match (parser.peek(), parser.peek_at(1)) {
            (Some(c), Some(']')) if c == delimiter && !name.is_empty() => {
                parser.at += 2;
                return Ok(name);
            }
            (Some(c), _) => {
                name.push(c);
                parser.at += 1;
            }
            (None, _) => return Err(invalid(Fault::Brackets)),
        }
    }
}
