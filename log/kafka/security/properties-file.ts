import { readFile } from 'node:fs/promises';
import { QuarryError } from '../../../common/quarry-error.ts';

/** A file of `name=value` lines as Kafka's own tools take with `--command-config`. Errors: INVALID_ARGUMENT when it cannot be read. */
export async function readProperties(path: string): Promise<Record<string, string>> {
  return parseProperties(await readSetting('properties', path));
}

/** The text of a file that a setting names. Errors: INVALID_ARGUMENT. */
export async function readSetting(setting: string, path: string): Promise<string> {
  return (await readSettingBytes(setting, path)).toString();
}

export async function readSettingBytes(setting: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new QuarryError('INVALID_ARGUMENT', `${setting} names a file that cannot be read here: ${reason}`, {
      cause,
    });
  }
}

/** Java's properties: `#` and `!` begin comments, a backslash at a line's end goes on, `=`, `:` or a blank ends the name. */
export function parseProperties(text: string): Record<string, string> {
  const properties: Record<string, string> = {};
  const logical = text.replaceAll(/(?<!\\)((?:\\\\)*)\\\r?\n[ \t]*/g, '$1');
  for (const line of logical.split(/\r?\n/)) {
    const found = /^\s*([^#!\s=:](?:\\.|[^\s=:\\])*)\s*[=:]?\s*(.*)$/.exec(line);
    if (found !== null) properties[unescaped(found[1]!)] = unescaped(found[2]!);
  }
  return properties;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f' };

function unescaped(text: string): string {
  return text.replaceAll(/\\(?:u([0-9a-fA-F]{4})|(.))/g, (_, code: string | undefined, letter: string) =>
    code === undefined ? (ESCAPES[letter] ?? letter) : String.fromCharCode(Number.parseInt(code, 16)),
  );
}
