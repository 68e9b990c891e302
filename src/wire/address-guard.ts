import { BlockList, isIP } from 'node:net';

/** Says whether a connection to an address is allowed. @param address IPv4 or IPv6 literal, no brackets, no zone */
export type AddressGuard = (address: string) => boolean;

/**
 * Makes the check that every outgoing connection passes at the moment it is made, so that a name which resolves to a
 * forbidden address is refused as well (DNS rebinding).
 *
 * Always refused: link-local networks and the cloud metadata services, which hand credentials to whoever asks from the
 * machine. Loopback and private networks are refused with `allowPrivate: false`.
 */
export function createAddressGuard(options: { allowPrivate: boolean }): AddressGuard {
  const refused = new BlockList();
  refused.addSubnet('169.254.0.0', 16, 'ipv4'); // link-local, EC2/GCP/Azure metadata (RFC 3927)
  refused.addAddress('168.63.129.16', 'ipv4'); // Azure wire server
  refused.addAddress('100.100.100.200', 'ipv4'); // Alibaba Cloud metadata
  refused.addAddress('192.0.0.192', 'ipv4'); // Oracle Cloud metadata
  refused.addSubnet('fe80::', 10, 'ipv6'); // link-local (RFC 4291)
  refused.addAddress('fd00:ec2::254', 'ipv6'); // EC2 metadata
  refused.addAddress('fd20:ce::254', 'ipv6'); // GCP metadata
  refused.addSubnet('224.0.0.0', 4, 'ipv4'); // multicast
  refused.addSubnet('ff00::', 8, 'ipv6');
  if (!options.allowPrivate) {
    for (const [network, bits] of [
      ['0.0.0.0', 8],
      ['10.0.0.0', 8],
      ['100.64.0.0', 10],
      ['127.0.0.0', 8],
      ['172.16.0.0', 12],
      ['192.0.0.0', 24],
      ['192.168.0.0', 16],
      ['198.18.0.0', 15],
      ['240.0.0.0', 4],
    ] as const) {
      refused.addSubnet(network, bits, 'ipv4');
    }
    refused.addAddress('::', 'ipv6');
    refused.addAddress('::1', 'ipv6');
    refused.addSubnet('fc00::', 7, 'ipv6');
  }
  return address => {
    const bare = address.replace(/%.*$/, '');
    if (isIP(bare) === 4) return !refused.check(bare, 'ipv4');
    const embedded = embeddedIpv4(bare);
    if (embedded !== undefined && refused.check(embedded, 'ipv4')) return false;
    return !refused.check(bare, 'ipv6');
  };
}

/** The IPv4 address inside an IPv4-mapped, NAT64 (RFC 6052), 6to4 (RFC 3056) or IPv4-compatible address. */
function embeddedIpv4(address: string): string | undefined {
  const groups = expand(address);
  if (groups === undefined) return undefined;
  const zeros = (from: number, to: number) => groups.slice(from, to).every(group => group === 0);
  if (zeros(0, 5) && groups[5] === 0xffff) return dotted(groups[6]!, groups[7]!);
  if (zeros(0, 6) && groups[6]! > 0) return dotted(groups[6]!, groups[7]!);
  if (groups[0] === 0x64 && groups[1] === 0xff9b) return dotted(groups[6]!, groups[7]!);
  if (groups[0] === 0x2002) return dotted(groups[1]!, groups[2]!);
  return undefined;
}

function dotted(high: number, low: number): string {
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/** The eight 16-bit groups of an IPv6 literal. */
function expand(address: string): number[] | undefined {
  if (isIP(address) !== 6) return undefined;
  // The URL parser writes the canonical form, a trailing dotted quad included.
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [left = '', right] = canonical.split('::');
  const parse = (part: string) =>
    part === '' ? [] : part.split(':').map(group => Number.parseInt(group, 16));
  const head = parse(left);
  if (right === undefined) return head;
  const tail = parse(right);
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}
