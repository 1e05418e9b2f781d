//! RETURNING, with the row before and after (`transformReturningClause`).

use ecow::EcoString;
use pg_query::NodeEnum;
use pg_query::protobuf::{ReturningClause, ReturningOptionKind};
use types::{Result, SqlState};

use super::Changed;
use crate::analyzer::raw;
use crate::analyzer::state::{Analyzer, Clause, Location, NamespaceItem, at, error};
use crate::query::{OutputColumn, Returning};

impl Analyzer<'_> {
    /// Analyzes RETURNING. `further` are the items of FROM, USING or MERGE's source.
    pub(super) fn returning(
        &mut self,
        clause: Option<&ReturningClause>,
        table: &Changed<'_>,
        further: Vec<NamespaceItem>,
    ) -> Result<Option<Returning>> {
        self.returning_over(clause, table, Vec::new(), further)
    }

    /// As [`Self::returning`], with items before the changed table.
    pub(super) fn returning_over(
        &mut self,
        clause: Option<&ReturningClause>,
        table: &Changed<'_>,
        before: Vec<NamespaceItem>,
        further: Vec<NamespaceItem>,
    ) -> Result<Option<Returning>> {
        let Some(clause) = clause.filter(|clause| !clause.exprs.is_empty()) else { return Ok(None) };
        let current = self.row_item(table, &table.name, &table.row.current, false)?;
        let mut items = before;
        items.push(current);
        items.extend(further);
        self.level().items = items;
        let (old, new) = version_names(clause)?;
        for (given, usual, row) in [(old, "old", &table.row.old), (new, "new", &table.row.new)] {
            let place = given.as_ref().and_then(|(_, place)| *place);
            let taken = self
                .level()
                .items
                .iter()
                .any(|item| item.table_visible && item.alias.as_deref() == Some(usual));
            let name: EcoString = match given {
                Some((name, _)) => name,
                None if taken => continue,
                None => usual.into(),
            };
            let mut item = self.row_item(table, &name, row, true)?;
            item.alias = Some(name);
            self.check_unique(std::slice::from_ref(&item), &[]).map_err(|error| error.at(place))?;
            self.level().items.push(item);
        }
        let targets = self.within(Clause::Returning, |analyzer| analyzer.targets(&clause.exprs))?;
        if targets.is_empty() {
            let message = "RETURNING must have at least one column";
            return Err(error(SqlState::SYNTAX_ERROR, message, raw::list_location(&clause.exprs)));
        }
        let mut output = Vec::with_capacity(targets.len());
        let mut exprs = Vec::with_capacity(targets.len());
        for target in targets {
            let expr = self.resolved(target.expr, target.location)?;
            output.push(OutputColumn {
                id: self.new_id(),
                name: target.name,
                ty: expr.ty,
                origin: target.origin,
            });
            exprs.push(expr);
        }
        Ok(Some(Returning { output, exprs }))
    }
}

/// A name and where it stands.
type Named = (EcoString, Location);

/// Returns the names that WITH (OLD AS o, NEW AS n) gives.
fn version_names(clause: &ReturningClause) -> Result<(Option<Named>, Option<Named>)> {
    let (mut old, mut new) = (None, None);
    for node in &clause.options {
        let Some(NodeEnum::ReturningOption(option)) = &node.node else { continue };
        let is_old = option.option == ReturningOptionKind::ReturningOptionOld as i32;
        let (place, word) = if is_old { (&mut old, "OLD") } else { (&mut new, "NEW") };
        if place.is_some() {
            let message = format!("{word} cannot be specified multiple times");
            return Err(error(SqlState::SYNTAX_ERROR, message, at(option.location)));
        }
        *place = Some((option.value.as_str().into(), at(option.location)));
    }
    Ok((old, new))
}
