//! Tables that a statement cannot redefine because its own session still works with them.

use types::Result;
use types::errors::cursors as errors;

use super::Session;
use super::portal::PortalState;
use crate::catalog::Relation;

impl Session {
    /// Refuses `command` on a table that a cursor or portal of this session is open on, or whose rows have checks of
    /// constraints to come (`CheckTableNotInUse`).
    ///
    /// # Errors
    /// `55006`.
    pub fn require_unused(&self, relation: &Relation, command: &str) -> Result<()> {
        if !relation.kind.is_stored() {
            return Ok(());
        }
        let table = relation.table_id().0;
        let is_open = |state: &PortalState| match state {
            PortalState::Held(held) => held.tables.contains(&table),
            PortalState::New | PortalState::Done => false,
        };
        if self.portals.all().any(|portal| is_open(&portal.state)) {
            return Err(errors::table_in_use(command, &relation.name));
        }
        match &self.transaction {
            Some(open) if open.deferred.lock().concerns(table) => {
                Err(errors::pending_checks(command, &relation.name))
            }
            Some(_) | None => Ok(()),
        }
    }
}
