import { join } from 'node:path';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import protobuf from 'protobufjs';
import { Analyzer } from '../../../../driver/plan/analyzer.ts';
import type { AnalyzerContext, FileSource, ResolvedFiles } from '../../../../driver/plan/analyzer-context.ts';
import type { LogicalPlan, PlanLeaf } from '../../../../driver/plan/logical-plan.ts';
import { optimize } from '../../../../driver/plan/optimize.ts';
import { renderFragment } from '../../../../driver/plan/render/render-fragment.ts';
import { renderLeaf, renderScanSelect, usesFileName } from '../../../../driver/plan/render/render-leaf.ts';
import { parseType } from '../../../../driver/plan/types/type-parser.ts';
import { simpleString } from '../../../../driver/plan/types/simple-string.ts';
import { duckdbType } from '../../../../driver/plan/types/duckdb-type.ts';
import type { Relation, RelationInput } from '../../../../proto/gen/spark/connect/Relation.ts';

const root = join(import.meta.dirname, '../../../..');

let messages: Promise<protobuf.Root> | undefined;

async function relationType(): Promise<protobuf.Type> {
  messages ??= (async () => {
    const loaded = new protobuf.Root();
    loaded.resolvePath = (_origin, target) =>
      target.startsWith('google/')
        ? join(root, 'node_modules/protobufjs', target)
        : join(root, 'proto/spark', target);
    return loaded.load('spark/connect/relations.proto');
  })();
  return (await messages).lookupType('spark.connect.Relation');
}

/** What the driver receives when a client sends this. */
export async function received(relation: RelationInput): Promise<Relation> {
  const type = await relationType();
  const bytes = type.encode(type.fromObject(relation)).finish();
  const options = { longs: String, enums: String, defaults: true, arrays: true, objects: true, oneofs: true };
  return type.toObject(type.decode(bytes), options) as Relation;
}

export interface Answer {
  readonly names: readonly string[];
  readonly types: readonly string[];
  readonly nullable: readonly boolean[];
  readonly rows: readonly (readonly unknown[])[];
}

export interface FixtureOptions {
  readonly conf?: Readonly<Record<string, string>>;
  readonly timeZone?: string;
}

/** An analyzer over local files, and a kernel that runs what it makes. */
export class PlanFixture {
  readonly analyzer: Analyzer;
  readonly connection: DuckDBConnection;
  private readonly views = new Map<string, LogicalPlan>();
  private readonly files = new Map<string, ResolvedFiles>();

  private constructor(connection: DuckDBConnection, options: FixtureOptions) {
    this.connection = connection;
    let id = 0;
    const context: AnalyzerContext = {
      conf: (key) => options.conf?.[key],
      tempView: (name) => this.views.get(name.toLowerCase()),
      resolveFiles: (source) => this.resolveFiles(source),
      nextAttributeId: () => {
        id += 1;
        return id;
      },
      cachedLocalRelation: () => new Uint8Array(),
      resolveLog: () => Promise.reject(new Error('no log here')),
      resolveTable: () => Promise.reject(new Error('no tables here')),
      remoteRelation: (id) => this.views.get(id),
    };
    this.analyzer = new Analyzer(context);
  }

  static async open(options: FixtureOptions = {}): Promise<PlanFixture> {
    const instance = await DuckDBInstance.create(':memory:', {
      threads: '1',
      autoinstall_known_extensions: 'false',
    });
    const connection = await instance.connect();
    await connection.run(`SET TimeZone = '${options.timeZone ?? 'UTC'}'`);
    return new PlanFixture(connection, options);
  }

  close(): void {
    this.connection.closeSync();
  }

  addView(name: string, plan: LogicalPlan): void {
    this.views.set(name.toLowerCase(), plan);
  }

  /** Makes the view `name` from rows of SQL values, with Spark types. */
  async table(name: string, schema: string, rows: readonly string[]): Promise<void> {
    const fields = schema.split(/,(?![^<(]*[>)])/).map((field) => {
      const [column, ...type] = field.trim().split(' ');
      return { name: column!, type: parseType(type.join(' ')), nullable: true };
    });
    const path = `/tables/${name}`;
    const values =
      rows.length === 0
        ? `SELECT ${fields.map(() => 'NULL').join(', ')} WHERE false`
        : `VALUES ${rows.map((row) => `(${row})`).join(', ')}`;
    const columns = fields.map(
      (field) => `CAST("${field.name}" AS ${duckdbType(field.type)}) AS "${field.name}"`,
    );
    await this.connection.run(
      `CREATE OR REPLACE TABLE "${path}" AS SELECT ${columns.join(', ')} FROM (${values}) AS v(${fields.map((field) => `"${field.name}"`).join(', ')})`,
    );
    const file = { path, inodeId: 1, generation: 1, lengthBytes: 1, partitionValues: [] };
    this.files.set(path, { files: [file], schema: { kind: 'struct', fields }, partitionColumns: [] });
    this.addView(name, await this.analyze(readOf(path)));
  }

  addFiles(path: string, files: ResolvedFiles): void {
    this.files.set(path, files);
  }

  private async resolveFiles(source: FileSource): Promise<ResolvedFiles> {
    const found = this.files.get(source.paths[0]!);
    if (found === undefined) throw new Error(`no file ${source.paths.join()}`);
    return found;
  }

  async analyze(relation: RelationInput): Promise<LogicalPlan> {
    return this.analyzer.analyze(await received(relation));
  }

  async sql(text: string): Promise<Answer> {
    return this.run((await this.analyzer.analyzeSql(text)) as LogicalPlan);
  }

  async query(relation: RelationInput): Promise<Answer> {
    return this.run(await this.analyze(relation));
  }

  leaf(leaf: PlanLeaf): string {
    if (leaf.kind === 'scan') {
      const [file] = leaf.files;
      if (file === undefined) throw new Error('a scan without files');
      if (!file.path.startsWith('/tables/')) {
        const list = leaf.files.map(({ path }) => `'${path}'`).join(', ');
        const flags = `${usesFileName(leaf) ? ', filename = true' : ''}, hive_partitioning = false`;
        return renderScanSelect(leaf, `read_parquet([${list}]${flags})`);
      }
      return renderScanSelect(leaf, `"${file.path}"`);
    }
    if (leaf.kind === 'local' || leaf.kind === 'range' || leaf.kind === 'one-row') return renderLeaf(leaf);
    throw new Error(`no ${leaf.kind} here`);
  }

  /** Runs a plan as it is and optimised: both must agree with what the plan says of its types. */
  async run(plan: LogicalPlan): Promise<Answer> {
    const first = await this.execute(plan);
    const second = await this.execute(optimize(plan));
    if (JSON.stringify(first.rows) !== JSON.stringify(second.rows)) {
      throw new Error(
        `optimised rows differ: ${JSON.stringify(first.rows)} and ${JSON.stringify(second.rows)}`,
      );
    }
    return first;
  }

  async execute(plan: LogicalPlan): Promise<Answer> {
    const sql = renderFragment(plan, (leaf) => this.leaf(leaf));
    const described = await this.connection.runAndReadAll(`DESCRIBE ${sql}`).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${sql}`);
    });
    const kernelTypes = described.getRowsJson().map((row) => row[1] as string);
    const result = await this.connection.runAndReadAll(sql);
    for (const [index, attribute] of plan.output.entries()) {
      const wanted = normalType(duckdbType(attribute.type));
      if (normalType(kernelTypes[index]!) !== wanted) {
        throw new Error(`${attribute.name} is ${kernelTypes[index]} and not ${wanted}: ${sql}`);
      }
    }
    return {
      names: plan.output.map(({ name }) => name),
      types: plan.output.map(({ type }) => simpleString(type)),
      nullable: plan.output.map(({ nullable }) => nullable),
      rows: plan.output.length === 0 ? [] : result.getRowsJson(),
    };
  }
}

function normalType(type: string): string {
  return type.replaceAll('TIMESTAMPTZ', 'TIMESTAMP WITH TIME ZONE').replaceAll('"', '');
}

export function readOf(path: string, planId?: number): RelationInput {
  return {
    ...(planId === undefined ? {} : { common: { planId } }),
    read: { dataSource: { format: 'parquet', paths: [path] } },
  };
}
