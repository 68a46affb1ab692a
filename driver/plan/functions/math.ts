import { FunctionFamily } from './function-spec.ts';
export const math = new FunctionFamily();
