//! json_agg, jsonb_agg, json_object_agg and their strict and unique forms.

use std::collections::HashSet;
use std::sync::Arc;

use ecow::EcoString;
use types::errors::json as errors;
use types::io::IoContext;
use types::json::{Json, escape_string};
use types::{Datum, Result, TypeRef, oids};

use super::{RowAggregate, Signature};
use crate::functions::json::write::{key_text, to_jsonb, write_json};

/// How the aggregate of that name works; none for other names.
pub(super) fn create(signature: &Signature) -> Option<Box<dyn RowAggregate>> {
    let name = signature.name.as_str();
    let rest = name.strip_prefix("jsonb").or_else(|| name.strip_prefix("json"))?;
    let (objects, strict, unique) = match rest {
        "_agg" => (false, false, false),
        "_agg_strict" => (false, true, false),
        "_object_agg" => (true, false, false),
        "_object_agg_strict" => (true, true, false),
        "_object_agg_unique" => (true, false, true),
        "_object_agg_unique_strict" => (true, true, true),
        _ => return None,
    };
    let ty = |index: usize| signature.args.get(index).copied().unwrap_or(TypeRef::plain(0));
    let shared = Shared {
        io: signature.io.clone(),
        key: ty(0),
        value: ty(usize::from(objects)),
        strict,
        unique,
        objects,
        tree: name.starts_with("jsonb"),
    };
    Some(if shared.tree {
        Box::new(Tree { shared, items: None, fields: Vec::new(), seen: HashSet::new() })
    } else {
        Box::new(Text { shared, out: None, seen: HashSet::new() })
    })
}

/// What all forms know.
struct Shared {
    io: Arc<IoContext>,
    key: TypeRef,
    value: TypeRef,
    strict: bool,
    unique: bool,
    objects: bool,
    tree: bool,
}

impl Shared {
    /// Returns the value to add; none for a NULL that a strict form skips.
    fn value<'a>(&self, args: &'a [Datum]) -> Option<&'a Datum> {
        let value = args.get(usize::from(self.objects)).unwrap_or(&Datum::Null);
        (!(self.strict && value.is_null())).then_some(value)
    }
    fn key(&self, args: &[Datum]) -> Result<String> {
        match args.first() {
            None | Some(Datum::Null) if self.tree => Err(errors::misuse("field name must not be null")),
            None | Some(Datum::Null) => Err(errors::null_key()),
            Some(key) => key_text(key, self.key, &self.io)?.ok_or_else(errors::key_not_scalar),
        }
    }
}

/// The json forms: text as it is written.
struct Text {
    shared: Shared,
    out: Option<String>,
    seen: HashSet<String>,
}

impl Text {
    fn is_structured(&self) -> bool {
        let ty = self.shared.value.oid;
        ty == oids::RECORD || types::element_type(ty).is_some()
    }
}

impl RowAggregate for Text {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        let structured = self.is_structured();
        let first = self.out.is_none();
        if self.shared.objects {
            let key = self.shared.key(args)?;
            let out = self.out.get_or_insert_with(|| "{ ".to_string());
            let Some(value) = self.shared.value(args) else { return Ok(()) };
            let mut quoted = String::new();
            escape_string(&key, &mut quoted);
            if self.shared.unique && !self.seen.insert(quoted.clone()) {
                return Err(errors::duplicate_key(Some(&quoted)));
            }
            if out.len() > 2 {
                out.push_str(", ");
            }
            out.push_str(&quoted);
            out.push_str(" : ");
            return write_json(value, self.shared.value, &self.shared.io, out);
        }
        let out = self.out.get_or_insert_with(|| "[".to_string());
        let Some(value) = self.shared.value(args) else { return Ok(()) };
        if out.len() > 1 {
            out.push_str(", ");
        }
        if !first && structured && out.len() > 1 && !value.is_null() {
            out.push_str("\n ");
        }
        write_json(value, self.shared.value, &self.shared.io, out)
    }
    fn finish(&self) -> Result<Datum> {
        let end = if self.shared.objects { " }" } else { "]" };
        Ok(self.out.as_ref().map_or(Datum::Null, |out| Datum::text(format!("{out}{end}"))))
    }
    fn state(&self) -> Option<Vec<Datum>> {
        None
    }
    fn combine(&mut self, _state: &[Datum]) -> Result<()> {
        Ok(())
    }
}

/// The jsonb forms.
struct Tree {
    shared: Shared,
    /// None before the first row.
    items: Option<Vec<Json>>,
    fields: Vec<(EcoString, Json)>,
    seen: HashSet<String>,
}

impl RowAggregate for Tree {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        let items = self.items.get_or_insert_with(Vec::new);
        if !self.shared.objects {
            if let Some(value) = self.shared.value(args) {
                items.push(to_jsonb(value, self.shared.value, &self.shared.io)?);
            }
            return Ok(());
        }
        let key = self.shared.key(args)?;
        if self.shared.unique && !self.seen.insert(key.clone()) {
            return Err(errors::duplicate_key(None));
        }
        if let Some(value) = self.shared.value(args) {
            self.fields.push((key.into(), to_jsonb(value, self.shared.value, &self.shared.io)?));
        }
        Ok(())
    }
    fn finish(&self) -> Result<Datum> {
        Ok(match &self.items {
            None => Datum::Null,
            Some(_) if self.shared.objects => Datum::Json(Json::object(self.fields.clone()).into()),
            Some(items) => Datum::Json(Json::Array(items.clone()).into()),
        })
    }
    fn state(&self) -> Option<Vec<Datum>> {
        None
    }
    fn combine(&mut self, _state: &[Datum]) -> Result<()> {
        Ok(())
    }
}
