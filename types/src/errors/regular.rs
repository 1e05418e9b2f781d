//! Errors of regular expressions.

use super::{PgError, SqlState};

/// What is wrong with a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after the messages below")]
pub enum Fault {
    CollatingElement,
    CharacterClass,
    Escape,
    BackReference,
    Brackets,
    Parentheses,
    Braces,
    RepetitionCount,
    Range,
    QuantifierOperand,
    EmbeddedOption,
    TooComplex,
}

/// `invalid regular expression: ...`
pub fn invalid(fault: Fault) -> PgError {
    let reason = match fault {
        Fault::CollatingElement => "invalid collating element",
        Fault::CharacterClass => "invalid character class",
        Fault::Escape => "invalid escape \\ sequence",
        Fault::BackReference => "invalid backreference number",
        Fault::Brackets => "brackets [] not balanced",
        Fault::Parentheses => "parentheses () not balanced",
        Fault::Braces => "braces {} not balanced",
        Fault::RepetitionCount => "invalid repetition count(s)",
        Fault::Range => "invalid character range",
        Fault::QuantifierOperand => "quantifier operand invalid",
        Fault::EmbeddedOption => "invalid embedded option",
        Fault::TooComplex => "regular expression is too complex",
    };
    PgError::new(SqlState::INVALID_REGULAR_EXPRESSION, format!("invalid regular expression: {reason}"))
}
/// `invalid regular expression option: "z"`
pub fn invalid_option(option: char) -> PgError {
    PgError::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("invalid regular expression option: \"{option}\""),
    )
}
/// `regexp_match() does not support the "global" option`
pub fn global_not_supported(function: &str) -> PgError {
    let error = PgError::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("{function}() does not support the \"global\" option"),
    );
    if function == "regexp_match" {
        error.with_hint("Use the regexp_matches function instead.")
    } else {
        error
    }
}
/// `invalid value for parameter "start": 0`
pub fn invalid_parameter(name: &str, value: i32) -> PgError {
    PgError::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("invalid value for parameter \"{name}\": {value}"),
    )
}
/// The option that is a digit was probably meant as `start`.
pub fn option_is_a_digit(option: char) -> PgError {
    invalid_option(option).with_hint("If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly.")
}
