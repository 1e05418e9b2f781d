//! What a store must hold, kept beside it in plain maps.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use kernels::vector::{Values, Vector, ViewsBuilder};
use storage::disk::Disk;
use storage::{
    ColumnDefinition, IndexColumn, IndexDefinition, IndexId, IndexRange, NewRow, RowId, StorageError, Store,
    StoreOptions, TableId, Transaction,
};
use types::{Datum, PhysicalType, oids};

/// A table: its rows, and whether it has the index that comes and goes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableModel {
    pub rows: BTreeMap<i64, (i64, String)>,
    pub by_value: bool,
}

/// A store.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    pub tables: BTreeMap<u64, Arc<TableModel>>,
    pub catalog: Vec<u8>,
}

impl Model {
    /// Returns a table to be changed.
    pub fn table(&mut self, table: u64) -> &mut TableModel {
        Arc::make_mut(self.tables.entry(table).or_default())
    }

    /// Says how two models differ.
    pub fn difference(&self, other: &Self) -> String {
        if self.catalog != other.catalog {
            return "the catalogs differ".to_owned();
        }
        for number in self.tables.keys().chain(other.tables.keys()) {
            match (self.tables.get(number), other.tables.get(number)) {
                (Some(left), Some(right)) if left.rows != right.rows => {
                    let missing: Vec<_> =
                        left.rows.iter().filter(|row| right.rows.get(row.0) != Some(row.1)).take(3).collect();
                    let more: Vec<_> =
                        right.rows.iter().filter(|row| left.rows.get(row.0) != Some(row.1)).take(3).collect();
                    return format!("table {number}: {missing:?} against {more:?}");
                }
                (Some(left), Some(right)) if left.by_value != right.by_value => {
                    return format!("table {number}: the index");
                }
                (Some(_), Some(_)) => {}
                (left, right) => {
                    return format!("table {number}: {} against {}", left.is_some(), right.is_some());
                }
            }
        }
        "nothing differs".to_owned()
    }
}

/// What a store may hold after a power loss: the states after commits.
#[derive(Debug, Default)]
pub struct History {
    pub states: Vec<Model>,
    /// The newest state that is known to be durable.
    pub floor: usize,
}

pub const TABLES: u64 = 4;

pub fn columns() -> Vec<ColumnDefinition> {
    let column = |name: &str, physical| ColumnDefinition {
        physical,
        fixed_scale: None,
        nullable: false,
        name: name.to_owned(),
    };
    vec![
        column("id", PhysicalType::I64),
        column("value", PhysicalType::I64),
        column("name", PhysicalType::Text),
    ]
}

fn index(id: u64, column: usize, unique: bool) -> IndexDefinition {
    IndexDefinition {
        id: IndexId(id),
        name: format!("index {id}"),
        columns: vec![IndexColumn::ascending(column, oids::INT8)],
        unique,
        nulls_distinct: true,
    }
}

/// Returns the key of a table.
pub fn key(table: u64) -> IndexDefinition {
    index(table, 0, true)
}

/// Returns the index that comes and goes.
pub fn by_value(table: u64) -> IndexDefinition {
    index(100 + table, 1, false)
}

/// Returns rows as vectors.
pub fn vectors(rows: &[(i64, i64, String)]) -> Vec<Vector> {
    let mut names = ViewsBuilder::default();
    rows.iter().for_each(|(_, _, name)| names.push(name.as_bytes()));
    vec![
        Vector::flat(Values::I64(rows.iter().map(|row| row.0).collect()), None),
        Vector::flat(Values::I64(rows.iter().map(|row| row.1).collect()), None),
        Vector::flat(Values::Views(names.finish()), None),
    ]
}

/// Returns a row to be inserted.
pub fn new_row(
    transaction: &Transaction,
    table: u64,
    id: i64,
    value: i64,
    name: &str,
) -> storage::Result<NewRow> {
    let datums = [Datum::I64(id), Datum::I64(value), Datum::text(name.to_owned())];
    transaction.scan(TableId(table))?.encode_row(&datums, &[oids::INT8, oids::INT8, oids::TEXT])
}

/// Finds a row by its key.
pub fn find(transaction: &Transaction, table: u64, id: i64) -> storage::Result<Option<RowId>> {
    let range = IndexRange::key(vec![Datum::I64(id)]);
    transaction.index_rows(TableId(table), IndexId(table), &range, false)?.next_row()
}

/// Opens a store in which nothing happens in the background.
pub fn open(disk: &Arc<dyn Disk>) -> storage::Result<Arc<Store>> {
    Store::open_on(
        Arc::clone(disk),
        Path::new("/data"),
        StoreOptions { journal_bytes_max: u64::MAX, journal_room_bytes: 2000, ..StoreOptions::default() },
    )
}

/// Returns what a store holds.
pub fn content(store: &Arc<Store>) -> storage::Result<Model> {
    let transaction = store.begin();
    let mut model = Model { catalog: transaction.catalog_image().to_vec(), ..Model::default() };
    for table in 1..=TABLES {
        let scan = match transaction.scan(TableId(table)) {
            Err(StorageError::NoSuchTable(_)) => continue,
            scan => scan?,
        };
        // Of the heap, which may have those of a prepared transaction already, only verification knows.
        let (_, indexes) = transaction.shape(TableId(table))?;
        let by_value = indexes.iter().any(|index| index.id == by_value(table).id);
        let mut rows = BTreeMap::new();
        for group in 0..scan.row_group_count() {
            let group = scan.row_group(group);
            for at in 0..group.vector_count() {
                let vector = |column| group.vector(column, at).map(|vector| vector.to_flat());
                let (id, value, name) = (vector(0)?, vector(1)?, vector(2)?);
                let (Values::I64(ids), Values::I64(values), Values::Views(names)) =
                    (id.values(), value.values(), name.values())
                else {
                    panic!("vectors of another type")
                };
                let visible = group.visible(at);
                for lane in
                    (0..ids.len()).filter(|&lane| visible.as_ref().is_none_or(|visible| visible.get(lane)))
                {
                    let row = (values[lane], String::from_utf8(names.get(lane).to_vec()).unwrap());
                    assert!(
                        rows.insert(ids[lane], row).is_none(),
                        "table {table}: row {} is there twice",
                        ids[lane]
                    );
                }
            }
        }
        model.tables.insert(table, Arc::new(TableModel { rows, by_value }));
    }
    Ok(model)
}
