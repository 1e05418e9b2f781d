//! What a path finds in a value. In lax mode arrays are unwrapped where an item is wanted, and what is not there
//! is nothing; in strict mode it is an error. Errors inside a predicate make it unknown.

use ecow::EcoString;

use super::{Arithmetic, Comparison, Expr, Head, Path, Predicate, Step, methods};
use crate::datum::Datum;
use crate::errors::{PgError, Result, jsonpath as errors};
use crate::io::IoContext;
use crate::json::Json;
use crate::numeric::Numeric;
use crate::text::regular::{Flags, Locale, Regular};
use crate::{Oid, compare};

/// An error that `silent` hides and predicates turn into unknown, or one that is always raised.
pub(super) enum Fault {
    Soft(PgError),
    Hard(PgError),
}

pub(super) type Found<T = ()> = std::result::Result<T, Fault>;

pub(super) fn soft<T>(error: PgError) -> Found<T> {
    Err(Fault::Soft(error))
}

/// A value on the way: JSON, or a date or time that a method made.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    Json(Json),
    Moment(Oid, Datum),
}

/// What a path is evaluated with.
pub struct Evaluation<'a> {
    /// Variables, an object.
    pub vars: &'a Json,
    /// Settings for dates and times.
    pub io: &'a IoContext,
    /// Whether conversions may use the session's time zone.
    pub time_zones: bool,
    /// Looks whether the statement is to stop.
    pub check: &'a dyn Fn() -> Result<()>,
}

/// What a path found.
pub struct Outcome {
    /// The items in order.
    pub items: Vec<Json>,
    /// The error that ended the search, if a suppressible one did.
    pub error: Option<PgError>,
}

/// Returns what `path` finds in `value`.
///
/// # Errors
/// Only those that `silent` does not hide.
pub fn query(path: &Path, value: &Json, with: &Evaluation<'_>) -> Result<Outcome> {
    if !matches!(with.vars, Json::Object(_)) {
        return Err(errors::vars_not_an_object());
    }
    let mut found = Vec::new();
    let search = Search { lax: path.lax, root: value, with };
    let context = Context { current: &Item::Json(value.clone()), last: None };
    let outcome = search.expr(&path.root, context, &mut found);
    let error = match outcome {
        Ok(()) => None,
        Err(Fault::Soft(error)) => Some(error),
        Err(Fault::Hard(error)) => return Err(error),
    };
    let mut items = Vec::with_capacity(found.len());
    for item in found {
        items.push(match item {
            Item::Json(value) => value,
            Item::Moment(oid, value) => Json::string(methods::moment_text(oid, &value, with.io)?),
        });
    }
    Ok(Outcome { items, error })
}

/// What `@` and `last` stand for.
#[derive(Clone, Copy)]
struct Context<'a> {
    current: &'a Item,
    last: Option<usize>,
}

struct Search<'a> {
    lax: bool,
    root: &'a Json,
    with: &'a Evaluation<'a>,
}

/// Returns the flags of `like_regex` as those of PostgreSQL's regular expressions.
pub(super) fn like_flags(flags: &str) -> Result<Flags> {
    let mut found = Flags::new(Locale::Unicode);
    found.newline_stops = true;
    for flag in flags.chars() {
        match flag {
            'i' => found.ignore_case = true,
            's' => found.newline_stops = false,
            'm' => found.newline_anchors = true,
            'q' => found.literal = true,
            'x' => {}
            other => return Err(errors::unknown_flag(other)),
        }
    }
    if found.literal {
        (found.newline_stops, found.newline_anchors) = (false, false);
    } else if flags.contains('x') {
        return Err(PgError::not_supported(
            "XQuery \"x\" flag (expanded regular expressions) is not implemented",
        ));
    }
    Ok(found)
}

impl Search<'_> {
    fn expr(&self, expr: &Expr, context: Context<'_>, out: &mut Vec<Item>) -> Found {
        (self.with.check)().map_err(Fault::Hard)?;
        let mut heads = Vec::new();
        match &expr.head {
            Head::Root => heads.push(Item::Json(self.root.clone())),
            Head::Current => heads.push(context.current.clone()),
            Head::Last => {
                let last = context.last.map_or(-1, |len| len as i64 - 1);
                heads.push(Item::Json(Json::Number(Numeric::from_i64(last))));
            }
            Head::Literal(value) => heads.push(Item::Json(value.clone())),
            Head::Variable(name) => match self.with.vars.get(name) {
                Some(value) => heads.push(Item::Json(value.clone())),
                None => return Err(Fault::Hard(errors::unknown_variable(name))),
            },
            Head::Arithmetic(operator, left, right) => {
                heads.push(self.arithmetic(*operator, left, right, context)?);
            }
            Head::Sign(minus, inner) => self.sign(*minus, inner, context, &mut heads)?,
            Head::Predicate(predicate) => {
                let truth = self.predicate(predicate, context)?;
                heads.push(Item::Json(truth.map_or(Json::Null, Json::Bool)));
            }
        }
        for item in heads {
            self.steps(&expr.steps, item, context, true, out)?;
        }
        Ok(())
    }

    /// Evaluates an operand: in lax mode arrays count as their elements.
    fn operand(&self, expr: &Expr, context: Context<'_>) -> Found<Vec<Item>> {
        let mut found = Vec::new();
        self.expr(expr, context, &mut found)?;
        if !self.lax {
            return Ok(found);
        }
        let mut flat = Vec::with_capacity(found.len());
        for item in found {
            match item {
                Item::Json(Json::Array(items)) => flat.extend(items.into_iter().map(Item::Json)),
                other => flat.push(other),
            }
        }
        Ok(flat)
    }

    fn arithmetic(
        &self,
        operator: Arithmetic,
        left: &Expr,
        right: &Expr,
        context: Context<'_>,
    ) -> Found<Item> {
        let symbol = operator.symbol();
        let single = |items: Vec<Item>, side: &str| match <[Item; 1]>::try_from(items) {
            Ok([Item::Json(Json::Number(number))]) => Ok(number),
            Ok(_) | Err(_) => soft(errors::operand(side, symbol)),
        };
        let left = self.operand(left, context)?;
        let right = self.operand(right, context)?;
        let (left, right) = (single(left, "left")?, single(right, "right")?);
        let result = match operator {
            Arithmetic::Add => left.add(&right),
            Arithmetic::Sub => left.sub(&right),
            Arithmetic::Mul => left.mul(&right),
            Arithmetic::Div => left.div(&right),
            Arithmetic::Mod => left.rem(&right),
        };
        result.map(|number| Item::Json(Json::Number(number))).map_err(Fault::Soft)
    }

    fn sign(&self, minus: bool, inner: &Expr, context: Context<'_>, out: &mut Vec<Item>) -> Found {
        for item in self.operand(inner, context)? {
            match item {
                Item::Json(Json::Number(number)) => {
                    out.push(Item::Json(Json::Number(if minus { number.neg() } else { number })));
                }
                Item::Json(_) | Item::Moment(..) => {
                    return soft(errors::unary_operand(if minus { "-" } else { "+" }));
                }
            }
        }
        Ok(())
    }

    /// Applies the steps to an item; `unwrap` says whether an array may still be unwrapped here.
    fn steps(
        &self,
        steps: &[Step],
        item: Item,
        context: Context<'_>,
        unwrap: bool,
        out: &mut Vec<Item>,
    ) -> Found {
        let Some((step, rest)) = steps.split_first() else {
            out.push(item);
            return Ok(());
        };
        (self.with.check)().map_err(Fault::Hard)?;
        if self.lax
            && unwrap
            && let Item::Json(Json::Array(items)) = &item
            && unwraps(step)
        {
            for inner in items {
                self.steps(steps, Item::Json(inner.clone()), context, false, out)?;
            }
            return Ok(());
        }
        for found in self.step(step, item, context)? {
            self.steps(rest, found, context, true, out)?;
        }
        Ok(())
    }

    fn step(&self, step: &Step, item: Item, context: Context<'_>) -> Found<Vec<Item>> {
        let all = |values: Vec<Json>| Ok(values.into_iter().map(Item::Json).collect());
        match (step, item) {
            (Step::Key(key), Item::Json(value @ Json::Object(_))) => match value.get(key) {
                Some(found) => all(vec![found.clone()]),
                None if self.lax => Ok(Vec::new()),
                None => soft(errors::no_key(key)),
            },
            (Step::Key(_), _) if self.lax => Ok(Vec::new()),
            (Step::Key(_), _) => soft(errors::not_an_object("member")),
            (Step::AnyKey, Item::Json(Json::Object(fields))) => {
                all(fields.into_iter().map(|(_, value)| value).collect())
            }
            (Step::AnyKey, _) if self.lax => Ok(Vec::new()),
            (Step::AnyKey, _) => soft(errors::not_an_object("wildcard member")),
            (Step::AnyElement, Item::Json(Json::Array(items))) => all(items),
            (Step::AnyElement, item) if self.lax => Ok(vec![item]),
            (Step::AnyElement, _) => soft(errors::not_an_array("wildcard array accessor")),
            (Step::Elements(subscripts), Item::Json(Json::Array(items))) => {
                self.elements(subscripts, &items.into_iter().map(Item::Json).collect::<Vec<_>>(), context)
            }
            (Step::Elements(subscripts), item) if self.lax => self.elements(subscripts, &[item], context),
            (Step::Elements(_), _) => soft(errors::not_an_array("array accessor")),
            (Step::Descend(first, last), Item::Json(value)) => {
                let mut found = Vec::new();
                descend(&value, 0, (*first, *last), &mut found);
                all(found)
            }
            (Step::Descend(first, _), item) => Ok(if *first == 0 { vec![item] } else { Vec::new() }),
            (Step::Filter(predicate), item) => {
                let inner = Context { current: &item, last: context.last };
                let kept = self.predicate(predicate, inner)? == Some(true);
                Ok(if kept { vec![item] } else { Vec::new() })
            }
            (Step::Method(name, args), item) => {
                let at_root = matches!(&item, Item::Json(value) if std::ptr::eq(value, self.root) || value == self.root);
                methods::apply(name, args, item, self.lax, at_root, self.with)
            }
        }
    }

    fn elements(
        &self,
        subscripts: &[(Expr, Option<Expr>)],
        items: &[Item],
        context: Context<'_>,
    ) -> Found<Vec<Item>> {
        let context = Context { last: Some(items.len()), ..context };
        let mut found = Vec::new();
        for (from, to) in subscripts {
            let from = self.subscript(from, context)?;
            let to = match to {
                Some(to) => self.subscript(to, context)?,
                None => from,
            };
            let len = items.len() as i64;
            if !self.lax && (from < 0 || from > to || to >= len) {
                return soft(errors::subscript("out of bounds"));
            }
            for index in from.max(0)..=to.min(len - 1) {
                found.extend(usize::try_from(index).ok().and_then(|index| items.get(index)).cloned());
            }
        }
        Ok(found)
    }

    fn subscript(&self, expr: &Expr, context: Context<'_>) -> Found<i64> {
        let mut found = Vec::new();
        self.expr(expr, context, &mut found)?;
        let number = match <[Item; 1]>::try_from(found) {
            Ok([Item::Json(Json::Number(number))]) => number,
            Ok(_) | Err(_) => return soft(errors::subscript("not a single numeric value")),
        };
        let whole = number.trunc(0).and_then(|number| number.to_i32());
        whole.map(i64::from).or_else(|_| soft(errors::subscript("out of integer range")))
    }

    /// Returns whether a predicate holds; none for unknown.
    fn predicate(&self, predicate: &Predicate, context: Context<'_>) -> Found<Option<bool>> {
        Ok(match predicate {
            Predicate::And(left, right) => match self.predicate(left, context)? {
                Some(false) => Some(false),
                left => match self.predicate(right, context)? {
                    Some(true) => left,
                    right => right,
                },
            },
            Predicate::Or(left, right) => match self.predicate(left, context)? {
                Some(true) => Some(true),
                left => match self.predicate(right, context)? {
                    Some(false) => left,
                    right => right,
                },
            },
            Predicate::Not(inner) => self.predicate(inner, context)?.map(|truth| !truth),
            Predicate::IsUnknown(inner) => Some(self.predicate(inner, context)?.is_none()),
            Predicate::Exists(inner) => {
                let mut found = Vec::new();
                match self.expr(inner, context, &mut found) {
                    Ok(()) => Some(!found.is_empty()),
                    Err(Fault::Soft(_)) if self.lax && !found.is_empty() => Some(true),
                    Err(Fault::Soft(_)) => None,
                    Err(hard @ Fault::Hard(_)) => return Err(hard),
                }
            }
            Predicate::Compare(operator, left, right) => {
                self.any_pair(left, Some(right), context, &|left, right| {
                    Ok(compare_items(*operator, left, right, self.with))
                })?
            }
            Predicate::StartsWith(left, right) => {
                self.any_pair(left, Some(right), context, &|left, right| match (left, right) {
                    (Item::Json(Json::String(text)), Item::Json(Json::String(prefix))) => {
                        Ok(Some(text.starts_with(prefix.as_str())))
                    }
                    _ => Ok(None),
                })?
            }
            Predicate::LikeRegex(inner, pattern, flags) => {
                let regular =
                    like_flags(flags).and_then(|with| Regular::new(pattern, with)).map_err(Fault::Hard)?;
                self.any_pair(inner, None, context, &|item, _| match item {
                    Item::Json(Json::String(text)) => {
                        regular.is_match(text, self.with.check).map(Some).map_err(Fault::Hard)
                    }
                    Item::Json(_) | Item::Moment(..) => Ok(None),
                })?
            }
        })
    }

    /// Tests each item of the left with each of the right (`executePredicate`).
    fn any_pair(
        &self,
        left: &Expr,
        right: Option<&Expr>,
        context: Context<'_>,
        test: &dyn Fn(&Item, &Item) -> Found<Option<bool>>,
    ) -> Found<Option<bool>> {
        let hidden = |found: Found<Vec<Item>>| match found {
            Ok(items) => Ok(Some(items)),
            Err(Fault::Soft(_)) => Ok(None),
            Err(hard @ Fault::Hard(_)) => Err(hard),
        };
        let Some(lefts) = hidden(self.operand(left, context))? else { return Ok(None) };
        let rights = match right {
            None => Some(vec![Item::Json(Json::Null)]),
            Some(right) => hidden(self.operand(right, context))?,
        };
        let Some(rights) = rights else { return Ok(None) };
        let (mut found, mut unknown) = (false, false);
        for left in &lefts {
            for right in &rights {
                match test(left, right)? {
                    Some(true) if self.lax => return Ok(Some(true)),
                    Some(true) => found = true,
                    Some(false) => {}
                    None if !self.lax => return Ok(None),
                    None => unknown = true,
                }
            }
        }
        Ok(match (found, unknown) {
            (true, _) => Some(true),
            (false, true) => None,
            (false, false) => Some(false),
        })
    }
}

/// Whether the step applies to the elements of an array in lax mode.
fn unwraps(step: &Step) -> bool {
    match step {
        Step::Key(_) | Step::AnyKey | Step::Filter(_) => true,
        Step::Method(name, _) => !matches!(name.as_str(), "type" | "size"),
        Step::AnyElement | Step::Elements(_) | Step::Descend(..) => false,
    }
}

fn descend(value: &Json, level: u32, (first, last): (u32, u32), out: &mut Vec<Json>) {
    let wanted = level >= first || first == u32::MAX && value.is_scalar();
    if wanted && level <= last {
        out.push(value.clone());
    }
    if level >= last {
        return;
    }
    match value {
        Json::Array(items) => items.iter().for_each(|item| descend(item, level + 1, (first, last), out)),
        Json::Object(fields) => {
            fields.iter().for_each(|(_, item)| descend(item, level + 1, (first, last), out));
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn compare_items(operator: Comparison, left: &Item, right: &Item, with: &Evaluation<'_>) -> Option<bool> {
    let order = match (left, right) {
        (Item::Json(Json::Null), Item::Json(Json::Null)) => std::cmp::Ordering::Equal,
        // Null is equal to nothing else, and only that is known.
        (Item::Json(Json::Null), _) | (_, Item::Json(Json::Null)) => {
            return Some(operator == Comparison::NotEqual);
        }
        (Item::Json(Json::Bool(l)), Item::Json(Json::Bool(r))) => l.cmp(r),
        (Item::Json(Json::Number(l)), Item::Json(Json::Number(r))) => l.cmp(r),
        (Item::Json(Json::String(l)), Item::Json(Json::String(r))) => {
            let bytes = |text: &EcoString| text.as_bytes().to_vec();
            bytes(l).cmp(&bytes(r))
        }
        (Item::Moment(lo, l), Item::Moment(ro, r)) if lo == ro => compare::compare(*lo, l, r),
        (Item::Moment(lo, l), Item::Moment(ro, r)) => methods::compare_moments((*lo, l), (*ro, r), with)?,
        _ => return None,
    };
    Some(match operator {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterEqual => order.is_ge(),
    })
}
