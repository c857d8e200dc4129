// The OS account that a command runs as: the agent's own, or one that policy named, which takes an agent
// that runs as root and setpriv (util-linux), because a process needs the account's groups as well and
// node's own spawn clears them. Named accounts are read from /etc/passwd.

import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { SallyportError } from '../../core/errors.ts';

export interface Account {
  readonly name: string;
  readonly home: string;
  readonly shell: string;
  readonly uid: number;
  /** Words before a command that make it run as this account; none for the agent's own. */
  readonly become: readonly string[];
}

const defaultShell = '/bin/sh';
const setpriv = '/usr/bin/setpriv';

const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const userPath = '/usr/local/bin:/usr/bin:/bin';

/** Where commands are looked for. */
export function pathOf(account: Pick<Account, 'uid'>): string {
  return account.uid === 0 ? systemPath : userPath;
}

/** Node answers from the system's user database once; an agent's own account does not change under it. */
export function ownAccount(): Account {
  const { username, homedir, shell, uid } = userInfo();
  return { name: username, home: homedir, shell: shell ?? defaultShell, uid, become: [] };
}

/** The account for a channel. Throws service_failed with words when the agent cannot be that user. */
export async function findAccount(user: string | undefined, own: Account): Promise<Account> {
  if (user === undefined || user === own.name) return own;
  if (own.uid !== 0) {
    throw new SallyportError(
      'service_failed',
      `the agent runs as "${own.name}" and cannot become "${user}"`,
      {
        next: `run the agent as root or as "${user}", or change the user in the policy`,
      },
    );
  }
  const entry = parsePasswd(await readFile('/etc/passwd', 'utf8')).find(({ name }) => name === user);
  if (entry === undefined) {
    throw new SallyportError('service_failed', `this device has no user "${user}"`, {
      next: 'make the account on the device, or change the user in the policy',
    });
  }
  const { uid, gid, ...rest } = entry;
  const become = [setpriv, `--reuid=${uid}`, `--regid=${gid}`, '--init-groups', '--inh-caps=-all', '--'];
  return { ...rest, uid, become };
}

export interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

/** The lines of /etc/passwd that are whole; an empty shell field means the system's default. */
export function parsePasswd(content: string): readonly PasswdEntry[] {
  return content.split('\n').flatMap((line) => {
    const [name, , uid, gid, , home, shell, ...more] = line.split(':');
    if (name === undefined || name === '' || name.startsWith('#') || more.length > 0) return [];
    if (uid === undefined || gid === undefined || !/^\d+$/.test(uid) || !/^\d+$/.test(gid)) return [];
    if (home === undefined || shell === undefined) return [];
    return [
      {
        name,
        uid: Number(uid),
        gid: Number(gid),
        home: home === '' ? '/' : home,
        shell: shell || defaultShell,
      },
    ];
  });
}
