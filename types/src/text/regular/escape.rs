//! What follows a backslash.

use super::parse::Parser;
use super::tree::Assertion;
use crate::errors::Result;
use crate::errors::regular::{Fault, invalid};

pub(super) enum Escape {
    Character(char),
    /// A class by name, and whether it is complemented.
    Class(&'static str, bool),
    Constraint(Assertion),
    Back(usize),
}

/// Reads an escape; its backslash is behind. `started` is the number of groups so far.
pub(super) fn read(parser: &mut Parser, started: usize) -> Result<Escape> {
    let fault = || invalid(Fault::Escape);
    let character = parser.peek().ok_or_else(fault)?;
    parser.at += 1;
    Ok(match character {
        'a' => Escape::Character('\x07'),
        'A' => Escape::Constraint(Assertion::TextStart),
        'b' => Escape::Character('\x08'),
        'B' => Escape::Character('\\'),
        'c' => {
            let control = parser.peek().ok_or_else(fault)?;
            parser.at += 1;
            Escape::Character(char::from((control as u32 & 0x1f) as u8))
        }
        'd' => Escape::Class("digit", false),
        'D' => Escape::Class("digit", true),
        'e' => Escape::Character('\x1b'),
        'f' => Escape::Character('\x0c'),
        'm' => Escape::Constraint(Assertion::WordStart),
        'M' => Escape::Constraint(Assertion::WordEnd),
        'n' => Escape::Character('\n'),
        'r' => Escape::Character('\r'),
        's' => Escape::Class("space", false),
        'S' => Escape::Class("space", true),
        't' => Escape::Character('\t'),
        'u' => Escape::Character(digits(parser, 16, 4, 4)?),
        'U' => Escape::Character(digits(parser, 16, 8, 8)?),
        'v' => Escape::Character('\x0b'),
        'w' => Escape::Class("word", false),
        'W' => Escape::Class("word", true),
        'x' => Escape::Character(digits(parser, 16, 1, 255)?),
        'y' => Escape::Constraint(Assertion::WordEdge),
        'Y' => Escape::Constraint(Assertion::NotWordEdge),
        'Z' => Escape::Constraint(Assertion::TextEnd),
        '1'..='9' => return numbered(parser, started),
        '0' => {
            parser.at -= 1;
            octal(parser)?
        }
        other if other.is_ascii_alphanumeric() => return Err(fault()),
        other => Escape::Character(other),
    })
}

/// A back reference when it has one digit or such a group was seen, else an octal code.
fn numbered(parser: &mut Parser, started: usize) -> Result<Escape> {
    parser.at -= 1;
    let start = parser.at;
    let mut number: usize = 0;
    while let Some(digit) = parser.peek().and_then(|c| c.to_digit(10)) {
        number = number.saturating_mul(10).saturating_add(digit as usize);
        parser.at += 1;
    }
    if parser.at - start == 1 || number <= started {
        return Ok(Escape::Back(number));
    }
    parser.at = start;
    octal(parser)
}

fn octal(parser: &mut Parser) -> Result<Escape> {
    let mut code = 0;
    let mut count = 0;
    while count < 3
        && let Some(digit) = parser.peek().and_then(|c| c.to_digit(8))
    {
        if code * 8 + digit > 0xff {
            break;
        }
        code = code * 8 + digit;
        parser.at += 1;
        count += 1;
    }
    match (count, char::from_u32(code)) {
        (0, _) | (_, None) => Err(invalid(Fault::Escape)),
        (_, Some(character)) => Ok(Escape::Character(character)),
    }
}

fn digits(parser: &mut Parser, radix: u32, least: usize, most: usize) -> Result<char> {
    let mut code: u32 = 0;
    let mut count = 0;
    while count < most
        && let Some(digit) = parser.peek().and_then(|c| c.to_digit(radix))
    {
        code = code.saturating_mul(radix).saturating_add(digit);
        parser.at += 1;
        count += 1;
    }
    let character = char::from_u32(code).filter(|_| count >= least);
    character.ok_or_else(|| invalid(Fault::Escape))
}
