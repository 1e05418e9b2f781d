//! Tables, JSON and an HTML page from compared cases.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::compare::Class;
use crate::run::Case;

/// Counts by class.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// By class, in the order of [`Class::ALL`].
    pub by_class: [usize; 9],
    /// How many of the differences are known.
    pub known: usize,
}

impl Counts {
    /// Adds a case.
    pub fn add(&mut self, case: &Case) {
        let position = Class::ALL.iter().position(|&class| class == case.verdict.class).unwrap_or(0);
        self.by_class[position] += 1;
        self.known += usize::from(case.known.is_some());
    }
    /// Returns the number of cases of a class.
    pub fn of(&self, class: Class) -> usize {
        let position = Class::ALL.iter().position(|&other| other == class);
        position.map_or(0, |position| self.by_class[position])
    }
    /// Returns the number of cases.
    pub fn total(&self) -> usize {
        self.by_class.iter().sum()
    }
    /// Returns the share of exact cases, in percent.
    pub fn exact_percent(&self) -> f64 {
        if self.total() == 0 { 100.0 } else { 100.0 * self.by_class[0] as f64 / self.total() as f64 }
    }
}

/// Returns the counts by area and, last, of everything under "total".
pub fn by_area(cases: &[Case]) -> Vec<(String, Counts)> {
    let mut areas: BTreeMap<String, Counts> = BTreeMap::new();
    let mut total = Counts::default();
    for case in cases {
        areas.entry(case.area.clone()).or_default().add(case);
        total.add(case);
    }
    areas.into_iter().chain([("total".to_owned(), total)]).collect()
}

/// Returns a table of `counts` as text.
pub fn table(counts: &[(String, Counts)]) -> String {
    let mut text = format!("{:<28}{:>8}{:>9}", "area", "cases", "exact %");
    for class in Class::ALL {
        let _ = write!(text, "{:>12}", class.name());
    }
    text.push_str("       known\n");
    for (area, counts) in counts {
        let _ = write!(text, "{area:<28}{:>8}{:>9.2}", counts.total(), counts.exact_percent());
        for count in counts.by_class {
            let _ = write!(text, "{count:>12}");
        }
        let _ = writeln!(text, "{:>12}", counts.known);
    }
    text
}

/// Returns the reasons of differences, the most frequent first.
pub fn reasons(cases: &[Case]) -> Vec<(Class, String, usize)> {
    let mut counts: BTreeMap<(Class, String), usize> = BTreeMap::new();
    for case in cases.iter().filter(|case| case.verdict.class != Class::Exact) {
        *counts.entry((case.verdict.class, case.verdict.reason.clone())).or_default() += 1;
    }
    let mut ranked: Vec<_> =
        counts.into_iter().map(|((class, reason), count)| (class, reason, count)).collect();
    ranked.sort_by_key(|(class, _, count)| (std::cmp::Reverse(*count), *class));
    ranked
}

/// One run in the history that the HTML page plots.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Seconds since 1970.
    pub time: u64,
    /// Cases and exact cases.
    pub total: usize,
    /// See `total`.
    pub exact: usize,
}

/// The JSON form of a run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Summary {
    /// What was run.
    pub command: String,
    /// Counts by area.
    pub areas: Vec<(String, Counts)>,
    /// Earlier runs that were written to the same file, and this one.
    pub history: Vec<HistoryEntry>,
    /// What else a command has counted, by name.
    #[serde(default)]
    pub figures: BTreeMap<String, usize>,
}

impl Summary {
    /// Returns the command's first word.
    pub fn kind(&self) -> &str {
        self.command.split(' ').next().unwrap_or("")
    }
    /// Returns the value of an option of the command.
    pub fn option(&self, name: &str) -> Option<&str> {
        let mut words = self.command.split(' ');
        words.find(|word| *word == name)?;
        words.next()
    }
    /// Reads what `write_json` wrote.
    ///
    /// # Errors
    /// When the file cannot be read or is another one.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// Writes `path` as JSON: the summary, and the differing cases under `differences`.
///
/// # Errors
/// When the file cannot be written.
pub fn write_json(
    path: &Path,
    command: &str,
    cases: &[Case],
    figures: BTreeMap<String, usize>,
) -> Result<Vec<HistoryEntry>, String> {
    let mut history = read_history(path);
    let areas = by_area(cases);
    let total = areas.last().map(|(_, counts)| counts.clone()).unwrap_or_default();
    let time = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs());
    history.push(HistoryEntry { time, total: total.total(), exact: total.by_class[0] });
    let differences: Vec<&Case> = cases.iter().filter(|case| case.verdict.class != Class::Exact).collect();
    let summary = Summary { command: command.to_owned(), areas, history: history.clone(), figures };
    let mut value = serde_json::to_value(&summary).map_err(|error| error.to_string())?;
    value["differences"] = serde_json::to_value(&differences).map_err(|error| error.to_string())?;
    let text = serde_json::to_string_pretty(&value).map_err(|error| error.to_string())?;
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(history)
}

fn read_history(path: &Path) -> Vec<HistoryEntry> {
    std::fs::read_to_string(path)
        .ok()
        .and_then(|text| serde_json::from_str::<Summary>(&text).ok())
        .map_or_else(Vec::new, |summary| summary.history)
}

const STYLE: &str = "body{font:14px/1.45 system-ui,sans-serif;margin:2em;max-width:1200px;color:#222}\
table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #ccc;padding:.2em .6em;text-align:right}\
td:first-child,th:first-child{text-align:left}pre{background:#f6f6f6;padding:.6em;overflow:auto;white-space:pre-wrap;margin:0}\
.pair{display:grid;grid-template-columns:1fr 1fr;gap:.6em}details{margin:.5em 0}summary{cursor:pointer}\
.class{display:inline-block;min-width:7em;font-weight:600}";

/// Writes a page with the counts, the reasons ranked, counts over time, and each difference side by side.
///
/// # Errors
/// When the file cannot be written.
pub fn write_html(
    path: &Path,
    command: &str,
    cases: &[Case],
    history: &[HistoryEntry],
) -> Result<(), String> {
    let mut page =
        format!("<!doctype html><meta charset=utf-8><title>surus-compat</title><style>{STYLE}</style>");
    let _ = write!(page, "<h1>Compatibility</h1><p><code>{}</code></p>", escape(command));
    page.push_str("<table><tr><th>area<th>cases<th>exact %");
    for class in Class::ALL {
        let _ = write!(page, "<th>{}", class.name());
    }
    page.push_str("<th>known</tr>");
    for (area, counts) in by_area(cases) {
        let _ =
            write!(page, "<tr><td>{}<td>{}<td>{:.2}", escape(&area), counts.total(), counts.exact_percent());
        for count in counts.by_class {
            let _ = write!(page, "<td>{count}");
        }
        let _ = write!(page, "<td>{}</tr>", counts.known);
    }
    page.push_str("</table>");
    page.push_str(&plot(history));
    page.push_str("<h2>Reasons</h2><table><tr><th>class<th>reason<th>count</tr>");
    for (class, reason, count) in reasons(cases).iter().take(200) {
        let _ = write!(
            page,
            "<tr><td>{}<td style='text-align:left'>{}<td>{count}</tr>",
            class.name(),
            escape(reason)
        );
    }
    page.push_str("</table><h2>Differences</h2>");
    for case in cases.iter().filter(|case| case.verdict.class != Class::Exact).take(3000) {
        page.push_str(&difference(case));
    }
    std::fs::write(path, page).map_err(|error| format!("{}: {error}", path.display()))
}

fn difference(case: &Case) -> String {
    format!(
        "<details><summary><span class=class>{}</span> {}:{} ({}) {}</summary><pre>{}</pre><div class=pair>\
         <div>reference<pre>{}</pre></div><div>target<pre>{}</pre></div></div></details>",
        case.verdict.class.name(),
        escape(&case.file),
        case.line,
        case.mode.name(),
        escape(
            &case
                .known
                .as_ref()
                .map_or_else(|| case.verdict.reason.clone(), |known| format!("known: {known}"))
        ),
        escape(&case.sql),
        escape(&case.expected),
        escape(&case.actual)
    )
}

/// Returns an SVG line of the exact share of each run.
fn plot(history: &[HistoryEntry]) -> String {
    if history.len() < 2 {
        return String::new();
    }
    let step = 600.0 / (history.len() - 1) as f64;
    let points: Vec<String> = history
        .iter()
        .enumerate()
        .map(|(index, entry)| {
            let share = entry.exact as f64 / entry.total.max(1) as f64;
            format!("{:.1},{:.1}", 10.0 + step * index as f64, 110.0 - 100.0 * share)
        })
        .collect();
    format!(
        "<h2>Exact share over time</h2><svg width=620 height=120><polyline fill=none stroke='#36c' stroke-width=2 \
         points='{}'/></svg>",
        points.join(" ")
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
