//! Typed expressions as SQL text, as `ruleutils.c` prints them: every operator in parentheses, constants with their
//! types, casts as `(x)::type`.

use executor::expr::{BoolTest, ColumnId, Expr, ExprKind, FunctionRef, SubqueryUse};
use types::io::{IoContext, text_output};
use types::{Datum, Oid, TypeRef, oids};

use super::Catalog;
use super::builtin::{CastMethod, builtin};
use super::type_names::format_type;
use crate::session::settings::quote_identifier;

/// What names and columns look like.
pub struct Deparse<'a> {
    /// The catalog.
    pub catalog: &'a Catalog,
    /// Schemas whose objects need no schema name; `pg_catalog` among them.
    pub path: &'a [Oid],
    /// SQL of a column.
    pub column: &'a dyn Fn(ColumnId) -> Option<String>,
    /// Print relations of `regclass` constants as numbers, which renaming does not change.
    pub stored: bool,
    /// Leave out parentheses that simple operators do not need.
    pub pretty: bool,
    /// SQL of a subquery by its number, if there can be any.
    pub subquery: Option<&'a Subqueries<'a>>,
}

/// Prints a subquery that stands in an expression.
pub type Subqueries<'a> = dyn Fn(u32, &SubqueryUse, &Deparse<'_>) -> Option<String> + 'a;

/// What an expression stands in, for `isSimpleNode`.
#[derive(Clone, Copy)]
enum Parent<'a> {
    /// An operator; whether as its first argument.
    Operator(&'a str, bool),
    And,
    Or,
    Not,
    /// IS NULL, a cast, IS DISTINCT FROM, = ANY.
    Other,
}

impl Deparse<'_> {
    /// Prints an expression that stands in another.
    fn inner(&self, expr: &Expr, parent: Parent<'_>) -> Option<String> {
        let text = self.expression(expr)?;
        if !self.pretty || is_simple(expr, parent) { Some(text) } else { Some(format!("({text})")) }
    }

    /// Puts parentheses around an operator's text unless it is printed pretty.
    fn wrap(&self, text: String) -> String {
        if self.pretty { text } else { format!("({text})") }
    }

    fn joined(&self, items: &[Expr], separator: &str, parent: Parent<'_>) -> Option<String> {
        let items: Option<Vec<String>> = items.iter().map(|item| self.inner(item, parent)).collect();
        Some(self.wrap(items?.join(separator)))
    }

    /// Prints an expression; `None` when it holds something that has no text here (a subquery).
    pub fn expression(&self, expr: &Expr) -> Option<String> {
        match &expr.kind {
            ExprKind::Column(id) => (self.column)(*id),
            ExprKind::Const(value) => self.constant(value, expr.ty, true),
            ExprKind::Call { function, args, .. } => self.call(function, args, expr.ty),
            ExprKind::And(items) => self.joined(items, " AND ", Parent::And),
            ExprKind::Or(items) => self.joined(items, " OR ", Parent::Or),
            ExprKind::Not(arg) => Some(self.wrap(format!("NOT {}", self.inner(arg, Parent::Not)?))),
            ExprKind::IsNull { arg, negated } => {
                let test = if *negated { "IS NOT NULL" } else { "IS NULL" };
                Some(self.wrap(format!("{} {test}", self.inner(arg, Parent::Other)?)))
            }
            ExprKind::BoolTest { arg, test } => {
                let test = match test {
                    BoolTest::True => "IS TRUE",
                    BoolTest::NotTrue => "IS NOT TRUE",
                    BoolTest::False => "IS FALSE",
                    BoolTest::NotFalse => "IS NOT FALSE",
                    BoolTest::Unknown => "IS UNKNOWN",
                    BoolTest::NotUnknown => "IS NOT UNKNOWN",
                };
                Some(self.wrap(format!("{} {test}", self.inner(arg, Parent::Other)?)))
            }
            ExprKind::IsDistinct { left, right, negated, .. } => {
                let (left, right) = (self.inner(left, Parent::Other)?, self.inner(right, Parent::Other)?);
                let text = self.wrap(format!("{left} IS DISTINCT FROM {right}"));
                Some(if *negated { format!("(NOT {text})") } else { text })
            }
            ExprKind::NullIf { left, right, .. } => {
                Some(format!("NULLIF({}, {})", self.expression(left)?, self.expression(right)?))
            }
            ExprKind::Case { operand, arms, otherwise } => self.case(operand.as_deref(), arms, otherwise),
            ExprKind::Coalesce(items) => Some(format!("COALESCE({})", self.list(items, ", ")?)),
            ExprKind::MinMax { args, greatest } => {
                let name = if *greatest { "GREATEST" } else { "LEAST" };
                Some(format!("{name}({})", self.list(args, ", ")?))
            }
            ExprKind::ScalarArray { function, scalar, array, all, .. } => {
                let quantifier = if *all { "ALL" } else { "ANY" };
                let (scalar, array) = (self.inner(scalar, Parent::Other)?, self.inner(array, Parent::Other)?);
                Some(self.wrap(format!("{scalar} {} {quantifier} ({array})", function.name)))
            }
            ExprKind::Array { elements, .. } => {
                let text = format!("ARRAY[{}]", self.list(elements, ", ")?);
                Some(if elements.is_empty() { self.cast(text, expr.ty) } else { text })
            }
            ExprKind::Row(items, _) => Some(format!("ROW({})", self.list(items, ", ")?)),
            ExprKind::Relabel(arg) | ExprKind::CoerceViaIo(arg) => self.coercion(arg, expr.ty),
            ExprKind::ArrayCoerce { arg, .. } => self.coercion(arg, expr.ty),
            ExprKind::Collate(arg) => {
                let name = builtin().collation_name(expr.ty.collation)?;
                Some(self.wrap(format!(
                    "{} COLLATE {}",
                    self.inner(arg, Parent::Other)?,
                    quote_identifier(name)
                )))
            }
            ExprKind::Subscript { array, subscripts, .. } => {
                let mut text = match array.kind {
                    ExprKind::Column(_) => self.expression(array)?,
                    _ => format!("({})", self.expression(array)?),
                };
                for (lower, upper) in subscripts {
                    let upper = upper.as_ref().map_or(Some(String::new()), |upper| self.expression(upper))?;
                    match lower {
                        Some(lower) => text.push_str(&format!("[{}:{upper}]", self.expression(lower)?)),
                        None => text.push_str(&format!("[{upper}]")),
                    }
                }
                Some(text)
            }
            ExprKind::Param(number) => Some(format!("${number}")),
            ExprKind::Outer(_)
            | ExprKind::CaseOperand(_)
            | ExprKind::Field { .. }
            | ExprKind::RowCompare { .. }
            | ExprKind::SubqueryColumn(_) => None,
            ExprKind::Subquery { index, usage, .. } => self.subquery?(*index, usage, self),
            ExprKind::SetCall { function, args, .. } => self.call(function, args, expr.ty),
        }
    }

    fn list(&self, items: &[Expr], separator: &str) -> Option<String> {
        let items: Option<Vec<String>> = items.iter().map(|item| self.expression(item)).collect();
        Some(items?.join(separator))
    }

    fn case(&self, operand: Option<&Expr>, arms: &[(Expr, Expr)], otherwise: &Expr) -> Option<String> {
        let mut text = "\nCASE".to_owned();
        if let Some(operand) = operand {
            text.push_str(&format!(" {}", self.expression(operand)?));
        }
        for (condition, result) in arms {
            let shown = match (&condition.kind, operand) {
                (ExprKind::Call { args, .. }, Some(_)) => args.get(1).unwrap_or(condition),
                (_, _) => condition,
            };
            let (shown, result) = (self.expression(shown)?, self.expression(result)?);
            text.push_str(&format!("\n    WHEN {} THEN {}", indented(&shown), indented(&result)));
        }
        text.push_str(&format!("\n    ELSE {}\nEND", indented(&self.expression(otherwise)?)));
        Some(text)
    }

    fn call(&self, function: &FunctionRef, args: &[Expr], ty: TypeRef) -> Option<String> {
        if is_value_function(&function.name) {
            return Some(function.name.to_string());
        }
        if let Some(text) = self.value_function_cast(args, ty) {
            return Some(text);
        }
        if is_operator(&function.name) {
            let name = function.name.as_str();
            return match args {
                [only] => {
                    Some(self.wrap(format!("{name} {}", self.inner(only, Parent::Operator(name, false))?)))
                }
                [left, right] => {
                    let left = self.inner(left, Parent::Operator(name, true))?;
                    let right = self.inner(right, Parent::Operator(name, false))?;
                    Some(self.wrap(format!("{left} {name} {right}")))
                }
                _ => None,
            };
        }
        if let Some(text) = self.special_syntax(function, args) {
            return text;
        }
        if let [arg, ..] = args
            && is_cast(function.oid, arg, ty)
        {
            return self.coercion(arg, ty);
        }
        let shown = self.function_name(function)?;
        Some(format!("{shown}({})", self.list(args, ", ")?))
    }

    /// Prints a call that SQL has syntax of its own for (`get_func_sql_syntax`). That the syntax was written is taken for
    /// granted.
    fn special_syntax(&self, function: &FunctionRef, args: &[Expr]) -> Option<Option<String>> {
        builtin().function(function.oid)?;
        let text = |arg: &Expr| self.expression(arg);
        Some(match (function.name.as_str(), args) {
            ("timezone", [zone, value]) => {
                text(value).zip(text(zone)).map(|(value, zone)| format!("({value} AT TIME ZONE {zone})"))
            }
            ("current_user", []) => Some("CURRENT_USER".to_owned()),
            ("session_user", []) => Some("SESSION_USER".to_owned()),
            ("timezone", [value]) => text(value).map(|value| format!("({value} AT LOCAL)")),
            ("extract", [Expr { kind: ExprKind::Const(Datum::Text(field)), .. }, value]) => {
                text(value).map(|value| format!("EXTRACT({field} FROM {value})"))
            }
            ("position", [value, part]) => {
                text(value).zip(text(part)).map(|(value, part)| format!("POSITION(({part}) IN ({value}))"))
            }
            ("btrim", [value]) => text(value).map(|value| format!("TRIM(BOTH FROM {value})")),
            ("btrim", [value, characters]) => text(value)
                .zip(text(characters))
                .map(|(value, characters)| format!("TRIM(BOTH {characters} FROM {value})")),
            (_, _) => return None,
        })
    }

    fn function_name(&self, function: &FunctionRef) -> Option<String> {
        let (schema, name) = match builtin().function(function.oid) {
            Some(row) => (row.namespace, row.name.clone()),
            None => {
                let user = self.catalog.functions.get(&function.oid)?;
                (user.schema, user.name.clone())
            }
        };
        Some(self.qualified(schema, &name))
    }

    /// Returns a name with its schema where the path does not have it.
    pub fn qualified(&self, schema: Oid, name: &str) -> String {
        if self.path.contains(&schema) {
            return quote_identifier(name);
        }
        let schema = self.catalog.schema_name(schema).unwrap_or_default();
        format!("{}.{}", quote_identifier(schema), quote_identifier(name))
    }

    /// A cast of `now()` that CURRENT_DATE and its relatives stand for.
    fn value_function_cast(&self, args: &[Expr], ty: TypeRef) -> Option<String> {
        let mut inner = args.first()?;
        while let ExprKind::Call { function, args, .. } = &inner.kind {
            if is_value_function(&function.name) {
                let precision = if ty.typmod >= 0 { format!("({})", ty.typmod) } else { String::new() };
                return Some(format!("{}{precision}", function.name));
            }
            inner = args.first()?;
        }
        None
    }

    fn coercion(&self, arg: &Expr, ty: TypeRef) -> Option<String> {
        if let ExprKind::Call { function, .. } = &arg.kind
            && is_value_function(&function.name)
            && function.name.starts_with("CURRENT_TIME") | function.name.starts_with("LOCAL")
        {
            return Some(function.name.to_string());
        }
        if let ExprKind::Const(value) = &arg.kind
            && arg.ty.oid == ty.oid
            && arg.ty.typmod == -1
        {
            let text = self.constant(value, arg.ty, false)?;
            return Some(format!("{text}::{}", self.type_text(ty)));
        }
        // A conversion to a length hides the one to the type (`hide_coercion_node`).
        let arg = match &arg.kind {
            ExprKind::Relabel(inner) | ExprKind::CoerceViaIo(inner) if is_bare_type(arg, ty) => inner,
            ExprKind::Call { function, args, .. } => match args.first() {
                Some(inner) if is_bare_type(arg, ty) && is_cast(function.oid, inner, arg.ty) => inner,
                Some(_) | None => arg,
            },
            _ => arg,
        };
        let text = self.inner(arg, Parent::Other)?;
        Some(if self.pretty { format!("{text}::{}", self.type_text(ty)) } else { self.cast(text, ty) })
    }

    fn cast(&self, text: String, ty: TypeRef) -> String {
        let name = self.type_text(ty);
        format!("({text})::{name}")
    }

    fn type_text(&self, ty: TypeRef) -> String {
        format_type(ty.oid, Some(ty.typmod))
    }

    fn constant(&self, value: &Datum, ty: TypeRef, label: bool) -> Option<String> {
        if matches!(value, Datum::Null) {
            return Some(if label { format!("NULL::{}", self.type_text(ty)) } else { "NULL".to_owned() });
        }
        let mut text = String::new();
        if ty.oid == oids::REGCLASS {
            text = self.relation_text(value)?;
        } else {
            text_output(ty.oid, value, &IoContext::default(), &mut text).ok()?;
        }
        match ty.oid {
            oids::BOOL => return Some(if text == "t" { "true".into() } else { "false".into() }),
            oids::INT4 if !text.starts_with('-') => return Some(text),
            oids::NUMERIC
                if ty.typmod == -1
                    && text.contains(['.', 'e', 'E'])
                    && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+')) =>
            {
                return Some(text);
            }
            _ => {}
        }
        let quoted = quote_literal(&text);
        Some(if label { format!("{quoted}::{}", self.type_text(ty)) } else { quoted })
    }

    fn relation_text(&self, value: &Datum) -> Option<String> {
        let Datum::I64(oid) = value else { return None };
        let oid = Oid::try_from(*oid).ok()?;
        if self.stored && oid >= 16_384 {
            return Some(oid.to_string());
        }
        match self.catalog.relation(oid) {
            Some(relation) => Some(self.qualified(relation.schema, &relation.name)),
            None => Some(oid.to_string()),
        }
    }
}

/// Moves the lines after the first to the right: CASE inside CASE.
fn indented(text: &str) -> String {
    text.replace('\n', "\n    ")
}

/// Says an expression needs no parentheses in a pretty print, as `isSimpleNode` decides.
fn is_simple(expr: &Expr, parent: Parent<'_>) -> bool {
    match &expr.kind {
        ExprKind::Call { function, args, .. } => {
            if is_operator(&function.name) {
                return match parent {
                    Parent::Operator(outer, first) => binds_tighter(&function.name, args.len(), outer, first),
                    Parent::And | Parent::Or | Parent::Not => true,
                    Parent::Other => false,
                };
            }
            match args.first() {
                Some(arg) if is_cast(function.oid, arg, expr.ty) => is_simple(arg, Parent::Other),
                Some(_) | None => true,
            }
        }
        ExprKind::Relabel(arg) | ExprKind::CoerceViaIo(arg) | ExprKind::ArrayCoerce { arg, .. } => {
            is_simple(arg, Parent::Other)
        }
        ExprKind::And(_) | ExprKind::Not(_) => matches!(parent, Parent::And | Parent::Or),
        ExprKind::Or(_) => matches!(parent, Parent::Or),
        ExprKind::IsNull { .. } | ExprKind::BoolTest { .. } | ExprKind::IsDistinct { .. } => {
            matches!(parent, Parent::And | Parent::Or | Parent::Not)
        }
        ExprKind::Subquery { .. } => matches!(parent, Parent::And | Parent::Or | Parent::Not),
        ExprKind::ScalarArray { .. } | ExprKind::Collate(_) => false,
        _ => true,
    }
}

/// Says `inner` binds tighter than `outer`: only + - * / % are known.
fn binds_tighter(inner: &str, arity: usize, outer: &str, first: bool) -> bool {
    let rank = |name: &str| match name {
        "+" | "-" => Some(0),
        "*" | "/" | "%" => Some(1),
        _ => None,
    };
    let (Some(inner), Some(outer)) = (rank(inner), rank(outer)) else { return false };
    arity == 2 && (inner > outer || inner == outer && first)
}

/// Returns a text as a literal, as `simple_quote_literal`.
pub fn quote_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Says whether a call's name is an operator's.
pub fn is_operator(name: &str) -> bool {
    name.starts_with(|c: char| "+-*/<>=~!@#%^&|`?".contains(c))
}

/// CURRENT_DATE and its relatives keep their words as the call's name.
fn is_value_function(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && matches!(
            name,
            "CURRENT_DATE"
                | "CURRENT_TIME"
                | "CURRENT_TIMESTAMP"
                | "LOCALTIME"
                | "LOCALTIMESTAMP"
                | "CURRENT_ROLE"
                | "CURRENT_USER"
                | "USER"
                | "SESSION_USER"
                | "CURRENT_CATALOG"
                | "CURRENT_SCHEMA"
        )
}

/// Says an expression has a type without the length that `ty` has.
fn is_bare_type(expr: &Expr, ty: TypeRef) -> bool {
    expr.ty.oid == ty.oid && expr.ty.typmod == -1 && ty.typmod != -1
}

/// Says whether a call is the function of a cast (a length coercion included).
fn is_cast(function: Oid, arg: &Expr, ty: TypeRef) -> bool {
    builtin().cast(arg.ty.oid, ty.oid).is_some_and(|cast| match cast.method {
        CastMethod::Function(oid) => oid == function,
        CastMethod::InOut | CastMethod::Binary => false,
    })
}
