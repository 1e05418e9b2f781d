//! Plans run end to end over stored tables.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ops::ControlFlow;
use std::sync::Arc;

use executor::batch::Batch;
use executor::context::{
    CancelFlag, ExecutionOptions, MemoryPool, MemoryTracker, QueryContext, SessionAccess,
};
use executor::convert::{batch_of, rows_of};
use executor::expr::{ColumnId, Expr, ExprKind, FunctionRef, Volatility};
use executor::plan::{
    Aggregate, AggregateCall, HashJoin, JoinKey, JoinKind, NodeKind, Plan, PlanNode, Scan, SortKey,
};
use executor::{ResultSink, execute};
use storage::{ColumnDefinition, Store, StoreOptions, TableId};
use types::{Datum, Numeric, Oid, PhysicalType, Result, TypeRef, oids};

struct Session(types::io::IoContext, parking_lot::Mutex<types::random::Generator>);

impl SessionAccess for Session {
    fn io(&self) -> &types::io::IoContext {
        &self.0
    }
    fn transaction_timestamp(&self) -> i64 {
        0
    }
    fn statement_timestamp(&self) -> i64 {
        0
    }
    fn generator(&self) -> &parking_lot::Mutex<types::random::Generator> {
        &self.1
    }
    fn virtual_rows(&self, _: Oid, _: &[usize]) -> Result<Vec<Vec<Datum>>> {
        Ok(Vec::new())
    }
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

#[derive(Default)]
struct Rows(Vec<Batch>);

impl ResultSink for Rows {
    fn push(&mut self, batch: Batch) -> Result<ControlFlow<()>> {
        self.0.push(batch);
        Ok(ControlFlow::Continue(()))
    }
}

const INT4: Oid = oids::INT4;

fn ty(oid: Oid) -> TypeRef {
    TypeRef::plain(oid)
}

fn column(index: u32, oid: Oid) -> Expr {
    Expr::column(ColumnId(index), ty(oid))
}

fn function(prosrc: &str, name: &str) -> FunctionRef {
    FunctionRef {
        oid: 0,
        prosrc: prosrc.into(),
        name: name.into(),
        strict: true,
        volatility: Volatility::Immutable,
    }
}

fn call(prosrc: &str, args: Vec<Expr>, result: Oid) -> Expr {
    Expr {
        kind: ExprKind::Call { function: function(prosrc, prosrc), args, input_collation: 0 },
        ty: ty(result),
    }
}

fn node(id: u32, kind: NodeKind, output: &[Oid]) -> PlanNode {
    PlanNode { id, kind, output: output.iter().map(|oid| ty(*oid)).collect(), rows: 0.0 }
}

/// 70,000 rows (two row groups): id, id % 7 (null for every 11th), id / 100 with two digits, one of three words.
fn store() -> (Arc<Store>, std::path::PathBuf) {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let directory = std::env::temp_dir().join(format!("executor-test-{}-{number}", std::process::id()));
    let store = Store::open(&directory, StoreOptions::default()).unwrap();
    let mut transaction = store.begin();
    let definition = |name: &str, physical, fixed_scale| ColumnDefinition {
        physical,
        fixed_scale,
        nullable: true,
        name: name.to_owned(),
    };
    transaction
        .create_table(
            TableId(1),
            vec![
                definition("id", PhysicalType::I32, None),
                definition("k", PhysicalType::I32, None),
                definition("n", PhysicalType::Numeric, Some(2)),
                definition("t", PhysicalType::Text, None),
            ],
            Vec::new(),
        )
        .unwrap();
    let types = [ty(INT4), ty(INT4), ty(oids::NUMERIC), ty(oids::TEXT)];
    let mut writer = transaction.bulk_writer(TableId(1)).unwrap();
    let rows: Vec<i32> = (0..ROWS).collect();
    for chunk in rows.chunks(2048) {
        let rows: Vec<Vec<Datum>> = chunk.iter().map(|id| row(*id)).collect();
        writer.append(&batch_of(&rows, &types).unwrap().columns).unwrap();
    }
    writer.finish(&mut transaction).unwrap();
    transaction.commit().unwrap();
    (store, directory)
}

const ROWS: i32 = 70_000;
const WORDS: [&str; 3] = ["alpha", "beta", "a word that is longer than twelve bytes"];

fn row(id: i32) -> Vec<Datum> {
    vec![
        Datum::I32(id),
        if id % 11 == 0 { Datum::Null } else { Datum::I32(id % 7) },
        Datum::Numeric(Numeric::from_i128(i128::from(id), 2)),
        Datum::text(WORDS[id as usize % 3]),
    ]
}

fn run(plan: &Plan, force_row: bool, threads: usize, batch_lanes: usize) -> Vec<Vec<Datum>> {
    let (store, directory) = store();
    let context = Arc::new(QueryContext {
        transaction: Some(Arc::new(parking_lot::Mutex::new(store.begin()))),
        params: Vec::new(),
        session: Arc::new(Session(
            types::io::IoContext::default(),
            parking_lot::Mutex::new(types::random::Generator::from_seed(1)),
        )),
        memory: MemoryTracker::new(MemoryPool::new(1 << 32)),
        cancel: Arc::new(CancelFlag::default()),
        options: ExecutionOptions { threads, force_row, batch_lanes },
        deferred: Arc::default(),
    });
    let mut sink = Rows::default();
    execute(plan, &context, &mut sink).unwrap();
    std::fs::remove_dir_all(directory).unwrap();
    sink.0.iter().flat_map(|batch| rows_of(batch, &plan.root.output).unwrap()).collect()
}

/// Runs a plan in every mode and returns the rows, which must not depend on it.
fn everywhere(root: PlanNode) -> Vec<Vec<Datum>> {
    let plan = Plan { root, shared: Vec::new(), changing: Vec::new(), subplans: Vec::new() };
    let expected = run(&plan, true, 1, 2048);
    for (force_row, threads, lanes) in [(false, 1, 2048), (false, 2, 2048), (false, 2, 300)] {
        let mut actual = run(&plan, force_row, threads, lanes);
        let mut expected = expected.clone();
        let key = |row: &Vec<Datum>| format!("{row:?}");
        actual.sort_by_key(key);
        expected.sort_by_key(key);
        assert_eq!(actual, expected, "force_row {force_row}, threads {threads}, lanes {lanes}");
    }
    expected
}

fn scan(id: u32, filters: Vec<Expr>) -> PlanNode {
    let scan = Scan {
        table: 1,
        name: "t".into(),
        columns: vec![0, 1, 2, 3],
        filters,
        projection: vec![0, 1, 2, 3],
        row_id: None,
        runtime_filters: Vec::new(),
    };
    node(id, NodeKind::Scan(scan), &[INT4, INT4, oids::NUMERIC, oids::TEXT])
}

fn aggregate(name: &str, args: Vec<Expr>, result: Oid) -> AggregateCall {
    AggregateCall {
        function: function(name, name),
        args,
        direct_args: Vec::new(),
        distinct: false,
        order_by: Vec::new(),
        filter: None,
        ty: ty(result),
        input_collation: 0,
    }
}

fn const_int(value: i32) -> Expr {
    Expr::constant(Datum::I32(value), ty(INT4))
}

#[test]
fn filters_and_projections() {
    let filters = vec![
        call("int4lt", vec![column(0, INT4), const_int(1000)], oids::BOOL),
        call(
            "textlike",
            vec![column(3, oids::TEXT), Expr::constant(Datum::text("%et%"), ty(oids::TEXT))],
            oids::BOOL,
        ),
    ];
    let project = NodeKind::Project {
        input: Box::new(scan(1, filters)),
        exprs: vec![
            call("int4pl", vec![column(0, INT4), column(1, INT4)], INT4),
            call("numeric_mul", vec![column(2, oids::NUMERIC), column(2, oids::NUMERIC)], oids::NUMERIC),
        ],
    };
    let rows = everywhere(node(2, project, &[INT4, oids::NUMERIC]));
    let expected: Vec<Vec<Datum>> = (0..1000)
        .filter(|id| id % 3 == 1)
        .map(|id| {
            let sum = if id % 11 == 0 { Datum::Null } else { Datum::I32(id + id % 7) };
            vec![sum, Datum::Numeric(Numeric::from_i128(i128::from(id) * i128::from(id), 4))]
        })
        .collect();
    assert_eq!(rows, expected);
}

#[test]
fn groups_and_aggregates() {
    let plan = Aggregate {
        input: Box::new(scan(1, Vec::new())),
        keys: vec![column(3, oids::TEXT), column(1, INT4)],
        sets: None,
        calls: vec![
            aggregate("count", Vec::new(), oids::INT8),
            aggregate("sum", vec![column(2, oids::NUMERIC)], oids::NUMERIC),
            aggregate("avg", vec![column(0, INT4)], oids::NUMERIC),
            aggregate("max", vec![column(0, INT4)], INT4),
            AggregateCall { distinct: true, ..aggregate("count", vec![column(1, INT4)], oids::INT8) },
        ],
    };
    let output = [oids::TEXT, INT4, oids::INT8, oids::NUMERIC, oids::NUMERIC, INT4, oids::INT8];
    let rows = everywhere(node(2, NodeKind::Aggregate(plan), &output));
    assert_eq!(rows.len(), 3 * 8);
    let ids: Vec<i64> =
        (0..i64::from(ROWS)).filter(|id| id % 3 == 1 && id % 7 == 4 && id % 11 != 0).collect();
    let group = rows.iter().find(|row| row[0] == Datum::text("beta") && row[1] == Datum::I32(4)).unwrap();
    assert_eq!(group[2], Datum::I64(ids.len() as i64));
    assert_eq!(group[3], Datum::Numeric(Numeric::from_i128(i128::from(ids.iter().sum::<i64>()), 2)));
    assert_eq!(group[5], Datum::I32(*ids.last().unwrap() as i32));
    assert_eq!(group[6], Datum::I64(1));
}

fn join(kind: JoinKind, projection: Vec<usize>, output: &[Oid]) -> PlanNode {
    let build = scan(1, vec![call("int4lt", vec![column(0, INT4), const_int(40)], oids::BOOL)]);
    let probe = scan(2, vec![call("int4lt", vec![column(0, INT4), const_int(300)], oids::BOOL)]);
    // probe.k = build.id and probe.id <> build.k
    let join = HashJoin {
        kind,
        probe: Box::new(probe),
        build: Box::new(build),
        keys: vec![JoinKey { probe: column(1, INT4), build: column(0, INT4), nulls_equal: false }],
        residual: Some(call("int4ne", vec![column(0, INT4), column(5, INT4)], oids::BOOL)),
        null_aware: false,
        projection,
        runtime_filters: Vec::new(),
    };
    node(3, NodeKind::HashJoin(join), output)
}

/// (probe id, build id) of all pairs.
fn pairs() -> Vec<(i32, i32)> {
    let k = |id: i32| (id % 11 != 0).then_some(id % 7);
    let mut pairs = Vec::new();
    for probe in 0..300 {
        for build in 0..40 {
            if k(probe) == Some(build) && k(build).is_some_and(|k| k != probe) {
                pairs.push((probe, build));
            }
        }
    }
    pairs
}

#[test]
fn joins() {
    let inner: Vec<Vec<Datum>> =
        pairs().iter().map(|(probe, build)| vec![Datum::I32(*probe), Datum::I32(*build)]).collect();
    assert_eq!(everywhere(join(JoinKind::Inner, vec![0, 4], &[INT4, INT4])), inner);
    let matched = |id: &i32| pairs().iter().any(|(probe, _)| probe == id);
    let semi: Vec<Vec<Datum>> = (0..300).filter(matched).map(|id| vec![Datum::I32(id)]).collect();
    assert_eq!(everywhere(join(JoinKind::ProbeSemi, vec![0], &[INT4])), semi);
    let anti: Vec<Vec<Datum>> = (0..300).filter(|id| !matched(id)).map(|id| vec![Datum::I32(id)]).collect();
    assert_eq!(everywhere(join(JoinKind::ProbeAnti, vec![0], &[INT4])), anti);
    let outer = everywhere(join(JoinKind::FullOuter, vec![0, 4], &[INT4, INT4]));
    let built = |id: &i32| pairs().iter().any(|(_, build)| build == id);
    assert_eq!(outer.len(), inner.len() + anti.len() + (0..40).filter(|id| !built(id)).count());
    let build_anti = everywhere(join(JoinKind::BuildAnti, vec![4], &[INT4]));
    assert_eq!(build_anti.len(), (0..40).filter(|id| !built(id)).count());
}

#[test]
fn top_rows() {
    let keys = vec![
        SortKey { expr: column(3, oids::TEXT), descending: true, nulls_first: true },
        SortKey { expr: column(2, oids::NUMERIC), descending: true, nulls_first: true },
    ];
    let limit = Expr::constant(Datum::I64(5), ty(oids::INT8));
    let top =
        NodeKind::TopN { input: Box::new(scan(1, Vec::new())), keys: keys.clone(), limit, offset: None };
    let output = [INT4, INT4, oids::NUMERIC, oids::TEXT];
    let first = everywhere(node(2, top, &output));
    let ids: Vec<Datum> = first.iter().map(|row| row[0].clone()).collect();
    let expected: Vec<i32> = (0..ROWS).rev().filter(|id| id % 3 == 1).take(5).collect();
    assert_eq!(ids, expected.into_iter().map(Datum::I32).collect::<Vec<_>>());
    let sort = NodeKind::Sort { input: Box::new(scan(1, Vec::new())), keys };
    assert_eq!(everywhere(node(2, sort, &output))[..5], first[..]);
}
