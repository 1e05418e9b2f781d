//! Array constructors, subscripts and fields.

use ecow::{EcoString, eco_format};
use executor::expr::{Expr, ExprKind};
use pg_query::NodeEnum;
use pg_query::protobuf::AIndirection;
use types::oids;
use types::{Datum, Result, SqlState, TypeRef};

use super::coerce::{base_type, element_type, plain};
use super::raw;
use super::state::{Analyzer, Location, at, error, unsupported};
use crate::catalog::builtin::{CastContext, builtin};
use crate::catalog::type_names::type_name;

impl Analyzer<'_> {
    /// ARRAY[...]; `target` is the array type that a cast around it asks for.
    pub(super) fn array(
        &mut self,
        array: &pg_query::protobuf::AArrayExpr,
        target: Option<types::Oid>,
    ) -> Result<Expr> {
        let location = at(array.location);
        let mut items = Vec::with_capacity(array.elements.len());
        let mut nested = false;
        for node in array.elements.iter().filter_map(|element| element.node.as_ref()) {
            let expr = match node {
                NodeEnum::AArrayExpr(inner) => {
                    nested = true;
                    self.array(inner, target)?
                }
                node => self.expr(node)?,
            };
            nested |= element_type(expr.ty.oid) != 0 && target.is_none_or(|target| expr.ty.oid == target);
            items.push((expr, raw::location(node)));
        }
        if let Some(target) = target {
            let item = if nested { target } else { element_type(target) };
            let mut elements = Vec::with_capacity(items.len());
            for (expr, at) in items {
                let source = expr.ty.oid;
                let converted = self.coerce_to_target(expr, plain(item), CastContext::Explicit, at)?;
                elements.push(converted.ok_or_else(|| {
                    let message = format!("cannot cast type {} to {}", type_name(source), type_name(item));
                    error(SqlState::CANNOT_COERCE, message, at)
                })?);
            }
            let kind = ExprKind::Array { elements, element_type: element_type(target) };
            return Ok(Expr { kind, ty: plain(target) });
        }
        if items.is_empty() {
            return Err(error(
                SqlState::INDETERMINATE_DATATYPE,
                "cannot determine type of empty array",
                location,
            )
            .with_hint("Explicitly cast to the desired type, for example ARRAY[]::integer[]."));
        }
        let (elements, ty) = self.to_common(items, "ARRAY")?;
        let inner = element_type(ty.oid);
        let (array_oid, bottom) =
            if inner != 0 { (ty.oid, inner) } else { (super::coerce::array_type(base_type(ty.oid)), ty.oid) };
        if array_oid == 0 {
            let message = format!("could not find array type for data type {}", type_name(ty.oid));
            return Err(error(SqlState::UNDEFINED_OBJECT, message, location));
        }
        let kind = ExprKind::Array { elements, element_type: bottom };
        Ok(Expr { kind, ty: TypeRef { oid: array_oid, typmod: ty.typmod, collation: ty.collation } })
    }

    /// `value[subscript].field`.
    pub(super) fn indirection(&mut self, indirection: &AIndirection) -> Result<Expr> {
        let node = raw::inner(&indirection.arg);
        let location = node.and_then(raw::location);
        let mut value = self.child(&indirection.arg)?;
        let mut position = 0;
        while let Some(step) = indirection.indirection.get(position).and_then(|step| step.node.as_ref()) {
            match step {
                NodeEnum::AIndices(_) => {
                    let run = indirection.indirection[position..]
                        .iter()
                        .take_while(|step| matches!(step.node, Some(NodeEnum::AIndices(_))))
                        .count();
                    value =
                        self.subscript(value, &indirection.indirection[position..position + run], location)?;
                    position += run;
                }
                NodeEnum::String(field) => {
                    value = self.field(value, &field.sval, location)?;
                    position += 1;
                }
                _ => return Err(unsupported("row expansion via \"*\" here", location)),
            }
        }
        Ok(value)
    }

    fn subscript(
        &mut self,
        value: Expr,
        steps: &[pg_query::protobuf::Node],
        location: Location,
    ) -> Result<Expr> {
        let value = self.resolved(value, location)?;
        if value.ty.oid == oids::JSONB {
            return self.jsonb_subscript(value, steps);
        }
        let element = type_subscript(value.ty.oid);
        let Some(element) = element else {
            let message = format!(
                "cannot subscript type {} because it does not support subscripting",
                type_name(value.ty.oid)
            );
            return Err(error(SqlState::DATATYPE_MISMATCH, message, location));
        };
        let slice = steps
            .iter()
            .any(|step| matches!(&step.node, Some(NodeEnum::AIndices(indices)) if indices.is_slice));
        let mut subscripts = Vec::with_capacity(steps.len());
        for step in steps {
            let Some(NodeEnum::AIndices(indices)) = &step.node else { continue };
            let lower = self.subscript_bound(&indices.lidx)?;
            let upper = self.subscript_bound(&indices.uidx)?;
            let lower = if slice && !indices.is_slice {
                Some(Expr::constant(Datum::I32(1), plain(oids::INT4)))
            } else {
                lower
            };
            subscripts.push((lower, upper));
        }
        let mut ty = if slice { value.ty } else { plain(element).with_typmod(value.ty.typmod) };
        if ty.collation != 0 {
            ty.collation = value.ty.collation.max(ty.collation);
        }
        Ok(Expr { kind: ExprKind::Subscript { array: Box::new(value), subscripts, slice }, ty })
    }

    pub(super) fn subscript_bound(
        &mut self,
        node: &Option<Box<pg_query::protobuf::Node>>,
    ) -> Result<Option<Expr>> {
        let Some(node) = raw::inner(node) else { return Ok(None) };
        let location = raw::location(node);
        let expr = self.expr(node)?;
        let converted = self.coerce_to_target(expr, plain(oids::INT4), CastContext::Assignment, location)?;
        let message = "array subscript must have type integer";
        converted.map(Some).ok_or_else(|| error(SqlState::DATATYPE_MISMATCH, message, location))
    }

    fn field(&mut self, value: Expr, name: &str, location: Location) -> Result<Expr> {
        let found = self.row_columns(&value).and_then(|columns| {
            let index = columns.iter().position(|(column, _)| column == name)?;
            Some((u32::try_from(index).ok()?, columns[index].1))
        });
        if let Some((index, ty)) = found {
            return Ok(Expr { kind: ExprKind::Field { arg: Box::new(value), index }, ty });
        }
        if value.ty.oid == oids::RECORD {
            let message = format!("could not identify column \"{name}\" in record data type");
            return Err(error(SqlState::UNDEFINED_COLUMN, message, location));
        }
        let message = format!(
            "column notation .{name} applied to type {}, which is not a composite type",
            type_name(value.ty.oid)
        );
        Err(error(SqlState::WRONG_OBJECT_TYPE, message, location))
    }

    /// Returns names and types of the fields of a composite value, where they are known.
    pub(super) fn row_columns(&self, value: &Expr) -> Option<Vec<(EcoString, TypeRef)>> {
        let named = |oid: types::Oid| {
            let relation = builtin().type_by_oid(oid).and_then(|ty| builtin().relation(ty.relation))?;
            Some(relation.columns.iter().map(|column| (column.name.clone(), column.ty)).collect())
        };
        match &value.kind {
            ExprKind::Row(fields, names) => {
                let name =
                    |index: usize| names.get(index).cloned().unwrap_or_else(|| eco_format!("f{}", index + 1));
                Some(fields.iter().enumerate().map(|(index, field)| (name(index), field.ty)).collect())
            }
            ExprKind::Call { function, args, .. } | ExprKind::SetCall { function, args, .. } => {
                let columns = builtin().function(function.oid)?.output_columns();
                if columns.is_empty() {
                    return named(value.ty.oid);
                }
                // A polymorphic column follows the first argument, an array.
                let array = args.first().map_or(0, |arg| arg.ty.oid);
                let bound = |ty: types::Oid| match ty {
                    oids::ANYELEMENT => types::element_type(array).unwrap_or(ty),
                    oids::ANYARRAY => array,
                    ty => ty,
                };
                Some(columns.into_iter().map(|(name, ty)| (name, plain(bound(ty)))).collect())
            }
            ExprKind::Column(id) if value.ty.oid == oids::RECORD => self.records.get(id).cloned(),
            _ => named(value.ty.oid),
        }
    }

    /// Expands `(value).*`: each field with its name.
    pub(super) fn expand_value(&mut self, indirection: &AIndirection) -> Result<Vec<(EcoString, Expr)>> {
        let mut inner = indirection.clone();
        inner.indirection.pop();
        let location = raw::inner(&indirection.arg).and_then(raw::location);
        let value = self.indirection(&inner)?;
        let Some(columns) = self.row_columns(&value) else {
            let message = format!("type {} is not composite", type_name(value.ty.oid));
            return Err(error(SqlState::WRONG_OBJECT_TYPE, message, location));
        };
        let field = |(index, (name, ty)): (u32, (EcoString, TypeRef))| {
            (name, Expr { kind: ExprKind::Field { arg: Box::new(value.clone()), index }, ty })
        };
        Ok((0_u32..).zip(columns).map(field).collect())
    }

    /// `jsonb[subscript]`: the same as `#>` with the subscripts as text.
    fn jsonb_subscript(&mut self, value: Expr, steps: &[pg_query::protobuf::Node]) -> Result<Expr> {
        let (path, _) = self.jsonb_path(steps)?;
        let kind = ExprKind::Array { elements: path, element_type: oids::TEXT };
        let path = Expr { kind, ty: plain(oids::TEXT_ARRAY) };
        let function = builtin()
            .functions_by_name("jsonb_extract_path")
            .next()
            .ok_or_else(|| types::PgError::internal("no function jsonb_extract_path"))?;
        Ok(self.call(function.reference(function.name.clone()), vec![value, path], oids::JSONB))
    }

    /// Returns jsonb's subscripts as text, and whether the first is an integer (`jsonb_subscript_transform`).
    pub(super) fn jsonb_path(&mut self, steps: &[pg_query::protobuf::Node]) -> Result<(Vec<Expr>, bool)> {
        let mut path = Vec::with_capacity(steps.len());
        let mut first_is_integer = false;
        for step in steps {
            let Some(NodeEnum::AIndices(indices)) = &step.node else { continue };
            if indices.is_slice {
                let message = "jsonb subscript does not support slices";
                let bound = raw::inner(&indices.uidx).or_else(|| raw::inner(&indices.lidx));
                return Err(error(SqlState::DATATYPE_MISMATCH, message, bound.and_then(raw::location)));
            }
            let Some(node) = raw::inner(&indices.uidx) else { continue };
            let at = raw::location(node);
            let index = self.expr(node)?;
            let (source, target) = (index.ty.oid, plain(oids::TEXT));
            let number =
                !matches!(source, oids::UNKNOWN | oids::TEXT | oids::VARCHAR | oids::BPCHAR | oids::NAME);
            let index = if number {
                self.coerce_to_target(index, plain(oids::INT4), CastContext::Implicit, at)?
            } else {
                self.coerce_to_target(index, target, CastContext::Implicit, at)?
            };
            let Some(index) = index else {
                let message = format!("subscript type {} is not supported", type_name(source));
                return Err(error(SqlState::DATATYPE_MISMATCH, message, at)
                    .with_hint("jsonb subscript must be coercible to either integer or text."));
            };
            first_is_integer |= number && path.is_empty();
            path.push(if number {
                Expr { kind: ExprKind::CoerceViaIo(Box::new(index)), ty: target }
            } else {
                index
            });
        }
        Ok((path, first_is_integer))
    }
}

/// Returns the type that a subscript of `oid` gives.
fn type_subscript(oid: types::Oid) -> Option<types::Oid> {
    let element = element_type(oid);
    (element != 0).then_some(element)
}
