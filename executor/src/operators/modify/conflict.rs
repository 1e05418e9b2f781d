//! INSERT ... ON CONFLICT.

use types::errors::integrity;
use types::{Datum, Result};

use super::Statement;
use super::changer::Change;
use super::keys::Holder;
use super::wide::assemble;
use crate::plan::Conflict;

/// What `xmax` of a row is that DO UPDATE has locked and replaced: anything but 0 tells it from an inserted one.
const UPDATED_XMAX: i64 = 1;

impl Statement<'_> {
    /// Inserts a row, or does what ON CONFLICT says when a key of it is taken.
    pub(super) fn insert_or(
        &mut self,
        conflict: &Conflict,
        mut new: Vec<Datum>,
        input: &[Datum],
    ) -> Result<()> {
        self.changer.check_row(0, &mut new)?;
        let holder = self.changer.conflicting(0, &new, conflict.arbiters.as_deref())?;
        let Some(holder) = holder else {
            let new = self.changer.insert_checked(0, new)?;
            return self.changed(Change::inserted(new, "INSERT"), input);
        };
        let Some(update) = &conflict.update else { return Ok(()) };
        let Holder::Stored(id) = holder else { return Err(integrity::conflict_row_twice()) };
        let old = self.changer.stored_row(0, id)?;
        let wide = assemble(
            Some((Some(id), &old, 0)),
            Some((None, &new, 0)),
            "",
            self.changer.width(),
            input.get(self.plan.shape.extra..).unwrap_or_default(),
        );
        let evaluator = self.changer.evaluator();
        if let Some(filter) = &update.filter
            && !evaluator.is_true(filter, &wide)?
        {
            return Ok(());
        }
        let values = update.values.iter().map(|expr| evaluator.evaluate(expr, &wide));
        let values = values.collect::<Result<Vec<_>>>()?;
        if !self.changer.claim(id) {
            return Err(integrity::conflict_row_twice());
        }
        let new = self.changer.update(0, id, &old, values)?;
        self.changed(
            Change { old: Some((id, old)), new: Some(new), xmax: UPDATED_XMAX, action: "UPDATE" },
            input,
        )
    }
}
