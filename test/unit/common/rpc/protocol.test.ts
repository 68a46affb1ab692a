import { join } from 'node:path';
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../../../common/package-root.ts';
import { Protocol } from '../../../../common/rpc/protocol.ts';

const SERVICES = [
  { file: 'quarry/namenode', service: 'quarry.NamenodeService', longs: Number },
  { file: 'quarry/datanode', service: 'quarry.DatanodeReportService', longs: Number },
  { file: 'quarry/datanode', service: 'quarry.DatanodeRecoveryService', longs: Number },
  { file: 'quarry/driver', service: 'quarry.ExecutorService', longs: Number },
  { file: 'quarry/executor', service: 'quarry.TaskService', longs: Number },
  { file: 'spark/connect/base', service: 'spark.connect.SparkConnectService', longs: String },
] as const;

function loadedFromText({ file, service, longs }: (typeof SERVICES)[number]): ServiceDefinition {
  const includeDirs = [join(packageRoot, 'proto/quarry'), join(packageRoot, 'proto/spark')];
  const options = { includeDirs, longs, enums: String, defaults: true, oneofs: true };
  return loadSync(`${file.replace(/^quarry\//, '')}.proto`, options)[service] as ServiceDefinition;
}

describe('Protocol', () => {
  for (const spec of SERVICES) {
    it(`has the methods of ${spec.service} as its text has them`, () => {
      const expected = loadedFromText(spec);
      const service = Protocol.load(spec.file, spec.longs).service(spec.service);
      expect(Object.keys(service)).toEqual(Object.keys(expected));
      for (const [name, method] of Object.entries(expected)) {
        const { path, requestStream, responseStream } = service[name]!;
        expect({ path, requestStream, responseStream }).toEqual({
          path: method.path,
          requestStream: method.requestStream,
          responseStream: method.responseStream,
        });
        // Defaults name every field, so an empty message tells whether the types agree.
        expect(service[name]!.requestDeserialize(Buffer.alloc(0))).toEqual(
          method.requestDeserialize(Buffer.alloc(0)),
        );
        expect(service[name]!.responseDeserialize(Buffer.alloc(0))).toEqual(
          method.responseDeserialize(Buffer.alloc(0)),
        );
      }
    });
  }

  it('writes and reads what the loader of the text reads and writes', () => {
    const request = {
      sessionId: 's',
      userContext: { userId: 'u' },
      plan: { root: { range: { start: '-9007199254740993', end: '9223372036854775807', step: '1' } } },
    };
    const method = Protocol.load('spark/connect/base', String).service('spark.connect.SparkConnectService')[
      'ExecutePlan'
    ]!;
    const expected = loadedFromText(SERVICES[5])['ExecutePlan']!;
    const bytes = method.requestSerialize(request);
    expect(bytes).toEqual(expected.requestSerialize(request));
    expect(method.requestDeserialize(bytes)).toEqual(expected.requestDeserialize(bytes));
    expect(method.requestDeserialize(bytes)).toMatchObject(request);
  });

  it("reads 64-bit integers of Quarry's own messages as numbers", () => {
    const { serialize, deserialize } = Protocol.load('quarry/namenode').message('quarry.StatusReply');
    const fileCount = Number.MAX_SAFE_INTEGER;
    expect(deserialize(serialize({ fileCount }))).toMatchObject({ fileCount });
  });
});
