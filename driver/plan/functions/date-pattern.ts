import { unsupported } from '../errors.ts';

/** Letters of Java's DateTimeFormatter that strftime has an equal for, longest first. */
const LETTERS: readonly (readonly [RegExp, string])[] = [
  [/^(yyyy|y|uuuu|u)(?![yu])/, '%Y'],
  [/^(yy|uu)(?![yu])/, '%y'],
  [/^(MMMM|LLLL)(?![ML])/, '%B'],
  [/^(MMM|LLL)(?![ML])/, '%b'],
  [/^(MM|LL)(?![ML])/, '%m'],
  [/^(M|L)(?![ML])/, '%-m'],
  [/^dd(?!d)/, '%d'],
  [/^d(?!d)/, '%-d'],
  [/^DDD(?!D)/, '%j'],
  [/^D(?!D)/, '%-j'],
  [/^EEEE(?!E)/, '%A'],
  [/^E{1,3}(?!E)/, '%a'],
  [/^HH(?!H)/, '%H'],
  [/^H(?!H)/, '%-H'],
  [/^hh(?!h)/, '%I'],
  [/^h(?!h)/, '%-I'],
  [/^mm(?!m)/, '%M'],
  [/^m(?!m)/, '%-M'],
  [/^ss(?!s)/, '%S'],
  [/^s(?!s)/, '%-S'],
  [/^S{6}(?!S)/, '%f'],
  [/^S{3}(?!S)/, '%g'],
  [/^a(?!a)/, '%p'],
  [/^(XXX|xxx|XX|xx|X|x|ZZZZZ|Z{1,3})/, '%z'],
];

/** Java's pattern as strftime's. Throws UNSUPPORTED for a letter that has no equal. */
export function strftimePattern(pattern: string): string {
  let rest = pattern;
  let result = '';
  while (rest !== '') {
    const quoted = /^'((?:[^']|'')*)'/.exec(rest);
    if (quoted !== null) {
      result += quoted[1] === '' ? "'" : quoted[1]!.replaceAll("''", "'").replaceAll('%', '%%');
      rest = rest.slice(quoted[0].length);
      continue;
    }
    const other = /^[^A-Za-z']+/.exec(rest);
    if (other !== null) {
      result += other[0].replaceAll('%', '%%');
      rest = rest.slice(other[0].length);
      continue;
    }
    const found = LETTERS.find(([letters]) => letters.test(rest));
    if (found === undefined)
      throw unsupported(`'${/^([A-Za-z])\1*/.exec(rest)![0]}' in the date pattern '${pattern}'`);
    result += found[1];
    rest = rest.slice(found[0].exec(rest)![0].length);
  }
  return result;
}
