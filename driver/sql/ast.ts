import { unsupported } from '../plan/errors.ts';

type Body = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A node of the parser's tree: an object of one key, which names its kind. */
export class Ast {
  readonly kind: string;
  readonly body: Body;

  constructor(kind: string, body: Body) {
    this.kind = kind;
    this.body = body;
  }

  static of(value: unknown): Ast {
    const node = Ast.maybe(value);
    if (node === undefined) throw unsupported('This form of SQL');
    return node;
  }

  static maybe(value: unknown): Ast | undefined {
    if (typeof value === 'string') return new Ast(value, {});
    if (!isObject(value)) return undefined;
    const keys = Object.keys(value);
    const kind = keys[0];
    if (keys.length !== 1 || kind === undefined) return undefined;
    const body = value[kind];
    const node = new Ast(kind, isObject(body) ? body : {});
    // Comments hang on wrappers; they mean nothing.
    return kind === 'annotated' || kind === 'paren' ? Ast.of(node.body['this']) : node;
  }

  has(key: string): boolean {
    const value = this.body[key];
    return (
      value !== undefined &&
      value !== null &&
      value !== false &&
      !(Array.isArray(value) && value.length === 0)
    );
  }

  child(key: string): Ast {
    return Ast.of(this.body[key]);
  }

  maybeChild(key: string): Ast | undefined {
    return this.has(key) ? Ast.maybe(this.body[key]) : undefined;
  }

  children(key: string): Ast[] {
    return this.raw(key).map((item) => Ast.of(item));
  }

  /** Items that are plain objects, not nodes: orders, joins, branches. */
  raw(key: string): unknown[] {
    const value = this.body[key];
    return Array.isArray(value) ? value : [];
  }

  /** A plain object under a key. */
  part(key: string): Ast | undefined {
    const value = this.body[key];
    return isObject(value) ? new Ast(key, value) : undefined;
  }

  parts(key: string): Ast[] {
    return this.raw(key).flatMap((item) => (isObject(item) ? [new Ast(key, item)] : []));
  }

  text(key: string): string | undefined {
    const value = this.body[key];
    return typeof value === 'string' ? value : undefined;
  }

  flag(key: string): boolean {
    return this.body[key] === true;
  }

  /** The name in an identifier object. */
  identifier(key: string): string | undefined {
    const value = this.body[key];
    if (typeof value === 'string') return value;
    return isObject(value) && typeof value['name'] === 'string' ? value['name'] : undefined;
  }

  identifiers(key: string): string[] {
    return this.raw(key).flatMap((item) =>
      isObject(item) && typeof item['name'] === 'string' ? [item['name']] : [],
    );
  }
}
