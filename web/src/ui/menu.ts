/** One entry of a menu. Upstream: panels. Downstream: menus. */
export interface MenuItem {
  label: string;
  /** Its keys, in words. */
  keys?: string;
  /** Why it cannot be chosen; empty when it can. */
  reason?: string;
  /** For one that is on or off. */
  checked?: boolean;
  /** A line above it. */
  apart?: boolean;
  run: () => unknown;
}
