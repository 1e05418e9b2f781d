//! Expressions of plans as text, for reading only.

use executor::expr::{BoolTest, Expr, ExprKind};
use types::Datum;

/// Returns an expression over columns with the given names.
pub(super) fn text(expr: &Expr, names: &[String]) -> String {
    let list = |items: &[Expr]| items.iter().map(|item| text(item, names)).collect::<Vec<_>>().join(", ");
    match &expr.kind {
        ExprKind::Column(id) => names.get(id.0 as usize).cloned().unwrap_or_else(|| format!("#{}", id.0)),
        ExprKind::Const(value) => constant(value),
        ExprKind::Param(number) => format!("${number}"),
        ExprKind::Outer(slot) => format!("outer {slot}"),
        ExprKind::Call { function, args, .. } => call(&function.name, args, names),
        ExprKind::And(items) => joined(items, " AND ", names),
        ExprKind::Or(items) => joined(items, " OR ", names),
        ExprKind::Not(arg) => format!("(NOT {})", text(arg, names)),
        ExprKind::IsNull { arg, negated } => {
            format!("({} IS {}NULL)", text(arg, names), if *negated { "NOT " } else { "" })
        }
        ExprKind::BoolTest { arg, test } => {
            let test = match test {
                BoolTest::True => "TRUE",
                BoolTest::NotTrue => "NOT TRUE",
                BoolTest::False => "FALSE",
                BoolTest::NotFalse => "NOT FALSE",
                BoolTest::Unknown => "UNKNOWN",
                BoolTest::NotUnknown => "NOT UNKNOWN",
            };
            format!("({} IS {test})", text(arg, names))
        }
        ExprKind::IsDistinct { left, right, negated, .. } => {
            let not = if *negated { "NOT " } else { "" };
            format!("({} IS {not}DISTINCT FROM {})", text(left, names), text(right, names))
        }
        ExprKind::NullIf { left, right, .. } => {
            format!("NULLIF({}, {})", text(left, names), text(right, names))
        }
        ExprKind::Case { operand, arms, otherwise } => {
            let mut result = String::from("CASE");
            if let Some(operand) = operand {
                result.push(' ');
                result.push_str(&text(operand, names));
            }
            for (condition, value) in arms {
                result.push_str(&format!(" WHEN {} THEN {}", text(condition, names), text(value, names)));
            }
            format!("{result} ELSE {} END", text(otherwise, names))
        }
        ExprKind::CaseOperand(_) => "CASE_TEST_EXPR".to_owned(),
        ExprKind::Coalesce(items) => format!("COALESCE({})", list(items)),
        ExprKind::MinMax { args, greatest } => {
            format!("{}({})", if *greatest { "GREATEST" } else { "LEAST" }, list(args))
        }
        ExprKind::ScalarArray { function, scalar, array, all, .. } => format!(
            "({} {} {} ({}))",
            text(scalar, names),
            function.name,
            if *all { "ALL" } else { "ANY" },
            text(array, names)
        ),
        ExprKind::Array { elements, .. } => format!("ARRAY[{}]", list(elements)),
        ExprKind::Subscript { array, .. } => format!("{}[...]", text(array, names)),
        ExprKind::Row(items, _) => format!("ROW({})", list(items)),
        ExprKind::Field { arg, index } => format!("({}).f{}", text(arg, names), index + 1),
        ExprKind::RowCompare { pairs, .. } => {
            let left: Vec<_> = pairs.iter().map(|pair| text(&pair.left, names)).collect();
            let right: Vec<_> = pairs.iter().map(|pair| text(&pair.right, names)).collect();
            let operator = pairs.first().map_or("<", |pair| pair.order.name.as_str());
            format!("(ROW({}) {operator} ROW({}))", left.join(", "), right.join(", "))
        }
        ExprKind::Relabel(arg) | ExprKind::CoerceViaIo(arg) | ExprKind::Collate(arg) => text(arg, names),
        ExprKind::ArrayCoerce { arg, .. } => text(arg, names),
        ExprKind::Subquery { index, .. } => format!("(SubPlan {})", index + 1),
        ExprKind::SubqueryColumn(at) => format!("subquery column {}", at + 1),
        ExprKind::SetCall { function, args, .. } => format!("{}({})", function.name, list(args)),
    }
}

fn joined(items: &[Expr], by: &str, names: &[String]) -> String {
    let items: Vec<_> = items.iter().map(|item| text(item, names)).collect();
    format!("({})", items.join(by))
}

/// Returns a call, as an operator when its name is a symbol.
pub(super) fn call(name: &str, args: &[Expr], names: &[String]) -> String {
    let symbol = !name.is_empty() && !name.contains(|letter: char| letter.is_alphanumeric() || letter == '_');
    match args {
        [left, right] if symbol => format!("({} {name} {})", text(left, names), text(right, names)),
        [arg] if symbol => format!("({name} {})", text(arg, names)),
        _ => {
            let args: Vec<_> = args.iter().map(|arg| text(arg, names)).collect();
            format!("{name}({})", args.join(", "))
        }
    }
}

fn constant(value: &Datum) -> String {
    match value {
        Datum::Null => "NULL".to_owned(),
        Datum::Bool(value) => value.to_string(),
        Datum::I16(value) => value.to_string(),
        Datum::I32(value) => value.to_string(),
        Datum::I64(value) => value.to_string(),
        Datum::F32(value) => value.to_string(),
        Datum::F64(value) => value.to_string(),
        Datum::Text(value) => format!("'{}'", value.replace("'", "''")),
        other => format!("{other:?}"),
    }
}
