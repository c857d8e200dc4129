// Somebody in between who answers TLS in everybody's place, as captive portals and proxies that look into TLS
// do: portal-main.ts HOST PORT. Its certificate says "portal.hotel.example".

import { createServer } from 'node:tls';
import { generateP256, privatePem } from '../../src/platform/keys.ts';
import { toCryptoKey, x509 } from '../../src/platform/x509.ts';

const [host = '127.0.0.1', port = '0'] = process.argv.slice(2);
const { privateKey, publicKey } = generateP256();
const hourMs = 60 * 60_000;
const certificate = await x509.X509CertificateGenerator.createSelfSigned({
  name: 'CN=Hotel Portal CA',
  notBefore: new Date(Date.now() - hourMs),
  notAfter: new Date(Date.now() + hourMs),
  keys: { privateKey: toCryptoKey(privateKey), publicKey: toCryptoKey(publicKey) },
  extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'portal.hotel.example' }])],
});
const server = createServer({ key: privatePem(privateKey), cert: certificate.toString('pem') }, (socket) => {
  socket.on('error', () => socket.destroy());
  socket.end('HTTP/1.1 302 Found\r\nLocation: https://portal.hotel.example/\r\nConnection: close\r\n\r\n');
});
server.on('tlsClientError', () => undefined);
server.listen(Number(port), host, () => process.stdout.write('listening\n'));
