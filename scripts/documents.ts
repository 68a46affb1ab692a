import { status } from '@grpc/grpc-js';
import { CONFIG_KEYS } from '../common/config.ts';
import { ERROR_CODES } from '../common/error-codes.ts';

export function configDocument(): string {
  const rows = Object.entries(CONFIG_KEYS).map(
    ([name, { value, meaning }]) =>
      `| \`${name}\` | ${Array.isArray(value) ? value.join(',') : String(value)} | ${meaning} |`,
  );
  return table(
    'Configuration',
    'Every key that exists. `quarry cluster start --set key=value` reaches every process; an unknown key is an error.',
    ['key', 'default', 'meaning'],
    rows,
  );
}

export function errorDocument(): string {
  const rows = Object.entries(ERROR_CODES).map(
    ([code, spec]) => `| \`${code}\` | ${spec.reaction} | ${status[spec.status]} |`,
  );
  return table(
    'Errors',
    'Every code a call can fail with, what a caller does about it, and the gRPC status it travels under. The message says what a person can do.',
    ['code', 'reaction', 'gRPC status'],
    rows,
  );
}

function table(title: string, text: string, columns: readonly string[], rows: readonly string[]): string {
  return `# ${title}\n\n${text}\n\n| ${columns.join(' | ')} |\n|${columns.map(() => '---').join('|')}|\n${rows.join('\n')}\n`;
}
