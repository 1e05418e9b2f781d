//! EXPLAIN: a plan as text or JSON.
//!
//! The tree looks as PostgreSQL's does. In place of its costs stands the estimated number of rows; with a report,
//! the rows that really came, the time, and whether the node ran on vectors or row by row and why.

mod describe;
mod expression;

use std::fmt::Write as _;

use executor::execute::{ExecutionReport, NodeReport, RunForm};
use executor::plan::{Plan, PlanNode};

use describe::Description;
use expression::Naming;

use crate::catalog::Catalog;

/// The options of EXPLAIN that change the text.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// VERBOSE: output columns.
    pub verbose: bool,
    /// COSTS: estimated rows.
    pub costs: bool,
    /// TIMING: times in a report.
    pub timing: bool,
    /// FORMAT.
    pub format: Format,
}

/// FORMAT of EXPLAIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A line per node and property.
    Text,
    /// One JSON document.
    Json,
}

impl Default for Options {
    fn default() -> Self {
        Self { verbose: false, costs: true, timing: true, format: Format::Text }
    }
}

/// Returns the lines of EXPLAIN (one, with line breaks, for JSON).
pub fn render(
    plan: &Plan,
    report: Option<&ExecutionReport>,
    options: &Options,
    catalog: &Catalog,
) -> Vec<String> {
    let names = &Naming::new(catalog, plan, options.verbose);
    let mut writer = Writer { plan, report, options, names, lines: Vec::new() };
    match options.format {
        Format::Text => {
            writer.text(&plan.root, 0, None);
            for (index, shared) in plan.shared.iter().enumerate() {
                writer.text(shared, 1, Some(format!("CTE {}", index + 1)));
            }
            for (index, subplan) in plan.subplans.iter().enumerate() {
                writer.text(subplan, 1, Some(format!("SubPlan {}", index + 1)));
            }
            writer.lines
        }
        Format::Json => {
            let mut text = String::from("[\n  {\n    \"Plan\": ");
            writer.json(&plan.root, None, 4, &mut text);
            text.push_str("\n  }\n]");
            vec![text]
        }
    }
}

struct Writer<'a> {
    plan: &'a Plan,
    report: Option<&'a ExecutionReport>,
    options: &'a Options,
    names: &'a Naming<'a>,
    lines: Vec<String>,
}

impl Writer<'_> {
    fn text(&mut self, node: &PlanNode, depth: usize, heading: Option<String>) {
        let mut depth = depth;
        if let Some(heading) = heading {
            self.lines.push(format!("{}{heading}", " ".repeat(depth * 6 - 4)));
        }
        let description = describe::node(node, self.names);
        let arrow = if depth == 0 { String::new() } else { format!("{}->  ", " ".repeat(depth * 6 - 4)) };
        let mut line = format!("{arrow}{}", description.title);
        if self.options.costs {
            let _ = write!(line, "  (rows={:.0})", node.rows.max(1.0).round());
        }
        if let Some(report) = self.report {
            line.push_str(&self.actual(report.nodes.get(&node.id)));
        }
        self.lines.push(line);
        let indent = " ".repeat(depth * 6 + 2);
        if self.options.verbose {
            self.lines.push(format!("{indent}Output: {}", description.output.join(", ")));
        }
        for (name, value) in &description.properties {
            self.lines.push(format!("{indent}{name}: {value}"));
        }
        depth += 1;
        node.for_each_input(&mut |input| self.text(input, depth, None));
    }

    fn actual(&self, report: Option<&NodeReport>) -> String {
        let Some(report) = report else { return " (never executed)".to_owned() };
        let loops = report.loops.max(1);
        let mut text = String::from(" (actual");
        if self.options.timing {
            let _ = write!(text, " time={:.3}", report.time.as_secs_f64() * 1000.0 / loops as f64);
        }
        let _ =
            write!(text, " rows={:.2} loops={loops}) {}", report.rows as f64 / loops as f64, form(report));
        text
    }

    fn json(&self, node: &PlanNode, relation: Option<&str>, indent: usize, text: &mut String) {
        let Description { title, output, properties } = describe::node(node, self.names);
        let pad = " ".repeat(indent + 2);
        let mut fields: Vec<String> = describe::json_fields(node, &title)
            .iter()
            .map(|(name, value)| format!("{}: {}", quoted(name), quoted(value)))
            .collect();
        fields.extend(relation.map(|relation| format!("\"Subplan Name\": {}", quoted(relation))));
        if self.options.costs {
            fields.push(format!("\"Plan Rows\": {:.0}", node.rows.max(1.0).round()));
        }
        if let Some(report) = self.report.and_then(|report| report.nodes.get(&node.id)) {
            let loops = report.loops.max(1);
            if self.options.timing {
                let time = report.time.as_secs_f64() * 1000.0 / loops as f64;
                fields.push(format!("\"Actual Total Time\": {time:.3}"));
            }
            fields.push(format!("\"Actual Rows\": {:.2}", report.rows as f64 / loops as f64));
            fields.push(format!("\"Actual Loops\": {loops}"));
            fields.push(format!("\"Execution\": {}", quoted(&form(report))));
        }
        if self.options.verbose {
            let columns: Vec<String> = output.iter().map(|column| quoted(column)).collect();
            fields.push(format!("\"Output\": [{}]", columns.join(", ")));
        }
        fields.extend(properties.iter().map(|(name, value)| format!("{}: {}", quoted(name), quoted(value))));
        let mut children = Vec::new();
        let mut child = |input: &PlanNode, relation: Option<&str>| {
            let mut below = String::new();
            self.json(input, relation, indent + 4, &mut below);
            children.push(format!("{}{below}", " ".repeat(indent + 4)));
        };
        node.for_each_input(&mut |input| child(input, None));
        if node.id == self.plan.root.id {
            for (index, shared) in self.plan.shared.iter().enumerate() {
                child(shared, Some(&format!("CTE {}", index + 1)));
            }
            for (index, subplan) in self.plan.subplans.iter().enumerate() {
                child(subplan, Some(&format!("SubPlan {}", index + 1)));
            }
        }
        if !children.is_empty() {
            fields.push(format!("\"Plans\": [\n{}\n{pad}]", children.join(",\n")));
        }
        let _ = write!(text, "{{\n{pad}{}\n{}}}", fields.join(&format!(",\n{pad}")), " ".repeat(indent));
    }
}

fn form(report: &NodeReport) -> String {
    match report.form {
        RunForm::Vector => "vector".to_owned(),
        RunForm::Row(reason) => format!("row ({})", describe::fallback(reason)),
    }
}

fn quoted(text: &str) -> String {
    let mut result = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => result.push_str("\\\""),
            '\\' => result.push_str("\\\\"),
            '\n' => result.push_str("\\n"),
            '\t' => result.push_str("\\t"),
            control if control < ' ' => {
                let _ = write!(result, "\\u{:04x}", u32::from(control));
            }
            other => result.push(other),
        }
    }
    result.push('"');
    result
}
