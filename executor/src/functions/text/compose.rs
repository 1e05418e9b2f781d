//! Functions that build text of values of any type: concat, concat_ws, format, and `||` with a value that is not text.

use crate::functions::casts::as_text;
use types::errors::text as errors;
use types::text::strings;
use types::{ArrayValue, Datum, Result, TypeRef, interrupt, size};

use crate::functions::arguments::text;
use crate::functions::{CallContext, FunctionEntry, output_text, row};

/// The arguments after the first `skip`, or the elements of the array behind VARIADIC.
enum Values<'a> {
    Arguments(&'a [Datum], &'a [TypeRef]),
    Elements(&'a ArrayValue),
    /// VARIADIC NULL.
    None,
}

impl<'a> Values<'a> {
    fn arguments(args: &'a [Datum], call: &'a CallContext<'_>, skip: usize) -> Self {
        Self::Arguments(args.get(skip..).unwrap_or(&[]), call.arg_types.get(skip..).unwrap_or(&[]))
    }
    fn variadic(args: &'a [Datum], skip: usize) -> Self {
        match args.get(skip) {
            Some(Datum::Array(array)) => Self::Elements(array),
            Some(_) | None => Self::None,
        }
    }
    fn get(&self, index: usize) -> Option<(&'a Datum, TypeRef)> {
        match self {
            Self::Arguments(values, types) => {
                Some((values.get(index)?, types.get(index).copied().unwrap_or(TypeRef::plain(0))))
            }
            Self::Elements(array) => Some((array.elements.get(index)?, TypeRef::plain(array.element_type))),
            Self::None => None,
        }
    }
    fn join(&self, separator: &str, call: &CallContext<'_>) -> Result<Datum> {
        if matches!(self, Self::None) {
            return Ok(Datum::Null);
        }
        let mut out = String::new();
        let mut first = true;
        let mut index = 0;
        let mut pace = interrupt::Pace::default();
        while let Some((value, ty)) = self.get(index) {
            index += 1;
            if value.is_null() {
                continue;
            }
            if !first {
                size::append(&mut out, separator)?;
            }
            first = false;
            match value {
                Datum::Text(text) => size::append(&mut out, text)?,
                _ => size::append(&mut out, &output_text(value, ty, call.query)?)?,
            }
            pace.step()?;
        }
        Ok(Datum::text(out))
    }
}

fn concat_ws(values: &Values<'_>, args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    match args.first() {
        Some(Datum::Text(separator)) => values.join(separator, call),
        Some(_) | None => Ok(Datum::Null),
    }
}

/// A `%` item of a format string.
#[derive(Default)]
struct Item {
    /// Position of the argument; none for the next.
    position: Option<usize>,
    /// Position of the argument that holds the width; `Some(0)` for the next.
    width_position: Option<usize>,
    width: i32,
    left: bool,
}

/// Reads a format string from the front.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn peek(&self) -> Result<char> {
        self.rest
            .chars()
            .next()
            .ok_or_else(|| errors::format_specifier("unterminated format() type specifier"))
    }
    fn advance(&mut self) -> Result<()> {
        let len = self.peek()?.len_utf8();
        self.rest = self.rest.get(len..).unwrap_or("");
        self.peek().map(drop)
    }
    fn digits(&mut self) -> Result<Option<i32>> {
        let mut found = None;
        while let Some(digit) = self.peek()?.to_digit(10) {
            let number = found.unwrap_or(0_i32).checked_mul(10).and_then(|n| n.checked_add(digit as i32));
            found = Some(number.ok_or_else(errors::format_number_out_of_range)?);
            self.advance()?;
        }
        Ok(found)
    }
    fn item(&mut self) -> Result<Item> {
        let mut item = Item::default();
        if let Some(number) = self.digits()? {
            if self.peek()? != '$' {
                item.width = number;
                return Ok(item);
            }
            item.position = Some(position(number)?);
            self.advance()?;
        }
        while self.peek()? == '-' {
            item.left = true;
            self.advance()?;
        }
        if self.peek()? == '*' {
            self.advance()?;
            item.width_position = Some(match self.digits()? {
                None => 0,
                Some(number) => {
                    if self.peek()? != '$' {
                        let message = "width argument position must be ended by \"$\"";
                        return Err(errors::format_arguments(message));
                    }
                    let position = position(number)?;
                    self.advance()?;
                    position
                }
            });
        } else if let Some(number) = self.digits()? {
            item.width = number;
        }
        Ok(item)
    }
}

fn position(number: i32) -> Result<usize> {
    match usize::try_from(number) {
        Ok(0) | Err(_) => {
            Err(errors::format_arguments("format specifies argument 0, but arguments are numbered from 1"))
        }
        Ok(position) => Ok(position),
    }
}

fn format(values: &Values<'_>, args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let Some(Datum::Text(pattern)) = args.first() else { return Ok(Datum::Null) };
    let too_few = || errors::format_arguments("too few arguments for format()");
    let mut out = String::new();
    let mut reader = Reader { rest: pattern };
    // Positions count from 1.
    let mut next = 1;
    while let Some(character) = reader.rest.chars().next() {
        reader.rest = reader.rest.get(character.len_utf8()..).unwrap_or("");
        if character != '%' {
            out.push(character);
            continue;
        }
        if reader.peek()? == '%' {
            out.push('%');
            reader.rest = reader.rest.get(1..).unwrap_or("");
            continue;
        }
        let mut item = reader.item()?;
        let kind = reader.peek()?;
        if !matches!(kind, 's' | 'I' | 'L') {
            return Err(errors::format_specifier(format!("unrecognized format() type specifier \"{kind}\"")));
        }
        reader.rest = reader.rest.get(1..).unwrap_or("");
        if let Some(at) = item.width_position {
            next = if at > 0 { at } else { next };
            let (value, ty) = values.get(next - 1).ok_or_else(too_few)?;
            next += 1;
            item.width = width_of(value, ty, call)?;
        }
        next = item.position.unwrap_or(next);
        let (value, ty) = values.get(next - 1).ok_or_else(too_few)?;
        next += 1;
        let shown = match (kind, value.is_null()) {
            ('s', true) => String::new(),
            ('L', true) => "NULL".to_string(),
            (_, true) => return Err(errors::null_identifier()),
            ('s', false) => output_text(value, ty, call.query)?,
            ('I', false) => quoted_name(&output_text(value, ty, call.query)?, call),
            (_, false) => strings::quote_literal(&output_text(value, ty, call.query)?),
        };
        pad(&shown, &item, &mut out)?;
    }
    Ok(Datum::text(out))
}

/// Returns a name as SQL writes it.
fn quoted_name(name: &str, call: &CallContext<'_>) -> String {
    if call.query.session.io().quote_all_identifiers {
        strings::quote_ident_always(name)
    } else {
        strings::quote_ident(name)
    }
}

fn width_of(value: &Datum, ty: TypeRef, call: &CallContext<'_>) -> Result<i32> {
    match value {
        Datum::Null => Ok(0),
        Datum::I32(width) => Ok(*width),
        Datum::I16(width) => Ok(i32::from(*width)),
        _ => {
            let text = output_text(value, ty, call.query)?;
            let (low, high) = (i64::from(i32::MIN), i64::from(i32::MAX));
            Ok(types::io::integer::parse_integer(&text, "integer", low, high)? as i32)
        }
    }
}

fn pad(text: &str, item: &Item, out: &mut String) -> Result<()> {
    let left = item.left || item.width < 0;
    let width = item.width.checked_abs().ok_or_else(errors::format_number_out_of_range)? as usize;
    let blanks = width.saturating_sub(text.chars().count());
    if left {
        size::append(out, text)?;
    }
    size::check_growth(out.len(), blanks)?;
    out.extend(std::iter::repeat_n(' ', blanks));
    if !left {
        size::append(out, text)?;
    }
    Ok(())
}

fn quoted(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    match args.first() {
        None | Some(Datum::Null) => Ok(Datum::Null),
        Some(_) => Ok(Datum::text(strings::quote_literal(&as_text(args, 0, call)?))),
    }
}

fn quoted_or_null(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    match quoted(args, call)? {
        Datum::Null => Ok(Datum::text("NULL")),
        text => Ok(text),
    }
}

fn joined(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    // Either side is cast to text, which is not the output function for all types.
    let (left, right) = (as_text(args, 0, call)?, as_text(args, 1, call)?);
    size::check(left.len() + right.len())?;
    Ok(Datum::text(left + &right))
}

/// Sorted by `prosrc`.
pub(in crate::functions) const TABLE: &[FunctionEntry] = &[
    row("quote_ident", |args, call| Ok(Datum::text(quoted_name(text(args, 0)?, call)))),
    row("quote_literal", |args, _| Ok(Datum::text(strings::quote_literal(text(args, 0)?)))),
    row("quote_nullable", quoted_or_null),
    row("quote_literal_1285", quoted),
    row("quote_nullable_1290", quoted_or_null),
    row("textanycat_2003", joined),
    row("anytextcat_2004", joined),
    row("text_concat", |args, call| Values::arguments(args, call, 0).join("", call)),
    row("text_concat_variadic", |args, call| Values::variadic(args, 0).join("", call)),
    row("text_concat_ws", |args, call| concat_ws(&Values::arguments(args, call, 1), args, call)),
    row("text_concat_ws_variadic", |args, call| concat_ws(&Values::variadic(args, 1), args, call)),
    row("text_format", |args, call| format(&Values::arguments(args, call, 1), args, call)),
    row("text_format_nv", |args, call| format(&Values::arguments(args, call, 1), args, call)),
    row("text_format_variadic", |args, call| format(&Values::variadic(args, 1), args, call)),
];
