// The hash of everything the built page depends on: how a build knows that the assets are stale.
// hatch_build.py computes the same hash in Python; both walk the paths in byte order.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const web = fileURLToPath(new URL('..', import.meta.url));
const assets = fileURLToPath(new URL('../../src/gladius/server/assets', import.meta.url));
const ROOTS = [
  'src',
  'public',
  'scripts',
  'index.html',
  'package.json',
  'package-lock.json',
  'vite.config.ts',
];
const isTest = path => path.endsWith('.test.ts');

function* files(path) {
  let entries;
  try {
    entries = readdirSync(path, { withFileTypes: true });
  } catch {
    yield path;
    return;
  }
  for (const entry of entries) {
    if (entry.isDirectory()) yield* files(join(path, entry.name));
    else yield join(path, entry.name);
  }
}

function stamp() {
  const names = ROOTS.flatMap(root => [...files(join(web, root))])
    .map(path => relative(web, path).split(sep).join('/'))
    .filter(name => !isTest(name))
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const hash = createHash('sha256');
  for (const name of names) {
    const content = createHash('sha256')
      .update(readFileSync(join(web, name)))
      .digest('hex');
    hash.update(`${name}\0${content}\n`);
  }
  return hash.digest('hex');
}

if (process.argv.includes('--write')) writeFileSync(join(assets, '.stamp'), stamp() + '\n');
else process.stdout.write(stamp() + '\n');
