import { corsFields } from './answer.ts';
import type { Passage } from './passage.ts';

/** Answers with JSON of our own. */
export function respondJson(passage: Passage, status: number, json: string): void {
  const body = Buffer.from(json);
  passage.status = status;
  passage.bytesOut = body.length;
  passage.response.writeHead(status, [
    'Content-Type',
    'application/json; charset=utf-8',
    'Content-Length',
    String(body.length),
    ...corsFields(passage, undefined),
  ]);
  passage.response.end(body);
}
