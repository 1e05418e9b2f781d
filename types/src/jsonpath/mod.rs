//! `jsonpath`: parsing, text form, evaluation over `jsonb`.
//!
//! * `lexer`, `parse`: text to a tree
//! * `write`: the tree as PostgreSQL prints it
//! * `evaluate`: what a path finds, lax or strict, with variables
//! * `methods`: `.type()`, `.double()` and the others
//!
//! A value of the type is kept as its printed text; it is parsed again where it is used.

mod evaluate;
mod lexer;
mod methods;
mod parse;
mod write;

pub use evaluate::{Evaluation, Outcome, query};
pub use parse::parse;

use crate::errors::Result;
use crate::json::Json;

/// A path with its mode.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// Whether structural errors are ignored and arrays unwrapped.
    pub lax: bool,
    /// The expression.
    pub root: Expr,
}

/// An expression: where it starts, then the accessors.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "named after the syntax")]
pub struct Expr {
    pub head: Head,
    pub steps: Vec<Step>,
}

/// Where an expression starts.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "named after the syntax")]
pub enum Head {
    Root,
    Current,
    Last,
    Variable(String),
    Literal(Json),
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// `-` or `+` before an expression.
    Sign(bool, Box<Expr>),
    Predicate(Box<Predicate>),
}

/// Arithmetic operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after the syntax")]
pub enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
}

/// Comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after the syntax")]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// Conditions: true, false or unknown.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "named after the syntax")]
pub enum Predicate {
    And(Box<Predicate>, Box<Predicate>),
    Or(Box<Predicate>, Box<Predicate>),
    Not(Box<Predicate>),
    IsUnknown(Box<Predicate>),
    Compare(Comparison, Expr, Expr),
    StartsWith(Expr, Expr),
    LikeRegex(Expr, String, String),
    Exists(Expr),
}

/// Accessors.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "named after the syntax")]
pub enum Step {
    Key(String),
    AnyKey,
    AnyElement,
    Elements(Vec<(Expr, Option<Expr>)>),
    /// `**{first to last}`; the largest number stands for `last`.
    Descend(u32, u32),
    Filter(Predicate),
    Method(String, Vec<Json>),
}

/// Parses a path and returns its printed form.
pub fn normalize(text: &str) -> Result<String> {
    Ok(write::to_text(&parse(text)?))
}
