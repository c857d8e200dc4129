// what stands between a device and its broker is found before anything depends on it. A device behind
// two NATs, and each way in which its network can be wrong, made with real resolvers, firewalls and portals.

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { Double } from './double.ts';
import { brokerAddress, homeAddress, Network, whyNoNetwork } from './network.ts';
import { brokerPort, leave, openWithin } from './network-stage.ts';
import type { Ran, Surroundings } from './program.ts';
import { withClock } from './shifted-clock.ts';
import { must, type Stage } from './stage.ts';

interface Check {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly next?: string;
}

const why = await whyNoNetwork();
const portalPort = 8443;
const gate = `gate.test:${brokerPort}`;
const hourMs = 60 * 60_000;

suite('preflight from behind two NATs', { skip: why ?? false }, () => {
  let network: Network;
  let stage: Stage;
  let token: string;
  const doubles: Double[] = [];

  before(async () => {
    network = await Network.build();
    for (const host of ['operator', 'home'] as const)
      await network.etc(host, 'hosts', `${brokerAddress} gate.test\n`);
    await network.etc('device', 'resolv.conf', `nameserver ${homeAddress}\noptions timeout:1 attempts:1\n`);
    await network.openHome('udp', 53);
    await atHome(
      'dns-main',
      homeAddress,
      '53',
      `gate.test=${brokerAddress}`,
      'blocked.test=0.0.0.0',
      'mute.test=silent',
    );
    stage = await openWithin(network, { address: gate });
    const invite = await stage.startBroker();
    must(await stage.admin('login', stage.address, '--invite', invite), ['login']);
    const words = ['devices', 'invite', stage.device, '--owner', 'admin'];
    token = ((await stage.adminJson(...words)) as { token: string }).token;
  });

  after(async () => await leave(network, stage, doubles));

  async function atHome(name: string, ...args: readonly string[]): Promise<void> {
    doubles.push(await Double.start(name, args, network.within('home')));
  }

  async function look(
    words: readonly string[],
    surroundings: Surroundings = stage.surroundings('device'),
  ): Promise<{
    readonly ran: Ran;
    readonly checks: readonly Check[];
    readonly find: (name: string) => Check;
  }> {
    const ran = await stage.run(['agent', 'preflight', ...words, '--json'], surroundings);
    const checks = JSON.parse(ran.stdout) as readonly Check[];
    const find = (name: string): Check => {
      const found = checks.find(({ check }) => check === name);
      assert.ok(found !== undefined, `no ${name} in ${ran.stdout}`);
      return found;
    };
    return { ran, checks, find };
  }

  /** The one thing that fails is the last, and it is this one. */
  async function fails(
    words: readonly string[],
    expected: { readonly check: string; readonly detail: RegExp; readonly next: RegExp },
  ): Promise<void> {
    const { ran, checks } = await look(words);
    assert.equal(ran.code, 1);
    const bad = checks.filter(({ ok }) => !ok);
    assert.deepEqual(
      bad.map(({ check }) => check),
      [expected.check],
      ran.stdout,
    );
    assert.match(bad[0]?.detail ?? '', expected.detail);
    assert.match(bad[0]?.next ?? '', expected.next);
    assert.equal(checks.at(-1), bad[0]);
  }

  test('all is well before it joins; a token says whose broker it is', async () => {
    const { ran, checks, find } = await look([gate]);
    assert.equal(ran.code, 0, ran.stdout);
    assert.deepEqual(
      checks.map(({ check, ok }) => [check, ok]),
      ['proxy', 'dns', 'tcp', 'link', 'api', 'clock', 'version'].map((name) => [name, true]),
    );
    assert.match(find('dns').detail, /"gate\.test" resolves to 203\.0\.113\.10$/);
    assert.match(find('link').detail, /which nothing here pins yet/);
    const told = await look([gate, '--token', token]);
    assert.equal(told.ran.code, 0);
    assert.match(
      told.find('link').detail,
      /^the gate of "gate\.test" answers; the root is the one of the token$/,
    );
    assert.match(
      told.find('api').detail,
      /^the authority of "gate\.test" answers; the root is the one of the token$/,
    );
    const lines = await stage.run(['agent', 'preflight', gate], stage.surroundings('device'));
    assert.match(lines.stdout, /^ok {7}proxy {5}none: no proxy is set\nok {7}dns /);
    assert.equal(lines.stderr, '', 'progress is for terminals');
  });

  test('a name that does not exist, a resolver that lies, and one that says nothing', async () => {
    await fails(['nowhere.test'], {
      check: 'dns',
      detail: /there is no name "nowhere\.test" \(asked 192\.168\.7\.1\)/,
      next: /spelling/,
    });
    await fails(['blocked.test'], {
      check: 'dns',
      detail: /"blocked\.test" resolves to 0\.0\.0\.0: an address of nobody/,
      next: /answers falsely/,
    });
    await fails(['mute.test'], { check: 'dns', detail: /no resolver answered/, next: /port 53/ });
  });

  test('nothing listens, a firewall drops it, there is no route', async () => {
    await fails([`gate.test:${brokerPort + 1}`], {
      check: 'tcp',
      detail: /203\.0\.113\.10:7444 refused the connection/,
      next: /check the port/,
    });
    await network.dropAtCarrier(brokerPort + 2);
    await fails([`gate.test:${brokerPort + 2}`], {
      check: 'tcp',
      detail: /203\.0\.113\.10:7445 did not answer within 8 s/,
      next: /a firewall drops it/,
    });
    await network.run('device', 'ip', 'route', 'add', 'unreachable', '198.18.0.0/15');
    await fails(['198.18.0.1'], { check: 'tcp', detail: /198\.18\.0\.1:7443 is unreachable/, next: /route/ });
  });

  test('a clock that is off: harmless within the certificates, and fatal beyond', async () => {
    const off = (ms: number) => look([gate], withClock(stage.surroundings('device'), ms));
    const hour = await off(hourMs);
    assert.equal(hour.ran.code, 0, hour.ran.stdout);
    assert.match(hour.find('clock').detail, /^(?:1h|59m 5\ds) ahead of the broker; the agent goes by/);
    const days = await off(9 * 24 * hourMs);
    assert.equal(days.ran.code, 1);
    assert.match(days.find('clock').detail, /ahead of the broker: from here its certificate looks expired/);
    assert.equal(days.find('api').ok, true, 'the way is not to blame');
    const before = await off(-24 * hourMs);
    assert.match(before.find('clock').detail, /looks not valid yet, so neither joining nor a link works/);
  });

  test('a NAT that forgets sooner than the agent pings', async () => {
    await network.forgetAfter(5);
    const { ran, find } = await look([gate, '--nat-max', '14s']);
    await network.forgetAfter(3_600);
    assert.equal(ran.code, 1);
    assert.match(
      find('nat').detail,
      /^an idle connection survived 4s and was forgotten within 7s: less than/,
    );
    const fine = await look([gate, '--nat-max', '2s']);
    assert.equal(fine.ran.code, 0);
    assert.match(fine.find('nat').detail, /survived 2s, the longest that was tried/);
  });

  test('a proxy: through it, refused by it, and one that looks into TLS', async () => {
    await network.openHome('tcp', 3128);
    await atHome('connect-proxy-main', homeAddress, '3128', 'ana:hunter2');
    const url = `http://ana:hunter2@${homeAddress}:3128`;
    const good = await look([gate, '--proxy', url]);
    assert.equal(good.ran.code, 0, good.ran.stdout);
    assert.equal(good.find('proxy').detail, 'through "192.168.7.1:3128" (--proxy)');
    assert.match(
      good.find('tunnel').detail,
      /^"192\.168\.7\.1:3128" opened a connection to "gate\.test:7443" in/,
    );
    assert.doesNotMatch(good.ran.stdout, /hunter2/);
    await fails([gate, '--proxy', url.replace('hunter2', 'wrong')], {
      check: 'tunnel',
      detail: /does not take these credentials \(407\)/,
      next: /check user and password/,
    });
    await fails([gate, '--proxy', 'socks5://x:1'], { check: 'proxy', detail: /"socks5"/, next: /http:/ });

    await network.openHome('tcp', portalPort);
    await atHome('portal-main', homeAddress, String(portalPort));
    await network.openHome('tcp', 3129);
    await atHome('connect-proxy-main', homeAddress, '3129', '', `${homeAddress}:${portalPort}`);
    const inspected = await look([gate, '--proxy', `http://${homeAddress}:3129`]);
    assert.equal(inspected.ran.code, 1);
    assert.equal(inspected.find('tunnel').ok, true);
    for (const name of ['link', 'api']) {
      const { ok, detail, next } = inspected.find(name);
      assert.equal(ok, false);
      assert.match(
        detail,
        /certificate of "portal\.hotel\.example", issued by "Hotel Portal CA": that is no broker/,
      );
      assert.match(next ?? '', /the proxy "192\.168\.7\.1:3129" looks into TLS/);
    }
  });

  test('after it joined: no address is needed, and the pinned root is compared', async () => {
    const join = ['agent', 'join', gate, '--token', token, '--state', stage.stateDir()];
    must(await stage.run(join, stage.surroundings('device')), join);
    const { ran, find } = await look(['--state', stage.stateDir()]);
    assert.equal(ran.code, 0, ran.stdout);
    assert.match(find('link').detail, /the root is the one of "\S+pump-\w+"$/);
    const nowhere = await stage.run(['agent', 'preflight'], stage.surroundings('device'));
    assert.equal(nowhere.code, 2);
    assert.match(nowhere.stderr, /ADDRESS is missing/);
  });

  test('L3 a captive portal on the way is named, with and without anything that is pinned', async () => {
    await network.redirectAtHome(brokerPort, portalPort);
    for (const words of [[gate], [gate, '--token', token], ['--state', stage.stateDir()]]) {
      const { ran, find } = await look(words);
      assert.equal(ran.code, 1);
      assert.equal(find('tcp').ok, true, 'the portal answers, so TCP looks fine');
      for (const name of ['link', 'api']) {
        assert.match(find(name).detail, /"portal\.hotel\.example", issued by "Hotel Portal CA"/);
        assert.match(find(name).next ?? '', /captive portal/);
      }
    }
  });
});
