//! Roles.

use ::types::{Oid, PgError, Result, SqlState};
use pg_query::protobuf::{RoleSpec, RoleSpecType};

use crate::session::Session;

/// `pg_authid.oid` of the bootstrap superuser.
const BOOTSTRAP: Oid = 10;

/// Finds the role that OWNER TO names.
///
/// # Errors
/// `42704`.
pub(super) fn owner(session: &Session, role: Option<&RoleSpec>) -> Result<Oid> {
    let Some(role) = role else { return Err(PgError::internal("OWNER TO nobody")) };
    match role.roletype() {
        RoleSpecType::RolespecCstring => find(session, &role.rolename),
        RoleSpecType::RolespecPublic => {
            Err(PgError::new(SqlState::UNDEFINED_OBJECT, "role \"public\" does not exist"))
        }
        RoleSpecType::Undefined
        | RoleSpecType::RolespecCurrentRole
        | RoleSpecType::RolespecCurrentUser
        | RoleSpecType::RolespecSessionUser => Ok(BOOTSTRAP),
    }
}

/// Finds a role.
///
/// # Errors
/// `42704`.
pub(super) fn find(session: &Session, name: &str) -> Result<Oid> {
    let catalog = &session.open()?.catalog;
    let user = catalog.roles.values().find(|role| role.name == name).map(|role| role.oid);
    let system = || {
        datasets::catalog::rows(datasets::catalog::PG_AUTHID)
            .find(|row| row.text("rolname") == name)
            .map(|row| row.oid("oid"))
    };
    user.or_else(system)
        .ok_or_else(|| PgError::new(SqlState::UNDEFINED_OBJECT, format!("role \"{name}\" does not exist")))
}
