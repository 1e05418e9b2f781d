//! The text of views: relation names qualified and `*` written out when it is kept; names exchanged when what it is made
//! from is renamed.

use std::sync::Arc;

use executor::context::SessionAccess;
use types::{Oid, PgError, Result};

use crate::analyzer::{self, AnalyzerContext, Notes};
use crate::catalog::{Catalog, Relation, RelationKind};
use crate::session::Session;
use crate::session::settings::quote_identifier;

/// A change of a text: bytes from, to, and what stands there then.
type Edit = (usize, usize, String);

fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.0));
    let mut changed = text.to_owned();
    for (from, to, with) in edits {
        if changed.get(from..to).is_some() {
            changed.replace_range(from..to, &with);
        }
    }
    changed
}

/// Returns the end of an identifier that begins at `start`.
fn identifier_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = start;
    if bytes.get(at) == Some(&b'"') {
        at += 1;
        while let Some(byte) = bytes.get(at) {
            at += 1;
            if *byte == b'"' {
                if bytes.get(at) != Some(&b'"') {
                    break;
                }
                at += 1;
            }
        }
        return at;
    }
    while bytes
        .get(at)
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 128..))
    {
        at += 1;
    }
    at
}

fn skip_blank(text: &str, start: usize) -> usize {
    start + text[start..].len() - text[start..].trim_start().len()
}

/// Returns the end of a dotted name, and whether it has a dot.
fn name_end(text: &str, start: usize) -> (usize, bool) {
    let mut end = identifier_end(text, start);
    let mut dotted = false;
    loop {
        let dot = skip_blank(text, end);
        if text.as_bytes().get(dot) != Some(&b'.') {
            return (end, dotted);
        }
        dotted = true;
        end = identifier_end(text, skip_blank(text, dot + 1));
    }
}

/// Returns a view's query with names qualified and `*` written out. `offset`: where `text` begins in the statement.
pub(super) fn kept(text: &str, offset: usize, notes: &Notes, catalog: &Catalog) -> String {
    let mut edits: Vec<Edit> = Vec::new();
    for note in &notes.ranges {
        let (Some(at), Some(relation)) = (note.location.checked_sub(offset), catalog.relation(note.relation))
        else {
            continue;
        };
        if at < text.len() && !name_end(text, at).1 {
            let schema = catalog.schema_name(relation.schema).unwrap_or_default();
            edits.push((at, at, format!("{}.", quote_identifier(schema))));
        }
    }
    for (location, columns) in &notes.stars {
        let Some(at) = location.checked_sub(offset).filter(|at| *at < text.len()) else { continue };
        let star = text[at..].find('*').map(|star| at + star);
        if let Some(star) = star
            && !columns.is_empty()
        {
            edits.push((at, star + 1, columns.join(", ")));
        }
    }
    apply(text, edits)
}

/// Puts the new names of `new` into the text of every view that uses `old`.
///
/// # Errors
/// When a view's text does not analyze: a bug of ours.
pub(super) fn rename(
    session: &mut Session,
    old: &Relation,
    new: &Relation,
    schema_name: Option<&str>,
) -> Result<()> {
    let catalog = Arc::clone(&session.open()?.catalog);
    let mut changed = Vec::new();
    for view in catalog.relations.values() {
        if !view.uses.iter().any(|used| used.oid == old.oid) {
            continue;
        }
        let mut renamed = Relation::clone(view);
        match &mut renamed.kind {
            RelationKind::View { definition, .. } | RelationKind::Materialized { definition, .. } => {
                *definition = renamed_text(session, definition, old, new, schema_name)?.into();
            }
            RelationKind::Table
            | RelationKind::System
            | RelationKind::Sequence(_)
            | RelationKind::Composite => {}
        }
        changed.push(renamed);
    }
    session.change_catalog(|catalog| {
        changed.into_iter().for_each(|view| catalog.put_relation(Arc::new(view)));
        Ok(())
    })
}

fn renamed_text(
    session: &Session,
    definition: &str,
    old: &Relation,
    new: &Relation,
    schema_name: Option<&str>,
) -> Result<String> {
    let access = session.access()?;
    let context = AnalyzerContext {
        catalog: &access.catalog,
        search_path: &[],
        param_types: &[],
        fixed_params: true,
        io: access.io(),
    };
    let parsed = crate::parser::parse(definition)?;
    let node = &parsed.statements.first().ok_or_else(|| PgError::internal("a view of nothing"))?.node;
    let notes = analyzer::analyze(node, &context)?.notes;
    let schema = schema_name.or_else(|| access.catalog.schema_name(new.schema)).unwrap_or_default();
    let target = format!("{}.{}", quote_identifier(schema), quote_identifier(&new.name));
    let columns: Vec<(String, String)> = old
        .columns
        .iter()
        .zip(&new.columns)
        .map(|(old, new)| (quote_identifier(&old.name), quote_identifier(&new.name)))
        .collect();
    let same = columns.iter().all(|(old, new)| old == new);
    let edits = notes.ranges.iter().filter(|note| note.relation == old.oid).map(|note| {
        let (end, _) = name_end(definition, note.location);
        let mut with = if same {
            target.clone()
        } else {
            let items: Vec<String> = columns
                .iter()
                .map(|(old, new)| if old == new { old.clone() } else { format!("{new} AS {old}") })
                .collect();
            format!("(SELECT {} FROM {target})", items.join(", "))
        };
        if !note.has_alias && (!same || old.name != new.name) {
            with.push_str(&format!(" {}", quote_identifier(&old.name)));
        }
        (note.location, end, with)
    });
    Ok(apply(definition, edits.collect()))
}

/// Says whether anything uses a relation.
pub(super) fn is_used(catalog: &Catalog, oid: Oid) -> bool {
    catalog.relations.values().any(|relation| relation.uses.iter().any(|used| used.oid == oid))
}
