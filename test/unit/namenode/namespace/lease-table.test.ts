import { expect, it } from 'vitest';
import { LeaseTable, RECOVERY_HOLDER } from '../../../../namenode/namespace/lease-table.ts';

it('keeps one holder per file, and renews all files of a holder at once', () => {
  const leases = new LeaseTable();
  leases.grant(1, 'a', 0);
  leases.grant(2, 'a', 0);
  leases.grant(3, 'b', 0);
  expect(leases.renew('a', 50)).toBe(true);
  expect(leases.renew('nobody', 50)).toBe(false);
  expect(leases.ageMs(1, 60)).toBe(10);
  expect(leases.ageMs(3, 60)).toBe(60);
  expect(leases.expired(60, 60)).toEqual([3]);
  leases.grant(3, 'a', 60);
  expect(leases.holderOf(3)).toBe('a');
  expect(leases.filesOf('b')).toEqual([]);
  leases.release(1);
  leases.release(2);
  leases.release(3);
  expect(leases.renew('a', 70)).toBe(false);
  expect(leases.openFiles).toBe(0);
  expect(leases.ageMs(1, 70)).toBe(Number.POSITIVE_INFINITY);
});

it('does not expire a file that is under recovery already', () => {
  const leases = new LeaseTable();
  leases.grant(1, RECOVERY_HOLDER, 0);
  expect(leases.expired(10, 1_000)).toEqual([]);
  expect(leases.filesOf(RECOVERY_HOLDER)).toEqual([1]);
});
