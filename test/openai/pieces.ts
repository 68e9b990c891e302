import fc from 'fast-check';

/** Cuts bytes at the given places (any numbers, any order) into copies that may be scribbled over. */
export function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const borders = [...new Set([0, ...places.map(place => place % (bytes.length + 1)), bytes.length])].sort(
    (one, other) => one - other,
  );
  return borders.slice(1).map((end, index) => Buffer.from(bytes.subarray(borders[index]!, end)));
}

/** Every byte for itself. */
export function oneByOne(bytes: Buffer): Buffer[] {
  return [...bytes].map(byte => Buffer.from([byte]));
}

/** Pushes pieces as a socket does, whose memory is used again after each call. */
export function pushAll(pieces: readonly Buffer[], push: (piece: Buffer) => void): void {
  for (const piece of pieces) {
    push(piece);
    piece.fill(0x21);
  }
}

/** Places to cut at. */
export const places = (): fc.Arbitrary<number[]> => fc.array(fc.nat({ max: 100_000 }), { maxLength: 12 });
