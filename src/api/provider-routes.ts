// Routes of signing in by a provider.

import * as passkeys from './passkeys.ts';
import { done } from './problem.ts';
import * as providers from './providers.ts';
import { operators, type Route } from './route.ts';

export const providerRoutes = {
  listProviders: {
    method: 'GET',
    path: '/v1/providers',
    summary: 'Providers that people sign in by',
    who: 'public',
    response: providers.providerList,
  },
  leaveForProvider: {
    method: 'POST',
    path: '/v1/providers/:name/begin',
    summary: 'Begin to sign in by a provider',
    who: 'public',
    params: providers.byProvider,
    response: providers.left,
  },
  returnFromProvider: {
    method: 'POST',
    path: '/v1/providers/finish',
    summary: 'Sign in by what a provider gave: sets the cookie of this browser',
    who: 'public',
    body: providers.returning,
    response: passkeys.signedIn,
  },
  providerLogout: {
    method: 'POST',
    path: '/v1/providers/:name/logout',
    summary: 'A provider tells that somebody signed out (back-channel logout)',
    who: 'public',
    isForm: true,
    params: providers.byProvider,
    body: providers.logoutBody,
    response: done,
  },
  leaveForCode: {
    method: 'POST',
    path: '/v1/sign-in/codes/:code/provider',
    summary: 'Begin to let a command in by the provider that let this browser in',
    who: operators,
    role: 'any',
    browser: 'only',
    params: passkeys.byCode,
    response: providers.left,
  },
  returnForCode: {
    method: 'POST',
    path: '/v1/sign-in/codes/:code/provider/finish',
    summary: 'Let the command in by what the provider gave',
    who: operators,
    role: 'any',
    browser: 'only',
    params: passkeys.byCode,
    body: providers.returning,
    response: done,
  },
} as const satisfies Record<string, Route>;
