//! Expressions of plans as text, for reading only: as PostgreSQL prints them where they can be SQL, else in words.

use std::collections::HashMap;
use std::sync::Arc;

use executor::expr::{BoolTest, ColumnId, Expr, ExprKind};
use executor::plan::{NodeKind, Plan, PlanNode};
use types::oids::PG_CATALOG_NAMESPACE;
use types::{ArrayValue, Datum};

use crate::catalog::deparse::Deparse;
use crate::catalog::{Catalog, Relation};
use crate::session::settings::quote_identifier;

/// The names of what a plan reads.
pub(super) struct Naming<'a> {
    catalog: &'a Catalog,
    /// Whether columns are shown with their tables: when there are several.
    qualified: bool,
    /// What the slots of outer values stand for.
    outer: HashMap<u32, String>,
}

/// Columns from here on stand for slots of outer values while an expression is printed.
const SLOTS: u32 = 1 << 30;

impl<'a> Naming<'a> {
    /// Returns the names of a plan.
    pub(super) fn new(catalog: &'a Catalog, plan: &Plan, verbose: bool) -> Self {
        let roots = || std::iter::once(&plan.root).chain(&plan.shared).chain(&plan.subplans);
        let mut tables = 0;
        for root in roots() {
            root.walk(&mut |node| {
                tables += usize::from(matches!(
                    node.kind,
                    NodeKind::Scan(_)
                        | NodeKind::IndexScan(_)
                        | NodeKind::VirtualScan { .. }
                        | NodeKind::FunctionScan { .. }
                        | NodeKind::SharedScan { .. }
                ));
            });
        }
        let mut naming = Self { catalog, qualified: verbose || tables > 1, outer: HashMap::new() };
        for root in roots() {
            naming.add_outer(root);
        }
        naming
    }

    /// Adds the slots that nodes bind, parents first.
    fn add_outer(&mut self, node: &PlanNode) {
        let (outer, bindings) = match &node.kind {
            NodeKind::Apply { outer, bindings, .. } => (Some(outer), bindings.as_slice()),
            NodeKind::IndexJoin(join) => (Some(&join.outer), join.bindings.as_slice()),
            _ => (None, &[][..]),
        };
        if let Some(outer) = outer {
            let columns = super::describe::node(outer, self).output;
            for (slot, value) in bindings {
                let text = self.text(value, &columns);
                self.outer.insert(*slot, text);
            }
        }
        node.for_each_input(&mut |input| self.add_outer(input));
    }

    /// Returns the name of a column of a relation that a scan called `scan` (name and alias) reads.
    pub(super) fn column(&self, table: u64, position: usize, scan: &str) -> String {
        let is_read = |relation: &&Arc<Relation>| relation.table_id().0 == table;
        let by_oid = u32::try_from(table).ok().and_then(|oid| self.catalog.relation(oid)).filter(is_read);
        let relation = by_oid.or_else(|| self.catalog.relations.values().find(is_read));
        let name = relation.and_then(|relation| relation.columns.get(position));
        let name =
            name.map_or_else(|| format!("column {}", position + 1), |column| quote_identifier(&column.name));
        if !self.qualified {
            return name;
        }
        format!("{}.{name}", quote_identifier(scan.rsplit(' ').next().unwrap_or(scan)))
    }

    /// Returns conjuncts as one condition.
    pub(super) fn conjunction(&self, conjuncts: &[Expr], columns: &[String]) -> String {
        let texts: Vec<String> = conjuncts.iter().map(|expr| self.text(expr, columns)).collect();
        if texts.len() == 1 { texts.concat() } else { format!("({})", texts.join(" AND ")) }
    }

    /// Returns an expression over columns with the given names.
    pub(super) fn text(&self, expr: &Expr, columns: &[String]) -> String {
        let mut shown = expr.clone();
        crate::optimizer::expressions::rewrite(&mut shown, &mut |part| {
            if let ExprKind::Outer(slot) = part.kind {
                part.kind = ExprKind::Column(ColumnId(SLOTS + slot));
            }
            if let Some(array) = constant_array(part) {
                part.kind = ExprKind::Const(array);
            }
        });
        let column = |id: ColumnId| match id.0.checked_sub(SLOTS) {
            Some(slot) => self.outer.get(&slot).cloned(),
            None => columns.get(id.0 as usize).cloned(),
        };
        let deparse = Deparse {
            catalog: self.catalog,
            path: &[PG_CATALOG_NAMESPACE],
            column: &column,
            stored: false,
            pretty: false,
            subquery: None,
        };
        deparse.expression(&shown).unwrap_or_else(|| text(expr, columns, &self.outer))
    }

    /// Returns a call.
    pub(super) fn call(&self, name: &str, args: &[Expr], columns: &[String]) -> String {
        call(name, args, columns, &self.outer)
    }
}

/// Returns the value of an ARRAY of constants.
fn constant_array(expr: &Expr) -> Option<Datum> {
    let ExprKind::Array { elements, element_type } = &expr.kind else { return None };
    let values: Option<Vec<Datum>> = elements
        .iter()
        .map(|element| match &element.kind {
            ExprKind::Const(value) if element.ty.oid == *element_type => Some(value.clone()),
            _ => None,
        })
        .collect();
    let values = values.filter(|values| !values.is_empty())?;
    Some(Datum::Array(Arc::new(ArrayValue::one_dimensional(*element_type, values))))
}

/// Returns an expression over columns with the given names.
fn text(expr: &Expr, names: &[String], outer: &HashMap<u32, String>) -> String {
    let list =
        |items: &[Expr]| items.iter().map(|item| text(item, names, outer)).collect::<Vec<_>>().join(", ");
    match &expr.kind {
        ExprKind::Column(id) => names.get(id.0 as usize).cloned().unwrap_or_else(|| format!("#{}", id.0)),
        ExprKind::Const(value) => constant(value),
        ExprKind::Param(number) => format!("${number}"),
        ExprKind::Outer(slot) => outer.get(slot).cloned().unwrap_or_else(|| format!("outer {slot}")),
        ExprKind::Call { function, args, .. } => call(&function.name, args, names, outer),
        ExprKind::And(items) => joined(items, " AND ", names, outer),
        ExprKind::Or(items) => joined(items, " OR ", names, outer),
        ExprKind::Not(arg) => format!("(NOT {})", text(arg, names, outer)),
        ExprKind::IsNull { arg, negated } => {
            format!("({} IS {}NULL)", text(arg, names, outer), if *negated { "NOT " } else { "" })
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
            format!("({} IS {test})", text(arg, names, outer))
        }
        ExprKind::IsDistinct { left, right, negated, .. } => {
            let not = if *negated { "NOT " } else { "" };
            format!("({} IS {not}DISTINCT FROM {})", text(left, names, outer), text(right, names, outer))
        }
        ExprKind::NullIf { left, right, .. } => {
            format!("NULLIF({}, {})", text(left, names, outer), text(right, names, outer))
        }
        ExprKind::Case { operand, arms, otherwise } => {
            let mut result = String::from("CASE");
            if let Some(operand) = operand {
                result.push(' ');
                result.push_str(&text(operand, names, outer));
            }
            for (condition, value) in arms {
                result.push_str(&format!(
                    " WHEN {} THEN {}",
                    text(condition, names, outer),
                    text(value, names, outer)
                ));
            }
            format!("{result} ELSE {} END", text(otherwise, names, outer))
        }
        ExprKind::CaseOperand(_) => "CASE_TEST_EXPR".to_owned(),
        ExprKind::Coalesce(items) => format!("COALESCE({})", list(items)),
        ExprKind::MinMax { args, greatest } => {
            format!("{}({})", if *greatest { "GREATEST" } else { "LEAST" }, list(args))
        }
        ExprKind::ScalarArray { function, scalar, array, all, .. } => format!(
            "({} {} {} ({}))",
            text(scalar, names, outer),
            function.name,
            if *all { "ALL" } else { "ANY" },
            text(array, names, outer)
        ),
        ExprKind::Array { elements, .. } => format!("ARRAY[{}]", list(elements)),
        ExprKind::Subscript { array, .. } => format!("{}[...]", text(array, names, outer)),
        ExprKind::Row(items, _) => format!("ROW({})", list(items)),
        ExprKind::Field { arg, index } => format!("({}).f{}", text(arg, names, outer), index + 1),
        ExprKind::RowCompare { pairs, .. } => {
            let left: Vec<_> = pairs.iter().map(|pair| text(&pair.left, names, outer)).collect();
            let right: Vec<_> = pairs.iter().map(|pair| text(&pair.right, names, outer)).collect();
            let operator = pairs.first().map_or("<", |pair| pair.order.name.as_str());
            format!("(ROW({}) {operator} ROW({}))", left.join(", "), right.join(", "))
        }
        ExprKind::Relabel(arg) | ExprKind::CoerceViaIo(arg) | ExprKind::Collate(arg) => {
            text(arg, names, outer)
        }
        ExprKind::ArrayCoerce { arg, .. } => text(arg, names, outer),
        ExprKind::Subquery { index, .. } => format!("(SubPlan {})", index + 1),
        ExprKind::SubqueryColumn(at) => format!("subquery column {}", at + 1),
        ExprKind::SetCall { function, args, .. } => format!("{}({})", function.name, list(args)),
    }
}

fn joined(items: &[Expr], by: &str, names: &[String], outer: &HashMap<u32, String>) -> String {
    let items: Vec<_> = items.iter().map(|item| text(item, names, outer)).collect();
    format!("({})", items.join(by))
}

/// Returns a call, as an operator when its name is a symbol.
fn call(name: &str, args: &[Expr], names: &[String], outer: &HashMap<u32, String>) -> String {
    let symbol = !name.is_empty() && !name.contains(|letter: char| letter.is_alphanumeric() || letter == '_');
    match args {
        [left, right] if symbol => {
            format!("({} {name} {})", text(left, names, outer), text(right, names, outer))
        }
        [arg] if symbol => format!("({name} {})", text(arg, names, outer)),
        _ => {
            let args: Vec<_> = args.iter().map(|arg| text(arg, names, outer)).collect();
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
