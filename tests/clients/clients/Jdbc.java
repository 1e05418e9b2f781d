// JDBC: prepared statements in text and binary, batches, cursors, metadata.
import java.math.BigDecimal;
import java.sql.*;
import java.util.*;

public class Jdbc {
    static void check(boolean right, String what) {
        if (!right) throw new AssertionError(what);
    }

    static List<String> column(ResultSet rows, String name) throws SQLException {
        List<String> values = new ArrayList<>();
        while (rows.next()) values.add(rows.getString(name));
        return values;
    }

    public static void main(String[] arguments) throws Exception {
        String url = System.getenv("SURUS_URL").replaceFirst("^postgres(ql)?://", "jdbc:postgresql://");
        url = url.replaceFirst("//([^@]*)@", "//");
        Properties properties = new Properties();
        properties.setProperty("user", "postgres");
        try (Connection connection = DriverManager.getConnection(url, properties)) {
            DatabaseMetaData about = connection.getMetaData();
            check(about.getDatabaseMajorVersion() == 18, about.getDatabaseProductVersion());
            Statement statement = connection.createStatement();
            statement.execute("drop table if exists c_jdbc");
            statement.execute("create table c_jdbc (id int primary key, name varchar(20) not null, price numeric(10,2), at timestamp)");
            try (PreparedStatement insert = connection.prepareStatement("insert into c_jdbc values (?, ?, ?, ?)")) {
                for (int number = 0; number < 20; number++) {
                    insert.setInt(1, number);
                    insert.setString(2, "n" + number);
                    insert.setBigDecimal(3, new BigDecimal("1.50"));
                    insert.setTimestamp(4, Timestamp.valueOf("2024-01-02 03:04:05.678"));
                    insert.addBatch();
                }
                check(insert.executeBatch().length == 20, "batch");
            }
            try (PreparedStatement select = connection.prepareStatement("select * from c_jdbc where id = ?")) {
                for (int number = 0; number < 10; number++) { // becomes a binary server-side statement on the way
                    select.setInt(1, number);
                    ResultSet row = select.executeQuery();
                    check(row.next() && row.getString("name").equals("n" + number), "row " + number);
                    check(row.getBigDecimal(3).equals(new BigDecimal("1.50")), "numeric");
                    check(row.getTimestamp(4).equals(Timestamp.valueOf("2024-01-02 03:04:05.678")), "timestamp");
                    check(row.getMetaData().getColumnTypeName(2).equals("varchar"), row.getMetaData().getColumnTypeName(2));
                }
            }
            connection.setAutoCommit(false);
            statement.setFetchSize(7);
            check(column(statement.executeQuery("select id from c_jdbc order by id"), "id").size() == 20, "cursor");
            Savepoint savepoint = connection.setSavepoint();
            try {
                statement.execute("insert into c_jdbc values (1, 'again')");
                check(false, "a duplicate key was taken");
            } catch (SQLException error) {
                check(error.getSQLState().equals("23505"), error.getSQLState());
                connection.rollback(savepoint);
            }
            connection.commit();
            connection.setAutoCommit(true);
            check(column(about.getTables(null, "public", "c\\_jdbc", null), "TABLE_NAME").equals(List.of("c_jdbc")), "tables");
            check(column(about.getColumns(null, "public", "c\\_jdbc", null), "COLUMN_NAME").equals(List.of("id", "name", "price", "at")), "columns");
            ResultSet columns = about.getColumns(null, null, "c_jdbc", "price");
            check(columns.next() && columns.getInt("COLUMN_SIZE") == 10 && columns.getInt("DECIMAL_DIGITS") == 2, "numeric column");
            check(column(about.getPrimaryKeys(null, "public", "c_jdbc"), "COLUMN_NAME").equals(List.of("id")), "key");
            check(column(about.getIndexInfo(null, "public", "c_jdbc", false, false), "INDEX_NAME").contains("c_jdbc_pkey"), "index");
            check(column(about.getImportedKeys(null, "public", "c_jdbc"), "FKTABLE_NAME").isEmpty(), "imported keys");
            check(column(about.getExportedKeys(null, "public", "c_jdbc"), "FKTABLE_NAME").isEmpty(), "exported keys");
            check(column(about.getSchemas(), "TABLE_SCHEM").contains("public"), "schemas");
            check(column(about.getTypeInfo(), "TYPE_NAME").contains("int4"), "types");
            check(column(about.getCatalogs(), "TABLE_CAT").contains(connection.getCatalog()), "catalogs");
            check(column(about.getTablePrivileges(null, "public", "c_jdbc"), "PRIVILEGE").contains("SELECT"), "privileges");
            check(column(about.getFunctions(null, "pg_catalog", "abs"), "FUNCTION_NAME").size() == 6, "functions");
            check(column(about.getBestRowIdentifier(null, "public", "c_jdbc", 0, true), "COLUMN_NAME").equals(List.of("id")), "row id");
            statement.execute("drop table c_jdbc");
        }
    }
}
