//! Tokens to a tree, by recursive descent over the precedences `||`, `&&`, comparison, sums, products, signs.

use super::lexer::{Token, tokens};
use super::{Arithmetic, Comparison, Expr, Head, Path, Predicate, Step};
use crate::errors::{PgError, Result, jsonpath as errors};
use crate::json::Json;
use crate::numeric::Numeric;

/// Expressions within expressions.
const DEPTH_MAX: usize = 200;

/// What parentheses and operators yield.
enum Parsed {
    Value(Expr),
    Condition(Predicate),
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    /// Enclosing filters and array subscripts.
    filters: usize,
    subscripts: usize,
}

/// Parses a path.
pub fn parse(text: &str) -> Result<Path> {
    if text.trim().is_empty() {
        return Err(errors::invalid_input(text));
    }
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0, filters: 0, subscripts: 0 };
    let strict = parser.take_name("strict");
    if !strict {
        parser.take_name("lax");
    }
    let root = match parser.or()? {
        Parsed::Value(expr) => expr,
        Parsed::Condition(condition) => of_condition(condition),
    };
    match parser.peek() {
        Token::End => Ok(Path { lax: !strict, root }),
        _ => Err(parser.unexpected()),
    }
}

fn of_condition(condition: Predicate) -> Expr {
    Expr { head: Head::Predicate(Box::new(condition)), steps: Vec::new() }
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&Token::End)
    }
    fn unexpected(&self) -> PgError {
        match self.peek() {
            Token::End => errors::syntax(None),
            Token::Name(text) | Token::Number(text) | Token::Text(text) | Token::Variable(text) => {
                errors::syntax(Some(text))
            }
            Token::Symbol(symbol) => errors::syntax(Some(symbol)),
        }
    }
    fn take(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Token::Symbol(known) if *known == symbol);
        self.at += usize::from(found);
        found
    }
    fn take_name(&mut self, name: &str) -> bool {
        let found = matches!(self.peek(), Token::Name(known) if known == name);
        self.at += usize::from(found);
        found
    }
    fn expect(&mut self, symbol: &str) -> Result<()> {
        if self.take(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }
    fn condition(&self, parsed: Parsed) -> Result<Predicate> {
        match parsed {
            Parsed::Condition(condition) => Ok(condition),
            Parsed::Value(_) => Err(self.unexpected()),
        }
    }
    fn value(&self, parsed: Parsed) -> Result<Expr> {
        match parsed {
            Parsed::Value(expr) => Ok(expr),
            Parsed::Condition(_) => Err(self.unexpected()),
        }
    }

    fn or(&mut self) -> Result<Parsed> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(crate::errors::data::stack_depth_exceeded());
        }
        let mut left = self.and()?;
        while self.take("||") {
            let first = self.condition(left)?;
            let second = self.and()?;
            let second = self.condition(second)?;
            left = Parsed::Condition(Predicate::Or(Box::new(first), Box::new(second)));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Result<Parsed> {
        let mut left = self.comparison()?;
        while self.take("&&") {
            let first = self.condition(left)?;
            let second = self.comparison()?;
            let second = self.condition(second)?;
            left = Parsed::Condition(Predicate::And(Box::new(first), Box::new(second)));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Parsed> {
        if self.take("!") {
            let inner = match self.peek() {
                Token::Symbol("(") => {
                    self.at += 1;
                    let inner = self.or()?;
                    self.expect(")")?;
                    inner
                }
                Token::Name(name) if name == "exists" => self.comparison()?,
                _ => return Err(self.unexpected()),
            };
            let inner = self.condition(inner)?;
            return Ok(Parsed::Condition(Predicate::Not(Box::new(inner))));
        }
        if matches!(self.peek(), Token::Name(name) if name == "exists") {
            self.at += 1;
            self.expect("(")?;
            let inner = self.or()?;
            let inner = self.value(inner)?;
            self.expect(")")?;
            return Ok(Parsed::Condition(Predicate::Exists(inner)));
        }
        let left = self.sum()?;
        let operator = match self.peek() {
            Token::Symbol("==") => Comparison::Equal,
            Token::Symbol("!=" | "<>") => Comparison::NotEqual,
            Token::Symbol("<") => Comparison::Less,
            Token::Symbol("<=") => Comparison::LessEqual,
            Token::Symbol(">") => Comparison::Greater,
            Token::Symbol(">=") => Comparison::GreaterEqual,
            Token::Name(name) if name == "starts" => {
                self.at += 1;
                if !self.take_name("with") {
                    return Err(self.unexpected());
                }
                let head = match self.peek().clone() {
                    Token::Text(text) => Head::Literal(Json::string(text)),
                    Token::Variable(name) => Head::Variable(name),
                    _ => return Err(self.unexpected()),
                };
                self.at += 1;
                let left = self.value(left)?;
                return Ok(Parsed::Condition(Predicate::StartsWith(left, Expr { head, steps: Vec::new() })));
            }
            Token::Name(name) if name == "like_regex" => return self.like_regex(left),
            _ => return Ok(left),
        };
        self.at += 1;
        let left = self.value(left)?;
        let right = self.sum()?;
        let right = self.value(right)?;
        Ok(Parsed::Condition(Predicate::Compare(operator, left, right)))
    }

    fn text(&mut self) -> Result<String> {
        match self.peek().clone() {
            Token::Text(text) => {
                self.at += 1;
                Ok(text)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn like_regex(&mut self, left: Parsed) -> Result<Parsed> {
        self.at += 1;
        let left = self.value(left)?;
        let pattern = self.text()?;
        let flags = if self.take_name("flag") { self.text()? } else { String::new() };
        super::evaluate::like_flags(&flags)
            .and_then(|with| crate::text::regular::Regular::new(&pattern, with))?;
        Ok(Parsed::Condition(Predicate::LikeRegex(left, pattern, flags)))
    }

    fn sum(&mut self) -> Result<Parsed> {
        let mut left = self.product()?;
        loop {
            let operator = match self.peek() {
                Token::Symbol("+") => Arithmetic::Add,
                Token::Symbol("-") => Arithmetic::Sub,
                _ => return Ok(left),
            };
            self.at += 1;
            let right = self.product()?;
            left = self.arithmetic(operator, left, right)?;
        }
    }

    fn product(&mut self) -> Result<Parsed> {
        let mut left = self.signed()?;
        loop {
            let operator = match self.peek() {
                Token::Symbol("*") => Arithmetic::Mul,
                Token::Symbol("/") => Arithmetic::Div,
                Token::Symbol("%") => Arithmetic::Mod,
                _ => return Ok(left),
            };
            self.at += 1;
            let right = self.signed()?;
            left = self.arithmetic(operator, left, right)?;
        }
    }

    fn arithmetic(&self, operator: Arithmetic, left: Parsed, right: Parsed) -> Result<Parsed> {
        let (left, right) = (self.value(left)?, self.value(right)?);
        let head = Head::Arithmetic(operator, Box::new(left), Box::new(right));
        Ok(Parsed::Value(Expr { head, steps: Vec::new() }))
    }

    fn signed(&mut self) -> Result<Parsed> {
        let minus = match self.peek() {
            Token::Symbol("-") => true,
            Token::Symbol("+") => false,
            _ => return self.accessors(),
        };
        self.at += 1;
        let inner = self.signed()?;
        let inner = self.value(inner)?;
        // A sign before a number is part of the number.
        if let (Head::Literal(Json::Number(number)), true) = (&inner.head, inner.steps.is_empty()) {
            let number = if minus { number.neg() } else { number.clone() };
            return Ok(Parsed::Value(Expr { head: Head::Literal(Json::Number(number)), steps: Vec::new() }));
        }
        Ok(Parsed::Value(Expr { head: Head::Sign(minus, Box::new(inner)), steps: Vec::new() }))
    }

    fn accessors(&mut self) -> Result<Parsed> {
        let mut expr = match self.primary()? {
            Parsed::Condition(condition) => {
                if self.take_name("is") {
                    if !self.take_name("unknown") {
                        return Err(self.unexpected());
                    }
                    return Ok(Parsed::Condition(Predicate::IsUnknown(Box::new(condition))));
                }
                if !matches!(self.peek(), Token::Symbol("." | "[" | "?")) {
                    return Ok(Parsed::Condition(condition));
                }
                of_condition(condition)
            }
            Parsed::Value(expr) => expr,
        };
        loop {
            if self.take(".") {
                expr.steps.push(self.member()?);
            } else if self.take("[") {
                expr.steps.push(self.subscripts()?);
            } else if self.take("?") {
                self.expect("(")?;
                self.filters += 1;
                let inner = self.or()?;
                self.filters -= 1;
                let inner = self.condition(inner)?;
                self.expect(")")?;
                expr.steps.push(Step::Filter(inner));
            } else {
                return Ok(Parsed::Value(expr));
            }
        }
    }

    fn primary(&mut self) -> Result<Parsed> {
        let token = self.peek().clone();
        self.at += 1;
        let head = match token {
            Token::Symbol("$") => Head::Root,
            Token::Symbol("@") if self.filters == 0 && self.subscripts == 0 => {
                return Err(errors::refused("@ is not allowed in root expressions"));
            }
            Token::Symbol("@") => Head::Current,
            Token::Variable(name) => Head::Variable(name),
            Token::Text(text) => Head::Literal(Json::string(text)),
            Token::Number(text) => Head::Literal(Json::Number(Numeric::parse(&text.replace('_', ""))?)),
            Token::Name(name) => match name.as_str() {
                "true" => Head::Literal(Json::Bool(true)),
                "false" => Head::Literal(Json::Bool(false)),
                "null" => Head::Literal(Json::Null),
                "last" if self.subscripts == 0 => {
                    return Err(errors::refused("LAST is allowed only in array subscripts"));
                }
                "last" => Head::Last,
                _ => {
                    self.at -= 1;
                    return Err(self.unexpected());
                }
            },
            Token::Symbol("(") => {
                let inner = self.or()?;
                self.expect(")")?;
                return Ok(inner);
            }
            Token::Symbol(_) | Token::End => {
                self.at -= 1;
                return Err(self.unexpected());
            }
        };
        Ok(Parsed::Value(Expr { head, steps: Vec::new() }))
    }

    fn member(&mut self) -> Result<Step> {
        let token = self.peek().clone();
        self.at += 1;
        match token {
            Token::Symbol("*") => Ok(Step::AnyKey),
            Token::Symbol("**") => self.descend(),
            Token::Text(name) => Ok(Step::Key(name)),
            Token::Name(name) if super::methods::is_method(&name) && self.take("(") => {
                let mut args = Vec::new();
                while !self.take(")") {
                    if !args.is_empty() {
                        self.expect(",")?;
                    }
                    let minus = self.take("-");
                    let token = self.peek().clone();
                    args.push(match token {
                        Token::Text(text) => Json::string(text),
                        Token::Number(text) => {
                            let number = Numeric::parse(&text)?;
                            Json::Number(if minus { number.neg() } else { number })
                        }
                        _ => return Err(self.unexpected()),
                    });
                    self.at += 1;
                }
                if args.len() > super::methods::arguments_max(&name) {
                    return Err(errors::syntax(Some(")")));
                }
                Ok(Step::Method(name, args))
            }
            Token::Name(name) => Ok(Step::Key(name)),
            _ => {
                self.at -= 1;
                Err(self.unexpected())
            }
        }
    }

    fn level(&mut self) -> Result<u32> {
        if self.take_name("last") {
            return Ok(u32::MAX);
        }
        match self.peek().clone() {
            Token::Number(text) => {
                self.at += 1;
                text.parse().map_err(|_| errors::syntax(Some(&text)))
            }
            _ => Err(self.unexpected()),
        }
    }

    fn descend(&mut self) -> Result<Step> {
        if !self.take("{") {
            return Ok(Step::Descend(0, u32::MAX));
        }
        let first = self.level()?;
        let last = if self.take_name("to") { self.level()? } else { first };
        self.expect("}")?;
        Ok(Step::Descend(first, last))
    }

    fn subscripts(&mut self) -> Result<Step> {
        if self.take("*") {
            self.expect("]")?;
            return Ok(Step::AnyElement);
        }
        self.subscripts += 1;
        let mut found = Vec::new();
        loop {
            let from = self.sum()?;
            let from = self.value(from)?;
            let to = if self.take_name("to") {
                let to = self.sum()?;
                Some(self.value(to)?)
            } else {
                None
            };
            found.push((from, to));
            if !self.take(",") {
                break;
            }
        }
        self.subscripts -= 1;
        self.expect("]")?;
        Ok(Step::Elements(found))
    }
}
