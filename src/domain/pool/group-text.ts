export const LONGEST_GROUP_NAME = 100;
export const LONGEST_DESCRIPTION = 1000;
export const LARGEST_PRIORITY = 1_000_000;

/** Ids stand in paths and in texts that are split at spaces. */
export function isGroupId(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(text);
}

/** An id made from a group's name, different from the taken ones: `Free keys` → `free-keys`, `白嫖池` → `pool-2`. */
export function groupIdFor(name: string, taken: ReadonlySet<string>): string {
  const words = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 40);
  if (words !== '' && !taken.has(words)) return words;
  const stem = words === '' ? 'pool' : words;
  let number = 2;
  while (taken.has(`${stem}-${number}`)) number += 1;
  return `${stem}-${number}`;
}
