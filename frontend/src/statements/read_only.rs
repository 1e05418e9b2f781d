//! Which statements a read-only transaction refuses (`ClassifyUtilityCommandAsReadOnly`), and what they are called
//! (`CreateCommandTag`).

use pg_query::NodeEnum;
use pg_query::protobuf::ObjectType;

/// Returns the name of a command that changes data or catalog.
pub(super) fn writes(node: &NodeEnum) -> Option<&'static str> {
    Some(match node {
        NodeEnum::SelectStmt(select) if select.into_clause.is_some() => "SELECT INTO",
        NodeEnum::SelectStmt(select) => return crate::analyzer::locking_command(select),
        NodeEnum::InsertStmt(_) => "INSERT",
        NodeEnum::UpdateStmt(_) => "UPDATE",
        NodeEnum::DeleteStmt(_) => "DELETE",
        NodeEnum::MergeStmt(_) => "MERGE",
        NodeEnum::CopyStmt(statement) if statement.is_from => "COPY FROM",
        NodeEnum::CreateStmt(_) => "CREATE TABLE",
        NodeEnum::CreateTableAsStmt(statement) => match statement.objtype() {
            ObjectType::ObjectMatview => "CREATE MATERIALIZED VIEW",
            _ => "CREATE TABLE AS",
        },
        NodeEnum::TruncateStmt(_) => "TRUNCATE TABLE",
        NodeEnum::CreateSchemaStmt(_) => "CREATE SCHEMA",
        NodeEnum::ViewStmt(_) => "CREATE VIEW",
        NodeEnum::IndexStmt(_) => "CREATE INDEX",
        NodeEnum::CreateSeqStmt(_) => "CREATE SEQUENCE",
        NodeEnum::AlterSeqStmt(_) => "ALTER SEQUENCE",
        NodeEnum::CommentStmt(_) => "COMMENT",
        NodeEnum::RefreshMatViewStmt(_) => "REFRESH MATERIALIZED VIEW",
        NodeEnum::DropStmt(statement) => drop_tag(statement.remove_type()),
        NodeEnum::RenameStmt(statement) => {
            // A column is renamed by an ALTER of its relation.
            let is_part =
                matches!(statement.rename_type(), ObjectType::ObjectColumn | ObjectType::ObjectAttribute);
            alter_tag(if is_part { statement.relation_type() } else { statement.rename_type() })
        }
        NodeEnum::AlterTableStmt(statement) => alter_tag(statement.objtype()),
        NodeEnum::AlterObjectSchemaStmt(statement) => alter_tag(statement.object_type()),
        NodeEnum::AlterOwnerStmt(statement) => alter_tag(statement.object_type()),
        _ => return None,
    })
}

fn drop_tag(kind: ObjectType) -> &'static str {
    match kind {
        ObjectType::ObjectView => "DROP VIEW",
        ObjectType::ObjectMatview => "DROP MATERIALIZED VIEW",
        ObjectType::ObjectSequence => "DROP SEQUENCE",
        ObjectType::ObjectIndex => "DROP INDEX",
        ObjectType::ObjectSchema => "DROP SCHEMA",
        ObjectType::ObjectType => "DROP TYPE",
        ObjectType::ObjectDomain => "DROP DOMAIN",
        ObjectType::ObjectFunction => "DROP FUNCTION",
        _ => "DROP TABLE",
    }
}

fn alter_tag(kind: ObjectType) -> &'static str {
    match kind {
        ObjectType::ObjectView => "ALTER VIEW",
        ObjectType::ObjectMatview => "ALTER MATERIALIZED VIEW",
        ObjectType::ObjectSequence => "ALTER SEQUENCE",
        ObjectType::ObjectIndex => "ALTER INDEX",
        ObjectType::ObjectSchema => "ALTER SCHEMA",
        ObjectType::ObjectType => "ALTER TYPE",
        ObjectType::ObjectDomain => "ALTER DOMAIN",
        ObjectType::ObjectFunction => "ALTER FUNCTION",
        _ => "ALTER TABLE",
    }
}
