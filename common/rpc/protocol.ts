import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MessageTypeDefinition, MethodDefinition, ServiceDefinition } from '@grpc/proto-loader';
import protobuf from 'protobufjs/light.js';
import { packageRoot } from '../package-root.ts';

/**
 * How 64-bit integers arrive: as numbers for Quarry's own ids and sizes, as strings where any value may come.
 * It must agree with scripts/generate.ts, as must the options below.
 */
type Longs = typeof Number | typeof String;

const CONVERSION = { enums: String, defaults: true, oneofs: true } as const;

/**
 * The services and messages of one file of proto/, from the descriptor that `npm run generate` makes of it: reading the text
 * and describing every type of it again, as @grpc/proto-loader does, would be a tenth of a process's start.
 */
export class Protocol {
  readonly #root: protobuf.Root;
  readonly #conversion: protobuf.IConversionOptions;

  private constructor(root: protobuf.Root, conversion: protobuf.IConversionOptions) {
    this.#root = root;
    this.#conversion = conversion;
  }

  /** `file` is a path below proto/ without its ending: quarry/namenode. */
  static load(file: string, longs: Longs = Number): Protocol {
    const path = join(packageRoot, 'proto/gen', `${file}.json`);
    const descriptor = JSON.parse(readFileSync(path, 'utf8')) as protobuf.INamespace;
    return new Protocol(protobuf.Root.fromJSON(descriptor).resolveAll() as protobuf.Root, {
      ...CONVERSION,
      longs,
    });
  }

  service(name: string): ServiceDefinition {
    const service = this.#root.lookupService(name);
    return Object.fromEntries(
      service.methodsArray.map((method) => [method.name, this.#method(name, method)]),
    );
  }

  message(name: string): Pick<MessageTypeDefinition<object, object>, 'serialize' | 'deserialize'> {
    return this.#codec(this.#root.lookupType(name));
  }

  #method(service: string, method: protobuf.Method): MethodDefinition<object, object> {
    const request = this.#codec(method.resolvedRequestType!);
    const response = this.#codec(method.resolvedResponseType!);
    return {
      path: `/${service}/${method.name}`,
      requestStream: method.requestStream === true,
      responseStream: method.responseStream === true,
      requestSerialize: request.serialize,
      requestDeserialize: request.deserialize,
      responseSerialize: response.serialize,
      responseDeserialize: response.deserialize,
    } as MethodDefinition<object, object>;
  }

  #codec(type: protobuf.Type) {
    return {
      serialize: (message: object) => type.encode(type.fromObject(message)).finish() as Buffer,
      deserialize: (bytes: Buffer) => type.toObject(type.decode(bytes), this.#conversion),
    };
  }
}
