import type { Plan } from '../../proto/gen/spark/connect/Plan.ts';
import type { Relation } from '../../proto/gen/spark/connect/Relation.ts';

const NAME_LENGTH_MAX = 200;

/** What people read in `quarry jobs`: a SQL text, or what is done to which data. */
export function jobName(plan: Plan): string {
  const text =
    plan.opType === 'command'
      ? `${words(plan.command?.commandType ?? 'command')} ${source(inputOf(plan.command!)) ?? ''}`
      : (sqlOf(plan.root) ?? `${words(plan.root?.relType ?? 'query')} ${source(plan.root) ?? ''}`);
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > NAME_LENGTH_MAX ? `${line.slice(0, NAME_LENGTH_MAX)}...` : line;
}

/** `writeOperation` reads `write operation`. */
function words(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function sqlOf(relation: Relation | null | undefined): string | undefined {
  const input = unwrapped(relation);
  return input?.sql?.query;
}

/** Below what only shows or bounds an answer. */
function unwrapped(relation: Relation | null | undefined): Relation | null | undefined {
  switch (relation?.relType) {
    case 'showString':
      return unwrapped(relation.showString?.input);
    case 'limit':
      return unwrapped(relation.limit?.input);
    default:
      return relation;
  }
}

/** The leftmost leaf that has a name. */
function source(relation: Relation | null | undefined): string | undefined {
  let current: Relation | null | undefined = relation;
  while (current !== null && current !== undefined) {
    if (current.relType === 'sql') return current.sql?.query;
    if (current.relType === 'read') {
      return current.read?.namedTable?.unparsedIdentifier ?? current.read?.dataSource?.paths.join(', ');
    }
    current = inputOf(current[current.relType!] as object | null);
  }
  return undefined;
}

function inputOf(message: object | null | undefined): Relation | null | undefined {
  const { input, left, leftInput, root, writeOperation, createDataframeView } = (message ?? {}) as Record<
    string,
    Relation | null | undefined
  >;
  const nested = (writeOperation ?? createDataframeView) as { input?: Relation } | null | undefined;
  return input ?? left ?? leftInput ?? root ?? nested?.input;
}
