import { describe, expect, it } from 'vitest';
import { checkParams, paramsOfTexts } from '../../../../workflow/core/params.ts';

const DEFAULTS = { top: 10, version: '1.0', dry: false, list: [1], note: null };

describe('the parameters of a run', () => {
  it.each([
    [{ top: 3, dry: true, list: [], version: '', note: { any: 1 } }, undefined],
    [{}, undefined],
    [{ topp: 3 }, /no parameter topp; it has: top, version/],
    [{ top: '3' }, /parameter top of d is a number, as its default 10, not "3"/],
    [{ dry: 'yes' }, /is a boolean/],
    [{ list: {} }, /is a list/],
    [{ version: 1.1 }, /is a string/],
    [{ top: null }, /is a number/],
  ])('%j', (given, message) => {
    const check = () => checkParams('d', DEFAULTS, given);
    if (message === undefined) check();
    else expect(check).toThrow(message);
  });

  it('typed by a person are what their defaults are', () => {
    const texts = { top: '3', version: '1.10', dry: 'true', list: '[2]', note: 'so', unknown: 'x' };
    expect(paramsOfTexts(DEFAULTS, texts)).toEqual({
      top: 3,
      version: '1.10',
      dry: true,
      list: [2],
      note: 'so',
      unknown: 'x',
    });
  });
});
