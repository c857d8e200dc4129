// The CONNECT proxy as a process of its own: connect-proxy-main.ts HOST PORT [USER:PASSWORD] [PLACE]. With PLACE
// every tunnel leads there, as with a proxy that looks into TLS. One line on standard output when it listens,
// then one for each tunnel.

import { ConnectProxy } from './connect-proxy.ts';

const [host = '127.0.0.1', port = '0', credentials = '', place] = process.argv.slice(2);
const proxy = await ConnectProxy.start(
  {
    ...(credentials === '' ? {} : { credentials }),
    resolve(target) {
      process.stdout.write(`tunnel ${target}\n`);
      return place ?? target;
    },
  },
  { host, port: Number(port) },
);
process.stdout.write(`listening ${proxy.port}\n`);
