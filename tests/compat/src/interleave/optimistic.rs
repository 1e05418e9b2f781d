//! What transactions that do not wait (`surus.concurrency_control = optimistic`) have to keep.
//!
//! * Nobody waits.
//! * What has committed is what the reference does at REPEATABLE READ when nobody but those transactions is there, in the same
//!   order of steps: the same answers, and the same rows in the end. Or it is what they do one after the other, in some order.
//! * Who is refused for a row or a key is refused because of one that has committed: without all others that have not, it is
//!   refused, too.
//! * One session after the other, nobody is refused: everything is as on the reference.

use std::collections::BTreeMap;

use super::serial::{Verdict, answers, is_error, verdict};
use super::stage::Played;
use super::{Pair, without};
use crate::interleave::generate::CHECK;
use crate::isolation::Script;

/// What is to be done in every session before.
pub const BEGIN: &str = "SET surus.concurrency_control = optimistic";

/// A promise that is not kept, and what shows it.
pub(super) struct Broken {
    pub(super) promise: &'static str,
    pub(super) expected: Played,
    pub(super) actual: Played,
}

/// A transaction, or a statement by itself.
struct Unit<'s> {
    steps: Vec<&'s str>,
    committed: bool,
    /// Whether a conflict with somebody was the reason why not.
    refused: bool,
}

impl Pair {
    /// Returns the first promise that `script` shows not to be kept.
    pub(super) fn broken(&mut self, script: &Script) -> Result<Option<Broken>, String> {
        let alone = one_after_the_other(script);
        if let Some((expected, actual)) = self.play(&alone)? {
            return Ok(Some(Broken { promise: "alone it is as on the reference", expected, actual }));
        }
        let actual = self.target.play(script)?;
        if actual.lines.iter().any(|line| line.contains(": blocked") || line.contains(" went on")) {
            return Ok(Some(Broken { promise: "nobody waits", expected: Played::default(), actual }));
        }
        let answers = answers(&actual);
        let units = units(script, &answers);
        let lost = |but: usize| -> Vec<String> {
            let units = units.iter().enumerate().filter(|(index, unit)| !unit.committed && *index != but);
            units.flat_map(|(_, unit)| unit.steps.iter().map(|step| (*step).to_owned())).collect()
        };
        if let Some((expected, differing)) = self.replayed(script, &lost(usize::MAX), &answers)?
            && verdict(&mut self.reference, &without(script, &lost(usize::MAX)), &actual)? == Verdict::Anomaly
        {
            let actual = differing;
            return Ok(Some(Broken {
                promise: "what has committed has seen one snapshot",
                expected,
                actual,
            }));
        }
        for (index, unit) in units.iter().enumerate().filter(|(_, unit)| unit.refused) {
            let rest = without(script, &lost(index));
            let again = self.target.play(&rest)?;
            let is_refused = unit.steps.iter().any(|step| {
                again.lines.iter().any(|line| line.starts_with(&format!("{step}: ")) && is_conflict(line))
            });
            if !is_refused {
                return Ok(Some(Broken {
                    promise: "who is refused has lost against one that has committed",
                    expected: again,
                    actual,
                }));
            }
        }
        Ok(None)
    }

    /// Plays what has committed on the reference; returns what both did when it is not the same.
    fn replayed(
        &mut self,
        script: &Script,
        lost: &[String],
        answers: &BTreeMap<&str, &str>,
    ) -> Result<Option<(Played, Played)>, String> {
        let mut rest = without(script, lost);
        let mut compared = Vec::new();
        for session in &mut rest.sessions {
            for (step, sql) in &mut session.steps {
                let Some(answer) = answers.get(step.as_str()) else { continue };
                if answer.starts_with("55P03") || is_conflict(answer) {
                    // Whose fault it was may not be there any more.
                    "SELECT 1 / 0".clone_into(sql);
                } else if !sql.contains("SKIP LOCKED") && !sql.contains("advisory") {
                    compared.push(step.clone());
                } else if !sql.starts_with("SELECT") {
                    return Ok(None);
                }
            }
        }
        let expected = self.reference.play(&rest)?;
        let wanted = self::answers(&expected);
        let line = |answers: &BTreeMap<&str, &str>, step: &String| {
            format!("{step}: {}", answers.get(step.as_str()).copied().unwrap_or_default())
        };
        let lines = |answers: &BTreeMap<&str, &str>| {
            compared.iter().map(|step| line(answers, step)).collect::<Vec<_>>()
        };
        let (wanted, lines) = (lines(&wanted), lines(answers));
        let order = script.permutations.first().cloned().unwrap_or_default();
        Ok((wanted != lines)
            .then(|| (Played { lines: wanted, order: order.clone() }, Played { lines, order })))
    }
}

fn is_conflict(line: &str) -> bool {
    line.contains("40001 ")
}

/// Returns the script in which no session begins before the one before it has ended.
fn one_after_the_other(script: &Script) -> Script {
    let mut script = script.clone();
    let steps =
        |session: &crate::isolation::Session| session.steps.iter().map(|(step, _)| step.clone()).collect();
    let order: Vec<Vec<String>> = script.sessions.iter().map(steps).collect();
    script.permutations = vec![order.concat()];
    script
}

/// Cuts the sessions' steps into transactions.
fn units<'s>(script: &'s Script, answers: &BTreeMap<&str, &str>) -> Vec<Unit<'s>> {
    let mut units = Vec::new();
    for session in script.sessions.iter().filter(|session| session.name != CHECK) {
        let mut open: Option<Unit<'s>> = None;
        for (step, sql) in &session.steps {
            let answer = answers.get(step.as_str()).copied().unwrap_or_default();
            // A table that is locked, or a changed catalog, is an error at once.
            let refused = is_conflict(answer) && answer.contains("(OC000)");
            match &mut open {
                Some(unit) => {
                    unit.steps.push(step);
                    unit.refused |= refused;
                    if sql == "COMMIT" || sql == "ROLLBACK" {
                        unit.committed = answer.starts_with("COMMIT");
                        units.extend(open.take());
                    }
                }
                None => {
                    let unit = Unit {
                        steps: vec![step],
                        committed: answer.ends_with("(I)") && !is_error(answer),
                        refused,
                    };
                    if sql.starts_with("BEGIN") { open = Some(unit) } else { units.push(unit) }
                }
            }
        }
        units.extend(open.map(|unit| Unit { committed: false, ..unit }));
    }
    for unit in &mut units {
        unit.refused &= !unit.committed;
    }
    units
}
