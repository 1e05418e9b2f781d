// node's pg: parameters, prepared statements, errors, cursors, a pool.
const assert = require("assert");
const { Client, Pool } = require("pg");
const Cursor = require("pg-cursor");
const url = process.env.SURUS_URL;

async function main() {
  const client = new Client({ connectionString: url });
  await client.connect();
  let result = await client.query("select $1::int as a, $2::text as b, $3::timestamptz as c", [1, "x", new Date(0)]);
  assert.strictEqual(result.rows[0].a, 1);
  assert.strictEqual(result.rows[0].b, "x");
  assert.strictEqual(result.rows[0].c.getTime(), 0);
  await client.query("drop table if exists c_node");
  await client.query("create table c_node (id int primary key, data text[])");
  await client.query("insert into c_node values ($1, $2)", [1, ["a", "b,c"]]);
  result = await client.query({ name: "by id", text: "select data from c_node where id = $1", values: [1] });
  assert.deepStrictEqual(result.rows[0].data, ["a", "b,c"]);
  result = await client.query({ name: "by id", text: "select data from c_node where id = $1", values: [2] });
  assert.strictEqual(result.rowCount, 0);
  await assert.rejects(client.query("insert into c_node values (1)"), (error) => error.code === "23505" && error.constraint === "c_node_pkey");
  result = await client.query("select 1 as a; select 2 as b");
  assert.strictEqual(result.length, 2);
  const cursor = client.query(new Cursor("select generate_series(1, 10) as n"));
  assert.strictEqual((await cursor.read(4)).length, 4);
  assert.strictEqual((await cursor.read(100)).length, 6);
  await cursor.close();
  await client.query("drop table c_node");
  await client.end();
  const pool = new Pool({ connectionString: url, max: 5 });
  const all = await Promise.all([...Array(50).keys()].map((n) => pool.query("select $1::int8 as n", [n])));
  assert.deepStrictEqual(all.map((one) => Number(one.rows[0].n)), [...Array(50).keys()]);
  await pool.end();
}

main().catch((error) => { console.error(error); process.exit(1); });
