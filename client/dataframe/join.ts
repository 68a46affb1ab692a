import { QuarryError } from '../../common/quarry-error.ts';
import type { JoinInput } from '../../proto/gen/spark/connect/Join.ts';
import { Column } from './column.ts';

const JOIN_TYPES = {
  inner: 'JOIN_TYPE_INNER',
  cross: 'JOIN_TYPE_CROSS',
  left: 'JOIN_TYPE_LEFT_OUTER',
  right: 'JOIN_TYPE_RIGHT_OUTER',
  full: 'JOIN_TYPE_FULL_OUTER',
  outer: 'JOIN_TYPE_FULL_OUTER',
  left_semi: 'JOIN_TYPE_LEFT_SEMI',
  semi: 'JOIN_TYPE_LEFT_SEMI',
  left_anti: 'JOIN_TYPE_LEFT_ANTI',
  anti: 'JOIN_TYPE_LEFT_ANTI',
} as const;

export type JoinType = keyof typeof JOIN_TYPES;

export function joinFields(
  on: string | readonly string[] | Column,
  how: JoinType,
): Pick<JoinInput, 'joinCondition' | 'usingColumns' | 'joinType'> {
  const joinType = JOIN_TYPES[how];
  if (joinType === undefined) {
    throw new QuarryError(
      'INVALID_ARGUMENT',
      `there is no join type ${String(how)}: use one of ${Object.keys(JOIN_TYPES).join(', ')}`,
    );
  }
  if (on instanceof Column) return { joinType, joinCondition: on.expression };
  return { joinType, usingColumns: typeof on === 'string' ? [on] : [...on] };
}
