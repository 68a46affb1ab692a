import { bindOnce, raise } from './function-spec.ts';

export const ZERO_INDEX = raise(
  'INVALID_INDEX_OF_ZERO',
  'The index 0 is invalid. An index shall be either < 0 or > 0 (the first element has index 1).',
  '22003',
);

/** Places count from 1, or from the end with -1 behind the last; what is missing up to a far place is null. */
export function insertedAt(list: string, position: string, value: string): string {
  const holes = (count: string) => `list_transform(range(greatest(${count}, 0)), lambda _x: NULL)`;
  const at = (place: string) =>
    `list_concat(list_slice(_l, 1, ${place} - 1), ${holes(`${place} - 1 - len(_l)`)}, [${value}], list_slice(_l, ${place}, len(_l)))`;
  const before = `list_concat([${value}], ${holes(`-(${position}) - len(_l) - 1`)}, _l)`;
  const fromEnd = `CASE WHEN -(${position}) <= len(_l) + 1 THEN ${at(`(len(_l) + ${position} + 2)`)} ELSE ${before} END`;
  return bindOnce(
    '_l',
    list,
    `CASE WHEN _l IS NULL THEN NULL WHEN ${position} = 0 THEN ${ZERO_INDEX} WHEN ${position} > 0 THEN ${at(position)} WHEN ${position} < 0 THEN ${fromEnd} END`,
  );
}
