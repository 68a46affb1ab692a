import { QuarryError } from '../../common/quarry-error.ts';

interface KernelErrorRule {
  readonly pattern: RegExp;
  readonly code: 'ARITHMETIC' | 'BAD_DATA';
  readonly errorClass: string;
  readonly sqlState: string;
  readonly text: (match: RegExpMatchArray) => string;
}

const KERNEL_TYPES: Readonly<Record<string, string>> = {
  INT8: 'TINYINT',
  INT16: 'SMALLINT',
  INT32: 'INT',
  INT64: 'BIGINT',
  INT128: 'DECIMAL(38,0)',
  VARCHAR: 'STRING',
  'TIMESTAMP WITH TIME ZONE': 'TIMESTAMP',
};

function typeName(kernel: string): string {
  return KERNEL_TYPES[kernel] ?? kernel;
}

const TRY = 'If necessary set "spark.sql.ansi.enabled" to "false" to bypass this error.';

/** How the kernel words what Spark has an error class for. Rendered SQL raises the first form itself. */
const RULES: readonly KernelErrorRule[] = [
  {
    pattern: /\[([A-Z_.]+)\] ([\s\S]*?) SQLSTATE: ([0-9A-Z]{5})/,
    code: 'ARITHMETIC',
    errorClass: '$1',
    sqlState: '$3',
    text: (match) => match[2]!,
  },
  {
    pattern: /Could not convert string ["']([\s\S]*?)["'] to (\w[\w ]*)/,
    code: 'BAD_DATA',
    errorClass: 'CAST_INVALID_INPUT',
    sqlState: '22018',
    text: (match) =>
      `The value '${match[1]}' of the type "STRING" cannot be cast to "${typeName(match[2]!)}" because it is malformed. Use \`try_cast\` to tolerate malformed input and return NULL instead.`,
  },
  {
    pattern: /invalid (date|timestamp) field format: "([\s\S]*?)"/i,
    code: 'BAD_DATA',
    errorClass: 'CAST_INVALID_INPUT',
    sqlState: '22018',
    text: (match) =>
      `The value '${match[2]}' of the type "STRING" cannot be cast to "${match[1]!.toUpperCase()}" because it is malformed. Use \`try_cast\` to tolerate malformed input and return NULL instead.`,
  },
  {
    pattern:
      /(?:Type (\w+) with value (\S+) can't be cast.* destination type (\w+)|Could not cast value (\S+) )/,
    code: 'ARITHMETIC',
    errorClass: 'CAST_OVERFLOW',
    sqlState: '22003',
    text: (match) =>
      match[1] === undefined
        ? `The value ${match[4]} cannot be represented in the target type. ${TRY}`
        : `The value ${match[2]} of the type "${typeName(match[1])}" cannot be cast to "${typeName(match[3]!)}" due to an overflow. Use \`try_cast\` to tolerate overflow and return NULL instead.`,
  },
  {
    pattern: /Overflow in (addition|subtraction|multiplication|negation) of (\w+)/i,
    code: 'ARITHMETIC',
    errorClass: 'ARITHMETIC_OVERFLOW',
    sqlState: '22003',
    text: (match) => `${typeName(match[2]!)} overflow. ${TRY}`,
  },
  {
    pattern: /Overflow in|out of range/i,
    code: 'ARITHMETIC',
    errorClass: 'ARITHMETIC_OVERFLOW',
    sqlState: '22003',
    text: () => `A value is too large for its type. ${TRY}`,
  },
];

/**
 * The typed error behind a kernel's message, or undefined when it is none that a user's data can cause. Executors pass
 * the kernel's words on; the driver calls this before it answers.
 */
export function translateKernelError(message: string): QuarryError | undefined {
  for (const rule of RULES) {
    const match = message.match(rule.pattern);
    if (match === null) continue;
    const errorClass = rule.errorClass === '$1' ? match[1]! : rule.errorClass;
    const sqlState = rule.sqlState === '$3' ? match[3]! : rule.sqlState;
    return new QuarryError(
      errorClass === 'CAST_INVALID_INPUT' ? 'BAD_DATA' : rule.code,
      `[${errorClass}] ${rule.text(match)} SQLSTATE: ${sqlState}`,
      { details: { errorClass, sqlState } },
    );
  }
  return undefined;
}
