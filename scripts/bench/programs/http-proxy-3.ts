// http-proxy-3 at its best setting: connections to the origin are kept, as many as there are clients.
import { Agent, createServer } from 'node:http';
import { createProxyServer } from 'http-proxy-3';
import { announcePort } from './announce-port.ts';

const [originPort, prefix = ''] = process.argv.slice(2);

const proxy = createProxyServer({
  target: `http://127.0.0.1:${originPort}`,
  agent: new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY }),
});
proxy.on('error', (_error, _request, response) => response.destroy());

const server = createServer((request, response) => {
  request.url = request.url!.slice(prefix.length);
  proxy.web(request, response);
});
announcePort(server);
