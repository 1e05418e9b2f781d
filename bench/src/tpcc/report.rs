//! What is printed and written to JSON.

use serde::Serialize;
use serde_json::json;

use super::analyst::Findings;
use super::terminal::KINDS;
use super::{Measured, Options};
use crate::Failure;
use crate::statistics::table;
use crate::terminals::Figures;

/// Returns committed New-Order transactions a minute.
fn tpmc(figures: &Figures) -> f64 {
    let committed = figures.kinds.get(KINDS[0]).map_or(0, |kind| kind.committed);
    committed as f64 * 60.0 / figures.seconds
}

/// Prints one run.
pub fn print_run(server: &Measured, figures: &Figures, options: &Options) {
    let how = if options.pipelined { "pipelined" } else { "a round trip per statement" };
    println!(
        "{}: {} warehouses, {} terminals, {:.0} s, {how}: tpmC {:.0}",
        server.name,
        options.warehouses,
        options.terminals,
        figures.seconds,
        tpmc(figures)
    );
    print!("{}", table(&figures.rows(&KINDS)));
    println!("{}", figures.summary());
}

/// Prints what the terminals did beside the analyst, and what it saw.
pub fn print_beside(server: &Measured, alone: &Figures, (figures, findings): &(Figures, Findings)) {
    println!(
        "{}: beside the analyst tpmC {:.0}, {:.0} % of that alone; {} answers from one snapshot each, {} wrong",
        server.name,
        tpmc(figures),
        100.0 * tpmc(figures) / tpmc(alone),
        findings.answers,
        findings.wrong.len()
    );
    for wrong in findings.wrong.iter().take(10) {
        println!("  {wrong}");
    }
    let times: Vec<String> =
        findings.milliseconds.iter().map(|(name, time)| format!("{name} {time:.0}")).collect();
    println!("  mean ms: {}", times.join(", "));
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some((upper + lower) / 2.0)
}

/// A server's medians over its runs.
#[derive(Serialize)]
struct Medians {
    tpmc: Option<f64>,
    server_cpu_ms: Option<f64>,
    new_order_p95: Option<f64>,
}

fn medians(server: &Measured) -> Medians {
    let p95 = |run: &Figures| Some(run.kinds.get(KINDS[0])?.p95);
    Medians {
        tpmc: median(server.runs.iter().map(tpmc).collect()),
        server_cpu_ms: median(server.runs.iter().filter_map(|run| run.server_cpu_ms).collect()),
        new_order_p95: median(server.runs.iter().filter_map(p95).collect()),
    }
}

/// Prints the comparison and the consistency conditions, and writes the JSON file; false when a condition does not
/// hold.
pub fn finish(servers: &[Measured], options: &Options) -> Result<bool, Failure> {
    if let [first, second] = servers {
        print!("{}", table(&comparison(first, second)));
    }
    let mut consistent = true;
    for server in servers {
        let broken: Vec<String> = server
            .consistency
            .iter()
            .enumerate()
            .filter_map(|(at, count)| match count {
                Ok(0) => None,
                Ok(rows) => Some(format!("condition {}: {rows} rows break it", at + 1)),
                Err(error) => Some(format!("condition {} was not checked: {error}", at + 1)),
            })
            .collect();
        let all = server.consistency.len();
        println!("{}: {} of {all} consistency conditions hold", server.name, all - broken.len());
        for line in &broken {
            println!("  {line}");
        }
        consistent &=
            broken.is_empty() && server.beside.iter().all(|(_, findings)| findings.wrong.is_empty());
    }
    if let Some(path) = &options.json {
        let report = json!({
            "benchmark": "tpcc",
            "warehouses": options.warehouses,
            "terminals": options.terminals,
            "pipelined": options.pipelined,
            "settings": options.settings,
            "servers": servers.iter().map(as_json).collect::<Vec<_>>(),
        });
        std::fs::write(path, serde_json::to_string_pretty(&report)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(consistent)
}

fn as_json(server: &Measured) -> serde_json::Value {
    let consistency: Vec<_> = server
        .consistency
        .iter()
        .map(|count| match count {
            Ok(rows) => json!(rows),
            Err(error) => json!(error),
        })
        .collect();
    json!({
        "name": server.name,
        "version": server.version,
        "load_seconds": server.load_seconds,
        "tpmc": server.runs.iter().map(tpmc).collect::<Vec<_>>(),
        "medians": medians(server),
        "runs": server.runs,
        "beside_the_analyst": server.beside.iter().map(|(figures, findings)| json!({
            "tpmc": tpmc(figures), "figures": figures, "findings": findings,
        })).collect::<Vec<_>>(),
        "consistency": consistency,
    })
}

/// Lays out two servers' medians beside each other.
fn comparison(first: &Measured, second: &Measured) -> Vec<Vec<String>> {
    let header = vec![
        "medians".to_string(),
        first.name.clone(),
        second.name.clone(),
        format!("{} / {}", first.name, second.name),
    ];
    let mut rows = vec![header];
    let (left, right) = (medians(first), medians(second));
    let lines = [
        ("tpmC", left.tpmc, right.tpmc, 0),
        ("server CPU ms each", left.server_cpu_ms, right.server_cpu_ms, 3),
        ("new order p95 ms", left.new_order_p95, right.new_order_p95, 2),
    ];
    for (name, left, right, digits) in lines {
        let cell = |value: Option<f64>| value.map_or("-".to_string(), |value| format!("{value:.digits$}"));
        let ratio = left.zip(right).map(|(left, right)| left / right);
        let ratio = ratio.map_or("-".to_string(), |ratio| format!("{ratio:.2}"));
        rows.push(vec![name.to_string(), cell(left), cell(right), ratio]);
    }
    rows
}
