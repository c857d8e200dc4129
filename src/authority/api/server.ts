// The /v1 api as a Fastify instance without a port: routes from src/api/routes.ts, each with its caller
// check before the body is read, its schemas in and out (undeclared fields of an answer are stripped),
// Idempotency-Key on writes, and one error form. listen.ts gives it sockets; tests call app.inject.

import type { IncomingMessage, ServerResponse } from 'node:http';
import swagger from '@fastify/swagger';
import Fastify, { errorCodes, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { problem } from '../../api/problem.ts';
import type { Route } from '../../api/route.ts';
import { routes, type RouteName } from '../../api/routes.ts';
import { defaultTenant } from '../../core/tenant.ts';
import { SallyportError, toProblem } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { AuthorityContext, Caller } from '../context.ts';
import type { ConsolePages } from '../console/pages.ts';
import { RecoverDoor } from '../enroll/recover-device.ts';
import { IssuerKeys } from '../workload/issuer-keys.ts';
import { WorkloadDoor } from '../workload/sign-in-workload.ts';
import { RedeemDoor } from '../enroll/redeem.ts';
import { SignInCodes } from '../passkeys/codes.ts';
import { PasskeyDoor } from '../passkeys/passkey-door.ts';
import { cookieName, cookieText, SignIns } from '../passkeys/sign-ins.ts';
import { noProviders, type ProvidersConfig } from '../providers/config.ts';
import { ProviderDoor } from '../providers/provider-door.ts';
import { inTenant } from '../tenants/in-tenant.ts';
import { startSweep } from '../sweep.ts';
import { TicketDoor } from '../tickets/receive-webhook.ts';
import type { Raw } from '../tickets/webhook-signature.ts';
import { nobody } from './attempts.ts';
import { browserCaller } from './browser-caller.ts';
import type { Handlers } from './calls.ts';
import { callerOf } from './caller.ts';
import { Connections, type Connection } from './connection.ts';
import { knownFault } from './faults.ts';
import { handlersFor } from './handlers.ts';
import { Idempotency } from './idempotency.ts';
import { Refusals } from './refusals.ts';

export interface ApiOptions {
  /** What is known of the connection that a request came on. Default: what `connections` was told. */
  readonly connectionOf?: (request: IncomingMessage) => Connection;
  /** Default: over the network, with the usual certificate authorities. */
  readonly issuerKeys?: IssuerKeys;
  /** What browsers are shown. */
  readonly pages?: ConsolePages;
  /** By which people sign in, besides passkeys. */
  readonly providers?: ProvidersConfig;
}

export interface Api {
  readonly app: FastifyInstance;
  /** Whoever ends the TLS of a connection vouches for it here. */
  readonly connections: Connections;
  /** Whom TLS turned away, and why, for the audit log. Never rejects. */
  noteTurnedAway(fault: string, sourceIp: string): Promise<void>;
  /** Stops timers and writes refusals that were only counted. Idempotent. */
  close(): Promise<void>;
}

/** What the wrapper around every handler takes from a request once it was checked. */
type AnyHandler = (call: {
  readonly caller: Caller | undefined;
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly raw: Raw | undefined;
  readonly sourceIp: string;
  readonly setCookie: (value: string | undefined) => void;
  readonly gone: AbortSignal | undefined;
}) => Promise<unknown>;

const problemType = 'application/problem+json; charset=utf-8';
/** OpenAPI 3.1 has this kind of scheme; the library's types are of 3.0. */
const certificate = { type: 'mutualTLS' } as unknown as {
  readonly type: 'openIdConnect';
  readonly openIdConnectUrl: string;
};
const signIn = { type: 'apiKey', in: 'cookie', name: cookieName } as const;
const forgetAnswersEveryMs = 60 * 60_000;

/** How an answer is kept for a retry; routes that have their own way to be retried keep nothing. */
const secretAnswers: ReadonlySet<string> = new Set<RouteName>([
  'inviteDevice',
  'invitePerson',
  'addTenant',
  'replaceDevice',
  'makeRecoveryCodes',
  'beginTotp',
]);
const ownRetry: ReadonlySet<string> = new Set<RouteName>([
  'redeem',
  'deviceRenew',
  'deviceReceipt',
  'deviceBreakGlassReport',
  'awaitDevice',
]);

export async function buildApi(ctx: AuthorityContext, options: ApiOptions = {}): Promise<Api> {
  const connections = new Connections();
  const connectionOf = options.connectionOf ?? ((request) => connections.of(request));
  const refusals = new Refusals(ctx);
  const idempotency = new Idempotency(ctx);
  const codes = new SignInCodes(ctx);
  const config = options.providers ?? noProviders;
  const doors = {
    redeem: new RedeemDoor(ctx, refusals),
    recover: new RecoverDoor(ctx, refusals),
    workload: new WorkloadDoor(ctx, refusals, options.issuerKeys ?? new IssuerKeys(ctx.clock)),
    passkey: new PasskeyDoor(ctx, refusals),
    codes,
    provider: new ProviderDoor(ctx, refusals, { config, codes }),
    tickets: new TicketDoor(ctx, refusals),
  };
  const handlersOfTenants = new Map<string, Handlers>();
  const handlersOf = (tenant: string): Handlers => {
    const known = handlersOfTenants.get(tenant) ?? handlersFor(inTenant(ctx, tenant), doors);
    handlersOfTenants.set(tenant, known);
    return known;
  };
  const signIns = new SignIns(ctx);
  const callers = new WeakMap<FastifyRequest, Caller | undefined>();
  /** Of routes that want them. */
  const bodies = new WeakMap<FastifyRequest, Buffer>();
  const forms = new WeakSet<FastifyRequest>();

  const app = Fastify({
    logger: false,
    bodyLimit: limits.apiBodyMaxBytes,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 128 },
    genReqId: () => `req_${Buffer.from(ctx.random.bytes(9)).toString('base64url')}`,
    frameworkErrors: (error, request, reply) => void answerError(ctx, error, request, reply),
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (bodies.has(request)) bodies.set(request, body);
    void parseJson(request, body.toString('utf8'), done);
  });
  const formType = 'application/x-www-form-urlencoded';
  app.addContentTypeParser<string>(formType, { parseAs: 'string' }, (request, body, done) => {
    // A page of anybody's can send a form by itself: only routes that are made for that read one.
    if (forms.has(request)) done(null, Object.fromEntries(new URLSearchParams(body)));
    else done(new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE(formType));
  });
  app.setErrorHandler((error, request, reply) => answerError(ctx, error, request, reply));
  app.setNotFoundHandler(async (request, reply) => {
    const isPage = request.method === 'GET' && connectionOf(request.raw).isBrowsers === true;
    const [path = ''] = request.url.split('?', 1);
    const page = isPage ? options.pages?.find(path) : undefined;
    if (page !== undefined) return await reply.headers(page.headers).serializer(String).send(page.body);
    const isUnbuilt = isPage && options.pages === undefined && path === '/';
    const words = isUnbuilt ? 'the console is not built here' : 'there is no such route';
    const next = isUnbuilt ? { next: 'npm run build, then start the broker again' } : {};
    return await answerError(ctx, new SallyportError('not_found', words, next), request, reply);
  });
  // Names of other hosts end elsewhere (RFC 9110 section 15.5.20).
  app.addHook('onRequest', async (request) => {
    const { console } = ctx.broker;
    const isOurs = console !== undefined && `https://${request.headers.host}` === console.origin;
    if (connectionOf(request.raw).isBrowsers !== true || isOurs) return;
    throw new SallyportError('misdirected', 'this is the console of another name', {
      next: `open ${console?.origin ?? 'the broker by its own name'}`,
    });
  });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Sallyport', version: ctx.broker.version },
      components: { securitySchemes: { certificate, signIn } },
    },
    transform: jsonSchemaTransform,
  });

  for (const [name, route] of Object.entries(routes) as [RouteName, Route][]) {
    app.route({
      method: route.method,
      url: route.path,
      schema: {
        operationId: name,
        summary: route.summary,
        security: waysIn(route),
        ...(route.params === undefined ? {} : { params: route.params }),
        ...(route.query === undefined ? {} : { querystring: route.query }),
        ...(route.body === undefined ? {} : { body: route.body }),
        response: { 200: route.response, default: problem },
      },
      // Before the body is read: strangers do not get to make us parse anything.
      onRequest: async (request) => {
        const connection = connectionOf(request.raw);
        const who = connection.isBrowsers === true ? browserCaller : callerOf;
        const { headers } = request;
        if (route.isRaw === true) bodies.set(request, Buffer.alloc(0));
        if (route.isForm === true) forms.add(request);
        callers.set(request, await who(ctx, refusals, { name, route, connection, headers, signIns }));
      },
      handler: async (request, reply) => {
        const caller = callers.get(request);
        const handler = handlersOf(caller?.tenant ?? defaultTenant)[name] as unknown as AnyHandler;
        const { params, query, body, headers } = request;
        const bytes = bodies.get(request);
        const raw = bytes === undefined ? undefined : { body: bytes, headers };
        const { sourceIp, allowTime } = connectionOf(request.raw);
        const gone = route.isSlow === true ? whenGone(reply.raw) : undefined;
        if (gone !== undefined) allowTime?.(reply.raw);
        const setCookie = (value: string | undefined): void =>
          void reply.header('set-cookie', cookieText(value));
        const run = async (): Promise<unknown> =>
          await handler({ caller, params, query, body, raw, sourceIp, setCookie, gone });
        const key = request.headers['idempotency-key'];
        if (key === undefined || route.method === 'GET' || caller === undefined || ownRetry.has(name)) {
          return await run();
        }
        if (Array.isArray(key)) throw new SallyportError('invalid', 'there is more than one Idempotency-Key');
        const { method, url } = request;
        const isSecret = secretAnswers.has(name);
        return await idempotency.once({ caller: caller.id, key, method, url, body, isSecret }, run);
      },
    });
  }
  app.route({
    method: 'GET',
    url: '/v1/openapi.json',
    schema: { hide: true },
    handler: (_request, reply) => reply.type('application/json; charset=utf-8').send(openApiText()),
  });

  let text: string | undefined;
  const openApiText = (): string => (text ??= JSON.stringify(app.swagger()));
  await app.ready();
  const stopForgetting = forgetRegularly(ctx, idempotency);
  const stopSweep = startSweep(ctx, signIns.sweep);
  return {
    app,
    connections,
    noteTurnedAway: async (code, sourceIp) => {
      await refusals.note({ type: 'auth.failed', actor: nobody, code, body: { door: 'api' } }, sourceIp);
    },
    close: async () => {
      stopForgetting();
      stopSweep();
      await refusals.close();
      await app.close();
    },
  };
}

function waysIn({ who, browser }: Route): { readonly [scheme: string]: string[] }[] {
  if (who === 'public') return [];
  return [
    ...(browser === 'only' ? [] : [{ certificate: [] }]),
    ...(browser === undefined ? [] : [{ signIn: [] }]),
  ];
}

function whenGone(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return gone.signal;
}

async function answerError(
  ctx: AuthorityContext,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const known = knownFault(error);
  if (known === undefined) {
    ctx.log.error(
      { err: error, request: request.id, route: request.routeOptions?.url },
      'api: a request failed',
    );
  }
  const answer = toProblem(known ?? error, `urn:sallyport:request:${request.id}`);
  // Sent as text: the problem must go out even where a route's own serializer is what failed.
  await reply.code(answer.status).type(problemType).serializer(String).send(JSON.stringify(answer));
}

function forgetRegularly(ctx: AuthorityContext, idempotency: Idempotency): () => void {
  const arm = () => ctx.clock.setTimer(forgetAnswersEveryMs, forget, { ref: false });
  let timer = arm();
  function forget(): void {
    timer = arm();
    idempotency.forgetOld().catch((error: unknown) => {
      ctx.log.warn({ err: error }, 'api: old answers could not be removed; the next hour tries again');
    });
  }
  return () => timer.cancel();
}
