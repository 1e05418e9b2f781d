//! `json` and `jsonb`.
//!
//! * `lexer`: tokens of JSON text, with the state that PostgreSQL's error reports show
//! * `parse`: JSON text to a tree of spans, or only validated
//! * `value`: the tree behind `jsonb`, its order and its text
//! * `write`: quoting of strings

mod lexer;
mod parse;
mod value;
mod write;

pub use parse::{Node, NodeKind, parse, validate};
pub use value::Json;
pub use write::{escape_string, jsonb_input, pretty};
