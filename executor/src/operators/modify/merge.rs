//! MERGE: the first WHEN clause that fits decides.

use storage::RowId;
use types::errors::integrity;
use types::{Datum, Result};

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
        let has_source =
            shape.source.is_none_or(|position| !matches!(input.get(position), Some(Datum::Null) | None));
        let kind = match (target, has_source) {
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
                    if !self.changer.claim(id) {
                        return Err(integrity::merge_row_twice());
                    }
                    match self.changer.take(0, id, Some((&old, &new)))? {
                        Taken::Yes => {}
                        Taken::Gone => return self.merge_again(None, input),
                        Taken::Newer(newest) => return self.merge_again(Some(newest), input),
                    }
                    let new = self.changer.update(0, id, &old, new)?;
                    Change { old: Some((id, old)), new: Some(new), action: "UPDATE" }
                }
                (MergeAction::Delete, Some((id, old))) => {
                    if !self.changer.claim(id) {
                        return Err(integrity::merge_row_twice());
                    }
                    match self.changer.take(0, id, None)? {
                        Taken::Yes => {}
                        Taken::Gone => return self.merge_again(None, input),
                        Taken::Newer(newest) => return self.merge_again(Some(newest), input),
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

    /// Handles a pair again whose target row somebody else has replaced (by `newest`) or deleted meanwhile. Where the
    /// pair is one no longer, its source row has no partner.
    fn merge_again(&mut self, newest: Option<RowId>, input: &[Datum]) -> Result<()> {
        for again in self.input_over(newest, input)? {
            let target = row_id(&again, &self.plan.shape)?;
            if target.is_none() || target == newest {
                return self.merge(&again);
            }
        }
        Ok(())
    }
}
