//! Input, output and send functions as SQL calls, over the types' own text and binary forms.

use types::{Datum, PgError, Result};

use super::arguments::text;
use super::{CallContext, FunctionEntry, row};

fn input(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let typmod = match args.get(2) {
        Some(Datum::I32(typmod)) => *typmod,
        _ => -1,
    };
    types::io::text_input(call.result.oid, typmod, text(args, 0)?, call.query.session.io())
}

fn output(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    match (args.first(), call.arg_types.first()) {
        (Some(value), Some(ty)) => Ok(Datum::text(super::output_text(value, *ty, call.query)?)),
        _ => Err(PgError::internal("an output function without argument")),
    }
}

fn send(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    match (args.first(), call.arg_types.first()) {
        (Some(value), Some(ty)) => {
            let mut bytes = Vec::new();
            types::io::binary_output(ty.oid, value, &mut bytes)?;
            Ok(Datum::Bytes(bytes.into()))
        }
        _ => Err(PgError::internal("a send function without argument")),
    }
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("array_send", send),
    row("bit_in", input),
    row("bit_out", output),
    row("bit_send", send),
    row("boolin", input),
    row("boolout", output),
    row("boolsend", send),
    row("bpcharin", input),
    row("bpcharout", output),
    row("bpcharsend", send),
    row("byteain", input),
    row("byteaout", output),
    row("byteasend", send),
    row("cash_in", input),
    row("cash_out", output),
    row("cash_send", send),
    row("charin", input),
    row("charout", output),
    row("charsend", send),
    row("cidin", input),
    row("cidout", output),
    row("cidsend", send),
    row("cstring_in", input),
    row("cstring_out", output),
    row("cstring_send", send),
    row("date_in", input),
    row("date_out", output),
    row("date_send", send),
    row("float4in", input),
    row("float4out", output),
    row("float4send", send),
    row("float8in", input),
    row("float8out", output),
    row("float8send", send),
    row("int2in", input),
    row("int2out", output),
    row("int2send", send),
    row("int2vectorin", input),
    row("int2vectorout", output),
    row("int2vectorsend", send),
    row("int4in", input),
    row("int4out", output),
    row("int4send", send),
    row("int8in", input),
    row("int8out", output),
    row("int8send", send),
    row("interval_in", input),
    row("interval_out", output),
    row("interval_send", send),
    row("json_in", input),
    row("json_out", output),
    row("json_send", send),
    row("jsonb_in", input),
    row("jsonb_out", output),
    row("jsonb_send", send),
    row("namein", input),
    row("nameout", output),
    row("namesend", send),
    row("numeric_in", input),
    row("numeric_out", output),
    row("numeric_send", send),
    row("oidin", input),
    row("oidout", output),
    row("oidsend", send),
    row("oidvectorin", input),
    row("oidvectorout", output),
    row("oidvectorsend", send),
    row("pg_lsn_in", input),
    row("pg_lsn_out", output),
    row("pg_lsn_send", send),
    row("regclasssend", send),
    row("regcollationsend", send),
    row("regconfigsend", send),
    row("regdictionarysend", send),
    row("regnamespacesend", send),
    row("regoperatorsend", send),
    row("regopersend", send),
    row("regproceduresend", send),
    row("regprocsend", send),
    row("regrolesend", send),
    row("regtypesend", send),
    row("textin", input),
    row("textout", output),
    row("textsend", send),
    row("time_in", input),
    row("time_out", output),
    row("time_send", send),
    row("timestamp_in", input),
    row("timestamp_out", output),
    row("timestamp_send", send),
    row("timestamptz_in", input),
    row("timestamptz_out", output),
    row("timestamptz_send", send),
    row("timetz_in", input),
    row("timetz_out", output),
    row("timetz_send", send),
    row("unknownin", input),
    row("unknownout", output),
    row("unknownsend", send),
    row("uuid_in", input),
    row("uuid_out", output),
    row("uuid_send", send),
    row("varbit_in", input),
    row("varbit_out", output),
    row("varbit_send", send),
    row("varcharin", input),
    row("varcharout", output),
    row("varcharsend", send),
    row("void_in", input),
    row("void_out", output),
    row("void_send", send),
    row("xid8in", input),
    row("xid8out", output),
    row("xid8send", send),
    row("xidin", input),
    row("xidout", output),
    row("xidsend", send),
    row("xml_in", input),
    row("xml_out", output),
    row("xml_send", send),
];
