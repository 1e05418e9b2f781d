//! The strings that a pattern can match: all start with its fixed prefix.

use executor::expr::{Expr, ExprKind};
use types::{Datum, oids};

use crate::optimizer::functions;

/// What a pattern demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Prefix {
    /// One string.
    Exact(String),
    /// A start.
    Start(String),
}

/// Returns the argument of a pattern match with a constant pattern and what the pattern demands of it.
pub(super) fn prefix_of(expr: &Expr) -> Option<(&Expr, Prefix)> {
    let ExprKind::Call { function, args, .. } = &expr.kind else { return None };
    let [arg, pattern] = args.as_slice() else { return None };
    let ExprKind::Const(Datum::Text(pattern)) = &pattern.kind else { return None };
    let prefix = match function.prosrc.as_str() {
        "textlike" => like(pattern),
        "text_starts_with" => Prefix::Start(pattern.to_string()),
        "textregexeq" => regex(pattern)?,
        _ => return None,
    };
    match &prefix {
        Prefix::Start(start) if start.is_empty() => None,
        Prefix::Start(_) | Prefix::Exact(_) => Some((arg, prefix)),
    }
}

fn like(pattern: &str) -> Prefix {
    let mut fixed = String::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '%' | '_' => return Prefix::Start(fixed),
            '\\' => match characters.next() {
                Some(escaped) => fixed.push(escaped),
                None => return Prefix::Start(fixed),
            },
            other => fixed.push(other),
        }
    }
    Prefix::Exact(fixed)
}

/// Returns the literal start of an anchored regular expression.
fn regex(pattern: &str) -> Option<Prefix> {
    let rest = pattern.strip_prefix('^')?;
    if rest.contains('|') {
        return None;
    }
    let mut fixed = String::new();
    for character in rest.chars() {
        if character.is_alphanumeric() || matches!(character, ' ' | '-' | '_' | '/' | ':' | ',' | '@') {
            fixed.push(character);
            continue;
        }
        if matches!(character, '*' | '?' | '{') {
            fixed.pop();
        }
        break;
    }
    Some(Prefix::Start(fixed))
}

/// Returns the least string of characters above all that start with `prefix`, if there is one that is simply made.
pub(super) fn next(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        let above = match u32::from(last) + 1 {
            0xd800..=0xdfff => 0xe000,
            code => code,
        };
        if let Some(above) = char::from_u32(above) {
            characters.push(above);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

/// Returns `arg symbol value` for texts.
pub(super) fn comparison(symbol: &str, arg: &Expr, value: Expr) -> Option<Expr> {
    let number = match symbol {
        "=" => functions::strategy::EQUAL,
        "<" => functions::strategy::LESS,
        _ => functions::strategy::GREATER_EQUAL,
    };
    const TEXT_FAMILY: u32 = 1994;
    let function = functions::family_member(TEXT_FAMILY, oids::TEXT, oids::TEXT, number)?;
    Some(functions::boolean_call(function, arg.clone(), value, arg.ty.collation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        assert_eq!(like("abc%d"), Prefix::Start("abc".into()));
        assert_eq!(like("a\\%c_"), Prefix::Start("a%c".into()));
        assert_eq!(like("abc"), Prefix::Exact("abc".into()));
        assert_eq!(like("%abc"), Prefix::Start(String::new()));
        assert_eq!(regex("^abc"), Some(Prefix::Start("abc".into())));
        assert_eq!(regex("^abc*"), Some(Prefix::Start("ab".into())));
        assert_eq!(regex("^a.c"), Some(Prefix::Start("a".into())));
        assert_eq!(regex("abc"), None);
        assert_eq!(regex("^abc|d"), None);
        assert_eq!(next("abz").as_deref(), Some("ab{"));
        assert_eq!(next("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(next("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(next("\u{10ffff}"), None);
    }
}
