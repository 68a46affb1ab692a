const THEMES = ['auto', 'light', 'dark'] as const;
const KEY = 'quarry-theme';

/** Follows the system until somebody says otherwise. `changed` is called when colours have changed. */
export function themeButton(button: HTMLButtonElement, changed: () => void): void {
  let theme = stored();
  const show = () => {
    if (theme === 'auto') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
    button.textContent = `Theme: ${theme}`;
    changed();
  };
  button.addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!;
    localStorage.setItem(KEY, theme);
    show();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
  show();
}

function stored(): (typeof THEMES)[number] {
  const found = localStorage.getItem(KEY);
  return THEMES.find((theme) => theme === found) ?? 'auto';
}

/** A colour of the style sheet as a canvas takes it. */
export function colour(name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
