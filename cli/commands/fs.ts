import { QuarryError } from '../../common/quarry-error.ts';
import { type Command, notThereYet } from '../command.ts';
import { withFileSystem } from '../connection.ts';
import { chmod, mkdir, mv, rm, setrep, touch } from '../fs/change.ts';
import { count, df, du, fsck, ls, stat } from '../fs/list.ts';
import { cat, cp, get, put, tail } from '../fs/transfer.ts';
import { splitFlags, type Verb } from '../fs/verb.ts';

const VERBS: Readonly<Record<string, Verb>> = {
  ls,
  stat,
  du,
  df,
  count,
  fsck,
  put,
  get,
  cat,
  tail,
  cp,
  mkdir,
  rm,
  mv,
  touch,
  setrep,
  chmod,
};
const ALIASES: Readonly<Record<string, string>> = {
  copyFromLocal: 'put',
  copyToLocal: 'get',
  text: 'cat',
  touchz: 'touch',
  rmr: 'rm',
};
const LATER = [
  'chown',
  'chgrp',
  'checksum',
  'expunge',
  'appendToFile',
  'truncate',
  'test',
  'find',
  'getmerge',
];

export const fsCommand: Command = {
  name: 'fs',
  summary: 'files of the cluster, with the flags of hdfs dfs',
  usage: `quarry fs [--cluster DIR] VERB ...   (a verb may be written -verb, as for hdfs dfs)\n${Object.values(
    VERBS,
  )
    .map(({ usage }) => `  ${usage}`)
    .join('\n')}`,
  async run(words) {
    const { cluster, rest } = takeCluster(words);
    const [verbWord, ...args] = rest;
    const name = (verbWord ?? '').replace(/^-/, '');
    if (LATER.includes(name)) return notThereYet(`quarry fs ${name}`);
    const verb = VERBS[ALIASES[name] ?? name];
    if (verb === undefined) {
      throw new QuarryError(
        'INVALID_ARGUMENT',
        `quarry fs has no verb ${name === '' ? '(none given)' : name}: see quarry fs --help`,
      );
    }
    const split = splitFlags(name, verb, args);
    return withFileSystem(cluster, (fs) => verb.run(fs, split.args, split.flags));
  },
};

/** --cluster may stand before the verb or after it. */
function takeCluster(words: readonly string[]): { cluster: string | undefined; rest: string[] } {
  const at = words.indexOf('--cluster');
  if (at < 0) return { cluster: undefined, rest: [...words] };
  return { cluster: words[at + 1], rest: [...words.slice(0, at), ...words.slice(at + 2)] };
}
