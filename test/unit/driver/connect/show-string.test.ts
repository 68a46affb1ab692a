import { describe, expect, it } from 'vitest';
import { htmlString, showString } from '../../../../driver/connect/show-string.ts';

const people = {
  header: ['id', 'name'],
  rows: [
    ['1', 'Ann'],
    ['20', 'NULL'],
  ],
};
const options = { rowCountMax: 20, truncate: 20, vertical: false };

describe('showString', () => {
  it('right-justifies in columns of at least three', () => {
    expect(showString(people, options)).toBe(`+---+----+
| id|name|
+---+----+
|  1| Ann|
| 20|NULL|
+---+----+
`);
  });

  it('left-justifies when cells are not cut', () => {
    expect(showString(people, { ...options, truncate: 0 })).toBe(`+---+----+
|id |name|
+---+----+
|1  |Ann |
|20 |NULL|
+---+----+
`);
  });

  it('cuts cells but not headers, and says that there are more rows', () => {
    const table = { header: ['a_long_header'], rows: [['abcdefghij'], ['x']] };
    expect(showString(table, { ...options, rowCountMax: 1, truncate: 6 })).toBe(`+-------------+
|a_long_header|
+-------------+
|       abc...|
+-------------+
only showing top 1 row
`);
    expect(showString(table, { ...options, truncate: 3 })).toContain('|          abc|');
  });

  it('shows no rows as a head alone', () => {
    expect(showString({ header: ['a'], rows: [] }, options)).toBe('+---+\n|  a|\n+---+\n+---+\n');
    expect(showString({ header: [], rows: [] }, options)).toBe('++\n||\n++\n++\n');
    expect(showString({ header: ['a'], rows: [['1']] }, { ...options, rowCountMax: 0 })).toBe(
      '+---+\n|  a|\n+---+\n+---+\nonly showing top 0 rows\n',
    );
  });

  it('prints a record after another when vertical', () => {
    expect(showString(people, { ...options, vertical: true })).toBe(`-RECORD 0----
 id   | 1    
 name | Ann  
-RECORD 1----
 id   | 20   
 name | NULL 
`);
    expect(showString({ header: ['a'], rows: [] }, { ...options, vertical: true })).toBe('(0 rows)\n');
  });

  it('counts wide characters double and escapes controls', () => {
    expect(showString({ header: ['k'], rows: [['한국'], ['a\tb']] }, options)).toBe(`+----+
|   k|
+----+
|한국|
|a\\tb|
+----+
`);
  });
});

describe('htmlString', () => {
  it('escapes what would be markup', () => {
    expect(htmlString({ header: ['a<b'], rows: [['"x" & y']] }, { rowCountMax: 5, truncate: 20 })).toBe(
      "<table border='1'>\n<tr><th>a&lt;b</th></tr>\n<tr><td>&quot;x&quot; &amp; y</td></tr>\n</table>\n",
    );
  });
});
