//! Everything that a client can observe of one statement.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The protocol and formats that a statement is run with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Simple query.
    Simple,
    /// Parse, Bind, Describe, Execute with text results.
    Extended,
    /// The same with binary results.
    Binary,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 3] = [Self::Simple, Self::Extended, Self::Binary];
    /// Returns the name that the command line uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Extended => "extended",
            Self::Binary => "binary",
        }
    }
}

/// A column of a result, as RowDescription has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Name.
    pub name: String,
    /// Type oid.
    pub type_oid: u32,
    /// Type modifier.
    pub typmod: i32,
}

/// A value as it came over the wire: NULL, or bytes (as text where they are UTF-8, else in hex).
pub type Value = Option<String>;

/// One result set or command of a statement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultSet {
    /// Columns, when rows were announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<Column>>,
    /// Rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Vec<Value>>,
    /// Command tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Data of COPY TO STDOUT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copied: Option<String>,
}

/// Fields of an error or a notice by their protocol letter (file, line and routine left out).
pub type Fields = BTreeMap<char, String>;

/// How a statement ended when no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lost {
    /// The connection was closed.
    Crash,
    /// No answer within the time limit.
    Hang,
}

/// What a statement did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Result sets in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<ResultSet>,
    /// The error that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Fields>,
    /// Notices and warnings in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Fields>,
    /// Transaction status after it: I, T or E.
    pub status: char,
    /// Set when the connection or the time was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Lost>,
}

impl Outcome {
    /// Returns the SQLSTATE of the error.
    pub fn sqlstate(&self) -> Option<&str> {
        self.error.as_ref().and_then(|fields| fields.get(&'C')).map(String::as_str)
    }
    /// Returns the message of the error.
    pub fn message(&self) -> &str {
        self.error.as_ref().and_then(|fields| fields.get(&'M')).map_or("", String::as_str)
    }
    /// Returns the number of rows of all result sets.
    pub fn row_count(&self) -> usize {
        self.results.iter().map(|result| result.rows.len()).sum()
    }
    /// Returns a short text for reports.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        for notice in &self.notices {
            text.push_str(&describe(notice));
            text.push('\n');
        }
        for result in &self.results {
            if let Some(columns) = &result.columns {
                let names: Vec<String> = columns
                    .iter()
                    .map(|column| format!("{}:{}/{}", column.name, column.type_oid, column.typmod))
                    .collect();
                text.push_str(&format!("({})\n", names.join(", ")));
            }
            for row in result.rows.iter().take(20) {
                let values: Vec<&str> = row.iter().map(|value| value.as_deref().unwrap_or("∅")).collect();
                text.push_str(&values.join(" | "));
                text.push('\n');
            }
            if result.rows.len() > 20 {
                text.push_str(&format!("... {} rows\n", result.rows.len()));
            }
            if let Some(copied) = &result.copied {
                text.extend(copied.chars().take(2000));
            }
            if let Some(tag) = &result.tag {
                text.push_str(tag);
                text.push('\n');
            }
        }
        if let Some(error) = &self.error {
            text.push_str(&describe(error));
            text.push('\n');
        }
        if let Some(lost) = self.lost {
            text.push_str(&format!("{lost:?}\n"));
        }
        text
    }
}

fn describe(fields: &Fields) -> String {
    let field = |letter: char| fields.get(&letter).map_or("", String::as_str);
    let mut text = format!("{} {}: {}", field('S'), field('C'), field('M'));
    for (letter, name) in [('D', "DETAIL"), ('H', "HINT"), ('P', "POSITION"), ('W', "CONTEXT")] {
        if let Some(value) = fields.get(&letter) {
            text.push_str(&format!("\n  {name}: {value}"));
        }
    }
    text
}
