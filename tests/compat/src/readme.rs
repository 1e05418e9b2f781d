//! The compatibility table of the README, from the JSON of the other commands and the lists of known differences.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::compare::Class;
use crate::corpus;
use crate::known::FileList;
use crate::report::{Counts, Summary};

/// Where the section begins and ends in the README.
const BEGIN: &str = "<!-- made by surus-compat report -->";
const END: &str = "<!-- end of what surus-compat report makes -->";

/// Reasons that are listed.
const REASONS: usize = 15;

/// Returns the section for what the commands wrote.
pub fn section(summaries: &[Summary], lists: &[(String, FileList)]) -> String {
    let mut text = String::new();
    for summary in summaries {
        match summary.kind() {
            "run" => text.push_str(&areas(summary)),
            "walk" => text.push_str(&walk(summary)),
            "fuzz" => text.push_str(&fuzz(summary)),
            "isolation" => text.push_str(&isolation(summary)),
            _ => {}
        }
    }
    text.push_str(&known(lists));
    text
}

fn areas(summary: &Summary) -> String {
    let mut text =
        "Statements of `tests/compat/corpus`, each over the simple and the extended protocol, with text and \
                    binary results, compared in every observable with what PostgreSQL 18 answered:\n\n\
                    | area | cases | exact | exact % | missing (`0A000`) | other text or metadata | wrong |\n\
                    | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
            .to_owned();
    for (area, counts) in &summary.areas {
        let of = |classes: &[Class]| classes.iter().map(|&class| counts.of(class)).sum::<usize>();
        let missing = of(&[Class::Refused]);
        let text_only = of(&[Class::SameStateOtherText, Class::MetadataDiffers]);
        let exact = of(&[Class::Exact]);
        let _ = writeln!(
            text,
            "| {area} | {} | {exact} | {:.1} | {missing} | {text_only} | {} |",
            counts.total(),
            counts.exact_percent(),
            counts.total() - exact - missing - text_only
        );
    }
    text.push_str("\nWhat follows from a missing statement of the same file counts as wrong here.\n\n");
    text
}

fn walk(summary: &Summary) -> String {
    let figure = |name: &str| summary.figures.get(name).copied().unwrap_or(0);
    let (identical, different, missing) = (figure("identical"), figure("different"), figure("missing"));
    let calls: usize = summary.areas.last().map_or(0, |(_, counts): &(String, Counts)| counts.total());
    format!(
        "Built-in functions, operators, casts and aggregates of PostgreSQL's catalog, called with edge values ({calls} \
         calls): of {}, {} are implemented, {identical} of them identical in every call and {different} not; {missing} \
         are missing.\n\n",
        identical + different + missing,
        identical + different
    )
}

fn fuzz(summary: &Summary) -> String {
    let figure = |name: &str| summary.figures.get(name).copied().unwrap_or(0);
    format!(
        "Random queries ({}): {} run, {} differ.\n\n",
        summary.option("--oracles").unwrap_or("reference"),
        figure("queries"),
        figure("differ")
    )
}

fn isolation(summary: &Summary) -> String {
    let figure = |name: &str| summary.figures.get(name).copied().unwrap_or(0);
    let (same, different) = (figure("identical"), figure("different"));
    format!(
        "Interleavings of concurrent sessions (each step's result, error, and whether it blocks): {same} of {} as \
         PostgreSQL's.\n\n",
        same + different
    )
}

/// Counts the listed differences by reason.
fn known(lists: &[(String, FileList)]) -> String {
    let mut reasons: BTreeMap<(String, &str), usize> = BTreeMap::new();
    let mut total = 0;
    for (class, reason) in lists.iter().flat_map(|(_, list)| list.reasons()) {
        *reasons.entry((reason.to_owned(), class.name())).or_default() += 1;
        total += 1;
    }
    let mut ranked: Vec<_> = reasons.into_iter().collect();
    ranked.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut text = format!(
        "Known differences stand beside each file of the corpus (`*.known`), with their reasons: {total} statements. The \
         most frequent:\n\n| statements | class | reason |\n| ---: | --- | --- |\n"
    );
    for ((reason, class), count) in ranked.iter().take(REASONS) {
        let _ = writeln!(text, "| {count} | {class} | {} |", reason.replace('|', "\\|"));
    }
    text
}

/// Reads the lists of all files of the corpus.
///
/// # Errors
/// When one cannot be read.
pub fn lists(folder: &Path) -> Result<Vec<(String, FileList)>, String> {
    corpus::files(&[folder.to_owned()])?
        .iter()
        .map(|file| Ok((file.display().to_string(), FileList::read(file)?)))
        .collect()
}

/// Puts the section into a README, between its marks.
///
/// # Errors
/// When the file cannot be read or written, or has no marks.
pub fn put(path: &Path, section: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let marks = text.find(BEGIN).zip(text.find(END)).filter(|(begin, end)| begin < end);
    let (begin, end) = marks.ok_or_else(|| format!("{}: no lines {BEGIN} and {END}", path.display()))?;
    let whole = format!("{}{BEGIN}\n\n{section}\n{}", &text[..begin], &text[end..]);
    std::fs::write(path, whole).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_goes_between_the_marks() {
        let path = std::env::temp_dir().join(format!("surus-compat-readme-{}", std::process::id()));
        std::fs::write(&path, format!("a\n{BEGIN}\nold\n{END}\nz\n")).unwrap();
        put(&path, "new\n").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(text, format!("a\n{BEGIN}\n\nnew\n\n{END}\nz\n"));
    }
}
