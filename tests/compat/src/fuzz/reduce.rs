//! Shrinks a failing query: drops clauses and replaces expressions by simpler ones as long as it still fails.

use super::query::{Expr, Select};

/// A tuning constant: candidate queries that are tried at most.
const ATTEMPTS_MAX: usize = 400;

/// Returns the smallest query found for which `fails` says true.
pub fn shrink(query: &Select, fails: &mut dyn FnMut(&Select) -> bool) -> Select {
    let mut best = query.clone();
    let mut attempts = 0;
    'again: loop {
        for candidate in candidates(&best) {
            attempts += 1;
            if attempts > ATTEMPTS_MAX {
                return best;
            }
            if candidate.to_sql().len() < best.to_sql().len() && fails(&candidate) {
                best = candidate;
                continue 'again;
            }
        }
        return best;
    }
}

fn candidates(query: &Select) -> Vec<Select> {
    let mut found = Vec::new();
    let mut with = |change: &dyn Fn(&mut Select)| {
        let mut candidate = query.clone();
        change(&mut candidate);
        if candidate != *query {
            found.push(candidate);
        }
    };
    with(&|query| query.set_operation = None);
    with(&|query| query.limit = None);
    with(&|query| query.offset = None);
    with(&|query| query.ordered = query.limit.is_some());
    with(&|query| query.distinct = false);
    with(&|query| query.having = None);
    with(&|query| query.filter = None);
    if query.set_operation.is_none() && query.targets.len() > 1 {
        for index in 0..query.targets.len() {
            with(&|query| drop(query.targets.remove(index)));
        }
    }
    for index in 0..query.group_by.len() {
        with(&|query| drop(query.group_by.remove(index)));
    }
    if query.sources.len() > 1 {
        with(&|query| drop(query.sources.pop()));
    }
    for (position, expr) in exprs(query).into_iter().enumerate() {
        for simpler in simpler(expr) {
            with(&|query| {
                if let Some(slot) = exprs_mut(query).into_iter().nth(position) {
                    *slot = simpler.clone();
                }
            });
        }
    }
    found
}

fn exprs(query: &Select) -> Vec<&Expr> {
    let ons = query.sources.iter().filter_map(|source| source.on.as_ref());
    query.filter.iter().chain(&query.having).chain(&query.targets).chain(&query.group_by).chain(ons).collect()
}

fn exprs_mut(query: &mut Select) -> Vec<&mut Expr> {
    let ons = query.sources.iter_mut().filter_map(|source| source.on.as_mut());
    query
        .filter
        .iter_mut()
        .chain(&mut query.having)
        .chain(&mut query.targets)
        .chain(&mut query.group_by)
        .chain(ons)
        .collect()
}

/// Returns forms of `expr` in which one node is replaced by a child of its type.
fn simpler(expr: &Expr) -> Vec<Expr> {
    let mut found: Vec<Expr> = expr.children.iter().filter(|child| child.ty == expr.ty).cloned().collect();
    for (index, child) in expr.children.iter().enumerate() {
        for replacement in simpler(child) {
            let mut whole = expr.clone();
            whole.children[index] = replacement;
            found.push(whole);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::generate;
    use crate::random::Random;

    #[test]
    fn what_fails_survives() {
        let query = (0..1000)
            .map(|seed| generate::query(&mut Random::new(seed)))
            .find(|query| query.to_sql().contains("upper(") && query.to_sql().len() > 300)
            .unwrap();
        let small = shrink(&query, &mut |candidate| candidate.to_sql().contains("upper("));
        assert!(small.to_sql().contains("upper(") && small.to_sql().len() < query.to_sql().len());
    }
}
