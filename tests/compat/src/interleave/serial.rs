//! Whether what SERIALIZABLE transactions did is what they do one after the other in some order.
//!
//! SSI may refuse more than it must, and what it refuses depends on what a server takes for read: pages, rows, ranges. So
//! two servers may rightly differ in who is refused. Nobody may differ in this: the answers of the transactions that have
//! committed, and what they leave, are those of some order of them. The orders are tried on the reference, and an order
//! is given up with its first answer that is another one.

use std::collections::BTreeMap;

use crate::interleave::generate::CHECK;
use crate::interleave::stage::{Played, Server};
use crate::isolation::Script;

/// More orders are not tried.
const ORDERS_MAX: usize = 400;

/// What was found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// There is such an order.
    Serializable,
    /// There is none.
    Anomaly,
    /// There may be one: the transactions did what does not depend on data alone, or there are too many.
    Unknown,
}

/// A committed transaction: its statements, and what each is to answer.
type Transaction = Vec<(String, Option<String>)>;

/// Decides about what `played` tells of `script`, with the answers of `reference`.
///
/// # Errors
/// When the server cannot be reached.
pub fn verdict(reference: &mut Server, script: &Script, played: &Played) -> Result<Verdict, String> {
    let answers = answers(played);
    let Some(transactions) = committed(script, &answers) else { return Ok(Verdict::Unknown) };
    let last: Transaction = script
        .sessions
        .iter()
        .filter(|session| session.name == CHECK)
        .flat_map(|session| &session.steps)
        .map(|(step, sql)| (sql.clone(), answers.get(step.as_str()).map(|line| (*line).to_owned())))
        .collect();
    let mut order: Vec<usize> = (0..transactions.len()).collect();
    for _ in 0..ORDERS_MAX {
        let parts = order.iter().map(|index| &transactions[*index]).chain([&last]);
        let Some(failed) = reference.serially(script, parts)? else { return Ok(Verdict::Serializable) };
        // Other orders of those behind the one that failed make no difference.
        if let Some(behind) = order.get_mut(failed + 1..) {
            behind.sort_unstable_by(|left, right| right.cmp(left));
        }
        if !next_permutation(&mut order) {
            return Ok(Verdict::Anomaly);
        }
    }
    Ok(Verdict::Unknown)
}

/// The answers by step; that of a step that waited is the one that came in the end.
pub(super) fn answers(played: &Played) -> BTreeMap<&str, &str> {
    let mut answers = BTreeMap::new();
    for line in &played.lines {
        if let Some((name, answer)) = line.split_once(": ") {
            answers.insert(name.split(' ').next().unwrap_or(name), answer);
        }
    }
    answers
}

/// The transactions that committed, by the order in which they did; `None`: some did what cannot be repeated.
fn committed(script: &Script, answers: &BTreeMap<&str, &str>) -> Option<Vec<Transaction>> {
    let mut transactions = Vec::new();
    for session in script.sessions.iter().filter(|session| session.name != CHECK) {
        let mut open: Option<Vec<(&str, &str)>> = None;
        for (step, sql) in &session.steps {
            let answer = *answers.get(step.as_str())?;
            if sql.starts_with("BEGIN") {
                open = Some(Vec::new());
            }
            let Some(transaction) = &mut open else {
                if !is_error(answer) {
                    let position = script.permutations[0].iter().position(|name| name == step);
                    transactions.push((position, repeatable(&[(sql, answer)])?));
                }
                continue;
            };
            transaction.push((sql, answer));
            if sql == "COMMIT" || sql == "ROLLBACK" {
                let transaction = open.take()?;
                if answer.starts_with("COMMIT") {
                    let position = script.permutations[0].iter().position(|name| name == step);
                    transactions.push((position, repeatable(&transaction)?));
                }
            }
        }
    }
    transactions.sort_by_key(|(position, _)| *position);
    Some(transactions.into_iter().map(|(_, transaction)| transaction).collect())
}

/// How a transaction is done again; `None` when that cannot be.
fn repeatable(transaction: &[(&str, &str)]) -> Option<Transaction> {
    let has_no_order = |sql: &str| sql.starts_with("DECLARE") && !sql.contains("ORDER BY");
    let takes_some = |sql: &str| {
        (sql.starts_with("FETCH") && !sql.contains("ALL"))
            || sql.starts_with("MOVE")
            || sql.contains("CURRENT OF")
    };
    let any = |is: &dyn Fn(&str) -> bool| transaction.iter().any(|(sql, _)| is(sql));
    if any(&has_no_order) && any(&takes_some) {
        return None;
    }
    transaction.iter().map(|(sql, answer)| repeated(sql, answer)).collect()
}

/// Whether an answer is an error, after rows perhaps.
pub(super) fn is_error(answer: &str) -> bool {
    let state = answer.split(' ').next().unwrap_or_default();
    answer.starts_with(' ') || state.len() == 5 && state.as_bytes()[1].is_ascii_digit()
}

/// How a statement is done again, and the answer it must have.
fn repeated(sql: &str, answer: &str) -> Option<(String, Option<String>)> {
    if is_error(answer) && !answer.starts_with("25P02") {
        // It failed for a neighbour's sake, perhaps, and did nothing.
        return Some(("SELECT 1 / 0".to_owned(), None));
    }
    let changes_tables = ["TRUNCATE", "ALTER", "CREATE", "DROP"].iter().any(|word| sql.starts_with(word));
    let skips = sql.contains("SKIP LOCKED");
    if changes_tables || (skips && !sql.starts_with("SELECT")) {
        return None;
    }
    let depends = skips || sql.contains("advisory");
    Some((sql.to_owned(), (!depends).then(|| answer.to_owned())))
}

/// Makes the next order in the order of orders.
fn next_permutation(order: &mut [usize]) -> bool {
    let Some(pivot) = (1..order.len()).rev().find(|&index| order[index - 1] < order[index]) else {
        return false;
    };
    let Some(other) = (pivot..order.len()).rev().find(|&index| order[index] > order[pivot - 1]) else {
        return false;
    };
    order.swap(pivot - 1, other);
    order[pivot..].reverse();
    true
}
