import { Metadata } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { QuarryError } from '../../../../common/quarry-error.ts';
import { ErrorLog } from '../../../../driver/connect/error-log.ts';
import { errorStatus } from '../../../../driver/connect/error-status.ts';
import { sparkError } from '../../../../driver/connect/spark-error.ts';

const google = protobuf.parse(`syntax = "proto3";
message Any { string type_url = 1; bytes value = 2; }
message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }`).root;

function decode(metadata: Metadata) {
  const status = google
    .lookupType('Status')
    .decode(metadata.get('grpc-status-details-bin')[0] as Buffer) as unknown as {
    code: number;
    message: string;
    details: { typeUrl: string; value: Uint8Array }[];
  };
  const info = google.lookupType('ErrorInfo').decode(status.details[0]!.value) as unknown as {
    reason: string;
    metadata: Record<string, string>;
  };
  return { status, info };
}

describe('sparkError', () => {
  it('keeps a class and text that the analyzer gave', () => {
    const error = sparkError(
      new QuarryError(
        'ANALYSIS',
        '[TABLE_OR_VIEW_NOT_FOUND] The table `t` cannot be found. SQLSTATE: 42P01',
        {
          details: { errorClass: 'TABLE_OR_VIEW_NOT_FOUND', sqlState: '42P01', relationName: '`t`' },
        },
      ),
    );
    expect(error).toMatchObject({
      message: '[TABLE_OR_VIEW_NOT_FOUND] The table `t` cannot be found. SQLSTATE: 42P01',
      errorClass: 'TABLE_OR_VIEW_NOT_FOUND',
      sqlState: '42P01',
      parameters: { relationName: '`t`' },
    });
    expect(error.classes[0]).toBe('org.apache.spark.sql.AnalysisException');
  });

  it('words missing and existing paths as Spark does', () => {
    const missing = new QuarryError('FILE_NOT_FOUND', 'no such file', {
      details: { errorClass: 'PATH_NOT_FOUND', path: 'hdfs://nn/a' },
    });
    expect(sparkError(missing).message).toBe(
      '[PATH_NOT_FOUND] Path does not exist: hdfs://nn/a. SQLSTATE: 42K03',
    );
    const existing = new QuarryError('FILE_EXISTS', 'there is a file', { details: { path: '/a' } });
    expect(sparkError(existing)).toMatchObject({ errorClass: 'PATH_ALREADY_EXISTS', sqlState: '42K04' });
  });

  it('turns the words of the kernel into classes', () => {
    const error = sparkError(
      new QuarryError('BAD_DATA', "Conversion Error: Could not convert string 'x' to INT32"),
    );
    expect(error).toMatchObject({ errorClass: 'CAST_INVALID_INPUT', sqlState: '22018' });
    expect(error.classes).toContain('java.lang.NumberFormatException');
  });

  it('shows no stack of a bug', () => {
    const error = sparkError(new TypeError('x is undefined'));
    expect(error.message).toBe('[INTERNAL_ERROR] x is undefined. SQLSTATE: XX000');
    expect(JSON.stringify({ ...error, cause: undefined })).not.toContain('.ts:');
  });
});

describe('errorStatus', () => {
  it('repeats code and message exactly, and carries what clients rebuild', () => {
    const error = sparkError(new QuarryError('PARSE', 'line 1\nat "ü"', { details: { hint: 'x' } }));
    const status = errorStatus(error, 'id-1');
    const decoded = decode(status.metadata!);
    expect(decoded.status.code).toBe(status.code);
    expect(decoded.status.message).toBe(status.details);
    expect(status.details).toContain('line 1\nat "ü"');
    expect(decoded.info.metadata).toMatchObject({
      errorId: 'id-1',
      errorClass: 'PARSE_SYNTAX_ERROR',
      sqlState: '42601',
      messageParameters: '{"hint":"x"}',
    });
    expect(JSON.parse(decoded.info.metadata['classes']!)).toContain('org.apache.spark.sql.AnalysisException');
  });

  it('stays within what clients take as metadata, whatever the message', () => {
    for (const message of ['a'.repeat(100_000), '한'.repeat(100_000), '\ud800'.repeat(9)]) {
      const status = errorStatus(sparkError(new QuarryError('ANALYSIS', message)), 'id');
      const binary = ['grpc-status-details-bin', 'quarry-error-bin'].map(
        (key) => (status.metadata!.get(key)[0] as Buffer).toString('base64').length,
      );
      expect(encodeURI(status.details!).length + binary[0]! + binary[1]!).toBeLessThan(8 * 1024);
      expect(decode(status.metadata!).status.message).toBe(status.details);
    }
  });
});

describe('ErrorLog', () => {
  it('has the whole message that a status had to cut', () => {
    const log = new ErrorLog();
    const error = sparkError(new QuarryError('ANALYSIS', 'a'.repeat(5_000)));
    const details = log.details(log.add(error));
    expect(details.rootErrorIdx).toBe(0);
    expect(details.errors?.[0]).toMatchObject({ message: 'a'.repeat(5_000) });
    expect(log.details('unknown')).toEqual({});
  });
});
