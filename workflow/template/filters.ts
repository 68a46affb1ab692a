import { QuarryError } from '../../common/quarry-error.ts';
import type { Json } from '../core/dag-model.ts';
import { toText } from './to-text.ts';

type Argument = string | number | undefined;

interface Filter {
  /** Errors: DAG_INVALID. */
  check(argument: Argument): void;
  /** Errors: INVALID_ARGUMENT for a value it cannot take. */
  apply(value: Json, argument: Argument): Json;
}

const DAY_MS = 86_400_000;

/** Dates are UTC throughout, as `ds` is. */
export const FILTERS: Readonly<Record<string, Filter>> = {
  /** `ds | addDays(-1)`: a date that many days later, in the form it came in. */
  addDays: {
    check: (argument) => need(typeof argument === 'number', 'addDays takes a whole number of days'),
    apply: (value, argument) => {
      const moved = new Date(instant(value).getTime() + (argument as number) * DAY_MS).toISOString();
      if (/^\d{8}$/.test(toText(value))) return moved.slice(0, 10).replaceAll('-', '');
      return toText(value).length === 10 ? moved.slice(0, 10) : moved.replace('.000Z', '+00:00');
    },
  },
  /** `ds | format("yyyy/MM/dd")`: yyyy, MM, dd, HH, mm, ss. */
  format: {
    check: (argument) =>
      need(typeof argument === 'string' && argument !== '', 'format takes a pattern such as "yyyy/MM/dd"'),
    apply: (value, argument) => {
      const iso = instant(value).toISOString();
      const fields: Readonly<Record<string, string>> = {
        yyyy: iso.slice(0, 4),
        MM: iso.slice(5, 7),
        dd: iso.slice(8, 10),
        HH: iso.slice(11, 13),
        mm: iso.slice(14, 16),
        ss: iso.slice(17, 19),
      };
      return String(argument).replaceAll(/yyyy|MM|dd|HH|mm|ss/g, (field) => fields[field]!);
    },
  },
  /** The UTC date of an instant. */
  ds: { check: noArgument, apply: (value) => instant(value).toISOString().slice(0, 10) },
  ds_nodash: {
    check: noArgument,
    apply: (value) => instant(value).toISOString().slice(0, 10).replaceAll('-', ''),
  },
  json: { check: noArgument, apply: (value) => JSON.stringify(value) },
};

function instant(value: Json): Date {
  const text = toText(value).replace(/^(\d{4})(\d{2})(\d{2})$/, '$1-$2-$3');
  const date = new Date(text);
  if (typeof value === 'string' && /^\d{4}-\d{2}-\d{2}/.test(text) && !Number.isNaN(date.getTime()))
    return date;
  throw new QuarryError('INVALID_ARGUMENT', `${JSON.stringify(value)} in a template is no date`);
}

function noArgument(argument: Argument): void {
  need(argument === undefined, 'this filter takes no argument');
}

function need(isRight: boolean, message: string): void {
  if (!isRight) throw new QuarryError('DAG_INVALID', `template filter: ${message}`);
}
