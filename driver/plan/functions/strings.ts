import { FunctionFamily } from './function-spec.ts';
export const strings = new FunctionFamily();
