import { clusterDirectory, readClusterFile } from '../../common/cluster-file.ts';
import { QuarryError } from '../../common/quarry-error.ts';
import type { KeyValueView } from '../../sinks/key-value-view.ts';
import { openView } from '../../sinks/open-view.ts';
import { type Command, parse, print, printJson } from '../command.ts';
import { CLUSTER_OPTION } from '../connection.ts';

const OPTIONS = {
  ...CLUSTER_OPTION,
  url: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const;
type Values = ReturnType<typeof parse<typeof OPTIONS>>['values'];

interface Call {
  readonly view: KeyValueView;
  readonly values: Values;
  /** What follows the verb. */
  readonly words: readonly string[];
}

/** Above every key. */
const KEY_END = '\u{10ffff}';

const VERBS: Readonly<Record<string, (call: Call) => Promise<void>>> = { ls, get, drop };

export const viewCommand: Command = {
  name: 'view',
  summary: 'key-value views of streaming queries: which there are, what they hold, throw one away',
  usage: `quarry view ls                    every view: how far it is written, how many keys, its first and last key
quarry view get VIEW [KEY]        the keys, or the fields and values of one
quarry view drop VIEW...          forgets them with their markers; a replay into one begins anew.
                                  Stop the query that writes it first: it would have nothing to go on from
    --url redis://HOST:PORT or quarry-views://HOST:PORT, else the views of the cluster (--cluster DIR); --json where data is printed`,
  async run(args) {
    const { values, positionals } = parse('view', args, OPTIONS);
    const [verb = '', ...words] = positionals;
    const act = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
    if (act === undefined)
      throw new QuarryError('INVALID_ARGUMENT', `quarry view ${Object.keys(VERBS).join('|')}; see --help`);
    const view = await openView(values.url ?? viewsUrl(values.cluster));
    try {
      await act({ view, values, words });
    } finally {
      await view.close();
    }
    return 0;
  },
};

/** Errors: CLUSTER_NOT_RUNNING. */
function viewsUrl(cluster: string | undefined): string {
  const directory = clusterDirectory(cluster);
  const service = readClusterFile(directory).services?.find(({ name }) => name === 'views');
  if (service?.address === undefined) {
    throw new QuarryError(
      'CLUSTER_NOT_RUNNING',
      `the cluster in ${directory} runs no views service: name the store with --url redis://HOST:PORT or quarry-views://HOST:PORT`,
    );
  }
  return `quarry-views://${service.address}`;
}

async function ls({ view, values }: Call): Promise<void> {
  const found = await Promise.all(
    (await view.views()).map(async (name) => {
      const [marker, keys] = await Promise.all([view.marker(name), view.keys(name, '', KEY_END)]);
      return {
        view: name,
        epoch: marker?.epoch ?? null,
        batch: marker?.batchId ?? null,
        keys: keys.length,
        first: keys[0] ?? null,
        last: keys.at(-1) ?? null,
      };
    }),
  );
  if (values.json) return printJson(found);
  if (found.length === 0) print('no views');
  for (const { view: name, epoch, batch, keys, first, last } of found) {
    const range = first === null ? '' : `, ${first} to ${last}`;
    print(`${name.padEnd(24)} batch ${batch ?? '-'} of epoch ${epoch ?? '-'}, ${keys} keys${range}`);
  }
}

async function get({ view, values, words }: Call): Promise<void> {
  const [name, key] = words;
  if (name === undefined) throw new QuarryError('INVALID_ARGUMENT', 'name a view; quarry view ls lists them');
  await known(view, name);
  if (key === undefined) {
    const keys = await view.keys(name, '', KEY_END);
    if (values.json) printJson(keys);
    else for (const each of keys) print(each);
    return;
  }
  const fields = (await view.read(name, [key])).get(key);
  if (fields === undefined)
    throw new QuarryError(
      'FILE_NOT_FOUND',
      `view ${name} has no key ${key}: quarry view get ${name} lists them`,
    );
  if (values.json) printJson(Object.fromEntries(fields));
  else for (const [field, value] of fields) print(`${field}\t${value}`);
}

async function drop({ view, words }: Call): Promise<void> {
  if (words.length === 0) throw new QuarryError('INVALID_ARGUMENT', 'name the views to drop');
  // All or none: a typing error must not leave half of it done.
  for (const name of words) await known(view, name);
  for (const name of words) await view.drop(name);
}

/** Errors: FILE_NOT_FOUND. */
async function known(view: KeyValueView, name: string): Promise<void> {
  const names = await view.views();
  if (names.includes(name)) return;
  throw new QuarryError('FILE_NOT_FOUND', `no view ${name}: there are ${names.join(', ') || 'none'}`);
}
