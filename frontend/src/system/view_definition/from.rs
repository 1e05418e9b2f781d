//! FROM: items, joins, names.

use ecow::EcoString;
use executor::expr::{ColumnId, Expr, ExprKind};

use super::text::{append_item, shifted};
use super::{Meaning, Names, Printer, Scope};
use crate::query::{FromItem, JoinType};
use crate::session::settings::quote_identifier;

/// Returns how many entries an item of FROM makes in the range table: a join is one, too.
pub(super) fn entries(item: &FromItem) -> usize {
    match item {
        FromItem::Join(join) => 1 + entries(&join.left) + entries(&join.right),
        FromItem::Table { .. }
        | FromItem::Subquery { .. }
        | FromItem::Cte { .. }
        | FromItem::Functions { .. } => 1,
    }
}

/// Returns a name that no item has yet (`set_rtable_names`).
fn unique(scope: &Scope<'_>, name: &str) -> String {
    if !scope.is_taken(name) {
        return name.to_owned();
    }
    let mut number = 1;
    loop {
        let candidate = format!("{name}_{number}");
        if !scope.is_taken(&candidate) {
            return candidate;
        }
        number += 1;
    }
}

fn known(scope: &mut Scope<'_>, item: &str, columns: impl Iterator<Item = (ColumnId, EcoString)>) {
    let columns = columns.map(|(id, name)| (id, Meaning::Column { item: item.to_owned(), name }));
    scope.columns.extend(columns);
}

impl Printer<'_> {
    /// Gives the items of FROM their names.
    pub(super) fn name_items(&self, items: &[FromItem], scope: &mut Scope<'_>) -> Option<()> {
        for item in items {
            self.name_item(item, scope)?;
        }
        Some(())
    }

    fn name_item(&self, item: &FromItem, scope: &mut Scope<'_>) -> Option<()> {
        let alias = match item {
            FromItem::Join(join) => {
                self.name_item(&join.left, scope)?;
                return self.name_item(&join.right, scope);
            }
            FromItem::Table { alias, .. }
            | FromItem::Subquery { alias, .. }
            | FromItem::Cte { alias, .. }
            | FromItem::Functions { alias, .. } => alias,
        };
        let name = unique(scope, alias);
        scope.items.push(name.clone());
        match item {
            FromItem::Table { relation, columns, .. } => {
                if relation.columns.iter().any(|column| column.generated.is_some()) {
                    return None;
                }
                let names = relation.columns.iter().map(|column| column.name.clone());
                known(scope, &name, columns.iter().copied().zip(names));
            }
            FromItem::Subquery { query, names, .. } => {
                let columns = query
                    .output
                    .iter()
                    .enumerate()
                    .map(|(at, column)| (column.id, names.get(at).unwrap_or(&column.name).clone()));
                known(scope, &name, columns);
            }
            FromItem::Cte { cte, columns, .. } => {
                let ctes = self.ctes.borrow();
                let (_, names) = ctes.get(cte)?;
                let columns = columns
                    .iter()
                    .map(|(id, position, _)| (*id, names.get(*position).cloned().unwrap_or_default()));
                known(scope, &name, columns);
            }
            FromItem::Functions { functions, ordinality, names, .. } => {
                let ids = functions.iter().flat_map(|function| function.columns.iter().map(|(id, _)| *id));
                known(scope, &name, ids.chain(*ordinality).zip(names.iter().cloned()));
            }
            FromItem::Join(_) => {}
        }
        Some(())
    }

    /// Prints FROM (`get_from_clause`).
    pub(super) fn from_clause(&self, items: &[FromItem], scope: &Scope<'_>) -> Option<String> {
        let mut text = String::new();
        let mut names = scope.items.iter();
        for (at, item) in items.iter().enumerate() {
            let item = self.from_item(item, &mut names, scope)?;
            if at > 0 {
                text.push_str(", ");
            }
            append_item(&mut text, &item, at == 0, self.style.wrap, false);
        }
        Some(text)
    }

    fn from_item<'n>(
        &self,
        item: &FromItem,
        names: &mut impl Iterator<Item = &'n String>,
        scope: &Scope<'_>,
    ) -> Option<String> {
        let aliased = |text: String, own: Option<&str>, name: &str| {
            if own == Some(name) { text } else { format!("{text} {}", quote_identifier(name)) }
        };
        match item {
            FromItem::Table { relation, alias, .. } => {
                let name = names.next()?;
                let table = self.relation_name(relation.oid)?;
                // An alias that is the name is printed, too; the tree does not tell it from none.
                Some(aliased(table, Some(&relation.name).filter(|own| *own == alias).map(|own| &**own), name))
            }
            FromItem::Subquery { view: Some(oid), .. } => {
                let name = names.next()?;
                let own = self.access.catalog.relation(*oid)?.name.clone();
                Some(aliased(self.relation_name(*oid)?, Some(&own), name))
            }
            FromItem::Subquery { query, lateral, names: aliases, .. } => {
                let name = names.next()?;
                let body = self.query(query, Some(scope), Names { given: None, visible: true })?;
                let lateral = if *lateral { "LATERAL " } else { "" };
                let text = aliased(format!("{lateral}({})", shifted(&body, 8)), None, name);
                if aliases.is_empty() {
                    return Some(text);
                }
                let columns = query.output.iter().enumerate();
                let columns = columns.map(|(at, column)| aliases.get(at).unwrap_or(&column.name));
                let columns: Vec<String> = columns.map(|name| quote_identifier(name)).collect();
                Some(format!("{text}({})", columns.join(", ")))
            }
            FromItem::Cte { cte, .. } => {
                let name = names.next()?;
                let own = self.ctes.borrow().get(cte)?.0.clone();
                Some(aliased(quote_identifier(&own), Some(&own), name))
            }
            FromItem::Functions { functions, ordinality, names: columns, .. } => {
                let name = names.next()?;
                let mut calls = Vec::with_capacity(functions.len());
                let mut lateral = "";
                for function in functions {
                    let kind = ExprKind::Call {
                        function: function.function.clone(),
                        args: function.args.clone(),
                        input_collation: function.input_collation,
                    };
                    let ty = function.columns.first()?.1;
                    let call = Expr { kind, ty };
                    call.walk(&mut |part| {
                        if matches!(part.kind, ExprKind::Column(_)) {
                            lateral = "LATERAL ";
                        }
                    });
                    calls.push(self.expression(&call, scope)?);
                }
                let call = match calls.as_slice() {
                    [only] => only.clone(),
                    several => format!("ROWS FROM({})", several.join(", ")),
                };
                let ordinality = if ordinality.is_some() { " WITH ORDINALITY" } else { "" };
                let columns: Vec<String> = columns.iter().map(|name| quote_identifier(name)).collect();
                Some(format!(
                    "{lateral}{call}{ordinality} {}({})",
                    quote_identifier(name),
                    columns.join(", ")
                ))
            }
            FromItem::Join(join) => {
                let pretty = self.style.pretty;
                let left = self.from_item(&join.left, names, scope)?;
                let right = self.from_item(&join.right, names, scope)?;
                let right = match join.right {
                    FromItem::Join(_) if pretty => format!("({right})"),
                    _ => right,
                };
                let word = match join.kind {
                    JoinType::Inner if join.condition.is_none() => "CROSS JOIN",
                    JoinType::Inner => "JOIN",
                    JoinType::Left => "LEFT JOIN",
                    JoinType::Right => "RIGHT JOIN",
                    JoinType::Full if !join.using.is_empty() => return None,
                    JoinType::Full => "FULL JOIN",
                };
                let using: Vec<String> = join.using.iter().map(|name| quote_identifier(name)).collect();
                let condition = match &join.condition {
                    _ if !using.is_empty() => format!(" USING ({})", using.join(", ")),
                    None if join.kind == JoinType::Inner => String::new(),
                    None => " ON TRUE".to_owned(),
                    Some(condition) => {
                        let condition = shifted(&self.expression(condition, scope)?, 8);
                        if pretty { format!(" ON {condition}") } else { format!(" ON ({condition})") }
                    }
                };
                let text = format!("{left}\n     {word} {right}{condition}");
                Some(if pretty { text } else { format!("({text})") })
            }
        }
    }

    /// Returns a relation's name, with its schema where the search path does not find it.
    fn relation_name(&self, oid: types::Oid) -> Option<String> {
        let relation = self.access.catalog.relation(oid)?;
        let visible = self.access.names.find_relation(&quote_identifier(&relation.name)).ok().flatten();
        if visible == Some(oid) {
            return Some(quote_identifier(&relation.name));
        }
        let schema = self.access.catalog.schema_name(relation.schema)?;
        Some(format!("{}.{}", quote_identifier(schema), quote_identifier(&relation.name)))
    }
}
