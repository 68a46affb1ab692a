import type { Expression } from '../expression.ts';
import type { SparkType } from '../spark-type.ts';
import { BINARY, BOOLEAN, INTEGER, STRING, arrayOf, isAtomic } from '../types/coercion.ts';
import { quoteText } from '../types/duckdb-type.ts';
import {
  FunctionFamily,
  bindOnce,
  coerce,
  literalText,
  unify,
  type Bound,
  type FunctionSpec,
  type RenderedCall,
} from './function-spec.ts';

function textOrBinary(args: readonly Expression[]): SparkType {
  return args[0]!.type.kind === 'binary' ? BINARY : STRING;
}

function isBinary(call: RenderedCall, index = 0): boolean {
  return call.args[index]?.type.kind === 'binary';
}

/** Position 0 counts as 1, negative ones from the end; what lies before the text still uses up the length. */
function renderSubstring(args: readonly string[], call: RenderedCall): string {
  const [text, start, length] = args as [string, string, string | undefined];
  const size = isBinary(call) ? 'octet_length' : 'length';
  const position = Number(literalText(call.args[1]));
  if (Number.isInteger(position) && position >= 0) {
    const from = Math.max(position, 1);
    return length === undefined
      ? `substring(${text}, ${from})`
      : `substring(${text}, ${from}, greatest(${length}, 0))`;
  }
  const first = `CASE WHEN ${start} > 0 THEN ${start} - 1 WHEN ${start} < 0 THEN ${size}(_s) + ${start} ELSE 0 END`;
  const end = length === undefined ? `${size}(_s)` : `(${first}) + greatest(${length}, 0)`;
  const from = `greatest(${first}, 0)`;
  return bindOnce(
    '_s',
    text,
    `substring(_s, CAST(${from} + 1 AS BIGINT), CAST(greatest((${end}) - ${from}, 0) AS BIGINT))`,
  );
}

/** A constant pattern is escaped here; `%`, `_` and a backslash before them mean the same in both. */
function renderLike(kernel: 'LIKE' | 'ILIKE') {
  return ([value, pattern, escape]: readonly string[]): string =>
    `(${value} ${kernel} ${pattern} ESCAPE ${escape ?? quoteText('\\')})`;
}

function padded(kernel: 'lpad' | 'rpad') {
  return ([text, length, pad]: readonly string[]): string =>
    `CASE WHEN ${length} <= 0 THEN '' WHEN ${pad ?? "' '"} = '' THEN left(${text}, ${length}) ELSE ${kernel}(${text}, CAST(${length} AS INTEGER), ${pad ?? "' '"}) END`;
}

function bindConcat(args: readonly Expression[]): Bound {
  const nullable = args.some((arg) => arg.nullable);
  if (args.some((arg) => !isAtomic(arg.type))) {
    const unified = unify('concat', args);
    return { key: 'concat', args: unified, type: unified[0]!.type, nullable };
  }
  const binary = args.length > 0 && args.every((arg) => arg.type.kind === 'binary');
  const type = binary ? BINARY : STRING;
  return { key: 'concat', args: args.map((arg) => coerce(arg, type)), type, nullable };
}

const concat: Omit<FunctionSpec, 'key'> = {
  kind: 'scalar',
  bind: bindConcat,
  render: (args, call) => {
    if (args.length === 0) return "''";
    if (call.type.kind === 'array')
      return args.reduce(
        (left, right) =>
          `CASE WHEN ${left} IS NULL OR ${right} IS NULL THEN NULL ELSE list_concat(${left}, ${right}) END`,
      );
    return `(${args.join(' || ')})`;
  },
};

/** Java's group references in a replacement are `$1`, RE2's are `\1`. */
function replacementText(arg: Expression | undefined, sql: string): string {
  const text = literalText(arg);
  if (text === undefined)
    return `regexp_replace(replace(${sql}, '\\', '\\\\'), '\\$([0-9])', '\\\\\\1', 'g')`;
  return quoteText(text.replaceAll(/\\(.)/g, '$1').replaceAll(/\$(\d)/g, '\\$1'));
}

/** Trailing empty strings go for limit 0; a positive limit keeps the rest in the last part. */
function renderSplit([text, pattern, limit]: readonly string[], call: RenderedCall): string {
  const count = Number(literalText(call.args[2]) ?? '-1');
  const source = literalText(call.args[1]);
  const literal = source !== undefined && /^(?:[^\\^$.|?*+()[\]{}]|\\[^a-zA-Z0-9])+$/.test(source);
  const all =
    literal && source !== ''
      ? `string_split(${text}, ${quoteText(source.replaceAll(/\\(.)/g, '$1'))})`
      : `string_split_regex(${text}, ${pattern})`;
  if (limit === undefined || count <= 0) return all;
  const separators = `regexp_extract_all(${text}, ${pattern})`;
  const lengths = (list: string) =>
    `list_sum(list_transform(${list}[1:${count - 1}], lambda _x: length(_x)))`;
  const rest = `substring(${text}, CAST(coalesce(${lengths('_p')}, 0) + coalesce(${lengths(separators)}, 0) + 1 AS BIGINT))`;
  return bindOnce(
    '_p',
    all,
    `CASE WHEN len(_p) <= ${count} THEN _p ELSE list_append(_p[1:${count - 1}], ${rest}) END`,
  );
}

function renderSubstringIndex([text, separator, count]: readonly string[]): string {
  const parts = `string_split(${text}, ${separator})`;
  return `CASE WHEN ${count} = 0 OR ${separator} = '' THEN '' WHEN ${count} > 0 THEN array_to_string(${parts}[1:${count}], ${separator}) ELSE array_to_string(list_slice(${parts}, greatest(len(${parts}) + ${count} + 1, 1), len(${parts})), ${separator}) END`;
}

/** Only the first letter of each word, words being parted by blanks alone. */
function renderInitcap([text]: readonly string[]): string {
  return `array_to_string(list_transform(string_split(lower(${text}), ' '), lambda _w: upper(left(_w, 1)) || substring(_w, 2)), ' ')`;
}

/** With two arguments the characters come first, unlike in btrim. */
function trimmed(kernel: 'trim' | 'ltrim' | 'rtrim') {
  return ([first, text]: readonly string[]): string =>
    text === undefined ? `${kernel}(${first}, ' ')` : `${kernel}(${text}, ${first})`;
}

const trimName = (name: string, side: string) => (n: readonly string[]) =>
  n.length === 1 ? `${name}(${n[0]})` : `TRIM(${side} ${n[0]} FROM ${n[1]})`;

const substringName = (name: string) => (names: readonly string[]) =>
  `${name}(${[names[0], names[1], names[2] ?? '2147483647'].join(', ')})`;

const locateName = (name: string) => (n: readonly string[]) => `${name}(${n[0]}, ${n[1]}, ${n[2] ?? '1'})`;

function renderLocate([part, text, start]: readonly string[]): string {
  if (start === undefined) return `instr(${text}, ${part})`;
  const found = `instr(substring(${text}, ${start}), ${part})`;
  return `CASE WHEN ${start} <= 0 THEN 0 WHEN ${found} = 0 THEN 0 ELSE ${found} + ${start} - 1 END`;
}

function renderSha2([value]: readonly string[], call: RenderedCall): string {
  const bits = literalText(call.args[1]);
  return bits === '256' || bits === '0'
    ? `sha256(${value})`
    : `error('[UNSUPPORTED_FEATURE] sha2 of other than 256 bits is not supported. SQLSTATE: 0A000')`;
}

export const strings = new FunctionFamily()
  .add('upper ucase', 'string', STRING, 'upper($1)', { exact: true })
  .add('lower lcase', 'string', STRING, 'lower($1)', { exact: true })
  .add('length char_length character_length len', 'text', INTEGER, (args, call) =>
    isBinary(call) ? `octet_length(${args[0]})` : `length(${args[0]})`,
  )
  .add('octet_length', 'text', INTEGER, (args, call) =>
    isBinary(call) ? `octet_length(${args[0]})` : `strlen(${args[0]})`,
  )
  .add('bit_length', 'text', INTEGER, (args, call) =>
    isBinary(call) ? `octet_length(${args[0]}) * 8` : `strlen(${args[0]}) * 8`,
  )
  .add('substring', 'text int int?', textOrBinary, renderSubstring, { display: substringName('substring') })
  .add('substr', 'text int int?', textOrBinary, renderSubstring, { display: substringName('substr') })
  .add('left', 'string int', STRING, 'left($1, greatest($2, 0))')
  .add('right', 'string int', STRING, 'right($1, greatest($2, 0))')
  .add('trim', 'string string?', STRING, trimmed('trim'), { display: trimName('trim', 'BOTH') })
  .add('btrim', 'string string?', STRING, (args) => `trim(${args[0]}, ${args[1] ?? "' '"})`)
  .add('ltrim', 'string string?', STRING, trimmed('ltrim'), { display: trimName('ltrim', 'LEADING') })
  .add('rtrim', 'string string?', STRING, trimmed('rtrim'), { display: trimName('rtrim', 'TRAILING') })
  .special('concat', concat)
  .special('||', { ...concat, display: ([a, b]) => `concat(${a}, ${b})` })
  .add(
    'concat_ws',
    'string ...any',
    STRING,
    ([separator, ...rest], call) => {
      const values = rest.map((value, index) => {
        const type = call.args[index + 1]!.type;
        return type.kind === 'array'
          ? `CASE WHEN len(${value}) = 0 THEN NULL ELSE array_to_string(list_filter(${value}, lambda _x: _x IS NOT NULL), ${separator}) END`
          : `CAST(${value} AS VARCHAR)`;
      });
      return values.length === 0
        ? `CASE WHEN ${separator} IS NULL THEN NULL ELSE '' END`
        : `concat_ws(${separator}, ${values.join(', ')})`;
    },
    { nullable: (args) => args[0]!.nullable },
  )
  .add('contains', 'string string', BOOLEAN, 'contains($1, $2)', { exact: true })
  .add('startswith', 'string string', BOOLEAN, 'starts_with($1, $2)', { exact: true })
  .add('endswith', 'string string', BOOLEAN, 'ends_with($1, $2)', { exact: true })
  .add('like', 'string string string?', BOOLEAN, renderLike('LIKE'), {
    exact: true,
    display: ([a, b]) => `${a} LIKE ${b}`,
  })
  .add('ilike', 'string string string?', BOOLEAN, renderLike('ILIKE'), {
    exact: true,
    display: ([a, b]) => `ilike(${a}, ${b})`,
  })
  .add('rlike regexp regexp_like', 'string string', BOOLEAN, 'regexp_matches($1, $2)', {
    exact: true,
    display: ([a, b]) => `RLIKE(${a}, ${b})`,
  })
  .add(
    'regexp_extract',
    'string string int?',
    STRING,
    ([text, pattern, group]) => `regexp_extract(${text}, ${pattern}, ${group ?? '1'})`,
    { display: (n) => `regexp_extract(${n[0]}, ${n[1]}, ${n[2] ?? '1'})` },
  )
  .add(
    'regexp_extract_all',
    'string string int?',
    arrayOf(STRING),
    ([text, pattern, group]) => `regexp_extract_all(${text}, ${pattern}, ${group ?? '1'})`,
    { display: (n) => `regexp_extract_all(${n[0]}, ${n[1]}, ${n[2] ?? '1'})` },
  )
  .add(
    'regexp_replace',
    'string string string int?',
    STRING,
    ([text, pattern, to], call) =>
      `regexp_replace(${text}, ${pattern}, ${replacementText(call.args[2], to!)}, 'g')`,
    { display: (n) => `regexp_replace(${n[0]}, ${n[1]}, ${n[2]}, ${n[3] ?? '1'})` },
  )
  .add('regexp_count', 'string string', INTEGER, 'len(regexp_extract_all($1, $2))')
  .add(
    'regexp_instr',
    'string string int?',
    INTEGER,
    'CASE WHEN regexp_matches($1, $2) THEN length(string_split_regex($1, $2)[1]) + 1 WHEN $1 IS NOT NULL AND $2 IS NOT NULL THEN 0 END',
    { display: (n) => `regexp_instr(${n[0]}, ${n[1]}, ${n[2] ?? '0'})` },
  )
  // A string of the kernel is UTF-8 always.
  .add('is_valid_utf8', 'string', BOOLEAN, 'CASE WHEN $1 IS NOT NULL THEN true END')
  .add('make_valid_utf8 validate_utf8 try_validate_utf8', 'string', STRING, '$1')
  .add('try_url_decode', 'string', STRING, `try(url_decode(replace($1, '+', '%20')))`, { nullable: 'always' })
  .add('regexp_substr', 'string string', STRING, `nullif(regexp_extract($1, $2), '')`, { nullable: 'always' })
  .add(
    'replace',
    'string string string?',
    STRING,
    (args) => `replace(${args[0]}, ${args[1]}, ${args[2] ?? "''"})`,
    { display: (n) => `replace(${n[0]}, ${n[1]}, ${n[2] ?? ''})` },
  )
  .add('translate', 'string string string', STRING, 'translate($1, $2, $3)')
  .add('instr', 'string string', INTEGER, 'instr($1, $2)')
  .add('locate charindex', 'string string int?', INTEGER, renderLocate, { display: locateName('locate') })
  .add('position', 'string string int?', INTEGER, renderLocate, { display: locateName('position') })
  .add('lpad', 'string int string?', STRING, padded('lpad'), {
    display: (n) => `lpad(${n[0]}, ${n[1]}, ${n[2] ?? ' '})`,
  })
  .add('rpad', 'string int string?', STRING, padded('rpad'), {
    display: (n) => `rpad(${n[0]}, ${n[1]}, ${n[2] ?? ' '})`,
  })
  .add('repeat', 'string int', STRING, 'repeat($1, greatest($2, 0))')
  .add('space', 'int', STRING, `repeat(' ', greatest($1, 0))`)
  .add(
    'reverse',
    'any',
    (args) => args[0]!.type,
    (args, call) => (call.type.kind === 'array' ? `list_reverse(${args[0]})` : `reverse(${args[0]})`),
  )
  .add('split', 'string string int?', arrayOf(STRING, false), renderSplit, {
    display: (n) => `split(${n[0]}, ${n[1]}, ${n[2] ?? '-1'})`,
  })
  .add('split_part', 'string string int', STRING, 'split_part($1, $2, $3)')
  .add('substring_index', 'string string int', STRING, renderSubstringIndex)
  .add('initcap', 'string', STRING, renderInitcap)
  .add('ascii', 'string', INTEGER, `CASE WHEN $1 = '' THEN 0 ELSE unicode($1) END`)
  .add('chr char', 'long', STRING, `CASE WHEN $1 < 0 THEN '' ELSE chr(CAST($1 % 256 AS INTEGER)) END`)
  .add('levenshtein', 'string string int?', INTEGER, ([a, b, most]) =>
    most === undefined
      ? `levenshtein(${a}, ${b})`
      : `CASE WHEN levenshtein(${a}, ${b}) <= ${most} THEN levenshtein(${a}, ${b}) WHEN ${a} IS NOT NULL AND ${b} IS NOT NULL THEN -1 END`,
  )
  .add('hex', 'any', STRING, (args, call) => {
    const kind = call.args[0]!.type.kind;
    return kind === 'string' || kind === 'binary' ? `hex(${args[0]})` : `hex(CAST(${args[0]} AS BIGINT))`;
  })
  .add('unhex', 'string', BINARY, `unhex($1)`, { nullable: 'always' })
  .add('base64', 'binary', STRING, 'to_base64($1)')
  .add('unbase64', 'string', BINARY, 'from_base64($1)')
  .add('encode', 'string string', BINARY, 'encode($1)')
  .add('decode', 'binary string', STRING, 'decode($1)')
  .add('md5', 'binary', STRING, 'md5($1)')
  .add('sha1 sha', 'binary', STRING, 'sha1($1)')
  .add('sha2', 'binary int', STRING, renderSha2)
  .add('elt', 'int ...string', STRING, ([index, ...values]) => `[${values.join(', ')}][${index}]`, {
    nullable: 'always',
  })
  .add(
    'find_in_set',
    'string string',
    INTEGER,
    `CASE WHEN contains($1, ',') THEN 0 ELSE coalesce(list_position(string_split($2, ','), $1), 0) END`,
  )
  .add(
    'overlay',
    'string string int int?',
    STRING,
    ([text, part, from, length]) =>
      `left(${text}, ${from} - 1) || ${part} || substring(${text}, ${from} + ${length === undefined ? `length(${part})` : `CASE WHEN ${length} < 0 THEN length(${part}) ELSE ${length} END`})`,
    { display: (n) => `overlay(${n[0]}, ${n[1]}, ${n[2]}, ${n[3] ?? '-1'})` },
  )
  .add(
    'format_number',
    'numeric int',
    STRING,
    ([value], call) => `format('{:,.${literalText(call.args[1]) ?? '0'}f}', CAST(${value} AS DOUBLE))`,
  )
  .add('format_string printf', 'string ...any', STRING, (args) => `printf(${args.join(', ')})`)
  .add(
    'url_encode',
    'string',
    STRING,
    `replace(replace(replace(url_encode($1), '%20', '+'), '~', '%7E'), '%2A', '*')`,
  )
  .add('url_decode', 'string', STRING, `url_decode(replace($1, '+', '%20'))`);
