//! What changes of rows leave to foreign keys, in the order of the changes.

use types::Datum;

use super::changer::Changer;

/// Something that a foreign key has to say about.
#[derive(Clone)]
pub(crate) enum Event {
    /// A referencing row is new or has a new key.
    Child { key: usize, row: Vec<Datum> },
    /// A referenced row is gone (`new` none) or has a new key.
    Parent { key: usize, old: Vec<Datum>, new: Option<Vec<Datum>> },
}

impl Event {
    /// Returns the foreign key, as a position in the plan's.
    pub(crate) fn key(&self) -> usize {
        match self {
            Self::Child { key, .. } | Self::Parent { key, .. } => *key,
        }
    }

    /// Returns whether it is about a row of the referencing table.
    pub(crate) fn is_of_child(&self) -> bool {
        match self {
            Self::Child { .. } => true,
            Self::Parent { .. } => false,
        }
    }
}

impl Changer<'_> {
    /// Queues the events of a new row of a referencing table.
    pub(super) fn child_event(&mut self, target: usize, old: Option<&[Datum]>, new: &[Datum]) {
        let plan = self.plan;
        for (key, foreign) in plan.foreign_keys.iter().enumerate() {
            let changed =
                old.is_none_or(|old| foreign.child_columns.iter().any(|at| old.get(*at) != new.get(*at)));
            // An update to NULL refers to nothing (`RI_FKey_fk_upd_check_required`).
            let refers = old.is_none()
                || foreign.match_full
                || foreign.child_columns.iter().all(|at| new.get(*at).is_some_and(|value| !value.is_null()));
            if foreign.child == target && changed && refers {
                self.events.push(Event::Child { key, row: new.to_vec() });
            }
        }
    }

    /// Queues the events of a referenced row that goes or changes.
    pub(super) fn parent_event(&mut self, target: usize, old: &[Datum], new: Option<&[Datum]>) {
        let plan = self.plan;
        for (key, foreign) in plan.foreign_keys.iter().enumerate() {
            let changed = new.is_none_or(|new| {
                foreign.parent_columns.iter().any(|at| !same_image(old.get(*at), new.get(*at)))
            });
            let referred =
                foreign.parent_columns.iter().all(|at| old.get(*at).is_some_and(|value| !value.is_null()));
            if foreign.parent == target && changed && referred {
                self.events.push(Event::Parent { key, old: old.to_vec(), new: new.map(<[Datum]>::to_vec) });
            }
        }
    }
}

/// Says whether two values are the same to the last digit shown (`datum_image_eq`).
fn same_image(left: Option<&Datum>, right: Option<&Datum>) -> bool {
    match (left, right) {
        (Some(Datum::Numeric(left)), Some(Datum::Numeric(right))) => {
            left == right && left.scale() == right.scale()
        }
        (Some(Datum::F64(left)), Some(Datum::F64(right))) => left.to_bits() == right.to_bits(),
        (Some(Datum::F32(left)), Some(Datum::F32(right))) => left.to_bits() == right.to_bits(),
        (left, right) => left == right,
    }
}
