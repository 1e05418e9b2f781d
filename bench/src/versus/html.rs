//! The page of a `versus` run: a table and two plots in SVG, with nothing to fetch.

use std::fmt::Write;

use super::report::{EngineReport, Report};
use crate::statistics::milliseconds;

const COLORS: [&str; 6] = ["#c2410c", "#2563eb", "#16a34a", "#9333ea", "#ca8a04", "#64748b"];
const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:2em auto;padding:0 1em;\
    color:#1f2937;background:#fff}h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}\
    table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:.15em .8em;text-align:right;\
    border-bottom:1px solid #e5e7eb}td:first-child,th:first-child{text-align:left}.best{font-weight:600}\
    .wrong{color:#b91c1c}svg text{font:12px system-ui,sans-serif;fill:#374151}";

/// Space left of the plots for the queries' names.
const LEFT: f64 = 60.0;
const WIDTH: f64 = 900.0;
const BAR: f64 = 9.0;

/// Writes the whole page.
pub(super) fn page(report: &Report, numbers: &[usize]) -> String {
    let mut page = String::new();
    let names: Vec<&str> = report.engines.iter().map(|engine| engine.name.as_str()).collect();
    let title = format!("TPC-H scale {}: {}", report.scale, names.join(", "));
    push(&mut page, format_args!("<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\">"));
    push(&mut page, format_args!("<title>{0}</title><style>{STYLE}</style><h1>{0}</h1>", escape(&title)));
    let about = format!(
        "{}, {} threads for each engine, medians of {} runs in turns after one to warm up, commit {}. \
         All engines have the same rows with DECIMAL(15,2), and their answers were compared.",
        report.machine, report.threads, report.runs, report.commit
    );
    push(&mut page, format_args!("<p>{}</p>", escape(&about)));
    table(&mut page, report, numbers);
    push(&mut page, format_args!("<h2>Milliseconds, logarithmic: shorter is better</h2>"));
    bars(&mut page, report, numbers);
    if let (Some(first), true) = (names.first(), names.len() > 1) {
        let heading = format!("Times as long as {first}: to the right of 1, {first} is ahead");
        push(&mut page, format_args!("<h2>{}</h2>", escape(&heading)));
        ratios(&mut page, report, numbers);
    }
    for engine in &report.engines {
        for (number, failure) in &engine.failures {
            let text = format!("{}, Q{number}: {failure}", engine.name);
            push(&mut page, format_args!("<p class=\"wrong\">{}</p>", escape(&text)));
        }
    }
    page.push_str("</html>\n");
    page
}

fn table(page: &mut String, report: &Report, numbers: &[usize]) {
    page.push_str("<table><tr><th>query");
    for engine in &report.engines {
        push(page, format_args!("<th title=\"{}\">{} ms", escape(&engine.version), escape(&engine.name)));
    }
    for engine in report.engines.iter().skip(1) {
        push(page, format_args!("<th>{} / {}", escape(&engine.name), escape(&report.engines[0].name)));
    }
    for &number in numbers {
        row(page, report, &format!("Q{number}"), |engine| engine.median(number));
    }
    row(page, report, "geometric mean", |engine| engine.geometric_mean);
    row(page, report, "load", |engine| Some(engine.load_seconds? * 1e3));
    page.push_str("</table>\n");
}

fn row(page: &mut String, report: &Report, name: &str, figure: impl Fn(&EngineReport) -> Option<f64>) {
    push(page, format_args!("<tr><td>{name}"));
    let figures: Vec<Option<f64>> = report.engines.iter().map(&figure).collect();
    let best = figures.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    for value in figures {
        match value {
            Some(value) if value == best => {
                push(page, format_args!("<td class=\"best\">{}", milliseconds(value)));
            }
            Some(value) => push(page, format_args!("<td>{}", milliseconds(value))),
            None => page.push_str("<td>-"),
        }
    }
    for ratio in report.ratios(figure) {
        match ratio {
            Some(ratio) => push(page, format_args!("<td>{ratio:.2}")),
            None => page.push_str("<td>-"),
        }
    }
}

/// Draws a bar for each query and engine on a logarithmic scale.
fn bars(page: &mut String, report: &Report, numbers: &[usize]) {
    let medians =
        report.engines.iter().flat_map(|engine| numbers.iter().map(|&number| engine.median(number)));
    let Some(axis) = Axis::over(medians.flatten()) else { return };
    let group = BAR * report.engines.len() as f64 + 8.0;
    let height = 30.0 + group * numbers.len() as f64;
    start(page, height, report, &report.engines);
    axis.draw(page, height);
    for (at, &number) in numbers.iter().enumerate() {
        let top = 30.0 + group * at as f64;
        push(page, format_args!("<text x=\"10\" y=\"{:.1}\">Q{number}</text>", top + group / 2.0));
        for (which, engine) in report.engines.iter().enumerate() {
            let Some(median) = engine.median(number) else { continue };
            push(
                page,
                format_args!(
                    "<rect x=\"{LEFT}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\">\
                     <title>Q{number} {}: {} ms</title></rect>",
                    top + BAR * which as f64,
                    axis.position(median) - LEFT,
                    BAR - 1.0,
                    COLORS[which % COLORS.len()],
                    escape(&engine.name),
                    milliseconds(median)
                ),
            );
        }
    }
    page.push_str("</svg>\n");
}

/// Draws each engine's ratio to the first as a dot.
fn ratios(page: &mut String, report: &Report, numbers: &[usize]) {
    let of = |number: usize| report.ratios(move |engine| engine.median(number));
    let all = numbers.iter().flat_map(|&number| of(number)).flatten();
    let Some(axis) = Axis::over(all.chain([0.5, 2.0])) else { return };
    let height = 30.0 + 16.0 * numbers.len() as f64;
    start(page, height, report, &report.engines[1..]);
    axis.draw(page, height);
    let one = axis.position(1.0);
    push(page, format_args!("<path d=\"M{one:.1} 20V{height}\" stroke=\"#111\" stroke-width=\"1.5\"/>"));
    for (at, &number) in numbers.iter().enumerate() {
        let y = 38.0 + 16.0 * at as f64;
        push(page, format_args!("<text x=\"10\" y=\"{:.1}\">Q{number}</text>", y + 4.0));
        for (which, ratio) in of(number).into_iter().enumerate() {
            let (Some(ratio), Some(engine)) = (ratio, report.engines.get(which + 1)) else { continue };
            push(
                page,
                format_args!(
                    "<circle cx=\"{:.1}\" cy=\"{y}\" r=\"4.5\" fill=\"{}\"><title>Q{number} {}: {ratio:.2}</title>\
                     </circle>",
                    axis.position(ratio),
                    COLORS[(which + 1) % COLORS.len()],
                    escape(&engine.name)
                ),
            );
        }
    }
    page.push_str("</svg>\n");
}

/// Opens a drawing and draws the legend of some of the engines.
fn start(page: &mut String, height: f64, report: &Report, shown: &[EngineReport]) {
    push(page, format_args!("<svg viewBox=\"0 0 {WIDTH} {:.0}\" width=\"100%\">", height + 20.0));
    let skipped = report.engines.len() - shown.len();
    for (at, engine) in shown.iter().enumerate() {
        let x = LEFT + 140.0 * at as f64;
        let color = COLORS[(at + skipped) % COLORS.len()];
        push(page, format_args!("<rect x=\"{x}\" y=\"2\" width=\"10\" height=\"10\" fill=\"{color}\"/>"));
        push(page, format_args!("<text x=\"{}\" y=\"12\">{}</text>", x + 15.0, escape(&engine.name)));
    }
}

/// A logarithmic axis from one power of ten (or half of one) to another.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    /// Makes the axis that holds all values, `None` when there are none.
    fn over(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (low, high) = values
            .filter(|value| *value > 0.0)
            .fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        (low <= high).then(|| Axis { low: low.log10() - 0.1, high: high.log10() + 0.1 })
    }

    fn position(&self, value: f64) -> f64 {
        LEFT + (value.log10() - self.low) / (self.high - self.low) * (WIDTH - LEFT - 20.0)
    }

    /// Draws a line and a label at each of 1, 2 and 5 in every power of ten.
    fn draw(&self, page: &mut String, height: f64) {
        for power in self.low.floor() as i32..=self.high.ceil() as i32 {
            for digit in [1.0, 2.0, 5.0] {
                let value: f64 = digit * 10f64.powi(power);
                if value.log10() < self.low || value.log10() > self.high {
                    continue;
                }
                let x = self.position(value);
                push(page, format_args!("<path d=\"M{x:.1} 20V{height}\" stroke=\"#e5e7eb\"/>"));
                push(
                    page,
                    format_args!(
                        "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{value}</text>",
                        height + 14.0
                    ),
                );
            }
        }
    }
}

fn push(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = page.write_fmt(text);
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
