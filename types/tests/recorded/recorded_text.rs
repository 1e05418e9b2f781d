//! Text functions, patterns, and integer and float arithmetic.

use types::PgError;
use types::arithmetic::{float8, int2, int4, int8};
use types::text::like::{LikePattern, like, like_escape};
use types::text::regular::{Flags, Instance, Locale, Regular};
use types::text::similar::similar_to_regular;
use types::text::strings;

fn yes(value: bool) -> String {
    value.to_string()
}

macro_rules! integers {
    ($module:ident, $type:ty, $name:expr, $a:expr) => {{
        let value = |at: usize| $a[at].parse::<$type>().unwrap();
        match $name {
            "add" => $module::add(value(0), value(1)),
            "sub" => $module::sub(value(0), value(1)),
            "mul" => $module::mul(value(0), value(1)),
            "div" => $module::div(value(0), value(1)),
            "rem" => $module::rem(value(0), value(1)),
            "gcd" => $module::gcd(value(0), value(1)),
            "lcm" => $module::lcm(value(0), value(1)),
            "abs" => $module::abs(value(0)),
            "from_f64" => $module::from_f64(types::float::parse_f64($a[0]).unwrap()),
            other => panic!("unknown {other}"),
        }
        .map(|value| value.to_string())
    }};
}

fn floats(name: &str, a: &[&str]) -> Result<String, PgError> {
    let value = |at: usize| types::float::parse_f64(a[at]).unwrap();
    match name {
        "add" => float8::add(value(0), value(1)),
        "sub" => float8::sub(value(0), value(1)),
        "mul" => float8::mul(value(0), value(1)),
        "div" => float8::div(value(0), value(1)),
        "power" => float8::power(value(0), value(1)),
        "sqrt" => float8::sqrt(value(0)),
        "exp" => float8::exp(value(0)),
        "ln" => float8::ln(value(0)),
        "log10" => float8::log10(value(0)),
        other => panic!("unknown {other}"),
    }
    .map(|value| types::float::format_f64(value, 1))
}

fn call(name: &str, a: &[&str]) -> Result<String, PgError> {
    let int = |at: usize| a[at].parse::<i32>().unwrap();
    if let Some((module, operation)) = name.split_once(':') {
        return match module {
            "int2" => integers!(int2, i16, operation, a),
            "int4" => integers!(int4, i32, operation, a),
            "int8" => integers!(int8, i64, operation, a),
            _ => floats(operation, a),
        };
    }
    Ok(match name {
        "upper" => strings::upper(a[0])?,
        "lower" => strings::lower(a[0])?,
        "initcap" => strings::initcap(a[0])?,
        "length" => strings::length(a[0]).to_string(),
        "reverse" => strings::reverse(a[0])?,
        "substring" => strings::substring(a[0], int(1), int(2))?.to_string(),
        "substring_from" => strings::substring_from(a[0], int(1)).to_string(),
        "left" => strings::left(a[0], int(1)).to_string(),
        "right" => strings::right(a[0], int(1)).to_string(),
        "lpad" => strings::lpad(a[0], int(1), a[2])?,
        "rpad" => strings::rpad(a[0], int(1), a[2])?,
        "position" => strings::position(a[0], a[1]).to_string(),
        "split_part" => strings::split_part(a[0], a[1], int(2))?.to_string(),
        "replace" => strings::replace(a[0], a[1], a[2])?,
        "translate" => strings::translate(a[0], a[1], a[2])?,
        "btrim" => strings::btrim(a[0], a[1]).to_string(),
        "ltrim" => strings::ltrim(a[0], a[1]).to_string(),
        "rtrim" => strings::rtrim(a[0], a[1]).to_string(),
        "repeat" => strings::repeat(a[0], int(1))?,
        "ascii" => strings::ascii(a[0]).to_string(),
        "chr" => strings::chr(int(0))?,
        "overlay" => strings::overlay(a[0], a[1], int(2), int(3))?,
        "quote_literal" => strings::quote_literal(a[0]),
        "like" => yes(like(a[0], a[1])?),
        "ilike" => yes(LikePattern::ignoring_case(a[1]).matches(a[0])?),
        "like_escape" => like_escape(a[0], a[1])?,
        "match" => yes(regular(a[1], "")?.is_match(a[0], &|| Ok(()))?),
        "imatch" => yes(regular(a[1], "i")?.is_match(a[0], &|| Ok(()))?),
        "regexp_replace" => {
            let all = if a[3].contains('g') { Instance::All } else { Instance::Nth(1) };
            regular(a[1], a[3])?.replace(a[0], a[2], 0, all, &|| Ok(()))?
        }
        "regexp_count" => regular(a[1], "")?.count(a[0], 0, &|| Ok(()))?.to_string(),
        "regexp_split" => {
            let pieces = regular(a[1], "")?.split(a[0], &|| Ok(()))?;
            let quoted: Vec<String> = pieces
                .iter()
                .map(|piece| if piece.is_empty() { "\"\"".into() } else { piece.clone() })
                .collect();
            format!("{{{}}}", quoted.join(","))
        }
        "similar" => yes(regular(&similar_to_regular(a[1], None)?, "")?.is_match(a[0], &|| Ok(()))?),
        _ => panic!("unknown {name}"),
    })
}

#[test]
fn text_agrees_with_postgresql() {
    super::check(include_str!("../data/text.tsv"), call);
}

fn regular(pattern: &str, options: &str) -> types::Result<Regular> {
    let mut flags = Flags::new(Locale::Unicode);
    options.chars().for_each(|option| {
        flags.apply(option);
    });
    Regular::new(pattern, flags)
}
