//! The text of a path, as `jsonpath_out` prints it.

use super::{Arithmetic, Comparison, Expr, Head, Path, Predicate, Step};
use crate::json::{Json, escape_string};

/// Returns the text.
pub(super) fn to_text(path: &Path) -> String {
    let mut out = String::new();
    if !path.lax {
        out.push_str("strict ");
    }
    expr(&path.root, true, &mut out);
    out
}

impl Arithmetic {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
        }
    }
}

impl Comparison {
    fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
        }
    }
}

/// Returns how tightly an expression binds (`operationPriority`).
fn priority(expr: &Expr) -> u8 {
    match &expr.head {
        Head::Predicate(predicate) => predicate_priority(predicate),
        Head::Arithmetic(Arithmetic::Add | Arithmetic::Sub, ..) => 3,
        Head::Arithmetic(Arithmetic::Mul | Arithmetic::Div | Arithmetic::Mod, ..) => 4,
        Head::Sign(..) => 5,
        Head::Root | Head::Current | Head::Last | Head::Variable(_) | Head::Literal(_) => 6,
    }
}

fn predicate_priority(predicate: &Predicate) -> u8 {
    match predicate {
        Predicate::Or(..) => 0,
        Predicate::And(..) => 1,
        Predicate::Compare(..) | Predicate::StartsWith(..) => 2,
        Predicate::Not(_) | Predicate::IsUnknown(_) | Predicate::LikeRegex(..) | Predicate::Exists(_) => 6,
    }
}

fn brackets(on: bool, out: &mut String, inside: impl FnOnce(&mut String)) {
    if on {
        out.push('(');
    }
    inside(out);
    if on {
        out.push(')');
    }
}

fn expr(value: &Expr, bracketed: bool, out: &mut String) {
    let bracketed = bracketed || !value.steps.is_empty();
    match &value.head {
        Head::Root => out.push('$'),
        Head::Current => out.push('@'),
        Head::Last => out.push_str("last"),
        Head::Variable(name) => {
            out.push('$');
            escape_string(name, out);
        }
        Head::Literal(Json::Number(number)) => {
            let has_steps = !value.steps.is_empty();
            brackets(has_steps, out, |out| Json::Number(number.clone()).write(out));
        }
        Head::Literal(literal) => literal.write(out),
        Head::Arithmetic(operator, left, right) => brackets(bracketed, out, |out| {
            let own = priority(value);
            expr(left, priority(left) <= own, out);
            out.push_str(&format!(" {} ", operator.symbol()));
            expr(right, priority(right) <= own, out);
        }),
        Head::Sign(minus, inner) => brackets(bracketed, out, |out| {
            out.push(if *minus { '-' } else { '+' });
            expr(inner, priority(inner) <= 5, out);
        }),
        Head::Predicate(inner) => predicate(inner, bracketed, out),
    }
    value.steps.iter().for_each(|found| step(found, out));
}

fn predicate(value: &Predicate, bracketed: bool, out: &mut String) {
    let own = predicate_priority(value);
    match value {
        Predicate::And(left, right) | Predicate::Or(left, right) => brackets(bracketed, out, |out| {
            predicate(left, predicate_priority(left) <= own, out);
            out.push_str(if own == 1 { " && " } else { " || " });
            predicate(right, predicate_priority(right) <= own, out);
        }),
        Predicate::Not(inner) => {
            out.push_str("!(");
            predicate(inner, false, out);
            out.push(')');
        }
        Predicate::IsUnknown(inner) => {
            out.push('(');
            predicate(inner, false, out);
            out.push_str(") is unknown");
        }
        Predicate::Compare(operator, left, right) => brackets(bracketed, out, |out| {
            expr(left, priority(left) <= own, out);
            out.push_str(&format!(" {} ", operator.symbol()));
            expr(right, priority(right) <= own, out);
        }),
        Predicate::StartsWith(left, right) => brackets(bracketed, out, |out| {
            expr(left, priority(left) <= own, out);
            out.push_str(" starts with ");
            expr(right, priority(right) <= own, out);
        }),
        Predicate::LikeRegex(inner, pattern, flags) => brackets(bracketed, out, |out| {
            expr(inner, priority(inner) <= own, out);
            out.push_str(" like_regex ");
            escape_string(pattern, out);
            if !flags.is_empty() {
                out.push_str(" flag \"");
                // Each flag once, in the order in which PostgreSQL prints them.
                out.extend("ismxq".chars().filter(|flag| flags.contains(*flag)));
                out.push('"');
            }
        }),
        Predicate::Exists(inner) => {
            out.push_str("exists (");
            expr(inner, false, out);
            out.push(')');
        }
    }
}

fn step(value: &Step, out: &mut String) {
    match value {
        Step::Key(key) => {
            out.push('.');
            escape_string(key, out);
        }
        Step::AnyKey => out.push_str(".*"),
        Step::AnyElement => out.push_str("[*]"),
        Step::Elements(subscripts) => {
            out.push('[');
            for (index, (from, to)) in subscripts.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                expr(from, false, out);
                if let Some(to) = to {
                    out.push_str(" to ");
                    expr(to, false, out);
                }
            }
            out.push(']');
        }
        Step::Descend(first, last) => {
            let level = |level: u32| if level == u32::MAX { "last".to_string() } else { level.to_string() };
            out.push_str(".**");
            if (*first, *last) == (0, u32::MAX) {
            } else if first == last {
                out.push_str(&format!("{{{}}}", level(*first)));
            } else {
                out.push_str(&format!("{{{} to {}}}", level(*first), level(*last)));
            }
        }
        Step::Filter(inner) => {
            out.push_str("?(");
            predicate(inner, false, out);
            out.push(')');
        }
        Step::Method(name, args) => {
            let args: Vec<String> = args.iter().map(Json::to_text).collect();
            out.push_str(&format!(".{name}({})", args.join(",")));
        }
    }
}
