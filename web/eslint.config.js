import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';

export default ts.config(
  { ignores: ['node_modules/', 'src/wire/generated.ts'] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  { languageOptions: { globals: { ...globals.browser, ...globals.node } } },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser } },
  },
  {
    rules: {
      'no-undef': 'off', // TypeScript knows better
      'no-control-regex': 'off', // terminal sequences are control characters
      '@typescript-eslint/no-non-null-assertion': 'off',
      'svelte/no-navigation-without-resolve': 'off', // a rule for SvelteKit
    },
  },
  {
    files: ['src/**/*.svelte'],
    ignores: ['src/ui/Select.svelte'],
    rules: {
      'svelte/no-restricted-html-elements': [
        'error',
        { elements: ['select'], message: 'ui/Select.svelte draws it.' },
      ],
    },
  },
);
