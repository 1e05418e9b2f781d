//! The list of known differences: a file with a line per statement, `class<TAB>pattern<TAB>reason`.
//!
//! A pattern is a part of the statement's text. A difference that the list explains does not fail a run, and the list
//! is rendered into the README's compatibility table.

use std::path::Path;

use crate::compare::Class;

/// One known difference.
#[derive(Debug, Clone)]
pub struct Known {
    /// The class it explains (`any`: every class but a crash or hang).
    pub class: Option<Class>,
    /// A part of the statement.
    pub pattern: String,
    /// Why.
    pub reason: String,
}

/// Reads the list; lines that are empty or begin with `#` are left out.
///
/// # Errors
/// When the file cannot be read or a line is not of the form.
pub fn read(path: &Path) -> Result<Vec<Known>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            parse(line).ok_or_else(|| format!("{}:{}: not class, pattern, reason", path.display(), index + 1))
        })
        .collect()
}

fn parse(line: &str) -> Option<Known> {
    let mut parts = line.splitn(3, '\t');
    let (class, pattern, reason) = (parts.next()?, parts.next()?, parts.next()?);
    let class = match class {
        "any" => None,
        name => Some(Class::ALL.into_iter().find(|class| class.name() == name)?),
    };
    Some(Known { class, pattern: pattern.to_owned(), reason: reason.to_owned() })
}

/// Returns the entry that explains a difference of `class` in `sql`.
pub fn explain<'a>(known: &'a [Known], class: Class, sql: &str) -> Option<&'a Known> {
    known.iter().find(|entry| {
        entry.class.map_or(class != Class::CrashOrHang, |wanted| wanted == class)
            && sql.contains(&entry.pattern)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_is_never_explained_by_any() {
        let known = vec![
            parse("any\tnow()\tvolatile").unwrap(),
            parse("rows differ\tpg_backend_pid\tvolatile").unwrap(),
        ];
        assert!(explain(&known, Class::RowsDiffer, "select now()").is_some());
        assert!(explain(&known, Class::CrashOrHang, "select now()").is_none());
        assert!(explain(&known, Class::TargetFails, "select pg_backend_pid()").is_none());
        assert!(parse("unheard of\tx\ty").is_none());
    }
}
