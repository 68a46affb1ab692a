import { extname } from 'node:path';
import { QuarryError } from '../../common/quarry-error.ts';

/** What spark-submit was asked to do, with nothing interpreted. */
export interface SparkArguments {
  /** Values of Spark's options that take one, by name without dashes; the last one counts. */
  readonly options: ReadonlyMap<string, string>;
  /** `--conf K=V`, in order. */
  readonly conf: readonly (readonly [key: string, value: string])[];
  readonly verbose: boolean;
  readonly supervise: boolean;
  readonly version: boolean;
  /** Options that Spark has not either: reported, not refused. */
  readonly unknown: readonly string[];
  readonly application: string | undefined;
  readonly applicationArgs: readonly string[];
}

const VALUED = new Set(
  `master remote deploy-mode class name jars packages exclude-packages repositories py-files files archives conf
  properties-file driver-memory driver-java-options driver-library-path driver-class-path executor-memory proxy-user
  principal keytab driver-cores total-executor-cores executor-cores num-executors queue kill status cluster`.split(
    /\s+/,
  ),
);
const FLAGS = new Set(['verbose', 'supervise', 'version', 'load-spark-defaults']);
const SHORT: Readonly<Record<string, string>> = { '-c': '--conf', '-v': '--verbose' };
const APPLICATIONS = new Set(['.py', '.ts', '.mts', '.js', '.mjs', '.jar', '.r']);

/**
 * Reads a command line as Spark does: options, then the application, then what belongs to the application. An option that
 * nobody knows takes the next word with it, unless that is an option or an application itself.
 * Errors: INVALID_ARGUMENT for an option without its value and for a conf without `=`.
 */
export function parseSparkArguments(words: readonly string[]): SparkArguments {
  const options = new Map<string, string>();
  const conf: [string, string][] = [];
  const flags = new Set<string>();
  const unknown: string[] = [];
  let at = 0;
  for (; at < words.length; at++) {
    const word = SHORT[words[at]!] ?? words[at]!;
    if (!word.startsWith('-')) break;
    const equals = word.indexOf('=');
    const name = word.slice(word.startsWith('--') ? 2 : 1, equals < 0 ? undefined : equals);
    if (FLAGS.has(name)) {
      flags.add(name);
    } else if (VALUED.has(name)) {
      const value = equals < 0 ? words[++at] : word.slice(equals + 1);
      if (value === undefined) throw new QuarryError('INVALID_ARGUMENT', `--${name} takes a value`);
      if (name === 'conf') conf.push(pair(value));
      else options.set(name, value);
    } else {
      unknown.push(word);
      if (equals < 0 && isValue(words[at + 1])) at++;
    }
  }
  return {
    options,
    conf,
    verbose: flags.has('verbose'),
    supervise: flags.has('supervise'),
    version: flags.has('version'),
    unknown,
    application: words[at],
    applicationArgs: words.slice(at + 1),
  };
}

/** What `quarry submit` is told, as spark-submit is. */
export function submitArguments(told: {
  readonly cluster: string | undefined;
  readonly application: string;
  readonly args: readonly string[];
}): SparkArguments {
  const { cluster, application, args } = told;
  return {
    options: new Map(cluster === undefined ? [] : [['cluster', cluster]]),
    conf: [],
    verbose: false,
    supervise: false,
    version: false,
    unknown: [],
    application,
    applicationArgs: args,
  };
}

function isValue(word: string | undefined): boolean {
  return word !== undefined && !word.startsWith('-') && !APPLICATIONS.has(extname(word).toLowerCase());
}

function pair(text: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new QuarryError('INVALID_ARGUMENT', `--conf takes KEY=VALUE, not ${text}`);
  return [text.slice(0, equals).trim(), text.slice(equals + 1).trim()];
}

/** A properties file as spark-defaults.conf is written: `key value`, `key=value` or `key: value` on each line, # for comments. */
export function parseProperties(text: string): [key: string, value: string][] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#') && !line.startsWith('!'))
    .flatMap((line) => {
      const match = /^([^\s=:]+)\s*[=:\s]\s*(.*)$/.exec(line);
      return match === null ? [] : [[match[1]!, match[2]!] as [string, string]];
    });
}
