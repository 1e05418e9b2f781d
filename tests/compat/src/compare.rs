//! Compares the target's outcome of a statement with the reference's and names the kind of difference.

use serde::{Deserialize, Serialize};

use crate::outcome::{Column, Fields, Lost, Outcome, ResultSet, Value};

/// Kinds of difference, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Every observable is the same.
    Exact,
    /// The same SQLSTATE with another message, detail, hint, position or context; or other notices.
    SameStateOtherText,
    /// The same rows under other column names, types or modifiers, or another command tag or status.
    MetadataDiffers,
    /// The target says `0A000` where the reference does not.
    Refused,
    /// Both fail, with different SQLSTATEs.
    OtherError,
    /// The reference answers, the target fails.
    TargetFails,
    /// The reference fails, the target answers.
    TargetAccepts,
    /// Both answer, with different rows.
    RowsDiffer,
    /// The target lost the connection or did not answer in time.
    CrashOrHang,
}

impl Class {
    /// All classes in order.
    pub const ALL: [Self; 9] = [
        Self::Exact,
        Self::SameStateOtherText,
        Self::MetadataDiffers,
        Self::Refused,
        Self::OtherError,
        Self::TargetFails,
        Self::TargetAccepts,
        Self::RowsDiffer,
        Self::CrashOrHang,
    ];
    /// Returns the class of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
    /// Returns the name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::SameStateOtherText => "other text",
            Self::MetadataDiffers => "metadata",
            Self::Refused => "missing",
            Self::OtherError => "other error",
            Self::TargetFails => "fails",
            Self::TargetAccepts => "accepts",
            Self::RowsDiffer => "rows differ",
            Self::CrashOrHang => "crash/hang",
        }
    }
}

/// A verdict: the class and, in a few words, why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Kind of difference.
    pub class: Class,
    /// What to rank by: the refused feature, the differing field, ...
    pub reason: String,
}

impl Verdict {
    fn new(class: Class, reason: impl Into<String>) -> Self {
        Self { class, reason: reason.into() }
    }
}

/// Compares `target` with `reference`. Rows are compared in order when `ordered`, else as multisets.
pub fn compare(reference: &Outcome, target: &Outcome, ordered: bool) -> Verdict {
    match target.lost {
        Some(Lost::Crash) => return Verdict::new(Class::CrashOrHang, "connection lost"),
        Some(Lost::Hang) => return Verdict::new(Class::CrashOrHang, "no answer in time"),
        None => {}
    }
    match (&reference.error, &target.error) {
        (None, Some(_)) if target.sqlstate() == Some("0A000") => {
            Verdict::new(Class::Refused, normalized(target.message()))
        }
        (None, Some(_)) => Verdict::new(
            Class::TargetFails,
            format!("{} {}", target.sqlstate().unwrap_or(""), normalized(target.message())),
        ),
        (Some(_), None) => Verdict::new(
            Class::TargetAccepts,
            format!("{} {}", reference.sqlstate().unwrap_or(""), normalized(reference.message())),
        ),
        (Some(_), Some(_)) if reference.sqlstate() != target.sqlstate() => {
            let class = if target.sqlstate() == Some("0A000") { Class::Refused } else { Class::OtherError };
            let reason = if class == Class::Refused {
                normalized(target.message())
            } else {
                format!("{} for {}", target.sqlstate().unwrap_or(""), reference.sqlstate().unwrap_or(""))
            };
            Verdict::new(class, reason)
        }
        (Some(expected), Some(actual)) => {
            compare_details(reference, target, differing_field(expected, actual), ordered)
        }
        (None, None) => compare_details(reference, target, None, ordered),
    }
}

fn compare_details(reference: &Outcome, target: &Outcome, field: Option<String>, ordered: bool) -> Verdict {
    let expected: Vec<&ResultSet> = reference.results.iter().collect();
    let actual: Vec<&ResultSet> = target.results.iter().collect();
    // What was announced before an error is the plan's choice of when to look: it is a difference, but not of rows.
    let complete = |results: &[&ResultSet]| results.iter().filter(|result| result.tag.is_some()).count();
    let announced = (expected.len(), complete(&expected)) != (actual.len(), complete(&actual));
    if announced && complete(&expected) != complete(&actual) {
        return Verdict::new(Class::RowsDiffer, "another number of results");
    }
    for (left, right) in expected.iter().zip(&actual).filter(|(left, _)| left.tag.is_some()) {
        if !same_rows(&left.rows, &right.rows, ordered) || left.copied != right.copied {
            return Verdict::new(Class::RowsDiffer, "rows");
        }
    }
    for (left, right) in expected.iter().zip(&actual) {
        if let Some(reason) = metadata_difference(left, right) {
            return Verdict::new(Class::MetadataDiffers, reason);
        }
    }
    if announced {
        return Verdict::new(Class::MetadataDiffers, "columns announced before the error");
    }
    if reference.status != target.status {
        return Verdict::new(
            Class::MetadataDiffers,
            format!("status {} for {}", target.status, reference.status),
        );
    }
    if let Some(field) = field {
        return Verdict::new(Class::SameStateOtherText, field);
    }
    if reference.notices.len() != target.notices.len() {
        return Verdict::new(Class::SameStateOtherText, "number of notices");
    }
    for (left, right) in reference.notices.iter().zip(&target.notices) {
        if let Some(field) = differing_field(left, right) {
            return Verdict::new(Class::SameStateOtherText, format!("notice: {field}"));
        }
    }
    Verdict::new(Class::Exact, "")
}

fn metadata_difference(left: &ResultSet, right: &ResultSet) -> Option<String> {
    if left.tag != right.tag {
        return Some("command tag".to_owned());
    }
    let (left, right) = match (&left.columns, &right.columns) {
        (None, None) => return None,
        (Some(left), Some(right)) if left.len() == right.len() => (left, right),
        _ => return Some("number of columns".to_owned()),
    };
    left.iter().zip(right).find_map(|(left, right)| column_difference(left, right))
}

/// The first oid that differs from database to database.
const FIRST_USER_OID: u32 = 16384;

fn column_difference(left: &Column, right: &Column) -> Option<String> {
    if left.name != right.name {
        return Some("column name".to_owned());
    }
    if left.type_oid != right.type_oid && (left.type_oid < FIRST_USER_OID || right.type_oid < FIRST_USER_OID)
    {
        return Some(format!("type {} for {}", right.type_oid, left.type_oid));
    }
    (left.typmod != right.typmod).then(|| "typmod".to_owned())
}

fn differing_field(left: &Fields, right: &Fields) -> Option<String> {
    let letters = "SCMDHPWscdtnpq";
    letters.chars().find(|letter| left.get(letter) != right.get(letter)).map(|letter| {
        match letter {
            'S' => "severity",
            'C' => "SQLSTATE",
            'M' => "message",
            'D' => "detail",
            'H' => "hint",
            'P' => "position",
            'W' => "context",
            's' => "schema name",
            't' => "table name",
            'c' => "column name",
            'd' => "data type name",
            'n' => "constraint name",
            _ => "internal position or query",
        }
        .to_owned()
    })
}

fn same_rows(left: &[Vec<Value>], right: &[Vec<Value>], ordered: bool) -> bool {
    if left.len() != right.len() {
        return false;
    }
    if ordered || left == right {
        return left == right;
    }
    let mut left: Vec<&Vec<Value>> = left.iter().collect();
    let mut right: Vec<&Vec<Value>> = right.iter().collect();
    left.sort_unstable();
    right.sort_unstable();
    left == right
}

/// Replaces what is quoted or a number, so that messages can be ranked.
fn normalized(message: &str) -> String {
    let mut text = String::new();
    let mut quoted = false;
    for c in message.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                text.push('"');
            }
            _ if quoted => {}
            _ => text.push(c),
        }
    }
    text
}

/// Returns whether the statement's own ORDER BY fixes the order of its rows (ties aside).
pub fn is_ordered(sql: &str) -> bool {
    let mut depth = 0_i32;
    let mut quote = None;
    let mut top = String::new();
    for c in sql.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, _) if depth == 0 => top.push(c.to_ascii_lowercase()),
            (None, _) => {}
        }
    }
    let words: Vec<&str> = top.split_whitespace().collect();
    words.windows(2).any(|pair| pair == ["order", "by"]) || words.first() == Some(&"show")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[&str]) -> Outcome {
        Outcome {
            results: vec![ResultSet {
                rows: values.iter().map(|value| vec![Some((*value).to_owned())]).collect(),
                tag: Some("SELECT".to_owned()),
                ..ResultSet::default()
            }],
            status: 'I',
            ..Outcome::default()
        }
    }

    fn error(code: &str, message: &str) -> Outcome {
        let fields = [('C', code), ('M', message)].map(|(letter, text)| (letter, text.to_owned()));
        Outcome { error: Some(fields.into()), status: 'I', ..Outcome::default() }
    }

    #[test]
    fn each_difference_has_its_class() {
        let reference = rows(&["1", "2"]);
        assert_eq!(compare(&reference, &rows(&["2", "1"]), false).class, Class::Exact);
        assert_eq!(compare(&reference, &rows(&["2", "1"]), true).class, Class::RowsDiffer);
        assert_eq!(compare(&reference, &rows(&["1"]), false).class, Class::RowsDiffer);
        assert_eq!(compare(&reference, &error("0A000", "x"), false).class, Class::Refused);
        assert_eq!(compare(&reference, &error("42601", "x"), false).class, Class::TargetFails);
        assert_eq!(compare(&error("22012", "x"), &reference, false).class, Class::TargetAccepts);
        assert_eq!(compare(&error("22012", "x"), &error("22003", "x"), false).class, Class::OtherError);
        assert_eq!(
            compare(&error("22012", "x"), &error("22012", "y"), false).class,
            Class::SameStateOtherText
        );
        let lost = Outcome { lost: Some(Lost::Hang), ..Outcome::default() };
        assert_eq!(compare(&reference, &lost, false).class, Class::CrashOrHang);
        let mut noticed = rows(&["1", "2"]);
        noticed.notices.push([('M', "n".to_owned())].into());
        assert_eq!(compare(&reference, &noticed, false).class, Class::SameStateOtherText);
        let mut status = rows(&["1", "2"]);
        status.status = 'T';
        assert_eq!(compare(&reference, &status, false).class, Class::MetadataDiffers);
    }

    #[test]
    fn order_is_the_outermost() {
        assert!(is_ordered("select 1 ORDER\n BY 1"));
        assert!(!is_ordered("select * from (select 1 order by 1) x"));
        assert!(!is_ordered("select ' order by '"));
    }
}
