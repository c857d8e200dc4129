// OpenSSH as this machine has it, on a port, keys and configuration of its own. Its defaults are kept
// except for the cipher (aes128-gcm, as TLS picks here) and what only concerns other users and PAM. The one
// sshd is the device's for commands, and the broker's for forwards (openssh-link.ts).

import { existsSync } from 'node:fs';
import { mkdir, rmdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort, untilListening } from '../measure/port.ts';
import { endProcess, startProcess } from '../measure/processes.ts';
import { timed } from '../measure/run.ts';
import type { Column } from './column.ts';
import { startLink } from './openssh-link.ts';

const sshdPaths = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/usr/bin/sshd'];
/** Where sshd, started as root, wants an empty folder; systems make it when their own sshd starts. */
const privilegeFolder = '/run/sshd';
const cipher = 'aes128-gcm@openssh.com';

/** A text instead of a column: why there is none. */
export async function startOpenssh(parent: string): Promise<Column | string> {
  const sshd = sshdPaths.find(existsSync);
  if (sshd === undefined) return 'there is no sshd on this machine (apt install openssh-server)';
  const folder = join(parent, 'openssh');
  await mkdir(folder, { mode: 0o700 });
  const madeFolder = process.getuid?.() === 0 && !existsSync(privilegeFolder);
  if (madeFolder) await mkdir(privilegeFolder, { mode: 0o755 });

  const file = (name: string): string => join(folder, name);
  for (const name of ['host_key', 'user_key']) {
    await timed({ file: 'ssh-keygen', args: ['-q', '-t', 'ed25519', '-N', '', '-f', file(name)] });
  }
  const port = await freePort();
  await timed({ file: 'cp', args: [file('user_key.pub'), file('authorized_keys')] });
  await writeFile(
    file('sshd_config'),
    lines({
      ListenAddress: `127.0.0.1:${port}`,
      HostKey: file('host_key'),
      AuthorizedKeysFile: file('authorized_keys'),
      PidFile: 'none',
      Ciphers: cipher,
      UsePAM: 'no',
      StrictModes: 'no',
      PasswordAuthentication: 'no',
      KbdInteractiveAuthentication: 'no',
      PermitRootLogin: 'prohibit-password',
      PrintMotd: 'no',
      PrintLastLog: 'no',
      UseDNS: 'no',
      MaxStartups: '200',
      Subsystem: 'sftp internal-sftp',
    }),
  );
  await writeFile(
    file('ssh_config'),
    `Host bench\n${lines({
      HostName: '127.0.0.1',
      Port: String(port),
      User: userInfo().username,
      IdentityFile: file('user_key'),
      IdentitiesOnly: 'yes',
      UserKnownHostsFile: file('known_hosts'),
      GlobalKnownHostsFile: '/dev/null',
      StrictHostKeyChecking: 'accept-new',
      Ciphers: cipher,
      ControlMaster: 'no',
      LogLevel: 'ERROR',
    })}`,
  );

  const server = startProcess({ file: sshd, args: ['-D', '-e', '-f', file('sshd_config')] }, [
    'ignore',
    'ignore',
    'pipe',
  ]);
  server.stderr?.resume();
  await untilListening(port);
  const ssh = (...args: readonly string[]) => ({ file: 'ssh', args: ['-F', file('ssh_config'), ...args] });
  // The host key becomes known, so that no measured run asks for it.
  await timed(ssh('bench', 'true'));
  let links = 0;
  const start = (at: number): ReturnType<typeof startLink> => {
    links += 1;
    return startLink({ ssh, sshd: server.pid ?? 0, port: at, control: file(`link-${links}`) });
  };
  const link = await start(port);
  // The device's own sshd behind its link: here the same one once more.
  const between = await link.expose(port);
  return {
    name: 'openssh',
    exec: (argv) => ssh('bench', ...argv),
    shell: () => ssh('bench'),
    linkShell: () =>
      ssh('-o', `ProxyCommand=ssh -F ${file('ssh_config')} -W 127.0.0.1:${between} bench`, 'bench'),
    copy: ({ way, from, to, isRecursive }) => ({
      file: 'scp',
      args: [
        '-q',
        '-F',
        file('ssh_config'),
        ...(isRecursive ? ['-r'] : []),
        ...(way === 'up' ? [from, `bench:${to}`] : [`bench:${from}`, to]),
      ],
    }),
    forward: (to) => link.forward(to),
    linkPort: port,
    addDevice: start,
    parts: { sshd: server.pid ?? 0, ...link.parts },
    async close() {
      await link.close();
      await endProcess(server);
      if (madeFolder) await rmdir(privilegeFolder);
    },
  };
}

function lines(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name} ${value}\n`)
    .join('');
}
