type Child = Node | string;

/** An element; text always becomes text, never markup. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function svg(
  tag: string,
  attributes: Readonly<Record<string, string>>,
  ...children: readonly Node[]
): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** An element of index.html. */
export function byId<K extends keyof HTMLElementTagNameMap = 'div'>(id: string): HTMLElementTagNameMap[K] {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`index.html has no #${id}`);
  return found as HTMLElementTagNameMap[K];
}

/** Shows what is wrong, or nothing. Says it once, so that a screen reader does not say it every second. */
export function notice(element: HTMLElement, text: string | undefined): void {
  if (element.hidden === (text === undefined) && (text === undefined || element.textContent === text)) return;
  element.hidden = text === undefined;
  element.textContent = text ?? '';
}

export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
