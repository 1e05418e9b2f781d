//! Assignments: `SET`, values of INSERT, and parts of columns (`transformAssignedExpr`, `transformAssignmentIndirection`).

use executor::expr::{Expr, ExprKind, FunctionRef, SubqueryUse, Volatility};
use pg_query::NodeEnum;
use pg_query::protobuf::{MultiAssignRef, Node, ResTarget, SubLinkType};
use types::{Datum, PgError, Result, SqlState, TypeRef, oids};

use super::Changed;
use super::insert::InsertColumn;
use crate::analyzer::coerce::{element_type, plain};
use crate::analyzer::raw;
use crate::analyzer::state::{Analyzer, Clause, Location, at, error, unsupported};
use crate::catalog::builtin::CastContext;
use crate::catalog::type_names::type_name;
use crate::catalog::{ColumnInfo, Relation};

/// Subscripts of an array, at most (`MAXDIM`).
const ARRAY_DIMENSIONS_MAX: usize = 6;

impl Analyzer<'_> {
    /// Converts a value to the type of the column it is assigned to.
    pub(super) fn assign(&mut self, expr: Expr, column: &ColumnInfo, location: Location) -> Result<Expr> {
        self.assign_or(expr, column, location, |analyzer_type, source| {
            format!(
                "column \"{}\" is of type {analyzer_type} but expression is of type {source}",
                column.name
            )
        })
    }

    fn assign_or(
        &mut self,
        expr: Expr,
        column: &ColumnInfo,
        location: Location,
        message: impl Fn(&str, &str) -> String,
    ) -> Result<Expr> {
        let source = expr.ty.oid;
        let converted = self.coerce_to_target(expr, column.ty, CastContext::Assignment, location)?;
        converted.ok_or_else(|| {
            let message = message(&type_name(column.ty.oid), &type_name(source));
            error(SqlState::DATATYPE_MISMATCH, message, location)
                .with_hint("You will need to rewrite or cast the expression.")
        })
    }

    /// Returns the type that a value must have to go into a column or the element that is named of it.
    pub(super) fn assigned_type(&self, relation: &Relation, column: &InsertColumn<'_>) -> Result<TypeRef> {
        let info = relation.columns.get(column.position);
        let info = info.ok_or_else(|| PgError::internal("a value for no column"))?;
        Ok(part_type(info.ty, column.indirection).unwrap_or(info.ty))
    }

    /// Returns `base` with an element, a slice or a field replaced.
    pub(super) fn assign_part(
        &mut self,
        base: Expr,
        column: &ColumnInfo,
        indirection: &[Node],
        value: Expr,
        location: Location,
        column_location: Location,
    ) -> Result<Expr> {
        let Some(NodeEnum::AIndices(_)) = indirection.first().and_then(|part| part.node.as_ref()) else {
            if let Some(NodeEnum::String(field)) = indirection.first().and_then(|part| part.node.as_ref()) {
                return self.refuse_field(column, &field.sval, column_location);
            }
            return Err(unsupported("assignment to a field", column_location));
        };
        let further = indirection.iter().position(|part| !matches!(part.node, Some(NodeEnum::AIndices(_))));
        if let Some(at) = further {
            let Some(NodeEnum::String(field)) = &indirection[at].node else {
                return Err(unsupported("assignment to all fields", column_location));
            };
            let ty = part_type(column.ty, &indirection[..at]).unwrap_or(column.ty);
            return self.refuse_field(&ColumnInfo { ty, ..column.clone() }, &field.sval, column_location);
        }
        if column.ty.oid == oids::JSONB {
            let (path, array_expected) = self.jsonb_path(indirection)?;
            let value = self.part_value(value, column, column.ty, location, column_location)?;
            let array_expected = Expr::constant(Datum::Bool(array_expected), plain(oids::BOOL));
            let mut args = vec![base, value, array_expected];
            args.extend(path);
            return Ok(assignment("surus_jsonb_assign", args, column.ty));
        }
        let Some(wanted) = part_type(column.ty, indirection) else {
            let message = format!(
                "cannot subscript type {} because it does not support subscripting",
                type_name(column.ty.oid)
            );
            // An INSERT has no expression yet that a position could point at.
            let place = column_location.filter(|_| !matches!(base.kind, ExprKind::Const(_)));
            return Err(error(SqlState::DATATYPE_MISMATCH, message, place));
        };
        if indirection.len() > ARRAY_DIMENSIONS_MAX {
            let message = format!(
                "number of array dimensions ({}) exceeds the maximum allowed ({ARRAY_DIMENSIONS_MAX})",
                indirection.len()
            );
            return Err(PgError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
        }
        let value = self.part_value(value, column, wanted, location, column_location)?;
        let is_slice = slice(indirection);
        let int4 = plain(oids::INT4);
        let mut shape = String::new();
        let mut bounds = Vec::new();
        for part in indirection {
            let Some(NodeEnum::AIndices(indices)) = &part.node else { continue };
            for (letter, bound) in [('l', &indices.lidx), ('u', &indices.uidx)] {
                if let Some(bound) = self.subscript_bound(bound)? {
                    shape.push(letter);
                    bounds.push(bound);
                }
            }
            if is_slice && !indices.is_slice {
                // `a[2]` among slices means `a[1:2]`.
                shape.insert(shape.len().saturating_sub(1), 'l');
                let position = bounds.len().saturating_sub(1);
                bounds.insert(position, Expr::constant(Datum::I32(1), int4));
            }
            shape.push(';');
        }
        shape.insert_str(0, if is_slice { "slice " } else { "element " });
        let text = plain(oids::TEXT);
        let mut args = vec![base, value, Expr::constant(Datum::text(shape), text)];
        args.extend(bounds);
        Ok(assignment("surus_array_assign", args, column.ty))
    }

    /// Converts what is assigned to a part of a column to that part's type.
    fn part_value(
        &mut self,
        value: Expr,
        column: &ColumnInfo,
        wanted: TypeRef,
        location: Location,
        column_location: Location,
    ) -> Result<Expr> {
        let source = value.ty.oid;
        let converted = self.coerce_to_target(value, wanted, CastContext::Assignment, location)?;
        converted.ok_or_else(|| {
            let message = format!(
                "subscripted assignment to \"{}\" requires type {} but expression is of type {}",
                column.name,
                type_name(wanted.oid),
                type_name(source)
            );
            error(SqlState::DATATYPE_MISMATCH, message, column_location)
                .with_hint("You will need to rewrite or cast the expression.")
        })
    }

    fn refuse_field(&self, column: &ColumnInfo, field: &str, location: Location) -> Result<Expr> {
        let is_composite =
            crate::catalog::builtin::builtin().type_by_oid(column.ty.oid).is_none_or(|ty| ty.relation != 0);
        if is_composite {
            return Err(unsupported("assignment to a field", location));
        }
        let message = format!(
            "cannot assign to field \"{field}\" of column \"{}\" because its type {} is not a composite type",
            column.name,
            type_name(column.ty.oid)
        );
        Err(error(SqlState::DATATYPE_MISMATCH, message, location))
    }

    /// Analyzes SET. `base` are the columns' present values, for assignments to parts.
    pub(super) fn set_list(
        &mut self,
        list: &[Node],
        table: &Changed<'_>,
        base: &[Expr],
    ) -> Result<Vec<Option<Expr>>> {
        let relation = &table.relation;
        let mut values: Vec<Option<Expr>> = vec![None; relation.columns.len()];
        let mut whole = vec![false; relation.columns.len()];
        let mut row: Option<(Expr, Vec<Location>)> = None;
        let mut explicit = vec![false; relation.columns.len()];
        for node in list {
            let Some(NodeEnum::ResTarget(target)) = &node.node else { continue };
            let location = at(target.location);
            let position = set_position(table, target)?;
            let column = &relation.columns[position];
            let value = raw::inner(&target.val).ok_or_else(|| PgError::internal("SET without a value"))?;
            let value = match value {
                NodeEnum::MultiAssignRef(multiple) => self.multi_assigned(multiple, &mut row)?,
                value => Assigned::Node(value),
            };
            // A view without a default of its own gives NULL, and that is a value for the table.
            explicit[position] |=
                table.view.is_some() || !matches!(value, Assigned::Node(NodeEnum::SetToDefault(_)));
            let (expr, value_location) = match value {
                Assigned::Node(NodeEnum::SetToDefault(default)) => {
                    let place = at(default.location);
                    match target.indirection.first().and_then(|part| part.node.as_ref()) {
                        Some(NodeEnum::AIndices(_)) => return Err(default_for_element(location)),
                        Some(_) => return Err(default_for_field(location)),
                        None => {}
                    }
                    (self.updated_default(table, target, position)?, place)
                }
                Assigned::Node(node) => {
                    (self.within(Clause::Update, |analyzer| analyzer.expr(node))?, raw::location(node))
                }
                Assigned::Expr(expr, place) => (expr, place),
            };
            let clash = values[position].is_some() && (whole[position] || target.indirection.is_empty());
            if clash {
                let message = format!("multiple assignments to same column \"{}\"", column.name);
                return Err(PgError::new(SqlState::SYNTAX_ERROR, message));
            }
            whole[position] = target.indirection.is_empty();
            values[position] = Some(if target.indirection.is_empty() {
                self.assign(expr, column, value_location)?
            } else {
                let before = values[position].take().or_else(|| base.get(position).cloned());
                let before = before.unwrap_or_else(|| Expr::constant(Datum::Null, column.ty));
                self.assign_part(before, column, &target.indirection, expr, value_location, location)?
            });
        }
        for (column, _) in relation.columns.iter().zip(explicit).filter(|(_, explicit)| *explicit) {
            if column.generated.is_some() || column.identity.is_some_and(|identity| identity.always) {
                let message = format!("column \"{}\" can only be updated to DEFAULT", column.name);
                return Err(super::insert::own_value(column, message, false));
            }
        }
        Ok(values)
    }

    /// Returns what DEFAULT means in SET.
    fn updated_default(&self, table: &Changed<'_>, target: &ResTarget, position: usize) -> Result<Expr> {
        let own = |view: &super::ViewLayer| {
            let column = view.relation.column_position(&target.name)?;
            view.relation.columns.get(column)?.default.clone()
        };
        match &table.view {
            Some(view) if own(view).is_none() => {
                Ok(Expr::constant(Datum::Null, table.relation.columns[position].ty))
            }
            Some(_) | None => self.default_of(&table.relation, position),
        }
    }

    /// Returns the item of a row or of a subquery that a column of `(a, b) = ...` gets.
    fn multi_assigned<'n>(
        &mut self,
        multiple: &'n MultiAssignRef,
        row: &mut Option<(Expr, Vec<Location>)>,
    ) -> Result<Assigned<'n>> {
        let mismatch = |location| {
            let message = "number of columns does not match number of values";
            error(SqlState::SYNTAX_ERROR, message, location)
        };
        let wanted = usize::try_from(multiple.ncolumns).unwrap_or(0);
        let index = usize::try_from(multiple.colno).unwrap_or(0).saturating_sub(1);
        match raw::inner(&multiple.source) {
            Some(NodeEnum::RowExpr(source)) => {
                if source.args.len() != wanted {
                    return Err(mismatch(at(source.location)));
                }
                let item = source.args.get(index).and_then(|arg| arg.node.as_ref());
                item.map(Assigned::Node).ok_or_else(|| PgError::internal("a row without its item"))
            }
            Some(NodeEnum::SubLink(link)) if link.sub_link_type == SubLinkType::ExprSublink as i32 => {
                let location = at(link.location);
                if index == 0 || row.is_none() {
                    let query = self.within(Clause::Update, |analyzer| analyzer.sub_query(link))?;
                    if query.output.len() != wanted {
                        return Err(mismatch(location));
                    }
                    let fields = query.output.iter().zip(0..).map(|(column, number)| Expr {
                        kind: ExprKind::SubqueryColumn(number),
                        ty: column.ty,
                    });
                    let record = plain(oids::RECORD);
                    let comparison = Expr { kind: ExprKind::Row(fields.collect(), Vec::new()), ty: record };
                    let usage = SubqueryUse::Row { comparison: Box::new(comparison) };
                    let places = query.output.iter().map(|column| self.written_at(column.id)).collect();
                    *row = Some((self.subquery(query, usage, record), places));
                }
                let Some((source, places)) = row.clone() else {
                    return Err(PgError::internal("a row that is not there"));
                };
                let ty = match &source.kind {
                    ExprKind::Subquery { usage: SubqueryUse::Row { comparison }, .. } => {
                        match &comparison.kind {
                            ExprKind::Row(fields, _) => fields.get(index).map(|field| field.ty),
                            _ => None,
                        }
                    }
                    _ => None,
                };
                let ty = ty.ok_or_else(|| PgError::internal("a row without its item"))?;
                let index = u32::try_from(index).unwrap_or(u32::MAX);
                let field = Expr { kind: ExprKind::Field { arg: Box::new(source), index }, ty };
                let place = places.get(index as usize).copied().flatten();
                Ok(Assigned::Expr(field, place.or(location)))
            }
            source => Err(error(
                SqlState::FEATURE_NOT_SUPPORTED,
                "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression",
                source.and_then(raw::location),
            )),
        }
    }
}

/// Returns a call of a function that replaces a part of its first argument.
fn assignment(prosrc: &str, args: Vec<Expr>, ty: TypeRef) -> Expr {
    let function = FunctionRef {
        oid: 0,
        prosrc: prosrc.into(),
        name: "array assignment".into(),
        strict: false,
        volatility: Volatility::Immutable,
    };
    Expr { kind: ExprKind::Call { function, args, input_collation: 0 }, ty }
}

/// What is assigned: an expression as written, or one that is analyzed already.
enum Assigned<'n> {
    Node(&'n NodeEnum),
    Expr(Expr, Location),
}

/// Returns whether any subscript is a slice.
fn slice(indirection: &[Node]) -> bool {
    indirection.iter().any(|part| matches!(&part.node, Some(NodeEnum::AIndices(indices)) if indices.is_slice))
}

/// Returns the type of the part of a column that subscripts name.
fn part_type(column: TypeRef, indirection: &[Node]) -> Option<TypeRef> {
    match indirection.first().and_then(|part| part.node.as_ref()) {
        None => Some(column),
        Some(NodeEnum::AIndices(_)) => {
            let element = element_type(column.oid);
            if element == 0 {
                return None;
            }
            Some(if slice(indirection) { column } else { TypeRef { oid: element, ..column } })
        }
        Some(_) => None,
    }
}

/// DEFAULT for `a[1]`.
pub(super) fn default_for_element(location: Location) -> PgError {
    error(SqlState::FEATURE_NOT_SUPPORTED, "cannot set an array element to DEFAULT", location)
}

/// DEFAULT for `a.b`.
pub(super) fn default_for_field(location: Location) -> PgError {
    error(SqlState::FEATURE_NOT_SUPPORTED, "cannot set a subfield to DEFAULT", location)
}

pub(super) fn is_system_column(name: &str) -> bool {
    matches!(name, "ctid" | "xmin" | "xmax" | "cmin" | "cmax" | "tableoid")
}

/// Finds a column that is assigned to.
pub(super) fn column_position(
    table: &Changed<'_>,
    name: &str,
    location: Location,
    insert: bool,
) -> Result<usize> {
    let named = table.view.as_ref().map_or(&table.relation, |view| &view.relation);
    if let (Some(view), Some(column)) = (&table.view, named.column_position(name)) {
        return view.position(column, insert);
    }
    named.column_position(name).ok_or_else(|| {
        if is_system_column(name) && !insert {
            let message = format!("cannot assign to system column \"{name}\"");
            return error(SqlState::FEATURE_NOT_SUPPORTED, message, location);
        }
        let message = format!("column \"{name}\" of relation \"{}\" does not exist", named.name);
        error(SqlState::UNDEFINED_COLUMN, message, location)
    })
}

fn set_position(table: &Changed<'_>, target: &ResTarget) -> Result<usize> {
    column_position(table, &target.name, at(target.location), false).map_err(|missing| {
        if missing.sqlstate() == SqlState::UNDEFINED_COLUMN
            && !target.indirection.is_empty()
            && target.name == table.name.as_str()
        {
            return missing.with_hint("SET target columns cannot be qualified with the relation name.");
        }
        missing
    })
}
