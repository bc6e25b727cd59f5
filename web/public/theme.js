// Sets theme, contrast and motion before the first paint; a file of its own, so that no inline script is needed.
(() => {
  const chosen = key => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // Storage may be forbidden; the defaults stay.
    }
  };
  const asks = query => matchMedia(query).matches;
  const theme = chosen('gladius_theme') || 'dark';
  const contrast = chosen('gladius_contrast') || 'system';
  const motion = chosen('gladius_motion') || 'system';
  const more = contrast === 'system' ? asks('(prefers-contrast: more)') : contrast === 'more';
  const reduce = motion === 'system' ? asks('(prefers-reduced-motion: reduce)') : motion === 'reduce';
  const light = theme === 'system' ? asks('(prefers-color-scheme: light)') : theme === 'light';
  const { dataset } = document.documentElement;
  dataset.theme = light ? 'light' : 'dark';
  dataset.contrast = more ? 'more' : 'standard';
  dataset.motion = reduce ? 'reduce' : 'full';
})();
