//! Which lane representation each built-in type has, and how array types and element types pair up.

use crate::datum::PhysicalType;
use crate::{Oid, oids};

/// Array type beside its element type, for the built-in types.
const ARRAYS: &[(Oid, Oid)] = &[
    (oids::BOOL, 1000),
    (oids::BYTEA, 1001),
    (oids::CHAR, 1002),
    (oids::NAME, 1003),
    (oids::INT8, 1016),
    (oids::INT2, 1005),
    (oids::INT2VECTOR, 1006),
    (oids::INT4, 1007),
    (oids::REGPROC, 1008),
    (oids::TEXT, 1009),
    (oids::OID, 1028),
    (oids::TID, 1010),
    (oids::XID, 1011),
    (oids::CID, 1012),
    (oids::OIDVECTOR, 1013),
    (oids::JSON, 199),
    (oids::XML, 143),
    (oids::FLOAT4, 1021),
    (oids::FLOAT8, 1022),
    (oids::MONEY, 791),
    (oids::ACLITEM, 1034),
    (oids::BPCHAR, 1014),
    (oids::VARCHAR, 1015),
    (oids::DATE, 1182),
    (oids::TIME, 1183),
    (oids::TIMESTAMP, 1115),
    (oids::TIMESTAMPTZ, 1185),
    (oids::INTERVAL, 1187),
    (oids::TIMETZ, 1270),
    (oids::BIT, 1561),
    (oids::VARBIT, 1563),
    (oids::NUMERIC, 1231),
    (oids::REFCURSOR, 2201),
    (oids::REGPROCEDURE, 2207),
    (oids::REGOPER, 2208),
    (oids::REGOPERATOR, 2209),
    (oids::REGCLASS, 2210),
    (oids::REGTYPE, 2211),
    (oids::RECORD, 2287),
    (oids::CSTRING, 1263),
    (oids::UUID, 2951),
    (oids::PG_LSN, 3221),
    (oids::REGCONFIG, 3735),
    (oids::REGDICTIONARY, 3770),
    (oids::JSONB, 3807),
    (oids::REGNAMESPACE, 4090),
    (oids::REGROLE, 4097),
    (oids::XID8, 271),
    (oids::TXID_SNAPSHOT, 2949),
    (oids::PG_SNAPSHOT, 5039),
    (oids::POINT, 1017),
    (oids::LSEG, 1018),
    (oids::PATH, 1019),
    (oids::BOX, 1020),
    (oids::POLYGON, 1027),
    (oids::LINE, 629),
    (oids::CIRCLE, 719),
    (oids::CIDR, 651),
    (oids::INET, 1041),
    (oids::MACADDR, 1040),
    (oids::MACADDR8, 775),
    (oids::TSVECTOR, 3643),
    (oids::TSQUERY, 3645),
    (oids::JSONPATH, 4073),
    (oids::INT4RANGE, 3905),
    (oids::NUMRANGE, 3907),
    (oids::TSRANGE, 3909),
    (oids::TSTZRANGE, 3911),
    (oids::DATERANGE, 3913),
    (oids::INT8RANGE, 3927),
    (oids::INT4MULTIRANGE, 6150),
    (oids::NUMMULTIRANGE, 6151),
    (oids::TSMULTIRANGE, 6152),
    (oids::TSTZMULTIRANGE, 6153),
    (oids::DATEMULTIRANGE, 6155),
    (oids::INT8MULTIRANGE, 6157),
    (oids::REGCOLLATION, 4192),
];

/// Returns the lane representation of the built-in type `oid`; `None` for a type that has no values of
/// its own (pseudo-types that only appear in declarations) or is not built in.
pub fn physical_type(oid: Oid) -> Option<PhysicalType> {
    let physical = match oid {
        oids::BOOL => PhysicalType::Bool,
        oids::INT2 => PhysicalType::I16,
        oids::INT4 | oids::DATE => PhysicalType::I32,
        oids::INT8
        | oids::TIME
        | oids::TIMESTAMP
        | oids::TIMESTAMPTZ
        | oids::MONEY
        | oids::PG_LSN
        | oids::XID8 => PhysicalType::I64,
        _ if is_oid_like(oid) => PhysicalType::I64,
        oids::FLOAT4 => PhysicalType::F32,
        oids::FLOAT8 => PhysicalType::F64,
        oids::NUMERIC => PhysicalType::Numeric,
        oids::INTERVAL => PhysicalType::Interval,
        oids::UUID => PhysicalType::Uuid,
        _ if is_text_like(oid) => PhysicalType::Text,
        oids::BYTEA
        | oids::TIMETZ
        | oids::RECORD
        | oids::INT2VECTOR
        | oids::OIDVECTOR
        | oids::TID
        | oids::JSONB
        | oids::BIT
        | oids::VARBIT
        | oids::POINT
        | oids::LSEG
        | oids::PATH
        | oids::BOX
        | oids::POLYGON
        | oids::LINE
        | oids::CIRCLE
        | oids::CIDR
        | oids::INET
        | oids::MACADDR
        | oids::MACADDR8
        | oids::ACLITEM
        | oids::INTERNAL
        | oids::VOID => PhysicalType::Bytes,
        _ if range_subtype(oid).is_some() || multirange_range(oid).is_some() => PhysicalType::Bytes,
        _ if element_type(oid).is_some() => PhysicalType::Bytes,
        _ => return None,
    };
    Some(physical)
}

/// Returns whether values of `oid` are unsigned 32-bit numbers that print as such (`oid`, `regclass`, ...).
pub fn is_oid_like(oid: Oid) -> bool {
    matches!(
        oid,
        oids::OID
            | oids::XID
            | oids::CID
            | oids::REGPROC
            | oids::REGPROCEDURE
            | oids::REGOPER
            | oids::REGOPERATOR
            | oids::REGCLASS
            | oids::REGTYPE
            | oids::REGCONFIG
            | oids::REGDICTIONARY
            | oids::REGNAMESPACE
            | oids::REGROLE
            | oids::REGCOLLATION
    )
}

/// Returns whether values of `oid` are written with names from the catalog (`regclass`, ...).
pub fn is_object_name(oid: Oid) -> bool {
    is_oid_like(oid) && !matches!(oid, oids::OID | oids::XID | oids::CID)
}

/// Returns whether values of `oid` are [`crate::Datum::Text`].
pub fn is_text_like(oid: Oid) -> bool {
    matches!(
        oid,
        oids::TEXT
            | oids::VARCHAR
            | oids::BPCHAR
            | oids::NAME
            | oids::CHAR
            | oids::JSON
            | oids::XML
            | oids::UNKNOWN
            | oids::CSTRING
            | oids::REFCURSOR
            | oids::PG_NODE_TREE
            | oids::PG_SNAPSHOT
            | oids::TXID_SNAPSHOT
            | oids::JSONPATH
            | oids::TSVECTOR
            | oids::TSQUERY
    )
}

/// The built-in range types: range, subtype, multirange.
const RANGES: &[(Oid, Oid, Oid)] = &[
    (oids::INT4RANGE, oids::INT4, oids::INT4MULTIRANGE),
    (oids::NUMRANGE, oids::NUMERIC, oids::NUMMULTIRANGE),
    (oids::TSRANGE, oids::TIMESTAMP, oids::TSMULTIRANGE),
    (oids::TSTZRANGE, oids::TIMESTAMPTZ, oids::TSTZMULTIRANGE),
    (oids::DATERANGE, oids::DATE, oids::DATEMULTIRANGE),
    (oids::INT8RANGE, oids::INT8, oids::INT8MULTIRANGE),
];

/// Returns the subtype of a built-in range type.
pub fn range_subtype(oid: Oid) -> Option<Oid> {
    RANGES.iter().find(|(range, _, _)| *range == oid).map(|(_, subtype, _)| *subtype)
}

/// Returns the range type of a built-in multirange type.
pub fn multirange_range(oid: Oid) -> Option<Oid> {
    RANGES.iter().find(|(_, _, multirange)| *multirange == oid).map(|(range, _, _)| *range)
}

/// Returns the multirange type over a built-in range type.
pub fn multirange_type(range: Oid) -> Option<Oid> {
    RANGES.iter().find(|(known, _, _)| *known == range).map(|(_, _, multirange)| *multirange)
}

/// Returns the element type of the built-in array type `oid` (also of `int2vector` and `oidvector`).
pub fn element_type(oid: Oid) -> Option<Oid> {
    match oid {
        oids::INT2VECTOR => Some(oids::INT2),
        oids::OIDVECTOR => Some(oids::OID),
        _ => ARRAYS.iter().find(|(_, array)| *array == oid).map(|(element, _)| *element),
    }
}

/// Returns the array type over the built-in type `oid`.
pub fn array_type(oid: Oid) -> Option<Oid> {
    ARRAYS.iter().find(|(element, _)| *element == oid).map(|(_, array)| *array)
}
