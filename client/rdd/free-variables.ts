import type { Node } from 'acorn';

/** A name that a function uses and does not declare itself. `this`, `super`, `new.target`, `import` count where nothing inside binds them. */
export interface FreeVariable {
  readonly name: string;
  /** In the analysed text, from 1. */
  readonly line: number;
}

/** The tree of acorn, read without its types: one walk for every kind of node. */
type Tree = Node & Readonly<Record<string, unknown>>;

/** What one region of the text declares. `isFunction`: `var`s stop here, and `arguments` may be bound here. */
class Scope {
  readonly #names = new Set<string>();
  readonly #parent: Scope | undefined;
  readonly isFunction: boolean;

  constructor(parent: Scope | undefined, isFunction: boolean) {
    this.#parent = parent;
    this.isFunction = isFunction;
  }

  declare(name: string): void {
    this.#names.add(name);
  }

  binds(name: string): boolean {
    return this.#names.has(name) || (this.#parent?.binds(name) ?? false);
  }
}

/** The free variables of a function, each name once, in the order of the text. Nobody gives it a `this`, so that is free too. */
export function freeVariables(fn: Node): readonly FreeVariable[] {
  const walk = new FreeVariableWalk();
  walk.visitFunction(fn as Tree, new Scope(undefined, true), 'this-is-free');
  return [...walk.found.values()].toSorted((left, right) => left.start - right.start);
}

/** Whether `this` belongs to something inside the analysed text. An arrow passes on what it stands in. */
type ThisState = 'this-is-free' | 'this-is-bound';

class FreeVariableWalk {
  readonly found = new Map<string, FreeVariable & { readonly start: number }>();

  visit(node: Tree, scope: Scope, self: ThisState): void {
    switch (node.type) {
      case 'Identifier':
        this.#use(node, node['name'] as string, scope);
        return;
      case 'ThisExpression':
        if (self === 'this-is-free') this.#report(node, 'this');
        return;
      case 'Super':
        if (self === 'this-is-free') this.#report(node, 'super');
        return;
      case 'MetaProperty':
        this.#metaProperty(node, self);
        return;
      case 'ImportExpression':
        this.#report(node, 'import');
        return;
      case 'MemberExpression':
        this.#visitParts(node, node['computed'] === true ? ['object', 'property'] : ['object'], scope, self);
        return;
      case 'Property':
      case 'PropertyDefinition':
      case 'MethodDefinition':
        this.#member(node, scope, self);
        return;
      case 'LabeledStatement':
        this.#visitParts(node, ['body'], scope, self);
        return;
      case 'BreakStatement':
      case 'ContinueStatement':
        return;
      case 'FunctionExpression':
      case 'FunctionDeclaration':
        this.visitFunction(node, scope, 'this-is-bound');
        return;
      case 'ArrowFunctionExpression':
        this.visitFunction(node, scope, self);
        return;
      case 'ClassExpression':
      case 'ClassDeclaration':
        this.#class(node, scope, self);
        return;
      case 'BlockStatement':
      case 'StaticBlock':
      case 'SwitchStatement':
      case 'ForStatement':
      case 'ForInStatement':
      case 'ForOfStatement':
        this.#block(node, scope, self);
        return;
      case 'CatchClause':
        this.#catch(node, scope, self);
        return;
      default:
        for (const child of childrenOf(node)) this.visit(child, scope, self);
    }
  }

  #use(node: Tree, name: string, scope: Scope): void {
    if (!scope.binds(name)) this.#report(node, name);
  }

  #report(node: Tree, name: string): void {
    if (this.found.has(name)) return;
    const line = node.loc?.start.line ?? 1;
    this.found.set(name, { name, line, start: node.start });
  }

  /** `new.target` is undefined in a plain call, so it is harmless where a function binds it; `import.meta` never is. */
  #metaProperty(node: Tree, self: ThisState): void {
    const meta = (node['meta'] as Tree)['name'];
    if (meta === 'import') this.#report(node, 'import.meta');
    else if (self === 'this-is-free') this.#report(node, 'new.target');
  }

  /** A key is a name of its own unless it is computed; a class field's value has the instance for `this`. */
  #member(node: Tree, scope: Scope, self: ThisState): void {
    if (node['computed'] === true) this.visit(node['key'] as Tree, scope, self);
    const value = node['value'] as Tree | null;
    if (value !== null) this.visit(value, scope, node.type === 'PropertyDefinition' ? 'this-is-bound' : self);
  }

  visitFunction(node: Tree, outer: Scope, self: ThisState): void {
    const parameters = new Scope(outer, true);
    if (node.type !== 'ArrowFunctionExpression') parameters.declare('arguments');
    if (node.type === 'FunctionExpression') declareName(node['id'] as Tree | null, parameters);
    for (const parameter of node['params'] as readonly Tree[]) declarePattern(parameter, parameters);
    for (const parameter of node['params'] as readonly Tree[]) this.visit(parameter, parameters, self);
    const body = node['body'] as Tree;
    // Parameters' defaults do not see the body's own names.
    const inner = new Scope(parameters, true);
    hoistVars(body, inner);
    if (body.type === 'BlockStatement') {
      declareLexical(body['body'] as readonly Tree[], inner);
      for (const statement of body['body'] as readonly Tree[]) this.visit(statement, inner, self);
    } else this.visit(body, inner, self);
  }

  #class(node: Tree, outer: Scope, self: ThisState): void {
    const scope = new Scope(outer, false);
    declareName(node['id'] as Tree | null, scope);
    const superClass = node['superClass'] as Tree | null;
    if (superClass !== null) this.visit(superClass, scope, self);
    for (const member of (node['body'] as Tree)['body'] as readonly Tree[]) this.visit(member, scope, self);
  }

  #block(node: Tree, outer: Scope, self: ThisState): void {
    const isStatic = node.type === 'StaticBlock';
    const scope = new Scope(outer, isStatic);
    if (isStatic) hoistVars(node, scope);
    declareLexical(lexicalStatementsOf(node), scope);
    for (const child of childrenOf(node)) this.visit(child, scope, isStatic ? 'this-is-bound' : self);
  }

  #catch(node: Tree, outer: Scope, self: ThisState): void {
    const scope = new Scope(outer, false);
    const parameter = node['param'] as Tree | null;
    if (parameter !== null) {
      declarePattern(parameter, scope);
      this.visit(parameter, scope, self);
    }
    this.visit(node['body'] as Tree, scope, self);
  }

  #visitParts(node: Tree, parts: readonly string[], scope: Scope, self: ThisState): void {
    for (const part of parts) this.visit(node[part] as Tree, scope, self);
  }
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && typeof (value as Tree).type === 'string';
}

function childrenOf(node: Tree): Tree[] {
  return Object.values(node).flatMap((value) => {
    if (Array.isArray(value)) return value.filter(isTree);
    return isTree(value) ? [value] : [];
  });
}

/** Statements whose `let`, `const`, `class` and `function` belong to this block. */
function lexicalStatementsOf(node: Tree): readonly Tree[] {
  switch (node.type) {
    case 'SwitchStatement':
      return (node['cases'] as readonly Tree[]).flatMap((branch) => branch['consequent'] as readonly Tree[]);
    case 'ForStatement':
      return [node['init']].filter(isTree);
    case 'ForInStatement':
    case 'ForOfStatement':
      return [node['left']].filter(isTree);
    default:
      return node['body'] as readonly Tree[];
  }
}

function declareLexical(statements: readonly Tree[], scope: Scope): void {
  for (const statement of statements) {
    if (statement.type === 'FunctionDeclaration' || statement.type === 'ClassDeclaration') {
      declareName(statement['id'] as Tree | null, scope);
    } else if (statement.type === 'VariableDeclaration') declareVariables(statement, scope);
  }
}

/** `var` belongs to the function, wherever it stands; so does a function declared in a block, in sloppy code. */
function hoistVars(node: Tree, scope: Scope): void {
  for (const child of childrenOf(node)) {
    if (child.type === 'FunctionDeclaration') declareName(child['id'] as Tree | null, scope);
    if (isFunctionOrClass(child)) continue;
    if (child.type === 'VariableDeclaration' && child['kind'] === 'var') declareVariables(child, scope);
    hoistVars(child, scope);
  }
}

function isFunctionOrClass({ type }: Tree): boolean {
  return (
    type === 'FunctionExpression' ||
    type === 'FunctionDeclaration' ||
    type === 'ArrowFunctionExpression' ||
    type === 'ClassExpression' ||
    type === 'ClassDeclaration'
  );
}

function declareVariables(declaration: Tree, scope: Scope): void {
  for (const { id } of declaration['declarations'] as unknown as readonly { id: Tree }[]) {
    declarePattern(id, scope);
  }
}

function declareName(id: Tree | null, scope: Scope): void {
  if (id !== null) scope.declare(id['name'] as string);
}

function declarePattern(pattern: Tree, scope: Scope): void {
  switch (pattern.type) {
    case 'Identifier':
      declareName(pattern, scope);
      return;
    case 'ObjectPattern':
      for (const property of pattern['properties'] as readonly Tree[]) {
        declarePattern((property['value'] ?? property['argument']) as Tree, scope);
      }
      return;
    case 'ArrayPattern':
      for (const element of pattern['elements'] as readonly (Tree | null)[]) {
        if (element !== null) declarePattern(element, scope);
      }
      return;
    case 'AssignmentPattern':
      declarePattern(pattern['left'] as Tree, scope);
      return;
    case 'RestElement':
      declarePattern(pattern['argument'] as Tree, scope);
      return;
    default:
  }
}
