//! PostgreSQL 18's built-in catalog rows, as `datasets/catalog/extract.sh` wrote them, and their reader.
//!
//! Each constant is one TSV file: a header line with the column names, then rows in COPY text format ordered
//! by key. Columns of type `regproc` hold oids; expression trees hold SQL text. [`rows`] walks a file and gives
//! each row's fields by column name, unescaped.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

macro_rules! tables {
    ($($constant:ident, $file:literal;)*) => {
        $(
            #[doc = concat!("The rows of `", $file, "`.")]
            pub const $constant: &str = include_str!(concat!("../catalog/", $file, ".tsv"));
        )*
        /// Every file with its name, sorted by name.
        pub const ALL: &[(&str, &str)] = &[$(($file, $constant)),*];
    };
}

tables! {
    PG_AGGREGATE, "pg_aggregate";
    PG_AM, "pg_am";
    PG_AMOP, "pg_amop";
    PG_AMPROC, "pg_amproc";
    PG_ATTRDEF, "pg_attrdef";
    PG_ATTRIBUTE, "pg_attribute";
    PG_AUTH_MEMBERS, "pg_auth_members";
    PG_AUTHID, "pg_authid";
    PG_CAST, "pg_cast";
    PG_CLASS, "pg_class";
    PG_COLLATION, "pg_collation";
    PG_CONSTRAINT, "pg_constraint";
    PG_CONVERSION, "pg_conversion";
    PG_EXTENSION, "pg_extension";
    PG_INDEX, "pg_index";
    PG_KEYWORDS, "pg_keywords";
    PG_LANGUAGE, "pg_language";
    PG_NAMESPACE, "pg_namespace";
    PG_OPCLASS, "pg_opclass";
    PG_OPERATOR, "pg_operator";
    PG_OPFAMILY, "pg_opfamily";
    PG_PROC, "pg_proc";
    PG_RANGE, "pg_range";
    PG_REWRITE, "pg_rewrite";
    PG_SETTINGS, "pg_settings";
    PG_TABLESPACE, "pg_tablespace";
    PG_TIMEZONE_ABBREVS, "pg_timezone_abbrevs";
    PG_TS_CONFIG, "pg_ts_config";
    PG_TS_CONFIG_MAP, "pg_ts_config_map";
    PG_TS_DICT, "pg_ts_dict";
    PG_TS_PARSER, "pg_ts_parser";
    PG_TS_TEMPLATE, "pg_ts_template";
    PG_TYPE, "pg_type";
}

/// One row of a catalog file: its raw fields and the header they are named by.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    header: Arc<[&'a str]>,
    fields: Vec<&'a str>,
}

impl<'a> Row<'a> {
    /// Returns the names of the columns, in order.
    pub fn columns(&self) -> &[&'a str] {
        &self.header
    }

    /// Returns the value of a column by position, `None` for NULL or past the end.
    pub fn at(&self, index: usize) -> Option<Cow<'a, str>> {
        match self.fields.get(index) {
            None | Some(&"\\N") => None,
            Some(field) => Some(unescape(field)),
        }
    }

    /// Returns the value of the named column, `None` for NULL or when there is no such column.
    pub fn get(&self, column: &str) -> Option<Cow<'a, str>> {
        self.at(self.header.iter().position(|name| *name == column)?)
    }

    /// Returns the named column as text, the empty string for NULL.
    pub fn text(&self, column: &str) -> Cow<'a, str> {
        self.get(column).unwrap_or(Cow::Borrowed(""))
    }

    /// Returns the named column parsed (oids, integers, floats), `None` for NULL or text that does not parse.
    pub fn parse<T: FromStr>(&self, column: &str) -> Option<T> {
        self.get(column)?.parse().ok()
    }

    /// Returns the named column as an oid, 0 for NULL.
    pub fn oid(&self, column: &str) -> u32 {
        self.parse(column).unwrap_or(0)
    }

    /// Returns the named column as an integer, 0 for NULL.
    pub fn int(&self, column: &str) -> i64 {
        self.parse(column).unwrap_or(0)
    }

    /// Returns the named boolean column, false for NULL.
    pub fn bool(&self, column: &str) -> bool {
        self.get(column).as_deref() == Some("t")
    }

    /// Returns the named `"char"` column, NUL for NULL or the empty string.
    pub fn char(&self, column: &str) -> char {
        self.get(column).and_then(|text| text.chars().next()).unwrap_or('\0')
    }

    /// Returns the named `oidvector`, `int2vector` or one-dimensional array of numbers as numbers; `None` for NULL.
    pub fn numbers<T: FromStr>(&self, column: &str) -> Option<Vec<T>> {
        let text = self.get(column)?;
        let words = text.trim_matches(['{', '}']).split([' ', ',']);
        Some(words.filter(|word| !word.is_empty()).filter_map(|word| word.parse().ok()).collect())
    }

    /// Returns the elements of the named one-dimensional array; `None` for NULL. Elements may be quoted.
    pub fn array(&self, column: &str) -> Option<Vec<String>> {
        let text = self.get(column)?;
        Some(array_elements(text.strip_prefix('{')?.strip_suffix('}')?))
    }
}

/// Walks the rows of a catalog file.
pub fn rows(file: &str) -> impl Iterator<Item = Row<'_>> {
    let mut lines = file.split_terminator('\n');
    let header: Arc<[&str]> = lines.next().unwrap_or_default().split('\t').collect();
    lines.map(move |line| Row { header: Arc::clone(&header), fields: line.split('\t').collect() })
}

/// Undoes COPY's backslash escapes (those that COPY TO writes).
fn unescape(field: &str) -> Cow<'_, str> {
    if !field.contains('\\') {
        return Cow::Borrowed(field);
    }
    let mut text = String::with_capacity(field.len());
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        text.push(match character {
            '\\' => match characters.next() {
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('v') => '\u{b}',
                Some(other) => other,
                None => '\\',
            },
            other => other,
        });
    }
    Cow::Owned(text)
}

/// Splits the inside of an array literal at its commas, undoing quotes.
fn array_elements(inside: &str) -> Vec<String> {
    let mut elements = Vec::new();
    if inside.is_empty() {
        return elements;
    }
    let mut element = String::new();
    let mut quoted = false;
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => quoted = !quoted,
            '\\' => element.extend(characters.next()),
            ',' if !quoted => elements.push(std::mem::take(&mut element)),
            other => element.push(other),
        }
    }
    elements.push(element);
    elements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_as_many_fields_as_its_header() {
        for (name, file) in ALL {
            for (line, row) in rows(file).enumerate() {
                assert_eq!(row.fields.len(), row.header.len(), "{name} line {}", line + 2);
            }
        }
        assert!(ALL.is_sorted_by_key(|(name, _)| name));
    }

    #[test]
    fn columns_read_by_name() {
        let int4pl = rows(PG_PROC).find(|row| row.text("proname") == "int4pl").unwrap();
        assert_eq!(int4pl.oid("oid"), 177);
        assert_eq!(int4pl.oid("prorettype"), 23);
        assert_eq!(int4pl.numbers::<u32>("proargtypes").unwrap(), [23, 23]);
        assert!(int4pl.bool("proisstrict"));
        assert_eq!(int4pl.char("provolatile"), 'i');
        assert_eq!(int4pl.get("proargnames"), None);
        assert_eq!(int4pl.get("no such column"), None);
        let plus = rows(PG_OPERATOR)
            .find(|row| row.text("oprname") == "+" && row.oid("oprleft") == 23 && row.oid("oprright") == 23)
            .unwrap();
        assert_eq!(plus.oid("oprcode"), 177);
    }

    #[test]
    fn defaults_and_array_names_are_text() {
        let function = rows(PG_PROC).find(|row| row.text("proname") == "make_interval").unwrap();
        assert_eq!(function.array("proargnames").unwrap()[..3], ["years", "months", "weeks"]);
        assert_eq!(function.int("pronargdefaults"), 7);
        assert!(function.text("proargdefaults").starts_with("0, 0, 0"));
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(unescape(r"a\\b\tc\n"), "a\\b\tc\n");
        assert_eq!(array_elements(r#"a,"b,c","d\"e",f"#), ["a", "b,c", "d\"e", "f"]);
        assert!(array_elements("").is_empty());
    }
}
