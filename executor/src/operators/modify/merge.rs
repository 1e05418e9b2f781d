//! MERGE: the first WHEN clause that fits decides.

use storage::RowId;
use types::errors::integrity;
use types::{Datum, PgError, Result};

use super::changer::{Change, Taken};
use super::wide::assemble;
use super::{Statement, part, row_id};
use crate::plan::{MatchKind, MergeAction};

impl Statement<'_> {
    /// Handles one pair of a target row and a source row, either of which may be missing.
    pub(super) fn merge(&mut self, input: &[Datum]) -> Result<()> {
        let shape = self.plan.shape;
        let width = self.changer.width();
        let target = row_id(input, &shape)?;
        let kind = match (target, self.has_source(input)) {
            (Some(_), true) => MatchKind::Matched,
            (Some(_), false) => MatchKind::NotMatchedBySource,
            (None, _) => MatchKind::NotMatchedByTarget,
        };
        let old = match target {
            Some(id) => Some((id, part(input, shape.old, width)?)),
            None => None,
        };
        let extra = input.get(shape.extra..).unwrap_or_default();
        let wide =
            assemble(old.as_ref().map(|(id, old)| (Some(*id), old.as_slice())), None, "", width, extra);
        let evaluator = self.changer.evaluator();
        for arm in self.plan.arms.iter().filter(|arm| arm.kind == kind) {
            if let Some(condition) = &arm.condition
                && !evaluator.is_true(condition, &wide)?
            {
                continue;
            }
            let values = |exprs: &[crate::expr::Expr]| {
                exprs.iter().map(|expr| evaluator.evaluate(expr, &wide)).collect::<Result<Vec<_>>>()
            };
            let change = match (&arm.action, old) {
                (MergeAction::Nothing, _) => return Ok(()),
                (MergeAction::Insert(exprs), _) => {
                    let (id, new) = self.changer.insert(0, values(exprs)?)?;
                    Change::inserted(id, new, "INSERT")
                }
                (MergeAction::Update(exprs), Some((id, old))) => {
                    let new = values(exprs)?;
                    if let Some(newest) = self.merge_take(id, Some((&old, &new)))? {
                        return self.merge_again(newest, input);
                    }
                    let new = self.changer.update(0, id, &old, new)?;
                    Change { old: Some((id, old)), new: Some(new), action: "UPDATE" }
                }
                (MergeAction::Delete, Some((id, old))) => {
                    if let Some(newest) = self.merge_take(id, None)? {
                        return self.merge_again(newest, input);
                    }
                    self.changer.delete(0, id, &old)?;
                    Change { old: Some((id, old)), new: None, action: "DELETE" }
                }
                (MergeAction::Update(_) | MergeAction::Delete, None) => return Ok(()),
            };
            return self.changed(change, input);
        }
        Ok(())
    }

    /// Takes a target row, once. Returns what it has become where somebody else was first: `Some(None)` when it is gone.
    fn merge_take(
        &mut self,
        id: RowId,
        change: Option<(&[Datum], &[Datum])>,
    ) -> Result<Option<Option<RowId>>> {
        if !self.changer.claim(id) {
            return Err(integrity::merge_row_twice());
        }
        let newest = match self.changer.take(0, id, change)? {
            Taken::Yes => return Ok(None),
            Taken::Gone => None,
            Taken::Newer(newest) => Some(newest),
        };
        self.changer.disclaim(id);
        Ok(Some(newest))
    }

    /// Handles a pair again whose target row somebody else has replaced (by `newest`) or deleted meanwhile. Where the
    /// pair is one no longer, its target row has no source and its source row no target (`ExecMergeMatched`).
    fn merge_again(&mut self, newest: Option<RowId>, input: &[Datum]) -> Result<()> {
        if let Some(newest) = newest {
            let mut pairs = Vec::new();
            for again in self.input_over(Some(newest), input)? {
                if row_id(&again, &self.plan.shape)? == Some(newest) {
                    pairs.push(again);
                }
            }
            if !self.has_source(input) {
                return pairs.first().map_or(Ok(()), |again| self.merge(&self.without_source(again)));
            }
            let is_same = |again: &&Vec<Datum>| self.has_source(again) && self.has_same_others(again, input);
            if let Some(again) = pairs.iter().find(is_same) {
                return self.merge(again);
            }
            // What it meets now is another row's partner.
            if let Some(again) = pairs.first()
                && self.plan.shape.source.is_some()
            {
                self.merge(&self.without_source(again))?;
            }
        }
        // A target row without a source that is deleted counts as a source row that is none: so it is in PostgreSQL.
        self.merge(&self.without_target(input)?)
    }

    fn has_source(&self, input: &[Datum]) -> bool {
        let is_there = |position: usize| !matches!(input.get(position), Some(Datum::Null) | None);
        self.plan.shape.source.is_none_or(is_there)
    }

    fn without_source(&self, input: &[Datum]) -> Vec<Datum> {
        let shape = self.plan.shape;
        let is_of_source = |position: usize| position >= shape.extra || Some(position) == shape.source;
        let value = |(position, value): (usize, &Datum)| {
            if is_of_source(position) { Datum::Null } else { value.clone() }
        };
        input.iter().enumerate().map(value).collect()
    }

    fn without_target(&self, input: &[Datum]) -> Result<Vec<Datum>> {
        let shape = self.plan.shape;
        let (Some(row_id), Some(old)) = (shape.row_id, shape.old) else {
            return Err(PgError::internal("a pair without a target"));
        };
        let width = self.changer.width();
        let is_of_target = |position: usize| position == row_id || (old..old + width).contains(&position);
        let value = |(position, value): (usize, &Datum)| {
            if is_of_target(position) { Datum::Null } else { value.clone() }
        };
        Ok(input.iter().enumerate().map(value).collect())
    }
}
