import { QuarryError } from '../../../common/quarry-error.ts';

export interface JaasLogin {
  /** The login module's class, without its package. */
  readonly module: string;
  readonly options: Readonly<Record<string, string>>;
}

const TOKEN = /\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s"'=;]+)|([=;]))/y;

interface Token {
  readonly text: string;
  readonly isSign: boolean;
}

/** One entry of a JAAS configuration, as `sasl.jaas.config` holds it: `CLASS FLAG name="value" ...;`. Errors: INVALID_ARGUMENT. */
export function parseJaas(text: string): JaasLogin {
  const tokens = tokensOf(text);
  const [module, flag, ...rest] = tokens;
  if (module === undefined || flag === undefined || module.isSign || flag.isSign) throw malformed();
  const end = rest.pop();
  if (end?.text !== ';' || !end.isSign || rest.length % 3 !== 0) throw malformed();
  const options: Record<string, string> = {};
  for (let index = 0; index < rest.length; index += 3) {
    const [name, sign, value] = [rest[index]!, rest[index + 1]!, rest[index + 2]!];
    if (name.isSign || sign.text !== '=' || !sign.isSign || value.isSign) throw malformed();
    options[name.text] = value.text;
  }
  return { module: module.text.slice(module.text.lastIndexOf('.') + 1), options };
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const whole = text.trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < whole.length) {
    const found = TOKEN.exec(whole);
    if (found === null) throw malformed();
    const [, double, single, word, sign] = found;
    const quoted = double ?? single;
    if (quoted !== undefined) tokens.push({ text: quoted.replaceAll(/\\(.)/g, '$1'), isSign: false });
    else tokens.push({ text: word ?? sign!, isSign: sign !== undefined });
  }
  return tokens;
}

/** Without the text: it holds a password. */
function malformed(): QuarryError {
  return new QuarryError(
    'INVALID_ARGUMENT',
    'sasl.jaas.config is not of the form: org.apache.kafka.common.security.plain.PlainLoginModule required username="NAME" password="PASSWORD";',
  );
}
