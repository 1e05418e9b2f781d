//! JSON text to a tree of spans. Nesting is kept on a stack of its own, so depth costs memory only.

use super::lexer::{Expected, Lexer, Token};
use crate::errors::{Result, data};

/// Nesting beyond this is refused; PostgreSQL's own limit is its stack's.
const DEPTH_MAX: usize = 6000;

/// A value and the text it was written as.
#[derive(Debug, Clone, PartialEq)]
pub struct Node<'a> {
    /// The text, without blanks around it.
    pub text: &'a str,
    /// What it is.
    pub kind: NodeKind<'a>,
}

/// The kinds of values; strings and keys are decoded.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind<'a> {
    /// null
    Null,
    /// true or false
    Bool(bool),
    /// A number, whose text is the node's.
    Number,
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Node<'a>>),
    /// An object, in the order written, repeated keys included.
    Object(Vec<(String, Node<'a>)>),
}

impl Node<'_> {
    /// Returns the text as `->>` does: strings decoded, null as none.
    pub fn as_text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Null => None,
            NodeKind::String(text) => Some(text),
            NodeKind::Bool(_) | NodeKind::Number | NodeKind::Array(_) | NodeKind::Object(_) => {
                Some(self.text)
            }
        }
    }
}

/// Returns `text` when it is valid JSON.
pub fn validate(text: &str) -> Result<&str> {
    run(text, false)?;
    Ok(text)
}

/// Parses JSON text.
pub fn parse(text: &str) -> Result<Node<'_>> {
    run(text, true)
}

/// A container that is not closed yet.
struct Open<'a> {
    start: usize,
    items: Vec<Node<'a>>,
    /// For an object the keys so far; the last may wait for its value.
    keys: Option<Vec<String>>,
}

fn run(text: &str, decode: bool) -> Result<Node<'_>> {
    let mut lexer = Lexer::new(text, decode);
    let mut open: Vec<Open<'_>> = Vec::new();
    lexer.advance()?;
    loop {
        let mut node = match start_value(&mut lexer, &mut open)? {
            Some(node) => node,
            None => continue,
        };
        loop {
            let Some(container) = open.last_mut() else {
                if lexer.token != Token::End {
                    return Err(lexer.unexpected(Expected::End));
                }
                return Ok(node);
            };
            if decode {
                container.items.push(node);
            }
            match (lexer.token, container.keys.is_some()) {
                (Token::Comma, false) => {
                    lexer.advance()?;
                    break;
                }
                (Token::Comma, true) => {
                    lexer.advance()?;
                    if lexer.token != Token::String {
                        return Err(lexer.unexpected(Expected::String));
                    }
                    read_key(&mut lexer, container)?;
                    break;
                }
                (Token::ArrayEnd, false) | (Token::ObjectEnd, true) => {
                    node = close(&mut lexer, &mut open)?;
                }
                (_, false) => return Err(lexer.unexpected(Expected::ArrayNext)),
                (_, true) => return Err(lexer.unexpected(Expected::ObjectNext)),
            }
        }
    }
}

/// Reads a scalar or an empty container, or opens a container and returns none.
fn start_value<'a>(lexer: &mut Lexer<'a>, open: &mut Vec<Open<'a>>) -> Result<Option<Node<'a>>> {
    let start = lexer.token_start;
    let text = lexer.text();
    let kind = match lexer.token {
        Token::String => NodeKind::String(std::mem::take(&mut lexer.string)),
        Token::Number => NodeKind::Number,
        Token::True => NodeKind::Bool(true),
        Token::False => NodeKind::Bool(false),
        Token::Null => NodeKind::Null,
        Token::ObjectStart | Token::ArrayStart => {
            if open.len() >= DEPTH_MAX {
                return Err(data::stack_depth_exceeded());
            }
            let object = lexer.token == Token::ObjectStart;
            open.push(Open { start, items: Vec::new(), keys: object.then(Vec::new) });
            lexer.advance()?;
            return match (lexer.token, object, open.last_mut()) {
                (Token::ObjectEnd, true, _) | (Token::ArrayEnd, false, _) => close(lexer, open).map(Some),
                (Token::String, true, Some(container)) => {
                    read_key(lexer, container)?;
                    Ok(None)
                }
                (_, true, _) => Err(lexer.unexpected(Expected::ObjectStart)),
                (_, false, _) => Ok(None),
            };
        }
        Token::ObjectEnd | Token::ArrayEnd | Token::Comma | Token::Colon | Token::End => {
            return Err(lexer.unexpected(Expected::Value));
        }
    };
    lexer.advance()?;
    Ok(Some(Node { text, kind }))
}

fn read_key(lexer: &mut Lexer<'_>, container: &mut Open<'_>) -> Result<()> {
    if let Some(keys) = &mut container.keys {
        keys.push(std::mem::take(&mut lexer.string));
    }
    lexer.advance()?;
    if lexer.token != Token::Colon {
        return Err(lexer.unexpected(Expected::Colon));
    }
    lexer.advance()
}

fn close<'a>(lexer: &mut Lexer<'a>, open: &mut Vec<Open<'a>>) -> Result<Node<'a>> {
    let container = open.pop().ok_or_else(data::stack_depth_exceeded)?;
    let text = lexer.span(container.start, lexer.token_end);
    let kind = match container.keys {
        Some(keys) => NodeKind::Object(keys.into_iter().zip(container.items).collect()),
        None => NodeKind::Array(container.items),
    };
    lexer.advance()?;
    Ok(Node { text, kind })
}
