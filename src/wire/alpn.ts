// The names by which our programs ask for one of the doors behind the one port (RFC 7301; docs/protocol.md, "One
// port"). Whoever brings none of them is a browser, or another program that speaks HTTP.

export const linkAlpn = 'sallyport-link';
export const channelAlpn = 'sallyport-channel';
/** The api, to whoever shows a client certificate. */
export const apiAlpn = 'sallyport-api';
/** The api's public routes, under the certificate of our own root: how programs come in for the first time. */
export const publicAlpn = 'sallyport-public';

/** An authority looks whether a name is ours (RFC 8737, section 3). */
export const acmeAlpn = 'acme-tls/1';
