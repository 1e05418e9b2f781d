//! Asking whether text is a value of a type: `pg_input_is_valid`, `pg_input_error_info`.

use std::sync::Arc;

use executor::functions::{CallContext, FunctionEntry, row};

use types::datum::RecordValue;
use types::{Datum, PgError, Result, SqlState, TypeRef, oids};

use super::{access, text_at};

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("pg_input_error_info", |args, context| {
        let Some(error) = input_error(args, context)? else {
            return Ok(record(vec![Datum::Null; 4]));
        };
        let optional = |text: &Option<String>| text.as_deref().map_or(Datum::Null, Datum::text);
        let fields = error.fields();
        let code = Datum::text(error.sqlstate().as_str());
        let values = vec![
            Datum::text(fields.message.as_str()),
            optional(&fields.detail),
            optional(&fields.hint),
            code,
        ];
        Ok(record(values))
    }),
    row("pg_input_is_valid", |args, context| Ok(Datum::Bool(input_error(args, context)?.is_none()))),
];

fn record(fields: Vec<Datum>) -> Datum {
    let names = ["message", "detail", "hint", "sql_error_code"];
    let columns = names.map(|name| (name.into(), TypeRef::plain(oids::TEXT))).into();
    Datum::Record(Arc::new(RecordValue { row_type: oids::RECORD, columns, fields }))
}

/// Returns the error that reading the text raises, if the text is to blame for it.
fn input_error(args: &[Datum], context: &CallContext<'_>) -> Result<Option<PgError>> {
    let ty = access(context)?.names.type_input(text_at(args, 1))?;
    match types::io::text_input(ty.oid, ty.typmod, text_at(args, 0), context.query.session.io()) {
        Ok(_) => Ok(None),
        Err(error) if error.sqlstate() == SqlState::INTERNAL_ERROR || error.is_unsupported() => Err(error),
        Err(error) => Ok(Some(error)),
    }
}
