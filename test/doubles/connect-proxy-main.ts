// The CONNECT proxy as a process of its own: connect-proxy-main.ts HOST PORT [USER:PASSWORD]. One line on
// standard output when it listens, then one for each request: its target and whether it was let through.

import { ConnectProxy } from './connect-proxy.ts';

const [host = '127.0.0.1', port = '0', credentials] = process.argv.slice(2);
const proxy = await ConnectProxy.start(
  {
    ...(credentials === undefined ? {} : { credentials }),
    resolve(target) {
      process.stdout.write(`tunnel ${target}\n`);
      return target;
    },
  },
  { host, port: Number(port) },
);
process.stdout.write(`listening ${proxy.port}\n`);
