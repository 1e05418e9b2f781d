//! SQL/JSON: constructors, IS JSON, and the query functions. They become calls of bodies that have no row in
//! `pg_proc`; JSON_OBJECTAGG and JSON_ARRAYAGG become calls of the aggregates that PostgreSQL has for them.

use executor::expr::{Expr, ExprKind, FunctionRef, Volatility};
use pg_query::NodeEnum;
use pg_query::protobuf::{
    FuncCall, JsonAggConstructor, JsonArrayAgg, JsonArrayConstructor, JsonBehavior, JsonBehaviorType,
    JsonExprOp, JsonFormat, JsonFormatType, JsonFuncExpr, JsonIsPredicate, JsonObjectAgg,
    JsonObjectConstructor, JsonOutput, JsonParseExpr, JsonQuotes, JsonScalarExpr, JsonSerializeExpr,
    JsonValueExpr, JsonValueType, JsonWrapper, Node,
};
use types::{Datum, PgError, Result, SqlState, TypeRef, oids};

use super::coerce::plain;
use super::raw;
use super::state::{Analyzer, Location, at, error, unsupported};
use crate::catalog::builtin::CastContext;
use crate::catalog::type_names::type_name;

/// Returns a call of a body without a row in `pg_proc`.
fn body(prosrc: &str, name: &str, strict: bool, args: Vec<Expr>, ty: TypeRef) -> Expr {
    let function = FunctionRef {
        oid: 0,
        prosrc: prosrc.into(),
        name: name.into(),
        strict,
        volatility: Volatility::Stable,
    };
    Expr { kind: ExprKind::Call { function, args, input_collation: 0 }, ty }
}

fn text_constant(text: impl Into<String>) -> Expr {
    Expr::constant(Datum::text(text.into()), plain(oids::TEXT))
}

fn is_json_format(format: &Option<JsonFormat>) -> bool {
    format.as_ref().is_some_and(|format| format.format_type == JsonFormatType::JsFormatJson as i32)
}

impl Analyzer<'_> {
    /// Analyzes the SQL/JSON expressions; none for other nodes.
    pub(super) fn json_expr(&mut self, node: &NodeEnum) -> Result<Option<Expr>> {
        Ok(Some(match node {
            NodeEnum::JsonObjectConstructor(made) => self.json_object(made)?,
            NodeEnum::JsonArrayConstructor(made) => self.json_array(made)?,
            NodeEnum::JsonScalarExpr(scalar) => self.json_scalar(scalar)?,
            NodeEnum::JsonParseExpr(parsed) => self.json_parse(parsed)?,
            NodeEnum::JsonSerializeExpr(written) => self.json_serialize(written)?,
            NodeEnum::JsonIsPredicate(test) => self.is_json(test)?,
            NodeEnum::JsonFuncExpr(call) => self.json_function(call)?,
            NodeEnum::JsonObjectAgg(call) => self.json_object_agg(call)?,
            NodeEnum::JsonArrayAgg(call) => self.json_array_agg(call)?,
            _ => return Ok(None),
        }))
    }

    /// Analyzes a value with its FORMAT.
    fn json_value(&mut self, value: &Option<Box<JsonValueExpr>>) -> Result<Expr> {
        let value = value.as_ref().ok_or_else(|| PgError::internal("a JSON value that is missing"))?;
        let node =
            raw::inner(&value.raw_expr).ok_or_else(|| PgError::internal("a JSON value that is missing"))?;
        let location = raw::location(node);
        let expr = self.expr(node)?;
        let expr = self.resolved(expr, location)?;
        if is_json_format(&value.format) && !matches!(expr.ty.oid, oids::JSON | oids::JSONB) {
            return self.coerce(expr, oids::JSON, -1, CastContext::Explicit, location);
        }
        Ok(expr)
    }

    /// Returns the RETURNING type, or `default`.
    fn json_output(&mut self, output: &Option<JsonOutput>, default: u32) -> Result<TypeRef> {
        match output.as_ref().and_then(|output| output.type_name.as_ref()) {
            Some(name) => super::typename::resolve(self.context, name),
            None => Ok(plain(default)),
        }
    }

    /// Converts a constructor's json or jsonb to what RETURNING asks for.
    fn json_returned(&mut self, made: Expr, wanted: TypeRef, location: Location) -> Result<Expr> {
        if made.ty.oid == wanted.oid {
            return Ok(made);
        }
        match self.coerce_to_target(made, wanted, CastContext::Explicit, location)? {
            Some(expr) => Ok(expr),
            None => {
                let message = format!("cannot cast type json to {}", type_name(wanted.oid));
                Err(error(SqlState::CANNOT_COERCE, message, location))
            }
        }
    }

    fn json_object(&mut self, made: &JsonObjectConstructor) -> Result<Expr> {
        let wanted = self.json_output(&made.output, oids::JSON)?;
        let base = if wanted.oid == oids::JSONB { oids::JSONB } else { oids::JSON };
        let flags =
            format!("{}{}", if made.absent_on_null { "a" } else { "" }, if made.unique { "u" } else { "" });
        let mut args = vec![text_constant(flags)];
        for node in &made.exprs {
            let Some(NodeEnum::JsonKeyValue(pair)) = &node.node else { continue };
            let key = raw::inner(&pair.key).ok_or_else(|| PgError::internal("a key that is missing"))?;
            let location = raw::location(key);
            let key = self.expr(key)?;
            args.push(self.resolved(key, location)?);
            args.push(self.json_value(&pair.value)?);
        }
        let prosrc = if base == oids::JSONB { "jsonb_object_constructor" } else { "json_object_constructor" };
        let call = body(prosrc, "JSON_OBJECT", false, args, plain(base));
        self.json_returned(call, wanted, at(made.location))
    }

    fn json_array(&mut self, made: &JsonArrayConstructor) -> Result<Expr> {
        let wanted = self.json_output(&made.output, oids::JSON)?;
        let base = if wanted.oid == oids::JSONB { oids::JSONB } else { oids::JSON };
        let mut args = vec![text_constant(if made.absent_on_null { "a" } else { "" })];
        for node in &made.exprs {
            let Some(NodeEnum::JsonValueExpr(value)) = &node.node else { continue };
            args.push(self.json_value(&Some(value.clone()))?);
        }
        let prosrc = if base == oids::JSONB { "jsonb_array_constructor" } else { "json_array_constructor" };
        let call = body(prosrc, "JSON_ARRAY", false, args, plain(base));
        self.json_returned(call, wanted, at(made.location))
    }

    fn json_scalar(&mut self, scalar: &JsonScalarExpr) -> Result<Expr> {
        let (value, location) = self.operand(&scalar.expr)?;
        let value = self.resolved(value, location)?;
        Ok(body("to_json", "JSON_SCALAR", true, vec![value], plain(oids::JSON)))
    }

    fn json_parse(&mut self, parsed: &JsonParseExpr) -> Result<Expr> {
        let location = at(parsed.location);
        let value = self.json_value(&parsed.expr)?;
        let value = if value.ty.oid == oids::BYTEA {
            return Err(unsupported("JSON() of bytea", location));
        } else if value.ty.oid == oids::JSON && !parsed.unique_keys {
            return Ok(value);
        } else {
            self.coerce(value, oids::TEXT, -1, CastContext::Explicit, location)?
        };
        let flags = text_constant(if parsed.unique_keys { "u" } else { "" });
        Ok(body("json_parse", "JSON", true, vec![value, flags], plain(oids::JSON)))
    }

    fn json_serialize(&mut self, written: &JsonSerializeExpr) -> Result<Expr> {
        let location = at(written.location);
        let wanted = self.json_output(&written.output, oids::TEXT)?;
        let value = self.json_value(&written.expr)?;
        let value = if matches!(value.ty.oid, oids::JSON | oids::JSONB) {
            value
        } else {
            self.coerce(value, oids::JSON, -1, CastContext::Explicit, location)?
        };
        if wanted.oid == oids::BYTEA {
            return Err(unsupported("JSON_SERIALIZE to bytea", location));
        }
        self.json_returned(value, wanted, location)
    }

    fn is_json(&mut self, test: &JsonIsPredicate) -> Result<Expr> {
        let (value, location) = self.operand(&test.expr)?;
        let value = self.resolved(value, location)?;
        let kind = match JsonValueType::try_from(test.item_type).unwrap_or(JsonValueType::JsTypeAny) {
            JsonValueType::JsTypeObject => "o",
            JsonValueType::JsTypeArray => "a",
            JsonValueType::JsTypeScalar => "s",
            JsonValueType::JsTypeAny | JsonValueType::Undefined => "",
        };
        let flags = format!("{kind}{}", if test.unique_keys { "u" } else { "" });
        let value = match value.ty.oid {
            oids::JSON | oids::JSONB | oids::TEXT => value,
            oids::VARCHAR | oids::BPCHAR | oids::NAME => {
                self.coerce(value, oids::TEXT, -1, CastContext::Explicit, location)?
            }
            oids::BYTEA => return Err(unsupported("IS JSON of bytea", location)),
            other => {
                let message = format!("cannot use type {} in IS JSON predicate", type_name(other));
                return Err(error(SqlState::DATATYPE_MISMATCH, message, None));
            }
        };
        Ok(body("is_json", "IS JSON", true, vec![value, text_constant(flags)], plain(oids::BOOL)))
    }

    /// JSON_EXISTS, JSON_VALUE, JSON_QUERY: context, path, variables, options, defaults.
    fn json_function(&mut self, call: &JsonFuncExpr) -> Result<Expr> {
        let location = at(call.location);
        let op = JsonExprOp::try_from(call.op).unwrap_or(JsonExprOp::Undefined);
        let (prosrc, name, default) = match op {
            JsonExprOp::JsonExistsOp => ("json_exists", "JSON_EXISTS", oids::BOOL),
            JsonExprOp::JsonQueryOp => ("json_query", "JSON_QUERY", oids::JSONB),
            JsonExprOp::JsonValueOp => ("json_value", "JSON_VALUE", oids::TEXT),
            JsonExprOp::JsonTableOp | JsonExprOp::Undefined => {
                return Err(unsupported("JSON_TABLE", location));
            }
        };
        let context = self.json_value(&call.context_item)?;
        let context = self.coerce(context, oids::JSONB, -1, CastContext::Explicit, location)?;
        let (path, path_at) = self.operand(&call.pathspec)?;
        let path = self.coerce(path, oids::JSONPATH, -1, CastContext::Explicit, path_at)?;
        let wanted = self.json_output(&call.output, default)?;
        let mut vars = vec![text_constant("")];
        for node in &call.passing {
            let Some(NodeEnum::JsonArgument(argument)) = &node.node else { continue };
            vars.push(text_constant(argument.name.clone()));
            vars.push(self.json_value(&argument.val)?);
        }
        let vars = body("jsonb_object_constructor", "PASSING", false, vars, plain(oids::JSONB));
        let wrapper = match JsonWrapper::try_from(call.wrapper).unwrap_or(JsonWrapper::Undefined) {
            JsonWrapper::JswConditional => "c",
            JsonWrapper::JswUnconditional => "w",
            JsonWrapper::JswUnspec | JsonWrapper::JswNone | JsonWrapper::Undefined => "n",
        };
        let omit = call.quotes == JsonQuotes::JsQuotesOmit as i32;
        let options = format!(
            "{wrapper}{}{}{}",
            if omit { "o" } else { "k" },
            behavior(&call.on_empty),
            behavior(&call.on_error)
        );
        let on_empty = self.json_default(&call.on_empty, wanted)?;
        let on_error = self.json_default(&call.on_error, wanted)?;
        let column = text_constant(call.column_name.clone());
        let args = vec![context, path, vars, text_constant(options), on_empty, on_error, column];
        Ok(body(prosrc, name, false, args, wanted))
    }

    fn json_default(&mut self, behavior: &Option<Box<JsonBehavior>>, wanted: TypeRef) -> Result<Expr> {
        let node = behavior.as_ref().and_then(|behavior| raw::inner(&behavior.expr));
        let Some(node) = node else { return Ok(Expr::constant(Datum::Null, wanted)) };
        let location = raw::location(node);
        let value = self.expr(node)?;
        let source = value.ty.oid;
        match self.coerce_to_target(value, wanted, CastContext::Explicit, location)? {
            Some(value) => Ok(value),
            None => {
                let message = format!("cannot cast type {} to {}", type_name(source), type_name(wanted.oid));
                Err(error(SqlState::CANNOT_COERCE, message, location))
            }
        }
    }

    fn json_object_agg(&mut self, call: &JsonObjectAgg) -> Result<Expr> {
        let pair = call.arg.as_ref().ok_or_else(|| PgError::internal("an aggregate without arguments"))?;
        let value = pair.value.as_ref().and_then(|value| value.raw_expr.clone());
        let args = [pair.key.clone(), value].into_iter().flatten().map(|node| *node).collect();
        let suffix = match (call.unique, call.absent_on_null) {
            (false, false) => "",
            (false, true) => "_strict",
            (true, false) => "_unique",
            (true, true) => "_unique_strict",
        };
        self.json_aggregate(&call.constructor, "object_agg", suffix, args)
    }

    fn json_array_agg(&mut self, call: &JsonArrayAgg) -> Result<Expr> {
        let value = call.arg.as_ref().and_then(|value| value.raw_expr.clone());
        let args = value.into_iter().map(|node| *node).collect();
        let suffix = if call.absent_on_null { "_strict" } else { "" };
        self.json_aggregate(&call.constructor, "agg", suffix, args)
    }

    fn json_aggregate(
        &mut self,
        constructor: &Option<Box<JsonAggConstructor>>,
        kind: &str,
        suffix: &str,
        args: Vec<Node>,
    ) -> Result<Expr> {
        let constructor =
            constructor.as_ref().ok_or_else(|| PgError::internal("an aggregate without its clauses"))?;
        let wanted = self.json_output(&constructor.output, oids::JSON)?;
        let base = if wanted.oid == oids::JSONB { "jsonb" } else { "json" };
        let word =
            |text: String| Node { node: Some(NodeEnum::String(pg_query::protobuf::String { sval: text })) };
        let call = FuncCall {
            funcname: vec![word("pg_catalog".into()), word(format!("{base}_{kind}{suffix}"))],
            args,
            agg_order: constructor.agg_order.clone(),
            agg_filter: constructor.agg_filter.clone(),
            over: constructor.over.clone(),
            location: constructor.location,
            ..FuncCall::default()
        };
        let made = self.func_call(&call)?;
        self.json_returned(made, wanted, at(constructor.location))
    }
}

/// Returns the letter of an ON EMPTY or ON ERROR clause; `-` for none.
fn behavior(behavior: &Option<Box<JsonBehavior>>) -> &'static str {
    let Some(behavior) = behavior else { return "-" };
    match JsonBehaviorType::try_from(behavior.btype).unwrap_or(JsonBehaviorType::Undefined) {
        JsonBehaviorType::JsonBehaviorNull => "n",
        JsonBehaviorType::JsonBehaviorError => "e",
        JsonBehaviorType::JsonBehaviorTrue => "t",
        JsonBehaviorType::JsonBehaviorFalse => "f",
        JsonBehaviorType::JsonBehaviorUnknown => "u",
        JsonBehaviorType::JsonBehaviorEmpty | JsonBehaviorType::JsonBehaviorEmptyArray => "a",
        JsonBehaviorType::JsonBehaviorEmptyObject => "o",
        JsonBehaviorType::JsonBehaviorDefault => "d",
        JsonBehaviorType::Undefined => "-",
    }
}
