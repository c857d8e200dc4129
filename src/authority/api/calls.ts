// The types that tie the route table to its handlers: what a handler of a route is given, what it owes,
// and that every route has one (a missing handler does not compile).

import type { z } from 'zod';
import type { routes, RouteName } from '../../api/routes.ts';
import type { Operator } from '../admin/operator.ts';
import type { Caller } from '../context.ts';
import type { Raw } from '../tickets/webhook-signature.ts';

type RouteOf<N extends RouteName> = (typeof routes)[N];
type Part<R, K extends string> = R extends { readonly [P in K]: infer T extends z.ZodType }
  ? z.output<T>
  : undefined;

type CallerOf<R> = R extends { readonly who: 'public' }
  ? undefined
  : R extends { readonly role: string } | { readonly right: string }
    ? Operator
    : Caller;

type RawOf<R> = R extends { readonly isRaw: true } ? Raw : undefined;

export interface Call<N extends RouteName> {
  readonly caller: CallerOf<RouteOf<N>>;
  readonly params: Part<RouteOf<N>, 'params'>;
  readonly query: Part<RouteOf<N>, 'query'>;
  readonly body: Part<RouteOf<N>, 'body'>;
  readonly raw: RawOf<RouteOf<N>>;
  /** Where the request comes from, as the gate's front door saw it. */
  readonly sourceIp: string;
  /** Of this browser's sign-in; undefined ends it. */
  readonly setCookie: (value: string | undefined) => void;
  /** Aborted when nobody waits for the answer any more; on slow routes only. */
  readonly gone: AbortSignal | undefined;
}

export type Answer<N extends RouteName> = z.input<RouteOf<N>['response']>;

export type Handlers = { readonly [N in RouteName]: (call: Call<N>) => Promise<Answer<N>> };
