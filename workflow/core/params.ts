import { QuarryError } from '../../common/quarry-error.ts';
import type { Json, JsonObject } from './dag-model.ts';

/** What a run is given must be parameters of the DAG, each of the kind that its default is; a default of null takes anything. Errors: INVALID_ARGUMENT. */
export function checkParams(dagId: string, defaults: JsonObject, given: JsonObject): void {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, name)) {
      const known = Object.keys(defaults).join(', ') || 'none';
      throw new QuarryError('INVALID_ARGUMENT', `${dagId} has no parameter ${name}; it has: ${known}`);
    }
    const wanted = kindOf(defaults[name]!);
    const kind = kindOf(value);
    if (wanted !== 'null' && kind !== wanted) {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        `parameter ${name} of ${dagId} is a ${wanted}, as its default ${JSON.stringify(defaults[name])}, not ${JSON.stringify(value)}`,
      );
    }
  }
}

/** NAME=VALUE pairs as a person types them: a parameter whose default is text takes the text as it is, any other one JSON where it is that. */
export function paramsOfTexts(
  defaults: JsonObject,
  texts: Readonly<Record<string, string>>,
): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => {
      const isText = Object.hasOwn(defaults, name) && typeof defaults[name] === 'string';
      return [name, isText ? text : jsonOrText(text)];
    }),
  );
}

function jsonOrText(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    // Not JSON: then it is the text itself.
    return text;
  }
}

function kindOf(value: Json): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'list' : typeof value;
}
