import { describe, expect, it } from 'vitest';
import { parseProperties, parseSparkArguments } from '../../../../cli/spark-submit/spark-arguments.ts';

describe('the command line of spark-submit', () => {
  it('is read as Airflow writes it: options, the application, its arguments', () => {
    const words =
      '--master spark://H:7077 --conf a.b=c=d --executor-memory 1g --name N --deploy-mode client APP.py --date 2026-11-17 --conf x';
    const args = parseSparkArguments(words.split(' '));
    expect(Object.fromEntries(args.options)).toEqual({
      master: 'spark://H:7077',
      'executor-memory': '1g',
      name: 'N',
      'deploy-mode': 'client',
    });
    expect(args.conf).toEqual([['a.b', 'c=d']]);
    expect(args.application).toBe('APP.py');
    expect(args.applicationArgs).toEqual(['--date', '2026-11-17', '--conf', 'x']);
  });

  it('takes values after = and short options', () => {
    const args = parseSparkArguments(['--name=a b', '-c', 'k=v', '-v', 'x.py']);
    expect(args.options.get('name')).toBe('a b');
    expect(args.conf).toEqual([['k', 'v']]);
    expect(args).toMatchObject({ verbose: true, application: 'x.py' });
  });

  it('tolerates options of other versions, with and without a value', () => {
    const args = parseSparkArguments(['--new', 'value', '--flag', '--name', 'n', '--other', 'app.py', 'x']);
    expect(args.unknown).toEqual(['--new', '--flag', '--other']);
    expect(args).toMatchObject({ application: 'app.py', applicationArgs: ['x'] });
  });

  it('refuses an option without its value and a conf without =', () => {
    expect(() => parseSparkArguments(['--name'])).toThrow('--name takes a value');
    expect(() => parseSparkArguments(['--conf', 'spark.a'])).toThrow('KEY=VALUE');
  });
});

it('a properties file has spaces, = or : between key and value', () => {
  expect(parseProperties('# c\nspark.a  1 2\nspark.b=x=y\n spark.c : z\n\nspark.d\t4\nspark.e=\n')).toEqual([
    ['spark.a', '1 2'],
    ['spark.b', 'x=y'],
    ['spark.c', 'z'],
    ['spark.d', '4'],
    ['spark.e', ''],
  ]);
});
