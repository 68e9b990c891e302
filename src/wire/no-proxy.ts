/**
 * Whether `NO_PROXY` names a host: `*`, a host, `.suffix` or `suffix` (any sub-domain), each with an optional port, as
 * curl and undici read it.
 *
 * @param list comma or space separated
 */
export function bypassesProxy(list: string, hostname: string, port: number): boolean {
  const host = hostname.toLowerCase();
  for (const entry of list.toLowerCase().split(/[\s,]+/)) {
    if (entry === '') continue;
    if (entry === '*') return true;
    const withPort = /^(.*?):(\d+)$/.exec(entry);
    const named = withPort !== null && !withPort[1]!.includes(':') ? withPort : null;
    if (named !== null && Number(named[2]) !== port) continue;
    const name = (named === null ? entry : named[1]!).replace(/^\*?\./, '').replace(/^\[|\]$/g, '');
    if (host === name || host.endsWith(`.${name}`)) return true;
  }
  return false;
}
