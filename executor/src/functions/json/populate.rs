//! JSON to records: `*_to_record`, `*_populate_record` and the sets of them. A function in FROM with a column
//! list gets a record with these columns as its last argument.

use std::sync::Arc;

use ecow::EcoString;
use types::errors::json as errors;
use types::io::text_input;
use types::json::{Json, Node, NodeKind};
use types::{ArrayValue, Datum, RecordValue, Result, TypeRef, oids};

use super::{json, jsonb};
use crate::functions::{CallContext, FunctionEntry, row, set};

/// A value of either type.
enum Value<'a> {
    Text(Node<'a>),
    Tree(&'a Json),
}

impl<'a> Value<'a> {
    fn is_null(&self) -> bool {
        match self {
            Self::Text(node) => matches!(node.kind, NodeKind::Null),
            Self::Tree(value) => matches!(value, Json::Null),
        }
    }
    fn items(&self) -> Option<Vec<Value<'a>>> {
        match self {
            Self::Text(Node { kind: NodeKind::Array(items), .. }) => {
                Some(items.iter().cloned().map(Value::Text).collect())
            }
            Self::Tree(Json::Array(items)) => Some(items.iter().map(Value::Tree).collect()),
            Self::Text(_) | Self::Tree(_) => None,
        }
    }
    fn field(&self, key: &str) -> Option<Value<'a>> {
        match self {
            Self::Text(Node { kind: NodeKind::Object(fields), .. }) => {
                fields.iter().rev().find(|(name, _)| name == key).map(|(_, node)| Value::Text(node.clone()))
            }
            Self::Tree(value) => value.get(key).map(Value::Tree),
            Self::Text(_) => None,
        }
    }
    fn is_object(&self) -> bool {
        matches!(self, Self::Text(Node { kind: NodeKind::Object(_), .. }) | Self::Tree(Json::Object(_)))
    }
    fn is_string(&self) -> bool {
        matches!(self, Self::Text(Node { kind: NodeKind::String(_), .. }) | Self::Tree(Json::String(_)))
    }
    /// The text for an input function: strings bare.
    fn text(&self) -> String {
        match self {
            Self::Text(node) => node.as_text().unwrap_or("null").to_string(),
            Self::Tree(value) => value.as_text().map_or("null".to_string(), |text| text.to_string()),
        }
    }
    fn as_json(&self) -> String {
        match self {
            Self::Text(node) => node.text.to_string(),
            Self::Tree(value) => value.to_text(),
        }
    }
    fn as_jsonb(&self) -> Result<Json> {
        match self {
            Self::Text(node) => Json::from_node(node),
            Self::Tree(value) => Ok((*value).clone()),
        }
    }
}

/// Converts a value to a field's type (`populate_record_field`).
fn convert(value: &Value<'_>, ty: TypeRef, name: &str, call: &CallContext<'_>) -> Result<Datum> {
    match ty.oid {
        oids::JSON => return Ok(Datum::text(value.as_json())),
        oids::JSONB => return Ok(Datum::Json(value.as_jsonb()?.into())),
        _ => {}
    }
    if value.is_null() {
        return Ok(Datum::Null);
    }
    let element =
        types::element_type(ty.oid).filter(|_| !matches!(ty.oid, oids::INT2VECTOR | oids::OIDVECTOR));
    if let Some(element) = element
        && !value.is_string()
    {
        return convert_array(value, element, ty.typmod, name, call);
    }
    text_input(ty.oid, ty.typmod, &value.text(), call.query.session.io())
}

/// Reads nested JSON arrays.
struct ArrayReader<'a, 'b> {
    element: TypeRef,
    name: &'a str,
    call: &'a CallContext<'b>,
    lengths: Vec<i32>,
    elements: Vec<Datum>,
}

impl ArrayReader<'_, '_> {
    fn place(&self, subscripts: &[usize]) -> String {
        if subscripts.is_empty() {
            return format!("key \"{}\"", self.name);
        }
        let shown: String = subscripts.iter().map(|index| format!("[{index}]")).collect();
        format!("array element {shown} of key \"{}\"", self.name)
    }
    fn read(&mut self, items: Vec<Value<'_>>, subscripts: &mut Vec<usize>) -> Result<()> {
        let depth = subscripts.len();
        let length = items.len() as i32;
        match self.lengths.get(depth) {
            None => self.lengths.push(length),
            Some(known) if *known == length => {}
            Some(_) => return Err(errors::malformed_array()),
        }
        let known_depth = (!self.elements.is_empty()).then_some(self.lengths.len());
        for (index, item) in items.into_iter().enumerate() {
            subscripts.push(index);
            let nested = item.items().filter(|_| !matches!(self.element.oid, oids::JSON | oids::JSONB));
            match nested {
                Some(inner) if known_depth.is_none_or(|known| known > depth + 1) => {
                    self.read(inner, subscripts)?
                }
                Some(_) => return Err(errors::malformed_array()),
                None if self.lengths.len() > depth + 1 => {
                    let place = self.place(subscripts);
                    return Err(errors::expected_array(&place));
                }
                None => self.elements.push(convert(&item, self.element, self.name, self.call)?),
            }
            subscripts.pop();
        }
        Ok(())
    }
}

fn convert_array(
    value: &Value<'_>,
    element: u32,
    typmod: i32,
    name: &str,
    call: &CallContext<'_>,
) -> Result<Datum> {
    let element = TypeRef::plain(element).with_typmod(typmod);
    let mut reader = ArrayReader { element, name, call, lengths: Vec::new(), elements: Vec::new() };
    let Some(items) = value.items() else { return Err(errors::expected_array(&reader.place(&[]))) };
    reader.read(items, &mut Vec::new())?;
    let dimensions = if reader.elements.is_empty() {
        Vec::new()
    } else {
        reader.lengths.iter().map(|length| (*length, 1)).collect()
    };
    Ok(Datum::Array(Arc::new(ArrayValue {
        element_type: element.oid,
        dimensions,
        elements: reader.elements,
    })))
}

type Columns = Arc<[(EcoString, TypeRef)]>;

/// Fills a record with the fields of an object; what the object lacks comes from `base`.
fn fill(
    value: &Value<'_>,
    columns: &Columns,
    base: Option<&RecordValue>,
    row_type: u32,
    call: &CallContext<'_>,
) -> Result<RecordValue> {
    if !value.is_object() {
        let what = if value.items().is_some() { "an array" } else { "a scalar" };
        return Err(errors::misuse(format!("cannot call populate_composite on {what}")));
    }
    let mut fields = Vec::with_capacity(columns.len());
    for (index, (name, ty)) in columns.iter().enumerate() {
        fields.push(match value.field(name) {
            Some(found) => convert(&found, *ty, name, call)?,
            None => base.and_then(|base| base.fields.get(index)).cloned().unwrap_or_default(),
        });
    }
    Ok(RecordValue { row_type, columns: columns.clone(), fields })
}

/// Returns the record among the arguments that says what to return, and whether it is the base.
fn template<'a>(args: &'a [Datum], populate: bool, function: &str) -> Result<&'a RecordValue> {
    let base = if populate { args.first() } else { None };
    match (args.last(), base) {
        (Some(Datum::Record(record)), _) | (_, Some(Datum::Record(record))) => Ok(record),
        _ => Err(errors::unknown_row_type(function)),
    }
}

fn source(args: &[Datum], index: usize, tree: bool) -> Result<Option<Value<'_>>> {
    match args.get(index) {
        None | Some(Datum::Null) => Ok(None),
        Some(_) if tree => Ok(Some(Value::Tree(jsonb(args, index)?))),
        Some(_) => Ok(Some(Value::Text(json(args, index)?))),
    }
}

fn one(args: &[Datum], call: &CallContext<'_>, tree: bool, populate: bool, function: &str) -> Result<Datum> {
    let record = template(args, populate, function)?;
    let base = populate.then_some(record);
    match source(args, usize::from(populate), tree)? {
        Some(value) => Ok(Datum::Record(fill(&value, &record.columns, base, record.row_type, call)?.into())),
        None => Ok(args.first().filter(|_| populate).cloned().unwrap_or_default()),
    }
}

fn many(
    args: &[Datum],
    call: &CallContext<'_>,
    tree: bool,
    populate: bool,
    function: &str,
) -> Result<Vec<Vec<Datum>>> {
    let record = template(args, populate, function)?;
    let base = populate.then_some(record);
    let Some(value) = source(args, usize::from(populate), tree)? else { return Ok(Vec::new()) };
    let Some(items) = value.items() else {
        let what = match (value.is_object(), tree) {
            (true, false) => "an object",
            (false, false) => "a scalar",
            (_, true) => "a non-array",
        };
        return Err(errors::misuse(format!("cannot call {function} on {what}")));
    };
    let mut rows = Vec::with_capacity(items.len());
    for item in items {
        if !item.is_object() {
            return Err(errors::misuse(format!("argument of {function} must be an array of objects")));
        }
        rows.push(fill(&item, &record.columns, base, record.row_type, call)?.fields);
    }
    Ok(rows)
}

macro_rules! record {
    ($name:literal, $tree:literal, $populate:literal) => {
        row($name, |args, call| one(args, call, $tree, $populate, $name))
    };
}

macro_rules! records {
    ($name:literal, $tree:literal, $populate:literal) => {
        set($name, |args, call| many(args, call, $tree, $populate, $name))
    };
}

/// Sorted by `prosrc`.
pub(in crate::functions) const TABLE: &[FunctionEntry] = &[
    record!("json_populate_record", false, true),
    records!("json_populate_recordset", false, true),
    record!("json_to_record", false, false),
    records!("json_to_recordset", false, false),
    record!("jsonb_populate_record", true, true),
    records!("jsonb_populate_recordset", true, true),
    record!("jsonb_to_record", true, false),
    records!("jsonb_to_recordset", true, false),
];
