import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { parquetMetadata } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  footerTail,
  type ParquetFooter,
  readLocalFooter,
} from '../../../../common/parquet/parquet-footer.ts';
import { selectRowGroups } from '../../../../common/parquet/row-group-selection.ts';

const GROUP_ROWS = 2_048;
const GROUPS = 20;
/** Lengths on both sides of 128, where a length takes a second byte. */
const METADATA = { short: 'x', '127': 'a'.repeat(127), '128': 'b'.repeat(128), long: 'é'.repeat(20_000) };

let directory: string;
let instance: DuckDBInstance;
let connection: DuckDBConnection;
let path: string;
let footer: ParquetFooter;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quarry-row-groups-'));
  instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  connection = await instance.connect();
  path = join(directory, 'all.parquet');
  const metadata = Object.entries(METADATA).map(([key, value]) => `"${key}": '${value}'`);
  await connection.run(
    `COPY (SELECT i::INTEGER AS id, i / 2 AS half, i % 2 = 0 AS even, repeat('text ', (i % 90)::INTEGER) || i AS text,
       [i, NULL] AS list, {'a': i, 'b': DATE '2017-05-01'} AS pair FROM range(${GROUPS * GROUP_ROWS}) t(i) ORDER BY i)
     TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE ${GROUP_ROWS}, KV_METADATA {${metadata.join(', ')}})`,
  );
  footer = await readLocalFooter(path);
  expect(footer.metadata.row_groups).toHaveLength(GROUPS);
});
afterAll(async () => {
  connection.disconnectSync();
  instance.closeSync();
  await rm(directory, { recursive: true, force: true });
});

/** The file with a footer that names only these row groups. */
async function selected(groups: readonly number[]): Promise<string> {
  const target = join(directory, `some-${groups.join('-')}.parquet`);
  const data = (await readFile(path)).subarray(0, footer.startBytes);
  await writeFile(target, Buffer.concat([data, footerTail(footer, groups)]));
  return target;
}

const rows = async (sql: string) => (await connection.run(sql)).getRowsJson();

describe('a footer of some row groups', () => {
  it.each([
    ['none', []],
    ['the first', [0]],
    ['the last', [GROUPS - 1]],
    ['some', [1, 7, 18]],
    // From 15 elements on a list's length stands behind its header.
    ['nearly all', Array.from({ length: GROUPS - 1 }, (_, index) => index + 1)],
  ])('reads as the rows of %s', async (_, groups) => {
    const file = await selected(groups);
    const where = `id // ${GROUP_ROWS} IN (${[-1, ...groups].join(', ')})`;
    expect(await rows(`SELECT * FROM read_parquet('${file}') ORDER BY id`)).toEqual(
      await rows(`SELECT * FROM read_parquet('${path}') WHERE ${where} ORDER BY id`),
    );
  });

  it('keeps what else the footer says, however long its texts are', () => {
    const struct = selectRowGroups(footer.bytes, [3, 4], 2 * GROUP_ROWS);
    const trailer = Buffer.from([0, 0, 0, 0, ...Buffer.from('PAR1')]);
    trailer.writeUInt32LE(struct.length);
    const file = Buffer.concat([struct, trailer]);
    const metadata = parquetMetadata(
      file.buffer.slice(file.byteOffset, file.byteOffset + file.length) as ArrayBuffer,
    );
    expect(
      Object.fromEntries((metadata.key_value_metadata ?? []).map(({ key, value }) => [key, value])),
    ).toEqual(METADATA);
    expect(metadata.schema).toEqual(footer.metadata.schema);
    expect(metadata.created_by).toBe(footer.metadata.created_by);
    expect(metadata.num_rows).toBe(BigInt(2 * GROUP_ROWS));
    expect(metadata.row_groups).toEqual(footer.metadata.row_groups.slice(3, 5));
  });

  it('is refused for a row group that is not there, and for a footer that was cut', () => {
    expect(() => selectRowGroups(footer.bytes, [GROUPS], 0)).toThrow(
      expect.objectContaining({ code: 'BAD_DATA' }),
    );
    expect(() => selectRowGroups(footer.bytes.subarray(0, footer.bytes.length - 1), [0], 0)).toThrow(
      expect.objectContaining({ code: 'BAD_DATA' }),
    );
  });
});
