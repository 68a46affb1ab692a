import { createHash } from 'node:crypto';
import { QuarryError } from '../../common/quarry-error.ts';
import type { SqlInputInput } from '../../proto/gen/quarry/SqlInput.ts';
import type { Split } from '../files/split-planner.ts';
import type { Attribute } from '../plan/expression.ts';
import { jsonKernelType, jsonValue } from '../plan/functions/json.ts';
import type { LogicalPlan, LogScanRange, PlanLeaf, ScanFile } from '../plan/logical-plan.ts';
import { columnName } from '../plan/render/render-expression.ts';
import { renderFragment } from '../plan/render/render-fragment.ts';
import { renderLeaf, renderScanSelect, usesFileName } from '../plan/render/render-leaf.ts';
import { duckdbType, quoteIdentifier } from '../plan/types/duckdb-type.ts';
import { decodeFromShuffle, encodeForShuffle, storedKernelType } from './exchange-codec.ts';

export type ScanLeaf = Extract<PlanLeaf, { kind: 'scan' }>;
export type LogLeaf = Extract<PlanLeaf, { kind: 'log-scan' }>;
type TextLeaf = Extract<PlanLeaf, { kind: 'text-scan' }>;
type StateLeaf = Extract<PlanLeaf, { kind: 'state-read' }>;
type ExchangeLeaf = Extract<PlanLeaf, { kind: 'exchange-read' }>;

/** What a fragment without columns has in their place: it still has rows. */
const NO_COLUMN = 'c_';

export const PARTITION_COLUMN = 'quarry_p';

/** A fragment's SQL, which is the same for all its tasks, and what its inputs are. */
export interface FragmentSql {
  readonly sql: string;
  readonly inputs: readonly FragmentInput[];
}

export type FragmentInput =
  | { readonly kind: 'scan'; readonly view: string; readonly scan: ScanLeaf }
  | { readonly kind: 'log'; readonly view: string; readonly log: LogLeaf }
  | { readonly kind: 'text'; readonly view: string; readonly text: TextLeaf }
  | { readonly kind: 'state'; readonly view: string; readonly state: StateLeaf }
  | { readonly kind: 'exchange'; readonly view: string; readonly exchange: ExchangeLeaf };

/** What one task reads of the inputs of its stage. */
export interface InputShare {
  splits(scan: ScanLeaf): readonly Split[];
  ranges(log: LogLeaf): readonly LogScanRange[];
  state(operator: number): readonly ScanFile[];
  partitionColumn(exchangeId: number): string;
}

/** Renders `plan` with a word for each input, which the executor replaces. Fragments of one task differ in `salt`. */
export function renderPlan(plan: LogicalPlan, salt = ''): FragmentSql {
  const inputs: FragmentInput[] = [];
  // No user's text can hold the words: they are derived from all of it.
  const nonce = createHash('sha256')
    .update(salt)
    .update(renderFragment(plan, (leaf) => leaf.kind))
    .digest('hex')
    .slice(0, 16);
  const sql = renderFragment(plan, (leaf) => {
    const view = `quarry_${nonce}_${inputs.length}_`;
    switch (leaf.kind) {
      case 'scan':
        inputs.push({ kind: 'scan', view, scan: leaf });
        return renderScanSelect(leaf, view);
      case 'exchange-read':
        inputs.push({ kind: 'exchange', view, exchange: leaf });
        return `(SELECT ${decodedColumns(leaf.output)} FROM ${view})`;
      case 'log-scan':
        inputs.push({ kind: 'log', view, log: leaf });
        return `(SELECT ${logColumns(leaf)} FROM ${view})`;
      case 'state-read':
        inputs.push({ kind: 'state', view, state: leaf });
        return `(SELECT ${storedState(leaf.output)} FROM ${view})`;
      case 'text-scan':
        inputs.push({ kind: 'text', view, text: leaf });
        return `(SELECT ${leaf.output.map(({ id, name }) => `${quoteIdentifier(name)} AS ${columnName(id)}`).join(', ') || `1 AS ${NO_COLUMN}`} FROM ${view})`;
      case 'step-read':
        return leaf.table;
      case 'stream-source':
        throw new QuarryError(
          'ANALYSIS',
          'Queries with streaming sources must be executed with writeStream.start()',
        );
      default:
        return renderLeaf(leaf);
    }
  });
  return { sql, inputs };
}

/** The input of one task: `splits` are its part of the scan. */
export function toSqlInput(input: FragmentInput, share: InputShare): SqlInputInput {
  if (input.kind === 'exchange') {
    const { exchangeId, output } = input.exchange;
    return {
      view: input.view,
      shuffle: {
        stage: exchangeId,
        columns:
          output.length === 0
            ? [{ name: NO_COLUMN, kernelType: 'INTEGER' }]
            : output.map(({ id, type }) => ({ name: columnName(id), kernelType: storedKernelType(type) })),
        partitionColumn: share.partitionColumn(exchangeId),
      },
    };
  }
  if (input.kind === 'log') {
    const { url, settings, output, json = [] } = input.log;
    const fields = json.filter(({ attribute }) => output.some(({ id }) => id === attribute.id));
    return {
      view: input.view,
      log: {
        url,
        settings: { ...settings },
        ranges: share.ranges(input.log).map((range) => ({ ...range })),
        columns: recordColumns(input.log).map(({ name }) => name),
        json: fields.map(({ field, attribute }) => ({
          field,
          kernelType: jsonKernelType(attribute.type),
          column: columnName(attribute.id),
        })),
      },
    };
  }
  if (input.kind === 'text') {
    const { format, paths, columns, options, sourceId } = input.text;
    return {
      view: input.view,
      ...counted(sourceId),
      text: {
        format,
        paths: [...paths],
        columns: columns.map(({ name, type }) => ({ name, kernelType: duckdbType(type) })),
        options: { ...options },
      },
    };
  }
  if (input.kind === 'state') {
    return {
      view: input.view,
      scan: {
        columns: input.state.output.map(({ type }, index) => ({
          name: storedName(index),
          kernelType: storedKernelType(type),
        })),
        fileName: false,
        splits: share.state(input.state.operator).map(({ path, inodeId, generation, lengthBytes }) => ({
          path,
          inodeId,
          generation,
          lengthBytes,
          rowGroups: [],
        })),
      },
    };
  }
  return {
    view: input.view,
    ...counted(input.scan.sourceId),
    scan: {
      columns: storedColumns(input.scan),
      fileName: usesFileName(input.scan),
      splits: share.splits(input.scan).map(({ file, rowGroups }) => ({
        path: file.path,
        inodeId: file.inodeId,
        generation: file.generation,
        lengthBytes: file.lengthBytes,
        rowGroups: [...rowGroups],
      })),
    },
  };
}

/** What the rows that tasks read of a stream's source are told under, unless that is a log: those go by partition. */
export function sourceRows(sourceId: number): string {
  return `source:${sourceId}`;
}

function counted(sourceId: number | undefined): { counted?: string } {
  return sourceId === undefined ? {} : { counted: sourceRows(sourceId) };
}

/** The columns of the files that a scan reads, by their names there. */
function storedColumns(scan: ScanLeaf): { name: string; kernelType: string }[] {
  const stored = scan.output.slice(0, scan.output.length - scan.partitionColumnCount);
  const columns = new Map<string, string>();
  for (const attribute of stored) {
    const name = scan.fileColumns?.get(attribute.id) ?? attribute.name;
    const field =
      scan.fileSchema.fields.find((each) => each.name === name) ??
      scan.fileSchema.fields.find((each) => each.name.toLowerCase() === name.toLowerCase());
    if (field !== undefined) columns.set(field.name, duckdbType(field.type));
  }
  return [...columns].map(([name, kernelType]) => ({ name, kernelType }));
}

/** Columns of the records themselves, without what the kernel reads out of their values. */
function recordColumns({ output, json = [] }: LogLeaf): Attribute[] {
  return output.filter(({ id }) => !json.some(({ attribute }) => attribute.id === id));
}

function logColumns(log: LogLeaf): string {
  if (log.output.length === 0) return `1 AS ${NO_COLUMN}`;
  const own = new Set(recordColumns(log));
  return log.output
    .map((attribute) => {
      const name = columnName(attribute.id);
      const sql = own.has(attribute) ? quoteIdentifier(attribute.name) : jsonValue(name, attribute.type);
      return sql === name ? name : `${sql} AS ${name}`;
    })
    .join(', ');
}

function storedName(index: number): string {
  return `s${index}`;
}

function storedState(output: readonly Attribute[]): string {
  return output
    .map(({ id, type }, index) => `${decodeFromShuffle(storedName(index), type)} AS ${columnName(id)}`)
    .join(', ');
}

/** A fragment's SELECT as state files hold it: by position, because ids are a session's own. */
export function stateSql(fragment: string, output: readonly Attribute[]): string {
  const columns = output.map(
    ({ id, type }, index) => `${encodeForShuffle(columnName(id), type)} AS ${storedName(index)}`,
  );
  return `SELECT ${columns.join(', ')} FROM (${fragment}) AS t`;
}

function decodedColumns(output: readonly Attribute[]): string {
  if (output.length === 0) return NO_COLUMN;
  return output
    .map(({ id, type }) => `${decodeFromShuffle(columnName(id), type)} AS ${columnName(id)}`)
    .join(', ');
}

/** A fragment's SELECT as map tasks write it: columns stored, and the partition number where there is more than one. */
export function shuffleSql(
  fragment: string,
  output: readonly Attribute[],
  partitionNumber: string | undefined,
): string {
  const columns = output.map(
    ({ id, type }) => `${encodeForShuffle(columnName(id), type)} AS ${columnName(id)}`,
  );
  if (output.length === 0) columns.push(NO_COLUMN);
  if (partitionNumber !== undefined) columns.push(`${partitionNumber} AS ${PARTITION_COLUMN}`);
  return `SELECT ${columns.join(', ')} FROM (${fragment}) AS t`;
}
