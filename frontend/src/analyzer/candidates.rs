//! Choosing among functions or operators of one name by the types of the arguments
//! (`func_match_argtypes`, `func_select_candidate`).

use types::Oid;
use types::oids;

use super::coerce::{base_type, can_coerce, category};
use crate::catalog::builtin::CastContext;

/// A function or operator that could be meant, with the types it would take these arguments as.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// `pg_proc.oid` or `pg_operator.oid`.
    pub(super) oid: Oid,
    /// Declared types, one for each actual argument (and each filled-in default).
    pub(super) args: Vec<Oid>,
    /// Position in the declared list for each argument, when names were used.
    pub(super) positions: Option<Vec<usize>>,
    /// How many of the actual arguments VARIADIC takes (0: not by expansion).
    pub(super) variadic_count: usize,
    /// How many defaults are filled in.
    pub(super) default_count: usize,
}

/// Keeps the candidates that implicit coercion allows.
pub(super) fn matching(actual: &[Oid], candidates: Vec<Candidate>) -> Vec<Candidate> {
    let allowed = |candidate: &Candidate| can_coerce(actual, &candidate.args, CastContext::Implicit);
    candidates.into_iter().filter(allowed).collect()
}

/// Picks the best candidate, or none when it is ambiguous.
pub(super) fn select(actual: &[Oid], candidates: Vec<Candidate>) -> Option<Candidate> {
    let bases: Vec<Oid> =
        actual.iter().map(|ty| if *ty == oids::UNKNOWN { *ty } else { base_type(*ty) }).collect();
    let known = |index: usize| bases[index] != oids::UNKNOWN;
    let exact = |index: usize, ty: Oid| known(index) && ty == bases[index];
    let mut candidates = keep_best(candidates, bases.len(), exact);
    if candidates.len() == 1 {
        return candidates.pop();
    }
    let categories: Vec<char> = bases.iter().map(|ty| category(*ty).0).collect();
    let preferred = |index: usize, ty: Oid| {
        known(index) && (ty == bases[index] || category(ty) == (categories[index], true))
    };
    candidates = keep_best(candidates, bases.len(), preferred);
    if candidates.len() == 1 {
        return candidates.pop();
    }
    let unknown_count = bases.iter().filter(|ty| **ty == oids::UNKNOWN).count();
    if unknown_count == 0 {
        return None;
    }
    candidates = by_unknown_categories(&bases, candidates);
    if candidates.len() == 1 {
        return candidates.pop();
    }
    by_assuming_known_type(&bases, unknown_count, candidates)
}

/// Keeps the candidates with the most arguments for which `counts` holds.
fn keep_best(candidates: Vec<Candidate>, len: usize, counts: impl Fn(usize, Oid) -> bool) -> Vec<Candidate> {
    let score = |candidate: &Candidate| {
        (0..len).filter(|index| candidate.args.get(*index).is_some_and(|ty| counts(*index, *ty))).count()
    };
    let best = candidates.iter().map(&score).max().unwrap_or(0);
    candidates.into_iter().filter(|candidate| score(candidate) == best).collect()
}

/// Resolves unknown arguments to a category: string if any candidate takes one, else the one all agree on.
fn by_unknown_categories(bases: &[Oid], candidates: Vec<Candidate>) -> Vec<Candidate> {
    let mut wanted: Vec<Option<(char, bool)>> = vec![None; bases.len()];
    for index in (0..bases.len()).filter(|index| bases[*index] == oids::UNKNOWN) {
        let mut slot: Option<(char, bool)> = None;
        let mut conflict = false;
        for candidate in &candidates {
            let (current, preferred) = category(candidate.args[index]);
            slot = match slot {
                None => Some((current, preferred)),
                Some((kept, has)) if kept == current => Some((kept, has || preferred)),
                Some(_) if current == 'S' => Some((current, preferred)),
                Some(kept) => {
                    conflict = true;
                    Some(kept)
                }
            };
        }
        if conflict && slot.is_none_or(|(kept, _)| kept != 'S') {
            return candidates;
        }
        wanted[index] = slot;
    }
    let fits = |candidate: &Candidate| {
        wanted.iter().zip(&candidate.args).all(|(slot, ty)| match slot {
            None => true,
            Some((wanted, needs_preferred)) => {
                let (current, preferred) = category(*ty);
                current == *wanted && (!needs_preferred || preferred)
            }
        })
    };
    let kept: Vec<Candidate> = candidates.iter().filter(|candidate| fits(candidate)).cloned().collect();
    if kept.is_empty() { candidates } else { kept }
}

/// Assumes that unknown arguments are of the one type that all known ones have.
fn by_assuming_known_type(
    bases: &[Oid],
    unknown_count: usize,
    candidates: Vec<Candidate>,
) -> Option<Candidate> {
    if unknown_count >= bases.len() {
        return None;
    }
    let mut known = bases.iter().filter(|ty| **ty != oids::UNKNOWN);
    let first = *known.next()?;
    if known.any(|ty| *ty != first) {
        return None;
    }
    let assumed = vec![first; bases.len()];
    let mut fitting = candidates
        .into_iter()
        .filter(|candidate| can_coerce(&assumed, &candidate.args, CastContext::Implicit));
    let only = fitting.next()?;
    fitting.next().is_none().then_some(only)
}
