// `sallyport demo`: a broker and a device on this machine, and the terminal becomes a governed shell on
// the device. Without a terminal, or with --script, it plays by itself.

import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { playApproval } from '../demo/approval/play.ts';
import { playFleet } from '../demo/fleet/play.ts';
import { exitOf, start } from '../demo/program.ts';
import { playScript } from '../demo/script.ts';
import { demoDevice, setStage } from '../demo/stage.ts';
import { tellStory } from '../demo/story.ts';

export interface DemoOptions {
  readonly script?: boolean;
  readonly story?: string;
}

export async function run(options: DemoOptions): Promise<number> {
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  if (options.story !== undefined) {
    if (options.story === 'fleet') return await playFleet(say);
    if (options.story === 'approval') return await playApproval(say);
    throw new SallyportError('invalid', `there is no story "${printable(options.story, 40)}"`, {
      next: 'there are "fleet" and "approval": sallyport demo --script --story approval',
    });
  }
  if (options.script === true || !process.stdin.isTTY || !process.stdout.isTTY) {
    return await playScript(say);
  }
  return await playForPerson();
}

async function playForPerson(): Promise<number> {
  const stage = await setStage((step, ms) => process.stderr.write(`  ${step} (${Math.round(ms)} ms)\n`));
  const stopped = new Promise<void>((resolve) => {
    process.on('SIGINT', () => resolve());
    process.on('SIGTERM', () => resolve());
  });
  try {
    process.stderr.write(`\nana@here $ sallyport shell ${demoDevice}     (type "exit" to leave)\n\n`);
    await exitOf(start(['shell', demoDevice], stage.operator, 'inherit'));
    process.stdout.write(await tellStory(stage));
    process.stdout.write(
      [
        'The broker and both devices keep running until Ctrl-C. In another terminal, as the administrator:',
        '',
        `  ${stage.command} sessions ls --all`,
        `  ${stage.command} audit verify`,
        `  ${stage.command} lock add --device ${demoDevice} --reason "stolen"`,
        '',
        '',
      ].join('\n'),
    );
    await stopped;
    return 0;
  } finally {
    process.stderr.write('stopping\n');
    await stage.close();
  }
}
