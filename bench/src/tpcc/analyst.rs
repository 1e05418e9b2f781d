//! The analyst: a connection that asks whole-table questions while the terminals run.
//!
//! Its questions are the consistency conditions and sums over whole tables, each one statement and so one snapshot:
//! transactions keep them true at every moment, so an answer other than zero is a snapshot that is none; and analytic
//! queries on the same tables. Where TPC-H's tables are loaded beside, its queries are asked too; their tables do not
//! change, so each must answer as it did before.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use datasets::tpcc::consistency_conditions;
use datasets::tpch::{QUERY_COUNT, query};
use serde::Serialize;

use super::analytics::{QUERIES, SUMS};
use crate::Failure;
use crate::wire::Server;

/// What the analyst saw.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Findings {
    /// Answers that were taken while the terminals ran.
    pub answers: u64,
    /// The time of each question in milliseconds, the mean over its answers.
    pub milliseconds: BTreeMap<String, f64>,
    /// What was wrong.
    pub wrong: Vec<String>,
}

/// A question, its name, and its answer, if that is always the same.
struct Question {
    name: String,
    sql: String,
    expected: Option<String>,
    times: Vec<Duration>,
}

/// Returns the questions that the server can be asked.
async fn questions(server: &Server) -> Result<Vec<Question>, Failure> {
    let mut questions: Vec<Question> = Vec::new();
    let mut add = |name: String, sql: &str, zero: bool| {
        let expected = zero.then(|| "0".to_string());
        questions.push(Question { name, sql: sql.to_string(), expected, times: Vec::new() });
    };
    let conditions = consistency_conditions();
    // Long and short questions take turns.
    for (at, (name, sql)) in QUERIES.iter().enumerate() {
        add((*name).to_string(), sql, false);
        if let Some((name, sql)) = SUMS.get(at) {
            add((*name).to_string(), sql, true);
        }
        for (at, condition) in conditions.iter().enumerate().skip(at * 2).take(2) {
            add(format!("condition {}", at + 1), condition, true);
        }
    }
    // Tables of TPC-H are in another schema than those of TPC-C, which have names in common.
    if server.query("SELECT 1 FROM public.lineitem LIMIT 1").await.is_ok() {
        server.query("SET search_path = public").await?;
        for number in 1..=QUERY_COUNT {
            let sql = query(number, 1.0);
            let expected = Some(server.query(&sql).await?.text);
            questions.push(Question { name: format!("Q{number}"), sql, expected, times: Vec::new() });
        }
    }
    Ok(questions)
}

/// Asks until told to stop.
pub async fn ask(url: &str, stop: &AtomicBool) -> Result<Findings, Failure> {
    let server = Server::connect(url).await?;
    let mut questions = questions(&server).await?;
    let mut findings = Findings::default();
    'asking: loop {
        for question in &mut questions {
            if stop.load(Ordering::Relaxed) {
                break 'asking;
            }
            let schema = if question.name.starts_with('Q') { "public" } else { "tpcc" };
            server.query(&format!("SET search_path = {schema}")).await?;
            let answer =
                server.query(&question.sql).await.map_err(|error| format!("{}: {error}", question.name))?;
            findings.answers += 1;
            question.times.push(answer.time);
            let right = match &question.expected {
                // Zero may have digits after the point.
                Some(zero) if zero == "0" => answer.text.trim().parse::<f64>() == Ok(0.0),
                Some(expected) => answer.text == *expected,
                None => true,
            };
            if !right {
                findings.wrong.push(format!("{}: {}", question.name, answer.text.trim_end()));
            }
        }
    }
    for question in questions.iter().filter(|question| !question.times.is_empty()) {
        let total: Duration = question.times.iter().sum();
        let mean = total.as_secs_f64() * 1e3 / question.times.len() as f64;
        findings.milliseconds.insert(question.name.clone(), mean);
    }
    Ok(findings)
}
