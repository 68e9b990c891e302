import type { IncomingMessage } from 'node:http';
import { AppError } from '../base/errors.ts';

/**
 * Reads a request body whole, so that it can be sent again.
 *
 * @throws AppError `ERR_BODY_TOO_LARGE` as soon as more than `limitBytes` have come (or are announced), `ERR_CLIENT_CLOSED`
 */
export function collectBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const announced = request.headers['content-length'];
  if (announced !== undefined && Number(announced) > limitBytes) return Promise.reject(tooLarge(limitBytes));
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let size = 0;
    const onData = (piece: Buffer) => {
      size += piece.length;
      if (size > limitBytes) {
        settle();
        // The rest is read and dropped, so that the client gets to read the answer.
        request.resume();
        reject(tooLarge(limitBytes));
        return;
      }
      pieces.push(piece);
    };
    const onEnd = () => {
      settle();
      resolve(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, size));
    };
    const onClose = () => {
      settle();
      reject(new AppError('ERR_CLIENT_CLOSED', 'The client closed the connection'));
    };
    const settle = () => {
      request.off('data', onData);
      request.off('end', onEnd);
      request.off('close', onClose);
    };
    request.on('data', onData);
    request.on('end', onEnd);
    request.on('close', onClose);
  });
}

function tooLarge(limitBytes: number): AppError {
  return new AppError('ERR_BODY_TOO_LARGE', `Expected the body to be at most ${limitBytes} bytes`);
}
