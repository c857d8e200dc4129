// sallyport services ls

import type { ServiceView } from '../../../api/services.ts';
import { allPages, call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { countFlag } from '../../moment.ts';
import { printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { printTable } from '../../table.ts';

interface Options extends CommonOptions {
  readonly device?: string;
  readonly limit?: string;
}

export async function run(options: Options): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const only = options.device === undefined ? {} : { device: options.device };
  const services = await allPages(
    (page) => call(me, 'GET /v1/services', { query: { ...page, ...only } }),
    countFlag('limit', options.limit),
  );
  if (options.json === true) printJson(services);
  else {
    printTable<ServiceView>(
      services,
      [
        { title: 'SERVICE', value: (service) => service.target },
        { title: 'WHERE', value: (service) => `${service.host}:${service.port}` },
        { title: 'CLASS', value: (service) => service.class },
        { title: 'OWNER', value: (service) => service.owner.name },
        {
          title: 'REVIEW BY',
          value: (service) => `${service.reviewBy.slice(0, 10)}${service.reviewed ? '' : ' (overdue)'}`,
          tone: (service) => (service.reviewed ? undefined : 'bad'),
        },
        { title: 'STATE', value: (service) => (service.locked ? 'locked' : '') },
      ],
      { empty: 'no services that you may know of' },
    );
  }
  return 0;
}
