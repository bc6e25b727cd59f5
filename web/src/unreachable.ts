/** For the branch that the type checker proves empty. A newer server may still send a kind that this page does not know. */
export function unreachable(value: never): void {
  console.warn('unknown kind', value);
}
