import type { FileSystem } from '../../client/fs/file-system.ts';
import { QuarryError } from '../../common/quarry-error.ts';

/** One verb of `quarry fs`. Flags are those of `hdfs dfs`: single letters may be joined (-rf is not -r -f there, nor here: each flag is its own word). */
export interface Verb {
  readonly usage: string;
  /** Flags the verb knows, without the dash; `name=` takes the next word as its value. */
  readonly flags: readonly string[];
  readonly least: number;
  run(fs: FileSystem, args: readonly string[], flags: ReadonlyMap<string, string>): Promise<number>;
}

/** Splits words into flags and operands. Errors: INVALID_ARGUMENT for a flag that the verb does not know. */
export function splitFlags(
  name: string,
  verb: Verb,
  words: readonly string[],
): { args: string[]; flags: Map<string, string> } {
  const args: string[] = [];
  const flags = new Map<string, string>();
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    // '-' alone is standard input, and a mode such as -rwx never comes first.
    if (!word.startsWith('-') || word === '-' || (args.length > 0 && name === 'chmod')) {
      args.push(word);
      continue;
    }
    const flag = word.replace(/^--?/, '');
    if (verb.flags.includes(flag)) flags.set(flag, '');
    else if (verb.flags.includes(`${flag}=`)) flags.set(flag, words[++i] ?? '');
    else
      throw new QuarryError(
        'INVALID_ARGUMENT',
        `quarry fs ${name} has no flag ${word}; usage: quarry fs ${verb.usage}`,
      );
  }
  if (args.length < verb.least) throw new QuarryError('INVALID_ARGUMENT', `usage: quarry fs ${verb.usage}`);
  return { args, flags };
}

/** Bytes as people read them, in `hdfs dfs -h`'s steps. */
export function humanBytes(bytes: number): string {
  const units = ['', ' K', ' M', ' G', ' T', ' P'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? String(bytes) : `${value.toFixed(1)}${units[unit]}`;
}
