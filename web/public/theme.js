// Sets the theme before the first paint; a file of its own, so that no inline script is needed.
(() => {
  let choice = 'dark';
  try {
    choice = localStorage.getItem('gladius_theme') || 'dark';
  } catch {
    // Storage may be forbidden; the default theme stays.
  }
  const light = choice === 'system' && matchMedia('(prefers-color-scheme: light)').matches;
  document.documentElement.dataset.theme = choice === 'system' ? (light ? 'light' : 'dark') : choice;
})();
