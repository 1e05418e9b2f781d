//! INSERT ... ON CONFLICT.

use storage::{RowId, RowLockMode};
use types::errors::integrity;
use types::{Datum, PgError, Result, SqlState};

use super::Statement;
use super::changer::{Change, Taken, name_of};
use super::keys::Holder;
use super::wide::assemble;
use crate::plan::{Conflict, ConflictUpdate};

impl Statement<'_> {
    /// Inserts a row, or does what ON CONFLICT says when a key of it is taken.
    pub(super) fn insert_or(
        &mut self,
        conflict: &Conflict,
        mut new: Vec<Datum>,
        input: &[Datum],
    ) -> Result<()> {
        self.changer.check_row(0, &mut new)?;
        let deferrable = if conflict.arbiters.is_none() { self.deferrable_key() } else { None };
        let earlier = deferrable.as_ref().map(|(_, earlier)| earlier.as_slice());
        let arbiters = conflict.arbiters.as_deref().or(earlier);
        let locks = self.changer.run.context.transaction()?.lock().locks_len();
        loop {
            let holder = self.changer.conflicting(0, &new, arbiters)?;
            if holder.is_some() {
                self.changer.run.context.transaction()?.lock().unlock_keys_to(locks);
            }
            let id = match holder {
                Some(Holder::Stored(id)) => id,
                Some(Holder::Fresh) if conflict.update.is_some() => {
                    return Err(integrity::conflict_row_twice());
                }
                Some(Holder::Fresh) => return Ok(()),
                None => {
                    match self.insert_unless(&new, arbiters, deferrable.as_ref().map(|(error, _)| error))? {
                        Ok(made) => return self.changed(Change::inserted(made, new, "INSERT"), input),
                        Err(other) => {
                            self.changer.run.context.transaction()?.lock().unlock_keys_to(locks);
                            other
                        }
                    }
                }
            };
            let Some(update) = &conflict.update else {
                return self.changer.require_visible(0, id);
            };
            if self.changer.has_made(0, id) {
                return Err(integrity::conflict_row_twice());
            }
            match self.changer.lock(0, id, RowLockMode::NoKeyUpdate)? {
                Taken::Yes => return self.update_conflicting(update, id, &new, input),
                // The row in the way is another one now, or none.
                Taken::Gone | Taken::Newer(_) => {}
            }
        }
    }

    /// Inserts a row that no key is in the way of. `refusal` is the error of coming to a key that cannot say so.
    fn insert_unless(
        &mut self,
        new: &[Datum],
        arbiters: Option<&[usize]>,
        refusal: Option<&PgError>,
    ) -> Result<std::result::Result<RowId, RowId>> {
        let outcome = self.changer.insert_unless(0, new, arbiters);
        match (outcome, refusal) {
            (outcome, None) => outcome,
            (Ok(Ok(_)), Some(refusal)) => Err(refusal.clone()),
            (Err(error), Some(refusal)) if error.sqlstate() == SqlState::UNIQUE_VIOLATION => {
                Err(refusal.clone())
            }
            (outcome, Some(_)) => outcome,
        }
    }

    /// Returns the error of coming to the first deferrable key, if there is one, and the keys that are looked at before
    /// it (`ExecCheckIndexConstraints` goes by the oids of the indexes).
    fn deferrable_key(&self) -> Option<(PgError, Vec<usize>)> {
        let target = self.plan.target()?;
        let keys = target.keys.iter().map(|key| (key.index, key.deferrable, &key.name));
        let exclusions = target.exclusions.iter().map(|key| (key.index, key.deferrable, &key.name));
        let all = keys.chain(exclusions);
        let (first, _, name) =
            all.clone().filter(|(_, deferrable, _)| *deferrable).min_by_key(|(index, ..)| *index)?;
        let earlier = all.enumerate().filter(|(_, (index, ..))| *index < first).map(|(position, _)| position);
        Some((integrity::deferrable_arbiter(name_of(target), name), earlier.collect()))
    }

    /// Does DO UPDATE on a row that is locked.
    fn update_conflicting(
        &mut self,
        update: &ConflictUpdate,
        id: RowId,
        new: &[Datum],
        input: &[Datum],
    ) -> Result<()> {
        self.changer.require_visible(0, id)?;
        let old = self.changer.stored_row(0, id)?;
        let wide = assemble(
            Some((Some(id), &old)),
            Some((None, new)),
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
        if !self.changer.claim(id) || self.changer.take(0, id, Some((&old, &values)))? != Taken::Yes {
            return Err(integrity::conflict_row_twice());
        }
        let new = self.changer.update(0, id, &old, values)?;
        self.changed(Change { old: Some((id, old)), new: Some(new), action: "UPDATE" }, input)
    }
}
